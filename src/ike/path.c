#include "ike/path.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/child.h"
#include "ike/exchange.h"
#include "ike/protocol.h"
#include "ike/renew.h"
#include "ike/v2/mobike.h"

/* A question that the host never answered is asked anew after this long. */
#define ASK_AGAIN_NS (20 * NS_PER_SECOND)

/* One that it answered with no after this long, doubled six times. */
#define REFUSED_NS NS_PER_SECOND

/* How often a request goes unanswered before it is tried over other pairs of addresses, and over how
 * many of them with each retransmission. */
#define PROBE_AFTER 2
#define PROBES_EACH 4

/* How often a new address that does not answer its return routability check is asked again. */
#define VERIFY_TRIES 3

bool path_equal(const struct ike_path *a, const struct ike_path *b)
{
	return endpoint_equal(&a->local, &b->local) && endpoint_equal(&a->remote, &b->remote);
}

/* Moving. */

bool path_encap(const struct ike_sa *sa)
{
	const struct traffic *t = &sa->mobility.traffic;

	return t->nat_local || t->nat_remote || sa->nat_fake;
}

void path_move(struct ike_sa *sa, const struct ike_path *path, bool verify)
{
	struct mobility *m = &sa->mobility;
	char local[ENDPOINT_TEXT_MAX], remote[ENDPOINT_TEXT_MAX];

	m->verifying = verify;
	if (path_equal(&sa->path, path))
		return;
	if (sa->established_at)
		sa_tell(sa, IKE_EVENT_NOTE, 1, "goes on from %s to %s%s",
			endpoint_print(&path->local, local), endpoint_print(&path->remote, remote),
			verify ? ", traffic when that has answered" : "");
	sa->path = *path;
	m->claimed = (struct traffic){ 0 };
	m->moves++;
	sa->protocol->resend(sa);
}

void path_settle(struct ike_sa *sa)
{
	struct mobility *m = &sa->mobility;
	struct traffic now = { sa->path, sa->nat_local, sa->nat_remote };
	bool was_encap = path_encap(sa);
	bool first = !m->traffic.path.remote.address.family;
	bool moved = !path_equal(&m->traffic.path, &sa->path);
	char local[ENDPOINT_TEXT_MAX], remote[ENDPOINT_TEXT_MAX];

	m->verifying = false;
	if (!first && !address_equal(&m->traffic.path.remote.address, &sa->path.remote.address))
		m->verified = m->traffic.path.remote.address;
	m->traffic = now;
	if (!moved && was_encap == path_encap(sa))
		return;
	for (struct child_sa *c = sa->children; c; c = c->next)
		child_path_changed(c);
	if (!first && (sa->state == IKE_ESTABLISHED || sa->state == IKE_REKEYING))
		sa_tell(sa, IKE_EVENT_IKE_UPDATED, 0, "now between %s and %s%s",
			endpoint_print(&sa->path.local, local),
			endpoint_print(&sa->path.remote, remote),
			path_encap(sa) ? ", ESP in UDP" : "");
}

/* RFC 4555 §3.7. Where the peer is or was a moment ago it has proved to be. */
bool path_must_verify(const struct ike_sa *sa, const struct ike_path *path)
{
	const struct mobility *m = &sa->mobility;
	const struct address *to = &path->remote.address;

	return sa->engine->options.return_routability &&
		!address_equal(to, &m->traffic.path.remote.address) &&
		!address_equal(to, &m->verified);
}

void path_update(struct ike_sa *sa, const struct ike_path *path)
{
	bool verify = path_must_verify(sa, path);

	path_move(sa, path, verify);
	if (!verify)
		path_settle(sa);
	intent_add(sa, &(struct intent){ .kind = INTENT_UPDATE_ADDRESSES });
}

void path_inherit(struct ike_sa *sa, const struct ike_sa *old)
{
	sa->path = old->path;
	sa->mobility = old->mobility;
	sa->mobility.question = NULL;
	sa->mobility.probed = false;
	bytes_wipe(sa->mobility.seen, sizeof(sa->mobility.seen));
	if (old->mobility.question || old->mobility.refusals)
		path_look_again(sa);
}

void path_hand_over(const struct ike_sa *old, struct ike_sa *to)
{
	if (old->ours && old->ours->kind == &addresses_initiator)
		intent_add(to, &(struct intent){ .kind = old->ours->intent->kind });
}

