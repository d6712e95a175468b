/* The runner: one loop for every exchange and both roles. */
#include "ike/exchange.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ike/protocol.h"

#define EXCHANGE_ARENA_CAP (1024 * 1024) /* IKE_AUTH of many rounds, each with certificates */
#define EXCHANGE_OUT_BYTES (48 * 1024)
#define QUESTION_LIMIT_NS  (20 * NS_PER_SECOND)

/* NULL where memory ran out, also where `kind` is NULL because it did before. */
static struct exchange *exchange_new(struct ike_sa *sa, const struct exchange_kind *kind)
{
	struct exchange *x = kind ? calloc(1, sizeof(*x)) : NULL;

	if (!x)
		return NULL;

	x->engine = sa->engine;
	x->sa = sa;
	x->kind = kind;
	x->unprotected = kind->type == IKE_SA_INIT || kind->type == IKE_SESSION_RESUME;
	x->path = sa->path;
	x->question_timer.owner = x;
	x->arena = arena_new(EXCHANGE_ARENA_CAP);
	x->data = x->arena && kind->data_size ? arena_take(x->arena, kind->data_size) : NULL;
	if (!x->arena || (kind->data_size && !x->data)) {
		arena_free(x->arena);
		free(x);
		return NULL;
	}

	return x;
}

static void question_forget(struct exchange *x)
{
	if (!x->question_id)
		return;
	engine_unask(x->engine, x->question_id);
	table_take(x->engine->by_question, BYTES(&x->question_id, sizeof(x->question_id)));
	x->question_id = 0;
	timer_clear(&x->engine->timers, &x->question_timer);
}

/* Off its SA; what is not on it stays off. */
static void exchange_detach(struct exchange *x)
{
	struct exchange **link = &x->sa->theirs;

	if (x->sa->ours == x)
		x->sa->ours = NULL;
	while (*link && *link != x)
		link = &(*link)->next;
	if (*link)
		*link = x->next;
	x->next = NULL;
}

void exchange_free(struct exchange *x)
{
	if (!x)
		return;

	question_forget(x);
	exchange_detach(x);
	if (x->sa->protocol->over)
		x->sa->protocol->over(x);
	if (!x->initiator)
		x->sa->window.working = false;
	if (x->kind->cleanup)
		x->kind->cleanup(x);
	free(x->intent);
	arena_free(x->in_arena);
	arena_free(x->first_arena);
	arena_free(x->arena);
	free(x);
}

/* Messages: rules on receive, asserted on emit. */

static const struct payload_rule *rule_of(const struct message_rule *rule, uint8_t type)
{
	for (const struct payload_rule *p = rule->payloads; p->type; p++)
		if (p->type == type)
			return p;

	return NULL;
}

/* RFC 7296 §3.1: payloads that have no business in a message are ignored; too few or too many are
 * an error. */
const char *rule_broken(const struct message_rule *rule, const struct payload_chain *chain)
{
	for (const struct payload_rule *p = rule->payloads; p->type; p++) {
		size_t count = chain_count(chain, p->type);

		if (count < p->min || (p->max != 255 && count > p->max))
			return "payloads are missing or repeated";
	}

	return NULL;
}

static void assert_rule_kept(const struct exchange *x, const struct message_rule *rule)
{
	const struct protocol *p = x->sa->protocol;
	struct payload_chain chain;
	uint8_t critical;
	enum wire_verdict verdict =
		p->decode(x->chain.first, writer_bytes(&x->out), &chain, &critical);

	assert(verdict == WIRE_OK);
	assert(!rule_broken(rule, &chain));
	for (size_t i = 0; i < chain.count; i++)
		assert(chain.payloads[i].type == p->notify || chain.payloads[i].type == p->vendor ||
			rule_of(rule, chain.payloads[i].type));
}

/* Building. */

void exchange_out_begin(struct exchange *x)
{
	uint8_t *memory = x->out.start ? x->out.start : exchange_take(x, EXCHANGE_OUT_BYTES);

	x->out = writer_of(memory, EXCHANGE_OUT_BYTES);
	x->chain = chain_begin(&x->out, SIZE_MAX);
}

struct writer *exchange_payload(struct exchange *x, uint8_t type)
{
	payload_begin(&x->chain, type);
	return &x->out;
}

void exchange_payload_end(struct exchange *x)
{
	payload_end(&x->chain);
}

void exchange_notify_spi(
	struct exchange *x, uint16_t type, uint8_t protocol, uint32_t spi, struct bytes data)
{
	struct notify n = { .protocol = protocol,
		.spi_size = protocol == PROTOCOL_ESP ? 4 : 0,
		.spi = spi,
		.type = type,
		.data = data };

	notify_encode(exchange_payload(x, PAYLOAD_NOTIFY), &n);
	exchange_payload_end(x);
}

void exchange_notify(struct exchange *x, uint16_t type, struct bytes data)
{
	exchange_notify_spi(x, type, PROTOCOL_NONE, 0, data);
}

