/* The pool that answers the slow questions: key exchange, signing, verification. */
#pragma once

#include "keys/keys.h"
#include "tern/ike.h"

#include <uv.h>

struct answers;

/* `answered` runs in the loop's thread; the answer is cleared behind it, `private` aside: that one
 * is the receiver's. */
struct answers_options {
	uv_loop_t *loop;
	struct keys *keys;
	void (*answered)(void *context, const struct ike_answer *answer);
	void *context;
};

struct answers *answers_new(const struct answers_options *options);

/* The question is copied. */
void answers_ask(struct answers *a, const struct ike_question *question);

/* Drops answers from now on; free once the loop has run empty, and after the engine, which holds
 * halves of key exchanges that were made here. */
void answers_stop(struct answers *a);
size_t answers_active(const struct answers *a);
void answers_free(struct answers *a);
