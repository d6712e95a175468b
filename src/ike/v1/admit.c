/* IKEv1 datagrams: whose they are, whether they are repeats, and what is to become of them. Tern
 * answers IKEv1 only where a loaded connection wants it for these addresses; all others get silence.
 * Writes to no SA before a message is opened, and to what a message proves only after that. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/admit.h"
#include "ike/liveness.h"
#include "ike/v1/phase1.h"
#include "ike/v2/send.h"

/* Peers' exchanges of one SA that may be under way at once. */
#define EXCHANGES_MAX 16

static void drop(struct ike_engine *e, const struct v1_datagram *d, const char *why)
{
	admit_drop(e, d->path, d->octets.size, why);
}

static struct arena *arena_for(const struct v1_datagram *d)
{
	return arena_new(2 * d->octets.size + sizeof(struct opened) + 1024);
}

void v1_tell_received(struct ike_sa *sa, const struct opened *m, size_t size)
{
	char line[600];

	v1_message_print(&m->header, &m->chain, line, sizeof(line));
	engine_tell(sa->engine,
		&(struct ike_event){ .kind = IKE_EVENT_RECEIVED,
			.level = 1,
			.version = 1,
			.ike_id = sa->id,
			.ike_name = sa_name(sa),
			.text = line,
			.path = &m->path,
			.size = size,
			.command = sa_command(sa) });
}

/* The first message of a phase 1 from somewhere. */

static bool wanted_here(const struct ike_engine *e, const struct ike_path *path)
{
	struct conf_facts facts = { .local = path->local.address, .remote = path->remote.address };

	for (size_t i = 0; i < e->connection_count; i++)
		if (e->connections[i]->version != 2 &&
			conf_match(e->connections[i], &facts, NULL, 0))
			return true;

	return false;
}

static void admit_new(struct ike_engine *e, const struct v1_datagram *d)
{
	const char *why = !wanted_here(e, d->path)
		? "IKEv1, which no connection wants for these addresses"
		: admit_closed_to(e, &d->path->remote.address);
	struct arena *arena = why ? NULL : arena_for(d);
	struct opened *message =
		arena ? v1_opened_without_integrity(NULL, d, arena, NULL, &why) : NULL;

	if (message && (message->malformed || message->critical_unknown))
		why = "the first message of phase 1 is malformed";
	else if (message)
		why = NULL;
	if (why || !message) {
		drop(e, d, why ? why : "out of memory");
		arena_free(arena);
		return;
	}
	v1_respond(e,
		d->header->exchange == V1_AGGRESSIVE ? &v1_aggressive_mode_responder
						     : &v1_main_mode_responder,
		arena, message);
}

/* A repeat of the first message finds its SA by where it came from. */
static void admit_first(struct ike_engine *e, const struct v1_datagram *d)
{
	struct ike_sa *sa = half_open_find(e, d->path, d->header->spi_i);
	struct v1_flight *f = sa && sa->v1 ? v1_flight_find(sa, 0) : NULL;

	if (!sa)
		admit_new(e, d);
	else if (f && v1_flight_repeats(f, d->octets))
		v1_flight_again(f);
}

static bool begins_sa(const struct ike_header *h)
{
	return v1_is_phase1(h->exchange) && h->spi_i && !h->spi_r && !h->message_id &&
		!(h->flags & V1_FLAG_ENCRYPTION);
}

/* A message of phase 1. Whatever it is, nothing is known of its sender. */
static void admit_phase1(struct ike_sa *sa, const struct v1_datagram *d)
{
	struct v1_flight *f = v1_flight_find(sa, 0);
	struct exchange *x = v1_exchange_find(sa, 0);
	struct opened *message;
	struct arena *arena;
	const char *why;

	if (sa->delete_sent) { /* or a peer that missed its last message, and the Delete, goes by it */
		drop(sa->engine, d, "it was deleted");
		return;
	}
	if (f && v1_flight_repeats(f, d->octets)) {
		v1_flight_again(f);
		return;
	}
	if (!f || !x || x->kind->type != d->header->exchange) {
		drop(sa->engine, d, "phase 1 is over");
		return;
	}
	if (x->question_id)
		return; /* the message before is being worked on */
	arena = arena_for(d);
	why = "out of memory";
	message = arena ? v1_opened_without_integrity(sa, d, arena, &f->after, &why) : NULL;
	if (!message) {
		drop(sa->engine, d, why);
		arena_free(arena);
		return;
	}
	v1_tell_received(sa, message, d->octets.size);
	exchange_resume(x, arena, message);
}

/* Phase 2. */

static size_t exchanges_of_peer(const struct ike_sa *sa)
{
	size_t count = 0;

	for (const struct exchange *x = sa->theirs; x; x = x->next)
		count++;
	return count;
}

