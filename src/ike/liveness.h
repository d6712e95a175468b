/* Whether the peer lives and whether a child is in use. RFC 7296 §2.4. */
#pragma once

#include "ike/sa.h"

/* The ids of IKE_ASK_USE: these bits, and the child's id. No exchange waits for the answer. */
#define USE_QUESTION   (1ull << 63)
#define USE_INACTIVITY (1ull << 62) /* asked for the inactivity timeout, not for liveness */
#define USE_LOOK       (1ull << 61) /* for nothing but last_heard */

void liveness_arm(struct ike_sa *sa); /* established */
void liveness_due(struct ike_sa *sa);
void sa_heard(struct ike_sa *sa); /* an authenticated message proved life */

/* Installed: waits for it to be idle. After a rekeying what passed over the old one counts. */
void inactivity_arm(struct child_sa *c);
void inactivity_due(struct child_sa *c);

/* Asks the plane when packets of it last came: `last_heard` of its IKE SA is right when that is answered. */
void liveness_look(const struct child_sa *c);

void use_answered(struct ike_engine *e, const struct ike_answer *answer);
