/* A new SA whose sender is where the old one's peer is, is taken for a reauthentication (RFC 7296
 * §2.8.3), make before break: its sender deletes the old SA itself, and we do where it hasn't after
 * a while. From elsewhere it is a peer that has moved or started afresh: with `replace` the old SA
 * ends, with `keep` it stays as long as somebody answers there. What stood only after the new SA's
 * setup had begun is none of both: the two crossed (twins.h). */
#include "ike/unique.h"

#include "ike/admit.h"
#include "ike/peers.h"
#include "ike/ticket.h"
#include "ike/twins.h"
#include "ike/v2/auth.h"
#include "ike/v2/configuration.h"
#include "ike/v2/session_resume.h"

#define REAUTH_LIMIT_NS (10 * NS_PER_SECOND) /* for the peer to delete the SA before */
#define DOUBT_NS        (8 * NS_PER_SECOND) /* without an answer: an SA that is to be kept is dead */
#define GOODBYE_NS      (10 * NS_PER_SECOND) /* for a delete that nobody may be there to answer */

/* The sender of a new SA can't have known of this one when it began. */
static bool crossed(const struct ike_sa *sa, const struct ike_sa *old)
{
	return old->authenticated_at >= sa->begun_at;
}

/* By what the first round says of whom; with several rounds, or where the peer may be anybody, all
 * SAs of the connection count. A setup of the same peer's that is half-open here may stand there by
 * the time it reads this, and must not be taken for a leftover. */
bool unique_first_contact(const struct ike_sa *sa)
{
	const struct connection *c = sa->connection;
	const struct ike_sa *other;

	if (sa->replaces || c->unique == UNIQUE_NEVER || peers_next(sa, NULL) ||
		half_open_from(sa->engine, &sa->path.remote.address))
		return false;
	if (sa->remote_id.type && c->local_count == 1 && c->remote_count == 1)
		return true;
	for (other = engine_sas(sa->engine, c->name); other; other = other->next_named)
		if (other != sa && !other->gone && other->established_at)
			return false;

	return true;
}

/* The peer says that it knows of no other SA between us: ours are leftovers, whatever connection they
 * are of. What it may have been about to set up when it said so isn't. */
static void drop_leftovers(struct ike_sa *sa)
{
	struct ike_sa *next;

	for (struct ike_sa *old = peers_next(sa, NULL); old; old = next) {
		next = peers_next(sa, old);
		if (old->established_at && !crossed(sa, old))
			sa_linger(
				old, SA_END_PEER_GONE, "the peer started afresh (INITIAL_CONTACT)");
	}
}

/* Whether the policy is about this pair. What both ends began at once is not. */
static bool concerned(const struct ike_sa *sa, const struct ike_sa *old)
{
	return old->established_at && !sa_ending(old) && old->id != sa->replaces &&
		strcmp(sa_name(sa), sa_name(old)) == 0 &&
		!(crossed(sa, old) && old->original_initiator != sa->original_initiator);
}

/* Among the addresses that it has told us by MOBIKE, RFC 4555 §3.6. */
static bool told(const struct ike_sa *old, const struct address *a)
{
	for (size_t i = 0; i < old->mobility.peer_count; i++)
		if (address_equal(&old->mobility.peer[i], a))
			return true;

	return false;
}

/* Behind a NAT another port may be another host. Else it is the one that IKE_SA_INIT comes from, or that of
 * NAT traversal, to which MOBIKE goes though no NAT is there (RFC 4555 §3.3). */
static bool reauthenticates(const struct ike_sa *sa, const struct ike_sa *old)
{
	const struct endpoint *now = &sa->path.remote, *before = &old->path.remote;

	if (endpoint_equal(now, before))
		return true;
	return !(sa->nat_remote && old->nat_remote) &&
		(address_equal(&now->address, &before->address) || told(old, &now->address));
}

static bool resumes(const struct ike_sa *sa, const struct ike_sa *old)
{
	return sa->setup && resuming(sa) && old->resumption.issued == sa->setup->resumes->serial;
}

/* Nobody has answered there since it was asked. */
static bool dead(const struct ike_sa *old)
{
	return old->doubted_at && old->last_heard < old->doubted_at &&
		old->engine->now - old->doubted_at >= DOUBT_NS;
}

static bool refuse(struct exchange *x, struct ike_sa *old)
{
	const struct connection *c = x->sa->connection;
	char where[ENDPOINT_TEXT_MAX];

	if (!old->doubted_at || old->last_heard >= old->doubted_at)
		old->doubted_at = x->engine->now;
	intent_add(old, &(struct intent){ .kind = INTENT_LIVENESS });
	x->reject.doom = true;
	exchange_reject(x, AUTHENTICATION_FAILED,
		"AUTHENTICATION_FAILED: connection %s keeps the SA that it has with a peer (unique = keep, %s:%u), and IKE SA %u with %s stands: it is being asked whether it lives; if it doesn't answer, come again",
		c->name, c->where.file, c->where.line, old->id,
		endpoint_print(&old->path.remote, where));
	return false;
}

