/* Replay: a number is inferred, judged, verified with the packet's ICV and only then noted. */
#include "esp/replay.h"

#include <assert.h>

/* Without a window ESN still has to guess the upper half: this many behind the top count as late.
 */
#define LATE_WITHOUT_WINDOW 4096

#define WORD_BITS 64

bool replay_infer(const struct replay *r, uint32_t low, uint64_t *ret_sequence)
{
	uint32_t window = r->size ? r->size : LATE_WITHOUT_WINDOW;
	uint32_t top_low = (uint32_t)r->top, top_high = (uint32_t)(r->top >> 32);
	uint32_t bottom = top_low - window + 1; /* modulo 2^32 */
	uint32_t high = 0;

	if (r->esn && top_low >= window - 1) { /* A: the window lies in one subspace */
		if (low < bottom && top_high == UINT32_MAX)
			return false;
		high = top_high + (low < bottom);
	} else if (r->esn) { /* B: it spans two */
		if (low >= bottom && top_high == 0)
			return false;
		high = top_high - (low >= bottom);
	}
	if (high == 0 && low == 0)
		return false;

	*ret_sequence = (uint64_t)high << 32 | low;
	return true;
}

bool replay_check(const struct replay *r, uint64_t sequence)
{
	if (r->size == 0 || sequence > r->top)
		return true;
	if (r->top - sequence >= r->size)
		return false;
	return !(r->words[sequence / WORD_BITS % REPLAY_WORDS] >> sequence % WORD_BITS & 1);
}

void replay_update(struct replay *r, uint64_t sequence)
{
	uint64_t word = sequence / WORD_BITS, top_word = r->top / WORD_BITS;

	assert(r->size <= REPLAY_WINDOW_MAX);
	if (sequence > r->top) {
		if (word - top_word >= REPLAY_WORDS)
			top_word = word - REPLAY_WORDS;
		while (top_word < word)
			r->words[++top_word % REPLAY_WORDS] = 0;
		r->top = sequence;
	}
	r->words[word % REPLAY_WORDS] |= 1ull << sequence % WORD_BITS;
}
