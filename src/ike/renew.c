/* Replacing an IKE SA. A new one is set up beside the old: IKE_SA_INIT, IKE_AUTH with one of the
 * old one's children, the others by CREATE_CHILD_SA. When all stand, the old SA is deleted; where
 * anything fails the new one goes instead, and it is tried again until over_time ends the old. The
 * peer just sees a second SA between the same identities, whose children are heirs (heir.h). */
#include "ike/renew.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/heir.h"
#include "ike/peers.h"
#include "ike/protocol.h"
#include "ike/supervise.h"
#include "ike/twins.h"
#include "ike/v2/redirect.h"

#define RETRY_NS_MIN  (5 * NS_PER_SECOND)
#define RETRY_NS_MAX  (60 * NS_PER_SECOND)
#define LOOK_AGAIN_NS (200 * NS_PER_MS) /* while the old SA is busy with its children */
/* Where children are adopted: the peer may not have done so at once. What they were adopted from ends with
 * them else (strongSwan 5.9 takes a moment). */
#define ADOPTION_NS   (3 * NS_PER_SECOND)

/* Beginning. */

static struct ike_sa *replacement_of(const struct ike_sa *old)
{
	struct ike_sa *sa = old->replacement ? sa_find(old->engine, old->replacement) : NULL;

	return sa && sa->replaces == old->id && !sa->gone ? sa : NULL;
}

static const struct child_config *first_child(const struct ike_sa *old, struct ike_sa *sa)
{
	for (struct child_sa *c = old->children; c; c = c->next) {
		const struct child_config *config =
			child_carries(c) ? connection_child(sa->connection, c->config->name) : NULL;

		if (config) {
			c->renewed_by = sa->id;
			return config;
		}
	}
	return NULL;
}

/* Where the old SA is now is where the new one goes first; when that failed, names are resolved
 * and addresses chosen as at the beginning. */
static void choose_path(struct ike_sa *sa, struct ike_sa *old)
{
	bool anew = old->renew_failures > 0 && sa->connection->remote_addrs.count;

	sa->path = old->path;
	sa->path_known = !anew;
	sa->attempt = supervise_attempt(sa->engine, sa_name(sa));
}

static struct ike_sa *replacement_new(struct ike_sa *old, const struct renew_order *order)
{
	struct ike_engine *e = old->engine;
	const struct connection *c = engine_connection(e, old->connection->name);
	struct ike_sa *sa = sa_new(e, c ? c : old->connection, true);

	if (!sa)
		return NULL;
	sa->protocol = old->protocol;
	sa->renewal = calloc(1, sizeof(*sa->renewal));
	sa->spi_i = engine_new_spi(e);
	if (!sa->renewal || sa_register(sa) < 0) {
		sa_doom(sa, SA_END_FAILED, "out of memory");
		return NULL;
	}
	*sa->renewal = (struct renewal){ .command = order->command, .word = order->word };
	sa->replaces = old->id;
	old->replacement = sa->id;
	sa->setup->child = sa->protocol->adopts ? NULL : first_child(old, sa);
	sa->redirects = old->redirects;
	choose_path(sa, old);
	if (order->gateway)
		redirect_toward(sa, old, order->gateway);
	return sa;
}

/* The peer is setting up `sa` in the place of another, and isn't done: a third would be made of half of it,
 * and what it was to replace would stay. Who hasn't finished by then never will. */
static bool renewing_by_peer(const struct ike_sa *sa)
{
	return !sa->original_initiator && !sa->renewal && heirs_beside_old(sa) &&
		sa->engine->now < sa->established_at + RETRY_NS_MAX;
}

bool renew_begin(struct ike_sa *old, const struct renew_order *order)
{
	bool stands = old->established_at && !old->gone && !old->delete_sent &&
		(old->state == IKE_ESTABLISHED || old->state == IKE_REKEYING) &&
		!renew_by_peer(old) && !renewing_by_peer(old);
	struct ike_sa *sa = stands && !replacement_of(old) ? replacement_new(old, order) : NULL;
	struct exchange *x = sa ? exchange_begin(sa, sa->protocol->first(sa), NULL) : NULL;

	if (!x) {
		if (sa)
			sa_doom(sa, SA_END_FAILED, "out of memory");
		return false;
	}
	sa_tell(sa, IKE_EVENT_NOTE, 1, "is to take the place of IKE SA %u", old->id);
	exchange_start(x);
	return true;
}

/* One made anew is nobody's twin any more. Where both ends have initiated at once and which of the two
 * stays is open still, both would. */
void renew_command(struct ike_sa *sa, uint64_t command)
{
	struct renew_order order = { .command = command, .word = "reauthenticated" };
	bool by_peer = renew_by_peer(sa) || renewing_by_peer(sa);

	if (!renew_possible(sa))
		intent_add(sa, &(struct intent){ .kind = INTENT_ASK_REAUTH, .command = command });
	else if (twins_undecided(sa))
		command_done(sa->engine, command, false, 0,
			"both ends have initiated at once, and one of the two is about to end: come again in a few seconds");
	else if (!renew_begin(sa, &order))
		command_done(sa->engine, command, by_peer, by_peer,
			"it is not established, or set up anew already");
}

