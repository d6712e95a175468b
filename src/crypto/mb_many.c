/* Many packets of one SA at once by intel-ipsec-mb, whose lanes work on as many: what a packet alone must do
 * step by step (CBC's encryption, CCM's and HMAC's digests) costs a fraction of it then. One by one it would be
 * slower than OpenSSL, so that is for OpenSSL. */
#include "crypto/internal.h"
#include "wire/ikev2.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#define SCHEDULE_BYTES (15 * 16)
#define DIGEST_BYTES   64
#define BLOCK_BYTES    128
#define LENGTH_MAX     60000 /* lanes count in 16 bits */

struct many_key {
	_Alignas(64) uint8_t encrypt[SCHEDULE_BYTES];
	_Alignas(64) uint8_t decrypt[SCHEDULE_BYTES];
	_Alignas(64) uint8_t inner[DIGEST_BYTES]; /* HMAC's key and ipad, digested, and its opad */
	_Alignas(64) uint8_t outer[DIGEST_BYTES];
	IMB_MGR *manager;  /* the context's, */
	atomic_flag *busy; /* which one thread uses at a time */
	IMB_CIPHER_MODE cipher;
	IMB_HASH_ALG hash;
	size_t key_bytes, iv_bytes, icv_bytes;
};

/* The hashes that make HMACs, in blocks. */
struct hash_of {
	IMB_HASH_ALG hash;
	size_t block_bytes;
	hash_one_block_t one_block;
};

static bool hash_find(const IMB_MGR *m, uint16_t integ, struct hash_of *ret_hash)
{
	switch (integ) {
	case INTEG_HMAC_SHA1_96:
		*ret_hash = (struct hash_of){ IMB_AUTH_HMAC_SHA_1, 64, m->sha1_one_block };
		return true;
	case INTEG_HMAC_SHA2_256_128:
		*ret_hash = (struct hash_of){ IMB_AUTH_HMAC_SHA_256, 64, m->sha256_one_block };
		return true;
	case INTEG_HMAC_SHA2_384_192:
		*ret_hash = (struct hash_of){ IMB_AUTH_HMAC_SHA_384, 128, m->sha384_one_block };
		return true;
	case INTEG_HMAC_SHA2_512_256:
		*ret_hash = (struct hash_of){ IMB_AUTH_HMAC_SHA_512, 128, m->sha512_one_block };
		return true;
	default:
		return false;
	}
}

static bool mb_many_has(struct crypto *c, const struct seal_suite *suite)
{
	const IMB_MGR *m = mb_manager(c);
	struct hash_of hash;

	if (!m)
		return false;
	switch (suite->encr) {
	case ENCR_AES_CCM_8:
	case ENCR_AES_CCM_12:
	case ENCR_AES_CCM_16:
		return suite->key_bits != 192;
	case ENCR_AES_CBC:
	case ENCR_AES_CTR:
	case ENCR_NULL:
		return hash_find(m, suite->integ, &hash);
	default:
		return false;
	}
}

/* Keys. */

static void set_hmac(struct many_key *k, const struct hash_of *hash, struct bytes key)
{
	uint8_t block[BLOCK_BYTES];

	assert(key.size <= hash->block_bytes);
	memset(block, 0x36, sizeof(block));
	for (size_t i = 0; i < key.size; i++)
		block[i] ^= key.data[i];
	hash->one_block(block, k->inner);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= 0x36 ^ 0x5c;
	hash->one_block(block, k->outer);
	bytes_wipe(block, sizeof(block));
	k->hash = hash->hash;
}

static void set_aes(struct many_key *k, unsigned key_bits, const uint8_t *key)
{
	IMB_MGR *m = k->manager;

	k->key_bytes = key_bits / 8;
	if (key_bits == 128)
		IMB_AES_KEYEXP_128(m, key, k->encrypt, k->decrypt);
	else if (key_bits == 192)
		IMB_AES_KEYEXP_192(m, key, k->encrypt, k->decrypt);
	else
		IMB_AES_KEYEXP_256(m, key, k->encrypt, k->decrypt);
}

static void *mb_many_key_new(struct crypto *c, const struct seal_suite *suite,
	struct bytes encr_key, struct bytes integ_key)
{
	const struct encr_row *row = encr_find(suite->encr);
	struct many_key *k = aligned_alloc(_Alignof(struct many_key), sizeof(*k));
	struct hash_of hash;

	assert(mb_many_has(c, suite));
	if (!k)
		return NULL;
	memset(k, 0, sizeof(*k));
	k->manager = mb_manager(c);
	k->busy = &c->mb_busy;
	k->icv_bytes = suite_icv_bytes(suite);
	k->iv_bytes = row->mode == SEAL_CCM ? row->salt_bytes + row->iv_bytes : IV_BYTES_MAX;
	k->cipher = row->mode == SEAL_CCM ? IMB_CIPHER_CCM
		: row->mode == SEAL_CBC   ? IMB_CIPHER_CBC
		: row->mode == SEAL_CTR   ? IMB_CIPHER_CNTR
					  : IMB_CIPHER_NULL;
	if (row->mode != SEAL_NULL)
		set_aes(k, suite->key_bits, encr_key.data);
	if (row->mode == SEAL_CCM)
		k->hash = IMB_AUTH_AES_CCM;
	else if (hash_find(k->manager, suite->integ, &hash))
		set_hmac(k, &hash, integ_key);
	return k;
}

