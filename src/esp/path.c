/* Paths: how long a packet they carry, and which children go along them. What the host has learned of a path is
 * kept for a while, also where no child goes along it. */
#include "esp/internal.h"

static uint32_t path_mtu(const struct esp *esp, const struct address *remote)
{
	uint32_t least = remote->family == 4 ? MTU_MIN_IPV4 : MTU_MIN_IPV6;
	uint32_t mtu = esp->options.mtu;

	for (size_t i = 0; i < esp->path_mtu_count; i++) {
		if (address_equal(&esp->path_mtus[i].remote, remote) && esp->path_mtus[i].mtu)
			mtu = esp->path_mtus[i].mtu;
	}
	return mtu < least ? least : mtu > UINT16_MAX ? UINT16_MAX : mtu;
}

static void measure_along(struct esp *esp, const struct address *remote)
{
	uint32_t mtu = path_mtu(esp, remote);

	for (struct fellow *f = fellows_first(esp->by_remote, address_bytes(remote)); f;
		f = f->next) {
		struct child *c = f->of;

		c->path_mtu = mtu;
		child_measure(c);
	}
}

void esp_set_pmtu(struct esp *esp, const struct address *remote, uint32_t mtu)
{
	struct address forgotten = { 0 };
	size_t i = 0;

	while (i < esp->path_mtu_count && !address_equal(&esp->path_mtus[i].remote, remote))
		i++;
	if (i == PATH_MTUS_MAX) { /* full: the oldest goes */
		i = esp->path_mtu_next++ % PATH_MTUS_MAX;
		forgotten = esp->path_mtus[i].remote;
	} else if (i == esp->path_mtu_count) {
		esp->path_mtu_count++;
	}
	esp->path_mtus[i] = (struct path_mtu){ .remote = *remote, .mtu = mtu };

	measure_along(esp, remote);
	measure_along(esp, &forgotten);
}

int path_join(struct esp *esp, struct child *c)
{
	const struct address *remote = &c->spec.path.remote.address;

	c->path_mtu = path_mtu(esp, remote);
	child_measure(c);
	return fellows_add(esp->by_remote, address_bytes(remote), &c->along, c);
}

void path_leave(struct esp *esp, struct child *c)
{
	fellows_remove(esp->by_remote, address_bytes(&c->spec.path.remote.address), &c->along);
}
