/* Segmentation offload against a plain reference: what is cut is what a sender would have sent packet by
 * packet, what is put together is cut into the same packets again, and no flow is reordered. */
#include "esp_world.h"

#include <stdio.h>

#define ROUNDS    3000
#define PACKETS   48
#define FLOWS     5
#define WHOLE_MAX 65535

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(seed >> 4) * below >> 28);
}

/* Checksums, as slowly as RFC 1071 describes them. */

static uint32_t plain_sum(const uint8_t *data, size_t size)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < size; i++) {
		sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static void sums_are_those_of_rfc_1071(void **state)
{
	uint8_t data[600];

	(void)state;
	seed = 1;
	for (int round = 0; round < ROUNDS; round++) {
		size_t at = draw(16), size = draw(sizeof(data) - 16);
		uint32_t before = draw(1 << 20), want;

		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (uint8_t)(draw(4) ? draw(256) : 255);
		want = (uint16_t)~checksum_end(plain_sum(data + at, size) + before);
		assert_int_equal(
			(uint16_t)~checksum_end(checksum_add(before, BYTES(data + at, size))),
			want);
	}
}

/* One flow and the packets that its sender makes. */
struct sender {
	bool ipv6, tcp, df;
	size_t options; /* of TCP, in octets */
	uint8_t tos, hops, number;
	uint16_t id, window, port;
	uint32_t sequence, acknowledged;
};

static struct sender sender_draw(uint8_t number)
{
	return (struct sender){ .ipv6 = draw(2),
		.tcp = draw(3),
		.df = draw(2),
		.options = draw(2) * 12,
		.tos = (uint8_t)draw(256),
		.hops = (uint8_t)(1 + draw(255)),
		.number = number,
		.id = (uint16_t)draw(65536),
		.window = (uint16_t)draw(65536),
		.port = (uint16_t)(number * 3),
		.sequence = draw(1 << 28) * 16 + draw(16),
		.acknowledged = draw(1 << 28) };
}

static size_t upper_of(const struct sender *f)
{
	return f->ipv6 ? 40 : 20;
}

static size_t headers_of(const struct sender *f)
{
	return upper_of(f) + (f->tcp ? 20 + f->options : 8);
}

/* Both ends of the flow, then protocol and length: what the upper checksum covers beside its own. */
static uint32_t pseudo_sum(const struct sender *f, const uint8_t *packet, size_t upper_size)
{
	uint32_t sum = f->ipv6 ? plain_sum(packet + 8, 32) : plain_sum(packet + 12, 8);

	return sum + (f->tcp ? 6 : 17) + (uint32_t)upper_size;
}

static void write_ip(const struct sender *f, struct writer *w, size_t size)
{
	uint8_t protocol = f->tcp ? PROTOCOL_TCP : PROTOCOL_UDP;

	if (f->ipv6) {
		write_u32(w, 0x60000000 | (uint32_t)f->tos << 20 | 0x12345);
		write_u16(w, (uint16_t)(size - 40));
		write_u8(w, protocol);
		write_u8(w, f->hops);
		write_u64(w, 0xfd01000000000000), write_u64(w, 1);
		write_u64(w, 0xfd02000000000000), write_u64(w, 1);
		return;
	}
	write_u8(w, 0x45);
	write_u8(w, f->tos);
	write_u16(w, (uint16_t)size);
	write_u16(w, f->id);
	write_u16(w, f->df ? 0x4000 : 0);
	write_u8(w, f->hops);
	write_u8(w, protocol);
	write_u16(w, 0);
	write_u32(w, 0x0a010001);
	write_u32(w, 0x0a020001);
	store_u16(w->start + 10, checksum_end(plain_sum(w->start, 20)));
}

/* The sender's next packet: `incomplete` leaves the checksum as the kernel does. */
static size_t packet_write(const struct sender *f, uint8_t *out, const uint8_t *payload,
	size_t payload_size, uint8_t flags, bool incomplete)
{
	size_t size = headers_of(f) + payload_size, upper_size = size - upper_of(f);
	struct writer w = writer_of(out, size);
	uint8_t *field = out + upper_of(f) + (f->tcp ? 16 : 6);
	uint32_t sum;

	write_ip(f, &w, size);
	write_u16(&w, 1000);
	write_u16(&w, f->port);
	if (f->tcp) {
		write_u32(&w, f->sequence);
		write_u32(&w, f->acknowledged);
		write_u8(&w, (uint8_t)((20 + f->options) / 4 << 4));
		write_u8(&w, flags);
		write_u16(&w, f->window);
		write_u32(&w, 0);
		for (size_t i = 0; i < f->options; i++)
			write_u8(&w, (uint8_t)(i < 2 ? 1 : i));
	} else {
		write_u16(&w, (uint16_t)upper_size);
		write_u16(&w, 0);
	}
	write_bytes(&w, BYTES(payload, payload_size));
	assert_true(writer_ok(&w));

	sum = pseudo_sum(f, out, upper_size);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	if (!incomplete) {
		sum = checksum_end(sum + plain_sum(out + upper_of(f), upper_size));
		sum = sum == 0 && !f->tcp ? 0xffff : sum;
	}
	store_u16(field, (uint16_t)sum);
	return size;
}

static void sender_advance(struct sender *f, size_t payload_size)
{
	f->sequence += (uint32_t)payload_size;
	f->id++;
}

static uint8_t flags_of(uint8_t flags, bool first, bool last)
{
	return (uint8_t)(flags & ~((first ? 0 : 0x80) | (last ? 0 : 0x09)));
}

/* Cutting. */

static void segments_are_what_a_sender_sends(void **state)
{
	static uint8_t payload[WHOLE_MAX], whole[WHOLE_MAX], want[WHOLE_MAX], got[WHOLE_MAX];

	(void)state;
	seed = 2;
	for (int round = 0; round < ROUNDS / 10; round++) {
		struct sender f = sender_draw(1);
		size_t size = draw(WHOLE_MAX + 1 - (uint32_t)headers_of(&f));
		size_t each = 1 + draw(draw(2) ? 100 : 9000), at = 0;
		uint8_t flags = (uint8_t)(0x10 | draw(256));
		struct segments s;
		struct flow flow;

		for (size_t i = 0; i < size; i++)
			payload[i] = (uint8_t)draw(256);
		packet_write(&f, whole, payload, size, flags, true);
		assert_true(flow_read(BYTES(whole, headers_of(&f) + size), &flow));
		assert_true(segments_read(&flow, BYTES_OF(whole), each, &s));
		assert_int_equal(s.count, size ? (size + each - 1) / each : 1);
		for (size_t i = 0; i < s.count; i++) {
			size_t piece = size - at < each ? size - at : each;
			size_t n = packet_write(&f, want, payload + at, piece,
				flags_of(flags, i == 0, i + 1 == s.count), false);

			assert_int_equal(segment_size(&s, i), n);
			segment_write(&s, i, got);
			assert_memory_equal(got, want, n);
			sender_advance(&f, piece);
			at += piece;
		}
		assert_int_equal(at, size);
	}
}

static void only_tcp_and_udp_can_be_cut(void **state)
{
	uint8_t packet[200], payload[100] = { 0 };
	struct sender f = { .tcp = true, .hops = 64 };
	size_t size = packet_write(&f, packet, payload, sizeof(payload), 0x10, true);
	struct segments s;
	struct flow flow;

	(void)state;
	assert_true(flow_read(BYTES(packet, size), &flow));
	assert_true(segments_read(&flow, BYTES(packet, size), 10, &s));
	assert_false(segments_read(&flow, BYTES(packet, size), 0, &s));
	packet[32] = 0x40; /* a header of 16 octets */
	assert_false(segments_read(&flow, BYTES(packet, size), 10, &s));
	packet[32] = 0xf0;
	flow.size = 40;
	assert_false(segments_read(&flow, BYTES(packet, 40), 10, &s));
	packet[32] = 0x50;
	packet[9] = 47;
	assert_true(flow_read(BYTES(packet, size), &flow));
	assert_false(segments_read(&flow, BYTES(packet, size), 10, &s));
	packet[9] = 6;
	packet[6] = 0x20; /* more fragments */
	assert_true(flow_read(BYTES(packet, size), &flow));
	assert_false(segments_read(&flow, BYTES(packet, size), 10, &s));
}

/* Putting together. */

struct batch {
	size_t count;
	uint8_t packets[PACKETS][2000], before[PACKETS][2000];
	size_t sizes[PACKETS];
};

/* One bit, but it stays an IP packet of that size: what the plane delivers is. */
static void damage(uint8_t *packet, size_t size)
{
	struct flow flow;

	for (;;) {
		uint8_t *at = &packet[draw((uint32_t)size)], bit = (uint8_t)(1 << draw(8));

		*at ^= bit;
		if (flow_read(BYTES(packet, size), &flow) && flow.size == size)
			return;
		*at ^= bit;
	}
}

/* Packets of a few flows, mostly ones that follow each other; some have something wrong. */
static void batch_draw(struct batch *b)
{
	struct sender flows[FLOWS];
	size_t mss = 1 + draw(draw(2) ? 30 : 1300);
	uint8_t payload[2000];

	for (uint8_t i = 0; i < FLOWS; i++)
		flows[i] = sender_draw(i);
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)draw(256);
	for (b->count = 0; b->count < PACKETS; b->count++) {
		struct sender *f = &flows[draw(draw(2) ? 1 : FLOWS)];
		size_t i = b->count, size = draw(10) ? mss : draw((uint32_t)mss + 2);
		uint8_t flags = (uint8_t)(draw(12) ? 0x10 : draw(2) ? 0x18 : draw(256));

		b->sizes[i] =
			packet_write(f, b->packets[i], payload + draw(100), size, flags, false);
		if (draw(25) == 0)
			f->acknowledged++;
		if (draw(25) == 0)
			f->id = (uint16_t)draw(65536);
		if (draw(25))
			sender_advance(f, size);
		if (draw(30) == 0)
			damage(b->packets[i], b->sizes[i]);
		memcpy(b->before[i], b->packets[i], b->sizes[i]);
	}
}

