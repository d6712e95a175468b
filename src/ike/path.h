/* Where the packets of an IKE SA and of its children go, and what makes them go elsewhere: the host's
 * addresses, the peer's word (MOBIKE, RFC 4555), a NAT in between that rebinds (RFC 7296 §2.23). */
#pragma once

#include "tern/ike.h"

struct ike_sa;
struct child_sa;
struct opened;

/* The children's path is the IKE SA's own, but while a new address awaits its return routability
 * check. */
struct traffic {
	struct ike_path path;
	bool nat_local, nat_remote;
};

/* RFC 4555's initiator, who chooses the addresses (§3.5), is the sa->original_initiator. */
struct mobility {
	bool mobike;       /* both said MOBIKE_SUPPORTED, RFC 4555 §3.2 */
	bool peer_nat_t;   /* NAT detection payloads came in IKE_SA_INIT */
	bool verifying;    /* sa->path has not answered yet: the children stay on `traffic` */
	bool probed;       /* the request in flight went over other pairs, too */
	bool announcing;   /* our own address went away, and the peer doesn't know yet, §3.6 */
	uint32_t moves;    /* of sa->path so far */
	uint32_t moves_at; /* when the request in flight was first sent */
	unsigned probe_next;
	struct endpoint
		heard; /* whence the peer's last request came, where that is not sa->path's */
	struct traffic traffic;
	struct traffic
		claimed; /* where the peer said to be, and didn't answer; family 0: nowhere */
	struct address verified; /* the peer's before the present one: may come back unchecked */
	size_t own_count, peer_count;
	struct address own[IKE_ADDRESSES_MAX + 1]; /* ours as last told by the host */
	struct address peer[IKE_ADDRESSES_MAX];
	uint8_t seen[20]; /* how the peer saw us: its last NAT_DETECTION_DESTINATION_IP, §3.8 */
	struct ike_question *question; /* out, owned; NULL: none */
	ike_time asked_at;
	bool ask_again;    /* something changed since */
	unsigned refusals; /* of the host, in a row: it knew of no path */
};

bool path_equal(const struct ike_path *a, const struct ike_path *b);

/* The IKE SA goes on over another path, at once with its request in flight. The children follow with
 * path_settle(): now, or with `verify` when the peer has shown that it is there. */
void path_move(struct ike_sa *sa, const struct ike_path *path, bool verify);
void path_settle(struct ike_sa *sa);
bool path_must_verify(const struct ike_sa *sa, const struct ike_path *path);
bool path_encap(const struct ike_sa *sa); /* whether the children's ESP goes in UDP */

/* An authenticated message came; and when it is a response, after its request has left the window. */
void path_seen(struct ike_sa *sa, const struct opened *message);
void path_replied(struct ike_sa *sa, const struct opened *message);
/* An authenticated ESP packet, the newest of its SA, came from elsewhere: IKE_KERNEL_MAPPING. */
void path_mapped(struct child_sa *child, const struct endpoint *remote);

/* IKE_KERNEL_ADDRESSES, and what the host answers. */
void paths_look_again(struct ike_engine *e);
void path_look_again(struct ike_sa *sa);
void path_due(struct ike_sa *sa); /* the host owes an answer, or gave none that helps */
bool path_answered(struct ike_engine *e, const struct ike_answer *answer); /* false: not a path's */
bool path_take_own(struct ike_sa *sa, const struct ike_answer *answer);    /* true: they changed */
void path_forget(struct ike_sa *sa);                                       /* frees what it holds */

/* As initiator of MOBIKE: goes there and tells the peer, RFC 4555 §3.5. */
void path_update(struct ike_sa *sa, const struct ike_path *path);

/* Retransmission. How often before giving up; other pairs of addresses tried with it; and at the end
 * true where another path remains to be tried, the request being sent there. */
uint32_t path_patience(const struct ike_sa *sa);
void path_probe(struct ike_sa *sa);
bool path_fall_back(struct ike_sa *sa);

/* A rekeyed IKE SA goes where the old one goes. */
void path_inherit(struct ike_sa *sa, const struct ike_sa *old);
/* What is under way about addresses on the old one begins anew on the new one: whichever of the two the
 * peer takes for the present one when it hears of it. */
void path_hand_over(const struct ike_sa *old, struct ike_sa *to);
