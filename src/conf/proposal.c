/* Proposals in strongSwan's words: "aes128gcm16-prfsha256-x25519". Weak algorithms are known but
 * stand in no default. */
#include "conf/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define KEYWORD_MAX 32

struct keyword {
	const char *name;
	uint8_t type;
	uint16_t id;
	uint16_t key_bits;
};

/* AES in its modes is put together by aes_keyword(). */
static const struct keyword keywords[] = {
	{ "aes", TRANSFORM_ENCR, ENCR_AES_CBC, 128 },
	{ "3des", TRANSFORM_ENCR, ENCR_3DES, 0 },
	{ "null", TRANSFORM_ENCR, ENCR_NULL, 0 },
	{ "chacha20poly1305", TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 0 },
	{ "chacha20poly1305compat", TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 0 },
	{ "sha", TRANSFORM_INTEG, INTEG_HMAC_SHA1_96, 0 },
	{ "sha1", TRANSFORM_INTEG, INTEG_HMAC_SHA1_96, 0 },
	{ "sha256", TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0 },
	{ "sha2_256", TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0 },
	{ "sha384", TRANSFORM_INTEG, INTEG_HMAC_SHA2_384_192, 0 },
	{ "sha2_384", TRANSFORM_INTEG, INTEG_HMAC_SHA2_384_192, 0 },
	{ "sha512", TRANSFORM_INTEG, INTEG_HMAC_SHA2_512_256, 0 },
	{ "sha2_512", TRANSFORM_INTEG, INTEG_HMAC_SHA2_512_256, 0 },
	{ "aesxcbc", TRANSFORM_INTEG, INTEG_AES_XCBC_96, 0 },
	{ "aescmac", TRANSFORM_INTEG, INTEG_AES_CMAC_96, 0 },
	{ "prfsha1", TRANSFORM_PRF, PRF_HMAC_SHA1, 0 },
	{ "prfsha256", TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0 },
	{ "prfsha384", TRANSFORM_PRF, PRF_HMAC_SHA2_384, 0 },
	{ "prfsha512", TRANSFORM_PRF, PRF_HMAC_SHA2_512, 0 },
	{ "prfaesxcbc", TRANSFORM_PRF, PRF_AES128_XCBC, 0 },
	{ "prfaescmac", TRANSFORM_PRF, PRF_AES128_CMAC, 0 },
	{ "modpnone", TRANSFORM_KE, KE_NONE, 0 },
	{ "none", TRANSFORM_KE, KE_NONE, 0 },
	{ "modp1024", TRANSFORM_KE, KE_MODP_1024, 0 },
	{ "modp1536", TRANSFORM_KE, KE_MODP_1536, 0 },
	{ "modp2048", TRANSFORM_KE, KE_MODP_2048, 0 },
	{ "modp3072", TRANSFORM_KE, KE_MODP_3072, 0 },
	{ "modp4096", TRANSFORM_KE, KE_MODP_4096, 0 },
	{ "modp6144", TRANSFORM_KE, KE_MODP_6144, 0 },
	{ "modp8192", TRANSFORM_KE, KE_MODP_8192, 0 },
	{ "modp1024s160", TRANSFORM_KE, KE_MODP_1024_160, 0 },
	{ "modp2048s224", TRANSFORM_KE, KE_MODP_2048_224, 0 },
	{ "modp2048s256", TRANSFORM_KE, KE_MODP_2048_256, 0 },
	{ "ecp256", TRANSFORM_KE, KE_ECP_256, 0 },
	{ "ecp384", TRANSFORM_KE, KE_ECP_384, 0 },
	{ "ecp521", TRANSFORM_KE, KE_ECP_521, 0 },
	{ "ecp256bp", TRANSFORM_KE, KE_BRAINPOOL_256, 0 },
	{ "ecp384bp", TRANSFORM_KE, KE_BRAINPOOL_384, 0 },
	{ "ecp512bp", TRANSFORM_KE, KE_BRAINPOOL_512, 0 },
	{ "x25519", TRANSFORM_KE, KE_CURVE25519, 0 },
	{ "curve25519", TRANSFORM_KE, KE_CURVE25519, 0 },
	{ "x448", TRANSFORM_KE, KE_CURVE448, 0 },
	{ "curve448", TRANSFORM_KE, KE_CURVE448, 0 },
	{ "esn", TRANSFORM_ESN, ESN_YES, 0 },
	{ "noesn", TRANSFORM_ESN, ESN_NO, 0 },
};

