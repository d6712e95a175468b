/* Routes into the tunnel. Each prefix of a child's remote selectors becomes a route through the TUN
 * device, with the host's own address within the local selectors as its preferred source. Where a
 * remote selector is wider than a local one (0.0.0.0/0, or a hub's 10.0.0.0/8), the local prefix is
 * exempt by a `throw` route: what arrives for our own network must not go back into the tunnel. So is
 * what a peer lets stay out of it. Those of transport mode with ports are in a table of their own
 * (port_rule.c).
 * Routes are shared: rekeying installs the successor before the old child goes, and nothing changes
 * in the kernel. */
#include "host/route.h"

#include "host/port_rule.h"
#include "host/shunt_rule.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

#define METRIC_TUNNEL 100
#define METRIC_THROW  200 /* where both are there, the tunnel wins */
#define ADDRESSES_MAX 256

struct route {
	struct netlink_route how;
	size_t users;
	struct route *next;
};

/* One owner's use of one route. */
struct route_use {
	uint64_t owner;
	struct address source; /* that it prefers */
	struct route *route;
	struct route_use *next;
};

struct routes {
	struct netlink *netlink;
	struct route_options options;
	struct route *all;
	struct route_use *uses;
	struct port_rules *ports;
};

static int add_rules(struct routes *r)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		const struct netlink_rule rule = {
			.family = family,
			.table = r->options.table,
			.priority = r->options.priority,
			.mark = r->options.mark,
		};
		int problem = netlink_rule_add(r->netlink, &rule);

		/* A kernel without IPv6 has no rules for it either. */
		if (problem &&
			!(family == 6 && (problem == -EAFNOSUPPORT || problem == -EOPNOTSUPP)))
			return problem;
	}
	return 0;
}

int routes_new(struct netlink *n, const struct route_options *options, struct routes **ret_routes,
	char *problem, size_t problem_size)
{
	const struct netlink_rule ports = {
		.table = options->table_ports, .priority = options->priority, .mark = options->mark
	};
	struct routes *r = calloc(1, sizeof(*r));
	int failed;

	if (r)
		r->ports = port_rules_new(n, &ports);
	if (!r || !r->ports) {
		free(r);
		return -ENOMEM;
	}
	r->netlink = n;
	r->options = *options;
	(void)netlink_clean(n, options->table);
	(void)netlink_clean(n, options->table_ports);
	(void)netlink_clean(n, options->table_drop);

	failed = options->install ? add_rules(r) : 0;
	if (failed) {
		snprintf(problem, problem_size, "routing rule %u for table %u: %s",
			options->priority, options->table,
			failed == -EPERM ? "needs root (or CAP_NET_ADMIN)" : strerror(-failed));
		routes_free(r);
		return failed;
	}
	*ret_routes = r;
	return 0;
}

void routes_free(struct routes *r)
{
	if (!r)
		return;
	while (r->uses)
		routes_remove(r, r->uses->owner);
	port_rules_free(r->ports);
	(void)netlink_clean(r->netlink, r->options.table);
	(void)netlink_clean(r->netlink, r->options.table_ports);
	(void)netlink_clean(r->netlink, r->options.table_drop);
	free(r);
}

/* Using and releasing one. */

static struct route *route_find(struct routes *r, const struct netlink_route *how)
{
	for (struct route *route = r->all; route; route = route->next) {
		if (route->how.type == how->type && route->how.table == how->table &&
			prefix_equal(&route->how.to, &how->to))
			return route;
	}
	return NULL;
}

/* The latest to say so chooses the source address: a child knows better than the trap before it. */
static int route_source(struct routes *r, struct route *route, const struct address *source)
{
	struct netlink_route how = route->how;
	int problem = 0;

	if (source->family && !address_equal(source, &how.source)) {
		how.source = *source;
		problem = netlink_route_add(r->netlink, &how); /* in its place */
		if (!problem)
			route->how = how;
	}
	return problem;
}

static int route_make(struct routes *r, const struct netlink_route *how, struct route **ret_route)
{
	struct route *route = calloc(1, sizeof(*route));
	int problem = route ? netlink_route_add(r->netlink, how) : -ENOMEM;

	if (problem) {
		free(route);
		return problem;
	}
	route->how = *how;
	route->next = r->all;
	r->all = route;
	*ret_route = route;
	return 0;
}

