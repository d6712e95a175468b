#include "ike/v1/transaction.h"

#include <stdio.h>

#include "ike/unique.h"
#include "ike/v1/phase1.h"
#include "ike/v2/auth.h"

static const struct payload_rule payloads[] = {
	{ V1_PAYLOAD_ATTRIBUTES, 1, 1 },
	{ 0 },
};
const struct message_rule v1_transaction_message = { "transaction", payloads };

/* Messages. */

bool v1_attributes_in(const struct exchange *x, struct v1_attributes *ret)
{
	return v1_attributes_begin(exchange_body(x, V1_PAYLOAD_ATTRIBUTES), ret);
}

struct writer *v1_attributes_put(struct exchange *x, uint8_t type)
{
	struct v1_attributes asked = { .identifier = x->sa->v1->transactions };

	if (x->in)
		v1_attributes_in(x, &asked);
	else
		asked.identifier = ++x->sa->v1->transactions;
	v1_attributes_encode_begin(
		exchange_payload(x, V1_PAYLOAD_ATTRIBUTES), type, asked.identifier);
	return &x->out;
}

enum step v1_acknowledged(struct exchange *x, const char *otherwise)
{
	struct v1_attributes in;

	if (!v1_attributes_in(x, &in) || in.type != V1_CFG_ACK)
		return exchange_reject(x, INVALID_SYNTAX, "%s", otherwise);
	return STEP_NEXT;
}

bool v1_attributes_are_xauth(struct bytes body)
{
	struct v1_attributes in;
	struct v1_attribute a;

	if (!v1_attributes_begin(body, &in))
		return false;
	while (v1_attribute_next(&in.r, &a) > 0)
		if (a.type >= V1_XAUTH_TYPE && a.type <= V1_XAUTH_ANSWER)
			return true;

	return false;
}

char *v1_text_print(struct bytes from, char *out, size_t out_size)
{
	size_t size = from.size < out_size - 1 ? from.size : out_size - 1;

	for (size_t i = 0; i < size; i++)
		out[i] = from.data[i] >= 0x20 && from.data[i] < 0x7f ? (char)from.data[i] : '?';
	out[size] = '\0';
	return out;
}

/* The way from phase 1 to an SA that stands. */

/* Both ends go by the shorter life of what was agreed and what is configured. The initiator comes first:
 * where both set up another at once, there are two. */
static void heed_lifetime(struct ike_sa *sa)
{
	uint64_t life = sa->v1->transform.life_seconds;
	ike_time at = sa->engine->now + (life - life / (sa->initiator ? 10 : 20)) * NS_PER_SECOND;

	if (!sa->initiator && sa->rekey_at != IKE_TIME_NEVER) {
		sa->rekey_at += sa->connection->over_time_s * NS_PER_SECOND / 2;
		timer_set(&sa->engine->timers, &sa->rekey_timer, sa->rekey_at);
	}
	if (!life || life > UINT32_MAX || at >= sa->rekey_at)
		return;
	sa->rekey_at = at;
	timer_set(&sa->engine->timers, &sa->rekey_timer, at);
	if (sa->engine->now + life * NS_PER_SECOND < sa->over_at) {
		sa->over_at = sa->engine->now + life * NS_PER_SECOND;
		timer_set(&sa->engine->timers, &sa->over_timer, sa->over_at);
	}
}

static void ask_for_child(struct ike_sa *sa, const struct child_config *child, uint64_t command)
{
	if (child)
		intent_add(sa,
			&(struct intent){
				.kind = INTENT_CREATE_CHILD, .config = child, .command = command });
	else
		command_done(sa->engine, command, true, 0, "");
}

/* Who had the last message of phase 1 knows that both have it; else what came after tells. */
static bool peer_has_it(const struct exchange *x)
{
	return x->sa->v1->xauth_over || x->sa->v1->config_over ||
		x->initiator != (x->kind->type == V1_AGGRESSIVE);
}

static void setup_done(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	const struct connection *c = sa->connection;
	const struct child_config *child = sa->setup->child;
	uint64_t command = sa->command;

	sa->command = 0;
	sa->v1->trouble[0] = '\0';
	auth_established(x);
	v1_setup_clear(&sa->v1->setup);
	heed_lifetime(sa);
	if (peer_has_it(x))
		v1_confirmed(sa);
	else if (v1_peers_next(sa, sa))
		v1_confirm_later(sa);
	unique_established(sa);
	if (!sa->initiator || sa->renewal)
		return;
	for (size_t i = 0; i < c->child_count && !child; i++)
		if (!mode_is_shunt(c->children[i].mode))
			child = &c->children[i];
	ask_for_child(sa, child, command);
}

static void begin(struct ike_sa *sa, const struct exchange_kind *kind)
{
	struct exchange *x = exchange_begin(sa, kind, NULL);

	if (x)
		exchange_start(x);
	else
		sa_doom(sa, SA_END_FAILED, "out of memory");
}

