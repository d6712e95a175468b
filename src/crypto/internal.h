/* What the files of crypto/ share: the context with its caches, and how errors leave OpenSSL. Only
 * crypto/ includes it (and its own tests). Everything fetched is fetched on first use and kept
 * until crypto_free(). */
#pragma once

#include <stdatomic.h>

#include <openssl/core.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "crypto/crypto.h"

enum digest { DIGEST_SHA1, DIGEST_SHA2_256, DIGEST_SHA2_384, DIGEST_SHA2_512, DIGEST_COUNT };

enum mac_kind {
	MAC_HMAC_SHA1, /* the HMACs in the order of enum digest */
	MAC_HMAC_SHA2_256,
	MAC_HMAC_SHA2_384,
	MAC_HMAC_SHA2_512,
	MAC_AES_CMAC,
	MAC_AES_XCBC,
	MAC_COUNT,
};

#define MAC_BYTES_MAX 64 /* HMAC-SHA2-512 */
#define CIPHERS_MAX   16 /* distinct ciphers that a context has fetched */
#define ENCR_ROWS_MAX 16

struct mac;

struct crypto {
	OSSL_LIB_CTX *lib;
	OSSL_PROVIDER *algorithms; /* OpenSSL's "default" */
	OSSL_PROVIDER *seeded;     /* our RAND; NULL where OpenSSL's own generator serves */
	EVP_MD_CTX *hash;
	EVP_MD *digests[DIGEST_COUNT];
	EVP_CIPHER *ciphers[CIPHERS_MAX];
	EVP_MAC *hmac;
	EVP_MAC *cmac;
	struct mac *prfs[MAC_COUNT];                 /* keyed anew for every call */
	enum cipher_backend backends[ENCR_ROWS_MAX]; /* by encr_index() */
	struct IMB_MGR *mb;                          /* mb.c */
	bool mb_asked;            /* for it: NULL then means that there is none */
	atomic_flag mb_busy;      /* mb_many.c */
	bool many[ENCR_ROWS_MAX]; /* by encr_index(): many packets at once are its */
};

/* Fetched once per context and lent; NULL where OpenSSL does not have them. `name` is OpenSSL's,
 * e.g. "AES-128-GCM". */
const char *digest_name(enum digest d);
EVP_MD *crypto_digest(struct crypto *c, enum digest d);
EVP_CIPHER *crypto_cipher(struct crypto *c, const char *name);
EVP_MAC *crypto_hmac(struct crypto *c);
EVP_MAC *crypto_cmac(struct crypto *c);

/* Drops whatever OpenSSL has queued for this thread. */
void crypto_drain(void);

/* For the way out: drains the queue and hands `result` on, as in `return drained(-EIO);`. */
static inline int drained(int result)
{
	crypto_drain();
	return result;
}

/* Loads the provider whose generator draws from `random` and makes it the context's only one
 * (random.c). NULL where OpenSSL refuses. `random` is copied. */
OSSL_PROVIDER *random_provider_load(OSSL_LIB_CTX *lib, const struct random_source *random);

/* Message authentication codes, keyed once and used for many messages, or keyed anew for each
 * (mac.c). */
struct mac *mac_new(struct crypto *c, enum mac_kind kind);
void mac_free(struct mac *m);
size_t mac_bytes(enum mac_kind kind); /* of the whole output */
int mac_set_key(struct mac *m, struct bytes key);
int mac_compute(
	struct mac *m, const struct bytes *parts, size_t part_count, uint8_t *out); /* 0 or -EIO */

/* AES-XCBC-MAC (xcbc.c). The key has 16 octets (asserted). */
struct xcbc;
struct xcbc *xcbc_new(struct crypto *c);
void xcbc_free(struct xcbc *x);
int xcbc_set_key(struct xcbc *x, struct bytes key);
int xcbc_compute(
	struct xcbc *x, const struct bytes *parts, size_t part_count, uint8_t out[static 16]);

/* Ciphers and integrity algorithms as tables (suite.c). */
enum seal_mode {
	SEAL_NULL, /* these three with a MAC */
	SEAL_CBC,
	SEAL_CTR,
	SEAL_AEAD, /* GCM and ChaCha20-Poly1305 */
	SEAL_CCM,  /* an AEAD that wants the length first */
	SEAL_GMAC, /* GCM over nothing: IV and text are authenticated only */
};

