/* What must hold in every world, whatever happened. Checked when it could begin to be wrong: the ends
 * of a child when an end is installed, secrets when something is told, sequence numbers with each
 * packet, what is kept in memory after each input. */
#include "sim/internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/v1/ikev1.h"

size_t host_sas(const struct host *h)
{
	struct ike_sa_view view;
	size_t position = 0, count = 0;

	while (h->engine && ike_next_sa(h->engine, &position, &view))
		count += view.state == IKE_ESTABLISHED || view.state == IKE_REKEYING;
	return count;
}

bool host_cannot_ask(const struct host *h, uint32_t sa_id)
{
	const struct ike_sa *sa = h->engine ? sa_find(h->engine, sa_id) : NULL;

	return sa && sa->v1 && !sa->children && !v1_peer_has(sa, V1_VENDOR_DPD);
}

size_t host_half_open(const struct host *h)
{
	struct ike_sa_view view;
	size_t position = 0, count = 0;

	while (h->engine && ike_next_sa(h->engine, &position, &view))
		count += view.state == IKE_CREATED || view.state == IKE_CONNECTING;
	return count;
}

size_t host_children(const struct host *h)
{
	size_t count = 0;

	for (size_t i = 0; i < h->children_used; i++)
		count += h->children[i].in && h->children[i].out;
	return count;
}

/* In transport mode through a NAT each end has the addresses that it sees. */
static bool selectors_same(
	const struct selectors *a, const struct selectors *b, const struct child_spec *of)
{
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		struct selector other = b->list[i];

		if (of->mode == CHILD_TRANSPORT && of->encap) {
			other.first = a->list[i].first;
			other.last = a->list[i].last;
		}
		if (memcmp(&other, &a->list[i], sizeof(other)) != 0)
			return false;
	}
	return a->count == b->count;
}

static bool keys_same(const struct child_keys *a, const struct child_keys *b)
{
	return secret_equal(&a->encr, &b->encr) && secret_equal(&a->integ, &b->integ);
}

/* The child of another host whose inbound SPI is this one's outbound: whatever addresses a NAT box
 * makes of them. */
static const struct sim_child *other_end(
	const struct world *w, const struct host *h, const struct sim_child *c)
{
	for (size_t i = 0; i < w->host_count; i++) {
		const struct host *peer = w->hosts[i];

		for (size_t j = 0; peer != h && j < peer->children_used; j++) {
			const struct sim_child *other = &peer->children[j];

			if (other->in && other->spec.spi_in == c->spec.spi_out &&
				other->spec.spi_out == c->spec.spi_in)
				return other;
		}
	}
	return NULL;
}

static bool ends_fit(struct world *w, const struct child_spec *here, const struct child_spec *there)
{
	if (!keys_same(&here->keys_out, &there->keys_in) ||
		!keys_same(&here->keys_in, &there->keys_out)) {
		world_broken(w, "the ends of a child hold different keys");
		return false;
	}
	if (!selectors_same(&here->local, &there->remote, here) ||
		!selectors_same(&here->remote, &there->local, here)) {
		world_broken(w, "the ends of a child have selectors that don't fit");
		return false;
	}
	return true;
}

bool world_same_keys(struct world *w)
{
	for (size_t i = 0; i < w->host_count; i++) {
		const struct host *h = w->hosts[i];

		for (size_t j = 0; j < h->children_used; j++) {
			const struct sim_child *c = &h->children[j];
			const struct sim_child *other = c->in && c->out ? other_end(w, h, c) : NULL;

			if (other && !ends_fit(w, &c->spec, &other->spec))
				return false;
		}
	}
	return true;
}

/* Nobody sends with the same key twice: sequence numbers, and with them IVs, would begin again. The
 * world keeps a digest of each key that was sent with. */
static uint64_t digest(struct bytes b)
{
	uint64_t d = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t i = 0; i < b.size; i++)
		d = (d ^ b.data[i]) * 0x100000001b3u;
	return d;
}

