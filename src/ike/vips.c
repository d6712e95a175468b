/* The virtual addresses of an IKE SA: how long they last, and what they mean for its children. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/narrow.h"
#include "ike/v2/configuration.h"

struct vips *vips_hold(struct vips *v)
{
	if (v)
		v->references++;
	return v;
}

void vips_operate(struct ike_sa *sa, enum ike_operation_kind kind)
{
	const struct vips *v = sa->vips;
	const struct unity *u = v->unity;
	const struct ike_virtual virtual = { .address_count = v->ours_count,
		.addresses = v->ours,
		.dns_count = v->dns_count,
		.dns = v->dns,
		.domain = u ? u->domain : "",
		.split_dns = u ? u->split_dns : "",
		.local_lan = u && u->local_lan.count ? &u->local_lan : NULL };

	if (v->ours_count)
		engine_operate(sa->engine,
			&(struct ike_operation){ .kind = kind,
				.virtual = &virtual,
				.connection = sa->connection,
				.ike_id = sa->id });
}

void vips_free(struct ike_sa *sa)
{
	struct vips *v = sa->vips;

	sa->vips = NULL;
	for (size_t i = 0; v && i < v->lease_count; i++)
		if (v->leases[i]->holder == sa)
			v->leases[i]->holder = NULL;
	if (!v || --v->references)
		return;
	for (size_t i = 0; i < v->lease_count; i++)
		lease_release(v->leases[i]);
	free(v->unity);
	free(v);
}

void vips_end(struct ike_sa *sa)
{
	if (sa->vips && sa->vips->references == 1)
		vips_operate(sa, IKE_OPERATE_ADDRESS_REMOVE);
	vips_free(sa);
}

/* Children. */

static void add_family(struct selectors *to, uint8_t family)
{
	struct selector s = {
		.family = family, .port_last = 65535, .first.family = family, .last.family = family
	};

	for (size_t i = 0; i < to->count; i++)
		if (to->list[i].family == family)
			return;
	memset(s.last.octets, 0xff, address_size(&s.last));
	to->list[to->count++] = s;
}

/* While we wait for our address, any of its family; afterwards none where there is none. */
static void dynamic_ours(const struct ike_sa *sa, struct selectors *ret)
{
	const struct connection *c = sa->connection;

	if (sa->vips && sa->vips->ours_count)
		for (size_t i = 0; i < sa->vips->ours_count; i++)
			selectors_add_address(ret, &sa->vips->ours[i]);
	else if (!sa->established_at)
		for (size_t i = 0; i < c->vip_count; i++)
			add_family(ret, c->vips[i].family);
}

void vips_dynamic(const struct ike_sa *sa, bool local, struct selectors *ret)
{
	const struct vips *v = sa->vips;

	ret->count = 0;
	if (local && sa->connection->vip_count && !(v && v->gives))
		dynamic_ours(sa, ret);
	else if (local)
		selectors_add_address(ret, &sa->path.local.address);
	else if (v && v->gives)
		for (size_t i = 0; i < v->lease_count; i++)
			selectors_add_address(ret, &v->theirs[i]);
	else
		selectors_add_address(ret, &sa->path.remote.address);
}

static bool any_dynamic(const struct conf_selector *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].dynamic)
			return true;

	return false;
}

static void explain_pools(const struct ike_sa *sa, char *out, size_t size)
{
	const struct connection *c = sa->connection;
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < c->pool_count && used < size; i++) {
		const struct pool *p = pools_find(sa->engine, c->pools[i]);

		if (p)
			used += (size_t)snprintf(out + used, size - used,
				"%s%s (%s) has %zu of %llu addresses online", used ? ", " : "",
				c->pools[i], p->config->addrs, p->online,
				(unsigned long long)p->config->size);
		else
			used += (size_t)snprintf(out + used, size - used, "%s%s is not loaded",
				used ? ", " : "", c->pools[i]);
	}
}

uint16_t vips_refused(struct exchange *x)
{
	const struct connection *c = x->sa->connection;
	const struct vips *v = x->sa->vips;
	const struct id_payload id = sa_client_id(x->sa);
	char pools[400], who[200];

	if ((x->kind->type != IKE_AUTH && !x->sa->v1) || !v || !v->requested || v->lease_count)
		return 0;
	explain_pools(x->sa, pools, sizeof(pools));
	exchange_reject(x, INTERNAL_ADDRESS_FAILURE,
		"INTERNAL_ADDRESS_FAILURE: no virtual address is free for %s: %s; pools of connection %s (%s:%u)",
		id_print(&id, who, sizeof(who)), pools, c->name, c->where_pools.file,
		c->where_pools.line);
	return INTERNAL_ADDRESS_FAILURE;
}

uint16_t vips_required(struct exchange *x, uint16_t error)
{
	const struct connection *c = x->sa->connection;
	const struct vips *v = x->sa->vips;
	bool dynamic = false;

	for (size_t i = 0; i < c->child_count; i++)
		dynamic = dynamic ||
			(!mode_is_shunt(c->children[i].mode) &&
				any_dynamic(
					c->children[i].remote_ts, c->children[i].remote_ts_count));
	if (error != TS_UNACCEPTABLE || !dynamic || !v || !v->gives || v->lease_count)
		return error;
	exchange_reject(x, FAILED_CP_REQUIRED,
		"FAILED_CP_REQUIRED: the peer has asked for no virtual address; connection %s has pools (%s:%u), so that a dynamic remote_ts is an address of them: add vips on the peer, or write its addresses into remote_ts",
		c->name, c->where_pools.file, c->where_pools.line);
	return FAILED_CP_REQUIRED;
}

bool vips_missing(struct exchange *x, const struct child_config *config)
{
	const struct connection *c = x->sa->connection;
	const struct vips *v = x->sa->vips;
	char name[NAME_TEXT_MAX], said[100] = "its response has none";
	struct notify error;

	if (!c->vip_count || (v && (v->ours_count || v->gives)) ||
		!any_dynamic(config->local_ts, config->local_ts_count))
		return false;
	if (x->in && chain_error(exchange_in(x), &error))
		snprintf(said, sizeof(said), "it answered %s", notify_name(error.type, name));
	exchange_reject(x, 0,
		"child %s needs a virtual address (vips, %s:%u) and the peer gave none: %s; are there pools for us on the peer, with a free address?",
		config->name, c->where_vips.file, c->where_vips.line, said);
	/* Addresses come with IKE_AUTH only, or in IKEv1 before there are children: this SA will never have one. Ending it also takes the
	 * child from the peer that the peer may believe in. */
	if (x->kind->type == IKE_AUTH || x->sa->v1)
		intent_add(
			x->sa, &(struct intent){ .kind = INTENT_DELETE_IKE, .end = SA_END_FAILED });
	return true;
}
