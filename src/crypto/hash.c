/* Plain hashes of a list of parts. */
#include "crypto/internal.h"
#include "wire/ikev2.h"

#include <errno.h>

static int hash(
	struct crypto *c, enum digest d, const struct bytes *parts, size_t part_count, uint8_t *out)
{
	if (EVP_DigestInit_ex2(c->hash, crypto_digest(c, d), NULL) != 1)
		return drained(-EIO);
	for (size_t i = 0; i < part_count; i++) {
		if (parts[i].size > 0 &&
			EVP_DigestUpdate(c->hash, parts[i].data, parts[i].size) != 1)
			return drained(-EIO);
	}
	if (EVP_DigestFinal_ex(c->hash, out, NULL) != 1)
		return drained(-EIO);
	return 0;
}

int hash_sha1(
	struct crypto *c, const struct bytes *parts, size_t part_count, uint8_t out[static 20])
{
	return hash(c, DIGEST_SHA1, parts, part_count, out);
}

int hash_sha256(
	struct crypto *c, const struct bytes *parts, size_t part_count, uint8_t out[static 32])
{
	return hash(c, DIGEST_SHA2_256, parts, part_count, out);
}

/* In the order of IKEv2's numbers. */
static const struct {
	uint8_t id;
	enum digest digest;
	size_t bytes;
} hashes[] = {
	{ HASH_SHA1, DIGEST_SHA1, 20 },
	{ HASH_SHA2_256, DIGEST_SHA2_256, 32 },
	{ HASH_SHA2_384, DIGEST_SHA2_384, 48 },
	{ HASH_SHA2_512, DIGEST_SHA2_512, 64 },
};

size_t hash_output_bytes(uint8_t id)
{
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (hashes[i].id == id)
			return hashes[i].bytes;

	return 0;
}

int hash_parts(
	struct crypto *c, uint8_t id, const struct bytes *parts, size_t part_count, uint8_t *out)
{
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (hashes[i].id == id)
			return hash(c, hashes[i].digest, parts, part_count, out);

	return -EIO;
}
