/* SAs as sections, in the order of fields that scripts match across; and the events that carry them. */
#include "vici/internal.h"

#include <stdio.h>

#include "wire/ikev2.h"

static uint64_t seconds_since(struct vici *v, ike_time then)
{
	ike_time now = v->host.now(v->host.context);

	return now > then ? (now - then) / NS_PER_SECOND : 0;
}

static uint64_t seconds_until(struct vici *v, ike_time then)
{
	ike_time now = v->host.now(v->host.context);

	return then > now ? (then - now) / NS_PER_SECOND : 0;
}

static const struct transform *chosen(const struct proposal *p, uint8_t type)
{
	for (size_t i = 0; i < p->transform_count; i++) {
		if (p->transforms[i].type == type && (p->transforms[i].id || type == TRANSFORM_ESN))
			return &p->transforms[i];
	}
	return NULL;
}

static void write_transform(struct vici_buffer *b, const struct proposal *p, uint8_t type,
	const char *name, const char *name_keysize)
{
	const struct transform *t = chosen(p, type);
	char scratch[NAME_TEXT_MAX];

	if (!t)
		return;
	vici_text(b, name, transform_name(type, t->id, scratch));
	if (name_keysize && t->key_bits)
		vici_printf(b, name_keysize, "%u", t->key_bits);
}

static void write_algorithms(struct vici_buffer *b, const struct proposal *p)
{
	write_transform(b, p, TRANSFORM_ENCR, "encr-alg", "encr-keysize");
	write_transform(b, p, TRANSFORM_INTEG, "integ-alg", "integ-keysize");
	write_transform(b, p, TRANSFORM_PRF, "prf-alg", NULL);
	write_transform(b, p, TRANSFORM_KE, "dh-group", NULL);
}

static void write_end(struct vici_buffer *b, const char *side, const struct endpoint *e,
	const struct id_payload *id)
{
	char name[32], address[ADDRESS_TEXT_MAX], text[1024];

	snprintf(name, sizeof(name), "%s-host", side);
	vici_text(b, name, e->address.family ? address_print(&e->address, address) : "%any");
	snprintf(name, sizeof(name), "%s-port", side);
	vici_printf(b, name, "%u", e->port);
	snprintf(name, sizeof(name), "%s-id", side);
	vici_text(b, name, id_print(id, text, sizeof(text)));
}

static void write_ike_times(struct vici *v, struct vici_buffer *b, const struct ike_sa_view *sa)
{
	if (!sa->established_at)
		return;
	vici_printf(b, "established", "%" PRIu64, seconds_since(v, sa->established_at));
	if (sa->rekey_at != IKE_TIME_NEVER && sa->rekey_at)
		vici_printf(b, "rekey-time", "%" PRIu64, seconds_until(v, sa->rekey_at));
	if (sa->reauth_at != IKE_TIME_NEVER && sa->reauth_at)
		vici_printf(b, "reauth-time", "%" PRIu64, seconds_until(v, sa->reauth_at));
}

static void write_vips(
	struct vici_buffer *b, const char *name, const struct address *list, size_t count)
{
	char text[ADDRESS_TEXT_MAX];

	if (!count)
		return;
	vici_list(b, name);
	for (size_t i = 0; i < count; i++)
		vici_item_text(b, address_print(&list[i], text));
	vici_list_end(b);
}

static void write_hex(struct vici_buffer *b, const char *name, uint32_t value)
{
	if (value)
		vici_printf(b, name, "%08x", value);
}

/* Within the section that is named like the connection; child-sas is the caller's. */
void vici_write_ike(struct vici *v, struct vici_buffer *b, const struct ike_sa_view *sa)
{
	char user[300];

	vici_printf(b, "uniqueid", "%u", sa->id);
	vici_printf(b, "version", "%u", sa->version);
	vici_text(b, "state", ike_state_name(sa->state));
	write_end(b, "local", &sa->path.local, &sa->local_id);
	write_end(b, "remote", &sa->path.remote, &sa->remote_id);
	if (sa->remote_user.type)
		vici_text(b, "remote-xauth-id", id_print(&sa->remote_user, user, sizeof(user)));
	if (sa->initiator)
		vici_bool(b, "initiator", true);
	vici_printf(b, "initiator-spi", "%016" PRIx64, sa->spi_i);
	vici_printf(b, "responder-spi", "%016" PRIx64, sa->spi_r);
	if (sa->nat_local)
		vici_bool(b, "nat-local", true);
	if (sa->nat_remote)
		vici_bool(b, "nat-remote", true);
	if (sa->nat_fake)
		vici_bool(b, "nat-fake", true);
	if (sa->nat_local || sa->nat_remote || sa->nat_fake)
		vici_bool(b, "nat-any", true);
	write_hex(b, "if-id-in", sa->if_id_in);
	write_hex(b, "if-id-out", sa->if_id_out);
	write_algorithms(b, &sa->chosen);
	write_ike_times(v, b, sa);
	write_vips(b, "local-vips", sa->local_vips, sa->local_vip_count);
	write_vips(b, "remote-vips", sa->remote_vips, sa->remote_vip_count);
	if (sa->task) {
		vici_list(b, "tasks-active");
		vici_item_text(b, sa->task);
		vici_list_end(b);
	}
}

