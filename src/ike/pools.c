/* The engine's pools: loaded, unloaded, looked at. */
#include <stdio.h>

#include "ike/v2/configuration.h"

static struct pool **pools_link(struct ike_engine *e, const char *name)
{
	struct pool **link = &e->pools;

	while (*link && strcmp((*link)->config->name, name) != 0)
		link = &(*link)->next;
	return link;
}

struct pool *pools_find(const struct ike_engine *e, const char *name)
{
	for (struct pool *p = e->pools; p; p = p->next)
		if (strcmp(p->config->name, name) == 0)
			return p;

	return NULL;
}

static bool in_use(const struct pool *p, char *why, size_t why_size)
{
	if (p->online)
		snprintf(why, why_size, "pool %s has %zu lease%s online: end their IKE SAs first",
			p->config->name, p->online, p->online == 1 ? "" : "s");
	return p->online != 0;
}

static bool overlaps(
	const struct ike_engine *e, const struct pool_config *config, char *why, size_t why_size)
{
	for (const struct pool *p = e->pools; p; p = p->next) {
		if (strcmp(p->config->name, config->name) == 0 ||
			!pool_configs_overlap(p->config, config))
			continue;
		snprintf(why, why_size,
			"pool %s (%s, %s:%u) overlaps pool %s (%s, %s:%u): make them disjoint",
			config->name, config->addrs, config->where.file, config->where.line,
			p->config->name, p->config->addrs, p->config->where.file,
			p->config->where.line);
		return true;
	}
	return false;
}

bool pools_load(struct ike_engine *e, const struct pool_config *config, char *why, size_t why_size)
{
	struct pool **link = pools_link(e, config->name), *old = *link, *made;

	if (overlaps(e, config, why, why_size))
		return false;
	if (old && pool_same_range(old, config)) {
		pool_reconfigure(old, config);
		return true;
	}
	if (old && in_use(old, why, why_size))
		return false;
	made = pool_new(config, &e->options.random, e->options.leases_max);
	if (!made) {
		snprintf(why, why_size, "out of memory");
		return false;
	}
	made->next = old ? old->next : NULL;
	*link = made;
	pool_free(old);
	return true;
}

bool pools_unload(struct ike_engine *e, const char *name, char *why, size_t why_size)
{
	struct pool **link = pools_link(e, name ? name : ""), *p = *link;

	if (!p) {
		snprintf(why, why_size, "no pool '%s' is loaded", name ? name : "");
		return false;
	}
	if (in_use(p, why, why_size))
		return false;
	*link = p->next;
	pool_free(p);
	return true;
}

void pools_free(struct ike_engine *e)
{
	while (e->pools) {
		struct pool *p = e->pools;

		e->pools = p->next;
		pool_free(p);
	}
}

/* A position is the address of the last one seen, as in view.c. */
bool ike_next_pool(const struct ike_engine *e, size_t *position, struct ike_pool_view *ret_view)
{
	const struct pool *last = (const struct pool *)(uintptr_t)*position;
	const struct pool *p = last ? last->next : e->pools;

	if (!p)
		return false;
	*position = (size_t)(uintptr_t)p;
	*ret_view = (struct ike_pool_view){ .config = p->config,
		.size = p->config->size,
		.online = p->online,
		.offline = p->count - p->online };
	return true;
}

bool ike_next_lease(const struct ike_engine *e, const char *pool, size_t *position,
	struct ike_lease_view *ret_view)
{
	const struct lease *last = (const struct lease *)(uintptr_t)*position;
	const struct pool *p = last ? last->pool : pools_find(e, pool);
	const struct lease *l = last ? TAILQ_NEXT(last, in_pool) : p ? TAILQ_FIRST(&p->all) : NULL;

	if (!l)
		return false;
	*position = (size_t)(uintptr_t)l;
	*ret_view = (struct ike_lease_view){
		.address = l->address, .id = l->owner->id, .online = l->users != 0
	};
	return true;
}
