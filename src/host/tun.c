/* The TUN device: one IP packet per read, or what is to be cut into many, which a header in front says.
 * It has no address: what is sent through it takes the source that its route prefers. */
#include "host/tun.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "esp/flow.h"
#include "host/sockaddr.h"

#define QUEUE_PACKETS 1000

/* Of Linux 6.2, newer than some systems' headers. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define TCP_CHECKSUM_AT  16
#define UDP_HEADER_BYTES 8
#define UDP_CHECKSUM_AT  6

static void write_setting(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* A container may have /proc read-only: the defaults then have to do. */
	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		(void)errno;
	close(fd);
}

static char read_setting(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char first = 0;

	if (fd < 0)
		return 0;
	if (read(fd, &first, 1) != 1)
		first = 0;
	close(fd);
	return first;
}

/* The kernel takes the stricter of a device's reverse path filter and everyone's, where 2 (loose)
 * beats 1 (strict). A decrypted packet was checked against its SA's selectors: 0 where that may be,
 * else 2. IPv6 needs to be on and shall not solicit routers from our peers. */
static void set_up_filters(const char *name)
{
	char path[96];
	char everyone = read_setting("/proc/sys/net/ipv4/conf/all/rp_filter");

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", name);
	write_setting(path, everyone == '0' ? "0" : "2");
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/addr_gen_mode", name);
	write_setting(path, "1");
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	write_setting(path, "0");
}

static int bring_up(const char *name, unsigned mtu, unsigned *ret_index)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };
	int r = 0;

	if (fd < 0)
		return -errno;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	request.ifr_mtu = (int)mtu;
	if (ioctl(fd, SIOCSIFMTU, &request) < 0)
		r = -errno;
	request.ifr_qlen = QUEUE_PACKETS;
	if (r == 0)
		(void)ioctl(fd, SIOCSIFTXQLEN, &request);
	request.ifr_flags = IFF_UP | IFF_NOARP | IFF_POINTOPOINT;
	if (r == 0 && ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		r = -errno;
	if (r == 0 && ioctl(fd, SIOCGIFINDEX, &request) < 0)
		r = -errno;
	close(fd);
	if (r == 0)
		*ret_index = (unsigned)request.ifr_ifindex;
	return r;
}

/* What we can do for the kernel; it then leaves it to us. */
static void offer_offload(struct tun *t)
{
	const unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	const int header = TUN_HEADER_BYTES;

	(void)ioctl(t->fd, TUNSETVNETHDRSZ, &header);
	t->cuts_udp = ioctl(t->fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) == 0;
	if (!t->cuts_udp)
		(void)ioctl(t->fd, TUNSETOFFLOAD, tcp);
}

/* With a header in front of packets, where the kernel knows that: some that only look like Linux don't. */
static int attach(struct tun *t, struct ifreq *request)
{
	const short plain = IFF_TUN | IFF_NO_PI;

	request->ifr_flags = plain | IFF_VNET_HDR;
	t->has_header = ioctl(t->fd, TUNSETIFF, request) == 0;
	if (t->has_header)
		return 0;
	if (errno != EINVAL)
		return -errno;
	request->ifr_flags = plain;
	return ioctl(t->fd, TUNSETIFF, request) < 0 ? -errno : 0;
}

static void explain(int r, const char *name, char *problem, size_t problem_size)
{
	if (r == -EBUSY)
		snprintf(problem, problem_size,
			"%s is in use: another ternd runs in this network namespace", name);
	else if (r == -EPERM)
		snprintf(problem, problem_size,
			"%s: making a TUN device needs root (or CAP_NET_ADMIN)", name);
	else if (r == -ENOENT || r == -ENODEV)
		snprintf(problem, problem_size,
			"/dev/net/tun is not there: load the kernel's module `tun`");
	else if (r == -EINVAL)
		snprintf(problem, problem_size,
			"%s: a device of this name that is no TUN device is in the way", name);
	else
		snprintf(problem, problem_size, "TUN device %s: %s", name, strerror(-r));
}

