/* Ranges of addresses as prefixes, as the kernel has them in routes and policies. Pure. */
#pragma once

#include "base/address.h"
#include "wire/wire.h"

struct prefix {
	struct address address; /* its first */
	uint8_t bits;
};

/* A range of IPv6 addresses can take 254. */
#define PREFIXES_MAX 256

/* The fewest prefixes that make up first..last (same family), in order. Returns how many, at most
 * PREFIXES_MAX. */
size_t prefixes_of_range(const struct address *first, const struct address *last,
	struct prefix out[static PREFIXES_MAX]);

bool prefix_equal(const struct prefix *a, const struct prefix *b);

/* Whether a packet can be of both, one at each end: their families and protocols agree. */
bool selectors_agree(const struct selector *a, const struct selector *b);

/* Whether one of the selectors has the address, whatever its protocol and ports. */
bool selectors_cover(const struct selectors *selectors, const struct address *a);
