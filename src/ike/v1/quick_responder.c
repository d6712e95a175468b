/* Quick mode as its responder: what is asked for is taken as it is, or refused; the child counts when the
 * third message has come. */
#include <stdio.h>

#include "ike/lifetime.h"
#include "ike/narrow.h"
#include "ike/v1/quick_mode.h"
#include "ike/v2/configuration.h"

static void host_selector(const struct address *a, struct selector *ret)
{
	*ret = (struct selector){
		.family = a->family, .port_last = 65535, .first = *a, .last = *a
	};
}

/* Windows names itself, instead of an address that nobody else knows, in transport mode. Who that is has
 * been proved already: its end of the path is meant. */
static bool read_id(const struct v1_id *id, enum child_mode mode, const struct address *end,
	struct selector *ret)
{
	if (id->type != V1_ID_FQDN || mode != CHILD_TRANSPORT)
		return v1_id_to_selector(id, ret);
	host_selector(end, ret);
	ret->protocol = id->protocol;
	ret->port_first = id->port;
	ret->port_last = id->port ? id->port : UINT16_MAX;
	return true;
}

/* Without identities the ends of the ISAKMP SA are meant, §5.5. */
static bool read_ids(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
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
	return read_id(&theirs, d->deal.mode, &x->sa->path.remote.address, &d->remote) &&
		read_id(&ours, d->deal.mode, &x->sa->path.local.address, &d->local);
}

/* The encapsulation mode that the peer names first. */
static uint16_t encapsulation_offered(struct bytes body)
{
	struct v1_sa_reader sa;
	struct v1_proposal p;
	struct v1_transform raw;
	struct v1_esp_transform t;

	if (v1_sa_begin(body, &sa) < 0)
		return V1_TUNNEL;
	while (v1_sa_next(&sa, &p) > 0) {
		struct v1_transform_reader reader = v1_transforms_begin(&p);

		while (p.protocol == V1_PROTOCOL_ESP && v1_transforms_next(&reader, &raw) > 0)
			if (!v1_esp_transform_decode(&raw, &t))
				return t.encapsulation;
	}
	return V1_TUNNEL;
}

/* No HASH covers NAT-D payloads: one that was damaged on its way shows a NAT to one end only. What the
 * peer says now is authentic, and nothing makes it overlook a NAT. */
static void agree_on_nat(struct ike_sa *sa, uint16_t encapsulation)
{
	bool udp = encapsulation && encapsulation != V1_TUNNEL && encapsulation != V1_TRANSPORT;

	if (!sa->v1->nat_t || udp == path_encap(sa))
		return;
	sa_tell(sa, IKE_EVENT_NOTE, 1, "the peer found %s NAT: ESP goes %s", udp ? "a" : "no",
		udp ? "in UDP" : "as it is");
	sa->nat_fake = udp;
	if (!udp)
		sa->nat_local = sa->nat_remote = false;
	path_settle(sa);
}

/* IKEv1 doesn't narrow: what was asked for is taken as it is, or refused. */
static bool as_asked(const struct child_deal *deal, const struct v1_quick_data *d)
{
	struct selectors local, remote;

	v1_quick_one(&d->local, &local);
	v1_quick_one(&d->remote, &remote);
	if (deal->said_local.count || deal->said_remote.count) /* through a NAT */
		return selectors_equal(&deal->said_local, &local) &&
			selectors_equal(&deal->said_remote, &remote);
	return (d->all_local || selectors_equal(&deal->local, &local)) &&
		(d->all_remote || selectors_equal(&deal->remote, &remote));
}

