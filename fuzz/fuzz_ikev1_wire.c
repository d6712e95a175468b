/* Octets as a message of IKEv1: whatever decodes must print, and transforms and proxy IDs that were
 * understood must mean the same after they were encoded. */
#include "wire/isakmp_transforms.h"

#include <assert.h>

#define TEXT_MAX 600

static void again_ike(const struct v1_transform *t)
{
	struct v1_ike_transform ike, same;
	struct proposal p;

	if (v1_ike_transform_decode(t, &ike) < 0 || !v1_ike_transform_to_proposal(&ike, &p))
		return;

	assert(v1_ike_transform_nth(&p, 0, &same));
	assert(same.encryption == ike.encryption && same.key_bits == ike.key_bits);
	assert(same.hash == ike.hash && same.group == ike.group);
	assert(!v1_ike_transform_nth(&p, 1, &same));
}

static void again_esp(const struct v1_transform *t)
{
	struct v1_esp_transform esp, same;
	struct proposal p;

	if (v1_esp_transform_decode(t, &esp) < 0 || !v1_esp_transform_to_proposal(&esp, &p))
		return;

	assert(v1_esp_transform_nth(&p, 0, &same));
	assert(same.id == esp.id && same.key_bits == esp.key_bits && same.esn == esp.esn);
	assert(same.authentication == esp.authentication && same.group == esp.group);
	assert(!v1_esp_transform_nth(&p, 1, &same));
}

static void read_sa(struct bytes body)
{
	struct v1_sa_reader s;
	struct v1_proposal p;

	if (v1_sa_begin(body, &s) < 0)
		return;

	while (v1_sa_next(&s, &p) > 0) {
		struct v1_transform_reader r = v1_transforms_begin(&p);
		struct v1_transform t;

		while (v1_transforms_next(&r, &t) > 0) {
			again_ike(&t);
			again_esp(&t);
		}
	}
}

static void read_id(struct bytes body)
{
	uint8_t octets[V1_ID_OCTETS_MAX];
	struct v1_id id, back;
	struct selector s, same;

	if (!v1_id_decode(body, &id) || !v1_id_to_selector(&id, &s))
		return;

	assert(v1_id_from_selector(&s, octets, &back) && v1_id_to_selector(&back, &same));
	assert(address_equal(&s.first, &same.first) && address_equal(&s.last, &same.last));
	assert(s.protocol == same.protocol && s.port_first == same.port_first);
}

static void read_payload(const struct payload *p)
{
	char text[TEXT_MAX];
	struct v1_notify n;
	struct v1_lifetime life;

	v1_payload_print(p, text, sizeof(text));
	v1_vendor_name(v1_vendor_find(p->body));
	if (p->type == V1_PAYLOAD_SA)
		read_sa(p->body);
	if (p->type == V1_PAYLOAD_ID)
		read_id(p->body);
	if (p->type == V1_PAYLOAD_NOTIFY && v1_notify_decode(p->body, &n))
		v1_lifetime_decode(&n, &life);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_header header;
	struct payload_chain chain;
	struct bytes padding, hashed;
	char text[TEXT_MAX];
	uint8_t unknown;

	if (!header_decode(BYTES(data, size), &header))
		return 0;
	if (v1_chain_decode(header.next_payload,
		    BYTES(data + IKE_HEADER_BYTES, size - IKE_HEADER_BYTES), &chain, &unknown,
		    &padding) != WIRE_OK)
		return 0;

	hashed = v1_chain_hashed(&chain, padding);
	assert(hashed.size <= size);
	v1_chain_well_formed(&chain);
	v1_message_print(&header, &chain, text, sizeof(text));
	for (size_t i = 0; i < chain.count; i++)
		read_payload(&chain.payloads[i]);

	return 0;
}
