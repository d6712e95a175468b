/* Sealing and opening packets, one context for an SA in a direction. Two ways: encrypt-then-MAC,
 * where the MAC is checked before anything is decrypted, and AEAD, where OpenSSL decrypts first and
 * we wipe what fails. The key is set once; each packet brings an IV alone. */
#include "crypto/internal.h"
#include "wire/ikev2.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#define ICV_BYTES_MAX  16 /* of an AEAD */
#define SALT_BYTES_MAX 4
#define IV_BYTES_MAX   16 /* what a cipher takes, salt and counter included */

enum direction { OPEN = 0, SEAL = 1 }; /* as OpenSSL numbers them */

/* A packet as a MAC sees it, in this order. */
enum part { AAD, IV, TEXT, TAIL, PACKET_PARTS };

struct sealer {
	struct seal_suite suite;
	const struct encr_row *row;
	size_t icv_bytes;
	EVP_CIPHER_CTX *cipher;  /* NULL for ENCR_NULL */
	EVP_CIPHER_CTX *decrypt; /* where a keyed context knows one direction only: CBC and CCM */
	struct mac *mac;         /* NULL with an AEAD */
	uint8_t salt[SALT_BYTES_MAX];
};

/* Sizes of IV and tag must be known before the key. */
static bool cipher_configure(EVP_CIPHER_CTX *cipher, const struct encr_row *row)
{
	switch (row->mode) {
	case SEAL_CBC:
		return EVP_CIPHER_CTX_set_padding(cipher, 0) == 1;
	case SEAL_CCM:
		return EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_IVLEN,
			       row->salt_bytes + row->iv_bytes, NULL) == 1 &&
			EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, row->icv_bytes, NULL) ==
			1;
	default:
		return true; /* GCM's and ChaCha20's IVs have 12 octets unless told otherwise */
	}
}

static EVP_CIPHER_CTX *cipher_new(
	struct crypto *c, const struct sealer *s, const uint8_t *key, enum direction d)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	EVP_CIPHER *kind = crypto_cipher(c, suite_cipher(&s->suite));

	if (cipher && kind && EVP_CipherInit_ex2(cipher, kind, NULL, NULL, d, NULL) == 1 &&
		cipher_configure(cipher, s->row) &&
		EVP_CipherInit_ex2(cipher, NULL, key, NULL, d, NULL) == 1)
		return cipher;

	EVP_CIPHER_CTX_free(cipher);
	return NULL;
}

static bool sealer_set_keys(
	struct sealer *s, struct crypto *c, struct bytes encr_key, struct bytes integ_key)
{
	const struct integ_row *integ = integ_find(s->suite.integ);

	if (s->row->mode != SEAL_NULL) {
		s->cipher = cipher_new(c, s, encr_key.data, SEAL);
		if (!s->cipher)
			return false;
	}
	if (s->row->mode == SEAL_CBC || s->row->mode == SEAL_CCM) {
		s->decrypt = cipher_new(c, s, encr_key.data, OPEN);
		if (!s->decrypt)
			return false;
	}
	if (integ) {
		s->mac = mac_new(c, integ->mac);
		if (!s->mac || mac_set_key(s->mac, integ_key) != 0)
			return false;
	}
	if (s->row->salt_bytes > 0)
		memcpy(s->salt, encr_key.data + encr_key.size - s->row->salt_bytes,
			s->row->salt_bytes);
	return true;
}

struct sealer *sealer_new(struct crypto *c, const struct seal_suite *suite, struct bytes encr_key,
	struct bytes integ_key)
{
	struct sealer *s;

	assert(suite_known(suite));
	assert(encr_key.size == suite_encr_key_bytes(suite));
	assert(integ_key.size == suite_integ_key_bytes(suite));

	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;

	s->suite = *suite;
	s->row = encr_find(suite->encr);
	s->icv_bytes = suite_icv_bytes(suite);
	if (!sealer_set_keys(s, c, encr_key, integ_key)) {
		sealer_free(s);
		return NULL;
	}
	return s;
}

