/* Main mode, RFC 2409 §5: proposals, then key exchange values and nonces, then identities and their
 * proofs, encrypted. Nothing is proved before messages five and six, so nothing before is believed
 * for longer than that takes. */
#include "ike/v1/phase1.h"
#include "ike/v2/init.h"

static const struct payload_rule sa_payloads[] = {
	{ V1_PAYLOAD_SA, 1, 1 },
	{ 0 },
};
static const struct payload_rule ke_payloads[] = {
	{ V1_PAYLOAD_KE, 1, 1 },
	{ V1_PAYLOAD_NONCE, 1, 1 },
	{ V1_PAYLOAD_NAT_D, 0, 255 },
	{ V1_PAYLOAD_NAT_D_DRAFT, 0, 255 },
	{ V1_PAYLOAD_CERTREQ, 0, 255 },
	{ 0 },
};
static const struct payload_rule id_payloads[] = {
	{ V1_PAYLOAD_ID, 1, 1 },
	{ V1_PAYLOAD_HASH, 0, 1 }, /* one of these two, as the method has it */
	{ V1_PAYLOAD_SIG, 0, 1 },
	{ V1_PAYLOAD_CERT, 0, 255 },
	{ V1_PAYLOAD_CERTREQ, 0, 255 },
	{ 0 },
};
static const struct message_rule first = { "main mode message 1", sa_payloads };
static const struct message_rule second = { "main mode message 2", sa_payloads };
static const struct message_rule third = { "main mode message 3", ke_payloads };
static const struct message_rule fourth = { "main mode message 4", ke_payloads };
static const struct message_rule fifth = { "main mode message 5", id_payloads };
static const struct message_rule sixth = { "main mode message 6", id_payloads };

/* The initiator. */

static enum step offer(struct exchange *x)
{
	struct v1_ike_terms terms = v1_terms(x);
	struct ike_sa *sa = x->sa;
	size_t at = x->out.used + 4;

	x->path = sa->path;
	sa->state = IKE_CONNECTING;
	if (!v1_offer_ike(exchange_payload(x, V1_PAYLOAD_SA), &terms))
		return v1_nothing_to_offer(x);
	exchange_payload_end(x);
	octets_set(&sa->v1->setup.sa_i, BYTES(x->out.start + at, x->out.used - at));
	v1_put_vendors(x);
	return STEP_NEXT;
}

static enum step build_ke(struct exchange *x)
{
	v1_put_ke_and_nonce(x);
	v1_nat_put(x);
	v1_put_certreqs(x);
	return STEP_NEXT;
}

static enum step read_ke(struct exchange *x)
{
	v1_read_ke_and_nonce(x);
	v1_nat_detect(x);
	v1_read_certreqs(x);
	return STEP_NEXT;
}

static enum step identify(struct exchange *x)
{
	v1_put_id(x);
	return STEP_NEXT;
}

static enum step greet(struct exchange *x)
{
	v1_put_initial_contact(x);
	return STEP_NEXT;
}

static step_fn *const begins[] = { init_ask_path, v1_ask_signer, offer, NULL };
static step_fn *const agrees[] = { init_hear_peer, v1_read_proposal, v1_agree_begin, build_ke,
	NULL };
static step_fn *const proves[] = { read_ke, v1_agree_finish, v1_ask_skeyid, v1_nat_float, identify,
	v1_sign, v1_put_proof, greet, NULL };
static step_fn *const ends[] = { v1_read_id, v1_check_peer_id, v1_check_proof, v1_confirm_skeyid,
	v1_admit_peer, NULL };
static const struct round initiator_rounds[] = {
	{ NULL, begins, &first },
	{ &second, agrees, &third },
	{ &fourth, proves, &fifth },
	{ &sixth, ends, NULL },
};

const struct exchange_kind v1_main_mode_initiator = {
	.name = "main mode",
	.type = V1_IDENTITY_PROTECTION,
	.rounds = initiator_rounds,
	.round_count = 4,
	.data_size = sizeof(struct v1_phase1_data),
	.failed = v1_phase1_failed,
	.finished = v1_phase1_done,
	.cleanup = v1_phase1_cleanup,
};

/* The responder. */

static enum step answer(struct exchange *x)
{
	v1_read_vendors(x);
	v1_put_answer(x);
	v1_put_vendors(x);
	return STEP_NEXT;
}

/* strongSwan asks for our certificate here. */
static enum step read_certreqs(struct exchange *x)
{
	v1_read_certreqs(x);
	return STEP_NEXT;
}

static step_fn *const chooses[] = { v1_choose_proposal, answer, NULL };
static step_fn *const responds[] = { read_ke, v1_agree_respond, build_ke, v1_ask_skeyid, NULL };
static step_fn *const checks[] = { v1_read_id, v1_settle_connection, v1_check_proof,
	v1_confirm_skeyid, v1_follow_path, v1_admit_peer, read_certreqs, identify, v1_sign,
	v1_put_proof, NULL };
static const struct round responder_rounds[] = {
	{ &first, chooses, &second },
	{ &third, responds, &fourth },
	{ &fifth, checks, &sixth },
};

const struct exchange_kind v1_main_mode_responder = {
	.name = "main mode",
	.type = V1_IDENTITY_PROTECTION,
	.rounds = responder_rounds,
	.round_count = 3,
	.data_size = sizeof(struct v1_phase1_data),
	.failed = v1_phase1_failed,
	.finished = v1_phase1_done,
	.cleanup = v1_phase1_cleanup,
};
