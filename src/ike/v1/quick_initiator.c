/* Quick mode as its initiator: what is wanted is offered, pair by pair; the child is installed with the
 * second message. */
#include <stdio.h>

#include "ike/lifetime.h"
#include "ike/narrow.h"
#include "ike/supervise.h"
#include "ike/trap.h"
#include "ike/v1/quick_mode.h"
#include "ike/v2/configuration.h"
#include "ike/v2/keys.h"

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
		v1_quick_one(&local, &ours);
		v1_quick_one(&remote, &theirs);
		if (selectors_within(&source, &ours) && selectors_within(&destination, &theirs))
			return pair;
	}
	return x->intent->pair;
}

/* Of the configuration's groups that which is next; in a rekeying first the one that the child was made
 * with. */
static uint16_t group_wanted(const struct exchange *x, const struct child_sa *old)
{
	const struct child_config *config = old ? old->config : x->intent->config;
	uint16_t before = old ? proposal_id(&old->chosen, TRANSFORM_KE) : 0, group = 0;
	size_t count = 0, first = 0;

	while (v1_esp_group(config, count, &group)) {
		if (old && group == before)
			first = count;
		count++;
	}
	if (count)
		v1_esp_group(config, (first + x->intent->offer) % count, &group);
	return group;
}

/* Whether there is one that the peer hasn't refused. */
static bool another_group(const struct exchange *x, const struct child_config *config)
{
	const struct v1_quick_data *d = x->data;
	uint16_t group;

	return d->refused && v1_esp_group(config, x->intent->offer + 1, &group);
}

static enum step prepare(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct child_deal *deal = &d->deal;

	deal->initiator = true;
	deal->config = x->intent->config;
	deal->mode = deal->config->mode;
	if (vips_missing(x, deal->config))
		return STEP_REJECT;
	if (!pair_at(x->sa, deal->config, pair_wanted(x), &d->local, &d->remote))
		return STEP_END;
	v1_quick_one(&d->local, &deal->local);
	v1_quick_one(&d->remote, &deal->remote);
	if (!v1_unity_ask(x))
		return exchange_reject(x, 0,
			"child %s: the peer wants nothing of its remote_ts to go through the tunnel (split include)",
			deal->config->name);
	if (v1_quick_live_child(x->sa, deal))
		return STEP_END; /* made in the meantime */
	deal->ke.group = group_wanted(x, NULL);
	return STEP_NEXT;
}

/* In another ISAKMP SA with the peer. */
static bool rekeyed_elsewhere(const struct exchange *x, const struct child_sa *c)
{
	struct ike_sa *sa = x->sa;

	for (struct ike_sa *each = v1_peers_next(sa, sa); each; each = v1_peers_next(sa, each)) {
		const struct v1_quick_data *d = each->ours ? each->ours->data : NULL;

		if (d && each->ours->kind == &v1_quick_mode_rekey && d->deal.rekeys_id == c->id)
			return true;
	}
	return false;
}

static enum step prepare_rekey(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct child_sa *c = child_find(x->engine, x->intent->child_id);

	if (!c || c->successor || !c->announced || /* the peer is still making it */
		rekeyed_elsewhere(x, c) ||
		(c->state != IKE_CHILD_INSTALLED && c->state != IKE_CHILD_REKEYING))
		return STEP_END;
	v1_quick_rekeys(d, c);
	c->state = IKE_CHILD_REKEYING;
	d->deal.initiator = true;
	d->deal.born = connection_hold(c->connection);
	d->deal.config = c->config;
	d->deal.mode = c->spec.mode;
	d->deal.local = c->spec.local;
	d->deal.remote = c->spec.remote;
	d->local = c->said_local.family ? c->said_local : c->spec.local.list[0];
	d->remote = c->said_remote.family ? c->said_remote : c->spec.remote.list[0];
	if (c->said_local.family)
		v1_quick_one(&d->local, &d->deal.said_local);
	if (c->said_remote.family)
		v1_quick_one(&d->remote, &d->deal.said_remote);
	d->all_local = c->all_local;
	d->all_remote = c->all_remote;
	if (d->all_local)
		v1_unity_all(&d->local);
	if (d->all_remote)
		v1_unity_all(&d->remote);
	d->deal.ke.group = group_wanted(x, c);
	return STEP_NEXT;
}

static enum step begin_group(struct exchange *x)
{
	struct v1_quick_data *d = x->data;

	return agreement_begin(x, &d->deal.ke);
}

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

