/* Signatures of IKEv1, over a hash that is not hashed again: RSA "as a private key encryption in
 * PKCS #1 format and not as a signature" (RFC 2409 §5.1), which is block type 1 around the bare
 * hash, and ECDSA as r | s (RFC 4754 §7). */
#include "crypto/pki_internal.h"

#include <assert.h>
#include <errno.h>

#include <openssl/crypto.h>
#include <openssl/rsa.h>

#define HASH_BYTES_MIN 20 /* SHA-1 */
#define HASH_BYTES_MAX 64

/* The size of r and of s; 0 for a curve that RFC 4754 doesn't have. */
static size_t half_bytes(const struct key *k)
{
	switch (k->curve) {
	case NID_X9_62_prime256v1:
		return 32;
	case NID_secp384r1:
		return 48;
	case NID_secp521r1:
		return 66;
	default:
		return 0;
	}
}

static bool key_serves(const struct key *k)
{
	return k->type == KEY_RSA || (k->type == KEY_ECDSA && half_bytes(k));
}

/* No digest is named, so OpenSSL adds no DigestInfo. */
static bool padding_set(EVP_PKEY_CTX *context, const struct key *k)
{
	return k->type != KEY_RSA || EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
}

/* Nonce and blinding come from the caller's library context. */
static int sign(
	struct crypto *c, const struct key *k, struct bytes hash, uint8_t *out, size_t *size)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(c->lib, k->pkey, NULL);
	bool done = context && EVP_PKEY_sign_init(context) == 1 && padding_set(context, k) &&
		EVP_PKEY_sign(context, out, size, hash.data, hash.size) == 1;

	EVP_PKEY_CTX_free(context);
	return done ? 0 : -EIO;
}

int hash_sign(struct crypto *c, const struct private_key *k, struct bytes hash, uint8_t *out,
	size_t *ret_size)
{
	uint8_t der[ECDSA_DER_BYTES_MAX];
	size_t size = k->key.type == KEY_RSA ? SIGNATURE_BYTES_MAX : sizeof(der);
	size_t half = half_bytes(&k->key);
	int r;

	assert(hash.size >= HASH_BYTES_MIN && hash.size <= HASH_BYTES_MAX);
	if (!key_serves(&k->key))
		return -ENOTSUP;

	r = sign(c, &k->key, hash, k->key.type == KEY_RSA ? out : der, &size);
	if (!r && k->key.type == KEY_ECDSA) {
		r = ecdsa_raw_from_der(BYTES(der, size), half, out);
		size = 2 * half;
	}
	if (!r)
		*ret_size = size;
	return drained(r);
}

/* What the signer encrypted must be the hash and nothing else: compared whole, in a time that tells
 * nothing. */
static int rsa_verify(
	struct crypto *c, const struct key *k, struct bytes hash, struct bytes signature)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(c->lib, k->pkey, NULL);
	uint8_t inside[SIGNATURE_BYTES_MAX];
	size_t size = sizeof(inside);
	bool opened = context && EVP_PKEY_verify_recover_init(context) == 1 &&
		padding_set(context, k) &&
		EVP_PKEY_verify_recover(context, inside, &size, signature.data, signature.size) ==
			1;

	EVP_PKEY_CTX_free(context);
	return opened && bytes_equal_secret(BYTES(inside, size), hash) ? 0 : -EBADMSG;
}

static int ecdsa_verify(
	struct crypto *c, const struct key *k, struct bytes hash, struct bytes signature)
{
	EVP_PKEY_CTX *context;
	uint8_t der[ECDSA_DER_BYTES_MAX];
	size_t size;
	int r;

	if (signature.size != 2 * half_bytes(k))
		return -EBADMSG;
	r = ecdsa_der_from_raw(signature, der, &size);
	if (r < 0)
		return r;

	context = EVP_PKEY_CTX_new_from_pkey(c->lib, k->pkey, NULL);
	if (!context || EVP_PKEY_verify_init(context) != 1)
		r = -EIO;
	else if (EVP_PKEY_verify(context, der, size, hash.data, hash.size) != 1)
		r = -EBADMSG;
	EVP_PKEY_CTX_free(context);
	return r;
}

int hash_verify(
	struct crypto *c, const struct public_key *k, struct bytes hash, struct bytes signature)
{
	assert(hash.size >= HASH_BYTES_MIN && hash.size <= HASH_BYTES_MAX);
	if (!key_serves(&k->key))
		return -ENOTSUP;
	if (signature.size == 0)
		return -EBADMSG;
	if (k->key.type == KEY_RSA)
		return drained(rsa_verify(c, &k->key, hash, signature));
	return drained(ecdsa_verify(c, &k->key, hash, signature));
}