/* Child SAs. */

static void write_direction(
	struct vici *v, struct vici_buffer *b, const char *way, const struct esp_counters *c)
{
	char name[32];

	snprintf(name, sizeof(name), "bytes-%s", way);
	vici_printf(b, name, "%" PRIu64, c->bytes);
	snprintf(name, sizeof(name), "packets-%s", way);
	vici_printf(b, name, "%" PRIu64, c->packets);
	snprintf(name, sizeof(name), "use-%s", way);
	if (c->last_used)
		vici_printf(b, name, "%" PRIu64, seconds_since(v, c->last_used));
}

static void write_child_times(
	struct vici *v, struct vici_buffer *b, const struct ike_child_view *child)
{
	if (!child->installed_at)
		return;
	if (child->rekey_at != IKE_TIME_NEVER && child->rekey_at)
		vici_printf(b, "rekey-time", "%" PRIu64, seconds_until(v, child->rekey_at));
	if (child->expire_at != IKE_TIME_NEVER && child->expire_at)
		vici_printf(b, "life-time", "%" PRIu64, seconds_until(v, child->expire_at));
	vici_printf(b, "install-time", "%" PRIu64, seconds_since(v, child->installed_at));
}

static void write_ts(struct vici_buffer *b, const char *name, const struct selectors *list)
{
	char text[SELECTOR_TEXT_MAX];

	vici_list(b, name);
	for (size_t i = 0; i < list->count; i++)
		vici_item_text(b, selector_print(&list->list[i], text));
	vici_list_end(b);
}

/* A mask of all bits goes without saying. */
static void write_mark(
	struct vici_buffer *b, const char *name, const char *mask_name, const struct child_mark *m)
{
	if (!m->mask)
		return;
	vici_printf(b, name, "%08x", m->value);
	if (m->mask != UINT32_MAX)
		vici_printf(b, mask_name, "%08x", m->mask);
}

static void write_marks(struct vici_buffer *b, const struct child_marks *m)
{
	write_mark(b, "mark-in", "mark-mask-in", &m->in);
	write_mark(b, "mark-out", "mark-mask-out", &m->out);
	write_mark(b, "set-mark-in", "set-mark-mask-in", &m->set_in);
	write_mark(b, "set-mark-out", "set-mark-mask-out", &m->set_out);
	write_hex(b, "if-id-in", m->if_id_in);
	write_hex(b, "if-id-out", m->if_id_out);
}

/* Within its section. */
void vici_write_child(struct vici *v, struct vici_buffer *b, const struct ike_child_view *child)
{
	const struct child_spec *spec = child->spec;
	struct esp_child_stats stats = { 0 };
	bool installed = v->host.child_stats(v->host.context, child->id, &stats) == 0;

	vici_text(b, "name", child->config->name);
	vici_printf(b, "uniqueid", "%u", child->id);
	vici_printf(b, "reqid", "%u", spec->reqid);
	vici_text(b, "state", ike_child_state_name(child->state));
	vici_text(b, "mode", vici_mode_name(spec->mode));
	vici_text(b, "protocol", "ESP");
	if (spec->encap)
		vici_bool(b, "encap", true);
	vici_printf(b, "spi-in", "%08x", spec->spi_in);
	vici_printf(b, "spi-out", "%08x", spec->spi_out);
	write_marks(b, &spec->marks);
	write_algorithms(b, &child->chosen);
	if (installed)
		vici_text(b, "computed-by", cipher_backend_name(stats.computed_by));
	if (spec->esn)
		vici_text(b, "esn", "1");
	write_direction(v, b, "in", &stats.in);
	write_direction(v, b, "out", &stats.out);
	write_child_times(v, b, child);
	write_ts(b, "local-ts", &spec->local);
	write_ts(b, "remote-ts", &spec->remote);
}

