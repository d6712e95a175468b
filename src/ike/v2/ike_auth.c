/* IKE_AUTH, RFC 7296 §1.2 and §2.15: each side says who it is and proves it over its IKE_SA_INIT
 * message, and the first child is agreed on the way. The IKE SA stands when both have verified; a
 * child that can't be agreed on doesn't undo it. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/negotiate.h"
#include "ike/v2/exchanges.h"
#include "ike/v2/features.h"
#include "ike/v2/keys.h"
#include "ike/v2/mobike.h"

#define SHA1_BYTES         20
#define MACED_ID_BYTES_MAX 64

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
static const struct message_rule request = { "IKE_AUTH request", request_payloads };
static const struct message_rule response = { "IKE_AUTH response", response_payloads };

struct auth_data {
	struct child_deal deal;
	bool with_child;
	uint16_t child_error;
	char child_text[REJECT_TEXT_MAX];
	uint8_t maced[2][MACED_ID_BYTES_MAX]; /* ours, the peer's */
	struct ike_answer signature;          /* ours; what it points to is kept in the arena */
	bool peer_initial_contact;
};

/* Shared by both roles. */

static struct where id_where(const struct auth_round *r)
{
	return where_said(r->where_id, r->where);
}

static void set_id(struct ike_id *id, const struct id_payload *from)
{
	id->type = from->type;
	octets_set(&id->value, from->value);
}

/* What we call ourselves: as configured, as our certificate says (the loader put that in), or our
 * address. */
static void set_local_id(struct ike_sa *sa)
{
	const struct identity *id = &sa->connection->local[0].id;
	const struct address *a = &sa->path.local.address;
	struct id_payload ours = { id->type, id->value };

	if (!id->type || id->wildcard)
		ours = (struct id_payload){ a->family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR,
			address_bytes(a) };
	set_id(&sa->local_id, &ours);
}

/* The octets that one side's AUTH covers: its message, the other's nonce, the MAC of its identity.
 */
static void auth_parts(struct exchange *x, bool ours, struct bytes parts[static IKE_SIGNED_PARTS])
{
	struct ike_setup *setup = x->sa->setup;
	struct auth_data *d = x->data;
	size_t size;

	keys_maced_id(
		x->sa, ours, ours ? &x->sa->local_id : &x->sa->remote_id, d->maced[!ours], &size);
	parts[0] = octets_bytes(ours ? &setup->our_message : &setup->peer_message);
	parts[1] = octets_bytes(ours ? &setup->peer_nonce : &setup->our_nonce);
	parts[2] = BYTES(d->maced[!ours], size);
}

static void keep_signature(struct exchange *x, const struct ike_answer *answer)
{
	struct auth_data *d = x->data;

	d->signature = *answer;
	d->signature.auth = exchange_keep(x, answer->auth);
	for (size_t i = 0; i < answer->cert_count; i++)
		d->signature.certs[i].data = exchange_keep(x, answer->certs[i].data);
}

static enum step sign(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	struct ike_setup *setup = x->sa->setup;
	struct ike_question q = { .kind = IKE_ASK_AUTHENTICATE,
		.connection = x->sa->connection,
		.prf = proposal_id(&x->sa->chosen, TRANSFORM_PRF) };

	if (answer && answer->status == IKE_ANSWER_OK) {
		keep_signature(x, answer);
		return STEP_NEXT;
	}
	if (answer) {
		x->reject.doom = true;
		return exchange_reject(x, AUTHENTICATION_FAILED,
			"we can't authenticate ourselves: %s", answer->reason);
	}
	q.local_id = ike_id_payload(&x->sa->local_id);
	q.remote_id = ike_id_payload(&x->sa->remote_id);
	auth_parts(x, true, q.parts);
	q.hash_count = setup->hash_count;
	memcpy(q.hashes, setup->hashes, sizeof(q.hashes));
	q.certreqs = octets_bytes(&setup->certreqs);
	q.certreq_came = setup->certreq_came;
	return exchange_ask(x, &q);
}

static void collect_certs(struct exchange *x, struct ike_question *q)
{
	const struct payload *p;

	for (size_t i = 0;
		(p = chain_find(exchange_in(x), PAYLOAD_CERT, i)) && q->cert_count < IKE_CERTS_MAX;
		i++)
		if (cert_decode(p->body, &q->certs[q->cert_count]))
			q->cert_count++;
}

/* The reason of the holder of credentials, with the lines that say what the peer has to prove. */
static enum step explain_verdict(struct exchange *x, const char *reason)
{
	const struct auth_round *remote = &x->sa->connection->remote[0];
	struct where where = where_said(remote->where_auth, remote->where);

