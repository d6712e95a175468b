/* Rules that lead certain protocols and ports to a table of their own. */
#pragma once

#include "host/netlink.h"
#include "tern/child.h"

struct port_rules;

/* `like`: its mark, table and priority. NULL where memory ran out. */
struct port_rules *port_rules_new(struct netlink *n, const struct netlink_rule *like);
void port_rules_free(struct port_rules *r); /* takes them out of the kernel */

/* Whether a rule can name ports of the protocol. */
bool port_rule_has_ports(uint8_t protocol);

/* Whether a spec's packets are told by their protocol and ports, not by their addresses alone. */
bool port_rules_concern(const struct child_spec *spec);

/* Those of a spec; which owners share are there as long as one of them is. Returns 0 or a negative
 * errno. */
int port_rules_add(struct port_rules *r, uint64_t owner, const struct child_spec *spec);
/* One more rule for an owner. As above. */
int port_rules_use(struct port_rules *r, uint64_t owner, const struct netlink_rule *how);
void port_rules_rename(struct port_rules *r, uint64_t owner, uint64_t to);
void port_rules_remove(struct port_rules *r, uint64_t owner);
