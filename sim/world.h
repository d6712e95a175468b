/* A world for stories and the simulator: hosts of libike and of the user-space ESP plane in virtual
 * time, with a network of lossy links and NAT boxes between them. Everything follows from the
 * seed. */
#pragma once

#include "esp/esp.h"
#include "keys/keys.h"
#include "sim/memory.h"
#include "tern/ike.h"

#define WORLD_HOSTS_MAX    64
#define WORLD_NATS_MAX     64
#define HOST_CHILDREN_MAX  256
#define HOST_ADDRESSES_MAX 8
#define HOST_TRAPS_MAX     64
#define HOST_VIRTUALS_MAX  8
#define WORLD_NAMES_MAX    64
#define LADDER_LINES_MAX   4000

/* What goes wrong between two hosts, and with the answers to a host's questions. */
struct network_faults {
	unsigned loss_percent, duplicate_percent, reorder_percent, corrupt_percent;
	uint64_t delay_ns;
	uint64_t answer_delay_ns;  /* of slow questions */
	uint64_t answer_jitter_ns; /* and each up to so much later: out of order */
	unsigned answer_never_percent, answer_no_percent; /* of slow questions */
	unsigned mtu;   /* bigger IP packets are lost; 0: none is too big */
	bool partition; /* nothing passes */
	bool spare_esp; /* only IKE gets lost */
};

/* What happens to one datagram of IKE: the nth that is sent, from 1; 0: none. */
struct network_fate {
	unsigned nth;
	bool lost;
	uint64_t later_ns; /* it travels so much longer */
	uint64_t copy_ns;  /* a copy comes so much after it; 0: none */
};

struct sim_child { /* what a plane was told */
	bool in, out;
	struct child_spec spec;
	uint32_t sequence;      /* last sent */
	ike_time in_at, out_at; /* when a packet last passed, where later than the plane knows */
};

struct sim_flow { /* a packet of host_packet() */
	const struct host *from;
	struct address to;
	ike_time sent_at;
	bool delivered;
};

struct sim_trap {
	struct child_spec spec; /* reqid 0: none */
	unsigned failed;        /* acquisitions */
};

struct sim_virtual { /* an address that a peer gave */
	struct address address;
	ike_time since;
	unsigned users;
};

/* What came with them last; empty when it was taken back. */
struct sim_unity {
	char domain[256], split_dns[1024];
	struct selectors local_lan;
};

struct sim_use { /* a question to the plane, answered when the outputs are drained */
	uint64_t id;
	uint32_t child_id;
};

struct sim_name { /* in the DNS */
	char name[64];
	struct address address;
};

struct host;

enum sim_carries { CARRIES_IKE, CARRIES_ESP, CARRIES_ESP_IN_UDP };

struct sim_packet {
	struct sim_packet *next;
	ike_time due;
	enum sim_carries carries;
	struct host *from;
	bool attack;          /* not sent by `from`, though it may look so */
	struct ike_path path; /* as the receiver's side of the network sees it */
	size_t size;
	uint8_t data[];
};

struct sim_answer {
	struct sim_answer *next;
	ike_time due;
	bool never, no;
	struct ike_question *question;
};

struct sim_kernel_event {
	struct sim_kernel_event *next;
	struct ike_kernel_event event;
};

/* A NAT box: whoever is behind it sends from `outside` and a port of the box's choice. A mapping is
 * kept for as long as it is used (its port is the same for every peer), and forgotten `expire_ns`
 * after its last packet. */
struct nat_mapping {
	struct host *host;
	struct endpoint inside;
	uint16_t port;  /* outside */
	bool forwarded; /* for ever */
	ike_time used_at;
	size_t peer_count; /* whom it sent to, the last of them */
	struct endpoint peers[8];
};

struct nat {
	struct world *world;
	struct address outside;
	uint64_t expire_ns;
	bool strict; /* only those it sent to may answer; else whoever knows the port */
	uint16_t last_port;
	size_t mapping_count;
	struct nat_mapping mappings[64];
};

