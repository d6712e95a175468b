/* An IKE SA, its children and what it wants next. */
#pragma once

#include "base/secret.h"
#include "ike/engine.h"
#include "ike/path.h"
#include "ike/v2/window.h"

#define NONCE_BYTES     32
#define NONCE_BYTES_MAX 256
#define HASHES_MAX      8

struct octets { /* owned, malloc'ed */
	uint8_t *data;
	size_t size;
};

static inline struct bytes octets_bytes(const struct octets *o)
{
	return BYTES(o->data, o->size);
}

void octets_set(struct octets *o, struct bytes from); /* replaces; wipes what was there */
void octets_clear(struct octets *o);

struct ike_id { /* an identity as exchanged */
	uint8_t type;
	struct octets value;
};

static inline struct id_payload ike_id_payload(const struct ike_id *id)
{
	return (struct id_payload){ id->type, octets_bytes(&id->value) };
}

/* RFC 7296 §2.14. */
struct ike_keys {
	struct secret sk_d, sk_pi, sk_pr;
	struct sealer *out, *in;
	uint64_t iv_out; /* counter for ciphers whose IV must be unique */
};

/* The session that an IKE SA is of, RFC 5723; see ticket.h. */
struct resumption {
	bool asked;                /* the peer did, in IKE_AUTH */
	uint64_t issued;           /* the serial of the last ticket that we gave out; 0: none */
	struct octets ticket;      /* the peer's, for us */
	ike_time expires_at;       /* that ticket */
	ike_time authenticated_at; /* when credentials were last used */
	uint8_t method;            /* enum auth_method of the peer's AUTH, then */
};

/* What lives from IKE_SA_INIT until IKE_AUTH is over. */
struct ike_setup {
	struct octets our_message, peer_message; /* RealMessage1 and 2, §2.15 */
	struct octets our_nonce, peer_nonce;
	struct gateway gateway; /* where a redirect leads; type 0: none did */
	struct octets cookie;   /* the peer's, to be returned */
	unsigned cookie_rounds;
	uint32_t remote_count, remotes_silent; /* of the peer's addresses; that gave no answer */
	bool peer_answered;                    /* one did, with whatever */
	const struct child_config *child;      /* what to create with IKE_AUTH; NULL: the first */
	size_t hash_count;
	uint8_t hashes[HASHES_MAX]; /* what the peer can verify */
	bool certreq_came;
	struct ticket_state *resumes; /* the session that this SA resumes; NULL: a new one */
	struct octets ticket;         /* initiator: what it presents */
	bool peer_childless;          /* CHILDLESS_IKEV2_SUPPORTED, RFC 6023 */
	bool peer_multiple_auth;      /* announced MULTIPLE_AUTH_SUPPORTED, RFC 4739 */
	struct octets certreqs;
	struct timer timer; /* half-open limit */
};

/* Why an IKE SA or a child is over; the supervisor decides by it what follows. */
enum sa_end {
	SA_END_COMMAND,      /* an operator or the configuration wanted it: nothing follows */
	SA_END_PEER_DELETED, /* the peer deleted it: close_action */
	SA_END_PEER_GONE,    /* the peer is silent or has forgotten it: dpd_action */
	SA_END_FAILED,       /* it never stood, or could not go on: tried again, with back-off */
	SA_END_REPLACED,     /* a successor stands: nothing follows */
};

/* The redirects that led to an SA, RFC 5685 §7. */
#define REDIRECTS_KEPT 16

struct redirects {
	uint32_t count;              /* ever */
	ike_time at[REDIRECTS_KEPT]; /* of the last, in turn */
	struct address from; /* the gateway that sent us; as responder: that sent the peer */
};

enum intent_kind {
	INTENT_CREATE_CHILD,
	INTENT_REKEY_CHILD,
	INTENT_REKEY_IKE,
	INTENT_DELETE_CHILD,
	INTENT_DELETE_IKE,
	INTENT_LIVENESS,
	INTENT_QCD_TOKEN,
	INTENT_TICKET,           /* asking for a session ticket */
	INTENT_UPDATE_ADDRESSES, /* MOBIKE: UPDATE_SA_ADDRESSES */
	INTENT_ANNOUNCE_ADDRESSES,
	INTENT_VERIFY_PATH, /* the return routability check */
	INTENT_REDIRECT,
	INTENT_INVALID_SELECTORS, /* a packet of child_id was not of its selectors */
	INTENT_INVALID_SPI,       /* ESP came for stray_spi */
	INTENT_ASK_REAUTH         /* the peer is to authenticate again now, RFC 4478 */
};

struct intent {
	struct intent *next;
	enum intent_kind kind;
	uint32_t child_id;
	uint32_t spi; /* DELETE_CHILD: our inbound SPI of one that only the peer has; else 0 */
	const struct child_config *config;
	uint32_t pair;  /* CREATE_CHILD in IKEv1: which pair of selectors, of `config` */
	uint32_t offer; /* and REKEY_CHILD: how many of its groups the peer has refused */
	uint64_t command;
	ike_time not_before;
	ike_time asked_at; /* when it was first wanted; 0: when it is added */
	unsigned tries;
	enum sa_end end; /* DELETE_CHILD, DELETE_IKE: why */
};

