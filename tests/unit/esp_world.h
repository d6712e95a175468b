/* Two ESP planes facing each other, and packets to put through them. */
#pragma once

#include "esp/internal.h"
#include "wire/ikev2.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define BUFFER_BYTES    70000
#define OUTS            8
#define SPI_A           0x1000
#define SPI_B           0x2000

struct world {
	struct crypto *crypto;
	struct esp *a, *b;
	struct child_spec spec_a, spec_b;
	struct esp_out out[OUTS];
	size_t used;
	struct esp_out back;
	uint8_t packet[BUFFER_BYTES];
	size_t size;
	ike_time now;
};

static void world_random(void *context, uint8_t *out, size_t size)
{
	uint64_t *state = context;

	for (size_t i = 0; i < size; i++) {
		*state = *state * 6364136223846793005ull + 1442695040888963407ull;
		out[i] = (uint8_t)(*state >> 56);
	}
}

static uint64_t world_seed;
static const struct random_source world_source = { world_random, &world_seed };

/* Drawn from world_seed. */
static inline uint32_t roll(uint32_t below)
{
	uint8_t octets[4];

	world_random(&world_seed, octets, sizeof(octets));
	return load_u32(octets) % below;
}

static inline struct address address_of(const char *text)
{
	struct address a;

	assert_int_equal(address_parse(text, &a), 0);
	return a;
}

static inline struct selector selector_of(const char *first, const char *last)
{
	struct address a = address_of(first);

	return (struct selector){
		.family = a.family, .port_last = UINT16_MAX, .first = a, .last = address_of(last)
	};
}

static inline struct selectors selectors_of(const char *first, const char *last)
{
	return (struct selectors){ .count = 1, .list = { selector_of(first, last) } };
}

static inline void key_fill(struct secret *s, size_t size, uint8_t start)
{
	s->size = size;
	for (size_t i = 0; i < size; i++)
		s->data[i] = (uint8_t)(start + i * 7);
}

static inline struct child_spec spec_of(
	struct seal_suite suite, enum child_mode mode, int outer, int inner)
{
	struct child_spec s = { .child_id = 1,
		.reqid = 1,
		.protocol = PROTOCOL_ESP,
		.mode = mode,
		.suite = suite,
		.spi_in = SPI_A,
		.spi_out = SPI_B,
		.copy_ecn = true,
		.replay_window = 64 };

	s.path.local =
		(struct endpoint){ address_of(outer == 4 ? "192.0.2.1" : "2001:db8::1"), 4500 };
	s.path.remote =
		(struct endpoint){ address_of(outer == 4 ? "192.0.2.2" : "2001:db8::2"), 4500 };
	if (mode == CHILD_TRANSPORT) {
		s.local = (struct selectors){ 1,
			{ selector_of(outer == 4 ? "192.0.2.1" : "2001:db8::1",
				outer == 4 ? "192.0.2.1" : "2001:db8::1") } };
		s.remote = (struct selectors){ 1,
			{ selector_of(outer == 4 ? "192.0.2.2" : "2001:db8::2",
				outer == 4 ? "192.0.2.2" : "2001:db8::2") } };
	} else {
		s.local = inner == 4 ? selectors_of("10.1.0.0", "10.1.255.255")
				     : selectors_of("fd01::", "fd01::ffff");
		s.remote = inner == 4 ? selectors_of("10.2.0.0", "10.2.255.255")
				      : selectors_of("fd02::", "fd02::ffff");
	}
	key_fill(&s.keys_in.encr, suite_encr_key_bytes(&suite), 1);
	key_fill(&s.keys_in.integ, suite_integ_key_bytes(&suite), 50);
	key_fill(&s.keys_out.encr, suite_encr_key_bytes(&suite), 100);
	key_fill(&s.keys_out.integ, suite_integ_key_bytes(&suite), 150);
	return s;
}

static inline struct child_spec spec_mirrored(const struct child_spec *s)
{
	struct child_spec m = *s;

	m.path = (struct ike_path){ .local = s->path.remote, .remote = s->path.local };
	m.spi_in = s->spi_out;
	m.spi_out = s->spi_in;
	m.keys_in = s->keys_out;
	m.keys_out = s->keys_in;
	m.local = s->remote;
	m.remote = s->local;
	return m;
}

