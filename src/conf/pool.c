/* Pools of virtual addresses: `addrs` is a subnet, whose first and last address are left out where
 * it has more than two, or a range, which is used whole. What else stands there are attributes. */
#include "conf/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/internal.h"

#define POOL_BYTES_MAX     (256u << 10)
#define ATTRIBUTES_MAX     64
#define ATTRIBUTE_TYPE_MAX 0x7fff
#define VALUE_BYTES_MAX    255

/* What a name stands for, by the family of each value. 0: not in that family. */
static const struct attribute_name {
	const char *name;
	uint16_t ip4, ip6;
	bool subnet, text;
} names[] = {
	{ "dns", INTERNAL_IP4_DNS, INTERNAL_IP6_DNS, false, false },
	{ "nbns", INTERNAL_IP4_NBNS, INTERNAL_IP6_NBNS, false, false },
	{ "dhcp", INTERNAL_IP4_DHCP, INTERNAL_IP6_DHCP, false, false },
	{ "netmask", INTERNAL_IP4_NETMASK, 0, false, false },
	{ "server", INTERNAL_IP4_SERVER, INTERNAL_IP6_SERVER, false, false },
	{ "subnet", INTERNAL_IP4_SUBNET, INTERNAL_IP6_SUBNET, true, false },
	{ "split_include", UNITY_SPLIT_INCLUDE, 0, true, false },
	{ "split_exclude", UNITY_LOCAL_LAN, 0, true, false },
	{ "banner", UNITY_BANNER, 0, false, true },
	{ "default_domain", UNITY_DEF_DOMAIN, 0, false, true },
	{ "split_dns", UNITY_SPLITDNS_NAME, 0, false, true },
};

struct value {
	uint8_t octets[VALUE_BYTES_MAX];
	size_t size;
};

static void value_add(struct value *v, const void *octets, size_t size)
{
	memcpy(v->octets + v->size, octets, size);
	v->size += size;
}

/* Bits of a subnet's mask; the number of leading bits in which its ends agree. */
static unsigned mask_bits(const struct address *first, const struct address *last)
{
	unsigned bits = 0, all = 8 * (unsigned)address_size(first);

	while (bits < all &&
		!((first->octets[bits / 8] ^ last->octets[bits / 8]) & (0x80 >> bits % 8)))
		bits++;
	return bits;
}

/* A subnet's value: IPv4 address and mask, IPv6 address and prefix length. Those of Unity have six
 * octets of protocol and ports behind, all zero: any. */
static void put_subnet(
	struct value *v, uint16_t type, const struct address *first, const struct address *last)
{
	uint8_t bits = (uint8_t)mask_bits(first, last), mask[4], zeros[6] = { 0 };

	value_add(v, first->octets, address_size(first));
	if (first->family == 6) {
		value_add(v, &bits, 1);
		return;
	}
	store_u32(mask, bits ? UINT32_MAX << (32 - bits) : 0);
	value_add(v, mask, sizeof(mask));
	if (type == UNITY_SPLIT_INCLUDE || type == UNITY_LOCAL_LAN)
		value_add(v, zeros, sizeof(zeros));
}

static const char *named_value(
	const struct attribute_name *name, const char *text, uint16_t *ret_type, struct value *v)
{
	struct address first, last;

	if (name->text && strlen(text) > sizeof(v->octets))
		return "is too long";
	if (name->text) {
		*ret_type = name->ip4;
		value_add(v, text, strlen(text));
		return NULL;
	}
	if (range_parse(text, &first, &last) < 0)
		return name->subnet ? "is no subnet such as 10.1.0.0/16" : "is no address";
	*ret_type = first.family == 4 ? name->ip4 : name->ip6;
	if (!*ret_type)
		return "is of the wrong address family";
	if (name->subnet) {
		if (!strchr(text, '/') && !address_equal(&first, &last))
			return "is no subnet such as 10.1.0.0/16";
		put_subnet(v, *ret_type, &first, &last);
		return NULL;
	}
	if (!address_equal(&first, &last))
		return "is no single address";
	value_add(v, first.octets, address_size(&first));
	return NULL;
}

/* For a type by number: an address, a subnet, 0x and hexadecimal, or text as it is. */
static const char *numbered_value(const char *text, struct value *v)
{
	struct address first, last;
	int size;

	if (strncmp(text, "0x", 2) == 0) {
		size = bytes_from_hex(text + 2, v->octets, sizeof(v->octets));
		if (size < 0)
			return "is no hexadecimal number of whole octets";
		v->size = (size_t)size;
	} else if (!address_parse(text, &first)) {
		value_add(v, first.octets, address_size(&first));
	} else if (strchr(text, '/') && !range_parse(text, &first, &last)) {
		put_subnet(v, 0, &first, &last);
	} else if (strlen(text) > sizeof(v->octets)) {
		return "is too long";
	} else {
		value_add(v, text, strlen(text));
	}
	return NULL;
}

static const struct attribute_name *name_find(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i].name, name))
			return &names[i];

	return NULL;
}

struct building {
	struct loader *l;
	struct pool_config *pool;
	struct pool_attribute *list;
};

static void add_attribute(struct building *b, uint16_t type, const struct value *v)
{
	b->list[b->pool->attribute_count++] =
		(struct pool_attribute){ type, arena_copy(b->l->arena, BYTES(v->octets, v->size)) };
}

