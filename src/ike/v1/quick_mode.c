/* Quick mode, RFC 2409 §5.5: one Child SA for one pair of proxy identities; a child configured with
 * several pairs takes several quick modes. The initiator installs with the second message; the
 * responder's inbound SA is there before it answers, its outbound one is used when the third message
 * has shown that the peer lives. One for the selectors of a child that there is, is its rekeying. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/heir.h"
#include "ike/lifetime.h"
#include "ike/narrow.h"
#include "ike/supervise.h"
#include "ike/trap.h"
#include "ike/v1/ikev1.h"
#include "ike/v2/keys.h"

static const struct payload_rule negotiation_payloads[] = {
	{ V1_PAYLOAD_SA, 1, 1 },
	{ V1_PAYLOAD_NONCE, 1, 1 },
	{ V1_PAYLOAD_KE, 0, 1 },
	{ V1_PAYLOAD_ID, 0, 2 },
	{ V1_PAYLOAD_NAT_OA, 0, 2 },
	{ V1_PAYLOAD_NAT_OA_DRAFT, 0, 2 },
	{ 0 },
};
static const struct payload_rule no_payloads[] = { { 0 } };
static const struct message_rule first = { "quick mode message 1", negotiation_payloads };
static const struct message_rule second = { "quick mode message 2", negotiation_payloads };
static const struct message_rule third = { "quick mode message 3", no_payloads };

struct quick_data {
	struct child_deal deal;
	struct selector local, remote; /* the pair */
	bool has_ids;                  /* the peer named it */
	struct bytes id_i, id_r;       /* as they came, or as we sent them */
	struct v1_choice choice;       /* responder */
	struct v1_esp_transform transform;
	uint16_t error; /* for the outcome of a failure */
};

static void quick_cleanup(struct exchange *x)
{
	struct quick_data *d = x->data;

	agreement_clear(&d->deal.ke);
	connection_release(d->deal.born);
}

/* Selectors. */

static void one(const struct selector *s, struct selectors *ret)
{
	*ret = (struct selectors){ .count = 1, .list = { *s } };
}

/* The pairs of a child: each local selector with each remote one of its family. */
static bool pair_at(const struct ike_sa *sa, const struct child_config *config, uint32_t pair,
	struct selector *ret_local, struct selector *ret_remote)
{
	struct selectors local, remote;
	uint32_t at = 0;

	child_configured(sa, config, true, &local);
	child_configured(sa, config, false, &remote);
	for (size_t i = 0; i < local.count; i++) {
		for (size_t j = 0; j < remote.count; j++) {
			if (local.list[i].family != remote.list[j].family || at++ != pair)
				continue;
			*ret_local = local.list[i];
			*ret_remote = remote.list[j];
			return true;
		}
	}
	return false;
}

/* That which a packet is of that met a trap, where one did. */
static uint32_t pair_wanted(struct exchange *x)
{
	struct selector local, remote;
	struct selectors source = { .count = 1 }, destination = { .count = 1 }, ours, theirs;

	if (!trap_packet(x->sa, x->intent->config, &source.list[0], &destination.list[0]))
		return x->intent->pair;
	for (uint32_t pair = 0; pair_at(x->sa, x->intent->config, pair, &local, &remote); pair++) {
		one(&local, &ours);
		one(&remote, &theirs);
		if (selectors_within(&source, &ours) && selectors_within(&destination, &theirs))
			return pair;
	}
	return x->intent->pair;
}

static bool same_traffic(const struct child_sa *c, const struct child_deal *deal)
{
	return strcmp(c->config->name, deal->config->name) == 0 && c->spec.mode == deal->mode &&
		selectors_equal(&c->spec.local, &deal->local) &&
		selectors_equal(&c->spec.remote, &deal->remote);
}

