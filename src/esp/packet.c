/* One ESP packet, RFC 4303 §2: SPI | sequence | IV | payload | TFC padding | 1, 2, 3 … | pad length
 * | next header | ICV. A MAC covers the upper half of an extended sequence number as if it
 * followed, an AEAD within its additional data (RFC 4106 §5). */
#include "esp/internal.h"

#include <assert.h>

static size_t alignment(const struct child *c)
{
	size_t block = suite_block_bytes(&c->spec.suite);

	return block > ESP_ALIGN ? block : ESP_ALIGN;
}

size_t payload_offset(const struct child *c)
{
	return ESP_HEADER_BYTES + suite_iv_bytes(&c->spec.suite);
}

static size_t padding_bytes(const struct child *c, size_t payload_size)
{
	size_t align = alignment(c);

	return (align - (payload_size + ESP_TRAILER_BYTES) % align) % align;
}

size_t sealed_size(const struct child *c, size_t payload_size)
{
	return payload_offset(c) + payload_size + padding_bytes(c, payload_size) +
		ESP_TRAILER_BYTES + suite_icv_bytes(&c->spec.suite);
}

size_t payload_room(const struct child *c)
{
	bool outer_ipv4 = c->spec.path.remote.address.family == 4;
	size_t outer = (outer_ipv4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES) +
		(c->spec.encap ? UDP_HEADER_BYTES : 0);
	size_t around = outer + payload_offset(c) + suite_icv_bytes(&c->spec.suite);

	assert(c->path_mtu > around + alignment(c));
	return (c->path_mtu - around) / alignment(c) * alignment(c) - ESP_TRAILER_BYTES;
}

uint32_t child_mtu(const struct child *c, uint8_t family)
{
	size_t mtu = payload_room(c);

	if (c->spec.mode == CHILD_TRANSPORT)
		mtu += family == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
	if (family == 6 && mtu < MTU_MIN_IPV6)
		mtu = MTU_MIN_IPV6;
	return (uint32_t)mtu;
}

struct authenticated {
	uint8_t head[ESP_HEADER_BYTES + 4];
	size_t head_size;
	uint8_t tail[4];
	size_t tail_size;
};

static struct authenticated authenticated_of(
	const struct child *c, const uint8_t *packet, uint64_t sequence)
{
	struct authenticated a = { .head_size = ESP_HEADER_BYTES };

	memcpy(a.head, packet, ESP_HEADER_BYTES);
	if (c->spec.esn && encr_is_aead(c->spec.suite.encr)) {
		store_u64(a.head + 4, sequence);
		a.head_size += 4;
	} else if (c->spec.esn) {
		store_u32(a.tail, (uint32_t)(sequence >> 32));
		a.tail_size = 4;
	}
	return a;
}

/* Counter modes must never repeat an IV under a key, and the sequence number doesn't; CBC's must
 * not be foreseen. */
static void write_iv(const struct esp *esp, const struct child *c, uint8_t *iv)
{
	size_t size = suite_iv_bytes(&c->spec.suite);

	if (suite_block_bytes(&c->spec.suite) > 1)
		random_fill(&esp->options.random, iv, size);
	else if (size > 0)
		store_u64(iv, c->sequence);
}

size_t packet_seal(
	struct esp *esp, struct child *c, uint8_t *packet, size_t size, uint8_t next_header)
{
	size_t padding = padding_bytes(c, size), text_size = size + padding + ESP_TRAILER_BYTES;
	uint8_t *text = packet + payload_offset(c), *iv = packet + ESP_HEADER_BYTES;
	struct authenticated a;

	c->sequence++;
	assert(c->sequence != 0 && (c->spec.esn || c->sequence <= UINT32_MAX));

	store_u32(packet, c->spec.spi_out);
	store_u32(packet + 4, (uint32_t)c->sequence);
	write_iv(esp, c, iv);
	for (size_t i = 0; i < padding; i++)
		text[size + i] = (uint8_t)(i + 1);
	text[size + padding] = (uint8_t)padding;
	text[size + padding + 1] = next_header;

	a = authenticated_of(c, packet, c->sequence);
	if (sealer_seal(c->out.sealer, BYTES(a.head, a.head_size), iv, text, text_size,
		    BYTES(a.tail, a.tail_size), text + text_size) != 0)
		return 0;
	return sealed_size(c, size);
}

enum esp_reason packet_open(struct child *c, uint8_t *packet, size_t size, uint64_t sequence)
{
	struct authenticated a = authenticated_of(c, packet, sequence);
	size_t text_size = size - payload_offset(c) - suite_icv_bytes(&c->spec.suite);
	uint8_t *text = packet + payload_offset(c);

	if (sealer_open(c->in.sealer, BYTES(a.head, a.head_size), packet + ESP_HEADER_BYTES, text,
		    text_size, BYTES(a.tail, a.tail_size), text + text_size) != 0)
		return ESP_REASON_INTEGRITY;
	return ESP_REASON_NONE;
}

enum esp_reason packet_unpad(const struct child *c, const uint8_t *packet, size_t size,
	struct bytes *ret_payload, uint8_t *ret_next_header)
{
	size_t text_size = size - payload_offset(c) - suite_icv_bytes(&c->spec.suite);
	const uint8_t *text = packet + payload_offset(c);
	size_t padding = text[text_size - 2], payload_size;

	if (padding + ESP_TRAILER_BYTES > text_size)
		return ESP_REASON_PADDING;

	payload_size = text_size - ESP_TRAILER_BYTES - padding;
	for (size_t i = 0; i < padding; i++) {
		if (text[payload_size + i] != (uint8_t)(i + 1))
			return ESP_REASON_PADDING;
	}
	*ret_payload = BYTES(text, payload_size);
	*ret_next_header = text[text_size - 1];
	return ESP_REASON_NONE;
}
