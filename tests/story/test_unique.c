/* How many IKE SAs there may be between the same identities: INITIAL_CONTACT, each value of `unique` in
 * both roles, and one of two where both ends initiate at once. */
#include "tests/story/story.h"

#include <string.h>

#define SEED    31
#define SEEDS   50
#define ANYBODY "remote_addrs = %%any\n mobike = no\n"

static const char *const policies[] = { "unique = no\n", "unique = replace\n", "unique = keep\n",
	"unique = never\n" };
enum { NO, REPLACE, KEEP, NEVER, POLICIES };

static unsigned laddered(const struct story *s, const char *words)
{
	unsigned count = 0;

	for (size_t i = 0; i < s->w->ladder_count; i++)
		count += strstr(s->w->ladder[i], words) != NULL;
	return count;
}

/* Another host with ALICE's identity and secret, elsewhere. `says`: its policy, by which it says
 * INITIAL_CONTACT or not. */
static struct host *elsewhere(struct story *s, const char *says)
{
	struct story_config c = { .alice_address = "192.0.2.77", .connection = says };
	char text[8192];

	return world_host(
		s->w, "carol", c.alice_address, story_text(&c, true, text, sizeof(text)), NULL);
}

static struct story bob_with(const char *policy)
{
	static char lines[200];
	struct story_config c = { .bob_connection = lines, .alice_connection = "mobike = no\n" };

	snprintf(lines, sizeof(lines), ANYBODY "%s", policy);
	return story_established(SEED, &c);
}

static void initial_contact_ends_what_the_peer_has_forgotten(void **state)
{
	(void)state;
	for (unsigned i = 0; i < POLICIES; i++) {
		struct story_config c = { .bob_connection = policies[i] };
		struct story s = story_established(SEED, &c);

		host_crash(s.alice);
		host_restart(s.alice);
		host_initiate(s.alice, "net");
		world_run(s.w, 5 * NS_PER_SECOND);
		STORY_EQUAL(s, host_sas(s.alice), 1);
		STORY_EQUAL(s, host_sas(s.bob), i == NEVER ? 2 : 1);
		STORY_EQUAL(s, host_children(s.bob), i == NEVER ? 2 : 1);
		story_end(&s);
	}
}

static void never_says_no_initial_contact(void **state)
{
	struct story_config c = { .alice_connection = "unique = never\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	STORY_EQUAL(s, laddered(&s, "INITIAL_CONTACT"), 0);
	story_end(&s);
}

static void a_second_connection_of_the_same_identities_is_no_initial_contact(void **state)
{
	struct story_config c = { .alice_connection =
					  "}\n other {\n local_addrs = " STORY_ALICE
					  "\n remote_addrs = " STORY_BOB
					  "\n proposals = aes128gcm16-prfsha256-x25519\n"
					  "local {\n auth = psk\n id = alice.example\n }\n"
					  "remote {\n auth = psk\n id = bob.example\n }\n",
		.alice_child = "" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate_ike(s.alice, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	host_initiate_ike(s.alice, "other");
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.alice), 2);
	STORY_EQUAL(s, host_sas(s.bob), 2);
	story_end(&s);
}

/* Without INITIAL_CONTACT. */
static void a_client_that_comes_from_elsewhere_meets_the_policy(void **state)
{
	static const size_t sas[POLICIES] = { 2, 1, 1, 2 };

	(void)state;
	for (unsigned i = 0; i < POLICIES; i++) {
		struct story s = bob_with(policies[i]);
		struct host *carol = elsewhere(&s, policies[NEVER]);

		host_initiate(carol, "net");
		world_run(s.w, 20 * NS_PER_SECOND);
		STORY_EQUAL(s, host_sas(s.bob), sas[i]);
		STORY_EQUAL(s, host_children(s.bob), sas[i]);
		STORY_EQUAL(s, host_sas(carol), i == KEEP ? 0 : 1);
		STORY_EQUAL(s, host_sas(s.alice), i == REPLACE ? 0 : 1);
		if (i == KEEP)
			STORY_TRUE(s, strstr(s.bob->last_failure, "unique = keep"));
		story_end(&s);
	}
}

/* Seed 1795564294944988715: alice doesn't speak MOBIKE any more, and comes from port 500 instead of 4500, or
 * from the first of her addresses, though the other is in use. */
static void keep_knows_a_peer_by_all_that_it_said_where_it_is(void **state)
{
	struct story_config before = { .bob_connection = policies[KEEP],
		.alice_connection = "local_addrs = %any\n dpd_delay = 10s" },
			    after = { .alice_connection = "mobike = no",
				    .alice_child = "start_action = start" };
	char text[8192];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct story s = story_begin(SEED, &before, NULL);

		host_add_address(s.alice, "192.0.2.11");
		host_initiate(s.alice, "net");
		world_run(s.w, NS_PER_SECOND);
		world_cut_address(s.w, STORY_ALICE, i); /* until the other is used */
		world_run(s.w, 90 * NS_PER_SECOND);
		world_cut_address(s.w, STORY_ALICE, false);
		STORY_EQUAL(s, laddered(&s, "now between 192.0.2.2[4500] and 192.0.2.11") > 0, i);
		host_terminate(s.alice, NULL, "net");
		world_run(s.w, NS_PER_SECOND);
		host_reload(s.alice, story_text(&after, true, text, sizeof(text)));
		world_run(s.w, 30 * NS_PER_SECOND);
		STORY_EQUAL(s, laddered(&s, "N(AUTHENTICATION_FAILED)"), 0);
		story_up(&s, 1);
		story_end(&s);
	}
}

