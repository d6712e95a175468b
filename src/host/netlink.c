/* rtnetlink: one request at a time and its answer, all over one socket. */
#include "host/netlink.h"

#include <assert.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define REQUEST_BYTES 512
#define ANSWER_BYTES  32768

struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
	uint8_t request[REQUEST_BYTES];
	uint8_t answer[ANSWER_BYTES];
};

struct netlink *netlink_open(void)
{
	struct netlink *n = calloc(1, sizeof(*n));
	int on = 1;

	if (!n)
		return NULL;
	n->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!n->socket || mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		netlink_close(n);
		return NULL;
	}
	n->sequence = (uint32_t)time(NULL);
	/* The kernel then filters dumps by table for us; without it we filter ourselves as well. */
	(void)mnl_socket_setsockopt(n->socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return n;
}

void netlink_close(struct netlink *n)
{
	if (n && n->socket)
		mnl_socket_close(n->socket);
	free(n);
}

static int af_of(uint8_t family)
{
	return family == 4 ? AF_INET : AF_INET6;
}

static struct nlmsghdr *request_begin(struct netlink *n, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(n->request);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = ++n->sequence;
	return h;
}

static bool put_u32(struct nlmsghdr *h, uint16_t type, uint32_t value)
{
	return mnl_attr_put_u32_check(h, REQUEST_BYTES, type, value);
}

static bool put_address(struct nlmsghdr *h, uint16_t type, const struct address *a)
{
	return mnl_attr_put_check(h, REQUEST_BYTES, type, address_size(a), a->octets);
}

/* Sends what was begun and gives each message of the answer to `each`. `built`: whether all
 * attributes fitted. */
static int request_run(
	struct netlink *n, const struct nlmsghdr *h, bool built, mnl_cb_t each, void *context)
{
	unsigned port = mnl_socket_get_portid(n->socket);
	int r;

	if (!built)
		return -ENOBUFS;
	if (mnl_socket_sendto(n->socket, h, h->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t size = mnl_socket_recvfrom(n->socket, n->answer, sizeof(n->answer));

		if (size < 0 && errno == EINTR) {
			r = MNL_CB_OK;
			continue;
		}
		if (size < 0)
			return -errno;
		r = mnl_cb_run(n->answer, (size_t)size, h->nlmsg_seq, port, each, context);
	} while (r > MNL_CB_STOP);
	return r < 0 ? -errno : 0;
}

/* Routes. */

static int route_run(
	struct netlink *n, uint16_t type, uint16_t flags, const struct netlink_route *route)
{
	struct nlmsghdr *h = request_begin(n, type, NLM_F_ACK | flags);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	bool built = true;

	m->rtm_family = (uint8_t)af_of(route->to.address.family);
	m->rtm_dst_len = route->to.bits;
	m->rtm_table = RT_TABLE_UNSPEC;
	m->rtm_protocol = NETLINK_PROTOCOL_TERN;
	m->rtm_type = route->type;
	m->rtm_scope = route->type == RTN_UNICAST && route->to.address.family == 4
		? RT_SCOPE_LINK
		: RT_SCOPE_UNIVERSE;
	built &= put_u32(h, RTA_TABLE, route->table);
	built &= put_address(h, RTA_DST, &route->to.address);
	built &= put_u32(h, RTA_PRIORITY, route->metric);
	if (route->type == RTN_UNICAST)
		built &= put_u32(h, RTA_OIF, route->interface);
	if (address_size(&route->source))
		built &= put_address(h, RTA_PREFSRC, &route->source);
	return request_run(n, h, built, NULL, NULL);
}

int netlink_route_add(struct netlink *n, const struct netlink_route *route)
{
	return route_run(n, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, route);
}

int netlink_route_remove(struct netlink *n, const struct netlink_route *route)
{
	return route_run(n, RTM_DELROUTE, 0, route);
}

/* Rules. */

static bool put_ports(struct nlmsghdr *h, uint16_t type, const struct netlink_ports *ports)
{
	const struct fib_rule_port_range range = { .start = ports->first, .end = ports->last };

	return !ports->first || mnl_attr_put_check(h, REQUEST_BYTES, type, sizeof(range), &range);
}

/* A rule of all packets says "not those with the mark"; that would turn round the ports as well, so one
 * with a protocol says "those without any bit of the mark". */
static int rule_run(
	struct netlink *n, uint16_t type, uint16_t flags, const struct netlink_rule *rule)
{
	struct nlmsghdr *h = request_begin(n, type, NLM_F_ACK | flags);
	struct fib_rule_hdr *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	bool selective = rule->protocol || rule->from.bits || rule->to.bits || rule->action;
	bool built = true;

