/* initiate, terminate, rekey, install: what the engine takes its time for. It tells the end with IKE_EVENT_DONE, whose text
 * explains a failure and goes into errmsg as it is. */
#include "vici/internal.h"

#include <stdio.h>

#include "conf/load.h"

#define ID_ARENA_BYTES (16 * 1024)

static const char *what_of(enum ike_command_kind kind)
{
	switch (kind) {
	case IKE_COMMAND_INITIATE:
		return "establishing";
	case IKE_COMMAND_TERMINATE:
		return "terminating";
	case IKE_COMMAND_TRAP:
	case IKE_COMMAND_UNTRAP:
		return "setting the trap";
	case IKE_COMMAND_REDIRECT:
		return "redirecting";
	default:
		return "rekeying";
	}
}

static void reply_done(struct vici_session *s, const struct ike_event *done)
{
	const struct vici_pending *p = &s->pending;
	struct vici_buffer b;

	vici_reply_begin(&b);
	vici_bool(&b, "success", done->ok);
	if (p->kind == IKE_COMMAND_TERMINATE || p->kind == IKE_COMMAND_REKEY)
		vici_printf(&b, "matches", "%u", done->matches);
	if (p->kind == IKE_COMMAND_TERMINATE)
		vici_printf(&b, "terminated", "%u", done->ok ? done->matches : 0);
	if (!done->ok)
		vici_printf(&b, "errmsg", "%.1000s",
			done->text && *done->text ? done->text : "it failed");
	vici_reply(s, &b);
}

static void stream_log(
	struct vici_session *s, const struct ike_event *event, const char *group, const char *line)
{
	struct vici_buffer b;

	if (event->level > s->pending.level || !vici_listens(s, VICI_EVENT_CONTROL_LOG))
		return;
	vici_event_begin(&b, VICI_EVENT_CONTROL_LOG);
	vici_text(&b, "group", group);
	vici_printf(&b, "level", "%u", event->level);
	vici_text(&b, "thread", "1");
	if (event->ike_name && *event->ike_name)
		vici_text(&b, "ikesa-name", event->ike_name);
	if (event->ike_id)
		vici_printf(&b, "ikesa-uniqueid", "%u", event->ike_id);
	vici_printf(&b, "msg", "%s", line);
	vici_emit(s, VICI_EVENT_CONTROL_LOG, &b);
}

void vici_pending_event(
	struct vici *v, const struct ike_event *event, const char *group, const char *line)
{
	if (!event->command)
		return;
	for (struct vici_session *s = v->sessions; s; s = s->next) {
		if (s->pending.id != event->command)
			continue;
		if (event->kind != IKE_EVENT_DONE) {
			if (s->pending.waits)
				stream_log(s, event, group, line);
			continue;
		}
		if (s->pending.waits)
			reply_done(s, event);
		s->pending = (struct vici_pending){ 0 };
		v->host.later(v->host.later_context);
	}
}

void vici_pending_time_out(struct vici *v)
{
	ike_time now = v->host.now(v->host.context);

	for (struct vici_session *s = v->sessions; s; s = s->next) {
		struct vici_pending p = s->pending;

		if (!p.waits || now < p.deadline)
			continue;
		s->pending = (struct vici_pending){ 0 };
		vici_reply_fail(s, "%s is not done after %" PRIu64 " ms; it goes on",
			what_of(p.kind), p.timeout_ms);
	}
}

ike_time vici_deadline(const struct vici *v)
{
	ike_time earliest = IKE_TIME_NEVER;

	for (const struct vici_session *s = v->sessions; s; s = s->next) {
		if (s->pending.waits && s->pending.deadline < earliest)
			earliest = s->pending.deadline;
	}
	return earliest;
}

/* `pending` stands before the engine hears of the command, as it may be done at once. */
void vici_start(
	struct vici_session *s, const struct tree_node *request, struct ike_command *command)
{
	struct vici *v = s->vici;
	int64_t timeout = vici_number(request, "timeout", 0);
	int64_t level = vici_number(request, "loglevel", 1);
	ike_time now = v->host.now(v->host.context);

	command->id = ++v->last_id;
	if (timeout < 0) {
		vici_reply_ok(s);
		v->host.command(v->host.context, command);
		return;
	}
	if (timeout > INT32_MAX)
		timeout = INT32_MAX;
	s->pending = (struct vici_pending){
		.id = command->id,
		.kind = command->kind,
		.deadline = timeout ? now + (uint64_t)timeout * NS_PER_MS : IKE_TIME_NEVER,
		.timeout_ms = (uint64_t)timeout,
		.level = level < 0 ? 0 : (unsigned)(level > 4 ? 4 : level),
		.waits = true,
	};
	v->host.command(v->host.context, command);
}

static bool read_id(const struct tree_node *request, const char *name, uint32_t *ret_id)
{
	int64_t id = vici_number(request, name, tree_text(request, name) ? -1 : 0);

	if (id < 0 || id > UINT32_MAX)
		return false;
	*ret_id = (uint32_t)id;
	return true;
}

