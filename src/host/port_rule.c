/* Transport mode protects some of what two hosts say to each other: an L2TP server has UDP from its port
 * 1701 protected, and is still asked for web pages in the clear, maybe from behind the same NAT. Its
 * routes would send all into the TUN device, where nothing fits the rest. So these have a table of their own,
 * to which rules lead for the protocol and the ports of the selectors. In tunnel mode there are none: what
 * is for a network behind a gateway has nowhere else to go. */
#include "host/port_rule.h"

#include <errno.h>
#include <stdlib.h>

struct port_rule {
	struct netlink_rule how;
	size_t users;
	struct port_rule *next;
};

struct port_use {
	uint64_t owner;
	struct port_rule *rule;
	struct port_use *next;
};

struct port_rules {
	struct netlink *netlink;
	struct netlink_rule like;
	struct port_rule *all;
	struct port_use *uses;
};

struct port_rules *port_rules_new(struct netlink *n, const struct netlink_rule *like)
{
	struct port_rules *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->netlink = n;
	r->like = *like;
	return r;
}

static void leave(struct port_rules *r, struct port_use **at)
{
	struct port_use *use = *at;
	struct port_rule **link = &r->all;

	*at = use->next;
	if (--use->rule->users == 0) {
		while (*link != use->rule)
			link = &(*link)->next;
		*link = use->rule->next;
		(void)netlink_rule_remove(r->netlink, &use->rule->how);
		free(use->rule);
	}
	free(use);
}

void port_rules_free(struct port_rules *r)
{
	while (r && r->uses)
		leave(r, &r->uses);
	free(r);
}

/* What a rule can't say, it says without: more goes to the device, and is dropped there. */
static struct netlink_ports ports_of(const struct selector *s)
{
	if (!s->protocol || !s->port_first || s->port_first > s->port_last ||
		s->port_last == UINT16_MAX)
		return (struct netlink_ports){ 0 };
	return (struct netlink_ports){ s->port_first, s->port_last };
}

bool port_rule_has_ports(uint8_t protocol)
{
	return protocol == 6 || protocol == 17 || protocol == 33 || protocol == 132;
}

/* The ports of a peer that shares its address may be made up: see esp/track.c. */
static struct netlink_rule rule_of(const struct port_rules *r, const struct selector *local,
	const struct selector *remote, bool any_port)
{
	struct netlink_rule rule = r->like;

	rule.family = remote->family;
	rule.protocol = local->protocol ? local->protocol : remote->protocol;
	if (port_rule_has_ports(rule.protocol)) {
		rule.source = ports_of(local);
		if (!any_port)
			rule.destination = ports_of(remote);
	}
	return rule;
}

bool port_rules_concern(const struct child_spec *spec)
{
	bool local = true, remote = true;

	for (size_t i = 0; i < spec->local.count; i++)
		local = local && spec->local.list[i].protocol;
	for (size_t i = 0; i < spec->remote.count; i++)
		remote = remote && spec->remote.list[i].protocol;
	return spec->mode == CHILD_TRANSPORT && (local || remote);
}

static struct port_rule *rule_find(struct port_rules *r, const struct netlink_rule *how)
{
	for (struct port_rule *rule = r->all; rule; rule = rule->next)
		if (netlink_rule_equal(&rule->how, how))
			return rule;

	return NULL;
}

static int rule_make(
	struct port_rules *r, const struct netlink_rule *how, struct port_rule **ret_rule)
{
	struct port_rule *rule = calloc(1, sizeof(*rule));
	int problem = rule ? netlink_rule_add(r->netlink, how) : -ENOMEM;

	if (problem) {
		free(rule);
		return problem;
	}
	rule->how = *how;
	rule->next = r->all;
	r->all = rule;
	*ret_rule = rule;
	return 0;
}

int port_rules_use(struct port_rules *r, uint64_t owner, const struct netlink_rule *how)
{
	struct port_use *use = calloc(1, sizeof(*use));
	struct port_rule *rule = rule_find(r, how);
	int problem = use ? 0 : -ENOMEM;

	if (!problem && !rule)
		problem = rule_make(r, how, &rule);
	if (problem) {
		free(use);
		return problem;
	}
	rule->users++;
	*use = (struct port_use){ .owner = owner, .rule = rule, .next = r->uses };
	r->uses = use;
	return 0;
}

int port_rules_add(struct port_rules *r, uint64_t owner, const struct child_spec *spec)
{
	for (size_t i = 0; i < spec->local.count; i++) {
		for (size_t j = 0; j < spec->remote.count; j++) {
			const struct selector *local = &spec->local.list[i],
					      *remote = &spec->remote.list[j];
			struct netlink_rule how = rule_of(r, local, remote, spec->peer_nat);
			int problem = local->family == remote->family
				? port_rules_use(r, owner, &how)
				: 0;

			if (problem)
				return problem;
		}
	}
	return 0;
}

void port_rules_rename(struct port_rules *r, uint64_t owner, uint64_t to)
{
	for (struct port_use *use = r->uses; use; use = use->next)
		if (use->owner == owner)
			use->owner = to;
}

void port_rules_remove(struct port_rules *r, uint64_t owner)
{
	for (struct port_use **at = &r->uses; *at;) {
		if ((*at)->owner == owner)
			leave(r, at);
		else
			at = &(*at)->next;
	}
}
