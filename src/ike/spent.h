/* Serials that were used, of tickets that count once: ascending, and all up to the floor count as
 * used, so that the list stays short. Zeroed: none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spent {
	uint64_t floor;
	size_t count, room;
	uint64_t *list; /* malloc'ed */
};

bool spent_has(const struct spent *s, uint64_t serial);
/* Where there are `max` already, the lowest becomes the floor: rather one refused that wasn't used
 * than one taken twice. */
void spent_add(struct spent *s, uint64_t serial, uint32_t max);
void spent_free(struct spent *s);
