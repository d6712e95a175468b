/* tern status: every IKE SA with its Child SAs, then what should be up and isn't. For people a block each, with the
 * labels in one column. */
#include "base/duration.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/print.h"

#include <stdlib.h>

struct status {
	struct json_array json;
	bool as_json;
	size_t count;
};

static const char *text(const struct tree_node *n, const char *key)
{
	const char *value = tree_text(n, key);

	return value ? value : "";
}

static bool yes(const struct tree_node *n, const char *key)
{
	const char *value = text(n, key);

	return strcmp(value, "yes") == 0 || strcmp(value, "1") == 0; /* `esn` is 1 */
}

static void label(unsigned indent, const char *name)
{
	printf("%*s", (int)indent, "");
	print_paint(FAINT, name);
	printf("%*s", (int)(18 - indent - strlen(name)), "");
}

static enum paint state_paint(const char *state)
{
	static const char *const good[] = { "ESTABLISHED", "INSTALLED", "ROUTED", NULL };

	for (size_t i = 0; good[i]; i++)
		if (strcmp(state, good[i]) == 0)
			return GREEN;

	return YELLOW;
}

static void print_since(const struct tree_node *sa, const char *key)
{
	char out[64];

	if (tree_text(sa, key))
		printf(" for %s", duration_print(strtoull(text(sa, key), NULL, 10), out));
}

static void print_head(unsigned indent, const char *name, const struct tree_node *sa)
{
	printf("%*s", (int)indent, "");
	print_paint(BOLD, name);
	printf(" #");
	print_paint(PLAIN, text(sa, "uniqueid"));
	printf("  ");
	print_paint(state_paint(text(sa, "state")), text(sa, "state"));
}

/* "AES_GCM_16-256/PRF_HMAC_SHA2_384/CURVE_25519": what there is of it, key exchanges after the first too. */
static void print_algorithms(const struct tree_node *sa)
{
	static const char *const keys[] = { "encr-alg", "integ-alg", "prf-alg", "dh-group", "ake1",
		"ake2", "ake3", "ake4", "ake5", "ake6", "ake7" };
	const char *size = tree_text(sa, "encr-keysize");
	bool first = true;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const char *name = tree_text(sa, keys[i]);

		if (!name)
			continue;
		if (!first)
			putchar('/');
		first = false;
		print_paint(PLAIN, name);
		if (i == 0 && size) {
			putchar('-');
			print_paint(PLAIN, size);
		}
	}
	if (yes(sa, "esn"))
		printf("/ESN");
	if (tree_text(sa, "computed-by"))
		printf(", computed by %s", text(sa, "computed-by"));
	putchar('\n');
}

static void print_times(unsigned indent, const struct tree_node *sa)
{
	static const struct {
		const char *key, *words;
	} times[] = {
		{ "rekey-time", "rekey in" },
		{ "reauth-time", "reauthentication in" },
		{ "life-time", "expires in" },
	};
	const char *separator = "";
	char out[64];

	if (!tree_text(sa, "rekey-time") && !tree_text(sa, "reauth-time") &&
		!tree_text(sa, "life-time"))
		return;

	label(indent, "time");
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		const char *value = tree_text(sa, times[i].key);

		/* It may be overdue, and then is negative. */
		if (!value)
			continue;
		duration_print(value[0] == '-' ? 0 : strtoull(value, NULL, 10), out);
		printf("%s%s %s", separator, times[i].words, out);
		separator = ", ";
	}
	putchar('\n');
}

static void print_list(unsigned indent, const char *name, const struct tree_node *list)
{
	struct tree_items items = tree_items_of(list);
	struct bytes item;
	char out[512];
	bool first = true;

	while (tree_items_next(&items, &item)) {
		snprintf(out, sizeof(out), "%.*s", (int)item.size, (const char *)item.data);
		if (first)
			label(indent, name);
		else
			putchar(' ');
		first = false;
		print_paint(PLAIN, out);
	}
	if (!first)
		putchar('\n');
}

static void print_end(const struct tree_node *sa, const char *side, const char *id,
	const char *host, const char *port)
{
	const char *address = text(sa, host);
	bool v6 = strchr(address, ':');

	label(2, side);
	print_paint(PLAIN, v6 ? "[" : "");
	print_paint(PLAIN, address);
	printf("%s:", v6 ? "]" : "");
	print_paint(PLAIN, text(sa, port));
	printf("  ");
	print_paint(PLAIN, text(sa, id));
	putchar('\n');
}

