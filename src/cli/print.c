/* Output for people. Identities and log lines hold what peers chose, so control octets (an escape sequence, a line
 * end) become '?', as the daemon's own log does it. */
#include "cli/print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

static bool coloured; /* decided once, by print_setup() */

static const char *const codes[] = {
	[PLAIN] = "",
	[BOLD] = "\033[1m",
	[FAINT] = "\033[2m",
	[RED] = "\033[31m",
	[GREEN] = "\033[32m",
	[YELLOW] = "\033[33m",
};

void print_setup(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	coloured = isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
		!(term && strcmp(term, "dumb") == 0);
}

/* C1 controls are octets 0x80-0x9f after 0xc2 in UTF-8: they count as control too. */
static bool is_control(const char *at, const char *start)
{
	uint8_t octet = (uint8_t)*at;

	if (octet < 0x20 || octet == 0x7f)
		return true;

	return octet >= 0x80 && octet < 0xa0 && at > start && (uint8_t)at[-1] == 0xc2;
}

void print_safe(FILE *to, const char *text)
{
	for (const char *at = text; *at; at++)
		putc(is_control(at, text) ? '?' : *at, to);
}

void print_paint(enum paint paint, const char *text)
{
	if (!text)
		return;

	if (coloured && paint != PLAIN)
		fputs(codes[paint], stdout);
	print_safe(stdout, text);
	if (coloured && paint != PLAIN)
		fputs("\033[0m", stdout);
}

void print_error(const char *format, ...)
{
	char line[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);

	fflush(stdout);
	fputs("tern: ", stderr);
	print_safe(stderr, line);
	putc('\n', stderr);
}

char *size_text(uint64_t octets, char *out, size_t out_size)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)octets;
	size_t unit = 0;

	for (; value >= 1000 && unit + 1 < sizeof(units) / sizeof(*units); unit++)
		value /= 1000;
	snprintf(out, out_size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);

	return out;
}