/* The packets that a bundle stands for, cut again. */
static size_t bundle_cut(const struct bytes *pieces, size_t count, uint16_t segment_bytes,
	uint8_t out[][2000], size_t *sizes)
{
	static uint8_t whole[2 * WHOLE_MAX];
	struct segments s;
	struct flow flow;
	size_t size = 0;

	for (size_t i = 0; i < count; i++) {
		memcpy(whole + size, pieces[i].data, pieces[i].size);
		size += pieces[i].size;
	}
	if (!segment_bytes) {
		assert_int_equal(count, 1);
		memcpy(out[0], whole, size);
		sizes[0] = size;
		return 1;
	}
	assert_true(count > 1);
	assert_true(flow_read(BYTES(whole, size), &flow));
	assert_int_equal(flow.size, size);
	assert_true(segments_read(&flow, BYTES(whole, size), segment_bytes, &s));
	assert_int_equal(s.count, count);
	for (size_t i = 0; i < count; i++) {
		sizes[i] = segment_size(&s, i);
		segment_write(&s, i, out[i]);
	}
	return count;
}

/* As if the identification were the first one's and counted on: it says nothing where DF is set. */
static bool same_packet(const uint8_t *got, const uint8_t *before, size_t size)
{
	uint8_t copy[2000];

	memcpy(copy, before, size);
	if (before[0] == 0x45 && before[6] & 0x40 && memcmp(got, before, size) != 0) {
		memcpy(copy + 4, got + 4, 2);
		memcpy(copy + 10, got + 10, 2);
	}
	return memcmp(got, copy, size) == 0;
}

