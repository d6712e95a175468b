/* A blocking VICI client over a plain socket. */
#pragma once

#include "vici/codec.h"

struct client {
	int fd;
	const char *path; /* of the socket; borrowed */
	struct vici_stream in;
	char problem[512]; /* what went wrong, in words */
};

/* `name` of the event, and its message, which is valid during the call. False ends the wait with -ECANCELED. */
typedef bool client_event_fn(void *context, const char *name, const struct tree_node *message);

/* All return 0, or a negative errno with words in `problem`. */
int client_open(struct client *c, const char *path);
void client_close(struct client *c);

int client_register(struct client *c, const char *event);

/* Sends the request (begun with vici_begin(); freed here) and waits for its response; events on the way go to
 * `event`, where one is given. The response is the caller's. -ENOSYS: the daemon doesn't know the command. */
int client_request(struct client *c, struct vici_buffer *request, client_event_fn *event,
	void *context, struct tree **ret_response);

/* Hands on events until `event` returns false (0) or the connection ends. */
int client_follow(struct client *c, client_event_fn *event, void *context);
