/* Sealing and opening by OpenSSL, which has all suites. Two ways: encrypt-then-MAC, where the MAC is
 * checked before anything is decrypted, and AEAD, where OpenSSL decrypts first and we wipe what fails.
 * The key is set once; each packet brings an IV alone. */
#include "crypto/internal.h"
#include "wire/ikev2.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/crypto.h>

enum direction { OPEN = 0, SEAL = 1 }; /* as OpenSSL numbers them */

struct openssl_key {
	const struct encr_row *row;
	size_t icv_bytes;
	EVP_CIPHER_CTX *cipher;  /* NULL for ENCR_NULL */
	EVP_CIPHER_CTX *decrypt; /* where a keyed context knows one direction only: CBC and CCM */
	struct mac *mac;         /* NULL with an AEAD */
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

static EVP_CIPHER_CTX *cipher_new(struct crypto *c, const struct encr_row *row,
	const struct seal_suite *suite, const uint8_t *key, enum direction d)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	EVP_CIPHER *kind = crypto_cipher(c, suite_cipher(suite));

	if (cipher && kind && EVP_CipherInit_ex2(cipher, kind, NULL, NULL, d, NULL) == 1 &&
		cipher_configure(cipher, row) &&
		EVP_CipherInit_ex2(cipher, NULL, key, NULL, d, NULL) == 1)
		return cipher;

	EVP_CIPHER_CTX_free(cipher);
	return NULL;
}

static bool set_keys(struct openssl_key *k, struct crypto *c, const struct seal_suite *suite,
	struct bytes encr_key, struct bytes integ_key)
{
	const struct integ_row *integ = integ_find(suite->integ);

	if (k->row->mode != SEAL_NULL) {
		k->cipher = cipher_new(c, k->row, suite, encr_key.data, SEAL);
		if (!k->cipher)
			return false;
	}
	if (k->row->mode == SEAL_CBC || k->row->mode == SEAL_CCM) {
		k->decrypt = cipher_new(c, k->row, suite, encr_key.data, OPEN);
		if (!k->decrypt)
			return false;
	}
	if (integ) {
		k->mac = mac_new(c, integ->mac);
		if (!k->mac || mac_set_key(k->mac, integ_key) != 0)
			return false;
	}
	return true;
}

static void openssl_key_free(void *key)
{
	struct openssl_key *k = key;

	EVP_CIPHER_CTX_free(k->cipher);
	EVP_CIPHER_CTX_free(k->decrypt);
	mac_free(k->mac);
	free(k);
	crypto_drain();
}

static void *openssl_key_new(struct crypto *c, const struct seal_suite *suite,
	struct bytes encr_key, struct bytes integ_key)
{
	struct openssl_key *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->row = encr_find(suite->encr);
	k->icv_bytes = suite_icv_bytes(suite);
	if (!set_keys(k, c, suite, encr_key, integ_key)) {
		openssl_key_free(k);
		return NULL;
	}
	return k;
}

static EVP_CIPHER_CTX *cipher_for(const struct openssl_key *k, enum direction d)
{
	return d == OPEN && k->decrypt ? k->decrypt : k->cipher;
}

/* Encrypt-then-MAC. */

static bool transform(struct openssl_key *k, enum direction d, const struct sealing *p)
{
	EVP_CIPHER_CTX *cipher = cipher_for(k, d);
	size_t size = p->parts[TEXT].size;
	int written;

	if (k->row->mode == SEAL_NULL || size == 0)
		return true;

	return EVP_CipherInit_ex2(cipher, NULL, NULL, p->iv, -1, NULL) == 1 &&
		EVP_CipherUpdate(cipher, p->text, &written, p->text, (int)size) == 1 &&
		(size_t)written == size;
}

