/* Pseudo-random functions, RFC 7296 §2.13. Each is a MAC, keyed anew for every call and given a
 * worthless key afterwards, so that no SK_d or shared key outlives its use in here. */
#include "crypto/internal.h"
#include "wire/ikev2.h"

#include <assert.h>
#include <errno.h>

struct prf_row {
	uint16_t id;
	enum mac_kind mac;
};

static const struct prf_row prf_rows[] = {
	{ PRF_HMAC_SHA1, MAC_HMAC_SHA1 },
	{ PRF_AES128_XCBC, MAC_AES_XCBC },
	{ PRF_HMAC_SHA2_256, MAC_HMAC_SHA2_256 },
	{ PRF_HMAC_SHA2_384, MAC_HMAC_SHA2_384 },
	{ PRF_HMAC_SHA2_512, MAC_HMAC_SHA2_512 },
	{ PRF_AES128_CMAC, MAC_AES_CMAC },
};

#define AES_KEY_BYTES 16

static const uint8_t zero_key[AES_KEY_BYTES];

static const struct prf_row *prf_find(uint16_t id)
{
	for (size_t i = 0; i < sizeof(prf_rows) / sizeof(prf_rows[0]); i++) {
		if (prf_rows[i].id == id)
			return &prf_rows[i];
	}
	return NULL;
}

bool prf_known(uint16_t id)
{
	return prf_find(id) != NULL;
}

size_t prf_output_bytes(uint16_t id)
{
	const struct prf_row *row = prf_find(id);

	return row ? mac_bytes(row->mac) : 0;
}

/* RFC 7296 §2.13: the output's size for HMAC (RFC 4868 §2.1.1); for XCBC and CMAC the same 16
 * octets. */
size_t prf_key_bytes(uint16_t id)
{
	return prf_output_bytes(id);
}

static struct mac *prf_mac(struct crypto *c, const struct prf_row *row)
{
	if (!c->prfs[row->mac])
		c->prfs[row->mac] = mac_new(c, row->mac);
	return c->prfs[row->mac];
}

/* The key of a PRF on AES-128. Too long: its MAC under a zero key. Too short: padded with zeros for
 * XCBC (RFC 4434 §2), but its MAC too for CMAC (RFC 4615 §3). */
static int adapt_key(
	struct mac *m, enum mac_kind kind, struct bytes key, uint8_t out[static AES_KEY_BYTES])
{
	if (key.size == AES_KEY_BYTES || (key.size < AES_KEY_BYTES && kind == MAC_AES_XCBC)) {
		memset(out, 0, AES_KEY_BYTES);
		if (key.size > 0)
			memcpy(out, key.data, key.size);
		return 0;
	}

	if (mac_set_key(m, BYTES_OF(zero_key)) != 0)
		return -EIO;
	return mac_compute(m, &key, 1, out);
}

static int prf_set_key(struct mac *m, enum mac_kind kind, struct bytes key)
{
	uint8_t adapted[AES_KEY_BYTES];
	int r;

	if (kind != MAC_AES_XCBC && kind != MAC_AES_CMAC)
		return mac_set_key(m, key);

	r = adapt_key(m, kind, key, adapted);
	if (r == 0)
		r = mac_set_key(m, BYTES_OF(adapted));
	bytes_wipe(adapted, sizeof(adapted));
	return r;
}

/* Overwrites the schedule of the last key. */
static int prf_forget_key(struct mac *m)
{
	return mac_set_key(m, BYTES_OF(zero_key));
}

int prf(struct crypto *c, uint16_t id, struct bytes key, const struct bytes *parts,
	size_t part_count, uint8_t *out)
{
	const struct prf_row *row = prf_find(id);
	struct mac *m;
	int r;

	assert(row);
	m = prf_mac(c, row);
	if (!m)
		return -EIO;

	r = prf_set_key(m, row->mac, key);
	if (r == 0)
		r = mac_compute(m, parts, part_count, out);
	if (prf_forget_key(m) != 0)
		r = -EIO;
	return r;
}

/* T1 = prf(K, S | 0x01), Tn = prf(K, Tn-1 | S | n): the first block has no block before it. */
static int expand(
	struct mac *m, size_t block_bytes, struct bytes seed, uint8_t *out, size_t out_size)
{
	uint8_t block[MAC_BYTES_MAX];
	struct bytes before = BYTES_EMPTY;
	uint8_t number = 0;
	int r = 0;

	while (r == 0 && out_size > 0) {
		size_t take = out_size < block_bytes ? out_size : block_bytes;

		number++;
		r = mac_compute(m, (struct bytes[]){ before, seed, BYTES(&number, 1) }, 3, block);
		if (r != 0)
			break;
		memcpy(out, block, take);
		before = BYTES(block, block_bytes);
		out += take;
		out_size -= take;
	}
	bytes_wipe(block, sizeof(block));
	return r;
}

int prf_plus(struct crypto *c, uint16_t id, struct bytes key, struct bytes seed, uint8_t *out,
	size_t out_size)
{
	const struct prf_row *row = prf_find(id);
	struct mac *m;
	int r;

	assert(row);
	assert(out_size <= 255 * mac_bytes(row->mac));
	m = prf_mac(c, row);
	if (!m)
		return -EIO;

	r = prf_set_key(m, row->mac, key);
	if (r == 0)
		r = expand(m, mac_bytes(row->mac), seed, out, out_size);
	if (prf_forget_key(m) != 0)
		r = -EIO;
	return r;
}
