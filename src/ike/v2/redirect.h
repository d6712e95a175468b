/* Redirection, RFC 5685: a gateway sends its clients to another one, in IKE_SA_INIT, in IKE_AUTH or in
 * a session. A client that follows authenticates the other by the same connection. */
#pragma once

#include "ike/exchange.h"

/* Rows of the table of features. */
void redirect_put_init(struct exchange *x);  /* REDIRECT_SUPPORTED or REDIRECTED_FROM */
void redirect_read_init(struct exchange *x); /* the same, of the client */
void redirect_put_auth(struct exchange *x);
void redirect_read_auth(struct exchange *x);

/* The gateway. */

/* In IKE_SA_INIT: STEP_REJECT, with REDIRECT, where new clients are sent elsewhere. */
enum step redirect_new_client(struct exchange *x);
/* In IKE_AUTH: whether its connection has redirect_to, so that no child is made. */
bool redirect_wanted(const struct exchange *x);
/* In a session, on command. */
void redirect_command(struct ike_sa *sa, const struct ike_command *command);
extern const struct exchange_kind redirect_initiator;

/* The client. */

/* A response to IKE_SA_INIT with REDIRECT instead of an SA. */
enum step redirect_read_response(struct exchange *x, struct bytes data);
/* After IKE_AUTH: true where the SA was for nothing but a redirect, which is followed now. */
bool redirect_after_auth(struct ike_sa *sa, const struct child_config *child);
/* An INFORMATIONAL request. */
void redirect_read(struct exchange *x);

/* What an SA that takes another's place knows of redirects. */
void redirect_inherit(struct ike_sa *sa, const struct ike_sa *old);
/* It goes to another gateway than `old`: once more was redirected. */
void redirect_toward(struct ike_sa *sa, const struct ike_sa *old, const struct gateway *g);
