/* A connection from a section of a tree: immutable, with every default filled in. */
#pragma once

#include "conf/problems.h"
#include "conf/tree.h"
#include "crypto/crypto.h"

/* Where names of files lead. */
struct conf_sources {
	struct crypto *crypto; /* to read certificates; borrowed */
	const char *directory; /* swanctl's layout: x509/, x509ca/, pubkey/ in it. NULL for VICI:
				  lists hold the data */
	bool user_space;       /* ESP is user space's: what only the kernel can do is an error */
};

/* `section` is the connection's: its name is the connection's name. Returns 0 and a connection with
 * one reference, or -EINVAL with errors among the problems (it may add warnings either way), or
 * -ENOMEM. */
int conf_load_connection(const struct tree_node *section, const struct conf_sources *sources,
	struct problems *problems, struct connection **ret_connection);

/* Parts, for others and for tests. Where they fail they return -EINVAL with words in `problem`, and
 * leave the rest alone. */

/* An identity as written: "%any", "moon.example", "@moon", "@#6d6f6f6e", "a@b", "10.0.0.1", "C=CH,
 * CN=moon", "keyid:…", "fqdn:…", "{11}:…". Memory from the arena. */
int conf_identity_parse(struct arena *arena, const char *text, struct identity *ret_id,
	char *problem, size_t problem_size);

/* "aes256-sha256-modp2048" of PROTOCOL_IKE or PROTOCOL_ESP. The number in *ret_proposal is 1. */
int conf_proposal_parse(const char *text, uint8_t protocol, struct proposal *ret_proposal,
	char *problem, size_t problem_size);

/* What the keyword "default" stands for: returns the count of texts, AEAD first. */
size_t conf_proposal_defaults(uint8_t protocol, const char *const **ret_texts);

/* Weak algorithms in a proposal, as words with their reason; false where there are none. */
bool conf_proposal_weak(const struct proposal *p, char *out, size_t out_size);

/* "10.1.0.0/16[tcp/80]", "dynamic[udp]", "10.0.0.1-10.0.0.9", "10.0.0.1..10.0.0.9". */
int conf_selector_parse(
	const char *text, struct conf_selector *ret_selector, char *problem, size_t problem_size);

/* "192.0.2.1", "192.0.2.0/24", "192.0.2.1-192.0.2.9", "moon.example", "%any". `text` isn't set. */
int conf_host_parse(
	const char *text, struct host_pattern *ret_host, char *problem, size_t problem_size);
