/* What IKEv1 sends: the payloads of an exchange with their HASH before them (phase 2), padded and
 * encrypted once there are keys. RFC 2409 §5 and appendix B. */
#include <assert.h>
#include <stdio.h>

#include "ike/v1/ikev1.h"
#include "ike/v2/fragment.h"
#include "ike/v2/send.h"

#define HASH_PAYLOAD_BYTES (4 + V1_HASH_BYTES_MAX)
#define NOTIFY_BYTES_MAX   512

/* Parts of messages. */

void v1_put(struct exchange *x, uint8_t type, struct bytes body)
{
	write_bytes(exchange_payload(x, type), body);
	exchange_payload_end(x);
}

void v1_put_notify(struct exchange *x, const struct v1_notify *n)
{
	v1_notify_encode(exchange_payload(x, V1_PAYLOAD_NOTIFY), n);
	exchange_payload_end(x);
}

/* Whole messages. */

struct outgoing {
	struct ike_sa *sa;
	struct ike_header header;
	struct bytes payloads; /* without HASH */
	uint8_t first;         /* type of the first of them */
	bool encrypted;
	struct v1_iv *iv;    /* where encrypted */
	const uint8_t *hash; /* phase 2; of v1_keys_hash_bytes() */
};

static size_t outgoing_bytes(const struct outgoing *o)
{
	return IKE_HEADER_BYTES + HASH_PAYLOAD_BYTES + o->payloads.size + V1_IV_BYTES_MAX;
}

/* Writes and encrypts. Returns the datagram in `memory`, empty where encryption failed. */
static struct bytes seal(struct outgoing *o, uint8_t *memory, size_t size)
{
	const struct v1_keys *k = &o->sa->v1->keys;
	struct writer w = writer_of(memory, size);
	size_t block = o->encrypted ? v1_keys_block_bytes(k) : 1;

	o->header.next_payload = o->hash ? V1_PAYLOAD_HASH : o->first;
	o->header.flags = o->encrypted ? V1_FLAG_ENCRYPTION : 0;
	header_encode(&w, &o->header);
	if (o->hash) {
		write_u8(&w, o->first);
		write_u8(&w, 0);
		write_u16(&w, (uint16_t)(4 + v1_keys_hash_bytes(k)));
		write_bytes(&w, BYTES(o->hash, v1_keys_hash_bytes(k)));
	}
	write_bytes(&w, o->payloads);
	write_zeros(&w, (block - (w.used - IKE_HEADER_BYTES) % block) % block);
	write_u32_at(&w, 24, (uint32_t)w.used);
	assert(writer_ok(&w));
	if (o->encrypted &&
		v1_encrypt(k, o->iv, memory + IKE_HEADER_BYTES, w.used - IKE_HEADER_BYTES) < 0)
		return BYTES_EMPTY;
	return writer_bytes(&w);
}

static void tell_sent(struct ike_sa *sa, const struct outgoing *o, size_t size)
{
	struct payload_chain chain;
	char line[600];
	uint8_t unknown;

	if (v1_chain_decode(o->first, o->payloads, &chain, &unknown, NULL) != WIRE_OK)
		return;
	v1_message_print(&o->header, &chain, line, sizeof(line));
	engine_tell(sa->engine,
		&(struct ike_event){ .kind = IKE_EVENT_SENT,
			.level = 1,
			.version = 1,
			.ike_id = sa->id,
			.ike_name = sa_name(sa),
			.text = line,
			.path = &sa->path,
			.size = size,
			.command = sa_command(sa) });
}

static struct ike_header header_of(const struct ike_sa *sa, uint8_t exchange, uint32_t message_id)
{
	return (struct ike_header){ .spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = V1_VERSION,
		.exchange = exchange,
		.message_id = message_id };
}

/* A message of an informational exchange, which is alone in it. */

