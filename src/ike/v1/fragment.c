/* Fragments of IKEv1, Cisco's and Microsoft's: a message is cut after it was encrypted, and each piece
 * goes in a message of its own with a FRAGMENT payload (132). Who can put them together says so by a
 * vendor ID. Nothing proves a fragment, so there is never more than one message in pieces per SA, and
 * not for long; one of another ID takes its place, and what comes out is received as if it had come
 * whole. */
#include <assert.h>
#include <stdlib.h>

#include "ike/admit.h"
#include "ike/v1/ikev1.h"
#include "ike/v2/fragment.h"

#define FRAGMENT_HEADERS_BYTES (IKE_HEADER_BYTES + 4 + 4) /* header, payload header, its fields */
#define IP4_UDP_BYTES          28
#define IP6_UDP_BYTES          48
#define NON_ESP_MARKER_BYTES   4
#define FRAGMENT_SIZE_DEFAULT  1280

struct v1_fragments {
	uint16_t id;
	uint8_t last; /* the number of the last; 0: it isn't there yet */
	uint8_t have;
	size_t bytes;
	struct timer timer; /* the rest doesn't come any more */
	struct octets parts[FRAGMENTS_MAX];
};

/* What comes. */

void v1_fragments_clear(struct ike_sa *sa)
{
	struct v1_fragments *f = sa->v1->fragments;

	for (size_t i = 0; f && i < FRAGMENTS_MAX; i++)
		octets_clear(&f->parts[i]);
	if (f)
		timer_clear(&sa->engine->timers, &f->timer);
	free(f);
	sa->v1->fragments = NULL;
}

bool v1_fragments_due(struct ike_sa *sa, const struct timer *t)
{
	bool due = sa->v1->fragments && &sa->v1->fragments->timer == t;

	if (due)
		v1_fragments_clear(sa);
	return due;
}

static struct v1_fragments *fragments_for(struct ike_sa *sa, uint16_t id)
{
	struct ike_engine *e = sa->engine;
	struct v1_fragments *f = sa->v1->fragments;

	if (f && f->id == id)
		return f;
	v1_fragments_clear(sa);
	sa->v1->fragments = f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->id = id;
	f->timer = (struct timer){ .owner = sa, .kind = TIMER_PROTOCOL };
	timer_set(&e->timers, &f->timer, e->now + e->options.half_open_timeout_ns);
	return f;
}

/* NULL where it was taken, else why not. */
static const char *fragment_add(struct ike_sa *sa, const struct v1_fragment *part)
{
	struct v1_fragments *f;

	if (part->number == 0 || part->number > FRAGMENTS_MAX)
		return "a fragment of too many";
	f = fragments_for(sa, part->id);
	if (!f)
		return "out of memory";
	if (f->parts[part->number - 1].data)
		return NULL; /* a repeat */
	if ((f->last && part->number > f->last) || (part->last && f->last))
		return "a fragment behind the last";
	if (f->bytes + part->data.size > sa->engine->options.message_bytes_max)
		return "a message in fragments that is too large";
	octets_set(&f->parts[part->number - 1], part->data);
	if (!f->parts[part->number - 1].data)
		return "out of memory";
	f->bytes += part->data.size;
	f->have++;
	if (part->last)
		f->last = part->number;
	return NULL;
}

static bool complete(const struct v1_fragments *f)
{
	if (!f || !f->last || f->have < f->last)
		return false;
	for (size_t i = 0; i < f->last; i++)
		if (!f->parts[i].data)
			return false;

	return true;
}

/* The whole, malloc'ed; clears. */
static struct bytes join(struct ike_sa *sa)
{
	struct v1_fragments *f = sa->v1->fragments;
	uint8_t *whole = malloc(f->bytes);
	struct writer w = writer_of(whole, whole ? f->bytes : 0);

	for (size_t i = 0; whole && i < f->last; i++)
		write_bytes(&w, octets_bytes(&f->parts[i]));
	if (whole)
		sa_tell(sa, IKE_EVENT_NOTE, 1, "put %zu octets together from %u fragments", w.used,
			f->last);
	v1_fragments_clear(sa);
	return whole ? writer_bytes(&w) : BYTES_EMPTY;
}

