/* A host of the world: an engine with its options, its configuration and its credentials. A crash
 * takes the engine and the plane away; what is configured stays for the restart. */
#include "sim/internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "conf/load.h"
#include "conf/parse.h"
#include "conf/pool.h"

/* Configuration. */

static void die(const char *what, const struct problems *problems)
{
	fprintf(stderr, "the world's configuration is wrong: %s\n", what);
	if (problems)
		problems_print(problems, stderr);
	exit(1);
}

static enum keys_shared_kind secret_kind(const char *name)
{
	return strncmp(name, "xauth", 5) == 0  ? KEYS_SHARED_XAUTH
		: strncmp(name, "eap", 3) == 0 ? KEYS_SHARED_EAP
					       : KEYS_SHARED_IKE;
}

static void load_secret(struct host *h, const struct tree_node *section)
{
	const char *owners[8], *secret = tree_text(section, "secret");
	size_t count = 0;

	for (const struct tree_node *n = section->first; n && count < 8; n = n->next)
		if (strncmp(n->name, "id", 2) == 0 && tree_text(section, n->name))
			owners[count++] = tree_text(section, n->name);
	if (!secret)
		die("a secret has no value", NULL);
	keys_load_shared(h->keys, section->name, secret_kind(section->name), bytes_of_text(secret),
		owners, count, "sim");
}

static const struct connection *loaded(const struct host *h, const char *name)
{
	const struct connection *c;
	size_t position = 0;

	while ((c = ike_next_connection(h->engine, &position)))
		if (strcmp(c->name, name) == 0)
			return c;

	return NULL;
}

static void load_connection(
	struct host *h, const struct tree_node *section, struct problems *problems)
{
	struct conf_sources sources = { .crypto = h->crypto };
	const struct connection *before = loaded(h, section->name);
	struct connection *c;

	if (conf_load_connection(section, &sources, problems, &c) < 0)
		die(section->name, problems);
	if (!before || memcmp(before->digest, c->digest, sizeof(c->digest)) != 0) {
		host_enter(h);
		ike_command(h->engine, host_now(h),
			&(struct ike_command){ .kind = IKE_COMMAND_LOAD, .connection = c });
		memory_leave();
		host_drain(h);
	}
	connection_release(c);
}

/* One at a time, as unloading ends the iteration. */
static void unload_missing(struct host *h, const struct tree_node *sections)
{
	const struct connection *c;
	size_t position = 0;

	while ((c = ike_next_connection(h->engine, &position))) {
		if (sections && tree_child(sections, c->name))
			continue;
		connection_hold(c); /* its name is in the command */
		host_enter(h);
		ike_command(h->engine, host_now(h),
			&(struct ike_command){ .kind = IKE_COMMAND_UNLOAD, .ike = c->name });
		memory_leave();
		host_drain(h);
		connection_release(c);
		position = 0;
	}
}

static void load_pool(struct host *h, const struct tree_node *section, struct problems *problems)
{
	struct conf_sources sources = { .crypto = h->crypto };
	struct pool_config *p;

	if (conf_load_pool(section, &sources, problems, &p) < 0)
		die(section->name, problems);
	host_enter(h);
	ike_command(h->engine, host_now(h),
		&(struct ike_command){ .kind = IKE_COMMAND_LOAD_POOL, .pool = p });
	memory_leave();
	host_drain(h);
	pool_config_release(p);
}

static void load_config(struct host *h)
{
	struct tree *t = tree_new();
	struct problems problems = { 0 };
	const struct tree_node *sections;

	parse_text(t, h->name, bytes_of_text(h->config), &problems);
	tree_resolve(t, &problems);
	if (problems.errors)
		die(h->name, &problems);
	sections = tree_child(&t->root, "secrets");
	for (const struct tree_node *n = sections ? sections->first : NULL; n; n = n->next)
		load_secret(h, n);
	sections = tree_child(&t->root, "pools");
	for (const struct tree_node *n = sections ? sections->first : NULL; n; n = n->next)
		load_pool(h, n, &problems);
	sections = tree_child(&t->root, "connections");
	for (const struct tree_node *n = sections ? sections->first : NULL; n; n = n->next)
		load_connection(h, n, &problems);
	unload_missing(h, sections);
	problems_free(&problems);
	tree_free(t);
}

void host_reload(struct host *h, const char *config)
{
	char *copy = strdup(config);

	free(h->config);
	h->config = copy;
	ladder(h->world, "%-6s reloads its configuration", h->name);
	if (h->engine)
		load_config(h);
}

