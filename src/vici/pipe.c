/* The socket: accepts, reads into sessions, writes their records. A client that doesn't read loses events first, then
 * its connection. Memory goes when libuv has closed the last handle. */
#include "vici/pipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "vici/internal.h"

#define CLIENTS_MAX      64
#define EVENTS_QUEUE_MAX (1u << 20)  /* octets unread above which events are dropped */
#define QUEUE_MAX        (64u << 20) /* above which the client is: a list of all SAs fits in it */
#define READ_BYTES       65536

struct vici_server {
	struct vici *vici;
	uv_loop_t *loop;
	uv_pipe_t listener;
	uv_async_t later;
	uv_timer_t deadline;
	unsigned handles; /* that libuv hasn't closed yet */
	unsigned client_count;
	struct client *clients;
	bool closing;
	char path[108];
	char memory[READ_BYTES];
};

struct client {
	uv_pipe_t pipe;
	struct vici_server *server;
	struct vici_session *session;
	struct client *next;
};

struct write {
	uv_write_t request;
	struct vici_buffer record;
};

static void handle_closed(struct vici_server *s)
{
	if (--s->handles || !s->closing)
		return;
	vici_close(s->vici);
	free(s);
}

static void client_closed(uv_handle_t *handle)
{
	struct client *c = handle->data;
	struct vici_server *s = c->server;

	for (struct client **at = &s->clients; *at; at = &(*at)->next) {
		if (*at == c) {
			*at = c->next;
			break;
		}
	}
	vici_session_free(c->session);
	free(c);
	s->client_count--;
	handle_closed(s);
}

static void client_close(struct client *c)
{
	if (!uv_is_closing((uv_handle_t *)&c->pipe))
		uv_close((uv_handle_t *)&c->pipe, client_closed);
}

/* Out. */

static void written(uv_write_t *request, int status)
{
	struct write *w = request->data;
	struct client *c = request->handle->data;

	vici_free(&w->record);
	free(w);
	if (status < 0)
		client_close(c);
}

static bool client_deliver(void *context, struct vici_buffer *record, bool event)
{
	struct client *c = context;
	uv_stream_t *stream = (uv_stream_t *)&c->pipe;
	size_t queued = uv_stream_get_write_queue_size(stream);
	struct write *w;
	uv_buf_t buffer;

	if (uv_is_closing((uv_handle_t *)stream))
		return false;
	if (event && queued > EVENTS_QUEUE_MAX) {
		c->server->vici->events_dropped++;
		return true;
	}
	w = queued > QUEUE_MAX ? NULL : calloc(1, sizeof(*w));
	if (!w) {
		client_close(c);
		return false;
	}
	w->record = *record;
	*record = (struct vici_buffer){ 0 };
	w->request.data = w;
	buffer = uv_buf_init((char *)w->record.data, (unsigned)w->record.size);
	if (uv_write(&w->request, stream, &buffer, 1, written) != 0) {
		vici_free(&w->record);
		free(w);
		client_close(c);
		return false;
	}
	return true;
}

/* In. */

static void set_deadline(struct vici_server *s);

static void run_all(struct vici_server *s)
{
	if (s->closing)
		return;
	vici_run(s->vici);
	for (struct client *c = s->clients; c; c = c->next) {
		if (c->session && vici_session_dead(c->session))
			client_close(c);
	}
	set_deadline(s);
}

static void on_deadline(uv_timer_t *timer)
{
	run_all(timer->data);
}

static void set_deadline(struct vici_server *s)
{
	ike_time due = vici_deadline(s->vici), now = uv_hrtime();

	if (s->closing)
		return;
	if (due == IKE_TIME_NEVER) {
		uv_timer_stop(&s->deadline);
		return;
	}
	uv_update_time(s->loop);
	uv_timer_start(&s->deadline, on_deadline, due > now ? (due - now) / NS_PER_MS + 1 : 0, 0);
}

static void on_later(uv_async_t *async)
{
	run_all(async->data);
}

static void later(void *context)
{
	struct vici_server *s = context;

	if (!s->closing)
		uv_async_send(&s->later);
}