static const struct exchange_kind *responder_of(uint8_t exchange)
{
	switch (exchange) {
	case V1_QUICK_MODE:
		return &v1_quick_mode_responder;
	case V1_INFORMATIONAL:
		return &v1_informational_responder;
	case V1_TRANSACTION:
		return &v1_transaction_responder;
	default:
		return NULL;
	}
}

/* The first message of an exchange of the peer, verified. */
static void begin_phase2(struct ike_sa *sa, struct arena *arena, struct opened *message,
	const struct v1_progress *after)
{
	const struct exchange_kind *kind = responder_of(message->header.exchange);
	const char *early = v1_too_early(sa, message);
	uint32_t id = message->header.message_id;
	struct v1_flight *f;

	if (!early && !v1_message_id_note(sa, id))
		early = "out of memory";
	if (!kind || early) {
		sa_tell(sa, IKE_EVENT_DROPPED, 1, "dropped an exchange that has no place here%s%s",
			early ? ": " : "", early ? early : "");
		arena_free(arena);
		return;
	}
	f = kind->round_count > 1 || kind->rounds[0].emit ? v1_flight_new(sa, id) : NULL;
	if (f)
		f->after = *after;
	exchange_respond(sa, kind, arena, message);
}

static const char *not_now(const struct ike_sa *sa, const struct v1_flight *f,
	const struct exchange *x, const struct v1_datagram *d)
{
	if (sa->gone || !sa->v1->keyed)
		return "phase 2 without a phase 1";
	if (v1_exchange_find(sa, 0))
		return "phase 1 is not over";
	if (f && (!x || x->kind->type != d->header->exchange))
		return "its exchange is over";
	if (!f && v1_message_id_used(sa, d->header->message_id))
		return "its message ID was used before";
	if (!f && sa->v1->message_ids.count >= V1_MESSAGE_IDS_MAX)
		return "this phase 1 has had too many exchanges: the peer is to set up another";
	if (!f && exchanges_of_peer(sa) >= EXCHANGES_MAX)
		return "too many exchanges are under way";
	return NULL;
}

/* Where the peer's refusal of phase 1 is encrypted: with keys that we have, too, it says why; with others
 * that is why. Nothing is proved by it yet, so it is for people only. */
static void note_refusal(struct ike_sa *sa, const struct v1_datagram *d)
{
	struct arena *arena;
	struct v1_progress unused;
	struct opened *message;
	struct where where;
	const char *why;

	if (d->header->exchange != V1_INFORMATIONAL || !sa->v1->keyed || !v1_exchange_find(sa, 0) ||
		!send_stray_allowed(sa->engine))
		return;
	arena = arena_for(d);
	message = arena ? v1_receive_open(sa, NULL, d, arena, &unused, &why) : NULL;
	where = where_said(sa->connection->remote[0].where_auth, sa->connection->where);
	if (message && !message->malformed) {
		v1_tell_received(sa, message, d->octets.size);
		v1_informational_unprotected(sa, message);
	} else if (!sa->v1->trouble[0] && v1_method_has_psk(sa->v1->transform.method)) {
		snprintf(sa->v1->trouble, sizeof(sa->v1->trouble),
			"it answered with what we can't decrypt: likely the two ends have different pre-shared keys; compare the secrets for connection %s (%s:%u)",
			sa_name(sa), where.file, where.line);
		sa_tell(sa, IKE_EVENT_NOTE, 0, "%s", sa->v1->trouble);
	}
	arena_free(arena);
}

/* The peer is through with phase 1, and we are still at it. There are some that don't repeat what they
 * say next (strongSwan 5.9 its push of mode config), so one message waits; not an informational, which
 * may be the peer's refusal of phase 1. */
static bool waits_for_phase1(struct ike_sa *sa, const struct v1_datagram *d)
{
	struct ikev1 *v1 = sa->v1;

	if (d->header->exchange == V1_INFORMATIONAL || sa->gone || !v1->keyed || v1->early.size ||
		!v1_exchange_find(sa, 0) || d->octets.size > sa->engine->options.message_bytes_max)
		return false;
	octets_set(&v1->early, d->octets);
	v1->early_path = *d->path;
	return true;
}

void v1_admit_early(struct ike_sa *sa)
{
	struct octets early = sa->v1->early;
	struct ike_path path = sa->v1->early_path;
	struct ike_header header;

	sa->v1->early = (struct octets){ 0 };
	if (early.size && !sa->gone && header_decode(octets_bytes(&early), &header))
		v1_admit(sa->engine, &path, &header, octets_bytes(&early));
	octets_clear(&early);
}