void sealer_free(struct sealer *s)
{
	if (!s)
		return;
	EVP_CIPHER_CTX_free(s->cipher);
	EVP_CIPHER_CTX_free(s->decrypt);
	mac_free(s->mac);
	bytes_wipe(s, sizeof(*s));
	free(s);
	crypto_drain();
}

const struct seal_suite *sealer_suite(const struct sealer *s)
{
	return &s->suite;
}

static EVP_CIPHER_CTX *cipher_for(const struct sealer *s, enum direction d)
{
	return d == OPEN && s->decrypt ? s->decrypt : s->cipher;
}

/* What the cipher takes: CBC the packet's IV, the others salt | IV, and CTR a block counter from 1
 * after it (RFC 3686 §4). */
static void full_iv(const struct sealer *s, const uint8_t *iv, uint8_t out[static IV_BYTES_MAX])
{
	size_t salt = s->row->salt_bytes;

	memset(out, 0, IV_BYTES_MAX);
	memcpy(out, s->salt, salt);
	memcpy(out + salt, iv, s->row->iv_bytes);
	if (s->row->mode == SEAL_CTR)
		store_u32(out + salt + s->row->iv_bytes, 1);
}

/* Encrypt-then-MAC. */

static bool transform(
	struct sealer *s, enum direction d, const uint8_t *iv, uint8_t *text, size_t size)
{
	EVP_CIPHER_CTX *cipher = cipher_for(s, d);
	uint8_t full[IV_BYTES_MAX];
	int written;

	if (s->row->mode == SEAL_NULL || size == 0)
		return true;

	full_iv(s, iv, full);
	return EVP_CipherInit_ex2(cipher, NULL, NULL, full, -1, NULL) == 1 &&
		EVP_CipherUpdate(cipher, text, &written, text, (int)size) == 1 &&
		(size_t)written == size;
}

static int seal_with_mac(struct sealer *s, const struct bytes packet[PACKET_PARTS],
	const uint8_t *iv, uint8_t *text, uint8_t *icv)
{
	uint8_t mac[MAC_BYTES_MAX];

	if (!transform(s, SEAL, iv, text, packet[TEXT].size))
		return drained(-EIO);
	if (mac_compute(s->mac, packet, PACKET_PARTS, mac) != 0)
		return -EIO;

	memcpy(icv, mac, s->icv_bytes);
	return 0;
}

static int open_with_mac(struct sealer *s, const struct bytes packet[PACKET_PARTS],
	const uint8_t *iv, uint8_t *text, const uint8_t *icv)
{
	uint8_t mac[MAC_BYTES_MAX];

	if (packet[TEXT].size % s->row->block_bytes != 0)
		return -EBADMSG;
	if (mac_compute(s->mac, packet, PACKET_PARTS, mac) != 0)
		return -EIO;
	if (CRYPTO_memcmp(mac, icv, s->icv_bytes) != 0)
		return -EBADMSG;

	return transform(s, OPEN, iv, text, packet[TEXT].size) ? 0 : drained(-EIO);
}

/* AEAD. */

/* Gives the context for the rest of the packet; NULL where OpenSSL refuses. */
static EVP_CIPHER_CTX *aead_start(
	struct sealer *s, enum direction d, const uint8_t *iv, uint8_t *icv, size_t text_size)
{
	EVP_CIPHER_CTX *cipher = cipher_for(s, d);
	uint8_t full[IV_BYTES_MAX];
	int written;

	full_iv(s, iv, full);
	if (EVP_CipherInit_ex2(cipher, NULL, NULL, full, d, NULL) != 1)
		return NULL;
	if (d == OPEN &&
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, (int)s->icv_bytes, icv) != 1)
		return NULL;
	if (s->row->mode == SEAL_CCM &&
		EVP_CipherUpdate(cipher, NULL, &written, NULL, (int)text_size) != 1)
		return NULL;
	return cipher;
}

static bool aead_authenticate(EVP_CIPHER_CTX *cipher, struct bytes part)
{
	int written;

	return part.size == 0 ||
		EVP_CipherUpdate(cipher, NULL, &written, part.data, (int)part.size) == 1;
}

