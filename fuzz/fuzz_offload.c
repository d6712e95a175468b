/* What crosses the TUN device: the kernel's words about a packet and the packet, read, cut, sealed, opened
 * by the same plane and put together again. Whatever the plane delivers must be delivered as it was, in
 * bundles that are cut into the same packets. The input is what a read of the device gave. */
#include "esp/internal.h"
#include "host/tun.h"
#include "wire/ikev2.h"

#include <stdlib.h>

#define SPI       0x1000
#define OUTS      COALESCE_PACKETS
#define BYTES_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t sealed[OUTS][BYTES_MAX + ESP_OVERHEAD_MAX],
	opened[OUTS][BYTES_MAX + 3 * ESP_OVERHEAD_MAX];
static uint8_t before[OUTS][BYTES_MAX];

static void constant_random(void *context, uint8_t *out, size_t size)
{
	(void)context;
	memset(out, 0x5a, size);
}

static struct child_spec spec_of_any(void)
{
	struct child_spec s = { .child_id = 1,
		.reqid = 1,
		.protocol = PROTOCOL_ESP,
		.spi_in = SPI,
		.spi_out = SPI,
		.suite = { ENCR_NULL, 0, INTEG_HMAC_SHA1_96 },
		.copy_ecn = true };

	s.path.local.address = s.path.remote.address = (struct address){ 4, { 10, 0, 0, 1 } };
	for (uint8_t family = 4; family <= 6; family = (uint8_t)(family + 2)) {
		struct selector any = { .family = family, .port_last = UINT16_MAX };

		any.first.family = any.last.family = family;
		memset(any.last.octets, 0xff, address_size(&any.last));
		s.local.list[s.local.count++] = any;
		s.remote.list[s.remote.count++] = any;
	}
	s.keys_in.integ.size = s.keys_out.integ.size = suite_integ_key_bytes(&s.suite);
	return s;
}

/* The packets of a bundle, as the kernel would cut it, are those that went in; but identifications that mean
 * nothing. */
static void check_bundle(struct coalescer *c, size_t index)
{
	static uint8_t whole[UINT16_MAX + 1], cut[UINT16_MAX + 1];
	uint16_t at = c->bundles[index].first, segment_bytes;
	struct bytes pieces[BUNDLE_PACKETS];
	size_t count = coalesce_take(c, index, pieces, &segment_bytes), used = 0;
	struct segments s;
	struct flow f;

	if (!segment_bytes)
		return;
	for (size_t i = 0; i < count; used += pieces[i++].size)
		memcpy(whole + used, pieces[i].data, pieces[i].size);
	if (!flow_read(BYTES(whole, used), &f) ||
		!segments_read(&f, BYTES(whole, used), segment_bytes, &s) || s.count != count)
		abort();
	for (size_t i = 0; i < count; i++, at = c->next[at]) {
		segment_write(&s, i, cut);
		if (s.family == 4 && f.df) {
			memcpy(cut + 4, before[at] + 4, 2);
			memcpy(cut + 10, before[at] + 10, 2);
		}
		if (memcmp(cut, before[at], segment_size(&s, i)) != 0)
			abort();
	}
}

static void receive(
	struct esp *esp, const struct child_spec *spec, const struct esp_out *sent, size_t count)
{
	static struct coalescer c;

	coalesce_begin(&c);
	for (size_t i = 0; i < count; i++) {
		struct esp_in in = { .packet = sent[i].packet, .path = spec->path };
		struct esp_out back = { .memory = opened[i], .memory_size = sizeof(opened[i]) };

		if (sent[i].verdict != ESP_SEND)
			continue;
		esp_inbound(esp, 2, &in, 1, &back);
		if (back.verdict != ESP_DELIVER || back.packet.size > BYTES_MAX)
			abort();
		memcpy(before[c.packet_count], back.packet.data, back.packet.size);
		coalesce_add(
			&c, opened[i] + (back.packet.data - opened[i]), back.packet.size, true);
	}
	for (size_t i = 0; i < c.bundle_count; i++)
		check_bundle(&c, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct crypto *crypto;
	static uint8_t read[BYTES_MAX];
	struct esp_options options = { .random = { constant_random, NULL } };
	const struct child_spec spec = spec_of_any();
	struct esp_packet packet = { 0 };
	struct esp_out out[OUTS];
	struct esp *esp;
	size_t used = 0;

	if (size > sizeof(read))
		return 0;
	memcpy(read, data, size);
	if (!tun_header_take(read, size, &packet.data, &packet.segment_bytes))
		return 0;
	options.crypto = crypto = crypto ? crypto : crypto_new(NULL);
	esp = esp_new(&options);
	if (!esp || esp_install_in(esp, 0, &spec) != 0 || esp_install_out(esp, 0, &spec) != 0)
		abort();
	for (size_t i = 0; i < OUTS; i++)
		out[i] = (struct esp_out){ .memory = sealed[i], .memory_size = sizeof(sealed[i]) };
	while (!esp_outbound(esp, 1, &packet, 1, out, OUTS, &used))
		receive(esp, &spec, out, used);
	receive(esp, &spec, out, used);
	esp_free(esp);
	return 0;
}
