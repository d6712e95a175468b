/* What the tests of keys, signatures and certificates read: the files of tests/unit/pki. */
#pragma once

#include <stdio.h>

#include "crypto/pki.h"
#include "vector.h"
#include "wire/ikev2.h"

#define NOVEMBER_2026 1795000000 /* Unix seconds, when everything that is not about time is valid */

struct file {
	size_t size;
	uint8_t data[4096];
};

static inline struct file file_read(const char *name)
{
	struct file f = { 0 };
	char path[512];
	FILE *in;

	snprintf(path, sizeof(path), PKI_DIRECTORY "/%s", name);
	in = fopen(path, "rb");
	if (!in)
		fail_msg("no file %s", path);
	f.size = fread(f.data, 1, sizeof(f.data), in);
	assert(f.size > 0 && f.size < sizeof(f.data));
	fclose(in);
	return f;
}

static inline struct bytes file_bytes(const struct file *f)
{
	return BYTES(f->data, f->size);
}

static inline struct file file_named(const char *name, const char *suffix)
{
	char full[128];

	snprintf(full, sizeof(full), "%s%s", name, suffix);
	return file_read(full);
}

/* "p256" is p256.key.pem, p256.pub.pem and p256.pem. */
static inline struct private_key *private_key_of(struct crypto *c, const char *name)
{
	struct file f = file_named(name, ".key.pem");
	struct private_key *k = NULL;

	assert_int_equal(private_key_load(c, file_bytes(&f), NULL, &k), 0);
	return k;
}

static inline struct public_key *public_key_of(struct crypto *c, const char *name)
{
	struct file f = file_named(name, ".pub.pem");
	struct public_key *k = NULL;

	assert_int_equal(public_key_load(c, file_bytes(&f), &k), 0);
	return k;
}

static inline struct certificate *certificate_of(struct crypto *c, const char *name)
{
	struct file f = file_named(name, ".pem");
	struct certificate *cert = NULL;

	assert_int_equal(certificate_load(c, file_bytes(&f), &cert), 0);
	return cert;
}

/* Every test starts with a context and ends with OpenSSL's error queue empty. */
static inline int pki_begin(void **state)
{
	*state = crypto_new(NULL);
	return *state ? 0 : -1;
}

static inline int pki_end(void **state)
{
	crypto_free(*state);
	return 0;
}
