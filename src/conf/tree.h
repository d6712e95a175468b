/* One tree for swanctl.conf, strongswan.conf and VICI messages: sections hold sections, values and
 * lists, in order, and every node knows where it was said. All memory is in one capped arena, wiped
 * at the end, as values may be secrets.
 *
 * A VICI decoder builds with tree_section(), tree_value(), tree_list(), tree_item(), keeping the
 * open section itself. After the cap was reached the builders return NULL and `failed` stays set;
 * they accept NULL for the parent. */
#pragma once

#include "base/arena.h"
#include "conf/connection.h"

enum tree_kind { TREE_SECTION, TREE_VALUE, TREE_LIST };

struct tree_reference {
	const char *path; /* "connections.moon", from the root */
	struct where where;
	struct tree_reference *next;
};

struct tree_node {
	enum tree_kind kind;
	const char *name; /* "" of the root and of a list's items */
	struct where where;
	struct bytes value; /* of a TREE_VALUE; a NUL octet follows it, so that text can be used as
			       it is */
	struct tree_node *first, *last;    /* what a section or list holds */
	struct tree_node *next;            /* the following one within the same section */
	struct tree_reference *references; /* sections, until tree_resolve() */
	uint8_t state;                     /* of tree_resolve() */
	bool referenced; /* another section inherits from it, or from one within it */
};

#define TREE_BYTES_MAX (64u << 20)
#define TREE_NODES_MAX 262144
#define TREE_DEPTH_MAX 16

struct tree {
	struct arena *arena;
	struct tree_node root;
	size_t nodes;
	unsigned includes; /* statements that were met */
	bool failed;       /* a cap was reached, or memory ran out: something is missing */
};

#define WHERE_VICI ((struct where){ "vici", 0 })

struct tree *tree_new(void); /* NULL where memory ran out */
void tree_free(struct tree *t);

/* A lasting copy of a file's name, for `where`; it lives as long as the tree. */
const char *tree_file(struct tree *t, const char *name);

/* The section of this name within `parent`: the one that is there, or a new one at the end. */
struct tree_node *tree_section(
	struct tree *t, struct tree_node *parent, const char *name, struct where where);

/* Sets a value: a later one of the same name replaces it. Any octets. */
struct tree_node *tree_value(struct tree *t, struct tree_node *parent, const char *name,
	struct bytes value, struct where where);

/* A list, emptied where it was there; then its items. */
struct tree_node *tree_list(
	struct tree *t, struct tree_node *parent, const char *name, struct where where);
struct tree_node *tree_item(
	struct tree *t, struct tree_node *list, struct bytes value, struct where where);

void tree_refer(struct tree *t, struct tree_node *section, const char *path, struct where where);

/* Reading. NULL where absent; all accept NULL for the section. */
const struct tree_node *tree_child(const struct tree_node *section, const char *name);
const struct tree_node *tree_find(const struct tree_node *section, const char *path); /* "a.b.c" */

/* The text of a value; NULL where it is absent, cleared (`key =`), a section, or holds a NUL. A
 * list of one item counts as a value. */
const char *tree_text(const struct tree_node *section, const char *name);

/* Whether a node says anything: false for NULL, cleared values, lists without items. */
bool tree_said(const struct tree_node *node);

/* The items of a list, or those of a text separated by commas, trimmed; empty ones are skipped.
 * Views. */
struct tree_items {
	const struct tree_node *item;
	struct bytes rest;
	bool split;
};

struct tree_items tree_items_of(const struct tree_node *value_or_list); /* NULL: none */
bool tree_items_next(struct tree_items *items, struct bytes *ret_item);
