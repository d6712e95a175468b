/* Connections from text: the defaults, what is understood of each key, and what is said about mistakes. */
#include "conf/creds.h"
#include "conf/parse.h"
#include "conf/schema.h"
#include "conf/settings.h"
#include "crypto/pki.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct loaded {
	struct crypto *crypto;
	struct tree *tree;
	struct problems problems;
	struct connection *connection;
	int result;
};

/* The connection "c" of a text; names of certificates lead into tests/unit/pki. */
static struct loaded loaded_where(const char *text, bool user_space)
{
	struct loaded l = { .crypto = crypto_new(NULL), .tree = tree_new() };
	struct conf_sources sources = {
		.crypto = l.crypto, .directory = PKI_DIRECTORY, .user_space = user_space
	};

	parse_text(l.tree, "test.conf", bytes_of_text(text), &l.problems);
	tree_resolve(l.tree, &l.problems);
	l.result = conf_load_connection(
		tree_find(&l.tree->root, "connections.c"), &sources, &l.problems, &l.connection);
	return l;
}

static struct loaded loaded_text(const char *text)
{
	return loaded_where(text, false);
}

static void loaded_free(struct loaded *l)
{
	connection_release(l->connection);
	problems_free(&l->problems);
	tree_free(l->tree);
	crypto_free(l->crypto);
}

static struct loaded loaded_good(const char *text)
{
	struct loaded l = loaded_text(text);

	problems_print(&l.problems, stderr);
	assert_int_equal(l.result, 0);
	assert_int_equal(l.problems.errors, 0);
	return l;
}

static void defaults_are_strongswans(void **state)
{
	struct loaded l = loaded_good(
		"connections { c { remote { auth = psk }\n local { auth = psk }\n children { k { } } } }");
	const struct connection *c = l.connection;
	const struct child_config *k = connection_child(c, "k");

	(void)state;
	assert_int_equal(c->version, 0);
	assert_int_equal(c->local_addrs.count + c->remote_addrs.count, 0);
	assert_int_equal(c->local_port, 500);
	assert_int_equal(c->rekey_time_s, 14400);
	assert_int_equal(c->over_time_s, 1440);
	assert_int_equal(c->rand_time_s, 1440);
	assert_int_equal(c->keyingtries, 0);
	assert_true(c->mobike && c->send_certreq && !c->encap);
	assert_int_equal(c->proposals.count, 2);
	assert_int_equal(c->proposals.list[1].given.number, 2);
	assert_string_equal(c->proposals.list[0].text, "default");
	assert_int_equal(c->local[0].class, AUTH_CLASS_PSK);
	assert_int_equal(c->remote[0].id.type, 0);
	assert_non_null(k);
	assert_int_equal(k->rekey_time_s, 3600);
	assert_int_equal(k->life_time_s, 3960);
	assert_int_equal(k->rand_time_s, 360);
	assert_true(k->local_ts_count == 1 && k->local_ts[0].dynamic);
	assert_int_equal(k->local_ts[0].selector.port_last, 65535);
	assert_int_equal(k->replay_window, 32);
	assert_true(k->install_policies && k->copy_ecn);
	assert_int_equal(k->rekey_bytes + k->life_bytes + k->rand_bytes, 0);
	assert_null(connection_child(c, "none"));
	for (size_t i = 0; i < 2; i++)
		assert_false(
			conf_proposal_weak(&c->proposals.list[i].given, (char[200]){ 0 }, 200));
	loaded_free(&l);
}

/* Whoever is rekeyed early keeps its tunnel when the peer is slow to answer. */
static void short_lives_leave_room_for_retransmissions(void **state)
{
	struct loaded l = loaded_good(
		"connections { c { remote { auth = psk }\n local { auth = psk }\n rekey_time = 5m\n"
		"children { k { rekey_time = 2m }\n said { rekey_time = 2m\n life_time = 150s }\n"
		"never { rekey_time = 0 } } } }");
	const struct connection *c = l.connection;
	const struct child_config *k = connection_child(c, "k"),
				  *said = connection_child(c, "said");

	(void)state;
	assert_int_equal(c->over_time_s, 180);
	assert_int_equal(c->rand_time_s, 30);
	assert_int_equal(k->life_time_s, 300);
	assert_int_equal(k->rand_time_s, 12);
	assert_int_equal(said->life_time_s, 150);
	assert_int_equal(said->rand_time_s, 30);
	assert_int_equal(connection_child(c, "never")->life_time_s, 0);
	loaded_free(&l);
}

