/* Lists of a connection: proposals, hosts. */
#include "conf/internal.h"

#include <stdio.h>

static void add_proposal(struct loader *l, const char *text, const char *shown, uint8_t protocol,
	struct where where, struct conf_proposal *list, size_t *count)
{
	struct conf_proposal p = { .text = shown, .where = where };
	char words[400];

	if (conf_proposal_parse(text, protocol, &p.given, words, sizeof(words)) < 0) {
		problem_error(l->problems, where, NULL, "proposal '%.120s': %s", text, words);
		return;
	}
	if (conf_proposal_weak(&p.given, words, sizeof(words)))
		problem_warning(l->problems, where, "use it only where the peer can't do better",
			"proposal '%.120s' is weak: %s", text, words);
	p.given.number = (uint8_t)(*count + 1);
	list[(*count)++] = p;
}

void load_proposals(struct loader *l, const struct tree_node *section, const char *key,
	uint8_t protocol, struct proposal_list *ret_list)
{
	const struct tree_node *node = tree_child(section, key);
	struct where where = loader_where_of(l, section, key);
	const char *const *defaults;
	size_t default_count = conf_proposal_defaults(protocol, &defaults),
	       asked = items_count(node);
	struct conf_proposal *list;
	struct tree_items items = tree_items_of(node);
	struct bytes item = bytes_of_text("default");
	size_t count = 0;

	if (asked == 0)
		where = (struct where){ "(default)", 0 };
	/* "default" may stand several times, each of them for two. */
	list = loader_take(l, (asked + 1) * default_count * sizeof(*list));
	if (!list)
		return;

	for (bool more = asked == 0 || tree_items_next(&items, &item); more;
		more = asked && tree_items_next(&items, &item)) {
		const char *text = loader_text(l, item);

		if (count + default_count > ITEMS_MAX) {
			problem_error(l->problems, where, "remove some",
				"'%s' has too many proposals", key);
			break;
		}
		if (strcmp(text, "default"))
			add_proposal(l, text, text, protocol, where, list, &count);
		else
			for (size_t i = 0; i < default_count; i++)
				add_proposal(
					l, defaults[i], "default", protocol, where, list, &count);
	}
	*ret_list = (struct proposal_list){ count, list };
}

void load_hosts(struct loader *l, const struct tree_node *section, const char *key,
	struct host_list *ret_hosts)
{
	const struct tree_node *node = tree_child(section, key);
	struct where where = loader_where_of(l, section, key);
	struct tree_items items = tree_items_of(node);
	struct host_pattern *list;
	struct bytes item;
	size_t count = 0, room = items_count(node);
	bool any = false;

	list = loader_take(l, room * sizeof(*list));
	while (list && tree_items_next(&items, &item)) {
		char words[200];
		struct host_pattern host = { .text = loader_text(l, item) };

		if (conf_host_parse(host.text, &host, words, sizeof(words)) < 0)
			problem_error(l->problems, where,
				"write 192.0.2.1, 192.0.2.0/24, moon.example or %any", "%s in '%s'",
				words, key);
		else if (count < room)
			list[count++] = host;
		any = any || host.kind == HOST_ANY;
	}

	if (any && count == 1)
		count = 0; /* %any alone */
	*ret_hosts = (struct host_list){ count, list };
}
