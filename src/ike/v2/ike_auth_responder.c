/* IKE_AUTH as responder, RFC 7296 §1.2: from the identities the connection, from each AUTH of the
 * peer a verdict, and when the rounds of both sides (RFC 4739) are over, the child. The IKE SA
 * stands then; a child that can't be agreed on doesn't undo it. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/negotiate.h"
#include "ike/unique.h"
#include "ike/v2/auth.h"
#include "ike/v2/childless.h"
#include "ike/v2/exchanges.h"
#include "ike/v2/features.h"
#include "ike/v2/mobike.h"
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
static const struct payload_rule response_payloads[] = {
	{ PAYLOAD_IDR, 1, 1 },
	{ PAYLOAD_CERT, 0, IKE_CERTS_MAX },
	{ PAYLOAD_AUTH, 1, 1 },
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
static const struct payload_rule next_response_payloads[] = {
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
static const struct message_rule response = { "IKE_AUTH response", response_payloads };
static const struct message_rule next_request = { "IKE_AUTH request", next_request_payloads };
static const struct message_rule next_response = { "IKE_AUTH response", next_response_payloads };

static enum step read_identities(struct exchange *x)
{
	struct auth_data *d = x->data;
	struct ike_setup *setup = x->sa->setup;
	struct id_payload idi;
	struct notify n;

	d->first = exchange_keep_message(x);
	if (!id_decode(exchange_body(x, PAYLOAD_IDI), &idi)) {
		x->reject.doom = true;
		return exchange_reject(x, INVALID_SYNTAX, "the peer's IDi is malformed");
	}
	auth_set_id(&x->sa->remote_id, &idi);
	d->theirs_now = d->ours_now = true;
	setup->peer_multiple_auth = chain_notify(exchange_in(x), MULTIPLE_AUTH_SUPPORTED, &n);
	certreqs_read(x);
	d->with_child = chain_count(exchange_in(x), PAYLOAD_SA) &&
		chain_count(exchange_in(x), PAYLOAD_TSI) &&
		chain_count(exchange_in(x), PAYLOAD_TSR);
	d->peer_initial_contact = chain_notify(exchange_in(x), INITIAL_CONTACT, &n);
	d->deal.ni = exchange_keep(x, octets_bytes(&setup->peer_nonce));
	d->deal.nr = exchange_keep(x, octets_bytes(&setup->our_nonce));
	return STEP_NEXT;
}

static struct conf_facts peer_facts(
	struct exchange *x, const struct id_payload *idi, const struct id_payload *idr)
{
	struct auth_payload auth = { .method = 255 };
	struct notify n;

	auth_decode(exchange_body(x, PAYLOAD_AUTH), &auth);
	return (struct conf_facts){
		.local = x->sa->init_path.local.address,
		.remote = x->sa->init_path.remote.address,
		.remote_id = idi,
		.local_id = idr,
		.auth_method = auth.method,
		.rounds = chain_notify(exchange_in(x), ANOTHER_AUTH_FOLLOWS, &n)
			? CONF_ROUNDS_SEVERAL
			: CONF_ROUNDS_ONE,
	};
}

/* The connection that fits the identities, the addresses and the method best and would have chosen
 * the same proposal. */
static enum step find_connection(struct exchange *x)
{
	struct id_payload idi = ike_id_payload(&x->sa->remote_id), idr = { 0 };
	bool asked = id_decode(exchange_body(x, PAYLOAD_IDR), &idr);
	struct conf_facts facts = peer_facts(x, &idi, asked ? &idr : NULL);
	const struct connection *best = NULL;
	unsigned best_fit = 0;
	char why[300], reasons[700] = "", id[200];
	size_t used = 0;