/* What packets say. RFC 7296 §2.23: a peer behind a NAT is where its newest authenticated packet came
 * from, since the NAT may have forgotten it and given it another address or port; whoever is behind
 * a NAT itself does not follow. That packet need not have been sent from there: who forwards a captured
 * packet from elsewhere before the genuine one arrives takes the path with him. The RFC accepts this:
 * he could as well have held the packet up; what he gets is sealed; and the next genuine packet, which
 * is newer, takes the path back. Repeats and packets left of the newest move nothing. With MOBIKE only
 * ESP does this, IKE has UPDATE_SA_ADDRESSES (RFC 4555 §3.8). */

static bool follows(const struct ike_sa *sa)
{
	return sa->nat_remote && !sa->nat_local;
}

/* A check that failed because of what got lost is made again when the peer asks us from there. Else the
 * two never agreed on where it is: it has told us, and was answered. */
static void verify_again(struct ike_sa *sa)
{
	const struct traffic claimed = sa->mobility.claimed;

	sa->nat_local = claimed.nat_local;
	sa->nat_remote = claimed.nat_remote;
	path_move(sa, &claimed.path, true);
	intent_add(sa, &(struct intent){ .kind = INTENT_VERIFY_PATH });
}

void path_seen(struct ike_sa *sa, const struct opened *message)
{
	bool response = message->header.flags & FLAG_RESPONSE;

	if (!message->authenticated)
		return;
	if (!response)
		sa->mobility.heard = message->path.remote;
	if (path_equal(&sa->path, &message->path))
		return;
	if (!response && path_equal(&sa->mobility.claimed.path, &message->path))
		verify_again(sa);
	if (sa->setup && !sa->initiator && !response) {
		path_move(sa, &message->path, false); /* it floats to the ports of NAT traversal */
	} else if (!sa->mobility.mobike && follows(sa)) {
		path_move(sa, &message->path, false);
		path_settle(sa);
	}
}

static void follow(struct ike_sa *sa, const struct endpoint *remote)
{
	struct ike_path path = { sa->mobility.traffic.path.local, *remote };
	bool verify = sa->mobility.mobike && path_must_verify(sa, &path);

	path_move(sa, &path, verify);
	if (verify)
		intent_add(sa, &(struct intent){ .kind = INTENT_VERIFY_PATH });
	else
		path_settle(sa);
}

void path_mapped(struct child_sa *child, const struct endpoint *remote)
{
	struct ike_sa *sa = child->sa;
	bool awaited = sa->mobility.verifying && endpoint_equal(remote, &sa->path.remote);

	if (!sa->gone && follows(sa) && !awaited)
		follow(sa, remote);
}

/* What the host says. */

struct path_question { /* one block: the question and what it points to */
	struct ike_question question;
	struct ike_path current;
};

void path_forget(struct ike_sa *sa)
{
	struct ike_question *q = sa->mobility.question;

	timer_clear(&sa->engine->timers, &sa->path_timer);
	if (!q)
		return;
	engine_unask(sa->engine, q->id);
	table_take(sa->engine->by_path_question, BYTES(&q->id, sizeof(q->id)));
	free(q);
	sa->mobility.question = NULL;
}

void path_look_again(struct ike_sa *sa)
{
	struct mobility *m = &sa->mobility;
	struct ike_engine *e = sa->engine;
	struct path_question *p;

	if (m->question && e->now < m->asked_at + ASK_AGAIN_NS) {
		m->ask_again = true;
		return;
	}
	path_forget(sa);
	p = calloc(1, sizeof(*p));
	if (!p)
		return;
	p->current = sa->path;
	p->question = (struct ike_question){ .id = ++e->last_question,
		.kind = IKE_ASK_PATH,
		.connection = sa->connection,
		.current = &p->current,
		.peer_count = m->peer_count };
	memcpy(p->question.peers, m->peer, sizeof(m->peer));
	if (table_put(e->by_path_question, BYTES(&p->question.id, sizeof(uint64_t)), sa) < 0) {
		free(p);
		return;
	}
	m->question = &p->question;
	m->asked_at = e->now;
	m->ask_again = false;
	timer_set(&e->timers, &sa->path_timer, e->now + ASK_AGAIN_NS);
	engine_ask(e, m->question);
}

void path_due(struct ike_sa *sa)
{
	if (!sa->gone && sa->state != IKE_REKEYED)
		path_look_again(sa);
}

/* The host says when its addresses change, but not always when the reason has gone for which it knew of
 * no path. */
