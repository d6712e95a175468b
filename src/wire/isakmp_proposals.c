/* IKEv1's numbers and IKEv2's, side by side. Phase 1 has numbers of its own; ESP's ciphers kept
 * theirs in IKEv2, with one exception, and its MACs didn't. */
#include "wire/isakmp_transforms.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct hash_row {
	uint16_t hash;
	uint16_t authentication; /* of ESP */
	uint16_t prf;
	uint16_t integ;
} hash_rows[] = {
	{ V1_HASH_SHA1, V1_AUTHENTICATION_HMAC_SHA1, PRF_HMAC_SHA1, INTEG_HMAC_SHA1_96 },
	{ V1_HASH_SHA2_256, V1_AUTHENTICATION_HMAC_SHA2_256, PRF_HMAC_SHA2_256,
		INTEG_HMAC_SHA2_256_128 },
	{ V1_HASH_SHA2_384, V1_AUTHENTICATION_HMAC_SHA2_384, PRF_HMAC_SHA2_384,
		INTEG_HMAC_SHA2_384_192 },
	{ V1_HASH_SHA2_512, V1_AUTHENTICATION_HMAC_SHA2_512, PRF_HMAC_SHA2_512,
		INTEG_HMAC_SHA2_512_256 },
};

static const struct cipher_row {
	uint8_t id;
	uint16_t encr;
	bool aes;
	bool aead;
} cipher_rows[] = {
	{ V1_ESP_3DES, ENCR_3DES, false, false },
	{ V1_ESP_NULL, ENCR_NULL, false, false },
	{ V1_ESP_AES_CBC, ENCR_AES_CBC, true, false },
	{ V1_ESP_AES_CTR, ENCR_AES_CTR, true, false },
	{ V1_ESP_AES_CCM_8, ENCR_AES_CCM_8, true, true },
	{ V1_ESP_AES_CCM_12, ENCR_AES_CCM_12, true, true },
	{ V1_ESP_AES_CCM_16, ENCR_AES_CCM_16, true, true },
	{ V1_ESP_AES_GCM_8, ENCR_AES_GCM_8, true, true },
	{ V1_ESP_AES_GCM_12, ENCR_AES_GCM_12, true, true },
	{ V1_ESP_AES_GCM_16, ENCR_AES_GCM_16, true, true },
	{ V1_ESP_NULL_AES_GMAC, ENCR_NULL_AES_GMAC, true, true },
};

uint16_t v1_hash_to_prf(uint16_t hash)
{
	for (size_t i = 0; i < COUNT_OF(hash_rows); i++)
		if (hash_rows[i].hash == hash)
			return hash_rows[i].prf;

	return 0;
}

uint16_t v1_hash_to_integ(uint16_t hash)
{
	for (size_t i = 0; i < COUNT_OF(hash_rows); i++)
		if (hash_rows[i].hash == hash)
			return hash_rows[i].integ;

	return 0;
}

uint16_t v1_hash_from_prf(uint16_t prf)
{
	for (size_t i = 0; i < COUNT_OF(hash_rows); i++)
		if (hash_rows[i].prf == prf)
			return hash_rows[i].hash;

	return 0;
}

uint16_t v1_hash_from_integ(uint16_t integ)
{
	for (size_t i = 0; i < COUNT_OF(hash_rows); i++)
		if (hash_rows[i].integ == integ)
			return hash_rows[i].hash;

	return 0;
}

/* 0 for what has no counterpart. */
static uint16_t authentication_to_integ(uint16_t authentication)
{
	if (authentication == V1_AUTHENTICATION_AES_XCBC)
		return INTEG_AES_XCBC_96;

	for (size_t i = 0; i < COUNT_OF(hash_rows); i++)
		if (hash_rows[i].authentication == authentication)
			return hash_rows[i].integ;

	return 0;
}