	m->family = (uint8_t)af_of(rule->family);
	m->action = rule->action ? rule->action : FR_ACT_TO_TBL;
	m->flags = selective ? 0 : FIB_RULE_INVERT;
	m->src_len = rule->from.bits;
	m->dst_len = rule->to.bits;
	if (rule->table)
		built &= put_u32(h, FRA_TABLE, rule->table);
	if (rule->go_to)
		built &= put_u32(h, FRA_GOTO, rule->go_to);
	if (rule->from.bits)
		built &= put_address(h, FRA_SRC, &rule->from.address);
	if (rule->to.bits)
		built &= put_address(h, FRA_DST, &rule->to.address);
	built &= put_u32(h, FRA_PRIORITY, rule->priority);
	if (rule->mark) {
		built &= put_u32(h, FRA_FWMARK, selective ? 0 : rule->mark);
		built &= put_u32(h, FRA_FWMASK, selective ? rule->mark : UINT32_MAX);
	}
	built &= mnl_attr_put_u8_check(h, REQUEST_BYTES, FRA_PROTOCOL, NETLINK_PROTOCOL_TERN);
	if (rule->protocol)
		built &= mnl_attr_put_u8_check(h, REQUEST_BYTES, FRA_IP_PROTO, rule->protocol);
	built &= put_ports(h, FRA_SPORT_RANGE, &rule->source);
	built &= put_ports(h, FRA_DPORT_RANGE, &rule->destination);
	return request_run(n, h, built, NULL, NULL);
}

int netlink_rule_add(struct netlink *n, const struct netlink_rule *rule)
{
	return rule_run(n, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
}

int netlink_rule_remove(struct netlink *n, const struct netlink_rule *rule)
{
	return rule_run(n, RTM_DELRULE, 0, rule);
}

static bool ports_equal(const struct netlink_ports *a, const struct netlink_ports *b)
{
	return a->first == b->first && a->last == b->last;
}

bool netlink_rule_equal(const struct netlink_rule *a, const struct netlink_rule *b)
{
	return a->family == b->family && a->table == b->table && a->priority == b->priority &&
		a->mark == b->mark && a->protocol == b->protocol && a->action == b->action &&
		a->go_to == b->go_to && ports_equal(&a->source, &b->source) &&
		ports_equal(&a->destination, &b->destination) && prefix_equal(&a->from, &b->from) &&
		prefix_equal(&a->to, &b->to);
}

/* Cleaning: a dump gathers copies of what is ours, each of which is then sent back as its own
 * deletion. */

#define LEFTOVERS_MAX 4096

struct leftovers {
	uint32_t table; /* of routes; rules are ours by their protocol alone */
	size_t count;
	struct nlmsghdr *list[LEFTOVERS_MAX];
};

static int leftover_keep(struct leftovers *l, const struct nlmsghdr *h)
{
	if (l->count < LEFTOVERS_MAX && h->nlmsg_len <= ANSWER_BYTES) {
		struct nlmsghdr *copy = malloc(h->nlmsg_len);

		if (copy) {
			memcpy(copy, h, h->nlmsg_len);
			l->list[l->count++] = copy;
		}
	}
	return MNL_CB_OK;
}

static int leftover_route(const struct nlmsghdr *h, void *context)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	struct leftovers *l = context;
	uint32_t table = m->rtm_table;
	const struct nlattr *a;

	mnl_attr_for_each(a, h, sizeof(*m))
	{
		if (mnl_attr_get_type(a) == RTA_TABLE && mnl_attr_validate(a, MNL_TYPE_U32) == 0)
			table = mnl_attr_get_u32(a);
	}
	if (h->nlmsg_type != RTM_NEWROUTE || m->rtm_protocol != NETLINK_PROTOCOL_TERN ||
		table != l->table)
		return MNL_CB_OK;
	return leftover_keep(l, h);
}

static int leftover_rule(const struct nlmsghdr *h, void *context)
{
	const struct nlattr *a;

	if (h->nlmsg_type != RTM_NEWRULE)
		return MNL_CB_OK;
	mnl_attr_for_each(a, h, sizeof(struct fib_rule_hdr))
	{
		if (mnl_attr_get_type(a) == FRA_PROTOCOL &&
			mnl_attr_validate(a, MNL_TYPE_U8) == 0 &&
			mnl_attr_get_u8(a) == NETLINK_PROTOCOL_TERN)
			return leftover_keep(context, h);
	}
	return MNL_CB_OK;
}

/* What a dump says and a deletion must not: attributes that the kernel reports only. */
static bool attribute_identifies(uint16_t type, bool rule)
{
	return rule
		? type == FRA_TABLE || type == FRA_PRIORITY || type == FRA_FWMARK ||
			type == FRA_FWMASK || type == FRA_PROTOCOL || type == FRA_IP_PROTO ||
			type == FRA_SPORT_RANGE || type == FRA_DPORT_RANGE || type == FRA_SRC ||
			type == FRA_DST || type == FRA_GOTO
		: type == RTA_TABLE || type == RTA_DST || type == RTA_PRIORITY || type == RTA_OIF;
}

static_assert(sizeof(struct rtmsg) == sizeof(struct fib_rule_hdr), "one header size serves both");

static int leftover_delete(struct netlink *n, const struct nlmsghdr *found, bool rule)
{
	struct nlmsghdr *h = request_begin(n, rule ? RTM_DELRULE : RTM_DELROUTE, NLM_F_ACK);
	size_t header = sizeof(struct rtmsg);
	const struct nlattr *a;
	bool built = true;

	memcpy(mnl_nlmsg_put_extra_header(h, header), mnl_nlmsg_get_payload(found), header);
	mnl_attr_for_each(a, found, header)
	{
		if (attribute_identifies(mnl_attr_get_type(a), rule))
			built &= mnl_attr_put_check(h, REQUEST_BYTES, mnl_attr_get_type(a),
				mnl_attr_get_payload_len(a), mnl_attr_get_payload(a));
	}
	return request_run(n, h, built, NULL, NULL);
}

static size_t clean_family(struct netlink *n, uint32_t table, uint8_t family, bool rule)
{
	struct nlmsghdr *h = request_begin(n, rule ? RTM_GETRULE : RTM_GETROUTE, NLM_F_DUMP);
	struct leftovers *l = calloc(1, sizeof(*l));
	size_t removed = 0;
	bool built = true;

	if (!l)
		return 0;
	l->table = table;
	if (rule) {
		struct fib_rule_hdr *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

		m->family = (uint8_t)af_of(family);
	} else {
		struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

		m->rtm_family = (uint8_t)af_of(family);
		built = put_u32(h, RTA_TABLE, table);
	}
	(void)request_run(n, h, built, rule ? leftover_rule : leftover_route, l);

	for (size_t i = 0; i < l->count; i++) {
		removed += leftover_delete(n, l->list[i], rule) == 0;
		free(l->list[i]);
	}
	free(l);
	return removed;
}

size_t netlink_clean(struct netlink *n, uint32_t table)
{
	size_t removed = 0;

	for (uint8_t family = 4; family <= 6; family += 2) {
		removed += clean_family(n, table, family, true);
		removed += clean_family(n, table, family, false);
	}
	return removed;
}

/* Looking up. */

static int way_read(const struct nlmsghdr *h, void *context)
{
	struct netlink_way *way = context;
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	const struct nlattr *a, *metric;

	if (h->nlmsg_type != RTM_NEWROUTE)
		return MNL_CB_OK;
	if (m->rtm_type != RTN_UNICAST && m->rtm_type != RTN_LOCAL) {
		errno = ENETUNREACH;
		return MNL_CB_ERROR;
	}
	mnl_attr_for_each(a, h, sizeof(*m))
	{
		switch (mnl_attr_get_type(a)) {
		case RTA_PREFSRC:
			way->source = address_from(
				BYTES(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a)));
			break;
		case RTA_OIF:
			way->interface = mnl_attr_get_u32(a);
			break;
		case RTA_METRICS:
			mnl_attr_for_each_nested(metric, a)
			{
				if (mnl_attr_get_type(metric) == RTAX_MTU)
					way->mtu = mnl_attr_get_u32(metric);
			}
			break;
		}
	}
	return MNL_CB_OK;
}

