/* What the wire accepts and rejects, case by case: the chain and its critical bit, proposals, and
 * broken payloads. */
#include "octets.h"
#include "wire/wire.h"

#include <errno.h>

/* RFC 7296 §3.3's own example. */
#define SA_RFC_1                                                                                   \
	"0200005001030407052357bb 0300000c0100000c800e0080 0300000c0100000c800e00c0"               \
	"0300000c0100000c800e0100 0300000803000002 0300000803000005 0300000805000001"              \
	"0000000805000000"
#define SA_RFC_2                                                                                   \
	"000000340203040435a1d6f2 0300000c01000012800e0080 0300000c01000012800e0100"               \
	"0300000805000001 0000000805000000"
#define SA_RFC   SA_RFC_1 SA_RFC_2
#define NONCE_32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HASH_20  "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"
#define TS_4     "07000010 0000ffff c6336442 c6336442"
#define TS_6                                                                                       \
	"08060028 01bb01bb 20010db8000000000000000000000000 "                                      \
	"20010db8ffffffffffffffffffffffff"

/* The header. */

static void a_header_has_its_fields_in_order(void **state)
{
	uint8_t in[SAMPLE_BYTES_MAX], out[IKE_HEADER_BYTES];
	struct bytes sample =
		octets_of("0102030405060708 1112131415161718 21202208 00000005 0000012c", in);
	struct writer w = writer_of(out, sizeof(out));
	struct ike_header header = { .length = 7 };

	(void)state;
	for (size_t size = 0; size < IKE_HEADER_BYTES; size++)
		assert_false(header_decode(BYTES(in, size), &header));
	assert_int_equal(header.length, 7);

	assert_true(header_decode(sample, &header));
	assert_true(header.spi_i == 0x0102030405060708 && header.spi_r == 0x1112131415161718);
	assert_int_equal(header.next_payload, PAYLOAD_SA);
	assert_int_equal(header.version, 0x20);
	assert_int_equal(header.exchange, IKE_SA_INIT);
	assert_int_equal(header.flags, FLAG_INITIATOR);
	assert_int_equal(header.message_id, 5);
	assert_int_equal(header.length, 300);

	header_encode(&w, &header);
	assert_true(bytes_equal(writer_bytes(&w), sample));
}

/* The chain. */

static const struct {
	const char *what;
	uint8_t first;
	const char *hex;
	enum wire_verdict verdict;
	size_t count;
} chains[] = {
	{ "nothing", PAYLOAD_NONE, "", WIRE_OK, 0 },
	{ "octets without a payload", PAYLOAD_NONE, "00", WIRE_SYNTAX, 0 },
	{ "no octets for a payload", PAYLOAD_NONCE, "", WIRE_SYNTAX, 0 },
	{ "a length of 3", PAYLOAD_VENDOR, "00000003", WIRE_SYNTAX, 0 },
	{ "an empty payload", PAYLOAD_VENDOR, "00000004", WIRE_OK, 1 },
	{ "octets after the last", PAYLOAD_VENDOR, "0000000400", WIRE_SYNTAX, 0 },
	{ "a next payload that is missing", PAYLOAD_VENDOR, "2b000004", WIRE_SYNTAX, 0 },
	{ "reserved bits", PAYLOAD_VENDOR, "007f0004", WIRE_OK, 1 },
	{ "critical on a known type", PAYLOAD_VENDOR, "00800004", WIRE_OK, 1 },
	{ "unknown", 200, "00000005ff", WIRE_OK, 0 },
	{ "unknown, then known", 200, "2b000005ff 00000004", WIRE_OK, 1 },
	{ "known, then unknown", PAYLOAD_VENDOR, "c8000004 00000004", WIRE_OK, 1 },
	{ "unknown and critical", 200, "00800004", WIRE_CRITICAL_UNKNOWN, 0 },
	{ "known, then unknown and critical", PAYLOAD_VENDOR, "c8000004 00800004",
		WIRE_CRITICAL_UNKNOWN, 0 },
	{ "unknown and critical, but cut", 200, "00800005", WIRE_SYNTAX, 0 },
	{ "a type of IKEv1", 1, "00000004", WIRE_OK, 0 },
	{ "SK: its next payload is inside", PAYLOAD_SK, "230000081122334455", WIRE_SYNTAX, 0 },
	{ "SK ends the chain", PAYLOAD_SK, "2300000811223344", WIRE_OK, 1 },
	{ "SKF ends the chain", PAYLOAD_NOTIFY, "3500000800004000 2300000c 00010002 11223344",
		WIRE_OK, 2 },
};

