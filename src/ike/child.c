#include "ike/child.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/exchange.h"
#include "ike/heir.h"
#include "ike/lifetime.h"
#include "ike/liveness.h"
#include "ike/marks.h"
#include "ike/narrow.h"
#include "ike/negotiate.h"
#include "ike/peers.h"
#include "ike/supervise.h"
#include "ike/trap.h"
#include "ike/v2/child_notifies.h"
#include "ike/v2/configuration.h"
#include "ike/v2/keys.h"

struct child_sa *child_find(const struct ike_engine *e, uint32_t id)
{
	return table_find(e->by_child_id, BYTES(&id, sizeof(id)));
}

struct child_sa *child_latest(struct child_sa *c)
{
	struct child_sa *next;

	for (unsigned i = 0; i < LINE_CHILDREN_MAX && c; i++) {
		next = child_find(c->sa->engine, c->successor);
		if (!next || next == c)
			break;
		c = next;
	}
	return c;
}

struct child_sa *child_by_spi_out(struct ike_sa *sa, uint32_t spi)
{
	for (struct child_sa *c = sa->children; c; c = c->next)
		if (c->spec.spi_out == spi && c->state != IKE_CHILD_DELETED)
			return c;

	return NULL;
}

struct child_sa *child_by_spi_in(struct ike_sa *sa, uint32_t spi)
{
	for (struct child_sa *c = sa->children; c; c = c->next)
		if (c->spec.spi_in == spi && c->state != IKE_CHILD_DELETED)
			return c;

	return NULL;
}

struct child_sa *child_live(const struct ike_sa *sa, const char *name)
{
	for (struct child_sa *c = sa->children; c; c = c->next)
		if (c->installed_in && strcmp(c->config->name, name) == 0 &&
			(c->state == IKE_CHILD_INSTALLED || c->state == IKE_CHILD_REKEYING))
			return c;

	return NULL;
}

static void child_unlink(struct child_sa *c)
{
	for (struct child_sa **link = &c->sa->children; *link; link = &(*link)->next) {
		if (*link == c) {
			*link = c->next;
			return;
		}
	}
}

/* Out of its SA now; the memory lasts until the host has drained the outputs that speak of it. */
void child_free(struct child_sa *c)
{
	struct ike_engine *e = c->sa->engine;

	child_unlink(c);
	table_take(e->by_child_id, BYTES(&c->id, sizeof(c->id)));
	timer_clear(&e->timers, &c->rekey_timer);
	timer_clear(&e->timers, &c->expire_timer);
	timer_clear(&e->timers, &c->inactivity_timer);
	c->state = IKE_CHILD_DELETING;
	c->next = e->buried;
	e->buried = c;
	e->stats.children--;
}

bool child_confirmed(const struct child_sa *c)
{
	const struct window *w = &c->sa->window;

	return !c->made_by || c->sa->id != c->made_in || w->working ||
		w->next_expected > c->made_by;
}

void children_reap(struct ike_engine *e)
{
	while (e->buried) {
		struct child_sa *c = e->buried;

		e->buried = c->next;
		connection_release(c->connection);
		octets_clear(&c->offender);
		bytes_wipe(&c->spec, sizeof(c->spec));
		free(c);
	}
}

void child_operate(struct child_sa *c, enum ike_operation_kind kind, bool rekeyed)
{
	struct ike_operation op = { .kind = kind,
		.spec = &c->spec,
		.config = c->config,
		.connection = c->connection,
		.ike_id = c->sa->id,
		.rekeyed = rekeyed };

	engine_operate(c->sa->engine, &op);
}

void child_remove(struct child_sa *c, enum sa_end end, const char *why)
{
	/* What lost against another before it counted was never told of, either. */
	bool rekeyed = end == SA_END_REPLACED || c->state == IKE_CHILD_DELETED || !c->announced;

	if (!c->installed_in)
		return;
	if (c->state == IKE_CHILD_DELETED) {
		end = SA_END_REPLACED; /* another has taken over long ago */
	} else if ((end == SA_END_PEER_DELETED && child_goes_back(c)) || heir_takes_over(c)) {
		end = SA_END_REPLACED;
		rekeyed = true;
	}
	child_operate(c, IKE_OPERATE_REMOVE, rekeyed);
	c->installed_in = c->installed_out = false;
	timer_clear(&c->sa->engine->timers, &c->rekey_timer);
	timer_clear(&c->sa->engine->timers, &c->expire_timer);
	timer_clear(&c->sa->engine->timers, &c->inactivity_timer);
	if (!rekeyed)
		child_tell(c, IKE_EVENT_CHILD_DOWN, 0, "%s", why);
	supervise_child_over(c, end, why);
}