	if (resuming(x->sa))
		return resume_identities(x) ? STEP_NEXT : STEP_REJECT;
	for (size_t i = 0; i < x->engine->connection_count; i++) {
		const struct connection *c = x->engine->connections[i];
		unsigned fit;

		snprintf(why, sizeof(why), "connection %s wants another IKE proposal", c->name);
		fit = c->version == 1 || !negotiate_would(&c->proposals, &x->sa->chosen)
			? 0
			: conf_match(c, &facts, why, sizeof(why));
		if (fit > best_fit) {
			best_fit = fit;
			best = c;
		} else if (!fit && used < sizeof(reasons)) {
			used += (size_t)snprintf(reasons + used, sizeof(reasons) - used, "%s%s",
				used ? "; " : "", why);
		}
	}
	if (!best) {
		x->reject.doom = true;
		return exchange_reject(x, AUTHENTICATION_FAILED,
			"AUTHENTICATION_FAILED: no connection for the peer %s: %s",
			id_print(&idi, id, sizeof(id)), used ? reasons : "none is loaded");
	}
	sa_connect(x->sa, best);
	auth_set_local_id(x->sa, 0);
	if (asked && (!best->local[0].id.type || best->local[0].id.wildcard))
		auth_set_id(&x->sa->local_id, &idr);
	return auth_rounds_possible(x) ? STEP_NEXT : STEP_REJECT;
}

static enum step need_auth(struct exchange *x)
{
	struct auth_data *d = x->data;

	if (!d->theirs_now || chain_count(exchange_in(x), PAYLOAD_AUTH))
		return STEP_NEXT;
	x->reject.doom = true;
	return exchange_reject(x, AUTHENTICATION_FAILED,
		"the peer sent no AUTH: it wants EAP, which tern does not speak yet");
}

/* The peer says whom it expects in our next round: that identity of ours its proof is meant for. */
static void read_expected(struct exchange *x)
{
	struct auth_data *d = x->data;
	const struct connection *c = x->sa->connection;
	struct id_payload idr;

	if (d->local_round < c->local_count && id_decode(exchange_body(x, PAYLOAD_IDR), &idr) &&
		conf_id_match(&c->local[d->local_round].id, &idr))
		auth_set_id(&x->sa->local_id, &idr);
}

/* Whether another connection would have led to all that was said and proven until now, and fits the
 * identity that came next. */
static bool continues(
	struct exchange *x, const struct connection *other, const struct id_payload *idi)
{
	const struct auth_data *d = x->data;
	const struct connection *c = x->sa->connection;
	struct conf_facts facts = { .local = x->sa->init_path.local.address,
		.remote = x->sa->init_path.remote.address };

	if (other->version == 1 || other->remote_count <= d->remote_round ||
		other->local_count < d->local_round ||
		(other->local_count > d->local_round) != (c->local_count > d->local_round) ||
		!negotiate_would(&other->proposals, &x->sa->chosen) ||
		!conf_match(other, &facts, NULL, 0) ||
		!conf_id_match(&other->remote[d->remote_round].id, idi))
		return false;
	for (size_t i = 0; i < d->remote_round; i++)
		if (!conf_round_same(&c->remote[i], &other->remote[i]))
			return false;
	for (size_t i = 0; i < d->local_round; i++)
		if (!conf_round_same(&c->local[i], &other->local[i]))
			return false;

	return true;
}

/* The first round may not tell connections apart that differ in a later one. */
static void switch_connection(struct exchange *x, const struct id_payload *idi)
{
	const struct auth_data *d = x->data;
	struct ike_sa *sa = x->sa;

	if (conf_id_match(&sa->connection->remote[d->remote_round].id, idi))
		return;
	for (size_t i = 0; i < x->engine->connection_count; i++) {
		const struct connection *other = x->engine->connections[i];

		if (!continues(x, other, idi))
			continue;
		sa_tell(sa, IKE_EVENT_NOTE, 1, "connection %s is for this peer, not %s",
			other->name, sa_name(sa));
		sa_connect(sa, other);
		return;
	}
}

/* A later round: the peer's identity where it announced one, else nothing. */
static enum step read_next(struct exchange *x)
{
	struct auth_data *d = x->data;
	struct id_payload idi;

