/* CREATE_CHILD_SA for children, RFC 7296 §1.3.1 and §1.3.3: a new one, or one in place of another.
 * The initiator installs with the response; the responder before it, and goes on sending on the old
 * SA until the peer deletes it. Where both rekey the same child at once, the nonces say whose new
 * one is redundant, §2.8.1: the facts are kept with our exchange until its response is here. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/heir.h"
#include "ike/lifetime.h"
#include "ike/narrow.h"
#include "ike/negotiate.h"
#include "ike/renew.h"
#include "ike/supervise.h"
#include "ike/trap.h"
#include "ike/twins.h"
#include "ike/v2/collision.h"
#include "ike/v2/exchanges.h"
#include "ike/v2/keys.h"

#define RETRY_NS    (2 * NS_PER_SECOND) /* after TEMPORARY_FAILURE, and up to as much again: §2.25 */
#define RETRIES_MAX 10
#define CROSSES_NS  (6 * NS_PER_SECOND) /* a request may be under way, with one retransmission */

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

#define DELETED_MAX 4

struct create_data {
	struct child_deal deal;
	ike_time came_at;         /* as responder: the request */
	uint16_t error;           /* the peer's refusal */
	uint32_t rival;           /* what the peer's exchange for the same child made; 0: none */
	struct bytes rival_nonce; /* the lower one of that exchange */
	size_t deleted_count;     /* SPIs that the peer deleted before we could know them */
	uint32_t deleted[DELETED_MAX];
};

static void create_cleanup(struct exchange *x)
{
	struct create_data *d = x->data;

	agreement_clear(&d->deal.ke);
	connection_release(d->deal.born);
}

static struct child_sa *child_here(struct exchange *x, uint32_t id)
{
	struct child_sa *c = id ? child_find(x->engine, id) : NULL;

	return c && c->sa == x->sa && c->state != IKE_CHILD_DELETED ? c : NULL;
}

/* A new child of the same configuration may turn out to be another than ours. */
static bool is_twin(const struct child_deal *ours, const struct child_sa *theirs)
{
	return ours->rekeys_id ||
		(selectors_equal(&ours->local, &theirs->spec.local) &&
			selectors_equal(&ours->remote, &theirs->spec.remote));
}

static struct child_sa *rival(struct exchange *x)
{
	struct create_data *d = x->data;
	struct child_sa *theirs = child_here(x, d->rival);

	return theirs && is_twin(&d->deal, theirs) ? theirs : NULL;
}

/* The child being rekeyed may have gone since. */
static struct child_sa *rekeyed_child(struct exchange *x)
{
	struct create_data *d = x->data;

	d->deal.rekeys = child_here(x, d->deal.rekeys_id);
	return d->deal.rekeys;
}

