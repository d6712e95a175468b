/* Key exchange: begin makes a key pair, finish derives the secret, respond does both. Keys are
 * fresh for every exchange and every public value of a peer is checked before it meets one of them
 * (RFC 6989 §2). */
#include "crypto/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <openssl/dh.h>

int ke_begin(struct crypto *c, uint16_t group, struct ke_private **ret_private, uint8_t *public,
	size_t *ret_public_size)
{
	const struct ke_group *row = group_find(group);
	struct ke_private *private;

	if (!row)
		return -ENOTSUP;

	private = calloc(1, sizeof(*private));
	if (!private)
		return -EIO;

	atomic_init(&private->references, 1);
	private->group = row;
	private->key = group_generate(c, row);
	if (!private->key || group_public_value(row, private->key, public) != 0) {
		ke_private_free(private);
		return drained(-EIO);
	}
	*ret_private = private;
	*ret_public_size = row->public_bytes;
	return 0;
}

/* Whole-length MODP secrets: OpenSSL would drop their leading zeros, and one exchange in 256 would
 * fail. The peer's value is already checked, so OpenSSL is not asked to. */
static EVP_PKEY_CTX *derivation_new(
	struct crypto *c, const struct ke_private *private, EVP_PKEY *peer)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(c->lib, private->key, NULL);
	bool modp = private->group->kind == KE_KIND_MODP || private->group->kind == KE_KIND_MODPQ;

	if (ctx && EVP_PKEY_derive_init(ctx) == 1 &&
		(!modp || EVP_PKEY_CTX_set_dh_pad(ctx, 1) == 1) &&
		EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) == 1)
		return ctx;

	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

/* x25519 and x448 fail where the result is all zeros, as small-order points give: RFC 7748 §6. */
static int derive(
	struct crypto *c, const struct ke_private *private, EVP_PKEY *peer, uint8_t *secret)
{
	const struct ke_group *group = private->group;
	EVP_PKEY_CTX *ctx = derivation_new(c, private, peer);
	size_t size = KE_BYTES_MAX;
	int r;

	if (!ctx)
		return drained(-EIO);

	r = EVP_PKEY_derive(ctx, secret, &size);
	EVP_PKEY_CTX_free(ctx);
	if (r != 1)
		return drained(group->kind == KE_KIND_X ? -EBADMSG : -EIO);

	assert(size == group->secret_bytes);
	return 0;
}

int ke_finish(struct crypto *c, const struct ke_private *private, struct bytes peer,
	uint8_t *secret, size_t *ret_secret_size)
{
	EVP_PKEY *key;
	int r = group_peer_key(c, private->group, peer, &key);

	if (r != 0)
		return r;

	r = derive(c, private, key, secret);
	EVP_PKEY_free(key);
	if (r == 0)
		*ret_secret_size = private->group->secret_bytes;
	return r;
}

struct ke_private *ke_private_hold(const struct ke_private *private)
{
	struct ke_private *held = (struct ke_private *)(uintptr_t) private;

	if (held)
		atomic_fetch_add(&held->references, 1);
	return held;
}

void ke_private_free(struct ke_private *private)
{
	if (!private || atomic_fetch_sub(&private->references, 1) != 1)
		return;
	EVP_PKEY_free(private->key);
	free(private);
	crypto_drain();
}

/* The peer's value first: a bad one costs no key pair. */
int ke_respond(struct crypto *c, uint16_t group, struct bytes peer, uint8_t *public,
	size_t *ret_public_size, uint8_t *secret, size_t *ret_secret_size)
{
	const struct ke_group *row = group_find(group);
	struct ke_private *private = NULL;
	EVP_PKEY *key;
	size_t public_size;
	int r;

	if (!row)
		return -ENOTSUP;
	r = group_peer_key(c, row, peer, &key);
	if (r != 0)
		return r;

	r = ke_begin(c, group, &private, public, &public_size);
	if (r == 0)
		r = derive(c, private, key, secret);
	if (r == 0) {
		*ret_public_size = public_size;
		*ret_secret_size = row->secret_bytes;
	}
	ke_private_free(private);
	EVP_PKEY_free(key);
	return r;
}
