/* Reauthentication that crosses something else: the peer's, rekeying, deletes, and two IKE SAs that both
 * ends set up at once. */
#include "tests/story/renew.h"

/* Seed 614: the child of the old IKE SA is rekeyed when it has an heir, and the peer sends over the one
 * that this made until its IKE SA is deleted. */
static void what_is_under_way_to_a_child_that_was_rekeyed_meanwhile_arrives(void **state)
{
	(void)state;
	for (unsigned by_bob = 0; by_bob < 2; by_bob++) {
		struct story s = two_children("", "");

		host_reauthenticate(s.alice, "net");
		while (s.alice->ike_up < 2)
			world_run(s.w, NS_PER_MS);
		host_rekey(by_bob ? s.bob : s.alice, NULL, "net");
		late_packets(&s, 12);
		world_run(s.w, 20 * NS_PER_SECOND);
		STORY_EQUAL(s, s.alice->ike_replaced, 1);
		STORY_EQUAL(s, s.alice->child_rekeyed, 3);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		story_up(&s, 2);
		story_end(&s);
	}
}

/* Seed 642: Bob rekeys the new child, and does not have the response yet when the old IKE SA ends. */
static void a_rekeyed_heir_goes_on_when_the_old_sa_ends(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_reauthenticate(s.alice, "net");
	late_packets(&s, 4);
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, 5 * NS_PER_MS); /* the request is on its way */
	s.w->faults.spare_esp = true;
	s.w->faults.loss_percent = 100;
	world_run(s.w, 15 * NS_PER_MS);
	s.w->faults.loss_percent = 0;
	late_packets(&s, 10);
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, s.alice->child_rekeyed, 2);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	story_up(&s, 1);
	story_end(&s);
}

/* Seed 1017955546022252: Bob takes the child down while Alice waits for his answer, and does not know
 * her secret any more. */
static void a_child_that_the_peer_deletes_meanwhile_comes_up_on_the_old_sa(void **state)
{
	struct story_config c = { .alice_child = "start_action = start\nclose_action = start\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	secret(s.bob, "jets");
	host_reauthenticate(s.alice, "net");
	s.w->faults.partition = true;
	world_run(s.w, NS_PER_MS);
	s.w->faults.partition = false;
	host_terminate(s.bob, NULL, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->child_down, 1);
	STORY_EQUAL(s, s.alice->ike_replaced, 0);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	story_up(&s, 1);
	story_end(&s);
}

/* Seed 2017955546026578: what the old IKE SA is still to create when the new one has all that it has, ends
 * at once there. */
static void a_child_that_both_want_meanwhile_is_up_once(void **state)
{
	struct story s = two_children("", "dpd_delay = 10s\n");

	(void)state;
	host_terminate(s.alice, NULL, "more");
	world_run(s.w, NS_PER_SECOND);
	s.w->faults.partition = true;
	for (unsigned ms = 0; ms < 11000 && !laddered(&s, "-> INFORMATIONAL request 4"); ms++)
		world_run(s.w, NS_PER_MS);
	s.w->faults.partition = false;
	host_initiate(s.alice, "more"); /* once the request that got lost has been answered */
	host_initiate(s.bob, "more");
	host_reauthenticate(s.alice, "net");
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, s.alice->done_failed, 0);
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 2);
	story_end(&s);
}

