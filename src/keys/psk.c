/* Pre-shared keys: loading them with their owners, and finding the one for two identities as strongSwan does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/load.h"
#include "keys/internal.h"

#define IDENTITY_BYTES_MAX (16u << 10)

void shared_entry_free(struct entry *entry)
{
	struct shared_entry *s = (struct shared_entry *)entry;

	for (size_t i = 0; i < s->owner_count; i++) {
		free((void *)(uintptr_t)s->owners[i].value.data);
		free((void *)(uintptr_t)s->owners[i].text);
	}
	free(s->owners);
	if (s->data)
		bytes_wipe(s->data, s->size);
	free(s->data);
	free(s->id);
	free(s->entry.source);
	free(s);
}

/* An arena for each of thousands of secrets would cost a page: parse in one that ends here, keep copies. */
static int owner_parse(const char *text, struct identity *ret_owner)
{
	struct arena *arena = arena_new(IDENTITY_BYTES_MAX);
	struct identity id;
	char problem[200];
	int r = arena ? conf_identity_parse(arena, text, &id, problem, sizeof(problem)) : -ENOMEM;

	if (!r) {
		id.value.data = bytes_copy(id.value);
		id.text = strdup(text);
		*ret_owner = id;
		if (!id.text || (id.value.size && !id.value.data))
			r = -ENOMEM; /* what was copied is freed with the entry */
	}
	arena_free(arena);
	return r;
}

static int owners_parse(struct shared_entry *s, const char *const *owners, size_t owner_count)
{
	int r = 0;

	s->owners = calloc(owner_count + 1, sizeof(*s->owners));
	if (!s->owners)
		return -ENOMEM;

	for (size_t i = 0; !r && i < owner_count; i++) {
		r = owner_parse(owners[i], &s->owners[i]);
		s->owner_count++;
	}
	return r;
}

static bool owners_equal(const struct shared_entry *a, const struct shared_entry *b)
{
	if (a->owner_count != b->owner_count)
		return false;

	for (size_t i = 0; i < a->owner_count; i++) {
		if (a->owners[i].type != b->owners[i].type ||
			!bytes_equal(a->owners[i].value, b->owners[i].value))
			return false;
	}
	return true;
}

static bool shared_equal(const struct shared_entry *a, const struct shared_entry *b)
{
	return a->kind == b->kind &&
		bytes_equal_secret(BYTES(a->data, a->size), BYTES(b->data, b->size)) &&
		owners_equal(a, b);
}

/* One with a name takes the place of the one that had it. */
static int shared_store(struct keys *k, struct shared_entry *s)
{
	bool stored = false;
	int r = 0;

	pthread_rwlock_wrlock(&k->lock);
	s->entry.generation = k->generation;
	for (size_t i = 0; !r && !stored && i < k->shared.count; i++) {
		struct shared_entry *there = (struct shared_entry *)k->shared.list[i];

		if (strcmp(there->id, s->id) != 0)
			continue;
		if (shared_equal(there, s)) {
			entry_renew(&there->entry, s->entry.source, k->generation);
			r = -EEXIST;
		} else if (s->id[0]) {
			k->shared.list[i] = &s->entry;
			shared_entry_free(&there->entry);
			stored = true;
		}
	}
	if (!r && !stored)
		r = entries_add(&k->shared, &s->entry);
	pthread_rwlock_unlock(&k->lock);
	return r;
}

static int shared_fill(
	struct shared_entry *s, struct bytes data, const char *id, const char *source)
{
	s->entry.source = strdup(source);
	s->id = strdup(id ? id : "");
	s->data = malloc(data.size + 1);
	if (!s->entry.source || !s->id || !s->data)
		return -ENOMEM;

	if (data.size)
		memcpy(s->data, data.data, data.size);
	s->size = data.size;
	return 0;
}

int keys_load_shared(struct keys *k, const char *id, enum keys_shared_kind kind, struct bytes data,
	const char *const *owners, size_t owner_count, const char *source)
{
	struct shared_entry *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;

	s->kind = kind;
	r = shared_fill(s, data, id, source);
	if (!r)
		r = owners_parse(s, owners, owner_count);
	if (!r)
		r = shared_store(k, s);
	if (r < 0)
		shared_entry_free(&s->entry);
	return r;
}

int keys_unload_shared(struct keys *k, const char *id)
{
	int r = -ENOENT;

	pthread_rwlock_wrlock(&k->lock);
	for (size_t i = 0; r && i < k->shared.count; i++) {
		if (strcmp(shared_at(k, i)->id, id) == 0) {
			entries_drop(&k->shared, i);
			r = 0;
		}
	}
	pthread_rwlock_unlock(&k->lock);
	return r;
}

/* Finding. */

/* How well one of the owners fits: conf_id_match()'s 0 to 3. Nobody in particular owns a secret without owners. */
static unsigned owner_match(const struct shared_entry *s, const struct id_payload *id)
{
	unsigned best = s->owner_count ? 0 : 1;

	for (size_t i = 0; i < s->owner_count; i++) {
		unsigned match = conf_id_match(&s->owners[i], id);

		if (match > best)
			best = match;
	}
	return best;
}

/* 0 where the secret is for others. Fitting by name (2, 3) comes before fitting anybody (1), the remote identity before
 * the local one, an exact name before a wildcard. */
static unsigned shared_rank(const struct shared_entry *s, const struct id_payload *local,
	const struct id_payload *remote)
{
	unsigned ours = owner_match(s, local), theirs = owner_match(s, remote);
	unsigned named = (theirs >= 2 ? 2u : 0u) + (ours >= 2 ? 1u : 0u);

	return ours || theirs ? 1 + (named << 4 | theirs << 2 | ours) : 0;
}

const struct shared_entry *shared_find(
	const struct keys *k, const struct id_payload *local, const struct id_payload *remote)
{
	const struct shared_entry *best = NULL;
	unsigned best_rank = 0;

	for (size_t i = 0; i < k->shared.count; i++) {
		const struct shared_entry *s = shared_at(k, i);
		unsigned rank = s->kind == KEYS_SHARED_IKE ? shared_rank(s, local, remote) : 0;

		if (rank > best_rank) {
			best = s;
			best_rank = rank;
		}
	}
	return best;
}

int psk_auth(
	struct crypto *c, const struct shared_entry *s, const struct ike_question *q, uint8_t *out)
{
	const struct bytes pad = bytes_of_text("Key Pad for IKEv2"); /* without its NUL */
	struct secret key = { .size = prf_output_bytes(q->prf) };
	int r;

	if (!key.size)
		return -EIO;

	r = prf(c, q->prf, BYTES(s->data, s->size), &pad, 1, key.data);
	if (!r)
		r = prf(c, q->prf, secret_bytes(&key), q->parts, IKE_SIGNED_PARTS, out);
	secret_wipe(&key);
	return r;
}
