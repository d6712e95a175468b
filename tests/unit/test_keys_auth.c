/* What one store authenticates, another verifies, or refuses with words that help. */
#include "keys_world.h"

#define MOON_DN "C=CH, O=tern, CN=moon"
#define SUN_DN  "C=CH, O=tern, CN=sun"

/* Pre-shared keys. */

static void the_same_secret_passes_and_another_is_named(void **state)
{
	struct world w = world_new("moon.example", "sun.example");

	(void)state;
	world_psk(&w);
	assert_int_equal(
		load_secret(w.ours, "ike-a", "correct horse", "moon.example sun.example"), 0);
	assert_int_equal(load_secret(w.theirs, "ike-b", "correct horse", "moon.example"), 0);
	passes(&w, "secret ike-b from " SWANCTL_CONF ":42");
	assert_int_equal(w.answer.method, AUTH_SHARED_KEY);
	assert_int_equal(w.answer.auth.size, 32);

	assert_int_equal(load_secret(w.theirs, "ike-b", "battery staple", "moon.example"), 0);
	refused(&w,
		"the pre-shared keys of both ends differ (secret ike-b from " SWANCTL_CONF ":42)");
	world_free(&w);
}

/* XAUTH. */

static bool login(struct world *w, struct keys *k, const char *user, const char *password,
	struct ike_answer *ret_answer)
{
	struct ike_question q = { .kind = password ? IKE_ASK_XAUTH_VERIFY
						   : IKE_ASK_XAUTH_CREDENTIALS,
		.connection = &w->connection,
		.user = bytes_of_text(user),
		.password = password ? bytes_of_text(password) : BYTES_EMPTY };

	w->connection = (struct connection){
		.local_count = 1, .remote_count = 1, .local = &w->local, .remote = &w->remote
	};
	return ask(w, k, &q, ret_answer);
}

static void a_user_has_the_password_of_its_secret(void **state)
{
	static const struct {
		const char *user, *password, *said; /* NULL password: what is ours? */
		bool yes;
	} rows[] = {
		{ "carol", "jets", "user 'carol' (secret xauth-c from " SWANCTL_CONF ":42)", true },
		{ "carol", "old jets", "user 'carol' (secret eap-c from", true },
		{ "carol", "jet", "the password of user 'carol' is not that of secret xauth-c",
			false },
		{ "carol", "jetsjets", "nor of the others of that user", false },
		{ "carol", "anybody's", "is not that of", false },
		{ "dave@example", "spears", "user 'dave@example' (secret xauth-d", true },
		{ "Carol", "anybody's", "user 'Carol' (secret xauth-any", true },
		{ "Carol", "jets", "the password of user 'Carol' is not that of secret xauth-any",
			false },
		{ "carol", "sharks", "is not that of", false },
		{ "carol", NULL, "jets", true },
	};
	struct world w = world_new("moon.example", "sun.example");

	(void)state;
	assert_int_equal(load_typed(w.ours, "ike-c", KEYS_SHARED_IKE, "sharks", "carol"), 0);
	assert_int_equal(load_typed(w.ours, "xauth-c", KEYS_SHARED_XAUTH, "jets", "carol"), 0);
	assert_int_equal(load_typed(w.ours, "eap-c", KEYS_SHARED_EAP, "old jets", "carol"), 0);
	assert_int_equal(
		load_typed(w.ours, "xauth-d", KEYS_SHARED_XAUTH, "spears", "dave@example"), 0);
	assert_int_equal(load_typed(w.ours, "xauth-any", KEYS_SHARED_XAUTH, "anybody's", ""), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ike_answer answer;

		assert_int_equal(
			login(&w, w.ours, rows[i].user, rows[i].password, &answer), rows[i].yes);
		if (!rows[i].password)
			assert_true(bytes_equal(answer.secret, bytes_of_text(rows[i].said)));
		else
			contains(rows[i].yes ? answer.credential : answer.reason, rows[i].said);
		keys_answer_clear(&answer);
	}
	world_free(&w);
}

