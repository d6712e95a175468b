/* Keys, signatures and certificates over OpenSSL 3. Used by the holder of credentials (src/keys),
 * from its threads: a loaded key or certificate never changes and may be used by several at once,
 * each with its own `struct crypto`. Free it before any of the contexts that it was loaded or used
 * with: OpenSSL ties the two together. */
#pragma once

#include "crypto/crypto.h"

enum key_type { KEY_RSA = 1, KEY_ECDSA, KEY_ED25519, KEY_ED448 };

struct private_key;
struct public_key;
struct certificate;

/* Keys: PEM or DER; PKCS#8 (encrypted ones need `passphrase`), PKCS#1 and SEC1. Returns 0, -EBADMSG
 * where it is no key that we support, -EACCES where the passphrase is missing or wrong. */
int private_key_load(
	struct crypto *c, struct bytes data, const char *passphrase, struct private_key **ret_key);
void private_key_free(struct private_key *k);
enum key_type private_key_type(const struct private_key *k);
unsigned private_key_bits(const struct private_key *k);

/* Public keys: SubjectPublicKeyInfo in PEM or DER, or PKCS#1 RSA. */
int public_key_load(struct crypto *c, struct bytes data, struct public_key **ret_key);
struct public_key *public_key_hold(struct public_key *k); /* one more reference (atomic) */
void public_key_free(struct public_key *k);               /* drops one */
enum key_type public_key_type(const struct public_key *k);
unsigned public_key_bits(const struct public_key *k);
bool public_key_matches(const struct public_key *pub, const struct private_key *priv);

/* SHA-1 over the subjectPublicKey BIT STRING (what swanctl calls the key id), and over the whole
 * SubjectPublicKeyInfo (what a CERTREQ carries, RFC 7296 §3.7). */
void private_key_id(const struct private_key *k, uint8_t ret_id[static 20]);
void public_key_id(const struct public_key *k, uint8_t ret_id[static 20]);
void public_key_info_hash(const struct public_key *k, uint8_t ret_hash[static 20]);
struct bytes public_key_info(
	const struct public_key *k); /* DER SubjectPublicKeyInfo, owned by the key */
struct bytes private_key_info(const struct private_key *k); /* of its public half */

/* Signatures. `method` and `hash` are IKEv2's. AUTH_RSA_SIGNATURE: PKCS#1 v1.5 with SHA-1 or SHA-2
 * (RFC 7296 §2.15; `hash`, HASH_SHA1 where 0); AUTH_ECDSA_*: raw r|s with the curve's hash;
 * AUTH_DIGITAL_SIGNATURE: the AUTH data of RFC 7427 §3: length octet, AlgorithmIdentifier,
 * signature; RSA as PSS where `pss`, else PKCS#1; ECDSA in DER; Ed25519 and Ed448 with
 * HASH_IDENTITY (RFC 8420). */
struct signature_form {
	uint8_t method;
	uint8_t hash;
	bool pss;
};

#define SIGNATURE_BYTES_MAX 2200

/* `out` has room for SIGNATURE_BYTES_MAX. Returns 0, -ENOTSUP where key and form don't fit together
 * (or would sign SHA-1 under AUTH_DIGITAL_SIGNATURE, RFC 8247 §3.2), or -EIO. */
int signature_make(struct crypto *c, const struct private_key *k, const struct signature_form *form,
	const struct bytes *parts, size_t part_count, uint8_t *out, size_t *ret_size);

/* Checks AUTH data; fills *ret_form (unless NULL) with what was used: hash and padding. SHA-1
 * passes with PKCS#1 only: see to it that policy has a say in *ret_form. Returns 0, -EBADMSG where
 * the signature is wrong or malformed, -ENOTSUP where the algorithm is unknown or doesn't fit the
 * key, -EIO where OpenSSL fails us. */
int signature_check(struct crypto *c, const struct public_key *k, uint8_t method, struct bytes data,
	const struct bytes *parts, size_t part_count, struct signature_form *ret_form);