static uint16_t authentication_from_integ(uint16_t integ)
{
	if (integ == INTEG_AES_XCBC_96)
		return V1_AUTHENTICATION_AES_XCBC;

	for (size_t i = 0; i < COUNT_OF(hash_rows); i++)
		if (hash_rows[i].integ == integ)
			return hash_rows[i].authentication;

	return 0;
}

static const struct cipher_row *cipher_by_id(uint8_t id)
{
	for (size_t i = 0; i < COUNT_OF(cipher_rows); i++)
		if (cipher_rows[i].id == id)
			return &cipher_rows[i];

	return NULL;
}

static const struct cipher_row *cipher_by_encr(uint16_t encr)
{
	for (size_t i = 0; i < COUNT_OF(cipher_rows); i++)
		if (cipher_rows[i].encr == encr)
			return &cipher_rows[i];

	return NULL;
}

/* 2, 5, 14 to 24 and 28 to 30 are IANA's; 31 is IKEv2's, and peers take it. */
static bool group_has_number(uint16_t group)
{
	return group == KE_MODP_1024 || group == KE_MODP_1536 ||
		(group >= KE_MODP_2048 && group <= KE_MODP_2048_256) ||
		(group >= KE_BRAINPOOL_256 && group <= KE_CURVE25519);
}

static bool key_bits_fit(bool aes, uint16_t key_bits)
{
	return aes ? key_bits == 128 || key_bits == 192 || key_bits == 256 : key_bits == 0;
}

static void add(struct proposal *p, uint8_t type, uint16_t id, uint16_t key_bits)
{
	p->transforms[p->transform_count++] =
		(struct transform){ .type = type, .id = id, .key_bits = key_bits };
}

bool v1_ike_transform_to_proposal(const struct v1_ike_transform *t, struct proposal *ret_proposal)
{
	struct proposal p = { .number = 1, .protocol = PROTOCOL_IKE };
	bool aes = t->encryption == V1_ENCRYPTION_AES;

	if (!aes && t->encryption != V1_ENCRYPTION_3DES)
		return false;
	if (!key_bits_fit(aes, t->key_bits) || !v1_hash_to_prf(t->hash) ||
		!group_has_number(t->group))
		return false;

	add(&p, TRANSFORM_ENCR, aes ? ENCR_AES_CBC : ENCR_3DES, t->key_bits);
	add(&p, TRANSFORM_PRF, v1_hash_to_prf(t->hash), 0);
	add(&p, TRANSFORM_INTEG, v1_hash_to_integ(t->hash), 0);
	add(&p, TRANSFORM_KE, t->group, 0);
	*ret_proposal = p;
	return true;
}

bool v1_esp_transform_to_proposal(const struct v1_esp_transform *t, struct proposal *ret_proposal)
{
	struct proposal p = { .number = 1, .protocol = PROTOCOL_ESP };
	const struct cipher_row *cipher = cipher_by_id(t->id);
	uint16_t integ = authentication_to_integ(t->authentication);

	if (!cipher || !key_bits_fit(cipher->aes, t->key_bits))
		return false;
	if (cipher->aead ? t->authentication != 0 : !integ)
		return false;
	if (t->group && !group_has_number(t->group))
		return false;

	add(&p, TRANSFORM_ENCR, cipher->encr, t->key_bits);
	if (integ)
		add(&p, TRANSFORM_INTEG, integ, 0);
	if (t->group)
		add(&p, TRANSFORM_KE, t->group, 0);
	add(&p, TRANSFORM_ESN, t->esn ? ESN_YES : ESN_NO, 0);
	*ret_proposal = p;
	return true;
}

/* The nth (from 0) of a type; NULL past the last. */
static const struct transform *transform_at(const struct proposal *p, uint8_t type, size_t nth)
{
	for (size_t i = 0; i < p->transform_count; i++)
		if (p->transforms[i].type == type && nth-- == 0)
			return &p->transforms[i];

	return NULL;
}

static bool offers(const struct proposal *p, uint8_t type, uint16_t id)
{
	for (size_t i = 0; i < p->transform_count; i++)
		if (p->transforms[i].type == type && p->transforms[i].id == id)
			return true;

	return false;
}

