/* VICI's trees as JSON. */
#pragma once

#include "conf/tree.h"

#include <stdio.h>

/* An array that is printed item by item. */
struct json_array {
	FILE *to;
	size_t count;
};

void json_array_begin(struct json_array *array, FILE *to);
/* An object { "name": …, and what the section holds }. Without `name`, the section alone. */
void json_array_add(struct json_array *array, const char *name, const struct tree_node *section);
void json_array_end(struct json_array *array);

/* The section as one object, with a line end. */
void json_print(FILE *to, const struct tree_node *section);

/* A string with its quotes: escapes of RFC 8259 §7, and U+FFFD for what isn't UTF-8. */
void json_string(FILE *to, struct bytes text);