static inline void install(struct esp *esp, const struct child_spec *s)
{
	assert_int_equal(esp_install_in(esp, 1, s), 0);
	assert_int_equal(esp_install_out(esp, 1, s), 0);
}

static inline struct world *world_new(const struct child_spec *spec)
{
	struct world *w = calloc(1, sizeof(*w));
	struct esp_options options = { .random = world_source };

	assert_non_null(w);
	w->crypto = options.crypto = crypto_new(NULL);
	(void)cipher_many_use(w->crypto, &spec->suite, true); /* where it is quicker for many */
	w->a = esp_new(&options);
	w->b = esp_new(&options);
	w->spec_a = *spec;
	w->spec_b = spec_mirrored(spec);
	w->now = NS_PER_SECOND;
	install(w->a, &w->spec_a);
	install(w->b, &w->spec_b);
	for (size_t i = 0; i < OUTS; i++)
		w->out[i] = (struct esp_out){ .memory = malloc(BUFFER_BYTES),
			.memory_size = BUFFER_BYTES };
	w->back = (struct esp_out){ .memory = malloc(BUFFER_BYTES), .memory_size = BUFFER_BYTES };
	return w;
}

static inline void world_free(struct world *w)
{
	for (size_t i = 0; i < OUTS; i++)
		free(w->out[i].memory);
	free(w->back.memory);
	esp_free(w->a);
	esp_free(w->b);
	crypto_free(w->crypto);
	free(w);
}

static inline struct child *world_child(struct esp *esp)
{
	return esp->children;
}

/* An IP packet of `size` octets in w->packet, with ports 1000 -> 80. */
static inline void packet_make(
	struct world *w, const char *from, const char *to, uint8_t protocol, size_t size)
{
	struct address source = address_of(from), destination = address_of(to);
	struct writer p = writer_of(w->packet, size);

	if (source.family == 4) {
		write_u16(&p, 0x4500);
		write_u16(&p, (uint16_t)size);
		write_u32(&p, 0x12340000);
		write_u16(&p, (uint16_t)(64 << 8 | protocol));
		write_u16(&p, 0);
	} else {
		write_u32(&p, 0x60000000);
		write_u16(&p, (uint16_t)(size - IPV6_HEADER_BYTES));
		write_u16(&p, (uint16_t)(protocol << 8 | 64));
	}
	write_bytes(&p, address_bytes(&source));
	write_bytes(&p, address_bytes(&destination));
	if (source.family == 4)
		ipv4_checksum(w->packet, IPV4_HEADER_BYTES);
	write_u16(&p, protocol == PROTOCOL_ICMPV4 ? 0x0800 : 1000);
	write_u16(&p, 80);
	assert_true(writer_ok(&p));
	while (p.used < size)
		write_u8(&p, (uint8_t)p.used);
	if (protocol == PROTOCOL_TCP)
		w->packet[(source.family == 4 ? 20 : 40) + 12] = 0x50;
	w->size = size;
}

static inline const char *inner_of(int family, bool b)
{
	return family == 4 ? b ? "10.2.0.1" : "10.1.0.1" : b ? "fd02::1" : "fd01::1";
}

static inline struct esp_out *world_send(struct world *w)
{
	struct esp_packet in = { .data = BYTES(w->packet, w->size) };

	assert_int_equal(esp_outbound(w->a, w->now, &in, 1, w->out, OUTS, &w->used), 1);
	return &w->out[0];
}

static inline struct esp_out *world_receive_bytes(struct world *w, struct bytes packet, uint8_t tos)
{
	struct esp_in in = {
		.packet = packet, .path = w->spec_b.path, .encap = w->spec_b.encap, .tos = tos
	};

	esp_inbound(w->b, w->now, &in, 1, &w->back);
	return &w->back;
}

static inline struct esp_out *world_receive(struct world *w, const struct esp_out *out)
{
	return world_receive_bytes(w, out->packet, out->tos);
}

#define GCM ((struct seal_suite){ ENCR_AES_GCM_16, 128, INTEG_NONE })
#define CBC ((struct seal_suite){ ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_256_128 })
