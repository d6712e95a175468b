#include "ike/sweep.h"

#include "ike/heir.h"
#include "ike/narrow.h"
#include "ike/peers.h"
#include "ike/protocol.h"
#include "ike/twins.h"

/* Longer than any replacement takes in which no message is lost, with its waits (unique.c, twins.c,
 * child_kept_ns). */
#define QUIET_NS    (15 * NS_PER_SECOND)
/* What was sent over the one that goes is to arrive before that. */
#define UNDERWAY_NS NS_PER_SECOND

/* It stands, and takes nobody's place, nor does anything take its. */
static bool undisturbed(const struct ike_sa *sa)
{
	const struct ike_sa *replacement =
		sa->replacement ? sa_find(sa->engine, sa->replacement) : NULL;

	return sa->state == IKE_ESTABLISHED && !sa_ending(sa) && !sa->ours && !sa->theirs &&
		!sa->intents && !sa->rival_of && !sa->renewal && !sa->heirs_wait &&
		!(replacement && replacement->replaces == sa->id && !replacement->gone);
}

static bool quiet(const struct child_sa *c)
{
	ike_time since =
		c->installed_at > c->sa->established_at ? c->installed_at : c->sa->established_at;

	return c->sa->engine->now >= since + QUIET_NS && undisturbed(c->sa);
}

/* As it is configured now: an SA keeps what it was made with. */
static bool may_be_twice(const struct ike_sa *sa)
{
	const struct connection *c = engine_connection(sa->engine, sa_name(sa));

	return sa->protocol->adopts || (c ? c : sa->connection)->unique == UNIQUE_NEVER;
}

static bool same_traffic(const struct child_sa *a, const struct child_sa *b)
{
	return a != b && child_carries(a) && child_carries(b) &&
		strcmp(a->config->name, b->config->name) == 0 && a->spec.mode == b->spec.mode &&
		selectors_equal(&a->spec.local, &b->spec.local) &&
		selectors_equal(&a->spec.remote, &b->spec.remote);
}

static struct child_sa *double_in(const struct child_sa *c, const struct ike_sa *sa)
{
	for (struct child_sa *each = sa->children; each; each = each->next)
		if (same_traffic(c, each))
			return each;

	return NULL;
}

/* Both SPIs of a child, in an order that both its ends know. */
static uint64_t rank(const struct child_sa *c)
{
	uint64_t in = c->spec.spi_in, out = c->spec.spi_out;

	return in > out ? in << 32 | out : out << 32 | in;
}

/* As twins do: all children of the lesser IKE SA yield to those of the other. */
static bool yields(const struct child_sa *c, const struct child_sa *to)
{
	if (c->sa->line_spi != to->sa->line_spi)
		return c->sa->line_spi < to->sa->line_spi;
	return rank(c) < rank(to);
}

static bool has_old(const struct child_sa *heir)
{
	return heir->bequeather && child_find(heir->sa->engine, heir->bequeather);
}

/* The one that stays is the heir, where no others are concerned, so that the data plane goes over. With
 * policies of its own it begins to send when those of the other are removed, with it. */
static void hand_over(struct child_sa *goes, struct child_sa *stays)
{
	child_tell(goes, IKE_EVENT_NOTE, 1, "it is there twice, and the other one stays");
	child_use_outbound(stays);
	if (goes->spec.reqid != stays->spec.reqid)
		return;
	if (!heir_of(goes) && !heir_of(stays) && !has_old(stays))
		heir_link(stays, goes);
	child_stop_outbound(goes, true);
}

static void end_child(struct child_sa *goes, struct child_sa *stays)
{
	hand_over(goes, stays);
	intent_add(goes->sa,
		&(struct intent){ .kind = INTENT_DELETE_CHILD,
			.child_id = goes->id,
			.end = SA_END_REPLACED,
			.not_before = goes->sa->engine->now + UNDERWAY_NS });
}

/* Nothing of it is missing in the other, and all of it is ours to end. */
static bool superfluous(const struct ike_sa *goes, const struct ike_sa *stays)
{
	if (goes == stays || !goes->original_initiator || goes->vips)
		return false;
	for (const struct child_sa *c = goes->children; c; c = c->next) {
		const struct child_sa *to = child_carries(c) ? double_in(c, stays) : NULL;

		if (child_carries(c) &&
			(!to || !c->ours || !yields(c, to) || to->sent_enough || !quiet(to)))
			return false;
	}
	return true;
}

static void end_sa(struct ike_sa *goes, struct ike_sa *stays)
{
	for (struct child_sa *c = goes->children; c; c = c->next)
		if (child_carries(c))
			hand_over(c, double_in(c, stays));
	twins_end(goes, stays, "all of the other's children are there twice: this one stays");
}

/* One that has stopped to send can't begin again, but what it is rekeyed to can. */
static void settle(struct child_sa *goes, struct child_sa *stays)
{
	if (stays->sent_enough)
		intent_add(stays->sa,
			&(struct intent){ .kind = INTENT_REKEY_CHILD, .child_id = stays->id });
	else if (goes->ours && superfluous(goes->sa, stays->sa))
		end_sa(goes->sa, stays->sa);
	else if (goes->ours)
		end_child(goes, stays);
}

/* Whether there are two; and where nothing is under way, one of them is about to go. */
static bool compare(struct child_sa *c, struct child_sa *other)
{
	if (!other)
		return false;
	if (!quiet(c) || !quiet(other))
		return true;
	if (yields(c, other))
		settle(c, other);
	else
		settle(other, c);
	return true;
}

static bool is_beside(const struct ike_sa *sa, const struct ike_sa *other)
{
	return other->established_at && !sa_ending(other) &&
		strcmp(sa_name(sa), sa_name(other)) == 0;
}

static bool sweep(struct ike_sa *sa)
{
	struct child_sa *next;
	bool twice = false;

	for (struct child_sa *c = sa->children; c; c = next) {
		next = c->next;
		twice = compare(c, double_in(c, sa)) || twice;
		for (struct ike_sa *other = peers_next(sa, NULL); other;
			other = peers_next(sa, other))
			if (is_beside(sa, other))
				twice = compare(c, double_in(c, other)) || twice;
	}
	return twice;
}

static void look_again(struct ike_sa *sa)
{
	timer_set(&sa->engine->timers, &sa->sweep_timer, sa->engine->now + QUIET_NS);
}

void sweep_later(struct ike_sa *sa)
{
	bool several = sa->children && (sa->children->next || peers_next(sa, NULL));

	if (several && sa->established_at && !sa_ending(sa) && !timer_is_set(&sa->sweep_timer))
		look_again(sa);
}

void sweep_due(struct ike_sa *sa)
{
	if (!sa_ending(sa) && !may_be_twice(sa) && sweep(sa) && !sa_ending(sa))
		look_again(sa);
}