struct bytes exchange_body(const struct exchange *x, uint8_t type)
{
	const struct payload *p = chain_find(&x->in->chain, type, 0);

	return p ? p->body : BYTES_EMPTY;
}

uint16_t chain_error(const struct payload_chain *chain, struct notify *ret_notify)
{
	const struct payload *p;

	for (size_t i = 0; (p = chain_find(chain, PAYLOAD_NOTIFY, i)); i++) {
		struct notify n;

		if (notify_decode(p->body, &n) && n.type < NOTIFY_STATUS_FIRST) {
			*ret_notify = n;
			return n.type;
		}
	}

	return 0;
}

bool exchange_granted(const struct exchange *x)
{
	struct notify n;

	return x->initiator && x->round > 0 && x->in && !chain_error(&x->in->chain, &n);
}

void *exchange_take(struct exchange *x, size_t size)
{
	void *memory = arena_take(x->arena, size ? size : 1);

	assert(memory); /* the cap is far above what one exchange may keep: messages are bounded
			   before */
	return memory;
}

struct bytes exchange_keep(struct exchange *x, struct bytes from)
{
	uint8_t *memory;

	if (!from.size)
		return BYTES_EMPTY;

	memory = exchange_take(x, from.size);
	memcpy(memory, from.data, from.size);
	return BYTES(memory, from.size);
}

const struct opened *exchange_keep_message(struct exchange *x)
{
	assert(!x->first_arena);
	x->first_arena = x->in_arena;
	x->in_arena = NULL;
	return x->in;
}

/* Questions. */

enum step exchange_ask(struct exchange *x, struct ike_question *question)
{
	struct ike_question *kept = exchange_take(x, sizeof(*kept));

	assert(!x->question_id);
	question->id = ++x->engine->last_question;
	*kept = *question;
	x->question_id = question->id;
	if (table_put(x->engine->by_question, BYTES(&x->question_id, sizeof(x->question_id)), x) <
		0)
		return exchange_reject(x, TEMPORARY_FAILURE, "out of memory");

	x->question_timer.kind = x->initiator ? TIMER_QUESTION_OURS : TIMER_QUESTION_THEIRS;
	timer_set(&x->engine->timers, &x->question_timer, x->engine->now + QUESTION_LIMIT_NS);
	engine_ask(x->engine, kept);
	return STEP_WAIT;
}

const struct ike_answer *exchange_take_answer(struct exchange *x)
{
	const struct ike_answer *answer = x->answer;

	x->answer = NULL;
	return answer;
}

enum step exchange_reject(struct exchange *x, uint16_t notify, const char *format, ...)
{
	va_list args;

	x->reject.notify = notify;
	va_start(args, format);
	vsnprintf(x->reject.text, sizeof(x->reject.text), format, args);
	va_end(args);
	return STEP_REJECT;
}

enum step exchange_after_theirs(struct exchange *x)
{
	assert(x->initiator && x->sa->theirs);
	x->after_theirs = true;
	return STEP_WAIT;
}

/* Ends. */

static void exchange_run(struct exchange *x);

static void ours_goes_on(struct ike_sa *sa)
{
	struct exchange *ours = sa->ours;

	if (!ours || !ours->after_theirs)
		return;
	ours->after_theirs = false;
	exchange_run(ours);
}

/* Behind the end of an exchange: what waited for it. */
static void go_on(struct ike_sa *sa)
{
	ours_goes_on(sa);
	if (!sa->doomed)
		intent_pump(sa);
}

static void exchange_finish(struct exchange *x)
{
	struct ike_sa *sa = x->sa;

	exchange_detach(x); /* finished() may begin the next */
	if (x->kind->finished)
		x->kind->finished(x);
	exchange_free(x);
	go_on(sa);
}

/* Takes the exchange off its SA and lets its kind say what follows from its failure. */
static void exchange_fail(struct exchange *x, const char *why)
{
	exchange_detach(x);
	if (x->kind->failed)
		x->kind->failed(x, why);
}

void exchange_abandon(struct exchange *x, const char *why)
{
	struct ike_sa *sa = x->sa;

	exchange_fail(x, why);
	exchange_free(x);
	go_on(sa);
}

/* The SA ends with the refusal, but repeats of the request still get it. */
static void refuse_for_good(struct exchange *x, const char *why)
{
	exchange_detach(x); /* its own end is the caller's */
	sa_linger(x->sa, SA_END_FAILED, why);
}

/* A refusal: the exchange has failed, and the peer is told as its version of IKE has it. */
static void exchange_refuse(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	char why[REJECT_TEXT_MAX];
	bool doom;

	snprintf(why, sizeof(why), "%s", x->reject.text);
	sa->protocol->refuse(x);
	if (why[0])
		sa_tell(sa, IKE_EVENT_FAILED, 0, "%s", why);
	if (x->reject.doom && !x->initiator)
		refuse_for_good(x, why);
	exchange_fail(x, why);
	doom = x->reject.doom; /* failed() may have found something better than ending the SA at
				  once */
	exchange_free(x);
	if (doom && !sa->gone)
		sa_doom(sa, SA_END_FAILED, why);
	else
		go_on(sa);
}

