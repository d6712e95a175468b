/* Lifetimes, RFC 7296 §2.8: when SAs are rekeyed, when they end, and what a replaced one still does. */
#pragma once

#include "ike/sa.h"

/* What a peer that doesn't delete what it replaced leaves with us, is kept this long: longer than its
 * retransmissions may take. */
#define REPLACED_KEPT_NS (4 * 60 * NS_PER_SECOND)

/* A soft limit in octets or packets: `limit` less a random part of `rand`. 0 stays 0; never less
 * than 1. */
uint64_t soft_limit(struct ike_engine *e, uint64_t limit, uint64_t rand);

void child_arm(struct child_sa *c); /* it is installed: its timers run from now */

/* Its time is over: it stops sending at once and is deleted; or, where only its inbound SA was kept,
 * that goes. */
void child_expired(struct child_sa *c);

/* `by` takes its place: it is not rekeyed any more, and waits for its delete. */
void child_replaced(struct child_sa *c, struct child_sa *by);

/* It sends no more: what took its place does from now, unless one that took that one's place does already.
 * Not where an heir in a newer IKE SA sends. */
void child_yields(const struct child_sa *c);

/* The peer, which had asked for `c`, deletes it before the one that it replaced: it could not finish the
 * exchange. That one goes on; true where it does. */
bool child_goes_back(struct child_sa *c);

/* Deleted. Where another took its place, its inbound SA stays for what is in flight (child_kept_ns);
 * else, or at the end of that, it is removed and freed. */
void child_retire(struct child_sa *c, enum sa_end end, const char *why);

/* Its IKE SA ends. Where a child of another IKE SA carries its traffic from now, its inbound SA stays
 * likewise, with that one; true then. */
bool child_outlasts_sa(struct child_sa *c);
/* And that of one which such a child had replaced goes with it: the peer needn't have known that yet. */
bool child_follows_successor(struct child_sa *c);

/* Rekeying failed: when to try again, in time before the hard limit, and longer after each failure. */
void child_rekey_failed(struct child_sa *c);
void sa_rekey_failed(struct ike_sa *sa);
