/* Extensions that ride on IKE_SA_INIT and IKE_AUTH, each a row of one table: what it adds to our
 * messages and what it takes from the peer's. Rows run in the order of the table. */
#pragma once

#include "ike/exchange.h"

struct feature {
	const char *name; /* with its RFC */
	/* Into our IKE_SA_INIT message, in either role; and from the peer's, once it is accepted. */
	void (*put_init)(struct exchange *x);
	void (*read_init)(struct exchange *x);
	/* Into our first IKE_AUTH request, or into the last response. */
	void (*put_auth)(struct exchange *x);
	/* From the peer's, when its AUTH is verified, before the child is agreed on. */
	void (*read_auth)(struct exchange *x);
};

void features_put_init(struct exchange *x);
void features_read_init(struct exchange *x);
void features_put_auth(struct exchange *x);
void features_read_auth(struct exchange *x);
