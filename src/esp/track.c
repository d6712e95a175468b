/* Peers that share an address, in transport mode: to us all who are behind one NAT have its address, and
 * what they send may be alike up to the ports (two Windows clients of L2TP: 1701 to 1701). Answers have
 * to find the right SA, RFC 3948 §5.2. As a NAT box would do it, each flow of such a peer is remembered
 * when a packet of it comes in, and shown with another port where another peer's looks the same; what goes
 * out to that port goes to the peer and the port that it came from. A peer is known by who it has proved to
 * be and by where its ESP comes from: that outlives its SAs, and follows them when it moves. */
#include "esp/internal.h"

#include <assert.h>
#include <stdlib.h>

#define TRACKS_MAX      4096
#define TRACKS_PEER_MAX 256
#define TRACK_IDLE_NS   (10 * 60 * NS_PER_SECOND) /* L2TP says hello each minute */
#define PORT_FIRST      49152 /* of those that are made up: RFC 6335 §6, dynamic ports */
#define PORT_TRIES      64
#define KEY_BYTES       48

struct peer {
	uint64_t key; /* of the spec: who */
	struct endpoint at;
};

struct track {
	struct track *next, **link; /* in esp->tracks, the latest used first */
	struct peer peer;
	struct flow flow; /* as it comes in, from the peer */
	uint16_t shown;   /* the peer's port as our host sees it */
	ike_time used_at;
};

struct key {
	uint8_t octets[KEY_BYTES];
};

static struct peer peer_of(const struct child_spec *s)
{
	return (struct peer){ .key = s->peer_key, .at = s->path.remote };
}

static bool same_peer(const struct peer *a, const struct peer *b)
{
	return a->key == b->key && endpoint_equal(&a->at, &b->at);
}

/* Of a flow as our host sees it; with `peer`, as it comes from there: what its address is, the flow says. */
static struct key key_of(const struct flow *f, uint16_t port, const struct peer *peer)
{
	struct key key = { 0 };
	struct writer w = writer_of(key.octets, sizeof(key.octets));

	write_u8(&w, f->protocol);
	write_u8(&w, f->family | (peer ? 0x80 : 0));
	write_u16(&w, f->destination_port);
	write_u16(&w, port);
	write_u16(&w, peer ? peer->at.port : 0);
	write_u64(&w, peer ? peer->key : 0);
	write_bytes(&w, address_bytes(&f->source));
	write_bytes(&w, address_bytes(&f->destination));
	assert(writer_ok(&w));
	return key;
}

static struct track *find(const struct esp *esp, const struct key *key)
{
	return table_find(esp->by_flow, BYTES_OF(key->octets));
}

static void link_first(struct esp *esp, struct track *t)
{
	t->next = esp->tracks;
	t->link = &esp->tracks;
	if (t->next)
		t->next->link = &t->next;
	esp->tracks = t;
}

static void unlink_track(struct track *t)
{
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
}

static void use(struct esp *esp, ike_time now, struct track *t)
{
	t->used_at = now;
	unlink_track(t);
	link_first(esp, t);
}

static void forget(struct esp *esp, struct track *t)
{
	struct key shown = key_of(&t->flow, t->shown, NULL),
		   came = key_of(&t->flow, t->flow.source_port, &t->peer);

	table_take(esp->by_flow, BYTES_OF(shown.octets));
	if (find(esp, &came) == t)
		table_take(esp->by_flow, BYTES_OF(came.octets));
	unlink_track(t);
	esp->track_count--;
	free(t);
}

void tracks_clear(struct esp *esp)
{
	while (esp->tracks)
		forget(esp, esp->tracks);
}

/* The peer's oldest goes where it has too many, so that no peer's flows push out another's until there
 * are too many peers. */
static void make_room(struct esp *esp, const struct peer *peer)
{
	struct track *oldest = NULL, *own = NULL;
	size_t count = 0;

	for (struct track *t = esp->tracks; t; t = t->next) {
		oldest = t;
		if (!same_peer(&t->peer, peer))
			continue;
		own = t;
		count++;
	}
	if (count >= TRACKS_PEER_MAX)
		forget(esp, own);
	else if (esp->track_count >= TRACKS_MAX)
		forget(esp, oldest);
}

/* Whether the peer's flow may be shown with this port: nobody else's is, or that has long been silent. */
static bool port_is_free(struct esp *esp, ike_time now, const struct flow *f, uint16_t port)
{
	struct key key = key_of(f, port, NULL);
	struct track *other = find(esp, &key);

	if (other && now - other->used_at < TRACK_IDLE_NS)
		return false;
	if (other)
		forget(esp, other);
	return true;
}

static uint16_t port_choose(struct esp *esp, ike_time now, const struct flow *f)
{
	uint16_t port = f->source_port;

	for (int i = 0; i < PORT_TRIES; i++) {
		uint8_t drawn[2];

		if (port_is_free(esp, now, f, port))
			return port;
		random_fill(&esp->options.random, drawn, sizeof(drawn));
		port = (uint16_t)(PORT_FIRST + load_u16(drawn) % (UINT16_MAX - PORT_FIRST + 1));
	}
	return 0;
}

static struct track *track_new(
	struct esp *esp, ike_time now, const struct peer *peer, const struct flow *f)
{
	struct key came = key_of(f, f->source_port, peer), shown;
	struct track *t;
	uint16_t port;