	x->reject.doom = true;
	d->theirs_now = d->theirs_next;
	if (++d->messages >= x->engine->options.auth_messages_max)
		return exchange_reject(x, AUTHENTICATION_FAILED,
			"IKE_AUTH did not end within %u messages", d->messages);
	if (!d->theirs_now &&
		(chain_count(exchange_in(x), PAYLOAD_IDI) ||
			chain_count(exchange_in(x), PAYLOAD_AUTH)))
		return exchange_reject(x, INVALID_SYNTAX,
			"the peer authenticates itself again without having announced it");
	if (d->theirs_now) {
		if (!id_decode(exchange_body(x, PAYLOAD_IDI), &idi))
			return exchange_reject(x, INVALID_SYNTAX,
				"the peer announced another authentication, but sent no IDi");
		auth_set_id(&x->sa->remote_id, &idi);
		switch_connection(x, &idi);
		read_expected(x);
		certreqs_read(x);
	}
	x->reject.doom = false;
	return STEP_NEXT;
}

/* After the peer's proof: what we have to prove in our response. */
static enum step next_of_ours(struct exchange *x)
{
	struct auth_data *d = x->data;

	if (!auth_rounds_agree(x))
		return STEP_REJECT;
	d->ours_now = d->local_round < x->sa->connection->local_count;
	if (d->ours_now && d->local_round)
		auth_set_local_id(x->sa, d->local_round);
	return STEP_NEXT;
}

/* With all rounds of both sides verified the first request counts again. */
static enum step conclude(struct exchange *x)
{
	struct auth_data *d = x->data;

	x->last = !d->theirs_next && d->local_round == x->sa->connection->local_count;
	if (x->last)
		x->in = d->first;
	return STEP_NEXT;
}

static enum step choose_child(struct exchange *x)
{
	struct auth_data *d = x->data;

	if (!x->last)
		return STEP_NEXT;
	if (!childless_accepts(x, d->with_child))
		return STEP_REJECT;
	/* First what the peer has forgotten goes: its virtual address is free for it again. */
	if (!unique_admit(x, d->peer_initial_contact))
		return STEP_REJECT;
	features_read_auth(x);
	if (redirect_wanted(x))
		d->with_child = false;
	if (!d->with_child)
		return STEP_NEXT;
	d->child_error = deal_choose(x, &d->deal, false);
	if (d->child_error) {
		snprintf(d->child_text, sizeof(d->child_text), "%s", x->reject.text);
		d->with_child = false;
	}
	return STEP_NEXT;
}

static enum step ask_spi(struct exchange *x)
{
	return x->last ? auth_ask_spi(x) : STEP_NEXT;
}

static enum step build_response(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct auth_data *d = x->data;

	if (d->ours_now) {
		auth_put_id(x, PAYLOAD_IDR, &sa->local_id);
		auth_put_proof(x);
	}
	if (!x->last)
		return STEP_NEXT;
	resume_established(x);
	auth_established(x);
	features_put_auth(x);
	if (d->with_child && !deal_install(x, &d->deal)) {
		d->with_child = false;
		d->child_error = TEMPORARY_FAILURE;
	}
	if (d->with_child)
		deal_response(x, &d->deal);
	else if (d->child_error)
		exchange_notify(x, d->child_error, BYTES_EMPTY);
	if (d->child_error)
		sa_tell(sa, IKE_EVENT_FAILED, 0, "%s", d->child_text);
	unique_established(sa);
	return STEP_NEXT;
}

static step_fn *const first_steps[] = { read_identities, need_auth, find_connection, auth_verify,
	next_of_ours, auth_sign, conclude, choose_child, mobike_auth, ask_spi, build_response,
	NULL };
static step_fn *const next_steps[] = { read_next, need_auth, auth_verify, next_of_ours, auth_sign,
	conclude, choose_child, mobike_auth, ask_spi, build_response, NULL };
static const struct round rounds[] = {
	{ &request, first_steps, &response, false },
	{ &next_request, next_steps, &next_response, true },
};

const struct exchange_kind ike_auth_responder = {
	.name = "IKE_AUTH",
	.type = IKE_AUTH,
	.rounds = rounds,
	.round_count = 2,
	.data_size = sizeof(struct auth_data),
	.failed = auth_failed,
};
