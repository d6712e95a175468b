/* What an IKEv1 SA (an ISAKMP SA) has beyond struct ike_sa, and how the files of this directory get
 * to each other. docs/ikev1.md follows a message through them. The cookies are sa->spi_i and
 * spi_r. */
#pragma once

#include "ike/child.h"
#include "ike/exchange.h"
#include "ike/protocol.h"
#include "ike/v1/keys.h"
#include "ike/v1/window.h"
#include "wire/isakmp.h"
#include "wire/isakmp_transforms.h"

#define V1_TROUBLE_MAX 400
#define V1_METHODS_MAX 8

/* Which numbers the peer has for NAT traversal: those of RFC 3947, or the drafts' 02 and 03. */
enum v1_nat_t { V1_NAT_T_NONE, V1_NAT_T_RFC, V1_NAT_T_DRAFT };

/* RFC 3706. */
struct v1_dpd {
	uint32_t sent;     /* the sequence number of our last R-U-THERE; 0: none yet */
	uint32_t received; /* of the peer's last */
	bool seen;         /* there was one */
	bool waiting;      /* `sent` is unanswered */
	unsigned tries;
	ike_time since; /* when it was sent first */
	struct timer timer;
	unsigned deletes; /* of an SA that is over, said again */
};

/* What lives until phase 1 is over: bodies of payloads that the hashes cover, RFC 2409 §5. The nonces
 * are in sa->setup. */
struct v1_setup {
	struct octets sa_i;       /* SAi_b */
	struct octets ke_i, ke_r; /* g^xi, g^xr */
	struct octets id_i, id_r; /* IDii_b, IDir_b */
};

struct ikev1 {
	struct v1_keys keys;               /* once `keyed` */
	struct v1_iv iv;                   /* the last of phase 1: IVs of phase 2 come of it */
	struct v1_ike_transform transform; /* agreed */
	uint32_t vendors;                  /* of the peer: 1 << enum v1_vendor */
	enum v1_nat_t nat_t;
	bool keyed;     /* phase 1 goes on encrypted */
	bool confirmed; /* the peer has our last message of phase 1: it goes by it */
	struct v1_flight *flights;
	size_t flight_count;
	struct v1_message_ids message_ids;
	struct v1_dpd dpd;
	struct v1_fragments *fragments; /* a message that has not come whole yet; NULL: none */
	uint16_t fragment_id;           /* of our last message in fragments */
	struct v1_setup setup;
	/* After phase 1 and before the SA stands, transaction.h. */
	bool phase1_over;
	bool initial_contact; /* the peer said so before it has said which user it is */
	bool let_in;          /* that user is */
	bool xauth_over, config_over;
	unsigned logins;       /* that we answered */
	uint16_t transactions; /* the identifier of our last */
	struct octets early;   /* a datagram of phase 2 that came before phase 1 was over */
	struct ike_path early_path;
	char trouble[V1_TROUBLE_MAX]; /* what was heard that may be why the peer is silent; not
					 authentic, for people only */
};

static inline bool v1_peer_has(const struct ike_sa *sa, enum v1_vendor vendor)
{
	return sa->v1->vendors & (1u << vendor);
}

static inline bool v1_is_phase1(uint8_t exchange)
{
	return exchange == V1_IDENTITY_PROTECTION || exchange == V1_AGGRESSIVE;
}

bool v1_state_new(struct ike_sa *sa); /* sa->v1; false where memory ran out */
void v1_state_free(struct ike_sa *sa);
void v1_setup_clear(struct v1_setup *s); /* phase 1 needs it no more */

/* A datagram with what is known of it. */
struct v1_datagram {
	const struct ike_path *path;
	const struct ike_header *header;
	struct bytes octets;
};

/* admit.c */

void v1_admit(struct ike_engine *e, const struct ike_path *path, const struct ike_header *header,
	struct bytes datagram);

void v1_admit_early(struct ike_sa *sa); /* phase 1 is over: what waited for that */

void v1_tell_received(struct ike_sa *sa, const struct opened *m, size_t size);

/* receive.c, the only maker of messages. Each returns NULL and a word why where the datagram is to be
 * dropped; what its flight's progress becomes with the message goes to *ret_after. */

/* Phase 1: decrypted where it is encrypted. Authentic only after its exchange has checked HASH or
 * SIG. `sa` is NULL for the first message of all, and ret_after isn't used then. */
struct opened *v1_opened_without_integrity(struct ike_sa *sa, const struct v1_datagram *d,
	struct arena *arena, struct v1_progress *ret_after, const char **ret_why);

/* Phase 2: decrypted, and its HASH payload checked and taken out of the chain. `f` is the flight of
 * its exchange, NULL for the first message of one. */
