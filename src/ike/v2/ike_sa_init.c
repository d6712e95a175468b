/* IKE_SA_INIT, RFC 7296 §1.2: proposals, Diffie-Hellman values and nonces cross in the clear;
 * afterwards both sides have keys and know whether a NAT is between them. The initiator may be
 * asked to come again, with a cookie (§2.6) or with another group (§1.2); nothing here is
 * authenticated yet, so nothing here is believed for longer than IKE_AUTH takes. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/admit.h"
#include "ike/negotiate.h"
#include "ike/v2/exchanges.h"
#include "ike/v2/features.h"
#include "ike/v2/init.h"
#include "ike/v2/keys.h"
#include "ike/v2/redirect.h"

#define COOKIE_ROUNDS_MAX 4
#define COOKIE_BYTES_MAX  64

/* An address of several is left for the next after as many retransmissions without any answer. */
#define SILENT_TRIES 2

static const struct payload_rule request_payloads[] = {
	{ PAYLOAD_SA, 1, 1 },
	{ PAYLOAD_KE, 1, 1 },
	{ PAYLOAD_NONCE, 1, 1 },
	{ 0 },
};
static const struct payload_rule response_payloads[] = {
	{ PAYLOAD_SA, 1, 1 },
	{ PAYLOAD_KE, 1, 1 },
	{ PAYLOAD_NONCE, 1, 1 },
	{ PAYLOAD_CERTREQ, 0, 255 },
	{ 0 },
};
/* What may come instead: a lone notify. */
static const struct payload_rule any_response_payloads[] = {
	{ PAYLOAD_SA, 0, 1 },
	{ PAYLOAD_KE, 0, 1 },
	{ PAYLOAD_NONCE, 0, 1 },
	{ PAYLOAD_CERTREQ, 0, 255 },
	{ 0 },
};
static const struct message_rule request = { "IKE_SA_INIT request", request_payloads };
static const struct message_rule response = { "IKE_SA_INIT response", response_payloads };
static const struct message_rule any_response = { "IKE_SA_INIT response", any_response_payloads };

struct init_data {
	struct agreement ke;
};

/* Shared by both roles. */

static void put_ke_and_nonce(struct exchange *x)
{
	struct init_data *d = x->data;

	agreement_put(x, &d->ke);
	write_bytes(exchange_payload(x, PAYLOAD_NONCE), octets_bytes(&x->sa->setup->our_nonce));
	exchange_payload_end(x);
}

void init_make_nonce(struct exchange *x)
{
	uint8_t nonce[NONCE_BYTES];

	if (x->sa->setup->our_nonce.size)
		return; /* the same in each try, §2.6 */
	random_fill(&x->engine->options.random, nonce, sizeof(nonce));
	octets_set(&x->sa->setup->our_nonce, BYTES_OF(nonce));
}

static enum step derive_keys(struct exchange *x, struct bytes shared)
{
	struct ike_setup *setup = x->sa->setup;
	struct bytes ours = octets_bytes(&setup->our_nonce),
		     theirs = octets_bytes(&setup->peer_nonce);
	struct key_inputs in = { .ni = x->initiator ? ours : theirs,
		.nr = x->initiator ? theirs : ours,
		.shared = shared };

	if (keys_derive_ike(x->sa, &in) < 0)
		return exchange_reject(x, 0, "key derivation failed");
	return STEP_NEXT;
}

static void init_cleanup(struct exchange *x)
{
	struct init_data *d = x->data;

	agreement_clear(&d->ke);
}

void init_failed(struct exchange *x, const char *why)
{
	sa_doom(x->sa, x->sa->redirected ? SA_END_REPLACED : SA_END_FAILED, why);
}

/* The initiator. */

enum step init_ask_path(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);

	if (x->sa->path_known)
		return STEP_NEXT;
	if (!answer)
		return exchange_ask(x,
			&(struct ike_question){ .kind = IKE_ASK_PATH,
				.connection = x->sa->connection,
				.gateway = x->sa->setup->gateway,
				.attempt = x->sa->attempt });
	if (answer->status != IKE_ANSWER_OK)
		return exchange_reject(x, 0, "%s", answer->reason);

	x->sa->path = answer->path;
	x->sa->path_known = true;
	x->sa->attempt = answer->attempt;
	x->sa->setup->remote_count = answer->remote_count;
	path_take_own(x->sa, answer);
	return STEP_NEXT;
}

/* An address that we gave up may still answer, but we are elsewhere by now. */
enum step init_hear_peer(struct exchange *x)
{
	struct ike_setup *setup = x->sa->setup;

