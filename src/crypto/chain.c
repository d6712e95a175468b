/* Paths from an end entity to a trust anchor. OpenSSL builds and checks them (RFC 5280 §6); we say
 * how strictly, add what IKE asks of the end entity (RFC 4945 §5.1.3), and put its verdict into
 * words that tell an administrator what to do. */
#include "crypto/pki_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/objects.h>

#define INTERMEDIATES_MAX 8
#define SECURITY_LEVEL    2 /* 112 bits: RSA from 2048, no signature with MD5 or SHA-1 */

/* Anchors are trusted as given, self-signed or not. Policies are checked, so that a CA which asks
 * for them is heard. */
#define CHAIN_FLAGS                                                                                \
	(X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_POLICY_CHECK)

/* OpenSSL's errors that say all there is to say; the others are put into words by functions below.
 */
static const struct verdict {
	int error;
	enum chain_problem problem;
	const char *detail;
} verdicts[] = {
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, CHAIN_NO_ISSUER,
		"self-signed and not in x509ca" },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, CHAIN_NO_ISSUER,
		"a self-signed root that is not in x509ca; add it there if it is to be trusted" },
	{ X509_V_ERR_CERT_SIGNATURE_FAILURE, CHAIN_BAD_SIGNATURE,
		"its signature was not made by the key of its issuer, or it was altered" },
	{ X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, CHAIN_BAD_SIGNATURE,
		"its signature can't be read" },
	{ X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH, CHAIN_BAD_SIGNATURE,
		"its signature algorithm does not fit the key of its issuer" },
	{ X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY, CHAIN_BAD_SIGNATURE,
		"it names two different signature algorithms" },
	{ X509_V_ERR_INVALID_CA, CHAIN_NOT_A_CA,
		"it issued a certificate but is no CA: its basicConstraints lack CA:TRUE" },
	{ X509_V_ERR_INVALID_NON_CA, CHAIN_NOT_A_CA, "a CA where none may be" },
	{ X509_V_ERR_PATH_LENGTH_EXCEEDED, CHAIN_PATH_TOO_LONG,
		"its pathLenConstraint allows fewer intermediate CAs below it" },
	{ X509_V_ERR_CERT_CHAIN_TOO_LONG, CHAIN_PATH_TOO_LONG, "more than 8 intermediate CAs" },
	{ X509_V_ERR_KEYUSAGE_NO_CERTSIGN, CHAIN_KEY_USAGE,
		"it issued a certificate but its keyUsage lacks keyCertSign" },
	{ X509_V_ERR_PERMITTED_VIOLATION, CHAIN_NAME_CONSTRAINTS,
		"a name in it is outside of what the name constraints of a CA above it permit" },
	{ X509_V_ERR_EXCLUDED_VIOLATION, CHAIN_NAME_CONSTRAINTS,
		"a name in it is excluded by the name constraints of a CA above it" },
	{ X509_V_ERR_SUBTREE_MINMAX, CHAIN_NAME_CONSTRAINTS,
		"name constraints with minimum or maximum" },
	{ X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE, CHAIN_NAME_CONSTRAINTS,
		"name constraints on a kind of name that is not supported" },
	{ X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX, CHAIN_NAME_CONSTRAINTS,
		"malformed name constraints" },
	{ X509_V_ERR_UNSUPPORTED_NAME_SYNTAX, CHAIN_NAME_CONSTRAINTS,
		"a name in it can't be compared with the name constraints of a CA above it" },
	{ X509_V_ERR_NO_EXPLICIT_POLICY, CHAIN_OTHER,
		"a CA above it requires certificate policies, and it has none that all of them allow" },
	{ X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, CHAIN_CRITICAL_EXTENSION,
		"it has a critical extension that is not supported" },
};

static void set_problem(struct chain_result *result, X509 *at_fault, enum chain_problem problem)
{
	const unsigned char *der;
	size_t size;

	result->problem = problem;
	if (at_fault && X509_NAME_get0_der(X509_get_subject_name(at_fault), &der, &size) == 1)
		name_text(BYTES(der, size), result->subject, sizeof(result->subject));
}

static void __attribute__((format(printf, 2, 3)))
set_detail(struct chain_result *result, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(result->detail, sizeof(result->detail), format, arguments);
	va_end(arguments);
}

/* Words for what depends on the certificate. */

static void detail_no_issuer(struct chain_result *result, X509 *at_fault)
{
	const unsigned char *der;
	size_t size;
	char issuer[90];

	if (X509_NAME_get0_der(X509_get_issuer_name(at_fault), &der, &size) != 1)
		return;

	name_text(BYTES(der, size), issuer, sizeof(issuer));
	set_detail(result, "its issuer \"%s\" is neither in x509ca nor sent by the peer", issuer);
}