static bool of_one_flow(const uint8_t *a, const uint8_t *b)
{
	bool ipv4 = a[0] >> 4 == 4;
	size_t addresses = ipv4 ? 12 : 8, upper = ipv4 ? 20 : 40, protocol = ipv4 ? 9 : 6;

	return a[0] >> 4 == b[0] >> 4 && a[protocol] == b[protocol] &&
		memcmp(a + addresses, b + addresses, upper - addresses + 4) == 0;
}

static size_t batch_check(struct batch *b)
{
	static struct coalescer c;
	static uint8_t cut[PACKETS][2000];
	size_t cut_sizes[PACKETS], order[PACKETS], done = 0;
	bool found[PACKETS] = { false };

	coalesce_begin(&c);
	for (size_t i = 0; i < b->count; i++)
		coalesce_add(&c, b->packets[i], b->sizes[i], true);
	for (size_t i = 0; i < c.bundle_count; i++) {
		struct bytes pieces[BUNDLE_PACKETS];
		uint16_t segment_bytes, at = c.bundles[i].first;
		size_t count = coalesce_take(&c, i, pieces, &segment_bytes);

		bundle_cut(pieces, count, segment_bytes, cut, cut_sizes);
		for (size_t n = 0; n < count; n++, at = c.next[at]) {
			assert_false(found[at]);
			found[at] = true;
			assert_int_equal(cut_sizes[n], b->sizes[at]);
			assert_true(same_packet(cut[n], b->before[at], cut_sizes[n]));
			order[done++] = at;
		}
	}
	assert_int_equal(done, b->count);
	for (size_t i = 0; i < done; i++) {
		for (size_t j = i + 1; j < done; j++)
			assert_false(order[j] < order[i] &&
				of_one_flow(b->before[order[i]], b->before[order[j]]));
	}
	return b->count - c.bundle_count;
}