void child_path_changed(struct child_sa *c)
{
	c->spec.path = c->sa->mobility.traffic.path;
	c->spec.encap = path_encap(c->sa);
	c->spec.peer_nat = c->sa->mobility.traffic.nat_remote;
	if (c->installed_in)
		child_operate(c, IKE_OPERATE_UPDATE_PATH, false);
}

void child_timer_due(struct child_sa *c, enum sa_timer kind)
{
	if (c->sa->doomed)
		return;

	if (kind == TIMER_CHILD_INACTIVE) {
		inactivity_due(c);
	} else if (kind == TIMER_CHILD_REKEY && c->state == IKE_CHILD_INSTALLED) {
		intent_add(
			c->sa, &(struct intent){ .kind = INTENT_REKEY_CHILD, .child_id = c->id });
	} else if (kind == TIMER_CHILD_EXPIRE) {
		child_expired(c);
	}
}

void child_kernel(struct child_sa *c, const struct ike_kernel_event *event)
{
	struct ike_sa *sa = c->sa;

	switch (event->kind) {
	case IKE_KERNEL_EXPIRE_SOFT:
		if (c->state == IKE_CHILD_INSTALLED)
			intent_add(sa,
				&(struct intent){ .kind = INTENT_REKEY_CHILD, .child_id = c->id });
		break;
	case IKE_KERNEL_REFUSED:
		child_tell(c, IKE_EVENT_FAILED, 0, "the data plane refused the SA: %s",
			event->reason ? event->reason : "no reason given");
		__attribute__((fallthrough));
	case IKE_KERNEL_EXPIRE_HARD:
		if (c->state != IKE_CHILD_DELETED)
			intent_add(sa,
				&(struct intent){ .kind = INTENT_DELETE_CHILD,
					.child_id = c->id,
					.end = SA_END_FAILED });
		break;
	case IKE_KERNEL_MAPPING:
		heirs_confirmed(sa); /* what they replace leads to where the peer was */
		path_mapped(c, &event->remote);
		break;
	case IKE_KERNEL_SELECTORS:
		selectors_violated(c, event);
		break;
	case IKE_KERNEL_ACQUIRE:
	case IKE_KERNEL_UNKNOWN_SPI:
	case IKE_KERNEL_ADDRESSES: /* of no child: ike_kernel() */
		break;
	}
}

void child_move(struct child_sa *c, struct ike_sa *to)
{
	child_unlink(c);
	c->sa = to;
	c->next = to->children;
	to->children = c;
}

/* Negotiation. */

uint16_t deal_first_group(const struct child_config *config)
{
	return proposals_first_group(&config->esp_proposals);
}

static const struct address *dynamic_address(const struct ike_sa *sa, bool local)
{
	return local ? &sa->path.local.address : &sa->path.remote.address;
}

void child_configured(const struct ike_sa *sa, const struct child_config *config, bool local,
	struct selectors *ret)
{
	struct selectors dynamic;

	vips_dynamic(sa, local, &dynamic);
	if (local)
		selectors_configured(config->local_ts, config->local_ts_count, &dynamic, ret);
	else
		selectors_configured(config->remote_ts, config->remote_ts_count, &dynamic, ret);
}

static void put_selectors(struct exchange *x, uint8_t type, const struct selectors *s)
{
	selectors_encode(exchange_payload(x, type), s);
	exchange_payload_end(x);
}

static void put_nonce(struct exchange *x, struct bytes nonce)
{
	write_bytes(exchange_payload(x, PAYLOAD_NONCE), nonce);
	exchange_payload_end(x);
}

/* The packet's own selectors go first: whatever the responder narrows to, it is to keep these, RFC
 * 7296 §2.9. */
