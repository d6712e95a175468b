/* ESP's rules beside cryptography: selectors, successors, ECN, sizes, transport mode behind a NAT. */
#include "esp_world.h"

static uint16_t upper_sum(const struct bytes packet)
{
	struct flow f;

	assert_true(flow_read(packet, &f));
	return checksum_end(checksum_add(checksum_pseudo(&f, f.protocol, f.size - f.upper),
		BYTES(packet.data + f.upper, f.size - f.upper)));
}

/* RFC 6040 figure 4; 4 is a drop. Codepoints: 0 not-ECT, 1 ECT(1), 2 ECT(0), 3 CE. */
static void ecn_leaves_the_tunnel_by_the_table(void **state)
{
	static const uint8_t want[4][4] = { { 0, 0, 0, 4 }, { 1, 1, 1, 3 }, { 2, 1, 2, 3 },
		{ 3, 3, 3, 3 } };
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct world *w = world_new(&spec);

	(void)state;
	for (uint8_t inner = 0; inner < 4; inner++) {
		for (uint8_t outer = 0; outer < 4; outer++) {
			struct esp_out *out, *back;

			packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 40);
			tos_set(w->packet, 0xb8 | inner);
			out = world_send(w);
			assert_int_equal(out->tos, 0xb8 | inner);
			back = world_receive_bytes(w, out->packet, 0x20 | outer);
			if (want[inner][outer] == 4) {
				assert_int_equal(back->reason, ESP_REASON_ECN);
				continue;
			}
			assert_int_equal(back->packet.data[1], 0xb8 | want[inner][outer]);
			assert_int_equal(
				checksum_end(checksum_add(0, BYTES(back->packet.data, 20))), 0);
		}
	}
	world_free(w);
}

static void dscp_is_copied_as_configured(void **state)
{
	(void)state;
	for (enum copy_dscp copy = COPY_DSCP_OUT; copy <= COPY_DSCP_NONE; copy++) {
		struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 6, 6);
		bool outwards = copy == COPY_DSCP_OUT || copy == COPY_DSCP_BOTH;
		bool inwards = copy == COPY_DSCP_IN || copy == COPY_DSCP_BOTH;
		struct esp_out *out, *back;
		struct world *w;
		struct flow f;

		spec.copy_dscp = copy;
		spec.copy_ecn = false;
		w = world_new(&spec);
		packet_make(w, "fd01::1", "fd02::1", PROTOCOL_UDP, 60);
		tos_set(w->packet, 0xba);
		out = world_send(w);
		assert_int_equal(out->tos, outwards ? 0xb8 : 0);
		back = world_receive_bytes(w, out->packet, 0x43);
		assert_true(flow_read(back->packet, &f));
		assert_int_equal(f.tos, inwards ? 0x42 : 0xba);
		world_free(w);
	}
}

struct selector_case {
	const char *from, *to;
	uint8_t protocol;
	uint16_t place; /* IPv4's flags and offset */
	bool fits;
};

