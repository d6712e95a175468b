/* What tests/story/rude.h says. Beside libike's own headers, which the world's don't go with. */
#include "tests/story/rude.h"

#include "ike/child.h"
#include "ike/exchange.h"
#include "ike/v2/exchanges.h"

static struct {
	uint16_t notify, refusal, answer, spoilt;
	uint8_t cp_type;
	bool left_out;
	unsigned refusals;
	bool widens;
	struct bytes data;
} rude;

static const struct payload_rule payloads[] = { { PAYLOAD_CP, 0, 1 }, { 0 } };
static const struct message_rule any = { "anything", payloads };

static enum step build(struct exchange *x)
{
	if (rude.notify)
		exchange_notify(x, rude.notify, rude.data);
	if (rude.cp_type) {
		struct writer *w = exchange_payload(x, PAYLOAD_CP);

		cp_encode_begin(w, rude.cp_type);
		write_bytes(w, rude.data);
		exchange_payload_end(x);
	}
	return STEP_NEXT;
}

static step_fn *const begins[] = { build, NULL };
static step_fn *const ends[] = { NULL };
static const struct round rounds[] = { { NULL, begins, &any, false }, { &any, ends, NULL, false } };

static void begin(struct ike_engine *e, uint8_t exchange)
{
	static struct exchange_kind kind;
	struct exchange *x;

	kind = (struct exchange_kind){
		.name = "rude", .type = exchange, .rounds = rounds, .round_count = 2
	};
	x = exchange_begin(e->sas, &kind, NULL);
	exchange_start(x);
}

void rude_request(struct ike_engine *e, uint8_t exchange, uint16_t notify, struct bytes data)
{
	rude.notify = notify;
	rude.cp_type = 0;
	rude.data = data;
	begin(e, exchange);
}

void rude_configures(struct ike_engine *e, uint8_t type, struct bytes attributes)
{
	rude.notify = 0;
	rude.cp_type = type;
	rude.data = attributes;
	begin(e, INFORMATIONAL);
}

void rude_spoils(uint16_t notify, bool left_out)
{
	rude.spoilt = notify;
	rude.left_out = left_out;
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

void rude_widens(bool yes)
{
	rude.widens = yes;
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
	if (rude.widens) {
		deal->said_local = deal->local;
		memset(deal->said_local.list[0].last.octets, 0xff, 4);
	}
	__real_deal_response(x, deal);
}

void __real_exchange_notify(struct exchange *x, uint16_t type, struct bytes data);
void __wrap_exchange_notify(struct exchange *x, uint16_t type, struct bytes data);

void __wrap_exchange_notify(struct exchange *x, uint16_t type, struct bytes data)
{
	uint8_t other[256];

	if (type != rude.spoilt || x->initiator || data.size == 0 || data.size > sizeof(other)) {
		__real_exchange_notify(x, type, data);
	} else if (!rude.left_out) {
		memcpy(other, data.data, data.size);
		other[data.size - 1] ^= 1;
		__real_exchange_notify(x, type, BYTES(other, data.size));
	}
}
