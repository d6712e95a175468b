/* What the commands share. */
#pragma once

#include "vici/codec.h"
#include "vici/server.h"

#include <inttypes.h>

#define NS_PER_SECOND   1000000000ull
#define NS_PER_MS       1000000ull
#define VICI_LOG_LINES  200
#define VICI_ERROR_MAX  1024
#define VICI_INPUT_HELD (1u << 20) /* of requests behind a command under way */

enum vici_event_kind {
	VICI_EVENT_LOG,
	VICI_EVENT_CONTROL_LOG,
	VICI_EVENT_LIST_SA,
	VICI_EVENT_LIST_POLICY,
	VICI_EVENT_LIST_CONN,
	VICI_EVENT_LIST_CERT,
	VICI_EVENT_LIST_DOWN,
	VICI_EVENT_LIST_AUTHORITY,
	VICI_EVENT_IKE_UPDOWN,
	VICI_EVENT_IKE_REKEY,
	VICI_EVENT_IKE_UPDATE,
	VICI_EVENT_CHILD_UPDOWN,
	VICI_EVENT_CHILD_REKEY,
	VICI_EVENT_ALERT,
	VICI_EVENTS,
};

extern const char *const vici_event_names[VICI_EVENTS];

/* A command that the engine is carrying out for a session. */
struct vici_pending {
	uint64_t id; /* 0: none */
	enum ike_command_kind kind;
	ike_time deadline;
	uint64_t timeout_ms;
	unsigned level; /* of control-log */
	bool waits;     /* false: it was answered already */
};

struct vici_session {
	struct vici *vici;
	struct vici_session *next;
	vici_deliver_fn *deliver;
	void *context;
	struct vici_stream in;
	struct vici_pending pending;
	uint32_t events; /* bits of enum vici_event_kind */
	bool dead, running;
};

struct vici_authority {
	char *name;
	uint8_t *cacert;
	size_t cacert_size;
	struct vici_authority *next;
};

enum vici_counter {
	COUNTER_IKE_REKEY,
	COUNTER_CHILD_REKEY,
	COUNTER_INVALID,
	COUNTER_MESSAGES, /* then exchange × direction × kind */
	COUNTERS = COUNTER_MESSAGES + 16,
};

struct vici {
	struct vici_host host;
	struct vici_session *sessions;
	struct vici_authority *authorities;
	uint64_t last_id;
	char *lines[VICI_LOG_LINES];
	size_t line_count; /* ever */
	uint64_t counters[COUNTERS];
	uint64_t events_dropped; /* that clients didn't read */
	bool logging;
};

/* A command: answers the session, or leaves a pending command behind. */
typedef void vici_command_fn(struct vici_session *s, const struct tree_node *request);

struct vici_command {
	const char *name;
	vici_command_fn *run;
};

/* Each table ends with a NULL name. */
extern const struct vici_command vici_commands_control[], vici_commands_connections[],
	vici_commands_credentials[], vici_commands_authorities[], vici_commands_pools[],
	vici_commands_sas[], vici_commands_status[];

/* Answers. Exactly one per command. */
void vici_reply_begin(struct vici_buffer *b);
void vici_reply(struct vici_session *s, struct vici_buffer *b); /* empties it */
void vici_reply_empty(struct vici_session *s);
void vici_reply_ok(struct vici_session *s);
void vici_reply_fail(struct vici_session *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Events. vici_emit() gives it to one session, vici_publish() to all that registered. */
void vici_event_begin(struct vici_buffer *b, enum vici_event_kind kind);
bool vici_listens(const struct vici_session *s, enum vici_event_kind kind);
bool vici_anyone_listens(const struct vici *v, enum vici_event_kind kind);
void vici_emit(struct vici_session *s, enum vici_event_kind kind, struct vici_buffer *b);
void vici_publish(struct vici *v, enum vici_event_kind kind, struct vici_buffer *b);

/* SAs as sections. */
void vici_write_ike(struct vici *v, struct vici_buffer *b, const struct ike_sa_view *sa);
const char *vici_mode_name(enum child_mode mode);
void vici_write_child(struct vici *v, struct vici_buffer *b, const struct ike_child_view *child);

/* control.c */
/* Gives the engine a command; the session is answered when that is done. */
void vici_start(
	struct vici_session *s, const struct tree_node *request, struct ike_command *command);
void vici_pending_event(
	struct vici *v, const struct ike_event *event, const char *group, const char *line);
void vici_pending_time_out(struct vici *v);

/* authorities.c */
void vici_authorities_clear(struct vici *v);

/* status.c */
void vici_count(struct vici *v, const struct ike_event *event);
void vici_remember(struct vici *v, const struct vici_log_line *line);

/* The number of a request's key; `otherwise` where it is absent or not one. */
int64_t vici_number(const struct tree_node *request, const char *name, int64_t otherwise);
bool vici_yes(const struct tree_node *request, const char *name);