static void path_refused(struct ike_sa *sa, const char *reason)
{
	struct mobility *m = &sa->mobility;
	uint64_t wait = REFUSED_NS << (m->refusals < 6 ? m->refusals : 6);

	if (!m->refusals++)
		sa_tell(sa, IKE_EVENT_NOTE, 1, "no path to the peer for now: %s", reason);
	timer_set(&sa->engine->timers, &sa->path_timer, sa->engine->now + wait);
}

void paths_look_again(struct ike_engine *e)
{
	for (struct ike_sa *sa = e->sas; sa; sa = sa->next)
		if (sa->established_at && !sa->gone && sa->state != IKE_DELETING)
			path_look_again(sa);
}

bool path_take_own(struct ike_sa *sa, const struct ike_answer *answer)
{
	struct mobility *m = &sa->mobility;
	struct address own[IKE_ADDRESSES_MAX + 1] = { answer->path.local.address };
	size_t count = 1;
	bool changed;

	for (size_t i = 0; i < answer->address_count && i < IKE_ADDRESSES_MAX; i++)
		own[count++] = answer->addresses[i];
	changed = count != m->own_count || memcmp(own, m->own, sizeof(own)) != 0;
	memcpy(m->own, own, sizeof(own));
	m->own_count = count;
	return changed;
}

/* The ports stay: with another of the peer's addresses it is the one that we first reached it on,
 * unless that was a NAT's. */
static struct ike_path answered_path(const struct ike_sa *sa, const struct ike_answer *answer)
{
	const struct ike_path *now = &sa->path;
	bool same = address_equal(&answer->path.remote.address, &now->remote.address);
	uint16_t port = same || !sa->nat_remote ? now->remote.port : 4500;

	return (struct ike_path){ { answer->path.local.address, now->local.port },
		{ answer->path.remote.address, port } };
}

/* Without MOBIKE only a peer that takes us for one behind a NAT follows us. Else the IKE SA still serves
 * from the new address, since answers go where requests come from; but the peer's ESP doesn't. A new IKE
 * SA takes its place, where we are the one to set it up. */
static void strand(struct ike_sa *sa, const struct ike_path *path)
{
	const struct renew_order order = { .word = "set up again from the new address" };
	char local[ADDRESS_TEXT_MAX];

	address_print(&sa->path.local.address, local);
	path_move(sa, path, false);
	if (sa->nat_local) {
		path_settle(sa);
		intent_add(sa, &(struct intent){ .kind = INTENT_LIVENESS });
		return;
	}
	sa_tell(sa, IKE_EVENT_FAILED, 0, "our address %s is gone and the IKE SA can't move: %s",
		local, sa->connection->mobike ? "the peer does not speak MOBIKE" : "mobike = no");
	sa->reauth_at = sa->engine->now; /* due, and tried again until it has worked */
	if (!renew_possible(sa))
		intent_add(sa, &(struct intent){ .kind = INTENT_DELETE_IKE, .end = SA_END_FAILED });
	else if (!renew_begin(sa, &order) && sa->state != IKE_ESTABLISHED)
		sa_doom(sa, SA_END_FAILED, "our address is gone");
}

static void decide(struct ike_sa *sa, const struct ike_answer *answer)
{
	struct mobility *m = &sa->mobility;
	struct ike_path path = answered_path(sa, answer);
	bool others = path_take_own(sa, answer) && m->mobike;

	if (path_equal(&path, &sa->path)) {
		if (others)
			intent_add(sa, &(struct intent){ .kind = INTENT_ANNOUNCE_ADDRESSES });
		else if (m->mobike && sa->original_initiator && sa->nat_local)
			intent_add(
				sa, &(struct intent){ .kind = INTENT_LIVENESS }); /* another NAT? */
	} else if (!m->mobike) {
		strand(sa, &path);
	} else if (sa->original_initiator) {
		path_update(sa, &path);
	} else { /* RFC 4555 §3.5: the exception, for an address that went away */
		m->announcing = true;
		path_move(sa, &path, false);
		path_settle(sa);
		intent_add(sa, &(struct intent){ .kind = INTENT_ANNOUNCE_ADDRESSES });
	}
}

bool path_answered(struct ike_engine *e, const struct ike_answer *answer)
{
	struct ike_sa *sa = table_find(e->by_path_question, BYTES(&answer->id, sizeof(answer->id)));
	bool again;

	if (!sa)
		return false;
	again = sa->mobility.ask_again;
	path_forget(sa);
	if (sa->gone)
		return true;
	if (again) {
		path_look_again(sa);
	} else if (answer->status == IKE_ANSWER_OK) {
		sa->mobility.refusals = 0;
		decide(sa, answer);
	} else {
		path_refused(sa, answer->reason);
	}
	return true;
}

