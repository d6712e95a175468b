#include "ike/agree.h"

#include "ike/negotiate.h"
#include "ike/protocol.h"

static struct bytes received(const struct exchange *x)
{
	const struct protocol *p = x->sa->protocol;
	struct bytes body = exchange_body(x, p->ke);

	return body.size < p->ke_at ? BYTES_EMPTY
				    : BYTES(body.data + p->ke_at, body.size - p->ke_at);
}

enum step agreement_begin(struct exchange *x, struct agreement *a)
{
	const struct ike_answer *answer = exchange_take_answer(x);

	if (!a->group || a->private)
		return STEP_NEXT;
	if (!answer)
		return exchange_ask(
			x, &(struct ike_question){ .kind = IKE_ASK_KE_BEGIN, .group = a->group });
	if (answer->status != IKE_ANSWER_OK)
		return exchange_reject(
			x, 0, "no key pair for the key exchange: %s", answer->reason);

	a->private = answer->private;
	a->value = exchange_keep(x, answer->public);
	return STEP_NEXT;
}

enum step agreement_finish(struct exchange *x, struct agreement *a)
{
	const struct ike_answer *answer = exchange_take_answer(x);

	if (!a->group)
		return STEP_NEXT;
	if (!answer)
		return exchange_ask(x,
			&(struct ike_question){ .kind = IKE_ASK_KE_FINISH,
				.group = a->group,
				.private = a->private,
				.peer = received(x) });
	if (answer->status != IKE_ANSWER_OK)
		return exchange_reject(x, INVALID_KE_PAYLOAD,
			"the peer's key exchange value is invalid: %s", answer->reason);

	a->shared = exchange_keep(x, answer->secret);
	return STEP_NEXT;
}

enum step agreement_respond(struct exchange *x, struct agreement *a)
{
	const struct ike_answer *answer = exchange_take_answer(x);

	if (!a->group)
		return STEP_NEXT;
	if (!answer)
		return exchange_ask(x,
			&(struct ike_question){ .kind = IKE_ASK_KE_RESPOND,
				.group = a->group,
				.peer = received(x) });
	if (answer->status != IKE_ANSWER_OK)
		return exchange_reject(x, x->sa->protocol->ke_invalid,
			"the peer's key exchange value is invalid: %s", answer->reason);

	a->value = exchange_keep(x, answer->public);
	a->shared = exchange_keep(x, answer->secret);
	return STEP_NEXT;
}

void agreement_put(struct exchange *x, const struct agreement *a)
{
	if (!a->group)
		return;
	ke_encode(exchange_payload(x, PAYLOAD_KE), a->group, a->value);
	exchange_payload_end(x);
}

bool agreement_retry(struct agreement *a, struct bytes wanted, const struct proposal_list *ours,
	uint16_t *ret_wanted)
{
	uint16_t group = wanted.size == 2 ? load_u16(wanted.data) : 0;

	*ret_wanted = group;
	if (a->retried || !group || group == a->group || !proposals_have(ours, TRANSFORM_KE, group))
		return false;

	agreement_clear(a);
	a->retried = true;
	a->group = group;
	return true;
}

enum step agreement_check_group(struct exchange *x, const struct agreement *a)
{
	struct ke_payload ke = { 0 };
	char asked[NAME_TEXT_MAX], guessed[NAME_TEXT_MAX];

	ke_decode(exchange_body(x, PAYLOAD_KE), &ke);
	if (ke.group == a->group || !a->group)
		return STEP_NEXT;

	store_u16(x->reject.data, a->group);
	x->reject.data_size = 2;
	sa_tell(x->sa, IKE_EVENT_NOTE, 1, "the peer guessed key exchange method %s; asking for %s",
		transform_name(TRANSFORM_KE, ke.group, guessed),
		transform_name(TRANSFORM_KE, a->group, asked));
	return exchange_reject(x, INVALID_KE_PAYLOAD, "%s", "");
}

void agreement_clear(struct agreement *a)
{
	ke_private_free(a->private);
	*a = (struct agreement){ 0 };
}

struct bytes nonce_new(struct exchange *x)
{
	uint8_t nonce[NONCE_BYTES];

	random_fill(&x->engine->options.random, nonce, sizeof(nonce));
	return exchange_keep(x, BYTES_OF(nonce));
}
