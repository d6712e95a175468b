/* What is the practical limit of a tunnel in user space here: packets go from a TUN device into UDP and
 * back, cut and put together by the code that ternd uses for it, in batches like its, and nothing is
 * encrypted. `forward DEVICE LOCAL REMOTE PORT` until it is killed; both ends use the same port. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "esp/offload.h"
#include "host/datagram.h"
#include "host/sockaddr.h"
#include "host/tun.h"

#define OUTPUTS      COALESCE_PACKETS
#define MTU          1400 /* ternd's device has this */
#define READ_PACKETS 64
#define READ_BYTES   (256u * 1024)

struct forwarder {
	struct tun tun;
	struct datagram_socket socket;
	struct ike_path path;
	struct datagram_batch *batch;
	struct datagram out[OUTPUTS];
	size_t out_count;
	struct coalescer coalescer;
	uint8_t in_memory[TUN_READ_BYTES];
	uint8_t out_memory[OUTPUTS][TUN_READ_BYTES];
};

static void flush(struct forwarder *f)
{
	if (f->out_count)
		(void)datagram_send(&f->socket, f->out, f->out_count);
	f->out_count = 0;
}

/* Where the next packet of `size` octets is to be written. */
static uint8_t *output(struct forwarder *f, size_t size)
{
	size_t i;

	if (f->out_count == OUTPUTS)
		flush(f);
	i = f->out_count++;
	f->out[i] = (struct datagram){ .path = f->path, .data = BYTES(f->out_memory[i], size) };
	return f->out_memory[i];
}

static void send_packet(struct forwarder *f, struct bytes packet, uint16_t segment_bytes)
{
	struct segments s;
	struct flow flow;

	if (!flow_read(packet, &flow))
		return;
	if (!segment_bytes) {
		memcpy(output(f, packet.size), packet.data, packet.size);
		return;
	}
	if (!segments_read(&flow, packet, segment_bytes, &s))
		return;
	for (size_t i = 0; i < s.count; i++)
		segment_write(&s, i, output(f, segment_size(&s, i)));
}

static void on_device(struct forwarder *f)
{
	size_t bytes = 0;

	for (int i = 0; i < READ_PACKETS && bytes < READ_BYTES; i++) {
		struct bytes packet;
		uint16_t segment_bytes;

		if (!tun_read(&f->tun, f->in_memory, &packet, &segment_bytes))
			break;
		bytes += packet.size;
		send_packet(f, packet, segment_bytes);
	}
	flush(f);
}

static void write_bundles(struct forwarder *f)
{
	for (size_t i = 0; i < f->coalescer.bundle_count; i++) {
		struct bytes pieces[BUNDLE_PACKETS];
		uint16_t segment_bytes;
		size_t count = coalesce_take(&f->coalescer, i, pieces, &segment_bytes);

		(void)tun_write(&f->tun, pieces, count, segment_bytes);
	}
	coalesce_begin(&f->coalescer);
}

static void on_socket(struct forwarder *f)
{
	struct datagram got[DATAGRAM_BATCH], one;
	size_t count = datagram_receive(&f->socket, f->batch, got);

	coalesce_begin(&f->coalescer);
	for (size_t i = 0; i < count; i++) {
		for (size_t at = 0; datagram_next(&got[i], &at, &one);) {
			struct flow flow;

			if (!flow_read(one.data, &flow) || flow.size != one.data.size)
				continue;
			if (f->coalescer.packet_count == COALESCE_PACKETS)
				write_bundles(f);
			coalesce_add(&f->coalescer, iovec_of(one.data).iov_base, one.data.size,
				f->tun.cuts_udp);
		}
	}
	write_bundles(f);
}

static int open_socket(struct forwarder *f)
{
	struct sockaddr_storage name;
	socklen_t size = sockaddr_of_endpoint(&f->path.local, &name);
	const char *what;
	int r;

	f->socket = (struct datagram_socket){ .family = f->path.local.address.family,
		.port = f->path.local.port };
	f->socket.fd = socket(f->socket.family == 4 ? AF_INET : AF_INET6,
		SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (f->socket.fd < 0)
		return -errno;
	r = datagram_set_up(&f->socket, 0, &what);
	if (r == 0 && bind(f->socket.fd, (struct sockaddr *)&name, size) < 0)
		r = -errno;
	return r;
}

int main(int count, char **words)
{
	struct forwarder *f = calloc(1, sizeof(*f));
	char problem[256] = "the addresses or the port are none";
	struct pollfd polls[2];

	if (!f || count != 5) {
		fprintf(stderr, "forward DEVICE LOCAL REMOTE PORT\n");
		return 2;
	}
	f->path.local.port = f->path.remote.port = (uint16_t)atoi(words[4]);
	f->batch = datagram_batch_new();
	if (!f->batch || address_parse(words[2], &f->path.local.address) < 0 ||
		address_parse(words[3], &f->path.remote.address) < 0 ||
		tun_open(&f->tun, words[1], MTU, problem, sizeof(problem)) < 0 ||
		!f->tun.has_header || open_socket(f) < 0) {
		fprintf(stderr, "forward: %s\n", problem);
		return 1;
	}
	polls[0] = (struct pollfd){ .fd = f->tun.fd, .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = f->socket.fd, .events = POLLIN };
	printf("forwarding\n");
	fflush(stdout);
	while (poll(polls, 2, -1) >= 0 || errno == EINTR) {
		if (polls[0].revents)
			on_device(f);
		if (polls[1].revents)
			on_socket(f);
	}
	return 1;
}