/* Failing. */

static void try_again(struct ike_sa *old)
{
	struct ike_engine *e = old->engine;
	uint64_t left = old->auth_ends_at > e->now ? old->auth_ends_at - e->now : 0;
	uint64_t wait = RETRY_NS_MIN << (old->renew_failures < 5 ? old->renew_failures - 1 : 4);

	if (wait > left / 4)
		wait = left / 4;
	if (wait < RETRY_NS_MIN)
		wait = RETRY_NS_MIN;
	if (wait > RETRY_NS_MAX)
		wait = RETRY_NS_MAX;
	wait += random_below(&e->options.random, wait / 4 + 1);
	timer_set(&e->timers, &old->reauth_timer, e->now + wait);
}

/* What was to be created goes to another SA of the connection; `all`: also what no command wants. */
static void intents_move(struct ike_sa *from, struct ike_sa *to, bool all)
{
	struct intent **link = &from->intents;

	while (*link) {
		struct intent *i = *link;
		const struct child_config *config =
			i->kind == INTENT_CREATE_CHILD && (all || i->command)
			? connection_child(to->connection, i->config->name)
			: NULL;

		if (!config) {
			link = &i->next;
			continue;
		}
		*link = i->next;
		i->config = config;
		intent_add(to, i);
		free(i);
	}
}

static void renewal_end(struct ike_sa *sa, bool ok, const char *text)
{
	uint64_t command = sa->renewal->command;

	free(sa->renewal);
	sa->renewal = NULL;
	sa->replaces = 0;
	supervise_renewal_over(sa);
	command_done(sa->engine, command, ok, 1, text);
}

static void fail(struct ike_sa *sa, struct ike_sa *old, const char *why)
{
	old->renew_failures++;
	for (struct child_sa *c = old->children; c; c = c->next)
		c->renewed_by = 0;
	sa_tell(old, IKE_EVENT_FAILED, 0, "not %s: %s; this IKE SA stays", sa->renewal->word, why);
	if (old->reauth_at <= sa->engine->now)
		try_again(old);
	intents_move(sa, old, false);
	renewal_end(sa, false, why);
}

/* A new SA that isn't needed goes. The peer ends its children before we know, so that we send no more
 * on them. */
static void abandon(struct ike_sa *sa, const char *why)
{
	for (struct child_sa *c = sa->children; c; c = c->next)
		child_stop_outbound(c, true);
	sa_tell(sa, IKE_EVENT_IKE_DOWN, 0, "%s", why);
	sa->state = IKE_REKEYED;
	intent_add(sa, &(struct intent){ .kind = INTENT_DELETE_IKE, .end = SA_END_REPLACED });
}

/* The new SA stands, but not with all that the old one has. */
static void give_up(struct ike_sa *sa, struct ike_sa *old, const char *child)
{
	char why[300];

	snprintf(why, sizeof(why), "child %.200s could not be created", child);
	fail(sa, old, why);
	abandon(sa, why);
}

bool renew_superfluous(const struct ike_sa *sa)
{
	return sa->renewal && sa->renewal->superfluous;
}

static void withdraw(struct ike_sa *sa)
{
	renewal_end(sa, true, "");
	abandon(sa, "the IKE SA that it was to replace is there no more");
}

void renew_withdraw(struct ike_sa *old, struct ike_sa *survivor)
{
	struct ike_sa *sa = replacement_of(old);

	if (!sa || !sa->renewal)
		return;
	sa->renewal->superfluous = true;
	intents_move(sa, survivor, false);
	if (sa->established_at)
		withdraw(sa);
}

bool renew_over(struct ike_sa *sa, const char *why)
{
	struct ike_sa *old = sa->renewal ? sa_find(sa->engine, sa->replaces) : NULL;
	bool goes_on = old && !old->gone && !renew_superfluous(sa);

	if (!sa->renewal)
		return false;
	if (goes_on)
		fail(sa, old, why);
	else
		renewal_end(sa, false, why);
	return goes_on;
}

/* Redirected before it had anything. */

static void move_renewal(struct ike_sa *from, struct ike_sa *to)
{
	struct ike_sa *replaced = sa_find(from->engine, from->replaces);

	to->renewal = from->renewal;
	to->replaces = from->replaces;
	from->renewal = NULL;
	from->replaces = 0;
	if (replaced)
		replaced->replacement = to->id;
	for (struct child_sa *c = replaced ? replaced->children : NULL; c; c = c->next)
		if (c->renewed_by == from->id)
			c->renewed_by = to->id;
}

static void end_redirected(struct ike_sa *old)
{
	if (!old->established_at)
		return; /* its IKE_SA_INIT ends it */
	sa_tell(old, IKE_EVENT_IKE_DOWN, 0, "redirected");
	renew_disarm(old);
	old->state = IKE_REKEYED;
	intent_add(old, &(struct intent){ .kind = INTENT_DELETE_IKE, .end = SA_END_REPLACED });
}

