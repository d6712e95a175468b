/* What the stories of IKEv1 share. */
#pragma once

#include "tests/story/story.h"

#include <string.h>

#define V1_KEYS "version = 1\n proposals = aes128-sha256-x25519\n"

static inline struct story_config v1_config(void)
{
	return (struct story_config){ .connection = V1_KEYS };
}

static inline unsigned laddered(const struct story *s, const char *words)
{
	unsigned count = 0;

	for (size_t i = 0; i < s->w->ladder_count; i++)
		count += strstr(s->w->ladder[i], words) != NULL;
	return count;
}

/* A packet each way, and both arrive. */
static inline void v1_packets(struct story *s)
{
	uint64_t to_bob = s->bob->traffic.delivered, to_alice = s->alice->traffic.delivered;

	host_packet(s->alice, "10.1.0.1", "10.2.0.1");
	host_packet(s->bob, "10.2.0.1", "10.1.0.1");
	world_run(s->w, NS_PER_SECOND);
	STORY_EQUAL(*s, s->bob->traffic.delivered, to_bob + 1);
	STORY_EQUAL(*s, s->alice->traffic.delivered, to_alice + 1);
}

/* A copy of the first datagram of IKE that is under way. */
static inline struct bytes v1_capture(const struct story *s, uint8_t *memory, size_t size)
{
	const struct sim_packet *p = s->w->packets;

	while (p && p->carries != CARRIES_IKE)
		p = p->next;
	if (!p || p->size > size) {
		fail();
		return BYTES_EMPTY;
	}
	memcpy(memory, p->data, p->size);
	return BYTES(memory, p->size);
}
