/* Certificates, decoded once and shared by reference. Whatever is asked more than once (key, names,
 * dates, whether it is a CA) is worked out on loading, so that a certificate that loads has no
 * surprises left. */
#include "crypto/pki_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

static bool unix_seconds(const ASN1_TIME *t, int64_t *ret_seconds)
{
	struct tm parts;

	if (!t || ASN1_TIME_to_tm(t, &parts) != 1)
		return false;

	*ret_seconds = (int64_t)timegm(&parts);
	return true;
}

static bool name_der(const X509_NAME *name, struct bytes *ret_der)
{
	const unsigned char *der;
	size_t size;

	if (!name || X509_NAME_get0_der(name, &der, &size) != 1)
		return false;

	*ret_der = BYTES(der, size);
	return true;
}

/* Exactly one certificate, its extensions well-formed: OpenSSL parses those late, so have it do
 * that now. */
static X509 *x509_decode(struct crypto *c, struct bytes der)
{
	const unsigned char *at = der.data;
	X509 *x509 = X509_new_ex(c->lib, NULL);

	if (!x509 || !d2i_X509(&x509, &at, (long)der.size)) /* frees it on failure */
		return NULL;

	if (at != der.data + der.size || X509_check_purpose(x509, -1, 0) != 1) {
		X509_free(x509);
		return NULL;
	}
	return x509;
}

static int certificate_take_key(struct crypto *c, struct certificate *cert)
{
	EVP_PKEY *pkey = X509_get0_pubkey(cert->x509);
	unsigned char *info = NULL;
	int size = pkey ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert->x509), &info) : 0;
	int r = -EBADMSG;

	if (size > 0)
		r = public_key_wrap(c, pkey, BYTES(info, (size_t)size), &cert->key);
	OPENSSL_free(info);
	return r;
}

static int certificate_fill(struct crypto *c, struct certificate *cert, struct bytes der)
{
	cert->x509 = x509_decode(c, der);
	if (!cert->x509)
		return -EBADMSG;

	if (!name_der(X509_get_subject_name(cert->x509), &cert->subject) ||
		!name_der(X509_get_issuer_name(cert->x509), &cert->issuer) ||
		!unix_seconds(X509_get0_notBefore(cert->x509), &cert->not_before) ||
		!unix_seconds(X509_get0_notAfter(cert->x509), &cert->not_after))
		return -EBADMSG;

	cert->is_ca = (X509_get_extension_flags(cert->x509) & EXFLAG_CA) != 0;
	cert->is_self_signed = X509_self_signed(cert->x509, 1) == 1;
	cert->der = bytes_copy(der);
	cert->der_size = der.size;
	return cert->der ? certificate_take_key(c, cert) : -ENOMEM;
}

static int certificate_from_der(struct crypto *c, struct bytes der, struct certificate **ret_cert)
{
	struct certificate *cert = calloc(1, sizeof(*cert));
	int r;

	if (!cert)
		return -ENOMEM;

	atomic_init(&cert->references, 1);
	r = certificate_fill(c, cert, der);
	if (r < 0) {
		certificate_free(cert);
		return r;
	}
	*ret_cert = cert;
	return 0;
}

int certificate_load(struct crypto *c, struct bytes data, struct certificate **ret_cert)
{
	static const char *const labels[] = { "CERTIFICATE", "X509 CERTIFICATE", NULL };
	uint8_t *der;
	size_t size, label;
	int r;

	if (!data.size || data.size > PEM_BYTES_MAX)
		return -EBADMSG;
	if (looks_like_der(data))
		return drained(certificate_from_der(c, data, ret_cert));

	r = pem_find(data, labels, &der, &size, &label);
	if (r < 0)
		return r;

	r = certificate_from_der(c, BYTES(der, size), ret_cert);
	OPENSSL_free(der);
	return drained(r);
}

struct certificate *certificate_hold(struct certificate *cert)
{
	atomic_fetch_add_explicit(&cert->references, 1, memory_order_relaxed);
	return cert;
}

void certificate_free(struct certificate *cert)
{
	if (!cert || atomic_fetch_sub_explicit(&cert->references, 1, memory_order_acq_rel) != 1)
		return;

	public_key_free(cert->key);
	X509_free(cert->x509);
	free(cert->der);
	free(cert);
}

struct bytes certificate_der(const struct certificate *cert)
{
	return BYTES(cert->der, cert->der_size);
}

struct bytes certificate_subject(const struct certificate *cert)
{
	return cert->subject;
}

struct bytes certificate_issuer(const struct certificate *cert)
{
	return cert->issuer;
}

struct public_key *certificate_key(const struct certificate *cert)
{
	return cert->key;
}

bool certificate_is_ca(const struct certificate *cert)
{
	return cert->is_ca;
}

bool certificate_is_self_signed(const struct certificate *cert)
{
	return cert->is_self_signed;
}

int64_t certificate_not_before(const struct certificate *cert)
{
	return cert->not_before;
}

int64_t certificate_not_after(const struct certificate *cert)
{
	return cert->not_after;
}

char *certificate_subject_text(const struct certificate *cert, char *out, size_t out_size)
{
	return name_text(cert->subject, out, out_size);
}
