/* Refusals in words: what was looked for, what is there instead, what to do. Never a secret. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "keys/internal.h"

#define SECRETS_NAMED_MAX 3

void task_no(struct task *t, const char *format, ...)
{
	va_list arguments;

	if (task_is_yes(t) || t->answer->reason[0])
		return;

	va_start(arguments, format);
	vsnprintf(t->answer->reason, sizeof(t->answer->reason), format, arguments);
	va_end(arguments);
}

void task_yes(struct task *t)
{
	t->answer->status = IKE_ANSWER_OK;
	t->answer->reason[0] = '\0';
}

bool task_is_yes(const struct task *t)
{
	return t->answer->status == IKE_ANSWER_OK;
}

bool task_give(struct task *t, struct bytes *ret_place, struct bytes from)
{
	uint8_t *copy = bytes_copy(from);

	if (!copy) {
		task_no(t, "out of memory");
		return false;
	}
	*ret_place = BYTES(copy, from.size);
	return true;
}

bool task_give_cert(struct task *t, uint8_t encoding, struct bytes data)
{
	struct cert_payload *cert;

	if (t->answer->cert_count == IKE_CERTS_MAX)
		return true; /* the peer may well know the rest */

	cert = &t->answer->certs[t->answer->cert_count];
	if (!task_give(t, &cert->data, data))
		return false;
	cert->encoding = encoding;
	t->answer->cert_count++;
	return true;
}

char *secret_print(const struct shared_entry *s, char out[static SECRET_TEXT_MAX])
{
	snprintf(out, SECRET_TEXT_MAX, "secret %.60s%sfrom %s", s->id, s->id[0] ? " " : "",
		s->entry.source);
	return out;
}

const char *key_type_name(uint8_t type)
{
	switch (type) {
	case KEY_RSA:
		return "RSA";
	case KEY_ECDSA:
		return "ECDSA";
	case KEY_ED25519:
		return "Ed25519";
	default:
		return "Ed448";
	}
}

char *key_print(const struct public_key *key, char out[static KEY_TEXT_MAX])
{
	enum key_type type = public_key_type(key);

	if (type == KEY_RSA || type == KEY_ECDSA)
		snprintf(out, KEY_TEXT_MAX, "%s %u", key_type_name(type), public_key_bits(key));
	else
		snprintf(out, KEY_TEXT_MAX, "%s", key_type_name(type));
	return out;
}

const char *hash_text(uint8_t hash)
{
	static const char *const names[] = {
		[HASH_SHA1] = "SHA-1",
		[HASH_SHA2_256] = "SHA2-256",
		[HASH_SHA2_384] = "SHA2-384",
		[HASH_SHA2_512] = "SHA2-512",
		[HASH_IDENTITY] = "identity",
	};

	return hash >= HASH_SHA1 && hash <= HASH_IDENTITY ? names[hash] : "an unknown hash";
}

bool hash_listed(const uint8_t *hashes, size_t count, uint8_t hash)
{
	return count && memchr(hashes, hash, count);
}

/* "ike-1 (for sun.other), ike-2 (for a and others)" */
static void secrets_print(const struct keys *k, char *out, size_t out_size)
{
	size_t used = 0, named = 0, unnamed = 0;

	out[0] = '\0';
	for (size_t i = 0; i < k->shared.count; i++) {
		const struct shared_entry *s = shared_at(k, i);

		if (s->kind != KEYS_SHARED_IKE)
			continue;
		if (named == SECRETS_NAMED_MAX || used + 1 >= out_size) {
			unnamed++;
			continue;
		}
		used += (size_t)snprintf(out + used, out_size - used, "%s%.24s (for %.32s%s)",
			named++ ? ", " : "", s->id[0] ? s->id : "one without a name",
			s->owner_count ? s->owners[0].text : "anybody",
			s->owner_count > 1 ? " and others" : "");
	}
	if (unnamed && used + 1 < out_size)
		snprintf(out + used, out_size - used, " and %zu more", unnamed);
}

void task_no_psk(struct task *t)
{
	char secrets[220], where[WHERE_TEXT_MAX];

	secrets_print(t->keys, secrets, sizeof(secrets));
	where_print(t->round->where, where, sizeof(where));
	if (secrets[0])
		task_no(t,
			"no pre-shared key for '%.50s' <-> '%.50s': the secrets loaded are %s; add "
			"the identity to one of them, or a section ike-NAME to secrets",
			t->local, t->remote, secrets);
	else
		task_no(t,
			"no pre-shared key for '%.50s' <-> '%.50s': none is loaded, and %.30s "
			"(%.120s) asks for one; add a section ike-NAME with id and secret to "
			"secrets",
			t->local, t->remote, t->round->name, where);
}
