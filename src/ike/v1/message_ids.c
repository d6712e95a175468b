/* Message IDs, each of which begins one exchange and no other. They are random, so nothing but memory
 * tells an old one; and both ends use the same keys, so what we began could be sent back to us. All of
 * either end are kept, in order of their size, for as long as the phase 1 lasts: an old Delete, quick
 * mode or R-U-THERE that is sent again does nothing, not even show that the peer lives. Before there
 * are too many, another phase 1 is set up, with keys of its own; in one that is full, the peer begins
 * nothing more. RFC 2408 §3.1, RFC 2409 §5.5. */
#include <stdlib.h>

#include "ike/v1/ikev1.h"

#define ROOM_FIRST 32
#define RENEW_AT   (V1_MESSAGE_IDS_MAX / 4 * 3)

/* Where it is, or belongs. */
static size_t position(const struct v1_message_ids *m, uint32_t id)
{
	size_t low = 0, high = m->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (m->ids[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has(const struct v1_message_ids *m, uint32_t id)
{
	size_t at = position(m, id);

	return at < m->count && m->ids[at] == id;
}

static bool have_room(struct v1_message_ids *m)
{
	size_t room = m->room ? 2 * m->room : ROOM_FIRST;
	uint32_t *ids;

	if (m->count < m->room)
		return true;
	if (m->count >= V1_MESSAGE_IDS_MAX)
		return false;
	ids = realloc(m->ids, room * sizeof(*ids));
	if (!ids)
		return false;
	m->ids = ids;
	m->room = room;
	return true;
}

bool v1_message_id_used(const struct ike_sa *sa, uint32_t id)
{
	return has(&sa->v1->message_ids, id);
}

bool v1_message_id_note(struct ike_sa *sa, uint32_t id)
{
	struct v1_message_ids *m = &sa->v1->message_ids;
	size_t at = position(m, id);

	if (has(m, id))
		return true;
	if (!have_room(m))
		return false;
	memmove(&m->ids[at + 1], &m->ids[at], (m->count - at) * sizeof(*m->ids));
	m->ids[at] = id;
	m->count++;
	if (m->count == RENEW_AT && sa->established_at)
		timer_set(&sa->engine->timers, &sa->rekey_timer, sa->engine->now);
	return true;
}

uint32_t v1_message_id_new(struct ike_sa *sa)
{
	uint32_t id;

	do
		random_fill(&sa->engine->options.random, &id, sizeof(id));
	while (id == 0 || v1_message_id_used(sa, id));
	v1_message_id_note(sa, id);

	return id;
}

void v1_message_ids_clear(struct v1_message_ids *m)
{
	free(m->ids);
	*m = (struct v1_message_ids){ 0 };
}
