#include "ike/spent.h"

#include <stdlib.h>
#include <string.h>

#define SPENT_STEP 64

static size_t spent_at(const struct spent *s, uint64_t serial)
{
	size_t low = 0, high = s->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->list[middle] < serial)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool spent_has(const struct spent *s, uint64_t serial)
{
	size_t at = spent_at(s, serial);

	return serial <= s->floor || (at < s->count && s->list[at] == serial);
}

/* Drops the lowest serials: those at or below the floor, and one more where the list is full. */
static void spent_trim(struct spent *s, uint32_t max)
{
	size_t gone = spent_at(s, s->floor + 1);

	if (s->count > gone && s->count - gone >= max)
		s->floor = s->list[gone++];
	if (!gone)
		return;
	s->count -= gone;
	memmove(s->list, s->list + gone, s->count * sizeof(*s->list));
}

static bool spent_room(struct spent *s)
{
	uint64_t *more;

	if (s->count < s->room)
		return true;
	more = realloc(s->list, (s->room + SPENT_STEP) * sizeof(*more));
	if (!more)
		return false;
	s->list = more;
	s->room += SPENT_STEP;
	return true;
}

void spent_add(struct spent *s, uint64_t serial, uint32_t max)
{
	size_t at;

	if (spent_has(s, serial))
		return;
	spent_trim(s, max);
	if (serial <= s->floor)
		return;
	if (!spent_room(s)) {
		s->floor = serial;
		return;
	}
	at = spent_at(s, serial);
	memmove(s->list + at + 1, s->list + at, (s->count - at) * sizeof(*s->list));
	s->list[at] = serial;
	s->count++;
}

void spent_free(struct spent *s)
{
	free(s->list);
	*s = (struct spent){ 0 };
}