struct opened *v1_receive_open(struct ike_sa *sa, const struct v1_flight *f,
	const struct v1_datagram *d, struct arena *arena, struct v1_progress *ret_after,
	const char **ret_why);

/* send.c */

void v1_send(struct exchange *x);
void v1_refuse(struct exchange *x);
/* A message of its own that nobody answers, with one notification: protected where there are keys
 * for that, else in the clear and limited in rate. */
void v1_send_notify(struct ike_sa *sa, const struct v1_notify *n);
void v1_send_delete(struct ike_sa *sa, const struct v1_delete *del); /* protected */
void v1_put(struct exchange *x, uint8_t type, struct bytes body);
void v1_put_notify(struct exchange *x, const struct v1_notify *n);

/* fragment.c */

/* A datagram whose payload is a FRAGMENT: the whole message where this completes one, malloc'ed for the
 * caller; else empty, and *ret_why is NULL or why it is to be dropped. */
struct bytes v1_fragment_take(struct ike_sa *sa, const struct v1_datagram *d, const char **ret_why);
void v1_fragments_clear(struct ike_sa *sa);
bool v1_fragments_due(struct ike_sa *sa, const struct timer *t); /* false: the timer isn't theirs */
/* Whether a message of this size goes in fragments: to `out`, which has room for FRAGMENTS_MAX. Their
 * octets are in the exchange's arena. Returns their number; 0: too large. */
bool v1_fragments_wanted(const struct ike_sa *sa, size_t size);
size_t v1_fragments_cut(struct exchange *x, struct bytes whole, struct bytes *out);

/* negotiate.c */

/* What a responder chose: the transform as it came, in the proposal that it came in. */
struct v1_choice {
	uint8_t number, protocol;
	struct bytes spi;
	struct v1_transform raw;
};

/* The methods by which a connection authenticates in phase 1, as initiator or responder, the
 * preferred first. Returns how many; 0: it can't in IKEv1, or not yet. */
size_t v1_methods(
	const struct connection *c, bool initiator, uint16_t ret_methods[static V1_METHODS_MAX]);

/* What a method means: SKEYID comes of a pre-shared key; that end proves itself by a signature, not a
 * HASH (proof.c). */
bool v1_method_has_psk(uint16_t method);
bool v1_method_signs(uint16_t method, bool initiator);
/* In IKEv2's terms, by which the holder of keys goes: enum auth_method of such a signature. */
uint8_t v1_signature_method(uint16_t method);

/* Phase 1: what of a connection counts. */
struct v1_ike_terms {
	const struct connection *connection;
	bool initiator;
	uint8_t signer; /* where we sign, by this alone (enum auth_method); 0: by any */
	uint16_t group; /* this alone; 0: any */
};

/* How many methods of signing we could mean, by the configuration alone: where it is more than one,
 * the holder of keys knows better (IKE_ASK_SIGNER). */
size_t v1_signers(const struct connection *c, bool initiator);

/* The SA payload's body. Returns how many transforms it has; 0: the connection has none that IKEv1 could
 * say, and what was written is no message. */
size_t v1_offer_ike(struct writer *w, const struct v1_ike_terms *terms);
/* The group of the connection's first transform, which aggressive mode offers alone: it can't be
 * negotiated there, RFC 2409 §5. 0: it has none. */
uint16_t v1_first_group(const struct connection *c);
/* As responder. False where they have nothing in common. */
bool v1_choose_ike(struct bytes theirs, const struct v1_ike_terms *terms, bool prefer_ours,
	struct v1_choice *ret_choice, struct v1_ike_transform *ret_transform);
/* As initiator: false where the answer isn't one of what we offered. */
bool v1_chosen_ike(
	struct bytes answer, const struct v1_ike_terms *terms, struct v1_ike_transform *ret);
/* Whether a transform that was agreed on would also have been acceptable to another connection. */
bool v1_acceptable_ike(const struct connection *c, const struct v1_ike_transform *t);
/* "they offer A, B; we want C (file:line)" */
void v1_explain(struct bytes theirs, const struct proposal_list *ours, const struct where *where,
	char *out, size_t out_size);

/* Phase 2: what of a child's configuration one quick mode can offer, since all its transforms share a
 * key exchange (RFC 2409 §5.5). */
struct v1_esp_terms {
	const struct child_config *config;
	uint16_t group; /* 0: no PFS */
	uint16_t encapsulation;
	uint32_t spi; /* ours */
};
/* The nth of the groups that a child's configuration has, 0 being one: without PFS. One quick mode
 * offers one, RFC 2409 §5.5. False after the last. */
