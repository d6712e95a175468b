/* Raw sockets for ESP. The kernel builds the IP header: source, TOS and DF are told beside the
 * packet. Without an ESP handler of its own the kernel gives every packet of protocol 50 to them.
 */
#include "host/raw.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

static int open_one(struct datagram_socket *s, uint32_t mark, const char **ret_what)
{
	*ret_what = "socket";
	s->fd = socket(s->family == 4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
		IPPROTO_ESP);
	if (s->fd < 0)
		return s->family == 6 && errno == EAFNOSUPPORT ? 0 : -errno;
	return datagram_set_up(s, mark, ret_what);
}

int raw_open(
	struct raw *raw, const struct datagram_options *options, char *problem, size_t problem_size)
{
	*raw = (struct raw){ .sockets = { { .fd = -1 }, { .fd = -1 } } };
	for (size_t i = 0; i < 2; i++) {
		const char *what;
		int r;

		raw->sockets[i] = (struct datagram_socket){ .fd = -1,
			.family = i ? 6 : 4,
			.raw = true,
			.narrow = options->narrow,
			.context = options->context };
		r = open_one(&raw->sockets[i], options->mark, &what);
		if (r == 0)
			continue;

		raw_close(raw);
		if (r == -EPERM)
			snprintf(problem, problem_size,
				"raw sockets for ESP need root (or CAP_NET_RAW)");
		else
			snprintf(problem, problem_size, "raw socket for ESP, IPv%c: %s: %s",
				i ? '6' : '4', what, strerror(-r));
		return r;
	}
	return 0;
}

void raw_close(struct raw *raw)
{
	for (size_t i = 0; i < 2; i++)
		datagram_close(&raw->sockets[i]);
}

struct datagram_socket *raw_socket(struct raw *raw, uint8_t family)
{
	struct datagram_socket *s = &raw->sockets[family == 6];

	return s->fd >= 0 && s->family == family ? s : NULL;
}