/* The newest live child for this traffic, on any ISAKMP SA with the peer. */
static struct child_sa *live_child(struct ike_sa *sa, const struct child_deal *deal)
{
	struct child_sa *found = NULL;

	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each))
		for (struct child_sa *c = each->children; c; c = c->next)
			if (child_carries(c) && c->announced && !c->successor &&
				same_traffic(c, deal) && (!found || c->id > found->id))
				found = c;

	return found;
}

/* Both ends made one for the same traffic, each without knowing the other's. Of the two that with the
 * lower SPI of all four goes, and who made it deletes it. Where only one end sees it so, the other one
 * finds out by the delete: see informational.c. */
#define CROSSED_NS (60 * NS_PER_SECOND)

static struct child_sa *crossing(struct ike_sa *sa, const struct child_sa *made)
{
	const struct child_deal like = { .config = made->config,
		.mode = made->spec.mode,
		.local = made->spec.local,
		.remote = made->spec.remote };

	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each))
		for (struct child_sa *c = each->children; c; c = c->next)
			if (c != made && child_carries(c) && c->announced &&
				!c->made_by != !made->made_by && c->id != made->predecessor &&
				c->predecessor != made->id &&
				c->installed_at + CROSSED_NS > sa->engine->now &&
				same_traffic(c, &like))
				return c;

	return NULL;
}

static uint32_t lower_spi(const struct child_sa *c)
{
	return c->spec.spi_in < c->spec.spi_out ? c->spec.spi_in : c->spec.spi_out;
}

static void delete_replaced(struct child_sa *c)
{
	intent_add(c->sa,
		&(struct intent){ .kind = INTENT_DELETE_CHILD,
			.child_id = c->id,
			.end = SA_END_REPLACED,
			.not_before = c->sa->engine->now + NS_PER_SECOND });
}

static void settle_crossing(struct ike_sa *sa, struct child_sa *made)
{
	struct child_sa *other = crossing(sa, made);
	struct child_sa *loser = other && lower_spi(other) < lower_spi(made) ? other : made;

	if (!other)
		return;
	child_replaced(loser, loser == made ? other : made);
	if (!loser->made_by)
		delete_replaced(loser);
}

static struct child_sa *rekeyed_child(struct exchange *x)
{
	struct quick_data *d = x->data;
	struct child_sa *c = d->deal.rekeys_id ? child_find(x->engine, d->deal.rekeys_id) : NULL;

	d->deal.rekeys = c && c->state != IKE_CHILD_DELETED ? c : NULL;
	return d->deal.rekeys;
}

static void rekeys(struct quick_data *d, struct child_sa *c)
{
	d->deal.rekeys = c;
	d->deal.rekeys_id = c->id;
	d->deal.reqid = c->spec.reqid;
}

/* Parts of messages. */

static struct bytes id_body(struct exchange *x, const struct selector *s)
{
	uint8_t octets[V1_ID_OCTETS_MAX], *memory = exchange_take(x, V1_ID_OCTETS_MAX + 4);
	struct writer w = writer_of(memory, V1_ID_OCTETS_MAX + 4);
	struct v1_id id;

	if (!v1_id_from_selector(s, octets, &id))
		return BYTES_EMPTY;
	v1_id_encode(&w, &id);
	return writer_bytes(&w);
}

static struct v1_esp_terms terms_of(const struct exchange *x)
{
	const struct quick_data *d = x->data;

	return (struct v1_esp_terms){ .config = d->deal.config,
		.group = d->deal.ke.group,
		.encapsulation = v1_encapsulation(x->sa, d->deal.mode),
		.spi = d->deal.spi_in };
}

static void put_rest(struct exchange *x, struct bytes nonce)
{
	struct quick_data *d = x->data;

	v1_put(x, V1_PAYLOAD_NONCE, nonce);
	if (d->deal.ke.group)
		v1_put(x, V1_PAYLOAD_KE, d->deal.ke.value);
	if (!d->has_ids)
		return;
	v1_put(x, V1_PAYLOAD_ID, d->id_i);
	v1_put(x, V1_PAYLOAD_ID, d->id_r);
}

