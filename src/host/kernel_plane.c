/* The kernel's data plane: a state for each direction of a child, policies that belong to its reqid. Our
 * device and its routes stay in tunnel mode: they choose the source address, and what finds no policy
 * ends there instead of leaving in the clear. */
#include "host/kernel_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "host/host.h"

#define SPI_MIN    256 /* RFC 4303 §2.1 */
#define SPI_TRIES  64
#define TOLD_BYTES 4096

/* Opening and closing. */

struct kernel_plane *kernel_plane_new(struct host *h, bool all, char *why, size_t why_size)
{
	struct kernel_plane *k = calloc(1, sizeof(*k));
	uint8_t seed[16];
	int r;

	if (!k)
		return NULL;
	random_fill(&host_random, seed, sizeof(seed));
	k->host = h;
	k->by_id = table_new(seed);
	k->policies = table_new(seed);
	r = k->by_id && k->policies ? kernel_socket_open(&k->socket) : -ENOMEM;
	if (r)
		snprintf(why, why_size, "%s",
			r == -EPROTONOSUPPORT ? "the kernel has no XFRM (module xfrm_user)"
					      : strerror(-r));
	if (r == 0)
		r = kernel_probe(k->socket, all, h->udp.sockets[1].fd >= 0, why, why_size);
	if (r == 0)
		r = kernel_sockets_set_up(h, why, why_size);
	if (r) {
		kernel_plane_free(k);
		return NULL;
	}
	kernel_clean(k->socket);
	return k;
}

static void on_events(uv_poll_t *poll, int status, int events)
{
	struct kernel_plane *k = poll->data;

	(void)events;
	kernel_events_read(k);
	if (status < 0 && !uv_is_closing((uv_handle_t *)poll))
		(void)uv_poll_start(poll, UV_READABLE, on_events); /* ENOBUFS as its error */
}

int kernel_plane_watch(struct kernel_plane *k)
{
	int r;

	(void)uv_timer_init(&k->host->loop, &k->look);
	r = uv_poll_init(&k->host->loop, &k->poll, kernel_socket_events(k->socket));
	if (r) {
		uv_close((uv_handle_t *)&k->look, NULL);
		return r;
	}
	k->poll.data = k->look.data = k;
	k->watched = true;
	return uv_poll_start(&k->poll, UV_READABLE, on_events);
}

/* Requests to the kernel. */

static int state_make(struct kernel_plane *k, const struct xfrm_state_wanted *wanted)
{
	struct xfrm_request r;

	return kernel_state_install(
		k, &r, xfrm_put_state(&r, wanted), wanted->spec, wanted->inbound);
}

int kernel_state_end(struct kernel_plane *k, const struct child_spec *spec, bool inbound)
{
	const struct xfrm_name name = xfrm_name_of(spec, inbound);
	struct xfrm_request r;
	int failed = kernel_request(k->socket, &r, xfrm_put_state_delete(&r, &name), NULL, NULL);

	return failed == -ESRCH ? 0 : failed;
}

/* A state as the kernel tells it, with its keys: whoever has looked at it wipes it. */
struct told_state {
	size_t size; /* 0: none */
	uint8_t data[TOLD_BYTES];
};

static struct bytes told_bytes(const struct told_state *told)
{
	return BYTES(told->data, told->size);
}

static int told_keep(const struct nlmsghdr *h, void *context)
{
	struct told_state *told = context;

	if (h->nlmsg_type == XFRM_MSG_NEWSA && h->nlmsg_len <= sizeof(told->data)) {
		memcpy(told->data, h, h->nlmsg_len);
		told->size = h->nlmsg_len;
	}
	return MNL_CB_OK;
}

static int state_ask(struct kernel_plane *k, const struct child_spec *spec, bool inbound,
	struct told_state *ret_told)
{
	const struct xfrm_name name = xfrm_name_of(spec, inbound);
	struct xfrm_request r;
	int failed;

	ret_told->size = 0;
	failed = kernel_request(k->socket, &r, xfrm_put_state_get(&r, &name), told_keep, ret_told);
	return failed ? failed : ret_told->size ? 0 : -ESRCH;
}

bool kernel_state_told(struct kernel_plane *k, const struct child_spec *spec, bool inbound,
	struct xfrm_told *ret_told)
{
	struct told_state told;
	bool found = state_ask(k, spec, inbound, &told) == 0;

	found = found && xfrm_read(told_bytes(&told), ret_told);
	bytes_wipe(&told, sizeof(told));
	return found;
}

/* Children. */

static struct bytes key_of(uint32_t child_id, uint8_t out[static 4])
{
	store_u32(out, child_id);
	return BYTES(out, 4);
}

