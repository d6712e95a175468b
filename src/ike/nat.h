/* NAT detection, RFC 7296 §2.23. */
#pragma once

#include "ike/exchange.h"

void nat_notify(struct exchange *x); /* adds both notifies for x->path and the SA's SPIs */
void nat_detect(struct exchange *x); /* from the peer's, sets nat_local and nat_remote */
