#include "base/duration.h"

#include <inttypes.h>
#include <stdio.h>

char *duration_print(uint64_t s, char out[static DURATION_TEXT_MAX])
{
	const size_t size = DURATION_TEXT_MAX;

	if (s < 60)
		snprintf(out, size, "%" PRIu64 " s", s);
	else if (s < 3600)
		snprintf(out, size, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, size, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s % 3600 / 60);
	else
		snprintf(out, size, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s % 86400 / 3600);

	return out;
}
