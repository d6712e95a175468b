/* Children: selectors, proposals, lifetimes, modes. */
#include "conf/internal.h"

#include <stdio.h>
#include <strings.h>

static size_t load_selectors(struct loader *l, const struct tree_node *section, const char *key,
	const struct conf_selector **ret_list)
{
	const struct tree_node *node = tree_child(section, key);
	struct where where = loader_where_of(l, section, key);
	struct tree_items items = tree_items_of(node);
	struct bytes item = bytes_of_text("dynamic");
	size_t asked = items_count(node), count = 0;
	struct conf_selector *list = loader_take(l, (asked ? asked : 1) * sizeof(*list));

	if (asked > SELECTORS_MAX) {
		problem_error(l->problems, where, "make several children of it",
			"'%s' has more than %d selectors", key, SELECTORS_MAX);
		return 0;
	}

	for (bool more = asked == 0 || tree_items_next(&items, &item); list && more;
		more = asked && tree_items_next(&items, &item)) {
		struct conf_selector s = { .text = loader_text(l, item), .where = where };
		char words[200];

		if (conf_selector_parse(s.text, &s, words, sizeof(words)) < 0)
			problem_error(l->problems, where, NULL, "%s: %s", key, words);
		else
			list[count++] = s;
	}

	*ret_list = list;
	return count;
}

/* rekey, life, rand of one measure. */
struct limit {
	uint64_t rekey, life, rand;
};

/* Unsaid, life is 10 % more than rekey, and by `margin` more at least; rand is the difference to a life
 * that is said, otherwise 10 %. */
static struct limit load_limit(
	struct loader *l, const struct tree_node *section, const char *unit, uint64_t margin)
{
	char rekey[24], life[24], rand[24];
	struct limit limit;
	bool said;

	snprintf(rekey, sizeof(rekey), "rekey_%s", unit);
	snprintf(life, sizeof(life), "life_%s", unit);
	snprintf(rand, sizeof(rand), "rand_%s", unit);

	limit.rekey = schema_get_number(section, PATTERN_CHILD, rekey);
	said = tree_text(section, life);
	limit.life = said ? schema_get_number(section, PATTERN_CHILD, life)
			  : loader_life(limit.rekey, margin);
	limit.rand = tree_text(section, rand) ? schema_get_number(section, PATTERN_CHILD, rand)
		: !said                       ? limit.rekey / 10
		: limit.life > limit.rekey    ? limit.life - limit.rekey
					      : 0;
	if (limit.life && limit.rekey && limit.life < limit.rekey)
		problem_warning(l->problems, loader_where_of(l, section, life),
			"make it longer than the other",
			"'%s' is less than '%s': the child ends before it is rekeyed", life, rekey);
	if (limit.rekey == 0)
		limit.rand = 0;
	else if (limit.rand > limit.rekey)
		limit.rand = limit.rekey;

	return limit;
}

static void load_limits(struct loader *l, const struct tree_node *section, struct child_config *c)
{
	struct limit time = load_limit(l, section, "time", LIFE_MARGIN_S);
	struct limit bytes = load_limit(l, section, "bytes", 0);
	struct limit packets = load_limit(l, section, "packets", 0);

	c->rekey_time_s = time.rekey;
	c->life_time_s = time.life;
	c->rand_time_s = time.rand;
	c->rekey_bytes = bytes.rekey;
	c->life_bytes = bytes.life;
	c->rand_bytes = bytes.rand;
	c->rekey_packets = packets.rekey;
	c->life_packets = packets.life;
	c->rand_packets = packets.rand;
}

/* In the order of the table's choices: none, clear, trap, hold, start, restart, trap|start. */
static uint8_t load_action(const struct tree_node *section, const char *key)
{
	static const uint8_t actions[] = { CHILD_ACTION_NONE, CHILD_ACTION_NONE, CHILD_ACTION_TRAP,
		CHILD_ACTION_TRAP, CHILD_ACTION_START, CHILD_ACTION_START,
		CHILD_ACTION_TRAP_START };

	return actions[schema_get_choice(section, PATTERN_CHILD, key)];
}

