#include "ike/admit.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/cookie.h"
#include "ike/exchange.h"
#include "ike/liveness.h"
#include "ike/protocol.h"
#include "ike/v2/exchanges.h"
#include "ike/v2/qcd.h"
#include "ike/v2/send.h"

void admit_drop(struct ike_engine *e, const struct ike_path *path, size_t size, const char *why)
{
	char from[ENDPOINT_TEXT_MAX], text[200];

	e->stats.dropped++;
	snprintf(text, sizeof(text), "dropped %zu octets from %s: %s", size,
		endpoint_print(&path->remote, from), why);
	engine_tell(e,
		&(struct ike_event){ .kind = IKE_EVENT_DROPPED,
			.level = 2,
			.text = text,
			.path = path,
			.size = size });
}

/* The address-and-SPI key of a half-open SA that we answer: repeats of its IKE_SA_INIT find it by
 * this. */
#define INIT_KEY_BYTES 27

static struct bytes init_key(
	const struct ike_path *path, uint64_t spi_i, uint8_t out[static INIT_KEY_BYTES])
{
	store_u64(out, spi_i);
	out[8] = path->remote.address.family;
	memcpy(out + 9, path->remote.address.octets, 16);
	store_u16(out + 25, path->remote.port);
	return BYTES(out, INIT_KEY_BYTES);
}

static uintptr_t half_open_of(const struct ike_engine *e, const struct address *a)
{
	return (uintptr_t)table_find(e->half_open_by_address, BYTES(a, sizeof(*a)));
}

static void half_open_count(struct ike_engine *e, const struct address *a, int change)
{
	uintptr_t count = (uintptr_t)table_take(e->half_open_by_address, BYTES(a, sizeof(*a)));

	count = change > 0 ? count + 1 : count ? count - 1 : 0;
	if (count)
		table_put(e->half_open_by_address, BYTES(a, sizeof(*a)), (void *)count);
}

void half_open_add(struct ike_sa *sa, const struct ike_path *path, uint64_t spi_i)
{
	uint8_t key[INIT_KEY_BYTES];

	if (table_put(sa->engine->by_init, init_key(path, spi_i, key), sa) < 0)
		return;
	sa->init_path = *path;
	sa->half_open_counted = true;
	sa->engine->half_open++;
	half_open_count(sa->engine, &path->remote.address, 1);
}

struct ike_sa *half_open_find(
	const struct ike_engine *e, const struct ike_path *path, uint64_t spi_i)
{
	uint8_t key[INIT_KEY_BYTES];

	return table_find(e->by_init, init_key(path, spi_i, key));
}

void half_open_remove(struct ike_sa *sa)
{
	uint8_t key[INIT_KEY_BYTES];

	if (!sa->half_open_counted)
		return;
	table_take(sa->engine->by_init, init_key(&sa->init_path, sa->spi_i, key));
	sa->half_open_counted = false;
	sa->engine->half_open--;
	half_open_count(sa->engine, &sa->init_path.remote.address, -1);
}

bool half_open_from(const struct ike_engine *e, const struct address *a)
{
	return half_open_of(e, a) > 0;
}

/* IKE_SA_INIT from somewhere new. Until it has proved that it can receive where it claims to be, a
 * request costs us one hash and no memory: it is judged in place, RFC 7296 §2.6. */

#define COOKIES_TOLD_NS (60 * NS_PER_SECOND)

static bool cookies_wanted(struct ike_engine *e, const struct address *from)
{
	const struct ike_options *o = &e->options;

	return (o->cookie_threshold && e->half_open >= o->cookie_threshold) ||
		(o->cookie_threshold_address &&
			half_open_of(e, from) >= o->cookie_threshold_address);
}

static void tell_cookies(struct ike_engine *e)
{
	char text[120];

	if (e->cookies_told_at && e->now - e->cookies_told_at < COOKIES_TOLD_NS)
		return;
	e->cookies_told_at = e->now;
	snprintf(text, sizeof(text), "%u half-open SAs: new peers are asked for a cookie",
		e->half_open);
	engine_tell(e, &(struct ike_event){ .kind = IKE_EVENT_NOTE, .level = 1, .text = text });
}

/* False where the request must come again with a cookie, which was sent. */
static bool cookie_passed(struct ike_engine *e, const struct ike_path *path,
	const struct ike_header *header, const struct payload_chain *chain)
{
	struct cookie_of of = { header->spi_i, path->remote.address,
		chain_find(chain, PAYLOAD_NONCE, 0)->body };
	uint8_t cookie[COOKIE_BYTES];
	struct notify got;

	if (!cookies_wanted(e, &path->remote.address))
		return true;
	if (chain_notify(chain, COOKIE, &got) && cookie_good(e, &of, got.data))
		return true;

	cookie_make(e, &of, cookie);
	e->stats.cookies_sent++;
	send_cookie(e, path, header, BYTES_OF(cookie));
	tell_cookies(e);
	return false;
}