static void bundles_are_cut_into_what_they_were_made_of(void **state)
{
	static struct batch b;
	size_t saved = 0;

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		seed = round;
		batch_draw(&b);
		saved += batch_check(&b);
	}
	assert_true(saved > ROUNDS * PACKETS / 4);
}

/* How many bundles these two make, the second changed by `change`. */
typedef void change_fn(struct sender *f);

static size_t bundles_of(const struct sender *sender, change_fn *change, uint8_t flags)
{
	static struct coalescer c;
	struct sender f = *sender;
	uint8_t one[200], other[200], payload[100] = { 7 };
	size_t size = packet_write(&f, one, payload, 100, 0x10, false);

	coalesce_begin(&c);
	coalesce_add(&c, one, size, true);
	sender_advance(&f, 100);
	if (change)
		change(&f);
	size = packet_write(&f, other, payload, 100, flags, false);
	coalesce_add(&c, other, size, true);
	return c.bundle_count;
}

static void change_sequence(struct sender *f)
{
	f->sequence++;
}
static void change_acknowledged(struct sender *f)
{
	f->acknowledged++;
}
static void change_window(struct sender *f)
{
	f->window++;
}
static void change_tos(struct sender *f)
{
	f->tos ^= 1;
}
static void change_hops(struct sender *f)
{
	f->hops++;
}
static void change_port(struct sender *f)
{
	f->port++;
}
static void change_options(struct sender *f)
{
	f->options = 12;
}
static void change_id(struct sender *f)
{
	f->id++;
}
static void change_df(struct sender *f)
{
	f->df = !f->df;
}

static void what_differs_stays_apart(void **state)
{
	struct sender f = { .tcp = true, .df = true, .hops = 9 };
	change_fn *const all[] = { change_sequence, change_acknowledged, change_window, change_tos,
		change_hops, change_port, change_options, change_df };

	(void)state;
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		f.ipv6 = ipv6;
		assert_int_equal(bundles_of(&f, NULL, 0x10), 1);
		assert_int_equal(bundles_of(&f, NULL, 0x18), 1); /* PSH */
		for (size_t i = 0; i < COUNT_OF(all) - ipv6; i++)
			assert_int_equal(bundles_of(&f, all[i], 0x10), 2);
		for (uint8_t flags = 1; flags; flags = (uint8_t)(flags << 1))
			if (flags != 0x10 && flags != 0x08)
				assert_int_equal(bundles_of(&f, NULL, 0x10 | flags), 2);
	}
	f.ipv6 = false;
	assert_int_equal(bundles_of(&f, change_id, 0x10), 1);
	f.df = false;
	assert_int_equal(bundles_of(&f, change_id, 0x10), 2);
	f.tcp = false;
	assert_int_equal(bundles_of(&f, NULL, 0), 1);
	assert_int_equal(bundles_of(&f, change_port, 0), 2);
}

