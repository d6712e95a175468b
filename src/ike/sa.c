#include "ike/sa.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ike/admit.h"
#include "ike/child.h"
#include "ike/exchange.h"
#include "ike/lifetime.h"
#include "ike/liveness.h"
#include "ike/peers.h"
#include "ike/protocol.h"
#include "ike/renew.h"
#include "ike/supervise.h"
#include "ike/sweep.h"
#include "ike/ticket.h"
#include "ike/twins.h"
#include "ike/unique.h"
#include "ike/v2/configuration.h"
#include "ike/v2/keys.h"
#include "ike/v2/redirect.h"
#include "ike/v2/session_resume.h"

void octets_clear(struct octets *o)
{
	bytes_wipe(o->data, o->size);
	free(o->data);
	*o = (struct octets){ 0 };
}

void octets_set(struct octets *o, struct bytes from)
{
	uint8_t *copy = bytes_copy(from);

	octets_clear(o);
	if (copy)
		*o = (struct octets){ copy, from.size };
}

struct ike_sa *sa_new(struct ike_engine *e, const struct connection *c, bool initiator)
{
	struct ike_sa *sa = calloc(1, sizeof(*sa));
	struct timer *timers[] = { &sa->window.retransmit, &sa->rekey_timer, &sa->over_timer,
		&sa->liveness_timer, &sa->intent_timer, &sa->linger_timer, &sa->reauth_timer,
		&sa->auth_end_timer, &sa->renew_timer, &sa->unique_timer, &sa->sweep_timer,
		&sa->path_timer };
	static const int kinds[] = { TIMER_RETRANSMIT, TIMER_REKEY, TIMER_OVER, TIMER_LIVENESS,
		TIMER_INTENT, TIMER_LINGER, TIMER_REAUTH, TIMER_AUTH_END, TIMER_RENEW, TIMER_UNIQUE,
		TIMER_SWEEP, TIMER_PATH };

	if (!sa)
		return NULL;
	sa->setup = calloc(1, sizeof(*sa->setup));
	if (!sa->setup) {
		free(sa);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		timers[i]->owner = sa;
		timers[i]->kind = kinds[i];
	}
	sa->setup->timer.owner = sa;
	sa->setup->timer.kind = TIMER_HALF_OPEN;
	sa->engine = e;
	sa->protocol = protocol_of(c);
	sa->id = ++e->last_ike_id;
	sa->begun_at = e->now;
	sa->initiator = sa->original_initiator = initiator;
	sa->rekey_at = sa->over_at = sa->reauth_at = sa->auth_ends_at = IKE_TIME_NEVER;
	if (table_put(e->by_ike_id, BYTES(&sa->id, sizeof(sa->id)), sa) < 0) {
		free(sa->setup);
		free(sa);
		return NULL;
	}
	sa->next = e->sas;
	sa->link = &e->sas;
	if (sa->next)
		sa->next->link = &sa->next;
	sa_connect(sa, c);
	e->sas = sa;
	e->stats.ike_sas++;
	return sa;
}

static void sa_unlist(struct ike_sa *sa)
{
	if (!sa->connection)
		return;
	*sa->link_named = sa->next_named;
	if (sa->next_named)
		sa->next_named->link_named = sa->link_named;
	engine_named_drop(sa->engine, sa->connection->name);
}

void sa_connect(struct ike_sa *sa, const struct connection *c)
{
	const struct connection *old = sa->connection;

	sa_unlist(sa);
	sa->connection = c ? connection_hold(c) : NULL;
	if (c) {
		struct named *named = engine_named(sa->engine, c->name, true);

		sa->next_named = named->sas;
		sa->link_named = &named->sas;
		if (sa->next_named)
			sa->next_named->link_named = &sa->next_named;
		named->sas = sa;
	}
	connection_release(old);
}

int sa_register(struct ike_sa *sa)
{
	uint64_t spi = sa_spi_local(sa);

	return table_put(sa->engine->by_spi, BYTES(&spi, sizeof(spi)), sa);
}

