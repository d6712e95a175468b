/* Sessions: records in, a command of the tables at a time, records out. A command that the engine takes its time for
 * leaves the requests behind it in the stream until it is answered. */
#include "vici/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *const vici_event_names[VICI_EVENTS] = {
	[VICI_EVENT_LOG] = "log",
	[VICI_EVENT_CONTROL_LOG] = "control-log",
	[VICI_EVENT_LIST_SA] = "list-sa",
	[VICI_EVENT_LIST_POLICY] = "list-policy",
	[VICI_EVENT_LIST_CONN] = "list-conn",
	[VICI_EVENT_LIST_CERT] = "list-cert",
	[VICI_EVENT_LIST_DOWN] = "list-down",
	[VICI_EVENT_LIST_AUTHORITY] = "list-authority",
	[VICI_EVENT_IKE_UPDOWN] = "ike-updown",
	[VICI_EVENT_IKE_REKEY] = "ike-rekey",
	[VICI_EVENT_IKE_UPDATE] = "ike-update",
	[VICI_EVENT_CHILD_UPDOWN] = "child-updown",
	[VICI_EVENT_CHILD_REKEY] = "child-rekey",
	[VICI_EVENT_ALERT] = "alert",
};

static const struct vici_command *const tables[] = {
	vici_commands_control,
	vici_commands_connections,
	vici_commands_credentials,
	vici_commands_authorities,
	vici_commands_pools,
	vici_commands_sas,
	vici_commands_status,
};

/* Out. */

static void deliver(struct vici_session *s, struct vici_buffer *b, bool event)
{
	if (!s->dead && !s->deliver(s->context, b, event))
		s->dead = true;
	vici_free(b);
}

void vici_reply_begin(struct vici_buffer *b)
{
	vici_begin(b, VICI_CMD_RESPONSE, NULL);
}

void vici_reply(struct vici_session *s, struct vici_buffer *b)
{
	if (!vici_finish(b)) {
		vici_free(b);
		vici_reply_begin(b);
		vici_bool(b, "success", false);
		vici_text(b, "errmsg", "the answer is too long for a message");
		if (!vici_finish(b)) {
			vici_free(b);
			s->dead = true;
			return;
		}
	}
	deliver(s, b, false);
}

void vici_reply_empty(struct vici_session *s)
{
	struct vici_buffer b;

	vici_reply_begin(&b);
	vici_reply(s, &b);
}

void vici_reply_ok(struct vici_session *s)
{
	struct vici_buffer b;

	vici_reply_begin(&b);
	vici_bool(&b, "success", true);
	vici_reply(s, &b);
}

void vici_reply_fail(struct vici_session *s, const char *format, ...)
{
	char text[VICI_ERROR_MAX];
	struct vici_buffer b;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	vici_reply_begin(&b);
	vici_bool(&b, "success", false);
	vici_text(&b, "errmsg", text);
	vici_reply(s, &b);
}

/* A reply without name and message: EVENT_CONFIRM and the like. */
static void reply_bare(struct vici_session *s, enum vici_packet_type type)
{
	struct vici_buffer b;

	vici_begin(&b, type, NULL);
	vici_reply(s, &b);
}

/* Events. */

void vici_event_begin(struct vici_buffer *b, enum vici_event_kind kind)
{
	vici_begin(b, VICI_EVENT, vici_event_names[kind]);
}

bool vici_listens(const struct vici_session *s, enum vici_event_kind kind)
{
	return !s->dead && (s->events & 1u << kind);
}

bool vici_anyone_listens(const struct vici *v, enum vici_event_kind kind)
{
	for (const struct vici_session *s = v->sessions; s; s = s->next) {
		if (vici_listens(s, kind))
			return true;
	}
	return false;
}

/* What a list streams belongs to its answer and isn't dropped. */
static bool may_drop(enum vici_event_kind kind)
{
	return kind < VICI_EVENT_LIST_SA || kind > VICI_EVENT_LIST_AUTHORITY;
}

void vici_emit(struct vici_session *s, enum vici_event_kind kind, struct vici_buffer *b)
{
	if (!vici_finish(b) || !vici_listens(s, kind))
		vici_free(b);
	else
		deliver(s, b, may_drop(kind));
}

