/* Rekeying the IKE SA, RFC 7296 §1.3.2 and §2.18: a new SA with its own SPIs, keys and message IDs
 * takes over the children and what the old one still wanted; the initiator deletes the old one.
 * Where both rekey at once, §2.8.2, the peer's new SA waits as a rival until our own exchange has
 * ended: the nonces, or what the peer does, say which of the two survives. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/lifetime.h"
#include "ike/negotiate.h"
#include "ike/renew.h"
#include "ike/v2/collision.h"
#include "ike/v2/exchanges.h"
#include "ike/v2/keys.h"
#include "ike/v2/qcd.h"
#include "ike/v2/session_resume.h"

#define RETRY_NS    (3 * NS_PER_SECOND)
#define RETRIES_MAX 10

static const struct payload_rule payloads[] = { { PAYLOAD_SA, 1, 1 }, { PAYLOAD_NONCE, 1, 1 },
	{ PAYLOAD_KE, 1, 1 }, { 0 } };
static const struct message_rule request = { "CREATE_CHILD_SA request for the IKE SA", payloads };
static const struct message_rule response = { "CREATE_CHILD_SA response for the IKE SA", payloads };

struct rekey_data {
	uint64_t spi_i, spi_r;
	struct proposal chosen;
	struct bytes ni, nr;
	struct agreement ke;
	uint16_t error;
	struct ike_sa *made;
	uint32_t rival;           /* what the peer's rekeying made meanwhile; 0: none */
	struct bytes rival_nonce; /* the lower one of that exchange */
};

/* The peer may use the new SA when its response is out, and we can't read it before ours is made: until
 * then our new SPI leads to the old SA, and admit.c drops what comes, instead of saying that we don't
 * have it. The peer sends it again. */
static void announce_spi(struct exchange *x)
{
	struct rekey_data *d = x->data;

	if (d->spi_i)
		return;
	d->spi_i = engine_new_spi(x->engine);
	table_put(x->engine->by_spi, BYTES(&d->spi_i, sizeof(d->spi_i)), x->sa);
}

static void forget_spi(struct exchange *x)
{
	struct rekey_data *d = x->data;
	struct bytes spi = BYTES(&d->spi_i, sizeof(d->spi_i));

	if (x->initiator && d->spi_i && table_find(x->engine->by_spi, spi) == x->sa)
		table_take(x->engine->by_spi, spi);
}

static void rekey_cleanup(struct exchange *x)
{
	struct rekey_data *d = x->data;

	forget_spi(x);
	agreement_clear(&d->ke);
}

/* Builds the successor and hands everything over. Returns NULL where that failed. */
static struct ike_sa *successor_make(struct exchange *x)
{
	struct rekey_data *d = x->data;
	struct ike_sa *old = x->sa;
	struct ike_sa *sa = sa_new(x->engine, old->connection, x->initiator);
	struct key_inputs in = { .ni = d->ni,
		.nr = d->nr,
		.shared = d->ke.shared,
		.old_sk_d = &old->keys.sk_d,
		.old_prf = proposal_id(&old->chosen, TRANSFORM_PRF) };

	if (!sa)
		return NULL;
	sa->spi_i = d->spi_i;
	sa->spi_r = d->spi_r;
	sa->chosen = d->chosen;
	sa_inherit(sa, old);
	forget_spi(x);
	if (sa_register(sa) < 0 || keys_derive_ike(sa, &in) < 0) {
		sa_doom(sa, SA_END_FAILED, "");
		return NULL;
	}
	return sa;
}

/* An SA that only waits for its delete: by us, by the peer, or at the latest by the timer. */
static void wait_for_delete(struct ike_sa *sa)
{
	struct timer *timers[] = { &sa->rekey_timer, &sa->over_timer, &sa->liveness_timer };

	sa->state = IKE_REKEYED;
	sa->rival_of = 0;
	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
		timer_clear(&sa->engine->timers, timers[i]);
	timer_set(&sa->engine->timers, &sa->linger_timer, sa->engine->now + REPLACED_KEPT_NS);
}

