/* What a packet of one SA costs where that is the only one and where 100,000 others are installed, sealed and
 * opened, both in turn so that whatever else the machine does befalls both alike. And what an SA costs that comes
 * or goes, where there are few and where there are many. */
#include "crypto/crypto.h"
#include "esp/esp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OTHERS       100000u
#define FEW          5000u
#define BATCH        64
#define BATCHES      400
#define ROUNDS       15
#define PACKET_BYTES 1400
#define BUFFER_BYTES (PACKET_BYTES + 2 * ESP_OVERHEAD_MAX)

/* Two planes that face each other. */
struct pair {
	struct esp *from, *to;
	uint32_t first, sas; /* their numbers */
};

static uint8_t packets[BATCH][PACKET_BYTES];
static uint8_t sealed[BATCH][BUFFER_BYTES], opened[BATCH][BUFFER_BYTES];

/* Of the processor: the machine may have other things to do. */
static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fill(void *context, uint8_t *out, size_t size)
{
	(void)context;
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)rand();
}

static struct selectors network(uint32_t address, uint32_t mask)
{
	struct selectors s = { .count = 1,
		.list = { { .family = 4,
			.port_last = UINT16_MAX,
			.first.family = 4,
			.last.family = 4 } } };

	store_u32(s.list[0].first.octets, address & mask);
	store_u32(s.list[0].last.octets, address | ~mask);
	return s;
}

/* SA 0 is a site's, 10.0.0.0/16 to 10.1.0.0/16; the others are clients with an address each. */
static struct child_spec spec_of(uint32_t number, bool mirrored)
{
	struct child_spec s = { .child_id = number + 1,
		.reqid = number + 1,
		.protocol = 3,
		.spi_in = 0x10000000 + number,
		.spi_out = 0x20000000 + number,
		.copy_ecn = true,
		.replay_window = 1024,
		.suite = { .encr = ENCR_AES_GCM_16, .key_bits = 128 } };

	s.path.local = (struct endpoint){ { .family = 4, .octets = { 192, 0, 2, 1 } }, 4500 };
	s.path.remote = (struct endpoint){ { .family = 4, .octets = { 192, 0, 2, 2 } }, 4500 };
	s.local = network(0x0a000000, 0xffff0000);
	s.remote =
		number ? network(0x0b000000 + number, 0xffffffff) : network(0x0a010000, 0xffff0000);
	s.keys_in.encr.size = s.keys_out.encr.size = suite_encr_key_bytes(&s.suite);
	if (mirrored) {
		struct selectors local = s.local;

		s.spi_in = 0x20000000 + number;
		s.spi_out = 0x10000000 + number;
		s.local = s.remote;
		s.remote = local;
	}
	return s;
}

static void install(struct esp *esp, uint32_t number, bool mirrored)
{
	const struct child_spec spec = spec_of(number, mirrored);

	if (esp_install_in(esp, 1, &spec) < 0 || esp_install_out(esp, 1, &spec) < 0) {
		fprintf(stderr, "lookup: SA %u could not be installed\n", number);
		exit(1);
	}
}

static struct pair pair_new(struct crypto *crypto)
{
	const struct esp_options options = { .crypto = crypto, .random = { .fill = fill } };
	struct pair p = { esp_new(&options), esp_new(&options), 0, 0 };

	if (!p.from || !p.to) {
		fprintf(stderr, "lookup: there is no memory\n");
		exit(1);
	}
	return p;
}

/* Installs more until there are so many. Returns what each took, at both ends. */
static double grow(struct pair *p, uint32_t sas)
{
	double begin = seconds();
	uint32_t before = p->sas;

	for (; p->sas < sas; p->sas++) {
		install(p->from, p->first + p->sas, false);
		install(p->to, p->first + p->sas, true);
	}
	return (seconds() - begin) / (sas - before);
}

/* Removes the oldest until there are so many. Returns what each took. */
static double shrink(struct pair *p, uint32_t sas)
{
	double begin = seconds();
	uint32_t before = p->sas;

	for (; p->sas > sas; p->sas--) {
		p->first++; /* its child_id */
		(void)esp_remove(p->from, p->first);
		(void)esp_remove(p->to, p->first);
	}
	return (seconds() - begin) / (before - sas);
}