/* CCM does all its work here, for an empty text too, and has then checked the tag. */
static bool ccm_transform(EVP_CIPHER_CTX *cipher, uint8_t *text, size_t size)
{
	uint8_t nothing[1];
	uint8_t *at = size > 0 ? text : nothing;
	int written;

	return EVP_CipherUpdate(cipher, at, &written, at, (int)size) == 1;
}

/* GCM and ChaCha20-Poly1305 check it at the end. */
static bool aead_transform(EVP_CIPHER_CTX *cipher, uint8_t *text, size_t size)
{
	uint8_t nothing[16];
	int written;

	return (size == 0 || EVP_CipherUpdate(cipher, text, &written, text, (int)size) == 1) &&
		EVP_CipherFinal_ex(cipher, nothing, &written) == 1;
}

/* GMAC authenticates the text after the IV, and GCM then encrypts nothing (RFC 4543 §3.3). */
static bool aead_run(struct sealer *s, EVP_CIPHER_CTX *cipher,
	const struct bytes packet[PACKET_PARTS], uint8_t *text)
{
	if (!aead_authenticate(cipher, packet[AAD]))
		return false;

	switch (s->row->mode) {
	case SEAL_GMAC:
		return aead_authenticate(cipher, packet[IV]) &&
			aead_authenticate(cipher, packet[TEXT]) && aead_transform(cipher, NULL, 0);
	case SEAL_CCM:
		return ccm_transform(cipher, text, packet[TEXT].size);
	default:
		return aead_transform(cipher, text, packet[TEXT].size);
	}
}

static int aead_seal(struct sealer *s, const struct bytes packet[PACKET_PARTS], const uint8_t *iv,
	uint8_t *text, uint8_t *icv)
{
	EVP_CIPHER_CTX *cipher = aead_start(s, SEAL, iv, NULL, packet[TEXT].size);

	if (!cipher || !aead_run(s, cipher, packet, text) ||
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, (int)s->icv_bytes, icv) != 1)
		return drained(-EIO);
	return 0;
}

/* OpenSSL reports no reason, so any failure after a good start counts as a bad packet. */
static int aead_open(struct sealer *s, const struct bytes packet[PACKET_PARTS], const uint8_t *iv,
	uint8_t *text, const uint8_t *icv)
{
	uint8_t expected[ICV_BYTES_MAX];
	EVP_CIPHER_CTX *cipher;

	memcpy(expected, icv, s->icv_bytes);
	cipher = aead_start(s, OPEN, iv, expected, packet[TEXT].size);
	if (!cipher)
		return drained(-EIO);

	if (!aead_run(s, cipher, packet, text)) {
		if (s->row->mode != SEAL_GMAC)
			bytes_wipe(text, packet[TEXT].size);
		return drained(-EBADMSG);
	}
	return 0;
}

int sealer_seal(struct sealer *s, struct bytes aad, const uint8_t *iv, uint8_t *text,
	size_t text_size, struct bytes tail, uint8_t *icv)
{
	const struct bytes packet[PACKET_PARTS] = {
		aad,
		BYTES(iv, s->row->iv_bytes),
		BYTES(text, text_size),
		tail,
	};

	assert(text_size <= INT_MAX && aad.size <= INT_MAX);
	assert(text_size % s->row->block_bytes == 0);
	if (s->mac)
		return seal_with_mac(s, packet, iv, text, icv);

	assert(tail.size == 0);
	return aead_seal(s, packet, iv, text, icv);
}

int sealer_open(struct sealer *s, struct bytes aad, const uint8_t *iv, uint8_t *text,
	size_t text_size, struct bytes tail, const uint8_t *icv)
{
	const struct bytes packet[PACKET_PARTS] = {
		aad,
		BYTES(iv, s->row->iv_bytes),
		BYTES(text, text_size),
		tail,
	};

	assert(text_size <= INT_MAX && aad.size <= INT_MAX);
	if (s->mac)
		return open_with_mac(s, packet, iv, text, icv);

	assert(tail.size == 0);
	return aead_open(s, packet, iv, text, icv);
}
