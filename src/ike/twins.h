/* Twins: two IKE SAs of one connection between the same identities, because both ends initiated at
 * the same time. Each end tells by itself which of the two survives; whoever initiated the other
 * deletes it, once the survivor's children carry the traffic. docs/decisions/0006-one-of-two.md. */
#pragma once

#include "ike/child.h"

/* The SA has nothing under way: whether it or its twin is to go now. */
void twins_check(struct ike_sa *sa);

/* As initiator, before IKE_AUTH: the peer's SA stands meanwhile, with the child that we want
 * (`config`; NULL: none). Not where we ask for a virtual address: that only our own SA brings. */
bool twins_forestalled(const struct ike_sa *sa, const struct child_config *config);
