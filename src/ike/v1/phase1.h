/* What main and aggressive mode share, RFC 2409 §5: steps, and parts of messages. */
#pragma once

#include "ike/v1/ikev1.h"

/* The data of both begins with this. */
struct v1_phase1_data {
	struct agreement ke;
	struct v1_choice choice; /* responder: views into the first message */
	bool by_address;         /* the identities have no PSK: that of the addresses */
	uint8_t signer;          /* enum auth_method of our key; 0: not known */
	bool signer_asked;
	uint16_t only_group; /* of all transforms; 0: any */
	/* Our signature with its certificates, in the arena. */
	struct bytes signature;
	size_t cert_count;
	struct cert_payload certs[IKE_CERTS_MAX];
};

/* Steps, in the order in which they may run. */
step_fn v1_ask_signer;      /* initiator: by which method we would sign */
step_fn v1_choose_proposal; /* responder: a connection and a transform */
step_fn v1_choose_named;    /* likewise in aggressive mode, where the peer says who it is */
step_fn v1_read_proposal;   /* initiator: what was chosen; the peer's cookie and vendor IDs */
step_fn v1_agree_begin, v1_agree_finish, v1_agree_respond;
step_fn v1_ask_skeyid;        /* SKEYID and all that follows; from then on the SA is keyed */
step_fn v1_read_id;           /* the peer's ID payload */
step_fn v1_settle_connection; /* responder: the connection that fits the peer's identity */
step_fn v1_check_peer_id;     /* initiator: whether it is whom we expected */
step_fn v1_check_proof;       /* the peer's HASH or SIG */
step_fn v1_confirm_skeyid;    /* whether the PSK is that of the identity that was proved */
step_fn v1_admit_peer;        /* INITIAL-CONTACT, uniqueness */
step_fn v1_sign;              /* asks for our signature, where the method wants one */
step_fn v1_put_proof;         /* our HASH, or certificates and SIG */
step_fn v1_follow_path;       /* responder: the peer is where it proved itself */

/* Parts. */
void v1_put_vendors(struct exchange *x);
void v1_read_vendors(struct exchange *x);
void v1_put_ke_and_nonce(struct exchange *x);
void v1_read_ke_and_nonce(struct exchange *x);
void v1_put_id(struct exchange *x);
void v1_put_answer(struct exchange *x); /* the SA payload of a responder */
void v1_put_certreqs(struct exchange *x);
void v1_read_certreqs(struct exchange *x);
void v1_put_initial_contact(struct exchange *x);

struct v1_ike_terms v1_terms(const struct exchange *x);
/* Initiator: refuses to begin, since IKEv1 has nothing of what the connection allows. */
enum step v1_nothing_to_offer(struct exchange *x);

/* Of struct exchange_kind. */
void v1_phase1_failed(struct exchange *x, const char *why);
void v1_phase1_cleanup(struct exchange *x);
/* Phase 1 is over: XAUTH and mode config come next, where there are any; then the SA stands. */
void v1_phase1_done(struct exchange *x);

/* What both sides have said, for the functions of keys.h: views into the SA. */
void v1_phase1_said(const struct ike_sa *sa, struct v1_phase1 *ret);

/* A new ISAKMP SA of the peer; takes the arena. */
void v1_respond(struct ike_engine *e, const struct exchange_kind *kind, struct arena *arena,
	struct opened *message);