/* What events told, beside what their kind says. */
enum {
	NOTE_REAUTHENTICATED,
	NOTE_REDIRECTED,
	NOTE_RESUMED,
	NOTE_INACTIVE,
	NOTE_LEASED,
	NOTE_COOKIE,
	NOTE_LOST_STATE,
	NOTE_KINDS
};

struct host_traffic { /* packets of host_packet(), as their sender or receiver counts them */
	uint64_t sent, delivered, clear;
	uint64_t dropped; /* by the sender's or the receiver's plane */
};

struct host {
	struct world *world;
	size_t number; /* in world->hosts */
	const char *name;
	struct address address; /* the first of `addresses` */
	size_t address_count;
	struct address addresses[HOST_ADDRESSES_MAX];
	struct nat *behind; /* NULL: it has its addresses to itself */
	char *config;
	struct ike_options options;
	struct ike_engine *engine; /* NULL while it is down */
	struct memory memory;      /* that the engine holds */
	struct esp *esp;
	uint64_t clock_ahead_ns; /* of the world's */
	struct crypto *crypto;
	struct random_source random;
	uint64_t random_state;
	uint64_t fault_state;               /* of its answers' faults */
	uint64_t to_state[WORLD_HOSTS_MAX]; /* of what it sends to each; 0: not begun */
	struct keys *keys;
	struct sim_answer *answers;
	struct sim_kernel_event *kernel_events;
	bool refused;             /* something was, so that its engine may be wrong for a moment */
	unsigned refuse_installs; /* how many of the next inbound SAs the plane refuses */
	size_t children_used;     /* of `children`, all that is in use is below */
	struct sim_child children[HOST_CHILDREN_MAX];
	struct sim_trap traps[HOST_TRAPS_MAX];
	struct sim_virtual virtuals[HOST_VIRTUALS_MAX];
	struct sim_unity unity;
	bool plane_release;  /* an outbound SA came: packets may wait for it */
	ike_time release_at; /* and until then, as the peer asked for it; 0: no longer */
	size_t use_count;
	struct sim_use uses[HOST_CHILDREN_MAX];
	struct host_traffic traffic;
	unsigned ike_up, ike_down, ike_rekeyed, ike_replaced, child_up, child_down, child_rekeyed,
		ike_updated, failed, done_ok, done_failed, dropped;
	unsigned notes[NOTE_KINDS];
	char last_failure[1100], last_done[1100];
	uint64_t commands;
};