/* Local 10.1/16 any, remote 10.2/16[tcp/80]. */
static const struct selector_case selector_cases[] = {
	{ "10.1.0.1", "10.2.0.1", PROTOCOL_TCP, 0, true },
	{ "10.1.255.255", "10.2.255.255", PROTOCOL_TCP, 0, true },
	{ "10.0.255.255", "10.2.0.1", PROTOCOL_TCP, 0, false },
	{ "10.1.0.1", "10.3.0.0", PROTOCOL_TCP, 0, false },
	{ "10.2.0.1", "10.1.0.1", PROTOCOL_TCP, 0, false },
	{ "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 0, false },
	{ "10.1.0.1", "10.2.0.1", PROTOCOL_ICMPV4, 0, false },
	{ "10.1.0.1", "10.2.0.1", PROTOCOL_TCP, 0x2000, true },
	{ "10.1.0.1", "10.2.0.1", PROTOCOL_TCP, 0x0010, false },
	{ "fd01::1", "fd02::1", PROTOCOL_TCP, 0, false },
};

/* The sender's plane is wide open where the receiver's is checked. */
static void selectors_hold_in_both_directions(void **state)
{
	struct child_spec wide = spec_of(GCM, CHILD_TUNNEL, 4, 4), narrow = wide;
	struct selectors open = { 2,
		{ selector_of("0.0.0.0", "255.255.255.255"),
			selector_of("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") } };

	(void)state;
	wide.local = wide.remote = open;
	narrow.remote.list[0].protocol = PROTOCOL_TCP;
	narrow.remote.list[0].port_first = narrow.remote.list[0].port_last = 80;
	for (int inbound = 0; inbound < 2; inbound++) {
		struct world *w = world_new(inbound ? &wide : &narrow);

		if (inbound) {
			struct child_spec b = spec_mirrored(&narrow);

			assert_int_equal(esp_remove(w->b, 1), 0);
			install(w->b, &b);
		}
		for (size_t i = 0; i < COUNT_OF(selector_cases); i++) {
			const struct selector_case *t = &selector_cases[i];
			struct esp_out *out;

			packet_make(w, t->from, t->to, t->protocol, 80);
			if (t->place) {
				store_u16(w->packet + 6, t->place);
				ipv4_checksum(w->packet, 20);
			}
			out = world_send(w);
			if (inbound) {
				assert_int_equal(out->verdict, ESP_SEND);
				out = world_receive(w, out);
				assert_int_equal(out->reason,
					t->fits ? ESP_REASON_NONE : ESP_REASON_SELECTORS);
			} else {
				assert_int_equal(out->reason,
					t->fits ? ESP_REASON_NONE : ESP_REASON_NO_POLICY);
			}
		}
		world_free(w);
	}
}

static void the_narrowest_policy_wins_unless_priorities_say_otherwise(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4), narrow = spec;
	struct world *w = world_new(&spec);

	(void)state;
	narrow.child_id = narrow.reqid = 2;
	narrow.spi_in = 0x3000;
	narrow.remote = selectors_of("10.2.3.0", "10.2.3.255");
	install(w->a, &narrow);
	packet_make(w, "10.1.0.1", "10.2.3.1", PROTOCOL_UDP, 40);
	assert_int_equal(world_send(w)->child_id, 2);
	assert_int_equal(esp_remove(w->a, 1), 0);
	spec.priority = 10;
	install(w->a, &spec);
	assert_int_equal(world_send(w)->child_id, 1);
	world_free(w);
}

static void a_successor_takes_over_when_its_outbound_sa_is_there(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4), next = spec;
	struct world *w = world_new(&spec);
	struct esp_child_stats stats;

	(void)state;
	next.child_id = 2;
	next.spi_in = 0x3000;
	next.spi_out = 0x4000;
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 40);
	assert_int_equal(esp_install_in(w->a, 1, &next), 0);
	assert_int_equal(esp_install_in(w->a, 1, &next), -EEXIST);
	assert_int_equal(world_send(w)->child_id, 1);
	assert_int_equal(esp_install_out(w->a, 1, &next), 0);
	assert_int_equal(world_send(w)->child_id, 2);
	assert_int_equal(load_u32(w->out[0].packet.data), 0x4000);
	assert_int_equal(esp_stats(w->a, 1, &stats), 0);
	assert_true(stats.outbound_installed && !stats.outbound_active);
	assert_int_equal(esp_remove_out(w->a, 2), 0);
	assert_int_equal(world_send(w)->child_id, 1);
	assert_int_equal(esp_remove(w->a, 1), 0);
	assert_int_equal(world_send(w)->reason, ESP_REASON_NO_SA);
	assert_int_equal(esp_remove(w->a, 2), 0);
	assert_int_equal(world_send(w)->reason, ESP_REASON_NO_POLICY);
	assert_int_equal(esp_remove(w->a, 2), -ENOENT);
	world_free(w);
}