/* Birth, death and what is between. */

void host_enter(struct host *h)
{
	if (!h->world->unchecked)
		memory_enter(&h->memory);
}

static void host_start(struct host *h)
{
	host_enter(h);
	h->engine = ike_engine_new(&h->options);
	memory_leave();
	if (!h->engine)
		die("no engine could be made", NULL);
	plane_begin(h);
	load_config(h);
}

struct host *world_host(struct world *w, const char *name, const char *address, const char *config,
	const struct ike_options *options)
{
	struct host *h = calloc(1, sizeof(*h));

	if (!h || w->host_count == WORLD_HOSTS_MAX)
		die("too many hosts", NULL);
	h->number = w->host_count;
	w->hosts[w->host_count++] = h;
	h->world = w;
	h->name = name;
	h->config = strdup(config);
	h->random_state = world_stream(w, name, "engine");
	h->fault_state = world_stream(w, name, "answers");
	h->random = (struct random_source){ world_seeded_fill, &h->random_state };
	h->crypto = world_crypto(w);
	h->keys = keys_new();
	if (options)
		h->options = *options;
	else
		ike_options_default(&h->options);
	h->options.random = h->random;
	h->options.crypto = h->crypto;
	if (!h->crypto || !h->keys || address_parse(address, &h->address) < 0)
		die("no host could be made", NULL);
	h->addresses[h->address_count++] = h->address;
	host_start(h);
	return h;
}

static void kernel_events_clear(struct host *h)
{
	while (h->kernel_events) {
		struct sim_kernel_event *e = h->kernel_events;

		h->kernel_events = e->next;
		free(e);
	}
}

static void host_stop(struct host *h)
{
	host_answers_clear(h);
	kernel_events_clear(h);
	ike_engine_free(h->engine);
	h->engine = NULL;
	if (h->memory.blocks)
		world_broken(h->world, "an engine that is gone has left memory behind");
	memory_forget(&h->memory);
	plane_end(h);
}

void host_crash(struct host *h)
{
	ladder(h->world, "%-6s crashes", h->name);
	host_stop(h);
}

void host_restart(struct host *h)
{
	if (h->engine)
		host_crash(h);
	ladder(h->world, "%-6s starts", h->name);
	host_start(h);
}

void host_free(struct host *h)
{
	host_stop(h);
	keys_free(h->keys);
	free(h->config);
	free(h);
}

/* Addresses. */

bool host_has_address(const struct host *h, const struct address *a)
{
	for (size_t i = 0; i < h->address_count; i++)
		if (address_equal(&h->addresses[i], a))
			return true;

	return false;
}

static void addresses_changed(struct host *h, const char *what, const char *address)
{
	if (h->address_count)
		h->address = h->addresses[0];
	ladder(h->world, "%-6s %s address %s", h->name, what, address);
	host_kernel(h, &(struct ike_kernel_event){ .kind = IKE_KERNEL_ADDRESSES });
}

void host_add_address(struct host *h, const char *address)
{
	struct address a;

	if (address_parse(address, &a) < 0 || h->address_count == HOST_ADDRESSES_MAX)
		die(address, NULL);
	if (!host_has_address(h, &a))
		h->addresses[h->address_count++] = a;
	addresses_changed(h, "gets", address);
}

void host_remove_address(struct host *h, const char *address)
{
	struct address a;

	if (address_parse(address, &a) < 0)
		die(address, NULL);
	for (size_t i = 0; i < h->address_count; i++) {
		if (!address_equal(&h->addresses[i], &a))
			continue;
		h->address_count--;
		memmove(&h->addresses[i], &h->addresses[i + 1],
			(h->address_count - i) * sizeof(h->addresses[0]));
		break;
	}
	addresses_changed(h, "loses", address);
}

void host_set_address(struct host *h, const char *address)
{
	struct address a;

	if (address_parse(address, &a) < 0)
		die(address, NULL);
	h->addresses[0] = a;
	h->address_count = 1;
	addresses_changed(h, "moves to", address);
}

/* Events. */

/* Texts are matched where their event comes; a word that the core no longer uses shows in the summary
 * of the simulator, as nothing of the kind happens any more. */
