/* Keys in all their forms, and what a certificate says of itself. */
#include "pki_files.h"

#include <errno.h>

#include <openssl/err.h>

/* Private keys. */

static void every_form_of_a_key_is_the_same_key(void **state)
{
	static const struct {
		const char *file, *passphrase, *name;
	} forms[] = {
		{ "rsa.key.pem", NULL, "rsa" },
		{ "rsa.pkcs8.der", NULL, "rsa" },
		{ "rsa.pkcs1.pem", NULL, "rsa" },
		{ "rsa.pkcs1.der", "not needed", "rsa" },
		{ "p256.key.pem", NULL, "p256" },
		{ "p256.sec1.pem", NULL, "p256" }, /* EC PARAMETERS come first in it */
		{ "p256.sec1.der", NULL, "p256" },
		{ "p256.locked.pem", "tern", "p256" },
		{ "p256.locked.der", "tern", "p256" },
		{ "p256.locked-sec1.pem", "tern", "p256" },
		{ "ed25519.key.pem", NULL, "ed25519" },
		{ "ed448.key.pem", NULL, "ed448" },
	};

	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		struct file f = file_read(forms[i].file);
		struct public_key *pub = public_key_of(*state, forms[i].name);
		struct private_key *k = NULL;
		uint8_t id[20], pub_id[20];

		print_message("  %s\n", forms[i].file);
		assert_int_equal(
			private_key_load(*state, file_bytes(&f), forms[i].passphrase, &k), 0);
		assert_true(public_key_matches(pub, k));
		assert_true(bytes_equal(private_key_info(k), public_key_info(pub)));
		private_key_id(k, id);
		public_key_id(pub, pub_id);
		assert_memory_equal(id, pub_id, 20);
		assert_int_equal(ERR_peek_error(), 0);
		private_key_free(k);
		public_key_free(pub);
	}
}

static void a_key_knows_its_type_and_size(void **state)
{
	static const struct {
		const char *name;
		enum key_type type;
		unsigned bits;
	} keys[] = {
		{ "rsa", KEY_RSA, 2048 },
		{ "p256", KEY_ECDSA, 256 },
		{ "p384", KEY_ECDSA, 384 },
		{ "p521", KEY_ECDSA, 521 },
		{ "bp256", KEY_ECDSA, 256 },
		{ "ed25519", KEY_ED25519, 256 },
		{ "ed448", KEY_ED448, 456 },
	};

	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		struct private_key *k = private_key_of(*state, keys[i].name);
		struct public_key *pub = public_key_of(*state, keys[i].name);
		struct public_key *other = public_key_of(*state, "other");

		assert_int_equal(private_key_type(k), keys[i].type);
		assert_int_equal(private_key_bits(k), keys[i].bits);
		assert_int_equal(public_key_type(pub), keys[i].type);
		assert_int_equal(public_key_bits(pub), keys[i].bits);
		assert_false(public_key_matches(other, k));
		private_key_free(k);
		public_key_free(pub);
		public_key_free(other);
	}
}

static int load_private(struct crypto *c, const char *file, const char *passphrase)
{
	struct file f = file_read(file);
	struct private_key *untouched = NULL;
	int r = private_key_load(c, file_bytes(&f), passphrase, &untouched);

	assert_null(untouched);
	assert_int_equal(ERR_peek_error(), 0);
	return r;
}

static void a_locked_key_stays_locked(void **state)
{
	static const char *const locked[] = { "p256.locked.pem", "p256.locked.der",
		"p256.locked-sec1.pem" };

	for (size_t i = 0; i < COUNT_OF(locked); i++) {
		assert_int_equal(load_private(*state, locked[i], NULL), -EACCES);
		assert_int_equal(load_private(*state, locked[i], "wrong"), -EACCES);
		assert_int_equal(load_private(*state, locked[i], ""), -EACCES);
	}
}

static void what_is_no_key_of_ours_does_not_load(void **state)
{
	static const char *const files[] = {
		"explicit.key.pem",
		"secp256k1.key.pem",
		"x25519.key.pem",
		"rsa768.key.pem",
		"p256.pub.pem",
		"p256.pem",
		"message.txt",
		"rsa.sha256.sig",
		"p256.pub.der",
	};
	struct private_key *k = NULL;

	for (size_t i = 0; i < COUNT_OF(files); i++)
		assert_int_equal(load_private(*state, files[i], NULL), -EBADMSG);
	assert_int_equal(private_key_load(*state, BYTES_EMPTY, NULL, &k), -EBADMSG);
}

/* Public keys. */

static void public_keys_load_from_every_form(void **state)
{
	static const struct {
		const char *file, *name;
	} forms[] = {
		{ "rsa.pub.der", "rsa" },
		{ "rsa.pub1.pem", "rsa" },
		{ "rsa.pub1.der", "rsa" },
		{ "p256.pub.der", "p256" },
		{ "ed25519.pub.der", "ed25519" },
	};

	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		struct file f = file_read(forms[i].file);
		struct public_key *pub = public_key_of(*state, forms[i].name), *k = NULL;

		assert_int_equal(public_key_load(*state, file_bytes(&f), &k), 0);
		assert_true(bytes_equal(public_key_info(k), public_key_info(pub)));
		public_key_free(k);
		public_key_free(pub);
	}
}