static void the_chain_is_judged_by_the_rfc(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX];
		struct payload_chain chain;
		uint8_t critical = 0;
		enum wire_verdict verdict = chain_decode(
			chains[i].first, octets_of(chains[i].hex, in), &chain, &critical);

		if (verdict != chains[i].verdict ||
			(verdict == WIRE_OK && chain.count != chains[i].count))
			fail_msg("%s", chains[i].what);
		assert_int_equal(critical, verdict == WIRE_CRITICAL_UNKNOWN ? 200 : 0);
	}
}

static void a_chain_has_at_most_64_payloads(void **state)
{
	uint8_t out[(PAYLOADS_MAX + 1) * 4], critical;
	struct writer w = writer_of(out, sizeof(out));
	struct chain_writer c = chain_begin(&w, SIZE_MAX);
	struct payload_chain chain;

	(void)state;
	for (size_t i = 0; i < PAYLOADS_MAX; i++) {
		payload_begin(&c, PAYLOAD_VENDOR);
		payload_end(&c);
	}
	assert_int_equal(chain_decode(c.first, writer_bytes(&w), &chain, &critical), WIRE_OK);
	assert_int_equal(chain.count, PAYLOADS_MAX);

	payload_begin(&c, PAYLOAD_VENDOR);
	payload_end(&c);
	assert_int_equal(chain_decode(c.first, writer_bytes(&w), &chain, &critical), WIRE_SYNTAX);
}

static void payloads_are_found_by_type_and_order(void **state)
{
	uint8_t in[SAMPLE_BYTES_MAX], critical;
	struct payload_chain chain;
	struct notify notify = { .type = 9 };

	(void)state;
	/* N(INITIAL_CONTACT), V, a malformed N(COOKIE), N(COOKIE) with ab */
	assert_int_equal(
		chain_decode(PAYLOAD_NOTIFY,
			octets_of("2b00000800004000 29000004 2900000800004006 0000000900004006ab",
				in),
			&chain, &critical),
		WIRE_OK);
	assert_int_equal(chain_count(&chain, PAYLOAD_NOTIFY), 3);
	assert_int_equal(chain_count(&chain, PAYLOAD_SA), 0);
	assert_ptr_equal(chain_find(&chain, PAYLOAD_NOTIFY, 1), &chain.payloads[2]);
	assert_null(chain_find(&chain, PAYLOAD_NOTIFY, 3));
	assert_false(chain_well_formed(&chain));

	assert_false(chain_notify(&chain, REKEY_SA, &notify));
	assert_int_equal(notify.type, 9);
	assert_true(chain_notify(&chain, COOKIE, &notify));
	assert_int_equal(notify.data.size, 1);
	assert_int_equal(notify.data.data[0], 0xab);
}

static void an_encrypted_payload_names_what_is_inside(void **state)
{
	uint8_t out[64], want[SAMPLE_BYTES_MAX];
	struct writer w = writer_of(out, sizeof(out));
	struct chain_writer outer, inner;

	(void)state;
	outer = chain_begin(&w, SIZE_MAX);
	payload_begin(&outer, PAYLOAD_SK);
	write_u32(&w, 0x11223344);
	inner = chain_begin(&w, outer.open_at);
	payload_begin(&inner, PAYLOAD_NOTIFY);
	notify_encode(&w, &(struct notify){ .type = INITIAL_CONTACT });
	payload_end(&inner);
	payload_begin(&inner, PAYLOAD_DELETE);
	delete_encode(&w, PROTOCOL_IKE, NULL, 0);
	payload_end(&inner);
	payload_end(&outer);

	assert_int_equal(outer.first, PAYLOAD_SK);
	assert_int_equal(inner.first, PAYLOAD_NOTIFY);
	assert_true(bytes_equal(writer_bytes(&w),
		octets_of("29000018 11223344 2a00000800004000 0000000801000000", want)));
}

