/* Traps: a packet brings the tunnel up, and the trap outlives it. */
#include "tests/story/story.h"

#include <string.h>

#define SEED 23

static struct selector one(const char *address, uint8_t protocol, uint16_t port)
{
	struct selector s = { .protocol = protocol, .port_first = port, .port_last = port };

	assert_int_equal(address_parse(address, &s.first), 0);
	s.last = s.first;
	s.family = s.first.family;
	return s;
}

/* A TCP packet of alice's network meets her trap. */
static void packet(struct story *s)
{
	const struct selector from = one("10.1.0.5", 6, 40000), to = one("10.2.0.7", 6, 443);

	host_acquire(s->alice, s->alice->traps[0].spec.reqid, &from, &to);
}

static struct story trapped(const struct story_config *c)
{
	struct story s = story_begin(SEED, c, NULL);

	host_trap(s.alice, "net");
	STORY_EQUAL(s, s.alice->done_ok, 1);
	STORY_TRUE(s, s.alice->traps[0].spec.reqid);
	return s;
}

static bool laddered(const struct story *s, const char *words)
{
	for (size_t i = 0; i < s->w->ladder_count; i++)
		if (strstr(s->w->ladder[i], words))
			return true;
	return false;
}

static void a_packet_brings_the_tunnel_up(void **state)
{
	struct story s = trapped(NULL);

	(void)state;
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, s.w->packets_sent, 0);
	packet(&s);
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->children[0].spec.reqid, s.alice->traps[0].spec.reqid);
	STORY_EQUAL(s, s.alice->traps[0].failed, 0);
	story_end(&s);
}

static void no_packet_that_met_the_trap_is_lost(void **state)
{
	struct story s = trapped(NULL);

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		host_packet(s.alice, "10.1.0.5", "10.2.0.7");
		world_run(s.w, 5 * NS_PER_MS);
	}
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.bob->traffic.delivered, 20);
	STORY_EQUAL(s, s.alice->traffic.clear, 0);
	host_terminate(s.bob, "net", NULL);
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_down(&s);
	host_packet(s.alice, "10.1.0.5", "10.2.0.7");
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.bob->traffic.delivered, 21);
	STORY_EQUAL(s, s.alice->traffic.clear, 0);
	story_end(&s);
}

static void the_packet_comes_first_among_the_selectors(void **state)
{
	struct story_config c = { .bob_child = "local_ts = 10.9.0.0/16" };
	struct story s = trapped(&c);

	(void)state;
	packet(&s);
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_TRUE(s,
		strstr(s.bob->last_failure,
			"they offer local 10.2.0.7/32[tcp/443] 10.2.0.0/16 === remote 10.1.0.5/32[tcp/40000] 10.1.0.0/16"));
	story_end(&s);
}

static void packets_while_it_comes_up_bring_one_child(void **state)
{
	struct story s = trapped(NULL);

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		packet(&s);
		world_run(s.w, 5 * NS_PER_MS);
	}
	host_initiate(s.alice, "net");
	packet(&s);
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	story_end(&s);
}

static void a_command_and_a_packet_bring_one_child(void **state)
{
	struct story s = trapped(NULL);

	(void)state;
	host_initiate(s.alice, "net");
	packet(&s);
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->children[0].spec.reqid, s.alice->traps[0].spec.reqid);
	story_end(&s);
}

static void the_trap_outlives_its_child(void **state)
{
	struct story s = trapped(NULL);

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		packet(&s);
		world_settle(s.w, 10 * NS_PER_SECOND);
		story_up(&s, 1);
		host_terminate(i % 2 ? s.bob : s.alice, i < 2 ? "net" : NULL, "net");
		world_settle(s.w, 10 * NS_PER_SECOND);
		STORY_EQUAL(s, host_children(s.alice), 0);
	}
	packet(&s);
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	story_end(&s);
}

static void a_refusal_is_told_and_the_next_packets_wait(void **state)
{
	struct story_config c = { .bob_secret = "minnows" };
	struct story s = trapped(&c);
	uint64_t sent;

	(void)state;
	packet(&s);
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->traps[0].failed, 1);
	STORY_TRUE(s, laddered(&s, "the trap brought no child up"));
	sent = s.w->packets_sent;
	packet(&s);
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, s.w->packets_sent, sent);
	world_run(s.w, 2 * NS_PER_SECOND);
	packet(&s);
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->traps[0].failed, 2);
	story_down(&s);
	story_end(&s);
}

static void a_silent_peer_fails_and_the_trap_tries_again(void **state)
{
	struct story s = trapped(NULL);

	(void)state;
	s.w->faults.partition = true;
	packet(&s);
	world_run(s.w, 300 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->traps[0].failed, 1);
	s.w->faults.partition = false;
	packet(&s);
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	story_end(&s);
}

