/* Which library computes the ciphers of packets, found out when the daemon starts. */
#pragma once

#include "crypto/crypto.h"
#include "host/log.h"

/* Measures what there is of each cipher on packets as they are, has `c` use the fastest, and says so. Takes
 * some milliseconds. */
void ciphers_choose(struct crypto *c, struct log *log);
