/* A heap of timers, each embedded in what it wakes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_MS     1000000ull
#define NS_PER_SECOND 1000000000ull

typedef uint64_t ike_time; /* monotonic nanoseconds; never a wall clock */

#define IKE_TIME_NEVER UINT64_MAX

/* Zeroed is unset. `position` is 1-based within the heap. */
struct timer {
	ike_time due;
	size_t position;
	void *owner;
	int kind; /* what it is for, to its owner */
};

struct timers {
	struct timer **heap;
	size_t count;
	size_t room;
};

void timers_free(struct timers *t);

/* Sets or moves a timer. IKE_TIME_NEVER clears it. Aborts where memory ran out: a few dozen octets.
 */
void timer_set(struct timers *t, struct timer *timer, ike_time due);
void timer_clear(struct timers *t, struct timer *timer);

static inline bool timer_is_set(const struct timer *timer)
{
	return timer->position != 0;
}

/* The earliest due time, or IKE_TIME_NEVER. */
ike_time timers_next(const struct timers *t);

/* Takes the earliest timer that is due at `now`; NULL where none is. */
struct timer *timers_take_due(struct timers *t, ike_time now);
