/* What IKE_SA_INIT and IKE_SESSION_RESUME have in common: the first exchange of an IKE SA, in the
 * clear. IKEv1's phase 1 shares how it finds the peer. */
#pragma once

#include "ike/exchange.h"

step_fn init_ask_path;   /* initiator: where to send */
step_fn init_hear_peer;  /* initiator: an answer came */
step_fn init_float_port; /* behind a NAT both go on at the ports of NAT traversal */
void init_make_nonce(struct exchange *x);
enum step init_retry_cookie(struct exchange *x, struct bytes cookie);
/* When a request is due again: true where the peer has been silent for long enough, has other addresses
 * that were not tried, and the exchange begins anew with the next. The last one gets all tries. */
bool init_leave_silent(struct ike_sa *sa);
/* Its part that every version has: whether so many tries are enough, and then which address is next. */
bool init_next_remote(struct ike_sa *sa, uint32_t tries);
void init_done(struct exchange *x); /* goes on with IKE_AUTH */
void init_failed(struct exchange *x, const char *why);
