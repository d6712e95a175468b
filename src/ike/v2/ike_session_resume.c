/* IKE_SESSION_RESUME, RFC 5723 §4.3.2: nonces cross in the clear, and the initiator's ticket; keys
 * follow from the SK_d that the ticket stands for. It takes the place of IKE_SA_INIT and is treated
 * like it (cookies, limits, NAT detection). A ticket that the responder doesn't take leads to a full
 * IKE_SA_INIT at once. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/negotiate.h"
#include "ike/peers.h"
#include "ike/ticket.h"
#include "ike/v2/auth.h"
#include "ike/v2/exchanges.h"
#include "ike/v2/features.h"
#include "ike/v2/init.h"
#include "ike/v2/keys.h"
#include "ike/v2/session_resume.h"

static const struct payload_rule request_payloads[] = {
	{ PAYLOAD_NONCE, 1, 1 },
	{ 0 },
};
static const struct payload_rule any_response_payloads[] = {
	{ PAYLOAD_NONCE, 0, 1 },
	{ 0 },
};
static const struct message_rule request = { "IKE_SESSION_RESUME request", request_payloads };
static const struct message_rule response = { "IKE_SESSION_RESUME response", request_payloads };
static const struct message_rule any_response = { "IKE_SESSION_RESUME response",
	any_response_payloads };

struct resume_data {
	bool refused;
};

/* Shared by both roles. */

static void take_state(struct ike_sa *sa)
{
	const struct ticket_state *s = sa->setup->resumes;

	sa->chosen = s->chosen;
	sa->resumption.authenticated_at = s->authenticated_at;
	sa->resumption.method = s->method;
}

static enum step derive(struct exchange *x)
{
	struct ike_setup *setup = x->sa->setup;
	struct bytes ours = octets_bytes(&setup->our_nonce),
		     theirs = octets_bytes(&setup->peer_nonce);
	struct key_inputs in = { .ni = x->initiator ? ours : theirs,
		.nr = x->initiator ? theirs : ours,
		.old_sk_d = &setup->resumes->sk_d,
		.old_prf = proposal_id(&x->sa->chosen, TRANSFORM_PRF),
		.resumption = true };

	if (keys_derive_ike(x->sa, &in) < 0)
		return exchange_reject(x, TICKET_NACK, "key derivation failed");
	return STEP_NEXT;
}

static void put_nonce(struct exchange *x)
{
	init_make_nonce(x);
	write_bytes(exchange_payload(x, PAYLOAD_NONCE), octets_bytes(&x->sa->setup->our_nonce));
	exchange_payload_end(x);
}

/* The initiator. */

static enum step build_request(struct exchange *x)
{
	struct ike_setup *setup = x->sa->setup;

	x->path = x->sa->path;
	x->sa->state = IKE_CONNECTING;
	take_state(x->sa);
	if (setup->cookie.size)
		exchange_notify(x, COOKIE, octets_bytes(&setup->cookie));
	put_nonce(x);
	exchange_notify(x, TICKET_OPAQUE, octets_bytes(&setup->ticket));
	features_put_init(x);
	return STEP_NEXT;
}

static enum step read_response(struct exchange *x)
{
	struct ike_setup *setup = x->sa->setup;
	struct resume_data *d = x->data;
	size_t nonces = chain_count(exchange_in(x), PAYLOAD_NONCE);
	struct notify n;

	if (!nonces && chain_notify(exchange_in(x), COOKIE, &n))
		return init_retry_cookie(x, n.data);
	if (chain_notify(exchange_in(x), TICKET_NACK, &n) || chain_error(exchange_in(x), &n)) {
		d->refused = true;
		return STEP_END;
	}
	if (!nonces || !x->in->header.spi_r)
		return STEP_DROP;
	window_request_answered(x->sa);
	x->sa->spi_r = x->in->header.spi_r;
	octets_set(&setup->peer_nonce, exchange_body(x, PAYLOAD_NONCE));
	octets_set(&setup->peer_message, x->in->raw);
	features_read_init(x);
	return derive(x);
}

static void fall_back(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct exchange *next;

	sa_tell(sa, IKE_EVENT_NOTE, 1,
		"the peer doesn't take our session ticket: from the beginning, with IKE_SA_INIT");
	window_request_answered(sa);
	sa->window.next_request = 0;
	octets_clear(&sa->setup->ticket);
	octets_clear(&sa->setup->cookie);
	sa->setup->cookie_rounds = 0;
	ticket_state_free(sa->setup->resumes);
	sa->setup->resumes = NULL;
	next = exchange_begin(sa, &ike_sa_init_initiator, NULL);
	if (next)
		exchange_start(next);
	else
		sa_doom(sa, SA_END_FAILED, "out of memory");
}

