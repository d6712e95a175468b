/* Traps in the plane: what meets one waits for a child, in bounds, and never leaves otherwise. */
#include "esp_world.h"

#include <errno.h>
#include <stdio.h>

static struct child_spec trap_of(uint32_t reqid)
{
	return (struct child_spec){ .reqid = reqid,
		.local = selectors_of("10.1.0.0", "10.1.255.255"),
		.remote = selectors_of("10.2.0.0", "10.2.255.255") };
}

/* Planes without a child, and a's with a trap of the child's reqid. */
static struct world *world_trapped(struct child_spec *ret_spec)
{
	const struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4), trap = trap_of(1);
	struct world *w = world_new(&spec);

	assert_int_equal(esp_remove(w->a, 1), 0);
	assert_int_equal(esp_trap(w->a, &trap), 0);
	*ret_spec = spec;
	return w;
}

static struct esp_out *send_to(struct world *w, const char *to, size_t size)
{
	packet_make(w, "10.1.0.1", to, PROTOCOL_UDP, size);
	return world_send(w);
}

static struct esp_trap_stats stats_of(const struct world *w, uint32_t reqid)
{
	struct esp_trap_stats stats;

	assert_int_equal(esp_trap_stats(w->a, reqid, &stats), 0);
	return stats;
}

/* Releases all and hands it to b. Returns how many came through. */
static size_t release(struct world *w)
{
	size_t used, count = 0;

	while ((used = esp_release(w->a, w->now, w->out, OUTS))) {
		for (size_t i = 0; i < used; i++) {
			assert_int_equal(w->out[i].verdict, ESP_SEND);
			count += world_receive(w, &w->out[i])->verdict == ESP_DELIVER;
		}
	}
	return count;
}

static void packets_wait_for_the_child_and_go_in_order(void **state)
{
	struct child_spec spec;
	struct world *w = world_trapped(&spec);
	uint32_t sequence = 0;
	size_t used;

	(void)state;
	for (size_t size = 40; size < 50; size++)
		assert_int_equal(send_to(w, "10.2.0.1", size)->verdict, ESP_KEPT);
	assert_int_equal(stats_of(w, 1).kept_packets, 10);
	assert_int_equal(release(w), 0);
	assert_int_equal(esp_install_in(w->a, 1, &spec), 0);
	assert_int_equal(release(w), 0);
	assert_int_equal(send_to(w, "10.2.0.1", 50)->verdict, ESP_KEPT);
	assert_int_equal(esp_install_out(w->a, 1, &spec), 0);
	while ((used = esp_release(w->a, w->now, w->out, 4))) {
		for (size_t i = 0; i < used; i++) {
			struct esp_out *back = world_receive(w, &w->out[i]);

			assert_int_equal(load_u32(w->out[i].packet.data + 4), ++sequence);
			assert_int_equal(back->packet.size, 39 + sequence);
		}
	}
	assert_int_equal(sequence, 11);
	assert_int_equal(stats_of(w, 1).kept_packets + stats_of(w, 1).kept_bytes, 0);
	assert_int_equal(stats_of(w, 1).released, 11);
	assert_int_equal(send_to(w, "10.2.0.1", 60)->verdict, ESP_SEND);
	world_free(w);
}

static void what_comes_behind_those_that_wait_for_the_peer_waits_too(void **state)
{
	struct child_spec spec;
	struct world *w = world_trapped(&spec);
	struct esp_event event;
	unsigned kept = 1;

	(void)state;
	spec.answered = true;
	send_to(w, "10.2.0.1", 40);
	assert_true(esp_next_event(w->a, &event));
	assert_int_equal(esp_install_in(w->a, 1, &spec), 0);
	assert_int_equal(esp_install_out(w->a, 1, &spec), 0);
	while (send_to(w, "10.2.0.1", 40)->verdict == ESP_KEPT)
		assert_true(++kept < 1000);
	assert_true(kept > 10 && stats_of(w, 1).kept_packets == kept && !stats_of(w, 1).dropped);
	assert_int_equal(w->out[0].verdict, ESP_SEND); /* rather than that any is dropped */
	assert_false(esp_next_event(w->a, &event));
	assert_int_equal(release(w), kept);
	assert_int_equal(send_to(w, "10.2.0.1", 40)->verdict, ESP_SEND);
	world_free(w);
}