static int seal_with_mac(struct openssl_key *k, const struct sealing *p, uint8_t *icv)
{
	uint8_t mac[MAC_BYTES_MAX];

	if (!transform(k, SEAL, p))
		return drained(-EIO);
	if (mac_compute(k->mac, p->parts, PACKET_PARTS, mac) != 0)
		return -EIO;

	memcpy(icv, mac, k->icv_bytes);
	return 0;
}

static int open_with_mac(struct openssl_key *k, const struct sealing *p, const uint8_t *icv)
{
	uint8_t mac[MAC_BYTES_MAX];

	if (p->parts[TEXT].size % k->row->block_bytes != 0)
		return -EBADMSG;
	if (mac_compute(k->mac, p->parts, PACKET_PARTS, mac) != 0)
		return -EIO;
	if (CRYPTO_memcmp(mac, icv, k->icv_bytes) != 0)
		return -EBADMSG;

	return transform(k, OPEN, p) ? 0 : drained(-EIO);
}

/* AEAD. */

/* Gives the context for the rest of the packet; NULL where OpenSSL refuses. */
static EVP_CIPHER_CTX *aead_start(
	struct openssl_key *k, enum direction d, const struct sealing *p, uint8_t *icv)
{
	EVP_CIPHER_CTX *cipher = cipher_for(k, d);
	int written;

	if (EVP_CipherInit_ex2(cipher, NULL, NULL, p->iv, d, NULL) != 1)
		return NULL;
	if (d == OPEN &&
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, (int)k->icv_bytes, icv) != 1)
		return NULL;
	if (k->row->mode == SEAL_CCM &&
		EVP_CipherUpdate(cipher, NULL, &written, NULL, (int)p->parts[TEXT].size) != 1)
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
static bool aead_run(enum seal_mode mode, EVP_CIPHER_CTX *cipher, const struct sealing *p)
{
	if (!aead_authenticate(cipher, p->parts[AAD]))
		return false;

	switch (mode) {
	case SEAL_GMAC:
		return aead_authenticate(cipher, p->parts[IV]) &&
			aead_authenticate(cipher, p->parts[TEXT]) &&
			aead_transform(cipher, NULL, 0);
	case SEAL_CCM:
		return ccm_transform(cipher, p->text, p->parts[TEXT].size);
	default:
		return aead_transform(cipher, p->text, p->parts[TEXT].size);
	}
}

static int aead_seal(struct openssl_key *k, const struct sealing *p, uint8_t *icv)
{
	EVP_CIPHER_CTX *cipher = aead_start(k, SEAL, p, NULL);

	if (!cipher || !aead_run(k->row->mode, cipher, p) ||
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, (int)k->icv_bytes, icv) != 1)
		return drained(-EIO);
	return 0;
}

/* OpenSSL reports no reason, so any failure after a good start counts as a bad packet. */
static int aead_open(struct openssl_key *k, const struct sealing *p, const uint8_t *icv)
{
	uint8_t expected[AEAD_ICV_BYTES_MAX];
	EVP_CIPHER_CTX *cipher;

	memcpy(expected, icv, k->icv_bytes);
	cipher = aead_start(k, OPEN, p, expected);
	if (!cipher)
		return drained(-EIO);

	if (!aead_run(k->row->mode, cipher, p)) {
		if (k->row->mode != SEAL_GMAC)
			bytes_wipe(p->text, p->parts[TEXT].size);
		return drained(-EBADMSG);
	}
	return 0;
}

static int openssl_seal(void *key, const struct sealing *p, uint8_t *icv)
{
	struct openssl_key *k = key;

	return k->mac ? seal_with_mac(k, p, icv) : aead_seal(k, p, icv);
}

static int openssl_open(void *key, const struct sealing *p, const uint8_t *icv)
{
	struct openssl_key *k = key;

	return k->mac ? open_with_mac(k, p, icv) : aead_open(k, p, icv);
}

const struct seal_backend seal_openssl = {
	.key_new = openssl_key_new,
	.key_free = openssl_key_free,
	.seal = openssl_seal,
	.open = openssl_open,
};
