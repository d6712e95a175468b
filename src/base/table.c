#include "base/table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define TABLE_KEY_MAX 60

struct entry {
	uint64_t hash;
	void *value; /* NULL where free */
	uint8_t key[TABLE_KEY_MAX];
	uint8_t key_size;
	bool removed;
};

struct table {
	uint8_t seed[16];
	size_t count;
	size_t filled; /* with removed ones */
	size_t size;   /* a power of two */
	struct entry *entries;
};

static uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static uint64_t load_le64(const uint8_t *p)
{
	uint64_t x = 0;

	for (int i = 7; i >= 0; i--)
		x = x << 8 | p[i];

	return x;
}

static void sip_rounds(uint64_t v[4], int count)
{
	for (int i = 0; i < count; i++) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

uint64_t siphash(const uint8_t key[16], struct bytes data)
{
	uint64_t k0 = load_le64(key), k1 = load_le64(key + 8);
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du,
		k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u };
	uint8_t last[8] = { 0 };
	size_t whole = data.size & ~(size_t)7;

	for (size_t i = 0; i < whole; i += 8) {
		uint64_t m = load_le64(data.data + i);

		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	if (data.size > whole)
		memcpy(last, data.data + whole, data.size - whole);
	last[7] = (uint8_t)data.size;
	v[3] ^= load_le64(last);
	sip_rounds(v, 2);
	v[0] ^= load_le64(last);
	v[2] ^= 0xff;
	sip_rounds(v, 4);

	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct table *table_new(const uint8_t seed[16])
{
	struct table *t = calloc(1, sizeof(*t));

	if (t)
		memcpy(t->seed, seed, 16);

	return t;
}

void table_free(struct table *t)
{
	if (t)
		free(t->entries);
	free(t);
}

/* The entry with the key, or the first free one, or NULL in an empty table. */
static struct entry *table_slot(const struct table *t, struct bytes key, uint64_t hash)
{
	struct entry *reusable = NULL;

	for (size_t i = 0; i < t->size; i++) {
		struct entry *e = &t->entries[(hash + i) & (t->size - 1)];

		if (!e->value && !e->removed)
			return reusable ? reusable : e;
		if (!e->value && !reusable)
			reusable = e;
		if (e->value && e->hash == hash && bytes_equal(BYTES(e->key, e->key_size), key))
			return e;
	}

	return reusable;
}

static int table_grow(struct table *t)
{
	struct entry *old = t->entries;
	size_t old_size = t->size;
	size_t size = t->count * 4 < 16 ? 16 : old_size;

	while (size < t->count * 2 + 2)
		size *= 2;

	t->entries = calloc(size, sizeof(*t->entries));
	if (!t->entries) {
		t->entries = old;
		return -ENOMEM;
	}
	t->size = size;
	t->filled = t->count;
	for (size_t i = 0; i < old_size; i++)
		if (old[i].value)
			*table_slot(t, BYTES(old[i].key, old[i].key_size), old[i].hash) = old[i];
	free(old);

	return 0;
}

int table_put(struct table *t, struct bytes key, void *value)
{
	uint64_t hash = siphash(t->seed, key);
	struct entry *e;

	assert(value && key.size <= TABLE_KEY_MAX);
	if (t->filled * 4 >= t->size * 3 && table_grow(t) < 0)
		return -ENOMEM;

	e = table_slot(t, key, hash);
	if (e->value)
		return -EEXIST;
	if (!e->removed)
		t->filled++;

	*e = (struct entry){ .hash = hash, .value = value, .key_size = (uint8_t)key.size };
	if (key.size)
		memcpy(e->key, key.data, key.size);
	t->count++;

	return 0;
}

void *table_find(const struct table *t, struct bytes key)
{
	struct entry *e = table_slot(t, key, siphash(t->seed, key));

	return e ? e->value : NULL;
}

void *table_exchange(struct table *t, struct bytes key, void *value)
{
	struct entry *e = table_slot(t, key, siphash(t->seed, key));
	void *before = e ? e->value : NULL;

	assert(value);
	if (before)
		e->value = value;
	return before;
}

void *table_take(struct table *t, struct bytes key)
{
	struct entry *e = table_slot(t, key, siphash(t->seed, key));
	void *value = e ? e->value : NULL;

	if (!value)
		return NULL;

	e->value = NULL;
	e->removed = true;
	t->count--;
	return value;
}

size_t table_count(const struct table *t)
{
	return t->count;
}

void *table_next(const struct table *t, size_t *position)
{
	while (*position < t->size) {
		struct entry *e = &t->entries[(*position)++];

		if (e->value)
			return e->value;
	}

	return NULL;
}