static bool fragment_of(const struct v1_datagram *d, struct v1_fragment *ret_fragment)
{
	struct bytes body =
		BYTES(d->octets.data + IKE_HEADER_BYTES, d->octets.size - IKE_HEADER_BYTES);
	struct payload_chain chain;
	uint8_t unknown;

	return v1_chain_decode(V1_PAYLOAD_FRAGMENT, body, &chain, &unknown, NULL) == WIRE_OK &&
		chain.count && v1_fragment_decode(chain.payloads[0].body, ret_fragment);
}

struct bytes v1_fragment_take(struct ike_sa *sa, const struct v1_datagram *d, const char **ret_why)
{
	struct v1_fragment part;

	*ret_why = NULL;
	if (sa->gone || !sa->connection || sa->connection->fragmentation == FRAGMENTATION_NO)
		*ret_why = "a fragment, which the connection has not";
	else if (!fragment_of(d, &part))
		*ret_why = "a malformed fragment";
	else
		*ret_why = fragment_add(sa, &part);
	return !*ret_why && complete(sa->v1->fragments) ? join(sa) : BYTES_EMPTY;
}

/* What goes. */

static size_t datagram_room(const struct ike_sa *sa)
{
	size_t packet = sa->engine->options.fragment_size ? sa->engine->options.fragment_size
							  : FRAGMENT_SIZE_DEFAULT;

	return packet - NON_ESP_MARKER_BYTES -
		(sa->path.remote.address.family == 6 ? IP6_UDP_BYTES : IP4_UDP_BYTES);
}

/* fragmentation = force doesn't wait until the peer says that it can; but it has to know us. Flags of
 * the vendor ID (main mode, aggressive mode) say less than peers can do. */
bool v1_fragments_wanted(const struct ike_sa *sa, size_t size)
{
	uint8_t mode = sa->connection ? sa->connection->fragmentation : FRAGMENTATION_NO;

	return size > datagram_room(sa) && sa->spi_r &&
		(mode == FRAGMENTATION_FORCE ||
			(mode == FRAGMENTATION_YES && v1_peer_has(sa, V1_VENDOR_FRAGMENTATION)));
}

/* A fragment names the phase 1 exchange and message ID 0 whatever it is of: its whole has what counts. */
static struct bytes fragment_write(
	const struct ike_sa *sa, const struct v1_fragment *part, uint8_t exchange, uint8_t *memory)
{
	struct ike_header header = { .spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.next_payload = V1_PAYLOAD_FRAGMENT,
		.version = V1_VERSION,
		.exchange = v1_is_phase1(exchange) ? exchange : V1_IDENTITY_PROTECTION };
	size_t size = FRAGMENT_HEADERS_BYTES + part->data.size;
	struct writer w = writer_of(memory, size);
	struct chain_writer c;

	header_encode(&w, &header);
	c = chain_begin(&w, SIZE_MAX);
	payload_begin(&c, V1_PAYLOAD_FRAGMENT);
	v1_fragment_encode(&w, part);
	payload_end(&c);
	write_u32_at(&w, 24, (uint32_t)w.used);
	assert(writer_ok(&w) && w.used == size);
	return writer_bytes(&w);
}

size_t v1_fragments_cut(struct exchange *x, struct bytes whole, struct bytes *out)
{
	struct ike_sa *sa = x->sa;
	size_t each = datagram_room(sa) - FRAGMENT_HEADERS_BYTES, count = 0;
	struct v1_fragment part = { .id = ++sa->v1->fragment_id };

	if ((whole.size + each - 1) / each > FRAGMENTS_MAX)
		return 0;
	for (size_t at = 0; at < whole.size; at += part.data.size) {
		size_t left = whole.size - at;

		part.number = (uint8_t)(count + 1);
		part.last = left <= each;
		part.data = BYTES(whole.data + at, left < each ? left : each);
		out[count++] = fragment_write(sa, &part, x->kind->type,
			exchange_take(x, FRAGMENT_HEADERS_BYTES + part.data.size));
	}
	sa_tell(sa, IKE_EVENT_NOTE, 1, "split %zu octets into %zu fragments", whole.size, count);
	return count;
}
