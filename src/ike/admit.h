/* Untrusted bytes: header syntax, SA lookup, the cookie decision. Writes to no SA. */
#pragma once

#include "ike/engine.h"
#include "wire/wire.h"

void admit(struct ike_engine *e, const struct ike_path *path, struct bytes datagram);

void admit_v2(struct ike_engine *e, const struct ike_path *path, const struct ike_header *header,
	struct bytes datagram);

/* Counts and tells. */
void admit_drop(struct ike_engine *e, const struct ike_path *path, size_t size, const char *why);

/* Why nobody at this address may begin an IKE SA now; NULL where one may. */
const char *admit_closed_to(const struct ike_engine *e, const struct address *from);

/* The half-open SA that we answer whose first message came from there; NULL. */
struct ike_sa *half_open_find(
	const struct ike_engine *e, const struct ike_path *path, uint64_t spi_i);

/* Half-open SAs that we answer, for cookies and blocking. */
void half_open_add(struct ike_sa *sa, const struct ike_path *path, uint64_t spi_i);
void half_open_remove(struct ike_sa *sa);
/* Whether one of these came from that address. */
bool half_open_from(const struct ike_engine *e, const struct address *a);
