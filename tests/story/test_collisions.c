/* Every case of RFC 7296 §2.8 and §2.25 in which requests of both ends cross, each a story named
 * after it. "We" is alice, the peer is bob; what is lost is lost on purpose. */
#include "tests/story/story.h"

#include <string.h>

/* Of ike/child.h, which can't be included beside the world. */
struct child_sa *child_find(const struct ike_engine *e, uint32_t id);
void child_free(struct child_sa *c);
void children_reap(struct ike_engine *e);

#define SEED  11
#define SEEDS 20
#define LONG  (400 * NS_PER_SECOND) /* the longest retransmission series, and some more */

static bool laddered(const struct story *s, const char *who, const char *words)
{
	for (size_t i = 0; i < s->w->ladder_count; i++)
		if (strstr(s->w->ladder[i], who) && strstr(s->w->ladder[i], words))
			return true;
	return false;
}

/* What is sent just now gets lost. */
static void sends_in_vain(struct story *s)
{
	s->w->faults.partition = true;
	world_run(s->w, NS_PER_MS);
	s->w->faults.partition = false;
}

static void child_of(const struct host *h, struct ike_child_view *ret_child)
{
	struct ike_sa_view sa;
	size_t position = 0, children = 0;

	while (ike_next_sa(h->engine, &position, &sa))
		if (sa.state != IKE_REKEYED &&
			ike_next_child(h->engine, sa.id, &children, ret_child))
			return;
	assert_true(false);
}

static void nothing_else(struct story *s)
{
	for (int i = 0; i < 2; i++) {
		struct ike_stats stats;

		ike_stats((i ? s->alice : s->bob)->engine, &stats);
		STORY_EQUAL(*s, stats.ike_sas, 1);
		STORY_EQUAL(*s, stats.children, 1);
	}
}

/* One tunnel, never down, and nothing else after a while. */
static void one_tunnel_stayed_up(struct story *s)
{
	story_up(s, 1);
	STORY_EQUAL(*s,
		s->alice->child_down + s->bob->child_down + s->alice->ike_down + s->bob->ike_down,
		0);
	world_run(s->w, LONG);
	story_up(s, 1);
	nothing_else(s);
}

/* §2.8.1 */

static void rfc7296_2_8_1_both_rekey_the_child_and_the_lowest_nonce_is_redundant(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct story s = story_established(seed, NULL);

		host_rekey(s.alice, NULL, "net");
		host_rekey(s.bob, NULL, "net");
		world_settle(s.w, 60 * NS_PER_SECOND);
		one_tunnel_stayed_up(&s);
		STORY_EQUAL(s, s.alice->child_rekeyed, 1);
		STORY_EQUAL(s, s.bob->child_rekeyed, 1);
		STORY_EQUAL(s, s.alice->done_ok + s.bob->done_ok, 3);
		STORY_TRUE(s, !laddered(&s, "", "TEMPORARY_FAILURE"));
		story_end(&s);
	}
}

/* As a thread pool answers, in any order: the request that came before the response is answered as usual, and
 * the nonces decide behind it. A peer that is refused there may have made nothing of the collision. */
static void what_crosses_is_not_refused_for_answers_out_of_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct story s = story_established(seed, NULL);
		bool ike = seed % 2;

		s.w->faults.answer_jitter_ns = 200 * NS_PER_MS;
		host_rekey(s.alice, ike ? "net" : NULL, ike ? NULL : "net");
		host_rekey(s.bob, ike ? "net" : NULL, ike ? NULL : "net");
		world_settle(s.w, 60 * NS_PER_SECOND);
		STORY_EQUAL(s, s.alice->done_ok + s.bob->done_ok, 3);
		STORY_TRUE(s, !laddered(&s, "", "TEMPORARY_FAILURE"));
		one_tunnel_stayed_up(&s);
		story_end(&s);
	}
}

/* Found by seed 5604: what is to send when the peer deletes the old child sends, too, when we do. */
static void both_rekey_a_child_that_ends_meanwhile(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct story s = story_established(seed, NULL);
		uint32_t old = s.alice->children[0].spec.child_id;

		host_rekey(s.bob, NULL, "net");
		world_run(s.w, 4 * NS_PER_MS);
		host_rekey(s.alice, NULL, "net");
		host_kernel(s.alice,
			&(struct ike_kernel_event){
				.kind = IKE_KERNEL_EXPIRE_HARD, .child_id = old });
		world_run(s.w, 15 * NS_PER_MS);
		s.w->faults.partition = true; /* what bob deletes comes later */
		world_run(s.w, 3 * NS_PER_MS);
		s.w->faults.partition = false;
		world_run(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		nothing_else(&s);
		story_end(&s);
	}
}

