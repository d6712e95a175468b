/* The wire of IKEv1 against samples of every payload: whole, cut, and mutated by chance. */
#include "octets.h"
#include "wire/isakmp_transforms.h"

#include <errno.h>

#define MUTATIONS 100000

/* Decodes a body and encodes what it got. False where the body is malformed. */
typedef bool again_fn(struct bytes body, struct writer *w);

static bool attributes_again(struct bytes attributes, struct writer *w)
{
	struct reader r = reader_of(attributes);
	struct v1_attribute a;
	int more;

	while ((more = v1_attribute_next(&r, &a)) > 0)
		v1_attribute_encode(w, &a);

	return more == 0;
}

static bool transforms_again(const struct v1_proposal *p, struct v1_sa_writer *s)
{
	struct v1_transform_reader t = v1_transforms_begin(p);
	struct v1_transform transform;
	int more;

	while ((more = v1_transforms_next(&t, &transform)) > 0) {
		v1_transform_begin(s, transform.number, transform.id);
		if (!attributes_again(transform.attributes, s->w))
			return false;
		v1_transform_end(s);
	}

	return more == 0;
}

static bool sa_again(struct bytes body, struct writer *w)
{
	struct v1_sa_reader s;
	struct v1_proposal p;
	struct v1_sa_writer out = v1_sa_encode_begin(w);
	int more = v1_sa_begin(body, &s);

	if (more < 0)
		return false;

	while ((more = v1_sa_next(&s, &p)) > 0) {
		v1_proposal_begin(&out, p.number, p.protocol, p.spi);
		if (!transforms_again(&p, &out))
			return false;
		v1_proposal_end(&out);
	}

	return more == 0;
}

static bool id_again(struct bytes body, struct writer *w)
{
	struct v1_id id;

	if (!v1_id_decode(body, &id))
		return false;

	v1_id_encode(w, &id);
	return true;
}

static bool nonce_again(struct bytes body, struct writer *w)
{
	if (!v1_nonce_valid(body))
		return false;

	write_bytes(w, body);
	return true;
}

static bool notify_again(struct bytes body, struct writer *w)
{
	struct v1_notify n;

	if (!v1_notify_decode(body, &n))
		return false;

	v1_notify_encode(w, &n);
	return true;
}

static bool delete_again(struct bytes body, struct writer *w)
{
	struct v1_delete d;

	if (!v1_delete_decode(body, &d))
		return false;

	v1_delete_encode(w, &d);
	return true;
}

static bool transaction_again(struct bytes body, struct writer *w)
{
	struct v1_attributes a;

	if (!v1_attributes_begin(body, &a))
		return false;

	v1_attributes_encode_begin(w, a.type, a.identifier);
	return attributes_again(read_rest(&a.r), w);
}

static bool nat_oa_again(struct bytes body, struct writer *w)
{
	struct address a;

	if (!v1_nat_oa_decode(body, &a))
		return false;

	v1_nat_oa_encode(w, &a);
	return true;
}

static bool fragment_again(struct bytes body, struct writer *w)
{
	struct v1_fragment f;

	if (!v1_fragment_decode(body, &f))
		return false;

	v1_fragment_encode(w, &f);
	return true;
}

/* No beginning shorter than `least` decodes: where data of any length ends a payload, or a list of
 * attributes, it is less than the whole. */
