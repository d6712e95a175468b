/* What the kernel calls the algorithms of ESP. */
#include "wire/ikev2.h"
#include "xfrm/xfrm.h"

#include <errno.h>

static const char *encr_name(uint16_t encr)
{
	switch (encr) {
	case ENCR_3DES:
		return "cbc(des3_ede)";
	case ENCR_NULL:
		return "ecb(cipher_null)";
	case ENCR_AES_CBC:
		return "cbc(aes)";
	case ENCR_AES_CTR:
		return "rfc3686(ctr(aes))";
	case ENCR_AES_CCM_8:
	case ENCR_AES_CCM_12:
	case ENCR_AES_CCM_16:
		return "rfc4309(ccm(aes))";
	case ENCR_AES_GCM_8:
	case ENCR_AES_GCM_12:
	case ENCR_AES_GCM_16:
		return "rfc4106(gcm(aes))";
	case ENCR_NULL_AES_GMAC:
		return "rfc4543(gcm(aes))";
	case ENCR_CHACHA20_POLY1305:
		return "rfc7539esp(chacha20,poly1305)";
	default:
		return NULL;
	}
}

static const char *integ_name(uint16_t integ)
{
	switch (integ) {
	case INTEG_HMAC_SHA1_96:
		return "hmac(sha1)";
	case INTEG_AES_XCBC_96:
		return "xcbc(aes)";
	case INTEG_AES_CMAC_96:
		return "cmac(aes)";
	case INTEG_HMAC_SHA2_256_128:
		return "hmac(sha256)";
	case INTEG_HMAC_SHA2_384_192:
		return "hmac(sha384)";
	case INTEG_HMAC_SHA2_512_256:
		return "hmac(sha512)";
	default:
		return NULL;
	}
}

int xfrm_algorithms_of(const struct seal_suite *suite, struct xfrm_algorithms *ret_names)
{
	bool aead = encr_is_aead(suite->encr);
	const char *encr = encr_name(suite->encr);
	const char *integ = aead ? NULL : integ_name(suite->integ);

	if (!suite_known(suite) || !encr || (!aead && !integ))
		return -ENOTSUP;
	*ret_names = (struct xfrm_algorithms){
		.aead = aead ? encr : NULL,
		.encr = aead ? NULL : encr,
		.integ = integ,
		.icv_bits = (uint32_t)suite_icv_bytes(suite) * 8,
	};
	return 0;
}
