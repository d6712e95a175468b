/* The supervisor: what should be up comes up again, for as long as it is configured. It is told what
 * happens to SAs and configurations, and at the end of each input looks at what should be up, what
 * is, and what is under way; what is missing is initiated when its time has come. */
#pragma once

#include "ike/sa.h"

struct supervised;

/* The configuration: `connection` is the engine's from now on, or no more. Loading the same again
 * touches nothing but waits, which end; another of the same name has what its children started
 * undone. */
void supervise_load(struct ike_engine *e, const struct connection *connection);
void supervise_unload(struct ike_engine *e, const char *name);
void supervise_free(struct ike_engine *e);

/* What happens. */
void supervise_sa_up(struct ike_sa *sa);
void supervise_sa_over(struct ike_sa *sa, enum sa_end end, const char *why);
void supervise_child_up(struct child_sa *c);
void supervise_child_over(struct child_sa *c, enum sa_end end, const char *why);
/* The peer or we refused to make a child while the IKE SA stands. */
void supervise_child_failed(struct ike_sa *sa, const struct child_config *config, const char *why);

/* `sa` is no longer to take another's place, whether it has or not: what it was to make may be missing. */
void supervise_renewal_over(struct ike_sa *sa);

/* The operator: `tern down` keeps what it matches down (`child` NULL: all children; `name` NULL: of
 * all connections) and returns how many of them were being waited for; `tern up` releases it. */
uint32_t supervise_hold(struct ike_engine *e, const char *name, const char *child);
void supervise_release(struct ike_engine *e, const char *name, const char *child);

/* Which of the peer's addresses is tried next. */
uint32_t supervise_attempt(const struct ike_engine *e, const char *name);

void supervise_due(struct supervised *s); /* its timer */
void supervise_run(struct ike_engine *e); /* at the end of each input */
