/* Return routability, RFC 4555 §3.7: who sends back another COOKIE2 than it got has not seen the request, and
 * the IKE SA must be closed, whichever end asked. The ends here have wrong answers on purpose. */
#include "tests/story/story.h"

#include <string.h>

#include "tests/story/rude.h"

#define SEED    53
#define ALICE_2 "198.51.100.1"
#define COOKIE2 16401 /* of wire/ikev2.h */

static struct story mobile(const char *alice_child)
{
	struct story_config c = { .connection = "local_addrs = %any\ndpd_delay = 20s",
		.bob_connection = "remote_addrs = 0.0.0.0/0",
		.alice_child = alice_child };

	return story_established(SEED, &c);
}

static unsigned ladder_count(const struct story *s, const char *who, const char *words)
{
	unsigned count = 0;

	for (size_t i = 0; i < s->w->ladder_count; i++)
		count += strstr(s->w->ladder[i], who) && strstr(s->w->ladder[i], words);
	return count;
}

static void cross(struct story *s)
{
	uint64_t lost = world_lost_packets(s->w);

	host_packet(s->alice, "10.1.0.1", "10.2.0.1");
	host_packet(s->bob, "10.2.0.1", "10.1.0.1");
	world_settle(s->w, 10 * NS_PER_SECOND);
	STORY_EQUAL(*s, world_lost_packets(s->w), lost);
}

/* Alice asks first, as she moves, and Bob has the wrong answer. */
static void a_wrong_cookie_closes_the_ike_sa(void **state)
{
	(void)state;
	for (int left_out = 0; left_out < 2; left_out++) {
		struct story s = mobile("");

		rude_spoils(COOKIE2, left_out);
		host_set_address(s.alice, ALICE_2);
		world_run(s.w, 60 * NS_PER_SECOND);
		STORY_TRUE(s, strstr(s.alice->last_failure, "did not return our COOKIE2"));
		story_down(&s); /* Bob hears of it by a DELETE */
		STORY_EQUAL(s, ladder_count(&s, "bob", "IKE DOWN"), 1);
		STORY_EQUAL(s, s.alice->ike_up, 1);
		rude_spoils(0, false);
		story_end(&s);
	}
}

/* Bob asks Alice at the address that she says she is at: without the answer no traffic goes there. */
static void a_peer_that_claims_an_address_without_the_cookie_is_closed(void **state)
{
	struct story s = mobile("");

	(void)state;
	host_set_address(s.alice, ALICE_2);
	for (unsigned i = 0; i < 100 && !ladder_count(&s, "bob", "-> INFORMATIONAL request"); i++)
		world_run(s.w, NS_PER_MS);
	STORY_EQUAL(s, ladder_count(&s, "bob", "-> INFORMATIONAL request"), 1);
	rude_spoils(COOKIE2, false); /* Alice's response, as Bob's own is under way already */
	for (unsigned i = 0; i < 200; i++) {
		world_run(s.w, NS_PER_MS);
		STORY_EQUAL(s, ladder_count(&s, "bob", "plane: path"), 0);
	}
	world_run(s.w, 60 * NS_PER_SECOND);
	rude_spoils(0, false);
	STORY_TRUE(s, strstr(s.bob->last_failure, "did not return our COOKIE2"));
	story_down(&s);
	story_end(&s);
}

static void what_should_be_up_comes_back_from_the_new_address(void **state)
{
	struct story s = mobile("start_action = start");

	(void)state;
	rude_spoils(COOKIE2, false);
	host_set_address(s.alice, ALICE_2);
	world_run(s.w, NS_PER_SECOND);
	rude_spoils(0, false);
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_TRUE(s, ladder_count(&s, "alice", "did not return our COOKIE2") > 0);
	STORY_EQUAL(s, s.alice->ike_up, 2);
	story_up(&s, 1);
	cross(&s);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_cookie_closes_the_ike_sa),
		cmocka_unit_test(a_peer_that_claims_an_address_without_the_cookie_is_closed),
		cmocka_unit_test(what_should_be_up_comes_back_from_the_new_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