static const struct sample {
	const char *what;
	uint8_t type;
	again_fn *again;
	const char *hex;
	size_t least;
} samples[] = {
	/* What charon 5.9.8 sent for aes256-sha1-modp1536. */
	{ "SA, phase 1", V1_PAYLOAD_SA, sa_again,
		"00000001 00000001 0000002c 01010001 00000024 01010000"
		"80010007 800e0100 80020002 80040005 80030001 800b0001 800c3de0",
		52 },
	/* RFC 2407 §4.5.2 and RFC 2408 §4.2: ESP and AH together, or ESP alone; a duration in TLV. */
	{ "SA, phase 2", V1_PAYLOAD_SA, sa_again,
		"00000001 00000001"
		"02000034 01030402 11223344"
		"03000014 01030000 80040001 80050002 80030002"
		"00000014 020b0000 80040001 80050002 80030002"
		"0200001c 01020401 55667788"
		"00000010 01030000 80040001 80050002"
		"00000028 02030401 99aabbcc"
		"0000001c 010c0000 80060080 80050005 80010001 00020004 00015180",
		128 },
	{ "SA, SPI of both cookies", V1_PAYLOAD_SA, sa_again,
		"00000001 00000001 00000028 00011001 0102030405060708 1112131415161718"
		"00000010 00010000 80010005 80020002",
		48 },
	{ "ID, address", V1_PAYLOAD_ID, id_again, "01 11 01f4 c6336401", 8 },
	{ "ID, subnet", V1_PAYLOAD_ID, id_again, "04 06 0050 0a010000 ffff0000", 12 },
	{ "ID, IPv6 subnet", V1_PAYLOAD_ID, id_again,
		"06 00 0000 20010db8000000000000000000000000 ffffffff000000000000000000000000",
		36 },
	{ "ID, range", V1_PAYLOAD_ID, id_again, "07 00 0000 0a010001 0a010009", 12 },
	{ "ID, name", V1_PAYLOAD_ID, id_again, "02 00 0000 6d6f6f6e", 4 },
	{ "NONCE of 8", V1_PAYLOAD_NONCE, nonce_again, "0001020304050607", 8 },
	{ "N, DPD", V1_PAYLOAD_NOTIFY, notify_again,
		"00000001 01 10 8d28 0102030405060708 1112131415161718 00000007", 28 },
	{ "N, data of any length", V1_PAYLOAD_NOTIFY, notify_again,
		"00000001 03 04 6000 c0000001 800b0001", 12 },
	{ "D, two SPIs", V1_PAYLOAD_DELETE, delete_again, "00000001 03 04 0002 c0000001 c0000002",
		16 },
	{ "D, phase 1", V1_PAYLOAD_DELETE, delete_again,
		"00000001 01 10 0001 0102030405060708 1112131415161718", 24 },
	{ "ATTR, XAUTH", V1_PAYLOAD_ATTRIBUTES, transaction_again,
		"01 00 0007 c0880000 40890005 616c696365 408a0000", 4 },
	{ "NAT-OA", V1_PAYLOAD_NAT_OA, nat_oa_again, "01 000000 0a010001", 8 },
	{ "NAT-OA, IPv6", V1_PAYLOAD_NAT_OA_DRAFT, nat_oa_again,
		"05 000000 20010db8000000000000000000000001", 20 },
	{ "FRAGMENT", V1_PAYLOAD_FRAGMENT, fragment_again, "0001 02 01 aabbcc", 5 },
};

#define SAMPLE_COUNT (sizeof(samples) / sizeof(samples[0]))

static bool well_formed(uint8_t type, struct bytes body)
{
	struct payload_chain chain = { 1, { { .type = type, .body = body } } };

	return v1_chain_well_formed(&chain);
}

static void encoding_gives_back_what_was_decoded(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		uint8_t in[SAMPLE_BYTES_MAX], out[SAMPLE_BYTES_MAX];
		struct bytes body = octets_of(samples[i].hex, in);
		struct writer w = writer_of(out, sizeof(out));

		if (!samples[i].again(body, &w) || !writer_ok(&w) ||
			!bytes_equal(writer_bytes(&w), body) || !well_formed(samples[i].type, body))
			fail_msg("%s", samples[i].what);
	}
}

static void every_truncation_is_rejected(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		uint8_t in[SAMPLE_BYTES_MAX], out[SAMPLE_BYTES_MAX];
		size_t whole = octets_of(samples[i].hex, in).size;

		assert_true(samples[i].least <= whole);
		for (size_t size = 0; size < whole; size++) {
			struct bytes cut = alone(BYTES(in, size));
			struct writer w = writer_of(out, sizeof(out));
			bool fits = samples[i].again(cut, &w);

			if (fits &&
				(size < samples[i].least || !bytes_equal(writer_bytes(&w), cut)))
				fail_msg("%s cut to %zu octets", samples[i].what, size);
			assert_int_equal(well_formed(samples[i].type, cut), fits);
			alone_free(cut);
		}
	}
}