/* What should be up comes back, unless it is said otherwise. */
static uint8_t load_follow_up(
	const struct tree_node *section, const char *key, const struct child_config *c)
{
	return tree_text(section, key) ? load_action(section, key)
				       : c->start_action & CHILD_ACTION_START;
}

static uint32_t load_tfc(struct loader *l, const struct tree_node *section)
{
	const char *text = schema_get_text(section, PATTERN_CHILD, "tfc_padding");
	uint64_t octets = 0;

	if (text && !strcasecmp(text, "mtu"))
		return UINT32_MAX;
	if (text && (schema_number(text, &octets) < 0 || octets > 65535))
		problem_error(l->problems, loader_where_of(l, section, "tfc_padding"),
			"write a number up to 65535, or mtu",
			"'%.40s' is no value of 'tfc_padding'", text);

	return (uint32_t)octets;
}

static void load_modes(struct loader *l, const struct tree_node *section, struct child_config *c)
{
	static const enum copy_dscp dscp[] = { COPY_DSCP_OUT, COPY_DSCP_IN, COPY_DSCP_BOTH,
		COPY_DSCP_NONE };
	const char *updown = schema_get_text(section, PATTERN_CHILD, "updown");

	c->mode = (enum child_mode)schema_get_choice(section, PATTERN_CHILD, "mode");
	c->start_action = load_action(section, "start_action");
	if (mode_is_shunt(c->mode) && c->start_action & CHILD_ACTION_START)
		problem_error(l->problems, loader_where_of(l, section, "start_action"),
			"write start_action = trap: then it is there once the connection is loaded",
			"mode = %s has no peer to start anything with", tree_text(section, "mode"));
	c->dpd_action = load_follow_up(section, "dpd_action", c);
	c->close_action = load_follow_up(section, "close_action", c);
	c->inactivity_s = schema_get_number(section, PATTERN_CHILD, "inactivity");
	c->updown = updown ? loader_text(l, bytes_of_text(updown)) : NULL;
	c->reqid = (uint32_t)schema_get_number(section, PATTERN_CHILD, "reqid");
	c->priority = (uint32_t)schema_get_number(section, PATTERN_CHILD, "priority");
	c->replay_window = (uint32_t)schema_get_number(section, PATTERN_CHILD, "replay_window");
	c->tfc_padding = load_tfc(l, section);
	c->copy_df = schema_get_bool(section, PATTERN_CHILD, "copy_df") ? COPY_DF_YES : COPY_DF_NO;
	c->copy_ecn = schema_get_bool(section, PATTERN_CHILD, "copy_ecn");
	c->copy_dscp = dscp[schema_get_choice(section, PATTERN_CHILD, "copy_dscp")];
	c->install_policies = schema_get_bool(section, PATTERN_CHILD, "policies");
	c->forward_out = schema_get_bool(section, PATTERN_CHILD, "policies_fwd_out");
	if (c->replay_window && c->replay_window < 32)
		c->replay_window = 32;
}

void load_child(struct loader *l, const struct tree_node *section, struct child_config *ret_child)
{
	struct child_config c = { .name = loader_text(l, bytes_of_text(section->name)) };

	c.where = loader_where(l, section->where);
	load_proposals(l, section, "esp_proposals", PROTOCOL_ESP, &c.esp_proposals);
	c.where_proposals = loader_where_of(l, section, "esp_proposals");
	c.local_ts_count = load_selectors(l, section, "local_ts", &c.local_ts);
	c.remote_ts_count = load_selectors(l, section, "remote_ts", &c.remote_ts);
	c.where_local_ts = loader_where_of(l, section, "local_ts");
	c.where_remote_ts = loader_where_of(l, section, "remote_ts");
	load_limits(l, section, &c);
	load_modes(l, section, &c);
	load_marks(l, section, &c);
	load_offload(l, section, &c);
	*ret_child = c;
}
