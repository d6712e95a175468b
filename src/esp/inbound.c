/* From the peer to the TUN device: find the SA, judge the sequence number, verify and open, note
 * the number, unpad, and see that what came out is what the SA was made for. RFC 4303 §3.4, RFC
 * 4301 §5.2. */
#include "esp/internal.h"
#include "wire/prefix.h"

#define HOPS        64
#define IPV4_DF     0x4000
#define ESP_SPI_MIN 256 /* RFC 4303 §2.1 */

#define UNKNOWN_INTERVAL_NS   (100 * NS_PER_MS)
#define SELECTORS_INTERVAL_NS NS_PER_SECOND

/* One packet on its way. */
struct inbound {
	struct esp *esp;
	ike_time now;
	const struct esp_in *in;
	struct esp_out *out;
	struct child *child, *last; /* last: the packet's before, which most are for, too */
	uint64_t sequence;
	struct bytes payload; /* within out->memory or in->own, as is all that follows */
	uint8_t next_header;
	uint8_t *packet;
	struct flow flow;
};

/* The engine may tell the sender, RFC 7296 §1.5. */
static void inbound_note_unknown(struct inbound *x)
{
	struct esp *esp = x->esp;
	struct esp_event event = { .kind = ESP_EVENT_UNKNOWN_SPI,
		.path = x->in->path,
		.spi = load_u32(x->in->packet.data) };

	if (esp->unknown_told_at && x->now - esp->unknown_told_at < UNKNOWN_INTERVAL_NS)
		return;
	if (!x->in->encap)
		event.path.local.port = event.path.remote.port = 0;
	if (event.spi >= ESP_SPI_MIN && plane_tell(esp, &event))
		esp->unknown_told_at = x->now;
}

static enum esp_reason inbound_find(struct inbound *x)
{
	size_t size = x->in->packet.size;
	struct child *c;

	if (size < ESP_HEADER_BYTES)
		return ESP_REASON_MALFORMED;

	c = x->last;
	if (!c || c->spec.spi_in != load_u32(x->in->packet.data))
		c = table_find(x->esp->by_spi, BYTES(x->in->packet.data, 4));
	if (!c)
		return ESP_REASON_NO_SA;

	x->child = c;
	x->out->child_id = c->spec.child_id;
	if (x->in->path.remote.address.family != c->spec.path.remote.address.family)
		return ESP_REASON_ENCAP;
	if (size < payload_offset(c) + ESP_TRAILER_BYTES + c->measures.icv)
		return ESP_REASON_MALFORMED;
	if ((size - payload_offset(c) - c->measures.icv) & (c->measures.block - 1u))
		return ESP_REASON_MALFORMED;
	return ESP_REASON_NONE;
}

/* With encap the newest authenticated packet says where the peer is now: RFC 7296 §2.23. */
static void inbound_note_mapping(struct inbound *x)
{
	const struct endpoint *from = &x->in->path.remote;
	struct child *c = x->child;
	struct esp_event event = { .kind = ESP_EVENT_MAPPING,
		.child_id = c->spec.child_id,
		.reqid = c->spec.reqid,
		.remote = *from };

	/* Without a replay window old packets would move it, too. */
	if (!c->spec.encap || !x->in->encap || !c->replay.size ||
		endpoint_equal(from, &c->mapping_told))
		return;
	if (endpoint_equal(from, &c->spec.path.remote)) {
		c->mapping_told = (struct endpoint){ 0 };
		return;
	}
	if (plane_tell(x->esp, &event))
		c->mapping_told = *from;
}

/* Whether the peer sends from where we send to: else it may not hear us. RFC 4555 §3.12. */
static bool inbound_on_path(const struct inbound *x)
{
	const struct endpoint *from = &x->in->path.remote, *to = &x->child->spec.path.remote;

	return x->in->encap && x->child->spec.encap ? endpoint_equal(from, to)
						    : address_equal(&from->address, &to->address);
}

