/* ESP between two planes: everything that goes in comes out, and nothing altered does. */
#include "esp_world.h"

static const struct seal_suite suites[] = {
	{ ENCR_AES_GCM_8, 128, 0 },
	{ ENCR_AES_GCM_12, 192, 0 },
	{ ENCR_AES_GCM_16, 128, 0 },
	{ ENCR_AES_GCM_16, 256, 0 },
	{ ENCR_AES_CCM_8, 128, 0 },
	{ ENCR_AES_CCM_12, 192, 0 },
	{ ENCR_AES_CCM_16, 256, 0 },
	{ ENCR_NULL_AES_GMAC, 128, 0 },
	{ ENCR_CHACHA20_POLY1305, 0, 0 },
	{ ENCR_3DES, 0, INTEG_HMAC_SHA1_96 },
	{ ENCR_AES_CTR, 128, INTEG_HMAC_SHA2_256_128 },
	{ ENCR_AES_CBC, 128, INTEG_HMAC_SHA1_96 },
	{ ENCR_AES_CBC, 128, INTEG_AES_XCBC_96 },
	{ ENCR_AES_CBC, 192, INTEG_AES_CMAC_96 },
	{ ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_256_128 },
	{ ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_384_192 },
	{ ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_512_256 },
	{ ENCR_NULL, 0, INTEG_HMAC_SHA2_256_128 },
	{ ENCR_NULL, 0, INTEG_AES_CMAC_96 },
};

static void round_trip(const struct child_spec *spec, int inner)
{
	struct world *w = world_new(spec);
	bool tunnel = spec->mode == CHILD_TUNNEL;
	struct esp_out *out, *back;

	for (size_t size = 60; size < 84; size++) {
		packet_make(w,
			tunnel               ? inner_of(inner, false)
				: inner == 4 ? "192.0.2.1"
					     : "2001:db8::1",
			tunnel               ? inner_of(inner, true)
				: inner == 4 ? "192.0.2.2"
					     : "2001:db8::2",
			200, size);
		out = world_send(w);
		assert_int_equal(w->used, 1);
		assert_int_equal(out->verdict, ESP_SEND);
		assert_int_equal(load_u32(out->packet.data), SPI_B);
		assert_int_equal(out->packet.size % 4, 0);
		back = world_receive(w, out);
		assert_int_equal(back->verdict, ESP_DELIVER);
		assert_int_equal(back->packet.size, size);
		if (tunnel)
			assert_memory_equal(back->packet.data, w->packet, size);
		else
			assert_memory_equal(back->packet.data + (inner == 4 ? 12 : 8),
				w->packet + (inner == 4 ? 12 : 8), size - 12);
	}
	world_free(w);
}

static void every_suite_mode_family_and_esn_round_trips(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(suites); i++) {
		for (unsigned bits = 0; bits < 16; bits++) {
			int outer = bits & 1 ? 4 : 6, inner = bits & 2 ? 4 : 6;
			enum child_mode mode = bits & 4 ? CHILD_TUNNEL : CHILD_TRANSPORT;
			struct child_spec spec = spec_of(suites[i], mode, outer, inner);

			assert_true(suite_known(&suites[i]));
			spec.esn = bits & 8;
			spec.encap = i & 1;
			if (mode == CHILD_TUNNEL || outer == inner)
				round_trip(&spec, inner);
		}
	}
}

static void flip_every_bit(struct seal_suite suite, bool esn)
{
	struct child_spec spec = spec_of(suite, CHILD_TUNNEL, 4, 4);
	uint8_t copy[256];
	struct world *w;
	struct esp_out *out;

	spec.esn = esn;
	w = world_new(&spec);
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 40);
	out = world_send(w);
	for (size_t bit = 0; bit < out->packet.size * 8; bit++) {
		memcpy(copy, out->packet.data, out->packet.size);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(world_receive_bytes(w, BYTES(copy, out->packet.size), 0)->verdict,
			ESP_DROP);
	}
	for (size_t size = 0; size < out->packet.size; size++)
		assert_int_equal(world_receive_bytes(w, BYTES(out->packet.data, size), 0)->verdict,
			ESP_DROP);
	assert_int_equal(world_receive(w, out)->verdict, ESP_DELIVER);
	assert_int_equal(world_receive(w, out)->reason, ESP_REASON_REPLAY);
	world_free(w);
}