/* CERT payloads of raw public keys come from peers: neither more nor less than the key (RFC 7670 §3). */
static void a_public_key_is_exact(void **state)
{
	static const char *const files[] = { "p256.pub.der", "rsa.pub1.der" };

	for (size_t i = 0; i < COUNT_OF(files); i++) {
		struct file f = file_read(files[i]);
		struct public_key *k = NULL;

		f.data[f.size] = 0;
		assert_int_equal(public_key_load(*state, BYTES(f.data, f.size + 1), &k), -EBADMSG);
		for (size_t size = 0; size < f.size; size++)
			assert_int_equal(
				public_key_load(*state, BYTES(f.data, size), &k), -EBADMSG);
		assert_int_equal(ERR_peek_error(), 0);
	}
}

/* Cross-checked: the key id is what a subject key identifier made with "hash" is (RFC 5280 §4.2.1.2). */
static void identifiers_are_hashes(void **state)
{
	struct certificate *cert = certificate_of(*state, "p256");
	struct public_key *k = public_key_hold(certificate_key(cert));
	struct bytes info = public_key_info(k);
	uint8_t id[20], hash[20], expected[20];

	public_key_id(k, id);
	public_key_info_hash(k, hash);
	assert_int_equal(hash_sha1(*state, &info, 1, expected), 0);
	assert_memory_equal(hash, expected, 20);
	assert_true(certificate_has_id(cert, ID_KEY_ID, BYTES_OF(id)));
	assert_false(certificate_has_id(cert, ID_KEY_ID, BYTES_OF(hash)));

	certificate_free(cert); /* the key that we hold outlives it */
	assert_int_equal(public_key_type(k), KEY_ECDSA);
	public_key_free(k);
}

/* Certificates. */

static void a_certificate_tells_what_it_holds(void **state)
{
	struct certificate *moon = certificate_of(*state, "p256"),
			   *root = certificate_of(*state, "root");
	struct certificate *inter = certificate_of(*state, "inter"), *from_der = NULL;
	struct private_key *k = private_key_of(*state, "p256");
	struct file der = file_read("p256.der");
	char text[64], cut[8];

	assert_int_equal(certificate_load(*state, file_bytes(&der), &from_der), 0);
	assert_true(bytes_equal(certificate_der(moon), file_bytes(&der)));
	assert_true(bytes_equal(certificate_der(from_der), file_bytes(&der)));
	assert_string_equal(
		certificate_subject_text(moon, text, sizeof(text)), "C=CH, O=tern, CN=moon");
	assert_string_equal(certificate_subject_text(moon, cut, sizeof(cut)), "C=CH, O");
	assert_true(bytes_equal(certificate_issuer(moon), certificate_subject(inter)));
	assert_true(bytes_equal(certificate_issuer(root), certificate_subject(root)));
	assert_true(public_key_matches(certificate_key(moon), k));
	assert_true(
		certificate_is_ca(root) && certificate_is_ca(inter) && !certificate_is_ca(moon));
	assert_true(certificate_is_self_signed(root) && !certificate_is_self_signed(inter));
	assert_int_equal(certificate_not_before(moon), 1577836800); /* 2020-01-01 */
	assert_int_equal(certificate_not_after(moon),
		3155760000); /* 2070-01-01, past what a UTCTime can say */

	assert_ptr_equal(certificate_hold(moon), moon);
	certificate_free(moon);
	certificate_free(moon);
	certificate_free(inter);
	certificate_free(root);
	certificate_free(from_der);
	private_key_free(k);
}

static void a_certificate_is_exact(void **state)
{
	struct file f = file_read("p256.der");
	struct certificate *cert = NULL;

	f.data[f.size] = 0;
	assert_int_equal(certificate_load(*state, BYTES(f.data, f.size + 1), &cert), -EBADMSG);
	for (size_t size = 0; size < f.size; size++)
		assert_int_equal(certificate_load(*state, BYTES(f.data, size), &cert), -EBADMSG);
	f = file_read("p256.pub.pem");
	assert_int_equal(certificate_load(*state, file_bytes(&f), &cert), -EBADMSG);
	assert_int_equal(ERR_peek_error(), 0);
}

/* Whatever an octet is turned into, loading ends well: no crash, no leak, no error left behind. */
static void a_mangled_certificate_does_no_harm(void **state)
{
	struct file f = file_read("p256.der");
	char text[300];

	for (size_t i = 0; i < f.size; i++) {
		struct certificate *cert = NULL;
		uint8_t was = f.data[i];

		f.data[i] ^= (uint8_t)(1 + i % 255);
		if (certificate_load(*state, file_bytes(&f), &cert) == 0) {
			certificate_subject_text(cert, text, sizeof(text));
			certificate_has_id(cert, ID_FQDN, bytes_of_text("moon.tern.example"));
			certificate_free(cert);
		}
		assert_int_equal(ERR_peek_error(), 0);
		f.data[i] = was;
	}
}

#define PKI_TEST(function) cmocka_unit_test_setup_teardown(function, pki_begin, pki_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PKI_TEST(every_form_of_a_key_is_the_same_key),
		PKI_TEST(a_key_knows_its_type_and_size),
		PKI_TEST(a_locked_key_stays_locked),
		PKI_TEST(what_is_no_key_of_ours_does_not_load),
		PKI_TEST(public_keys_load_from_every_form),
		PKI_TEST(a_public_key_is_exact),
		PKI_TEST(identifiers_are_hashes),
		PKI_TEST(a_certificate_tells_what_it_holds),
		PKI_TEST(a_certificate_is_exact),
		PKI_TEST(a_mangled_certificate_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
