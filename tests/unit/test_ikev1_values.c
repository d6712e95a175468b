/* IKEv1's values as IKEv2's and back: transforms, proxy IDs, vendor IDs; and how they print. */
#include "octets.h"
#include "wire/isakmp_transforms.h"

#include <errno.h>
#include <string.h>

static struct v1_transform transform_of(
	uint8_t id, const char *hex, uint8_t in[static SAMPLE_BYTES_MAX])
{
	return (struct v1_transform){ .number = 1, .id = id, .attributes = octets_of(hex, in) };
}

/* Phase 1. */

static const struct {
	const char *what;
	const char *hex;
	int result;
	const char *proposal; /* NULL: IKEv2 has no such thing */
	struct v1_ike_transform value;
} ike_rows[] = {
	{ "AES-256", "80010007 800e0100 80020002 80040005 80030001 800b0001 800c3de0", 0,
		"IKE:AES_CBC-256/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1536",
		{ V1_ENCRYPTION_AES, 256, V1_HASH_SHA1, V1_METHOD_PSK, 5, 15840, 0 } },
	{ "AES without a key length is AES-128", "80010007 80020004 80030003 8004000e", 0,
		"IKE:AES_CBC-128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048",
		{ V1_ENCRYPTION_AES, 128, V1_HASH_SHA2_256, V1_METHOD_RSA_SIGNATURE, 14, 0, 0 } },
	{ "3DES, life of 4 octets and in kilobytes",
		"80010005 80020002 8003fde9 80040002 800b0001 000c0004 00015180 800b0002 800c03e8",
		0, "IKE:3DES_CBC/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024",
		{ V1_ENCRYPTION_3DES, 0, V1_HASH_SHA1, V1_METHOD_XAUTH_INIT_PSK, 2, 86400, 1000 } },
	{ "numbers in the long form",
		"00010002 0007 00020001 06 00030002 0009 00040002 0013 000e0002 0080 000b0001 01"
		"000c0008 0000000000000e10",
		0, "IKE:AES_CBC-128/HMAC_SHA2_512_256/PRF_HMAC_SHA2_512/ECP_256",
		{ V1_ENCRYPTION_AES, 128, V1_HASH_SHA2_512, V1_METHOD_ECDSA_256, 19, 3600, 0 } },
	{ "MD5", "80010005 80020001 80030001 80040002", 0, NULL,
		{ V1_ENCRYPTION_3DES, 0, V1_HASH_MD5, V1_METHOD_PSK, 2, 0, 0 } },
	{ "DES", "80010001 80020002 80030001 80040002", 0, NULL,
		{ V1_ENCRYPTION_DES, 0, V1_HASH_SHA1, V1_METHOD_PSK, 2, 0, 0 } },
	{ "an odd key length", "80010007 800e0081 80020002 80030001 80040002", 0, NULL,
		{ V1_ENCRYPTION_AES, 129, V1_HASH_SHA1, V1_METHOD_PSK, 2, 0, 0 } },
	{ "a group by its prime", "80010005 80020002 80030001 80050001 00060002ffff", -ENOTSUP,
		NULL, { 0 } },
	{ "a PRF", "80010005 80020002 80030001 80040002 800d0001", -ENOTSUP, NULL, { 0 } },
	{ "an unknown attribute", "80010005 80020002 80030001 80040002 fde80001", -ENOTSUP, NULL,
		{ 0 } },
	{ "no hash", "80010005 80030001 80040002", -ENOTSUP, NULL, { 0 } },
	{ "two hashes", "80010005 80020002 80020004 80030001 80040002", -EBADMSG, NULL, { 0 } },
	{ "a duration of nothing", "80010005 80020002 80030001 80040002 800c3de0", -EBADMSG, NULL,
		{ 0 } },
	{ "a life without duration", "80010005 80020002 80030001 80040002 800b0001", -EBADMSG, NULL,
		{ 0 } },
	{ "an attribute that is cut", "80010005 8002", -EBADMSG, NULL, { 0 } },
};