static void a_payload_beyond_65535_octets_fails_the_writer(void **state)
{
	uint8_t *room = malloc(70000);
	struct writer w = writer_of(room, 70000);
	struct chain_writer c = chain_begin(&w, SIZE_MAX);

	(void)state;
	payload_begin(&c, PAYLOAD_VENDOR);
	write_zeros(&w, 65531);
	payload_end(&c);
	assert_true(writer_ok(&w));

	w.used = 0;
	payload_begin(&c, PAYLOAD_VENDOR);
	write_zeros(&w, 65532);
	payload_end(&c);
	assert_false(writer_ok(&w));
	free(room);
}

/* Proposals. */

static bool body_well_formed(uint8_t type, struct bytes body)
{
	struct bytes copy = alone(body);
	struct payload_chain chain = {
		.count = 1,
		.payloads = { { .type = type, .body = copy, .whole = copy } },
	};
	bool well_formed = chain_well_formed(&chain);

	alone_free(copy);
	return well_formed;
}

static void the_rfcs_two_proposals_read_as_written(void **state)
{
	static const struct transform want[7] = {
		{ TRANSFORM_ENCR, ENCR_AES_CBC, 128 },
		{ TRANSFORM_ENCR, ENCR_AES_CBC, 192 },
		{ TRANSFORM_ENCR, ENCR_AES_CBC, 256 },
		{ TRANSFORM_INTEG, INTEG_HMAC_SHA1_96, 0 },
		{ TRANSFORM_INTEG, INTEG_AES_XCBC_96, 0 },
		{ TRANSFORM_ESN, ESN_YES, 0 },
		{ TRANSFORM_ESN, ESN_NO, 0 },
	};
	uint8_t in[SAMPLE_BYTES_MAX];
	struct sa_reader s = sa_begin(octets_of(SA_RFC, in));
	struct proposal p;

	(void)state;
	assert_int_equal(sa_next(&s, &p), 1);
	assert_int_equal(p.number, 1);
	assert_int_equal(p.protocol, PROTOCOL_ESP);
	assert_int_equal(p.spi_size, 4);
	assert_int_equal(load_u32(p.spi), 0x052357bb);
	assert_false(p.unusable);
	assert_int_equal(p.transform_count, 7);
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(p.transforms[i].type, want[i].type);
		assert_int_equal(p.transforms[i].id, want[i].id);
		assert_int_equal(p.transforms[i].key_bits, want[i].key_bits);
	}

	assert_int_equal(sa_next(&s, &p), 1);
	assert_int_equal(p.number, 2);
	assert_int_equal(p.transform_count, 4);
	assert_int_equal(sa_next(&s, &p), 0);
	assert_int_equal(sa_next(&s, &p), 0);
}

static const struct {
	const char *what;
	const char *hex;
} broken_proposals[] = {
	{ "none", "" },
	{ "last, with octets behind", "00000014 01030401 00000001 0000000805000000 00" },
	{ "last substructure of 1", "01000014 01030401 00000001 0000000805000000" },
	{ "more to come, but nothing comes", "02000014 01030401 00000001 0000000805000000" },
	{ "last, but one more comes",
		"00000014 01030401 00000001 0000000805000000"
		"00000014 02030401 00000001 0000000805000000" },
	{ "two that both start at 1",
		"02000014 01030401 00000001 0000000805000000"
		"00000014 01030401 00000001 0000000805000000" },
	{ "two that start at 2",
		"02000014 02030401 00000001 0000000805000000"
		"00000014 03030401 00000001 0000000805000000" },
	{ "two with a gap",
		"02000014 01030401 00000001 0000000805000000"
		"00000014 03030401 00000001 0000000805000000" },
	{ "number 0", "00000014 00030401 00000001 0000000805000000" },
	{ "a proposal shorter than its header", "00000007 010304" },
	{ "a proposal longer than the payload", "00000015 01030401 00000001 0000000805000000" },
	{ "no transforms", "0000000c 01030400 00000001" },
	{ "fewer transforms than octets",
		"0000001c 01030401 00000001 0300000805000000 0000000805000001" },
	{ "fewer transforms, the first being last",
		"0000001c 01030401 00000001 0000000805000000 0000000805000001" },
	{ "more transforms than octets", "00000014 01030402 00000001 0300000805000000" },
	{ "more transforms than octets, last said", "00000014 01030402 00000001 0000000805000000" },
	{ "a last transform that says more", "00000014 01030401 00000001 0300000805000000" },
	{ "a transform that says 2", "00000014 01030401 00000001 0200000805000000" },
	{ "a transform shorter than its header", "00000013 01030401 00000001 00000007050000" },
	{ "a transform longer than its proposal", "00000014 01030401 00000001 0000000905000000" },
	{ "half an attribute", "00000016 01030401 00000001 0000000a0100000c800e" },
	{ "an attribute and a half", "0000001a 01030401 00000001 0000000e0100000c800e00800000" },
	{ "a long attribute beyond its transform",
		"0000001a 01030401 00000001 0000000e0100000c000f00030000" },
	{ "a SPI of 9 octets", "00000019 01030901 112233445566778899 0000000805000000" },
	{ "a SPI beyond the proposal", "00000010 01030801 0000000805000000" },
};