/* Seed 751024349: the winner rekeys what it made and deletes that before its late answer has told the other
 * that it won. */
static void both_rekey_a_child_and_the_winner_rekeys_it_again(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct story s = story_established(seed, NULL);

		s.w->fate = (struct network_fate){ .nth = s.w->ike_sent + 3 + seed % 2,
			.later_ns = 400 * NS_PER_MS };
		host_rekey(s.alice, NULL, "net");
		host_rekey(s.bob, NULL, "net");
		world_run(s.w, 100 * NS_PER_MS);
		host_rekey(s.alice, NULL, "net");
		host_rekey(s.bob, NULL, "net");
		story_flows(&s, 300, 50 * NS_PER_MS);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		story_up(&s, 1);
		nothing_else(&s);
		story_end(&s);
	}
}

static void rfc7296_2_8_1_a_peer_that_did_not_see_the_collision_deletes_the_child(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, NULL, "net");
	sends_in_vain(&s);
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, LONG); /* bob is done, then alice's request comes again */
	STORY_TRUE(s, laddered(&s, "bob    ->", "CHILD_SA_NOT_FOUND"));
	one_tunnel_stayed_up(&s);
	STORY_EQUAL(s, s.alice->done_ok, 2);
	STORY_EQUAL(s, s.alice->child_rekeyed, 1);
	story_end(&s);
}

static void rfc7296_2_8_1_a_peer_that_did_not_see_the_collision_is_about_to_delete(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, NULL, "net");
	sends_in_vain(&s);
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, 15 * NS_PER_MS);
	s.w->faults.partition = true; /* bob's delete is lost, too; alice asks again first */
	world_run(s.w, 100 * NS_PER_MS);
	s.w->faults.partition = false;
	world_run(s.w, LONG);
	STORY_TRUE(s, laddered(&s, "bob    ->", "TEMPORARY_FAILURE"));
	one_tunnel_stayed_up(&s);
	STORY_EQUAL(s, s.alice->child_rekeyed, 1);
	story_end(&s);
}

/* Found by seed 3 of the next story: bob rekeys what alice has no answer about yet. */
static void a_child_is_not_unknown_while_the_answer_that_made_it_is_late(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, 5 * NS_PER_MS);
	s.w->faults.partition = true; /* the answer is lost */
	world_run(s.w, 10 * NS_PER_MS);
	s.w->faults.partition = false;
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "alice  -> CREATE_CHILD_SA response", "TEMPORARY_FAILURE"));
	world_run(s.w, LONG);
	one_tunnel_stayed_up(&s);
	STORY_EQUAL(s, s.alice->child_rekeyed, 2);
	story_end(&s);
}

static void rfc7296_2_8_1_the_rule_holds_whatever_is_lost(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3 * SEEDS; seed++) {
		struct story s = story_established(seed, NULL);

		s.w->faults = (struct network_faults){ .loss_percent = 40,
			.duplicate_percent = 20,
			.reorder_percent = 30,
			.delay_ns = 20 * NS_PER_MS };
		if (seed & 1)
			host_rekey(s.alice, NULL, "net");
		if (seed & 2)
			host_rekey(s.alice, "net", NULL);
		world_run(s.w, world_random(s.w, 60 * NS_PER_MS));
		if (seed & 1)
			host_rekey(s.bob, NULL, "net");
		if (seed & 2)
			host_rekey(s.bob, "net", NULL);
		world_run(s.w, 20 * NS_PER_SECOND);
		s.w->faults = (struct network_faults){ .delay_ns = 20 * NS_PER_MS };
		world_run(s.w, 2 * LONG);
		one_tunnel_stayed_up(&s);
		story_end(&s);
	}
}

/* §2.8.2 */