static void phase_1_transforms_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ike_rows) / sizeof(ike_rows[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX];
		struct v1_transform t = transform_of(V1_KEY_IKE, ike_rows[i].hex, in);
		struct v1_ike_transform ike;
		struct proposal p;
		char text[200];

		if (v1_ike_transform_decode(&t, &ike) != ike_rows[i].result)
			fail_msg("%s", ike_rows[i].what);
		if (ike_rows[i].result)
			continue;
		if (!v1_ike_transform_equal(&ike, &ike_rows[i].value) ||
			v1_ike_transform_to_proposal(&ike, &p) != !!ike_rows[i].proposal)
			fail_msg("%s", ike_rows[i].what);
		if (ike_rows[i].proposal)
			assert_string_equal(
				proposal_print(&p, text, sizeof(text)), ike_rows[i].proposal);
	}
}

/* Phase 2. */

static const struct {
	const char *what;
	uint8_t id;
	const char *hex;
	int result;
	const char *proposal;
	struct v1_esp_transform value;
} esp_rows[] = {
	{ "AES-CBC with PFS", 12, "80060100 80050007 80040001 8003000e 80010001 80020e10", 0,
		"ESP:AES_CBC-256/HMAC_SHA2_512_256/MODP_2048/NO_EXT_SEQ",
		{ 12, 256, V1_AUTHENTICATION_HMAC_SHA2_512, 14, V1_TUNNEL, false, 3600, 0 } },
	{ "AES-GCM, NAT-T of a draft, kilobytes in 8 octets", 20,
		"80060080 8004f003 80010002 00020008 0000000100000000", 0,
		"ESP:AES_GCM_16-128/NO_EXT_SEQ",
		{ 20, 128, 0, 0, V1_UDP_TUNNEL_DRAFT, false, 0, 0x100000000 } },
	{ "ESN", 3, "80050002 80040002 800b0001", 0, "ESP:3DES_CBC/HMAC_SHA1_96/EXT_SEQ",
		{ 3, 0, V1_AUTHENTICATION_HMAC_SHA1, 0, V1_TRANSPORT, true, 0, 0 } },
	{ "NULL with XCBC", 11, "80050009", 0, "ESP:NULL/AES_XCBC_96/NO_EXT_SEQ",
		{ 11, 0, V1_AUTHENTICATION_AES_XCBC, 0, 0, false, 0, 0 } },
	{ "GMAC has another number", 23, "80060080", 0, "ESP:NULL_AES_GMAC-128/NO_EXT_SEQ",
		{ 23, 128, 0, 0, 0, false, 0, 0 } },
	{ "CTR without a key length", 13, "80050005", 0,
		"ESP:AES_CTR-128/HMAC_SHA2_256_128/NO_EXT_SEQ",
		{ 13, 128, V1_AUTHENTICATION_HMAC_SHA2_256, 0, 0, false, 0, 0 } },
	{ "AES without integrity", 12, "80060080", 0, NULL, { 12, 128, 0, 0, 0, false, 0, 0 } },
	{ "GCM with integrity", 20, "80060080 80050002", 0, NULL,
		{ 20, 128, V1_AUTHENTICATION_HMAC_SHA1, 0, 0, false, 0, 0 } },
	{ "3DES with a key length", 3, "80060080 80050002", 0, NULL,
		{ 3, 128, V1_AUTHENTICATION_HMAC_SHA1, 0, 0, false, 0, 0 } },
	{ "MD5", 3, "80050001", 0, NULL, { 3, 0, V1_AUTHENTICATION_HMAC_MD5, 0, 0, false, 0, 0 } },
	{ "a group that there isn't", 3, "80050002 80030063", 0, NULL,
		{ 3, 0, V1_AUTHENTICATION_HMAC_SHA1, 99, 0, false, 0, 0 } },
	{ "an ESN of 2", 3, "80050002 800b0002", -ENOTSUP, NULL, { 0 } },
	{ "ECN", 3, "80050002 800a0001", -ENOTSUP, NULL, { 0 } },
	{ "two modes", 3, "80050002 80040001 80040002", -EBADMSG, NULL, { 0 } },
};

