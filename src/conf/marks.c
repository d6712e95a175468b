/* What only the kernel has: marks and interfaces' IDs, as swanctl.conf writes them ("42", "0x2a/0xff",
 * "%unique", "%unique-dir/0xff", "%same"), and offload to hardware. Where ESP is user space's they are
 * refused: a tunnel that takes packets of any mark isn't what was asked for. */
#include "conf/internal.h"

#include <stdio.h>

static int kind_parse(const char *text, size_t size, struct conf_mark *mark)
{
	static const char *const words[] = { [CONF_MARK_UNIQUE] = "%unique",
		[CONF_MARK_UNIQUE_DIR] = "%unique-dir",
		[CONF_MARK_SAME] = "%same" };
	char number[16];
	uint64_t value;

	for (size_t i = CONF_MARK_UNIQUE; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == size && !strncmp(text, words[i], size)) {
			mark->kind = i;
			return 0;
		}
	snprintf(number, sizeof(number), "%.*s", (int)size, text);
	if (size >= sizeof(number) || schema_number(number, &value) < 0 || value > UINT32_MAX)
		return -1;
	mark->value = (uint32_t)value;
	return 0;
}

/* What isn't under the mask couldn't ever fit. */
static int mark_parse(const char *text, struct conf_mark *ret_mark)
{
	struct conf_mark mark = { .mask = UINT32_MAX };
	size_t size = strcspn(text, "/");
	uint64_t mask = UINT32_MAX;

	if (kind_parse(text, size, &mark) < 0 ||
		(text[size] && (schema_number(text + size + 1, &mask) < 0 || mask > UINT32_MAX)))
		return -1;
	mark.mask = (uint32_t)mask;
	mark.value &= mark.mask;
	*ret_mark = mark;
	return 0;
}

static bool is_said(const struct conf_mark *m)
{
	return m->kind != CONF_MARK_FIXED || m->value || m->mask;
}

/* `what` is what the kernel would be needed for. */
static void refuse_in_user_space(
	struct loader *l, const struct tree_node *section, const char *key, const char *what)
{
	if (l->sources->user_space)
		problem_error(l->problems, loader_where_of(l, section, key),
			"remove it, or set data_plane = kernel in ternd.conf",
			"'%s' needs the kernel's data plane, and ternd runs with user space's, which has no %s",
			key, what);
}

static struct conf_mark load_mark(
	struct loader *l, const struct tree_node *section, const char *key, bool set)
{
	const char *text = schema_get_text(section, PATTERN_CHILD, key);
	struct conf_mark mark = { 0 };

	if (mark_parse(text, &mark) < 0 ||
		(set ? mark.kind == CONF_MARK_UNIQUE || mark.kind == CONF_MARK_UNIQUE_DIR
		     : mark.kind == CONF_MARK_SAME)) {
		problem_error(l->problems, loader_where_of(l, section, key),
			set ? "write a number, or %same, with /MASK where not all bits are meant"
			    : "write a number, %unique or %unique-dir, with /MASK where not all bits are meant",
			"'%.40s' is no value of '%s'", text, key);
		return (struct conf_mark){ 0 };
	}
	if (is_said(&mark))
		refuse_in_user_space(l, section, key, "marks");
	return mark;
}

static struct conf_mark load_if_id(
	struct loader *l, const struct tree_node *section, const char *pattern, const char *key)
{
	const char *text = schema_get_text(section, pattern, key);
	struct conf_mark id = { 0 };

	if (kind_parse(text, strlen(text), &id) < 0 || id.kind == CONF_MARK_SAME) {
		problem_error(l->problems, loader_where_of(l, section, key),
			"write a number up to 4294967295, %unique or %unique-dir",
			"'%.40s' is no value of '%s'", text, key);
		return (struct conf_mark){ 0 };
	}
	if (is_said(&id))
		refuse_in_user_space(l, section, key, "XFRM interfaces");
	return id;
}

void load_if_ids(struct loader *l, const struct tree_node *section, const char *pattern,
	struct conf_mark *ret_in, struct conf_mark *ret_out)
{
	*ret_in = load_if_id(l, section, pattern, "if_id_in");
	*ret_out = load_if_id(l, section, pattern, "if_id_out");
}

void load_offload(struct loader *l, const struct tree_node *section, struct child_config *c)
{
	static const enum child_offload offload[] = { OFFLOAD_NO, OFFLOAD_YES, OFFLOAD_AUTO,
		OFFLOAD_YES };

	c->offload = offload[schema_get_choice(section, PATTERN_CHILD, "hw_offload")];
	if (c->offload == OFFLOAD_YES)
		refuse_in_user_space(l, section, "hw_offload", "hardware to offload to");
}

void load_marks(struct loader *l, const struct tree_node *section, struct child_config *c)
{
	c->marks.in = load_mark(l, section, "mark_in", false);
	c->marks.out = load_mark(l, section, "mark_out", false);
	c->marks.set_in = load_mark(l, section, "set_mark_in", true);
	c->marks.set_out = load_mark(l, section, "set_mark_out", true);
	c->marks.in_sa = schema_get_bool(section, PATTERN_CHILD, "mark_in_sa");
	load_if_ids(l, section, PATTERN_CHILD, &c->marks.if_id_in, &c->marks.if_id_out);
}
