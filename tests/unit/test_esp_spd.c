/* The SPD's index finds what a search through all policies finds, whatever selectors overlap. */
#include "esp_world.h"

#define POLICIES 120
#define ROUNDS   30
#define PACKETS  1500

/* Few values, so that much overlaps. */
static struct address address_rolled(uint8_t family)
{
	struct address a = { .family = family };
	size_t size = address_size(&a);

	a.octets[0] = 10;
	for (size_t i = size - 3; i < size; i++)
		a.octets[i] = (uint8_t)(roll(3) ? roll(3) : roll(256));
	return a;
}

static const uint8_t protocols[] = { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_ICMPV4, 50 };

static void ports_rolled(struct selector *s)
{
	s->port_first = (uint16_t)(roll(4) * 1000);
	s->port_last = (uint16_t)(s->port_first + (roll(2) ? 0 : roll(2500)));
	if (roll(8) == 0) { /* OPAQUE */
		s->port_first = UINT16_MAX;
		s->port_last = 0;
	}
}

static struct selector selector_rolled(uint8_t family, uint8_t protocol)
{
	struct selector s = { .family = family, .port_last = UINT16_MAX };
	size_t size;

	s.first = s.last = address_rolled(family);
	size = address_size(&s.first);
	switch (roll(4)) {
	case 0: /* a prefix */
		memset(s.last.octets + size - 2, 0xff, 2);
		memset(s.first.octets + size - 2, 0, 2);
		break;
	case 1: /* a range */
		s.last = address_rolled(family);
		if (address_compare(&s.first, &s.last) > 0) {
			struct address first = s.last;

			s.last = s.first;
			s.first = first;
		}
		break;
	case 2: /* all */
		memset(s.first.octets, 0, size);
		memset(s.last.octets, 0xff, size);
		break;
	default: /* one */
		break;
	}
	s.protocol = protocol;
	if (protocol && roll(2))
		ports_rolled(&s);
	return s;
}

static void selectors_rolled(struct child_spec *spec)
{
	spec->local.count = 1 + roll(2);
	spec->remote.count = 1 + roll(3);
	for (size_t i = 0; i < 3; i++) {
		uint8_t family = roll(4) ? 4 : 6;
		uint8_t protocol = roll(2) ? 0 : protocols[roll(COUNT_OF(protocols))];

		spec->local.list[i] = selector_rolled(family, protocol);
		spec->remote.list[i] = selector_rolled(family, roll(6) ? protocol : 0);
	}
	spec->priority = roll(4) ? 0 : 1 + roll(3);
}

static struct flow flow_rolled(void)
{
	struct flow f = { .family = roll(4) ? 4 : 6,
		.protocol = protocols[roll(COUNT_OF(protocols))],
		.source_port = (uint16_t)(roll(4) * 1000 + roll(2)),
		.destination_port = (uint16_t)(roll(4) * 1000 + roll(2)) };

	f.source = address_rolled(f.family);
	f.destination = address_rolled(f.family);
	f.ports_paired = protocol_has_ports(f.protocol);
	f.ports_known = f.protocol != 50 && roll(6);
	return f;
}

/* The search through all. */

static uint32_t fit(
	const struct selectors *local, const struct selectors *remote, const struct flow *f)
{
	uint32_t best = 0;

	for (size_t i = 0; i < local->count; i++)
		for (size_t j = 0; j < remote->count; j++) {
			const struct selector *l = &local->list[i], *r = &remote->list[j];

			if (selector_fits_source(l, f) && selector_fits_destination(r, f) &&
				pair_narrowness(l, r) > best)
				best = pair_narrowness(l, r);
		}
	return best;
}

static uint64_t rank(const struct policy *p, const struct flow *f)
{
	uint32_t best = p->trap.laid ? fit(&p->trap.local, &p->trap.remote, f) : 0;
	uint32_t priority = p->active ? p->active->spec.priority
		: p->children         ? p->children->spec.priority
				      : p->trap.priority;

	for (const struct child *c = p->children; c; c = c->sibling) {
		uint32_t fits = fit(&c->spec.local, &c->spec.remote, f);

		best = fits > best ? fits : best;
	}
	return !best ? UINT64_MAX : priority ? priority : (1ull << 32) - best;
}

static ike_time heard_at(const struct policy *p)
{
	ike_time at = 0;

	for (const struct child *c = p->children; c; c = c->sibling)
		if (c->spec.mode == CHILD_TRANSPORT && c->spec.peer_nat &&
			c->in.counters.last_used > at)
			at = c->in.counters.last_used;
	return at;
}

static bool is_before(const struct policy *p, const struct policy *other)
{
	ike_time at = heard_at(p), other_at = heard_at(other);

	return at > other_at || (at == other_at && p->order > other->order);
}

static const struct policy *searched(const struct esp *esp, const struct flow *f)
{
	const struct policy *best = NULL, *p;
	size_t position = 0;

	while ((p = table_next(esp->by_reqid, &position))) {
		uint64_t r = rank(p, f), least = best ? rank(best, f) : UINT64_MAX;

		if (r < least || (best && r == least && is_before(p, best)))
			best = p;
	}
	return best;
}

/* Children and traps come and go. */
static void change(struct esp *esp, const struct child_spec *model, uint32_t number)
{
	struct child_spec spec = *model;

	spec.child_id = number;
	spec.reqid = 1 + roll(POLICIES);
	spec.spi_in = SPI_A + number;
	spec.spi_out = SPI_B + number;
	spec.peer_nat = roll(2);
	spec.mode = spec.peer_nat ? CHILD_TRANSPORT : CHILD_TUNNEL;
	selectors_rolled(&spec);
	if (roll(3) == 0) {
		assert_int_equal(esp_trap(esp, &spec), 0);
		return;
	}
	install(esp, &spec);
	world_child(esp)->in.counters.last_used = roll(4);
	(void)esp_remove(esp, 1 + roll(number));
	(void)esp_untrap(esp, 1 + roll(POLICIES));
}

static void it_finds_what_a_search_finds(void **state)
{
	const struct child_spec model = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct world *w = world_new(&model);
	uint32_t number = 1;
	size_t found = 0;

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < 2 * POLICIES / ROUNDS; i++)
			change(w->a, &model, ++number);
		for (unsigned i = 0; i < PACKETS / ROUNDS; i++) {
			const struct flow f = flow_rolled();
			const struct policy *p = policy_find(w->a, &f);

			assert_ptr_equal(p, searched(w->a, &f));
			found += p != NULL;
		}
	}
	assert_true(found > PACKETS / 4);
	world_free(w);
}

static void nothing_stays_when_all_are_gone(void **state)
{
	const struct child_spec model = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct world *w = world_new(&model);

	(void)state;
	for (uint32_t number = 2; number < POLICIES; number++)
		change(w->a, &model, number);
	for (uint32_t number = 1; number < POLICIES; number++) {
		(void)esp_remove(w->a, number);
		(void)esp_untrap(w->a, number);
	}
	(void)esp_untrap(w->a, POLICIES);
	assert_int_equal(table_count(w->a->by_reqid), 0);
	for (unsigned i = 0; i < PACKETS; i++) {
		const struct flow f = flow_rolled();

		assert_null(policy_find(w->a, &f));
	}
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_finds_what_a_search_finds),
		cmocka_unit_test(nothing_stays_when_all_are_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