static void put_first(struct selectors *s, const struct selector *first)
{
	size_t kept = s->count < SELECTORS_MAX ? s->count : SELECTORS_MAX - 1;

	memmove(&s->list[1], &s->list[0], kept * sizeof(s->list[0]));
	s->list[0] = *first;
	s->count = kept + 1;
}

static bool is_single(const struct selectors *s)
{
	return s->count == 1 && address_equal(&s->list[0].first, &s->list[0].last);
}

/* All that the configuration has of one address. */
static void only(const struct selectors *configured, const struct address *a, struct selectors *ret)
{
	struct selectors one = { 0 };

	selectors_add_address(&one, a);
	selectors_intersect(configured, &one, ret);
}

static bool single_pair(struct exchange *x, const struct child_deal *deal, struct selectors *local,
	struct selectors *remote)
{
	const struct child_sa *old = deal->rekeys;
	struct selector source, destination;
	struct selectors all;

	if (old && is_single(&old->spec.local) && is_single(&old->spec.remote)) {
		*local = old->spec.local;
		*remote = old->spec.remote;
		return true;
	}
	if (old || !trap_packet(x->sa, deal->config, &source, &destination))
		return false;
	child_configured(x->sa, deal->config, true, &all);
	only(&all, &source.first, local);
	child_configured(x->sa, deal->config, false, &all);
	only(&all, &destination.first, remote);
	return local->count && remote->count;
}

bool deal_single_pair(struct exchange *x, const struct child_deal *deal)
{
	struct selectors local, remote;

	return single_pair(x, deal, &local, &remote);
}

static void request_selectors(struct exchange *x, const struct child_deal *deal,
	struct selectors *local, struct selectors *remote)
{
	struct selectors source = { .count = 1 }, destination = { .count = 1 };

	if (deal->single && single_pair(x, deal, local, remote))
		return;
	child_configured(x->sa, deal->config, true, local);
	child_configured(x->sa, deal->config, false, remote);
	if (deal->rekeys ||
		!trap_packet(x->sa, deal->config, &source.list[0], &destination.list[0]))
		return;
	if (!selectors_within(&source, local) || !selectors_within(&destination, remote))
		return; /* it met the trap, but is not what the child will be for */
	put_first(local, &source.list[0]);
	put_first(remote, &destination.list[0]);
}

void deal_request(struct exchange *x, struct child_deal *deal, bool with_ke)
{
	uint8_t spi[4];
	struct selectors local, remote;

	deal->initiator = true;
	if (deal->config->mode == CHILD_TRANSPORT)
		exchange_notify(x, USE_TRANSPORT_MODE, BYTES_EMPTY);
	store_u32(spi, deal->spi_in);
	proposals_encode(exchange_payload(x, PAYLOAD_SA), &deal->config->esp_proposals,
		PROTOCOL_ESP, BYTES_OF(spi), with_ke);
	exchange_payload_end(x);
	if (with_ke) {
		put_nonce(x, deal->ni);
		agreement_put(x, &deal->ke);
	}
	request_selectors(x, deal, &local, &remote);
	put_selectors(x, PAYLOAD_TSI, &local);
	put_selectors(x, PAYLOAD_TSR, &remote);
}

/* The packet that the peer wants the child for, where it says: RFC 7296 §2.9 has it kept. */
static bool has_first(const struct selectors *s, const struct selectors *asked)
{
	const struct selectors first = { .count = 1, .list = { asked->list[0] } };

	return selectors_within(&first, s);
}

/* How well a configured child fits what the peer asks: 0 not, 1 narrowed, 2 as asked; 2 more for
 * the mode, 4 where it has what the peer named first. */
