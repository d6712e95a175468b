/* IKEv2 as the engine's shared parts see it. */
#include "ike/protocol.h"

#include "ike/admit.h"
#include "ike/renew.h"
#include "ike/ticket.h"
#include "ike/v2/exchanges.h"
#include "ike/v2/mobike.h"
#include "ike/v2/qcd.h"
#include "ike/v2/redirect.h"
#include "ike/v2/send.h"

/* Messages. */

/* A message that is authentic but broken: RFC 7296 §2.21. */
static bool message_refused(struct exchange *x, const struct message_rule *rule)
{
	const struct opened *m = x->in;
	const char *broken = m->malformed ? "a payload is malformed"
		: m->critical_unknown     ? NULL
					  : rule_broken(rule, &m->chain);
	struct notify error;

	if (m->critical_unknown) {
		x->reject.data[0] = m->critical_type;
		x->reject.data_size = 1;
		exchange_reject(x, UNSUPPORTED_CRITICAL_PAYLOAD,
			"%s: payload type %u is critical and unknown to us", rule->name,
			m->critical_type);
	} else if (broken && x->initiator && !m->malformed && chain_error(&m->chain, &error)) {
		return false; /* an error response has fewer payloads: its exchange reads it */
	} else if (broken) {
		exchange_reject(x, INVALID_SYNTAX, "%s: %s", rule->name, broken);
		x->reject.doom = m->authenticated;
	} else {
		return false;
	}
	return true;
}

/* The peer could make nothing of our request: its end of the IKE SA is gone. */
static bool fatal_for_peer(struct exchange *x)
{
	struct notify n;
	char name[NAME_TEXT_MAX];

	if (!x->initiator || !x->sa->established_at || !x->in->authenticated ||
		!chain_notify(&x->in->chain, INVALID_SYNTAX, &n))
		return false;
	exchange_reject(x, 0,
		"the peer found our %s request malformed (INVALID_SYNTAX), which ends the IKE SA",
		exchange_name(x->kind->type, name));
	x->reject.doom = true;
	return true;
}

static enum step judge(struct exchange *x, const struct message_rule *rule)
{
	if (!message_refused(x, rule) && !fatal_for_peer(x))
		return STEP_NEXT;
	return x->unprotected && !x->initiator ? STEP_DROP : STEP_REJECT;
}

/* As responder the notify goes out as the whole response. */
static void refuse(struct exchange *x)
{
	const struct rejection *r = &x->reject;

	/* INVALID_SYNTAX is fatal at both ends, §2.21.3. */
	if (r->notify == INVALID_SYNTAX && !x->initiator && x->sa->keys.in)
		x->reject.doom = true;
	if (x->initiator || !r->notify)
		return;
	exchange_out_begin(x);
	exchange_notify_spi(x, r->notify, r->protocol, r->spi,
		r->more.size ? r->more : BYTES(r->data, r->data_size));
	send_message(x);
}

/* Exchanges. */

static const struct exchange_kind *first(struct ike_sa *sa)
{
	return ticket_present(sa) ? &ike_session_resume_initiator : &ike_sa_init_initiator;
}

static const struct exchange_kind *serves(const struct intent *i)
{
	switch (i->kind) {
	case INTENT_CREATE_CHILD:
		return &create_child_initiator;
	case INTENT_REKEY_CHILD:
		return &rekey_child_initiator;
	case INTENT_REKEY_IKE:
		return &rekey_ike_initiator;
	case INTENT_DELETE_CHILD:
		return &delete_child_initiator;
	case INTENT_DELETE_IKE:
		return &delete_ike_initiator;
	case INTENT_LIVENESS:
		return &liveness_initiator;
	case INTENT_TICKET:
		return &ticket_initiator;
	case INTENT_QCD_TOKEN:
		return &qcd_initiator;
	case INTENT_UPDATE_ADDRESSES:
	case INTENT_ANNOUNCE_ADDRESSES:
	case INTENT_VERIFY_PATH:
		return &addresses_initiator;
	case INTENT_REDIRECT:
		return &redirect_initiator;
	case INTENT_INVALID_SELECTORS:
		return &invalid_selectors_initiator;
	case INTENT_INVALID_SPI:
		return &invalid_spi_initiator;
	case INTENT_ASK_REAUTH:
		return &auth_lifetime_initiator;
	}
	return NULL;
}

/* The window. */

static void quiet(struct ike_sa *sa)
{
	timer_clear(&sa->engine->timers, &sa->window.retransmit);
}

const struct protocol protocol_v2 = {
	.version = 2,
	.creates = CREATE_CHILD_SA,
	.notify = PAYLOAD_NOTIFY,
	.vendor = PAYLOAD_VENDOR,
	.ke = PAYLOAD_KE,
	.ke_at = 4, /* behind the group */
	.ke_invalid = INVALID_SYNTAX,
	.decode = chain_decode,
	.judge = judge,
	.send = send_message,
	.refuse = refuse,
	.first = first,
	.serves = serves,
	.resend = window_resend,
	.quiet = quiet,
	.end = window_clear,
	.admit = admit_v2,
};
