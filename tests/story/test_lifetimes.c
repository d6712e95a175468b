/* Lifetimes: what asks for a rekeying and when, what ends an SA that wasn't rekeyed, and what becomes of
 * one that was. Bob may refuse to rekey; alice's lifetimes count. */
#include "tests/story/story.h"

#include <string.h>

#include "tests/story/rude.h"

#define SEED 53

enum {                        /* of wire/ikev2.h */
	REFUSED_FOR_NOW = 43, /* TEMPORARY_FAILURE */
	REFUSED = 14,         /* NO_PROPOSAL_CHOSEN */
};

static unsigned ladder_count(const struct story *s, const char *who, const char *words)
{
	unsigned count = 0;

	for (size_t i = 0; i < s->w->ladder_count; i++)
		count += strstr(s->w->ladder[i], who) && strstr(s->w->ladder[i], words);
	return count;
}

/* Where in the ladder the words come first, at or behind `from`. */
static size_t ladder_at(const struct story *s, const char *who, const char *words, size_t from)
{
	while (from < s->w->ladder_count &&
		(!strstr(s->w->ladder[from], who) || !strstr(s->w->ladder[from], words)))
		from++;
	return from;
}

static void send_packets(struct story *s, unsigned count)
{
	while (count--) {
		host_packet(s->alice, "10.1.0.5", "10.2.0.7");
		world_run(s->w, 100 * NS_PER_MS);
	}
}

/* Octets and packets. */

static void soft_limits_differ_at_random_within_their_bounds(void **state)
{
	struct story_config c = { .alice_child = "rekey_bytes = 1000000\n life_bytes = 2000000\n"
						 "rand_bytes = 400000\n rekey_packets = 1000\n"
						 "life_packets = 1100\n" };
	uint64_t bytes_least = UINT64_MAX, bytes_most = 0, packets_least = UINT64_MAX,
		 packets_most = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct story s = story_established(seed, &c);
		const struct child_spec *spec = &s.alice->children[0].spec;

		assert_in_range(spec->soft_bytes, 600000, 1000000);
		assert_in_range(spec->soft_packets, 900, 1000); /* rand: life less rekey */
		assert_int_equal(spec->hard_bytes, 2000000);
		assert_int_equal(spec->hard_packets, 1100);
		bytes_least = spec->soft_bytes < bytes_least ? spec->soft_bytes : bytes_least;
		bytes_most = spec->soft_bytes > bytes_most ? spec->soft_bytes : bytes_most;
		packets_least =
			spec->soft_packets < packets_least ? spec->soft_packets : packets_least;
		packets_most =
			spec->soft_packets > packets_most ? spec->soft_packets : packets_most;
		story_end(&s);
	}
	assert_true(bytes_least < 700000 && bytes_most > 900000);
	assert_true(packets_least < 925 && packets_most > 975);
}

static void traffic_rekeys_a_child_before_its_hard_limit(void **state)
{
	static const char *const limits[] = { "rekey_packets = 20\n life_packets = 40",
		"rekey_bytes = 1000\n life_bytes = 2000" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct story_config c = { .alice_child = limits[i] };
		struct story s = story_established(SEED, &c);

		send_packets(&s, 200);
		story_up(&s, 1);
		STORY_TRUE(s, s.alice->child_rekeyed >= 5);
		STORY_EQUAL(s, s.bob->traffic.delivered, 200);
		STORY_EQUAL(s, s.alice->child_down, 0);
		story_end(&s);
	}
}

static void a_hard_limit_ends_the_child_and_the_supervisor_makes_another(void **state)
{
	struct story_config c = { .alice_child = "life_packets = 10\n start_action = start" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	send_packets(&s, 10);
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->child_down, 1);
	STORY_EQUAL(s, s.bob->child_down, 1);
	world_run(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.bob->traffic.delivered, 10);
	STORY_EQUAL(s, s.alice->child_rekeyed, 0);
	send_packets(&s, 5);
	STORY_EQUAL(s, s.bob->traffic.delivered, 15);
	STORY_EQUAL(s, s.alice->traffic.clear, 0);
	story_end(&s);
}

static void a_hard_limit_leaves_a_trap_that_makes_another(void **state)
{
	struct story_config c = { .alice_child = "life_packets = 10\n start_action = trap" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	world_run(s.w, NS_PER_SECOND);
	send_packets(&s, 10);
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->child_down, 1);
	STORY_EQUAL(s, host_children(s.alice), 0);
	send_packets(&s, 3);
	world_run(s.w, NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.bob->traffic.delivered, 13);
	story_end(&s);
}