	return exchange_reject(x, AUTHENTICATION_FAILED,
		"AUTHENTICATION_FAILED for connection %s (%s:%u): %s", sa_name(x->sa), where.file,
		where.line, reason);
}

static enum step verify(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	struct ike_question q = { .kind = IKE_ASK_VERIFY,
		.connection = x->sa->connection,
		.prf = proposal_id(&x->sa->chosen, TRANSFORM_PRF) };
	struct auth_payload auth;

	if (answer && answer->status == IKE_ANSWER_OK) {
		sa_tell(x->sa, IKE_EVENT_NOTE, 1, "authenticated the peer by %s",
			answer->credential ? answer->credential : "its AUTH");
		return STEP_NEXT;
	}
	x->reject.doom = true;
	if (answer)
		return explain_verdict(x, answer->reason);
	if (!auth_decode(exchange_body(x, PAYLOAD_AUTH), &auth))
		return exchange_reject(
			x, AUTHENTICATION_FAILED, "the peer's AUTH payload is malformed");

	x->reject.doom = false;
	q.local_id = ike_id_payload(&x->sa->local_id);
	q.remote_id = ike_id_payload(&x->sa->remote_id);
	auth_parts(x, false, q.parts);
	q.method = auth.method;
	q.auth = auth.data;
	collect_certs(x, &q);
	return exchange_ask(x, &q);
}

static enum step ask_spi(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	struct auth_data *d = x->data;

	if (!d->with_child)
		return STEP_NEXT;
	if (!answer)
		return exchange_ask(x,
			&(struct ike_question){
				.kind = IKE_ASK_SPI, .connection = x->sa->connection });
	if (answer->status == IKE_ANSWER_OK) {
		d->deal.spi_in = answer->spi;
		return STEP_NEXT;
	}
	snprintf(d->child_text, sizeof(d->child_text), "no SPI for the child: %s", answer->reason);
	d->child_error = TEMPORARY_FAILURE;
	d->with_child = false;
	return STEP_NEXT;
}

static void put_id(struct exchange *x, uint8_t type, const struct id_payload *id)
{
	id_encode(exchange_payload(x, type), id);
	exchange_payload_end(x);
}

/* CERT and AUTH; certificates go where they are wanted. */
static void put_certs(struct exchange *x)
{
	struct auth_data *d = x->data;
	uint8_t mode = x->sa->connection->send_cert;

	if (mode == SEND_CERT_NEVER || (mode == SEND_CERT_IFASKED && !x->sa->setup->certreq_came))
		return;
	for (size_t i = 0; i < d->signature.cert_count; i++) {
		cert_encode(exchange_payload(x, PAYLOAD_CERT), &d->signature.certs[i]);
		exchange_payload_end(x);
	}
}

static void put_auth(struct exchange *x)
{
	struct auth_data *d = x->data;

	auth_encode(exchange_payload(x, PAYLOAD_AUTH), d->signature.method, d->signature.auth);
	exchange_payload_end(x);
}

void certreqs_put(struct exchange *x)
{
	struct cert_payload request_hashes = { CERT_X509_SIGNATURE, x->engine->certreqs };

	if (!request_hashes.data.size)
		return;
	cert_encode(exchange_payload(x, PAYLOAD_CERTREQ), &request_hashes);
	exchange_payload_end(x);
}

void certreqs_read(struct exchange *x)
{
	struct ike_setup *setup = x->sa->setup;
	const struct payload *p = chain_find(exchange_in(x), PAYLOAD_CERTREQ, 0);
	struct cert_payload hashes;

	setup->certreq_came = setup->certreq_came || p;
	for (size_t i = 0; (p = chain_find(exchange_in(x), PAYLOAD_CERTREQ, i)); i++)
		if (cert_decode(p->body, &hashes) && hashes.encoding == CERT_X509_SIGNATURE &&
			hashes.data.size % SHA1_BYTES == 0)
			octets_set(&setup->certreqs, hashes.data);
}

static bool wants_certificates(const struct connection *c)
{
	enum auth_class class = c->remote[0].class;

	return c->send_certreq && (class == AUTH_CLASS_PUBKEY || class == AUTH_CLASS_ANY);
}

static bool same_peer(const struct ike_sa *a, const struct ike_sa *b)
{
	return a->remote_id.type == b->remote_id.type && a->local_id.type == b->local_id.type &&
		bytes_equal(octets_bytes(&a->remote_id.value), octets_bytes(&b->remote_id.value)) &&
		bytes_equal(octets_bytes(&a->local_id.value), octets_bytes(&b->local_id.value));
}

