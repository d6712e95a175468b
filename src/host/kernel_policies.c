/* Policies in the kernel. Several children may want the same one, as those of a rekeying do, and the trap
 * that they came by: it is there once, with the template of who came last, and goes with the last. */
#include "host/kernel_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#define POLICIES_MAX 1024 /* of one child and direction */
#define KEY_BYTES    60

/* What the kernel tells policies apart by. */
static struct bytes key_of(const struct xfrm_policy_wanted *p, uint8_t out[static KEY_BYTES])
{
	const struct xfrm_selector *s = &p->selector;
	struct writer w = writer_of(out, KEY_BYTES);

	write_bytes(&w, BYTES(&s->saddr, sizeof(s->saddr)));
	write_bytes(&w, BYTES(&s->daddr, sizeof(s->daddr)));
	write_u16(&w, s->sport);
	write_u16(&w, s->sport_mask);
	write_u16(&w, s->dport);
	write_u16(&w, s->dport_mask);
	write_u8(&w, (uint8_t)s->family);
	write_u8(&w, s->prefixlen_s);
	write_u8(&w, s->prefixlen_d);
	write_u8(&w, s->proto);
	write_u8(&w, p->direction);
	write_u32(&w, p->tie.mark.value);
	write_u32(&w, p->tie.mark.mask);
	write_u32(&w, p->tie.if_id);
	return writer_bytes(&w);
}

static int policy_tell(struct kernel_plane *k, const struct kernel_policy *p)
{
	struct xfrm_request r;

	return kernel_request(k->socket, &r, xfrm_put_policy(&r, &p->users->wanted), NULL, NULL);
}

static void policy_end(struct kernel_plane *k, struct kernel_policy *p)
{
	struct xfrm_request r;
	uint8_t key[KEY_BYTES];

	(void)kernel_request(k->socket, &r, xfrm_put_policy_delete(&r, &p->wanted), NULL, NULL);
	table_take(k->policies, key_of(&p->wanted, key));
	free(p);
}

static struct kernel_policy *policy_find(
	struct kernel_plane *k, const struct xfrm_policy_wanted *wanted)
{
	uint8_t key[KEY_BYTES];
	struct bytes name = key_of(wanted, key);
	struct kernel_policy *p = table_find(k->policies, name);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->wanted = *wanted;
	p->index = XFRM_OWNER_INDEX | (++k->policy_number & XFRM_INDEX_NUMBER) << 3 |
		wanted->direction;
	if (table_put(k->policies, name, p) != 0) {
		free(p);
		return NULL;
	}
	return p;
}

static bool same_template(const struct xfrm_policy_wanted *a, const struct xfrm_policy_wanted *b)
{
	return a->priority == b->priority && a->reqid == b->reqid && a->mode == b->mode &&
		a->optional == b->optional && address_equal(&a->source, &b->source) &&
		address_equal(&a->destination, &b->destination);
}

static void use_end(struct kernel_plane *k, struct policy_use *use)
{
	struct kernel_policy *p = use->policy;
	struct policy_use **at = &p->users;
	bool first = *at == use;

	while (*at != use)
		at = &(*at)->behind;
	*at = use->behind;
	if (!p->users)
		policy_end(k, p);
	else if (first && !same_template(&use->wanted, &p->users->wanted))
		(void)policy_tell(k, p);
	free(use);
}

void policies_leave(struct kernel_plane *k, struct policy_use **uses)
{
	while (*uses) {
		struct policy_use *use = *uses;

		*uses = use->next;
		use_end(k, use);
	}
}

/* The kernel has one policy for one selector: whose priority is the least, of those the latest. */
static struct policy_use **place_of(
	struct kernel_policy *p, const struct xfrm_policy_wanted *wanted)
{
	struct policy_use **at = &p->users;
	uint32_t priority = xfrm_policy_priority(wanted);

	while (*at && xfrm_policy_priority(&(*at)->wanted) < priority)
		at = &(*at)->behind;
	return at;
}

