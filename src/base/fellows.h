/* Several values under one key of a table: they are linked to each other, the newest first, and each comes
 * and goes at once, however many there are. */
#pragma once

#include "base/table.h"

/* Within a value. Begins as zeros. */
struct fellow {
	void *of; /* the value; NULL: under no key */
	struct fellow *next, *prev;
};

/* Puts `of`, of which `f` is a part, in front of those that are there. Returns 0 or -ENOMEM; then it is under
 * no key. */
int fellows_add(struct table *t, struct bytes key, struct fellow *f, void *of);

/* `key`: that it was put under. Nothing where it is under none; can't fail. */
void fellows_remove(struct table *t, struct bytes key, struct fellow *f);

struct fellow *fellows_first(const struct table *t, struct bytes key); /* NULL: none */
