/* Ranges of addresses as prefixes: take the largest aligned block that starts at the beginning and
 * still fits, go on behind it. */
#include "wire/prefix.h"

static unsigned bit_count(const struct address *a)
{
	return (unsigned)address_size(a) * 8;
}

static bool bit_at(const struct address *a, unsigned bit)
{
	return a->octets[bit / 8] >> (7 - bit % 8) & 1;
}

/* The last address of the block of `bits` that starts at a. */
static struct address block_end(const struct address *a, unsigned bits)
{
	struct address end = *a;

	for (unsigned i = bits; i < bit_count(a); i++)
		end.octets[i / 8] |= (uint8_t)(1u << (7 - i % 8));
	return end;
}

/* Adds one; false where it wraps. */
static bool increment(struct address *a)
{
	for (size_t i = address_size(a); i-- > 0;) {
		if (++a->octets[i] != 0)
			return true;
	}
	return false;
}

size_t prefixes_of_range(const struct address *first, const struct address *last,
	struct prefix out[static PREFIXES_MAX])
{
	struct address at = *first;
	size_t count = 0;

	if (!address_size(first) || first->family != last->family)
		return 0;

	while (address_compare(&at, last) <= 0 && count < PREFIXES_MAX) {
		unsigned bits = bit_count(&at);
		struct address end = at;

		while (bits > 0 && !bit_at(&at, bits - 1)) {
			struct address wider = block_end(&at, bits - 1);

			if (address_compare(&wider, last) > 0)
				break;
			end = wider;
			bits--;
		}
		out[count++] = (struct prefix){ at, (uint8_t)bits };
		at = end;
		if (!increment(&at))
			break;
	}
	return count;
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->bits == b->bits && address_equal(&a->address, &b->address);
}

bool selectors_agree(const struct selector *a, const struct selector *b)
{
	return a->family == b->family &&
		(!a->protocol || !b->protocol || a->protocol == b->protocol);
}

bool selectors_cover(const struct selectors *selectors, const struct address *a)
{
	for (size_t i = 0; i < selectors->count; i++) {
		const struct selector *s = &selectors->list[i];

		if (s->family == a->family && address_compare(&s->first, a) <= 0 &&
			address_compare(a, &s->last) <= 0)
			return true;
	}
	return false;
}
