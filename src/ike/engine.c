/* The engine: inputs in, outputs out, timers and the reaping of doomed SAs between. */
#include "ike/engine.h"

#include <assert.h>
#include <stdlib.h>

#include "ike/admit.h"
#include "ike/child.h"
#include "ike/command.h"
#include "ike/exchange.h"
#include "ike/liveness.h"
#include "ike/protocol.h"
#include "ike/supervise.h"
#include "ike/ticket.h"
#include "ike/trap.h"
#include "ike/v2/configuration.h"
#include "ike/v2/qcd.h"

void ike_options_default(struct ike_options *o)
{
	*o = (struct ike_options){
		.port = 500,
		.port_nat_t = 4500,
		.retransmit_tries = 5,
		.retransmit_timeout_ns = 4 * NS_PER_SECOND,
		.retransmit_base = 1.8,
		.half_open_timeout_ns = 30 * NS_PER_SECOND,
		.retry_wait_ns = 2 * NS_PER_SECOND,
		.retry_wait_max_ns = 120 * NS_PER_SECOND,
		.retry_jitter_percent = 30,
		.retry_settle_ns = 10 * NS_PER_SECOND,
		.shutdown_limit_ns = 2500 * NS_PER_MS,
		.cookie_threshold = 10,
		.cookie_threshold_address = 3,
		.block_threshold = 5,
		.half_open_max = 20000,
		.fragment_size = 1280,
		.message_bytes_max = 64 * 1024,
		.children_max = 1024,
		.leases_max = 256 * 1024,
		.response_kept_ns = 5 * NS_PER_SECOND,
		.child_kept_ns = 5 * NS_PER_SECOND,
		.send_vendor_id = false,
		.signature_authentication = true,
		.multiple_authentication = true,
		.follow_redirects = true,
		.redirects_max = 5,
		.redirect_period_ns = 300 * NS_PER_SECOND,
		.auth_messages_max = 64,
		.ticket_lifetime_ns = 24ull * 3600 * NS_PER_SECOND,
		.ticket_key_lifetime_ns = 7ull * 24 * 3600 * NS_PER_SECOND,
		.tickets_max = 4096,
		.prefer_configured_proposals = true,
		.peer_addresses_max = 8,
		.return_routability = true,
		.nat_traversal = true,
	};
}

struct ike_engine *ike_engine_new(const struct ike_options *options)
{
	struct ike_engine *e = calloc(1, sizeof(*e));
	uint8_t seed[16];

	if (!e)
		return NULL;
	e->options = *options;
	random_fill(&options->random, seed, sizeof(seed));
	memcpy(e->peers_seed, seed, sizeof(seed));
	e->by_spi = table_new(seed);
	e->by_peer = table_new(seed);
	e->by_init = table_new(seed);
	e->by_question = table_new(seed);
	e->by_path_question = table_new(seed);
	e->half_open_by_address = table_new(seed);
	e->by_name = table_new(seed);
	e->by_ike_id = table_new(seed);
	e->by_child_id = table_new(seed);
	if (!e->by_name || !e->by_ike_id || !e->by_child_id || !e->by_spi || !e->by_init ||
		!e->by_question || !e->by_path_question || !e->half_open_by_address) {
		ike_engine_free(e);
		return NULL;
	}
	return e;
}

void ike_engine_free(struct ike_engine *e)
{
	if (!e)
		return;
	while (e->sas)
		sa_free(e->sas);
	children_reap(e);
	traps_free(e);
	tickets_free(e->tickets);
	supervise_free(e);
	pools_free(e);
	for (size_t i = 0; i < e->connection_count; i++)
		connection_release(e->connections[i]);
	free(e->connections);
	free((void *)(uintptr_t)e->certreqs.data);
	free((void *)(uintptr_t)e->ca_names.data);
	table_free(e->by_spi);
	table_free(e->by_peer);
	table_free(e->by_init);
	table_free(e->by_question);
	table_free(e->by_path_question);
	table_free(e->half_open_by_address);
	table_free(e->by_name);
	table_free(e->by_ike_id);
	table_free(e->by_child_id);
	timers_free(&e->timers);
	arena_free(e->output_arena);
	free(e->outputs);
	bytes_wipe(&e->cookies, sizeof(e->cookies));
	secret_wipe(&e->options.qcd_secret);
	free(e);
}

