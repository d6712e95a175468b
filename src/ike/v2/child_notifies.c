/* The small notifies about Child SAs. Those of a negotiation change what is installed or are told to
 * people; INVALID_SELECTORS and INVALID_SPI say that the two ends see a child differently, which is
 * looked into, seldom enough that no packet makes two ends talk to each other for ever. */
#include "ike/v2/child_notifies.h"

#include "ike/exchange.h"
#include "ike/narrow.h"
#include "ike/protocol.h"
#include "ike/v2/exchanges.h"
#include "tern/ike.h"

#define TELL_INTERVAL_NS (60 * NS_PER_SECOND)
#define IN_FLIGHT_NS     (5 * NS_PER_SECOND) /* packets of an SA that went, or is about to come */

void deal_read_notifies(struct exchange *x, struct child_deal *deal)
{
	struct notify n;
	char local[200], remote[200];

	deal->no_tfc = chain_notify(exchange_in(x), ESP_TFC_PADDING_NOT_SUPPORTED, &n);
	if (deal->no_tfc && deal->config->tfc_padding)
		sa_tell(x->sa, IKE_EVENT_NOTE, 1,
			"the peer can't have TFC padding (ESP_TFC_PADDING_NOT_SUPPORTED): child %s goes without (%s:%u)",
			deal->config->name, deal->config->where.file, deal->config->where.line);
	if (!x->initiator || !chain_notify(exchange_in(x), ADDITIONAL_TS_POSSIBLE, &n))
		return;
	selectors_print(&deal->local, local, sizeof(local));
	selectors_print(&deal->remote, remote, sizeof(remote));
	sa_tell(x->sa, IKE_EVENT_NOTE, 1,
		"the peer narrowed child %s to %s === %s and would take more of it in further children (ADDITIONAL_TS_POSSIBLE): a trap makes them for packets that need them (start_action = trap), or configure them one by one",
		deal->config->name, local, remote);
}

/* Saying so. */

static bool due(ike_time now, ike_time last, uint64_t interval)
{
	return !last || now - last >= interval;
}

void selectors_violated(struct child_sa *c, const struct ike_kernel_event *event)
{
	struct ike_engine *e = c->sa->engine;

	if (!c->sa->established_at || c->sa->gone || c->state == IKE_CHILD_DELETING ||
		c->state == IKE_CHILD_DELETED || !due(e->now, c->violated_at, TELL_INTERVAL_NS))
		return;
	c->violated_at = e->now;
	octets_set(&c->offender, BYTES(event->start, event->start_size));
	child_tell(c, IKE_EVENT_NOTE, 1,
		"a packet came that its selectors don't have: dropped; the peer is told (INVALID_SELECTORS)");
	intent_add(c->sa, &(struct intent){ .kind = INTENT_INVALID_SELECTORS, .child_id = c->id });
}

void stray_packet(struct ike_sa *sa, uint32_t spi)
{
	ike_time now = sa->engine->now;

	if (sa->stray_spi != spi || now - sa->stray_since > TELL_INTERVAL_NS) {
		sa->stray_spi = spi;
		sa->stray_since = now;
	}
	if (now - sa->stray_since < IN_FLIGHT_NS || !due(now, sa->stray_told_at, TELL_INTERVAL_NS))
		return;
	sa->stray_told_at = now;
	sa_tell(sa, IKE_EVENT_NOTE, 1,
		"ESP goes on coming for SPI %08x, which we don't have: the peer is told (%s)", spi,
		sa->protocol->version == 1 ? "a Delete" : "INVALID_SPI");
	intent_add(sa, &(struct intent){ .kind = INTENT_INVALID_SPI });
}

static enum step build_invalid_selectors(struct exchange *x)
{
	struct child_sa *c = child_find(x->engine, x->intent->child_id);

	if (!c || c->sa != x->sa || c->state == IKE_CHILD_DELETED)
		return STEP_END;
	exchange_notify_spi(
		x, INVALID_SELECTORS, PROTOCOL_ESP, c->spec.spi_in, octets_bytes(&c->offender));
	octets_clear(&c->offender);
	return STEP_NEXT;
}

static enum step build_invalid_spi(struct exchange *x)
{
	uint8_t spi[4];