static void rekeys(struct create_data *d, struct child_sa *c)
{
	d->deal.rekeys = c;
	d->deal.rekeys_id = c->id;
	d->deal.reqid = c->spec.reqid;
	if (!d->deal.born)
		d->deal.born = connection_hold(c->connection);
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

/* By IKE_AUTH, or by the peer. A packet may want a second child of the same configuration. */
static bool made_already(const struct exchange *x)
{
	return !(x->intent->command & TRAP_COMMAND) && child_live(x->sa, x->intent->config->name);
}

static enum step prepare_new(struct exchange *x)
{
	struct create_data *d = x->data;

	if (made_already(x))
		return STEP_END;
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

	c = child_here(x, x->intent->child_id);
	if (!c || (c->state != IKE_CHILD_INSTALLED && c->state != IKE_CHILD_REKEYING))
		return STEP_END;
	rekeys(d, c);
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

	if (d->deal.rekeys_id && (!rekeyed_child(x) || d->deal.rekeys->successor))
		return STEP_END; /* gone while we asked, or rekeyed by the peer */
	if (!d->deal.rekeys_id && made_already(x))
		return STEP_END; /* by the peer, while we asked */
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
	if (n.type == SINGLE_PAIR_REQUIRED && !d->deal.single && deal_single_pair(x, &d->deal)) {
		d->deal.single = true;
		return STEP_AGAIN;
	}
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

static const struct exchange_kind create_child_responder;

/* The peer asked to rekey the same child before we had its response, and is being answered: that comes
 * first, so that it gets what it asked for (§2.25.1: "reply as usual"), and the nonces decide behind it. */
static enum step let_cross(struct exchange *x)
{
	const struct create_data *d = x->data;

	for (const struct exchange *y = x->sa->theirs; y; y = y->next) {
		const struct create_data *theirs = y->data;

		if (y->kind == &create_child_responder && d->deal.rekeys_id &&
			theirs->deal.rekeys_id == d->deal.rekeys_id)
			return exchange_after_theirs(x);
	}
	return STEP_NEXT;
}

static bool lost_to_rival(struct exchange *x)
{
	struct create_data *d = x->data;

	return rival(x) && collision_ours_lost(lower_nonce(d->deal.ni, d->deal.nr), d->rival_nonce);
}

static void delete_replaced(struct exchange *x, const struct child_sa *c)
{
	intent_add(x->sa,
		&(struct intent){
			.kind = INTENT_DELETE_CHILD, .child_id = c->id, .end = SA_END_REPLACED });
}

/* The peer's new child takes the old one's place. That the peer receives on it already shows when it
 * deletes the old one: until then we go on sending there. */
static void rival_wins(struct exchange *x, struct child_sa *old)
{
	struct child_sa *winner = rival(x);
	const struct child_sa *replaced = child_here(x, winner->predecessor);

	if (old)
		child_replaced(old, winner);
	if ((!old || !old->installed_out) && (!replaced || !replaced->installed_out))
		child_use_outbound(winner);
	child_announce(winner);
}

/* The initiator of the survivor deletes the old child, that of the redundant one deletes that,
 * §2.8.1. */
static void settle_rekey(struct exchange *x, struct child_sa *made)
{
	struct child_sa *old = rekeyed_child(x), *theirs = rival(x);

	if (lost_to_rival(x)) {
		rival_wins(x, old);
		child_replaced(made, theirs);
		delete_replaced(x, made);
		return;
	}
	if (theirs)
		child_replaced(theirs, made);
	if (!old)
		return;
	child_replaced(old, made);
	delete_replaced(x, old);
}

/* Both created the same child at once: the nonces say here, too, whose goes. RFC 7296 has no rule for
 * it; whoever doesn't know ours deletes nothing, and we delete the peer's after a while. */
static void settle_new(struct exchange *x, struct child_sa *made)
{
	struct create_data *d = x->data;
	struct child_sa *theirs = rival(x);

	if (!theirs && d->deal.redundant) {
		intent_add(x->sa,
			&(struct intent){ .kind = INTENT_DELETE_CHILD, .child_id = made->id });
	} else if (lost_to_rival(x)) {
		child_replaced(made, theirs);
		heir_passes_on(made, theirs);
		delete_replaced(x, made);
	} else if (theirs) {
		child_replaced(theirs, made);
		heir_passes_on(theirs, made);
	}
}

/* The peer was faster to delete the new child than its response was to reach us. */
static bool deleted_already(const struct create_data *d)
{
	for (size_t i = 0; i < d->deleted_count; i++)
		if (d->deleted[i] == d->deal.spi_out)
			return true;
	return false;
}

/* A packet wanted another child beside those that a trap has made, and the peer narrowed it to what one
 * of them has: it would be of no use to anybody. */
static bool covered_already(struct exchange *x)
{
	struct create_data *d = x->data;

	if (d->deal.rekeys_id || !(x->intent->command & TRAP_COMMAND))
		return false;
	for (const struct child_sa *c = x->sa->children; c; c = c->next)
		if (c->config == d->deal.config && c->state == IKE_CHILD_INSTALLED &&
			c->installed_out && !c->successor &&
			selectors_within(&d->deal.local, &c->spec.local) &&
			selectors_within(&d->deal.remote, &c->spec.remote))
			return true;
	return false;
}

/* The same child, which has come to stand in another IKE SA since we wanted it. */
static struct child_sa *elsewhere(struct exchange *x)
{
	struct create_data *d = x->data;

	return d->deal.rekeys_id || rival(x)
		? NULL
		: twins_other_child(x->sa, &d->deal, x->intent->asked_at);
}

static enum step install(struct exchange *x)
{
	struct create_data *d = x->data;
	struct child_sa *made, *theirs = rival(x), *other = elsewhere(x);

	if (deleted_already(d))
		return exchange_reject(x, 0, "the peer has deleted the new child already");
	if (theirs)
		d->deal.reqid = theirs->spec.reqid; /* the same policies */
	d->deal.redundant = lost_to_rival(x) || covered_already(x) ||
		(other && !twins_keeps_child(x->sa, other));
	made = deal_install(x, &d->deal);
	if (!made)
		return exchange_reject(x, 0, "the child could not be installed");
	if (d->deal.rekeys_id)
		settle_rekey(x, made);
	else
		settle_new(x, made);
	if (other && !d->deal.redundant)
		twins_drop_child(other);
	return STEP_NEXT;
}

/* Nothing was made where the child to be rekeyed was gone, or rekeyed by the peer, before we asked.
 */
static void created(struct exchange *x)
{
	struct create_data *d = x->data;
	struct child_sa *old = rekeyed_child(x);
	bool done = d->deal.made || (old && old->successor) ||
		(x->intent->kind == INTENT_CREATE_CHILD &&
			child_live(x->sa, x->intent->config->name));

	if (!d->deal.made && rival(x))
		rival_wins(x, old);
	if (old && old->state == IKE_CHILD_REKEYING && !old->successor)
		old->state = IKE_CHILD_INSTALLED;
	command_done(x->engine, x->intent->command, done, 1, done ? "" : "the child is gone");
}

/* TEMPORARY_FAILURE is no verdict: come again later. What a lifetime asked for comes again by its
 * timer. */
static bool come_again_later(struct exchange *x)
{
	struct create_data *d = x->data;
	struct intent again = *x->intent;

	if (d->error != TEMPORARY_FAILURE || ++again.tries > RETRIES_MAX || x->sa->gone ||
		(again.kind == INTENT_REKEY_CHILD && !again.command))
		return false;
	again.next = NULL;
	again.not_before =
		x->engine->now + RETRY_NS + random_below(&x->engine->options.random, RETRY_NS);
	intent_add(x->sa, &again);
	return true;
}

/* The peer has lost the child: it goes silently, and another is made from scratch, §2.25. */
static void start_over(struct exchange *x, struct child_sa *old)
{
	const struct child_config *config = old->connection == x->sa->connection
		? old->config
		: connection_child(x->sa->connection, old->config->name);

	child_remove(old, SA_END_REPLACED, "the peer does not have it any more");
	child_free(old);
	if (config)
		intent_add(
			x->sa, &(struct intent){ .kind = INTENT_CREATE_CHILD, .config = config });
}

/* The peer rekeys no children: another IKE SA takes this one's place with its children; where only the
 * peer can set one up, the child is deleted and made anew, §4. */
static bool replaced_otherwise(struct exchange *x, struct child_sa *old)
{
	struct create_data *d = x->data;
	struct ike_sa *sa = x->sa;
	const struct child_config *config = connection_child(sa->connection, old->config->name);
	const struct renew_order order = { .command = x->intent->command, .word = "replaced" };

	if (d->error != NO_ADDITIONAL_SAS || old->state != IKE_CHILD_INSTALLED || old->successor ||
		sa->gone)
		return false;
	child_rekey_failed(old); /* so that it comes again where this fails, too */
	if (renew_possible(sa))
		return renew_begin(sa, &order);
	intent_add(sa, &(struct intent){ .kind = INTENT_DELETE_CHILD, .child_id = old->id });
	if (config)
		intent_add(sa, &(struct intent){ .kind = INTENT_CREATE_CHILD, .config = config });
	return false;
}

static void rekey_failed(struct exchange *x, struct child_sa *old, const char *why)
{
	struct create_data *d = x->data;

	if (old->state == IKE_CHILD_REKEYING)
		old->state = IKE_CHILD_INSTALLED;
	if (come_again_later(x) || replaced_otherwise(x, old))
		return;
	if (d->error == CHILD_SA_NOT_FOUND && !old->successor &&
		old->state == IKE_CHILD_INSTALLED && child_confirmed(old))
		start_over(x, old);
	else if (old->state == IKE_CHILD_INSTALLED && d->error != NO_ADDITIONAL_SAS)
		child_rekey_failed(old);
	command_done(x->engine, x->intent->command, false, 0, why);
}

/* The peer made a child, and we could not: it is to delete that, and goes on with the one that was to be
 * rekeyed. Where it has deleted it already, that one was meant, too. */
static void delete_orphan(struct exchange *x, const struct child_sa *old)
{
	struct create_data *d = x->data;

	if (!exchange_granted(x) || d->deal.made || x->reject.doom || x->sa->gone)
		return;
	if (!deleted_already(d))
		deal_undo(x->sa, &d->deal);
	else if (old)
		delete_replaced(x, old);
}

static void create_failed(struct exchange *x, const char *why)
{
	struct create_data *d = x->data;
	struct child_sa *old = rekeyed_child(x);
	bool rekeyed = rival(x) != NULL;

	delete_orphan(x, old);
	if (rekeyed) { /* by the peer, which did not see that we tried, too: §2.8.1 */
		rival_wins(x, old);
	} else if (old) {
		rekey_failed(x, old, why);
		return;
	} else if (come_again_later(x)) {
		return;
	} else if (!d->deal.rekeys_id) {
		supervise_child_failed(x->sa, x->intent->config, why);
	}
	command_done(x->engine, x->intent->command, rekeyed, rekeyed, why);
}

static step_fn *const new_begins[] = { prepare_new, ask_spi, begin_group, build_request, NULL };
static step_fn *const rekey_begins[] = { prepare_rekey, ask_spi, begin_group, build_request, NULL };
static step_fn *const initiator_ends[] = { read_error, read_response, finish_group, let_cross,
	install, NULL };
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

/* Ours is under way with its request out. */
static bool ours_is(const struct ike_sa *sa, const struct exchange_kind *kind)
{
	return sa->ours && sa->ours->kind == kind && sa->ours->round > 0;
}

static bool makes_child(const struct ike_sa *sa)
{
	return ours_is(sa, &create_child_initiator) || ours_is(sa, &rekey_child_initiator);
}

/* What the peer made for the same child while ours is out, unless it has deleted that since. */
static bool has_rival(const struct ike_sa *sa)
{
	const struct create_data *d = sa->ours->data;

	return child_here(sa->ours, d->rival);
}

static bool being_rekeyed(const struct ike_sa *sa, const struct child_sa *child)
{
	const struct create_data *d = sa->ours ? sa->ours->data : NULL;

	return ours_is(sa, &rekey_child_initiator) && d->deal.rekeys_id == child->id &&
		!has_rival(sa);
}

/* The peer's rekeying of this IKE SA has been answered, ours is still out. */
static bool rival_stands_by(const struct ike_sa *sa)
{
	const struct ike_sa *other = sa->engine->sas;

	while (other && (other->rival_of != sa->id || other->gone))
		other = other->next;
	return other;
}

enum collision_verdict request_collides(
	const struct ike_sa *sa, enum collision_request what, const struct child_sa *child)
{
	struct collision_facts f = {
		.request = what,
		.ike_being_rekeyed = ours_is(sa, &rekey_ike_initiator),
		.ike_being_deleted = ours_is(sa, &delete_ike_initiator),
		.ike_rekeyed = sa->state == IKE_REKEYED || sa->successor ||
			(ours_is(sa, &rekey_ike_initiator) && rival_stands_by(sa)),
		.child_exchange = makes_child(sa) || ours_is(sa, &delete_child_initiator),
		.child_being_made = makes_child(sa),
		.child_found = child != NULL,
		.child_being_rekeyed = child && being_rekeyed(sa, child),
		.child_being_deleted = child && child->state == IKE_CHILD_DELETING,
		.child_rekeyed = child && child->successor,
	};

	return collision_judge(&f);
}

void create_spi_deleted(struct ike_sa *sa, uint32_t spi)
{
	struct create_data *d = makes_child(sa) ? sa->ours->data : NULL;

	if (d && d->deleted_count < DELETED_MAX)
		d->deleted[d->deleted_count++] = spi;
}

void create_put_off(struct ike_sa *sa)
{
	struct exchange *x = sa->ours;
	struct intent again;
	struct child_sa *old;

	if (!x || x->round > 0 ||
		(x->kind != &create_child_initiator && x->kind != &rekey_child_initiator))
		return;
	old = rekeyed_child(x);
	if (old && old->state == IKE_CHILD_REKEYING)
		old->state = IKE_CHILD_INSTALLED;
	again = *x->intent;
	again.next = NULL;
	exchange_free(x);
	intent_add(sa, &again);
}

static uint32_t children_count(const struct ike_sa *sa)
{
	uint32_t count = 0;

	for (const struct child_sa *c = sa->children; c; c = c->next)
		count += c->state != IKE_CHILD_DELETED && c->state != IKE_CHILD_REKEYED;
	return count;
}

/* A peer that rekeys on and on and deletes nothing fills the memory, too. */
static bool has_room(const struct ike_sa *sa, bool rekey)
{
	uint32_t max = sa->engine->options.children_max, all = 0;

	for (const struct child_sa *c = sa->children; c; c = c->next)
		all++;
	return rekey ? all / 2 < max : children_count(sa) < max && all / 2 < max;
}

static enum step refuse_unknown(struct exchange *x, uint32_t spi)
{
	x->reject.protocol = PROTOCOL_ESP;
	x->reject.spi = spi;
	return exchange_reject(x, CHILD_SA_NOT_FOUND,
		"the peer rekeys a child with SPI %08x that we don't have", spi);
}

static enum step find_rekeyed(struct exchange *x)
{
	struct create_data *d = x->data;
	struct notify n;
	bool rekey = chain_notify(exchange_in(x), REKEY_SA, &n);
	struct child_sa *c = rekey ? child_by_spi_out(x->sa, (uint32_t)n.spi) : NULL;

	switch (request_collides(x->sa, rekey ? REQUEST_REKEY_CHILD : REQUEST_NEW_CHILD, c)) {
	case COLLISION_UNKNOWN:
		return refuse_unknown(x, (uint32_t)n.spi);
	case COLLISION_LATER:
		return exchange_reject(x, TEMPORARY_FAILURE,
			"the peer's request crosses one of ours: it is to come again");
	default:
		break;
	}
	if (!has_room(x->sa, rekey))
		return exchange_reject(x, NO_ADDITIONAL_SAS,
			"the limit of %u children of one IKE SA is reached",
			x->engine->options.children_max);
	if (c)
		rekeys(d, c);
	d->came_at = x->engine->now;
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

/* Ours is out for the same child: which is redundant shows when its response is here. */
static void note_rival(struct exchange *x, struct child_sa *old, struct child_sa *made)
{
	struct create_data *d = x->data;
	struct exchange *ours = x->sa->ours;
	struct create_data *od = ours->data;

	od->rival = made->id;
	od->rival_nonce = exchange_keep(ours, lower_nonce(d->deal.ni, d->deal.nr));
	if (old)
		old->successor = made->id;
}

/* The peer rekeys what it made while ours is out still: ours lost, or is to win, against that now. */
static void rival_replaced(const struct ike_sa *sa, struct child_sa *old, struct child_sa *made)
{
	struct create_data *od = makes_child(sa) ? sa->ours->data : NULL;

	if (od && od->rival == old->id)
		od->rival = made->id;
	child_replaced(old, made);
}

/* Ours is out for a new child of the same configuration. */
static bool creates_too(const struct ike_sa *sa, const struct child_deal *deal)
{
	const struct create_data *od = ours_is(sa, &create_child_initiator) ? sa->ours->data : NULL;

	return od && !has_rival(sa) && od->deal.config && !deal->rekeys_id &&
		strcmp(od->deal.config->name, deal->config->name) == 0;
}

/* Ours for the same child has just been answered: for the peer the two crossed, which isn't to be seen here
 * any more, or it wouldn't have asked. When it comes again it has ours. */
static bool made_meanwhile(const struct exchange *x)
{
	const struct create_data *d = x->data;

	for (const struct child_sa *c = d->deal.rekeys_id ? NULL : x->sa->children; c; c = c->next)
		if (!c->made_by && !c->predecessor && c->installed_at + CROSSES_NS >= d->came_at &&
			child_carries(c) && c->config == d->deal.config && is_twin(&d->deal, c))
			return true;

	return false;
}

static enum step build_response(struct exchange *x)
{
	struct create_data *d = x->data;
	struct child_sa *old = rekeyed_child(x), *made;
	enum collision_request what = d->deal.rekeys_id ? REQUEST_REKEY_CHILD : REQUEST_NEW_CHILD;
	enum collision_verdict verdict = request_collides(x->sa, what, old);

	/* Much may have happened since we read the request: answers took their time. */
	if (verdict == COLLISION_UNKNOWN)
		return exchange_reject(x, CHILD_SA_NOT_FOUND, "the rekeyed child is gone");
	if (verdict == COLLISION_LATER)
		return exchange_reject(x, TEMPORARY_FAILURE,
			"the peer's request crosses one of ours: it is to come again");
	if (made_meanwhile(x))
		return exchange_reject(x, TEMPORARY_FAILURE,
			"the child that the peer asks for has come to stand by a request of ours");
	d->deal.nr = nonce_new(x);
	d->deal.redundant = verdict == COLLISION_COMPARE;
	made = deal_install(x, &d->deal);
	if (!made)
		return exchange_reject(x, TEMPORARY_FAILURE, "the child could not be installed");
	if (verdict == COLLISION_COMPARE || creates_too(x->sa, &d->deal))
		note_rival(x, old, made);
	else if (old)
		rival_replaced(x->sa, old, made);
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