/* What can be said before it is opened. */
static enum esp_reason inbound_admit(struct inbound *x)
{
	size_t size = x->in->packet.size;
	struct child *c = x->child;

	if (!replay_infer(&c->replay, load_u32(x->in->packet.data + 4), &x->sequence) ||
		!replay_check(&c->replay, x->sequence)) {
		c->replayed++;
		return ESP_REASON_REPLAY;
	}
	if (x->out->memory_size < size + ESP_OVERHEAD_MAX)
		return ESP_REASON_NO_ROOM;
	if (!sa_may_pass(x->esp, c, &c->in))
		return ESP_REASON_EXHAUSTED;

	x->packet = x->in->own;
	if (!x->packet || c->spec.mode == CHILD_TRANSPORT) {
		/* IPv6's header may have to go where ESP's was */
		x->packet = x->out->memory + IPV6_HEADER_BYTES;
		memcpy(x->packet, x->in->packet.data, size);
	}
	return ESP_REASON_NONE;
}

/* Now it is known to be the peer's. Those that were opened with it may have had the same number, or may have
 * been the last that a limit lets pass. */
static enum esp_reason inbound_accept(struct inbound *x)
{
	struct child *c = x->child;

	if (!replay_check(&c->replay, x->sequence)) {
		c->replayed++;
		return ESP_REASON_REPLAY;
	}
	if (!sa_may_pass(x->esp, c, &c->in))
		return ESP_REASON_EXHAUSTED;
	if (x->sequence > c->replay.top)
		inbound_note_mapping(x);
	replay_update(&c->replay, x->sequence);
	return packet_unpad(c, x->packet, x->in->packet.size, &x->payload, &x->next_header);
}

static enum esp_reason inbound_tunnel(struct inbound *x)
{
	const struct child *c = x->child;
	uint8_t tos;

	x->packet += payload_offset(c);
	if (!flow_read(x->payload, &x->flow) ||
		x->next_header != (x->flow.family == 4 ? PROTOCOL_IPV4 : PROTOCOL_IPV6))
		return ESP_REASON_MALFORMED;
	if (!selectors_fit(&c->spec.remote, &c->spec.local, &x->flow))
		return ESP_REASON_SELECTORS;
	if (!tos_inner(&c->spec, x->in->tos, x->flow.tos, &tos))
		return ESP_REASON_ECN;

	if (tos != x->flow.tos)
		tos_set(x->packet, tos);
	return ESP_REASON_NONE;
}

/* An end as the selectors know it: the path's address, or behind a NAT the one that was negotiated.
 */
static struct address end_address(const struct address *path, const struct selectors *s)
{
	if (selectors_cover(s, path) || s->count == 0 ||
		!address_equal(&s->list[0].first, &s->list[0].last) ||
		s->list[0].family != path->family)
		return *path;
	return s->list[0].first;
}

static void write_header(
	struct inbound *x, const struct address *source, const struct address *destination)
{
	struct writer w = writer_of(x->packet, IPV6_HEADER_BYTES);

	if (source->family == 4) {
		write_u8(&w, 0x45);
		write_u8(&w, x->in->tos);
		write_u16(&w, (uint16_t)(IPV4_HEADER_BYTES + x->payload.size));
		write_u16(&w, 0);
		write_u16(&w, IPV4_DF);
		write_u8(&w, HOPS);
		write_u8(&w, x->next_header);
		write_u16(&w, 0);
	} else {
		write_u32(&w, 0x60000000 | (uint32_t)x->in->tos << 20);
		write_u16(&w, (uint16_t)x->payload.size);
		write_u8(&w, x->next_header);
		write_u8(&w, HOPS);
	}
	write_bytes(&w, address_bytes(source));
	write_bytes(&w, address_bytes(destination));
	if (source->family == 4)
		ipv4_checksum(x->packet, IPV4_HEADER_BYTES);
}

/* The sender summed over addresses that a NAT has changed since: RFC 3948 §3.1.2. ESP's ICV vouches
 * for the data. */