static void open_child(struct vici_buffer *b, const struct ike_child_view *child)
{
	char name[256];

	snprintf(name, sizeof(name), "%.240s-%u", child->config->name, child->id);
	vici_section(b, name);
}

/* list-sas. */

struct wanted {
	const char *ike, *child;
	int64_t ike_id, child_id; /* 0: any */
};

static bool child_wanted(const struct wanted *w, const struct ike_child_view *child)
{
	return (!w->child || strcmp(w->child, child->config->name) == 0) &&
		(!w->child_id || w->child_id == child->id);
}

static bool sa_wanted(struct vici *v, const struct wanted *w, const struct ike_sa_view *sa)
{
	struct ike_child_view child;
	size_t position = 0;

	if ((w->ike && strcmp(w->ike, sa->connection->name) != 0) ||
		(w->ike_id && w->ike_id != sa->id))
		return false;
	if (!w->child && !w->child_id)
		return true;
	while (ike_next_child(v->host.engine, sa->id, &position, &child)) {
		if (child_wanted(w, &child))
			return true;
	}
	return false;
}

static void write_sa(
	struct vici *v, struct vici_buffer *b, const struct ike_sa_view *sa, const struct wanted *w)
{
	struct ike_child_view child;
	size_t position = 0;

	vici_section(b, sa->connection->name);
	vici_write_ike(v, b, sa);
	vici_section(b, "child-sas");
	while (ike_next_child(v->host.engine, sa->id, &position, &child)) {
		if (!child_wanted(w, &child))
			continue;
		open_child(b, &child);
		vici_write_child(v, b, &child);
		vici_section_end(b);
	}
	vici_section_end(b);
	vici_section_end(b);
}

static void command_list_sas(struct vici_session *s, const struct tree_node *request)
{
	const struct wanted wanted = {
		.ike = tree_text(request, "ike"),
		.child = tree_text(request, "child"),
		.ike_id = vici_number(request, "ike-id", 0),
		.child_id = vici_number(request, "child-id", 0),
	};
	struct ike_sa_view sa;
	size_t position = 0;

	while (ike_next_sa(s->vici->host.engine, &position, &sa)) {
		struct vici_buffer b;

		if (!sa_wanted(s->vici, &wanted, &sa))
			continue;
		vici_event_begin(&b, VICI_EVENT_LIST_SA);
		write_sa(s->vici, &b, &sa, &wanted);
		vici_emit(s, VICI_EVENT_LIST_SA, &b);
	}
	vici_reply_empty(s);
}

/* list-policies: traps, shunts, and the policies of children that belong to none. */

struct policy_view {
	const struct connection *connection;
	const struct child_config *config;
	const struct child_spec *spec;
	bool trap, acquiring;
};

/* What waits in a trap for its child, and what became of what met it; what a shunt dropped. */
static void write_trap(struct vici *v, struct vici_buffer *b, const struct policy_view *p)
{
	struct esp_trap_stats stats = { 0 };

	(void)v->host.trap_stats(v->host.context, p->spec->reqid, &stats);
	if (mode_is_shunt(p->spec->mode)) {
		vici_text(b, "state", "INSTALLED");
		vici_printf(b, "dropped", "%llu", (unsigned long long)stats.dropped);
		return;
	}
	vici_text(b, "state", p->acquiring ? "ACQUIRING" : "ROUTED");
	vici_printf(b, "kept-packets", "%zu", stats.kept_packets);
	vici_printf(b, "kept-bytes", "%zu", stats.kept_bytes);
	vici_printf(b, "acquired", "%llu", (unsigned long long)stats.acquired);
	vici_printf(b, "released", "%llu", (unsigned long long)stats.released);
	vici_printf(b, "dropped", "%llu", (unsigned long long)stats.dropped);
}

static void list_policy(
	struct vici_session *s, const struct tree_node *request, const struct policy_view *p)
{
	const char *ike = tree_text(request, "ike"), *child = tree_text(request, "child");
	struct vici_buffer b;
	char name[520];

	if ((ike && strcmp(ike, p->connection->name) != 0) ||
		(child && strcmp(child, p->config->name) != 0))
		return;
	snprintf(name, sizeof(name), "%.250s/%.250s", p->connection->name, p->config->name);
	vici_event_begin(&b, VICI_EVENT_LIST_POLICY);
	vici_section(&b, name);
	vici_text(&b, "child", p->config->name);
	vici_text(&b, "ike", p->connection->name);
	vici_text(&b, "mode", vici_mode_name(p->spec->mode));
	vici_printf(&b, "reqid", "%u", p->spec->reqid);
	if (p->trap)
		write_trap(s->vici, &b, p);
	write_ts(&b, "local-ts", &p->spec->local);
	write_ts(&b, "remote-ts", &p->spec->remote);
	vici_section_end(&b);
	vici_emit(s, VICI_EVENT_LIST_POLICY, &b);
}

