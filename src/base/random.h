/* The one injectable source of randomness. */
#pragma once

#include "base/bytes.h"

struct random_source {
	void (*fill)(void *context, uint8_t *out,
		size_t size); /* never fails: the host aborts instead */
	void *context;
};

static inline void random_fill(const struct random_source *r, void *out, size_t size)
{
	r->fill(r->context, out, size);
}

/* A number in [0, below); `below` > 0. The bias is under 2^-32 for what we use it for: jitter. */
static inline uint64_t random_below(const struct random_source *r, uint64_t below)
{
	uint64_t x;

	random_fill(r, &x, sizeof(x));
	return x % below;
}