	if (setup->remotes_silent &&
		!address_equal(&x->in->path.remote.address, &x->sa->path.remote.address))
		return STEP_DROP;
	setup->peer_answered = true;
	return STEP_NEXT;
}

bool init_next_remote(struct ike_sa *sa, uint32_t tries)
{
	struct ike_setup *setup = sa->setup;
	uint32_t most = sa->engine->options.retransmit_tries;
	char remote[ENDPOINT_TEXT_MAX];

	if (!setup || !sa->ours || setup->peer_answered ||
		tries < (most < SILENT_TRIES ? most : SILENT_TRIES) ||
		setup->remotes_silent + 1 >= setup->remote_count)
		return false;

	sa_tell(sa, IKE_EVENT_NOTE, 0,
		"%s gave no answer to %s, sent %u times: going on with the next of remote_addrs",
		endpoint_print(&sa->path.remote, remote), sa->ours->kind->name, tries + 1);
	setup->remotes_silent++;
	sa->attempt++;
	sa->path_known = false;
	return true;
}

bool init_leave_silent(struct ike_sa *sa)
{
	if (!sa->ours || !sa->ours->unprotected || !init_next_remote(sa, sa->window.tries))
		return false;
	window_request_answered(sa);
	sa->window.next_request = 0;
	exchange_again(sa->ours);
	return true;
}

static enum step begin_group(struct exchange *x)
{
	struct init_data *d = x->data;

	if (!d->ke.group)
		d->ke.group = proposals_first_group(&x->sa->connection->proposals);
	return agreement_begin(x, &d->ke);
}

static enum step build_request(struct exchange *x)
{
	struct ike_setup *setup = x->sa->setup;

	x->path = x->sa->path;
	x->sa->state = IKE_CONNECTING;
	init_make_nonce(x);
	if (setup->cookie.size)
		exchange_notify(x, COOKIE, octets_bytes(&setup->cookie));
	proposals_encode(exchange_payload(x, PAYLOAD_SA), &x->sa->connection->proposals,
		PROTOCOL_IKE, BYTES_EMPTY, true);
	exchange_payload_end(x);
	put_ke_and_nonce(x);
	features_put_init(x);
	return STEP_NEXT;
}

static enum step come_again(struct exchange *x)
{
	window_request_answered(x->sa);
	x->sa->window.next_request = 0;
	return STEP_AGAIN;
}

enum step init_retry_cookie(struct exchange *x, struct bytes cookie)
{
	struct ike_setup *setup = x->sa->setup;

	if (cookie.size == 0 || cookie.size > COOKIE_BYTES_MAX ||
		++setup->cookie_rounds > COOKIE_ROUNDS_MAX)
		return STEP_DROP;
	octets_set(&setup->cookie, cookie);
	return come_again(x);
}

static enum step retry_group(struct exchange *x, struct bytes wanted)
{
	struct init_data *d = x->data;
	const struct connection *c = x->sa->connection;
	struct where where = where_said(c->where_proposals, c->where);
	char name[NAME_TEXT_MAX];
	uint16_t group;

	if (agreement_retry(&d->ke, wanted, &c->proposals, &group))
		return come_again(x);
	if (d->ke.retried && group == d->ke.group)
		return STEP_DROP; /* the network doubled the response that we did as told by */
	return exchange_reject(x, 0,
		"the peer wants key exchange method %s, which is not in our proposals (%s:%u) or was tried",
		transform_name(TRANSFORM_KE, group, name), where.file, where.line);
}

static enum step explain_init_error(struct exchange *x, uint16_t error)
{
	const struct connection *c = x->sa->connection;
	struct where where = where_said(c->where_proposals, c->where);
	char name[NAME_TEXT_MAX], offered[500] = "";
	size_t used = 0;

	if (error == NO_PROPOSAL_CHOSEN) {
		used = (size_t)snprintf(offered, sizeof(offered), ": we offered");
		for (size_t i = 0; i < c->proposals.count && used < sizeof(offered) - 200; i++)
			used += (size_t)snprintf(offered + used, sizeof(offered) - used, " %.120s",
				c->proposals.list[i].text);
		snprintf(offered + used, sizeof(offered) - used,
			" (%s:%u); compare with the peer's IKE proposals, or it has no connection for our address",
			where.file, where.line);
	}
	return exchange_reject(
		x, 0, "the peer refused IKE_SA_INIT with %s%s", notify_name(error, name), offered);
}

