/* Configuration payloads, RFC 7296 §2.19. The initiator of an IKE SA asks for addresses with its
 * first IKE_AUTH request (CFG_REQUEST) and takes what the response gives (CFG_REPLY), before the
 * child is looked at; the responder leases them from the connection's pools once the peer has
 * authenticated, before it chooses the child. `dynamic` in traffic selectors then means them. */
#include "ike/v2/configuration.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/peers.h"

#define PREFIX_HOST_6   128
#define VERSION_TEXT    "tern"
#define ATTRIBUTES_SENT 64
#define LIST_BYTES_MAX  2048

struct vips *vips_of(struct ike_sa *sa)
{
	if (!sa->vips)
		sa->vips = calloc(1, sizeof(*sa->vips));
	if (sa->vips && !sa->vips->references)
		sa->vips->references = 1;
	return sa->vips;
}

/* Reading attributes. */

static struct address attribute_address(const struct cp_attribute *a)
{
	size_t size = a->type == INTERNAL_IP6_ADDRESS && a->value.size == 17 ? 16 : a->value.size;
	struct address none = { 0 }, got = address_from(BYTES(a->value.data, size));
	bool six = a->type == INTERNAL_IP6_ADDRESS || a->type == INTERNAL_IP6_DNS;

	return got.family == (six ? 6 : 4) ? got : none;
}

/* An address that a host may have: not unspecified, loopback, multicast or broadcast. */
static bool usable(const struct address *a)
{
	static const struct address loopback = { 6, { [15] = 1 } };

	if (address_is_any(a) || address_equal(a, &loopback))
		return false;
	return a->family == 6 ? a->octets[0] != 0xff : a->octets[0] != 127 && a->octets[0] < 224;
}

static bool is_address(uint16_t type)
{
	return type == INTERNAL_IP4_ADDRESS || type == INTERNAL_IP6_ADDRESS;
}

static uint8_t family_of(uint16_t type)
{
	return type == INTERNAL_IP6_ADDRESS ? 6 : 4;
}

static bool cp_of(const struct exchange *x, enum cp_type type, struct cp_reader *ret_cp)
{
	const struct payload *p = chain_find(exchange_in(x), PAYLOAD_CP, 0);

	return p && cp_begin(p->body, ret_cp) && ret_cp->type == type;
}

static bool is_asked(const struct vips *v, uint16_t type)
{
	for (size_t i = 0; i < v->asked_count; i++)
		if (v->asked[i] == type)
			return true;

	return false;
}

/* The initiator asks. */

/* The nth address of a family that an SA was given. */
static bool nth_address(const struct ike_sa *sa, struct address *wanted, size_t nth)
{
	if (sa->gone || !sa->established_at || !sa->vips)
		return false;
	for (size_t i = 0; i < sa->vips->ours_count; i++) {
		if (sa->vips->ours[i].family != wanted->family || nth-- > 0)
			continue;
		*wanted = sa->vips->ours[i];
		return true;
	}
	return false;
}

/* The address that another live SA with the peer has: when it is set up anew, make before break, the
 * addresses shall stay. */
static void as_before(const struct ike_sa *sa, struct address *wanted, size_t nth)
{
	const struct ike_sa *other = sa->replaces ? sa_find(sa->engine, sa->replaces) : NULL;

	if (other && nth_address(other, wanted, nth))
		return;
	for (other = peers_next(sa, NULL); other; other = peers_next(sa, other))
		if (strcmp(sa_name(other), sa_name(sa)) == 0 && nth_address(other, wanted, nth))
			return;
}

static void put_wanted(struct writer *w, const struct address *a)
{
	uint8_t value[17];
	size_t size = address_size(a);
	uint16_t type = a->family == 6 ? INTERNAL_IP6_ADDRESS : INTERNAL_IP4_ADDRESS;

	if (address_is_any(a)) {
		cp_encode_attribute(w, type, BYTES_EMPTY);
		return;
	}
	memcpy(value, a->octets, size);
	if (a->family == 6)
		value[size++] = PREFIX_HOST_6;
	cp_encode_attribute(w, type, BYTES(value, size));
}

