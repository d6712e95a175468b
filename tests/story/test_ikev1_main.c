/* Main mode in both roles, with all that a network does to it. */
#include "tests/story/story.h"

#include <string.h>

#define SEED 61

static const struct story_config v1 = { .connection =
						"version = 1\n proposals = aes128-sha256-x25519" };

static void two_hosts_set_up_a_tunnel(void **state)
{
	struct story s = story_established(SEED, &v1);

	(void)state;
	story_up(&s, 1);
	host_packet(s.alice, "10.1.0.1", "10.2.0.1");
	host_packet(s.bob, "10.2.0.1", "10.1.0.1");
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	STORY_EQUAL(s, s.alice->traffic.delivered, 1);
	STORY_EQUAL(s, s.bob->traffic.delivered, 1);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hosts_set_up_a_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
