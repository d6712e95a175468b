/* The life of an IKEv2 tunnel, told between two engines: set up, refused, rekeyed, deleted, with a
 * good network and a bad. */
#include "tests/story/story.h"

#include <string.h>

#define SEED 7

static bool laddered(const struct story *s, const char *words)
{
	for (size_t i = 0; i < s->w->ladder_count; i++)
		if (strstr(s->w->ladder[i], words))
			return true;
	return false;
}

static void a_tunnel_comes_up(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->done_ok, 1);
	STORY_EQUAL(s, s.w->packets_sent, 4);
	story_end(&s);
}

/* The responder sends as soon as it has answered, while the initiator verifies the answer still. */
static void what_the_responder_sends_at_once_waits_for_the_initiator(void **state)
{
	struct story s = story_begin(SEED, NULL, NULL);
	uint64_t early = 0;

	(void)state;
	s.w->faults.answer_delay_ns = 100 * NS_PER_MS;
	host_initiate(s.alice, "net");
	while (!s.alice->child_up) {
		world_run(s.w, 5 * NS_PER_MS);
		if (!s.bob->child_up || s.alice->child_up)
			continue;
		host_packet(s.bob, "10.2.0.7", "10.1.0.5");
		early++;
	}
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_TRUE(s, early > 10);
	STORY_EQUAL(s, s.alice->traffic.delivered, early);
	STORY_TRUE(s, !laddered(&s, "INVALID_SPI"));
	story_up(&s, 1);
	story_end(&s);
}

static void the_same_seed_tells_the_same_story(void **state)
{
	struct story a = story_established(SEED, NULL), b = story_established(SEED, NULL);

	(void)state;
	STORY_EQUAL(a, a.w->ladder_count, b.w->ladder_count);
	for (size_t i = 0; i < a.w->ladder_count; i++)
		assert_string_equal(a.w->ladder[i], b.w->ladder[i]);
	story_end(&a);
	story_end(&b);
}

static void it_comes_up_over_ipv6(void **state)
{
	struct story_config c = { .alice_address = "2001:db8::1", .bob_address = "2001:db8::2" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	story_end(&s);
}

static void either_suite_works(void **state)
{
	static const char *const proposals[] = {
		"proposals = aes256-sha256-modp2048",
		"proposals = aes128-sha512-ecp256",
		"proposals = chacha20poly1305-prfsha512-x448",
		"proposals = aes256ctr-aesxcbc-prfaesxcbc-ecp384",
		"proposals = aes128ccm16-prfaescmac-ecp256bp",
		"proposals = 3des-sha1-modp1024",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(proposals) / sizeof(proposals[0]); i++) {
		struct story_config c = { .connection = proposals[i] };
		struct story s = story_established(SEED, &c);

		story_up(&s, 1);
		story_end(&s);
	}
}

static void a_wrong_group_is_asked_for_again(void **state)
{
	struct story_config c = { .alice_connection =
					  "proposals = aes128gcm16-prfsha256-ecp256-x25519",
		.bob_connection = "proposals = aes128gcm16-prfsha256-x25519" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	STORY_TRUE(s, laddered(&s, "N(INVALID_KE_PAYLOAD)"));
	story_end(&s);
}

/* Seed 614: the network doubles that answer, and the second comes when we have done as told. */
static void a_wrong_group_is_asked_for_twice(void **state)
{
	struct story_config c = { .alice_connection =
					  "proposals = aes128gcm16-prfsha256-ecp256-x25519",
		.bob_connection = "proposals = aes128gcm16-prfsha256-x25519" };

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct story s = story_begin(seed, &c, NULL);

		s.w->faults.duplicate_percent = 100;
		s.w->faults.reorder_percent = 60;
		host_initiate(s.alice, "net");
		world_run(s.w, 20 * NS_PER_SECOND);
		STORY_EQUAL(s, s.alice->done_ok, 1);
		story_up(&s, 1);
		story_end(&s);
	}
}

static void a_cookie_is_asked_for_and_returned(void **state)
{
	struct ike_options o;
	struct story_config c = { .connection = "remote_addrs = %any" };
	struct story_config carol = { .alice_address = "192.0.2.3" };
	struct story s;
	struct host *other;
	char text[4096];

	(void)state;
	ike_options_default(&o);
	o.cookie_threshold = 1;
	s = story_begin(SEED, &(struct story_config){ .bob_connection = c.connection }, &o);
	other = world_host(
		s.w, "carol", "192.0.2.3", story_text(&carol, true, text, sizeof(text)), NULL);
	/* Carol's half-open SA brings bob to his threshold before alice comes. */
	host_initiate(other, "net");
	world_run(s.w, 5 * NS_PER_MS);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "N(COOKIE)"));
	STORY_EQUAL(s, host_sas(s.alice), 1);
	STORY_EQUAL(s, host_children(s.alice), 1);
	story_end(&s);
}