static void a_user_without_a_secret_is_named(void **state)
{
	struct world w = world_new("moon.example", "sun.example");

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ike_answer answer;

		assert_false(login(&w, w.ours, "carol", i ? "jets" : NULL, &answer));
		contains(answer.reason, "no secret of user 'carol' is loaded");
		contains(answer.reason, "add a section xauth-NAME with id = carol");
		keys_answer_clear(&answer);
	}
	world_free(&w);
}

/* RFC 7296 §2.15, put together by hand. */
static void the_mac_is_the_one_of_the_rfc(void **state)
{
	struct world w = world_new("moon.example", "sun.example");
	struct bytes pad = bytes_of_text("Key Pad for IKEv2"), parts[] = PARTS;
	uint8_t key[20], auth[20];

	(void)state;
	world_psk(&w);
	w.question.prf = PRF_HMAC_SHA1;
	assert_int_equal(load_secret(w.ours, "ike", "secret", ""), 0);
	assert_true(authenticated(&w));
	assert_int_equal(prf(w.crypto, PRF_HMAC_SHA1, bytes_of_text("secret"), &pad, 1, key), 0);
	assert_int_equal(prf(w.crypto, PRF_HMAC_SHA1, BYTES_OF(key), parts, 3, auth), 0);
	assert_true(bytes_equal(w.answer.auth, BYTES_OF(auth)));
	world_free(&w);
}

static void a_missing_secret_names_those_there_are(void **state)
{
	struct world w = world_new("moon.example", "sun.example");

	(void)state;
	world_psk(&w);
	unauthenticated(
		&w, "no pre-shared key for 'moon.example' <-> 'sun.example': none is loaded");
	contains(w.answer.reason, SWANCTL_CONF ":12");
	assert_int_equal(load_secret(w.ours, "ike-1", "hush-hush", "sun.other venus"), 0);
	unauthenticated(&w, "ike-1 (for sun.other and others)");
	assert_null(strstr(w.answer.reason, "hush"));
	world_free(&w);
}

static void an_unknown_peer_still_finds_our_secret(void **state)
{
	struct world w = world_new("moon.example", "%any");

	(void)state;
	world_psk(&w);
	assert_int_equal(load_secret(w.ours, "ike", "secret", "moon.example sun.example"), 0);
	assert_true(authenticated(&w));
	world_free(&w);
}

static void a_class_that_is_not_wanted_is_refused(void **state)
{
	struct world w = world_new("moon.example", "sun.example");

	(void)state;
	world_psk(&w);
	assert_int_equal(load_secret(w.ours, "ike", "secret", ""), 0);
	assert_int_equal(load_secret(w.theirs, "ike", "secret", ""), 0);
	w.remote.class = AUTH_CLASS_PUBKEY;
	w.remote.auth_text = "pubkey";
	refused(&w, "authenticated by a pre-shared key, but remote-1 wants auth = pubkey");
	w.remote.class = AUTH_CLASS_ANY;
	passes(&w, "pre-shared key");
	world_free(&w);
}

/* Keys of every type, by every method. */