/* Outputs wait in a queue; what they point to is in an arena that ends with the next input. */

#define OUTPUT_ARENA_CAP (64u * 1024 * 1024)

static void input_begin(struct ike_engine *e, ike_time now)
{
	assert(e->output_at == e->output_count); /* the host drains after each input */
	arena_free(e->output_arena);
	e->output_arena = NULL;
	e->output_count = e->output_at = 0;
	if (now > e->now)
		e->now = now;
}

static struct arena *output_arena(struct ike_engine *e)
{
	if (!e->output_arena)
		e->output_arena = arena_new(OUTPUT_ARENA_CAP);
	assert(e->output_arena);
	return e->output_arena;
}

static struct ike_output *output_add(struct ike_engine *e)
{
	if (e->output_count == e->output_room) {
		e->output_room = e->output_room ? e->output_room * 2 : 32;
		e->outputs = realloc(e->outputs, e->output_room * sizeof(*e->outputs));
		assert(e->outputs);
	}
	e->outputs[e->output_count] = (struct ike_output){ 0 };
	return &e->outputs[e->output_count++];
}

void *engine_take(struct ike_engine *e, size_t size)
{
	void *memory = arena_take(output_arena(e), size);

	assert(memory);
	return memory;
}

void engine_send(struct ike_engine *e, const struct ike_path *path, struct bytes datagram)
{
	struct ike_output *out = output_add(e);

	out->kind = IKE_SEND;
	out->send.path = *path;
	out->send.datagram = arena_copy(output_arena(e), datagram);
	e->stats.sent++;
}

static const struct address *addresses_kept(
	struct ike_engine *e, const struct address *list, size_t count)
{
	return (const void *)arena_copy(output_arena(e), BYTES(list, count * sizeof(*list))).data;
}

static const struct ike_virtual *virtual_kept(struct ike_engine *e, const struct ike_virtual *from)
{
	struct ike_virtual *v = arena_take(output_arena(e), sizeof(*v));

	assert(v);
	*v = *from;
	v->addresses = addresses_kept(e, from->addresses, from->address_count);
	v->dns = addresses_kept(e, from->dns, from->dns_count);
	return v;
}

static const struct child_spec *spec_kept(struct ike_engine *e, const struct child_spec *from)
{
	struct child_spec *spec = arena_take(output_arena(e), sizeof(*spec));

	assert(spec);
	*spec = *from;
	return spec;
}

void engine_operate(struct ike_engine *e, const struct ike_operation *operation)
{
	struct ike_output *out = output_add(e);

	out->kind = IKE_OPERATE;
	out->operate = *operation;
	if (operation->spec)
		out->operate.spec = spec_kept(e, operation->spec);
	if (operation->virtual)
		out->operate.virtual = virtual_kept(e, operation->virtual);
}

void engine_ask(struct ike_engine *e, const struct ike_question *question)
{
	struct ike_output *out = output_add(e);

	out->kind = IKE_ASK;
	out->ask = question;
}

void engine_unask(struct ike_engine *e, uint64_t id)
{
	for (size_t i = e->output_at; i < e->output_count; i++) {
		if (e->outputs[i].kind != IKE_ASK || e->outputs[i].ask->id != id)
			continue;
		e->output_count--;
		memmove(&e->outputs[i], &e->outputs[i + 1],
			(e->output_count - i) * sizeof(*e->outputs));
		return;
	}
}

static const char *text_kept(struct ike_engine *e, const char *text)
{
	return text && *text ? arena_text(output_arena(e), text) : "";
}

void engine_tell(struct ike_engine *e, const struct ike_event *event)
{
	struct ike_path *path = event->path ? arena_take(output_arena(e), sizeof(*path)) : NULL;
	struct ike_output *out = output_add(e);

	out->kind = IKE_TELL;
	out->tell = *event;
	out->tell.text = text_kept(e, event->text);
	out->tell.ike_name = text_kept(e, event->ike_name);
	out->tell.child_name = text_kept(e, event->child_name);
	if (path)
		*path = *event->path;
	out->tell.path = path;
}

bool ike_next_output(struct ike_engine *e, struct ike_output *ret_output)
{
	if (e->output_at == e->output_count) {
		engine_reap(e); /* nobody looks at what is gone any more */
		return false;
	}

	*ret_output = e->outputs[e->output_at++];
	return true;
}

