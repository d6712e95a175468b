/* Sealing what an exchange built and handing it to the window. */
#pragma once

#include "ike/exchange.h"

/* Sends x->out as this exchange's request or response. */
void send_message(struct exchange *x);

/* Outside any SA; the header's SPIs are copied from what is answered. */

/* The answer to an IKE_SA_INIT without a cookie, RFC 7296 §2.6. Not limited in rate: it is smaller
 * than what it answers, and a flood must not keep it from a peer that means well. */
void send_cookie(struct ike_engine *e, const struct ike_path *path, const struct ike_header *header,
	struct bytes cookie);

/* An error, RFC 7296 §1.5 and §2.21.4: not more often than every 20 ms. */
void send_stray_notify(struct ike_engine *e, const struct ike_path *path,
	const struct ike_header *header, uint16_t type);
