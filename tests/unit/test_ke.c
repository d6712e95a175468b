/* Key exchange: known answers, agreement, and the values of peers that must be refused (RFC 6989
 * §2, RFC 7748 §6). */
#include "crypto/internal.h"
#include "vectors_ke.h"

#include <errno.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

static const uint16_t groups[] = { KE_MODP_1024, KE_MODP_1536, KE_MODP_2048, KE_MODP_3072,
	KE_MODP_4096, KE_MODP_6144, KE_MODP_8192, KE_ECP_256, KE_ECP_384, KE_ECP_521,
	KE_MODP_1024_160, KE_MODP_2048_224, KE_MODP_2048_256, KE_BRAINPOOL_256, KE_BRAINPOOL_384,
	KE_BRAINPOOL_512, KE_CURVE25519, KE_CURVE448 };

static int open_crypto(void **state)
{
	*state = crypto_new(NULL);
	return *state ? 0 : -1;
}

static int close_crypto(void **state)
{
	crypto_free(*state);
	return 0;
}

/* Vectors: a key pair is put together from its two halves, then finishes an exchange like one of
 * our own. */

static EVP_PKEY *key_of_numbers(struct crypto *c, const struct ke_group *group,
	const struct vector *private, const struct vector *public)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(c->lib, group->type, NULL);
	BIGNUM *priv = BN_bin2bn(private->data, (int)private->size, NULL);
	BIGNUM *pub = BN_bin2bn(public->data, (int)public->size, NULL);
	uint8_t point[200] = { 4 };
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;

	memcpy(point + 1, public->data, public->size > 199 ? 199 : public->size);
	assert_int_equal(
		OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group->name, 0),
		1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, priv), 1);
	if (group->kind == KE_KIND_ECP)
		OSSL_PARAM_BLD_push_octet_string(
			build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + public->size);
	else
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PUB_KEY, pub);
	params = OSSL_PARAM_BLD_to_param(build);

	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
	OSSL_PARAM_free(params);
	BN_free(priv);
	BN_free(pub);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_BLD_free(build);
	return key;
}

static struct ke_private private_of(
	struct crypto *c, uint16_t id, const char *private, const char *public)
{
	const struct ke_group *group = group_find(id);
	const struct vector priv = vector_of(private);
	const struct vector pub = vector_of(public);

	if (group->kind == KE_KIND_X)
		return (struct ke_private){ group,
			EVP_PKEY_new_raw_private_key_ex(
				c->lib, group->type, NULL, priv.data, priv.size) };
	return (struct ke_private){ group, key_of_numbers(c, group, &priv, &pub) };
}

static void check_side(struct crypto *c, const struct ke_vector *v, const struct ke_private *mine,
	const char *public, const char *peer)
{
	const struct vector expected_public = vector_of(public);
	const struct vector expected_secret = vector_of(v->secret);
	const struct vector value = vector_of(peer);
	uint8_t out[KE_BYTES_MAX];
	size_t size = 0;

	assert_int_equal(group_public_value(mine->group, mine->key, out), 0);
	assert_int_equal(ke_public_bytes(v->group), expected_public.size);
	assert_memory_equal(out, expected_public.data, expected_public.size);

	assert_int_equal(ke_finish(c, mine, vector_bytes(&value), out, &size), 0);
	assert_int_equal(size, expected_secret.size);
	assert_memory_equal(out, expected_secret.data, size);
}

static void both_sides_of_known_exchanges(void **state)
{
	for (size_t i = 0; i < COUNT_OF(ke_vectors); i++) {
		const struct ke_vector *v = &ke_vectors[i];
		struct ke_private a = private_of(*state, v->group, v->private_a, v->public_a);
		struct ke_private b = private_of(*state, v->group, v->private_b, v->public_b);

		print_message("%s\n", v->from);
		check_side(*state, v, &a, v->public_a, v->public_b);
		check_side(*state, v, &b, v->public_b, v->public_a);
		EVP_PKEY_free(a.key);
		EVP_PKEY_free(b.key);
	}
}

/* Agreement. */