static void every_key_finds_its_place(void **state)
{
	struct loaded l = loaded_good(
		"connections { c { version = 2\n local_addrs = 192.0.2.1, 2001:db8::/32\n remote_addrs = moon.example, 10.0.0.1-10.0.0.9\n"
		"reauth_time = 1h\n dpd_delay = 30s\n dscp = 101110\n unique = replace\n fragmentation = no\n send_cert = always\n childless = force\n"
		"local { id = \"C=CH, CN=moon\"\n auth = rsa/pss-sha384-sha512 }\n remote { id = *.example\n auth = ike:rsa-3072-sha256 }\n"
		"children { k { local_ts = 10.1.0.5/16[tcp/80], 2001:db8::1\n remote_ts = 10.2.0.0/16[udp/1000-2000]\n mode = transport\n"
		"start_action = trap|start\n dpd_action = restart\n copy_dscp = no\n copy_df = no\n tfc_padding = mtu\n rekey_bytes = 1m\n life_time = 2h\n"
		"esp_proposals = aes256gcm128-x25519-esn-noesn, aes128-sha256\n updown = /bin/true\n replay_window = 128 } } } }");
	const struct connection *c = l.connection;
	const struct child_config *k = &c->children[0];

	(void)state;
	assert_int_equal(c->local_addrs.list[1].kind, HOST_RANGE);
	assert_int_equal(c->remote_addrs.list[0].kind, HOST_NAME);
	assert_int_equal(c->remote_addrs.list[1].last.octets[3], 9);
	assert_int_equal(c->rekey_time_s, 0);
	assert_int_equal(c->over_time_s, 360);
	assert_int_equal(c->dscp, 46);
	assert_int_equal(c->unique, UNIQUE_REPLACE);
	assert_int_equal(c->fragmentation, FRAGMENTATION_NO);
	assert_true(c->childless == CHILDLESS_FORCE && c->send_cert == SEND_CERT_ALWAYS);
	assert_int_equal(c->local[0].id.type, ID_DER_ASN1_DN);
	assert_true(c->local[0].pss && c->local[0].hash_count == 2);
	assert_int_equal(c->remote[0].min_bits, 3072);
	assert_int_equal(c->remote[0].key_type, KEY_RSA);
	assert_true(c->remote[0].id.wildcard);
	assert_int_equal(k->local_ts[0].selector.first.octets[3], 0);
	assert_int_equal(k->local_ts[0].selector.protocol, 6);
	assert_int_equal(k->local_ts[0].selector.port_first, 80);
	assert_int_equal(k->local_ts[1].selector.family, 6);
	assert_int_equal(k->remote_ts[0].selector.port_last, 2000);
	assert_int_equal(k->mode, CHILD_TRANSPORT);
	assert_int_equal(k->start_action, CHILD_ACTION_TRAP_START);
	assert_int_equal(k->dpd_action, CHILD_ACTION_START);
	assert_int_equal(k->copy_dscp, COPY_DSCP_NONE);
	assert_int_equal(k->tfc_padding, UINT32_MAX);
	assert_int_equal(k->life_bytes, 1153433);
	assert_int_equal(k->rand_time_s, 3600);
	assert_int_equal(k->esp_proposals.count, 2);
	assert_int_equal(k->where_local_ts.line, 15);
	loaded_free(&l);
}

#define WRAPPED(keys) "connections { c { local { auth = psk }\nremote { auth = psk }\n" keys "\n} }"
#define CHILD(keys)   WRAPPED("children { k {\n" keys "\n} }")