/* Combinations are counted like an odometer: of the kinds in `types` the last turns fastest. A kind
 * that has none stands still at NULL. */
#define KINDS_MAX 4

struct odometer {
	const uint8_t *types;
	size_t count;
	const struct transform *at[KINDS_MAX];
};

static bool odometer_set(struct odometer *o, const struct proposal *p, size_t turn)
{
	for (size_t i = o->count; i-- > 0;) {
		size_t wheel = proposal_count(p, o->types[i]);

		o->at[i] = wheel ? transform_at(p, o->types[i], turn % wheel) : NULL;
		turn /= wheel ? wheel : 1;
	}

	return turn == 0;
}

static uint16_t id_of(const struct transform *t)
{
	return t ? t->id : 0;
}

/* False where IKEv1 can't say it. */
static bool ike_combination(
	const struct proposal *p, const struct odometer *o, struct v1_ike_transform *ret)
{
	const struct transform *encr = o->at[0], *hashed = o->at[1], *ke = o->at[2];
	struct v1_ike_transform t = { 0 };
	uint16_t prf;

	if (!encr || !hashed || !ke || !group_has_number(ke->id))
		return false;
	if (encr->id != ENCR_AES_CBC && encr->id != ENCR_3DES)
		return false;

	t.encryption = encr->id == ENCR_AES_CBC ? V1_ENCRYPTION_AES : V1_ENCRYPTION_3DES;
	t.key_bits = encr->key_bits;
	t.group = ke->id;
	t.hash = hashed->type == TRANSFORM_INTEG ? v1_hash_from_integ(hashed->id)
						 : v1_hash_from_prf(hashed->id);
	prf = v1_hash_to_prf(t.hash);
	if (!t.hash || (proposal_count(p, TRANSFORM_PRF) && !offers(p, TRANSFORM_PRF, prf)))
		return false;

	*ret = t;
	return key_bits_fit(encr->id == ENCR_AES_CBC, encr->key_bits);
}

bool v1_ike_transform_nth(const struct proposal *p, size_t n, struct v1_ike_transform *ret)
{
	uint8_t types[] = { TRANSFORM_ENCR, TRANSFORM_INTEG, TRANSFORM_KE };
	struct odometer o = { types, COUNT_OF(types), { NULL } };

	if (!proposal_count(p, TRANSFORM_INTEG))
		types[1] = TRANSFORM_PRF;

	for (size_t turn = 0; odometer_set(&o, p, turn); turn++)
		if (ike_combination(p, &o, ret) && n-- == 0)
			return true;

	return false;
}

static bool esp_combination(const struct odometer *o, struct v1_esp_transform *ret)
{
	const struct transform *encr = o->at[0], *integ = o->at[1];
	uint16_t group = id_of(o->at[2]);
	const struct cipher_row *cipher = encr ? cipher_by_encr(encr->id) : NULL;
	struct v1_esp_transform t = { .group = group, .esn = id_of(o->at[3]) == ESN_YES };

	if (!cipher || !key_bits_fit(cipher->aes, encr->key_bits))
		return false;
	if (group && !group_has_number(group))
		return false;

	t.id = cipher->id;
	t.key_bits = encr->key_bits;
	t.authentication = authentication_from_integ(id_of(integ));
	*ret = t;
	return cipher->aead ? !id_of(integ) : t.authentication != 0;
}

bool v1_esp_transform_nth(const struct proposal *p, size_t n, struct v1_esp_transform *ret)
{
	static const uint8_t types[] = { TRANSFORM_ENCR, TRANSFORM_INTEG, TRANSFORM_KE,
		TRANSFORM_ESN };
	struct odometer o = { types, COUNT_OF(types), { NULL } };

	for (size_t turn = 0; odometer_set(&o, p, turn); turn++)
		if (esp_combination(&o, ret) && n-- == 0)
			return true;

	return false;
}