static void assert_agreement(
	struct crypto *first, struct crypto *last, uint16_t group, uint8_t ret_secret[KE_BYTES_MAX])
{
	struct ke_private *private = NULL;
	uint8_t value_i[KE_BYTES_MAX], value_r[KE_BYTES_MAX], secret_r[KE_BYTES_MAX];
	size_t size_i = 0, size_r = 0, secret_i_size = 0, secret_r_size = 0;

	assert_int_equal(ke_begin(first, group, &private, value_i, &size_i), 0);
	assert_int_equal(size_i, ke_public_bytes(group));
	assert_int_equal(ke_respond(last, group, BYTES(value_i, size_i), value_r, &size_r, secret_r,
				 &secret_r_size),
		0);
	assert_int_equal(size_r, ke_public_bytes(group));
	assert_int_equal(
		ke_finish(last, private, BYTES(value_r, size_r), ret_secret, &secret_i_size), 0);

	assert_int_equal(secret_i_size, secret_r_size);
	assert_memory_equal(ret_secret, secret_r, secret_i_size);
	assert_memory_not_equal(value_i, value_r, size_i);
	ke_private_free(private);
}

static void every_group_agrees(void **state)
{
	uint8_t secret[KE_BYTES_MAX];

	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		assert_true(ke_known(groups[i]));
		assert_agreement(*state, *state, groups[i], secret);
	}
}

/* A worker of the pool may finish what another one began. */
static void another_context_finishes_an_exchange(void **state)
{
	struct crypto *other = crypto_new(NULL);
	uint8_t secret[KE_BYTES_MAX];

	for (size_t i = 0; i < COUNT_OF(groups); i++)
		assert_agreement(*state, other, groups[i], secret);
	crypto_free(other);
}

/* Secrets that begin with zeros are as long as the others. The seed brings some of them. */
static void leading_zeros_are_kept(void **state)
{
	uint64_t seed = 1;
	const struct random_source source = seed_source(&seed);
	struct crypto *c = crypto_new(&source);
	uint8_t secret[KE_BYTES_MAX];
	int with_zero = 0;

	(void)state;
	for (int i = 0; i < 700; i++) {
		assert_agreement(c, c, KE_MODP_1024, secret);
		with_zero += secret[0] == 0;
	}
	assert_int_not_equal(with_zero, 0);
	crypto_free(c);
}

static void exponents_are_as_short_as_the_table_says(void **state)
{
	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		const struct ke_group *group = group_find(groups[i]);
		EVP_PKEY *key;
		BIGNUM *x = NULL;

		if (group->kind != KE_KIND_MODP)
			continue;
		key = group_generate(*state, group);
		assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &x), 1);
		assert_in_range(BN_num_bits(x), group->private_bits - 40, group->private_bits);
		BN_clear_free(x);
		EVP_PKEY_free(key);
	}
}

static void unknown_groups_are_unknown(void **state)
{
	static const uint16_t unknown[] = { 0, 1, 3, 13, 25, 26, 27, 33, 1024 };
	struct ke_private *private = NULL;
	uint8_t out[KE_BYTES_MAX], secret[KE_BYTES_MAX];
	size_t size = 0, secret_size = 0;

	for (size_t i = 0; i < COUNT_OF(unknown); i++) {
		assert_false(ke_known(unknown[i]));
		assert_int_equal(ke_public_bytes(unknown[i]), 0);
		assert_int_equal(ke_begin(*state, unknown[i], &private, out, &size), -ENOTSUP);
		assert_int_equal(ke_respond(*state, unknown[i], BYTES_EMPTY, out, &size, secret,
					 &secret_size),
			-ENOTSUP);
	}
	assert_null(private);
	ke_private_free(private);
}

/* What a peer may send. */

static int answer_to(struct crypto *c, uint16_t group, struct bytes peer)
{
	struct ke_private *private = NULL;
	uint8_t out[KE_BYTES_MAX], secret[KE_BYTES_MAX];
	size_t size = 0, secret_size = 12345;
	int r = ke_respond(c, group, peer, out, &size, secret, &secret_size);

	assert_int_equal(ke_begin(c, group, &private, out, &size), 0);
	assert_int_equal(ke_finish(c, private, peer, secret, &secret_size), r);
	assert_int_equal(secret_size == 12345, r != 0);
	assert_int_equal(ERR_peek_error(), 0);
	ke_private_free(private);
	return r;
}