static void give_memory(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buffer)
{
	struct client *c = handle->data;

	(void)suggested;
	*ret_buffer = uv_buf_init(c->server->memory, sizeof(c->server->memory));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
	struct client *c = stream->data;
	int r;

	if (got < 0) {
		client_close(c);
		return;
	}
	r = vici_session_receive(c->session, BYTES(buffer->base, (size_t)got));
	if (got)
		bytes_wipe(buffer->base, (size_t)got); /* keys and secrets come this way */
	if (r)
		client_close(c);
	set_deadline(c->server);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct vici_server *s = listener->data;
	struct client *c = status < 0 ? NULL : calloc(1, sizeof(*c));

	if (!c || uv_pipe_init(s->loop, &c->pipe, 0) != 0) {
		free(c);
		return;
	}
	c->server = s;
	c->pipe.data = c;
	c->next = s->clients;
	s->clients = c;
	s->handles++;
	s->client_count++;
	if (uv_accept(listener, (uv_stream_t *)&c->pipe) == 0 && s->client_count <= CLIENTS_MAX)
		c->session = vici_session_new(s->vici, client_deliver, c);
	if (!c->session || uv_read_start((uv_stream_t *)&c->pipe, give_memory, on_read) != 0)
		client_close(c);
}

/* The file. */

static int make_parent(const char *path)
{
	char parent[108];
	char *slash;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return 0;
	*slash = 0;
	return mkdir(parent, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* Removes a socket that nobody listens on. Anything else is left alone. */
static int remove_stale(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	int fd, r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	r = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : -errno;
	close(fd);
	if (r == 0 || r == -EAGAIN)
		return -EADDRINUSE;
	if (r != -ECONNREFUSED)
		return r;
	return unlink(path) < 0 ? -errno : 0;
}

/* Listens with mode 0660 from the first moment: by umask, as a chmod() comes too late. */
static int server_listen(struct vici_server *s)
{
	mode_t before;
	int r = make_parent(s->path);

	if (!r)
		r = remove_stale(s->path);
	if (r)
		return r;
	before = umask(0117);
	r = uv_pipe_bind(&s->listener, s->path);
	umask(before);
	return r ? r : uv_listen((uv_stream_t *)&s->listener, 16, on_connection);
}

static void explain(int r, const char *path, char *problem, size_t problem_size)
{
	if (r == -EADDRINUSE)
		snprintf(problem, problem_size, "control socket %s: another daemon listens on it",
			path);
	else if (r == -EEXIST)
		snprintf(problem, problem_size,
			"control socket %s: a file that is no socket is there", path);
	else
		snprintf(problem, problem_size, "control socket %s: %s", path, strerror(-r));
}

static void other_closed(uv_handle_t *handle)
{
	handle_closed(handle->data);
}

/* The handles that there always are. Returns with s->handles saying how many were set up. */
static int server_init(struct vici_server *s)
{
	int r = uv_pipe_init(s->loop, &s->listener, 0);

	if (r)
		return r;
	s->listener.data = s->deadline.data = s->later.data = s;
	uv_timer_init(s->loop, &s->deadline);
	s->handles = 2;
	r = uv_async_init(s->loop, &s->later, on_later);
	if (!r)
		s->handles = 3;
	return r;
}

int vici_server_open(uv_loop_t *loop, const char *path, const struct vici_host *host,
	struct vici_server **ret_server, char *problem, size_t problem_size)
{
	struct vici_server *s = calloc(1, sizeof(*s));
	struct vici_host ours = *host;
	int r;

	ours.later = later;
	ours.later_context = s;
	if (!s || !(s->vici = vici_new(&ours)) || strlen(path) >= sizeof(s->path)) {
		r = s && s->vici ? -ENAMETOOLONG : -ENOMEM;
		explain(r, path, problem, problem_size);
		vici_close(s ? s->vici : NULL);
		free(s);
		return r;
	}
	s->loop = loop;
	snprintf(s->path, sizeof(s->path), "%s", path);
	r = server_init(s);
	if (!r)
		r = server_listen(s);
	if (r) {
		explain(r, path, problem, problem_size);
		vici_server_close(s);
		return r;
	}
	*ret_server = s;
	return 0;
}

/* libuv removes the socket's file with the listener. */
void vici_server_close(struct vici_server *s)
{
	if (!s)
		return;
	s->closing = true;
	if (!s->handles) {
		vici_close(s->vici);
		free(s);
		return;
	}
	for (struct client *c = s->clients; c; c = c->next)
		client_close(c);
	if (s->handles - s->client_count == 3)
		uv_close((uv_handle_t *)&s->later, other_closed);
	uv_close((uv_handle_t *)&s->deadline, other_closed);
	uv_close((uv_handle_t *)&s->listener, other_closed);
}

struct vici *vici_server_vici(struct vici_server *s)
{
	return s->vici;
}
