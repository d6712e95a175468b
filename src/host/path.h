/* Answers IKE_ASK_PATH: from a connection's addresses and names to the two ends of a datagram's
 * path. */
#pragma once

#include "host/netlink.h"
#include "tern/ike.h"

#include <uv.h>

#define PATH_OURS_MAX 256

struct path_finder {
	uv_loop_t *loop;
	struct netlink *netlink;
	uint16_t port, port_nat_t; /* ours */
	uint32_t mark;
	unsigned interface; /* our own device: no path begins at its addresses */
	/* Called later or at once, in the loop's thread. */
	void (*answered)(void *context, const struct ike_answer *answer);
	void *context;
	bool stopped;    /* answers are dropped: nobody listens any more */
	unsigned active; /* requests under way */
	/* This host's addresses on links that are up, as of a moment (uv_now(), in ms) ago: many SAs
	 * ask at once. */
	uint64_t ours_at;
	size_t ours_count;
	struct netlink_address ours[PATH_OURS_MAX];
};

/* Our addresses beside path's that local_addrs of the connection allow (a name allows any): into
 * answer->addresses. */
void path_others(struct path_finder *f, const struct connection *c, struct ike_answer *answer);

/* Answers at once for an SA that stands: question->current. */
void path_ask_current(struct path_finder *f, const struct ike_question *question);

void path_ask(struct path_finder *f, const struct ike_question *question);