static void print_user(const struct tree_node *sa)
{
	const char *user = tree_text(sa, "remote-xauth-id");

	if (!user)
		return;
	label(2, "user");
	print_paint(PLAIN, user);
	putchar('\n');
}

static void print_nat(const struct tree_node *sa)
{
	bool here = yes(sa, "nat-local"), there = yes(sa, "nat-remote"), fake = yes(sa, "nat-fake");

	if (!here && !there && !fake)
		return;
	label(2, "NAT");
	printf("%s\n",
		fake                    ? "pretended, to have UDP encapsulation"
			: here && there ? "at both ends"
			: here          ? "at this end"
					: "at the other end");
}

static void print_traffic(const struct tree_node *child, const char *name, const char *way)
{
	char key[32], size[64], ago[64];

	snprintf(key, sizeof(key), "bytes-%s", way);
	label(4, name);
	printf("%s in ", size_text(strtoull(text(child, key), NULL, 10), size, sizeof(size)));
	snprintf(key, sizeof(key), "packets-%s", way);
	print_paint(PLAIN, tree_text(child, key) ? text(child, key) : "0");
	printf(strcmp(text(child, key), "1") == 0 ? " packet" : " packets");
	snprintf(key, sizeof(key), "use-%s", way);
	if (tree_text(child, key))
		printf(", %s ago", duration_print(strtoull(text(child, key), NULL, 10), ago));
	snprintf(key, sizeof(key), "spi-%s", way);
	if (tree_text(child, key)) {
		printf("  ");
		print_paint(FAINT, "SPI ");
		print_paint(FAINT, text(child, key));
	}
	putchar('\n');
}

static void print_child(const char *ike, const struct tree_node *child)
{
	const char *name = tree_text(child, "name");
	char full[520];

	snprintf(full, sizeof(full), "%s/%s", ike, name ? name : child->name);
	print_head(2, full, child);
	print_since(child, "install-time");
	printf(", %s %s%s\n", text(child, "mode"), text(child, "protocol"),
		yes(child, "encap") ? " in UDP" : "");
	if (tree_text(child, "encr-alg")) {
		label(4, "algorithms");
		print_algorithms(child);
	}
	print_list(4, "local", tree_child(child, "local-ts"));
	print_list(4, "remote", tree_child(child, "remote-ts"));
	if (tree_text(child, "bytes-in")) {
		print_traffic(child, "received", "in");
		print_traffic(child, "sent", "out");
	}
	print_times(4, child);
}

static void print_ike(const char *name, const struct tree_node *sa)
{
	const struct tree_node *children = tree_child(sa, "child-sas");

	print_head(0, name, sa);
	print_since(sa, "established");
	printf(", IKEv%s, %s\n", text(sa, "version"),
		yes(sa, "initiator") ? "initiator" : "responder");
	print_end(sa, "local", "local-id", "local-host", "local-port");
	print_end(sa, "remote", "remote-id", "remote-host", "remote-port");
	print_user(sa);
	print_nat(sa);
	print_list(2, "virtual here", tree_child(sa, "local-vips"));
	print_list(2, "virtual there", tree_child(sa, "remote-vips"));
	if (tree_text(sa, "encr-alg")) {
		label(2, "algorithms");
		print_algorithms(sa);
	}
	print_times(2, sa);
	for (const struct tree_node *n = children ? children->first : NULL; n; n = n->next)
		print_child(name, n);
}

/* What should be up and isn't. */

static const char *plural(const char *count)
{
	return strcmp(count, "1") == 0 ? "" : "s";
}

static void print_plan(const struct tree_node *down)
{
	const char *state = text(down, "state"), *attempts = text(down, "attempts");
	char out[DURATION_TEXT_MAX];

	if (strcmp(state, "TRYING") == 0) {
		printf(", attempt %s is under way", attempts);
	} else if (strcmp(state, "HELD") == 0) {
		printf(", taken down by command: `tern up` brings it up");
	} else if (strcmp(state, "GIVEN-UP") == 0) {
		printf(", given up after %s attempt%s (keyingtries): `tern up` tries again",
			attempts, plural(attempts));
	} else {
		printf(", next try in %s",
			duration_print(strtoull(text(down, "next"), NULL, 10), out));
		if (tree_text(down, "next-host")) {
			printf(" to ");
			print_paint(PLAIN, text(down, "next-host"));
		}
	}
}

