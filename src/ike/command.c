/* Commands: what an operator asks of the engine, by name or by id. Each that somebody waits for
 * ends in one IKE_EVENT_DONE. */
#include "ike/command.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/child.h"
#include "ike/exchange.h"
#include "ike/protocol.h"
#include "ike/renew.h"
#include "ike/supervise.h"
#include "ike/trap.h"
#include "ike/v2/configuration.h"
#include "ike/v2/exchanges.h"
#include "ike/v2/redirect.h"

static bool same_name(const char *wanted, const char *name)
{
	return !wanted || strcmp(wanted, name) == 0;
}

/* Initiating. */

static bool is_live(const struct ike_sa *sa)
{
	return !sa->gone && (sa->established_at || sa->initiator) && !sa_ending(sa);
}

/* One made from what is configured now rather than one that a reload has left. */
static struct ike_sa *live_sa(struct ike_engine *e, const struct connection *c)
{
	struct ike_sa *found = NULL;

	for (struct ike_sa *sa = engine_sas(e, c->name); sa; sa = sa->next_named) {
		if (!is_live(sa))
			continue;
		if (sa->connection == c)
			return sa;
		if (!found)
			found = sa;
	}
	return found;
}

void bring_up_child(struct ike_engine *e, const struct connection *c,
	const struct child_config *child, uint64_t command)
{
	struct ike_sa *sa = live_sa(e, c);

	if (!sa)
		sa_initiate(e, c, child, command);
	else if (!child)
		command_done(e, command, true, 1, "up already");
	else if (sa->connection != c && !connection_child(sa->connection, child->name))
		command_done(e, command, false, 0,
			"the IKE SA that stands was made before this child was configured: take the connection down and up");
	else
		intent_add(sa,
			&(struct intent){ .kind = INTENT_CREATE_CHILD,
				.config = connection_child(sa->connection, child->name),
				.command = command });
}

/* In any IKE SA: a peer whose configuration changed sets up another beside the one that it left. */
static bool is_up(struct ike_engine *e, const struct connection *c, const char *child)
{
	for (const struct ike_sa *sa = engine_sas(e, c->name); sa; sa = sa->next_named)
		if (is_live(sa) && child_live(sa, child))
			return true;

	return false;
}

static void bring_up(struct ike_engine *e, const struct connection *c,
	const struct child_config *child, uint64_t command)
{
	char why[300];

	if (child && mode_is_shunt(child->mode)) {
		snprintf(why, sizeof(why),
			"child %s is a shunt (mode = %s, %s:%u), which no peer is asked for: install it",
			child->name, child->mode == CHILD_PASS ? "pass" : "drop", child->where.file,
			child->where.line);
		command_done(e, command, false, 0, why);
	} else if (child && is_up(e, c, child->name))
		command_done(e, command, true, 1, "up already");
	else
		bring_up_child(e, c, child, command);
}

static const struct connection *find_child(struct ike_engine *e, const struct ike_command *command,
	const struct child_config **ret_child)
{
	for (size_t i = 0; i < e->connection_count; i++) {
		const struct connection *c = e->connections[i];

		*ret_child = same_name(command->ike, c->name) ? connection_child(c, command->child)
							      : NULL;
		if (*ret_child)
			return c;
	}
	return NULL;
}

static void expect(struct ike_engine *e, uint64_t id, uint32_t count)
{
	for (size_t i = 0; id && i < PENDING_COMMANDS; i++) {
		if (e->pending[i].id)
			continue;
		e->pending[i] =
			(struct pending_command){ .id = id, .remaining = count, .ok = true };
		return;
	}
	/* Where there are too many, the first part's end counts as the end. */
}

static void done_unknown(struct ike_engine *e, const struct ike_command *command)
{
	char text[300];

	snprintf(text, sizeof(text), "no %s '%s' in the loaded configuration; see `tern conns`",
		command->child ? "child" : "connection",
		command->child         ? command->child
			: command->ike ? command->ike
				       : "");
	command_done(e, command->id, false, 0, text);
}

static bool speaks(struct ike_engine *e, const struct connection *c, uint64_t command)
{
	if (!protocol_of(c))
		command_done(e, command, false, 0,
			"version = 1: this tern was built without IKEv1 (-Dikev1=false)");
	return protocol_of(c);
}

static void initiate(struct ike_engine *e, const struct ike_command *command)
{
	const struct child_config *child = NULL;
	const struct connection *c = command->child ? find_child(e, command, &child)
		: command->ike                      ? engine_connection(e, command->ike)
						    : NULL;
	uint32_t wanted = 0;

	if (!c) {
		done_unknown(e, command);
		return;
	}
	if (!speaks(e, c, command->id))
		return;
	supervise_release(e, c->name, command->child);
	if (child || c->child_count == 0) {
		bring_up(e, c, child, command->id);
		return;
	}
	for (size_t i = 0; i < c->child_count; i++)
		wanted += !mode_is_shunt(c->children[i].mode);
	expect(e, command->id, wanted ? wanted : (uint32_t)c->child_count);
	for (size_t i = 0; i < c->child_count; i++)
		if (!wanted || !mode_is_shunt(c->children[i].mode))
			bring_up(e, c, &c->children[i], command->id);
}