static void mistakes_are_told(void **state)
{
	static const struct {
		const char *text, *expected;
	} table[] = {
		{ WRAPPED("versoin = 2"),
			"test.conf:3: unknown key 'versoin': did you mean 'version'?" },
		{ WRAPPED("version = 3"),
			"test.conf:3: '3' is no value of 'version' that tern knows: write one of: 0, 1, 2" },
		{ CHILD("esp_proposal = aes128gcm16"),
			"test.conf:4: unknown key 'esp_proposal': did you mean 'esp_proposals'?" },
		{ WRAPPED("child { }"),
			"test.conf:3: unknown section 'child': did you mean 'children'?" },
		{ WRAPPED("children = x"),
			"test.conf:3: 'children' is a section, not a value: write children { … }" },
		{ WRAPPED("rekey_time = soon"),
			"test.conf:3: 'soon' of key 'rekey_time' is not a time: write seconds, or a number with s, m, h or d" },
		{ WRAPPED("mobike = perhaps"),
			"test.conf:3: 'perhaps' of key 'mobike' is not a yes or no: write yes or no" },
		{ WRAPPED("local_port = 70000"),
			"test.conf:3: 70000 is out of range for 'local_port': write one from 1 to 65535" },
		{ WRAPPED("dscp = 9"),
			"test.conf:3: '9' is no value of 'dscp': write six binary digits such as 101110" },
		{ WRAPPED("remote_addrs = 10.0.0.300"),
			"test.conf:3: '10.0.0.300' is no address, subnet, range or name of a host in 'remote_addrs': write 192.0.2.1, 192.0.2.0/24, moon.example or %any" },
		{ WRAPPED("vips = 10.3.0.0/24"),
			"test.conf:3: vips: '10.3.0.0/24' is no address: write 0.0.0.0 or :: for any, or one address" },
		{ WRAPPED("ppk_required = yes"),
			"test.conf:3: 'ppk_required' is not supported yet, and ignoring it would change what you asked for (insist on a post-quantum preshared key): remove it if the connection may do without" },
		{ WRAPPED("proposals = aes128-sha256"),
			"test.conf:3: proposal 'aes128-sha256': 'aes128-sha256' names no key exchange group; add one such as x25519" },
		{ WRAPPED("proposals = aes128-modp2048"),
			"test.conf:3: proposal 'aes128-modp2048': 'aes128-modp2048' has no integrity algorithm; add one such as sha256" },
		{ WRAPPED("proposals = aes128-md5-modp2048"),
			"test.conf:3: proposal 'aes128-md5-modp2048': 'md5' is too weak, tern doesn't offer it; use sha256, aes128 or x25519" },
		{ WRAPPED("proposals = aes128-sha256-modp2084"),
			"test.conf:3: proposal 'aes128-sha256-modp2084': unknown algorithm 'modp2084'; did you mean 'modp2048'?" },
		{ WRAPPED("proposals = 3des-sha1-modp1024"),
			"test.conf:3: warning: proposal '3des-sha1-modp1024' is weak: 3des has 64-bit blocks, collisions show after a few GB; SHA-1 is deprecated, RFC 8247; 1024-bit groups can be broken by a state's means: use it only where the peer can't do better" },
		{ "connections { c { version = 1\n aggressive = yes\n local { auth = psk\n }\n remote { auth = psk } } }",
			"test.conf:2: warning: aggressive mode with a pre-shared key ('c'): whoever asks, or listens, gets a hash by which secrets can be guessed offline, and both identities are sent in the clear: write aggressive = no (main mode), let the peer use certificates, or at least make the secret long and random: openssl rand -base64 32" },
		{ CHILD("esp_proposals = aes128gcm16-aes128-sha256"),
			"test.conf:4: proposal 'aes128gcm16-aes128-sha256': 'aes128gcm16-aes128-sha256' mixes AEAD (gcm, ccm, chacha20poly1305) with other ciphers; write two proposals with a comma between" },
		{ CHILD("local_ts = 10.0.0.0/33"),
			"test.conf:4: local_ts: '10.0.0.0/33' is no selector; write a subnet such as 10.1.0.0/16, an address, a range or dynamic" },
		{ CHILD("local_ts = 10.0.0.0/8[tcp"),
			"test.conf:4: local_ts: '10.0.0.0/8[tcp' lacks the ']' at its end" },
		{ CHILD("mode = beet"),
			"test.conf:4: 'beet' is no value of 'mode' that tern knows: write one of: tunnel, transport, pass, drop" },
		{ CHILD("label = x"),
			"test.conf:4: 'label' is not supported yet, and ignoring it would change what you asked for (security label): remove it if the connection may do without" },
		{ CHILD("life_time = 1m"),
			"test.conf:4: warning: 'life_time' is less than 'rekey_time': the child ends before it is rekeyed: make it longer than the other" },
		{ CHILD("tfc_padding = much"),
			"test.conf:4: 'much' is no value of 'tfc_padding': write a number up to 65535, or mtu" },
		{ "connections { c { local { auth = eap-md5\n }\n remote { auth = psk } } }",
			"test.conf:1: auth 'eap-md5' of local: EAP is not supported yet; use psk or pubkey" },
		{ "connections { c { version = 2\n local { auth = psk\n }\n remote { auth = psk\n }\n remote-2 { auth = xauth } } }",
			"test.conf:6: 'c' has XAuth, which IKEv2 has not: write version = 1" },
		{ "connections { c { local { auth = psk\n }\n local-2 { auth = xauth\n }\n remote { auth = psk\n }\n remote-2 { auth = xauth } } }",
			"test.conf:3: 'c' has XAuth where IKEv1 has no place for it: write auth = xauth as the second round of the client, after psk or rsa at both ends; or as its only round where the gateway has auth = rsa (hybrid)" },
		{ "connections { c { local { auth = psk\n }\n remote { auth = xauth } } }",
			"test.conf:3: 'c' has XAuth where IKEv1 has no place for it: write auth = xauth as the second round of the client, after psk or rsa at both ends; or as its only round where the gateway has auth = rsa (hybrid)" },
		{ "connections { c { local { auth = psk\n }\n local-2 { auth = xauth-pam\n }\n remote { auth = psk } } }",
			"test.conf:3: auth 'xauth-pam' of local-2: tern asks for a user and a password, which it has in secrets; write xauth" },
		{ "connections { c { remote { auth = psk-sha256 }\nlocal { auth = psk } } }",
			"test.conf:1: auth 'psk-sha256' of remote: constraints are for public keys only" },
		{ "connections { c { remote { certs = none.pem }\nlocal { auth = psk } } }",
			"test.conf:1: cannot read the certificate " PKI_DIRECTORY
			"/x509/none.pem: No such file or directory: put it there, or correct the name" },
		{ "connections { c { remote { id = 10.1.1.300 }\nlocal { auth = psk } } }",
			"test.conf:1: identity '10.1.1.300' is no IPv4 address; write fqdn:… for a name of digits (of remote)" },
		{ "connections { c { local { auth = psk\n}\nremote { auth = psk\n}\nchildren { k { mark_in = 1/x } } } }",
			"test.conf:5: '1/x' is no value of 'mark_in': write a number, %unique or %unique-dir, with /MASK where not all bits are meant" },
		{ "connections { c { if_id_in = %same\nlocal { auth = psk\n}\nremote { auth = psk\n} } }",
			"test.conf:1: '%same' is no value of 'if_id_in': write a number up to 4294967295, %unique or %unique-dir" },
		{ "connections { c { local { auth = psk } } }",
			"test.conf:1: warning: 'c' has no remote section: whoever has a certificate of our CAs may connect: add remote { … } with the id and certificate or secret that you expect" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct loaded l = loaded_text(table[i].text);
		char line[1200] = "nothing";

		if (l.problems.count)
			problem_print(&l.problems.list[0], line, sizeof(line));
		assert_string_equal(line, table[i].expected);
		assert_int_equal(l.result == 0, !l.problems.errors);
		loaded_free(&l);
	}
}

static void a_shunt_has_nobody_to_start_with(void **state)
{
	struct loaded l = loaded_text(CHILD("mode = drop\n  start_action = start"));
	char line[400] = "nothing";

	(void)state;
	if (l.problems.count)
		problem_print(&l.problems.list[0], line, sizeof(line));
	assert_string_equal(line,
		"test.conf:5: mode = drop has no peer to start anything with: write start_action = trap: then it is there once the connection is loaded");
	assert_true(l.result != 0);
	loaded_free(&l);
}

/* As a second round, or alone where the other end has a certificate; IKEv1 is what it is for. */
static void xauth_makes_a_connection_ikev1s(void **state)
{
	struct loaded l = loaded_good(
		"connections { c { local { auth = psk\n }\n local-2 { auth = xauth-generic\n xauth_id = carol\n }\n"
		" remote { auth = psk } } }");

	(void)state;
	assert_int_equal(l.connection->version, 1);
	assert_ptr_equal(connection_xauth(l.connection, true), &l.connection->local[1]);
	assert_null(connection_xauth(l.connection, false));
	assert_string_equal(l.connection->local[1].xauth_id, "carol");
	assert_true(l.connection->pull);
	loaded_free(&l);
	l = loaded_good(
		"connections { c { pull = no\n local { auth = rsa\n }\n remote { auth = xauth } } }");
	assert_ptr_equal(connection_xauth(l.connection, false), l.connection->remote);
	assert_false(l.connection->pull);
	loaded_free(&l);
}

#define MARKED                                                                                        \
	"connections { c { if_id_in = 7\n if_id_out = %unique\n local { auth = psk\n }\n"             \
	" remote { auth = psk\n }\n children { k {\n mark_in = 0x12f/0xff\n mark_out = %unique-dir\n" \
	" set_mark_out = %same/0xf0\n hw_offload = yes\n } } } }"

static void marks_have_values_and_masks(void **state)
{
	struct loaded l = loaded_good(MARKED);
	const struct conf_marks *m = &connection_child(l.connection, "k")->marks;

	(void)state;
	assert_int_equal(m->in.kind, CONF_MARK_FIXED);
	assert_int_equal(m->in.value, 0x2f);
	assert_int_equal(m->in.mask, 0xff);
	assert_int_equal(m->out.kind, CONF_MARK_UNIQUE_DIR);
	assert_int_equal(m->out.mask, UINT32_MAX);
	assert_int_equal(m->set_out.kind, CONF_MARK_SAME);
	assert_int_equal(m->set_out.mask, 0xf0);
	assert_int_equal(m->set_in.mask | m->set_in.value | m->if_id_in.value, 0);
	assert_int_equal(l.connection->if_id_in.value, 7);
	assert_int_equal(l.connection->if_id_out.kind, CONF_MARK_UNIQUE);
	loaded_free(&l);
}

static void user_space_refuses_what_only_the_kernel_has(void **state)
{
	struct loaded l = loaded_where(MARKED, true);
	char line[1200];

	(void)state;
	assert_int_equal(l.result, -EINVAL);
	assert_int_equal(l.problems.errors, 6);
	assert_string_equal(problem_print(&l.problems.list[0], line, sizeof(line)),
		"test.conf:1: 'if_id_in' needs the kernel's data plane, and ternd runs with user space's, which has no XFRM interfaces: remove it, or set data_plane = kernel in ternd.conf");
	assert_string_equal(problem_print(&l.problems.list[2], line, sizeof(line)),
		"test.conf:8: 'mark_in' needs the kernel's data plane, and ternd runs with user space's, which has no marks: remove it, or set data_plane = kernel in ternd.conf");
	assert_string_equal(problem_print(&l.problems.list[5], line, sizeof(line)),
		"test.conf:11: 'hw_offload' needs the kernel's data plane, and ternd runs with user space's, which has no hardware to offload to: remove it, or set data_plane = kernel in ternd.conf");
	loaded_free(&l);
}

static void a_certificate_gives_the_id(void **state)
{
	struct loaded l =
		loaded_good("connections { c { local { certs = " PKI_DIRECTORY
			    "/p256.pem\n }\n remote { cacerts = " PKI_DIRECTORY
			    "/edroot.pem\n pubkeys = " PKI_DIRECTORY "/p384.pub.pem\n } } }");
	const struct auth_round *local = l.connection->local, *remote = l.connection->remote;

	(void)state;
	assert_int_equal(local->cert_count, 1);
	assert_int_equal(local->id.type, ID_DER_ASN1_DN);
	assert_true(strstr(local->id.text, "CN=") != NULL);
	assert_int_equal(remote->cacert_count, 1);
	assert_int_equal(remote->pubkey_count, 1);
	assert_int_equal(remote->cacerts[0].data[0], 0x30);
	loaded_free(&l);
}

static void the_digest_changes_with_the_configuration_only(void **state)
{
	struct loaded a = loaded_good(WRAPPED("version = 2")),
		      b = loaded_good("# x\nk { version = 2 }\n" WRAPPED("version = 2"));
	struct loaded c = loaded_good(WRAPPED("version = 0"));

	(void)state;
	assert_memory_equal(a.connection->digest, b.connection->digest, 20);
	assert_memory_not_equal(a.connection->digest, c.connection->digest, 20);
	loaded_free(&a);
	loaded_free(&b);
	loaded_free(&c);
}

static void proposals_become_transforms(void **state)
{
	static const struct {
		const char *text;
		uint8_t protocol;
		const char *expected;
	} table[] = {
		{ "aes128gcm16-prfsha256-x25519", PROTOCOL_IKE,
			"IKE:AES_GCM_16_128/PRF_HMAC_SHA2_256/CURVE_25519" },
		{ "aes128-sha256-modp2048", PROTOCOL_IKE,
			"IKE:AES_CBC_128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048" },
		{ "aes256gcm96-sha384-ecp384", PROTOCOL_IKE,
			"IKE:AES_GCM_12_256/PRF_HMAC_SHA2_384/ECP_384" },
		{ "chacha20poly1305-curve448", PROTOCOL_IKE,
			"IKE:CHACHA20_POLY1305/PRF_HMAC_SHA2_256/PRF_HMAC_SHA2_384/PRF_HMAC_SHA2_512/CURVE_448" },
		{ "aes-sha", PROTOCOL_ESP, "ESP:AES_CBC_128/HMAC_SHA1_96/NO_EXT_SEQ" },
		{ "AES192CTR-AESXCBC-esn", PROTOCOL_ESP, "ESP:AES_CTR_192/AES_XCBC_96/EXT_SEQ" },
		{ "null-sha2_512-none", PROTOCOL_ESP,
			"ESP:NULL/HMAC_SHA2_512_256/KE_NONE/NO_EXT_SEQ" },
	};
	char line[400];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct proposal p;

		if (conf_proposal_parse(table[i].text, table[i].protocol, &p, line, sizeof(line)) <
			0)
			fail_msg("%s", line);
		proposal_print(&p, line, sizeof(line));
		for (char *c = line; *c; c++)
			if (*c == '-')
				*c = '_';
		assert_string_equal(line, table[i].expected);
	}
}

