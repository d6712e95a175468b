#include "ike/v1/window.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/v1/ikev1.h"
#include "ike/v2/init.h"

/* A flight whose exchange is over answers repeats for this long: the peer's retransmissions of a
 * message whose answer was lost take that. */
#define OVER_KEPT_NS (3 * 60 * NS_PER_SECOND)

/* Retransmissions come later than this, copies that the network makes sooner. */
#define REPEAT_AFTER_NS (200 * NS_PER_MS)

/* Flights. */

struct v1_flight *v1_flight_find(const struct ike_sa *sa, uint32_t message_id)
{
	for (struct v1_flight *f = sa->v1->flights; f; f = f->next)
		if (f->message_id == message_id)
			return f;

	return NULL;
}

static void flight_free(struct v1_flight *f)
{
	struct v1_flight **link = &f->sa->v1->flights;

	while (*link != f)
		link = &(*link)->next;
	*link = f->next;
	f->sa->v1->flight_count--;
	timer_clear(&f->sa->engine->timers, &f->timer);
	frozen_clear(&f->sent);
	bytes_wipe(f, sizeof(*f));
	free(f);
}

/* The oldest of those whose exchange is over: new ones come first in the list. */
static struct v1_flight *dispensable(const struct ike_sa *sa)
{
	struct v1_flight *found = NULL;

	for (struct v1_flight *f = sa->v1->flights; f; f = f->next)
		if (f->over && f->message_id)
			found = f;

	return found;
}

struct v1_flight *v1_flight_new(struct ike_sa *sa, uint32_t message_id)
{
	struct v1_flight *spare = sa->v1->flight_count >= V1_FLIGHTS_MAX ? dispensable(sa) : NULL;
	struct v1_flight *f;

	if (spare)
		flight_free(spare);
	if (sa->v1->flight_count >= V1_FLIGHTS_MAX)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->sa = sa;
	f->message_id = message_id;
	f->timer = (struct timer){ .owner = sa, .kind = TIMER_PROTOCOL };
	f->next = sa->v1->flights;
	sa->v1->flights = f;
	sa->v1->flight_count++;
	return f;
}

struct v1_flight *v1_flight_of(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct v1_flight *f;

	if (!v1_is_phase1(x->kind->type) && !x->message_id) {
		x->message_id = v1_message_id_new(sa);
		f = v1_flight_new(sa, x->message_id);
		if (f &&
			v1_iv_phase2(&sa->v1->keys, &sa->v1->iv, x->message_id, &f->progress.iv) <
				0)
			return NULL;
		return f;
	}
	f = v1_flight_find(sa, x->message_id);
	return f ? f : v1_flight_new(sa, x->message_id);
}

struct exchange *v1_exchange_find(const struct ike_sa *sa, uint32_t message_id)
{
	bool phase1 = message_id == 0;

	if (sa->ours && sa->ours->message_id == message_id &&
		v1_is_phase1(sa->ours->kind->type) == phase1)
		return sa->ours;
	for (struct exchange *x = sa->theirs; x; x = x->next)
		if (x->message_id == message_id && v1_is_phase1(x->kind->type) == phase1)
			return x;

	return NULL;
}

void v1_digest(const struct ike_sa *sa, struct bytes datagram, uint8_t out[static V1_DIGEST_BYTES])
{
	hash_sha256(sa->engine->options.crypto, &datagram, 1, out);
}

bool v1_flight_repeats(const struct v1_flight *f, struct bytes datagram)
{
	uint8_t digest[V1_DIGEST_BYTES];

	v1_digest(f->sa, datagram, digest);
	return memcmp(digest, f->progress.digest, sizeof(digest)) == 0;
}

/* Sending. */

static void flight_emit(struct v1_flight *f)
{
	struct ike_sa *sa = f->sa;

	if (f->sent.count)
		sa->sent_at = f->sent_at = sa->engine->now;
	for (size_t i = 0; i < f->sent.count; i++)
		engine_send(sa->engine, &sa->path, f->sent.datagrams[i]);
}

static void flight_wait(struct v1_flight *f)
{
	struct ike_engine *e = f->sa->engine;

	timer_set(&e->timers, &f->timer, e->now + retransmit_after_ns(f->sa, f->tries));
}

void v1_flight_send(struct v1_flight *f, const struct bytes *datagrams, size_t count, bool waiting)
{
	frozen_take(&f->sent, datagrams, count);
	f->waiting = waiting;
	f->tries = 0;
	f->first_at = f->sa->engine->now;
	flight_emit(f);
	if (waiting)
		flight_wait(f);
}

void v1_flight_again(struct v1_flight *f)
{
	if (!f->sent.count || f->sa->engine->now < f->sent_at + REPEAT_AFTER_NS)
		return;
	flight_emit(f);
	f->sa->engine->stats.retransmitted++;
}

