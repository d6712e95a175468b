/* Problems: collected, copied, printed. */
#include "conf/problems.h"

#include <stdarg.h>
#include <stdlib.h>

#define FILE_NAME_MAX 256

/* One block holds the problem's three texts: the file, what is wrong, the remedy. */
static bool problem_keep(struct problems *p, const struct problem *problem)
{
	size_t file = strlen(problem->where.file) + 1, text = strlen(problem->text) + 1;
	size_t remedy = strlen(problem->remedy) + 1;
	size_t room = p->room ? 2 * p->room : 16;
	struct problem *list;
	char *block;

	if (p->count == p->room) {
		list = realloc(p->list, room * sizeof(*list));
		if (!list)
			return false;
		p->list = list;
		p->room = room;
	}

	block = malloc(file + text + remedy);
	if (!block)
		return false;
	memcpy(block, problem->where.file, file);
	memcpy(block + file, problem->text, text);
	memcpy(block + file + text, problem->remedy, remedy);
	p->list[p->count++] = (struct problem){
		.kind = problem->kind,
		.where = { block, problem->where.line },
		.text = block + file,
		.remedy = block + file + text,
	};
	return true;
}

static bool problem_is_known(const struct problems *p, const struct problem *problem)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].where.line == problem->where.line &&
			p->list[i].kind == problem->kind &&
			!strcmp(p->list[i].text, problem->text) &&
			!strcmp(p->list[i].where.file, problem->where.file))
			return true;

	return false;
}

static void problem_add(
	struct problems *p, const struct problem *like, const char *format, va_list arguments)
{
	char text[PROBLEM_TEXT_MAX];
	struct problem problem = *like;

	if (problem.kind == PROBLEM_ERROR)
		p->errors++;
	else
		p->warnings++;
	if (p->count >= PROBLEMS_MAX)
		return;

	vsnprintf(text, sizeof(text), format, arguments);
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	problem.text = text;
	if (!problem.remedy)
		problem.remedy = "";
	if (!problem.where.file)
		problem.where.file = "";
	if (problem_is_known(p, &problem))
		p->repeated++;
	else
		problem_keep(p, &problem);
}

void problem_error(
	struct problems *p, struct where where, const char *remedy, const char *format, ...)
{
	struct problem like = { .kind = PROBLEM_ERROR, .where = where, .remedy = remedy };
	va_list arguments;

	va_start(arguments, format);
	problem_add(p, &like, format, arguments);
	va_end(arguments);
}

void problem_warning(
	struct problems *p, struct where where, const char *remedy, const char *format, ...)
{
	struct problem like = { .kind = PROBLEM_WARNING, .where = where, .remedy = remedy };
	va_list arguments;

	va_start(arguments, format);
	problem_add(p, &like, format, arguments);
	va_end(arguments);
}

char *where_print(struct where where, char *out, size_t out_size)
{
	if (!where.file || !where.file[0])
		snprintf(out, out_size, "(default)");
	else if (where.line)
		snprintf(out, out_size, "%s:%u", where.file, where.line);
	else
		snprintf(out, out_size, "%s", where.file);

	return out;
}

char *problem_print(const struct problem *problem, char *out, size_t out_size)
{
	char place[FILE_NAME_MAX + 16] = "";

	if (problem->where.file[0])
		where_print(problem->where, place, sizeof(place));
	snprintf(out, out_size, "%s%s%s%s%s%s", place, place[0] ? ": " : "",
		problem->kind == PROBLEM_WARNING ? "warning: " : "", problem->text,
		problem->remedy[0] ? ": " : "", problem->remedy);
	return out;
}

void problems_print(const struct problems *p, FILE *to)
{
	char line[2 * PROBLEM_TEXT_MAX];

	for (size_t i = 0; i < p->count; i++)
		fprintf(to, "%s\n", problem_print(&p->list[i], line, sizeof(line)));
	if (p->errors + p->warnings > p->count + p->repeated)
		fprintf(to, "… and %zu more\n", p->errors + p->warnings - p->count - p->repeated);
}

char *problems_first_error(const struct problems *p, char *out, size_t out_size)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].kind == PROBLEM_ERROR)
			return problem_print(&p->list[i], out, out_size);

	snprintf(out, out_size, "%s", p->errors ? "too many problems" : "");
	return out;
}

void problems_free(struct problems *p)
{
	for (size_t i = 0; i < p->count; i++)
		free((void *)(uintptr_t)p->list[i].where.file);
	free(p->list);
	*p = (struct problems){ 0 };
}

/* Levenshtein's distance with a swap counting as one edit; words beyond the bound are far from
 * everything. */
#define WORD_MAX 40

static size_t word_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX + 1], an = strlen(a), bn = strlen(b);
	size_t *before = rows[0], *last = rows[1], *now = rows[2], *spare;

	if (an > WORD_MAX || bn > WORD_MAX)
		return SIZE_MAX;

	for (size_t j = 0; j <= bn; j++)
		last[j] = before[j] = j;
	for (size_t i = 1; i <= an; i++) {
		now[0] = i;
		for (size_t j = 1; j <= bn; j++) {
			size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}

	return last[bn];
}

const char *nearest_word(const char *text, const char *const *words)
{
	size_t best = strlen(text) / 3 + 1;
	const char *found = NULL;

	for (; *words; words++) {
		size_t distance = word_distance(text, *words);

		/* The beginning of a word, too. */
		if (strlen(text) > 3 && !strncmp(*words, text, strlen(text)) && distance > best)
			distance = best;
		if (distance <= best && (!found || distance < best)) {
			best = distance;
			found = *words;
		}
	}

	return found;
}
