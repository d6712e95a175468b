/* swanctl.conf's and strongswan.conf's syntax into a tree: strongswan.conf(5). */
#pragma once

#include "conf/problems.h"
#include "conf/tree.h"

#define PARSE_FILE_BYTES_MAX    (1u << 20)
/* strongSwan includes a file for each of its plugins. */
#define PARSE_INCLUDES_MAX      512
#define PARSE_INCLUDE_DEPTH_MAX 16

/* Parses a file, or a text that stands for one (it may not include others), into the tree, on top
 * of what is there. Goes on after an error; problems tell. Returns 0, or a negative errno where the
 * file could not be read at all (this is among the problems too). References stay as they are until
 * tree_resolve(). */
int parse_file(struct tree *t, const char *path, struct problems *problems);
void parse_text(struct tree *t, const char *name, struct bytes text, struct problems *problems);

/* Gives every section what it inherits (`moon : defaults, eap { … }`): its own keys win, then the
 * references from left to right. Call once, after the last file. */
void tree_resolve(struct tree *t, struct problems *problems);
