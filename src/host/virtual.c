/* Each address is there once, as a single host (/32, /128), however many IKE SAs have it: an SA that
 * is set up anew has it from the peer again before the old one goes. The device goes with the
 * process, and what is on it with the device: after a crash nothing is left. */
#include "host/virtual.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct held {
	struct address address;
	size_t users;
	struct held *next;
};

struct virtual
{
	struct netlink *netlink;
	struct virtual_options options;
	struct held *addresses;
};

struct virtual *virtual_new(struct netlink *n, const struct virtual_options *options)
{
	struct virtual *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->netlink = n;
	v->options = *options;
	return v;
}

static struct held **held_find(struct held **list, const struct address *a)
{
	while (*list && !address_equal(&(*list)->address, a))
		list = &(*list)->next;
	return list;
}

static int address_take(struct virtual *v, const struct address *a)
{
	struct held **at = held_find(&v->addresses, a);
	int r;

	if (*at) {
		(*at)->users++;
		return 0;
	}
	*at = calloc(1, sizeof(**at));
	if (!*at)
		return -ENOMEM;
	**at = (struct held){ .address = *a, .users = 1 };
	r = netlink_address_add(v->netlink, v->options.interface, a);
	return r == -EEXIST ? 0 : r;
}

static void address_release(struct virtual *v, const struct address *a)
{
	struct held **at = held_find(&v->addresses, a), *held = *at;

	if (!held || --held->users)
		return;
	(void)netlink_address_remove(v->netlink, v->options.interface, a);
	*at = held->next;
	free(held);
}

int virtual_add(
	struct virtual *v, const struct ike_virtual *given, char *problem, size_t problem_size)
{
	char text[ADDRESS_TEXT_MAX];
	int failed = 0;

	for (size_t i = 0; v->options.install && i < given->address_count; i++) {
		int r = address_take(v, &given->addresses[i]);

		if (r && !failed) {
			failed = r;
			snprintf(problem, problem_size, "virtual address %s: %s",
				address_print(&given->addresses[i], text), strerror(-r));
		}
	}
	return failed;
}

void virtual_remove(struct virtual *v, const struct ike_virtual *given)
{
	for (size_t i = 0; v->options.install && i < given->address_count; i++)
		address_release(v, &given->addresses[i]);
}

void virtual_free(struct virtual *v)
{
	while (v && v->addresses) {
		struct address a = v->addresses->address;

		v->addresses->users = 1;
		address_release(v, &a);
	}
	free(v);
}
