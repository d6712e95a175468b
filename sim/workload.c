/* Making a workload from a seed. Most worlds are pairs, some are stars around a gateway or meshes;
 * a quarter is calm, so that it can be asked of them that no packet gets lost. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/protocol.h"
#include "sim/internal.h"
#include "sim/workload.h"

struct dice {
	uint64_t state;
};

static uint64_t roll(struct dice *d, uint64_t below)
{
	uint8_t octets[8];

	world_seeded_fill(&d->state, octets, sizeof(octets));
	return load_u64(octets) % below;
}

static bool one_in(struct dice *d, unsigned n)
{
	return roll(d, n) == 0;
}

static bool reachable(const struct workload *p, size_t host)
{
	return !p->hosts[host].nat;
}

/* A host that keeps little, waits briefly, or does without. */
static void make_limits(struct dice *d, struct ike_options *o)
{
	o->half_open_max = one_in(d, 3) ? 2 + (uint32_t)roll(d, 3) : o->half_open_max;
	o->block_threshold = one_in(d, 3) ? 1 : o->block_threshold;
	o->cookie_threshold_address = one_in(d, 3) ? 0 : o->cookie_threshold_address;
	o->children_max = one_in(d, 3) ? 2 : o->children_max;
	o->message_bytes_max = one_in(d, 3) ? 2048 : o->message_bytes_max;
	o->leases_max = one_in(d, 3) ? 1 : o->leases_max;
	o->peer_addresses_max = one_in(d, 3) ? 0 : o->peer_addresses_max;
	o->redirects_max = one_in(d, 3) ? 1 : o->redirects_max;
	o->redirected_kept_ns = one_in(d, 3) ? NS_PER_SECOND : 0;
	o->response_kept_ns = one_in(d, 3) ? NS_PER_MS : 120 * NS_PER_SECOND;
	o->auth_messages_max = one_in(d, 3) ? 1 : o->auth_messages_max;
	o->return_routability = !one_in(d, 3);
	o->prefer_configured_proposals = !one_in(d, 3);
	o->send_vendor_id = one_in(d, 3);
	o->inactivity_close_ike = one_in(d, 3);
	o->retry_jitter_percent = one_in(d, 3) ? 0 : 100;
	o->retry_wait_ns = one_in(d, 3) ? NS_PER_MS : o->retry_wait_ns;
	o->retransmit_limit_ns = one_in(d, 3) ? 5 * NS_PER_SECOND : 0;
	o->fragment_size = one_in(d, 3) ? 65535 : 576;
}

static void make_options(struct workload *p, struct dice *d, struct workload_host *h)
{
	struct ike_options *o = &h->options;

	ike_options_default(o);
	o->retransmit_tries = p->calm ? 5 : 3 + (uint32_t)roll(d, 3);
	o->cookie_threshold = one_in(d, 3) ? 1 : 30;
	o->retransmit_jitter_percent = (uint32_t)roll(d, 50);
	o->fragment_size = one_in(d, 3) ? 576 : 1280;
	o->retry_wait_max_ns = (30 + roll(d, 90)) * NS_PER_SECOND;
	o->tickets = !one_in(d, 4);
	o->tickets_max = one_in(d, 3) ? 1 : 16;
	o->ticket_lifetime_ns = (one_in(d, 3) ? 60 : 3600) * NS_PER_SECOND;
	o->ticket_key_lifetime_ns = (one_in(d, 3) ? 100 : 7200) * NS_PER_SECOND;
	if (one_in(d, 2)) {
		o->qcd_secret.size = 32;
		world_seeded_fill(&d->state, o->qcd_secret.data, o->qcd_secret.size);
	}
	if (one_in(d, 3))
		o->child_kept_ns = (p->calm ? 1 + roll(d, 20) : roll(d, 2)) * NS_PER_SECOND;
	h->limits = !p->calm && one_in(d, 4);
	if (h->limits)
		make_limits(d, o);
}