static void keep_yields_to_initial_contact(void **state)
{
	struct story s = bob_with(policies[KEEP]);
	struct host *carol = elsewhere(&s, policies[NO]);

	(void)state;
	host_crash(s.alice);
	host_initiate(carol, "net");
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(carol), 1);
	STORY_EQUAL(s, host_sas(s.bob), 1);
	story_end(&s);
}

static void keep_yields_where_nobody_answers_any_more(void **state)
{
	struct story s = bob_with(policies[KEEP]);
	struct host *carol = elsewhere(&s, policies[NEVER]);

	(void)state;
	host_crash(s.alice);
	host_initiate(carol, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(carol), 0);
	host_initiate(carol, "net");
	world_run(s.w, 2 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(carol), 1);
	STORY_EQUAL(s, host_sas(s.bob), 1);
	STORY_EQUAL(s, host_children(s.bob), 1);
	story_end(&s);
}

static void keep_stays_where_somebody_answers(void **state)
{
	struct story s = bob_with(policies[KEEP]);
	struct host *carol = elsewhere(&s, policies[NEVER]);

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		host_initiate(carol, "net");
		world_run(s.w, 10 * NS_PER_SECOND);
		STORY_EQUAL(s, host_sas(carol), 0);
	}
	story_up(&s, 1);
	story_end(&s);
}

/* Whoever of the two set it up. */
static void whoever_wants_it_again_gets_what_stands(void **state)
{
	(void)state;
	for (unsigned i = 0; i < POLICIES; i++) {
		struct story_config c = { .connection = policies[i] };
		struct story s = story_established(SEED, &c);

		host_initiate(s.bob, "net");
		host_initiate_ike(s.alice, "net");
		world_run(s.w, 20 * NS_PER_SECOND);
		story_up(&s, 1);
		STORY_EQUAL(s, s.alice->ike_up + s.bob->ike_up, 2);
		STORY_EQUAL(s, s.alice->done_ok + s.bob->done_ok, 3);
		story_end(&s);
	}
}

static void reauthentication_passes_every_policy(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * POLICIES; i++) {
		struct story_config c = { .connection = policies[i / 2] };
		struct story s = story_established(SEED, &c);

		host_reauthenticate(i % 2 ? s.bob : s.alice, "net");
		for (unsigned packets = 0; packets < 100; packets++) {
			host_packet(s.alice, "10.1.0.1", "10.2.0.1");
			host_packet(s.bob, "10.2.0.1", "10.1.0.1");
			world_run(s.w, 5 * NS_PER_MS);
		}
		world_run(s.w, 20 * NS_PER_SECOND);
		story_up(&s, 1);
		STORY_EQUAL(s, s.alice->ike_replaced + s.bob->ike_replaced, 1);
		STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		STORY_EQUAL(s, laddered(&s, "N(AUTHENTICATION_FAILED)"), 0);
		story_end(&s);
	}
}

/* Both initiate within what a message takes; a packet each way every 20 ms. */
static struct story both_at_once(uint64_t seed, const char *policy, bool bad)
{
	struct story_config c = { .connection = policy,
		.child = "start_action = none\n close_action = start\n dpd_action = start\n" };
	struct story s = story_begin(seed, &c, NULL);

	s.w->faults.delay_ns = (5 + seed % 4 * 60) * NS_PER_MS;
	s.w->faults.loss_percent = bad ? 20 : 0;
	s.w->faults.reorder_percent = bad ? 30 : 0;
	s.w->faults.answer_delay_ns = seed % 3 * 40 * NS_PER_MS;
	host_initiate(s.alice, "net");
	world_run(s.w, seed % 5 * 7 * NS_PER_MS);
	host_initiate(s.bob, "net");
	return s;
}

static void traffic(struct story *s, unsigned packets)
{
	for (unsigned i = 0; i < packets; i++) {
		host_packet(s->alice, "10.1.0.1", "10.2.0.1");
		host_packet(s->bob, "10.2.0.1", "10.1.0.1");
		world_run(s->w, 20 * NS_PER_MS);
	}
}

