/* The payload chain, RFC 7296 §3.2: each payload names the type of the next. An SK or SKF payload
 * ends a chain, since what it names is inside of it. */
#include "wire/wire.h"

#include <assert.h>

#define GENERIC_HEADER_BYTES 4
#define PAYLOAD_BYTES_MAX    65535
#define CRITICAL_BIT         0x80
#define NOT_OPEN             SIZE_MAX

static bool payload_type_known(uint8_t type)
{
	return (type >= PAYLOAD_SA && type <= PAYLOAD_EAP) || type == PAYLOAD_SKF;
}

static bool payload_read(
	struct reader *r, uint8_t type, struct payload *ret_payload, uint8_t *ret_next)
{
	const uint8_t *start = r->at;
	uint8_t next = read_u8(r);
	uint8_t flags = read_u8(r);
	uint16_t length = read_u16(r);
	struct bytes body;

	if (length < GENERIC_HEADER_BYTES)
		return false;
	body = read_bytes(r, length - GENERIC_HEADER_BYTES);
	if (!reader_ok(r))
		return false;

	*ret_payload = (struct payload){
		.type = type,
		.critical = flags & CRITICAL_BIT,
		.body = body,
		.whole = BYTES(start, length),
	};
	*ret_next = next;
	return true;
}

enum wire_verdict chain_decode(
	uint8_t first, struct bytes body, struct payload_chain *ret_chain, uint8_t *ret_critical)
{
	struct reader r = reader_of(body);
	struct payload payload;
	uint8_t type = first;

	ret_chain->count = 0;
	while (type != PAYLOAD_NONE) {
		uint8_t next;

		if (!payload_read(&r, type, &payload, &next))
			return WIRE_SYNTAX;
		if (!payload_type_known(type) && payload.critical) {
			*ret_critical = type;
			return WIRE_CRITICAL_UNKNOWN;
		}
		if (payload_type_known(type) && ret_chain->count == PAYLOADS_MAX)
			return WIRE_SYNTAX;
		if (payload_type_known(type))
			ret_chain->payloads[ret_chain->count++] = payload;
		type = type == PAYLOAD_SK || type == PAYLOAD_SKF ? PAYLOAD_NONE : next;
	}

	return reader_done(&r) ? WIRE_OK : WIRE_SYNTAX;
}

const struct payload *chain_find(const struct payload_chain *chain, uint8_t type, size_t nth)
{
	for (size_t i = 0; i < chain->count; i++)
		if (chain->payloads[i].type == type && nth-- == 0)
			return &chain->payloads[i];

	return NULL;
}

size_t chain_count(const struct payload_chain *chain, uint8_t type)
{
	size_t count = 0;

	for (size_t i = 0; i < chain->count; i++)
		count += chain->payloads[i].type == type;

	return count;
}

bool chain_notify(const struct payload_chain *chain, uint16_t type, struct notify *ret_notify)
{
	for (size_t i = 0; i < chain->count; i++) {
		const struct payload *p = &chain->payloads[i];
		struct notify notify;

		if (p->type != PAYLOAD_NOTIFY || !notify_decode(p->body, &notify))
			continue;
		if (notify.type != type)
			continue;

		*ret_notify = notify;
		return true;
	}

	return false;
}

struct chain_writer chain_begin(struct writer *w, size_t next_at)
{
	return (struct chain_writer){ .w = w, .next_at = next_at, .open_at = NOT_OPEN };
}

void payload_begin(struct chain_writer *c, uint8_t type)
{
	assert(type != PAYLOAD_NONE && c->open_at == NOT_OPEN);

	if (c->first == PAYLOAD_NONE)
		c->first = type;
	if (c->next_at != SIZE_MAX)
		write_u8_at(c->w, c->next_at, type);

	c->open_at = c->w->used;
	c->next_at = c->w->used;
	write_zeros(c->w, GENERIC_HEADER_BYTES);
}

void payload_end(struct chain_writer *c)
{
	size_t length;

	assert(c->open_at != NOT_OPEN);
	length = c->w->used - c->open_at;
	if (length > PAYLOAD_BYTES_MAX)
		c->w->failed = true;

	write_u16_at(c->w, c->open_at + 2, (uint16_t)length);
	c->open_at = NOT_OPEN;
}

static bool sa_well_formed(struct bytes body)
{
	struct sa_reader s = sa_begin(body);
	struct proposal proposal;
	int more;

	do
		more = sa_next(&s, &proposal);
	while (more > 0);

	return more == 0;
}

static bool cp_well_formed(struct bytes body)
{
	struct cp_reader cp;
	struct cp_attribute attribute;
	int more;

	if (!cp_begin(body, &cp))
		return false;

	do
		more = cp_next(&cp, &attribute);
	while (more > 0);

	return more == 0;
}

static bool payload_well_formed(const struct payload *p)
{
	union {
		struct ke_payload ke;
		struct id_payload id;
		struct cert_payload cert;
		struct auth_payload auth;
		struct notify notify;
		struct delete_payload delete;
		struct selectors selectors;
		struct eap_packet eap;
		struct skf_head skf;
	} value;

	switch (p->type) {
	case PAYLOAD_SA:
		return sa_well_formed(p->body);
	case PAYLOAD_KE:
		return ke_decode(p->body, &value.ke);
	case PAYLOAD_IDI:
	case PAYLOAD_IDR:
		return id_decode(p->body, &value.id);
	case PAYLOAD_CERT:
	case PAYLOAD_CERTREQ:
		return cert_decode(p->body, &value.cert);
	case PAYLOAD_AUTH:
		return auth_decode(p->body, &value.auth);
	case PAYLOAD_NONCE:
		return nonce_valid(p->body);
	case PAYLOAD_NOTIFY:
		return notify_decode(p->body, &value.notify);
	case PAYLOAD_DELETE:
		return delete_decode(p->body, &value.delete);
	case PAYLOAD_TSI:
	case PAYLOAD_TSR:
		return selectors_decode(p->body, &value.selectors);
	case PAYLOAD_CP:
		return cp_well_formed(p->body);
	case PAYLOAD_EAP:
		return eap_decode(p->body, &value.eap);
	case PAYLOAD_SKF:
		return skf_decode(p->body, &value.skf);
	default:
		return true; /* V and SK: any octets */
	}
}

bool chain_well_formed(const struct payload_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		if (!payload_well_formed(&chain->payloads[i]))
			return false;

	return true;
}
