/* What people read: names, selectors, identities, proposals and the lines of a ladder. */
#include "octets.h"
#include "wire/wire.h"

#define TEXT_MAX 256
#define DN_MOON                                                                                    \
	"3030 310b3009060355040613024348 310d300b060355040a1304 7465726e"                          \
	"31123010060355040313096d6f6f6e2e7465726e"

static void values_have_names_and_others_numbers(void **state)
{
	char scratch[NAME_TEXT_MAX];

	(void)state;
	assert_string_equal(exchange_name(IKE_SA_INIT, scratch), "IKE_SA_INIT");
	assert_string_equal(exchange_name(99, scratch), "EXCHANGE_99");
	assert_string_equal(payload_name(PAYLOAD_IDI, scratch), "IDi");
	assert_string_equal(payload_name(200, scratch), "PAYLOAD_200");
	assert_string_equal(notify_name(INVALID_KE_PAYLOAD, scratch), "INVALID_KE_PAYLOAD");
	assert_string_equal(
		notify_name(NAT_DETECTION_DESTINATION_IP, scratch), "NAT_DETECTION_DESTINATION_IP");
	assert_string_equal(notify_name(65535, scratch), "NOTIFY_65535");
	assert_string_equal(transform_name(TRANSFORM_ENCR, ENCR_AES_GCM_16, scratch), "AES_GCM_16");
	assert_string_equal(transform_name(TRANSFORM_ENCR, 999, scratch), "ENCR_999");
	assert_string_equal(
		transform_name(TRANSFORM_PRF, PRF_HMAC_SHA2_384, scratch), "PRF_HMAC_SHA2_384");
	assert_string_equal(transform_name(TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, scratch),
		"HMAC_SHA2_256_128");
	assert_string_equal(transform_name(TRANSFORM_KE, KE_BRAINPOOL_256, scratch), "ECP_256_BP");
	assert_string_equal(transform_name(TRANSFORM_KE, KE_CURVE25519, scratch), "CURVE_25519");
	assert_string_equal(transform_name(TRANSFORM_ESN, ESN_NO, scratch), "NO_EXT_SEQ");
	assert_string_equal(transform_name(250, 65535, scratch), "TRANSFORM_250_65535");
	assert_string_equal(auth_method_name(AUTH_SHARED_KEY, scratch), "pre-shared key");
	assert_string_equal(auth_method_name(200, scratch), "METHOD_200");
}

/* Selectors. */

static const struct {
	const char *hex;
	const char *text;
} selectors[] = {
	{ "07000010 0000ffff 0a010000 0a01ffff", "10.1.0.0/16" },
	{ "07000010 0000ffff 00000000 ffffffff", "0.0.0.0/0" },
	{ "07000010 0000ffff c0000201 c0000201", "192.0.2.1/32" },
	{ "07000010 0000ffff 0a000001 0a000009", "10.0.0.1..10.0.0.9" },
	{ "07000010 0000ffff 0a000000 0a000002", "10.0.0.0..10.0.0.2" },
	{ "07060010 00500050 0a010000 0a01ffff", "10.1.0.0/16[tcp/80]" },
	{ "07110010 03e807d0 0a010000 0a01ffff", "10.1.0.0/16[udp/1000-2000]" },
	{ "07060010 0000ffff 0a010000 0a01ffff", "10.1.0.0/16[tcp]" },
	{ "07000010 00500050 0a010000 0a01ffff", "10.1.0.0/16[0/80]" },
	{ "07fd0010 0000ffff 0a010000 0a01ffff", "10.1.0.0/16[253]" },
	{ "07060010 ffff0000 0a010000 0a01ffff", "10.1.0.0/16[tcp/OPAQUE]" },
	{ "07010010 08000800 0a010000 0a01ffff", "10.1.0.0/16[icmp/8]" },
	{ "07010010 030003ff 0a010000 0a01ffff", "10.1.0.0/16[icmp/3-3(255)]" },
	{ "08000028 0000ffff 20010db8000000000000000000000000 20010db8ffffffffffffffffffffffff",
		"2001:db8::/32" },
	{ "083a0028 ffffffff ffffffffffffffffffffffffffffff00 ffffffffffffffffffffffffffffff01",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/127[ipv6-icmp/255(255)]" },
	/* the longest */
	{ "083a0028 fdfefeff fefefefefefefefefefefefefefefefe ffffffffffffffffffffffffffffffff",
		"fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe..ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
		"[ipv6-icmp/253(254)-254(255)]" },
};

static void selectors_print_as_swanctl_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX], body[SAMPLE_BYTES_MAX] = { 1 };
		struct bytes one = octets_of(selectors[i].hex, in);
		struct selectors list;
		char text[SELECTOR_TEXT_MAX];

		memcpy(body + 4, one.data, one.size);
		assert_true(selectors_decode(BYTES(body, 4 + one.size), &list));
		assert_string_equal(selector_print(&list.list[0], text), selectors[i].text);
	}
}