static enum step build_first(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct v1_flight *f = v1_flight_of(x);
	struct v1_esp_terms terms = v1_quick_terms(x);
	struct where where = where_said(d->deal.config->where_proposals, d->deal.config->where);

	if (!f)
		return exchange_reject(x, 0, "too many exchanges are under way");
	if (d->deal.rekeys_id && (!v1_quick_rekeyed_child(x) || d->deal.rekeys->successor))
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
	v1_quick_put_rest(x, d->deal.ni);
	v1_nat_put_originals(x, d->deal.mode);
	return STEP_NEXT;
}

static void read_lifetime(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct v1_lifetime life;
	struct v1_notify n;

	if (v1_chain_notify(exchange_in(x), V1_RESPONDER_LIFETIME, &n) &&
		v1_lifetime_decode(&n, &life) && life.seconds)
		d->transform.life_seconds = life.seconds;
}

static bool selector_of_id(struct bytes body, struct selector *ret)
{
	struct v1_id id;

	return v1_id_decode(body, &id) && v1_id_to_selector(&id, ret) &&
		address_equal(&ret->first, &ret->last);
}

/* The responder repeats what we offered; in transport mode through a NAT charon names the addresses that it
 * sees instead, which are the same hosts. */
static bool repeats(const struct exchange *x, struct bytes ours, const struct payload *theirs)
{
	const struct v1_quick_data *d = x->data;
	bool nat = x->sa->nat_local || x->sa->nat_remote;
	struct selector offered, answered;

	if (!theirs || bytes_equal(theirs->body, ours))
		return true;
	return nat && d->deal.mode == CHILD_TRANSPORT && selector_of_id(ours, &offered) &&
		selector_of_id(theirs->body, &answered) && offered.family == answered.family &&
		offered.protocol == answered.protocol &&
		offered.port_first == answered.port_first &&
		offered.port_last == answered.port_last;
}

static enum step read_second(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct v1_esp_terms terms = v1_quick_terms(x);
	struct bytes sa = exchange_body(x, V1_PAYLOAD_SA), ke = exchange_body(x, V1_PAYLOAD_KE);
	const struct payload *id_i = chain_find(exchange_in(x), V1_PAYLOAD_ID, 0),
			     *id_r = chain_find(exchange_in(x), V1_PAYLOAD_ID, 1);

	v1_quick_rekeyed_child(x);
	if (!v1_chosen_esp(sa, &terms, &d->deal.spi_out, &d->transform) ||
		!v1_quick_take_transform(x) || d->deal.spi_out < 256)
		return exchange_reject(x, NO_PROPOSAL_CHOSEN,
			"the peer chose a transform for child %s that we did not offer",
			d->deal.config->name);
	if (!repeats(x, d->id_i, id_i) || !repeats(x, d->id_r, id_r))
		return exchange_reject(x, TS_UNACCEPTABLE,
			"the peer answered with other selectors for child %s than we offered",
			d->deal.config->name);
	if (d->deal.ke.group && !ke.size)
		return exchange_reject(
			x, INVALID_KE_PAYLOAD, "the answer has no key exchange value");
	read_lifetime(x);
	if (d->deal.mode == CHILD_TRANSPORT)
		v1_nat_read_original(x, &d->deal.original);
	d->deal.nr = exchange_keep(x, exchange_body(x, V1_PAYLOAD_NONCE));
	v1_flight_of(x)->nr = d->deal.nr;
	return STEP_NEXT;
}

static enum step finish_group(struct exchange *x)
{
	struct v1_quick_data *d = x->data;

	return agreement_finish(x, &d->deal.ke);
}

static enum step install_initiator(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct child_sa *made, *old;

	d->deal.redundant = true; /* until it is clear that it stays */
	made = v1_quick_install(x);
	if (!made)
		return exchange_reject(x, 0, "the child could not be installed");
	old = v1_quick_rekeyed_child(x);
	if (old && !old->successor) { /* else the peer was first, and deletes it */
		child_replaced(old, made);
		v1_quick_delete_replaced(old);
	}
	v1_quick_stands(made, old);
	return STEP_NEXT;
}

/* By the peer, or elsewhere: or it is itself what a rekeying of the peer's makes. */
static bool being_rekeyed(const struct child_sa *c)
{
	return c && (c->successor || !c->announced || c->state == IKE_CHILD_REKEYING);
}

