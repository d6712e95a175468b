/* Watches this host's addresses, links and routes (rtnetlink's groups), and says when to look at them
 * again. */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <uv.h>

struct monitor {
	struct mnl_socket *socket;
	uv_poll_t poll;
	uv_timer_t quiet; /* changes come in bursts: one report for each */
	unsigned ours;    /* index of our own device: what happens to it is our own doing */
	void (*changed)(void *context);
	void *context;
};

/* In the loop's thread: `changed` is called there, some 100 ms after the first of several changes.
 * Returns 0 or a negative errno; then nothing is watched. */
int monitor_open(struct monitor *m, uv_loop_t *loop);
void monitor_close(struct monitor *m); /* the handles are closed when the loop has run once more */

/* Whether one message means that a path may be another now. Pure but for `ours`. */
bool monitor_matters(const struct monitor *m, const struct nlmsghdr *h);