#define KEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

size_t conf_proposal_defaults(uint8_t protocol, const char *const **ret_texts)
{
#define GROUPS                                                                                     \
	"x25519-ecp256-ecp384-ecp521-modp3072-modp4096-modp2048-x448-ecp256bp-ecp384bp-ecp512bp"
	static const char *const ike[] = {
		"aes128gcm16-aes256gcm16-chacha20poly1305-prfsha256-prfsha384-prfsha512-" GROUPS,
		"aes128-aes192-aes256-sha256-sha384-sha512-prfsha256-prfsha384-prfsha512-" GROUPS,
	};
	static const char *const esp[] = {
		"aes128gcm16-aes256gcm16-chacha20poly1305-noesn",
		"aes128-aes192-aes256-sha256-sha384-sha512-noesn",
	};

	*ret_texts = protocol == PROTOCOL_IKE ? ike : esp;
	return 2;
}

/* aes128, aes256ctr, aes192gcm12, aes128gcm96 (bits), aes128gcm, aes256gmac. */
static bool aes_keyword(const char *word, struct transform *ret_transform)
{
	static const struct {
		const char *mode;
		uint16_t id;
	} modes[] = {
		{ "", ENCR_AES_CBC },
		{ "ctr", ENCR_AES_CTR },
		{ "gmac", ENCR_NULL_AES_GMAC },
		{ "gcm8", ENCR_AES_GCM_8 },
		{ "gcm64", ENCR_AES_GCM_8 },
		{ "gcm12", ENCR_AES_GCM_12 },
		{ "gcm96", ENCR_AES_GCM_12 },
		{ "gcm16", ENCR_AES_GCM_16 },
		{ "gcm128", ENCR_AES_GCM_16 },
		{ "gcm", ENCR_AES_GCM_16 },
		{ "ccm8", ENCR_AES_CCM_8 },
		{ "ccm64", ENCR_AES_CCM_8 },
		{ "ccm12", ENCR_AES_CCM_12 },
		{ "ccm96", ENCR_AES_CCM_12 },
		{ "ccm16", ENCR_AES_CCM_16 },
		{ "ccm128", ENCR_AES_CCM_16 },
		{ "ccm", ENCR_AES_CCM_16 },
	};
	char bits[4] = "";

	if (strncasecmp(word, "aes", 3) || strlen(word) < 6)
		return false;
	memcpy(bits, word + 3, 3);
	if (strcmp(bits, "128") && strcmp(bits, "192") && strcmp(bits, "256"))
		return false;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcasecmp(word + 6, modes[i].mode)) {
			*ret_transform = (struct transform){ TRANSFORM_ENCR, modes[i].id,
				(uint16_t)atoi(bits) };
			return true;
		}

	return false;
}

static int keyword_unknown(const char *word, char *problem, size_t size)
{
	static const char *const refused[] = { "md5", "md5_128", "prfmd5", "des", "modp768",
		"ecp192", "blowfish", "cast128", NULL };
	const char *words[KEYWORDS + 8] = { "aes128", "aes192", "aes256", "aes128gcm16",
		"aes256gcm16", "aes128ctr" };
	const char *near;

	for (size_t i = 0; refused[i]; i++)
		if (!strcasecmp(word, refused[i])) {
			snprintf(problem, size,
				"'%s' is too weak, tern doesn't offer it; use sha256, aes128 or x25519",
				word);
			return -EINVAL;
		}
	if (!strncasecmp(word, "ke", 2) && strchr(word, '_')) {
		snprintf(problem, size, "'%s': additional key exchanges are not supported yet",
			word);
		return -EINVAL;
	}

	for (size_t i = 0; i < KEYWORDS; i++)
		words[6 + i] = keywords[i].name;
	near = nearest_word(word, words);
	snprintf(problem, size, "unknown algorithm '%s'%s%s%s", word,
		near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return -EINVAL;
}

static int keyword_find(
	const char *word, struct transform *ret_transform, char *problem, size_t size)
{
	if (aes_keyword(word, ret_transform))
		return 0;
	for (size_t i = 0; i < KEYWORDS; i++)
		if (!strcasecmp(word, keywords[i].name)) {
			*ret_transform = (struct transform){ keywords[i].type, keywords[i].id,
				keywords[i].key_bits };
			return 0;
		}

	return keyword_unknown(word, problem, size);
}

static bool proposal_add(struct proposal *p, uint8_t type, uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < p->transform_count; i++)
		if (p->transforms[i].type == type && p->transforms[i].id == id &&
			p->transforms[i].key_bits == key_bits)
			return true;
	if (p->transform_count == TRANSFORMS_MAX)
		return false;

	p->transforms[p->transform_count++] = (struct transform){ type, id, key_bits };
	return true;
}

