/* Which of our keys signs, and how: every certificate or raw key that the round allows is considered; those without a
 * private key or without a form that the peer can verify fall out, the rest are ranked. */
#include <stdio.h>

#include "keys/internal.h"

enum { RANK_USABLE = 1, RANK_ASKED_FOR = 2, RANK_VALID = 4, RANK_HAS_ID = 8 };

static bool same(const struct certificate *a, const struct certificate *b)
{
	return bytes_equal(certificate_der(a), certificate_der(b));
}

static bool among(struct certificate *const *list, size_t count, const struct certificate *cert)
{
	for (size_t i = 0; i < count; i++) {
		if (same(list[i], cert))
			return true;
	}
	return false;
}

/* Two CAs of one name both count: which of them signed is for the peer to find out. */
size_t chain_above(
	const struct keys *k, const struct certificate *cert, struct certificate **out, size_t room)
{
	const struct certificate *below = cert;
	size_t count = 0;

	for (size_t next = 0; below; below = next < count ? out[next++] : NULL) {
		struct bytes issuer = certificate_issuer(below);

		for (size_t i = 0; i < k->certs.count && count < room; i++) {
			struct certificate *above = cert_at(k, i)->cert;

			if (above && certificate_is_ca(above) &&
				name_equal(certificate_subject(above), issuer) &&
				!same(above, cert) && !among(out, count, above))
				out[count++] = above;
		}
	}
	return count;
}

static bool named_in(struct bytes certreqs, const struct certificate *ca)
{
	uint8_t hash[KEY_ID_BYTES];

	public_key_info_hash(certificate_key(ca), hash);
	for (size_t at = 0; at + KEY_ID_BYTES <= certreqs.size; at += KEY_ID_BYTES) {
		if (memcmp(certreqs.data + at, hash, KEY_ID_BYTES) == 0)
			return true;
	}
	return false;
}

/* IKEv1 asks for CAs by their names. */
static bool named_by_name(struct bytes names, const struct certificate *ca)
{
	struct reader r = reader_of(names);

	while (reader_ok(&r) && reader_left(&r)) {
		struct bytes name = read_bytes(&r, read_u16(&r));

		if (reader_ok(&r) && name_equal(name, certificate_subject(ca)))
			return true;
	}
	return false;
}

static bool asked_for(const struct task *t, const struct certificate *cert)
{
	const struct ike_question *q = t->question;
	struct certificate *above[IKE_CERTS_MAX];
	size_t count = chain_above(t->keys, cert, above, IKE_CERTS_MAX);

	for (size_t i = 0; i < count; i++) {
		if (q->hash ? named_by_name(q->certreqs, above[i])
			    : named_in(q->certreqs, above[i]))
			return true;
	}
	return false;
}

/* The form of the signature. */

/* As strong as the key: 128, 192 and 256 bits of security. */
static uint8_t default_hash(const struct public_key *key)
{
	unsigned bits = public_key_bits(key);

	if (public_key_type(key) == KEY_RSA)
		return bits <= 3072 ? HASH_SHA2_256 : bits <= 7680 ? HASH_SHA2_384 : HASH_SHA2_512;
	return bits <= 256 ? HASH_SHA2_256 : bits <= 384 ? HASH_SHA2_384 : HASH_SHA2_512;
}

/* Never SHA-1: RFC 8247 §3.2. */
static bool usable_hash(const struct ike_question *q, uint8_t hash)
{
	return hash >= HASH_SHA2_256 && hash <= HASH_SHA2_512 &&
		hash_listed(q->hashes, q->hash_count, hash);
}

static uint8_t choose_hash(const struct task *t, const struct public_key *key)
{
	const struct ike_question *q = t->question;
	uint8_t hash = default_hash(key);

	for (size_t i = 0; i < t->round->hash_count; i++) {
		if (usable_hash(q, t->round->hashes[i]))
			return t->round->hashes[i];
	}
	if (t->round->hash_count)
		return 0;
	if (usable_hash(q, hash))
		return hash;
	for (hash = HASH_SHA2_256; hash <= HASH_SHA2_512; hash++) {
		if (usable_hash(q, hash))
			return hash;
	}
	return 0;
}

/* What peers understand without RFC 7427. Returns NULL, or why not. */
static const char *classic_form(
	const struct task *t, const struct public_key *key, struct signature_form *ret_form)
{
	unsigned bits = public_key_bits(key);

	switch (public_key_type(key)) {
	case KEY_RSA:
		*ret_form = (struct signature_form){ AUTH_RSA_SIGNATURE, HASH_SHA1, false };
		return t->round->pss
			? "the peer does not announce RFC 7427, so RSA can't be PSS as "
			  "configured"
			: NULL;
	case KEY_ECDSA:
		ret_form->method = bits <= 256 ? AUTH_ECDSA_256
			: bits <= 384          ? AUTH_ECDSA_384
					       : AUTH_ECDSA_521;
		return NULL;
	default:
		return "the peer does not announce RFC 7427, without which there is no EdDSA; use "
		       "an RSA or ECDSA key";
	}
}

/* The method was agreed on before: RSA, or ECDSA with one curve. */
static const char *ikev1_form(
	const struct task *t, const struct public_key *key, struct signature_form *ret_form)
{
	const struct ike_question *q = t->question;

	if (t->round->pss)
		return "IKEv1 has no RSA with PSS as configured";
	*ret_form = (struct signature_form){ ikev1_method(key), q->hash, false };
	if (!ret_form->method)
		return "IKEv1 signs with RSA and ECDSA keys only";
	return q->kind == IKE_ASK_SIGNER || ret_form->method == q->method
		? NULL
		: "it is of another kind than the method that was agreed on with the peer, which IKEv1 wants of both ends: RSA, or ECDSA with one curve";
}

