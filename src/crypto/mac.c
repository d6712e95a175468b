/* Message authentication codes under one face: HMAC and CMAC from OpenSSL, XCBC from xcbc.c. A key
 * is set up once; each message then starts from the keyed state (EVP_MAC_init without a key). */
#include "crypto/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

struct mac {
	enum mac_kind kind;
	EVP_MAC_CTX *evp;  /* HMAC and CMAC */
	struct xcbc *xcbc; /* the other one */
};

static const size_t output_bytes[MAC_COUNT] = {
	[MAC_HMAC_SHA1] = 20,
	[MAC_HMAC_SHA2_256] = 32,
	[MAC_HMAC_SHA2_384] = 48,
	[MAC_HMAC_SHA2_512] = 64,
	[MAC_AES_CMAC] = 16,
	[MAC_AES_XCBC] = 16,
};

/* An HMAC or CMAC that knows its hash or cipher and has no key yet. */
static EVP_MAC_CTX *evp_new(struct crypto *c, enum mac_kind kind)
{
	bool cmac = kind == MAC_AES_CMAC;
	const char *what = cmac ? OSSL_MAC_PARAM_CIPHER : OSSL_MAC_PARAM_DIGEST;
	const char *name = cmac ? "AES-128-CBC" : digest_name((enum digest)kind);
	EVP_MAC_CTX *evp = EVP_MAC_CTX_new(cmac ? crypto_cmac(c) : crypto_hmac(c));
	char value[16];

	assert(strlen(name) < sizeof(value));
	memcpy(value, name, strlen(name) + 1);

	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(what, value, 0),
		OSSL_PARAM_construct_end(),
	};

	if (evp && EVP_MAC_CTX_set_params(evp, params) != 1) {
		EVP_MAC_CTX_free(evp);
		return NULL;
	}
	return evp;
}

struct mac *mac_new(struct crypto *c, enum mac_kind kind)
{
	struct mac *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;

	m->kind = kind;
	if (kind == MAC_AES_XCBC)
		m->xcbc = xcbc_new(c);
	else
		m->evp = evp_new(c, kind);
	if (!m->xcbc && !m->evp) {
		free(m);
		crypto_drain();
		return NULL;
	}
	return m;
}

void mac_free(struct mac *m)
{
	if (!m)
		return;
	EVP_MAC_CTX_free(m->evp);
	xcbc_free(m->xcbc);
	free(m);
}

size_t mac_bytes(enum mac_kind kind)
{
	return output_bytes[kind];
}

/* NULL would mean "the old key" to OpenSSL, so the empty key points somewhere. */
int mac_set_key(struct mac *m, struct bytes key)
{
	static const uint8_t none[1];

	if (m->xcbc)
		return xcbc_set_key(m->xcbc, key);
	if (EVP_MAC_init(m->evp, key.size ? key.data : none, key.size, NULL) != 1)
		return drained(-EIO);
	return 0;
}

static int evp_compute(EVP_MAC_CTX *evp, const struct bytes *parts, size_t part_count, uint8_t *out,
	size_t out_size)
{
	size_t written;

	if (EVP_MAC_init(evp, NULL, 0, NULL) != 1)
		return drained(-EIO);
	for (size_t i = 0; i < part_count; i++) {
		if (parts[i].size > 0 && EVP_MAC_update(evp, parts[i].data, parts[i].size) != 1)
			return drained(-EIO);
	}
	if (EVP_MAC_final(evp, out, &written, out_size) != 1 || written != out_size)
		return drained(-EIO);
	return 0;
}

int mac_compute(struct mac *m, const struct bytes *parts, size_t part_count, uint8_t *out)
{
	if (m->xcbc)
		return xcbc_compute(m->xcbc, parts, part_count, out);
	return evp_compute(m->evp, parts, part_count, out, output_bytes[m->kind]);
}
