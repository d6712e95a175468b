#include "ike/v2/send.h"

#include <assert.h>
#include <stdio.h>

#define FRAGMENT_SIZE_DEFAULT 1280
#define IP4_UDP_BYTES         28
#define IP6_UDP_BYTES         48
#define PAYLOAD_HEADER_BYTES  4
#define SKF_HEAD_BYTES        4
#define STRAY_BYTES_MAX       256
#define STRAY_INTERVAL_NS     (20 * NS_PER_MS)
#define STRAY_BURST           50

struct sealing {
	struct exchange *x;
	struct ike_header header;
	uint8_t payload; /* PAYLOAD_SK or PAYLOAD_SKF */
	uint16_t number, total;
	uint8_t first; /* what SK or SKF's next payload field says */
};

static struct ike_header message_header(const struct exchange *x)
{
	const struct ike_sa *sa = x->sa;
	bool without_spi = x->unprotected && !x->initiator && x->reject.notify;

	return (struct ike_header){
		.spi_i = sa->spi_i,
		.spi_r = without_spi ? 0 : sa->spi_r,
		.version = 0x20,
		.exchange = x->initiator || !x->in ? x->kind->type : x->in->header.exchange,
		.flags = (uint8_t)((sa->initiator ? FLAG_INITIATOR : 0) |
			(x->initiator ? 0 : FLAG_RESPONSE)),
		.message_id = x->initiator ? sa->window.next_request : x->message_id,
	};
}

/* The IV: random for CBC, a counter for the modes that must never repeat one. */
static void fill_iv(struct ike_sa *sa, const struct seal_suite *suite, uint8_t *iv)
{
	size_t size = suite_iv_bytes(suite);

	if (size == 8 && suite->encr != ENCR_3DES)
		store_u64(iv, ++sa->keys.iv_out);
	else if (size)
		random_fill(&sa->engine->options.random, iv, size);
}

/* One SK or SKF message around `plain`. Returns the datagram, in the exchange's arena. RFC 7296
 * §3.14, RFC 7383 §2.5. */
static struct bytes seal_one(struct sealing *s, struct bytes plain)
{
	struct ike_sa *sa = s->x->sa;
	const struct seal_suite *suite = sealer_suite(sa->keys.out);
	size_t block = suite_block_bytes(suite), iv_size = suite_iv_bytes(suite),
	       icv_size = suite_icv_bytes(suite);
	size_t skf = s->payload == PAYLOAD_SKF ? SKF_HEAD_BYTES : 0;
	size_t padded = (plain.size + 1 + block - 1) / block * block;
	size_t size = IKE_HEADER_BYTES + PAYLOAD_HEADER_BYTES + skf + iv_size + padded + icv_size;
	struct writer w = writer_of(exchange_take(s->x, size), size);
	uint8_t *iv, *text, *icv;
	size_t aad_size;

	s->header.next_payload = s->payload;
	s->header.length = (uint32_t)size;
	header_encode(&w, &s->header);
	write_u8(&w, s->first);
	write_u8(&w, 0);
	write_u16(&w, (uint16_t)(size - IKE_HEADER_BYTES));
	if (skf)
		skf_encode_head(&w, s->number, s->total);
	aad_size = w.used;
	iv = write_room(&w, iv_size);
	fill_iv(sa, suite, iv);
	text = w.start + w.used;
	write_bytes(&w, plain);
	write_zeros(&w, padded - plain.size - 1);
	write_u8(&w, (uint8_t)(padded - plain.size - 1));
	icv = write_room(&w, icv_size);
	assert(writer_ok(&w));

	if (sealer_seal(
		    sa->keys.out, BYTES(w.start, aad_size), iv, text, padded, BYTES_EMPTY, icv) < 0)
		return BYTES_EMPTY;
	return writer_bytes(&w);
}

static size_t message_bytes_room(const struct exchange *x)
{
	size_t packet = x->engine->options.fragment_size ? x->engine->options.fragment_size
							 : FRAGMENT_SIZE_DEFAULT;
	size_t headers = x->path.remote.address.family == 6 ? IP6_UDP_BYTES : IP4_UDP_BYTES;

	return packet - headers - NON_ESP_MARKER_BYTES;
}

/* How much plaintext a fragment may carry. */
static size_t fragment_plain_bytes(const struct exchange *x)
{
	const struct seal_suite *suite = sealer_suite(x->sa->keys.out);
	size_t block = suite_block_bytes(suite);
	size_t overhead = IKE_HEADER_BYTES + PAYLOAD_HEADER_BYTES + SKF_HEAD_BYTES +
		suite_iv_bytes(suite) + suite_icv_bytes(suite);
	size_t room = message_bytes_room(x) - overhead;

	return room / block * block - 1;
}

static bool fragments_wanted(const struct exchange *x, size_t plain_size)
{
	const struct ike_sa *sa = x->sa;
	uint8_t mode = sa->connection->fragmentation;
	const struct seal_suite *suite = sealer_suite(sa->keys.out);
	size_t whole = IKE_HEADER_BYTES + PAYLOAD_HEADER_BYTES + suite_iv_bytes(suite) +
		plain_size + suite_block_bytes(suite) + suite_icv_bytes(suite);

	return sa->peer_fragments && (mode == FRAGMENTATION_YES || mode == FRAGMENTATION_FORCE) &&
		whole > message_bytes_room(x);
}

