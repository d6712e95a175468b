/* libike: the IKE protocol without a socket, a clock, a thread or a file.
 *
 * Five inputs (datagram, tick, command, kernel event, answer) and four outputs (send, operate, ask,
 * tell). After each input drain ike_next_output() until it returns false. Pointers within an output
 * stay valid until the next input; those within a question until it is answered or its SA is gone,
 * so a host that answers later copies with ike_question_copy(). One engine is used by one thread at
 * a time. */
#pragma once

#include "base/random.h"
#include "base/timer.h"
#include "conf/connection.h"
#include "crypto/crypto.h"
#include "tern/child.h"

struct ike_engine;
struct pool_config;

struct ike_options {
	struct random_source random;
	struct crypto *crypto; /* borrowed; symmetric use only within the engine */
	uint16_t port;         /* ours for IKE, normally 500 */
	uint16_t port_nat_t;   /* ours for IKE and ESP in UDP, normally 4500 */
	uint32_t retransmit_tries;
	uint64_t retransmit_timeout_ns;
	double retransmit_base;
	uint32_t retransmit_jitter_percent;
	uint64_t retransmit_limit_ns; /* 0: none */
	uint64_t half_open_timeout_ns;
	uint64_t retry_wait_ns;        /* what should be up: from a failed attempt to the next;
					  doubles with each in a row */
	uint64_t retry_wait_max_ns;    /* up to this */
	uint32_t retry_jitter_percent; /* each wait is shorter by a random part up to this */
	uint64_t retry_settle_ns;      /* a tunnel that stood this long ends the row */
	uint64_t shutdown_limit_ns;    /* how long SHUTDOWN waits for peers' answers */
	/* Half-open SAs that we answer, each number 0 for never: in all, or of one address, from
	 * which on cookies are asked for; of one address, and in all, from which on there is silence. */
	uint32_t cookie_threshold, cookie_threshold_address;
	uint32_t block_threshold, half_open_max;
	uint32_t ike_sa_max;        /* 0: unlimited */
	uint32_t fragment_size;     /* of the IP packet, 576..65535; 0: 1280 */
	uint32_t message_bytes_max; /* reassembled or not */
	uint32_t children_max;      /* per IKE SA; with what is being replaced twice as many */
	uint32_t leases_max;        /* addresses of one pool that are remembered, online or not */
	uint64_t response_kept_ns;  /* how long a half-open SA's and a deleted SA's repeats are
				       answered */
	struct secret
		qcd_secret; /* of RFC 6290, the same after a restart; empty: no tokens are made */
	uint64_t child_kept_ns; /* how long a replaced child still receives what is in flight, after
				       its delete; 0: not */
	bool send_vendor_id;
	bool signature_authentication; /* RFC 7427 */
	bool multiple_authentication;  /* RFC 4739 */
	bool tickets;                  /* given out and taken: RFC 5723 */
	uint64_t ticket_lifetime_ns; /* at most; an IKE SA's and reauthentication's bound it too */
	uint64_t ticket_key_lifetime_ns; /* until another seals; it opens for as long again */
	uint32_t tickets_max;            /* kept as client, and remembered as used */
	struct gateway redirect_to;      /* where new clients are sent, RFC 5685; type 0: nowhere */
	bool follow_redirects;           /* as client, as far as the connection allows it */
	uint32_t redirects_max;          /* of one SA within redirect_period_ns; at most 16 */
	uint64_t redirect_period_ns;
	uint64_t redirected_kept_ns; /* a client's SA after it was redirected; 0: until it goes */
	uint32_t auth_messages_max;  /* IKE_AUTH requests of one IKE SA, of all rounds */
	bool prefer_configured_proposals;
	uint32_t peer_addresses_max; /* of a peer's additional addresses, how many are kept (RFC
					4555 §3.4); at most IKE_ADDRESSES_MAX */
	bool return_routability; /* a peer's new address must answer before traffic goes there, RFC
				    4555 §3.7 */
	bool cisco_unity;        /* as IKEv1 client: says that it takes Unity's attributes */
	bool nat_traversal;      /* false: no NAT may be between us and a peer, RFC 4555 §3.9 */
	bool inactivity_close_ike; /* the IKE SA goes with its last child for inactivity */
};

