/* The store of credentials: what is loaded, listed, unloaded, kept by a reload, and chosen by its owners. */
#include "keys_world.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

/* Owners. The secrets are loaded in this order; the one expected is found by the MAC that it makes. */
static const char *const owned[][2] = {
	{ "anybody", "" },
	{ "any", "%any" },
	{ "both", "moon.example sun.example" },
	{ "remote", "sun.example" },
	{ "local", "moon.example" },
	{ "wild", "*.example" },
	{ "other", "venus.other" },
	{ "mail", "*@example.org" },
	{ "address", "192.0.2.1" },
};

static const struct owner_case {
	const char *local, *remote;
	const char *loaded; /* names, separated by spaces */
	const char *expected;
} owner_cases[] = {
	{ "moon.example", "sun.example", "anybody remote both local", "both" },
	{ "moon.example", "sun.example", "anybody local remote", "remote" },
	{ "moon.example", "sun.example", "anybody local other", "local" },
	{ "moon.example", "sun.example", "other anybody", "anybody" },
	{ "moon.example", "sun.example", "other any", "any" },
	{ "moon.example", "sun.example", "other", NULL },
	{ "moon.example", "sun.example", "wild both", "both" },
	{ "moon.example", "sun.example", "any wild", "wild" },
	{ "moon.example", "venus.other", "local other", "other" },
	{ "moon.example", "sun@example.org", "mail anybody", "mail" },
	{ "moon.example", "sun@example.com", "mail anybody", "anybody" },
	{ "moon.example", "192.0.2.1", "local address", "address" },
	{ "moon.example", "192.0.2.2", "address", NULL },
	{ "moon.example", "%any", "remote both", "both" },
	{ "moon.example", "%any", "remote", NULL },
	{ "moon.example", "%any", "remote any", "any" },
};

static void load_owned(struct keys *k, const char *name)
{
	for (size_t i = 0; i < COUNT_OF(owned); i++) {
		if (strcmp(owned[i][0], name) == 0)
			assert_int_equal(load_secret(k, name, name, owned[i][1]), 0);
	}
}

static void the_best_owner_wins(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(owner_cases); i++) {
		const struct owner_case *c = &owner_cases[i];
		struct world w = world_new(c->local, c->remote);
		struct ike_answer answer;
		char names[100], *rest = names;

		world_psk(&w);
		snprintf(names, sizeof(names), "%s", c->loaded);
		for (char *name; (name = strtok_r(rest, " ", &rest));)
			load_owned(w.ours, name);
		assert_int_equal(authenticated(&w), c->expected != NULL);
		if (c->expected) {
			assert_int_equal(load_secret(w.theirs, "it", c->expected, ""), 0);
			if (!verified(&w, &answer))
				fail_msg("%s <-> %s of %s: not %s", c->local, c->remote, c->loaded,
					c->expected);
			keys_answer_clear(&answer);
		}
		world_free(&w);
	}
}

/* Both ends at once: moon proves itself to sun, sun to moon, with what each has. */
static void secrets_prove_both_ends(void **state)
{
	struct world w = world_new("moon.example", "sun.example");

	(void)state;
	world_psk(&w);
	assert_int_equal(load_secret(w.ours, "moons", "hush-hush", "sun.example"), 0);
	assert_int_equal(load_secret(w.theirs, "suns", "hush-hush", "moon.example"), 0);
	for (size_t i = 0; i < 2; i++) {
		struct keys *ours = w.ours;
		struct id_payload local = w.question.local_id;

		passes(&w, i ? "secret moons" : "secret suns");
		w.ours = w.theirs;
		w.theirs = ours;
		w.question.local_id = w.question.remote_id;
		w.question.remote_id = local;
	}
	world_free(&w);
}

