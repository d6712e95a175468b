/* The exchanges of IKEv2 and how one gets to them. */
#pragma once

#include "ike/child.h"
#include "ike/exchange.h"
#include "ike/v2/collision.h"

extern const struct exchange_kind ike_sa_init_initiator, ike_auth_initiator;
extern const struct exchange_kind create_child_initiator, rekey_child_initiator,
	rekey_ike_initiator;
extern const struct exchange_kind invalid_selectors_initiator, invalid_spi_initiator;
extern const struct exchange_kind delete_child_initiator, delete_ike_initiator, liveness_initiator;

/* A new IKE_SA_INIT or IKE_SESSION_RESUME request; takes the arena. */
void ike_sa_init_respond(struct ike_engine *e, struct arena *arena, struct opened *message);

/* A verified request within an SA: chooses the exchange; takes the arena. */
void request_dispatch(struct ike_sa *sa, struct arena *arena, struct opened *message);

/* Certificate requests, RFC 7296 §3.7, in IKE_SA_INIT's response and IKE_AUTH's request. */
void certreqs_put(struct exchange *x);
void certreqs_read(struct exchange *x);

extern const struct exchange_kind ike_session_resume_initiator, ike_session_resume_responder,
	ticket_initiator;
extern const struct exchange_kind ike_auth_responder, report_failure_initiator;

/* What the SA will end with, and what the peer is told: AUTHENTICATION_FAILED, or with any other notify
 * type that we delete the SA. */
void failure_because(struct exchange *report, const char *why, uint16_t notify);

/* Which of its three meanings a CREATE_CHILD_SA request has, RFC 7296 §1.3. */
const struct exchange_kind *create_child_kind(const struct opened *message);
extern const struct exchange_kind rekey_ike_responder;

/* A request against what we do ourselves; `child`: the one that it names, NULL where none is found. */
enum collision_verdict request_collides(
	const struct ike_sa *sa, enum collision_request what, const struct child_sa *child);

/* The peer deletes an SPI that we don't know: it may be that of the child which we are creating, whose
 * response is late. */
void create_spi_deleted(struct ike_sa *sa, uint32_t spi);

/* The peer rekeys the IKE SA: a child that we were preparing to create or to rekey waits for that, as the
 * peer knows nothing of it yet. */
void create_put_off(struct ike_sa *sa);

/* The peer decided, or ended the old IKE SA, before our rekeying of it came to an end: what its own
 * rekeying made takes over. */
void rekey_ike_forget(struct ike_sa *old);
void rekey_ike_chosen(struct ike_sa *rival);
