/* What a connection says of virtual addresses: those it asks for (`vips`) and the pools that those
 * of its peers come from (`pools`). */
#include "conf/internal.h"

#define VIPS_MAX  8
#define POOLS_MAX 32

static void load_asked(struct loader *l, const struct tree_node *section, struct connection *c)
{
	const struct tree_node *node = tree_child(section, "vips");
	struct tree_items items = tree_items_of(node);
	size_t count = items_count(node);
	struct address *list = loader_take(l, count * sizeof(*list));
	struct bytes item;

	c->vips = list;
	c->where_vips = loader_where_of(l, section, "vips");
	if (count > VIPS_MAX) {
		problem_error(l->problems, c->where_vips, "remove some",
			"'vips' has more than %d addresses", VIPS_MAX);
		return;
	}
	while (list && tree_items_next(&items, &item)) {
		const char *text = loader_text(l, item);

		if (address_parse(text, &list[c->vip_count]) < 0)
			problem_error(l->problems, c->where_vips,
				"write 0.0.0.0 or :: for any, or one address",
				"vips: '%.80s' is no address", text);
		else
			c->vip_count++;
	}
}

static void load_pools(struct loader *l, const struct tree_node *section, struct connection *c)
{
	const struct tree_node *node = tree_child(section, "pools");
	struct tree_items items = tree_items_of(node);
	size_t count = items_count(node);
	const char **list = loader_take(l, count * sizeof(*list));
	struct bytes item;

	c->pools = list;
	c->where_pools = loader_where_of(l, section, "pools");
	if (count > POOLS_MAX) {
		problem_error(l->problems, c->where_pools, "make larger ones",
			"'pools' has more than %d names", POOLS_MAX);
		return;
	}
	while (list && tree_items_next(&items, &item))
		list[c->pool_count++] = loader_text(l, item);
}

void load_vips(struct loader *l, const struct tree_node *section, struct connection *c)
{
	load_asked(l, section, c);
	load_pools(l, section, c);
}