/* Why no request of this address is taken now; NULL where one is. */
const char *admit_closed_to(const struct ike_engine *e, const struct address *from)
{
	const struct ike_options *o = &e->options;

	if (e->ending)
		return "shutting down";
	if (o->ike_sa_max && e->stats.ike_sas >= o->ike_sa_max)
		return "the limit of IKE SAs is reached (ikesa_limit)";
	if (o->half_open_max && e->half_open >= o->half_open_max)
		return "the limit of half-open SAs is reached (init_limit_half_open)";
	if (o->block_threshold && half_open_of(e, from) >= o->block_threshold)
		return "too many half-open SAs of this address (block_threshold)";
	return NULL;
}

static void admit_new(struct ike_engine *e, const struct ike_path *path,
	const struct ike_header *header, struct bytes datagram)
{
	struct bytes body =
		BYTES(datagram.data + IKE_HEADER_BYTES, datagram.size - IKE_HEADER_BYTES);
	const char *why = admit_closed_to(e, &path->remote.address);
	struct payload_chain chain;
	struct opened *message;
	struct arena *arena;
	uint8_t critical;

	if (!why &&
		(chain_decode(header->next_payload, body, &chain, &critical) != WIRE_OK ||
			!chain_well_formed(&chain) || !chain_count(&chain, PAYLOAD_NONCE)))
		why = "IKE_SA_INIT is malformed";
	if (why) {
		admit_drop(e, path, datagram.size, why);
		return;
	}
	if (!cookie_passed(e, path, header, &chain))
		return;

	arena = arena_new(2 * datagram.size + sizeof(struct opened) + 1024);
	message = arena ? opened_without_integrity(path, header, datagram, arena) : NULL;
	if (message)
		ike_sa_init_respond(e, arena, message);
	else
		arena_free(arena);
}

static bool begins_sa(const struct ike_header *h)
{
	return h->exchange == IKE_SA_INIT || h->exchange == IKE_SESSION_RESUME;
}

static bool sane_init(const struct ike_header *h)
{
	return begins_sa(h) && h->message_id == 0 && h->spi_i != 0 && h->spi_r == 0 &&
		(h->flags & FLAG_INITIATOR) && !(h->flags & FLAG_RESPONSE);
}

/* A datagram for an SA that we know. */

static void tell_received(
	struct ike_sa *sa, const struct ike_path *path, const struct opened *message, size_t size)
{
	char line[600];

	message_print(&message->header, &message->chain, line, sizeof(line));
	engine_tell(sa->engine,
		&(struct ike_event){ .kind = IKE_EVENT_RECEIVED,
			.level = 1,
			.ike_id = sa->id,
			.ike_name = sa_name(sa),
			.text = line,
			.path = path,
			.size = size,
			.command = sa_command(sa) });
}

/* Before keys: only the answer to our IKE_SA_INIT. */
static void admit_unprotected(struct ike_sa *sa, const struct ike_path *path,
	const struct ike_header *header, struct bytes datagram)
{
	struct arena *arena;
	struct opened *message;

	if (!sa->initiator || !sa->ours || !(header->flags & FLAG_RESPONSE) ||
		header->exchange != sa->ours->kind->type || sa->ours->question_id) {
		admit_drop(sa->engine, path, datagram.size, "not expected before there are keys");
		return;
	}
	if (window_judge(&sa->window, header) != WINDOW_NEW) {
		admit_drop(sa->engine, path, datagram.size, "a response to nothing that we asked");
		return;
	}
	arena = arena_new(2 * datagram.size + sizeof(struct opened) + 1024);
	message = arena ? opened_without_integrity(path, header, datagram, arena) : NULL;
	if (!message || message->malformed || message->critical_unknown) {
		admit_drop(sa->engine, path, datagram.size, "IKE_SA_INIT response is malformed");
		arena_free(arena);
		return;
	}
	tell_received(sa, path, message, datagram.size);
	/* The window stays open until the exchange accepts the response: a forged one must not end
	 * it. */
	exchange_resume(sa->ours, arena, message);
}

static void deliver(struct ike_sa *sa, struct arena *arena, struct opened *message)
{
	bool response = message->header.flags & FLAG_RESPONSE;

	sa_heard(sa);
	path_seen(sa, message);
	if (response) {
		window_request_answered(sa);
		path_replied(sa, message);
		exchange_resume(sa->ours, arena, message);
	} else {
		request_dispatch(sa, arena, message);
	}
}

static void admit_protected(struct ike_sa *sa, const struct ike_path *path,
	const struct ike_header *header, struct bytes datagram)
{
	struct arena *arena = arena_new(
		4 * (size_t)sa->engine->options.message_bytes_max + sizeof(struct opened) + 1024);
	struct opened *message = NULL;
	const char *why = "out of memory";
	int verdict = arena ? receive_open(sa, path, header, datagram, arena, &message, &why) : -1;

	if (verdict <= 0) {
		if (verdict < 0)
			admit_drop(sa->engine, path, datagram.size, why);
		arena_free(arena);
		return;
	}
	tell_received(sa, path, message, datagram.size);
	deliver(sa, arena, message);
}

