/* IKE SAs by whom they are between: the pair of our identity and the peer's. Uniqueness, heirs and
 * session resumption look SAs up here, so that a gateway with thousands of peers walks only those of
 * the one. */
#pragma once

#include "ike/sa.h"

/* Files the SA under the identities that it has now; again after they have changed. Where memory
 * runs out it isn't filed. */
void peers_enter(struct ike_sa *sa);
void peers_leave(struct ike_sa *sa);

/* A number for the pair of identities, the same as long as the engine lives. */
uint64_t peers_key(const struct ike_sa *sa);

/* Whether two SAs are between the same identities. */
bool peers_same(const struct ike_sa *a, const struct ike_sa *b);

/* The SAs that are filed under the identities of `of`, newest first, without itself: start with
 * NULL, ends with NULL. Those that are over are not among them; some may not be established yet. */
struct ike_sa *peers_next(const struct ike_sa *of, const struct ike_sa *last);
