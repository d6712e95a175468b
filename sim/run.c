/* Running a workload: its actions at their times, then quiet. When the faults have stopped, all that
 * is configured to be up must be up, once, within a bound of virtual time; and what is not must at
 * least be the same at both ends. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/internal.h"
#include "sim/workload.h"

#define CONFIG_BYTES_MAX (128 * 1024)
#define QUIET_NS                                                                                   \
	(1500 * NS_PER_SECOND) /* the longest series of retransmissions, twice, and waits */
#define LOOK_NS     (13 * NS_PER_SECOND) /* between looks at whether all is well */
#define WELL_LOOKS  3                    /* in a row are enough */
#define CALM_GAP_NS (250 * NS_PER_MS)    /* between packets while all is calm */

struct pending { /* what an action has begun and that ends later */
	enum action_kind kind;
	uint64_t due_ms;
	uint8_t link, side;
};

struct run {
	struct workload now; /* choices and links as they are at the moment */
	struct world *w;
	struct host *hosts[WORKLOAD_HOSTS_MAX];
	struct nat *nats[WORKLOAD_HOSTS_MAX];
	char names[WORKLOAD_HOSTS_MAX][8];
	bool held[WORKLOAD_LINKS_MAX][2]; /* the operator wants it down */
	bool unloaded[WORKLOAD_LINKS_MAX][2];
	size_t pending_count;
	struct pending pending[WORKLOAD_ACTIONS_MAX];
	unsigned moves;
	bool asked; /* for all tunnels */
	bool calm;  /* from now on every packet must arrive */
	char *config;
	const char *why;
};

static const struct workload_link *link_of(const struct run *r, size_t link)
{
	return &r->now.links[link];
}

static struct host *host_of(const struct run *r, size_t link, unsigned side)
{
	return r->hosts[link_of(r, link)->host[side]];
}

static void child_name(
	const struct run *r, size_t link, unsigned side, unsigned child, char out[16])
{
	snprintf(out, 16, "to%u-%u", link_of(r, link)->host[!side], child);
}

static void ike_name(const struct run *r, size_t link, unsigned side, char out[16])
{
	snprintf(out, 16, "to%u", link_of(r, link)->host[!side]);
}

static bool is_loaded(const struct run *r, size_t link, unsigned side)
{
	return !r->unloaded[link][side] && host_of(r, link, side)->engine;
}

/* Setting up. */

static const char *config_of(struct run *r, size_t host)
{
	struct workload *p = malloc(sizeof(*p));

	if (!p)
		abort();
	*p = r->now;
	for (size_t i = 0; i < p->link_count; i++)
		for (unsigned side = 0; side < 2; side++)
			if (r->unloaded[i][side] && p->links[i].host[side] == host)
				p->links[i].gone = true;
	workload_config(p, host, r->config, CONFIG_BYTES_MAX);
	free(p);
	return r->config;
}

static void make_hosts(struct run *r)
{
	for (size_t i = 0; i < r->now.host_count; i++) {
		const struct workload_host *h = &r->now.hosts[i];
		char address[32], outside[32], name[32];

		if (h->gone)
			continue;
		snprintf(r->names[i], sizeof(r->names[i]), "h%zu", i);
		snprintf(address, sizeof(address), h->nat ? "172.16.%zu.2" : "192.0.2.%zu",
			h->nat ? i : i + 1);
		snprintf(outside, sizeof(outside), "198.51.100.%zu", i);
		snprintf(name, sizeof(name), "h%zu.example", i);
		world_name(r->w, name, address);
		r->hosts[i] = world_host(r->w, r->names[i], address, config_of(r, i), &h->options);
		if (!h->nat)
			continue;
		r->nats[i] = world_nat(r->w, outside, h->nat_expire_s * NS_PER_SECOND);
		host_behind(r->hosts[i], r->nats[i]);
	}
}

/* Actions. */

static void later(struct run *r, const struct action *a)
{
	if (r->pending_count < WORKLOAD_ACTIONS_MAX)
		r->pending[r->pending_count++] =
			(struct pending){ a->kind, a->at_ms + a->value, a->link, a->side };
}

static void initiate(struct run *r, size_t link, unsigned side)
{
	char child[16];

	if (!is_loaded(r, link, side))
		return;
	for (unsigned i = 0; i < link_of(r, link)->children; i++) {
		child_name(r, link, side, i, child);
		host_initiate(host_of(r, link, side), child);
	}
	r->held[link][side] = false;
}

