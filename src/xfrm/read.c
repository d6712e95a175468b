/* What the kernel says. Its structures are in the host's order; each is copied out of the message by a
 * cursor, and attributes are walked by another, so that nothing is read beyond what came. */
#include "xfrm/internal.h"

#define ATTRIBUTE_HEADER sizeof(struct nlattr)

/* What fills up to the next multiple of four, as far as there is more. */
static void skip_padding(struct reader *r, uint32_t size)
{
	size_t padding = MNL_ALIGN(size) - size;

	read_skip(r, padding < reader_left(r) ? padding : reader_left(r));
}

bool attribute_next(struct reader *r, struct attribute *ret)
{
	struct nlattr head;

	if (reader_left(r) < ATTRIBUTE_HEADER)
		return false;
	read_copy(r, &head, sizeof(head));
	if (head.nla_len < ATTRIBUTE_HEADER || head.nla_len - ATTRIBUTE_HEADER > reader_left(r))
		return false;
	ret->type = head.nla_type & NLA_TYPE_MASK;
	ret->value = read_bytes(r, head.nla_len - ATTRIBUTE_HEADER);
	skip_padding(r, head.nla_len);
	return true;
}

static bool value_copy(struct bytes value, void *out, size_t size)
{
	if (value.size < size)
		return false;
	memcpy(out, value.data, size);
	return true;
}

static void tie_attribute(const struct attribute *a, struct xfrm_tie *tie)
{
	struct xfrm_mark mark;

	if (a->type == XFRMA_MARK && value_copy(a->value, &mark, sizeof(mark)))
		tie->mark = (struct child_mark){ mark.v, mark.m };
	if (a->type == XFRMA_IF_ID)
		(void)value_copy(a->value, &tie->if_id, sizeof(tie->if_id));
}

/* The packet that a state waits for: of ICMP the type stands where the source port does. */
static void packet_of(const struct xfrm_selector *sel, struct xfrm_told *t)
{
	uint16_t source = ntohs(sel->sport), destination = ntohs(sel->dport);
	bool icmp = sel->proto == IPPROTO_ICMP || sel->proto == IPPROTO_ICMPV6;
	bool known = sel->sport_mask || sel->dport_mask;

	if (icmp)
		source = destination = (uint16_t)(source << 8 | (destination & 0xff));
	t->from = (struct selector){ .protocol = sel->proto,
		.port_first = known ? source : 0,
		.port_last = known ? source : UINT16_MAX };
	t->to = (struct selector){ .protocol = sel->proto,
		.port_first = known ? destination : 0,
		.port_last = known ? destination : UINT16_MAX };
	t->from.first = t->from.last = address_of_kernel(&sel->saddr, sel->family);
	t->to.first = t->to.last = address_of_kernel(&sel->daddr, sel->family);
	t->from.family = t->from.first.family;
	t->to.family = t->to.first.family;
}

static void state_of(const struct xfrm_usersa_info *sa, struct xfrm_told *t)
{
	t->name.destination = address_of_kernel(&sa->id.daddr, sa->family);
	t->name.spi = ntohl(sa->id.spi);
	t->source = address_of_kernel(&sa->saddr, sa->family);
	t->sequence = sa->seq;
	t->reqid = sa->reqid;
	t->mode = sa->mode;
	t->bytes = sa->curlft.bytes;
	t->packets = sa->curlft.packets;
	t->soft_bytes = sa->lft.soft_byte_limit;
	t->soft_packets = sa->lft.soft_packet_limit;
	t->replayed = sa->stats.replay;
	t->failed = sa->stats.integrity_failed;
	packet_of(&sa->sel, t);
}

static void state_attribute(const struct attribute *a, struct xfrm_told *t)
{
	struct xfrm_replay_state_esn esn;
	struct xfrm_replay_state plain;

	if (a->type == XFRMA_OFFLOAD_DEV)
		t->offloaded = true;
	if (a->type == XFRMA_LASTUSED)
		(void)value_copy(a->value, &t->used_at_s, sizeof(t->used_at_s));
	if (a->type == XFRMA_REPLAY_VAL && value_copy(a->value, &plain, sizeof(plain))) {
		t->sequence_in = plain.seq;
		t->sequence_out = plain.oseq;
	}
	if (a->type == XFRMA_REPLAY_ESN_VAL && value_copy(a->value, &esn, sizeof(esn))) {
		t->sequence_in = (uint64_t)esn.seq_hi << 32 | esn.seq;
		t->sequence_out = (uint64_t)esn.oseq_hi << 32 | esn.oseq;
	}
}

