/* Our lines in a resolv.conf carry a mark, so that exactly they can be taken out again, by us or by
 * the next run. The file is rewritten in place: it may be a mount of its own or a link, which a
 * rename would break. The programs are run one after another and not waited for, as the loop goes
 * on; what they keep for our device goes with the device. */
#include "host/resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK           "   # by tern"
#define DEFAULT_FILE   "/etc/resolv.conf"
#define FILE_BYTES_MAX (1u << 20)
#define LINE_BYTES_MAX 100

/* systemd-resolved runs where this is. */
#define RESOLVED_RUNS "/run/systemd/resolve/resolv.conf"

enum way { WAY_FILE, WAY_RESOLVECTL, WAY_RESOLVCONF };

struct server {
	struct address address;
	size_t users;
};

struct resolver {
	struct resolver_options options;
	enum way way;
	char program[256];
	size_t count;
	struct server servers[RESOLVER_SERVERS_MAX];
	uv_process_t process;
	bool running, again;
};

/* The file. */

static bool is_ours(const char *line, size_t size)
{
	size_t mark = strlen(MARK);

	return size > mark && memcmp(line + size - mark, MARK, mark) == 0;
}

char *resolver_text(
	struct bytes before, const struct address *servers, size_t count, size_t *ret_size)
{
	char *out = malloc(before.size + count * LINE_BYTES_MAX + 1);
	const char *at = (const char *)before.data, *end = at + before.size;
	char text[ADDRESS_TEXT_MAX];
	size_t used = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < count; i++)
		used += (size_t)sprintf(
			out + used, "nameserver %s" MARK "\n", address_print(&servers[i], text));
	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((line_end ? line_end : end) - at);

		if (!is_ours(at, size)) {
			size_t whole = size + (line_end != NULL);

			memcpy(out + used, at, whole);
			used += whole;
		}
		at += size + (line_end != NULL);
	}
	*ret_size = used;
	return out;
}

static int write_whole(int fd, const char *text, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(fd, text + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

static int rewrite(int fd, const struct address *servers, size_t count)
{
	char *before, *after;
	struct stat st;
	size_t size = 0;
	ssize_t got;
	int r = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX)
		return -EINVAL;
	before = malloc((size_t)st.st_size + 1);
	got = before ? pread(fd, before, (size_t)st.st_size, 0) : -1;
	after = got < 0 ? NULL : resolver_text(BYTES(before, (size_t)got), servers, count, &size);
	if (!after)
		r = -ENOMEM;
	else if (size != (size_t)got || memcmp(before, after, size) != 0)
		r = write_whole(fd, after, size);
	free(before);
	free(after);
	return r;
}

static void fail(struct resolver *r, const char *what, int error)
{
	char text[400];

	snprintf(text, sizeof(text), "name servers: %s: %s", what, strerror(-error));
	r->options.failed(r->options.context, text);
}

/* A file that is not there is made only where there is something to write. */
static void update_file(struct resolver *r, const struct address *servers, size_t count)
{
	const char *path = r->options.file && *r->options.file ? r->options.file : DEFAULT_FILE;
	int fd = open(path, O_RDWR | O_CLOEXEC | (count ? O_CREAT : 0), 0644), error;

	if (fd < 0) {
		if (errno != ENOENT || count)
			fail(r, path, -errno);
		return;
	}
	error = rewrite(fd, servers, count);
	close(fd);
	if (error)
		fail(r, path, error);
}

/* The programs, by way of a shell: $1 is the program, $2 the device, the rest the servers. */

static const char *const scripts[] = {
	[WAY_RESOLVECTL] = "p=$1; i=$2; shift 2; if [ $# = 0 ]; then \"$p\" revert \"$i\"; "
			   "else \"$p\" dns \"$i\" \"$@\" && \"$p\" domain \"$i\" '~.'; fi",
	[WAY_RESOLVCONF] = "p=$1; i=$2.tern; shift 2; if [ $# = 0 ]; then \"$p\" -d \"$i\" -f; "
			   "else for s; do echo \"nameserver $s\"; done | \"$p\" -a \"$i\"; fi",
};

static void run_program(struct resolver *r);

static void on_closed(uv_handle_t *process)
{
	struct resolver *r = process->data;

	r->running = false;
	if (r->again)
		run_program(r);
}

static void on_ended(uv_process_t *process, int64_t status, int signal)
{
	struct resolver *r = process->data;

	if (status || signal)
		fail(r, r->program, -EIO);
	uv_close((uv_handle_t *)process, on_closed);
}

/* One at a time: what changes meanwhile is told by the next. */
static void run_program(struct resolver *r)
{
	char texts[RESOLVER_SERVERS_MAX][ADDRESS_TEXT_MAX];
	const char *arguments[RESOLVER_SERVERS_MAX + 7] = { "/bin/sh", "-c", scripts[r->way], "sh",
		r->program, r->options.interface };
	uv_process_options_t o = {
		.exit_cb = on_ended, .file = "/bin/sh", .args = (char **)(uintptr_t)arguments
	};
	int error;

	r->again = r->running;
	if (r->running)
		return;
	for (size_t i = 0; i < r->count; i++)
		arguments[6 + i] = address_print(&r->servers[i].address, texts[i]);
	r->process.data = r;
	r->running = true;
	error = uv_spawn(r->options.loop, &r->process, &o);
	if (error) {
		fail(r, r->program, error);
		uv_close((uv_handle_t *)&r->process, on_closed);
	}
}

/* Both. */

static void update(struct resolver *r)
{
	struct address list[RESOLVER_SERVERS_MAX];

	for (size_t i = 0; i < r->count; i++)
		list[i] = r->servers[i].address;
	if (r->way == WAY_FILE)
		update_file(r, list, r->count);
	else
		run_program(r);
}

static bool find_program(struct resolver *r, const char *name)
{
	static const char *const directories[] = { "/usr/bin", "/usr/sbin", "/bin", "/sbin" };

	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		snprintf(r->program, sizeof(r->program), "%s/%s", directories[i], name);
		if (access(r->program, X_OK) == 0)
			return true;
	}
	return false;
}

