/* The engine's inside: what the inputs touch and where outputs gather. */
#pragma once

#include "base/arena.h"
#include "base/table.h"
#include "base/timer.h"
#include "tern/ike.h"

struct ike_sa;
struct child_sa;
struct exchange;
struct supervised;
struct trap;
struct pool;

#define CONNECTIONS_STEP 16

/* A cookie secret and the one before it: RFC 7296 §2.6. */
struct cookie_secrets {
	uint8_t version;
	uint8_t secret[2][32];
	ike_time changed_at;
	bool ready;
};

#define PENDING_COMMANDS 64

/* A command that began several things and waits for the last. */
struct pending_command {
	uint64_t id; /* 0: free */
	uint32_t remaining, matches;
	bool ok;
	char text[1000];
};

/* What goes by the name of a connection, whatever was loaded under it since. */
struct named {
	struct ike_sa *sas;            /* the newest first; next_named */
	struct supervised *supervised; /* NULL: not loaded */
};

struct ike_engine {
	struct ike_options options;
	ike_time now;
	struct timers timers;

	struct table *by_spi;      /* our SPI -> SA; that of one being made -> the one before */
	struct table *by_init;     /* initiator's SPI and endpoint -> half-open SA that we answer */
	struct table *by_question; /* id -> exchange */
	struct table *by_path_question; /* id -> SA that stands and asks for its path */
	struct table *by_name;          /* of a connection -> struct named */
	struct table *by_peer;          /* identities -> SAs: peers.h */
	uint8_t peers_seed[16];
	struct table *by_ike_id, *by_child_id; /* their ids -> SAs and children */
	struct ike_sa *sas;                    /* all, newest first */
	struct ike_sa *doomed;                 /* those of them that the reaper takes */
	struct child_sa *buried;               /* children that are gone, until the drain is over */
	struct table *half_open_by_address;
	uint32_t half_open;

	const struct connection **connections;
	size_t connection_count;
	size_t connection_room;
	struct bytes certreqs;
	struct bytes ca_names;   /* likewise, in IKEv1 */
	struct pool *pools;      /* of virtual addresses, in order of loading */
	struct tickets *tickets; /* RFC 5723; NULL until there is one */

	struct trap *traps;
	uint32_t last_ike_id, last_child_id, last_reqid, last_mark, last_if_id;
	uint64_t last_question;
	struct cookie_secrets cookies;
	ike_time cookies_told_at;
	ike_time invalid_spi_at;  /* limits how often we look into one */
	ike_time stray_filled_at; /* of what limits errors outside any SA */
	uint32_t stray_tokens;
	uint64_t shutdown_command;
	bool shutting_down;
	bool ending; /* from then on nothing new begins */
	struct timer shutdown_timer;
	struct supervised *supervised;
	struct supervised *touched; /* to be looked at when the input ends */
	struct pending_command pending[PENDING_COMMANDS];

	struct arena *output_arena; /* what outputs point to; ends with the next input */
	struct ike_output *outputs;
	size_t output_count, output_room, output_at;

	struct ike_stats stats;
};

/* Outputs. Texts and bytes are copied. */
void engine_send(struct ike_engine *e, const struct ike_path *path, struct bytes datagram);
void engine_operate(struct ike_engine *e, const struct ike_operation *operation);
void engine_ask(struct ike_engine *e, const struct ike_question *question);
void engine_unask(
	struct ike_engine *e, uint64_t id); /* its exchange ended before the host saw it */
void engine_tell(struct ike_engine *e, const struct ike_event *event);
void *engine_take(struct ike_engine *e, size_t size); /* memory that ends with the next input */

/* Connections. */
const struct connection *engine_connection(const struct ike_engine *e, const char *name);
void engine_load(struct ike_engine *e, const struct connection *connection);
bool engine_unload(struct ike_engine *e, const char *name);

/* Never NULL where `make`; else NULL where nothing has the name. */
struct named *engine_named(struct ike_engine *e, const char *name, bool make);
void engine_named_drop(struct ike_engine *e, const char *name); /* where nothing is left in it */
/* The first IKE SA of a connection by its name; sa->next_named are the others. */
struct ike_sa *engine_sas(const struct ike_engine *e, const char *name);

uint64_t engine_new_spi(struct ike_engine *e);
uint32_t engine_reqid(const struct ike_sa *sa, const struct child_config *config);
void engine_reap(struct ike_engine *e);