static void phase_2_transforms_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(esp_rows) / sizeof(esp_rows[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX];
		struct v1_transform t = transform_of(esp_rows[i].id, esp_rows[i].hex, in);
		struct v1_esp_transform esp;
		struct proposal p;
		char text[200];

		if (v1_esp_transform_decode(&t, &esp) != esp_rows[i].result)
			fail_msg("%s", esp_rows[i].what);
		if (esp_rows[i].result)
			continue;
		if (!v1_esp_transform_equal(&esp, &esp_rows[i].value) ||
			v1_esp_transform_to_proposal(&esp, &p) != !!esp_rows[i].proposal)
			fail_msg("%s", esp_rows[i].what);
		if (esp_rows[i].proposal)
			assert_string_equal(
				proposal_print(&p, text, sizeof(text)), esp_rows[i].proposal);
	}
}

/* The one transform of the one proposal of an SA payload. */
static struct v1_transform only_transform(struct bytes sa)
{
	struct v1_sa_reader s;
	struct v1_proposal p;
	struct v1_transform_reader r;
	struct v1_transform t;

	assert_int_equal(v1_sa_begin(sa, &s), 0);
	assert_int_equal(v1_sa_next(&s, &p), 1);
	r = v1_transforms_begin(&p);
	assert_int_equal(v1_transforms_next(&r, &t), 1);
	assert_int_equal(v1_transforms_next(&r, &t), 0);
	return t;
}

static void what_is_encoded_is_read_back(void **state)
{
	static const uint64_t lives[] = { 0, 3600, UINT16_MAX, UINT16_MAX + 1, UINT32_MAX,
		(uint64_t)UINT32_MAX + 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		uint8_t out[200];
		struct writer w = writer_of(out, sizeof(out));
		struct v1_sa_writer s = v1_sa_encode_begin(&w);
		struct v1_ike_transform ike = ike_rows[0].value, ike_back;
		struct v1_esp_transform esp = esp_rows[0].value, esp_back;
		struct v1_transform t;

		ike.life_seconds = ike.life_kilobytes = lives[i];
		v1_proposal_begin(&s, 1, V1_PROTOCOL_ISAKMP, BYTES_EMPTY);
		v1_ike_transform_encode(&s, 1, &ike);
		v1_proposal_end(&s);
		t = only_transform(writer_bytes(&w));
		assert_int_equal(v1_ike_transform_decode(&t, &ike_back), 0);
		assert_true(v1_ike_transform_equal(&ike, &ike_back));

		w = writer_of(out, sizeof(out));
		s = v1_sa_encode_begin(&w);
		esp.esn = i % 2;
		esp.life_seconds = esp.life_kilobytes = lives[i];
		v1_proposal_begin(&s, 1, V1_PROTOCOL_ESP, BYTES("\1\2\3\4", 4));
		v1_esp_transform_encode(&s, 1, &esp);
		v1_proposal_end(&s);
		t = only_transform(writer_bytes(&w));
		assert_int_equal(v1_esp_transform_decode(&t, &esp_back), 0);
		assert_true(v1_esp_transform_equal(&esp, &esp_back));
	}
}

static void a_responders_lifetime_is_read_in_its_phase(void **state)
{
	static const struct {
		uint8_t protocol;
		const char *hex;
		bool fits;
		uint64_t seconds;
		uint64_t kilobytes;
	} rows[] = {
		{ V1_PROTOCOL_ESP, "80010001 80020e10", true, 3600, 0 },
		{ V1_PROTOCOL_ESP, "80010001 00020004 00015180 80010002 80020400", true, 86400,
			1024 },
		{ V1_PROTOCOL_ISAKMP, "800b0001 800c7080", true, 28800, 0 },
		{ V1_PROTOCOL_ISAKMP, "80010001 80020e10", false, 0, 0 },
		{ V1_PROTOCOL_ESP, "80010003 80020e10", false, 0, 0 },
		{ V1_PROTOCOL_ESP, "80020e10", false, 0, 0 },
		{ V1_PROTOCOL_ESP, "80010001", false, 0, 0 },
		{ V1_PROTOCOL_ESP, "80010001 8002", false, 0, 0 },
		{ V1_PROTOCOL_ESP, "", false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX], out[64];
		struct v1_notify n = { .protocol = rows[i].protocol,
			.data = octets_of(rows[i].hex, in) };
		struct writer w = writer_of(out, sizeof(out));
		struct v1_lifetime life = { 0 };

		assert_int_equal(v1_lifetime_decode(&n, &life), rows[i].fits);
		assert_true(life.seconds == rows[i].seconds && life.kilobytes == rows[i].kilobytes);
		if (!rows[i].fits)
			continue;
		v1_lifetime_encode(&w, n.protocol, &life);
		assert_true(bytes_equal(writer_bytes(&w), n.data));
	}
}