static void send_protected(struct ike_sa *sa, struct outgoing *o)
{
	const struct v1_keys *k = &sa->v1->keys;
	uint8_t memory[IKE_HEADER_BYTES + HASH_PAYLOAD_BYTES + NOTIFY_BYTES_MAX + V1_IV_BYTES_MAX];
	uint8_t hash[V1_HASH_BYTES_MAX];
	struct bytes datagram;
	struct v1_iv iv;

	if (v1_iv_phase2(k, &sa->v1->iv, o->header.message_id, &iv) < 0 ||
		v1_hash_1(k, o->header.message_id, o->payloads, hash) < 0)
		return;
	o->encrypted = true;
	o->iv = &iv;
	o->hash = hash;
	datagram = seal(o, memory, sizeof(memory));
	if (!datagram.size)
		return;
	tell_sent(sa, o, datagram.size);
	engine_send(sa->engine, &sa->path, datagram);
}

/* RFC 2409 §5.5 and §5.7: which HASH comes first depends on how far quick mode is. */
static int hash_before(
	const struct exchange *x, const struct v1_flight *f, uint8_t out[static V1_HASH_BYTES_MAX])
{
	const struct v1_keys *k = &x->sa->v1->keys;
	unsigned before = f->progress.messages;
	struct bytes payloads = writer_bytes(&x->out);

	if (x->kind->type != V1_QUICK_MODE || before == 0)
		return v1_hash_1(k, f->message_id, payloads, out);
	if (before == 1)
		return v1_hash_2(k, f->message_id, f->ni, payloads, out);
	return v1_hash_3(k, f->message_id, f->ni, f->nr, out);
}

/* The initiator encrypts as soon as it has keys, the responder when the initiator does. */
static bool encrypts(const struct exchange *x)
{
	if (!v1_is_phase1(x->kind->type))
		return true;
	if (x->initiator)
		return x->sa->v1->keyed;
	return x->in->header.flags & V1_FLAG_ENCRYPTION;
}

/* Both wait for what comes next; the last message of an exchange is repeated only on a repeat. */
static bool more_expected(const struct exchange *x)
{
	return !x->last && x->round + 1 < x->kind->round_count;
}

/* Nor the responder's first message, before the initiator has shown that it is where it says: whoever
 * spoofs an address is to bring it no more than he sends. The initiator repeats its own; in aggressive mode
 * it doesn't, since it has no message to wait for after its second. */
static bool unproved_yet(const struct exchange *x)
{
	return x->kind->type == V1_IDENTITY_PROTECTION && !x->initiator && x->round == 0;
}

/* Whole, or in fragments where the peer can put them together. */
static void flight_send(struct exchange *x, struct v1_flight *f, struct bytes datagram)
{
	struct bytes parts[FRAGMENTS_MAX];
	size_t count = v1_fragments_wanted(x->sa, datagram.size)
		? v1_fragments_cut(x, datagram, parts)
		: 0;

	v1_flight_send(f, count ? parts : &datagram, count ? count : 1,
		more_expected(x) && !unproved_yet(x));
}

void v1_send(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct v1_flight *f = x->kind->type == V1_INFORMATIONAL ? NULL : v1_flight_of(x);
	struct outgoing o = { .sa = sa,
		.payloads = writer_bytes(&x->out),
		.first = x->chain.first,
		.encrypted = encrypts(x) };
	uint8_t hash[V1_HASH_BYTES_MAX];
	size_t room = outgoing_bytes(&o);
	struct bytes datagram;

	if (x->kind->type == V1_INFORMATIONAL) {
		o.header = header_of(sa, V1_INFORMATIONAL, v1_message_id_new(sa));
		send_protected(sa, &o);
		return;
	}
	if (!f)
		return; /* memory ran out: as if it had been lost */
	o.header = header_of(sa, x->kind->type, f->message_id);
	o.iv = &f->progress.iv;
	if (!v1_is_phase1(x->kind->type)) {
		if (hash_before(x, f, hash) < 0)
			return;
		o.hash = hash;
	}
	datagram = seal(&o, exchange_take(x, room), room);
	if (!datagram.size)
		return;
	f->progress.messages++;
	if (x->initiator)
		x->path = sa->path;
	tell_sent(sa, &o, datagram.size);
	flight_send(x, f, datagram);
	if (!more_expected(x))
		v1_flight_over(f);
	if (v1_is_phase1(x->kind->type))
		sa->v1->iv = f->progress.iv;
}