struct child_sa {
	struct child_sa *next;
	struct ike_sa *sa;
	uint32_t id;
	enum ike_child_state state;
	const struct connection *connection; /* held: whose config it was born with */
	const struct child_config *config;
	struct child_spec spec;
	struct proposal chosen;
	ike_time installed_at, rekey_at, expire_at;
	struct timer rekey_timer, expire_timer, inactivity_timer;
	ike_time used_at; /* as far as the plane was asked */
	bool installed_in, installed_out, announced;
	bool sent_enough;     /* it stopped sending, for good */
	bool ours;            /* we had asked for it, or for the first in its line of rekeyings */
	uint32_t successor;   /* what replaced it, or 0 */
	uint32_t predecessor; /* what it replaces, or 0 */
	unsigned rekey_tries; /* rekeyings that failed, in a row */
	uint32_t made_in;     /* the IKE SA that the peer's request came in which made it */
	uint32_t made_by;     /* the message ID of that request, plus 1; 0: a request of ours */
	uint32_t heir_id;     /* the child of another IKE SA that takes its place, or 0: heir.h */
	bool heir;            /* it took the place of another IKE SA's */
	uint32_t bequeather;  /* that child, while it is there */
	uint32_t renewed_by;  /* the new IKE SA that was asked to have a child in its place */
	bool all_local, all_remote; /* IKEv1: the two ends call that side everything, v1/unity.c */
	/* Transport mode through a NAT: how the peer, who asked for it, calls the first selectors (which in
	 * IKEv1 are the only ones; family 0: as we do), and its own address; family 0: unknown. */
	struct selector said_local, said_remote;
	struct address original;
	uint64_t command;
	/* See v2/child_notifies.h. When each was last done, 0: never. */
	ike_time violated_at, accused_at, missed_at;
	struct octets offender; /* the start of a packet that was not of its selectors */
};

enum sa_timer {
	TIMER_RETRANSMIT,
	TIMER_HALF_OPEN,
	TIMER_REKEY,
	TIMER_LIVENESS,
	TIMER_INTENT,
	TIMER_LINGER,
	TIMER_QUESTION_OURS,
	TIMER_QUESTION_THEIRS,
	TIMER_CHILD_REKEY,
	TIMER_CHILD_EXPIRE,
	TIMER_CHILD_INACTIVE,
	TIMER_OVER,
	TIMER_SUPERVISE,
	TIMER_SHUTDOWN,
	TIMER_REAUTH,
	TIMER_AUTH_END,
	TIMER_RENEW,
	TIMER_UNIQUE,
	TIMER_SWEEP,
	TIMER_PATH,
	TIMER_PROTOCOL /* owner: the SA; struct protocol's timer_due() */
};

struct protocol;
struct ikev1;

struct ike_sa {
	const struct protocol *protocol;
	struct ikev1 *v1;            /* owned; NULL: it is of IKEv2 */
	struct ike_sa *next, **link; /* of all; what points to this one */
	struct ike_sa *next_doomed;
	struct ike_sa *next_named, **link_named; /* of the same name */
	struct ike_engine *engine;
	uint32_t id;
	const struct connection *connection; /* held */
	enum ike_state state;
	bool initiator;    /* of this IKE SA */
	ike_time begun_at; /* when we asked for it, or the peer's request for it came */
	uint64_t line_spi; /* the initiator's SPI of the first SA of this line: both ends know it */
	struct peer *peer; /* filed by its identities, peers.h; NULL: it isn't */
	struct ike_sa *peer_next, **peer_link;
	ike_time twin_over_at; /* until then its twin, which we delete, may be set up again; or 0 */
	ike_time doubted_at;   /* asked whether it lives because the peer came anew; or 0 */
	bool doomed;
	bool gone; /* over, kept for a while to answer repeats */
	uint64_t spi_i, spi_r;
	struct ike_path path;
	struct ike_path init_path; /* where its IKE_SA_INIT came from */
	bool path_known;
	ike_time sent_at; /* when something last went along path; 0: never */
	bool nat_local, nat_remote, nat_fake;
	struct mobility mobility;
	bool peer_fragments; /* announced IKEV2_FRAGMENTATION_SUPPORTED */
	bool half_open_counted;
	struct proposal chosen;
	struct ike_keys keys;
	struct ike_id local_id, remote_id;
	struct ike_id remote_user; /* whom XAUTH made out, beyond remote_id; type 0: nobody */
	struct ike_setup *setup;   /* NULL once established */
	struct window window;
	struct exchange *ours, *theirs; /* under way: begun by us; by the peer: a list, which has
					   at most one in IKEv2 */
	struct child_sa *children;
	struct intent *intents;
	ike_time established_at, rekey_at, over_at, last_heard;
	struct resumption resumption;
	struct octets qcd_token;           /* the peer's, RFC 6290 */
	ike_time token_seen_at, hinted_at; /* limit what clear text may cause */
	uint64_t liveness_ns;              /* of silence until it is probed */
	uint32_t use_asked; /* children that the plane was asked about before a probe */
	uint32_t successor; /* the SA that it handed its children over to, or 0 */
	uint32_t rival_of; /* the peer made this one to take that one's place while we were rekeying
			       it, too: it is not decided yet which survives. Or 0 */
	unsigned rekey_tries; /* rekeyings that failed, in a row */
	struct timer rekey_timer, over_timer, liveness_timer, intent_timer, linger_timer,
		unique_timer, sweep_timer;

