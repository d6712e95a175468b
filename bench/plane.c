/* What the ESP plane needs for a packet, without device and sockets: TCP cut into segments and sealed, then
 * opened and put together again; datagrams of 64 octets likewise. Times are the least of many rounds. AES-GCM is
 * computed by the fastest backend, so that what is left over is ours; the others one by one and many at once. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "esp/esp.h"
#include "esp/offload.h"
#include "wire/ikev2.h"

#define OUTPUTS      64
#define OUTPUT_BYTES (64u * 1024 + ESP_OVERHEAD_MAX)
#define ROUNDS       1000
#define HEADERS      52 /* IPv4, TCP with timestamps */
#define WINDOW       256
#define PACKET_BYTES 1400 /* of a segment: with any of the suites it fits */

struct bench {
	struct esp *moon, *sun;
	struct child_spec spec;
	struct coalescer coalescer;
	struct esp_out sealed[OUTPUTS], opened[OUTPUTS];
	uint8_t sealed_memory[OUTPUTS][OUTPUT_BYTES], opened_memory[OUTPUTS][OUTPUT_BYTES];
	uint8_t packets[OUTPUTS][OUTPUT_BYTES];
};

struct cost {
	double seal, open, join; /* nanoseconds for a packet, the least yet */
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void zeros(void *context, uint8_t *out, size_t size)
{
	(void)context;
	memset(out, 0, size);
}

static struct selectors net_of(uint8_t second)
{
	struct selectors s = { .count = 1 };

	s.list[0] = (struct selector){ .family = 4, .port_last = UINT16_MAX };
	s.list[0].first = s.list[0].last = (struct address){ 4, { 10, second } };
	s.list[0].last.octets[2] = s.list[0].last.octets[3] = 255;
	return s;
}

static struct child_spec spec_of(bool moon, struct seal_suite suite)
{
	struct child_spec s = { .child_id = 1,
		.reqid = 1,
		.protocol = PROTOCOL_ESP,
		.mode = CHILD_TUNNEL,
		.suite = suite,
		.encap = true,
		.replay_window = WINDOW,
		.copy_ecn = true,
		.spi_in = 0x1000 + moon,
		.spi_out = 0x1001 - moon,
		.local = net_of(moon ? 1 : 2),
		.remote = net_of(moon ? 2 : 1) };

	s.path.local = (struct endpoint){ { 4, { 192, 0, 2, moon ? 1 : 2 } }, 4500 };
	s.path.remote = (struct endpoint){ { 4, { 192, 0, 2, moon ? 2 : 1 } }, 4500 };
	s.keys_in.encr.size = s.keys_out.encr.size = suite_encr_key_bytes(&suite);
	s.keys_in.integ.size = s.keys_out.integ.size = suite_integ_key_bytes(&suite);
	return s;
}

static struct esp *plane(const struct esp_options *options, bool moon, struct seal_suite suite)
{
	struct child_spec s = spec_of(moon, suite);
	struct esp *esp = esp_new(options);

	if (!esp || esp_install_in(esp, 1, &s) || esp_install_out(esp, 1, &s)) {
		fprintf(stderr, "plane: the SA can't be installed\n");
		exit(1);
	}
	return esp;
}

static void write_packet(uint8_t *p, uint8_t protocol, size_t size, size_t upper)
{
	memset(p, 7, size);
	memcpy(p,
		(uint8_t[20]){ 0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 1, 0, 1, 10, 2,
			0, 1 },
		20);
	store_u16(p + 2, (uint16_t)size);
	ipv4_checksum(p, 20);
	memset(p + 20, 0, upper);
	store_u16(p + 20, 1000);
	store_u16(p + 22, 80);
	if (protocol == 6) {
		p[32] = (uint8_t)(upper / 4 << 4);
		p[33] = 0x10;
	} else {
		store_u16(p + 24, (uint16_t)(size - 20));
	}
}

static void least(double *best, double took, size_t count)
{
	if (*best == 0 || took / (double)count < *best)
		*best = took / (double)count;
}

/* One round: `packets` go across. */
static size_t cross(
	struct bench *b, const struct esp_packet *packets, size_t count, struct cost *cost)
{
	struct esp_packet in[OUTPUTS];
	struct esp_in received[OUTPUTS];
	struct bytes pieces[BUNDLE_PACKETS];
	size_t used, whole = 0;
	uint16_t segment_bytes;
	double t;