/* One of two that were made at once: it can be talked to, but has nothing and does nothing. */
static void stand_by(struct ike_sa *sa)
{
	sa->state = IKE_REKEYED;
	sa->established_at = sa->last_heard = sa->engine->now;
	sa_setup_end(sa);
}

/* What the old one still wanted goes along; that it be rekeyed is done. */
static void move_intents(struct ike_sa *old, struct ike_sa *to)
{
	struct intent **link = &old->intents;

	while (*link) {
		struct intent *i = *link;

		if (i->kind != INTENT_REKEY_IKE) {
			link = &i->next;
			continue;
		}
		*link = i->next;
		command_done(old->engine, i->command, true, 1, "");
		free(i);
	}
	*link = to->intents;
	to->intents = old->intents;
	old->intents = NULL;
}

static void hand_over(struct ike_sa *old, struct ike_sa *to)
{
	if (old->successor)
		return;
	old->successor = to->id;
	if (to->rival_of && !to->mobility.question)
		path_inherit(to, old); /* as it is now */
	to->rival_of = 0;
	while (old->children)
		child_move(old->children, to);
	move_intents(old, to);
	wait_for_delete(old);
	renew_disarm(old);
	renew_moved(old, to);
	sa_established(to);
	path_hand_over(old, to);
	engine_tell(old->engine,
		&(struct ike_event){ .kind = IKE_EVENT_IKE_REKEYED,
			.ike_id = to->id,
			.old_id = old->id,
			.ike_name = sa_name(to),
			.text = "rekeyed",
			.path = &to->path });
}

static void put_payloads(struct exchange *x, struct bytes nonce)
{
	struct rekey_data *d = x->data;

	write_bytes(exchange_payload(x, PAYLOAD_NONCE), nonce);
	exchange_payload_end(x);
	agreement_put(x, &d->ke);
}

static bool take_peer_spi(const struct proposal *p, uint64_t *ret_spi)
{
	if (p->spi_size != IKE_SPI_BYTES)
		return false;
	*ret_spi = load_u64(p->spi);
	return *ret_spi != 0;
}

/* The initiator. */

static enum step begin_group(struct exchange *x)
{
	struct rekey_data *d = x->data;

	if (!x->sa->successor)
		x->sa->state = IKE_REKEYING;
	if (!d->ke.group)
		d->ke.group = proposal_id(&x->sa->chosen, TRANSFORM_KE);
	return agreement_begin(x, &d->ke);
}

static enum step build_request(struct exchange *x)
{
	struct rekey_data *d = x->data;
	uint8_t spi[IKE_SPI_BYTES];

	if (x->sa->successor)
		return STEP_END; /* the peer rekeyed it while we prepared */
	announce_spi(x);
	if (!d->ni.size)
		d->ni = nonce_new(x);
	store_u64(spi, d->spi_i);
	proposals_encode(exchange_payload(x, PAYLOAD_SA), &x->sa->connection->proposals,
		PROTOCOL_IKE, BYTES_OF(spi), true);
	exchange_payload_end(x);
	put_payloads(x, d->ni);
	return STEP_NEXT;
}

static enum step read_error(struct exchange *x)
{
	struct rekey_data *d = x->data;
	struct notify n;
	char name[NAME_TEXT_MAX];
	uint16_t group;

	if (!chain_error(exchange_in(x), &n))
		return STEP_NEXT;
	if (n.type == INVALID_KE_PAYLOAD &&
		agreement_retry(&d->ke, n.data, &x->sa->connection->proposals, &group))
		return STEP_AGAIN;
	d->error = n.type;
	return exchange_reject(
		x, 0, "the peer refused to rekey the IKE SA with %s", notify_name(n.type, name));
}

