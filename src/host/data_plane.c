/* Which data plane it is, and user space's as one of two. */
#include "host/data_plane.h"

#include <stdio.h>

#include "host/host.h"
#include "host/kernel_plane.h"

static int user_operate(struct host *h, ike_time now, const struct ike_operation *o, char *reason,
	size_t reason_size)
{
	return plane_operate(h->plane, now, o, reason, reason_size);
}

static int user_choose_spi(struct host *h, ike_time now, uint32_t *ret_spi)
{
	return plane_choose_spi(h->plane, now, ret_spi);
}

static int user_child_stats(struct host *h, uint32_t child_id, struct esp_child_stats *ret_stats)
{
	return esp_stats(plane_esp(h->plane), child_id, ret_stats);
}

static int user_trap_stats(struct host *h, uint32_t reqid, struct esp_trap_stats *ret_stats)
{
	return esp_trap_stats(plane_esp(h->plane), reqid, ret_stats);
}

const struct data_plane data_plane_user = {
	.name = "user-space",
	.routes_transport = true,
	.operate = user_operate,
	.choose_spi = user_choose_spi,
	.child_stats = user_child_stats,
	.trap_stats = user_trap_stats,
};

int data_plane_choose(struct host *h, char *problem, size_t problem_size)
{
	char why[256] = "";

	h->data_plane = &data_plane_user;
	if (h->settings.data_plane == DATA_PLANE_USER)
		return 0;
	h->kernel =
		kernel_plane_new(h, h->settings.data_plane == DATA_PLANE_AUTO, why, sizeof(why));
	if (h->kernel)
		h->data_plane = &data_plane_kernel;
	else if (h->settings.data_plane == DATA_PLANE_KERNEL) {
		snprintf(problem, problem_size,
			"data_plane = kernel: %s; say auto or user for ESP in user space", why);
		return -1;
	}
	return 0;
}