/* Combinations. */

static void add(struct proposal *p, uint8_t type, uint16_t id, uint16_t key_bits)
{
	p->transforms[p->transform_count++] = (struct transform){ type, id, key_bits };
}

static void phase_1_has_every_combination_in_order(void **state)
{
	struct proposal p = { .number = 1, .protocol = PROTOCOL_IKE };
	struct v1_ike_transform t;
	static const uint16_t want[][3] = { /* key bits, hash, group */
		{ 256, V1_HASH_SHA2_256, 14 }, { 256, V1_HASH_SHA2_256, 19 },
		{ 256, V1_HASH_SHA1, 14 }, { 256, V1_HASH_SHA1, 19 }, { 128, V1_HASH_SHA2_256, 14 },
		{ 128, V1_HASH_SHA2_256, 19 }, { 128, V1_HASH_SHA1, 14 }, { 128, V1_HASH_SHA1, 19 }
	};

	(void)state;
	add(&p, TRANSFORM_ENCR, ENCR_AES_CBC, 256);
	add(&p, TRANSFORM_ENCR, ENCR_AES_GCM_16, 256); /* no number in phase 1 */
	add(&p, TRANSFORM_ENCR, ENCR_AES_CBC, 128);
	add(&p, TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0);
	add(&p, TRANSFORM_INTEG, INTEG_AES_CMAC_96, 0); /* none either */
	add(&p, TRANSFORM_INTEG, INTEG_HMAC_SHA1_96, 0);
	add(&p, TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0);
	add(&p, TRANSFORM_PRF, PRF_HMAC_SHA1, 0);
	add(&p, TRANSFORM_KE, KE_MODP_2048, 0);
	add(&p, TRANSFORM_KE, KE_CURVE448, 0); /* none */
	add(&p, TRANSFORM_KE, KE_ECP_256, 0);
	for (size_t i = 0; i < 8; i++) {
		assert_true(v1_ike_transform_nth(&p, i, &t));
		assert_int_equal(t.key_bits, want[i][0]);
		assert_int_equal(t.hash, want[i][1]);
		assert_int_equal(t.group, want[i][2]);
	}
	assert_false(v1_ike_transform_nth(&p, 8, &t));
}

static void the_prf_must_be_that_of_the_hash(void **state)
{
	struct proposal p = { .number = 1, .protocol = PROTOCOL_IKE };
	struct v1_ike_transform t;

	(void)state;
	add(&p, TRANSFORM_ENCR, ENCR_3DES, 0);
	add(&p, TRANSFORM_PRF, PRF_HMAC_SHA2_384, 0);
	add(&p, TRANSFORM_KE, KE_MODP_1024, 0);
	assert_true(v1_ike_transform_nth(&p, 0, &t)); /* no INTEG: the PRF's hash */
	assert_int_equal(t.hash, V1_HASH_SHA2_384);
	assert_false(v1_ike_transform_nth(&p, 1, &t));

	add(&p, TRANSFORM_INTEG, INTEG_HMAC_SHA1_96, 0);
	assert_false(v1_ike_transform_nth(&p, 0, &t));
}

