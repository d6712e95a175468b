/* How the two ends of a phase 1 prove their identities, RFC 2409 §5: by HASH_I and HASH_R, which only
 * who has the pre-shared key can make, or by signatures of these with the certificates that go with
 * them. The method that was agreed on says which end does what; private keys, certificates and
 * their verification are the key holder's, as in IKEv2. */
#include "ike/liveness.h"
#include "ike/v1/phase1.h"
#include "ike/v2/keys.h"

#define CA_NAMES_SENT_MAX 2048 /* octets; where ours take more, any CA is asked for */
#define CA_NAMES_KEPT_MAX 8192

bool v1_method_has_psk(uint16_t method)
{
	return method == V1_METHOD_PSK || method == V1_METHOD_XAUTH_INIT_PSK ||
		method == V1_METHOD_XAUTH_RESP_PSK;
}

bool v1_method_signs(uint16_t method, bool initiator)
{
	switch (method) {
	case V1_METHOD_RSA_SIGNATURE:
	case V1_METHOD_ECDSA_256:
	case V1_METHOD_ECDSA_384:
	case V1_METHOD_ECDSA_521:
	case V1_METHOD_XAUTH_INIT_RSA:
	case V1_METHOD_XAUTH_RESP_RSA:
		return true;
	case V1_METHOD_HYBRID_INIT_RSA: /* the gateway alone has a certificate */
		return !initiator;
	case V1_METHOD_HYBRID_RESP_RSA:
		return initiator;
	default:
		return false;
	}
}

uint8_t v1_signature_method(uint16_t method)
{
	switch (method) {
	case V1_METHOD_ECDSA_256:
		return AUTH_ECDSA_256;
	case V1_METHOD_ECDSA_384:
		return AUTH_ECDSA_384;
	case V1_METHOD_ECDSA_521:
		return AUTH_ECDSA_521;
	default:
		return AUTH_RSA_SIGNATURE;
	}
}

/* Whether an end signs, by what was agreed. */
static bool signs(const struct exchange *x, bool ours)
{
	return v1_method_signs(x->sa->v1->transform.method, ours == x->initiator);
}

/* HASH_I or HASH_R, in the exchange's arena; empty where it failed. */
static struct bytes hash_of(struct exchange *x, bool ours)
{
	const struct ikev1 *v1 = x->sa->v1;
	bool initiator = ours == x->initiator;
	struct v1_hash_of whose = { .initiator = initiator,
		.prf_id = v1_method_prf(v1->transform.method, v1->keys.prf),
		.id = octets_bytes(initiator ? &v1->setup.id_i : &v1->setup.id_r) };
	uint8_t *out = exchange_take(x, V1_HASH_BYTES_MAX);
	struct v1_phase1 said;

	v1_phase1_said(x->sa, &said);
	if (v1_hash_phase1(&v1->keys, &said, &whose, out) < 0)
		return BYTES_EMPTY;
	return BYTES(out, v1_prf_bytes(whose.prf_id));
}

static struct ike_question question_of(struct exchange *x, bool ours, struct bytes hash)
{
	struct ike_sa *sa = x->sa;
	uint16_t method = sa->v1->transform.method;
	struct ike_question q = { .kind = ours ? IKE_ASK_AUTHENTICATE : IKE_ASK_VERIFY,
		.connection = sa->connection,
		.prf = proposal_id(&sa->chosen, TRANSFORM_PRF),
		.hash = v1_prf_hash(v1_method_prf(method, sa->v1->keys.prf)),
		.method = v1_signature_method(method) };

	q.local_id = ike_id_payload(&sa->local_id);
	q.remote_id = ike_id_payload(&sa->remote_id);
	q.parts[0] = hash;
	return q;
}

/* Ours. */

static void keep_signature(struct exchange *x, const struct ike_answer *answer)
{
	struct v1_phase1_data *d = x->data;

	d->signature = exchange_keep(x, answer->auth);
	d->cert_count = answer->cert_count;
	for (size_t i = 0; i < answer->cert_count; i++)
		d->certs[i] = (struct cert_payload){ answer->certs[i].encoding,
			exchange_keep(x, answer->certs[i].data) };
}

enum step v1_sign(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	struct ike_question q;
	struct bytes hash;

	if (!signs(x, true))
		return STEP_NEXT;
	if (answer && answer->status == IKE_ANSWER_OK) {
		keep_signature(x, answer);
		return STEP_NEXT;
	}
	x->reject.doom = true;
	if (answer)
		return exchange_reject(x, AUTHENTICATION_FAILED,
			"we can't authenticate ourselves: %s", answer->reason);
	hash = hash_of(x, true);
	if (!hash.size)
		return exchange_reject(x, 0, "computing our HASH failed");
	x->reject.doom = false;
	q = question_of(x, true, hash);
	q.certreqs = octets_bytes(&x->sa->setup->certreqs);
	q.certreq_came = x->sa->setup->certreq_came;
	return exchange_ask(x, &q);
}

/* Certificates go where they are wanted; raw public keys have no form in IKEv1. */
static void put_certs(struct exchange *x)
{
	struct v1_phase1_data *d = x->data;
	uint8_t mode = x->sa->connection->send_cert;

	if (mode == SEND_CERT_NEVER || (mode == SEND_CERT_IFASKED && !x->sa->setup->certreq_came))
		return;
	for (size_t i = 0; i < d->cert_count; i++) {
		if (d->certs[i].encoding != CERT_X509_SIGNATURE)
			continue;
		cert_encode(exchange_payload(x, V1_PAYLOAD_CERT), &d->certs[i]);
		exchange_payload_end(x);
	}
}

