#include "ike/ticket.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/exchange.h"
#include "ike/spent.h"
#include "ike/v2/keys.h"

#define TICKET_VERSION   1
#define KEY_ID_BYTES     8
#define TICKET_IV_BYTES  8
#define TICKET_ICV_BYTES 16
#define SPENT_STEP       64
#define LIFETIME_MIN_S   10 /* not worth a ticket below */

static const struct seal_suite suite = { ENCR_AES_GCM_16, 256, 0 };

/* One generation of the sealing key. */
struct ticket_key {
	struct sealer *sealer; /* NULL: none yet */
	uint8_t id[KEY_ID_BYTES];
	ike_time made_at;
	uint64_t first_serial;
};

/* A client's. */
struct kept_ticket {
	struct kept_ticket *next;
	struct octets ticket;
	struct ticket_state *state;
	bool of_no_avail; /* the peer gave no answer to it: the next time without */
};

struct tickets {
	struct ticket_key keys[2]; /* the current one, and the one before, which still opens */
	uint64_t last_serial;
	struct spent spent;
	struct kept_ticket *kept;
	size_t kept_count;
};

void ticket_state_free(struct ticket_state *s)
{
	if (!s)
		return;
	octets_clear(&s->local_id.value);
	octets_clear(&s->remote_id.value);
	octets_clear(&s->name);
	bytes_wipe(s, sizeof(*s));
	free(s);
}

static void kept_drop(struct tickets *t, struct kept_ticket **link)
{
	struct kept_ticket *k = *link;

	*link = k->next;
	t->kept_count--;
	octets_clear(&k->ticket);
	ticket_state_free(k->state);
	free(k);
}

static void keys_drop(struct tickets *t)
{
	for (size_t i = 0; i < 2; i++)
		sealer_free(t->keys[i].sealer);
	bytes_wipe(t->keys, sizeof(t->keys));
}

void tickets_free(struct tickets *t)
{
	if (!t)
		return;
	while (t->kept)
		kept_drop(t, &t->kept);
	keys_drop(t);
	spent_free(&t->spent);
	free(t);
}

static struct tickets *tickets_of(struct ike_engine *e)
{
	if (!e->tickets)
		e->tickets = calloc(1, sizeof(*e->tickets));
	return e->tickets;
}

static bool is_named(const struct ticket_state *s, const char *name)
{
	return bytes_equal(octets_bytes(&s->name), bytes_of_text(name));
}

void tickets_forget(struct ike_engine *e, const char *name)
{
	struct kept_ticket **link = e->tickets ? &e->tickets->kept : NULL;

	while (link && *link)
		if (is_named((*link)->state, name))
			kept_drop(e->tickets, link);
		else
			link = &(*link)->next;
}

void tickets_revoke(struct ike_engine *e)
{
	if (e->tickets)
		keys_drop(e->tickets);
}

/* The sealing key. */

static void key_rotate(struct ike_engine *e, struct tickets *t)
{
	uint8_t key[64];
	size_t size = suite_encr_key_bytes(&suite);
	struct ticket_key fresh = { .made_at = e->now, .first_serial = t->last_serial + 1 };

	random_fill(&e->options.random, key, size);
	random_fill(&e->options.random, fresh.id, sizeof(fresh.id));
	fresh.sealer = sealer_new(e->options.crypto, &suite, BYTES(key, size), BYTES_EMPTY);
	bytes_wipe(key, sizeof(key));
	sealer_free(t->keys[1].sealer);
	t->keys[1] = t->keys[0];
	t->keys[0] = fresh;
	if (t->keys[1].sealer && t->keys[1].first_serial - 1 > t->spent.floor)
		t->spent.floor = t->keys[1].first_serial - 1; /* nothing opens those any more */
}

static struct ticket_key *key_current(struct ike_engine *e, struct tickets *t)
{
	struct ticket_key *k = &t->keys[0];

	if (!k->sealer || e->now - k->made_at >= e->options.ticket_key_lifetime_ns)
		key_rotate(e, t);
	return k->sealer ? k : NULL;
}

/* A key two lifetimes old opens nothing, whether or not a ticket was given out since. */
static struct ticket_key *key_of(struct ike_engine *e, struct tickets *t, struct bytes id)
{
	for (size_t i = 0; i < 2; i++) {
		struct ticket_key *k = &t->keys[i];

		if (k->sealer && bytes_equal(BYTES_OF(k->id), id) &&
			e->now - k->made_at < 2 * e->options.ticket_key_lifetime_ns)
			return k;
	}
	return NULL;
}