bool renew_redirected(struct ike_sa *old, const struct child_config *child, const struct gateway *g)
{
	struct ike_sa *sa = sa_new(old->engine, old->connection, true);
	struct exchange *x;

	if (!sa)
		return false;
	sa->protocol = old->protocol;
	sa->spi_i = engine_new_spi(old->engine);
	sa->begun_at = old->begun_at; /* the same attempt: the peer's own may have crossed it */
	sa->setup->child = child;
	redirect_toward(sa, old, g);
	if (sa_register(sa) < 0 || !(x = exchange_begin(sa, sa->protocol->first(sa), NULL))) {
		sa_doom(sa, SA_END_REPLACED, "out of memory");
		return false;
	}
	sa->command = old->command;
	old->command = 0;
	move_renewal(old, sa);
	intents_move(old, sa, true);
	end_redirected(old);
	exchange_start(x);
	return true;
}

/* Standing. */

/* Children that are no longer configured end here. */
static void end_others(struct ike_sa *old)
{
	struct child_sa *next;

	for (struct child_sa *c = old->children; c; c = next) {
		next = c->next;
		if (!child_carries(c) || heir_of(c))
			continue;
		child_remove(c, SA_END_COMMAND, "no longer configured");
		child_free(c);
	}
}

/* A child that was rekeyed while the new IKE SA was set up is newer than its heir, and would send on
 * until the delete is answered, to a peer that has removed it. */
static void send_on_heirs(struct ike_sa *old)
{
	for (struct child_sa *c = old->children; c; c = c->next) {
		const struct child_sa *heir = heir_of(c);

		if (heir && heir->installed_out)
			child_stop_outbound(c, true);
	}
}

static void take_place(struct ike_sa *sa, struct ike_sa *old)
{
	struct timers *timers = &sa->engine->timers;

	sa->renewal->settling = true;
	renew_disarm(old);
	timer_clear(timers, &old->rekey_timer);
	timer_clear(timers, &old->over_timer);
	timer_clear(timers, &old->liveness_timer);
	intents_move(old, sa, true);
	end_others(old);
	send_on_heirs(old);
	old->state = IKE_REKEYED;
	sa->renewed = true;
	engine_tell(sa->engine,
		&(struct ike_event){ .kind = IKE_EVENT_IKE_REPLACED,
			.ike_id = sa->id,
			.old_id = old->id,
			.ike_name = sa_name(sa),
			.text = sa->renewal->word,
			.path = &sa->path,
			.command = sa->renewal->command });
	/* What was sent over the old children is to arrive before they go. */
	intent_add(old,
		&(struct intent){ .kind = INTENT_DELETE_IKE,
			.end = SA_END_REPLACED,
			.not_before = sa->engine->now +
				(sa->protocol->adopts ? ADOPTION_NS
						      : sa->engine->options.child_kept_ns) });
	renewal_end(sa, true, "");
	if (old->renewal) { /* it was to take another's place itself */
		move_renewal(old, sa);
		timer_set(timers, &sa->renew_timer, sa->engine->now + LOOK_AGAIN_NS);
	}
}

static bool busy(const struct exchange *x)
{
	for (; x; x = x->next)
		if (x->kind->type == x->sa->protocol->creates)
			return true;

	return false;
}

/* The next child of the old SA that the new one lacks; false where it was asked for in vain. */
static bool next_child(struct ike_sa *sa, struct ike_sa *old, const struct child_config **ret_next)
{
	*ret_next = NULL;
	for (struct child_sa *c = old->children; c; c = c->next) {
		const struct child_config *config =
			connection_child(sa->connection, c->config->name);

		if (!child_carries(c) || heir_in(c, sa) || !config)
			continue; /* what is no longer configured ends with the old SA */
		*ret_next = config;
		if (c->renewed_by == sa->id)
			return false;
		c->renewed_by = sa->id;
		return true;
	}
	return true;
}

void renew_check(struct ike_sa *sa)
{
	struct ike_sa *old = sa_find(sa->engine, sa->replaces);
	const struct child_config *next;

	if (!sa->renewal || sa->renewal->settling || !sa->established_at || sa->gone ||
		sa->intents || sa->ours)
		return;
	if (sa->protocol->confirmed && !sa->protocol->confirmed(sa))
		return;
	if (renew_superfluous(sa)) {
		withdraw(sa);
		return;
	}
	if (!old || old->gone || old->delete_sent || old->state == IKE_REKEYED) {
		renewal_end(sa, true, "");
		return;
	}
	if (busy(old->ours) || busy(old->theirs)) {
		timer_set(&sa->engine->timers, &sa->renew_timer, sa->engine->now + LOOK_AGAIN_NS);
		return;
	}
	if (!next_child(sa, old, &next))
		give_up(sa, old, next->name);
	else if (next)
		intent_add(sa, &(struct intent){ .kind = INTENT_CREATE_CHILD, .config = next });
	else
		take_place(sa, old);
}

void renew_moved(struct ike_sa *old, struct ike_sa *to)
{
	struct ike_sa *sa = replacement_of(old);

	heirs_move(old, to);
	if (old->renewal)
		move_renewal(old, to); /* it is itself to take the place of another */
	if (!sa)
		return;
	sa->replaces = to->id;
	to->replacement = sa->id;
}