static void rekey(struct run *r, size_t link, unsigned side, bool ike)
{
	char name[16];

	if (!is_loaded(r, link, side))
		return;
	if (ike)
		ike_name(r, link, side, name);
	else
		child_name(r, link, side, 0, name);
	host_rekey(host_of(r, link, side), ike ? name : NULL, ike ? NULL : name);
}

static void terminate(struct run *r, size_t link, unsigned side, bool ike)
{
	char name[16];

	if (!is_loaded(r, link, side))
		return;
	if (ike)
		ike_name(r, link, side, name);
	else
		child_name(r, link, side, 0, name);
	r->held[link][side] = true;
	host_terminate(host_of(r, link, side), ike ? name : NULL, ike ? NULL : name);
}

static void kernel_event(struct run *r, size_t link, unsigned side, enum ike_kernel_kind kind)
{
	struct host *h = host_of(r, link, side);

	for (size_t i = 0; i < h->children_used; i++) {
		const struct sim_child *c = &h->children[i];

		if (!c->in || !c->out || !h->engine)
			continue;
		host_kernel(h,
			&(struct ike_kernel_event){ .kind = kind,
				.child_id = c->spec.child_id,
				.reqid = c->spec.reqid });
		return;
	}
}

/* A packet over each child of the link. */
static void one_way(struct run *r, size_t link, unsigned side)
{
	const struct workload_link *l = link_of(r, link);

	for (unsigned child = 0; child < l->children; child++) {
		char from[32], to[32];

		snprintf(from, sizeof(from), "10.%u.%u.1", l->host[side], child);
		snprintf(to, sizeof(to), "10.%u.%u.1", l->host[!side], child);
		host_packet(host_of(r, link, side), from, to);
	}
}

static void packets(struct run *r, size_t link, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		one_way(r, link, 0);
		one_way(r, link, 1);
	}
}

static void move(struct run *r, unsigned host)
{
	char address[32], name[16];

	snprintf(address, sizeof(address), "203.0.113.%u", ++r->moves % 250);
	if (r->nats[host]) {
		nat_set_outside(r->nats[host], address);
	} else if (r->now.hosts[host].mobile) {
		snprintf(name, sizeof(name), "h%u.example", host);
		world_name(r->w, name, address);
		host_set_address(r->hosts[host], address);
	}
}

static void reload(struct run *r, unsigned host)
{
	host_reload(r->hosts[host], config_of(r, host));
}

static void change_option(struct run *r, const struct action *a)
{
	struct workload_link *l = &r->now.links[a->link];
	unsigned option = a->value % WORKLOAD_OPTIONS;
	uint8_t choice = (uint8_t)(a->value / WORKLOAD_OPTIONS % workload_values(option));

	if (l->choices[a->side][option] == choice)
		return; /* a reload doesn't touch what is as it was */
	l->choices[a->side][option] = choice;
	r->held[a->link][a->side] = false;
	reload(r, l->host[a->side]);
}

static void crash(struct run *r, unsigned host)
{
	for (size_t i = 0; i < r->now.link_count; i++)
		for (unsigned side = 0; side < 2; side++)
			if (r->now.links[i].host[side] == host)
				r->held[i][side] = false;
	host_crash(r->hosts[host]);
}

static void cut(struct run *r, size_t link, bool yes)
{
	world_cut(r->w, host_of(r, link, 0), host_of(r, link, 1), yes);
}

static void do_fault(struct run *r, const struct action *a)
{
	unsigned host = link_of(r, a->link)->host[a->side];

	switch (a->kind) {
	case ACT_HARD:
		kernel_event(r, a->link, a->side, IKE_KERNEL_EXPIRE_HARD);
		break;
	case ACT_REFUSE:
		r->hosts[host]->refuse_installs = a->value;
		break;
	case ACT_CRASH:
		if (r->hosts[host]->engine)
			crash(r, host);
		later(r, a);
		break;
	case ACT_CUT:
		cut(r, a->link, true);
		later(r, a);
		break;
	case ACT_REBIND:
		if (r->nats[host])
			nat_rebind(r->nats[host]);
		break;
	case ACT_MOVE:
		move(r, host);
		break;
	case ACT_JUMP:
		host_jump(r->hosts[host], a->value * NS_PER_MS);
		break;
	case ACT_RELOAD:
		change_option(r, a);
		break;
	case ACT_UNLOAD:
		r->unloaded[a->link][a->side] = true;
		reload(r, host);
		later(r, a);
		break;
	default:
		break;
	}
}