static void rfc7296_2_8_2_both_rekey_the_ike_sa_and_the_survivor_inherits_the_children(void **state)
{
	unsigned alice_won = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct story s = story_established(seed, NULL);
		struct ike_sa_view view;
		size_t position = 0;

		host_rekey(s.alice, "net", NULL);
		host_rekey(s.bob, "net", NULL);
		world_settle(s.w, 60 * NS_PER_SECOND);
		one_tunnel_stayed_up(&s);
		STORY_EQUAL(s, s.alice->ike_rekeyed, 1);
		STORY_EQUAL(s, s.bob->ike_rekeyed, 1);
		STORY_EQUAL(s, s.alice->done_ok + s.bob->done_ok, 3);
		STORY_TRUE(s, !laddered(&s, "", "TEMPORARY_FAILURE"));
		assert_true(ike_next_sa(s.alice->engine, &position, &view));
		alice_won += view.initiator;
		story_end(&s);
	}
	assert_in_range(alice_won, 1, SEEDS - 1);
}

static void rfc7296_2_8_2_a_peer_that_did_not_see_the_collision_deletes_the_ike_sa(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, "net", NULL);
	sends_in_vain(&s);
	host_rekey(s.bob, "net", NULL);
	world_settle(s.w, NS_PER_SECOND);
	one_tunnel_stayed_up(&s);
	STORY_EQUAL(s, s.alice->ike_rekeyed, 1);
	STORY_EQUAL(s, s.alice->done_ok, 2);
	story_end(&s);
}

static void rfc7296_2_8_2_a_rekeyed_ike_sa_is_not_rekeyed_again(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, "net", NULL);
	sends_in_vain(&s);
	host_rekey(s.bob, "net", NULL);
	world_run(s.w, 15 * NS_PER_MS);
	s.w->faults.partition = true; /* bob's delete is lost; alice asks again first */
	world_run(s.w, 100 * NS_PER_MS);
	s.w->faults.partition = false;
	world_run(s.w, LONG);
	STORY_TRUE(s, laddered(&s, "bob    ->", "TEMPORARY_FAILURE"));
	one_tunnel_stayed_up(&s);
	STORY_EQUAL(s, s.alice->ike_rekeyed, 1);
	story_end(&s);
}

static void rfc7296_2_8_2_what_the_peer_asks_on_its_new_ike_sa_says_that_it_survives(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, "net", NULL);
	sends_in_vain(&s);
	host_rekey(s.bob, "net", NULL);
	world_run(s.w, 15 * NS_PER_MS);
	s.w->faults.partition = true; /* bob's delete is lost */
	world_run(s.w, 50 * NS_PER_MS);
	s.w->faults.partition = false;
	host_rekey(s.bob, NULL, "net"); /* in the new IKE SA */
	world_run(s.w, 100 * NS_PER_MS);
	STORY_EQUAL(s, s.alice->child_rekeyed, 1);
	world_run(s.w, LONG);
	one_tunnel_stayed_up(&s);
	story_end(&s);
}

/* §2.25.1 */

static void rfc7296_2_25_1_peer_rekeys_a_child_that_we_close_gets_TEMPORARY_FAILURE(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_terminate(s.alice, NULL, "net");
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, LONG);
	STORY_TRUE(s, laddered(&s, "alice  ->", "TEMPORARY_FAILURE"));
	story_up(&s, 0);
	STORY_EQUAL(s, s.bob->done_failed, 1);
	story_end(&s);
}

static void rfc7296_2_25_1_peer_rekeys_a_child_that_does_not_exist_gets_CHILD_SA_NOT_FOUND(
	void **state)
{
	struct story s = story_established(SEED, NULL);
	struct ike_child_view child;

	(void)state;
	host_rekey(s.alice, NULL, "net"); /* bob sees that alice has his answer */
	world_run(s.w, 10 * NS_PER_SECOND);
	child_of(s.alice, &child);
	child_free(child_find(s.alice->engine, child.id)); /* alice forgets it */
	children_reap(s.alice->engine);
	host_rekey(s.bob, NULL, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "alice  ->", "CHILD_SA_NOT_FOUND"));
	/* Bob makes another from scratch, and deletes nothing. */
	STORY_EQUAL(s, s.bob->child_up, 2);
	STORY_EQUAL(s, host_children(s.bob), 1);
	STORY_TRUE(s, !laddered(&s, "bob    -> INFORMATIONAL request", "[ D ]"));
	child_of(s.alice, &child);
	STORY_EQUAL(s, child.state, IKE_CHILD_INSTALLED);
	story_end(&s);
}

