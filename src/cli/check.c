/* tern check: the configuration's own reader, without a daemon. */
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/print.h"
#include "conf/creds.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

static void fill(void *context, uint8_t *out, size_t size)
{
	(void)context;
	while (size > 0) {
		ssize_t n = getrandom(out, size, 0);

		if (n < 0 && errno != EINTR)
			abort();
		if (n > 0) {
			out += n;
			size -= (size_t)n;
		}
	}
}

static void print_json_problem(const struct problem *p, bool first)
{
	printf("%s\n {\"kind\": \"%s\", \"file\": ", first ? "" : ",",
		p->kind == PROBLEM_ERROR ? "error" : "warning");
	json_string(stdout, bytes_of_text(p->where.file ? p->where.file : ""));
	printf(", \"line\": %u, \"text\": ", p->where.line);
	json_string(stdout, bytes_of_text(p->text));
	printf(", \"remedy\": ");
	json_string(stdout, bytes_of_text(p->remedy));
	putchar('}');
}

static void print_json(const struct problems *problems)
{
	putchar('[');
	for (size_t i = 0; i < problems->count; i++)
		print_json_problem(&problems->list[i], i == 0);
	printf("%s]\n", problems->count ? "\n" : "");
}

static void print_people(const char *path, const struct problems *problems)
{
	size_t errors = 0, warnings, unseen;
	char line[8192], counts[160];

	for (size_t i = 0; i < problems->count; i++) {
		bool error = problems->list[i].kind == PROBLEM_ERROR;

		problem_print(&problems->list[i], line, sizeof(line));
		print_paint(error ? RED : YELLOW, line);
		putchar('\n');
		errors += error;
	}
	/* What is said once counts once. */
	warnings = problems->count - errors;
	unseen = problems->errors + problems->warnings - problems->repeated - problems->count;
	if (unseen > 0)
		snprintf(counts, sizeof(counts), "%zu errors, %zu warnings, and %zu more", errors,
			warnings, unseen);
	else if (problems->count > 0)
		snprintf(counts, sizeof(counts), "%zu error%s, %zu warning%s", errors,
			errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
	else
		snprintf(counts, sizeof(counts), "good");
	print_paint(PLAIN, path);
	printf(": %s\n", counts);
}

int command_check(const struct options *o)
{
	const struct random_source random = { fill, NULL };
	struct problems problems = { 0 };
	struct crypto *crypto = crypto_new(&random);
	int code;

	if (!crypto) {
		print_error("libcrypto can't be used");
		return EXIT_FAILED;
	}
	code = conf_check(o->words[0], crypto, &problems) == 0 ? EXIT_GOOD : EXIT_FAILED;
	if (o->json)
		print_json(&problems);
	else
		print_people(o->words[0], &problems);
	problems_free(&problems);
	crypto_free(crypto);

	return code;
}