void vici_publish(struct vici *v, enum vici_event_kind kind, struct vici_buffer *b)
{
	if (!vici_finish(b)) {
		vici_free(b);
		return;
	}
	for (struct vici_session *s = v->sessions; s; s = s->next) {
		struct vici_buffer copy = { .size = b->size, .room = b->size };

		if (!vici_listens(s, kind))
			continue;
		copy.data = bytes_copy(BYTES(b->data, b->size));
		if (copy.data)
			deliver(s, &copy, true);
	}
	vici_free(b);
}

/* In. */

int64_t vici_number(const struct tree_node *request, const char *name, int64_t otherwise)
{
	const char *text = tree_text(request, name);
	char *end;
	long long number;

	if (!text)
		return otherwise;
	errno = 0;
	number = strtoll(text, &end, 10);
	return errno || *end || end == text ? otherwise : number;
}

bool vici_yes(const struct tree_node *request, const char *name)
{
	const char *text = tree_text(request, name);

	return text &&
		(strcmp(text, "yes") == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

static const struct vici_command *command_find(const char *name)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct vici_command *c = tables[i]; c->name; c++) {
			if (strcmp(c->name, name) == 0)
				return c;
		}
	}
	return NULL;
}

static int run_command(struct vici_session *s, const struct vici_packet *p)
{
	const struct vici_command *command = command_find(p->name);
	struct tree *tree;
	int r = vici_message_decode(p->message, &tree);

	if (r == -EBADMSG)
		return r;
	if (!command)
		reply_bare(s, VICI_CMD_UNKNOWN);
	else if (r)
		vici_reply_fail(s, "the message is too large");
	else
		command->run(s, &tree->root);
	if (!r)
		tree_free(tree);
	return 0;
}

static void register_event(struct vici_session *s, const struct vici_packet *p)
{
	for (unsigned i = 0; i < VICI_EVENTS; i++) {
		if (strcmp(vici_event_names[i], p->name) != 0)
			continue;
		if (p->type == VICI_EVENT_REGISTER)
			s->events |= 1u << i;
		else
			s->events &= ~(1u << i);
		reply_bare(s, VICI_EVENT_CONFIRM);
		return;
	}
	reply_bare(s, VICI_EVENT_UNKNOWN);
}

static int run_record(struct vici_session *s, struct bytes record)
{
	struct vici_packet p;

	if (vici_packet_decode(record, &p) != 0)
		return -EBADMSG;
	switch (p.type) {
	case VICI_CMD_REQUEST:
		return run_command(s, &p);
	case VICI_EVENT_REGISTER:
	case VICI_EVENT_UNREGISTER:
		register_event(s, &p);
		return 0;
	default:
		return -EBADMSG; /* the server's to say */
	}
}

static int session_run(struct vici_session *s)
{
	struct bytes record;
	int r = 0;

	if (s->running)
		return 0;
	s->running = true;
	while (!r && !s->dead && !s->pending.waits && vici_stream_next(&s->in, &record))
		r = run_record(s, record);
	s->running = false;
	if (!r && vici_stream_broken(&s->in))
		r = -EMSGSIZE;
	if (r)
		s->dead = true;
	return s->dead && !r ? -EPIPE : r;
}

int vici_session_receive(struct vici_session *s, struct bytes received)
{
	int r = s->dead ? -EPIPE : vici_stream_add(&s->in, received);

	if (r == -EMSGSIZE)
		s->dead = true;
	if (!r && s->pending.waits && s->in.size - s->in.at > VICI_INPUT_HELD)
		r = -EMSGSIZE;
	return r ? r : session_run(s);
}

struct vici_session *vici_session_new(
	struct vici *v, vici_deliver_fn *deliver_record, void *context)
{
	struct vici_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->vici = v;
	s->deliver = deliver_record;
	s->context = context;
	s->next = v->sessions;
	v->sessions = s;
	return s;
}

bool vici_session_dead(const struct vici_session *s)
{
	return s->dead;
}

void vici_session_free(struct vici_session *s)
{
	if (!s)
		return;
	for (struct vici_session **at = &s->vici->sessions; *at; at = &(*at)->next) {
		if (*at == s) {
			*at = s->next;
			break;
		}
	}
	vici_stream_free(&s->in);
	free(s);
}

/* The whole. */

struct vici *vici_new(const struct vici_host *host)
{
	struct vici *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->host = *host;
	v->last_id = host->first_id;
	return v;
}

void vici_run(struct vici *v)
{
	vici_pending_time_out(v);
	for (struct vici_session *s = v->sessions; s; s = s->next)
		(void)session_run(s);
}
