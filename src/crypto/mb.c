/* Sealing and opening by intel-ipsec-mb, which is made for packets on x86-64: AES-GCM, GMAC and
 * ChaCha20-Poly1305, one call for one packet. What it decrypts is wiped where the ICV is wrong, and so is
 * what each packet leaves behind. */
#include "crypto/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#define AEAD_IV_BYTES 12 /* salt and IV */

enum kind { MB_GCM, MB_GMAC, MB_CHACHA };

struct mb_key {
	enum kind kind;
	size_t icv_bytes;
	IMB_MGR *manager; /* the context's */
	aes_gcm_enc_dec_t gcm_seal, gcm_open;
	aes_gmac_init_t gmac_begin;
	aes_gmac_update_t gmac_add;
	aes_gmac_finalize_t gmac_end;
	struct gcm_key_data gcm; /* aligned */
	uint8_t chacha[32];
};

/* The functions for this processor; NULL where it lacks AES instructions, which this library then imitates. */
static IMB_MGR *manager_new(void)
{
	IMB_MGR *manager = alloc_mb_mgr(0);
	IMB_ARCH arch = IMB_ARCH_NONE;

	if (!manager)
		return NULL;
	init_mb_mgr_auto(manager, &arch);
	if (arch >= IMB_ARCH_SSE && arch < IMB_ARCH_NUM)
		return manager;
	free_mb_mgr(manager);
	return NULL;
}

IMB_MGR *mb_manager(struct crypto *c)
{
	if (!c->mb_asked)
		c->mb = manager_new();
	c->mb_asked = true;
	return c->mb;
}

void mb_free(struct crypto *c)
{
	if (c->mb)
		free_mb_mgr(c->mb);
	c->mb = NULL;
}

static bool mb_has(struct crypto *c, const struct encr_row *row)
{
	return (row->mode == SEAL_AEAD || row->mode == SEAL_GMAC) && mb_manager(c);
}

/* Keys. */

static void set_gcm(struct mb_key *k, unsigned key_bits, const uint8_t *key)
{
	IMB_MGR *m = k->manager;

	switch (key_bits) {
	case 128:
		IMB_AES128_GCM_PRE(m, key, &k->gcm);
		k->gcm_seal = m->gcm128_enc;
		k->gcm_open = m->gcm128_dec;
		k->gmac_begin = m->gmac128_init;
		k->gmac_add = m->gmac128_update;
		k->gmac_end = m->gmac128_finalize;
		break;
	case 192:
		IMB_AES192_GCM_PRE(m, key, &k->gcm);
		k->gcm_seal = m->gcm192_enc;
		k->gcm_open = m->gcm192_dec;
		k->gmac_begin = m->gmac192_init;
		k->gmac_add = m->gmac192_update;
		k->gmac_end = m->gmac192_finalize;
		break;
	default:
		assert(key_bits == 256);
		IMB_AES256_GCM_PRE(m, key, &k->gcm);
		k->gcm_seal = m->gcm256_enc;
		k->gcm_open = m->gcm256_dec;
		k->gmac_begin = m->gmac256_init;
		k->gmac_add = m->gmac256_update;
		k->gmac_end = m->gmac256_finalize;
		break;
	}
}

static void *mb_key_new(struct crypto *c, const struct seal_suite *suite, struct bytes encr_key,
	struct bytes integ_key)
{
	const struct encr_row *row = encr_find(suite->encr);
	struct mb_key *k = aligned_alloc(_Alignof(struct mb_key), sizeof(*k));

	assert(mb_has(c, row) && integ_key.size == 0);
	if (!k)
		return NULL;
	memset(k, 0, sizeof(*k));
	k->manager = mb_manager(c);
	k->icv_bytes = suite_icv_bytes(suite);
	if (suite->key_bits) {
		k->kind = row->mode == SEAL_GMAC ? MB_GMAC : MB_GCM;
		set_gcm(k, suite->key_bits, encr_key.data);
	} else {
		k->kind = MB_CHACHA;
		assert(encr_key.size == sizeof(k->chacha) + row->salt_bytes);
		memcpy(k->chacha, encr_key.data, sizeof(k->chacha));
	}
	return k;
}

