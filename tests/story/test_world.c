/* The world itself: planes that carry packets, NAT boxes, links that are cut, hosts that crash. What
 * other stories and the simulator rest on. */
#include "sim/internal.h"
#include "tests/story/story.h"

#define SEED 21
#define NAT  "198.51.100.1"

static void flow(struct host *from, const char *source, const char *destination, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		host_packet(from, source, destination);
	world_settle(from->world, 10 * NS_PER_SECOND);
}

static void packets_cross_a_tunnel_both_ways(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	flow(s.alice, "10.1.0.1", "10.2.0.1", 5);
	flow(s.bob, "10.2.0.1", "10.1.0.1", 7);
	STORY_EQUAL(s, s.bob->traffic.delivered, 5);
	STORY_EQUAL(s, s.alice->traffic.delivered, 7);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	host_packet(s.alice, "10.1.0.1", "10.9.0.1");
	STORY_EQUAL(s, s.alice->traffic.clear, 1);
	story_end(&s);
}

static void a_duplicated_packet_is_delivered_once(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	s.w->faults.duplicate_percent = 100;
	flow(s.alice, "10.1.0.1", "10.2.0.1", 20);
	STORY_EQUAL(s, s.bob->traffic.delivered, 20);
	STORY_EQUAL(s, s.bob->traffic.dropped, 20);
	STORY_TRUE(s, !s.w->broken);
	story_end(&s);
}

static void the_plane_asks_for_a_new_child_after_so_many_packets(void **state)
{
	struct story_config c = {
		.child = "rekey_packets = 10\n life_packets = 30\n rand_packets = 0"
	};
	struct story s = story_established(SEED, &c);

	(void)state;
	flow(s.alice, "10.1.0.1", "10.2.0.1", 12);
	STORY_TRUE(s, s.alice->child_rekeyed >= 1);
	flow(s.alice, "10.1.0.1", "10.2.0.1", 5);
	STORY_EQUAL(s, s.bob->traffic.delivered, 17);
	story_end(&s);
}

static void a_nat_box_translates_ike_and_esp(void **state)
{
	struct story_config c = { .alice_address = "10.0.0.1",
		.bob_address = STORY_BOB,
		.bob_connection = "remote_addrs = %any" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_behind(s.alice, world_nat(s.w, NAT, 120 * NS_PER_SECOND));
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_TRUE(s, s.bob->children[0].spec.encap);
	STORY_TRUE(s, s.bob->children[0].spec.path.remote.port >= 20000);
	flow(s.alice, "10.1.0.1", "10.2.0.1", 5);
	flow(s.bob, "10.2.0.1", "10.1.0.1", 5);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	story_end(&s);
}

static void packets_from_a_rebound_nat_box_move_the_peer_along(void **state)
{
	struct story_config c = { .alice_address = "10.0.0.1",
		.bob_connection = "remote_addrs = %any" };
	struct story s = story_begin(SEED, &c, NULL);
	struct nat *nat = world_nat(s.w, NAT, 0);

	(void)state;
	host_behind(s.alice, nat);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	nat_rebind(nat);
	flow(s.bob, "10.2.0.1", "10.1.0.1", 1);
	STORY_EQUAL(s, s.alice->traffic.delivered, 0);
	flow(s.alice, "10.1.0.1", "10.2.0.1", 1);
	flow(s.bob, "10.2.0.1", "10.1.0.1", 1);
	STORY_EQUAL(s, s.bob->traffic.delivered, 1);
	STORY_EQUAL(s, s.alice->traffic.delivered, 1);
	story_end(&s);
}

static void an_unused_mapping_of_a_nat_box_expires(void **state)
{
	struct story_config c = { .alice_address = "10.0.0.1",
		.bob_connection = "remote_addrs = %any" };
	struct story s = story_begin(SEED, &c, NULL);
	struct nat *nat = world_nat(s.w, NAT, 60 * NS_PER_SECOND);
	const uint8_t octet[1] = { 0xff };
	struct ike_path silent = { { s.alice->address, 600 }, { s.bob->address, 600 } };

	(void)state;
	host_behind(s.alice, nat);
	network_send(s.alice, CARRIES_IKE, &silent, BYTES_OF(octet));
	STORY_EQUAL(s, nat->mapping_count, 1);
	world_run(s.w, 61 * NS_PER_SECOND);
	silent.local.port = 601;
	network_send(s.alice, CARRIES_IKE, &silent, BYTES_OF(octet));
	STORY_EQUAL(s, nat->mapping_count, 1);
	STORY_EQUAL(s, nat->mappings[0].inside.port, 601);
	story_end(&s);
}

static void a_cut_link_loses_all_and_other_links_nothing(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	world_cut(s.w, s.alice, s.bob, true);
	flow(s.alice, "10.1.0.1", "10.2.0.1", 5);
	STORY_EQUAL(s, s.bob->traffic.delivered, 0);
	world_cut(s.w, s.bob, s.alice, false);
	flow(s.alice, "10.1.0.1", "10.2.0.1", 5);
	STORY_EQUAL(s, s.bob->traffic.delivered, 5);
	STORY_EQUAL(s, world_lost_packets(s.w), 5);
	story_end(&s);
}

static void a_host_that_crashed_knows_nothing_and_begins_anew(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_crash(s.alice);
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.alice) + host_children(s.alice), 0);
	host_restart(s.alice);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.alice), 1);
	flow(s.alice, "10.1.0.1", "10.2.0.1", 5);
	STORY_EQUAL(s, s.bob->traffic.delivered, 5);
	story_end(&s);
}

static void a_plane_that_refuses_leaves_no_child(void **state)
{
	struct story s = story_begin(SEED, NULL, NULL);

	(void)state;
	s.bob->refuse_installs = 1;
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.bob), 0);
	STORY_EQUAL(s, host_children(s.alice), 0);
	STORY_TRUE(s, !s.w->broken);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_cross_a_tunnel_both_ways),
		cmocka_unit_test(a_duplicated_packet_is_delivered_once),
		cmocka_unit_test(the_plane_asks_for_a_new_child_after_so_many_packets),
		cmocka_unit_test(a_nat_box_translates_ike_and_esp),
		cmocka_unit_test(packets_from_a_rebound_nat_box_move_the_peer_along),
		cmocka_unit_test(an_unused_mapping_of_a_nat_box_expires),
		cmocka_unit_test(a_cut_link_loses_all_and_other_links_nothing),
		cmocka_unit_test(a_host_that_crashed_knows_nothing_and_begins_anew),
		cmocka_unit_test(a_plane_that_refuses_leaves_no_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