void sa_inherit(struct ike_sa *sa, const struct ike_sa *old)
{
	path_inherit(sa, old);
	sa->init_path = old->init_path;
	sa->path_known = true;
	sa->nat_local = old->nat_local;
	sa->nat_remote = old->nat_remote;
	sa->nat_fake = old->nat_fake;
	sa->peer_fragments = old->peer_fragments;
	sa->local_id.type = old->local_id.type;
	sa->remote_id.type = old->remote_id.type;
	octets_set(&sa->local_id.value, octets_bytes(&old->local_id.value));
	octets_set(&sa->remote_id.value, octets_bytes(&old->remote_id.value));
	renew_inherit(sa, old);
	sa->begun_at = old->begun_at;
	sa->line_spi = old->line_spi;
	sa->vips = vips_hold(old->vips);
	resume_inherit(sa, old);
	redirect_inherit(sa, old);
	sa->if_id_in = old->if_id_in;
	sa->if_id_out = old->if_id_out;
}

struct ike_sa *sa_initiate(struct ike_engine *e, const struct connection *c,
	const struct child_config *child, uint64_t command)
{
	struct ike_sa *sa = sa_new(e, c, true);
	struct exchange *x;

	if (!sa) {
		command_done(e, command, false, 0, "out of memory");
		return NULL;
	}
	sa->command = command;
	sa->spi_i = engine_new_spi(e);
	sa->setup->child = child;
	sa->attempt = supervise_attempt(e, c->name);
	if (sa_register(sa) < 0 || !(x = exchange_begin(sa, sa->protocol->first(sa), NULL))) {
		sa_doom(sa, SA_END_FAILED, "out of memory");
		return NULL;
	}
	exchange_start(x);
	return sa;
}

static void setup_free(struct ike_engine *e, struct ike_setup *s)
{
	if (!s)
		return;
	timer_clear(&e->timers, &s->timer);
	octets_clear(&s->our_message);
	octets_clear(&s->peer_message);
	octets_clear(&s->our_nonce);
	octets_clear(&s->peer_nonce);
	octets_clear(&s->cookie);
	octets_clear(&s->certreqs);
	octets_clear(&s->ticket);
	ticket_state_free(s->resumes);
	free(s);
}

void sa_setup_end(struct ike_sa *sa)
{
	half_open_remove(sa);
	setup_free(sa->engine, sa->setup);
	sa->setup = NULL;
}

/* The reaper's: outputs about its end were told when it was doomed. */
void sa_free(struct ike_sa *sa)
{
	struct ike_engine *e = sa->engine;
	uint64_t spi = sa_spi_local(sa);
	struct timer *timers[] = { &sa->rekey_timer, &sa->over_timer, &sa->liveness_timer,
		&sa->intent_timer, &sa->linger_timer, &sa->unique_timer, &sa->sweep_timer };

	*sa->link = sa->next;
	if (sa->next)
		sa->next->link = sa->link;
	peers_leave(sa);
	table_take(e->by_ike_id, BYTES(&sa->id, sizeof(sa->id)));
	if (table_find(e->by_spi, BYTES(&spi, sizeof(spi))) == sa)
		table_take(e->by_spi, BYTES(&spi, sizeof(spi)));
	exchange_free(sa->ours);
	while (sa->theirs)
		exchange_free(sa->theirs);
	while (sa->children)
		child_free(sa->children);
	vips_free(sa);
	intents_clear(sa, "the IKE SA is gone");
	sa_setup_end(sa);
	renew_disarm(sa);
	free(sa->renewal);
	free(sa->redirect_to);
	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
		timer_clear(&e->timers, timers[i]);
	sa->protocol->end(sa);
	path_forget(sa);
	keys_clear_ike(&sa->keys);
	octets_clear(&sa->local_id.value);
	octets_clear(&sa->remote_id.value);
	octets_clear(&sa->remote_user.value);
	octets_clear(&sa->qcd_token);
	octets_clear(&sa->resumption.ticket);
	sa_connect(sa, NULL);
	e->stats.ike_sas--;
	free(sa);
}

