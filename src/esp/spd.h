/* The index of the SPD: the policies that a packet can fall under are found without looking at the
 * others. */
#pragma once

#include "esp/flow.h"
#include "wire/wire.h"

struct spd;
struct policy;

/* A set of selectors, local against remote, in the index: a child's or a trap's. Begins as zeros. */
struct spd_rules {
	struct spd_entry *entries;
	bool with_priority;
};

/* `seed`: 16 random octets. NULL where memory ran out. */
struct spd *spd_new(const uint8_t seed[16]);
void spd_free(struct spd *spd); /* all rules must be out */

/* The selectors are borrowed until spd_remove(). `with_priority`: the policy may have a priority other than 0
 * meanwhile. Returns 0 or -ENOMEM, nothing being added. */
int spd_add(struct spd *spd, struct spd_rules *rules, struct policy *policy,
	const struct selectors *local, const struct selectors *remote, bool with_priority);
void spd_remove(struct spd *spd, struct spd_rules *rules);

/* Calls `found` for each pair of selectors that takes the packet, in any order; `narrowness` grows with how
 * little a pair takes. Where no policy has a priority, what is wider than `found` returned last may be left
 * out. Changes nothing, so that several threads may look at once. */
typedef uint32_t spd_found_fn(void *context, struct policy *policy, uint32_t narrowness);
void spd_look(const struct spd *spd, const struct flow *flow, spd_found_fn *found, void *context);
