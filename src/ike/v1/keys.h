/* Key derivation, hashes and encryption of IKEv1: RFC 2409 §5 and appendix B. All that a phase 1
 * derives, in one value without a life of its own: an IKE SA or an exchange holds it. */
#pragma once

#include "crypto/crypto.h"
#include "tern/child.h"

struct proposal;

#define V1_IV_BYTES_MAX   16
#define V1_HASH_BYTES_MAX 64

/* The IV of the next message: CBC chains through an exchange. */
struct v1_iv {
	uint8_t octets[V1_IV_BYTES_MAX]; /* as many used as the cipher's block has */
};

struct v1_keys {
	struct crypto *crypto; /* borrowed */
	uint16_t prf;          /* enum prf_id: the HMAC of the hash */
	uint8_t hash;          /* enum hash_id of IKEv2: HASH_SHA1 ... */
	struct cbc *cbc;       /* with the key that SKEYID_e gives; owned */
	struct secret skeyid;
	struct secret skeyid_d;
	struct secret skeyid_a;
};

/* What both sides said in phase 1. Bodies of payloads, views. */
struct v1_phase1 {
	uint64_t cookie_i, cookie_r;
	struct bytes ke_i, ke_r; /* g^xi, g^xr */
	struct bytes ni, nr;
	struct bytes sa_i;   /* the initiator's SA payload, as it was sent */
	struct bytes shared; /* g^xy, as long as the group */
	struct bytes psk; /* its data is NULL: signatures (and hybrid), or the PSK is elsewhere: */
	struct bytes skeyid; /* what the holder of the PSK made of it; its data is NULL: none */
};

/* SKEYID and what follows from it, for a chosen transform as IKEv2 says it (PRF, ENCR and its key
 * length: see v1_ike_transform_to_proposal()). *ret_keys needs v1_keys_clear() when done. Returns 0,
 * -ENOTSUP where the cipher is none that IKEv1 has, or -EIO. */
int v1_keys_derive(struct crypto *c, const struct proposal *chosen, const struct v1_phase1 *said,
	struct v1_keys *ret_keys);

/* Leaves everything zero. Harmless on a zeroed one. */
void v1_keys_clear(struct v1_keys *k);

size_t v1_keys_hash_bytes(const struct v1_keys *k); /* of every HASH payload of this phase 1 */
size_t v1_keys_block_bytes(const struct v1_keys *k);

/* The prf of HASH_I and HASH_R: a signature method that is tied to a hash wants that one's HMAC (RFC
 * 2409 §5.1, RFC 4754 §4), all others `prf_id`. `method` is enum v1_method. */
uint16_t v1_method_prf(uint16_t method, uint16_t prf_id);

size_t v1_prf_bytes(uint16_t prf_id); /* of a hash made by it */
uint8_t v1_prf_hash(uint16_t prf_id); /* enum hash_id; 0 for a prf that is no HMAC */

/* HASH_I or HASH_R (§5). `id` is the body of that side's ID payload. `prf_id`: see above. Writes
 * prf_output_bytes(prf_id). */
struct v1_hash_of {
	bool initiator;
	uint16_t prf_id;
	struct bytes id;
};

int v1_hash_phase1(const struct v1_keys *k, const struct v1_phase1 *said,
	const struct v1_hash_of *whose, uint8_t out[static V1_HASH_BYTES_MAX]);

/* HASH(1) of quick mode, and the hash of informational, transaction and new group messages: `rest`
 * is what v1_chain_hashed() gives, everything after the HASH payload. */
int v1_hash_1(const struct v1_keys *k, uint32_t message_id, struct bytes rest,
	uint8_t out[static V1_HASH_BYTES_MAX]);

/* HASH(2): the responder's, with the initiator's nonce. HASH(4) of a commit (CONNECTED) is HASH(1). */
int v1_hash_2(const struct v1_keys *k, uint32_t message_id, struct bytes ni, struct bytes rest,
	uint8_t out[static V1_HASH_BYTES_MAX]);
int v1_hash_3(const struct v1_keys *k, uint32_t message_id, struct bytes ni, struct bytes nr,
	uint8_t out[static V1_HASH_BYTES_MAX]);

/* The IV of the first encrypted message of phase 1. */
int v1_iv_phase1(const struct v1_keys *k, const struct v1_phase1 *said, struct v1_iv *ret_iv);

/* The IV of the first message of any exchange after it; `last` is what phase 1 ended with. */
int v1_iv_phase2(const struct v1_keys *k, const struct v1_iv *last, uint32_t message_id,
	struct v1_iv *ret_iv);

/* In place; whole blocks: asserted when encrypting, else -EBADMSG (as for no octets at all). *iv
 * becomes that of the exchange's next message: give a copy where the message may yet turn out to
 * be no good. Returns 0, -EBADMSG or -EIO. */
int v1_encrypt(const struct v1_keys *k, struct v1_iv *iv, uint8_t *text, size_t size);
int v1_decrypt(const struct v1_keys *k, struct v1_iv *iv, uint8_t *text, size_t size);

/* KEYMAT of one direction of a quick mode (§5.5): the SPI is its destination's. */
struct v1_quick {
	uint8_t protocol; /* enum v1_protocol */
	uint32_t spi;
	struct bytes ni, nr;
	struct bytes shared; /* g(qm)^xy; empty without PFS */
};

/* Fills the keys of `suite`, with its salt. Returns 0 or -EIO. */
int v1_keymat(const struct v1_keys *k, const struct v1_quick *quick, const struct seal_suite *suite,
	struct child_keys *ret_keys);