static void rfc7296_2_25_1_peer_closes_a_child_that_we_close_gets_no_delete_payload(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_terminate(s.alice, NULL, "net");
	host_terminate(s.bob, NULL, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 0);
	STORY_TRUE(s, laddered(&s, "alice  -> INFORMATIONAL response", "[ ]"));
	STORY_TRUE(s, laddered(&s, "bob    -> INFORMATIONAL response", "[ ]"));
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 2);
	story_end(&s);
}

static void rfc7296_2_25_1_peer_closes_a_child_that_we_rekey_gets_a_delete_payload(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, NULL, "net");
	host_terminate(s.bob, NULL, "net");
	world_run(s.w, LONG);
	STORY_TRUE(s, laddered(&s, "alice  -> INFORMATIONAL response", "[ D ]"));
	STORY_TRUE(s, laddered(&s, "bob    -> CREATE_CHILD_SA response", "TEMPORARY_FAILURE"));
	story_up(&s, 0);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	story_end(&s);
}

static void rfc7296_2_25_1_peer_closes_a_child_that_does_not_exist_gets_no_delete_payload(
	void **state)
{
	struct story s = story_established(SEED, NULL);
	struct ike_child_view child;

	(void)state;
	child_of(s.alice, &child);
	child_free(child_find(s.alice->engine, child.id)); /* alice forgets it */
	children_reap(s.alice->engine);
	host_terminate(s.bob, NULL, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "alice  -> INFORMATIONAL response", "[ ]"));
	STORY_EQUAL(s, host_children(s.bob), 0);
	STORY_EQUAL(s, s.bob->done_ok, 1);
	story_end(&s);
}

static void peer_rekeys_the_ike_sa_while_we(
	void (*act)(struct story *), size_t children, unsigned done)
{
	struct story s = story_established(SEED, NULL);

	act(&s);
	host_rekey(s.bob, "net", NULL);
	world_run(s.w, LONG);
	STORY_TRUE(s, laddered(&s, "alice  -> CREATE_CHILD_SA response", "TEMPORARY_FAILURE"));
	story_up(&s, children); /* bob has come again */
	STORY_EQUAL(s, s.bob->ike_rekeyed, 1);
	STORY_EQUAL(s, s.bob->done_ok, 1);
	STORY_EQUAL(s, s.alice->done_ok, done);
	story_end(&s);
}

static void alice_creates(struct story *s)
{
	host_terminate(s->alice, NULL, "net");
	world_settle(s->w, 60 * NS_PER_SECOND);
	host_initiate(s->alice, "net");
}

static void alice_rekeys(struct story *s)
{
	host_rekey(s->alice, NULL, "net");
}

static void alice_closes(struct story *s)
{
	host_terminate(s->alice, NULL, "net");
}

static void rfc7296_2_25_1_peer_rekeys_the_ike_sa_while_we_create_a_child(void **state)
{
	(void)state;
	peer_rekeys_the_ike_sa_while_we(alice_creates, 1, 3);
}

static void rfc7296_2_25_1_peer_rekeys_the_ike_sa_while_we_rekey_a_child(void **state)
{
	(void)state;
	peer_rekeys_the_ike_sa_while_we(alice_rekeys, 1, 2);
}

static void rfc7296_2_25_1_peer_rekeys_the_ike_sa_while_we_close_a_child(void **state)
{
	(void)state;
	peer_rekeys_the_ike_sa_while_we(alice_closes, 0, 2);
}

/* Seeds 1795558185653404035 and others: children that are rekeyed all the time left no moment for the IKE
 * SA, where answers take long. What isn't sent yet is no exchange that the peer's could cross. */
