/* Quick mode, RFC 2409 §5.5: one Child SA for one pair of proxy identities; a child configured with
 * several pairs takes several quick modes. The initiator installs with the second message; the
 * responder's inbound SA is there before it answers, its outbound one is used when the third message
 * has shown that the peer lives. One for the selectors of a child that there is, is its rekeying. */
#pragma once

#include "ike/v1/ikev1.h"

struct v1_quick_data {
	struct child_deal deal;
	struct selector local, remote; /* the pair */
	bool has_ids;                  /* the peer named it */
	bool refused;                  /* initiator: NO_PROPOSAL_CHOSEN */
	bool all_local, all_remote;    /* the wire says all addresses for what that side has */
	struct bytes id_i, id_r;       /* as they came, or as we sent them */
	struct v1_choice choice;       /* responder */
	struct v1_esp_transform transform;
};

extern const struct message_rule v1_quick_first, v1_quick_second, v1_quick_third;

void v1_quick_cleanup(struct exchange *x);
void v1_quick_one(const struct selector *s, struct selectors *ret);

/* The newest live child for the deal's traffic, on any ISAKMP SA with the peer; NULL. */
struct child_sa *v1_quick_live_child(struct ike_sa *sa, const struct child_deal *deal);

/* The child that is rekeyed: named by the second, found again by the first; NULL where it has gone. */
struct child_sa *v1_quick_rekeyed_child(struct exchange *x);
void v1_quick_rekeys(struct v1_quick_data *d, struct child_sa *c);

void v1_quick_delete_replaced(struct child_sa *c);
/* The peer is to delete it; its Delete may get lost, so after a while we do. */
void v1_quick_expect_delete(struct child_sa *c);
/* `made` stands at both ends, in the place of `old` or, NULL, of none. Where one of the other end for the
 * same traffic does, too, one of them goes. */
void v1_quick_stands(struct child_sa *made, const struct child_sa *old);

/* unity.c. As initiator: what the pair and the deal become with split tunneling; false where nothing of
 * it is to go through the tunnel. As responder: before the configuration is chosen. */
bool v1_unity_ask(struct exchange *x);
void v1_unity_asked(struct exchange *x);
void v1_unity_all(struct selector *ret);

step_fn v1_quick_ask_spi;
struct v1_esp_terms v1_quick_terms(const struct exchange *x);
bool v1_quick_take_transform(struct exchange *x);
void v1_quick_put_rest(struct exchange *x, struct bytes nonce); /* all after the SA payload */
struct child_sa *v1_quick_install(struct exchange *x);          /* NULL where it failed */
