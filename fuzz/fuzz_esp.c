/* ESP from both sides. The first octet chooses the child; the rest goes in as a datagram from the
 * peer, as a packet of the TUN device, and, correctly sealed, as what a hostile peer that has the
 * keys could send. */
#include "esp/internal.h"
#include "wire/ikev2.h"

#include <stdlib.h>

#define SPI          0x1000
#define BUFFER_BYTES 8192
#define INPUT_MAX    4096
#define OUTS         32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void constant_random(void *context, uint8_t *out, size_t size)
{
	(void)context;
	memset(out, 0x5a, size);
}

static struct child_spec spec_of(uint8_t choice)
{
	const bool ipv6_outside = choice & 1;
	struct child_spec s = {
		.child_id = 1, .reqid = 1, .protocol = PROTOCOL_ESP, .spi_in = SPI, .spi_out = SPI
	};
	const struct address outer = { .family = ipv6_outside ? 6 : 4, .octets = { 10, 0, 0, 1 } };

	s.mode = choice & 2 ? CHILD_TRANSPORT : CHILD_TUNNEL;
	s.esn = choice & 4;
	s.encap = choice & 8;
	s.copy_ecn = true;
	s.copy_dscp = COPY_DSCP_BOTH;
	s.tfc_padding = choice & 16 ? UINT32_MAX : 0;
	s.suite = choice & 32 ? (struct seal_suite){ ENCR_AES_CBC, 128, INTEG_HMAC_SHA1_96 }
			      : (struct seal_suite){ ENCR_AES_GCM_16, 128, INTEG_NONE };
	s.path.local.address = s.path.remote.address = outer;
	for (size_t i = 0; i < 2; i++) {
		struct selector any = { .family = i ? 6 : 4, .port_last = UINT16_MAX };

		any.first.family = any.last.family = any.family;
		memset(any.last.octets, 0xff, address_size(&any.last));
		s.local.list[s.local.count++] = any;
		s.remote.list[s.remote.count++] = any;
	}
	s.keys_in.encr.size = suite_encr_key_bytes(&s.suite);
	s.keys_in.integ.size = suite_integ_key_bytes(&s.suite);
	s.keys_out = s.keys_in;
	return s;
}

/* All three ways in; what we seal ourselves must open again. */
static void feed(
	struct esp *esp, const struct child_spec *spec, struct bytes input, struct esp_out *out)
{
	struct esp_in in = {
		.packet = input, .path = spec->path, .encap = spec->encap, .tos = 0x03
	};
	struct child *c = esp->children;
	static uint8_t sealed[BUFFER_BYTES];
	size_t used;

	esp_inbound(esp, 1, &in, 1, out);
	esp_outbound(esp, 2, &(struct esp_packet){ .data = input }, 1, out, OUTS, &used);
	for (size_t i = 0; i < used; i++) {
		struct esp_out back = { .memory = sealed, .memory_size = sizeof(sealed) };

		if (out[i].verdict != ESP_SEND)
			continue;
		in.packet = out[i].packet;
		in.tos = out[i].tos;
		esp_inbound(esp, 3, &in, 1, &back);
		if (back.verdict != ESP_DELIVER && back.reason != ESP_REASON_MALFORMED &&
			back.reason != ESP_REASON_DUMMY)
			abort();
	}

	if (input.size == 0)
		return;
	memcpy(sealed + payload_offset(c), input.data + 1, input.size - 1);
	in.packet = BYTES(sealed, packet_seal(esp, c, sealed, input.size - 1, input.data[0]));
	esp_inbound(esp, 4, &in, 1, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct crypto *crypto;
	static uint8_t memory[OUTS][BUFFER_BYTES];
	struct esp_options options = { .random = { constant_random, NULL } };
	struct esp_out out[OUTS];
	struct child_spec spec;
	struct esp *esp;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	if (!crypto)
		crypto = crypto_new(NULL);

	options.crypto = crypto;
	spec = spec_of(data[0]);
	esp = esp_new(&options);
	if (!esp || esp_install_in(esp, 0, &spec) != 0 || esp_install_out(esp, 0, &spec) != 0)
		abort();
	for (size_t i = 0; i < OUTS; i++)
		out[i] = (struct esp_out){ .memory = memory[i], .memory_size = BUFFER_BYTES };
	feed(esp, &spec, BYTES(data + 1, size - 1), out);
	esp_free(esp);
	return 0;
}