static void values_of_a_wrong_length_are_refused(void **state)
{
	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		uint8_t value[KE_BYTES_MAX] = { 0 };
		struct ke_private *private;
		size_t size;

		assert_int_equal(ke_begin(*state, groups[i], &private, value, &size), 0);
		assert_int_equal(answer_to(*state, groups[i], BYTES(value, size)), 0);
		assert_int_equal(answer_to(*state, groups[i], BYTES(value, size - 1)), -EBADMSG);
		assert_int_equal(
			answer_to(*state, groups[i], BYTES(value + 1, size - 1)), -EBADMSG);
		assert_int_equal(answer_to(*state, groups[i], BYTES(value, size + 1)), -EBADMSG);
		assert_int_equal(answer_to(*state, groups[i], BYTES_EMPTY), -EBADMSG);
		ke_private_free(private);
	}
}

/* p + `offset` as a KE value; with `from_zero`, the offset itself. */
static struct bytes modp_value(
	struct crypto *c, uint16_t group, bool from_zero, int offset, uint8_t out[KE_BYTES_MAX])
{
	EVP_PKEY *parameters = group_parameters(c, group_find(group));
	BIGNUM *value = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(parameters, OSSL_PKEY_PARAM_FFC_P, &value), 1);
	if (from_zero)
		BN_zero(value);
	if (offset < 0)
		assert_int_equal(BN_sub_word(value, (BN_ULONG)-offset), 1);
	else
		assert_int_equal(BN_add_word(value, (BN_ULONG)offset), 1);
	assert_true(BN_bn2binpad(value, out, (int)ke_public_bytes(group)) > 0);
	BN_free(value);
	EVP_PKEY_free(parameters);
	return BYTES(out, ke_public_bytes(group));
}

static void modp_values_out_of_range_are_refused(void **state)
{
	uint8_t out[KE_BYTES_MAX];

	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		enum ke_kind kind = group_find(groups[i])->kind;

		if (kind != KE_KIND_MODP && kind != KE_KIND_MODPQ)
			continue;
		assert_int_equal(
			answer_to(*state, groups[i], modp_value(*state, groups[i], true, 0, out)),
			-EBADMSG);
		assert_int_equal(
			answer_to(*state, groups[i], modp_value(*state, groups[i], true, 1, out)),
			-EBADMSG);
		assert_int_equal(
			answer_to(*state, groups[i], modp_value(*state, groups[i], false, -1, out)),
			-EBADMSG);
		assert_int_equal(
			answer_to(*state, groups[i], modp_value(*state, groups[i], false, 0, out)),
			-EBADMSG);
		assert_int_equal(
			answer_to(*state, groups[i], modp_value(*state, groups[i], false, 1, out)),
			-EBADMSG);
		memset(out, 0xff, sizeof(out));
		assert_int_equal(
			answer_to(*state, groups[i], BYTES(out, ke_public_bytes(groups[i]))),
			-EBADMSG);
	}
}

/* 2 and p-2 are in range everywhere, but in none of the subgroups of RFC 5114. */
static void modp_values_outside_the_subgroup_are_refused(void **state)
{
	uint8_t out[KE_BYTES_MAX];

	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		enum ke_kind kind = group_find(groups[i])->kind;
		int expected = kind == KE_KIND_MODPQ ? -EBADMSG : 0;

		if (kind != KE_KIND_MODP && kind != KE_KIND_MODPQ)
			continue;
		assert_int_equal(
			answer_to(*state, groups[i], modp_value(*state, groups[i], true, 2, out)),
			expected);
		assert_int_equal(
			answer_to(*state, groups[i], modp_value(*state, groups[i], false, -2, out)),
			expected);
	}
}