/* What the plane says when sequence numbers come to an end; see tests/unit/test_esp.c. */
static void numbers_that_are_nearly_used_up_rekey_the_child(void **state)
{
	struct story s = story_established(SEED, NULL);
	struct ike_kernel_event soft = { .kind = IKE_KERNEL_EXPIRE_SOFT,
		.child_id = s.alice->children[0].spec.child_id };

	(void)state;
	host_kernel(s.alice, &soft);
	host_kernel(s.alice, &soft); /* of the other direction */
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->child_rekeyed, 1);
	story_end(&s);
}

/* Time. */

static void without_a_rekey_time_nothing_is_rekeyed(void **state)
{
	struct story_config c = { .connection = "rekey_time = 0", .child = "rekey_time = 0" };
	struct story s = story_established(SEED, &c);
	uint64_t sent = s.w->packets_sent;

	(void)state;
	world_run(s.w, 30ull * 24 * 3600 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.w->packets_sent, sent);
	story_end(&s);
}

static void an_ike_sa_that_is_not_rekeyed_ends_after_over_time(void **state)
{
	struct story_config c = { .alice_connection =
					  "rekey_time = 100s\n over_time = 40s\n rand_time = 0" };
	struct story s = story_established(SEED, &c);
	unsigned tries;

	(void)state;
	rude_refuses(REFUSED, 1000);
	world_run(s.w, 139 * NS_PER_SECOND);
	story_up(&s, 1);
	tries = ladder_count(&s, "alice  ->", "CREATE_CHILD_SA request");
	STORY_TRUE(s, tries >= 3 && tries <= 12); /* with more time between them each time */
	world_run(s.w, 3 * NS_PER_SECOND);
	story_down(&s);
	STORY_EQUAL(s, s.alice->ike_down, 1);
	rude_refuses(0, 0);
	story_end(&s);
}

static void a_child_that_is_not_rekeyed_ends_after_its_life_time(void **state)
{
	struct story_config c = { .alice_child =
					  "rekey_time = 100s\n life_time = 140s\n rand_time = 0" };
	struct story s = story_established(SEED, &c);
	unsigned tries;

	(void)state;
	rude_refuses(REFUSED_FOR_NOW, 1000);
	world_run(s.w, 139 * NS_PER_SECOND);
	story_up(&s, 1);
	tries = ladder_count(&s, "alice  ->", "CREATE_CHILD_SA request");
	STORY_TRUE(s, tries >= 3 && tries <= 12);
	world_run(s.w, 3 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.alice) + host_children(s.bob), 0);
	STORY_EQUAL(s, host_sas(s.alice), 1);
	STORY_TRUE(s, strstr(s.alice->last_failure, "not rekeyed before its lifetime ended"));
	rude_refuses(0, 0);
	story_end(&s);
}

static void a_late_success_of_rekeying_is_in_time(void **state)
{
	struct story_config c = { .alice_child =
					  "rekey_time = 100s\n life_time = 140s\n rand_time = 0" };
	struct story s = story_established(SEED, &c);

	(void)state;
	rude_refuses(REFUSED_FOR_NOW, 1000);
	world_run(s.w, 125 * NS_PER_SECOND);
	rude_refuses(0, 0);
	world_run(s.w, 25 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->child_rekeyed, 1);
	STORY_EQUAL(s, s.alice->child_down, 0);
	story_end(&s);
}

/* What was replaced. */

static unsigned children_in(const struct host *h, enum ike_child_state state, bool is)
{
	struct ike_child_view child;
	struct ike_sa_view sa;
	unsigned count = 0;

	for (size_t i = 0; ike_next_sa(h->engine, &i, &sa);)
		for (size_t j = 0; ike_next_child(h->engine, sa.id, &j, &child);)
			count += (child.state == state) == is;
	return count;
}

