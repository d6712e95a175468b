/* The peer's AUTH, RFC 7296 §2.15 and RFC 7427: by its class, a MAC compared in constant time, or a signature by a key that
 * somebody vouched for (verify_cert.c, or the round itself for a raw one, RFC 7670) in a form that the round allows. */
#include <errno.h>
#include <stdio.h>

#include "keys/internal.h"

void task_accept(struct task *t, const char *voucher)
{
	t->answer->credential = strdup(voucher);
	task_yes(t);
}

static void verify_psk(struct task *t)
{
	const struct ike_question *q = t->question;
	const struct shared_entry *s = shared_find(t->keys, &q->local_id, &q->remote_id);
	uint8_t auth[SECRET_BYTES_MAX];
	char secret[SECRET_TEXT_MAX], voucher[VOUCHER_TEXT_MAX];

	if (!s) {
		task_no_psk(t);
		return;
	}
	secret_print(s, secret);
	if (psk_auth(t->crypto, s, q, auth) < 0) {
		task_no(t, "PRF %u is not supported, or the cryptographic library failed", q->prf);
	} else if (bytes_equal_secret(BYTES(auth, prf_output_bytes(q->prf)), q->auth)) {
		snprintf(voucher, sizeof(voucher), "pre-shared key (%s)", secret);
		task_accept(t, voucher);
	} else {
		task_no(t,
			"AUTH of '%s' does not match: the pre-shared keys of both ends differ (%s)",
			t->remote, secret);
	}
	bytes_wipe(auth, sizeof(auth));
}

/* Constraints on what the signature turned out to be. */

static const char *hash_objection(const struct auth_round *round, const struct signature_form *form)
{
	if (round->hash_count)
		return hash_listed(round->hashes, round->hash_count, form->hash)
			? NULL
			: "its hash is not among those that auth names";
	if (form->method == AUTH_DIGITAL_SIGNATURE && form->hash == HASH_SHA1)
		return "SHA-1 is accepted only where auth names it (RFC 8247 §3.2)";
	return NULL;
}

static const char *form_objection(const struct auth_round *round, const struct public_key *key,
	const struct signature_form *form)
{
	if (round->key_type && round->key_type != public_key_type(key))
		return "its key is of another type than auth names";
	if (public_key_bits(key) < round->min_bits)
		return "its key is smaller than auth asks for";
	if (round->pss && public_key_type(key) == KEY_RSA && !form->pss)
		return "it is PKCS#1 where auth asks for PSS";
	return hash_objection(round, form);
}

static void signature_refused(
	struct task *t, int error, const struct public_key *key, const char *what)
{
	char text[KEY_TEXT_MAX], method[NAME_TEXT_MAX];

	key_print(key, text);
	if (error == -EBADMSG)
		task_no(t,
			"AUTH of '%s' does not match the key (%s) of %s: the peer signed with "
			"another private key, or %s was altered on the way",
			t->remote, text, what, t->question->hash ? "phase 1" : "IKE_SA_INIT");
	else if (error == -ENOTSUP)
		task_no(t,
			"AUTH of '%s' by %s is of a kind that is not supported or does not fit the "
			"key (%s) of %s",
			t->remote, auth_method_name(t->question->method, method), text, what);
	else
		task_no(t, "the cryptographic library failed with AUTH of '%s'", t->remote);
}

uint8_t ikev1_method(const struct public_key *key)
{
	unsigned bits = public_key_bits(key);

	if (public_key_type(key) == KEY_RSA)
		return AUTH_RSA_SIGNATURE;
	if (public_key_type(key) != KEY_ECDSA)
		return 0;
	return bits <= 256 ? AUTH_ECDSA_256 : bits <= 384 ? AUTH_ECDSA_384 : AUTH_ECDSA_521;
}

/* The signature itself: of the parts, or in IKEv1 of a hash. */
static int check_signature(
	struct task *t, const struct public_key *key, struct signature_form *ret_form)
{
	const struct ike_question *q = t->question;

	if (!q->hash)
		return signature_check(
			t->crypto, key, q->method, q->auth, q->parts, IKE_SIGNED_PARTS, ret_form);
	*ret_form = (struct signature_form){ q->method, q->hash, false };
	return ikev1_method(key) == q->method ? hash_verify(t->crypto, key, q->parts[0], q->auth)
					      : -ENOTSUP;
}

bool signed_by(struct task *t, const struct public_key *key, const char *what)
{
	char text[KEY_TEXT_MAX], where[WHERE_TEXT_MAX];
	struct signature_form form;
	const char *objection;
	int r = check_signature(t, key, &form);

	if (r < 0) {
		signature_refused(t, r, key, what);
		return false;
	}
	objection = form_objection(t->round, key, &form);
	if (objection)
		task_no(t, "the signature of '%s' (%s, %s%s) is good, but %s: auth = %s (%s)",
			t->remote, key_print(key, text), hash_text(form.hash),
			form.pss ? ", PSS" : "", objection, t->round->auth_text,
			where_print(t->round->where_auth, where, sizeof(where)));
	return !objection;
}

