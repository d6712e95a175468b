/* Private keys. OpenSSL's decoder recognises the form (PKCS#8, PKCS#1, SEC1; PEM or DER); we only
 * watch whether it asked for a passphrase, to tell a locked key from what is no key at all. */
#include "crypto/pki_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/decoder.h>
#include <openssl/err.h>

struct passphrase {
	const char *text; /* or NULL */
	bool asked;
};

static int passphrase_give(
	char *out, size_t out_size, size_t *ret_size, const OSSL_PARAM params[], void *arg)
{
	struct passphrase *p = arg;
	size_t size = p->text ? strlen(p->text) : 0;

	(void)params;
	p->asked = true;
	if (!p->text || size > out_size)
		return 0;

	memcpy(out, p->text, size);
	*ret_size = size;
	return 1;
}

/* A file may begin with other blocks (EC PARAMETERS, a certificate): go on while the decoder gets
 * further. */
static void decode_blocks(
	OSSL_DECODER_CTX *decoder, BIO *bio, EVP_PKEY *const *pkey, const bool *asked)
{
	int left = BIO_pending(bio);

	while (OSSL_DECODER_from_bio(decoder, bio) != 1 && !*pkey && !*asked) {
		int now = BIO_pending(bio);

		if (now <= 0 || now >= left)
			return;
		left = now;
	}
}

static int private_key_decode(
	struct crypto *c, struct bytes data, struct passphrase *passphrase, EVP_PKEY **ret_pkey)
{
	EVP_PKEY *pkey = NULL;
	BIO *bio = BIO_new_mem_buf(data.data, (int)data.size);
	OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(
		&pkey, NULL, NULL, NULL, EVP_PKEY_KEYPAIR, c->lib, NULL);

	if (bio && decoder &&
		OSSL_DECODER_CTX_set_passphrase_cb(decoder, passphrase_give, passphrase) == 1)
		decode_blocks(decoder, bio, &pkey, &passphrase->asked);
	OSSL_DECODER_CTX_free(decoder);
	BIO_free(bio);
	if (!pkey)
		return passphrase->asked ? -EACCES : -EBADMSG;

	*ret_pkey = pkey;
	return 0;
}

static int private_key_wrap(struct crypto *c, EVP_PKEY *pkey, struct private_key **ret_key)
{
	unsigned char *info = NULL;
	int size = i2d_PUBKEY(pkey, &info), r;
	struct private_key *k = calloc(1, sizeof(*k));

	if (size <= 0)
		r = -EBADMSG;
	else if (!k)
		r = -ENOMEM;
	else
		r = key_open(c, pkey, BYTES(info, (size_t)size), &k->key);
	OPENSSL_free(info);
	if (r < 0) {
		free(k);
		return r;
	}
	*ret_key = k;
	return 0;
}

int private_key_load(
	struct crypto *c, struct bytes data, const char *passphrase, struct private_key **ret_key)
{
	struct passphrase p = { .text = passphrase };
	EVP_PKEY *pkey;
	int r;

	if (!data.size || data.size > PEM_BYTES_MAX)
		return -EBADMSG;

	r = private_key_decode(c, data, &p, &pkey);
	if (r < 0)
		return drained(r);

	r = private_key_wrap(c, pkey, ret_key);
	EVP_PKEY_free(pkey);
	return drained(r);
}

void private_key_free(struct private_key *k)
{
	if (!k)
		return;

	key_close(&k->key);
	free(k);
}

enum key_type private_key_type(const struct private_key *k)
{
	return k->key.type;
}

unsigned private_key_bits(const struct private_key *k)
{
	return k->key.bits;
}

void private_key_id(const struct private_key *k, uint8_t ret_id[static 20])
{
	memcpy(ret_id, k->key.id, SHA1_BYTES);
}

struct bytes private_key_info(const struct private_key *k)
{
	return BYTES(k->key.info, k->key.info_size);
}