static void one_acquire_a_second_says_which_packet(void **state)
{
	struct child_spec spec;
	struct world *w = world_trapped(&spec);
	struct esp_event event;

	(void)state;
	send_to(w, "10.2.0.1", 40);
	send_to(w, "10.2.0.2", 40);
	assert_true(esp_next_event(w->a, &event));
	assert_int_equal(event.kind, ESP_EVENT_ACQUIRE);
	assert_int_equal(event.reqid, 1);
	assert_int_equal(event.source.protocol, PROTOCOL_UDP);
	assert_int_equal(event.source.port_first, 1000);
	assert_int_equal(event.destination.port_last, 80);
	assert_true(
		address_equal(&event.destination.first, &(struct address){ 4, { 10, 2, 0, 1 } }));
	assert_true(address_equal(&event.destination.last, &event.destination.first));
	assert_false(esp_next_event(w->a, &event));
	w->now += NS_PER_SECOND;
	packet_make(w, "10.1.0.1", "10.2.0.3", PROTOCOL_ICMPV4, 40);
	world_send(w);
	assert_true(esp_next_event(w->a, &event));
	assert_int_equal(event.source.port_first, 0);
	assert_int_equal(event.source.port_last, UINT16_MAX);
	assert_int_equal(stats_of(w, 1).acquired, 2);
	world_free(w);
}

static void the_oldest_goes_where_a_trap_is_full(void **state)
{
	struct child_spec spec;
	struct world *w = world_trapped(&spec);

	(void)state;
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(send_to(w, "10.2.0.1", 40 + i)->verdict, ESP_KEPT);
	assert_int_equal(stats_of(w, 1).kept_packets, TRAP_PACKETS);
	assert_int_equal(stats_of(w, 1).dropped, 100 - TRAP_PACKETS);
	assert_int_equal(esp_drops(w->a, ESP_REASON_TRAP_FULL), 100 - TRAP_PACKETS);
	install(w->a, &spec);
	assert_int_equal(release(w), TRAP_PACKETS);
	assert_int_equal(w->back.packet.size, 139);
	world_free(w);
}

static void octets_are_bounded_too(void **state)
{
	struct child_spec spec;
	struct world *w = world_trapped(&spec);

	(void)state;
	w->a->options.trap_bytes = 3000;
	for (size_t i = 0; i < 10; i++) {
		send_to(w, "10.2.0.1", 1000);
		assert_true(stats_of(w, 1).kept_bytes <= 3000);
	}
	assert_int_equal(stats_of(w, 1).kept_packets, 3);
	assert_int_equal(send_to(w, "10.2.0.1", 3001)->reason, ESP_REASON_TRAP_FULL);
	assert_int_equal(stats_of(w, 1).kept_packets, 3);
	world_free(w);
}

static void all_traps_together_are_bounded(void **state)
{
	struct child_spec spec, trap;
	struct world *w = world_trapped(&spec);
	char to[20];
	size_t kept = 0;

	(void)state;
	assert_int_equal(esp_untrap(w->a, 1), 0);
	for (uint8_t i = 1; i <= 40; i++) {
		trap = trap_of(i);
		trap.remote.list[0].first.octets[2] = trap.remote.list[0].last.octets[2] = i;
		assert_int_equal(esp_trap(w->a, &trap), 0);
	}
	for (size_t i = 0; i < 4000; i++) {
		snprintf(to, sizeof(to), "10.2.%zu.1", 1 + i % 40);
		assert_int_equal(send_to(w, to, 200)->verdict, ESP_KEPT);
	}
	for (uint32_t i = 1; i <= 40; i++)
		kept += stats_of(w, i).kept_packets;
	assert_int_equal(kept, KEPT_PACKETS);
	assert_int_equal(w->a->kept_packets, KEPT_PACKETS);
	assert_int_equal(w->a->kept_bytes, KEPT_PACKETS * 200);
	world_free(w);
}

static void nobody_waits_for_ever(void **state)
{
	struct child_spec spec;
	struct world *w = world_trapped(&spec);

	(void)state;
	send_to(w, "10.2.0.1", 40);
	w->now += 20 * NS_PER_SECOND;
	send_to(w, "10.2.0.1", 41);
	w->now += 11 * NS_PER_SECOND;
	install(w->a, &spec);
	assert_int_equal(release(w), 1);
	assert_int_equal(w->back.packet.size, 41);
	assert_int_equal(esp_drops(w->a, ESP_REASON_TRAP_LATE), 1);
	world_free(w);
}

