/* A data plane as the rest of the daemon sees it: who carries ESP. There are two, user space's (plane.h)
 * and the kernel's (kernel_plane.h); which one it is, is decided once, at the start. */
#pragma once

#include "esp/esp.h"
#include "tern/ike.h"

struct host;

struct data_plane {
	const char *name; /* "user-space" */

	/* Transport mode needs routes into our device, too. */
	bool routes_transport;

	/* Carries out an operation. Returns 0, or a negative errno with words in `reason`. */
	int (*operate)(struct host *h, ike_time now, const struct ike_operation *o, char *reason,
		size_t reason_size);

	/* An inbound SPI that no SA has. Returns 0 or a negative errno. */
	int (*choose_spi)(struct host *h, ike_time now, uint32_t *ret_spi);

	/* Counters. Return 0, or -ENOENT where there is no such child or trap. */
	int (*child_stats)(struct host *h, uint32_t child_id, struct esp_child_stats *ret_stats);
	int (*trap_stats)(struct host *h, uint32_t reqid, struct esp_trap_stats *ret_stats);
};

extern const struct data_plane data_plane_user, data_plane_kernel;

/* Takes the one that the settings say, once the UDP sockets are open; `auto` takes the kernel's where it
 * has what ESP needs. Returns 0, or -1 with words for people in `problem`. */
int data_plane_choose(struct host *h, char *problem, size_t problem_size);
