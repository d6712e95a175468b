/* The path of an SA that stands. It stays where it is as long as that works: the address is still on
 * the interface that packets to the peer leave by, and the link has a carrier. Else the kernel's choice
 * to the same address of the peer comes first, then our other addresses, then the peer's. */
#include "host/path.h"

#include <stdio.h>
#include <string.h>

struct ours {
	size_t count;
	struct netlink_address list[PATH_OURS_MAX];
};

/* A name in local_addrs stands for addresses that change as well, so it allows any. */
static bool allows(const struct connection *c, const struct address *a)
{
	for (size_t i = 0; i < c->local_addrs.count; i++) {
		const struct host_pattern *p = &c->local_addrs.list[i];

		if (p->kind == HOST_ANY || p->kind == HOST_NAME ||
			(p->first.family == a->family && address_compare(&p->first, a) <= 0 &&
				address_compare(a, &p->last) <= 0))
			return true;
	}
	return c->local_addrs.count == 0;
}

/* Without those on our own device and on links without a carrier: the kernel keeps them there. */
static void look_at_ours(struct path_finder *f)
{
	struct netlink_address all[PATH_OURS_MAX];
	size_t count;

	if (f->ours_at && f->ours_at == uv_now(f->loop))
		return;
	count = netlink_addresses(f->netlink, all, PATH_OURS_MAX);
	f->ours_count = 0;
	for (size_t i = 0; i < count; i++)
		if (all[i].interface != f->interface &&
			netlink_link_up(f->netlink, all[i].interface))
			f->ours[f->ours_count++] = all[i];
	f->ours_at = uv_now(f->loop);
}

static void find_ours(struct path_finder *f, const struct connection *c, struct ours *ret)
{
	look_at_ours(f);
	ret->count = 0;
	for (size_t i = 0; i < f->ours_count; i++)
		if (allows(c, &f->ours[i].address))
			ret->list[ret->count++] = f->ours[i];
}

static const struct netlink_address *find(const struct ours *ours, const struct address *a)
{
	for (size_t i = 0; i < ours->count; i++)
		if (address_equal(&ours->list[i].address, a))
			return &ours->list[i];

	return NULL;
}

/* An address whose packets would leave by another interface than its own works only if it is one of
 * the host as such, on lo. */
static bool works(
	struct path_finder *f, const struct netlink_address *from, const struct address *to)
{
	struct netlink_way way;

	return from && from->address.family == to->family &&
		netlink_lookup(f->netlink, to, &from->address, f->mark, &way) == 0 &&
		netlink_link_up(f->netlink, way.interface) &&
		(way.interface == from->interface || from->interface == NETLINK_LOOPBACK);
}

static bool find_to(struct path_finder *f, const struct ours *ours, const struct address *to,
	struct address *ret_source)
{
	const struct address none = { 0 };
	struct netlink_way way;

	if (netlink_lookup(f->netlink, to, &none, f->mark, &way) == 0 &&
		netlink_link_up(f->netlink, way.interface) && find(ours, &way.source)) {
		*ret_source = way.source;
		return true;
	}
	for (size_t i = 0; i < ours->count; i++) {
		if (works(f, &ours->list[i], to)) {
			*ret_source = ours->list[i].address;
			return true;
		}
	}
	return false;
}

static bool choose(struct path_finder *f, const struct ike_question *q, const struct ours *ours,
	struct ike_path *path)
{
	*path = *q->current;
	if (works(f, find(ours, &path->local.address), &path->remote.address) ||
		find_to(f, ours, &path->remote.address, &path->local.address))
		return true;
	for (size_t i = 0; i < q->peer_count; i++) {
		path->remote.address = q->peers[i];
		if (find_to(f, ours, &q->peers[i], &path->local.address))
			return true;
	}
	return false;
}

static void add_others(const struct ours *ours, struct ike_answer *answer)
{
	for (size_t i = 0; i < ours->count && answer->address_count < IKE_ADDRESSES_MAX; i++)
		if (!address_equal(&ours->list[i].address, &answer->path.local.address))
			answer->addresses[answer->address_count++] = ours->list[i].address;
}

void path_others(struct path_finder *f, const struct connection *c, struct ike_answer *answer)
{
	struct ours ours;

	find_ours(f, c, &ours);
	add_others(&ours, answer);
}

void path_ask_current(struct path_finder *f, const struct ike_question *question)
{
	struct ike_answer answer = { .id = question->id };
	const struct connection *c = question->connection;
	char text[ADDRESS_TEXT_MAX];
	struct ours ours;

	find_ours(f, c, &ours);
	if (choose(f, question, &ours, &answer.path)) {
		answer.status = IKE_ANSWER_OK;
		add_others(&ours, &answer);
	} else {
		answer.status = IKE_ANSWER_NO;
		snprintf(answer.reason, sizeof(answer.reason),
			"no address that local_addrs of %s (%s:%u) allows has a route to %s",
			c->name, c->where.file ? c->where.file : "?", c->where.line,
			address_print(&question->current->remote.address, text));
	}
	f->answered(f->context, &answer);
}
