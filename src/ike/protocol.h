/* What the two versions of IKE do differently: one table of functions each, at sa->protocol. All
 * that is shared (the runner, intents, lifetimes, children, the supervisor) asks the table and never
 * for the version. */
#pragma once

#include "ike/exchange.h"

struct protocol {
	uint8_t version;
	uint8_t creates;        /* the type of exchanges that make Child SAs */
	uint8_t notify, vendor; /* the payload types that any message may have in any number */
	/* Either end may wait for a message in the middle of an exchange, and one that is dropped was
	 * not the awaited one. Else only the initiator of the exchange waits. */
	bool both_wait;
	/* Child SAs outlive the IKE SA that made them: another one of the same peer adopts them. */
	bool adopts;

	/* The KE payload, where in its body the key exchange value begins, and what a peer hears of
	 * one that is invalid (a notify in IKEv2's terms). */
	uint8_t ke, ke_at;
	uint16_t ke_invalid;

	/* Messages. decode(): as chain_decode(), by which what is emitted is checked, too. judge():
	 * x->in against the rule of its round; STEP_NEXT, STEP_REJECT with x->reject filled, or
	 * STEP_DROP. accepted(), may be NULL: the steps of a round that expected a message ran to
	 * their end. over(), may be NULL: the exchange is about to be freed, however it ended. send(): seals x->out and hands it to the window. refuse(): tells the peer what
	 * x->reject says, where that is to be told. */
	enum wire_verdict (*decode)(uint8_t first, struct bytes body,
		struct payload_chain *ret_chain, uint8_t *ret_critical);
	enum step (*judge)(struct exchange *x, const struct message_rule *rule);
	void (*accepted)(struct exchange *x);
	void (*over)(struct exchange *x);
	void (*send)(struct exchange *x);
	void (*refuse)(struct exchange *x);

	/* Exchanges of ours: the first of a new IKE SA, and that which serves an intent. diverts(),
	 * may be NULL: true where this version has another way for the intent, or none; it is taken
	 * care of then, with its command. */
	const struct exchange_kind *(*first)(struct ike_sa *sa);
	const struct exchange_kind *(*serves)(const struct intent *i);
	bool (*diverts)(struct ike_sa *sa, const struct intent *i);

	/* The window: resend() after the SA's path has changed; timer_due() for timers of kind
	 * TIMER_PROTOCOL, whose owner is the SA; quiet(): nothing is retransmitted any more; end():
	 * frees what it holds. */
	void (*resend)(struct ike_sa *sa);
	void (*timer_due)(struct ike_sa *sa, struct timer *t);
	void (*quiet)(struct ike_sa *sa);
	void (*end)(struct ike_sa *sa);

	/* What of the peer an SA that isn't established waits for, in words; may be NULL, as its
	 * answer: nothing that there are words for. */
	const char *(*awaits)(const struct ike_sa *sa);

	/* Whether the peer has an established SA, too, as far as we know; may be NULL: always. */
	bool (*confirmed)(const struct ike_sa *sa);

	/* A datagram of this version, its header decoded and its size checked. */
	void (*admit)(struct ike_engine *e, const struct ike_path *path,
		const struct ike_header *header, struct bytes datagram);
};

extern const struct protocol protocol_v2;

/* NULL where tern was built without IKEv1. */
extern const struct protocol *const protocol_v1;

/* What a connection initiates with; NULL where this build doesn't speak it. */
const struct protocol *protocol_of(const struct connection *c);
