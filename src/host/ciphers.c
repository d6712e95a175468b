/* Each backend that has a cipher seals full packets for a moment, and the fastest is taken for it. Of several
 * rounds the quickest counts: what else the machine does can only make one slower. */
#include "host/ciphers.h"

#include <stdio.h>
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

void ciphers_choose(struct crypto *c, struct log *log)
{
	for (size_t i = 0; i < COUNT_OF(families); i++)
		choose(c, log, &families[i]);
}
