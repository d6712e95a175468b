/* Test vectors as text: hexadecimal, "aa*131 " for an octet that repeats, 'text' for text. */
#pragma once

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "crypto/crypto.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct vector {
	size_t size;
	uint8_t data[1100];
};

struct seal_vector {
	const char *from;
	struct seal_suite suite;
	const char *encr_key;
	const char *integ_key;
	const char *aad;
	const char *iv;
	const char *text;
	const char *sealed;
	const char *icv;
};

static inline void vector_add(struct vector *v, uint8_t octet, size_t count)
{
	assert(v->size + count <= sizeof(v->data));
	memset(v->data + v->size, octet, count);
	v->size += count;
}

/* NULL is empty. */
static inline struct vector vector_of(const char *spec)
{
	struct vector v = { 0 };
	const char *at = spec ? spec : "";

	if (*at == '\'') {
		while (*++at != '\'')
			vector_add(&v, (uint8_t)*at, 1);
		return v;
	}
	for (; *at; at += *at == ' ') {
		char pair[3] = { at[0], at[1], 0 };
		uint8_t octet = (uint8_t)strtoul(pair, NULL, 16);
		char *end = NULL;

		at += 2;
		if (*at == '*') {
			vector_add(&v, octet, strtoul(at + 1, &end, 10));
			at = end;
		} else {
			vector_add(&v, octet, 1);
		}
	}
	return v;
}

static inline struct bytes vector_bytes(const struct vector *v)
{
	return BYTES(v->data, v->size);
}

/* A source that repeats: SplitMix64. */
static inline void seed_fill(void *context, uint8_t *out, size_t size)
{
	uint64_t *state = context;

	for (size_t i = 0; i < size; i++) {
		uint64_t z = (*state += 0x9e3779b97f4a7c15u);

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		out[i] = (uint8_t)(z ^ (z >> 31));
	}
}

static inline struct random_source seed_source(uint64_t *state)
{
	return (struct random_source){ seed_fill, state };
}
