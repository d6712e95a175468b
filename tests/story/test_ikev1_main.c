/* Main mode in both roles, with all that a network and a stranger do to it. */
#include "tests/story/ikev1.h"

#define SEED 61

static void two_hosts_set_up_a_tunnel(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	STORY_TRUE(s, laddered(&s, "ID_PROT") > 0);
	v1_packets(&s);
	story_end(&s);
}

static void every_group_and_hash_works(void **state)
{
	static const char *const proposals[] = { "aes256-sha512-modp2048", "3des-sha1-modp1024",
		"aes192-sha384-ecp384", "aes128-sha256-ecp256, aes128-sha1-modp1536",
		"aes128-sha1-modp1536", "aes128-sha256-modp3072", "aes128-sha256-modp4096",
		"aes128-sha256-modp6144", "aes128-sha256-modp8192", "aes256-sha1-ecp521",
		"aes128-sha256-ecp256bp", "aes128-sha384-ecp384bp", "aes128-sha512-ecp512bp",
		"aes128-sha256-x25519" };

	(void)state;
	for (size_t i = 0; i < sizeof(proposals) / sizeof(proposals[0]); i++) {
		char keys[200];
		struct story_config c = { .connection = keys };
		struct story s;

		snprintf(keys, sizeof(keys), "version = 1\n proposals = %s", proposals[i]);
		s = story_established(SEED, &c);
		story_up(&s, 1);
		v1_packets(&s);
		story_end(&s);
	}
}

/* Loss, duplication, reordering: with all of it phase 1 and quick mode come to their end. */
static void a_bad_network_only_delays_it(void **state)
{
	struct story_config c = v1_config();
	struct ike_options patient;

	(void)state;
	ike_options_default(&patient);
	patient.half_open_timeout_ns = 300 * NS_PER_SECOND;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct story s = story_begin(seed, &c, &patient);

		s.w->faults = (struct network_faults){ .loss_percent = 10,
			.duplicate_percent = 25,
			.reorder_percent = 25,
			.spare_esp = true };
		host_initiate(s.alice, "net");
		world_run(s.w, 400 * NS_PER_SECOND);
		s.w->faults = (struct network_faults){ 0 };
		world_run(s.w, 400 * NS_PER_SECOND);
		story_up(&s, 1);
		v1_packets(&s);
		story_end(&s);
	}
}

/* Octets that change on the way look like an attacker. What he does to phase 1 may keep it from coming to
 * an end, but nothing stays of it, and phase 2 he can't touch. */
static void forged_messages_leave_nothing_behind(void **state)
{
	struct story_config c = v1_config();

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct story s = story_begin(seed, &c, NULL);

		s.w->faults = (struct network_faults){
			.corrupt_percent = 20, .duplicate_percent = 50, .reorder_percent = 50
		};
		host_initiate(s.alice, "net");
		world_run(s.w, 400 * NS_PER_SECOND);
		STORY_TRUE(s, world_same_keys(s.w) && !s.w->broken);
		s.w->faults = (struct network_faults){ 0 };
		host_terminate(s.alice, "net", NULL);
		world_run(s.w, 60 * NS_PER_SECOND);
		host_initiate(s.alice, "net");
		world_run(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		v1_packets(&s);
		story_end(&s);
	}
}

