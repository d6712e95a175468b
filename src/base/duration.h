/* Times as people read them. */
#pragma once

#include <stdint.h>

#define DURATION_TEXT_MAX 48

/* "42 s", "3 min 20 s", "5 h 7 min", "2 d 3 h". Returns `out`. */
char *duration_print(uint64_t seconds, char out[static DURATION_TEXT_MAX]);
