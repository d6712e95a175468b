/* Signatures of every form by every key: there and back, and what must not pass: altered, cut, grown, or said
 * to be something else than they are. */
#include "pki_files.h"
#include "vectors_signature.h"

#include <errno.h>

#include <openssl/err.h>

static const char *const key_names[] = { "rsa", "p256", "p384", "p521", "bp256", "ed25519",
	"ed448" };

/* Forms that fit a key. The blob is what digital signatures must begin with. */
static const struct form_case {
	const char *key;
	struct signature_form form;
	const char *blob;
} forms[] = {
	{ "rsa", { AUTH_RSA_SIGNATURE, HASH_SHA1, false }, NULL },
	{ "rsa", { AUTH_RSA_SIGNATURE, HASH_SHA2_256, false }, NULL },
	{ "rsa", { AUTH_RSA_SIGNATURE, HASH_SHA2_384, false }, NULL },
	{ "rsa", { AUTH_RSA_SIGNATURE, HASH_SHA2_512, false }, NULL },
	{ "rsa", { AUTH_DIGITAL_SIGNATURE, HASH_SHA2_256, false }, BLOB_RSA_SHA256 },
	{ "rsa", { AUTH_DIGITAL_SIGNATURE, HASH_SHA2_384, false }, BLOB_RSA_SHA384 },
	{ "rsa", { AUTH_DIGITAL_SIGNATURE, HASH_SHA2_512, false }, BLOB_RSA_SHA512 },
	{ "rsa", { AUTH_DIGITAL_SIGNATURE, HASH_SHA2_256, true }, BLOB_PSS("01", "20") },
	{ "rsa", { AUTH_DIGITAL_SIGNATURE, HASH_SHA2_384, true }, BLOB_PSS("02", "30") },
	{ "rsa", { AUTH_DIGITAL_SIGNATURE, HASH_SHA2_512, true }, BLOB_PSS("03", "40") },
	{ "p256", { AUTH_ECDSA_256, HASH_SHA2_256, false }, NULL },
	{ "p384", { AUTH_ECDSA_384, HASH_SHA2_384, false }, NULL },
	{ "p521", { AUTH_ECDSA_521, HASH_SHA2_512, false }, NULL },
	{ "p256", { AUTH_DIGITAL_SIGNATURE, HASH_SHA2_256, false }, BLOB_ECDSA_SHA256 },
	{ "p256", { AUTH_DIGITAL_SIGNATURE, HASH_SHA2_512, false }, BLOB_ECDSA_SHA512 },
	{ "p384", { AUTH_DIGITAL_SIGNATURE, HASH_SHA2_384, false }, BLOB_ECDSA_SHA384 },
	{ "p521", { AUTH_DIGITAL_SIGNATURE, HASH_SHA2_512, false }, BLOB_ECDSA_SHA512 },
	{ "bp256", { AUTH_DIGITAL_SIGNATURE, HASH_SHA2_256, false }, BLOB_ECDSA_SHA256 },
	{ "ed25519", { AUTH_DIGITAL_SIGNATURE, HASH_IDENTITY, false }, BLOB_ED25519 },
	{ "ed448", { AUTH_DIGITAL_SIGNATURE, HASH_IDENTITY, false }, BLOB_ED448 },
};

struct signature {
	size_t size;
	uint8_t data[SIGNATURE_BYTES_MAX];
};

static const struct bytes message[] = { { (const uint8_t *)"two ", 4 }, { NULL, 0 },
	{ (const uint8_t *)"parts", 5 } };

static struct signature sign(
	struct crypto *c, const struct private_key *k, const struct signature_form *form)
{
	struct signature s;

	assert_int_equal(
		signature_make(c, k, form, message, COUNT_OF(message), s.data, &s.size), 0);
	return s;
}

static int check(struct crypto *c, const struct public_key *k, uint8_t method, struct bytes data)
{
	struct signature_form untouched = { 99, 99, false };
	int r = signature_check(c, k, method, data, message, COUNT_OF(message), &untouched);

	assert_int_equal(untouched.method, r ? 99 : method);
	assert_int_equal(ERR_peek_error(), 0);
	return r;
}

