/* A trap waits for a packet, initiates its child, and waits again when the child has gone. One
 * acquisition is under way at a time; when it fails, what the plane kept is dropped and the next
 * packet has to wait a little, longer with each failure, so that a peer that refuses is not asked for
 * each packet. A shunt (mode = pass or drop) is a trap's policy that nothing follows from: the plane itself lets
 * its packets through in the clear, or drops them. */
#include "ike/trap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "ike/child.h"
#include "ike/command.h"
#include "ike/exchange.h"
#include "ike/marks.h"
#include "ike/narrow.h"

/* Between failed acquisitions: doubled with each, up to the most, with jitter. */
#define BACK_OFF_NS     NS_PER_SECOND
#define BACK_OFF_NS_MAX (16 * NS_PER_SECOND)

struct trap {
	struct trap *next;
	const struct connection *connection; /* held */
	const struct child_config *config;
	struct child_spec spec;
	bool acquiring;
	struct selector source, destination; /* the packet, while acquiring */
	unsigned failures;
	bool futile; /* a child came, but not one that takes the packet */
	ike_time not_before;
};

static bool trap_is(const struct trap *t, const char *connection, const char *child)
{
	return strcmp(t->connection->name, connection) == 0 && strcmp(t->config->name, child) == 0;
}

static struct trap *trap_find(const struct ike_engine *e, const char *connection, const char *child)
{
	for (struct trap *t = e->traps; t; t = t->next)
		if (trap_is(t, connection, child))
			return t;

	return NULL;
}

static struct trap *trap_by_reqid(const struct ike_engine *e, uint32_t reqid)
{
	for (struct trap *t = e->traps; t; t = t->next)
		if (t->spec.reqid == reqid)
			return t;

	return NULL;
}

bool trap_installed(
	const struct ike_engine *e, const struct connection *c, const struct child_config *config)
{
	return trap_find(e, c->name, config->name) != NULL;
}

static bool is_shunt(const struct trap *t)
{
	return mode_is_shunt(t->spec.mode);
}

static void trap_operate(struct ike_engine *e, const struct trap *t, enum ike_operation_kind kind)
{
	engine_operate(e,
		&(struct ike_operation){ .kind = kind,
			.spec = &t->spec,
			.config = t->config,
			.connection = t->connection });
}

static void trap_tell(struct ike_engine *e, const struct trap *t, enum ike_event_kind kind,
	uint8_t level, const char *text)
{
	engine_tell(e,
		&(struct ike_event){ .kind = kind,
			.level = level,
			.ike_name = t->connection->name,
			.child_name = t->config->name,
			.text = text });
}

/* What it traps: the configured selectors, as far as they are known before there is a peer. */

static struct address literal(const struct host_list *hosts)
{
	for (size_t i = 0; i < hosts->count; i++)
		if (hosts->list[i].kind == HOST_ADDRESS)
			return hosts->list[i].first;

	return (struct address){ 0 };
}

static bool has_peer(const struct connection *c)
{
	for (size_t i = 0; i < c->remote_addrs.count; i++)
		if (c->remote_addrs.list[i].kind == HOST_ADDRESS ||
			c->remote_addrs.list[i].kind == HOST_NAME)
			return true;

	return false;
}

static struct selector any_like(const struct selector *s, uint8_t family)
{
	struct selector any = *s;

	any.family = any.first.family = any.last.family = family;
	memset(any.first.octets, 0, sizeof(any.first.octets));
	memset(any.last.octets, 0, sizeof(any.last.octets));
	memset(any.last.octets, 0xff, address_size(&any.last));
	return any;
}

/* With no peer to come, `dynamic` without an address is any address. */
static void any_of_dynamic(const struct conf_selector *list, size_t count,
	const struct address *known, struct selectors *ret)
{
	for (size_t i = 0; i < count && !known->family; i++)
		for (uint8_t family = 4; family <= 6 && list[i].dynamic; family += 2)
			if (ret->count < SELECTORS_MAX)
				ret->list[ret->count++] = any_like(&list[i].selector, family);
}