static enum step read_response(struct exchange *x)
{
	struct rekey_data *d = x->data;
	struct negotiation n = { .ours = &x->sa->connection->proposals,
		.theirs = exchange_body(x, PAYLOAD_SA),
		.protocol = PROTOCOL_IKE,
		.with_ke = true,
		.prefer_ours = true };
	struct ke_payload ke;

	d->nr = exchange_keep(x, exchange_body(x, PAYLOAD_NONCE));
	if (negotiate_response(&n, &d->chosen) <= 0 || !take_peer_spi(&d->chosen, &d->spi_r))
		return exchange_reject(
			x, 0, "the peer chose a proposal for the IKE SA that we did not offer");
	if (!ke_decode(exchange_body(x, PAYLOAD_KE), &ke) || ke.group != d->ke.group ||
		proposal_id(&d->chosen, TRANSFORM_KE) != d->ke.group)
		return exchange_reject(
			x, 0, "the peer's key exchange value is not of the method that it chose");
	return STEP_NEXT;
}

static enum step finish_group(struct exchange *x)
{
	struct rekey_data *d = x->data;

	return agreement_finish(x, &d->ke);
}

/* The peer asked for the same before we had its response, and is being answered: that comes first, and
 * the nonces decide behind it, §2.8.2. */
static enum step let_cross(struct exchange *x)
{
	for (const struct exchange *y = x->sa->theirs; y; y = y->next)
		if (y->kind == &rekey_ike_responder)
			return exchange_after_theirs(x);
	return STEP_NEXT;
}

static enum step make_successor(struct exchange *x)
{
	struct rekey_data *d = x->data;

	d->made = successor_make(x);
	if (!d->made)
		return exchange_reject(x, 0, "the new IKE SA could not be made");
	return STEP_NEXT;
}

static struct ike_sa *rival_of(const struct exchange *x)
{
	const struct rekey_data *d = x->data;
	struct ike_sa *rival = d->rival ? sa_find(x->engine, d->rival) : NULL;

	return rival && !rival->gone ? rival : NULL;
}

/* The peer made the survivor, deletes the old SA, and we delete what we made. */
static void settle_lost(struct exchange *x, struct ike_sa *rival)
{
	struct rekey_data *d = x->data;

	if (rival)
		hand_over(x->sa, rival);
	stand_by(d->made);
	wait_for_delete(d->made);
	intent_add(d->made, &(struct intent){ .kind = INTENT_DELETE_IKE, .end = SA_END_REPLACED });
}

static void settle_won(struct exchange *x, struct ike_sa *rival)
{
	struct rekey_data *d = x->data;

	hand_over(x->sa, d->made);
	qcd_rekeyed(x, d->made);
	if (rival)
		wait_for_delete(rival);
	intent_add(x->sa, &(struct intent){ .kind = INTENT_DELETE_IKE, .end = SA_END_REPLACED });
}

static void rekeyed(struct exchange *x)
{
	struct rekey_data *d = x->data;
	struct ike_sa *rival = rival_of(x), *survivor;
	bool lost = rival && collision_ours_lost(lower_nonce(d->ni, d->nr), d->rival_nonce);

	if (d->made && (lost || x->sa->successor)) /* the peer may have decided already */
		settle_lost(x, rival);
	else if (d->made)
		settle_won(x, rival);
	survivor = sa_find(x->engine, x->sa->successor);
	if (survivor)
		intent_pump(survivor);
	command_done(x->engine, x->intent->command, survivor, 1, "");
}

/* Ours came to nothing: what the peer's made takes over. */
static bool rival_takes_over(struct exchange *x)
{
	struct ike_sa *rival = rival_of(x);

	if (rival && x->sa->gone && !x->sa->successor) {
		sa_doom(rival, SA_END_REPLACED, ""); /* nothing is left for it to take */
		return false;
	}
	if (rival) {
		hand_over(x->sa, rival);
		intent_pump(rival);
	}
	return x->sa->successor;
}

