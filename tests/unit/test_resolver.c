/* Name servers for the host: lines of a file that go as they came, and a program that is told. */
#include "host/resolver.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/tern-resolver-XXXXXX";
static uv_loop_t loop;
static unsigned failures;

static void failed(void *context, const char *text)
{
	(void)context;
	(void)text;
	failures++;
}

static struct address address(const char *text)
{
	struct address a;

	assert_int_equal(address_parse(text, &a), 0);
	return a;
}

static const char *path(const char *name)
{
	static char out[2][100];
	static unsigned turn;

	turn = !turn;
	snprintf(out[turn], sizeof(out[turn]), "%s/%s", directory, name);
	return out[turn];
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void assert_file(const char *name, const char *text)
{
	char got[2000] = "";
	int fd = open(path(name), O_RDONLY);

	assert_true(fd >= 0);
	assert_true(read(fd, got, sizeof(got) - 1) >= 0);
	close(fd);
	assert_string_equal(got, text);
}

static struct resolver_given given(const struct address *servers, size_t count)
{
	return (struct resolver_given){ count, servers, "", "" };
}

static void add(struct resolver *r, const struct address *servers, size_t count)
{
	const struct resolver_given g = given(servers, count);

	resolver_add(r, &g);
}

static void take_away(struct resolver *r, const struct address *servers, size_t count)
{
	const struct resolver_given g = given(servers, count);

	resolver_remove(r, &g);
}

static struct resolver *resolver(const char *file, const char *program, bool install)
{
	const struct resolver_options o = { .loop = &loop,
		.interface = "tern0",
		.file = file,
		.resolvconf = program,
		.install = install,
		.failed = failed };
	struct resolver *r = resolver_new(&o);

	assert_non_null(r);
	return r;
}

static void ours_come_first_and_the_rest_stays(void **state)
{
	const struct address four = address("10.2.0.53"), six = address("fd02::53");
	struct resolver *r;

	(void)state;
	write_file("resolv.conf", "search example.org\nnameserver 192.0.2.9\nno end", 0600);
	r = resolver(path("resolv.conf"), "", true);
	assert_file("resolv.conf", "search example.org\nnameserver 192.0.2.9\nno end");
	add(r, &four, 1);
	add(r, &six, 1);
	add(r, &four, 1);
	assert_file("resolv.conf",
		"nameserver 10.2.0.53   # by tern\nnameserver fd02::53   # by tern\n"
		"search example.org\nnameserver 192.0.2.9\nno end");
	take_away(r, &four, 1);
	take_away(r, &six, 1);
	assert_file("resolv.conf",
		"nameserver 10.2.0.53   # by tern\nsearch example.org\nnameserver 192.0.2.9\nno end");
	resolver_close(r);
	resolver_free(r);
	assert_file("resolv.conf", "search example.org\nnameserver 192.0.2.9\nno end");
}

/* A later line of domains counts, so ours is the last. */
static void domains_come_last(void **state)
{
	const struct address four = address("10.2.0.53");
	const struct resolver_given sun = { 1, &four, "sun.example", "a.example" },
				    moon = { 1, &four, "moon.example sun.example", "" };
	struct resolver *r;

	(void)state;
	write_file("resolv.conf", "search example.org\nnameserver 192.0.2.9\n", 0600);
	r = resolver(path("resolv.conf"), "", true);
	resolver_add(r, &sun);
	assert_file("resolv.conf",
		"nameserver 10.2.0.53   # by tern\nsearch example.org\nnameserver 192.0.2.9\n"
		"# what follows is added   # by tern\nsearch sun.example\n");
	resolver_add(r, &moon);
	resolver_remove(r, &sun);
	assert_file("resolv.conf",
		"nameserver 10.2.0.53   # by tern\nsearch example.org\nnameserver 192.0.2.9\n"
		"# what follows is added   # by tern\nsearch sun.example moon.example\n");
	resolver_free(r); /* a crash */
	r = resolver(path("resolv.conf"), "", true);
	assert_file("resolv.conf", "search example.org\nnameserver 192.0.2.9\n");
	write_file("resolv.conf", "no end", 0600);
	resolver_add(r, &sun);
	resolver_remove(r, &sun);
	resolver_free(r);
	assert_file("resolv.conf", "no end\n");
}

static void what_a_crash_left_goes_at_the_next_start(void **state)
{
	(void)state;
	write_file("resolv.conf", "nameserver 10.2.0.53   # by tern\nnameserver 192.0.2.9\n", 0600);
	resolver_free(resolver(path("resolv.conf"), "", true));
	assert_file("resolv.conf", "nameserver 192.0.2.9\n");
}

static void nothing_is_written_where_it_is_off(void **state)
{
	const struct address four = address("10.2.0.53");
	struct resolver *r;

	(void)state;
	write_file("resolv.conf", "nameserver 192.0.2.9\n", 0600);
	r = resolver(path("resolv.conf"), "", false);
	add(r, &four, 1);
	assert_file("resolv.conf", "nameserver 192.0.2.9\n");
	resolver_close(r);
	resolver_free(r);
}

/* A program like resolvconf that writes down what it was told. */
static void a_program_is_told_one_thing_after_the_other(void **state)
{
	const struct address list[] = { address("10.2.0.53"), address("fd02::53") };
	const struct resolver_given sun = { 1, list, "sun.example", "a.example b.example" };
	char script[400];
	struct resolver *r;

	(void)state;
	snprintf(script, sizeof(script),
		"#!/bin/sh\necho \"$@\" >>%s/told\n[ $1 = -a ] && cat >>%s/told\nexit 0\n",
		directory, directory);
	write_file("program", script, 0700);
	write_file("told", "", 0600);
	r = resolver("", path("program"), true);
	uv_run(&loop, UV_RUN_DEFAULT);
	add(r, list, 2);
	take_away(r, list, 1);
	uv_run(&loop, UV_RUN_DEFAULT);
	take_away(r, list + 1, 1);
	uv_run(&loop, UV_RUN_DEFAULT);
	resolver_add(r, &sun);
	uv_run(&loop, UV_RUN_DEFAULT);
	resolver_close(r);
	uv_run(&loop, UV_RUN_DEFAULT);
	resolver_free(r);
	assert_int_equal(failures, 0);
	assert_file("told",
		"-d tern0.tern -f\n"
		"-a tern0.tern\nnameserver 10.2.0.53\nnameserver fd02::53\n"
		"-a tern0.tern\nnameserver fd02::53\n"
		"-d tern0.tern -f\n"
		"-a tern0.tern\nnameserver 10.2.0.53\nsearch sun.example\n"
		"-d tern0.tern -f\n");
}

static void a_program_that_fails_is_said_to(void **state)
{
	struct resolver *r;

	(void)state;
	write_file("program", "#!/bin/sh\nexit 3\n", 0700);
	r = resolver("", path("program"), true);
	uv_run(&loop, UV_RUN_DEFAULT);
	resolver_free(r);
	assert_int_equal(failures, 1);
}

/* In a mount namespace of our own systemd-resolved seems to run and has a resolvectl that writes down what it
 * is told, and fails where `refuse` is there. */
static bool resolved_runs(void)
{
	static const char link[] = "/usr/sbin/resolvectl", real[] = "/usr/bin/resolvectl";
	char script[400];
	struct stat st;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tern", "/run", "tmpfs", 0, NULL) < 0 || mkdir("/run/systemd", 0755) < 0 ||
		mkdir("/run/systemd/resolve", 0755) < 0 ||
		close(creat("/run/systemd/resolve/resolv.conf", 0644)) < 0)
		return false;
	snprintf(script, sizeof(script), "#!/bin/sh\necho \"$@\" >>%s/told\n[ ! -f %s/refuse ]\n",
		directory, directory);
	write_file("program", script, 0700);
	write_file("told", "", 0600);
	if (access(real, F_OK) == 0)
		return mount(path("program"), real, NULL, MS_BIND, NULL) == 0;
	return lstat("/usr/sbin", &st) == 0 && S_ISDIR(st.st_mode) &&
		mount("tern", "/usr/sbin", "tmpfs", 0, NULL) == 0 &&
		symlink(path("program"), link) == 0;
}