static int use_begin(
	struct kernel_plane *k, struct policy_use **uses, const struct xfrm_policy_wanted *wanted)
{
	struct policy_use *use = calloc(1, sizeof(*use));
	struct kernel_policy *p = use ? policy_find(k, wanted) : NULL;
	struct policy_use **at;
	int failed = 0;
	bool first;

	if (!p) {
		free(use);
		return -ENOMEM;
	}
	at = place_of(p, wanted);
	first = at == &p->users;
	*use = (struct policy_use){ .policy = p, .wanted = *wanted, .next = *uses, .behind = *at };
	use->wanted.index = p->index;
	*at = use;
	*uses = use;
	if (first && (!use->behind || !same_template(&use->wanted, &use->behind->wanted)))
		failed = policy_tell(k, p);
	return failed;
}

/* What is forwarded into the tunnel has no SA yet. It comes behind all that want an SA, also of fewer packets: what
 * one tunnel brings for another is that one's; and before what is to be dropped. */
static int use_forward_out(
	struct kernel_plane *k, struct policy_use **uses, const struct xfrm_policy_wanted *out)
{
	struct xfrm_policy_wanted forward = *out;

	forward.direction = XFRM_POLICY_FWD;
	forward.optional = true;
	forward.priority = xfrm_policy_priority(out) + XFRM_PRIORITY_SPAN / 2;
	return use_begin(k, uses, &forward);
}

/* The way in is the mirror of the way out; in tunnel mode also for what is forwarded. */
static int use_directions(struct kernel_plane *k, struct policy_use **uses,
	const struct policy_want *want, const struct xfrm_selector *selector)
{
	struct xfrm_policy_wanted out = want->common, in = want->common;
	int failed;

	out.selector = *selector;
	out.direction = XFRM_POLICY_OUT;
	out.tie = (struct xfrm_tie){ want->marks->out, want->marks->if_id_out };
	failed = use_begin(k, uses, &out);
	if (!failed && want->forward_out && out.mode != CHILD_TRANSPORT)
		failed = use_forward_out(k, uses, &out);
	if (failed || !want->inbound)
		return failed;
	in.tie = (struct xfrm_tie){ want->marks->in, want->marks->if_id_in };
	in.source = out.destination;
	in.destination = out.source;
	in.selector.saddr = selector->daddr;
	in.selector.daddr = selector->saddr;
	in.selector.prefixlen_s = selector->prefixlen_d;
	in.selector.prefixlen_d = selector->prefixlen_s;
	in.selector.family = selector->family;
	in.selector.proto = selector->proto;
	in.selector.sport = selector->dport;
	in.selector.sport_mask = selector->dport_mask;
	in.selector.dport = selector->sport;
	in.selector.dport_mask = selector->sport_mask;
	if (selector->proto == IPPROTO_ICMP || selector->proto == IPPROTO_ICMPV6) {
		in.selector.sport = selector->sport; /* type and code stay where they are */
		in.selector.sport_mask = selector->sport_mask;
		in.selector.dport = selector->dport;
		in.selector.dport_mask = selector->dport_mask;
	}
	in.direction = XFRM_POLICY_IN;
	failed = use_begin(k, uses, &in);
	if (failed || in.mode == CHILD_TRANSPORT)
		return failed;
	in.direction = XFRM_POLICY_FWD;
	return use_begin(k, uses, &in);
}

int policies_use(struct kernel_plane *k, struct policy_use **uses, const struct policy_want *want)
{
	struct xfrm_selector *selectors = calloc(POLICIES_MAX, sizeof(*selectors));
	struct policy_use *fresh = NULL;
	int count, failed = 0;

	if (!selectors)
		return -ENOMEM;
	count = xfrm_selectors_of(want->local, want->remote, selectors, POLICIES_MAX);
	for (int i = 0; i < count && !failed; i++)
		failed = use_directions(k, &fresh, want, &selectors[i]);
	free(selectors);
	if (count < 0)
		failed = count;
	if (failed) {
		policies_leave(k, &fresh);
		return failed;
	}
	policies_leave(k, uses);
	*uses = fresh;
	return 0;
}