static void what_the_peer_did_is_not_what_was_asked(void **state)
{
	struct world w = world_new("C=CH, O=tern, CN=sun", "moon.example");
	struct ike_answer answer;

	(void)state;
	load_cert(w.ours, KEYS_CERT_END_ENTITY, "rsa.pem");
	load_key(w.ours, "rsa.key.pem");
	load_cert(w.theirs, KEYS_CERT_CA, "root.pem");
	w.remote.class = AUTH_CLASS_PSK;
	w.remote.auth_text = "psk";
	refused(&w,
		"authenticated by a public key, but remote-1 wants auth = psk (" SWANCTL_CONF
		":12)");
	w.remote.class = AUTH_CLASS_PUBKEY;
	w.remote.id = (struct identity){ ID_FQDN, bytes_of_text("mars"), "mars", false };
	refused(&w, "the peer is 'C=CH, O=tern, CN=sun', but remote-1 wants id = mars");
	w.remote.id = (struct identity){ 0 };
	w.answer.method = 13; /* NULL, RFC 7619 */
	assert_false(verified(&w, &answer));
	contains(answer.reason, "which is not supported; use psk or pubkey");
	keys_answer_clear(&answer);
	world_free(&w);
}

/* An intermediate that is loaded as a CA and as somebody's certificate goes along once. */
static void a_chain_has_no_repeats(void **state)
{
	struct world w = world_new("C=CH, O=tern, CN=moon", "peer.example");

	(void)state;
	load_key(w.ours, "p256.key.pem");
	load_cert(w.ours, KEYS_CERT_END_ENTITY, "inter.pem");
	load_cert(w.ours, KEYS_CERT_END_ENTITY, "p256.pem");
	load_cert(w.ours, KEYS_CERT_END_ENTITY, "p256.pem");
	load_cert(w.ours, KEYS_CERT_CA, "inter.pem");
	load_cert(w.ours, KEYS_CERT_CA, "root.pem");
	assert_true(authenticated(&w));
	assert_int_equal(w.answer.cert_count, 2);
	world_free(&w);
}

/* Key exchanges, in groups of every family. */

static void exchange(struct world *w, uint16_t group)
{
	struct ike_question q = { .kind = IKE_ASK_KE_BEGIN, .group = group };
	struct ike_answer begun, responded, finished;

	assert_true(ask(w, w->ours, &q, &begun));
	q.kind = IKE_ASK_KE_RESPOND;
	q.peer = begun.public;
	assert_true(ask(w, w->theirs, &q, &responded));
	q.kind = IKE_ASK_KE_FINISH;
	q.private = begun.private;
	q.peer = responded.public;
	assert_true(ask(w, w->ours, &q, &finished));
	assert_true(finished.secret.size && bytes_equal(finished.secret, responded.secret));
	keys_answer_clear(&finished);
	keys_answer_clear(&responded);

	q.kind = IKE_ASK_KE_RESPOND;
	q.peer = BYTES(begun.public.data, begun.public.size - 1);
	assert_false(ask(w, w->theirs, &q, &responded));
	assert_int_equal(responded.status, IKE_ANSWER_BAD_PEER);
	assert_null(responded.public.data);
	assert_null(responded.secret.data);
	keys_answer_clear(&responded);
	keys_answer_clear(&begun);
}

static void every_family_of_groups_agrees(void **state)
{
	static const uint16_t groups[] = { KE_MODP_2048, KE_ECP_256, KE_ECP_384, KE_ECP_521,
		KE_CURVE25519, KE_CURVE448 };
	struct world w = world_new("a", "b");

	(void)state;
	for (size_t i = 0; i < COUNT_OF(groups); i++)
		exchange(&w, groups[i]);
	world_free(&w);
}

/* Loading. */

static const char *const key_files[] = {
	"rsa.key.pem",
	"rsa.pkcs1.der",
	"rsa.pkcs1.pem",
	"rsa.pkcs8.der",
	"p256.key.pem",
	"p256.sec1.der",
	"p256.sec1.pem",
	"p384.key.pem",
	"p521.key.pem",
	"bp256.key.pem",
	"ed25519.key.pem",
	"ed448.key.pem",
};

static bool count_key(void *context, const char *id, const char *type)
{
	assert_int_equal(strlen(id), 40);
	assert_non_null(type);
	++*(size_t *)context;
	return true;
}

static size_t keys_count(struct keys *k)
{
	size_t count = 0;

	keys_each_key(k, count_key, &count);
	return count;
}

static int key_load(
	struct keys *k, const char *file, const char *passphrase, char id[static 41], char *problem)
{
	struct file f = file_read(file);

	return keys_load_key(k, file_bytes(&f), passphrase, file, id, problem, 200);
}

