/* Answers IKE_ASK_PATH: from a connection's addresses and names to the two ends of a datagram's
 * path. */
#pragma once

#include "host/netlink.h"
#include "tern/ike.h"

#include <uv.h>

struct path_finder {
	uv_loop_t *loop;
	struct netlink *netlink;
	uint16_t port, port_nat_t; /* ours */
	uint32_t mark;
	/* Called later or at once, in the loop's thread. */
	void (*answered)(void *context, const struct ike_answer *answer);
	void *context;
	bool stopped;    /* answers are dropped: nobody listens any more */
	unsigned active; /* requests under way */
};

void path_ask(struct path_finder *f, const struct ike_question *question);
