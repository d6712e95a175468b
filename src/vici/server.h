/* VICI without a socket: what the daemon lends it, sessions that take bytes and give records. One thread, and never
 * while the engine's outputs are being drained, vici_event() and vici_log() aside. */
#pragma once

#include "crypto/crypto.h"
#include "esp/esp.h"
#include "keys/keys.h"
#include "tern/ike.h"

#include <time.h>

struct vici;
struct vici_session;
struct vici_buffer;

/* Takes one counter; those of a section come one after the other. */
typedef void vici_counter_fn(void *to, const char *section, const char *name, uint64_t value);

/* What VICI needs of the daemon. All lent; `crypto` is the loop's. */
struct vici_host {
	struct ike_engine *engine;
	struct keys *keys;
	struct crypto *crypto;
	bool user_space; /* ESP is user space's */
	time_t started_at;
	uint64_t first_id; /* of commands: those below are the daemon's own */

	void *context;
	ike_time (*now)(void *context);
	void (*command)(void *context, const struct ike_command *command); /* may tell at once */
	void (*credentials_changed)(void *context);
	int (*reload)(void *context);          /* the directory: 0 or a negative errno */
	int (*reload_settings)(void *context); /* likewise */
	int (*child_stats)(void *context, uint32_t child_id, struct esp_child_stats *ret_stats);
	int (*trap_stats)(void *context, uint32_t reqid, struct esp_trap_stats *ret_stats);
	/* What the daemon counts beside messages: in this order always; and all from 0 again. */
	void (*counters)(void *context, vici_counter_fn *each, void *to);
	void (*counters_reset)(void *context);
	void *later_context;
	void (*later)(void *later_context); /* to call vici_run() soon, from the loop */
};

struct vici *vici_new(const struct vici_host *host); /* NULL where memory ran out */
void vici_close(struct vici *v);                     /* its sessions are freed before */

/* Whatever the engine told. `group` and `line`: how the log puts it, for control-log; the log itself comes by
 * vici_log(). */
void vici_event(struct vici *v, const struct ike_event *event, const char *group, const char *line);

struct vici_log_line {
	const char *group, *ike_name, *text;
	uint8_t level;
	uint32_t ike_id;
};

/* Lines that no event made. */
void vici_log(struct vici *v, const struct vici_log_line *line);

/* Requests that came behind a command that took its time; and commands whose time is over. */
void vici_run(struct vici *v);
ike_time vici_deadline(const struct vici *v); /* when vici_run() is due; IKE_TIME_NEVER: not */

/* Takes a finished record (the buffer is emptied). `event`: nobody waits for it, it may be dropped where the client
 * doesn't read. Returns false where the client is gone or too slow. Must not free the session. */
typedef bool vici_deliver_fn(void *context, struct vici_buffer *record, bool event);

struct vici_session *vici_session_new(struct vici *v, vici_deliver_fn *deliver, void *context);
void vici_session_free(struct vici_session *s);
bool vici_session_dead(const struct vici_session *s); /* after vici_run(): to be closed */

/* Bytes from the client. Returns 0, or a negative errno: the client breaks the protocol and is to be closed. */
int vici_session_receive(struct vici_session *s, struct bytes received);
