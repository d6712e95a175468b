/* Text for people, cut to fit and always terminated. No format strings: the core links no printf.
 * */
#pragma once

#include "base/bytes.h"
#include "wire/wire.h"

struct text {
	char *out;
	size_t used; /* without the terminator */
	size_t size;
};

struct text text_of(char *out, size_t size);
void text_add(struct text *t, const char *more);
void text_add_number(struct text *t, uint64_t number);
void text_add_hex(struct text *t, struct bytes from);
void text_add_printable(struct text *t, struct bytes from); /* '?' for what isn't ASCII print */

/* A name of a number; a table of them ends with { 0, NULL }. */
struct text_name {
	uint16_t value;
	const char *name;
};

const char *text_name_find(const struct text_name *names, uint16_t value); /* or NULL */
/* The name, or the prefix and the value in scratch. */
const char *text_name_or_number(const struct text_name *names, uint16_t value, const char *prefix,
	char scratch[static NAME_TEXT_MAX]);
void text_add_name(struct text *t, const struct text_name *names, uint16_t value); /* or number */
