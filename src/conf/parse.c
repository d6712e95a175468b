/* strongswan.conf(5): sections in braces, `key = value` to the end of the line, # comments, quoted
 *strings, includes.
 *
 *	statement := name [ ":" path { "," path } ] "{" { statement } "}"
 *	           | name "=" value newline
 *	           | "include" pattern newline
 *
 * The parser keeps its own stack of open sections, so that a file can't exhaust ours; only includes
 *recurse. */
#include "conf/parse.h"

#include "conf/file.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>

#define NAME_BYTES_MAX 256

/* A file being parsed, and the one that includes it. */
struct source {
	const struct source *above;
	const char *path; /* NULL: a text, which may not include */
	struct file_id id;
	unsigned depth;
};

struct parser {
	struct tree *tree;
	struct problems *problems;
	unsigned *includes; /* shared by all files of one parse_file() */
	const struct source *source;
	struct where where; /* the line being read */
	const char *at, *end;
	uint8_t *scratch; /* as large as the file: a value is never longer than the text that says
			     it */
	size_t open;      /* sections open within this file */
	struct tree_node *sections[TREE_DEPTH_MAX + 1]; /* [0]: the one that the file extends */
};

static int include_file(struct parser *p, const char *path);

static bool at_end(const struct parser *p)
{
	return p->at == p->end;
}

static void skip_line(struct parser *p)
{
	while (!at_end(p) && *p->at != '\n')
		p->at++;
}

/* Blanks and comments; with `lines` newlines as well. */
static void skip_blanks(struct parser *p, bool lines)
{
	while (!at_end(p)) {
		if (*p->at == '#') {
			skip_line(p);
		} else if (*p->at == ' ' || *p->at == '\t' || *p->at == '\r') {
			p->at++;
		} else if (*p->at == '\\' && p->end - p->at > 1 && p->at[1] == '\n') {
			p->at += 2;
			p->where.line++;
		} else if (lines && *p->at == '\n') {
			p->at++;
			p->where.line++;
		} else {
			return;
		}
	}
}

static bool name_octet(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && !strchr("{}:,=\"#", c);
}

/* A name or a path; false and a problem where there is none or it is too long. */
static bool read_name(struct parser *p, char out[static NAME_BYTES_MAX])
{
	const char *start = p->at;
	size_t size;

	while (!at_end(p) && name_octet(*p->at))
		p->at++;
	size = (size_t)(p->at - start);
	if (size == 0 || size >= NAME_BYTES_MAX) {
		if (size)
			problem_error(p->problems, p->where, "use a shorter one",
				"a name of %zu characters is too long (255 at most)", size);
		return false;
	}

	memcpy(out, start, size);
	out[size] = '\0';
	return true;
}

static void check_name(struct parser *p, const char *name)
{
	if (strchr(name, '.'))
		problem_error(p->problems, p->where,
			"write nested sections for a path, and a '-' for the '.' in a name",
			"the name '%s' contains a '.'", name);
}

/* The character that a backslash and c stand for within quotes. */
static char unescaped(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	default:
		return c;
	}
}

static void read_quoted(struct parser *p, struct writer *value)
{
	struct where start = p->where;

	p->at++;
	while (!at_end(p) && *p->at != '"') {
		char c = *p->at++;

		if (c == '\n')
			p->where.line++;
		if (c == '\\' && !at_end(p)) {
			c = *p->at++;
			if (c == '\r' && !at_end(p) && *p->at == '\n')
				c = *p->at++;
			if (c == '\n') {
				p->where.line++;
				continue;
			}
			c = unescaped(c);
		}
		write_u8(value, (uint8_t)c);
	}

	if (at_end(p))
		problem_error(p->problems, start,
			"close it with a '\"' (write \\\" for one within)",
			"a string that begins here has no end");
	else
		p->at++;
}

/* A value: words and quoted strings up to the end of the line, a comment or the section's brace.
 * Blanks around it are dropped, but not those within quotes. */
static void read_value(struct parser *p, struct writer *value)
{
	size_t keep = 0;

	skip_blanks(p, false);
	while (!at_end(p) && !strchr("\n#}", *p->at)) {
		if (*p->at == '"') {
			read_quoted(p, value);
			keep = value->used;
		} else if (*p->at == '\\' && p->end - p->at > 1 && p->at[1] == '\n') {
			p->at += 2;
			p->where.line++;
		} else {
			char c = *p->at++;

			write_u8(value, (uint8_t)c);
			if (c != ' ' && c != '\t' && c != '\r')
				keep = value->used;
		}
	}
	if (!at_end(p) && *p->at == '#')
		skip_line(p);
	value->used = keep;
}

