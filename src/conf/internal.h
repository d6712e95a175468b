/* What the files that load a connection share. */
#pragma once

#include "conf/load.h"
#include "conf/schema.h"
#include "crypto/pki.h"

#define PATTERN_CONNECTION "connections.*"
#define PATTERN_LOCAL      "connections.*.local*"
#define PATTERN_REMOTE     "connections.*.remote*"
#define PATTERN_CHILD      "connections.*.children.*"

#define CONNECTION_BYTES_MAX  (4u << 20)
#define CERTIFICATE_BYTES_MAX (256u << 10)
#define ROUNDS_MAX            8
#define ITEMS_MAX             255

/* A connection being built. */
struct loader {
	struct arena *arena;
	const struct conf_sources *sources;
	struct problems *problems;
	const char *file_from,
		*file_copy; /* the last name of a file that was copied into the arena */
	bool failed;        /* memory, or the arena's cap */
};

/* Take memory, noting failure. loader_take(0) is NULL. */
void *loader_take(struct loader *l, size_t size);
const char *loader_text(struct loader *l, struct bytes text);
struct where loader_where(struct loader *l, struct where where);
struct where loader_where_of(struct loader *l, const struct tree_node *section,
	const char *key); /* the key's, or the section's */

/* Between the time to rekey and the end of the life, at least: all retransmissions of one rekeying fit
 * (165 s as the settings have them), so that a peer that is slow to answer doesn't cost the tunnel. */
#define LIFE_MARGIN_S 180

/* The life where none is said: 10 % more than `rekey`, and `margin` more at least; 0: for ever. */
uint64_t loader_life(uint64_t rekey, uint64_t margin);

/* How many items a list or a text with commas has. */
size_t items_count(const struct tree_node *node);

/* "10.0.0.0/8", "a-b", "a..b", "a". */
int range_parse(const char *text, struct address *ret_first, struct address *ret_last);

void load_hosts(struct loader *l, const struct tree_node *section, const char *key,
	struct host_list *ret_hosts);
void load_proposals(struct loader *l, const struct tree_node *section, const char *key,
	uint8_t protocol, struct proposal_list *ret_list);
void load_auth(struct loader *l, const struct tree_node *section, struct auth_round *round);
void load_rounds(struct loader *l, const struct tree_node *section, struct connection *c);
void load_xauth(struct loader *l, struct connection *c); /* after load_rounds() */
void load_vips(struct loader *l, const struct tree_node *section, struct connection *c);
void load_if_ids(struct loader *l, const struct tree_node *section, const char *pattern,
	struct conf_mark *ret_in, struct conf_mark *ret_out);
void load_offload(struct loader *l, const struct tree_node *section, struct child_config *c);
void load_marks(struct loader *l, const struct tree_node *section, struct child_config *c);
void load_child(struct loader *l, const struct tree_node *section, struct child_config *ret_child);
