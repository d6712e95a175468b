/* The TUN device: IP packets without a header of its own, one per read. It has no address: what is
 * sent through it takes the source that its route prefers. */
#include "host/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_PACKETS 1000

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
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int r = 0;

	*t = (struct tun){ .fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK) };
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (t->fd < 0 || ioctl(t->fd, TUNSETIFF, &request) < 0)
		r = -errno;
	/* One that somebody made to last shall go with us as well. */
	if (r == 0 && ioctl(t->fd, TUNSETPERSIST, 0) < 0)
		r = -errno;
	if (r == 0) {
		memcpy(t->name, request.ifr_name, sizeof(t->name));
		set_up_filters(t->name);
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