/* The next pair of the same child, or the end of the command. */
static void created(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct intent next = *x->intent;
	struct selector local, remote;
	struct child_sa *old = v1_quick_rekeyed_child(x);
	bool done = x->intent->kind == INTENT_CREATE_CHILD || d->deal.made ||
		being_rekeyed(child_find(x->engine, x->intent->child_id));

	if (old && old->state == IKE_CHILD_REKEYING && !old->successor)
		old->state = IKE_CHILD_INSTALLED;
	next.next = NULL;
	next.pair++;
	if (next.kind == INTENT_CREATE_CHILD && !(next.command & TRAP_COMMAND) && !d->all_remote &&
		pair_at(x->sa, next.config, next.pair, &local, &remote))
		intent_add(x->sa, &next);
	else
		command_done(x->engine, next.command, done, 1, done ? "" : "the child is gone");
}

static void offer_another_group(struct exchange *x)
{
	const struct v1_quick_data *d = x->data;
	struct intent next = *x->intent;
	char name[NAME_TEXT_MAX];
	uint16_t group = d->deal.ke.group;

	sa_tell(x->sa, IKE_EVENT_NOTE, 1,
		"the peer refused the proposals of child %s %s%s: going on with its others, as one quick mode has room for one group (%s:%u)",
		d->deal.config->name, group ? "with " : "without PFS",
		group ? transform_name(TRANSFORM_KE, group, name) : "", d->deal.config->where.file,
		d->deal.config->where.line);
	next.next = NULL;
	next.offer++;
	intent_add(x->sa, &next);
}

static void create_failed(struct exchange *x, const char *why)
{
	struct v1_quick_data *d = x->data;
	struct child_sa *old = v1_quick_rekeyed_child(x);

	if (old && old->state == IKE_CHILD_REKEYING)
		old->state = IKE_CHILD_INSTALLED;
	if (d->deal.config && another_group(x, d->deal.config)) {
		offer_another_group(x);
		return;
	}
	if (old && old->state == IKE_CHILD_INSTALLED && !old->successor)
		child_rekey_failed(old);
	else if (x->intent->kind == INTENT_CREATE_CHILD)
		supervise_child_failed(x->sa, x->intent->config, why);
	command_done(x->engine, x->intent->command, false, 0, why);
}

static step_fn *const new_begins[] = { prepare, v1_quick_ask_spi, begin_group, build_first, NULL };
static step_fn *const rekey_begins[] = { prepare_rekey, v1_quick_ask_spi, begin_group, build_first,
	NULL };
static step_fn *const initiator_ends[] = { read_second, finish_group, install_initiator, NULL };
static const struct round new_rounds[] = { { NULL, new_begins, &v1_quick_first },
	{ &v1_quick_second, initiator_ends, &v1_quick_third } };
static const struct round rekey_rounds[] = { { NULL, rekey_begins, &v1_quick_first },
	{ &v1_quick_second, initiator_ends, &v1_quick_third } };

const struct exchange_kind v1_quick_mode_initiator = {
	.name = "quick mode",
	.type = V1_QUICK_MODE,
	.rounds = new_rounds,
	.round_count = 2,
	.data_size = sizeof(struct v1_quick_data),
	.failed = create_failed,
	.finished = created,
	.cleanup = v1_quick_cleanup,
};
const struct exchange_kind v1_quick_mode_rekey = {
	.name = "quick mode",
	.type = V1_QUICK_MODE,
	.rounds = rekey_rounds,
	.round_count = 2,
	.data_size = sizeof(struct v1_quick_data),
	.failed = create_failed,
	.finished = created,
	.cleanup = v1_quick_cleanup,
};

void v1_quick_mode_refused(struct exchange *x, uint16_t type, const char *why)
{
	struct v1_quick_data *d = x->data;

	d->refused = type == V1_NO_PROPOSAL_CHOSEN;
	if (!another_group(x, d->deal.config))
		sa_tell(x->sa, IKE_EVENT_FAILED, 0, "%s", why);
	exchange_abandon(x, why);
}

void v1_quick_mode_deleted(struct ike_sa *sa, uint32_t spi_out)
{
	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each)) {
		struct exchange *x = each->ours;
		struct v1_quick_data *d = x ? x->data : NULL;

		if (!x || x->kind->type != V1_QUICK_MODE || d->deal.made || !spi_out ||
			d->deal.spi_out != spi_out)
			continue;
		exchange_abandon(x, "deleted by the peer before it stood");
		return;
	}
}