	bool original_initiator; /* of the first SA of this line, before any rekeying */
	uint32_t replaces; /* the IKE SA beside which this one is set up to take its place, or 0 */
	uint32_t replacement;      /* and the other way round */
	struct renewal *renewal;   /* where it replaces one: renew.h */
	ike_time authenticated_at; /* 0: not yet; rekeying doesn't change these three */
	ike_time reauth_at, auth_ends_at;
	unsigned renew_failures;
	bool peer_redirects;         /* as responder: the peer follows redirects, RFC 5685 */
	bool redirected;             /* it ends because another goes on elsewhere */
	struct gateway *redirect_to; /* where the peer is to go, or where we are; NULL: nowhere */
	struct redirects redirects;
	bool renewed;    /* it took the place of another, by authenticating anew */
	bool heirs_wait; /* children that were given to the peer may be unknown to it yet */
	struct timer reauth_timer, auth_end_timer, renew_timer, path_timer;

	uint64_t command; /* who asked for it */
	uint32_t attempt; /* which of remote_addrs comes first, modulo their number */
	bool delete_sent;
	uint32_t stray_spi; /* ESP came for it last, which we don't have; see v2/child_notifies.h */
	ike_time stray_since, stray_told_at;
	uint32_t if_id_in,
		if_id_out; /* of children that have no own; 0: none, or not numbered yet */
	struct vips *vips; /* virtual addresses, shared with its successors; NULL: none */
};

static inline uint64_t sa_spi_local(const struct ike_sa *sa)
{
	return sa->initiator ? sa->spi_i : sa->spi_r;
}

/* Who the peer is as a client: the user where there is one, since a group may share an identity. */
static inline struct id_payload sa_client_id(const struct ike_sa *sa)
{
	return ike_id_payload(sa->remote_user.type ? &sa->remote_user : &sa->remote_id);
}

/* Of the version that `c` initiates with, IKEv2 where it is NULL; the caller may change that. */
struct ike_sa *sa_new(struct ike_engine *e, const struct connection *c, bool initiator);
void sa_free(struct ike_sa *sa);    /* engine_reap() only */
int sa_register(struct ike_sa *sa); /* under its local SPI */
/* Puts it under a connection, held from now, in place of the one that it had; NULL: none. */
void sa_connect(struct ike_sa *sa, const struct connection *c);
void sa_inherit(struct ike_sa *sa,
	const struct ike_sa *old); /* what a rekeyed IKE SA has from the one before */
/* Marks; tells; children go; the engine reaps. */
void sa_doom(struct ike_sa *sa, enum sa_end end, const char *why);
/* Over, but repeats of its last request are answered for a while. */
void sa_linger(struct ike_sa *sa, enum sa_end end, const char *why);
/* A new IKE SA, begun by us, with `child` (NULL: the first, if any) in IKE_AUTH. NULL where it
 * failed at once; the command is done then. */
struct ike_sa *sa_initiate(struct ike_engine *e, const struct connection *c,
	const struct child_config *child, uint64_t command);
/* It has no future: replaced, or its deletion has begun or is wanted. */
bool sa_ending(const struct ike_sa *sa);
/* The peer has answered in it, thus it stands there, too. */
bool sa_answered(const struct ike_sa *sa);
void sa_established(struct ike_sa *sa);
void sa_setup_end(struct ike_sa *sa);
void sa_timer_due(struct ike_sa *sa, enum sa_timer kind);
struct ike_sa *sa_find(const struct ike_engine *e, uint32_t id);
const char *sa_name(const struct ike_sa *sa);
ike_time sa_jittered(struct ike_sa *sa, uint64_t time_s,
	uint64_t rand_s); /* from now; NEVER where time_s is 0 */

uint64_t sa_command(
	const struct ike_sa *sa); /* the command that what it does now serves; 0: none */

/* Events of an SA or child, with names and ids filled in. */
void sa_tell(struct ike_sa *sa, enum ike_event_kind kind, uint8_t level, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void child_tell(struct child_sa *child, enum ike_event_kind kind, uint8_t level, const char *format,
	...) __attribute__((format(printf, 4, 5)));
void command_done(
	struct ike_engine *e, uint64_t command, bool ok, uint32_t matches, const char *text);

/* Intents: what the SA wants next. Merged where the same is wanted already. */
void intent_add(struct ike_sa *sa, const struct intent *want);
void intent_pump(
	struct ike_sa *sa); /* begins the first that is ready where nothing of ours is under way */
void intents_clear(struct ike_sa *sa, const char *why); /* fails their commands */