static void too_big_packets_get_icmp_with_the_mtu_that_fits(void **state)
{
	(void)state;
	for (int inner = 4; inner <= 6; inner += 2) {
		struct child_spec spec = spec_of(CBC, CHILD_TUNNEL, 4, inner);
		struct world *w = world_new(&spec);
		struct esp_out *out;
		size_t ip = inner == 4 ? 20 : 40, mtu;

		spec = w->spec_a;
		packet_make(w, inner_of(inner, false), inner_of(inner, true), PROTOCOL_UDP, 1500);
		if (inner == 4)
			w->packet[6] = 0x40;
		out = world_send(w);
		assert_int_equal(out->verdict, ESP_REPLY);
		mtu = inner == 4 ? load_u16(out->packet.data + ip + 6)
				 : load_u32(out->packet.data + ip + 4);
		assert_int_equal(mtu, (1500 - 20 - 8 - 16 - 16) / 16 * 16 - 2);
		assert_int_equal(out->packet.data[ip], inner == 4 ? 3 : 2);
		if (inner == 6)
			assert_int_equal(upper_sum(out->packet), 0);
		packet_make(w, inner_of(inner, false), inner_of(inner, true), PROTOCOL_UDP, mtu);
		if (inner == 4)
			w->packet[6] = 0x40;
		out = world_send(w);
		assert_int_equal(out->verdict, ESP_SEND);
		assert_true(out->df && out->packet.size + 20 <= 1500);

		esp_set_pmtu(w->a, &spec.path.remote.address, 800);
		out = world_send(w);
		assert_int_equal(out->verdict, ESP_REPLY); /* 1280 is IPv6's least */
		packet_make(w, inner_of(inner, false), inner_of(inner, true), PROTOCOL_UDP,
			inner == 4 ? 720 : 1280);
		out = world_send(w);
		assert_int_equal(out->verdict, ESP_SEND);
		assert_false(out->df);
		for (int i = 0; i < 200; i++) {
			packet_make(w, inner_of(inner, false), inner_of(inner, true), PROTOCOL_UDP,
				1500);
			w->packet[6] = inner == 4 ? 0x40 : w->packet[6];
			out = world_send(w);
		}
		assert_int_equal(out->reason, ESP_REASON_TOO_BIG);
		w->now += NS_PER_SECOND;
		assert_int_equal(world_send(w)->verdict, ESP_REPLY);
		world_free(w);
	}
}

static void an_ipv4_packet_without_df_is_fragmented_inside(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct world *w = world_new(&spec);
	uint8_t whole[4000];
	size_t covered = 20;

	(void)state;
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, sizeof(whole));
	world_send(w);
	assert_int_equal(w->used, 3);
	for (size_t i = 0; i < w->used; i++) {
		struct esp_out *back = world_receive(w, &w->out[i]);
		uint16_t place;

		assert_true(w->out[i].packet.size + 20 <= 1500);
		assert_int_equal(back->verdict, ESP_DELIVER);
		assert_int_equal(checksum_end(checksum_add(0, BYTES(back->packet.data, 20))), 0);
		place = load_u16(back->packet.data + 6);
		assert_int_equal((place & 0x1fff) * 8, covered - 20);
		assert_int_equal(!(place & 0x2000), i == w->used - 1);
		memcpy(whole + covered, back->packet.data + 20, back->packet.size - 20);
		covered += back->packet.size - 20;
	}
	assert_int_equal(covered, sizeof(whole));
	assert_memory_equal(whole + 20, w->packet + 20, sizeof(whole) - 20);
	world_free(w);
}