static bool of_a_trap(const struct ike_engine *e, uint32_t reqid)
{
	struct ike_trap_view trap;
	size_t position = 0;

	while (ike_next_trap(e, &position, &trap)) {
		if (trap.reqid == reqid)
			return true;
	}
	return false;
}

static void list_children(struct vici_session *s, const struct tree_node *request,
	const struct ike_engine *e, const struct ike_sa_view *sa)
{
	struct ike_child_view child;
	size_t position = 0;

	while (ike_next_child(e, sa->id, &position, &child)) {
		const struct policy_view p = {
			.connection = sa->connection, .config = child.config, .spec = child.spec
		};

		if (child.state != IKE_CHILD_REKEYED && !of_a_trap(e, child.spec->reqid))
			list_policy(s, request, &p);
	}
}

static bool is_asked_for(const struct tree_node *request, enum child_mode mode)
{
	return vici_yes(request,
		mode == CHILD_PASS           ? "pass"
			: mode == CHILD_DROP ? "drop"
					     : "trap");
}

static void command_list_policies(struct vici_session *s, const struct tree_node *request)
{
	const struct ike_engine *e = s->vici->host.engine;
	struct ike_trap_view trap;
	struct ike_sa_view sa;
	size_t position = 0;

	while (ike_next_trap(e, &position, &trap)) {
		const struct policy_view p = { .connection = trap.connection,
			.config = trap.config,
			.spec = trap.spec,
			.trap = true,
			.acquiring = trap.acquiring };

		if (is_asked_for(request, trap.spec->mode))
			list_policy(s, request, &p);
	}
	position = 0;
	while (vici_yes(request, "trap") && ike_next_sa(e, &position, &sa))
		list_children(s, request, e, &sa);
	vici_reply_empty(s);
}

/* list-down, which strongSwan has not: what should be up and isn't, with the reason and the plan. */

static void write_down(
	struct vici *v, struct vici_buffer *b, const struct ike_supervised_view *view)
{
	static const char *const states[] = {
		[IKE_SUPERVISED_WAITING] = "WAITING",
		[IKE_SUPERVISED_TRYING] = "TRYING",
		[IKE_SUPERVISED_GIVEN_UP] = "GIVEN-UP",
		[IKE_SUPERVISED_HELD] = "HELD",
	};
	char address[ADDRESS_TEXT_MAX];

	vici_section(b, view->connection->name);
	vici_text(b, "child", view->config->name);
	vici_text(b, "state", states[view->state]);
	vici_printf(b, "down", "%" PRIu64, seconds_since(v, view->down_since));
	if (*view->why)
		vici_printf(b, "why", "%s", view->why);
	vici_printf(b, "attempts", "%u", view->attempts);
	if (view->tried.address.family) {
		vici_text(b, "tried-host", address_print(&view->tried.address, address));
		vici_printf(b, "tried-port", "%u", view->tried.port);
	}
	if (view->state == IKE_SUPERVISED_WAITING) {
		vici_printf(b, "next", "%" PRIu64, seconds_until(v, view->next_at));
		if (*view->next_to)
			vici_text(b, "next-host", view->next_to);
	}
	vici_section_end(b);
}

static void command_list_down(struct vici_session *s, const struct tree_node *request)
{
	const char *ike = tree_text(request, "ike"), *child = tree_text(request, "child");
	struct ike_supervised_view view;
	size_t position = 0;

	while (ike_next_supervised(s->vici->host.engine, &position, &view)) {
		struct vici_buffer b;

		if ((ike && strcmp(ike, view.connection->name) != 0) ||
			(child && strcmp(child, view.config->name) != 0))
			continue;
		vici_event_begin(&b, VICI_EVENT_LIST_DOWN);
		write_down(s->vici, &b, &view);
		vici_emit(s, VICI_EVENT_LIST_DOWN, &b);
	}
	vici_reply_empty(s);
}

const struct vici_command vici_commands_sas[] = {
	{ "list-sas", command_list_sas },
	{ "list-down", command_list_down },
	{ "list-policies", command_list_policies },
	{ NULL, NULL },
};
