/* CREATE_CHILD_SA for children, RFC 7296 §1.3.1 and §1.3.3: a new one, or one in place of another.
 * The initiator installs with the response; the responder before it, and goes on sending on the old
 * SA until the peer deletes it. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/negotiate.h"
#include "ike/supervise.h"
#include "ike/trap.h"
#include "ike/v2/collision.h"
#include "ike/v2/exchanges.h"
#include "ike/v2/keys.h"

#define RETRY_NS    (2 * NS_PER_SECOND) /* after TEMPORARY_FAILURE, and up to as much again: §2.25 */
#define RETRIES_MAX 10

static const struct payload_rule request_payloads[] = {
	{ PAYLOAD_SA, 1, 1 },
	{ PAYLOAD_NONCE, 1, 1 },
	{ PAYLOAD_KE, 0, 1 },
	{ PAYLOAD_TSI, 1, 1 },
	{ PAYLOAD_TSR, 1, 1 },
	{ PAYLOAD_CP, 0, 1 },
	{ 0 },
};
static const struct message_rule request = { "CREATE_CHILD_SA request", request_payloads };
static const struct message_rule response = { "CREATE_CHILD_SA response", request_payloads };

struct create_data {
	struct child_deal deal;
	uint16_t error; /* the peer's refusal */
};

static void create_cleanup(struct exchange *x)
{
	struct create_data *d = x->data;

	agreement_clear(&d->deal.ke);
}

/* The child being rekeyed may have gone since. */
static struct child_sa *rekeyed_child(struct exchange *x)
{
	struct create_data *d = x->data;
	struct child_sa *c = d->deal.rekeys_id ? child_find(x->engine, d->deal.rekeys_id) : NULL;

	d->deal.rekeys = c && c->sa == x->sa ? c : NULL;
	return d->deal.rekeys;
}

static enum step ask_spi(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	struct create_data *d = x->data;

	if (d->deal.spi_in)
		return STEP_NEXT;
	if (!answer)
		return exchange_ask(x,
			&(struct ike_question){
				.kind = IKE_ASK_SPI, .connection = x->sa->connection });
	if (answer->status != IKE_ANSWER_OK)
		return exchange_reject(
			x, TEMPORARY_FAILURE, "no SPI for the child: %s", answer->reason);
	d->deal.spi_in = answer->spi;
	return STEP_NEXT;
}

/* The initiator. */

static enum step prepare_new(struct exchange *x)
{
	struct create_data *d = x->data;

	if (!(x->intent->command & TRAP_COMMAND) && child_live(x->sa, x->intent->config->name))
		return STEP_END; /* made in the meantime: by IKE_AUTH, or by the peer */
	d->deal.config = x->intent->config;
	if (!d->deal.ni.size) {
		d->deal.ni = nonce_new(x);
		d->deal.ke.group = deal_first_group(d->deal.config);
	}
	return STEP_NEXT;
}

static enum step prepare_rekey(struct exchange *x)
{
	struct create_data *d = x->data;
	struct child_sa *c;

	d->deal.rekeys_id = x->intent->child_id;
	c = rekeyed_child(x);
	if (!c || (c->state != IKE_CHILD_INSTALLED && c->state != IKE_CHILD_REKEYING))
		return STEP_END;
	c->state = IKE_CHILD_REKEYING;
	d->deal.config = c->config;
	if (!d->deal.ni.size) {
		d->deal.ni = nonce_new(x);
		d->deal.ke.group = deal_first_group(c->config);
	}
	return STEP_NEXT;
}

static enum step begin_group(struct exchange *x)
{
	struct create_data *d = x->data;

	return agreement_begin(x, &d->deal.ke);
}

static enum step build_request(struct exchange *x)
{
	struct create_data *d = x->data;

	if (d->deal.rekeys_id && !rekeyed_child(x))
		return STEP_END; /* gone while we asked */
	if (d->deal.rekeys)
		exchange_notify_spi(
			x, REKEY_SA, PROTOCOL_ESP, d->deal.rekeys->spec.spi_in, BYTES_EMPTY);
	deal_request(x, &d->deal, true);
	return STEP_NEXT;
}

static enum step retry_group(struct exchange *x, struct bytes wanted)
{
	struct create_data *d = x->data;
	const struct child_config *c = d->deal.config;
	char name[NAME_TEXT_MAX];
	uint16_t group;

	if (agreement_retry(&d->deal.ke, wanted, &c->esp_proposals, &group))
		return STEP_AGAIN;
	return exchange_reject(x, 0,
		"the peer wants key exchange method %s for child %s, which is not in our proposals (%s:%u) or was tried",
		transform_name(TRANSFORM_KE, group, name), c->name,
		c->where_proposals.file ? c->where_proposals.file : "default",
		c->where_proposals.line);
}

static enum step read_error(struct exchange *x)
{
	struct create_data *d = x->data;
	struct notify n;

	if (!chain_error(exchange_in(x), &n))
		return STEP_NEXT;
	if (n.type == INVALID_KE_PAYLOAD)
		return retry_group(x, n.data);
	d->error = deal_read_response(x, &d->deal, true);
	return STEP_REJECT;
}