static void detail_date(
	struct chain_result *result, const ASN1_TIME *date, const char *before, const char *after)
{
	struct tm parts;
	char text[32];

	if (ASN1_TIME_to_tm(date, &parts) != 1)
		return;

	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
	set_detail(result, "%s %s UTC; %s", before, text, after);
}

static void detail_weak_key(struct chain_result *result, X509 *at_fault)
{
	const EVP_PKEY *key = X509_get0_pubkey(at_fault);

	set_detail(result, "its key has %d bits, RSA needs 2048 at least; issue it anew",
		key ? EVP_PKEY_get_bits(key) : 0);
}

static void detail_weak_signature(struct chain_result *result, X509 *at_fault)
{
	int digest;
	const char *name = NULL;

	if (X509_get_signature_info(at_fault, &digest, NULL, NULL, NULL) == 1)
		name = OBJ_nid2sn(digest);
	set_detail(result, "it is signed with %s; issue it anew with SHA-256 or better",
		name ? name : "a weak hash");
}

/* OpenSSL takes a certificate with CA:TRUE whose keyUsage lacks keyCertSign for no CA at all. */
static bool may_not_sign(int error, X509 *at_fault)
{
	return error == X509_V_ERR_INVALID_CA && X509_get_extension_flags(at_fault) & EXFLAG_CA;
}

/* What OpenSSL found wrong with one certificate of the path. */
static void explain(struct chain_result *result, int error, X509 *at_fault)
{
	if (may_not_sign(error, at_fault))
		error = X509_V_ERR_KEYUSAGE_NO_CERTSIGN;

	switch (error) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		set_problem(result, at_fault, CHAIN_NO_ISSUER);
		detail_no_issuer(result, at_fault);
		return;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		set_problem(result, at_fault, CHAIN_EXPIRED);
		detail_date(result, X509_get0_notAfter(at_fault), "expired at", "renew it");
		return;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		set_problem(result, at_fault, CHAIN_NOT_YET_VALID);
		detail_date(result, X509_get0_notBefore(at_fault), "not valid before",
			"is the clock right?");
		return;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
		set_problem(result, at_fault, CHAIN_WEAK);
		detail_weak_key(result, at_fault);
		return;
	case X509_V_ERR_CA_MD_TOO_WEAK:
		set_problem(result, at_fault, CHAIN_WEAK);
		detail_weak_signature(result, at_fault);
		return;
	}
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		if (verdicts[i].error == error) {
			set_problem(result, at_fault, verdicts[i].problem);
			set_detail(result, "%s", verdicts[i].detail);
			return;
		}
	}
	set_problem(result, at_fault, CHAIN_OTHER);
	set_detail(result, "%s", X509_verify_cert_error_string(error));
}

/* Beyond OpenSSL: every issuer has basicConstraints, an anchor of X.509 version 1 included (RFC
 * 4945 §5.1.3.9). */
static bool issuers_are_cas(STACK_OF(X509) * chain, struct chain_result *result)
{
	for (int i = 1; i < sk_X509_num(chain); i++) {
		X509 *issuer = sk_X509_value(chain, i);

		if (!(X509_get_extension_flags(issuer) & EXFLAG_CA)) {
			explain(result, X509_V_ERR_INVALID_CA, issuer);
			return false;
		}
	}
	return true;
}

/* RFC 4945 §5.1.3.2. */
static bool usage_allows_signatures(X509 *end, struct chain_result *result)
{
	uint32_t usage = X509_get_key_usage(end); /* all bits set where there is no keyUsage */

	if (usage & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION))
		return true;

	set_problem(result, end, CHAIN_KEY_USAGE);
	set_detail(result, "its keyUsage has neither digitalSignature nor nonRepudiation");
	return false;
}

static bool purpose_serves_ike(const ASN1_OBJECT *purpose)
{
	switch (OBJ_obj2nid(purpose)) {
	case NID_anyExtendedKeyUsage:
	case NID_ipsec_IKE:
	case NID_server_auth:
	case NID_client_auth:
	case NID_ipsecEndSystem:
	case NID_ipsecTunnel:
	case NID_ipsecUser:
		return true;
	default:
		return false;
	}
}

/* RFC 4945 §5.1.3.12 wants ipsecIKE or any; TLS certificates and the three old purposes are too
 * common to refuse. */
