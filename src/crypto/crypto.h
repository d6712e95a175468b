/* Symmetric cryptography and key exchange over OpenSSL 3. One `struct crypto` per thread-confined
 * user (an engine, a worker of the pool): it owns the library context and what was fetched from it.
 * Nothing here blocks or logs; OpenSSL's error queue is drained before a function returns.
 * Algorithm numbers are IKEv2's (wire/ikev2.h). */
#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "base/secret.h"

struct crypto;

/* `random`: where every key and nonce of this context comes from (copied); NULL takes OpenSSL's own
 * generator. With a source given, everything is repeatable: a seeded RAND provider sits on a
 * private OSSL_LIB_CTX, and every call passes that context. NULL where OpenSSL could not be set up.
 * Free what was made with a context (sealers, halves of key exchanges, keys, certificates) before
 * the context itself. */
struct crypto *crypto_new(const struct random_source *random);
void crypto_free(struct crypto *c);

/* PRF, RFC 7296 §2.13. */

bool prf_known(uint16_t prf);
size_t prf_output_bytes(uint16_t prf); /* 0 where unknown */
size_t prf_key_bytes(uint16_t prf);    /* preferred key size; for XCBC and CMAC 16: other sizes are
					  adapted by RFC 4434 §2 and RFC 4615 §3 */

/* prf(key, parts[0] | parts[1] | ...). `out` has prf_output_bytes(). Returns 0 or -EIO. */
int prf(struct crypto *c, uint16_t prf_id, struct bytes key, const struct bytes *parts,
	size_t part_count, uint8_t *out);

/* prf+(key, seed) -> out_size octets, at most 255 blocks (asserted). */
int prf_plus(struct crypto *c, uint16_t prf_id, struct bytes key, struct bytes seed, uint8_t *out,
	size_t out_size);

/* Sealing: encryption and integrity of one SA in one direction, AEAD or encrypt-then-MAC, for SK
 * payloads and for ESP. One context per SA and direction, kept and reused: a context per packet
 * doubles the cost of AES-GCM. */

struct seal_suite {
	uint16_t encr;     /* enum encr_id */
	uint16_t key_bits; /* of the cipher; 0 where it has one size (3DES 192, ChaCha 256, NULL) */
	uint16_t integ;    /* enum integ_id, INTEG_NONE with an AEAD */
};

bool suite_known(const struct seal_suite *s);
bool encr_is_aead(uint16_t encr);
bool encr_takes_key_bits(
	uint16_t encr, uint16_t key_bits); /* is the key length valid: AES 128/192/256; others 0 */
size_t suite_encr_key_bytes(
	const struct seal_suite *s); /* with the salt (GCM 4, CCM 3, CTR 4 nonce, ChaCha 4) */
size_t suite_integ_key_bytes(const struct seal_suite *s); /* 0 with an AEAD */
size_t suite_iv_bytes(const struct seal_suite
		*s); /* explicit in each packet: CBC 16, 3DES 8, counter modes 8, NULL 0 */
size_t suite_icv_bytes(const struct seal_suite *s);
size_t suite_block_bytes(
	const struct seal_suite *s); /* what plaintext must be a multiple of: 16, 8, 1 */

struct sealer;

/* `encr_key` and `integ_key` have exactly the sizes above (asserted). NULL where OpenSSL refuses.
 * A sealer is used by one thread at a time and serves either direction. */
struct sealer *sealer_new(struct crypto *c, const struct seal_suite *suite, struct bytes encr_key,
	struct bytes integ_key);
void sealer_free(struct sealer *s);
const struct seal_suite *sealer_suite(const struct sealer *s);

/* Who computes the ciphers of a context's sealers: OpenSSL, which has all, unless another is chosen. The
 * octets are the same. */
enum cipher_backend { CIPHERS_OPENSSL, CIPHERS_IPSEC_MB, CIPHER_BACKENDS };

const char *cipher_backend_name(enum cipher_backend b); /* "OpenSSL" */

/* Chooses for a cipher (enum encr_id) with any key, for sealers that are made from now on. False where that
 * backend isn't built in, doesn't have it, or has nothing that this processor can do: then all stays. */
bool cipher_backend_use(struct crypto *c, enum cipher_backend b, uint16_t encr);
enum cipher_backend cipher_backend_of(
	const struct crypto *c, uint16_t encr); /* encr is known (asserted) */
enum cipher_backend sealer_backend(const struct sealer *s);

/* Seals in place: `text` becomes ciphertext, the ICV is written to icv. `aad` is authenticated
 * before the IV (RFC 7296 §3.14, RFC 5282 §5.1: for an AEAD the aad; for encrypt-then-MAC the MAC
 * covers aad | iv | ciphertext | tail). `tail` is ESP's implicit upper sequence number with a MAC
 * (RFC 4303 §2.2.1); empty otherwise. `iv`: suite_iv_bytes(); for CBC it must be unpredictable (the
 * caller takes random), for counter modes unique (a counter). */
