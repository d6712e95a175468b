/* Child SAs: negotiating them in either role, installing and removing them. */
#pragma once

#include "ike/agree.h"

/* More than ever take each other's place while the first of them is still kept. */
#define LINE_CHILDREN_MAX 64

struct child_sa *child_find(const struct ike_engine *e, uint32_t id);
/* What a child was replaced by, and that, as far as there is something; NULL of NULL. */
struct child_sa *child_latest(struct child_sa *c);
struct child_sa *child_by_spi_out(struct ike_sa *sa, uint32_t spi);
struct child_sa *child_by_spi_in(struct ike_sa *sa, uint32_t spi);
struct child_sa *child_live(
	const struct ike_sa *sa, const char *name); /* installed, not replaced */
void child_free(struct child_sa *c);                /* without an operation */
/* Whether the peer has our response that made it, as its next request shows. */
bool child_confirmed(const struct child_sa *c);
void children_reap(struct ike_engine *e);

/* Takes the SA out of the data plane and tells; the struct stays until its owner frees it.
 * SA_END_REPLACED: a successor carries the traffic. */
void child_remove(struct child_sa *c, enum sa_end end, const char *why);
void child_path_changed(struct child_sa *c);
void child_timer_due(struct child_sa *c, enum sa_timer kind);
struct ike_kernel_event;
void child_kernel(struct child_sa *c, const struct ike_kernel_event *event);
void child_move(struct child_sa *c, struct ike_sa *to); /* to the rekeyed IKE SA */

/* What is being agreed about one child, by either side, in IKE_AUTH or CREATE_CHILD_SA. Lives in
 * the exchange's arena. */
struct child_deal {
	const struct child_config *config;
	struct child_sa *rekeys; /* or NULL */
	uint32_t rekeys_id;
	const struct connection
		*born;  /* held by the exchange: whose configuration the rekeyed child
					  has; NULL: the IKE SA's */
	uint32_t reqid; /* that of the rekeyed child; 0: a new one */
	bool redundant; /* it lost, or may lose, against a rekeying of the peer: not to be used yet
			 */
	struct bytes ni, nr;
	struct agreement ke; /* without a group: no PFS */
	uint32_t spi_in, spi_out;
	struct proposal chosen;
	enum child_mode mode;
	struct selectors local, remote;
	struct selectors said_local, said_remote; /* what the response says: see substitute() */
	struct address original; /* transport mode through a NAT: what the peer has for its own
				    address; family 0: it didn't say */
	bool single;             /* initiator: asks for a single pair of addresses, §2.9 */
	bool more_possible; /* responder: it narrowed, and would take more in further children */
	bool no_tfc;        /* the peer can't have padding: ESP_TFC_PADDING_NOT_SUPPORTED */
	bool initiator;
	uint32_t made; /* the child that came of it */
};

/* The request. `with_ke`: the proposals of CREATE_CHILD_SA have key exchange methods, those of
 * IKE_AUTH don't. */
void deal_request(struct exchange *x, struct child_deal *deal, bool with_ke);
/* The peer wants a single pair of addresses (SINGLE_PAIR_REQUIRED): whether there is one to ask for,
 * that of the packet which the child is wanted for, or of the child that is rekeyed. */
bool deal_single_pair(struct exchange *x, const struct child_deal *deal);
/* The selectors of a child as configured, with the SA's addresses for `dynamic`. */
void child_configured(const struct ike_sa *sa, const struct child_config *config, bool local,
	struct selectors *ret);
uint16_t deal_first_group(const struct child_config *config);

/* As responder: chooses the configuration, proposal, selectors and mode. Returns 0, or the notify
 * to refuse with, its explanation in x->reject.text. */
uint16_t deal_choose(struct exchange *x, struct child_deal *deal, bool with_ke);
/* Of that, the configuration, mode and selectors for what the deal has of the peer's. */
uint16_t deal_choose_selectors(struct exchange *x, struct child_deal *deal);
void deal_response(struct exchange *x, struct child_deal *deal); /* SA, TSi, TSr, N(transport) */

/* As initiator: reads the response. Returns 0, or the error notify received or deserved, explained
 * in x->reject.text. */
uint16_t deal_read_response(struct exchange *x, struct child_deal *deal, bool with_ke);

/* Derives keys and installs. The responder installs both directions before it answers (its outbound
 * SA is used only after, when rekeying); the initiator when it has the answer. Returns the child,
 * or NULL. */
struct child_sa *deal_install(struct exchange *x, struct child_deal *deal);
/* With keys that were derived already; copied. */
struct child_sa *deal_install_keyed(struct exchange *x, struct child_deal *deal,
	const struct child_keys *in, const struct child_keys *out);

/* As initiator: the peer has made the child and we can't. It is to delete it, by the SPI that we would
 * have received on. */
void deal_undo(struct ike_sa *sa, const struct child_deal *deal);

void child_use_outbound(struct child_sa *c); /* from now on it sends; not where it stopped before */
/* It sends no more: an outbound SA that came again would repeat its sequence numbers. `rekeyed`:
 * another sends in its place. */
void child_stop_outbound(struct child_sa *c, bool rekeyed);
void child_announce(struct child_sa *c); /* CHILD_UP or CHILD_REKEYED, once */
void child_operate(struct child_sa *c, enum ike_operation_kind kind, bool rekeyed);
