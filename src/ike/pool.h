/* Leases of virtual addresses from one pool (RFC 7296 §2.19), in memory. A lease is online while an
 * IKE SA holds it and offline afterwards: its owner gets it back as long as nobody else needed the
 * address. Looking up, leasing and releasing take the same time however many leases there are, and
 * an address costs memory only once it was leased. */
#pragma once

#include <sys/queue.h>

#include "base/random.h"
#include "base/table.h"
#include "conf/pool.h"
#include "wire/wire.h"

struct ike_sa;
struct pool;

/* Who leases, by identity. */
struct lease_owner {
	struct id_payload id;
	TAILQ_HEAD(, lease) leases; /* offline ones first */
	struct lease_owner *same_hash;
	uint8_t octets[]; /* of the identity */
};

struct lease {
	struct pool *pool;
	struct address address;
	struct lease_owner *owner;
	unsigned users; /* IKE SAs, where a rekeyed one counts with the one before as one;
					0: offline */
	const struct ike_sa *holder; /* the last that got it; NULL once that is gone */
	TAILQ_ENTRY(lease) in_pool, in_idle, in_owner;
};

struct pool {
	const struct pool_config *config; /* held */
	struct pool *next;                /* of the engine's */
	size_t leases_max;
	uint64_t fresh; /* offset of the first address that was never leased in its turn */
	size_t count, online;
	uint8_t seed[16];
	struct table *by_address, *by_owner;
	TAILQ_HEAD(, lease) all;  /* in the order in which they were made */
	TAILQ_HEAD(, lease) idle; /* offline, the oldest first */
};

/* NULL where memory ran out. At most `leases_max` addresses are remembered at a time. */
struct pool *pool_new(
	const struct pool_config *config, const struct random_source *random, size_t leases_max);
void pool_free(struct pool *p);

/* Other attributes for the same range: leases stay. */
void pool_reconfigure(struct pool *p, const struct pool_config *config);
bool pool_same_range(const struct pool *p, const struct pool_config *config);

/* An address for an identity: `wanted` where that is free (0.0.0.0 and :: want none), else the one
 * that it had before, else one that was never leased, else the one that has been offline for
 * longest. NULL where none is free. It is online from now, with one user. */
struct lease *pool_lease(struct pool *p, const struct id_payload *id, const struct address *wanted);

/* The online lease of an address, where it belongs to that identity; else NULL. */
struct lease *pool_held(const struct pool *p, const struct id_payload *id, const struct address *a);

void lease_release(struct lease *l); /* one user less; the last makes it offline */
