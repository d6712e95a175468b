/* Sealing: known answers, and that nothing altered is opened; all of it by OpenSSL, and by intel-ipsec-mb
 * where that is there, which must then give the same octets. */
#include "vectors_aead.h"
#include "vectors_mac.h"

#include <errno.h>

#include <openssl/err.h>

#define SEED 7

static int open_crypto(void **state)
{
	*state = crypto_new(NULL);
	return *state ? 0 : -1;
}

/* What it has is computed by intel-ipsec-mb. */
static int open_crypto_mb(void **state)
{
	static const uint16_t encrs[] = { ENCR_AES_GCM_8, ENCR_AES_GCM_12, ENCR_AES_GCM_16,
		ENCR_NULL_AES_GMAC, ENCR_CHACHA20_POLY1305 };

	if (open_crypto(state) != 0)
		return -1;
	for (size_t i = 0; i < COUNT_OF(encrs); i++) {
		if (!cipher_backend_use(*state, CIPHERS_IPSEC_MB, encrs[i]))
			return -1;
	}
	return 0;
}

static int close_crypto(void **state)
{
	crypto_free(*state);
	return 0;
}

/* One packet that a test seals, alters and opens. */
struct packet {
	struct vector aad;
	struct vector iv;
	struct vector text;
	struct vector tail;
	struct vector icv;
};

static int packet_seal(struct sealer *s, struct packet *p)
{
	return sealer_seal(s, vector_bytes(&p->aad), p->iv.data, p->text.data, p->text.size,
		vector_bytes(&p->tail), p->icv.data);
}

/* On a copy, so that the packet can be opened again. */
static int packet_open(struct sealer *s, const struct packet *p, struct vector *ret_text)
{
	*ret_text = p->text;
	return sealer_open(s, vector_bytes(&p->aad), p->iv.data, ret_text->data, ret_text->size,
		vector_bytes(&p->tail), p->icv.data);
}

/* Vectors. */

static void check_vector(struct crypto *c, const struct seal_vector *v)
{
	const struct vector encr_key = vector_of(v->encr_key);
	const struct vector integ_key = vector_of(v->integ_key);
	const struct vector clear = vector_of(v->text);
	const struct vector sealed = vector_of(v->sealed);
	const struct vector icv = vector_of(v->icv);
	struct sealer *s =
		sealer_new(c, &v->suite, vector_bytes(&encr_key), vector_bytes(&integ_key));
	struct vector opened;

	assert_non_null(s);
	assert_int_equal(suite_icv_bytes(&v->suite), icv.size);
	for (int round = 0; round < 3; round++) {
		struct packet p = { .aad = vector_of(v->aad),
			.iv = vector_of(v->iv),
			.text = clear,
			.icv.size = icv.size };

		assert_int_equal(suite_iv_bytes(&v->suite), p.iv.size);
		assert_int_equal(packet_seal(s, &p), 0);
		assert_memory_equal(p.text.data, sealed.data, sealed.size);
		assert_memory_equal(p.icv.data, icv.data, icv.size);

		assert_int_equal(packet_open(s, &p, &opened), 0);
		assert_memory_equal(opened.data, clear.data, clear.size);
	}
	sealer_free(s);
}

static void known_answers_with_a_mac(void **state)
{
	for (size_t i = 0; i < COUNT_OF(mac_vectors); i++) {
		print_message("%s\n", mac_vectors[i].from);
		check_vector(*state, &mac_vectors[i]);
	}
}

static void known_answers_of_aeads(void **state)
{
	for (size_t i = 0; i < COUNT_OF(aead_vectors); i++) {
		print_message("%s\n", aead_vectors[i].from);
		check_vector(*state, &aead_vectors[i]);
	}
}

/* Suites: every one that is known, with its sizes. */

struct suite_row {
	struct seal_suite suite;
	size_t encr_key, integ_key, iv, icv, block;
};

