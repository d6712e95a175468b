/* IP addresses, ports and the path of a datagram. */
#pragma once

#include "base/bytes.h"

struct address {
	uint8_t family;     /* 4, 6, or 0 for none */
	uint8_t octets[16]; /* 4 or 16 used, network order; the rest zero */
};

struct endpoint {
	struct address address;
	uint16_t port; /* host order */
};

/* Where a datagram came from and to where; `local` is ours. */
struct ike_path {
	struct endpoint local;
	struct endpoint remote;
};

static inline size_t address_size(const struct address *a)
{
	return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

static inline struct bytes address_bytes(const struct address *a)
{
	return BYTES(a->octets, address_size(a));
}

/* From 4 or 16 octets; family 0 for any other size. */
struct address address_from(struct bytes octets);

/* "192.0.2.1" or "2001:db8::1". Returns 0 or -EINVAL. */
int address_parse(const char *text, struct address *ret_address);

#define ADDRESS_TEXT_MAX  48
#define ENDPOINT_TEXT_MAX 64

char *address_print(const struct address *a, char out[static ADDRESS_TEXT_MAX]);
char *endpoint_print(const struct endpoint *e, char out[static ENDPOINT_TEXT_MAX]); /* a[port] */

bool address_equal(const struct address *a, const struct address *b);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
int address_compare(const struct address *a, const struct address *b); /* same family */
bool address_is_any(const struct address *a);                          /* none, 0.0.0.0 or :: */
