/* The context: a private OSSL_LIB_CTX, so that a seeded generator reaches every call made with it,
 * and what was fetched from it. A fetch costs a lock and a search by name; each is done once. */
#include "crypto/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/rand.h>

static const char *const digest_names[DIGEST_COUNT] = {
	[DIGEST_SHA1] = "SHA1",
	[DIGEST_SHA2_256] = "SHA2-256",
	[DIGEST_SHA2_384] = "SHA2-384",
	[DIGEST_SHA2_512] = "SHA2-512",
};

void crypto_drain(void)
{
	ERR_clear_error();
}

/* The generator comes first: whatever draws a byte earlier would fix OpenSSL's own in place. */
static bool context_open(struct crypto *c, const struct random_source *random)
{
	c->lib = OSSL_LIB_CTX_new();
	if (!c->lib)
		return false;

	if (random) {
		c->seeded = random_provider_load(c->lib, random);
		if (!c->seeded)
			return false;
	}

	c->algorithms = OSSL_PROVIDER_load(c->lib, "default");
	c->hash = EVP_MD_CTX_new();
	return c->algorithms && c->hash;
}

struct crypto *crypto_new(const struct random_source *random)
{
	struct crypto *c = calloc(1, sizeof(*c));

	if (c && !context_open(c, random)) {
		crypto_free(c);
		c = NULL;
	}
	crypto_drain();
	return c;
}

void crypto_free(struct crypto *c)
{
	if (!c)
		return;

	for (size_t i = 0; i < MAC_COUNT; i++)
		mac_free(c->prfs[i]);
	EVP_MAC_free(c->cmac);
	EVP_MAC_free(c->hmac);
	for (size_t i = 0; i < CIPHERS_MAX; i++)
		EVP_CIPHER_free(c->ciphers[i]);
	for (size_t i = 0; i < DIGEST_COUNT; i++)
		EVP_MD_free(c->digests[i]);
	EVP_MD_CTX_free(c->hash);
#ifdef TERN_IPSEC_MB
	mb_free(c);
#endif

	if (c->algorithms)
		OSSL_PROVIDER_unload(c->algorithms);
	if (c->seeded)
		OSSL_PROVIDER_unload(c->seeded);
	OSSL_LIB_CTX_free(c->lib);
	free(c);
	crypto_drain();
}

const char *digest_name(enum digest d)
{
	assert(d < DIGEST_COUNT);
	return digest_names[d];
}

EVP_MD *crypto_digest(struct crypto *c, enum digest d)
{
	if (!c->digests[d])
		c->digests[d] = EVP_MD_fetch(c->lib, digest_name(d), NULL);
	return c->digests[d];
}

/* A dozen names at most: the first match by name, or the first free place. */
EVP_CIPHER *crypto_cipher(struct crypto *c, const char *name)
{
	size_t i = 0;

	while (i < CIPHERS_MAX && c->ciphers[i] && !EVP_CIPHER_is_a(c->ciphers[i], name))
		i++;
	assert(i < CIPHERS_MAX);

	if (!c->ciphers[i])
		c->ciphers[i] = EVP_CIPHER_fetch(c->lib, name, NULL);
	return c->ciphers[i];
}

EVP_MAC *crypto_hmac(struct crypto *c)
{
	if (!c->hmac)
		c->hmac = EVP_MAC_fetch(c->lib, "HMAC", NULL);
	return c->hmac;
}

EVP_MAC *crypto_cmac(struct crypto *c)
{
	if (!c->cmac)
		c->cmac = EVP_MAC_fetch(c->lib, "CMAC", NULL);
	return c->cmac;
}

int crypto_random(struct crypto *c, void *out, size_t size)
{
	if (RAND_bytes_ex(c->lib, out, size, 0) != 1)
		return drained(-EIO);
	return 0;
}
