/* Shunts: policies that no peer is asked for, beside those of tunnels. */
#include "tests/story/story.h"

#include <string.h>

#define SEED 31

/* A second child behind the first, whose braces story_text() closes. */
#define BESIDE(mode, more)                                                                         \
	"}\n out {\n mode = " mode "\n local_ts = 10.1.0.0/16\n remote_ts = 10.2.9.0/24\n" more "\n"

static bool laddered(const struct story *s, const char *words)
{
	for (size_t i = 0; i < s->w->ladder_count; i++)
		if (strstr(s->w->ladder[i], words))
			return true;
	return false;
}

static void what_is_dropped_goes_through_no_tunnel(void **state)
{
	struct story_config c = { .alice_child = BESIDE("drop", "priority = 1") };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	host_trap(s.alice, "out");
	STORY_EQUAL(s, s.alice->done_ok, 2);
	host_packet(s.alice, "10.1.0.5", "10.2.9.1");
	host_packet(s.alice, "10.1.0.5", "10.2.0.7");
	host_packet(s.bob, "10.2.9.1", "10.1.0.5");
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, s.bob->traffic.delivered, 1);
	STORY_EQUAL(s, s.alice->traffic.delivered, 0);
	host_untrap(s.alice, "out");
	STORY_EQUAL(s, s.alice->done_ok, 3);
	host_packet(s.alice, "10.1.0.5", "10.2.9.1");
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, s.bob->traffic.delivered, 2);
	story_end(&s);
}

static void without_a_priority_tunnels_come_before_what_is_dropped(void **state)
{
	struct story_config c = { .alice_child = BESIDE("drop", "start_action = trap") };
	struct story s = story_established(SEED, &c);

	(void)state;
	STORY_TRUE(s, laddered(&s, "plane: shunt"));
	host_packet(s.alice, "10.1.0.5", "10.2.9.1");
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, s.bob->traffic.delivered, 1);
	story_end(&s);
}

static void nobody_is_asked_for_a_shunt(void **state)
{
	struct story_config c = { .alice_child = BESIDE("pass", "") };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate(s.alice, "out");
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_EQUAL(s, s.w->packets_sent, 0);
	host_initiate_ike(s.alice, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->done_ok, 1);
	story_up(&s, 1);
	story_end(&s);
}

static void a_connection_of_shunts_alone_has_nothing_to_bring_up(void **state)
{
	struct story_config c = { .alice_child = "mode = pass" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate_ike(s.alice, "net");
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_EQUAL(s, s.w->packets_sent, 0);
	story_end(&s);
}

static void a_peer_gets_no_child_of_a_shunt(void **state)
{
	struct story_config c = { .bob_child = "mode = pass" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.alice), 0);
	STORY_TRUE(s, strstr(s.bob->last_failure, "TS_UNACCEPTABLE"));
	story_end(&s);
}

static void a_reload_makes_a_trap_of_a_shunt_and_lifts_it(void **state)
{
	struct story_config c = { .alice_child = "mode = drop\nstart_action = trap" };
	struct story s = story_begin(SEED, &c, NULL);
	char text[8192];

	(void)state;
	STORY_EQUAL(s, s.alice->traps[0].spec.reqid, 0);
	c.alice_child = "start_action = trap";
	host_reload(s.alice, story_text(&c, true, text, sizeof(text)));
	STORY_TRUE(s, laddered(&s, "plane: unshunt"));
	STORY_TRUE(s, s.alice->traps[0].spec.reqid);
	host_packet(s.alice, "10.1.0.5", "10.2.0.7");
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.bob->traffic.delivered, 1);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_dropped_goes_through_no_tunnel),
		cmocka_unit_test(without_a_priority_tunnels_come_before_what_is_dropped),
		cmocka_unit_test(nobody_is_asked_for_a_shunt),
		cmocka_unit_test(a_connection_of_shunts_alone_has_nothing_to_bring_up),
		cmocka_unit_test(a_peer_gets_no_child_of_a_shunt),
		cmocka_unit_test(a_reload_makes_a_trap_of_a_shunt_and_lifts_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
