/* The groups of key exchange: their names in OpenSSL, their sizes on the wire, and the checks that
 * a peer's value must pass (RFC 6989 §2). OpenSSL's own check of a MODP value costs a full
 * exponentiation, so the range is checked here and OpenSSL is told not to. */
#include "crypto/internal.h"
#include "wire/ikev2.h"

#include <errno.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/params.h>

#define POINT_BYTES_MAX    (1 + 2 * 66) /* P-521 */
#define POINT_UNCOMPRESSED 0x04         /* in front of x | y, left out on the wire: RFC 5903 §7 */

/* Private exponents have twice the strength that RFC 3526 §8 estimates at most, and never less than
 * 256 bits. The columns: public value, secret, private exponent. */
static const struct ke_group groups[] = {
	{ KE_MODP_1024, KE_KIND_MODP, "DH", NULL, 128, 128, 256 },
	{ KE_MODP_1536, KE_KIND_MODP, "DH", "modp_1536", 192, 192, 256 },
	{ KE_MODP_2048, KE_KIND_MODP, "DH", "modp_2048", 256, 256, 320 },
	{ KE_MODP_3072, KE_KIND_MODP, "DH", "modp_3072", 384, 384, 420 },
	{ KE_MODP_4096, KE_KIND_MODP, "DH", "modp_4096", 512, 512, 480 },
	{ KE_MODP_6144, KE_KIND_MODP, "DH", "modp_6144", 768, 768, 540 },
	{ KE_MODP_8192, KE_KIND_MODP, "DH", "modp_8192", 1024, 1024, 620 },
	{ KE_ECP_256, KE_KIND_ECP, "EC", "P-256", 64, 32, 0 },
	{ KE_ECP_384, KE_KIND_ECP, "EC", "P-384", 96, 48, 0 },
	{ KE_ECP_521, KE_KIND_ECP, "EC", "P-521", 132, 66, 0 },
	{ KE_MODP_1024_160, KE_KIND_MODPQ, "DHX", "dh_1024_160", 128, 128, 0 },
	{ KE_MODP_2048_224, KE_KIND_MODPQ, "DHX", "dh_2048_224", 256, 256, 0 },
	{ KE_MODP_2048_256, KE_KIND_MODPQ, "DHX", "dh_2048_256", 256, 256, 0 },
	{ KE_BRAINPOOL_256, KE_KIND_ECP, "EC", "brainpoolP256r1", 64, 32, 0 },
	{ KE_BRAINPOOL_384, KE_KIND_ECP, "EC", "brainpoolP384r1", 96, 48, 0 },
	{ KE_BRAINPOOL_512, KE_KIND_ECP, "EC", "brainpoolP512r1", 128, 64, 0 },
	{ KE_CURVE25519, KE_KIND_X, "X25519", NULL, 32, 32, 0 },
	{ KE_CURVE448, KE_KIND_X, "X448", NULL, 56, 56, 0 },
};

const struct ke_group *group_find(uint16_t id)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (groups[i].id == id)
			return &groups[i];
	}
	return NULL;
}

bool ke_known(uint16_t group)
{
	return group_find(group) != NULL;
}

size_t ke_public_bytes(uint16_t group)
{
	const struct ke_group *row = group_find(group);

	return row ? row->public_bytes : 0;
}

/* Domain parameters. */

static EVP_PKEY *parameters_from(struct crypto *c, const char *type, OSSL_PARAM *params)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(c->lib, type, NULL);
	EVP_PKEY *key = NULL;

	if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEY_PARAMETERS, params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Group 2 has no name in OpenSSL: it is made of p and g alone. */
static EVP_PKEY *parameters_of_modp_1024(struct crypto *c)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	BIGNUM *p = BN_get_rfc2409_prime_1024(NULL);
	BIGNUM *g = BN_new();
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (build && p && g && BN_set_word(g, 2) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_P, p) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_G, g) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	if (params)
		key = parameters_from(c, "DH", params);

	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	BN_free(g);
	BN_free(p);
	return key;
}

EVP_PKEY *group_parameters(struct crypto *c, const struct ke_group *group)
{
	char name[24];

	if (group->kind == KE_KIND_X)
		return NULL;
	if (!group->name)
		return parameters_of_modp_1024(c);

	memcpy(name, group->name, strlen(group->name) + 1);
	return parameters_from(c, group->type,
		(OSSL_PARAM[]){
			OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
			OSSL_PARAM_construct_end(),
		});
}

/* Our side. */

