/* The index of the SPD. Each pair of a local and a remote selector is filed under what all that it takes
 * has in common: the prefixes of both ends' addresses, the protocol, the prefixes of both ends' ports. Pairs
 * whose prefixes are of the same lengths have one shape, of which a gateway has few, and a packet is looked up
 * once in each: its own values, cut to those lengths, are the key. What is found is compared in full. Two
 * ranges that don't overlap never have the same prefix, so that there is little to compare, however many
 * there are. */
#include "esp/spd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fellows.h"
#include "esp/internal.h"
#include "wire/prefix.h"

#define PORT_BITS 16
#define KEY_BYTES (6 + 1 + 2 * 16 + 2 * 2)

struct shape {
	uint8_t family;
	bool protocol; /* else any */
	uint8_t source_bits, destination_bits, source_port_bits, destination_port_bits;
};

struct shape_use {
	struct shape shape;
	uint32_t narrowest; /* no pair of this shape is narrower */
	size_t count;
};

struct spd_entry {
	struct fellow same;     /* under the same key */
	struct spd_entry *next; /* of the same rules */
	struct policy *policy;
	const struct selector *local, *remote;
	uint32_t narrowness;
	struct shape shape;
};

struct spd {
	struct table *by_key;
	struct shape_use *shapes; /* the narrowest first */
	size_t shape_count, shape_room;
	size_t with_priority; /* rules */
};

struct spd *spd_new(const uint8_t seed[16])
{
	struct spd *spd = calloc(1, sizeof(*spd));

	if (!spd)
		return NULL;
	spd->by_key = table_new(seed);
	if (!spd->by_key) {
		free(spd);
		return NULL;
	}
	return spd;
}

void spd_free(struct spd *spd)
{
	if (!spd)
		return;
	table_free(spd->by_key);
	free(spd->shapes);
	free(spd);
}

/* Shapes. */

static uint8_t port_prefix(const struct selector *s)
{
	uint16_t differ = s->port_first ^ s->port_last;
	uint8_t bits = PORT_BITS;

	for (; differ; differ >>= 1)
		bits--;
	return s->port_first > s->port_last ? 0 : bits; /* OPAQUE: with those of any port */
}

static struct shape shape_of(const struct selector *local, const struct selector *remote)
{
	/* ICMP's type and code are the sender's alone. */
	return (struct shape){
		.family = local->family,
		.protocol = local->protocol || remote->protocol,
		.source_bits = selector_prefix(local),
		.destination_bits = selector_prefix(remote),
		.source_port_bits = local->protocol ? port_prefix(local) : 0,
		.destination_port_bits =
			protocol_has_ports(remote->protocol) ? port_prefix(remote) : 0,
	};
}

static bool shape_equal(const struct shape *a, const struct shape *b)
{
	return a->family == b->family && a->protocol == b->protocol &&
		a->source_bits == b->source_bits && a->destination_bits == b->destination_bits &&
		a->source_port_bits == b->source_port_bits &&
		a->destination_port_bits == b->destination_port_bits;
}