/* `dynamic` without an address is any of the families that the other side has. */
static void local_selectors(const struct connection *c, const struct child_config *config,
	const struct selectors *remote, struct selectors *ret)
{
	struct address here = c->vip_count ? (struct address){ 0 } : literal(&c->local_addrs);
	struct selectors dynamic = { 0 };

	selectors_add_address(&dynamic, &here);
	selectors_configured(config->local_ts, config->local_ts_count, &dynamic, ret);
	for (size_t i = 0; i < config->local_ts_count && !here.family; i++) {
		for (uint8_t family = 4; family <= 6 && config->local_ts[i].dynamic; family += 2) {
			const struct selector any = any_like(&config->local_ts[i].selector, family);

			for (size_t j = 0; j < remote->count; j++) {
				if (remote->list[j].family != family || ret->count == SELECTORS_MAX)
					continue;
				ret->list[ret->count++] = any;
				break;
			}
		}
	}
}

static bool trap_selectors(const struct connection *c, const struct child_config *config,
	struct child_spec *spec, char *why, size_t why_size)
{
	struct address there = literal(&c->remote_addrs);
	struct where where = where_said(config->where_remote_ts, config->where);
	struct selectors dynamic = { 0 };

	if (!mode_is_shunt(config->mode) && !has_peer(c)) {
		snprintf(why, why_size,
			"child %s can't be trapped: connection %s has no remote address to initiate to (%s:%u); give it remote_addrs",
			config->name, c->name, c->where.file, c->where.line);
		return false;
	}
	spec->path.remote.address = there;
	selectors_add_address(&dynamic, &there);
	selectors_configured(config->remote_ts, config->remote_ts_count, &dynamic, &spec->remote);
	if (mode_is_shunt(config->mode))
		any_of_dynamic(config->remote_ts, config->remote_ts_count, &there, &spec->remote);
	local_selectors(c, config, &spec->remote, &spec->local);
	if (spec->remote.count && spec->local.count)
		return true;
	snprintf(why, why_size,
		"child %s can't be trapped: its remote selectors are not known before the tunnel is up (%s:%u); give it remote_ts, or the connection a numeric address in remote_addrs",
		config->name, where.file, where.line);
	return false;
}

/* Laying and lifting. */

/* The children that are there keep their reqid and marks: they are the trap's from now on. */
static void trap_tie(struct trap *t, struct ike_engine *e, const struct connection *c,
	const struct child_config *config)
{
	for (const struct ike_sa *sa = engine_sas(e, c->name); sa; sa = sa->next_named)
		for (const struct child_sa *child = sa->children; child; child = child->next)
			if (child->installed_in && strcmp(child->config->name, config->name) == 0) {
				t->spec.reqid = child->spec.reqid;
				t->spec.marks = child->spec.marks;
				return;
			}

	t->spec.reqid =
		config->reqid && !mode_is_shunt(config->mode) ? config->reqid : ++e->last_reqid;
}

static struct trap *trap_new(
	struct ike_engine *e, const struct connection *c, const struct child_config *config)
{
	struct trap *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	trap_tie(t, e, c, config);
	t->next = e->traps;
	e->traps = t;
	e->stats.traps++;
	return t;
}

int trap_install(struct ike_engine *e, const struct connection *c,
	const struct child_config *config, char *why, size_t why_size)
{
	struct trap *t = trap_find(e, c->name, config->name);
	struct child_spec spec = { .protocol = PROTOCOL_ESP,
		.mode = config->mode,
		.priority = config->priority,
		.name = config->name };
	char text[400];

	if (!trap_selectors(c, config, &spec, text, sizeof(text))) {
		const struct trap said = { .connection = c, .config = config };

		if (why)
			snprintf(why, why_size, "%s", text);
		else
			trap_tell(e, &said, IKE_EVENT_FAILED, 0, text);
		return -EINVAL;
	}
	if (t && t->spec.mode != config->mode && (is_shunt(t) || mode_is_shunt(config->mode))) {
		trap_remove(e, t->connection, t->config); /* it becomes another thing */
		t = NULL;
	}
	if (!t && !(t = trap_new(e, c, config)))
		return -ENOMEM;
	spec.reqid = t->spec.reqid;
	spec.marks = marks_of_trap(e, c, config, &t->spec.marks);
	connection_hold(c);
	connection_release(t->connection);
	t->connection = c;
	t->config = config;
	t->spec = spec;
	trap_operate(e, t, is_shunt(t) ? IKE_OPERATE_SHUNT : IKE_OPERATE_TRAP);
	return 0;
}

