/* What should be up is a flag of each configured child: set by start_action, by a dpd_action or
 * close_action of start, cleared by their being none. What is up is looked up, not remembered, so
 * that nothing that happens to SAs can make the two drift apart; events only set the flags, count
 * failures and say when to try again. An attempt that follows a tunnel that has lasted begins at
 * once, the next ones after waits that double, up to a limit, each shortened by a random part. */
#include "ike/supervised.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/duration.h"
#include "ike/child.h"
#include "ike/exchange.h"
#include "ike/trap.h"

/* A peer that set up the IKE SA is given this long to create its children before we ask for those
 * that are missing. */
#define PEER_FIRST_NS (2 * NS_PER_SECOND)

struct supervised *supervised_find(const struct ike_engine *e, const char *name)
{
	const struct named *n = engine_named((struct ike_engine *)(uintptr_t)e, name, false);

	return n ? n->supervised : NULL;
}

static struct supervised *supervised_of(const struct ike_sa *sa)
{
	return sa->connection ? supervised_find(sa->engine, sa->connection->name) : NULL;
}

static struct supervised_child *child_of(struct supervised *s, const char *name)
{
	for (size_t i = 0; s && i < s->connection->child_count; i++)
		if (strcmp(s->children[i].config->name, name) == 0)
			return &s->children[i];

	return NULL;
}

/* What is there. */

struct ike_sa *supervised_sas(const struct supervised *s)
{
	return engine_sas(s->engine, s->connection->name);
}

bool supervised_is_up(const struct supervised *s, const struct supervised_child *child)
{
	for (const struct ike_sa *sa = supervised_sas(s); sa; sa = sa->next_named) {
		if (sa->gone || sa_ending(sa))
			continue;
		if (child_live(sa, child->config->name))
			return true;
	}
	return false;
}

static bool creates(const struct intent *i, const struct supervised_child *child)
{
	return i && i->kind == INTENT_CREATE_CHILD && i->config &&
		strcmp(i->config->name, child->config->name) == 0;
}

bool supervised_sets_up(const struct ike_sa *sa, const struct supervised_child *child)
{
	return sa->setup && sa->initiator && !sa->established_at && sa->setup->child &&
		strcmp(sa->setup->child->name, child->config->name) == 0;
}

static bool sa_makes(const struct ike_sa *sa, const struct supervised_child *child)
{
	if (supervised_sets_up(sa, child))
		return true;
	for (const struct intent *i = sa->intents; i; i = i->next)
		if (creates(i, child))
			return true;

	return sa->ours && creates(sa->ours->intent, child);
}

const struct ike_sa *supervised_maker(
	const struct supervised *s, const struct supervised_child *child)
{
	for (const struct ike_sa *sa = supervised_sas(s); sa; sa = sa->next_named)
		if (!sa->gone && !sa_ending(sa) && sa_makes(sa, child))
			return sa;

	return NULL;
}

/* An IKE SA that stands or that we are setting up, made from what is configured now. */
static struct ike_sa *carrier(const struct supervised *s)
{
	for (struct ike_sa *sa = supervised_sas(s); sa; sa = sa->next_named)
		if (!sa->gone && !sa_ending(sa) && sa->connection == s->connection &&
			(sa->established_at || sa->initiator))
			return sa;

	return NULL;
}

/* Waiting. */

/* After `failures` in a row. */
static uint64_t wait_ns(const struct supervised *s, uint32_t failures)
{
	const struct ike_options *o = &s->engine->options;
	uint64_t wait = o->retry_wait_ns;

	for (uint32_t i = 1; i < failures && wait < o->retry_wait_max_ns; i++)
		wait *= 2;
	if (wait > o->retry_wait_max_ns)
		wait = o->retry_wait_max_ns;
	if (o->retry_jitter_percent)
		wait -= wait / 100 * random_below(&o->random, o->retry_jitter_percent + 1);
	return wait;
}

/* What has lasted is tried again soon: a little later than at once, so that the peer that closed it
 * to set it up anew goes first, and so that many don't come at the same time. */
static ike_time next_after(struct supervised *s, ike_time up_at, uint32_t *failures)
{
	struct ike_engine *e = s->engine;

	if (up_at && e->now - up_at >= e->options.retry_settle_ns) {
		*failures = 0;
		return e->now + random_below(&e->options.random, e->options.retry_wait_ns / 2 + 1);
	}
	++*failures;
	return e->now + wait_ns(s, *failures);
}

