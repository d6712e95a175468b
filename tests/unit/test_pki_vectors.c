/* Signatures against RFCs and the openssl command, and the AlgorithmIdentifiers that others may come up with. */
#include "pki_files.h"
#include "vectors_signature.h"

#include <errno.h>

#include <openssl/err.h>

static const struct bytes abc = { (const uint8_t *)"abc", 3 };

static struct vector joined(const char *first, const char *second)
{
	struct vector a = vector_of(first), b = vector_of(second);

	memcpy(a.data + a.size, b.data, b.size);
	a.size += b.size;
	return a;
}

static void ecdsa_of_rfc_4754_passes(void **state)
{
	for (size_t i = 0; i < COUNT_OF(ecdsa_vectors); i++) {
		struct vector info = joined(ecdsa_vectors[i].info, ecdsa_vectors[i].point);
		struct vector signature = vector_of(ecdsa_vectors[i].signature);
		struct public_key *k = NULL;

		assert_int_equal(public_key_load(*state, vector_bytes(&info), &k), 0);
		assert_int_equal(signature_check(*state, k, ecdsa_vectors[i].method,
					 vector_bytes(&signature), &abc, 1, NULL),
			0);
		signature.data[5] ^= 1;
		assert_int_equal(signature_check(*state, k, ecdsa_vectors[i].method,
					 vector_bytes(&signature), &abc, 1, NULL),
			-EBADMSG);
		public_key_free(k);
	}
}

static void zeros_are_no_signature(void **state)
{
	static const uint8_t zeros[132];

	for (size_t i = 0; i < COUNT_OF(ecdsa_vectors); i++) {
		static const char *const names[] = { "p256", "p384", "p521" };
		static const size_t sizes[] = { 64, 96, 132 };
		struct public_key *pub = public_key_of(*state, names[i]);

		assert_int_equal(signature_check(*state, pub, ecdsa_vectors[i].method,
					 BYTES(zeros, sizes[i]), &abc, 1, NULL),
			-EBADMSG);
		public_key_free(pub);
	}
}

static void eddsa_of_rfc_8032_is_made_and_passes(void **state)
{
	static const struct signature_form form = { AUTH_DIGITAL_SIGNATURE, HASH_IDENTITY, false };

	for (size_t i = 0; i < COUNT_OF(eddsa_vectors); i++) {
		const struct eddsa_vector *v = &eddsa_vectors[i];
		struct vector pkcs8 = joined(v->is_ed448 ? "3047020100300506032b6571043b0439"
							 : "302e020100300506032b657004220420",
			v->seed);
		struct vector info = joined(
			v->is_ed448 ? "3043300506032b6571033a00" : "302a300506032b6570032100",
			v->public_key);
		struct vector text = vector_of(v->message), signature = vector_of(v->signature);
		struct bytes part = vector_bytes(&text);
		struct private_key *k = NULL;
		uint8_t out[SIGNATURE_BYTES_MAX];
		size_t size;

		assert_int_equal(private_key_load(*state, vector_bytes(&pkcs8), NULL, &k), 0);
		assert_true(bytes_equal(private_key_info(k), vector_bytes(&info)));
		assert_int_equal(signature_make(*state, k, &form, &part, 1, out, &size), 0);
		assert_int_equal(out[0], 7);
		assert_true(bytes_equal(BYTES(out + 8, size - 8), vector_bytes(&signature)));
		private_key_free(k);
	}
}

