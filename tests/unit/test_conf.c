/* The configuration's syntax: sections, values, comments, quotes, includes and references, and what is said about each
 * mistake. */
#include "conf/parse.h"
#include "conf/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct parsed {
	struct tree *tree;
	struct problems problems;
};

static struct parsed parsed_text(const char *text)
{
	struct parsed p = { .tree = tree_new() };

	assert_non_null(p.tree);
	parse_text(p.tree, "test.conf", bytes_of_text(text), &p.problems);
	tree_resolve(p.tree, &p.problems);
	return p;
}

static void parsed_free(struct parsed *p)
{
	tree_free(p->tree);
	problems_free(&p->problems);
}

static const char *said(const struct parsed *p, const char *path, const char *key)
{
	return tree_text(tree_find(&p->tree->root, path), key);
}

static void assert_said(const char *text, const char *path, const char *key, const char *expected)
{
	struct parsed p = parsed_text(text);
	const char *found = said(&p, path, key);

	problems_print(&p.problems, stderr);
	assert_int_equal(p.problems.errors, 0);
	if (!expected)
		assert_null(found);
	else if (!found)
		fail_msg("nothing is said by: %s", text);
	else
		assert_string_equal(found, expected);
	parsed_free(&p);
}

static void values_are_read_as_strongswan_reads_them(void **state)
{
	(void)state;
	assert_said("a = b", "", "a", "b");
	assert_said("a=b\n", "", "a", "b");
	assert_said("a =   b c  \t# comment\n", "", "a", "b c");
	assert_said("a { b { c = d } }", "a.b", "c", "d");
	assert_said("a\n{\n\tc = d\n}\n", "a", "c", "d");
	assert_said("# c = x\nc = d\r\n", "", "c", "d");
	assert_said("c = \"with # and } and = \"", "", "c", "with # and } and = ");
	assert_said("c = \"a \\\"b\\\" \\\\ \\t\"", "", "c", "a \"b\" \\ \t");
	assert_said("c = \"two \\\nlines\"", "", "c", "two lines");
	assert_said("c = one, \\\n two\n", "", "c", "one,  two");
	assert_said("c = C=CH, O=tern, CN=moon\n", "", "c", "C=CH, O=tern, CN=moon");
	assert_said("c = 1\nc = 2\n", "", "c", "2");
	assert_said("c = 1\nc =\n", "", "c", NULL);
	assert_said("s { a = 1 }\ns { b = 2 }", "s", "a", "1");
	assert_said("s { a = 1 }\ns { a = 2 }", "s", "a", "2");
	assert_said("\xef\xbb\xbf"
		    "a = b",
		"", "a", "b");
	assert_said("include_this = b", "", "include_this", "b");
}

static void sections_inherit_what_they_refer_to(void **state)
{
	(void)state;
	assert_said("d { x = 1 }\nc : d { }", "c", "x", "1");
	assert_said("c : d { x = 2 }\nd { x = 1 }", "c", "x", "2");
	assert_said("d { x = 1 }\nc : d { x = \n }", "c", "x", NULL);
	assert_said("d { x = 1 }\ne { x = 2\ny = 3 }\nc : d, e { }", "c", "x", "1");
	assert_said("d { x = 1 }\ne { x = 2\ny = 3 }\nc : d, e { }", "c", "y", "3");
	assert_said("d { s { x = 1\ny = 2 } }\nc : d { s { x = 3 } }", "c.s", "y", "2");
	assert_said("a { b : d { } }\nd { x = 1 }\nc : a.b { }", "c", "x", "1");
	assert_said("c : b { }\nb : a { }\na { x = 1 }", "c", "x", "1");
	assert_said("c : b.s { }\nb : a { }\na { s { x = 1 } }", "c", "x", "1");
	assert_said("k { a { x = 1 }\nb : k.a { y = 2 } }", "k.b", "x", "1");
}

/* The first problem that a text has, as it is printed. */
static void assert_problem(const char *text, const char *expected)
{
	struct parsed p = parsed_text(text);
	char line[1000] = "";

	if (p.problems.count)
		problem_print(&p.problems.list[0], line, sizeof(line));
	assert_string_equal(line, expected);
	parsed_free(&p);
}

static void mistakes_are_told_with_line_and_remedy(void **state)
{
	(void)state;
	assert_problem("a = b\n}\n",
		"test.conf:2: '}' closes nothing: remove it, or look for a '}' too many above");
	assert_problem("a {\n b = c\n",
		"test.conf:1: section 'a' is not closed by the end of the file: add a '}'");
	assert_problem("a\nb = c\n",
		"test.conf:1: 'a' is followed by neither '=' nor '{': write 'key = value' or 'section { … }'");
	assert_problem(
		"= c\n", "test.conf:1: unexpected '=': write 'key = value' or 'section { … }'");
	assert_problem("x = \"abc\n\n",
		"test.conf:1: a string that begins here has no end: close it with a '\"' (write \\\" for one within)");
	assert_problem("\nmoon.example { }",
		"test.conf:2: the name 'moon.example' contains a '.': write nested sections for a path, and a '-' for the '.' in a name");
	assert_problem("a : b { }",
		"test.conf:1: 'a' refers to 'b', which is not a section: write the full path from the top, such as connections.moon, and check its spelling");
	assert_problem("a : b { }\nb : a { }",
		"test.conf:2: 'b' refers to 'a', which contains or refers to it in turn: take what they share into a section of its own");
	assert_problem("a : { }",
		"test.conf:1: no section is named after ':': name the sections to inherit from, with commas between");
	assert_problem(
		"include x\n", "test.conf:1: include works in files only: put it into a file");
}

