/* What is there twice for whatever reason: the lesser goes when all has been quiet for a while, if whoever
 * had asked for it doesn't want it so. Where a story needs an end that asks for a child that it has, it
 * can't find it (child_live() is wrapped by the linker, see meson.build). */
#include "tests/story/story.h"

#include <string.h>

#define SEED  53
#define NEVER "unique = never\n"

struct ike_sa;
struct child_sa;
struct child_sa *__real_child_live(const struct ike_sa *sa, const char *name);
struct child_sa *__wrap_child_live(const struct ike_sa *sa, const char *name);

static bool blind;

struct child_sa *__wrap_child_live(const struct ike_sa *sa, const char *name)
{
	return blind ? NULL : __real_child_live(sa, name);
}

/* Of both ends, all the while; the peers ask for nothing but whether the other lives. */
static void traffic(struct story *s, unsigned seconds)
{
	for (unsigned i = 0; i < seconds * 20; i++) {
		host_packet(s->alice, "10.1.0.1", "10.2.0.1");
		host_packet(s->bob, "10.2.0.1", "10.1.0.1");
		world_run(s->w, 50 * NS_PER_MS);
	}
}

static void reload(struct host *h, const struct story_config *c, bool alice)
{
	char text[8192];

	host_reload(h, story_text(c, alice, text, sizeof(text)));
}

/* Each end has set up an IKE SA, and either's may be the one to stay. */
static struct story two_sas(uint64_t seed, const struct story_config *c)
{
	struct story s = story_begin(seed, c, NULL);

	host_initiate(s.alice, "net");
	host_initiate(s.bob, "net");
	traffic(&s, 60);
	STORY_EQUAL(s, host_sas(s.alice), 2);
	STORY_EQUAL(s, host_children(s.bob), 2);
	return s;
}

static bool lesser_is_alices(const struct story *s)
{
	struct ike_sa_view sa;
	uint64_t least = UINT64_MAX;
	size_t position = 0;
	bool ours = false;

	while (ike_next_sa(s->alice->engine, &position, &sa)) {
		if (sa.spi_i < least)
			ours = sa.initiator;
		least = sa.spi_i < least ? sa.spi_i : least;
	}
	return ours;
}

static void who_may_no_longer_be_there_twice_goes_and_no_packet_is_lost(void **state)
{
	struct story_config never = { .connection = NEVER }, once = { 0 };

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct story s = two_sas(SEED + i, &never);

		reload(s.alice, &once, true);
		reload(s.bob, &once, false);
		host_rekey(i & 1 ? s.alice : s.bob, "net", NULL);
		traffic(&s, 60);
		story_up(&s, 1);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
		story_end(&s);
	}
}

static void an_ike_sa_that_the_peer_wants_twice_stays(void **state)
{
	struct story_config never = { .connection = NEVER }, once = { 0 };
	unsigned mine = 0;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct story s = two_sas(SEED + i, &never);
		bool lesser = lesser_is_alices(&s);

		mine += lesser;
		reload(s.alice, &once, true);
		for (unsigned again = 0; again < 3; again++) {
			host_rekey(s.alice, "net", NULL);
			traffic(&s, 60);
			STORY_EQUAL(s, host_children(s.bob), lesser ? 1 : 2);
		}
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		story_end(&s);
	}
	assert_true(mine > 0 && mine < 8);
}

/* In one IKE SA. */
static struct story two_children(uint64_t seed, const struct story_config *c)
{
	struct story s = story_begin(seed, c, NULL);

	host_initiate(s.bob, "net");
	traffic(&s, 5);
	blind = true;
	host_initiate(s.bob, "net");
	world_run(s.w, NS_PER_SECOND);
	blind = false;
	STORY_EQUAL(s, host_sas(s.alice), 1);
	STORY_EQUAL(s, host_children(s.alice), 2);
	STORY_EQUAL(s, host_children(s.bob), 2);
	return s;
}

static void a_child_is_not_there_twice_for_long(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct story s = two_children(SEED + i, NULL);

		traffic(&s, 60);
		story_up(&s, 1);
		STORY_TRUE(s, world_lost_packets(s.w) <= 2); /* that were under way to it */
		STORY_EQUAL(s, s.alice->ike_up, 1);
		traffic(&s, 300);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Nor when we rekey them. */
static void children_that_the_peer_wants_twice_stay(void **state)
{
	struct story_config c = { .bob_connection = NEVER };
	struct story s = two_children(SEED, &c);

	(void)state;
	for (unsigned again = 0; again < 3; again++) {
		host_rekey(s.alice, NULL, "net");
		traffic(&s, 60);
		STORY_EQUAL(s, host_children(s.alice), 2);
		STORY_EQUAL(s, host_children(s.bob), 2);
	}
	STORY_EQUAL(s, s.alice->child_rekeyed, 6);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_no_longer_be_there_twice_goes_and_no_packet_is_lost),
		cmocka_unit_test(an_ike_sa_that_the_peer_wants_twice_stays),
		cmocka_unit_test(a_child_is_not_there_twice_for_long),
		cmocka_unit_test(children_that_the_peer_wants_twice_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