/* A signature of the openssl command in AUTH data with this AlgorithmIdentifier (none for the methods without). */
static const struct foreign_case {
	const char *file, *key;
	uint8_t method;
	const char *blob;
	int result;
	uint8_t hash;
	bool pss;
} foreign[] = {
	{ "rsa.sha1.sig", "rsa", AUTH_RSA_SIGNATURE, NULL, 0, HASH_SHA1, false },
	{ "rsa.sha256.sig", "rsa", AUTH_RSA_SIGNATURE, NULL, 0, HASH_SHA2_256, false },
	{ "rsa.sha384.sig", "rsa", AUTH_RSA_SIGNATURE, NULL, 0, HASH_SHA2_384, false },
	{ "rsa.sha512.sig", "rsa", AUTH_RSA_SIGNATURE, NULL, 0, HASH_SHA2_512, false },
	{ "rsa.pss-sha256.sig", "rsa", AUTH_RSA_SIGNATURE, NULL, -EBADMSG, 0, false },
	{ "rsa.sha1.sig", "rsa", AUTH_DIGITAL_SIGNATURE, BLOB_RSA_SHA1, 0, HASH_SHA1, false },
	{ "rsa.sha256.sig", "rsa", AUTH_DIGITAL_SIGNATURE, BLOB_RSA_SHA256, 0, HASH_SHA2_256,
		false },
	{ "rsa.sha512.sig", "rsa", AUTH_DIGITAL_SIGNATURE, BLOB_RSA_SHA512, 0, HASH_SHA2_512,
		false },
	{ "rsa.sha256.sig", "rsa", AUTH_DIGITAL_SIGNATURE, BLOB_RSA_SHA384, -EBADMSG, 0, false },
	{ "rsa.pss-sha256.sig", "rsa", AUTH_DIGITAL_SIGNATURE, BLOB_PSS_SHA256, 0, HASH_SHA2_256,
		true },
	{ "rsa.pss-sha256.sig", "rsa", AUTH_DIGITAL_SIGNATURE, BLOB_PSS("01", "20"), 0,
		HASH_SHA2_256, true },
	{ "rsa.pss-sha384.sig", "rsa", AUTH_DIGITAL_SIGNATURE, BLOB_PSS("02", "30"), 0,
		HASH_SHA2_384, true },
	{ "rsa.pss-sha512.sig", "rsa", AUTH_DIGITAL_SIGNATURE, BLOB_PSS("03", "40"), 0,
		HASH_SHA2_512, true },
	{ "rsa.pss-salt20.sig", "rsa", AUTH_DIGITAL_SIGNATURE, BLOB_PSS("01", "14"), 0,
		HASH_SHA2_256, true },
	{ "rsa.pss-salt20.sig", "rsa", AUTH_DIGITAL_SIGNATURE, BLOB_PSS("01", "20"), -EBADMSG, 0,
		true },
	{ "rsa.pss-sha1.sig", "rsa", AUTH_DIGITAL_SIGNATURE, BLOB_PSS_EMPTY, -ENOTSUP, 0, true },
	{ "rsa.pss-sha1.sig", "rsa", AUTH_DIGITAL_SIGNATURE, BLOB_PSS_DEFAULT, -ENOTSUP, 0, true },
	{ "p256.sha256.sig", "p256", AUTH_DIGITAL_SIGNATURE, BLOB_ECDSA_SHA256, 0, HASH_SHA2_256,
		false },
	{ "p256.sha1.sig", "p256", AUTH_DIGITAL_SIGNATURE, BLOB_ECDSA_SHA1, -ENOTSUP, 0, false },
	{ "p256.sha256.sig", "p384", AUTH_DIGITAL_SIGNATURE, BLOB_ECDSA_SHA256, -EBADMSG, 0,
		false },
	{ "p256.sha256.sig", "rsa", AUTH_DIGITAL_SIGNATURE, BLOB_ECDSA_SHA256, -ENOTSUP, 0, false },
	{ "bp256.sha512.sig", "bp256", AUTH_DIGITAL_SIGNATURE, BLOB_ECDSA_SHA512, 0, HASH_SHA2_512,
		false },
	{ "ed25519.sig", "ed25519", AUTH_DIGITAL_SIGNATURE, BLOB_ED25519, 0, HASH_IDENTITY, false },
	{ "ed25519.sig", "ed25519", AUTH_DIGITAL_SIGNATURE, BLOB_ED448, -ENOTSUP, 0, false },
};

static int check_foreign(
	struct crypto *c, const struct foreign_case *f, struct signature_form *ret_form)
{
	struct public_key *k = public_key_of(c, f->key);
	struct file text = file_read("message.txt"), raw = file_read(f->file);
	struct vector blob = vector_of(f->blob);
	struct bytes part = file_bytes(&text);
	uint8_t data[SIGNATURE_BYTES_MAX];
	struct writer w = writer_of(data, sizeof(data));
	int r;

	if (f->blob) {
		write_u8(&w, (uint8_t)blob.size);
		write_bytes(&w, vector_bytes(&blob));
	}
	write_bytes(&w, file_bytes(&raw));
	r = signature_check(c, k, f->method, writer_bytes(&w), &part, 1, ret_form);
	public_key_free(k);
	return r;
}

static void signatures_of_openssl_pass_under_their_names(void **state)
{
	for (size_t i = 0; i < COUNT_OF(foreign); i++) {
		struct signature_form form = { 0 };
		int r = check_foreign(*state, &foreign[i], &form);

		if (r != foreign[i].result)
			fail_msg("%s as %s gives %d", foreign[i].file, foreign[i].blob, r);
		if (!r) {
			assert_int_equal(form.hash, foreign[i].hash);
			assert_int_equal(form.pss, foreign[i].pss);
		}
	}
}

