/* A Child SA as the data planes see it: one struct that the user-space plane and XFRM both consume.
 */
#pragma once

#include "base/address.h"
#include "base/secret.h"
#include "crypto/crypto.h"
#include "wire/wire.h"

/* The last two have no SA: shunts, RFC 4301 §4.4.1's BYPASS and DISCARD. */
enum child_mode { CHILD_TUNNEL = 0, CHILD_TRANSPORT = 1, CHILD_PASS = 2, CHILD_DROP = 3 };

static inline bool mode_is_shunt(enum child_mode mode)
{
	return mode == CHILD_PASS || mode == CHILD_DROP;
}

/* How the outer header's fields come from the inner one's. */
enum copy_df {
	COPY_DF_YES = 0,
	COPY_DF_NO = 1
}; /* yes: outer DF = inner DF (the default); no: never set */
enum copy_dscp { COPY_DSCP_OUT = 0, COPY_DSCP_IN = 1, COPY_DSCP_BOTH = 2, COPY_DSCP_NONE = 3 };

/* Which packets' marks fit: (mark & mask) == value. A mask of 0: none is asked for. */
struct child_mark {
	uint32_t value, mask;
};

/* Ties of a child to packets and interfaces beyond its selectors; zeroed: none. The kernel's plane only. */
struct child_marks {
	struct child_mark in, out;         /* what a packet has that the policies take */
	struct child_mark set_in, set_out; /* what it has when the SA is through with it */
	bool in_sa;                        /* `in` is also what the inbound SA wants */
	uint32_t if_id_in, if_id_out;      /* of XFRM interfaces; 0: none */
};

/* Whether the network device is to encrypt and decrypt; the kernel's plane only. */
enum child_offload { OFFLOAD_NO = 0, OFFLOAD_YES = 1, OFFLOAD_AUTO = 2 };

struct child_keys {
	struct secret encr;  /* with the salt */
	struct secret integ; /* empty with an AEAD */
};

/* Immutable after the operation that carries it; the consumer copies what it keeps and wipes it. */
struct child_spec {
	uint32_t child_id; /* the engine's unique id; never reused */
	uint32_t reqid;    /* the same across rekeying; policies belong to it */
	const char *name;  /* of the child's configuration; valid during the operation only */
	uint8_t protocol;  /* PROTOCOL_ESP */
	enum child_mode mode;
	struct seal_suite suite;
	bool esn;
	bool encap;    /* ESP in UDP (RFC 3948) on path's ports; else IP protocol 50 */
	bool peer_nat; /* the peer is behind a NAT, and shares path.remote's address with others */
	uint64_t peer_key; /* the same for all that are between the same two identities */
	struct ike_path path;
	uint32_t spi_in;  /* ours: what the peer puts into packets to us */
	uint32_t spi_out; /* the peer's */
	bool answered;    /* the peer asked for it: its inbound half comes a moment after ours */
	struct child_keys keys_in;
	struct child_keys keys_out;
	struct selectors local;  /* what this side may send from */
	struct selectors remote; /* what it may send to */
	uint32_t replay_window;  /* packets, 0 (off) or 32..4096 */
	uint32_t tfc_padding; /* pad inner packets to this many octets; 0 off, UINT32_MAX to the MTU
			       */
	enum copy_df copy_df;
	bool copy_ecn;
	enum copy_dscp copy_dscp;
	uint32_t priority; /* 0: by selectors */
	struct child_marks marks;
	enum child_offload offload;
	uint64_t soft_bytes, hard_bytes, soft_packets, hard_packets; /* 0: none; per direction */
};
