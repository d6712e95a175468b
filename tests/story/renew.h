/* What the stories of reauthentication share. */
#pragma once

#include "tests/story/story.h"

#include <string.h>

#define SEED 11
#define TWO_CHILDREN                                                                               \
	"children {\n more {\n local_ts = %s\n remote_ts = %s\n esp_proposals = aes128gcm16-x25519\n }\n}\n"

static inline unsigned laddered(const struct story *s, const char *words)
{
	unsigned count = 0;

	for (size_t i = 0; i < s->w->ladder_count; i++)
		count += strstr(s->w->ladder[i], words) != NULL;
	return count;
}

/* With two children: net and more. */
static inline struct story two_children(const char *connection, const char *only_alice)
{
	static char alice[1000], bobs[1000];
	struct story_config c = {
		.connection = connection, .alice_connection = alice, .bob_connection = bobs
	};
	struct story s;

	snprintf(alice, sizeof(alice), TWO_CHILDREN "%s", "10.3.0.0/16", "10.4.0.0/16", only_alice);
	snprintf(bobs, sizeof(bobs), TWO_CHILDREN, "10.4.0.0/16", "10.3.0.0/16");
	s = story_begin(SEED, &c, NULL);
	host_initiate(s.alice, "net");
	host_initiate(s.alice, "more");
	world_settle(s.w, 60 * NS_PER_SECOND);
	return s;
}

/* The SPI that a host sends with now: that of its newest outbound SA. */
static inline const struct sim_child *sending(const struct host *h)
{
	const struct sim_child *newest = NULL;

	for (size_t i = 0; i < HOST_CHILDREN_MAX; i++)
		if (h->children[i].out &&
			(!newest || h->children[i].spec.child_id > newest->spec.child_id))
			newest = &h->children[i];
	return newest;
}

static inline bool would_arrive(const struct host *from, const struct host *to)
{
	const struct sim_child *c = sending(from);

	for (size_t i = 0; c && i < HOST_CHILDREN_MAX; i++)
		if (to->children[i].in && to->children[i].spec.spi_in == c->spec.spi_out)
			return true;
	return false;
}

/* Packets of both ends for so long, each late; what IKE sends isn't. */
static inline void late_packets(struct story *s, unsigned seconds)
{
	for (unsigned i = 0; i < seconds * 100; i++) {
		s->w->faults.delay_ns = 700 * NS_PER_MS;
		host_packet(s->alice, "10.1.0.5", "10.2.0.7");
		host_packet(s->bob, "10.2.0.7", "10.1.0.5");
		s->w->faults.delay_ns = 10 * NS_PER_MS;
		world_run(s->w, 10 * NS_PER_MS);
	}
}

static inline void secret(struct host *h, const char *secret)
{
	keys_load_shared(h->keys, "ike-1", KEYS_SHARED_IKE, bytes_of_text(secret), NULL, 0, "sim");
}
