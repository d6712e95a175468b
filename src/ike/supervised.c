/* What the supervisor keeps: begun, changed and ended by the configuration, held and released by the
 * operator, shown by `tern status`. */
#include "ike/supervised.h"

#include <stdlib.h>

#include "ike/child.h"
#include "ike/protocol.h"
#include "ike/trap.h"

/* The operator. */

static bool selected(const char *wanted, const char *name)
{
	return !wanted || strcmp(wanted, name) == 0;
}

/* An attempt that is under way for something that isn't wanted any more. */
static void attempts_end(struct supervised *s, const struct supervised_child *child)
{
	for (struct ike_sa *sa = supervised_sas(s); sa; sa = sa->next_named)
		if (!sa->gone && supervised_sets_up(sa, child))
			sa_doom(sa, SA_END_COMMAND, "taken down");
}

uint32_t supervise_hold(struct ike_engine *e, const char *name, const char *child)
{
	uint32_t count = 0;

	for (struct supervised *s = e->supervised; s; s = s->next) {
		for (size_t i = 0; i < s->connection->child_count; i++) {
			struct supervised_child *each = &s->children[i];

			if (!selected(name, s->connection->name) ||
				!selected(child, each->config->name))
				continue;
			count += supervised_is_missing(s, each);
			each->held = true;
			attempts_end(s, each);
			supervised_touch(s);
		}
	}
	return count;
}

static void start_afresh(struct supervised *s, struct supervised_child *child)
{
	child->failures = s->failures = 0;
	child->next_at = s->next_at = s->engine->now;
	supervised_touch(s);
}

void supervise_release(struct ike_engine *e, const char *name, const char *child)
{
	struct supervised *s = supervised_find(e, name);

	for (size_t i = 0; s && i < s->connection->child_count; i++) {
		if (!selected(child, s->children[i].config->name))
			continue;
		s->children[i].held = false;
		start_afresh(s, &s->children[i]);
	}
}

/* The configuration. */

static void untouch(struct supervised *s)
{
	struct supervised **link = &s->engine->touched;

	while (*link && *link != s)
		link = &(*link)->next_touched;
	if (*link)
		*link = s->next_touched;
}

static void supervised_free(struct supervised *s)
{
	if (s->dirty)
		untouch(s);
	timer_clear(&s->engine->timers, &s->timer);
	for (size_t i = 0; i < s->connection->child_count; i++)
		free(s->children[i].why);
	connection_release(s->connection);
	free(s);
}

static struct supervised *supervised_new(struct ike_engine *e, const struct connection *c)
{
	struct supervised *s = calloc(1, sizeof(*s) + c->child_count * sizeof(s->children[0]));

	if (!s)
		return NULL;
	s->engine = e;
	s->connection = connection_hold(c);
	s->timer = (struct timer){ .owner = s, .kind = TIMER_SUPERVISE };
	supervised_touch(s);
	for (size_t i = 0; i < c->child_count; i++)
		s->children[i] = (struct supervised_child){
			.config = &c->children[i],
			.wanted = protocol_of(c) &&
				(c->children[i].start_action & CHILD_ACTION_START),
			.down_since = e->now,
		};
	return s;
}

static bool is_wanted(const struct supervised *s, const char *name)
{
	for (size_t i = 0; i < s->connection->child_count; i++)
		if (s->children[i].wanted && strcmp(s->children[i].config->name, name) == 0)
			return true;

	return false;
}

/* Whether the SA carries nothing but what is undone. */
static bool carries_only(const struct ike_sa *sa, const struct supervised *s)
{
	for (const struct child_sa *c = sa->children; c; c = c->next)
		if (!is_wanted(s, c->config->name))
			return false;

	return true;
}

/* Undoes what a start began: the child is closed, and its IKE SA where it carries nothing else. */
static void undo_start(struct supervised *s, const struct supervised_child *child)
{
	attempts_end(s, child);
	for (struct ike_sa *sa = supervised_sas(s); sa; sa = sa->next_named) {
		if (sa->gone || !sa->established_at || sa_ending(sa) || !sa->children)
			continue;
		if (carries_only(sa, s)) {
			intent_add(sa, &(struct intent){ .kind = INTENT_DELETE_IKE });
			continue;
		}
		for (struct child_sa *c = sa->children; c; c = c->next)
			if (strcmp(c->config->name, child->config->name) == 0)
				intent_add(sa,
					&(struct intent){
						.kind = INTENT_DELETE_CHILD, .child_id = c->id });
	}
}