static void fix_checksum(struct inbound *x)
{
	size_t size = x->flow.size - x->flow.upper, at = 0;
	uint8_t *upper = x->packet + x->flow.upper;
	uint16_t sum;

	if (x->flow.protocol == PROTOCOL_TCP && size >= 20)
		at = TCP_CHECKSUM_AT;
	else if (x->flow.protocol == PROTOCOL_UDP && size >= 8 && load_u16(upper + UDP_CHECKSUM_AT))
		at = UDP_CHECKSUM_AT;
	if (at == 0)
		return;

	store_u16(upper + at, 0);
	sum = checksum_end(checksum_add(
		checksum_pseudo(&x->flow, x->flow.protocol, size), BYTES(upper, size)));
	if (sum == 0 && at == UDP_CHECKSUM_AT)
		sum = UINT16_MAX;
	store_u16(upper + at, sum);
}

static enum esp_reason inbound_transport(struct inbound *x)
{
	const struct child_spec *spec = &x->child->spec;
	struct address source = end_address(&spec->path.remote.address, &spec->remote);
	struct address destination = end_address(&spec->path.local.address, &spec->local);
	size_t header = source.family == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;

	if (x->payload.size > UINT16_MAX - header || destination.family != source.family)
		return ESP_REASON_MALFORMED;

	x->packet += payload_offset(x->child);
	x->packet -= header; /* which may be longer: inbound_open() left room */
	write_header(x, &source, &destination);
	if (!flow_read(BYTES(x->packet, header + x->payload.size), &x->flow))
		return ESP_REASON_MALFORMED;
	if (x->flow.fragment)
		return ESP_REASON_FRAGMENT;
	if (!selectors_fit(&spec->remote, &spec->local, &x->flow))
		return ESP_REASON_SELECTORS;

	track_show(x->packet + x->flow.upper, &x->flow, 0,
		track_inbound(x->esp, x->now, x->child, &x->flow));
	if (spec->encap)
		fix_checksum(x);
	return ESP_REASON_NONE;
}

/* A policy is of both directions: what came in is looked up as what would answer it. */
static enum esp_reason inbound_shunted(struct inbound *x)
{
	struct flow answer = x->flow;
	struct policy *p;

	answer.source = x->flow.destination;
	answer.destination = x->flow.source;
	if (answer.ports_paired) {
		answer.source_port = x->flow.destination_port;
		answer.destination_port = x->flow.source_port;
	}
	p = policy_find(x->esp, &answer);
	return p && p->trap.mode == CHILD_DROP ? shunt_reason(p) : ESP_REASON_NONE;
}

static enum esp_reason inbound_deliver(struct inbound *x)
{
	enum esp_reason reason = inbound_accept(x);

	if (reason != ESP_REASON_NONE)
		return reason;
	if (x->next_header == PROTOCOL_NO_NEXT)
		return ESP_REASON_DUMMY;

	reason = x->child->spec.mode == CHILD_TUNNEL ? inbound_tunnel(x) : inbound_transport(x);
	if (reason == ESP_REASON_NONE && x->esp->drop_shunts)
		reason = inbound_shunted(x);
	if (reason != ESP_REASON_NONE)
		return reason;

	if (x->flow.protocol == PROTOCOL_TCP && x->flow.first && !x->esp->options.no_mss_clamp)
		mss_clamp(x->packet + x->flow.upper, x->flow.size - x->flow.upper, x->flow.family,
			child_mtu(x->child, x->flow.family));
	return ESP_REASON_NONE;
}

/* The engine may tell the sender, RFC 7296 §3.10.1. */
static void inbound_note_selectors(struct inbound *x)
{
	struct esp *esp = x->esp;
	struct esp_event event = { .kind = ESP_EVENT_SELECTORS,
		.child_id = x->child->spec.child_id,
		.reqid = x->child->spec.reqid,
		.start_size = x->flow.size < ESP_START_BYTES ? x->flow.size : ESP_START_BYTES };

	if (esp->selectors_told_at && x->now - esp->selectors_told_at < SELECTORS_INTERVAL_NS)
		return;
	memcpy(event.start, x->packet, event.start_size);
	if (plane_tell(esp, &event))
		esp->selectors_told_at = x->now;
}

