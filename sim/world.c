/* The world: its time, its randomness and its ladder. Time stands still while anything is due and
 * then leaps to what is due next: a packet, an answer, a timer of an engine. */
#include "sim/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* SplitMix64: all the randomness of a world. Not for keys that protect anything. */
static uint64_t split_mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void world_seeded_fill(void *context, uint8_t *out, size_t size)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(split_mix(context) >> 24);
}

/* All worlds of a process share OpenSSL's context, which takes long to make; its randomness comes
 * from the world that a host was last made in. */
static uint64_t nobodys_state, *crypto_state = &nobodys_state;

static void crypto_fill(void *context, uint8_t *out, size_t size)
{
	(void)context;
	world_seeded_fill(crypto_state, out, size);
}

/* What it keeps for all engines it is to have before one of them works: memory.h. */
static void crypto_warm(struct crypto *c)
{
	uint8_t out[64] = { 0 };

	for (uint16_t id = 1; id < 16; id++)
		if (prf_known(id))
			prf(c, id, BYTES(out, 16), NULL, 0, out);
}

struct crypto *world_crypto(struct world *w)
{
	static const struct random_source source = { crypto_fill, NULL };
	static struct crypto *crypto;

	crypto_state = &w->crypto_state;
	if (!crypto) {
		crypto = crypto_new(&source);
		crypto_warm(crypto);
	}
	return crypto;
}

uint64_t world_stream(const struct world *w, const char *name, const char *other)
{
	uint64_t state = w->seed ^ 0xcbf29ce484222325u; /* FNV-1a */

	for (const char *c = name; *c; c++)
		state = (state ^ (uint8_t)*c) * 0x100000001b3u;
	state = (state ^ '>') * 0x100000001b3u;
	for (const char *c = other; *c; c++)
		state = (state ^ (uint8_t)*c) * 0x100000001b3u;
	return state | 1;
}

uint64_t stream_random(uint64_t *state, uint64_t below)
{
	return split_mix(state) % below;
}

bool stream_chance(uint64_t *state, unsigned percent)
{
	return percent && stream_random(state, 100) < percent;
}

uint64_t world_random(struct world *w, uint64_t below)
{
	return stream_random(&w->random_state, below);
}

void ladder(struct world *w, const char *format, ...)
{
	char line[1300], **slot = &w->ladder[w->ladder_lines++ % LADDER_LINES_MAX];
	va_list args;
	int at = snprintf(line, sizeof(line), "%10.3f ", (double)w->now / (double)NS_PER_SECOND);

	va_start(args, format);
	vsnprintf(line + at, sizeof(line) - (size_t)at, format, args);
	va_end(args);
	free(*slot);
	*slot = strdup(line);
	if (w->ladder_count < LADDER_LINES_MAX)
		w->ladder_count++;
}

void world_print_ladder(const struct world *w)
{
	fprintf(stderr, "seed %llu\n", (unsigned long long)w->seed);
	for (size_t i = w->ladder_lines - w->ladder_count; i < w->ladder_lines; i++)
		fprintf(stderr, "%s\n", w->ladder[i % LADDER_LINES_MAX]);
}

void world_broken(struct world *w, const char *format, ...)
{
	va_list args;

	if (w->broken)
		return;
	va_start(args, format);
	vsnprintf(w->broken_text, sizeof(w->broken_text), format, args);
	va_end(args);
	w->broken = w->broken_text;
	ladder(w, "*** %s", w->broken_text);
}

void world_die(const char *what)
{
	fprintf(stderr, "the world can't be: %s\n", what);
	exit(1);
}

struct world *world_new(uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	w->seed = w->random_state = seed;
	w->crypto_state = seed * 1000003;
	w->now = NS_PER_SECOND;
	w->faults.delay_ns = 10 * NS_PER_MS;
	return w;
}

void world_free(struct world *w)
{
	network_free(w);
	attacker_free(w);
	for (size_t i = 0; i < w->host_count; i++)
		host_free(w->hosts[i]);
	for (size_t i = 0; i < w->ladder_count; i++)
		free(w->ladder[i]);
	free(w->flow);
	free(w->keys_used);
	if (crypto_state == &w->crypto_state)
		crypto_state = &nobodys_state;
	free(w);
}

/* Time. */

static ike_time world_due(const struct world *w, bool timers)
{
	ike_time due = w->packets ? w->packets->due : IKE_TIME_NEVER;

	for (size_t i = 0; i < w->host_count; i++) {
		ike_time each = host_due(w->hosts[i], timers);

		due = each < due ? each : due;
	}
	return due;
}

static void world_go(struct world *w, ike_time until, bool timers)
{
	for (;;) {
		bool busy = network_step(w);
		ike_time next;

		for (size_t i = 0; i < w->host_count; i++)
			busy = host_step(w->hosts[i]) || busy;
		if (busy)
			continue;
		next = world_due(w, true);
		if (!timers && world_due(w, false) == IKE_TIME_NEVER)
			return;
		if (next > until)
			return;
		if (next > w->now)
			w->now = next;
	}
}

void world_settle(struct world *w, uint64_t limit_ns)
{
	world_go(w, w->now + limit_ns, false);
}

void world_run(struct world *w, uint64_t duration_ns)
{
	ike_time until = w->now + duration_ns;

	world_go(w, until, true);
	w->now = until;
}
