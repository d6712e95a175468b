/* One ESP packet, RFC 4303 §2: SPI | sequence | IV | payload | TFC padding | 1, 2, 3 … | pad length
 * | next header | ICV. A MAC covers the upper half of an extended sequence number as if it
 * followed, an AEAD within its additional data (RFC 4106 §5). */
#include "esp/internal.h"

#include <assert.h>

void child_measure(struct child *c)
{
	const struct seal_suite *suite = &c->spec.suite;
	bool outer_ipv4 = c->spec.path.remote.address.family == 4;
	size_t outer = (outer_ipv4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES) +
		(c->spec.encap ? UDP_HEADER_BYTES : 0);
	size_t block = suite_block_bytes(suite), offset = ESP_HEADER_BYTES + suite_iv_bytes(suite),
	       icv = suite_icv_bytes(suite), around = outer + offset + icv,
	       alignment = block > ESP_ALIGN ? block : ESP_ALIGN;

	assert(c->path_mtu > around + alignment);
	c->measures = (struct measures){
		.aead = encr_is_aead(suite->encr),
		.iv_random = block > 1,
		.offset = (uint16_t)offset,
		.block = (uint16_t)block,
		.icv = (uint16_t)icv,
		.alignment = (uint16_t)alignment,
		.room = (uint32_t)((c->path_mtu - around) / alignment * alignment -
			ESP_TRAILER_BYTES),
	};
}

static size_t padding_bytes(const struct child *c, size_t payload_size)
{
	size_t align = c->measures.alignment; /* a power of two */

	return -(payload_size + ESP_TRAILER_BYTES) & (align - 1);
}

size_t sealed_size(const struct child *c, size_t payload_size)
{
	return payload_offset(c) + payload_size + padding_bytes(c, payload_size) +
		ESP_TRAILER_BYTES + c->measures.icv;
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

/* What is authenticated beside the text: the packet's own header, but with an ESN. */
struct authenticated {
	struct bytes head, tail;
	uint8_t esn_head[ESP_HEADER_BYTES + 4];
	uint8_t esn_tail[4];
};

static void authenticated_of(
	struct authenticated *a, const struct child *c, const uint8_t *packet, uint64_t sequence)
{
	a->head = BYTES(packet, ESP_HEADER_BYTES);
	a->tail = BYTES_EMPTY;
	if (!c->spec.esn)
		return;
	if (c->measures.aead) {
		memcpy(a->esn_head, packet, 4);
		store_u64(a->esn_head + 4, sequence);
		a->head = BYTES_OF(a->esn_head);
	} else {
		store_u32(a->esn_tail, (uint32_t)(sequence >> 32));
		a->tail = BYTES_OF(a->esn_tail);
	}
}

/* Counter modes must never repeat an IV under a key, and the sequence number doesn't; CBC's must
 * not be foreseen. */
static void write_iv(const struct esp *esp, const struct child *c, uint8_t *iv)
{
	size_t size = payload_offset(c) - ESP_HEADER_BYTES;

	if (c->measures.iv_random)
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

	authenticated_of(&a, c, packet, c->sequence);
	if (sealer_seal(c->out.sealer, a.head, iv, text, text_size, a.tail, text + text_size) != 0)
		return 0;
	return payload_offset(c) + text_size + c->measures.icv;
}

enum esp_reason packet_open(struct child *c, uint8_t *packet, size_t size, uint64_t sequence)
{
	size_t text_size = size - payload_offset(c) - c->measures.icv;
	uint8_t *text = packet + payload_offset(c);
	struct authenticated a;

	authenticated_of(&a, c, packet, sequence);
	if (sealer_open(c->in.sealer, a.head, packet + ESP_HEADER_BYTES, text, text_size, a.tail,
		    text + text_size) != 0)
		return ESP_REASON_INTEGRITY;
	return ESP_REASON_NONE;
}

enum esp_reason packet_unpad(const struct child *c, const uint8_t *packet, size_t size,
	struct bytes *ret_payload, uint8_t *ret_next_header)
{
	size_t text_size = size - payload_offset(c) - c->measures.icv;
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
