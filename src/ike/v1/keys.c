/* Key derivation of IKEv1, RFC 2409 §5 and appendix B. Everything is the prf of something: under
 * SKEYID for what phase 1 gives, under SKEYID_a for the hashes of phase 2, under SKEYID_d for the
 * keys of its SAs. SKEYID_e is used once, for the cipher's key. */
#include "ike/v1/keys.h"

#include <assert.h>
#include <errno.h>

#include "wire/isakmp.h"
#include "wire/isakmp_transforms.h"

#define KEYMAT_BYTES_MAX 128 /* AES-256 with HMAC-SHA2-512: 96 */
#define TRIPLE_DES_KEY   24

static struct bytes number_octets(uint64_t number, uint8_t out[static 8])
{
	store_u64(out, number);
	return BYTES(out, 8);
}

uint8_t v1_prf_hash(uint16_t prf_id)
{
	switch (prf_id) {
	case PRF_HMAC_SHA1:
		return HASH_SHA1;
	case PRF_HMAC_SHA2_256:
		return HASH_SHA2_256;
	case PRF_HMAC_SHA2_384:
		return HASH_SHA2_384;
	case PRF_HMAC_SHA2_512:
		return HASH_SHA2_512;
	default:
		return 0;
	}
}

/* SKEYID_d, _a, _e = prf(SKEYID, [the one before |] g^xy | CKY-I | CKY-R | 0, 1, 2). */
static int skeyid_next(const struct v1_keys *k, const struct v1_phase1 *said,
	const struct secret *before, uint8_t number, struct secret *ret)
{
	uint8_t cky_i[8], cky_r[8];
	struct bytes parts[] = {
		before ? secret_bytes(before) : BYTES_EMPTY,
		said->shared,
		number_octets(said->cookie_i, cky_i),
		number_octets(said->cookie_r, cky_r),
		BYTES(&number, 1),
	};

	ret->size = prf_output_bytes(k->prf);
	return prf(k->crypto, k->prf, secret_bytes(&k->skeyid), parts, 5, ret->data);
}

/* With a PSK: prf(PSK, Ni | Nr). With signatures: prf(Ni | Nr, g^xy). */
static int skeyid_first(struct v1_keys *k, const struct v1_phase1 *said)
{
	uint8_t nonces[2 * V1_NONCE_BYTES_MAX];
	struct writer w = writer_of(nonces, sizeof(nonces));
	struct bytes parts[] = { said->ni, said->nr };

	k->skeyid.size = prf_output_bytes(k->prf);
	if (said->skeyid.data) {
		if (said->skeyid.size != k->skeyid.size)
			return -EIO;
		memcpy(k->skeyid.data, said->skeyid.data, said->skeyid.size);
		return 0;
	}
	if (said->psk.data)
		return prf(k->crypto, k->prf, said->psk, parts, 2, k->skeyid.data);

	write_bytes(&w, said->ni);
	write_bytes(&w, said->nr);
	assert(writer_ok(&w));
	return prf(k->crypto, k->prf, writer_bytes(&w), &said->shared, 1, k->skeyid.data);
}

/* Ka = K1 | K2 ..., K1 = prf(SKEYID_e, 0), K2 = prf(SKEYID_e, K1): only where SKEYID_e is too short
 * for the cipher's key. */
static int expand_skeyid_e(
	const struct v1_keys *k, const struct secret *skeyid_e, size_t size, uint8_t *out)
{
	static const uint8_t zero;
	uint8_t block[V1_HASH_BYTES_MAX];
	struct bytes before = BYTES(&zero, 1);
	size_t block_bytes = prf_output_bytes(k->prf);
	int error = 0;

	if (skeyid_e->size >= size) {
		memcpy(out, skeyid_e->data, size);
		return 0;
	}
	while (!error && size > 0) {
		size_t take = size < block_bytes ? size : block_bytes;

		error = prf(k->crypto, k->prf, secret_bytes(skeyid_e), &before, 1, block);
		memcpy(out, block, take);
		before = BYTES(block, block_bytes);
		out += take;
		size -= take;
	}
	bytes_wipe(block, sizeof(block));
	return error;
}

static const struct transform *find(const struct proposal *p, uint8_t type)
{
	for (size_t i = 0; i < p->transform_count; i++)
		if (p->transforms[i].type == type)
			return &p->transforms[i];

	return NULL;
}

