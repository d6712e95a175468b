/* One ESP packet, RFC 4303 §2: SPI | sequence | IV | payload | TFC padding | 1, 2, 3 … | pad length
 * | next header | ICV. A MAC covers the upper half of an extended sequence number as if it
 * followed, an AEAD within its additional data (RFC 4106 §5). */
#include "esp/internal.h"

#include <assert.h>

#define IV_RANDOM_MAX 16

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

/* CBC's must not be foreseen: at random, for many packets in one go. */
static void write_random_ivs(const struct esp *esp, const struct child *c,
	const struct sealer_packet *work, size_t count)
{
	uint8_t drawn[SEALER_MANY * IV_RANDOM_MAX];
	size_t size = payload_offset(c) - ESP_HEADER_BYTES;

	if (!c->measures.iv_random)
		return;
	assert(size <= IV_RANDOM_MAX && count <= SEALER_MANY);
	random_fill(&esp->options.random, drawn, count * size);
	for (size_t i = 0; i < count; i++)
		memcpy(work[i].text - size, drawn + i * size, size);
}

/* The cipher's part of a packet. */
static struct sealer_packet work_of(const struct child *c, uint8_t *packet, size_t text_size,
	uint64_t sequence, struct authenticated *a)
{
	uint8_t *text = packet + payload_offset(c);

	authenticated_of(a, c, packet, sequence);
	return (struct sealer_packet){ .aad = a->head,
		.iv = packet + ESP_HEADER_BYTES,
		.text = text,
		.text_size = text_size,
		.tail = a->tail,
		.icv = text + text_size };
}

struct sealer_packet packet_close(
	struct child *c, uint8_t *packet, struct inner p, struct authenticated *a)
{
	size_t padding = padding_bytes(c, p.size), text_size = p.size + padding + ESP_TRAILER_BYTES;
	uint8_t *text = packet + payload_offset(c);

	c->sequence++;
	assert(c->sequence != 0 && (c->spec.esn || c->sequence <= UINT32_MAX));

	store_u32(packet, c->spec.spi_out);
	store_u32(packet + 4, (uint32_t)c->sequence);
	/* Counter modes must never repeat an IV under a key, and the sequence number doesn't. */
	if (!c->measures.iv_random && payload_offset(c) > ESP_HEADER_BYTES)
		store_u64(packet + ESP_HEADER_BYTES, c->sequence);
	for (size_t i = 0; i < padding; i++)
		text[p.size + i] = (uint8_t)(i + 1);
	text[p.size + padding] = (uint8_t)padding;
	text[p.size + padding + 1] = p.next_header;
	return work_of(c, packet, text_size, c->sequence, a);
}

struct sealer_packet packet_sealed(const struct child *c, uint8_t *packet, size_t size,
	uint64_t sequence, struct authenticated *a)
{
	return work_of(c, packet, size - payload_offset(c) - c->measures.icv, sequence, a);
}

size_t packet_size(const struct child *c, const struct sealer_packet *work)
{
	return payload_offset(c) + work->text_size + c->measures.icv;
}

bool packet_seal(const struct esp *esp, struct child *c, const struct sealer_packet *w)
{
	write_random_ivs(esp, c, w, 1);
	return sealer_seal(c->out.sealer, w->aad, w->iv, w->text, w->text_size, w->tail, w->icv) ==
		0;
}

void packet_seal_many(
	const struct esp *esp, struct child *c, struct sealer_packet *work, size_t count)
{
	write_random_ivs(esp, c, work, count);
	sealer_seal_many(c->out.sealer, work, count);
}

bool packet_open(struct child *c, const struct sealer_packet *w)
{
	return sealer_open(c->in.sealer, w->aad, w->iv, w->text, w->text_size, w->tail, w->icv) ==
		0;
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
