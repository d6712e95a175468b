/* A workload that runs: what its parts share. */
#pragma once

#include <stdio.h>

#include "sim/internal.h"
#include "sim/workload.h"

struct pending { /* what an action has begun and that ends later */
	enum action_kind kind;
	uint64_t due_ms;
	uint8_t link, side;
};

struct run {
	struct workload now; /* choices and links as they are at the moment */
	struct world *w;
	struct host *hosts[WORKLOAD_HOSTS_MAX];
	struct nat *nats[WORKLOAD_HOSTS_MAX];
	char names[WORKLOAD_HOSTS_MAX][8];
	bool held[WORKLOAD_LINKS_MAX][2]; /* the operator wants it down */
	bool unloaded[WORKLOAD_LINKS_MAX][2];
	unsigned redirects[WORKLOAD_HOSTS_MAX]; /* those who begin, elsewhere: how many want that */
	uint64_t acted[ACTION_KINDS];
	size_t pending_count;
	struct pending pending[WORKLOAD_ACTIONS_MAX];
	unsigned moves;
	bool asked; /* for all tunnels */
	bool calm;  /* from now on every packet must arrive */
	char *config;
	const char *why;
};

static inline const struct workload_link *link_of(const struct run *r, size_t link)
{
	return &r->now.links[link];
}

static inline struct host *host_of(const struct run *r, size_t link, unsigned side)
{
	return r->hosts[link_of(r, link)->host[side]];
}

static inline void child_name(
	const struct run *r, size_t link, unsigned side, unsigned child, char out[16])
{
	snprintf(out, 16, "to%u-%u", link_of(r, link)->host[!side], child);
}

static inline void ike_name(const struct run *r, size_t link, unsigned side, char out[16])
{
	snprintf(out, 16, "to%u", link_of(r, link)->host[!side]);
}

static inline bool is_loaded(const struct run *r, size_t link, unsigned side)
{
	return !r->unloaded[link][side] && host_of(r, link, side)->engine;
}
const char *run_config(struct run *r, size_t host); /* valid until the next one */

static inline uint64_t run_ms(const struct run *r)
{
	return r->w->now / NS_PER_MS;
}

/* Actions, and time: act.c. */
void run_initiate(struct run *r, size_t link, unsigned side);
void run_one_way(struct run *r, size_t link, unsigned side); /* a packet over each child */
void run_act(struct run *r, const struct action *a);
void run_undo_all(struct run *r);
void run_pass(struct run *r, uint64_t until_ms);

/* Whether all is well, and making it so: well.c. */
void run_ask_all(struct run *r);
void run_converge(struct run *r);
void run_come_up(struct run *r);