static void what_we_only_prepare_does_not_keep_the_peer_from_rekeying_the_ike_sa(void **state)
{
	(void)state;
	for (unsigned ms = 0; ms < 2400; ms += 100) {
		struct story s = story_established(SEED + ms, NULL);

		s.w->faults.answer_delay_ns = 900 * NS_PER_MS;
		if (ms >= 800)
			host_rekey(s.bob, "net", NULL);
		else
			host_rekey(s.alice, NULL, "net");
		world_run(s.w, (ms >= 800 ? ms - 800 : 800 - ms) * NS_PER_MS);
		if (ms >= 800)
			host_rekey(s.alice, NULL, "net");
		else
			host_rekey(s.bob, "net", NULL);
		world_run(s.w, LONG);
		STORY_TRUE(s, !laddered(&s, "", "TEMPORARY_FAILURE"));
		story_up(&s, 1);
		STORY_EQUAL(s, s.bob->ike_rekeyed, 1);
		STORY_EQUAL(s, s.alice->child_rekeyed, 1);
		STORY_EQUAL(s, s.alice->done_ok + s.bob->done_ok, 3);
		story_end(&s);
	}
}

/* §2.25.2 */

static void rfc7296_2_25_2_peer_rekeys_an_ike_sa_that_we_close_gets_TEMPORARY_FAILURE(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_terminate(s.alice, "net", NULL);
	host_rekey(s.bob, "net", NULL);
	world_run(s.w, LONG);
	STORY_TRUE(s, laddered(&s, "alice  ->", "TEMPORARY_FAILURE"));
	story_down(&s);
	STORY_EQUAL(s, s.bob->done_failed, 1);
	STORY_EQUAL(s, s.alice->done_ok, 2);
	story_end(&s);
}

static void rfc7296_2_25_2_peer_closes_an_ike_sa_that_we_rekey_and_we_forget_it(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, "net", NULL);
	host_terminate(s.bob, "net", NULL);
	world_run(s.w, LONG);
	story_down(&s);
	STORY_EQUAL(s, s.bob->done_ok, 1);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	story_end(&s);
}

static void rfc7296_2_25_2_peer_closes_an_ike_sa_that_we_close(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_terminate(s.alice, "net", NULL);
	host_terminate(s.bob, "net", NULL);
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_down(&s);
	STORY_TRUE(s, laddered(&s, "alice  -> INFORMATIONAL response", "[ ]"));
	STORY_EQUAL(s, s.alice->done_ok, 2);
	STORY_EQUAL(s, s.bob->done_ok, 1);
	story_end(&s);
}

static void rfc7296_2_25_2_peer_creates_a_child_while_we_rekey_the_ike_sa(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_terminate(s.bob, NULL, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	host_rekey(s.alice, "net", NULL);
	host_initiate(s.bob, "net");
	world_run(s.w, LONG);
	STORY_TRUE(s, laddered(&s, "alice  -> CREATE_CHILD_SA response", "TEMPORARY_FAILURE"));
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->ike_rekeyed, 1);
	story_end(&s);
}

static void rfc7296_2_25_2_peer_rekeys_a_child_while_we_rekey_the_ike_sa(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, "net", NULL);
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, LONG);
	STORY_TRUE(s, laddered(&s, "alice  -> CREATE_CHILD_SA response", "TEMPORARY_FAILURE"));
	one_tunnel_stayed_up(&s);
	STORY_EQUAL(s, s.alice->ike_rekeyed, 1);
	STORY_EQUAL(s, s.alice->child_rekeyed, 1);
	story_end(&s);
}

static void rfc7296_2_25_2_peer_deletes_a_child_while_we_rekey_the_ike_sa(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_rekey(s.alice, "net", NULL);
	host_terminate(s.bob, NULL, "net");
	world_run(s.w, LONG);
	STORY_TRUE(s, laddered(&s, "alice  -> INFORMATIONAL response", "[ D ]"));
	story_up(&s, 0);
	STORY_EQUAL(s, s.alice->ike_rekeyed, 1);
	story_end(&s);
}

/* Reauthentication (renew.h) makes a second IKE SA beside the first, which may be rekeyed meanwhile. */

enum meanwhile {
	ALICE_REKEYS_CHILD,
	ALICE_REKEYS_IKE,
	BOB_REKEYS_CHILD,
	BOB_REKEYS_IKE,
	MEANWHILES
};

static void rekeying(struct story *s, enum meanwhile what)
{
	struct host *who = what < BOB_REKEYS_CHILD ? s->alice : s->bob;
	bool ike = what == ALICE_REKEYS_IKE || what == BOB_REKEYS_IKE;

	host_rekey(who, ike ? "net" : NULL, ike ? NULL : "net");
}

