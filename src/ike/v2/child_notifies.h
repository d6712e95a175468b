/* What peers say about Child SAs in notifies: beside an offer or an answer (RFC 7296 §2.9, §3.10.1),
 * and in INFORMATIONAL requests that a packet was not what it should be (§1.5, §3.10.1). */
#pragma once

#include "ike/child.h"

/* The message that agrees on a child, in either role: no TFC padding where the peer can't have it;
 * other selectors that it would take, too, are told. */
void deal_read_notifies(struct exchange *x, struct child_deal *deal);

/* The data plane dropped what came over a child because its selectors don't have it: the peer is told
 * INVALID_SELECTORS, once a minute at most for each child. */
struct ike_kernel_event;
void selectors_violated(struct child_sa *c, const struct ike_kernel_event *event);

/* ESP came from a peer for an SPI that we don't have: where that goes on for longer than packets are in
 * flight, it is told INVALID_SPI within the IKE SA, or in IKEv1 by a Delete, once a minute at most. */
void stray_packet(struct ike_sa *sa, uint32_t spi);

/* INVALID_SELECTORS and INVALID_SPI in an authenticated request. A child that the peer seems to have
 * lost is rekeyed: where it is lost indeed the answer says so, and another is made, §2.25. */
void child_notifies_read(struct exchange *x);
