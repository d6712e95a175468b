/* Paths to a trust anchor: each problem on its own, with the words that a person gets to read. */
#include "pki_files.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include <openssl/err.h>

#define LIST_MAX 4

struct certificates {
	struct certificate *list[LIST_MAX];
	size_t count;
};

/* Of names between spaces. */
static struct certificates certificates_of(struct crypto *c, const char *names)
{
	struct certificates all = { 0 };
	char copy[128], *rest = copy, *name;

	snprintf(copy, sizeof(copy), "%s", names);
	while ((name = strsep(&rest, " "))) {
		if (*name)
			all.list[all.count++] = certificate_of(c, name);
	}
	return all;
}

static void certificates_free(struct certificates *all)
{
	for (size_t i = 0; i < all->count; i++)
		certificate_free(all->list[i]);
}

struct chain_case {
	const char *end, *untrusted, *anchors;
	enum chain_problem problem;
	const char *subject; /* of the certificate at fault */
	const char *detail;  /* begins with this */
	int64_t wall;        /* 0 for NOVEMBER_2026 */
};

static void chain_case_check(struct crypto *c, const struct chain_case *t)
{
	struct certificate *end = certificate_of(c, t->end);
	struct certificates untrusted = certificates_of(c, t->untrusted);
	struct certificates anchors = certificates_of(c, t->anchors);
	struct chain_result result;
	int r = certificate_check_chain(c, end, untrusted.list, untrusted.count, anchors.list,
		anchors.count, t->wall ? t->wall : NOVEMBER_2026, &result);

	print_message("  %s: %s%s%s\n", t->end, result.subject, *result.detail ? ": " : "fine",
		result.detail);
	assert_int_equal(result.problem, t->problem);
	assert_int_equal(r, t->problem == CHAIN_OK ? 0 : -EKEYREJECTED);
	assert_string_equal(result.subject, t->subject ? t->subject : "");
	if (strncmp(result.detail, t->detail ? t->detail : "",
		    strlen(t->detail ? t->detail : "")) != 0)
		fail_msg("expected \"%s\"", t->detail);
	assert_int_equal(*result.detail != '\0', t->problem != CHAIN_OK);
	assert_int_equal(ERR_peek_error(), 0);

	certificates_free(&anchors);
	certificates_free(&untrusted);
	certificate_free(end);
}

#define CHECK_ALL(state, cases)                                                                    \
	for (size_t i = 0; i < COUNT_OF(cases); i++)                                               \
	chain_case_check(*(state), &(cases)[i])

static void good_paths_are_found(void **state)
{
	static const struct chain_case cases[] = {
		{ "p256", "inter", "root", CHAIN_OK },
		{ "p256", "foreign inter foreignroot root", "foreignroot root", CHAIN_OK },
		{ "p256", "", "inter root", CHAIN_OK },
		{ "p256", "", "inter", CHAIN_OK }, /* an anchor is trusted as given */
		{ "p256", "inter", "inter", CHAIN_OK },
		{ "selfsigned", "", "selfsigned", CHAIN_OK },
		{ "rsa", "", "root", CHAIN_OK },     /* nonRepudiation, serverAuth */
		{ "p384", "", "root", CHAIN_OK },    /* no keyUsage, clientAuth */
		{ "p521", "", "root", CHAIN_OK },    /* anyExtendedKeyUsage, critical */
		{ "bp256", "", "root", CHAIN_OK },   /* ipsecTunnel */
		{ "ed25519", "", "root", CHAIN_OK }, /* no usage at all */
		{ "ed448", "", "root", CHAIN_OK },
		{ "names", "", "root", CHAIN_OK }, /* version 1 */
		{ "rsasigned", "", "rsaroot", CHAIN_OK },
		{ "edsigned", "", "edroot", CHAIN_OK },
	};

	CHECK_ALL(state, cases);
}

