/* Session tickets, RFC 5723: what lets a peer that was lost come back without a Diffie-Hellman. As
 * responder we give them out by value, sealed under a key that only this engine has and that
 * rotates, and remember which were used. As client we keep the one of each connection whose peer
 * was lost, in memory, until it is used, expires, or its connection changes. */
#pragma once

#include "ike/sa.h"

#define TICKET_BYTES_MAX 2048

struct tickets;

/* What a ticket stands for, at either end (§5). */
struct ticket_state {
	uint64_t serial; /* the responder's: each is used once */
	ike_time expires_at;
	ike_time authenticated_at; /* when credentials were last used, not a ticket */
	uint8_t method;            /* enum auth_method of the peer's, then */
	struct proposal chosen;
	struct secret sk_d;
	struct ike_id local_id, remote_id;
	struct octets name; /* of the connection */
	uint8_t digest[20]; /* of its configuration */
};

void ticket_state_free(struct ticket_state *s); /* wipes */

void tickets_free(struct tickets *t);

/* The configuration changed: what was kept for the connection of this name goes. */
void tickets_forget(struct ike_engine *e, const char *name);
/* Credentials changed: no ticket that we gave out counts any more, §6.2. */
void tickets_revoke(struct ike_engine *e);

/* As responder. */

/* Gives out a ticket for an IKE SA that stands: N(TICKET_LT_OPAQUE), or N(TICKET_NACK). */
void ticket_put(struct exchange *x);
/* Opens one. Returns its state, owned by the caller, or NULL and why not. */
struct ticket_state *ticket_open(struct ike_engine *e, struct bytes ticket,
	const struct connection **ret_connection, const char **ret_why);
void ticket_spend(struct ike_engine *e, uint64_t serial); /* used, or its IKE SA was deleted */

/* As client. */

/* Takes the ticket of the message that came. */
void ticket_read(struct exchange *x);
/* Moves the ticket kept for sa's connection to sa->setup; false where there is none, or it was of
 * no avail the last time. */
bool ticket_present(struct ike_sa *sa);
/* An IKE SA is over: its ticket is kept where its peer was lost, and void where it was deleted. */
void ticket_sa_over(struct ike_sa *sa, enum sa_end end);