static int route_use(struct routes *r, uint64_t owner, const struct netlink_route *how)
{
	struct route *route = route_find(r, how);
	struct route_use *use = calloc(1, sizeof(*use));
	int problem;

	if (!use)
		return -ENOMEM;
	problem = route ? route_source(r, route, &how->source) : route_make(r, how, &route);
	if (problem) {
		free(use);
		return problem;
	}
	route->users++;
	*use = (struct route_use){
		.owner = owner, .source = how->source, .route = route, .next = r->uses
	};
	r->uses = use;
	return 0;
}

/* Those that stay use it as they would without the one that went. */
static void route_leave(struct routes *r, struct route *route)
{
	struct route **at = &r->all;

	if (--route->users > 0) {
		for (const struct route_use *use = r->uses; use; use = use->next) {
			if (use->route == route && use->source.family) {
				(void)route_source(r, route, &use->source);
				break;
			}
		}
		return;
	}
	(void)netlink_route_remove(r->netlink, &route->how);
	while (*at != route)
		at = &(*at)->next;
	*at = route->next;
	free(route);
}

/* What one owner needs. */

/* Our end of the tunnel itself; of a trap what it would be. */
static struct address outer_address(struct routes *r, const struct child_spec *spec)
{
	const struct address *remote = &spec->path.remote.address;
	const struct address none = { 0 };
	struct netlink_way way;

	if (!spec->path.local.address.family && remote->family &&
		netlink_lookup(r->netlink, remote, &none, r->options.mark, &way) == 0)
		return way.source;
	return spec->path.local.address;
}

/* This host's address that the local selectors have, or none. */
static struct address preferred_source(
	struct routes *r, const struct child_spec *spec, uint8_t family)
{
	struct netlink_address addresses[ADDRESSES_MAX];
	struct address outer = outer_address(r, spec);
	size_t count;

	if (outer.family == family && selectors_cover(&spec->local, &outer))
		return outer;
	count = netlink_addresses(r->netlink, addresses, ADDRESSES_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct address *a = &addresses[i].address;

		if (a->family == family && selectors_cover(&spec->local, a))
			return *a;
	}
	return (struct address){ 0 };
}

static int use_range(
	struct routes *r, uint64_t owner, const struct selector *s, struct netlink_route how)
{
	struct prefix prefixes[PREFIXES_MAX];
	size_t count = prefixes_of_range(&s->first, &s->last, prefixes);

	for (size_t i = 0; i < count; i++) {
		int problem;

		how.to = prefixes[i];
		problem = route_use(r, owner, &how);
		if (problem)
			return problem;
	}
	return 0;
}

/* A local range that lies within a remote one, and isn't all of it, stays local. */
static bool needs_exemption(const struct selector *local, const struct selectors *remote)
{
	for (size_t i = 0; i < remote->count; i++) {
		const struct selector *s = &remote->list[i];

		if (s->family == local->family && address_compare(&s->first, &local->first) <= 0 &&
			address_compare(&local->last, &s->last) <= 0 &&
			!(address_equal(&s->first, &local->first) &&
				address_equal(&s->last, &local->last)))
			return true;
	}
	return false;
}

static struct netlink_route throw_in(uint32_t table)
{
	return (struct netlink_route){ .table = table, .metric = METRIC_THROW, .type = RTN_THROW };
}

static int use_all(struct routes *r, uint64_t owner, const struct child_spec *spec)
{
	bool ports = port_rules_concern(spec);
	uint32_t table = ports ? r->options.table_ports : r->options.table;
	int failed = ports ? port_rules_add(r->ports, owner, spec) : 0;

	if (failed)
		return failed;
	for (size_t i = 0; i < spec->remote.count; i++) {
		const struct selector *s = &spec->remote.list[i];
		const struct netlink_route how = {
			.table = table,
			.metric = METRIC_TUNNEL,
			.type = RTN_UNICAST,
			.interface = r->options.interface,
			.source = preferred_source(r, spec, s->family),
		};
		int problem = use_range(r, owner, s, how);

		if (problem)
			return problem;
	}
	for (size_t i = 0; i < spec->local.count; i++) {
		const struct netlink_route how = throw_in(table);
		int problem = needs_exemption(&spec->local.list[i], &spec->remote)
			? use_range(r, owner, &spec->local.list[i], how)
			: 0;

		if (problem)
			return problem;
	}
	return 0;
}

#define OWNER_TRAP (1ull << 32)
#define OWNER_NONE (1ull << 33) /* what an owner had before */
#define OWNER_LAN  (1ull << 34) /* of what is excluded */

