/* DSCP and ECN between inner and outer headers of a tunnel: RFC 2983 and RFC 6040. */
#include "esp/internal.h"

#define ECN_MASK 3

enum ecn { ECN_NOT_ECT = 0, ECN_ECT_1 = 1, ECN_ECT_0 = 2, ECN_CE = 3 };

#define ECN_DROP 4

/* RFC 6040 §4.2, figure 4: [inner][outer]. */
static const uint8_t ecn_leaving[4][4] = {
	[ECN_NOT_ECT] = { ECN_NOT_ECT, ECN_NOT_ECT, ECN_NOT_ECT, ECN_DROP },
	[ECN_ECT_1] = { ECN_ECT_1, ECN_ECT_1, ECN_ECT_1, ECN_CE },
	[ECN_ECT_0] = { ECN_ECT_0, ECN_ECT_1, ECN_ECT_0, ECN_CE },
	[ECN_CE] = { ECN_CE, ECN_CE, ECN_CE, ECN_CE },
};

uint8_t tos_outer(const struct child_spec *spec, uint8_t inner)
{
	bool dscp = spec->copy_dscp == COPY_DSCP_OUT || spec->copy_dscp == COPY_DSCP_BOTH;

	return (uint8_t)((dscp ? inner & ~ECN_MASK : 0) | (spec->copy_ecn ? inner & ECN_MASK : 0));
}

bool tos_inner(const struct child_spec *spec, uint8_t outer, uint8_t inner, uint8_t *ret_tos)
{
	bool dscp = spec->copy_dscp == COPY_DSCP_IN || spec->copy_dscp == COPY_DSCP_BOTH;
	uint8_t ecn = inner & ECN_MASK;

	if (spec->copy_ecn)
		ecn = ecn_leaving[inner & ECN_MASK][outer & ECN_MASK];
	if (ecn == ECN_DROP)
		return false;

	*ret_tos = (uint8_t)(((dscp ? outer : inner) & ~ECN_MASK) | ecn);
	return true;
}

void tos_set(uint8_t *packet, uint8_t tos)
{
	uint16_t before = load_u16(packet), after;

	if (packet[0] >> 4 == 4) {
		packet[1] = tos;
		after = load_u16(packet);
		if (after != before)
			store_u16(
				packet + 10, checksum_adjust(load_u16(packet + 10), before, after));
	} else {
		store_u16(packet, (uint16_t)((before & 0xf00f) | tos << 4));
	}
}
