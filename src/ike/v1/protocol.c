/* IKEv1 as the engine's shared parts see it. */
#include "ike/v1/protocol.h"

#include <stdio.h>

#include "ike/renew.h"
#include "ike/v1/ikev1.h"

/* Messages. */

static enum wire_verdict decode(
	uint8_t first, struct bytes body, struct payload_chain *ret_chain, uint8_t *ret_unknown)
{
	return v1_chain_decode(first, body, ret_chain, ret_unknown, NULL);
}

/* RFC 2408 §5.1 has a notify for it, which can only be in the clear. */
static void undecipherable(struct exchange *x, const char *message)
{
	struct ike_sa *sa = x->sa;
	struct where where =
		where_said(sa->connection->remote[0].where_auth, sa->connection->where);
	bool psk = v1_method_has_psk(sa->v1->transform.method);

	snprintf(sa->v1->trouble, sizeof(sa->v1->trouble),
		"%s can't be decrypted: %s, unless it was changed on its way; see connection %s (%s:%u)",
		message,
		psk ? "the two ends have different pre-shared keys"
		    : "the two ends have different keys",
		sa_name(sa), where.file, where.line);
	sa_tell(sa, IKE_EVENT_FAILED, 0, "%s", sa->v1->trouble);
	v1_send_notify(sa,
		&(struct v1_notify){ .doi = V1_DOI_IPSEC,
			.protocol = V1_PROTOCOL_ISAKMP,
			.type = V1_PAYLOAD_MALFORMED });
}

/* What isn't authentic may be anybody's, and is dropped. But where it was encrypted and makes no sense,
 * the keys differ, and with them the pre-shared keys. */
static enum step judge(struct exchange *x, const struct message_rule *rule)
{
	const struct opened *m = x->in;
	const char *broken = m->malformed ? "a payload is malformed"
		: m->critical_unknown     ? "it has a payload of an unknown type"
					  : rule_broken(rule, &m->chain);

	if (!broken)
		return STEP_NEXT;
	if (m->authenticated)
		return exchange_reject(x, INVALID_SYNTAX, "%s: %s", rule->name, broken);
	if (m->header.flags & V1_FLAG_ENCRYPTION)
		undecipherable(x, rule->name);
	return STEP_DROP;
}

static void accepted(struct exchange *x)
{
	struct v1_flight *f =
		v1_flight_find(x->sa, v1_is_phase1(x->kind->type) ? 0 : x->message_id);
	const struct round *round = &x->kind->rounds[x->round];

	if (!f)
		return;
	v1_flight_accepted(f);
	if (!round->emit && x->round + 1 >= x->kind->round_count)
		v1_flight_over(f);
}

/* Its flight goes on answering repeats for a while, and no longer. Phase 1 has that of its SA. */
static void over(struct exchange *x)
{
	struct v1_flight *f =
		x->sa->v1 && x->message_id ? v1_flight_find(x->sa, x->message_id) : NULL;

	if (!f)
		return;
	f->ni = f->nr = BYTES_EMPTY;
	if (!f->over)
		v1_flight_over(f);
}

/* Exchanges. */

static const struct exchange_kind *first(struct ike_sa *sa)
{
	if (!v1_state_new(sa) || !v1_flight_new(sa, 0))
		return NULL;
	return sa->connection->aggressive ? &v1_aggressive_mode_initiator : &v1_main_mode_initiator;
}

static const struct exchange_kind *serves(const struct intent *i)
{
	switch (i->kind) {
	case INTENT_CREATE_CHILD:
		return &v1_quick_mode_initiator;
	case INTENT_REKEY_CHILD:
		return &v1_quick_mode_rekey;
	case INTENT_DELETE_CHILD:
		return &v1_delete_child;
	case INTENT_INVALID_SPI:
		return &v1_delete_stray;
	case INTENT_DELETE_IKE:
		return &v1_delete_ike;
	default:
		return NULL;
	}
}

/* Phase 1 has no rekeying: a new one takes its place. Where only the peer can begin one, its lifetime
 * ends it. The rest is IKEv2's alone. */
static bool diverts(struct ike_sa *sa, const struct intent *i)
{
	switch (i->kind) {
	case INTENT_CREATE_CHILD:
	case INTENT_REKEY_CHILD:
	case INTENT_DELETE_CHILD:
	case INTENT_DELETE_IKE:
	case INTENT_INVALID_SPI:
		return false;
	case INTENT_LIVENESS:
		v1_dpd_begin(sa);
		return true;
	case INTENT_REKEY_IKE:
		if (renew_possible(sa))
			renew_command(sa, i->command);
		else
			command_done(sa->engine, i->command, false, 0,
				"IKEv1: only the peer can set up another phase 1");
		return true;
	default:
		command_done(sa->engine, i->command, false, 0, "IKEv1 doesn't have that");
		return true;
	}
}

static bool confirmed(const struct ike_sa *sa)
{
	return sa->v1->confirmed;
}

const struct protocol v1_protocol = {
	.version = 1,
	.creates = V1_QUICK_MODE,
	.notify = V1_PAYLOAD_NOTIFY,
	.vendor = V1_PAYLOAD_VENDOR,
	.both_wait = true,
	.adopts = true,
	.ke = V1_PAYLOAD_KE,
	.ke_invalid = INVALID_KE_PAYLOAD,
	.decode = decode,
	.judge = judge,
	.accepted = accepted,
	.over = over,
	.send = v1_send,
	.refuse = v1_refuse,
	.first = first,
	.serves = serves,
	.diverts = diverts,
	.resend = v1_window_resend,
	.timer_due = v1_window_due,
	.quiet = v1_window_quiet,
	.end = v1_state_free,
	.admit = v1_admit,
	.awaits = v1_setup_awaits,
	.confirmed = confirmed,
};