static enum step read_response(struct exchange *x)
{
	struct create_data *d = x->data;
	struct ke_payload ke = { 0 };
	uint16_t chosen;

	rekeyed_child(x);
	if (deal_read_response(x, &d->deal, true))
		return STEP_REJECT;
	chosen = proposal_id(&d->deal.chosen, TRANSFORM_KE);
	if (chosen != d->deal.ke.group &&
		!(chosen == 0 && !chain_count(exchange_in(x), PAYLOAD_KE)))
		return exchange_reject(
			x, 0, "the peer's key exchange value is not of the method that it chose");
	d->deal.nr = exchange_keep(x, exchange_body(x, PAYLOAD_NONCE));
	if (chosen && (!ke_decode(exchange_body(x, PAYLOAD_KE), &ke) || ke.group != chosen))
		return exchange_reject(x, 0, "the response has no key exchange value");
	if (!chosen)
		d->deal.ke.group = 0;
	return STEP_NEXT;
}

static enum step finish_group(struct exchange *x)
{
	struct create_data *d = x->data;

	return agreement_finish(x, &d->deal.ke);
}

/* The old child goes, unless the peer rekeyed it too and its exchange won: then our new one goes,
 * §2.8.1. */
static void settle_rekey(struct exchange *x, struct child_sa *old, struct child_sa *made)
{
	struct create_data *d = x->data;
	struct bytes theirs = octets_bytes(&old->peer_rekey_nonce);
	bool lost = theirs.size && collision_ours_lost(lower_nonce(d->deal.ni, d->deal.nr), theirs);
	struct child_sa *winner = lost ? child_find(x->engine, old->peer_rekey_child) : made;
	struct child_sa *loser = lost ? made : old;

	old->state = IKE_CHILD_REKEYED;
	old->successor = winner ? winner->id : made->id;
	timer_clear(&x->engine->timers, &old->rekey_timer);
	if (lost && winner) {
		made->successor = winner->id;
		child_use_outbound(winner);
	}
	intent_add(x->sa,
		&(struct intent){ .kind = INTENT_DELETE_CHILD,
			.child_id = loser->id,
			.end = SA_END_REPLACED });
}

static enum step install(struct exchange *x)
{
	struct create_data *d = x->data;
	struct child_sa *old = rekeyed_child(x);
	struct child_sa *made = deal_install(x, &d->deal);

	if (!made)
		return exchange_reject(x, 0, "the child could not be installed");
	if (old)
		settle_rekey(x, old, made);
	else if (d->deal.rekeys_id)
		sa_tell(x->sa, IKE_EVENT_NOTE, 1, "the rekeyed child is gone already");
	return STEP_NEXT;
}

static void created(struct exchange *x)
{
	command_done(x->engine, x->intent->command, true, 1, "");
}

/* TEMPORARY_FAILURE is no verdict: come again later. */
static bool come_again_later(struct exchange *x)
{
	struct create_data *d = x->data;
	struct intent again = *x->intent;

	if (d->error != TEMPORARY_FAILURE || ++again.tries > RETRIES_MAX || x->sa->gone)
		return false;
	again.next = NULL;
	again.not_before =
		x->engine->now + RETRY_NS + random_below(&x->engine->options.random, RETRY_NS);
	intent_add(x->sa, &again);
	return true;
}

static void create_failed(struct exchange *x, const char *why)
{
	struct create_data *d = x->data;
	struct child_sa *old = rekeyed_child(x);

	if (old && old->state == IKE_CHILD_REKEYING)
		old->state = IKE_CHILD_INSTALLED;
	if (come_again_later(x))
		return;
	if (old && d->error == CHILD_SA_NOT_FOUND)
		intent_add(x->sa,
			&(struct intent){ .kind = INTENT_DELETE_CHILD,
				.child_id = old->id,
				.end = SA_END_PEER_DELETED });
	else if (!d->deal.rekeys_id)
		supervise_child_failed(x->sa, x->intent->config, why);
	command_done(x->engine, x->intent->command, false, 0, why);
}

static step_fn *const new_begins[] = { prepare_new, ask_spi, begin_group, build_request, NULL };
static step_fn *const rekey_begins[] = { prepare_rekey, ask_spi, begin_group, build_request, NULL };
static step_fn *const initiator_ends[] = { read_error, read_response, finish_group, install, NULL };
static const struct round new_rounds[] = { { NULL, new_begins, &request },
	{ &response, initiator_ends, NULL } };
static const struct round rekey_rounds[] = { { NULL, rekey_begins, &request },
	{ &response, initiator_ends, NULL } };

const struct exchange_kind create_child_initiator = {
	.name = "CREATE_CHILD_SA",
	.type = CREATE_CHILD_SA,
	.rounds = new_rounds,
	.round_count = 2,
	.data_size = sizeof(struct create_data),
	.failed = create_failed,
	.finished = created,
	.cleanup = create_cleanup,
};
const struct exchange_kind rekey_child_initiator = {
	.name = "CREATE_CHILD_SA",
	.type = CREATE_CHILD_SA,
	.rounds = rekey_rounds,
	.round_count = 2,
	.data_size = sizeof(struct create_data),
	.failed = create_failed,
	.finished = created,
	.cleanup = create_cleanup,
};