struct world {
	bool unchecked; /* a benchmark: nobody counts after each step */
	uint64_t seed, random_state, crypto_state;
	struct attacker *attacker; /* NULL: nobody attacks */
	ike_time now;
	struct network_faults faults; /* of every link without faults of its own */
	struct network_faults
		*links[WORLD_HOSTS_MAX][WORLD_HOSTS_MAX]; /* by the lower number first */
	struct network_fate fate;
	unsigned ike_sent; /* datagrams, since it was set to 0: what the fate counts by */
	size_t host_count;
	struct host *hosts[WORLD_HOSTS_MAX];
	size_t nat_count;
	struct nat *nats[WORLD_NATS_MAX];
	size_t cut_count;
	struct address cut[HOST_ADDRESSES_MAX]; /* nothing comes from or gets to these */
	size_t name_count;
	struct sim_name names[WORLD_NAMES_MAX];
	struct sim_packet *packets;
	uint64_t packets_sent, packets_lost;
	uint64_t flow_count, flow_room; /* packets of host_packet() */
	struct sim_flow *flow;          /* by number */
	size_t key_count, key_room;
	uint64_t *keys_used;               /* digests of the keys that were sent with */
	size_t ladder_count, ladder_lines; /* of the last ones, which are kept; of all */
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
void host_initiate_ike(struct host *h, const char *ike); /* with all of its children */
void host_terminate(struct host *h, const char *ike, const char *child);
void host_redirect(struct host *h, const char *ike, const char *gateway);
void host_reauthenticate(struct host *h, const char *ike);
void host_rekey(struct host *h, const char *ike, const char *child);
void host_shutdown(struct host *h); /* its engine says goodbye to all */
void host_trap(struct host *h, const char *child);
void host_untrap(struct host *h, const char *child);
/* A packet met a trap: as its plane would say. */
void host_acquire(
	struct host *h, uint32_t reqid, const struct selector *source, const struct selector *to);
void host_datagram(struct host *h, const struct ike_path *path, struct bytes datagram);

/* Loads another configuration as ternd's reload does: what is as it was isn't touched, what the
 * text hasn't is unloaded. */
void host_reload(struct host *h, const char *config);

/* A crash: engine, plane and pending answers are gone without a word. A restart begins anew with
 * the configuration and the address that the host has. */
void host_crash(struct host *h);
void host_restart(struct host *h);

/* The host's clock runs ahead of everybody else's by this much more from now on: it slept. */
void host_jump(struct host *h, uint64_t ahead_ns);

/* Something that the host's kernel has to say; given to the engine at once where no output is being
 * drained, so not from within. `child_id` etc. as in struct ike_kernel_event. */
void host_kernel(struct host *h, const struct ike_kernel_event *event);

/* Addresses. Setting one takes all others away. */
void host_set_address(struct host *h, const char *address);
void host_add_address(struct host *h, const char *address);
void host_remove_address(struct host *h, const char *address);

/* What a name in remote_addrs resolves to from now on, or also resolves to; unknown names don't
 * resolve. */
void world_name(struct world *w, const char *name, const char *address);
void world_name_also(struct world *w, const char *name, const char *address);

/* Links. world_link() gives a pair of hosts faults of its own, at first the world's. */
struct network_faults *world_link(struct world *w, const struct host *a, const struct host *b);
void world_cut(struct world *w, const struct host *a, const struct host *b, bool cut);
void world_cut_address(struct world *w, const char *address, bool cut); /* of a path to a host */

/* NAT boxes. `expire_ns` 0: mappings are kept. */
struct nat *world_nat(struct world *w, const char *outside, uint64_t expire_ns);
void host_behind(struct host *h, struct nat *nat); /* NULL: in the open again */
void nat_rebind(struct nat *nat);                  /* forgets all mappings: new ports from now on */
void nat_set_outside(struct nat *nat, const char *outside);       /* its provider gave it another */
void nat_forward(struct nat *nat, struct host *h, uint16_t port); /* the same port outside and in */

/* An IP packet (UDP inside) handed to the host's plane: sent over a Child SA whose selectors fit,
 * dropped where there are policies without an SA, counted as in the clear where no policy fits.
 * Addresses as text, IPv4 or IPv6. */
void host_packet(struct host *h, const char *from, const char *to);
/* Packets of all hosts that nobody received and that are on no link any more: settle first. */
uint64_t world_lost_packets(const struct world *w);

/* Runs until nothing is under way within `limit` of virtual time (packets, answers), or for exactly
 * that long. */
void world_settle(struct world *w, uint64_t limit_ns);
void world_run(struct world *w, uint64_t duration_ns);

/* Counting. */
size_t host_sas(const struct host *h); /* established */
size_t host_half_open(const struct host *h);
/* An IKEv1 SA without children whose peer didn't say, or wasn't heard to say, that it can be asked whether
 * it lives: where the peer has forgotten it, that is found out when something is wanted of it. */
bool host_cannot_ask(const struct host *h, uint32_t sa_id);
size_t host_virtuals(const struct host *h); /* addresses that peers gave */
ike_time host_virtual_since(const struct host *h, const struct address *a); /* 0: it isn't there */
size_t host_children(const struct host *h); /* installed in both directions */

/* Both ends of every live child hold the same keys and complementary selectors; false and a text
 * where not. */
bool world_same_keys(struct world *w);

void world_print_ladder(const struct world *w);
uint64_t world_random(struct world *w, uint64_t below);

/* An attacker without keys, from now on: see attacker.c. */
void world_attacker(struct world *w);
void attacker_rushes(struct world *w, bool yes); /* old responses overtake true ones */
void attacker_replays(struct host *to, unsigned count);
void attacker_floods(struct host *to, unsigned count);
void attacker_alters(struct host *to, unsigned count);
uint64_t attacker_sent(const struct world *w); /* datagrams of its own; 0 where there is none */
