#include "ike/lifetime.h"

#include "ike/child.h"
#include "ike/heir.h"
#include "ike/liveness.h"

#define RETRY_NS     (2 * NS_PER_SECOND) /* the first; each later one after twice as long */
#define RETRY_MIN_NS NS_PER_SECOND
#define DOUBLINGS    5

uint64_t soft_limit(struct ike_engine *e, uint64_t limit, uint64_t rand)
{
	uint64_t early;

	if (!limit)
		return 0;
	early = rand ? random_below(&e->options.random, rand == UINT64_MAX ? rand : rand + 1) : 0;
	return early < limit ? limit - early : 1;
}

void child_arm(struct child_sa *c)
{
	const struct child_config *config = c->config;
	struct timers *timers = &c->sa->engine->timers;

	c->installed_at = c->sa->engine->now;
	c->rekey_at = sa_jittered(c->sa, config->rekey_time_s, config->rand_time_s);
	c->expire_at = sa_jittered(c->sa, config->life_time_s, 0);
	timer_set(timers, &c->rekey_timer, c->rekey_at);
	timer_set(timers, &c->expire_timer, c->expire_at);
	inactivity_arm(c);
}

/* Another that took its place later does already: that of the two ends which deletes this one first needn't
 * be the one that was replaced first. */
static bool later_one_sends(const struct child_sa *c)
{
	for (unsigned i = 0; i < LINE_CHILDREN_MAX && c; i++) {
		c = child_find(c->sa->engine, c->successor);
		if (c && c->installed_out)
			return true;
	}
	return false;
}

void child_yields(const struct child_sa *c)
{
	struct child_sa *successor = child_find(c->sa->engine, c->successor);

	if (successor && successor->state != IKE_CHILD_DELETED && c->sa->state != IKE_REKEYED &&
		!later_one_sends(successor))
		child_use_outbound(successor);
}

/* The peer has had time enough to show that it receives on what took this one's place, or has agreed to
 * our deleting this one. */
static void successor_sends(const struct child_sa *c)
{
	if (c->installed_out)
		child_yields(c);
}

/* "When the lifetime of a Security Association expires, the Security Association MUST NOT be used",
 * §2.8: we don't wait for the answer to our delete. */
void child_expired(struct child_sa *c)
{
	if (c->state == IKE_CHILD_DELETED) {
		child_remove(c, SA_END_REPLACED, "");
		child_free(c);
		return;
	}
	if (c->successor)
		child_tell(c, IKE_EVENT_NOTE, 1, "replaced, but the peer did not delete it");
	else
		child_tell(c, IKE_EVENT_FAILED, 0, "not rekeyed before its lifetime ended");
	successor_sends(c);
	child_stop_outbound(c, false);
	intent_add(c->sa,
		&(struct intent){ .kind = INTENT_DELETE_CHILD,
			.child_id = c->id,
			.end = c->successor ? SA_END_REPLACED : SA_END_FAILED });
}

void child_replaced(struct child_sa *c, struct child_sa *by)
{
	struct timers *timers = &c->sa->engine->timers;
	ike_time kept = c->sa->engine->now + REPLACED_KEPT_NS;

	c->successor = by->id;
	if (c->state == IKE_CHILD_DELETING || c->state == IKE_CHILD_DELETED)
		return;
	c->state = IKE_CHILD_REKEYED;
	timer_clear(timers, &c->rekey_timer);
	timer_clear(timers, &c->inactivity_timer);
	timer_set(timers, &c->expire_timer, kept < c->expire_at ? kept : c->expire_at);
}

static void rearm(struct child_sa *c)
{
	struct timers *timers = &c->sa->engine->timers;

	timer_set(timers, &c->expire_timer, c->expire_at);
	if (c->rekey_at <= c->sa->engine->now)
		child_rekey_failed(c);
	else
		timer_set(timers, &c->rekey_timer, c->rekey_at);
	inactivity_arm(c);
}