static void a_small_writer_fails_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		uint8_t in[SAMPLE_BYTES_MAX];
		struct bytes body = octets_of(samples[i].hex, in);

		for (size_t size = 0; size < body.size; size++) {
			uint8_t *out = malloc(size ? size : 1);
			struct writer w = writer_of(out, size);

			assert_true(samples[i].again(body, &w));
			assert_false(writer_ok(&w));
			free(out);
		}
	}
}

/* What decodes after a change encodes, decodes again, and is the same then: RESERVED is lost the
 * first time. */
static void mutations_never_harm(void **state)
{
	uint64_t seed = 20260101;

	(void)state;
	for (int round = 0; round < MUTATIONS; round++) {
		const struct sample *s = &samples[(size_t)round % SAMPLE_COUNT];
		uint8_t in[SAMPLE_BYTES_MAX], first[SAMPLE_BYTES_MAX], second[SAMPLE_BYTES_MAX];
		struct bytes body = octets_of(s->hex, in), copy;
		struct writer w = writer_of(first, sizeof(first)),
			      v = writer_of(second, sizeof(second));
		char text[600];
		struct payload payload = { .type = s->type };

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		in[(seed >> 40) % body.size] ^= (uint8_t)(1u << (seed >> 33 & 7));
		copy = alone(body);
		payload.body = payload.whole = copy;
		v1_payload_print(&payload, text, sizeof(text));
		if (s->again(copy, &w)) {
			assert_true(writer_ok(&w));
			assert_true(s->again(writer_bytes(&w), &v));
			assert_true(bytes_equal(writer_bytes(&w), writer_bytes(&v)));
		}
		alone_free(copy);
	}
}

/* The chain. */

static const struct {
	const char *what;
	uint8_t first;
	const char *hex;
	bool padded;
	enum wire_verdict verdict;
	size_t count;
} chains[] = {
	{ "nothing", V1_PAYLOAD_NONE, "", false, WIRE_OK, 0 },
	{ "octets without a payload", V1_PAYLOAD_NONE, "00000000", false, WIRE_SYNTAX, 0 },
	{ "padding without a payload", V1_PAYLOAD_NONE, "00", true, WIRE_OK, 0 },
	{ "no octets for a payload", V1_PAYLOAD_NONCE, "", false, WIRE_SYNTAX, 0 },
	{ "a length of 3", V1_PAYLOAD_VENDOR, "00000003", false, WIRE_SYNTAX, 0 },
	{ "an empty payload", V1_PAYLOAD_VENDOR, "00000004", false, WIRE_OK, 1 },
	{ "a word after the last", V1_PAYLOAD_VENDOR, "0000000400000000", false, WIRE_SYNTAX, 0 },
	{ "padding in the clear", V1_PAYLOAD_VENDOR, "00000004000000", false, WIRE_OK, 1 },
	{ "padding after the last", V1_PAYLOAD_VENDOR, "0000000400", true, WIRE_OK, 1 },
	{ "a next payload that is missing", V1_PAYLOAD_VENDOR, "0d000004", false, WIRE_SYNTAX, 0 },
	{ "a next payload in the padding", V1_PAYLOAD_VENDOR, "0d0000040000", true, WIRE_SYNTAX,
		0 },
	{ "RESERVED is ignored", V1_PAYLOAD_VENDOR, "00ff0004", false, WIRE_OK, 1 },
	{ "an unassigned type", 22, "00000004", false, WIRE_CRITICAL_UNKNOWN, 0 },
	{ "a type of IKEv2", PAYLOAD_SA, "00000004", false, WIRE_CRITICAL_UNKNOWN, 0 },
	{ "a proposal outside of an SA", V1_PAYLOAD_PROPOSAL, "00000004", false,
		WIRE_CRITICAL_UNKNOWN, 0 },
	{ "a private type that we don't know", 200, "0d000005ff 00000004", false, WIRE_OK, 1 },
	{ "a fragment ends the chain", V1_PAYLOAD_FRAGMENT, "08000009 0001010011", false, WIRE_OK,
		1 },
};

