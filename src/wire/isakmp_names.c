/* IKEv1's registry values as people know them; exchanges have the names that strongSwan logs. */
#include "wire/isakmp.h"
#include "wire/text.h"

static const char *name_or_number(const struct text_name *names, uint16_t value, const char *prefix,
	char scratch[static NAME_TEXT_MAX])
{
	const char *name = text_name_find(names, value);
	struct text t = text_of(scratch, NAME_TEXT_MAX);

	if (name)
		return name;

	text_add(&t, prefix);
	text_add_number(&t, value);
	return scratch;
}

const char *v1_exchange_name(uint8_t exchange, char scratch[static NAME_TEXT_MAX])
{
	static const struct text_name names[] = {
		{ V1_BASE, "BASE" },
		{ V1_IDENTITY_PROTECTION, "ID_PROT" },
		{ V1_AUTHENTICATION_ONLY, "AUTH_ONLY" },
		{ V1_AGGRESSIVE, "AGGRESSIVE" },
		{ V1_INFORMATIONAL, "INFORMATIONAL_V1" },
		{ V1_TRANSACTION, "TRANSACTION" },
		{ V1_QUICK_MODE, "QUICK_MODE" },
		{ V1_NEW_GROUP_MODE, "NEW_GROUP_MODE" },
		{ 0, NULL },
	};

	return name_or_number(names, exchange, "EXCHANGE_", scratch);
}

const char *v1_payload_name(uint8_t type, char scratch[static NAME_TEXT_MAX])
{
	static const struct text_name names[] = {
		{ V1_PAYLOAD_NONE, "NONE" },
		{ V1_PAYLOAD_SA, "SA" },
		{ V1_PAYLOAD_PROPOSAL, "P" },
		{ V1_PAYLOAD_TRANSFORM, "T" },
		{ V1_PAYLOAD_KE, "KE" },
		{ V1_PAYLOAD_ID, "ID" },
		{ V1_PAYLOAD_CERT, "CERT" },
		{ V1_PAYLOAD_CERTREQ, "CERTREQ" },
		{ V1_PAYLOAD_HASH, "HASH" },
		{ V1_PAYLOAD_SIG, "SIG" },
		{ V1_PAYLOAD_NONCE, "No" },
		{ V1_PAYLOAD_NOTIFY, "N" },
		{ V1_PAYLOAD_DELETE, "D" },
		{ V1_PAYLOAD_VENDOR, "V" },
		{ V1_PAYLOAD_ATTRIBUTES, "CP" },
		{ V1_PAYLOAD_NAT_D, "NAT-D" },
		{ V1_PAYLOAD_NAT_OA, "NAT-OA" },
		{ V1_PAYLOAD_NAT_D_DRAFT, "NAT-D(draft)" },
		{ V1_PAYLOAD_NAT_OA_DRAFT, "NAT-OA(draft)" },
		{ V1_PAYLOAD_FRAGMENT, "FRAG" },
		{ 0, NULL },
	};

	return name_or_number(names, type, "PAYLOAD_", scratch);
}