static void keys_load_in_every_form_once(void **state)
{
	struct keys *k = keys_new();
	char id[41], problem[200] = "";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(key_files); i++) {
		int r = key_load(k, key_files[i], NULL, id, problem);

		assert_true(r == 0 || r == -EEXIST);
	}
	assert_int_equal(keys_count(k), 7);
	assert_int_equal(key_load(k, "rsa.key.pem", NULL, id, problem), -EEXIST);
	assert_int_equal(strlen(id), 40);
	assert_int_equal(keys_unload_key(k, id), 0);
	assert_int_equal(keys_unload_key(k, id), -ENOENT);
	assert_int_equal(keys_count(k), 6);
	keys_free(k);
}

static void locked_keys_and_rubbish_say_what_is_wrong(void **state)
{
	struct keys *k = keys_new();
	char id[41], problem[200];

	(void)state;
	assert_int_equal(key_load(k, "p256.locked.pem", NULL, id, problem), -EACCES);
	contains(problem, "it is encrypted");
	assert_int_equal(key_load(k, "p256.locked.pem", "wrong", id, problem), -EACCES);
	contains(problem, "the passphrase is wrong");
	assert_int_equal(key_load(k, "p256.locked.pem", "tern", id, problem), 0);
	assert_int_equal(key_load(k, "message.txt", NULL, id, problem), -EBADMSG);
	contains(problem, "no private key");
	assert_int_equal(
		keys_load_cert(k, KEYS_CERT_CA, bytes_of_text("x"), "vici", NULL, 0), -EBADMSG);
	assert_int_equal(load_secret(k, "ike", "secret", "@#zz"), -EINVAL);
	assert_int_equal(keys_count(k), 1);
	keys_free(k);
}

static void only_cas_are_anchors(void **state)
{
	struct file f = file_read("rsa.pem");
	struct keys *k = keys_new();
	char problem[200];
	uint8_t *hashes;
	size_t size;

	(void)state;
	assert_int_equal(
		keys_load_cert(k, KEYS_CERT_CA, file_bytes(&f), "x", problem, sizeof(problem)),
		-EINVAL);
	contains(problem, "no CA");
	hashes = keys_certreqs(k, &size);
	assert_non_null(hashes);
	assert_int_equal(size, 0);
	free(hashes);
	keys_free(k);
}

/* A raw key that no round names speaks for its own key id and for nobody else. */
static void a_stored_raw_key_speaks_for_its_key_id(void **state)
{
	struct world w = world_new("moon.example", "sun.example");
	char id[41], text[48], problem[200];

	(void)state;
	assert_int_equal(key_load(w.ours, "p384.key.pem", NULL, id, problem), 0);
	snprintf(text, sizeof(text), "@#%s", id);
	w.question.local_id = id_of(&w, text);
	w.local.pubkey_count = 1;
	w.local.pubkeys = (struct bytes[]){ der_of(&w, "p384.pub.pem") };
	refused(&w, "sent a raw public key, and remote-1 names none");
	load_cert(w.theirs, KEYS_PUBLIC_KEY, "p384.pub.pem");
	passes(&w, id);
	w.question.local_id = id_of(&w, "moon.example");
	refused(&w, "sent a raw public key, and remote-1 names none");
	w.remote.cacert_count = 1;
	w.remote.cacerts = (struct bytes[]){ der_of(&w, "root.pem") };
	refused(&w, "sent a raw public key where remote-1 wants a certificate");
	world_free(&w);
}

/* Listing. */

static bool look(void *context, const struct keys_cert_view *view)
{
	size_t *seen = context;

	assert_true(view->der.size > 0);
	if (view->kind == KEYS_CERT_END_ENTITY) {
		assert_string_equal(view->subject, "C=CH, O=tern, CN=sun");
		assert_true(view->has_private_key);
		assert_true(view->not_before < NOW && view->not_after > NOW);
		assert_string_equal(view->source, "rsa.pem");
	}
	if (view->kind == KEYS_PUBLIC_KEY)
		assert_false(view->has_private_key);
	return ++*seen < 3;
}

static void certificates_are_listed_until_enough(void **state)
{
	struct keys *k = keys_new();
	size_t seen = 0;

	(void)state;
	load_cert(k, KEYS_CERT_END_ENTITY, "rsa.pem");
	load_key(k, "rsa.key.pem");
	load_cert(k, KEYS_PUBLIC_KEY, "p256.pub.pem");
	load_cert(k, KEYS_CERT_CA, "root.pem");
	load_cert(k, KEYS_CERT_CA, "inter.pem");
	keys_each_cert(k, look, &seen);
	assert_int_equal(seen, 3);
	keys_free(k);
}

