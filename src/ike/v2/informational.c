/* INFORMATIONAL, RFC 7296 §1.4: deletes, liveness, and errors that have nowhere else to go; and the
 * dispatch of requests. */
#include <stdio.h>

#include "ike/heir.h"
#include "ike/lifetime.h"
#include "ike/renew.h"
#include "ike/v2/child_notifies.h"
#include "ike/v2/configuration.h"
#include "ike/v2/exchanges.h"
#include "ike/v2/mobike.h"
#include "ike/v2/qcd.h"
#include "ike/v2/redirect.h"
#include "ike/v2/send.h"
#include "ike/v2/session_resume.h"

static const struct payload_rule any_payloads[] = {
	{ PAYLOAD_DELETE, 0, 255 },
	{ PAYLOAD_CP, 0, 1 },
	{ 0 },
};
static const struct message_rule request = { "INFORMATIONAL request", any_payloads };
static const struct message_rule response = { "INFORMATIONAL response", any_payloads };

static void put_delete(struct exchange *x, uint8_t protocol, const uint32_t *spis, size_t count)
{
	delete_encode(exchange_payload(x, PAYLOAD_DELETE), protocol, spis, count);
	exchange_payload_end(x);
}

static step_fn *const no_steps[] = { NULL };

/* Liveness: an empty request; any authenticated answer is the proof, §2.4. */

static step_fn *const liveness_begins[] = { mobike_put_probe, NULL };
static step_fn *const liveness_ends[] = { mobike_read_probe, NULL };
static const struct round liveness_rounds[] = {
	{ NULL, liveness_begins, &request },
	{ &response, liveness_ends, NULL },
};

const struct exchange_kind liveness_initiator = {
	.name = "INFORMATIONAL",
	.type = INFORMATIONAL,
	.rounds = liveness_rounds,
	.round_count = 2,
};

/* Deleting the IKE SA, §1.4.1: all its children go with it. */

static enum step build_delete_ike(struct exchange *x)
{
	x->sa->delete_sent = true;
	put_delete(x, PROTOCOL_IKE, NULL, 0);
	return STEP_NEXT;
}

static void delete_ike_done(struct exchange *x)
{
	uint64_t command = x->intent ? x->intent->command : 0;

	sa_doom(x->sa, x->intent ? x->intent->end : SA_END_COMMAND, "deleted");
	command_done(x->engine, command, true, 1, "");
}

static void delete_ike_failed(struct exchange *x, const char *why)
{
	uint64_t command = x->intent ? x->intent->command : 0;

	sa_doom(x->sa, x->intent ? x->intent->end : SA_END_COMMAND, why);
	command_done(x->engine, command, true, 1, why);
}

static step_fn *const delete_ike_begins[] = { build_delete_ike, NULL };
static const struct round delete_ike_rounds[] = {
	{ NULL, delete_ike_begins, &request },
	{ &response, no_steps, NULL },
};

const struct exchange_kind delete_ike_initiator = {
	.name = "INFORMATIONAL",
	.type = INFORMATIONAL,
	.rounds = delete_ike_rounds,
	.round_count = 2,
	.failed = delete_ike_failed,
	.finished = delete_ike_done,
};

/* Telling the peer that we did not believe its IKE_AUTH response, §2.21.2, or could not make use of it. */

struct failure_data {
	uint16_t notify;
	char why[REJECT_TEXT_MAX];
};

void failure_because(struct exchange *report, const char *why, uint16_t notify)
{
	struct failure_data *d = report->data;

	d->notify = notify;
	snprintf(d->why, sizeof(d->why), "%s", why);
}

static enum step build_failure(struct exchange *x)
{
	const struct failure_data *d = x->data;

	if (d->notify != AUTHENTICATION_FAILED)
		return build_delete_ike(x);
	exchange_notify(x, AUTHENTICATION_FAILED, BYTES_EMPTY);
	return STEP_NEXT;
}

static void failure_reported(struct exchange *x)
{
	const struct failure_data *d = x->data;

	sa_doom(x->sa, SA_END_FAILED, d->why);
}

static void failure_unreported(struct exchange *x, const char *why)
{
	(void)why;
	failure_reported(x);
}

static step_fn *const failure_begins[] = { build_failure, NULL };
static const struct round failure_rounds[] = {
	{ NULL, failure_begins, &request },
	{ &response, no_steps, NULL },
};

const struct exchange_kind report_failure_initiator = {
	.name = "INFORMATIONAL",
	.type = INFORMATIONAL,
	.rounds = failure_rounds,
	.round_count = 2,
	.data_size = sizeof(struct failure_data),
	.failed = failure_unreported,
	.finished = failure_reported,
};

/* Deleting a child: we name our inbound SPI, the peer answers with its own, §1.4.1. */