bool supervised_given_up(const struct supervised *s, const struct supervised_child *child)
{
	uint32_t tries = s->connection->keyingtries;
	const struct ike_sa *sa = tries ? carrier(s) : NULL;

	return tries &&
		((s->failures >= tries && !(sa && sa->established_at)) || child->failures >= tries);
}

bool supervised_is_missing(const struct supervised *s, const struct supervised_child *child)
{
	return child->wanted && !child->held && !supervised_is_up(s, child);
}

ike_time supervised_due_at(const struct supervised *s, const struct supervised_child *child)
{
	const struct ike_sa *sa = carrier(s);
	ike_time due = child->next_at;

	if (supervised_given_up(s, child))
		return IKE_TIME_NEVER;
	if (!sa)
		return due > s->next_at ? due : s->next_at;
	if (sa->established_at && !sa->initiator && due < sa->established_at + PEER_FIRST_NS)
		due = sa->established_at + PEER_FIRST_NS;
	return due;
}

void supervised_touch(struct supervised *s)
{
	if (!s || s->dirty)
		return;
	s->dirty = true;
	s->next_touched = s->engine->touched;
	s->engine->touched = s;
}

static void say_why(struct supervised_child *child, const char *why)
{
	free(child->why);
	child->why = strdup(why && *why ? why : "no reason known");
}

/* Converging. */

static void bring_up(struct supervised *s, const struct supervised_child *child)
{
	struct ike_sa *sa = carrier(s);

	if (sa)
		intent_add(sa,
			&(struct intent){ .kind = INTENT_CREATE_CHILD, .config = child->config });
	else
		sa_initiate(s->engine, s->connection, child->config, 0);
}

static bool for_nobody_else(const struct ike_sa *sa)
{
	for (const struct intent *i = sa->intents; i; i = i->next)
		if (i->command)
			return false;

	return !sa->command;
}

/* The peer came first while it had answered nothing of ours: one of the two is enough. Once it has
 * answered, uniqueness decides. */
static void attempt_drop(struct supervised *s, const struct supervised_child *child)
{
	if (s->connection->vip_count)
		return; /* only our own brings us a virtual address */
	for (struct ike_sa *sa = supervised_sas(s); sa; sa = sa->next_named)
		if (!sa->gone && !sa->renewal && supervised_sets_up(sa, child) && !sa->keys.in &&
			for_nobody_else(sa))
			sa_doom(sa, SA_END_COMMAND, "the peer came first");
}

static void converge(struct supervised *s)
{
	struct ike_engine *e = s->engine;
	ike_time next = IKE_TIME_NEVER;

	for (size_t i = 0; i < s->connection->child_count; i++) {
		struct supervised_child *child = &s->children[i];
		ike_time due;

		if (child->wanted && supervised_is_up(s, child))
			attempt_drop(s, child);
		if (!supervised_is_missing(s, child) || supervised_maker(s, child))
			continue;
		due = supervised_due_at(s, child);
		if (due <= e->now)
			bring_up(s, child);
		else if (due < next)
			next = due;
	}
	timer_set(&e->timers, &s->timer, next);
}

/* An attempt that fails at once makes its connection dirty again, but with a wait. */
void supervise_run(struct ike_engine *e)
{
	struct supervised *s, *list = e->ending ? NULL : e->touched;

	if (!list)
		return;
	e->touched = NULL;
	while ((s = list)) {
		list = s->next_touched;
		s->dirty = false;
		converge(s);
		if (s->dirty)
			timer_set(&e->timers, &s->timer, e->now);
	}
}

void supervise_due(struct supervised *s)
{
	supervised_touch(s);
}

const char *supervised_next_to(const struct supervised *s)
{
	const struct host_list *remote = &s->connection->remote_addrs;

	for (size_t i = 0; i < remote->count; i++)
		if (remote->list[i].kind != HOST_ADDRESS && remote->count > 1)
			return "";

	return remote->count ? remote->list[s->attempt % remote->count].text : "";
}

/* One line for each failure: since when, what was tried, when it goes on. */
static void tell_next(struct supervised *s, const struct supervised_child *child)
{
	char text[500], since[DURATION_TEXT_MAX], wait[DURATION_TEXT_MAX];
	ike_time now = s->engine->now, due = supervised_due_at(s, child);
	const char *to = supervised_next_to(s);

	duration_print((now - child->down_since) / NS_PER_SECOND, since);
	if (due == IKE_TIME_NEVER)
		snprintf(text, sizeof(text),
			"down for %s: given up after %u attempts (keyingtries); `tern up` tries again",
			since, s->connection->keyingtries);
	else
		snprintf(text, sizeof(text), "down for %s, next try in %s%s%s (attempt %u)", since,
			duration_print(
				due > now ? (due - now + NS_PER_SECOND / 2) / NS_PER_SECOND : 0,
				wait),
			*to ? " to " : "", to,
			(s->failures > child->failures ? s->failures : child->failures) + 1);
	engine_tell(s->engine,
		&(struct ike_event){ .kind = IKE_EVENT_NOTE,
			.level = 0,
			.ike_name = s->connection->name,
			.child_name = child->config->name,
			.text = text });
}

