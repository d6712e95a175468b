/* Policies: which packets an SA's reqid takes, and which may come in only by it. Where no SA is there for
 * a packet that goes out, the kernel drops it and asks for one (XFRM_MSG_ACQUIRE): a trap is a policy
 * without an SA. A shunt has no template: the kernel lets its packets through, or blocks them. */
#include "xfrm/internal.h"

#include <errno.h>

static struct xfrm_lifetime_cfg unlimited(void)
{
	return (struct xfrm_lifetime_cfg){
		.soft_byte_limit = XFRM_INF,
		.hard_byte_limit = XFRM_INF,
		.soft_packet_limit = XFRM_INF,
		.hard_packet_limit = XFRM_INF,
	};
}

/* In transport mode the kernel takes the packet's own addresses. */
static struct xfrm_user_tmpl template_of(const struct xfrm_policy_wanted *w)
{
	struct xfrm_user_tmpl t = {
		.id.proto = IPPROTO_ESP,
		.family = w->selector.family,
		.reqid = w->reqid,
		.mode = w->mode == CHILD_TRANSPORT ? XFRM_MODE_TRANSPORT : XFRM_MODE_TUNNEL,
		.optional = w->optional,
		.aalgos = UINT32_MAX,
		.ealgos = UINT32_MAX,
		.calgos = UINT32_MAX,
	};

	if (w->mode == CHILD_TRANSPORT)
		return t;
	if (w->destination.family || w->source.family)
		t.family = family_to_kernel(
			w->destination.family ? w->destination.family : w->source.family);
	t.id.daddr = address_to_kernel(&w->destination);
	t.saddr = address_to_kernel(&w->source);
	return t;
}

/* What passes comes before what goes through tunnels, and what is dropped behind. */
uint32_t xfrm_policy_priority(const struct xfrm_policy_wanted *w)
{
	uint32_t by_selector = xfrm_priority_of(&w->selector);

	if (w->priority)
		return w->priority;
	return w->mode == CHILD_PASS    ? by_selector - XFRM_PRIORITY_SPAN
		: w->mode == CHILD_DROP ? by_selector + XFRM_PRIORITY_SPAN
					: by_selector;
}

int xfrm_put_policy(struct xfrm_request *r, const struct xfrm_policy_wanted *w)
{
	struct xfrm_userpolicy_info *p =
		request_begin(r, XFRM_MSG_UPDPOLICY, NLM_F_ACK, sizeof(*p));
	const struct xfrm_user_tmpl t = template_of(w);

	p->sel = w->selector;
	p->lft = unlimited();
	p->priority = xfrm_policy_priority(w);
	p->index = w->index;
	p->dir = w->direction;
	p->action = w->mode == CHILD_DROP ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;
	p->share = XFRM_SHARE_ANY;
	if (!mode_is_shunt(w->mode) && !put(r, XFRMA_TMPL, sizeof(t), &t))
		return -ENOBUFS;
	return put_tie(r, &w->tie) ? 0 : -ENOBUFS;
}

int xfrm_put_policy_delete(struct xfrm_request *r, const struct xfrm_policy_wanted *w)
{
	struct xfrm_userpolicy_id *p = request_begin(r, XFRM_MSG_DELPOLICY, NLM_F_ACK, sizeof(*p));

	p->sel = w->selector;
	p->dir = w->direction;
	return put_tie(r, &w->tie) ? 0 : -ENOBUFS;
}

int xfrm_put_policy_delete_index(struct xfrm_request *r, uint32_t index, const struct xfrm_tie *tie)
{
	struct xfrm_userpolicy_id *p = request_begin(r, XFRM_MSG_DELPOLICY, NLM_F_ACK, sizeof(*p));

	p->index = index;
	p->dir = index & 7;
	return put_tie(r, tie) ? 0 : -ENOBUFS;
}

int xfrm_put_policies_dump(struct xfrm_request *r)
{
	request_begin(r, XFRM_MSG_GETPOLICY, NLM_F_DUMP, sizeof(struct xfrm_userpolicy_id));
	return 0;
}