static void mb_key_free(void *key)
{
	bytes_wipe(key, sizeof(struct mb_key));
	free(key);
}

/* Packets. */

enum direction { OPEN, SEAL };

static void run_gcm(
	struct mb_key *k, enum direction d, const struct sealing *p, uint8_t icv[static 16])
{
	struct gcm_context_data context;
	aes_gcm_enc_dec_t run = d == SEAL ? k->gcm_seal : k->gcm_open;

	run(&k->gcm, &context, p->text, p->text, p->parts[TEXT].size, p->iv, p->parts[AAD].data,
		p->parts[AAD].size, icv, k->icv_bytes);
	bytes_wipe(&context, sizeof(context));
}

/* RFC 4543 §3.3: what is authenticated ends with the IV and the text. */
static void run_gmac(struct mb_key *k, const struct sealing *p, uint8_t icv[static 16])
{
	struct gcm_context_data context;

	k->gmac_begin(&k->gcm, &context, p->iv, AEAD_IV_BYTES);
	for (enum part i = AAD; i <= TEXT; i++) {
		if (p->parts[i].size)
			k->gmac_add(&k->gcm, &context, p->parts[i].data, p->parts[i].size);
	}
	k->gmac_end(&k->gcm, &context, icv, k->icv_bytes);
	bytes_wipe(&context, sizeof(context));
}

static void run_chacha(
	struct mb_key *k, enum direction d, const struct sealing *p, uint8_t icv[static 16])
{
	struct chacha20_poly1305_context_data context;
	size_t size = p->parts[TEXT].size;

	IMB_CHACHA20_POLY1305_INIT(
		k->manager, k->chacha, &context, p->iv, p->parts[AAD].data, p->parts[AAD].size);
	if (size && d == SEAL)
		IMB_CHACHA20_POLY1305_ENC_UPDATE(
			k->manager, k->chacha, &context, p->text, p->text, size);
	else if (size)
		IMB_CHACHA20_POLY1305_DEC_UPDATE(
			k->manager, k->chacha, &context, p->text, p->text, size);
	IMB_CHACHA20_POLY1305_ENC_FINALIZE(k->manager, &context, icv, k->icv_bytes);
	bytes_wipe(&context, sizeof(context));
}

static void run(struct mb_key *k, enum direction d, const struct sealing *p, uint8_t icv[static 16])
{
	switch (k->kind) {
	case MB_GCM:
		run_gcm(k, d, p, icv);
		break;
	case MB_GMAC:
		run_gmac(k, p, icv);
		break;
	case MB_CHACHA:
		run_chacha(k, d, p, icv);
		break;
	}
}

static int mb_seal(void *key, const struct sealing *p, uint8_t *icv)
{
	struct mb_key *k = key;
	uint8_t computed[AEAD_ICV_BYTES_MAX];

	run(k, SEAL, p, computed);
	memcpy(icv, computed, k->icv_bytes);
	return 0;
}

static int mb_open(void *key, const struct sealing *p, const uint8_t *icv)
{
	struct mb_key *k = key;
	uint8_t computed[AEAD_ICV_BYTES_MAX];

	run(k, OPEN, p, computed);
	if (CRYPTO_memcmp(computed, icv, k->icv_bytes) == 0)
		return 0;
	if (k->kind != MB_GMAC)
		bytes_wipe(p->text, p->parts[TEXT].size);
	bytes_wipe(computed, sizeof(computed));
	return -EBADMSG;
}

const struct seal_backend seal_mb = {
	.has = mb_has,
	.key_new = mb_key_new,
	.key_free = mb_key_free,
	.seal = mb_seal,
	.open = mb_open,
};