/* Raw public keys. Whether the peer sent its own does not matter: only one that we know counts. */

static bool verify_raw(struct task *t, const struct public_key *key)
{
	uint8_t id[KEY_ID_BYTES];
	char hex[2 * KEY_ID_BYTES + 1], text[KEY_TEXT_MAX], what[80], voucher[VOUCHER_TEXT_MAX];

	public_key_id(key, id);
	bytes_to_hex(BYTES_OF(id), hex, sizeof(hex));
	snprintf(what, sizeof(what), "raw public key %s", hex);
	if (!signed_by(t, key, what))
		return false;

	snprintf(voucher, sizeof(voucher), "%s (%s)", what, key_print(key, text));
	task_accept(t, voucher);
	return true;
}

static void verify_configured_raw(struct task *t)
{
	bool done = false;

	for (size_t i = 0; !done && i < t->round->pubkey_count; i++) {
		struct public_key *key;

		if (public_key_load(t->crypto, t->round->pubkeys[i], &key) < 0) {
			task_no(t, "a raw public key of %s can't be read", t->round->name);
			continue;
		}
		done = verify_raw(t, key);
		public_key_free(key);
	}
}

/* Without a round that names it, a key that is merely loaded speaks for its own key id only. */
static void verify_stored_raw(struct task *t)
{
	const struct id_payload *id = &t->question->remote_id;
	uint8_t key_id[KEY_ID_BYTES];
	bool done = false;

	for (size_t i = 0; !done && id->type == ID_KEY_ID && i < t->keys->certs.count; i++) {
		const struct cert_entry *entry = cert_at(t->keys, i);

		if (entry->kind != KEYS_PUBLIC_KEY)
			continue;
		public_key_id(entry->key, key_id);
		if (bytes_equal(id->value, BYTES_OF(key_id)))
			done = verify_raw(t, entry->key);
	}
	if (!done)
		task_no(t,
			"'%s' sent a raw public key, and %s names none; put it into pubkey/ and name "
			"it in pubkeys there",
			t->remote, t->round->name);
}

static bool received(const struct ike_question *q, uint8_t encoding)
{
	for (size_t i = 0; i < q->cert_count; i++) {
		if (q->certs[i].encoding == encoding)
			return true;
	}
	return false;
}

static void verify_signature(struct task *t)
{
	const struct auth_round *round = t->round;
	bool raw = received(t->question, CERT_RAW_PUBLIC_KEY) &&
		!received(t->question, CERT_X509_SIGNATURE);

	if (round->pubkey_count)
		verify_configured_raw(t);
	else if (raw && !round->cert_count && !round->cacert_count)
		verify_stored_raw(t);
	if (!task_is_yes(t) && (round->cert_count || !(raw || round->pubkey_count)))
		verify_certs(t);
	task_no(t, "'%s' sent a raw public key where %s wants a certificate", t->remote,
		round->name);
}

/* The class: what the peer did against what the round asks for. */

static enum auth_class class_of(uint8_t method)
{
	switch (method) {
	case AUTH_SHARED_KEY:
		return AUTH_CLASS_PSK;
	case AUTH_RSA_SIGNATURE:
	case AUTH_ECDSA_256:
	case AUTH_ECDSA_384:
	case AUTH_ECDSA_521:
	case AUTH_DIGITAL_SIGNATURE:
		return AUTH_CLASS_PUBKEY;
	default:
		return AUTH_CLASS_ANY; /* none that we verify */
	}
}

void verify(struct task *t)
{
	const struct ike_question *q = t->question;
	const struct auth_round *round = t->round;
	enum auth_class class = class_of(q->method);
	char method[NAME_TEXT_MAX], where[WHERE_TEXT_MAX];

	if (class == AUTH_CLASS_ANY)
		task_no(t, "'%s' authenticated by %s, which is not supported; use psk or pubkey",
			t->remote, auth_method_name(q->method, method));
	else if (round->class != AUTH_CLASS_ANY && round->class != class)
		task_no(t, "'%s' authenticated by %s, but %s wants auth = %s (%s)", t->remote,
			class == AUTH_CLASS_PSK ? "a pre-shared key" : "a public key", round->name,
			round->auth_text, where_print(round->where_auth, where, sizeof(where)));
	else if (!conf_id_match(&round->id, &q->remote_id))
		task_no(t, "the peer is '%s', but %s wants id = %s (%s)", t->remote, round->name,
			round->id.text, where_print(round->where_id, where, sizeof(where)));
	else if (class == AUTH_CLASS_PSK)
		verify_psk(t);
	else
		verify_signature(t);
}
