/* Registry values as people know them. Algorithms have the names that strongSwan prints, as scripts
 * match them. */
#include "wire/text.h"
#include "wire/wire.h"

const char *exchange_name(uint8_t exchange, char scratch[static NAME_TEXT_MAX])
{
	static const struct text_name names[] = {
		{ IKE_SA_INIT, "IKE_SA_INIT" },
		{ IKE_AUTH, "IKE_AUTH" },
		{ CREATE_CHILD_SA, "CREATE_CHILD_SA" },
		{ INFORMATIONAL, "INFORMATIONAL" },
		{ IKE_SESSION_RESUME, "IKE_SESSION_RESUME" },
		{ IKE_INTERMEDIATE, "IKE_INTERMEDIATE" },
		{ IKE_FOLLOWUP_KE, "IKE_FOLLOWUP_KE" },
		{ 0, NULL },
	};

	return text_name_or_number(names, exchange, "EXCHANGE_", scratch);
}

const char *payload_name(uint8_t type, char scratch[static NAME_TEXT_MAX])
{
	static const struct text_name names[] = {
		{ PAYLOAD_NONE, "NONE" },
		{ PAYLOAD_SA, "SA" },
		{ PAYLOAD_KE, "KE" },
		{ PAYLOAD_IDI, "IDi" },
		{ PAYLOAD_IDR, "IDr" },
		{ PAYLOAD_CERT, "CERT" },
		{ PAYLOAD_CERTREQ, "CERTREQ" },
		{ PAYLOAD_AUTH, "AUTH" },
		{ PAYLOAD_NONCE, "No" },
		{ PAYLOAD_NOTIFY, "N" },
		{ PAYLOAD_DELETE, "D" },
		{ PAYLOAD_VENDOR, "V" },
		{ PAYLOAD_TSI, "TSi" },
		{ PAYLOAD_TSR, "TSr" },
		{ PAYLOAD_SK, "SK" },
		{ PAYLOAD_CP, "CP" },
		{ PAYLOAD_EAP, "EAP" },
		{ PAYLOAD_SKF, "SKF" },
		{ 0, NULL },
	};

	return text_name_or_number(names, type, "PAYLOAD_", scratch);
}

#define NAMED(value)                                                                               \
	{                                                                                          \
		value, #value                                                                      \
	}

