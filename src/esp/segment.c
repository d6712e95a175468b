/* A packet of many segments cut into them, as Linux's own segmentation does: TCP's sequence numbers and
 * IPv4's identifications go on, FIN and PSH are the last one's, CWR is the first one's. */
#include "esp/internal.h"
#include "esp/offload.h"

#include <assert.h>

#define TCP_FLAGS_AT  13
#define UDP_LENGTH_AT 4

enum { TCP_FIN = 0x01, TCP_PSH = 0x08, TCP_CWR = 0x80 };

static size_t checksum_at(const struct segments *s)
{
	return s->upper + (s->protocol == PROTOCOL_TCP ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT);
}

/* Of TCP or UDP; 0 where there is none. */
static size_t upper_header(const struct flow *f, struct bytes packet)
{
	size_t left = f->size - f->upper, size;

	if (f->protocol == PROTOCOL_UDP)
		return left < UDP_HEADER_BYTES ? 0 : UDP_HEADER_BYTES;
	if (f->protocol != PROTOCOL_TCP || left < TCP_HEADER_BYTES)
		return 0;
	size = (size_t)(packet.data[f->upper + 12] >> 4) * 4;
	return size < TCP_HEADER_BYTES || size > left ? 0 : size;
}

bool segments_read(const struct flow *flow, struct bytes packet, size_t payload_bytes,
	struct segments *ret_segments)
{
	size_t header = flow->fragment ? 0 : upper_header(flow, packet);
	struct segments s = {
		.packet = BYTES(packet.data, flow->size),
		.family = flow->family,
		.protocol = flow->protocol,
		.upper = flow->upper,
		.headers = flow->upper + header,
		.payload_bytes = payload_bytes,
	};

	if (!header || !payload_bytes || s.headers + payload_bytes > UINT16_MAX)
		return false;
	s.count = (flow->size - s.headers + payload_bytes - 1) / payload_bytes;
	if (s.count == 0)
		s.count = 1;
	*ret_segments = s;
	return true;
}

static size_t payload_of(const struct segments *s, size_t index)
{
	size_t left = s->packet.size - s->headers - index * s->payload_bytes;

	return left < s->payload_bytes ? left : s->payload_bytes;
}

size_t segment_size(const struct segments *s, size_t index)
{
	assert(index < s->count);
	return s->headers + payload_of(s, index);
}

static void fix_ip(const struct segments *s, size_t index, uint8_t *out, size_t size)
{
	if (s->family == 4) {
		store_u16(out + 2, (uint16_t)size);
		store_u16(out + 4, (uint16_t)(load_u16(out + 4) + index));
		ipv4_checksum(out, (size_t)(out[0] & 15) * 4);
	} else {
		store_u16(out + 4, (uint16_t)(size - IPV6_HEADER_BYTES));
	}
}

static void fix_tcp(const struct segments *s, size_t index, uint8_t *tcp)
{
	store_u32(tcp + 4, (uint32_t)(load_u32(tcp + 4) + index * s->payload_bytes));
	if (index > 0)
		tcp[TCP_FLAGS_AT] &= (uint8_t)~TCP_CWR;
	if (index + 1 < s->count)
		tcp[TCP_FLAGS_AT] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
}

/* The sum of the pseudo-header is there, for the length of the whole: RFC 1624 gives it another one. That
 * way it is right with a routing header, too, whose last address it is made of. */
static void fix_checksum(const struct segments *s, uint8_t *out, size_t size)
{
	uint32_t whole = (uint32_t)(s->packet.size - s->upper), part = (uint32_t)(size - s->upper);
	uint8_t *field = out + checksum_at(s);
	uint32_t sum = load_u16(field) + (UINT16_MAX - (whole & UINT16_MAX)) + part;
	uint16_t checksum;

	store_u16(field, 0);
	checksum = checksum_end(checksum_add(sum, BYTES(out + s->upper, part)));
	if (checksum == 0 && s->protocol == PROTOCOL_UDP)
		checksum = UINT16_MAX;
	store_u16(field, checksum);
}

void segment_write(const struct segments *s, size_t index, uint8_t *out)
{
	size_t size = segment_size(s, index);

	memcpy(out, s->packet.data, s->headers);
	memcpy(out + s->headers, s->packet.data + s->headers + index * s->payload_bytes,
		size - s->headers);
	fix_ip(s, index, out, size);
	if (s->protocol == PROTOCOL_TCP)
		fix_tcp(s, index, out + s->upper);
	else
		store_u16(out + s->upper + UDP_LENGTH_AT, (uint16_t)(size - s->upper));
	fix_checksum(s, out, size);
}
