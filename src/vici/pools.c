/* Pools of virtual addresses: load, unload, and who has which address. */
#include "conf/pool.h"
#include "vici/internal.h"

#include <stdio.h>

static void command_load_pool(struct vici_session *s, const struct tree_node *request)
{
	const struct conf_sources sources = { .crypto = s->vici->host.crypto };
	const struct tree_node *section = request->first;
	struct ike_command load = { .kind = IKE_COMMAND_LOAD_POOL };
	struct problems problems = { 0 };
	char text[VICI_ERROR_MAX] = "";
	struct pool_config *pool;

	if (!section || section->next || section->kind != TREE_SECTION || !*section->name) {
		vici_reply_fail(s, "load-pool takes one section, named like the pool");
		return;
	}
	if (conf_load_pool(section, &sources, &problems, &pool) != 0) {
		problems_first_error(&problems, text, sizeof(text));
		vici_reply_fail(s, "%s", *text ? text : "out of memory");
	} else {
		load.pool = pool;
		vici_start(s, request, &load);
		pool_config_release(pool);
	}
	problems_free(&problems);
}

static void command_unload_pool(struct vici_session *s, const struct tree_node *request)
{
	struct ike_command unload = { .kind = IKE_COMMAND_UNLOAD_POOL,
		.ike = tree_text(request, "name") };

	if (!unload.ike)
		vici_reply_fail(s, "unload-pool: name is missing");
	else
		vici_start(s, request, &unload);
}

static void write_leases(struct vici *v, struct vici_buffer *b, const char *pool)
{
	struct ike_lease_view lease;
	size_t position = 0, number = 0;

	vici_section(b, "leases");
	while (ike_next_lease(v->host.engine, pool, &position, &lease)) {
		char name[24], address[ADDRESS_TEXT_MAX], id[1024];

		snprintf(name, sizeof(name), "%zu", number++);
		vici_section(b, name);
		vici_text(b, "address", address_print(&lease.address, address));
		vici_text(b, "identity", id_print(&lease.id, id, sizeof(id)));
		vici_text(b, "status", lease.online ? "online" : "offline");
		vici_section_end(b);
	}
	vici_section_end(b);
}

static void write_pool(
	struct vici *v, struct vici_buffer *b, const struct ike_pool_view *pool, bool leases)
{
	char base[ADDRESS_TEXT_MAX];

	vici_section(b, pool->config->name);
	vici_text(b, "base", address_print(&pool->config->base, base));
	vici_printf(b, "size", "%" PRIu64, pool->size);
	vici_printf(b, "online", "%zu", pool->online);
	vici_printf(b, "offline", "%zu", pool->offline);
	if (leases)
		write_leases(v, b, pool->config->name);
	vici_section_end(b);
}

static void command_get_pools(struct vici_session *s, const struct tree_node *request)
{
	const char *wanted = tree_text(request, "name");
	bool leases = vici_yes(request, "leases");
	struct ike_pool_view pool;
	struct vici_buffer b;
	size_t position = 0;

	vici_reply_begin(&b);
	while (ike_next_pool(s->vici->host.engine, &position, &pool))
		if (!wanted || strcmp(wanted, pool.config->name) == 0)
			write_pool(s->vici, &b, &pool, leases);
	vici_reply(s, &b);
}

const struct vici_command vici_commands_pools[] = {
	{ "load-pool", command_load_pool },
	{ "unload-pool", command_unload_pool },
	{ "get-pools", command_get_pools },
	{ NULL, NULL },
};
