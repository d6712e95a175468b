/* Datagrams in batches. The kernel gives each received packet's destination and TOS as ancillary
 * data and takes the source the same way. DF is a property of the socket, not of a packet, so it is
 * switched between runs of packets. */
#include "host/datagram.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/sockaddr.h"

#define CONTROL_BYTES      256
#define SOCKET_BUFFER      (4 << 20)
#define QUOTED_BYTES       576
#define IPV4_HEADER_BYTES  20
#define ERRORS_AT_ONCE_MAX 64

/* What is read at once: more would leave the processor's cache before it is looked at. */
#define RECEIVE_BYTES (512u * 1024)
#define RECEIVE_MIN   8

/* What the kernel takes to be cut: UDP_MAX_SEGMENTS, and the longest IP packet. */
#define SEGMENTS_MAX       64
#define SEGMENTS_BYTES_MAX (65535 - 40 - 8)
#define VECTORS            512

struct datagram_batch {
	size_t want; /* of the next read: DATAGRAM_BATCH, or fewer where the last were big */
	struct mmsghdr messages[DATAGRAM_BATCH];
	struct iovec vectors[DATAGRAM_BATCH];
	struct sockaddr_storage names[DATAGRAM_BATCH];
	_Alignas(struct cmsghdr) uint8_t controls[DATAGRAM_BATCH][CONTROL_BYTES];
	uint8_t data[DATAGRAM_BATCH][DATAGRAM_BYTES_MAX];
};

static const uint8_t non_esp_marker[4];

struct datagram_batch *datagram_batch_new(void)
{
	struct datagram_batch *b = calloc(1, sizeof(*b));

	if (b)
		b->want = DATAGRAM_BATCH;
	for (size_t i = 0; b && i < DATAGRAM_BATCH; i++)
		b->vectors[i] = (struct iovec){ b->data[i], DATAGRAM_BYTES_MAX };
	return b;
}

void datagram_batch_free(struct datagram_batch *b)
{
	free(b);
}

/* Setting up. */

struct socket_option {
	const char *what;
	int level, name, value;
	bool optional;
};

static int set_options(
	int fd, const struct socket_option *options, size_t count, const char **ret_what)
{
	for (size_t i = 0; i < count; i++) {
		const struct socket_option *o = &options[i];

		if (setsockopt(fd, o->level, o->name, &o->value, sizeof(o->value)) == 0 ||
			o->optional)
			continue;
		*ret_what = o->what;
		return -errno;
	}
	return 0;
}

int datagram_set_up(struct datagram_socket *s, uint32_t mark, const char **ret_what)
{
	const struct socket_option both[] = {
		{ "SO_MARK", SOL_SOCKET, SO_MARK, (int)mark, false },
		{ "SO_RCVBUF", SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER, true },
		{ "SO_SNDBUF", SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER, true },
	};
	const struct socket_option four[] = {
		{ "IP_PKTINFO", IPPROTO_IP, IP_PKTINFO, 1, false },
		{ "IP_RECVTOS", IPPROTO_IP, IP_RECVTOS, 1, false },
		{ "IP_RECVERR", IPPROTO_IP, IP_RECVERR, 1, false },
	};
	const struct socket_option six[] = {
		{ "IPV6_RECVPKTINFO", IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, false },
		{ "IPV6_RECVTCLASS", IPPROTO_IPV6, IPV6_RECVTCLASS, 1, false },
		{ "IPV6_RECVERR", IPPROTO_IPV6, IPV6_RECVERR, 1, false },
	};
	const struct socket_option together[] = {
		{ "UDP_GRO", IPPROTO_UDP, UDP_GRO, 1, true },
	};
	int r = set_options(s->fd, both, sizeof(both) / sizeof(both[0]), ret_what);

	s->df = -1;
	s->whole = s->raw;
	if (r)
		return r;
	if (!s->raw)
		(void)set_options(s->fd, together, 1, ret_what);
	return s->family == 4 ? set_options(s->fd, four, sizeof(four) / sizeof(four[0]), ret_what)
			      : set_options(s->fd, six, sizeof(six) / sizeof(six[0]), ret_what);
}

