/* What is read is only a hint: whoever hears of a change asks the kernel for what is true now. So a
 * message lost (ENOBUFS) is a change like any other. */
#include "host/monitor.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <unistd.h>

#include "host/netlink.h"

#define QUIET_MS     100
#define BUFFER_BYTES 16384
#define READS_MAX    64

static bool route_matters(const struct monitor *m, const struct nlmsghdr *h)
{
	const struct rtmsg *r = mnl_nlmsg_get_payload(h);
	const struct nlattr *a;

	if (r->rtm_protocol == NETLINK_PROTOCOL_TERN || r->rtm_flags & RTM_F_CLONED)
		return false;
	mnl_attr_for_each(a, h, sizeof(*r))
	{
		if (mnl_attr_get_type(a) == RTA_OIF && mnl_attr_validate(a, MNL_TYPE_U32) == 0 &&
			mnl_attr_get_u32(a) == m->ours)
			return false;
	}
	return true;
}

bool monitor_matters(const struct monitor *m, const struct nlmsghdr *h)
{
	switch (h->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return mnl_nlmsg_get_payload_len(h) >= sizeof(struct ifaddrmsg) &&
			((const struct ifaddrmsg *)mnl_nlmsg_get_payload(h))->ifa_index != m->ours;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return mnl_nlmsg_get_payload_len(h) >= sizeof(struct ifinfomsg) &&
			((const struct ifinfomsg *)mnl_nlmsg_get_payload(h))->ifi_index !=
			(int)m->ours;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return mnl_nlmsg_get_payload_len(h) >= sizeof(struct rtmsg) && route_matters(m, h);
	default:
		return false;
	}
}

static void on_quiet(uv_timer_t *timer)
{
	struct monitor *m = timer->data;

	m->changed(m->context);
}

static bool batch_matters(const struct monitor *m, const void *data, size_t size)
{
	const struct nlmsghdr *h = data;
	int left = (int)size;

	for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
		if (monitor_matters(m, h))
			return true;
	return false;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct monitor *m = poll->data;
	_Alignas(struct nlmsghdr) uint8_t data[BUFFER_BYTES];
	bool matters = status < 0;

	(void)events;
	for (int i = 0; i < READS_MAX; i++) {
		ssize_t size = mnl_socket_recvfrom(m->socket, data, sizeof(data));

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0 && errno != ENOBUFS && errno != ENOSPC)
			break;
		matters = matters || size < 0 || batch_matters(m, data, (size_t)size);
	}
	/* ENOBUFS can also come as the socket's error, after which libuv stops watching. */
	if (status < 0)
		(void)uv_poll_start(poll, UV_READABLE, on_readable);
	if (matters && !uv_is_active((uv_handle_t *)&m->quiet))
		(void)uv_timer_start(&m->quiet, on_quiet, QUIET_MS, 0);
}

int monitor_open(struct monitor *m, uv_loop_t *loop)
{
	const unsigned groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
		RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
	int r;

	m->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!m->socket || mnl_socket_bind(m->socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		r = -errno;
		monitor_close(m);
		return r;
	}
	(void)uv_timer_init(loop, &m->quiet);
	r = uv_poll_init(loop, &m->poll, mnl_socket_get_fd(m->socket));
	m->poll.data = m->quiet.data = m;
	return r ? r : uv_poll_start(&m->poll, UV_READABLE, on_readable);
}

static void close_handle(uv_handle_t *handle)
{
	if (handle->loop && !uv_is_closing(handle))
		uv_close(handle, NULL);
}

void monitor_close(struct monitor *m)
{
	close_handle((uv_handle_t *)&m->quiet);
	close_handle((uv_handle_t *)&m->poll);
	if (m->socket)
		mnl_socket_close(m->socket);
	m->socket = NULL;
}
