/* The marks and interfaces of a child, as numbers: what is configured as unique is numbered here. A child
 * keeps them while it is rekeyed or handed on, and one that a trap brings up has the trap's. */
#pragma once

#include "ike/engine.h"

struct ike_sa;

/* Those of a new child of this SA. */
struct child_marks marks_of_child(struct ike_sa *sa, const struct child_config *config);

/* Those of a trap; `before`: as it was laid last, or those of the children that are there; zeroed: never. */
struct child_marks marks_of_trap(struct ike_engine *e, const struct connection *c,
	const struct child_config *config, const struct child_marks *before);
