/* The wire against samples of every payload: whole, cut, and mutated by chance. */
#include "octets.h"
#include "wire/wire.h"

#define MUTATIONS 200000

/* Decodes a body and encodes what it got. False where the body is malformed. */
typedef bool again_fn(struct bytes body, struct writer *w);

static bool sa_again(struct bytes body, struct writer *w)
{
	struct proposal proposals[8];
	struct sa_reader s = sa_begin(body);
	size_t count = 0;
	int more;

	while ((more = sa_next(&s, &proposals[count])) > 0)
		if (++count == 8)
			return false;
	if (more < 0)
		return false;

	sa_encode(w, proposals, count);
	return true;
}

static bool ke_again(struct bytes body, struct writer *w)
{
	struct ke_payload ke;

	if (!ke_decode(body, &ke))
		return false;

	ke_encode(w, ke.group, ke.value);
	return true;
}

static bool id_again(struct bytes body, struct writer *w)
{
	struct id_payload id;

	if (!id_decode(body, &id))
		return false;

	id_encode(w, &id);
	return true;
}

static bool cert_again(struct bytes body, struct writer *w)
{
	struct cert_payload cert;

	if (!cert_decode(body, &cert))
		return false;

	cert_encode(w, &cert);
	return true;
}

static bool auth_again(struct bytes body, struct writer *w)
{
	struct auth_payload auth;

	if (!auth_decode(body, &auth))
		return false;

	auth_encode(w, auth.method, auth.data);
	return true;
}

static bool nonce_again(struct bytes body, struct writer *w)
{
	if (!nonce_valid(body))
		return false;

	write_bytes(w, body);
	return true;
}

static bool notify_again(struct bytes body, struct writer *w)
{
	struct notify notify;

	if (!notify_decode(body, &notify))
		return false;

	notify_encode(w, &notify);
	return true;
}

static bool delete_again(struct bytes body, struct writer *w)
{
	struct delete_payload delete;
	struct reader r;
	uint32_t spis[SAMPLE_BYTES_MAX / 4];
	size_t count = 0;

	if (!delete_decode(body, &delete))
		return false;

	for (r = reader_of(delete.spis); reader_left(&r);)
		spis[count++] = read_u32(&r);
	assert_int_equal(count, delete.count);
	delete_encode(w, delete.protocol, spis, count);
	return true;
}

static bool selectors_again(struct bytes body, struct writer *w)
{
	struct selectors selectors;

	if (!selectors_decode(body, &selectors))
		return false;

	selectors_encode(w, &selectors);
	return true;
}

static bool cp_again(struct bytes body, struct writer *w)
{
	struct cp_reader cp;
	struct cp_attribute attribute;
	int more;

	if (!cp_begin(body, &cp))
		return false;

	cp_encode_begin(w, cp.type);
	while ((more = cp_next(&cp, &attribute)) > 0)
		cp_encode_attribute(w, attribute.type, attribute.value);

	return more == 0;
}

static bool eap_again(struct bytes body, struct writer *w)
{
	struct eap_packet eap;

	if (!eap_decode(body, &eap))
		return false;

	eap_encode(w, &eap);
	return true;
}

static bool skf_again(struct bytes body, struct writer *w)
{
	struct skf_head skf;

	if (!skf_decode(body, &skf))
		return false;

	skf_encode_head(w, skf.number, skf.total);
	write_bytes(w, skf.rest);
	return true;
}

#define WHOLE SIZE_MAX

/* Proposals with 4 transforms; RFC 7296 §3.3's own example; an IKE SA's rekeying. */
#define SA_IKE                                                                                     \
	"0000002c01010004 0300000c0100000c800e0100 030000080300000c"                               \
	"0300000802000005 000000080400001f"
#define SA_RFC_1                                                                                   \
	"0200005001030407052357bb 0300000c0100000c800e0080 0300000c0100000c800e00c0"               \
	"0300000c0100000c800e0100 0300000803000002 0300000803000005 0300000805000001"              \
	"0000000805000000"
#define SA_RFC_2                                                                                   \
	"000000340203040435a1d6f2 0300000c01000012800e0080 0300000c01000012800e0100"               \
	"0300000805000001 0000000805000000"
#define SA_REKEY                                                                                   \
	"0000002c010108031122334455667788 0300000c01000014800e0080 0300000802000005"               \
	"0000000804000013"
#define NONCE_32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HASH_20  "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"
#define TS_4     "07000010 0000ffff c6336442 c6336442"
#define TS_6                                                                                       \
	"08060028 01bb01bb 20010db8000000000000000000000000 "                                      \
	"20010db8ffffffffffffffffffffffff"