#define IKE_ADDRESSES_MAX 16 /* of one end, beside the one in use */

/* Fills in the defaults (retransmission 4 s × 1.8^n five times, half-open 30 s, cookies above 10,
 * ...). */
void ike_options_default(struct ike_options *o);

struct ike_engine *ike_engine_new(const struct ike_options *options);
void ike_engine_free(struct ike_engine *e);

/* Inputs. */

void ike_datagram(struct ike_engine *e, ike_time now, const struct ike_path *path,
	struct bytes datagram); /* without the non-ESP marker */
void ike_tick(struct ike_engine *e, ike_time now);

enum ike_command_kind {
	IKE_COMMAND_LOAD, /* connection: adds it, or replaces the one of its name for SAs to come */
	IKE_COMMAND_UNLOAD,      /* ike: the connection's name */
	IKE_COMMAND_INITIATE,    /* child and/or ike by name */
	IKE_COMMAND_TERMINATE,   /* by any of child, ike, child_id, ike_id; all where none given */
	IKE_COMMAND_REKEY,       /* likewise */
	IKE_COMMAND_TRAP,        /* child, and its ike where several have it: packets initiate it */
	IKE_COMMAND_UNTRAP,      /* likewise; the children there are stay */
	IKE_COMMAND_LOAD_POOL,   /* pool: adds it, or replaces the one of its name; refused where
				  leases of another range are online or it overlaps another */
	IKE_COMMAND_UNLOAD_POOL, /* ike: the pool's name; refused while leases are online */
	IKE_COMMAND_REDIRECT,    /* likewise, by ike, ike_id, peer_*: to `gateway`, RFC 5685 */
	IKE_COMMAND_SHUTDOWN, /* deletes all SAs; done when every delete is answered or given up */
};

struct ike_command {
	enum ike_command_kind kind;
	uint64_t id;                          /* comes back in IKE_EVENT_DONE; 0: nobody waits */
	const struct connection *connection;  /* LOAD: held by the engine from now */
	const struct pool_config *pool;       /* LOAD_POOL: likewise */
	const char *ike, *child;              /* names; NULL: not given */
	uint32_t ike_id, child_id;            /* 0: not given */
	bool force;                           /* TERMINATE: don't wait for the peer */
	const struct gateway *gateway;        /* REDIRECT, which also goes by: */
	struct address peer_first, peer_last; /* the peer's address; family 0: any */
	const struct identity *peer_id;       /* its identity, NULL: any */
	bool reauth;                          /* REKEY of IKE SAs: authenticate anew */
};

void ike_command(struct ike_engine *e, ike_time now, const struct ike_command *command);

enum ike_kernel_kind {
	IKE_KERNEL_REFUSED,
	IKE_KERNEL_EXPIRE_SOFT,
	IKE_KERNEL_EXPIRE_HARD,
	IKE_KERNEL_ACQUIRE, /* a packet met a trap that has no child for it. Told again while packets
			       come, at most once a second */
	IKE_KERNEL_MAPPING,
	IKE_KERNEL_UNKNOWN_SPI, /* ESP came for a Child SA that we don't have */
	IKE_KERNEL_SELECTORS, /* a packet of a child is not of its selectors, and was dropped: at most
				 once a second */
	IKE_KERNEL_ADDRESSES /* this host's addresses or routes changed: each SA asks for its path
				again */
};

#define IKE_PACKET_START_BYTES 64

struct ike_kernel_event {
	enum ike_kernel_kind kind;
	uint32_t child_id; /* 0 with ACQUIRE */
	uint32_t reqid;
	struct selector source, destination; /* ACQUIRE: the packet, one address each, with its
						protocol and ports; family 0 where unknown */
	const char *reason;                  /* REFUSED */
	struct endpoint remote;              /* MAPPING: where authenticated ESP now comes from */
	struct ike_path path; /* UNKNOWN_SPI: where it came from and to; ports 0 outside of UDP */
	uint32_t spi;         /* UNKNOWN_SPI */
	size_t start_size;    /* SELECTORS: how the packet begins */
	uint8_t start[IKE_PACKET_START_BYTES];
};