/* Keys. */

static int keymat(const struct exchange *x, uint32_t spi, struct child_keys *ret_keys)
{
	const struct quick_data *d = x->data;
	struct seal_suite suite = proposal_suite(&d->deal.chosen);
	struct v1_quick quick = { .protocol = V1_PROTOCOL_ESP,
		.spi = spi,
		.ni = d->deal.ni,
		.nr = d->deal.nr,
		.shared = d->deal.ke.shared };

	return v1_keymat(&x->sa->v1->keys, &quick, &suite, ret_keys);
}

/* Both ends go by the shorter life. */
static void heed_lifetime(struct child_sa *c, uint64_t life_s)
{
	struct ike_engine *e = c->sa->engine;
	ike_time at = e->now + (life_s - life_s / 10) * NS_PER_SECOND;

	if (!life_s || life_s > UINT32_MAX)
		return;
	if (at < c->rekey_at) {
		c->rekey_at = at;
		timer_set(&e->timers, &c->rekey_timer, at);
	}
	if (e->now + life_s * NS_PER_SECOND < c->expire_at) {
		c->expire_at = e->now + life_s * NS_PER_SECOND;
		timer_set(&e->timers, &c->expire_timer, c->expire_at);
	}
}

static struct child_sa *install(struct exchange *x)
{
	struct quick_data *d = x->data;
	struct child_keys in = { 0 }, out = { 0 };
	struct child_sa *made = NULL;
	struct ike_sa *newest;

	if (keymat(x, d->deal.spi_in, &in) == 0 && keymat(x, d->deal.spi_out, &out) == 0)
		made = deal_install_keyed(x, &d->deal, &in, &out);
	bytes_wipe(&in, sizeof(in));
	bytes_wipe(&out, sizeof(out));
	if (!made)
		return NULL;
	heed_lifetime(made, d->transform.life_seconds);
	newest = v1_newest(x->sa);
	if (newest != x->sa)
		child_move(made, newest);
	return made;
}

static enum step ask_spi(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	struct quick_data *d = x->data;

	if (!answer)
		return exchange_ask(x,
			&(struct ike_question){
				.kind = IKE_ASK_SPI, .connection = x->sa->connection });
	if (answer->status != IKE_ANSWER_OK)
		return exchange_reject(x, 0, "no SPI for the child: %s", answer->reason);
	d->deal.spi_in = answer->spi;
	return STEP_NEXT;
}

static bool take_transform(struct exchange *x)
{
	struct quick_data *d = x->data;

	return v1_esp_transform_to_proposal(&d->transform, &d->deal.chosen);
}

/* The initiator. */

static enum step prepare(struct exchange *x)
{
	struct quick_data *d = x->data;
	struct child_deal *deal = &d->deal;

	deal->initiator = true;
	deal->config = x->intent->config;
	deal->mode = deal->config->mode;
	if (!pair_at(x->sa, deal->config, pair_wanted(x), &d->local, &d->remote))
		return STEP_END;
	one(&d->local, &deal->local);
	one(&d->remote, &deal->remote);
	if (live_child(x->sa, deal))
		return STEP_END; /* made in the meantime */
	deal->ke.group = deal_first_group(deal->config);
	return STEP_NEXT;
}

static enum step prepare_rekey(struct exchange *x)
{
	struct quick_data *d = x->data;
	struct child_sa *c = child_find(x->engine, x->intent->child_id);

	if (!c || c->successor ||
		(c->state != IKE_CHILD_INSTALLED && c->state != IKE_CHILD_REKEYING))
		return STEP_END;
	rekeys(d, c);
	c->state = IKE_CHILD_REKEYING;
	d->deal.initiator = true;
	d->deal.born = connection_hold(c->connection);
	d->deal.config = c->config;
	d->deal.mode = c->spec.mode;
	d->deal.local = c->spec.local;
	d->deal.remote = c->spec.remote;
	d->local = c->spec.local.list[0];
	d->remote = c->spec.remote.list[0];
	d->deal.ke.group = deal_first_group(c->config);
	return STEP_NEXT;
}