ike_time ike_next_deadline(const struct ike_engine *e)
{
	return timers_next(&e->timers);
}

/* SAs that only linger to answer repeats don't hold up a shutdown. */
static bool engine_live(const struct ike_engine *e)
{
	for (const struct ike_sa *sa = e->sas; sa; sa = sa->next)
		if (!sa->gone)
			return true;

	return false;
}

static void input_end(struct ike_engine *e)
{
	supervise_run(e);
	if (!e->shutting_down || engine_live(e))
		return;
	e->shutting_down = false;
	timer_clear(&e->timers, &e->shutdown_timer);
	command_done(e, e->shutdown_command, true, 0, "");
}

/* Inputs. */

static void timer_fired(struct timer *t)
{
	switch ((enum sa_timer)t->kind) {
	case TIMER_QUESTION_OURS:
	case TIMER_QUESTION_THEIRS:
		exchange_question_late(t->owner);
		break;
	case TIMER_SUPERVISE:
		supervise_due(t->owner);
		break;
	case TIMER_SHUTDOWN:
		shutdown_late(t->owner);
		break;
	case TIMER_PROTOCOL:
		((struct ike_sa *)t->owner)->protocol->timer_due(t->owner, t);
		break;
	case TIMER_CHILD_REKEY:
	case TIMER_CHILD_EXPIRE:
	case TIMER_CHILD_INACTIVE:
		child_timer_due(t->owner, (enum sa_timer)t->kind);
		break;
	default:
		sa_timer_due(t->owner, (enum sa_timer)t->kind);
		break;
	}
}

void ike_tick(struct ike_engine *e, ike_time now)
{
	struct timer *t;

	input_begin(e, now);
	while ((t = timers_take_due(&e->timers, e->now)))
		timer_fired(t);
	input_end(e);
}

void ike_answer(struct ike_engine *e, ike_time now, const struct ike_answer *answer)
{
	struct exchange *x;

	input_begin(e, now);
	x = table_find(e->by_question, BYTES(&answer->id, sizeof(answer->id)));
	if (answer->id & USE_QUESTION)
		use_answered(e, answer);
	else if (x)
		exchange_answered(x, answer);
	else if (!path_answered(e, answer))
		ke_private_free(answer->private); /* nobody waits any more */
	input_end(e);
}

void ike_datagram(
	struct ike_engine *e, ike_time now, const struct ike_path *path, struct bytes datagram)
{
	input_begin(e, now);
	e->stats.received++;
	admit(e, path, datagram);
	input_end(e);
}

void ike_command(struct ike_engine *e, ike_time now, const struct ike_command *command)
{
	input_begin(e, now);
	command_run(e, command);
	input_end(e);
}

void ike_kernel(struct ike_engine *e, ike_time now, const struct ike_kernel_event *event)
{
	struct child_sa *child;

	input_begin(e, now);
	child = event->child_id ? child_find(e, event->child_id) : NULL;
	if (event->kind == IKE_KERNEL_UNKNOWN_SPI)
		invalid_spi_tell(e, &event->path, event->spi);
	else if (event->kind == IKE_KERNEL_ADDRESSES)
		paths_look_again(e);
	else if (event->kind == IKE_KERNEL_ACQUIRE)
		trap_acquired(e, event);
	else if (event->kind == IKE_KERNEL_REFUSED && !event->child_id)
		trap_refused(e, event);
	else if (child)
		child_kernel(child, event);
	input_end(e);
}

void ike_set_certreqs(struct ike_engine *e, struct bytes hashes)
{
	uint8_t *copy = bytes_copy(hashes);

	free((void *)(uintptr_t)e->certreqs.data);
	e->certreqs = copy ? BYTES(copy, hashes.size) : BYTES_EMPTY;
	tickets_revoke(e);
}

void ike_set_ca_names(struct ike_engine *e, struct bytes names)
{
	uint8_t *copy = bytes_copy(names);

	free((void *)(uintptr_t)e->ca_names.data);
	e->ca_names = copy ? BYTES(copy, names.size) : BYTES_EMPTY;
}