/* Only the first fragment of a repeated request brings the response again, RFC 7383 §2.6.1. */
static bool first_of_repeat(const struct ike_header *header, struct bytes datagram)
{
	return header->next_payload != PAYLOAD_SKF ||
		(datagram.size >= IKE_HEADER_BYTES + 6 &&
			load_u16(datagram.data + IKE_HEADER_BYTES + 4) == 1);
}

static void admit_known(struct ike_sa *sa, const struct ike_path *path,
	const struct ike_header *header, struct bytes datagram)
{
	if (((header->flags & FLAG_INITIATOR) != 0) == sa->initiator) {
		admit_drop(sa->engine, path, datagram.size, "the initiator flag is ours");
		return;
	}
	if (begins_sa(header) && sa->keys.in) {
		admit_drop(sa->engine, path, datagram.size, "IKE_SA_INIT within an SA");
		return;
	}
	if (!sa->keys.in) {
		admit_unprotected(sa, path, header, datagram);
		return;
	}
	if (header->next_payload == PAYLOAD_NOTIFY) {
		if (!qcd_presented(sa, header, datagram))
			admit_drop(sa->engine, path, datagram.size, "in the clear, within an SA");
		return;
	}

	switch (window_judge(&sa->window, header)) {
	case WINDOW_NEW:
		if ((header->flags & FLAG_RESPONSE) &&
			(!sa->ours || sa->ours->question_id ||
				sa->ours->kind->type != header->exchange))
			admit_drop(sa->engine, path, datagram.size,
				"a response to nothing that we wait for");
		else
			admit_protected(sa, path, header, datagram);
		break;
	case WINDOW_REPEAT:
		if (first_of_repeat(header, datagram))
			window_repeat_response(sa, path);
		break;
	case WINDOW_WORKING:
		break;
	case WINDOW_STALE:
	case WINDOW_AHEAD:
		admit_drop(sa->engine, path, datagram.size, "its message ID is outside the window");
		break;
	}
}

/* For no SA that we have, and no beginning of one. */
static void admit_stray(struct ike_engine *e, const struct ike_path *path,
	const struct ike_header *header, struct bytes datagram)
{
	bool sealed = header->next_payload == PAYLOAD_SK || header->next_payload == PAYLOAD_SKF;

	if (header->flags & FLAG_RESPONSE)
		return;
	if (sealed)
		qcd_answer(e, path, header);
	else if (header->exchange == INFORMATIONAL && header->spi_r == 0)
		invalid_spi_told(e, path, header, datagram);
}

static void admit_unknown(struct ike_engine *e, const struct ike_path *path,
	const struct ike_header *header, struct bytes datagram)
{
	struct ike_sa *sa;

	if (!sane_init(header)) {
		admit_stray(e, path, header, datagram);
		admit_drop(e, path, datagram.size, "no SA has its SPI");
		return;
	}
	sa = half_open_find(e, path, header->spi_i);
	if (!sa)
		admit_new(e, path, header, datagram);
	else if (sa->protocol == &protocol_v2 && sa->window.response.count && sa->setup &&
		bytes_equal(octets_bytes(&sa->setup->peer_message), datagram))
		window_repeat_response(sa, path);
}

void admit_v2(struct ike_engine *e, const struct ike_path *path, const struct ike_header *header,
	struct bytes datagram)
{
	uint64_t spi = header->flags & FLAG_INITIATOR ? header->spi_r : header->spi_i;
	struct ike_sa *sa = spi ? table_find(e->by_spi, BYTES(&spi, sizeof(spi))) : NULL;

	if (sa && spi != sa_spi_local(sa))
		admit_drop(e, path, datagram.size, "of an IKE SA that is still being made");
	else if (sa && !sa->doomed && sa->protocol == &protocol_v2)
		admit_known(sa, path, header, datagram);
	else
		admit_unknown(e, path, header, datagram);
}

void admit(struct ike_engine *e, const struct ike_path *path, struct bytes datagram)
{
	struct ike_header header;

	if (!header_decode(datagram, &header) || header.length != datagram.size ||
		datagram.size > e->options.message_bytes_max) {
		admit_drop(e, path, datagram.size, "not an IKE message");
		return;
	}
	if (header.version >> 4 == 1 && protocol_v1) {
		protocol_v1->admit(e, path, &header, datagram);
	} else if (header.version >> 4 == 2) {
		admit_v2(e, path, &header, datagram);
	} else {
		/* RFC 7296 §2.5: tell a newer major version what we speak; say nothing to a
		 * response. */
		if (header.version >> 4 > 2 && !(header.flags & FLAG_RESPONSE) &&
			send_stray_allowed(e))
			send_stray_response(e, path, &header,
				&(struct notify){ .type = INVALID_MAJOR_VERSION }, 1);
		admit_drop(e, path, datagram.size, "its IKE version is not one that we speak");
	}
}