void ticket_spend(struct ike_engine *e, uint64_t serial)
{
	if (serial && e->tickets)
		spent_add(&e->tickets->spent, serial, e->options.tickets_max);
}

/* What is in a ticket. */

static void write_octets(struct writer *w, struct bytes b)
{
	write_u16(w, (uint16_t)b.size);
	write_bytes(w, b);
}

static struct bytes read_octets(struct reader *r)
{
	size_t size = read_u16(r);

	return read_bytes(r, size);
}

static void state_write(struct writer *w, const struct ticket_state *s)
{
	write_u8(w, TICKET_VERSION);
	write_u64(w, s->serial);
	write_u64(w, s->expires_at);
	write_u64(w, s->authenticated_at);
	write_u8(w, s->method);
	write_u8(w, s->chosen.transform_count);
	for (size_t i = 0; i < s->chosen.transform_count; i++) {
		write_u8(w, s->chosen.transforms[i].type);
		write_u16(w, s->chosen.transforms[i].id);
		write_u16(w, s->chosen.transforms[i].key_bits);
	}
	write_octets(w, secret_bytes(&s->sk_d));
	write_u8(w, s->local_id.type);
	write_octets(w, octets_bytes(&s->local_id.value));
	write_u8(w, s->remote_id.type);
	write_octets(w, octets_bytes(&s->remote_id.value));
	write_octets(w, octets_bytes(&s->name));
	write_bytes(w, BYTES_OF(s->digest));
}

/* Only we write what is read here, but nothing is assumed of it. */
static struct ticket_state *state_read(struct bytes plain)
{
	struct ticket_state *s = calloc(1, sizeof(*s));
	struct reader r = reader_of(plain);
	struct bytes sk_d, digest;
	bool known = read_u8(&r) == TICKET_VERSION;

	if (!s)
		return NULL;
	s->serial = read_u64(&r);
	s->expires_at = read_u64(&r);
	s->authenticated_at = read_u64(&r);
	s->method = read_u8(&r);
	s->chosen.number = 1;
	s->chosen.protocol = PROTOCOL_IKE;
	s->chosen.transform_count = read_u8(&r);
	known = known && s->chosen.transform_count <= TRANSFORMS_MAX;
	for (size_t i = 0; known && i < s->chosen.transform_count; i++) {
		uint8_t type = read_u8(&r);
		uint16_t id = read_u16(&r);

		s->chosen.transforms[i] = (struct transform){ type, id, read_u16(&r) };
	}
	sk_d = read_octets(&r);
	s->local_id.type = read_u8(&r);
	octets_set(&s->local_id.value, read_octets(&r));
	s->remote_id.type = read_u8(&r);
	octets_set(&s->remote_id.value, read_octets(&r));
	octets_set(&s->name, read_octets(&r));
	digest = read_bytes(&r, sizeof(s->digest));
	if (!known || !reader_done(&r) || sk_d.size > SECRET_BYTES_MAX) {
		ticket_state_free(s);
		return NULL;
	}
	secret_set(&s->sk_d, sk_d);
	memcpy(s->digest, digest.data, sizeof(s->digest));
	return s;
}

/* What an IKE SA that stands leaves behind. */
static struct ticket_state *state_of(struct ike_sa *sa)
{
	struct ticket_state *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->authenticated_at = sa->resumption.authenticated_at;
	s->method = sa->resumption.method;
	s->chosen = sa->chosen;
	s->sk_d = sa->keys.sk_d;
	s->local_id.type = sa->local_id.type;
	s->remote_id.type = sa->remote_id.type;
	octets_set(&s->local_id.value, octets_bytes(&sa->local_id.value));
	octets_set(&s->remote_id.value, octets_bytes(&sa->remote_id.value));
	octets_set(&s->name, bytes_of_text(sa->connection->name));
	memcpy(s->digest, sa->connection->digest, sizeof(s->digest));
	return s;
}

/* Giving out. */

/* As long as the IKE SA may live without being rekeyed, and not beyond the time at which its peers
 * must prove themselves again: §6.2. */
