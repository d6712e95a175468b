/* The network: what is sent travels for a while, is lost, doubled, overtaken or damaged on its
 * link, and passes NAT boxes. A box translates the source on the way out and, when the packet
 * arrives, the destination on the way in. */
#include "sim/internal.h"

#include <stdlib.h>

#define PORT_FIRST   20000 /* of a NAT box's mappings */
#define IP_UDP_BYTES 28

static struct address address_of(const char *text)
{
	struct address a;

	if (address_parse(text, &a) < 0)
		world_die("an address is none");
	return a;
}

/* Links. */

static struct network_faults **link_of(struct world *w, const struct host *a, const struct host *b)
{
	size_t low = a->number < b->number ? a->number : b->number;

	return &w->links[low][a->number + b->number - low];
}

struct network_faults *world_link(struct world *w, const struct host *a, const struct host *b)
{
	struct network_faults **link = link_of(w, a, b);

	if (!*link) {
		*link = malloc(sizeof(**link));
		if (!*link)
			abort();
		**link = w->faults;
	}
	return *link;
}

void world_cut(struct world *w, const struct host *a, const struct host *b, bool cut)
{
	world_link(w, a, b)->partition = cut;
}

static bool address_cut(const struct world *w, const struct address *a)
{
	for (size_t i = 0; i < w->cut_count; i++)
		if (address_equal(&w->cut[i], a))
			return true;

	return false;
}

void world_cut_address(struct world *w, const char *address, bool cut)
{
	struct address a = address_of(address);

	if (cut && !address_cut(w, &a) && w->cut_count < HOST_ADDRESSES_MAX)
		w->cut[w->cut_count++] = a;
	for (size_t i = 0; !cut && i < w->cut_count; i++)
		if (address_equal(&w->cut[i], &a))
			w->cut[i] = w->cut[--w->cut_count];
}

void world_name_also(struct world *w, const char *name, const char *address)
{
	struct sim_name *n = &w->names[w->name_count];

	if (w->name_count == WORLD_NAMES_MAX || strlen(name) >= sizeof(n->name))
		world_die("too many names, or too long a one");
	w->name_count++;
	strcpy(n->name, name);
	n->address = address_of(address);
}

void world_name(struct world *w, const char *name, const char *address)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->name_count; i++)
		if (strcmp(w->names[i].name, name) != 0)
			w->names[kept++] = w->names[i];
	w->name_count = kept;
	world_name_also(w, name, address);
}

/* NAT boxes. */

struct nat *world_nat(struct world *w, const char *outside, uint64_t expire_ns)
{
	struct nat *n = calloc(1, sizeof(*n));

	if (!n || w->nat_count == WORLD_NATS_MAX)
		world_die("too many NAT boxes");
	n->world = w;
	n->outside = address_of(outside);
	n->expire_ns = expire_ns;
	n->last_port = PORT_FIRST;
	w->nats[w->nat_count++] = n;
	return n;
}

void host_behind(struct host *h, struct nat *nat)
{
	h->behind = nat;
}

void nat_rebind(struct nat *nat)
{
	size_t kept = 0;

	for (size_t i = 0; i < nat->mapping_count; i++)
		if (nat->mappings[i].forwarded)
			nat->mappings[kept++] = nat->mappings[i];
	nat->mapping_count = kept;
	ladder(nat->world, "a NAT box forgets its mappings");
}

void nat_set_outside(struct nat *nat, const char *outside)
{
	nat->outside = address_of(outside);
	nat_rebind(nat);
}

static void nat_expire(struct nat *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->mapping_count; i++) {
		struct nat_mapping *m = &n->mappings[i];

		if (m->forwarded || !n->expire_ns || n->world->now - m->used_at < n->expire_ns)
			n->mappings[kept++] = *m;
	}
	n->mapping_count = kept;
}

static struct nat_mapping *mapping_add(struct nat *n, struct host *h, const struct endpoint *inside)
{
	const size_t room = sizeof(n->mappings) / sizeof(n->mappings[0]);
	struct nat_mapping *m;

