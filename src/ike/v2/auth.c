/* What both roles of IKE_AUTH do in each round of authentication: say who we are, prove it, have the
 * peer's proof verified. RFC 7296 §2.15; several rounds of a side by RFC 4739, where each AUTH
 * covers the latest identity of its sender. */
#include "ike/v2/auth.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/negotiate.h"
#include "ike/v2/exchanges.h"
#include "ike/v2/keys.h"
#include "ike/v2/session_resume.h"

#define HASH_AND_URL_REMEDY                                                                        \
	"let it send the certificate itself (strongSwan: hash_and_url = no), or put that into x509/"
#define SHA1_BYTES 20

struct where auth_id_where(const struct auth_round *r)
{
	return where_said(r->where_id, r->where);
}

void auth_set_id(struct ike_id *id, const struct id_payload *from)
{
	id->type = from->type;
	octets_set(&id->value, from->value);
}

/* What we call ourselves: as configured, as our certificate says (the loader put that in), or our
 * address. */
void auth_set_local_id(struct ike_sa *sa, size_t round)
{
	const struct identity *id = &sa->connection->local[round].id;
	const struct address *a = &sa->path.local.address;
	struct id_payload ours = { id->type, id->value };

	if (!id->type || id->wildcard)
		ours = (struct id_payload){ a->family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR,
			address_bytes(a) };
	auth_set_id(&sa->local_id, &ours);
}

/* The octets that one side's AUTH covers: its message, the other's nonce, the MAC of its identity.
 */
void auth_parts(struct exchange *x, bool ours, struct bytes parts[static IKE_SIGNED_PARTS])
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

