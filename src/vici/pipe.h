/* VICI's socket in a libuv loop. */
#pragma once

#include "vici/server.h"

#include <uv.h>

struct vici_server;

/* Creates the directory above `path` where it isn't there, replaces a socket that nobody listens on, and listens with
 * mode 0660. Returns 0; or a negative errno with words in `problem`: -EADDRINUSE where somebody listens. host->later
 * is set here. */
int vici_server_open(uv_loop_t *loop, const char *path, const struct vici_host *host,
	struct vici_server **ret_server, char *problem, size_t problem_size);

/* Sessions, sockets and the file go; memory once the loop has run: let it run empty. NULL is fine. */
void vici_server_close(struct vici_server *server);

struct vici *vici_server_vici(struct vici_server *server);