/* There and back. */

static void every_form_comes_back(void **state)
{
	static const struct bytes whole = { (const uint8_t *)"two parts", 9 };
	static const struct bytes another = { (const uint8_t *)"two carts", 9 };

	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		const struct signature_form *form = &forms[i].form;
		struct private_key *priv = private_key_of(*state, forms[i].key);
		struct public_key *pub = public_key_of(*state, forms[i].key);
		struct signature s = sign(*state, priv, form);
		struct signature_form used = { 0 };

		assert_int_equal(signature_check(*state, pub, form->method, BYTES(s.data, s.size),
					 &whole, 1, &used),
			0);
		assert_int_equal(used.method, form->method);
		assert_int_equal(used.hash, form->hash);
		assert_int_equal(used.pss, form->pss);
		assert_int_equal(signature_check(*state, pub, form->method, BYTES(s.data, s.size),
					 &another, 1, NULL),
			-EBADMSG);
		private_key_free(priv);
		public_key_free(pub);
	}
}

static void digital_signatures_begin_as_the_rfcs_say(void **state)
{
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		struct vector blob = vector_of(forms[i].blob);
		struct private_key *priv = private_key_of(*state, forms[i].key);
		struct signature s = sign(*state, priv, &forms[i].form);

		if (forms[i].blob) {
			assert_int_equal(s.data[0], blob.size);
			assert_memory_equal(s.data + 1, blob.data, blob.size);
		}
		private_key_free(priv);
	}
}

/* Every combination of key, method, hash and padding either makes what its own key accepts, or is refused. */
static bool form_fits(const char *key, const struct signature_form *form)
{
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		const struct signature_form *f = &forms[i].form;
		bool any_hash =
			f->method == AUTH_DIGITAL_SIGNATURE && key[0] != 'r' && key[0] != 'e';

		if (strcmp(forms[i].key, key) == 0 && f->method == form->method &&
			f->pss == form->pss &&
			(f->hash == form->hash ||
				(any_hash && form->hash >= HASH_SHA2_256 &&
					form->hash <= HASH_SHA2_512) ||
				(!form->hash && f->method != AUTH_DIGITAL_SIGNATURE)))
			return true;
	}
	return false;
}

static void forms_that_do_not_fit_are_refused(void **state)
{
	static const uint8_t methods[] = { 0, AUTH_RSA_SIGNATURE, AUTH_SHARED_KEY,
		AUTH_DSS_SIGNATURE, AUTH_ECDSA_256, AUTH_ECDSA_384, AUTH_ECDSA_521, AUTH_NULL,
		AUTH_DIGITAL_SIGNATURE, 255 };

	for (size_t i = 0; i < COUNT_OF(key_names); i++) {
		struct private_key *k = private_key_of(*state, key_names[i]);

		for (size_t j = 0; j < COUNT_OF(methods) * 7 * 2; j++) {
			struct signature_form form = { methods[j / 14], (uint8_t)(j % 7),
				j / 7 % 2 };
			struct signature s;
			int r = signature_make(
				*state, k, &form, message, COUNT_OF(message), s.data, &s.size);

			if (r != (form_fits(key_names[i], &form) ? 0 : -ENOTSUP))
				fail_msg("%s method %u hash %u pss %u gives %d", key_names[i],
					form.method, form.hash, form.pss, r);
		}
		private_key_free(k);
	}
}