static const struct method_case {
	const char *name, *id;
	bool announced; /* RFC 7427 hashes */
	bool pss;
	uint8_t method;
	const char *credential;
} methods[] = {
	{ "rsa", SUN_DN, false, false, AUTH_RSA_SIGNATURE,
		SUN_DN " (RSA 2048) by C=CH, O=tern, CN=root" },
	{ "rsa", SUN_DN, true, false, AUTH_DIGITAL_SIGNATURE, "RSA 2048" },
	{ "rsa", SUN_DN, true, true, AUTH_DIGITAL_SIGNATURE, "RSA 2048" },
	{ "p256", MOON_DN, false, false, AUTH_ECDSA_256, "ECDSA 256" },
	{ "p256", "moon.tern.example", true, false, AUTH_DIGITAL_SIGNATURE,
		"by C=CH, O=tern, CN=inter" },
	{ "p256", "192.0.2.1", true, false, AUTH_DIGITAL_SIGNATURE, "ECDSA 256" },
	{ "p256", "2001:db8::1", true, false, AUTH_DIGITAL_SIGNATURE, "ECDSA 256" },
	{ "p256", "moon@tern.example", true, false, AUTH_DIGITAL_SIGNATURE, "ECDSA 256" },
	{ "p384", "C=CH, O=tern, CN=p384", false, false, AUTH_ECDSA_384, "ECDSA 384" },
	{ "p384", "C=CH, O=tern, CN=p384", true, false, AUTH_DIGITAL_SIGNATURE, "ECDSA 384" },
	{ "p521", "C=CH, O=tern, CN=p521", false, false, AUTH_ECDSA_521, "ECDSA 521" },
	{ "p521", "C=CH, O=tern, CN=p521", true, false, AUTH_DIGITAL_SIGNATURE, "ECDSA 521" },
	{ "bp256", "C=CH, O=tern, CN=bp256", true, false, AUTH_DIGITAL_SIGNATURE, "ECDSA 256" },
	{ "ed25519", "C=CH, O=tern, CN=ed25519", true, false, AUTH_DIGITAL_SIGNATURE, "Ed25519" },
	{ "ed448", "C=CH, O=tern, CN=ed448", true, false, AUTH_DIGITAL_SIGNATURE, "Ed448" },
};

/* The key, its certificate and the intermediate on our side, the root on theirs. */
static struct world world_of_certs(const char *name, const char *id)
{
	struct world w = world_new(id, "peer.example");
	char file[64];

	snprintf(file, sizeof(file), "%s.pem", name);
	load_cert(w.ours, KEYS_CERT_END_ENTITY, file);
	snprintf(file, sizeof(file), "%s.key.pem", name);
	load_key(w.ours, file);
	load_cert(w.ours, KEYS_CERT_CA, "inter.pem");
	load_cert(w.ours, KEYS_CERT_CA, "root.pem");
	load_cert(w.theirs, KEYS_CERT_CA, "root.pem");
	return w;
}

static void every_key_signs_by_every_method(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(methods); i++) {
		const struct method_case *m = &methods[i];
		struct world w = world_of_certs(m->name, m->id);

		w.local.pss = w.remote.pss = m->pss;
		if (!m->announced)
			w.hash_count = 0;
		passes(&w, m->credential);
		assert_int_equal(w.answer.method, m->method);
		world_free(&w);
	}
}

static void an_altered_auth_is_refused(void **state)
{
	struct world w = world_of_certs("rsa", SUN_DN);
	struct ike_answer answer;

	(void)state;
	assert_true(authenticated(&w));
	w.question.parts[1] = BYTES("Nonce", 5);
	assert_false(verified(&w, &answer));
	contains(answer.reason, "does not match the key (RSA 2048) of certificate " SUN_DN);
	keys_answer_clear(&answer);
	world_free(&w);
}

static void the_chain_goes_along_without_its_root(void **state)
{
	struct world w = world_of_certs("p256", MOON_DN);

	(void)state;
	assert_true(authenticated(&w));
	assert_int_equal(w.answer.cert_count, 2);
	assert_int_equal(w.answer.certs[0].encoding, CERT_X509_SIGNATURE);
	assert_true(bytes_equal(w.answer.certs[0].data, der_of(&w, "p256.pem")));
	assert_true(bytes_equal(w.answer.certs[1].data, der_of(&w, "inter.pem")));
	world_free(&w);
}

/* Hashes. */