/* UDP from 10.0.0.1 to 10.1.0.1, or to a client. */
static void packet_make(uint8_t packet[static PACKET_BYTES], uint32_t to)
{
	memset(packet, 0, PACKET_BYTES);
	packet[0] = 0x45;
	store_u16(packet + 2, PACKET_BYTES);
	packet[8] = 64;
	packet[9] = 17;
	store_u32(packet + 12, 0x0a000001);
	store_u32(packet + 16, to);
	store_u16(packet + 24, PACKET_BYTES - 20);
}

static void stop_where_dropped(const struct esp_out *out, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (out[i].verdict == ESP_DROP) {
			fprintf(stderr, "lookup: a packet was dropped: %s\n",
				esp_reason_name(out[i].reason));
			exit(1);
		}
}

/* Seals and opens a batch. */
static void batch_run(const struct pair *p)
{
	struct esp_packet in[BATCH];
	struct esp_out out[BATCH], back[BATCH];
	struct esp_in received[BATCH];
	size_t used;

	for (size_t i = 0; i < BATCH; i++) {
		in[i] = (struct esp_packet){ .data = BYTES(packets[i], PACKET_BYTES) };
		out[i] = (struct esp_out){ .memory = sealed[i], .memory_size = BUFFER_BYTES };
		back[i] = (struct esp_out){ .memory = opened[i], .memory_size = BUFFER_BYTES };
	}
	(void)esp_outbound(p->from, 1, in, BATCH, out, BATCH, &used);
	stop_where_dropped(out, used);
	for (size_t i = 0; i < BATCH; i++)
		received[i] = (struct esp_in){ .packet = out[i].packet,
			.path = { out[i].path.remote, out[i].path.local } };
	esp_inbound(p->to, 1, received, BATCH, back);
	stop_where_dropped(back, BATCH);
}

static double packet_seconds(const struct pair *p)
{
	double begin = seconds();

	for (unsigned i = 0; i < BATCHES; i++)
		batch_run(p);
	return (seconds() - begin) / (BATCHES * BATCH);
}

/* Every packet falls under another SA: what the processor's caches don't hold is paid for each time. */
static double scattered_seconds(const struct pair *p)
{
	double begin = seconds(), made = 0;
	uint32_t client = 0;

	for (unsigned i = 0; i < BATCHES; i++) {
		double making = seconds();

		for (size_t j = 0; j < BATCH; j++) {
			client = (client + 7919) % (p->sas - 1);
			packet_make(packets[j], 0x0b000001 + client);
		}
		made += seconds() - making;
		batch_run(p);
	}
	return (seconds() - begin - made) / (BATCHES * BATCH);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double values[static ROUNDS])
{
	qsort(values, ROUNDS, sizeof(*values), ascending);
	return values[ROUNDS / 2];
}

int main(void)
{
	struct crypto *crypto = crypto_new(NULL);
	struct pair one = pair_new(crypto), many = pair_new(crypto);
	double alone[ROUNDS], among[ROUNDS], ratios[ROUNDS];

	(void)grow(&one, 1);
	printf("an SA that comes, of the first %u  %7.0f ns\n", FEW, grow(&many, FEW) * 1e9);
	printf("the same of all that follow          %7.0f ns\n", grow(&many, OTHERS + 1) * 1e9);
	for (size_t i = 0; i < BATCH; i++)
		packet_make(packets[i], 0x0a010001);
	for (size_t i = 0; i < ROUNDS; i++) {
		alone[i] = packet_seconds(&one);
		among[i] = packet_seconds(&many);
		ratios[i] = among[i] / alone[i];
	}
	printf("a packet sealed and opened           %7.0f ns where there is one SA\n",
		median(alone) * 1e9);
	printf("the same with %u others          %7.0f ns\n", OTHERS, median(among) * 1e9);
	printf("ratio                                %7.2f\n", median(ratios));
	printf("each packet of another SA            %7.0f ns\n", scattered_seconds(&many) * 1e9);
	printf("an SA that goes, of the first %u   %7.0f ns\n", FEW,
		shrink(&many, OTHERS + 1 - FEW) * 1e9);
	(void)shrink(&many, FEW);
	printf("the same of the last %u            %7.0f ns\n", FEW, shrink(&many, 0) * 1e9);
	esp_free(one.from);
	esp_free(one.to);
	esp_free(many.from);
	esp_free(many.to);
	crypto_free(crypto);
	return 0;
}