	if (n->mapping_count == room) { /* full: one goes, and not a forwarded one if it can be */
		n->mappings[n->world->now % room] = n->mappings[room - 1];
		n->mapping_count--;
	}
	m = &n->mappings[n->mapping_count++];
	*m = (struct nat_mapping){
		.host = h, .inside = *inside, .port = ++n->last_port, .used_at = n->world->now
	};
	return m;
}

void nat_forward(struct nat *nat, struct host *h, uint16_t port)
{
	struct nat_mapping *m =
		mapping_add(nat, h, &(struct endpoint){ .address = h->address, .port = port });

	m->port = port;
	m->forwarded = true;
}

static bool mapping_knows(const struct nat_mapping *m, const struct endpoint *peer)
{
	for (size_t i = 0; i < m->peer_count && i < 8; i++)
		if (endpoint_equal(&m->peers[i], peer))
			return true;

	return false;
}

/* The source that the network sees. */
static void nat_out(struct host *h, struct ike_path *path)
{
	struct nat *n = h->behind;
	struct nat_mapping *m = NULL;

	nat_expire(n);
	for (size_t i = 0; i < n->mapping_count && !m; i++)
		if (n->mappings[i].host == h &&
			endpoint_equal(&n->mappings[i].inside, &path->local))
			m = &n->mappings[i];
	if (!m)
		m = mapping_add(n, h, &path->local);
	m->used_at = n->world->now;
	if (!mapping_knows(m, &path->remote))
		m->peers[m->peer_count++ % 8] = path->remote;
	path->local = (struct endpoint){ n->outside, m->port };
}

/* Whom a packet to the box is for; its destination becomes the one inside. */
static struct host *nat_in(struct nat *n, struct ike_path *seen)
{
	nat_expire(n);
	for (size_t i = 0; i < n->mapping_count; i++) {
		struct nat_mapping *m = &n->mappings[i];

		if (m->port != seen->local.port)
			continue;
		if (n->strict && !m->forwarded && !mapping_knows(m, &seen->remote))
			return NULL;
		m->used_at = n->world->now;
		seen->local = m->inside;
		return m->host;
	}
	return NULL;
}

/* The host that a packet arrives at, seen from behind `nat` or (NULL) from the open network. */
static struct host *receiver(
	struct world *w, struct nat *nat, struct ike_path *seen, bool translate)
{
	for (size_t i = 0; i < w->host_count; i++)
		if (w->hosts[i]->behind == nat &&
			host_has_address(w->hosts[i], &seen->local.address))
			return w->hosts[i];
	if (nat)
		return receiver(w, NULL, seen, translate);
	for (size_t i = 0; translate && i < w->nat_count; i++)
		if (address_equal(&w->nats[i]->outside, &seen->local.address))
			return nat_in(w->nats[i], seen);

	return NULL;
}

/* Sending. */

void packet_queue(struct world *w, const struct sim_packet *like, struct bytes datagram)
{
	struct sim_packet *p = malloc(sizeof(*p) + datagram.size);
	struct sim_packet **link = &w->packets;

	if (!p)
		abort();
	*p = *like;
	p->size = datagram.size;
	memcpy(p->data, datagram.data, datagram.size);
	while (*link && (*link)->due <= p->due)
		link = &(*link)->next;
	p->next = *link;
	*link = p;
}

/* Between two hosts, or from one to where nobody is: its faults and its randomness. */
struct way {
	const struct network_faults *faults;
	uint64_t *random;
};

static struct way way_of(struct host *from, const struct ike_path *path)
{
	struct ike_path seen = { .local = path->remote, .remote = path->local };
	struct host *to = receiver(from->world, from->behind, &seen, true);
	const struct network_faults *own = to ? *link_of(from->world, from, to) : NULL;
	uint64_t *random = &from->to_state[to ? to->number : from->number];

	if (!*random)
		*random = world_stream(from->world, from->name, to ? to->name : "nobody");
	return (struct way){ own ? own : &from->world->faults, random };
}

static bool is_by_chance(const struct way *way, enum sim_carries carries)
{
	return !(way->faults->spare_esp && carries != CARRIES_IKE) &&
		stream_chance(way->random, way->faults->loss_percent);
}

