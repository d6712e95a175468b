/* IKE_AUTH as initiator, RFC 7296 §1.2: the first request says who we are and what child we want;
 * where either side has more rounds of authentication (RFC 4739), further requests follow. The
 * response to the last one has what was agreed on. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/negotiate.h"
#include "ike/peers.h"
#include "ike/supervise.h"
#include "ike/ticket.h"
#include "ike/twins.h"
#include "ike/unique.h"
#include "ike/v2/auth.h"
#include "ike/v2/childless.h"
#include "ike/v2/exchanges.h"
#include "ike/v2/features.h"
#include "ike/v2/redirect.h"
#include "ike/v2/session_resume.h"

static const struct payload_rule request_payloads[] = {
	{ PAYLOAD_IDI, 1, 1 },
	{ PAYLOAD_CERT, 0, IKE_CERTS_MAX },
	{ PAYLOAD_CERTREQ, 0, 255 },
	{ PAYLOAD_IDR, 0, 1 },
	{ PAYLOAD_AUTH, 0, 1 },
	{ PAYLOAD_SA, 0, 1 },
	{ PAYLOAD_TSI, 0, 1 },
	{ PAYLOAD_TSR, 0, 1 },
	{ PAYLOAD_CP, 0, 1 },
	{ 0 },
};
static const struct payload_rule next_request_payloads[] = {
	{ PAYLOAD_IDI, 0, 1 },
	{ PAYLOAD_IDR, 0, 1 },
	{ PAYLOAD_CERT, 0, IKE_CERTS_MAX },
	{ PAYLOAD_CERTREQ, 0, 255 },
	{ PAYLOAD_AUTH, 0, 1 },
	{ 0 },
};
static const struct payload_rule response_payloads[] = {
	{ PAYLOAD_IDR, 0, 1 },
	{ PAYLOAD_CERT, 0, IKE_CERTS_MAX },
	{ PAYLOAD_AUTH, 0, 1 },
	{ PAYLOAD_SA, 0, 1 },
	{ PAYLOAD_TSI, 0, 1 },
	{ PAYLOAD_TSR, 0, 1 },
	{ PAYLOAD_CP, 0, 1 },
	{ 0 },
};
static const struct message_rule request = { "IKE_AUTH request", request_payloads };
static const struct message_rule next_request = { "IKE_AUTH request", next_request_payloads };
static const struct message_rule response = { "IKE_AUTH response", response_payloads };

static bool wants_certificates(const struct connection *c)
{
	for (size_t i = 0; i < c->remote_count; i++)
		if (c->remote[i].class == AUTH_CLASS_PUBKEY || c->remote[i].class == AUTH_CLASS_ANY)
			return c->send_certreq;
	return false;
}

static enum step prepare(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct auth_data *d = x->data;
	const struct connection *c = sa->connection;
	const struct identity *remote = &c->remote[0].id;
	struct ike_setup *setup = sa->setup;

	auth_set_local_id(sa, 0);
	d->ours_now = d->theirs_next = true;
	if (!auth_rounds_possible(x))
		return STEP_REJECT;
	if (resuming(sa)) {
		struct id_payload local = ike_id_payload(&setup->resumes->local_id),
				  peer = ike_id_payload(&setup->resumes->remote_id);

		auth_set_id(&sa->local_id, &local);
		auth_set_id(&sa->remote_id, &peer);
	} else if (remote->type && !remote->wildcard)
		auth_set_id(&sa->remote_id, &(struct id_payload){ remote->type, remote->value });
	if (setup->child)
		d->deal.config = setup->child;
	else if (c->child_count && !(sa->replaces && setup->peer_childless))
		d->deal.config = &c->children[0];
	d->forestalled = twins_forestalled(sa, d->deal.config);
	if (d->forestalled)
		return STEP_END;
	if (childless_decide(x, d->deal.config, &d->childless) != STEP_NEXT)
		return STEP_REJECT;
	d->with_child = !d->childless;
	d->deal.ni = exchange_keep(x, octets_bytes(&setup->our_nonce));
	d->deal.nr = exchange_keep(x, octets_bytes(&setup->peer_nonce));
	return STEP_NEXT;
}

static enum step build_request(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct auth_data *d = x->data;

	if (sa->remote_id.type)
		peers_enter(sa);
	auth_put_id(x, PAYLOAD_IDI, &sa->local_id);
	if (unique_first_contact(sa))
		exchange_notify(x, INITIAL_CONTACT, BYTES_EMPTY);
	if (!resuming(sa) && wants_certificates(sa->connection))
		certreqs_put(x);
	if (sa->remote_id.type)
		auth_put_id(x, PAYLOAD_IDR, &sa->remote_id);
	auth_put_proof(x);
	features_put_auth(x);
	if (d->with_child)
		deal_request(x, &d->deal, false);
	return STEP_NEXT;
}

/* Errors that end the IKE SA; any other that comes with the last response is about the child, RFC
 * 7296 §2.21.2. */