/* The peer has rekeyed the SA, and we could not: it answers in the old one for a while, and has handed
 * over everything to a new one that we will never have. */
static bool orphaned(const struct exchange *x)
{
	const struct rekey_data *d = x->data;

	return exchange_granted(x) && !d->made && !x->reject.doom;
}

/* The nonces say, to the peer too, that of the two new IKE SAs ours is the one that stays. The peer
 * deletes its own, and that ours does not exist here changes nothing for it: §2.8.1. */
static bool rival_goes(struct exchange *x)
{
	const struct rekey_data *d = x->data;
	struct ike_sa *rival = rival_of(x);

	if (!rival || x->sa->gone || x->sa->successor || !orphaned(x) || !d->nr.size ||
		collision_ours_lost(lower_nonce(d->ni, d->nr), d->rival_nonce))
		return false;
	wait_for_delete(rival);
	return true;
}

/* It is orphaned, or may be rekeyed no more: another takes its place. Where only the peer can set that
 * up, an orphaned one is deleted now rather than found dead later. */
static bool replaced(struct exchange *x)
{
	struct rekey_data *d = x->data;
	const struct renew_order order = { .command = x->intent->command, .word = "replaced" };
	bool orphan = orphaned(x);

	if (!orphan && d->error != NO_ADDITIONAL_SAS)
		return false;
	if (orphan)
		x->sa->reauth_at = x->engine->now; /* and again, until it is done */
	if (renew_possible(x->sa))
		return renew_begin(x->sa, &order);
	if (orphan)
		intent_add(
			x->sa, &(struct intent){ .kind = INTENT_DELETE_IKE, .end = SA_END_FAILED });
	return false;
}

static void rekey_failed(struct exchange *x, const char *why)
{
	struct rekey_data *d = x->data;
	struct intent again = *x->intent;
	bool done = !rival_goes(x) && rival_takes_over(x);

	if (!done && !x->sa->gone) {
		x->sa->state = IKE_ESTABLISHED;
		if (d->error == TEMPORARY_FAILURE && again.command &&
			++again.tries <= RETRIES_MAX) {
			again.next = NULL;
			again.not_before = x->engine->now + RETRY_NS +
				random_below(&x->engine->options.random, RETRY_NS);
			intent_add(x->sa, &again);
			return;
		}
		if (!orphaned(x) && x->sa->over_at != IKE_TIME_NEVER)
			sa_rekey_failed(x->sa);
		if (replaced(x))
			return;
	}
	command_done(x->engine, x->intent->command, done, done, done ? "" : why);
}

void rekey_ike_forget(struct ike_sa *old)
{
	struct exchange *x = old->ours;

	if (x && x->kind == &rekey_ike_initiator && rival_of(x))
		rival_takes_over(x);
}

void rekey_ike_chosen(struct ike_sa *rival)
{
	struct ike_sa *old = sa_find(rival->engine, rival->rival_of);

	rival->rival_of = 0;
	if (old && !old->gone)
		hand_over(old, rival);
}

static step_fn *const initiator_begins[] = { begin_group, build_request, NULL };
static step_fn *const initiator_ends[] = { read_error, read_response, finish_group, let_cross,
	make_successor, NULL };
static const struct round initiator_rounds[] = { { NULL, initiator_begins, &request },
	{ &response, initiator_ends, NULL } };

const struct exchange_kind rekey_ike_initiator = {
	.name = "CREATE_CHILD_SA",
	.type = CREATE_CHILD_SA,
	.rounds = initiator_rounds,
	.round_count = 2,
	.data_size = sizeof(struct rekey_data),
	.failed = rekey_failed,
	.finished = rekeyed,
	.cleanup = rekey_cleanup,
};

/* The responder. */

static enum step crosses_ours(struct exchange *x)
{
	return exchange_reject(x, TEMPORARY_FAILURE,
		"the peer's rekeying crosses an exchange of ours: it is to come again");
}

