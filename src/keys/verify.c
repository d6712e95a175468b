/* IKE_ASK_VERIFY: the peer's AUTH payload, and whether who vouches for it may: RFC 7296 §2.15, RFC 4945. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "keys/internal.h"

#define CANDIDATES_MAX 32
#define ANCHORS_MAX    256

static __thread char vouched[300]; /* of the answer being made: read before the thread's next one */

/* Pre-shared keys. */

static void verify_psk(struct task *t)
{
	const struct shared_entry *s =
		shared_find(t->keys, &t->question->local_id, &t->question->remote_id);
	uint8_t expected[SECRET_BYTES_MAX];
	char secret[SECRET_TEXT_MAX];
	bool good;

	if (!s) {
		task_no_psk(t);
		return;
	}
	good = psk_auth(t->crypto, s, t->question, expected) == 0 &&
		bytes_equal_secret(
			t->question->auth, BYTES(expected, prf_output_bytes(t->question->prf)));
	bytes_wipe(expected, sizeof(expected));
	secret_print(s, secret);
	if (!good)
		task_no(t,
			"the AUTH of '%.80s' does not match: the pre-shared keys of both ends differ (ours: %.150s)",
			t->remote, secret);
	snprintf(vouched, sizeof(vouched), "pre-shared key (%s)", secret);
}

/* Public keys: the signature, then what the round demands of it. */

static void check_constraints(
	struct task *t, const struct public_key *key, const struct signature_form *form)
{
	const struct auth_round *r = t->round;
	char where[160], words[KEY_TEXT_MAX];

	where_print(r->where_auth.file ? r->where_auth : r->where, where, sizeof(where));
	key_print(key, words);
	if (r->key_type && public_key_type(key) != r->key_type)
		task_no(t, "'%.80s' has a key of type %s; auth wants %s (%.100s)", t->remote, words,
			key_type_name(r->key_type), where);
	else if (r->min_bits && public_key_bits(key) < r->min_bits)
		task_no(t, "'%.80s' has a key of type %s; auth wants %u bits at least (%.100s)",
			t->remote, words, r->min_bits, where);
	else if (r->hash_count && form->hash != HASH_IDENTITY &&
		!hash_listed(r->hashes, r->hash_count, form->hash))
		task_no(t, "'%.80s' signed with %s, which auth does not list (%.100s)", t->remote,
			hash_text(form->hash), where);
	else if (form->hash == HASH_SHA1 && t->question->method == AUTH_DIGITAL_SIGNATURE &&
		!hash_listed(r->hashes, r->hash_count, HASH_SHA1))
		task_no(t, "'%.80s' signed with SHA-1: accepted only where auth names it (%.100s)",
			t->remote, where);
	else if (r->pss && public_key_type(key) == KEY_RSA && !form->pss)
		task_no(t, "'%.80s' signed with PKCS#1 v1.5; auth wants PSS (%.100s)", t->remote,
			where);
}

static void check_signature(struct task *t, const struct public_key *key)
{
	const struct ike_question *q = t->question;
	struct signature_form form;
	char words[KEY_TEXT_MAX];
	int r = signature_check(
		t->crypto, key, q->method, q->auth, q->parts, IKE_SIGNED_PARTS, &form);

	if (r == -ENOTSUP)
		task_no(t,
			"the signature of '%.80s' is of a kind that we don't know or that its %s key does not make",
			t->remote, key_print(key, words));
	else if (r < 0)
		task_no(t,
			"the signature of '%.80s' is wrong: it does not hold the private key of its certificate",
			t->remote);
	else
		check_constraints(t, key, &form);
}

/* The peer's certificate: the first that it sent, else one that we have. */
static struct certificate *received_cert(struct task *t)
{
	struct certificate *cert = NULL;

	for (size_t i = 0; i < t->question->cert_count && !cert; i++)
		if (t->question->certs[i].encoding == CERT_X509_SIGNATURE)
			if (certificate_load(t->crypto, t->question->certs[i].data, &cert) < 0)
				cert = NULL;
	return cert;
}

static struct certificate *configured_cert(struct task *t)
{
	const struct id_payload *id = &t->question->remote_id;
	struct certificate *cert;

	for (size_t i = 0; i < t->round->cert_count; i++) {
		if (certificate_load(t->crypto, t->round->certs[i], &cert) < 0)
			continue;
		if (certificate_has_id(cert, id->type, id->value))
			return cert;
		certificate_free(cert);
	}
	for (size_t i = 0; i < t->keys->certs.count; i++) {
		const struct cert_entry *c = cert_at(t->keys, i);

		if (c->cert && c->kind == KEYS_CERT_END_ENTITY &&
			certificate_has_id(c->cert, id->type, id->value))
			return certificate_hold(c->cert);
	}
	return NULL;
}

/* Trust anchors: those of the round where it names some, else all. Held; the caller frees. */
static size_t collect_anchors(struct task *t, struct certificate **out)
{
	size_t count = 0;

	for (size_t i = 0; i < t->round->cacert_count && count < ANCHORS_MAX; i++)
		if (certificate_load(t->crypto, t->round->cacerts[i], &out[count]) == 0)
			count++;
	if (t->round->cacert_count)
		return count;
	for (size_t i = 0; i < t->keys->certs.count && count < ANCHORS_MAX; i++)
		if (cert_at(t->keys, i)->kind == KEYS_CERT_CA)
			out[count++] = certificate_hold(cert_at(t->keys, i)->cert);
	return count;
}