enum step auth_sign(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	struct ike_setup *setup = x->sa->setup;
	struct auth_data *d = x->data;
	struct ike_question q = { .kind = IKE_ASK_AUTHENTICATE,
		.connection = x->sa->connection,
		.round = d->local_round,
		.prf = proposal_id(&x->sa->chosen, TRANSFORM_PRF) };

	if (!d->ours_now)
		return STEP_NEXT;
	if (resuming(x->sa))
		return resume_sign(x);
	if (answer && answer->status == IKE_ANSWER_OK) {
		keep_signature(x, answer);
		d->local_round++;
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

/* Certificates by hash and URL (RFC 7296 §3.6) we never asked for, since we send no
 * HTTP_CERT_LOOKUP_SUPPORTED: fetching what somebody names who isn't authenticated yet is not for a
 * daemon with keys. */
static bool by_url(const struct cert_payload *cert)
{
	return cert->encoding == CERT_HASH_AND_URL || cert->encoding == CERT_HASH_AND_URL_BUNDLE;
}

static void collect_certs(struct exchange *x, struct ike_question *q)
{
	const struct payload *p;
	struct auth_data *d = x->data;

	d->certs_by_url = false;
	for (size_t i = 0;
		(p = chain_find(exchange_in(x), PAYLOAD_CERT, i)) && q->cert_count < IKE_CERTS_MAX;
		i++) {
		if (!cert_decode(p->body, &q->certs[q->cert_count]))
			continue;
		if (by_url(&q->certs[q->cert_count]))
			d->certs_by_url = true;
		else
			q->cert_count++;
	}
	if (d->certs_by_url)
		sa_tell(x->sa, IKE_EVENT_NOTE, 1,
			"the peer sent a certificate by hash and URL, which tern does not fetch: " HASH_AND_URL_REMEDY);
}

/* The reason of the holder of credentials, with the lines that say what the peer has to prove. */
static enum step explain_verdict(struct exchange *x, const char *reason)
{
	const struct auth_data *d = x->data;
	const struct auth_round *remote = &x->sa->connection->remote[d->remote_round];
	struct where where = where_said(remote->where_auth, remote->where);

	return exchange_reject(x, AUTHENTICATION_FAILED,
		"AUTHENTICATION_FAILED for connection %s (%s:%u): %s%s", sa_name(x->sa), where.file,
		where.line, reason,
		d->certs_by_url ? "; its certificate came by hash and URL: " HASH_AND_URL_REMEDY
				: "");
}

enum step auth_verify(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	struct auth_data *d = x->data;
	struct ike_question q = { .kind = IKE_ASK_VERIFY,
		.connection = x->sa->connection,
		.round = d->remote_round,
		.prf = proposal_id(&x->sa->chosen, TRANSFORM_PRF) };
	struct auth_payload auth;

	if (!d->theirs_now)
		return STEP_NEXT;
	if (resuming(x->sa))
		return resume_verify(x);
	if (answer && answer->status == IKE_ANSWER_OK) {
		d->remote_round++;
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
	q.method = x->sa->resumption.method = auth.method;
	q.auth = auth.data;
	collect_certs(x, &q);
	return exchange_ask(x, &q);
}

enum step auth_ask_spi(struct exchange *x)
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

void auth_put_id(struct exchange *x, uint8_t type, const struct ike_id *id)
{
	struct id_payload said = ike_id_payload(id);

	id_encode(exchange_payload(x, type), &said);
	exchange_payload_end(x);
}

/* Certificates go where they are wanted. */
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

void auth_put_proof(struct exchange *x)
{
	struct auth_data *d = x->data;

	put_certs(x);
	auth_encode(exchange_payload(x, PAYLOAD_AUTH), d->signature.method, d->signature.auth);
	exchange_payload_end(x);
	if (d->local_round < x->sa->connection->local_count)
		exchange_notify(x, ANOTHER_AUTH_FOLLOWS, BYTES_EMPTY);
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

/* Multiple authentication, RFC 4739. */

void auth_multiple_put_init(struct exchange *x)
{
	if (x->engine->options.multiple_authentication && !x->initiator)
		exchange_notify(x, MULTIPLE_AUTH_SUPPORTED, BYTES_EMPTY);
}

void auth_multiple_read_init(struct exchange *x)
{
	struct notify n;

	x->sa->setup->peer_multiple_auth =
		x->initiator && chain_notify(exchange_in(x), MULTIPLE_AUTH_SUPPORTED, &n);
}

void auth_multiple_put_auth(struct exchange *x)
{
	if (x->engine->options.multiple_authentication && x->initiator)
		exchange_notify(x, MULTIPLE_AUTH_SUPPORTED, BYTES_EMPTY);
}

bool auth_rounds_possible(struct exchange *x)
{
	const struct connection *c = x->sa->connection;
	const struct auth_round *second = c->local_count > 1 ? &c->local[1]
		: c->remote_count > 1                        ? &c->remote[1]
							     : NULL;
	bool ours = x->engine->options.multiple_authentication;

	if (!second || resuming(x->sa) || (ours && x->sa->setup->peer_multiple_auth))
		return true;
	x->reject.doom = true;
	exchange_reject(x, AUTHENTICATION_FAILED,
		"AUTHENTICATION_FAILED: connection %s has a second round of authentication (%s, %s:%u), %s",
		c->name, second->name, second->where.file, second->where.line,
		ours ? "which the peer doesn't support (RFC 4739): remove it, or turn multiple_authentication on there"
		     : "but ternd has multiple_authentication = no");
	return false;
}

bool auth_rounds_agree(struct exchange *x)
{
	struct auth_data *d = x->data;
	const struct connection *c = x->sa->connection;
	const struct auth_round *last = &c->remote[c->remote_count - 1];
	struct notify n;

	if (d->theirs_now)
		d->theirs_next = chain_notify(exchange_in(x), ANOTHER_AUTH_FOLLOWS, &n);
	if (d->theirs_next == (d->remote_round < c->remote_count))
		return true;
	x->reject.doom = true;
	exchange_reject(x, AUTHENTICATION_FAILED,
		"AUTHENTICATION_FAILED: the peer authenticates itself %s than the %zu times that connection %s wants (remote rounds up to %s, %s:%u)",
		d->theirs_next ? "more often" : "less often", c->remote_count, c->name, last->name,
		last->where.file, last->where.line);
	return false;
}

/* The end. */

void auth_established(struct exchange *x)
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

/* A responder's refusal may get lost. */
void auth_failed(struct exchange *x, const char *why)
{
	if (x->sa->gone)
		return;
	if (x->initiator)
		sa_doom(x->sa, SA_END_FAILED, why);
	else
		sa_linger(x->sa, SA_END_FAILED, why);
}