static enum step begin_group(struct exchange *x)
{
	struct quick_data *d = x->data;

	return agreement_begin(x, &d->deal.ke);
}

static enum step build_first(struct exchange *x)
{
	struct quick_data *d = x->data;
	struct v1_flight *f = v1_flight_of(x);
	struct v1_esp_terms terms = terms_of(x);
	struct where where = where_said(d->deal.config->where_proposals, d->deal.config->where);

	if (!f)
		return exchange_reject(x, 0, "too many exchanges are under way");
	if (d->deal.rekeys_id && (!rekeyed_child(x) || d->deal.rekeys->successor))
		return STEP_END; /* gone while we asked, or rekeyed by the peer */
	d->id_i = id_body(x, &d->local);
	d->id_r = id_body(x, &d->remote);
	d->has_ids = true;
	if (!d->id_i.size || !d->id_r.size)
		return exchange_reject(x, 0,
			"child %s: IKEv1 has no words for its range of ports (%s:%u)",
			d->deal.config->name, d->deal.config->where.file,
			d->deal.config->where.line);
	d->deal.ni = f->ni = nonce_new(x);
	if (!v1_offer_esp(exchange_payload(x, V1_PAYLOAD_SA), &terms))
		return exchange_reject(x, 0,
			"child %s: IKEv1 has no word for any of its proposals: name one like aes128-sha256 (%s:%u)",
			d->deal.config->name, where.file, where.line);
	exchange_payload_end(x);
	put_rest(x, d->deal.ni);
	return STEP_NEXT;
}

static enum step read_second(struct exchange *x)
{
	struct quick_data *d = x->data;
	struct v1_esp_terms terms = terms_of(x);
	struct bytes sa = exchange_body(x, V1_PAYLOAD_SA), ke = exchange_body(x, V1_PAYLOAD_KE);
	const struct payload *id_i = chain_find(exchange_in(x), V1_PAYLOAD_ID, 0),
			     *id_r = chain_find(exchange_in(x), V1_PAYLOAD_ID, 1);

	rekeyed_child(x);
	if (!v1_chosen_esp(sa, &terms, &d->deal.spi_out, &d->transform) || !take_transform(x) ||
		d->deal.spi_out < 256)
		return exchange_reject(x, NO_PROPOSAL_CHOSEN,
			"the peer chose a transform for child %s that we did not offer",
			d->deal.config->name);
	if ((id_i && !bytes_equal(id_i->body, d->id_i)) ||
		(id_r && !bytes_equal(id_r->body, d->id_r)))
		return exchange_reject(x, TS_UNACCEPTABLE,
			"the peer answered with other selectors for child %s than we offered",
			d->deal.config->name);
	if (d->deal.ke.group && !ke.size)
		return exchange_reject(
			x, INVALID_KE_PAYLOAD, "the answer has no key exchange value");
	d->deal.nr = exchange_keep(x, exchange_body(x, V1_PAYLOAD_NONCE));
	v1_flight_of(x)->nr = d->deal.nr;
	return STEP_NEXT;
}

static enum step finish_group(struct exchange *x)
{
	struct quick_data *d = x->data;

	return v1_agreement_finish(x, &d->deal.ke);
}

static void settle(struct exchange *x, struct child_sa *made)
{
	struct child_sa *old = rekeyed_child(x);

	if (old && old != made) {
		child_replaced(old, made);
		delete_replaced(old);
	}
	settle_crossing(x->sa, made);
}

/* The responder may install only with the third message, which nobody acknowledges: where there is an old
 * child, we go on sending on that until we delete it. */
