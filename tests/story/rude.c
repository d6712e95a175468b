/* What tests/story/rude.h says. Beside libike's own headers, which the world's don't go with. */
#include "tests/story/rude.h"

#include "ike/child.h"
#include "ike/exchange.h"
#include "ike/v2/exchanges.h"

static struct {
	uint16_t notify, refusal, answer;
	unsigned refusals;
	struct bytes data;
} rude;

static const struct payload_rule none[] = { { 0 } };
static const struct message_rule any = { "anything", none };

static enum step build(struct exchange *x)
{
	if (rude.notify)
		exchange_notify(x, rude.notify, rude.data);
	return STEP_NEXT;
}

static step_fn *const begins[] = { build, NULL };
static step_fn *const ends[] = { NULL };
static const struct round rounds[] = { { NULL, begins, &any, false }, { &any, ends, NULL, false } };

void rude_request(struct ike_engine *e, uint8_t exchange, uint16_t notify, struct bytes data)
{
	static struct exchange_kind kind;
	struct exchange *x;

	kind = (struct exchange_kind){
		.name = "rude", .type = exchange, .rounds = rounds, .round_count = 2
	};
	rude.notify = notify;
	rude.data = data;
	x = exchange_begin(e->sas, &kind, NULL);
	exchange_start(x);
}

static enum step refuse(struct exchange *x)
{
	rude.refusals--;
	return exchange_reject(x, rude.refusal, "out of rudeness");
}

static step_fn *const refuse_steps[] = { refuse, NULL };
static const struct round refuse_rounds[] = { { &any, refuse_steps, NULL, false } };
static const struct exchange_kind refusing = {
	.name = "refusal", .type = CREATE_CHILD_SA, .rounds = refuse_rounds, .round_count = 1
};

void rude_refuses(uint16_t notify, unsigned times)
{
	rude.refusal = notify;
	rude.refusals = times;
}

void rude_answers_with(uint16_t notify)
{
	rude.answer = notify;
}

const struct exchange_kind *__real_create_child_kind(const struct opened *message);
const struct exchange_kind *__wrap_create_child_kind(const struct opened *message);
void __real_deal_response(struct exchange *x, struct child_deal *deal);
void __wrap_deal_response(struct exchange *x, struct child_deal *deal);

const struct exchange_kind *__wrap_create_child_kind(const struct opened *message)
{
	return rude.refusals ? &refusing : __real_create_child_kind(message);
}

void __wrap_deal_response(struct exchange *x, struct child_deal *deal)
{
	if (rude.answer)
		exchange_notify(x, rude.answer, BYTES_EMPTY);
	__real_deal_response(x, deal);
}