static void do_action(struct run *r, const struct action *a)
{
	ladder(r->w, "------ h%u: action %d", link_of(r, a->link)->host[a->side], a->kind);
	switch (a->kind) {
	case ACT_INITIATE_BOTH:
		initiate(r, a->link, !a->side);
		__attribute__((fallthrough));
	case ACT_INITIATE:
		initiate(r, a->link, a->side);
		break;
	case ACT_REKEY_CHILD_BOTH:
		rekey(r, a->link, !a->side, false);
		__attribute__((fallthrough));
	case ACT_REKEY_CHILD:
		rekey(r, a->link, a->side, false);
		break;
	case ACT_REKEY_IKE_BOTH:
		rekey(r, a->link, !a->side, true);
		__attribute__((fallthrough));
	case ACT_REKEY_IKE:
		rekey(r, a->link, a->side, true);
		break;
	case ACT_SOFT:
		kernel_event(r, a->link, a->side, IKE_KERNEL_EXPIRE_SOFT);
		break;
	case ACT_PACKETS:
		packets(r, a->link, a->value);
		break;
	case ACT_TERMINATE_CHILD:
	case ACT_TERMINATE_IKE:
		terminate(r, a->link, a->side, a->kind == ACT_TERMINATE_IKE);
		break;
	default:
		do_fault(r, a);
		break;
	}
}

static void undo(struct run *r, const struct pending *p)
{
	unsigned host = link_of(r, p->link)->host[p->side];

	switch (p->kind) {
	case ACT_CRASH:
		if (!r->hosts[host]->engine)
			host_restart(r->hosts[host]);
		break;
	case ACT_CUT:
		cut(r, p->link, false);
		break;
	case ACT_UNLOAD:
		if (!r->unloaded[p->link][p->side])
			break;
		r->unloaded[p->link][p->side] = false;
		r->held[p->link][p->side] = false;
		reload(r, host);
		break;
	default:
		break;
	}
}

static void undo_due(struct run *r, uint64_t now_ms)
{
	for (size_t i = 0; i < r->pending_count;) {
		struct pending p = r->pending[i];

		if (p.due_ms > now_ms) {
			i++;
			continue;
		}
		r->pending[i] = r->pending[--r->pending_count];
		undo(r, &p);
	}
}

static uint64_t now_ms(const struct run *r)
{
	return r->w->now / NS_PER_MS;
}

/* Time passes; where it is calm, packets flow all the while. */
static void pass(struct run *r, uint64_t until_ms)
{
	while (now_ms(r) < until_ms && !r->w->broken) {
		uint64_t step = until_ms - now_ms(r);

		for (size_t i = 0; i < r->pending_count; i++) {
			uint64_t due = r->pending[i].due_ms;

			if (due > now_ms(r) && due - now_ms(r) < step)
				step = due - now_ms(r);
		}
		if (r->calm && step > CALM_GAP_NS / NS_PER_MS)
			step = CALM_GAP_NS / NS_PER_MS;
		world_run(r->w, step * NS_PER_MS);
		for (size_t i = 0; r->calm && i < r->now.link_count; i++)
			if (!r->now.links[i].gone)
				packets(r, i, 1);
		undo_due(r, now_ms(r));
	}
}

/* Whether all is well. */

/* Who begins when all tunnels are asked for. */
static unsigned begins(const struct run *r, size_t link)
{
	return r->now.hosts[link_of(r, link)->host[1]].nat ? 1 : 0;
}

static void ask_all(struct run *r)
{
	for (size_t i = 0; i < r->now.link_count; i++)
		if (!r->now.links[i].gone)
			initiate(r, i, begins(r, i));
}

static bool wants(const struct run *r, size_t link, unsigned side)
{
	const struct workload_link *l = link_of(r, link);
	const char *start = workload_choice(l, side, "start_action");
	const char *dpd = workload_choice(l, side, "dpd_action");
	const char *close = workload_choice(l, side, "close_action");
	bool stays =
		(!*dpd || strcmp(dpd, "start") == 0) && (!*close || strcmp(close, "start") == 0);

	/* The one that only answers can't begin. */
	return (strcmp(start, "start") == 0 || strcmp(start, "trap|start") == 0) && stays &&
		!r->held[link][side] && !r->now.hosts[l->host[!side]].nat;
}

