/* IKE SAs that are replaced by newly authenticated ones: on command, in time, because the peer wants
 * it; and what happens where that fails. */
#include "tests/story/renew.h"

static void all_children_move_to_a_newly_authenticated_sa(void **state)
{
	struct story s = two_children("", "");
	unsigned downs = s.alice->child_down + s.bob->child_down;

	(void)state;
	story_up(&s, 2);
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 2);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, s.alice->ike_up, 2);
	STORY_EQUAL(s, s.alice->child_rekeyed, 2);
	STORY_EQUAL(s, s.bob->child_rekeyed, 2);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, downs);
	STORY_EQUAL(s, s.alice->done_ok, 3);
	STORY_EQUAL(
		s, laddered(&s, "INITIAL_CONTACT"), 2); /* sent and received, the first time only */
	story_end(&s);
}

static void either_end_always_sends_what_the_other_can_read(void **state)
{
	(void)state;
	for (unsigned by_bob = 0; by_bob < 2; by_bob++) {
		struct story s = story_established(SEED, NULL);

		s.w->faults.answer_delay_ns = 3 * NS_PER_MS;
		host_reauthenticate(by_bob ? s.bob : s.alice, "net");
		for (unsigned ms = 0; ms < 400; ms++) {
			world_run(s.w, NS_PER_MS);
			STORY_TRUE(s, would_arrive(s.alice, s.bob));
			STORY_TRUE(s, would_arrive(s.bob, s.alice));
		}
		world_run(s.w, 10 * NS_PER_SECOND);
		story_up(&s, 1);
		STORY_EQUAL(s, s.alice->ike_replaced + s.bob->ike_replaced, 1);
		story_end(&s);
	}
}

static void what_is_under_way_over_the_old_sa_arrives(void **state)
{
	(void)state;
	for (unsigned ms = 0; ms < 300; ms += 5) {
		struct story s = story_established(SEED, NULL);

		host_reauthenticate(s.alice, "net");
		world_run(s.w, ms * NS_PER_MS);
		s.w->faults.delay_ns = 700 * NS_PER_MS; /* it goes another way */
		host_packet(s.alice, "10.1.0.5", "10.2.0.7");
		host_packet(s.bob, "10.2.0.7", "10.1.0.5");
		s.w->faults.delay_ns = 10 * NS_PER_MS;
		world_run(s.w, 20 * NS_PER_SECOND);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Seed 1795565007600892627: the first is busy still when its replacement is replaced. */
static void what_is_to_replace_one_is_replaced_itself(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, NULL, "net");
	s.w->faults.partition = true;
	world_run(s.w, NS_PER_MS);
	s.w->faults.partition = false;
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 100 * NS_PER_MS);
	STORY_EQUAL(s, s.alice->ike_up, 2);
	STORY_EQUAL(s, s.alice->ike_replaced, 0);
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 2);
	story_up(&s, 1);
	story_end(&s);
}

/* Seed 1795564896840625333: alice's new IKE SA stands at bob's, who doesn't know that it lacks a child. */
static void what_the_peer_has_not_finished_is_not_set_up_anew(void **state)
{
	struct story s = two_children("", "");

	(void)state;
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 29 * NS_PER_MS);
	s.w->faults.partition = true; /* bob's response is lost */
	world_run(s.w, 2 * NS_PER_MS);
	s.w->faults.partition = false;
	host_reauthenticate(s.bob, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 2);
	story_end(&s);
}

/* Seed 1795558260931487339: bob still sent over the old child, to where the peer wasn't any more. */
static void a_nat_that_rebinds_after_a_reauthentication_costs_no_packet(void **state)
{
	struct story_config c = { .connection = "mobike = no",
		.bob_connection = "remote_addrs = %any" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_behind(s.alice, world_nat(s.w, "198.51.100.7", 0));
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 500 * NS_PER_MS);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	nat_rebind(s.w->nats[0]);
	host_packet(s.alice, "10.1.0.5", "10.2.0.7");
	world_run(s.w, 100 * NS_PER_MS);
	host_packet(s.bob, "10.2.0.7", "10.1.0.5");
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	story_up(&s, 1);
	story_end(&s);
}

/* Seed 730065869: Alice rekeys the child and doesn't hear of that before Bob's reauthentication ends the IKE SA
 * that it was rekeyed in: she sends over the first one. */
static void what_is_under_way_over_a_child_that_was_rekeyed_and_its_heir_arrives(void **state)
{
	const struct story_config c = { .connection = "mobike = no\n" }; /* it asks at once */
	struct ike_options options;
	struct story s;

	(void)state;
	ike_options_default(&options);
	options.child_kept_ns = 2 * NS_PER_SECOND;
	s = story_begin(SEED, &c, &options);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	s.w->fate = (struct network_fate){ .nth = s.w->ike_sent + 2, .lost = true };
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, 30 * NS_PER_MS);
	host_reauthenticate(s.bob, "net");
	late_packets(&s, 6);
	STORY_EQUAL(s, laddered(&s, "alice  IKE DOWN"), 1);
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	story_up(&s, 1);
	story_end(&s);
}