static enum step install_initiator(struct exchange *x)
{
	struct quick_data *d = x->data;
	struct child_sa *made;

	d->deal.redundant = rekeyed_child(x) && d->deal.rekeys->installed_out;
	made = install(x);
	if (!made)
		return exchange_reject(x, 0, "the child could not be installed");
	child_announce(made);
	settle(x, made);
	return STEP_NEXT;
}

/* The next pair of the same child, or the end of the command. */
static void created(struct exchange *x)
{
	struct quick_data *d = x->data;
	struct intent next = *x->intent;
	struct selector local, remote;
	struct child_sa *old = rekeyed_child(x);
	bool done =
		x->intent->kind == INTENT_CREATE_CHILD || d->deal.made || (old && old->successor);

	if (old && old->state == IKE_CHILD_REKEYING && !old->successor)
		old->state = IKE_CHILD_INSTALLED;
	next.next = NULL;
	next.pair++;
	if (next.kind == INTENT_CREATE_CHILD && !(next.command & TRAP_COMMAND) &&
		pair_at(x->sa, next.config, next.pair, &local, &remote))
		intent_add(x->sa, &next);
	else
		command_done(x->engine, next.command, done, 1, done ? "" : "the child is gone");
}

static void create_failed(struct exchange *x, const char *why)
{
	struct child_sa *old = rekeyed_child(x);

	if (old && old->state == IKE_CHILD_REKEYING)
		old->state = IKE_CHILD_INSTALLED;
	if (old && old->state == IKE_CHILD_INSTALLED && !old->successor)
		child_rekey_failed(old);
	else if (x->intent->kind == INTENT_CREATE_CHILD)
		supervise_child_failed(x->sa, x->intent->config, why);
	command_done(x->engine, x->intent->command, false, 0, why);
}

static step_fn *const new_begins[] = { prepare, ask_spi, begin_group, build_first, NULL };
static step_fn *const rekey_begins[] = { prepare_rekey, ask_spi, begin_group, build_first, NULL };
static step_fn *const initiator_ends[] = { read_second, finish_group, install_initiator, NULL };
static const struct round new_rounds[] = { { NULL, new_begins, &first },
	{ &second, initiator_ends, &third } };
static const struct round rekey_rounds[] = { { NULL, rekey_begins, &first },
	{ &second, initiator_ends, &third } };

const struct exchange_kind v1_quick_mode_initiator = {
	.name = "quick mode",
	.type = V1_QUICK_MODE,
	.rounds = new_rounds,
	.round_count = 2,
	.data_size = sizeof(struct quick_data),
	.failed = create_failed,
	.finished = created,
	.cleanup = quick_cleanup,
};
const struct exchange_kind v1_quick_mode_rekey = {
	.name = "quick mode",
	.type = V1_QUICK_MODE,
	.rounds = rekey_rounds,
	.round_count = 2,
	.data_size = sizeof(struct quick_data),
	.failed = create_failed,
	.finished = created,
	.cleanup = quick_cleanup,
};

/* The responder. */

static void host_selector(const struct address *a, struct selector *ret)
{
	*ret = (struct selector){
		.family = a->family, .port_last = 65535, .first = *a, .last = *a
	};
}

/* Without identities the ends of the ISAKMP SA are meant, §5.5. */
static bool read_ids(struct exchange *x)
{
	struct quick_data *d = x->data;
	const struct payload *id_i = chain_find(exchange_in(x), V1_PAYLOAD_ID, 0),
			     *id_r = chain_find(exchange_in(x), V1_PAYLOAD_ID, 1);
	struct v1_id theirs, ours;

	host_selector(&x->sa->path.remote.address, &d->remote);
	host_selector(&x->sa->path.local.address, &d->local);
	if (!id_i && !id_r)
		return true;
	if (!id_i || !id_r || !v1_id_decode(id_i->body, &theirs) ||
		!v1_id_decode(id_r->body, &ours))
		return false;
	d->has_ids = true;
	d->id_i = exchange_keep(x, id_i->body);
	d->id_r = exchange_keep(x, id_r->body);
	return v1_id_to_selector(&theirs, &d->remote) && v1_id_to_selector(&ours, &d->local);
}

