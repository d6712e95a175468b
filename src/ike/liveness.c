/* Liveness: an empty INFORMATIONAL request, sent when a peer has been silent for too long. Any
 * authenticated message proves life, and so does any ESP packet of its children, which the plane is
 * asked about first: a busy tunnel never sends a probe. RFC 7296 §2.4. What the plane says also
 * tells which children nobody uses. */
#include "ike/liveness.h"

#include "ike/child.h"
#include "ike/exchange.h"

/* A plane that has not answered by then can't vouch for anybody. */
#define USE_LIMIT_NS NS_PER_SECOND

/* Probes are up to this part of the delay early, so that peers which were all heard at one moment
 * are not all probed at another. */
#define JITTER_PART 8

static bool in_plane(const struct child_sa *c)
{
	return c->installed_in;
}

static void use_ask(const struct child_sa *c, uint64_t why)
{
	struct ike_engine *e = c->sa->engine;
	struct ike_question *q = engine_take(e, sizeof(*q));

	*q = (struct ike_question){
		.id = USE_QUESTION | why | c->id, .kind = IKE_ASK_USE, .child_id = c->id
	};
	engine_ask(e, q);
}

/* Liveness. */

static uint64_t liveness_interval(const struct ike_sa *sa)
{
	uint64_t delay = sa->connection->dpd_delay_s * NS_PER_SECOND;

	return delay - random_below(&sa->engine->options.random, delay / JITTER_PART + 1);
}

static void liveness_wait(struct ike_sa *sa, ike_time since)
{
	timer_set(&sa->engine->timers, &sa->liveness_timer, since + sa->liveness_ns);
}

void liveness_arm(struct ike_sa *sa)
{
	if (!sa->connection->dpd_delay_s || sa->state != IKE_ESTABLISHED)
		return;
	sa->liveness_ns = liveness_interval(sa);
	liveness_wait(sa, sa->last_heard);
}

void sa_heard(struct ike_sa *sa)
{
	sa->last_heard = sa->engine->now;
}

static bool silent(const struct ike_sa *sa)
{
	return sa->last_heard + sa->liveness_ns <= sa->engine->now;
}

/* A request under way proves as much as a probe would. */
static void liveness_probe(struct ike_sa *sa)
{
	if (!sa->ours && !sa->window.waiting)
		intent_add(sa, &(struct intent){ .kind = INTENT_LIVENESS });
	sa->liveness_ns = liveness_interval(sa);
	liveness_wait(sa, sa->engine->now);
}

static void liveness_judge(struct ike_sa *sa)
{
	sa->use_asked = 0;
	if (silent(sa))
		liveness_probe(sa);
	else
		liveness_wait(sa, sa->last_heard);
}

void liveness_due(struct ike_sa *sa)
{
	bool late = sa->use_asked > 0;

	if (!silent(sa) || late) {
		liveness_judge(sa);
		return;
	}
	for (const struct child_sa *c = sa->children; c; c = c->next) {
		if (!in_plane(c))
			continue;
		use_ask(c, 0);
		sa->use_asked++;
	}
	if (sa->use_asked)
		timer_set(&sa->engine->timers, &sa->liveness_timer, sa->engine->now + USE_LIMIT_NS);
	else
		liveness_judge(sa);
}

void liveness_look(const struct child_sa *c)
{
	if (in_plane(c))
		use_ask(c, USE_LOOK);
}

/* Inactivity. */

static uint64_t inactivity_limit(const struct child_sa *c)
{
	return c->config->inactivity_s * NS_PER_SECOND;
}

/* What one that is given up knows is no reason to give up the next, too. */
static struct child_sa *predecessor(const struct child_sa *c)
{
	struct child_sa *old = c->predecessor ? child_find(c->sa->engine, c->predecessor) : NULL;

	return old && old->state != IKE_CHILD_DELETING && !sa_ending(old->sa) ? old : NULL;
}

void inactivity_arm(struct child_sa *c)
{
	const struct child_sa *old = predecessor(c);

	if (!inactivity_limit(c))
		return;
	c->used_at = old ? old->used_at : c->installed_at;
	if (old && in_plane(old))
		use_ask(old, USE_INACTIVITY);
	timer_set(&c->sa->engine->timers, &c->inactivity_timer, c->used_at + inactivity_limit(c));
}

void inactivity_due(struct child_sa *c)
{
	if (!in_plane(c) || c->state == IKE_CHILD_DELETING || c->successor)
		return;
	timer_set(&c->sa->engine->timers, &c->inactivity_timer,
		c->sa->engine->now + inactivity_limit(c));
	use_ask(c, USE_INACTIVITY);
}

static bool last_child(const struct child_sa *c)
{
	return c->sa->children == c && !c->next;
}

static void inactive(struct child_sa *c)
{
	struct ike_sa *sa = c->sa;

	child_tell(c, IKE_EVENT_NOTE, 1, "nothing has passed for %llu s: closing it",
		(unsigned long long)c->config->inactivity_s);
	if (last_child(c) && sa->engine->options.inactivity_close_ike)
		intent_add(
			sa, &(struct intent){ .kind = INTENT_DELETE_IKE, .end = SA_END_COMMAND });
	else
		intent_add(sa,
			&(struct intent){ .kind = INTENT_DELETE_CHILD,
				.child_id = c->id,
				.end = SA_END_COMMAND });
}

/* A child that was replaced since hands on what it knows. */
static void inactivity_judge(struct child_sa *c)
{
	struct ike_engine *e = c->sa->engine;
	struct child_sa *successor = c->successor ? child_find(e, c->successor) : NULL;

	if (successor) {
		if (successor->used_at < c->used_at)
			successor->used_at = c->used_at;
		c = successor;
	}
	if (!inactivity_limit(c) || c->successor || c->state == IKE_CHILD_DELETING)
		return;
	if (c->used_at + inactivity_limit(c) > e->now)
		timer_set(&e->timers, &c->inactivity_timer, c->used_at + inactivity_limit(c));
	else
		inactive(c);
}

void use_answered(struct ike_engine *e, const struct ike_answer *answer)
{
	struct child_sa *c = child_find(e, (uint32_t)answer->id);
	ike_time used_at = answer->in_at > answer->out_at ? answer->in_at : answer->out_at;
	struct ike_sa *sa;

	if (!c || c->sa->gone)
		return;
	sa = c->sa;
	if (used_at > c->used_at)
		c->used_at = used_at;
	if (answer->in_at > sa->last_heard)
		sa->last_heard = answer->in_at;
	if (answer->id & USE_INACTIVITY)
		inactivity_judge(c);
	else if (!(answer->id & USE_LOOK) && sa->use_asked && --sa->use_asked == 0)
		liveness_judge(sa);
}
