#include "ike/twins.h"

#include "ike/heir.h"
#include "ike/peers.h"
#include "ike/protocol.h"
#include "ike/renew.h"

/* What was sent over the children of the one that goes is to arrive before they do. */
#define UNDERWAY_NS   NS_PER_SECOND
/* By then a peer that knows the rule has deleted what is its to delete, or tries. */
#define PEER_LIMIT_NS (4 * NS_PER_SECOND)
/* A peer without our answer has asked for it three times more by then. */
#define REPEATED_NS   (30 * NS_PER_SECOND)
/* Nobody waits for longer than this for the verdict. */
#define UNDECIDED_NS  (60 * NS_PER_SECOND)

/* Both were being set up at the same time, as far as we can see: ours began before we knew theirs,
 * and theirs before ours stood. */
static bool crossed(const struct ike_sa *ours, const struct ike_sa *theirs)
{
	return ours->begun_at <= theirs->authenticated_at &&
		theirs->begun_at <= ours->authenticated_at;
}

static bool stands(const struct ike_sa *sa)
{
	return sa->established_at && !sa->rival_of && sa->state == IKE_ESTABLISHED &&
		!sa_ending(sa);
}

static bool are_twins(const struct ike_sa *ours, const struct ike_sa *theirs)
{
	return !ours->protocol->adopts && stands(ours) && stands(theirs) &&
		ours->original_initiator && !theirs->original_initiator &&
		ours->connection->unique != UNIQUE_NEVER && !ours->vips && !theirs->vips &&
		!ours->renewal && strcmp(sa_name(ours), sa_name(theirs)) == 0 &&
		crossed(ours, theirs);
}

static bool idle(const struct ike_sa *sa)
{
	return !sa->ours && !sa->theirs && !sa->intents;
}

/* The child of the survivor that does what this one does: one is the heir of the other. */
static struct child_sa *counterpart(const struct child_sa *c, const struct ike_sa *survivor)
{
	struct child_sa *heir = heir_of(c);

	if (heir && heir->sa == survivor && child_carries(heir))
		return heir;
	for (struct child_sa *each = survivor->children; each; each = each->next)
		if (child_carries(each) && each->heir_id == c->id)
			return each;

	return NULL;
}

static bool share_a_child(const struct ike_sa *loser, const struct ike_sa *survivor)
{
	bool any = false;

	for (const struct child_sa *c = loser->children; c; c = c->next) {
		if (!child_carries(c))
			continue;
		any = true;
		if (counterpart(c, survivor))
			return true;
	}
	return !any;
}

/* Children that only the loser has are created anew on the survivor. False where one couldn't be. */
static bool complete(struct ike_sa *loser, struct ike_sa *survivor, bool *ret_asked)
{
	*ret_asked = false;
	for (struct child_sa *c = loser->children; c; c = c->next) {
		const struct child_config *config =
			connection_child(survivor->connection, c->config->name);

		if (!child_carries(c) || counterpart(c, survivor))
			continue;
		if (!config || c->renewed_by == survivor->id)
			return false;
		c->renewed_by = survivor->id;
		*ret_asked = true;
		intent_add(survivor,
			&(struct intent){ .kind = INTENT_CREATE_CHILD, .config = config });
	}
	return true;
}

static void move_traffic(struct ike_sa *loser, const struct ike_sa *survivor)
{
	for (struct child_sa *c = loser->children; c; c = c->next) {
		struct child_sa *to = child_carries(c) ? counterpart(c, survivor) : NULL;

		if (!to)
			continue;
		child_use_outbound(to);
		child_stop_outbound(c, true);
	}
}

void twins_end(struct ike_sa *loser, struct ike_sa *survivor, const char *why)
{
	struct timers *timers = &loser->engine->timers;

	renew_disarm(loser);
	renew_withdraw(loser, survivor);
	timer_clear(timers, &loser->rekey_timer);
	timer_clear(timers, &loser->over_timer);
	timer_clear(timers, &loser->liveness_timer);
	loser->state = IKE_REKEYED;
	survivor->twin_over_at = loser->engine->now + UNDERWAY_NS + PEER_LIMIT_NS;
	engine_tell(loser->engine,
		&(struct ike_event){ .kind = IKE_EVENT_IKE_REPLACED,
			.ike_id = survivor->id,
			.old_id = loser->id,
			.ike_name = sa_name(survivor),
			.text = why,
			.path = &survivor->path });
	intent_add(loser,
		&(struct intent){ .kind = INTENT_DELETE_IKE,
			.end = SA_END_REPLACED,
			.not_before = loser->engine->now + UNDERWAY_NS });
}

/* A peer that doesn't know the rule leaves its own for us to delete: not before it has had time to; nor
 * before one that has set up its own in the place of ours, which we can't see, has deleted ours: which it does
 * when its own has all children. */
static bool left_to_us(struct ike_sa *loser, const struct ike_sa *survivor)
{
	ike_time both = loser->established_at > survivor->established_at ? loser->established_at
									 : survivor->established_at;
	ike_time at;

	for (const struct child_sa *c = loser->children; c; c = c->next)
		both = c->installed_at > both ? c->installed_at : both;
	at = both + PEER_LIMIT_NS;
	if (survivor->renewed)
		at += loser->engine->options.child_kept_ns;
	if (loser->original_initiator || loser->engine->now >= at)
		return true;
	timer_set(&loser->engine->timers, &loser->unique_timer, at);
	return false;
}