static void broken_proposals_are_rejected(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken_proposals) / sizeof(broken_proposals[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX];
		struct bytes body = octets_of(broken_proposals[i].hex, in);
		struct sa_reader s = sa_begin(body);
		struct proposal p;

		if (body_well_formed(PAYLOAD_SA, body))
			fail_msg("%s", broken_proposals[i].what);
		while (sa_next(&s, &p) > 0)
			;
		assert_int_equal(sa_next(&s, &p), -EBADMSG);
	}
}

static void more_than_64_transforms_are_rejected(void **state)
{
	uint8_t body[12 + 65 * 8];

	(void)state;
	for (uint8_t count = 64; count <= 65; count++) {
		struct writer w = writer_of(body, sizeof(body));
		struct sa_reader s;
		struct proposal p;

		write_u32(&w, 12u + count * 8u);
		write_u32(&w, 0x01030400u | count);
		write_u32(&w, 1);
		for (uint8_t i = 0; i < count; i++)
			write_u64(&w, i + 1 == count ? 0x0000000805000000 : 0x0300000805000000);

		s = sa_begin(writer_bytes(&w));
		assert_int_equal(sa_next(&s, &p), count == 64 ? 1 : -EBADMSG);
	}
}

/* What we don't know makes a transform or a proposal impossible to choose, no more: RFC 7296
 * §3.3.6. */
static const struct {
	const char *what;
	const char *hex;
	uint8_t transforms;
	bool unusable;
} strange_proposals[] = {
	{ "as it should be", "00000014 01030401 00000001 0000000805000000", 1, false },
	{ "an answer with number 7", "00000014 07030401 00000001 0000000805000000", 1, false },
	{ "reserved octets", "00ff0014 01030401 00000001 00ff000805ff0000", 1, false },
	{ "an unknown transform id", "00000014 01030401 00000001 000000080100ffff", 1, false },
	{ "an unknown transform type",
		"0000001c 01030402 00000001 0300000805000000 00000008f0000000", 2, true },
	{ "transform type 0", "0000001c 01030402 00000001 0300000805000000 0000000800000000", 2,
		true },
	{ "an unknown attribute, with another choice",
		"00000020 01030402 00000001 0300000c0100000c800f0080 000000080100000b", 1, false },
	{ "an unknown attribute, without another choice",
		"00000018 01030401 00000001 0000000c0100000c800f0080", 0, true },
	{ "an unknown long attribute",
		"00000025 01030402 00000001 030000110100000c00630005 1122334455 000000080100000b",
		1, false },
	{ "a key length in its long form",
		"00000022 01030402 00000001 0300000e0100000c000e00020080 000000080100000b", 1,
		false },
	{ "two key lengths",
		"00000024 01030402 00000001 030000100100000c800e0080800e0100 000000080100000b", 1,
		false },
	{ "a key length of zero",
		"00000020 01030402 00000001 0300000c0100000c800e0000 000000080100000b", 1, false },
	{ "ESP without SPI", "00000010 01030001 0000000805000000", 1, true },
	{ "ESP with 8 octets of SPI", "00000018 01030801 1122334455667788 0000000805000000", 1,
		true },
	{ "IKE with 4 octets of SPI", "00000014 01010401 11223344 0000000804000013", 1, true },
	{ "an unknown protocol", "00000014 01090401 11223344 0000000804000013", 1, true },
};

