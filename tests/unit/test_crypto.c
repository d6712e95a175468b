/* PRFs, prf+, hashes, and a context that repeats itself when its source does. */
#include "crypto/internal.h"
#include "vector.h"
#include "wire/ikev2.h"

#include <errno.h>

#include <openssl/err.h>

struct prf_vector {
	uint16_t prf;
	const char *from;
	const char *key;
	const char *data;
	const char *out; /* cut to 16 octets in RFC 4231 §4.6 */
};

#define LONG_DATA                                                                                  \
	"'This is a test using a larger than block-size key and a larger than block-size data. "   \
	"The key needs to be hashed before being used by the HMAC algorithm.'"

static const struct prf_vector prf_vectors[] = {
	{ PRF_HMAC_SHA1, "RFC 2202 §3 case 1", "0b*20", "'Hi There'",
		"b617318655057264e28bc0b6fb378c8ef146be00" },
	{ PRF_HMAC_SHA1, "RFC 2202 §3 case 2", "'Jefe'", "'what do ya want for nothing?'",
		"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
	{ PRF_HMAC_SHA1, "RFC 2202 §3 case 3", "aa*20", "dd*50",
		"125d7342b9ac11cd91a39af48aa17b4f63f175d3" },
	{ PRF_HMAC_SHA1, "RFC 2202 §3 case 4", "0102030405060708090a0b0c0d0e0f10111213141516171819",
		"cd*50", "4c9007f4026250c6bc8414f9bf50c86c2d7235da" },
	{ PRF_HMAC_SHA1, "RFC 2202 §3 case 5", "0c*20", "'Test With Truncation'",
		"4c1a03424b55e07fe7f27be1d58bb9324a9a5a04" },
	{ PRF_HMAC_SHA1, "RFC 2202 §3 case 6", "aa*80",
		"'Test Using Larger Than Block-Size Key - Hash Key First'",
		"aa4ae5e15272d00e95705637ce8a3b55ed402112" },
	{ PRF_HMAC_SHA1, "RFC 2202 §3 case 7", "aa*80",
		"'Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data'",
		"e8e99d0f45237d786d6bbaa7965c7808bbff1a91" },
	{ PRF_HMAC_SHA2_256, "RFC 4231 §4.2", "0b*20", "'Hi There'",
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ PRF_HMAC_SHA2_384, "RFC 4231 §4.2", "0b*20", "'Hi There'",
		"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
		"faea9ea9076ede7f4af152e8b2fa9cb6" },
	{ PRF_HMAC_SHA2_512, "RFC 4231 §4.2", "0b*20", "'Hi There'",
		"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
		"daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" },
	{ PRF_HMAC_SHA2_256, "RFC 4231 §4.3", "'Jefe'", "'what do ya want for nothing?'",
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ PRF_HMAC_SHA2_384, "RFC 4231 §4.3", "'Jefe'", "'what do ya want for nothing?'",
		"af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
		"8e2240ca5e69e2c78b3239ecfab21649" },
	{ PRF_HMAC_SHA2_512, "RFC 4231 §4.3", "'Jefe'", "'what do ya want for nothing?'",
		"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
		"9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
	{ PRF_HMAC_SHA2_256, "RFC 4231 §4.4", "aa*20", "dd*50",
		"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	{ PRF_HMAC_SHA2_384, "RFC 4231 §4.4", "aa*20", "dd*50",
		"88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b"
		"2a5ab39dc13814b94e3ab6e101a34f27" },
	{ PRF_HMAC_SHA2_512, "RFC 4231 §4.4", "aa*20", "dd*50",
		"fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
		"bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb" },
	{ PRF_HMAC_SHA2_256, "RFC 4231 §4.5", "0102030405060708090a0b0c0d0e0f10111213141516171819",
		"cd*50", "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
	{ PRF_HMAC_SHA2_384, "RFC 4231 §4.5", "0102030405060708090a0b0c0d0e0f10111213141516171819",
		"cd*50",
		"3e8a69b7783c25851933ab6290af6ca77a9981480850009cc5577c6e1f573b4e"
		"6801dd23c4a7d679ccf8a386c674cffb" },
	{ PRF_HMAC_SHA2_512, "RFC 4231 §4.5", "0102030405060708090a0b0c0d0e0f10111213141516171819",
		"cd*50",
		"b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
		"a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd" },
	{ PRF_HMAC_SHA2_256, "RFC 4231 §4.6", "0c*20", "'Test With Truncation'",
		"a3b6167473100ee06e0c796c2955552b" },
	{ PRF_HMAC_SHA2_384, "RFC 4231 §4.6", "0c*20", "'Test With Truncation'",
		"3abf34c3503b2a23a46efc619baef897" },
	{ PRF_HMAC_SHA2_512, "RFC 4231 §4.6", "0c*20", "'Test With Truncation'",
		"415fad6271580a531d4179bc891d87a6" },
	{ PRF_HMAC_SHA2_256, "RFC 4231 §4.7", "aa*131",
		"'Test Using Larger Than Block-Size Key - Hash Key First'",
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	{ PRF_HMAC_SHA2_384, "RFC 4231 §4.7", "aa*131",
		"'Test Using Larger Than Block-Size Key - Hash Key First'",
		"4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
		"0c2ef6ab4030fe8296248df163f44952" },
	{ PRF_HMAC_SHA2_512, "RFC 4231 §4.7", "aa*131",
		"'Test Using Larger Than Block-Size Key - Hash Key First'",
		"80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
		"6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598" },
	{ PRF_HMAC_SHA2_256, "RFC 4231 §4.8", "aa*131", LONG_DATA,
		"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
	{ PRF_HMAC_SHA2_384, "RFC 4231 §4.8", "aa*131", LONG_DATA,
		"6617178e941f020d351e2f254e8fd32c602420feb0b8fb9adccebb82461e99c5"
		"a678cc31e799176d3860e6110c46523e" },
	{ PRF_HMAC_SHA2_512, "RFC 4231 §4.8", "aa*131", LONG_DATA,
		"e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
		"b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58" },
	{ PRF_AES128_CMAC, "RFC 4493 §4 example 1", "2b7e151628aed2a6abf7158809cf4f3c", "",
		"bb1d6929e95937287fa37d129b756746" },
	{ PRF_AES128_CMAC, "RFC 4493 §4 example 2", "2b7e151628aed2a6abf7158809cf4f3c",
		"6bc1bee22e409f96e93d7e117393172a", "070a16b46b4d4144f79bdd9dd04a287c" },
	{ PRF_AES128_CMAC, "RFC 4493 §4 example 3", "2b7e151628aed2a6abf7158809cf4f3c",
		"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411",
		"dfa66747de9ae63030ca32611497c827" },
	{ PRF_AES128_CMAC, "RFC 4493 §4 example 4", "2b7e151628aed2a6abf7158809cf4f3c",
		"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
		"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
		"51f0bebf7e3b9d92fc49741779363cfe" },
	{ PRF_AES128_CMAC, "RFC 4615 §4, key of 18", "000102030405060708090a0b0c0d0e0fedcb",
		"000102030405060708090a0b0c0d0e0f10111213", "84a348a4a45d235babfffc0d2b4da09a" },
	{ PRF_AES128_CMAC, "RFC 4615 §4, key of 16", "000102030405060708090a0b0c0d0e0f",
		"000102030405060708090a0b0c0d0e0f10111213", "980ae87b5f4c9c5214f5b6a8455e4c2d" },
	{ PRF_AES128_CMAC, "RFC 4615 §4, key of 10", "00010203040506070809",
		"000102030405060708090a0b0c0d0e0f10111213", "290d9e112edb09ee141fcf64c0b72f3d" },
	{ PRF_AES128_XCBC, "RFC 4434 §2.1, key of 16", "000102030405060708090a0b0c0d0e0f",
		"000102030405060708090a0b0c0d0e0f10111213", "47f51b4564966215b8985c63055ed308" },
	{ PRF_AES128_XCBC, "RFC 4434 §2.1, key of 10", "00010203040506070809",
		"000102030405060708090a0b0c0d0e0f10111213", "0fa087af7d866e7653434e602fdde835" },
	{ PRF_AES128_XCBC, "RFC 4434 §2.1, key of 18", "000102030405060708090a0b0c0d0e0fedcb",
		"000102030405060708090a0b0c0d0e0f10111213", "8cd3c93ae598a9803006ffb67c40e9e4" },
	{ PRF_AES128_XCBC, "RFC 3566 §4.6 case 1", "000102030405060708090a0b0c0d0e0f", "",
		"75f0251d528ac01c4573dfd584d79f29" },
	{ PRF_AES128_XCBC, "RFC 3566 §4.6 case 2", "000102030405060708090a0b0c0d0e0f", "000102",
		"5b376580ae2f19afe7219ceef172756f" },
	{ PRF_AES128_XCBC, "RFC 3566 §4.6 case 3", "000102030405060708090a0b0c0d0e0f",
		"000102030405060708090a0b0c0d0e0f", "d2a246fa349b68a79998a4394ff7a263" },
	{ PRF_AES128_XCBC, "RFC 3566 §4.6 case 4", "000102030405060708090a0b0c0d0e0f",
		"000102030405060708090a0b0c0d0e0f10111213", "47f51b4564966215b8985c63055ed308" },
	{ PRF_AES128_XCBC, "RFC 3566 §4.6 case 5", "000102030405060708090a0b0c0d0e0f",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"f54f0ec8d2b9f3d36807734bd5283fd4" },
	{ PRF_AES128_XCBC, "RFC 3566 §4.6 case 6", "000102030405060708090a0b0c0d0e0f",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021",
		"becbb3bccdb518a30677d5481fb6b4d8" },
	{ PRF_AES128_XCBC, "RFC 3566 §4.6 case 7", "000102030405060708090a0b0c0d0e0f", "00*1000",
		"f0dafee895db30253761103b5d84528f" },
};

/* Key 00..1f, seed 40..6f; made with Python's hmac, and with XCBC and CMAC written there after
 * their RFCs: while len(out) < n: t = prf(key, t + seed + bytes([i])); out += t; i += 1 */
static const struct {
	uint16_t prf;
	const char *out;
} prf_plus_vectors[] = {
	{ PRF_HMAC_SHA1,
		"0016ea92cdaa1c39d92a3b8092f1d76eac278d17776701ac648c9dfeee889333"
		"0e5b78d629ae81bbb6dffd9693102154471d2ea6669d2706da52ca534a178473"
		"c28ecbc190b6c42d130e84284874d9c5284961016d414d7b59f4147708edd572"
		"61c964a0" },
	{ PRF_HMAC_SHA2_256,
		"2cbee05c3c998db24227e94eac0fc0fea401226120ab9c41584e5c2d505d79bd"
		"0b775597cb5ca29d15f95aab79926e1f69e2a4b0d0352a5b553014973322fab9"
		"3d744776eee7369906925545f8a7a3d7ec2c89f151442f3842d49ecbf3661789"
		"ceff7756" },
	{ PRF_HMAC_SHA2_384,
		"54cc771b8cc46873c9a1e2775947dabcc6053ef44c51abf6bf805ee04f7428ca"
		"c2fca4a36a35c776cd5f1e5ca43c98ea392459e2327e83d8c522a42cb50b456b"
		"d87d9cea224a33db823b4bd753efba65ba63861ed1c28a1559b90f77bfdc1299"
		"c7495bb4" },
	{ PRF_HMAC_SHA2_512,
		"70ae0f9d300b7ef08ba9bf66f8db18cfbd91e18fc08c94fcd39255cb59f48cc3"
		"50854d523ff28d1700f1f44dfcdf87d400fb7fa20b075dd654329e8642f0352d"
		"90ea5c67c84fbeef5e4e99b87a833bfb00926a6031e6633a8be208e6df94d16c"
		"31f7a5d7" },
	{ PRF_AES128_XCBC,
		"8615afbd4c27fa914db584265601613fc7a5e5e5cc4cbfcbf0b13946a4e8d7f3"
		"988131d9bfdde38078a96699d4365de030b47ece3c4f321b035eac96ad54bf20"
		"5d0c6739fdc87d61fb867fc52771c11110367acc91165f04da63f06bc46792db"
		"b52d4f80" },
	{ PRF_AES128_CMAC,
		"584e93bced2c5306cb727f0b24b6931ef4fc36d91c0cf66a8a28cb09922f31c9"
		"adf783653ad0141c94a8912fe9cd99de5361d4f91892352849d71f0c33550ab7"
		"561ce0a274328da1c9d9df93efbd82e8b0d97ae71a29ccae47e47065ee9ceeb7"
		"ff03d370" },
};

static int open_crypto(void **state)
{
	*state = crypto_new(NULL);
	return *state ? 0 : -1;
}

static int close_crypto(void **state)
{
	crypto_free(*state);
	return 0;
}

static void prfs_give_known_answers(void **state)
{
	for (size_t i = 0; i < COUNT_OF(prf_vectors); i++) {
		const struct vector key = vector_of(prf_vectors[i].key);
		const struct vector data = vector_of(prf_vectors[i].data);
		const struct vector expected = vector_of(prf_vectors[i].out);
		const struct bytes parts[] = { vector_bytes(&data) };
		uint8_t out[MAC_BYTES_MAX];

		print_message("%s\n", prf_vectors[i].from);
		assert_int_equal(
			prf(*state, prf_vectors[i].prf, vector_bytes(&key), parts, 1, out), 0);
		assert_memory_equal(out, expected.data, expected.size);
	}
}

static void how_data_is_cut_into_parts_does_not_matter(void **state)
{
	for (size_t i = 0; i < COUNT_OF(prf_vectors); i++) {
		const struct vector key = vector_of(prf_vectors[i].key);
		const struct vector data = vector_of(prf_vectors[i].data);
		const struct vector expected = vector_of(prf_vectors[i].out);
		size_t step = data.size > 100 ? 37 : 1;

		for (size_t a = 0; a <= data.size; a += step) {
			size_t b = a + (data.size - a) / 2;
			const struct bytes parts[] = { BYTES(data.data, a), BYTES_EMPTY,
				BYTES(data.data + a, b - a), BYTES(data.data + b, data.size - b) };
			uint8_t out[MAC_BYTES_MAX];

			assert_int_equal(
				prf(*state, prf_vectors[i].prf, vector_bytes(&key), parts, 4, out),
				0);
			assert_memory_equal(out, expected.data, expected.size);
		}
	}
}

static void prf_plus_gives_known_answers(void **state)
{
	uint8_t key[32];
	uint8_t seed[48];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(0x40 + i);

	for (size_t i = 0; i < COUNT_OF(prf_plus_vectors); i++) {
		const struct vector expected = vector_of(prf_plus_vectors[i].out);
		uint8_t out[100];

		for (size_t size = 0; size <= sizeof(out); size++) {
			memset(out, 0xee, sizeof(out));
			assert_int_equal(prf_plus(*state, prf_plus_vectors[i].prf, BYTES_OF(key),
						 BYTES_OF(seed), out, size),
				0);
			assert_memory_equal(out, expected.data, size);
			assert_true(size == sizeof(out) || out[size] == 0xee);
		}
	}
}

/* The last block that the counter octet can number. SHA-256 of the 255 blocks, from the same
 * Python. */
static void prf_plus_reaches_255_blocks(void **state)
{
	static uint8_t out[255 * 32];
	const struct vector expected =
		vector_of("659600d595c94bfc1c79397db8a50912c25d3b3a77a1c930e0eba11d7d87eb64");
	uint8_t key[32];
	uint8_t seed[48];
	uint8_t digest[32];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(0x40 + i);
	assert_int_equal(prf_plus(*state, PRF_HMAC_SHA2_256, BYTES_OF(key), BYTES_OF(seed), out,
				 sizeof(out)),
		0);
	assert_int_equal(hash_sha256(*state, &BYTES_OF(out), 1, digest), 0);
	assert_memory_equal(digest, expected.data, sizeof(digest));
}

static void prfs_have_their_sizes(void **state)
{
	(void)state;
	assert_int_equal(prf_output_bytes(PRF_HMAC_SHA1), 20);
	assert_int_equal(prf_output_bytes(PRF_HMAC_SHA2_256), 32);
	assert_int_equal(prf_output_bytes(PRF_HMAC_SHA2_384), 48);
	assert_int_equal(prf_output_bytes(PRF_HMAC_SHA2_512), 64);
	assert_int_equal(prf_key_bytes(PRF_HMAC_SHA2_512), 64);
	assert_int_equal(prf_key_bytes(PRF_AES128_XCBC), 16);
	assert_int_equal(prf_output_bytes(PRF_AES128_CMAC), 16);
	assert_true(prf_known(PRF_AES128_CMAC));
	assert_false(prf_known(1));
	assert_int_equal(prf_output_bytes(1), 0);
	assert_int_equal(prf_key_bytes(0), 0);
}

static void an_empty_key_is_a_key(void **state)
{
	const struct vector expected =
		vector_of("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	const uint8_t other[] = "another key";
	uint8_t out[32];

	assert_int_equal(prf(*state, PRF_HMAC_SHA2_256, BYTES_OF(other), NULL, 0, out), 0);
	assert_int_equal(prf(*state, PRF_HMAC_SHA2_256, BYTES_EMPTY, NULL, 0, out), 0);
	assert_memory_equal(out, expected.data, sizeof(out));
}

/* FIPS 180: "abc", whole and in parts. */
static void hashes_give_known_answers(void **state)
{
	const struct vector sha1 = vector_of("a9993e364706816aba3e25717850c26c9cd0d89d");
	const struct vector sha256 =
		vector_of("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	const struct bytes parts[] = { BYTES("a", 1), BYTES_EMPTY, BYTES("bc", 2) };
	const struct bytes whole = BYTES("abc", 3);
	uint8_t out[32];

	assert_int_equal(hash_sha1(*state, &whole, 1, out), 0);
	assert_memory_equal(out, sha1.data, 20);
	assert_int_equal(hash_sha1(*state, parts, 3, out), 0);
	assert_memory_equal(out, sha1.data, 20);
	assert_int_equal(hash_sha256(*state, &whole, 1, out), 0);
	assert_memory_equal(out, sha256.data, 32);
	assert_int_equal(hash_sha256(*state, parts, 3, out), 0);
	assert_memory_equal(out, sha256.data, 32);
}

/* What a context draws, in a life: octets, a key pair of each group, a secret, a signature. */

struct life {
	uint8_t octets[64];
	uint8_t values[19][KE_BYTES_MAX];
	uint8_t signature[128];
	size_t signature_size;
};

static const uint16_t groups[] = { KE_MODP_1024, KE_MODP_1536, KE_MODP_2048, KE_MODP_3072,
	KE_ECP_256, KE_ECP_384, KE_ECP_521, KE_MODP_1024_160, KE_MODP_2048_224, KE_MODP_2048_256,
	KE_BRAINPOOL_256, KE_BRAINPOOL_384, KE_BRAINPOOL_512, KE_CURVE25519, KE_CURVE448 };

static void sign(struct crypto *c, struct life *ret_life)
{
	EVP_PKEY *key = group_generate(c, group_find(KE_ECP_256));
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	ret_life->signature_size = sizeof(ret_life->signature);
	assert_int_equal(EVP_DigestSignInit_ex(md, NULL, "SHA256", c->lib, NULL, key, NULL), 1);
	assert_int_equal(EVP_DigestSign(md, ret_life->signature, &ret_life->signature_size,
				 (const uint8_t *)"tern", 4),
		1);
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
}

static void live(const struct random_source *source, struct life *ret_life)
{
	struct crypto *c = crypto_new(source);
	struct ke_private *private;
	size_t size;

	assert_non_null(c);
	memset(ret_life, 0, sizeof(*ret_life));
	assert_int_equal(crypto_random(c, ret_life->octets, sizeof(ret_life->octets)), 0);
	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		assert_int_equal(ke_begin(c, groups[i], &private, ret_life->values[i], &size), 0);
		ke_private_free(private);
	}
	sign(c, ret_life);
	crypto_free(c);
}

static void one_seed_gives_one_life(void **state)
{
	static struct life a, b, other;
	uint64_t seed_a = 1, seed_b = 1, seed_other = 2;

	(void)state;
	live(&(struct random_source){ seed_fill, &seed_a }, &a);
	live(&(struct random_source){ seed_fill, &seed_b }, &b);
	live(&(struct random_source){ seed_fill, &seed_other }, &other);

	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(seed_a, seed_b);
	for (size_t i = 0; i < COUNT_OF(groups); i++)
		assert_memory_not_equal(a.values[i], other.values[i], ke_public_bytes(groups[i]));
	assert_memory_not_equal(a.signature, other.signature, 32);
}

static void without_a_seed_no_two_lives_are_alike(void **state)
{
	static struct life a, b;

	(void)state;
	live(NULL, &a);
	live(NULL, &b);
	assert_memory_not_equal(a.octets, b.octets, sizeof(a.octets));
	for (size_t i = 0; i < COUNT_OF(groups); i++)
		assert_memory_not_equal(a.values[i], b.values[i], ke_public_bytes(groups[i]));
}

/* The source itself, and nothing between it and us. */
static void seeded_octets_are_the_source(void **state)
{
	uint64_t seed = 3, same = 3;
	const struct random_source source = seed_source(&seed);
	struct crypto *c = crypto_new(&source);
	uint8_t expected[40];
	uint8_t out[40];

	(void)state;
	assert_int_equal(crypto_random(c, out, sizeof(out)), 0);
	seed_fill(&same, expected, sizeof(expected));
	assert_memory_equal(out, expected, sizeof(out));
	crypto_free(c);
}

static void contexts_do_not_share_generators(void **state)
{
	uint64_t seed = 4;
	const struct random_source source = seed_source(&seed);
	struct crypto *seeded = crypto_new(&source);
	struct crypto *plain = crypto_new(NULL);
	uint8_t out[32];

	(void)state;
	assert_int_equal(crypto_random(plain, out, sizeof(out)), 0);
	assert_int_equal(seed, 4);
	assert_int_equal(crypto_random(seeded, out, sizeof(out)), 0);
	assert_int_not_equal(seed, 4);
	crypto_free(seeded);
	crypto_free(plain);
	crypto_free(NULL);
	assert_int_equal(ERR_peek_error(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prfs_give_known_answers),
		cmocka_unit_test(how_data_is_cut_into_parts_does_not_matter),
		cmocka_unit_test(prf_plus_gives_known_answers),
		cmocka_unit_test(prf_plus_reaches_255_blocks),
		cmocka_unit_test(prfs_have_their_sizes),
		cmocka_unit_test(an_empty_key_is_a_key),
		cmocka_unit_test(hashes_give_known_answers),
		cmocka_unit_test(one_seed_gives_one_life),
		cmocka_unit_test(without_a_seed_no_two_lives_are_alike),
		cmocka_unit_test(seeded_octets_are_the_source),
		cmocka_unit_test(contexts_do_not_share_generators),
	};

	return cmocka_run_group_tests(tests, open_crypto, close_crypto);
}
