/* The holder of credentials: private keys, pre-shared keys, certificates, trust anchors. It answers
 * the core's questions that need them (IKE_ASK_AUTHENTICATE, IKE_ASK_VERIFY) and the ones that are
 * only slow (IKE_ASK_KE_*). The core never sees a private key or a PSK. Thread-safe: answering
 * threads read while the loop loads (a read-write lock). In the daemon it answers from a thread
 * pool, in the simulator at once. */
#pragma once

#include "tern/ike.h"

struct keys;

struct keys *keys_new(void);
void keys_free(struct keys *k); /* wipes */

enum keys_cert_kind { KEYS_CERT_END_ENTITY, KEYS_CERT_CA, KEYS_PUBLIC_KEY };
enum keys_shared_kind {
	KEYS_SHARED_IKE,
	KEYS_SHARED_EAP,
	KEYS_SHARED_XAUTH,
	KEYS_SHARED_NTLM,
	KEYS_SHARED_PPK
};

/* Each returns 0, -EEXIST where the same is there already (which is fine), or a negative errno with
 * words in `problem` (may be NULL). `source` says where it came from ("/etc/tern/x509/moon.pem" or
 * "vici"). Data is copied. */
int keys_load_cert(struct keys *k, enum keys_cert_kind kind, struct bytes data, const char *source,
	char *problem, size_t problem_size);
int keys_load_key(struct keys *k, struct bytes data, const char *passphrase, const char *source,
	char ret_id[static 41], char *problem, size_t problem_size);
/* `owners`: identities as text, as in swanctl.conf's secrets (parsed with conf's identity parser);
 * none: any peer. */
int keys_load_shared(struct keys *k, const char *id, enum keys_shared_kind kind, struct bytes data,
	const char *const *owners, size_t owner_count, const char *source);
int keys_unload_key(struct keys *k, const char *id);
int keys_unload_shared(struct keys *k, const char *id);
void keys_clear(struct keys *k); /* everything */
void keys_flush_certs(struct keys *k);

/* Removes what came from files (source other than "vici") and was not loaded again since
 * keys_reload_begin(). */
void keys_reload_begin(struct keys *k);
void keys_reload_end(struct keys *k);

/* Listing: calls `each` under the read lock until it returns false. */
struct keys_cert_view {
	enum keys_cert_kind kind;
	struct bytes der;
	bool has_private_key;
	const char *subject;
	int64_t not_before, not_after;
	const char *source;
};
void keys_each_cert(struct keys *k, bool (*each)(void *context, const struct keys_cert_view *view),
	void *context);
void keys_each_key(struct keys *k, bool (*each)(void *context, const char *id, const char *type),
	void *context);
void keys_each_shared(struct keys *k, bool (*each)(void *context, const char *id), void *context);

/* SHA-1 of each trust anchor's SubjectPublicKeyInfo, for ike_set_certreqs(). malloc'ed; the caller
 * frees. */
uint8_t *keys_certreqs(struct keys *k, size_t *ret_size);
/* Their names, for ike_set_ca_names(). malloc'ed likewise. */
uint8_t *keys_ca_names(struct keys *k, size_t *ret_size);

/* Answers one question of the kinds above; any other is a bug. `crypto` is the calling thread's
 * own. `wall` is Unix seconds. The answer's buffers are malloc'ed and freed with
 * keys_answer_clear(). Reasons are written for people: which secret or certificate was looked for,
 * for which identities, what was found instead, which line of the configuration (`where`) decides,
 * and what to do. */
void keys_answer(struct keys *k, struct crypto *crypto, const struct ike_question *question,
	int64_t wall, struct ike_answer *ret_answer);
void keys_answer_clear(struct ike_answer *answer); /* cleanses */
