/* Split tunneling as Cisco's Unity has it: mode config lists the subnets behind the gateway that go
 * through the tunnel (SPLIT_INCLUDE), and in quick mode both ends say 0.0.0.0/0 for that side all the
 * same. What each installs is what its configuration, and at the client the list, leave of it. */
#include <stdlib.h>

#include "ike/narrow.h"
#include "ike/v1/quick_mode.h"
#include "ike/v1/transaction.h"

void v1_unity_include(struct ike_sa *sa, const struct address *net, uint32_t mask)
{
	struct vips *v = sa->vips;
	struct selectors *includes = v->includes ? v->includes : calloc(1, sizeof(*includes));
	struct selector s = { .family = 4, .port_last = 65535, .first = *net, .last = *net };
	uint32_t first = load_u32(net->octets) & mask;

	v->includes = includes;
	if (!includes || includes->count == SELECTORS_MAX || (~mask & (~mask + 1)))
		return; /* full, or a mask with holes */
	store_u32(s.first.octets, first);
	store_u32(s.last.octets, first | ~mask);
	includes->list[includes->count++] = s;
}

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
		sa->vips->includes;
}

bool v1_unity_ask(struct exchange *x)
{
	struct v1_quick_data *d = x->data;
	struct selectors configured;

	if (!splits(x->sa) || d->remote.family != 4 || d->deal.mode != CHILD_TUNNEL)
		return true;
	child_configured(x->sa, d->deal.config, false, &configured);
	selectors_intersect(&configured, x->sa->vips->includes, &d->deal.remote);
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
		d->deal.remote = *sa->vips->includes;
}
