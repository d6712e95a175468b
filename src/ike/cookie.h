/* Cookies, RFC 7296 §2.6: version | HMAC-SHA2-256(secret, Ni | IPi | SPIi). One hash and no memory
 * per spoofed request. */
#pragma once

#include "ike/engine.h"

#define COOKIE_BYTES 33

struct cookie_of {
	uint64_t spi_i;
	struct address address;
	struct bytes nonce;
};

void cookie_make(
	struct ike_engine *e, const struct cookie_of *of, uint8_t ret_cookie[static COOKIE_BYTES]);
bool cookie_good(struct ike_engine *e, const struct cookie_of *of, struct bytes cookie);
