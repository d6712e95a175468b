/* What building and reading share. */
#pragma once

#include "xfrm/xfrm.h"

#include <netinet/in.h>

static inline uint16_t family_to_kernel(uint8_t family)
{
	return family == 6 ? AF_INET6 : AF_INET;
}

static inline xfrm_address_t address_to_kernel(const struct address *a)
{
	xfrm_address_t out = { 0 };

	memcpy(&out, a->octets, address_size(a));
	return out;
}

static inline struct address address_of_kernel(const xfrm_address_t *a, uint16_t family)
{
	struct address out = { 0 };

	out.family = family == AF_INET6 ? 6 : family == AF_INET ? 4 : 0;
	memcpy(out.octets, a, address_size(&out));
	return out;
}

/* Reading attributes. */
struct attribute {
	uint16_t type;
	struct bytes value;
};

/* The next one; false at the end or where it is broken. */
bool attribute_next(struct reader *r, struct attribute *ret);

/* Begins a request with a body of this size, zeroed. */
static inline void *request_begin(
	struct xfrm_request *r, uint16_t type, uint16_t flags, size_t body_size)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(r->data);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	return mnl_nlmsg_put_extra_header(h, body_size);
}

static inline bool put(struct xfrm_request *r, uint16_t type, size_t size, const void *data)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)r->data;

	return mnl_attr_put_check(h, sizeof(r->data), type, size, data);
}

static inline bool put_u32(struct xfrm_request *r, uint16_t type, uint32_t value)
{
	return put(r, type, sizeof(value), &value);
}

/* The kernel takes what isn't said for "any mark, no interface". */
static inline bool put_tie(struct xfrm_request *r, const struct xfrm_tie *tie)
{
	const struct xfrm_mark mark = { .v = tie->mark.value, .m = tie->mark.mask };
	bool all = true;

	if (mark.m)
		all = put(r, XFRMA_MARK, sizeof(mark), &mark);
	if (tie->if_id)
		all = all && put_u32(r, XFRMA_IF_ID, tie->if_id);
	return all;
}