/* A peer with close_action that doesn't know of twins answers the deletion of one by setting it up
 * again, for ever. It has the other, with the same children. */
static bool sets_up_twin_again(const struct ike_sa *sa, const struct ike_sa *old)
{
	return sa->begun_at < old->twin_over_at && reauthenticates(sa, old);
}

static bool refuse_twin(struct exchange *x, const struct ike_sa *old)
{
	x->reject.doom = true;
	exchange_reject(x, AUTHENTICATION_FAILED,
		"the peer sets up again what both ends had set up at once and we deleted: IKE SA %u of connection %s stands",
		old->id, sa_name(old));
	return false;
}

/* One SA against the policy. */
static bool admit_beside(struct exchange *x, struct ike_sa *old)
{
	struct ike_sa *sa = x->sa;
	bool again = reauthenticates(sa, old) || resumes(sa, old);

	switch (sa->connection->unique) {
	case UNIQUE_KEEP:
		if (again)
			return true;
		if (!dead(old))
			return refuse(x, old);
		sa_linger(old, SA_END_PEER_GONE, "nobody answers there, and the peer came anew");
		return true;
	case UNIQUE_REPLACE:
		if (!again)
			vips_end(old); /* its addresses are the peer's, wherever it is */
		return true;
	default:
		return true;
	}
}

bool unique_admit(struct exchange *x, bool initial_contact)
{
	struct ike_sa *sa = x->sa, *next;

	if (sa->connection->unique == UNIQUE_NEVER)
		return true;
	if (initial_contact)
		drop_leftovers(sa);
	for (struct ike_sa *old = peers_next(sa, NULL); old; old = next) {
		next = peers_next(sa, old);
		if (!concerned(sa, old))
			continue;
		if (!initial_contact && sets_up_twin_again(sa, old))
			return refuse_twin(x, old);
		if (!admit_beside(x, old))
			return false;
	}
	return true;
}

static bool has_addresses(const struct ike_sa *sa)
{
	return sa->vips && (sa->vips->ours_count || sa->vips->lease_count);
}

/* Both ends began at once, and only one of the two has virtual addresses. Their children carry
 * different traffic, so that neither is redundant; but `replace` wants one SA, and whoever asked for an
 * address needs it. */
static bool goes_without_addresses(const struct ike_sa *sa, const struct ike_sa *old)
{
	return old->connection->unique == UNIQUE_REPLACE &&
		sa->original_initiator != old->original_initiator &&
		strcmp(sa_name(sa), sa_name(old)) == 0 && crossed(sa, old) && crossed(old, sa) &&
		has_addresses(sa) && !has_addresses(old);
}

static bool is_newer(const struct ike_sa *sa, const struct ike_sa *old)
{
	return sa->authenticated_at > old->authenticated_at && concerned(sa, old);
}

/* Its children go on until the new ones carry their traffic, or the peer has heard of it. */
static void end(struct ike_sa *old)
{
	sa_tell(old, IKE_EVENT_NOTE, 1, "a newer IKE SA with the same peer stands (unique)");
	timer_set(&old->engine->timers, &old->linger_timer, old->engine->now + GOODBYE_NS);
	intent_add(old, &(struct intent){ .kind = INTENT_DELETE_IKE, .end = SA_END_REPLACED });
}

static void due_later(struct ike_sa *sa)
{
	timer_set(&sa->engine->timers, &sa->unique_timer, sa->engine->now + REAUTH_LIMIT_NS);
}

void unique_established(struct ike_sa *sa)
{
	uint8_t policy = sa->connection->unique;
	struct ike_sa *next;

	if (policy != UNIQUE_REPLACE && policy != UNIQUE_KEEP)
		return;
	for (struct ike_sa *old = peers_next(sa, NULL); old; old = next) {
		next = peers_next(sa, old);
		if (goes_without_addresses(sa, old) ||
			(concerned(sa, old) &&
				(sa->original_initiator || reauthenticates(sa, old))))
			due_later(old);
		else if (goes_without_addresses(old, sa))
			due_later(sa);
		else if (concerned(sa, old))
			end(old);
	}
}

void unique_due(struct ike_sa *old)
{
	twins_check(old);
	if (sa_ending(old) || old->connection->unique < UNIQUE_KEEP)
		return;
	for (struct ike_sa *sa = peers_next(old, NULL); sa; sa = peers_next(old, sa)) {
		if (sa->established_at && !sa_ending(sa) && !sa->renewal &&
			(is_newer(sa, old) || goes_without_addresses(sa, old))) {
			end(old);
			return;
		}
	}
}
