/* tern conns: what is configured, a block for each connection. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/print.h"

struct conns {
	struct json_array json;
	bool as_json;
	size_t count;
};

static void label(unsigned indent, const char *name)
{
	printf("%*s", (int)indent, "");
	print_paint(FAINT, name);
	printf("%*s", (int)(12 - indent - strlen(name)), "");
}

static void print_items(const struct tree_node *list, const char *none)
{
	struct tree_items items = tree_items_of(list);
	struct bytes item;
	char out[512];
	bool first = true;

	while (tree_items_next(&items, &item)) {
		snprintf(out, sizeof(out), "%s%.*s", first ? "" : ", ", (int)item.size,
			(const char *)item.data);
		print_paint(PLAIN, out);
		first = false;
	}
	if (first)
		print_paint(PLAIN, none);
}

static void print_round(const struct tree_node *round)
{
	static const char *const keys[] = { "id", "xauth_id", "eap_id", NULL };
	const char *class = tree_text(round, "class"), *eap = tree_text(round, "eap-type");

	printf("  ");
	print_paint(PLAIN, class ? class : "any");
	if (eap) {
		putchar('-');
		print_paint(PLAIN, eap);
	}
	for (size_t i = 0; keys[i]; i++) {
		if (!tree_text(round, keys[i]))
			continue;
		putchar(' ');
		print_paint(PLAIN, tree_text(round, keys[i]));
	}
	if (tree_said(tree_child(round, "certs"))) {
		printf(" certificate ");
		print_items(tree_child(round, "certs"), "");
	}
	if (tree_said(tree_child(round, "cacerts"))) {
		printf(" issued by ");
		print_items(tree_child(round, "cacerts"), "");
	}
}

/* The rounds of one side are the sections whose names begin with "local" or "remote". */
static void print_side(const struct tree_node *conn, const char *side, const char *addresses)
{
	label(2, side);
	print_items(tree_child(conn, addresses), "%any");
	for (const struct tree_node *n = conn->first; n; n = n->next)
		if (n->kind == TREE_SECTION && strncmp(n->name, side, strlen(side)) == 0)
			print_round(n);
	putchar('\n');
}

static void print_virtual(const struct tree_node *conn, const char *key, const char *name)
{
	if (!tree_said(tree_child(conn, key)))
		return;
	label(2, name);
	print_items(tree_child(conn, key), "");
	putchar('\n');
}

static void print_child(const char *conn, const struct tree_node *child)
{
	const char *mode = tree_text(child, "mode");

	printf("  ");
	print_paint(PLAIN, conn);
	putchar('/');
	print_paint(PLAIN, child->name);
	printf("  ");
	print_paint(FAINT, mode ? mode : "TUNNEL");
	printf("  ");
	print_items(tree_child(child, "local-ts"), "dynamic");
	printf(" === ");
	print_items(tree_child(child, "remote-ts"), "dynamic");
	putchar('\n');
}

static bool conns_event(void *context, const char *event, const struct tree_node *message)
{
	struct conns *s = context;
	const struct tree_node *conn = message->first, *children = tree_child(conn, "children");
	const char *version = tree_text(conn, "version");

	if (strcmp(event, "list-conn") != 0 || !conn || conn->kind != TREE_SECTION)
		return true;
	if (s->as_json) {
		json_array_add(&s->json, conn->name, conn);
		return true;
	}

	if (s->count++)
		putchar('\n');
	print_paint(BOLD, conn->name);
	printf("  ");
	print_paint(FAINT, version ? version : "");
	putchar('\n');
	print_side(conn, "local", "local_addrs");
	print_side(conn, "remote", "remote_addrs");
	print_virtual(conn, "vips", "asks for");
	print_virtual(conn, "pools", "pools");
	for (const struct tree_node *n = children ? children->first : NULL; n; n = n->next)
		print_child(conn->name, n);

	return true;
}

int command_conns(struct client *c, const struct options *o)
{
	struct conns s = { .as_json = o->json };
	struct vici_buffer request;
	struct tree *response;

	if (client_register(c, "list-conn") < 0)
		return cli_failed(c);
	if (s.as_json)
		json_array_begin(&s.json, stdout);
	vici_begin(&request, VICI_CMD_REQUEST, "list-conns");
	if (client_request(c, &request, conns_event, &s, &response) < 0)
		return cli_failed(c);
	tree_free(response);

	if (s.as_json)
		json_array_end(&s.json);
	else if (s.count == 0)
		printf("no connection is configured\n");

	return EXIT_GOOD;
}
