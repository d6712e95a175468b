/* Everything the daemon counts beside IKE's messages, by name: what was lost, where and why. */
#pragma once

#include <stdint.h>

struct host;
struct counters;

typedef void counters_fn(void *to, const char *section, const char *name, uint64_t value);

/* Each counter since the start or the last reset, those of one section one after the other. Where memory
 * runs out none comes. */
void counters_read(struct host *h, counters_fn *each, void *to);
void counters_reset(struct host *h);
void counters_free(struct counters *c);