static void reauthenticates_and_rekeys(enum meanwhile what, unsigned ms, bool reauth_first)
{
	struct story s = story_established(SEED + ms, NULL);

	if (reauth_first)
		host_reauthenticate(s.alice, "net");
	else
		rekeying(&s, what);
	for (unsigned i = 0; i < ms; i += 5) {
		host_packet(s.alice, "10.1.0.5", "10.2.0.7");
		world_run(s.w, 5 * NS_PER_MS);
	}
	if (reauth_first)
		rekeying(&s, what);
	else
		host_reauthenticate(s.alice, "net");
	for (unsigned i = 0; i < 50; i++) {
		host_packet(s.alice, "10.1.0.5", "10.2.0.7");
		host_packet(s.bob, "10.2.0.7", "10.1.0.5");
		world_run(s.w, 5 * NS_PER_MS);
	}
	world_run(s.w, LONG);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down + s.alice->ike_down, 0);
	nothing_else(&s);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	STORY_EQUAL(s, s.alice->traffic.clear + s.bob->traffic.clear, 0);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	story_end(&s);
}

static void a_rekeying_while_a_reauthentication_is_under_way(void **state)
{
	(void)state;
	for (enum meanwhile what = 0; what < MEANWHILES; what++)
		for (unsigned ms = 0; ms <= 80; ms += 5)
			reauthenticates_and_rekeys(what, ms, true);
}

static void a_reauthentication_while_a_rekeying_is_under_way(void **state)
{
	(void)state;
	for (enum meanwhile what = 0; what < MEANWHILES; what++)
		for (unsigned ms = 0; ms <= 80; ms += 5)
			reauthenticates_and_rekeys(what, ms, false);
}

#define SECOND(local, remote)                                                                      \
	"children {\n two {\n local_ts = " local "\n remote_ts = " remote                          \
	"\n esp_proposals = aes128gcm16\n }\n }\n"

static void both_create_the_same_child_at_once_and_one_stays(void **state)
{
	struct story_config c = { .alice_connection = SECOND("10.8.0.0/16", "10.9.0.0/16"),
		.bob_connection = SECOND("10.9.0.0/16", "10.8.0.0/16") };

	(void)state;
	for (unsigned late = 0; late < 20; late++) {
		struct story s = story_established(SEED + late, &c);

		host_initiate(s.alice, "two");
		world_run(s.w, late * NS_PER_MS); /* some cross, some don't */
		host_initiate(s.bob, "two");
		world_run(s.w, 5 * NS_PER_SECOND);
		host_packet(s.alice, "10.8.0.1", "10.9.0.1");
		host_packet(s.bob, "10.9.0.1", "10.8.0.1");
		world_run(s.w, 5 * NS_PER_SECOND);
		story_up(&s, 2);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
		STORY_EQUAL(s, s.alice->done_failed + s.bob->done_failed, 0);
		story_end(&s);
	}
}

/* Seed 1795558718472253092: alice's request has been answered before she answers bob's, for whom the two
 * cross. */
static void both_create_the_same_child_at_once_and_answer_late(void **state)
{
	struct story_config c = { .alice_connection = SECOND("10.8.0.0/16", "10.9.0.0/16"),
		.bob_connection = SECOND("10.9.0.0/16", "10.8.0.0/16") };

	(void)state;
	for (unsigned late = 0; late < 3000; late += 100) {
		struct story s = story_established(SEED + late, &c);

		s.w->faults.answer_delay_ns = 900 * NS_PER_MS;
		host_initiate(s.alice, "two");
		world_run(s.w, 300 * NS_PER_MS);
		host_initiate(s.bob, "two");
		world_run(s.w, 800 * NS_PER_MS);
		s.w->faults.delay_ns = late * NS_PER_MS; /* bob's request goes another way */
		world_run(s.w, 200 * NS_PER_MS);
		s.w->faults.delay_ns = 10 * NS_PER_MS;
		world_run(s.w, 20 * NS_PER_SECOND);
		story_up(&s, 2);
		world_run(s.w, LONG);
		story_up(&s, 2);
		STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
		STORY_EQUAL(s, s.alice->done_failed + s.bob->done_failed, 0);
		story_end(&s);
	}
}