static struct kernel_child *child_find(const struct kernel_plane *k, uint32_t child_id)
{
	uint8_t key[4];

	return table_find(k->by_id, key_of(child_id, key));
}

static void child_free(struct kernel_plane *k, struct kernel_child *c)
{
	struct kernel_child **at = &k->children;
	uint8_t key[4];

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	table_take(k->by_id, key_of(c->spec.child_id, key));
	free(c);
}

/* What the configuration gives is the kernel's, too: firewalls may match it. */
static uint32_t kernel_reqid(const struct ike_operation *o)
{
	uint32_t reqid = o->spec->reqid;

	return o->config && o->config->reqid == reqid ? reqid : XFRM_REQID_FIRST + reqid;
}

static struct kernel_child *child_make(struct kernel_plane *k, const struct ike_operation *o)
{
	struct kernel_child *c = calloc(1, sizeof(*c));
	uint8_t key[4];

	if (!c)
		return NULL;
	c->spec = *o->spec;
	c->spec.name = NULL;
	secret_wipe(&c->spec.keys_in.encr);
	secret_wipe(&c->spec.keys_in.integ);
	secret_wipe(&c->spec.keys_out.encr);
	secret_wipe(&c->spec.keys_out.integ);
	c->reqid = kernel_reqid(o);
	c->policies = !o->config || o->config->install_policies;
	c->forward_out = o->config && o->config->forward_out;
	if (table_put(k->by_id, key_of(c->spec.child_id, key), c) != 0) {
		free(c);
		return NULL;
	}
	c->next = k->children;
	k->children = c;
	return c;
}

static int child_policies(struct kernel_plane *k, struct kernel_child *c)
{
	const struct policy_want want = {
		.local = &c->spec.local,
		.remote = &c->spec.remote,
		.marks = &c->spec.marks,
		.common = { .reqid = c->reqid,
			.mode = c->spec.mode,
			.priority = c->spec.priority,
			.source = c->spec.path.local.address,
			.destination = c->spec.path.remote.address },
		.inbound = true,
		.forward_out = c->forward_out,
	};

	return c->policies ? policies_use(k, &c->uses, &want) : 0;
}

static void child_end(struct kernel_plane *k, struct kernel_child *c)
{
	if (c->out)
		(void)kernel_state_end(k, &c->spec, false);
	policies_leave(k, &c->uses);
	if (c->in)
		(void)kernel_state_end(k, &c->spec, true);
	child_free(k, c);
}

/* Operations. */

static int install_in(struct kernel_plane *k, ike_time now, const struct ike_operation *o)
{
	struct xfrm_state_wanted wanted = { .spec = o->spec, .inbound = true };
	struct kernel_child *c;
	int failed;

	if (child_find(k, o->spec->child_id))
		return -EEXIST;
	c = child_make(k, o);
	if (!c)
		return -ENOMEM;
	wanted.reqid = c->reqid;
	failed = state_make(k, &wanted);
	c->in = !failed;
	c->since = now;
	if (!failed)
		failed = child_policies(k, c);
	if (failed)
		child_end(k, c);
	return failed;
}

static int install_out(struct kernel_plane *k, ike_time now, const struct ike_operation *o)
{
	struct xfrm_state_wanted wanted = { .spec = o->spec, .mark = HOST_MARK };
	struct kernel_child *c = child_find(k, o->spec->child_id);
	int failed;

	if (!c)
		return -ENOENT;
	wanted.reqid = c->reqid;
	c->spec.spi_out = o->spec->spi_out;
	failed = state_make(k, &wanted);
	c->out = c->out || !failed;
	c->since = now;
	return failed;
}

static int remove_out(struct kernel_plane *k, const struct ike_operation *o)
{
	struct kernel_child *c = child_find(k, o->spec->child_id);

	if (!c || !c->out)
		return 0;
	c->out = false;
	return kernel_state_end(k, &c->spec, false);
}

static int state_move(struct kernel_plane *k, const struct child_spec *from,
	const struct child_spec *to, bool inbound)
{
	struct told_state told;
	struct xfrm_request r;
	int failed = state_ask(k, from, inbound, &told), built;

	if (!failed)
		failed = kernel_state_end(k, from, inbound);
	if (!failed) {
		built = xfrm_put_state_moved(&r, told_bytes(&told), to, inbound);
		failed = kernel_state_install(k, &r, built, to, inbound);
	}
	bytes_wipe(&told, sizeof(told));
	return failed;
}