static void phase_2_has_aeads_without_and_ciphers_with_integrity(void **state)
{
	struct proposal p = { .number = 1, .protocol = PROTOCOL_ESP };
	struct v1_esp_transform t;

	(void)state;
	add(&p, TRANSFORM_ENCR, ENCR_AES_GCM_16, 128);
	add(&p, TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 0); /* no number */
	add(&p, TRANSFORM_ESN, ESN_NO, 0);
	add(&p, TRANSFORM_ESN, ESN_YES, 0);
	assert_true(v1_esp_transform_nth(&p, 0, &t));
	assert_true(t.id == V1_ESP_AES_GCM_16 && !t.esn && !t.authentication && !t.group);
	assert_true(v1_esp_transform_nth(&p, 1, &t));
	assert_true(t.id == V1_ESP_AES_GCM_16 && t.esn);
	assert_false(v1_esp_transform_nth(&p, 2, &t));

	p.transforms[0] = (struct transform){ TRANSFORM_ENCR, ENCR_AES_CBC, 192 };
	assert_false(v1_esp_transform_nth(&p, 0, &t)); /* nothing would protect it */
	add(&p, TRANSFORM_INTEG, INTEG_AES_CMAC_96, 0);
	add(&p, TRANSFORM_INTEG, INTEG_HMAC_SHA2_384_192, 0);
	add(&p, TRANSFORM_KE, KE_CURVE25519, 0);
	assert_true(v1_esp_transform_nth(&p, 1, &t));
	assert_int_equal(t.authentication, V1_AUTHENTICATION_HMAC_SHA2_384);
	assert_int_equal(t.group, KE_CURVE25519);
	assert_false(v1_esp_transform_nth(&p, 2, &t));
}

/* A transform that became a proposal becomes the same transform again. */
static void values_go_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ike_rows) / sizeof(ike_rows[0]); i++) {
		struct v1_ike_transform want = ike_rows[i].value, t;
		struct proposal p;

		if (!ike_rows[i].proposal)
			continue;
		assert_true(v1_ike_transform_to_proposal(&want, &p));
		assert_true(v1_ike_transform_nth(&p, 0, &t));
		t.method = want.method;
		t.life_seconds = want.life_seconds;
		t.life_kilobytes = want.life_kilobytes;
		assert_true(v1_ike_transform_equal(&want, &t));
		assert_false(v1_ike_transform_nth(&p, 1, &t));
	}
	for (size_t i = 0; i < sizeof(esp_rows) / sizeof(esp_rows[0]); i++) {
		struct v1_esp_transform want = esp_rows[i].value, t;
		struct proposal p;

		if (!esp_rows[i].proposal)
			continue;
		assert_true(v1_esp_transform_to_proposal(&want, &p));
		assert_true(v1_esp_transform_nth(&p, 0, &t));
		t.encapsulation = want.encapsulation;
		t.life_seconds = want.life_seconds;
		t.life_kilobytes = want.life_kilobytes;
		assert_true(v1_esp_transform_equal(&want, &t));
		assert_false(v1_esp_transform_nth(&p, 1, &t));
	}
}

/* Proxy IDs. */

static const struct {
	const char *hex;
	const char *text;
	bool same; /* the selector gives this ID again */
} ids[] = {
	{ "01 00 0000 0a010001", "10.1.0.1", true },
	{ "01 11 06a5 0a010001", "10.1.0.1/32[udp/1701]", true },
	{ "04 00 0000 0a010000 ffff0000", "10.1.0.0/16", true },
	{ "04 00 0000 0a010203 ffff0000", "10.1.0.0/16", false },
	{ "04 06 0050 00000000 00000000", "0.0.0.0/0[tcp/80]", true },
	{ "04 00 0000 0a010001 ffffffff", "10.1.0.1/32", false },
	{ "07 00 0000 0a010001 0a010009", "10.1.0.1..10.1.0.9", true },
	{ "07 00 0000 0a010001 0a010002", "10.1.0.1..10.1.0.2", true },
	{ "07 00 0000 0a010000 0a01ffff", "10.1.0.0/16", false },
	{ "05 3a 0000 20010db8000000000000000000000001", "2001:db8::1/128[ipv6-icmp]", true },
	{ "06 00 0000 20010db8000000000000000000000000 ffffffff000000000000000000000000",
		"2001:db8::/32", true },
	{ "08 00 0000 20010db8000000000000000000000001 20010db8000000000000000000000003",
		"2001:db8::1..2001:db8::3", true },
};