bool child_goes_back(struct child_sa *c)
{
	struct child_sa *old = child_find(c->sa->engine, c->predecessor);

	if (!c->made_by || c->sa->gone || !old || old->sa != c->sa || old->successor != c->id)
		return false;
	old->successor = 0;
	if (old->state != IKE_CHILD_REKEYED || !old->installed_in || old->sent_enough)
		return false;
	old->state = IKE_CHILD_INSTALLED;
	child_use_outbound(old);
	rearm(old);
	if (!c->announced)
		return true;
	heir_rekeyed(old, c);
	old->predecessor = c->id;
	child_tell(old, IKE_EVENT_CHILD_REKEYED, 1,
		"it goes on: the peer could not finish its rekeying");
	return true;
}

static void keep_inbound(struct child_sa *c)
{
	struct ike_engine *e = c->sa->engine;

	child_stop_outbound(c, true);
	c->state = IKE_CHILD_DELETED;
	timer_clear(&e->timers, &c->rekey_timer);
	timer_clear(&e->timers, &c->inactivity_timer);
	timer_set(&e->timers, &c->expire_timer, e->now + e->options.child_kept_ns);
}

void child_retire(struct child_sa *c, enum sa_end end, const char *why)
{
	struct ike_engine *e = c->sa->engine;

	successor_sends(c);
	if (!c->successor || !c->installed_in || !e->options.child_kept_ns || c->sa->gone) {
		child_remove(c, c->successor ? SA_END_REPLACED : end, why);
		child_free(c);
		return;
	}
	keep_inbound(c);
}

bool child_outlasts_sa(struct child_sa *c)
{
	const struct child_sa *carrier = heir_carrier(c);

	if (!carrier || carrier->sa == c->sa || !child_carries(carrier) || !child_carries(c) ||
		!c->installed_in || !c->sa->engine->options.child_kept_ns)
		return false;
	heir_takes_over(c);
	keep_inbound(c);
	child_move(c, carrier->sa);
	return true;
}

/* What a peer can make an IKE SA keep is limited. */
static bool has_room(const struct ike_sa *sa)
{
	uint32_t count = 0;

	for (const struct child_sa *c = sa->children; c; c = c->next)
		count++;
	return count / 2 < sa->engine->options.children_max;
}

bool child_follows_successor(struct child_sa *c)
{
	const struct child_sa *next = child_find(c->sa->engine, c->successor);

	if (!next || next->sa == c->sa || next->sa->gone || !has_room(next->sa) ||
		!c->installed_in || !c->sa->engine->options.child_kept_ns)
		return false;
	if (c->state != IKE_CHILD_DELETED)
		keep_inbound(c);
	child_move(c, next->sa);
	return true;
}

/* Twice as long after each failure, within the half of what is left. */
static ike_time again_at(struct ike_engine *e, unsigned tries, ike_time end)
{
	uint64_t wait = (uint64_t)RETRY_NS << (tries < DOUBLINGS ? tries : DOUBLINGS);
	uint64_t left = end == IKE_TIME_NEVER ? UINT64_MAX : end > e->now ? (end - e->now) / 2 : 0;

	wait += random_below(&e->options.random, wait);
	if (wait > left)
		wait = left;
	return e->now + (wait < RETRY_MIN_NS ? RETRY_MIN_NS : wait);
}

void child_rekey_failed(struct child_sa *c)
{
	struct ike_engine *e = c->sa->engine;

	c->rekey_at = again_at(e, c->rekey_tries++, c->expire_at);
	timer_set(&e->timers, &c->rekey_timer, c->rekey_at);
}

void sa_rekey_failed(struct ike_sa *sa)
{
	struct ike_engine *e = sa->engine;

	sa->rekey_at = again_at(e, sa->rekey_tries++, sa->over_at);
	timer_set(&e->timers, &sa->rekey_timer, sa->rekey_at);
}