/* RFC 4301 §7.3: later fragments don't go over an SA for certain ports unless that was agreed on. */
static void an_sa_for_a_port_carries_no_inner_fragments(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct esp_out *back;
	struct world *w;

	(void)state;
	spec.remote.list[0].protocol = PROTOCOL_TCP;
	spec.remote.list[0].port_first = spec.remote.list[0].port_last = 80;
	w = world_new(&spec);
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_TCP, 4000);
	world_send(w);
	assert_int_equal(w->used, 1);
	assert_true(w->out[0].packet.size > 4000);
	assert_false(w->out[0].df); /* the ESP packet goes in fragments */
	back = world_receive(w, &w->out[0]);
	assert_int_equal(back->verdict, ESP_DELIVER);
	assert_memory_equal(back->packet.data, w->packet, 4000);
	world_free(w);
}

static void what_the_selectors_do_not_have_is_told_once_a_second(void **state)
{
	struct child_spec wide = spec_of(GCM, CHILD_TUNNEL, 4, 4), narrow = wide, b;
	struct world *w = world_new(&wide);
	struct esp_event event;

	(void)state;
	narrow.local = selectors_of("10.1.7.0", "10.1.7.255");
	b = spec_mirrored(&narrow);
	assert_int_equal(esp_remove(w->b, 1), 0);
	install(w->b, &b);
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 100);
	for (int i = 0; i < 5; i++)
		assert_int_equal(world_receive(w, world_send(w))->reason, ESP_REASON_SELECTORS);
	assert_true(esp_next_event(w->b, &event));
	assert_int_equal(event.kind, ESP_EVENT_SELECTORS);
	assert_int_equal(event.child_id, b.child_id);
	assert_int_equal(event.start_size, ESP_START_BYTES);
	assert_memory_equal(event.start, w->packet, ESP_START_BYTES);
	assert_false(esp_next_event(w->b, &event));
	w->now += NS_PER_SECOND;
	assert_int_equal(world_receive(w, world_send(w))->reason, ESP_REASON_SELECTORS);
	assert_true(esp_next_event(w->b, &event));
	world_free(w);
}

static void the_mss_of_a_syn_is_clamped_in_both_directions(void **state)
{
	(void)state;
	for (int inner = 4; inner <= 6; inner += 2) {
		for (int odd = 0; odd < 2; odd++) {
			struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, inner);
			struct world *w = world_new(&spec);
			size_t ip = inner == 4 ? 20 : 40, at = ip + 20 + (size_t)odd;
			struct esp_out *back;

			w->a->options.no_mss_clamp = odd;
			packet_make(w, inner_of(inner, false), inner_of(inner, true), PROTOCOL_TCP,
				ip + 28);
			memset(w->packet + ip + 20, 1, 8);
			w->packet[ip + 12] = 0x70;
			w->packet[ip + 13] = 2;
			memcpy(w->packet + at, (uint8_t[]){ 2, 4, 0x23, 0x28 }, 4);
			store_u16(w->packet + ip + 16, 0);
			store_u16(w->packet + ip + 16, upper_sum(BYTES(w->packet, w->size)));
			back = world_receive(w, world_send(w));
			assert_int_equal(back->verdict, ESP_DELIVER);
			assert_int_equal(load_u16(back->packet.data + at + 2),
				child_mtu(world_child(w->b), (uint8_t)inner) - ip - 20);
			assert_int_equal(upper_sum(back->packet), 0);
			world_free(w);
		}
	}
}

static void tfc_padding_hides_the_length(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);

	(void)state;
	for (int to_mtu = 0; to_mtu < 2; to_mtu++) {
		struct world *w;
		size_t size = 0;

		spec.tfc_padding = to_mtu ? UINT32_MAX : 500;
		w = world_new(&spec);
		for (size_t inner = 40; inner < 400; inner += 13) {
			struct esp_out *out, *back;

			packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, inner);
			out = world_send(w);
			assert_true(size == 0 || out->packet.size == size);
			size = out->packet.size;
			back = world_receive(w, out);
			assert_int_equal(back->packet.size, inner);
		}
		assert_true(!to_mtu || size + 20 > 1496);
		world_free(w);
	}
}