/* Seeds 751024349, 751066984: it is looked at whether all stands when a child has just been asked for, as the
 * old IKE SA was busy before. */
static void a_child_that_was_just_asked_for_is_waited_for(void **state)
{
	(void)state;
	for (unsigned ms = 1; ms < 200; ms += 10) {
		struct story s = two_children("", "");

		s.w->faults.delay_ns = 60 * NS_PER_MS;
		host_reauthenticate(s.alice, "net");
		while (laddered(&s, "alice  -> IKE_AUTH") < 2)
			world_run(s.w, NS_PER_MS);
		world_run(s.w, ms * NS_PER_MS);
		host_rekey(s.alice, NULL, "net");
		world_run(s.w, 20 * NS_PER_SECOND);
		STORY_EQUAL(s, s.alice->ike_replaced, 1);
		STORY_EQUAL(s, s.alice->done_failed, 0);
		story_up(&s, 2);
		story_end(&s);
	}
}

/* Seed 1175: Bob's last response is late. */
static void nothing_is_sent_over_the_new_child_before_the_peer_has_it(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_reauthenticate(s.alice, "net");
	while (laddered(&s, "alice  -> IKE_AUTH") < 2)
		world_run(s.w, NS_PER_MS);
	s.w->faults.spare_esp = true;
	s.w->faults.loss_percent = 100;
	late_packets(&s, 10);
	STORY_EQUAL(s, s.alice->ike_up, 1);
	s.w->faults.loss_percent = 0;
	late_packets(&s, 20);
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	story_up(&s, 1);
	story_end(&s);
}

/* Seed 700016125: what Bob says of the child that follows IKE_AUTH's is lost three times; but the old child is
 * used. */
static void nothing_is_sent_over_a_further_child_while_the_old_one_lives(void **state)
{
	struct story s = two_children("", "");

	(void)state;
	host_reauthenticate(s.alice, "net");
	while (laddered(&s, "alice  -> CREATE_CHILD_SA") < 2)
		world_run(s.w, NS_PER_MS);
	s.w->faults.spare_esp = true;
	s.w->faults.loss_percent = 100;
	late_packets(&s, 40);
	s.w->faults.loss_percent = 0;
	late_packets(&s, 20);
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	story_up(&s, 2);
	story_end(&s);
}

/* Alice loses all that she has without saying so, and comes again: what Bob sends over the old children gets
 * nowhere, and he asks her whether she has the new ones. */
static void the_new_child_is_used_although_the_old_one_goes_on(void **state)
{
	struct story_config c = { .alice_connection = "unique = never\n",
		.bob_connection = "unique = never\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	host_crash(s.alice);
	host_restart(s.alice);
	host_initiate(s.alice, "net");
	world_run(s.w, 6 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.bob), 2);
	STORY_TRUE(s, would_arrive(s.bob, s.alice));
	story_end(&s);
}