static const struct suite_row suites[] = {
	{ { ENCR_AES_CBC, 128, INTEG_HMAC_SHA1_96 }, 16, 20, 16, 12, 16 },
	{ { ENCR_AES_CBC, 192, INTEG_HMAC_SHA2_256_128 }, 24, 32, 16, 16, 16 },
	{ { ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_512_256 }, 32, 64, 16, 32, 16 },
	{ { ENCR_AES_CTR, 128, INTEG_HMAC_SHA2_384_192 }, 20, 48, 8, 24, 1 },
	{ { ENCR_AES_CTR, 256, INTEG_AES_CMAC_96 }, 36, 16, 8, 12, 1 },
	{ { ENCR_3DES, 0, INTEG_AES_XCBC_96 }, 24, 16, 8, 12, 8 },
	{ { ENCR_NULL, 0, INTEG_HMAC_SHA2_256_128 }, 0, 32, 0, 16, 1 },
	{ { ENCR_NULL, 0, INTEG_AES_XCBC_96 }, 0, 16, 0, 12, 1 },
	{ { ENCR_AES_GCM_8, 128, INTEG_NONE }, 20, 0, 8, 8, 1 },
	{ { ENCR_AES_GCM_12, 192, INTEG_NONE }, 28, 0, 8, 12, 1 },
	{ { ENCR_AES_GCM_16, 256, INTEG_NONE }, 36, 0, 8, 16, 1 },
	{ { ENCR_AES_CCM_8, 128, INTEG_NONE }, 19, 0, 8, 8, 1 },
	{ { ENCR_AES_CCM_12, 192, INTEG_NONE }, 27, 0, 8, 12, 1 },
	{ { ENCR_AES_CCM_16, 256, INTEG_NONE }, 35, 0, 8, 16, 1 },
	{ { ENCR_NULL_AES_GMAC, 128, INTEG_NONE }, 20, 0, 8, 16, 1 },
	{ { ENCR_CHACHA20_POLY1305, 0, INTEG_NONE }, 36, 0, 8, 16, 1 },
};

static void suites_have_their_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(suites); i++) {
		const struct suite_row *row = &suites[i];

		assert_true(suite_known(&row->suite));
		assert_int_equal(suite_encr_key_bytes(&row->suite), row->encr_key);
		assert_int_equal(suite_integ_key_bytes(&row->suite), row->integ_key);
		assert_int_equal(suite_iv_bytes(&row->suite), row->iv);
		assert_int_equal(suite_icv_bytes(&row->suite), row->icv);
		assert_int_equal(suite_block_bytes(&row->suite), row->block);
		assert_int_equal(encr_is_aead(row->suite.encr), row->suite.integ == INTEG_NONE);
	}
}