static void a_path_needs_an_anchor(void **state)
{
	static const struct chain_case cases[] = {
		{ "p256", "", "root", CHAIN_NO_ISSUER, "C=CH, O=tern, CN=moon",
			"its issuer \"C=CH, O=tern, CN=inter\" is neither in x509ca nor sent by the peer" },
		{ "p256", "inter", "", CHAIN_NO_ISSUER, "C=CH, O=tern, CN=inter",
			"its issuer \"C=CH, O=tern, CN=root\"" },
		{ "p256", "inter root", "foreignroot", CHAIN_NO_ISSUER, "C=CH, O=tern, CN=root",
			"a self-signed root that is not in x509ca" },
		{ "foreign", "", "root", CHAIN_NO_ISSUER, "CN=foreign",
			"its issuer \"CN=foreign root\"" },
		{ "selfsigned", "selfsigned", "root", CHAIN_NO_ISSUER, "CN=self-signed",
			"self-signed" },
	};

	CHECK_ALL(state, cases);
}

static void every_certificate_has_its_time(void **state)
{
	static const struct chain_case cases[] = {
		{ "expired", "", "root", CHAIN_EXPIRED, "CN=expired",
			"expired at 2021-02-03 04:05:06 UTC; renew it" },
		{ "expired", "", "root", CHAIN_OK, .wall = 1612325106 - 1 },
		{ "expired", "", "root", CHAIN_EXPIRED, "CN=expired", "expired",
			.wall = 1612325106 + 1 },
		{ "expired", "", "root", CHAIN_NOT_YET_VALID, "C=CH, O=tern, CN=root",
			"not valid before 2020-01-01 00:00:00 UTC", .wall = 1577836799 },
		{ "early", "", "root", CHAIN_NOT_YET_VALID, "CN=early",
			"not valid before 2060-01-02 03:04:05 UTC; is the clock right?" },
		{ "early", "", "root", CHAIN_OK, .wall = 2840238245 + 1 },
		{ "belowexpired", "expiredca", "root", CHAIN_EXPIRED, "CN=expired CA",
			"expired at 2021" },
		{ "belowexpired", "", "expiredca", CHAIN_EXPIRED, "CN=expired CA",
			"expired at 2021" },
	};

	CHECK_ALL(state, cases);
}

static void not_everyone_may_issue(void **state)
{
	static const struct chain_case cases[] = {
		{ "belownoca", "noca", "root", CHAIN_NOT_A_CA, "CN=no CA", "it issued" },
		{ "belownoca", "", "noca", CHAIN_NOT_A_CA, "CN=no CA", "it issued" },
		{ "belownobasic", "nobasicca", "root", CHAIN_NOT_A_CA, "CN=no basicConstraints",
			"it issued" },
		{ "belowv1", "", "v1root", CHAIN_NOT_A_CA, "CN=version 1 root", "it issued" },
		{ "belownosign", "nosignca", "root", CHAIN_KEY_USAGE, "CN=CA without keyCertSign",
			"it issued a certificate but its keyUsage lacks keyCertSign" },
		{ "deep", "deepca inter", "root", CHAIN_PATH_TOO_LONG, "C=CH, O=tern, CN=inter",
			"its pathLenConstraint" },
		{ "belowpolicy", "policyca", "root", CHAIN_OTHER, "CN=below policy CA",
			"a CA above it requires certificate policies" },
	};

	CHECK_ALL(state, cases);
}

static void names_stay_within_constraints(void **state)
{
	static const char permitted[] = "a name in it is outside of what";
	static const char excluded[] = "a name in it is excluded by";
	const struct chain_case cases[] = {
		{ "permitok", "permitca", "root", CHAIN_OK },
		{ "permitok", "", "permitca", CHAIN_OK },
		{ "permitdns", "permitca", "root", CHAIN_NAME_CONSTRAINTS, "C=CH, O=tern, CN=dns",
			permitted },
		{ "permitdns", "", "permitca", CHAIN_NAME_CONSTRAINTS, "C=CH, O=tern, CN=dns",
			permitted },
		{ "permitip", "permitca", "root", CHAIN_NAME_CONSTRAINTS, "C=CH, O=tern, CN=ip",
			permitted },
		{ "permitemail", "permitca", "root", CHAIN_NAME_CONSTRAINTS,
			"C=CH, O=tern, CN=email", permitted },
		{ "permitdn", "permitca", "root", CHAIN_NAME_CONSTRAINTS, "C=CH, O=other, CN=dn",
			permitted },
		{ "excludeok", "excludeca", "root", CHAIN_OK },
		{ "excludedns", "excludeca", "root", CHAIN_NAME_CONSTRAINTS, "CN=dns", excluded },
		{ "excludeip", "excludeca", "root", CHAIN_NAME_CONSTRAINTS, "CN=ip", excluded },
		{ "excludeemail", "excludeca", "root", CHAIN_NAME_CONSTRAINTS, "CN=email",
			excluded },
		{ "excludedn", "excludeca", "root", CHAIN_NAME_CONSTRAINTS, "C=CH, O=bad, CN=dn",
			excluded },
	};

	CHECK_ALL(state, cases);
}