static void make_host(struct workload *p, struct dice *d, size_t number)
{
	struct workload_host *h = &p->hosts[number];

	make_options(p, d, h);
	h->nat = !p->calm && number > 0 && one_in(d, 5);
	h->mobile = !p->calm && !h->nat && one_in(d, 4);
	h->second = !p->calm && !h->nat && !h->mobile && one_in(d, 2);
	h->nat_expire_s = one_in(d, 2) ? 0 : 60 + (uint32_t)roll(d, 200);
}

static bool stays(const struct workload_host *h)
{
	return !h->nat && !h->mobile && !h->second;
}

static void make_choice(
	const struct workload *p, struct dice *d, uint8_t *ret_choice, unsigned option)
{
	unsigned choice = (unsigned)roll(d, workload_values(option));

	if (workload_allows(p, option, choice))
		*ret_choice = (uint8_t)choice;
}

static void make_link(struct workload *p, struct dice *d, size_t a, size_t b)
{
	struct workload_link *l = &p->links[p->link_count++];

	l->host[0] = (uint8_t)a;
	l->host[1] = (uint8_t)b;
	l->children = one_in(d, 6) ? 2 : 1;
	l->transport = stays(&p->hosts[a]) && stays(&p->hosts[b]) && one_in(d, 6);
	l->virtual = !l->transport && reachable(p, a) && one_in(d, 5);
	if (l->transport)
		l->children = 1;
	for (unsigned side = 0; side < 2; side++)
		for (unsigned i = 0; i < WORKLOAD_OPTIONS; i++)
			if (one_in(d, 3))
				make_choice(p, d, &l->choices[side][i], i);
}

static bool room_for_link(const struct workload *p)
{
	return p->link_count < WORKLOAD_LINKS_MAX;
}

static void make_shape(struct workload *p, struct dice *d)
{
	uint64_t size = roll(d, 100);

	p->host_count = size < 75 ? 2
		: size < 94       ? 3 + roll(d, 3)
		: size < 99       ? 6 + roll(d, 6)
				  : 12 + roll(d, 39);
	for (size_t i = 0; i < p->host_count; i++)
		make_host(p, d, i);
	if (p->host_count <= 5 && one_in(d, 2)) { /* a mesh; else a star */
		for (size_t i = 0; i < p->host_count; i++)
			for (size_t j = i + 1; j < p->host_count; j++)
				if (reachable(p, i) || reachable(p, j))
					make_link(p, d, i, j);
		return;
	}
	for (size_t i = 1; i < p->host_count && room_for_link(p); i++)
		make_link(p, d, 0, i);
}

static struct network_faults calm_faults(struct dice *d)
{
	return (struct network_faults){
		.loss_percent = one_in(d, 2) ? 0 : (unsigned)roll(d, 5),
		.spare_esp = true,
		.duplicate_percent = (unsigned)roll(d, 40),
		.reorder_percent = (unsigned)roll(d, 40),
		.delay_ns = (1 + roll(d, 50)) * NS_PER_MS,
		.answer_delay_ns = one_in(d, 3) ? roll(d, 1000) * NS_PER_MS : 0,
	};
}

static struct network_faults rough_faults(struct dice *d)
{
	return (struct network_faults){
		.loss_percent = one_in(d, 3) ? 0 : (unsigned)roll(d, 40),
		.duplicate_percent = (unsigned)roll(d, 40),
		.reorder_percent = (unsigned)roll(d, 40),
		.corrupt_percent = one_in(d, 3) ? (unsigned)roll(d, 20) : 0,
		.delay_ns = (1 + roll(d, 200)) * NS_PER_MS,
		.answer_delay_ns = one_in(d, 3) ? roll(d, 3000) * NS_PER_MS : 0,
		.answer_never_percent = one_in(d, 6) ? (unsigned)roll(d, 10) : 0,
		.answer_no_percent = one_in(d, 6) ? (unsigned)roll(d, 10) : 0,
		.mtu = one_in(d, 5) ? 1280 : 0,
	};
}