/* What we begin next; NULL: nothing, then the peer does, or all is done. */
static const struct exchange_kind *our_next(const struct ike_sa *sa)
{
	const struct connection *c = sa->connection;

	if (v1_xauth_role(sa) == V1_XAUTH_SERVER && !sa->v1->xauth_over)
		return &v1_xauth_request;
	if (v1_setup_awaits(sa) || sa->v1->config_over)
		return NULL;
	if (v1_config_is_client(sa))
		return &v1_config_request;
	return v1_config_gives(sa) && !c->pull ? &v1_config_set : NULL;
}

void v1_setup_next(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	const struct exchange_kind *kind = our_next(sa);

	if (sa->established_at || sa->gone || sa->ours)
		return;
	if (kind)
		begin(sa, kind);
	else if (!v1_setup_awaits(sa))
		setup_done(x);
}

/* The peer may need as long for the rest as it had for phase 1. */
void v1_phase1_done(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct ike_engine *e = x->engine;
	struct vips *v = v1_config_gives(sa) ? vips_of(sa) : NULL;

	sa->v1->phase1_over = true;
	sa->v1->trouble[0] = '\0';
	if (v) {
		v->gives = true;
		v->without_unity = !v1_peer_has(sa, V1_VENDOR_UNITY);
	}
	timer_set(&e->timers, &sa->setup->timer, e->now + e->options.half_open_timeout_ns);
	v1_setup_next(x);
	v1_admit_early(sa);
}

const char *v1_setup_awaits(const struct ike_sa *sa)
{
	const struct ikev1 *v1 = sa->v1;

	if (!v1 || !v1->phase1_over || sa->established_at)
		return NULL;
	if (!v1->xauth_over && v1_xauth_role(sa) == V1_XAUTH_SERVER)
		return "the peer has not said user and password (XAUTH)";
	if (!v1->xauth_over && v1_xauth_role(sa) == V1_XAUTH_CLIENT)
		return "the peer has not asked for user and password (XAUTH), or not said whether they are right";
	if (!v1->config_over && v1_config_is_client(sa) && !sa->connection->pull)
		return "the peer has given no virtual address, which pull = no waits for";
	return NULL;
}

const char *v1_too_early(const struct ike_sa *sa, const struct opened *m)
{
	const struct payload *p = chain_find(&m->chain, V1_PAYLOAD_ATTRIBUTES, 0);

	if (sa->established_at || m->header.exchange == V1_INFORMATIONAL)
		return NULL;
	if (m->header.exchange != V1_TRANSACTION)
		return "the peer wants a child before XAUTH and mode config are over";
	if (p && v1_attributes_are_xauth(p->body))
		return NULL;
	return sa->v1->xauth_over || v1_xauth_role(sa) == V1_XAUTH_NONE
		? NULL
		: "the peer wants mode config before XAUTH is over";
}

/* Transactions of ours. */

void v1_transaction_failed(struct exchange *x, const char *why)
{
	if (!x->sa->gone && !x->sa->established_at)
		sa_doom(x->sa, SA_END_FAILED, why);
}

/* The peer's: what it wants is in the attributes. */

static enum step answer(struct exchange *x)
{
	bool xauth = v1_attributes_are_xauth(exchange_body(x, V1_PAYLOAD_ATTRIBUTES));
	struct v1_attributes in;

	if (!v1_attributes_in(x, &in))
		return exchange_reject(x, INVALID_SYNTAX, "a transaction without attributes");
	if (in.type == V1_CFG_REQUEST)
		return xauth ? v1_xauth_answer(x) : v1_config_give(x);
	if (in.type == V1_CFG_SET)
		return xauth ? v1_xauth_take_status(x) : v1_config_take(x);
	return exchange_reject(
		x, INVALID_SYNTAX, "a transaction that begins with an answer (type %u)", in.type);
}

/* libreswan 4.10 pushes in the exchange that has just said that XAUTH is passed, although an exchange
 * ought to have a message ID of its own: that one stays open until there is an address. */
static enum step close_or_not(struct exchange *x)
{
	const struct ike_sa *sa = x->sa;

	x->last = sa->established_at || sa->gone || !sa->v1->xauth_over || sa->v1->config_over ||
		!v1_config_is_client(sa) || sa->connection->pull;
	return STEP_NEXT;
}

static void close_others(struct ike_sa *sa)
{
	struct exchange *x = sa->theirs, *next;

	for (; x; x = next) {
		next = x->next;
		if (x->kind == &v1_transaction_responder)
			exchange_free(x);
	}
}

static void answered(struct exchange *x)
{
	struct v1_transaction_data *d = x->data;
	char why[V1_TROUBLE_MAX];

	snprintf(why, sizeof(why), "%s", x->sa->v1->trouble);
	if (x->sa->v1->config_over)
		close_others(x->sa);
	if (d->refused && !x->sa->established_at)
		sa_linger(x->sa, SA_END_FAILED, why);
	else if (d->goes_on)
		v1_setup_next(x);
}

static step_fn *const steps[] = { answer, close_or_not, NULL };
static const struct round rounds[] = { { &v1_transaction_message, steps, &v1_transaction_message,
	true } };

const struct exchange_kind v1_transaction_responder = {
	.name = "transaction",
	.type = V1_TRANSACTION,
	.rounds = rounds,
	.round_count = 1,
	.data_size = sizeof(struct v1_transaction_data),
	.finished = answered,
};
