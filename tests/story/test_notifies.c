/* The small notifies: what a peer says beside an answer, and what it says when a packet or a request
 * was not what it should be. "We" is alice; bob may be rude. */
#include "tests/story/story.h"

#include <string.h>

#include "tests/story/rude.h"

/* Of ike/child.h, which can't be included beside the world. */
struct child_sa *child_find(const struct ike_engine *e, uint32_t id);
void child_free(struct child_sa *c);
void children_reap(struct ike_engine *e);

void host_drain(struct host *h); /* of sim/internal.h */

#define SEED 41

enum { /* of wire/ikev2.h */
	EXCHANGE_IKE_AUTH = 35,
	EXCHANGE_UNKNOWN = 77,
};

static bool laddered(const struct story *s, const char *who, const char *words)
{
	for (size_t i = 0; i < s->w->ladder_count; i++)
		if (strstr(s->w->ladder[i], who) && strstr(s->w->ladder[i], words))
			return true;
	return false;
}

static unsigned ladder_count(const struct story *s, const char *who, const char *words)
{
	unsigned count = 0;

	for (size_t i = 0; i < s->w->ladder_count; i++)
		count += strstr(s->w->ladder[i], who) && strstr(s->w->ladder[i], words);
	return count;
}

static void bob_says(struct story *s, uint8_t exchange, uint16_t notify, struct bytes data)
{
	rude_request(s->bob->engine, exchange, notify, data);
	host_drain(s->bob);
}

static uint32_t child_id(const struct host *h)
{
	struct ike_child_view child;
	struct ike_sa_view sa;
	size_t position = 0, children = 0;

	assert_true(ike_next_sa(h->engine, &position, &sa));
	assert_true(ike_next_child(h->engine, sa.id, &children, &child));
	return child.id;
}

/* ADDITIONAL_TS_POSSIBLE, §2.9. */

#define TWO_PARTS                                                                                  \
	{                                                                                          \
		.bob_connection = "children {\n low {\n local_ts = 10.2.0.0/24\n"                  \
				  " remote_ts = 10.1.0.0/16\n"                                     \
				  " esp_proposals = aes128gcm16-x25519\n }\n }\n",                 \
		.bob_child = "local_ts = 10.2.1.0/24"                                              \
	}

static void a_responder_says_that_further_children_are_possible(void **state)
{
	struct story_config c = TWO_PARTS;
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	STORY_TRUE(s, laddered(&s, "bob    ->", "N(ADDITIONAL_TS_POSSIBLE)"));
	STORY_TRUE(s, laddered(&s, "alice", "would take more of it in further children"));
	world_run(s.w, 600 * NS_PER_SECOND);
	story_up(&s, 1); /* nobody asked for them */
	story_end(&s);
}

static void one_who_has_nothing_else_does_not_say_so(void **state)
{
	struct story_config c = { .bob_child = "local_ts = 10.2.0.0/24" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	STORY_TRUE(s, !laddered(&s, "", "ADDITIONAL_TS_POSSIBLE"));
	story_end(&s);
}

static void packets_of_a_trap_make_the_further_children(void **state)
{
	struct story_config c = TWO_PARTS;
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_trap(s.alice, "net");
	host_packet(s.alice, "10.1.0.5", "10.2.1.7"); /* not the first of bob's children */
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.bob->traffic.delivered, 1);
	host_packet(s.alice, "10.1.0.5", "10.2.0.7");
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 2);
	STORY_EQUAL(s, s.bob->traffic.delivered, 2);
	host_packet(s.alice, "10.1.0.5", "10.2.7.7"); /* nobody's: refused, and no loop */
	world_run(s.w, 600 * NS_PER_SECOND);
	story_up(&s, 2);
	STORY_EQUAL(s, s.alice->traffic.clear, 0);
	story_end(&s);
}

/* SINGLE_PAIR_REQUIRED, §2.9. */

static void a_single_pair_is_asked_for_the_packet_that_waits(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_terminate(s.alice, NULL, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	host_trap(s.alice, "net");
	rude_refuses(34, 1);
	host_packet(s.alice, "10.1.0.5", "10.2.0.7");
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.bob->traffic.delivered, 1);
	STORY_TRUE(s, laddered(&s, "alice", "10.1.0.5/32 === 10.2.0.7/32"));
	rude_refuses(34, 1);
	host_rekey(s.alice, NULL, "net"); /* it is rekeyed as what it is */
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->child_rekeyed, 1);
	STORY_EQUAL(s, ladder_count(&s, "bob    ->", "N(SINGLE_PAIR_REQUIRED)"), 2);
	story_end(&s);
}

