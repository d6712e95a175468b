/* An attacker on the network, who holds no key: records what arrives at hosts, and later sends it
 * again, from where it came or from addresses of its own (198.18.0.0/15, where nobody is). What
 * hosts must not do about that is checked here: go there, send anything but answers there, or keep
 * more for addresses that never showed that they can receive than cookies allow. */
#include "sim/internal.h"

#include <stdlib.h>

#include "ike/sa.h"

#define RECORDINGS_MAX   256
#define RUSH_NS          NS_PER_MS /* overtakes whatever is on its way */
#define COOKIE_ENVELOPE  8         /* of the notify */
#define COOKIE_DATA      33
#define ATTACKED_PAYLOAD 41 /* N */

struct recording {
	enum sim_carries carries;
	struct host *from, *to;
	struct ike_path path; /* as it was before the receiver's NAT box */
	size_t size;
	uint8_t *data;
};

struct attacker {
	bool rushes;
	uint64_t random_state, sent;
	uint64_t asked, answered; /* what IKEv1 answers to its own addresses at most, and did */
	size_t count;             /* ever: the last RECORDINGS_MAX are there */
	struct recording kept[RECORDINGS_MAX];
};

static uint64_t roll(struct attacker *a, uint64_t below)
{
	uint8_t octets[8];

	world_seeded_fill(&a->random_state, octets, sizeof(octets));
	return load_u64(octets) % below;
}

void world_attacker(struct world *w)
{
	w->attacker = calloc(1, sizeof(*w->attacker));
	if (!w->attacker)
		abort();
	w->attacker->random_state = world_stream(w, "attacker", "");
}

void attacker_free(struct world *w)
{
	for (size_t i = 0; w->attacker && i < RECORDINGS_MAX; i++)
		free(w->attacker->kept[i].data);
	free(w->attacker);
	w->attacker = NULL;
}

void attacker_rushes(struct world *w, bool yes)
{
	w->attacker->rushes = yes;
}

bool attacker_has(const struct address *a)
{
	return a->family == 4 && a->octets[0] == 198 && (a->octets[1] & 0xfe) == 18;
}

static bool is_fragment(const struct recording *r)
{
	return r->carries == CARRIES_IKE && r->data[16] == 53;
}

static bool is_ikev1(struct bytes datagram)
{
	return datagram.data[17] >> 4 == 1;
}

static bool is_ikev1_phase1(struct bytes datagram)
{
	return is_ikev1(datagram) && (datagram.data[18] == 2 || datagram.data[18] == 4);
}

static size_t kept_count(const struct attacker *a)
{
	return a->count < RECORDINGS_MAX ? a->count : RECORDINGS_MAX;
}

/* Only what was taken: the first copy of what was not would be new, wherever it came from. */
void attacker_records(struct host *to, const struct sim_packet *p, const struct ike_path *path)
{
	struct attacker *a = to->world->attacker;
	struct recording *r;

	if (!a || p->attack || p->size < IKE_HEADER_BYTES)
		return;
	r = &a->kept[a->count++ % RECORDINGS_MAX];
	free(r->data);
	*r = (struct recording){ p->carries, p->from, to, *path, p->size, malloc(p->size) };
	if (!r->data)
		abort();
	memcpy(r->data, p->data, p->size);
}

/* The initiator of aggressive mode has nothing to wait for when it has said its last, and can't say it again by
 * itself: its peer has to repeat the answer until that has come, wherever it goes. */
#define AGGRESSIVE_REPEATS 5 /* as many as a workload's hosts make at most */

static uint64_t answers_due(struct bytes datagram)
{
	return !is_ikev1_phase1(datagram) ? 0 : datagram.data[18] == 4 ? 1 + AGGRESSIVE_REPEATS : 1;
}

void attacker_asks(struct world *w, const struct sim_packet *p)
{
	if (p->carries == CARRIES_IKE && p->size >= IKE_HEADER_BYTES &&
		attacker_has(&p->path.remote.address) && !load_u64(p->data + 8))
		w->attacker->asked += answers_due(BYTES(p->data, p->size));
}