static void finished(struct exchange *x)
{
	struct resume_data *d = x->data;

	if (d->refused)
		fall_back(x);
	else
		init_done(x);
}

static step_fn *const begins[] = { init_ask_path, build_request, NULL };
static step_fn *const ends[] = { init_hear_peer, read_response, init_float_port, NULL };
static const struct round initiator_rounds[] = {
	{ NULL, begins, &request, false },
	{ &any_response, ends, NULL, false },
};

const struct exchange_kind ike_session_resume_initiator = {
	.name = "IKE_SESSION_RESUME",
	.type = IKE_SESSION_RESUME,
	.rounds = initiator_rounds,
	.round_count = 2,
	.data_size = sizeof(struct resume_data),
	.failed = init_failed,
	.finished = finished,
};

/* The responder. */

static enum step open_ticket(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	const struct connection *c = NULL;
	const char *why = "the request has none";
	struct notify n;
	struct conf_facts facts = { .local = x->path.local.address,
		.remote = x->path.remote.address };
	char words[300];

	if (chain_notify(exchange_in(x), TICKET_OPAQUE, &n))
		sa->setup->resumes = ticket_open(x->engine, n.data, &c, &why);
	if (sa->setup->resumes && !conf_match(c, &facts, words, sizeof(words)))
		why = words;
	if (why)
		return exchange_reject(x, TICKET_NACK,
			"TICKET_NACK: the peer's session ticket is of no use: %s", why);
	sa_connect(sa, c);
	sa->state = IKE_CONNECTING;
	take_state(sa);
	octets_set(&sa->setup->peer_nonce, exchange_body(x, PAYLOAD_NONCE));
	features_read_init(x);
	return STEP_NEXT;
}

static enum step build_response(struct exchange *x)
{
	struct ike_sa *sa = x->sa;

	sa->spi_r = engine_new_spi(x->engine);
	if (sa_register(sa) < 0)
		return exchange_reject(x, TICKET_NACK, "out of memory");
	put_nonce(x);
	features_put_init(x);
	return derive(x);
}

static step_fn *const steps[] = { open_ticket, build_response, NULL };
static const struct round responder_rounds[] = { { &request, steps, &response, false } };

const struct exchange_kind ike_session_resume_responder = {
	.name = "IKE_SESSION_RESUME",
	.type = IKE_SESSION_RESUME,
	.rounds = responder_rounds,
	.round_count = 1,
	.data_size = sizeof(struct resume_data),
	.failed = init_failed,
};

/* IKE_AUTH, §4.3.3: AUTH = prf(SK_px, <message octets>), each with its own SK_px. */

static bool mac(struct exchange *x, bool ours, uint8_t *out, size_t *ret_size)
{
	struct ike_sa *sa = x->sa;
	uint16_t prf_id = proposal_id(&sa->chosen, TRANSFORM_PRF);
	const struct secret *key = ours == sa->initiator ? &sa->keys.sk_pi : &sa->keys.sk_pr;
	struct bytes parts[IKE_SIGNED_PARTS];

	auth_parts(x, ours, parts);
	*ret_size = prf_output_bytes(prf_id);
	return prf(x->engine->options.crypto, prf_id, secret_bytes(key), parts, IKE_SIGNED_PARTS,
		       out) == 0;
}

enum step resume_sign(struct exchange *x)
{
	struct auth_data *d = x->data;
	uint8_t auth[MACED_ID_BYTES_MAX];
	size_t size;

	if (!mac(x, true, auth, &size))
		return exchange_reject(x, AUTHENTICATION_FAILED, "the MAC of AUTH failed");
	d->signature = (struct ike_answer){ .method = AUTH_SHARED_KEY };
	d->signature.auth = exchange_keep(x, BYTES(auth, size));
	d->local_round = x->sa->connection->local_count;
	return STEP_NEXT;
}

enum step resume_verify(struct exchange *x)
{
	struct auth_data *d = x->data;
	uint64_t age_s = (x->engine->now - x->sa->resumption.authenticated_at) / NS_PER_SECOND;
	char method[NAME_TEXT_MAX];
	uint8_t auth[MACED_ID_BYTES_MAX];
	struct auth_payload got;
	size_t size;

	if (!mac(x, false, auth, &size) || !auth_decode(exchange_body(x, PAYLOAD_AUTH), &got) ||
		got.method != AUTH_SHARED_KEY || !bytes_equal_secret(BYTES(auth, size), got.data)) {
		x->reject.doom = true;
		return exchange_reject(x, AUTHENTICATION_FAILED,
			"AUTHENTICATION_FAILED: the peer's AUTH doesn't follow from the ticket that it resumes by");
	}
	d->remote_round = x->sa->connection->remote_count;
	sa_tell(x->sa, IKE_EVENT_NOTE, 1, "resumed: the peer authenticated itself by %s %llu s ago",
		auth_method_name(x->sa->resumption.method, method), (unsigned long long)age_s);
	return STEP_NEXT;
}