int sealer_seal(struct sealer *s, struct bytes aad, const uint8_t *iv, uint8_t *text,
	size_t text_size, struct bytes tail, uint8_t *icv);

/* The reverse. Returns 0, or -EBADMSG where the ICV does not match; then `text` is not to be used.
 * Constant time. */
int sealer_open(struct sealer *s, struct bytes aad, const uint8_t *iv, uint8_t *text,
	size_t text_size, struct bytes tail, const uint8_t *icv);

/* Several packets at once, each with the arguments of sealer_seal() or sealer_open(); the result is what that
 * returns. What is opened may have changed `icv`, too. */
#define SEALER_MANY 32

struct sealer_packet {
	struct bytes aad;
	const uint8_t *iv;
	uint8_t *text;
	size_t text_size;
	struct bytes tail;
	uint8_t *icv;
	int result;
};

/* Chooses for a cipher whether it is worth gathering packets, for sealers that are made from now on. False
 * where nothing here can seal with that suite, and with another key size or MAC, more than one at once. */
bool cipher_many_use(struct crypto *c, const struct seal_suite *suite, bool use);
bool sealer_gathers(const struct sealer *s);
void sealer_seal_many(struct sealer *s, struct sealer_packet *packets,
	size_t count); /* at most SEALER_MANY, as below */
void sealer_open_many(struct sealer *s, struct sealer_packet *packets, size_t count);

/* Hashes: SHA-1 for NAT detection and certificate requests, SHA-2 for the rest. */
int hash_sha1(
	struct crypto *c, const struct bytes *parts, size_t part_count, uint8_t out[static 20]);
int hash_sha256(
	struct crypto *c, const struct bytes *parts, size_t part_count, uint8_t out[static 32]);

/* The same by number (enum hash_id): SHA-1 and SHA-2. `out` has hash_output_bytes(). Returns 0 or
 * -EIO. */
size_t hash_output_bytes(uint8_t hash); /* 0 where unknown */
int hash_parts(
	struct crypto *c, uint8_t hash, const struct bytes *parts, size_t part_count, uint8_t *out);

/* CBC alone, without padding and without integrity, as IKEv1 encrypts its messages (RFC 2409
 * appendix B): nothing else may want it. One for each phase 1, of both directions. */
struct cbc;

/* `encr`: ENCR_AES_CBC with 16, 24 or 32 octets of key, or ENCR_3DES with 24. NULL where OpenSSL
 * refuses, or for another cipher or size. */
struct cbc *cbc_new(struct crypto *c, uint16_t encr, struct bytes key);
void cbc_free(struct cbc *cbc);
size_t cbc_block_bytes(const struct cbc *cbc); /* and of the IV: 16 or 8 */

/* In place, whole blocks (asserted). Returns 0 or -EIO. */
int cbc_encrypt(struct cbc *cbc, const uint8_t *iv, uint8_t *text, size_t size);
int cbc_decrypt(struct cbc *cbc, const uint8_t *iv, uint8_t *text, size_t size);

/* Key exchange. Slow: run from questions only. Shaped so that a KEM fits: the initiator begins and
 * finishes, the responder does its part in one step. Values and secrets always have the group's
 * full length (leading zeros kept). */

#define KE_BYTES_MAX 1600 /* modp8192 needs 1024, ML-KEM-1024 1568 */

bool ke_known(uint16_t group);
size_t ke_public_bytes(uint16_t group); /* of the value in the KE payload; 0 where unknown */

struct ke_private; /* the initiator's half-finished exchange */

/* Makes a key pair. `public` has room for KE_BYTES_MAX. Returns 0, -ENOTSUP or -EIO. */
int ke_begin(struct crypto *c, uint16_t group, struct ke_private **ret_private, uint8_t *public,
	size_t *ret_public_size);

/* Computes the secret after the checks of RFC 6989 (range, point on curve, order where required;
 * all-zero results for x25519 and x448, RFC 7748 §6). Returns 0, -EBADMSG where the peer's value is
 * bad, or -EIO. Doesn't free the private part; `secret` has room for KE_BYTES_MAX. May run on
 * another context than ke_begin() did (a worker of the pool), as long as the first one still lives.
 */
int ke_finish(struct crypto *c, const struct ke_private *private, struct bytes peer,
	uint8_t *secret, size_t *ret_secret_size);
struct ke_private *ke_private_hold(const struct ke_private
		*private); /* one more reference (atomic): a question on another thread */
void ke_private_free(struct ke_private *private); /* drops one; the last cleanses */

int ke_respond(struct crypto *c, uint16_t group, struct bytes peer, uint8_t *public,
	size_t *ret_public_size, uint8_t *secret, size_t *ret_secret_size);

/* Random octets from this context's generator. */
int crypto_random(struct crypto *c, void *out, size_t size);