void ike_kernel(struct ike_engine *e, ike_time now, const struct ike_kernel_event *event);

/* Questions and their answers. */

enum ike_question_kind {
	IKE_ASK_KE_BEGIN,     /* group -> private, public */
	IKE_ASK_KE_FINISH,    /* private, peer -> secret */
	IKE_ASK_KE_RESPOND,   /* group, peer -> public, secret */
	IKE_ASK_AUTHENTICATE, /* our AUTH */
	IKE_ASK_VERIFY,       /* the peer's AUTH */
	IKE_ASK_SKEYID, /* IKEv1: what the PSK of the two identities makes of the nonces, parts[0]
				 and [1]: prf(PSK, Ni_b | Nr_b) -> secret */
	IKE_ASK_SIGNER, /* IKEv1: by which method our key would sign, as local_id -> method: its
				 proposals say it. `hash` is any */
	IKE_ASK_XAUTH_VERIFY, /* IKEv1: whether `password` is that of `user`, remote round `round` */
	IKE_ASK_XAUTH_CREDENTIALS, /* IKEv1: our password as `user`, local round `round` -> secret */
	IKE_ASK_SPI,               /* an inbound ESP SPI -> spi */
	IKE_ASK_PATH, /* connection -> path: names resolved, source address chosen; and our other
			 addresses. With `current`: the path of an SA that stands, which stays where
			 it still works; else one to `current`'s remote address or one of `peers` */
	IKE_ASK_USE, /* child_id -> in_at, out_at; the plane answers before the next input of another
			kind. The question lasts until the next input */
};

#define IKE_CERTS_MAX    12
#define IKE_SIGNED_PARTS 3

struct ike_question {
	uint64_t id;
	enum ike_question_kind kind;
	uint16_t group;
	const struct ke_private *private; /* KE_FINISH: lent */
	struct bytes peer;
	const struct connection *connection; /* AUTHENTICATE, VERIFY, PATH */
	uint32_t child_id;                   /* USE */
	struct gateway gateway; /* PATH: where to, instead of remote_addrs; type 0: those */
	uint32_t attempt; /* PATH: which of remote_addrs, with all that names among them resolve to,
			     comes first, modulo their number */
	const struct ike_path *current; /* PATH: of the SA that asks; NULL: a new one */
	size_t peer_count;              /* PATH with current: where else the peer may be */
	struct address peers[IKE_ADDRESSES_MAX];
	size_t round; /* index into connection->local or ->remote */
	struct id_payload local_id,
		remote_id; /* what we sent or will send; what the peer claimed (or we expect) */
	uint16_t prf;
	struct bytes parts[IKE_SIGNED_PARTS]; /* RFC 7296 §2.15: message | nonce | prf(SK_p, ID') */
	size_t hash_count; /* AUTHENTICATE: what the peer can verify, RFC 7427; none: methods 1,
			      9-11 */
	uint8_t hashes[SIGNATURE_FORMS_MAX];
	/* AUTHENTICATE and VERIFY in IKEv1: parts[0] is HASH_I or HASH_R, of this hash (enum hash_id),
	 * and signed as it is (RFC 2409 §5.1, RFC 4754) by a key of the kind that `method` names. 0:
	 * IKEv2. */
	uint8_t hash;
	/* AUTHENTICATE: concatenated SHA-1 of trusted CAs' keys; in IKEv1 their names, as
	 * ike_set_ca_names() has them. Empty where none came. */
	struct bytes certreqs;
	bool certreq_came;
	uint8_t method;              /* VERIFY; AUTHENTICATE in IKEv1: enum auth_method */
	struct bytes auth;           /* VERIFY: the AUTH data */
	struct bytes user, password; /* XAUTH_VERIFY, as they came; XAUTH_CREDENTIALS: the user */
	size_t cert_count;           /* VERIFY: as received, end entity first */
	struct cert_payload certs[IKE_CERTS_MAX];
};