const char *v1_notify_name(uint16_t type, char scratch[static NAME_TEXT_MAX])
{
	static const struct text_name names[] = {
		{ V1_INVALID_PAYLOAD_TYPE, "INVALID_PAYLOAD_TYPE" },
		{ V1_DOI_NOT_SUPPORTED, "DOI_NOT_SUPPORTED" },
		{ V1_SITUATION_NOT_SUPPORTED, "SITUATION_NOT_SUPPORTED" },
		{ V1_INVALID_COOKIE, "INVALID_COOKIE" },
		{ V1_INVALID_MAJOR_VERSION, "INVALID_MAJOR_VERSION" },
		{ V1_INVALID_MINOR_VERSION, "INVALID_MINOR_VERSION" },
		{ V1_INVALID_EXCHANGE_TYPE, "INVALID_EXCHANGE_TYPE" },
		{ V1_INVALID_FLAGS, "INVALID_FLAGS" },
		{ V1_INVALID_MESSAGE_ID, "INVALID_MESSAGE_ID" },
		{ V1_INVALID_PROTOCOL_ID, "INVALID_PROTOCOL_ID" },
		{ V1_INVALID_SPI, "INVALID_SPI" },
		{ V1_INVALID_TRANSFORM_ID, "INVALID_TRANSFORM_ID" },
		{ V1_ATTRIBUTES_NOT_SUPPORTED, "ATTRIBUTES_NOT_SUPPORTED" },
		{ V1_NO_PROPOSAL_CHOSEN, "NO_PROPOSAL_CHOSEN" },
		{ V1_BAD_PROPOSAL_SYNTAX, "BAD_PROPOSAL_SYNTAX" },
		{ V1_PAYLOAD_MALFORMED, "PAYLOAD_MALFORMED" },
		{ V1_INVALID_KEY_INFORMATION, "INVALID_KEY_INFORMATION" },
		{ V1_INVALID_ID_INFORMATION, "INVALID_ID_INFORMATION" },
		{ V1_INVALID_CERT_ENCODING, "INVALID_CERT_ENCODING" },
		{ V1_INVALID_CERTIFICATE, "INVALID_CERTIFICATE" },
		{ V1_CERT_TYPE_UNSUPPORTED, "CERT_TYPE_UNSUPPORTED" },
		{ V1_INVALID_CERT_AUTHORITY, "INVALID_CERT_AUTHORITY" },
		{ V1_INVALID_HASH_INFORMATION, "INVALID_HASH_INFORMATION" },
		{ V1_AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED" },
		{ V1_INVALID_SIGNATURE, "INVALID_SIGNATURE" },
		{ V1_ADDRESS_NOTIFICATION, "ADDRESS_NOTIFICATION" },
		{ V1_NOTIFY_SA_LIFETIME, "NOTIFY_SA_LIFETIME" },
		{ V1_CERTIFICATE_UNAVAILABLE, "CERTIFICATE_UNAVAILABLE" },
		{ V1_UNSUPPORTED_EXCHANGE_TYPE, "UNSUPPORTED_EXCHANGE_TYPE" },
		{ V1_UNEQUAL_PAYLOAD_LENGTHS, "UNEQUAL_PAYLOAD_LENGTHS" },
		{ V1_CONNECTED, "CONNECTED" },
		{ V1_RESPONDER_LIFETIME, "RESPONDER_LIFETIME" },
		{ V1_REPLAY_STATUS, "REPLAY_STATUS" },
		{ V1_INITIAL_CONTACT, "INITIAL_CONTACT" },
		{ V1_R_U_THERE, "R_U_THERE" },
		{ V1_R_U_THERE_ACK, "R_U_THERE_ACK" },
		{ V1_UNITY_LOAD_BALANCE, "UNITY_LOAD_BALANCE" },
		{ 0, NULL },
	};

	return name_or_number(names, type, "NOTIFY_", scratch);
}

const char *v1_method_name(uint16_t method, char scratch[static NAME_TEXT_MAX])
{
	static const struct text_name names[] = {
		{ V1_METHOD_PSK, "pre-shared key" },
		{ V1_METHOD_DSS, "DSS signature" },
		{ V1_METHOD_RSA_SIGNATURE, "RSA signature" },
		{ V1_METHOD_RSA_ENCRYPTION, "RSA encryption" },
		{ V1_METHOD_RSA_ENCRYPTION_REVISED, "revised RSA encryption" },
		{ V1_METHOD_ECDSA_256, "ECDSA-256 signature" },
		{ V1_METHOD_ECDSA_384, "ECDSA-384 signature" },
		{ V1_METHOD_ECDSA_521, "ECDSA-521 signature" },
		{ V1_METHOD_HYBRID_INIT_RSA, "HybridInitRSA" },
		{ V1_METHOD_HYBRID_RESP_RSA, "HybridRespRSA" },
		{ V1_METHOD_XAUTH_INIT_PSK, "XAUTHInitPreShared" },
		{ V1_METHOD_XAUTH_RESP_PSK, "XAUTHRespPreShared" },
		{ V1_METHOD_XAUTH_INIT_RSA, "XAUTHInitRSA" },
		{ V1_METHOD_XAUTH_RESP_RSA, "XAUTHRespRSA" },
		{ 0, NULL },
	};

	return name_or_number(names, method, "METHOD_", scratch);
}
