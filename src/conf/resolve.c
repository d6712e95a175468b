/* References: `moon : defaults, eap { … }` gives moon what the others hold and it does not. Every
 * section is completed once, depth first: first what is in it, then what it refers to; a section
 * that is met again while it is being completed refers to itself. Copies count against the tree's
 * caps, so no nesting of references can explode. */
#include "conf/parse.h"

#include <stdio.h>

enum { UNRESOLVED = 0, RESOLVING, RESOLVED };

static void section_resolve(
	struct tree *t, struct tree_node *section, struct problems *problems, unsigned depth);

/* Copies what `from` has and `to` has not; a cleared value counts as had. */
static void section_inherit(
	struct tree *t, struct tree_node *to, const struct tree_node *from, unsigned depth)
{
	if (depth > 2 * TREE_DEPTH_MAX) {
		t->failed = true;
		return;
	}

	for (const struct tree_node *n = from->first; n && !t->failed; n = n->next) {
		const struct tree_node *own =
			to->kind == TREE_SECTION ? tree_child(to, n->name) : NULL;
		struct tree_node *copy;

		if (own && (own->kind != TREE_SECTION || n->kind != TREE_SECTION))
			continue;
		if (n->kind == TREE_SECTION) {
			copy = tree_section(t, to, n->name, n->where);
			if (copy)
				section_inherit(t, copy, n, depth + 1);
			if (copy && !own)
				copy->state = RESOLVED;
		} else if (n->kind == TREE_LIST) {
			copy = tree_list(t, to, n->name, n->where);
			if (copy)
				section_inherit(t, copy, n, depth + 1);
		} else if (to->kind == TREE_LIST) {
			tree_item(t, to, n->value, n->where);
		} else {
			tree_value(t, to, n->name, n->value, n->where);
		}
	}
}

/* The next name of a path; the rest of it, or NULL at its end. */
static const char *path_step(const char *path, char *name, size_t size)
{
	size_t used = strcspn(path, ".");

	snprintf(name, size, "%.*s", (int)(used < size ? used : size - 1), path);
	return path[used] ? path + used + 1 : NULL;
}

/* Walks to the section a reference names; what lies on the way may itself inherit the next step. */
static struct tree_node *reference_find(
	struct tree *t, const char *path, struct problems *problems, unsigned depth)
{
	struct tree_node *at = &t->root;
	char name[256];

	while (at && path) {
		struct tree_node *next;

		path = path_step(path, name, sizeof(name));
		next = (struct tree_node *)(uintptr_t)tree_child(at, name);
		if (!next && at->references && at->state == UNRESOLVED) {
			section_resolve(t, at, problems, depth + 1);
			next = (struct tree_node *)(uintptr_t)tree_child(at, name);
		}
		at = next && next->kind == TREE_SECTION ? next : NULL;
		if (at)
			at->referenced = true;
	}

	return at;
}

static void reference_resolve(struct tree *t, struct tree_node *section,
	const struct tree_reference *r, struct problems *problems, unsigned depth)
{
	struct tree_node *from = reference_find(t, r->path, problems, depth);

	if (!from) {
		problem_error(problems, r->where,
			"write the full path from the top, such as connections.moon, and check its spelling",
			"'%s' refers to '%s', which is not a section", section->name, r->path);
		return;
	}

	section_resolve(t, from, problems, depth + 1);
	if (from->state != RESOLVED)
		problem_error(problems, r->where, "take what they share into a section of its own",
			"'%s' refers to '%s', which contains or refers to it in turn",
			section->name, r->path);
	else
		section_inherit(t, section, from, 0);
}

static void section_resolve(
	struct tree *t, struct tree_node *section, struct problems *problems, unsigned depth)
{
	if (section->state != UNRESOLVED || t->failed)
		return;
	if (depth > 8 * TREE_DEPTH_MAX) {
		problem_error(problems, section->where, "make the chain of references shorter",
			"references to '%s' are nested too deeply", section->name);
		section->state = RESOLVED;
		return;
	}

	section->state = RESOLVING;
	for (struct tree_node *n = section->first; n; n = n->next)
		if (n->kind == TREE_SECTION)
			section_resolve(t, n, problems, depth + 1);
	for (const struct tree_reference *r = section->references; r; r = r->next)
		reference_resolve(t, section, r, problems, depth);
	section->state = RESOLVED;
}

void tree_resolve(struct tree *t, struct problems *problems)
{
	section_resolve(t, &t->root, problems, 0);
	if (t->failed)
		problem_error(problems,
			t->root.first ? t->root.first->where : (struct where){ "", 0 },
			"split it, or inherit less",
			"the configuration is larger than tern allows (%d keys and sections)",
			TREE_NODES_MAX);
}
