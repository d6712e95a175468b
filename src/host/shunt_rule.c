/* What a shunt passes has to be kept away from our device: once there, it can't go on in the clear. Rules
 * before that of our table name its packets in full and go on behind ours (FR_ACT_GOTO), wherever the
 * host's routes then lead. What a shunt drops is led into the device by rules behind ours, where it is
 * dropped and counted; tunnels' routes come first, as do their policies. A rule that said less than the
 * selectors would let packets out in the clear or cut off others, so that what can't be said is refused. */
#include "host/shunt_rule.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <stdio.h>

#include "host/port_rule.h"
#include "wire/prefix.h"

/* Places around the rule of our table. */
enum { BEFORE = -1, BEHIND = 1, LANDING = 2 };

struct rules {
	struct netlink_rule *out;
	size_t count;
	const char *problem;
};

/* Rules have ports from 1 to 65534. */
static bool ports_of(const struct selector *s, struct netlink_ports *ret_ports)
{
	*ret_ports = (struct netlink_ports){ 0 };
	if (!s->protocol || (s->port_first == 0 && s->port_last == UINT16_MAX))
		return true;
	*ret_ports = (struct netlink_ports){ s->port_first, s->port_last };
	return port_rule_has_ports(s->protocol) && s->port_first && s->port_first <= s->port_last &&
		s->port_last != UINT16_MAX;
}

static int add(struct rules *r, const struct netlink_rule *rule)
{
	if (r->count == SHUNT_RULES_MAX) {
		r->problem = "too many routing rules for these ranges of addresses: write subnets";
		return -E2BIG;
	}
	r->out[r->count++] = *rule;
	return 0;
}

static int add_pair(struct rules *r, const struct netlink_rule *like, const struct selector *local,
	const struct selector *remote)
{
	struct prefix from[PREFIXES_MAX], to[PREFIXES_MAX];
	size_t from_count = prefixes_of_range(&local->first, &local->last, from);
	size_t to_count = prefixes_of_range(&remote->first, &remote->last, to);
	struct netlink_rule rule = *like;
	int failed = 0;

	rule.family = local->family;
	rule.protocol = local->protocol ? local->protocol : remote->protocol;
	if (!ports_of(local, &rule.source) || !ports_of(remote, &rule.destination)) {
		r->problem =
			"routing rules can't say these ports (0, 65535 as the end of a range, OPAQUE, types of ICMP)";
		return -ENOTSUP;
	}
	for (size_t i = 0; i < from_count && !failed; i++) {
		for (size_t j = 0; j < to_count && !failed; j++) {
			rule.from = from[i];
			rule.to = to[j];
			failed = add(r, &rule);
		}
	}
	return failed;
}

static bool has_family(const struct selectors *s, uint8_t family)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].family == family)
			return true;
	return false;
}

static struct netlink_rule rule_like(const struct child_spec *spec, const struct route_options *o)
{
	if (spec->mode == CHILD_DROP)
		return (struct netlink_rule){
			.table = o->table_drop, .priority = o->priority + BEHIND, .mark = o->mark
		};
	return (struct netlink_rule){ .action = FR_ACT_GOTO,
		.priority = o->priority + BEFORE,
		.go_to = o->priority + LANDING };
}

static int add_all(struct rules *r, const struct child_spec *spec, const struct route_options *o)
{
	const struct netlink_rule like = rule_like(spec, o);
	struct netlink_rule landing = { .action = FR_ACT_NOP, .priority = o->priority + LANDING };
	int failed = 0;

	for (uint8_t family = 4; family <= 6 && like.go_to && !failed; family += 2) {
		landing.family = family;
		if (has_family(&spec->local, family) && has_family(&spec->remote, family))
			failed = add(r, &landing);
	}
	for (size_t i = 0; i < spec->local.count && !failed; i++) {
		for (size_t j = 0; j < spec->remote.count && !failed; j++) {
			const struct selector *a = &spec->local.list[i], *b = &spec->remote.list[j];

			if (selectors_agree(a, b))
				failed = add_pair(r, &like, a, b);
		}
	}
	return failed;
}

int shunt_rules_of(const struct child_spec *spec, const struct route_options *options,
	struct netlink_rule out[static SHUNT_RULES_MAX], char *problem, size_t problem_size)
{
	struct rules r = { .out = out };
	int failed = add_all(&r, spec, options);

	if (!failed && spec->mode == CHILD_PASS && spec->priority) {
		r.problem =
			"routing rules come before all tunnels: leave 'priority' out, or let the kernel carry ESP (data_plane = kernel)";
		failed = -ENOTSUP;
	}
	if (failed)
		snprintf(problem, problem_size, "%s", r.problem);
	return failed ? failed : (int)r.count;
}
