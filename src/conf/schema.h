/* Every key that swanctl.conf and the daemon's settings may hold: one table for checking, for
 * messages and for the manual. */
#pragma once

#include "conf/problems.h"
#include "conf/tree.h"

#include <stdio.h>

enum schema_type {
	SCHEMA_TEXT,
	SCHEMA_LIST,
	SCHEMA_BOOL,
	SCHEMA_NUMBER,
	SCHEMA_DECIMAL, /* 1.8 */
	SCHEMA_TIME,    /* seconds, or with s, m, h, d */
	SCHEMA_SIZE,    /* octets, or with k, m, g */
	SCHEMA_CHOICE,
	SCHEMA_SECRET, /* never shown */
	SCHEMA_FILES,  /* names of files, over VICI their contents */
	SCHEMA_ANY,    /* checked by who reads it */
};

enum schema_status {
	SCHEMA_DONE,    /* we do it */
	SCHEMA_IGNORED, /* accepted with a warning: not supported yet, ignored */
	SCHEMA_REFUSED, /* ignoring it would weaken or change what was meant: an error, unless set
			   to its default */
	SCHEMA_QUIET,   /* accepted and without effect here */
};

struct schema_key {
	const char *section; /* "connections.*.children.*": a '*' ends a name or stands for one */
	const char *key;     /* "esp_proposals"; "id*" */
	enum schema_type type;
	enum schema_status status;
	const char *value;   /* the default, as people write it; "" for none */
	uint64_t min, max;   /* numbers and times in seconds; max 0: no limit */
	const char *choices; /* "tunnel|transport"; '+' stands for a '|' within one */
	const char *help;
};

extern const struct schema_key conf_schema[];
extern const size_t conf_schema_count;

/* The entry of a key within a section pattern, NULL where unknown. */
const struct schema_key *schema_find(const char *section, const char *key);

/* Checks a section, and those in it, against the table: unknown keys and sections, types, ranges,
 * choices, what is not supported. `section` is its pattern: "connections.*", "" for a whole
 * swanctl.conf, "ternd" for settings. Returns how many errors it added. */
size_t schema_check(const struct tree_node *node, const char *section, struct problems *problems);

/* Values by type. They return 0 and the value or -EINVAL. */
int schema_bool(const char *text, bool *ret_value);
int schema_number(const char *text, uint64_t *ret_value); /* decimal, or hexadecimal with 0x */
int schema_time(const char *text, uint64_t *ret_seconds);
int schema_size(const char *text, uint64_t *ret_octets);
int schema_choice(const char *choices, const char *text, unsigned *ret_index);
int schema_decimal(const char *text, double *ret_value);

/* A value of a section, or its default in the table; `key` must be in the table with this type
 * (asserted). Where the text is bad (which schema_check() has reported) the default. */
bool schema_get_bool(const struct tree_node *section, const char *pattern, const char *key);
uint64_t schema_get_number(const struct tree_node *section, const char *pattern,
	const char *key); /* also time and size */
const char *schema_get_text(
	const struct tree_node *section, const char *pattern, const char *key); /* NULL: none */
unsigned schema_get_choice(
	const struct tree_node *section, const char *pattern, const char *key); /* its index */

/* The table as manual page source (mdoc-free man(7) macros), for man/tern.conf.5. */
void conf_schema_print(FILE *to);