static void count_note(struct host *h, const struct ike_event *e)
{
	static const struct {
		enum ike_event_kind kind;
		const char *words;
	} rows[NOTE_KINDS] = {
		[NOTE_REAUTHENTICATED] = { IKE_EVENT_IKE_REPLACED, "reauthenticated" },
		[NOTE_REDIRECTED] = { IKE_EVENT_NOTE, "redirected to " },
		[NOTE_RESUMED] = { IKE_EVENT_NOTE, "resumed: " },
		[NOTE_INACTIVE] = { IKE_EVENT_NOTE, "nothing has passed for " },
		[NOTE_LEASED] = { IKE_EVENT_NOTE, "the peer has " },
		[NOTE_COOKIE] = { IKE_EVENT_RECEIVED, "response 0 [ N(COOKIE)" },
		[NOTE_LOST_STATE] = { IKE_EVENT_IKE_DOWN, "lost its state" },
	};

	for (size_t i = 0; i < NOTE_KINDS; i++)
		h->notes[i] += e->kind == rows[i].kind && strstr(e->text, rows[i].words);
}

static void count_event(struct host *h, const struct ike_event *e)
{
	unsigned *counters[] = {
		[IKE_EVENT_IKE_UP] = &h->ike_up,
		[IKE_EVENT_IKE_DOWN] = &h->ike_down,
		[IKE_EVENT_IKE_REKEYED] = &h->ike_rekeyed,
		[IKE_EVENT_IKE_REPLACED] = &h->ike_replaced,
		[IKE_EVENT_CHILD_UP] = &h->child_up,
		[IKE_EVENT_CHILD_DOWN] = &h->child_down,
		[IKE_EVENT_CHILD_REKEYED] = &h->child_rekeyed,
		[IKE_EVENT_FAILED] = &h->failed,
		[IKE_EVENT_DROPPED] = &h->dropped,
		[IKE_EVENT_IKE_UPDATED] = &h->ike_updated,
		[IKE_EVENT_DONE] = e->ok ? &h->done_ok : &h->done_failed,
	};

	if (e->kind < sizeof(counters) / sizeof(counters[0]) && counters[e->kind])
		(*counters[e->kind])++;
	if (e->kind == IKE_EVENT_FAILED)
		snprintf(h->last_failure, sizeof(h->last_failure), "%s", e->text);
	if (e->kind == IKE_EVENT_DONE)
		snprintf(h->last_done, sizeof(h->last_done), "%s", e->text);
}

static void tell(struct host *h, const struct ike_event *e)
{
	static const char *const words[] = { "IKE UP", "IKE DOWN", "IKE REKEYED", "IKE REPLACED",
		"CHILD UP", "CHILD DOWN", "CHILD REKEYED", "->", "<-", "retransmit", "dropped",
		"FAILED", "note", "done", "IKE UPDATED" };

	count_event(h, e);
	count_note(h, e);
	check_told(h, e->text);
	ladder(h->world, "%-6s %s %s", h->name, words[e->kind], e->text);
}

/* Inputs and their outputs. */

static void drain_once(struct host *h)
{
	struct ike_output out;

	while (ike_next_output(h->engine, &out)) {
		switch (out.kind) {
		case IKE_SEND:
			network_send(h, CARRIES_IKE, &out.send.path, out.send.datagram);
			break;
		case IKE_OPERATE:
			plane_operate(h, &out.operate);
			break;
		case IKE_ASK:
			host_ask(h, out.ask);
			break;
		case IKE_TELL:
			tell(h, &out.tell);
			break;
		}
	}
}

void host_drain(struct host *h)
{
	do
		drain_once(h);
	while (host_answer_uses(h));
	plane_release(h);
	if (!h->world->unchecked)
		check_limits(h);
}

void host_datagram(struct host *h, const struct ike_path *path, struct bytes datagram)
{
	host_enter(h);
	ike_datagram(h->engine, host_now(h), path, datagram);
	memory_leave();
	host_drain(h);
}

void host_kernel(struct host *h, const struct ike_kernel_event *event)
{
	if (!h->engine)
		return;
	host_enter(h);
	ike_kernel(h->engine, host_now(h), event);
	memory_leave();
	host_drain(h);
}

void host_kernel_later(struct host *h, const struct ike_kernel_event *event)
{
	struct sim_kernel_event *e = malloc(sizeof(*e)), **link = &h->kernel_events;

	if (!e)
		abort();
	*e = (struct sim_kernel_event){ .event = *event };
	while (*link)
		link = &(*link)->next;
	*link = e;
}

static void host_command(
	struct host *h, enum ike_command_kind kind, const char *ike, const char *child)
{
	struct ike_command c = { .kind = kind, .id = ++h->commands, .ike = ike, .child = child };