/* An answer that wants something else than going on. */
static enum step read_retries(struct exchange *x)
{
	struct notify n;

	if (chain_count(exchange_in(x), PAYLOAD_SA) == 0 &&
		chain_notify(exchange_in(x), COOKIE, &n))
		return init_retry_cookie(x, n.data);
	if (chain_count(exchange_in(x), PAYLOAD_SA) == 0 &&
		chain_notify(exchange_in(x), REDIRECT, &n))
		return redirect_read_response(x, n.data);
	if (!chain_error(exchange_in(x), &n))
		return chain_count(exchange_in(x), PAYLOAD_SA) &&
				chain_count(exchange_in(x), PAYLOAD_KE) &&
				chain_count(exchange_in(x), PAYLOAD_NONCE)
			? STEP_NEXT
			: STEP_DROP;
	if (n.type == INVALID_KE_PAYLOAD)
		return retry_group(x, n.data);
	return explain_init_error(x, n.type);
}

static enum step read_response(struct exchange *x)
{
	struct init_data *d = x->data;
	struct ike_setup *setup = x->sa->setup;
	struct negotiation n = { .ours = &x->sa->connection->proposals,
		.theirs = exchange_body(x, PAYLOAD_SA),
		.protocol = PROTOCOL_IKE,
		.with_ke = true,
		.prefer_ours = true };
	struct ke_payload ke;
	uint64_t spi_r = x->in->header.spi_r;

	if (spi_r == 0 || !ke_decode(exchange_body(x, PAYLOAD_KE), &ke))
		return STEP_DROP;
	if (negotiate_response(&n, &x->sa->chosen) <= 0)
		return exchange_reject(x, 0, "the peer chose a proposal that we did not offer");
	if (ke.group != d->ke.group || proposal_id(&x->sa->chosen, TRANSFORM_KE) != ke.group)
		return exchange_reject(
			x, 0, "the peer's key exchange value is not of the method that it chose");

	window_request_answered(x->sa);
	x->sa->spi_r = spi_r;
	octets_set(&setup->peer_nonce, exchange_body(x, PAYLOAD_NONCE));
	octets_set(&setup->peer_message, x->in->raw);
	setup->certreq_came = chain_count(exchange_in(x), PAYLOAD_CERTREQ) > 0;
	certreqs_read(x);
	features_read_init(x);
	return STEP_NEXT;
}

static enum step finish_group(struct exchange *x)
{
	struct init_data *d = x->data;
	enum step verdict = agreement_finish(x, &d->ke);

	return verdict == STEP_NEXT ? derive_keys(x, d->ke.shared) : verdict;
}

/* Behind a NAT both go on at the ports of NAT traversal, §2.23; with MOBIKE always, since a NAT may come
 * later (RFC 4555 §3.3). Whether the peer speaks it, only IKE_AUTH says. */
enum step init_float_port(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	bool nat = sa->nat_local || sa->nat_remote || sa->nat_fake ||
		(sa->connection->mobike && sa->mobility.peer_nat_t);

	if (nat && sa->path.local.port != x->engine->options.port_nat_t) {
		sa->path.local.port = x->engine->options.port_nat_t;
		if (sa->path.remote.port == 500)
			sa->path.remote.port = 4500;
	}
	return STEP_NEXT;
}

void init_done(struct exchange *x)
{
	struct exchange *next = exchange_begin(x->sa, &ike_auth_initiator, NULL);

	if (next)
		exchange_start(next);
	else
		sa_doom(x->sa, SA_END_FAILED, "out of memory");
}

static step_fn *const initiator_begins[] = { init_ask_path, begin_group, build_request, NULL };
static step_fn *const initiator_ends[] = { init_hear_peer, read_retries, read_response,
	finish_group, init_float_port, NULL };
static const struct round initiator_rounds[] = {
	{ NULL, initiator_begins, &request },
	{ &any_response, initiator_ends, NULL },
};

const struct exchange_kind ike_sa_init_initiator = {
	.name = "IKE_SA_INIT",
	.type = IKE_SA_INIT,
	.rounds = initiator_rounds,
	.round_count = 2,
	.data_size = sizeof(struct init_data),
	.failed = init_failed,
	.finished = init_done,
	.cleanup = init_cleanup,
};

/* The responder. */

/* The connection whose addresses fit best among those that share a proposal; which one it really
 * is, IKE_AUTH says. */
