/* Aggressive mode, RFC 2409 §5: all in three messages. The identities are in the clear and the group
 * can't be negotiated; with a pre-shared key the responder's HASH lets whoever asked guess that key
 * offline. So it is answered only where the connection says aggressive = yes, as it is begun. */
#include "ike/v1/phase1.h"
#include "ike/v2/auth.h"
#include "ike/v2/init.h"

static const struct payload_rule first_payloads[] = {
	{ V1_PAYLOAD_SA, 1, 1 },
	{ V1_PAYLOAD_KE, 1, 1 },
	{ V1_PAYLOAD_NONCE, 1, 1 },
	{ V1_PAYLOAD_ID, 1, 1 },
	{ V1_PAYLOAD_CERTREQ, 0, 255 },
	{ 0 },
};
static const struct payload_rule second_payloads[] = {
	{ V1_PAYLOAD_SA, 1, 1 },
	{ V1_PAYLOAD_KE, 1, 1 },
	{ V1_PAYLOAD_NONCE, 1, 1 },
	{ V1_PAYLOAD_ID, 1, 1 },
	{ V1_PAYLOAD_HASH, 0, 1 }, /* one of these two, as the method has it */
	{ V1_PAYLOAD_SIG, 0, 1 },
	{ V1_PAYLOAD_CERT, 0, 255 },
	{ V1_PAYLOAD_CERTREQ, 0, 255 },
	{ V1_PAYLOAD_NAT_D, 0, 255 },
	{ V1_PAYLOAD_NAT_D_DRAFT, 0, 255 },
	{ 0 },
};
static const struct payload_rule third_payloads[] = {
	{ V1_PAYLOAD_HASH, 0, 1 },
	{ V1_PAYLOAD_SIG, 0, 1 },
	{ V1_PAYLOAD_CERT, 0, 255 },
	{ V1_PAYLOAD_NAT_D, 0, 255 },
	{ V1_PAYLOAD_NAT_D_DRAFT, 0, 255 },
	{ 0 },
};
static const struct message_rule first = { "aggressive mode message 1", first_payloads };
static const struct message_rule second = { "aggressive mode message 2", second_payloads };
static const struct message_rule third = { "aggressive mode message 3", third_payloads };

/* The initiator. */

static enum step begin(struct exchange *x)
{
	struct v1_phase1_data *d = x->data;

	x->path = x->sa->path;
	x->sa->state = IKE_CONNECTING;
	d->ke.group = d->only_group = v1_first_group(x->sa->connection);
	return d->ke.group ? STEP_NEXT : v1_nothing_to_offer(x);
}

static enum step offer(struct exchange *x)
{
	struct v1_ike_terms terms = v1_terms(x);
	struct ike_sa *sa = x->sa;
	size_t at = x->out.used + 4;

	if (!v1_offer_ike(exchange_payload(x, V1_PAYLOAD_SA), &terms))
		return v1_nothing_to_offer(x);
	exchange_payload_end(x);
	octets_set(&sa->v1->setup.sa_i, BYTES(x->out.start + at, x->out.used - at));
	v1_put_ke_and_nonce(x);
	v1_put_id(x);
	v1_put_certreqs(x);
	v1_put_vendors(x);
	return STEP_NEXT;
}

static enum step read_answer(struct exchange *x)
{
	v1_read_ke_and_nonce(x);
	v1_nat_detect(x);
	/* As v1_nat_put() will say, but the port is changed before. */
	x->sa->nat_fake = x->sa->v1->nat_t && x->sa->connection->encap;
	v1_read_certreqs(x);
	return STEP_NEXT;
}

static enum step put_rest(struct exchange *x)
{
	v1_nat_put(x);
	v1_put_initial_contact(x);
	return STEP_NEXT;
}

static step_fn *const begins[] = { init_ask_path, v1_ask_signer, begin, v1_agree_begin, offer,
	NULL };
static step_fn *const proves[] = { init_hear_peer, v1_read_proposal, read_answer, v1_read_id,
	v1_check_peer_id, v1_agree_finish, v1_ask_skeyid, v1_check_proof, v1_admit_peer,
	v1_nat_float, v1_sign, v1_put_proof, put_rest, NULL };
static const struct round initiator_rounds[] = {
	{ NULL, begins, &first },
	{ &second, proves, &third },
};

const struct exchange_kind v1_aggressive_mode_initiator = {
	.name = "aggressive mode",
	.type = V1_AGGRESSIVE,
	.rounds = initiator_rounds,
	.round_count = 2,
	.data_size = sizeof(struct v1_phase1_data),
	.failed = v1_phase1_failed,
	.finished = v1_phase1_done,
	.cleanup = v1_phase1_cleanup,
};

/* The responder. */

static enum step read_offer(struct exchange *x)
{
	v1_read_vendors(x);
	v1_read_ke_and_nonce(x);
	v1_read_certreqs(x);
	auth_set_local_id(x->sa, 0);
	return STEP_NEXT;
}

static enum step answer(struct exchange *x)
{
	v1_put_answer(x);
	v1_put_ke_and_nonce(x);
	v1_put_id(x);
	return STEP_NEXT;
}

static enum step answer_rest(struct exchange *x)
{
	v1_put_certreqs(x);
	v1_nat_put(x);
	v1_put_vendors(x);
	return STEP_NEXT;
}

static enum step detect(struct exchange *x)
{
	v1_nat_detect(x);
	return STEP_NEXT;
}

static step_fn *const responds[] = { v1_read_id, v1_choose_named, read_offer, v1_agree_respond,
	answer, v1_ask_skeyid, v1_sign, v1_put_proof, answer_rest, NULL };
static step_fn *const ends[] = { v1_check_proof, detect, v1_follow_path, v1_admit_peer, NULL };
static const struct round responder_rounds[] = {
	{ &first, responds, &second },
	{ &third, ends, NULL },
};

const struct exchange_kind v1_aggressive_mode_responder = {
	.name = "aggressive mode",
	.type = V1_AGGRESSIVE,
	.rounds = responder_rounds,
	.round_count = 2,
	.data_size = sizeof(struct v1_phase1_data),
	.failed = v1_phase1_failed,
	.finished = v1_phase1_done,
	.cleanup = v1_phase1_cleanup,
};