static uint64_t lifetime_s(const struct ike_sa *sa)
{
	const struct connection *c = sa->connection;
	uint64_t s = sa->engine->options.ticket_lifetime_ns / NS_PER_SECOND;
	uint64_t age = (sa->engine->now - sa->resumption.authenticated_at) / NS_PER_SECOND;

	if (c->rekey_time_s && c->rekey_time_s + c->over_time_s < s)
		s = c->rekey_time_s + c->over_time_s;
	if (c->reauth_time_s && age >= c->reauth_time_s)
		return 0;
	if (c->reauth_time_s && c->reauth_time_s - age < s)
		s = c->reauth_time_s - age;
	if (sa->auth_ends_at <= sa->engine->now)
		return 0;
	if (sa->auth_ends_at != IKE_TIME_NEVER &&
		(sa->auth_ends_at - sa->engine->now) / NS_PER_SECOND < s)
		s = (sa->auth_ends_at - sa->engine->now) / NS_PER_SECOND;
	return s;
}

/* key ID | IV | what seals | ICV */
static bool seal(struct ticket_key *k, const struct ticket_state *s, struct writer *w)
{
	size_t start = w->used, text;
	uint8_t *iv, *icv;

	write_bytes(w, BYTES_OF(k->id));
	iv = write_room(w, TICKET_IV_BYTES);
	text = w->used;
	state_write(w, s);
	if (!writer_ok(w))
		return false;
	store_u64(iv, s->serial); /* once per key, and serials don't repeat */
	icv = w->start + w->used;
	write_zeros(w, TICKET_ICV_BYTES);
	return writer_ok(w) &&
		sealer_seal(k->sealer, BYTES(w->start + start, KEY_ID_BYTES), iv, w->start + text,
			(size_t)(icv - (w->start + text)), BYTES_EMPTY, icv) == 0;
}

static bool issue(struct ike_sa *sa, struct writer *w)
{
	struct tickets *t = tickets_of(sa->engine);
	struct ticket_key *k = t ? key_current(sa->engine, t) : NULL;
	struct ticket_state *s = k ? state_of(sa) : NULL;
	uint64_t seconds = lifetime_s(sa);
	bool good = s && seconds >= LIFETIME_MIN_S;

	if (good) {
		s->serial = ++t->last_serial;
		s->expires_at = sa->engine->now + seconds * NS_PER_SECOND;
		write_u32(w, (uint32_t)seconds);
		good = seal(k, s, w);
	}
	if (good) {
		ticket_spend(sa->engine, sa->resumption.issued); /* only the latest counts */
		sa->resumption.issued = s->serial;
	}
	ticket_state_free(s);
	return good;
}

void ticket_put(struct exchange *x)
{
	uint8_t memory[TICKET_BYTES_MAX];
	struct writer w = writer_of(memory, sizeof(memory));

	if (x->engine->options.tickets && issue(x->sa, &w))
		exchange_notify(x, TICKET_LT_OPAQUE, writer_bytes(&w));
	else
		exchange_notify(x, TICKET_NACK, BYTES_EMPTY);
	bytes_wipe(memory, sizeof(memory));
}

/* Opening. */

static struct ticket_state *unseal(struct ticket_key *k, struct bytes ticket)
{
	size_t head = KEY_ID_BYTES + TICKET_IV_BYTES;
	size_t size = ticket.size - head - TICKET_ICV_BYTES;
	uint8_t text[TICKET_BYTES_MAX];
	struct ticket_state *s = NULL;

	memcpy(text, ticket.data + head, size);
	if (sealer_open(k->sealer, BYTES(ticket.data, KEY_ID_BYTES), ticket.data + KEY_ID_BYTES,
		    text, size, BYTES_EMPTY, ticket.data + head + size) == 0)
		s = state_read(BYTES(text, size));
	bytes_wipe(text, sizeof(text));
	return s;
}

/* NULL where it may be used. */
static const char *objection(struct ike_engine *e, const struct ticket_state *s,
	const struct connection **ret_connection)
{
	char name[256];

	snprintf(name, sizeof(name), "%.*s", (int)s->name.size, (const char *)s->name.data);
	*ret_connection = engine_connection(e, name);
	if (e->now >= s->expires_at)
		return "it has expired";
	if (spent_has(&e->tickets->spent, s->serial))
		return "it was used already, or its IKE SA was deleted";
	if (!*ret_connection)
		return "its connection is not loaded any more";
	if (memcmp((*ret_connection)->digest, s->digest, sizeof(s->digest)) != 0)
		return "its connection has changed since";
	return NULL;
}