static void a_replaced_child_receives_for_a_while_and_is_gone(void **state)
{
	struct story s = story_established(SEED, NULL);
	size_t out, whole;

	(void)state;
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, 4 * NS_PER_SECOND);
	for (int i = 0; i < 2; i++) {
		struct host *h = i ? s.alice : s.bob;

		STORY_EQUAL(s, children_in(h, IKE_CHILD_DELETED, true), 1);
		STORY_EQUAL(s, children_in(h, IKE_CHILD_DELETED, false), 1);
		STORY_EQUAL(s, host_children(h), 1); /* it sends no more */
		out = ladder_at(&s, h->name, "plane: remove out,", 0);
		STORY_TRUE(s, out < s.w->ladder_count);
		STORY_EQUAL(s, ladder_at(&s, h->name, "plane: remove,", out), s.w->ladder_count);
	}
	world_run(s.w, 2 * NS_PER_SECOND); /* child_kept_ns is five */
	for (int i = 0; i < 2; i++) {
		struct host *h = i ? s.alice : s.bob;

		STORY_EQUAL(s, children_in(h, IKE_CHILD_DELETED, true), 0);
		out = ladder_at(&s, h->name, "plane: remove out,", 0);
		whole = ladder_at(&s, h->name, "plane: remove,", out + 1);
		STORY_TRUE(s, whole < s.w->ladder_count);
	}
	story_up(&s, 1);
	story_end(&s);
}

static void what_only_receives_is_no_child_that_stands(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, children_in(s.alice, IKE_CHILD_DELETED, true), 1);
	host_terminate(s.alice, NULL, "net");
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->child_down, 1);
	host_initiate(s.alice, "net"); /* makes one: none is there */
	world_run(s.w, NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->child_up, 2);
	story_end(&s);
}

/* Bob answered alice's rekeying, but her delete comes when his old child has ended by itself. */
static void what_took_the_place_of_an_expired_child_sends(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, 15 * NS_PER_MS);
	world_cut(s.w, s.alice, s.bob, true);
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->child_rekeyed, 1);
	host_jump(s.bob, 300 * NS_PER_SECOND);
	world_run(s.w, 3500 * NS_PER_MS); /* alice tries again in vain; bob's next comes before */
	STORY_EQUAL(s, ladder_count(&s, "bob", "the peer did not delete it"), 1);
	world_cut(s.w, s.alice, s.bob, false);
	world_run(s.w, 30 * NS_PER_SECOND);
	host_packet(s.bob, "10.2.0.7", "10.1.0.5");
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->traffic.delivered, 1);
	story_up(&s, 1);
	story_end(&s);
}

/* Seed 712027746: Alice's delete of what she has rekeyed is late. Bob has rekeyed the new one by then, and goes
 * on sending over the newest. */
static void what_was_replaced_again_does_not_begin_to_send(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	s.w->fate = (struct network_fate){ .nth = s.w->ike_sent + 3, .lost = true };
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, 30 * NS_PER_MS);
	s.w->fate = (struct network_fate){ .nth = s.w->ike_sent + 4, .lost = true };
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, 4010 * NS_PER_MS); /* alice has repeated her delete, bob is about to */
	STORY_EQUAL(s, s.bob->child_rekeyed, 2);
	s.w->fate = (struct network_fate){ .nth = s.w->ike_sent + 1, .lost = true };
	for (unsigned i = 0; i < 120; i++) {
		host_packet(s.bob, "10.2.0.7", "10.1.0.5");
		world_run(s.w, 100 * NS_PER_MS);
	}
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	story_up(&s, 1);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(soft_limits_differ_at_random_within_their_bounds),
		cmocka_unit_test(traffic_rekeys_a_child_before_its_hard_limit),
		cmocka_unit_test(a_hard_limit_ends_the_child_and_the_supervisor_makes_another),
		cmocka_unit_test(a_hard_limit_leaves_a_trap_that_makes_another),
		cmocka_unit_test(numbers_that_are_nearly_used_up_rekey_the_child),
		cmocka_unit_test(without_a_rekey_time_nothing_is_rekeyed),
		cmocka_unit_test(an_ike_sa_that_is_not_rekeyed_ends_after_over_time),
		cmocka_unit_test(a_child_that_is_not_rekeyed_ends_after_its_life_time),
		cmocka_unit_test(a_late_success_of_rekeying_is_in_time),
		cmocka_unit_test(a_replaced_child_receives_for_a_while_and_is_gone),
		cmocka_unit_test(what_only_receives_is_no_child_that_stands),
		cmocka_unit_test(what_took_the_place_of_an_expired_child_sends),
		cmocka_unit_test(what_was_replaced_again_does_not_begin_to_send),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
