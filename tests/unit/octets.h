/* Octets of tests: from hexadecimal text, and alone on the heap. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/bytes.h"

#include <cmocka.h>

#define SAMPLE_BYTES_MAX 512

/* Hexadecimal with spaces, to octets. */
static inline struct bytes octets_of(const char *hex, uint8_t out[static SAMPLE_BYTES_MAX])
{
	char packed[SAMPLE_BYTES_MAX * 2 + 1];
	size_t used = 0;
	int size;

	for (; *hex; hex++)
		if (*hex != ' ')
			packed[used++] = *hex;
	packed[used] = '\0';
	size = bytes_from_hex(packed, out, SAMPLE_BYTES_MAX);
	assert_true(size >= 0);

	return BYTES(out, (size_t)size);
}

/* A copy of exactly its size on the heap, so that the sanitizer sees one octet too many. The caller
 * frees. */
static inline struct bytes alone(struct bytes from)
{
	uint8_t *copy = malloc(from.size ? from.size : 1);

	assert_non_null(copy);
	if (from.size)
		memcpy(copy, from.data, from.size);

	return BYTES(copy, from.size);
}

static inline void alone_free(struct bytes copy)
{
	free((void *)(uintptr_t)copy.data);
}
