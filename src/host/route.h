/* The routes that lead plaintext into the tunnel, in a table of our own, and the rule that leads to
 * the table. */
#pragma once

#include "host/netlink.h"
#include "tern/child.h"

struct routes;

struct route_options {
	uint32_t table, priority; /* of the rule */
	uint32_t table_ports;     /* of what rules with protocol and ports lead to */
	uint32_t table_drop;      /* of what drop shunts take */
	uint32_t mark;            /* packets with it don't use the table */
	unsigned interface;       /* tern0 */
	bool install;             /* false: somebody else makes the routes */
};

/* Removes what a crashed run left and adds the rule. Returns 0, or a negative errno with words for
 * people. */
int routes_new(struct netlink *n, const struct route_options *options, struct routes **ret_routes,
	char *problem, size_t problem_size);
void routes_free(struct routes *r); /* takes everything out of the kernel */

/* Whose routes: a Child SA's or, where the spec has no child, a trap's. */
uint64_t route_owner(const struct child_spec *spec);

/* The routes to a spec's remote selectors; those that owners share are there as long as one of them
 * is. Adding for an owner again puts these in place of its others. Returns 0, or a negative errno with
 * words in `problem`. */
int routes_add(struct routes *r, uint64_t owner, const struct child_spec *spec, char *problem,
	size_t problem_size);
void routes_remove(struct routes *r, uint64_t owner);

/* Rules for a shunt, in place of those that it has: see shunt_rule.h. `exact`: what can't be said is refused;
 * else only what is passed needs rules, as far as they can say it, and policies do the rest. As above. */
int routes_shunt(struct routes *r, const struct child_spec *spec, bool exact, char *problem,
	size_t problem_size);

/* What stays out of the tunnel, wherever children's routes lead; each time it is excluded counts. As
 * above. */
int routes_exclude(
	struct routes *r, const struct selectors *what, char *problem, size_t problem_size);
void routes_include(struct routes *r, const struct selectors *what); /* takes one time back */