static void a_wrong_secret_fails_and_says_so(void **state)
{
	struct story_config c = { .bob_secret = "jets" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_down(&s);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_TRUE(s, strstr(s.alice->last_done, "AUTHENTICATION_FAILED"));
	STORY_TRUE(s, strstr(s.bob->last_failure, "pre-shared"));
	story_end(&s);
}

static void an_unknown_identity_is_refused(void **state)
{
	struct story_config c = { .alice_connection = "local {\n id = mallory.example\n}\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_down(&s);
	STORY_TRUE(s, strstr(s.bob->last_failure, "mallory.example"));
	STORY_TRUE(s, strstr(s.bob->last_failure, "alice.example"));
	STORY_TRUE(s, strstr(s.alice->last_done, "AUTHENTICATION_FAILED"));
	story_end(&s);
}

static void no_common_proposal_says_what_was_offered_and_wanted(void **state)
{
	struct story_config c = { .alice_connection = "proposals = aes256-sha384-ecp384" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_down(&s);
	STORY_TRUE(s,
		strstr(s.bob->last_failure, "ECP_384") &&
			strstr(s.bob->last_failure, "CURVE_25519") &&
			strstr(s.bob->last_failure, "bob:"));
	STORY_TRUE(s,
		strstr(s.alice->last_done, "NO_PROPOSAL_CHOSEN") &&
			strstr(s.alice->last_done, "alice:"));
	story_end(&s);
}

static void no_common_child_proposal_leaves_the_ike_sa(void **state)
{
	struct story_config c = { .alice_child = "esp_proposals = aes256-sha384" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 0);
	STORY_TRUE(s, strstr(s.alice->last_done, "NO_PROPOSAL_CHOSEN"));
	STORY_TRUE(s, strstr(s.bob->last_failure, "AES_GCM_16"));
	story_end(&s);
}

static void no_common_selector_says_so(void **state)
{
	struct story_config c = { .alice_child = "remote_ts = 10.9.0.0/16" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 0);
	STORY_TRUE(s,
		strstr(s.alice->last_done, "TS_UNACCEPTABLE") &&
			strstr(s.alice->last_done, "10.9.0.0/16"));
	STORY_TRUE(s,
		strstr(s.bob->last_failure, "10.9.0.0/16") &&
			strstr(s.bob->last_failure, "10.2.0.0/16"));
	story_end(&s);
}

static void selectors_are_narrowed(void **state)
{
	struct story_config c = { .alice_child = "remote_ts = 10.0.0.0/8,172.16.0.0/12",
		.bob_child = "local_ts = 10.2.1.0/24,172.16.3.0/24" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->children[0].spec.remote.count, 2);
	story_end(&s);
}

/* Found by seed 4242: alice's request has the packet beside all, and bob narrows to what he has of it. */
static void transport_mode_through_a_nat_is_narrowed_the_same_at_both_ends(void **state)
{
	struct story_config c = { .alice_connection = "encap = yes",
		.child = "mode = transport\nlocal_ts = dynamic\nremote_ts = dynamic" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_trap(s.alice, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	host_packet(s.alice, STORY_ALICE, STORY_BOB);
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.bob->traffic.delivered, 1);
	story_end(&s);
}

static void transport_mode_is_agreed(void **state)
{
	struct story_config c = {
		.child = "mode = transport\nlocal_ts = dynamic\nremote_ts = dynamic"
	};
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->children[0].spec.mode, CHILD_TRANSPORT);
	STORY_EQUAL(s, s.bob->children[0].spec.mode, CHILD_TRANSPORT);
	story_end(&s);
}

static void encap_is_forced(void **state)
{
	struct story_config c = { .alice_connection = "encap = yes" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	STORY_TRUE(s, s.alice->children[0].spec.encap && s.bob->children[0].spec.encap);
	STORY_EQUAL(s, s.bob->children[0].spec.path.remote.port, 4500);
	story_end(&s);
}

static void a_child_is_rekeyed_by(struct host *who, struct story *s)
{
	uint32_t before = s->alice->children[0].spec.spi_in;

	host_rekey(who, NULL, "net");
	world_settle(s->w, 60 * NS_PER_SECOND);
	story_up(s, 1);
	world_run(s->w, 10 * NS_PER_SECOND); /* the old one lingers for packets in flight */
	for (size_t i = 0; i < HOST_CHILDREN_MAX; i++)
		STORY_TRUE(*s,
			!s->alice->children[i].in || s->alice->children[i].spec.spi_in != before);
	STORY_EQUAL(*s, s->alice->child_rekeyed, s->bob->child_rekeyed);
	STORY_EQUAL(*s, s->alice->child_down + s->bob->child_down, 0);
}

static void either_side_rekeys_the_child(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	a_child_is_rekeyed_by(s.alice, &s);
	a_child_is_rekeyed_by(s.bob, &s);
	story_end(&s);
}

static void either_side_rekeys_the_ike_sa(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, "net", NULL);
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	host_rekey(s.bob, "net", NULL);
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->ike_rekeyed, 2);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
	a_child_is_rekeyed_by(s.alice, &s);
	story_end(&s);
}

static void both_sides_rekey_at_once_and_one_child_survives(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct story s = story_established(seed, NULL);

		host_rekey(s.alice, NULL, "net");
		host_rekey(s.bob, NULL, "net");
		world_settle(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

static void both_sides_rekey_the_ike_sa_at_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct story s = story_established(seed, NULL);

		host_rekey(s.alice, "net", NULL);
		host_rekey(s.bob, "net", NULL);
		world_run(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

static void either_side_deletes_the_child(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_terminate(s.alice, NULL, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 0);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	host_terminate(s.bob, NULL, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 0);
	story_end(&s);
}

static void either_side_deletes_the_ike_sa(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct story s = story_established(SEED, NULL);

		host_terminate(i ? s.alice : s.bob, "net", NULL);
		world_settle(s.w, 60 * NS_PER_SECOND);
		story_down(&s);
		story_end(&s);
	}
}

static void both_sides_delete_at_once(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_terminate(s.alice, NULL, "net");
	host_terminate(s.bob, NULL, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 0);
	host_terminate(s.alice, "net", NULL);
	host_terminate(s.bob, "net", NULL);
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_down(&s);
	story_end(&s);
}

static void a_dead_peer_is_noticed(void **state)
{
	struct story_config c = { .alice_connection = "dpd_delay = 10s" };
	struct story s = story_established(SEED, &c);

	(void)state;
	world_run(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	s.w->faults.partition = true;
	world_run(s.w, 400 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.alice), 0);
	STORY_EQUAL(s, host_children(s.alice), 0);
	STORY_EQUAL(s, s.alice->ike_down, 1);
	story_end(&s);
}

static void lifetimes_bring_rekeying_by_themselves(void **state)
{
	struct story_config c = { .connection = "rekey_time = 100m", .child = "rekey_time = 20m" };
	struct story s = story_established(SEED, &c);

	(void)state;
	world_run(s.w, 4 * 3600 * NS_PER_SECOND);
	STORY_TRUE(s, s.alice->child_rekeyed >= 10);
	STORY_TRUE(s, s.alice->ike_rekeyed >= 2);
	STORY_EQUAL(s,
		s.alice->child_down + s.bob->child_down + s.alice->ike_down + s.bob->ike_down, 0);
	story_up(&s, 1);
	story_end(&s);
}

static void nothing_of_a_tunnel_is_left_when_nobody_answers(void **state)
{
	struct story s = story_begin(SEED, NULL, NULL);

	(void)state;
	s.w->faults.partition = true;
	host_initiate(s.alice, "net");
	world_run(s.w, 400 * NS_PER_SECOND);
	story_down(&s);
	STORY_TRUE(s, strstr(s.alice->last_done, "no answer"));
	story_end(&s);
}

static void loss_and_duplication_are_overcome(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct story s = story_begin(seed, NULL, NULL);

		s.w->faults = (struct network_faults){ .loss_percent = 25,
			.duplicate_percent = 25,
			.reorder_percent = 25,
			.delay_ns = 20 * NS_PER_MS };
		host_initiate(s.alice, "net");
		world_run(s.w, 200 * NS_PER_SECOND);
		s.w->faults = (struct network_faults){ .delay_ns = 20 * NS_PER_MS };
		host_initiate(s.alice, "net");
		world_run(s.w, 300 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* "10.1.0.0/24,10.1.1.0/24,…": so many that IKE_AUTH and its answer are longer than a packet should
 * be. */
static void many_selectors(const char *key, int network, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "%s = ", key);

	for (int i = 0; i < 60; i++)
		used += (size_t)snprintf(
			out + used, size - used, "%s10.%d.%d.0/24", i ? "," : "", network, 2 * i);
	snprintf(out + used, size - used, "\n");
}

static struct story long_messages(const char *connection)
{
	char alice[3000], bob[3000];
	struct story_config c = {
		.connection = connection, .alice_child = alice, .bob_child = bob
	};

	many_selectors("local_ts", 1, alice, sizeof(alice));
	many_selectors("remote_ts", 2, alice + strlen(alice), sizeof(alice) - strlen(alice));
	many_selectors("local_ts", 2, bob, sizeof(bob));
	many_selectors("remote_ts", 1, bob + strlen(bob), sizeof(bob) - strlen(bob));
	return story_established(SEED, &c);
}

static void long_messages_travel_in_fragments(void **state)
{
	struct story s = long_messages("fragmentation = yes");

	(void)state;
	story_up(&s, 1);
	STORY_TRUE(s, laddered(&s, "fragments"));
	story_end(&s);
}

static void fragments_are_not_sent_where_one_side_does_not_want_them(void **state)
{
	struct story s = long_messages("fragmentation = no");

	(void)state;
	story_up(&s, 1);
	STORY_TRUE(s, !laddered(&s, "fragments"));
	story_end(&s);
}

static void flipped_bits_never_establish_what_should_not_be(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct story s = story_begin(seed, NULL, NULL);

		s.w->faults.corrupt_percent = 60;
		host_initiate(s.alice, "net");
		world_run(s.w, 500 * NS_PER_SECOND);
		s.w->faults.corrupt_percent = 0;
		STORY_TRUE(s, world_same_keys(s.w) && !s.w->broken);
		host_initiate(s.alice, "net");
		world_run(s.w, 300 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

static void the_limit_of_children_is_that_of_one_ike_sa(void **state)
{
	struct ike_options o;
	struct story s;
	struct story_config c = { .bob_connection =
					  "remote_addrs = %any\nremote {\n id = %any\n}\n" };
	struct story_config carol = { .alice_address = "192.0.2.3",
		.alice_connection = "local {\n id = carol.example\n}\n" };
	char text[8192];

	(void)state;
	ike_options_default(&o);
	o.children_max = 1;
	s = story_begin(SEED, &c, &o);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	host_initiate(world_host(s.w, "carol", "192.0.2.3",
			      story_text(&carol, true, text, sizeof(text)), NULL),
		"net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	/* Alice's child goes and comes again beside carol's: her own IKE SA has room. */
	host_terminate(s.alice, NULL, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.alice), 1);
	STORY_EQUAL(s, host_children(s.bob), 2);
	STORY_EQUAL(s, s.alice->done_ok, 3);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tunnel_comes_up),
		cmocka_unit_test(what_the_responder_sends_at_once_waits_for_the_initiator),
		cmocka_unit_test(the_same_seed_tells_the_same_story),
		cmocka_unit_test(it_comes_up_over_ipv6),
		cmocka_unit_test(either_suite_works),
		cmocka_unit_test(a_wrong_group_is_asked_for_again),
		cmocka_unit_test(a_wrong_group_is_asked_for_twice),
		cmocka_unit_test(a_cookie_is_asked_for_and_returned),
		cmocka_unit_test(a_wrong_secret_fails_and_says_so),
		cmocka_unit_test(an_unknown_identity_is_refused),
		cmocka_unit_test(no_common_proposal_says_what_was_offered_and_wanted),
		cmocka_unit_test(no_common_child_proposal_leaves_the_ike_sa),
		cmocka_unit_test(no_common_selector_says_so),
		cmocka_unit_test(selectors_are_narrowed),
		cmocka_unit_test(transport_mode_is_agreed),
		cmocka_unit_test(transport_mode_through_a_nat_is_narrowed_the_same_at_both_ends),
		cmocka_unit_test(encap_is_forced),
		cmocka_unit_test(either_side_rekeys_the_child),
		cmocka_unit_test(either_side_rekeys_the_ike_sa),
		cmocka_unit_test(both_sides_rekey_at_once_and_one_child_survives),
		cmocka_unit_test(both_sides_rekey_the_ike_sa_at_once),
		cmocka_unit_test(either_side_deletes_the_child),
		cmocka_unit_test(either_side_deletes_the_ike_sa),
		cmocka_unit_test(both_sides_delete_at_once),
		cmocka_unit_test(a_dead_peer_is_noticed),
		cmocka_unit_test(lifetimes_bring_rekeying_by_themselves),
		cmocka_unit_test(nothing_of_a_tunnel_is_left_when_nobody_answers),
		cmocka_unit_test(loss_and_duplication_are_overcome),
		cmocka_unit_test(long_messages_travel_in_fragments),
		cmocka_unit_test(fragments_are_not_sent_where_one_side_does_not_want_them),
		cmocka_unit_test(the_limit_of_children_is_that_of_one_ike_sa),
		cmocka_unit_test(flipped_bits_never_establish_what_should_not_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
