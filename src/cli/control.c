/* Commands that change something: up, down, rekey, reload. What the daemon logs for a command comes as control-log
 * events while it runs, so that people see the exchange message by message. */
#include "cli/cli.h"
#include "cli/print.h"

#include <errno.h>

int cli_failed(const struct client *c)
{
	print_error("%s", c->problem);

	return EXIT_FAILED;
}

int cli_judge(struct tree *response, const char *what)
{
	const char *success = tree_text(&response->root, "success");
	const char *why = tree_text(&response->root, "errmsg");
	bool good = success && strcmp(success, "yes") == 0;

	if (!good)
		print_error("%s failed: %s", what,
			why ? why : "the daemon gives no reason: see its log");
	tree_free(response);

	return good ? EXIT_GOOD : EXIT_FAILED;
}

bool cli_progress(void *context, const char *name, const struct tree_node *message)
{
	const char *group = tree_text(message, "group"), *text = tree_text(message, "msg");

	(void)context;
	if (strcmp(name, "control-log") != 0 || !text)
		return true;

	print_paint(FAINT, group ? group : "");
	putchar(' ');
	print_paint(PLAIN, text);
	putchar('\n');
	fflush(stdout);

	return true;
}

static const char *target_text(const struct target *t, char *out, size_t out_size)
{
	snprintf(out, out_size, "%s%s%s", t->ike, t->child[0] ? "/" : "", t->child);

	return out;
}

/* One of the daemon's commands for one target. */
static int control(struct client *c, const char *command, const char *verb, const struct target *t,
	bool reauth)
{
	char name[520], what[640];
	struct vici_buffer request;
	struct tree *response;
	int code;

	vici_begin(&request, VICI_CMD_REQUEST, command);
	vici_text(&request, "child", t->child[0] ? t->child : NULL);
	vici_text(&request, "ike", t->ike[0] ? t->ike : NULL);
	if (reauth)
		vici_bool(&request, "reauth", true);
	if (strcmp(command, "initiate") == 0 || strcmp(command, "terminate") == 0) {
		vici_text(&request, "timeout", "0");
		vici_text(&request, "loglevel", "1");
	}
	if (client_request(c, &request, cli_progress, NULL, &response) < 0)
		return cli_failed(c);

	snprintf(what, sizeof(what), "%s %s", verb, target_text(t, name, sizeof(name)));
	code = cli_judge(response, what);
	if (code == EXIT_GOOD) {
		print_paint(GREEN, what);
		printf(": done\n");
	}

	return code;
}

static int control_all(struct client *c, const char *command, const char *verb,
	const struct targets *targets, bool reauth)
{
	int worst = EXIT_GOOD;

	if (targets->count == 0) {
		print_error("%s", targets->problem);
		return EXIT_FAILED;
	}
	if (strcmp(command, "rekey") != 0 && client_register(c, "control-log") < 0)
		return cli_failed(c);

	for (size_t i = 0; i < targets->count; i++) {
		int code = control(c, command, verb, &targets->list[i], reauth);

		if (code > worst)
			worst = code;
	}

	return worst;
}

int command_up(struct client *c, const struct options *o)
{
	static struct targets targets;

	if (names_configured(c, o, &targets) < 0)
		return cli_failed(c);

	return control_all(c, "initiate", "up", &targets, false);
}

int command_down(struct client *c, const struct options *o)
{
	static struct targets targets;

	if (names_active(c, o, &targets) < 0)
		return cli_failed(c);

	return control_all(c, "terminate", "down", &targets, false);
}

static int set_trap(
	struct client *c, const struct options *o, const char *command, const char *verb)
{
	static struct targets targets;

	if (names_configured(c, o, &targets) < 0)
		return cli_failed(c);

	return control_all(c, command, verb, &targets, false);
}

int command_trap(struct client *c, const struct options *o)
{
	return set_trap(c, o, "install", "trap");
}

int command_untrap(struct client *c, const struct options *o)
{
	return set_trap(c, o, "uninstall", "untrap");
}

int command_rekey(struct client *c, const struct options *o)
{
	static struct targets targets;
	struct options of_ike = *o;

	if (o->reauth && o->kind == NAME_CHILD) {
		print_error("--reauth is of a connection, with all its children");
		return EXIT_USAGE;
	}
	if (o->reauth)
		of_ike.kind = NAME_IKE;
	if (names_active(c, &of_ike, &targets) < 0)
		return cli_failed(c);

	return control_all(c, "rekey", o->reauth ? "reauthenticate" : "rekey", &targets, o->reauth);
}

int command_redirect(struct client *c, const struct options *o)
{
	struct vici_buffer request;
	struct tree *response;
	int code;

	if (o->word_count < 2 && !o->peer_ip && !o->peer_id) {
		print_error("whom? Name a connection, or say --peer-ip or --peer-id; "
			    "--peer-id %%any is all that this gateway answered");
		return EXIT_USAGE;
	}
	vici_begin(&request, VICI_CMD_REQUEST, "redirect");
	vici_text(&request, "gateway", o->words[0]);
	vici_text(&request, "ike", o->word_count > 1 ? o->words[1] : NULL);
	vici_text(&request, "peer-ip", o->peer_ip);
	vici_text(&request, "peer-id", o->peer_id);
	if (client_request(c, &request, NULL, NULL, &response) < 0)
		return cli_failed(c);
	code = cli_judge(response, "redirect");
	if (code == EXIT_GOOD)
		printf("redirected to %s\n", o->words[0]);

	return code;
}

int command_reload(struct client *c, const struct options *o)
{
	struct vici_buffer request;
	struct tree *response;
	int code;

	(void)o;
	vici_begin(&request, VICI_CMD_REQUEST, "reload");
	if (client_request(c, &request, NULL, NULL, &response) < 0)
		return cli_failed(c);
	code = cli_judge(response, "reload");
	if (code == EXIT_GOOD)
		printf("reloaded\n");

	return code;
}
