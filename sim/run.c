/* Running a workload: its actions at their times, then quiet, and whether all is well then. */
#include "sim/run.h"

#include <stdlib.h>

#define CONFIG_BYTES_MAX (128 * 1024)

const char *run_config(struct run *r, size_t host)
{
	struct workload *p = malloc(sizeof(*p));

	if (!p)
		abort();
	*p = r->now;
	for (size_t i = 0; i < p->link_count; i++)
		for (unsigned side = 0; side < 2; side++)
			if (r->unloaded[i][side] && p->links[i].host[side] == host)
				p->links[i].gone = true;
	workload_config(p, host, r->redirects[host] > 0, r->config, CONFIG_BYTES_MAX);
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
		snprintf(address, sizeof(address), h->nat ? "172.16.%zu.2" : WORKLOAD_ADDRESS,
			h->nat ? i : i + 1);
		snprintf(outside, sizeof(outside), "198.51.100.%zu", i);
		snprintf(name, sizeof(name), "h%zu.example", i);
		world_name(r->w, name, address);
		r->hosts[i] = world_host(r->w, r->names[i], address, run_config(r, i), &h->options);
		snprintf(address, sizeof(address), WORKLOAD_ADDRESS, i + 101);
		if (h->second)
			host_add_address(r->hosts[i], address);
		if (!h->nat)
			continue;
		r->nats[i] = world_nat(r->w, outside, h->nat_expire_s * NS_PER_SECOND);
		host_behind(r->hosts[i], r->nats[i]);
	}
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

#define LOST_TOLD 20

/* Which packets, sent from `begin` on, are meant by "lost". */
static void tell_lost(struct world *w, ike_time begin)
{
	unsigned told = 0;

	for (uint64_t i = 0; i < w->flow_count && told < LOST_TOLD; i++) {
		const struct sim_flow *f = &w->flow[i];
		char to[ADDRESS_TEXT_MAX];

		if (f->delivered || f->sent_at < begin)
			continue;
		told++;
		ladder(w, "%-6s sent a packet to %s at %.3f that never arrived", f->from->name,
			address_print(&f->to, to), (double)f->sent_at / (double)NS_PER_SECOND);
	}
}

static void count_host(const struct host *h, struct outcome *ret)
{
	const uint64_t happened[HAPPENED_KINDS] = { [HAPPENED_IKE_UP] = h->ike_up,
		[HAPPENED_IKE_REKEYED] = h->ike_rekeyed,
		[HAPPENED_REAUTHENTICATED] = h->notes[NOTE_REAUTHENTICATED],
		[HAPPENED_REDIRECTED] = h->notes[NOTE_REDIRECTED],
		[HAPPENED_RESUMED] = h->notes[NOTE_RESUMED],
		[HAPPENED_CHILD_UP] = h->child_up,
		[HAPPENED_CHILD_REKEYED] = h->child_rekeyed,
		[HAPPENED_MOVED] = h->ike_updated,
		[HAPPENED_INACTIVE] = h->notes[NOTE_INACTIVE],
		[HAPPENED_LEASES] = h->notes[NOTE_LEASED],
		[HAPPENED_COOKIES] = h->notes[NOTE_COOKIE],
		[HAPPENED_LOST_STATE] = h->notes[NOTE_LOST_STATE] };

	for (size_t i = 0; i < HAPPENED_KINDS; i++)
		ret->happened[i] += happened[i];
	ret->rekeyings += h->child_rekeyed + h->ike_rekeyed;
}

static void finish(struct run *r, struct outcome *ret)
{
	const struct world *w = r->w;

	*ret = (struct outcome){ .simulated_s = (double)w->now / (double)NS_PER_SECOND,
		.packets = w->packets_sent,
		.lost = w->packets_lost,
		.flow = w->flow_count,
		.flow_lost = world_lost_packets(w) };
	memcpy(ret->acted, r->acted, sizeof(ret->acted));
	for (size_t i = 0; i < w->host_count; i++)
		count_host(w->hosts[i], ret);
	ret->happened[HAPPENED_ATTACKS] = attacker_sent(w);
	if (w->broken)
		r->why = w->broken;
	ret->failed = r->why != NULL;
	if (ret->failed)
		tell_state(r);
	snprintf(ret->why, sizeof(ret->why), "%s", r->why ? r->why : "");
}

/* All tunnels stand; from now on until the end no packet may be lost. */
static uint64_t calm_begin(struct run *r, ike_time *ret_begin)
{
	uint64_t before;

	r->asked = true;
	run_ask_all(r);
	run_converge(r);
	before = world_lost_packets(r->w);
	*ret_begin = r->w->now;
	r->calm = !r->why;
	return before;
}

static void calm_end(struct run *r, uint64_t lost_before, ike_time begin)
{
	r->calm = false;
	world_settle(r->w, 30 * NS_PER_SECOND);
	if (r->why || world_lost_packets(r->w) == lost_before)
		return;
	r->why = "a packet was lost although all was calm";
	tell_lost(r->w, begin);
}

static void act_all(struct run *r)
{
	uint64_t begin_ms = run_ms(r);

	for (size_t i = 0; i < r->now.action_count && !r->why && !r->w->broken; i++) {
		const struct action *a = &r->now.actions[i];

		if (a->gone || r->now.links[a->link].gone)
			continue;
		run_pass(r, begin_ms + a->at_ms);
		run_act(r, a);
	}
	run_pass(r, begin_ms + r->now.duration_ms);
}

/* The faults stop: links and hosts are whole again. */
static void calm_down(struct run *r)
{
	r->w->faults = (struct network_faults){ .delay_ns = 20 * NS_PER_MS };
	if (r->w->attacker)
		attacker_rushes(r->w, false);
	for (size_t i = 0; i < r->now.link_count; i++)
		if (!r->now.links[i].gone)
			*world_link(r->w, host_of(r, i, 0), host_of(r, i, 1)) = r->w->faults;
	for (size_t i = 0; i < r->now.host_count; i++)
		if (r->hosts[i])
			r->hosts[i]->refuse_installs = 0;
	run_undo_all(r);
}

void workload_run(const struct workload *p, bool show, struct outcome *ret)
{
	struct run *r = calloc(1, sizeof(*r));
	uint64_t lost = 0;
	ike_time begin = 0;

	if (!r)
		abort();
	r->now = *p;
	r->config = malloc(CONFIG_BYTES_MAX);
	r->w = world_new(p->seed);
	r->w->faults = p->faults;
	if (p->attacked) {
		world_attacker(r->w);
		attacker_rushes(r->w, p->rushed);
	}
	make_hosts(r);
	if (p->calm)
		lost = calm_begin(r, &begin);
	act_all(r);
	if (p->calm)
		calm_end(r, lost, begin);
	calm_down(r);
	if (!r->why && !r->w->broken)
		run_converge(r);
	if (!r->why && !r->w->broken && !p->calm)
		run_come_up(r);
	finish(r, ret);
	if (show)
		world_print_ladder(r->w);
	world_free(r->w);
	free(r->config);
	free(r);
}