static void all_mistakes_are_told_not_just_the_first(void **state)
{
	struct parsed p = parsed_text("a\nb\nc = 1\nd : nothing { }\n}\n");

	(void)state;
	assert_int_equal(p.problems.errors, 4);
	assert_string_equal(said(&p, "", "c"), "1");
	parsed_free(&p);
}

static void depth_and_growth_are_bounded(void **state)
{
	char text[20000];
	struct parsed p;
	size_t used = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "a {");
	p = parsed_text(text);
	assert_true(p.problems.errors > 0);
	parsed_free(&p);

	/* Each level holds ten times what the one before does. */
	used = (size_t)snprintf(text, sizeof(text), "l0 { x = 1 }\n");
	for (int i = 1; i < 12; i++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "l%d { ", i);
		for (int j = 0; j < 10; j++)
			used += (size_t)snprintf(
				text + used, sizeof(text) - used, "s%d : l%d { } ", j, i - 1);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "}\n");
	}
	p = parsed_text(text);
	assert_true(p.problems.errors > 0);
	assert_true(p.tree->nodes <= TREE_NODES_MAX);
	parsed_free(&p);
}

static void file_write(const char *directory, const char *name, const char *text)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void includes_are_relative_and_cannot_loop(void **state)
{
	char directory[] = "/tmp/test_conf.XXXXXX", path[200], line[600];
	struct parsed p = { .tree = tree_new() };

	(void)state;
	assert_non_null(mkdtemp(directory));
	file_write(directory, "main.conf",
		"a { include part*.conf\n }\ninclude nothing*.conf\ninclude gone.conf\n");
	file_write(directory, "part1.conf", "x = 1\ns { y = 2 }\n");
	file_write(directory, "part2.conf", "x = 3\ninclude main.conf\n");
	snprintf(path, sizeof(path), "%s/main.conf", directory);
	assert_int_equal(parse_file(p.tree, path, &p.problems), 0);

	assert_string_equal(said(&p, "a", "x"), "3");
	assert_string_equal(said(&p, "a.s", "y"), "2");
	assert_int_equal(p.problems.errors, 2);
	problem_print(&p.problems.list[0], line, sizeof(line));
	assert_non_null(strstr(line, "part2.conf:2: "));
	assert_non_null(strstr(line, "includes itself"));
	problem_print(&p.problems.list[1], line, sizeof(line));
	assert_non_null(strstr(line, "main.conf:4: "));
	assert_non_null(strstr(line, "doesn't exist"));
	assert_int_equal(tree_find(&p.tree->root, "a.s")->where.line, 2);
	parsed_free(&p);
	snprintf(line, sizeof(line), "rm -r %s", directory);
	assert_int_equal(system(line), 0);
}

static void a_message_builds_the_same_tree(void **state)
{
	struct tree *t = tree_new();
	struct tree_node *moon, *list;
	struct tree_items items;
	struct bytes item;

	(void)state;
	moon = tree_section(t, &t->root, "moon", WHERE_VICI);
	tree_value(t, moon, "version", bytes_of_text("2"), WHERE_VICI);
	list = tree_list(t, moon, "remote_addrs", WHERE_VICI);
	tree_item(t, list, bytes_of_text("192.0.2.1"), WHERE_VICI);
	tree_item(t, list, BYTES("\0\1", 2), WHERE_VICI);
	assert_string_equal(tree_text(moon, "version"), "2");
	assert_null(tree_text(moon, "remote_addrs"));

	items = tree_items_of(tree_child(moon, "remote_addrs"));
	assert_true(tree_items_next(&items, &item));
	assert_true(bytes_equal(item, bytes_of_text("192.0.2.1")));
	assert_true(tree_items_next(&items, &item));
	assert_true(bytes_equal(item, BYTES("\0\1", 2)));
	assert_false(tree_items_next(&items, &item));
	assert_null(tree_section(t, NULL, "x", WHERE_VICI));
	tree_free(t);
}

static void numbers_times_and_sizes_have_units(void **state)
{
	uint64_t n;
	double d;
	bool b;

	(void)state;
	assert_true(!schema_time("90", &n) && n == 90);
	assert_true(!schema_time("4h", &n) && n == 14400);
	assert_true(!schema_time("1d", &n) && n == 86400);
	assert_true(!schema_time("2 m", &n) && n == 120);
	assert_true(schema_time("4x", &n) < 0);
	assert_true(schema_time("-1", &n) < 0);
	assert_true(schema_time("", &n) < 0);
	assert_true(schema_time("99999999999999999999", &n) < 0);
	assert_true(!schema_size("10k", &n) && n == 10240);
	assert_true(schema_size("99999999999999999g", &n) < 0);
	assert_true(!schema_number("0x10", &n) && n == 16);
	assert_true(!schema_decimal("1.8", &d) && d > 1.79 && d < 1.81);
	assert_true(schema_decimal("1.8.1", &d) < 0);
	assert_true(!schema_bool("YES", &b) && b);
	assert_true(!schema_bool("disabled", &b) && !b);
	assert_true(schema_bool("maybe", &b) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read_as_strongswan_reads_them),
		cmocka_unit_test(sections_inherit_what_they_refer_to),
		cmocka_unit_test(mistakes_are_told_with_line_and_remedy),
		cmocka_unit_test(all_mistakes_are_told_not_just_the_first),
		cmocka_unit_test(depth_and_growth_are_bounded),
		cmocka_unit_test(includes_are_relative_and_cannot_loop),
		cmocka_unit_test(a_message_builds_the_same_tree),
		cmocka_unit_test(numbers_times_and_sizes_have_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