static unsigned child_fit(struct exchange *x, const struct child_config *config,
	const struct child_deal *asked, struct child_deal *ret)
{
	struct selectors ours;
	bool exact;

	if (mode_is_shunt(config->mode))
		return 0;
	*ret = *asked;
	ret->config = config;
	child_configured(x->sa, config, true, &ours);
	selectors_intersect(&ours, &asked->local, &ret->local);
	child_configured(x->sa, config, false, &ours);
	selectors_intersect(&ours, &asked->remote, &ret->remote);
	if (!ret->local.count || !ret->remote.count)
		return 0;

	exact = selectors_equal(&ret->local, &asked->local) &&
		selectors_equal(&ret->remote, &asked->remote);
	ret->mode = config->mode == CHILD_TRANSPORT && asked->mode == CHILD_TRANSPORT
		? CHILD_TRANSPORT
		: CHILD_TUNNEL;
	return (exact ? 2 : 1) + (config->mode == asked->mode ? 2 : 0) +
		(has_first(&ret->local, &asked->local) && has_first(&ret->remote, &asked->remote)
				? 4
				: 0);
}

static void explain_selectors(struct exchange *x, const struct child_deal *asked)
{
	const struct connection *c = x->sa->connection;
	char theirs_local[300], theirs_remote[300], ours_local[300], ours_remote[300];
	struct where where;
	struct selectors s;
	const struct child_config *config = asked->config ? asked->config
		: c->child_count                          ? &c->children[0]
							  : NULL;

	selectors_print(&asked->local, theirs_local, sizeof(theirs_local));
	selectors_print(&asked->remote, theirs_remote, sizeof(theirs_remote));
	if (!config) {
		exchange_reject(x, TS_UNACCEPTABLE,
			"TS_UNACCEPTABLE: connection %s has no child (%s:%u)", c->name,
			c->where.file, c->where.line);
		return;
	}
	child_configured(x->sa, config, true, &s);
	selectors_print(&s, ours_local, sizeof(ours_local));
	child_configured(x->sa, config, false, &s);
	selectors_print(&s, ours_remote, sizeof(ours_remote));
	where = where_said(config->where_local_ts, config->where);
	exchange_reject(x, TS_UNACCEPTABLE,
		"TS_UNACCEPTABLE: they offer local %.150s === remote %.150s; %s%s wants %.150s === %.150s (%s:%u)",
		theirs_local, theirs_remote, config->name,
		c->child_count > 1 ? " and the other children" : "", ours_local, ours_remote,
		where.file, where.line);
}

/* Whether another configured child would take what the chosen one leaves out. */
static bool takes_more(
	struct exchange *x, const struct child_deal *asked, const struct child_deal *chosen)
{
	const struct connection *c = asked->born ? asked->born : x->sa->connection;

	for (size_t i = 0; i < c->child_count; i++) {
		struct child_deal other;

		if (&c->children[i] != chosen->config &&
			child_fit(x, &c->children[i], asked, &other) &&
			(!selectors_within(&other.local, &chosen->local) ||
				!selectors_within(&other.remote, &chosen->remote)))
			return true;
	}
	return false;
}

static uint16_t choose_config(struct exchange *x, struct child_deal *deal)
{
	const struct connection *c = deal->born ? deal->born : x->sa->connection;
	struct child_deal best = { 0 };
	unsigned best_fit = 0;

	for (size_t i = 0; i < c->child_count; i++) {
		struct child_deal candidate;
		unsigned fit;

		if (deal->rekeys && deal->rekeys->config != &c->children[i])
			continue;
		fit = child_fit(x, &c->children[i], deal, &candidate);
		if (fit > best_fit) {
			best_fit = fit;
			best = candidate;
		}
	}
	if (!best_fit) {
		explain_selectors(x, deal);
		return TS_UNACCEPTABLE;
	}
	best.more_possible = !deal->rekeys && takes_more(x, deal, &best);
	*deal = best;
	return 0;
}

static struct negotiation deal_negotiation(
	const struct exchange *x, const struct child_deal *deal, bool with_ke)
{
	return (struct negotiation){
		.ours = &deal->config->esp_proposals,
		.theirs = exchange_body(x, PAYLOAD_SA),
		.protocol = PROTOCOL_ESP,
		.with_ke = with_ke,
		.prefer_ours = x->engine->options.prefer_configured_proposals,
	};
}

static uint16_t explain_proposals(
	struct exchange *x, const struct child_deal *deal, const struct negotiation *n)
{
	struct where where = where_said(deal->config->where_proposals, deal->config->where);
	char text[REJECT_TEXT_MAX - 100];