static size_t children_named(const struct host *h, const char *name)
{
	size_t sas = 0, count = 0;
	struct ike_sa_view sa;

	while (ike_next_sa(h->engine, &sas, &sa)) {
		struct ike_child_view c;
		size_t position = 0;

		while (ike_next_child(h->engine, sa.id, &position, &c))
			count += strcmp(c.config->name, name) == 0;
	}
	return count;
}

static bool has_sa(const struct host *h, uint64_t spi_i, uint64_t spi_r)
{
	struct ike_sa_view sa;
	size_t position = 0;

	while (ike_next_sa(h->engine, &position, &sa))
		if (sa.spi_i == spi_i && sa.spi_r == spi_r)
			return true;

	return false;
}

/* Each IKE SA has its other end. */
static bool sas_agree(const struct run *r)
{
	for (size_t i = 0; i < r->w->host_count; i++) {
		struct ike_sa_view sa;
		size_t position = 0;

		while (ike_next_sa(r->w->hosts[i]->engine, &position, &sa)) {
			bool found = false;

			for (size_t j = 0; j < r->w->host_count && !found; j++)
				found = j != i && has_sa(r->w->hosts[j], sa.spi_i, sa.spi_r);
			if (!found)
				return false;
		}
	}
	return true;
}

/* A side that never enforces uniqueness keeps what it has. */
static bool twice_is_meant(const struct run *r, size_t link)
{
	const struct workload_link *l = link_of(r, link);

	return strcmp(workload_choice(l, 0, "unique"), "never") == 0 ||
		strcmp(workload_choice(l, 1, "unique"), "never") == 0;
}

static const char *link_wrong(const struct run *r, size_t link)
{
	for (unsigned child = 0; child < link_of(r, link)->children; child++) {
		size_t counts[2];
		char name[16];

		for (unsigned side = 0; side < 2; side++) {
			child_name(r, link, side, child, name);
			counts[side] = children_named(host_of(r, link, side), name);
		}
		if (counts[0] != counts[1])
			return "the ends don't agree on their children";
		if (counts[0] > 1 && !twice_is_meant(r, link))
			return "a child is duplicated";
		if (counts[0] == 0 && r->asked)
			return "a tunnel that was asked for is down";
		if (counts[0] == 0 && (wants(r, link, 0) || wants(r, link, 1)))
			return "a tunnel that should be up is down";
	}
	return NULL;
}

static const char *look(const struct run *r)
{
	for (size_t i = 0; i < r->w->host_count; i++)
		if (host_half_open(r->w->hosts[i]))
			return "a half-open SA remains";
	if (!sas_agree(r))
		return "the ends don't agree on their IKE SAs";
	for (size_t i = 0; i < r->now.link_count; i++) {
		const char *wrong = r->now.links[i].gone ? NULL : link_wrong(r, i);

		if (wrong)
			return wrong;
	}
	return NULL;
}

/* Looks until all was well a few times in a row, or it takes too long. */
static void converge(struct run *r)
{
	ike_time end = r->w->now + QUIET_NS;
	unsigned well = 0;
	const char *wrong = NULL;

	while (r->w->now < end && well < WELL_LOOKS && !r->w->broken) {
		pass(r, now_ms(r) + LOOK_NS / NS_PER_MS);
		wrong = look(r);
		well = wrong ? 0 : well + 1;
		if (wrong && r->asked)
			ask_all(r);
	}
	if (well < WELL_LOOKS && !r->why)
		r->why = wrong;
}

/* Packets cross every tunnel both ways, first from behind NAT boxes. */
static bool packets_cross(struct run *r)
{
	uint64_t before = world_lost_packets(r->w);

	for (unsigned first = 0; first < 2; first++) {
		for (size_t i = 0; i < r->now.link_count; i++) {
			unsigned side = begins(r, i) ^ first;

			if (!r->now.links[i].gone)
				one_way(r, i, side);
		}
		world_settle(r->w, 5 * NS_PER_SECOND);
	}
	return world_lost_packets(r->w) == before;
}

