/* Decrypt and verify, reassemble verified fragments. The only maker of authenticated messages. */
#include "ike/receive.h"

#include <errno.h>

#include "ike/sa.h"

#define PAYLOAD_HEADER_BYTES 4

/* What the SK or SKF payload of a datagram holds. The payload must be the last and reach the end.
 */
struct sealed {
	struct bytes aad;  /* from the header to the IV */
	struct bytes body; /* IV, ciphertext, ICV */
	uint8_t type, next;
	uint16_t number, total;
};

/* Payloads before SK are unprotected and ignored, RFC 7296 §3.14 allows none that matter. */
static int find_sealed(const struct ike_header *header, struct bytes datagram, struct sealed *ret)
{
	struct reader r = reader_of(datagram);
	struct skf_head skf;

	if (header->next_payload != PAYLOAD_SK && header->next_payload != PAYLOAD_SKF)
		return -EBADMSG;

	*ret = (struct sealed){ .type = header->next_payload };
	read_skip(&r, IKE_HEADER_BYTES);
	ret->next = read_u8(&r);
	read_u8(&r);
	if (read_u16(&r) != datagram.size - IKE_HEADER_BYTES)
		return -EBADMSG;
	ret->body = read_rest(&r);
	if (!reader_done(&r))
		return -EBADMSG;

	if (ret->type == PAYLOAD_SKF) {
		if (!skf_decode(ret->body, &skf))
			return -EBADMSG;
		ret->number = skf.number;
		ret->total = skf.total;
		ret->body = skf.rest;
	}
	ret->aad = BYTES(datagram.data, (size_t)(ret->body.data - datagram.data));
	return 0;
}

/* Opens one SK or SKF in a copy within the arena. */
static int open_sealed(
	struct ike_sa *sa, const struct sealed *s, struct arena *arena, struct bytes *ret_plain)
{
	const struct seal_suite *suite = sealer_suite(sa->keys.in);
	size_t iv_size = suite_iv_bytes(suite), icv_size = suite_icv_bytes(suite),
	       block = suite_block_bytes(suite);
	size_t text_size, padding;
	uint8_t *text;

	if (s->body.size < iv_size + block + icv_size)
		return -EBADMSG;
	text_size = s->body.size - iv_size - icv_size;
	if (text_size % block != 0)
		return -EBADMSG;
	text = arena_take(arena, text_size);
	if (!text)
		return -ENOMEM;

	memcpy(text, s->body.data + iv_size, text_size);
	if (sealer_open(sa->keys.in, s->aad, s->body.data, text, text_size, BYTES_EMPTY,
		    s->body.data + iv_size + text_size) < 0)
		return -EBADMSG;
	padding = text[text_size - 1];
	if (padding + 1 > text_size)
		return -EBADMSG;
	*ret_plain = BYTES(text, text_size - 1 - padding);
	return 0;
}

static int gather_fragment(struct ike_sa *sa, const struct ike_header *header,
	const struct sealed *s, struct arena *arena, struct bytes *plain, uint8_t *first)
{
	struct fragments *f = &sa->window.incoming;
	struct fragment part = { header->message_id, header->flags & FLAG_RESPONSE, s->number,
		s->total, s->next, *plain };
	int verdict = fragments_add(f, &part, sa->engine->options.message_bytes_max);
	size_t size = f->bytes;
	uint8_t *whole;

	if (verdict <= 0)
		return verdict;
	whole = arena_take(arena, size);
	if (!whole)
		return -ENOMEM;
	*first = f->first_payload;
	fragments_join(f, whole);
	*plain = BYTES(whole, size);
	return 1;
}

static void decode_inside(struct opened *o, uint8_t first, struct bytes plain)
{
	enum wire_verdict verdict = chain_decode(first, plain, &o->chain, &o->critical_type);

	if (verdict == WIRE_OK) {
		o->malformed = !chain_well_formed(&o->chain);
		return;
	}
	o->chain.count = 0;
	o->critical_unknown = verdict == WIRE_CRITICAL_UNKNOWN;
	o->malformed = verdict == WIRE_SYNTAX;
}

int receive_open(struct ike_sa *sa, const struct ike_path *path, const struct ike_header *header,
	struct bytes datagram, struct arena *arena, struct opened **ret_opened,
	const char **ret_why)
{
	struct sealed s;
	struct bytes plain;
	struct opened *o;
	uint8_t first;
	int verdict;

	*ret_why = "it has no encrypted payload";
	if (find_sealed(header, datagram, &s) < 0)
		return -EBADMSG;
	*ret_why = "its integrity check failed";
	verdict = open_sealed(sa, &s, arena, &plain);
	if (verdict < 0)
		return verdict;
	first = s.next;
	if (s.type == PAYLOAD_SKF) {
		*ret_why = "the fragment does not fit the others";
		verdict = gather_fragment(sa, header, &s, arena, &plain, &first);
		if (verdict <= 0)
			return verdict;
	}

	*ret_why = "out of memory";
	o = arena_take(arena, sizeof(*o));
	if (!o)
		return -ENOMEM;
	o->header = *header;
	o->path = *path;
	o->authenticated = true;
	decode_inside(o, first, plain);
	*ret_opened = o;
	return 1;
}

struct opened *opened_without_integrity(const struct ike_path *path,
	const struct ike_header *header, struct bytes datagram, struct arena *arena)
{
	struct opened *o = arena_take(arena, sizeof(*o));
	struct bytes copy = arena_copy(arena, datagram);

	if (!o || !copy.size)
		return NULL;

	o->header = *header;
	o->path = *path;
	o->raw = copy;
	decode_inside(o, header->next_payload,
		BYTES(copy.data + IKE_HEADER_BYTES, copy.size - IKE_HEADER_BYTES));
	return o;
}