/* Through the plane. */

static struct esp_packet big_packet(struct world *w, struct sender *f, size_t size, uint16_t each)
{
	static uint8_t payload[WHOLE_MAX];

	for (size_t i = 0; i < size; i++)
		payload[i] = (uint8_t)(i * 7 + i / 256);
	w->size = packet_write(f, w->packet, payload, size, 0x18, true);
	return (struct esp_packet){ .data = BYTES(w->packet, w->size), .segment_bytes = each };
}

static struct segments cut_of(const struct esp_packet *p)
{
	struct segments s;
	struct flow flow;

	assert_true(flow_read(p->data, &flow));
	assert_true(segments_read(&flow, p->data, p->segment_bytes, &s));
	return s;
}

/* More segments than outputs: the plane goes on where it was. */
static void every_segment_is_a_packet_of_its_own(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 8; bits++) {
		struct child_spec spec = spec_of(bits & 1 ? GCM : CBC, CHILD_TUNNEL, 4, 4);
		struct sender f = { .tcp = !(bits & 2), .df = true, .hops = 64, .tos = 0x2a };
		struct world *w = world_new(&spec);
		struct esp_packet in = big_packet(w, &f, 20001, bits & 4 ? 1300 : 700);
		struct segments s = cut_of(&in);
		struct esp_child_stats stats;
		uint8_t want[2000];
		size_t index = 0, consumed = 0, bytes = 0;

		while (!consumed) {
			consumed = esp_outbound(w->a, 1, &in, 1, w->out, OUTS, &w->used);
			assert_true(w->used > 0);
			for (size_t i = 0; i < w->used; i++, index++) {
				struct esp_out *back;

				assert_int_equal(w->out[i].verdict, ESP_SEND);
				assert_true(w->out[i].df);
				assert_int_equal(w->out[i].tos & 3, 2);
				assert_int_equal(load_u32(w->out[i].packet.data + 4), index + 1);
				back = world_receive(w, &w->out[i]);
				assert_int_equal(back->verdict, ESP_DELIVER);
				segment_write(&s, index, want);
				assert_int_equal(back->packet.size, segment_size(&s, index));
				assert_memory_equal(back->packet.data, want, back->packet.size);
				bytes += back->packet.size;
			}
		}
		assert_int_equal(index, s.count);
		assert_int_equal(esp_stats(w->a, 1, &stats), 0);
		assert_int_equal(stats.out.packets, s.count);
		assert_int_equal(stats.out.bytes, bytes);
		world_free(w);
	}
}

