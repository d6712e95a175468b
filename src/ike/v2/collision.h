/* Collisions, RFC 7296 §2.8 and §2.25: facts in, verdict out. */
#pragma once

#include "base/bytes.h"

/* A CREATE_CHILD_SA request against what we are doing ourselves. */
enum collision_request { REQUEST_NEW_CHILD, REQUEST_REKEY_CHILD, REQUEST_REKEY_IKE };

struct collision_facts {
	enum collision_request request;
	bool ike_being_rekeyed; /* by us: our request is out */
	bool ike_being_deleted;
	bool ike_rekeyed;    /* a successor stands already */
	bool child_exchange; /* ours creates, rekeys or deletes a child */
	bool child_found;    /* REKEY_CHILD: it names one that we have */
	bool child_being_deleted;
	bool child_rekeyed; /* it has a successor already */
};

/* 0: go on; else the notify to refuse with. */
uint16_t collision_judge(const struct collision_facts *f);

/* Both sides rekeyed the same SA: whose exchange holds the lowest of the four nonces loses
 * (§2.8.1). Each argument is the lower nonce of one exchange. */
bool collision_ours_lost(struct bytes ours, struct bytes theirs);
struct bytes lower_nonce(struct bytes a, struct bytes b);
