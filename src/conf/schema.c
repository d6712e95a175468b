/* Checking a tree against the table. Sections are told apart by patterns such as
 * "connections.*.local*"; a step of a pattern is a name, a prefix with '*', or '*' alone. */
#include "conf/schema.h"

#include <errno.h>
#include <strings.h>

#define PATTERN_MAX 96
#define WORDS_MAX   200

/* A section to check: where it stands in the tree and in the table. Settings are lenient: a
 * strongswan.conf holds much that is not for us. */
struct check {
	const struct tree_node *node;
	const char *pattern;
	bool lenient;
	struct problems *problems;
};

static bool step_matches(const char *step, size_t size, const char *name)
{
	if (size && step[size - 1] == '*')
		return !strncmp(step, name, size - 1);

	return strlen(name) == size && !strncmp(step, name, size);
}

const struct schema_key *schema_find(const char *section, const char *key)
{
	for (size_t i = 0; i < conf_schema_count; i++)
		if (!strcmp(conf_schema[i].section, section) &&
			step_matches(conf_schema[i].key, strlen(conf_schema[i].key), key))
			return &conf_schema[i];

	return NULL;
}

/* The step after `pattern` in an entry's section; NULL where the entry lies elsewhere. */
static const char *next_step(const struct schema_key *entry, const char *pattern)
{
	size_t size = strlen(pattern);

	if (size == 0)
		return entry->section;
	if (strncmp(entry->section, pattern, size) || entry->section[size] != '.')
		return NULL;

	return entry->section + size + 1;
}

static bool section_find(
	const char *pattern, const char *name, char ret_pattern[static PATTERN_MAX])
{
	for (size_t i = 0; i < conf_schema_count; i++) {
		const char *step = next_step(&conf_schema[i], pattern);

		if (step && step_matches(step, strcspn(step, "."), name)) {
			size_t size = (size_t)(step - conf_schema[i].section) + strcspn(step, ".");

			snprintf(ret_pattern, PATTERN_MAX, "%.*s", (int)size,
				conf_schema[i].section);
			return true;
		}
	}

	return false;
}

/* "did you mean 'esp_proposals'?": the nearest key, or the nearest section where one was written.
 */
static const char *suggest(
	const char *pattern, const struct tree_node *n, char *out, size_t out_size)
{
	static const char *const fixed[] = { "local", "remote", "children", "connections",
		"secrets", "pools", "authorities" };
	const char *words[WORDS_MAX + 1] = { NULL }, *word;
	char scratch[PATTERN_MAX];
	size_t count = 0;

	for (size_t i = 0; i < conf_schema_count && count < WORDS_MAX; i++)
		if (n->kind != TREE_SECTION && !strcmp(conf_schema[i].section, pattern) &&
			!strchr(conf_schema[i].key, '*'))
			words[count++] = conf_schema[i].key;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]) && count < WORDS_MAX; i++)
		if (section_find(pattern, fixed[i], scratch))
			words[count++] = fixed[i];

	word = nearest_word(n->name, words);
	if (word)
		snprintf(out, out_size, "did you mean '%s'?", word);
	else
		snprintf(out, out_size, "remove it, or see tern.conf(5) for what may stand here");
	return out;
}

static void report_type(const struct check *c, const struct schema_key *key,
	const struct tree_node *n, const char *text)
{
	static const char *const expected[] = {
		[SCHEMA_BOOL] = "write yes or no",
		[SCHEMA_NUMBER] = "write a number",
		[SCHEMA_DECIMAL] = "write a number such as 1.8",
		[SCHEMA_TIME] = "write seconds, or a number with s, m, h or d",
		[SCHEMA_SIZE] = "write octets, or a number with k, m or g",
	};

	problem_error(c->problems, n->where, expected[key->type], "'%s' of key '%s' is not a %s",
		text, n->name,
		key->type == SCHEMA_BOOL           ? "yes or no"
			: key->type == SCHEMA_TIME ? "time"
			: key->type == SCHEMA_SIZE ? "size"
						   : "number");
}

static void check_range(const struct check *c, const struct schema_key *key,
	const struct tree_node *n, uint64_t value)
{
	char remedy[80];

	if (value >= key->min && (!key->max || value <= key->max))
		return;

	snprintf(remedy, sizeof(remedy), "write one from %llu to %llu",
		(unsigned long long)key->min, (unsigned long long)key->max);
	problem_error(c->problems, n->where, remedy, "%llu is out of range for '%s'",
		(unsigned long long)value, n->name);
}