static void a_limit_ends_within_a_big_packet(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct sender f = { .tcp = true, .df = true, .hops = 64 };
	struct esp_packet in;
	struct world *w;

	(void)state;
	spec.hard_packets = 3;
	w = world_new(&spec);
	in = big_packet(w, &f, 5000, 1000);
	assert_int_equal(esp_outbound(w->a, 1, &in, 1, w->out, OUTS, &w->used), 1);
	assert_int_equal(w->used, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(w->out[i].verdict, i < 3 ? ESP_SEND : ESP_DROP);
	assert_int_equal(esp_drops(w->a, ESP_REASON_EXHAUSTED), 2);
	world_free(w);
}

static void one_reply_says_that_segments_are_too_big(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct sender f = { .tcp = true, .df = true, .hops = 64, .sequence = 77 };
	struct world *w = world_new(&spec);
	struct esp_packet in = big_packet(w, &f, 9000, 1460);

	(void)state;
	assert_int_equal(esp_outbound(w->a, 1, &in, 1, w->out, OUTS, &w->used), 1);
	assert_int_equal(w->used, 1);
	assert_int_equal(w->out[0].verdict, ESP_REPLY);
	assert_int_equal(load_u16(w->out[0].packet.data + 28 + 2), 1500); /* it quotes a segment */
	assert_int_equal(load_u32(w->out[0].packet.data + 28 + 24), 77);
	assert_int_equal(esp_drops(w->a, ESP_REASON_TOO_BIG), 7);
	world_free(w);
}

/* Without DF each is fragmented, as it would be had it come alone. */
static void segments_are_fragmented_where_they_may_be(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct sender f = { .tcp = true, .hops = 64 };
	struct world *w = world_new(&spec);
	struct esp_packet in = big_packet(w, &f, 4 * 1460, 1460);
	size_t sent = 0;

	(void)state;
	for (size_t consumed = 0; !consumed; sent += w->used) {
		consumed = esp_outbound(w->a, 1, &in, 1, w->out, OUTS - 1, &w->used);
		for (size_t i = 0; i < w->used; i++) {
			struct esp_out *back = world_receive(w, &w->out[i]);

			assert_int_equal(back->verdict, ESP_DELIVER);
			assert_int_equal(
				!(load_u16(back->packet.data + 6) & 0x1fff), (sent + i + 1) % 2);
		}
	}
	assert_int_equal(sent, 8);
	world_free(w);
}

static void a_trap_keeps_segments(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct sender f = { .tcp = true, .df = true, .hops = 64 };
	struct world *w = world_new(&spec);
	struct esp_packet in = big_packet(w, &f, 5000, 1000);
	struct esp_trap_stats stats;
	uint8_t want[2000];
	struct segments s = cut_of(&in);

	(void)state;
	assert_int_equal(esp_trap(w->a, &spec), 0);
	assert_int_equal(esp_remove(w->a, 1), 0);
	assert_int_equal(esp_outbound(w->a, 1, &in, 1, w->out, OUTS, &w->used), 1);
	assert_int_equal(w->used, 5);
	assert_int_equal(esp_trap_stats(w->a, 1, &stats), 0);
	assert_int_equal(stats.kept_packets, 5);
	install(w->a, &spec);
	assert_int_equal(esp_release(w->a, 2, w->out, OUTS), 5);
	for (size_t i = 0; i < 5; i++) {
		struct esp_out *back = world_receive(w, &w->out[i]);

		segment_write(&s, i, want);
		assert_int_equal(back->verdict, ESP_DELIVER);
		assert_memory_equal(back->packet.data, want, segment_size(&s, i));
	}
	world_free(w);
}

static void transport_mode_carries_segments(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TRANSPORT, 4, 4);
	struct sender f = { .tcp = true, .df = true, .hops = 64 };
	struct world *w;
	struct esp_packet in;
	struct segments s;
	uint8_t want[2000];

	(void)state;
	spec.local = selectors_of("10.1.0.1", "10.1.0.1");
	spec.remote = selectors_of("10.2.0.1", "10.2.0.1");
	spec.path.local.address = spec.local.list[0].first;
	spec.path.remote.address = spec.remote.list[0].first;
	w = world_new(&spec);
	in = big_packet(w, &f, 5000, 1000);
	s = cut_of(&in);
	assert_int_equal(esp_outbound(w->a, 1, &in, 1, w->out, OUTS, &w->used), 1);
	assert_int_equal(w->used, 5);
	for (size_t i = 0; i < 5; i++) {
		struct esp_out *back = world_receive(w, &w->out[i]);

		segment_write(&s, i, want);
		assert_int_equal(back->verdict, ESP_DELIVER);
		assert_memory_equal(back->packet.data + 20, want + 20, segment_size(&s, i) - 20);
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_those_of_rfc_1071),
		cmocka_unit_test(segments_are_what_a_sender_sends),
		cmocka_unit_test(only_tcp_and_udp_can_be_cut),
		cmocka_unit_test(bundles_are_cut_into_what_they_were_made_of),
		cmocka_unit_test(what_differs_stays_apart),
		cmocka_unit_test(every_segment_is_a_packet_of_its_own),
		cmocka_unit_test(a_limit_ends_within_a_big_packet),
		cmocka_unit_test(one_reply_says_that_segments_are_too_big),
		cmocka_unit_test(segments_are_fragmented_where_they_may_be),
		cmocka_unit_test(a_trap_keeps_segments),
		cmocka_unit_test(transport_mode_carries_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
