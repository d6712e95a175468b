/* A pool of virtual addresses as swanctl.conf's `pools` section has it: a range of addresses and the
 * attributes that go with them (RFC 7296 §3.15.1). Immutable once loaded, reference counted. */
#pragma once

#include "conf/load.h"

struct pool_attribute {
	uint16_t type; /* enum cp_attribute_type, or what a number said */
	struct bytes value;
};

struct pool_config {
	struct arena *arena;
	unsigned references; /* of the engine's thread only */
	const char *name;
	struct where where;
	const char *addrs;      /* as written */
	struct address base;    /* the first usable one */
	struct address last;    /* the last usable one */
	uint64_t size;          /* usable addresses, at most POOL_ADDRESSES_MAX */
	size_t attribute_count; /* in the order in which they were written */
	const struct pool_attribute *attributes;
	uint8_t digest[20]; /* of what was configured */
};

/* A wider range (an IPv6 /64) is used from its start up to this many. */
#define POOL_ADDRESSES_MAX 0x7fffffffull

/* `section` is the pool's: its name is the pool's name. Returns 0 and a pool with one reference, or
 * -EINVAL with errors among the problems, or -ENOMEM. */
int conf_load_pool(const struct tree_node *section, const struct conf_sources *sources,
	struct problems *problems, struct pool_config **ret_pool);

struct pool_config *pool_config_hold(const struct pool_config *p);
void pool_config_release(const struct pool_config *p);

/* Whether two pools share an address. */
bool pool_configs_overlap(const struct pool_config *a, const struct pool_config *b);