/* The peer says that it knows of no other SA between us: ours are leftovers, RFC 7296 §2.4. */
static void drop_leftovers(struct ike_sa *sa)
{
	for (struct ike_sa *other = sa->engine->sas; other; other = other->next)
		if (other != sa && !other->gone && other->established_at && same_peer(other, sa))
			sa_linger(other, SA_END_PEER_GONE,
				"the peer started afresh (INITIAL_CONTACT)");
}

static bool first_contact(const struct ike_sa *sa)
{
	for (const struct ike_sa *other = sa->engine->sas; other; other = other->next)
		if (other != sa && !other->gone && other->established_at &&
			other->connection == sa->connection)
			return false;
	return sa->connection->unique != UNIQUE_NEVER;
}

static void established(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct id_payload local = ike_id_payload(&sa->local_id),
			  remote = ike_id_payload(&sa->remote_id);
	char a[200], b[200], c[ENDPOINT_TEXT_MAX], d[ENDPOINT_TEXT_MAX];

	sa_established(sa);
	sa_tell(sa, IKE_EVENT_IKE_UP, 0, "established between %s[%s] and %s[%s]",
		endpoint_print(&sa->path.local, c), id_print(&local, a, sizeof(a)),
		endpoint_print(&sa->path.remote, d), id_print(&remote, b, sizeof(b)));
}

static void auth_failed(struct exchange *x, const char *why)
{
	if (!x->sa->gone)
		sa_doom(x->sa, SA_END_FAILED, why);
}

/* The initiator. */

static enum step prepare(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct auth_data *d = x->data;
	const struct connection *c = sa->connection;
	const struct identity *remote = &c->remote[0].id;
	struct ike_setup *setup = sa->setup;

	set_local_id(sa);
	if (remote->type && !remote->wildcard)
		set_id(&sa->remote_id, &(struct id_payload){ remote->type, remote->value });
	d->deal.config = setup->child ? setup->child : c->child_count ? &c->children[0] : NULL;
	d->with_child = d->deal.config != NULL;
	d->deal.ni = exchange_keep(x, octets_bytes(&setup->our_nonce));
	d->deal.nr = exchange_keep(x, octets_bytes(&setup->peer_nonce));
	return STEP_NEXT;
}

static enum step build_request(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct auth_data *d = x->data;
	struct id_payload local = ike_id_payload(&sa->local_id),
			  remote = ike_id_payload(&sa->remote_id);

	put_id(x, PAYLOAD_IDI, &local);
	put_certs(x);
	if (first_contact(sa))
		exchange_notify(x, INITIAL_CONTACT, BYTES_EMPTY);
	if (wants_certificates(sa->connection))
		certreqs_put(x);
	if (remote.type)
		put_id(x, PAYLOAD_IDR, &remote);
	put_auth(x);
	features_put_auth(x);
	if (d->with_child)
		deal_request(x, &d->deal, false);
	return STEP_NEXT;
}

static enum step read_refusal(struct exchange *x)
{
	const struct connection *c = x->sa->connection;
	struct id_payload local = ike_id_payload(&x->sa->local_id),
			  remote = ike_id_payload(&x->sa->remote_id);
	struct auth_data *d = x->data;
	char name[NAME_TEXT_MAX], method[NAME_TEXT_MAX], a[200], b[200];
	struct where where = id_where(&c->local[0]), expected = id_where(&c->remote[0]);
	struct notify n;

	if (chain_count(exchange_in(x), PAYLOAD_AUTH))
		return STEP_NEXT;
	if (!chain_error(exchange_in(x), &n))
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
	const struct auth_round *remote = &x->sa->connection->remote[0];
	struct where where = id_where(remote);
	struct id_payload id;
	char got[200];

	x->reject.doom = true;
	if (!id_decode(exchange_body(x, PAYLOAD_IDR), &id))
		return exchange_reject(x, AUTHENTICATION_FAILED, "the peer's IDr is malformed");
	if (!conf_id_match(&remote->id, &id))
		return exchange_reject(x, AUTHENTICATION_FAILED,
			"AUTHENTICATION_FAILED: the peer is %s; connection %s wants %s (%s:%u)",
			id_print(&id, got, sizeof(got)), sa_name(x->sa),
			remote->id.text ? remote->id.text : "%any", where.file, where.line);
	x->reject.doom = false;
	set_id(&x->sa->remote_id, &id);
	return STEP_NEXT;
}

static enum step finish(struct exchange *x)
{
	struct auth_data *d = x->data;