static void the_chain_is_judged_by_one_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX], unknown = 0;
		struct payload_chain chain;
		struct bytes padding;
		enum wire_verdict verdict =
			v1_chain_decode(chains[i].first, octets_of(chains[i].hex, in), &chain,
				&unknown, chains[i].padded ? &padding : NULL);

		if (verdict != chains[i].verdict ||
			(verdict == WIRE_OK && chain.count != chains[i].count))
			fail_msg("%s", chains[i].what);
		assert_int_equal(unknown, verdict == WIRE_CRITICAL_UNKNOWN ? chains[i].first : 0);
	}
}

static const struct {
	const char *hex;
	int after; /* what comes after the first attribute */
} fillings[] = {
	{ "01000007 40890001 61", 0 },
	{ "01000007 40890001 61 000000", 0 }, /* libreswan's */
	{ "01000007 40890001 61 00000000", 1 },
	{ "01000007 40890001 61 000001", -EBADMSG },
};

static void attributes_may_be_filled_up_to_a_word(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(fillings) / sizeof(fillings[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX];
		struct v1_attributes attributes;
		struct v1_attribute a;

		assert_true(v1_attributes_begin(octets_of(fillings[i].hex, in), &attributes));
		assert_int_equal(v1_attribute_next(&attributes.r, &a), 1);
		assert_int_equal(v1_attribute_next(&attributes.r, &a), fillings[i].after);
	}
}

static void a_hash_covers_all_after_it_but_padding(void **state)
{
	/* HASH, a private payload that is skipped, a vendor ID, and three octets of padding */
	uint8_t in[SAMPLE_BYTES_MAX], unknown;
	struct bytes body = octets_of("c8000006aabb 0d000005ff 0000000501 000000", in);
	struct payload_chain chain;
	struct bytes padding, hashed;

	(void)state;
	assert_int_equal(
		v1_chain_decode(V1_PAYLOAD_HASH, body, &chain, &unknown, &padding), WIRE_OK);
	assert_int_equal(chain.count, 2);
	assert_int_equal(padding.size, 3);
	hashed = v1_chain_hashed(&chain, padding);
	assert_ptr_equal(hashed.data, in + 6);
	assert_int_equal(hashed.size, 10);
}

static void a_chain_has_at_most_64_payloads(void **state)
{
	uint8_t out[(PAYLOADS_MAX + 1) * 4], unknown;
	struct writer w = writer_of(out, sizeof(out));
	struct chain_writer c = chain_begin(&w, SIZE_MAX);
	struct payload_chain chain;

	(void)state;
	for (size_t i = 0; i < PAYLOADS_MAX; i++) {
		payload_begin(&c, V1_PAYLOAD_VENDOR);
		payload_end(&c);
	}
	assert_int_equal(
		v1_chain_decode(c.first, writer_bytes(&w), &chain, &unknown, NULL), WIRE_OK);
	payload_begin(&c, V1_PAYLOAD_VENDOR);
	payload_end(&c);
	assert_int_equal(
		v1_chain_decode(c.first, writer_bytes(&w), &chain, &unknown, NULL), WIRE_SYNTAX);
}

/* What is malformed, by payload. */