/* The mode that the peer names first. */
static enum child_mode mode_offered(struct bytes body)
{
	struct v1_sa_reader sa;
	struct v1_proposal p;
	struct v1_transform raw;
	struct v1_esp_transform t;

	if (v1_sa_begin(body, &sa) < 0)
		return CHILD_TUNNEL;
	while (v1_sa_next(&sa, &p) > 0) {
		struct v1_transform_reader reader = v1_transforms_begin(&p);

		while (p.protocol == V1_PROTOCOL_ESP && v1_transforms_next(&reader, &raw) > 0)
			if (!v1_esp_transform_decode(&raw, &t))
				return v1_encapsulation_is_transport(t.encapsulation)
					? CHILD_TRANSPORT
					: CHILD_TUNNEL;
	}
	return CHILD_TUNNEL;
}

/* IKEv1 doesn't narrow: what was asked for is taken as it is, or refused. */
static bool as_asked(const struct child_deal *deal, const struct quick_data *d)
{
	struct selectors local, remote;

	if (deal->said_local.count || deal->said_remote.count)
		return deal->local.count == 1 && deal->remote.count == 1; /* through a NAT */
	one(&d->local, &local);
	one(&d->remote, &remote);
	return selectors_equal(&deal->local, &local) && selectors_equal(&deal->remote, &remote);
}

static enum step refuse_selectors(struct exchange *x)
{
	struct quick_data *d = x->data;
	const struct child_config *c = d->deal.config;
	char theirs[300], ours[300];
	struct where where = where_said(c->where_local_ts, c->where);
	struct selectors local, remote;

	one(&d->local, &local);
	one(&d->remote, &remote);
	selectors_print(&local, ours, sizeof(ours));
	selectors_print(&remote, theirs, sizeof(theirs));
	return exchange_reject(x, TS_UNACCEPTABLE,
		"INVALID_ID_INFORMATION: they ask for local %.150s === remote %.150s, which is more than child %s has; IKEv1 can't narrow: both ends must name the same (%s:%u)",
		ours, theirs, c->name, where.file, where.line);
}

static uint32_t children_count(const struct ike_sa *sa)
{
	uint32_t count = 0;

	for (const struct child_sa *c = sa->children; c; c = c->next)
		count++;
	return count;
}

static enum step choose(struct exchange *x)
{
	struct quick_data *d = x->data;
	struct child_deal *deal = &d->deal;
	struct bytes sa = exchange_body(x, V1_PAYLOAD_SA);
	uint32_t max = x->engine->options.children_max;
	struct child_sa *old;

	if (!read_ids(x))
		return exchange_reject(x, TS_UNACCEPTABLE,
			"INVALID_ID_INFORMATION: the peer's proxy identities are no addresses");
	deal->mode = mode_offered(sa);
	one(&d->local, &deal->local);
	one(&d->remote, &deal->remote);
	if (deal_choose_selectors(x, deal))
		return STEP_REJECT;
	if (!as_asked(deal, d))
		return refuse_selectors(x);
	old = live_child(x->sa, deal);
	if (old)
		rekeys(d, old);
	if (children_count(v1_newest(x->sa)) / 2 >= max)
		return exchange_reject(x, NO_ADDITIONAL_SAS,
			"the limit of %u children of one IKE SA is reached", max);
	return STEP_NEXT;
}

static enum step choose_proposal(struct exchange *x)
{
	struct quick_data *d = x->data;
	const struct child_config *c = d->deal.config;
	struct v1_esp_terms terms = terms_of(x);
	struct bytes sa = exchange_body(x, V1_PAYLOAD_SA);
	struct where where = where_said(c->where_proposals, c->where);
	char text[REJECT_TEXT_MAX - 100];

