/* Virtual addresses that peers gave: each has as many users as there were operations for it. */
#include "sim/internal.h"

#include <stdio.h>

static struct sim_virtual *virtual_find(struct host *h, const struct address *a)
{
	struct sim_virtual *unused = NULL;

	for (size_t i = 0; i < HOST_VIRTUALS_MAX; i++) {
		struct sim_virtual *each = &h->virtuals[i];

		if (each->users && address_equal(&each->address, a))
			return each;
		if (!each->users && !unused)
			unused = each;
	}
	return unused;
}

void virtual_operate(struct host *h, const struct ike_operation *op)
{
	bool add = op->kind == IKE_OPERATE_ADDRESS_ADD;
	struct sim_unity *u = &h->unity;

	snprintf(u->domain, sizeof(u->domain), "%s", add ? op->virtual->domain : "");
	snprintf(u->split_dns, sizeof(u->split_dns), "%s", add ? op->virtual->split_dns : "");
	u->local_lan = (struct selectors){ 0 };
	if (add && op->virtual->local_lan)
		u->local_lan = *op->virtual->local_lan;
	for (size_t i = 0; i < op->virtual->address_count; i++) {
		const struct address *a = &op->virtual->addresses[i];
		struct sim_virtual *v = virtual_find(h, a);

		if (!v || (!add && !v->users)) {
			world_broken(
				h->world, "a virtual address too many, or one given back twice");
			return;
		}
		v->address = *a;
		v->since = v->users ? v->since : h->world->now;
		v->users += add ? 1u : -1u;
	}
}

size_t host_virtuals(const struct host *h)
{
	size_t count = 0;

	for (size_t i = 0; i < HOST_VIRTUALS_MAX; i++)
		count += h->virtuals[i].users > 0;
	return count;
}

ike_time host_virtual_since(const struct host *h, const struct address *a)
{
	for (size_t i = 0; i < HOST_VIRTUALS_MAX; i++)
		if (h->virtuals[i].users && address_equal(&h->virtuals[i].address, a))
			return h->virtuals[i].since;

	return 0;
}