/* What comes for an SA that isn't there: whether that is to come, and the packet waits for it. */
static bool inbound_waits(struct inbound *x, enum esp_reason *ret_reason)
{
	*ret_reason = early_keep(x->esp, x->now, x->in);
	if (*ret_reason == ESP_REASON_NO_SA)
		inbound_note_unknown(x);
	if (*ret_reason != ESP_REASON_NONE)
		return false;
	x->out->verdict = ESP_KEPT;
	return true;
}

static void inbound_drop(struct inbound *x, enum esp_reason reason)
{
	if (reason == ESP_REASON_NO_SA && inbound_waits(x, &reason))
		return;
	if (reason == ESP_REASON_SELECTORS)
		inbound_note_selectors(x);
	out_drop(x->esp, x->out, reason);
}

/* Whether it is authentic has been found out. */
static void inbound_end(struct inbound *x, bool authentic)
{
	ike_time used = x->child->in.counters.last_used;
	enum esp_reason reason = ESP_REASON_INTEGRITY;

	if (authentic)
		reason = inbound_deliver(x);
	else
		x->child->failed++;
	if (reason != ESP_REASON_NONE) {
		inbound_drop(x, reason);
		return;
	}
	sa_count(x->esp, x->now, x->child, &x->child->in, x->flow.size);
	if (!inbound_on_path(x))
		x->child->in.counters.last_used = used;
	x->out->verdict = ESP_DELIVER;
	x->out->packet = BYTES(x->packet, x->flow.size);
}

/* Packets of one child that are opened together: where that is quicker. */
struct gathered {
	size_t count;
	struct inbound packets[SEALER_MANY];
	struct sealer_packet work[SEALER_MANY];
	struct authenticated authenticated[SEALER_MANY];
};

static void open_gathered(struct gathered *g)
{
	if (g->count)
		sealer_open_many(g->packets[0].child->in.sealer, g->work, g->count);
	for (size_t i = 0; i < g->count; i++)
		inbound_end(&g->packets[i], g->work[i].result == 0);
	g->count = 0;
}

static void open_or_gather(struct gathered *g, struct inbound *x)
{
	struct child *c = x->child;
	struct authenticated a;
	struct sealer_packet work;

	if (!sealer_gathers(c->in.sealer)) {
		work = packet_sealed(c, x->packet, x->in->packet.size, x->sequence, &a);
		inbound_end(x, packet_open(c, &work));
		return;
	}
	if (g->count == SEALER_MANY || (g->count && g->packets[0].child != c))
		open_gathered(g);
	g->packets[g->count] = *x;
	g->work[g->count] = packet_sealed(
		c, x->packet, x->in->packet.size, x->sequence, &g->authenticated[g->count]);
	g->count++;
}

void esp_inbound(
	struct esp *esp, ike_time now, const struct esp_in *in, size_t count, struct esp_out *out)
{
	struct child *last = NULL;
	struct gathered gathered;

	gathered.count = 0;
	for (size_t i = 0; i < count; i++) {
		struct inbound x = {
			.esp = esp, .now = now, .in = &in[i], .out = &out[i], .last = last
		};
		enum esp_reason reason;

		out[i] = (struct esp_out){ .memory = out[i].memory,
			.memory_size = out[i].memory_size,
			.source = i,
			.path = in[i].path,
			.encap = in[i].encap };
		reason = inbound_find(&x);
		last = x.child;
		if (reason == ESP_REASON_NONE)
			reason = inbound_admit(&x);
		if (reason == ESP_REASON_NONE)
			open_or_gather(&gathered, &x);
		else
			inbound_drop(&x, reason);
	}
	open_gathered(&gathered);
}