/* An answer of the peer in the survivor says that it has what came with IKE_AUTH; but what it has asked for
 * since it may not have yet, and the loser's children carry the traffic until it has. */
static bool peer_has_children(struct ike_sa *loser, const struct ike_sa *survivor)
{
	ike_time at = 0;

	for (const struct child_sa *c = survivor->children; c; c = c->next)
		if (child_carries(c) && c->installed_at > survivor->established_at &&
			!child_confirmed(c) && c->installed_at + REPEATED_NS > at)
			at = c->installed_at + REPEATED_NS;
	if (loser->engine->now >= at)
		return true;
	timer_set(&loser->engine->timers, &loser->unique_timer, at);
	return false;
}

/* Of the two that with the higher initiator's SPI survives. */
static void judge(struct ike_sa *ours, struct ike_sa *theirs)
{
	bool won = ours->line_spi > theirs->line_spi, asked;
	struct ike_sa *loser = won ? theirs : ours, *survivor = won ? ours : theirs;

	if (!are_twins(ours, theirs) || !share_a_child(loser, survivor) || !idle(ours) ||
		!idle(theirs) || !left_to_us(loser, survivor) ||
		!peer_has_children(loser, survivor))
		return;
	if (!sa_answered(survivor)) {
		intent_add(survivor, &(struct intent){ .kind = INTENT_LIVENESS });
		return;
	}
	if (!complete(loser, survivor, &asked) || asked)
		return;
	move_traffic(loser, survivor);
	twins_end(loser, survivor, "both ends had initiated at once: this one stays");
}

void twins_check(struct ike_sa *sa)
{
	if (!sa->established_at || sa->gone || !sa->peer)
		return;
	for (struct ike_sa *other = peers_next(sa, NULL); other; other = peers_next(sa, other)) {
		if (sa->original_initiator)
			judge(sa, other);
		else
			judge(other, sa);
	}
}

/* Who sets up another soon after the first, as by authenticating again, replaces that with it, though its twin
 * may not be judged yet: what wins against the one is to win against the other. Both ends see it so. */
uint64_t twins_line(struct ike_sa *sa)
{
	for (struct ike_sa *other = peers_next(sa, NULL); other; other = peers_next(sa, other))
		if (other->line_spi && other->original_initiator == sa->original_initiator &&
			sa->begun_at < other->authenticated_at + PEER_LIMIT_NS &&
			strcmp(sa_name(sa), sa_name(other)) == 0)
			return other->line_spi;

	return sa->spi_i;
}

bool twins_undecided(const struct ike_sa *sa)
{
	if (!sa->peer || sa->engine->now > sa->established_at + UNDECIDED_NS)
		return false;
	for (struct ike_sa *other = peers_next(sa, NULL); other; other = peers_next(sa, other))
		if (are_twins(sa->original_initiator ? sa : other,
			    sa->original_initiator ? other : sa))
			return true;

	return false;
}

/* All that is wanted of an SA that is being set up is there. */
static bool has_all(
	const struct ike_sa *other, const struct ike_sa *sa, const struct child_config *config)
{
	if (config && !child_live(other, config->name))
		return false;
	for (const struct intent *i = sa->intents; i; i = i->next)
		if (i->kind != INTENT_CREATE_CHILD || !child_live(other, i->config->name))
			return false;

	return true;
}

bool twins_forestalled(const struct ike_sa *sa, const struct child_config *config)
{
	const struct connection *c = sa->connection;
	const struct ike_sa *other;

	if (renew_superfluous(sa))
		return true;
	if (sa->replaces || sa->renewal || c->unique == UNIQUE_NEVER || c->vip_count)
		return false;
	for (other = engine_sas(sa->engine, c->name); other; other = other->next_named)
		if (stands(other) && !other->original_initiator && !other->vips &&
			other->connection == c && other->authenticated_at >= sa->begun_at &&
			peers_same(sa, other) && has_all(other, sa, config))
			return true;

	return false;
}

static bool cross_whole(const struct ike_sa *a, const struct ike_sa *b)
{
	return a->original_initiator != b->original_initiator && crossed(a, b);
}

struct child_sa *twins_other_child(
	struct ike_sa *sa, const struct child_deal *deal, ike_time asked_at)
{
	bool judged = stands(sa) && !sa->renewal && sa->connection->unique != UNIQUE_NEVER;
	struct child_sa *other = judged ? heir_predecessor(sa, deal) : NULL;

	if (!other || other->installed_at <= asked_at || !stands(other->sa) || other->sa->renewal ||
		cross_whole(sa, other->sa))
		return NULL;
	return other;
}

bool twins_keeps_child(const struct ike_sa *sa, const struct child_sa *other)
{
	return sa->line_spi > other->sa->line_spi;
}

void twins_drop_child(struct child_sa *c)
{
	child_stop_outbound(c, true);
	intent_add(c->sa,
		&(struct intent){ .kind = INTENT_DELETE_CHILD,
			.child_id = c->id,
			.end = SA_END_REPLACED,
			.not_before = c->sa->engine->now + UNDERWAY_NS });
}