int netlink_lookup(struct netlink *n, const struct address *to, const struct address *from,
	uint32_t mark, struct netlink_way *ret_way)
{
	struct nlmsghdr *h = request_begin(n, RTM_GETROUTE, NLM_F_ACK);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	struct netlink_way way = { 0 };
	bool built = true;
	int r;

	m->rtm_family = (uint8_t)af_of(to->family);
	m->rtm_dst_len = (uint8_t)(address_size(to) * 8);
	built &= put_address(h, RTA_DST, to);
	if (from->family == to->family && !address_is_any(from)) {
		m->rtm_src_len = m->rtm_dst_len;
		built &= put_address(h, RTA_SRC, from);
	}
	built &= put_u32(h, RTA_MARK, mark);
	r = request_run(n, h, built, way_read, &way);
	if (r)
		return r;
	/* IPv4 leaves out the source that was asked for. */
	if (way.source.family != to->family)
		way.source = *from;
	*ret_way = way;
	return 0;
}

/* Links. */

static int flags_read(const struct nlmsghdr *h, void *context)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(h);

	if (h->nlmsg_type == RTM_NEWLINK)
		*(unsigned *)context = m->ifi_flags;
	return MNL_CB_OK;
}

bool netlink_link_up(struct netlink *n, unsigned interface)
{
	struct nlmsghdr *h = request_begin(n, RTM_GETLINK, NLM_F_ACK);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	unsigned flags = 0;

	m->ifi_index = (int)interface;
	return request_run(n, h, true, flags_read, &flags) == 0 && flags & IFF_UP &&
		flags & IFF_RUNNING;
}