/* Seals anything: what a broken or hostile peer with the keys could send. */
static struct esp_out *receive_sealed(struct world *w, struct bytes payload, uint8_t next_header)
{
	struct child *c = world_child(w->a);
	struct authenticated a;
	struct sealer_packet work;

	memcpy(w->out[0].memory + payload_offset(c), payload.data, payload.size);
	work = packet_close(c, w->out[0].memory, (struct inner){ payload.size, next_header }, &a);
	assert_true(packet_seal(w->a, c, &work));
	return world_receive_bytes(w, BYTES(w->out[0].memory, packet_size(c, &work)), 0);
}

static void authenticated_nonsense_is_dropped_with_a_reason(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct world *w = world_new(&spec);

	(void)state;
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 60);
	assert_int_equal(receive_sealed(w, BYTES(w->packet, 60), 59)->reason, ESP_REASON_DUMMY);
	assert_int_equal(receive_sealed(w, BYTES(w->packet, 60), 41)->reason, ESP_REASON_MALFORMED);
	assert_int_equal(receive_sealed(w, BYTES(w->packet, 60), 17)->reason, ESP_REASON_MALFORMED);
	for (size_t size = 0; size < 60; size++)
		assert_int_equal(
			receive_sealed(w, BYTES(w->packet, size), 4)->reason, ESP_REASON_MALFORMED);
	assert_int_equal(receive_sealed(w, BYTES(w->packet, 60), 4)->verdict, ESP_DELIVER);
	w->size = 10;
	assert_int_equal(world_send(w)->reason, ESP_REASON_MALFORMED);
	world_free(w);
}

/* Both ends sit behind NATs: the selectors have the addresses that each has itself. */
static void transport_mode_behind_a_nat_gets_its_checksum_anew(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TRANSPORT, 4, 4);
	struct esp_out *out, *back;
	struct world *w;

	(void)state;
	spec.encap = true;
	w = world_new(&spec);
	assert_int_equal(esp_remove(w->b, 1), 0);
	w->spec_b.path.remote.address = address_of("203.0.113.7");
	w->spec_b.path.remote.port = 61000;
	w->spec_b.remote = selectors_of("203.0.113.7", "203.0.113.7");
	install(w->b, &w->spec_b);

	packet_make(w, "192.0.2.1", "192.0.2.2", PROTOCOL_UDP, 60);
	store_u16(w->packet + 24, 40);
	store_u16(w->packet + 26, 0);
	store_u16(w->packet + 26, upper_sum(BYTES(w->packet, 60)));
	out = world_send(w);
	assert_true(out->encap);
	back = world_receive(w, out);
	assert_int_equal(back->verdict, ESP_DELIVER);
	assert_memory_equal(
		back->packet.data + 12, ((uint8_t[]){ 203, 0, 113, 7, 192, 0, 2, 2 }), 8);
	assert_int_equal(upper_sum(back->packet), 0);

	/* selectors with the address that the peer has itself */
	assert_int_equal(esp_remove(w->b, 1), 0);
	w->spec_b.remote = selectors_of("192.0.2.1", "192.0.2.1");
	install(w->b, &w->spec_b);
	back = world_receive(w, world_send(w));
	assert_int_equal(back->verdict, ESP_DELIVER);
	assert_memory_equal(back->packet.data + 12, w->packet + 12, 48);

	packet_make(w, "192.0.2.1", "192.0.2.2", PROTOCOL_UDP, 60);
	w->packet[6] = 0x20;
	assert_int_equal(world_send(w)->reason, ESP_REASON_FRAGMENT);
	world_free(w);
}

