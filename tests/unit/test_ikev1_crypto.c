/* What IKEv1 alone wants of the crypto: CBC without integrity, hashes by number, and signatures of a
 * hash that is not hashed again. */
#include "pki_files.h"
#include "vectors_signature.h"

#include <errno.h>

#include <openssl/err.h>

/* CBC. */

#define SP800_38A "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"

static const struct {
	const char *from;
	uint16_t encr;
	const char *key;
	const char *iv;
	const char *text;
	const char *sealed;
} cbc_vectors[] = {
	{ "SP 800-38A F.2.1", ENCR_AES_CBC, "2b7e151628aed2a6abf7158809cf4f3c",
		"000102030405060708090a0b0c0d0e0f", SP800_38A,
		"7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2" },
	{ "SP 800-38A F.2.3", ENCR_AES_CBC, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
		"000102030405060708090a0b0c0d0e0f", SP800_38A,
		"4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a" },
	{ "SP 800-38A F.2.5", ENCR_AES_CBC,
		"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
		"000102030405060708090a0b0c0d0e0f", SP800_38A,
		"f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d" },
	/* three times the same key is DES */
	{ "FIPS 81 C", ENCR_3DES, "0123456789abcdef0123456789abcdef0123456789abcdef",
		"1234567890abcdef", "'Now is the time for all '",
		"e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6" },
};

static void cbc_is_what_nist_says(void **state)
{
	for (size_t i = 0; i < COUNT_OF(cbc_vectors); i++) {
		struct vector key = vector_of(cbc_vectors[i].key),
			      iv = vector_of(cbc_vectors[i].iv);
		struct vector text = vector_of(cbc_vectors[i].text),
			      sealed = vector_of(cbc_vectors[i].sealed), work = text;
		struct cbc *cbc = cbc_new(*state, cbc_vectors[i].encr, vector_bytes(&key));

		assert_non_null(cbc);
		assert_int_equal(cbc_block_bytes(cbc), iv.size);
		for (int twice = 0; twice < 2; twice++) { /* a message leaves nothing behind */
			assert_int_equal(cbc_encrypt(cbc, iv.data, work.data, work.size), 0);
			assert_memory_equal(work.data, sealed.data, sealed.size);
			assert_int_equal(cbc_decrypt(cbc, iv.data, work.data, work.size), 0);
			assert_memory_equal(work.data, text.data, text.size);
		}
		assert_int_equal(cbc_encrypt(cbc, iv.data, work.data, 0), 0);
		cbc_free(cbc);
	}
}