static enum step refuse_selectors(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	const struct child_config *c = d->deal.config;
	char theirs[300], ours[300];
	struct where where = where_said(c->where_local_ts, c->where);
	struct selectors local, remote;

	v1_quick_one(&d->local, &local);
	v1_quick_one(&d->remote, &remote);
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

/* Selectors that mean a virtual address need one. */
static bool refused_selectors(struct exchange *x, struct child_deal *deal)
{
	uint16_t refused = vips_refused(x);

	if (!refused && (refused = deal_choose_selectors(x, deal)))
		refused = vips_required(x, refused);
	return refused;
}

static enum step choose(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct child_deal *deal = &d->deal;
	struct bytes sa = exchange_body(x, V1_PAYLOAD_SA);
	uint32_t max = x->engine->options.children_max;
	uint16_t encapsulation = encapsulation_offered(sa);
	struct child_sa *old;

	deal->mode = v1_encapsulation_is_transport(encapsulation) ? CHILD_TRANSPORT : CHILD_TUNNEL;
	if (!read_ids(x))
		return exchange_reject(x, TS_UNACCEPTABLE,
			"INVALID_ID_INFORMATION: the peer's proxy identities are no addresses");
	agree_on_nat(x->sa, encapsulation);
	if (deal->mode == CHILD_TRANSPORT)
		v1_nat_read_original(x, &deal->original);
	v1_quick_one(&d->local, &deal->local);
	v1_quick_one(&d->remote, &deal->remote);
	v1_unity_asked(x);
	if (refused_selectors(x, deal))
		return STEP_REJECT;
	if (!as_asked(deal, d))
		return refuse_selectors(x);
	old = v1_quick_live_child(x->sa, deal);
	if (old)
		v1_quick_rekeys(d, old);
	if (children_count(v1_newest(x->sa)) / 2 >= max)
		return exchange_reject(x, NO_ADDITIONAL_SAS,
			"the limit of %u children of one IKE SA is reached", max);
	return STEP_NEXT;
}

static const char *encapsulation_words(uint16_t encapsulation)
{
	switch (encapsulation) {
	case V1_TUNNEL:
		return "tunnel mode";
	case V1_TRANSPORT:
		return "transport mode";
	case V1_UDP_TUNNEL:
		return "tunnel mode in UDP (RFC 3947)";
	case V1_UDP_TRANSPORT:
		return "transport mode in UDP (RFC 3947)";
	case V1_UDP_TUNNEL_DRAFT:
		return "tunnel mode in UDP (drafts of NAT traversal)";
	case V1_UDP_TRANSPORT_DRAFT:
		return "transport mode in UDP (drafts of NAT traversal)";
	default:
		return "an encapsulation that nobody knows";
	}
}

/* Why there is nothing to choose. */
static enum step none_chosen(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	const struct child_config *c = d->deal.config;
	struct v1_esp_terms terms = v1_quick_terms(x), as_asked = terms;
	struct bytes sa = exchange_body(x, V1_PAYLOAD_SA);
	struct where where = where_said(c->where_proposals, c->where);
	char text[REJECT_TEXT_MAX - 100];

	as_asked.encapsulation = encapsulation_offered(sa);
	if (v1_choose_esp(sa, &as_asked, false, &d->choice, &d->transform))
		return exchange_reject(x, NO_PROPOSAL_CHOSEN,
			"NO_PROPOSAL_CHOSEN for child %s: they want %s, and what the two ends have found of NATs leads to %s: is NAT traversal off at one end, or does something change it on the way? Else their algorithms fit (%s:%u)",
			c->name, encapsulation_words(as_asked.encapsulation),
			encapsulation_words(terms.encapsulation), where.file, where.line);
	v1_explain(sa, &c->esp_proposals, &where, text, sizeof(text));
	return exchange_reject(
		x, NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN for child %s: %s", c->name, text);
}

static enum step choose_proposal(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct v1_esp_terms terms = v1_quick_terms(x);
	struct bytes sa = exchange_body(x, V1_PAYLOAD_SA);

	if (!v1_choose_esp(sa, &terms, x->engine->options.prefer_configured_proposals, &d->choice,
		    &d->transform) ||
		!v1_quick_take_transform(x) || load_u32(d->choice.spi.data) < 256)
		return none_chosen(x);
	d->deal.spi_out = load_u32(d->choice.spi.data);
	d->deal.ke.group = d->transform.group;
	if (d->transform.group && !chain_count(exchange_in(x), V1_PAYLOAD_KE))
		return exchange_reject(
			x, INVALID_KE_PAYLOAD, "the peer proposes PFS, but sends no value for it");
	return STEP_NEXT;
}

static enum step agree(struct exchange *x)
{
	struct v1_quick_data *d = x->data;

	return agreement_respond(x, &d->deal.ke);
}

/* A responder can't change what it chose; a shorter life it says by this, RFC 2407 §4.6.3.1. */
static void put_lifetime(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	uint64_t ours = d->deal.config->life_time_s;
	uint8_t spi[4], data[16];
	struct writer w = writer_of(data, sizeof(data));

	if (!ours || ours > UINT32_MAX || ours >= d->transform.life_seconds)
		return;
	store_u32(spi, d->deal.spi_in);
	v1_lifetime_encode(&w, V1_PROTOCOL_ESP, &(struct v1_lifetime){ .seconds = ours });
	v1_put_notify(x,
		&(struct v1_notify){ .doi = V1_DOI_IPSEC,
			.protocol = V1_PROTOCOL_ESP,
			.type = V1_RESPONDER_LIFETIME,
			.spi = BYTES_OF(spi),
			.data = writer_bytes(&w) });
}

static enum step build_second(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct v1_flight *f = v1_flight_find(x->sa, x->message_id);
	uint8_t spi[4];

	if (!f)
		return exchange_reject(x, 0, "too many exchanges are under way");
	d->deal.ni = f->ni = exchange_keep(x, exchange_body(x, V1_PAYLOAD_NONCE));
	d->deal.nr = f->nr = nonce_new(x);
	d->deal.redundant = true; /* until the third message */
	v1_quick_rekeyed_child(x);
	if (!v1_quick_install(x))
		return exchange_reject(x, 0, "the child could not be installed");
	store_u32(spi, d->deal.spi_in);
	v1_answer_encode(exchange_payload(x, V1_PAYLOAD_SA), &d->choice, BYTES_OF(spi));
	exchange_payload_end(x);
	v1_quick_put_rest(x, d->deal.nr);
	v1_nat_put_originals(x, d->deal.mode);
	put_lifetime(x);
	return STEP_NEXT;
}

/* The peer has the child and uses it. */
static enum step confirm(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct child_sa *made = child_find(x->engine, d->deal.made),
			*old = v1_quick_rekeyed_child(x);

	if (!made || made->announced || made->state == IKE_CHILD_DELETED)
		return STEP_NEXT; /* it is, or the peer has deleted it since */
	if (old && old != made && !old->successor) {
		child_replaced(old, made);
		v1_quick_expect_delete(old);
	}
	v1_quick_stands(made, old);
	return STEP_NEXT;
}

void v1_quick_mode_confirmed(struct ike_sa *sa, const struct child_sa *old)
{
	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each)) {
		for (struct exchange *x = each->theirs; x; x = x->next) {
			struct v1_quick_data *d = x->data;

			if (x->kind == &v1_quick_mode_responder && d->deal.made &&
				d->deal.rekeys_id == old->id && !old->successor)
				confirm(x);
		}
	}
}

static void respond_failed(struct exchange *x, const char *why)
{
	struct v1_quick_data *d = x->data;
	struct child_sa *made = d->deal.made ? child_find(x->engine, d->deal.made) : NULL;

	if (!made || made->announced)
		return;
	child_remove(made, SA_END_REPLACED, why);
	child_free(made);
}

static step_fn *const responder_steps[] = { choose, choose_proposal, agree, v1_quick_ask_spi,
	build_second, NULL };
static step_fn *const responder_ends[] = { confirm, NULL };
static const struct round responder_rounds[] = { { &v1_quick_first, responder_steps,
							 &v1_quick_second },
	{ &v1_quick_third, responder_ends, NULL } };

const struct exchange_kind v1_quick_mode_responder = {
	.name = "quick mode",
	.type = V1_QUICK_MODE,
	.rounds = responder_rounds,
	.round_count = 2,
	.data_size = sizeof(struct v1_quick_data),
	.failed = respond_failed,
	.cleanup = v1_quick_cleanup,
};
