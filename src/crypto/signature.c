/* Signatures of AUTH payloads: PKCS#1 under method 1 (RFC 7296 §2.15), raw ECDSA under 9 to 11 (RFC
 * 4754), and anything that names itself under 14 (RFC 7427). Each comes down to a scheme, one call
 * of OpenSSL and a wrapping. */
#include "crypto/pki_internal.h"

#include <assert.h>
#include <errno.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "wire/ikev2.h"

/* RFC 4754 §3: each of these methods binds a curve, a hash and the size of r and of s. */
static const struct ecdsa_method {
	uint8_t method;
	uint8_t hash;
	int curve;
	size_t half_bytes;
} ecdsa_methods[] = {
	{ AUTH_ECDSA_256, HASH_SHA2_256, NID_X9_62_prime256v1, 32 },
	{ AUTH_ECDSA_384, HASH_SHA2_384, NID_secp384r1, 48 },
	{ AUTH_ECDSA_521, HASH_SHA2_512, NID_secp521r1, 66 },
};

static const struct ecdsa_method *ecdsa_method_find(uint8_t method)
{
	for (size_t i = 0; i < sizeof(ecdsa_methods) / sizeof(ecdsa_methods[0]); i++) {
		if (ecdsa_methods[i].method == method)
			return &ecdsa_methods[i];
	}
	return NULL;
}

/* OpenSSL's name of a hash; NULL for HASH_IDENTITY, as EdDSA wants it. */
static const char *hash_name(uint8_t hash)
{
	switch (hash) {
	case HASH_SHA1:
		return "SHA1";
	case HASH_SHA2_256:
		return "SHA256";
	case HASH_SHA2_384:
		return "SHA384";
	case HASH_SHA2_512:
		return "SHA512";
	default:
		assert(hash == HASH_IDENTITY);
		return NULL;
	}
}

/* What is signed, in one piece: EdDSA passes over it twice. The caller frees with joined_free(). */
static int parts_join(
	const struct bytes *parts, size_t part_count, uint8_t **ret_joined, size_t *ret_size)
{
	struct writer w;
	size_t size = 0;

	for (size_t i = 0; i < part_count; i++)
		size += parts[i].size;

	w = writer_of(OPENSSL_malloc(size + 1), size);
	if (!w.start)
		return -ENOMEM;

	for (size_t i = 0; i < part_count; i++)
		write_bytes(&w, parts[i]);
	assert(writer_ok(&w));
	*ret_joined = w.start;
	*ret_size = size;
	return 0;
}

static bool padding_set(EVP_PKEY_CTX *context, const struct scheme *s)
{
	if (s->type != KEY_RSA)
		return true;
	if (!s->pss)
		return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
	return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
		EVP_PKEY_CTX_set_rsa_pss_saltlen(context, s->salt_bytes) == 1;
}

/* The library context of the caller, not of the key: this is where the nonce, salt and blinding
 * come from. */
static int sign(struct crypto *c, const struct key *k, const struct scheme *s, struct bytes text,
	uint8_t *out, size_t *size)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *padding = NULL; /* owned by context */
	bool done = context &&
		EVP_DigestSignInit_ex(
			context, &padding, hash_name(s->hash), c->lib, NULL, k->pkey, NULL) == 1 &&
		padding_set(padding, s) &&
		EVP_DigestSign(context, out, size, text.data, text.size) == 1;

	EVP_MD_CTX_free(context);
	return done ? 0 : -EIO;
}

static int check(struct crypto *c, const struct key *k, const struct scheme *s, struct bytes text,
	struct bytes signature)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *padding = NULL; /* owned by context */
	int r = -EIO;

	if (context &&
		EVP_DigestVerifyInit_ex(
			context, &padding, hash_name(s->hash), c->lib, NULL, k->pkey, NULL) == 1 &&
		padding_set(padding, s)) {
		bool right = EVP_DigestVerify(context, signature.data, signature.size, text.data,
				     text.size) == 1;

		r = right ? 0 : -EBADMSG;
	}
	EVP_MD_CTX_free(context);
	return r;
}

