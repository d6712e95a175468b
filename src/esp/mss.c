/* The MSS of TCP's SYN, lowered so that segments fit into the tunnel: the ICMP messages that would
 * say so are lost too often. */
#include "esp/internal.h"

#define TCP_SYN 0x02

enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_MSS = 2 };

/* Replaces a value in a segment, at any alignment. */
static void replace(uint8_t *tcp, size_t offset, uint16_t value)
{
	uint16_t before = load_u16(tcp + offset), after = value;

	store_u16(tcp + offset, value);
	if (offset % 2) { /* as the sum sees it: RFC 1071 §2 (B) */
		before = (uint16_t)(before << 8 | before >> 8);
		after = (uint16_t)(after << 8 | after >> 8);
	}
	store_u16(tcp + TCP_CHECKSUM_AT,
		checksum_adjust(load_u16(tcp + TCP_CHECKSUM_AT), before, after));
}

void mss_clamp(uint8_t *tcp, size_t size, uint8_t family, uint32_t mtu)
{
	uint32_t headers = TCP_HEADER_BYTES + (family == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES);
	size_t end, at = TCP_HEADER_BYTES;

	if (size < TCP_HEADER_BYTES || !(tcp[13] & TCP_SYN) || mtu <= headers)
		return;

	end = (size_t)(tcp[12] >> 4) * 4;
	while (end <= size && at + 1 < end && tcp[at] != OPTION_END) {
		size_t length = tcp[at] == OPTION_NOP ? 1 : tcp[at + 1];

		if (length == 0 || at + length > end || (length == 1 && tcp[at] != OPTION_NOP))
			return;
		if (tcp[at] == OPTION_MSS && length == 4) {
			if (load_u16(tcp + at + 2) > mtu - headers)
				replace(tcp, at + 2, (uint16_t)(mtu - headers));
			return;
		}
		at += length;
	}
}
