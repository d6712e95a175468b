/* Sweeping: whatever rare crossing has left a child twice, with one peer in one IKE SA or in two, one of
 * them ends when all has been quiet for a while. Both ends order the two alike, and only the end that
 * had asked for the lesser ends it, so that what a peer has made twice on purpose stays.
 * docs/decisions/0006-one-of-two.md. */
#pragma once

#include "ike/child.h"

/* An exchange of the SA has ended: what it may have left twice is looked for later. */
void sweep_later(struct ike_sa *sa);
void sweep_due(struct ike_sa *sa); /* TIMER_SWEEP */