static void a_failure_and_the_end_of_the_trap_drop_what_waits(void **state)
{
	struct child_spec spec;
	struct world *w = world_trapped(&spec);

	(void)state;
	send_to(w, "10.2.0.1", 40);
	esp_trap_failed(w->a, 1);
	assert_int_equal(stats_of(w, 1).kept_packets, 0);
	assert_int_equal(esp_drops(w->a, ESP_REASON_TRAP_FAILED), 1);
	assert_int_equal(send_to(w, "10.2.0.1", 40)->verdict, ESP_KEPT);
	assert_int_equal(esp_untrap(w->a, 1), 0);
	assert_int_equal(esp_untrap(w->a, 1), -ENOENT);
	assert_int_equal(w->a->kept_packets, 0);
	assert_int_equal(send_to(w, "10.2.0.1", 40)->reason, ESP_REASON_NO_POLICY);
	world_free(w);
}

static void the_trap_is_there_again_when_the_child_goes(void **state)
{
	struct child_spec spec;
	struct world *w = world_trapped(&spec);

	(void)state;
	install(w->a, &spec);
	assert_int_equal(send_to(w, "10.2.0.1", 40)->verdict, ESP_SEND);
	assert_int_equal(esp_remove_out(w->a, 1), 0);
	assert_int_equal(send_to(w, "10.2.0.1", 40)->verdict, ESP_KEPT);
	assert_int_equal(esp_remove(w->a, 1), 0);
	assert_int_equal(send_to(w, "10.2.0.1", 40)->verdict, ESP_KEPT);
	install(w->a, &spec);
	assert_int_equal(esp_untrap(w->a, 1), 0);
	assert_int_equal(send_to(w, "10.2.0.1", 40)->verdict, ESP_SEND);
	world_free(w);
}

/* RFC 7296 §2.9: a peer may give less than the trap has; other packets want another child. */
static void each_child_of_a_trap_takes_its_own(void **state)
{
	struct child_spec spec, other;
	struct world *w = world_trapped(&spec);

	(void)state;
	spec.remote = selectors_of("10.2.0.0", "10.2.0.255");
	install(w->a, &spec);
	assert_int_equal(send_to(w, "10.2.0.1", 40)->child_id, 1);
	assert_int_equal(send_to(w, "10.2.1.1", 40)->verdict, ESP_KEPT);
	other = spec;
	other.child_id = 2;
	other.spi_in = 0x3000;
	other.remote = selectors_of("10.2.1.0", "10.2.1.255");
	install(w->a, &other);
	assert_int_equal(esp_release(w->a, w->now, w->out, OUTS), 1);
	assert_int_equal(w->out[0].child_id, 2);
	assert_int_equal(send_to(w, "10.2.0.1", 40)->child_id, 1);
	assert_int_equal(send_to(w, "10.2.1.1", 40)->child_id, 2);
	assert_int_equal(send_to(w, "10.2.2.1", 40)->verdict, ESP_KEPT);
	world_free(w);
}

static void a_trap_for_all_leaves_the_link_alone(void **state)
{
	static const struct {
		const char *from, *to;
		bool kept;
	} cases[] = { { "10.1.0.1", "224.0.0.251", false }, { "10.1.0.1", "169.254.1.1", false },
		{ "10.1.0.1", "255.255.255.255", false }, { "10.1.0.1", "239.1.2.3", true },
		{ "10.1.0.1", "8.8.8.8", true }, { "fe80::1", "ff02::2", false },
		{ "fd01::1", "fe80::2", false }, { "fd01::1", "ff0e::1", true },
		{ "fd01::1", "2001:db8::9", true } };
	struct child_spec spec, all = trap_of(1);
	struct world *w = world_trapped(&spec);

	(void)state;
	all.local = all.remote = (struct selectors){ 2,
		{ selector_of("0.0.0.0", "255.255.255.255"),
			selector_of("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") } };
	assert_int_equal(esp_trap(w->a, &all), 0);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		packet_make(w, cases[i].from, cases[i].to, PROTOCOL_UDP, 60);
		assert_int_equal(world_send(w)->verdict, cases[i].kept ? ESP_KEPT : ESP_DROP);
	}
	all.local.count = 0;
	assert_int_equal(esp_trap(w->a, &all), -EINVAL);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_wait_for_the_child_and_go_in_order),
		cmocka_unit_test(what_comes_behind_those_that_wait_for_the_peer_waits_too),
		cmocka_unit_test(one_acquire_a_second_says_which_packet),
		cmocka_unit_test(the_oldest_goes_where_a_trap_is_full),
		cmocka_unit_test(octets_are_bounded_too),
		cmocka_unit_test(all_traps_together_are_bounded),
		cmocka_unit_test(nobody_waits_for_ever),
		cmocka_unit_test(a_failure_and_the_end_of_the_trap_drop_what_waits),
		cmocka_unit_test(the_trap_is_there_again_when_the_child_goes),
		cmocka_unit_test(each_child_of_a_trap_takes_its_own),
		cmocka_unit_test(a_trap_for_all_leaves_the_link_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
