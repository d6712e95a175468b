/* Questions that travel to another thread: one deep copy, wiped at its end. */
#include <stdlib.h>

#include "tern/ike.h"

struct question_block {
	struct ike_question question; /* first: the caller's pointer is to it */
	struct ike_path current;
	size_t size;
	uint8_t octets[];
};

static size_t views(const struct ike_question *q, const struct bytes **out)
{
	size_t n = 0;

	out[n++] = &q->peer;
	out[n++] = &q->local_id.value;
	out[n++] = &q->remote_id.value;
	for (size_t i = 0; i < IKE_SIGNED_PARTS; i++)
		out[n++] = &q->parts[i];
	out[n++] = &q->certreqs;
	out[n++] = &q->auth;
	out[n++] = &q->user;
	out[n++] = &q->password;
	for (size_t i = 0; i < q->cert_count; i++)
		out[n++] = &q->certs[i].data;
	return n;
}

#define VIEWS_MAX (8 + IKE_SIGNED_PARTS + IKE_CERTS_MAX)

struct ike_question *ike_question_copy(const struct ike_question *q)
{
	const struct bytes *from[VIEWS_MAX], *to[VIEWS_MAX];
	size_t count = views(q, from), size = 0;
	struct question_block *block;
	uint8_t *at;

	for (size_t i = 0; i < count; i++)
		size += from[i]->size;
	block = malloc(sizeof(*block) + size);
	if (!block)
		return NULL;

	block->question = *q;
	block->size = size;
	if (q->current) {
		block->current = *q->current;
		block->question.current = &block->current;
	}
	at = block->octets;
	views(&block->question, to);
	for (size_t i = 0; i < count; i++) {
		struct bytes *view = (struct bytes *)(uintptr_t)to[i];

		if (from[i]->size)
			memcpy(at, from[i]->data, from[i]->size);
		*view = BYTES(at, from[i]->size);
		at += from[i]->size;
	}
	if (q->connection)
		connection_hold(q->connection);
	ke_private_hold(q->private);
	return &block->question;
}

void ike_question_free(struct ike_question *q)
{
	struct question_block *block = (struct question_block *)q;

	if (!q)
		return;
	connection_release(q->connection);
	ke_private_free((struct ke_private *)(uintptr_t)q->private);
	bytes_wipe(block->octets, block->size);
	free(block);
}
