/* tern pools: a line for each pool, and under it its leases. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/print.h"

#define ADDRESS_WIDTH 15

static const char *text(const struct tree_node *section, const char *key)
{
	const char *value = tree_text(section, key);

	return value ? value : "";
}

/* What a column needs: its longest text. */
static int width(const struct tree_node *sections, const char *key)
{
	size_t most = key ? strlen(key) : strlen("pool");

	for (const struct tree_node *n = sections->first; n; n = n->next) {
		size_t size = strlen(key ? text(n, key) : n->name);

		most = size > most ? size : most;
	}
	return (int)most;
}

static void cell(enum paint paint, const char *value, int size)
{
	int used = (int)strlen(value);

	print_paint(paint, value);
	printf("%*s", used < size ? size - used + 2 : 2, "");
}

static void print_lease(const struct tree_node *lease)
{
	bool online = strcmp(text(lease, "status"), "online") == 0;

	printf("  ");
	cell(PLAIN, text(lease, "address"), ADDRESS_WIDTH);
	cell(online ? GREEN : FAINT, text(lease, "status"), 7);
	print_paint(PLAIN, text(lease, "identity"));
	putchar('\n');
}

static void print_pools(const struct tree_node *pools)
{
	static const char *const keys[] = { "base", "size", "online", "offline" };
	int name = width(pools, NULL), sizes[4];

	cell(FAINT, "pool", name);
	for (size_t i = 0; i < 4; i++) {
		sizes[i] = width(pools, keys[i]);
		cell(FAINT, keys[i], sizes[i]);
	}
	putchar('\n');
	for (const struct tree_node *n = pools->first; n; n = n->next) {
		const struct tree_node *leases = tree_child(n, "leases");

		cell(BOLD, n->name, name);
		for (size_t i = 0; i < 4; i++)
			cell(PLAIN, text(n, keys[i]), sizes[i]);
		putchar('\n');
		for (const struct tree_node *l = leases ? leases->first : NULL; l; l = l->next)
			print_lease(l);
	}
}

int command_pools(struct client *c, const struct options *o)
{
	struct vici_buffer request;
	struct tree *response;

	vici_begin(&request, VICI_CMD_REQUEST, "get-pools");
	vici_text(&request, "leases", "yes");
	if (client_request(c, &request, NULL, NULL, &response) < 0)
		return cli_failed(c);
	if (o->json)
		json_print(stdout, &response->root);
	else if (response->root.first)
		print_pools(&response->root);
	else
		printf("no pool is loaded\n");
	tree_free(response);
	return EXIT_GOOD;
}
