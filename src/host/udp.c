/* The UDP sockets. Port 4500 is shared: four zero octets, which no ESP packet begins with, mark IKE
 * (RFC 3948 §2.2). */
#include "host/udp.h"

#include <errno.h>
#include <stdio.h>

#include "host/sockaddr.h"
#include "wire/wire.h"

#define ESP_BYTES_MIN 8

static int bind_any(struct datagram_socket *s)
{
	struct sockaddr_storage name = { 0 };
	struct endpoint any = { .address.family = s->family, .port = s->port };
	socklen_t size = sockaddr_of_endpoint(&any, &name);
	int one = 1;

	if (s->family == 6)
		(void)setsockopt(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(s->fd, (struct sockaddr *)&name, size) < 0)
		return -errno;
	if (getsockname(s->fd, (struct sockaddr *)&name, &size) < 0)
		return -errno;
	s->port = endpoint_of_sockaddr(&name).port;
	return 0;
}

static int open_one(struct datagram_socket *s, uint32_t mark, char *problem, size_t problem_size)
{
	const char *what = "socket";
	int r;

	s->fd = socket(
		s->family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0 && s->family == 6 && errno == EAFNOSUPPORT)
		return 0;
	r = s->fd < 0 ? -errno : datagram_set_up(s, mark, &what);
	if (!r) {
		what = "bind";
		r = bind_any(s);
	}
	if (r == 0)
		return 0;

	datagram_close(s);
	if (r == -EADDRNOTAVAIL && s->family == 6)
		return 0; /* IPv6 is there but switched off */
	if (r == -EADDRINUSE)
		snprintf(problem, problem_size,
			"UDP port %u is in use: another IKE daemon runs here (see `ss -lunp`), or set "
			"ternd.port and ternd.port_nat_t",
			s->port);
	else if (r == -EPERM || r == -EACCES)
		snprintf(problem, problem_size,
			"UDP port %u: %s needs root (or CAP_NET_ADMIN and CAP_NET_BIND_SERVICE)",
			s->port, what);
	else
		snprintf(problem, problem_size, "UDP port %u, IPv%u: %s: %s", s->port, s->family,
			what, strerror(-r));
	return r;
}

int udp_open(struct udp *u, const struct udp_options *options, char *problem, size_t problem_size)
{
	*u = (struct udp){ .port = options->port, .port_nat_t = options->port_nat_t };
	for (size_t i = 0; i < UDP_SOCKETS; i++)
		u->sockets[i].fd = -1;

	for (size_t i = 0; i < UDP_SOCKETS; i++) {
		struct datagram_socket *s = &u->sockets[i];
		uint16_t *port = i < 2 ? &u->port : &u->port_nat_t;
		int r;

		s->family = i % 2 ? 6 : 4;
		s->port = *port;
		s->narrow = options->datagram.narrow;
		s->context = options->datagram.context;
		r = open_one(s, options->datagram.mark, problem, problem_size);
		if (r) {
			udp_close(u);
			return r;
		}
		*port = s->port; /* what the kernel chose where it was 0: IPv6 then takes the same
				  */
	}
	return 0;
}

void udp_close(struct udp *u)
{
	for (size_t i = 0; i < UDP_SOCKETS; i++)
		datagram_close(&u->sockets[i]);
}

enum udp_content udp_classify(bool nat_t, struct bytes data, struct bytes *ret_content)
{
	*ret_content = data;
	if (!nat_t)
		return data.size ? UDP_IKE : UDP_NOTHING;
	if (data.size < NON_ESP_MARKER_BYTES)
		return UDP_NOTHING; /* a NAT-keepalive, or too short */
	if (load_u32(data.data) != 0)
		return data.size < ESP_BYTES_MIN ? UDP_NOTHING : UDP_ESP;

	*ret_content = BYTES(data.data + NON_ESP_MARKER_BYTES, data.size - NON_ESP_MARKER_BYTES);
	return UDP_IKE;
}

bool udp_is_keepalive(struct bytes data)
{
	return data.size == 1 && data.data[0] == 0xff;
}

struct datagram_socket *udp_socket(struct udp *u, const struct ike_path *path)
{
	uint16_t port = path->local.port ? path->local.port : u->port;

	for (size_t i = 0; i < UDP_SOCKETS; i++) {
		struct datagram_socket *s = &u->sockets[i];

		if (s->fd >= 0 && s->family == path->remote.address.family && s->port == port)
			return s;
	}
	return NULL;
}

int udp_send_ike(struct udp *u, const struct ike_path *path, struct bytes datagram)
{
	struct datagram_socket *s = udp_socket(u, path);
	struct datagram d = { .path = *path, .data = datagram };

	if (!s)
		return -EAFNOSUPPORT;
	d.marker = s->port == u->port_nat_t;
	return datagram_send(s, &d, 1);
}
