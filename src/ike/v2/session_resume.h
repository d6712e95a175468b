/* IKE_SESSION_RESUME and the IKE_AUTH after it, RFC 5723 §4.3. */
#pragma once

#include "ike/exchange.h"

/* The row of the table of features: asking for a ticket with IKE_AUTH, and giving one. */
void resume_put_auth(struct exchange *x);
void resume_read_auth(struct exchange *x);

/* In other exchanges of an IKE SA that stands: to the peer's TICKET_REQUEST a ticket of this SA
 * (INFORMATIONAL), or the promise of one of the new SA (when rekeying the IKE SA). */
void resume_answer(struct exchange *x);
void resume_defer(struct exchange *x);
/* What a rekeyed IKE SA has of the session; a client asks for a ticket of the new one, §6.2. */
void resume_inherit(struct ike_sa *sa, const struct ike_sa *old);

/* An IKE SA that is being set up by a ticket: its identities are those of the ticket, AUTH is a MAC
 * under SK_p. */
static inline bool resuming(const struct ike_sa *sa)
{
	return sa->setup && sa->setup->resumes;
}

step_fn resume_sign, resume_verify;
/* The identities that the peer said: false, refused, where they aren't the ticket's. */
bool resume_identities(struct exchange *x);
/* Both have verified: the ticket is used, and the IKE SA that it came from is over, §4.3.4. */
void resume_established(struct exchange *x);
