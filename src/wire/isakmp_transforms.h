/* IKEv1's transforms as values, and as IKEv2's proposals: configurations, the choice among offers,
 * names and key sizes are all in IKEv2's terms (wire/wire.h). An IKEv1 transform is one combination
 * of algorithms, an IKEv2 proposal lists alternatives for each kind; so one becomes a proposal of
 * single transforms, and a proposal becomes as many transforms as it has combinations. */
#pragma once

#include "wire/isakmp.h"

/* Phase 1. The prf is the HMAC of the hash (RFC 2409 §4). */
struct v1_ike_transform {
	uint16_t encryption; /* enum v1_encryption */
	uint16_t key_bits;   /* AES only, else 0 */
	uint16_t hash;       /* enum v1_hash */
	uint16_t method;     /* enum v1_method */
	uint16_t group;
	uint64_t life_seconds; /* 0: not said */
	uint64_t life_kilobytes;
};

/* Phase 2, ESP. */
struct v1_esp_transform {
	uint8_t id; /* enum v1_esp_transform_id */
	uint16_t key_bits;
	uint16_t authentication; /* enum v1_authentication; 0: none, as with AEADs */
	uint16_t group;          /* 0: no PFS */
	uint16_t encapsulation;  /* enum v1_encapsulation; 0: not said */
	bool esn;
	uint64_t life_seconds; /* 0: not said, which means 28800 (RFC 2407 §4.5) */
	uint64_t life_kilobytes;
};

#define V1_ESP_LIFE_SECONDS_DEFAULT 28800

/* A duration of 0 counts as not said. Return 0, -EBADMSG where attributes are malformed or contradict each other, or -ENOTSUP where one
 * is unknown, or of a kind that makes the transform something else than we do (a group by its
 * numbers): such a transform is passed over. An AES key length that is missing is 128 (RFC 3602
 * §5.3 has no default; this is what everybody takes it for). */
int v1_ike_transform_decode(const struct v1_transform *t, struct v1_ike_transform *ret);
int v1_esp_transform_decode(const struct v1_transform *t, struct v1_esp_transform *ret);

/* Append the transform with its attributes. Life durations of more than 32 bits take 8 octets. */
void v1_ike_transform_encode(
	struct v1_sa_writer *s, uint8_t number, const struct v1_ike_transform *t);
void v1_esp_transform_encode(
	struct v1_sa_writer *s, uint8_t number, const struct v1_esp_transform *t);

/* The data of RESPONDER-LIFETIME, RFC 2407 §4.6.3.1: in the attributes of the phase that the notify's
 * protocol belongs to. Attributes of other kinds are ignored; false where malformed or without any
 * life. */
struct v1_lifetime {
	uint64_t seconds; /* 0: not said */
	uint64_t kilobytes;
};

bool v1_lifetime_decode(const struct v1_notify *n, struct v1_lifetime *ret_lifetime);
void v1_lifetime_encode(struct writer *w, uint8_t protocol, const struct v1_lifetime *lifetime);

/* Whether two say the same, whatever the encoding: an answer must be one of the offers. */
bool v1_ike_transform_equal(const struct v1_ike_transform *a, const struct v1_ike_transform *b);
bool v1_esp_transform_equal(const struct v1_esp_transform *a, const struct v1_esp_transform *b);

/* As IKEv2 says it: ENCR, INTEG, PRF and KE, protocol IKE; ENCR, INTEG, KE with PFS and ESN,
 * protocol ESP (number and SPI are the caller's to fill in). False where IKEv2 has no number for
 * an algorithm, or we don't have the algorithm: MD5, DES, CAST, Blowfish, Camellia. */
bool v1_ike_transform_to_proposal(const struct v1_ike_transform *t, struct proposal *ret_proposal);
bool v1_esp_transform_to_proposal(const struct v1_esp_transform *t, struct proposal *ret_proposal);

/* The nth (from 0) combination of a proposal that IKEv1 has numbers for, in the order of its
 * preference; false after the last. Method, encapsulation and life are the caller's to fill in.
 * Phase 1: the hash is that of INTEG, or of PRF where there is no INTEG; combinations with another
 * PRF, AEADs, XCBC and CMAC have no number. Phase 2: CMAC, ChaCha20-Poly1305 and groups of no
 * number in IKEv1 are left out; one without KE is without PFS. */
bool v1_ike_transform_nth(const struct proposal *p, size_t n, struct v1_ike_transform *ret);
bool v1_esp_transform_nth(const struct proposal *p, size_t n, struct v1_esp_transform *ret);

/* Between IKEv1's and IKEv2's numbers; 0 where there is no counterpart. */
uint16_t v1_hash_to_prf(uint16_t hash);   /* enum v1_hash -> enum prf_id */
uint16_t v1_hash_to_integ(uint16_t hash); /* enum v1_hash -> enum integ_id */
uint16_t v1_hash_from_prf(uint16_t prf);
uint16_t v1_hash_from_integ(uint16_t integ);

bool v1_encapsulation_is_udp(uint16_t encapsulation);
bool v1_encapsulation_is_transport(uint16_t encapsulation);