enum step v1_put_proof(struct exchange *x)
{
	struct v1_phase1_data *d = x->data;
	struct bytes hash;

	if (signs(x, true)) {
		put_certs(x);
		v1_put(x, V1_PAYLOAD_SIG, d->signature);
		return STEP_NEXT;
	}
	hash = hash_of(x, true);
	if (!hash.size)
		return exchange_reject(x, 0, "computing our HASH failed");
	v1_put(x, V1_PAYLOAD_HASH, hash);
	return STEP_NEXT;
}

/* The peer's. */

static struct where method_where(const struct exchange *x)
{
	const struct auth_round *remote = &x->sa->connection->remote[0];

	return where_said(remote->where_auth, remote->where);
}

static enum step proved(struct exchange *x, const char *by)
{
	sa_tell(x->sa, IKE_EVENT_NOTE, 1, "authenticated the peer by %s", by);
	sa_heard(x->sa);
	return STEP_NEXT;
}

static enum step check_hash(struct exchange *x)
{
	struct bytes got = exchange_body(x, V1_PAYLOAD_HASH), expected = hash_of(x, false);
	bool psk = v1_method_has_psk(x->sa->v1->transform.method);
	struct where where = method_where(x);

	if (!expected.size)
		return exchange_reject(x, 0, "computing the peer's HASH failed");
	if (bytes_equal_secret(got, expected))
		return psk ? proved(x, "pre-shared key") : STEP_NEXT;
	x->reject.doom = true;
	return exchange_reject(x, AUTHENTICATION_FAILED,
		"AUTHENTICATION_FAILED for connection %s (%s:%u): %s", sa_name(x->sa), where.file,
		where.line,
		!got.size ? "the peer sent no HASH, which the method that was agreed on wants"
			: psk
			? "the peer's HASH is not what its identity and our pre-shared key make: compare the secrets of both ends"
			: "the peer's HASH is not what the keys and its identity make");
}

static void collect_certs(const struct exchange *x, struct ike_question *q)
{
	const struct payload *p;

	for (size_t i = 0; (p = chain_find(exchange_in(x), V1_PAYLOAD_CERT, i)) &&
		q->cert_count < IKE_CERTS_MAX;
		i++)
		if (cert_decode(p->body, &q->certs[q->cert_count]) &&
			q->certs[q->cert_count].encoding == CERT_X509_SIGNATURE)
			q->cert_count++;
}

static enum step check_signature(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	struct bytes signature = exchange_body(x, V1_PAYLOAD_SIG), hash;
	struct where where = method_where(x);
	struct ike_question q;

	if (answer && answer->status == IKE_ANSWER_OK)
		return proved(x, answer->credential ? answer->credential : "its signature");
	x->reject.doom = true;
	if (answer || !signature.size)
		return exchange_reject(x, AUTHENTICATION_FAILED,
			"AUTHENTICATION_FAILED for connection %s (%s:%u): %s", sa_name(x->sa),
			where.file, where.line,
			answer ? answer->reason : "the peer sent no signature");
	hash = hash_of(x, false);
	if (!hash.size)
		return exchange_reject(x, 0, "computing the peer's HASH failed");
	x->reject.doom = false;
	q = question_of(x, false, hash);
	q.auth = signature;
	collect_certs(x, &q);
	return exchange_ask(x, &q);
}

enum step v1_check_proof(struct exchange *x)
{
	return signs(x, false) ? check_signature(x) : check_hash(x);
}

/* Which certificates: a CERTREQ for each CA that we trust, or one for any, RFC 2408 §3.10. */

static void put_certreq(struct exchange *x, struct bytes name)
{
	struct cert_payload request = { CERT_X509_SIGNATURE, name };

	cert_encode(exchange_payload(x, V1_PAYLOAD_CERTREQ), &request);
	exchange_payload_end(x);
}

static bool peer_may_sign(const struct exchange *x)
{
	uint16_t methods[V1_METHODS_MAX];
	size_t count;

	if (x->sa->v1->transform.method)
		return signs(x, false);
	count = v1_methods(x->sa->connection, x->initiator, methods);
	for (size_t i = 0; i < count; i++)
		if (v1_method_signs(methods[i], !x->initiator))
			return true;

	return false;
}

void v1_put_certreqs(struct exchange *x)
{
	struct reader r = reader_of(x->engine->ca_names);

	if (!x->sa->connection->send_certreq || !peer_may_sign(x))
		return;
	if (!reader_left(&r) || reader_left(&r) > CA_NAMES_SENT_MAX) {
		put_certreq(x, BYTES_EMPTY);
		return;
	}
	while (reader_left(&r))
		put_certreq(x, read_bytes(&r, read_u16(&r)));
}

void v1_read_certreqs(struct exchange *x)
{
	struct ike_setup *setup = x->sa->setup;
	const struct payload *p = chain_find(exchange_in(x), V1_PAYLOAD_CERTREQ, 0);
	struct cert_payload asked;
	struct writer w;

	if (!p)
		return;
	w = writer_of(exchange_take(x, CA_NAMES_KEPT_MAX), CA_NAMES_KEPT_MAX);
	for (size_t i = 0; (p = chain_find(exchange_in(x), V1_PAYLOAD_CERTREQ, i)); i++) {
		setup->certreq_came = true;
		if (!cert_decode(p->body, &asked) || asked.encoding != CERT_X509_SIGNATURE ||
			!asked.data.size || w.used + 2 + asked.data.size > CA_NAMES_KEPT_MAX)
			continue;
		write_u16(&w, (uint16_t)asked.data.size);
		write_bytes(&w, asked.data);
	}
	octets_set(&setup->certreqs, writer_bytes(&w));
}