/* Identities. */

static const struct {
	uint8_t type;
	const char *hex;
	const char *text;
} identities[] = {
	{ 0, "", "%any" },
	{ ID_IPV4_ADDR, "c0000201", "192.0.2.1" },
	{ ID_IPV6_ADDR, "20010db8000000000000000000000001", "2001:db8::1" },
	{ ID_FQDN, "6d6f6f6e2e7465726e", "moon.tern" },
	{ ID_FQDN, "6d6f6f6e1b5b", "moon?[" },
	{ ID_RFC822_ADDR, "6361726f6c407465726e", "carol@tern" },
	{ ID_KEY_ID, "00ff0a", "@#00ff0a" },
	{ ID_NULL, "", "ID_NULL" },
	{ ID_DER_ASN1_GN, "8201", "(ID type 10) @#8201" },
	{ ID_DER_ASN1_DN, DN_MOON, "C=CH, O=tern, CN=moon.tern" },
	{ ID_DER_ASN1_DN, "3000", "" },
	/* an unknown type 1.2.840.113549.1.9.99, and 2.999.3 */
	{ ID_DER_ASN1_DN, "3013 3111300f06092a864886f70d0109630c026162",
		"1.2.840.113549.1.9.99=ab" },
	{ ID_DER_ASN1_DN, "300d 310b30090603883703130261 62", "2.999.3=ab" },
	{ ID_DER_ASN1_DN, "301c 311a3018060a0992268993f22c6401190c0a6578616d706c650a2e63",
		"DC=example?.c" },
	/* two in one SET */
	{ ID_DER_ASN1_DN, "3014 3112300706035504031300 3007060355040b1300", "CN=, OU=" },
	{ ID_DER_ASN1_DN, "30060000", "(invalid DN) @#30060000" },
	{ ID_DER_ASN1_DN, "3080", "(invalid DN) @#3080" },
	{ ID_DER_ASN1_DN, "3100", "(invalid DN) @#3100" },
	{ ID_DER_ASN1_DN, "3002 3000", "(invalid DN) @#30023000" },
	{ ID_DER_ASN1_DN, "3004 3102 3100", "(invalid DN) @#300431023100" },
	{ ID_DER_ASN1_DN, "3008 3106 3004 0500 0500", "(invalid DN) @#30083106300405000500" },
	{ ID_DER_ASN1_DN, "300000", "(invalid DN) @#300000" },
};

static void identities_print_as_in_the_configuration(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX];
		struct id_payload id = {
			.type = identities[i].type,
			.value = octets_of(identities[i].hex, in),
		};

		assert_string_equal(id_print(&id, text, sizeof(text)), identities[i].text);
	}
	assert_string_equal(id_print(NULL, text, sizeof(text)), "%any");
}

static void a_name_that_is_cut_is_invalid(void **state)
{
	uint8_t in[SAMPLE_BYTES_MAX];
	struct bytes name = octets_of(DN_MOON, in);
	char text[TEXT_MAX];

	(void)state;
	for (size_t size = 0; size < name.size; size++) {
		struct bytes cut = alone(BYTES(name.data, size));
		struct id_payload id = { .type = ID_DER_ASN1_DN, .value = cut };

		assert_memory_equal(id_print(&id, text, sizeof(text)), "(invalid DN) @#", 15);
		alone_free(cut);
	}
}

static void a_name_may_have_long_lengths(void **state)
{
	uint8_t octets[300];
	struct writer w = writer_of(octets, sizeof(octets));
	struct id_payload id = { .type = ID_DER_ASN1_DN };
	char text[TEXT_MAX];

	(void)state;
	/* SEQUENCE { SET { SEQUENCE { CN, UTF8String of 200 } } } */
	write_u32(&w, 0x308200d9);
	write_u32(&w, 0x318200d5);
	write_u32(&w, 0x308200d1);
	write_u32(&w, 0x06035504);
	write_u8(&w, 0x03);
	write_u32(&w, 0x0c8200c8);
	memset(write_room(&w, 200), 'x', 200);
	id.value = writer_bytes(&w);

	id_print(&id, text, sizeof(text));
	assert_int_equal(strlen(text), 203);
	assert_memory_equal(text, "CN=xxx", 6);
}

/* Proposals and messages. */

static const struct proposal proposal = {
	.number = 1,
	.protocol = PROTOCOL_IKE,
	.transform_count = 5,
	.transforms = {
		{ TRANSFORM_ENCR, ENCR_AES_CBC, 128 },
		{ TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0 },
		{ TRANSFORM_KE, KE_MODP_2048, 0 },
		{ TRANSFORM_ENCR, ENCR_AES_CBC, 256 },
		{ TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0 },
	},
};