/* Reloading. */

static bool add_name(void *context, const char *id)
{
	strcat(strcat(context, id), " ");
	return true;
}

static bool add_source(void *context, const struct keys_cert_view *view)
{
	return add_name(context, view->source);
}

static int load_named(struct keys *k, const char *id, const char *secret, const char *source)
{
	return keys_load_shared(k, id, KEYS_SHARED_IKE, bytes_of_text(secret), NULL, 0, source);
}

static void a_reload_drops_what_the_files_lost(void **state)
{
	struct keys *k = keys_new();
	struct file root = file_read("root.pem");
	char names[100] = "", sources[100] = "";

	(void)state;
	load_cert(k, KEYS_CERT_CA, "root.pem");
	load_cert(k, KEYS_CERT_CA, "inter.pem");
	load_cert(k, KEYS_CERT_CA, "rsaroot.pem");
	assert_int_equal(load_named(k, "kept", "1", "conf:1"), 0);
	assert_int_equal(load_named(k, "lost", "2", "conf:2"), 0);
	assert_int_equal(load_named(k, "socket", "3", "vici"), 0);
	assert_int_equal(
		keys_load_cert(k, KEYS_CERT_CA, file_bytes(&root), "vici", NULL, 0), -EEXIST);

	keys_reload_begin(k);
	assert_int_equal(load_named(k, "kept", "1", "conf:1"), -EEXIST);
	assert_int_equal(load_named(k, "new", "4", "conf:3"), 0);
	load_cert(k, KEYS_CERT_CA, "edroot.pem");
	keys_reload_end(k);
	keys_each_shared(k, add_name, names);
	keys_each_cert(k, add_source, sources);
	assert_string_equal(names, "kept socket new ");
	assert_string_equal(sources, "vici edroot.pem ");
	keys_free(k);
}

/* A line that moved is the one that reasons name. */
static void a_reload_learns_where_a_secret_stands(void **state)
{
	struct world w = world_new("moon.example", "sun.example");

	(void)state;
	world_psk(&w);
	assert_int_equal(load_named(w.ours, "ike", "hush-hush", "conf:1"), 0);
	assert_int_equal(load_named(w.theirs, "ike", "shush", "conf:1"), 0);
	keys_reload_begin(w.theirs);
	assert_int_equal(load_named(w.theirs, "ike", "shush", "conf:7"), -EEXIST);
	keys_reload_end(w.theirs);
	refused(&w, "(secret ike from conf:7)");
	assert_int_equal(load_named(w.theirs, "ike", "shush", "vici"), -EEXIST);
	refused(&w, "(secret ike from vici)");
	assert_int_equal(load_named(w.theirs, "ike", "shush", "conf:7"), -EEXIST);
	refused(&w, "(secret ike from vici)");
	world_free(&w);
}

static void a_name_is_taken_over(void **state)
{
	struct keys *k = keys_new();
	char names[100] = "";

	(void)state;
	assert_int_equal(load_named(k, "a", "1", "vici"), 0);
	assert_int_equal(load_named(k, "a", "1", "vici"), -EEXIST);
	assert_int_equal(load_named(k, "a", "2", "vici"), 0);
	assert_int_equal(load_named(k, NULL, "3", "vici"), 0);
	assert_int_equal(load_named(k, NULL, "4", "vici"), 0);
	assert_int_equal(load_named(k, "", "4", "vici"), -EEXIST);
	keys_each_shared(k, add_name, names);
	assert_string_equal(names, "a   ");
	assert_int_equal(keys_unload_shared(k, "a"), 0);
	assert_int_equal(keys_unload_shared(k, "a"), -ENOENT);
	keys_free(k);
}

/* Threads: two answer while one loads. */

struct shared_world {
	struct keys *keys;
	struct connection connection;
	struct ike_question question;
	atomic_bool stop;
	atomic_uint answered;
};

static void *answer_always(void *context)
{
	struct shared_world *s = context;
	struct crypto *crypto = crypto_new(NULL);

	while (!atomic_load(&s->stop)) {
		struct ike_answer answer;

		keys_answer(s->keys, crypto, &s->question, NOW, &answer);
		if (answer.status == IKE_ANSWER_OK)
			atomic_fetch_add(&s->answered, 1);
		keys_answer_clear(&answer);
	}
	return crypto;
}