void vips_put_request(const struct ike_sa *sa, struct writer *w)
{
	const struct connection *c = sa->connection;
	size_t asked[2] = { 0 }; /* of IPv4, of IPv6 */

	for (size_t i = 0; i < c->vip_count; i++) {
		struct address a = c->vips[i];
		size_t nth = asked[a.family == 6]++;

		if (address_is_any(&a))
			as_before(sa, &a, nth);
		put_wanted(w, &a);
	}
	if (asked[0])
		cp_encode_attribute(w, INTERNAL_IP4_DNS, BYTES_EMPTY);
	if (asked[1])
		cp_encode_attribute(w, INTERNAL_IP6_DNS, BYTES_EMPTY);
}

static void put_request(struct exchange *x)
{
	if (!x->sa->connection->vip_count)
		return;
	cp_encode_begin(exchange_payload(x, PAYLOAD_CP), CFG_REQUEST);
	vips_put_request(x->sa, &x->out);
	exchange_payload_end(x);
}

/* The responder leases. */

/* A peer that sets its IKE SA up anew keeps the address while the SA before still stands: same
 * identity, same address on the outside. */
static struct lease *shared_lease(
	const struct pool *p, const struct ike_sa *sa, const struct address *wanted)
{
	const struct id_payload id = sa_client_id(sa);
	struct lease *l = address_is_any(wanted) ? NULL : pool_held(p, &id, wanted);

	if (!l || !l->holder || !endpoint_equal(&l->holder->path.remote, &sa->path.remote))
		return NULL;
	l->users++;
	return l;
}

static struct lease *lease_from_pools(struct ike_sa *sa, const struct address *wanted)
{
	const struct connection *c = sa->connection;
	const struct id_payload id = sa_client_id(sa);
	struct lease *l = NULL;

	for (size_t i = 0; i < c->pool_count && !l; i++) {
		struct pool *p = pools_find(sa->engine, c->pools[i]);

		if (!p || p->config->base.family != wanted->family)
			continue;
		l = shared_lease(p, sa, wanted);
		if (!l)
			l = pool_lease(p, &id, wanted);
	}
	return l;
}

static void lease_for(struct ike_sa *sa, const struct cp_attribute *a)
{
	struct vips *v = sa->vips;
	struct address wanted = attribute_address(a);
	struct lease *l;
	char text[ADDRESS_TEXT_MAX];

	if (v->lease_count == VIPS_MAX)
		return;
	wanted.family = family_of(a->type);
	l = lease_from_pools(sa, &wanted);
	if (!l)
		return;
	l->holder = sa;
	v->theirs[v->lease_count] = l->address;
	v->leases[v->lease_count++] = l;
	sa_tell(sa, IKE_EVENT_NOTE, 1, "the peer has %s of pool %s",
		address_print(&l->address, text), l->pool->config->name);
}

/* Whether any pool of the connection is of that family: an address of another is not ours to refuse
 * (RFC 7296 §3.15.4). */
static bool serves(const struct ike_sa *sa, uint8_t family)
{
	for (size_t i = 0; i < sa->connection->pool_count; i++) {
		const struct pool *p = pools_find(sa->engine, sa->connection->pools[i]);

		if (!p || p->config->base.family == family)
			return true;
	}
	return false;
}

void vips_asked(struct ike_sa *sa, const struct cp_attribute *a)
{
	struct vips *v = sa->vips;

	if (v->asked_count < CP_ASKED_MAX)
		v->asked[v->asked_count++] = a->type;
	if (!is_address(a->type) || !serves(sa, family_of(a->type)))
		return;
	v->requested = true;
	lease_for(sa, a);
}

static void read_request(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct cp_attribute a;
	struct cp_reader cp;
	struct vips *v;

	if (!sa->connection->pool_count || !(v = vips_of(sa)) || v->asked_count)
		return;
	v->gives = true;
	if (!cp_of(x, CFG_REQUEST, &cp))
		return;
	while (cp_next(&cp, &a) > 0)
		vips_asked(sa, &a);
}

/* What goes with the addresses: attributes of the pools that gave one, and of the connection's other
 * pools what was asked for. */