static void weak_links_break(void **state)
{
	static const struct chain_case cases[] = {
		{ "sha1", "", "root", CHAIN_WEAK, "CN=SHA-1",
			"it is signed with SHA1; issue it anew" },
		{ "md5", "", "rsaroot", CHAIN_WEAK, "CN=MD5", "it is signed with MD5" },
		{ "belowsha1", "sha1ca", "root", CHAIN_WEAK, "CN=SHA-1 CA",
			"it is signed with SHA1" },
		{ "belowsha1", "", "sha1ca",
			CHAIN_OK }, /* nobody relies on the signature of an anchor */
		{ "rsa1024", "", "root", CHAIN_WEAK, "CN=RSA-1024", "its key has 1024 bits" },
		{ "belowrsa1024", "rsa1024ca", "root", CHAIN_WEAK, "CN=RSA-1024 CA",
			"its key has 1024 bits" },
		{ "belowrsa1024", "", "rsa1024ca", CHAIN_WEAK, "CN=RSA-1024 CA",
			"its key has 1024 bits" },
	};

	CHECK_ALL(state, cases);
}

static void an_end_entity_is_for_ike(void **state)
{
	static const struct chain_case cases[] = {
		{ "encipher", "", "root", CHAIN_KEY_USAGE, "CN=keyEncipherment",
			"its keyUsage has neither digitalSignature nor nonRepudiation" },
		{ "inter", "", "root", CHAIN_KEY_USAGE, "C=CH, O=tern, CN=inter",
			"its keyUsage has neither" },
		{ "codesigning", "", "root", CHAIN_KEY_USAGE, "CN=codeSigning",
			"its extendedKeyUsage has none of" },
		{ "critical", "", "root", CHAIN_CRITICAL_EXTENSION, "CN=critical",
			"it has a critical extension" },
	};

	CHECK_ALL(state, cases);
}

/* Roots of one name, told apart by nothing but their keys: whichever OpenSSL tries first, both are found. */
static void twins_are_told_apart_by_their_keys(void **state)
{
	static const struct chain_case cases[] = {
		{ "belowtwin1", "", "twin1 twin2", CHAIN_OK },
		{ "belowtwin1", "", "twin2 twin1", CHAIN_OK },
		{ "belowtwin2", "", "twin1 twin2", CHAIN_OK },
		{ "belowtwin2", "", "twin2 twin1", CHAIN_OK },
		{ "belowtwin2", "twin2", "twin1", CHAIN_BAD_SIGNATURE, "CN=below twin 2",
			"its signature" },
		{ "belowtwin1", "", "twin2", CHAIN_BAD_SIGNATURE, "CN=below twin 1",
			"its signature" },
	};

	CHECK_ALL(state, cases);
}

/* A forgery: one bit of the certificate differs, anywhere. */
static void altered_certificates_are_found_out(void **state)
{
	struct certificate *inter = certificate_of(*state, "inter"),
			   *root = certificate_of(*state, "root");
	struct file f = file_read("p256.der");
	struct chain_result result;
	size_t loaded = 0;

	for (size_t i = 0; i < f.size; i++) {
		struct certificate *forged = NULL;

		f.data[i] ^= 1;
		if (certificate_load(*state, file_bytes(&f), &forged) == 0) {
			assert_int_equal(certificate_check_chain(*state, forged, &inter, 1, &root,
						 1, NOVEMBER_2026, &result),
				-EKEYREJECTED);
			certificate_free(forged);
			loaded++;
		}
		f.data[i] ^= 1;
	}
	assert_true(loaded > 100);
	certificate_free(inter);
	certificate_free(root);
}