static void settings_have_strongswans_names(void **state)
{
	const char *text =
		"charon { retransmit_tries = 3\n retransmit_timeout = 1.5\n port = 1500\n cookie_threshold = 0\n strange = 1\n"
		"plugins { vici { socket = unix:///tmp/v.sock }\n other { x = y } }\n filelog { a { } } }";
	struct problems problems = { 0 };
	struct tree *t = tree_new();
	struct settings s;

	(void)state;
	parse_text(t, "s.conf", bytes_of_text(text), &problems);
	assert_int_equal(settings_read(tree_child(&t->root, "charon"), &s, &problems), 0);
	assert_int_equal(s.retransmit_tries, 3);
	assert_int_equal(s.retransmit_timeout_ms, 1500);
	assert_int_equal(s.port, 1500);
	assert_int_equal(s.port_nat_t, 4500);
	assert_int_equal(s.routing_table, 221);
	assert_int_equal(s.routing_table_ports, 222);
	assert_int_equal(s.fragment_size, 1280);
	assert_string_equal(s.vici_path, "/tmp/v.sock");
	assert_int_equal(problems.warnings, 1);
	problems_free(&problems);
	tree_free(t);

	settings_default(&s);
	assert_string_equal(s.vici_path, "/run/tern/vici.sock");
	assert_true(s.retransmit_base > 1.79 && s.install_routes && s.signature_authentication);
}

