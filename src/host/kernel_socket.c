/* Requests block, but not for long: the kernel has answered when the request has been sent. */
#include "host/kernel_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define ANSWER_BYTES  32768
#define EVENTS_BUFFER (1 << 20) /* of the socket: acquires may come in crowds */
#define GROUP(number) (1u << ((number)-1))

struct kernel_socket {
	struct mnl_socket *requests, *events;
	uint32_t sequence;
	_Alignas(struct nlmsghdr) uint8_t answer[ANSWER_BYTES];
};

static int open_one(struct mnl_socket **ret, int flags, unsigned groups)
{
	*ret = mnl_socket_open2(NETLINK_XFRM, SOCK_CLOEXEC | flags);
	if (!*ret || mnl_socket_bind(*ret, groups, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return 0;
}

int kernel_socket_open(struct kernel_socket **ret_socket)
{
	const unsigned groups =
		GROUP(XFRMNLGRP_ACQUIRE) | GROUP(XFRMNLGRP_EXPIRE) | GROUP(XFRMNLGRP_MAPPING);
	struct kernel_socket *s = calloc(1, sizeof(*s));
	int buffer = EVENTS_BUFFER, r;

	if (!s)
		return -ENOMEM;
	s->sequence = (uint32_t)time(NULL);
	r = open_one(&s->requests, 0, 0);
	if (r == 0)
		r = open_one(&s->events, SOCK_NONBLOCK, groups);
	if (r) {
		kernel_socket_close(s);
		return r;
	}
	(void)setsockopt(
		kernel_socket_events(s), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	*ret_socket = s;
	return 0;
}

void kernel_socket_close(struct kernel_socket *s)
{
	if (s && s->requests)
		mnl_socket_close(s->requests);
	if (s && s->events)
		mnl_socket_close(s->events);
	free(s);
}

int kernel_socket_events(const struct kernel_socket *s)
{
	return mnl_socket_get_fd(s->events);
}

static int answer_read(struct kernel_socket *s, uint32_t sequence, mnl_cb_t each, void *context)
{
	unsigned port = mnl_socket_get_portid(s->requests);
	int r = MNL_CB_OK;

	while (r > MNL_CB_STOP) {
		ssize_t size = mnl_socket_recvfrom(s->requests, s->answer, sizeof(s->answer));

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -errno;
		r = mnl_cb_run(s->answer, (size_t)size, sequence, port, each, context);
	}
	return r < 0 ? -errno : 0;
}

int kernel_request(
	struct kernel_socket *s, struct xfrm_request *r, int built, mnl_cb_t each, void *context)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)r->data;
	int result = built;

	if (!built) {
		h->nlmsg_seq = ++s->sequence;
		result = mnl_socket_sendto(s->requests, h, h->nlmsg_len) < 0
			? -errno
			: answer_read(s, h->nlmsg_seq, each, context);
	}
	bytes_wipe(r, sizeof(*r));
	if (each)
		bytes_wipe(s->answer, sizeof(s->answer)); /* what is told of a state has its keys */
	return result;
}

int kernel_socket_read(struct kernel_socket *s, void *data, size_t size)
{
	ssize_t got;

	do
		got = mnl_socket_recvfrom(s->events, data, size);
	while (got < 0 && errno == EINTR);
	if (got >= 0)
		return (int)got;
	return errno == EAGAIN ? 0 : errno == ENOSPC ? -ENOBUFS : -errno;
}