static void bad_combinations_are_unknown(void **state)
{
	static const struct seal_suite bad[] = {
		{ ENCR_NULL, 0, INTEG_NONE },
		{ ENCR_AES_CBC, 128, INTEG_NONE },
		{ ENCR_AES_CBC, 0, INTEG_HMAC_SHA1_96 },
		{ ENCR_AES_CBC, 129, INTEG_HMAC_SHA1_96 },
		{ ENCR_AES_CBC, 128, 1 },
		{ ENCR_3DES, 192, INTEG_HMAC_SHA1_96 },
		{ ENCR_AES_GCM_16, 128, INTEG_HMAC_SHA1_96 },
		{ ENCR_AES_GCM_16, 0, INTEG_NONE },
		{ ENCR_CHACHA20_POLY1305, 256, INTEG_NONE },
		{ 2, 0, INTEG_HMAC_SHA1_96 },
		{ 0, 0, INTEG_NONE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_false(suite_known(&bad[i]));
	assert_false(encr_is_aead(0));
	assert_false(encr_is_aead(ENCR_AES_CBC));
	assert_true(encr_takes_key_bits(ENCR_AES_CCM_8, 192));
	assert_false(encr_takes_key_bits(ENCR_AES_CCM_8, 64));
	assert_true(encr_takes_key_bits(ENCR_3DES, 0));
}

/* Packets of each suite, from a seed. */

static struct sealer *sealer_seeded(struct crypto *c, const struct seal_suite *suite, uint64_t seed)
{
	uint8_t keys[128];

	seed_fill(&seed, keys, sizeof(keys));
	return sealer_new(c, suite, BYTES(keys, suite_encr_key_bytes(suite)),
		BYTES(keys + 64, suite_integ_key_bytes(suite)));
}

static struct packet packet_seeded(const struct seal_suite *suite, uint64_t seed, size_t text_size)
{
	struct packet p = {
		.aad.size = 12,
		.iv.size = suite_iv_bytes(suite),
		.text.size = text_size,
		.tail.size = encr_is_aead(suite->encr) ? 0 : 4,
		.icv.size = suite_icv_bytes(suite),
	};

	seed_fill(&seed, p.aad.data, p.aad.size);
	seed_fill(&seed, p.iv.data, p.iv.size);
	seed_fill(&seed, p.text.data, p.text.size);
	seed_fill(&seed, p.tail.data, p.tail.size);
	return p;
}

static void assert_refused_when_altered(struct sealer *s, struct packet *p, struct vector *field)
{
	struct vector opened;

	for (size_t i = 0; i < field->size; i++) {
		field->data[i] ^= (uint8_t)(1u << (i % 8));
		assert_int_equal(packet_open(s, p, &opened), -EBADMSG);
		field->data[i] ^= (uint8_t)(1u << (i % 8));
	}
	assert_int_equal(packet_open(s, p, &opened), 0);
}

static void no_altered_octet_is_accepted(void **state)
{
	for (size_t i = 0; i < COUNT_OF(suites); i++) {
		struct sealer *s = sealer_seeded(*state, &suites[i].suite, SEED);
		struct packet p = packet_seeded(&suites[i].suite, SEED, 96);

		assert_int_equal(packet_seal(s, &p), 0);
		assert_refused_when_altered(s, &p, &p.aad);
		assert_refused_when_altered(s, &p, &p.iv);
		assert_refused_when_altered(s, &p, &p.text);
		assert_refused_when_altered(s, &p, &p.tail);
		assert_refused_when_altered(s, &p, &p.icv);
		assert_int_equal(ERR_peek_error(), 0);
		sealer_free(s);
	}
}

static void a_packet_cut_short_is_refused(void **state)
{
	for (size_t i = 0; i < COUNT_OF(suites); i++) {
		struct sealer *s = sealer_seeded(*state, &suites[i].suite, SEED);
		struct packet p = packet_seeded(&suites[i].suite, SEED, 96);
		struct vector opened;

		assert_int_equal(packet_seal(s, &p), 0);
		while (p.text.size > 0) {
			p.text.size--;
			assert_int_equal(packet_open(s, &p, &opened), -EBADMSG);
		}
		sealer_free(s);
	}
}

/* Some AEADs decrypt before they know. */
static void a_refused_aead_leaves_no_plaintext(void **state)
{
	static const uint8_t zeros[96];

	for (size_t i = 0; i < COUNT_OF(suites); i++) {
		struct sealer *s = sealer_seeded(*state, &suites[i].suite, SEED);
		struct packet p = packet_seeded(&suites[i].suite, SEED, sizeof(zeros));
		struct vector opened;

		assert_int_equal(packet_seal(s, &p), 0);
		p.icv.data[0] ^= 1;
		assert_int_equal(packet_open(s, &p, &opened), -EBADMSG);
		if (encr_is_aead(suites[i].suite.encr) &&
			suites[i].suite.encr != ENCR_NULL_AES_GMAC)
			assert_memory_equal(opened.data, zeros, sizeof(zeros));
		else
			assert_memory_equal(opened.data, p.text.data, p.text.size);
		sealer_free(s);
	}
}

/* Nothing of a packet may remain in a sealer: what one of them makes after a hundred others, a new
 * one opens. */
static void a_sealer_starts_afresh_with_every_packet(void **state)
{
	for (size_t i = 0; i < COUNT_OF(suites); i++) {
		const struct seal_suite *suite = &suites[i].suite;
		struct sealer *worn = sealer_seeded(*state, suite, SEED);

		for (uint64_t n = 0; n < 100; n++) {
			struct packet clear = packet_seeded(suite, n, 16 * (size_t)(n % 60));
			struct packet p = clear;
			struct sealer *fresh = sealer_seeded(*state, suite, SEED);
			struct vector opened;

			assert_int_equal(packet_seal(worn, &p), 0);
			assert_int_equal(packet_open(fresh, &p, &opened), 0);
			assert_memory_equal(opened.data, clear.text.data, clear.text.size);

			p.icv.data[0] ^= (uint8_t)(n % 3 == 0);
			assert_int_equal(packet_open(worn, &p, &opened), n % 3 == 0 ? -EBADMSG : 0);
			sealer_free(fresh);
		}
		sealer_free(worn);
	}
}

static void a_text_is_hidden_unless_the_suite_says_null(void **state)
{
	for (size_t i = 0; i < COUNT_OF(suites); i++) {
		const uint16_t encr = suites[i].suite.encr;
		struct sealer *s = sealer_seeded(*state, &suites[i].suite, SEED);
		struct packet clear = packet_seeded(&suites[i].suite, SEED, 96);
		struct packet p = clear;

		assert_int_equal(packet_seal(s, &p), 0);
		assert_int_equal(memcmp(p.text.data, clear.text.data, clear.text.size) == 0,
			encr == ENCR_NULL || encr == ENCR_NULL_AES_GMAC);
		assert_int_equal(sealer_suite(s)->encr, encr);
		sealer_free(s);
	}
	sealer_free(NULL);
}

/* Backends. */

static const struct seal_suite mb_suites[] = {
	{ ENCR_AES_GCM_8, 128, INTEG_NONE },
	{ ENCR_AES_GCM_8, 192, INTEG_NONE },
	{ ENCR_AES_GCM_8, 256, INTEG_NONE },
	{ ENCR_AES_GCM_12, 128, INTEG_NONE },
	{ ENCR_AES_GCM_12, 192, INTEG_NONE },
	{ ENCR_AES_GCM_12, 256, INTEG_NONE },
	{ ENCR_AES_GCM_16, 128, INTEG_NONE },
	{ ENCR_AES_GCM_16, 192, INTEG_NONE },
	{ ENCR_AES_GCM_16, 256, INTEG_NONE },
	{ ENCR_NULL_AES_GMAC, 128, INTEG_NONE },
	{ ENCR_NULL_AES_GMAC, 192, INTEG_NONE },
	{ ENCR_NULL_AES_GMAC, 256, INTEG_NONE },
	{ ENCR_CHACHA20_POLY1305, 0, INTEG_NONE },
};

/* Additional data of every size that SK payloads and ESP can have, and texts up to the longest; `size` octets
 * have exactly their room, so that what reads or writes behind them is found. */
static void assert_same_octets(struct sealer *a, struct sealer *b, size_t aad_size, size_t size)
{
	const struct seal_suite *suite = sealer_suite(a);
	size_t icv = suite_icv_bytes(suite);
	uint64_t seed = SEED + size;
	uint8_t aad[64], iv[8], icv_a[16] = { 0 }, icv_b[16] = { 0 };
	uint8_t *clear = malloc(size + 1), *by_a = malloc(size + 1), *by_b = malloc(size + 1);

	seed_fill(&seed, aad, sizeof(aad));
	seed_fill(&seed, iv, sizeof(iv));
	seed_fill(&seed, clear, size);
	memcpy(by_a, clear, size);
	memcpy(by_b, clear, size);
	by_a[size] = by_b[size] = 0xa5;
	assert_int_equal(
		sealer_seal(a, BYTES(aad, aad_size), iv, by_a, size, BYTES_EMPTY, icv_a), 0);
	assert_int_equal(
		sealer_seal(b, BYTES(aad, aad_size), iv, by_b, size, BYTES_EMPTY, icv_b), 0);
	assert_memory_equal(by_a, by_b, size + 1);
	assert_memory_equal(icv_a, icv_b, sizeof(icv_a));
	for (size_t i = icv; i < sizeof(icv_b); i++)
		assert_int_equal(icv_b[i], 0);
	assert_int_equal(
		sealer_open(b, BYTES(aad, aad_size), iv, by_a, size, BYTES_EMPTY, icv_a), 0);
	assert_memory_equal(by_a, clear, size);
	assert_int_equal(by_a[size], 0xa5);
	free(clear);
	free(by_a);
	free(by_b);
}

static void all_backends_make_the_same_octets(void **state)
{
	static const size_t long_sizes[] = { 1399, 1400, 1408, 1500, 4095, 4096, 9000, 65535 };
	struct crypto *plain = crypto_new(NULL);

	for (size_t i = 0; i < COUNT_OF(mb_suites); i++) {
		struct sealer *a = sealer_seeded(plain, &mb_suites[i], SEED);
		struct sealer *b = sealer_seeded(*state, &mb_suites[i], SEED);

		assert_int_equal(sealer_backend(a), CIPHERS_OPENSSL);
		assert_int_equal(sealer_backend(b), CIPHERS_IPSEC_MB);
		for (size_t size = 0; size < 600; size++)
			assert_same_octets(a, b, size % 65, size);
		for (size_t n = 0; n < COUNT_OF(long_sizes); n++)
			assert_same_octets(a, b, n % 2 ? 8 : 12, long_sizes[n]);
		sealer_free(a);
		sealer_free(b);
	}
	crypto_free(plain);
}

static void a_backend_is_taken_for_what_it_has(void **state)
{
	static const struct seal_suite others[] = {
		{ ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128 },
		{ ENCR_AES_CCM_16, 256, INTEG_NONE },
	};
	struct crypto *c = crypto_new(NULL);

	(void)state;
	assert_string_equal(cipher_backend_name(CIPHERS_OPENSSL), "OpenSSL");
	assert_string_equal(cipher_backend_name(CIPHERS_IPSEC_MB), "intel-ipsec-mb");
	assert_false(cipher_backend_use(c, CIPHERS_IPSEC_MB, 2));
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		struct sealer *s;

		assert_false(cipher_backend_use(c, CIPHERS_IPSEC_MB, others[i].encr));
		s = sealer_seeded(c, &others[i], SEED);
		assert_int_equal(sealer_backend(s), CIPHERS_OPENSSL);
		sealer_free(s);
	}
	crypto_free(c);
}

/* One that is chosen later changes nothing about the sealers that there are. */
static void sealers_stay_with_their_backend(void **state)
{
	const struct seal_suite suite = { ENCR_AES_GCM_16, 128, INTEG_NONE };
	struct crypto *c = crypto_new(NULL);
	struct sealer *before = sealer_seeded(c, &suite, SEED), *after;

	(void)state;
	assert_true(cipher_backend_use(c, CIPHERS_IPSEC_MB, suite.encr));
	assert_int_equal(cipher_backend_of(c, suite.encr), CIPHERS_IPSEC_MB);
	assert_int_equal(cipher_backend_of(c, ENCR_CHACHA20_POLY1305), CIPHERS_OPENSSL);
	after = sealer_seeded(c, &suite, SEED);
	assert_int_equal(sealer_backend(before), CIPHERS_OPENSSL);
	assert_int_equal(sealer_backend(after), CIPHERS_IPSEC_MB);
	assert_same_octets(before, after, 8, 1400);
	sealer_free(before);
	sealer_free(after);
	assert_true(cipher_backend_use(c, CIPHERS_OPENSSL, suite.encr));
	assert_int_equal(cipher_backend_of(c, suite.encr), CIPHERS_OPENSSL);
	crypto_free(c);
}

static bool mb_is_there(void)
{
	struct crypto *c = crypto_new(NULL);
	bool is = c && cipher_backend_use(c, CIPHERS_IPSEC_MB, ENCR_AES_GCM_16);

	crypto_free(c);
	return is;
}

/* Many packets at once. */

static const struct seal_suite many_suites[] = {
	{ ENCR_AES_CBC, 128, INTEG_HMAC_SHA1_96 },
	{ ENCR_AES_CBC, 192, INTEG_HMAC_SHA2_384_192 },
	{ ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_256_128 },
	{ ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_512_256 },
	{ ENCR_AES_CTR, 128, INTEG_HMAC_SHA1_96 },
	{ ENCR_AES_CTR, 192, INTEG_HMAC_SHA2_256_128 },
	{ ENCR_AES_CTR, 256, INTEG_HMAC_SHA2_512_256 },
	{ ENCR_NULL, 0, INTEG_HMAC_SHA1_96 },
	{ ENCR_NULL, 0, INTEG_HMAC_SHA2_256_128 },
	{ ENCR_AES_CCM_8, 128, INTEG_NONE },
	{ ENCR_AES_CCM_12, 256, INTEG_NONE },
	{ ENCR_AES_CCM_16, 128, INTEG_NONE },
	{ ENCR_AES_CCM_16, 256, INTEG_NONE },
};

#define LONGEST 1600
#define TAILED  4 /* octets of an extended sequence number */

/* ESP packets as they lie in memory: header, IV, text, ICV. */
struct batch {
	uint8_t memory[SEALER_MANY][LONGEST + 128];
	uint8_t heads[SEALER_MANY][12], tails[SEALER_MANY][TAILED];
	struct sealer_packet packets[SEALER_MANY];
};

static void batch_make(struct batch *b, const struct seal_suite *suite, bool esn, uint64_t seed)
{
	size_t iv = suite_iv_bytes(suite);
	bool aead = encr_is_aead(suite->encr);

	for (size_t i = 0; i < SEALER_MANY; i++) {
		uint8_t *memory = b->memory[i];
		size_t size = 16 * (1 + (seed * 7 + i * 13) % (LONGEST / 16));

		seed_fill(&seed, memory, sizeof(b->memory[i]));
		seed_fill(&seed, b->tails[i], TAILED);
		memcpy(b->heads[i], memory, 4);
		seed_fill(&seed, b->heads[i] + 4, 8);
		b->packets[i] = (struct sealer_packet){ .aad = BYTES(memory, 8),
			.iv = memory + 8,
			.text = memory + 8 + iv,
			.text_size = size,
			.icv = memory + 8 + iv + size,
			.result = 1 };
		if (esn && aead)
			b->packets[i].aad = BYTES(b->heads[i], 12);
		else if (esn)
			b->packets[i].tail = BYTES(b->tails[i], TAILED);
	}
}

/* Sealed at once they are what OpenSSL makes of each, and of those that come altered each alone is refused. */
static void check_many(const struct seal_suite *suite, struct sealer *many, struct sealer *one,
	bool esn, size_t count)
{
	struct batch *b = malloc(sizeof(*b)), *clear = malloc(sizeof(*b));
	static const uint8_t zeros[LONGEST];

	batch_make(b, suite, esn, count);
	batch_make(clear, suite, esn, count);
	sealer_seal_many(many, b->packets, count);
	for (size_t i = 0; i < count; i++) {
		struct sealer_packet *p = &clear->packets[i];

		assert_int_equal(b->packets[i].result, 0);
		assert_int_equal(
			sealer_seal(one, p->aad, p->iv, p->text, p->text_size, p->tail, p->icv), 0);
		assert_memory_equal(b->memory[i], clear->memory[i], sizeof(b->memory[i]));
	}
	batch_make(clear, suite, esn, count);
	for (size_t i = 0; i < count; i += 3)
		b->memory[i][(size_t)(b->packets[i].text - b->memory[i]) + i % 16] ^= 1;
	sealer_open_many(many, b->packets, count);
	for (size_t i = 0; i < count; i++) {
		const struct sealer_packet *p = &b->packets[i], *c = &clear->packets[i];

		assert_int_equal(p->result, i % 3 ? 0 : -EBADMSG);
		if (i % 3)
			assert_memory_equal(p->text, c->text, p->text_size);
		else if (sealer_gathers(many) && count >= 8)
			assert_memory_equal(p->text, zeros, p->text_size);
	}
	free(b);
	free(clear);
}

static void many_at_once_are_each_alone(void **state)
{
	struct crypto *openssl = crypto_new(NULL);

	for (size_t i = 0; i < COUNT_OF(many_suites); i++) {
		const struct seal_suite *suite = &many_suites[i];
		struct sealer *one = sealer_seeded(openssl, suite, SEED), *many;

		assert_true(cipher_many_use(*state, suite, true));
		many = sealer_seeded(*state, suite, SEED);
		assert_true(sealer_gathers(many));
		assert_false(sealer_gathers(one));
		for (size_t count = 1; count <= SEALER_MANY; count += count < 7 ? 3 : 5) {
			check_many(suite, many, one, false, count);
			check_many(suite, many, one, true, count);
			check_many(suite, one, many, true, count);
		}
		sealer_free(one);
		sealer_free(many);
		assert_true(cipher_many_use(*state, suite, false));
		many = sealer_seeded(*state, suite, SEED);
		assert_false(sealer_gathers(many));
		sealer_free(many);
	}
	crypto_free(openssl);
}

/* What it hasn't goes on one by one. */
static void not_all_can_be_gathered(void **state)
{
	static const struct seal_suite others[] = { { ENCR_AES_GCM_16, 128, INTEG_NONE },
		{ ENCR_AES_CCM_16, 192, INTEG_NONE }, { ENCR_AES_CBC, 128, INTEG_AES_CMAC_96 },
		{ ENCR_3DES, 0, INTEG_HMAC_SHA1_96 } };
	struct seal_suite cbc = { ENCR_AES_CBC, 128, INTEG_HMAC_SHA1_96 };
	struct sealer *s;

	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_false(cipher_many_use(*state, &others[i], true));
	assert_true(cipher_many_use(*state, &cbc, true));
	s = sealer_seeded(*state, &others[2], SEED);
	assert_false(sealer_gathers(s));
	sealer_free(s);
}

int main(void)
{
	const struct CMUnitTest more[] = {
		cmocka_unit_test(many_at_once_are_each_alone),
		cmocka_unit_test(not_all_can_be_gathered),
		cmocka_unit_test(all_backends_make_the_same_octets),
		cmocka_unit_test(sealers_stay_with_their_backend),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers_with_a_mac),
		cmocka_unit_test(known_answers_of_aeads),
		cmocka_unit_test(suites_have_their_sizes),
		cmocka_unit_test(bad_combinations_are_unknown),
		cmocka_unit_test(no_altered_octet_is_accepted),
		cmocka_unit_test(a_packet_cut_short_is_refused),
		cmocka_unit_test(a_refused_aead_leaves_no_plaintext),
		cmocka_unit_test(a_sealer_starts_afresh_with_every_packet),
		cmocka_unit_test(a_text_is_hidden_unless_the_suite_says_null),
		cmocka_unit_test(a_backend_is_taken_for_what_it_has),
	};
	int failed = cmocka_run_group_tests_name("OpenSSL", tests, open_crypto, close_crypto);

	if (mb_is_there()) {
		failed += cmocka_run_group_tests_name(
			"intel-ipsec-mb", tests, open_crypto_mb, close_crypto);
		failed += cmocka_run_group_tests_name(
			"backends compared", more, open_crypto_mb, close_crypto);
	}
	return failed;
}
