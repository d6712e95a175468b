#include "ike/heir.h"

#include "ike/liveness.h"
#include "ike/narrow.h"
#include "ike/peers.h"
#include "ike/protocol.h"
#include "ike/renew.h"

/* By then a peer that asked for something more has shown that it has what it asked for before. */
#define ASKED_AFTER_NS (3 * NS_PER_SECOND)
/* A peer that lives in the old IKE SA has been heard there by then. */
#define SILENT_NS      (30 * NS_PER_SECOND)

bool child_carries(const struct child_sa *c)
{
	return c->announced && (c->state == IKE_CHILD_INSTALLED || c->state == IKE_CHILD_REKEYING);
}

struct child_sa *heir_of(const struct child_sa *c)
{
	return c->heir_id ? child_find(c->sa->engine, c->heir_id) : NULL;
}

/* What `sa` is to take the place of goes on until then. */
static struct ike_sa *replaced_by(const struct ike_sa *sa)
{
	struct ike_sa *old = sa->replaces ? sa_find(sa->engine, sa->replaces) : NULL;

	return old && !old->gone && !old->delete_sent ? old : NULL;
}

bool heirs_possible(const struct ike_sa *sa, const struct ike_sa *old)
{
	if (sa == old || old->gone || !old->established_at)
		return false;
	if (replaced_by(sa))
		return sa->replaces == old->id;
	return peers_same(sa, old) && strcmp(sa_name(sa), sa_name(old)) == 0;
}

static bool fits(const struct ike_sa *sa, const struct child_deal *deal, const struct child_sa *c)
{
	if (!child_carries(c) || heir_of(c) || strcmp(c->config->name, deal->config->name) != 0)
		return false;
	return replaced_by(sa) ||
		(c->spec.mode == deal->mode && selectors_equal(&c->spec.local, &deal->local) &&
			selectors_equal(&c->spec.remote, &deal->remote));
}

static struct child_sa *predecessor_in(
	const struct ike_sa *sa, const struct child_deal *deal, const struct ike_sa *old)
{
	if (!heirs_possible(sa, old))
		return NULL;
	for (struct child_sa *c = old->children; c; c = c->next)
		if (fits(sa, deal, c))
			return c;

	return NULL;
}

struct child_sa *heir_in(const struct child_sa *c, const struct ike_sa *sa)
{
	struct child_sa *heir = heir_of(c);

	while (heir && heir->sa != sa)
		heir = heir_of(heir);
	return heir;
}

/* The peer's renewal crosses ours and was first: ours goes behind it, and the twins' rule decides
 * which of the two stays (twins.h). */
static struct child_sa *behind_the_peers(
	const struct ike_sa *sa, const struct child_deal *deal, const struct ike_sa *old)
{
	for (const struct child_sa *c = old->children; c; c = c->next) {
		struct child_sa *last = heir_of(c);

		if (!child_carries(c) || strcmp(c->config->name, deal->config->name) != 0 ||
			heir_in(c, sa))
			continue;
		while (last && heir_of(last))
			last = heir_of(last);
		if (last && child_carries(last) && last->spec.mode == deal->mode &&
			selectors_equal(&last->spec.local, &deal->local) &&
			selectors_equal(&last->spec.remote, &deal->remote))
			return last;
	}
	return NULL;
}

struct child_sa *heir_predecessor(struct ike_sa *sa, const struct child_deal *deal)
{
	const struct ike_sa *old = replaced_by(sa);
	struct child_sa *found = NULL;

	if (old) {
		found = predecessor_in(sa, deal, old);
		return found ? found : behind_the_peers(sa, deal, old);
	}
	while (!found && (old = peers_next(sa, old)))
		found = predecessor_in(sa, deal, old);
	return found;
}

void heir_link(struct child_sa *heir, struct child_sa *old)
{
	old->heir_id = heir->id;
	heir->heir = true;
	heir->bequeather = old->id;
	heir->predecessor = old->id;
	renew_succession(old->sa);
}

static struct child_sa *bequeather(const struct child_sa *heir)
{
	struct child_sa *old =
		heir->bequeather ? child_find(heir->sa->engine, heir->bequeather) : NULL;

	return old && old->heir_id == heir->id ? old : NULL;
}

bool heirs_beside_old(const struct ike_sa *sa)
{
	for (const struct child_sa *c = sa->children; c; c = c->next) {
		const struct child_sa *old = c->heir ? bequeather(c) : NULL;

		if (old && old->sa != sa && child_carries(old) && !sa_ending(old->sa))
			return true;
	}
	return false;
}

void heir_rekeyed(struct child_sa *made, struct child_sa *rekeyed)
{
	struct child_sa *old = bequeather(rekeyed), *heir = heir_of(rekeyed);

	made->heir = rekeyed->heir;
	made->bequeather = rekeyed->bequeather;
	if (old)
		old->heir_id = made->id;
	if (heir)
		heir->bequeather = made->id;
	made->heir_id = rekeyed->heir_id;
	made->renewed_by = rekeyed->renewed_by;
	rekeyed->heir_id = 0;
}