static bool gave(const struct vips *v, const struct pool *p)
{
	for (size_t i = 0; i < v->lease_count; i++)
		if (v->leases[i]->pool == p)
			return true;

	return false;
}

struct reply {
	struct writer *w;
	size_t count;
	const struct pool_attribute *sent[ATTRIBUTES_SENT];
};

static void put_attribute(struct reply *r, const struct pool_attribute *a)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->sent[i]->type == a->type &&
			(a->type == INTERNAL_IP4_NETMASK ||
				bytes_equal(r->sent[i]->value, a->value)))
			return; /* several pools say the same; of netmasks there is but one */
	if (r->count == ATTRIBUTES_SENT)
		return;
	r->sent[r->count++] = a;
	cp_encode_attribute(r->w, a->type, a->value);
}

/* Unity's attributes are lists in one attribute: subnets one after the other, names with commas. */
static bool is_list(uint16_t type)
{
	return type == UNITY_SPLIT_INCLUDE || type == UNITY_LOCAL_LAN ||
		type == UNITY_SPLITDNS_NAME;
}

static void put_list(struct reply *r, const struct pool *p, const struct pool_attribute *first)
{
	const struct pool_config *c = p->config;
	uint8_t memory[LIST_BYTES_MAX];
	struct writer w = writer_of(memory, sizeof(memory));

	for (size_t i = 0; i < r->count; i++)
		if (r->sent[i]->type == first->type)
			return;
	for (const struct pool_attribute *a = first; a < c->attributes + c->attribute_count; a++) {
		if (a->type != first->type || w.used + 1 + a->value.size > sizeof(memory))
			continue;
		if (w.used && a->type == UNITY_SPLITDNS_NAME)
			write_u8(&w, ',');
		write_bytes(&w, a->value);
	}
	if (r->count == ATTRIBUTES_SENT)
		return;
	r->sent[r->count++] = first;
	cp_encode_attribute(r->w, first->type, writer_bytes(&w));
}

static bool is_unity(uint16_t type)
{
	return is_list(type) || type == UNITY_BANNER || type == UNITY_DEF_DOMAIN;
}

static bool is_due(const struct vips *v, const struct pool *p, uint16_t type)
{
	return is_asked(v, type) || (gave(v, p) && !(v->without_unity && is_unity(type)));
}

static void put_pool(struct reply *r, const struct vips *v, const struct pool *p)
{
	for (size_t i = 0; i < p->config->attribute_count; i++) {
		const struct pool_attribute *a = &p->config->attributes[i];

		if (!is_due(v, p, a->type))
			continue;
		if (is_list(a->type))
			put_list(r, p, a);
		else
			put_attribute(r, a);
	}
}

/* Versions are told to those who may know them: RFC 7296 §2.20. */
static void put_common(struct writer *w, const struct ike_engine *e, const struct vips *v)
{
	static const uint16_t ours[] = { INTERNAL_IP4_ADDRESS, INTERNAL_IP4_NETMASK,
		INTERNAL_IP4_DNS, INTERNAL_IP4_NBNS, INTERNAL_IP4_DHCP, APPLICATION_VERSION,
		INTERNAL_IP6_ADDRESS, INTERNAL_IP6_DNS, INTERNAL_IP6_DHCP, INTERNAL_IP4_SUBNET,
		SUPPORTED_ATTRIBUTES, INTERNAL_IP6_SUBNET };
	uint8_t list[sizeof(ours)];

	if (is_asked(v, APPLICATION_VERSION))
		cp_encode_attribute(w, APPLICATION_VERSION,
			e->options.send_vendor_id ? bytes_of_text(VERSION_TEXT) : BYTES_EMPTY);
	if (!is_asked(v, SUPPORTED_ATTRIBUTES))
		return;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		store_u16(list + 2 * i, ours[i]);
	cp_encode_attribute(w, SUPPORTED_ATTRIBUTES, BYTES_OF(list));
}

void vips_put_reply(const struct ike_sa *sa, struct writer *w)
{
	const struct connection *c = sa->connection;
	const struct vips *v = sa->vips;
	struct reply r = { .w = w };

	for (size_t i = 0; i < v->lease_count; i++)
		put_wanted(w, &v->theirs[i]);
	for (size_t i = 0; i < c->pool_count; i++) {
		const struct pool *p = pools_find(sa->engine, c->pools[i]);

		if (p)
			put_pool(&r, v, p);
	}
	put_common(w, sa->engine, v);
}