const char *sa_name(const struct ike_sa *sa)
{
	return sa->connection ? sa->connection->name : "";
}

static void keep_children(struct ike_sa *sa, bool (*keeps)(struct child_sa *c))
{
	struct child_sa *next;

	for (struct child_sa *c = sa->children; c; c = next) {
		next = c->next;
		keeps(c);
	}
}

/* Everything that ends with an SA but its memory. Told once. */
static void sa_over(struct ike_sa *sa, enum sa_end end, const char *why)
{
	bool was_up = sa->established_at && sa->state != IKE_REKEYED;

	if (renew_over(sa, why))
		end = SA_END_REPLACED; /* the one that it was to replace goes on */
	if (sa->state != IKE_REKEYED)
		supervise_sa_over(sa, end, why);
	sa->gone = true;
	peers_leave(sa);
	ticket_sa_over(sa, end);
	keep_children(sa, child_outlasts_sa);
	keep_children(sa, child_follows_successor);
	while (sa->children) {
		child_remove(sa->children, end, why);
		child_free(sa->children);
	}
	vips_end(sa);
	if (was_up)
		sa_tell(sa, IKE_EVENT_IKE_DOWN, 0, "%s", why);
	sa->state = IKE_DELETING;
	intents_clear(sa, why);
	if (sa->ours)
		exchange_abandon(sa->ours, why);
	while (sa->theirs)
		exchange_abandon(sa->theirs, why);
	if (sa->command) {
		command_done(sa->engine, sa->command, false, 0, why);
		sa->command = 0;
	}
}

void sa_doom(struct ike_sa *sa, enum sa_end end, const char *why)
{
	if (sa->doomed)
		return;
	sa->doomed = true;
	sa->next_doomed = sa->engine->doomed;
	sa->engine->doomed = sa;
	if (!sa->gone)
		sa_over(sa, end, why);
}

void sa_linger(struct ike_sa *sa, enum sa_end end, const char *why)
{
	struct timer *timers[] = { &sa->rekey_timer, &sa->over_timer, &sa->liveness_timer,
		&sa->intent_timer, &sa->unique_timer, &sa->sweep_timer };

	if (sa->gone)
		return;
	sa_over(sa, end, why);
	sa_setup_end(sa);
	renew_disarm(sa);
	sa->protocol->quiet(sa);
	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
		timer_clear(&sa->engine->timers, timers[i]);
	timer_set(&sa->engine->timers, &sa->linger_timer,
		sa->engine->now + sa->engine->options.response_kept_ns);
}

ike_time sa_jittered(struct ike_sa *sa, uint64_t time_s, uint64_t rand_s)
{
	uint64_t early = rand_s
		? random_below(&sa->engine->options.random, rand_s * 1000 + 1) * NS_PER_MS
		: 0;
	uint64_t after = time_s * NS_PER_SECOND;

	if (time_s == 0)
		return IKE_TIME_NEVER;
	return sa->engine->now + (early < after ? after - early : after);
}

void sa_established(struct ike_sa *sa)
{
	const struct connection *c = sa->connection;

	sa->state = IKE_ESTABLISHED;
	sa->established_at = sa->last_heard = sa->engine->now;
	peers_enter(sa);
	if (!sa->line_spi)
		sa->line_spi = twins_line(sa);
	sa->rekey_at = sa_jittered(sa, c->rekey_time_s, c->rand_time_s);
	timer_set(&sa->engine->timers, &sa->rekey_timer, sa->rekey_at);
	sa->over_at = c->rekey_time_s
		? sa->engine->now + (c->rekey_time_s + c->over_time_s) * NS_PER_SECOND
		: IKE_TIME_NEVER;
	timer_set(&sa->engine->timers, &sa->over_timer, sa->over_at);
	sa_setup_end(sa);
	if (!sa->mobility.verifying)
		path_settle(sa);
	liveness_arm(sa);
	renew_arm(sa);
	supervise_sa_up(sa);
}