/* Addresses. */

/* No duplicate address detection: nobody else is on our device. */
static int address_run(struct netlink *n, uint16_t type, uint16_t flags, unsigned interface,
	const struct address *a)
{
	struct nlmsghdr *h = request_begin(n, type, NLM_F_ACK | flags);
	struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));
	bool built = true;

	m->ifa_family = (uint8_t)af_of(a->family);
	m->ifa_prefixlen = (uint8_t)(8 * address_size(a));
	m->ifa_flags = IFA_F_NODAD | IFA_F_PERMANENT;
	m->ifa_scope = RT_SCOPE_UNIVERSE;
	m->ifa_index = interface;
	built &= put_address(h, IFA_LOCAL, a);
	built &= put_address(h, IFA_ADDRESS, a);
	return request_run(n, h, built, NULL, NULL);
}

int netlink_address_add(struct netlink *n, unsigned interface, const struct address *a)
{
	return address_run(n, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, interface, a);
}

int netlink_address_remove(struct netlink *n, unsigned interface, const struct address *a)
{
	return address_run(n, RTM_DELADDR, 0, interface, a);
}

struct address_list {
	struct netlink_address *out;
	size_t max, count;
	bool secondary; /* which pass */
};

static int address_read(const struct nlmsghdr *h, void *context)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
	struct address_list *l = context;
	struct address found = { 0 };
	uint32_t flags = m->ifa_flags;
	const struct nlattr *a;
	bool lesser;

	if (h->nlmsg_type != RTM_NEWADDR ||
		(m->ifa_scope != RT_SCOPE_UNIVERSE && m->ifa_scope != RT_SCOPE_SITE))
		return MNL_CB_OK;
	mnl_attr_for_each(a, h, sizeof(*m))
	{
		uint16_t type = mnl_attr_get_type(a);

		if (type == IFA_FLAGS)
			flags = mnl_attr_get_u32(a);
		else if (type == IFA_LOCAL || (type == IFA_ADDRESS && !found.family))
			found = address_from(
				BYTES(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a)));
	}
	lesser = flags & (IFA_F_SECONDARY | IFA_F_DEPRECATED);
	if (!found.family || flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED) || lesser != l->secondary)
		return MNL_CB_OK;
	if (l->count < l->max)
		l->out[l->count++] = (struct netlink_address){ found, m->ifa_index };
	return MNL_CB_OK;
}

size_t netlink_addresses(struct netlink *n, struct netlink_address *out, size_t max)
{
	struct address_list l = { .out = out, .max = max };

	for (int pass = 0; pass < 2; pass++) {
		struct nlmsghdr *h = request_begin(n, RTM_GETADDR, NLM_F_DUMP);
		struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof(*m));

		l.secondary = pass;
		m->ifa_family = AF_UNSPEC;
		(void)request_run(n, h, true, address_read, &l);
	}
	return l.count;
}