const char *notify_name(uint16_t type, char scratch[static NAME_TEXT_MAX])
{
	static const struct text_name names[] = {
		NAMED(UNSUPPORTED_CRITICAL_PAYLOAD),
		NAMED(INVALID_IKE_SPI),
		NAMED(INVALID_MAJOR_VERSION),
		NAMED(INVALID_SYNTAX),
		NAMED(INVALID_MESSAGE_ID),
		NAMED(INVALID_SPI),
		NAMED(NO_PROPOSAL_CHOSEN),
		NAMED(INVALID_KE_PAYLOAD),
		NAMED(AUTHENTICATION_FAILED),
		NAMED(SINGLE_PAIR_REQUIRED),
		NAMED(NO_ADDITIONAL_SAS),
		NAMED(INTERNAL_ADDRESS_FAILURE),
		NAMED(FAILED_CP_REQUIRED),
		NAMED(TS_UNACCEPTABLE),
		NAMED(INVALID_SELECTORS),
		NAMED(UNACCEPTABLE_ADDRESSES),
		NAMED(UNEXPECTED_NAT_DETECTED),
		NAMED(USE_ASSIGNED_HOA),
		NAMED(TEMPORARY_FAILURE),
		NAMED(CHILD_SA_NOT_FOUND),
		NAMED(INVALID_GROUP_ID),
		NAMED(AUTHORIZATION_FAILED),
		NAMED(STATE_NOT_FOUND),
		NAMED(INITIAL_CONTACT),
		NAMED(SET_WINDOW_SIZE),
		NAMED(ADDITIONAL_TS_POSSIBLE),
		NAMED(IPCOMP_SUPPORTED),
		NAMED(NAT_DETECTION_SOURCE_IP),
		NAMED(NAT_DETECTION_DESTINATION_IP),
		NAMED(COOKIE),
		NAMED(USE_TRANSPORT_MODE),
		NAMED(HTTP_CERT_LOOKUP_SUPPORTED),
		NAMED(REKEY_SA),
		NAMED(ESP_TFC_PADDING_NOT_SUPPORTED),
		NAMED(NON_FIRST_FRAGMENTS_ALSO),
		NAMED(MOBIKE_SUPPORTED),
		NAMED(ADDITIONAL_IP4_ADDRESS),
		NAMED(ADDITIONAL_IP6_ADDRESS),
		NAMED(NO_ADDITIONAL_ADDRESSES),
		NAMED(UPDATE_SA_ADDRESSES),
		NAMED(COOKIE2),
		NAMED(NO_NATS_ALLOWED),
		NAMED(AUTH_LIFETIME),
		NAMED(MULTIPLE_AUTH_SUPPORTED),
		NAMED(ANOTHER_AUTH_FOLLOWS),
		NAMED(REDIRECT_SUPPORTED),
		NAMED(REDIRECT),
		NAMED(REDIRECTED_FROM),
		NAMED(TICKET_LT_OPAQUE),
		NAMED(TICKET_REQUEST),
		NAMED(TICKET_ACK),
		NAMED(TICKET_NACK),
		NAMED(TICKET_OPAQUE),
		NAMED(EAP_ONLY_AUTHENTICATION),
		NAMED(CHILDLESS_IKEV2_SUPPORTED),
		NAMED(QUICK_CRASH_DETECTION),
		NAMED(IKEV2_FRAGMENTATION_SUPPORTED),
		NAMED(SIGNATURE_HASH_ALGORITHMS),
		NAMED(USE_PPK),
		NAMED(PPK_IDENTITY),
		NAMED(NO_PPK_AUTH),
		NAMED(INTERMEDIATE_EXCHANGE_SUPPORTED),
		{ 0, NULL },
	};

	return text_name_or_number(names, type, "NOTIFY_", scratch);
}

static const struct text_name encr_names[] = {
	{ 2, "DES_CBC" },
	{ ENCR_3DES, "3DES_CBC" },
	{ 6, "CAST_CBC" },
	{ 7, "BLOWFISH_CBC" },
	{ ENCR_NULL, "NULL" },
	{ ENCR_AES_CBC, "AES_CBC" },
	{ ENCR_AES_CTR, "AES_CTR" },
	{ ENCR_AES_CCM_8, "AES_CCM_8" },
	{ ENCR_AES_CCM_12, "AES_CCM_12" },
	{ ENCR_AES_CCM_16, "AES_CCM_16" },
	{ ENCR_AES_GCM_8, "AES_GCM_8" },
	{ ENCR_AES_GCM_12, "AES_GCM_12" },
	{ ENCR_AES_GCM_16, "AES_GCM_16" },
	{ ENCR_NULL_AES_GMAC, "NULL_AES_GMAC" },
	{ 23, "CAMELLIA_CBC" },
	{ 24, "CAMELLIA_CTR" },
	{ 25, "CAMELLIA_CCM_8" },
	{ 26, "CAMELLIA_CCM_12" },
	{ 27, "CAMELLIA_CCM_16" },
	{ ENCR_CHACHA20_POLY1305, "CHACHA20_POLY1305" },
	{ 0, NULL },
};

static const struct text_name prf_names[] = {
	{ 1, "PRF_HMAC_MD5" },
	{ PRF_HMAC_SHA1, "PRF_HMAC_SHA1" },
	{ PRF_AES128_XCBC, "PRF_AES128_XCBC" },
	{ PRF_HMAC_SHA2_256, "PRF_HMAC_SHA2_256" },
	{ PRF_HMAC_SHA2_384, "PRF_HMAC_SHA2_384" },
	{ PRF_HMAC_SHA2_512, "PRF_HMAC_SHA2_512" },
	{ PRF_AES128_CMAC, "PRF_AES128_CMAC" },
	{ 0, NULL },
};