static void a_signature_is_of_one_key_and_one_method(void **state)
{
	static const uint8_t methods[] = { AUTH_RSA_SIGNATURE, AUTH_ECDSA_256, AUTH_ECDSA_384,
		AUTH_ECDSA_521, AUTH_DIGITAL_SIGNATURE, AUTH_SHARED_KEY };

	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		struct private_key *priv = private_key_of(*state, forms[i].key);
		struct signature s = sign(*state, priv, &forms[i].form);

		for (size_t j = 0; j < COUNT_OF(key_names) * COUNT_OF(methods); j++) {
			const char *name = key_names[j % COUNT_OF(key_names)];
			uint8_t method = methods[j / COUNT_OF(key_names)];
			struct public_key *pub = public_key_of(*state, name);
			bool right =
				method == forms[i].form.method && strcmp(name, forms[i].key) == 0;
			int r = check(*state, pub, method, BYTES(s.data, s.size));

			assert_int_equal(r == 0, right);
			assert_true(right || r == -EBADMSG || r == -ENOTSUP);
			public_key_free(pub);
		}
		private_key_free(priv);
	}
}

/* What must not pass. */

static void altered_signatures_fail(void **state)
{
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		struct private_key *priv = private_key_of(*state, forms[i].key);
		struct public_key *pub = public_key_of(*state, forms[i].key);
		struct signature s = sign(*state, priv, &forms[i].form);

		for (size_t at = 0; at < s.size; at++) {
			uint8_t bit = (uint8_t)(1 << at % 8);

			s.data[at] ^= bit;
			assert_int_not_equal(
				check(*state, pub, forms[i].form.method, BYTES(s.data, s.size)), 0);
			s.data[at] ^= bit;
		}
		private_key_free(priv);
		public_key_free(pub);
	}
}

static void cut_and_grown_signatures_fail(void **state)
{
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		uint8_t method = forms[i].form.method;
		struct private_key *priv = private_key_of(*state, forms[i].key);
		struct public_key *pub = public_key_of(*state, forms[i].key);
		struct signature s = sign(*state, priv, &forms[i].form);

		for (size_t size = 0; size < s.size; size++)
			assert_int_equal(check(*state, pub, method, BYTES(s.data, size)), -EBADMSG);
		s.data[s.size] = 0;
		assert_int_equal(check(*state, pub, method, BYTES(s.data, s.size + 1)), -EBADMSG);
		assert_int_equal(check(*state, pub, method, BYTES_EMPTY), -EBADMSG);
		private_key_free(priv);
		public_key_free(pub);
	}
}

/* Randomness. */

/* The key comes from another context: what is drawn still comes from the one that signs. */
static void one_seed_gives_one_signature(void **state)
{
	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		struct private_key *k = private_key_of(*state, forms[i].key);
		uint64_t seed_a = 7, seed_b = 7, seed_other = 8;
		struct crypto *a = crypto_new(&(struct random_source){ seed_fill, &seed_a });
		struct crypto *b = crypto_new(&(struct random_source){ seed_fill, &seed_b });
		struct crypto *other =
			crypto_new(&(struct random_source){ seed_fill, &seed_other });
		struct signature from_a = sign(a, k, &forms[i].form),
				 from_b = sign(b, k, &forms[i].form);
		struct signature from_other = sign(other, k, &forms[i].form);
		bool draws = forms[i].form.pss || forms[i].key[0] == 'p' || forms[i].key[0] == 'b';

		assert_true(bytes_equal(
			BYTES(from_a.data, from_a.size), BYTES(from_b.data, from_b.size)));
		assert_int_equal(bytes_equal(BYTES(from_a.data, from_a.size),
					 BYTES(from_other.data, from_other.size)),
			!draws);
		private_key_free(k);
		crypto_free(a);
		crypto_free(b);
		crypto_free(other);
	}
}

#define PKI_TEST(function) cmocka_unit_test_setup_teardown(function, pki_begin, pki_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PKI_TEST(every_form_comes_back),
		PKI_TEST(digital_signatures_begin_as_the_rfcs_say),
		PKI_TEST(forms_that_do_not_fit_are_refused),
		PKI_TEST(a_signature_is_of_one_key_and_one_method),
		PKI_TEST(altered_signatures_fail),
		PKI_TEST(cut_and_grown_signatures_fail),
		PKI_TEST(one_seed_gives_one_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