static void one_of_two_stays_and_no_packet_is_lost(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3 * SEEDS; seed++) {
		struct story s = both_at_once(seed, policies[seed % 3], false);

		while (!host_sas(s.alice) || !host_sas(s.bob) ||
			host_half_open(s.alice) + host_half_open(s.bob))
			world_run(s.w, 10 * NS_PER_MS);
		traffic(&s, 300);
		world_run(s.w, 10 * NS_PER_SECOND);
		story_up(&s, 1);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
		STORY_EQUAL(s, laddered(&s, "started afresh"), 0);
		world_run(s.w, 300 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

static void one_of_two_stays_though_messages_get_lost(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3 * SEEDS; seed++) {
		struct story s = both_at_once(seed, policies[seed % 3], true);

		world_run(s.w, 60 * NS_PER_SECOND);
		s.w->faults.loss_percent = s.w->faults.reorder_percent = 0;
		world_run(s.w, 240 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* IKE_SA_INITs cross: neither end knows by its IKE_AUTH what the other's will come to. */
static void none_of_two_says_that_it_is_the_only_one(void **state)
{
	struct story s = both_at_once(SEED / 5 * 5, policies[REPLACE], false);

	(void)state;
	world_run(s.w, 20 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, laddered(&s, "INITIAL_CONTACT"), 0);
	STORY_EQUAL(s, s.alice->ike_up + s.bob->ike_up, 4);
	story_end(&s);
}

/* With `never` Bob doesn't know the rule: what he initiated is left to Alice. */
static void a_peer_that_does_not_know_the_rule_leaves_it_to_us(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct story_config c = { .alice_connection = policies[seed % 3],
			.bob_connection = policies[NEVER] };
		struct story s = story_begin(seed, &c, NULL);

		host_initiate(s.alice, "net");
		host_initiate(s.bob, "net");
		world_run(s.w, 500 * NS_PER_MS);
		STORY_EQUAL(s, host_sas(s.bob), 2);
		traffic(&s, 300);
		world_run(s.w, 2 * NS_PER_SECOND);
		story_up(&s, 1);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		world_run(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* As by one that wants the deleted one back: what is begun in these seconds is refused. */
static void the_deleted_one_is_not_set_up_again(void **state)
{
	struct story_config c = { .alice_connection = policies[NO],
		.bob_connection = policies[NEVER] };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	host_initiate(s.bob, "net");
	while (!s.alice->ike_replaced)
		world_run(s.w, 10 * NS_PER_MS);
	world_run(s.w, 2 * NS_PER_SECOND);
	story_up(&s, 1);
	host_reauthenticate(s.bob, "net");
	world_run(s.w, 2 * NS_PER_SECOND);
	STORY_TRUE(s, strstr(s.alice->last_failure, "sets up again"));
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	world_run(s.w, 300 * NS_PER_SECOND);
	story_up(&s, 1);
	story_end(&s);
}

static void never_leaves_both(void **state)
{
	struct story s = both_at_once(SEED, policies[NEVER], false);

	(void)state;
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.alice), 2);
	STORY_EQUAL(s, host_sas(s.bob), 2);
	story_end(&s);
}

/* Alice goes on in the IKE SA that stands; bob, whose configuration has changed, sets up another. */
static void a_child_that_both_make_in_different_ike_sas_is_made_once(void **state)
{
	struct story_config c = { .bob_child = "start_action = start" };
	char text[8192];

	(void)state;
	for (unsigned i = 0; i < 2 * 20; i++) {
		struct story s = story_established(SEED + i, NULL);

		host_terminate(s.alice, NULL, "net");
		world_run(s.w, NS_PER_SECOND);
		host_initiate(s.alice, "net");
		s.w->faults.partition = i & 1; /* its request comes when bob's SA stands */
		world_run(s.w, NS_PER_MS);
		s.w->faults.partition = false;
		s.w->faults.answer_delay_ns = i * NS_PER_MS;
		host_reload(s.bob, story_text(&c, false, text, sizeof(text)));
		world_run(s.w, 30 * NS_PER_SECOND);
		STORY_EQUAL(s, host_children(s.alice), 1);
		STORY_EQUAL(s, host_children(s.bob), 1);
		host_packet(s.alice, "10.1.0.1", "10.2.0.1");
		host_packet(s.bob, "10.2.0.1", "10.1.0.1");
		world_run(s.w, NS_PER_SECOND);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		story_end(&s);
	}
}

/* Seed 1017955546030773: what bob was about to create in an IKE SA of his own, when that would stand, alice
 * has created in hers by then. */
static void a_child_wanted_before_it_stood_in_another_ike_sa_is_made_once(void **state)
{
	static const char *const lines[] = {
		"children {\n two {\n local_ts = 10.8.0.0/16\n remote_ts = 10.9.0.0/16\n }\n }\n",
		"children {\n two {\n local_ts = 10.9.0.0/16\n remote_ts = 10.8.0.0/16\n }\n }\n",
		"children {\n two {\n local_ts = 10.9.0.0/16\n remote_ts = 10.8.0.0/16\n start_action = start\n }\n }\n"
	};
	struct story_config before = { .alice_connection = lines[0], .bob_connection = lines[1] },
			    after = { .bob_connection = lines[2],
				    .bob_child = "start_action = start" };
	char text[8192];

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		struct story s = story_begin(SEED + i, &before, NULL);

		host_initiate_ike(s.alice, "net");
		world_run(s.w, 10 * NS_PER_SECOND);
		host_terminate(s.alice, NULL, "net");
		host_terminate(s.alice, NULL, "two");
		world_run(s.w, 10 * NS_PER_SECOND);
		host_reload(s.bob, story_text(&after, false, text, sizeof(text)));
		world_run(s.w, i * 3 * NS_PER_MS);
		host_initiate(s.alice, "net");
		world_run(s.w, 30 * NS_PER_SECOND);
		STORY_EQUAL(s, host_children(s.alice), 2);
		STORY_EQUAL(s, host_children(s.bob), 2);
		STORY_EQUAL(s, s.alice->done_ok, 4);
		story_end(&s);
	}
}

/* Alice moves while both of two stand, and sets up each anew. */
static void one_of_two_stays_though_both_are_set_up_anew(void **state)
{
	struct story_config c = { .alice_connection = "local_addrs = %any\n mobike = no\n",
		.bob_connection = "remote_addrs = 192.0.2.1, 203.0.113.1\n mobike = no\n" };

	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		struct story s = story_begin(SEED + i, &c, NULL);

		s.w->faults.answer_delay_ns = 900 * NS_PER_MS;
		host_initiate(s.alice, "net");
		host_initiate(s.bob, "net");
		world_run(s.w, 8 * NS_PER_SECOND + i * 200 * NS_PER_MS);
		host_set_address(s.alice, "203.0.113.1");
		world_run(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Children are created one by one, late, and in both IKE SAs: which of those goes is judged anew when a
 * child that was to take another's place has yielded to a third. */
static void one_of_two_stays_though_children_cross_in_both(void **state)
{
	static const char *const two[] = {
		"childless = force\n children {\n two {\n local_ts = 10.8.0.0/16\n remote_ts = 10.9.0.0/16\n }\n }\n",
		"childless = force\n children {\n two {\n local_ts = 10.9.0.0/16\n remote_ts = 10.8.0.0/16\n }\n }\n"
	};
	struct story_config c = { .alice_connection = two[0], .bob_connection = two[1] };

	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		struct story s = story_begin(SEED + i, &c, NULL);

		s.w->faults.reorder_percent = 40;
		s.w->faults.delay_ns = 130 * NS_PER_MS;
		host_initiate_ike(s.alice, "net");
		world_run(s.w, i % 8 * 300 * NS_PER_MS);
		host_initiate_ike(s.bob, "net");
		world_run(s.w, 300 * NS_PER_SECOND);
		story_up(&s, 2);
		story_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initial_contact_ends_what_the_peer_has_forgotten),
		cmocka_unit_test(never_says_no_initial_contact),
		cmocka_unit_test(a_second_connection_of_the_same_identities_is_no_initial_contact),
		cmocka_unit_test(a_client_that_comes_from_elsewhere_meets_the_policy),
		cmocka_unit_test(keep_knows_a_peer_by_all_that_it_said_where_it_is),
		cmocka_unit_test(keep_yields_to_initial_contact),
		cmocka_unit_test(keep_yields_where_nobody_answers_any_more),
		cmocka_unit_test(keep_stays_where_somebody_answers),
		cmocka_unit_test(whoever_wants_it_again_gets_what_stands),
		cmocka_unit_test(reauthentication_passes_every_policy),
		cmocka_unit_test(one_of_two_stays_and_no_packet_is_lost),
		cmocka_unit_test(one_of_two_stays_though_messages_get_lost),
		cmocka_unit_test(none_of_two_says_that_it_is_the_only_one),
		cmocka_unit_test(a_peer_that_does_not_know_the_rule_leaves_it_to_us),
		cmocka_unit_test(the_deleted_one_is_not_set_up_again),
		cmocka_unit_test(a_child_that_both_make_in_different_ike_sas_is_made_once),
		cmocka_unit_test(a_child_wanted_before_it_stood_in_another_ike_sa_is_made_once),
		cmocka_unit_test(one_of_two_stays_though_both_are_set_up_anew),
		cmocka_unit_test(one_of_two_stays_though_children_cross_in_both),
		cmocka_unit_test(never_leaves_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
