/* The tern command: what its parts share. */
#pragma once

#include "cli/client.h"
#include "conf/problems.h"

enum exit_code { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define CLI_SOCKET "/run/tern/vici.sock"

/* What NAME means, where it isn't left to us. */
enum name_kind { NAME_ANY, NAME_IKE, NAME_CHILD };

struct options {
	const char *socket;
	bool json, follow, help, reauth, counters;
	const char *peer_ip, *peer_id; /* NULL: not given */
	enum name_kind kind;
	const char *words[2]; /* the command's argument, "" where none is given */
	size_t word_count;
};

/* Commands of the daemon; `c` is connected. They return an exit code. */
int command_up(struct client *c, const struct options *o);
int command_down(struct client *c, const struct options *o);
int command_trap(struct client *c, const struct options *o);
int command_untrap(struct client *c, const struct options *o);
int command_rekey(struct client *c, const struct options *o);
int command_redirect(struct client *c, const struct options *o);
int command_status(struct client *c, const struct options *o);
int command_counters(struct client *c, const struct options *o); /* status --counters */
int command_conns(struct client *c, const struct options *o);
int command_pools(struct client *c, const struct options *o);
int command_reload(struct client *c, const struct options *o);
int command_log(struct client *c, const struct options *o);
int command_version(struct client *c, const struct options *o);

/* Without a daemon. */
int command_check(const struct options *o);

/* Says what is wrong with the connection to the daemon; returns EXIT_FAILED. */
int cli_failed(const struct client *c);

/* Judges `success` and `errmsg` of a response, and says what failed (as `what`); frees it. Returns an exit code. */
int cli_judge(struct tree *response, const char *what);

/* A control-log event, as a line of progress. */
bool cli_progress(void *context, const char *name, const struct tree_node *message);

/* What a NAME stands for. */
struct target {
	char ike[256], child[256]; /* "" where it isn't meant */
};

#define TARGETS_MAX 64

struct targets {
	struct target list[TARGETS_MAX];
	size_t count;
	char problem[1024]; /* where there is none: why */
};

/* NAME among the configured connections, for `up`: a child, else every child of a connection (or the connection
 * alone, where it has none). Returns 0 or a negative errno of the client; look at `count`. */
int names_configured(struct client *c, const struct options *o, struct targets *ret_targets);
/* NAME among the SAs that exist, for `down` and `rekey`: a child, else a connection. */
int names_active(struct client *c, const struct options *o, struct targets *ret_targets);
