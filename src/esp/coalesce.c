/* Received segments put together, as Linux's own receive offload does: they must follow each other and
 * differ in nothing but what segmenting made of them, and their checksums must be right, for the whole
 * gets a new one. What doesn't fit begins anew behind what it belongs to, so no flow is reordered. */
#include "esp/internal.h"
#include "esp/offload.h"

#include <assert.h>

#define TCP_FLAGS_AT      13
#define IPV4_HEADER_PLAIN 0x45 /* without options */
#define IPV4_DF           0x4000
#define IPV4_FRAGMENT     0x3fff

enum { TCP_PSH = 0x08, TCP_ACK = 0x10 };

/* A packet as far as it matters here. */
struct segment {
	uint8_t *packet;
	size_t size;
	uint8_t protocol;
	size_t upper;   /* 0: none of whose ports we see */
	size_t headers; /* 0: it stays alone */
};

static bool is_ipv4(const uint8_t *packet)
{
	return packet[0] >> 4 == 4;
}

static size_t upper_of(const uint8_t *packet, size_t size, uint8_t *ret_protocol)
{
	size_t upper = is_ipv4(packet) ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;

	*ret_protocol = packet[is_ipv4(packet) ? 9 : 6];
	if (is_ipv4(packet) &&
		(packet[0] != IPV4_HEADER_PLAIN || load_u16(packet + 6) & IPV4_FRAGMENT))
		return 0;
	if (*ret_protocol == PROTOCOL_TCP)
		return size < upper + TCP_HEADER_BYTES ? 0 : upper;
	return *ret_protocol == PROTOCOL_UDP && size >= upper + UDP_HEADER_BYTES ? upper : 0;
}

/* Of a segment of data that says nothing but that. */
static size_t tcp_header(const uint8_t *tcp, size_t size)
{
	size_t header = (size_t)(tcp[12] >> 4) * 4;

	if (header < TCP_HEADER_BYTES || header >= size || tcp[12] & 15 ||
		(tcp[TCP_FLAGS_AT] | TCP_PSH) != (TCP_ACK | TCP_PSH))
		return 0;
	return header;
}

static size_t udp_header(const uint8_t *udp, size_t size)
{
	if (load_u16(udp + 4) != size || size == UDP_HEADER_BYTES ||
		!load_u16(udp + UDP_CHECKSUM_AT))
		return 0;
	return UDP_HEADER_BYTES;
}

static struct segment segment_read(uint8_t *packet, size_t size, bool udp)
{
	struct segment s = { .packet = packet, .size = size };
	size_t header = 0;

	s.upper = upper_of(packet, size, &s.protocol);
	if (s.upper && s.protocol == PROTOCOL_TCP)
		header = tcp_header(packet + s.upper, size - s.upper);
	else if (s.upper && udp)
		header = udp_header(packet + s.upper, size - s.upper);
	s.headers = header ? s.upper + header : 0;
	return s;
}

static struct bytes addresses_of(const uint8_t *packet)
{
	return is_ipv4(packet) ? BYTES(packet + 12, 8) : BYTES(packet + 8, 32);
}

/* Whether the order of two packets matters: of one flow, or between the same hosts where either doesn't
 * show its flow. */
static bool same_flow(const struct segment *a, const struct segment *b)
{
	if (!bytes_equal(addresses_of(a->packet), addresses_of(b->packet)))
		return false;
	if (!a->upper || !b->upper)
		return true;
	return a->protocol == b->protocol &&
		memcmp(a->packet + a->upper, b->packet + b->upper, 4) == 0;
}

static bool checksums_right(const struct segment *s)
{
	struct bytes addresses = addresses_of(s->packet);
	uint32_t sum = (uint32_t)(s->protocol + s->size - s->upper);

	if (is_ipv4(s->packet) &&
		checksum_end(checksum_add(0, BYTES(s->packet, IPV4_HEADER_BYTES))) != 0)
		return false;
	sum = checksum_add(sum, addresses);
	return checksum_end(checksum_add(sum, BYTES(s->packet + s->upper, s->size - s->upper))) ==
		0;
}

/* The IP header of segment number `index` behind that of the first. */
static bool ip_continues(const uint8_t *first, const uint8_t *p, size_t index)
{
	if (is_ipv4(first) != is_ipv4(p))
		return false;
	if (!is_ipv4(p))
		return memcmp(first, p, 4) == 0 && memcmp(first + 6, p + 6, 2) == 0;
	return load_u16(first) == load_u16(p) && memcmp(first + 6, p + 6, 4) == 0 &&
		/* without meaning where nothing is to be fragmented: RFC 6864 §4.1 */
		(load_u16(p + 6) & IPV4_DF ||
			load_u16(p + 4) == (uint16_t)(load_u16(first + 4) + index));
}

static bool tcp_continues(const uint8_t *first, const uint8_t *tcp, size_t header, uint32_t before)
{
	return load_u32(tcp + 4) == load_u32(first + 4) + before &&
		memcmp(first + 8, tcp + 8, 5) == 0 && /* what it acknowledges, the header's size */
		memcmp(first + 14, tcp + 14, 2) == 0 &&         /* window */
		memcmp(first + 18, tcp + 18, header - 18) == 0; /* urgent pointer, options */
}

