/* IKE_ASK_AUTHENTICATE: our AUTH payload, RFC 7296 §2.15. */
#include <stdlib.h>

#include "keys/internal.h"

static void with_psk(struct task *t, const struct shared_entry *s)
{
	uint8_t auth[SECRET_BYTES_MAX];

	if (psk_auth(t->crypto, s, t->question, auth) < 0) {
		task_no(t, "the library refused the PRF");
		return;
	}
	if (task_give(t, &t->answer->auth, BYTES(auth, prf_output_bytes(t->question->prf))))
		t->answer->method = AUTH_SHARED_KEY;
}

static bool give_cert(struct task *t, uint8_t encoding, struct bytes data)
{
	struct cert_payload *place = &t->answer->certs[t->answer->cert_count];

	if (!task_give(t, &place->data, data))
		return false;
	place->encoding = encoding;
	t->answer->cert_count++;
	return true;
}

/* The end entity and what is above it, but the root: who doesn't have that already can't use it. */
static void give_chain(struct task *t, const struct credential *c)
{
	struct certificate *above[IKE_CERTS_MAX - 1];
	size_t count;

	if (!c->cert) {
		give_cert(t, CERT_RAW_PUBLIC_KEY, c->raw);
		return;
	}
	count = chain_above(t->keys, c->cert, above, IKE_CERTS_MAX - 1);
	if (!give_cert(t, CERT_X509_SIGNATURE, certificate_der(c->cert)))
		return;
	for (size_t i = 0; i < count && !certificate_is_self_signed(above[i]); i++)
		if (!give_cert(t, CERT_X509_SIGNATURE, certificate_der(above[i])))
			return;
}

static void with_key(struct task *t)
{
	uint8_t signature[SIGNATURE_BYTES_MAX];
	struct credential c;
	size_t size;

	if (!credential_choose(t, &c))
		return;
	if (signature_make(t->crypto, c.key->key, &c.form, t->question->parts, IKE_SIGNED_PARTS,
		    signature, &size) < 0)
		task_no(t, "the library refused to sign with our %s key",
			key_type_name(private_key_type(c.key->key)));
	else if (task_give(t, &t->answer->auth, BYTES(signature, size)))
		give_chain(t, &c);
	t->answer->method = c.form.method;
	credential_close(&c);
}

/* `any` takes a key where the round has one, else a secret. */
static bool wants_key(const struct task *t)
{
	const struct auth_round *r = t->round;

	if (r->class == AUTH_CLASS_ANY)
		return r->cert_count || r->pubkey_count ||
			!shared_find(t->keys, &t->question->local_id, &t->question->remote_id);
	return r->class == AUTH_CLASS_PUBKEY;
}

void authenticate(struct task *t)
{
	const struct shared_entry *s;

	if (t->round->class != AUTH_CLASS_ANY && t->round->class != AUTH_CLASS_PSK &&
		t->round->class != AUTH_CLASS_PUBKEY) {
		task_no(t, "auth = %s is not supported yet",
			t->round->auth_text ? t->round->auth_text : "?");
		return;
	}
	if (wants_key(t)) {
		with_key(t);
		return;
	}
	s = shared_find(t->keys, &t->question->local_id, &t->question->remote_id);
	if (s)
		with_psk(t, s);
	else
		task_no_psk(t);
}