void check_key_unused(struct host *h, const struct child_spec *spec)
{
	struct world *w = h->world;
	struct bytes key = secret_bytes(&spec->keys_out.encr);
	uint64_t d = digest(key.size ? key : secret_bytes(&spec->keys_out.integ));

	for (size_t i = 0; i < w->key_count; i++)
		if (w->keys_used[i] == d)
			world_broken(w, "a key is used for sending by two SAs");
	if (w->key_count == w->key_room) {
		w->key_room = w->key_room ? 2 * w->key_room : 64;
		w->keys_used = realloc(w->keys_used, w->key_room * sizeof(w->keys_used[0]));
		if (!w->keys_used)
			abort();
	}
	w->keys_used[w->key_count++] = d;
}

/* A sequence number, as it leaves: always higher than the one before on the same SA. */
void check_sequence(struct host *h, uint32_t child_id, struct bytes packet)
{
	uint32_t sequence = load_u32(packet.data + 4);

	for (size_t i = 0; i < h->children_used; i++) {
		struct sim_child *c = &h->children[i];

		if (!c->out || c->spec.child_id != child_id)
			continue;
		if (sequence <= c->sequence)
			world_broken(h->world, "a sequence number is used twice");
		if (load_u32(packet.data) != c->spec.spi_out)
			world_broken(h->world, "a packet has the SPI of another SA");
		c->sequence = sequence;
		return;
	}
	world_broken(h->world, "a packet leaves over an SA that isn't installed");
}

/* Both ends, where this one has just come. */
void check_ends(struct host *h, const struct sim_child *c)
{
	const struct sim_child *other = other_end(h->world, h, c);

	if (other)
		ends_fit(h->world, &c->spec, &other->spec);
}

/* A packet that no policy of the sender's fits, though its engine believes to have a child or a trap
 * for it. */
static bool covers(const struct selectors *s, const struct address *a)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->list[i].family == a->family && address_compare(&s->list[i].first, a) <= 0 &&
			address_compare(a, &s->list[i].last) <= 0)
			return true;

	return false;
}

void check_clear(struct host *h, const struct address *from, const struct address *to)
{
	size_t position = 0;
	struct ike_trap_view trap;

	for (const struct ike_sa *sa = h->engine->sas; sa; sa = sa->next)
		for (const struct child_sa *c = sa->children; c; c = c->next)
			if (c->installed_in && covers(&c->spec.local, from) &&
				covers(&c->spec.remote, to) && !h->refused)
				world_broken(h->world, "a packet goes in the clear past a child");
	while (ike_next_trap(h->engine, &position, &trap))
		if (covers(&trap.spec->local, from) && covers(&trap.spec->remote, to))
			world_broken(h->world, "a packet goes in the clear past a trap");
}

/* Texts without secrets: neither as they are nor in hexadecimal. Eight octets of one are enough, so
 * a text without sixteen digits in a row and without strange characters tells none. */
#define TOLD_BYTES 8

static bool is_suspect(const char *text)
{
	size_t digits = 0;

	for (; *text; text++) {
		digits = strchr("0123456789abcdefABCDEF", *text) ? digits + 1 : 0;
		if (digits == 2 * (size_t)TOLD_BYTES || *text < 0x20 || *text > 0x7e)
			return true;
	}
	return false;
}

