/* Traffic selectors as the kernel has them: one prefix and one masked port for each end. A range of
 * addresses is several prefixes, a range of ports several masks. */
#include "wire/prefix.h"
#include "xfrm/internal.h"

#include <errno.h>
#include <stdlib.h>

#define MASKS_MAX 32 /* of a range of ports: at most two of each size */

/* Smaller goes first. Below it there is room for any priority that somebody configures by hand. */
#define PRIORITY_BASE 0x70000000u

struct masked {
	uint16_t port, mask;
};

static bool is_icmp(uint8_t protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static bool ports_any(const struct selector *s)
{
	return !s->protocol || (s->port_first == 0 && s->port_last == UINT16_MAX);
}

/* The largest aligned blocks, from the beginning on. */
static size_t masks_of(uint32_t first, uint32_t last, struct masked out[static MASKS_MAX])
{
	size_t count = 0;

	while (first <= last && count < MASKS_MAX) {
		uint32_t size = 1;

		while (!(first & size) && first + 2 * size - 1 <= last)
			size *= 2;
		out[count++] = (struct masked){ (uint16_t)first, (uint16_t) ~(size - 1) };
		first += size;
	}
	return count;
}

static void selector_address(xfrm_address_t *ret_address, uint8_t *ret_bits, const struct prefix *p)
{
	*ret_address = address_to_kernel(&p->address);
	*ret_bits = p->bits;
}

/* The ports of one pair of selectors, which agree on the protocol. ICMP's type stands where the source
 * port does, its code where the destination's does: RFC 4301 §4.4.1.1 has both on the sender's side. */
struct ports {
	size_t source_count, destination_count;
	struct masked source[MASKS_MAX], destination[MASKS_MAX];
};

static bool ports_of(const struct selector *s, size_t *ret_count, struct masked *out)
{
	if (ports_any(s)) {
		out[0] = (struct masked){ 0, 0 };
		*ret_count = 1;
		return true;
	}
	if (s->port_first > s->port_last)
		return false; /* OPAQUE */
	*ret_count = masks_of(s->port_first, s->port_last, out);
	return true;
}

static bool icmp_of(
	const struct selector *source, const struct selector *destination, struct ports *p)
{
	const struct selector *s = ports_any(source) ? destination : source;
	uint8_t type = (uint8_t)(s->port_first >> 8), code = (uint8_t)s->port_first;
	bool all = ports_any(s), one = s->port_first == s->port_last;

	if (!all && !one && !(code == 0 && s->port_last == (s->port_first | 0xff)))
		return false;
	p->source_count = p->destination_count = 1;
	p->source[0] = (struct masked){ all ? 0 : type, all ? 0 : UINT16_MAX };
	p->destination[0] = (struct masked){ one ? code : 0, one ? UINT16_MAX : 0 };
	return true;
}

/* What of a pair's addresses and ports there is room for; the number that it takes. */
static size_t pair_put(
	struct xfrm_selector base, const struct ports *p, struct xfrm_selector *out, size_t room)
{
	size_t count = 0;

	for (size_t i = 0; i < p->source_count; i++)
		for (size_t j = 0; j < p->destination_count; j++) {
			base.sport = htons(p->source[i].port);
			base.sport_mask = htons(p->source[i].mask);
			base.dport = htons(p->destination[j].port);
			base.dport_mask = htons(p->destination[j].mask);
			if (count < room)
				out[count] = base;
			count++;
		}
	return count;
}

static int pair_of(const struct selector *source, const struct selector *destination,
	struct xfrm_selector *out, size_t room)
{
	struct prefix from[PREFIXES_MAX], to[PREFIXES_MAX];
	size_t from_count = prefixes_of_range(&source->first, &source->last, from), count = 0;
	size_t to_count = prefixes_of_range(&destination->first, &destination->last, to);
	struct xfrm_selector base = { .family = family_to_kernel(source->family),
		.proto = source->protocol ? source->protocol : destination->protocol };
	struct ports p;

	if (is_icmp(base.proto) ? !icmp_of(source, destination, &p)
				: !ports_of(source, &p.source_count, p.source) ||
				!ports_of(destination, &p.destination_count, p.destination))
		return -ENOTSUP;
	for (size_t i = 0; i < from_count; i++)
		for (size_t j = 0; j < to_count && count <= room; j++) {
			selector_address(&base.saddr, &base.prefixlen_s, &from[i]);
			selector_address(&base.daddr, &base.prefixlen_d, &to[j]);
			count += pair_put(base, &p, out + count, room - count);
		}
	return count > room ? -E2BIG : (int)count;
}

int xfrm_selectors_of(const struct selectors *source, const struct selectors *destination,
	struct xfrm_selector *out, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < source->count; i++)
		for (size_t j = 0; j < destination->count; j++) {
			const struct selector *a = &source->list[i], *b = &destination->list[j];
			int got =
				selectors_agree(a, b) ? pair_of(a, b, out + count, max - count) : 0;

			if (got < 0)
				return got;
			count += (size_t)got;
		}
	return (int)count;
}

uint32_t xfrm_priority_of(const struct xfrm_selector *s)
{
	uint32_t bits = (uint32_t)s->prefixlen_s + s->prefixlen_d;

	return PRIORITY_BASE - (bits << 3) - (s->proto ? 4u : 0u) - (s->sport_mask ? 2u : 0u) -
		(s->dport_mask ? 1u : 0u);
}