static const struct hash_case {
	const char *name, *id;
	uint8_t wanted[2], offered[2], expected; /* expected 0: none */
} hash_cases[] = {
	{ "rsa", SUN_DN, { 0 }, { HASH_SHA2_512, HASH_SHA2_256 }, HASH_SHA2_256 },
	{ "rsa", SUN_DN, { 0 }, { HASH_SHA1, HASH_SHA2_512 }, HASH_SHA2_512 },
	{ "rsa", SUN_DN, { HASH_SHA2_512, HASH_SHA2_384 }, { HASH_SHA2_384, HASH_SHA2_256 },
		HASH_SHA2_384 },
	{ "rsa", SUN_DN, { HASH_SHA2_512 }, { HASH_SHA2_384 }, 0 },
	{ "rsa", SUN_DN, { 0 }, { HASH_SHA1 }, 0 },
	{ "p384", "C=CH, O=tern, CN=p384", { 0 }, { HASH_SHA2_256, HASH_SHA2_384 }, HASH_SHA2_384 },
	{ "ed25519", "C=CH, O=tern, CN=ed25519", { 0 }, { HASH_SHA2_256 }, 0 },
};

/* What was used shows in what a constraint lets pass. */
static void the_hash_is_what_both_can(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(hash_cases); i++) {
		const struct hash_case *h = &hash_cases[i];
		struct world w = world_of_certs(h->name, h->id);

		while (w.local.hash_count < 2 && h->wanted[w.local.hash_count])
			w.local.hash_count++;
		memcpy(w.local.hashes, h->wanted, 2);
		w.hash_count = h->offered[1] ? 2 : 1;
		memcpy(w.hashes, h->offered, 2);
		w.remote.hash_count = 1;
		w.remote.hashes[0] = h->expected;
		if (h->expected)
			passes(&w, "by C=CH");
		else
			unauthenticated(&w, "can't be used");
		world_free(&w);
	}
}

static void sha1_passes_only_as_rfc_7296_has_it(void **state)
{
	struct world w = world_of_certs("rsa", SUN_DN);

	(void)state;
	w.hash_count = 0;
	passes(&w, "RSA");
	w.remote.hash_count = 1;
	w.remote.hashes[0] = HASH_SHA2_256;
	w.remote.auth_text = "rsa-sha256";
	refused(&w,
		"its hash is not among those that auth names: auth = rsa-sha256 (" SWANCTL_CONF
		":12)");
	world_free(&w);
}

static void eddsa_needs_rfc_7427(void **state)
{
	struct world w = world_of_certs("ed448", "C=CH, O=tern, CN=ed448");

	(void)state;
	w.hash_count = 0;
	unauthenticated(&w, "there is no EdDSA");
	world_free(&w);
}

/* Constraints. */

static void constraints_refuse_a_good_signature(void **state)
{
	struct world w = world_of_certs("rsa", SUN_DN);

	(void)state;
	w.remote.key_type = KEY_ECDSA;
	refused(&w, "its key is of another type than auth names");
	w.remote.key_type = KEY_RSA;
	passes(&w, "RSA");
	w.remote.min_bits = 3072;
	refused(&w, "its key is smaller than auth asks for");
	w.remote.min_bits = 2048;
	w.remote.pss = true;
	refused(&w, "it is PKCS#1 where auth asks for PSS");
	w.local.pss = true;
	passes(&w, "RSA");
	w.local.key_type = KEY_ECDSA;
	w.local.auth_text = "ecdsa";
	unauthenticated(&w, "our certificate " SUN_DN " has a key of RSA 2048, but local-1");
	world_free(&w);
}

/* Trust. */

static const struct trust_case {
	const char *end, *id, *reason; /* none: it passes */
	int64_t wall;
	bool foreign_root;
} trust_cases[] = {
	{ "rsa", SUN_DN, NULL, NOW, false },
	{ "rsa", SUN_DN, "expired at", 3200000000, false },
	{ "rsa", SUN_DN, "not valid before", 1500000000, false },
	{ "rsa", SUN_DN, "does not lead to one of our 1 trusted CAs", NOW, true },
	{ "rsa", "sun.example", "does not speak for 'sun.example'", NOW, false },
	{ "p256", "wild.example", "does not speak for", NOW, false },
};

