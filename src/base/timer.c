#include "base/timer.h"

#include <stdlib.h>

void timers_free(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){ 0 };
}

static void place(struct timers *t, size_t position, struct timer *timer)
{
	t->heap[position - 1] = timer;
	timer->position = position;
}

static void sift_up(struct timers *t, struct timer *timer)
{
	size_t i = timer->position;

	while (i > 1 && t->heap[i / 2 - 1]->due > timer->due) {
		place(t, i, t->heap[i / 2 - 1]);
		i /= 2;
	}
	place(t, i, timer);
}

static void sift_down(struct timers *t, struct timer *timer)
{
	size_t i = timer->position;

	for (;;) {
		size_t child = i * 2;

		if (child > t->count)
			break;
		if (child < t->count && t->heap[child]->due < t->heap[child - 1]->due)
			child++;
		if (t->heap[child - 1]->due >= timer->due)
			break;
		place(t, i, t->heap[child - 1]);
		i = child;
	}
	place(t, i, timer);
}

void timer_clear(struct timers *t, struct timer *timer)
{
	size_t position = timer->position;
	struct timer *last;

	if (!position)
		return;

	timer->position = 0;
	last = t->heap[--t->count];
	if (last == timer)
		return;
	place(t, position, last);
	sift_up(t, last);
	sift_down(t, last);
}

void timer_set(struct timers *t, struct timer *timer, ike_time due)
{
	timer_clear(t, timer);
	if (due == IKE_TIME_NEVER)
		return;

	if (t->count == t->room) {
		t->room = t->room ? t->room * 2 : 16;
		t->heap = realloc(t->heap, t->room * sizeof(*t->heap));
		if (!t->heap)
			abort();
	}
	timer->due = due;
	place(t, ++t->count, timer);
	sift_up(t, timer);
}

ike_time timers_next(const struct timers *t)
{
	return t->count ? t->heap[0]->due : IKE_TIME_NEVER;
}

struct timer *timers_take_due(struct timers *t, ike_time now)
{
	struct timer *timer = t->count ? t->heap[0] : NULL;

	if (!timer || timer->due > now)
		return NULL;

	timer_clear(t, timer);
	return timer;
}
