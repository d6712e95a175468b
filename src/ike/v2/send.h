/* Sealing what an exchange built and handing it to the window. */
#pragma once

#include "ike/exchange.h"

/* Sends x->out as this exchange's request or response. */
void send_message(struct exchange *x);

/* An error outside any SA, RFC 7296 §1.5 and §2.21.4: the header's SPIs are copied from what it
 * answers. */
void send_stray_notify(struct ike_engine *e, const struct ike_path *path,
	const struct ike_header *header, uint16_t type, struct bytes data);