static const struct {
	const char *what;
	uint8_t type;
	const char *hex;
} broken[] = {
	{ "SA without proposals", V1_PAYLOAD_SA, "00000001 00000001" },
	{ "proposal without transforms", V1_PAYLOAD_SA, "00000001 00000001 00000008 01010000" },
	{ "proposal that says that more follow", V1_PAYLOAD_SA,
		"00000001 00000001 02000010 01010001 00000008 01010000" },
	{ "proposal that says that none follow", V1_PAYLOAD_SA,
		"00000001 00000001 00000010 01010001 00000008 01010000"
		"00000010 02010001 00000008 01010000" },
	{ "proposal with fewer transforms than it says", V1_PAYLOAD_SA,
		"00000001 00000001 00000010 01010002 00000008 01010000" },
	{ "proposal with more transforms than it says", V1_PAYLOAD_SA,
		"00000001 00000001 00000018 01010001 03000008 01010000 00000008 02010000" },
	{ "proposal with an SPI of 17 octets", V1_PAYLOAD_SA,
		"00000001 00000001 00000021 01011101 0102030405060708091011121314151617"
		"00000008 01010000" },
	{ "proposals whose numbers fall", V1_PAYLOAD_SA,
		"00000001 00000001 02000010 02010001 00000008 01010000"
		"00000010 01010001 00000008 01010000" },
	{ "transform shorter than its header", V1_PAYLOAD_SA,
		"00000001 00000001 0000000f 01010001 00000007 010100" },
	{ "attribute that is cut", V1_PAYLOAD_SA,
		"00000001 00000001 00000013 01010001 0000000b 01010000 800100" },
	{ "attribute longer than its transform", V1_PAYLOAD_SA,
		"00000001 00000001 00000014 01010001 0000000c 01010000 000c0004" },
	{ "empty KE", V1_PAYLOAD_KE, "" },
	{ "empty HASH", V1_PAYLOAD_HASH, "" },
	{ "empty SIG", V1_PAYLOAD_SIG, "" },
	{ "empty NAT-D", V1_PAYLOAD_NAT_D, "" },
	{ "CERT without an encoding", V1_PAYLOAD_CERT, "" },
	{ "NONCE of 7", V1_PAYLOAD_NONCE, "00010203040506" },
	{ "ID of an address with 5 octets", V1_PAYLOAD_ID, "01000000 0a01000001" },
	{ "ID of a mask with a hole", V1_PAYLOAD_ID, "04000000 0a010000 ffff00ff" },
	{ "ID of a range that ends before it starts", V1_PAYLOAD_ID, "07000000 0a010009 0a010001" },
	{ "ID of a name with a NUL", V1_PAYLOAD_ID, "02000000 6d6f00" },
	{ "N with an SPI of 17", V1_PAYLOAD_NOTIFY,
		"00000001 01 11 0018 0102030405060708091011121314151617" },
	{ "N of DPD without a number", V1_PAYLOAD_NOTIFY, "00000001 01 00 8d28" },
	{ "D of nothing", V1_PAYLOAD_DELETE, "00000001 03 04 0000" },
	{ "D with one SPI too few", V1_PAYLOAD_DELETE, "00000001 03 04 0002 c0000001" },
	{ "D of a protocol that there isn't", V1_PAYLOAD_DELETE, "00000001 09 04 0001 c0000001" },
	{ "D of ESP with cookies", V1_PAYLOAD_DELETE,
		"00000001 03 10 0001 0102030405060708 1112131415161718" },
	{ "ATTR without an identifier", V1_PAYLOAD_ATTRIBUTES, "0100" },
	{ "ATTR with an attribute that is cut", V1_PAYLOAD_ATTRIBUTES, "01000007 40890005 616c" },
	{ "ATTR with half an attribute's type", V1_PAYLOAD_ATTRIBUTES, "01000007 c0" },
	{ "NAT-OA of the wrong type", V1_PAYLOAD_NAT_OA, "05000000 0a010001" },
	{ "fragment number 0", V1_PAYLOAD_FRAGMENT, "00010000aa" },
	{ "fragment without data", V1_PAYLOAD_FRAGMENT, "00010100" },
};

static void broken_payloads_are_rejected(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX];

		if (well_formed(broken[i].type, octets_of(broken[i].hex, in)))
			fail_msg("%s", broken[i].what);
	}
}

