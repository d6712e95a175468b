/* Who a certificate speaks for, and distinguished names between DER and text. */
#include "pki_files.h"

#include <errno.h>

#include <openssl/err.h>

/* Identities. */

static void a_certificate_speaks_for_its_names_alone(void **state)
{
	static const struct {
		uint8_t type;
		const char *value;
		bool has;
	} cases[] = {
		{ ID_FQDN, "'moon.tern.example'", true },
		{ ID_FQDN, "'MOON.Tern.Example'", true },
		{ ID_FQDN, "'moon.tern.example.'", false },
		{ ID_FQDN, "'oon.tern.example'", false },
		{ ID_FQDN, "'moon.tern.exampl'", false },
		{ ID_FQDN, "6d6f6f6e2e7465726e2e6578616d706c6500",
			false },              /* moon.tern.example\0 */
		{ ID_FQDN, "'moon'", false }, /* its commonName */
		{ ID_FQDN, "'a.wild.example'", false },
		{ ID_FQDN, "'*.wild.example'", false },
		{ ID_FQDN, "'moon@tern.example'", false },
		{ ID_FQDN, "", false },
		{ ID_RFC822_ADDR, "'moon@tern.example'", true },
		{ ID_RFC822_ADDR, "'sun@tern.example'", false },
		{ ID_RFC822_ADDR, "'moon.tern.example'", false },
		{ ID_IPV4_ADDR, "c0000201", true },
		{ ID_IPV4_ADDR, "c0000202", false },
		{ ID_IPV4_ADDR, "20010db8000000000000000000000001", false },
		{ ID_IPV6_ADDR, "20010db8000000000000000000000001", true },
		{ ID_IPV6_ADDR, "20010db8000000000000000000000002", false },
		{ ID_IPV6_ADDR, "c0000201", false },
		{ ID_DER_ASN1_GN, "'moon.tern.example'", false },
		{ ID_NULL, "", false },
		{ ID_KEY_ID, "'moon'", false },
		{ ID_KEY_ID, "", false },
	};
	struct certificate *moon = certificate_of(*state, "p256");

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct vector v = vector_of(cases[i].value);

		if (certificate_has_id(moon, cases[i].type, vector_bytes(&v)) != cases[i].has)
			fail_msg("type %u value %s", cases[i].type, cases[i].value);
	}
	certificate_free(moon);
}

static bool has_name(const struct certificate *cert, const char *text)
{
	uint8_t der[512];
	int size = name_from_text(text, der, sizeof(der));

	assert_true(size > 0);
	return certificate_has_id(cert, ID_DER_ASN1_DN, BYTES(der, (size_t)size));
}

/* The certificates hold UTF8Strings, name_from_text() makes PrintableStrings. */
static void distinguished_names_match_whatever_their_encoding(void **state)
{
	struct certificate *moon = certificate_of(*state, "p256");

	assert_true(certificate_has_id(moon, ID_DER_ASN1_DN, certificate_subject(moon)));
	assert_true(has_name(moon, "C=CH, O=tern, CN=moon"));
	assert_true(has_name(moon, "/C=CH/O=tern/CN=moon"));
	assert_true(has_name(moon, "c=ch,o=TERN,cn=\" Moon \""));
	assert_false(has_name(moon, "O=tern, C=CH, CN=moon"));
	assert_false(has_name(moon, "C=CH, O=tern"));
	assert_false(has_name(moon, "C=CH, O=tern, CN=*"));
	assert_false(has_name(moon, "C=CH, O=tern, CN=moon, CN=moon"));
	assert_false(certificate_has_id(moon, ID_DER_ASN1_DN, BYTES_EMPTY));
	assert_false(certificate_has_id(moon, ID_DER_ASN1_DN, bytes_of_text("moon")));
	certificate_free(moon);
}

/* Names. */

static void names_read_as_they_print(void **state)
{
	static const struct {
		const char *text, *printed; /* NULL where the same */
	} names[] = {
		{ "C=CH, O=tern, CN=moon", NULL },
		{ "/C=CH/O=tern/CN=a, b", "C=CH, O=tern, CN=a\\, b" },
		{ "C = CH ,O=two words , CN= moon ", "C=CH, O=two words, CN=moon" },
		{ "CN=\"a, b\", O=x", "CN=a\\, b, O=x" },
		{ "CN=a\\2C b", "CN=a\\, b" },
		{ "CN=\\ a\\ ", NULL },
		{ "CN=\\#1", NULL },
		{ "CN=Zoë Müller", NULL },
		{ "CN=1+1", "CN=1\\+1" },
		{ "CN=a+UID=b, O=c", NULL },
		{ "CN=x/y", NULL },
		{ "CN=", NULL },
		{ "CN=\\0A\\1B[2J", NULL },
		{ "CN=\\C2\\9B", NULL },
		{ "SN=7, S=Smith, GN=Jo, emailAddress=a@b",
			"serialNumber=7, S=Smith, G=Jo, E=a@b" },
		{ "DC=example, DC=tern", NULL },
		{ "2.5.4.3=x", "CN=x" },
		{ "1.2.3.4=x", NULL },
	};
	uint8_t der[512], again[512];
	char text[200];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		int size = name_from_text(names[i].text, der, sizeof(der));

		assert_true(size > 0);
		name_text(BYTES(der, (size_t)size), text, sizeof(text));
		assert_string_equal(text, names[i].printed ? names[i].printed : names[i].text);
		assert_int_equal(name_from_text(text, again, sizeof(again)), size);
		assert_memory_equal(der, again, (size_t)size);
	}
}

static void a_name_of_openssl_comes_through(void **state)
{
	struct certificate *cert = certificate_of(*state, "names");
	uint8_t der[512];
	char text[200];
	int size;

	certificate_subject_text(cert, text, sizeof(text));
	assert_string_equal(
		text, "C=CH, O=T\\, \\\"Ü\\\", OU=a+UID=b=#, E=x@tern.example, CN=\\#1\\ ");
	size = name_from_text(text, der, sizeof(der));
	assert_true(size > 0);
	assert_true(name_equal(BYTES(der, (size_t)size), certificate_subject(cert)));
	certificate_free(cert);
}

static void bad_names_are_refused(void **state)
{
	static const char *const bad[] = { "", "moon", "CN", "=x", "CN=a,", "CN=a, ", "/", "XYZ=a",
		"CN=a\\", "CN=\"a", "CN=\"a\" b", "CN=\\00", "CN=\xff\xfe", ",CN=a", "CN=a,,O=b" };
	uint8_t der[512];
	char text[32];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (name_from_text(bad[i], der, sizeof(der)) != -EINVAL)
			fail_msg("\"%s\"", bad[i]);
	}
	assert_int_equal(name_from_text("CN=moon", der, 10), -ENOBUFS);
	assert_string_equal(
		name_text(bytes_of_text("junk"), text, sizeof(text)), "(malformed name)");
	assert_string_equal(name_text(BYTES("\x30\x00", 2), text, sizeof(text)), "");
	assert_int_equal(ERR_peek_error(), 0);
}

#define PKI_TEST(function) cmocka_unit_test_setup_teardown(function, pki_begin, pki_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PKI_TEST(a_certificate_speaks_for_its_names_alone),
		PKI_TEST(distinguished_names_match_whatever_their_encoding),
		PKI_TEST(names_read_as_they_print),
		PKI_TEST(a_name_of_openssl_comes_through),
		PKI_TEST(bad_names_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
