/* Intents: small values that say what an SA wants next. One exchange of ours runs at a time (a
 * window of one); the next begins when it ends. */
#include <stdlib.h>

#include "ike/child.h"
#include "ike/exchange.h"
#include "ike/protocol.h"
#include "ike/renew.h"
#include "ike/sweep.h"
#include "ike/twins.h"

/* Enough for a peer's first retransmission. */
#define PEER_LIMIT_NS (6 * NS_PER_SECOND)

/* What ends a child because a command wants it, ends its successor, too: that is not the same as ending
 * the replaced one. */
static bool intent_same(const struct intent *a, const struct intent *b)
{
	return a->kind == b->kind && a->child_id == b->child_id && a->spi == b->spi &&
		a->config == b->config && a->pair == b->pair &&
		(a->kind != INTENT_DELETE_CHILD || a->end == b->end) &&
		(!a->command || !b->command || a->command == b->command);
}

/* Deletes go first, then rekeying, then the rest, in order of arrival. */
static int intent_rank(const struct intent *i)
{
	switch (i->kind) {
	case INTENT_DELETE_IKE:
		return 0;
	case INTENT_UPDATE_ADDRESSES: /* what comes after must find the peer */
	case INTENT_ANNOUNCE_ADDRESSES:
	case INTENT_VERIFY_PATH:
		return 1;
	case INTENT_DELETE_CHILD:
		return 2;
	case INTENT_REKEY_IKE:
	case INTENT_REKEY_CHILD:
		return 3;
	default:
		return 4;
	}
}

void intent_add(struct ike_sa *sa, const struct intent *want)
{
	struct intent **link = &sa->intents;
	struct intent *i;

	if (sa->doomed || (sa->protocol->diverts && sa->protocol->diverts(sa, want)))
		return;
	for (i = sa->intents; i; i = i->next) {
		if (!intent_same(i, want))
			continue;
		if (want->command)
			i->command = want->command;
		if (want->not_before < i->not_before)
			i->not_before = want->not_before;
		intent_pump(sa);
		return;
	}
	i = malloc(sizeof(*i));
	if (!i)
		return;
	*i = *want;
	if (!i->asked_at)
		i->asked_at = sa->engine->now;
	while (*link && intent_rank(*link) <= intent_rank(i))
		link = &(*link)->next;
	i->next = *link;
	*link = i;
	intent_pump(sa);
}

/* The IKE SA is not rekeyed while the peer's request for a child or for a rekeying is worked on: what
 * that makes must not come too late to be handed over. Nor does one end that was superseded, but which
 * the peer goes by. */
static bool peer_creates(const struct ike_sa *sa)
{
	for (const struct exchange *x = sa->theirs; x; x = x->next)
		if (x->kind->type == sa->protocol->creates)
			return true;

	return false;
}

/* A child isn't touched while the peer rekeys the IKE SA: we would have to refuse that, RFC 7296
 * §2.25.2, and what is wanted goes along to the new one. */
static bool peer_replaces(const struct ike_sa *sa, const struct intent *i)
{
	return sa->theirs && sa->theirs->kind->replaces_sa &&
		(i->kind == INTENT_CREATE_CHILD || i->kind == INTENT_REKEY_CHILD ||
			i->kind == INTENT_DELETE_CHILD);
}

/* The IKE SA waits, too, while the peer may not have our response to its rekeying of a child: it
 * deletes the old one when it has. If a new IKE SA came before, it would never ask for that response
 * again, and we would have a child that it doesn't know. A peer that leaves its old one undeleted
 * doesn't hold us up for long. */
static ike_time peer_done_at(const struct ike_sa *sa)
{
	ike_time at = 0;

	for (const struct child_sa *c = sa->children; c; c = c->next)
		if (c->predecessor && c->installed_at + PEER_LIMIT_NS > at && !child_confirmed(c) &&
			child_find(sa->engine, c->predecessor))
			at = c->installed_at + PEER_LIMIT_NS;
	return at;
}

static ike_time intent_ready_at(const struct ike_sa *sa, const struct intent *i)
{
	ike_time done = i->kind == INTENT_REKEY_IKE ? peer_done_at(sa) : 0;

	return done > i->not_before ? done : i->not_before;
}

static bool intent_allowed(const struct ike_sa *sa, const struct intent *i)
{
	bool superseded =
		sa->protocol->adopts && i->kind == INTENT_DELETE_IKE && i->end == SA_END_REPLACED;

	if (((i->kind == INTENT_REKEY_IKE || superseded) && peer_creates(sa)) ||
		peer_replaces(sa, i))
		return false;
	switch (sa->state) {
	case IKE_ESTABLISHED:
		return true;
	case IKE_REKEYED: /* only its own end is left to do */
		return i->kind == INTENT_DELETE_IKE;
	default:
		return false;
	}
}

void intent_pump(struct ike_sa *sa)
{
	struct intent **link = &sa->intents;
	ike_time next = IKE_TIME_NEVER;

	if (sa->doomed || sa->ours || sa->window.waiting)
		return;
	while (*link) {
		struct intent *i = *link;
		struct exchange *x;
		ike_time ready_at = intent_ready_at(sa, i);

		if (ready_at > sa->engine->now || !intent_allowed(sa, i)) {
			if (ready_at > sa->engine->now && ready_at < next)
				next = ready_at;
			link = &i->next;
			continue;
		}
		*link = i->next;
		i->next = NULL;
		x = exchange_begin(sa, sa->protocol->serves(i), i);
		if (x)
			exchange_start(x);
		return;
	}
	timer_set(&sa->engine->timers, &sa->intent_timer, next);
	renew_check(sa);
	twins_check(sa);
	sweep_later(sa);
}

void intents_clear(struct ike_sa *sa, const char *why)
{
	while (sa->intents) {
		struct intent *i = sa->intents;
		bool deleted = i->kind == INTENT_DELETE_IKE || i->kind == INTENT_DELETE_CHILD;

		sa->intents = i->next;
		command_done(sa->engine, i->command, deleted, deleted, why);
		free(i);
	}
}
