/* MOBIKE's messages, RFC 4555; what follows from them is path.h's. */
#pragma once

#include "ike/exchange.h"

/* Rows of the table of features. */
void mobike_put_auth(struct exchange *x);
void mobike_read_auth(struct exchange *x);

/* Responder of IKE_AUTH: asks the host for our other addresses, after verifying that no NAT is where
 * the peer allows none, §3.9. */
enum step mobike_auth(struct exchange *x);

/* An INFORMATIONAL request: adds to its response what it asks for. True where the addresses of the SA
 * are to be looked at when the response has been sent: mobike_requested(). */
bool mobike_request(struct exchange *x);
void mobike_requested(struct exchange *x);

/* A liveness check also finds out whether a NAT came, went or forgot us, §3.8. */
enum step mobike_put_probe(struct exchange *x);
enum step mobike_read_probe(struct exchange *x);

/* UPDATE_SA_ADDRESSES, additional addresses, return routability checks. */
extern const struct exchange_kind addresses_initiator;