/* `shortest`: the least octets of it that are well formed by themselves. */
static const struct sample {
	uint8_t type;
	again_fn *again;
	const char *hex;
	size_t shortest;
} samples[] = {
	{ PAYLOAD_SA, sa_again, SA_IKE, WHOLE },
	{ PAYLOAD_SA, sa_again, SA_RFC_1 SA_RFC_2, WHOLE },
	{ PAYLOAD_SA, sa_again, SA_REKEY, WHOLE },
	{ PAYLOAD_SA, sa_again, "00000014 03030401 00000001 0000000805000000", WHOLE },
	{ PAYLOAD_KE, ke_again, "001f0000" NONCE_32, 5 },
	{ PAYLOAD_IDI, id_again, "01000000 c0000201", WHOLE },
	{ PAYLOAD_IDR, id_again, "05000000 20010db8000000000000000000000001", WHOLE },
	{ PAYLOAD_IDI, id_again, "02000000 6d6f6f6e2e7465726e2e6578616d706c65", 4 },
	{ PAYLOAD_IDI, id_again, "03000000 6361726f6c407465726e2e6578616d706c65", 4 },
	{ PAYLOAD_IDR, id_again, "09000000 300f310d300b060355040313046d6f6f6e", 4 },
	{ PAYLOAD_IDI, id_again, "0b000000 00ff00ff", 4 },
	{ PAYLOAD_IDI, id_again, "0d000000", WHOLE },
	{ PAYLOAD_CERT, cert_again, "04 3082000a", 1 },
	{ PAYLOAD_CERTREQ, cert_again, "04" HASH_20, 1 },
	{ PAYLOAD_AUTH, auth_again, "02000000" NONCE_32, 5 },
	{ PAYLOAD_NONCE, nonce_again, NONCE_32, 16 },
	{ PAYLOAD_NOTIFY, notify_again, "00004004" HASH_20, WHOLE },
	{ PAYLOAD_NOTIFY, notify_again, "00000011 0013", WHOLE },
	{ PAYLOAD_NOTIFY, notify_again, "03044009 cafebabe", WHOLE },
	{ PAYLOAD_NOTIFY, notify_again, "01084009 1122334455667788", WHOLE },
	{ PAYLOAD_NOTIFY, notify_again, "00004006 0102030405060708", 5 },
	{ PAYLOAD_NOTIFY, notify_again, "0000a000 ffff", 4 },
	{ PAYLOAD_DELETE, delete_again, "01000000", WHOLE },
	{ PAYLOAD_DELETE, delete_again, "03040002 cafebabe 0badf00d", WHOLE },
	{ PAYLOAD_DELETE, delete_again, "02040001 cafebabe", WHOLE },
	{ PAYLOAD_TSI, selectors_again, "01000000" TS_4, WHOLE },
	{ PAYLOAD_TSR, selectors_again, "03000000" TS_4 TS_6 "07010010 ffff0000 00000000 ffffffff",
		WHOLE },
	{ PAYLOAD_CP, cp_again, "01000000", WHOLE },
	{ PAYLOAD_CP, cp_again, "02000000 00010004 0a030001", 4 },
	{ PAYLOAD_CP, cp_again, "01000000 00010000 00030000 000a0000", 4 },
	{ PAYLOAD_EAP, eap_again, "01010005 01", WHOLE },
	{ PAYLOAD_EAP, eap_again, "0201000a 016361726f6c", WHOLE },
	{ PAYLOAD_EAP, eap_again, "03020004", WHOLE },
	{ PAYLOAD_SKF, skf_again, "00010003" NONCE_32, 4 },
};

#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

static bool prefix_decodes(again_fn *again, struct bytes from, size_t size)
{
	uint8_t out[SAMPLE_BYTES_MAX];
	struct writer w = writer_of(out, sizeof(out));
	struct bytes prefix = alone(BYTES(from.data, size));
	bool decodes = again(prefix, &w);

	alone_free(prefix);
	return decodes;
}

static void encoding_what_was_decoded_gives_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		uint8_t in[SAMPLE_BYTES_MAX], out[SAMPLE_BYTES_MAX];
		struct bytes body = octets_of(samples[i].hex, in);
		struct writer w = writer_of(out, sizeof(out));

		if (!samples[i].again(body, &w) || !bytes_equal(writer_bytes(&w), body))
			fail_msg("sample %zu: %s", i, samples[i].hex);
		assert_true(writer_ok(&w));
	}
}