struct ticket_state *ticket_open(struct ike_engine *e, struct bytes ticket,
	const struct connection **ret_connection, const char **ret_why)
{
	struct ticket_state *s = NULL;
	struct ticket_key *k;

	*ret_why = "tickets are not given out (ternd's resumption = no)";
	if (!e->options.tickets)
		return NULL;
	*ret_why =
		"it is none of ours, or its key is no more: ternd was restarted, or credentials changed";
	if (!e->tickets || ticket.size > TICKET_BYTES_MAX ||
		ticket.size < KEY_ID_BYTES + TICKET_IV_BYTES + TICKET_ICV_BYTES)
		return NULL;
	k = key_of(e, e->tickets, BYTES(ticket.data, KEY_ID_BYTES));
	if (k)
		s = unseal(k, ticket);
	*ret_why = s ? objection(e, s, ret_connection) : *ret_why;
	if (*ret_why) {
		ticket_state_free(s);
		return NULL;
	}
	return s;
}

/* As client. */

void ticket_read(struct exchange *x)
{
	struct resumption *own = &x->sa->resumption;
	struct notify n;

	if (!x->sa->connection->resumption || !chain_notify(exchange_in(x), TICKET_LT_OPAQUE, &n) ||
		n.data.size <= 4 || n.data.size - 4 > TICKET_BYTES_MAX)
		return;
	own->expires_at = x->engine->now + load_u32(n.data.data) * NS_PER_SECOND;
	octets_set(&own->ticket, BYTES(n.data.data + 4, n.data.size - 4));
}

static struct kept_ticket **kept_find(struct tickets *t, const char *name)
{
	struct kept_ticket **link = &t->kept;

	while (*link && !is_named((*link)->state, name))
		link = &(*link)->next;
	return link;
}

bool ticket_present(struct ike_sa *sa)
{
	struct tickets *t = sa->engine->tickets;
	struct kept_ticket **link = t ? kept_find(t, sa->connection->name) : NULL;
	struct kept_ticket *k = link ? *link : NULL;
	bool good;

	if (!k)
		return false;
	good = sa->engine->now < k->state->expires_at &&
		memcmp(k->state->digest, sa->connection->digest, sizeof(k->state->digest)) == 0;
	if (good && k->of_no_avail) {
		k->of_no_avail = false; /* once without it */
		return false;
	}
	if (good) {
		sa->setup->ticket = k->ticket;
		sa->setup->resumes = k->state;
		k->ticket = (struct octets){ 0 };
		k->state = NULL;
	}
	kept_drop(t, link);
	return good;
}

static void kept_drop_oldest(struct tickets *t)
{
	struct kept_ticket **link = &t->kept;

	while (*link && (*link)->next)
		link = &(*link)->next;
	if (*link)
		kept_drop(t, link);
}

/* Takes both. */
static void keep(
	struct ike_engine *e, struct octets *ticket, struct ticket_state *state, bool of_no_avail)
{
	struct tickets *t = tickets_of(e);
	struct kept_ticket *k = t && state && ticket->size ? calloc(1, sizeof(*k)) : NULL;

	if (k && t->kept_count >= e->options.tickets_max)
		kept_drop_oldest(t);
	if (!k) {
		octets_clear(ticket);
		ticket_state_free(state);
		return;
	}
	*k = (struct kept_ticket){ t->kept, *ticket, state, of_no_avail };
	*ticket = (struct octets){ 0 };
	t->kept = k;
	t->kept_count++;
}

static bool still_configured(const struct ike_sa *sa)
{
	const struct connection *c = engine_connection(sa->engine, sa_name(sa));

	return c && memcmp(c->digest, sa->connection->digest, sizeof(c->digest)) == 0;
}

static void keep_own(struct ike_sa *sa)
{
	struct resumption *own = &sa->resumption;
	struct ticket_state *s = state_of(sa);

	if (s)
		s->expires_at = own->expires_at;
	tickets_forget(sa->engine, sa_name(sa));
	keep(sa->engine, &own->ticket, s, false);
}

void ticket_sa_over(struct ike_sa *sa, enum sa_end end)
{
	struct resumption *own = &sa->resumption;
	bool lost = end == SA_END_PEER_GONE && sa->state != IKE_REKEYED && !sa->delete_sent;

	if (end != SA_END_PEER_GONE && end != SA_END_FAILED)
		ticket_spend(sa->engine, own->issued);
	if (sa->setup && sa->setup->resumes && sa->initiator && lost && still_configured(sa)) {
		keep(sa->engine, &sa->setup->ticket, sa->setup->resumes, true);
		sa->setup->resumes = NULL;
	} else if (sa->established_at && own->ticket.size && lost && still_configured(sa)) {
		keep_own(sa);
	}
	octets_clear(&own->ticket);
}