static void a_forged_signature_is_called_one(void **state)
{
	struct certificate *inter = certificate_of(*state, "inter"),
			   *root = certificate_of(*state, "root");
	struct certificate *forged = NULL;
	struct file f = file_read("p256.der");
	struct chain_result result;

	f.data[f.size - 1] ^= 1;
	assert_int_equal(certificate_load(*state, file_bytes(&f), &forged), 0);
	assert_int_equal(certificate_check_chain(
				 *state, forged, &inter, 1, &root, 1, NOVEMBER_2026, &result),
		-EKEYREJECTED);
	assert_int_equal(result.problem, CHAIN_BAD_SIGNATURE);
	assert_string_equal(result.subject, "C=CH, O=tern, CN=moon");
	certificate_free(forged);
	certificate_free(inter);
	certificate_free(root);
}

/* Certificates loaded with one context are checked with another. */
static void any_context_may_check(void **state)
{
	struct certificate *moon = certificate_of(*state, "p256"),
			   *inter = certificate_of(*state, "inter");
	struct certificate *root = certificate_of(*state, "root");
	struct crypto *other = crypto_new(NULL);
	struct chain_result result;

	assert_int_equal(
		certificate_check_chain(other, moon, &inter, 1, &root, 1, NOVEMBER_2026, &result),
		0);
	certificate_free(moon);
	certificate_free(inter);
	certificate_free(root);
	crypto_free(other);
}

/* What threads share, and what each does with it: asserts of cmocka stay in the main thread. */
struct shared {
	struct certificate *moon, *inter, *root;
	struct private_key *key;
	atomic_uint failures;
};

static void *thread_run(void *arg)
{
	static const struct signature_form form = { AUTH_ECDSA_256, HASH_SHA2_256, false };
	struct shared *s = arg;
	struct crypto *c = crypto_new(NULL);
	struct bytes part = bytes_of_text("text");
	uint8_t data[SIGNATURE_BYTES_MAX];
	struct chain_result result;
	size_t size;

	for (int i = 0; i < 50; i++) {
		struct certificate *held = certificate_hold(s->moon);
		bool fine = certificate_check_chain(c, held, &s->inter, 1, &s->root, 1,
				    NOVEMBER_2026, &result) == 0 &&
			signature_make(c, s->key, &form, &part, 1, data, &size) == 0 &&
			signature_check(c, certificate_key(held), form.method, BYTES(data, size),
				&part, 1, NULL) == 0 &&
			certificate_has_id(held, ID_FQDN, bytes_of_text("moon.tern.example"));

		s->failures += !fine;
		certificate_free(held);
	}
	return c; /* outlives what it was used with */
}

static void threads_share_keys_and_certificates(void **state)
{
	struct shared s = { certificate_of(*state, "p256"), certificate_of(*state, "inter"),
		certificate_of(*state, "root"), private_key_of(*state, "p256"), 0 };
	pthread_t threads[4];
	void *contexts[4];

	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_run, &s), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_join(threads[i], &contexts[i]), 0);
	assert_int_equal(s.failures, 0);

	certificate_free(s.moon);
	certificate_free(s.inter);
	certificate_free(s.root);
	private_key_free(s.key);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		crypto_free(contexts[i]);
}

#define PKI_TEST(function) cmocka_unit_test_setup_teardown(function, pki_begin, pki_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PKI_TEST(good_paths_are_found),
		PKI_TEST(a_path_needs_an_anchor),
		PKI_TEST(every_certificate_has_its_time),
		PKI_TEST(not_everyone_may_issue),
		PKI_TEST(names_stay_within_constraints),
		PKI_TEST(weak_links_break),
		PKI_TEST(an_end_entity_is_for_ike),
		PKI_TEST(twins_are_told_apart_by_their_keys),
		PKI_TEST(altered_certificates_are_found_out),
		PKI_TEST(a_forged_signature_is_called_one),
		PKI_TEST(any_context_may_check),
		PKI_TEST(threads_share_keys_and_certificates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
