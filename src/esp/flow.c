/* Reading an IP packet for the SPD: addresses, upper protocol and ports, behind IPv4 options and
 * IPv6 extension headers. Everything here may be hostile: a packet is read after decapsulation as
 * well. */
#include "esp/internal.h"

#define EXTENSIONS_MAX 8

enum {
	EXTENSION_HOP_BY_HOP = 0,
	EXTENSION_ROUTING = 43,
	EXTENSION_FRAGMENT = 44,
	EXTENSION_OPTIONS = 60,
	PROTOCOL_DCCP = 33,
	PROTOCOL_SCTP = 132,
	PROTOCOL_MOBILITY = 135,
	PROTOCOL_UDP_LITE = 136,
};

static bool read_ipv4(struct reader *r, struct flow *f, size_t packet_size)
{
	const uint8_t *start = r->at;
	uint8_t version_size = read_u8(r);
	size_t header = (size_t)(version_size & 0xf) * 4;
	uint16_t place;

	f->tos = read_u8(r);
	f->size = read_u16(r);
	read_skip(r, 2);
	place = read_u16(r);
	read_skip(r, 1);
	f->protocol = read_u8(r);
	read_skip(r, 2);
	f->source = address_from(read_bytes(r, 4));
	f->destination = address_from(read_bytes(r, 4));
	if (!reader_ok(r) || header < IPV4_HEADER_BYTES || header > f->size ||
		f->size > packet_size)
		return false;

	f->df = place & 0x4000;
	f->fragment = place & 0x3fff;
	f->first = (place & 0x1fff) == 0;
	f->upper = header;
	*r = reader_of(BYTES(start + header, f->size - header));
	return true;
}

static bool read_extensions(struct reader *r, struct flow *f)
{
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		size_t left = reader_left(r);
		uint8_t next;

		switch (f->protocol) {
		case EXTENSION_HOP_BY_HOP:
		case EXTENSION_ROUTING:
		case EXTENSION_OPTIONS:
			next = read_u8(r);
			read_skip(r, (size_t)read_u8(r) * 8 + 6);
			break;
		case EXTENSION_FRAGMENT:
			next = read_u8(r);
			read_skip(r, 1);
			f->first = (read_u16(r) & 0xfff8) == 0;
			f->fragment = true;
			read_skip(r, 4);
			break;
		default:
			return true;
		}
		if (!reader_ok(r))
			return false;
		f->protocol = next;
		f->upper += left - reader_left(r);
		if (!f->first)
			return true;
	}
	return false;
}

static bool read_ipv6(struct reader *r, struct flow *f, size_t packet_size)
{
	const uint8_t *start = r->at;
	uint32_t word = read_u32(r);
	size_t payload = read_u16(r);

	f->tos = (uint8_t)(word >> 20);
	f->protocol = read_u8(r);
	read_skip(r, 1);
	f->source = address_from(read_bytes(r, 16));
	f->destination = address_from(read_bytes(r, 16));
	f->size = IPV6_HEADER_BYTES + payload;
	if (!reader_ok(r) || f->size > packet_size)
		return false;

	f->df = true;
	f->first = true;
	f->upper = IPV6_HEADER_BYTES;
	*r = reader_of(BYTES(start + IPV6_HEADER_BYTES, payload));
	return read_extensions(r, f);
}

static void read_ports(struct reader *r, struct flow *f)
{
	switch (f->protocol) {
	case PROTOCOL_TCP:
	case PROTOCOL_UDP:
	case PROTOCOL_DCCP:
	case PROTOCOL_SCTP:
	case PROTOCOL_UDP_LITE:
		f->ports_paired = true;
		f->source_port = read_u16(r);
		f->destination_port = read_u16(r);
		break;
	case PROTOCOL_ICMPV4:
	case PROTOCOL_ICMPV6:
		f->source_port = read_u16(r);
		break;
	case PROTOCOL_MOBILITY: /* RFC 4301 §4.4.1.1: the type in the upper octet */
		read_skip(r, 2);
		f->source_port = (uint16_t)(read_u8(r) << 8);
		break;
	default:
		return;
	}
	f->ports_known = reader_ok(r);
}

bool flow_read(struct bytes packet, struct flow *ret_flow)
{
	struct reader r = reader_of(packet);
	struct flow f = { 0 };

	if (packet.size == 0)
		return false;

	f.family = packet.data[0] >> 4;
	if (f.family == 4 ? !read_ipv4(&r, &f, packet.size)
			  : f.family != 6 || !read_ipv6(&r, &f, packet.size))
		return false;
	if (f.first)
		read_ports(&r, &f);

	*ret_flow = f;
	return true;
}

/* Words of the machine's own order, in pairs: the sum is the same but for its order, RFC 1071 §2 (B). */
uint32_t checksum_add(uint32_t sum, struct bytes data)
{
	uint64_t low = 0, high = 0, word;
	uint8_t folded[2], rest[sizeof(word)] = { 0 };
	const uint8_t *at = data.data;
	size_t left = data.size;

	for (; left >= sizeof(word); at += sizeof(word), left -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		low += (uint32_t)word;
		high += word >> 32;
	}
	if (left > 0)
		memcpy(rest, at, left);
	memcpy(&word, rest, sizeof(word));
	low += (uint32_t)word;
	high += word >> 32;
	for (low += high; low >> 16;)
		low = (low & 0xffff) + (low >> 16);
	memcpy(folded, &(uint16_t){ (uint16_t)low }, sizeof(folded));

	for (low = (uint64_t)sum + load_u16(folded); low >> 16;)
		low = (low & 0xffff) + (low >> 16);
	return (uint32_t)low;
}

uint16_t checksum_end(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint32_t checksum_pseudo(const struct flow *flow, uint8_t protocol, size_t size)
{
	uint32_t sum = checksum_add(0, address_bytes(&flow->source));

	sum = checksum_add(sum, address_bytes(&flow->destination));
	return sum + protocol + (uint32_t)(size >> 16) + (uint32_t)(size & 0xffff);
}

uint16_t checksum_adjust(uint16_t checksum, uint16_t before, uint16_t after)
{
	return checksum_end((uint32_t)(uint16_t)~checksum + (uint16_t)~before + after);
}

void ipv4_checksum(uint8_t *header, size_t size)
{
	store_u16(header + 10, 0);
	store_u16(header + 10, checksum_end(checksum_add(0, BYTES(header, size))));
}