static void a_proxy_id_is_a_selector(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX], octets[V1_ID_OCTETS_MAX], out[64];
		struct bytes body = octets_of(ids[i].hex, in);
		struct writer w = writer_of(out, sizeof(out));
		struct v1_id id, back;
		struct selector s, again;
		char text[200];

		assert_true(v1_id_decode(body, &id));
		assert_string_equal(v1_id_print(&id, text, sizeof(text)), ids[i].text);
		assert_true(v1_id_to_selector(&id, &s));
		assert_true(v1_id_from_selector(&s, octets, &back));
		v1_id_encode(&w, &back);
		assert_int_equal(bytes_equal(writer_bytes(&w), body), ids[i].same);
		assert_true(v1_id_to_selector(&back, &again));
		assert_memory_equal(&s, &again, sizeof(s));
	}
}

static void some_are_not(void **state)
{
	uint8_t in[SAMPLE_BYTES_MAX], octets[V1_ID_OCTETS_MAX];
	struct selector s = { 4, 6, 80, 81, { 4, { 10 } }, { 4, { 10 } } };
	struct v1_id id;

	(void)state;
	assert_true(v1_id_decode(octets_of("02 00 0000 6d6f6f6e", in), &id));
	assert_false(v1_id_to_selector(&id, &s));
	assert_false(v1_id_from_selector(&s, octets, &id)); /* two ports */
	s.port_first = s.port_last = 0;                     /* 0 would mean any */
	assert_false(v1_id_from_selector(&s, octets, &id));
}

/* Vendor IDs. */

static void vendors_are_known_with_what_follows(void **state)
{
	static const struct {
		const char *hex;
		enum v1_vendor vendor;
	} rows[] = {
		{ "4a131c81070358455c5728f20e95452f", V1_VENDOR_RFC_3947 },
		{ "4a131c81070358455c5728f20e95452f00", V1_VENDOR_UNKNOWN },
		{ "4a131c81070358455c5728f20e9545", V1_VENDOR_UNKNOWN },
		{ "cd60464335df21f87cfdb2fc68b6a448", V1_VENDOR_NAT_T_02 },
		{ "90cb80913ebb696e086381b5ec427b1f", V1_VENDOR_NAT_T_02_N },
		{ "7d9419a65310ca6f2c179d9215529d56", V1_VENDOR_NAT_T_03 },
		{ "09002689dfd6b712", V1_VENDOR_XAUTH },
		{ "afcad71368a1f1c96b8696fc77570100", V1_VENDOR_DPD },
		{ "afcad71368a1f1c96b8696fc77570101", V1_VENDOR_DPD },
		{ "12f5f28c457168a9702d9fe274cc0100", V1_VENDOR_UNITY },
		{ "12f5f28c457168a9702d9fe274cc02d4", V1_VENDOR_UNITY },
		{ "4048b7d56ebce88525e7de7f00d6c2d3", V1_VENDOR_FRAGMENTATION },
		{ "4048b7d56ebce88525e7de7f00d6c2d380000000", V1_VENDOR_FRAGMENTATION },
		{ "4048b7d56ebce88525e7de7f00d6c2d3c0000000", V1_VENDOR_FRAGMENTATION },
		{ "1e2b516905991c7d7c96fcbfb587e46100000009", V1_VENDOR_MS_NT5 },
		{ "882fe56d6fd20dbc2251613b2ebe5beb", V1_VENDOR_STRONGSWAN },
		{ "", V1_VENDOR_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX];

		assert_int_equal(v1_vendor_find(octets_of(rows[i].hex, in)), rows[i].vendor);
	}
	for (int i = 0; i < V1_VENDOR_COUNT; i++) {
		struct bytes octets = v1_vendor_octets((enum v1_vendor)i);

		assert_non_null(v1_vendor_name((enum v1_vendor)i));
		if (octets.size)
			assert_int_equal(v1_vendor_find(octets), i);
	}
}

