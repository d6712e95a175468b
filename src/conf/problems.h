/* What is wrong with a configuration, collected rather than stopping at the first: where, what was
 * found, what would be right. Texts never hold secrets: say which key, not its value, where a value
 * may be one. */
#pragma once

#include "conf/connection.h"

#include <stdio.h>

enum problem_kind { PROBLEM_ERROR, PROBLEM_WARNING };

struct problem {
	enum problem_kind kind;
	struct where where;
	const char *text;   /* "unknown key 'esp_proposal'" */
	const char *remedy; /* "did you mean 'esp_proposals'?"; "" where there is none */
};

/* Zeroed is empty. After PROBLEMS_MAX further ones are only counted, as is the same one again: what
 * many connections inherit is said once. */
struct problems {
	size_t errors, warnings; /* counts, also of those not kept */
	size_t repeated;         /* of these: the same again */
	size_t count, room;
	struct problem *list;
};

#define PROBLEMS_MAX     500
#define PROBLEM_TEXT_MAX 640

/* `remedy` may be NULL. Copies all, the file's name too. */
__attribute__((format(printf, 4, 5))) void problem_error(
	struct problems *p, struct where where, const char *remedy, const char *format, ...);
__attribute__((format(printf, 4, 5))) void problem_warning(
	struct problems *p, struct where where, const char *remedy, const char *format, ...);

/* "/etc/tern/swanctl.conf:12: unknown key 'esp_proposal': did you mean 'esp_proposals'?" (warnings
 * say "warning:" after the place). Cut to fit; returns out. */
char *problem_print(const struct problem *problem, char *out, size_t out_size);

/* One line for each. */
void problems_print(const struct problems *p, FILE *to);

/* The first error as one line, for VICI's errmsg; "" where there is none. */
char *problems_first_error(const struct problems *p, char *out, size_t out_size);

void problems_free(struct problems *p); /* empties it */

/* Where a value came from as text for other messages: "swanctl.conf:12" or "vici". */
char *where_print(struct where where, char *out, size_t out_size);

/* The word of `words` (ended by NULL) that is nearest to `text`, for "did you mean"; NULL where
 * none is near. */
const char *nearest_word(const char *text, const char *const *words);
