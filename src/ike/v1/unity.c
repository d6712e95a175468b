/* What Cisco's Unity adds to mode config. Split tunneling: it lists the subnets behind the gateway that go
 * through the tunnel (SPLIT_INCLUDE), and in quick mode both ends say 0.0.0.0/0 for that side all the same.
 * What each installs is what its configuration, and at the client the list, leave of it. The client's host
 * hears of the gateway's domain, of the domains that its name servers are for, and of networks that stay
 * out of the tunnel (LOCAL_LAN). */
#include <stdio.h>
#include <stdlib.h>

#include "ike/narrow.h"
#include "ike/v1/quick_mode.h"
#include "ike/v1/transaction.h"

#define TEXT_MAX           400
#define SUBNET_BYTES       14 /* address, mask, and fields for protocol and ports */
#define SUBNET_SHORT_BYTES 8
#define DOMAIN_MAX         253 /* octets of a host name */

/* Taking. */

static struct unity *unity_of(struct ike_sa *sa)
{
	struct vips *v = vips_of(sa);

	if (v && !v->unity)
		v->unity = calloc(1, sizeof(*v->unity));
	return v ? v->unity : NULL;
}

static void add_subnet(struct selectors *to, const struct address *net, uint32_t mask)
{
	struct selector s = { .family = 4, .port_last = 65535, .first = *net, .last = *net };
	uint32_t first = load_u32(net->octets) & mask;

	if (to->count == SELECTORS_MAX || (~mask & (~mask + 1)))
		return; /* full, or a mask with holes */
	store_u32(s.first.octets, first);
	store_u32(s.last.octets, first | ~mask);
	to->list[to->count++] = s;
}

/* A local network that is everything, or nobody's address, is what Cisco's clients take for the one that
 * they are in, whichever that is: their routes say so better than we could. */
static void heed_subnet(struct ike_sa *sa, uint16_t type, const struct address *net, uint32_t mask)
{
	struct unity *u = unity_of(sa);

	if (!u)
		return;
	if (type == UNITY_SPLIT_INCLUDE) {
		u->splits = true;
		add_subnet(&u->includes, net, mask);
	} else if (mask && load_u32(net->octets)) {
		add_subnet(&u->local_lan, net, mask);
	}
}

/* strongSwan's have no more than address and mask. */
static void take_subnets(struct ike_sa *sa, const struct v1_attribute *a)
{
	struct reader r = reader_of(a->value);
	size_t each = a->value.size % SUBNET_BYTES == 0 ? SUBNET_BYTES : SUBNET_SHORT_BYTES;
	char text[TEXT_MAX] = "", address[ADDRESS_TEXT_MAX];
	size_t used = 0;

	while (reader_left(&r) >= each && used + 60 < sizeof(text)) {
		struct address net = address_from(read_bytes(&r, 4));
		uint32_t mask = read_u32(&r);

		read_skip(&r, each - SUBNET_SHORT_BYTES);
		used += (size_t)snprintf(text + used, sizeof(text) - used, " %s/%u",
			address_print(&net, address), (unsigned)__builtin_popcount(mask));
		if (sa->engine->options.cisco_unity)
			heed_subnet(sa, a->type, &net, mask);
	}
	sa_tell(sa, IKE_EVENT_NOTE, 1,
		a->type == UNITY_LOCAL_LAN ? "the peer lets these stay out of the tunnel:%s"
					   : "the peer wants these to go through the tunnel:%s",
		text);
}

static bool is_name(const char *name, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char c = name[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '_';

		if (!word && (i == 0 || (c != '-' && c != '.') || (c == '.' && name[i - 1] == '.')))
			return false;
	}
	return size > 0 && size <= DOMAIN_MAX;
}

/* The names of a list, with commas or spaces between; what is no host name is left out. */
static void take_names(char *out, size_t out_size, const char *from)
{
	size_t used = strlen(out);

	while (*from) {
		size_t size = strcspn(from, ", ");

		if (is_name(from, size) && used + size + 2 < out_size)
			used += (size_t)snprintf(out + used, out_size - used, "%s%.*s",
				used ? " " : "", (int)size, from);
		from += size;
		from += strspn(from, ", ");
	}
}

static void take_text(struct ike_sa *sa, const struct v1_attribute *a)
{
	struct unity *u = sa->engine->options.cisco_unity ? unity_of(sa) : NULL;
	char text[TEXT_MAX];

	v1_text_print(a->value, text, sizeof(text));
	if (a->type == UNITY_BANNER) {
		sa_tell(sa, IKE_EVENT_NOTE, 0, "the peer says: %s", text);
	} else if (a->type == UNITY_DEF_DOMAIN) {
		sa_tell(sa, IKE_EVENT_NOTE, 1, "the peer's domain is %s", text);
		if (u && !u->domain[0])
			take_names(u->domain, sizeof(u->domain), text);
	} else {
		sa_tell(sa, IKE_EVENT_NOTE, 1, "the peer's name servers are for %s", text);
		if (u)
			take_names(u->split_dns, sizeof(u->split_dns), text);
	}
}

bool v1_unity_take(struct ike_sa *sa, const struct v1_attribute *a)
{
	switch (a->type) {
	case UNITY_SPLIT_INCLUDE:
	case UNITY_LOCAL_LAN:
		take_subnets(sa, a);
		return true;
	case UNITY_BANNER:
	case UNITY_DEF_DOMAIN:
	case UNITY_SPLITDNS_NAME:
		take_text(sa, a);
		return true;
	default:
		return false;
	}
}

/* Split tunneling. */

void v1_unity_all(struct selector *ret)
{
	*ret = (struct selector){
		.family = 4, .port_last = 65535, .first.family = 4, .last.family = 4
	};
	store_u32(ret->last.octets, UINT32_MAX);
}

static bool is_all(const struct selector *s)
{
	struct selector all;
	struct selectors a, b;

	v1_unity_all(&all);
	v1_quick_one(&all, &a);
	v1_quick_one(s, &b);
	return selectors_equal(&a, &b);
}

/* We took a list of the gateway. */
static bool splits(const struct ike_sa *sa)
{
	return v1_peer_has(sa, V1_VENDOR_UNITY) && v1_config_is_client(sa) && sa->vips &&
		sa->vips->unity && sa->vips->unity->splits;
}

bool v1_unity_ask(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct selectors configured;

	if (!splits(x->sa) || d->remote.family != 4 || d->deal.mode != CHILD_TUNNEL)
		return true;
	child_configured(x->sa, d->deal.config, false, &configured);
	selectors_intersect(&configured, &x->sa->vips->unity->includes, &d->deal.remote);
	v1_unity_all(&d->remote);
	d->all_remote = true;
	return d->deal.remote.count > 0;
}

void v1_unity_asked(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	const struct ike_sa *sa = x->sa;
	bool client_has_address = v1_peer_has(sa, V1_VENDOR_UNITY) && v1_config_gives(sa) &&
		sa->vips && sa->vips->lease_count;

	if (d->deal.mode != CHILD_TUNNEL)
		return;
	d->all_local = client_has_address && is_all(&d->local);
	d->all_remote = splits(sa) && is_all(&d->remote);
	if (d->all_remote)
		d->deal.remote = sa->vips->unity->includes;
}