static bool purpose_allows_ike(X509 *end, struct chain_result *result)
{
	EXTENDED_KEY_USAGE *purposes = X509_get_ext_d2i(end, NID_ext_key_usage, NULL, NULL);
	bool allowed = !purposes;

	for (int i = 0; !allowed && i < sk_ASN1_OBJECT_num(purposes); i++)
		allowed = purpose_serves_ike(sk_ASN1_OBJECT_value(purposes, i));
	EXTENDED_KEY_USAGE_free(purposes);
	if (allowed)
		return true;

	set_problem(result, end, CHAIN_KEY_USAGE);
	set_detail(result,
		"its extendedKeyUsage has none of ipsecIKE, serverAuth, clientAuth and any");
	return false;
}

/* Where several CAs share a name and nothing else tells them apart, the one whose key fits is the
 * issuer. Costs a signature for every candidate, hence only on the second try. */
static int issued_and_signed(X509_STORE_CTX *context, X509 *subject, X509 *issuer)
{
	int error = X509_check_issued(issuer, subject);

	(void)context;
	return (error == X509_V_OK || error == X509_V_ERR_KEYUSAGE_NO_CERTSIGN) &&
		X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
}

struct path {
	X509_STORE *anchors;
	STACK_OF(X509) * untrusted;
	int64_t wall;
};

static void path_close(struct path *p)
{
	sk_X509_free(p->untrusted); /* the stack, not what is on it */
	X509_STORE_free(p->anchors);
}

static bool path_add_anchors(struct path *p, struct certificate *const *anchors, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (X509_STORE_add_cert(p->anchors, anchors[i]->x509) != 1)
			return false;
	}
	return true;
}

static bool path_add_untrusted(struct path *p, struct certificate *const *untrusted, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (sk_X509_push(p->untrusted, untrusted[i]->x509) <= 0)
			return false;
	}
	return true;
}

static void path_configure(const struct path *p, X509_STORE_CTX *context)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);

	X509_VERIFY_PARAM_set_flags(param, CHAIN_FLAGS);
	X509_VERIFY_PARAM_set_time(param, (time_t)p->wall);
	X509_VERIFY_PARAM_set_depth(param, INTERMEDIATES_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	/* A commonName is no DNS name to us (RFC 4945 §3.1.9), so constraints on those don't bind
	 * it. */
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
}

/* One attempt. Returns OpenSSL's error, for retrying, having filled *result. */
static int path_verify(
	struct crypto *c, const struct path *p, X509 *end, struct chain_result *result)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new_ex(c->lib, NULL);
	int error = X509_V_ERR_OUT_OF_MEM;

	if (context && X509_STORE_CTX_init(context, p->anchors, end, p->untrusted) == 1) {
		path_configure(p, context);
		if (X509_verify_cert(context) == 1)
			error = X509_V_OK;
		else
			error = X509_STORE_CTX_get_error(context);
	}

	if (error == X509_V_OK) {
		if (issuers_are_cas(X509_STORE_CTX_get0_chain(context), result) &&
			usage_allows_signatures(end, result) && purpose_allows_ike(end, result))
			result->problem = CHAIN_OK;
	} else {
		X509 *at_fault = context ? X509_STORE_CTX_get_current_cert(context) : NULL;

		explain(result, error, at_fault ? at_fault : end);
	}
	X509_STORE_CTX_free(context);
	return error;
}

static void path_check(
	struct crypto *c, const struct path *p, X509 *end, struct chain_result *result)
{
	struct chain_result second = { .problem = CHAIN_OTHER };

	if (path_verify(c, p, end, result) != X509_V_ERR_CERT_SIGNATURE_FAILURE)
		return;

	X509_STORE_set_check_issued(p->anchors, issued_and_signed);
	if (path_verify(c, p, end, &second) == X509_V_OK)
		*result = second;
}

int certificate_check_chain(struct crypto *c, const struct certificate *end,
	struct certificate *const *untrusted, size_t untrusted_count,
	struct certificate *const *anchors, size_t anchor_count, int64_t wall,
	struct chain_result *ret_result)
{
	struct chain_result result = { .problem = CHAIN_OTHER };
	struct path p = { X509_STORE_new(), sk_X509_new_null(), wall };

	if (p.anchors && p.untrusted && path_add_anchors(&p, anchors, anchor_count) &&
		path_add_untrusted(&p, untrusted, untrusted_count))
		path_check(c, &p, end->x509, &result);
	else
		explain(&result, X509_V_ERR_OUT_OF_MEM, end->x509);
	path_close(&p);
	crypto_drain();

	*ret_result = result;
	return result.problem == CHAIN_OK ? 0 : -EKEYREJECTED;
}