void datagram_close(struct datagram_socket *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* Receiving. */

static int control_number(const struct cmsghdr *c)
{
	int value;

	if (c->cmsg_len < CMSG_LEN(sizeof(value)))
		return *CMSG_DATA(c);
	memcpy(&value, CMSG_DATA(c), sizeof(value));
	return value;
}

static void read_control(struct msghdr *m, struct datagram *d)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			d->path.local.address = address_from(BYTES(&info.ipi_addr, 4));
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			d->path.local.address = address_from(BYTES(&info.ipi6_addr, 16));
		} else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) ||
			(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS)) {
			d->tos = (uint8_t)control_number(c);
		} else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			d->segment_bytes = (uint16_t)control_number(c);
		}
	}
}

/* A raw IPv4 socket gives the IP header too. */
static struct bytes behind_ip_header(const struct datagram_socket *s, struct bytes data)
{
	size_t header;

	if (!s->raw || s->family != 4)
		return data;
	if (data.size < IPV4_HEADER_BYTES)
		return BYTES_EMPTY;
	header = (size_t)(data.data[0] & 15) * 4;
	return header > data.size ? BYTES_EMPTY : BYTES(data.data + header, data.size - header);
}

/* As many as make RECEIVE_BYTES, were they as long as the last ones. */
static void adapt(struct datagram_batch *b, size_t count)
{
	size_t bytes = 0, want;

	for (size_t i = 0; i < count; i++)
		bytes += b->messages[i].msg_len;
	want = bytes ? RECEIVE_BYTES / (bytes / count + 1) : DATAGRAM_BATCH;
	b->want = want > DATAGRAM_BATCH ? DATAGRAM_BATCH : want < RECEIVE_MIN ? RECEIVE_MIN : want;
}

size_t datagram_receive(struct datagram_socket *s, struct datagram_batch *b,
	struct datagram out[static DATAGRAM_BATCH])
{
	int count;

	for (size_t i = 0; i < b->want; i++) {
		b->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &b->names[i],
			.msg_namelen = sizeof(b->names[i]),
			.msg_iov = &b->vectors[i],
			.msg_iovlen = 1,
			.msg_control = b->controls[i],
			.msg_controllen = CONTROL_BYTES,
		};
	}
	do {
		count = recvmmsg(s->fd, b->messages, (unsigned)b->want, MSG_DONTWAIT, NULL);
	} while (count < 0 && errno == EINTR);
	if (count < 0) {
		/* An error that ICMP brought is read once, here, and explained by the queue. */
		if (errno != EAGAIN)
			datagram_read_errors(s);
		return 0;
	}

	for (int i = 0; i < count; i++) {
		struct msghdr *m = &b->messages[i].msg_hdr;
		struct bytes whole = BYTES(b->data[i], b->messages[i].msg_len);

		out[i] = (struct datagram){
			.path.local.port = s->port,
			.path.remote = endpoint_of_sockaddr(m->msg_name),
			.data = behind_ip_header(s, whole),
			.cut = m->msg_flags & MSG_TRUNC,
		};
		if (out[i].cut)
			s->losses.cut++;
		if (s->raw)
			out[i].path.remote.port = 0;
		read_control(m, &out[i]);
	}
	adapt(b, (size_t)count);
	return (size_t)count;
}

uint64_t datagram_overflowed(struct datagram_socket *s)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t size = sizeof(info);

	if (s->fd >= 0 && getsockopt(s->fd, SOL_SOCKET, SO_MEMINFO, info, &size) == 0 &&
		size > SK_MEMINFO_DROPS * sizeof(info[0]))
		s->overflowed += info[SK_MEMINFO_DROPS] - (uint32_t)s->overflowed;
	return s->overflowed;
}

bool datagram_next(const struct datagram *received, size_t *at, struct datagram *ret_one)
{
	size_t size = received->data.size, left;

	if (*at > 0 && *at >= size) /* an empty one is one, too */
		return false;

	left = size - *at;
	*ret_one = *received;
	ret_one->segment_bytes = 0;
	if (received->segment_bytes && left > received->segment_bytes)
		left = received->segment_bytes;
	ret_one->data = BYTES(received->data.data + *at, left);
	*at += left ? left : 1;
	return true;
}

/* Sending. */

struct outgoing {
	struct mmsghdr messages[DATAGRAM_BATCH];
	size_t counts[DATAGRAM_BATCH]; /* of datagrams in each */
	struct sockaddr_storage names[DATAGRAM_BATCH];
	_Alignas(struct cmsghdr) uint8_t controls[DATAGRAM_BATCH][CONTROL_BYTES];
	struct iovec vectors[VECTORS];
	size_t vector_count;
};

