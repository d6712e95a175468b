/* Identities as they are written, and which connection a peer gets. */
#include "conf/load.h"
#include "conf/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void identities_are_read_as_strongswan_reads_them(void **state)
{
	static const struct {
		const char *text;
		uint8_t type;
		const char *hex; /* NULL: the text after its prefix */
		const char *plain;
	} table[] = {
		{ "%any", 0, "", NULL },
		{ "*", 0, "", NULL },
		{ "0.0.0.0", 0, "", NULL },
		{ "10.0.0.1", ID_IPV4_ADDR, "0a000001", NULL },
		{ "2001:db8::1", ID_IPV6_ADDR, "20010db8000000000000000000000001", NULL },
		{ "moon.example", ID_FQDN, NULL, "moon.example" },
		{ "moon", ID_FQDN, NULL, "moon" },
		{ "@moon", ID_FQDN, NULL, "moon" },
		{ "@@moon", ID_RFC822_ADDR, NULL, "moon" },
		{ "@#00ff", ID_KEY_ID, "00ff", NULL },
		{ "a@b.example", ID_RFC822_ADDR, NULL, "a@b.example" },
		{ "fqdn:10.0.0.1", ID_FQDN, NULL, "10.0.0.1" },
		{ "dns:moon", ID_FQDN, NULL, "moon" },
		{ "email:x", ID_RFC822_ADDR, NULL, "x" },
		{ "keyid:a b", ID_KEY_ID, NULL, "a b" },
		{ "keyid:#00:ff", ID_KEY_ID, "00ff", NULL },
		{ "ipv4:#0a000001", ID_IPV4_ADDR, "0a000001", NULL },
		{ "asn1dn:#3000", ID_DER_ASN1_DN, "3000", NULL },
		{ "{13}:x", ID_NULL, NULL, "x" },
		{ "C=CH", ID_DER_ASN1_DN, "300d310b3009060355040613024348", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct arena *arena = arena_new(10000);
		struct identity id;
		char words[300], hex[200];

		if (conf_identity_parse(arena, table[i].text, &id, words, sizeof(words)) < 0)
			fail_msg("%s", words);
		assert_int_equal(id.type, table[i].type);
		bytes_to_hex(id.value, hex, sizeof(hex));
		if (table[i].plain)
			assert_true(bytes_equal(id.value, bytes_of_text(table[i].plain)));
		else
			assert_string_equal(hex, table[i].hex);
		arena_free(arena);
	}
}

static unsigned id_match(const char *configured, const char *got)
{
	struct arena *arena = arena_new(10000);
	struct identity a, b;
	struct id_payload payload;
	char words[300];
	unsigned match;

	assert_int_equal(conf_identity_parse(arena, configured, &a, words, sizeof(words)), 0);
	assert_int_equal(conf_identity_parse(arena, got, &b, words, sizeof(words)), 0);
	payload = (struct id_payload){ b.type, b.value };
	match = conf_id_match(&a, &payload);
	arena_free(arena);
	return match;
}

static void identities_match_exactly_by_wildcard_or_not(void **state)
{
	(void)state;
	assert_int_equal(id_match("%any", "moon"), 1);
	assert_int_equal(id_match("moon", "MOON"), 3);
	assert_int_equal(id_match("moon", "sun"), 0);
	assert_int_equal(id_match("moon", "keyid:moon"), 0);
	assert_int_equal(id_match("*.example", "moon.example"), 2);
	assert_int_equal(id_match("*.example", "moon.examples"), 0);
	assert_int_equal(id_match("*.example", "fqdn:.example"), 0);
	assert_int_equal(id_match("*@example", "a@example"), 2);
	assert_int_equal(id_match("*@example", "a.example"), 0);
	assert_int_equal(id_match("C=CH, O=tern, CN=moon", "C=CH, O=Tern, CN=moon"), 3);
	assert_int_equal(id_match("C=CH, O=tern, CN=*", "C=CH, O=tern, CN=moon"), 2);
	assert_int_equal(id_match("C=CH, O=tern, CN=*", "C=CH, O=else, CN=moon"), 0);
	assert_int_equal(id_match("C=CH, O=tern, CN=*", "C=CH, O=tern, OU=moon"), 0);
	assert_int_equal(id_match("C=CH, O=tern, CN=*", "C=CH, O=tern"), 0);
	assert_int_equal(id_match("C=CH, O=tern, CN=*", "C=CH, O=tern, CN=moon, CN=x"), 0);
	assert_int_equal(id_match("10.0.0.1", "10.0.0.1"), 3);
}

static struct connection *connection_of(struct crypto *crypto, struct tree *t, const char *name)
{
	struct conf_sources sources = { .crypto = crypto };
	struct problems problems = { 0 };
	struct connection *c = NULL;

	if (conf_load_connection(tree_child(tree_child(&t->root, "connections"), name), &sources,
		    &problems, &c) < 0)
		problems_print(&problems, stderr);
	problems_free(&problems);
	assert_non_null(c);
	return c;
}

static void the_best_connection_wins_and_the_others_say_why_not(void **state)
{
	static const char text[] =
		"connections {\n"
		"any { local { auth = psk }\n remote { auth = psk } }\n"
		"net { remote_addrs = 10.0.0.0/8\n local { auth = psk }\n remote { auth = psk } }\n"
		"host { remote_addrs = 10.0.0.1\n local { auth = psk }\n remote { auth = psk } }\n"
		"moon { local { auth = psk }\n remote { auth = psk\n id = moon } }\n"
		"cert { local { auth = psk }\n remote { id = moon } } }\n";
	struct crypto *crypto = crypto_new(NULL);
	struct id_payload moon = { ID_FQDN, bytes_of_text("moon") },
			  sun = { ID_FQDN, bytes_of_text("sun") };
	struct conf_facts facts = { 0 };
	struct connection *any, *net, *host, *named, *cert;
	struct problems problems = { 0 };
	struct tree *t = tree_new();
	char why[300];

	(void)state;
	parse_text(t, "m.conf", bytes_of_text(text), &problems);
	any = connection_of(crypto, t, "any");
	net = connection_of(crypto, t, "net");
	host = connection_of(crypto, t, "host");
	named = connection_of(crypto, t, "moon");
	cert = connection_of(crypto, t, "cert");
	tree_free(t);

	address_parse("10.0.0.1", &facts.remote);
	assert_true(conf_match(host, &facts, NULL, 0) > conf_match(net, &facts, NULL, 0));
	assert_true(conf_match(net, &facts, NULL, 0) > conf_match(any, &facts, NULL, 0));
	facts.remote_id = &moon;
	assert_true(conf_match(named, &facts, NULL, 0) > conf_match(host, &facts, NULL, 0));

	address_parse("11.0.0.1", &facts.remote);
	assert_int_equal(conf_match(net, &facts, why, sizeof(why)), 0);
	assert_string_equal(why,
		"remote address 11.0.0.1 is not among remote_addrs of 'net' (10.0.0.0/8, m.conf:4)");
	facts.remote_id = &sun;
	assert_int_equal(conf_match(named, &facts, why, sizeof(why)), 0);
	assert_string_equal(why, "the peer's id 'sun' is not the id 'moon' of 'moon' (m.conf:12)");
	facts.remote_id = &moon;
	facts.auth_method = AUTH_SHARED_KEY;
	assert_true(conf_match(named, &facts, why, sizeof(why)) > 0);
	assert_int_equal(conf_match(cert, &facts, why, sizeof(why)), 0);
	assert_string_equal(why,
		"the peer authenticates with pre-shared key, but 'cert' wants pubkey (m.conf:14)");

	assert_ptr_equal(connection_hold(any), any);
	connection_release(any);
	connection_release(any);
	connection_release(net);
	connection_release(host);
	connection_release(named);
	connection_release(cert);
	problems_free(&problems);
	crypto_free(crypto);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identities_are_read_as_strongswan_reads_them),
		cmocka_unit_test(identities_match_exactly_by_wildcard_or_not),
		cmocka_unit_test(the_best_connection_wins_and_the_others_say_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
