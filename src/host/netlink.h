/* rtnetlink, as far as routes, rules and addresses need it. */
#pragma once

#include "wire/prefix.h"

#include <libmnl/libmnl.h>

struct netlink;

/* Marks what we put into the kernel's tables: rtm_protocol and FRA_PROTOCOL. Nothing without it is
 * ever removed. */
#define NETLINK_PROTOCOL_TERN 0xe7

struct netlink *netlink_open(void); /* NULL: errno says why */
void netlink_close(struct netlink *n);

struct netlink_route {
	struct prefix to;
	uint32_t table;
	uint32_t metric;
	uint8_t type;          /* RTN_UNICAST, RTN_THROW */
	unsigned interface;    /* RTN_UNICAST */
	struct address source; /* preferred; none: the kernel's choice */
};

/* Each returns 0 or a negative errno. */
int netlink_route_add(struct netlink *n, const struct netlink_route *route);
int netlink_route_remove(struct netlink *n, const struct netlink_route *route);

struct netlink_ports {
	uint16_t first, last; /* 1 to 65534; 0 and 0: any */
};

struct netlink_rule {
	uint8_t family;                 /* 4 or 6 */
	uint32_t table, priority, mark; /* applies to packets without the mark */
	uint8_t protocol;               /* of packets; 0: any, with any ports */
	struct netlink_ports source, destination;
	struct prefix from, to; /* no bits: any */
	uint8_t action;         /* FR_ACT_GOTO, FR_ACT_NOP; 0: look the table up */
	uint32_t go_to; /* FR_ACT_GOTO: the priority of the rule to go on with, a greater one */
};

int netlink_rule_add(struct netlink *n, const struct netlink_rule *rule);
int netlink_rule_remove(struct netlink *n, const struct netlink_rule *rule);
bool netlink_rule_equal(const struct netlink_rule *a, const struct netlink_rule *b);

/* Removes every route (in the table) and every rule of ours, whoever of us put it there. Returns
 * how many. */
size_t netlink_clean(struct netlink *n, uint32_t table);

/* How the host would send a packet with the mark to an address. `from` may be none. */
struct netlink_way {
	struct address source;
	unsigned interface;
	uint32_t mtu; /* 0: unknown */
};

int netlink_lookup(struct netlink *n, const struct address *to, const struct address *from,
	uint32_t mark, struct netlink_way *ret_way);

bool netlink_link_up(struct netlink *n, unsigned interface); /* and has a carrier */

#define NETLINK_LOOPBACK 1 /* the index of lo, in every namespace */

struct netlink_address {
	struct address address;
	unsigned interface;
};
/* A single host's address (/32, /128) on a device, usable at once. Each returns 0 or a negative
 * errno. */
int netlink_address_add(struct netlink *n, unsigned interface, const struct address *a);
int netlink_address_remove(struct netlink *n, unsigned interface, const struct address *a);

/* This host's usable addresses without loopback and link-local ones, the most fitting first.
 * Returns how many. */
size_t netlink_addresses(struct netlink *n, struct netlink_address *out, size_t max);
