/* The store: what was loaded, from where, and when. Decoding happens before the write lock is taken, so that loading
 * holds up nobody who answers; what was decoded never changes and is used by all threads. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/internal.h"

static void cert_entry_free(struct entry *entry)
{
	struct cert_entry *c = (struct cert_entry *)entry;

	if (c->cert)
		certificate_free(c->cert);
	else
		public_key_free(c->key);
	free(c->subject);
	free(c->entry.source);
	free(c);
}

static void key_entry_free(struct entry *entry)
{
	struct key_entry *key = (struct key_entry *)entry;

	private_key_free(key->key);
	free(key->entry.source);
	free(key);
}

/* Writers first: a pool that always reads must not keep a reload waiting. Hence no read lock within a read lock. */
static bool locks_open(struct keys *k)
{
	pthread_rwlockattr_t attr;
	bool done;

	if (pthread_rwlockattr_init(&attr))
		return false;
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	done = pthread_rwlock_init(&k->lock, &attr) == 0;
	pthread_rwlockattr_destroy(&attr);
	if (done && pthread_mutex_init(&k->loading, NULL)) {
		pthread_rwlock_destroy(&k->lock);
		done = false;
	}
	return done;
}

struct keys *keys_new(void)
{
	struct keys *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;

	k->certs.free = cert_entry_free;
	k->keys.free = key_entry_free;
	k->shared.free = shared_entry_free;
	k->crypto = crypto_new(NULL);
	if (!k->crypto || !locks_open(k)) {
		crypto_free(k->crypto);
		free(k);
		return NULL;
	}
	return k;
}

void keys_clear(struct keys *k)
{
	pthread_rwlock_wrlock(&k->lock);
	entries_clear(&k->certs);
	entries_clear(&k->keys);
	entries_clear(&k->shared);
	pthread_rwlock_unlock(&k->lock);
}

void keys_free(struct keys *k)
{
	if (!k)
		return;

	keys_clear(k);
	pthread_rwlock_destroy(&k->lock);
	pthread_mutex_destroy(&k->loading);
	crypto_free(k->crypto);
	free(k);
}

/* Certificates that peers sent are not kept: nothing to flush yet. */
void keys_flush_certs(struct keys *k)
{
	(void)k;
}

void keys_reload_begin(struct keys *k)
{
	pthread_rwlock_wrlock(&k->lock);
	k->generation++;
	pthread_rwlock_unlock(&k->lock);
}

void keys_reload_end(struct keys *k)
{
	pthread_rwlock_wrlock(&k->lock);
	entries_sweep(&k->certs, k->generation);
	entries_sweep(&k->keys, k->generation);
	entries_sweep(&k->shared, k->generation);
	pthread_rwlock_unlock(&k->lock);
}

static int refuse(char *problem, size_t problem_size, int error, const char *words)
{
	if (problem && problem_size)
		snprintf(problem, problem_size, "%s", words);
	return error;
}

/* Certificates and raw public keys. */

static int cert_entry_decode(struct keys *k, struct cert_entry *c, struct bytes data)
{
	char subject[DN_TEXT_MAX] = "";
	int r;

	pthread_mutex_lock(&k->loading);
	if (c->kind == KEYS_PUBLIC_KEY)
		r = public_key_load(k->crypto, data, &c->key);
	else
		r = certificate_load(k->crypto, data, &c->cert);
	pthread_mutex_unlock(&k->loading);
	if (r < 0)
		return r;

	if (c->cert) {
		c->key = certificate_key(c->cert);
		certificate_subject_text(c->cert, subject, sizeof(subject));
	}
	c->subject = strdup(subject);
	return c->subject ? 0 : -ENOMEM;
}

static struct bytes cert_entry_der(const struct cert_entry *c)
{
	return c->cert ? certificate_der(c->cert) : public_key_info(c->key);
}

/* Takes the entry, or renews the one that is there already. */
static int cert_entry_store(struct keys *k, struct cert_entry *c)
{
	int r = 0;

	pthread_rwlock_wrlock(&k->lock);
	for (size_t i = 0; !r && i < k->certs.count; i++) {
		struct cert_entry *there = (struct cert_entry *)k->certs.list[i];

		if (there->kind == c->kind &&
			bytes_equal(cert_entry_der(there), cert_entry_der(c))) {
			entry_renew(&there->entry, c->entry.source, k->generation);
			r = -EEXIST;
		}
	}
	c->entry.generation = k->generation;
	if (!r)
		r = entries_add(&k->certs, &c->entry);
	pthread_rwlock_unlock(&k->lock);
	return r;
}