enum ike_answer_status {
	IKE_ANSWER_OK,
	IKE_ANSWER_NO /* see reason */,
	IKE_ANSWER_BAD_PEER /* KE: the peer's value is invalid */
};

#define IKE_REASON_TEXT_MAX 400

struct ike_answer {
	uint64_t id;
	enum ike_answer_status status;
	char reason[IKE_REASON_TEXT_MAX]; /* for people, where it is no: what was tried, and what to
					     do; never a secret */
	struct ke_private *private;       /* KE_BEGIN: ownership moves to the engine */
	struct bytes public;
	struct bytes secret; /* copied and the engine's copy wiped; the caller wipes its own */
	uint8_t method;      /* AUTHENTICATE */
	struct bytes auth;
	size_t cert_count; /* to be sent, end entity first */
	struct cert_payload certs[IKE_CERTS_MAX];
	const char *credential; /* VERIFY: what vouched: "CN=moon (RSA 2048) by CN=tern CA", for the
				   log */
	uint32_t spi;
	struct ike_path path;
	uint32_t attempt;      /* PATH of a new SA: the number that path.remote has, from that asked
				  for on */
	uint32_t remote_count; /* likewise: how many there are with a way to them */
	size_t address_count;  /* PATH: ours beside path.local that local_addrs allow and that may
				 be told to the peer */
	struct address addresses[IKE_ADDRESSES_MAX];
	ike_time in_at, out_at; /* USE: when a packet last passed; 0: never */
};

void ike_answer(struct ike_engine *e, ike_time now, const struct ike_answer *answer);

/* A deep copy for a thread (one block of memory, with its own `private` borrowed and `connection`
 * held); NULL where memory ran out. */
struct ike_question *ike_question_copy(const struct ike_question *q);
void ike_question_free(struct ike_question *q); /* cleanses */

/* The SHA-1 hashes that our CERTREQ names: set whenever credentials change. Copied. Session tickets
 * given out before count no more. */
void ike_set_certreqs(struct ike_engine *e, struct bytes hashes);

/* The names of the same CAs, for IKEv1's CERTREQ: DER Names, each after its size in two octets.
 * Copied. */
void ike_set_ca_names(struct ike_engine *e, struct bytes names);

/* Outputs. */

enum ike_operation_kind {
	IKE_OPERATE_INSTALL_IN,  /* the inbound SA (and, with the first of a reqid, its policies) */
	IKE_OPERATE_INSTALL_OUT, /* the outbound SA: traffic goes over it from now on */
	IKE_OPERATE_UPDATE_PATH, /* spec->path and spec->encap changed */
	IKE_OPERATE_REMOVE_OUT,
	IKE_OPERATE_REMOVE, /* both, and policies with the last of a reqid */
	/* A trap: policies without an SA. Its spec has reqid, name, mode, priority and selectors, and
	 * in path.remote the peer's address where the configuration has it as a number. */
	IKE_OPERATE_TRAP,   /* packets that no child of its reqid takes are kept and acquire one;
			     again: with other selectors */
	IKE_OPERATE_UNTRAP, /* children of the reqid stay */
	IKE_OPERATE_TRAP_FAILED, /* no child came: what was kept goes */
	/* A shunt: its spec has reqid, name, mode (CHILD_PASS or CHILD_DROP), priority and selectors. */
	IKE_OPERATE_SHUNT, /* again: with other selectors */
	IKE_OPERATE_UNSHUNT,
	IKE_OPERATE_ADDRESS_ADD, /* virtual: for each such one REMOVE will come, unless the engine
				    is freed before */
	IKE_OPERATE_ADDRESS_REMOVE,
};

/* What the peer gave us by configuration payloads, RFC 7296 §3.15: addresses for this host, and the
 * name servers to ask; in IKEv1 with Cisco's Unity also more about both. */
