/* IKEv2 message fragmentation, RFC 7383: verified fragments gather here until all are there. */
#pragma once

#include "base/bytes.h"

#define FRAGMENTS_MAX 128

struct fragments {
	uint32_t message_id;
	bool response;
	uint16_t total;
	uint16_t have;
	uint8_t first_payload; /* from fragment 1 */
	size_t bytes;
	uint8_t *parts[FRAGMENTS_MAX]; /* plaintext, owned */
	uint16_t sizes[FRAGMENTS_MAX];
};

struct fragment {
	uint32_t message_id;
	bool response;
	uint16_t number, total;
	uint8_t next_payload;
	struct bytes plain;
};

/* Adds a verified fragment. Returns 1 when the message is complete, 0 while parts are missing,
 * -EBADMSG where it does not fit (a smaller total than that seen, RFC 7383 §2.6), -E2BIG over
 * bytes_max. */
int fragments_add(struct fragments *f, const struct fragment *part, size_t bytes_max);
/* The whole plaintext, into out (f->bytes octets); then clears. */
void fragments_join(struct fragments *f, uint8_t *out);
void fragments_clear(struct fragments *f);