static void a_flipped_bit_or_a_missing_octet_is_dropped(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(suites); i++) {
		flip_every_bit(suites[i], false);
		flip_every_bit(suites[i], true);
	}
}

/* Where the memory is the plane's own, a tunnel's packet is opened there; what comes out is the same. */
static void what_may_be_is_opened_where_it_lies(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 4; bits++) {
		bool tunnel = bits & 1;
		struct child_spec spec = spec_of(
			bits & 2 ? GCM : CBC, tunnel ? CHILD_TUNNEL : CHILD_TRANSPORT, 4, 4);
		struct world *w = world_new(&spec);
		uint8_t own[2048];
		struct esp_in in = { .path = w->spec_b.path, .own = own };
		const struct esp_out *sealed;

		packet_make(w, tunnel ? "10.1.0.1" : "192.0.2.1", tunnel ? "10.2.0.1" : "192.0.2.2",
			PROTOCOL_UDP, 900);
		sealed = world_send(w);
		memcpy(own, sealed->packet.data, sealed->packet.size);
		in.packet = BYTES(own, sealed->packet.size);
		esp_inbound(w->b, w->now, &in, 1, &w->back);
		assert_int_equal(w->back.verdict, ESP_DELIVER);
		assert_int_equal(w->back.packet.size, 900);
		assert_memory_equal(w->back.packet.data + 20, w->packet + 20, 880);
		assert_int_equal(
			w->back.packet.data >= own && w->back.packet.data < own + sizeof(own),
			tunnel);
		world_free(w);
	}
}

#define MANY 6

/* Packets of several SAs in one batch, and one of none: each finds its own, both ways. */
static void a_batch_is_of_many_sas(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4), other, back;
	struct world *w = world_new(&spec);
	uint8_t plain[MANY][128], memory[2][MANY][256];
	struct esp_packet packets[MANY] = { 0 };
	struct esp_out sealed[MANY] = { 0 }, opened[MANY] = { 0 };
	struct esp_in in[MANY];

	(void)state;
	other = w->spec_a;
	other.child_id = other.reqid = 2;
	other.spi_in++, other.spi_out++;
	other.remote = selectors_of("10.3.0.0", "10.3.255.255");
	install(w->a, &other);
	back = spec_mirrored(&other);
	install(w->b, &back);
	for (size_t i = 0; i < MANY; i++) {
		packet_make(w, "10.1.0.1", i % 3 == 1 ? "10.3.0.1" : "10.2.0.1", PROTOCOL_UDP, 60);
		packets[i].data = BYTES(memcpy(plain[i], w->packet, 60), 60);
		sealed[i].memory = memory[0][i];
		opened[i].memory = memory[1][i];
		sealed[i].memory_size = opened[i].memory_size = sizeof(memory[0][i]);
	}
	assert_int_equal(esp_outbound(w->a, w->now, packets, MANY, sealed, MANY, &w->used), MANY);
	assert_int_equal(w->used, MANY);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(sealed[i].verdict, ESP_SEND);
		assert_int_equal(sealed[i].child_id, i % 3 == 1 ? 2 : 1);
		in[i] = (struct esp_in){ .packet = sealed[i].packet, .path = w->spec_b.path };
	}
	sealed[4].memory[3] ^= 0x80;
	esp_inbound(w->b, w->now, in, MANY, opened);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(opened[i].verdict, i == 4 ? ESP_DROP : ESP_DELIVER);
		assert_int_equal(opened[i].child_id, i == 4 ? 0 : i % 3 == 1 ? 2 : 1);
		if (i != 4)
			assert_memory_equal(opened[i].packet.data, plain[i], 60);
	}
	world_free(w);
}

#define CROWD 80 /* more than are sealed together */

static struct esp_out crowd_out(uint8_t (*memory)[512], size_t i)
{
	return (struct esp_out){ .memory = memory[i], .memory_size = sizeof(memory[i]) };
}