static void certificates_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(trust_cases); i++) {
		const struct trust_case *c = &trust_cases[i];
		struct world w = world_of_certs(c->end, c->id);
		char file[64];

		snprintf(file, sizeof(file), "%s.pem", c->end);
		w.local.certs = (struct bytes[]){ der_of(&w, file) };
		w.local.cert_count = 1;
		w.wall = c->wall;
		if (c->foreign_root) {
			keys_clear(w.theirs);
			load_cert(w.theirs, KEYS_CERT_CA, "foreignroot.pem");
		}
		if (c->reason)
			refused(&w, c->reason);
		else
			passes(&w, SUN_DN);
		world_free(&w);
	}
}

static void named_cas_are_the_only_anchors(void **state)
{
	struct world w = world_of_certs("p256", MOON_DN);

	(void)state;
	w.remote.cacert_count = 1;
	w.remote.cacerts = (struct bytes[]){ der_of(&w, "foreignroot.pem") };
	refused(&w, "does not lead to one of the 1 cacerts of remote-1 (" SWANCTL_CONF ":12)");
	w.remote.cacerts[0] = der_of(&w, "root.pem");
	passes(&w, MOON_DN);
	keys_clear(w.theirs);
	passes(&w, MOON_DN);
	load_cert(w.theirs, KEYS_CERT_END_ENTITY, "p256.pem");
	w.remote.cacerts[0] = der_of(&w, "foreignroot.pem");
	refused(&w, "does not lead");
	world_free(&w);
}

static void named_certificates_are_the_only_ones(void **state)
{
	struct world w = world_of_certs("rsa", SUN_DN);

	(void)state;
	w.remote.cert_count = 1;
	w.remote.certs = (struct bytes[]){ der_of(&w, "p256.pem") };
	refused(&w, "which is not among the certs of remote-1");
	w.remote.certs[0] = der_of(&w, "rsa.pem");
	keys_clear(w.theirs);
	passes(&w, SUN_DN);
	assert_true(authenticated(&w));
	world_free(&w);
}

/* A peer that sends nothing, and one whose certificate stands in x509/ without its CA. */
static void known_certificates_need_not_be_sent_or_issued(void **state)
{
	struct world w = world_of_certs("rsa", SUN_DN);
	struct ike_answer answer;

	(void)state;
	keys_clear(w.theirs);
	load_cert(w.theirs, KEYS_CERT_END_ENTITY, "rsa.pem");
	passes(&w, SUN_DN);
	w.answer.cert_count = 0;
	assert_true(verified(&w, &answer));
	keys_answer_clear(&answer);
	keys_clear(w.theirs);
	assert_false(verified(&w, &answer));
	contains(answer.reason, "sent no X.509 certificate");
	keys_answer_clear(&answer);
	w.answer.cert_count = 1;
	world_free(&w);
}

static void rubbish_for_a_certificate_is_refused(void **state)
{
	struct world w = world_of_certs("rsa", SUN_DN);
	struct ike_answer answer;
	struct bytes good;

	(void)state;
	assert_true(authenticated(&w));
	good = w.answer.certs[0].data;
	for (size_t size = 0; size < good.size; size += 7) {
		w.answer.certs[0].data.size = size;
		assert_false(verified(&w, &answer));
		contains(answer.reason, "can't be decoded");
		keys_answer_clear(&answer);
	}
	w.answer.certs[0].data = good;
	for (size_t size = 0; size < w.answer.auth.size; size += 3) {
		struct bytes auth = w.answer.auth;

		w.answer.auth.size = size;
		assert_false(verified(&w, &answer));
		keys_answer_clear(&answer);
		w.answer.auth = auth;
	}
	world_free(&w);
}

/* Choosing. */

