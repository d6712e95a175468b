/* Whether a certificate speaks for the identity that a peer claims (RFC 4945 §3.1, §5.1.3.6).
 * Nothing but an exact match counts: no wildcards, no substrings, no names found somewhere in the
 * subject. */
#include "crypto/pki_internal.h"

#include <string.h>
#include <strings.h>

#include "wire/ikev2.h"

/* A name as text must be free of what could make two readers see two names. */
static bool text_is_plain(struct bytes text)
{
	return text.size && !memchr(text.data, '\0', text.size) &&
		!memchr(text.data, '*', text.size);
}

static bool string_equal(const ASN1_STRING *s, struct bytes value)
{
	return bytes_equal(BYTES(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s)), value);
}

static bool string_equal_caseless(const ASN1_STRING *s, struct bytes value)
{
	return (size_t)ASN1_STRING_length(s) == value.size &&
		strncasecmp((const char *)ASN1_STRING_get0_data(s), (const char *)value.data,
			value.size) == 0;
}

static bool general_name_matches(const GENERAL_NAME *name, int kind, struct bytes value)
{
	if (name->type != kind)
		return false;

	switch (kind) {
	case GEN_DNS:
		return string_equal_caseless(name->d.dNSName, value);
	case GEN_EMAIL:
		return string_equal_caseless(name->d.rfc822Name, value);
	case GEN_IPADD:
		return string_equal(name->d.iPAddress, value);
	default:
		return false;
	}
}

static bool alternative_name_matches(const struct certificate *cert, int kind, struct bytes value)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert->x509, NID_subject_alt_name, NULL, NULL);
	bool matches = false;

	for (int i = 0; !matches && i < sk_GENERAL_NAME_num(names); i++)
		matches = general_name_matches(sk_GENERAL_NAME_value(names, i), kind, value);
	GENERAL_NAMES_free(names);
	return matches;
}

/* An empty subject names nobody (RFC 4945 §3.1.5). */
static bool subject_matches(const struct certificate *cert, struct bytes value)
{
	return X509_NAME_entry_count(X509_get_subject_name(cert->x509)) > 0 &&
		name_equal(cert->subject, value);
}

/* The extension where there is one; the SHA-1 that it usually is in any case. */
static bool key_id_matches(const struct certificate *cert, struct bytes value)
{
	const ASN1_OCTET_STRING *extension = X509_get0_subject_key_id(cert->x509);

	return value.size &&
		((extension && string_equal(extension, value)) ||
			bytes_equal(BYTES_OF(cert->key->key.id), value));
}

bool certificate_has_id(const struct certificate *cert, uint8_t type, struct bytes value)
{
	bool has = false;

	switch (type) {
	case ID_FQDN:
		has = text_is_plain(value) && alternative_name_matches(cert, GEN_DNS, value);
		break;
	case ID_RFC822_ADDR:
		has = text_is_plain(value) && alternative_name_matches(cert, GEN_EMAIL, value);
		break;
	case ID_IPV4_ADDR:
		has = value.size == 4 && alternative_name_matches(cert, GEN_IPADD, value);
		break;
	case ID_IPV6_ADDR:
		has = value.size == 16 && alternative_name_matches(cert, GEN_IPADD, value);
		break;
	case ID_DER_ASN1_DN:
		has = subject_matches(cert, value);
		break;
	case ID_KEY_ID:
		has = key_id_matches(cert, value);
		break;
	}
	crypto_drain();
	return has;
}