static const struct text_name integ_names[] = {
	{ INTEG_NONE, "NONE" },
	{ 1, "HMAC_MD5_96" },
	{ INTEG_HMAC_SHA1_96, "HMAC_SHA1_96" },
	{ INTEG_AES_XCBC_96, "AES_XCBC_96" },
	{ 6, "HMAC_MD5_128" },
	{ 7, "HMAC_SHA1_160" },
	{ INTEG_AES_CMAC_96, "AES_CMAC_96" },
	{ 9, "AES_128_GMAC" },
	{ 10, "AES_192_GMAC" },
	{ 11, "AES_256_GMAC" },
	{ INTEG_HMAC_SHA2_256_128, "HMAC_SHA2_256_128" },
	{ INTEG_HMAC_SHA2_384_192, "HMAC_SHA2_384_192" },
	{ INTEG_HMAC_SHA2_512_256, "HMAC_SHA2_512_256" },
	{ 0, NULL },
};

static const struct text_name ke_names[] = {
	{ KE_NONE, "KE_NONE" },
	{ 1, "MODP_768" },
	{ KE_MODP_1024, "MODP_1024" },
	{ KE_MODP_1536, "MODP_1536" },
	{ KE_MODP_2048, "MODP_2048" },
	{ KE_MODP_3072, "MODP_3072" },
	{ KE_MODP_4096, "MODP_4096" },
	{ KE_MODP_6144, "MODP_6144" },
	{ KE_MODP_8192, "MODP_8192" },
	{ KE_ECP_256, "ECP_256" },
	{ KE_ECP_384, "ECP_384" },
	{ KE_ECP_521, "ECP_521" },
	{ KE_MODP_1024_160, "MODP_1024_160" },
	{ KE_MODP_2048_224, "MODP_2048_224" },
	{ KE_MODP_2048_256, "MODP_2048_256" },
	{ 25, "ECP_192" },
	{ 26, "ECP_224" },
	{ 27, "ECP_224_BP" },
	{ KE_BRAINPOOL_256, "ECP_256_BP" },
	{ KE_BRAINPOOL_384, "ECP_384_BP" },
	{ KE_BRAINPOOL_512, "ECP_512_BP" },
	{ KE_CURVE25519, "CURVE_25519" },
	{ KE_CURVE448, "CURVE_448" },
	{ 35, "ML_KEM_512" },
	{ 36, "ML_KEM_768" },
	{ 37, "ML_KEM_1024" },
	{ 0, NULL },
};

static const struct text_name esn_names[] = {
	{ ESN_NO, "NO_EXT_SEQ" },
	{ ESN_YES, "EXT_SEQ" },
	{ 0, NULL },
};

const char *transform_name(uint8_t type, uint16_t id, char scratch[static NAME_TEXT_MAX])
{
	struct text t;

	switch (type) {
	case TRANSFORM_ENCR:
		return text_name_or_number(encr_names, id, "ENCR_", scratch);
	case TRANSFORM_PRF:
		return text_name_or_number(prf_names, id, "PRF_", scratch);
	case TRANSFORM_INTEG:
		return text_name_or_number(integ_names, id, "INTEG_", scratch);
	case TRANSFORM_KE:
		return text_name_or_number(ke_names, id, "KE_", scratch);
	case TRANSFORM_ESN:
		return text_name_or_number(esn_names, id, "ESN_", scratch);
	default:
		t = text_of(scratch, NAME_TEXT_MAX);
		text_add(&t, "TRANSFORM_");
		text_add_number(&t, type);
		text_add(&t, "_");
		text_add_number(&t, id);
		return scratch;
	}
}

const char *auth_method_name(uint8_t method, char scratch[static NAME_TEXT_MAX])
{
	static const struct text_name names[] = {
		{ AUTH_RSA_SIGNATURE, "RSA signature" },
		{ AUTH_SHARED_KEY, "pre-shared key" },
		{ AUTH_DSS_SIGNATURE, "DSS signature" },
		{ AUTH_ECDSA_256, "ECDSA-256 signature" },
		{ AUTH_ECDSA_384, "ECDSA-384 signature" },
		{ AUTH_ECDSA_521, "ECDSA-521 signature" },
		{ AUTH_NULL, "NULL authentication" },
		{ AUTH_DIGITAL_SIGNATURE, "digital signature" },
		{ 0, NULL },
	};

	return text_name_or_number(names, method, "METHOD_", scratch);
}
