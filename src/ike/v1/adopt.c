/* Children outlive the ISAKMP SA that made them: IKEv1 doesn't bind them to it. When a phase 1 with
 * the same peer takes another's place, it adopts the children; quick modes and deletes that come in
 * the older one are about the same children. Who sent the last message (the responder of main mode, the
 * initiator of aggressive mode) waits with that until the peer has shown that it has it. */
#include <stdlib.h>

#include "ike/liveness.h"
#include "ike/peers.h"
#include "ike/renew.h"
#include "ike/v1/ikev1.h"

/* How long an SA that was superseded answers what was sent in it. Where the two ends saw it differently,
 * each is about to delete what the other goes by: the one with the higher cookie of its initiator goes a
 * good while later, and by then the end that wants it gone has heard that the other one goes. */
#define RETIRED_KEPT_NS        (20 * NS_PER_SECOND)
#define RETIRED_HIGHER_KEPT_NS (30 * NS_PER_SECOND)

/* Which of IKE's two ports is used may differ from one phase 1 to the next; any other is a NAT's. */
static bool same_place(const struct endpoint *a, const struct endpoint *b)
{
	bool own = (a->port == 500 || a->port == 4500) && (b->port == 500 || b->port == 4500);

	return address_equal(&a->address, &b->address) && (own || a->port == b->port);
}

/* The same peer at the same place: clients with a group's identity are told apart by where they are. */
static bool same_peer(const struct ike_sa *sa, const struct ike_sa *other)
{
	return other->v1 && !other->gone && other->established_at &&
		strcmp(sa_name(sa), sa_name(other)) == 0 &&
		(sa->replaces == other->id || same_place(&sa->path.remote, &other->path.remote));
}

struct ike_sa *v1_peers_next(struct ike_sa *sa, struct ike_sa *last)
{
	struct ike_sa *next;

	if (!last)
		return sa;
	next = peers_next(sa, last == sa ? NULL : last);
	while (next && !same_peer(sa, next))
		next = peers_next(sa, next);
	return next;
}

/* Both ends agree on it: of two that were set up at the same time that with the higher cookie of its
 * initiator, else the later one. */
static bool supersedes(const struct ike_sa *sa, const struct ike_sa *other)
{
	bool crossed =
		sa->begun_at <= other->authenticated_at && other->begun_at <= sa->authenticated_at;

	return crossed ? sa->spi_i > other->spi_i : sa->begun_at > other->begun_at;
}

static bool usable(const struct ike_sa *sa)
{
	return sa->v1->confirmed && !sa_ending(sa);
}

struct ike_sa *v1_newest(struct ike_sa *sa)
{
	struct ike_sa *found = sa;

	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each))
		if (usable(each) && (!usable(found) || supersedes(each, found)))
			found = each;

	return found;
}

struct child_sa *v1_child_by_spi_out(struct ike_sa *sa, uint32_t spi)
{
	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each)) {
		struct child_sa *c = child_by_spi_out(each, spi);

		if (c)
			return c;
	}
	return NULL;
}

static bool about_child(const struct intent *i)
{
	return i->kind == INTENT_REKEY_CHILD || i->kind == INTENT_DELETE_CHILD;
}

static void intents_follow(struct ike_sa *from, struct ike_sa *to)
{
	struct intent **link = &from->intents;

	while (*link) {
		struct intent *i = *link;

		if (!about_child(i)) {
			link = &i->next;
			continue;
		}
		*link = i->next;
		intent_add(to, i);
		free(i);
	}
}

/* The peer deletes it where it began the newer one; else we do after a while. */
static void retire(struct ike_sa *old, const struct ike_sa *by)
{
	struct timers *timers = &old->engine->timers;
	uint64_t kept = old->spi_i < by->spi_i ? RETIRED_KEPT_NS : RETIRED_HIGHER_KEPT_NS;

	timer_clear(timers, &old->rekey_timer);
	timer_clear(timers, &old->reauth_timer);
	timer_clear(timers, &old->liveness_timer);
	intent_add(old,
		&(struct intent){ .kind = INTENT_DELETE_IKE,
			.end = SA_END_REPLACED,
			.not_before = old->engine->now + kept });
}

static void hand_over(struct ike_sa *old, struct ike_sa *to)
{
	while (old->children) {
		struct child_sa *c = old->children;

		child_move(c, to);
		child_path_changed(c);
	}
	intents_follow(old, to);
}

void v1_confirmed(struct ike_sa *sa)
{
	struct ike_sa *to, *each, *next;

	if (sa->v1->confirmed || !sa->established_at || sa->gone)
		return;
	sa->v1->confirmed = true;
	to = v1_newest(sa);
	for (each = v1_peers_next(sa, NULL); each; each = next) {
		next = v1_peers_next(sa, each);
		if (each == to || !each->v1->confirmed)
			continue;
		hand_over(each, to);
		if (!sa_ending(each) && each->id != sa->replaces)
			retire(each, to);
	}
	renew_check(sa);
}

/* Two were set up so close to each other that the ends saw it differently: the peer deletes the one that
 * we kept. The other one, which we were about to delete, is what it goes by; it stands again, also where the
 * one that has gone had taken its place (renew.c). */
static void unretire(struct ike_sa *sa)
{
	struct timers *timers = &sa->engine->timers;
	struct intent **link = &sa->intents;

	while (*link && (*link)->kind != INTENT_DELETE_IKE)
		link = &(*link)->next;
	if (*link) {
		struct intent *i = *link;

		*link = i->next;
		free(i);
	}
	sa->state = IKE_ESTABLISHED;
	timer_set(timers, &sa->rekey_timer, sa->rekey_at);
	timer_set(timers, &sa->over_timer, sa->over_at);
	renew_arm(sa);
	liveness_arm(sa);
}

static bool retiring(const struct ike_sa *sa)
{
	for (const struct intent *i = sa->intents; i; i = i->next)
		if (i->kind == INTENT_DELETE_IKE)
			return i->end == SA_END_REPLACED && i->not_before && !i->command;

	return false;
}

static struct ike_sa *heir_to(struct ike_sa *sa, bool last_resort)
{
	struct ike_sa *to = NULL;

	for (struct ike_sa *each = v1_peers_next(sa, sa); each; each = v1_peers_next(sa, each))
		if ((last_resort ? retiring(each) : !sa_ending(each)) &&
			(!to || supersedes(each, to)))
			to = each;

	return to;
}

void v1_bequeath(struct ike_sa *sa)
{
	struct ike_sa *to = heir_to(sa, false);

	if (!to && (to = heir_to(sa, true)))
		unretire(to);
	if (to)
		hand_over(sa, to);
}