uint64_t route_owner(const struct child_spec *spec)
{
	return spec->child_id ? spec->child_id : OWNER_TRAP | spec->reqid;
}

/* What an owner had stays until what it is to have is there. */
static void set_aside(struct routes *r, uint64_t owner)
{
	for (struct route_use *use = r->uses; use; use = use->next) {
		if (use->owner == owner)
			use->owner = OWNER_NONE;
	}
	port_rules_rename(r->ports, owner, OWNER_NONE);
}

int routes_add(struct routes *r, uint64_t owner, const struct child_spec *spec, char *problem,
	size_t problem_size)
{
	int failed;

	if (!r->options.install)
		return 0;
	set_aside(r, owner);
	failed = use_all(r, owner, spec);
	routes_remove(r, OWNER_NONE);
	if (failed == 0)
		return 0;
	routes_remove(r, owner);
	snprintf(problem, problem_size, "routes of %s: %s", spec->name ? spec->name : "the child",
		strerror(-failed));
	return failed;
}

/* All that rules lead there goes into the device. */
static int use_drop_table(struct routes *r, uint64_t owner, uint8_t family)
{
	struct netlink_route how = { .table = r->options.table_drop,
		.metric = METRIC_TUNNEL,
		.type = RTN_UNICAST,
		.interface = r->options.interface };

	how.to.address.family = family;
	return route_use(r, owner, &how);
}

/* A kernel without IPv6 has nothing to shunt of it. */
static bool lacks_family(uint8_t family, int problem)
{
	return family == 6 && (problem == -EAFNOSUPPORT || problem == -EOPNOTSUPP);
}

static int use_rules(struct routes *r, uint64_t owner, const struct netlink_rule *rules, int count)
{
	for (int i = 0; i < count; i++) {
		int problem = rules[i].table ? use_drop_table(r, owner, rules[i].family) : 0;

		if (!problem)
			problem = port_rules_use(r->ports, owner, &rules[i]);
		if (problem && !lacks_family(rules[i].family, problem))
			return problem;
	}
	return 0;
}

int routes_shunt(struct routes *r, const struct child_spec *spec, bool exact, char *problem,
	size_t problem_size)
{
	struct netlink_rule rules[SHUNT_RULES_MAX];
	uint64_t owner = route_owner(spec);
	int count, failed;

	if (!r->options.install || (!exact && spec->mode == CHILD_DROP))
		return 0;
	set_aside(r, owner);
	count = shunt_rules_of(spec, &r->options, rules, problem, problem_size);
	failed = count < 0 ? 0 : use_rules(r, owner, rules, count);
	routes_remove(r, OWNER_NONE);
	if (count < 0)
		return exact ? count : 0;
	if (failed) {
		routes_remove(r, owner);
		snprintf(
			problem, problem_size, "routing rules of the shunt: %s", strerror(-failed));
	}
	return failed;
}

void routes_remove(struct routes *r, uint64_t owner)
{
	port_rules_remove(r->ports, owner);
	for (struct route_use **at = &r->uses; *at;) {
		struct route_use *use = *at;

		if (use->owner != owner) {
			at = &use->next;
			continue;
		}
		*at = use->next;
		route_leave(r, use->route);
		free(use);
	}
}

int routes_exclude(
	struct routes *r, const struct selectors *what, char *problem, size_t problem_size)
{
	int failed = 0;

	for (size_t i = 0; r->options.install && i < what->count && !failed; i++)
		failed = use_range(r, OWNER_LAN, &what->list[i], throw_in(r->options.table));
	if (failed)
		snprintf(problem, problem_size, "routes around the tunnel: %s", strerror(-failed));
	return failed;
}

/* One use of a prefix goes. */
static void exclude_less(struct routes *r, const struct prefix *prefix)
{
	for (struct route_use **at = &r->uses; *at; at = &(*at)->next) {
		struct route_use *use = *at;

		if (use->owner != OWNER_LAN || !prefix_equal(&use->route->how.to, prefix))
			continue;
		*at = use->next;
		route_leave(r, use->route);
		free(use);
		return;
	}
}

void routes_include(struct routes *r, const struct selectors *what)
{
	struct prefix prefixes[PREFIXES_MAX];

	for (size_t i = 0; i < what->count; i++) {
		size_t count =
			prefixes_of_range(&what->list[i].first, &what->list[i].last, prefixes);

		for (size_t k = 0; k < count; k++)
			exclude_less(r, &prefixes[k]);
	}
}
