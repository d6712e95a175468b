/* When an IKE SA is authenticated anew: after reauth_time, before over_time ends it, when the peer wants
 * it (AUTH_LIFETIME, RFC 4478); and when not, because the peer has been first. How: renew.c. */
#include "ike/heir.h"
#include "ike/peers.h"
#include "ike/renew.h"
#include "ike/twins.h"

#define RETRY_NS_MIN  (5 * NS_PER_SECOND)
#define RETRY_NS_MAX  (60 * NS_PER_SECOND)
/* Within this time a peer has all children in the IKE SA that it has set up in another's place. */
#define PEER_LIMIT_NS (60 * NS_PER_SECOND)
/* A peer that wants us to authenticate at once, again and again, gets it this often. */
#define REAUTH_NS_MIN (5 * NS_PER_SECOND)

/* When. */

bool renew_possible(const struct ike_sa *sa)
{
	const struct host_list *to = &sa->connection->remote_addrs;

	if (sa->original_initiator)
		return true;
	if (sa->vips)
		return false; /* only the peer can ask for its address again */
	for (size_t i = 0; i < to->count; i++)
		if (to->list[i].kind == HOST_ADDRESS || to->list[i].kind == HOST_NAME)
			return true;

	return false;
}

static void set_timers(struct ike_sa *sa)
{
	timer_set(&sa->engine->timers, &sa->reauth_timer, sa->reauth_at);
	timer_set(&sa->engine->timers, &sa->auth_end_timer, sa->auth_ends_at);
}

/* The responder announced reauth_time as AUTH_LIFETIME: it leaves the initiator half of over_time
 * more before it begins itself, where it can. */
void renew_arm(struct ike_sa *sa)
{
	const struct connection *c = sa->connection;
	ike_time own = IKE_TIME_NEVER;

	if (!sa->authenticated_at && c->reauth_time_s) {
		if (sa->original_initiator)
			own = sa_jittered(sa, c->reauth_time_s, c->rand_time_s);
		else if (renew_possible(sa))
			own = sa_jittered(sa, c->reauth_time_s, 0) +
				c->over_time_s * NS_PER_SECOND / 2;
		if (c->over_time_s || !sa->original_initiator)
			sa->auth_ends_at = sa_jittered(sa, c->reauth_time_s + c->over_time_s, 0);
	}
	if (!sa->authenticated_at)
		sa->authenticated_at = sa->engine->now;
	if (own < sa->reauth_at)
		sa->reauth_at = own;
	set_timers(sa);
}

void renew_disarm(struct ike_sa *sa)
{
	timer_clear(&sa->engine->timers, &sa->reauth_timer);
	timer_clear(&sa->engine->timers, &sa->auth_end_timer);
	timer_clear(&sa->engine->timers, &sa->renew_timer);
}

void renew_inherit(struct ike_sa *sa, const struct ike_sa *old)
{
	sa->original_initiator = old->original_initiator;
	sa->renewed = old->renewed;
	sa->authenticated_at = old->authenticated_at;
	sa->reauth_at = old->reauth_at;
	sa->auth_ends_at = old->auth_ends_at;
}

/* A tenth earlier than the peer wants, and up to as much again at random. */
void renew_within(struct ike_sa *sa, uint32_t lifetime_s)
{
	struct ike_engine *e = sa->engine;
	ike_time since = sa->authenticated_at ? sa->authenticated_at : e->now;
	uint64_t lifetime = lifetime_s * NS_PER_SECOND, early = lifetime / 10;
	ike_time at = e->now + lifetime - early;

	if (early)
		at -= random_below(&e->options.random, early / NS_PER_MS + 1) * NS_PER_MS;
	if (at < since + REAUTH_NS_MIN)
		at = since + REAUTH_NS_MIN;
	sa_tell(sa, IKE_EVENT_NOTE, 1, "the peer wants us to authenticate again within %u s",
		lifetime_s);
	if (at < sa->reauth_at)
		sa->reauth_at = at;
	if (sa->established_at)
		set_timers(sa);
}

/* The peer was first. */

/* IKE SAs that were rekeyed are as old as what they came from. */
static bool is_newer(const struct ike_sa *a, const struct ike_sa *b)
{
	return a->authenticated_at > b->authenticated_at ||
		(a->authenticated_at == b->authenticated_at && a->id > b->id);
}

static bool takes_over(const struct ike_sa *newer, const struct ike_sa *sa)
{
	return is_newer(newer, sa) && !newer->gone && !newer->delete_sent &&
		newer->established_at && newer->state != IKE_REKEYED && heirs_possible(newer, sa);
}

bool renew_succeeded(const struct ike_sa *sa)
{
	const struct ike_sa *newer;

	for (const struct child_sa *c = sa->children; c; c = c->next)
		if (child_carries(c) && !heir_of(c))
			return false;
	for (newer = peers_next(sa, NULL); newer; newer = peers_next(sa, newer))
		if (takes_over(newer, sa))
			return true;

	newer = sa->replacement ? sa_find(sa->engine, sa->replacement) : NULL;
	return newer && takes_over(newer, sa); /* it may be of another identity */
}

/* The peer has set up another and may still move the children to it, one by one. */
static bool peer_is_replacing(const struct ike_sa *sa)
{
	const struct ike_sa *newer = NULL;

	if (sa->connection->unique == UNIQUE_NEVER)
		return false;
	while ((newer = peers_next(sa, newer)))
		if (takes_over(newer, sa) && !newer->original_initiator &&
			newer->authenticated_at + PEER_LIMIT_NS > sa->engine->now)
			return true;

	return false;
}

bool renew_by_peer(const struct ike_sa *sa)
{
	return renew_succeeded(sa) || peer_is_replacing(sa);
}

/* Timers. */

/* Whoever set up another in its place should have deleted it by now. */
static void ask_succeeded(struct ike_sa *sa)
{
	struct ike_engine *e = sa->engine;

	intent_add(sa, &(struct intent){ .kind = INTENT_LIVENESS });
	timer_set(&e->timers, &sa->reauth_timer,
		sa->reauth_at > e->now ? sa->reauth_at : e->now + RETRY_NS_MAX);
}

void renew_succession(struct ike_sa *old)
{
	ike_time at = old->engine->now + RETRY_NS_MAX;

	if (at < old->reauth_at)
		timer_set(&old->engine->timers, &old->reauth_timer, at);
}

/* Not before one of twins has gone: see renew_command(). */
static void reauth_due(struct ike_sa *sa)
{
	struct timers *timers = &sa->engine->timers;

	if (sa->established_at && renew_succeeded(sa))
		ask_succeeded(sa);
	else if (sa->reauth_at > sa->engine->now)
		timer_set(timers, &sa->reauth_timer, sa->reauth_at);
	else if (twins_undecided(sa) ||
		!renew_begin(sa, &(struct renew_order){ .word = "reauthenticated" }))
		timer_set(timers, &sa->reauth_timer, sa->engine->now + RETRY_NS_MIN);
}

void renew_timer_due(struct ike_sa *sa, enum sa_timer kind)
{
	switch (kind) {
	case TIMER_REAUTH:
		reauth_due(sa);
		break;
	case TIMER_AUTH_END:
		sa_tell(sa, IKE_EVENT_FAILED, 0, "not authenticated again before its time ended");
		intent_add(sa, &(struct intent){ .kind = INTENT_DELETE_IKE });
		break;
	case TIMER_RENEW:
		heirs_due(sa);
		renew_check(sa);
		break;
	default:
		break;
	}
}
