/* A capped arena: many small allocations with one end. Memory is zeroed when given and cleansed
 * when freed. */
#pragma once

#include "base/bytes.h"

struct arena;

/* NULL where memory ran out. `cap` is the most octets that it will ever hold. */
struct arena *arena_new(size_t cap);
void arena_free(struct arena *a);

/* Zeroed memory, aligned for any type; NULL where the cap or memory is exhausted. */
void *arena_take(struct arena *a, size_t size);

/* A copy within the arena; { NULL, 0 } where it did not fit (or where `from` is empty). */
struct bytes arena_copy(struct arena *a, struct bytes from);

/* A terminated copy of text. */
char *arena_text(struct arena *a, const char *text);

size_t arena_used(const struct arena *a);
