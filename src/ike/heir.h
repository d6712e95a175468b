/* Heirs: a Child SA of one IKE SA that takes the place of another's, when an IKE SA is set up anew
 * beside the old one. Old child and heir share a reqid, so policies and routes stay; the traffic
 * goes over to the heir when both ends have it, and back where it ends first. */
#pragma once

#include "ike/child.h"

/* The child whose place a new one takes, or NULL: one of the SA that is being replaced, else one
 * with the same identities, configuration and selectors. */
struct child_sa *heir_predecessor(struct ike_sa *sa, const struct child_deal *deal);
void heir_link(struct child_sa *heir, struct child_sa *old);

/* `rekeyed` is followed by `made`, and was an heir or has one. */
void heir_rekeyed(struct child_sa *made, struct child_sa *rekeyed);

/* Of two that were made at once, for the same, `goes` yields to `stays`. */
void heir_passes_on(struct child_sa *goes, struct child_sa *stays);

/* A child ends. Returns true where another carries its traffic from now: the one that heir_carrier()
 * returned before, an heir or the child that it was one of. */
bool heir_takes_over(struct child_sa *c);
struct child_sa *heir_carrier(const struct child_sa *c); /* NULL: none */

/* As responder: the peer has our last response, thus the children that were in it. */
void heirs_confirmed(struct ike_sa *sa);

/* Whether children of `sa` may take the place of those of `old`. */
bool heirs_possible(const struct ike_sa *sa, const struct ike_sa *old);

/* As responder: a new heir sends nothing until the peer has it, which is seen, or asked when a timer
 * is due. When the IKE SA is rekeyed, the new one goes on with that. */
void heir_waits(struct child_sa *c);
void heirs_due(struct ike_sa *sa);
void heirs_move(const struct ike_sa *from, struct ike_sa *to);

/* What a child of `sa` took the place of carries traffic still, in an IKE SA that hasn't ended. */
bool heirs_beside_old(const struct ike_sa *sa);

struct child_sa *heir_of(const struct child_sa *c); /* NULL: none, or it is gone */
/* Its heir, or the heir's and so on, that is of `sa`; NULL: none. */
struct child_sa *heir_in(const struct child_sa *c, const struct ike_sa *sa);
/* It carries traffic: it wasn't replaced, and didn't lose against another rekeying. */
bool child_carries(const struct child_sa *c);
