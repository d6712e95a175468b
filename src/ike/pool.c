#include "ike/pool.h"

#include <assert.h>
#include <stdlib.h>

struct pool *pool_new(
	const struct pool_config *config, const struct random_source *random, size_t leases_max)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	random_fill(random, p->seed, sizeof(p->seed));
	p->config = pool_config_hold(config);
	p->leases_max = leases_max;
	p->by_address = table_new(p->seed);
	p->by_owner = table_new(p->seed);
	TAILQ_INIT(&p->all);
	TAILQ_INIT(&p->idle);
	if (p->by_address && p->by_owner)
		return p;

	pool_free(p);
	return NULL;
}

/* Owners: found by a hash of their identity under the pool's own key, as an identity may be longer
 * than a table's key. Those with the same hash hang on one another. */

static uint64_t owner_hash(const struct pool *p, const struct id_payload *id)
{
	return siphash(p->seed, id->value) ^ id->type;
}

static bool same_id(const struct id_payload *a, const struct id_payload *b)
{
	return a->type == b->type && bytes_equal(a->value, b->value);
}

static struct lease_owner *owner_find(const struct pool *p, const struct id_payload *id)
{
	uint64_t hash = owner_hash(p, id);
	struct lease_owner *o = table_find(p->by_owner, BYTES(&hash, sizeof(hash)));

	while (o && !same_id(&o->id, id))
		o = o->same_hash;
	return o;
}

static struct lease_owner *owner_new(struct pool *p, const struct id_payload *id)
{
	uint64_t hash = owner_hash(p, id);
	struct bytes key = BYTES(&hash, sizeof(hash));
	struct lease_owner *first = table_find(p->by_owner, key), *o;

	o = calloc(1, sizeof(*o) + id->value.size);
	if (!o)
		return NULL;
	if (id->value.size)
		memcpy(o->octets, id->value.data, id->value.size);
	o->id = (struct id_payload){ id->type, BYTES(o->octets, id->value.size) };
	TAILQ_INIT(&o->leases);
	if (first) {
		o->same_hash = first->same_hash;
		first->same_hash = o;
	} else if (table_put(p->by_owner, key, o) < 0) {
		free(o);
		return NULL;
	}
	return o;
}

/* Forgets an owner without leases. */
static void owner_drop(struct pool *p, struct lease_owner *o)
{
	uint64_t hash = owner_hash(p, &o->id);
	struct bytes key = BYTES(&hash, sizeof(hash));
	struct lease_owner *first = table_find(p->by_owner, key);

	if (first != o) {
		while (first->same_hash != o)
			first = first->same_hash;
		first->same_hash = o->same_hash;
	} else {
		table_take(p->by_owner, key);
		if (o->same_hash && table_put(p->by_owner, key, o->same_hash) < 0)
			abort(); /* 64 bits collided while memory ran out */
	}
	free(o);
}

void pool_free(struct pool *p)
{
	struct lease *l;

	if (!p)
		return;
	while ((l = TAILQ_FIRST(&p->all))) {
		TAILQ_REMOVE(&p->all, l, in_pool);
		TAILQ_REMOVE(&l->owner->leases, l, in_owner);
		if (TAILQ_EMPTY(&l->owner->leases))
			owner_drop(p, l->owner);
		free(l);
	}
	table_free(p->by_address);
	table_free(p->by_owner);
	pool_config_release(p->config);
	free(p);
}

bool pool_same_range(const struct pool *p, const struct pool_config *config)
{
	return address_equal(&p->config->base, &config->base) &&
		address_equal(&p->config->last, &config->last);
}

void pool_reconfigure(struct pool *p, const struct pool_config *config)
{
	const struct pool_config *before = p->config;

	p->config = pool_config_hold(config);
	pool_config_release(before);
}

/* Addresses. */

static struct address address_at(const struct pool *p, uint64_t offset)
{
	struct address a = p->config->base;
	size_t i = address_size(&a);

	while (offset && i-- > 0) {
		offset += a.octets[i];
		a.octets[i] = (uint8_t)offset;
		offset >>= 8;
	}
	return a;
}