static void mb_many_key_free(void *key)
{
	bytes_wipe(key, sizeof(struct many_key));
	free(key);
}

/* Packets. */

/* What a MAC covers has to lie as it is sent, the tail where the ICV goes. */
static bool is_in_a_row(const struct sealing *s, const struct sealer_packet *p)
{
	const struct bytes *aad = &s->parts[AAD], *iv = &s->parts[IV], *text = &s->parts[TEXT];

	return aad->data + aad->size == iv->data && iv->data + iv->size == text->data &&
		text->data + text->size == p->icv;
}

static bool can_run(const struct many_key *k, const struct sealing *s,
	const struct sealer_packet *p, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t size = s[i].parts[TEXT].size;

		if (size == 0 || size > LENGTH_MAX || (k->cipher == IMB_CIPHER_CBC && size % 16) ||
			s[i].parts[TAIL].size > k->icv_bytes ||
			(k->cipher != IMB_CIPHER_CCM && !is_in_a_row(&s[i], &p[i])))
			return false;
	}
	return true;
}

static void fill_job(
	const struct many_key *k, IMB_JOB *job, bool open, const struct sealing *s, uint8_t *tag)
{
	const struct bytes *aad = &s->parts[AAD], *text = &s->parts[TEXT];
	size_t before = k->cipher == IMB_CIPHER_CCM ? 0 : aad->size + s->parts[IV].size;

	memset(job, 0, sizeof(*job));
	job->cipher_mode = k->cipher;
	job->hash_alg = k->hash;
	job->cipher_direction = open ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT;
	/* a MAC is over what is sent, CCM's is over the text */
	job->chain_order = open == (k->cipher != IMB_CIPHER_CCM) ? IMB_ORDER_HASH_CIPHER
								 : IMB_ORDER_CIPHER_HASH;
	job->enc_keys = k->encrypt;
	job->dec_keys = k->decrypt;
	job->key_len_in_bytes = k->key_bytes;
	job->iv = s->iv;
	job->iv_len_in_bytes = k->iv_bytes;
	job->src = text->data - before;
	job->dst = s->text;
	job->cipher_start_src_offset_in_bytes = before;
	job->msg_len_to_cipher_in_bytes = text->size;
	job->msg_len_to_hash_in_bytes = before + text->size + s->parts[TAIL].size;
	job->auth_tag_output = tag;
	job->auth_tag_output_len_in_bytes = k->icv_bytes;
	if (k->cipher == IMB_CIPHER_CCM) {
		job->u.CCM.aad = aad->data;
		job->u.CCM.aad_len_in_bytes = aad->size;
	} else {
		job->u.HMAC._hashed_auth_key_xor_ipad = k->inner;
		job->u.HMAC._hashed_auth_key_xor_opad = k->outer;
	}
}

/* What is opened was decrypted before it was known to be right. */
static int judge(const struct many_key *k, const struct sealing *s, const uint8_t *tag,
	const uint8_t *received)
{
	if (CRYPTO_memcmp(tag, received, k->icv_bytes) == 0)
		return 0;
	bytes_wipe(s->text, s->parts[TEXT].size);
	return -EBADMSG;
}

static void end_job(const IMB_JOB *job)
{
	struct sealer_packet *p = job->user_data;

	p->result = job->status == IMB_STATUS_COMPLETED ? 0 : -EIO;
}

static bool mb_many_run(
	void *key, bool open, const struct sealing *s, struct sealer_packet *p, size_t count)
{
	struct many_key *k = key;
	uint8_t tags[SEALER_MANY][DIGEST_BYTES], received[SEALER_MANY][DIGEST_BYTES];
	IMB_JOB *job;

	assert(count <= SEALER_MANY);
	if (!can_run(k, s, p, count) || atomic_flag_test_and_set(k->busy))
		return false;
	for (size_t i = 0; i < count; i++) {
		p[i].result = -EIO;
		memcpy(received[i], p[i].icv, k->icv_bytes);
		if (s[i].parts[TAIL].size)
			memcpy(p[i].icv, s[i].parts[TAIL].data, s[i].parts[TAIL].size);
		job = IMB_GET_NEXT_JOB(k->manager);
		fill_job(k, job, open, &s[i], tags[i]);
		job->user_data = &p[i];
		for (job = IMB_SUBMIT_JOB(k->manager); job; job = IMB_GET_COMPLETED_JOB(k->manager))
			end_job(job);
	}
	while ((job = IMB_FLUSH_JOB(k->manager)))
		end_job(job);
	atomic_flag_clear(k->busy);
	for (size_t i = 0; i < count; i++) {
		if (p[i].result == 0 && open)
			p[i].result = judge(k, &s[i], tags[i], received[i]);
		else if (p[i].result == 0)
			memcpy(p[i].icv, tags[i], k->icv_bytes);
	}
	bytes_wipe(tags, sizeof(tags));
	return true;
}

const struct seal_many seal_many_mb = {
	.has = mb_many_has,
	.key_new = mb_many_key_new,
	.key_free = mb_many_key_free,
	.run = mb_many_run,
};