/* ECDSA between r | s of fixed size, as the old methods have it, and the DER that OpenSSL speaks.
 */

int ecdsa_raw_from_der(struct bytes der, size_t half_bytes, uint8_t *out)
{
	const unsigned char *at = der.data;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.size);
	int half = (int)half_bytes;
	bool done = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, half) == half &&
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, half) == half;

	ECDSA_SIG_free(sig);
	return done ? 0 : -EIO;
}

int ecdsa_der_from_raw(struct bytes raw, uint8_t *out, size_t *ret_size)
{
	int half = (int)(raw.size / 2), size = 0;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw.data, half, NULL);
	BIGNUM *s = BN_bin2bn(raw.data + half, half, NULL);

	if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
		r = s = NULL;
		size = i2d_ECDSA_SIG(sig, &out);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	if (size <= 0)
		return -EIO;

	*ret_size = (size_t)size;
	return 0;
}

/* Making. */

static int rsa_make(
	struct crypto *c, const struct key *k, uint8_t hash, struct bytes text, struct writer *out)
{
	struct scheme s = { KEY_RSA, hash ? hash : HASH_SHA1, false, 0 };
	size_t size = out->size;
	int r;

	if (k->type != KEY_RSA || s.hash > HASH_SHA2_512)
		return -ENOTSUP;

	r = sign(c, k, &s, text, out->start, &size);
	if (!r)
		out->used = size;
	return r;
}

static int ecdsa_make(struct crypto *c, const struct key *k, const struct ecdsa_method *m,
	uint8_t hash, struct bytes text, struct writer *out)
{
	struct scheme s = { KEY_ECDSA, m->hash, false, 0 };
	uint8_t der[ECDSA_DER_BYTES_MAX];
	size_t size = sizeof(der);
	int r;

	if (k->curve != m->curve || (hash && hash != m->hash))
		return -ENOTSUP;

	r = sign(c, k, &s, text, der, &size);
	if (r < 0)
		return r;
	return ecdsa_raw_from_der(
		BYTES(der, size), m->half_bytes, write_room(out, 2 * m->half_bytes));
}

/* RFC 7427 §3: the length of the AlgorithmIdentifier in an octet, the AlgorithmIdentifier, the
 * signature. */
static int digital_make(struct crypto *c, const struct key *k, const struct signature_form *form,
	struct bytes text, struct writer *out)
{
	struct scheme s = { k->type, form->hash, form->pss, 0 };
	struct bytes algorithm = algorithm_der(&s);
	size_t size;
	int r;

	if (!algorithm.size)
		return -ENOTSUP;

	r = algorithm_parse(algorithm, &s);
	assert(!r);
	write_u8(out, (uint8_t)algorithm.size);
	write_bytes(out, algorithm);

	size = out->size - out->used;
	r = sign(c, k, &s, text, out->start + out->used, &size);
	if (!r)
		out->used += size;
	return r;
}

static int signature_make_as(struct crypto *c, const struct key *k,
	const struct signature_form *form, struct bytes text, struct writer *out)
{
	const struct ecdsa_method *m = ecdsa_method_find(form->method);

	if (form->method == AUTH_DIGITAL_SIGNATURE)
		return digital_make(c, k, form, text, out);
	if (form->pss)
		return -ENOTSUP;
	if (form->method == AUTH_RSA_SIGNATURE)
		return rsa_make(c, k, form->hash, text, out);
	return m ? ecdsa_make(c, k, m, form->hash, text, out) : -ENOTSUP;
}

int signature_make(struct crypto *c, const struct private_key *k, const struct signature_form *form,
	const struct bytes *parts, size_t part_count, uint8_t *out, size_t *ret_size)
{
	struct writer w = writer_of(out, SIGNATURE_BYTES_MAX);
	uint8_t *text;
	size_t size;
	int r = parts_join(parts, part_count, &text, &size);

	if (r < 0)
		return drained(-EIO);

	r = signature_make_as(c, &k->key, form, BYTES(text, size), &w);
	OPENSSL_clear_free(text, size);
	if (!r) {
		assert(writer_ok(&w));
		*ret_size = w.used;
	}
	return drained(r);
}

