#include "base/arena.h"

#include <stdlib.h>

#define ARENA_CHUNK_BYTES 4000

struct chunk {
	struct chunk *next;
	size_t used;
	size_t size;
	_Alignas(16) uint8_t data[];
};

struct arena {
	struct chunk *chunks; /* the newest first */
	size_t used;
	size_t cap;
};

struct arena *arena_new(size_t cap)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a)
		a->cap = cap;

	return a;
}

void arena_free(struct arena *a)
{
	struct chunk *next;

	if (!a)
		return;

	for (struct chunk *c = a->chunks; c; c = next) {
		next = c->next;
		bytes_wipe(c->data, c->used);
		free(c);
	}
	free(a);
}

static struct chunk *arena_grow(struct arena *a, size_t size)
{
	size_t room = size > ARENA_CHUNK_BYTES ? size : ARENA_CHUNK_BYTES;
	struct chunk *c = calloc(1, sizeof(*c) + room);

	if (!c)
		return NULL;

	c->size = room;
	c->next = a->chunks;
	a->chunks = c;
	return c;
}

void *arena_take(struct arena *a, size_t size)
{
	struct chunk *c = a->chunks;
	size_t rounded = (size + 15) & ~(size_t)15;
	void *memory;

	if (size == 0 || rounded < size || rounded > a->cap - a->used)
		return NULL;
	if (!c || rounded > c->size - c->used)
		c = arena_grow(a, rounded);
	if (!c)
		return NULL;

	memory = c->data + c->used;
	c->used += rounded;
	a->used += rounded;
	return memory;
}

struct bytes arena_copy(struct arena *a, struct bytes from)
{
	void *memory = arena_take(a, from.size);

	if (!memory)
		return BYTES_EMPTY;

	memcpy(memory, from.data, from.size);
	return BYTES(memory, from.size);
}

char *arena_text(struct arena *a, const char *text)
{
	size_t size = strlen(text) + 1;
	char *memory = arena_take(a, size);

	if (memory)
		memcpy(memory, text, size);

	return memory;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}
