#include "sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/load.h"
#include "conf/parse.h"

/* SplitMix64: all the randomness of a world. Not for keys that protect anything. */
static uint64_t split_mix(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void seeded_fill(void *context, uint8_t *out, size_t size)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(split_mix(context) >> 24);
}

uint64_t world_random(struct world *w, uint64_t below)
{
	return split_mix(&w->random_state) % below;
}

static void ladder(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void ladder(struct world *w, const char *format, ...)
{
	char line[1300];
	va_list args;
	int at = snprintf(line, sizeof(line), "%10.3f ", (double)w->now / (double)NS_PER_SECOND);

	if (w->ladder_count == LADDER_LINES_MAX)
		return;
	va_start(args, format);
	vsnprintf(line + at, sizeof(line) - (size_t)at, format, args);
	va_end(args);
	w->ladder[w->ladder_count++] = strdup(line);
}

void world_print_ladder(const struct world *w)
{
	fprintf(stderr, "seed %llu\n", (unsigned long long)w->seed);
	for (size_t i = 0; i < w->ladder_count; i++)
		fprintf(stderr, "%s\n", w->ladder[i]);
}

static void broken(struct world *w, const char *text)
{
	if (w->broken)
		return;
	snprintf(w->broken_text, sizeof(w->broken_text), "%s", text);
	w->broken = w->broken_text;
	ladder(w, "*** %s", text);
}

struct world *world_new(uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	w->seed = w->random_state = seed;
	w->now = NS_PER_SECOND;
	w->faults.delay_ns = 10 * NS_PER_MS;
	return w;
}

static void host_free(struct host *h)
{
	while (h->answers) {
		struct sim_answer *a = h->answers;

		h->answers = a->next;
		ike_question_free(a->question);
		free(a);
	}
	ike_engine_free(h->engine);
	keys_free(h->keys);
	crypto_free(h->crypto);
	bytes_wipe(h->children, sizeof(h->children));
}

void world_free(struct world *w)
{
	while (w->packets) {
		struct sim_packet *p = w->packets;

		w->packets = p->next;
		free(p);
	}
	for (size_t i = 0; i < w->host_count; i++)
		host_free(&w->hosts[i]);
	for (size_t i = 0; i < w->ladder_count; i++)
		free(w->ladder[i]);
	free(w);
}

/* Configuration. */

static void die(const char *what, const struct problems *problems)
{
	fprintf(stderr, "the world's configuration is wrong: %s\n", what);
	if (problems)
		problems_print(problems, stderr);
	exit(1);
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
	keys_load_shared(h->keys, section->name, KEYS_SHARED_IKE, bytes_of_text(secret), owners,
		count, "sim");
}

static void drain(struct host *h);

static void load_connection(
	struct host *h, const struct tree_node *section, struct problems *problems)
{
	struct conf_sources sources = { .crypto = h->crypto };
	struct connection *c;

	if (conf_load_connection(section, &sources, problems, &c) < 0)
		die(section->name, problems);
	ike_command(h->engine, h->world->now,
		&(struct ike_command){ .kind = IKE_COMMAND_LOAD, .connection = c });
	drain(h);
	connection_release(c);
}

static void load_config(struct host *h, const char *text)
{
	struct tree *t = tree_new();
	struct problems problems = { 0 };
	const struct tree_node *sections;

	parse_text(t, h->name, bytes_of_text(text), &problems);
	tree_resolve(t, &problems);
	if (problems.errors)
		die(h->name, &problems);
	sections = tree_child(&t->root, "secrets");
	for (const struct tree_node *n = sections ? sections->first : NULL; n; n = n->next)
		load_secret(h, n);
	sections = tree_child(&t->root, "connections");
	for (const struct tree_node *n = sections ? sections->first : NULL; n; n = n->next)
		load_connection(h, n, &problems);
	problems_free(&problems);
	tree_free(t);
}

struct host *world_host(struct world *w, const char *name, const char *address, const char *config,
	const struct ike_options *options)
{
	struct host *h = &w->hosts[w->host_count++];
	struct ike_options o;

	h->world = w;
	h->name = name;
	h->random_state = w->seed * 1000003 + w->host_count;
	h->random = (struct random_source){ seeded_fill, &h->random_state };
	h->crypto = crypto_new(&h->random);
	h->keys = keys_new();
	if (options)
		o = *options;
	else
		ike_options_default(&o);
	o.random = h->random;
	o.crypto = h->crypto;
	h->engine = ike_engine_new(&o);
	if (!h->crypto || !h->keys || !h->engine || address_parse(address, &h->address) < 0)
		die("no host could be made", NULL);
	load_config(h, config);
	return h;
}

/* The plane: remembers. */

static struct sim_child *plane_slot(struct host *h, uint32_t id)
{
	struct sim_child *free_slot = NULL;

	for (size_t i = 0; i < HOST_CHILDREN_MAX; i++) {
		if (h->children[i].spec.child_id == id && (h->children[i].in || h->children[i].out))
			return &h->children[i];
		if (!h->children[i].in && !h->children[i].out && !free_slot)
			free_slot = &h->children[i];
	}
	return free_slot;
}

static void check_spi_new(struct host *h, const struct child_spec *spec)
{
	for (size_t i = 0; i < HOST_CHILDREN_MAX; i++)
		if (h->children[i].in && h->children[i].spec.spi_in == spec->spi_in)
			broken(h->world, "an inbound SPI is used twice");
}

/* Traps: one for each reqid. */
static void operate_trap(struct host *h, const struct ike_operation *op)
{
	struct sim_trap *t = NULL;

	for (size_t i = 0; i < HOST_TRAPS_MAX; i++) {
		if (h->traps[i].spec.reqid == op->spec->reqid)
			t = &h->traps[i];
		else if (!t && !h->traps[i].spec.reqid)
			t = &h->traps[i];
	}
	if (!t) {
		broken(h->world, "more traps than a host may have");
		return;
	}
	if (op->kind == IKE_OPERATE_TRAP)
		t->spec = *op->spec;
	else if (op->kind == IKE_OPERATE_UNTRAP)
		*t = (struct sim_trap){ 0 };
	else
		t->failed++;
}

static bool is_of_traps(enum ike_operation_kind kind)
{
	return kind == IKE_OPERATE_TRAP || kind == IKE_OPERATE_UNTRAP ||
		kind == IKE_OPERATE_TRAP_FAILED;
}

static void operate(struct host *h, const struct ike_operation *op)
{
	if (is_of_traps(op->kind)) {
		operate_trap(h, op);
		return;
	}
	struct sim_child *c = plane_slot(h, op->spec->child_id);

	if (!c) {
		broken(h->world, "more children than a host may have");
		return;
	}
	switch (op->kind) {
	case IKE_OPERATE_INSTALL_IN:
		check_spi_new(h, op->spec);
		*c = (struct sim_child){ .in = true, .spec = *op->spec };
		break;
	case IKE_OPERATE_INSTALL_OUT:
		if (!c->in)
			broken(h->world, "an outbound SA before its inbound one");
		c->spec = *op->spec;
		c->out = true;
		break;
	case IKE_OPERATE_UPDATE_PATH:
		c->spec.path = op->spec->path;
		c->spec.encap = op->spec->encap;
		break;
	case IKE_OPERATE_REMOVE_OUT:
		c->out = false;
		break;
	case IKE_OPERATE_REMOVE:
		c->in = c->out = false;
		bytes_wipe(&c->spec, sizeof(c->spec));
		break;
	default:
		break;
	}
}

/* The network. */

static bool chance(struct world *w, unsigned percent)
{
	return percent && world_random(w, 100) < percent;
}

static void packet_queue(
	struct world *w, const struct ike_path *seen, struct bytes datagram, uint64_t delay)
{
	struct sim_packet *p = malloc(sizeof(*p) + datagram.size);
	struct sim_packet **link = &w->packets;

	if (!p)
		abort();
	p->due = w->now + delay;
	p->path = *seen;
	p->size = datagram.size;
	memcpy(p->data, datagram.data, datagram.size);
	if (p->size && chance(w, w->faults.corrupt_percent))
		p->data[world_random(w, p->size)] ^= (uint8_t)(1u << world_random(w, 8));
	while (*link && (*link)->due <= p->due)
		link = &(*link)->next;
	p->next = *link;
	*link = p;
}

static void network_send(struct world *w, const struct ike_path *path, struct bytes datagram)
{
	struct ike_path seen = { .local = path->remote, .remote = path->local };
	uint64_t delay = w->faults.delay_ns;

	w->packets_sent++;
	if (w->faults.partition || chance(w, w->faults.loss_percent)) {
		w->packets_lost++;
		return;
	}
	if (chance(w, w->faults.reorder_percent))
		delay += world_random(w, 20 * w->faults.delay_ns + 1);
	packet_queue(w, &seen, datagram, delay);
	if (chance(w, w->faults.duplicate_percent))
		packet_queue(
			w, &seen, datagram, delay + world_random(w, 50 * w->faults.delay_ns + 1));
}

static struct host *host_at(struct world *w, const struct address *a)
{
	for (size_t i = 0; i < w->host_count; i++)
		if (address_equal(&w->hosts[i].address, a))
			return &w->hosts[i];

	return NULL;
}

/* Questions. */

static void give(struct host *h, const struct ike_answer *answer)
{
	ike_answer(h->engine, h->world->now, answer);
	drain(h);
}

static void answer_path(struct host *h, const struct ike_question *q)
{
	const struct host_list *remote = &q->connection->remote_addrs;
	struct ike_answer a = { .id = q->id };

	if (q->current) {
		a.path = *q->current;
		a.path.local.address = h->address;
	} else if (!remote->count || remote->list[0].kind != HOST_ADDRESS) {
		a.status = IKE_ANSWER_NO;
		snprintf(a.reason, sizeof(a.reason), "no remote address");
	} else {
		a.path.local = (struct endpoint){ h->address, q->connection->local_port };
		a.path.remote =
			(struct endpoint){ remote->list[0].first, q->connection->remote_port };
	}
	give(h, &a);
}

static void answer_use(struct host *h, const struct ike_question *q)
{
	struct ike_answer a = { .id = q->id };

	for (size_t i = 0; i < HOST_CHILDREN_MAX; i++) {
		if (!h->children[i].in || h->children[i].spec.child_id != q->child_id)
			continue;
		a.in_at = h->children[i].in_at;
		a.out_at = h->children[i].out_at;
	}
	give(h, &a);
}

static void answer_now(struct host *h, const struct ike_question *q)
{
	struct ike_answer a = { .id = q->id };

	switch (q->kind) {
	case IKE_ASK_PATH:
		answer_path(h, q);
		return;
	case IKE_ASK_USE:
		answer_use(h, q);
		return;
	case IKE_ASK_SPI:
		a.spi = 0xc0000000u + ++h->spis;
		give(h, &a);
		return;
	default:
		keys_answer(h->keys, h->crypto, q, 1800000000, &a);
		give(h, &a);
		a.private = NULL; /* the engine's now */
		keys_answer_clear(&a);
	}
}

static void ask(struct host *h, const struct ike_question *q)
{
	struct sim_answer *a = malloc(sizeof(*a));
	struct sim_answer **link = &h->answers;

	if (!a)
		abort();
	*a = (struct sim_answer){ .due = h->world->now + h->world->faults.answer_delay_ns,
		.question = ike_question_copy(q) };
	while (*link && (*link)->due <= a->due)
		link = &(*link)->next;
	a->next = *link;
	*link = a;
}

/* Events. */

static void count_event(struct host *h, const struct ike_event *e)
{
	unsigned *counters[] = {
		[IKE_EVENT_IKE_UP] = &h->ike_up,
		[IKE_EVENT_IKE_DOWN] = &h->ike_down,
		[IKE_EVENT_IKE_REKEYED] = &h->ike_rekeyed,
		[IKE_EVENT_CHILD_UP] = &h->child_up,
		[IKE_EVENT_CHILD_DOWN] = &h->child_down,
		[IKE_EVENT_CHILD_REKEYED] = &h->child_rekeyed,
		[IKE_EVENT_FAILED] = &h->failed,
		[IKE_EVENT_DROPPED] = &h->dropped,
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
	static const char *const words[] = { "IKE UP", "IKE DOWN", "IKE REKEYED", "CHILD UP",
		"CHILD DOWN", "CHILD REKEYED", "->", "<-", "retransmit", "dropped", "FAILED",
		"note", "done", "IKE UPDATED" };

	count_event(h, e);
	ladder(h->world, "%-6s %s %s", h->name, words[e->kind], e->text);
}

static void drain(struct host *h)
{
	struct ike_output out;

	while (ike_next_output(h->engine, &out)) {
		switch (out.kind) {
		case IKE_SEND:
			network_send(h->world, &out.send.path, out.send.datagram);
			break;
		case IKE_OPERATE:
			operate(h, &out.operate);
			break;
		case IKE_ASK:
			ask(h, out.ask);
			break;
		case IKE_TELL:
			tell(h, &out.tell);
			break;
		}
	}
}

void host_datagram(struct host *h, const struct ike_path *path, struct bytes datagram)
{
	ike_datagram(h->engine, h->world->now, path, datagram);
	drain(h);
}

static void host_command(
	struct host *h, enum ike_command_kind kind, const char *ike, const char *child)
{
	struct ike_command c = { .kind = kind, .id = ++h->commands, .ike = ike, .child = child };

	ladder(h->world, "%-6s command %d %s %s", h->name, kind, ike ? ike : "",
		child ? child : "");
	ike_command(h->engine, h->world->now, &c);
	drain(h);
}

void host_initiate(struct host *h, const char *child)
{
	host_command(h, IKE_COMMAND_INITIATE, NULL, child);
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
	const struct ike_kernel_event event = {
		.kind = IKE_KERNEL_ACQUIRE, .reqid = reqid, .source = *source, .destination = *to
	};

	ladder(h->world, "%-6s acquire %u", h->name, reqid);
	ike_kernel(h->engine, h->world->now, &event);
	drain(h);
}

void host_terminate(struct host *h, const char *ike, const char *child)
{
	host_command(h, IKE_COMMAND_TERMINATE, ike, child);
}

void host_rekey(struct host *h, const char *ike, const char *child)
{
	host_command(h, IKE_COMMAND_REKEY, ike, child);
}

/* Time. */

static ike_time host_due(const struct host *h)
{
	ike_time due = ike_next_deadline(h->engine);

	for (const struct sim_answer *a = h->answers; a; a = a->next)
		due = a->due < due ? a->due : due;
	return due;
}

static bool host_step(struct host *h)
{
	struct sim_answer *a = h->answers;

	if (a && a->due <= h->world->now) {
		h->answers = a->next;
		answer_now(h, a->question);
		ike_question_free(a->question);
		free(a);
		return true;
	}
	if (ike_next_deadline(h->engine) > h->world->now)
		return false;
	ike_tick(h->engine, h->world->now);
	drain(h);
	return true;
}

static bool packet_step(struct world *w)
{
	struct sim_packet *p = w->packets;
	struct host *h;

	if (!p || p->due > w->now)
		return false;
	w->packets = p->next;
	h = host_at(w, &p->path.local.address);
	if (h)
		host_datagram(h, &p->path, BYTES(p->data, p->size));
	free(p);
	return true;
}

static ike_time world_due(const struct world *w, bool timers)
{
	ike_time due = w->packets ? w->packets->due : IKE_TIME_NEVER;

	for (size_t i = 0; i < w->host_count; i++) {
		const struct host *h = &w->hosts[i];
		ike_time each = timers ? host_due(h)
			: h->answers   ? h->answers->due
				       : IKE_TIME_NEVER;

		due = each < due ? each : due;
	}
	return due;
}

static void world_go(struct world *w, ike_time until, bool timers)
{
	for (;;) {
		bool busy = packet_step(w);
		ike_time next;

		for (size_t i = 0; i < w->host_count; i++)
			busy = host_step(&w->hosts[i]) || busy;
		if (busy)
			continue;
		next = world_due(w, true);
		if (!timers && world_due(w, false) == IKE_TIME_NEVER)
			return;
		if (next > until)
			return;
		if (next > w->now)
			w->now = next;
	}
}

void world_settle(struct world *w, uint64_t limit_ns)
{
	world_go(w, w->now + limit_ns, false);
}

void world_run(struct world *w, uint64_t duration_ns)
{
	ike_time until = w->now + duration_ns;

	world_go(w, until, true);
	w->now = until;
}

/* Checking. */

size_t host_sas(const struct host *h)
{
	struct ike_sa_view view;
	size_t position = 0, count = 0;

	while (ike_next_sa(h->engine, &position, &view))
		count += view.state == IKE_ESTABLISHED || view.state == IKE_REKEYING;
	return count;
}

size_t host_half_open(const struct host *h)
{
	struct ike_sa_view view;
	size_t position = 0, count = 0;

	while (ike_next_sa(h->engine, &position, &view))
		count += view.state == IKE_CREATED || view.state == IKE_CONNECTING;
	return count;
}

size_t host_children(const struct host *h)
{
	size_t count = 0;

	for (size_t i = 0; i < HOST_CHILDREN_MAX; i++)
		count += h->children[i].in && h->children[i].out;
	return count;
}

static bool selectors_same(const struct selectors *a, const struct selectors *b)
{
	return a->count == b->count && memcmp(a->list, b->list, a->count * sizeof(a->list[0])) == 0;
}

static bool keys_same(const struct child_keys *a, const struct child_keys *b)
{
	return secret_equal(&a->encr, &b->encr) && secret_equal(&a->integ, &b->integ);
}

/* The child of another host whose inbound SPI is this one's outbound. */
static const struct sim_child *other_end(
	struct world *w, const struct host *h, const struct sim_child *c)
{
	const struct host *peer = host_at(w, &c->spec.path.remote.address);

	for (size_t i = 0; peer && peer != h && i < HOST_CHILDREN_MAX; i++)
		if (peer->children[i].in && peer->children[i].spec.spi_in == c->spec.spi_out &&
			peer->children[i].spec.spi_out == c->spec.spi_in)
			return &peer->children[i];

	return NULL;
}

bool world_same_keys(struct world *w)
{
	for (size_t i = 0; i < w->host_count; i++) {
		for (size_t j = 0; j < HOST_CHILDREN_MAX; j++) {
			const struct sim_child *c = &w->hosts[i].children[j];
			const struct sim_child *peer =
				c->in && c->out ? other_end(w, &w->hosts[i], c) : NULL;

			if (!peer)
				continue;
			if (!keys_same(&c->spec.keys_out, &peer->spec.keys_in) ||
				!keys_same(&c->spec.keys_in, &peer->spec.keys_out)) {
				broken(w, "the ends of a child hold different keys");
				return false;
			}
			if (!selectors_same(&c->spec.local, &peer->spec.remote) ||
				!selectors_same(&c->spec.remote, &peer->spec.local)) {
				broken(w, "the ends of a child have selectors that don't fit");
				return false;
			}
		}
	}
	return true;
}
