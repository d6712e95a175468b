/* What the files of the kernel's data plane share. */
#pragma once

#include "base/table.h"
#include "host/kernel_plane.h"
#include "host/kernel_socket.h"

#include <uv.h>

/* One owner's use of one policy: its template, which differs between the children of a rekeying only
 * where the path does. */
struct policy_use {
	struct kernel_policy *policy;
	struct xfrm_policy_wanted wanted;
	struct policy_use *next;   /* of the same owner */
	struct policy_use *behind; /* of the same policy: whose is in the kernel comes first */
};

struct kernel_policy {
	struct xfrm_policy_wanted wanted; /* selector, direction and tie, which are its name */
	uint32_t index;
	struct policy_use *users;
};

struct kernel_child {
	struct child_spec spec; /* without keys and name */
	uint32_t reqid;         /* the kernel's */
	bool in, out;           /* which states we have made */
	bool policies, forward_out;
	bool gone_told; /* that the kernel has lost a state of it */
	ike_time since; /* when its newest state was made */
	struct policy_use *uses;
	struct use_seen { /* for kernels that don't tell when a state was last used */
		uint64_t packets;
		ike_time at;
	} seen_in, seen_out;
	struct kernel_child *next;
};

struct kernel_trap {
	uint32_t engine_reqid, reqid;
	uint64_t acquired;
	struct policy_use *uses;
	struct kernel_trap *next;
};

/* A state that waits after an acquire: the kernel says nothing more while it does. */
struct larval {
	struct xfrm_larval what;
	ike_time since;
	struct larval *next;
};

struct kernel_plane {
	struct host *host;
	struct kernel_socket *socket;
	struct kernel_child *children;
	struct table *by_id;
	struct kernel_trap *traps;
	struct table *policies;
	uint32_t policy_number;
	struct larval *larvals;
	size_t larval_count;
	bool watched;
	uv_poll_t poll;
	uv_timer_t look; /* after larvals */
};

/* kernel_policies.c. Whose: a child's or a trap's list of uses. */

struct policy_want {
	const struct selectors *local, *remote;
	const struct child_marks *marks;
	struct xfrm_policy_wanted common; /* reqid, mode, priority; addresses as of the way out */
	bool inbound;                     /* with what may come in */
	bool forward_out;                 /* with what is forwarded into it */
};

/* In place of the uses there are. Returns 0, or a negative errno; then they are as they were. */
int policies_use(struct kernel_plane *k, struct policy_use **uses, const struct policy_want *want);
void policies_leave(struct kernel_plane *k, struct policy_use **uses);

/* What the kernel told, gathered out of a dump by a callback of kernel_request(); the list is to be
 * freed. Adding returns false where there is no memory: it is as it was. */
struct told_list {
	size_t count, room;
	struct xfrm_told *list;
};

bool told_list_add(struct told_list *l, const struct xfrm_told *told); /* kernel_probe.c */

/* kernel_plane.c */
int kernel_state_end(struct kernel_plane *k, const struct child_spec *spec, bool inbound);
bool kernel_state_told(struct kernel_plane *k, const struct child_spec *spec, bool inbound,
	struct xfrm_told *ret_told);

/* kernel_offload.c: sends a state that was built (`built`: what building it returned), by which the network
 * device does the work as far as `spec` says so. Returns 0 or a negative errno; -ENODEV: it can't. */
int kernel_state_install(struct kernel_plane *k, struct xfrm_request *r, int built,
	const struct child_spec *spec, bool inbound);

/* kernel_events.c */
void kernel_events_read(struct kernel_plane *k);

/* Ends those of a reqid of the kernel's, 0 for all, that have waited since `before`. */
void kernel_larvals_end(struct kernel_plane *k, uint32_t reqid, ike_time before);

/* kernel_probe.c: the first or the last thing that is done with a kernel. */
int kernel_probe(struct kernel_socket *s, bool all, bool ipv6, char *why, size_t why_size);
void kernel_clean(struct kernel_socket *s);
int kernel_sockets_set_up(struct host *h, char *why, size_t why_size);
