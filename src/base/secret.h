/* A secret of fixed capacity: visible in a type, compared in constant time, wiped by whoever
 * declared it. */
#pragma once

#include "base/bytes.h"

#define SECRET_BYTES_MAX 128 /* AES-256 with HMAC-SHA2-512 keys are 96 octets */

struct secret {
	size_t size;
	uint8_t data[SECRET_BYTES_MAX];
};

static inline struct bytes secret_bytes(const struct secret *s)
{
	return BYTES(s->data, s->size);
}

/* Copies; `from` must not be longer than SECRET_BYTES_MAX (asserted). */
void secret_set(struct secret *s, struct bytes from);

static inline void secret_wipe(struct secret *s)
{
	bytes_wipe(s, sizeof(*s));
}

static inline bool secret_equal(const struct secret *a, const struct secret *b)
{
	return bytes_equal_secret(secret_bytes(a), secret_bytes(b));
}