bool v1_esp_group(const struct child_config *config, size_t n, uint16_t *ret_group);
bool v1_offer_esp(/* likewise */
	struct writer *w, const struct v1_esp_terms *terms);
bool v1_choose_esp(struct bytes theirs, const struct v1_esp_terms *terms, bool prefer_ours,
	struct v1_choice *ret_choice, struct v1_esp_transform *ret_transform);
bool v1_chosen_esp(struct bytes answer, const struct v1_esp_terms *terms, uint32_t *ret_spi,
	struct v1_esp_transform *ret_transform);
/* The answer's body: the choice as it came, with our SPI. */
void v1_answer_encode(struct writer *w, const struct v1_choice *choice, struct bytes spi);

/* main_mode.c */

extern const struct exchange_kind v1_main_mode_initiator, v1_main_mode_responder;

/* aggressive_mode.c */

extern const struct exchange_kind v1_aggressive_mode_initiator, v1_aggressive_mode_responder;

/* quick_mode.c */

extern const struct exchange_kind v1_quick_mode_initiator, v1_quick_mode_rekey,
	v1_quick_mode_responder;

/* The peer deletes `old`: if a child that we answered is to take its place, the peer has that. */
void v1_quick_mode_confirmed(struct ike_sa *sa, const struct child_sa *old);
/* The peer refuses what we began with this notification. */
void v1_quick_mode_refused(struct exchange *x, uint16_t type, const char *why);
/* Another live child for the same traffic; NULL: there is none. */
struct child_sa *v1_quick_beside(struct child_sa *c);
/* Of two for the same traffic, neither of which was made in the other's place: whether it is the first that
 * goes on. Both ends see it so, where they were made at once. */
bool v1_quick_outlasts(const struct child_sa *a, const struct child_sa *b);
/* The peer deletes a child of this SPI that we are still making. */
void v1_quick_mode_deleted(struct ike_sa *sa, uint32_t spi_out);

/* transaction.c */

extern const struct exchange_kind v1_transaction_responder;

/* Phase 1 or a step after it is over: begins the next, or waits for the peer's, or ends the setup. */
void v1_setup_next(struct exchange *x);
/* What of the peer's is missing, in words; NULL: nothing. */
const char *v1_setup_awaits(const struct ike_sa *sa);
/* Why an exchange has no place yet; it may come again. NULL: it has. */
const char *v1_too_early(const struct ike_sa *sa, const struct opened *m);

/* informational.c */

extern const struct exchange_kind v1_informational_responder, v1_delete_child, v1_delete_stray,
	v1_delete_ike;
/* An SA that we deleted, after a while: the peer may not have heard. */
void v1_delete_again(struct ike_sa *sa);
/* Before there are keys, or in the clear: nothing changes on it, but people hear of it. */
void v1_informational_unprotected(struct ike_sa *sa, const struct opened *message);

/* dpd.c */

void v1_dpd_begin(struct ike_sa *sa);     /* the peer has been silent for long */
void v1_confirm_later(struct ike_sa *sa); /* phase 1 stands, as far as we can see: does the peer? */
void v1_dpd_due(struct ike_sa *sa);
void v1_dpd_read(struct exchange *x, const struct v1_notify *n);

/* nat.c: RFC 3947. */

void v1_nat_put(struct exchange *x);
void v1_nat_detect(struct exchange *x);
step_fn v1_nat_float;
uint16_t v1_encapsulation(const struct ike_sa *sa, enum child_mode mode);
/* NAT-OA, §5.2: both where transport mode goes through UDP; and what the peer says of itself, left as it
 * is where it says nothing. */
void v1_nat_put_originals(struct exchange *x, enum child_mode mode);
void v1_nat_read_original(const struct exchange *x, struct address *ret_theirs);

/* adopt.c: children outlive the ISAKMP SA that made them. */

/* The ISAKMP SAs with the same peer: start with NULL, which gives `sa` itself. */
struct ike_sa *v1_peers_next(struct ike_sa *sa, struct ike_sa *last);
/* The newest confirmed ISAKMP SA with the same peer: what children are under, and what is wanted is asked in. */
struct ike_sa *v1_newest(struct ike_sa *sa);
/* The peer has the SA, too: those before are superseded, or it is by one of them. Their children go to
 * the one that stays. */
void v1_confirmed(struct ike_sa *sa);
/* It ends, or is to: whichever other SA there is takes its children. */
void v1_bequeath(struct ike_sa *sa);
/* A child by its SPI on any ISAKMP SA with the same peer. */
struct child_sa *v1_child_by_spi_out(struct ike_sa *sa, uint32_t spi);