	negotiate_explain(n, &where, text, sizeof(text));
	exchange_reject(x, NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN for child %s: %s",
		deal->config->name, text);
	return NO_PROPOSAL_CHOSEN;
}

static bool take_spi(struct child_deal *deal)
{
	if (deal->chosen.spi_size != 4)
		return false;
	deal->spi_out = load_u32(deal->chosen.spi);
	return deal->spi_out >= 256;
}

/* Transport mode through a NAT, RFC 7296 §2.23.1: a selector with one address means the end of the
 * path, whatever address its sender believes to have. The response says it as the request did. */
static void substitute(struct selectors *s, const struct address *real)
{
	for (size_t i = 0; i < s->count; i++) {
		struct selector *each = &s->list[i];

		if (each->family == real->family && address_equal(&each->first, &each->last))
			each->first = each->last = *real;
	}
}

/* The other way round, for what the response says of those that were chosen. */
static struct selectors as_asked(
	const struct selectors *chosen, const struct address *real, const struct selectors *asked)
{
	struct selectors said = *chosen;

	for (size_t i = 0; i < asked->count; i++) {
		const struct selector *each = &asked->list[i];

		if (each->family != real->family || !address_equal(&each->first, &each->last))
			continue;
		for (size_t j = 0; j < said.count; j++)
			if (address_equal(&chosen->list[j].first, real) &&
				address_equal(&chosen->list[j].last, real))
				said.list[j].first = said.list[j].last = each->first;
		break;
	}
	return said;
}

static bool transport_through_nat(const struct exchange *x, const struct child_deal *deal)
{
	return deal->mode == CHILD_TRANSPORT && (x->sa->nat_local || x->sa->nat_remote);
}

/* Chooses with the real addresses in place of those behind a NAT. */
static uint16_t choose_through_nat(struct exchange *x, struct child_deal *deal)
{
	struct child_deal said = *deal;
	uint16_t refused;

	if (x->sa->nat_remote)
		substitute(&deal->remote, dynamic_address(x->sa, false));
	if (x->sa->nat_local)
		substitute(&deal->local, dynamic_address(x->sa, true));
	refused = choose_config(x, deal);
	if (!refused && deal->mode != CHILD_TRANSPORT) {
		*deal = said; /* it will be a tunnel: addresses mean what they say */
		deal->mode = CHILD_TUNNEL;
		return choose_config(x, deal);
	}
	deal->said_local = deal->local;
	deal->said_remote = deal->remote;
	if (!deal->original.family && is_single(&said.remote))
		deal->original = said.remote.list[0].first;
	if (x->sa->nat_local)
		deal->said_local =
			as_asked(&deal->local, dynamic_address(x->sa, true), &said.local);
	if (x->sa->nat_remote)
		deal->said_remote =
			as_asked(&deal->remote, dynamic_address(x->sa, false), &said.remote);
	return refused;
}

uint16_t deal_choose_selectors(struct exchange *x, struct child_deal *deal)
{
	return transport_through_nat(x, deal) ? choose_through_nat(x, deal)
					      : choose_config(x, deal);
}

uint16_t deal_choose(struct exchange *x, struct child_deal *deal, bool with_ke)
{
	struct negotiation n;
	struct notify transport;
	uint16_t refused;

	if (!selectors_decode(exchange_body(x, PAYLOAD_TSI), &deal->remote) ||
		!selectors_decode(exchange_body(x, PAYLOAD_TSR), &deal->local)) {
		exchange_reject(x, INVALID_SYNTAX, "traffic selectors are malformed");
		return INVALID_SYNTAX;
	}
	refused = vips_refused(x);
	if (refused)
		return refused;
	deal->mode = chain_notify(exchange_in(x), USE_TRANSPORT_MODE, &transport) ? CHILD_TRANSPORT
										  : CHILD_TUNNEL;
	refused = deal_choose_selectors(x, deal);
	if (refused)
		return vips_required(x, refused);

	n = deal_negotiation(x, deal, with_ke);
	if (negotiate(&n, &deal->chosen) <= 0 || !take_spi(deal))
		return explain_proposals(x, deal, &n);
	deal->ke.group = with_ke ? proposal_id(&deal->chosen, TRANSFORM_KE) : 0;
	deal_read_notifies(x, deal);
	return 0;
}

