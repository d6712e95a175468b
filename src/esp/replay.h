/* The anti-replay window of RFC 6479: a ring of words that is never shifted. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WINDOW_MIN 32
#define REPLAY_WINDOW_MAX 4096
#define REPLAY_WORDS      128 /* a power of two, more than REPLAY_WINDOW_MAX / 64 */

struct replay {
	uint32_t size; /* packets; 0: nothing is checked */
	bool esn;
	uint64_t top; /* the highest that was verified; 0: none */
	uint64_t words[REPLAY_WORDS];
};

/* The whole number of a received one: RFC 4303 §A2.2 with ESN. False where it can't be any. */
bool replay_infer(const struct replay *r, uint32_t low, uint64_t *ret_sequence);

/* Whether it is new: before verification. */
bool replay_check(const struct replay *r, uint64_t sequence);

/* It has been verified and is new. */
void replay_update(struct replay *r, uint64_t sequence);
