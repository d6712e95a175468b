/* CBC without integrity, for the messages of IKEv1. The key is set once in each direction; a message
 * brings its IV. */
#include "crypto/internal.h"
#include "wire/ikev2.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

struct cbc {
	EVP_CIPHER_CTX *encrypt;
	EVP_CIPHER_CTX *decrypt;
	size_t block_bytes;
};

static EVP_CIPHER_CTX *direction_new(EVP_CIPHER *kind, const uint8_t *key, bool encrypt)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();

	if (cipher && EVP_CipherInit_ex2(cipher, kind, key, NULL, encrypt, NULL) == 1 &&
		EVP_CIPHER_CTX_set_padding(cipher, 0) == 1)
		return cipher;

	EVP_CIPHER_CTX_free(cipher);
	return NULL;
}

struct cbc *cbc_new(struct crypto *c, uint16_t encr, struct bytes key)
{
	const struct encr_row *row = encr_find(encr);
	uint16_t key_bits = encr == ENCR_3DES ? 0 : (uint16_t)(key.size * 8);
	struct seal_suite suite = { encr, key_bits, INTEG_HMAC_SHA1_96 };
	struct cbc *cbc;
	EVP_CIPHER *kind;

	if (!row || row->mode != SEAL_CBC || !suite_known(&suite) ||
		suite_encr_key_bytes(&suite) != key.size)
		return NULL;

	cbc = calloc(1, sizeof(*cbc));
	kind = crypto_cipher(c, suite_cipher(&suite));
	if (cbc && kind) {
		cbc->encrypt = direction_new(kind, key.data, true);
		cbc->decrypt = direction_new(kind, key.data, false);
		cbc->block_bytes = row->block_bytes;
	}
	if (!cbc || !cbc->encrypt || !cbc->decrypt) {
		cbc_free(cbc);
		return NULL;
	}
	return cbc;
}

void cbc_free(struct cbc *cbc)
{
	if (!cbc)
		return;

	EVP_CIPHER_CTX_free(cbc->encrypt);
	EVP_CIPHER_CTX_free(cbc->decrypt);
	free(cbc);
	crypto_drain();
}

size_t cbc_block_bytes(const struct cbc *cbc)
{
	return cbc->block_bytes;
}

static int run(EVP_CIPHER_CTX *cipher, const uint8_t *iv, uint8_t *text, size_t size)
{
	int written;

	if (EVP_CipherInit_ex2(cipher, NULL, NULL, iv, -1, NULL) != 1 ||
		EVP_CipherUpdate(cipher, text, &written, text, (int)size) != 1 ||
		(size_t)written != size)
		return drained(-EIO);
	return 0;
}

int cbc_encrypt(struct cbc *cbc, const uint8_t *iv, uint8_t *text, size_t size)
{
	assert(size <= INT_MAX && size % cbc->block_bytes == 0);
	return size ? run(cbc->encrypt, iv, text, size) : 0;
}

int cbc_decrypt(struct cbc *cbc, const uint8_t *iv, uint8_t *text, size_t size)
{
	assert(size <= INT_MAX && size % cbc->block_bytes == 0);
	return size ? run(cbc->decrypt, iv, text, size) : 0;
}