static void attacker_sends(struct world *w, const struct recording *r, struct bytes datagram,
	const struct ike_path *path, uint64_t after_ns)
{
	struct sim_packet like = { .carries = r->carries,
		.from = r->from,
		.attack = true,
		.path = *path,
		.due = w->now + after_ns };

	w->attacker->sent++;
	packet_queue(w, &like, datagram);
}

uint64_t attacker_sent(const struct world *w)
{
	return w->attacker ? w->attacker->sent : 0;
}

static struct endpoint foreign(struct attacker *a)
{
	struct endpoint e = { .address.family = 4, .port = (uint16_t)(1024 + roll(a, 60000)) };

	e.address.octets[0] = 198;
	e.address.octets[1] = (uint8_t)(18 + roll(a, 2));
	e.address.octets[2] = (uint8_t)roll(a, 256);
	e.address.octets[3] = (uint8_t)roll(a, 256);
	return e;
}

/* Old datagrams to `to`, within the next seconds, every other from somewhere else. */
void attacker_replays(struct host *to, unsigned count)
{
	struct attacker *a = to->world->attacker;

	for (unsigned i = 0; i < count && a->count; i++) {
		const struct recording *r = &a->kept[roll(a, kept_count(a))];
		struct ike_path path = r->path;

		if (r->to != to)
			continue;
		if (roll(a, 2) && !is_fragment(r))
			path.remote = foreign(a);
		attacker_sends(
			to->world, r, BYTES(r->data, r->size), &path, roll(a, 5 * NS_PER_SECOND));
	}
}

/* Old responses to this request's sender and of its SA, before the true one can come. */
void attacker_hears(struct host *from, struct bytes datagram)
{
	struct attacker *a = from->world->attacker;

	if (!a || !a->rushes || datagram.size < IKE_HEADER_BYTES || (datagram.data[19] & 0x20))
		return;
	for (size_t i = 0; i < kept_count(a); i++) {
		const struct recording *r = &a->kept[i];

		if (r->to == from && r->carries == CARRIES_IKE && (r->data[19] & 0x20) &&
			memcmp(r->data, datagram.data, 16) == 0 &&
			r->data[18] == datagram.data[18] &&
			load_u32(r->data + 20) < load_u32(datagram.data + 20))
			attacker_sends(from->world, r, BYTES(r->data, r->size), &r->path, RUSH_NS);
	}
}

/* The request with another SPI, and with a cookie that can't be right, from nowhere. */
static void spoof(struct host *to, const struct recording *r)
{
	struct attacker *a = to->world->attacker;
	struct ike_path path = r->path;
	bool has_cookie = r->data[16] == ATTACKED_PAYLOAD;
	size_t more = has_cookie ? 0 : COOKIE_ENVELOPE + COOKIE_DATA, size = r->size + more;
	uint8_t *out = malloc(size);

	if (!out)
		abort();
	memcpy(out, r->data, IKE_HEADER_BYTES);
	memcpy(out + IKE_HEADER_BYTES + more, r->data + IKE_HEADER_BYTES,
		r->size - IKE_HEADER_BYTES);
	world_seeded_fill(&a->random_state, out, 8);
	if (!has_cookie) {
		uint8_t *n = out + IKE_HEADER_BYTES;

		out[16] = ATTACKED_PAYLOAD;
		store_u32(n, (uint32_t)r->data[16] << 24 | (uint32_t)more);
		store_u32(n + 4, 16390); /* COOKIE */
		world_seeded_fill(&a->random_state, n + COOKIE_ENVELOPE, COOKIE_DATA);
		n[COOKIE_ENVELOPE] &= 7; /* the version of its secret */
	}
	store_u32(out + 24, (uint32_t)size);
	path.remote = foreign(a);
	attacker_sends(to->world, r, BYTES(out, size), &path, roll(a, 2 * NS_PER_SECOND));
	free(out);
}

void attacker_floods(struct host *to, unsigned count)
{
	struct attacker *a = to->world->attacker;

	for (size_t i = 0; i < kept_count(a); i++) {
		const struct recording *r = &a->kept[i];

		if (r->to != to || r->carries != CARRIES_IKE || r->data[18] != 34 ||
			(r->data[19] & 0x20))
			continue;
		for (unsigned n = 0; n < count; n++)
			spoof(to, r);
		return;
	}
}

