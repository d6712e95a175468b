/* Octets as a message: whatever decodes must print, and what was decoded and encoded once must stay
 * the same. */
#include "wire/wire.h"

#include <assert.h>

#define TEXT_MAX          300
#define PAYLOAD_BYTES_MAX 65536

static void again_notify(struct bytes body)
{
	uint8_t room[PAYLOAD_BYTES_MAX];
	struct writer w = writer_of(room, sizeof(room));
	struct notify notify;

	if (!notify_decode(body, &notify))
		return;

	notify_encode(&w, &notify);
	assert(bytes_equal(writer_bytes(&w), body));
}

static void again_selectors(struct bytes body)
{
	uint8_t room[PAYLOAD_BYTES_MAX];
	struct writer w = writer_of(room, sizeof(room));
	struct selectors list, same;
	char text[SELECTOR_TEXT_MAX];

	if (!selectors_decode(body, &list))
		return;

	selectors_encode(&w, &list);
	assert(writer_ok(&w));
	assert(list.count == 0 || selectors_decode(writer_bytes(&w), &same));
	for (size_t i = 0; i < list.count; i++)
		selector_print(&list.list[i], text);
}

static void again_proposals(struct bytes body)
{
	struct sa_reader s = sa_begin(body);
	struct proposal proposal, same;
	char text[TEXT_MAX];

	while (sa_next(&s, &proposal) > 0) {
		uint8_t room[1024];
		struct writer w = writer_of(room, sizeof(room));
		struct sa_reader again;

		proposal_print(&proposal, text, sizeof(text));
		sa_encode(&w, &proposal, 1);
		again = sa_begin(writer_bytes(&w));
		assert(proposal.unusable || sa_next(&again, &same) == 1);
	}
}

static void read_payload(const struct payload *p)
{
	struct id_payload id;
	char text[TEXT_MAX];

	if (p->type == PAYLOAD_SA)
		again_proposals(p->body);
	if (p->type == PAYLOAD_NOTIFY)
		again_notify(p->body);
	if (p->type == PAYLOAD_TSI)
		again_selectors(p->body);
	if (id_decode(p->body, &id))
		id_print(&id, text, sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ike_header header;
	struct payload_chain chain;
	char text[TEXT_MAX];
	uint8_t critical;

	if (!header_decode(BYTES(data, size), &header))
		return 0;
	if (chain_decode(header.next_payload,
		    BYTES(data + IKE_HEADER_BYTES, size - IKE_HEADER_BYTES), &chain,
		    &critical) != WIRE_OK)
		return 0;

	chain_well_formed(&chain);
	message_print(&header, &chain, text, sizeof(text));
	for (size_t i = 0; i < chain.count; i++)
		read_payload(&chain.payloads[i]);

	return 0;
}