/* Checking: first what the AUTH data says it is, then one verification. */

/* Method 1 leaves the hash to the DigestInfo inside. Its size tells the hash; that it is the right
 * DigestInfo, whole and well padded, is for check() to find out. */
static int rsa_hash(struct crypto *c, const struct key *k, struct bytes data, uint8_t *ret_hash)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(c->lib, k->pkey, NULL);
	uint8_t info[SIGNATURE_BYTES_MAX];
	size_t size = sizeof(info);
	bool opened = context && EVP_PKEY_verify_recover_init(context) == 1 &&
		EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
		EVP_PKEY_verify_recover(context, info, &size, data.data, data.size) == 1;

	EVP_PKEY_CTX_free(context);
	if (!opened)
		return -EBADMSG;

	switch (size) {
	case 15 + 20:
		*ret_hash = HASH_SHA1;
		return 0;
	case 19 + 32:
		*ret_hash = HASH_SHA2_256;
		return 0;
	case 19 + 48:
		*ret_hash = HASH_SHA2_384;
		return 0;
	case 19 + 64:
		*ret_hash = HASH_SHA2_512;
		return 0;
	default:
		return -EBADMSG;
	}
}

static int rsa_check(struct crypto *c, const struct key *k, struct bytes data, struct bytes text,
	struct scheme *ret_scheme)
{
	struct scheme s = { .type = KEY_RSA };
	int r;

	if (k->type != KEY_RSA)
		return -ENOTSUP;

	r = rsa_hash(c, k, data, &s.hash);
	if (r < 0)
		return r;

	*ret_scheme = s;
	return check(c, k, &s, text, data);
}

static int ecdsa_check(struct crypto *c, const struct key *k, const struct ecdsa_method *m,
	struct bytes data, struct bytes text)
{
	struct scheme s = { KEY_ECDSA, m->hash, false, 0 };
	uint8_t der[ECDSA_DER_BYTES_MAX];
	size_t size;
	int r;

	if (k->curve != m->curve)
		return -ENOTSUP;
	if (data.size != 2 * m->half_bytes)
		return -EBADMSG;

	r = ecdsa_der_from_raw(data, der, &size);
	return r < 0 ? r : check(c, k, &s, text, BYTES(der, size));
}

static int digital_check(struct crypto *c, const struct key *k, struct bytes data,
	struct bytes text, struct scheme *ret_scheme)
{
	struct reader in = reader_of(data);
	struct bytes algorithm = read_bytes(&in, read_u8(&in));
	struct bytes signature = read_rest(&in);
	int r;

	if (!reader_ok(&in) || !algorithm.size || !signature.size)
		return -EBADMSG;

	r = algorithm_parse(algorithm, ret_scheme);
	if (r < 0)
		return r;
	if (ret_scheme->type != k->type)
		return -ENOTSUP;
	return check(c, k, ret_scheme, text, signature);
}

static int signature_check_as(struct crypto *c, const struct key *k, uint8_t method,
	struct bytes data, struct bytes text, struct scheme *ret_scheme)
{
	const struct ecdsa_method *m = ecdsa_method_find(method);

	if (method == AUTH_DIGITAL_SIGNATURE)
		return digital_check(c, k, data, text, ret_scheme);
	if (method == AUTH_RSA_SIGNATURE)
		return rsa_check(c, k, data, text, ret_scheme);
	if (!m)
		return -ENOTSUP;

	ret_scheme->hash = m->hash;
	return ecdsa_check(c, k, m, data, text);
}

int signature_check(struct crypto *c, const struct public_key *k, uint8_t method, struct bytes data,
	const struct bytes *parts, size_t part_count, struct signature_form *ret_form)
{
	struct scheme scheme = { 0 };
	uint8_t *text;
	size_t size;
	int r = parts_join(parts, part_count, &text, &size);

	if (r < 0)
		return drained(-EIO);

	r = signature_check_as(c, &k->key, method, data, BYTES(text, size), &scheme);
	OPENSSL_clear_free(text, size);
	if (!r && ret_form)
		*ret_form = (struct signature_form){ method, scheme.hash, scheme.pss };
	return drained(r);
}
