/* Collisions, RFC 7296 §2.8 and §2.25: facts in, verdict out. */
#pragma once

#include "base/bytes.h"

/* A request of the peer against what we are doing ourselves. */
enum collision_request {
	REQUEST_NEW_CHILD,
	REQUEST_REKEY_CHILD,
	REQUEST_DELETE_CHILD,
	REQUEST_REKEY_IKE,
	REQUEST_DELETE_IKE
};

struct collision_facts {
	enum collision_request request;
	bool ike_being_rekeyed; /* by us: our request is out */
	bool ike_being_deleted;
	bool ike_rekeyed;      /* a successor stands already */
	bool child_exchange;   /* ours creates, rekeys or deletes a child: our request is out */
	bool child_being_made; /* ours creates or rekeys one: its response may be on its way */
	bool child_found;      /* REKEY_CHILD, DELETE_CHILD: the request names one that we have */
	bool child_being_rekeyed; /* by us: our request is out */
	bool child_being_deleted;
	bool child_rekeyed; /* it has a successor already */
};

enum collision_verdict {
	COLLISION_NONE,    /* reply as usual */
	COLLISION_COMPARE, /* reply as usual; the nonces will say which of the two new SAs is
			      redundant */
	COLLISION_FORGET,  /* reply as usual, and forget about our own request */
	COLLISION_LATER,   /* reply with TEMPORARY_FAILURE */
	COLLISION_UNKNOWN, /* reply with CHILD_SA_NOT_FOUND */
	COLLISION_SILENT,  /* reply without a Delete payload */
};

enum collision_verdict collision_judge(const struct collision_facts *f);

/* Both sides rekeyed the same SA: whose exchange holds the lowest of the four nonces loses
 * (§2.8.1). Each argument is the lower nonce of one exchange. */
bool collision_ours_lost(struct bytes ours, struct bytes theirs);
struct bytes lower_nonce(struct bytes a, struct bytes b);