static void strange_proposals_decode_but_cannot_be_chosen(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(strange_proposals) / sizeof(strange_proposals[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX];
		struct sa_reader s = sa_begin(octets_of(strange_proposals[i].hex, in));
		struct proposal p;

		if (sa_next(&s, &p) != 1 || sa_next(&s, &p) != 0 ||
			p.unusable != strange_proposals[i].unusable ||
			p.transform_count != strange_proposals[i].transforms)
			fail_msg("%s", strange_proposals[i].what);
	}
}

/* The other payloads: what must not decode. */

static const struct {
	const char *what;
	uint8_t type;
	const char *hex;
} broken[] = {
	{ "KE without a value", PAYLOAD_KE, "001f0000" },
	{ "an IPv4 identity of 5 octets", PAYLOAD_IDI, "01000000 c000020100" },
	{ "an IPv6 identity of 4 octets", PAYLOAD_IDI, "05000000 c0000201" },
	{ "a host name with NUL", PAYLOAD_IDI, "02000000 6d6f6f6e002e" },
	{ "a mail address with CR", PAYLOAD_IDI, "03000000 6d6f6f6e0d" },
	{ "ID_NULL with a value", PAYLOAD_IDI, "0d000000 00" },
	{ "AUTH without data", PAYLOAD_AUTH, "02000000" },
	{ "a notify with 2 octets of SPI", PAYLOAD_NOTIFY, "03024009 cafe" },
	{ "a notify with 16 octets of SPI", PAYLOAD_NOTIFY, "03104009" NONCE_32 },
	{ "a NAT detection hash of 21 octets", PAYLOAD_NOTIFY, "00004004" HASH_20 "00" },
	{ "INVALID_KE_PAYLOAD with 3 octets", PAYLOAD_NOTIFY, "00000011 001300" },
	{ "an empty cookie", PAYLOAD_NOTIFY, "00004006" },
	{ "a cookie of 65 octets", PAYLOAD_NOTIFY, "00004006" NONCE_32 NONCE_32 "00" },
	{ "hash algorithms of 3 octets", PAYLOAD_NOTIFY, "0000402f 000200" },
	{ "delete of nothing", PAYLOAD_DELETE, "00000000" },
	{ "delete of an unknown protocol", PAYLOAD_DELETE, "04040001 cafebabe" },
	{ "delete of the IKE SA with SPIs", PAYLOAD_DELETE, "01080001 1122334455667788" },
	{ "delete of ESP with 8 octets each", PAYLOAD_DELETE, "03080001 1122334455667788" },
	{ "delete of two, one given", PAYLOAD_DELETE, "03040002 cafebabe" },
	{ "delete of one, two given", PAYLOAD_DELETE, "03040001 cafebabe 0badf00d" },
	{ "delete of one and a half", PAYLOAD_DELETE, "03040001 cafebabe 0bad" },
	{ "no selectors", PAYLOAD_TSI, "00000000" },
	{ "one selector said, two given", PAYLOAD_TSI, "01000000" TS_4 TS_4 },
	{ "two selectors said, one given", PAYLOAD_TSI, "02000000" TS_4 },
	{ "a selector of length 3", PAYLOAD_TSI, "01000000 63000003" },
	{ "a selector of length 15", PAYLOAD_TSI, "01000000 0700000f 0000ffff c6336442 c63364" },
	{ "a selector of length 17", PAYLOAD_TSI,
		"01000000 07000011 0000ffff c6336442 c6336442 00" },
	{ "IPv4 with IPv6's length", PAYLOAD_TSI,
		"01000000 07060028 01bb01bb 20010db8000000000000000000000000"
		"20010db8ffffffffffffffffffffffff" },
	{ "addresses that end before they start", PAYLOAD_TSI,
		"01000000 07000010 0000ffff c6336443 c6336442" },
	{ "ports that end before they start", PAYLOAD_TSI,
		"01000000 07060010 00510050 c6336442 c6336442" },
	{ "a configuration attribute beyond the end", PAYLOAD_CP, "01000000 00010005 0a030001" },
	{ "half a configuration attribute", PAYLOAD_CP, "01000000 0001" },
	{ "EAP code 0", PAYLOAD_EAP, "00010004" },
	{ "EAP code 5", PAYLOAD_EAP, "05010004" },
	{ "an EAP request without type", PAYLOAD_EAP, "01010004" },
	{ "an EAP request of type 0", PAYLOAD_EAP, "01010005 00" },
	{ "EAP success with data", PAYLOAD_EAP, "03010005 00" },
	{ "EAP longer than said", PAYLOAD_EAP, "01010005 0100" },
	{ "EAP shorter than said", PAYLOAD_EAP, "01010007 0100" },
	{ "fragment 0", PAYLOAD_SKF, "00000003 11223344" },
	{ "fragment 4 of 3", PAYLOAD_SKF, "00040003 11223344" },
	{ "fragment 0 of 0", PAYLOAD_SKF, "00000000 11223344" },
};