static bool refuses_us(uint16_t error)
{
	return error == AUTHENTICATION_FAILED || error == INVALID_SYNTAX ||
		error == UNSUPPORTED_CRITICAL_PAYLOAD;
}

static enum step read_refusal(struct exchange *x)
{
	const struct connection *c = x->sa->connection;
	struct id_payload local = ike_id_payload(&x->sa->local_id),
			  remote = ike_id_payload(&x->sa->remote_id);
	struct auth_data *d = x->data;
	char name[NAME_TEXT_MAX], method[NAME_TEXT_MAX], a[200], b[200];
	size_t ours = d->local_round ? d->local_round - 1 : 0;
	struct where where = auth_id_where(&c->local[ours]),
		     expected = auth_id_where(
			     &c->remote[d->remote_round < c->remote_count ? d->remote_round
									  : c->remote_count - 1]);
	struct notify n = { 0 };

	d->theirs_now = d->theirs_next;
	chain_error(exchange_in(x), &n);
	if (d->theirs_now ? chain_count(exchange_in(x), PAYLOAD_AUTH) > 0 : !refuses_us(n.type))
		return STEP_NEXT;
	if (!n.type)
		return exchange_reject(x, 0,
			"the peer's IKE_AUTH response has neither AUTH nor an error: it wants EAP, which tern does not speak yet");
	return exchange_reject(x, 0,
		"the peer refused IKE_AUTH with %s: we are %s by %s (%s:%u), it should be %s (%s:%u); compare secrets, certificates and identities with the peer's",
		notify_name(n.type, name), id_print(&local, a, sizeof(a)),
		auth_method_name(d->signature.method, method), where.file, where.line,
		remote.type ? id_print(&remote, b, sizeof(b)) : "%any", expected.file,
		expected.line);
}

static enum step check_identity(struct exchange *x)
{
	struct auth_data *d = x->data;
	const struct auth_round *remote = &x->sa->connection->remote[d->remote_round];
	struct where where = auth_id_where(remote);
	struct id_payload id;
	char got[200];

	if (!d->theirs_now)
		return STEP_NEXT;
	x->reject.doom = true;
	if (!id_decode(exchange_body(x, PAYLOAD_IDR), &id))
		return exchange_reject(x, AUTHENTICATION_FAILED, "the peer's IDr is malformed");
	if (!resuming(x->sa) && !conf_id_match(&remote->id, &id))
		return exchange_reject(x, AUTHENTICATION_FAILED,
			"AUTHENTICATION_FAILED: the peer is %s; connection %s wants %s (%s:%u)",
			id_print(&id, got, sizeof(got)), sa_name(x->sa),
			remote->id.text ? remote->id.text : "%any", where.file, where.line);
	x->reject.doom = false;
	auth_set_id(&x->sa->remote_id, &id);
	return !resuming(x->sa) || resume_identities(x) ? STEP_NEXT : STEP_REJECT;
}

static bool install(struct exchange *x)
{
	struct auth_data *d = x->data;
	struct child_sa *other = twins_other_child(x->sa, &d->deal, x->sa->begun_at), *made;
	bool keeps = other && twins_keeps_child(x->sa, other);

	d->deal.redundant = other && !keeps;
	made = deal_install(x, &d->deal);
	if (made && other)
		twins_drop_child(keeps ? other : made);
	return made;
}

/* All rounds of both sides are over and good. */
static enum step finish(struct exchange *x)
{
	struct auth_data *d = x->data;

	resume_established(x);
	auth_established(x);
	features_read_auth(x);
	if (!x->sa->redirect_to)
		unique_established(x->sa);
	if (!d->with_child || x->sa->redirect_to)
		return STEP_END;
	d->child_error = deal_read_response(x, &d->deal, false);
	if (d->child_error)
		snprintf(d->child_text, sizeof(d->child_text), "%s", x->reject.text);
	else if (!install(x))
		d->child_error = TEMPORARY_FAILURE;
	if (d->child_error && exchange_granted(x))
		deal_undo(x->sa, &d->deal);
	return STEP_END;
}

