/* What the engine tells, as VICI's events. It is told while the engine's outputs are being drained: here nothing is
 * given to it. */
#include "vici/internal.h"

#include <stdio.h>

/* The IKE SA's section, left open; with what the event itself says where the SA is gone. */
static void open_ike(struct vici *v, struct vici_buffer *b, const struct ike_event *event)
{
	struct ike_sa_view sa;

	if (ike_view_sa(v->host.engine, event->ike_id, &sa)) {
		vici_section(b, sa.connection->name);
		vici_write_ike(v, b, &sa);
		return;
	}
	vici_section(b, event->ike_name && *event->ike_name ? event->ike_name : "(unnamed)");
	vici_printf(b, "uniqueid", "%u", event->ike_id);
	vici_printf(b, "version", "%u", event->version == 1 ? 1 : 2);
}

static void write_child(
	struct vici *v, struct vici_buffer *b, const struct ike_event *event, uint32_t id)
{
	struct ike_child_view child;

	if (ike_view_child(v->host.engine, id, &child)) {
		vici_write_child(v, b, &child);
		return;
	}
	vici_text(b, "name", event->child_name);
	vici_printf(b, "uniqueid", "%u", id);
}

static void write_all_children(struct vici *v, struct vici_buffer *b, uint32_t ike_id)
{
	struct ike_child_view child;
	size_t position = 0;

	while (ike_next_child(v->host.engine, ike_id, &position, &child)) {
		char name[256];

		snprintf(name, sizeof(name), "%.240s-%u", child.config->name, child.id);
		vici_section(b, name);
		vici_write_child(v, b, &child);
		vici_section_end(b);
	}
}

static void write_ike_updown(struct vici *v, struct vici_buffer *b, const struct ike_event *event)
{
	if (event->kind == IKE_EVENT_IKE_UP)
		vici_bool(b, "up", true);
	open_ike(v, b, event);
	vici_section(b, "child-sas");
	write_all_children(v, b, event->ike_id);
	vici_section_end(b);
	vici_section_end(b);
}

/* A new IKE SA was told up before: the one whose place it took is down. */
static void write_ike_replaced(struct vici *v, struct vici_buffer *b, const struct ike_event *event)
{
	struct ike_event old = *event;

	old.ike_id = event->old_id;
	write_ike_updown(v, b, &old);
}

static void write_ike_rekey(struct vici *v, struct vici_buffer *b, const struct ike_event *event)
{
	struct ike_sa_view sa;

	vici_section(b, event->ike_name && *event->ike_name ? event->ike_name : "(unnamed)");
	vici_section(b, "old");
	if (ike_view_sa(v->host.engine, event->old_id, &sa))
		vici_write_ike(v, b, &sa);
	else
		vici_printf(b, "uniqueid", "%u", event->old_id);
	vici_section_end(b);
	vici_section(b, "new");
	if (ike_view_sa(v->host.engine, event->ike_id, &sa))
		vici_write_ike(v, b, &sa);
	else
		vici_printf(b, "uniqueid", "%u", event->ike_id);
	vici_section_end(b);
	vici_section_end(b);
}

static void write_child_updown(struct vici *v, struct vici_buffer *b, const struct ike_event *event)
{
	char name[256];

	snprintf(name, sizeof(name), "%.240s-%u", event->child_name ? event->child_name : "",
		event->child_id);
	if (event->kind == IKE_EVENT_CHILD_UP)
		vici_bool(b, "up", true);
	open_ike(v, b, event);
	vici_section(b, "child-sas");
	vici_section(b, name);
	write_child(v, b, event, event->child_id);
	vici_section_end(b);
	vici_section_end(b);
	vici_section_end(b);
}

static void write_child_rekey(struct vici *v, struct vici_buffer *b, const struct ike_event *event)
{
	open_ike(v, b, event);
	vici_section(b, "child-sas");
	vici_section(b, event->child_name ? event->child_name : "");
	vici_section(b, "old");
	write_child(v, b, event, event->old_id);
	vici_section_end(b);
	vici_section(b, "new");
	write_child(v, b, event, event->child_id);
	vici_section_end(b);
	vici_section_end(b);
	vici_section_end(b);
	vici_section_end(b);
}

struct telling {
	enum vici_event_kind kind;
	void (*write)(struct vici *v, struct vici_buffer *b, const struct ike_event *event);
};

static const struct telling tellings[] = {
	[IKE_EVENT_IKE_UP] = { VICI_EVENT_IKE_UPDOWN, write_ike_updown },
	[IKE_EVENT_IKE_DOWN] = { VICI_EVENT_IKE_UPDOWN, write_ike_updown },
	[IKE_EVENT_IKE_REKEYED] = { VICI_EVENT_IKE_REKEY, write_ike_rekey },
	[IKE_EVENT_IKE_REPLACED] = { VICI_EVENT_IKE_UPDOWN, write_ike_replaced },
	[IKE_EVENT_CHILD_UP] = { VICI_EVENT_CHILD_UPDOWN, write_child_updown },
	[IKE_EVENT_CHILD_DOWN] = { VICI_EVENT_CHILD_UPDOWN, write_child_updown },
	[IKE_EVENT_IKE_UPDATED] = { VICI_EVENT_IKE_UPDATE, write_ike_updown },
	[IKE_EVENT_CHILD_REKEYED] = { VICI_EVENT_CHILD_REKEY, write_child_rekey },
};

/* A line that says that a client is gone must not be sent for ever. */
void vici_log(struct vici *v, const struct vici_log_line *line)
{
	struct vici_buffer b;

	vici_remember(v, line);
	if (v->logging || !vici_anyone_listens(v, VICI_EVENT_LOG))
		return;
	v->logging = true;
	vici_event_begin(&b, VICI_EVENT_LOG);
	vici_text(&b, "group", line->group);
	vici_printf(&b, "level", "%u", line->level);
	vici_text(&b, "thread", "1");
	if (line->ike_name && *line->ike_name)
		vici_text(&b, "ikesa-name", line->ike_name);
	if (line->ike_id)
		vici_printf(&b, "ikesa-uniqueid", "%u", line->ike_id);
	vici_text(&b, "msg", line->text);
	vici_publish(v, VICI_EVENT_LOG, &b);
	v->logging = false;
}

void vici_event(struct vici *v, const struct ike_event *event, const char *group, const char *line)
{
	const struct telling *t = (size_t)event->kind < sizeof(tellings) / sizeof(tellings[0])
		? &tellings[event->kind]
		: NULL;

	vici_count(v, event);
	if (t && t->write && vici_anyone_listens(v, t->kind)) {
		struct vici_buffer b;

		vici_event_begin(&b, t->kind);
		t->write(v, &b, event);
		vici_publish(v, t->kind, &b);
	}
	vici_pending_event(v, event, group, line);
}
