/* Fragmenting an inner IPv4 packet before it is sealed, where its sender allows it: RFC 791 §3.2.
 */
#include "esp/internal.h"

#include <assert.h>

#define PLACE_OFFSET   6
#define MORE_FRAGMENTS 0x2000
#define OFFSET_MASK    0x1fff
#define OPTION_COPIED  0x80
#define UNIT           8 /* octets that an offset counts */

enum { OPTION_END = 0, OPTION_NOP = 1 };

static size_t header_size(const uint8_t *packet)
{
	return (size_t)(packet[0] & 0xf) * 4;
}

/* The header of a later piece keeps only options that say so. Returns its size. */
static size_t later_header(const uint8_t *packet, uint8_t *out)
{
	size_t end = header_size(packet), at = IPV4_HEADER_BYTES, used = IPV4_HEADER_BYTES;

	memcpy(out, packet, IPV4_HEADER_BYTES);
	while (at < end && packet[at] != OPTION_END) {
		size_t length = packet[at] == OPTION_NOP ? 1 : at + 1 < end ? packet[at + 1] : 0;

		if (length == 0 || at + length > end)
			break;
		if (packet[at] & OPTION_COPIED) {
			memcpy(out + used, packet + at, length);
			used += length;
		}
		at += length;
	}
	while (used % 4)
		out[used++] = OPTION_END;
	out[0] = (uint8_t)(0x40 | used / 4);
	return used;
}

/* What all pieces can carry: counted with the first piece's header, the longest. */
static size_t piece_bytes(struct bytes packet, size_t mtu)
{
	size_t header = header_size(packet.data);

	assert(mtu >= header + UNIT);
	return (mtu - header) / UNIT * UNIT;
}

size_t fragment_count(struct bytes packet, size_t mtu)
{
	size_t piece = piece_bytes(packet, mtu);

	return (packet.size - header_size(packet.data) + piece - 1) / piece;
}

size_t fragment_next(struct bytes packet, size_t mtu, size_t *offset, uint8_t *out)
{
	size_t header = header_size(packet.data), data = packet.size - header;
	size_t piece = piece_bytes(packet, mtu), used = header;
	uint16_t place = load_u16(packet.data + PLACE_OFFSET);

	if (*offset >= data)
		return 0;

	if (*offset == 0)
		memcpy(out, packet.data, header);
	else
		used = later_header(packet.data, out);
	if (piece >= data - *offset)
		piece = data - *offset;
	else
		place |= MORE_FRAGMENTS;

	memcpy(out + used, packet.data + header + *offset, piece);
	store_u16(out + 2, (uint16_t)(used + piece));
	store_u16(out + PLACE_OFFSET,
		(uint16_t)((place & ~OFFSET_MASK) | ((place & OFFSET_MASK) + *offset / UNIT)));
	ipv4_checksum(out, used);
	*offset += piece;
	return used + piece;
}