static size_t seal_fragments(struct sealing *s, struct bytes plain, struct bytes *datagrams)
{
	size_t each = fragment_plain_bytes(s->x);
	size_t total = (plain.size + each - 1) / each;

	assert(total <= FRAGMENTS_MAX);
	s->payload = PAYLOAD_SKF;
	s->total = (uint16_t)total;
	for (size_t i = 0; i < total; i++) {
		size_t at = i * each;
		size_t size = plain.size - at < each ? plain.size - at : each;

		s->number = (uint16_t)(i + 1);
		s->first = i == 0 ? s->x->chain.first : PAYLOAD_NONE;
		datagrams[i] = seal_one(s, BYTES(plain.data + at, size));
	}
	return total;
}

static struct bytes plain_message(struct exchange *x, const struct ike_header *header)
{
	size_t size = IKE_HEADER_BYTES + x->out.used;
	struct writer w = writer_of(exchange_take(x, size), size);
	struct ike_header h = *header;

	h.next_payload = x->chain.first;
	h.length = (uint32_t)size;
	header_encode(&w, &h);
	write_bytes(&w, writer_bytes(&x->out));
	assert(writer_ok(&w));
	return writer_bytes(&w);
}

static void tell_sent(
	struct exchange *x, const struct ike_header *header, size_t size, size_t count)
{
	struct payload_chain chain;
	char line[600];
	uint8_t critical;

	if (chain_decode(x->chain.first, writer_bytes(&x->out), &chain, &critical) != WIRE_OK)
		return;
	message_print(header, &chain, line, sizeof(line));
	engine_tell(x->engine,
		&(struct ike_event){ .kind = IKE_EVENT_SENT,
			.level = 1,
			.ike_id = x->sa->id,
			.ike_name = sa_name(x->sa),
			.text = line,
			.path = &x->path,
			.size = size,
			.command = sa_command(x->sa) });
	if (count > 1)
		sa_tell(x->sa, IKE_EVENT_NOTE, 1, "split %zu octets into %zu fragments", size,
			count);
}

void send_message(struct exchange *x)
{
	struct sealing s = {
		.x = x, .header = message_header(x), .payload = PAYLOAD_SK, .first = x->chain.first
	};
	struct bytes datagrams[FRAGMENTS_MAX];
	size_t count = 1, size = 0;

	if (x->initiator)
		x->path = x->sa->path;
	if (x->unprotected)
		datagrams[0] = plain_message(x, &s.header);
	else if (fragments_wanted(x, x->out.used))
		count = seal_fragments(&s, writer_bytes(&x->out), datagrams);
	else
		datagrams[0] = seal_one(&s, writer_bytes(&x->out));

	for (size_t i = 0; i < count; i++)
		size += datagrams[i].size;
	tell_sent(x, &s.header, size, count);
	if (x->initiator) {
		x->message_id = s.header.message_id;
		window_send_request(x->sa, datagrams, count);
	} else {
		window_send_response(x->sa, datagrams, count, &x->path);
	}
	if (x->unprotected && x->sa->setup)
		octets_set(&x->sa->setup->our_message, datagrams[0]);
}

static void stray_send(struct ike_engine *e, const struct ike_path *path, struct ike_header h,
	const struct notify *notifies, size_t count)
{
	uint8_t memory[STRAY_BYTES_MAX];
	struct writer w = writer_of(memory, sizeof(memory));
	struct chain_writer c;

	h.version = 0x20;
	h.next_payload = PAYLOAD_NOTIFY;
	header_encode(&w, &h);
	c = chain_begin(&w, SIZE_MAX);
	for (size_t i = 0; i < count; i++) {
		payload_begin(&c, PAYLOAD_NOTIFY);
		notify_encode(&w, &notifies[i]);
		payload_end(&c);
	}
	write_u32_at(&w, 24, (uint32_t)w.used);
	assert(writer_ok(&w));
	engine_send(e, path, writer_bytes(&w));
}

/* A response has its request's SPIs and message ID. */
static struct ike_header response_to(const struct ike_header *request)
{
	struct ike_header h = *request;

	h.flags = (uint8_t)(FLAG_RESPONSE | ((request->flags & FLAG_INITIATOR) ^ FLAG_INITIATOR));
	return h;
}

void send_cookie(struct ike_engine *e, const struct ike_path *path,
	const struct ike_header *request, struct bytes cookie)
{
	stray_send(e, path, response_to(request),
		&(struct notify){ .type = COOKIE, .data = cookie }, 1);
}

/* A bucket: bursts pass, a flood does not. */
bool send_stray_allowed(struct ike_engine *e)
{
	uint64_t gained = e->stray_filled_at ? (e->now - e->stray_filled_at) / STRAY_INTERVAL_NS
					     : STRAY_BURST;

	if (gained) {
		e->stray_filled_at = e->now;
		e->stray_tokens = gained + e->stray_tokens > STRAY_BURST
			? STRAY_BURST
			: e->stray_tokens + (uint32_t)gained;
	}
	if (!e->stray_tokens)
		return false;
	e->stray_tokens--;
	return true;
}

void send_stray_response(struct ike_engine *e, const struct ike_path *path,
	const struct ike_header *request, const struct notify *notifies, size_t count)
{
	stray_send(e, path, response_to(request), notifies, count);
}

void send_invalid_spi(struct ike_engine *e, const struct ike_path *path, uint32_t spi)
{
	static const struct ike_header header = { .exchange = INFORMATIONAL,
		.flags = FLAG_INITIATOR };
	uint8_t octets[4];
	struct notify n = { .type = INVALID_SPI, .data = BYTES_OF(octets) };

	store_u32(octets, spi);
	if (send_stray_allowed(e))
		stray_send(e, path, header, &n, 1);
}