int tun_open(struct tun *t, const char *name, unsigned mtu, char *problem, size_t problem_size)
{
	struct ifreq request = { 0 };
	int r;

	*t = (struct tun){ .fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK) };
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	r = t->fd < 0 ? -errno : attach(t, &request);
	/* One that somebody made to last shall go with us as well. */
	if (r == 0 && ioctl(t->fd, TUNSETPERSIST, 0) < 0)
		r = -errno;
	if (r == 0) {
		memcpy(t->name, request.ifr_name, sizeof(t->name));
		set_up_filters(t->name);
		if (t->has_header)
			offer_offload(t);
		r = bring_up(t->name, mtu, &t->index);
	}
	if (r == 0)
		return 0;

	explain(r, name, problem, problem_size);
	tun_close(t);
	return r;
}

void tun_close(struct tun *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

/* Packets. */

/* Completes the checksum that the kernel left to us. */
static bool complete_checksum(uint8_t *packet, size_t size, const struct virtio_net_hdr *h)
{
	size_t start = h->csum_start, field = start + h->csum_offset;
	uint16_t checksum;

	if (field + 2 > size)
		return false;
	/* what the field has already is part of the sum */
	checksum = checksum_end(checksum_add(0, BYTES(packet + start, size - start)));
	store_u16(packet + field, checksum ? checksum : UINT16_MAX);
	return true;
}

bool tun_header_take(
	uint8_t *memory, size_t size, struct bytes *ret_packet, uint16_t *ret_segment_bytes)
{
	struct virtio_net_hdr h;
	uint8_t *packet = memory + TUN_HEADER_BYTES;
	bool incomplete;

	_Static_assert(sizeof(h) == TUN_HEADER_BYTES, "as tun.h says");
	if (size <= TUN_HEADER_BYTES)
		return false;
	memcpy(&h, memory, sizeof(h));
	size -= TUN_HEADER_BYTES;
	incomplete = h.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	switch (h.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		if (incomplete && !complete_checksum(packet, size, &h))
			return false;
		*ret_segment_bytes = 0;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		if (!incomplete || !h.gso_size)
			return false;
		*ret_segment_bytes = h.gso_size;
		break;
	default:
		return false;
	}
	*ret_packet = BYTES(packet, size);
	return true;
}

void tun_header_make(
	const uint8_t *packet, uint16_t segment_bytes, uint8_t out[static TUN_HEADER_BYTES])
{
	struct virtio_net_hdr h = { 0 };
	bool ipv4 = packet[0] >> 4 == 4;
	bool tcp = packet[ipv4 ? 9 : 6] == IPPROTO_TCP;
	size_t upper = ipv4 ? (size_t)(packet[0] & 15) * 4 : 40;

	if (segment_bytes) {
		h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		h.gso_type = !tcp ? VIRTIO_NET_HDR_GSO_UDP_L4
			: ipv4    ? VIRTIO_NET_HDR_GSO_TCPV4
				  : VIRTIO_NET_HDR_GSO_TCPV6;
		h.gso_size = segment_bytes;
		h.csum_start = (uint16_t)upper;
		h.csum_offset = tcp ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT;
		h.hdr_len = (uint16_t)(upper +
			(tcp ? (size_t)(packet[upper + 12] >> 4) * 4 : UDP_HEADER_BYTES));
	}
	memcpy(out, &h, sizeof(h));
}

bool tun_read(struct tun *t, uint8_t *memory, struct bytes *ret_packet, uint16_t *ret_segment_bytes)
{
	ssize_t size;

	do {
		size = read(t->fd, memory, TUN_READ_BYTES);
	} while (size < 0 && errno == EINTR);
	if (size <= 0)
		return false;

	*ret_segment_bytes = 0;
	if (!t->has_header)
		*ret_packet = BYTES(memory, (size_t)size);
	else if (!tun_header_take(memory, (size_t)size, ret_packet, ret_segment_bytes))
		*ret_packet = BYTES_EMPTY;
	return true;
}

bool tun_write(
	struct tun *t, const struct bytes *pieces, size_t piece_count, uint16_t segment_bytes)
{
	struct iovec vectors[1 + TUN_WRITE_PIECES_MAX];
	uint8_t header[TUN_HEADER_BYTES];
	int count = 0;

	assert(piece_count <= TUN_WRITE_PIECES_MAX && (t->has_header || !segment_bytes));
	if (t->has_header) {
		tun_header_make(pieces[0].data, segment_bytes, header);
		vectors[count++] = iovec_of(BYTES_OF(header));
	}
	for (size_t i = 0; i < piece_count; i++)
		vectors[count++] = iovec_of(pieces[i]);
	if (writev(t->fd, vectors, count) >= 0)
		return true;
	t->write_failed += piece_count;
	return false;
}
