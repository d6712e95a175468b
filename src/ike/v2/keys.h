/* Key derivation, RFC 7296 §2.13-2.18. */
#pragma once

#include "ike/sa.h"

const struct transform *proposal_transform(
	const struct proposal *p, uint8_t type);              /* the first; NULL */
uint16_t proposal_id(const struct proposal *p, uint8_t type); /* 0 where none */
struct seal_suite proposal_suite(const struct proposal *p);

struct key_inputs {
	struct bytes ni, nr;
	struct bytes shared;
	const struct secret *old_sk_d; /* rekeying, with old_prf; else NULL */
	uint16_t old_prf;
	bool resumption; /* from the old SK_d without a shared secret, RFC 5723 §5.1 */
};

/* Derives the SK_ keys for sa->chosen and sa's SPIs and puts them into sa->keys. Returns 0 or -EIO.
 */
int keys_derive_ike(struct ike_sa *sa, const struct key_inputs *in);

/* KEYMAT of a child: fills spec's keys. `initiator`: of the exchange that made it. `shared` empty
 * without PFS. */
int keys_derive_child(struct ike_sa *sa, struct child_spec *spec, bool initiator,
	struct bytes shared, struct bytes ni, struct bytes nr);

/* prf(SK_p, ID'), RFC 7296 §2.15: of our identity or the peer's. `out` has room for 64. */
int keys_maced_id(
	struct ike_sa *sa, bool ours, const struct ike_id *id, uint8_t *out, size_t *ret_size);

void keys_clear_ike(struct ike_keys *k);