void heir_passes_on(struct child_sa *goes, struct child_sa *stays)
{
	if (goes->heir && !stays->heir)
		heir_rekeyed(stays, goes);
}

/* Until the peer has shown that it has what its rekeying made. */
static bool rekeyed_one_sends(const struct child_sa *c)
{
	const struct child_sa *rekeyed = child_find(c->sa->engine, c->predecessor);

	return rekeyed && rekeyed->sa == c->sa && rekeyed->installed_out;
}

struct child_sa *heir_carrier(const struct child_sa *c)
{
	struct child_sa *heir = heir_of(c), *old = bequeather(c);

	while (heir && (!heir->installed_in || heir->sent_enough))
		heir = heir_of(heir);
	if (heir)
		return heir;
	return old && child_carries(old) && !old->sent_enough ? old : NULL;
}

bool heir_takes_over(struct child_sa *c)
{
	struct child_sa *heir = heir_of(c), *old = bequeather(c), *carrier = heir_carrier(c);

	if (heir && old) { /* which is there still where the peer never deleted it */
		old->heir_id = heir->id;
		heir->bequeather = old->id;
	}
	if (!carrier)
		return false;
	if (carrier != old) {
		if (!rekeyed_one_sends(carrier))
			child_use_outbound(carrier);
		return true;
	}
	/* The other way round: the data plane has the old one still, and goes back to it. */
	if (!heir || heir->sent_enough)
		carrier->heir_id = 0;
	carrier->predecessor = c->id;
	child_tell(carrier, IKE_EVENT_CHILD_REKEYED, 1,
		"it goes on: what was to replace it has ended");
	return true;
}

/* The initiator can use a child when it has our response. Until then what we send goes over the old
 * one, which it deletes when all stands. */
void heir_waits(struct child_sa *c)
{
	struct ike_sa *sa = c->sa;

	sa->heirs_wait = true;
	timer_set(&sa->engine->timers, &sa->renew_timer, sa->engine->now + ASKED_AFTER_NS);
}

static bool waits(const struct child_sa *c)
{
	return c->heir && c->installed_in && !c->installed_out && !c->sent_enough &&
		child_carries(c);
}

void heirs_confirmed(struct ike_sa *sa)
{
	if (!sa->heirs_wait)
		return;
	sa->heirs_wait = false;
	for (struct child_sa *c = sa->children; c; c = c->next)
		if (waits(c))
			child_use_outbound(c);
}

static bool came_with_auth(const struct child_sa *c)
{
	return c->installed_at <= c->sa->established_at;
}

/* What it takes the place of: there is time until the peer deletes that. */
static bool old_lives(const struct child_sa *c)
{
	const struct child_sa *old = bequeather(c);

	return old && child_carries(old) && !sa_ending(old->sa) &&
		old->sa->last_heard > c->installed_at;
}

static bool peer_has(const struct child_sa *c)
{
	const struct ike_sa *sa = c->sa;

	if (sa->protocol->adopts || child_confirmed(c))
		return true;
	if (came_with_auth(c))
		return sa_answered(sa);
	return !old_lives(c) && sa->engine->now >= c->installed_at + SILENT_NS;
}

/* Where it came by CREATE_CHILD_SA an answer in the new IKE SA proves nothing, but one in the old does: that
 * it can wait. Mostly packets of the old child say so before. */
static void ask(const struct child_sa *c)
{
	const struct child_sa *old = bequeather(c);

	if (came_with_auth(c)) {
		if (!sa_answered(c->sa))
			intent_add(c->sa, &(struct intent){ .kind = INTENT_LIVENESS });
	} else if (old) {
		liveness_look(old);
		intent_add(old->sa, &(struct intent){ .kind = INTENT_LIVENESS });
	}
}

/* The old one may be dead, as it is to a peer that has lost it and came again. Thus we don't wait for
 * its end, but ask in the new IKE SA: who answers there has our response of IKE_AUTH. */
void heirs_due(struct ike_sa *sa)
{
	bool any = false, open = false;

	for (struct child_sa *c = sa->children; sa->heirs_wait && c; c = c->next) {
		if (!waits(c))
			continue;
		if (peer_has(c)) {
			child_use_outbound(c);
			continue;
		}
		any = true;
		if (came_with_auth(c) || !old_lives(c)) {
			open = true;
			ask(c);
		}
	}
	sa->heirs_wait = any;
	if (open)
		timer_set(&sa->engine->timers, &sa->renew_timer, sa->engine->now + NS_PER_SECOND);
}

void heirs_move(const struct ike_sa *from, struct ike_sa *to)
{
	if (!from->heirs_wait)
		return;
	to->heirs_wait = true;
	timer_set(&to->engine->timers, &to->renew_timer, to->engine->now);
}