static bool in_range(const struct pool *p, const struct address *a)
{
	struct address end = address_at(p, p->config->size - 1);

	return a->family == end.family && address_compare(&p->config->base, a) <= 0 &&
		address_compare(a, &end) <= 0;
}

static struct lease *lease_at(const struct pool *p, const struct address *a)
{
	return table_find(p->by_address, address_bytes(a));
}

/* Leases. */

static void set_owner(struct lease *l, struct lease_owner *o)
{
	l->owner = o;
	TAILQ_INSERT_TAIL(&o->leases, l, in_owner);
}

static struct lease *lease_online(struct lease *l)
{
	struct pool *p = l->pool;

	assert(!l->users);
	TAILQ_REMOVE(&p->idle, l, in_idle);
	TAILQ_REMOVE(&l->owner->leases, l, in_owner);
	TAILQ_INSERT_TAIL(&l->owner->leases, l, in_owner);
	l->users = 1;
	p->online++;
	return l;
}

void lease_release(struct lease *l)
{
	struct pool *p = l->pool;

	assert(l->users);
	if (--l->users)
		return;
	l->holder = NULL;
	p->online--;
	TAILQ_INSERT_TAIL(&p->idle, l, in_idle);
	TAILQ_REMOVE(&l->owner->leases, l, in_owner);
	TAILQ_INSERT_HEAD(&l->owner->leases, l, in_owner);
}

/* A new one, online. */
static struct lease *lease_new(struct pool *p, struct lease_owner *o, const struct address *a)
{
	struct lease *l = p->count < p->leases_max ? calloc(1, sizeof(*l)) : NULL;

	if (!l)
		return NULL;
	*l = (struct lease){ .pool = p, .address = *a, .users = 1 };
	if (table_put(p->by_address, address_bytes(a), l) < 0) {
		free(l);
		return NULL;
	}
	set_owner(l, o);
	TAILQ_INSERT_TAIL(&p->all, l, in_pool);
	p->count++;
	p->online++;
	return l;
}

static struct lease *lease_wanted(
	struct pool *p, struct lease_owner *o, const struct address *wanted)
{
	struct lease *l = in_range(p, wanted) ? lease_at(p, wanted) : NULL;

	if (l)
		return l->owner == o && !l->users ? lease_online(l) : NULL;
	return in_range(p, wanted) ? lease_new(p, o, wanted) : NULL;
}

static struct lease *lease_before(struct lease_owner *o)
{
	struct lease *l = TAILQ_FIRST(&o->leases);

	return l && !l->users ? lease_online(l) : NULL;
}

/* In turn, past those that somebody wanted before their turn came. */
static struct lease *lease_fresh(struct pool *p, struct lease_owner *o)
{
	struct lease *l;

	while (p->fresh < p->config->size) {
		struct address a = address_at(p, p->fresh);

		if (!lease_at(p, &a)) {
			l = lease_new(p, o, &a);
			p->fresh += l != NULL;
			return l;
		}
		p->fresh++;
	}
	return NULL;
}

static struct lease *lease_oldest(struct pool *p, struct lease_owner *o)
{
	struct lease *l = TAILQ_FIRST(&p->idle);
	struct lease_owner *before = l ? l->owner : NULL;

	if (!l)
		return NULL;
	TAILQ_REMOVE(&before->leases, l, in_owner);
	set_owner(l, o);
	if (TAILQ_EMPTY(&before->leases))
		owner_drop(p, before);
	return lease_online(l);
}

struct lease *pool_lease(struct pool *p, const struct id_payload *id, const struct address *wanted)
{
	struct lease_owner *o = owner_find(p, id);
	struct lease *l = NULL;

	if (!o)
		o = owner_new(p, id);
	if (!o)
		return NULL;
	if (!address_is_any(wanted))
		l = lease_wanted(p, o, wanted);
	if (!l)
		l = lease_before(o);
	if (!l)
		l = lease_fresh(p, o);
	if (!l)
		l = lease_oldest(p, o);
	if (TAILQ_EMPTY(&o->leases))
		owner_drop(p, o);
	return l;
}

struct lease *pool_held(const struct pool *p, const struct id_payload *id, const struct address *a)
{
	struct lease *l = lease_at(p, a);

	return l && l->users && same_id(&l->owner->id, id) ? l : NULL;
}
