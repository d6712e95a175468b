/* Whether the peer lives, and whether anybody uses a child. */
#include "tests/story/story.h"

#include <string.h>

#define SEED 29

/* A packet passes each way. */
static void traffic(struct story *s, bool to_alice, bool to_bob)
{
	struct host *hosts[] = { s->alice, s->bob };

	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; j < HOST_CHILDREN_MAX; j++) {
			struct sim_child *c = &hosts[i]->children[j];

			if (!c->in)
				continue;
			if (i == 0 ? to_alice : to_bob)
				c->in_at = s->w->now;
			if (i == 0 ? to_bob : to_alice)
				c->out_at = s->w->now;
		}
	}
}

static void run_with_traffic(
	struct story *s, unsigned seconds, unsigned every, bool to_alice, bool to_bob)
{
	for (unsigned i = 0; i < seconds; i += every) {
		traffic(s, to_alice, to_bob);
		world_run(s->w, every * NS_PER_SECOND);
	}
}

static void a_busy_tunnel_sends_no_probe(void **state)
{
	struct story_config c = { .connection = "dpd_delay = 10s" };
	struct story s = story_established(SEED, &c);
	uint64_t sent = s.w->packets_sent;

	(void)state;
	run_with_traffic(&s, 600, 5, true, true);
	STORY_EQUAL(s, s.w->packets_sent, sent);
	story_up(&s, 1);
	story_end(&s);
}

static void traffic_one_way_proves_nothing_about_the_other(void **state)
{
	struct story_config c = { .alice_connection = "dpd_delay = 10s" };
	struct story s = story_established(SEED, &c);
	uint64_t sent = s.w->packets_sent;

	(void)state;
	run_with_traffic(&s, 100, 5, false, true);
	STORY_TRUE(s, s.w->packets_sent >= sent + 2 * 9);
	STORY_TRUE(s, s.w->packets_sent <= sent + 2 * 12);
	story_up(&s, 1);
	story_end(&s);
}

static void the_peers_probes_prove_life_too(void **state)
{
	struct story_config c = { .alice_connection = "dpd_delay = 30s",
		.bob_connection = "dpd_delay = 10s" };
	struct story s = story_established(SEED, &c);

	(void)state;
	world_run(s.w, 300 * NS_PER_SECOND);
	for (size_t i = 0; i < s.w->ladder_count; i++)
		STORY_TRUE(s, !strstr(s.w->ladder[i], "alice  -> INFORMATIONAL request"));
	story_up(&s, 1);
	story_end(&s);
}

static void a_peer_that_dies_under_traffic_is_noticed(void **state)
{
	struct story_config c = { .alice_connection = "dpd_delay = 10s" };
	struct story s = story_established(SEED, &c);

	(void)state;
	run_with_traffic(&s, 100, 5, true, true);
	s.w->faults.partition = true;
	run_with_traffic(&s, 200, 5, false, true);
	STORY_EQUAL(s, host_sas(s.alice), 0);
	STORY_EQUAL(s, host_children(s.alice), 0);
	STORY_EQUAL(s, s.alice->ike_down, 1);
	story_end(&s);
}

static void a_child_that_nobody_uses_is_closed(void **state)
{
	struct story_config c = { .alice_child = "inactivity = 60s" };
	struct story s = story_established(SEED, &c);

	(void)state;
	run_with_traffic(&s, 300, 50, true, false);
	story_up(&s, 1);
	world_run(s.w, 11 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.alice), 0);
	STORY_EQUAL(s, host_children(s.bob), 0);
	STORY_EQUAL(s, host_sas(s.alice), 1);
	story_end(&s);
}

static void rekeying_is_no_use_of_a_child(void **state)
{
	struct story_config c = { .alice_child = "inactivity = 60s" };
	struct story s = story_established(SEED, &c);

	(void)state;
	world_run(s.w, 20 * NS_PER_SECOND);
	traffic(&s, true, true);
	world_run(s.w, 10 * NS_PER_SECOND);
	host_rekey(s.bob, NULL, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	world_run(s.w, 45 * NS_PER_SECOND);
	story_up(&s, 1);
	world_run(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.alice), 0);
	STORY_EQUAL(s, s.alice->child_down, 1);
	story_end(&s);
}

static void the_ike_sa_may_go_with_its_last_child(void **state)
{
	struct story_config c = { .bob_child = "inactivity = 60s" };
	struct ike_options o;
	struct story s;

	(void)state;
	ike_options_default(&o);
	o.inactivity_close_ike = true;
	s = story_begin(SEED, &c, &o);
	host_initiate(s.alice, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	world_run(s.w, 70 * NS_PER_SECOND);
	story_down(&s);
	story_end(&s);
}

/* Seed 500341: Alice has lost all and doesn't answer. What Bob sets up instead of the child that nobody used
 * is an heir of it. */
static void what_is_set_up_again_is_given_time_to_be_used(void **state)
{
	struct story_config c = { .bob_child = "inactivity = 60s\nstart_action = start" };
	struct ike_options o;
	struct story s;

	(void)state;
	ike_options_default(&o);
	o.inactivity_close_ike = true;
	s = story_begin(SEED, &c, &o);
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	host_crash(s.alice);
	host_restart(s.alice);
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, s.bob->ike_up, 1);
	host_initiate(s.bob, "net"); /* while he deletes it */
	world_run(s.w, 40 * NS_PER_SECOND);
	STORY_EQUAL(s, s.bob->ike_up, 2);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_tunnel_sends_no_probe),
		cmocka_unit_test(traffic_one_way_proves_nothing_about_the_other),
		cmocka_unit_test(the_peers_probes_prove_life_too),
		cmocka_unit_test(a_peer_that_dies_under_traffic_is_noticed),
		cmocka_unit_test(a_child_that_nobody_uses_is_closed),
		cmocka_unit_test(rekeying_is_no_use_of_a_child),
		cmocka_unit_test(the_ike_sa_may_go_with_its_last_child),
		cmocka_unit_test(what_is_set_up_again_is_given_time_to_be_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