/* Traps. */

static void set_trap(struct ike_engine *e, const struct ike_command *command)
{
	const struct child_config *child = NULL;
	const struct connection *c = command->child ? find_child(e, command, &child) : NULL;
	char why[400] = "";

	if (!c)
		done_unknown(e, command);
	else if (command->kind == IKE_COMMAND_UNTRAP)
		command_done(e, command->id, trap_remove(e, c, child), 1,
			"the child is not trapped: see `tern status`");
	else if (speaks(e, c, command->id))
		command_done(
			e, command->id, trap_install(e, c, child, why, sizeof(why)) == 0, 1, why);
}

/* Terminating and rekeying. */

static bool wants_child(const struct ike_command *command)
{
	return command->child || command->child_id;
}

static bool peer_selected(const struct ike_sa *sa, const struct ike_command *command)
{
	const struct address *at = &sa->path.remote.address;
	struct id_payload id = ike_id_payload(&sa->remote_id);

	if (command->peer_first.family &&
		(command->peer_first.family != at->family ||
			address_compare(&command->peer_first, at) > 0 ||
			address_compare(at, &command->peer_last) > 0))
		return false;
	if (command->kind == IKE_COMMAND_REDIRECT && !sa->established_at)
		return false;
	return !command->peer_id || conf_id_match(command->peer_id, &id);
}

static bool sa_selected(const struct ike_sa *sa, const struct ike_command *command)
{
	return !sa->gone && sa->state != IKE_REKEYED && peer_selected(sa, command) &&
		same_name(command->ike, sa_name(sa)) &&
		(!command->ike_id || command->ike_id == sa->id);
}

static bool child_selected(const struct child_sa *c, const struct ike_command *command)
{
	bool live = c->state == IKE_CHILD_INSTALLED || c->state == IKE_CHILD_REKEYING;

	return live && same_name(command->child, c->config->name) &&
		(!command->child_id || command->child_id == c->id);
}

/* Those that an id or a name leaves to be looked at. */
static struct ike_sa *first_of(const struct ike_engine *e, const struct ike_command *command)
{
	if (command->ike_id)
		return sa_find(e, command->ike_id);
	return command->ike ? engine_sas(e, command->ike) : e->sas;
}

static struct ike_sa *next_of(const struct ike_sa *sa, const struct ike_command *command)
{
	if (command->ike_id)
		return NULL;
	return command->ike ? sa->next_named : sa->next;
}

static uint32_t count_selected(const struct ike_engine *e, const struct ike_command *command)
{
	uint32_t count = 0;

	for (const struct ike_sa *sa = first_of(e, command); sa; sa = next_of(sa, command)) {
		if (!sa_selected(sa, command))
			continue;
		if (!wants_child(command)) {
			count++;
			continue;
		}
		for (const struct child_sa *c = sa->children; c; c = c->next)
			count += child_selected(c, command);
	}
	return count;
}

static void end_sa(struct ike_sa *sa, const struct ike_command *command)
{
	if (sa->connection)
		supervise_hold(sa->engine, sa->connection->name, NULL);
	if (sa->established_at && !command->force) {
		intent_add(
			sa, &(struct intent){ .kind = INTENT_DELETE_IKE, .command = command->id });
		return;
	}
	sa_doom(sa, SA_END_COMMAND, "taken down");
	command_done(sa->engine, command->id, true, 1, "");
}

static void end_child(struct child_sa *c, const struct ike_command *command)
{
	struct ike_sa *sa = c->sa;

	supervise_hold(sa->engine, sa_name(sa), c->config->name);
	if (command->force) {
		/* The peer is told, but nobody waits for it. */
		intent_add(sa, &(struct intent){ .kind = INTENT_DELETE_CHILD, .child_id = c->id });
		command_done(sa->engine, command->id, true, 1, "");
	} else {
		intent_add(sa,
			&(struct intent){ .kind = INTENT_DELETE_CHILD,
				.child_id = c->id,
				.command = command->id });
	}
}

static void apply_to_children(struct ike_sa *sa, const struct ike_command *command)
{
	struct child_sa *next;

	for (struct child_sa *c = sa->children; c; c = next) {
		next = c->next;
		if (!child_selected(c, command))
			continue;
		if (command->kind == IKE_COMMAND_TERMINATE)
			end_child(c, command);
		else
			intent_add(sa,
				&(struct intent){ .kind = INTENT_REKEY_CHILD,
					.child_id = c->id,
					.command = command->id });
	}
}

