/* A workload: all that happens in one simulated world, as data made from a seed: hosts and their
 * options, the connections between them, what goes wrong, and a list of timed actions. Data, so that
 * a failing one can be made smaller and run again. */
#pragma once

#include <stdio.h>

#include "sim/world.h"

#define WORKLOAD_SECRET        "sharks-with-lasers-4711"
#define WORKLOAD_HOSTS_MAX     50
#define WORKLOAD_LINKS_MAX     64
#define WORKLOAD_ACTIONS_MAX   64
#define LINK_CHILDREN_MAX      2
#define WORKLOAD_IKEV1_PERCENT 25 /* of the connections */

/* The options of a connection and its children that a workload chooses: rows of a table. */
enum { WORKLOAD_OPTIONS = 22 };

enum action_kind {
	ACT_INITIATE,
	ACT_REKEY_CHILD,
	ACT_REKEY_IKE,
	ACT_REKEY_CHILD_BOTH, /* both ends at once */
	ACT_REKEY_IKE_BOTH,
	ACT_INITIATE_BOTH,
	ACT_SOFT, /* the plane wants a child rekeyed */
	ACT_REAUTHENTICATE,
	ACT_PACKETS,                 /* `value` packets each way */
	ACT_CALM_LAST = ACT_PACKETS, /* what is up to here costs no packet */
	ACT_TERMINATE_CHILD,
	ACT_TERMINATE_IKE,
	ACT_HARD,         /* the plane has ended a child */
	ACT_REFUSE,       /* the plane refuses the next `value` SAs */
	ACT_CRASH,        /* and starts again `value` ms later */
	ACT_SHUTDOWN,     /* likewise, with words of goodbye */
	ACT_CUT,          /* the link for `value` ms */
	ACT_REBIND,       /* the NAT box forgets */
	ACT_MOVE,         /* the host, or the NAT box before it, gets another address */
	ACT_JUMP,         /* the host's clock leaps by `value` ms */
	ACT_RELOAD,       /* option `value` % WORKLOAD_OPTIONS of the connection changes */
	ACT_UNLOAD,       /* the connection is taken away, and back `value` ms later */
	ACT_REDIRECT,     /* whoever began is sent to the other's second address */
	ACT_REDIRECT_NEW, /* likewise whoever begins, for `value` ms */
	ACT_REPLAY,       /* the attacker sends `value` recordings to the host */
	ACT_ATTACKS = ACT_REPLAY,
	ACT_FLOOD, /* and IKE_SA_INIT of nobody's */
	ACT_ALTER, /* and recordings that it has altered */
	ACTION_KINDS
};

struct action {
	bool gone; /* taken away by the shrinker */
	enum action_kind kind;
	uint64_t at_ms;
	uint8_t link, side; /* whose connection; the host is the link's */
	uint32_t value;
};

struct workload_host {
	bool gone;
	bool nat;    /* behind a box of its own */
	bool mobile; /* others know it by name, and its address changes */
	bool second; /* it has another address beside */
	bool limits; /* some of its options are at their limits */
	uint32_t nat_expire_s;
	struct ike_options options;
};

struct workload_link {
	bool gone;
	uint8_t host[2];
	uint8_t children;
	bool transport;  /* its only child is in transport mode */
	bool ikev1;      /* both ends speak that */
	bool aggressive; /* in its aggressive mode */
	bool virtual;    /* host[1] has its address of host[0]'s pool; only it begins */
	uint8_t choices[2][WORKLOAD_OPTIONS]; /* of either side; 0: the default */
};

struct workload {
	uint64_t seed;
	bool calm; /* nothing is lost and nobody closes anything: no packet may get lost */
	bool attacked, rushed; /* by whom: attacker.c */
	uint64_t duration_ms;
	struct network_faults faults;
	size_t host_count;
	struct workload_host hosts[WORKLOAD_HOSTS_MAX];
	size_t link_count;
	struct workload_link links[WORKLOAD_LINKS_MAX];
	size_t action_count;
	struct action actions[WORKLOAD_ACTIONS_MAX];
};

void workload_make(struct workload *p, uint64_t seed);
/* Another part of its connections speaks IKEv1. */
void workload_versions(struct workload *p, unsigned percent);

/* swanctl.conf's text of one host, with the choices as they are in `p`; `redirects`: those who begin
 * are sent to its second address. */
void workload_config(const struct workload *p, size_t host, bool redirects, char *out, size_t size);
/* What one side's configuration says: its choice, unless the other's or the kind of link forbids. */
const char *workload_value(const struct workload_link *l, unsigned side, unsigned option);
const char *workload_choice(const struct workload_link *l, unsigned side, const char *key);
const char *workload_option(unsigned option, bool *ret_child); /* its key */
unsigned workload_values(unsigned option);                     /* how many choices a row has */
bool workload_allows(const struct workload *p, unsigned option, unsigned choice);

/* Where hosts are. */
#define WORKLOAD_ADDRESS "192.0.2.%zu" /* its number and 1, its second one: and 101 */
#define WORKLOAD_POOL    "10.%zu.0.%u" /* of a link, its number and 100 */

/* In words: what somebody needs who wants to see it happen again. */
void workload_print(const struct workload *p, FILE *out);

/* What happened in a run, beside the actions. */
enum {
	HAPPENED_IKE_UP,
	HAPPENED_IKE_REKEYED,
	HAPPENED_REAUTHENTICATED,
	HAPPENED_REDIRECTED,
	HAPPENED_RESUMED,
	HAPPENED_CHILD_UP,
	HAPPENED_CHILD_REKEYED,
	HAPPENED_MOVED,
	HAPPENED_INACTIVE,
	HAPPENED_LEASES,
	HAPPENED_COOKIES,
	HAPPENED_LOST_STATE,
	HAPPENED_ATTACKS,
	HAPPENED_KINDS
};

extern const char *const workload_action_words[ACTION_KINDS];
extern const char *const workload_happened_words[HAPPENED_KINDS];

/* What a run gave. */
struct outcome {
	bool failed;
	char why[300];
	double simulated_s;
	uint64_t rekeyings, packets, lost, flow, flow_lost;
	uint64_t acted[ACTION_KINDS], happened[HAPPENED_KINDS];
};

/* Runs it; the ladder goes to stderr where `show`. */
void workload_run(const struct workload *p, bool show, struct outcome *ret);

/* Takes away whatever isn't needed for the same complaint. */
void workload_shrink(struct workload *p, const struct outcome *failure);

/* How many workloads had what, for the summary. */
enum { FEATURE_KINDS = 16 };
extern const char *const workload_feature_words[FEATURE_KINDS];
void workload_count(const struct workload *p, uint64_t counts[static FEATURE_KINDS]);
