/* The window of one: RFC 7296 §2.1-2.3. We send one request at a time and take the peer's one by
 * one. The window freezes what was emitted, owns the retransmission timer and answers repeats;
 * exchanges never see either. */
#pragma once

#include "base/timer.h"
#include "ike/v2/fragment.h"
#include "wire/wire.h"

struct ike_sa;

struct frozen { /* one message as the datagrams that carried it */
	size_t count;
	struct bytes *datagrams; /* one block */
};

struct window {
	uint32_t next_request;  /* the message ID of our next request */
	uint32_t next_expected; /* of the peer's next request */
	bool waiting;           /* our request next_request - 1 is unanswered */
	bool working;           /* the peer's request next_expected is being worked on */
	struct frozen request, response;
	unsigned tries;
	struct timer retransmit;
	struct fragments incoming; /* of the message being reassembled */
};

enum window_verdict { WINDOW_NEW, WINDOW_REPEAT, WINDOW_WORKING, WINDOW_STALE, WINDOW_AHEAD };

/* Pure: what a message is to us, by its header alone. For responses NEW means: answers our request.
 */
enum window_verdict window_judge(const struct window *w, const struct ike_header *header);

void frozen_take(
	struct frozen *f, const struct bytes *datagrams, size_t count); /* copies; replaces */
void frozen_clear(struct frozen *f);

/* How long to wait for an answer to what was sent `tries` times again: timeout × base^tries, within the
 * limit, shortened by a random part of the jitter. IKEv1 waits as long. */
uint64_t retransmit_after_ns(const struct ike_sa *sa, unsigned tries);

void window_send_request(struct ike_sa *sa, const struct bytes *datagrams, size_t count);
void window_send_response(struct ike_sa *sa, const struct bytes *datagrams, size_t count,
	const struct ike_path *path);
void window_request_answered(struct ike_sa *sa);
void window_repeat_response(struct ike_sa *sa, const struct ike_path *path);
/* After the SA's path has changed: the request in flight, if any, goes over it at once, and its series
 * of retransmissions begins anew. */
void window_resend(struct ike_sa *sa);
void window_send_along(struct ike_sa *sa, const struct ike_path *path); /* once more, elsewhere */
void window_retransmit_due(struct ike_sa *sa); /* sends again or gives up on the exchange */
void window_clear(struct ike_sa *sa);
