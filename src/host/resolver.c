/* Our lines in a resolv.conf carry a mark, so that exactly they can be taken out again, by us or by
 * the next run; a line of domains to search has room for none, so the mark is in the one before. The file is rewritten in place: it may be a mount of its own or a link, which a
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
#define NAME_BYTES_MAX 254 /* of a domain, with its end */
#define LIST_BYTES_MAX (RESOLVER_DOMAINS_MAX * (NAME_BYTES_MAX + 1))
#define SEARCH         "search "
#define SEARCH_MARK    "# what follows is added" MARK

/* systemd-resolved runs where this is. */
#define RESOLVED_RUNS "/run/systemd/resolve/resolv.conf"

enum way { WAY_FILE, WAY_RESOLVECTL, WAY_RESOLVCONF };

struct server {
	struct address address;
	size_t users;
};

struct domain {
	char name[NAME_BYTES_MAX];
	bool only;
	size_t users;
};

struct resolver {
	struct resolver_options options;
	enum way way;
	char program[256];
	size_t count, domain_count;
	struct server servers[RESOLVER_SERVERS_MAX];
	struct domain domains[RESOLVER_DOMAINS_MAX];
	size_t for_all; /* how many gave servers for all names */
	uv_process_t process;
	bool running, again;
};

/* The file. */

static bool is_ours(const char *line, size_t size)
{
	size_t mark = strlen(MARK);

	return size > mark && memcmp(line + size - mark, MARK, mark) == 0;
}

/* What of the file isn't ours. Returns its size. */
static size_t copy_others(struct bytes before, char *out)
{
	const char *at = (const char *)before.data, *end = at + before.size;
	bool marked = false; /* the line before says that this one is ours */
	size_t used = 0;

	while (at < end) {
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((line_end ? line_end : end) - at);
		size_t whole = size + (line_end != NULL);
		bool ours = is_ours(at, size) ||
			(marked && size > strlen(SEARCH) &&
				memcmp(at, SEARCH, strlen(SEARCH)) == 0);

		marked = size == strlen(SEARCH_MARK) && memcmp(at, SEARCH_MARK, size) == 0;
		if (!ours) {
			memcpy(out + used, at, whole);
			used += whole;
		}
		at += whole;
	}
	return used;
}

char *resolver_text(struct bytes before, const struct resolver_given *given, size_t *ret_size)
{
	char *out = malloc(
		before.size + (given->count + 2) * LINE_BYTES_MAX + strlen(given->search) + 1);
	char text[ADDRESS_TEXT_MAX];
	size_t used = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < given->count; i++)
		used += (size_t)sprintf(out + used, "nameserver %s" MARK "\n",
			address_print(&given->servers[i], text));
	used += copy_others(before, out + used);
	if (given->search[0])
		used += (size_t)sprintf(out + used, "%s" SEARCH_MARK "\n" SEARCH "%s\n",
			used && out[used - 1] != '\n' ? "\n" : "", given->search);
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

static int rewrite(int fd, const struct resolver_given *given)
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
	after = got < 0 ? NULL : resolver_text(BYTES(before, (size_t)got), given, &size);
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
static void update_file(struct resolver *r, const struct resolver_given *given)
{
	bool any = given->count || given->search[0];
	const char *path = r->options.file && *r->options.file ? r->options.file : DEFAULT_FILE;
	int fd = open(path, O_RDWR | O_CLOEXEC | (any ? O_CREAT : 0), 0644), error;

	if (fd < 0) {
		if (errno != ENOENT || any)
			fail(r, path, -errno);
		return;
	}
	error = rewrite(fd, given);
	close(fd);
	if (error)
		fail(r, path, error);
}

/* The programs, by way of a shell: $1 is the program, $2 the device, $3 how many servers there are; then
 * come those and the domains. */

#define SERVERS                                                                                    \
	"p=$1; i=$2; n=$3; s=; shift 3; for a; do [ $n = 0 ] && break; s=\"$s $a\"; shift; n=$((n-1)); done; "