static bool limit_exponent(EVP_PKEY_CTX *ctx, const struct ke_group *group)
{
	int bits = group->private_bits;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_DH_PRIV_LEN, &bits),
		OSSL_PARAM_construct_end(),
	};

	return bits == 0 || EVP_PKEY_CTX_set_params(ctx, params) == 1;
}

EVP_PKEY *group_generate(struct crypto *c, const struct ke_group *group)
{
	EVP_PKEY *parameters = group_parameters(c, group);
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = parameters ? EVP_PKEY_CTX_new_from_pkey(c->lib, parameters, NULL)
				       : EVP_PKEY_CTX_new_from_name(c->lib, group->type, NULL);

	if (ctx && EVP_PKEY_keygen_init(ctx) == 1 && limit_exponent(ctx, group))
		EVP_PKEY_generate(ctx, &key);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(parameters);
	return key;
}

int group_public_value(const struct ke_group *group, EVP_PKEY *key, uint8_t *out)
{
	size_t prefix = group->kind == KE_KIND_ECP ? 1 : 0;
	unsigned char *encoded = NULL;
	size_t size = EVP_PKEY_get1_encoded_public_key(key, &encoded);
	bool ok = size == prefix + group->public_bytes;

	if (ok)
		memcpy(out, encoded + prefix, group->public_bytes);
	OPENSSL_free(encoded);
	return ok ? 0 : drained(-EIO);
}

/* The peer's side. */

/* 1 < y < p-1, RFC 6989 §2.1; with small subgroups also y^q = 1 mod p, §2.2. Returns 0, -EBADMSG or
 * -EIO. */
static int judge_modp(
	struct crypto *c, const struct ke_group *group, EVP_PKEY *parameters, struct bytes value)
{
	BN_CTX *scratch = BN_CTX_new_ex(c->lib);
	BIGNUM *y = BN_bin2bn(value.data, (int)value.size, NULL);
	BIGNUM *power = BN_new();
	BIGNUM *last = BN_new();
	BIGNUM *p = NULL;
	BIGNUM *q = NULL;
	int r = -EIO;

	if (!scratch || !y || !power || !last ||
		EVP_PKEY_get_bn_param(parameters, OSSL_PKEY_PARAM_FFC_P, &p) != 1 ||
		BN_sub(last, p, BN_value_one()) != 1)
		goto out;

	r = BN_cmp(y, BN_value_one()) > 0 && BN_cmp(y, last) < 0 ? 0 : -EBADMSG;
	if (r != 0 || group->kind != KE_KIND_MODPQ)
		goto out;

	r = -EIO;
	if (EVP_PKEY_get_bn_param(parameters, OSSL_PKEY_PARAM_FFC_Q, &q) != 1 ||
		BN_mod_exp(power, y, q, p, scratch) != 1)
		goto out;
	r = BN_is_one(power) ? 0 : -EBADMSG;
out:
	BN_free(q);
	BN_free(p);
	BN_free(last);
	BN_free(power);
	BN_free(y);
	BN_CTX_free(scratch);
	return r;
}

/* OpenSSL refuses a point that is not on its curve, and coordinates that are not below p: RFC 6989
 * §2.3. */
static int set_value(const struct ke_group *group, EVP_PKEY *key, struct bytes value)
{
	uint8_t point[POINT_BYTES_MAX] = { POINT_UNCOMPRESSED };

	if (group->kind == KE_KIND_ECP) {
		memcpy(point + 1, value.data, value.size);
		value = BYTES(point, value.size + 1);
	}
	return EVP_PKEY_set1_encoded_public_key(key, value.data, value.size) == 1 ? 0 : -EBADMSG;
}

int group_peer_key(
	struct crypto *c, const struct ke_group *group, struct bytes value, EVP_PKEY **ret_key)
{
	EVP_PKEY *key;
	int r = 0;

	if (value.size != group->public_bytes)
		return -EBADMSG;

	if (group->kind == KE_KIND_X) {
		key = EVP_PKEY_new_raw_public_key_ex(
			c->lib, group->type, NULL, value.data, value.size);
		if (!key)
			return drained(-EIO);
		*ret_key = key;
		return 0;
	}

	key = group_parameters(c, group);
	if (!key)
		return drained(-EIO);
	if (group->kind != KE_KIND_ECP)
		r = judge_modp(c, group, key, value);
	if (r == 0)
		r = set_value(group, key, value);
	if (r != 0) {
		EVP_PKEY_free(key);
		return drained(r);
	}
	*ret_key = key;
	return 0;
}
