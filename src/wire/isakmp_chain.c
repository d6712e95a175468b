/* The chain of ISAKMP payloads, RFC 2408 §3.2. It has the form of IKEv2's, but no critical bit, and
 * padding may follow its last payload. */
#include "wire/isakmp.h"

#include <errno.h>

#define GENERIC_HEADER_BYTES 4
#define V1_CLEAR_PADDING_MAX 3

static bool payload_type_known(uint8_t type)
{
	switch (type) {
	case V1_PAYLOAD_SA:
	case V1_PAYLOAD_KE ... V1_PAYLOAD_ATTRIBUTES:
	case V1_PAYLOAD_NAT_D:
	case V1_PAYLOAD_NAT_OA:
	case V1_PAYLOAD_NAT_D_DRAFT:
	case V1_PAYLOAD_NAT_OA_DRAFT:
	case V1_PAYLOAD_FRAGMENT:
		return true;
	default:
		return false;
	}
}

static bool payload_read(
	struct reader *r, uint8_t type, struct payload *ret_payload, uint8_t *ret_next)
{
	const uint8_t *start = r->at;
	uint8_t next = read_u8(r);
	uint16_t length;
	struct bytes body;

	read_skip(r, 1);
	length = read_u16(r);
	if (length < GENERIC_HEADER_BYTES)
		return false;
	body = read_bytes(r, length - GENERIC_HEADER_BYTES);
	if (!reader_ok(r))
		return false;

	*ret_payload = (struct payload){
		.type = type,
		.body = body,
		.whole = BYTES(start, length),
	};
	*ret_next = type == V1_PAYLOAD_FRAGMENT ? V1_PAYLOAD_NONE : next;
	return true;
}

enum wire_verdict v1_chain_decode(uint8_t first, struct bytes body, struct payload_chain *ret_chain,
	uint8_t *ret_unknown, struct bytes *ret_padding)
{
	struct reader r = reader_of(body);
	uint8_t type = first, next;

	ret_chain->count = 0;
	for (; type != V1_PAYLOAD_NONE; type = next) {
		struct payload payload;

		if (!payload_read(&r, type, &payload, &next))
			return WIRE_SYNTAX;
		if (!payload_type_known(type) && type < V1_PAYLOAD_PRIVATE_FIRST) {
			*ret_unknown = type;
			return WIRE_CRITICAL_UNKNOWN;
		}
		if (!payload_type_known(type))
			continue;
		if (ret_chain->count == PAYLOADS_MAX)
			return WIRE_SYNTAX;
		ret_chain->payloads[ret_chain->count++] = payload;
	}
	if (!ret_padding)
		return reader_left(&r) <= V1_CLEAR_PADDING_MAX ? WIRE_OK : WIRE_SYNTAX;

	*ret_padding = BYTES(r.at, reader_left(&r));
	return WIRE_OK;
}

struct bytes v1_chain_hashed(const struct payload_chain *chain, struct bytes padding)
{
	const struct payload *hash = &chain->payloads[0];
	const uint8_t *start;

	if (chain->count == 0)
		return BYTES_EMPTY;

	start = hash->whole.data + hash->whole.size;
	return BYTES(start, (size_t)(padding.data - start));
}

bool v1_chain_notify(const struct payload_chain *chain, uint16_t type, struct v1_notify *ret_notify)
{
	for (size_t i = 0; i < chain->count; i++) {
		const struct payload *p = &chain->payloads[i];
		struct v1_notify notify;

		if (p->type != V1_PAYLOAD_NOTIFY || !v1_notify_decode(p->body, &notify))
			continue;
		if (notify.type != type)
			continue;

		*ret_notify = notify;
		return true;
	}

	return false;
}

static bool attributes_well_formed(struct reader r)
{
	struct v1_attribute attribute;
	int more;

	do
		more = v1_attribute_next(&r, &attribute);
	while (more > 0);

	return more == 0;
}

static bool transforms_well_formed(const struct v1_proposal *p)
{
	struct v1_transform_reader t = v1_transforms_begin(p);
	struct v1_transform transform;
	int more;

	while ((more = v1_transforms_next(&t, &transform)) > 0)
		if (!attributes_well_formed(reader_of(transform.attributes)))
			return false;

	return more == 0;
}

/* Of another DOI or situation we can't tell, and another answer than PAYLOAD-MALFORMED is due. */
static bool sa_well_formed(struct bytes body)
{
	struct v1_sa_reader s;
	struct v1_proposal proposal;
	int more = v1_sa_begin(body, &s);

	if (more < 0)
		return more == -EPROTONOSUPPORT || more == -ENOTSUP;

	while ((more = v1_sa_next(&s, &proposal)) > 0)
		if (!transforms_well_formed(&proposal))
			return false;

	return more == 0;
}

static bool payload_well_formed(const struct payload *p)
{
	union {
		struct v1_id id;
		struct cert_payload cert;
		struct v1_notify notify;
		struct v1_delete delete;
		struct v1_attributes attributes;
		struct address address;
		struct v1_fragment fragment;
	} value;

	switch (p->type) {
	case V1_PAYLOAD_SA:
		return sa_well_formed(p->body);
	case V1_PAYLOAD_ID:
		return v1_id_decode(p->body, &value.id);
	case V1_PAYLOAD_CERT:
	case V1_PAYLOAD_CERTREQ:
		return cert_decode(p->body, &value.cert);
	case V1_PAYLOAD_NONCE:
		return v1_nonce_valid(p->body);
	case V1_PAYLOAD_NOTIFY:
		return v1_notify_decode(p->body, &value.notify);
	case V1_PAYLOAD_DELETE:
		return v1_delete_decode(p->body, &value.delete);
	case V1_PAYLOAD_ATTRIBUTES:
		return v1_attributes_begin(p->body, &value.attributes) &&
			attributes_well_formed(value.attributes.r);
	case V1_PAYLOAD_NAT_OA:
	case V1_PAYLOAD_NAT_OA_DRAFT:
		return v1_nat_oa_decode(p->body, &value.address);
	case V1_PAYLOAD_FRAGMENT:
		return v1_fragment_decode(p->body, &value.fragment);
	case V1_PAYLOAD_VENDOR:
		return true;
	default: /* KE, HASH, SIG, NAT-D: what they must hold depends on what was agreed */
		return p->body.size > 0;
	}
}

bool v1_chain_well_formed(const struct payload_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		if (!payload_well_formed(&chain->payloads[i]))
			return false;

	return true;
}