/* Intermediates: what the peer sent, and what we have. */
static size_t collect_untrusted(struct task *t, struct certificate **out)
{
	size_t count = 0;

	for (size_t i = 1; i < t->question->cert_count && count < CANDIDATES_MAX; i++)
		if (t->question->certs[i].encoding == CERT_X509_SIGNATURE &&
			certificate_load(t->crypto, t->question->certs[i].data, &out[count]) == 0)
			count++;
	for (size_t i = 0; i < t->keys->certs.count && count < CANDIDATES_MAX; i++)
		if (cert_at(t->keys, i)->cert && certificate_is_ca(cert_at(t->keys, i)->cert))
			out[count++] = certificate_hold(cert_at(t->keys, i)->cert);
	return count;
}

static void release(struct certificate **list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		certificate_free(list[i]);
}

/* A certificate that the round itself names needs no issuer: it is trusted as it is, while it is valid. */
static bool pinned(struct task *t, const struct certificate *cert)
{
	for (size_t i = 0; i < t->round->cert_count; i++)
		if (bytes_equal(t->round->certs[i], certificate_der(cert)))
			return true;
	return false;
}

static void check_chain(struct task *t, struct certificate *cert)
{
	struct certificate *anchors[ANCHORS_MAX + 1], *untrusted[CANDIDATES_MAX];
	size_t anchor_count = collect_anchors(t, anchors),
	       untrusted_count = collect_untrusted(t, untrusted);
	struct chain_result result = { 0 };
	char where[160], issuer[120];

	if (pinned(t, cert) && anchor_count <= ANCHORS_MAX)
		anchors[anchor_count++] = certificate_hold(cert);
	if (certificate_check_chain(t->crypto, cert, untrusted, untrusted_count, anchors,
		    anchor_count, t->wall, &result) < 0) {
		where_print(t->round->where, where, sizeof(where));
		if (result.problem == CHAIN_NO_ISSUER)
			task_no(t,
				"the certificate of '%.60s' is issued by %.90s, which is not among our %zu trusted CAs (x509ca/, or cacerts of %.80s)",
				t->remote,
				name_text(certificate_issuer(cert), issuer, sizeof(issuer)),
				anchor_count, where);
		else
			task_no(t, "the certificate of '%.60s' is refused: %.90s: %.120s (%.80s)",
				t->remote, result.subject, result.detail, where);
	}
	release(anchors, anchor_count);
	release(untrusted, untrusted_count);
}

static void verify_cert(struct task *t, struct certificate *cert)
{
	const struct id_payload *id = &t->question->remote_id;
	char subject[120], issuer[120], key[KEY_TEXT_MAX];

	certificate_subject_text(cert, subject, sizeof(subject));
	if (!certificate_has_id(cert, id->type, id->value)) {
		task_no(t,
			"the certificate %.100s does not speak for '%.80s': that must be its subject or a subjectAltName",
			subject, t->remote);
		return;
	}
	check_chain(t, cert);
	if (t->answer->status == IKE_ANSWER_OK)
		check_signature(t, certificate_key(cert));
	snprintf(vouched, sizeof(vouched), "%s (%s) by %s", subject,
		key_print(certificate_key(cert), key),
		name_text(certificate_issuer(cert), issuer, sizeof(issuer)));
}

/* Raw public keys: only those that the configuration names. */
static void verify_raw(struct task *t)
{
	struct public_key *key;
	char words[KEY_TEXT_MAX];

	for (size_t i = 0; i < t->round->pubkey_count; i++) {
		struct signature_form form;

		if (public_key_load(t->crypto, t->round->pubkeys[i], &key) < 0)
			continue;
		if (signature_check(t->crypto, key, t->question->method, t->question->auth,
			    t->question->parts, IKE_SIGNED_PARTS, &form) == 0) {
			check_constraints(t, key, &form);
			snprintf(vouched, sizeof(vouched), "raw public key (%s)",
				key_print(key, words));
			public_key_free(key);
			return;
		}
		public_key_free(key);
	}
	task_no(t, "the signature of '%.80s' is by none of the %zu public keys of %s", t->remote,
		t->round->pubkey_count, t->round->name);
}

static void verify_pubkey(struct task *t)
{
	struct certificate *cert;

	if (t->round->pubkey_count) {
		verify_raw(t);
		return;
	}
	cert = received_cert(t);
	if (!cert)
		cert = configured_cert(t);
	if (!cert) {
		task_no(t,
			"'%.80s' sent no certificate and we have none of it: it must send one, or put it into x509/ and name it in certs",
			t->remote);
		return;
	}
	verify_cert(t, cert);
	certificate_free(cert);
}

void verify(struct task *t)
{
	uint8_t method = t->question->method;
	bool psk = method == AUTH_SHARED_KEY;
	bool key = method == AUTH_RSA_SIGNATURE || method == AUTH_DIGITAL_SIGNATURE ||
		(method >= AUTH_ECDSA_256 && method <= AUTH_ECDSA_521);
	char where[160];

	vouched[0] = '\0';
	where_print(t->round->where_auth.file ? t->round->where_auth : t->round->where, where,
		sizeof(where));
	if (psk && t->round->class == AUTH_CLASS_PUBKEY)
		task_no(t, "'%.80s' used a pre-shared key; auth wants a public key (%.100s)",
			t->remote, where);
	else if (key && t->round->class == AUTH_CLASS_PSK)
		task_no(t, "'%.80s' used a signature; auth wants a pre-shared key (%.100s)",
			t->remote, where);
	else if (!psk && !key)
		task_no(t, "'%.80s' used authentication method %u, which is not supported",
			t->remote, method);
	else if (psk)
		verify_psk(t);
	else
		verify_pubkey(t);
	t->answer->credential = vouched;
}
