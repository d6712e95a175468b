/* The actions of a workload, and the time between them. */
#include "sim/run.h"

#define CALM_GAP_NS (250 * NS_PER_MS) /* between packets while all is calm */

/* Actions. */

static void later(struct run *r, const struct action *a)
{
	if (r->pending_count < WORKLOAD_ACTIONS_MAX)
		r->pending[r->pending_count++] =
			(struct pending){ a->kind, a->at_ms + a->value, a->link, a->side };
}

void run_initiate(struct run *r, size_t link, unsigned side)
{
	char child[16];

	if (!is_loaded(r, link, side) || (link_of(r, link)->virtual && side == 0))
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

static void reauthenticate(struct run *r, size_t link, unsigned side)
{
	char name[16];

	if (!is_loaded(r, link, side))
		return;
	ike_name(r, link, side, name);
	host_reauthenticate(host_of(r, link, side), name);
}

/* The peer of the link, to this host's second address; refused where the peer didn't begin. */
static void redirect(struct run *r, size_t link, unsigned side)
{
	unsigned host = link_of(r, link)->host[side];
	char name[16], gateway[32];

	if (!is_loaded(r, link, side) || !r->now.hosts[host].second)
		return;
	ike_name(r, link, side, name);
	snprintf(gateway, sizeof(gateway), WORKLOAD_ADDRESS, (size_t)host + 101);
	host_redirect(r->hosts[host], name, gateway);
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

/* That of the child with the address which was given last: one that was given before ends with its IKE SA,
 * and nothing new begins there. */
static void virtual_source(const struct host *h, const char *child, char out[ADDRESS_TEXT_MAX])
{
	ike_time newest = 0;

	for (size_t i = 0; i < h->children_used; i++) {
		const struct sim_child *c = &h->children[i];
		const struct address *a = &c->spec.local.list[0].first;

		if (!c->in || !c->out || strcmp(c->spec.name, child) != 0 ||
			host_virtual_since(h, a) < newest)
			continue;
		newest = host_virtual_since(h, a);
		address_print(a, out);
	}
}

/* Where packets of a child come from at one side. A virtual address is that of the child there is. */
static void source(
	struct run *r, size_t link, unsigned side, unsigned child, char out[ADDRESS_TEXT_MAX])
{
	const struct workload_link *l = link_of(r, link);
	const struct host *h = host_of(r, link, side);
	char name[16];

	if (l->transport) {
		address_print(&h->address, out);
		return;
	}
	snprintf(out, ADDRESS_TEXT_MAX, "10.%u.%u.1", l->host[side], child);
	if (!l->virtual || side == 0)
		return;
	snprintf(out, ADDRESS_TEXT_MAX, WORKLOAD_POOL, link + 100, 1);
	child_name(r, link, side, child, name);
	virtual_source(h, name, out);
}

void run_one_way(struct run *r, size_t link, unsigned side)
{
	for (unsigned child = 0; child < link_of(r, link)->children; child++) {
		char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX];

		source(r, link, side, child, from);
		source(r, link, !side, child, to);
		host_packet(host_of(r, link, side), from, to);
	}
}

static void packets(struct run *r, size_t link, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		run_one_way(r, link, 0);
		run_one_way(r, link, 1);
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
	host_reload(r->hosts[host], run_config(r, host));
}

static void change_option(struct run *r, const struct action *a)
{
	struct workload_link *l = &r->now.links[a->link];
	unsigned option = a->value % WORKLOAD_OPTIONS;
	uint8_t choice = (uint8_t)(a->value / WORKLOAD_OPTIONS % workload_values(option));
	const char *before = workload_value(l, a->side, option);

	if (!workload_allows(&r->now, option, choice))
		return;
	l->choices[a->side][option] = choice;
	if (strcmp(before, workload_value(l, a->side, option)) == 0)
		return; /* a reload doesn't touch what is as it was */
	r->held[a->link][a->side] = false;
	reload(r, l->host[a->side]);
	reload(r, l->host[!a->side]); /* which may depend on it */
}

static void crash(struct run *r, unsigned host, bool goodbye)
{
	for (size_t i = 0; i < r->now.link_count; i++)
		for (unsigned side = 0; side < 2; side++)
			if (r->now.links[i].host[side] == host)
				r->held[i][side] = false;
	if (goodbye)
		host_shutdown(r->hosts[host]);
	else
		host_crash(r->hosts[host]);
}

static void redirect_new(struct run *r, unsigned host, bool yes)
{
	if (!r->now.hosts[host].second)
		return;
	r->redirects[host] += yes ? 1u : -1u;
	reload(r, host);
}

static void do_attack(struct run *r, const struct action *a)
{
	struct host *h = host_of(r, a->link, a->side);

	if (!r->w->attacker)
		return;
	if (a->kind == ACT_REPLAY)
		attacker_replays(h, a->value);
	else if (a->kind == ACT_FLOOD)
		attacker_floods(h, a->value);
	else
		attacker_alters(h, a->value);
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
	case ACT_SHUTDOWN:
		if (r->hosts[host]->engine)
			crash(r, host, a->kind == ACT_SHUTDOWN);
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
	case ACT_REDIRECT: /* only the responder of the IKE SA can */
		redirect(r, a->link, 0);
		redirect(r, a->link, 1);
		break;
	case ACT_REDIRECT_NEW:
		redirect_new(r, host, true);
		later(r, a);
		break;
	default:
		do_attack(r, a);
		break;
	}
}

void run_act(struct run *r, const struct action *a)
{
	ladder(r->w, "------ h%u %s", link_of(r, a->link)->host[a->side],
		workload_action_words[a->kind]);
	r->acted[a->kind]++;
	switch (a->kind) {
	case ACT_INITIATE_BOTH:
		run_initiate(r, a->link, !a->side);
		__attribute__((fallthrough));
	case ACT_INITIATE:
		run_initiate(r, a->link, a->side);
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
	case ACT_REAUTHENTICATE:
		reauthenticate(r, a->link, a->side);
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
	case ACT_SHUTDOWN:
		host_restart(r->hosts[host]);
		break;
	case ACT_REDIRECT_NEW:
		redirect_new(r, host, false);
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

/* Time passes; where it is calm, packets flow all the while. */
void run_pass(struct run *r, uint64_t until_ms)
{
	while (run_ms(r) < until_ms && !r->w->broken) {
		uint64_t step = until_ms - run_ms(r);

		for (size_t i = 0; i < r->pending_count; i++) {
			uint64_t due = r->pending[i].due_ms;

			if (due > run_ms(r) && due - run_ms(r) < step)
				step = due - run_ms(r);
		}
		if (r->calm && step > CALM_GAP_NS / NS_PER_MS)
			step = CALM_GAP_NS / NS_PER_MS;
		world_run(r->w, step * NS_PER_MS);
		for (size_t i = 0; r->calm && i < r->now.link_count; i++)
			if (!r->now.links[i].gone)
				packets(r, i, 1);
		undo_due(r, run_ms(r));
	}
}
void run_undo_all(struct run *r)
{
	undo_due(r, UINT64_MAX);
}
