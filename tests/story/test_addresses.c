/* A peer of several addresses, numbers or what a name stands for: they are tried in turn, an address that said
 * anything is not left for the next, and one that was left isn't heard any more. */
#include "tests/story/story.h"

#include <string.h>

#define SEED   61
#define MINUTE (60 * NS_PER_SECOND)
#define NOBODY "192.0.2.66"
#define CAROL  "192.0.2.3"

static bool laddered(const struct story *s, const char *words)
{
	for (size_t i = 0; i < s->w->ladder_count; i++)
		if (strstr(s->w->ladder[i], words))
			return true;
	return false;
}

static bool speaks_with(const struct host *h, const char *address)
{
	struct ike_sa_view sa;
	size_t position = 0;
	char text[ADDRESS_TEXT_MAX];

	return ike_next_sa(h->engine, &position, &sa) &&
		strcmp(address_print(&sa.path.remote.address, text), address) == 0;
}

/* Somebody leaves a half-open SA at Bob's, so that he asks everybody else for cookies. */
static void half_open(struct story *s)
{
	struct story_config c = { .alice_address = "192.0.2.4" };
	char text[8192];
	struct host *dave = world_host(
		s->w, "dave", "192.0.2.4", story_text(&c, true, text, sizeof(text)), NULL);

	host_initiate(dave, "net");
	world_run(s->w, 15 * NS_PER_MS);
	host_crash(dave);
}

static void the_addresses_of_a_name_are_tried_in_turn(void **state)
{
	struct story_config c = { .alice_connection = "remote_addrs = bob.example" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	world_name(s.w, "bob.example", NOBODY);
	world_name_also(s.w, "bob.example", "192.0.2.67");
	world_name_also(s.w, "bob.example", STORY_BOB);
	host_initiate(s.alice, "net");
	world_run(s.w, MINUTE);
	story_up(&s, 1);
	STORY_TRUE(s, speaks_with(s.alice, STORY_BOB));
	STORY_TRUE(s, laddered(&s, NOBODY "[500] gave no answer to IKE_SA_INIT, sent 3 times"));
	STORY_TRUE(s, laddered(&s, "192.0.2.67[500] gave no answer to IKE_SA_INIT, sent 3 times"));
	STORY_EQUAL(s, s.alice->failed + s.alice->done_failed, 0);
	story_end(&s);
}

/* What worked comes first from then on; and of a name that stands for other addresses now, those. */
static void what_is_kept_up_comes_back_over_another_address_of_the_name(void **state)
{
	struct story_config c = { .alice_connection =
					  "remote_addrs = bob.example\n dpd_delay = 10s",
		.bob_connection = "local_addrs = %any",
		.alice_child = "start_action = start" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	world_name(s.w, "bob.example", NOBODY);
	world_name_also(s.w, "bob.example", STORY_BOB);
	world_run(s.w, 3 * MINUTE);
	story_up(&s, 1);
	host_crash(s.bob);
	host_set_address(s.bob, "192.0.2.77");
	host_restart(s.bob);
	world_name_also(s.w, "bob.example", "192.0.2.77");
	world_run(s.w, 10 * MINUTE);
	story_up(&s, 1);
	STORY_TRUE(s, speaks_with(s.alice, "192.0.2.77"));
	story_end(&s);
}

static void an_address_that_asked_for_a_cookie_is_not_left(void **state)
{
	struct story_config c = { .alice_connection = "remote_addrs = " STORY_BOB ", " NOBODY,
		.bob_connection = "remote_addrs = %any" };
	struct ike_options o;
	struct story s;

	(void)state;
	ike_options_default(&o);
	o.cookie_threshold = 1;
	s = story_begin(SEED, &c, &o);
	half_open(&s);
	host_initiate(s.alice, "net");
	world_run(s.w, 22 * NS_PER_MS);
	STORY_TRUE(s, laddered(&s, "alice  <- IKE_SA_INIT response 0 [ N(COOKIE) ]"));
	world_cut(s.w, s.alice, s.bob, true);
	world_run(s.w, 50 * NS_PER_SECOND); /* longer than it takes to leave a silent one */
	STORY_TRUE(s, speaks_with(s.alice, STORY_BOB));
	world_cut(s.w, s.alice, s.bob, false);
	world_run(s.w, MINUTE);
	story_up(&s, 1);
	STORY_TRUE(s, !laddered(&s, "gave no answer"));
	story_end(&s);
}

/* Bob's answers take half a minute, and by then Alice sets up with Carol, whose answers take 20 s. */
static void late_answers_of_an_address_that_was_left_change_nothing(void **state)
{
	static const char *const bobs[] = { "", "proposals = aes256gcm16-prfsha384-ecp384",
		"proposals = aes128gcm16-prfsha256-ecp384, aes128gcm16-prfsha256-x25519" };

	(void)state;
	for (unsigned i = 0; i < 4; i++) { /* an answer, a refusal, another group, a cookie */
		struct story_config c = { .alice_connection =
						  "remote_addrs = " STORY_BOB ", " CAROL,
			.bob_connection = i < 3 ? bobs[i] : "remote_addrs = %any" };
		struct story_config of_carol = { .bob_address = CAROL };
		struct ike_options o;
		struct story s;
		struct host *carol;
		char text[8192];

		ike_options_default(&o);
		o.cookie_threshold = i == 3;
		s = story_begin(SEED, &c, &o);
		carol = world_host(s.w, "carol", CAROL,
			story_text(&of_carol, false, text, sizeof(text)), NULL);
		if (i == 3)
			half_open(&s);
		world_link(s.w, s.alice, s.bob)->delay_ns = 15 * NS_PER_SECOND;
		world_link(s.w, s.alice, carol)->delay_ns = 10 * NS_PER_SECOND;
		host_initiate(s.alice, "net");
		world_run(s.w, 3 * MINUTE);
		STORY_TRUE(s, laddered(&s, STORY_BOB "[500] gave no answer"));
		STORY_TRUE(s, speaks_with(s.alice, CAROL));
		STORY_EQUAL(s, host_children(s.alice) + host_children(carol), 2);
		STORY_EQUAL(s, host_sas(s.bob) + host_half_open(s.bob), 0);
		STORY_EQUAL(s, s.alice->failed + s.alice->done_failed, 0);
		story_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_addresses_of_a_name_are_tried_in_turn),
		cmocka_unit_test(what_is_kept_up_comes_back_over_another_address_of_the_name),
		cmocka_unit_test(an_address_that_asked_for_a_cookie_is_not_left),
		cmocka_unit_test(late_answers_of_an_address_that_was_left_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
