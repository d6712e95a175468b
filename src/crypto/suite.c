/* What can be combined to seal packets, and the sizes that follow. One row for each cipher and for
 * each integrity algorithm; a suite is a cipher with a MAC, or an AEAD alone. */
#include "crypto/internal.h"
#include "wire/ikev2.h"

#include <assert.h>

#define AES(mode)                                                                                  \
	{                                                                                          \
		"AES-128-" mode, "AES-192-" mode, "AES-256-" mode                                  \
	}
#define COUNT_OF(array)      (sizeof(array) / sizeof((array)[0]))
#define CHACHA20_KEY_BYTES   32
#define TRIPLE_DES_KEY_BYTES 24

/* Salts are taken from the end of the keying material: RFC 4106 §8.1, RFC 4309 §7.1, RFC 3686 §5.1,
 * RFC 4543 §5.4, RFC 7634 §2. The columns: key, salt, IV, ICV, block. */
static const struct encr_row encr_rows[] = {
	{ ENCR_3DES, SEAL_CBC, { "DES-EDE3-CBC" }, TRIPLE_DES_KEY_BYTES, 0, 8, 0, 8 },
	{ ENCR_NULL, SEAL_NULL, { NULL }, 0, 0, 0, 0, 1 },
	{ ENCR_AES_CBC, SEAL_CBC, AES("CBC"), 0, 0, 16, 0, 16 },
	{ ENCR_AES_CTR, SEAL_CTR, AES("CTR"), 0, 4, 8, 0, 1 },
	{ ENCR_AES_CCM_8, SEAL_CCM, AES("CCM"), 0, 3, 8, 8, 1 },
	{ ENCR_AES_CCM_12, SEAL_CCM, AES("CCM"), 0, 3, 8, 12, 1 },
	{ ENCR_AES_CCM_16, SEAL_CCM, AES("CCM"), 0, 3, 8, 16, 1 },
	{ ENCR_AES_GCM_8, SEAL_AEAD, AES("GCM"), 0, 4, 8, 8, 1 },
	{ ENCR_AES_GCM_12, SEAL_AEAD, AES("GCM"), 0, 4, 8, 12, 1 },
	{ ENCR_AES_GCM_16, SEAL_AEAD, AES("GCM"), 0, 4, 8, 16, 1 },
	{ ENCR_NULL_AES_GMAC, SEAL_GMAC, AES("GCM"), 0, 4, 8, 16, 1 },
	{ ENCR_CHACHA20_POLY1305, SEAL_AEAD, { "ChaCha20-Poly1305" }, CHACHA20_KEY_BYTES, 4, 8, 16,
		1 },
};

static const struct integ_row integ_rows[] = {
	{ INTEG_HMAC_SHA1_96, MAC_HMAC_SHA1, 20, 12 },
	{ INTEG_AES_XCBC_96, MAC_AES_XCBC, 16, 12 },
	{ INTEG_AES_CMAC_96, MAC_AES_CMAC, 16, 12 },
	{ INTEG_HMAC_SHA2_256_128, MAC_HMAC_SHA2_256, 32, 16 },
	{ INTEG_HMAC_SHA2_384_192, MAC_HMAC_SHA2_384, 48, 24 },
	{ INTEG_HMAC_SHA2_512_256, MAC_HMAC_SHA2_512, 64, 32 },
};

const struct encr_row *encr_find(uint16_t encr)
{
	for (size_t i = 0; i < COUNT_OF(encr_rows); i++) {
		if (encr_rows[i].id == encr)
			return &encr_rows[i];
	}
	return NULL;
}

size_t encr_index(uint16_t encr)
{
	const struct encr_row *row = encr_find(encr);

	_Static_assert(COUNT_OF(encr_rows) <= ENCR_ROWS_MAX, "a context keeps something for each");
	assert(row);
	return (size_t)(row - encr_rows);
}

const struct integ_row *integ_find(uint16_t integ)
{
	for (size_t i = 0; i < COUNT_OF(integ_rows); i++) {
		if (integ_rows[i].id == integ)
			return &integ_rows[i];
	}
	return NULL;
}

static bool row_is_aes(const struct encr_row *row)
{
	return row->cipher[1] != NULL;
}

bool encr_is_aead(uint16_t encr)
{
	const struct encr_row *row = encr_find(encr);

	return row && row->icv_bytes > 0;
}

bool encr_takes_key_bits(uint16_t encr, uint16_t key_bits)
{
	const struct encr_row *row = encr_find(encr);

	if (!row)
		return false;
	if (!row_is_aes(row))
		return key_bits == 0;
	return key_bits == 128 || key_bits == 192 || key_bits == 256;
}

/* NULL encryption without integrity would protect nothing, and a cipher alone is malleable: both
 * unknown. */
bool suite_known(const struct seal_suite *s)
{
	if (!encr_takes_key_bits(s->encr, s->key_bits))
		return false;
	if (encr_is_aead(s->encr))
		return s->integ == INTEG_NONE;
	return integ_find(s->integ) != NULL;
}

const char *suite_cipher(const struct seal_suite *s)
{
	const struct encr_row *row = encr_find(s->encr);

	assert(suite_known(s));
	return row->cipher[row_is_aes(row) ? (s->key_bits - 128) / 64 : 0];
}

size_t suite_encr_key_bytes(const struct seal_suite *s)
{
	const struct encr_row *row = encr_find(s->encr);

	if (!row)
		return 0;
	return (row_is_aes(row) ? s->key_bits / 8u : row->key_bytes) + row->salt_bytes;
}

size_t suite_integ_key_bytes(const struct seal_suite *s)
{
	const struct integ_row *row = integ_find(s->integ);

	return row ? row->key_bytes : 0;
}

size_t suite_iv_bytes(const struct seal_suite *s)
{
	const struct encr_row *row = encr_find(s->encr);

	return row ? row->iv_bytes : 0;
}

size_t suite_icv_bytes(const struct seal_suite *s)
{
	const struct encr_row *encr = encr_find(s->encr);
	const struct integ_row *integ = integ_find(s->integ);

	if (encr && encr->icv_bytes > 0)
		return encr->icv_bytes;
	return integ ? integ->icv_bytes : 0;
}

size_t suite_block_bytes(const struct seal_suite *s)
{
	const struct encr_row *row = encr_find(s->encr);

	return row ? row->block_bytes : 1;
}
