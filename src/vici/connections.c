/* Connections over VICI: load, unload, list. */
#include "vici/internal.h"

#include <errno.h>
#include <stdio.h>

#include "conf/load.h"
#include "crypto/pki.h"

static void take_connection(struct vici *v, const struct connection *c)
{
	const struct ike_command load = { .kind = IKE_COMMAND_LOAD, .connection = c };

	v->host.command(v->host.context, &load);
}

static void command_load_conn(struct vici_session *s, const struct tree_node *request)
{
	struct vici *v = s->vici;
	const struct conf_sources sources = { .crypto = v->host.crypto,
		.user_space = v->host.user_space };
	const struct tree_node *section = request->first;
	struct problems problems = { 0 };
	char text[VICI_ERROR_MAX] = "";
	struct connection *c;
	int r;

	if (!section || section->next || section->kind != TREE_SECTION || !*section->name) {
		vici_reply_fail(s, "load-conn takes one section, named like the connection");
		return;
	}
	r = conf_load_connection(section, &sources, &problems, &c);
	if (r) {
		problems_first_error(&problems, text, sizeof(text));
		vici_reply_fail(s, "%s", *text ? text : "out of memory");
	} else {
		take_connection(v, c);
		connection_release(c);
		vici_reply_ok(s);
	}
	problems_free(&problems);
}

