/* Virtual addresses that a peer gave us: on our device for as long as an IKE SA has them, and its
 * name servers asked meanwhile. */
#pragma once

#include "host/netlink.h"
#include "tern/ike.h"

struct virtual;

struct virtual_options {
	unsigned interface; /* tern0 */
	bool install;       /* false: somebody else sees to it */
};

struct virtual *virtual_new(struct netlink *n, const struct virtual_options *options);
void virtual_free(struct virtual *v); /* takes everything back */

/* Several IKE SAs may have the same address: it goes with the last. Returns 0, or a negative errno
 * with words. */
int virtual_add(
	struct virtual *v, const struct ike_virtual *given, char *problem, size_t problem_size);
void virtual_remove(struct virtual *v, const struct ike_virtual *given);
