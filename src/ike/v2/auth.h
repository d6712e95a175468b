/* What both roles of IKE_AUTH share: rounds of authentication, each with an identity, certificates
 * and an AUTH payload. RFC 7296 §2.15 has one round of each side, RFC 4739 more. */
#pragma once

#include "ike/child.h"
#include "ike/exchange.h"

#define MACED_ID_BYTES_MAX 64

struct auth_data {
	struct child_deal deal;
	bool with_child;
	bool childless; /* initiator: the child, if any, comes later */
	uint16_t child_error;
	char child_text[REJECT_TEXT_MAX];
	uint8_t maced[2][MACED_ID_BYTES_MAX]; /* ours, the peer's */
	struct ike_answer signature;          /* ours; what it points to is kept in the arena */
	bool peer_initial_contact;
	bool forestalled; /* initiator: the peer set up what we want meanwhile */
	/* Rounds, as indexes into connection->local and ->remote: what is being proven, or comes
	 * next. */
	size_t local_round, remote_round;
	bool ours_now;     /* this message of ours has an AUTH */
	bool theirs_now;   /* this message of the peer has an AUTH */
	bool theirs_next;  /* the peer announced that its next one has */
	bool names_next;   /* initiator: our next request says whom we expect */
	bool certs_by_url; /* the peer sent some by hash and URL */
	unsigned messages;
	const struct opened *first; /* responder: the first request, whose SA, TS, CP and notifies
				       count when all rounds have verified */
};

/* Identities. */
void auth_set_id(struct ike_id *id, const struct id_payload *from);
void auth_set_local_id(struct ike_sa *sa, size_t round);
struct where auth_id_where(const struct auth_round *r);

/* The octets that one side's AUTH covers: its message, the other's nonce, the MAC of its identity. */
void auth_parts(struct exchange *x, bool ours, struct bytes parts[static IKE_SIGNED_PARTS]);

/* Steps. sign and verify are skipped where the message has no AUTH of that side. */
step_fn auth_sign, auth_verify, auth_ask_spi;

/* What the peer's message says about its next: false, refused, where its rounds and those that the
 * connection wants differ in number. */
bool auth_rounds_agree(struct exchange *x);
/* False, refused, where rounds of the connection need a peer with RFC 4739, and this one isn't. */
bool auth_rounds_possible(struct exchange *x);

/* Parts of messages. */
void auth_put_id(struct exchange *x, uint8_t type, const struct ike_id *id);
void auth_put_proof(struct exchange *x); /* CERT, AUTH, N(ANOTHER_AUTH_FOLLOWS) */

void auth_established(struct exchange *x);
void auth_failed(struct exchange *x, const char *why);

/* MULTIPLE_AUTH_SUPPORTED: rows of features.c. */
void auth_multiple_put_init(struct exchange *x);
void auth_multiple_read_init(struct exchange *x);
void auth_multiple_put_auth(struct exchange *x);