struct ike_virtual {
	size_t address_count, dns_count;
	const struct address *addresses, *dns;
	const char *domain;    /* the peer's, that names may be said without; "": none */
	const char *split_dns; /* domains, with spaces between: the name servers are for these only;
				  "": for all. Both have only what is in host names */
	const struct selectors *local_lan; /* stay out of the tunnel; NULL: none */
};

struct ike_operation {
	enum ike_operation_kind kind;
	const struct child_spec *spec; /* NULL of ADDRESS_ADD and ADDRESS_REMOVE, as is config */
	const struct ike_virtual *virtual;
	const struct child_config *config;
	const struct connection *connection;
	uint32_t ike_id;
	bool rekeyed; /* REMOVE: a successor carries the traffic: routes stay */
};

enum ike_event_kind {
	IKE_EVENT_IKE_UP,
	IKE_EVENT_IKE_DOWN,
	IKE_EVENT_IKE_REKEYED, /* ike_id: the new one; old_id */
	IKE_EVENT_IKE_REPLACED, /* likewise, by one authenticated anew, which was told UP before; text:
				   "reauthenticated", "redirected" */
	IKE_EVENT_CHILD_UP,
	IKE_EVENT_CHILD_DOWN,
	IKE_EVENT_CHILD_REKEYED, /* child_id: the new one; old_id */
	IKE_EVENT_SENT,          /* message: one line of the ladder */
	IKE_EVENT_RECEIVED,
	IKE_EVENT_RETRANSMIT,
	IKE_EVENT_DROPPED, /* text: why */
	IKE_EVENT_FAILED,  /* text: what was offered, what wanted, which line decides */
	IKE_EVENT_NOTE,
	IKE_EVENT_DONE,        /* command id: ok or not, text */
	IKE_EVENT_IKE_UPDATED, /* the addresses of an IKE SA and its children changed */
};

struct ike_event {
	enum ike_event_kind kind;
	uint8_t level;   /* 0 always, 1 normal, 2 detail */
	uint8_t version; /* of the IKE SA that it is of; 0 where it is of none */
	uint32_t ike_id, child_id, old_id;
	const char *ike_name, *child_name; /* "" where unknown */
	const char *text;                  /* without secrets; "" where none */
	const struct ike_path *path;       /* SENT, RECEIVED, DROPPED; may be NULL */
	size_t size;                       /* octets, likewise */
	uint64_t command; /* DONE; and in others the command they belong to (control-log), or 0 */
	bool ok;          /* DONE */
	uint32_t matches; /* DONE of TERMINATE and REKEY */
};

enum ike_output_kind { IKE_SEND, IKE_OPERATE, IKE_ASK, IKE_TELL };

struct ike_output {
	enum ike_output_kind kind;
	union {
		struct {
			struct ike_path path;
			struct bytes datagram; /* without the marker: the host adds it where
						  path.local.port is port_nat_t */
		} send;
		struct ike_operation operate;
		const struct ike_question *ask;
		struct ike_event tell;
	};
};

bool ike_next_output(struct ike_engine *e, struct ike_output *ret_output);
ike_time ike_next_deadline(const struct ike_engine *e);

/* Reading. Views point into the engine and are valid until the next input. */

enum ike_state {
	IKE_CREATED,
	IKE_CONNECTING,
	IKE_ESTABLISHED,
	IKE_REKEYING,
	IKE_REKEYED,
	IKE_DELETING
};
enum ike_child_state {
	IKE_CHILD_CREATED,
	IKE_CHILD_INSTALLING,
	IKE_CHILD_INSTALLED,
	IKE_CHILD_REKEYING,
	IKE_CHILD_REKEYED,
	IKE_CHILD_DELETING,
	IKE_CHILD_DELETED /* only its inbound SA is kept for packets in flight */
};

