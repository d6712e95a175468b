/* IKEv1 (RFC 2407-2409) as the engine's shared parts see it. */
#pragma once

#include "ike/protocol.h"

extern const struct protocol v1_protocol;