/* Returns NULL, or why the peer could not verify. */
static const char *choose_form(
	const struct task *t, const struct public_key *key, struct signature_form *ret_form)
{
	const struct ike_question *q = t->question;
	enum key_type type = public_key_type(key);
	uint8_t hash;

	if (q->hash)
		return ikev1_form(t, key, ret_form);
	if (!q->hash_count)
		return classic_form(t, key, ret_form);
	if (type == KEY_ED25519 || type == KEY_ED448) {
		*ret_form = (struct signature_form){ AUTH_DIGITAL_SIGNATURE, HASH_IDENTITY, false };
		return hash_listed(q->hashes, q->hash_count, HASH_IDENTITY)
			? NULL
			: "the peer can't verify EdDSA (RFC 8420); use an RSA or ECDSA key";
	}

	hash = choose_hash(t, key);
	*ret_form = (struct signature_form){ AUTH_DIGITAL_SIGNATURE, hash,
		type == KEY_RSA && t->round->pss };
	return hash ? NULL : "the peer announces no hash that auth allows and that is not SHA-1";
}

/* Considering. */

static bool fits_round(const struct auth_round *round, const struct public_key *key)
{
	return (!round->key_type || round->key_type == public_key_type(key)) &&
		public_key_bits(key) >= round->min_bits;
}

/* Finds the private key and the form for a public key; false, having said why, where there is none. */
static bool prepare(struct task *t, const struct public_key *key, const char *what,
	struct credential *credential)
{
	char text[KEY_TEXT_MAX], where[WHERE_TEXT_MAX];
	const char *why;

	key_print(key, text);
	if (!fits_round(t->round, key)) {
		task_no(t, "%s has a key of %s, but %s (%s) wants auth = %s", what, text,
			t->round->name, where_print(t->round->where_auth, where, sizeof(where)),
			t->round->auth_text);
		return false;
	}
	credential->key = key_of(t->keys, key);
	if (!credential->key) {
		task_no(t, "the private key of %s (%s) is not loaded; put it into private/", what,
			text);
		return false;
	}
	why = choose_form(t, key, &credential->form);
	if (why)
		task_no(t, "%s (%s) can't be used: %s", what, text, why);
	return !why;
}

static void keep_better(struct credential *best, const struct credential *c)
{
	if (c->rank <= best->rank)
		return;

	credential_close(best);
	*best = *c;
	if (c->cert)
		certificate_hold(c->cert);
}

static void consider_cert(struct task *t, struct certificate *cert, struct credential *best)
{
	const struct id_payload *id = &t->question->local_id;
	char subject[DN_TEXT_MAX], what[DN_TEXT_MAX + 24];
	struct credential c = { .cert = cert, .rank = RANK_USABLE };

	certificate_subject_text(cert, subject, sizeof(subject));
	snprintf(what, sizeof(what), "our certificate %s", subject);
	if (!prepare(t, certificate_key(cert), what, &c))
		return;

	if (certificate_has_id(cert, id->type, id->value))
		c.rank |= RANK_HAS_ID;
	if (t->wall >= certificate_not_before(cert) && t->wall <= certificate_not_after(cert))
		c.rank |= RANK_VALID;
	if (asked_for(t, cert))
		c.rank |= RANK_ASKED_FOR;
	keep_better(best, &c);
}

static void consider_raw(struct task *t, struct bytes info, struct credential *best)
{
	struct credential c = { .rank = RANK_USABLE, .raw = info };
	struct public_key *key;

	if (public_key_load(t->crypto, info, &key) < 0) {
		task_no(t, "a raw public key of %s can't be read", t->round->name);
		return;
	}
	if (prepare(t, key, "our raw public key", &c))
		keep_better(best, &c);
	public_key_free(key);
}

static void consider_configured(struct task *t, struct credential *best)
{
	struct certificate *cert;

	for (size_t i = 0; i < t->round->cert_count; i++) {
		if (certificate_load(t->crypto, t->round->certs[i], &cert) < 0) {
			task_no(t, "a certificate of %s can't be read", t->round->name);
			continue;
		}
		consider_cert(t, cert, best);
		certificate_free(cert);
	}
	for (size_t i = 0; i < t->round->pubkey_count; i++)
		consider_raw(t, t->round->pubkeys[i], best);
}

static void consider_stored(struct task *t, struct credential *best)
{
	const struct id_payload *id = &t->question->local_id;

	for (size_t i = 0; i < t->keys->certs.count; i++) {
		const struct cert_entry *entry = cert_at(t->keys, i);

		if (entry->kind == KEYS_CERT_END_ENTITY &&
			certificate_has_id(entry->cert, id->type, id->value))
			consider_cert(t, entry->cert, best);
	}
}

bool credential_choose(struct task *t, struct credential *ret_credential)
{
	struct credential best = { 0 };
	char where[WHERE_TEXT_MAX];

	if (t->round->cert_count || t->round->pubkey_count)
		consider_configured(t, &best);
	else
		consider_stored(t, &best);
	if (best.rank) {
		*ret_credential = best;
		return true;
	}

	if (t->round->class != AUTH_CLASS_ANY)
		task_no(t,
			"no certificate of ours speaks for '%s'; put one whose subject or "
			"subjectAltName that is into x509/ and its key into private/, or name "
			"another id or certs in %s (%s)",
			t->local, t->round->name,
			where_print(t->round->where, where, sizeof(where)));
	return false;
}

void credential_close(struct credential *c)
{
	certificate_free(c->cert);
}
