/* Our AUTH, RFC 7296 §2.15: a MAC under a pre-shared key, or a signature and the certificates that vouch for its key. */
#include <errno.h>

#include "keys/internal.h"

static void authenticate_by_psk(struct task *t)
{
	const struct ike_question *q = t->question;
	const struct shared_entry *s = shared_find(t->keys, &q->local_id, &q->remote_id);
	uint8_t auth[SECRET_BYTES_MAX];

	if (!s) {
		task_no_psk(t);
		return;
	}
	if (psk_auth(t->crypto, s, q, auth) < 0) {
		task_no(t, "PRF %u is not supported, or the cryptographic library failed", q->prf);
	} else if (task_give(t, &t->answer->auth, BYTES(auth, prf_output_bytes(q->prf)))) {
		t->answer->method = AUTH_SHARED_KEY;
		task_yes(t);
	}
}

/* IKEv1: SKEYID = prf(PSK, Ni_b | Nr_b), RFC 2409 §5. */
void skeyid(struct task *t)
{
	const struct ike_question *q = t->question;
	const struct shared_entry *s = shared_find(t->keys, &q->local_id, &q->remote_id);
	uint8_t out[SECRET_BYTES_MAX];
	size_t size = prf_output_bytes(q->prf);

	if (!s)
		task_no_psk(t);
	else if (!size || prf(t->crypto, q->prf, BYTES(s->data, s->size), q->parts, 2, out) < 0)
		task_no(t, "PRF %u is not supported, or the cryptographic library failed", q->prf);
	else if (task_give(t, &t->answer->secret, BYTES(out, size)))
		task_yes(t);
	bytes_wipe(out, sizeof(out));
}

/* The end entity and what stands between it and its root. The root is the peer's to have. */
static bool give_chain(struct task *t, struct certificate *end)
{
	struct certificate *above[IKE_CERTS_MAX];
	size_t count = chain_above(t->keys, end, above, IKE_CERTS_MAX);
	bool given = task_give_cert(t, CERT_X509_SIGNATURE, certificate_der(end));

	for (size_t i = 0; given && i < count; i++) {
		if (!certificate_is_self_signed(above[i]))
			given = task_give_cert(t, CERT_X509_SIGNATURE, certificate_der(above[i]));
	}
	return given;
}

static bool give_signature(struct task *t, const struct credential *c)
{
	uint8_t auth[SIGNATURE_BYTES_MAX];
	size_t size;
	int r = t->question->hash
		? hash_sign(t->crypto, c->key->key, t->question->parts[0], auth, &size)
		: signature_make(t->crypto, c->key->key, &c->form, t->question->parts,
			  IKE_SIGNED_PARTS, auth, &size);

	if (!r)
		return task_give(t, &t->answer->auth, BYTES(auth, size));

	task_no(t, "our %s key from %s can't sign %s%s: %s",
		key_type_name(private_key_type(c->key->key)), c->key->entry.source,
		c->form.hash ? "with " : "as peers without RFC 7427 understand it",
		c->form.hash ? hash_text(c->form.hash) : "",
		r == -ENOTSUP ? "its curve or size does not allow it"
			      : "the cryptographic library failed");
	return false;
}

static void authenticate_by_key(struct task *t)
{
	struct credential c;

	if (!credential_choose(t, &c))
		return;

	if (give_signature(t, &c) &&
		(c.cert ? give_chain(t, c.cert) : task_give_cert(t, CERT_RAW_PUBLIC_KEY, c.raw))) {
		t->answer->method = c.form.method;
		task_yes(t);
	}
	credential_close(&c);
}

/* IKEv1 proposes the method before anything is signed. */
void signer(struct task *t)
{
	struct credential c;

	if (!credential_choose(t, &c)) {
		task_no(t, "no key of ours speaks for '%s'", t->local);
		return;
	}
	t->answer->method = c.form.method;
	task_yes(t);
	credential_close(&c);
}

void authenticate(struct task *t)
{
	char where[WHERE_TEXT_MAX];

	switch (t->round->class) {
	case AUTH_CLASS_PSK:
		authenticate_by_psk(t);
		return;
	case AUTH_CLASS_PUBKEY:
		authenticate_by_key(t);
		return;
	case AUTH_CLASS_ANY:
		authenticate_by_key(t);
		/* With a signature made, only memory can have run out: its pieces stay apart. */
		if (!task_is_yes(t) && !t->answer->auth.data && !t->question->hash)
			authenticate_by_psk(t);
		return;
	default:
		task_no(t, "%s (%s) asks for EAP, which is not supported; use psk or pubkey",
			t->round->name, where_print(t->round->where, where, sizeof(where)));
	}
}