static bool read_state(struct reader *r, struct xfrm_told *t)
{
	struct xfrm_usersa_info sa;
	struct attribute a;

	read_copy(r, &sa, sizeof(sa));
	if (!reader_ok(r))
		return false;
	t->kind = sa.id.proto == IPPROTO_ESP ? XFRM_TOLD_STATE : XFRM_TOLD_OTHER;
	state_of(&sa, t);
	while (attribute_next(r, &a)) {
		state_attribute(&a, t);
		tie_attribute(&a, &t->tie);
	}
	t->name.mark = t->tie.mark.value & t->tie.mark.mask;
	return true;
}

static bool read_expire(struct reader *r, struct xfrm_told *t)
{
	struct xfrm_user_expire e;

	read_copy(r, &e, sizeof(e));
	if (!reader_ok(r))
		return false;
	t->kind = e.state.id.proto == IPPROTO_ESP ? XFRM_TOLD_EXPIRE : XFRM_TOLD_OTHER;
	state_of(&e.state, t);
	t->hard = e.hard;
	return true;
}

/* The reqid is the template's, as is the family of the outer addresses. */
static bool read_acquire(struct reader *r, struct xfrm_told *t)
{
	struct xfrm_user_tmpl tmpl = { 0 };
	struct xfrm_user_acquire q;
	struct attribute a;
	bool found = false;

	read_copy(r, &q, sizeof(q));
	if (!reader_ok(r))
		return false;
	while (attribute_next(r, &a)) {
		found = found || (a.type == XFRMA_TMPL && value_copy(a.value, &tmpl, sizeof(tmpl)));
		tie_attribute(&a, &t->tie);
	}
	if (!found || q.id.proto != IPPROTO_ESP)
		return true;
	t->kind = XFRM_TOLD_ACQUIRE;
	t->name.destination = address_of_kernel(&q.id.daddr, tmpl.family);
	t->source = address_of_kernel(&q.saddr, tmpl.family);
	t->sequence = q.seq;
	t->reqid = tmpl.reqid;
	t->mode = tmpl.mode;
	t->index = q.policy.index;
	packet_of(&q.sel, t);
	return true;
}

static bool read_mapping(struct reader *r, struct xfrm_told *t)
{
	struct xfrm_user_mapping m;

	read_copy(r, &m, sizeof(m));
	if (!reader_ok(r))
		return false;
	t->kind = XFRM_TOLD_MAPPING;
	t->name.destination = address_of_kernel(&m.id.daddr, m.id.family);
	t->name.spi = ntohl(m.id.spi);
	t->reqid = m.reqid;
	t->remote.address = address_of_kernel(&m.new_saddr, m.id.family);
	t->remote.port = ntohs(m.new_sport);
	return true;
}

static bool read_policy(struct reader *r, struct xfrm_told *t)
{
	struct xfrm_userpolicy_info p;
	struct attribute a;

	read_copy(r, &p, sizeof(p));
	if (!reader_ok(r))
		return false;
	t->kind = XFRM_TOLD_POLICY;
	t->index = p.index;
	while (attribute_next(r, &a))
		tie_attribute(&a, &t->tie);
	return true;
}

bool xfrm_read(struct bytes message, struct xfrm_told *ret_told)
{
	struct reader r = reader_of(message);
	struct nlmsghdr head;

	*ret_told = (struct xfrm_told){ 0 };
	read_copy(&r, &head, sizeof(head));
	if (!reader_ok(&r))
		return false;
	switch (head.nlmsg_type) {
	case XFRM_MSG_NEWSA:
		return read_state(&r, ret_told);
	case XFRM_MSG_EXPIRE:
		return read_expire(&r, ret_told);
	case XFRM_MSG_ACQUIRE:
		return read_acquire(&r, ret_told);
	case XFRM_MSG_MAPPING:
		return read_mapping(&r, ret_told);
	case XFRM_MSG_NEWPOLICY:
		return read_policy(&r, ret_told);
	default:
		return true;
	}
}

bool xfrm_next(struct reader *from, struct bytes *ret_message)
{
	struct nlmsghdr head;

	if (reader_left(from) < sizeof(head))
		return false;
	memcpy(&head, from->at, sizeof(head));
	if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > reader_left(from))
		return false;
	*ret_message = read_bytes(from, head.nlmsg_len);
	skip_padding(from, head.nlmsg_len);
	return true;
}