static void set_df(struct datagram_socket *s, bool df)
{
	int value;

	if (s->df == df)
		return;
	if (s->family == 4) {
		value = df ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT;
		(void)setsockopt(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, sizeof(value));
	} else {
		value = df ? IPV6_PMTUDISC_DO : IPV6_PMTUDISC_DONT;
		(void)setsockopt(s->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &value, sizeof(value));
	}
	s->df = df;
}

static struct cmsghdr *control_put(
	struct msghdr *m, struct cmsghdr *c, int level, int type, struct bytes value)
{
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(value.size);
	memcpy(CMSG_DATA(c), value.data, value.size);
	m->msg_controllen += CMSG_SPACE(value.size);
	return (struct cmsghdr *)(void *)((uint8_t *)c + CMSG_SPACE(value.size));
}

static void write_control(
	struct msghdr *m, const struct datagram *d, uint8_t family, uint16_t segment_bytes)
{
	struct cmsghdr *c = m->msg_control;
	const struct address *from = &d->path.local.address;
	int tos = d->tos;

	m->msg_controllen = 0;
	if (from->family == family && !address_is_any(from) && family == 4) {
		struct in_pktinfo info = { 0 };

		memcpy(&info.ipi_spec_dst, from->octets, 4);
		c = control_put(m, c, IPPROTO_IP, IP_PKTINFO, BYTES(&info, sizeof(info)));
	} else if (from->family == family && !address_is_any(from)) {
		struct in6_pktinfo info = { 0 };

		memcpy(&info.ipi6_addr, from->octets, 16);
		c = control_put(m, c, IPPROTO_IPV6, IPV6_PKTINFO, BYTES(&info, sizeof(info)));
	}
	if (tos && family == 4)
		c = control_put(m, c, IPPROTO_IP, IP_TOS, BYTES(&tos, sizeof(tos)));
	else if (tos)
		c = control_put(m, c, IPPROTO_IPV6, IPV6_TCLASS, BYTES(&tos, sizeof(tos)));
	if (segment_bytes)
		(void)control_put(m, c, IPPROTO_UDP, UDP_SEGMENT,
			BYTES(&segment_bytes, sizeof(segment_bytes)));
	if (!m->msg_controllen)
		m->msg_control = NULL;
}

static bool travel_together(const struct datagram *a, const struct datagram *b)
{
	return endpoint_equal(&a->path.remote, &b->path.remote) &&
		endpoint_equal(&a->path.local, &b->path.local) && a->tos == b->tos &&
		a->df == b->df && !a->marker && !b->marker;
}

/* How many of the datagrams can leave as one that is cut below: all of the first one's size but the
 * last, which may be shorter. */
static size_t count_together(
	const struct datagram_socket *s, const struct datagram *datagrams, size_t count)
{
	size_t size = datagrams[0].data.size, total = size, n = 1;

	if (s->whole || size == 0)
		return 1;
	while (n < count && n < SEGMENTS_MAX && datagrams[n - 1].data.size == size) {
		size_t next = datagrams[n].data.size;

		if (next == 0 || next > size || total + next > SEGMENTS_BYTES_MAX ||
			!travel_together(&datagrams[0], &datagrams[n]))
			break;
		total += next;
		n++;
	}
	return n;
}

/* The message for the first `count` datagrams, which travel together. */
static void prepare(struct outgoing *o, size_t i, const struct datagram *d, size_t count,
	const struct datagram_socket *s)
{
	struct msghdr *m = &o->messages[i].msg_hdr;
	struct iovec *vectors = &o->vectors[o->vector_count];
	struct endpoint to = d->path.remote;

	if (s->raw)
		to.port = 0;
	if (d->marker)
		o->vectors[o->vector_count++] = iovec_of(BYTES_OF(non_esp_marker));
	for (size_t n = 0; n < count; n++)
		o->vectors[o->vector_count++] = iovec_of(d[n].data);
	memset(o->controls[i], 0, CONTROL_BYTES);
	*m = (struct msghdr){
		.msg_name = &o->names[i],
		.msg_namelen = sockaddr_of_endpoint(&to, &o->names[i]),
		.msg_iov = vectors,
		.msg_iovlen = (size_t)(&o->vectors[o->vector_count] - vectors),
		.msg_control = o->controls[i],
	};
	o->counts[i] = count;
	write_control(m, d, s->family, count > 1 ? (uint16_t)d->data.size : 0);
}