static void send_alone(struct ike_sa *sa, uint8_t type, struct bytes payloads)
{
	uint8_t clear[IKE_HEADER_BYTES + NOTIFY_BYTES_MAX];
	struct outgoing o = { .sa = sa, .first = type, .payloads = payloads };
	struct bytes datagram;

	o.header = header_of(sa, V1_INFORMATIONAL, v1_message_id_new(sa));
	if (sa->established_at || sa->v1->phase1_over) {
		send_protected(sa, &o);
	} else if (send_stray_allowed(sa->engine)) {
		datagram = seal(&o, clear, sizeof(clear));
		tell_sent(sa, &o, datagram.size);
		engine_send(sa->engine, &sa->path, datagram);
	}
}

void v1_send_notify(struct ike_sa *sa, const struct v1_notify *n)
{
	uint8_t memory[NOTIFY_BYTES_MAX];
	struct writer w = writer_of(memory, sizeof(memory));
	struct chain_writer c = chain_begin(&w, SIZE_MAX);

	payload_begin(&c, V1_PAYLOAD_NOTIFY);
	v1_notify_encode(&w, n);
	payload_end(&c);
	if (writer_ok(&w))
		send_alone(sa, V1_PAYLOAD_NOTIFY, writer_bytes(&w));
}

void v1_send_delete(struct ike_sa *sa, const struct v1_delete *del)
{
	uint8_t memory[NOTIFY_BYTES_MAX];
	struct writer w = writer_of(memory, sizeof(memory));
	struct chain_writer c = chain_begin(&w, SIZE_MAX);

	payload_begin(&c, V1_PAYLOAD_DELETE);
	v1_delete_encode(&w, del);
	payload_end(&c);
	if (writer_ok(&w))
		send_alone(sa, V1_PAYLOAD_DELETE, writer_bytes(&w));
}

/* Refusals: the shared parts of the engine speak of them in IKEv2's terms. */

static uint16_t notify_for(uint16_t v2)
{
	switch (v2) {
	case NO_PROPOSAL_CHOSEN:
		return V1_NO_PROPOSAL_CHOSEN;
	case TS_UNACCEPTABLE:
	case FAILED_CP_REQUIRED:
	case INTERNAL_ADDRESS_FAILURE:
		return V1_INVALID_ID_INFORMATION;
	case INVALID_SYNTAX:
		return V1_PAYLOAD_MALFORMED;
	case INVALID_KE_PAYLOAD:
		return V1_INVALID_KEY_INFORMATION;
	case AUTHENTICATION_FAILED:
		return V1_AUTHENTICATION_FAILED;
	case UNSUPPORTED_CRITICAL_PAYLOAD:
		return V1_INVALID_PAYLOAD_TYPE;
	case NO_ADDITIONAL_SAS:
		return V1_NO_PROPOSAL_CHOSEN;
	default:
		return 0;
	}
}

void v1_refuse(struct exchange *x)
{
	uint8_t spi[4];
	struct v1_notify n = { .doi = V1_DOI_IPSEC,
		.protocol = V1_PROTOCOL_ISAKMP,
		.type = notify_for(x->reject.notify) };

	if (!n.type)
		return;
	if (x->kind->type == V1_QUICK_MODE) {
		n.protocol = V1_PROTOCOL_ESP;
		if (x->reject.spi) {
			store_u32(spi, x->reject.spi);
			n.spi = BYTES_OF(spi);
		}
	}
	v1_send_notify(x->sa, &n);
}
