/* The SPD: which reqid an outbound packet belongs to, and whether a packet is what an SA was made
 * for. The lookup is linear for now and hidden behind policy_find(). */
#include "esp/internal.h"

/* Priorities that a configuration gives come before those that follow from the selectors. */
#define PRIORITY_BY_SELECTORS (1ull << 32)

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

static bool source_fits(const struct selector *s, const struct flow *f)
{
	return address_fits(s, &f->source) && protocol_fits(s, f) &&
		port_fits(s, f, f->source_port);
}

/* ICMP's type and code are the sender's side alone: RFC 4301 §4.4.1.1. */
static bool destination_fits(const struct selector *s, const struct flow *f)
{
	return address_fits(s, &f->destination) && protocol_fits(s, f) &&
		((f->ports_known && !f->ports_paired) || port_fits(s, f, f->destination_port));
}

/* How narrow a selector is: the prefix that its ends share, then protocol, then ports. */
static uint32_t selector_narrowness(const struct selector *s)
{
	uint32_t bits = 0, size = (uint32_t)address_size(&s->first) * 8;

	while (bits < size &&
		!((s->first.octets[bits / 8] ^ s->last.octets[bits / 8]) & 0x80 >> bits % 8))
		bits++;
	return bits * 4 + (s->protocol != 0) * 2 + !port_is_any(s);
}

/* Of the fitting selectors the narrowest pair; 0: none fits. */
static uint32_t fit(
	const struct selectors *source, const struct selectors *destination, const struct flow *f)
{
	uint32_t best_source = 0, best_destination = 0;

	for (size_t i = 0; i < source->count; i++) {
		uint32_t n = selector_narrowness(&source->list[i]) + 1;

		if (n > best_source && source_fits(&source->list[i], f))
			best_source = n;
	}
	for (size_t i = 0; i < destination->count && best_source; i++) {
		uint32_t n = selector_narrowness(&destination->list[i]) + 1;

		if (n > best_destination && destination_fits(&destination->list[i], f))
			best_destination = n;
	}
	return best_destination ? best_source + best_destination : 0;
}

bool selectors_fit(const struct selectors *source, const struct selectors *destination,
	const struct flow *flow)
{
	bool fits = false;

	for (size_t i = 0; i < source->count && !fits; i++)
		fits = source_fits(&source->list[i], flow);
	for (size_t i = 0; i < destination->count && fits; i++) {
		if (destination_fits(&destination->list[i], flow))
			return true;
	}
	return false;
}

bool selectors_have(const struct selectors *s, const struct address *a)
{
	for (size_t i = 0; i < s->count; i++) {
		if (address_fits(&s->list[i], a))
			return true;
	}
	return false;
}

/* By its children, also those that can't send yet or any more, and by its trap. */
static uint32_t policy_fits(const struct policy *p, const struct flow *f)
{
	uint32_t best = p->trap.laid ? fit(&p->trap.local, &p->trap.remote, f) : 0;

	for (const struct child *c = p->children; c; c = c->sibling) {
		uint32_t fits = fit(&c->spec.local, &c->spec.remote, f);

		best = fits > best ? fits : best;
	}
	return best;
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
	struct policy *p = esp->policies;

	while (p && p->reqid != reqid)
		p = p->next;
	return p;
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

struct policy *policy_find(const struct esp *esp, const struct flow *flow)
{
	struct policy *best = NULL;
	uint64_t best_rank = UINT64_MAX;

	for (struct policy *p = esp->policies; p; p = p->next) {
		uint32_t fits = policy_fits(p, flow), priority = policy_priority(p);
		uint64_t rank = priority ? priority : PRIORITY_BY_SELECTORS - fits;

		if (fits &&
			(rank < best_rank ||
				(best && rank == best_rank && heard_at(p) > heard_at(best)))) {
			best = p;
			best_rank = rank;
		}
	}
	return best;
}
