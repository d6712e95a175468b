/* AlgorithmIdentifiers of digital signatures (RFC 7427 §3, appendix A): what we send is a constant,
 * what a peer sends goes through OpenSSL's decoder and must be wholly understood. SHA-1 is never
 * sent (RFC 8247 §3.2); of a peer we read it with PKCS#1 alone and leave the verdict to the caller.
 */
#include "crypto/pki_internal.h"

#include <errno.h>

#include <openssl/asn1t.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include "wire/ikev2.h"

#define DER(...)                                                                                   \
	{                                                                                          \
		(const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })         \
	}

#define SHA2_OID(last)                                                                             \
	0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last, 0x05, 0x00
#define RSA_OID(last) 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last

/* sha*WithRSAEncryption with the NULL that RFC 4055 §5 wants. */
#define RSA_PKCS1(last) DER(0x30, 0x0d, RSA_OID(last), 0x05, 0x00)

/* RSASSA-PSS: hash, MGF1 with the same, salt as long as the hash. A default trailerField is
 * omitted: RFC 4055 §3.1, which binds over the example of RFC 7427 §A.4.3. */
#define RSA_PSS(hash, salt)                                                                        \
	DER(0x30, 0x41, RSA_OID(0x0a), 0x30, 0x34, 0xa0, 0x0f, SHA2_OID(hash), 0xa1, 0x1c, 0x30,   \
		0x1a, RSA_OID(0x08), SHA2_OID(hash), 0xa2, 0x03, 0x02, 0x01, salt)

#define ECDSA(last) DER(0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last)
#define EDDSA(last) DER(0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, last)

static const struct algorithm {
	struct scheme scheme;
	int nid; /* of the OID, in OpenSSL's numbers */
	struct bytes der;
} algorithms[] = {
	{ { KEY_RSA, HASH_SHA2_256, false, 0 }, NID_sha256WithRSAEncryption, RSA_PKCS1(0x0b) },
	{ { KEY_RSA, HASH_SHA2_384, false, 0 }, NID_sha384WithRSAEncryption, RSA_PKCS1(0x0c) },
	{ { KEY_RSA, HASH_SHA2_512, false, 0 }, NID_sha512WithRSAEncryption, RSA_PKCS1(0x0d) },
	{ { KEY_RSA, HASH_SHA1, false, 0 }, NID_sha1WithRSAEncryption, BYTES_EMPTY },
	{ { KEY_RSA, HASH_SHA2_256, true, 32 }, NID_rsassaPss, RSA_PSS(0x01, 32) },
	{ { KEY_RSA, HASH_SHA2_384, true, 48 }, NID_rsassaPss, RSA_PSS(0x02, 48) },
	{ { KEY_RSA, HASH_SHA2_512, true, 64 }, NID_rsassaPss, RSA_PSS(0x03, 64) },
	{ { KEY_ECDSA, HASH_SHA2_256, false, 0 }, NID_ecdsa_with_SHA256, ECDSA(0x02) },
	{ { KEY_ECDSA, HASH_SHA2_384, false, 0 }, NID_ecdsa_with_SHA384, ECDSA(0x03) },
	{ { KEY_ECDSA, HASH_SHA2_512, false, 0 }, NID_ecdsa_with_SHA512, ECDSA(0x04) },
	{ { KEY_ED25519, HASH_IDENTITY, false, 0 }, NID_ED25519, EDDSA(0x70) }, /* RFC 8420 §A */
	{ { KEY_ED448, HASH_IDENTITY, false, 0 }, NID_ED448, EDDSA(0x71) },
};

#define ALGORITHM_COUNT (sizeof(algorithms) / sizeof(algorithms[0]))

struct bytes algorithm_der(const struct scheme *s)
{
	for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
		const struct scheme *known = &algorithms[i].scheme;

		if (known->type == s->type && known->hash == s->hash && known->pss == s->pss)
			return algorithms[i].der;
	}
	return BYTES_EMPTY;
}

/* Parameters that are absent, or NULL: for RSA both must be accepted (RFC 4055 §5). */
static bool parameters_empty(const X509_ALGOR *a, bool null_allowed)
{
	int type;

	X509_ALGOR_get0(NULL, &type, NULL, a);
	return type == V_ASN1_UNDEF || (null_allowed && type == V_ASN1_NULL);
}

/* One of the SHA-2 hashes; 0 for any other, and for none, which means SHA-1 (RFC 8247 §3.2: MUST
 * NOT). */
