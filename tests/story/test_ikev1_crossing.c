/* IKEv1 has no words for what crosses: both ends rekey at once, or set up another phase 1 at once, each
 * without knowing of the other's; what gets lost are deletes, which nobody acknowledges. No packet may be
 * lost over it. Most of these worlds were the simulator's. */
#include "ike/v1/ikev1.h"
#include "tests/story/ikev1.h"

#define SEED 71

/* Traffic in both directions, four packets a second. */
static void flows(struct story *s, unsigned seconds)
{
	story_flows(s, 4 * seconds, NS_PER_SECOND / 4);
}

/* One child each, and all packets have arrived. */
static void nothing_was_lost(struct story *s)
{
	flows(s, 60);
	world_run(s->w, NS_PER_SECOND);
	STORY_EQUAL(*s, world_lost_packets(s->w), 0);
	STORY_EQUAL(*s, s->alice->traffic.clear + s->bob->traffic.clear, 0);
	story_up(s, 1);
}

static void calm(struct story *s)
{
	s->w->faults = (struct network_faults){ .duplicate_percent = 20,
		.reorder_percent = 20,
		.delay_ns = 20 * NS_PER_MS,
		.answer_delay_ns = 100 * NS_PER_MS };
}

/* In any order, again and again, on a network that is slow; then on one that loses messages of IKE, too. */
static void whatever_crosses_costs_no_packet(void **state)
{
	struct story_config c = v1_config();

	(void)state;
	for (uint64_t seed = 1; seed <= 120; seed++) {
		struct story s = story_established(seed, &c);

		calm(&s);
		s.w->faults.loss_percent = seed % 2 ? 5 : 0;
		s.w->faults.spare_esp = true;
		for (unsigned i = 0; i < 12; i++) {
			host_rekey(world_random(s.w, 2) ? s.alice : s.bob, NULL, "net");
			if (!world_random(s.w, 3))
				host_reauthenticate(world_random(s.w, 2) ? s.alice : s.bob, "net");
			world_run(s.w, world_random(s.w, 300) * NS_PER_MS);
			host_rekey(world_random(s.w, 2) ? s.alice : s.bob, NULL, "net");
			flows(&s, 1 + (unsigned)world_random(s.w, 12));
		}
		nothing_was_lost(&s);
		story_end(&s);
	}
}

/* Bob's third message is late, so that alice has her own child first, and learns of the other later. Of
 * what goes nobody sends another packet, though the delete of it is lost. */
static void the_child_that_goes_is_not_sent_on(void **state)
{
	struct story_config c = v1_config();

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct story s = story_established(seed, &c);

		s.w->faults.delay_ns = 20 * NS_PER_MS;
		host_rekey(s.alice, NULL, "net");
		world_run(s.w, seed % 5 * 10 * NS_PER_MS);
		host_rekey(s.bob, NULL, "net");
		flows(&s, 1);
		s.w->faults.loss_percent = 60;
		s.w->faults.spare_esp = true;
		flows(&s, 3);
		s.w->faults = (struct network_faults){ .delay_ns = 20 * NS_PER_MS };
		nothing_was_lost(&s);
		story_end(&s);
	}
}

/* Alice rekeys twice, one after the other, and bob at the same time as her second one: three children. */
static void three_that_cross_leave_one(void **state)
{
	struct story_config c = v1_config();

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct story s = story_established(seed, &c);

		s.w->faults.delay_ns = 11 * NS_PER_MS;
		host_rekey(s.alice, NULL, "net");
		world_run(s.w, 22 * NS_PER_MS + seed % 4 * 4 * NS_PER_MS);
		host_rekey(s.alice, NULL, "net");
		host_rekey(s.bob, NULL, "net");
		flows(&s, 10);
		nothing_was_lost(&s);
		story_end(&s);
	}
}

/* Both rekey, and again what that has just made, before either has heard of all that the other did: four
 * children. Where one is deleted that both had taken for what stays, the ends agree on which of those that
 * it was to replace goes on. (That was seed 300809.) */
