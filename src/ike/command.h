#pragma once

#include "ike/engine.h"

void command_run(struct ike_engine *e, const struct ike_command *command);
