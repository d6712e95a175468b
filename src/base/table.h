/* A hash table from short keys of octets to pointers, keyed by SipHash so that a peer who chooses
 * SPIs can't choose collisions. Grows by itself; iteration order is insertion order only by chance.
 */
#pragma once

#include "base/bytes.h"

struct table;

/* `seed`: 16 random octets. NULL where memory ran out. */
struct table *table_new(const uint8_t seed[16]);
void table_free(struct table *t); /* frees the table, not what it points to */

/* Keys are copied, at most 60 octets (asserted). Returns 0, -EEXIST or -ENOMEM. */
int table_put(struct table *t, struct bytes key, void *value);
void *table_find(const struct table *t, struct bytes key); /* NULL where absent */
void *table_take(struct table *t, struct bytes key);       /* removes and returns */
/* Another value in the place of the key's, which it returns. NULL where absent: then nothing changes. */
void *table_exchange(struct table *t, struct bytes key, void *value);
size_t table_count(const struct table *t);

/* Iteration: start with 0, ends with NULL. Don't change the table while iterating. */
void *table_next(const struct table *t, size_t *position);

/* SipHash-2-4, also for cookies and shards. */
uint64_t siphash(const uint8_t key[16], struct bytes data);
