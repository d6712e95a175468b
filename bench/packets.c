/* Datagrams through a tunnel, so cheap to send and to take that it is the tunnel that limits them, and
 * numbered, so that what was lost, doubled or overtaken is known.
 *   packets send SOURCE DESTINATION PORT OCTETS SECONDS [PER-SECOND]
 *   packets receive ADDRESS PORT [one]           until SIGTERM; `one`: no datagrams put together by GRO
 * Each prints one line of names and numbers when it ends. */
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "host/sockaddr.h"

#define BATCH         32
#define OCTETS_MIN    8 /* the number */
#define OCTETS_MAX    1472
#define BUFFER_BYTES  65536
#define SOCKET_BUFFER (32 << 20)
#define SEEN          (1u << 20) /* numbers, of which it is known whether they came */
#define SECOND_NS     1000000000ull

struct received {
	uint64_t packets, octets, highest, doubled, overtaken, first_ns, last_ns;
	uint8_t seen[SEEN / 8];
};

static volatile sig_atomic_t ended;

static void on_end(int number)
{
	(void)number;
	ended = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static int open_socket(const char *address, uint16_t port, const char *peer)
{
	struct endpoint here = { .port = peer ? 0 : port }, there = { .port = port };
	struct sockaddr_storage name;
	int size = SOCKET_BUFFER, fd;
	socklen_t length;

	if (address_parse(address, &here.address) < 0 ||
		(peer && address_parse(peer, &there.address) < 0))
		return -1;
	fd = socket(here.address.family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	length = sockaddr_of_endpoint(&here, &name);
	if (bind(fd, (struct sockaddr *)&name, length) < 0)
		return -1;
	length = sockaddr_of_endpoint(&there, &name);
	if (peer && connect(fd, (struct sockaddr *)&name, length) < 0)
		return -1;
	return fd;
}

/* Sending. */

static int send_all(int fd, size_t octets, double seconds, uint64_t rate)
{
	static uint8_t data[BATCH][OCTETS_MAX];
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec vectors[BATCH];
	uint64_t begin = now_ns(), until = begin + (uint64_t)(seconds * 1e9), sent = 0, now;
	size_t batch = rate && rate < 1000 * BATCH ? rate / 1000 + 1 : BATCH;

	for (size_t i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){ data[i], octets };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
	}
	for (now = begin; now < until && !ended; now = now_ns()) {
		int done;

		if (rate && sent > (now - begin) / 1000 * rate / 1000000) {
			struct timespec pause = { .tv_nsec = 50000 };

			nanosleep(&pause, NULL);
			continue;
		}
		for (size_t i = 0; i < batch; i++)
			store_u64(data[i], sent + i + 1);
		done = sendmmsg(fd, messages, (unsigned)batch, 0);
		if (done > 0)
			sent += (uint64_t)done;
		else if (errno != ENOBUFS && errno != ECONNREFUSED && errno != EINTR)
			return 1;
	}
	printf("sent %llu seconds %.3f\n", (unsigned long long)sent, (double)(now - begin) / 1e9);
	return 0;
}

/* Receiving. */

static void take(struct received *r, const uint8_t *data, size_t size)
{
	uint64_t number = size < OCTETS_MIN ? 0 : load_u64(data);
	uint8_t *seen = &r->seen[number % SEEN / 8], bit = (uint8_t)(1 << number % 8);

	r->packets++;
	r->octets += size;
	if (number > r->highest) {
		if (number - r->highest >= SEEN)
			memset(r->seen, 0, sizeof(r->seen));
		else
			for (uint64_t n = r->highest + 1; n < number; n++)
				r->seen[n % SEEN / 8] &= (uint8_t) ~(1 << n % 8);
		r->highest = number;
	} else {
		r->overtaken++;
		if (r->highest - number < SEEN && *seen & bit)
			r->doubled++;
	}
	*seen |= bit;
}

static size_t segment_of(struct msghdr *m, size_t size)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		int value;

		if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO)
			continue;
		memcpy(&value, CMSG_DATA(c), sizeof(value));
		return (size_t)value;
	}
	return size;
}

static void receive_batch(int fd, struct received *r)
{
	static uint8_t data[BATCH][BUFFER_BYTES];
	_Alignas(struct cmsghdr) uint8_t controls[BATCH][64];
	struct mmsghdr messages[BATCH];
	struct iovec vectors[BATCH];
	int count;

	for (size_t i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){ data[i], BUFFER_BYTES };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i],
			.msg_iovlen = 1,
			.msg_control = controls[i],
			.msg_controllen = sizeof(controls[i]) };
	}
	count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
	if (count > 0)
		r->last_ns = now_ns();
	if (count > 0 && !r->first_ns)
		r->first_ns = r->last_ns;
	for (int i = 0; i < count; i++) {
		size_t size = messages[i].msg_len, each = segment_of(&messages[i].msg_hdr, size);

		for (size_t at = 0; at < size; at += each)
			take(r, data[i] + at, size - at < each ? size - at : each);
	}
}

static int receive_all(int fd, bool one)
{
	struct received *r = calloc(1, sizeof(*r));
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	int on = 1;

	if (!r || (!one && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) < 0))
		return 1;
	printf("receiving\n");
	fflush(stdout);
	while (!ended) {
		if (poll(&readable, 1, 100) > 0)
			receive_batch(fd, r);
	}
	printf("received %llu octets %llu seconds %.3f highest %llu doubled %llu overtaken %llu\n",
		(unsigned long long)r->packets, (unsigned long long)r->octets,
		(double)(r->last_ns - r->first_ns) / 1e9, (unsigned long long)r->highest,
		(unsigned long long)r->doubled, (unsigned long long)r->overtaken);
	free(r);
	return 0;
}

int main(int count, char **words)
{
	struct sigaction action = { .sa_handler = on_end };
	bool sends = count >= 7 && strcmp(words[1], "send") == 0;
	size_t octets = sends ? (size_t)atoi(words[5]) : OCTETS_MIN;
	int fd;

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (!(sends || (count >= 4 && strcmp(words[1], "receive") == 0)) || octets < OCTETS_MIN ||
		octets > OCTETS_MAX) {
		fprintf(stderr,
			"packets send SOURCE DESTINATION PORT OCTETS SECONDS [PER-SECOND]\n"
			"packets receive ADDRESS PORT [one]\n");
		return 2;
	}
	fd = open_socket(words[2], (uint16_t)atoi(words[sends ? 4 : 3]), sends ? words[3] : NULL);
	if (fd < 0) {
		perror("packets");
		return 1;
	}
	return sends
		? send_all(fd, octets, atof(words[6]), count > 7 ? (uint64_t)atoll(words[7]) : 0)
		: receive_all(fd, count > 4);
}