/* Signatures of IKEv1: of HASH_I or HASH_R itself, which is not hashed again. RSA: PKCS#1 block type
 * 1 of the hash without a DigestInfo (RFC 2409 §5.1); ECDSA: r | s in the curve's size (RFC 4754
 * §7). P-256, P-384 and P-521 only. `out` has room for SIGNATURE_BYTES_MAX. Returns 0, -ENOTSUP
 * where the key is of another kind, or -EIO. */
int hash_sign(struct crypto *c, const struct private_key *k, struct bytes hash, uint8_t *out,
	size_t *ret_size);

/* Returns 0, -EBADMSG where the signature is wrong or malformed, -ENOTSUP or -EIO. The hash is at
 * least 20 octets (asserted). */
int hash_verify(
	struct crypto *c, const struct public_key *k, struct bytes hash, struct bytes signature);

/* Certificates. Decoded once; reference counted (atomic). DER or PEM (the first certificate). */
int certificate_load(struct crypto *c, struct bytes data, struct certificate **ret_cert);
struct certificate *certificate_hold(struct certificate *cert);
void certificate_free(struct certificate *cert);
struct bytes certificate_der(const struct certificate *cert);     /* owned by cert */
struct bytes certificate_subject(const struct certificate *cert); /* DER Name */
struct bytes certificate_issuer(const struct certificate *cert);
struct public_key *certificate_key(const struct certificate *cert); /* borrowed */
bool certificate_is_ca(const struct certificate *cert);
bool certificate_is_self_signed(const struct certificate *cert);
int64_t certificate_not_before(const struct certificate *cert); /* Unix seconds */
int64_t certificate_not_after(const struct certificate *cert);

/* Whether the certificate speaks for an identity (RFC 4945 §3.1): subjectAltName dNSName (exact,
 * case-insensitive), rfc822Name, iPAddress; a DN equal to the subject; a key id equal to the
 * subject key identifier. `type` is enum id_type. */
bool certificate_has_id(const struct certificate *cert, uint8_t type, struct bytes value);

/* A text for people: "C=CH, O=tern, CN=moon". Cut to fit. */
char *certificate_subject_text(const struct certificate *cert, char *out, size_t out_size);
char *name_text(struct bytes der_name, char *out, size_t out_size);

/* "C=CH, O=tern, CN=moon" (or with '/' as in OpenSSL's oneline) -> DER Name in `out`. Returns its
 * size or -EINVAL, -ENOBUFS. */
int name_from_text(const char *text, uint8_t *out, size_t out_size);

/* Whether two DER Names are the same whatever their case, spaces and string types (RFC 5280 §7.1);
 * false if malformed. */
bool name_equal(struct bytes a, struct bytes b);

enum chain_problem {
	CHAIN_OK,
	CHAIN_NO_ISSUER, /* no path to a trust anchor: `subject` is the one whose issuer is missing
			  */
	CHAIN_EXPIRED,
	CHAIN_NOT_YET_VALID,
	CHAIN_BAD_SIGNATURE,
	CHAIN_NOT_A_CA, /* an issuer without basicConstraints CA */
	CHAIN_PATH_TOO_LONG,
	CHAIN_KEY_USAGE, /* an issuer without keyCertSign, or an end entity without digitalSignature
			  */
	CHAIN_NAME_CONSTRAINTS,
	CHAIN_CRITICAL_EXTENSION, /* one that we don't process */
	CHAIN_WEAK,               /* MD5 or SHA-1 signature in it, RSA under 2048 bits */
	CHAIN_OTHER,
};

struct chain_result {
	enum chain_problem problem;
	char subject[256]; /* of the certificate at fault, for people */
	char detail[160];  /* e.g. "expired at 2026-01-01 00:00:00 UTC" */
};

/* Builds and checks a path (RFC 5280 §6) from `end` through `untrusted` to one of `anchors`, at
 * `wall` Unix seconds. Returns 0 and CHAIN_OK, or -EKEYREJECTED and the problem. Revocation comes
 * with a later issue. */
int certificate_check_chain(struct crypto *c, const struct certificate *end,
	struct certificate *const *untrusted, size_t untrusted_count,
	struct certificate *const *anchors, size_t anchor_count, int64_t wall,
	struct chain_result *ret_result);