static void put_on_way(const struct way *way, const struct sim_packet *like, struct bytes datagram)
{
	uint8_t *data;

	if (!datagram.size || !stream_chance(way->random, way->faults->corrupt_percent)) {
		packet_queue(like->from->world, like, datagram);
		return;
	}
	data = malloc(datagram.size);
	if (!data)
		abort();
	memcpy(data, datagram.data, datagram.size);
	data[stream_random(way->random, datagram.size)] ^=
		(uint8_t)(1u << stream_random(way->random, 8));
	packet_queue(like->from->world, like, BYTES(data, datagram.size));
	free(data);
}

static bool is_lost(
	struct host *from, const struct ike_path *path, size_t size, const struct network_faults *f)
{
	struct world *w = from->world;

	return f->partition || w->faults.partition || (f->mtu && size + IP_UDP_BYTES > f->mtu) ||
		!host_has_address(from, &path->local.address) ||
		address_cut(w, &path->local.address) || address_cut(w, &path->remote.address);
}

/* Whether it goes, and how late. A copy goes by itself. */
static bool meet_fate(struct world *w, struct sim_packet *like, struct bytes datagram)
{
	const struct network_fate *f = &w->fate;
	struct sim_packet copy;

	if (like->carries != CARRIES_IKE || ++w->ike_sent != f->nth)
		return true;
	like->due += f->later_ns;
	copy = *like;
	copy.due += f->copy_ns;
	if (f->copy_ns)
		packet_queue(w, &copy, datagram);
	w->packets_lost += f->lost;
	return !f->lost;
}

void network_send(struct host *from, enum sim_carries carries, const struct ike_path *path,
	struct bytes datagram)
{
	struct world *w = from->world;
	struct way way = way_of(from, path);
	const struct network_faults *f = way.faults;
	struct sim_packet like = { .carries = carries, .from = from };
	struct ike_path out = *path;

	w->packets_sent++;
	check_sent(from, carries, path, datagram);
	if (carries == CARRIES_IKE)
		attacker_hears(from, datagram);
	if (is_by_chance(&way, carries) || is_lost(from, path, datagram.size, f)) {
		w->packets_lost++;
		return;
	}
	if (from->behind && carries == CARRIES_ESP)
		out.local.address = from->behind->outside; /* no ports: no way back */
	else if (from->behind)
		nat_out(from, &out);
	like.path = (struct ike_path){ .local = out.remote, .remote = out.local };
	like.due = w->now + f->delay_ns;
	if (!meet_fate(w, &like, datagram))
		return;
	if (stream_chance(way.random, f->reorder_percent))
		like.due += stream_random(way.random, 20 * f->delay_ns + 1);
	put_on_way(&way, &like, datagram);
	if (!stream_chance(way.random, f->duplicate_percent))
		return;
	like.due += stream_random(way.random, 50 * f->delay_ns + 1);
	put_on_way(&way, &like, datagram);
}

/* Arriving. */

/* Gives it to the host; true where that took it. */
static bool arrive(struct host *h, const struct sim_packet *p)
{
	unsigned dropped = h->dropped;

	if (p->attack)
		attacker_asks(h->world, p);
	if (p->carries != CARRIES_IKE)
		return plane_receive(h, p);
	host_datagram(h, &p->path, BYTES(p->data, p->size));
	return h->dropped == dropped;
}

bool network_step(struct world *w)
{
	struct sim_packet *p = w->packets;
	struct ike_path before;
	struct host *h;

	if (!p || p->due > w->now)
		return false;
	w->packets = p->next;
	before = p->path;
	h = receiver(w, p->from->behind, &p->path, p->carries != CARRIES_ESP);
	if (!h || !h->engine || address_cut(w, &p->path.local.address))
		w->packets_lost++;
	else if (arrive(h, p))
		attacker_records(h, p, &before);
	free(p);
	return true;
}

void network_free(struct world *w)
{
	while (w->packets) {
		struct sim_packet *p = w->packets;

		w->packets = p->next;
		free(p);
	}
	for (size_t i = 0; i < w->nat_count; i++)
		free(w->nats[i]);
	for (size_t i = 0; i < WORLD_HOSTS_MAX; i++)
		for (size_t j = 0; j < WORLD_HOSTS_MAX; j++)
			free(w->links[i][j]);
}