static int cipher_open(
	struct v1_keys *k, const struct transform *encr, const struct secret *skeyid_e)
{
	uint8_t key[32];
	size_t size = encr->id == ENCR_3DES ? TRIPLE_DES_KEY : encr->key_bits / 8u;
	int error;

	if (size > sizeof(key))
		return -ENOTSUP;

	error = expand_skeyid_e(k, skeyid_e, size, key);
	if (!error) {
		k->cbc = cbc_new(k->crypto, encr->id, BYTES(key, size));
		error = k->cbc ? 0 : -ENOTSUP;
	}
	bytes_wipe(key, sizeof(key));
	return error;
}

int v1_keys_derive(struct crypto *c, const struct proposal *chosen, const struct v1_phase1 *said,
	struct v1_keys *ret_keys)
{
	const struct transform *encr = find(chosen, TRANSFORM_ENCR);
	const struct transform *prf = find(chosen, TRANSFORM_PRF);
	struct v1_keys k = { .crypto = c, .prf = prf ? prf->id : 0 };
	struct secret skeyid_e;
	int error;

	k.hash = v1_prf_hash(k.prf);
	if (!encr || !k.hash)
		return -ENOTSUP;

	error = skeyid_first(&k, said);
	if (!error)
		error = skeyid_next(&k, said, NULL, 0, &k.skeyid_d);
	if (!error)
		error = skeyid_next(&k, said, &k.skeyid_d, 1, &k.skeyid_a);
	if (!error)
		error = skeyid_next(&k, said, &k.skeyid_a, 2, &skeyid_e);
	if (!error)
		error = cipher_open(&k, encr, &skeyid_e);
	secret_wipe(&skeyid_e);

	if (error)
		v1_keys_clear(&k);
	else
		*ret_keys = k;
	bytes_wipe(&k, sizeof(k));
	return error;
}

void v1_keys_clear(struct v1_keys *k)
{
	cbc_free(k->cbc);
	bytes_wipe(k, sizeof(*k));
}

size_t v1_keys_hash_bytes(const struct v1_keys *k)
{
	return prf_output_bytes(k->prf);
}

size_t v1_prf_bytes(uint16_t prf_id)
{
	return prf_output_bytes(prf_id);
}

size_t v1_keys_block_bytes(const struct v1_keys *k)
{
	return cbc_block_bytes(k->cbc);
}

uint16_t v1_method_prf(uint16_t method, uint16_t prf_id)
{
	switch (method) {
	case V1_METHOD_ECDSA_256:
		return PRF_HMAC_SHA2_256;
	case V1_METHOD_ECDSA_384:
		return PRF_HMAC_SHA2_384;
	case V1_METHOD_ECDSA_521:
		return PRF_HMAC_SHA2_512;
	default:
		return prf_id;
	}
}

int v1_hash_phase1(const struct v1_keys *k, const struct v1_phase1 *said,
	const struct v1_hash_of *whose, uint8_t out[static V1_HASH_BYTES_MAX])
{
	uint8_t cky_i[8], cky_r[8];
	bool i = whose->initiator;
	struct bytes cookie_i = number_octets(said->cookie_i, cky_i);
	struct bytes cookie_r = number_octets(said->cookie_r, cky_r);
	struct bytes parts[] = {
		i ? said->ke_i : said->ke_r,
		i ? said->ke_r : said->ke_i,
		i ? cookie_i : cookie_r,
		i ? cookie_r : cookie_i,
		said->sa_i,
		whose->id,
	};

	return prf(k->crypto, whose->prf_id, secret_bytes(&k->skeyid), parts, 6, out);
}

/* prf(SKEYID_a, [0 |] M-ID | a | b). */
static int hash_phase2(const struct v1_keys *k, uint32_t message_id, struct bytes a, struct bytes b,
	uint8_t out[static V1_HASH_BYTES_MAX])
{
	uint8_t m_id[4];
	struct bytes parts[] = { BYTES_OF(m_id), a, b };

	store_u32(m_id, message_id);
	return prf(k->crypto, k->prf, secret_bytes(&k->skeyid_a), parts, 3, out);
}

int v1_hash_1(const struct v1_keys *k, uint32_t message_id, struct bytes rest,
	uint8_t out[static V1_HASH_BYTES_MAX])
{
	return hash_phase2(k, message_id, BYTES_EMPTY, rest, out);
}