void deal_response(struct exchange *x, struct child_deal *deal)
{
	struct proposal p = deal->chosen;

	if (deal->mode == CHILD_TRANSPORT)
		exchange_notify(x, USE_TRANSPORT_MODE, BYTES_EMPTY);
	p.spi_size = 4;
	store_u32(p.spi, deal->spi_in);
	sa_encode(exchange_payload(x, PAYLOAD_SA), &p, 1);
	exchange_payload_end(x);
	if (deal->nr.size && x->kind->type == CREATE_CHILD_SA) {
		put_nonce(x, deal->nr);
		agreement_put(x, &deal->ke);
	}
	put_selectors(x, PAYLOAD_TSI, deal->said_remote.count ? &deal->said_remote : &deal->remote);
	put_selectors(x, PAYLOAD_TSR, deal->said_local.count ? &deal->said_local : &deal->local);
	if (deal->more_possible)
		exchange_notify(x, ADDITIONAL_TS_POSSIBLE, BYTES_EMPTY);
}

static uint16_t explain_error(struct exchange *x, const struct child_deal *deal, uint16_t error)
{
	const struct child_config *c = deal->config;
	struct where ts = where_said(c->where_local_ts, c->where),
		     proposals = where_said(c->where_proposals, c->where);
	char name[NAME_TEXT_MAX], ours[400] = "", local[200], remote[200];
	struct selectors s;

	if (error == TS_UNACCEPTABLE) {
		child_configured(x->sa, c, true, &s);
		selectors_print(&s, local, sizeof(local));
		child_configured(x->sa, c, false, &s);
		selectors_print(&s, remote, sizeof(remote));
		snprintf(ours, sizeof(ours),
			": we offered %.180s === %.180s (%s:%u); compare with the peer's selectors",
			local, remote, ts.file, ts.line);
	} else if (error == NO_PROPOSAL_CHOSEN) {
		size_t used = (size_t)snprintf(ours, sizeof(ours), ": we offered");

		for (size_t i = 0; i < c->esp_proposals.count && used < sizeof(ours) - 100; i++)
			used += (size_t)snprintf(ours + used, sizeof(ours) - used - 60, " %.120s",
				c->esp_proposals.list[i].text);
		if (used < sizeof(ours))
			snprintf(ours + used, sizeof(ours) - used,
				" (%s:%u); compare with the peer's ESP proposals", proposals.file,
				proposals.line);
	} else if (error == SINGLE_PAIR_REQUIRED) {
		snprintf(ours, sizeof(ours),
			": it makes a child for one address of each side only; a trap asks for those of the packets that come (start_action = trap), or configure single addresses (%s:%u)",
			ts.file, ts.line);
	} else if (error == NO_ADDITIONAL_SAS) {
		snprintf(ours, sizeof(ours),
			": it takes no more Child SAs in this IKE SA; raise its limit, or give the child a connection of its own (%s:%u)",
			ts.file, ts.line);
	}
	exchange_reject(x, 0, "the peer refused child %s with %s%s", c->name,
		notify_name(error, name), ours);
	return error;
}

/* We offered whatever address might come; a peer may leave it at that instead of narrowing to the
 * one that it gave. */
static void narrow_to_vips(struct child_deal *deal, const struct selectors *ours)
{
	struct selectors answered = deal->local;

	selectors_intersect(&answered, ours, &deal->local);
}