static void put(const char *directory, const char *name, const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_directory_is_loaded_whole_despite_mistakes(void **state)
{
	char directory[] = "/tmp/test_conf.XXXXXX", command[900];
	struct crypto *crypto = crypto_new(NULL);
	struct problems problems = { 0 };
	struct conf_directory *d;

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(command, sizeof(command),
		"cd %s && mkdir conf.d x509 x509ca private && cp " PKI_DIRECTORY
		"/p256.pem x509 && cp " PKI_DIRECTORY "/edroot.pem x509ca && cp " PKI_DIRECTORY
		"/p256.key.pem private/p256.pem && cp " PKI_DIRECTORY
		"/p256.locked.pem private/locked.pem",
		directory);
	assert_int_equal(system(command), 0);
	put(directory, "swanctl.conf",
		"connections { bad { versoin = 1 } good { local { certs = p256.pem\n }\n remote { cacerts = edroot.pem\n } } }\n"
		"secrets { ike-1 { id = moon.example\n id-2 = 10.0.0.1\n secret = 0x616263\n }\n ike-2 { secret = 0sYWJj\n }\n"
		"ike-3 { secret = 0xTOPSECRET\n }\n private { file = locked.pem\n secret = wrong } }\n");
	put(directory, "conf.d/more.conf",
		"connections { more { local { auth = psk }\n remote { auth = psk } } }\n");
	put(directory, "private/broken.pem", "no key\n");

	assert_int_equal(conf_load_directory(
				 &(struct conf_sources){ .crypto = crypto, .directory = directory },
				 &problems, &d),
		0);
	assert_int_equal(d->connection_count, 2);
	assert_string_equal(d->connections[0]->name, "good");
	assert_string_equal(d->connections[1]->name, "more");
	assert_int_equal(d->secret_count, 2);
	assert_int_equal(d->secrets[0].owner_count, 2);
	assert_true(bytes_equal(d->secrets[0].data, bytes_of_text("abc")));
	assert_true(bytes_equal(d->secrets[1].data, bytes_of_text("abc")));
	assert_int_equal(d->file_count, 5);
	conf_directory_free(d);
	problems_free(&problems);

	assert_int_equal(conf_check(directory, crypto, &problems), -EINVAL);
	for (size_t i = 0; i < problems.count; i++)
		assert_null(strstr(problems.list[i].text, "TOPSECRET"));
	assert_int_equal(problems.count - problems.warnings,
		4); /* versoin, 0xTOP…, broken.pem, the passphrase */
	problems_free(&problems);
	crypto_free(crypto);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	assert_int_equal(system(command), 0);
}

static bool told(const struct problems *problems, enum problem_kind kind, const char *text)
{
	char line[PROBLEM_TEXT_MAX * 2];

	for (size_t i = 0; i < problems->count; i++)
		if (problems->list[i].kind == kind &&
			strstr(problem_print(&problems->list[i], line, sizeof(line)), text))
			return true;
	return false;
}

static void pools_are_checked_against_each_other_and_by_name(void **state)
{
	char directory[] = "/tmp/test_conf.XXXXXX", command[100];
	struct crypto *crypto = crypto_new(NULL);
	struct problems problems = { 0 };
	struct conf_directory *d;

	(void)state;
	assert_non_null(mkdtemp(directory));
	put(directory, "swanctl.conf",
		"connections {\n rw {\n pools = four, six\n local {\n auth = psk\n }\n remote {\n auth = psk\n } } }\n"
		"pools {\n four {\n addrs = 10.3.0.0/24\n }\n wide {\n addrs = 10.3.0.200-10.3.1.9\n }\n }\n");
	assert_int_equal(conf_load_directory(
				 &(struct conf_sources){ .crypto = crypto, .directory = directory },
				 &problems, &d),
		0);
	assert_int_equal(d->pool_count, 1);
	assert_string_equal(d->pools[0]->name, "four");
	assert_int_equal(d->connections[0]->pool_count, 2);
	assert_int_equal(problems.errors, 1);
	assert_true(told(&problems, PROBLEM_ERROR,
		"swanctl.conf:14: pool 'wide' (10.3.0.200-10.3.1.9) overlaps pool 'four' (10.3.0.0/24"));
	assert_true(told(&problems, PROBLEM_WARNING,
		"swanctl.conf:3: warning: connection 'rw' leases from pool 'six', which is not there"));
	conf_directory_free(d);
	problems_free(&problems);
	crypto_free(crypto);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	assert_int_equal(system(command), 0);
}

static void the_manual_knows_every_key(void **state)
{
	FILE *f = tmpfile();

	(void)state;
	conf_schema_print(f);
	assert_true(ftell(f) > 5000);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_strongswans),
		cmocka_unit_test(short_lives_leave_room_for_retransmissions),
		cmocka_unit_test(every_key_finds_its_place),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(a_shunt_has_nobody_to_start_with),
		cmocka_unit_test(xauth_makes_a_connection_ikev1s),
		cmocka_unit_test(marks_have_values_and_masks),
		cmocka_unit_test(user_space_refuses_what_only_the_kernel_has),
		cmocka_unit_test(a_certificate_gives_the_id),
		cmocka_unit_test(the_digest_changes_with_the_configuration_only),
		cmocka_unit_test(proposals_become_transforms),
		cmocka_unit_test(settings_have_strongswans_names),
		cmocka_unit_test(a_directory_is_loaded_whole_despite_mistakes),
		cmocka_unit_test(pools_are_checked_against_each_other_and_by_name),
		cmocka_unit_test(the_manual_knows_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