static void without_a_packet_a_single_pair_is_told(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_terminate(s.alice, NULL, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	rude_refuses(34, 1);
	host_initiate(s.alice, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	rude_refuses(0, 0);
	story_up(&s, 0);
	STORY_EQUAL(s, ladder_count(&s, "bob    ->", "N(SINGLE_PAIR_REQUIRED)"), 1);
	STORY_TRUE(s, strstr(s.alice->last_done, "one address of each side only"));
	story_end(&s);
}

/* ESP_TFC_PADDING_NOT_SUPPORTED, §1.3.1. */

static void a_peer_without_tfc_padding_gets_none(void **state)
{
	struct story_config c = { .child = "tfc_padding = 500" };
	struct story s;

	(void)state;
	for (int without = 0; without < 2; without++) {
		rude_answers_with(without ? 16394 : 0);
		s = story_established(SEED, &c);
		story_up(&s, 1);
		STORY_EQUAL(s, s.alice->children[0].spec.tfc_padding, without ? 0 : 500);
		STORY_EQUAL(s, s.bob->children[0].spec.tfc_padding, 500);
		STORY_EQUAL(s, laddered(&s, "alice", "can't have TFC padding"), without);
		rude_answers_with(0);
		story_end(&s);
	}
}

/* INVALID_SELECTORS, §3.10.1. */

static void a_packet_that_is_not_of_a_child_is_told_seldom(void **state)
{
	struct story s = story_established(SEED, NULL);
	struct ike_kernel_event event = { .kind = IKE_KERNEL_SELECTORS,
		.child_id = child_id(s.bob),
		.start_size = 3,
		.start = "\x45\x00\x01" };

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		host_kernel(s.bob, &event);
		world_run(s.w, NS_PER_SECOND);
	}
	STORY_EQUAL(s, ladder_count(&s, "bob    -> INFORMATIONAL request", "INVALID_SELECTORS"), 2);
	STORY_TRUE(s, strstr(s.alice->last_failure, "the peer dropped a packet of ours"));
	STORY_TRUE(s, strstr(s.alice->last_failure, "(alice:18)"));
	STORY_EQUAL(s, s.alice->failed, 2);
	story_up(&s, 1);
	story_end(&s);
}

/* INVALID_SPI within an IKE SA, §1.5. */

static void bob_forgets_his_child(struct story *s)
{
	uint32_t id = child_id(s->bob);

	child_free(child_find(s->bob->engine, id));
	children_reap(s->bob->engine);
	assert_int_equal(esp_remove(s->bob->esp, id), 0);
	memset(s->bob->children, 0, sizeof(s->bob->children));
}

static void a_child_that_one_end_lost_is_made_again(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	world_run(s.w, 20 * NS_PER_SECOND);
	bob_forgets_his_child(&s);
	for (unsigned i = 0; i < 20; i++) {
		host_packet(s.alice, "10.1.0.5", "10.2.0.7");
		world_run(s.w, NS_PER_SECOND);
	}
	STORY_EQUAL(s, ladder_count(&s, "bob    -> INFORMATIONAL request", "INVALID_SPI"), 1);
	STORY_TRUE(s, laddered(&s, "bob    ->", "N(CHILD_SA_NOT_FOUND)"));
	STORY_TRUE(s, s.bob->traffic.delivered >= 13);
	story_up(&s, 1);
	story_end(&s);
}

static void a_child_that_both_have_is_not_lost_by_a_rumour(void **state)
{
	struct story s = story_established(SEED, NULL);
	uint8_t spi[4];

	(void)state;
	world_run(s.w, 20 * NS_PER_SECOND);
	store_u32(spi, s.alice->children[0].spec.spi_out);
	for (unsigned i = 0; i < 5; i++) {
		bob_says(&s, 37, 11, BYTES_OF(spi));
		world_run(s.w, 2 * NS_PER_SECOND);
	}
	STORY_EQUAL(s, s.alice->child_rekeyed, 1);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
	story_up(&s, 1);
	story_end(&s);
}

/* Requests that have no place, §2.21.3 and §3.10.1. */

static void a_request_that_has_no_place_is_refused_and_ends_the_ike_sa(void **state)
{
	static const uint8_t types[] = { EXCHANGE_IKE_AUTH, EXCHANGE_UNKNOWN };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct story s = story_established(SEED, NULL);

		bob_says(&s, types[i], 0, BYTES_EMPTY);
		world_run(s.w, 10 * NS_PER_SECOND);
		STORY_TRUE(s, laddered(&s, "alice  ->", "N(INVALID_SYNTAX)"));
		STORY_TRUE(s, strstr(s.alice->last_failure, "has no place here"));
		STORY_TRUE(s, strstr(s.bob->last_failure, "found our"));
		world_run(s.w, 60 * NS_PER_SECOND);
		story_down(&s);
		host_initiate(s.alice, "net");
		world_settle(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* NO_ADDITIONAL_SAS, §1.3 and §4. */

static void a_child_that_may_not_be_rekeyed_comes_with_a_new_ike_sa(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		rude_refuses(35, 1);
		host_rekey(s.alice, NULL, "net");
		world_run(s.w, 30 * NS_PER_SECOND);
		story_up(&s, 1);
	}
	STORY_EQUAL(s, ladder_count(&s, "bob    ->", "N(NO_ADDITIONAL_SAS)"), 3);
	STORY_EQUAL(s, s.alice->ike_replaced, 3);
	STORY_EQUAL(s, s.alice->done_ok, 4);
	STORY_EQUAL(s, s.alice->child_down + s.alice->ike_down, 0);
	story_end(&s);
}

static void a_peer_that_rekeys_on_and_on_is_stopped(void **state)
{
	struct ike_options o;
	struct story s;

	(void)state;
	ike_options_default(&o);
	o.children_max = 1;
	o.child_kept_ns = 3600 * NS_PER_SECOND;
	s = story_begin(SEED, NULL, &o);
	host_initiate(s.alice, "net");
	for (unsigned i = 0; i < 5; i++) {
		world_settle(s.w, 60 * NS_PER_SECOND);
		host_rekey(s.alice, NULL, "net");
	}
	world_run(s.w, 30 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "bob    ->", "N(NO_ADDITIONAL_SAS)"));
	STORY_EQUAL(s, s.alice->child_down + s.alice->ike_down, 0);
	story_up(&s, 1);
	story_end(&s);
}

static void a_responder_deletes_it_and_makes_it_anew(void **state)
{
	struct story_config c = { .bob_connection = "remote_addrs = %any" };
	struct story s = story_established(SEED, &c);

	(void)state;
	rude_refuses(35, 1);
	host_rekey(s.bob, NULL, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.bob->child_down, 1);
	STORY_EQUAL(s, s.bob->child_up, 2);
	STORY_EQUAL(s, host_sas(s.bob), 1);
	story_end(&s);
}

static void an_ike_sa_that_may_not_be_rekeyed_is_replaced(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	rude_refuses(35, 1);
	host_rekey(s.alice, "net", NULL);
	world_run(s.w, 30 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, s.alice->done_ok, 2);
	STORY_EQUAL(s, s.alice->child_down + s.alice->ike_down, 0);
	story_end(&s);
}

static void a_further_child_is_refused_with_words(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_terminate(s.alice, NULL, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	rude_refuses(35, 1);
	host_initiate(s.alice, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_TRUE(s, strstr(s.alice->last_done, "takes no more Child SAs in this IKE SA"));
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_responder_says_that_further_children_are_possible),
		cmocka_unit_test(one_who_has_nothing_else_does_not_say_so),
		cmocka_unit_test(packets_of_a_trap_make_the_further_children),
		cmocka_unit_test(a_single_pair_is_asked_for_the_packet_that_waits),
		cmocka_unit_test(without_a_packet_a_single_pair_is_told),
		cmocka_unit_test(a_peer_without_tfc_padding_gets_none),
		cmocka_unit_test(a_packet_that_is_not_of_a_child_is_told_seldom),
		cmocka_unit_test(a_child_that_one_end_lost_is_made_again),
		cmocka_unit_test(a_child_that_both_have_is_not_lost_by_a_rumour),
		cmocka_unit_test(a_request_that_has_no_place_is_refused_and_ends_the_ike_sa),
		cmocka_unit_test(a_child_that_may_not_be_rekeyed_comes_with_a_new_ike_sa),
		cmocka_unit_test(a_peer_that_rekeys_on_and_on_is_stopped),
		cmocka_unit_test(a_responder_deletes_it_and_makes_it_anew),
		cmocka_unit_test(an_ike_sa_that_may_not_be_rekeyed_is_replaced),
		cmocka_unit_test(a_further_child_is_refused_with_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
