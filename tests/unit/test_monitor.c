/* What the monitor hears of this host, in a network namespace of its own: its own device's changes are none,
 * and where the kernel had to drop messages anything may have changed. */
#include "host/monitor.h"

#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "host/netlink.h"

struct watch {
	uv_loop_t loop;
	uv_timer_t end;
	struct monitor monitor;
	struct netlink *netlink;
	unsigned lo, changes;
	bool ended;
};

static bool apart; /* in a namespace of our own */

static void on_changed(void *context)
{
	((struct watch *)context)->changes++;
}

static void on_end(uv_timer_t *timer)
{
	((struct watch *)timer->data)->ended = true;
}

static void watch_begin(struct watch *w)
{
	*w = (struct watch){ .monitor.changed = on_changed };
	w->monitor.context = w;
	assert_int_equal(uv_loop_init(&w->loop), 0);
	assert_int_equal(uv_timer_init(&w->loop, &w->end), 0);
	w->end.data = w;
	w->lo = w->monitor.ours = if_nametoindex("lo");
	w->netlink = netlink_open();
	assert_non_null(w->netlink);
	assert_int_equal(monitor_open(&w->monitor, &w->loop), 0);
}

static void watch_end(struct watch *w)
{
	monitor_close(&w->monitor);
	uv_close((uv_handle_t *)&w->end, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	netlink_close(w->netlink);
}

/* The address of `lo` that comes and goes. */
static void change(struct watch *w, unsigned times)
{
	struct address a;

	assert_int_equal(address_parse("10.9.0.1", &a), 0);
	for (unsigned i = 0; i < times; i++) {
		assert_int_equal(netlink_address_add(w->netlink, w->lo, &a), 0);
		assert_int_equal(netlink_address_remove(w->netlink, w->lo, &a), 0);
	}
}

/* Until there were so many reports, or for that long. */
static void run(struct watch *w, unsigned changes, uint64_t ms)
{
	w->ended = false;
	assert_int_equal(uv_timer_start(&w->end, on_end, ms, 0), 0);
	while (!w->ended && w->changes < changes)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_int_equal(uv_timer_stop(&w->end), 0);
}

static void our_own_device_is_no_news(void **state)
{
	struct watch w;

	(void)state;
	if (!apart)
		skip();
	watch_begin(&w);
	change(&w, 3);
	run(&w, 1, 300);
	assert_int_equal(w.changes, 0);
	w.monitor.ours = 0;
	change(&w, 3);
	run(&w, 1, 10000);
	assert_int_equal(w.changes, 1); /* for all six */
	watch_end(&w);
}

/* Only what is ours is heard of, but much of it is dropped (ENOBUFS): it is looked at anew, and watching goes
 * on. */
static void what_was_dropped_may_be_anything(void **state)
{
	const int tiny = 1;
	struct watch w;

	(void)state;
	if (!apart)
		skip();
	watch_begin(&w);
	assert_int_equal(setsockopt(mnl_socket_get_fd(w.monitor.socket), SOL_SOCKET, SO_RCVBUF,
				 &tiny, sizeof(tiny)),
		0);
	for (unsigned i = 1; i <= 3; i++) {
		change(&w, 200);
		run(&w, i, 10000);
		assert_int_equal(w.changes, i);
	}
	run(&w, UINT32_MAX, 300); /* nothing is left */
	w.changes = 0;
	w.monitor.ours = 0;
	change(&w, 1);
	run(&w, 1, 10000);
	assert_int_equal(w.changes, 1);
	watch_end(&w);
}

static int setup(void **state)
{
	(void)state;
	apart = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_device_is_no_news),
		cmocka_unit_test(what_was_dropped_may_be_anything),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
