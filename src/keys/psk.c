/* Shared secrets: whose they are, and the AUTH value made with one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/load.h"
#include "keys/internal.h"

static void owner_clear(struct identity *owner)
{
	free((void *)(uintptr_t)owner->value.data);
	free((void *)(uintptr_t)owner->text);
}

void shared_entry_free(struct entry *entry)
{
	struct shared_entry *s = (struct shared_entry *)entry;

	for (size_t i = 0; i < s->owner_count; i++)
		owner_clear(&s->owners[i]);
	free(s->owners);
	bytes_wipe(s->data, s->size);
	free(s->data);
	free(s->id);
	free(s->entry.source);
	free(s);
}

static int owner_take(struct identity *out, const char *text)
{
	struct arena *arena = arena_new(16384);
	struct identity id = { 0 };
	char problem[200];
	int r = arena ? conf_identity_parse(arena, text, &id, problem, sizeof(problem)) : -ENOMEM;

	if (!r) {
		*out = id;
		out->value = BYTES(bytes_copy(id.value), id.value.size);
		out->text = strdup(text);
		r = out->text && (out->value.data || !out->value.size) ? 0 : -ENOMEM;
	}
	arena_free(arena);
	return r;
}

static int shared_fill(struct shared_entry *s, const char *id, struct bytes data,
	const char *const *owners, size_t count, const char *source)
{
	s->id = strdup(id ? id : "");
	s->entry.source = strdup(source);
	s->data = bytes_copy(data);
	s->size = data.size;
	s->owners = calloc(count ? count : 1, sizeof(*s->owners));
	if (!s->id || !s->entry.source || (!s->data && data.size) || !s->owners)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		int r = owner_take(&s->owners[i], owners[i]);

		if (r)
			return r;
		s->owner_count++;
	}
	return 0;
}

static size_t shared_index(const struct keys *k, const char *id)
{
	for (size_t i = 0; i < k->shared.count; i++)
		if (strcmp(shared_at(k, i)->id, id) == 0)
			return i;

	return SIZE_MAX;
}

int keys_load_shared(struct keys *k, const char *id, enum keys_shared_kind kind, struct bytes data,
	const char *const *owners, size_t owner_count, const char *source)
{
	struct shared_entry *s = calloc(1, sizeof(*s));
	size_t there;
	int r;

	if (!s)
		return -ENOMEM;
	s->kind = kind;
	r = shared_fill(s, id, data, owners, owner_count, source);
	if (!r) {
		pthread_rwlock_wrlock(&k->lock);
		there = s->id[0] ? shared_index(k, s->id) : SIZE_MAX;
		if (there != SIZE_MAX)
			entries_drop(
				&k->shared, there); /* a later one of the same name replaces it */
		s->entry.generation = k->generation;
		r = entries_add(&k->shared, &s->entry);
		pthread_rwlock_unlock(&k->lock);
	}
	if (r)
		shared_entry_free(&s->entry);
	return r;
}

int keys_unload_shared(struct keys *k, const char *id)
{
	size_t i;

	pthread_rwlock_wrlock(&k->lock);
	i = shared_index(k, id);
	if (i != SIZE_MAX)
		entries_drop(&k->shared, i);
	pthread_rwlock_unlock(&k->lock);
	return i == SIZE_MAX ? -ENOENT : 0;
}

/* How well the best of a secret's owners fits an identity: 0 none, 1 any, 2 by wildcard, 3 exactly. */
static unsigned owned_by(const struct shared_entry *s, const struct id_payload *id)
{
	unsigned best = 0;

	for (size_t i = 0; id->type && i < s->owner_count; i++) {
		unsigned fit = conf_id_match(&s->owners[i], id);

		best = fit > best ? fit : best;
	}
	return best;
}

static unsigned shared_rank(const struct shared_entry *s, const struct id_payload *local,
	const struct id_payload *remote)
{
	unsigned theirs = owned_by(s, remote), ours = owned_by(s, local);

	if (s->owner_count == 0)
		return 1;
	if (!theirs && !ours)
		return 0;
	return 2 + (theirs ? 16 + 4 * theirs : 0) + ours;
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
			best_rank = rank;
			best = s;
		}
	}
	return best;
}

int psk_auth(
	struct crypto *c, const struct shared_entry *s, const struct ike_question *q, uint8_t *out)
{
	struct bytes pad = bytes_of_text("Key Pad for IKEv2");
	uint8_t key[SECRET_BYTES_MAX];
	int r = prf(c, q->prf, BYTES(s->data, s->size), &pad, 1, key);

	if (!r)
		r = prf(c, q->prf, BYTES(key, prf_output_bytes(q->prf)), q->parts, IKE_SIGNED_PARTS,
			out);
	bytes_wipe(key, sizeof(key));
	return r ? -EIO : 0;
}

/* Which secrets there are, and whose, so that the missing one can be seen. */
void task_no_psk(struct task *t)
{
	char list[220] = "";
	size_t used = 0, shown = 0;

	for (size_t i = 0; i < t->keys->shared.count && used + 60 < sizeof(list); i++) {
		const struct shared_entry *s = shared_at(t->keys, i);

		if (s->kind != KEYS_SHARED_IKE)
			continue;
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%.30s (for %.40s)",
			shown++ ? ", " : "", s->id, s->owner_count ? s->owners[0].text : "anyone");
	}
	task_no(t,
		"no pre-shared key for '%.60s' and '%.60s': %s%s; give one of them as an id of a secret of type ike",
		t->local, t->remote, shown ? "there are " : "none is loaded", list);
}