static void only_cbc_ciphers_and_their_key_sizes_will_do(void **state)
{
	static const uint8_t key[40];
	static const struct {
		uint16_t encr;
		size_t size;
		bool fits;
	} rows[] = {
		{ ENCR_AES_CBC, 16, true },
		{ ENCR_AES_CBC, 24, true },
		{ ENCR_AES_CBC, 32, true },
		{ ENCR_AES_CBC, 0, false },
		{ ENCR_AES_CBC, 17, false },
		{ ENCR_AES_CBC, 40, false },
		{ ENCR_3DES, 24, true },
		{ ENCR_3DES, 16, false },
		{ ENCR_AES_CTR, 20, false },
		{ ENCR_AES_GCM_16, 20, false },
		{ ENCR_NULL, 0, false },
		{ 1, 8, false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cbc *cbc = cbc_new(*state, rows[i].encr, BYTES(key, rows[i].size));

		assert_int_equal(cbc != NULL, rows[i].fits);
		cbc_free(cbc);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

/* Hashes by number. */

static void hashes_have_numbers(void **state)
{
	static const struct {
		uint8_t hash;
		const char *of_abc; /* FIPS 180-4's examples; its first 20 octets */
		size_t size;
	} rows[] = {
		{ HASH_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d", 20 },
		{ HASH_SHA2_256, "ba7816bf8f01cfea414140de5dae2223b00361a3", 32 },
		{ HASH_SHA2_384, "cb00753f45a35e8bb5a03d699ac65007272c32ab", 48 },
		{ HASH_SHA2_512, "ddaf35a193617abacc417349ae20413112e6fa4e", 64 },
	};
	const struct bytes parts[] = { BYTES("a", 1), BYTES_EMPTY, BYTES("bc", 2) };
	uint8_t out[64];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct vector want = vector_of(rows[i].of_abc);

		assert_int_equal(hash_output_bytes(rows[i].hash), rows[i].size);
		assert_int_equal(hash_parts(*state, rows[i].hash, parts, 3, out), 0);
		assert_memory_equal(out, want.data, want.size);
	}
	assert_int_equal(hash_output_bytes(HASH_IDENTITY), 0);
	assert_int_equal(hash_parts(*state, HASH_IDENTITY, parts, 3, out), -EIO);
}

/* Signatures. */

#define HASH_20 "000102030405060708090a0b0c0d0e0f10111213"

/* openssl pkeyutl -sign -inkey rsa.key.pem -pkeyopt rsa_padding_mode:pkcs1 of HASH_20 */
#define RSA_OF_HASH_20                                                                             \
	"b8185ed396f5f66bbcdf79d9cad3702b39420c07151e30b145cae3fe932868b06e09cd0da96f4381cf8f0294" \
	"19658baa26852c8e6f4b80a9a16c38653540c6c69505be0fa02ceab4975dc01d0e6de20ce31425690797859b" \
	"5be383d343d94872f1915df4a6588136889e42f950f7d482797d03255906e3f9d6b8a3386f57aa66ae06dbe3" \
	"9fd3b624c56a8f3794f8891085e61bbc00b68178d7d8082c58e9cc02aee01829b1454426173a8f8fabb4e300" \
	"df1ac2b821e70f69b60667145b65f4bf0d2e1aaa5e75fc2f7ab4022689532a6b99f2b87d56b595a4035c8726" \
	"618462e4ae5a000324d9bbb8d66d74218e038a22453305e995274d52b75faf493c7e5d25"

static void an_rsa_signature_has_no_digest_info(void **state)
{
	struct private_key *k = private_key_of(*state, "rsa");
	struct vector hash = vector_of(HASH_20), want = vector_of(RSA_OF_HASH_20);
	uint8_t out[SIGNATURE_BYTES_MAX];
	size_t size = 0;

	assert_int_equal(hash_sign(*state, k, vector_bytes(&hash), out, &size), 0);
	assert_int_equal(size, want.size);
	assert_memory_equal(out, want.data, want.size);
	private_key_free(k);
}

/* One of PKCS#1 with DigestInfo over the same hash is another thing. */
static void one_with_digest_info_does_not_pass(void **state)
{
	const struct signature_form form = { AUTH_RSA_SIGNATURE, HASH_SHA1, false };
	const struct bytes text = BYTES("text", 4);
	struct private_key *k = private_key_of(*state, "rsa");
	struct public_key *pub = public_key_of(*state, "rsa");
	uint8_t out[SIGNATURE_BYTES_MAX], hash[20];
	size_t size;

	assert_int_equal(signature_make(*state, k, &form, &text, 1, out, &size), 0);
	assert_int_equal(hash_sha1(*state, &text, 1, hash), 0);
	assert_int_equal(hash_verify(*state, pub, BYTES_OF(hash), BYTES(out, size)), -EBADMSG);
	private_key_free(k);
	public_key_free(pub);
}

static void ecdsa_of_rfc_4754_passes(void **state)
{
	static const uint8_t hashes[] = { HASH_SHA2_256, HASH_SHA2_384, HASH_SHA2_512 };
	const struct bytes abc = BYTES("abc", 3);

	for (size_t i = 0; i < COUNT_OF(ecdsa_vectors); i++) {
		struct vector info = vector_of(ecdsa_vectors[i].info),
			      point = vector_of(ecdsa_vectors[i].point),
			      signature = vector_of(ecdsa_vectors[i].signature);
		struct public_key *k;
		uint8_t hash[64];

		memcpy(info.data + info.size, point.data, point.size);
		info.size += point.size;
		assert_int_equal(public_key_load(*state, vector_bytes(&info), &k), 0);
		assert_int_equal(hash_parts(*state, hashes[i], &abc, 1, hash), 0);
		assert_int_equal(hash_verify(*state, k, BYTES(hash, hash_output_bytes(hashes[i])),
					 vector_bytes(&signature)),
			0);
		public_key_free(k);
	}
}

static void what_is_signed_passes_and_nothing_near_it(void **state)
{
	static const char *const names[] = { "rsa", "p256", "p384", "p521" };
	static const size_t hash_sizes[] = { 20, 32, 48, 64 };

	for (size_t i = 0; i < COUNT_OF(names) * COUNT_OF(hash_sizes); i++) {
		struct private_key *k = private_key_of(*state, names[i / 4]);
		struct public_key *pub = public_key_of(*state, names[i / 4]);
		uint8_t hash[64] = { 1, 2, 3 }, out[SIGNATURE_BYTES_MAX + 1] = { 0 };
		struct bytes signed_hash = BYTES(hash, hash_sizes[i % 4]);
		size_t size;

		assert_int_equal(hash_sign(*state, k, signed_hash, out, &size), 0);
		assert_int_equal(hash_verify(*state, pub, signed_hash, BYTES(out, size)), 0);
		assert_int_equal(
			hash_verify(*state, pub, signed_hash, BYTES(out, size - 1)), -EBADMSG);
		assert_int_equal(
			hash_verify(*state, pub, signed_hash, BYTES(out, size + 1)), -EBADMSG);
		assert_int_equal(hash_verify(*state, pub, signed_hash, BYTES_EMPTY), -EBADMSG);
		out[size / 3] ^= 1;
		assert_int_equal(hash_verify(*state, pub, signed_hash, BYTES(out, size)), -EBADMSG);
		out[size / 3] ^= 1;
		hash[0] ^= 1;
		assert_int_equal(hash_verify(*state, pub, signed_hash, BYTES(out, size)), -EBADMSG);
		assert_int_equal(ERR_peek_error(), 0);
		private_key_free(k);
		public_key_free(pub);
	}
}

/* The hash must be all that is in it: a longer one that begins with it isn't. */
static void an_rsa_signature_of_more_does_not_pass(void **state)
{
	struct private_key *k = private_key_of(*state, "rsa");
	struct public_key *pub = public_key_of(*state, "rsa");
	uint8_t hash[64] = { 7 }, out[SIGNATURE_BYTES_MAX];
	size_t size;

	assert_int_equal(hash_sign(*state, k, BYTES(hash, 32), out, &size), 0);
	assert_int_equal(hash_verify(*state, pub, BYTES(hash, 20), BYTES(out, size)), -EBADMSG);
	assert_int_equal(hash_verify(*state, pub, BYTES(hash, 48), BYTES(out, size)), -EBADMSG);
	private_key_free(k);
	public_key_free(pub);
}

static void other_keys_cannot(void **state)
{
	static const char *const names[] = { "bp256", "ed25519", "ed448" };
	static const uint8_t hash[32];

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct private_key *k = private_key_of(*state, names[i]);
		struct public_key *pub = public_key_of(*state, names[i]);
		uint8_t out[SIGNATURE_BYTES_MAX];
		size_t size;

		assert_int_equal(hash_sign(*state, k, BYTES_OF(hash), out, &size), -ENOTSUP);
		assert_int_equal(
			hash_verify(*state, pub, BYTES_OF(hash), BYTES_OF(hash)), -ENOTSUP);
		private_key_free(k);
		public_key_free(pub);
	}
}

#define CRYPTO_TEST(f) cmocka_unit_test_setup_teardown(f, pki_begin, pki_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CRYPTO_TEST(cbc_is_what_nist_says),
		CRYPTO_TEST(only_cbc_ciphers_and_their_key_sizes_will_do),
		CRYPTO_TEST(hashes_have_numbers),
		CRYPTO_TEST(an_rsa_signature_has_no_digest_info),
		CRYPTO_TEST(one_with_digest_info_does_not_pass),
		CRYPTO_TEST(ecdsa_of_rfc_4754_passes),
		CRYPTO_TEST(what_is_signed_passes_and_nothing_near_it),
		CRYPTO_TEST(an_rsa_signature_of_more_does_not_pass),
		CRYPTO_TEST(other_keys_cannot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
