/* Settings, with strongSwan's names where they are shared. */
#include "conf/settings.h"

#include "conf/file.h"
#include "conf/parse.h"
#include "conf/schema.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define PATTERN "ternd"

static uint32_t number(const struct tree_node *s, const char *key)
{
	return (uint32_t)schema_get_number(s, PATTERN, key);
}

static double decimal(const struct tree_node *s, const char *key)
{
	double value = 0;

	if (schema_decimal(schema_get_text(s, PATTERN, key), &value) < 0)
		schema_decimal(schema_find(PATTERN, key)->value, &value);

	return value;
}

static void read_socket(const struct tree_node *s, struct settings *set, struct problems *problems)
{
	const struct tree_node *vici = tree_child(s, "vici"),
			       *plugin = tree_find(s, "plugins.vici");
	const char *text = tree_text(vici, "socket");
	const struct tree_node *n = tree_child(text ? vici : plugin, "socket");

	if (!text)
		text = tree_text(plugin, "socket");
	if (!text)
		text = schema_get_text(NULL, "ternd.vici", "socket");
	if (!strncmp(text, "unix://", 7))
		text += 7;
	if (text[0] != '/' || strlen(text) >= sizeof(set->vici_path))
		problem_error(problems, n ? n->where : (struct where){ "", 0 },
			"write unix:///run/tern/vici.sock",
			"'%.120s' is no path that a Unix socket can have", text);
	else
		snprintf(set->vici_path, sizeof(set->vici_path), "%s", text);
}

#define PATTERN_RESOLVE "ternd.plugins.resolve"

static void read_resolve(const struct tree_node *s, struct settings *set)
{
	const struct tree_node *resolve = tree_find(s, "plugins.resolve");
	const char *file = tree_text(resolve, "file");
	const char *program = tree_text(tree_child(resolve, "resolvconf"), "path");

	set->resolve = schema_get_bool(resolve, PATTERN_RESOLVE, "load");
	snprintf(set->resolve_file, sizeof(set->resolve_file), "%s", file ? file : "");
	snprintf(set->resolve_program, sizeof(set->resolve_program), "%s", program ? program : "");
}

static void read_all(const struct tree_node *s, struct settings *set)
{
	set->retransmit_tries = number(s, "retransmit_tries");
	set->retransmit_timeout_ms = (uint64_t)(decimal(s, "retransmit_timeout") * 1000);
	set->retransmit_base = decimal(s, "retransmit_base");
	set->retransmit_jitter_percent = number(s, "retransmit_jitter");
	set->retransmit_limit_ms = schema_get_number(s, PATTERN, "retransmit_limit") * 1000;
	set->retry_wait_s = schema_get_number(s, PATTERN, "retry_wait");
	set->retry_wait_max_s = schema_get_number(s, PATTERN, "retry_wait_max");
	set->retry_jitter_percent = number(s, "retry_jitter");
	set->delete_rekeyed_delay_s = schema_get_number(s, PATTERN, "delete_rekeyed_delay");
	set->half_open_timeout_s = schema_get_number(s, PATTERN, "half_open_timeout");
	set->cookie_threshold = number(s, "cookie_threshold");
	set->cookie_threshold_ip = number(s, "cookie_threshold_ip");
	set->block_threshold = number(s, "block_threshold");
	set->half_open_max = number(s, "init_limit_half_open");
	set->ikesa_limit = number(s, "ikesa_limit");
	set->fragment_size = number(s, "fragment_size");
	set->max_packet = number(s, "max_packet");
	set->port = (uint16_t)number(s, "port");
	set->port_nat_t = (uint16_t)number(s, "port_nat_t");
	set->follow_redirects = schema_get_bool(s, PATTERN, "follow_redirects");
	set->redirect_close_s = schema_get_number(s, PATTERN, "redirect_close");
	set->inactivity_close_ike = schema_get_bool(s, PATTERN, "inactivity_close_ike");
	set->keep_alive_s = schema_get_number(s, PATTERN, "keep_alive");
	set->install_routes = schema_get_bool(s, PATTERN, "install_routes");
	set->install_virtual_ip = schema_get_bool(s, PATTERN, "install_virtual_ip");
	set->routing_table = number(s, "routing_table");
	set->routing_table_ports = number(s, "routing_table_ports");
	set->routing_table_drop = number(s, "routing_table_drop");
	set->routing_table_prio = number(s, "routing_table_prio");
	set->send_vendor_id = schema_get_bool(s, PATTERN, "send_vendor_id");
	set->signature_authentication = schema_get_bool(s, PATTERN, "signature_authentication");
	set->multiple_authentication = schema_get_bool(s, PATTERN, "multiple_authentication");
	set->resumption = schema_get_bool(s, PATTERN, "resumption");
	set->rsa_pss = schema_get_bool(s, PATTERN, "rsa_pss");
	set->prefer_configured_proposals =
		schema_get_bool(s, PATTERN, "prefer_configured_proposals");
	set->return_routability = schema_get_bool(s, PATTERN, "return_routability");
	set->cisco_unity = schema_get_bool(s, PATTERN, "cisco_unity");
	set->nat_traversal = schema_get_bool(s, PATTERN, "nat_traversal");
	set->peer_addresses = number(s, "peer_addresses");
	set->quick_crash_detection = schema_get_bool(s, PATTERN, "quick_crash_detection");
	snprintf(set->state_dir, sizeof(set->state_dir), "%s",
		schema_get_text(s, PATTERN, "state_dir"));
	read_resolve(s, set);
	set->data_plane = schema_get_choice(s, PATTERN, "data_plane");
}