void v1_flight_accepted(struct v1_flight *f)
{
	f->progress = f->after;
	frozen_clear(&f->sent); /* it was answered */
	if (!f->message_id)
		f->sa->v1->iv = f->progress.iv;
	f->waiting = false;
	timer_clear(&f->sa->engine->timers, &f->timer);
}

void v1_flight_over(struct v1_flight *f)
{
	struct ike_engine *e = f->sa->engine;

	f->over = true;
	f->waiting = false;
	timer_set(&e->timers, &f->timer, e->now + OVER_KEPT_NS);
}

/* Timers. */

/* A peer that can't be asked whether it lives, and has said nothing at all since. */
static bool is_gone(const struct v1_flight *f)
{
	const struct ike_sa *sa = f->sa;

	return !v1_peer_has(sa, V1_VENDOR_DPD) && sa->connection->dpd_delay_s &&
		sa->last_heard < f->first_at;
}

/* libreswan, for one, says nothing to what it can't decrypt. */
static void suspect_secrets(struct ike_sa *sa, const struct v1_flight *f)
{
	struct where where;

	if (f->message_id || sa->established_at || !sa->v1->keyed || sa->v1->trouble[0] ||
		!v1_method_has_psk(sa->v1->transform.method))
		return;
	where = where_said(sa->connection->remote[0].where_auth, sa->connection->where);
	snprintf(sa->v1->trouble, sizeof(sa->v1->trouble),
		"it was encrypted, and a peer that has another pre-shared key can't read it; compare the secrets of both ends for connection %s (%s:%u)",
		sa_name(sa), where.file, where.line);
}

/* Phase 1 ends with its SA; an exchange of phase 2 alone, but a peer that is silent may be gone. */
static void give_up(struct v1_flight *f)
{
	struct ike_sa *sa = f->sa;
	struct exchange *x = v1_exchange_find(sa, f->message_id);
	char why[V1_TROUBLE_MAX + 200], remote[ENDPOINT_TEXT_MAX];

	suspect_secrets(sa, f);
	snprintf(why, sizeof(why), "%s gave no answer to our message of %s, sent %u times%s%s",
		endpoint_print(&sa->path.remote, remote), x ? x->kind->name : "an exchange",
		f->tries + 1, sa->v1->trouble[0] ? ": " : "", sa->v1->trouble);
	sa_tell(sa, IKE_EVENT_FAILED, 0, "%s", why);
	v1_flight_over(f);
	if (!sa->established_at || is_gone(f)) {
		sa_doom(sa, SA_END_PEER_GONE, why);
		return;
	}
	if (x)
		exchange_abandon(x, why);
	intent_add(sa, &(struct intent){ .kind = INTENT_LIVENESS });
}

/* Nobody has answered our first message, and the peer has other addresses: phase 1 begins anew with the
 * next. */
static bool leave_silent(struct v1_flight *f)
{
	struct ike_sa *sa = f->sa;

	if (f->message_id || !sa->ours || sa->ours->question_id || !init_next_remote(sa, f->tries))
		return false;
	f->progress = f->after = (struct v1_progress){ 0 };
	f->waiting = false;
	frozen_clear(&f->sent);
	exchange_again(sa->ours);
	return true;
}

static void flight_due(struct v1_flight *f)
{
	struct ike_sa *sa = f->sa;

	if (f->over) {
		flight_free(f);
		return;
	}
	if (!f->waiting || leave_silent(f))
		return;
	if (f->tries >= sa->engine->options.retransmit_tries) {
		give_up(f);
		return;
	}
	f->tries++;
	sa->engine->stats.retransmitted++;
	sa_tell(sa, IKE_EVENT_RETRANSMIT, 1, "retransmit %u of the message with ID %08x", f->tries,
		f->message_id);
	flight_emit(f);
	flight_wait(f);
}

void v1_window_due(struct ike_sa *sa, struct timer *t)
{
	if (sa->doomed)
		return;
	for (struct v1_flight *f = sa->v1->flights; f; f = f->next) {
		if (&f->timer == t) {
			flight_due(f);
			return;
		}
	}
	if (!v1_fragments_due(sa, t))
		v1_dpd_due(sa);
}

void v1_window_resend(struct ike_sa *sa)
{
	for (struct v1_flight *f = sa->v1 ? sa->v1->flights : NULL; f; f = f->next) {
		if (!f->waiting)
			continue;
		f->tries = 0;
		flight_emit(f);
		flight_wait(f);
	}
}

void v1_window_quiet(struct ike_sa *sa)
{
	if (!sa->v1)
		return;
	for (struct v1_flight *f = sa->v1->flights; f; f = f->next)
		if (f->waiting)
			v1_flight_over(f);
	timer_clear(&sa->engine->timers, &sa->v1->dpd.timer);
}

void v1_window_clear(struct ike_sa *sa)
{
	while (sa->v1->flights)
		flight_free(sa->v1->flights);
}