/* What happens. */

void supervise_sa_up(struct ike_sa *sa)
{
	struct supervised *s = supervised_of(sa);

	if (s && sa->initiator) {
		s->tried = sa->path.remote;
		if (!sa->setup || sa->setup->gateway.type == GATEWAY_NONE)
			s->attempt = sa->attempt; /* that one works: the next begins there */
	}
	supervised_touch(s);
}

/* Of our own attempts all that fail count, whoever asked for them. */
static void attempt_over(struct supervised *s, const struct ike_sa *sa, const char *why)
{
	struct supervised_child *first = NULL;

	s->attempt++;
	s->next_at = next_after(s, 0, &s->failures);
	if (sa->path_known)
		s->tried = sa->path.remote;
	for (size_t i = 0; i < s->connection->child_count; i++) {
		struct supervised_child *child = &s->children[i];

		if (!supervised_is_missing(s, child))
			continue;
		say_why(child, why);
		if (!first)
			first = child;
	}
	if (first && !s->engine->ending)
		tell_next(s, first);
}

void supervise_sa_over(struct ike_sa *sa, enum sa_end end, const char *why)
{
	struct supervised *s = supervised_of(sa);

	supervised_touch(s);
	if (!s || end == SA_END_COMMAND || end == SA_END_REPLACED)
		return;
	if (sa->established_at)
		s->next_at = next_after(s, sa->established_at, &s->failures);
	else if (sa->initiator)
		attempt_over(s, sa, why);
}

void supervise_child_up(struct child_sa *c)
{
	struct supervised *s = supervised_of(c->sa);
	struct supervised_child *child = child_of(s, c->config->name);

	supervised_touch(s);
	if (child)
		child->down_since = 0;
}

void supervised_lay_trap(struct supervised *s, struct supervised_child *child)
{
	child->trapped = trap_install(s->engine, s->connection, child->config, NULL, 0) == 0;
}

static void act(struct supervised *s, struct supervised_child *child, uint8_t action)
{
	child->wanted = action & CHILD_ACTION_START;
	if (action & CHILD_ACTION_TRAP && !s->engine->ending)
		supervised_lay_trap(s, child);
}

/* Most children of a gateway begin nothing here. */
static bool concerns(const struct supervised_child *child)
{
	return child->wanted || child->config->close_action || child->config->dpd_action;
}

void supervise_child_over(struct child_sa *c, enum sa_end end, const char *why)
{
	struct supervised *s = supervised_of(c->sa);
	struct supervised_child *child = child_of(s, c->config->name);

	if (!child || !concerns(child))
		return;
	supervised_touch(s);
	if (supervised_is_up(s, child))
		return;
	child->down_since = s->engine->now;
	if (end == SA_END_PEER_DELETED)
		act(s, child, child->config->close_action);
	else if (end == SA_END_PEER_GONE)
		act(s, child, child->config->dpd_action);
	if (end == SA_END_COMMAND || end == SA_END_REPLACED)
		return;
	say_why(child, why);
	child->next_at = next_after(s, c->installed_at, &child->failures);
}

void supervise_child_failed(struct ike_sa *sa, const struct child_config *config, const char *why)
{
	struct supervised *s = supervised_of(sa);
	struct supervised_child *child = child_of(s, config->name);

	if (sa->renewal)
		return; /* the IKE SA that this one was to replace goes on, with its child */
	supervised_touch(s);
	if (sa->gone || !child || !supervised_is_missing(s, child))
		return;
	say_why(child, why);
	child->next_at = next_after(s, 0, &child->failures);
	s->tried = sa->path.remote;
	if (!s->engine->ending)
		tell_next(s, child);
}

void supervise_renewal_over(struct ike_sa *sa)
{
	supervised_touch(supervised_of(sa));
}

uint32_t supervise_attempt(const struct ike_engine *e, const char *name)
{
	const struct supervised *s = supervised_find(e, name);

	return s ? s->attempt : 0;
}
