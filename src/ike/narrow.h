/* Narrowing of traffic selectors, RFC 7296 §2.9. Pure. */
#pragma once

#include "conf/connection.h"

/* The configured selectors of one side with `dynamic` put in place: the addresses of each in that
 * list, with the configured protocol and ports. */
void selectors_configured(const struct conf_selector *list, size_t count,
	const struct selectors *dynamic, struct selectors *ret);

/* Adds a single address; a full list stays as it is. */
void selectors_add_address(struct selectors *to, const struct address *a);

/* What is in both, without what another result contains. Empty where nothing is. */
void selectors_intersect(
	const struct selectors *a, const struct selectors *b, struct selectors *ret);

/* Whether every selector of `inner` lies within one of `outer`. */
bool selectors_within(const struct selectors *inner, const struct selectors *outer);
bool selectors_equal(const struct selectors *a, const struct selectors *b);

char *selectors_print(const struct selectors *s, char *out, size_t out_size);
