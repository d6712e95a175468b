/* A world for stories and the simulator: hosts of libike with virtual time, a network with loss,
 * duplication and reordering, and planes that only remember. Everything follows from the seed. */
#pragma once

#include "keys/keys.h"
#include "tern/ike.h"

#define WORLD_HOSTS_MAX   8
#define HOST_CHILDREN_MAX 64
#define HOST_TRAPS_MAX    16
#define LADDER_LINES_MAX  4000

struct network_faults {
	unsigned loss_percent, duplicate_percent, reorder_percent, corrupt_percent;
	uint64_t delay_ns;
	uint64_t answer_delay_ns; /* of slow questions */
	bool partition;
};

struct sim_child { /* what a plane was told */
	bool in, out;
	struct child_spec spec;
	ike_time in_at, out_at; /* when a packet last passed */
};

struct sim_trap {
	struct child_spec spec; /* reqid 0: none */
	unsigned failed;        /* acquisitions */
};

struct sim_packet {
	struct sim_packet *next;
	ike_time due;
	struct ike_path path; /* as the receiver sees it */
	size_t size;
	uint8_t data[];
};

struct sim_answer {
	struct sim_answer *next;
	ike_time due;
	struct ike_question *question;
};

struct host {
	struct world *world;
	const char *name;
	struct address address;
	struct ike_engine *engine;
	struct crypto *crypto;
	struct random_source random;
	uint64_t random_state;
	struct keys *keys;
	struct sim_answer *answers;
	struct sim_child children[HOST_CHILDREN_MAX];
	struct sim_trap traps[HOST_TRAPS_MAX];
	uint32_t spis;
	unsigned ike_up, ike_down, ike_rekeyed, child_up, child_down, child_rekeyed, failed,
		done_ok, done_failed, dropped;
	char last_failure[1100], last_done[1100];
	uint64_t commands;
};

struct world {
	uint64_t seed, random_state;
	ike_time now;
	struct network_faults faults;
	size_t host_count;
	struct host hosts[WORLD_HOSTS_MAX];
	struct sim_packet *packets;
	uint64_t packets_sent, packets_lost;
	size_t ladder_count;
	char *ladder[LADDER_LINES_MAX];
	const char *broken; /* the first invariant that did not hold */
	char broken_text[300];
};

struct world *world_new(uint64_t seed);
void world_free(struct world *w);

/* A host at an address, with swanctl.conf's text (connections and secrets of type ike). Ends the
 * process with words where the text is wrong. `options` may be NULL. */
struct host *world_host(struct world *w, const char *name, const char *address, const char *config,
	const struct ike_options *options);

void host_initiate(struct host *h, const char *child);
void host_terminate(struct host *h, const char *ike, const char *child);
void host_rekey(struct host *h, const char *ike, const char *child);
void host_trap(struct host *h, const char *child);
void host_untrap(struct host *h, const char *child);
/* A packet met a trap: as its plane would say. */
void host_acquire(
	struct host *h, uint32_t reqid, const struct selector *source, const struct selector *to);
void host_datagram(struct host *h, const struct ike_path *path, struct bytes datagram);

/* Runs until nothing is under way within `limit` of virtual time (packets, answers), or for exactly
 * that long. */
void world_settle(struct world *w, uint64_t limit_ns);
void world_run(struct world *w, uint64_t duration_ns);

/* Counting. */
size_t host_sas(const struct host *h); /* established */
size_t host_half_open(const struct host *h);
size_t host_children(const struct host *h); /* installed in both directions */

/* Both ends of every live child hold the same keys and complementary selectors; false and a text
 * where not. */
bool world_same_keys(struct world *w);

void world_print_ladder(const struct world *w);
uint64_t world_random(struct world *w, uint64_t below);
