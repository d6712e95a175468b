/* One connection of the configuration, as the core uses it: immutable once loaded, reference
 * counted; an SA keeps the one it was born with. All memory is in its arena. */
#pragma once

#include "base/address.h"
#include "base/arena.h"
#include "tern/child.h"
#include "wire/wire.h"

/* Where something was said. `file` is "vici" and line 0 for what came over the socket. */
struct where {
	const char *file;
	unsigned line;
};

/* The line to name: that of the key where it was said, else that of what it belongs to. */
static inline struct where where_said(struct where key, struct where section)
{
	return key.file ? key : section;
}

/* A local or remote address as configured. */
struct host_pattern {
	const char *text; /* as written */
	enum { HOST_ANY, HOST_NAME, HOST_ADDRESS, HOST_RANGE } kind;
	struct address first,
		last; /* HOST_ADDRESS: equal; HOST_RANGE: inclusive (also of a subnet) */
};

struct host_list {
	size_t count; /* 0 means %any */
	const struct host_pattern *list;
};

/* One configured proposal. `given` is one wire proposal with all its transforms in order of
 * preference; AEAD and MAC ciphers never stand in the same one (a text that mixes them is an error
 * with a remedy). */
struct conf_proposal {
	struct proposal given;
	const char *text; /* "aes128gcm16-prfsha256-x25519" or "default" */
	struct where where;
};

struct proposal_list {
	size_t count;
	const struct conf_proposal *list;
};

enum auth_class {
	AUTH_CLASS_ANY = 0,
	AUTH_CLASS_PSK = 1,
	AUTH_CLASS_PUBKEY = 2,
	AUTH_CLASS_EAP = 3,
	AUTH_CLASS_XAUTH = 4
};

struct identity {
	uint8_t type; /* enum id_type; 0: any (not configured, or %any) */
	struct bytes value;
	const char *text;
	bool wildcard; /* a '*' in an FQDN/RFC822 label or in RDN values of a DN: match with
			  conf_id_match() */
};

#define SIGNATURE_FORMS_MAX 8

/* Kinds of keys, by what IKEv1 calls a method of authentication. */
enum conf_keys {
	CONF_KEYS_RSA = 1,
	CONF_KEYS_ECDSA_256 = 2,
	CONF_KEYS_ECDSA_384 = 4,
	CONF_KEYS_ECDSA_521 = 8,
	CONF_KEYS_OTHER = 16,
};

/* One authentication round of one side (local-X or remote-X). */
struct auth_round {
	const char *name; /* the section: "local-1" */
	struct where where, where_auth, where_id;
	enum auth_class class;
	const char *auth_text;
	uint8_t key_type;  /* enum key_type; 0: any */
	unsigned min_bits; /* of the key; 0: any */
	size_t hash_count; /* allowed (remote) or preferred (local) signature hashes; 0: any */
	uint8_t hashes[SIGNATURE_FORMS_MAX];
	bool pss; /* rsa/pss: RSA only as PSS */
	struct identity id;
	const char *xauth_id; /* local, with XAuth: the user; NULL: not given */
	size_t cert_count;    /* local: ours, the first that fits is used; remote: the peer must use
				one of them */
	struct bytes *certs;  /* DER */
	size_t cacert_count;  /* remote: the chain must end in one of them */
	struct bytes *cacerts; /* DER */
	size_t pubkey_count;   /* raw public keys, DER SubjectPublicKeyInfo */
	struct bytes *pubkeys;
	uint8_t keys; /* enum conf_keys by which a signature may be made: of `certs` and `pubkeys`
			 where they are named, and as `auth` allows */
};

/* A configured traffic selector; `dynamic` stands for the (virtual) address of its side. */
struct conf_selector {
	bool dynamic;
	struct selector selector; /* with dynamic: protocol and ports only */
	const char *text;
	struct where where;
};

enum child_action {
	CHILD_ACTION_NONE = 0,
	CHILD_ACTION_TRAP = 1,
	CHILD_ACTION_START = 2,
	CHILD_ACTION_TRAP_START = 3,
	CHILD_ACTION_CLEAR = 0
};

/* A mark, or the ID of an interface, which has no mask. */
struct conf_mark {
	enum {
		CONF_MARK_FIXED = 0,
		CONF_MARK_UNIQUE, /* another for each child, or each IKE SA; the same both ways */
		CONF_MARK_UNIQUE_DIR, /* and another for each direction */
		CONF_MARK_SAME,       /* the value of the mark that was asked for */
	} kind;
	uint32_t value, mask;
};

struct conf_marks {
	struct conf_mark in, out, set_in, set_out;
	bool in_sa;
	struct conf_mark if_id_in, if_id_out; /* FIXED and 0: the connection's */
};

