/* Offload of ESP to the network device. Kernels take the request for a device that can't and do the work
 * themselves, without a word; whether it was taken over shows in what they tell of the state. */
#include "host/kernel_internal.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include "host/host.h"

static bool is_of(const struct sockaddr *s, const struct address *a)
{
	if (!s)
		return false;
	if (a->family == 6)
		return s->sa_family == AF_INET6 &&
			!memcmp(&((const struct sockaddr_in6 *)(const void *)s)->sin6_addr,
				a->octets, 16);
	return s->sa_family == AF_INET &&
		!memcmp(&((const struct sockaddr_in *)(const void *)s)->sin_addr, a->octets, 4);
}

/* The index of the device that has this address; 0: none. */
static unsigned device_of(const struct address *a)
{
	struct ifaddrs *all = NULL;
	unsigned index = 0;

	if (getifaddrs(&all) < 0)
		return 0;
	for (const struct ifaddrs *i = all; i && !index; i = i->ifa_next)
		if (is_of(i->ifa_addr, a))
			index = if_nametoindex(i->ifa_name);
	freeifaddrs(all);
	return index;
}

/* Returns 0 and whether it is offloaded; or -ENODEV, and there is no state, or another error. */
static int install_on_device(struct kernel_plane *k, struct xfrm_request *r,
	const struct child_spec *spec, bool inbound, bool *ret_offloaded)
{
	unsigned device = device_of(&spec->path.local.address);
	struct xfrm_told told;
	int failed = device ? xfrm_add_offload(r, device, spec, inbound) : -ENODEV;

	if (!failed)
		failed = kernel_request(k->socket, r, 0, NULL, NULL);
	if (failed == -EOPNOTSUPP || failed == -EINVAL)
		failed = -ENODEV; /* as with ESP in UDP, which no device does */
	if (!failed)
		*ret_offloaded = kernel_state_told(k, spec, inbound, &told) && told.offloaded;
	return failed;
}

int kernel_state_install(struct kernel_plane *k, struct xfrm_request *r, int built,
	const struct child_spec *spec, bool inbound)
{
	struct xfrm_request plain;
	bool offloaded = false;
	int failed;

	if (built || spec->offload == OFFLOAD_NO)
		return kernel_request(k->socket, r, built, NULL, NULL);
	plain = *r;
	failed = install_on_device(k, r, spec, inbound, &offloaded);
	if (!failed && !offloaded && spec->offload == OFFLOAD_YES) {
		(void)kernel_state_end(k, spec, inbound);
		failed = -ENODEV;
	}
	if (failed == -ENODEV && spec->offload == OFFLOAD_AUTO)
		failed = kernel_request(k->socket, &plain, 0, NULL, NULL);
	if (!failed && !offloaded)
		log_text(&k->host->log, "KNL", 1,
			"SPI %08x is not offloaded, as the network device can't do its ESP: the kernel does it",
			inbound ? spec->spi_in : spec->spi_out);
	bytes_wipe(r, sizeof(*r));
	bytes_wipe(&plain, sizeof(plain));
	return failed;
}
