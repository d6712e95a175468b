#include "ike/cookie.h"

#define COOKIE_SECRET_NS                                                                           \
	(60 * NS_PER_SECOND) /* then a new one; the one before stays good as long again */

static void secrets_turn(struct ike_engine *e)
{
	struct cookie_secrets *c = &e->cookies;

	if (c->ready && e->now - c->changed_at < COOKIE_SECRET_NS)
		return;
	if (!c->ready)
		random_fill(&e->options.random, c->secret[c->version & 1], sizeof(c->secret[0]));
	c->version++;
	random_fill(&e->options.random, c->secret[c->version & 1], sizeof(c->secret[0]));
	c->changed_at = e->now;
	c->ready = true;
}

static void cookie_compute(struct ike_engine *e, const struct cookie_of *of, uint8_t version,
	uint8_t ret_cookie[static COOKIE_BYTES])
{
	uint8_t spi[8];
	struct bytes parts[] = { of->nonce, address_bytes(&of->address), BYTES_OF(spi) };

	store_u64(spi, of->spi_i);
	memset(ret_cookie, 0, COOKIE_BYTES);
	ret_cookie[0] = version;
	prf(e->options.crypto, PRF_HMAC_SHA2_256, BYTES_OF(e->cookies.secret[version & 1]), parts,
		3, ret_cookie + 1);
}

void cookie_make(
	struct ike_engine *e, const struct cookie_of *of, uint8_t ret_cookie[static COOKIE_BYTES])
{
	secrets_turn(e);
	cookie_compute(e, of, e->cookies.version, ret_cookie);
}

bool cookie_good(struct ike_engine *e, const struct cookie_of *of, struct bytes cookie)
{
	uint8_t expected[COOKIE_BYTES];

	secrets_turn(e);
	if (cookie.size != COOKIE_BYTES || !e->cookies.ready)
		return false;
	if (cookie.data[0] != e->cookies.version &&
		cookie.data[0] != (uint8_t)(e->cookies.version - 1))
		return false;
	cookie_compute(e, of, cookie.data[0], expected);
	return bytes_equal_secret(cookie, BYTES_OF(expected));
}
