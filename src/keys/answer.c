/* Answers to the core's questions. Key exchanges need nothing of the store; the two about identities run under its read
 * lock from beginning to end, so that what they found stays where it is. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "keys/internal.h"

static void ke_refused(struct task *t, int error)
{
	char scratch[NAME_TEXT_MAX];
	const char *group = transform_name(TRANSFORM_KE, t->question->group, scratch);

	if (error == -EBADMSG) {
		task_no(t, "the peer's value for %s is none that may be sent", group);
		t->answer->status = IKE_ANSWER_BAD_PEER;
	} else if (error == -ENOTSUP) {
		task_no(t, "key exchange group %s is not supported", group);
	} else {
		task_no(t, "the cryptographic library failed in key exchange group %s", group);
	}
}

static void ke_begun(struct task *t)
{
	struct ke_private *private = NULL;
	uint8_t public[KE_BYTES_MAX];
	size_t size;
	int r = ke_begin(t->crypto, t->question->group, &private, public, &size);

	if (r < 0) {
		ke_refused(t, r);
	} else if (task_give(t, &t->answer->public, BYTES(public, size))) {
		t->answer->private = private;
		task_yes(t);
	} else {
		ke_private_free(private);
	}
}

static void ke_finished(struct task *t)
{
	uint8_t secret[KE_BYTES_MAX];
	size_t size = 0;
	int r = ke_finish(t->crypto, t->question->private, t->question->peer, secret, &size);

	if (r < 0)
		ke_refused(t, r);
	else if (task_give(t, &t->answer->secret, BYTES(secret, size)))
		task_yes(t);
	bytes_wipe(secret, sizeof(secret));
}

static void ke_responded(struct task *t)
{
	const struct ike_question *q = t->question;
	uint8_t public[KE_BYTES_MAX], secret[KE_BYTES_MAX];
	size_t public_size = 0, secret_size = 0;
	int r = ke_respond(
		t->crypto, q->group, q->peer, public, &public_size, secret, &secret_size);

	if (r < 0)
		ke_refused(t, r);
	else if (task_give(t, &t->answer->public, BYTES(public, public_size)) &&
		task_give(t, &t->answer->secret, BYTES(secret, secret_size)))
		task_yes(t);
	bytes_wipe(secret, sizeof(secret));
}

static void identified(struct task *t)
{
	const struct ike_question *q = t->question;
	bool ours = q->kind != IKE_ASK_VERIFY && q->kind != IKE_ASK_XAUTH_VERIFY;

	assert(q->round < (ours ? q->connection->local_count : q->connection->remote_count));
	t->round = ours ? &q->connection->local[q->round] : &q->connection->remote[q->round];
	id_print(&q->local_id, t->local, sizeof(t->local));
	id_print(&q->remote_id, t->remote, sizeof(t->remote));

	pthread_rwlock_rdlock(&t->keys->lock);
	if (q->kind == IKE_ASK_SKEYID)
		skeyid(t);
	else if (q->kind == IKE_ASK_SIGNER)
		signer(t);
	else if (q->kind == IKE_ASK_XAUTH_VERIFY)
		xauth_verify(t);
	else if (q->kind == IKE_ASK_XAUTH_CREDENTIALS)
		xauth_credentials(t);
	else if (ours)
		authenticate(t);
	else
		verify(t);
	pthread_rwlock_unlock(&t->keys->lock);
}

void keys_answer(struct keys *k, struct crypto *crypto, const struct ike_question *question,
	int64_t wall, struct ike_answer *ret_answer)
{
	struct task t = {
		.keys = k,
		.crypto = crypto,
		.question = question,
		.wall = wall,
		.answer = ret_answer,
	};

	*ret_answer = (struct ike_answer){ .id = question->id, .status = IKE_ANSWER_NO };
	switch (question->kind) {
	case IKE_ASK_KE_BEGIN:
		ke_begun(&t);
		break;
	case IKE_ASK_KE_FINISH:
		ke_finished(&t);
		break;
	case IKE_ASK_KE_RESPOND:
		ke_responded(&t);
		break;
	case IKE_ASK_SKEYID:
	case IKE_ASK_SIGNER:
	case IKE_ASK_XAUTH_VERIFY:
	case IKE_ASK_XAUTH_CREDENTIALS:
	case IKE_ASK_AUTHENTICATE:
	case IKE_ASK_VERIFY:
		identified(&t);
		break;
	default:
		assert(!"a question for somebody else");
	}
	assert(task_is_yes(&t) || ret_answer->reason[0]);
}

static void give_back(struct bytes *b)
{
	if (b->data)
		bytes_wipe((void *)(uintptr_t)b->data, b->size);
	free((void *)(uintptr_t)b->data);
	*b = BYTES_EMPTY;
}

/* Who gave `private` to the engine has set it to NULL. */
void keys_answer_clear(struct ike_answer *answer)
{
	ke_private_free(answer->private);
	give_back(&answer->public);
	give_back(&answer->secret);
	give_back(&answer->auth);
	for (size_t i = 0; i < answer->cert_count; i++)
		give_back(&answer->certs[i].data);
	free((void *)(uintptr_t)answer->credential);
	bytes_wipe(answer, sizeof(*answer));
}
