/* The control socket: VICI, joined to the daemon. */
#pragma once

#include "tern/ike.h"

struct host;

/* The id of the daemon's own command; VICI's come after it. */
#define CONTROL_ID_HOST 1u

int control_open(struct host *h); /* says in the log what is wrong */
void control_close(struct host *h);
void control_event(struct host *h, const struct ike_event *event);