static void load_attribute(struct building *b, const struct tree_node *n)
{
	const struct attribute_name *name = name_find(n->name);
	struct tree_items items = tree_items_of(n);
	struct where where = loader_where(b->l, n->where);
	struct bytes item;
	uint64_t number = 0;

	/* Addresses are what the pool leases, one for each that is asked for. */
	if (!name &&
		(schema_number(n->name, &number) < 0 || number > ATTRIBUTE_TYPE_MAX ||
			number == INTERNAL_IP4_ADDRESS || number == INTERNAL_IP6_ADDRESS)) {
		problem_error(b->l->problems, where,
			"write dns, nbns, dhcp, netmask, server, subnet, split_include, split_exclude, banner, default_domain, split_dns or a number",
			"'%.60s' is no attribute of a pool that tern knows", n->name);
		return;
	}
	while (tree_items_next(&items, &item)) {
		const char *text = loader_text(b->l, item), *wrong;
		uint16_t type = (uint16_t)number;
		struct value v = { .size = 0 };

		if (b->pool->attribute_count == ATTRIBUTES_MAX) {
			problem_error(b->l->problems, where, "remove some",
				"pool '%s' has more than %d attributes", b->pool->name,
				ATTRIBUTES_MAX);
			return;
		}
		wrong = name ? named_value(name, text, &type, &v) : numbered_value(text, &v);
		if (wrong)
			problem_error(b->l->problems, where, NULL, "%s: '%.80s' %s", n->name, text,
				wrong);
		else
			add_attribute(b, type, &v);
	}
}

/* last - first + 1, as far as the cap. */
static uint64_t span(const struct address *first, const struct address *last)
{
	size_t size = address_size(first), low = size > 8 ? size - 8 : 0;
	uint64_t a = 0, b = 0;

	if (memcmp(first->octets, last->octets, low) != 0)
		return POOL_ADDRESSES_MAX;
	for (size_t i = low; i < size; i++) {
		a = a << 8 | first->octets[i];
		b = b << 8 | last->octets[i];
	}
	return b - a < POOL_ADDRESSES_MAX ? b - a + 1 : POOL_ADDRESSES_MAX;
}

/* One up or one down; the ends of a subnet of more than two addresses never wrap. */
static void step_up(struct address *a)
{
	for (size_t i = address_size(a); i-- > 0 && ++a->octets[i] == 0;)
		;
}

static void step_down(struct address *a)
{
	for (size_t i = address_size(a); i-- > 0 && a->octets[i]-- == 0;)
		;
}

static void load_range(struct loader *l, const struct tree_node *section, struct pool_config *p)
{
	const char *text = tree_text(section, "addrs");
	struct where where = loader_where_of(l, section, "addrs");

	if (!text) {
		problem_error(l->problems, where,
			"write addrs = 10.3.0.0/24, or addrs = 10.3.0.10-10.3.0.99",
			"pool '%s' has no addrs", section->name);
		return;
	}
	p->addrs = loader_text(l, bytes_of_text(text));
	if (range_parse(text, &p->base, &p->last) < 0) {
		problem_error(l->problems, where,
			"write one subnet such as 10.3.0.0/24, or a range such as 10.3.0.10-10.3.0.99",
			"'%.80s' is no subnet and no range of addresses", text);
		return;
	}
	if (strchr(text, '/') && span(&p->base, &p->last) > 2) {
		step_up(&p->base);
		step_down(&p->last);
	}
	p->size = span(&p->base, &p->last);
}

static void pool_digest(
	struct crypto *crypto, const struct tree_node *section, struct pool_config *p)
{
	uint8_t octets[8];
	struct bytes item;

	for (const struct tree_node *n = section->first; n; n = n->next) {
		struct tree_items items = tree_items_of(n);

		while (tree_items_next(&items, &item)) {
			uint8_t next[20];
			struct bytes parts[] = { BYTES_OF(p->digest), bytes_of_text(n->name),
				BYTES_OF(octets), item };

			store_u64(octets, item.size);
			if (hash_sha1(crypto, parts, 4, next) == 0)
				memcpy(p->digest, next, sizeof(next));
		}
	}
}

int conf_load_pool(const struct tree_node *section, const struct conf_sources *sources,
	struct problems *problems, struct pool_config **ret_pool)
{
	size_t errors = problems->errors;
	struct loader l = {
		.arena = arena_new(POOL_BYTES_MAX), .sources = sources, .problems = problems
	};
	struct building b = { .l = &l };

	b.pool = l.arena ? loader_take(&l, sizeof(*b.pool)) : NULL;
	b.list = b.pool ? loader_take(&l, ATTRIBUTES_MAX * sizeof(*b.list)) : NULL;
	if (!b.list) {
		arena_free(l.arena);
		return -ENOMEM;
	}
	*b.pool = (struct pool_config){ .arena = l.arena, .references = 1, .attributes = b.list };
	b.pool->name = loader_text(&l, bytes_of_text(section->name));
	b.pool->where = loader_where(&l, section->where);
	load_range(&l, section, b.pool);
	for (const struct tree_node *n = section->first; n; n = n->next)
		if (strcmp(n->name, "addrs") && tree_said(n))
			load_attribute(&b, n);
	pool_digest(sources->crypto, section, b.pool);
	if (l.failed)
		problem_error(problems, section->where, "make it smaller",
			"pool '%s' is larger than tern allows, or memory ran out", section->name);
	if (problems->errors > errors) {
		arena_free(l.arena);
		return -EINVAL;
	}
	*ret_pool = b.pool;
	return 0;
}

struct pool_config *pool_config_hold(const struct pool_config *p)
{
	struct pool_config *pool = (struct pool_config *)(uintptr_t)p;

	pool->references++;
	return pool;
}

void pool_config_release(const struct pool_config *p)
{
	struct pool_config *pool = (struct pool_config *)(uintptr_t)p;

	if (pool && --pool->references == 0)
		arena_free(pool->arena);
}

bool pool_configs_overlap(const struct pool_config *a, const struct pool_config *b)
{
	return a->base.family == b->base.family && address_compare(&a->base, &b->last) <= 0 &&
		address_compare(&b->base, &a->last) <= 0;
}