static void reauth_time_is_kept(void **state)
{
	struct story_config c = { .alice_connection =
					  "reauth_time = 1h\n over_time = 5m\n rand_time = 5m\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	world_run(s.w, 3290 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 0);
	world_run(s.w, 320 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	world_run(s.w, 10 * 3600 * NS_PER_SECOND);
	STORY_TRUE(s, s.alice->ike_replaced >= 10 && s.alice->ike_replaced <= 12);
	STORY_EQUAL(s, s.alice->failed + s.bob->failed, 0);
	story_up(&s, 1);
	story_end(&s);
}

static void the_initiator_keeps_to_the_responders_lifetime(void **state)
{
	struct story_config c = { .bob_connection = "reauth_time = 10m\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	STORY_TRUE(s, laddered(&s, "N(AUTH_LIFETIME)"));
	world_run(s.w, 470 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 0);
	world_run(s.w, 80 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, s.bob->ike_replaced, 0);
	world_run(s.w, 3600 * NS_PER_SECOND);
	STORY_EQUAL(s, s.bob->failed, 0);
	story_up(&s, 1);
	story_end(&s);
}

static void the_lifetime_outlasts_a_rekeyed_ike_sa(void **state)
{
	struct story_config c = { .bob_connection = "reauth_time = 10m\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	host_rekey(s.bob, "net", NULL);
	world_settle(s.w, 60 * NS_PER_SECOND);
	world_run(s.w, 550 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	story_up(&s, 1);
	story_end(&s);
}

static void a_responder_without_an_address_asks_for_it(void **state)
{
	struct story_config c = { .bob_connection = "remote_addrs = %any\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	host_reauthenticate(s.bob, "net");
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "INFORMATIONAL request 0 [ N(AUTH_LIFETIME) ]"));
	STORY_EQUAL(s, s.bob->done_ok, 1);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	story_up(&s, 1);
	story_end(&s);
}

static void the_old_sa_stays_where_the_new_one_fails_and_it_is_tried_again(void **state)
{
	struct story_config c = { .alice_connection =
					  "reauth_time = 1h\n over_time = 5m\n rand_time = 0s\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	secret(s.bob, "jets");
	world_run(s.w, 3700 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 0);
	STORY_TRUE(s, s.alice->failed >= 2);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
	story_up(&s, 1);
	secret(s.bob, "sharks");
	world_run(s.w, 100 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	story_up(&s, 1);
	story_end(&s);
}

static void over_time_ends_what_is_never_authenticated_again(void **state)
{
	struct story_config c = { .alice_connection =
					  "reauth_time = 1h\n over_time = 5m\n rand_time = 0s\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	secret(s.bob, "jets");
	world_run(s.w, 3890 * NS_PER_SECOND);
	story_up(&s, 1);
	world_run(s.w, 30 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_down, 1);
	STORY_EQUAL(s, host_children(s.alice) + host_children(s.bob), 0);
	story_end(&s);
}

static void a_child_that_the_peer_refuses_now_keeps_the_old_sa(void **state)
{
	struct story s = two_children("", "");
	char text[8192];

	(void)state;
	/* Of the second child bob knows nothing any more. */
	host_reload(s.bob, story_text(&(struct story_config){ 0 }, false, text, sizeof(text)));
	host_reauthenticate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 0);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
	STORY_TRUE(s, would_arrive(s.alice, s.bob) && would_arrive(s.bob, s.alice));
	story_up(&s, 2);
	story_end(&s);
}

/* Seed 240: both children's lifetimes end while nothing gets through; then the old SA is given up. */
static void an_heir_that_stopped_sending_does_not_begin_again(void **state)
{
	struct story_config c = { .child = "rekey_time = 0\nlife_time = 80" };
	struct story s = story_established(SEED, &c);

	(void)state;
	host_reauthenticate(s.alice, "net");
	while (s.alice->ike_up < 2)
		world_run(s.w, NS_PER_MS);
	s.w->faults.partition = true;
	world_run(s.w, 400 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "not rekeyed before its lifetime ended") >= 2);
	story_down(&s);
	story_end(&s);
}

static void a_changed_connection_is_reauthenticated_by_its_new_configuration(void **state)
{
	struct story_config c = { .alice_connection =
					  "reauth_time = 20s\n over_time = 5m\n rand_time = 0\n" },
			    calm = { 0 };
	struct story s = story_established(SEED, &c);
	char text[8192];

	(void)state;
	host_reload(s.alice, story_text(&calm, true, text, sizeof(text)));
	world_run(s.w, 200 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, s.alice->failed, 0);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_changed_connection_is_reauthenticated_by_its_new_configuration),
		cmocka_unit_test(all_children_move_to_a_newly_authenticated_sa),
		cmocka_unit_test(either_end_always_sends_what_the_other_can_read),
		cmocka_unit_test(what_is_under_way_over_the_old_sa_arrives),
		cmocka_unit_test(what_the_peer_has_not_finished_is_not_set_up_anew),
		cmocka_unit_test(what_is_to_replace_one_is_replaced_itself),
		cmocka_unit_test(a_nat_that_rebinds_after_a_reauthentication_costs_no_packet),
		cmocka_unit_test(
			what_is_under_way_over_a_child_that_was_rekeyed_and_its_heir_arrives),
		cmocka_unit_test(a_child_that_was_just_asked_for_is_waited_for),
		cmocka_unit_test(nothing_is_sent_over_the_new_child_before_the_peer_has_it),
		cmocka_unit_test(nothing_is_sent_over_a_further_child_while_the_old_one_lives),
		cmocka_unit_test(the_new_child_is_used_although_the_old_one_goes_on),
		cmocka_unit_test(reauth_time_is_kept),
		cmocka_unit_test(the_initiator_keeps_to_the_responders_lifetime),
		cmocka_unit_test(the_lifetime_outlasts_a_rekeyed_ike_sa),
		cmocka_unit_test(a_responder_without_an_address_asks_for_it),
		cmocka_unit_test(the_old_sa_stays_where_the_new_one_fails_and_it_is_tried_again),
		cmocka_unit_test(over_time_ends_what_is_never_authenticated_again),
		cmocka_unit_test(a_child_that_the_peer_refuses_now_keeps_the_old_sa),
		cmocka_unit_test(an_heir_that_stopped_sending_does_not_begin_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