static void four_that_cross_leave_one(void **state)
{
	struct story_config c = v1_config();

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct story s = story_established(seed, &c);

		s.w->faults = (struct network_faults){ .reorder_percent = 30,
			.delay_ns = 14 * NS_PER_MS };
		host_rekey(s.alice, NULL, "net");
		world_run(s.w, 30 * NS_PER_MS);
		host_rekey(s.bob, NULL, "net");
		world_run(s.w, 30 * NS_PER_MS + seed % 4 * 8 * NS_PER_MS);
		host_rekey(s.alice, NULL, "net");
		host_rekey(s.bob, NULL, "net");
		flows(&s, 10);
		nothing_was_lost(&s);
		story_end(&s);
	}
}

/* Six: what was to be replaced by one that has gone long ago is what is left when its successor's goes. (That
 * was seed 740002286.) */
static void six_that_cross_leave_one(void **state)
{
	struct story_config c = v1_config();

	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct story s = story_established(seed, &c);

		s.w->faults =
			(struct network_faults){ .reorder_percent = 30, .delay_ns = 8 * NS_PER_MS };
		for (unsigned i = 0; i < 3; i++) {
			host_rekey(s.alice, NULL, "net");
			world_run(s.w, world_random(s.w, 30) * NS_PER_MS);
			host_rekey(s.bob, NULL, "net");
			world_run(s.w, world_random(s.w, 60) * NS_PER_MS);
		}
		flows(&s, 10);
		nothing_was_lost(&s);
		story_end(&s);
	}
}

/* Bob's third message is lost. What alice makes meanwhile crosses it, and she has rekeyed that when his message
 * comes again: both ends go by the two that crossed, whatever has followed. */
static void what_crossed_is_compared_though_it_has_been_rekeyed(void **state)
{
	struct story_config c = v1_config();

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct story s = story_established(seed, &c);

		s.w->faults = (struct network_faults){ .delay_ns = 10 * NS_PER_MS };
		host_rekey(s.bob, NULL, "net");
		world_run(s.w, 15 * NS_PER_MS);
		s.w->faults.loss_percent = 100;
		s.w->faults.spare_esp = true;
		world_run(s.w, 10 * NS_PER_MS);
		s.w->faults.loss_percent = 0;
		host_rekey(s.alice, NULL, "net");
		flows(&s, 2);
		host_rekey(s.alice, NULL, "net");
		flows(&s, 1);
		s.w->faults.loss_percent = 50;
		flows(&s, 10);
		s.w->faults.loss_percent = 0;
		nothing_was_lost(&s);
		story_end(&s);
	}
}

/* Bob answers, and has no third message yet, when he is told to rekey: what he is still making isn't what
 * that means. */
static void a_child_that_is_being_made_is_not_rekeyed(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_established(SEED, &c);

	(void)state;
	s.w->faults.delay_ns = 100 * NS_PER_MS;
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, 150 * NS_PER_MS);
	STORY_EQUAL(s, host_children(s.bob), 1);
	host_rekey(s.bob, NULL, "net");
	flows(&s, 5);
	STORY_EQUAL(s, s.bob->done_ok, 1);
	STORY_EQUAL(s, s.alice->child_rekeyed, 2);
	nothing_was_lost(&s);
	story_end(&s);
}

/* Alice begins to rekey in one phase 1, is told to do so again when another has taken its place, and does
 * it once. */
static void a_child_is_not_rekeyed_in_two_phases_1(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_established(SEED, &c);

	(void)state;
	s.w->faults.partition = true;
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, NS_PER_MS);
	s.w->faults.partition = false;
	host_reauthenticate(s.bob, "net");
	flows(&s, 2);
	host_rekey(s.alice, NULL, "net");
	flows(&s, 10);
	STORY_EQUAL(s, s.bob->child_rekeyed, 1);
	nothing_was_lost(&s);
	story_end(&s);
}

/* Alice's first message is lost; when it comes, bob's phase 1 stands already: for him hers is the later
 * one, for her they crossed. What each is about to delete is what the other goes by. */
