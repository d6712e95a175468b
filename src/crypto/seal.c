/* Sealing and opening packets, one context for an SA in a direction. Who computes it, OpenSSL or what is
 * faster here, is a backend's table of functions; what they have in common is done before. */
#include "crypto/internal.h"
#include "wire/ikev2.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#define SALT_BYTES_MAX 4
#define MANY_MIN       8 /* fewer are quicker one by one */

struct sealer {
	struct seal_suite suite;
	const struct encr_row *row;
	enum cipher_backend by;
	const struct seal_backend *backend;
	void *key;  /* the backend's */
	void *many; /* of `seal_many`; NULL: one by one */
	uint8_t salt[SALT_BYTES_MAX];
};

/* Backends. */

static const struct {
	const char *name;
	const struct seal_backend *functions; /* NULL: not built in */
} backends[CIPHER_BACKENDS] = {
	[CIPHERS_OPENSSL] = { "OpenSSL", &seal_openssl },
#ifdef TERN_IPSEC_MB
	[CIPHERS_IPSEC_MB] = { "intel-ipsec-mb", &seal_mb },
#else
	[CIPHERS_IPSEC_MB] = { "intel-ipsec-mb", NULL },
#endif
};

const char *cipher_backend_name(enum cipher_backend b)
{
	return backends[b].name;
}

static bool has(struct crypto *c, const struct seal_backend *backend, uint16_t encr)
{
	return backend && (!backend->has || backend->has(c, encr_find(encr)));
}

bool cipher_backend_use(struct crypto *c, enum cipher_backend b, uint16_t encr)
{
	if (!encr_find(encr) || !has(c, backends[b].functions, encr))
		return false;
	c->backends[encr_index(encr)] = b;
	return true;
}

enum cipher_backend cipher_backend_of(const struct crypto *c, uint16_t encr)
{
	return c->backends[encr_index(encr)];
}

static const struct seal_many *many_backend(void)
{
#ifdef TERN_IPSEC_MB
	return &seal_many_mb;
#else
	return NULL;
#endif
}

bool cipher_many_use(struct crypto *c, const struct seal_suite *suite, bool use)
{
	const struct seal_many *many = many_backend();

	if (!suite_known(suite) || !many || !many->has(c, suite))
		return false;
	c->many[encr_index(suite->encr)] = use;
	return true;
}

/* Sealers. */

/* Without it all the same works. */
static void *many_new(struct crypto *c, const struct seal_suite *suite, struct bytes encr_key,
	struct bytes integ_key)
{
	const struct seal_many *many = many_backend();

	if (!many || !c->many[encr_index(suite->encr)] || !many->has(c, suite))
		return NULL;
	return many->key_new(c, suite, encr_key, integ_key);
}

struct sealer *sealer_new(struct crypto *c, const struct seal_suite *suite, struct bytes encr_key,
	struct bytes integ_key)
{
	struct sealer *s;

	assert(suite_known(suite));
	assert(encr_key.size == suite_encr_key_bytes(suite));
	assert(integ_key.size == suite_integ_key_bytes(suite));

	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;

	s->suite = *suite;
	s->row = encr_find(suite->encr);
	s->by = cipher_backend_of(c, suite->encr);
	s->backend = backends[s->by].functions;
	s->key = s->backend->key_new(c, suite, encr_key, integ_key);
	if (!s->key) {
		free(s);
		return NULL;
	}
	s->many = many_new(c, suite, encr_key, integ_key);
	if (s->row->salt_bytes > 0)
		memcpy(s->salt, encr_key.data + encr_key.size - s->row->salt_bytes,
			s->row->salt_bytes);
	return s;
}

void sealer_free(struct sealer *s)
{
	if (!s)
		return;
	s->backend->key_free(s->key);
	if (s->many)
		many_backend()->key_free(s->many);
	bytes_wipe(s, sizeof(*s));
	free(s);
}

const struct seal_suite *sealer_suite(const struct sealer *s)
{
	return &s->suite;
}

enum cipher_backend sealer_backend(const struct sealer *s)
{
	return s->by;
}

/* What the cipher takes: CBC the packet's IV, the others salt | IV, and CTR a block counter from 1
 * after it (RFC 3686 §4). */
static void full_iv(const struct sealer *s, const uint8_t *iv, uint8_t out[static IV_BYTES_MAX])
{
	size_t salt = s->row->salt_bytes;

	memset(out, 0, IV_BYTES_MAX);
	memcpy(out, s->salt, salt);
	memcpy(out + salt, iv, s->row->iv_bytes);
	if (s->row->mode == SEAL_CTR)
		store_u32(out + salt + s->row->iv_bytes, 1);
}

static struct sealing sealing_of(const struct sealer *s, struct bytes aad, const uint8_t *iv,
	uint8_t *text, size_t text_size, struct bytes tail)
{
	struct sealing p = {
		.parts = { [AAD] = aad,
			[IV] = BYTES(iv, s->row->iv_bytes),
			[TEXT] = BYTES(text, text_size),
			[TAIL] = tail },
		.text = text,
	};

	assert(text_size <= INT_MAX && aad.size <= INT_MAX);
	assert(tail.size == 0 || !encr_is_aead(s->suite.encr));
	full_iv(s, iv, p.iv);
	return p;
}

int sealer_seal(struct sealer *s, struct bytes aad, const uint8_t *iv, uint8_t *text,
	size_t text_size, struct bytes tail, uint8_t *icv)
{
	const struct sealing p = sealing_of(s, aad, iv, text, text_size, tail);

	assert(text_size % s->row->block_bytes == 0);
	return s->backend->seal(s->key, &p, icv);
}

int sealer_open(struct sealer *s, struct bytes aad, const uint8_t *iv, uint8_t *text,
	size_t text_size, struct bytes tail, const uint8_t *icv)
{
	const struct sealing p = sealing_of(s, aad, iv, text, text_size, tail);

	return s->backend->open(s->key, &p, icv);
}

bool sealer_gathers(const struct sealer *s)
{
	return s->many;
}

static bool run_many(struct sealer *s, bool open, struct sealer_packet *packets, size_t count)
{
	struct sealing sealings[SEALER_MANY];

	assert(count <= SEALER_MANY);
	if (!s->many || count < MANY_MIN)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct sealer_packet *p = &packets[i];

		sealings[i] = sealing_of(s, p->aad, p->iv, p->text, p->text_size, p->tail);
	}
	return many_backend()->run(s->many, open, sealings, packets, count);
}

void sealer_seal_many(struct sealer *s, struct sealer_packet *packets, size_t count)
{
	if (run_many(s, false, packets, count))
		return;
	for (struct sealer_packet *p = packets; p < packets + count; p++)
		p->result = sealer_seal(s, p->aad, p->iv, p->text, p->text_size, p->tail, p->icv);
}

void sealer_open_many(struct sealer *s, struct sealer_packet *packets, size_t count)
{
	if (run_many(s, true, packets, count))
		return;
	for (struct sealer_packet *p = packets; p < packets + count; p++)
		p->result = sealer_open(s, p->aad, p->iv, p->text, p->text_size, p->tail, p->icv);
}
