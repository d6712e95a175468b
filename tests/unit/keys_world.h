/* Two stores that authenticate to each other, for the tests of src/keys: rounds, questions and their answers. */
#pragma once

#include <errno.h>

#include "keys/keys.h"
#include "pki_files.h"

#include "conf/load.h"

#define PARTS                                                                                      \
	{                                                                                          \
		BYTES("IKE_SA_INIT", 11), BYTES("nonce", 5), BYTES("maced identity", 14)           \
	}
#define SWANCTL_CONF "/etc/tern/swanctl.conf"

enum { NOW = NOVEMBER_2026 };

/* One connection seen from one side, and what it asks. */
struct world {
	struct crypto *crypto;
	struct keys *ours, *theirs; /* who authenticates, who verifies */
	struct arena *arena;
	struct auth_round local, remote;
	struct connection connection;
	struct ike_question question;
	struct ike_answer answer;
	size_t hash_count;
	uint8_t hashes[SIGNATURE_FORMS_MAX];
	int64_t wall;
};

static const uint8_t all_hashes[] = { HASH_SHA2_256, HASH_SHA2_384, HASH_SHA2_512, HASH_IDENTITY };

static inline struct id_payload id_of(struct world *w, const char *text)
{
	struct identity id;
	char problem[200];

	if (conf_identity_parse(w->arena, text, &id, problem, sizeof(problem)) < 0)
		fail_msg("%s", problem);
	return (struct id_payload){ id.type, id.value };
}

/* Both sides know the whole connection: `local` is of who authenticates. */
static inline struct world world_new(const char *local, const char *remote)
{
	struct world w = {
		.crypto = crypto_new(NULL),
		.ours = keys_new(),
		.theirs = keys_new(),
		.arena = arena_new(1u << 20),
		.wall = NOW,
		.hash_count = sizeof(all_hashes),
	};
	struct where where = { SWANCTL_CONF, 12 };

	assert_true(w.crypto && w.ours && w.theirs && w.arena);
	memcpy(w.hashes, all_hashes, sizeof(all_hashes));
	w.local = w.remote = (struct auth_round){
		.where = where,
		.where_auth = where,
		.where_id = where,
		.class = AUTH_CLASS_PUBKEY,
		.auth_text = "pubkey",
	};
	w.local.name = "local-1";
	w.remote.name = "remote-1";
	w.question = (struct ike_question){
		.prf = PRF_HMAC_SHA2_256,
		.parts = PARTS,
		.local_id = id_of(&w, local),
		.remote_id = id_of(&w, remote),
	};
	return w;
}

static inline void world_psk(struct world *w)
{
	w->local.class = w->remote.class = AUTH_CLASS_PSK;
	w->local.auth_text = w->remote.auth_text = "psk";
}

static inline void world_free(struct world *w)
{
	keys_answer_clear(&w->answer);
	keys_free(w->ours);
	keys_free(w->theirs);
	arena_free(w->arena);
	crypto_free(w->crypto);
}

static inline bool ask(
	struct world *w, struct keys *k, const struct ike_question *q, struct ike_answer *answer)
{
	keys_answer(k, w->crypto, q, w->wall, answer);
	assert_int_equal(answer->id, q->id);
	return answer->status == IKE_ANSWER_OK;
}

/* We make our AUTH; the answer stays for verified(). */
static inline bool authenticated(struct world *w)
{
	struct ike_question q = w->question;

	w->connection = (struct connection){
		.local_count = 1, .remote_count = 1, .local = &w->local, .remote = &w->remote
	};
	q.kind = IKE_ASK_AUTHENTICATE;
	q.connection = &w->connection;
	q.hash_count = w->hash_count;
	memcpy(q.hashes, w->hashes, sizeof(q.hashes));
	keys_answer_clear(&w->answer);
	return ask(w, w->ours, &q, &w->answer);
}

/* They verify it. What they answered goes to *ret_answer, to be cleared. */
static inline bool verified(struct world *w, struct ike_answer *ret_answer)
{
	struct ike_question q = w->question;

	q.kind = IKE_ASK_VERIFY;
	q.connection = &w->connection;
	q.local_id = w->question.remote_id;
	q.remote_id = w->question.local_id;
	q.method = w->answer.method;
	q.auth = w->answer.auth;
	q.cert_count = w->answer.cert_count;
	memcpy(q.certs, w->answer.certs, sizeof(q.certs));
	return ask(w, w->theirs, &q, ret_answer);
}

static inline void contains(const char *text, const char *part)
{
	if (!text || !strstr(text, part))
		fail_msg("'%s' lacks '%s'", text ? text : "(nothing)", part);
}

static inline void passes(struct world *w, const char *credential)
{
	struct ike_answer answer;

	if (!authenticated(w))
		fail_msg("authenticate: %s", w->answer.reason);
	if (!verified(w, &answer))
		fail_msg("verify: %s", answer.reason);
	contains(answer.credential, credential);
	keys_answer_clear(&answer);
}

static inline void unauthenticated(struct world *w, const char *reason)
{
	assert_false(authenticated(w));
	contains(w->answer.reason, reason);
}

static inline void refused(struct world *w, const char *reason)
{
	struct ike_answer answer;

	if (!authenticated(w))
		fail_msg("authenticate: %s", w->answer.reason);
	assert_false(verified(w, &answer));
	contains(answer.reason, reason);
	keys_answer_clear(&answer);
}

/* Loading, from the files of tests/unit/pki and by text. */

static inline void load_cert(struct keys *k, enum keys_cert_kind kind, const char *file)
{
	struct file f = file_read(file);
	char problem[200] = "";

	int r = keys_load_cert(k, kind, file_bytes(&f), file, problem, sizeof(problem));

	if (r < 0 && r != -EEXIST)
		fail_msg("%s: %s", file, problem);
}

static inline void load_key(struct keys *k, const char *file)
{
	struct file f = file_read(file);
	char problem[200] = "", id[41];

	if (keys_load_key(k, file_bytes(&f), NULL, file, id, problem, sizeof(problem)) < 0)
		fail_msg("%s: %s", file, problem);
}

/* `owners` are separated by spaces. */
static inline int load_typed(struct keys *k, const char *id, enum keys_shared_kind kind,
	const char *secret, const char *owners)
{
	const char *list[8];
	char text[200], *rest = text;
	size_t count = 0;

	snprintf(text, sizeof(text), "%s", owners);
	for (char *owner; (owner = strtok_r(rest, " ", &rest));)
		list[count++] = owner;
	return keys_load_shared(
		k, id, kind, bytes_of_text(secret), list, count, SWANCTL_CONF ":42");
}

static inline int load_secret(
	struct keys *k, const char *id, const char *secret, const char *owners)
{
	return load_typed(k, id, KEYS_SHARED_IKE, secret, owners);
}

/* The DER of a file, in the arena. */
static inline struct bytes der_of(struct world *w, const char *file)
{
	struct file f = file_read(file);
	struct certificate *cert;
	struct public_key *key;
	struct bytes der;

	if (certificate_load(w->crypto, file_bytes(&f), &cert) == 0) {
		der = arena_copy(w->arena, certificate_der(cert));
		certificate_free(cert);
		return der;
	}
	assert_int_equal(public_key_load(w->crypto, file_bytes(&f), &key), 0);
	der = arena_copy(w->arena, public_key_info(key));
	public_key_free(key);
	return der;
}