uint16_t deal_read_response(struct exchange *x, struct child_deal *deal, bool with_ke)
{
	struct negotiation n = deal_negotiation(x, deal, with_ke);
	struct selectors ours;
	struct notify error;

	if (vips_missing(x, deal->config))
		return INTERNAL_ADDRESS_FAILURE;
	if (chain_error(exchange_in(x), &error))
		return explain_error(x, deal, error.type);
	n.prefer_ours = true;
	if (negotiate_response(&n, &deal->chosen) <= 0 || !take_spi(deal)) {
		explain_proposals(x, deal, &n);
		return NO_PROPOSAL_CHOSEN;
	}
	if (!selectors_decode(exchange_body(x, PAYLOAD_TSI), &deal->local) ||
		!selectors_decode(exchange_body(x, PAYLOAD_TSR), &deal->remote)) {
		exchange_reject(x, 0, "traffic selectors of the response are malformed");
		return INVALID_SYNTAX;
	}
	child_configured(x->sa, deal->config, true, &ours);
	if (x->sa->vips)
		narrow_to_vips(deal, &ours);
	if (!deal->local.count || !selectors_within(&deal->local, &ours)) {
		exchange_reject(x, 0, "the peer answered with selectors that we did not offer");
		return TS_UNACCEPTABLE;
	}
	child_configured(x->sa, deal->config, false, &ours);
	if (!deal->remote.count || !selectors_within(&deal->remote, &ours)) {
		exchange_reject(x, 0, "the peer answered with selectors that we did not offer");
		return TS_UNACCEPTABLE;
	}
	deal->mode = chain_notify(exchange_in(x), USE_TRANSPORT_MODE, &error) &&
			deal->config->mode == CHILD_TRANSPORT
		? CHILD_TRANSPORT
		: CHILD_TUNNEL;
	if (deal->config->mode == CHILD_TRANSPORT && deal->mode == CHILD_TUNNEL)
		sa_tell(x->sa, IKE_EVENT_NOTE, 1,
			"the peer declined transport mode for %s: tunnel mode", deal->config->name);
	deal_read_notifies(x, deal);
	return 0;
}

/* Installing. */

static struct child_spec deal_spec(struct exchange *x, const struct child_deal *deal)
{
	const struct child_config *c = deal->config;
	const struct ike_sa *sa = x->sa;

	return (struct child_spec){
		.name = c->name,
		.protocol = PROTOCOL_ESP,
		.mode = deal->mode,
		.suite = proposal_suite(&deal->chosen),
		.esn = proposal_id(&deal->chosen, TRANSFORM_ESN) == ESN_YES,
		.encap = path_encap(sa),
		.peer_nat = sa->mobility.traffic.nat_remote,
		.peer_key = peers_key(sa),
		.path = sa->mobility.traffic.path,
		.spi_in = deal->spi_in,
		.spi_out = deal->spi_out,
		.local = deal->local,
		.remote = deal->remote,
		.replay_window = c->replay_window,
		.tfc_padding = deal->no_tfc ? 0 : c->tfc_padding,
		.copy_df = c->copy_df,
		.copy_ecn = c->copy_ecn,
		.copy_dscp = c->copy_dscp,
		.priority = c->priority,
		.offload = c->offload,
		.soft_bytes = soft_limit(x->engine, c->rekey_bytes, c->rand_bytes),
		.hard_bytes = c->life_bytes,
		.soft_packets = soft_limit(x->engine, c->rekey_packets, c->rand_packets),
		.hard_packets = c->life_packets,
	};
}

static struct child_sa *child_new(struct exchange *x, const struct child_deal *deal)
{
	const struct connection *connection = deal->born ? deal->born : x->sa->connection;
	const struct child_sa *rekeyed =
		deal->rekeys_id ? child_find(x->engine, deal->rekeys_id) : NULL;
	struct child_sa *old = deal->rekeys_id ? NULL : heir_predecessor(x->sa, deal);
	struct child_sa *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->sa = x->sa;
	c->id = ++x->engine->last_child_id;
	if (table_put(x->engine->by_child_id, BYTES(&c->id, sizeof(c->id)), c) < 0) {
		free(c);
		return NULL;
	}
	c->connection = connection_hold(connection);
	c->config = deal->config;
	c->chosen = deal->chosen;
	c->spec = deal_spec(x, deal);
	c->spec.child_id = c->id;
	c->spec.reqid = deal->reqid ? deal->reqid
		: old               ? old->spec.reqid
				    : engine_reqid(x->sa, deal->config);
	c->spec.marks = rekeyed ? rekeyed->spec.marks
		: old           ? old->spec.marks
				: marks_of_child(x->sa, deal->config);
	c->predecessor = deal->rekeys_id;
	if (deal->said_local.count)
		c->said_local = deal->said_local.list[0];
	if (deal->said_remote.count)
		c->said_remote = deal->said_remote.list[0];
	c->original = deal->original;
	if (old)
		heir_link(c, old);
	c->ours = rekeyed ? rekeyed->ours : x->initiator;
	c->made_in = x->sa->id;
	c->made_by = x->initiator ? 0 : x->message_id + 1;
	c->spec.answered = !x->initiator;
	c->rekey_timer = (struct timer){ .owner = c, .kind = TIMER_CHILD_REKEY };
	c->expire_timer = (struct timer){ .owner = c, .kind = TIMER_CHILD_EXPIRE };
	c->inactivity_timer = (struct timer){ .owner = c, .kind = TIMER_CHILD_INACTIVE };
	c->command = x->intent ? x->intent->command : x->sa->command;
	c->next = x->sa->children;
	x->sa->children = c;
	x->engine->stats.children++;
	return c;
}