static void phases_1_that_the_ends_see_differently(void **state)
{
	struct story_config c = v1_config();

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct story s = story_established(seed, &c);

		s.w->faults.partition = true;
		host_reauthenticate(s.alice, "net");
		world_run(s.w, NS_PER_MS);
		s.w->faults.partition = false;
		host_reauthenticate(s.bob, "net");
		flows(&s, 2);
		s.w->faults.delay_ns = NS_PER_SECOND / 2;
		flows(&s, 60);
		STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
		nothing_was_lost(&s);
		story_end(&s);
	}
}

/* Alice and bob set up another phase 1 each, and alice ends all. What they were to take the place of is the last
 * that bob knows of; its Delete never comes, so he asks whether she lives, or authenticates again in vain. (That
 * was seed 98700.) */
static void what_was_replaced_and_goes_on_ends_with_its_peer(void **state)
{
	static const char *const keys[] = { V1_KEYS "dpd_delay = 10s",
		V1_KEYS "rekey_time = 100s\n over_time = 50s",
		V1_KEYS "rekey_time = 0s\n reauth_time = 100s\n over_time = 50s" };

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct story_config c = { .connection = keys[seed % 3] };
		struct story s = story_established(seed, &c);

		s.w->faults.delay_ns = 4 * NS_PER_MS;
		host_reauthenticate(s.alice, "net");
		host_reauthenticate(s.bob, "net");
		world_run(s.w, 40 * NS_PER_MS);
		STORY_EQUAL(s, s.alice->ike_replaced + s.bob->ike_replaced, 2);
		host_terminate(s.alice, "net", NULL);
		world_run(s.w, 30 * NS_PER_MS);
		s.w->faults.partition = true;
		world_run(s.w, 10 * NS_PER_SECOND);
		STORY_EQUAL(s, host_sas(s.bob), 1);
		world_run(s.w, 300 * NS_PER_SECOND);
		story_down(&s);
		STORY_EQUAL(s, s.bob->engine->sas ? 1 : 0, 0);
		story_end(&s);
	}
}

/* Bob's last message of alice's phase 1 is lost, and lost again; meanwhile his own stands, and he deletes
 * hers: she doesn't get that message any more, or she would go by an SA whose Deletes she has dropped. */
static void a_phase_1_that_was_deleted_is_not_finished(void **state)
{
	struct story_config c = v1_config();

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct story s = story_established(seed, &c);

		s.w->faults.delay_ns = 10 * NS_PER_MS;
		host_reauthenticate(s.alice, "net");
		world_run(s.w, 45 * NS_PER_MS);
		s.w->faults.loss_percent = 100;
		s.w->faults.spare_esp = true;
		flows(&s, 4);
		world_run(s.w, NS_PER_SECOND / 4);
		s.w->faults.loss_percent = 0;
		host_reauthenticate(s.bob, "net");
		flows(&s, 60);
		STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
		nothing_was_lost(&s);
		story_end(&s);
	}
}

/* The third message of alice's rekeying comes when she has deleted what it makes: bob keeps that for what is
 * under way to it, and doesn't take it for his child's successor. (That was a circle, seed 1065.) */
static void a_child_that_was_deleted_is_not_confirmed(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_established(SEED, &c);

	(void)state;
	s.w->faults.delay_ns = 10 * NS_PER_MS;
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, 15 * NS_PER_MS);
	s.w->faults.loss_percent = 100; /* the third message, and the Deletes of the old child */
	world_run(s.w, 6500 * NS_PER_MS);
	s.w->faults.loss_percent = 0;
	STORY_EQUAL(s, s.alice->child_rekeyed, 1);
	host_terminate(s.alice, NULL, "net");
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, s.bob->child_rekeyed, 0);
	host_terminate(s.bob, NULL, "net");
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.alice) + host_children(s.bob), 0);
	story_end(&s);
}

