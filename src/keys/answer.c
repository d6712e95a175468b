/* Answering: one question in, one answer out, whatever it takes. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "keys/internal.h"

static void ke_failed(struct task *t, int error)
{
	char name[NAME_TEXT_MAX];

	transform_name(TRANSFORM_KE, t->question->group, name);
	task_no(t,
		error == -EBADMSG           ? "a value of %s that no peer may send"
			: error == -ENOTSUP ? "%s is not supported"
					    : "the library refused %s",
		transform_name(TRANSFORM_KE, t->question->group, name));
	if (error == -EBADMSG)
		t->answer->status = IKE_ANSWER_BAD_PEER;
}

static void agree(struct task *t)
{
	const struct ike_question *q = t->question;
	uint8_t public[KE_BYTES_MAX], secret[KE_BYTES_MAX];
	size_t public_size = 0, secret_size = 0;
	int r;

	if (q->kind == IKE_ASK_KE_BEGIN)
		r = ke_begin(t->crypto, q->group, &t->answer->private, public, &public_size);
	else if (q->kind == IKE_ASK_KE_FINISH)
		r = ke_finish(t->crypto, q->private, q->peer, secret, &secret_size);
	else
		r = ke_respond(
			t->crypto, q->group, q->peer, public, &public_size, secret, &secret_size);

	if (r < 0)
		ke_failed(t, r);
	else if (task_give(t, &t->answer->public, BYTES(public, public_size)))
		task_give(t, &t->answer->secret, BYTES(secret, secret_size));
	bytes_wipe(secret, sizeof(secret));
}

static void prove(struct task *t)
{
	const struct ike_question *q = t->question;
	bool ours = q->kind == IKE_ASK_AUTHENTICATE;

	t->round = ours ? &q->connection->local[q->round] : &q->connection->remote[q->round];
	id_print(&q->local_id, t->local, sizeof(t->local));
	if (q->remote_id.type)
		id_print(&q->remote_id, t->remote, sizeof(t->remote));
	else
		snprintf(t->remote, sizeof(t->remote), "%%any");

	pthread_rwlock_rdlock(&t->keys->lock);
	if (ours)
		authenticate(t);
	else
		verify(t);
	pthread_rwlock_unlock(&t->keys->lock);
}

void keys_answer(struct keys *k, struct crypto *crypto, const struct ike_question *question,
	int64_t wall, struct ike_answer *ret_answer)
{
	struct task t = { .keys = k,
		.crypto = crypto,
		.question = question,
		.wall = wall,
		.answer = ret_answer };

	*ret_answer = (struct ike_answer){ .id = question->id };
	switch (question->kind) {
	case IKE_ASK_KE_BEGIN:
	case IKE_ASK_KE_FINISH:
	case IKE_ASK_KE_RESPOND:
		agree(&t);
		break;
	case IKE_ASK_AUTHENTICATE:
	case IKE_ASK_VERIFY:
		prove(&t);
		break;
	default:
		assert(!"a question for the host");
	}
}

static void give_back(struct bytes b)
{
	bytes_wipe((void *)(uintptr_t)b.data, b.size);
	free((void *)(uintptr_t)b.data);
}

void keys_answer_clear(struct ike_answer *answer)
{
	ke_private_free(answer->private);
	give_back(answer->public);
	give_back(answer->secret);
	give_back(answer->auth);
	for (size_t i = 0; i < answer->cert_count; i++)
		give_back(answer->certs[i].data);
	*answer = (struct ike_answer){ 0 };
}