static bool id_is(const struct ike_id *id, const struct id_payload *said)
{
	return id->type == said->type && bytes_equal(octets_bytes(&id->value), said->value);
}

bool resume_identities(struct exchange *x)
{
	const struct ticket_state *s = x->sa->setup->resumes;
	struct id_payload local = ike_id_payload(&s->local_id), asked,
			  claimed = ike_id_payload(&x->sa->remote_id);
	bool same = id_is(&s->remote_id, &claimed);

	if (!x->initiator && id_decode(exchange_body(x, PAYLOAD_IDR), &asked))
		same = same && id_is(&s->local_id, &asked);
	auth_set_id(&x->sa->local_id, &local);
	if (same)
		return true;
	x->reject.doom = true;
	exchange_reject(x, AUTHENTICATION_FAILED,
		"AUTHENTICATION_FAILED: the peer resumes a session under another identity than it had");
	return false;
}

/* The session. */

void resume_established(struct exchange *x)
{
	struct ike_sa *sa = x->sa, *next;
	uint64_t serial = resuming(sa) ? sa->setup->resumes->serial : 0;

	if (!resuming(sa)) {
		sa->resumption.authenticated_at = x->engine->now;
		tickets_forget(x->engine, sa_name(sa));
		return;
	}
	if (x->initiator)
		return;
	ticket_spend(x->engine, serial);
	for (struct ike_sa *old = peers_next(sa, NULL); old; old = next) {
		next = peers_next(sa, old);
		if (old->resumption.issued == serial)
			sa_linger(old, SA_END_REPLACED, "the peer resumed it (RFC 5723)");
	}
}

void resume_inherit(struct ike_sa *sa, const struct ike_sa *old)
{
	sa->resumption.authenticated_at = old->resumption.authenticated_at;
	sa->resumption.method = old->resumption.method;
	if (old->resumption.ticket.size)
		intent_add(sa, &(struct intent){ .kind = INTENT_TICKET });
}

/* Asking and giving, §4.1. */

static bool asks(const struct ike_sa *sa)
{
	return sa->original_initiator && sa->connection->resumption;
}

void resume_put_auth(struct exchange *x)
{
	if (x->initiator && asks(x->sa))
		exchange_notify(x, TICKET_REQUEST, BYTES_EMPTY);
	else if (!x->initiator && x->sa->resumption.asked)
		ticket_put(x);
}

void resume_read_auth(struct exchange *x)
{
	struct notify n;

	if (!x->initiator) {
		x->sa->resumption.asked = chain_notify(exchange_in(x), TICKET_REQUEST, &n);
		return;
	}
	ticket_read(x);
	if (asks(x->sa) && chain_notify(exchange_in(x), TICKET_ACK, &n))
		intent_add(x->sa, &(struct intent){ .kind = INTENT_TICKET });
}

void resume_answer(struct exchange *x)
{
	struct notify n;

	if (!x->sa->original_initiator && x->sa->state == IKE_ESTABLISHED &&
		chain_notify(exchange_in(x), TICKET_REQUEST, &n))
		ticket_put(x);
}

void resume_defer(struct exchange *x)
{
	struct notify n;

	if (chain_notify(exchange_in(x), TICKET_REQUEST, &n))
		exchange_notify(
			x, x->engine->options.tickets ? TICKET_ACK : TICKET_NACK, BYTES_EMPTY);
}

/* An INFORMATIONAL exchange of the client's, after rekeying or where the peer had promised one. */

static enum step build_ask(struct exchange *x)
{
	if (!asks(x->sa))
		return STEP_END;
	exchange_notify(x, TICKET_REQUEST, BYTES_EMPTY);
	return STEP_NEXT;
}

static enum step read_ask(struct exchange *x)
{
	ticket_read(x);
	return STEP_NEXT;
}

static const struct payload_rule no_payloads[] = { { PAYLOAD_DELETE, 0, 255 }, { 0 } };
static const struct message_rule ask_request = { "INFORMATIONAL request", no_payloads };
static const struct message_rule ask_response = { "INFORMATIONAL response", no_payloads };
static step_fn *const ask_begins[] = { build_ask, NULL };
static step_fn *const ask_ends[] = { read_ask, NULL };
static const struct round ask_rounds[] = {
	{ NULL, ask_begins, &ask_request, false },
	{ &ask_response, ask_ends, NULL, false },
};

const struct exchange_kind ticket_initiator = {
	.name = "INFORMATIONAL",
	.type = INFORMATIONAL,
	.rounds = ask_rounds,
	.round_count = 2,
};
