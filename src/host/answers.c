/* The pool that answers the slow questions, on libuv's threads. A thread borrows a context of
 * OpenSSL for each answer; there are as many as threads ever worked at once, and they live as long
 * as what was made with them may. */
#include "host/answers.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#define CONTEXTS_MAX 1024 /* libuv's own limit of threads */

struct answers {
	struct answers_options options;
	uv_mutex_t lock; /* of the contexts */
	struct crypto *idle[CONTEXTS_MAX];
	size_t idle_count;
	size_t active;
	bool stopped;
};

struct work {
	uv_work_t work;
	struct answers *answers;
	struct ike_question *question;
	struct ike_answer answer;
};

struct answers *answers_new(const struct answers_options *options)
{
	struct answers *a = calloc(1, sizeof(*a));

	if (a && uv_mutex_init(&a->lock) != 0) {
		free(a);
		return NULL;
	}
	if (a)
		a->options = *options;
	return a;
}

static struct crypto *context_take(struct answers *a)
{
	struct crypto *c = NULL;

	uv_mutex_lock(&a->lock);
	if (a->idle_count)
		c = a->idle[--a->idle_count];
	uv_mutex_unlock(&a->lock);
	return c ? c : crypto_new(NULL);
}

static void context_put(struct answers *a, struct crypto *c)
{
	uv_mutex_lock(&a->lock);
	assert(a->idle_count < CONTEXTS_MAX);
	a->idle[a->idle_count++] = c;
	uv_mutex_unlock(&a->lock);
}

static void refuse(struct ike_answer *answer, uint64_t id, const char *reason)
{
	*answer = (struct ike_answer){ .id = id, .status = IKE_ANSWER_NO };
	memcpy(answer->reason, reason, strlen(reason) + 1);
}

/* In a thread of the pool. */
static void compute(uv_work_t *work)
{
	struct work *w = work->data;
	struct crypto *c = context_take(w->answers);

	if (!c) {
		refuse(&w->answer, w->question->id,
			"OpenSSL has no context for us: is memory short?");
		return;
	}
	keys_answer(w->answers->options.keys, c, w->question, time(NULL), &w->answer);
	context_put(w->answers, c);
}

/* Back in the loop's thread. */
static void on_computed(uv_work_t *work, int status)
{
	struct work *w = work->data;
	struct answers *a = w->answers;

	if (status != 0)
		refuse(&w->answer, w->question->id, "cancelled");
	a->active--;
	if (!a->stopped)
		a->options.answered(a->options.context, &w->answer);
	else
		ke_private_free(w->answer.private);
	w->answer.private = NULL;
	keys_answer_clear(&w->answer);
	ike_question_free(w->question);
	free(w);
}

void answers_ask(struct answers *a, const struct ike_question *question)
{
	struct work *w = calloc(1, sizeof(*w));

	if (w)
		*w = (struct work){ .answers = a, .question = ike_question_copy(question) };
	if (w && w->question) {
		w->work.data = w;
		w->answer.id = question->id;
		if (uv_queue_work(a->options.loop, &w->work, compute, on_computed) == 0) {
			a->active++;
			return;
		}
		ike_question_free(w->question);
	}
	free(w);

	struct ike_answer no;

	refuse(&no, question->id, "out of memory");
	a->options.answered(a->options.context, &no);
}

void answers_stop(struct answers *a)
{
	a->stopped = true;
}

size_t answers_active(const struct answers *a)
{
	return a->active;
}

void answers_free(struct answers *a)
{
	if (!a)
		return;
	assert(!a->active);
	while (a->idle_count)
		crypto_free(a->idle[--a->idle_count]);
	uv_mutex_destroy(&a->lock);
	free(a);
}