static enum way find_way(struct resolver *r)
{
	if (r->options.resolvconf && *r->options.resolvconf) {
		snprintf(r->program, sizeof(r->program), "%s", r->options.resolvconf);
		return WAY_RESOLVCONF;
	}
	if (r->options.file && *r->options.file)
		return WAY_FILE;
	if (access(RESOLVED_RUNS, F_OK) == 0 && find_program(r, "resolvectl"))
		return WAY_RESOLVECTL;
	return find_program(r, "resolvconf") ? WAY_RESOLVCONF : WAY_FILE;
}

struct resolver *resolver_new(const struct resolver_options *options)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->options = *options;
	r->way = find_way(r);
	/* What resolved knows of a device went with that. */
	if (options->install && r->way != WAY_RESOLVECTL)
		update(r);
	return r;
}

void resolver_close(struct resolver *r)
{
	if (!r || !r->count)
		return;
	r->count = 0;
	update(r);
}

void resolver_free(struct resolver *r)
{
	free(r);
}

static struct server *server_find(struct resolver *r, const struct address *a)
{
	for (size_t i = 0; i < r->count; i++)
		if (address_equal(&r->servers[i].address, a))
			return &r->servers[i];

	return NULL;
}

void resolver_add(struct resolver *r, const struct address *servers, size_t count)
{
	size_t before = r->count;

	for (size_t i = 0; r->options.install && i < count; i++) {
		struct server *s = server_find(r, &servers[i]);

		if (s)
			s->users++;
		else if (r->count < RESOLVER_SERVERS_MAX)
			r->servers[r->count++] = (struct server){ servers[i], 1 };
	}
	if (r->count != before)
		update(r);
}

void resolver_remove(struct resolver *r, const struct address *servers, size_t count)
{
	size_t before = r->count;

	for (size_t i = 0; i < count; i++) {
		struct server *s = server_find(r, &servers[i]);

		if (!s || --s->users)
			continue;
		r->count--;
		memmove(s, s + 1, (size_t)(&r->servers[r->count] - s) * sizeof(*s));
	}
	if (r->count != before)
		update(r);
}