static void loading_and_answering_mix(void **state)
{
	struct world w = world_new("C=CH, O=tern, CN=moon", "peer");
	struct shared_world s = { .keys = w.ours, .question = w.question };
	void *cryptos[2];
	pthread_t threads[2];

	(void)state;
	s.connection = (struct connection){ .local_count = 1, .local = &w.local };
	s.question.kind = IKE_ASK_AUTHENTICATE;
	s.question.connection = &s.connection;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, answer_always, &s), 0);
	for (unsigned round = 0; round < 40 || (atomic_load(&s.answered) < 20 && round < 4000);
		round++) {
		keys_reload_begin(w.ours);
		load_cert(w.ours, KEYS_CERT_CA, "root.pem");
		if (round % 4) {
			struct file f = file_read("p256.pem");
			char id[41], problem[200];

			keys_load_cert(
				w.ours, KEYS_CERT_END_ENTITY, file_bytes(&f), "p256.pem", NULL, 0);
			key_load(w.ours, "p256.key.pem", NULL, id, problem);
		}
		keys_reload_end(w.ours);
	}
	atomic_store(&s.stop, true);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], &cryptos[i]);
	assert_true(atomic_load(&s.answered) > 0);
	world_free(&w);
	crypto_free(cryptos[0]);
	crypto_free(cryptos[1]);
}

/* Trust comes and goes while two threads judge a peer and this one looks at the lists. */
static void trust_may_change_while_peers_are_judged(void **state)
{
	struct world w = world_new("C=CH, O=tern, CN=moon", "peer");
	struct shared_world s = { .keys = w.theirs, .question = w.question };
	void *cryptos[2];
	pthread_t threads[2];

	(void)state;
	load_key(w.ours, "p256.key.pem");
	load_cert(w.ours, KEYS_CERT_END_ENTITY, "p256.pem");
	load_cert(w.ours, KEYS_CERT_CA, "inter.pem");
	assert_true(authenticated(&w));
	s.question.kind = IKE_ASK_VERIFY;
	s.question.connection = &w.connection;
	s.question.local_id = w.question.remote_id;
	s.question.remote_id = w.question.local_id;
	s.question.method = w.answer.method;
	s.question.auth = w.answer.auth;
	s.question.cert_count = w.answer.cert_count;
	memcpy(s.question.certs, w.answer.certs, sizeof(w.answer.certs));
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, answer_always, &s), 0);
	for (unsigned round = 0; round < 40 || (atomic_load(&s.answered) < 20 && round < 4000);
		round++) {
		size_t size;

		keys_reload_begin(w.theirs);
		load_cert(w.theirs, KEYS_CERT_CA, round % 4 ? "root.pem" : "foreignroot.pem");
		keys_reload_end(w.theirs);
		free(keys_certreqs(w.theirs, &size));
		assert_int_equal(size, 20);
		assert_int_equal(keys_count(w.theirs), 0);
	}
	atomic_store(&s.stop, true);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], &cryptos[i]);
	assert_true(atomic_load(&s.answered) > 0);
	world_free(&w);
	crypto_free(cryptos[0]);
	crypto_free(cryptos[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_owner_wins),
		cmocka_unit_test(secrets_prove_both_ends),
		cmocka_unit_test(what_the_peer_did_is_not_what_was_asked),
		cmocka_unit_test(a_chain_has_no_repeats),
		cmocka_unit_test(every_family_of_groups_agrees),
		cmocka_unit_test(keys_load_in_every_form_once),
		cmocka_unit_test(locked_keys_and_rubbish_say_what_is_wrong),
		cmocka_unit_test(only_cas_are_anchors),
		cmocka_unit_test(a_stored_raw_key_speaks_for_its_key_id),
		cmocka_unit_test(certificates_are_listed_until_enough),
		cmocka_unit_test(a_reload_drops_what_the_files_lost),
		cmocka_unit_test(a_reload_learns_where_a_secret_stands),
		cmocka_unit_test(a_name_is_taken_over),
		cmocka_unit_test(loading_and_answering_mix),
		cmocka_unit_test(trust_may_change_while_peers_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