static void make_faults(struct workload *p, struct dice *d)
{
	p->faults = p->calm ? calm_faults(d) : rough_faults(d);
	p->faults.answer_jitter_ns = one_in(d, 2) ? roll(d, 100) * NS_PER_MS : 0;
}

static uint32_t action_value(const struct workload *p, struct dice *d, enum action_kind kind)
{
	switch (kind) {
	case ACT_PACKETS:
		return 1 +
			(uint32_t)roll(d, p->calm ? 3 : 20); /* calm: less than a replay window */
	case ACT_REFUSE:
		return 1 + (uint32_t)roll(d, 3);
	case ACT_CRASH:
	case ACT_SHUTDOWN:
	case ACT_UNLOAD:
	case ACT_REDIRECT_NEW:
		return (uint32_t)roll(d, 90000);
	case ACT_REPLAY:
	case ACT_ALTER:
		return 1 + (uint32_t)roll(d, 30);
	case ACT_FLOOD:
		return 1 + (uint32_t)roll(d, 60);
	case ACT_CUT:
		return (uint32_t)roll(d, 400000);
	case ACT_JUMP:
		return (uint32_t)roll(d, 1u << (10 + roll(d, 14)));
	default:
		return (uint32_t)roll(d, 1u << 30);
	}
}

static enum action_kind action_kind(const struct workload *p, struct dice *d)
{
	if (p->attacked && one_in(d, 4))
		return ACT_ATTACKS + (enum action_kind)roll(d, ACTION_KINDS - ACT_ATTACKS);
	if (p->calm)
		return 1 + (enum action_kind)roll(d, ACT_CALM_LAST);
	if (one_in(d, 12))
		return ACT_CUT; /* what is lost without a word is resumed, or found by liveness */
	return one_in(d, 2) ? (enum action_kind)roll(d, ACT_CALM_LAST + 1)
			    : (enum action_kind)roll(d, ACT_ATTACKS);
}

static void make_actions(struct workload *p, struct dice *d)
{
	uint64_t at = 0;

	p->action_count = 2 + roll(d, p->host_count > 5 ? 40 : 16);
	for (size_t i = 0; i < p->action_count; i++) {
		struct action *a = &p->actions[i];

		a->kind = action_kind(p, d);
		if (p->calm && a->kind == ACT_INITIATE_BOTH)
			a->kind = ACT_PACKETS;
		a->at_ms = at;
		a->link = (uint8_t)roll(d, p->link_count);
		a->side = (uint8_t)roll(d, 2);
		a->value = action_value(p, d, a->kind);
		at += one_in(d, 3) ? roll(d, 50) : roll(d, 2 * p->duration_ms / p->action_count);
	}
	p->duration_ms = at + 1000;
}

/* From streams of their own, so that what else happens with a seed doesn't depend on it: IKEv1 is what
 * so many of the connections speak, but for those with virtual addresses; a quarter of these in aggressive
 * mode. */
void workload_versions(struct workload *p, unsigned percent)
{
	struct dice d = { p->seed ^ 0x696b657631 }, mode = { p->seed ^ 0x61676772 };

	for (size_t i = 0; i < p->link_count; i++) {
		struct workload_link *l = &p->links[i];

		l->ikev1 = roll(&d, 100) < percent && !l->virtual && protocol_v1;
		l->aggressive = one_in(&mode, 4) && l->ikev1;
	}
}

void workload_make(struct workload *p, uint64_t seed)
{
	struct dice d = { seed ^ 0x7465726e };

	*p = (struct workload){ .seed = seed };
	p->calm = one_in(&d, 4);
	p->attacked = one_in(&d, 3);
	p->rushed = p->attacked && one_in(&d, 2);
	p->duration_ms = 600000;
	make_shape(p, &d);
	make_faults(p, &d);
	make_actions(p, &d);
	workload_versions(p, WORKLOAD_IKEV1_PERCENT);
}
