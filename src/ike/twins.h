/* Twins: two IKE SAs of one connection between the same identities, because both ends initiated at
 * the same time. Each end tells by itself which of the two survives; whoever initiated the other
 * deletes it, once the survivor's children carry the traffic. docs/decisions/0006-one-of-two.md. */
#pragma once

#include "ike/child.h"

/* The SA has nothing under way: whether it or its twin is to go now. */
void twins_check(struct ike_sa *sa);

/* The line of an IKE SA that has just been authenticated. */
uint64_t twins_line(struct ike_sa *sa);

/* The children of `loser` have stopped sending, as those of `survivor` do it for them: `loser` is deleted
 * when what is under way has arrived. */
void twins_end(struct ike_sa *loser, struct ike_sa *survivor, const char *why);

/* It has a twin, and was established less than a minute ago: which of them goes on is open. */
bool twins_undecided(const struct ike_sa *sa);

/* As initiator, before IKE_AUTH: the peer's SA stands meanwhile, with the child that we want
 * (`config`; NULL: none). Not where we ask for a virtual address: that only our own SA brings. */
bool twins_forestalled(const struct ike_sa *sa, const struct child_config *config);

/* One child alone may be made twice, too: we asked for it in one IKE SA, at `asked_at`, and before
 * the peer had answered it stood in another, though they are no twins as far as we can see. Whoever
 * sees it deletes the one of the lesser IKE SA, in the order that holds for twins, which they may be
 * for the peer. Returns the other child, to be called before ours (`deal`) is installed in `sa`;
 * NULL: there is none. */
struct child_sa *twins_other_child(
	struct ike_sa *sa, const struct child_deal *deal, ike_time asked_at);
bool twins_keeps_child(const struct ike_sa *sa, const struct child_sa *other); /* ours, not that */
void twins_drop_child(struct child_sa *c); /* the other is installed, and carries its traffic */