/* What waits to be tried again is taken down, too. */
static uint32_t hold_waiting(struct ike_engine *e, const struct ike_command *command)
{
	if (command->kind != IKE_COMMAND_TERMINATE || command->ike_id || command->child_id)
		return 0;
	return supervise_hold(e, command->ike, command->child);
}

static void apply(struct ike_engine *e, const struct ike_command *command)
{
	uint32_t held = hold_waiting(e, command), count = count_selected(e, command);

	if (!count && held) {
		command_done(e, command->id, true, held, "not tried any more");
		return;
	}

	if (!count) {
		command_done(e, command->id, false, 0, "nothing matches: see `tern status`");
		return;
	}
	expect(e, command->id, count);
	for (struct ike_sa *sa = first_of(e, command); sa; sa = next_of(sa, command)) {
		if (!sa_selected(sa, command))
			continue;
		if (wants_child(command))
			apply_to_children(sa, command);
		else if (command->kind == IKE_COMMAND_TERMINATE)
			end_sa(sa, command);
		else if (command->kind == IKE_COMMAND_REDIRECT)
			redirect_command(sa, command);
		else if (command->reauth)
			renew_command(sa, command->id);
		else
			intent_add(sa,
				&(struct intent){
					.kind = INTENT_REKEY_IKE, .command = command->id });
	}
}

static void shutdown_all(struct ike_engine *e, const struct ike_command *command)
{
	struct ike_command end = { .kind = IKE_COMMAND_TERMINATE };

	if (e->shutting_down) {
		if (command->id != e->shutdown_command)
			command_done(e, command->id, false, 0, "it is shutting down already");
		return;
	}
	e->shutting_down = e->ending = true;
	e->shutdown_command = command->id;
	for (struct ike_sa *sa = e->sas; sa; sa = sa->next)
		if (!sa->gone)
			end_sa(sa, &end);
	e->shutdown_timer = (struct timer){ .owner = e, .kind = TIMER_SHUTDOWN };
	timer_set(&e->timers, &e->shutdown_timer, e->now + e->options.shutdown_limit_ns);
}

void shutdown_late(struct ike_engine *e)
{
	for (struct ike_sa *sa = e->sas; sa; sa = sa->next)
		if (!sa->gone)
			sa_doom(sa, SA_END_COMMAND, "the peer did not confirm in time");
}

static void change_pool(struct ike_engine *e, const struct ike_command *command)
{
	char why[500] = "";
	bool ok = command->kind == IKE_COMMAND_LOAD_POOL
		? pools_load(e, command->pool, why, sizeof(why))
		: pools_unload(e, command->ike, why, sizeof(why));

	if (!ok)
		engine_tell(e,
			&(struct ike_event){
				.kind = IKE_EVENT_FAILED, .text = why, .command = command->id });
	command_done(e, command->id, ok, ok, why);
}

void command_run(struct ike_engine *e, const struct ike_command *command)
{
	switch (command->kind) {
	case IKE_COMMAND_LOAD:
		engine_load(e, command->connection);
		command_done(e, command->id, true, 1, "");
		break;
	case IKE_COMMAND_UNLOAD:
		if (engine_unload(e, command->ike))
			command_done(e, command->id, true, 1, "");
		else
			command_done(e, command->id, false, 0, "no connection has that name");
		break;
	case IKE_COMMAND_INITIATE:
		initiate(e, command);
		break;
	case IKE_COMMAND_TERMINATE:
	case IKE_COMMAND_REKEY:
	case IKE_COMMAND_REDIRECT:
		apply(e, command);
		break;
	case IKE_COMMAND_TRAP:
	case IKE_COMMAND_UNTRAP:
		set_trap(e, command);
		break;
	case IKE_COMMAND_LOAD_POOL:
	case IKE_COMMAND_UNLOAD_POOL:
		change_pool(e, command);
		break;
	case IKE_COMMAND_SHUTDOWN:
		shutdown_all(e, command);
		break;
	}
}

/* A command that began several things is done with the last of them. */
void command_done(
	struct ike_engine *e, uint64_t command, bool ok, uint32_t matches, const char *text)
{
	struct ike_event done = { .kind = IKE_EVENT_DONE,
		.ok = ok,
		.matches = matches,
		.text = text,
		.command = command };

	if (!command)
		return;
	if (command & TRAP_COMMAND) {
		trap_settled(e, command, ok, text);
		return;
	}
	for (size_t i = 0; i < PENDING_COMMANDS; i++) {
		struct pending_command *p = &e->pending[i];

		if (p->id != command)
			continue;
		p->matches++;
		if (!ok && p->ok)
			snprintf(p->text, sizeof(p->text), "%s", text);
		p->ok = p->ok && ok;
		if (--p->remaining)
			return;
		done.ok = p->ok;
		done.matches = p->matches;
		done.text = p->ok ? text : p->text;
		engine_tell(e, &done);
		p->id = 0;
		return;
	}
	engine_tell(e, &done);
}