/* `by`: what comes in its place, or NULL. Traps that it wants too were moved to it; without one all
 * are gone. */
static void undo(struct supervised *s, const struct connection *by)
{
	for (size_t i = 0; i < s->connection->child_count; i++) {
		const struct supervised_child *child = &s->children[i];
		const struct child_config *next =
			by ? connection_child(by, child->config->name) : NULL;

		if (child->wanted)
			undo_start(s, child);
		if (child->trapped && next && !(next->start_action & CHILD_ACTION_TRAP))
			trap_remove(s->engine, by, next);
	}
}

static struct supervised *supervised_take(struct ike_engine *e, const char *name)
{
	struct supervised *s = supervised_find(e, name);

	if (!s)
		return NULL;
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	engine_named(e, name, true)->supervised = NULL;
	return s;
}

static void supervised_add(struct supervised *s)
{
	struct ike_engine *e = s->engine;

	s->next = e->supervised;
	s->link = &e->supervised;
	if (s->next)
		s->next->link = &s->next;
	e->supervised = s;
	engine_named(e, s->connection->name, true)->supervised = s;
}

static void replace(struct ike_engine *e, const char *name, const struct connection *by)
{
	struct supervised *s = supervised_take(e, name);

	if (!s)
		return;
	undo(s, by);
	supervised_free(s);
	engine_named_drop(e, name);
}

void supervise_load(struct ike_engine *e, const struct connection *connection)
{
	struct supervised *s = supervised_find(e, connection->name);

	if (s && s->connection == connection) {
		for (size_t i = 0; i < connection->child_count; i++)
			start_afresh(s, &s->children[i]);
		return;
	}
	replace(e, connection->name, connection);
	s = supervised_new(e, connection);
	if (!s)
		return;
	supervised_add(s);
	for (size_t i = 0; i < connection->child_count; i++)
		if (protocol_of(connection) &&
			(connection->children[i].start_action & CHILD_ACTION_TRAP))
			supervised_lay_trap(s, &s->children[i]);
}

void supervise_unload(struct ike_engine *e, const char *name)
{
	replace(e, name, NULL);
}

void supervise_free(struct ike_engine *e)
{
	while (e->supervised) {
		struct supervised *s = e->supervised;
		struct named *named = engine_named(e, s->connection->name, true);

		named->supervised = NULL;
		e->supervised = s->next;
		engine_named_drop(e, s->connection->name);
		supervised_free(s);
	}
}

/* Reading. */

static void view(
	struct supervised *s, const struct supervised_child *child, struct ike_supervised_view *ret)
{
	const struct ike_sa *sa = supervised_maker(s, child);

	*ret = (struct ike_supervised_view){
		.connection = s->connection,
		.config = child->config,
		.down_since = child->down_since,
		.why = child->why ? child->why : "",
		.attempts = s->failures > child->failures ? s->failures : child->failures,
		.tried = s->tried,
		.next_to = supervised_next_to(s),
		.next_at = sa ? s->engine->now : supervised_due_at(s, child),
		.state = child->held ? IKE_SUPERVISED_HELD
			: sa         ? IKE_SUPERVISED_TRYING
				     : IKE_SUPERVISED_WAITING,
	};
	if (sa && sa->path_known)
		ret->tried = sa->path.remote;
	if (ret->state == IKE_SUPERVISED_WAITING && supervised_given_up(s, child))
		ret->state = IKE_SUPERVISED_GIVEN_UP;
	ret->attempts += ret->state == IKE_SUPERVISED_TRYING;
}

bool ike_next_supervised(
	const struct ike_engine *e, size_t *position, struct ike_supervised_view *ret_view)
{
	size_t at = 0;

	for (struct supervised *s = e->supervised; s; s = s->next) {
		for (size_t i = 0; i < s->connection->child_count; i++, at++) {
			const struct supervised_child *child = &s->children[i];

			if (at < *position || !child->wanted || supervised_is_up(s, child))
				continue;
			*position = at + 1;
			view(s, child, ret_view);
			return true;
		}
	}
	return false;
}