static uint8_t hash_of(const X509_ALGOR *a)
{
	const ASN1_OBJECT *object;

	if (!a || !parameters_empty(a, true))
		return 0;

	X509_ALGOR_get0(&object, NULL, NULL, a);
	switch (OBJ_obj2nid(object)) {
	case NID_sha256:
		return HASH_SHA2_256;
	case NID_sha384:
		return HASH_SHA2_384;
	case NID_sha512:
		return HASH_SHA2_512;
	default:
		return 0;
	}
}

/* The value of parameters that are a SEQUENCE of this kind and nothing more. The caller frees. */
static void *parameters_decode(const X509_ALGOR *a, const ASN1_ITEM *item)
{
	const ASN1_STRING *packed;
	const void *value;
	const unsigned char *at;
	ASN1_VALUE *decoded;
	int type;

	X509_ALGOR_get0(NULL, &type, &value, a);
	if (type != V_ASN1_SEQUENCE)
		return NULL;

	packed = value;
	at = ASN1_STRING_get0_data(packed);
	decoded = ASN1_item_d2i(NULL, &at, ASN1_STRING_length(packed), item);
	if (decoded && at != ASN1_STRING_get0_data(packed) + ASN1_STRING_length(packed)) {
		ASN1_item_free(decoded, item);
		decoded = NULL;
	}
	return decoded;
}

/* The mask generator must be MGF1 with the hash of the signature, as RFC 4055 §3.1 recommends. */
static int mask_check(const X509_ALGOR *mask, uint8_t hash)
{
	const ASN1_OBJECT *object;
	X509_ALGOR *inner;
	int r;

	if (!mask)
		return -ENOTSUP; /* the default is MGF1 with SHA-1 */

	X509_ALGOR_get0(&object, NULL, NULL, mask);
	if (OBJ_obj2nid(object) != NID_mgf1)
		return -ENOTSUP;

	inner = parameters_decode(mask, ASN1_ITEM_rptr(X509_ALGOR));
	if (!inner)
		return -EBADMSG;

	r = hash_of(inner) == hash ? 0 : -ENOTSUP;
	X509_ALGOR_free(inner);
	return r;
}

static int pss_read(const RSA_PSS_PARAMS *pss, struct scheme *ret_scheme)
{
	long trailer = pss->trailerField ? ASN1_INTEGER_get(pss->trailerField) : 1;
	long salt = pss->saltLength ? ASN1_INTEGER_get(pss->saltLength) : 20;
	uint8_t hash = hash_of(pss->hashAlgorithm);
	int r;

	if (!hash)
		return -ENOTSUP;

	r = mask_check(pss->maskGenAlgorithm, hash);
	if (r < 0)
		return r;
	if (trailer != 1)
		return -ENOTSUP;
	if (salt < 0 || salt > SIGNATURE_BYTES_MAX)
		return -EBADMSG;

	*ret_scheme = (struct scheme){ KEY_RSA, hash, true, (int)salt };
	return 0;
}

static int pss_parse(const X509_ALGOR *a, struct scheme *ret_scheme)
{
	RSA_PSS_PARAMS *pss = parameters_decode(a, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
	int r;

	if (!pss)
		return -EBADMSG;

	r = pss_read(pss, ret_scheme);
	RSA_PSS_PARAMS_free(pss);
	return r;
}

static int algorithm_recognise(const X509_ALGOR *a, struct scheme *ret_scheme)
{
	const ASN1_OBJECT *object;
	int nid;

	X509_ALGOR_get0(&object, NULL, NULL, a);
	nid = OBJ_obj2nid(object);
	if (nid == NID_rsassaPss)
		return pss_parse(a, ret_scheme);

	for (size_t i = 0; i < ALGORITHM_COUNT; i++) {
		if (algorithms[i].nid != nid)
			continue;
		if (!parameters_empty(a, algorithms[i].scheme.type == KEY_RSA))
			return -EBADMSG;
		*ret_scheme = algorithms[i].scheme;
		return 0;
	}
	return -ENOTSUP;
}

int algorithm_parse(struct bytes der, struct scheme *ret_scheme)
{
	const unsigned char *at = der.data;
	X509_ALGOR *a = d2i_X509_ALGOR(NULL, &at, (long)der.size);
	int r = -EBADMSG;

	if (a && at == der.data + der.size)
		r = algorithm_recognise(a, ret_scheme);
	X509_ALGOR_free(a);
	return drained(r);
}
