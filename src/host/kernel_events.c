/* What the kernel says by itself: packets that want an SA, SAs that come to their limits, peers behind a
 * NAT that moved. Where some of it was lost (ENOBUFS), the states are looked through for it. */
#include "host/kernel_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "host/host.h"

#define READ_BYTES  16384
#define READS_MAX   64
#define LARVALS_MAX 1024 /* more go by themselves in 30 s */

static struct kernel_trap *trap_of(struct kernel_plane *k, uint32_t reqid)
{
	struct kernel_trap *t = k->traps;

	while (t && t->reqid != reqid)
		t = t->next;
	return t;
}

static struct kernel_child *child_of(struct kernel_plane *k, const struct xfrm_name *name)
{
	for (struct kernel_child *c = k->children; c; c = c->next) {
		const struct xfrm_name in = xfrm_name_of(&c->spec, true);
		const struct xfrm_name out = xfrm_name_of(&c->spec, false);

		if (c->in && in.spi == name->spi &&
			address_equal(&in.destination, &name->destination))
			return c;
		if (c->out && out.spi == name->spi &&
			address_equal(&out.destination, &name->destination))
			return c;
	}
	return NULL;
}

/* Larvals. The kernel asks once for as long as one is there, 30 s; we let it ask again after a second. */

static uint32_t random_spi(void)
{
	uint8_t octets[4];

	random_fill(&host_random, octets, sizeof(octets));
	return load_u32(octets) | 0x80000000u;
}

static void larval_end(struct kernel_plane *k, struct larval **at)
{
	struct larval *l = *at;
	struct xfrm_name name = { .destination = l->what.destination,
		.spi = random_spi(),
		.mark = l->what.tie.mark.value };
	struct xfrm_request r;

	if (kernel_request(
		    k->socket, &r, xfrm_put_larval_spi(&r, &l->what, name.spi), NULL, NULL) == 0)
		(void)kernel_request(k->socket, &r, xfrm_put_state_delete(&r, &name), NULL, NULL);
	*at = l->next;
	k->larval_count--;
	free(l);
}

void kernel_larvals_end(struct kernel_plane *k, uint32_t reqid, ike_time before)
{
	for (struct larval **at = &k->larvals; *at;) {
		if ((*at)->since <= before && (!reqid || (*at)->what.reqid == reqid))
			larval_end(k, at);
		else
			at = &(*at)->next;
	}
}

static void on_look(uv_timer_t *timer)
{
	struct kernel_plane *k = timer->data;

	kernel_larvals_end(k, 0, host_now(k->host) - NS_PER_SECOND);
	if (k->larvals)
		(void)uv_timer_start(timer, on_look, 1000, 0);
}

static void larval_keep(struct kernel_plane *k, const struct xfrm_told *t)
{
	struct larval *l;

	for (l = k->larvals; l; l = l->next)
		if (l->what.sequence == t->sequence)
			return; /* looked through after a loss */
	l = k->larval_count < LARVALS_MAX ? calloc(1, sizeof(*l)) : NULL;
	if (!l)
		return;
	*l = (struct larval){ .what = { .source = t->source,
				      .destination = t->name.destination,
				      .sequence = t->sequence,
				      .reqid = t->reqid,
				      .mode = t->mode,
				      .tie = t->tie },
		.since = host_now(k->host),
		.next = k->larvals };
	k->larvals = l;
	k->larval_count++;
	if (!uv_is_active((uv_handle_t *)&k->look))
		(void)uv_timer_start(&k->look, on_look, 1000, 0);
}

/* Telling the engine, which may operate on us before it returns. */

static void tell_acquire(struct kernel_plane *k, const struct xfrm_told *t)
{
	struct kernel_trap *trap = trap_of(k, t->reqid);
	struct ike_kernel_event event = {
		.kind = IKE_KERNEL_ACQUIRE, .source = t->from, .destination = t->to
	};

	larval_keep(k, t);
	if (!trap)
		return;
	trap->acquired++;
	event.reqid = trap->engine_reqid;
	host_kernel(k->host, &event);
}

static void tell_child(struct kernel_plane *k, const struct kernel_child *c,
	enum ike_kernel_kind kind, const struct endpoint *remote)
{
	struct ike_kernel_event event = {
		.kind = kind, .child_id = c->spec.child_id, .reqid = c->spec.reqid
	};