static void check_values(const struct tree_node *s, struct settings *set, struct problems *problems)
{
	const struct tree_node *n = tree_child(s, "retransmit_base");
	const char *text;

	if (set->retransmit_base < 1 || set->retransmit_base > 10) {
		problem_error(problems, n ? n->where : s->where, "write a number such as 1.8",
			"'retransmit_base' must be from 1 to 10");
		set->retransmit_base = 1.8;
	}
	n = tree_child(s, "retransmit_timeout");
	if (set->retransmit_timeout_ms < 10 || set->retransmit_timeout_ms > 600000) {
		problem_error(problems, n ? n->where : s->where, "write seconds such as 4.0",
			"'retransmit_timeout' must be from 0.01 to 600");
		set->retransmit_timeout_ms = 4000;
	}
	n = tree_child(s, "redirect_to");
	text = schema_get_text(s, PATTERN, "redirect_to");
	if (text && text[0] && !gateway_parse(text, &set->redirect_to))
		problem_error(problems, n ? n->where : s->where,
			"write the address or the name of another gateway",
			"'%.80s' is no address and no name of a host", text);
	n = tree_child(s, "fragment_size");
	if (set->fragment_size == 0)
		set->fragment_size = 1280;
	if (set->fragment_size < 576) {
		problem_error(problems, n ? n->where : s->where,
			"write 0 for 1280, or 576 and more", "'fragment_size' %u is too small",
			set->fragment_size);
		set->fragment_size = 576;
	}
}

void settings_default(struct settings *ret_settings)
{
	struct problems none = { 0 };
	struct settings set = { 0 };

	read_all(NULL, &set);
	read_socket(NULL, &set, &none);
	*ret_settings = set;
}

int settings_read(
	const struct tree_node *section, struct settings *ret_settings, struct problems *problems)
{
	size_t errors = problems->errors;
	struct settings set;

	settings_default(&set);
	if (section) {
		schema_check(section, PATTERN, problems);
		read_all(section, &set);
		check_values(section, &set, problems);
		read_socket(section, &set, problems);
	}
	*ret_settings = set;
	return problems->errors > errors ? -EINVAL : 0;
}

int settings_load(const char *path, struct settings *ret_settings, struct problems *problems)
{
	size_t errors = problems->errors;
	const struct tree_node *section;
	struct tree *t;

	settings_default(ret_settings);
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return -ENOENT;
	t = tree_new();
	if (!t)
		return -ENOMEM;

	parse_file(t, path, problems);
	tree_resolve(t, problems);
	section = tree_child(&t->root, "ternd");
	if (!section)
		section = tree_child(&t->root, "charon");
	if (section && section->kind == TREE_SECTION)
		settings_read(section, ret_settings, problems);
	tree_free(t);
	return problems->errors > errors ? -EINVAL : 0;
}