static void the_certificate_that_is_asked_for_is_sent(void **state)
{
	struct world w = world_of_certs("rsa", "peer");
	struct keys *anchors = keys_new();
	struct bytes both[2] = { der_of(&w, "edsigned.pem"), der_of(&w, "rsa.pem") };
	size_t size;
	uint8_t *hashes;

	(void)state;
	load_cert(anchors, KEYS_CERT_CA, "root.pem");
	load_cert(anchors, KEYS_CERT_CA, "root.pem");
	hashes = keys_certreqs(anchors, &size);
	assert_int_equal(size, 20);
	load_key(w.ours, "p256.key.pem");
	both[0] = der_of(&w, "p256.pem");
	w.local.certs = both;
	w.local.cert_count = 2;
	assert_true(authenticated(&w));
	assert_true(bytes_equal(w.answer.certs[0].data, both[0]));

	keys_clear(anchors);
	free(hashes);
	load_cert(anchors, KEYS_CERT_CA, "inter.pem");
	hashes = keys_certreqs(anchors, &size);
	w.question.certreqs = BYTES(hashes, size);
	both[0] = both[1];
	both[1] = der_of(&w, "p256.pem");
	assert_true(authenticated(&w));
	assert_true(bytes_equal(w.answer.certs[0].data, both[1]));
	w.local.key_type = KEY_RSA;
	assert_true(authenticated(&w));
	assert_true(bytes_equal(w.answer.certs[0].data, both[0]));
	free(hashes);
	keys_free(anchors);
	world_free(&w);
}

static void what_is_missing_is_named(void **state)
{
	struct world w = world_of_certs("rsa", SUN_DN);

	(void)state;
	keys_clear(w.ours);
	unauthenticated(&w, "no certificate of ours speaks for '" SUN_DN "'");
	load_cert(w.ours, KEYS_CERT_END_ENTITY, "rsa.pem");
	unauthenticated(
		&w, "the private key of our certificate " SUN_DN " (RSA 2048) is not loaded");
	w.local.class = AUTH_CLASS_ANY;
	assert_int_equal(load_secret(w.ours, "ike", "secret", ""), 0);
	assert_true(authenticated(&w));
	assert_int_equal(w.answer.method, AUTH_SHARED_KEY);
	load_key(w.ours, "rsa.key.pem");
	assert_true(authenticated(&w));
	assert_int_equal(w.answer.method, AUTH_DIGITAL_SIGNATURE);
	world_free(&w);
}

/* Raw public keys, RFC 7670. */

static void raw_keys_pass_where_they_are_named(void **state)
{
	struct world w = world_new("moon.example", "sun.example");
	struct ike_answer answer;

	(void)state;
	load_key(w.ours, "ed25519.key.pem");
	w.local.pubkey_count = w.remote.pubkey_count = 1;
	w.local.pubkeys = (struct bytes[]){ der_of(&w, "ed25519.pub.pem") };
	w.remote.pubkeys = (struct bytes[]){ der_of(&w, "ed25519.pub.pem") };
	passes(&w, "(Ed25519)");
	assert_int_equal(w.answer.certs[0].encoding, CERT_RAW_PUBLIC_KEY);
	assert_true(bytes_equal(w.answer.certs[0].data, w.local.pubkeys[0]));
	w.answer.cert_count = 0;
	assert_true(verified(&w, &answer));
	keys_answer_clear(&answer);
	w.answer.cert_count = 1;

	w.remote.pubkeys[0] = der_of(&w, "ed448.pub.pem");
	refused(&w, "does not fit the key (Ed448)");
	w.remote.pubkey_count = 0;
	load_cert(w.theirs, KEYS_PUBLIC_KEY, "ed25519.pub.pem");
	refused(&w, "sent a raw public key, and remote-1 names none");
	world_free(&w);
}

/* Key exchanges. */