/* Whom we expect to be told next: the other end of our next round. */
static void expect_next(struct exchange *x)
{
	struct auth_data *d = x->data;
	const struct identity *next = &x->sa->connection->remote[d->remote_round].id;

	d->names_next = d->ours_now && d->theirs_next && next->type && !next->wildcard;
	if (d->names_next)
		auth_set_id(&x->sa->remote_id, &(struct id_payload){ next->type, next->value });
}

static enum step go_on(struct exchange *x)
{
	struct auth_data *d = x->data;
	const struct connection *c = x->sa->connection;

	if (!auth_rounds_agree(x))
		return STEP_REJECT;
	d->ours_now = d->local_round < c->local_count;
	if (!d->ours_now && !d->theirs_next)
		return finish(x);
	if (++d->messages >= x->engine->options.auth_messages_max)
		return exchange_reject(x, AUTHENTICATION_FAILED,
			"IKE_AUTH did not end within %u messages", d->messages);
	if (d->ours_now)
		auth_set_local_id(x->sa, d->local_round);
	expect_next(x);
	return STEP_NEXT;
}

/* A later round of ours, or nothing but the word for the peer to go on with its own. */
static enum step build_next(struct exchange *x)
{
	struct auth_data *d = x->data;

	if (d->ours_now) {
		auth_put_id(x, PAYLOAD_IDI, &x->sa->local_id);
		if (d->names_next)
			auth_put_id(x, PAYLOAD_IDR, &x->sa->remote_id);
		auth_put_proof(x);
	}
	return STEP_NEXT;
}

/* What was wanted of it is there, on the SA of the peer. */
static void forestalled(struct ike_sa *sa)
{
	uint64_t command = sa->command;

	sa->command = 0;
	command_done(sa->engine, command, true, 0, "");
	for (struct intent *i = sa->intents; i; i = i->next) {
		command_done(sa->engine, i->command, true, 0, "");
		i->command = 0;
	}
	sa_doom(sa, SA_END_REPLACED, "the peer came first");
}

static void done(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct auth_data *d = x->data;
	uint64_t command = sa->command;

	if (d->forestalled) {
		forestalled(sa);
		return;
	}
	if (redirect_after_auth(sa, d->deal.config))
		return;
	sa->command = 0;
	if (d->childless && d->deal.config) {
		intent_add(sa,
			&(struct intent){ .kind = INTENT_CREATE_CHILD,
				.config = d->deal.config,
				.command = command,
				.asked_at = sa->begun_at });
		return;
	}
	if (d->child_error == SINGLE_PAIR_REQUIRED && deal_single_pair(x, &d->deal)) {
		intent_add(sa,
			&(struct intent){ .kind = INTENT_CREATE_CHILD,
				.config = d->deal.config,
				.command = command,
				.asked_at = sa->begun_at });
		return;
	}
	if (d->child_error) {
		sa_tell(sa, IKE_EVENT_FAILED, 0, "%s", d->child_text);
		supervise_child_failed(sa, d->deal.config, d->child_text);
	}
	command_done(x->engine, command, !d->child_error, 0, d->child_text);
}

/* It has sent its AUTH, and nobody refused ours. */
static bool peer_believes(const struct exchange *x)
{
	return x->in &&
		(x->reject.notify == AUTHENTICATION_FAILED || exchange_granted(x) ||
			chain_count(exchange_in(x), PAYLOAD_AUTH));
}

/* Our verification failed, or something else that came after the response: the peer believes in an SA
 * that we don't, so tell it, RFC 7296 §2.21.2. */
static void failed(struct exchange *x, const char *why)
{
	struct ike_sa *sa = x->sa;
	struct exchange *report;

	if (!peer_believes(x) || sa->doomed || sa->gone) {
		auth_failed(x, why);
		return;
	}
	x->reject.doom = false;
	command_done(x->engine, sa->command, false, 0, why);
	sa->command = 0;
	report = exchange_begin(sa, &report_failure_initiator, NULL);
	if (report) {
		failure_because(report, why, x->reject.notify);
		exchange_start(report);
	}
}

static step_fn *const begins[] = { prepare, auth_sign, auth_ask_spi, build_request, NULL };
static step_fn *const follows[] = { read_refusal, check_identity, auth_verify, go_on, auth_sign,
	build_next, NULL };
static const struct round rounds[] = {
	{ NULL, begins, &request, false },
	{ &response, follows, &next_request, true },
};

const struct exchange_kind ike_auth_initiator = {
	.name = "IKE_AUTH",
	.type = IKE_AUTH,
	.rounds = rounds,
	.round_count = 2,
	.data_size = sizeof(struct auth_data),
	.failed = failed,
	.finished = done,
};
