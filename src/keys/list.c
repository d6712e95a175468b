/* Looking at what is loaded: for VICI's lists and for the CERTREQ that we send. Callbacks run under the read lock and
 * must not call back into the store. */
#include <errno.h>
#include <stdlib.h>

#include "keys/internal.h"

static struct keys_cert_view view_of(const struct keys *k, const struct cert_entry *c)
{
	struct keys_cert_view view = {
		.kind = c->kind,
		.der = public_key_info(c->key),
		.has_private_key = key_of(k, c->key) != NULL,
		.subject = c->subject,
		.source = c->entry.source,
	};

	if (c->cert) {
		view.der = certificate_der(c->cert);
		view.not_before = certificate_not_before(c->cert);
		view.not_after = certificate_not_after(c->cert);
	}
	return view;
}

void keys_each_cert(struct keys *k, bool (*each)(void *context, const struct keys_cert_view *view),
	void *context)
{
	bool more = true;

	pthread_rwlock_rdlock(&k->lock);
	for (size_t i = 0; more && i < k->certs.count; i++) {
		struct keys_cert_view view = view_of(k, cert_at(k, i));

		more = each(context, &view);
	}
	pthread_rwlock_unlock(&k->lock);
}

void keys_each_key(struct keys *k, bool (*each)(void *context, const char *id, const char *type),
	void *context)
{
	bool more = true;

	pthread_rwlock_rdlock(&k->lock);
	for (size_t i = 0; more && i < k->keys.count; i++) {
		const struct key_entry *key = key_at(k, i);

		more = each(context, key->hex, key_type_name(private_key_type(key->key)));
	}
	pthread_rwlock_unlock(&k->lock);
}

void keys_each_shared(struct keys *k, bool (*each)(void *context, const char *id), void *context)
{
	bool more = true;

	pthread_rwlock_rdlock(&k->lock);
	for (size_t i = 0; more && i < k->shared.count; i++)
		more = each(context, shared_at(k, i)->id);
	pthread_rwlock_unlock(&k->lock);
}

/* Two certificates of one CA have one key: it is named once. */
static void hashes_add(uint8_t *hashes, size_t *size, const struct public_key *key)
{
	uint8_t hash[KEY_ID_BYTES];

	public_key_info_hash(key, hash);
	for (size_t at = 0; at < *size; at += KEY_ID_BYTES) {
		if (memcmp(hashes + at, hash, KEY_ID_BYTES) == 0)
			return;
	}
	memcpy(hashes + *size, hash, KEY_ID_BYTES);
	*size += KEY_ID_BYTES;
}

uint8_t *keys_certreqs(struct keys *k, size_t *ret_size)
{
	uint8_t *hashes;
	size_t size = 0;

	pthread_rwlock_rdlock(&k->lock);
	hashes = malloc(k->certs.count * KEY_ID_BYTES + 1);
	for (size_t i = 0; hashes && i < k->certs.count; i++) {
		const struct cert_entry *c = cert_at(k, i);

		if (c->kind == KEYS_CERT_CA)
			hashes_add(hashes, &size, c->key);
	}
	pthread_rwlock_unlock(&k->lock);
	if (hashes)
		*ret_size = size;
	return hashes;
}

static size_t names_size(const struct keys *k)
{
	size_t size = 0;

	for (size_t i = 0; i < k->certs.count; i++) {
		const struct cert_entry *c = cert_at(k, i);

		if (c->kind == KEYS_CERT_CA)
			size += 2 + certificate_subject(c->cert).size;
	}
	return size;
}

/* A name that two CAs have is asked for once. */
static bool named_before(const struct keys *k, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		const struct cert_entry *c = cert_at(k, j);

		if (c->kind == KEYS_CERT_CA &&
			bytes_equal(certificate_subject(c->cert),
				certificate_subject(cert_at(k, i)->cert)))
			return true;
	}
	return false;
}

uint8_t *keys_ca_names(struct keys *k, size_t *ret_size)
{
	struct writer w;
	uint8_t *names;
	size_t size;

	pthread_rwlock_rdlock(&k->lock);
	size = names_size(k);
	names = malloc(size + 1);
	w = writer_of(names, names ? size : 0);
	for (size_t i = 0; names && i < k->certs.count; i++) {
		const struct cert_entry *c = cert_at(k, i);

		if (c->kind != KEYS_CERT_CA || named_before(k, i))
			continue;
		write_u16(&w, (uint16_t)certificate_subject(c->cert).size);
		write_bytes(&w, certificate_subject(c->cert));
	}
	pthread_rwlock_unlock(&k->lock);
	if (names)
		*ret_size = w.used;
	return names;
}
