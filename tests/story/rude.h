/* A peer that says what ours never would: for the stories of notifies. It is libike with a few functions
 * wrapped by the linker (see meson.build). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct ike_engine;

enum { RUDE_CFG_REQUEST = 1, RUDE_CFG_REPLY, RUDE_CFG_SET, RUDE_CFG_ACK }; /* RFC 7296 §3.15 */

/* A request of another exchange type, with a notify in it (0: none), within the only IKE SA. */
void rude_request(struct ike_engine *e, uint8_t exchange, uint16_t notify, struct bytes data);

/* An INFORMATIONAL request with a CP payload of this type around the octets of its attributes. */
void rude_configures(struct ike_engine *e, uint8_t type, struct bytes attributes);

/* From now on all responses of any host have other data in this notify, or don't have it where `left_out`;
 * 0: as they should again. */
void rude_spoils(uint16_t notify, bool left_out);

/* The next so many CREATE_CHILD_SA requests are refused. */
void rude_refuses(uint16_t notify, unsigned times);

/* Answers about a child have selectors that nobody offered. */
void rude_widens(bool yes);

/* A notify that comes with each answer about a child; 0: none any more. */
void rude_answers_with(uint16_t notify);