static void broken_payloads_are_rejected(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX];
		struct bytes body = octets_of(broken[i].hex, in);

		if (body_well_formed(broken[i].type, body))
			fail_msg("%s", broken[i].what);
	}
}

static void a_nonce_has_16_to_256_octets(void **state)
{
	uint8_t octets[257] = { 0 };

	(void)state;
	assert_false(nonce_valid(BYTES(octets, 15)));
	assert_true(nonce_valid(BYTES(octets, 16)));
	assert_true(nonce_valid(BYTES(octets, 256)));
	assert_false(nonce_valid(BYTES(octets, 257)));
}

static void selectors_of_unknown_types_are_skipped(void **state)
{
	uint8_t in[SAMPLE_BYTES_MAX];
	struct selectors list;

	(void)state;
	assert_true(
		selectors_decode(octets_of("03000000 63000004 " TS_6 "09000006ffff", in), &list));
	assert_int_equal(list.count, 1);
	assert_int_equal(list.list[0].family, 6);
	assert_int_equal(list.list[0].protocol, 6);
	assert_int_equal(list.list[0].port_first, 443);
	assert_int_equal(list.list[0].last.octets[15], 0xff);

	assert_true(selectors_decode(octets_of("01000000 63000004", in), &list));
	assert_int_equal(list.count, 0);
}

static void more_than_64_selectors_are_rejected(void **state)
{
	uint8_t body[4 + 65 * 16];
	static struct selectors list;

	(void)state;
	for (uint8_t count = 64; count <= 65; count++) {
		struct writer w = writer_of(body, sizeof(body));

		write_u32(&w, (uint32_t)count << 24);
		for (uint8_t i = 0; i < count; i++) {
			write_u64(&w, 0x070000100000ffff);
			write_u64(&w, 0x0a0000000affffff);
		}
		assert_int_equal(selectors_decode(writer_bytes(&w), &list), count == 64);
	}
}

static void the_reserved_bit_of_configuration_is_ignored(void **state)
{
	uint8_t in[SAMPLE_BYTES_MAX];
	struct cp_attribute attribute;
	struct cp_reader cp;

	(void)state;
	assert_true(cp_begin(octets_of("02000000 80010004 0a030001", in), &cp));
	assert_int_equal(cp_next(&cp, &attribute), 1);
	assert_int_equal(attribute.type, 1);
	assert_int_equal(attribute.value.size, 4);
	assert_int_equal(cp_next(&cp, &attribute), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_has_its_fields_in_order),
		cmocka_unit_test(the_chain_is_judged_by_the_rfc),
		cmocka_unit_test(a_chain_has_at_most_64_payloads),
		cmocka_unit_test(payloads_are_found_by_type_and_order),
		cmocka_unit_test(an_encrypted_payload_names_what_is_inside),
		cmocka_unit_test(a_payload_beyond_65535_octets_fails_the_writer),
		cmocka_unit_test(the_rfcs_two_proposals_read_as_written),
		cmocka_unit_test(broken_proposals_are_rejected),
		cmocka_unit_test(more_than_64_transforms_are_rejected),
		cmocka_unit_test(strange_proposals_decode_but_cannot_be_chosen),
		cmocka_unit_test(broken_payloads_are_rejected),
		cmocka_unit_test(a_nonce_has_16_to_256_octets),
		cmocka_unit_test(selectors_of_unknown_types_are_skipped),
		cmocka_unit_test(more_than_64_selectors_are_rejected),
		cmocka_unit_test(the_reserved_bit_of_configuration_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