static struct segment first_of(const struct coalescer *c, const struct bundle *b)
{
	return segment_read(c->packets[b->first], c->sizes[b->first], true);
}

static bool bundle_fits(struct bundle *b, const struct segment *first, const struct segment *s)
{
	size_t payload = s->size - s->headers;

	if (s->headers != b->headers || payload > b->payload_bytes || b->count == BUNDLE_PACKETS ||
		b->size + payload > UINT16_MAX || !ip_continues(first->packet, s->packet, b->count))
		return false;
	if (s->protocol == PROTOCOL_TCP &&
		!tcp_continues(first->packet + s->upper, s->packet + s->upper,
			s->headers - s->upper, b->size - b->headers))
		return false;
	if (!b->verified)
		b->verified = checksums_right(first);
	return b->verified && checksums_right(s);
}

static bool pushes(const struct segment *s)
{
	return s->protocol == PROTOCOL_TCP && s->packet[s->upper + TCP_FLAGS_AT] & TCP_PSH;
}

static void close_at(struct coalescer *c, size_t at)
{
	c->open_count--;
	memmove(&c->open[at], &c->open[at + 1], (c->open_count - at) * sizeof(c->open[0]));
}

static void bundle_new(struct coalescer *c, size_t index, const struct segment *s)
{
	struct bundle *b = &c->bundles[c->bundle_count];

	*b = (struct bundle){ .first = (uint16_t)index,
		.last = (uint16_t)index,
		.count = 1,
		.headers = (uint16_t)s->headers,
		.payload_bytes = (uint16_t)(s->size - s->headers),
		.size = (uint32_t)s->size };
	if (s->headers && !pushes(s)) {
		if (c->open_count == COALESCE_OPEN)
			close_at(c, 0);
		c->open[c->open_count++] = (uint16_t)c->bundle_count;
	}
	c->bundle_count++;
}

/* Whether more may follow. */
static bool bundle_add(struct coalescer *c, struct bundle *b, size_t index, const struct segment *s)
{
	size_t payload = s->size - s->headers;

	c->next[b->last] = (uint16_t)index;
	b->last = (uint16_t)index;
	b->count++;
	b->size += (uint32_t)payload;
	return payload == b->payload_bytes && !pushes(s);
}

void coalesce_begin(struct coalescer *c)
{
	c->packet_count = c->bundle_count = c->open_count = 0;
}

void coalesce_add(struct coalescer *c, uint8_t *packet, size_t size, bool udp)
{
	struct segment s = segment_read(packet, size, udp);
	size_t index = c->packet_count++;

	assert(index < COALESCE_PACKETS && size <= UINT16_MAX + IPV6_HEADER_BYTES);
	c->packets[index] = packet;
	c->sizes[index] = size;
	for (size_t at = 0; at < c->open_count;) {
		struct bundle *b = &c->bundles[c->open[at]];
		struct segment first = first_of(c, b);

		if (!same_flow(&first, &s)) {
			at++;
			continue;
		}
		if (s.headers && bundle_fits(b, &first, &s)) {
			if (!bundle_add(c, b, index, &s))
				close_at(c, at);
			return;
		}
		close_at(c, at);
	}
	bundle_new(c, index, &s);
}

/* The headers of the first segment become the whole's. */
static void write_whole(const struct segment *first, const struct segment *last, size_t size)
{
	uint8_t *packet = first->packet, *upper = packet + first->upper;
	uint32_t sum = (uint32_t)(first->protocol + size - first->upper);

	if (is_ipv4(packet)) {
		store_u16(packet + 2, (uint16_t)size);
		ipv4_checksum(packet, IPV4_HEADER_BYTES);
	} else {
		store_u16(packet + 4, (uint16_t)(size - IPV6_HEADER_BYTES));
	}
	sum = checksum_add(sum, addresses_of(packet));
	if (first->protocol == PROTOCOL_TCP) {
		upper[TCP_FLAGS_AT] |= last->packet[last->upper + TCP_FLAGS_AT] & TCP_PSH;
		store_u16(upper + TCP_CHECKSUM_AT, (uint16_t)sum);
	} else {
		store_u16(upper + 4, (uint16_t)(size - first->upper));
		store_u16(upper + UDP_CHECKSUM_AT, (uint16_t)sum);
	}
}

size_t coalesce_take(struct coalescer *c, size_t index, struct bytes pieces[static BUNDLE_PACKETS],
	uint16_t *ret_payload_bytes)
{
	const struct bundle *b = &c->bundles[index];
	struct segment first = first_of(c, b), last;
	size_t at = b->first;

	assert(index < c->bundle_count);
	pieces[0] = BYTES(c->packets[at], c->sizes[at]);
	*ret_payload_bytes = b->count > 1 ? b->payload_bytes : 0;
	if (b->count == 1)
		return 1;

	for (size_t i = 1; i < b->count; i++) {
		at = c->next[at];
		pieces[i] = BYTES(c->packets[at] + b->headers, c->sizes[at] - b->headers);
	}
	last = segment_read(c->packets[at], c->sizes[at], true);
	write_whole(&first, &last, b->size);
	return b->count;
}