struct child_config {
	const char *name;
	struct where where;
	struct proposal_list esp_proposals;
	struct where where_proposals;
	size_t local_ts_count, remote_ts_count;
	const struct conf_selector *local_ts, *remote_ts; /* at least one each; default dynamic */
	struct where where_local_ts, where_remote_ts;
	enum child_mode mode;
	uint64_t rekey_time_s, life_time_s,
		rand_time_s; /* 0: never; rekeying happens at rekey - random(0, rand) */
	uint64_t rekey_bytes, life_bytes, rand_bytes, rekey_packets, life_packets, rand_packets;
	uint8_t start_action, dpd_action, close_action; /* enum child_action */
	uint64_t inactivity_s;
	const char *updown; /* NULL: none */
	uint32_t reqid, priority, replay_window, tfc_padding;
	enum copy_df copy_df;
	bool copy_ecn;
	enum copy_dscp copy_dscp;
	bool install_policies; /* `policies` */
	bool forward_out;      /* `policies_fwd_out` */
	enum child_offload offload;
	struct conf_marks marks;
};

enum conf_fragmentation {
	FRAGMENTATION_YES = 0,
	FRAGMENTATION_ACCEPT = 1,
	FRAGMENTATION_FORCE = 2,
	FRAGMENTATION_NO = 3
};
enum conf_send_cert { SEND_CERT_IFASKED = 0, SEND_CERT_ALWAYS = 1, SEND_CERT_NEVER = 2 };
enum conf_childless {
	CHILDLESS_ALLOW = 0,
	CHILDLESS_FORCE = 1,
	CHILDLESS_NEVER = 2,
	CHILDLESS_PREFER = 3
};
enum conf_unique { UNIQUE_NO = 0, UNIQUE_NEVER = 1, UNIQUE_KEEP = 2, UNIQUE_REPLACE = 3 };

struct connection {
	struct arena *arena;
	unsigned references; /* of the engine's thread only */
	const char *name;
	struct where where;
	uint8_t version; /* 0 any, 1, 2 */
	struct host_list local_addrs, remote_addrs;
	uint16_t local_port, remote_port; /* 500 unless given */
	struct proposal_list proposals;
	struct where where_proposals;
	size_t local_count, remote_count;
	const struct auth_round *local, *remote; /* at least one each, in order of `round` */
	size_t child_count;
	const struct child_config *children;
	bool encap; /* force UDP encapsulation by faking a NAT */
	bool mobike, resumption, send_certreq, rekey_on_demand;
	bool aggressive; /* IKEv1: we begin with aggressive mode, and answer it */
	struct where where_aggressive;
	uint8_t fragmentation, send_cert, unique, childless;
	struct where where_childless;
	uint8_t dscp;
	bool follow_redirects;
	struct gateway redirect_to; /* where its peers are sent; type 0: nowhere */
	uint32_t keyingtries;       /* 0: for ever */
	uint64_t rekey_time_s, reauth_time_s, over_time_s, rand_time_s; /* 0: never */
	uint64_t dpd_delay_s, dpd_timeout_s;
	size_t vip_count; /* virtual addresses to ask for; 0.0.0.0 and ::, whichever is free */
	const struct address *vips;
	size_t pool_count; /* of their names: where addresses for the peer are leased from */
	const char *const *pools;
	struct where where_vips, where_pools;
	struct conf_mark if_id_in, if_id_out; /* of children that have no own */
	bool pull; /* IKEv1: the client asks for its address; else the gateway gives it unasked */
	uint8_t digest[20]; /* of what was configured: an unchanged connection isn't replaced by a
			       reload */
};

struct connection *connection_hold(const struct connection *c);
void connection_release(const struct connection *c);
const struct child_config *connection_child(
	const struct connection *c, const char *name); /* NULL where unknown */

/* The last round of a side that is XAuth's, which a name and a password make; NULL: it has none. */
const struct auth_round *connection_xauth(const struct connection *c, bool local);

/* Matching, pure. What is known of a peer; zeroed fields are unknown yet. */
struct conf_facts {
	struct address local, remote;
	const struct id_payload *remote_id; /* IDi that the peer sent, or NULL */
	const struct id_payload *local_id;  /* IDr that the peer asked for, or NULL */
	uint8_t auth_method; /* enum auth_method of its AUTH payload, or 0; 255 where it wants EAP
			      */
	enum { CONF_ROUNDS_UNKNOWN, CONF_ROUNDS_ONE, CONF_ROUNDS_SEVERAL } rounds; /* of the peer */
};

/* How well a connection fits: 0 not at all, then higher is better (exact addresses before ranges
 * before %any; exact identities before wildcards). Where it does not fit, `why` (may be NULL) says
 * so in words with file:line. */
unsigned conf_match(
	const struct connection *c, const struct conf_facts *facts, char *why, size_t why_size);

/* Whether two rounds ask the same of a side, wherever they are written. */
bool conf_round_same(const struct auth_round *a, const struct auth_round *b);

/* Whether a received identity fits a configured one: 0 no, 1 any, 2 by wildcard, 3 exactly. */
unsigned conf_id_match(const struct identity *configured, const struct id_payload *got);
