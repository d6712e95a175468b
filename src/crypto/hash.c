/* Plain hashes of a list of parts. */
#include "crypto/internal.h"

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