static void come_up(struct run *r)
{
	ike_time end = r->w->now + QUIET_NS; /* a peer that is gone is noticed by then */
	bool crossed = false;

	r->asked = true;
	ask_all(r);
	while (r->w->now < end && !crossed && !r->why && !r->w->broken) {
		converge(r);
		crossed = packets_cross(r);
	}
	if (!crossed && !r->why)
		r->why = "packets don't cross a tunnel that is up";
}

/* What there is, for whoever reads the ladder of a failure. */
static void tell_state(const struct run *r)
{
	for (size_t i = 0; i < r->w->host_count; i++) {
		const struct host *h = r->w->hosts[i];
		struct ike_sa_view sa;
		size_t sas = 0;

		while (h->engine && ike_next_sa(h->engine, &sas, &sa)) {
			struct ike_child_view c;
			size_t position = 0;

			ladder(r->w, "%-6s has %s %s %016llx %016llx", h->name,
				sa.connection ? sa.connection->name : "?", ike_state_name(sa.state),
				(unsigned long long)sa.spi_i, (unsigned long long)sa.spi_r);
			while (ike_next_child(h->engine, sa.id, &position, &c))
				ladder(r->w, "%-6s  has %s %s %08x_i %08x_o", h->name,
					c.config->name, ike_child_state_name(c.state),
					c.spec->spi_in, c.spec->spi_out);
		}
	}
}

static void finish(struct run *r, struct outcome *ret)
{
	const struct world *w = r->w;

	*ret = (struct outcome){ .simulated_s = (double)w->now / (double)NS_PER_SECOND,
		.packets = w->packets_sent,
		.lost = w->packets_lost,
		.flow = w->flow_count,
		.flow_lost = world_lost_packets(w) };
	for (size_t i = 0; i < w->host_count; i++)
		ret->rekeyings += w->hosts[i]->child_rekeyed + w->hosts[i]->ike_rekeyed;
	if (w->broken)
		r->why = w->broken;
	ret->failed = r->why != NULL;
	if (ret->failed)
		tell_state(r);
	snprintf(ret->why, sizeof(ret->why), "%s", r->why ? r->why : "");
}

/* All tunnels stand; from now on until the end no packet may be lost. */
static uint64_t calm_begin(struct run *r)
{
	uint64_t before;

	r->asked = true;
	ask_all(r);
	converge(r);
	before = world_lost_packets(r->w);
	r->calm = !r->why;
	return before;
}

static void calm_end(struct run *r, uint64_t lost_before)
{
	r->calm = false;
	world_settle(r->w, 30 * NS_PER_SECOND);
	if (!r->why && world_lost_packets(r->w) != lost_before)
		r->why = "a packet was lost although nothing but rekeying happened";
}

static void act_all(struct run *r)
{
	uint64_t begin_ms = now_ms(r);

	for (size_t i = 0; i < r->now.action_count && !r->why && !r->w->broken; i++) {
		const struct action *a = &r->now.actions[i];

		if (a->gone || r->now.links[a->link].gone)
			continue;
		pass(r, begin_ms + a->at_ms);
		do_action(r, a);
	}
	pass(r, begin_ms + r->now.duration_ms);
}

/* The faults stop: links and hosts are whole again. */
static void calm_down(struct run *r)
{
	r->w->faults = (struct network_faults){ .delay_ns = 20 * NS_PER_MS };
	for (size_t i = 0; i < r->now.link_count; i++)
		if (!r->now.links[i].gone)
			*world_link(r->w, host_of(r, i, 0), host_of(r, i, 1)) = r->w->faults;
	for (size_t i = 0; i < r->now.host_count; i++)
		if (r->hosts[i])
			r->hosts[i]->refuse_installs = 0;
	undo_due(r, UINT64_MAX);
}

void workload_run(const struct workload *p, bool show, struct outcome *ret)
{
	struct run *r = calloc(1, sizeof(*r));
	uint64_t lost = 0;

	if (!r)
		abort();
	r->now = *p;
	r->config = malloc(CONFIG_BYTES_MAX);
	r->w = world_new(p->seed);
	r->w->faults = p->faults;
	make_hosts(r);
	if (p->calm)
		lost = calm_begin(r);
	act_all(r);
	if (p->calm)
		calm_end(r, lost);
	calm_down(r);
	if (!r->why && !r->w->broken)
		converge(r);
	if (!r->why && !r->w->broken && !p->calm)
		come_up(r);
	finish(r, ret);
	if (show)
		world_print_ladder(r->w);
	world_free(r->w);
	free(r->config);
	free(r);
}
