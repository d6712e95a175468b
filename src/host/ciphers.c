/* Each backend that has a cipher seals full packets for a moment, and the fastest is taken for it. Of several
 * rounds the quickest counts: what else the machine does can only make one slower. */
#include "host/ciphers.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "wire/ikev2.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define PACKET_BYTES    1400
#define ROUNDS          8
#define ROUND_PACKETS   64

/* Ciphers that are computed alike: the first is measured. */
static const struct family {
	const char *name;
	struct seal_suite suite;
	uint16_t encrs[3]; /* 0: none */
} families[] = {
	{ "AES-GCM", { ENCR_AES_GCM_16, 128, INTEG_NONE },
		{ ENCR_AES_GCM_16, ENCR_AES_GCM_12, ENCR_AES_GCM_8 } },
	{ "AES-GMAC", { ENCR_NULL_AES_GMAC, 128, INTEG_NONE }, { ENCR_NULL_AES_GMAC } },
	{ "ChaCha20-Poly1305", { ENCR_CHACHA20_POLY1305, 0, INTEG_NONE },
		{ ENCR_CHACHA20_POLY1305 } },
};

/* What may be quicker for many packets at once than for each. */
static const struct family gathered[] = {
	{ "AES-CBC with HMAC-SHA2-256", { ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128 },
		{ ENCR_AES_CBC } },
	{ "AES-CTR with HMAC-SHA2-256", { ENCR_AES_CTR, 128, INTEG_HMAC_SHA2_256_128 },
		{ ENCR_AES_CTR } },
	{ "HMAC-SHA2-256", { ENCR_NULL, 0, INTEG_HMAC_SHA2_256_128 }, { ENCR_NULL } },
	{ "AES-CCM", { ENCR_AES_CCM_16, 128, INTEG_NONE },
		{ ENCR_AES_CCM_16, ENCR_AES_CCM_12, ENCR_AES_CCM_8 } },
};

/* Nanoseconds for a packet; 0: it couldn't be measured. */
static uint64_t measure(struct crypto *c, const struct seal_suite *suite)
{
	const uint8_t key[64] = { 0 }, iv[8] = { 0 }, aad[8] = { 0 };
	uint8_t text[PACKET_BYTES] = { 0 }, icv[16];
	struct sealer *s =
		sealer_new(c, suite, BYTES(key, suite_encr_key_bytes(suite)), BYTES_EMPTY);
	uint64_t best = UINT64_MAX;

	if (!s)
		return 0;
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = uv_hrtime(), took;
		int failed = 0;

		for (int i = 0; i < ROUND_PACKETS; i++)
			failed |= sealer_seal(
				s, BYTES_OF(aad), iv, text, sizeof(text), BYTES_EMPTY, icv);
		took = uv_hrtime() - begin;
		if (!failed && took < best)
			best = took;
	}
	sealer_free(s);
	return best == UINT64_MAX ? 0 : best / ROUND_PACKETS + 1;
}

static void use(struct crypto *c, const struct family *f, enum cipher_backend b)
{
	for (size_t i = 0; i < COUNT_OF(f->encrs) && f->encrs[i]; i++)
		(void)cipher_backend_use(c, b, f->encrs[i]);
}

static void choose(struct crypto *c, struct log *log, const struct family *f)
{
	enum cipher_backend best = CIPHERS_OPENSSL;
	uint64_t took[CIPHER_BACKENDS] = { 0 };
	char others[128] = "";
	size_t size = 0;

	for (enum cipher_backend b = 0; b < CIPHER_BACKENDS; b++) {
		if (!cipher_backend_use(c, b, f->suite.encr))
			continue;
		took[b] = measure(c, &f->suite);
		if (took[b] && (!took[best] || took[b] < took[best]))
			best = b;
	}
	use(c, f, best);
	for (enum cipher_backend b = 0; b < CIPHER_BACKENDS; b++) {
		if (b != best && took[b] && size < sizeof(others))
			size += (size_t)snprintf(others + size, sizeof(others) - size,
				", %s takes %llu", cipher_backend_name(b),
				(unsigned long long)took[b]);
	}
	log_text(log, "DMN", 1, "%s is computed by %s: %llu ns for %d octets%s", f->name,
		cipher_backend_name(best), (unsigned long long)took[best], PACKET_BYTES, others);
}

/* Packets as ESP has them in memory: header, IV, text, ICV. */
struct batch {
	uint8_t memory[SEALER_MANY][PACKET_BYTES + 64];
	struct sealer_packet packets[SEALER_MANY];
};

static uint64_t measure_many(struct crypto *c, const struct seal_suite *suite, struct batch *b)
{
	const uint8_t key[128] = { 0 };
	size_t iv = suite_iv_bytes(suite), size = PACKET_BYTES / 16 * 16;
	struct sealer *s = sealer_new(c, suite, BYTES(key, suite_encr_key_bytes(suite)),
		BYTES(key, suite_integ_key_bytes(suite)));
	uint64_t best = UINT64_MAX;

	for (size_t i = 0; i < SEALER_MANY; i++)
		b->packets[i] = (struct sealer_packet){ .aad = BYTES(b->memory[i], 8),
			.iv = b->memory[i] + 8,
			.text = b->memory[i] + 8 + iv,
			.text_size = size,
			.icv = b->memory[i] + 8 + iv + size };
	for (int round = 0; s && round < ROUNDS; round++) {
		uint64_t begin = uv_hrtime(), took;
		int failed = 0;

		sealer_seal_many(s, b->packets, SEALER_MANY);
		took = uv_hrtime() - begin;
		for (size_t i = 0; i < SEALER_MANY; i++)
			failed |= b->packets[i].result;
		if (!failed && took < best)
			best = took;
	}
	sealer_free(s);
	return best == UINT64_MAX ? 0 : best / SEALER_MANY + 1;
}

static void choose_many(struct crypto *c, struct log *log, const struct family *f, struct batch *b)
{
	struct seal_suite suite = f->suite;
	uint64_t one, many;

	if (!cipher_many_use(c, &suite, false))
		return; /* nothing to choose */
	one = measure_many(c, &suite, b);
	(void)cipher_many_use(c, &suite, true);
	many = measure_many(c, &suite, b);
	for (size_t i = 0; i < COUNT_OF(f->encrs) && f->encrs[i]; i++) {
		suite.encr = f->encrs[i];
		(void)cipher_many_use(c, &suite, many && many < one);
	}
	log_text(log, "DMN", 1,
		"%s: %llu ns for %d octets one by one, %llu for %d packets at once: %s", f->name,
		(unsigned long long)one, PACKET_BYTES, (unsigned long long)many, SEALER_MANY,
		many && many < one ? "packets are gathered" : "one by one");
}

void ciphers_choose(struct crypto *c, struct log *log)
{
	struct batch *b = calloc(1, sizeof(*b));

	for (size_t i = 0; i < COUNT_OF(families); i++)
		choose(c, log, &families[i]);
	for (size_t i = 0; b && i < COUNT_OF(gathered); i++)
		choose_many(c, log, &gathered[i], b);
	free(b);
}
