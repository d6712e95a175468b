/* A blocking VICI client: one request at a time, and the events that come meanwhile. */
#include "cli/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

__attribute__((format(printf, 3, 4))) static int fail(
	struct client *c, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(c->problem, sizeof(c->problem), format, arguments);
	va_end(arguments);

	return -error;
}

static int fail_to_connect(struct client *c, int error)
{
	if (error == ENOENT || error == ECONNREFUSED)
		return fail(c, error,
			"ternd is not running: nothing listens on %s (start ternd, or name its socket with"
			" --vici PATH)",
			c->path);
	if (error == EACCES || error == EPERM)
		return fail(c, error, "%s: permission denied: run tern as root", c->path);

	return fail(c, error, "%s: %s", c->path, strerror(error));
}

int client_open(struct client *c, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*c = (struct client){ .fd = -1, .path = path };
	if (strlen(path) >= sizeof(address.sun_path))
		return fail(c, ENAMETOOLONG,
			"%s: too long for a socket's path: at most %zu octets fit", path,
			sizeof(address.sun_path) - 1);

	memcpy(address.sun_path, path, strlen(path));
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return fail(c, errno, "no socket: %s", strerror(errno));
	if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return fail_to_connect(c, errno);

	return 0;
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	vici_stream_free(&c->in);
}

static int ended(struct client *c)
{
	return fail(c, ECONNRESET, "ternd closed the connection on %s: see its log", c->path);
}

static int send_all(struct client *c, const struct vici_buffer *b)
{
	for (size_t sent = 0; sent < b->size;) {
		ssize_t n = send(c->fd, b->data + sent, b->size - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ended(c);
		sent += (size_t)n;
	}

	return 0;
}

static int send_request(struct client *c, struct vici_buffer *b)
{
	int r = vici_finish(b) ? send_all(c, b)
			       : fail(c, EMSGSIZE, "the request is longer than VICI allows");

	vici_free(b);

	return r;
}

/* The next packet; a view until the next call. */
static int receive(struct client *c, struct vici_packet *ret_packet)
{
	struct bytes record;
	uint8_t chunk[16384];

	while (!vici_stream_next(&c->in, &record)) {
		ssize_t n = recv(c->fd, chunk, sizeof(chunk), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ended(c);
		if (vici_stream_add(&c->in, BYTES(chunk, (size_t)n)) < 0)
			return fail(c, EBADMSG, "%s: a record that is too long", c->path);
	}
	if (vici_packet_decode(record, ret_packet) < 0)
		return fail(c, EBADMSG, "%s: this is no VICI: is it ternd's socket?", c->path);

	return 0;
}

static int decode(struct client *c, const struct vici_packet *packet, struct tree **ret_tree)
{
	int r = vici_message_decode(packet->message, ret_tree);

	return r < 0 ? fail(c, -r, "%s: a message that can't be read", c->path) : 0;
}

static int hand_on(
	struct client *c, const struct vici_packet *packet, client_event_fn *event, void *context)
{
	struct tree *message;
	bool more;
	int r;

	if (!event)
		return 0;

	r = decode(c, packet, &message);
	if (r < 0)
		return r;
	more = event(context, packet->name, &message->root);
	tree_free(message);

	return more ? 0 : fail(c, ECANCELED, "cancelled");
}

int client_register(struct client *c, const char *event)
{
	struct vici_packet packet;
	struct vici_buffer b;
	int r;

	vici_begin(&b, VICI_EVENT_REGISTER, event);
	r = send_request(c, &b);
	while (r == 0) {
		r = receive(c, &packet);
		if (r == 0 && packet.type == VICI_EVENT_CONFIRM)
			return 0;
		if (r == 0 && packet.type == VICI_EVENT_UNKNOWN)
			return fail(c, ENOSYS, "this ternd has no event '%s'", event);
	}

	return r;
}

int client_request(struct client *c, struct vici_buffer *request, client_event_fn *event,
	void *context, struct tree **ret_response)
{
	struct vici_packet packet;
	int r = send_request(c, request);

	while (r == 0) {
		r = receive(c, &packet);
		if (r < 0)
			return r;
		if (packet.type == VICI_CMD_RESPONSE)
			return decode(c, &packet, ret_response);
		if (packet.type == VICI_CMD_UNKNOWN)
			return fail(c, ENOSYS,
				"the daemon doesn't know this command: is it another version than %s?",
				TERN_VERSION);
		if (packet.type == VICI_EVENT)
			r = hand_on(c, &packet, event, context);
	}

	return r;
}

int client_follow(struct client *c, client_event_fn *event, void *context)
{
	struct vici_packet packet;
	int r;

	do {
		r = receive(c, &packet);
		if (r == 0 && packet.type == VICI_EVENT)
			r = hand_on(c, &packet, event, context);
	} while (r == 0);

	return r == -ECANCELED ? 0 : r;
}
