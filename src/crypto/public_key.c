/* Public keys: a SubjectPublicKeyInfo as the raw public keys of RFC 7670 carry it, or PKCS#1 for
 * RSA. */
#include "crypto/pki_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/decoder.h>

/* The form that crosses the wire: nothing may follow it. */
static EVP_PKEY *info_decode(struct crypto *c, struct bytes der)
{
	const unsigned char *at = der.data;
	EVP_PKEY *pkey = d2i_PUBKEY_ex(NULL, &at, (long)der.size, c->lib, NULL);

	if (pkey && at != der.data + der.size) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	return pkey;
}

static EVP_PKEY *pkcs1_decode(struct crypto *c, struct bytes der)
{
	const unsigned char *at = der.data;
	size_t left = der.size;
	EVP_PKEY *pkey = NULL;
	OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(
		&pkey, "DER", "type-specific", "RSA", EVP_PKEY_PUBLIC_KEY, c->lib, NULL);

	if (decoder && (OSSL_DECODER_from_data(decoder, &at, &left) != 1 || left)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	OSSL_DECODER_CTX_free(decoder);
	return pkey;
}

/* PKCS#1 says less than a SubjectPublicKeyInfo; identifiers are taken over the latter. */
static int public_key_from_pkcs1(struct crypto *c, struct bytes der, struct public_key **ret_key)
{
	EVP_PKEY *pkey = pkcs1_decode(c, der);
	unsigned char *info = NULL;
	int size = pkey ? i2d_PUBKEY(pkey, &info) : 0;
	int r = -EBADMSG;

	if (size > 0)
		r = public_key_wrap(c, pkey, BYTES(info, (size_t)size), ret_key);
	OPENSSL_free(info);
	EVP_PKEY_free(pkey);
	return r;
}

static int public_key_from_der(struct crypto *c, struct bytes der, struct public_key **ret_key)
{
	EVP_PKEY *pkey = info_decode(c, der);
	int r;

	if (!pkey)
		return public_key_from_pkcs1(c, der, ret_key);

	r = public_key_wrap(c, pkey, der, ret_key);
	EVP_PKEY_free(pkey);
	return r;
}

int public_key_load(struct crypto *c, struct bytes data, struct public_key **ret_key)
{
	static const char *const labels[] = { "PUBLIC KEY", "RSA PUBLIC KEY", NULL };
	uint8_t *der;
	size_t size, label;
	int r;

	if (!data.size || data.size > PEM_BYTES_MAX)
		return -EBADMSG;
	if (looks_like_der(data))
		return drained(public_key_from_der(c, data, ret_key));

	r = pem_find(data, labels, &der, &size, &label);
	if (r < 0)
		return r;

	r = public_key_from_der(c, BYTES(der, size), ret_key);
	OPENSSL_free(der);
	return drained(r);
}

int public_key_wrap(
	struct crypto *c, EVP_PKEY *pkey, struct bytes info, struct public_key **ret_key)
{
	struct public_key *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return -ENOMEM;

	r = key_open(c, pkey, info, &k->key);
	if (r < 0) {
		free(k);
		return r;
	}
	atomic_init(&k->references, 1);
	*ret_key = k;
	return 0;
}

struct public_key *public_key_hold(struct public_key *k)
{
	atomic_fetch_add_explicit(&k->references, 1, memory_order_relaxed);
	return k;
}

void public_key_free(struct public_key *k)
{
	if (!k || atomic_fetch_sub_explicit(&k->references, 1, memory_order_acq_rel) != 1)
		return;

	key_close(&k->key);
	free(k);
}

enum key_type public_key_type(const struct public_key *k)
{
	return k->key.type;
}

unsigned public_key_bits(const struct public_key *k)
{
	return k->key.bits;
}

bool public_key_matches(const struct public_key *pub, const struct private_key *priv)
{
	bool same = EVP_PKEY_eq(pub->key.pkey, priv->key.pkey) == 1;

	crypto_drain();
	return same;
}

void public_key_id(const struct public_key *k, uint8_t ret_id[static 20])
{
	memcpy(ret_id, k->key.id, SHA1_BYTES);
}

void public_key_info_hash(const struct public_key *k, uint8_t ret_hash[static 20])
{
	memcpy(ret_hash, k->key.info_hash, SHA1_BYTES);
}

struct bytes public_key_info(const struct public_key *k)
{
	return BYTES(k->key.info, k->key.info_size);
}
