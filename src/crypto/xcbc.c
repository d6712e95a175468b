/* AES-XCBC-MAC, RFC 3566, which OpenSSL lacks: CBC-MAC under K1, whose last block is first mixed
 * with K2 where it is whole and with K3 where it had to be padded. CBC encryption from a zero IV
 * does the chaining; only the end of its output is kept. */
#include "crypto/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define BLOCK 16

struct xcbc {
	EVP_CIPHER_CTX *cbc; /* under K1 */
	EVP_CIPHER *cipher;
	uint8_t k2[BLOCK];
	uint8_t k3[BLOCK];
	uint8_t held[BLOCK]; /* the newest octets: the last block is known only at the end */
	size_t held_size;
};

static const uint8_t zero_iv[BLOCK];

struct xcbc *xcbc_new(struct crypto *c)
{
	struct xcbc *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;

	x->cipher = crypto_cipher(c, "AES-128-CBC");
	x->cbc = EVP_CIPHER_CTX_new();
	if (!x->cipher || !x->cbc) {
		xcbc_free(x);
		return NULL;
	}
	return x;
}

void xcbc_free(struct xcbc *x)
{
	if (!x)
		return;
	EVP_CIPHER_CTX_free(x->cbc);
	bytes_wipe(x, sizeof(*x));
	free(x);
}

/* Starts over with a new key, or with the same one where `key` is NULL. */
static bool cbc_start(struct xcbc *x, const uint8_t *key)
{
	return EVP_EncryptInit_ex2(x->cbc, key ? x->cipher : NULL, key, zero_iv, NULL) == 1 &&
		EVP_CIPHER_CTX_set_padding(x->cbc, 0) == 1;
}

static bool xcbc_encrypt(struct xcbc *x, const uint8_t *in, size_t size, uint8_t *out)
{
	int written;

	return EVP_EncryptUpdate(x->cbc, out, &written, in, (int)size) == 1;
}

/* One block from a zero IV is ECB: Kn = E(K, 0xnn repeated), RFC 3566 §4 step 1. */
static bool derive_key(struct xcbc *x, uint8_t number, uint8_t out[BLOCK])
{
	uint8_t block[BLOCK];

	memset(block, number, sizeof(block));
	return cbc_start(x, NULL) && xcbc_encrypt(x, block, sizeof(block), out);
}

int xcbc_set_key(struct xcbc *x, struct bytes key)
{
	uint8_t k1[BLOCK];
	bool ok;

	assert(key.size == BLOCK);
	ok = cbc_start(x, key.data) && derive_key(x, 1, k1) && derive_key(x, 2, x->k2) &&
		derive_key(x, 3, x->k3) && cbc_start(x, k1);
	bytes_wipe(k1, sizeof(k1));
	return ok ? 0 : drained(-EIO);
}

/* Whole blocks that are certainly not the last, in pieces that fit the scratch memory. */
static bool chain(struct xcbc *x, const uint8_t *from, size_t size)
{
	uint8_t scratch[32 * BLOCK];

	while (size > 0) {
		size_t piece = size < sizeof(scratch) ? size : sizeof(scratch);

		if (!xcbc_encrypt(x, from, piece, scratch))
			return false;
		from += piece;
		size -= piece;
	}
	return true;
}

/* Holds back between 1 and 16 octets of all that came so far. */
static bool absorb(struct xcbc *x, struct bytes part)
{
	size_t take = BLOCK - x->held_size;
	size_t whole;

	if (part.size == 0)
		return true;

	if (take > part.size)
		take = part.size;
	memcpy(x->held + x->held_size, part.data, take);
	x->held_size += take;
	part = BYTES(part.data + take, part.size - take);
	if (part.size == 0)
		return true;

	whole = (part.size - 1) / BLOCK * BLOCK;
	if (!chain(x, x->held, BLOCK) || !chain(x, part.data, whole))
		return false;

	x->held_size = part.size - whole;
	memcpy(x->held, part.data + whole, x->held_size);
	return true;
}

/* RFC 3566 §4 steps 4 and 5. The empty message counts as one that needs padding. */
static bool finish(struct xcbc *x, uint8_t out[BLOCK])
{
	const uint8_t *mix = x->k2;

	if (x->held_size < BLOCK) {
		x->held[x->held_size] = 0x80;
		memset(x->held + x->held_size + 1, 0, BLOCK - x->held_size - 1);
		mix = x->k3;
	}
	for (size_t i = 0; i < BLOCK; i++)
		x->held[i] ^= mix[i];
	return xcbc_encrypt(x, x->held, BLOCK, out);
}

int xcbc_compute(
	struct xcbc *x, const struct bytes *parts, size_t part_count, uint8_t out[static 16])
{
	bool ok = cbc_start(x, NULL);

	x->held_size = 0;
	for (size_t i = 0; ok && i < part_count; i++)
		ok = absorb(x, parts[i]);
	if (!ok || !finish(x, out))
		return drained(-EIO);
	return 0;
}
