/* A key exchange within an exchange, in either role: RFC 7296 §1.2 and §1.3. Shared by IKE_SA_INIT, CREATE_CHILD_SA, the
 * rekeying of the IKE SA, and in IKEv1 phase 1 and quick mode. */
#pragma once

#include "ike/exchange.h"

struct agreement {
	uint16_t group; /* 0: none */
	bool retried;   /* the peer asked for another group once already */
	struct ke_private *private;
	struct bytes value;  /* our public one */
	struct bytes shared; /* the secret, when it is agreed */
};

/* Steps. The first two are the initiator's; each does nothing where the group is 0. */
enum step agreement_begin(struct exchange *x, struct agreement *a);
enum step agreement_finish(struct exchange *x, struct agreement *a);
enum step agreement_respond(struct exchange *x, struct agreement *a);

void agreement_put(struct exchange *x, const struct agreement *a); /* the KE payload */

/* What INVALID_KE_PAYLOAD asks for: true where it is another group of `ours`, asked for the first time. `ret_wanted` says
 * what it was. */
bool agreement_retry(struct agreement *a, struct bytes wanted, const struct proposal_list *ours,
	uint16_t *ret_wanted);

/* As responder: whether the request's value is of our group; if not, rejects with INVALID_KE_PAYLOAD. */
enum step agreement_check_group(struct exchange *x, const struct agreement *a);

void agreement_clear(struct agreement *a);

/* A new nonce in the exchange's arena. */
struct bytes nonce_new(struct exchange *x);