	if (!h->engine)
		return;
	ladder(h->world, "%-6s command %d %s %s", h->name, kind, ike ? ike : "",
		child ? child : "");
	host_enter(h);
	ike_command(h->engine, host_now(h), &c);
	memory_leave();
	host_drain(h);
}

void host_initiate(struct host *h, const char *child)
{
	host_command(h, IKE_COMMAND_INITIATE, NULL, child);
}

void host_initiate_ike(struct host *h, const char *ike)
{
	host_command(h, IKE_COMMAND_INITIATE, ike, NULL);
}

void host_trap(struct host *h, const char *child)
{
	host_command(h, IKE_COMMAND_TRAP, NULL, child);
}

void host_untrap(struct host *h, const char *child)
{
	host_command(h, IKE_COMMAND_UNTRAP, NULL, child);
}

void host_acquire(
	struct host *h, uint32_t reqid, const struct selector *source, const struct selector *to)
{
	ladder(h->world, "%-6s acquire %u", h->name, reqid);
	host_kernel(h,
		&(struct ike_kernel_event){ .kind = IKE_KERNEL_ACQUIRE,
			.reqid = reqid,
			.source = *source,
			.destination = *to });
}

void host_terminate(struct host *h, const char *ike, const char *child)
{
	host_command(h, IKE_COMMAND_TERMINATE, ike, child);
}

void host_rekey(struct host *h, const char *ike, const char *child)
{
	host_command(h, IKE_COMMAND_REKEY, ike, child);
}

void host_redirect(struct host *h, const char *ike, const char *gateway)
{
	struct gateway g;
	struct ike_command c = {
		.kind = IKE_COMMAND_REDIRECT, .id = ++h->commands, .ike = ike, .gateway = &g
	};

	if (!h->engine || !gateway_parse(gateway, &g))
		return;
	ladder(h->world, "%-6s command redirect %s to %s", h->name, ike, gateway);
	host_enter(h);
	ike_command(h->engine, host_now(h), &c);
	memory_leave();
	host_drain(h);
}

void host_reauthenticate(struct host *h, const char *ike)
{
	struct ike_command c = {
		.kind = IKE_COMMAND_REKEY, .id = ++h->commands, .ike = ike, .reauth = true
	};

	if (!h->engine)
		return;
	ladder(h->world, "%-6s command reauthenticate %s", h->name, ike);
	host_enter(h);
	ike_command(h->engine, host_now(h), &c);
	memory_leave();
	host_drain(h);
}

void host_shutdown(struct host *h)
{
	host_command(h, IKE_COMMAND_SHUTDOWN, NULL, NULL);
}

/* Time, as this host sees it. */

ike_time host_now(const struct host *h)
{
	return h->world->now + h->clock_ahead_ns;
}

void host_jump(struct host *h, uint64_t ahead_ns)
{
	ladder(h->world, "%-6s its clock leaps %llu s ahead", h->name,
		(unsigned long long)(ahead_ns / NS_PER_SECOND));
	h->clock_ahead_ns += ahead_ns;
}

static ike_time engine_due(const struct host *h)
{
	ike_time due = ike_next_deadline(h->engine);

	if (due == IKE_TIME_NEVER)
		return due;
	return due > h->clock_ahead_ns ? due - h->clock_ahead_ns : 0;
}

ike_time host_due(const struct host *h, bool timers)
{
	ike_time due = IKE_TIME_NEVER;

	if (!h->engine)
		return due;
	if (h->kernel_events)
		return h->world->now;
	if (timers)
		due = engine_due(h);
	for (const struct sim_answer *a = h->answers; a; a = a->next)
		due = !a->never && a->due < due ? a->due : due;
	return h->release_at && h->release_at < due ? h->release_at : due;
}

bool host_step(struct host *h)
{
	struct sim_kernel_event *e = h->kernel_events;

	if (!h->engine)
		return false;
	if (e) {
		h->kernel_events = e->next;
		host_kernel(h, &e->event);
		free(e);
		return true;
	}
	if (host_answer_step(h))
		return true;
	if (h->release_at && h->release_at <= h->world->now) {
		plane_release(h);
		return true;
	}
	if (ike_next_deadline(h->engine) > host_now(h))
		return false;
	host_enter(h);
	ike_tick(h->engine, host_now(h));
	memory_leave();
	host_drain(h);
	return true;
}
