#pragma once

#include "ike/engine.h"

void shutdown_late(struct ike_engine *e); /* peers have had their time to answer */
void command_run(struct ike_engine *e, const struct ike_command *command);

/* Another instance of a child: on the SA that stands, on the one that is being set up, or on a new
 * one. `child` NULL: none, the SA alone. The command is done when it is up or has failed. */
void bring_up_child(struct ike_engine *e, const struct connection *c,
	const struct child_config *child, uint64_t command);
