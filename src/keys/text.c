/* Words about credentials, for refusals and for the log. Never a secret. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "keys/internal.h"

void task_no(struct task *t, const char *format, ...)
{
	va_list args;

	if (t->answer->status != IKE_ANSWER_OK)
		return;
	t->answer->status = IKE_ANSWER_NO;
	va_start(args, format);
	vsnprintf(t->answer->reason, sizeof(t->answer->reason), format, args);
	va_end(args);
}

bool task_give(struct task *t, struct bytes *ret_place, struct bytes from)
{
	uint8_t *copy = malloc(from.size ? from.size : 1);

	if (!copy) {
		task_no(t, "out of memory");
		return false;
	}
	if (from.size)
		memcpy(copy, from.data, from.size);
	*ret_place = BYTES(copy, from.size);
	return true;
}

char *secret_print(const struct shared_entry *s, char out[static SECRET_TEXT_MAX])
{
	snprintf(out, SECRET_TEXT_MAX, "secret %s from %s", s->id[0] ? s->id : "without a name",
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
		return "ED25519";
	case KEY_ED448:
		return "ED448";
	default:
		return "any";
	}
}

char *key_print(const struct public_key *key, char out[static KEY_TEXT_MAX])
{
	enum key_type type = public_key_type(key);

	if (type == KEY_RSA || type == KEY_ECDSA)
		snprintf(out, KEY_TEXT_MAX, "%s %u", key_type_name(type), public_key_bits(key));
	else
		snprintf(out, KEY_TEXT_MAX, "%s", type == KEY_ED25519 ? "Ed25519" : "Ed448");
	return out;
}

const char *hash_text(uint8_t hash)
{
	static const char *const names[] = { "no hash", "SHA-1", "SHA2-256", "SHA2-384", "SHA2-512",
		"identity" };

	return hash < sizeof(names) / sizeof(names[0]) ? names[hash] : "an unknown hash";
}

bool hash_listed(const uint8_t *hashes, size_t count, uint8_t hash)
{
	for (size_t i = 0; i < count; i++)
		if (hashes[i] == hash)
			return true;

	return false;
}