/* AlgorithmIdentifiers that say the same otherwise, or what we don't take. All over good signatures of SHA-256. */
static void odd_algorithm_identifiers(void **state)
{
	static const struct foreign_case cases[] = {
		/* PKCS#1: no parameters instead of NULL, then other ones, then an octet more and one less */
		{ "rsa.sha256.sig", "rsa", 14, "300b06092a864886f70d01010b", 0, 0, 0 },
		{ "rsa.sha256.sig", "rsa", 14, "300e06092a864886f70d01010b020101", -EBADMSG, 0, 0 },
		{ "rsa.sha256.sig", "rsa", 14, "300d06092a864886f70d01010b050000", -EBADMSG, 0, 0 },
		{ "rsa.sha256.sig", "rsa", 14, "300d06092a864886f70d01010b05", -EBADMSG, 0, 0 },
		{ "rsa.sha256.sig", "rsa", 14, "310d06092a864886f70d01010b0500", -EBADMSG, 0, 0 },
		{ "rsa.sha256.sig", "rsa", 14, "", -EBADMSG, 0, 0 },
		{ "rsa.sha256.sig", "rsa", 14, "00", -EBADMSG, 0, 0 },
		/* md5WithRSAEncryption, rsaEncryption */
		{ "rsa.sha256.sig", "rsa", 14, "300d06092a864886f70d0101040500", -ENOTSUP, 0, 0 },
		{ "rsa.sha256.sig", "rsa", 14, "300d06092a864886f70d0101010500", -ENOTSUP, 0, 0 },
		/* ECDSA and EdDSA with NULL parameters */
		{ "p256.sha256.sig", "p256", 14, "300c06082a8648ce3d0403020500", -EBADMSG, 0, 0 },
		{ "ed25519.sig", "ed25519", 14, "300706032b65700500", -EBADMSG, 0, 0 },
		/* PSS without parameters, with NULL, without a mask (so MGF1 with SHA-1) */
		{ "rsa.pss-sha256.sig", "rsa", 14, "300b06092a864886f70d01010a", -EBADMSG, 0, 0 },
		{ "rsa.pss-sha256.sig", "rsa", 14, "300d06092a864886f70d01010a0500", -EBADMSG, 0,
			0 },
		{ "rsa.pss-sha256.sig", "rsa", 14,
			"302306092a864886f70d01010a3016a00f300d06096086480165030402010500a203020120",
			-ENOTSUP, 0, 0 },
		/* hash and mask without NULL */
		{ "rsa.pss-sha256.sig", "rsa", 14,
			"303d06092a864886f70d01010a3030a00d300b0609608648016503040201a11a301806092a864886f70d010108300b"
			"0609608648016503040201a203020120",
			0, 0, 0 },
		/* MGF1 with SHA-512, a trailer of 2, a salt of -1, an octet after the parameters' last */
		{ "rsa.pss-sha256.sig", "rsa", 14,
			"304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108"
			"300d06096086480165030402030500a203020120",
			-ENOTSUP, 0, 0 },
		{ "rsa.pss-sha256.sig", "rsa", 14,
			"304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f70d010108"
			"300d06096086480165030402010500a203020120a303020102",
			-ENOTSUP, 0, 0 },
		{ "rsa.pss-sha256.sig", "rsa", 14,
			"304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108"
			"300d06096086480165030402010500a2030201ff",
			-EBADMSG, 0, 0 },
		{ "rsa.pss-sha256.sig", "rsa", 14,
			"304306092a864886f70d01010a3036a00f300d06096086480165030402010500a11c301a06092a864886f70d010108"
			"300d06096086480165030402010500a2030201200500",
			-EBADMSG, 0, 0 },
	};

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int r = check_foreign(*state, &cases[i], NULL);

		if (r != cases[i].result)
			fail_msg("%s gives %d", cases[i].blob, r);
		assert_int_equal(ERR_peek_error(), 0);
	}
}

#define PKI_TEST(function) cmocka_unit_test_setup_teardown(function, pki_begin, pki_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PKI_TEST(ecdsa_of_rfc_4754_passes),
		PKI_TEST(zeros_are_no_signature),
		PKI_TEST(eddsa_of_rfc_8032_is_made_and_passes),
		PKI_TEST(signatures_of_openssl_pass_under_their_names),
		PKI_TEST(odd_algorithm_identifiers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