/* Who wants an end of the child means what was made in its place, too. */
static struct child_sa *to_be_deleted(struct exchange *x)
{
	struct intent *i = x->intent;
	struct child_sa *c = child_find(x->engine, i->child_id);

	if (i->end == SA_END_COMMAND)
		c = child_latest(c);
	if (!c || c->sa != x->sa || c->state == IKE_CHILD_DELETED)
		return NULL;
	i->child_id = c->id;
	return c;
}

static enum step build_delete_child(struct exchange *x)
{
	struct child_sa *c = x->intent->spi ? NULL : to_be_deleted(x);
	uint32_t spi = c ? c->spec.spi_in : x->intent->spi;

	if (!spi)
		return STEP_END;
	if (c)
		c->state = IKE_CHILD_DELETING;
	put_delete(x, PROTOCOL_ESP, &spi, 1);
	return STEP_NEXT;
}

static void delete_child_done(struct exchange *x)
{
	struct child_sa *c = child_find(x->engine, x->intent->child_id);

	if (c && c->sa == x->sa && c->state != IKE_CHILD_DELETED)
		child_retire(c, x->intent->end, "deleted");
	command_done(x->engine, x->intent->command, true, c != NULL, "");
}

static void delete_child_failed(struct exchange *x, const char *why)
{
	(void)why;
	delete_child_done(x);
}

static step_fn *const delete_child_begins[] = { build_delete_child, NULL };
static const struct round delete_child_rounds[] = {
	{ NULL, delete_child_begins, &request },
	{ &response, no_steps, NULL },
};

const struct exchange_kind delete_child_initiator = {
	.name = "INFORMATIONAL",
	.type = INFORMATIONAL,
	.rounds = delete_child_rounds,
	.round_count = 2,
	.failed = delete_child_failed,
	.finished = delete_child_done,
};

/* The responder: deletes what is asked, answers with our halves. */

struct informational_data {
	bool delete_ike;
	bool auth_failed;
	bool addresses; /* of the SA are to be looked at */
};

/* The peer deletes the SA that it receives on: our outbound one. A successor takes over before it
 * goes. Where both delete at once, §1.4.1, the other exchange ends it and we name nothing here. */
static bool delete_named(struct ike_sa *sa, uint32_t spi, uint32_t *ret_ours)
{
	struct child_sa *c = child_by_spi_out(sa, spi);
	struct child_sa *successor = c ? child_find(sa->engine, c->successor) : NULL;

	if (successor && successor->state != IKE_CHILD_DELETED) {
		child_yields(c);
		child_announce(successor);
	}
	switch (request_collides(sa, REQUEST_DELETE_CHILD, c)) {
	case COLLISION_SILENT:
		create_spi_deleted(sa, spi);
		return false;
	default:
		*ret_ours = c->spec.spi_in;
		child_retire(c, SA_END_PEER_DELETED, "deleted by the peer");
		return true;
	}
}

/* Children that a rekeyed IKE SA handed over are still deleted by requests that were under way in
 * it. */
static struct ike_sa *holder_of(struct ike_sa *sa)
{
	struct ike_sa *next;

	while ((next = sa->successor ? sa_find(sa->engine, sa->successor) : NULL) && !next->gone)
		sa = next;
	return sa;
}

static size_t delete_children(
	struct ike_sa *sa, const struct delete_payload *del, uint32_t *ours, size_t room)
{
	struct reader r = reader_of(del->spis);
	size_t count = 0;

	while (count < room && reader_left(&r) >= 4)
		if (delete_named(sa, read_u32(&r), &ours[count]))
			count++;
	return count;
}

#define DELETES_MAX 256

static enum step handle(struct exchange *x)
{
	struct informational_data *d = x->data;
	uint32_t ours[DELETES_MAX];
	const struct payload *p;
	struct delete_payload del;
	struct notify n;
	size_t count = 0;

	for (size_t i = 0; (p = chain_find(exchange_in(x), PAYLOAD_DELETE, i)); i++) {
		if (!delete_decode(p->body, &del))
			continue;
		if (del.protocol == PROTOCOL_IKE)
			d->delete_ike = true;
		else if (del.protocol == PROTOCOL_ESP)
			count += delete_children(
				holder_of(x->sa), &del, ours + count, DELETES_MAX - count);
	}
	auth_lifetime_read(x);
	child_notifies_read(x);
	configuration_inform(x);
	redirect_read(x);
	d->auth_failed = chain_notify(exchange_in(x), AUTHENTICATION_FAILED, &n);
	qcd_read(x, x->sa);
	resume_answer(x);
	if (count && !d->delete_ike)
		put_delete(x, PROTOCOL_ESP, ours, count);
	d->addresses = mobike_request(x);
	return STEP_NEXT;
}