int keys_load_cert(struct keys *k, enum keys_cert_kind kind, struct bytes data, const char *source,
	char *problem, size_t problem_size)
{
	struct cert_entry *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (!c)
		return refuse(problem, problem_size, r, "out of memory");

	c->kind = kind;
	c->entry.source = strdup(source);
	if (c->entry.source)
		r = cert_entry_decode(k, c, data);
	if (r == -EBADMSG)
		refuse(problem, problem_size, r,
			kind == KEYS_PUBLIC_KEY ? "no public key in PEM or DER that is supported "
						  "(RSA, ECDSA, Ed25519, Ed448)"
						: "no X.509 certificate in PEM or DER with a key "
						  "that is supported");
	else if (r < 0)
		refuse(problem, problem_size, r,
			r == -ENOMEM ? "out of memory" : "the library refused it");
	else if (kind == KEYS_CERT_CA && !certificate_is_ca(c->cert))
		r = refuse(problem, problem_size, -EINVAL,
			"this certificate is no CA (its basicConstraints lack CA:TRUE): it can't be "
			"a trust anchor; a peer's own certificate belongs into x509");
	if (!r)
		r = cert_entry_store(k, c);
	if (r < 0)
		cert_entry_free(&c->entry);
	return r;
}

/* Private keys. */

const struct key_entry *key_of(const struct keys *k, const struct public_key *public)
{
	uint8_t id[KEY_ID_BYTES];

	public_key_id(public, id);
	for (size_t i = 0; i < k->keys.count; i++) {
		const struct key_entry *key = key_at(k, i);

		if (bytes_equal(BYTES_OF(key->id), BYTES_OF(id)) &&
			public_key_matches(public, key->key))
			return key;
	}
	return NULL;
}

static int key_entry_decode(
	struct keys *k, struct key_entry *key, struct bytes data, const char *passphrase)
{
	int r;

	pthread_mutex_lock(&k->loading);
	r = private_key_load(k->crypto, data, passphrase, &key->key);
	pthread_mutex_unlock(&k->loading);
	if (r < 0)
		return r;

	private_key_id(key->key, key->id);
	bytes_to_hex(BYTES_OF(key->id), key->hex, sizeof(key->hex));
	return 0;
}

static int key_entry_store(struct keys *k, struct key_entry *key)
{
	int r = 0;

	pthread_rwlock_wrlock(&k->lock);
	for (size_t i = 0; !r && i < k->keys.count; i++) {
		struct key_entry *there = (struct key_entry *)k->keys.list[i];

		if (strcmp(there->hex, key->hex) == 0) {
			entry_renew(&there->entry, key->entry.source, k->generation);
			r = -EEXIST;
		}
	}
	key->entry.generation = k->generation;
	if (!r)
		r = entries_add(&k->keys, &key->entry);
	pthread_rwlock_unlock(&k->lock);
	return r;
}

int keys_load_key(struct keys *k, struct bytes data, const char *passphrase, const char *source,
	char ret_id[static 41], char *problem, size_t problem_size)
{
	struct key_entry *key = calloc(1, sizeof(*key));
	int r = -ENOMEM;

	if (!key)
		return refuse(problem, problem_size, r, "out of memory");

	key->entry.source = strdup(source);
	if (key->entry.source)
		r = key_entry_decode(k, key, data, passphrase);
	if (r == -EACCES)
		refuse(problem, problem_size, r,
			passphrase
				? "the passphrase is wrong"
				: "it is encrypted: name its file and its passphrase in secrets");
	else if (r == -EBADMSG)
		refuse(problem, problem_size, r,
			"no private key that is supported (RSA, ECDSA, Ed25519 or Ed448; PEM or "
			"DER; PKCS#8, PKCS#1 or SEC1)");
	else if (r < 0)
		refuse(problem, problem_size, r,
			r == -ENOMEM ? "out of memory" : "the library refused it");
	if (!r) {
		memcpy(ret_id, key->hex, sizeof(key->hex));
		r = key_entry_store(k, key);
	}
	if (r < 0)
		key_entry_free(&key->entry);
	return r;
}

int keys_unload_key(struct keys *k, const char *id)
{
	int r = -ENOENT;

	pthread_rwlock_wrlock(&k->lock);
	for (size_t i = 0; r && i < k->keys.count; i++) {
		if (strcasecmp(key_at(k, i)->hex, id) == 0) {
			entries_drop(&k->keys, i);
			r = 0;
		}
	}
	pthread_rwlock_unlock(&k->lock);
	return r;
}
