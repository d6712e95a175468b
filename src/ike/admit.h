/* Untrusted bytes: header syntax, SA lookup, the cookie decision. Writes to no SA. */
#pragma once

#include "ike/engine.h"

void admit(struct ike_engine *e, const struct ike_path *path, struct bytes datagram);

/* Half-open SAs that we answer, for cookies and blocking. */
void half_open_add(struct ike_sa *sa, const struct ike_path *path, uint64_t spi_i);
void half_open_remove(struct ike_sa *sa);
/* Whether one of these came from that address. */
bool half_open_from(const struct ike_engine *e, const struct address *a);