static void handled(struct exchange *x)
{
	struct informational_data *d = x->data;

	if (x->sa->setup) {
		sa_tell(x->sa, IKE_EVENT_FAILED, 0, "the peer gave up in the middle of IKE_AUTH%s",
			d->auth_failed ? ": it did not accept our authentication" : "");
		sa_linger(x->sa, SA_END_FAILED, "the peer gave up in the middle of IKE_AUTH");
	} else if (d->auth_failed && x->sa->established_at) {
		sa_tell(x->sa, IKE_EVENT_FAILED, 0,
			"the peer did not accept our authentication (AUTHENTICATION_FAILED): compare secrets, certificates and identities with the peer's");
		sa_linger(x->sa, SA_END_FAILED, "the peer did not accept our authentication");
	} else if (d->delete_ike) {
		bool rekeyed;

		rekey_ike_forget(x->sa);
		rekeyed = x->sa->state == IKE_REKEYED || renew_succeeded(x->sa);
		sa_linger(x->sa, rekeyed ? SA_END_REPLACED : SA_END_PEER_DELETED,
			rekeyed ? "replaced" : "deleted by the peer");
	} else if (d->addresses) {
		mobike_requested(x);
	}
}

static step_fn *const handle_steps[] = { handle, NULL };
static const struct round handle_rounds[] = { { &request, handle_steps, &response } };

static const struct exchange_kind informational_responder = {
	.name = "INFORMATIONAL",
	.type = INFORMATIONAL,
	.rounds = handle_rounds,
	.round_count = 1,
	.data_size = sizeof(struct informational_data),
	.finished = handled,
};

/* Dispatch. */

/* An exchange that has no place in an SA that stands: "all requests having errors MUST result in a
 * response", §2.21.3, and INVALID_SYNTAX is for any error that no other type is for, §3.10.1. */

static enum step refuse(struct exchange *x)
{
	char name[NAME_TEXT_MAX];

	return exchange_reject(x, INVALID_SYNTAX, "the peer's %s request has no place here",
		exchange_name(x->in->header.exchange, name));
}

static step_fn *const refuse_steps[] = { refuse, NULL };
static const struct payload_rule unknown_payloads[] = { { 0 } };
static const struct message_rule unknown = { "request", unknown_payloads };
static const struct round refuse_rounds[] = { { &unknown, refuse_steps, NULL, false } };

static const struct exchange_kind refusing_responder = {
	.name = "refusal",
	.rounds = refuse_rounds,
	.round_count = 1,
};

/* Before the peer has authenticated, or when all is over, there is silence. */
static void refuse_request(struct ike_sa *sa, struct arena *arena, struct opened *message)
{
	char name[NAME_TEXT_MAX];

	if (sa->established_at && !sa->gone && !sa->theirs) {
		exchange_respond(sa, &refusing_responder, arena, message);
		return;
	}
	sa_tell(sa, IKE_EVENT_DROPPED, 1, "dropped %s request: not expected now",
		exchange_name(message->header.exchange, name));
	arena_free(arena);
}

/* Between two messages of an exchange of several rounds: the next one; or that the peer gave up. */
static void request_resume(struct ike_sa *sa, struct arena *arena, struct opened *message)
{
	if (message->header.exchange == sa->theirs->kind->type) {
		exchange_resume(sa->theirs, arena, message);
	} else if (message->header.exchange == INFORMATIONAL) {
		exchange_free(sa->theirs);
		exchange_respond(sa, &informational_responder, arena, message);
	} else {
		refuse_request(sa, arena, message);
	}
}

static bool deletes_ike(const struct opened *message)
{
	const struct payload *p = chain_find(&message->chain, PAYLOAD_DELETE, 0);
	struct delete_payload del;

	return p && delete_decode(p->body, &del) && del.protocol == PROTOCOL_IKE;
}

void request_dispatch(struct ike_sa *sa, struct arena *arena, struct opened *message)
{
	const struct exchange_kind *kind = NULL;
	bool up = sa->established_at && !sa->gone;

	if (!deletes_ike(message))
		heirs_confirmed(sa);
	if (sa->theirs) {
		request_resume(sa, arena, message);
		return;
	}
	if (sa->rival_of && !deletes_ike(message))
		rekey_ike_chosen(sa);
	switch (message->header.exchange) {
	case IKE_AUTH:
		kind = !sa->established_at && !sa->initiator ? &ike_auth_responder : NULL;
		break;
	case CREATE_CHILD_SA:
		kind = up ? create_child_kind(message) : NULL;
		break;
	case INFORMATIONAL:
		kind = up ? &informational_responder : NULL;
		break;
	default:
		break;
	}
	if (kind)
		exchange_respond(sa, kind, arena, message);
	else
		refuse_request(sa, arena, message);
}