static void trap_free(struct ike_engine *e, struct trap *t)
{
	struct trap **link = &e->traps;

	while (*link != t)
		link = &(*link)->next;
	*link = t->next;
	connection_release(t->connection);
	free(t);
	e->stats.traps--;
}

bool trap_remove(
	struct ike_engine *e, const struct connection *c, const struct child_config *config)
{
	struct trap *t = trap_find(e, c->name, config->name);

	if (!t)
		return false;
	trap_operate(e, t, is_shunt(t) ? IKE_OPERATE_UNSHUNT : IKE_OPERATE_UNTRAP);
	trap_free(e, t);
	return true;
}

void trap_refused(struct ike_engine *e, const struct ike_kernel_event *event)
{
	struct trap *t = trap_by_reqid(e, event->reqid);
	char text[500];

	if (!t)
		return;
	snprintf(text, sizeof(text), "the data plane refused the %s (%.150s:%u): %.300s",
		is_shunt(t) ? "shunt" : "trap", t->config->where.file, t->config->where.line,
		event->reason ? event->reason : "no reason given");
	trap_tell(e, t, IKE_EVENT_FAILED, 0, text);
	trap_remove(e, t->connection, t->config);
}

void traps_unload(struct ike_engine *e, const char *connection_name)
{
	struct trap *next;

	for (struct trap *t = e->traps; t; t = next) {
		next = t->next;
		if (strcmp(t->connection->name, connection_name) == 0)
			trap_remove(e, t->connection, t->config);
	}
}

void traps_reload(struct ike_engine *e, const struct connection *c)
{
	struct trap *next;

	for (struct trap *t = e->traps; t; t = next) {
		const struct child_config *config;

		next = t->next;
		if (strcmp(t->connection->name, c->name) != 0 || t->connection == c)
			continue;
		config = connection_child(c, t->config->name);
		if (!config || trap_install(e, c, config, NULL, 0) != 0)
			trap_remove(e, t->connection, t->config);
	}
}

void traps_free(struct ike_engine *e)
{
	while (e->traps)
		trap_free(e, e->traps);
}

/* Acquiring. */

static bool covers(const struct child_sa *c, const struct trap *t)
{
	struct selectors source = { .count = 1, .list = { t->source } };
	struct selectors destination = { .count = 1, .list = { t->destination } };

	if (!t->source.family)
		return true;
	return selectors_within(&source, &c->spec.local) &&
		selectors_within(&destination, &c->spec.remote);
}

/* A child of the trap's reqid, that takes its packet where `packet`. */
static bool has_child(const struct ike_engine *e, const struct trap *t, bool packet)
{
	for (const struct ike_sa *sa = engine_sas(e, t->connection->name); sa; sa = sa->next_named)
		for (const struct child_sa *c = sa->children; c; c = c->next)
			if (c->installed_in && c->state != IKE_CHILD_DELETING &&
				c->spec.reqid == t->spec.reqid && (!packet || covers(c, t)))
				return true;

	return false;
}

static bool wants(const struct intent *i, const struct trap *t)
{
	return i && i->kind == INTENT_CREATE_CHILD && i->config &&
		strcmp(i->config->name, t->config->name) == 0;
}

/* Somebody else brings the child up already. */
static bool under_way(const struct ike_engine *e, const struct trap *t)
{
	for (const struct ike_sa *sa = engine_sas(e, t->connection->name); sa;
		sa = sa->next_named) {
		if (sa->gone)
			continue;
		if (sa->setup && sa->initiator && sa->setup->child &&
			strcmp(sa->setup->child->name, t->config->name) == 0)
			return true;
		if (sa->ours && wants(sa->ours->intent, t))
			return true;
		for (const struct intent *i = sa->intents; i; i = i->next)
			if (wants(i, t))
				return true;
	}
	return false;
}