int v1_hash_2(const struct v1_keys *k, uint32_t message_id, struct bytes ni, struct bytes rest,
	uint8_t out[static V1_HASH_BYTES_MAX])
{
	return hash_phase2(k, message_id, ni, rest, out);
}

int v1_hash_3(const struct v1_keys *k, uint32_t message_id, struct bytes ni, struct bytes nr,
	uint8_t out[static V1_HASH_BYTES_MAX])
{
	uint8_t head[5] = { 0 };
	struct bytes parts[] = { BYTES_OF(head), ni, nr };

	store_u32(head + 1, message_id);
	return prf(k->crypto, k->prf, secret_bytes(&k->skeyid_a), parts, 3, out);
}

static int iv_of(const struct v1_keys *k, struct bytes a, struct bytes b, struct v1_iv *ret_iv)
{
	uint8_t hash[V1_HASH_BYTES_MAX];
	struct bytes parts[] = { a, b };
	int error = hash_parts(k->crypto, k->hash, parts, 2, hash);

	if (error)
		return error;

	*ret_iv = (struct v1_iv){ { 0 } };
	memcpy(ret_iv->octets, hash, v1_keys_block_bytes(k));
	return 0;
}

int v1_iv_phase1(const struct v1_keys *k, const struct v1_phase1 *said, struct v1_iv *ret_iv)
{
	return iv_of(k, said->ke_i, said->ke_r, ret_iv);
}

int v1_iv_phase2(const struct v1_keys *k, const struct v1_iv *last, uint32_t message_id,
	struct v1_iv *ret_iv)
{
	uint8_t m_id[4];

	store_u32(m_id, message_id);
	return iv_of(k, BYTES(last->octets, v1_keys_block_bytes(k)), BYTES_OF(m_id), ret_iv);
}

int v1_encrypt(const struct v1_keys *k, struct v1_iv *iv, uint8_t *text, size_t size)
{
	size_t block = v1_keys_block_bytes(k);
	int error;

	assert(size && size % block == 0);
	error = cbc_encrypt(k->cbc, iv->octets, text, size);
	if (!error)
		memcpy(iv->octets, text + size - block, block);
	return error;
}

int v1_decrypt(const struct v1_keys *k, struct v1_iv *iv, uint8_t *text, size_t size)
{
	size_t block = v1_keys_block_bytes(k);
	struct v1_iv next = { { 0 } };
	int error;

	if (!size || size % block)
		return -EBADMSG;

	memcpy(next.octets, text + size - block, block);
	error = cbc_decrypt(k->cbc, iv->octets, text, size);
	if (!error)
		*iv = next;
	return error;
}

/* K1 = prf(SKEYID_d, [g(qm)^xy |] protocol | SPI | Ni | Nr), Kn with Kn-1 before all that. */
static int keymat(const struct v1_keys *k, const struct v1_quick *q, size_t size, uint8_t *out)
{
	uint8_t block[V1_HASH_BYTES_MAX], head[5] = { q->protocol };
	struct bytes parts[] = { BYTES_EMPTY, q->shared, BYTES_OF(head), q->ni, q->nr };
	size_t block_bytes = prf_output_bytes(k->prf);
	int error = 0;

	store_u32(head + 1, q->spi);
	while (!error && size > 0) {
		size_t take = size < block_bytes ? size : block_bytes;

		error = prf(k->crypto, k->prf, secret_bytes(&k->skeyid_d), parts, 5, block);
		memcpy(out, block, take);
		parts[0] = BYTES(block, block_bytes);
		out += take;
		size -= take;
	}
	bytes_wipe(block, sizeof(block));
	return error;
}

int v1_keymat(const struct v1_keys *k, const struct v1_quick *quick, const struct seal_suite *suite,
	struct child_keys *ret_keys)
{
	size_t encr = suite_encr_key_bytes(suite), integ = suite_integ_key_bytes(suite);
	uint8_t octets[KEYMAT_BYTES_MAX];
	int error;

	assert(encr + integ <= sizeof(octets));
	error = keymat(k, quick, encr + integ, octets);
	if (!error) {
		secret_set(&ret_keys->encr, BYTES(octets, encr));
		secret_set(&ret_keys->integ, BYTES(octets + encr, integ));
	}
	bytes_wipe(octets, sizeof(octets));
	return error;
}
