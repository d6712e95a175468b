/* What one end made and the other could not: an exchange that the responder has answered fails at the
 * initiator, because a computation fails, or is answered by nobody. Afterwards both have the same
 * again, and the traffic goes on. */
#include "tests/story/rude.h"
#include "tests/story/story.h"

#include <string.h>

#define SEED 17

static bool laddered(const struct story *s, const char *who, const char *words)
{
	for (size_t i = 0; i < s->w->ladder_count; i++)
		if (strstr(s->w->ladder[i], who) && strstr(s->w->ladder[i], words))
			return true;
	return false;
}

/* When the ladder has a line with these words so many times: at most ten seconds. */
static void until(struct story *s, const char *who, const char *words)
{
	for (int i = 0; i < 10000 && !laddered(s, who, words); i++)
		world_run(s->w, NS_PER_MS);
	STORY_TRUE(*s, laddered(s, who, words));
}

enum failure { SAYS_NO, SAYS_NOTHING };

#define ONE_WAY_MS 15 /* for long enough that the response which is under way is read */

static void questions_fail(struct story *s, enum failure how, unsigned ms)
{
	s->w->faults.answer_no_percent = how == SAYS_NO ? 100 : 0;
	s->w->faults.answer_never_percent = how == SAYS_NOTHING ? 100 : 0;
	world_run(s->w, ms * NS_PER_MS);
	s->w->faults.answer_no_percent = s->w->faults.answer_never_percent = 0;
}

static void cross(struct story *s)
{
	uint64_t before = world_lost_packets(s->w);

	host_packet(s->alice, "10.1.0.1", "10.2.0.1");
	host_packet(s->bob, "10.2.0.1", "10.1.0.1");
	world_settle(s->w, NS_PER_SECOND);
	STORY_EQUAL(*s, world_lost_packets(s->w), before);
}

static void children_are(const struct story *s, uint32_t count)
{
	for (int i = 0; i < 2; i++) {
		struct ike_stats stats;

		ike_stats((i ? s->alice : s->bob)->engine, &stats);
		STORY_EQUAL(*s, stats.children, count);
	}
}

/* Children. */

