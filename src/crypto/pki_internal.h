/* What the files behind pki.h share: keys, certificates and schemes as OpenSSL has them. */
#pragma once

#include <stdatomic.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "crypto/internal.h"
#include "crypto/pki.h"

#define SHA1_BYTES     20
#define PEM_BYTES_MAX  (1u << 20) /* the longest file that we look into */
#define NAME_BYTES_MAX 4096       /* of a Name in DER */

/* A key, private or public: what can be said about it is computed once, when it is loaded. */
struct key {
	EVP_PKEY *pkey;
	enum key_type type;
	unsigned bits;
	int curve;     /* OpenSSL's number of the named curve; NID_undef unless ECDSA */
	uint8_t *info; /* DER SubjectPublicKeyInfo */
	size_t info_size;
	uint8_t id[SHA1_BYTES];        /* SHA-1 over the subjectPublicKey */
	uint8_t info_hash[SHA1_BYTES]; /* SHA-1 over the info */
};

struct private_key {
	struct key key;
};

struct public_key {
	struct key key;
	atomic_uint references;
};

struct certificate {
	X509 *x509;
	uint8_t *der; /* as it came */
	size_t der_size;
	struct bytes subject; /* within x509 */
	struct bytes issuer;
	struct public_key *key;
	int64_t not_before;
	int64_t not_after;
	bool is_ca;
	bool is_self_signed;
	atomic_uint references;
};

/* Fills *ret_key from a decoded key (takes its own reference) and its SubjectPublicKeyInfo
 * (copied). Returns 0, or -EBADMSG where it is of no kind, curve or size that we support. */
int key_open(struct crypto *c, EVP_PKEY *pkey, struct bytes info, struct key *ret_key);
void key_close(struct key *k);

/* A public key around an EVP_PKEY, with one reference. */
int public_key_wrap(
	struct crypto *c, EVP_PKEY *pkey, struct bytes info, struct public_key **ret_key);

/* The content of the first PEM block whose label is in `labels` (ends with NULL), to be freed with
 * OPENSSL_free(), and the label's index. Returns 0, or -EBADMSG where there is none. */
int pem_find(struct bytes text, const char *const *labels, uint8_t **ret_der, size_t *ret_size,
	size_t *ret_label);

/* Whether it starts as DER of anything that we load: a SEQUENCE. */
static inline bool looks_like_der(struct bytes data)
{
	return data.size && data.data[0] == 0x30;
}

/* How a signature is computed, once method and algorithm are known. */
struct scheme {
	enum key_type type;
	uint8_t hash; /* enum hash_id */
	bool pss;
	int salt_bytes; /* of PSS */
};

/* The DER AlgorithmIdentifier that we send for a scheme; empty where we send none (SHA-1, or no
 * such thing). */
struct bytes algorithm_der(const struct scheme *s);

/* What a peer's AlgorithmIdentifier asks for. Returns 0, -EBADMSG where it is malformed, -ENOTSUP
 * where unknown. */
int algorithm_parse(struct bytes der, struct scheme *ret_scheme);

/* ECDSA between r | s, each of half_bytes, and the DER that OpenSSL speaks (signature.c). Return 0 or
 * -EIO. */
#define ECDSA_DER_BYTES_MAX 160
int ecdsa_raw_from_der(struct bytes der, size_t half_bytes, uint8_t *out);
int ecdsa_der_from_raw(struct bytes raw, uint8_t *out, size_t *ret_size);