/* Many packets, sealed and opened together where that is quicker: of them some come altered, some twice. */
static void crowd_crosses(struct seal_suite suite, bool esn)
{
	static uint8_t plain[CROWD][128], memory[2][CROWD][512];
	struct child_spec spec = spec_of(suite, CHILD_TUNNEL, 4, 4);
	struct esp_packet packets[CROWD] = { 0 };
	struct esp_out sealed[CROWD], opened[CROWD];
	struct esp_in in[CROWD];
	struct world *w;

	spec.esn = esn;
	w = world_new(&spec);
	for (size_t i = 0; i < CROWD; i++) {
		packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 28 + i);
		packets[i].data = BYTES(memcpy(plain[i], w->packet, 28 + i), 28 + i);
		sealed[i] = crowd_out(memory[0], i);
		opened[i] = crowd_out(memory[1], i);
	}
	assert_int_equal(
		esp_outbound(w->a, w->now, packets, CROWD, sealed, CROWD, &w->used), CROWD);
	for (size_t i = 0; i < CROWD; i++) {
		assert_int_equal(sealed[i].verdict, ESP_SEND);
		if (i % 16 == 3)
			sealed[i].memory[sealed[i].packet.size - 1] ^= 1;
		in[i] = (struct esp_in){ .packet = sealed[i % 16 == 5 ? i - 1 : i].packet,
			.path = w->spec_b.path };
	}
	esp_inbound(w->b, w->now, in, CROWD, opened);
	for (size_t i = 0; i < CROWD; i++) {
		assert_int_equal(
			opened[i].verdict, i % 16 == 3 || i % 16 == 5 ? ESP_DROP : ESP_DELIVER);
		if (i % 16 == 3)
			assert_int_equal(opened[i].reason, ESP_REASON_INTEGRITY);
		else if (i % 16 == 5)
			assert_int_equal(opened[i].reason, ESP_REASON_REPLAY);
		else
			assert_memory_equal(opened[i].packet.data, plain[i], 28 + i);
	}
	assert_int_equal(esp_drops(w->b, ESP_REASON_INTEGRITY), CROWD / 16);
	assert_int_equal(esp_drops(w->b, ESP_REASON_REPLAY), CROWD / 16);
	world_free(w);
}

static void a_crowd_crosses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(suites); i++) {
		crowd_crosses(suites[i], false);
		crowd_crosses(suites[i], true);
	}
}

/* A limit ends within what is opened together. */
static void a_limit_ends_within_a_crowd(void **state)
{
	static uint8_t memory[2][CROWD][512];
	struct child_spec spec = spec_of(CBC, CHILD_TUNNEL, 4, 4);
	struct esp_packet packets[CROWD] = { 0 };
	struct esp_out sealed[CROWD], opened[CROWD];
	struct esp_in in[CROWD];
	struct world *w = world_new(&spec);

	(void)state;
	world_child(w->b)->spec.hard_packets = 20;
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 60);
	for (size_t i = 0; i < CROWD; i++) {
		packets[i].data = BYTES(w->packet, 60);
		sealed[i] = crowd_out(memory[0], i);
		opened[i] = crowd_out(memory[1], i);
	}
	esp_outbound(w->a, w->now, packets, CROWD, sealed, CROWD, &w->used);
	for (size_t i = 0; i < CROWD; i++)
		in[i] = (struct esp_in){ .packet = sealed[i].packet, .path = w->spec_b.path };
	esp_inbound(w->b, w->now, in, CROWD, opened);
	for (size_t i = 0; i < CROWD; i++)
		assert_int_equal(opened[i].reason, i < 20 ? ESP_REASON_NONE : ESP_REASON_EXHAUSTED);
	world_free(w);
}

/* RFC 7634 appendix A: an ESP packet with ChaCha20-Poly1305. */
static void chacha_packet_of_rfc_7634(void **state)
{
	static const char key[] =
		"808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3";
	static const char inner[] =
		"45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec100007362708090a0b0c0d0e0f10"
		"1112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637";
	static const char sealed[] =
		"0102030400000005"
		"1011121314151617"
		"24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6"
		"14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3"
		"cbec163fac469b502773f6fb94e664da9165b82829f641e0"
		"76aaa8266b7fb0f7b11b369907e1ad43";
	struct child_spec spec =
		spec_of((struct seal_suite){ ENCR_CHACHA20_POLY1305, 0, 0 }, CHILD_TUNNEL, 4, 4);
	uint8_t want[200];
	struct esp_out *back;
	struct world *w;
	int size;

	(void)state;
	spec.spi_out = 0x01020304;
	bytes_from_hex(key, spec.keys_out.encr.data, 36);
	spec.local = selectors_of("198.51.100.5", "198.51.100.5");
	spec.remote = selectors_of("192.0.2.5", "192.0.2.5");
	w = world_new(&spec);
	size = bytes_from_hex(sealed, want, sizeof(want));
	assert_true(size > 0);
	back = world_receive_bytes(w, BYTES(want, (size_t)size), 0);
	assert_int_equal(back->verdict, ESP_DELIVER);
	w->size = (size_t)bytes_from_hex(inner, w->packet, BUFFER_BYTES);
	assert_int_equal(back->packet.size, w->size);
	assert_memory_equal(back->packet.data, w->packet, w->size);
	world_free(w);
}