/* The responder. */

static bool ours_is(const struct ike_sa *sa, const struct exchange_kind *kind)
{
	return sa->ours && sa->ours->kind == kind;
}

uint16_t create_collides(
	struct exchange *x, enum collision_request what, const struct child_sa *child)
{
	struct ike_sa *sa = x->sa;
	struct collision_facts f = {
		.request = what,
		.ike_being_rekeyed = ours_is(sa, &rekey_ike_initiator),
		.ike_being_deleted = ours_is(sa, &delete_ike_initiator),
		.ike_rekeyed = sa->state == IKE_REKEYED,
		.child_exchange = ours_is(sa, &create_child_initiator) ||
			ours_is(sa, &rekey_child_initiator) || ours_is(sa, &delete_child_initiator),
		.child_found = child != NULL,
		.child_being_deleted = child && child->state == IKE_CHILD_DELETING,
		.child_rekeyed = child &&
			(child->state == IKE_CHILD_REKEYED ||
				(child->successor && child->state != IKE_CHILD_REKEYING)),
	};

	return collision_judge(&f);
}

static uint32_t children_count(const struct ike_sa *sa)
{
	uint32_t count = 0;

	for (const struct child_sa *c = sa->children; c; c = c->next)
		count++;
	return count;
}

static enum step find_rekeyed(struct exchange *x)
{
	struct create_data *d = x->data;
	struct notify n;
	bool rekey = chain_notify(exchange_in(x), REKEY_SA, &n);
	struct child_sa *c = rekey ? child_by_spi_out(x->sa, (uint32_t)n.spi) : NULL;
	uint16_t refused = create_collides(x, rekey ? REQUEST_REKEY_CHILD : REQUEST_NEW_CHILD, c);

	if (refused == CHILD_SA_NOT_FOUND) {
		x->reject.protocol = PROTOCOL_ESP;
		x->reject.spi = (uint32_t)n.spi;
		return exchange_reject(x, refused,
			"the peer rekeys a child with SPI %08x that we don't have",
			(uint32_t)n.spi);
	}
	if (refused)
		return exchange_reject(
			x, refused, "the peer's request crosses one of ours: it is to come again");
	if (!rekey && children_count(x->sa) >= x->engine->options.children_max)
		return exchange_reject(x, NO_ADDITIONAL_SAS,
			"the limit of %u children of one IKE SA is reached",
			x->engine->options.children_max);
	d->deal.rekeys_id = c ? c->id : 0;
	d->deal.rekeys = c;
	return STEP_NEXT;
}

static enum step choose(struct exchange *x)
{
	struct create_data *d = x->data;

	d->deal.ni = exchange_keep(x, exchange_body(x, PAYLOAD_NONCE));
	if (deal_choose(x, &d->deal, true))
		return STEP_REJECT;
	return agreement_check_group(x, &d->deal.ke);
}

static enum step agree(struct exchange *x)
{
	struct create_data *d = x->data;

	return agreement_respond(x, &d->deal.ke);
}

static enum step build_response(struct exchange *x)
{
	struct create_data *d = x->data;
	struct child_sa *old = rekeyed_child(x);
	struct child_sa *made;

	if (d->deal.rekeys_id && !old)
		return exchange_reject(x, CHILD_SA_NOT_FOUND, "the rekeyed child is gone");
	d->deal.nr = nonce_new(x);
	made = deal_install(x, &d->deal);
	if (!made)
		return exchange_reject(x, TEMPORARY_FAILURE, "the child could not be installed");
	if (old) {
		old->successor = made->id;
		if (old->state == IKE_CHILD_REKEYING) {
			old->peer_rekey_child = made->id;
			octets_set(&old->peer_rekey_nonce, lower_nonce(d->deal.ni, d->deal.nr));
		} else {
			old->state = IKE_CHILD_REKEYED;
			timer_clear(&x->engine->timers, &old->rekey_timer);
		}
	}
	deal_response(x, &d->deal);
	return STEP_NEXT;
}

static step_fn *const responder_steps[] = { find_rekeyed, choose, agree, ask_spi, build_response,
	NULL };
static const struct round responder_rounds[] = { { &request, responder_steps, &response } };

static const struct exchange_kind create_child_responder = {
	.name = "CREATE_CHILD_SA",
	.type = CREATE_CHILD_SA,
	.rounds = responder_rounds,
	.round_count = 1,
	.data_size = sizeof(struct create_data),
	.cleanup = create_cleanup,
};

const struct exchange_kind *create_child_kind(const struct opened *message)
{
	struct sa_reader reader;
	struct proposal first;
	const struct payload *sa = chain_find(&message->chain, PAYLOAD_SA, 0);

	if (!sa)
		return &create_child_responder; /* its message rule refuses it */
	reader = sa_begin(sa->body);
	if (sa_next(&reader, &first) == 1 && first.protocol == PROTOCOL_IKE)
		return &rekey_ike_responder;
	return &create_child_responder;
}
