/* The routing rules of a shunt. */
#pragma once

#include "host/netlink.h"
#include "host/route.h"
#include "tern/child.h"

#define SHUNT_RULES_MAX 256

/* Those that lead what a shunt passes around our tables, or what it drops into the table for that; each is
 * for IPv4 or IPv6. Returns how many; -ENOTSUP: rules can't say these selectors or this priority, -E2BIG: more than
 * SHUNT_RULES_MAX, both with words in `problem`. */
int shunt_rules_of(const struct child_spec *spec, const struct route_options *options,
	struct netlink_rule out[static SHUNT_RULES_MAX], char *problem, size_t problem_size);
