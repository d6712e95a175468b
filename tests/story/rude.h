/* A peer that says what ours never would: for the stories of notifies. It is libike with a few functions
 * wrapped by the linker (see meson.build). */
#pragma once

#include <stdint.h>

#include "base/bytes.h"

struct ike_engine;

/* A request of another exchange type, with a notify in it (0: none), within the only IKE SA. */
void rude_request(struct ike_engine *e, uint8_t exchange, uint16_t notify, struct bytes data);

/* The next so many CREATE_CHILD_SA requests are refused. */
void rude_refuses(uint16_t notify, unsigned times);

/* A notify that comes with each answer about a child; 0: none any more. */
void rude_answers_with(uint16_t notify);