static void points_off_the_curve_are_refused(void **state)
{
	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		size_t size = ke_public_bytes(groups[i]);
		uint8_t value[KE_BYTES_MAX];
		struct ke_private *private;
		size_t written;

		if (group_find(groups[i])->kind != KE_KIND_ECP)
			continue;
		assert_int_equal(ke_begin(*state, groups[i], &private, value, &written), 0);
		for (size_t at = 0; at < size; at += 5) {
			value[at] ^= 1;
			assert_int_equal(
				answer_to(*state, groups[i], BYTES(value, size)), -EBADMSG);
			value[at] ^= 1;
		}
		assert_int_equal(answer_to(*state, groups[i], BYTES(value, size)), 0);

		memset(value, 0, size);
		assert_int_equal(answer_to(*state, groups[i], BYTES(value, size)), -EBADMSG);
		memset(value, 0xff, size);
		assert_int_equal(answer_to(*state, groups[i], BYTES(value, size)), -EBADMSG);
		ke_private_free(private);
	}
}

/* x = 5 and x = 5 + p name the same point of P-256, but only one of them is how to write it. */
static void coordinates_above_p_are_refused(void **state)
{
	const struct vector point =
		vector_of("0000000000000000000000000000000000000000000000000000000000000005"
			  "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc");
	const struct vector beyond =
		vector_of("ffffffff00000001000000000000000000000001000000000000000000000004"
			  "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc");

	assert_int_equal(answer_to(*state, KE_ECP_256, vector_bytes(&point)), 0);
	assert_int_equal(answer_to(*state, KE_ECP_256, vector_bytes(&beyond)), -EBADMSG);
}

/* Points of small order on curve25519 and curve448: the secret is zero with any private key. */
static void zero_secrets_are_refused(void **state)
{
	static const char *const small_25519[] = {
		"00*32",
		"0100*31",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecff*30 7f",
		"edff*30 7f",
		"eeff*30 7f",
	};
	static const char *const small_448[] = {
		"00*56",
		"0100*55",
		"feff*27 feff*27",
		"ff*28 feff*27",
	};

	for (size_t i = 0; i < COUNT_OF(small_25519); i++) {
		const struct vector value = vector_of(small_25519[i]);

		assert_int_equal(value.size, 32);
		assert_int_equal(answer_to(*state, KE_CURVE25519, vector_bytes(&value)), -EBADMSG);
	}
	for (size_t i = 0; i < COUNT_OF(small_448); i++) {
		const struct vector value = vector_of(small_448[i]);

		assert_int_equal(value.size, 56);
		assert_int_equal(answer_to(*state, KE_CURVE448, vector_bytes(&value)), -EBADMSG);
	}
}

/* RFC 8031 §3.2: the top bit of an x25519 value is masked, not refused. */
static void the_top_bit_of_x25519_is_ignored(void **state)
{
	const struct ke_vector *v = &ke_vectors[COUNT_OF(ke_vectors) - 1];
	struct ke_private a = private_of(*state, v->group, v->private_a, v->public_a);
	const struct vector expected = vector_of(v->secret);
	struct vector peer = vector_of(v->public_b);
	uint8_t secret[KE_BYTES_MAX];
	size_t size;

	assert_int_equal(v->group, KE_CURVE25519);
	peer.data[31] ^= 0x80;
	assert_int_equal(ke_finish(*state, &a, vector_bytes(&peer), secret, &size), 0);
	assert_memory_equal(secret, expected.data, expected.size);
	EVP_PKEY_free(a.key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_sides_of_known_exchanges),
		cmocka_unit_test(every_group_agrees),
		cmocka_unit_test(another_context_finishes_an_exchange),
		cmocka_unit_test(leading_zeros_are_kept),
		cmocka_unit_test(exponents_are_as_short_as_the_table_says),
		cmocka_unit_test(unknown_groups_are_unknown),
		cmocka_unit_test(values_of_a_wrong_length_are_refused),
		cmocka_unit_test(modp_values_out_of_range_are_refused),
		cmocka_unit_test(modp_values_outside_the_subgroup_are_refused),
		cmocka_unit_test(points_off_the_curve_are_refused),
		cmocka_unit_test(coordinates_above_p_are_refused),
		cmocka_unit_test(zero_secrets_are_refused),
		cmocka_unit_test(the_top_bit_of_x25519_is_ignored),
	};

	return cmocka_run_group_tests(tests, open_crypto, close_crypto);
}