/* Bob's begins first but is late, by up to as long as the old IKE SA is kept and longer. */
static void both_reauthenticate_and_one_ike_sa_stays(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		struct story s = story_established(100 + i, NULL);

		host_reauthenticate(s.bob, "net");
		s.w->faults.partition = true;
		world_run(s.w, NS_PER_MS);
		s.w->faults.partition = false;
		world_run(s.w, i * 250 * NS_PER_MS);
		host_reauthenticate(s.alice, "net");
		world_run(s.w, 200 * NS_PER_MS);
		s.w->faults.partition = i & 1; /* the old one's end is late, too */
		world_run(s.w, 8 * NS_PER_SECOND);
		s.w->faults.partition = false;
		world_run(s.w, 120 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Neither fails, and what is sent meanwhile arrives. */
static void both_reauthenticate_at_once_and_no_packet_is_lost(void **state)
{
	(void)state;
	for (unsigned lag = 0; lag < 60; lag += 3) {
		struct story s = story_established(SEED + lag, NULL);

		host_reauthenticate(s.alice, "net");
		world_run(s.w, lag * NS_PER_MS);
		host_reauthenticate(s.bob, "net");
		for (unsigned ms = 0; ms < 400; ms += 2) {
			world_run(s.w, 2 * NS_PER_MS);
			host_packet(s.alice, "10.1.0.5", "10.2.0.7");
			host_packet(s.bob, "10.2.0.7", "10.1.0.5");
		}
		for (unsigned i = 0; i < 600; i++) {
			world_run(s.w, 50 * NS_PER_MS);
			host_packet(s.alice, "10.1.0.5", "10.2.0.7");
			host_packet(s.bob, "10.2.0.7", "10.1.0.5");
		}
		world_run(s.w, 20 * NS_PER_SECOND);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		STORY_EQUAL(s, s.alice->failed + s.bob->failed, 0);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Seed 2017955777212124: whichever datagram is lost. The child doesn't come with IKE_AUTH, so that who has answered
 * in the IKE SA that stays needn't have the child. */
static void both_reauthenticate_at_once_childless_and_what_is_lost_costs_no_packet(void **state)
{
	const struct story_config c = { .connection = "childless = force\n" };

	(void)state;
	for (unsigned nth = 1; nth < 60; nth++) {
		struct story s = story_established(SEED + nth % 3, &c);

		s.w->fate =
			(struct network_fate){ .nth = s.w->ike_sent + (nth + 2) / 3, .lost = true };
		host_reauthenticate(s.alice, "net");
		world_run(s.w, 4 * NS_PER_MS);
		host_reauthenticate(s.bob, "net");
		for (unsigned i = 0; i < 600; i++) {
			world_run(s.w, 50 * NS_PER_MS);
			host_packet(s.alice, "10.1.0.5", "10.2.0.7");
			host_packet(s.bob, "10.2.0.7", "10.1.0.5");
		}
		world_run(s.w, 60 * NS_PER_SECOND);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Each end has an IKE SA of its own, or will when what is on its way has arrived: his request of IKE_AUTH
 * was late. */
static struct story late_twins(uint64_t seed, const struct story_config *c)
{
	struct story s = story_begin(seed, c, NULL);

	host_initiate(s.bob, "net");
	world_run(s.w, 12 * NS_PER_MS);
	host_initiate(s.alice, "net");
	world_run(s.w, 7 * NS_PER_MS);
	s.w->faults.partition = true;
	world_run(s.w, 2 * NS_PER_MS);
	s.w->faults.partition = false;
	world_run(s.w, NS_PER_SECOND);
	STORY_TRUE(s, host_sas(s.alice) == 1 && host_half_open(s.bob) == 1);
	s.w->faults.partition = true;
	world_run(s.w, 12 * NS_PER_SECOND);
	s.w->faults.partition = false;
	for (unsigned ms = 0; ms < 20000 && host_sas(s.alice) < 2; ms++)
		world_run(s.w, NS_PER_MS);
	return s;
}

/* Seed 306999: her time comes before the ends have told which of the two stays. Were hers set up anew
 * then, it would be nobody's twin, and both would stay. */
static void one_of_two_is_not_set_up_anew_before_the_other_is_gone(void **state)
{
	struct story_config c = { .alice_connection =
					  "reauth_time = 27s\n over_time = 5m\n rand_time = 0s\n" };

	(void)state;
	for (unsigned i = 0; i < 8; i++) { /* either may be the one to stay */
		struct story s = late_twins(SEED + i, &c);

		s.w->faults.partition = true;
		world_run(s.w, 2700 * NS_PER_MS);
		s.w->faults.partition = false;
		STORY_TRUE(s, host_sas(s.alice) == 2 && host_sas(s.bob) == 2);
		STORY_EQUAL(s, laddered(&s, "is to take the place"), 0);
		world_run(s.w, 18 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Seed 1922: one end sends over the child that goes until its IKE SA is deleted. */
static void both_reauthenticate_and_what_is_under_way_arrives(void **state)
{
	(void)state;
	for (unsigned lag = 0; lag < 60; lag += 20) {
		struct story s = story_established(SEED + lag, NULL);

		host_reauthenticate(s.alice, "net");
		world_run(s.w, lag * NS_PER_MS);
		host_reauthenticate(s.bob, "net");
		late_packets(&s, 12);
		world_run(s.w, 20 * NS_PER_SECOND);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Seed 2288: the old IKE SA is rekeyed while the new one is set up, and then both look new. */
static void an_old_sa_that_was_rekeyed_is_not_set_up_anew(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_reauthenticate(s.alice, "net");
	host_rekey(s.bob, "net", NULL);
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.bob->ike_rekeyed, 1);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	host_reauthenticate(s.bob, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	story_end(&s);
}

/* Seed 2288: the new IKE SA stands, its children come one after the other. */
static void an_sa_that_the_peer_is_replacing_is_not_set_up_anew(void **state)
{
	struct story s = two_children("childless = force\n", "");
	unsigned failed;

	(void)state;
	host_reauthenticate(s.alice, "net");
	while (s.bob->ike_up < 2)
		world_run(s.w, NS_PER_MS);
	failed = s.bob->done_failed;
	host_reauthenticate(s.bob, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(
		s, s.bob->done_failed, failed); /* hers is set up anew in turn, the old one isn't */
	story_up(&s, 2);
	story_end(&s);
}

/* Seed 3292. */
static void one_of_two_is_not_set_up_anew_by_command_either(void **state)
{
	struct story s = story_begin(SEED, NULL, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	host_initiate(s.bob, "net");
	while (host_sas(s.alice) < 2)
		world_run(s.w, NS_PER_MS);
	host_reauthenticate(s.alice, "net");
	STORY_EQUAL(s, s.alice->done_failed, 1);
	world_run(s.w, 20 * NS_PER_SECOND);
	story_up(&s, 1);
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	story_up(&s, 1);
	story_end(&s);
}

/* The delete of the old SA got lost, the new one is replaced in turn, and then Bob's time of the first
 * comes: its child has an heir still. */
static void an_sa_that_was_left_over_is_not_set_up_anew(void **state)
{
	struct story_config c = { .bob_connection = "reauth_time = 4m\n over_time = 24s\n",
		.child = "rekey_time = 0\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	while (!s.alice->ike_replaced)
		world_run(s.w, NS_PER_MS);
	world_run(s.w, NS_PER_SECOND);
	s.w->faults.partition = true;
	world_run(s.w, 190 * NS_PER_SECOND); /* she gives up */
	s.w->faults.partition = false;
	STORY_EQUAL(s, host_sas(s.bob), 2);
	world_run(s.w, 150 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 2);
	STORY_EQUAL(s, s.bob->ike_replaced, 0);
	story_up(&s, 1);
	story_end(&s);
}

/* Seed 700004303: of two children that both ends made at once one is about to go when the heir comes, which
 * is not its heir. */
static void both_rekey_the_child_and_the_heir_is_not_used_before_it_is_known(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) { /* either may have the lower nonce */
		struct story s = story_established(SEED + i, NULL);

		host_reauthenticate(s.alice, "net");
		world_run(s.w, 17 * NS_PER_MS);
		host_rekey(s.alice, NULL, "net");
		world_run(s.w, 3 * NS_PER_MS);
		host_rekey(s.bob, NULL, "net");
		world_run(s.w, 9 * NS_PER_MS);
		s.w->faults.spare_esp = true;
		s.w->faults.loss_percent = 100; /* his response of IKE_AUTH, hers to his rekeying */
		world_run(s.w, 2 * NS_PER_MS);
		s.w->faults.loss_percent = 0;
		late_packets(&s, 12);
		world_run(s.w, 20 * NS_PER_SECOND);
		STORY_EQUAL(s, s.alice->ike_replaced, 1);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Seed 2017955951422334: alice's next one is there before the twins are judged. She counts bob's against that, he
 * his against her first: had the two of hers not one place in the order, each would end what the other keeps. */
static void one_of_two_that_is_replaced_at_once_keeps_its_place(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct story s = story_established(seed, NULL);

		s.w->faults.delay_ns = 20 * NS_PER_MS;
		host_reauthenticate(s.alice, "net");
		world_run(s.w, 23 * NS_PER_MS);
		host_reauthenticate(s.bob, "net");
		world_run(s.w, (42 + seed) * NS_PER_MS);
		host_reauthenticate(s.alice, "net");
		story_flows(&s, 100, 250 * NS_PER_MS);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* The same seed: the peer rekeys the child just before the new IKE SA takes the place. What is kept of an
 * earlier one ends without bringing it back. */
static void what_a_kept_child_leaves_does_not_begin_to_send(void **state)
{
	struct story s = story_established(SEED, NULL);
	unsigned outs;

	(void)state;
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 8 * NS_PER_SECOND);
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 25 * NS_PER_MS);
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 2);
	STORY_EQUAL(s, s.alice->child_rekeyed, 3);
	outs = laddered(&s, "alice     plane: out");
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, laddered(&s, "alice     plane: out"), outs);
	story_up(&s, 1);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_reauthenticate_at_once_and_no_packet_is_lost),
		cmocka_unit_test(
			both_reauthenticate_at_once_childless_and_what_is_lost_costs_no_packet),
		cmocka_unit_test(one_of_two_is_not_set_up_anew_before_the_other_is_gone),
		cmocka_unit_test(both_reauthenticate_and_what_is_under_way_arrives),
		cmocka_unit_test(an_old_sa_that_was_rekeyed_is_not_set_up_anew),
		cmocka_unit_test(an_sa_that_the_peer_is_replacing_is_not_set_up_anew),
		cmocka_unit_test(one_of_two_is_not_set_up_anew_by_command_either),
		cmocka_unit_test(an_sa_that_was_left_over_is_not_set_up_anew),
		cmocka_unit_test(both_reauthenticate_and_one_ike_sa_stays),
		cmocka_unit_test(what_is_under_way_to_a_child_that_was_rekeyed_meanwhile_arrives),
		cmocka_unit_test(a_rekeyed_heir_goes_on_when_the_old_sa_ends),
		cmocka_unit_test(a_child_that_the_peer_deletes_meanwhile_comes_up_on_the_old_sa),
		cmocka_unit_test(a_child_that_both_want_meanwhile_is_up_once),
		cmocka_unit_test(both_rekey_the_child_and_the_heir_is_not_used_before_it_is_known),
		cmocka_unit_test(one_of_two_that_is_replaced_at_once_keeps_its_place),
		cmocka_unit_test(what_a_kept_child_leaves_does_not_begin_to_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