static void exchange_dropped(struct exchange *x)
{
	struct ike_sa *sa = x->sa;

	if (x->initiator || (x->round > 0 && sa->protocol->both_wait))
		return; /* keep waiting: the window retransmits */
	exchange_free(x);
	ours_goes_on(sa);
	if (!sa->setup || sa->keys.in)
		return;
	sa_doom(sa, SA_END_FAILED, ""); /* a responder's SA whose first message was dropped */
}

/* The loop. */

static bool round_expects_next(const struct exchange *x)
{
	return x->round < x->kind->round_count && x->kind->rounds[x->round].expect;
}

/* Sends what the round built; true where the exchange goes on waiting for a message. */
static bool round_emit(struct exchange *x)
{
	const struct round *round = &x->kind->rounds[x->round];

	if (round->expect && x->sa->protocol->accepted)
		x->sa->protocol->accepted(x);
	if (round->emit) {
		assert(writer_ok(&x->out));
		assert_rule_kept(x, round->emit);
		x->sa->protocol->send(x);
	}
	if (x->last)
		x->round = x->kind->round_count;
	else if (!round->repeats)
		x->round++;
	x->step = 0;
	return round_expects_next(x);
}

static void exchange_run(struct exchange *x)
{
	for (;;) {
		const struct round *round = &x->kind->rounds[x->round];
		step_fn *step = round->steps[x->step];
		enum step verdict = step ? step(x) : STEP_NEXT;

		switch (verdict) {
		case STEP_NEXT:
			if (step) {
				x->step++;
				break;
			}
			if (round_emit(x))
				return;
			if (x->round == x->kind->round_count) {
				exchange_finish(x);
				return;
			}
			exchange_out_begin(x);
			break;
		case STEP_WAIT:
			return;
		case STEP_REJECT:
			exchange_refuse(x);
			return;
		case STEP_DROP:
			exchange_dropped(x);
			return;
		case STEP_AGAIN:
			x->round = x->step = 0;
			exchange_out_begin(x);
			break;
		case STEP_END:
			if (round->expect && x->sa->protocol->accepted)
				x->sa->protocol->accepted(x);
			exchange_finish(x);
			return;
		}
	}
}

struct exchange *exchange_begin(
	struct ike_sa *sa, const struct exchange_kind *kind, struct intent *intent)
{
	struct exchange *x = exchange_new(sa, kind);

	if (!x) {
		free(intent);
		return NULL;
	}
	assert(!sa->ours);
	x->initiator = true;
	x->intent = intent;
	sa->ours = x;
	return x;
}

void exchange_start(struct exchange *x)
{
	exchange_out_begin(x);
	exchange_run(x);
}

void exchange_again(struct exchange *x)
{
	assert(x->initiator && !x->question_id);
	x->round = x->step = 0;
	exchange_start(x);
}

static void message_take(struct exchange *x, struct arena *message_arena, struct opened *message)
{
	arena_free(x->in_arena);
	x->in_arena = message_arena;
	x->in = message;
	x->step = 0;
	x->message_id = message->header.message_id;
	if (!x->initiator)
		x->path = (struct ike_path){ message->path.local, message->path.remote };
}

static void message_run(struct exchange *x)
{
	exchange_out_begin(x);
	switch (x->sa->protocol->judge(x, x->kind->rounds[x->round].expect)) {
	case STEP_NEXT:
		exchange_run(x);
		break;
	case STEP_DROP:
		exchange_dropped(x);
		break;
	default:
		exchange_refuse(x);
		break;
	}
}

void exchange_respond(struct ike_sa *sa, const struct exchange_kind *kind,
	struct arena *message_arena, struct opened *message)
{
	struct exchange *x = exchange_new(sa, kind);

	if (!x) {
		arena_free(message_arena);
		return;
	}
	x->next = sa->theirs;
	sa->theirs = x;
	sa->window.working = true;
	message_take(x, message_arena, message);
	message_run(x);
}

void exchange_resume(struct exchange *x, struct arena *message_arena, struct opened *message)
{
	if (!x->initiator)
		x->sa->window.working = true;
	message_take(x, message_arena, message);
	message_run(x);
}

void exchange_answered(struct exchange *x, const struct ike_answer *answer)
{
	question_forget(x);
	x->answer = answer;
	exchange_run(x);
}

void exchange_question_late(struct exchange *x)
{
	question_forget(x);
	exchange_reject(x, x->sa->keys.in ? TEMPORARY_FAILURE : 0,
		"%s: no answer to a question within %llu s", x->kind->name,
		QUESTION_LIMIT_NS / NS_PER_SECOND);
	exchange_refuse(x);
}