static int update_path(struct kernel_plane *k, ike_time now, const struct ike_operation *o)
{
	struct kernel_child *c = child_find(k, o->spec->child_id);
	struct child_spec to;
	int failed = 0;

	if (!c)
		return -ENOENT;
	to = c->spec;
	to.path = o->spec->path;
	to.encap = o->spec->encap;
	c->since = now;
	if (c->out)
		failed = state_move(k, &c->spec, &to, false);
	if (c->in && !failed)
		failed = state_move(k, &c->spec, &to, true);
	c->spec = to;
	return failed ? failed : child_policies(k, c);
}

/* Traps and shunts. */

static struct kernel_trap **trap_find(struct kernel_plane *k, uint32_t engine_reqid)
{
	struct kernel_trap **at = &k->traps;

	while (*at && (*at)->engine_reqid != engine_reqid)
		at = &(*at)->next;
	return at;
}

static void trap_end(struct kernel_plane *k, struct kernel_trap **at)
{
	struct kernel_trap *t = *at;

	policies_leave(k, &t->uses);
	kernel_larvals_end(k, t->reqid, IKE_TIME_NEVER);
	*at = t->next;
	free(t);
}

static int trap_lay(struct kernel_plane *k, const struct ike_operation *o)
{
	const struct child_spec *s = o->spec;
	struct kernel_trap **at = trap_find(k, s->reqid);
	const struct policy_want want = {
		.local = &s->local,
		.remote = &s->remote,
		.marks = &s->marks,
		.common = { .reqid = kernel_reqid(o),
			.mode = s->mode,
			.priority = s->priority,
			.source = s->path.local.address,
			.destination = s->path.remote.address },
		.inbound = mode_is_shunt(s->mode),
	};
	int failed;

	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return -ENOMEM;
		(*at)->engine_reqid = s->reqid;
	}
	(*at)->reqid = want.common.reqid;
	failed = o->config && !o->config->install_policies ? 0
							   : policies_use(k, &(*at)->uses, &want);
	if (failed)
		trap_end(k, at);
	return failed;
}

static int carry(struct kernel_plane *k, ike_time now, const struct ike_operation *o)
{
	struct kernel_trap **trap;
	struct kernel_child *c;

	switch (o->kind) {
	case IKE_OPERATE_INSTALL_IN:
		return install_in(k, now, o);
	case IKE_OPERATE_INSTALL_OUT:
		return install_out(k, now, o);
	case IKE_OPERATE_UPDATE_PATH:
		return update_path(k, now, o);
	case IKE_OPERATE_REMOVE_OUT:
		return remove_out(k, o);
	case IKE_OPERATE_REMOVE:
		c = child_find(k, o->spec->child_id);
		if (c)
			child_end(k, c);
		return 0;
	case IKE_OPERATE_TRAP:
	case IKE_OPERATE_SHUNT:
		return trap_lay(k, o);
	case IKE_OPERATE_UNTRAP:
	case IKE_OPERATE_UNSHUNT:
		trap = trap_find(k, o->spec->reqid);
		if (*trap)
			trap_end(k, trap);
		return 0;
	case IKE_OPERATE_TRAP_FAILED:
		kernel_larvals_end(k, kernel_reqid(o), IKE_TIME_NEVER);
		return 0;
	case IKE_OPERATE_ADDRESS_ADD:
	case IKE_OPERATE_ADDRESS_REMOVE:
		break;
	}
	return -EINVAL;
}

static void explain(int failed, const struct ike_operation *o, char *reason, size_t reason_size)
{
	struct xfrm_algorithms a = { 0 };

	switch (-failed) {
	case ENOSYS:
	case ENOENT:
		(void)xfrm_algorithms_of(&o->spec->suite, &a);
		snprintf(reason, reason_size,
			"the kernel has no %s%s%s: choose other esp_proposals, or data_plane = user",
			a.aead           ? a.aead
				: a.encr ? a.encr
					 : "such algorithm",
			a.integ ? " or no " : "", a.integ ? a.integ : "");
		break;
	case ENOTSUP:
		snprintf(reason, reason_size,
			"the kernel's policies can't have these selectors or algorithms (ports that packets don't show, ranges of ICMP types): choose others, or data_plane = user");
		break;
	case E2BIG:
		snprintf(reason, reason_size,
			"the kernel would need too many policies for these ranges of addresses and ports: write subnets, or data_plane = user");
		break;
	case ENODEV:
		snprintf(reason, reason_size,
			"the network device of our address can't do this ESP (%s:%u has hw_offload): write hw_offload = auto, which does without then, or no",
			o->config->where.file, o->config->where.line);
		break;
	case EPROTONOSUPPORT:
		snprintf(reason, reason_size, "the kernel has no ESP of this family");
		break;
	case EEXIST:
		snprintf(reason, reason_size, "the kernel has a state with this SPI already");
		break;
	default:
		snprintf(reason, reason_size, "the kernel: %s", strerror(-failed));
		break;
	}
}