static void proposal_drop(struct proposal *p, uint8_t type)
{
	uint8_t kept = 0;

	for (size_t i = 0; i < p->transform_count; i++)
		if (p->transforms[i].type != type)
			p->transforms[kept++] = p->transforms[i];
	p->transform_count = kept;
}

/* By type; within one in the order of preference. */
static void proposal_order(struct proposal *p)
{
	struct proposal sorted = *p;
	uint8_t count = 0;

	for (uint8_t type = TRANSFORM_ENCR; type < TRANSFORM_TYPES; type++)
		for (size_t i = 0; i < p->transform_count; i++)
			if (p->transforms[i].type == type)
				sorted.transforms[count++] = p->transforms[i];
	*p = sorted;
}

static bool cipher_has_integrity(uint16_t encr)
{
	return encr == ENCR_NULL_AES_GMAC || encr_is_aead(encr);
}

/* IKE without a PRF: the one of the MAC, and with an AEAD alone the SHA-2 family. */
static bool add_prfs(struct proposal *p)
{
	static const uint16_t same[][2] = {
		{ INTEG_HMAC_SHA1_96, PRF_HMAC_SHA1 },
		{ INTEG_AES_XCBC_96, PRF_AES128_XCBC },
		{ INTEG_AES_CMAC_96, PRF_AES128_CMAC },
		{ INTEG_HMAC_SHA2_256_128, PRF_HMAC_SHA2_256 },
		{ INTEG_HMAC_SHA2_384_192, PRF_HMAC_SHA2_384 },
		{ INTEG_HMAC_SHA2_512_256, PRF_HMAC_SHA2_512 },
	};
	size_t count = p->transform_count;
	bool fits = true;

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < sizeof(same) / sizeof(same[0]); j++)
			if (p->transforms[i].type == TRANSFORM_INTEG &&
				p->transforms[i].id == same[j][0])
				fits = fits && proposal_add(p, TRANSFORM_PRF, same[j][1], 0);
	if (proposal_count(p, TRANSFORM_PRF) == 0)
		for (uint16_t prf = PRF_HMAC_SHA2_256; prf <= PRF_HMAC_SHA2_512; prf++)
			fits = fits && proposal_add(p, TRANSFORM_PRF, prf, 0);

	return fits;
}

/* Returns words about what is wrong, or NULL. */
static const char *complete_ciphers(struct proposal *p)
{
	size_t aead = 0, ciphers = proposal_count(p, TRANSFORM_ENCR);

	for (size_t i = 0; i < p->transform_count; i++)
		if (p->transforms[i].type == TRANSFORM_ENCR)
			aead += cipher_has_integrity(p->transforms[i].id);

	if (ciphers == 0)
		return "names no encryption; add one such as aes128gcm16 or aes128";
	if (aead && aead != ciphers)
		return "mixes AEAD (gcm, ccm, chacha20poly1305) with other ciphers; write two proposals with a comma between";
	if (!aead && proposal_count(p, TRANSFORM_INTEG) == 0)
		return "has no integrity algorithm; add one such as sha256";
	if (p->protocol == PROTOCOL_IKE && proposal_count(p, TRANSFORM_PRF) == 0 && !add_prfs(p))
		return "has too many algorithms; write several proposals";
	if (aead)
		proposal_drop(p, TRANSFORM_INTEG);

	return NULL;
}