	established(x);
	features_read_auth(x);
	if (!d->with_child)
		return STEP_NEXT;
	d->child_error = deal_read_response(x, &d->deal, false);
	if (d->child_error)
		snprintf(d->child_text, sizeof(d->child_text), "%s", x->reject.text);
	else if (!deal_install(x, &d->deal))
		d->child_error = TEMPORARY_FAILURE;
	return STEP_NEXT;
}

static void initiator_done(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct auth_data *d = x->data;
	uint64_t command = sa->command;

	if (d->child_error)
		sa_tell(sa, IKE_EVENT_FAILED, 0, "%s", d->child_text);
	sa->command = 0;
	command_done(x->engine, command, !d->child_error, 0, d->child_text);
}

/* Our verification failed: the peer believes in an SA that we don't, so tell it, RFC 7296 §2.21.2.
 */
static void initiator_failed(struct exchange *x, const char *why)
{
	struct ike_sa *sa = x->sa;
	struct exchange *report;

	if (x->reject.notify != AUTHENTICATION_FAILED || !x->in || sa->doomed) {
		auth_failed(x, why);
		return;
	}
	x->reject.doom = false;
	command_done(x->engine, sa->command, false, 0, why);
	sa->command = 0;
	report = exchange_begin(sa, &report_failure_initiator, NULL);
	if (report)
		exchange_start(report);
}

static step_fn *const initiator_begins[] = { prepare, sign, ask_spi, build_request, NULL };
static step_fn *const initiator_ends[] = { read_refusal, check_identity, verify, finish, NULL };
static const struct round initiator_rounds[] = {
	{ NULL, initiator_begins, &request },
	{ &response, initiator_ends, NULL },
};

const struct exchange_kind ike_auth_initiator = {
	.name = "IKE_AUTH",
	.type = IKE_AUTH,
	.rounds = initiator_rounds,
	.round_count = 2,
	.data_size = sizeof(struct auth_data),
	.failed = initiator_failed,
	.finished = initiator_done,
};

/* The responder. */

static enum step read_identities(struct exchange *x)
{
	struct auth_data *d = x->data;
	struct ike_setup *setup = x->sa->setup;
	struct id_payload idi;
	struct notify n;

	if (!id_decode(exchange_body(x, PAYLOAD_IDI), &idi)) {
		x->reject.doom = true;
		return exchange_reject(x, INVALID_SYNTAX, "the peer's IDi is malformed");
	}
	set_id(&x->sa->remote_id, &idi);
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

	auth_decode(exchange_body(x, PAYLOAD_AUTH), &auth);
	return (struct conf_facts){
		.local = x->sa->init_path.local.address,
		.remote = x->sa->init_path.remote.address,
		.remote_id = idi,
		.local_id = idr,
		.auth_method = auth.method,
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
	connection_release(x->sa->connection);
	x->sa->connection = connection_hold(best);
	set_local_id(x->sa);
	if (asked && (!best->local[0].id.type || best->local[0].id.wildcard))
		set_id(&x->sa->local_id, &idr);
	return STEP_NEXT;
}

static enum step need_auth(struct exchange *x)
{
	if (chain_count(exchange_in(x), PAYLOAD_AUTH))
		return STEP_NEXT;
	x->reject.doom = true;
	return exchange_reject(x, AUTHENTICATION_FAILED,
		"the peer sent no AUTH: it wants EAP, which tern does not speak yet");
}

static enum step choose_child(struct exchange *x)
{
	struct auth_data *d = x->data;

	features_read_auth(x);
	if (!d->with_child)
		return STEP_NEXT;
	d->child_error = deal_choose(x, &d->deal, false);
	if (d->child_error) {
		snprintf(d->child_text, sizeof(d->child_text), "%s", x->reject.text);
		d->with_child = false;
	}
	return STEP_NEXT;
}

static enum step build_response(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct auth_data *d = x->data;
	struct id_payload local = ike_id_payload(&sa->local_id);

	put_id(x, PAYLOAD_IDR, &local);
	put_certs(x);
	put_auth(x);
	if (d->peer_initial_contact && sa->connection->unique != UNIQUE_NEVER)
		drop_leftovers(sa);
	established(x);
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
	return STEP_NEXT;
}

static step_fn *const responder_steps[] = { read_identities, need_auth, find_connection, verify,
	sign, choose_child, mobike_auth, ask_spi, build_response, NULL };
static const struct round responder_rounds[] = { { &request, responder_steps, &response } };

const struct exchange_kind ike_auth_responder = {
	.name = "IKE_AUTH",
	.type = IKE_AUTH,
	.rounds = responder_rounds,
	.round_count = 1,
	.data_size = sizeof(struct auth_data),
	.failed = auth_failed,
};
