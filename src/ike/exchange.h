/* The exchange runner: an exchange is a table of rounds, a round is a message expected, steps, and
 * a message emitted. A step that asks a question waits; it runs again when the answer is there. */
#pragma once

#include "ike/receive.h"
#include "ike/sa.h"

struct exchange;

enum step {
	STEP_NEXT,   /* done: the next one */
	STEP_WAIT,   /* a question is out */
	STEP_REJECT, /* the message is refused: x->reject says with what */
	STEP_DROP,   /* as if the message had not come */
	STEP_AGAIN,  /* from the first round on: the peer wants the same request otherwise */
	STEP_END,    /* the exchange is over here: later steps and rounds are skipped, nothing is
			emitted */
};

typedef enum step step_fn(struct exchange *x);

struct payload_rule {
	uint8_t type;
	uint8_t min, max; /* max 255: any number */
};

struct message_rule {
	const char *name;
	const struct payload_rule
		*payloads; /* ends with type 0; N and V may always come in any number */
};

struct round {
	const struct message_rule *expect; /* what must arrive; NULL where we begin */
	step_fn *const *steps;             /* in order, NULL-terminated */
	const struct message_rule *emit; /* asserted on what we built; NULL where nothing is sent */
	bool repeats; /* the next message is this round's too, until a step says STEP_END or sets
			 x->last */
};

struct exchange_kind {
	const char *name;
	uint8_t type; /* enum exchange_type */
	const struct round *rounds;
	size_t round_count;
	size_t data_size; /* of the exchange's own struct */
	bool replaces_sa; /* the peer's: another IKE SA takes this one's place when it ends */
	/* Called once when it ends without having run to its end: abandoned by the window, refused
	 * by the peer, its SA gone. `why` is for people. */
	void (*failed)(struct exchange *x, const char *why);
	/* Called after the last message was emitted or the last step done. */
	void (*finished)(struct exchange *x);
	void (*cleanup)(
		struct exchange *x); /* frees what its data owns outside the arena; always called */
};

#define REJECT_TEXT_MAX 900

struct rejection {
	uint16_t notify; /* 0: none chosen */
	uint8_t data[4];
	size_t data_size;
	struct bytes more; /* in the exchange's arena: instead of `data` */
	uint8_t protocol;
	uint32_t spi;
	bool doom; /* the SA ends after the response */
	char text[REJECT_TEXT_MAX];
};

struct exchange {
	struct exchange *next; /* of the peer's: of the same SA */
	struct ike_engine *engine;
	struct ike_sa *sa;
	const struct exchange_kind *kind;
	bool initiator;   /* of this exchange */
	bool unprotected; /* IKE_SA_INIT, IKE_SESSION_RESUME */
	size_t round, step;
	uint32_t message_id;
	struct arena *arena;    /* everything of the exchange */
	struct arena *in_arena; /* the message of this round; replaced by the next */
	const struct opened *in;
	struct arena *first_arena; /* of a message that exchange_keep_message() keeps */
	bool last; /* what this round builds is the last message: the exchange ends with it */
	struct ike_path path; /* where it came from: the response goes back there */
	struct writer out;    /* payloads built so far */
	struct chain_writer chain;
	uint64_t question_id;
	const struct ike_answer *answer; /* set while a waiting step runs again */
	struct timer question_timer;
	struct rejection reject;
	struct intent *intent; /* what it serves; owned; may be NULL */
	bool ended;
	bool after_theirs; /* ours waits for one of the peer's: exchange_after_theirs() */
	void *data;
};

/* Begins one of ours. Takes `intent`. Returns NULL where memory ran out. */
struct exchange *exchange_begin(
	struct ike_sa *sa, const struct exchange_kind *kind, struct intent *intent);
void exchange_start(struct exchange *x); /* runs the first round */
/* Begins one for a request of the peer. */
void exchange_respond(struct ike_sa *sa, const struct exchange_kind *kind,
	struct arena *message_arena, struct opened *message); /* takes the arena */
void exchange_resume(struct exchange *x, struct arena *message_arena, struct opened *message);
void exchange_answered(struct exchange *x, const struct ike_answer *answer);
void exchange_again(struct exchange *x);                    /* as initiator, from its first step */
void exchange_abandon(struct exchange *x, const char *why); /* calls failed(), frees */
void exchange_question_late(struct exchange *x);
void exchange_free(struct exchange *x);

/* For steps. */
const struct ike_answer *exchange_take_answer(struct exchange *x); /* NULL on the first run */
enum step exchange_ask(
	struct exchange *x, struct ike_question *question); /* copied into the arena; STEP_WAIT */
/* The step runs again when an exchange of the peer's on this IKE SA has ended. STEP_WAIT */
enum step exchange_after_theirs(struct exchange *x);
enum step exchange_reject(struct exchange *x, uint16_t notify, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void *exchange_take(
	struct exchange *x, size_t size); /* from the arena; never NULL: ends the process by assert
					     only where the cap is ours */
struct bytes exchange_keep(struct exchange *x, struct bytes from);
/* Keeps the message of this round until the exchange ends; once. */
const struct opened *exchange_keep_message(struct exchange *x);

/* What a message has too few or too many of; NULL where it keeps the rule. */
const char *rule_broken(const struct message_rule *rule, const struct payload_chain *chain);

/* Building the message of this round. */
void exchange_out_begin(struct exchange *x); /* anew */
struct writer *exchange_payload(struct exchange *x, uint8_t type);
void exchange_payload_end(struct exchange *x);
void exchange_notify(struct exchange *x, uint16_t type, struct bytes data);
void exchange_notify_spi(
	struct exchange *x, uint16_t type, uint8_t protocol, uint32_t spi, struct bytes data);

static inline const struct payload_chain *exchange_in(const struct exchange *x)
{
	return &x->in->chain;
}

/* The body of the only payload of a type; empty where there is none. */
struct bytes exchange_body(const struct exchange *x, uint8_t type);

/* As initiator of one request: the peer did what we asked for. Its response is here, and refuses
 * nothing. */
bool exchange_granted(const struct exchange *x);

/* The first error notify of a response, 0 where none. */
uint16_t chain_error(const struct payload_chain *chain, struct notify *ret_notify);