static void a_child_goes_on_whose_rekeying_the_initiator_cannot_finish(void **state)
{
	(void)state;
	for (enum failure how = SAYS_NO; how <= SAYS_NOTHING; how++) {
		struct story s = story_established(SEED, NULL);

		host_rekey(s.alice, NULL, "net");
		until(&s, "bob    ->", "CREATE_CHILD_SA response");
		questions_fail(&s, how, ONE_WAY_MS);
		world_run(s.w, NS_PER_SECOND);
		cross(&s);
		world_run(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		children_are(&s, 1);
		STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
		STORY_TRUE(s, laddered(&s, "bob", "it goes on"));
		cross(&s);
		host_rekey(s.bob, NULL, "net");
		world_run(s.w, 10 * NS_PER_SECOND);
		STORY_EQUAL(s, s.bob->done_ok, 1);
		children_are(&s, 1);
		cross(&s);
		story_end(&s);
	}
}

static void a_new_child_goes_that_the_initiator_cannot_finish(void **state)
{
	struct story_config c = { .connection = "childless = force" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	until(&s, "bob    ->", "CREATE_CHILD_SA response");
	questions_fail(&s, SAYS_NO, ONE_WAY_MS);
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	story_up(&s, 0);
	children_are(&s, 0);
	host_initiate(s.alice, "net");
	world_run(s.w, NS_PER_SECOND);
	story_up(&s, 1);
	cross(&s);
	story_end(&s);
}

/* The response asks for what was not offered: whoever sent it has the child already. */
static void a_child_goes_whose_response_the_initiator_does_not_accept(void **state)
{
	static const char *const with[] = { "childless = never", "childless = force" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct story_config c = { .connection = with[i] };
		struct story s = story_begin(SEED, &c, NULL);

		rude_widens(true);
		host_initiate(s.alice, "net");
		world_run(s.w, NS_PER_SECOND);
		rude_widens(false);
		STORY_EQUAL(s, s.alice->done_failed, 1);
		story_up(&s, 0);
		children_are(&s, 0);
		story_end(&s);
	}
}

static void both_rekey_a_child_and_one_or_both_cannot_finish(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) { /* either may have the lower nonce */
		struct story s = story_established(seed, NULL);

		host_rekey(s.alice, NULL, "net");
		world_run(s.w, 3 * NS_PER_MS);
		host_rekey(s.bob, NULL, "net");
		until(&s, "alice  ->", "CREATE_CHILD_SA response");
		questions_fail(&s, seed % 2 ? SAYS_NO : SAYS_NOTHING, seed % 4 < 2 ? 8 : 15);
		world_run(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		children_are(&s, 1);
		STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
		cross(&s);
		story_end(&s);
	}
}

static void an_operator_ends_a_child_while_it_is_rekeyed(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, 5 * NS_PER_MS);
	host_terminate(s.alice, NULL, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 0);
	children_are(&s, 0);
	STORY_EQUAL(s, s.alice->child_down, 1);
	STORY_EQUAL(s, s.bob->child_down, 1);
	story_end(&s);
}

/* IKE SAs. */

static struct ike_sa_view sa_of(const struct host *h)
{
	struct ike_sa_view sa = { 0 };
	size_t position = 0;

	while (ike_next_sa(h->engine, &position, &sa) && sa.state == IKE_REKEYED)
		;
	return sa;
}

static void same_ike_sa(const struct story *s)
{
	STORY_EQUAL(*s, sa_of(s->alice).spi_i, sa_of(s->bob).spi_i);
	STORY_EQUAL(*s, sa_of(s->alice).spi_r, sa_of(s->bob).spi_r);
}

static void an_ike_sa_goes_whose_last_response_the_initiator_cannot_verify(void **state)
{
	struct story s = story_begin(SEED, NULL, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	until(&s, "bob    ->", "IKE_AUTH response");
	questions_fail(&s, SAYS_NOTHING, ONE_WAY_MS);
	world_run(s.w, 25 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	story_down(&s);
	host_initiate(s.alice, "net");
	world_run(s.w, NS_PER_SECOND);
	story_up(&s, 1);
	cross(&s);
	story_end(&s);
}

static void a_late_refusal_of_ike_auth_is_repeated(void **state)
{
	struct story s = story_begin(SEED, NULL, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	until(&s, "alice  ->", "IKE_AUTH request");
	questions_fail(&s, SAYS_NOTHING, ONE_WAY_MS);
	world_run(s.w, 18 * NS_PER_SECOND);
	s.w->faults.partition = true;
	world_run(s.w, 4 * NS_PER_SECOND);
	s.w->faults.partition = false;
	STORY_TRUE(s, laddered(&s, "bob    ->", "TEMPORARY_FAILURE"));
	STORY_EQUAL(s, s.alice->done_failed, 0);
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	story_down(&s);
	story_end(&s);
}

/* Packets cross all the while; the peer's new SA is found dead in the end. */
static void another_ike_sa_is_set_up_when_the_initiator_cannot_finish_a_rekeying(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct story_config c = { .connection = "dpd_delay = 10s" };
		struct story s = story_established(SEED, &c);
		struct host *who = i % 2 ? s.bob : s.alice;

		host_rekey(who, "net", NULL);
		until(&s, i % 2 ? "alice  ->" : "bob    ->", "CREATE_CHILD_SA response");
		questions_fail(&s, i < 2 ? SAYS_NO : SAYS_NOTHING, ONE_WAY_MS);
		for (int j = 0; j < 80; j++) {
			cross(&s);
			world_run(s.w, 5 * NS_PER_SECOND);
		}
		story_up(&s, 1);
		children_are(&s, 1);
		same_ike_sa(&s);
		STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
		STORY_EQUAL(s, who->done_ok + who->done_failed, i % 2 ? 1 : 2);
		story_end(&s);
	}
}

/* RFC 7296 §2.8.1 and §2.25.2 say which of two new IKE SAs is redundant: the other goes on only where
 * both have it. */
static void both_rekey_the_ike_sa_and_one_or_both_cannot_finish(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) { /* either may have the lower nonce */
		struct story s = story_established(seed, NULL);

		host_rekey(s.alice, "net", NULL);
		world_run(s.w, 3 * NS_PER_MS);
		host_rekey(s.bob, "net", NULL);
		until(&s, "alice  ->", "CREATE_CHILD_SA response");
		questions_fail(&s, seed % 2 ? SAYS_NO : SAYS_NOTHING, seed % 4 < 2 ? 8 : 15);
		for (int i = 0; i < 100; i++) {
			cross(&s);
			world_run(s.w, 4 * NS_PER_SECOND);
		}
		story_up(&s, 1);
		children_are(&s, 1);
		same_ike_sa(&s);
		STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
		story_end(&s);
	}
}

/* Only bob can begin, and has: what alice deletes he sets up again when he notices. */
static void an_ike_sa_is_given_up_when_only_the_peer_can_set_up_another(void **state)
{
	struct story_config c = { .connection = "dpd_delay = 10s",
		.alice_connection = "remote_addrs = %any",
		.bob_child = "start_action = start\n dpd_action = restart" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	world_run(s.w, NS_PER_SECOND);
	story_up(&s, 1);
	host_rekey(s.alice, "net", NULL);
	until(&s, "bob    ->", "CREATE_CHILD_SA response");
	questions_fail(&s, SAYS_NO, ONE_WAY_MS);
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.alice), 0);
	world_run(s.w, 300 * NS_PER_SECOND);
	story_up(&s, 1);
	cross(&s);
	story_end(&s);
}

static void a_new_ike_sa_is_used_before_its_initiator_has_it(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, "net", NULL);
	until(&s, "bob    ->", "CREATE_CHILD_SA response");
	s.w->faults.answer_delay_ns = 200 * NS_PER_MS;
	until(&s, "alice  <-", "CREATE_CHILD_SA response");
	s.w->faults.answer_delay_ns = 0;
	host_rekey(s.bob, "net", "net");
	until(&s, "alice", "still being made");
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_TRUE(s, !laddered(&s, "alice  ->", "INVALID_IKE_SPI"));
	STORY_TRUE(s, !laddered(&s, "bob    <-", "INVALID_IKE_SPI"));
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->done_ok, 2);
	STORY_EQUAL(s, s.bob->done_ok, 1);
	cross(&s);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_goes_on_whose_rekeying_the_initiator_cannot_finish),
		cmocka_unit_test(a_new_child_goes_that_the_initiator_cannot_finish),
		cmocka_unit_test(a_child_goes_whose_response_the_initiator_does_not_accept),
		cmocka_unit_test(both_rekey_a_child_and_one_or_both_cannot_finish),
		cmocka_unit_test(an_operator_ends_a_child_while_it_is_rekeyed),
		cmocka_unit_test(an_ike_sa_goes_whose_last_response_the_initiator_cannot_verify),
		cmocka_unit_test(
			another_ike_sa_is_set_up_when_the_initiator_cannot_finish_a_rekeying),
		cmocka_unit_test(both_rekey_the_ike_sa_and_one_or_both_cannot_finish),
		cmocka_unit_test(a_late_refusal_of_ike_auth_is_repeated),
		cmocka_unit_test(an_ike_sa_is_given_up_when_only_the_peer_can_set_up_another),
		cmocka_unit_test(a_new_ike_sa_is_used_before_its_initiator_has_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
