/* A message that passed its integrity check, and the only ways to get one. Code that changes an SA
 * takes a `const struct opened *`. */
#pragma once

#include "base/arena.h"
#include "wire/wire.h"

struct ike_sa;
struct ike_path;

struct opened {
	struct ike_header header;
	struct payload_chain chain; /* of the inside, for protected messages */
	struct bytes raw;           /* the datagram, for AUTH over IKE_SA_INIT */
	struct ike_path path;
	bool authenticated;
	bool critical_unknown; /* a critical payload of an unknown type: answer with it, RFC 7296
				  §2.5 */
	uint8_t critical_type;
	bool malformed; /* authentic, but not well formed: INVALID_SYNTAX */
};

/* Decrypts and verifies; gathers fragments. Returns 1 and a message in `arena`, 0 while fragments
 * are missing, or a negative errno where the message is to be dropped (with a word why). */
int receive_open(struct ike_sa *sa, const struct ike_path *path, const struct ike_header *header,
	struct bytes datagram, struct arena *arena, struct opened **ret_opened,
	const char **ret_why);

/* IKE_SA_INIT only: there is no integrity yet. NULL where it is malformed. */
struct opened *opened_without_integrity(const struct ike_path *path,
	const struct ike_header *header, struct bytes datagram, struct arena *arena);