/* Requests that go unanswered. RFC 4555 §3.5: the initiator tries other pairs of addresses; the
 * responder does so only to say where it is, §3.6. One more case is left to the responder: a NAT gave
 * the peer another mapping, the peer has not noticed (strongSwan up to 5.9 may not), and asks us from
 * there. That alone changes nothing (§3.8); but where the old mapping is silent, the new one is tried. */

uint32_t path_patience(const struct ike_sa *sa)
{
	const struct mobility *m = &sa->mobility;
	uint32_t tries = sa->engine->options.retransmit_tries;

	if (m->mobike && !sa->original_initiator && m->verifying)
		return tries < VERIFY_TRIES ? tries : VERIFY_TRIES;
	/* §3.11: the responder waits longer, so that the initiator finds another path meanwhile. One
	 * more makes the five minutes that it suggests of the default series. */
	return m->mobike && !sa->original_initiator ? tries + 1 : tries;
}

static bool pair_at(const struct ike_sa *sa, size_t at, struct ike_path *ret_path)
{
	const struct mobility *m = &sa->mobility;
	size_t remotes = m->peer_count + 1;
	size_t remote = at % remotes;

	*ret_path = sa->path;
	ret_path->local.address = m->own[at / remotes];
	if (remote)
		ret_path->remote = (struct endpoint){ m->peer[remote - 1],
			sa->nat_remote ? 4500 : sa->path.remote.port };
	return ret_path->local.address.family == ret_path->remote.address.family &&
		!path_equal(ret_path, &sa->path);
}

static bool heard_elsewhere(const struct ike_sa *sa)
{
	const struct endpoint *heard = &sa->mobility.heard;

	return heard->port && follows(sa) && !endpoint_equal(heard, &sa->path.remote) &&
		heard->address.family == sa->path.local.address.family;
}

static void probe_heard(struct ike_sa *sa)
{
	if (sa->original_initiator || !heard_elsewhere(sa))
		return;
	window_send_along(sa, &(struct ike_path){ sa->path.local, sa->mobility.heard });
	sa->mobility.probed = true;
}

void path_probe(struct ike_sa *sa)
{
	struct mobility *m = &sa->mobility;
	size_t pairs = m->own_count * (m->peer_count + 1), sent = 0;
	struct ike_path path;

	if (!m->mobike || sa->window.tries < PROBE_AFTER)
		return;
	probe_heard(sa);
	if (!sa->original_initiator && !m->announcing)
		return;
	path_look_again(sa);
	for (size_t i = 0; i < pairs && sent < PROBES_EACH; i++) {
		if (!pair_at(sa, m->probe_next++ % pairs, &path))
			continue;
		window_send_along(sa, &path);
		m->probed = true;
		sent++;
	}
}

void path_replied(struct ike_sa *sa, const struct opened *message)
{
	struct mobility *m = &sa->mobility;
	size_t pairs = m->own_count * (m->peer_count + 1);
	struct ike_path path;

	if (!m->probed || path_equal(&message->path, &sa->path))
		return;
	if (!sa->original_initiator && heard_elsewhere(sa) &&
		endpoint_equal(&message->path.remote, &m->heard)) {
		follow(sa, &m->heard);
		return;
	}
	for (size_t i = 0; i < pairs; i++) {
		if (!pair_at(sa, i, &path) || !path_equal(&path, &message->path))
			continue;
		if (sa->original_initiator) {
			path_update(sa, &path);
		} else {
			path_move(sa, &path, false);
			path_settle(sa);
		}
		return;
	}
}

bool path_fall_back(struct ike_sa *sa)
{
	struct mobility *m = &sa->mobility;
	struct traffic claimed = { sa->path, sa->nat_local, sa->nat_remote };
	char remote[ENDPOINT_TEXT_MAX];

	if (!m->mobike || sa->original_initiator || !m->verifying)
		return false;
	sa_tell(sa, IKE_EVENT_NOTE, 0, "%s did not answer the return routability check",
		endpoint_print(&sa->path.remote, remote));
	sa->nat_local = m->traffic.nat_local;
	sa->nat_remote = m->traffic.nat_remote;
	path_move(sa, &m->traffic.path, false);
	m->claimed = claimed;
	return true;
}