static void print_tried(const struct tree_node *down)
{
	const char *host = tree_text(down, "tried-host"), *attempts = text(down, "attempts");
	bool v6 = host && strchr(host, ':');

	if (!host)
		return;
	label(2, "last tried");
	print_paint(PLAIN, v6 ? "[" : "");
	print_paint(PLAIN, host);
	printf("%s:", v6 ? "]" : "");
	print_paint(PLAIN, text(down, "tried-port"));
	if (strcmp(attempts, "0") != 0)
		printf(", attempt %s", attempts);
	putchar('\n');
}

static void print_down(const char *ike, const struct tree_node *down)
{
	char full[520], out[DURATION_TEXT_MAX];

	snprintf(full, sizeof(full), "%s/%s", ike, text(down, "child"));
	print_paint(BOLD, full);
	printf("  ");
	print_paint(YELLOW, text(down, "state"));
	printf(" down for %s", duration_print(strtoull(text(down, "down"), NULL, 10), out));
	print_plan(down);
	putchar('\n');
	if (tree_text(down, "why")) {
		label(2, "why");
		print_paint(PLAIN, text(down, "why"));
		putchar('\n');
	}
	print_tried(down);
}

static void print_trap(const char *name, const struct tree_node *trap)
{
	print_paint(BOLD, name);
	printf("  ");
	print_paint(state_paint(text(trap, "state")), text(trap, "state"));
	printf(", a packet brings it up");
	if (strcmp(text(trap, "kept-packets"), "0") != 0)
		printf(", %s wait", text(trap, "kept-packets"));
	if (strcmp(text(trap, "dropped"), "0") != 0)
		printf(", %s were dropped", text(trap, "dropped"));
	putchar('\n');
	print_list(4, "local", tree_child(trap, "local-ts"));
	print_list(4, "remote", tree_child(trap, "remote-ts"));
}

static void print_shunt(const char *name, const struct tree_node *shunt)
{
	bool drop = strcmp(text(shunt, "mode"), "DROP") == 0;

	print_paint(BOLD, name);
	printf("  ");
	print_paint(GREEN, text(shunt, "mode"));
	printf(drop ? ", goes nowhere" : ", goes in the clear");
	if (strcmp(text(shunt, "dropped"), "0") != 0)
		printf(", %s were dropped", text(shunt, "dropped"));
	putchar('\n');
	print_list(4, "local", tree_child(shunt, "local-ts"));
	print_list(4, "remote", tree_child(shunt, "remote-ts"));
}

static bool is_shunt(const struct tree_node *policy)
{
	return strcmp(text(policy, "mode"), "PASS") == 0 ||
		strcmp(text(policy, "mode"), "DROP") == 0;
}

static bool status_event(void *context, const char *event, const struct tree_node *message)
{
	struct status *s = context;
	const struct tree_node *sa = message->first;

	bool down = strcmp(event, "list-down") == 0, trap = strcmp(event, "list-policy") == 0;

	if ((strcmp(event, "list-sa") != 0 && !down && !trap) || !sa || sa->kind != TREE_SECTION)
		return true;

	if (trap && !tree_text(sa, "state"))
		return true; /* of a child, which is shown with its IKE SA */
	if (s->as_json) {
		json_array_add(&s->json, sa->name, sa);
		return true;
	}
	if (s->count++)
		putchar('\n');
	if (down)
		print_down(sa->name, sa);
	else if (trap && is_shunt(sa))
		print_shunt(sa->name, sa);
	else if (trap)
		print_trap(sa->name, sa);
	else
		print_ike(sa->name, sa);

	return true;
}

static int list(struct client *c, const char *command, const char *event, struct status *s)
{
	struct vici_buffer request;
	struct tree *response;
	int r = client_register(c, event);

	if (r < 0)
		return r;
	vici_begin(&request, VICI_CMD_REQUEST, command);
	if (strcmp(command, "list-policies") == 0) {
		vici_bool(&request, "trap", true);
		vici_bool(&request, "pass", true);
		vici_bool(&request, "drop", true);
	}
	r = client_request(c, &request, status_event, s, &response);
	if (r == 0)
		tree_free(response);
	return r;
}

int command_status(struct client *c, const struct options *o)
{
	struct status s = { .as_json = o->json };

	if (o->counters)
		return command_counters(c, o);
	if (s.as_json)
		json_array_begin(&s.json, stdout);
	if (list(c, "list-sas", "list-sa", &s) < 0 || list(c, "list-down", "list-down", &s) < 0 ||
		list(c, "list-policies", "list-policy", &s) < 0)
		return cli_failed(c);

	if (s.as_json)
		json_array_end(&s.json);
	else if (s.count == 0)
		printf("no IKE SA: nothing is up, and nothing should be\n");

	return EXIT_GOOD;
}