static void admit_phase2(struct ike_sa *sa, const struct v1_datagram *d)
{
	struct v1_flight *f = v1_flight_find(sa, d->header->message_id);
	struct exchange *x = f ? v1_exchange_find(sa, f->message_id) : NULL;
	struct v1_progress after;
	struct opened *message;
	struct arena *arena;
	const char *why;

	if (f && v1_flight_repeats(f, d->octets)) {
		v1_flight_again(f);
		return;
	}
	if (waits_for_phase1(sa, d))
		return;
	why = not_now(sa, f, x, d);
	if (why) {
		note_refusal(sa, d);
		drop(sa->engine, d, why);
		return;
	}
	if (x && x->question_id)
		return;
	arena = arena_for(d);
	why = "out of memory";
	message = arena ? v1_receive_open(sa, f, d, arena, &after, &why) : NULL;
	if (!message) {
		drop(sa->engine, d, why);
		arena_free(arena);
		return;
	}
	v1_tell_received(sa, message, d->octets.size);
	sa_heard(sa);
	path_seen(sa, message);
	v1_confirmed(sa);
	if (!f) {
		begin_phase2(sa, arena, message, &after);
		return;
	}
	f->after = after;
	exchange_resume(x, arena, message);
}

/* An informational in the clear: before there are keys, or because the peer has none any more. */
static void admit_clear(struct ike_sa *sa, const struct v1_datagram *d)
{
	struct arena *arena = arena_for(d);
	struct v1_progress unused;
	const char *why = "out of memory";
	struct opened *message = arena && v1_flight_find(sa, 0)
		? v1_opened_without_integrity(sa, d, arena, &unused, &why)
		: NULL;

	if (message && !message->malformed && send_stray_allowed(sa->engine)) {
		v1_tell_received(sa, message, d->octets.size);
		v1_informational_unprotected(sa, message);
	} else {
		drop(sa->engine, d, "an informational in the clear");
	}
	arena_free(arena);
}

/* Both cookies are in every message but the first ones. */
static struct ike_sa *sa_by_cookies(const struct ike_engine *e, const struct ike_header *h)
{
	const uint64_t *cookies[] = { &h->spi_i, &h->spi_r };

	for (size_t i = 0; i < 2; i++) {
		struct ike_sa *sa = table_find(e->by_spi, BYTES(cookies[i], sizeof(uint64_t)));
		uint64_t other = *cookies[1 - i];

		if (!*cookies[i] || !sa || sa->doomed || !sa->v1 || sa->initiator != (i == 0))
			continue;
		if (other == (sa->initiator ? sa->spi_r : sa->spi_i))
			return sa;
		/* The answer to our first message has a cookie that we don't know yet. */
		if (sa->initiator && !sa->spi_r && other && v1_is_phase1(h->exchange))
			return sa;
		if (sa->initiator && h->exchange == V1_INFORMATIONAL && !sa->established_at)
			return sa;
	}
	return NULL;
}

/* What fragments gave must be a message of the same SA, whole. */
static void admit_fragment(struct ike_sa *sa, const struct v1_datagram *d)
{
	struct ike_engine *e = sa->engine;
	struct ike_header header;
	const char *why;
	struct bytes whole = v1_fragment_take(sa, d, &why);

	if (why)
		drop(e, d, why);
	if (!whole.size)
		return;
	if (header_decode(whole, &header) && header.length == whole.size &&
		header.version >> 4 == 1 && header.spi_i == d->header->spi_i &&
		header.spi_r == d->header->spi_r && header.next_payload != V1_PAYLOAD_FRAGMENT)
		v1_admit(e, d->path, &header, whole);
	else
		drop(e, d, "its fragments make no message");
	free((void *)(uintptr_t)whole.data);
}

void v1_admit(struct ike_engine *e, const struct ike_path *path, const struct ike_header *header,
	struct bytes datagram)
{
	struct v1_datagram d = { path, header, datagram };
	struct ike_sa *sa = sa_by_cookies(e, header);

	if (sa && header->next_payload == V1_PAYLOAD_FRAGMENT &&
		!(header->flags & V1_FLAG_ENCRYPTION))
		admit_fragment(sa, &d);
	else if (!sa && begins_sa(header))
		admit_first(e, &d);
	else if (!sa)
		drop(e, &d, "no IKEv1 SA has its cookies");
	else if (v1_is_phase1(header->exchange))
		admit_phase1(sa, &d);
	else if (header->exchange == V1_INFORMATIONAL && !(header->flags & V1_FLAG_ENCRYPTION))
		admit_clear(sa, &d);
	else if (header->message_id == 0)
		drop(e, &d, "phase 2 without a message ID");
	else
		admit_phase2(sa, &d);
}
