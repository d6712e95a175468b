/* XAuth, draft-beaulieu-ike-xauth-02: users and their passwords, which are the secrets xauth-NAME and
 * eap-NAME whose owner is the user. A password is compared in a time that says neither how much of it
 * was right nor whether there is such a user. */
#include <stdio.h>
#include <string.h>

#include "keys/internal.h"

#define USER_TEXT_MAX     80
#define SHA256_OCTETS     32
#define SECRETS_TRIED_MAX 16 /* of one user */

static char *user_print(struct bytes user, char out[static USER_TEXT_MAX])
{
	size_t size = user.size < USER_TEXT_MAX - 1 ? user.size : USER_TEXT_MAX - 1;

	for (size_t i = 0; i < size; i++)
		out[i] = user.data[i] >= 0x20 && user.data[i] < 0x7f ? (char)user.data[i] : '?';
	out[size] = '\0';
	return out;
}

/* 0: it is another's; 1: anybody's; 2: the user's. A user is no identity with a type: only the text counts. */
static unsigned belongs(const struct shared_entry *s, struct bytes user)
{
	if (s->kind != KEYS_SHARED_XAUTH && s->kind != KEYS_SHARED_EAP)
		return 0;
	for (size_t i = 0; i < s->owner_count; i++)
		if (bytes_equal(s->owners[i].value, user) ||
			bytes_equal(bytes_of_text(s->owners[i].text), user))
			return 2;

	return s->owner_count ? 0 : 1;
}

/* The user's own secrets, or where there is none those of anybody. */
static size_t secrets_of(const struct keys *k, struct bytes user,
	const struct shared_entry *ret_list[static SECRETS_TRIED_MAX])
{
	size_t count = 0;

	for (unsigned how = 2; how > 0 && !count; how--)
		for (size_t i = 0; i < k->shared.count && count < SECRETS_TRIED_MAX; i++)
			if (belongs(shared_at(k, i), user) == how)
				ret_list[count++] = shared_at(k, i);

	return count;
}

/* By their hashes, which have one size. */
static bool same_password(struct task *t, struct bytes expected)
{
	uint8_t ours[SHA256_OCTETS], theirs[SHA256_OCTETS];
	bool same = hash_sha256(t->crypto, &expected, 1, ours) == 0 &&
		hash_sha256(t->crypto, &t->question->password, 1, theirs) == 0 &&
		bytes_equal_secret(BYTES_OF(ours), BYTES_OF(theirs));

	bytes_wipe(ours, sizeof(ours));
	bytes_wipe(theirs, sizeof(theirs));
	return same;
}

static void no_such_user(struct task *t, const char *user)
{
	char where[WHERE_TEXT_MAX];

	task_no(t,
		"no secret of user '%s' is loaded, which %s (%s) asks for: add a section xauth-NAME with id = %s and secret to secrets",
		user, t->round->name, where_print(t->round->where_auth, where, sizeof(where)),
		user);
}

void xauth_verify(struct task *t)
{
	static const struct bytes nobodys = { (const uint8_t *)"nobody's password", 17 };
	const struct shared_entry *list[SECRETS_TRIED_MAX], *good = NULL;
	size_t count = secrets_of(t->keys, t->question->user, list);
	char user[USER_TEXT_MAX], secret[SECRET_TEXT_MAX], voucher[VOUCHER_TEXT_MAX];

	user_print(t->question->user, user);
	for (size_t i = 0; i < count; i++)
		if (same_password(t, BYTES(list[i]->data, list[i]->size)))
			good = list[i];
	if (!count) {
		same_password(t, nobodys);
		no_such_user(t, user);
		return;
	}
	secret_print(good ? good : list[0], secret);
	if (!good) {
		task_no(t, "the password of user '%s' is not that of %s%s", user, secret,
			count > 1 ? ", nor of the others of that user" : "");
		return;
	}
	snprintf(voucher, sizeof(voucher), "user '%s' (%s)", user, secret);
	task_accept(t, voucher);
}

void xauth_credentials(struct task *t)
{
	const struct shared_entry *list[SECRETS_TRIED_MAX];
	char user[USER_TEXT_MAX];

	user_print(t->question->user, user);
	if (!secrets_of(t->keys, t->question->user, list))
		no_such_user(t, user);
	else if (task_give(t, &t->answer->secret, BYTES(list[0]->data, list[0]->size)))
		task_yes(t);
}