/* What RFC 4303 §2 draws, octet by octet, with nothing encrypted. */
static void a_null_packet_is_laid_out_as_drawn(void **state)
{
	struct child_spec spec = spec_of(
		(struct seal_suite){ ENCR_NULL, 0, INTEG_HMAC_SHA2_256_128 }, CHILD_TUNNEL, 4, 4);
	struct world *w = world_new(&spec);
	const uint8_t trailer[] = { 1, 2, 3, 3, 4 };
	struct esp_out *out;

	(void)state;
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 43);
	out = world_send(w);
	assert_int_equal(out->packet.size, 8 + 43 + 5 + 16);
	assert_int_equal(load_u32(out->packet.data + 4), 1);
	assert_memory_equal(out->packet.data + 8, w->packet, 43);
	assert_memory_equal(out->packet.data + 51, trailer, 5);
	world_free(w);
}

static void sequence_numbers_end_and_are_never_reused(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct world *w = world_new(&spec);
	struct esp_event event;

	(void)state;
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 40);
	world_child(w->a)->sequence = UINT32_MAX - UINT32_MAX / 16 - 2;
	assert_int_equal(world_send(w)->verdict, ESP_SEND);
	assert_false(esp_next_event(w->a, &event)); /* one before 15/16 */
	assert_int_equal(world_send(w)->verdict, ESP_SEND);
	assert_true(esp_next_event(w->a, &event));
	assert_int_equal(event.kind, ESP_EVENT_SOFT);
	world_child(w->a)->sequence = UINT32_MAX - 1;
	assert_int_equal(world_send(w)->verdict, ESP_SEND);
	assert_true(esp_next_event(w->a, &event));
	assert_int_equal(event.kind, ESP_EVENT_HARD);
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_send(w)->reason, ESP_REASON_EXHAUSTED);
	assert_false(esp_next_event(w->a, &event));
	assert_int_equal(esp_install_out(w->a, 1, &w->spec_a), -EEXIST);
	world_free(w);
}

/* A packet that takes three numbers where two are left. */
static void fragments_stop_at_the_last_sequence_number(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct world *w = world_new(&spec);

	(void)state;
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 4000);
	world_send(w);
	assert_int_equal(w->used, 3);
	world_child(w->a)->sequence = UINT32_MAX - 2;
	world_send(w);
	assert_int_equal(w->used, 3);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(w->out[i].verdict, ESP_SEND);
		assert_int_equal(load_u32(w->out[i].packet.data + 4), UINT32_MAX - 1 + i);
	}
	assert_int_equal(w->out[2].reason, ESP_REASON_EXHAUSTED);
	assert_int_equal(world_child(w->a)->sequence, UINT32_MAX);
	world_free(w);
}

static void esn_passes_the_end_of_32_bits(void **state)
{
	(void)state;
	for (int cbc = 0; cbc < 2; cbc++) {
		struct child_spec spec = spec_of(cbc ? CBC : GCM, CHILD_TUNNEL, 4, 4);
		struct world *w;

		spec.esn = true;
		w = world_new(&spec);
		packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 40);
		world_child(w->a)->sequence = world_child(w->b)->replay.top = UINT32_MAX - 50;
		for (int i = 0; i < 100; i++)
			assert_int_equal(world_receive(w, world_send(w))->verdict, ESP_DELIVER);
		assert_int_equal(world_child(w->b)->replay.top, UINT32_MAX + 50ull);
		world_free(w);
	}
}