/* Of two phases 1 of the same peer one is over port 500, the other over 4500. */
static void a_phase_1_that_goes_over_the_other_port_adopts_the_children(void **state)
{
	struct story_config plain = v1_config(), c = { .connection = V1_KEYS "encap = yes" };
	struct story s = story_established(SEED, &plain);
	char text[8192];

	(void)state;
	STORY_EQUAL(s, s.bob->children[0].spec.path.remote.port, 500);
	host_reload(s.alice, story_text(&c, true, text, sizeof(text)));
	host_reload(s.bob, story_text(&c, false, text, sizeof(text)));
	host_reauthenticate(s.alice, "net");
	flows(&s, 30);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
	STORY_EQUAL(s, s.bob->children[0].spec.path.remote.port, 4500);
	nothing_was_lost(&s);
	story_end(&s);
}

/* Bob didn't hear that alice can be asked whether she lives; she has forgotten him, and answers nothing. */
static void who_cannot_be_asked_is_given_up_with_what_it_leaves_unanswered(void **state)
{
	struct story_config c = { .connection = V1_KEYS "dpd_delay = 10s" };
	struct story s = story_established(SEED, &c);

	(void)state;
	s.bob->engine->sas->v1->vendors &= ~(1u << V1_VENDOR_DPD);
	host_crash(s.alice);
	host_restart(s.alice);
	world_run(s.w, 120 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.bob), 1);
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, 300 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.bob), 0);
	STORY_TRUE(s, strstr(s.bob->last_failure, "gave no answer to our message of quick mode"));
	story_end(&s);
}

static void a_delete_is_said_again(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_established(SEED, &c);

	(void)state;
	s.w->faults.partition = true;
	host_terminate(s.alice, NULL, "net");
	world_run(s.w, NS_PER_SECOND / 2);
	s.w->faults.partition = false;
	STORY_EQUAL(s, host_children(s.bob), 1);
	world_run(s.w, 5 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.bob), 0);
	STORY_EQUAL(s, laddered(&s, "alice  -> INFORMATIONAL_V1"), 3);
	s.w->faults.partition = true;
	host_terminate(s.alice, "net", NULL);
	world_run(s.w, NS_PER_SECOND / 2);
	s.w->faults.partition = false;
	STORY_EQUAL(s, host_sas(s.bob), 1);
	world_run(s.w, 5 * NS_PER_SECOND);
	story_down(&s);
	story_end(&s);
}

/* The first message may come from anybody, from any address: nobody gets more of bob than was sent to him
 * in his name. */
static void a_first_answer_is_not_repeated_by_itself(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	world_run(s.w, NS_PER_MS / 2);
	STORY_EQUAL(s, host_half_open(s.bob), 0);
	world_run(s.w, NS_PER_MS);
	host_crash(s.alice);
	world_run(s.w, 29 * NS_PER_SECOND);
	STORY_EQUAL(s, host_half_open(s.bob), 1);
	STORY_EQUAL(s, laddered(&s, "bob    -> ID_PROT"), 1);
	STORY_EQUAL(s, laddered(&s, "bob    retransmit"), 0);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_crosses_costs_no_packet),
		cmocka_unit_test(the_child_that_goes_is_not_sent_on),
		cmocka_unit_test(three_that_cross_leave_one),
		cmocka_unit_test(four_that_cross_leave_one),
		cmocka_unit_test(six_that_cross_leave_one),
		cmocka_unit_test(what_crossed_is_compared_though_it_has_been_rekeyed),
		cmocka_unit_test(a_child_that_is_being_made_is_not_rekeyed),
		cmocka_unit_test(a_child_is_not_rekeyed_in_two_phases_1),
		cmocka_unit_test(phases_1_that_the_ends_see_differently),
		cmocka_unit_test(what_was_replaced_and_goes_on_ends_with_its_peer),
		cmocka_unit_test(a_phase_1_that_was_deleted_is_not_finished),
		cmocka_unit_test(a_child_that_was_deleted_is_not_confirmed),
		cmocka_unit_test(a_phase_1_that_goes_over_the_other_port_adopts_the_children),
		cmocka_unit_test(who_cannot_be_asked_is_given_up_with_what_it_leaves_unanswered),
		cmocka_unit_test(a_delete_is_said_again),
		cmocka_unit_test(a_first_answer_is_not_repeated_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
