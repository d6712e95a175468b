/* Uniqueness: how many IKE SAs there may be between the same two identities. INITIAL_CONTACT (RFC
 * 7296 §2.4) ends what a peer has forgotten; `unique` of a connection says what a second SA does to
 * the first. */
#pragma once

#include "ike/exchange.h"

/* As initiator, before the IKE_AUTH request: whether it may say INITIAL_CONTACT. */
bool unique_first_contact(const struct ike_sa *sa);

/* As responder: the peer has authenticated. Leftovers go, so that their addresses are free again.
 * False, refused, where an SA stands that is to be kept. `initial_contact`: whether the peer says it.
 * As initiator there is nothing to admit: whoever wants something of a peer whose SA stands gets it
 * there. */
bool unique_admit(struct exchange *x, bool initial_contact);

/* The new SA stands, its child, if any, is agreed on: those that it replaces go. */
void unique_established(struct ike_sa *sa);

/* TIMER_UNIQUE of an SA that a newer one replaces. */
void unique_due(struct ike_sa *old);