	if (remote)
		event.remote = *remote;
	host_kernel(k->host, &event);
}

static void hear(struct kernel_plane *k, const struct xfrm_told *t)
{
	const struct kernel_child *c;

	switch (t->kind) {
	case XFRM_TOLD_ACQUIRE:
		if (xfrm_is_our_policy(t->index))
			tell_acquire(k, t);
		break;
	case XFRM_TOLD_EXPIRE:
		c = t->name.spi ? child_of(k, &t->name) : NULL;
		if (c)
			tell_child(k, c, t->hard ? IKE_KERNEL_EXPIRE_HARD : IKE_KERNEL_EXPIRE_SOFT,
				NULL);
		break;
	case XFRM_TOLD_MAPPING:
		c = child_of(k, &t->name);
		if (c && !endpoint_equal(&c->spec.path.remote, &t->remote))
			tell_child(k, c, IKE_KERNEL_MAPPING, &t->remote);
		break;
	default:
		break;
	}
}

/* After a loss. */

struct states {
	struct kernel_plane *plane;
	struct told_list told;
};

static int states_keep(const struct nlmsghdr *h, void *context)
{
	struct states *s = context;
	struct xfrm_told told;

	if (!xfrm_read(BYTES(h, h->nlmsg_len), &told) || told.kind != XFRM_TOLD_STATE ||
		!(told.name.spi ? xfrm_is_our_state(told.sequence)
				: trap_of(s->plane, told.reqid) != NULL))
		return MNL_CB_OK;
	return told_list_add(&s->told, &told) ? MNL_CB_OK : MNL_CB_ERROR;
}

static bool is_there(const struct told_list *s, const struct xfrm_name *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].name.spi == name->spi &&
			address_equal(&s->list[i].name.destination, &name->destination))
			return true;
	return false;
}

/* A child of which a state has gone; told one by one, as telling changes the children. */
static bool tell_one_gone(struct kernel_plane *k, const struct told_list *s, ike_time now)
{
	for (struct kernel_child *c = k->children; c; c = c->next) {
		const struct xfrm_name in = xfrm_name_of(&c->spec, true);
		const struct xfrm_name out = xfrm_name_of(&c->spec, false);

		if (c->gone_told || c->since >= now ||
			((!c->in || is_there(s, &in)) && (!c->out || is_there(s, &out))))
			continue;
		c->gone_told = true;
		tell_child(k, c, IKE_KERNEL_EXPIRE_HARD, NULL);
		return true;
	}
	return false;
}

static void resynchronise(struct kernel_plane *k)
{
	struct states s = { .plane = k };
	ike_time now = host_now(k->host);
	struct xfrm_request r;
	int failed = kernel_request(k->socket, &r, xfrm_put_states_dump(&r), states_keep, &s);

	log_text(&k->host->log, "KNL", 1,
		"the kernel said more than could be heard: looked through its %zu states of ours",
		s.told.count);
	for (size_t i = 0; i < s.told.count; i++) {
		const struct xfrm_told *t = &s.told.list[i];
		const struct kernel_child *c = t->name.spi ? child_of(k, &t->name) : NULL;

		if (!t->name.spi)
			tell_acquire(k, t);
		else if (c && (t->bytes >= t->soft_bytes || t->packets >= t->soft_packets))
			tell_child(k, c, IKE_KERNEL_EXPIRE_SOFT, NULL);
	}
	while (!failed && tell_one_gone(k, &s.told, now))
		;
	free(s.told.list);
}

void kernel_events_read(struct kernel_plane *k)
{
	_Alignas(struct nlmsghdr) uint8_t data[READ_BYTES];
	bool lost = false;

	for (int i = 0; i < READS_MAX; i++) {
		int size = kernel_socket_read(k->socket, data, sizeof(data));
		struct reader from = reader_of(BYTES(data, size > 0 ? (size_t)size : 0));
		struct xfrm_told told;
		struct bytes message;

		if (size == 0 || (size < 0 && size != -ENOBUFS))
			break;
		lost = lost || size < 0;
		while (xfrm_next(&from, &message))
			if (xfrm_read(message, &told))
				hear(k, &told);
	}
	if (lost)
		resynchronise(k);
}
