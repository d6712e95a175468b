/* What the files behind keys.h share: the store's entries, how they are found, and how a refusal is put into words. */
#pragma once

#include <pthread.h>

#include "conf/problems.h"
#include "crypto/pki.h"
#include "keys/keys.h"

#define KEY_ID_BYTES   20
#define SOURCE_VICI    "vici"
#define ID_TEXT_MAX    100
#define DN_TEXT_MAX    120
#define WHERE_TEXT_MAX 160

/* What every credential has; the first member of each. */
struct entry {
	char *source;        /* "/etc/tern/x509/moon.pem" or "vici" */
	unsigned generation; /* of the reload that loaded it last */
};

/* Entries in the order in which they were loaded. */
struct entries {
	size_t count, room;
	struct entry **list;
	void (*free)(struct entry *entry);
};

struct cert_entry {
	struct entry entry;
	enum keys_cert_kind kind;
	struct certificate *cert; /* NULL for a raw public key */
	struct public_key *key;   /* of cert (borrowed), or the raw one (owned) */
	char *subject;            /* for people; "" for a raw public key */
};

struct key_entry {
	struct entry entry;
	struct private_key *key;
	uint8_t id[KEY_ID_BYTES];
	char hex[2 * KEY_ID_BYTES + 1];
};

struct shared_entry {
	struct entry entry;
	char *id; /* "ike-1"; "" where none was given */
	enum keys_shared_kind kind;
	uint8_t *data;
	size_t size;
	size_t owner_count;
	struct identity *owners; /* values and texts are malloc'ed */
};

/* `lock` guards the entries: answers hold it for reading, loading takes it for an instant. `loading` confines `crypto`,
 * which decodes what is loaded and lives as long as what came out of it. */
struct keys {
	pthread_rwlock_t lock;
	pthread_mutex_t loading;
	struct crypto *crypto;
	unsigned generation;
	struct entries certs, keys, shared;
};

/* Entries. */
int entries_add(
	struct entries *e, struct entry *entry); /* takes it; -ENOMEM leaves it with the caller */
void entries_drop(struct entries *e, size_t index);
void entries_clear(struct entries *e);
void entries_sweep(
	struct entries *e, unsigned generation); /* drops files' entries of older generations */
void entry_renew(struct entry *entry, const char *source, unsigned generation);
void shared_entry_free(struct entry *entry); /* wipes */

static inline const struct cert_entry *cert_at(const struct keys *k, size_t i)
{
	return (const struct cert_entry *)k->certs.list[i];
}

static inline const struct key_entry *key_at(const struct keys *k, size_t i)
{
	return (const struct key_entry *)k->keys.list[i];
}

static inline const struct shared_entry *shared_at(const struct keys *k, size_t i)
{
	return (const struct shared_entry *)k->shared.list[i];
}

/* The private half of a public key; NULL where it isn't loaded. */
const struct key_entry *key_of(const struct keys *k, const struct public_key *public);

/* The IKE secret whose owners fit the two identities best: both of them, then the remote one, then the local one, then a
 * secret for anybody. NULL where none fits. Type 0 of an identity: not known yet. */
const struct shared_entry *shared_find(
	const struct keys *k, const struct id_payload *local, const struct id_payload *remote);

/* prf(prf(PSK, "Key Pad for IKEv2"), parts), RFC 7296 §2.15; `out` has SECRET_BYTES_MAX. Returns 0 or -EIO. */
int psk_auth(
	struct crypto *c, const struct shared_entry *s, const struct ike_question *q, uint8_t *out);

/* One question being answered; lives on the stack, under the read lock. */
struct task {
	struct keys *keys;
	struct crypto *crypto;
	const struct ike_question *question;
	const struct auth_round *round;
	int64_t wall;
	struct ike_answer *answer;
	char local[ID_TEXT_MAX], remote[ID_TEXT_MAX]; /* the identities for people */
};

/* An answer is no until it is yes. The first reason counts: a later one is dropped, and yes drops them all. */
void task_no(struct task *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void task_no_psk(struct task *t);
void task_yes(struct task *t);
bool task_is_yes(const struct task *t);

/* "secret ike-1 from /etc/tern/swanctl.conf:42" */
#define SECRET_TEXT_MAX 200
char *secret_print(const struct shared_entry *s, char out[static SECRET_TEXT_MAX]);

/* "RSA 2048", "ECDSA 256", "Ed25519" */
#define KEY_TEXT_MAX 24
char *key_print(const struct public_key *key, char out[static KEY_TEXT_MAX]);
const char *key_type_name(uint8_t type);
const char *hash_text(uint8_t hash);
bool hash_listed(const uint8_t *hashes, size_t count, uint8_t hash);

/* Gives the answer a copy; false, having refused, where memory ran out. */
bool task_give(struct task *t, struct bytes *ret_place, struct bytes from);
bool task_give_cert(struct task *t, uint8_t encoding, struct bytes data);

void authenticate(struct task *t);
void skeyid(struct task *t);
void verify(struct task *t);
void verify_certs(struct task *t);

/* The method by which IKEv1 signs with a key (enum auth_method); 0: it can't. */
uint8_t ikev1_method(const struct public_key *key);
void signer(struct task *t);

void xauth_verify(struct task *t);
void xauth_credentials(struct task *t);

/* Whether the question's AUTH was made by `key` in a form that the round allows; refuses where not. `what` is whose key it
 * is, for people. */
bool signed_by(struct task *t, const struct public_key *key, const char *what);

/* Says yes. The voucher is who stands behind the AUTH: "CN=moon (RSA 2048) by CN=tern CA". */
#define VOUCHER_TEXT_MAX 320
void task_accept(struct task *t, const char *voucher);

/* What signs for us (choose.c). */
struct credential {
	const struct key_entry *key;
	struct certificate *cert; /* held; NULL with a raw public key */
	struct bytes raw;         /* SubjectPublicKeyInfo; empty with a certificate */
	struct signature_form form;
	unsigned rank;
};

/* The credential that suits the question best, to be closed. False, having refused, where there is none. */
bool credential_choose(struct task *t, struct credential *ret_credential);
void credential_close(struct credential *c);

/* The certificates above `cert` that the store has, nearest first, self-signed ones last. Returns how many. */
size_t chain_above(const struct keys *k, const struct certificate *cert, struct certificate **out,
	size_t room);