/* Steps never free their SA: they doom it, and here it goes, after the drain. */
void engine_reap(struct ike_engine *e)
{
	struct ike_sa *sa;

	while ((sa = e->doomed)) {
		e->doomed = sa->next_doomed;
		sa_free(sa);
	}
	children_reap(e);
}

/* Connections: a short list in order of loading. */

const struct connection *engine_connection(const struct ike_engine *e, const char *name)
{
	for (size_t i = 0; i < e->connection_count; i++)
		if (strcmp(e->connections[i]->name, name) == 0)
			return e->connections[i];

	return NULL;
}

static bool connection_same(const struct connection *a, const struct connection *b)
{
	return memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

static void connection_add(struct ike_engine *e, const struct connection *connection)
{
	if (e->connection_count == e->connection_room) {
		e->connection_room += CONNECTIONS_STEP;
		e->connections =
			realloc(e->connections, e->connection_room * sizeof(*e->connections));
		assert(e->connections);
	}
	e->connections[e->connection_count++] = connection_hold(connection);
	supervise_load(e, connection);
}

/* What is as it was stays, with all that was made from it. */
void engine_load(struct ike_engine *e, const struct connection *connection)
{
	for (size_t i = 0; i < e->connection_count; i++) {
		const struct connection *before = e->connections[i];

		if (strcmp(before->name, connection->name) != 0)
			continue;
		if (connection_same(before, connection)) {
			supervise_load(e, before);
			return;
		}
		e->connections[i] = connection_hold(connection);
		traps_reload(e, connection);
		tickets_forget(e, connection->name);
		supervise_load(e, connection);
		connection_release(before);
		return;
	}
	connection_add(e, connection);
}

bool engine_unload(struct ike_engine *e, const char *name)
{
	for (size_t i = 0; i < e->connection_count; i++) {
		const struct connection *c = e->connections[i];

		if (strcmp(c->name, name) != 0)
			continue;
		traps_unload(e, name);
		tickets_forget(e, name);
		supervise_unload(e, name);
		e->connection_count--;
		memmove(&e->connections[i], &e->connections[i + 1],
			(e->connection_count - i) * sizeof(*e->connections));
		connection_release(c);
		return true;
	}

	return false;
}

/* A table's key is short: the beginning of a name, and a hash of the whole. */
#define NAME_KEY_BYTES 48

static struct bytes name_key(const char *name, uint8_t out[static NAME_KEY_BYTES])
{
	static const uint8_t key[16] = "names of tern's";
	size_t size = strlen(name), head = NAME_KEY_BYTES - sizeof(uint64_t);

	memset(out, 0, NAME_KEY_BYTES);
	memcpy(out, name, size < head ? size : head);
	store_u64(out + head, siphash(key, BYTES(name, size)));
	return BYTES(out, NAME_KEY_BYTES);
}

struct named *engine_named(struct ike_engine *e, const char *name, bool make)
{
	uint8_t key[NAME_KEY_BYTES];
	struct named *n = table_find(e->by_name, name_key(name, key));

	if (n || !make)
		return n;
	n = calloc(1, sizeof(*n));
	assert(n && table_put(e->by_name, name_key(name, key), n) == 0);
	return n;
}

void engine_named_drop(struct ike_engine *e, const char *name)
{
	uint8_t key[NAME_KEY_BYTES];
	struct named *n = table_find(e->by_name, name_key(name, key));

	if (n && !n->sas && !n->supervised)
		free(table_take(e->by_name, name_key(name, key)));
}

struct ike_sa *engine_sas(const struct ike_engine *e, const char *name)
{
	uint8_t key[NAME_KEY_BYTES];
	const struct named *n = table_find(e->by_name, name_key(name, key));

	return n ? n->sas : NULL;
}

uint64_t engine_new_spi(struct ike_engine *e)
{
	uint64_t spi;

	do
		random_fill(&e->options.random, &spi, sizeof(spi));
	while (spi == 0 || table_find(e->by_spi, BYTES(&spi, sizeof(spi))));

	return spi;
}

/* That of the trap that it belongs to, else its own: children of several peers differ. Rekeying keeps
 * it. */
uint32_t engine_reqid(const struct ike_sa *sa, const struct child_config *config)
{
	uint32_t trapped = trap_reqid(sa, config);

	if (trapped)
		return trapped;
	return config->reqid ? config->reqid : ++sa->engine->last_reqid;
}