static void put_reply(struct exchange *x)
{
	const struct vips *v = x->sa->vips;

	if (!v || !v->asked_count)
		return;
	cp_encode_begin(exchange_payload(x, PAYLOAD_CP), CFG_REPLY);
	vips_put_reply(x->sa, &x->out);
	exchange_payload_end(x);
}

/* The initiator takes. */

static size_t family_count(const struct address *list, size_t count, uint8_t family)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += list[i].family == family;
	return found;
}

static bool among(const struct address *list, size_t count, const struct address *a)
{
	for (size_t i = 0; i < count; i++)
		if (address_equal(&list[i], a))
			return true;

	return false;
}

/* A peer may give one address for two requests. */
bool vips_take(struct ike_sa *sa, const struct cp_attribute *a)
{
	const struct connection *c = sa->connection;
	struct vips *v = sa->vips;
	struct address got = attribute_address(a);
	size_t asked = family_count(c->vips, c->vip_count, got.family);

	if (!usable(&got) || !asked)
		return false;
	if (is_address(a->type) && !among(v->ours, v->ours_count, &got) &&
		family_count(v->ours, v->ours_count, got.family) < asked)
		v->ours[v->ours_count++] = got;
	else if ((a->type == INTERNAL_IP4_DNS || a->type == INTERNAL_IP6_DNS) &&
		v->dns_count < DNS_MAX && !among(v->dns, v->dns_count, &got))
		v->dns[v->dns_count++] = got;
	else
		return false;
	return true;
}

static size_t add_addresses(
	char *out, size_t size, size_t used, const struct address *list, size_t count)
{
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(
			out + used, size - used, " %s", address_print(&list[i], text));
	return used;
}

static void tell_taken(struct ike_sa *sa)
{
	const struct vips *v = sa->vips;
	char text[900];
	size_t used = (size_t)snprintf(text, sizeof(text), "the peer gave us");

	used = add_addresses(text, sizeof(text), used, v->ours, v->ours_count);
	if (v->dns_count)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "; name servers");
	add_addresses(text, sizeof(text), used, v->dns, v->dns_count);
	sa_tell(sa, IKE_EVENT_NOTE, 1, "%s", text);
}

void vips_taken(struct ike_sa *sa)
{
	if (!sa->vips->ours_count)
		return;
	tell_taken(sa);
	vips_operate(sa, IKE_OPERATE_ADDRESS_ADD);
}

static void read_reply(struct exchange *x)
{
	const struct connection *c = x->sa->connection;
	struct cp_attribute a;
	struct cp_reader cp;
	struct vips *v;

	if (!c->vip_count || !cp_of(x, CFG_REPLY, &cp) || !(v = vips_of(x->sa)) || v->ours_count)
		return;
	while (cp_next(&cp, &a) > 0)
		vips_take(x->sa, &a);
	vips_taken(x->sa);
}

void configuration_put(struct exchange *x)
{
	if (x->initiator)
		put_request(x);
	else
		put_reply(x);
}

void configuration_read(struct exchange *x)
{
	if (x->initiator)
		read_reply(x);
	else
		read_request(x);
}

/* In a session: of a request only what common attributes say is answered, as addresses come with
 * IKE_AUTH; nothing may be set, which an empty CFG_ACK says (RFC 7296 §3.15). */
void configuration_inform(struct exchange *x)
{
	struct vips asked = { 0 };
	struct cp_attribute a;
	struct cp_reader cp;
	bool request = cp_of(x, CFG_REQUEST, &cp);

	if (!request && !cp_of(x, CFG_SET, &cp))
		return;
	while (request && cp_next(&cp, &a) > 0)
		if (asked.asked_count < CP_ASKED_MAX)
			asked.asked[asked.asked_count++] = a.type;
	cp_encode_begin(exchange_payload(x, PAYLOAD_CP), request ? CFG_REPLY : CFG_ACK);
	put_common(&x->out, x->engine, &asked);
	exchange_payload_end(x);
}
