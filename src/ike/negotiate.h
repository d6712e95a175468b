/* Choosing one proposal out of two lists: RFC 7296 §3.3.6. Pure. */
#pragma once

#include "conf/connection.h"
#include "wire/wire.h"

struct negotiation {
	const struct proposal_list *ours;
	struct bytes theirs; /* the body of an SA payload */
	uint8_t protocol;
	bool with_ke;     /* key exchange methods count; not for the child of IKE_AUTH (§1.2) */
	bool prefer_ours; /* our order decides; else theirs */
};

/* Returns 1 with one transform of each type in *ret_chosen (number and SPI are theirs), 0 where
 * nothing fits, -EBADMSG where the payload is malformed. */
int negotiate(const struct negotiation *n, struct proposal *ret_chosen);

/* Likewise for the response to our offer: one proposal, one transform of each type, all of them
 * offered by us. */
int negotiate_response(const struct negotiation *n, struct proposal *ret_chosen);

/* Whether an already chosen proposal would also have been acceptable to another list. */
bool negotiate_would(const struct proposal_list *ours, const struct proposal *chosen);

/* "they offer A, B; we want C (file:line)", for people. */
void negotiate_explain(
	const struct negotiation *n, const struct where *where, char *out, size_t out_size);

/* The key exchange method of a list that comes first; 0 where there is none. */
uint16_t proposals_first_group(const struct proposal_list *list);
bool proposals_have(const struct proposal_list *list, uint8_t type, uint16_t id);

/* Our list as an SA payload body. `spi` of 0, 4 or 8 octets goes into each. */
void proposals_encode(struct writer *w, const struct proposal_list *list, uint8_t protocol,
	struct bytes spi, bool with_ke);