static void what_is_cut_does_not_decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		uint8_t in[SAMPLE_BYTES_MAX];
		struct bytes body = octets_of(samples[i].hex, in);
		size_t shortest = samples[i].shortest == WHOLE ? body.size : samples[i].shortest;

		for (size_t size = 0; size < shortest; size++)
			if (prefix_decodes(samples[i].again, body, size))
				fail_msg("sample %zu decodes with %zu octets: %s", i, size,
					samples[i].hex);
		assert_true(prefix_decodes(samples[i].again, body, shortest));
	}
}

/* Where encoding runs out of room, the writer says so and nothing is written past the end. */
static void encoding_into_too_little_room_fails(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		uint8_t in[SAMPLE_BYTES_MAX];
		struct bytes body = octets_of(samples[i].hex, in);

		for (size_t size = 0; size < body.size; size++) {
			uint8_t *room = malloc(size ? size : 1);
			struct writer w = writer_of(room, size);

			samples[i].again(body, &w);
			assert_false(writer_ok(&w));
			free(room);
		}
	}
}

/* Messages: a header and one or two payloads. */

static struct bytes message_of(
	const struct sample *one, const struct sample *two, uint8_t *out, size_t room)
{
	uint8_t body[SAMPLE_BYTES_MAX];
	struct ike_header header = { .spi_i = 1, .version = 0x20, .exchange = IKE_AUTH };
	struct writer w = writer_of(out, room);
	struct chain_writer c;

	header_encode(&w, &header);
	c = chain_begin(&w, 16);
	payload_begin(&c, one->type);
	write_bytes(&w, octets_of(one->hex, body));
	payload_end(&c);
	if (two) {
		payload_begin(&c, two->type);
		write_bytes(&w, octets_of(two->hex, body));
		payload_end(&c);
	}
	write_u32_at(&w, 24, (uint32_t)w.used);
	assert_true(writer_ok(&w));

	return writer_bytes(&w);
}

static enum wire_verdict message_decode(struct bytes datagram, struct payload_chain *ret_chain)
{
	struct ike_header header;
	uint8_t critical;

	if (!header_decode(datagram, &header))
		return WIRE_SYNTAX;

	return chain_decode(header.next_payload,
		BYTES(datagram.data + IKE_HEADER_BYTES, datagram.size - IKE_HEADER_BYTES),
		ret_chain, &critical);
}

static void every_message_is_rejected_where_cut(void **state)
{
	struct payload_chain chain;

	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		uint8_t out[SAMPLE_BYTES_MAX * 3];
		struct bytes message = message_of(
			&samples[i], &samples[(i * 7 + 3) % (SAMPLES - 1)], out, sizeof(out));

		if (samples[i].type == PAYLOAD_SKF)
			message = message_of(&samples[i], NULL, out, sizeof(out));
		assert_int_equal(message_decode(message, &chain), WIRE_OK);
		assert_true(chain_well_formed(&chain));
		assert_int_equal(load_u32(message.data + 24), message.size);

		for (size_t size = 0; size < message.size; size++) {
			struct bytes cut = alone(BYTES(message.data, size));

			assert_int_equal(message_decode(cut, &chain), WIRE_SYNTAX);
			alone_free(cut);
		}
	}
}

static uint64_t chance;

static uint64_t next_chance(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance;
}

static void mutate(uint8_t *octets, size_t size)
{
	static const uint8_t edges[] = { 0, 1, 2, 3, 4, 7, 8, 16, 0x7f, 0x80, 0xfe, 0xff };

	for (size_t i = next_chance() % 3 + 1; i; i--) {
		uint64_t x = next_chance();
		uint8_t *at = &octets[x % size];

		if (x >> 60 < 4)
			*at ^= (uint8_t)(1 << (x >> 40 & 7));
		else if (x >> 60 < 12)
			*at = edges[(x >> 40) % sizeof(edges)];
		else
			*at = (uint8_t)(x >> 48);
	}
}

static void decode_and_print_all(struct bytes datagram)
{
	struct payload_chain chain;
	struct ike_header header;
	struct id_payload id;
	char text[256];

	if (message_decode(datagram, &chain) != WIRE_OK || !header_decode(datagram, &header))
		return;

	chain_well_formed(&chain);
	message_print(&header, &chain, text, sizeof(text));
	for (size_t i = 0; i < chain.count; i++) {
		const struct payload *p = &chain.payloads[i];
		struct sa_reader sa = sa_begin(p->body);
		struct selectors selectors;
		struct proposal proposal;

		assert_true(p->whole.size == p->body.size + 4);
		if (id_decode(p->body, &id))
			id_print(&id, text, sizeof(text));
		while (sa_next(&sa, &proposal) > 0)
			proposal_print(&proposal, text, sizeof(text));
		for (size_t n = 0; selectors_decode(p->body, &selectors) && n < selectors.count;
			n++)
			selector_print(&selectors.list[n], text);
	}
}

