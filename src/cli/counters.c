/* tern status --counters: what was dropped and why, in sections; for people only what isn't 0. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/print.h"

#define NAME_WIDTH 26

/* The words for VICI's sections; others are as they are called. */
static const char *title(const char *section)
{
	static const struct {
		const char *section, *words;
	} titles[] = {
		{ "", "IKE messages" },
		{ "ike", "IKE" },
		{ "data-plane", "data plane: packets dropped" },
		{ "sockets", "sockets: datagrams lost" },
		{ "device", "TUN device: packets lost" },
		{ "kernel", "the kernel's IPsec" },
		{ "vici", "VICI" },
	};

	for (size_t i = 0; i < sizeof(titles) / sizeof(*titles); i++)
		if (strcmp(section, titles[i].section) == 0)
			return titles[i].words;

	return section;
}

static bool is_zero(const struct tree_node *counter)
{
	return counter->kind != TREE_VALUE || bytes_equal(counter->value, BYTES("0", 1));
}

static void print_counter(const struct tree_node *section, const struct tree_node *counter)
{
	int used = (int)strlen(counter->name);

	printf("  ");
	print_paint(PLAIN, counter->name);
	printf("%*s", used < NAME_WIDTH ? NAME_WIDTH - used : 1, "");
	print_paint(PLAIN, tree_text(section, counter->name));
	putchar('\n');
}

static void print_section(const struct tree_node *section)
{
	bool any = false;

	for (const struct tree_node *n = section->first; n; n = n->next) {
		if (is_zero(n))
			continue;
		if (!any)
			print_paint(BOLD, title(section->name));
		if (!any)
			putchar('\n');
		any = true;
		print_counter(section, n);
	}
}

int command_counters(struct client *c, const struct options *o)
{
	struct vici_buffer request;
	const struct tree_node *counters;
	struct tree *response;

	vici_begin(&request, VICI_CMD_REQUEST, "get-counters");
	if (client_request(c, &request, NULL, NULL, &response) < 0)
		return cli_failed(c);
	counters = tree_child(&response->root, "counters");
	if (!counters)
		return cli_judge(response, "get-counters");
	if (o->json)
		json_print(stdout, counters);
	else
		for (const struct tree_node *n = counters->first; n; n = n->next)
			print_section(n);
	tree_free(response);
	return EXIT_GOOD;
}