static void a_changed_mapping_is_told_once_by_the_newest_packet(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct esp_event event;
	struct world *w;
	struct esp_out *old, *new;
	struct esp_packet in = { 0 };

	(void)state;
	spec.encap = true;
	w = world_new(&spec);
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 60);
	in.data = BYTES(w->packet, 60);
	assert_int_equal(
		esp_outbound(w->a, 1, (struct esp_packet[]){ in, in }, 2, w->out, OUTS, &w->used),
		2);
	old = &w->out[0];
	new = &w->out[1];
	assert_int_equal(world_receive(w, new)->verdict, ESP_DELIVER);
	w->spec_b.path.remote.port = 7777;
	assert_int_equal(world_receive(w, old)->verdict, ESP_DELIVER);
	assert_false(esp_next_event(w->b, &event));
	world_receive(w, world_send(w));
	world_receive(w, world_send(w));
	assert_true(esp_next_event(w->b, &event));
	assert_int_equal(event.kind, ESP_EVENT_MAPPING);
	assert_int_equal(event.remote.port, 7777);
	assert_false(esp_next_event(w->b, &event));
	assert_int_equal(esp_update_path(w->b, &w->spec_b), 0);
	assert_int_equal(world_child(w->b)->spec.path.remote.port, 7777);
	world_free(w);
}

static void without_a_replay_window_no_packet_moves_the_path(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct esp_event event;
	struct world *w;

	(void)state;
	spec.encap = true;
	spec.replay_window = 0;
	w = world_new(&spec);
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 60);
	w->spec_b.path.remote.port = 7777;
	assert_int_equal(world_receive(w, world_send(w))->verdict, ESP_DELIVER);
	assert_false(esp_next_event(w->b, &event));
	world_free(w);
}

/* RFC 4555 §3.12. */
static void only_packets_from_where_ours_go_show_that_the_peer_is_there(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct esp_child_stats stats;
	struct world *w = world_new(&spec);

	(void)state;
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 60);
	assert_int_equal(world_receive(w, world_send(w))->verdict, ESP_DELIVER);
	assert_int_equal(esp_stats(w->b, world_child(w->b)->spec.child_id, &stats), 0);
	assert_int_not_equal(stats.in.last_used, 0);
	world_child(w->b)->in.counters.last_used = 0;
	world_child(w->b)->spec.path.remote.address.octets[3]++;
	assert_int_equal(world_receive(w, world_send(w))->verdict, ESP_DELIVER);
	assert_int_equal(esp_stats(w->b, world_child(w->b)->spec.child_id, &stats), 0);
	assert_int_equal(stats.in.last_used, 0);
	assert_int_equal(stats.in.packets, 2);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ecn_leaves_the_tunnel_by_the_table),
		cmocka_unit_test(dscp_is_copied_as_configured),
		cmocka_unit_test(selectors_hold_in_both_directions),
		cmocka_unit_test(the_narrowest_policy_wins_unless_priorities_say_otherwise),
		cmocka_unit_test(a_successor_takes_over_when_its_outbound_sa_is_there),
		cmocka_unit_test(too_big_packets_get_icmp_with_the_mtu_that_fits),
		cmocka_unit_test(an_ipv4_packet_without_df_is_fragmented_inside),
		cmocka_unit_test(an_sa_for_a_port_carries_no_inner_fragments),
		cmocka_unit_test(what_the_selectors_do_not_have_is_told_once_a_second),
		cmocka_unit_test(the_mss_of_a_syn_is_clamped_in_both_directions),
		cmocka_unit_test(tfc_padding_hides_the_length),
		cmocka_unit_test(authenticated_nonsense_is_dropped_with_a_reason),
		cmocka_unit_test(transport_mode_behind_a_nat_gets_its_checksum_anew),
		cmocka_unit_test(a_changed_mapping_is_told_once_by_the_newest_packet),
		cmocka_unit_test(without_a_replay_window_no_packet_moves_the_path),
		cmocka_unit_test(only_packets_from_where_ours_go_show_that_the_peer_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