	memcpy(in, packets, count * sizeof(in[0]));
	t = now_ns();
	if (esp_outbound(b->moon, 1, in, count, b->sealed, OUTPUTS, &used) != count)
		exit(1);
	least(&cost->seal, now_ns() - t, used);
	for (size_t i = 0; i < used; i++)
		received[i] = (struct esp_in){ .packet = b->sealed[i].packet,
			.own = b->sealed[i].memory,
			.path = { b->sealed[i].path.remote, b->sealed[i].path.local },
			.encap = true };
	t = now_ns();
	esp_inbound(b->sun, 1, received, used, b->opened);
	least(&cost->open, now_ns() - t, used);
	t = now_ns();
	coalesce_begin(&b->coalescer);
	for (size_t i = 0; i < used; i++) {
		const struct esp_out *o = &b->opened[i];

		if (o->verdict != ESP_DELIVER) {
			fprintf(stderr, "plane: dropped, %s\n", esp_reason_name(o->reason));
			exit(1);
		}
		coalesce_add(&b->coalescer, o->memory + (o->packet.data - o->memory),
			o->packet.size, true);
	}
	for (size_t i = 0; i < b->coalescer.bundle_count; i++)
		whole += coalesce_take(&b->coalescer, i, pieces, &segment_bytes);
	least(&cost->join, now_ns() - t, used);
	return whole;
}

static void run(struct bench *b, const char *name, const struct esp_packet *packets, size_t count)
{
	struct cost cost = { 0 };
	size_t whole = 0;

	for (int i = 0; i < ROUNDS; i++)
		whole = cross(b, packets, count, &cost);
	printf("%-24s %3zu packets: seal %5.0f ns, open %5.0f ns, put together %5.0f ns\n", name,
		whole, cost.seal, cost.open, cost.join);
}

/* A packet of TCP to be cut, its checksum field prepared as the kernel does it. */
static struct esp_packet big_packet(uint8_t *memory)
{
	size_t size = HEADERS + 46 * (PACKET_BYTES - HEADERS);
	uint8_t rest[4] = { 0, 6, (uint8_t)((size - 20) >> 8), (uint8_t)(size - 20) };
	uint32_t sum;

	write_packet(memory, 6, size, HEADERS - 20);
	sum = checksum_add(checksum_add(0, BYTES(memory + 12, 8)), BYTES_OF(rest));
	store_u16(memory + 36, (uint16_t)sum);
	return (struct esp_packet){ .data = BYTES(memory, size),
		.segment_bytes = PACKET_BYTES - HEADERS };
}

static void run_suite(struct bench *b, const struct esp_options *options, const char *name,
	struct seal_suite suite)
{
	struct esp_packet packets[OUTPUTS] = { 0 };

	b->moon = plane(options, true, suite);
	b->sun = plane(options, false, suite);
	printf("%s\n", name);
	packets[0] = big_packet(b->packets[0]);
	run(b, "  TCP, 1 packet cut", packets, 1);
	for (size_t i = 0; i < OUTPUTS; i++) {
		write_packet(b->packets[i], 17, 92, 8);
		packets[i] = (struct esp_packet){ .data = BYTES(b->packets[i], 92) };
	}
	run(b, "  UDP, 64 octets", packets, OUTPUTS);
	esp_free(b->moon);
	esp_free(b->sun);
}

int main(void)
{
	const struct seal_suite gcm = { ENCR_AES_GCM_16, 128, INTEG_NONE },
				cbc = { ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128 },
				ccm = { ENCR_AES_CCM_16, 128, INTEG_NONE };
	struct esp_options options = { .random = { zeros, NULL } };
	struct bench *b = calloc(1, sizeof(*b));

	options.crypto = crypto_new(NULL);
	if (!b || !options.crypto)
		return 1;
	for (size_t i = 0; i < OUTPUTS; i++) {
		b->sealed[i] = (struct esp_out){ .memory = b->sealed_memory[i],
			.memory_size = OUTPUT_BYTES };
		b->opened[i] = (struct esp_out){ .memory = b->opened_memory[i],
			.memory_size = OUTPUT_BYTES };
	}
	(void)cipher_backend_use(options.crypto, CIPHERS_IPSEC_MB, ENCR_AES_GCM_16);
	run_suite(b, &options, "AES-128-GCM", gcm);
	run_suite(b, &options, "AES-128-CBC with HMAC-SHA2-256, one by one", cbc);
	if (cipher_many_use(options.crypto, &cbc, true))
		run_suite(b, &options, "AES-128-CBC with HMAC-SHA2-256, many at once", cbc);
	run_suite(b, &options, "AES-128-CCM, one by one", ccm);
	if (cipher_many_use(options.crypto, &ccm, true))
		run_suite(b, &options, "AES-128-CCM, many at once", ccm);
	crypto_free(options.crypto);
	free(b);
	return 0;
}
