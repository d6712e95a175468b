/* The SPD: which reqid an outbound packet belongs to, and whether a packet is what an SA was made for. */
#include "esp/internal.h"

/* Priorities that a configuration gives come before those that follow from the selectors. */
#define PRIORITY_BY_SELECTORS (1ull << 32)
#define NARROWNESS_END        4096 /* no pair is as narrow */

static bool port_is_any(const struct selector *s)
{
	return s->port_first == 0 && s->port_last == UINT16_MAX;
}

static bool port_is_opaque(const struct selector *s)
{
	return s->port_first == UINT16_MAX && s->port_last == 0;
}

static bool address_fits(const struct selector *s, const struct address *a)
{
	return a->family == s->family && address_compare(&s->first, a) <= 0 &&
		address_compare(a, &s->last) <= 0;
}

/* OPAQUE is for packets that don't show their ports, and any includes it: RFC 4301 §4.4.1. */
static bool port_fits(const struct selector *s, const struct flow *f, uint16_t port)
{
	if (s->protocol == 0 || port_is_any(s))
		return true;
	if (port_is_opaque(s))
		return !f->ports_known;
	return f->ports_known && s->port_first <= port && port <= s->port_last;
}

static bool protocol_fits(const struct selector *s, const struct flow *f)
{
	return s->protocol == 0 || s->protocol == f->protocol;
}

bool selector_fits_source(const struct selector *s, const struct flow *f)
{
	return address_fits(s, &f->source) && protocol_fits(s, f) &&
		port_fits(s, f, f->source_port);
}

/* ICMP's type and code are the sender's side alone: RFC 4301 §4.4.1.1. */
bool selector_fits_destination(const struct selector *s, const struct flow *f)
{
	return address_fits(s, &f->destination) && protocol_fits(s, f) &&
		((f->ports_known && !f->ports_paired) || port_fits(s, f, f->destination_port));
}

uint8_t selector_prefix(const struct selector *s)
{
	unsigned bits = 0, size = (unsigned)address_size(&s->first) * 8;

	while (bits < size &&
		!((s->first.octets[bits / 8] ^ s->last.octets[bits / 8]) & 0x80 >> bits % 8))
		bits++;
	return (uint8_t)bits;
}

/* How narrow a selector is: the prefix that its ends share, then protocol, then ports. */
static uint32_t selector_narrowness(const struct selector *s)
{
	return selector_prefix(s) * 4u + (s->protocol != 0) * 2 + !port_is_any(s) + 1;
}

uint32_t pair_narrowness(const struct selector *local, const struct selector *remote)
{
	return selector_narrowness(local) + selector_narrowness(remote);
}

uint32_t pair_narrowness_max(uint8_t local_prefix, uint8_t remote_prefix)
{
	return (local_prefix + remote_prefix) * 4u + 2 * (2 + 1 + 1);
}

bool selectors_fit(const struct selectors *source, const struct selectors *destination,
	const struct flow *flow)
{
	size_t i = 0, j = 0;

	while (i < source->count && !selector_fits_source(&source->list[i], flow))
		i++;
	while (j < destination->count && !selector_fits_destination(&destination->list[j], flow))
		j++;
	return i < source->count && j < destination->count;
}

static uint32_t policy_priority(const struct policy *p)
{
	return p->active      ? p->active->spec.priority
		: p->children ? p->children->spec.priority
			      : p->trap.priority;
}

struct child *policy_child(const struct policy *p, const struct flow *flow)
{
	for (struct child *c = p->children; c; c = c->sibling) {
		if (c->out.sealer && selectors_fit(&c->spec.local, &c->spec.remote, flow))
			return c;
	}
	return NULL;
}

struct policy *policy_of(const struct esp *esp, uint32_t reqid)
{
	uint8_t key[4];

	store_u32(key, reqid);
	return table_find(esp->by_reqid, BYTES_OF(key));
}

/* What has no priority of its own is ranked by its selectors, among its like: what passes comes before
 * tunnels, what is dropped behind them. */
static uint64_t policy_rank(const struct policy *p, uint32_t narrowness)
{
	uint32_t priority = policy_priority(p);

	if (priority)
		return priority;
	if (p->trap.mode == CHILD_PASS)
		return PRIORITY_BY_SELECTORS - NARROWNESS_END - narrowness;
	if (p->trap.mode == CHILD_DROP)
		return PRIORITY_BY_SELECTORS + NARROWNESS_END - narrowness;
	return PRIORITY_BY_SELECTORS - narrowness;
}

/* Of those behind one NAT, with nothing to tell whom a packet is for (see track.c), whoever was heard
 * last. */
static ike_time heard_at(const struct policy *p)
{
	ike_time at = 0;

	for (const struct child *c = p->children; c; c = c->sibling)
		if (c->spec.mode == CHILD_TRANSPORT && c->spec.peer_nat &&
			c->in.counters.last_used > at)
			at = c->in.counters.last_used;

	return at;
}

struct choice {
	struct policy *policy;
	uint64_t rank; /* the least wins */
};

/* By all its children, also those that can't send yet or any more, and by its trap. */
static uint32_t consider(void *context, struct policy *p, uint32_t narrowness)
{
	struct choice *best = context;
	uint64_t rank = policy_rank(p, narrowness);
	bool better = !best->policy || rank < best->rank;

	if (!better && rank == best->rank && p != best->policy) {
		ike_time heard = heard_at(p), other = heard_at(best->policy);

		better = heard > other || (heard == other && p->order > best->policy->order);
	}
	if (better)
		*best = (struct choice){ p, rank };
	return best->rank <= PRIORITY_BY_SELECTORS ? (uint32_t)(PRIORITY_BY_SELECTORS - best->rank)
						   : 0;
}

struct policy *policy_find(const struct esp *esp, const struct flow *flow)
{
	struct choice best = { 0 };

	spd_look(esp->spd, flow, consider, &best);
	return best.policy;
}