static void key_exchanges_agree(void **state)
{
	struct world w = world_new("a", "b");
	struct ike_question q = { .id = 7, .kind = IKE_ASK_KE_BEGIN, .group = KE_CURVE25519 };
	struct ike_answer begun, responded, finished;

	(void)state;
	assert_true(ask(&w, w.ours, &q, &begun));
	q = (struct ike_question){
		.id = 8, .kind = IKE_ASK_KE_RESPOND, .group = q.group, .peer = begun.public
	};
	assert_true(ask(&w, w.ours, &q, &responded));
	q = (struct ike_question){ .kind = IKE_ASK_KE_FINISH,
		.group = q.group,
		.private = begun.private,
		.peer = responded.public };
	assert_true(ask(&w, w.ours, &q, &finished));
	assert_true(bytes_equal(finished.secret, responded.secret));
	keys_answer_clear(&finished);
	keys_answer_clear(&responded);

	q.peer.size = 0;
	assert_false(ask(&w, w.ours, &q, &finished));
	assert_int_equal(finished.status, IKE_ANSWER_BAD_PEER);
	contains(finished.reason, "CURVE_25519");
	q = (struct ike_question){ .kind = IKE_ASK_KE_BEGIN, .group = 9999 };
	assert_false(ask(&w, w.ours, &q, &finished));
	assert_int_equal(finished.status, IKE_ANSWER_NO);
	keys_answer_clear(&begun);
	world_free(&w);
}

/* The randomness of a signature is the caller's, not the store's. */

static void count_up(void *context, uint8_t *out, size_t size)
{
	uint8_t *next = context;

	for (size_t i = 0; i < size; i++)
		out[i] = (*next)++;
}

static void signatures_repeat_with_the_source(void **state)
{
	uint8_t seen[2][SIGNATURE_BYTES_MAX];
	size_t sizes[2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct world w = world_of_certs("p256", MOON_DN);
		uint8_t next = 3;
		struct random_source source = { count_up, &next };
		struct crypto *kept = w.crypto;

		w.crypto = crypto_new(&source);
		assert_true(authenticated(&w));
		sizes[i] = w.answer.auth.size;
		memcpy(seen[i], w.answer.auth.data, sizes[i]);
		keys_clear(w.ours);
		crypto_free(w.crypto);
		w.crypto = kept;
		world_free(&w);
	}
	assert_true(bytes_equal(BYTES(seen[0], sizes[0]), BYTES(seen[1], sizes[1])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_secret_passes_and_another_is_named),
		cmocka_unit_test(a_user_has_the_password_of_its_secret),
		cmocka_unit_test(a_user_without_a_secret_is_named),
		cmocka_unit_test(the_mac_is_the_one_of_the_rfc),
		cmocka_unit_test(a_missing_secret_names_those_there_are),
		cmocka_unit_test(an_unknown_peer_still_finds_our_secret),
		cmocka_unit_test(a_class_that_is_not_wanted_is_refused),
		cmocka_unit_test(every_key_signs_by_every_method),
		cmocka_unit_test(an_altered_auth_is_refused),
		cmocka_unit_test(the_chain_goes_along_without_its_root),
		cmocka_unit_test(the_hash_is_what_both_can),
		cmocka_unit_test(sha1_passes_only_as_rfc_7296_has_it),
		cmocka_unit_test(eddsa_needs_rfc_7427),
		cmocka_unit_test(constraints_refuse_a_good_signature),
		cmocka_unit_test(certificates_are_judged),
		cmocka_unit_test(named_cas_are_the_only_anchors),
		cmocka_unit_test(named_certificates_are_the_only_ones),
		cmocka_unit_test(known_certificates_need_not_be_sent_or_issued),
		cmocka_unit_test(rubbish_for_a_certificate_is_refused),
		cmocka_unit_test(the_certificate_that_is_asked_for_is_sent),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(raw_keys_pass_where_they_are_named),
		cmocka_unit_test(key_exchanges_agree),
		cmocka_unit_test(signatures_repeat_with_the_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