/* The one that is rekeyed goes in exchange, but others may have stayed that were to. */
static bool too_many(const struct ike_engine *e)
{
	return e->options.ike_sa_max && e->stats.ike_sas > e->options.ike_sa_max;
}

static enum step choose(struct exchange *x)
{
	struct rekey_data *d = x->data;
	const struct connection *c = x->sa->connection;
	struct where where = where_said(c->where_proposals, c->where);
	struct negotiation n = { .ours = &c->proposals,
		.theirs = exchange_body(x, PAYLOAD_SA),
		.protocol = PROTOCOL_IKE,
		.with_ke = true,
		.prefer_ours = x->engine->options.prefer_configured_proposals };
	char text[REJECT_TEXT_MAX - 100];

	if (request_collides(x->sa, REQUEST_REKEY_IKE, NULL) == COLLISION_LATER)
		return crosses_ours(x);
	if (too_many(x->engine))
		return exchange_reject(x, NO_ADDITIONAL_SAS, "the limit of %u IKE SAs is reached",
			x->engine->options.ike_sa_max);
	if (negotiate(&n, &d->chosen) <= 0 || !take_peer_spi(&d->chosen, &d->spi_i)) {
		negotiate_explain(&n, &where, text, sizeof(text));
		return exchange_reject(
			x, NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN for the IKE SA: %s", text);
	}
	d->ke.group = proposal_id(&d->chosen, TRANSFORM_KE);
	d->ni = exchange_keep(x, exchange_body(x, PAYLOAD_NONCE));
	create_put_off(x->sa);
	return agreement_check_group(x, &d->ke);
}

static enum step agree(struct exchange *x)
{
	struct rekey_data *d = x->data;

	return agreement_respond(x, &d->ke);
}

/* Ours is out, too: which is redundant shows when its response is here. */
static void note_rival(struct exchange *x)
{
	struct rekey_data *d = x->data, *ours = x->sa->ours->data;

	ours->rival = d->made->id;
	ours->rival_nonce = exchange_keep(x->sa->ours, lower_nonce(d->ni, d->nr));
	d->made->rival_of = x->sa->id;
	stand_by(d->made);
}

static enum step build_response(struct exchange *x)
{
	struct rekey_data *d = x->data;
	struct proposal p = d->chosen;
	enum collision_verdict verdict = request_collides(x->sa, REQUEST_REKEY_IKE, NULL);

	/* Ours may have begun since we read the request. */
	if (verdict == COLLISION_LATER)
		return crosses_ours(x);
	d->spi_r = engine_new_spi(x->engine);
	d->nr = nonce_new(x);
	d->made = successor_make(x);
	if (!d->made)
		return exchange_reject(x, TEMPORARY_FAILURE, "the new IKE SA could not be made");
	if (verdict == COLLISION_COMPARE)
		note_rival(x);
	p.spi_size = IKE_SPI_BYTES;
	store_u64(p.spi, d->spi_r);
	sa_encode(exchange_payload(x, PAYLOAD_SA), &p, 1);
	exchange_payload_end(x);
	put_payloads(x, d->nr);
	qcd_put_for(x, d->spi_i, d->spi_r);
	resume_defer(x);
	return STEP_NEXT;
}

static void responded(struct exchange *x)
{
	struct rekey_data *d = x->data;

	if (d->made->rival_of)
		return;
	hand_over(x->sa, d->made);
	intent_pump(d->made);
}

static step_fn *const responder_steps[] = { choose, agree, build_response, NULL };
static const struct round responder_rounds[] = { { &request, responder_steps, &response } };

const struct exchange_kind rekey_ike_responder = {
	.name = "CREATE_CHILD_SA",
	.type = CREATE_CHILD_SA,
	.replaces_sa = true,
	.rounds = responder_rounds,
	.round_count = 1,
	.data_size = sizeof(struct rekey_data),
	.finished = responded,
	.cleanup = rekey_cleanup,
};
