/* AUTH_LIFETIME, RFC 4478: the original responder says within how many seconds the original
 * initiator has to authenticate again. It goes with IKE_AUTH where reauth_time is configured, and in
 * an INFORMATIONAL request, with 0, where an operator wants it now and only the peer can do it. */
#include "ike/renew.h"

static const struct payload_rule no_payloads[] = { { 0 } };
static const struct message_rule request = { "INFORMATIONAL request", no_payloads };
static const struct message_rule response = { "INFORMATIONAL response", no_payloads };

static void put(struct exchange *x, uint64_t seconds)
{
	uint8_t lifetime[4];

	store_u32(lifetime, seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds);
	exchange_notify(x, AUTH_LIFETIME, BYTES_OF(lifetime));
}

void auth_lifetime_put(struct exchange *x)
{
	if (!x->initiator && x->sa->connection->reauth_time_s)
		put(x, x->sa->connection->reauth_time_s);
}

void auth_lifetime_read(struct exchange *x)
{
	struct notify n;

	if (x->sa->original_initiator && chain_notify(exchange_in(x), AUTH_LIFETIME, &n))
		renew_within(x->sa, load_u32(n.data.data));
}

static enum step build_now(struct exchange *x)
{
	put(x, 0);
	return STEP_NEXT;
}

static void told(struct exchange *x)
{
	sa_tell(x->sa, IKE_EVENT_NOTE, 1, "the peer was told to authenticate again");
	command_done(x->engine, x->intent->command, true, 1, "");
}

static void untold(struct exchange *x, const char *why)
{
	command_done(x->engine, x->intent->command, false, 0, why);
}

static step_fn *const begins[] = { build_now, NULL };
static step_fn *const no_steps[] = { NULL };
static const struct round rounds[] = { { NULL, begins, &request }, { &response, no_steps, NULL } };

const struct exchange_kind auth_lifetime_initiator = {
	.name = "INFORMATIONAL",
	.type = INFORMATIONAL,
	.rounds = rounds,
	.round_count = 2,
	.finished = told,
	.failed = untold,
};
