/* Quick Crash Detection, RFC 6290: each side gives the other a token that only it can make again
 * from the SPIs of their IKE SA. One that has lost its state answers what it no longer
 * understands with that token in the clear, and the other knows at once that the SA is over. */
#pragma once

#include "ike/exchange.h"

#define QCD_TOKEN_BYTES     32 /* of ours */
#define QCD_TOKEN_BYTES_MIN 16 /* of the peer's, RFC 6290 §5 */
#define QCD_TOKEN_BYTES_MAX 128

/* Our token for x->sa into the message that is being built (IKE_AUTH, INFORMATIONAL), or for the
 * SA with these SPIs (the response that rekeys an IKE SA). Nothing where we make none. */
void qcd_put(struct exchange *x);
void qcd_put_for(struct exchange *x, uint64_t spi_i, uint64_t spi_r);

/* Keeps the peer's token of a protected message for `sa` (its own SA, or the one that it makes). */
void qcd_read(struct exchange *x, struct ike_sa *sa);
/* We rekeyed x->sa: keeps the token of the response, and gives a peer that knows of tokens ours. */
void qcd_rekeyed(struct exchange *x, struct ike_sa *made);
void qcd_read_auth(struct exchange *x);

/* A message in the clear for an SA that stands: with the right token it is over (true); without,
 * INVALID_IKE_SPI is a hint and we see whether the peer lives. §4.5. */
bool qcd_presented(struct ike_sa *sa, const struct ike_header *header, struct bytes datagram);

/* A protected request that no SA of ours has: INVALID_IKE_SPI, with the token where we make one. */
void qcd_answer(struct ike_engine *e, const struct ike_path *path, const struct ike_header *header);

/* ESP packets with an SPI that we don't have came from the other end of `path`: INVALID_SPI in the
 * clear, unless an IKE SA stands with it. RFC 7296 §1.5. */
void invalid_spi_tell(struct ike_engine *e, const struct ike_path *path, uint32_t spi);
/* And such a notify from a peer: a hint to see whether it lives. */
void invalid_spi_told(struct ike_engine *e, const struct ike_path *path,
	const struct ike_header *header, struct bytes datagram);

/* After an IKE SA was rekeyed by us, the peer gets our token for the new one, §4.3. */
extern const struct exchange_kind qcd_initiator;