static const struct connection *connection_find(struct vici *v, const char *name)
{
	const struct connection *c;
	size_t position = 0;

	while ((c = ike_next_connection(v->host.engine, &position))) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

static void command_unload_conn(struct vici_session *s, const struct tree_node *request)
{
	struct vici *v = s->vici;
	const char *name = tree_text(request, "name");
	const struct ike_command unload = { .kind = IKE_COMMAND_UNLOAD, .ike = name };

	if (!name) {
		vici_reply_fail(s, "unload-conn: name is missing");
	} else if (!connection_find(v, name)) {
		vici_reply_fail(s, "no connection '%s' is loaded", name);
	} else {
		v->host.command(v->host.context, &unload);
		vici_reply_ok(s);
	}
}

static void command_get_conns(struct vici_session *s, const struct tree_node *request)
{
	const struct connection *c;
	struct vici_buffer b;
	size_t position = 0;

	(void)request;
	vici_reply_begin(&b);
	vici_list(&b, "conns");
	while ((c = ike_next_connection(s->vici->host.engine, &position)))
		vici_item_text(&b, c->name);
	vici_list_end(&b);
	vici_reply(s, &b);
}

/* list-conns. */

static void write_hosts(struct vici_buffer *b, const char *name, const struct host_list *hosts)
{
	vici_list(b, name);
	if (!hosts->count)
		vici_item_text(b, "%any");
	for (size_t i = 0; i < hosts->count; i++)
		vici_item_text(b, hosts->list[i].text);
	vici_list_end(b);
}

static const char *class_text(enum auth_class class)
{
	static const char *const names[] = {
		[AUTH_CLASS_ANY] = "any",
		[AUTH_CLASS_PSK] = "pre-shared key",
		[AUTH_CLASS_PUBKEY] = "public key",
		[AUTH_CLASS_EAP] = "EAP",
		[AUTH_CLASS_XAUTH] = "XAuth",
	};

	return names[class];
}

static void write_subjects(struct vici *v, struct vici_buffer *b, const char *name,
	const struct bytes *certs, size_t count)
{
	if (!count)
		return;
	vici_list(b, name);
	for (size_t i = 0; i < count; i++) {
		struct certificate *cert;
		char text[512];

		if (certificate_load(v->host.crypto, certs[i], &cert) != 0)
			continue;
		vici_item_text(b, certificate_subject_text(cert, text, sizeof(text)));
		certificate_free(cert);
	}
	vici_list_end(b);
}

static void write_round(struct vici *v, struct vici_buffer *b, const char *side, size_t index,
	const struct auth_round *round)
{
	char name[32];

	snprintf(name, sizeof(name), "%s-%zu", side, index + 1);
	vici_section(b, name);
	vici_text(b, "class", class_text(round->class));
	if (round->id.type)
		vici_text(b, "id", round->id.text);
	if (round->xauth_id)
		vici_text(b, "xauth_id", round->xauth_id);
	write_subjects(v, b, "certs", round->certs, round->cert_count);
	write_subjects(v, b, "cacerts", round->cacerts, round->cacert_count);
	vici_section_end(b);
}

static void write_selectors(
	struct vici_buffer *b, const char *name, const struct conf_selector *list, size_t count)
{
	vici_list(b, name);
	for (size_t i = 0; i < count; i++)
		vici_item_text(b, list[i].text ? list[i].text : "dynamic");
	vici_list_end(b);
}

static const char *action_text(uint8_t action)
{
	switch (action) {
	case CHILD_ACTION_TRAP:
		return "trap";
	case CHILD_ACTION_START:
		return "start";
	case CHILD_ACTION_TRAP_START:
		return "trap|start";
	default:
		return "none";
	}
}

const char *vici_mode_name(enum child_mode mode)
{
	static const char *const names[] = { "TUNNEL", "TRANSPORT", "PASS", "DROP" };

	return names[mode];
}

static void write_child_config(struct vici_buffer *b, const struct child_config *child)
{
	vici_section(b, child->name);
	vici_text(b, "mode", vici_mode_name(child->mode));
	vici_printf(b, "rekey_time", "%" PRIu64, child->rekey_time_s);
	vici_printf(b, "rekey_bytes", "%" PRIu64, child->rekey_bytes);
	vici_printf(b, "rekey_packets", "%" PRIu64, child->rekey_packets);
	vici_text(b, "dpd_action",
		child->dpd_action == CHILD_ACTION_NONE ? "clear" : action_text(child->dpd_action));
	vici_text(b, "close_action", action_text(child->close_action));
	write_selectors(b, "local-ts", child->local_ts, child->local_ts_count);
	write_selectors(b, "remote-ts", child->remote_ts, child->remote_ts_count);
	vici_section_end(b);
}

static const char *unique_text(uint8_t unique)
{
	static const char *const names[] = {
		[UNIQUE_NO] = "UNIQUE_NO",
		[UNIQUE_NEVER] = "UNIQUE_NEVER",
		[UNIQUE_KEEP] = "UNIQUE_KEEP",
		[UNIQUE_REPLACE] = "UNIQUE_REPLACE",
	};

	return unique <= UNIQUE_REPLACE ? names[unique] : "";
}

/* strongSwan's list-conn has no names for these. */
static void write_virtual(struct vici_buffer *b, const struct connection *c)
{
	char text[ADDRESS_TEXT_MAX];

	if (c->vip_count) {
		vici_list(b, "vips");
		for (size_t i = 0; i < c->vip_count; i++)
			vici_item_text(b, address_print(&c->vips[i], text));
		vici_list_end(b);
	}
	if (c->pool_count) {
		vici_list(b, "pools");
		for (size_t i = 0; i < c->pool_count; i++)
			vici_item_text(b, c->pools[i]);
		vici_list_end(b);
	}
}

static void write_connection(struct vici *v, struct vici_buffer *b, const struct connection *c)
{
	vici_section(b, c->name);
	write_hosts(b, "local_addrs", &c->local_addrs);
	write_hosts(b, "remote_addrs", &c->remote_addrs);
	vici_printf(b, "local_port", "%u", c->local_port);
	vici_printf(b, "remote_port", "%u", c->remote_port);
	vici_text(b, "version", c->version == 1 ? "IKEv1" : c->version == 2 ? "IKEv2" : "IKEv1/2");
	vici_printf(b, "reauth_time", "%" PRIu64, c->reauth_time_s);
	vici_printf(b, "rekey_time", "%" PRIu64, c->rekey_time_s);
	if (c->dpd_delay_s)
		vici_printf(b, "dpd_delay", "%" PRIu64, c->dpd_delay_s);
	if (c->dpd_timeout_s)
		vici_printf(b, "dpd_timeout", "%" PRIu64, c->dpd_timeout_s);
	vici_text(b, "unique", unique_text(c->unique));
	write_virtual(b, c);
	for (size_t i = 0; i < c->local_count; i++)
		write_round(v, b, "local", i, &c->local[i]);
	for (size_t i = 0; i < c->remote_count; i++)
		write_round(v, b, "remote", i, &c->remote[i]);
	vici_section(b, "children");
	for (size_t i = 0; i < c->child_count; i++)
		write_child_config(b, &c->children[i]);
	vici_section_end(b);
	vici_section_end(b);
}

static void command_list_conns(struct vici_session *s, const struct tree_node *request)
{
	const char *wanted = tree_text(request, "ike");
	const struct connection *c;
	size_t position = 0;

	while ((c = ike_next_connection(s->vici->host.engine, &position))) {
		struct vici_buffer b;

		if (wanted && strcmp(wanted, c->name) != 0)
			continue;
		vici_event_begin(&b, VICI_EVENT_LIST_CONN);
		write_connection(s->vici, &b, c);
		vici_emit(s, VICI_EVENT_LIST_CONN, &b);
	}
	vici_reply_empty(s);
}

const struct vici_command vici_commands_connections[] = {
	{ "load-conn", command_load_conn },
	{ "unload-conn", command_unload_conn },
	{ "get-conns", command_get_conns },
	{ "list-conns", command_list_conns },
	{ NULL, NULL },
};