static void proposals_print_by_kind(void **state)
{
	static const struct proposal esp = {
		.protocol = PROTOCOL_ESP,
		.transform_count = 4,
		.transforms = {
			{ 240, 3, 0 },
			{ TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 },
			{ TRANSFORM_KE, KE_MODP_2048, 0 },
			{ TRANSFORM_ESN, ESN_NO, 0 },
		},
	};
	static const struct proposal unknown = { .protocol = 9 };
	char text[TEXT_MAX];

	(void)state;
	assert_string_equal(proposal_print(&proposal, text, sizeof(text)),
		"IKE:AES_CBC-128/AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048");
	assert_string_equal(proposal_print(&esp, text, sizeof(text)),
		"ESP:AES_GCM_16-128/MODP_2048/NO_EXT_SEQ/TRANSFORM_240_3");
	assert_string_equal(proposal_print(&unknown, text, sizeof(text)), "UNKNOWN");
	assert_string_equal(proposal_print(NULL, text, sizeof(text)), "NONE");
}

static const struct {
	uint8_t exchange;
	uint8_t flags;
	uint32_t id;
	uint8_t first;
	const char *hex;
	const char *line;
} ladders[] = {
	{ IKE_SA_INIT, FLAG_INITIATOR, 0, PAYLOAD_SA,
		"22000004 28000004 29000004 2b00000800004000 00000004",
		"IKE_SA_INIT request 0 [ SA KE No N(INITIAL_CONTACT) V ]" },
	{ IKE_AUTH, FLAG_INITIATOR, 1, PAYLOAD_IDI,
		"25000004 29000004 2600000800004000 24000004 27000004 21000004 2c000004 2d000004"
		"29000004"
		"000000080000400c",
		"IKE_AUTH request 1 [ IDi CERT N(INITIAL_CONTACT) CERTREQ IDr AUTH SA TSi TSr"
		" N(MOBIKE_SUPPORTED) ]" },
	{ IKE_AUTH, FLAG_RESPONSE, 2, PAYLOAD_EAP,
		"3000000901010005 04 3000000803010004 00000008ffffffff",
		"IKE_AUTH response 2 [ EAP/REQ/MD5 EAP/SUCC EAP/? ]" },
	{ IKE_AUTH, FLAG_RESPONSE, 2, PAYLOAD_EAP, "300000090201000577 00000008040100 04",
		"IKE_AUTH response 2 [ EAP/RES/119 EAP/FAIL ]" },
	{ IKE_AUTH, FLAG_INITIATOR, 3, PAYLOAD_CP,
		"2f00001401000000 00010000 00030000 70000000 2f00000802000000 0000000809000000",
		"IKE_AUTH request 3 [ CPRQ(ADDR DNS 28672) CPRP() CP() ]" },
	{ IKE_AUTH, FLAG_INITIATOR, 1, PAYLOAD_SKF, "2300000800010003",
		"IKE_AUTH request 1 [ SKF(1/3) ]" },
	{ INFORMATIONAL, FLAG_RESPONSE, 4294967295, PAYLOAD_NONE, "",
		"INFORMATIONAL response 4294967295 [ ]" },
	{ 99, 0, 0, PAYLOAD_NOTIFY, "2900000800004006 000000080000a000",
		"EXCHANGE_99 request 0 [ N(?) N(NOTIFY_40960) ]" },
};

static void messages_print_as_lines_of_a_ladder(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(ladders) / sizeof(ladders[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX], critical;
		struct ike_header header = {
			.exchange = ladders[i].exchange,
			.flags = ladders[i].flags,
			.message_id = ladders[i].id,
		};
		struct payload_chain chain;

		assert_int_equal(chain_decode(ladders[i].first, octets_of(ladders[i].hex, in),
					 &chain, &critical),
			WIRE_OK);
		assert_string_equal(
			message_print(&header, &chain, text, sizeof(text)), ladders[i].line);
	}
	assert_string_equal(message_print(NULL, NULL, text, sizeof(text)), "[ ]");
}

static void what_does_not_fit_is_cut_and_terminated(void **state)
{
	char whole[TEXT_MAX];

	(void)state;
	proposal_print(&proposal, whole, sizeof(whole));
	for (size_t size = 0; size <= strlen(whole) + 1; size++) {
		char *text = malloc(size ? size : 1);

		proposal_print(&proposal, text, size);
		if (size) {
			assert_int_equal(strlen(text), size - 1);
			assert_memory_equal(text, whole, size - 1);
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_have_names_and_others_numbers),
		cmocka_unit_test(selectors_print_as_swanctl_does),
		cmocka_unit_test(identities_print_as_in_the_configuration),
		cmocka_unit_test(a_name_that_is_cut_is_invalid),
		cmocka_unit_test(a_name_may_have_long_lengths),
		cmocka_unit_test(proposals_print_by_kind),
		cmocka_unit_test(messages_print_as_lines_of_a_ladder),
		cmocka_unit_test(what_does_not_fit_is_cut_and_terminated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
