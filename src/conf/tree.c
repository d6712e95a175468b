/* The tree: builders that never fail halfway, and readers that accept NULL. */
#include "conf/tree.h"

#include <ctype.h>
#include <stdlib.h>

struct tree *tree_new(void)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;

	t->arena = arena_new(TREE_BYTES_MAX);
	if (!t->arena) {
		free(t);
		return NULL;
	}
	t->root = (struct tree_node){ .kind = TREE_SECTION, .name = "", .where = { "", 0 } };
	return t;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;

	arena_free(t->arena);
	free(t);
}

const char *tree_file(struct tree *t, const char *name)
{
	const char *copy = arena_text(t->arena, name);

	return copy ? copy : "";
}

static struct tree_node *child_find(struct tree_node *section, const char *name)
{
	for (struct tree_node *n = section->first; n; n = n->next)
		if (!strcmp(n->name, name))
			return n;

	return NULL;
}

static struct tree_node *child_add(
	struct tree *t, struct tree_node *parent, enum tree_kind kind, const char *name)
{
	struct tree_node *n = NULL;

	if (t->nodes < TREE_NODES_MAX)
		n = arena_take(t->arena, sizeof(*n));
	if (n)
		n->name = name[0] ? arena_text(t->arena, name) : "";
	if (!n || !n->name) {
		t->failed = true;
		return NULL;
	}

	t->nodes++;
	n->kind = kind;
	if (parent->last)
		parent->last->next = n;
	else
		parent->first = n;
	parent->last = n;
	return n;
}

/* The child of this name if it has this kind; one of another kind gives way to it. */
static struct tree_node *child_of_kind(
	struct tree *t, struct tree_node *parent, enum tree_kind kind, const char *name)
{
	struct tree_node *n;

	if (!parent)
		return NULL;

	n = child_find(parent, name);
	if (!n)
		return child_add(t, parent, kind, name);
	if (n->kind != kind) {
		n->kind = kind;
		n->first = n->last = NULL;
		n->value = BYTES_EMPTY;
		n->references = NULL;
	}
	return n;
}

struct tree_node *tree_section(
	struct tree *t, struct tree_node *parent, const char *name, struct where where)
{
	struct tree_node *n = child_of_kind(t, parent, TREE_SECTION, name);

	if (n && !n->where.file)
		n->where = where;

	return n;
}

static bool value_set(struct tree *t, struct tree_node *n, struct bytes value, struct where where)
{
	uint8_t *copy = arena_take(t->arena, value.size + 1);

	if (!copy) {
		t->failed = true;
		return false;
	}

	if (value.size)
		memcpy(copy, value.data, value.size);
	n->value = BYTES(copy, value.size);
	n->where = where;
	return true;
}

struct tree_node *tree_value(struct tree *t, struct tree_node *parent, const char *name,
	struct bytes value, struct where where)
{
	struct tree_node *n = child_of_kind(t, parent, TREE_VALUE, name);

	return n && value_set(t, n, value, where) ? n : NULL;
}

struct tree_node *tree_list(
	struct tree *t, struct tree_node *parent, const char *name, struct where where)
{
	struct tree_node *n = child_of_kind(t, parent, TREE_LIST, name);

	if (n) {
		n->first = n->last = NULL;
		n->where = where;
	}

	return n;
}

struct tree_node *tree_item(
	struct tree *t, struct tree_node *list, struct bytes value, struct where where)
{
	struct tree_node *n = list ? child_add(t, list, TREE_VALUE, "") : NULL;

	return n && value_set(t, n, value, where) ? n : NULL;
}

void tree_refer(struct tree *t, struct tree_node *section, const char *path, struct where where)
{
	struct tree_reference *r = arena_take(t->arena, sizeof(*r)), **end;

	if (r)
		r->path = arena_text(t->arena, path);
	if (!r || !r->path || !section) {
		t->failed = true;
		return;
	}

	r->where = where;
	for (end = &section->references; *end; end = &(*end)->next)
		;
	*end = r;
}

const struct tree_node *tree_child(const struct tree_node *section, const char *name)
{
	if (!section || section->kind != TREE_SECTION)
		return NULL;
	for (const struct tree_node *n = section->first; n; n = n->next)
		if (!strcmp(n->name, name))
			return n;

	return NULL;
}

const struct tree_node *tree_find(const struct tree_node *section, const char *path)
{
	char name[256];

	while (section && *path) {
		size_t size = strcspn(path, ".");

		if (size >= sizeof(name))
			return NULL;
		memcpy(name, path, size);
		name[size] = '\0';
		section = tree_child(section, name);
		path += size + (path[size] == '.');
	}

	return section;
}

const char *tree_text(const struct tree_node *section, const char *name)
{
	const struct tree_node *n = tree_child(section, name);

	if (n && n->kind == TREE_LIST && n->first && n->first == n->last)
		n = n->first;
	if (!n || n->kind != TREE_VALUE || n->value.size == 0)
		return NULL;

	return memchr(n->value.data, 0, n->value.size) ? NULL : (const char *)n->value.data;
}

bool tree_said(const struct tree_node *node)
{
	if (!node)
		return false;

	return node->kind == TREE_SECTION ? true
		: node->kind == TREE_LIST ? node->first != NULL
					  : node->value.size > 0;
}

struct tree_items tree_items_of(const struct tree_node *n)
{
	if (n && n->kind == TREE_LIST)
		return (struct tree_items){ .item = n->first };
	if (n && n->kind == TREE_VALUE)
		return (struct tree_items){ .rest = n->value, .split = true };

	return (struct tree_items){ 0 };
}

static struct bytes trimmed(struct bytes text)
{
	while (text.size && isspace(text.data[0])) {
		text.data++;
		text.size--;
	}
	while (text.size && isspace(text.data[text.size - 1]))
		text.size--;

	return text;
}

static bool items_next_split(struct tree_items *items, struct bytes *ret_item)
{
	while (items->rest.size) {
		const uint8_t *comma = memchr(items->rest.data, ',', items->rest.size);
		size_t size = comma ? (size_t)(comma - items->rest.data) : items->rest.size;
		struct bytes item = trimmed(BYTES(items->rest.data, size));

		size += comma ? 1 : 0;
		items->rest = BYTES(items->rest.data + size, items->rest.size - size);
		if (item.size) {
			*ret_item = item;
			return true;
		}
	}

	return false;
}

bool tree_items_next(struct tree_items *items, struct bytes *ret_item)
{
	if (items->split)
		return items_next_split(items, ret_item);

	while (items->item) {
		struct bytes value = items->item->value;

		items->item = items->item->next;
		if (value.size) {
			*ret_item = value;
			return true;
		}
	}

	return false;
}