static void resolved_is_told_by_resolvectl(void **state)
{
	const struct address list[] = { address("10.2.0.53"), address("fd02::53") };
	const struct resolver_given sun = { 1, list, "sun.example", "a.example b.example" };
	struct resolver *r;

	(void)state;
	if (!resolved_runs())
		skip();
	failures = 0;
	r = resolver("", "", true);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_file("told", ""); /* of a device that is new it knows nothing */
	add(r, list, 1);
	add(r, list + 1, 1); /* while the first still runs */
	take_away(r, list, 1);
	uv_run(&loop, UV_RUN_DEFAULT);
	resolver_close(r);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(failures, 0);
	assert_file("told",
		"dns tern0 10.2.0.53\ndomain tern0 ~.\n"
		"dns tern0 fd02::53\ndomain tern0 ~.\n"
		"revert tern0\n");
	write_file("told", "", 0600);
	resolver_add(r, &sun);
	uv_run(&loop, UV_RUN_DEFAULT);
	add(r, list, 1); /* somebody's for all names */
	uv_run(&loop, UV_RUN_DEFAULT);
	resolver_close(r);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_file("told",
		"dns tern0 10.2.0.53\ndomain tern0 sun.example ~a.example ~b.example\n"
		"dns tern0 10.2.0.53\ndomain tern0 sun.example ~.\n"
		"revert tern0\n");
	write_file("told", "", 0600);
	write_file("refuse", "", 0600);
	add(r, list, 1);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(failures, 1);
	assert_file("told", "dns tern0 10.2.0.53\n"); /* no domain without a server */
	resolver_free(r);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(directory) && uv_loop_init(&loop) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const files[] = { "resolv.conf", "program", "told", "refuse" };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		unlink(path(files[i]));
	rmdir(directory);
	return uv_loop_close(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours_come_first_and_the_rest_stays),
		cmocka_unit_test(domains_come_last),
		cmocka_unit_test(what_a_crash_left_goes_at_the_next_start),
		cmocka_unit_test(nothing_is_written_where_it_is_off),
		cmocka_unit_test(a_program_is_told_one_thing_after_the_other),
		cmocka_unit_test(a_program_that_fails_is_said_to),
		cmocka_unit_test(resolved_is_told_by_resolvectl), /* leaves a world where it runs */
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