	make_room(esp, peer);
	port = port_choose(esp, now, f);
	t = port ? calloc(1, sizeof(*t)) : NULL;
	if (!t)
		return NULL;
	*t = (struct track){ .peer = *peer, .flow = *f, .shown = port, .used_at = now };
	shown = key_of(f, port, NULL);
	if (table_put(esp->by_flow, BYTES_OF(shown.octets), t) < 0) {
		free(t);
		return NULL;
	}
	if (table_put(esp->by_flow, BYTES_OF(came.octets), t) < 0) {
		table_take(esp->by_flow, BYTES_OF(shown.octets));
		free(t);
		return NULL;
	}
	link_first(esp, t);
	esp->track_count++;
	return t;
}

static bool is_tracked(const struct child_spec *s)
{
	return s->mode == CHILD_TRANSPORT && s->encap && s->peer_nat;
}

/* With room for its checksum. */
static bool has_track(const struct flow *f)
{
	size_t size = f->size - f->upper;

	return f->ports_known && !f->fragment &&
		((f->protocol == PROTOCOL_TCP && size >= TCP_HEADER_BYTES) ||
			(f->protocol == PROTOCOL_UDP && size >= UDP_HEADER_BYTES));
}

uint16_t track_inbound(struct esp *esp, ike_time now, const struct child *c, const struct flow *f)
{
	const struct peer peer = peer_of(&c->spec);
	struct key key = key_of(f, f->source_port, &peer);
	struct track *t;

	if (!is_tracked(&c->spec) || !has_track(f))
		return f->source_port;
	t = find(esp, &key);
	if (t)
		use(esp, now, t);
	else
		t = track_new(esp, now, &peer, f);
	return t ? t->shown : f->source_port;
}

static struct key peer_key(const struct peer *peer)
{
	struct key key = { 0 };
	struct writer w = writer_of(key.octets, sizeof(key.octets));

	write_u64(&w, peer->key);
	write_u16(&w, peer->at.port);
	write_u8(&w, peer->at.address.family);
	write_bytes(&w, address_bytes(&peer->at.address));
	assert(writer_ok(&w));
	return key;
}

/* The newest SA to the peer that takes it. */
static struct child *child_to(const struct esp *esp, const struct peer *peer, const struct flow *f)
{
	struct key key = peer_key(peer);
	struct child *found = NULL;

	for (const struct fellow *of = fellows_first(esp->by_peer, BYTES_OF(key.octets)); of;
		of = of->next) {
		struct child *c = of->of;

		if (c->out.sealer && selectors_fit(&c->spec.local, &c->spec.remote, f) &&
			(!found || c->out_order > found->out_order))
			found = c;
	}
	return found;
}

struct child *track_outbound(struct esp *esp, ike_time now, struct flow *f)
{
	struct flow back = *f, sent = *f;
	struct child *c;
	struct track *t;
	struct key key;

	if (!esp->tracks || !has_track(f))
		return NULL;
	back.source = f->destination;
	back.destination = f->source;
	back.destination_port = f->source_port;
	key = key_of(&back, f->destination_port, NULL);
	t = find(esp, &key);
	if (!t)
		return NULL;
	sent.destination_port = t->flow.source_port;
	c = child_to(esp, &t->peer, &sent);
	if (!c)
		return NULL;
	use(esp, now, t);
	*f = sent;
	return c;
}

/* Peers. */

int tracks_join(struct esp *esp, struct child *c)
{
	const struct peer peer = peer_of(&c->spec);
	struct key key = peer_key(&peer);

	return is_tracked(&c->spec) ? fellows_add(esp->by_peer, BYTES_OF(key.octets), &c->peers, c)
				    : 0;
}

/* Its flows go on from there. */
void tracks_move(struct esp *esp, const struct child *c, const struct child_spec *to)
{
	const struct peer from = peer_of(&c->spec), then = { from.key, to->path.remote };
	struct track *next;

	if (!c->peers.of || !to->encap || !to->peer_nat || same_peer(&from, &then))
		return;
	for (struct track *t = esp->tracks; t; t = next) {
		struct key was, is;

		next = t->next;
		if (!same_peer(&t->peer, &from))
			continue;
		was = key_of(&t->flow, t->flow.source_port, &from);
		is = key_of(&t->flow, t->flow.source_port, &then);
		table_take(esp->by_flow, BYTES_OF(was.octets));
		t->peer = then;
		if (table_put(esp->by_flow, BYTES_OF(is.octets), t) < 0)
			forget(esp, t);
	}
}

void tracks_leave(struct esp *esp, struct child *c)
{
	const struct peer peer = peer_of(&c->spec);
	struct key key = peer_key(&peer);
	struct track *next;

	if (!c->peers.of)
		return;
	fellows_remove(esp->by_peer, BYTES_OF(key.octets), &c->peers);
	if (fellows_first(esp->by_peer, BYTES_OF(key.octets)))
		return;
	for (struct track *t = esp->tracks; t; t = next) {
		next = t->next;
		if (same_peer(&t->peer, &peer))
			forget(esp, t);
	}
}

void track_show(uint8_t *upper, const struct flow *f, size_t at, uint16_t port)
{
	size_t sum_at = f->protocol == PROTOCOL_TCP ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT;
	uint16_t before, sum;

	if (!has_track(f) || load_u16(upper + at) == port)
		return;
	before = load_u16(upper + at);
	sum = load_u16(upper + sum_at);
	store_u16(upper + at, port);
	if (f->protocol == PROTOCOL_UDP && sum == 0)
		return;
	sum = checksum_adjust(sum, before, port);
	store_u16(upper + sum_at, sum == 0 && f->protocol == PROTOCOL_UDP ? UINT16_MAX : sum);
}