	if (!v1_choose_esp(sa, &terms, x->engine->options.prefer_configured_proposals, &d->choice,
		    &d->transform) ||
		!take_transform(x) || load_u32(d->choice.spi.data) < 256) {
		v1_explain(sa, &c->esp_proposals, &where, text, sizeof(text));
		return exchange_reject(x, NO_PROPOSAL_CHOSEN,
			"NO_PROPOSAL_CHOSEN for child %s (encapsulation mode %u): %s", c->name,
			terms.encapsulation, text);
	}
	d->deal.spi_out = load_u32(d->choice.spi.data);
	d->deal.ke.group = d->transform.group;
	if (d->transform.group && !chain_count(exchange_in(x), V1_PAYLOAD_KE))
		return exchange_reject(
			x, INVALID_KE_PAYLOAD, "the peer proposes PFS, but sends no value for it");
	return STEP_NEXT;
}

static enum step agree(struct exchange *x)
{
	struct quick_data *d = x->data;

	return v1_agreement_respond(x, &d->deal.ke);
}

static enum step build_second(struct exchange *x)
{
	struct quick_data *d = x->data;
	struct v1_flight *f = v1_flight_find(x->sa, x->message_id);
	uint8_t spi[4];

	if (!f)
		return exchange_reject(x, 0, "too many exchanges are under way");
	d->deal.ni = f->ni = exchange_keep(x, exchange_body(x, V1_PAYLOAD_NONCE));
	d->deal.nr = f->nr = nonce_new(x);
	d->deal.redundant = true; /* until the third message */
	rekeyed_child(x);
	if (!install(x))
		return exchange_reject(x, 0, "the child could not be installed");
	store_u32(spi, d->deal.spi_in);
	v1_answer_encode(exchange_payload(x, V1_PAYLOAD_SA), &d->choice, BYTES_OF(spi));
	exchange_payload_end(x);
	put_rest(x, d->deal.nr);
	return STEP_NEXT;
}

/* The peer has the child and uses it. */
static enum step confirm(struct exchange *x)
{
	struct quick_data *d = x->data;
	struct child_sa *made = child_find(x->engine, d->deal.made), *old = rekeyed_child(x);

	if (!made)
		return STEP_NEXT;
	child_use_outbound(made);
	child_announce(made);
	if (old && old != made && !old->successor)
		child_replaced(old, made);
	settle_crossing(x->sa, made);
	return STEP_NEXT;
}

void v1_quick_mode_confirmed(struct ike_sa *sa, const struct child_sa *old)
{
	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each)) {
		for (struct exchange *x = each->theirs; x; x = x->next) {
			struct quick_data *d = x->data;

			if (x->kind == &v1_quick_mode_responder && d->deal.made &&
				d->deal.rekeys_id == old->id)
				confirm(x);
		}
	}
}

static void respond_failed(struct exchange *x, const char *why)
{
	struct quick_data *d = x->data;
	struct child_sa *made = d->deal.made ? child_find(x->engine, d->deal.made) : NULL;

	if (!made || made->announced)
		return;
	child_remove(made, SA_END_REPLACED, why);
	child_free(made);
}

static step_fn *const responder_steps[] = { choose, choose_proposal, agree, ask_spi, build_second,
	NULL };
static step_fn *const responder_ends[] = { confirm, NULL };
static const struct round responder_rounds[] = { { &first, responder_steps, &second },
	{ &third, responder_ends, NULL } };

const struct exchange_kind v1_quick_mode_responder = {
	.name = "quick mode",
	.type = V1_QUICK_MODE,
	.rounds = responder_rounds,
	.round_count = 2,
	.data_size = sizeof(struct quick_data),
	.failed = respond_failed,
	.cleanup = quick_cleanup,
};