struct ike_sa_view {
	uint32_t id;
	uint8_t version; /* 1 or 2 */
	const struct connection *connection;
	enum ike_state state;
	bool initiator;
	uint64_t spi_i, spi_r;
	struct ike_path path;
	ike_time sent_at; /* when a message of ours last went along it; 0: never */
	struct id_payload local_id, remote_id; /* type 0 where unknown yet */
	struct id_payload remote_user;         /* IKEv1: by XAUTH; type 0: none */
	bool nat_local, nat_remote, nat_fake;
	struct proposal chosen;  /* one transform of each type */
	ike_time established_at; /* 0: not yet */
	ike_time rekey_at;       /* IKE_TIME_NEVER: none */
	ike_time reauth_at;      /* likewise */
	const char *task;        /* the exchange under way: "IKE_AUTH"; NULL: none */
	size_t local_vip_count, remote_vip_count; /* virtual addresses */
	const struct address *local_vips, *remote_vips;
	uint32_t if_id_in, if_id_out; /* that its children have where they have no own; 0: none */
};

struct ike_child_view {
	uint32_t id;
	uint32_t ike_id;
	const struct child_config *config;
	enum ike_child_state state;
	const struct child_spec *spec;
	struct proposal chosen;
	ike_time installed_at, rekey_at, expire_at;
};

/* Iteration by position: start with 0. */
bool ike_next_sa(const struct ike_engine *e, size_t *position, struct ike_sa_view *ret_view);
bool ike_next_child(const struct ike_engine *e, uint32_t ike_id, size_t *position,
	struct ike_child_view *ret_view);
/* One by its id; while outputs are being drained also those that they say are gone. */
bool ike_view_sa(const struct ike_engine *e, uint32_t ike_id, struct ike_sa_view *ret_view);
bool ike_view_child(const struct ike_engine *e, uint32_t child_id, struct ike_child_view *ret_view);
const struct connection *ike_next_connection(const struct ike_engine *e, size_t *position);

struct ike_trap_view {
	uint32_t reqid;
	const struct connection *connection;
	const struct child_config *config;
	const struct child_spec *spec; /* what the plane was told: its selectors */
	bool acquiring;                /* a packet is bringing the child up */
};

bool ike_next_trap(const struct ike_engine *e, size_t *position, struct ike_trap_view *ret_view);
/* Pools and their leases; `position` as above. */
struct ike_pool_view {
	const struct pool_config *config;
	uint64_t size;
	size_t online, offline;
};

struct ike_lease_view {
	struct address address;
	struct id_payload id;
	bool online;
};

bool ike_next_pool(const struct ike_engine *e, size_t *position, struct ike_pool_view *ret_view);
bool ike_next_lease(const struct ike_engine *e, const char *pool, size_t *position,
	struct ike_lease_view *ret_view);

/* What should be up and isn't. */
enum ike_supervised_state {
	IKE_SUPERVISED_WAITING, /* until next_at */
	IKE_SUPERVISED_TRYING,
	IKE_SUPERVISED_GIVEN_UP, /* after keyingtries */
	IKE_SUPERVISED_HELD,     /* taken down by a command */
};

struct ike_supervised_view {
	const struct connection *connection;
	const struct child_config *config;
	enum ike_supervised_state state;
	ike_time down_since;
	const char *why;       /* the last failure; "" where there was none yet */
	uint32_t attempts;     /* in a row, with the one under way */
	struct endpoint tried; /* where the last one went; family 0: nowhere yet */
	ike_time next_at;      /* IKE_TIME_NEVER: not by itself */
	const char *next_to;   /* of remote_addrs: where the next goes; "" where names among them
				  leave that open */
};

bool ike_next_supervised(
	const struct ike_engine *e, size_t *position, struct ike_supervised_view *ret_view);

struct ike_stats {
	uint32_t ike_sas, half_open, children, connections, traps;
	uint64_t received, sent, dropped, retransmitted, cookies_sent;
};

void ike_stats(const struct ike_engine *e, struct ike_stats *ret_stats);
const char *ike_state_name(enum ike_state state); /* VICI's words: "ESTABLISHED" */
const char *ike_child_state_name(enum ike_child_state state);
