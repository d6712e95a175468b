/* What the supervisor keeps for each loaded connection: shared by its two files. */
#pragma once

#include "ike/supervise.h"

struct supervised_child {
	const struct child_config *config;
	bool wanted;                  /* should be up */
	bool held;                    /* but the operator took it down */
	bool trapped;                 /* a trap is laid for it, by its configuration */
	uint32_t failures;            /* in a row, while the IKE SA stands */
	ike_time down_since, next_at; /* next_at: not before */
	char *why;                    /* the last failure; NULL: none yet */
};

struct supervised {
	struct supervised *next, **link; /* of all; what points to this one */
	struct supervised *next_touched;
	struct ike_engine *engine;
	const struct connection *connection; /* held: the one loaded */
	struct timer timer;
	bool dirty;        /* it is among those touched */
	uint32_t attempt;  /* counts on through the peer's addresses */
	uint32_t failures; /* of the IKE SA, in a row */
	ike_time next_at;
	struct endpoint tried; /* where the last attempt went; family 0: nowhere yet */
	struct supervised_child children[];
};

struct supervised *supervised_find(const struct ike_engine *e, const char *name);

/* What is there, by name of the connection and of the child. */
struct ike_sa *supervised_sas(const struct supervised *s); /* the first; next_named */
/* It is being set up, and its IKE_AUTH is to make the child. */
bool supervised_sets_up(const struct ike_sa *sa, const struct supervised_child *child);
bool supervised_is_up(const struct supervised *s, const struct supervised_child *child);
bool supervised_is_missing(const struct supervised *s, const struct supervised_child *child);
/* The IKE SA on which it is under way; NULL: none. */
const struct ike_sa *supervised_maker(
	const struct supervised *s, const struct supervised_child *child);

/* What is to come. */
bool supervised_given_up(const struct supervised *s, const struct supervised_child *child);
ike_time supervised_due_at(const struct supervised *s, const struct supervised_child *child);
/* Where the next attempt goes, as configured; "" where names among several leave that open. */
const char *supervised_next_to(const struct supervised *s);
void supervised_touch(struct supervised *s); /* looked at when the input ends; NULL is fine */
void supervised_lay_trap(struct supervised *s, struct supervised_child *child);