	store_u32(spi, x->sa->stray_spi);
	exchange_notify(x, INVALID_SPI, BYTES_OF(spi));
	return STEP_NEXT;
}

static const struct payload_rule no_payloads[] = { { 0 } };
static const struct message_rule request = { "INFORMATIONAL request", no_payloads };
static const struct message_rule response = { "INFORMATIONAL response", no_payloads };
static step_fn *const no_steps[] = { NULL };
static step_fn *const selectors_begins[] = { build_invalid_selectors, NULL };
static step_fn *const spi_begins[] = { build_invalid_spi, NULL };
static const struct round selectors_rounds[] = { { NULL, selectors_begins, &request, false },
	{ &response, no_steps, NULL, false } };
static const struct round spi_rounds[] = { { NULL, spi_begins, &request, false },
	{ &response, no_steps, NULL, false } };

const struct exchange_kind invalid_selectors_initiator = {
	.name = "INFORMATIONAL",
	.type = INFORMATIONAL,
	.rounds = selectors_rounds,
	.round_count = 2,
};
const struct exchange_kind invalid_spi_initiator = {
	.name = "INFORMATIONAL",
	.type = INFORMATIONAL,
	.rounds = spi_rounds,
	.round_count = 2,
};

/* Being told. */

static void read_invalid_selectors(struct ike_sa *sa, const struct notify *n)
{
	struct child_sa *c = child_by_spi_out(sa, (uint32_t)n->spi);

	if (!c)
		c = child_by_spi_in(
			sa, (uint32_t)n->spi); /* whose SPI it is to be, is open to reading */
	if (!c || !due(sa->engine->now, c->accused_at, TELL_INTERVAL_NS))
		return;
	c->accused_at = sa->engine->now;
	child_tell(c, IKE_EVENT_FAILED, 0,
		"the peer dropped a packet of ours that is not of this child's selectors as it sees them (INVALID_SELECTORS): compare them with the peer's (%s:%u)",
		c->config->where.file, c->config->where.line);
}

static bool same_peer(const struct ike_sa *a, const struct ike_sa *b)
{
	return a->remote_id.type == b->remote_id.type &&
		bytes_equal(octets_bytes(&a->remote_id.value), octets_bytes(&b->remote_id.value)) &&
		address_equal(&a->path.remote.address, &b->path.remote.address);
}

/* The peer can't know which of the IKE SAs between us the packet is of. */
static struct child_sa *child_of_peer(struct ike_sa *sa, uint32_t spi)
{
	struct child_sa *c = child_by_spi_out(sa, spi);

	for (struct ike_sa *other = sa->engine->sas; other && !c; other = other->next)
		if (other != sa && !other->gone && other->established_at && same_peer(other, sa))
			c = child_by_spi_out(other, spi);
	return c;
}

static void read_invalid_spi(struct ike_sa *sa, const struct notify *n)
{
	ike_time now = sa->engine->now;
	struct child_sa *c = n->data.size == 4 ? child_of_peer(sa, load_u32(n->data.data)) : NULL;

	if (!c || c->state != IKE_CHILD_INSTALLED || c->successor || !child_confirmed(c) ||
		now - c->installed_at < IN_FLIGHT_NS || !due(now, c->missed_at, TELL_INTERVAL_NS))
		return;
	c->missed_at = now;
	child_tell(c, IKE_EVENT_NOTE, 1,
		"the peer does not know the SPI %08x that we send to (INVALID_SPI): another child is to take its place",
		c->spec.spi_out);
	intent_add(c->sa, &(struct intent){ .kind = INTENT_REKEY_CHILD, .child_id = c->id });
}

void child_notifies_read(struct exchange *x)
{
	const struct payload *p;
	struct notify n;

	if (!x->sa->established_at)
		return;
	for (size_t i = 0; (p = chain_find(exchange_in(x), PAYLOAD_NOTIFY, i)); i++) {
		if (!notify_decode(p->body, &n))
			continue;
		if (n.type == INVALID_SELECTORS)
			read_invalid_selectors(x->sa, &n);
		else if (n.type == INVALID_SPI)
			read_invalid_spi(x->sa, &n);
	}
}