/* One of the ways to alter a datagram of `size` octets; returns its size then. */
static size_t alter(struct attacker *a, uint8_t *data, size_t size)
{
	switch (roll(a, 4)) {
	case 0: /* the end is missing */
		return IKE_HEADER_BYTES + roll(a, size - IKE_HEADER_BYTES + 1);
	case 1: /* another message ID, or sequence number of ESP in UDP */
		store_u32(data + 20, load_u32(data + 20) + 1 + (uint32_t)roll(a, 3));
		return size;
	case 2: /* another type, flags or next payload */
		data[16 + roll(a, 4)] ^= (uint8_t)(1u << roll(a, 8));
		return size;
	default:
		for (uint64_t i = 1 + roll(a, 4); i > 0; i--)
			data[roll(a, size)] ^= (uint8_t)(1u << roll(a, 8));
		return size;
	}
}

/* Old datagrams to `to` as nobody sent them, within the next seconds. */
void attacker_alters(struct host *to, unsigned count)
{
	struct attacker *a = to->world->attacker;

	for (unsigned i = 0; i < count && a->count; i++) {
		const struct recording *r = &a->kept[roll(a, kept_count(a))];
		struct ike_path path = r->path;
		size_t size;
		uint8_t *out;

		if (r->to != to)
			continue;
		out = malloc(r->size);
		if (!out)
			abort();
		memcpy(out, r->data, r->size);
		size = alter(a, out, r->size);
		if (roll(a, 2))
			path.remote = foreign(a);
		attacker_sends(to->world, r, BYTES(out, size), &path, roll(a, 5 * NS_PER_SECOND));
		free(out);
	}
}

/* Checks. */

/* A word in the clear about an SPI that nobody knows, RFC 7296 §1.5. */
static bool is_notification(struct bytes datagram)
{
	return datagram.data[16] == ATTACKED_PAYLOAD && datagram.data[18] == 37;
}

/* IKEv1 marks no answer as one: what may go to whoever sends a first message is the second message, and
 * why it is refused, in the clear; one for each that came, in aggressive mode a few. */
static void check_answer(struct world *w, struct bytes datagram)
{
	struct attacker *a = w->attacker;
	bool first = !load_u64(datagram.data + 8), encrypted = datagram.data[19] & 1;
	bool answer = is_ikev1_phase1(datagram) && !first;

	if (encrypted || (!answer && datagram.data[18] != 5))
		world_broken(w, "what is no answer goes to an address that only an attacker used");
	else if (answer && ++a->answered > a->asked)
		world_broken(w, "an attacker's addresses get more than they sent");
}

void check_sent(struct host *h, enum sim_carries carries, const struct ike_path *path,
	struct bytes datagram)
{
	if (!attacker_has(&path->remote.address))
		return;
	if (carries != CARRIES_IKE)
		world_broken(h->world, "ESP goes to an address that only an attacker used");
	else if (datagram.size >= IKE_HEADER_BYTES && is_ikev1(datagram))
		check_answer(h->world, datagram);
	else if (datagram.size >= IKE_HEADER_BYTES && !(datagram.data[19] & 0x20) &&
		!is_notification(datagram))
		world_broken(h->world, "a request goes to an address that only an attacker used");
}

void check_attacked(struct host *h)
{
	uint32_t spoofed = 0;

	if (!h->world->attacker)
		return;
	for (const struct ike_sa *sa = h->engine->sas; sa; sa = sa->next) {
		bool there = attacker_has(&sa->path.remote.address);

		spoofed += there && sa->half_open_counted && !sa->v1; /* IKEv1 asks for none */
		if (there && sa->state == IKE_ESTABLISHED)
			world_broken(h->world, "an IKE SA has moved to an attacker's address");
		for (const struct child_sa *c = sa->children; c; c = c->next)
			if (attacker_has(&c->spec.path.remote.address))
				world_broken(
					h->world, "a child has moved to an attacker's address");
	}
	if (h->options.cookie_threshold && spoofed > h->options.cookie_threshold)
		world_broken(
			h->world, "half-open SAs are kept for addresses that gave no good cookie");
}