/* Names and ids of a request. False: it was answered. */
static bool read_targets(
	struct vici_session *s, const struct tree_node *request, struct ike_command *command)
{
	command->ike = tree_text(request, "ike");
	command->child = tree_text(request, "child");
	if (!read_id(request, "ike-id", &command->ike_id) ||
		!read_id(request, "child-id", &command->child_id)) {
		vici_reply_fail(s, "ike-id and child-id are numbers, as list-sas shows them");
		return false;
	}
	if (command->ike || command->child || command->ike_id || command->child_id)
		return true;
	vici_reply_fail(s,
		"which one? Give its name with child or ike, or its number with "
		"child-id or ike-id");
	return false;
}

static void command_initiate(struct vici_session *s, const struct tree_node *request)
{
	struct ike_command command = { .kind = IKE_COMMAND_INITIATE,
		.ike = tree_text(request, "ike"),
		.child = tree_text(request, "child") };

	if (!command.ike && !command.child)
		vici_reply_fail(s, "which one? Give its name with child or ike");
	else
		vici_start(s, request, &command);
}

static void command_terminate(struct vici_session *s, const struct tree_node *request)
{
	struct ike_command command = { .kind = IKE_COMMAND_TERMINATE,
		.force = vici_yes(request, "force") };

	if (read_targets(s, request, &command))
		vici_start(s, request, &command);
}

static void command_rekey(struct vici_session *s, const struct tree_node *request)
{
	struct ike_command command = { .kind = IKE_COMMAND_REKEY,
		.reauth = vici_yes(request, "reauth") };

	if (command.reauth && !tree_text(request, "ike") && !tree_text(request, "ike-id"))
		vici_reply_fail(s,
			"reauth is of an IKE SA with all its children: give its name with ike, or its number with ike-id");
	else if (read_targets(s, request, &command))
		vici_start(s, request, &command);
}

static void set_trap(
	struct vici_session *s, const struct tree_node *request, enum ike_command_kind kind)
{
	struct ike_command command = {
		.kind = kind, .ike = tree_text(request, "ike"), .child = tree_text(request, "child")
	};

	if (!command.child)
		vici_reply_fail(s, "which one? Give its name with child");
	else
		vici_start(s, request, &command);
}

static void command_install(struct vici_session *s, const struct tree_node *request)
{
	set_trap(s, request, IKE_COMMAND_TRAP);
}

static void command_uninstall(struct vici_session *s, const struct tree_node *request)
{
	set_trap(s, request, IKE_COMMAND_UNTRAP);
}

/* The gateway, and whom it is for. False: it was answered. */
static bool read_redirect(struct vici_session *s, const struct tree_node *request,
	struct ike_command *command, struct gateway *gateway)
{
	const char *to = tree_text(request, "gateway"), *ip = tree_text(request, "peer-ip");
	struct host_pattern peers = { .kind = HOST_ANY };
	char problem[200];

	command->ike = tree_text(request, "ike");
	if (!to || !gateway_parse(to, gateway)) {
		vici_reply_fail(s, "gateway is the address or the name of the other gateway");
		return false;
	}
	if (ip && conf_host_parse(ip, &peers, problem, sizeof(problem)) < 0) {
		vici_reply_fail(s, "peer-ip: %s", problem);
		return false;
	}
	if (peers.kind == HOST_NAME || !read_id(request, "ike-id", &command->ike_id)) {
		vici_reply_fail(s,
			"peer-ip is an address, a subnet or a range; ike-id a number, as list-sas shows it");
		return false;
	}
	if (!command->ike && !command->ike_id && !ip && !tree_text(request, "peer-id")) {
		vici_reply_fail(
			s, "whom? Say ike, ike-id, peer-ip or peer-id; peer-id %%any is all");
		return false;
	}
	command->gateway = gateway;
	command->peer_first = peers.first;
	command->peer_last = peers.last;
	return true;
}

static void command_redirect(struct vici_session *s, const struct tree_node *request)
{
	struct ike_command command = { .kind = IKE_COMMAND_REDIRECT };
	const char *id = tree_text(request, "peer-id");
	struct arena *arena = arena_new(ID_ARENA_BYTES);
	struct identity peer;
	struct gateway gateway;
	char problem[400];

	if (!arena)
		vici_reply_fail(s, "out of memory");
	else if (id && conf_identity_parse(arena, id, &peer, problem, sizeof(problem)) < 0)
		vici_reply_fail(s, "peer-id: %s", problem);
	else if (read_redirect(s, request, &command, &gateway)) {
		command.peer_id = id ? &peer : NULL;
		vici_start(s, request, &command);
	}
	arena_free(arena);
}

const struct vici_command vici_commands_control[] = {
	{ "initiate", command_initiate },
	{ "terminate", command_terminate },
	{ "rekey", command_rekey },
	{ "install", command_install },
	{ "uninstall", command_uninstall },
	{ "redirect", command_redirect },
	{ NULL, NULL },
};
