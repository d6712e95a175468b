/* Sealing what an exchange built and handing it to the window. */
#pragma once

#include "ike/exchange.h"

/* Sends x->out as this exchange's request or response. */
void send_message(struct exchange *x);

/* Outside any SA: responses with the SPIs of what they answer. */

/* The answer to an IKE_SA_INIT without a cookie, RFC 7296 §2.6. Not limited in rate: it is smaller
 * than what it answers, and a flood must not keep it from a peer that means well. */
void send_cookie(struct ike_engine *e, const struct ike_path *path,
	const struct ike_header *request, struct bytes cookie);

/* Errors, RFC 7296 §1.5 and §2.21.4: 50 a second, and as many at once. */
bool send_stray_allowed(struct ike_engine *e); /* once for each of these: errors are few */
void send_stray_response(struct ike_engine *e, const struct ike_path *path,
	const struct ike_header *request, const struct notify *notifies, size_t count);

/* INVALID_SPI in a message of its own, §1.5; counts with the errors. */
void send_invalid_spi(struct ike_engine *e, const struct ike_path *path, uint32_t spi);