bool sa_ending(const struct ike_sa *sa)
{
	if (sa->gone || sa->delete_sent || sa->state == IKE_REKEYED || sa->state == IKE_DELETING)
		return true;
	for (const struct intent *i = sa->intents; i; i = i->next)
		if (i->kind == INTENT_DELETE_IKE)
			return true;

	return false;
}

bool sa_answered(const struct ike_sa *sa)
{
	return sa->initiator || sa->window.next_request > (sa->window.waiting ? 1 : 0);
}

struct ike_sa *sa_find(const struct ike_engine *e, uint32_t id)
{
	return table_find(e->by_ike_id, BYTES(&id, sizeof(id)));
}

/* Timers. */

static void half_open_due(struct ike_sa *sa)
{
	const char *awaits = sa->protocol->awaits ? sa->protocol->awaits(sa) : NULL;

	sa_tell(sa, IKE_EVENT_FAILED, !awaits, "not established within %llu s%s%s",
		(unsigned long long)(sa->engine->options.half_open_timeout_ns / NS_PER_SECOND),
		awaits ? ": " : "", awaits ? awaits : "");
	sa_doom(sa, SA_END_FAILED, awaits ? awaits : "half-open for too long");
}

void sa_timer_due(struct ike_sa *sa, enum sa_timer kind)
{
	if (sa->doomed)
		return;

	switch (kind) {
	case TIMER_RETRANSMIT:
		window_retransmit_due(sa);
		break;
	case TIMER_HALF_OPEN:
		half_open_due(sa);
		break;
	case TIMER_REKEY:
		intent_add(sa, &(struct intent){ .kind = INTENT_REKEY_IKE });
		break;
	case TIMER_OVER:
		sa_tell(sa, IKE_EVENT_FAILED, 0, "not rekeyed before its lifetime ended");
		intent_add(sa, &(struct intent){ .kind = INTENT_DELETE_IKE, .end = SA_END_FAILED });
		break;
	case TIMER_LIVENESS:
		liveness_due(sa);
		break;
	case TIMER_INTENT:
		intent_pump(sa);
		break;
	case TIMER_REAUTH:
	case TIMER_AUTH_END:
	case TIMER_RENEW:
		renew_timer_due(sa, kind);
		break;
	case TIMER_UNIQUE:
		unique_due(sa);
		break;
	case TIMER_SWEEP:
		sweep_due(sa);
		break;
	case TIMER_PATH:
		path_due(sa);
		break;
	case TIMER_LINGER:
		sa_doom(sa, SA_END_REPLACED, "");
		break;
	default:
		break;
	}
}

uint64_t sa_command(const struct ike_sa *sa)
{
	if (sa->command)
		return sa->command;
	if (sa->renewal && sa->renewal->command)
		return sa->renewal->command;
	return sa->ours && sa->ours->intent ? sa->ours->intent->command : 0;
}

/* Events. */

void sa_tell(struct ike_sa *sa, enum ike_event_kind kind, uint8_t level, const char *format, ...)
{
	char text[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	engine_tell(sa->engine,
		&(struct ike_event){ .kind = kind,
			.level = level,
			.version = sa->protocol->version,
			.ike_id = sa->id,
			.ike_name = sa_name(sa),
			.text = text,
			.path = &sa->path,
			.command = sa_command(sa) });
}

void child_tell(
	struct child_sa *child, enum ike_event_kind kind, uint8_t level, const char *format, ...)
{
	char text[1000];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	engine_tell(child->sa->engine,
		&(struct ike_event){ .kind = kind,
			.level = level,
			.version = child->sa->protocol->version,
			.ike_id = child->sa->id,
			.child_id = child->id,
			.ike_name = sa_name(child->sa),
			.child_name = child->config->name,
			.text = text,
			.path = &child->sa->path,
			.old_id = child->predecessor,
			.command = child->command });
}
