/* tern log: the daemon's recent lines, and with -f those that come; tern version. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/print.h"

#include <errno.h>
#include <time.h>

/* "12:34:56 [IKE] site: text", like the recent lines that the daemon keeps. */
static void print_line(const struct tree_node *message)
{
	const char *name = tree_text(message, "ikesa-name"), *group = tree_text(message, "group");
	time_t now = time(NULL);
	struct tm when;
	char head[64];

	localtime_r(&now, &when);
	snprintf(head, sizeof(head), "%02d:%02d:%02d [%s] ", when.tm_hour, when.tm_min, when.tm_sec,
		group ? group : "DMN");
	print_paint(FAINT, head);
	if (name) {
		print_paint(BOLD, name);
		fputs(": ", stdout);
	}
	print_paint(PLAIN, tree_text(message, "msg"));
	putchar('\n');
}

static bool log_event_print(void *context, const char *event, const struct tree_node *message)
{
	const struct options *o = context;

	if (strcmp(event, "log") != 0)
		return true;
	if (o->json)
		json_print(stdout, message);
	else
		print_line(message);

	return fflush(stdout) == 0;
}

static void print_recent_lines(const struct options *o, const struct tree_node *response)
{
	const struct tree_node *lines = tree_child(response, "lines");

	if (o->json) {
		json_print(stdout, response);
		return;
	}
	for (const struct tree_node *n = lines ? lines->first : NULL; n; n = n->next) {
		if (n->kind != TREE_VALUE || n->value.size == 0)
			continue;
		print_paint(PLAIN, (const char *)n->value.data);
		putchar('\n');
	}
}

static int print_recent(struct client *c, const struct options *o)
{
	struct vici_buffer request;
	struct tree *response;

	vici_begin(&request, VICI_CMD_REQUEST, "recent-log");
	if (client_request(c, &request, NULL, NULL, &response) < 0)
		return cli_failed(c);
	print_recent_lines(o, &response->root);
	tree_free(response);

	return EXIT_GOOD;
}

int command_log(struct client *c, const struct options *o)
{
	struct options mine = *o;

	if (!o->follow)
		return print_recent(c, o);
	if (client_register(c, "log") < 0 || client_follow(c, log_event_print, &mine) < 0)
		return cli_failed(c);

	return EXIT_GOOD;
}

int command_version(struct client *c, const struct options *o)
{
	struct vici_buffer request;
	struct tree *response;
	const struct tree_node *root;

	vici_begin(&request, VICI_CMD_REQUEST, "version");
	if (client_request(c, &request, NULL, NULL, &response) < 0)
		return cli_failed(c);
	root = &response->root;
	if (o->json) {
		json_print(stdout, root);
	} else {
		print_paint(PLAIN, tree_text(root, "daemon"));
		putchar(' ');
		print_paint(PLAIN, tree_text(root, "version"));
		putchar('\n');
	}
	tree_free(response);

	return EXIT_GOOD;
}