static int shape_use(struct spd *spd, const struct shape *shape)
{
	uint32_t narrowest = pair_narrowness_max(shape->source_bits, shape->destination_bits);
	size_t at = 0;

	while (at < spd->shape_count && !shape_equal(&spd->shapes[at].shape, shape))
		at++;
	if (at < spd->shape_count) {
		spd->shapes[at].count++;
		return 0;
	}
	if (spd->shape_count == spd->shape_room) {
		size_t room = spd->shape_room ? 2 * spd->shape_room : 8;
		struct shape_use *more = realloc(spd->shapes, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		spd->shapes = more;
		spd->shape_room = room;
	}
	while (at > 0 && spd->shapes[at - 1].narrowest < narrowest) {
		spd->shapes[at] = spd->shapes[at - 1];
		at--;
	}
	spd->shapes[at] = (struct shape_use){ *shape, narrowest, 1 };
	spd->shape_count++;
	return 0;
}

static void shape_release(struct spd *spd, const struct shape *shape)
{
	size_t at = 0;

	while (!shape_equal(&spd->shapes[at].shape, shape))
		at++;
	if (--spd->shapes[at].count)
		return;
	spd->shape_count--;
	memmove(&spd->shapes[at], &spd->shapes[at + 1],
		(spd->shape_count - at) * sizeof(*spd->shapes));
}

/* Keys. */

static uint8_t *put_prefix(uint8_t *at, const uint8_t *octets, size_t size, unsigned bits)
{
	memset(at, 0, size);
	memcpy(at, octets, bits / 8);
	if (bits % 8)
		at[bits / 8] = octets[bits / 8] & (uint8_t)(0xff00 >> bits % 8);
	return at + size;
}

/* What is filed under a shape and what a packet has for it: `key` for both. */
struct key_parts {
	const struct address *source, *destination;
	uint8_t protocol;
	uint16_t source_port, destination_port;
};

static struct bytes key_make(
	const struct shape *s, const struct key_parts *parts, uint8_t key[static KEY_BYTES])
{
	size_t size = s->family == 4 ? 4 : 16;
	uint8_t ports[4], *at = key;

	*at++ = s->family;
	*at++ = s->protocol;
	*at++ = s->source_bits;
	*at++ = s->destination_bits;
	*at++ = s->source_port_bits;
	*at++ = s->destination_port_bits;
	*at++ = s->protocol ? parts->protocol : 0;
	at = put_prefix(at, parts->source->octets, size, s->source_bits);
	at = put_prefix(at, parts->destination->octets, size, s->destination_bits);
	store_u16(ports, parts->source_port);
	store_u16(ports + 2, parts->destination_port);
	at = put_prefix(at, ports, 2, s->source_port_bits);
	at = put_prefix(at, ports + 2, 2, s->destination_port_bits);
	return BYTES(key, (size_t)(at - key));
}

static struct bytes entry_key(const struct spd_entry *e, uint8_t key[static KEY_BYTES])
{
	const struct key_parts parts = {
		.source = &e->local->first,
		.destination = &e->remote->first,
		.protocol = e->local->protocol ? e->local->protocol : e->remote->protocol,
		.source_port = e->local->port_first,
		.destination_port = e->remote->port_first,
	};

	return key_make(&e->shape, &parts, key);
}

/* Rules. */

static int entry_file(struct spd *spd, struct spd_entry *e)
{
	uint8_t octets[KEY_BYTES];
	int error = shape_use(spd, &e->shape);

	if (error != 0)
		return error;
	error = fellows_add(spd->by_key, entry_key(e, octets), &e->same, e);
	if (error != 0)
		shape_release(spd, &e->shape);
	return error;
}

static void entry_unfile(struct spd *spd, struct spd_entry *e)
{
	uint8_t octets[KEY_BYTES];

	shape_release(spd, &e->shape);
	fellows_remove(spd->by_key, entry_key(e, octets), &e->same);
}

static int pair_add(struct spd *spd, struct spd_rules *rules, struct policy *policy,
	const struct selector *local, const struct selector *remote)
{
	struct spd_entry *e = malloc(sizeof(*e));

	if (!e)
		return -ENOMEM;
	*e = (struct spd_entry){ .policy = policy,
		.local = local,
		.remote = remote,
		.narrowness = pair_narrowness(local, remote),
		.shape = shape_of(local, remote) };
	if (entry_file(spd, e) < 0) {
		free(e);
		return -ENOMEM;
	}
	e->next = rules->entries;
	rules->entries = e;
	return 0;
}

int spd_add(struct spd *spd, struct spd_rules *rules, struct policy *policy,
	const struct selectors *local, const struct selectors *remote, bool with_priority)
{
	rules->with_priority = with_priority;
	spd->with_priority += with_priority;
	for (size_t i = 0; i < local->count; i++)
		for (size_t j = 0; j < remote->count; j++)
			if (selectors_agree(&local->list[i], &remote->list[j]) &&
				pair_add(spd, rules, policy, &local->list[i], &remote->list[j]) <
					0) {
				spd_remove(spd, rules);
				return -ENOMEM;
			}
	return 0;
}

void spd_remove(struct spd *spd, struct spd_rules *rules)
{
	struct spd_entry *e;

	while ((e = rules->entries)) {
		rules->entries = e->next;
		entry_unfile(spd, e);
		free(e);
	}
	spd->with_priority -= rules->with_priority;
	rules->with_priority = false;
}

/* Looking. */

/* Without ports to show, a packet is taken by what has no prefix of them alone. */
static bool shape_is_of(const struct shape *s, const struct flow *f)
{
	return s->family == f->family &&
		(f->ports_known || !(s->source_port_bits || s->destination_port_bits));
}

void spd_look(const struct spd *spd, const struct flow *flow, spd_found_fn *found, void *context)
{
	const struct key_parts parts = {
		.source = &flow->source,
		.destination = &flow->destination,
		.protocol = flow->protocol,
		.source_port = flow->source_port,
		.destination_port = flow->destination_port,
	};
	uint32_t best = 0;

	for (size_t i = 0; i < spd->shape_count; i++) {
		const struct shape_use *use = &spd->shapes[i];
		uint8_t key[KEY_BYTES];

		if (!spd->with_priority && best > use->narrowest)
			return;
		if (!shape_is_of(&use->shape, flow))
			continue;
		for (const struct fellow *f =
				fellows_first(spd->by_key, key_make(&use->shape, &parts, key));
			f; f = f->next) {
			const struct spd_entry *e = f->of;

			if (selector_fits_source(e->local, flow) &&
				selector_fits_destination(e->remote, flow))
				best = found(context, e->policy, e->narrowness);
		}
	}
}
