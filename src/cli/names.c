/* What a NAME stands for: "net" is a child, else a connection; "site/net" is the child of one connection. The daemon
 * is asked for what there is, so that a typing mistake is answered with the name that was meant. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>

#define KNOWN_MAX 128

struct search {
	char ike[256], child[256]; /* `child` is set by "ike/child" only */
	enum name_kind kind;
	struct targets children, ikes, children_of_ike;
	char known_text[KNOWN_MAX][256];
	const char *known[KNOWN_MAX + 1]; /* all names, for "did you mean" */
	size_t known_count;
};

static void know(struct search *s, const char *name)
{
	for (size_t i = 0; i < s->known_count; i++)
		if (strcmp(s->known[i], name) == 0)
			return;
	if (s->known_count == KNOWN_MAX)
		return;

	snprintf(s->known_text[s->known_count], sizeof(s->known_text[0]), "%s", name);
	s->known[s->known_count] = s->known_text[s->known_count];
	s->known_count++;
}

/* The same pair comes again where a connection has several SAs. */
static void add_target(struct targets *t, const char *ike, const char *child)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->list[i].ike, ike) == 0 && strcmp(t->list[i].child, child) == 0)
			return;
	if (t->count == TARGETS_MAX)
		return;

	snprintf(t->list[t->count].ike, sizeof(t->list[0].ike), "%s", ike);
	snprintf(t->list[t->count].child, sizeof(t->list[0].child), "%s", child);
	t->count++;
}

static void consider_child(struct search *s, const char *ike, const char *child)
{
	bool pair = s->child[0] != '\0';

	know(s, child);
	if (pair ? strcmp(ike, s->ike) == 0 && strcmp(child, s->child) == 0
		 : strcmp(child, s->ike) == 0)
		add_target(&s->children, ike, child);
	if (!pair && strcmp(ike, s->ike) == 0)
		add_target(&s->children_of_ike, ike, child);
}

/* Of what should be up and isn't: it can be taken down, too. */
static void consider_down(struct search *s, const struct tree_node *down)
{
	const char *child = tree_text(down, "child");

	know(s, down->name);
	if (!s->child[0] && strcmp(down->name, s->ike) == 0)
		add_target(&s->ikes, down->name, "");
	if (child)
		consider_child(s, down->name, child);
}

static bool consider(void *context, const char *event, const struct tree_node *message)
{
	struct search *s = context;
	const struct tree_node *conn = message->first, *children, *child;
	const char *name;

	if (!conn || conn->kind != TREE_SECTION)
		return true;
	if (strcmp(event, "list-down") == 0) {
		consider_down(s, conn);
		return true;
	}

	know(s, conn->name);
	if (!s->child[0] && strcmp(conn->name, s->ike) == 0)
		add_target(&s->ikes, conn->name, "");
	children = tree_child(conn, "children");
	if (!children)
		children = tree_child(conn, "child-sas");
	for (child = children ? children->first : NULL; child; child = child->next) {
		name = tree_text(child, "name");
		consider_child(s, conn->name, name ? name : child->name);
	}

	return true;
}

static int add(struct client *c, const char *command, const char *event, struct search *s)
{
	struct vici_buffer request;
	struct tree *response;
	int r = client_register(c, event);

	if (r < 0)
		return r;
	vici_begin(&request, VICI_CMD_REQUEST, command);
	r = client_request(c, &request, consider, s, &response);
	if (r < 0)
		return r;
	tree_free(response);

	return 0;
}

static int search(struct client *c, const struct options *o, const char *command, const char *event,
	struct search *s)
{
	const char *name = o->words[0], *slash = strchr(name, '/');

	s->kind = o->kind;
	snprintf(s->ike, sizeof(s->ike), "%.*s", slash ? (int)(slash - name) : 255, name);
	snprintf(s->child, sizeof(s->child), "%s", slash ? slash + 1 : "");

	return add(c, command, event, s);
}

/* Children of this name in several connections: the caller must say which. */
static void choose(struct search *s, const char *name, const char *missing, struct targets *t)
{
	const char *near = nearest_word(name, s->known);
	size_t used;

	if (near && strcmp(near, name) == 0)
		near = NULL; /* it is there, but of the other kind */
	*t = (struct targets){ 0 };
	if (s->kind != NAME_IKE && s->children.count == 1) {
		*t = s->children;
	} else if (s->kind != NAME_IKE && s->children.count > 1) {
		used = (size_t)snprintf(t->problem, sizeof(t->problem),
			"'%s' is a child of several connections: say which:", name);
		for (size_t i = 0; i < s->children.count && used < sizeof(t->problem); i++)
			used += (size_t)snprintf(t->problem + used, sizeof(t->problem) - used,
				" %s/%s", s->children.list[i].ike, s->children.list[i].child);
	} else if (s->kind != NAME_CHILD && s->ikes.count > 0) {
		*t = s->ikes;
	} else {
		snprintf(t->problem, sizeof(t->problem), "%s '%s'%s%s%s", missing, name,
			near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
}

int names_configured(struct client *c, const struct options *o, struct targets *ret_targets)
{
	static struct search s; /* large; one command per process */
	int r = search(c, o, "list-conns", "list-conn", &s);

	if (r < 0)
		return r;
	choose(&s, o->words[0], "no connection or child is called", ret_targets);
	if (s.kind == NAME_ANY && ret_targets->count == 1 && !ret_targets->list[0].child[0] &&
		s.children_of_ike.count > 0)
		*ret_targets = s.children_of_ike;

	return 0;
}

int names_active(struct client *c, const struct options *o, struct targets *ret_targets)
{
	static struct search s;
	int r = search(c, o, "list-sas", "list-sa", &s);

	if (r == 0)
		r = add(c, "list-down", "list-down", &s);
	if (r < 0)
		return r;
	choose(&s, o->words[0], "no IKE SA or child is up, or should be, that is called",
		ret_targets);

	return 0;
}