/* It is the one that counts: told once. */
void child_announce(struct child_sa *c)
{
	char local[300], remote[300], behind[ADDRESS_TEXT_MAX + 24] = "", address[ADDRESS_TEXT_MAX];
	struct child_sa *rekeyed =
		c->predecessor && !c->heir ? child_find(c->sa->engine, c->predecessor) : NULL;

	if (c->announced)
		return;
	c->announced = true;
	if (rekeyed)
		heir_rekeyed(c, rekeyed);
	selectors_print(&c->spec.local, local, sizeof(local));
	selectors_print(&c->spec.remote, remote, sizeof(remote));
	if (c->original.family && !address_equal(&c->original, &c->spec.path.remote.address))
		snprintf(behind, sizeof(behind), ", behind a NAT at %s",
			address_print(&c->original, address));
	child_tell(c, c->predecessor ? IKE_EVENT_CHILD_REKEYED : IKE_EVENT_CHILD_UP, 0,
		"SPIs %08x_i %08x_o, %s === %s%s", c->spec.spi_in, c->spec.spi_out, local, remote,
		behind);
}

void child_use_outbound(struct child_sa *c)
{
	if (c->installed_out || c->sent_enough)
		return;
	c->installed_out = true;
	child_operate(c, IKE_OPERATE_INSTALL_OUT, false);
}

void child_stop_outbound(struct child_sa *c, bool rekeyed)
{
	c->sent_enough = true;
	if (!c->installed_out)
		return;
	c->installed_out = false;
	child_operate(c, IKE_OPERATE_REMOVE_OUT, rekeyed);
}

static struct child_sa *deal_made(struct exchange *x, struct child_deal *deal, struct child_sa *c)
{
	deal->made = c->id;
	c->state = IKE_CHILD_INSTALLED;
	c->installed_in = true;
	child_operate(c, IKE_OPERATE_INSTALL_IN, false);
	/* A responder that rekeys keeps sending on the old SA until the peer shows that it has the
	 * new one: it deletes the old. */
	if (c->heir && !x->initiator)
		heir_waits(c);
	else if (!deal->redundant && (x->initiator || !deal->rekeys_id))
		child_use_outbound(c);
	child_arm(c);
	if (!deal->redundant)
		child_announce(c);
	supervise_child_up(c);
	return c;
}

struct child_sa *deal_install(struct exchange *x, struct child_deal *deal)
{
	struct child_sa *c = child_new(x, deal);

	if (!c)
		return NULL;
	if (keys_derive_child(x->sa, &c->spec, x->initiator, deal->ke.shared, deal->ni, deal->nr) <
		0) {
		child_free(c);
		return NULL;
	}
	return deal_made(x, deal, c);
}

struct child_sa *deal_install_keyed(struct exchange *x, struct child_deal *deal,
	const struct child_keys *in, const struct child_keys *out)
{
	struct child_sa *c = child_new(x, deal);

	if (!c)
		return NULL;
	c->spec.keys_in = *in;
	c->spec.keys_out = *out;
	return deal_made(x, deal, c);
}

void deal_undo(struct ike_sa *sa, const struct child_deal *deal)
{
	intent_add(sa,
		&(struct intent){
			.kind = INTENT_DELETE_CHILD, .spi = deal->spi_in, .end = SA_END_REPLACED });
}