static int kernel_operate(struct host *h, ike_time now, const struct ike_operation *o, char *reason,
	size_t reason_size)
{
	int failed = carry(h->kernel, now, o);

	if (failed)
		explain(failed, o, reason, reason_size);
	return failed;
}

static bool spi_is_used(const struct kernel_plane *k, uint32_t spi)
{
	for (const struct kernel_child *c = k->children; c; c = c->next)
		if (c->spec.spi_in == spi)
			return true;
	return false;
}

/* Random ones: that somebody else's state has it is refused when ours is made. */
static int kernel_choose_spi(struct host *h, ike_time now, uint32_t *ret_spi)
{
	(void)now;
	for (int i = 0; i < SPI_TRIES; i++) {
		uint8_t octets[4];

		random_fill(&host_random, octets, sizeof(octets));
		if (load_u32(octets) < SPI_MIN || spi_is_used(h->kernel, load_u32(octets)))
			continue;
		*ret_spi = load_u32(octets);
		return 0;
	}
	return -EEXIST;
}

/* Counters. */

/* The kernel has seconds of the calendar; some have none of outbound states, where counting must do. */
static ike_time used_at(const struct xfrm_told *t, ike_time now, struct use_seen *seen)
{
	uint64_t today = (uint64_t)time(NULL), ago;

	if (t->packets != seen->packets) {
		seen->packets = t->packets;
		seen->at = now;
	}
	if (!t->used_at_s || t->used_at_s > today)
		return seen->at;
	ago = (today - t->used_at_s) * NS_PER_SECOND;
	return ago < now ? now - ago : 1;
}

static bool carries(const struct kernel_plane *k, const struct kernel_child *child)
{
	for (const struct kernel_child *c = k->children; c; c = c->next)
		if (c->reqid == child->reqid && c->out)
			return c == child; /* the newest is first */
	return false;
}

static int kernel_child_stats(struct host *h, uint32_t child_id, struct esp_child_stats *ret_stats)
{
	struct kernel_child *c = child_find(h->kernel, child_id);
	ike_time now = host_now(h);
	struct xfrm_told t;

	if (!c)
		return -ENOENT;
	*ret_stats = (struct esp_child_stats){ .outbound_installed = c->out,
		.outbound_active = carries(h->kernel, c) };
	if (c->in && kernel_state_told(h->kernel, &c->spec, true, &t)) {
		ret_stats->in =
			(struct esp_counters){ t.bytes, t.packets, used_at(&t, now, &c->seen_in) };
		ret_stats->sequence_in = t.sequence_in;
		ret_stats->replayed = t.replayed;
		ret_stats->failed = t.failed;
	}
	if (c->out && kernel_state_told(h->kernel, &c->spec, false, &t)) {
		ret_stats->out =
			(struct esp_counters){ t.bytes, t.packets, used_at(&t, now, &c->seen_out) };
		ret_stats->sequence_out = t.sequence_out;
	}
	return 0;
}

/* Packets that wait for a child are the kernel's own affair. */
static int kernel_trap_stats(struct host *h, uint32_t reqid, struct esp_trap_stats *ret_stats)
{
	const struct kernel_trap *t = *trap_find(h->kernel, reqid);

	if (!t)
		return -ENOENT;
	*ret_stats = (struct esp_trap_stats){ .acquired = t->acquired };
	return 0;
}

const struct data_plane data_plane_kernel = {
	.name = "the kernel's",
	.operate = kernel_operate,
	.choose_spi = kernel_choose_spi,
	.child_stats = kernel_child_stats,
	.trap_stats = kernel_trap_stats,
};

/* The end. */

void kernel_plane_stop(struct kernel_plane *k)
{
	if (!k)
		return;
	while (k->children)
		child_end(k, k->children);
	while (k->traps)
		trap_end(k, &k->traps);
	kernel_larvals_end(k, 0, IKE_TIME_NEVER);
	if (!k->watched)
		return;
	uv_close((uv_handle_t *)&k->poll, NULL);
	uv_close((uv_handle_t *)&k->look, NULL);
	k->watched = false;
}

void kernel_plane_free(struct kernel_plane *k)
{
	if (!k)
		return;
	table_free(k->by_id);
	table_free(k->policies);
	kernel_socket_close(k->socket);
	free(k);
}
