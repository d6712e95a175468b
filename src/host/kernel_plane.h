/* The kernel's data plane (XFRM): carries out the engine's operations as states and policies, and tells it
 * what the kernel says. */
#pragma once

#include "host/data_plane.h"

struct kernel_plane;

/* Probes the kernel, removes what a crashed run left there, and lets the UDP sockets, which are open, pass
 * IKE by and ESP in UDP to the kernel. `all`: only where the kernel has both AES-GCM and AES-CBC with
 * HMAC-SHA-256 for each family; else ESP with any of them is enough. NULL with words in `why`. */
struct kernel_plane *kernel_plane_new(struct host *h, bool all, char *why, size_t why_size);

int kernel_plane_watch(struct kernel_plane *k); /* in the loop; 0 or libuv's error */
void kernel_plane_stop(
	struct kernel_plane *k); /* takes everything out of the kernel, and the loop */
void kernel_plane_free(struct kernel_plane *k); /* when the loop has let go */