static void other_doi_and_situations_are_told_apart(void **state)
{
	uint8_t in[SAMPLE_BYTES_MAX];
	struct v1_sa_reader s;

	(void)state;
	assert_int_equal(v1_sa_begin(octets_of("00000000 00000001", in), &s), -EPROTONOSUPPORT);
	assert_int_equal(v1_sa_begin(octets_of("00000002 00000001", in), &s), -EPROTONOSUPPORT);
	assert_int_equal(v1_sa_begin(octets_of("00000001 00000003", in), &s), -ENOTSUP);
	assert_int_equal(v1_sa_begin(octets_of("00000001 000000", in), &s), -EBADMSG);
	/* another answer is due than that it is malformed */
	assert_true(well_formed(V1_PAYLOAD_SA, octets_of("00000002 00000001 ff", in)));
}

static void proposals_of_one_number_are_a_bundle(void **state)
{
	uint8_t in[SAMPLE_BYTES_MAX];
	struct bytes body = octets_of(samples[1].hex, in);
	struct v1_sa_reader s;
	struct v1_proposal p;
	size_t seen = 0;

	(void)state;
	assert_int_equal(v1_sa_begin(body, &s), 0);
	for (; v1_sa_next(&s, &p) > 0; seen++) {
		assert_int_equal(p.number, seen < 2 ? 1 : 2);
		assert_int_equal(p.protocol, seen == 1 ? V1_PROTOCOL_AH : V1_PROTOCOL_ESP);
		assert_int_equal(v1_proposal_in_bundle(body, &p), seen < 2);
	}
	assert_int_equal(seen, 3);
}

static void numbers_have_up_to_8_octets(void **state)
{
	static const struct {
		const char *hex;
		bool fits;
		uint64_t number;
	} rows[] = {
		{ "", false, 0 },
		{ "00", true, 0 },
		{ "7080", true, 28800 },
		{ "00015180", true, 86400 },
		{ "0000000000015180", true, 86400 },
		{ "ffffffffffffffff", true, UINT64_MAX },
		{ "00ffffffffffffffff", true, UINT64_MAX },
		{ "010000000000000000", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t in[SAMPLE_BYTES_MAX];
		struct v1_attribute a = { 12, true, octets_of(rows[i].hex, in) };
		uint64_t number = 0;

		assert_int_equal(v1_attribute_number(&a, &number), rows[i].fits);
		assert_true(number == rows[i].number);
	}
}

static void a_notify_is_found_by_its_type(void **state)
{
	uint8_t in[SAMPLE_BYTES_MAX], unknown;
	struct bytes body =
		octets_of("0b00000c 00000001 01 00 0010 0000000c 00000001 01 00 000e", in);
	struct payload_chain chain;
	struct v1_notify n;

	(void)state;
	assert_int_equal(v1_chain_decode(V1_PAYLOAD_NOTIFY, body, &chain, &unknown, NULL), WIRE_OK);
	assert_true(v1_chain_notify(&chain, V1_NO_PROPOSAL_CHOSEN, &n));
	assert_int_equal(n.protocol, V1_PROTOCOL_ISAKMP);
	assert_false(v1_chain_notify(&chain, V1_INITIAL_CONTACT, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoding_gives_back_what_was_decoded),
		cmocka_unit_test(every_truncation_is_rejected),
		cmocka_unit_test(a_small_writer_fails_and_nothing_else),
		cmocka_unit_test(mutations_never_harm),
		cmocka_unit_test(the_chain_is_judged_by_one_rule),
		cmocka_unit_test(attributes_may_be_filled_up_to_a_word),
		cmocka_unit_test(a_hash_covers_all_after_it_but_padding),
		cmocka_unit_test(a_chain_has_at_most_64_payloads),
		cmocka_unit_test(broken_payloads_are_rejected),
		cmocka_unit_test(other_doi_and_situations_are_told_apart),
		cmocka_unit_test(proposals_of_one_number_are_a_bundle),
		cmocka_unit_test(numbers_have_up_to_8_octets),
		cmocka_unit_test(a_notify_is_found_by_its_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