struct encr_row {
	uint16_t id;
	enum seal_mode mode;
	const char *cipher[3]; /* OpenSSL's names: AES with 128, 192 and 256 bits; others one */
	uint8_t key_bytes;     /* 0 where the suite says (AES) */
	uint8_t salt_bytes;
	uint8_t iv_bytes;
	uint8_t icv_bytes;
	uint8_t block_bytes;
};

struct integ_row {
	uint16_t id;
	enum mac_kind mac;
	uint8_t key_bytes;
	uint8_t icv_bytes;
};

const struct encr_row *encr_find(uint16_t encr); /* NULL where unknown, as below */
size_t encr_index(uint16_t encr);                /* of its row; the cipher is known (asserted) */
const struct integ_row *integ_find(uint16_t integ);
const char *suite_cipher(const struct seal_suite *s); /* OpenSSL's name; NULL for ENCR_NULL */

/* Backends: who computes what seals and opens (seal.c). */

#define IV_BYTES_MAX       16
#define AEAD_ICV_BYTES_MAX 16

/* A packet as a MAC sees it, in this order. */
enum part { AAD, IV, TEXT, TAIL, PACKET_PARTS };

struct sealing {
	struct bytes parts[PACKET_PARTS];
	uint8_t iv[IV_BYTES_MAX]; /* what the cipher takes: with salt and counter */
	uint8_t *text;            /* parts[TEXT], changed in place */
};

struct seal_backend {
	/* Whether it has a cipher, with any key; NULL: it has all. */
	bool (*has)(struct crypto *c, const struct encr_row *row);
	/* The keys of one SA in a direction, of the sizes that sealer_new() has checked; NULL: refused. */
	void *(*key_new)(struct crypto *c, const struct seal_suite *suite, struct bytes encr_key,
		struct bytes integ_key);
	void (*key_free)(void *key); /* wipes */
	/* As sealer_seal() and sealer_open(); of `icv`, as many octets as the suite has. */
	int (*seal)(void *key, const struct sealing *packet, uint8_t *icv);
	int (*open)(void *key, const struct sealing *packet, const uint8_t *icv);
};

/* Who computes many packets of an SA at once. */
struct seal_many {
	bool (*has)(struct crypto *c, const struct seal_suite *suite);
	void *(*key_new)(struct crypto *c, const struct seal_suite *suite, struct bytes encr_key,
		struct bytes integ_key);
	void (*key_free)(void *key); /* wipes */
	/* packets[i] is sealings[i]: at most SEALER_MANY. False where it can't: then nothing has changed. */
	bool (*run)(void *key, bool open, const struct sealing *sealings,
		struct sealer_packet *packets, size_t count);
};

extern const struct seal_backend seal_openssl; /* seal_openssl.c */
#ifdef TERN_IPSEC_MB
extern const struct seal_backend seal_mb;   /* mb.c */
extern const struct seal_many seal_many_mb; /* mb_many.c */
struct IMB_MGR *mb_manager(struct crypto *c);
void mb_free(struct crypto *c);
#endif

/* The groups and their keys (group.c). */
enum ke_kind {
	KE_KIND_MODP,  /* a safe prime: its subgroups have 1, 2, (p-1)/2 or p-1 elements */
	KE_KIND_MODPQ, /* RFC 5114: a subgroup of order q among many others */
	KE_KIND_ECP,
	KE_KIND_X, /* x25519 and x448 */
};

struct ke_group {
	uint16_t id;
	enum ke_kind kind;
	const char *type; /* OpenSSL's key type */
	const char *name; /* and its group name; NULL where it has none */
	uint16_t public_bytes;
	uint16_t secret_bytes;
	uint16_t private_bits; /* of the exponent of a safe-prime group, else 0 */
};

const struct ke_group *group_find(uint16_t id);

/* A key that holds the domain parameters alone; NULL for x25519 and x448, which have none. */
EVP_PKEY *group_parameters(struct crypto *c, const struct ke_group *group);
EVP_PKEY *group_generate(
	struct crypto *c, const struct ke_group *group); /* NULL where OpenSSL fails */

/* The public value as the KE payload has it. Returns 0 or -EIO. */
int group_public_value(const struct ke_group *group, EVP_PKEY *key, uint8_t *out);

/* The peer's value as a key, after the checks of RFC 6989 §2. Returns 0, -EBADMSG or -EIO. */
int group_peer_key(
	struct crypto *c, const struct ke_group *group, struct bytes value, EVP_PKEY **ret_key);

/* The half-finished exchange (ke.c); visible here so that tests can begin one with a vector's
 * private key. */
struct ke_private {
	const struct ke_group *group;
	EVP_PKEY *key;
	atomic_uint references;
};