static void check_choice(const struct check *c, const struct schema_key *key,
	const struct tree_node *n, const char *text)
{
	char words[128], *rest = words;
	unsigned index;

	if (!schema_choice(key->choices, text, &index))
		return;

	snprintf(words, sizeof(words), "write one of: ");
	rest += strlen(rest);
	for (const char *at = key->choices; *at && rest < words + sizeof(words) - 3; at++) {
		if (*at == '|')
			*rest++ = ',';
		*rest++ = (char)(*at == '|' ? ' ' : *at == '+' ? '|' : *at);
	}
	*rest = '\0';
	problem_error(c->problems, n->where, words, "'%s' is no value of '%s' that tern knows",
		text, n->name);
}

static void check_value(const struct check *c, const struct schema_key *key,
	const struct tree_node *n, const char *text)
{
	uint64_t number;
	double decimal;
	bool truth;

	switch (key->type) {
	case SCHEMA_BOOL:
		if (schema_bool(text, &truth) < 0)
			report_type(c, key, n, text);
		break;
	case SCHEMA_NUMBER:
	case SCHEMA_TIME:
	case SCHEMA_SIZE:
		if ((key->type == SCHEMA_NUMBER                ? schema_number(text, &number)
				    : key->type == SCHEMA_TIME ? schema_time(text, &number)
							       : schema_size(text, &number)) < 0)
			report_type(c, key, n, text);
		else
			check_range(c, key, n, number);
		break;
	case SCHEMA_DECIMAL:
		if (schema_decimal(text, &decimal) < 0)
			report_type(c, key, n, text);
		break;
	case SCHEMA_CHOICE:
		check_choice(c, key, n, text);
		break;
	default:
		break;
	}
}

static bool says_default(const struct schema_key *key, const char *text)
{
	bool said, meant;

	if (key->type == SCHEMA_BOOL)
		return !schema_bool(text, &said) && !schema_bool(key->value, &meant) &&
			said == meant;

	return !strcmp(text, key->value);
}

static void check_status(const struct check *c, const struct schema_key *key,
	const struct tree_node *n, const char *text)
{
	if (says_default(key, text))
		return;
	if (key->status == SCHEMA_IGNORED)
		problem_warning(c->problems, n->where, key->help,
			"'%s' is not supported yet, ignored", n->name);
	else if (key->status == SCHEMA_REFUSED)
		problem_error(c->problems, n->where, "remove it if the connection may do without",
			"'%s' is not supported yet, and ignoring it would change what you asked for (%s)",
			n->name, key->help);
}

static void check_key(const struct check *c, const struct tree_node *n)
{
	const struct schema_key *key = schema_find(c->pattern, n->name);
	char remedy[120], scratch[PATTERN_MAX];
	const char *text = tree_text(c->node, n->name);

	if (!key && section_find(c->pattern, n->name, scratch)) {
		snprintf(remedy, sizeof(remedy), "write %.60s { … }", n->name);
		problem_error(
			c->problems, n->where, remedy, "'%s' is a section, not a value", n->name);
	} else if (!key && c->lenient) {
		problem_warning(c->problems, n->where,
			suggest(c->pattern, n, remedy, sizeof(remedy)),
			"unknown setting '%s', ignored", n->name);
	} else if (!key) {
		problem_error(c->problems, n->where, suggest(c->pattern, n, remedy, sizeof(remedy)),
			"unknown key '%s'", n->name);
	} else if (tree_said(n)) {
		bool single = key->type != SCHEMA_LIST && key->type != SCHEMA_FILES;

		if (single && !text)
			problem_error(c->problems, n->where, "write one value",
				"'%s' takes one text", n->name);
		check_status(c, key, n, text ? text : "?");
		if (text)
			check_value(c, key, n, text);
	}
}

static void check_section(const struct check *c);

static void check_subsection(const struct check *c, const struct tree_node *n)
{
	char pattern[PATTERN_MAX], remedy[120];

	if (section_find(c->pattern, n->name, pattern)) {
		check_section(&(struct check){ n, pattern, c->lenient, c->problems });
		return;
	}
	if (c->lenient || (!c->pattern[0] && n->referenced))
		return; /* what others inherit from is checked with them */

	suggest(c->pattern, n, remedy, sizeof(remedy));
	if (schema_find(c->pattern, n->name))
		problem_error(c->problems, n->where, "write it as key = value",
			"'%s' is not a section", n->name);
	else if (!c->pattern[0])
		problem_warning(
			c->problems, n->where, remedy, "section '%s' is used by nothing", n->name);
	else
		problem_error(c->problems, n->where, remedy, "unknown section '%s'", n->name);
}

static void check_section(const struct check *c)
{
	for (const struct tree_node *n = c->node->first; n; n = n->next)
		if (n->kind == TREE_SECTION)
			check_subsection(c, n);
		else
			check_key(c, n);
}

size_t schema_check(const struct tree_node *node, const char *section, struct problems *problems)
{
	struct check c = { node, section, !strcmp(section, "ternd"), problems };
	size_t before = problems->errors;

	if (node)
		check_section(&c);

	return problems->errors - before;
}