/* Seed 1795563692103041951: what bob made first he deletes; the second is no less of a collision. */
static void both_create_the_same_child_and_the_peer_begins_again(void **state)
{
	struct story_config c = { .alice_connection = SECOND("10.8.0.0/16", "10.9.0.0/16"),
		.bob_connection = SECOND("10.9.0.0/16", "10.8.0.0/16") };

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		struct story s = story_established(SEED + i, &c);

		host_initiate(s.alice, "two");
		sends_in_vain(&s);
		s.bob->refuse_installs = 1;
		host_initiate(s.bob, "two");
		world_run(s.w, NS_PER_SECOND);
		host_initiate(s.bob, "two");
		world_run(s.w, NS_PER_SECOND);
		s.w->faults.partition = true; /* what alice sends again is lost once more */
		world_run(s.w, 4 * NS_PER_SECOND);
		s.w->faults.partition = false;
		world_run(s.w, LONG);
		story_up(&s, 2);
		story_end(&s);
	}
}

/* Bob rekeys the child, and Alice's response gets lost: he doesn't know the new child. */
static struct story response_lost(void)
{
	struct story s = story_established(SEED, NULL);

	host_rekey(s.bob, NULL, "net");
	world_run(s.w, 5 * NS_PER_MS);
	s.w->faults.partition = true;
	world_run(s.w, 10 * NS_PER_MS);
	s.w->faults.partition = false;
	host_rekey(s.alice, "net", NULL);
	return s;
}

static void the_ike_sa_is_not_rekeyed_before_the_peer_has_its_new_child(void **state)
{
	struct story s = response_lost();

	(void)state;
	world_run(s.w, 30 * NS_PER_SECOND);
	STORY_TRUE(s, !laddered(&s, "", "TEMPORARY_FAILURE"));
	STORY_EQUAL(s, s.alice->ike_rekeyed + s.bob->ike_rekeyed, 2);
	one_tunnel_stayed_up(&s);
	story_end(&s);
}

static void a_peer_that_owes_a_delete_does_not_hold_up_the_ike_sa_for_long(void **state)
{
	struct story s = response_lost();

	(void)state;
	host_crash(s.bob);
	world_run(s.w, 5 * NS_PER_SECOND);
	STORY_TRUE(s, !laddered(&s, "alice", "-> CREATE_CHILD_SA request"));
	world_run(s.w, 2 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "alice", "-> CREATE_CHILD_SA request"));
	story_end(&s);
}

/* Ours hasn't been sent yet when the peer's request makes it. */
static void what_the_peer_created_while_we_prepared_is_not_created_twice(void **state)
{
	struct story_config c = { .alice_connection = SECOND("10.8.0.0/16", "10.9.0.0/16"),
		.bob_connection = SECOND("10.9.0.0/16", "10.8.0.0/16") };
	struct story s = story_established(SEED, &c);

	(void)state;
	s.w->faults.answer_delay_ns = NS_PER_SECOND;
	host_initiate(s.alice, "two");
	s.w->faults.answer_delay_ns = 0;
	host_initiate(s.bob, "two");
	world_run(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.alice), 2);
	STORY_EQUAL(s, host_children(s.bob), 2);
	STORY_EQUAL(s, s.alice->done_ok, 2);
	STORY_EQUAL(s, s.bob->done_ok, 1);
	STORY_TRUE(s, !laddered(&s, "alice  ->", "CREATE_CHILD_SA request"));
	story_end(&s);
}

