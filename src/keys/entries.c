/* Lists of credentials, and the marks that tell a reload what is gone: each load of an entry gives it the current
 * generation; what came from a file and still has an older one when the reload ends was deleted from the disk. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keys/internal.h"

int entries_add(struct entries *e, struct entry *entry)
{
	if (e->count == e->room) {
		size_t room = e->room ? 2 * e->room : 16;
		struct entry **list = reallocarray(e->list, room, sizeof(struct entry *));

		if (!list)
			return -ENOMEM;
		e->list = list;
		e->room = room;
	}
	e->list[e->count++] = entry;
	return 0;
}

void entries_drop(struct entries *e, size_t index)
{
	struct entry *entry = e->list[index];

	e->count--;
	memmove(&e->list[index], &e->list[index + 1], (e->count - index) * sizeof(struct entry *));
	e->free(entry);
}

void entries_clear(struct entries *e)
{
	for (size_t i = 0; i < e->count; i++)
		e->free(e->list[i]);
	free(e->list);
	e->list = NULL;
	e->count = e->room = 0;
}

void entries_sweep(struct entries *e, unsigned generation)
{
	size_t kept = 0;

	for (size_t i = 0; i < e->count; i++) {
		struct entry *entry = e->list[i];

		if (entry->generation == generation || strcmp(entry->source, SOURCE_VICI) == 0)
			e->list[kept++] = entry;
		else
			e->free(entry);
	}
	e->count = kept;
}

/* What came over VICI stays until VICI takes it away, whether or not a file says it too. Of files the last one counts:
 * reasons name a line, and that may have moved since. */
void entry_renew(struct entry *entry, const char *source, unsigned generation)
{
	char *copy;

	entry->generation = generation;
	if (strcmp(entry->source, SOURCE_VICI) == 0 || strcmp(entry->source, source) == 0)
		return;

	copy = strdup(source);
	if (copy) {
		free(entry->source);
		entry->source = copy;
	}
}
