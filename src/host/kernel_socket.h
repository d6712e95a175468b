/* The kernel's XFRM by netlink: one socket for requests, one at a time, and one that hears what the
 * kernel says by itself. */
#pragma once

#include "xfrm/xfrm.h"

struct kernel_socket;

/* Returns 0 or a negative errno: -EPROTONOSUPPORT where the kernel has no XFRM. */
int kernel_socket_open(struct kernel_socket **ret_socket);
void kernel_socket_close(struct kernel_socket *s);
int kernel_socket_events(const struct kernel_socket *s); /* the descriptor */

/* Sends a request that was built (`built` is what building it returned), gives each message of the
 * answer to `each`, and wipes the request. Returns 0 or a negative errno. */
int kernel_request(
	struct kernel_socket *s, struct xfrm_request *r, int built, mnl_cb_t each, void *context);

/* Reads what the kernel said: its size, 0 where nothing is left, or a negative errno: -ENOBUFS where
 * some of it was lost. */
int kernel_socket_read(struct kernel_socket *s, void *data, size_t size);