/* Alice's request is late, and what bob's made meanwhile has been rekeyed. */
static void both_create_the_same_child_and_it_is_rekeyed_before_the_other_comes(void **state)
{
	struct story_config c = { .alice_connection = SECOND("10.8.0.0/16", "10.9.0.0/16"),
		.bob_connection = SECOND("10.9.0.0/16", "10.8.0.0/16") };

	(void)state;
	for (unsigned seed = 1; seed <= SEEDS; seed++) { /* either's nonce is lower */
		struct story s = story_established(seed, &c);

		host_initiate(s.alice, "two");
		sends_in_vain(&s);
		host_initiate(s.bob, "two");
		world_run(s.w, 100 * NS_PER_MS);
		host_rekey(s.bob, NULL, "two");
		world_run(s.w, LONG);
		story_up(&s, 2);
		STORY_EQUAL(s, s.alice->done_ok, 2);
		STORY_EQUAL(s, s.bob->done_ok, 2);
		story_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			both_create_the_same_child_and_it_is_rekeyed_before_the_other_comes),
		cmocka_unit_test(what_the_peer_created_while_we_prepared_is_not_created_twice),
		cmocka_unit_test(what_crosses_is_not_refused_for_answers_out_of_order),
		cmocka_unit_test(both_rekey_a_child_that_ends_meanwhile),
		cmocka_unit_test(both_rekey_a_child_and_the_winner_rekeys_it_again),
		cmocka_unit_test(both_create_the_same_child_at_once_and_one_stays),
		cmocka_unit_test(both_create_the_same_child_at_once_and_answer_late),
		cmocka_unit_test(both_create_the_same_child_and_the_peer_begins_again),
		cmocka_unit_test(
			rfc7296_2_8_1_both_rekey_the_child_and_the_lowest_nonce_is_redundant),
		cmocka_unit_test(
			rfc7296_2_8_1_a_peer_that_did_not_see_the_collision_deletes_the_child),
		cmocka_unit_test(
			rfc7296_2_8_1_a_peer_that_did_not_see_the_collision_is_about_to_delete),
		cmocka_unit_test(a_child_is_not_unknown_while_the_answer_that_made_it_is_late),
		cmocka_unit_test(rfc7296_2_8_1_the_rule_holds_whatever_is_lost),
		cmocka_unit_test(
			rfc7296_2_8_2_both_rekey_the_ike_sa_and_the_survivor_inherits_the_children),
		cmocka_unit_test(
			rfc7296_2_8_2_a_peer_that_did_not_see_the_collision_deletes_the_ike_sa),
		cmocka_unit_test(rfc7296_2_8_2_a_rekeyed_ike_sa_is_not_rekeyed_again),
		cmocka_unit_test(
			rfc7296_2_8_2_what_the_peer_asks_on_its_new_ike_sa_says_that_it_survives),
		cmocka_unit_test(
			rfc7296_2_25_1_peer_rekeys_a_child_that_we_close_gets_TEMPORARY_FAILURE),
		cmocka_unit_test(
			rfc7296_2_25_1_peer_rekeys_a_child_that_does_not_exist_gets_CHILD_SA_NOT_FOUND),
		cmocka_unit_test(
			rfc7296_2_25_1_peer_closes_a_child_that_we_close_gets_no_delete_payload),
		cmocka_unit_test(
			rfc7296_2_25_1_peer_closes_a_child_that_we_rekey_gets_a_delete_payload),
		cmocka_unit_test(
			rfc7296_2_25_1_peer_closes_a_child_that_does_not_exist_gets_no_delete_payload),
		cmocka_unit_test(rfc7296_2_25_1_peer_rekeys_the_ike_sa_while_we_create_a_child),
		cmocka_unit_test(rfc7296_2_25_1_peer_rekeys_the_ike_sa_while_we_rekey_a_child),
		cmocka_unit_test(rfc7296_2_25_1_peer_rekeys_the_ike_sa_while_we_close_a_child),
		cmocka_unit_test(
			what_we_only_prepare_does_not_keep_the_peer_from_rekeying_the_ike_sa),
		cmocka_unit_test(
			rfc7296_2_25_2_peer_rekeys_an_ike_sa_that_we_close_gets_TEMPORARY_FAILURE),
		cmocka_unit_test(
			rfc7296_2_25_2_peer_closes_an_ike_sa_that_we_rekey_and_we_forget_it),
		cmocka_unit_test(rfc7296_2_25_2_peer_closes_an_ike_sa_that_we_close),
		cmocka_unit_test(rfc7296_2_25_2_peer_creates_a_child_while_we_rekey_the_ike_sa),
		cmocka_unit_test(rfc7296_2_25_2_peer_rekeys_a_child_while_we_rekey_the_ike_sa),
		cmocka_unit_test(rfc7296_2_25_2_peer_deletes_a_child_while_we_rekey_the_ike_sa),
		cmocka_unit_test(the_ike_sa_is_not_rekeyed_before_the_peer_has_its_new_child),
		cmocka_unit_test(a_peer_that_owes_a_delete_does_not_hold_up_the_ike_sa_for_long),
		cmocka_unit_test(a_rekeying_while_a_reauthentication_is_under_way),
		cmocka_unit_test(a_reauthentication_while_a_rekeying_is_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
