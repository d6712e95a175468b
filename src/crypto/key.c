/* What private and public keys have in common: their kind, and the identifiers that others know
 * them by. */
#include "crypto/pki_internal.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/objects.h>

#define RSA_BITS_MIN 1024 /* what we read at all; a chain needs 2048 (chain.c) */
#define RSA_BITS_MAX 16384

static const int curves[] = {
	NID_X9_62_prime256v1,
	NID_secp384r1,
	NID_secp521r1,
	NID_brainpoolP256r1,
	NID_brainpoolP384r1,
	NID_brainpoolP512r1,
};

/* A curve by its name: explicit parameters are refused, however familiar they look (RFC 5480
 * §2.1.1). */
static int curve_of(EVP_PKEY *pkey)
{
	char name[80];
	int is_explicit = 0, curve;

	if (EVP_PKEY_get_int_param(
		    pkey, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) != 1 ||
		is_explicit)
		return NID_undef;
	if (EVP_PKEY_get_group_name(pkey, name, sizeof(name), NULL) != 1)
		return NID_undef;

	curve = OBJ_sn2nid(name);
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (curves[i] == curve)
			return curve;
	}
	return NID_undef;
}

static bool key_classify(struct key *k)
{
	if (EVP_PKEY_is_a(k->pkey, "RSA"))
		k->type = KEY_RSA;
	else if (EVP_PKEY_is_a(k->pkey, "EC"))
		k->type = KEY_ECDSA;
	else if (EVP_PKEY_is_a(k->pkey, "ED25519"))
		k->type = KEY_ED25519;
	else if (EVP_PKEY_is_a(k->pkey, "ED448"))
		k->type = KEY_ED448;
	else
		return false;

	k->bits = (unsigned)EVP_PKEY_get_bits(k->pkey);
	k->curve = k->type == KEY_ECDSA ? curve_of(k->pkey) : NID_undef;
	if (k->type == KEY_RSA)
		return k->bits >= RSA_BITS_MIN && k->bits <= RSA_BITS_MAX;
	return k->type != KEY_ECDSA || k->curve != NID_undef;
}

/* Steps over or into one DER element; false where it is not what was expected or does not fit. */
static bool element(struct bytes *in, int expected, bool into, struct bytes *ret_content)
{
	const unsigned char *at = in->data;
	long size;
	int tag, class;

	if (ASN1_get_object(&at, &size, &tag, &class, (long)in->size) & (0x80 | 0x01) ||
		tag != expected)
		return false;

	*ret_content = BYTES(at, (size_t)size);
	if (into)
		*in = *ret_content;
	else
		*in = BYTES(at + size, in->size - (size_t)(at - in->data) - (size_t)size);
	return true;
}

/* The subjectPublicKey within a SubjectPublicKeyInfo, without the octet that counts unused bits. */
static bool subject_public_key(struct bytes info, struct bytes *ret_key)
{
	struct bytes rest = info, content;

	if (!element(&rest, V_ASN1_SEQUENCE, true, &content) ||
		!element(&rest, V_ASN1_SEQUENCE, false, &content) ||
		!element(&rest, V_ASN1_BIT_STRING, false, &content) || !content.size)
		return false;

	*ret_key = BYTES(content.data + 1, content.size - 1);
	return true;
}

static int key_identify(struct crypto *c, struct key *k)
{
	struct bytes info = BYTES(k->info, k->info_size), subject_key;

	if (!subject_public_key(info, &subject_key))
		return -EBADMSG;
	if (hash_sha1(c, &subject_key, 1, k->id) < 0 || hash_sha1(c, &info, 1, k->info_hash) < 0)
		return -EIO;
	return 0;
}

int key_open(struct crypto *c, EVP_PKEY *pkey, struct bytes info, struct key *ret_key)
{
	struct key k = { .pkey = pkey };
	int r;

	if (!key_classify(&k))
		return drained(-EBADMSG);

	k.info = bytes_copy(info);
	k.info_size = info.size;
	if (!k.info)
		return drained(-ENOMEM);

	r = key_identify(c, &k);
	if (!r && EVP_PKEY_up_ref(pkey) != 1)
		r = -EIO;
	if (r < 0) {
		free(k.info);
		return drained(r);
	}
	*ret_key = k;
	return drained(0);
}

void key_close(struct key *k)
{
	EVP_PKEY_free(k->pkey);
	free(k->info);
}