static bool told(struct bytes secret, const char *text)
{
	char hex[2 * TOLD_BYTES + 1];

	if (secret.size < TOLD_BYTES)
		return false;
	for (size_t i = 0; i < TOLD_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", secret.data[i]);
	return strcasestr(text, hex) || memmem(text, strlen(text), secret.data, TOLD_BYTES);
}

static bool tells_keys(const struct ike_sa *sa, const char *text)
{
	const struct secret *of_sa[] = { &sa->keys.sk_d, &sa->keys.sk_pi, &sa->keys.sk_pr };

	for (size_t i = 0; i < sizeof(of_sa) / sizeof(of_sa[0]); i++)
		if (told(secret_bytes(of_sa[i]), text))
			return true;
	for (const struct child_sa *c = sa->children; c; c = c->next)
		if (told(secret_bytes(&c->spec.keys_in.encr), text) ||
			told(secret_bytes(&c->spec.keys_out.encr), text))
			return true;

	return false;
}

void check_told(struct host *h, const char *text)
{
	bool tells = strstr(text, "sharks") != NULL;

	for (const struct ike_sa *sa = is_suspect(text) ? h->engine->sas : NULL; sa; sa = sa->next)
		tells = tells || tells_keys(sa, text);
	if (tells)
		world_broken(h->world, "an event tells a secret");
}

/* What a peer can make us keep is limited: so many of each, and so many octets for each. An exchange
 * has room for the longest message that it may write. */
#define INTENTS_MAX      40
#define ENGINE_BYTES     (128 * 1024)
#define CONNECTION_BYTES (4 * 1024)
#define SA_BYTES         (16 * 1024)
#define EXCHANGE_BYTES   (80 * 1024)
#define EXCHANGES_MAX    16 /* of a peer at once, in IKEv1; one in IKEv2 */
#define FLIGHT_BYTES     1024
#define CHILD_BYTES      (12 * 1024)
#define LEASE_BYTES      512
#define TICKET_BYTES     2048

static size_t leases(const struct ike_engine *e)
{
	struct ike_pool_view pool;
	size_t position = 0, count = 0;

	while (ike_next_pool(e, &position, &pool))
		count += pool.online + pool.offline;
	return count;
}

/* IKEv1 has several exchanges under way at once, and keeps what was said last in each that is over. */
static size_t sa_limit(struct host *h, const struct ike_sa *sa)
{
	size_t theirs = 0, flights = sa->v1 ? sa->v1->flight_count : 0;

	for (const struct exchange *x = sa->theirs; x; x = x->next)
		theirs++;
	if (theirs > (sa->v1 ? EXCHANGES_MAX : 1))
		world_broken(h->world, "a peer has more exchanges under way than it may");
	return SA_BYTES + (theirs + (sa->ours != NULL)) * EXCHANGE_BYTES + flights * FLIGHT_BYTES;
}

static void check_memory(struct host *h)
{
	const struct ike_engine *e = h->engine;
	size_t limit = ENGINE_BYTES + CONNECTION_BYTES * e->connection_count +
		CHILD_BYTES * (size_t)e->stats.children + LEASE_BYTES * leases(e);

	if (e->tickets)
		limit += TICKET_BYTES * (size_t)h->options.tickets_max;
	if (e->output_arena)
		limit += 3 * arena_used(e->output_arena);
	for (const struct ike_sa *sa = e->sas; sa; sa = sa->next)
		limit += sa_limit(h, sa);
	if (h->memory.octets > limit)
		world_broken(h->world, "an engine holds more octets than it may: %zu of %zu",
			h->memory.octets, limit);
}

void check_limits(struct host *h)
{
	const struct ike_options *o = &h->options;
	uint32_t half_open = 0, sas = 0;

	for (const struct ike_sa *sa = h->engine->sas; sa; sa = sa->next) {
		uint32_t children = 0, intents = 0;

		sas++;
		half_open += sa->half_open_counted;
		for (const struct child_sa *c = sa->children; c; c = c->next)
			children += c->made_by != 0; /* the peer's doing */
		for (const struct intent *i = sa->intents; i; i = i->next)
			intents++;
		if (children > 3 * o->children_max) /* with what replaces them, by either end */
			world_broken(h->world, "an IKE SA has more children than it may");
		if (intents > INTENTS_MAX)
			world_broken(h->world, "an IKE SA wants more than it can ever do");
	}
	if (o->ike_sa_max && sas > o->ike_sa_max + 1)
		world_broken(h->world, "there are more IKE SAs than there may be");
	if (o->half_open_max && half_open > o->half_open_max)
		world_broken(h->world, "there are more half-open SAs than there may be");
	if (half_open != h->engine->half_open)
		world_broken(h->world, "half-open SAs are counted wrongly");
	check_memory(h);
	check_attacked(h);
}