static const struct connection *choose_connection(struct exchange *x, struct proposal *ret_chosen)
{
	struct conf_facts facts = { .local = x->path.local.address,
		.remote = x->path.remote.address };
	const struct connection *best = NULL;
	struct negotiation n = { .theirs = exchange_body(x, PAYLOAD_SA),
		.protocol = PROTOCOL_IKE,
		.with_ke = true,
		.prefer_ours = x->engine->options.prefer_configured_proposals };
	unsigned best_fit = 0;
	char why[300] = "no connection is loaded";
	struct where where = { 0 };
	const struct connection *refused = NULL;

	for (size_t i = 0; i < x->engine->connection_count; i++) {
		const struct connection *c = x->engine->connections[i];
		unsigned fit = c->version == 1 ? 0 : conf_match(c, &facts, why, sizeof(why));
		struct proposal chosen;

		if (fit <= best_fit)
			continue;
		n.ours = &c->proposals;
		if (negotiate(&n, &chosen) > 0) {
			best_fit = fit;
			best = c;
			*ret_chosen = chosen;
		} else {
			refused = c;
		}
	}
	if (best)
		return best;
	if (refused) {
		char text[REJECT_TEXT_MAX - 100];

		n.ours = &refused->proposals;
		where = where_said(refused->where_proposals, refused->where);
		negotiate_explain(&n, &where, text, sizeof(text));
		exchange_reject(x, NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN for connection %s: %s",
			refused->name, text);
	} else {
		exchange_reject(x, NO_PROPOSAL_CHOSEN,
			"NO_PROPOSAL_CHOSEN: no connection is for this peer's address: %s", why);
	}
	return NULL;
}

static enum step choose(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	const struct connection *c = choose_connection(x, &sa->chosen);
	struct init_data *d = x->data;

	if (!c)
		return STEP_REJECT;
	sa_connect(sa, c);
	sa->state = IKE_CONNECTING;
	d->ke.group = proposal_id(&sa->chosen, TRANSFORM_KE);
	octets_set(&sa->setup->peer_nonce, exchange_body(x, PAYLOAD_NONCE));
	features_read_init(x);
	if (redirect_new_client(x) != STEP_NEXT)
		return STEP_REJECT;
	return agreement_check_group(x, &d->ke);
}

static enum step agree(struct exchange *x)
{
	struct init_data *d = x->data;

	return agreement_respond(x, &d->ke);
}

static enum step build_response(struct exchange *x)
{
	struct init_data *d = x->data;
	struct ike_sa *sa = x->sa;
	struct proposal p = sa->chosen;

	sa->spi_r = engine_new_spi(x->engine);
	if (sa_register(sa) < 0)
		return exchange_reject(x, 0, "out of memory");
	init_make_nonce(x);
	p.spi_size = 0;
	sa_encode(exchange_payload(x, PAYLOAD_SA), &p, 1);
	exchange_payload_end(x);
	put_ke_and_nonce(x);
	features_put_init(x);
	if (sa->connection->send_certreq)
		certreqs_put(x);
	return derive_keys(x, d->ke.shared);
}

static step_fn *const responder_steps[] = { choose, agree, build_response, NULL };
static const struct round responder_rounds[] = { { &request, responder_steps, &response } };

static const struct exchange_kind ike_sa_init_responder = {
	.name = "IKE_SA_INIT",
	.type = IKE_SA_INIT,
	.rounds = responder_rounds,
	.round_count = 1,
	.data_size = sizeof(struct init_data),
	.failed = init_failed,
	.cleanup = init_cleanup,
};

void ike_sa_init_respond(struct ike_engine *e, struct arena *arena, struct opened *message)
{
	struct ike_sa *sa = sa_new(e, NULL, false);
	char line[600];

	if (!sa) {
		arena_free(arena);
		return;
	}
	sa->spi_i = message->header.spi_i;
	sa->path = message->path;
	sa->path_known = true;
	octets_set(&sa->setup->peer_message, message->raw);
	half_open_add(sa, &message->path, sa->spi_i);
	timer_set(&e->timers, &sa->setup->timer, e->now + e->options.half_open_timeout_ns);
	message_print(&message->header, &message->chain, line, sizeof(line));
	engine_tell(e,
		&(struct ike_event){ .kind = IKE_EVENT_RECEIVED,
			.level = 1,
			.ike_id = sa->id,
			.ike_name = "",
			.text = line,
			.path = &sa->path,
			.size = message->raw.size });
	exchange_respond(sa,
		message->header.exchange == IKE_SESSION_RESUME ? &ike_session_resume_responder
							       : &ike_sa_init_responder,
		arena, message);
}
