/* The window of IKEv1. Each exchange is a flight: the last message that we sent in it, frozen, with
 * its timer, and what is needed to know a repeat of the last message that we took. Both ends
 * retransmit while they wait; whoever gets a repeat of what it took sends its frozen message again,
 * and nobody else sees that. */
#pragma once

#include "base/timer.h"
#include "ike/v1/keys.h"
#include "ike/v2/window.h"

struct exchange;
struct ike_sa;

#define V1_DIGEST_BYTES    32
#define V1_FLIGHTS_MAX     64    /* of one SA: what comes beyond is dropped */
#define V1_MESSAGE_IDS_MAX 16384 /* that both ends may use in one phase 1; a power of two */

/* How far an exchange is: what the next message depends on. */
struct v1_progress {
	unsigned messages;               /* so far, of both sides */
	struct v1_iv iv;                 /* of the next message */
	uint8_t digest[V1_DIGEST_BYTES]; /* of the last datagram that we took */
};

struct v1_flight {
	struct v1_flight *next;
	struct ike_sa *sa;
	uint32_t message_id; /* 0: phase 1 */
	struct v1_progress progress;
	struct v1_progress after; /* what that will be when the message that is worked on has been
				     accepted: a forged one must not break the chain of IVs */
	struct bytes ni,
		nr; /* of quick mode, in the exchange's arena: HASH(2) and (3) cover them */
	struct frozen sent;
	bool waiting;               /* retransmits `sent` until the next message is accepted */
	ike_time first_at, sent_at; /* when it was sent first, and last */
	bool over;                  /* the exchange is: kept for repeats until the timer ends it */
	unsigned tries;
	struct timer timer;
};

/* message_ids.c: those that either end used. */
struct v1_message_ids {
	size_t count, room;
	uint32_t *ids; /* ascending */
};

bool v1_message_id_used(const struct ike_sa *sa, uint32_t id);
/* False where there are too many, or memory ran out: what it begins is to be dropped. */
bool v1_message_id_note(struct ike_sa *sa, uint32_t id);
uint32_t v1_message_id_new(struct ike_sa *sa); /* random, and noted */
void v1_message_ids_clear(struct v1_message_ids *m);

struct v1_flight *v1_flight_find(const struct ike_sa *sa, uint32_t message_id);
/* NULL where there are too many, or memory ran out. */
struct v1_flight *v1_flight_new(struct ike_sa *sa, uint32_t message_id);
/* That of an exchange; one of ours that has none yet gets it, with a message ID. NULL as above. */
struct v1_flight *v1_flight_of(struct exchange *x);

/* The exchange that is under way with this message ID, of either side; NULL: none. */
struct exchange *v1_exchange_find(const struct ike_sa *sa, uint32_t message_id);

void v1_digest(const struct ike_sa *sa, struct bytes datagram, uint8_t out[static V1_DIGEST_BYTES]);
/* Whether a datagram is a repeat of the last that was taken. */
bool v1_flight_repeats(const struct v1_flight *f, struct bytes datagram);

/* Sends and freezes; `waiting`: until the next message is here. */
void v1_flight_send(struct v1_flight *f, const struct bytes *datagrams, size_t count, bool waiting);
/* For a repeat of what we took: what we answered, if anything, unless that has just gone out. Without
 * these two conditions a single copy would go back and forth for ever, since both ends do this. */
void v1_flight_again(struct v1_flight *f);
void v1_flight_accepted(struct v1_flight *f); /* `after` counts now */
void v1_flight_over(struct v1_flight *f);

void v1_window_resend(struct ike_sa *sa);
void v1_window_due(struct ike_sa *sa, struct timer *t);
void v1_window_quiet(struct ike_sa *sa);
void v1_window_clear(struct ike_sa *sa);
