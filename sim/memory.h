/* How many octets an engine holds: the allocator's functions are wrapped (see meson.build), and what
 * is allocated while an engine works is written down as its own until it is freed, by whomever.
 * OpenSSL's contexts are not among it: a library of its own, that allocates for itself. */
#pragma once

#include <stddef.h>

struct memory {
	size_t octets, blocks;
	size_t most; /* octets, ever */
};

void memory_enter(struct memory *m); /* what is allocated from now on counts for it */
void memory_leave(void);
void memory_forget(struct memory *m); /* whatever is left counts for nobody */