static const char *complete_ike(struct proposal *p)
{
	for (size_t i = 0; i < p->transform_count; i++) {
		const struct transform *t = &p->transforms[i];

		if (t->type == TRANSFORM_ENCR &&
			(t->id == ENCR_NULL || t->id == ENCR_NULL_AES_GMAC))
			return "has a cipher that doesn't encrypt, which is for ESP only; use aes128gcm16";
		if (t->type == TRANSFORM_KE && t->id == KE_NONE)
			return "has no key exchange, which is for ESP only; use x25519";
		if (t->type == TRANSFORM_ESN)
			return "has esn or noesn, which is for ESP only; remove it";
	}
	if (proposal_count(p, TRANSFORM_KE) == 0)
		return "names no key exchange group; add one such as x25519";

	return complete_ciphers(p);
}

static const char *complete_esp(struct proposal *p)
{
	proposal_drop(p, TRANSFORM_PRF);
	if (proposal_count(p, TRANSFORM_ESN) == 0 && !proposal_add(p, TRANSFORM_ESN, ESN_NO, 0))
		return "has too many algorithms; write several proposals";

	return complete_ciphers(p);
}

int conf_proposal_parse(const char *text, uint8_t protocol, struct proposal *ret_proposal,
	char *problem, size_t problem_size)
{
	struct proposal p = { .number = 1, .protocol = protocol };
	const char *wrong;

	for (const char *at = text;; at++) {
		size_t size = strcspn(at, "-");
		char word[KEYWORD_MAX];
		struct transform t;

		snprintf(word, sizeof(word), "%.*s", (int)(size < 64 ? size : 64), at);
		if (keyword_find(word, &t, problem, problem_size) < 0)
			return -EINVAL;
		if (!proposal_add(&p, t.type, t.id, t.key_bits)) {
			snprintf(problem, problem_size,
				"more than %d algorithms; write several proposals", TRANSFORMS_MAX);
			return -EINVAL;
		}
		at += size;
		if (!*at)
			break;
	}

	wrong = protocol == PROTOCOL_IKE ? complete_ike(&p) : complete_esp(&p);
	if (wrong) {
		snprintf(problem, problem_size, "'%.120s' %s", text, wrong);
		return -EINVAL;
	}
	proposal_order(&p);
	*ret_proposal = p;
	return 0;
}

/* Why an algorithm is weak, or NULL. */
static const char *transform_weak(const struct transform *t)
{
	if (t->type == TRANSFORM_ENCR && t->id == ENCR_3DES)
		return "3des has 64-bit blocks, collisions show after a few GB";
	if (t->type == TRANSFORM_ENCR && (t->id == ENCR_NULL || t->id == ENCR_NULL_AES_GMAC))
		return "null and gmac don't encrypt";
	if (t->type == TRANSFORM_INTEG && t->id == INTEG_HMAC_SHA1_96)
		return "SHA-1 is deprecated, RFC 8247";
	if (t->type == TRANSFORM_PRF && t->id == PRF_HMAC_SHA1)
		return "SHA-1 is deprecated, RFC 8247";
	if (t->type == TRANSFORM_KE && (t->id == KE_MODP_1024 || t->id == KE_MODP_1024_160))
		return "1024-bit groups can be broken by a state's means";
	if (t->type == TRANSFORM_KE && t->id == KE_MODP_1536)
		return "modp1536 is too short, RFC 8247";
	if (t->type == TRANSFORM_KE && (t->id == KE_MODP_2048_224 || t->id == KE_MODP_2048_256))
		return "RFC 5114 groups are of unknown origin, RFC 8247";

	return NULL;
}

bool conf_proposal_weak(const struct proposal *p, char *out, size_t out_size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->transform_count && used < out_size; i++) {
		const char *why = transform_weak(&p->transforms[i]);

		if (why && !strstr(out, why))
			used += (size_t)snprintf(
				out + used, out_size - used, "%s%s", used ? "; " : "", why);
	}

	return out[0];
}