static void limits_are_told_and_kept(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct esp_child_stats stats;
	struct esp_event event;
	struct world *w;

	(void)state;
	spec.soft_packets = 2;
	spec.hard_bytes = 160;
	w = world_new(&spec);
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 40);
	for (int i = 0; i < 4; i++)
		assert_int_equal(world_send(w)->verdict, ESP_SEND);
	assert_int_equal(world_send(w)->reason, ESP_REASON_EXHAUSTED);
	assert_true(esp_next_event(w->a, &event));
	assert_int_equal(event.kind, ESP_EVENT_SOFT);
	assert_true(esp_next_event(w->a, &event));
	assert_int_equal(event.kind, ESP_EVENT_HARD);
	assert_int_equal(esp_stats(w->a, 1, &stats), 0);
	assert_int_equal(stats.out.packets, 4);
	assert_int_equal(stats.out.bytes, 160);
	assert_int_equal(stats.out.last_used, w->now);
	world_free(w);
}

/* The window against a set of what was seen. */
static void window_model(uint32_t size, bool esn, uint64_t start)
{
	struct replay r = { .size = size, .esn = esn, .top = start };
	uint8_t *seen = calloc(1, 1 << 20);
	uint64_t top = start, base = start > 8192 ? start - 8192 : 0;

	assert_non_null(seen);
	seen[start - base] = 1;
	r.words[start / 64 % REPLAY_WORDS] |= 1ull << start % 64;
	for (int i = 0; i < 20000; i++) {
		uint64_t jump =
			random_below(&world_source, random_below(&world_source, 40) ? 8 : 10000);
		uint64_t back = random_below(&world_source, size + 20ull), number = top + jump,
			 inferred;
		bool want;

		if (back > 10 && number > back)
			number -= back;
		if (number == 0 || number < base || number - base >= 1 << 20 ||
			(!esn && number > UINT32_MAX))
			continue;
		want = number > top || (top - number < size && !seen[number - base]);
		if (!replay_infer(&r, (uint32_t)number, &inferred))
			fail();
		if (number + size > top || !esn)
			assert_int_equal(inferred, number);
		else
			continue; /* left of the window: another upper half, and the ICV would fail */
		assert_int_equal(replay_check(&r, inferred), want);
		if (!want)
			continue;
		replay_update(&r, inferred);
		assert_false(replay_check(&r, inferred));
		seen[number - base] = 1;
		if (number > top)
			top = number;
	}
	free(seen);
}

static void the_window_is_a_set(void **state)
{
	static const uint32_t sizes[] = { 32, 33, 63, 64, 65, 100, 127, 128, 1000, 1024, 2048, 4000,
		4095, 4096 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		world_seed = i + 1;
		window_model(sizes[i], false, 0);
		window_model(sizes[i], true, 0);
		window_model(sizes[i], true, UINT32_MAX - 3000ull);
		window_model(sizes[i], true, (7ull << 32) - 1);
		window_model(sizes[i], true, (7ull << 32) + 10);
	}
}

static void extended_numbers_are_inferred(void **state)
{
	struct replay r = { .size = 64, .esn = true };
	uint64_t n;

	(void)state;
	assert_false(replay_infer(&r, 0, &n));
	assert_false(replay_infer(&r, UINT32_MAX, &n)); /* before the first */
	r.top = (1ull << 32) + 5;
	assert_true(replay_infer(&r, UINT32_MAX, &n));
	assert_int_equal(n, UINT32_MAX);
	assert_true(replay_infer(&r, 0, &n));
	assert_int_equal(n, 1ull << 32);
	r.top = 0x1fffffff0ull;
	assert_true(replay_infer(&r, 3, &n));
	assert_int_equal(n, 0x200000003ull);
	r.top = UINT64_MAX;
	assert_false(replay_infer(&r, 3, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_suite_mode_family_and_esn_round_trips),
		cmocka_unit_test(a_flipped_bit_or_a_missing_octet_is_dropped),
		cmocka_unit_test(what_may_be_is_opened_where_it_lies),
		cmocka_unit_test(a_batch_is_of_many_sas),
		cmocka_unit_test(a_crowd_crosses),
		cmocka_unit_test(a_limit_ends_within_a_crowd),
		cmocka_unit_test(chacha_packet_of_rfc_7634),
		cmocka_unit_test(a_null_packet_is_laid_out_as_drawn),
		cmocka_unit_test(sequence_numbers_end_and_are_never_reused),
		cmocka_unit_test(fragments_stop_at_the_last_sequence_number),
		cmocka_unit_test(esn_passes_the_end_of_32_bits),
		cmocka_unit_test(limits_are_told_and_kept),
		cmocka_unit_test(the_window_is_a_set),
		cmocka_unit_test(extended_numbers_are_inferred),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