static void parse_assignment(struct parser *p, const char *name)
{
	struct writer value = writer_of(p->scratch, (size_t)(p->end - p->at));
	struct where where = p->where;

	p->at++;
	read_value(p, &value);
	if (memchr(p->scratch, 0, value.used))
		problem_error(p->problems, where, "save the file as text",
			"the value of '%s' contains a zero octet", name);
	else
		tree_value(p->tree, p->sections[p->open], name, writer_bytes(&value), where);
}

/* ": defaults, connections.moon" before the brace. */
static void parse_references(struct parser *p, struct tree_node *section)
{
	char path[NAME_BYTES_MAX];

	do {
		p->at++;
		skip_blanks(p, true);
		if (!read_name(p, path)) {
			problem_error(p->problems, p->where,
				"name the sections to inherit from, with commas between",
				"no section is named after ':'");
			return;
		}
		tree_refer(p->tree, section, path, p->where);
		skip_blanks(p, true);
	} while (!at_end(p) && *p->at == ',');
}

static void parse_section(struct parser *p, const char *name, struct where where)
{
	struct tree_node *section;

	if (p->source->depth + p->open + 1 > TREE_DEPTH_MAX) {
		problem_error(p->problems, where, "nothing that tern reads is nested that deep",
			"section '%s' is nested too deeply", name);
		p->at = p->end;
		p->open = 0;
		return;
	}
	section = tree_section(p->tree, p->sections[p->open], name, where);
	if (!section) {
		p->at = p->end;
		return;
	}

	if (*p->at == ':')
		parse_references(p, section);
	if (at_end(p) || *p->at != '{') {
		problem_error(p->problems, p->where, "open the section with '{'",
			"expected '{' after the references of '%s'", name);
		skip_line(p);
		return;
	}
	p->at++;
	p->sections[++p->open] = section;
}

/* Relative patterns begin at the directory of the including file. No match is fine for a pattern,
 * as conf.d/ may be empty. */
static void include_pattern(struct parser *p, const char *pattern)
{
	char path[PATH_MAX];
	glob_t found;
	int error;

	if (file_beside(p->source->path, pattern, path, sizeof(path)) < 0) {
		problem_error(p->problems, p->where, NULL, "the path of an include is too long");
		return;
	}
	error = glob(path, GLOB_BRACE, NULL, &found);
	if (error == GLOB_NOMATCH) {
		if (!strpbrk(path, "*?[{"))
			problem_error(p->problems, p->where, "correct the path or remove the line",
				"the file '%s' to include doesn't exist", path);
		return;
	}
	if (error) {
		problem_error(p->problems, p->where, "check the directory's permissions",
			"cannot look for '%s'", path);
		return;
	}

	for (size_t i = 0; i < found.gl_pathc; i++)
		if (include_file(p, found.gl_pathv[i]) < 0)
			break;
	globfree(&found);
}

static void parse_include(struct parser *p)
{
	char pattern[PATH_MAX];
	struct writer w = writer_of(pattern, sizeof(pattern) - 1);

	p->tree->includes++;
	read_value(p, &w);
	pattern[w.used] = '\0';
	if (w.used == 0 || !writer_ok(&w) || strlen(pattern) != w.used)
		problem_error(p->problems, p->where, "write: include conf.d/*.conf",
			"include without a usable file name");
	else if (!p->source->path)
		problem_error(
			p->problems, p->where, "put it into a file", "include works in files only");
	else
		include_pattern(p, pattern);
}

static void parse_statement(struct parser *p)
{
	struct where where = p->where;
	char name[NAME_BYTES_MAX];

	if (!read_name(p, name)) {
		problem_error(p->problems, where, "write 'key = value' or 'section { … }'",
			"unexpected '%c'", at_end(p) || !*p->at ? '?' : *p->at);
		skip_line(p);
		return;
	}
	if (!strcmp(name, "include") && !at_end(p) && (*p->at == ' ' || *p->at == '\t')) {
		parse_include(p);
		return;
	}

	skip_blanks(p, false);
	if (!at_end(p) && *p->at == '\n') /* the brace may stand on the next line */
		skip_blanks(p, true);
	if (!at_end(p) && *p->at == '=' && p->where.line == where.line) {
		check_name(p, name);
		parse_assignment(p, name);
	} else if (!at_end(p) && (*p->at == '{' || *p->at == ':')) {
		check_name(p, name);
		parse_section(p, name, where);
	} else {
		problem_error(p->problems, where, "write 'key = value' or 'section { … }'",
			"'%s' is followed by neither '=' nor '{'", name);
	}
}