static void tell_acquire(struct ike_engine *e, const struct trap *t)
{
	char source[SELECTOR_TEXT_MAX], destination[SELECTOR_TEXT_MAX], text[300];

	snprintf(text, sizeof(text), "a packet %s => %s brings it up",
		t->source.family ? selector_print(&t->source, source) : "",
		t->source.family ? selector_print(&t->destination, destination) : "");
	trap_tell(e, t, IKE_EVENT_NOTE, 1, text);
}

void trap_acquired(struct ike_engine *e, const struct ike_kernel_event *event)
{
	struct trap *t = trap_by_reqid(e, event->reqid);

	if (!t || is_shunt(t) || t->acquiring || e->now < t->not_before || e->shutting_down)
		return;
	t->source = event->source;
	t->destination = event->destination;
	if (under_way(e, t) || has_child(e, t, true))
		return;
	if (t->futile && has_child(e, t, false))
		return; /* another would be like it */
	t->acquiring = true;
	tell_acquire(e, t);
	bring_up_child(e, t->connection, t->config, TRAP_COMMAND | t->spec.reqid);
}

static void back_off(struct ike_engine *e, struct trap *t)
{
	uint64_t wait = BACK_OFF_NS << (t->failures < 8 ? t->failures : 8);

	if (wait > BACK_OFF_NS_MAX)
		wait = BACK_OFF_NS_MAX;
	t->failures++;
	t->not_before = e->now + wait / 2 + random_below(&e->options.random, wait / 2);
}

void trap_settled(struct ike_engine *e, uint64_t command, bool ok, const char *text)
{
	struct trap *t = trap_by_reqid(e, (uint32_t)command);
	char said[1100];

	if (!t || !t->acquiring)
		return;
	t->acquiring = false;
	t->futile = ok && !has_child(e, t, true);
	if (ok && !t->futile) {
		t->failures = 0;
		return;
	}
	back_off(e, t);
	trap_operate(e, t, IKE_OPERATE_TRAP_FAILED);
	snprintf(said, sizeof(said), "the trap brought no child up: %.1000s",
		ok ? "the peer's selectors leave the packet out" : text);
	trap_tell(e, t, IKE_EVENT_FAILED, 0, said);
}

bool trap_packet(const struct ike_sa *sa, const struct child_config *config,
	struct selector *ret_source, struct selector *ret_destination)
{
	const struct trap *t = trap_find(sa->engine, sa_name(sa), config->name);

	if (!t || !t->acquiring || !t->source.family)
		return false;
	*ret_source = t->source;
	*ret_destination = t->destination;
	return true;
}

/* Children of different peers differ, even where one connection serves both. */
static bool same_peer(const struct ike_sa *a, const struct ike_sa *b)
{
	return a->remote_id.type == b->remote_id.type &&
		bytes_equal(octets_bytes(&a->remote_id.value), octets_bytes(&b->remote_id.value));
}

static const struct trap *trap_of(const struct ike_sa *sa, const struct child_config *config)
{
	const struct trap *t = trap_find(sa->engine, sa_name(sa), config->name);

	if (!t)
		return NULL;
	for (const struct ike_sa *each = engine_sas(sa->engine, t->connection->name); each;
		each = each->next_named)
		for (const struct child_sa *c = each->children; c; c = c->next)
			if (c->installed_in && c->spec.reqid == t->spec.reqid &&
				!same_peer(each, sa))
				return NULL;

	return t;
}

uint32_t trap_reqid(const struct ike_sa *sa, const struct child_config *config)
{
	const struct trap *t = trap_of(sa, config);

	return t ? t->spec.reqid : 0;
}

const struct child_marks *trap_marks(const struct ike_sa *sa, const struct child_config *config)
{
	const struct trap *t = trap_of(sa, config);

	return t ? &t->spec.marks : NULL;
}

/* Reading. */

bool ike_next_trap(const struct ike_engine *e, size_t *position, struct ike_trap_view *ret_view)
{
	const struct trap *last = (const struct trap *)(uintptr_t)*position;
	const struct trap *t = last ? last->next : e->traps;

	if (!t)
		return false;
	*position = (size_t)(uintptr_t)t;
	*ret_view = (struct ike_trap_view){ .reqid = t->spec.reqid,
		.connection = t->connection,
		.config = t->config,
		.spec = &t->spec,
		.acquiring = t->acquiring };
	return true;
}
