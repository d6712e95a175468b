/* What IKE_SA_INIT and IKE_SESSION_RESUME have in common: the first exchange of an IKE SA, in the
 * clear. */
#pragma once

#include "ike/exchange.h"

step_fn init_ask_path;   /* initiator: where to send */
step_fn init_float_port; /* behind a NAT both go on at the ports of NAT traversal */
void init_make_nonce(struct exchange *x);
enum step init_retry_cookie(struct exchange *x, struct bytes cookie);
void init_done(struct exchange *x); /* goes on with IKE_AUTH */
void init_failed(struct exchange *x, const char *why);
