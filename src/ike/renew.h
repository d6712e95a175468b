/* Replacing an IKE SA by a newly authenticated one, make before break: reauthentication (RFC 4478
 * asks for it, reauth_time times it) and redirection in a session (RFC 5685 §5). */
#pragma once

#include "ike/child.h"

/* How far a new SA is with taking another's place: sa->renewal; owned by the SA. */
struct renewal {
	uint64_t command; /* who waits for it; 0: nobody */
	const char *word; /* "reauthenticated": a literal, for events */
	bool superfluous; /* see renew_withdraw() */
	bool settling;    /* it is taking the place: what that causes must not begin it again */
};

/* What is to be done with an SA: a `word` that says what happened when it is done. */
struct renew_order {
	uint64_t command;
	const char *word;
	const struct gateway *gateway; /* where to; NULL: where the old one is */
};

/* Sets up a new SA beside `old`, with the same children. Returns false where that can't begin: one
 * is under way already, `old` isn't established or memory ran out; the command is not done then. */
bool renew_begin(struct ike_sa *old, const struct renew_order *order);

/* `old`, which is being set up or just authenticated, was sent to another gateway before it had any
 * children: a new SA goes there, with `child` and all else that was wanted of the old, which is
 * deleted. False where memory ran out. */
bool renew_redirected(
	struct ike_sa *old, const struct child_config *child, const struct gateway *g);

/* Whether we can set up an SA with this one's peer: it was initiated by us, or its connection has
 * addresses to initiate to. */
bool renew_possible(const struct ike_sa *sa);

/* An operator wants it reauthenticated. Where only the peer can, it is told to (RFC 4478 §2). */
void renew_command(struct ike_sa *sa, uint64_t command);

/* The time of an SA that has just been established: its own reauth_time, or what it inherited. */
void renew_arm(struct ike_sa *sa);
void renew_disarm(struct ike_sa *sa);
void renew_inherit(struct ike_sa *sa, const struct ike_sa *old);
void renew_timer_due(struct ike_sa *sa, enum sa_timer kind);

/* The peer wants us to authenticate anew within so many seconds. */
void renew_within(struct ike_sa *sa, uint32_t lifetime_s);

/* Called when an SA that replaces another has nothing under way: what is next. */
void renew_check(struct ike_sa *sa);

/* `old` ends in favour of `survivor`: nothing is to take its place any more. What was to, ends before
 * IKE_AUTH, which asks renew_superfluous(), or is deleted when it stands. */
void renew_withdraw(struct ike_sa *old, struct ike_sa *survivor);
bool renew_superfluous(const struct ike_sa *sa);

/* An SA ends. Returns true where it was to replace another that goes on, so that nothing is lost
 * with it. */
bool renew_over(struct ike_sa *sa, const char *why);

/* The IKE SA `old` was rekeyed: what replaces it now replaces `to`, which replaces what it was to. */
void renew_moved(struct ike_sa *old, struct ike_sa *to);

/* A newer SA between the same peers stands: the end of this one is no loss. */
bool renew_succeeded(const struct ike_sa *sa);
/* So it is, or the peer may still be moving its children to such a one. */
bool renew_by_peer(const struct ike_sa *sa);

/* A child of it has an heir: if the whole SA is succeeded and still there after a while, whoever did that
 * may have lost it, and is asked whether it lives. */
void renew_succession(struct ike_sa *old);

extern const struct exchange_kind auth_lifetime_initiator;
void auth_lifetime_put(struct exchange *x);  /* in IKE_AUTH's response */
void auth_lifetime_read(struct exchange *x); /* in that, or an INFORMATIONAL request */