static void parse_all(struct parser *p)
{
	while (skip_blanks(p, true), !at_end(p) && !p->tree->failed) {
		if (*p->at != '}') {
			parse_statement(p);
		} else if (p->open > 0) {
			p->open--;
			p->at++;
		} else {
			problem_error(p->problems, p->where,
				"remove it, or look for a '}' too many above",
				"'}' closes nothing");
			p->at++;
		}
	}

	for (; p->open > 0; p->open--)
		problem_error(p->problems, p->sections[p->open]->where, "add a '}'",
			"section '%s' is not closed by the end of the file",
			p->sections[p->open]->name);
}

static void parse_source(
	struct parser *p, const struct source *source, const char *name, struct bytes text)
{
	p->source = source;
	p->where = (struct where){ tree_file(p->tree, name), 1 };
	p->at = (const char *)text.data;
	p->end = text.data ? p->at + text.size : p->at;
	if (text.size >= 3 && !memcmp(p->at, "\xef\xbb\xbf", 3)) /* a byte order mark */
		p->at += 3;
	p->scratch = malloc(text.size + 1);
	if (!p->scratch) {
		p->tree->failed = true;
		return;
	}
	parse_all(p);
	bytes_wipe(p->scratch, text.size + 1);
	free(p->scratch);
}

static void report_unreadable(
	struct problems *problems, struct where where, const char *path, int error)
{
	if (error == -EFBIG)
		problem_error(problems, where, "split it into several with include",
			"%s is larger than %u octets", path, PARSE_FILE_BYTES_MAX);
	else
		problem_error(problems, where,
			error == -EACCES ? "check its permissions" : "correct the path",
			"cannot read %s: %s", path, strerror(-error));
}

/* Negative where no further file should be tried. */
static int include_file(struct parser *p, const char *path)
{
	struct source source = {
		.above = p->source, .path = path, .depth = p->source->depth + (unsigned)p->open
	};
	struct parser inner = { .tree = p->tree, .problems = p->problems, .includes = p->includes };
	unsigned nesting = 0;
	struct bytes text;
	int error;

	if (++*p->includes > PARSE_INCLUDES_MAX) {
		problem_error(p->problems, p->where, "join some of them",
			"more than %d files are included", PARSE_INCLUDES_MAX);
		return -E2BIG;
	}
	error = file_read(path, PARSE_FILE_BYTES_MAX, &text, &source.id);
	if (error) {
		report_unreadable(p->problems, p->where, path, error);
		return 0;
	}

	for (const struct source *s = p->source; s; s = s->above, nesting++)
		if (s->id.inode == source.id.inode && s->id.device == source.id.device)
			error = -ELOOP;
	if (error || nesting > PARSE_INCLUDE_DEPTH_MAX) {
		problem_error(p->problems, p->where, "remove this include",
			error ? "%s includes itself" : "includes are nested too deeply at %s",
			path);
	} else {
		inner.sections[0] = p->sections[p->open];
		parse_source(&inner, &source, path, text);
	}
	file_forget(&text);
	return 0;
}

int parse_file(struct tree *t, const char *path, struct problems *problems)
{
	struct source source = { .path = path };
	unsigned includes = 0;
	struct parser p = {
		.tree = t, .problems = problems, .includes = &includes, .sections = { &t->root }
	};
	struct bytes text;
	int error = file_read(path, PARSE_FILE_BYTES_MAX, &text, &source.id);

	if (error) {
		report_unreadable(problems, (struct where){ path, 0 }, path, error);
		return error;
	}

	parse_source(&p, &source, path, text);
	file_forget(&text);
	return 0;
}

void parse_text(struct tree *t, const char *name, struct bytes text, struct problems *problems)
{
	struct source source = { 0 };
	unsigned includes = 0;
	struct parser p = {
		.tree = t, .problems = problems, .includes = &includes, .sections = { &t->root }
	};

	parse_source(&p, &source, name, text);
}