static void silence_to_what_is_encrypted_makes_secrets_suspect(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	for (unsigned i = 0; i < 1000 && !laddered(&s, "ID HASH"); i++)
		world_run(s.w, NS_PER_SECOND / 1000);
	s.w->faults.loss_percent = 100;
	world_run(s.w, 600 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_TRUE(s, strstr(s.alice->last_done, "gave no answer to our message of main mode"));
	STORY_TRUE(s, strstr(s.alice->last_done, "compare the secrets of both ends"));
	story_end(&s);
}

static void different_secrets_end_in_words_about_them(void **state)
{
	struct story_config c = v1_config();
	struct story s;

	(void)state;
	c.bob_secret = "dolphins";
	s = story_begin(SEED, &c, NULL);
	host_initiate(s.alice, "net");
	world_run(s.w, 600 * NS_PER_SECOND);
	story_down(&s);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_TRUE(s, laddered(&s, "different pre-shared keys") > 0);
	story_end(&s);
}

static void what_a_stranger_says_in_the_clear_is_only_told(void **state)
{
	struct story_config c = v1_config();
	struct story s;

	(void)state;
	c.bob_connection = "proposals = aes256-sha512-modp2048";
	s = story_begin(SEED, &c, NULL);
	host_initiate(s.alice, "net");
	world_run(s.w, 2 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->done_failed, 0); /* it is not authentic: she goes on trying */
	STORY_TRUE(s, laddered(&s, "NO_PROPOSAL_CHOSEN for connection net: they offer") > 0);
	world_run(s.w, 600 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_TRUE(s, strstr(s.alice->last_done, "seems to have refused with NO_PROPOSAL_CHOSEN"));
	story_down(&s);
	story_end(&s);
}

static void nobody_answers_ikev1_who_has_no_connection_for_it(void **state)
{
	struct story_config c = { .alice_connection = V1_KEYS };
	struct story s = story_begin(SEED, &c, NULL);
	uint64_t sent;

	(void)state;
	host_initiate(s.alice, "net");
	world_run(s.w, 600 * NS_PER_SECOND);
	story_down(&s);
	sent = laddered(&s, "bob    -> ");
	STORY_EQUAL(s, sent, 0);
	story_end(&s);
}

static void version_0_answers_both_and_begins_with_2(void **state)
{
	struct story_config c = { .alice_connection = V1_KEYS,
		.bob_connection = "version = 0\n proposals = aes128-sha256-x25519" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	STORY_TRUE(s, laddered(&s, "ID_PROT") > 0);
	story_end(&s);
	c.alice_connection = c.bob_connection;
	s = story_established(SEED, &c);
	story_up(&s, 1);
	STORY_EQUAL(s, laddered(&s, "ID_PROT"), 0);
	story_end(&s);
}

static struct ike_stats stats_of(const struct host *h)
{
	struct ike_stats stats;

	ike_stats(h->engine, &stats);
	return stats;
}

static void unfinished_phase_1_is_limited_by_address_and_in_time(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_begin(SEED, &c, NULL);
	struct ike_path path = { { s.bob->address, 500 }, { s.alice->address, 500 } };
	uint8_t memory[2000];
	struct bytes request;

	(void)state;
	host_initiate(s.alice, "net");
	world_run(s.w, NS_PER_MS);
	request = v1_capture(&s, memory, sizeof(memory));
	for (uint8_t i = 1; i <= 20; i++) {
		memory[0] = i; /* another cookie */
		host_datagram(s.bob, &path, request);
		host_datagram(s.bob, &path, request); /* a repeat is none of its own */
	}
	STORY_EQUAL(s, stats_of(s.bob).half_open, 5); /* block_threshold */
	world_run(s.w, 40 * NS_PER_SECOND);
	world_run(s.w, 600 * NS_PER_SECOND);
	STORY_EQUAL(s, stats_of(s.bob).half_open, 0);
	story_up(&s, 1);
	story_end(&s);
}

/* From wherever they come. */
static void unfinished_phase_1_is_limited_in_all(void **state)
{
	struct story_config c = { .connection = V1_KEYS, .bob_connection = "remote_addrs = %any" };
	struct ike_options o;
	struct ike_path path;
	uint8_t memory[2000];
	struct bytes request;
	struct story s;

	(void)state;
	ike_options_default(&o);
	o.half_open_max = 12;
	s = story_begin(SEED, &c, &o);
	path = (struct ike_path){ { s.bob->address, 500 }, { s.alice->address, 500 } };
	host_initiate(s.alice, "net");
	world_run(s.w, NS_PER_MS);
	request = v1_capture(&s, memory, sizeof(memory));
	for (uint8_t i = 10; i < 50; i++) {
		memory[0] = i;
		path.remote.address.octets[3] = i;
		host_datagram(s.bob, &path, request);
	}
	STORY_EQUAL(s, stats_of(s.bob).half_open, 12);
	world_run(s.w, 600 * NS_PER_SECOND);
	STORY_EQUAL(s, stats_of(s.bob).half_open, 0);
	story_up(&s, 1);
	story_end(&s);
}

/* An end that would let it live for longer goes by the peer's. */
static void the_shorter_life_of_phase_1_counts(void **state)
{
	static const char *const rows[] = { "rekey_time = 20m\n over_time = 2m\n rand_time = 0s",
		"reauth_time = 20m\n over_time = 2m\n rand_time = 0s\n rekey_time = 0" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct story_config c = { .connection = V1_KEYS,
			.alice_connection = rows[i],
			.bob_connection = "rekey_time = 10h" };
		struct story s = story_established(SEED, &c);
		struct ike_sa_view view;
		size_t position = 0;

		assert_true(ike_next_sa(s.bob->engine, &position, &view));
		STORY_TRUE(s, view.rekey_at < s.w->now + 22 * 60 * NS_PER_SECOND);
		STORY_TRUE(s, view.rekey_at > s.w->now + 15 * 60 * NS_PER_SECOND);
		world_run(s.w, 25 * 60 * NS_PER_SECOND);
		STORY_EQUAL(
			s, s.alice->ike_replaced, 1); /* one of them, so that there aren't two */
		STORY_EQUAL(s, s.bob->ike_replaced, 0);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* As in IKEv2: two retransmissions, then the next; the last one gets all tries. */
static void a_silent_address_of_several_is_left(void **state)
{
	static const char *const modes[] = { "", "aggressive = yes\n" };
	static const char silent[] = "remote_addrs = 192.0.2.66, 192.0.2.67, " STORY_BOB "\n";

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char alices[200];
		struct story_config c = { .connection = V1_KEYS, .alice_connection = alices };
		struct story s;

		snprintf(alices, sizeof(alices), "%s%s", silent, modes[i]);
		c.bob_connection = modes[i];
		s = story_begin(SEED, &c, NULL);
		host_initiate(s.alice, "net");
		world_run(s.w, 48 * NS_PER_SECOND);
		STORY_EQUAL(s, host_sas(s.bob), 0);
		world_run(s.w, 2 * NS_PER_SECOND);
		story_up(&s, 1);
		v1_packets(&s);
		STORY_EQUAL(s, s.alice->done_ok, 1);
		STORY_EQUAL(s, s.alice->failed, 0);
		story_end(&s);
		s = story_begin(SEED, &c, NULL);
		world_cut(s.w, s.alice, s.bob, true);
		host_initiate(s.alice, "net");
		world_run(s.w, 600 * NS_PER_SECOND);
		STORY_EQUAL(s, s.alice->done_failed, 1);
		STORY_TRUE(s, strstr(s.alice->last_done, STORY_BOB "[500] gave no answer"));
		story_down(&s);
		story_end(&s);
	}
}

#define TWO_PEERS                                                                                  \
	"connections {\n"                                                                          \
	" net {\n  version = 1\n  local_addrs = 192.0.2.2\n  proposals = aes128-sha256-x25519\n"   \
	"  local {\n   auth = psk\n   id = bob.example\n  }\n"                                     \
	"  remote {\n   auth = psk\n   id = alice.example\n  }\n"                                  \
	"  children {\n   net {\n    local_ts = 10.2.0.0/16\n    remote_ts = 10.1.0.0/16\n    "    \
	"esp_proposals = aes128gcm16-x25519\n   }\n  }\n }\n"                                      \
	" boss {\n  version = 1\n  local_addrs = 192.0.2.2\n  proposals = aes128-sha256-x25519\n"  \
	"  local {\n   auth = psk\n   id = bob.example\n  }\n"                                     \
	"  remote {\n   auth = psk\n   id = boss.example\n  }\n"                                   \
	"  children {\n   net {\n    local_ts = 10.2.0.0/16\n    remote_ts = 10.1.0.0/16\n    "    \
	"esp_proposals = aes128gcm16-x25519\n   }\n  }\n }\n}\n"                                   \
	"secrets {\n ike-1 {\n  id = alice.example\n  secret = sharks\n }\n"                       \
	" ike-2 {\n  id = boss.example\n  secret = \"%s\"\n }\n}\n"

/* Main mode chooses the secret before it knows who the peer is; whoever has one of his own can't be
 * claimed by somebody with another. */
static void nobody_is_somebody_else_by_his_own_secret(void **state)
{
	static const char *const secrets[] = { "lasers", "sharks" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct story_config c = v1_config();
		struct story s;
		char text[4000];

		c.alice_connection = "local {\n id = boss.example\n }";
		s = story_begin(SEED, &c, NULL);
		snprintf(text, sizeof(text), TWO_PEERS, secrets[i]);
		host_reload(s.bob, text);
		host_initiate(s.alice, "net");
		world_run(s.w, 600 * NS_PER_SECOND);
		STORY_EQUAL(s, host_sas(s.alice), i);
		STORY_EQUAL(s, host_sas(s.bob), i);
		story_end(&s);
	}
}

/* What IKEv1 has no numbers for is said, not sent. */
static void what_ikev1_has_no_word_for_is_said(void **state)
{
	struct story_config c = { .connection = "version = 1" }; /* aes128gcm16 for IKE */
	struct story s = story_established(SEED, &c);

	(void)state;
	STORY_TRUE(s, strstr(s.alice->last_done, "IKEv1 has no word for any of its proposals"));
	story_down(&s);
	story_end(&s);
	c = v1_config();
	c.child = "esp_proposals = chacha20poly1305";
	s = story_established(SEED, &c);
	STORY_TRUE(s, strstr(s.alice->last_done, "child net: IKEv1 has no word for any"));
	STORY_EQUAL(s, host_sas(s.alice), 1);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hosts_set_up_a_tunnel),
		cmocka_unit_test(every_group_and_hash_works),
		cmocka_unit_test(a_bad_network_only_delays_it),
		cmocka_unit_test(forged_messages_leave_nothing_behind),
		cmocka_unit_test(silence_to_what_is_encrypted_makes_secrets_suspect),
		cmocka_unit_test(different_secrets_end_in_words_about_them),
		cmocka_unit_test(what_a_stranger_says_in_the_clear_is_only_told),
		cmocka_unit_test(nobody_answers_ikev1_who_has_no_connection_for_it),
		cmocka_unit_test(version_0_answers_both_and_begins_with_2),
		cmocka_unit_test(unfinished_phase_1_is_limited_by_address_and_in_time),
		cmocka_unit_test(unfinished_phase_1_is_limited_in_all),
		cmocka_unit_test(the_shorter_life_of_phase_1_counts),
		cmocka_unit_test(a_silent_address_of_several_is_left),
		cmocka_unit_test(nobody_is_somebody_else_by_his_own_secret),
		cmocka_unit_test(what_ikev1_has_no_word_for_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
