/* Choosing what signs for us: a certificate or raw key of the round, else any loaded one that speaks for our identity,
 * with its private key; and the form of signature that the peer can check. */
#include <stdio.h>
#include <stdlib.h>

#include "keys/internal.h"

#define CHAIN_MAX 8

static uint8_t default_hash(const struct private_key *key)
{
	unsigned bits = private_key_bits(key);

	switch (private_key_type(key)) {
	case KEY_ED25519:
	case KEY_ED448:
		return HASH_IDENTITY;
	case KEY_RSA:
		return bits > 7680 ? HASH_SHA2_512 : bits > 3072 ? HASH_SHA2_384 : HASH_SHA2_256;
	default:
		return bits > 384 ? HASH_SHA2_512 : bits > 256 ? HASH_SHA2_384 : HASH_SHA2_256;
	}
}

static bool peer_checks(const struct ike_question *q, uint8_t hash)
{
	return hash_listed(q->hashes, q->hash_count, hash);
}

/* RFC 7427: the first hash of the round, else the key's own, else any that the peer knows. */
static uint8_t digital_hash(const struct task *t, const struct private_key *key)
{
	static const uint8_t others[] = { HASH_SHA2_256, HASH_SHA2_384, HASH_SHA2_512 };
	uint8_t own = default_hash(key);

	if (own == HASH_IDENTITY)
		return peer_checks(t->question, HASH_IDENTITY) ? HASH_IDENTITY : 0;
	for (size_t i = 0; i < t->round->hash_count; i++)
		if (peer_checks(t->question, t->round->hashes[i]))
			return t->round->hashes[i];
	if (t->round->hash_count)
		return 0;
	if (peer_checks(t->question, own))
		return own;
	for (size_t i = 0; i < sizeof(others); i++)
		if (peer_checks(t->question, others[i]))
			return others[i];
	return 0;
}

/* The methods that came before RFC 7427; false for keys that have none. */
static bool old_form(const struct private_key *key, struct signature_form *ret_form)
{
	unsigned bits = private_key_bits(key);

	*ret_form = (struct signature_form){ 0 };
	if (private_key_type(key) == KEY_RSA)
		*ret_form =
			(struct signature_form){ .method = AUTH_RSA_SIGNATURE, .hash = HASH_SHA1 };
	else if (private_key_type(key) == KEY_ECDSA && bits == 256)
		*ret_form =
			(struct signature_form){ .method = AUTH_ECDSA_256, .hash = HASH_SHA2_256 };
	else if (private_key_type(key) == KEY_ECDSA && bits == 384)
		*ret_form =
			(struct signature_form){ .method = AUTH_ECDSA_384, .hash = HASH_SHA2_384 };
	else if (private_key_type(key) == KEY_ECDSA && bits == 521)
		*ret_form =
			(struct signature_form){ .method = AUTH_ECDSA_521, .hash = HASH_SHA2_512 };
	return ret_form->method != 0;
}

static bool form_for(
	const struct task *t, const struct private_key *key, struct signature_form *ret_form)
{
	uint8_t hash = t->question->hash_count ? digital_hash(t, key) : 0;

	if (!hash)
		return old_form(key, ret_form);
	*ret_form = (struct signature_form){ .method = AUTH_DIGITAL_SIGNATURE,
		.hash = hash,
		.pss = t->round->pss && private_key_type(key) == KEY_RSA };
	return true;
}

size_t chain_above(
	const struct keys *k, const struct certificate *cert, struct certificate **out, size_t room)
{
	const struct certificate *at = cert;
	size_t count = 0;

	while (count < room && !certificate_is_self_signed(at)) {
		const struct certificate *issuer = NULL;

		for (size_t i = 0; i < k->certs.count && !issuer; i++) {
			const struct cert_entry *c = cert_at(k, i);

			if (c->cert && c->cert != at &&
				bytes_equal(certificate_subject(c->cert), certificate_issuer(at)))
				issuer = c->cert;
		}
		if (!issuer)
			break;
		out[count++] = (struct certificate *)(uintptr_t)issuer;
		at = issuer;
	}
	return count;
}

