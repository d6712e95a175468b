/* Reading the engine: views for list-sas, status and the checkers of the simulator. */
#include "ike/child.h"
#include "ike/exchange.h"
#include "ike/protocol.h"
#include "ike/v2/configuration.h"

static bool shown(const struct ike_sa *sa)
{
	return !sa->gone && sa->connection;
}

static struct ike_sa_view sa_view(const struct ike_sa *sa)
{
	return (struct ike_sa_view){
		.id = sa->id,
		.version = sa->protocol->version,
		.connection = sa->connection,
		.state = sa->delete_sent ? IKE_DELETING : sa->state,
		.initiator = sa->initiator,
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.path = sa->path,
		.sent_at = sa->sent_at,
		.local_id = ike_id_payload(&sa->local_id),
		.remote_id = ike_id_payload(&sa->remote_id),
		.remote_user = ike_id_payload(&sa->remote_user),
		.nat_local = sa->nat_local,
		.nat_remote = sa->nat_remote,
		.nat_fake = sa->nat_fake,
		.chosen = sa->chosen,
		.established_at = sa->established_at,
		.rekey_at = sa->rekey_at,
		.reauth_at = sa->reauth_at,
		.task = sa->ours ? sa->ours->kind->name : NULL,
		.local_vip_count = sa->vips ? sa->vips->ours_count : 0,
		.local_vips = sa->vips ? sa->vips->ours : NULL,
		.remote_vip_count = sa->vips ? sa->vips->lease_count : 0,
		.remote_vips = sa->vips ? sa->vips->theirs : NULL,
		.if_id_in = sa->if_id_in,
		.if_id_out = sa->if_id_out,
	};
}

static struct ike_child_view child_view(const struct child_sa *c)
{
	return (struct ike_child_view){
		.id = c->id,
		.ike_id = c->sa->id,
		.config = c->config,
		.state = c->state,
		.spec = &c->spec,
		.chosen = c->chosen,
		.installed_at = c->installed_at,
		.rekey_at = c->rekey_at,
		.expire_at = c->expire_at,
	};
}

/* A position is the address of the last one seen: nothing is freed before the next input. */
bool ike_next_sa(const struct ike_engine *e, size_t *position, struct ike_sa_view *ret_view)
{
	const struct ike_sa *last = (const struct ike_sa *)(uintptr_t)*position;
	const struct ike_sa *sa = last ? last->next : e->sas;

	while (sa && !shown(sa))
		sa = sa->next;
	if (!sa)
		return false;
	*position = (size_t)(uintptr_t)sa;
	*ret_view = sa_view(sa);
	return true;
}

bool ike_next_child(const struct ike_engine *e, uint32_t ike_id, size_t *position,
	struct ike_child_view *ret_view)
{
	const struct child_sa *last = (const struct child_sa *)(uintptr_t)*position;
	const struct ike_sa *sa = last ? NULL : sa_find(e, ike_id);
	const struct child_sa *c = last ? last->next : sa ? sa->children : NULL;

	if (!c)
		return false;
	*position = (size_t)(uintptr_t)c;
	*ret_view = child_view(c);
	return true;
}

bool ike_view_sa(const struct ike_engine *e, uint32_t ike_id, struct ike_sa_view *ret_view)
{
	const struct ike_sa *sa = sa_find(e, ike_id);

	if (!sa || !sa->connection)
		return false;
	*ret_view = sa_view(sa);
	return true;
}

bool ike_view_child(const struct ike_engine *e, uint32_t child_id, struct ike_child_view *ret_view)
{
	const struct child_sa *c = child_find(e, child_id);

	for (const struct child_sa *b = c ? NULL : e->buried; b && !c; b = b->next)
		c = b->id == child_id ? b : NULL;
	if (!c)
		return false;
	*ret_view = child_view(c);
	return true;
}

const struct connection *ike_next_connection(const struct ike_engine *e, size_t *position)
{
	return *position < e->connection_count ? e->connections[(*position)++] : NULL;
}

void ike_stats(const struct ike_engine *e, struct ike_stats *ret_stats)
{
	*ret_stats = e->stats;
	ret_stats->half_open = e->half_open;
	ret_stats->connections = (uint32_t)e->connection_count;
}

const char *ike_state_name(enum ike_state state)
{
	static const char *const names[] = { "CREATED", "CONNECTING", "ESTABLISHED", "REKEYING",
		"REKEYED", "DELETING" };

	return names[state];
}

const char *ike_child_state_name(enum ike_child_state state)
{
	static const char *const names[] = { "CREATED", "INSTALLING", "INSTALLED", "REKEYING",
		"REKEYED", "DELETING", "DELETED" };

	return names[state];
}
