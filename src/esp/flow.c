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
	const uint8_t *start =
		read_bytes(r, IPV4_HEADER_BYTES).data; /* every packet has it: at once */
	size_t header;
	uint16_t place;

	if (!start)
		return false;
	header = (size_t)(start[0] & 0xf) * 4;
	f->tos = start[1];
	f->size = load_u16(start + 2);
	place = load_u16(start + 6);
	f->protocol = start[9];
	f->source.family = f->destination.family = 4;
	memcpy(f->source.octets, start + 12, 4);
	memcpy(f->destination.octets, start + 16, 4);
	if (header < IPV4_HEADER_BYTES || header > f->size || f->size > packet_size)
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
	const uint8_t *start = read_bytes(r, IPV6_HEADER_BYTES).data;
	size_t payload;

	if (!start)
		return false;
	payload = load_u16(start + 4);
	f->tos = (uint8_t)(load_u32(start) >> 20);
	f->protocol = start[6];
	f->source.family = f->destination.family = 6;
	memcpy(f->source.octets, start + 8, 16);
	memcpy(f->destination.octets, start + 24, 16);
	f->size = IPV6_HEADER_BYTES + payload;
	if (f->size > packet_size)
		return false;

	f->df = true;
	f->first = true;
	f->upper = IPV6_HEADER_BYTES;
	*r = reader_of(BYTES(start + IPV6_HEADER_BYTES, payload));
	return read_extensions(r, f);
}

bool protocol_has_ports(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_DCCP ||
		protocol == PROTOCOL_SCTP || protocol == PROTOCOL_UDP_LITE;
}

static void read_ports(struct reader *r, struct flow *f)
{
	struct bytes ports;

	f->ports_paired = protocol_has_ports(f->protocol);
	if (f->ports_paired) {
		ports = read_bytes(r, 4);
		f->source_port = ports.size ? load_u16(ports.data) : 0;
		f->destination_port = ports.size ? load_u16(ports.data + 2) : 0;
		f->ports_known = reader_ok(r);
		return;
	}
	switch (f->protocol) {
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

/* Where the library of the system can choose by the processor, the sums are made with its widest registers. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) &&       \
	!defined(__SANITIZE_ADDRESS__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

typedef uint64_t lanes __attribute__((vector_size(64)));

/* The sum of whole blocks as halves of eight words each, which can't overflow before 2^32 blocks. */
FOR_EACH_PROCESSOR
static uint64_t sum_blocks(const uint8_t *at, size_t count)
{
	lanes low = { 0 }, high = { 0 }, block;
	uint64_t sum = 0;

	for (; count > 0; count--, at += sizeof(block)) {
		memcpy(&block, at, sizeof(block));
		low += block & UINT32_MAX;
		high += block >> 32;
	}
	low += high;
	for (size_t i = 0; i < sizeof(low) / sizeof(low[0]); i++)
		sum += low[i];
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)sum;
}

/* Words of the machine's own order: the sum is the same but for its order, RFC 1071 §2 (B). */
uint32_t checksum_add(uint32_t sum, struct bytes data)
{
	size_t blocks = data.size / sizeof(lanes), left = data.size % sizeof(lanes);
	uint64_t total = blocks ? sum_blocks(data.data, blocks) : 0, word = 0;
	const uint8_t *at = data.data + blocks * sizeof(lanes);
	uint8_t folded[2];

	for (; left >= sizeof(word); at += sizeof(word), left -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		total += (uint32_t)word + (word >> 32);
	}
	word = 0;
	if (left > 0)
		memcpy(&word, at, left);
	total += (uint32_t)word + (word >> 32);
	memcpy(folded, &(uint16_t){ fold(total) }, sizeof(folded));
	return fold((uint64_t)sum + load_u16(folded));
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