/* As many of the datagrams as fit, with the first one's DF. Returns how many messages they are. */
static size_t prepare_run(struct outgoing *o, const struct datagram_socket *s,
	const struct datagram *datagrams, size_t count)
{
	size_t run = 0;

	o->vector_count = 0;
	for (size_t at = 0; at < count && run < DATAGRAM_BATCH; at += o->counts[run++]) {
		if (datagrams[at].df != datagrams[0].df ||
			VECTORS - o->vector_count < SEGMENTS_MAX + 1)
			break;
		prepare(o, run, &datagrams[at], count_together(s, &datagrams[at], count - at), s);
	}
	return run;
}

static void count_lost(struct datagram_socket *s, int problem, size_t count)
{
	uint64_t *losses = problem == EAGAIN || problem == ENOBUFS ? &s->losses.send_full
		: problem == EMSGSIZE                              ? &s->losses.send_too_big
								   : &s->losses.send_failed;

	*losses += count;
}

/* What nothing below would cut is sent one by one: the path is too narrow for it, which its error then
 * says, or it may be fragmented, or the device can't (EIO: checksums). */
static int send_apart(
	struct datagram_socket *s, const struct datagram *datagrams, size_t count, int problem)
{
	bool whole = s->whole;
	int r;

	s->whole = true;
	r = datagram_send(s, datagrams, count);
	s->whole = whole || problem == EIO;
	return r;
}

/* One run with the same DF. A pending error of an earlier packet ends a send without sending: it is
 * taken off and the packet tried once more, so that one deaf peer doesn't silence the others.
 * `*ret_done` datagrams are dealt with. */
static int send_run(struct datagram_socket *s, struct outgoing *o, size_t count,
	const struct datagram *datagrams, size_t *ret_done)
{
	bool again = false;
	int first = 0;

	*ret_done = 0;
	for (size_t at = 0; at < count;) {
		int sent = sendmmsg(s->fd, o->messages + at, (unsigned)(count - at), MSG_DONTWAIT);
		int problem = errno;

		if (sent > 0) {
			for (int i = 0; i < sent; i++)
				*ret_done += o->counts[at++];
			again = false;
			continue;
		}
		if (problem == EINTR)
			continue;
		datagram_read_errors(s);
		if (!again && o->counts[at] == 1 && problem != EAGAIN && problem != EMSGSIZE) {
			again = true;
			continue;
		}
		again = false;
		if (o->counts[at] > 1 && problem != EAGAIN)
			problem = -send_apart(s, datagrams + *ret_done, o->counts[at], problem);
		else
			count_lost(s, problem, o->counts[at]);
		first = first ? first : -problem;
		*ret_done += o->counts[at++];
	}
	return first;
}

int datagram_send(struct datagram_socket *s, const struct datagram *datagrams, size_t count)
{
	struct outgoing o;
	int first = 0;

	for (size_t at = 0; at < count;) {
		size_t done, run = prepare_run(&o, s, datagrams + at, count - at);
		int r;

		set_df(s, datagrams[at].df);
		r = send_run(s, &o, run, datagrams + at, &done);
		first = first ? first : r;
		at += done;
	}
	return first;
}

/* Errors: only what narrows a path counts; that ICMP calls a peer unreachable proves nothing (RFC
 * 7296 §2.4). */

static void report_narrow(struct datagram_socket *s, struct msghdr *m, size_t size)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		struct sock_extended_err e;
		struct datagram_narrow narrow;

		if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
			!(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		if (e.ee_errno != EMSGSIZE || !s->narrow)
			continue;

		narrow.remote = endpoint_of_sockaddr(m->msg_name).address;
		narrow.mtu = e.ee_info;
		narrow.start = BYTES(m->msg_iov->iov_base, size);
		s->narrow(s->context, &narrow);
	}
}

void datagram_read_errors(struct datagram_socket *s)
{
	for (int i = 0; i < ERRORS_AT_ONCE_MAX; i++) {
		_Alignas(struct cmsghdr) uint8_t control[512];
		uint8_t data[QUOTED_BYTES];
		struct sockaddr_storage name = { 0 };
		struct iovec vector = { data, sizeof(data) };
		struct msghdr m = {
			.msg_name = &name,
			.msg_namelen = sizeof(name),
			.msg_iov = &vector,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		ssize_t size = recvmsg(s->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);

		if (size < 0)
			return;
		report_narrow(s, &m, (size_t)size);
	}
}