/* Print. */

static char *printed(uint8_t type, const char *hex, char text[static 600])
{
	uint8_t in[SAMPLE_BYTES_MAX];
	struct payload payload = { .type = type, .body = octets_of(hex, in) };

	return v1_payload_print(&payload, text, 600);
}

static void payloads_print_in_words(void **state)
{
	char text[600];

	(void)state;
	assert_string_equal(
		printed(V1_PAYLOAD_SA,
			"00000001 00000001 0000002c 01010001 00000024 01010000"
			"80010007 800e0100 80020002 80040005 80030001 800b0001 800c3de0",
			text),
		"SA: #1 ISAKMP IKE:AES_CBC-256/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1536, "
		"pre-shared key, 15840s");
	assert_string_equal(printed(V1_PAYLOAD_SA,
				    "00000001 00000001"
				    "00000024 01030402 11223344"
				    "0300000c 01030000 80050002 0000000c 02020000 80050001",
				    text),
		"SA: #1 ESP 11223344 ESP:3DES_CBC/HMAC_SHA1_96/NO_EXT_SEQ | transform 2 5=1");
	assert_string_equal(
		printed(V1_PAYLOAD_DELETE, "00000001 03 04 0002 c0000001 c0000002", text),
		"D: ESP c0000001 c0000002");
	assert_string_equal(printed(V1_PAYLOAD_NOTIFY, "00000001 01 00 8d28 00000007", text),
		"N(R_U_THERE): ISAKMP, data 00000007");
	assert_string_equal(
		printed(V1_PAYLOAD_ID, "04000000 0a010000 ffff0000", text), "ID: 10.1.0.0/16");
	assert_string_equal(printed(V1_PAYLOAD_ATTRIBUTES,
				    "02 00 0007 40890005 616c696365 408a0003 707764", text),
		"CPRP(X_USER:5 X_PWD:3)"); /* not what it is */
	assert_string_equal(printed(V1_PAYLOAD_HASH, "0102", text), "HASH: 2 octets");
}

static void a_message_prints_as_a_line(void **state)
{
	struct ike_header header = { .exchange = V1_TRANSACTION, .message_id = 7 };
	uint8_t in[SAMPLE_BYTES_MAX], unknown;
	struct bytes body = octets_of("0e000008 01020304 0d000010 01000007 40890000 408a0000"
				      "0b000014 afcad71368a1f1c96b8696fc77570100"
				      "0000000c 00000001 01 00 0018",
		in);
	struct payload_chain chain;
	char text[200];

	(void)state;
	assert_int_equal(v1_chain_decode(V1_PAYLOAD_HASH, body, &chain, &unknown, NULL), WIRE_OK);
	assert_string_equal(v1_message_print(&header, &chain, text, sizeof(text)),
		"TRANSACTION 7 [ HASH CPRQ(X_USER X_PWD) V(DPD) N(AUTHENTICATION_FAILED) ]");

	header.flags = V1_FLAG_ENCRYPTION;
	assert_string_equal(
		v1_message_print(&header, NULL, text, sizeof(text)), "TRANSACTION 7 [ E ]");
	v1_message_print(&header, &chain, text, 20);
	assert_string_equal(text, "TRANSACTION 7 [ HAS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phase_1_transforms_are_read),
		cmocka_unit_test(phase_2_transforms_are_read),
		cmocka_unit_test(what_is_encoded_is_read_back),
		cmocka_unit_test(a_responders_lifetime_is_read_in_its_phase),
		cmocka_unit_test(phase_1_has_every_combination_in_order),
		cmocka_unit_test(the_prf_must_be_that_of_the_hash),
		cmocka_unit_test(phase_2_has_aeads_without_and_ciphers_with_integrity),
		cmocka_unit_test(values_go_both_ways),
		cmocka_unit_test(a_proxy_id_is_a_selector),
		cmocka_unit_test(some_are_not),
		cmocka_unit_test(vendors_are_known_with_what_follows),
		cmocka_unit_test(payloads_print_in_words),
		cmocka_unit_test(a_message_prints_as_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
