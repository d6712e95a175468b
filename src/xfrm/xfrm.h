/* The kernel's IPsec (XFRM) as messages. Building one is a pure function of what is wanted, reading one
 * is bounded by cursors; who sends and receives them is in src/host/kernel_plane.c.
 *
 * What is ours in the kernel can be told from others' without any memory of it: our states have OWNER in
 * the upper half of their sequence number (which the kernel uses for nothing once a state stands), our
 * policies an index that begins with it, and reqids that aren't configured lie in a range of their own. */
#pragma once

#include "tern/child.h"

#include <libmnl/libmnl.h>
#include <linux/xfrm.h>

#define XFRM_OWNER        0x7465u     /* "te" */
#define XFRM_OWNER_INDEX  0x74000000u /* of policies; 21 bits of number and 3 of direction follow */
#define XFRM_REQID_FIRST  0x74000000u /* + the engine's reqid, where the configuration has none */
#define XFRM_INDEX_NUMBER 0x001fffffu

static inline bool xfrm_is_our_state(uint32_t sequence)
{
	return sequence >> 16 == XFRM_OWNER;
}

static inline bool xfrm_is_our_policy(uint32_t index)
{
	return (index & 0xff000000u) == XFRM_OWNER_INDEX;
}

/* One request. It may hold keys: whoever sent it wipes it. */
#define XFRM_REQUEST_BYTES 2048

struct xfrm_request {
	_Alignas(struct nlmsghdr) uint8_t data[XFRM_REQUEST_BYTES];
};

static inline const struct nlmsghdr *xfrm_header(const struct xfrm_request *r)
{
	return (const struct nlmsghdr *)(const void *)r->data;
}

/* What the kernel knows a state by. */
struct xfrm_name {
	struct address destination;
	uint32_t spi;  /* 0: one that waits for an SA, after an acquire */
	uint32_t mark; /* that it wants of packets: without it the kernel doesn't find it */
};

/* What states and policies have beside selectors, and the kernel tells them apart by. */
struct xfrm_tie {
	struct child_mark mark;
	uint32_t if_id;
};

/* The kernel's names of a suite's algorithms. */
struct xfrm_algorithms {
	const char *aead, *encr, *integ; /* NULL where there is none */
	uint32_t icv_bits;
};

/* -ENOTSUP where the kernel has no name for one. */
int xfrm_algorithms_of(const struct seal_suite *suite, struct xfrm_algorithms *ret_names);

/* States. All return 0, -ENOTSUP (see above) or -ENOBUFS. */

struct xfrm_state_wanted {
	const struct child_spec *spec;
	bool inbound;
	uint32_t reqid; /* the kernel's */
	uint32_t mark;  /* outbound: of the packets that it makes, if spec says nothing; 0: none */
};

struct xfrm_name xfrm_name_of(const struct child_spec *spec, bool inbound);
int xfrm_put_state(struct xfrm_request *r, const struct xfrm_state_wanted *wanted);

/* Adds to a state that was put: the device of this index is to do it. Returns 0 or -ENOBUFS. */
int xfrm_add_offload(
	struct xfrm_request *r, unsigned device, const struct child_spec *spec, bool inbound);
int xfrm_put_state_delete(struct xfrm_request *r, const struct xfrm_name *name);
int xfrm_put_state_get(struct xfrm_request *r, const struct xfrm_name *name);
int xfrm_put_states_dump(struct xfrm_request *r);

/* A state that stands, as the kernel told it (`told`: one message, XFRM_MSG_NEWSA), with the path and encapsulation of
 * `spec`: its keys, its replay window and its counters go on. The kernel can't change addresses; it is
 * deleted in between, and sequence numbers that it may have used meanwhile are left out. -EBADMSG: it is
 * not such a message. */
int xfrm_put_state_moved(
	struct xfrm_request *r, struct bytes told, const struct child_spec *spec, bool inbound);

/* Gives the state that waits after an acquire an SPI, by which it can be deleted. */
struct xfrm_larval {
	struct address source, destination;
	uint32_t sequence, reqid;
	uint8_t mode;
	struct xfrm_tie tie; /* the policy's */
};

int xfrm_put_larval_spi(struct xfrm_request *r, const struct xfrm_larval *larval, uint32_t spi);

/* Policies. */

/* The selectors of packets from one list to another, as the kernel has them: prefixes and masks of
 * ports. Returns how many, or -ENOTSUP: ports that packets don't show (OPAQUE), or a range of ICMP's
 * types; -E2BIG: more than `max`. */
int xfrm_selectors_of(const struct selectors *source, const struct selectors *destination,
	struct xfrm_selector *out, size_t max);

/* How the more specific selectors come first; behind all priorities that are configured. */
uint32_t xfrm_priority_of(const struct xfrm_selector *selector);

struct xfrm_policy_wanted {
	struct xfrm_selector selector;
	uint8_t direction; /* XFRM_POLICY_OUT ... */
	uint32_t index;
	uint32_t priority;
	uint32_t reqid;
	enum child_mode mode;
	bool optional; /* lets pass also what has no SA yet */
	struct xfrm_tie tie;
	struct address source, destination; /* tunnel mode: the outer ones; none: whichever */
};

/* Shunts without a priority come before, or behind, all that has selectors alone. */
#define XFRM_PRIORITY_SPAN 0x10000u
uint32_t xfrm_policy_priority(const struct xfrm_policy_wanted *wanted);

int xfrm_put_policy(struct xfrm_request *r, const struct xfrm_policy_wanted *wanted); /* adds or
											  replaces */
int xfrm_put_policy_delete(struct xfrm_request *r, const struct xfrm_policy_wanted *wanted);
int xfrm_put_policy_delete_index(
	struct xfrm_request *r, uint32_t index, const struct xfrm_tie *tie);
int xfrm_put_policies_dump(struct xfrm_request *r);

/* Reading. */

enum xfrm_told_kind {
	XFRM_TOLD_OTHER, /* nothing that we need */
	XFRM_TOLD_STATE,
	XFRM_TOLD_ACQUIRE,
	XFRM_TOLD_EXPIRE,
	XFRM_TOLD_MAPPING,
	XFRM_TOLD_POLICY,
};

struct xfrm_told {
	enum xfrm_told_kind kind;
	struct xfrm_name name; /* not of POLICY */
	struct address source;
	uint32_t sequence, reqid;
	uint8_t mode;
	struct xfrm_tie tie;      /* STATE, ACQUIRE, POLICY */
	struct selector from, to; /* ACQUIRE, and STATE without an SPI: the packet */
	bool hard;                /* EXPIRE */
	struct endpoint remote;   /* MAPPING: where packets now come from */
	uint32_t index;           /* POLICY, ACQUIRE */
	/* STATE */
	uint64_t bytes, packets, soft_bytes, soft_packets;
	uint64_t used_at_s; /* since 1970; 0: not known */
	uint64_t sequence_in, sequence_out;
	uint32_t replayed, failed;
	bool offloaded;
};

/* One whole netlink message. False where it is cut short or makes no sense. */
bool xfrm_read(struct bytes message, struct xfrm_told *ret_told);

/* The next message of what one read brought; false at its end, or where it is broken. */
bool xfrm_next(struct reader *from, struct bytes *ret_message);