/* Whether a CA that the peer named is above the certificate. */
static bool requested(const struct task *t, const struct certificate *cert)
{
	struct certificate *above[CHAIN_MAX];
	size_t count = chain_above(t->keys, cert, above, CHAIN_MAX);

	for (size_t i = 0; i < count; i++) {
		uint8_t hash[KEY_ID_BYTES];

		public_key_info_hash(certificate_key(above[i]), hash);
		for (size_t at = 0; at + KEY_ID_BYTES <= t->question->certreqs.size;
			at += KEY_ID_BYTES)
			if (memcmp(t->question->certreqs.data + at, hash, KEY_ID_BYTES) == 0)
				return true;
	}
	return false;
}

/* Puts a candidate in place of a lesser one. */
static void consider(struct task *t, struct credential *best, struct certificate *cert,
	struct public_key *key, unsigned rank)
{
	const struct key_entry *private = key_of(t->keys, key);
	struct signature_form form;

	if (!private || (t->round->key_type && public_key_type(key) != t->round->key_type) ||
		!form_for(t, private->key, &form))
		return;
	rank += cert && requested(t, cert) ? 2 : 0;
	if (rank <= best->rank)
		return;
	credential_close(best);
	*best = (struct credential){ .key = private,
		.cert = cert ? certificate_hold(cert) : NULL,
		.form = form,
		.rank = rank };
	if (!cert)
		best->raw = public_key_info(
			key); /* the caller's to replace where the key does not last */
}

static void consider_round(struct task *t, struct credential *best)
{
	for (size_t i = 0; i < t->round->cert_count; i++) {
		struct certificate *cert;

		if (certificate_load(t->crypto, t->round->certs[i], &cert) < 0)
			continue;
		consider(t, best, cert, certificate_key(cert), 10);
		certificate_free(cert);
	}
}

/* Raw keys of the round: the store's entries of the same octets own the lasting views. */
static void consider_raw(struct task *t, struct credential *best)
{
	for (size_t i = 0; i < t->round->pubkey_count; i++) {
		struct public_key *key;

		if (public_key_load(t->crypto, t->round->pubkeys[i], &key) < 0)
			continue;
		consider(t, best, NULL, key, 10);
		if (best->key && !best->cert)
			best->raw = t->round->pubkeys[i];
		public_key_free(key);
	}
}

static void consider_loaded(struct task *t, struct credential *best)
{
	const struct id_payload *id = &t->question->local_id;

	for (size_t i = 0; i < t->keys->certs.count; i++) {
		const struct cert_entry *c = cert_at(t->keys, i);

		if (c->cert && c->kind == KEYS_CERT_END_ENTITY &&
			certificate_has_id(c->cert, id->type, id->value))
			consider(t, best, c->cert, c->key, 5);
	}
}

void credential_close(struct credential *c)
{
	certificate_free(c->cert);
	*c = (struct credential){ 0 };
}

bool credential_choose(struct task *t, struct credential *ret_credential)
{
	char where[160];

	*ret_credential = (struct credential){ 0 };
	consider_round(t, ret_credential);
	if (!ret_credential->key)
		consider_raw(t, ret_credential);
	if (!ret_credential->key && !t->round->cert_count && !t->round->pubkey_count)
		consider_loaded(t, ret_credential);
	if (ret_credential->key)
		return true;

	where_print(t->round->where, where, sizeof(where));
	if (t->round->cert_count || t->round->pubkey_count)
		task_no(t,
			"no private key for the certificate or public key of %s (%.100s), or its signatures are none that the peer announced; %zu private keys are loaded: put the right one into private/",
			t->round->name, where, t->keys->keys.count);
	else
		task_no(t,
			"no certificate for '%.80s' with a private key is loaded (%.100s): put the certificate into x509/ and name it in certs, the key into private/",
			t->local, where);
	return false;
}
