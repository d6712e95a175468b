/* The allocator, with an account for each engine. A table of all blocks that count, by their address,
 * so that a block without an account (of OpenSSL's, or from before) is told from one with. */
#include "sim/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct block {
	void *at; /* NULL: free */
	size_t size;
	struct memory *owner;
};

static struct block *blocks; /* open addressing; a power of two, at most half full */
static size_t room, used;
static struct memory *current;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *at, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *at, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *at);

static size_t home(const void *at)
{
	return (size_t)((uint64_t)(uintptr_t)at * 0x9e3779b97f4a7c15u >> 20) & (room - 1);
}

static size_t find(const void *at)
{
	size_t i = home(at);

	while (blocks[i].at && blocks[i].at != at)
		i = (i + 1) & (room - 1);
	return i;
}

static void grow(void)
{
	struct block *old = blocks;
	size_t old_room = room;

	room = room ? 2 * room : 4096;
	blocks = __real_calloc(room, sizeof(*blocks));
	if (!blocks)
		abort();
	for (size_t i = 0; i < old_room; i++)
		if (old[i].at)
			blocks[find(old[i].at)] = old[i];
	__real_free(old);
}

static void *count_in(void *at, size_t size)
{
	struct memory *m = current;

	if (!at || !m)
		return at;
	if (2 * (used + 1) > room)
		grow();
	blocks[find(at)] = (struct block){ at, size, m };
	used++;
	m->blocks++;
	m->octets += size;
	m->most = m->octets > m->most ? m->octets : m->most;
	return at;
}

/* Takes a block off the table; those behind it that could not be where they belong move up. */
static struct memory *count_out(const void *at)
{
	size_t hole, next;
	struct memory *m;

	if (!at || !used)
		return NULL;
	hole = find(at);
	if (!blocks[hole].at)
		return NULL;
	m = blocks[hole].owner;
	m->octets -= blocks[hole].size;
	m->blocks--;
	used--;
	for (next = (hole + 1) & (room - 1); blocks[next].at; next = (next + 1) & (room - 1)) {
		size_t wanted = home(blocks[next].at);

		if (((next - wanted) & (room - 1)) < ((next - hole) & (room - 1)))
			continue;
		blocks[hole] = blocks[next];
		hole = next;
	}
	blocks[hole].at = NULL;
	return m;
}

void memory_enter(struct memory *m)
{
	current = m;
}

void memory_leave(void)
{
	current = NULL;
}

void memory_forget(struct memory *m)
{
	for (size_t i = 0; i < room && m->blocks;)
		if (blocks[i].at && blocks[i].owner == m)
			count_out(blocks[i].at); /* another may have moved up to here */
		else
			i++;
}

void *__wrap_malloc(size_t size)
{
	return count_in(__real_malloc(size), size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return count_in(__real_calloc(count, size), count * size);
}

void *__wrap_realloc(void *at, size_t size)
{
	struct memory *before = count_out(at), *now = current;
	void *moved = __real_realloc(at, size);

	if (!moved && size) /* it is where it was, and nobody's any more */
		return NULL;
	current = before ? before : now;
	count_in(moved, size);
	current = now;
	return moved;
}

char *__wrap_strdup(const char *text)
{
	char *copy = __real_strdup(text);

	return copy ? count_in(copy, strlen(copy) + 1) : NULL;
}

void __wrap_free(void *at)
{
	count_out(at);
	__real_free(at);
}
