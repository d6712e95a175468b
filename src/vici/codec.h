/* VICI's bytes: records, packets and messages, for the server and for clients. */
#pragma once

#include "conf/tree.h"

#define VICI_RECORD_MAX (512u * 1024) /* a packet, without the 4 octets of its length */
#define VICI_NAMED_MAX  8192          /* elements with a name, and ends, in one message */
#define VICI_DEPTH_MAX  15

enum vici_packet_type {
	VICI_CMD_REQUEST = 0,
	VICI_CMD_RESPONSE = 1,
	VICI_CMD_UNKNOWN = 2,
	VICI_EVENT_REGISTER = 3,
	VICI_EVENT_UNREGISTER = 4,
	VICI_EVENT_CONFIRM = 5,
	VICI_EVENT_UNKNOWN = 6,
	VICI_EVENT = 7,
};

enum vici_element {
	VICI_SECTION_START = 1,
	VICI_SECTION_END = 2,
	VICI_KEY_VALUE = 3,
	VICI_LIST_START = 4,
	VICI_LIST_ITEM = 5,
	VICI_LIST_END = 6,
};

struct vici_packet {
	uint8_t type;
	char name[256];       /* "" of unnamed types */
	struct bytes message; /* a view */
};

/* Returns 0, or -EBADMSG: unknown type, bad name, or a message where none may be. */
int vici_packet_decode(struct bytes record, struct vici_packet *ret_packet);

/* Strict: every section and list ends, lists don't nest, only sections' names may be
 * empty. Returns 0 and a tree, -EBADMSG, or -ENOMEM where a limit of the tree was reached. */
int vici_message_decode(struct bytes message, struct tree **ret_tree);

/* A record that grows while it is written; zeroed is empty. `failed` stays set after what can't be said: memory ran
 * out, a name or value too long, an end without its start, a record over the limit. */
struct vici_buffer {
	uint8_t *data;
	size_t size, room;
	unsigned depth;
	bool in_list, failed;
};

void vici_begin(struct vici_buffer *b, enum vici_packet_type type, const char *name);
/* The whole record with its length, ready to be sent. False where it failed. */
bool vici_finish(struct vici_buffer *b);
void vici_free(struct vici_buffer *b); /* wipes */

void vici_section(struct vici_buffer *b, const char *name);
void vici_section_end(struct vici_buffer *b);
void vici_bytes(struct vici_buffer *b, const char *name, struct bytes value);
void vici_text(struct vici_buffer *b, const char *name, const char *value); /* NULL: left out */
void vici_printf(struct vici_buffer *b, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void vici_bool(struct vici_buffer *b, const char *name, bool value); /* yes, no */
void vici_list(struct vici_buffer *b, const char *name);
void vici_item(struct vici_buffer *b, struct bytes value);
void vici_item_text(struct vici_buffer *b, const char *value);
void vici_list_end(struct vici_buffer *b);

/* Takes records from a stream. Memory grows with what has arrived, not with what a length promises. */
struct vici_stream {
	uint8_t *data;
	size_t size, room, at;
};

/* Returns 0, -EMSGSIZE where a record is announced that is too long, or -ENOMEM. */
int vici_stream_add(struct vici_stream *s, struct bytes received);
/* The next whole record, valid until the next call. False: more is needed. */
bool vici_stream_next(struct vici_stream *s, struct bytes *ret_record);
/* Whether what comes next has a length over the limit. */
bool vici_stream_broken(const struct vici_stream *s);
void vici_stream_free(struct vici_stream *s); /* wipes */