static void a_child_that_is_there_takes_the_trap(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_trap(s.alice, "net");
	STORY_EQUAL(s, s.alice->traps[0].spec.reqid, s.alice->children[0].spec.reqid);
	packet(&s);
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	host_rekey(s.alice, NULL, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	for (size_t i = 0; i < HOST_CHILDREN_MAX; i++)
		if (s.alice->children[i].in)
			STORY_EQUAL(
				s, s.alice->traps[0].spec.reqid, s.alice->children[i].spec.reqid);
	host_untrap(s.alice, "net");
	STORY_EQUAL(s, s.alice->traps[0].spec.reqid, 0);
	story_up(&s, 1);
	host_untrap(s.alice, "net");
	STORY_EQUAL(s, s.alice->done_failed, 1);
	story_end(&s);
}

static void a_reload_keeps_the_trap_and_what_waits_in_it(void **state)
{
	static const char *const networks[] = { "10.2.0.0/16", "10.2.0.0/24" };
	struct story s = trapped(NULL);
	uint32_t reqid = s.alice->traps[0].spec.reqid;
	char text[8192], *ts;

	(void)state;
	s.w->faults.partition = true;
	host_packet(s.alice, "10.1.0.5", "10.2.0.7");
	for (size_t i = 0; i < 2; i++) { /* the same, then narrower */
		story_text(&(struct story_config){ .alice_child = i ? "hostaccess = yes" : "" },
			true, text, sizeof(text));
		ts = strstr(text, "remote_ts = ") + strlen("remote_ts = ");
		memcpy(ts, networks[i], strlen(networks[i]));
		host_reload(s.alice, text);
		STORY_EQUAL(s, s.alice->traps[0].spec.reqid, reqid);
	}
	s.w->faults.partition = false;
	world_run(s.w, 10 * NS_PER_SECOND);
	host_packet(s.alice, "10.1.0.5", "10.2.0.7");
	world_settle(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->children[0].spec.reqid, reqid);
	STORY_EQUAL(s, s.bob->traffic.delivered, 2);
	STORY_EQUAL(s, s.alice->traffic.clear, 0);
	/* A configuration without that child has no trap either. */
	host_reload(s.alice, "secrets { ike-1 { secret = sharks } }\n");
	STORY_EQUAL(s, s.alice->traps[0].spec.reqid, 0);
	story_end(&s);
}

/* What waits goes a moment after the child that the peer asked for stands, as the peer needs one, too:
 * and so does what comes in that moment. */
static void packets_wait_while_the_peer_initiates(void **state)
{
	struct story s = trapped(NULL);

	(void)state;
	s.w->faults.partition = true;
	host_packet(s.alice, "10.1.0.5", "10.2.0.7");
	world_run(s.w, NS_PER_SECOND);
	s.w->faults.partition = false;
	s.w->faults.answer_delay_ns = 20 * NS_PER_MS;
	host_initiate(s.bob, "net");
	for (unsigned i = 0; i < 60; i++) {
		host_packet(s.alice, "10.1.0.5", "10.2.0.7");
		world_run(s.w, 5 * NS_PER_MS);
	}
	world_settle(s.w, 2 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.bob->traffic.delivered, 61);
	STORY_EQUAL(s, s.alice->traffic.clear, 0);
	story_end(&s);
}

static void nobody_to_initiate_to_is_no_trap(void **state)
{
	struct story_config c = { .alice_connection = "remote_addrs = %any" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_trap(s.alice, "net");
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_TRUE(s, strstr(s.alice->last_done, "no remote address to initiate to"));
	STORY_EQUAL(s, s.alice->traps[0].spec.reqid, 0);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_brings_the_tunnel_up),
		cmocka_unit_test(no_packet_that_met_the_trap_is_lost),
		cmocka_unit_test(the_packet_comes_first_among_the_selectors),
		cmocka_unit_test(packets_while_it_comes_up_bring_one_child),
		cmocka_unit_test(a_command_and_a_packet_bring_one_child),
		cmocka_unit_test(the_trap_outlives_its_child),
		cmocka_unit_test(a_refusal_is_told_and_the_next_packets_wait),
		cmocka_unit_test(a_silent_peer_fails_and_the_trap_tries_again),
		cmocka_unit_test(a_child_that_is_there_takes_the_trap),
		cmocka_unit_test(a_reload_keeps_the_trap_and_what_waits_in_it),
		cmocka_unit_test(packets_wait_while_the_peer_initiates),
		cmocka_unit_test(nobody_to_initiate_to_is_no_trap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