static void mutated_messages_do_no_harm(void **state)
{
	uint8_t out[SAMPLE_BYTES_MAX * 3];

	(void)state;
	chance = 0x7465726e;
	for (int i = 0; i < MUTATIONS; i++) {
		const struct sample *one = &samples[next_chance() % (SAMPLES - 1)];
		const struct sample *two = &samples[next_chance() % SAMPLES];
		struct bytes message = message_of(one, two, out, sizeof(out));
		size_t size = next_chance() % 8 ? message.size : next_chance() % message.size;
		struct bytes copy = alone(BYTES(message.data, size));

		if (size)
			mutate((uint8_t *)(uintptr_t)copy.data, size);
		decode_and_print_all(copy);
		alone_free(copy);
	}
}

/* What a mutated body still means is kept by encoding and decoding it once more. */
static void mutated_payloads_mean_the_same_again(void **state)
{
	(void)state;
	chance = 0x6d6f6f6e;
	for (int i = 0; i < MUTATIONS; i++) {
		const struct sample *sample = &samples[next_chance() % SAMPLES];
		uint8_t in[SAMPLE_BYTES_MAX], once[SAMPLE_BYTES_MAX], twice[SAMPLE_BYTES_MAX];
		struct bytes body = octets_of(sample->hex, in);
		struct writer first = writer_of(once, sizeof(once));
		struct writer second = writer_of(twice, sizeof(twice));

		mutate(in, body.size);
		if (!sample->again(body, &first) || !sample->again(writer_bytes(&first), &second))
			continue;
		assert_true(bytes_equal(writer_bytes(&first), writer_bytes(&second)));
	}
}

static void gateways_are_addresses_or_names(void **state)
{
	static const uint8_t good[] = { 1, 4, 192, 0, 2, 3, 'n', 'o' };
	static const struct {
		uint8_t data[24];
		size_t size;
	} bad[] = {
		{ { 0 }, 0 }, { { 1 }, 1 }, { { 1, 4, 192, 0, 2 }, 5 }, /* cut short */
		{ { 1, 5, 192, 0, 2, 3, 4 }, 7 },                       /* no IPv4 address */
		{ { 2, 4, 192, 0, 2, 3 }, 6 },                          /* nor IPv6 */
		{ { 1, 4, 0, 0, 0, 0 }, 6 },                            /* nobody's */
		{ { 1, 4, 224, 0, 0, 1 }, 6 },                          /* many have it */
		{ { 3, 0 }, 2 },                   /* a name without a letter */
		{ { 3, 4, 'g', 'w', 0, 'x' }, 6 }, /* or with what a name can't have */
		{ { 3, 4, 'g', 'w', '%', 'n' }, 6 },
		{ { 4, 2, 'g', 'w' }, 4 }, /* an unknown type */
	};
	uint8_t memory[64];
	struct writer w = writer_of(memory, sizeof(memory));
	struct gateway g = { 0 };
	struct bytes nonce;
	char text[GATEWAY_TEXT_MAX];

	(void)state;
	assert_true(gateway_decode(BYTES_OF(good), &g, &nonce));
	assert_true(bytes_equal(nonce, bytes_of_text("no")));
	assert_string_equal(gateway_print(&g, text), "192.0.2.3");
	gateway_encode(&w, &g, nonce);
	assert_true(bytes_equal(writer_bytes(&w), BYTES_OF(good)));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(gateway_decode(BYTES(bad[i].data, bad[i].size), &g, &nonce));
	assert_true(gateway_parse("gw-2.example", &g) && g.type == GATEWAY_FQDN);
	assert_true(gateway_parse("2001:db8::1", &g) && g.type == GATEWAY_IPV6);
	assert_false(gateway_parse("192.0.2.300", &g));
	assert_false(gateway_parse("192.0.2.0/24", &g));
	assert_false(gateway_parse("", &g));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gateways_are_addresses_or_names),
		cmocka_unit_test(encoding_what_was_decoded_gives_the_same),
		cmocka_unit_test(what_is_cut_does_not_decode),
		cmocka_unit_test(encoding_into_too_little_room_fails),
		cmocka_unit_test(every_message_is_rejected_where_cut),
		cmocka_unit_test(mutated_messages_do_no_harm),
		cmocka_unit_test(mutated_payloads_mean_the_same_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
