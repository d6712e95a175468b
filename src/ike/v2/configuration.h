/* Configuration payloads, RFC 7296 §2.19 and §3.15: virtual addresses and what goes with them, given
 * to the peer from pools and taken from it. */
#pragma once

#include "ike/exchange.h"
#include "ike/pool.h"

#define VIPS_MAX     8 /* of each side; what a peer asks for beyond is not answered */
#define DNS_MAX      8
#define CP_ASKED_MAX 32

/* A client's, in IKEv1: v1/unity.c. */
struct unity {
	bool splits;               /* there is a list of */
	struct selectors includes; /* what of the peer's side goes through the tunnel */
	struct selectors local_lan;
	char domain[256], split_dns[1024]; /* as in struct ike_virtual */
};

/* What one IKE SA has by configuration payloads. Its rekeyed successors share it: what was given is
 * valid as long as one of them lives (RFC 7296 §3.15.1). */
struct vips {
	unsigned references;
	size_t ours_count; /* taken from the peer */
	struct address ours[VIPS_MAX];
	size_t dns_count;
	struct address dns[DNS_MAX];
	bool gives;         /* this side leases to the peer: the connection has pools */
	bool requested;     /* the peer asked for addresses */
	bool without_unity; /* Cisco's attributes are given only where they were asked for */
	size_t lease_count;
	struct lease *leases[VIPS_MAX];
	struct address theirs[VIPS_MAX]; /* those of the leases, in their order */
	struct unity *unity; /* what else an IKEv1 gateway of Cisco's kind gave us; NULL: nothing */
	size_t asked_count;
	uint16_t asked[CP_ASKED_MAX]; /* types of attributes in the peer's request */
};

/* The row of features.c. */
void configuration_put(struct exchange *x);
void configuration_read(struct exchange *x);

/* Their parts, which IKEv1's mode config shares. */
struct vips *vips_of(struct ike_sa *sa); /* makes it; NULL where memory ran out */
void vips_put_request(
	const struct ike_sa *sa, struct writer *w); /* attributes, for all of `vips` */
void vips_asked(struct ike_sa *sa, const struct cp_attribute *a); /* by the peer: leases */
void vips_put_reply(const struct ike_sa *sa, struct writer *w);   /* attributes */
/* The peer gives us something. False: not asked for, or not usable. */
bool vips_take(struct ike_sa *sa, const struct cp_attribute *a);
void vips_taken(struct ike_sa *sa); /* that was all: the host hears of it */

/* In an INFORMATIONAL exchange: the answer to the peer's CFG_REQUEST or CFG_SET, which is that we
 * have nothing more to give and let nothing be set. */
void configuration_inform(struct exchange *x);

struct vips *vips_hold(struct vips *v);                             /* NULL is fine */
void vips_operate(struct ike_sa *sa, enum ike_operation_kind kind); /* ours, where there are any */
void vips_end(struct ike_sa *sa);  /* releases leases and gives back addresses with the last SA */
void vips_free(struct ike_sa *sa); /* likewise without a word to the host */

/* What `dynamic` means on one side of an SA: its virtual addresses where it has or should have some,
 * else its end of the path. */
void vips_dynamic(const struct ike_sa *sa, bool local, struct selectors *ret);

/* For the responder of a child in IKE_AUTH: an address was asked for and none is free. Returns
 * INTERNAL_ADDRESS_FAILURE, with words in x->reject.text, or 0. */
uint16_t vips_refused(struct exchange *x);

/* Why a child's selectors could not be agreed on, where the lack of virtual addresses is the reason:
 * FAILED_CP_REQUIRED with words, else `error`. */
uint16_t vips_required(struct exchange *x, uint16_t error);

/* For the initiator of a child: it needs a virtual address and the peer gave none. */
bool vips_missing(struct exchange *x, const struct child_config *config);

/* Engine-wide: pools. False with words in `why`. */
bool pools_load(struct ike_engine *e, const struct pool_config *config, char *why, size_t why_size);
bool pools_unload(struct ike_engine *e, const char *name, char *why, size_t why_size);
struct pool *pools_find(const struct ike_engine *e, const char *name);
void pools_free(struct ike_engine *e);