static const char *const scripts[] = {
	[WAY_RESOLVECTL] = SERVERS "if [ -z \"$s\" ]; then \"$p\" revert \"$i\"; "
				   "else \"$p\" dns \"$i\" $s && \"$p\" domain \"$i\" \"$@\"; fi",
	[WAY_RESOLVCONF] = SERVERS
	"i=$i.tern; if [ -z \"$s\" ]; then \"$p\" -d \"$i\" -f; "
	"else { for a in $s; do echo \"nameserver $a\"; done; [ $# = 0 ] || echo \"search $*\"; } "
	"| \"$p\" -a \"$i\"; fi",
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
	char texts[RESOLVER_SERVERS_MAX][ADDRESS_TEXT_MAX], count[12],
		names[RESOLVER_DOMAINS_MAX][NAME_BYTES_MAX + 1];
	const char *arguments[RESOLVER_SERVERS_MAX + RESOLVER_DOMAINS_MAX + 9] = { "/bin/sh", "-c",
		scripts[r->way], "sh", r->program, r->options.interface, count };
	const char **next = &arguments[7];
	uv_process_options_t o = {
		.exit_cb = on_ended, .file = "/bin/sh", .args = (char **)(uintptr_t)arguments
	};
	int error;

	r->again = r->running;
	if (r->running)
		return;
	snprintf(count, sizeof(count), "%zu", r->count);
	for (size_t i = 0; i < r->count; i++)
		*next++ = address_print(&r->servers[i].address, texts[i]);
	for (size_t i = 0; i < r->domain_count; i++) {
		const struct domain *d = &r->domains[i];

		if (d->only && (r->way != WAY_RESOLVECTL || r->for_all))
			continue;
		snprintf(names[i], sizeof(names[i]), "%s%s", d->only ? "~" : "", d->name);
		*next++ = names[i];
	}
	if (r->way == WAY_RESOLVECTL && r->for_all)
		*next = "~.";
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
	struct resolver_given all = { .count = r->count, .servers = list };
	char search[LIST_BYTES_MAX] = "";
	size_t used = 0;

	if (r->way != WAY_FILE) {
		run_program(r);
		return;
	}
	for (size_t i = 0; i < r->count; i++)
		list[i] = r->servers[i].address;
	for (size_t i = 0; i < r->domain_count; i++)
		if (!r->domains[i].only)
			used += (size_t)snprintf(search + used, sizeof(search) - used, "%s%s",
				used ? " " : "", r->domains[i].name);
	all.search = search;
	update_file(r, &all);
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
	if (!r || (!r->count && !r->domain_count))
		return;
	r->count = r->domain_count = r->for_all = 0;
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

static struct domain *domain_find(struct resolver *r, const char *name, size_t size, bool only)
{
	for (size_t i = 0; i < r->domain_count; i++)
		if (r->domains[i].only == only && strlen(r->domains[i].name) == size &&
			memcmp(r->domains[i].name, name, size) == 0)
			return &r->domains[i];

	return NULL;
}

/* Each returns whether there is something to tell. */

static bool add_domain(struct resolver *r, const char *name, size_t size, bool only)
{
	struct domain *d = domain_find(r, name, size, only);

	if (d) {
		d->users++;
		return false;
	}
	if (r->domain_count == RESOLVER_DOMAINS_MAX || size >= NAME_BYTES_MAX)
		return false;
	d = &r->domains[r->domain_count++];
	*d = (struct domain){ .only = only, .users = 1 };
	memcpy(d->name, name, size);
	return true;
}

static bool remove_domain(struct resolver *r, const char *name, size_t size, bool only)
{
	struct domain *d = domain_find(r, name, size, only);

	if (!d || --d->users)
		return false;
	r->domain_count--;
	memmove(d, d + 1, (size_t)(&r->domains[r->domain_count] - d) * sizeof(*d));
	return true;
}

static bool each_domain(struct resolver *r, const char *list, bool only,
	bool (*change)(struct resolver *, const char *, size_t, bool))
{
	bool changed = false;

	while (*list) {
		size_t size = strcspn(list, " ");

		changed = (size && change(r, list, size, only)) || changed;
		list += size;
		list += strspn(list, " ");
	}
	return changed;
}

static bool add_server(struct resolver *r, const struct address *a)
{
	struct server *s = server_find(r, a);

	if (s)
		s->users++;
	else if (r->count < RESOLVER_SERVERS_MAX)
		r->servers[r->count++] = (struct server){ *a, 1 };
	else
		return false;
	return !s;
}

static bool remove_server(struct resolver *r, const struct address *a)
{
	struct server *s = server_find(r, a);

	if (!s || --s->users)
		return false;
	r->count--;
	memmove(s, s + 1, (size_t)(&r->servers[r->count] - s) * sizeof(*s));
	return true;
}

static bool is_for_all(const struct resolver_given *given)
{
	return given->count && !given->only[0];
}

void resolver_add(struct resolver *r, const struct resolver_given *given)
{
	bool changed = false;

	if (!r->options.install)
		return;
	for (size_t i = 0; i < given->count; i++)
		changed = add_server(r, &given->servers[i]) || changed;
	changed = each_domain(r, given->search, false, add_domain) || changed;
	changed = each_domain(r, given->only, true, add_domain) || changed;
	if (is_for_all(given))
		changed = !r->for_all++ || changed;
	if (changed)
		update(r);
}

void resolver_remove(struct resolver *r, const struct resolver_given *given)
{
	bool changed = false;

	if (!r->options.install)
		return;
	for (size_t i = 0; i < given->count; i++)
		changed = remove_server(r, &given->servers[i]) || changed;
	changed = each_domain(r, given->search, false, remove_domain) || changed;
	changed = each_domain(r, given->only, true, remove_domain) || changed;
	if (is_for_all(given) && r->for_all)
		changed = !--r->for_all || changed;
	if (changed)
		update(r);
}
