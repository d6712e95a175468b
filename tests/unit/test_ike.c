/* The pure functions of the core as tables: window, collision, narrowing, negotiation, fragments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "ike/narrow.h"
#include "ike/negotiate.h"
#include "ike/v2/collision.h"
#include "ike/v2/fragment.h"
#include "ike/v2/window.h"

static void the_window_judges_by_the_header(void **state)
{
	static struct bytes frozen[1];
	static const struct {
		bool waiting, working, have_response, response;
		uint32_t next_request, next_expected, id;
		enum window_verdict verdict;
	} rows[] = {
		/* requests of the peer */
		{ .next_expected = 0, .id = 0, .verdict = WINDOW_NEW },
		{ .next_expected = 0, .id = 0, .working = true, .verdict = WINDOW_WORKING },
		{ .next_expected = 5, .id = 5, .verdict = WINDOW_NEW },
		{ .next_expected = 5, .id = 4, .have_response = true, .verdict = WINDOW_REPEAT },
		{ .next_expected = 5, .id = 4, .verdict = WINDOW_STALE },
		{ .next_expected = 5, .id = 3, .have_response = true, .verdict = WINDOW_STALE },
		{ .next_expected = 5, .id = 6, .verdict = WINDOW_AHEAD },
		{ .next_expected = 0,
			.id = UINT32_MAX,
			.have_response = true,
			.verdict = WINDOW_AHEAD },
		/* responses to ours */
		{ .response = true,
			.waiting = true,
			.next_request = 1,
			.id = 0,
			.verdict = WINDOW_NEW },
		{ .response = true,
			.waiting = true,
			.next_request = 3,
			.id = 1,
			.verdict = WINDOW_STALE },
		{ .response = true,
			.waiting = true,
			.next_request = 3,
			.id = 3,
			.verdict = WINDOW_STALE },
		{ .response = true,
			.waiting = false,
			.next_request = 3,
			.id = 2,
			.verdict = WINDOW_STALE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct window w = { .waiting = rows[i].waiting,
			.working = rows[i].working,
			.next_request = rows[i].next_request,
			.next_expected = rows[i].next_expected };
		struct ike_header h = { .flags = rows[i].response ? FLAG_RESPONSE : 0,
			.message_id = rows[i].id };

		if (rows[i].have_response)
			w.response = (struct frozen){ 1, frozen };
		assert_int_equal(window_judge(&w, &h), rows[i].verdict);
	}
}

#define CHILD_REQUEST(kind, ...)                                                                   \
	{                                                                                          \
		.request = kind, .child_found = true, __VA_ARGS__                                  \
	}

/* Rows of RFC 7296 §2.25.1, §2.25.2 and §2.8.2, in their order, then what they leave open. */
static void collisions_are_judged_by_the_table_of_section_2_25(void **state)
{
	static const struct {
		struct collision_facts f;
		enum collision_verdict verdict;
	} rows[] = {
		/* §2.25.1 */
		{ CHILD_REQUEST(REQUEST_REKEY_CHILD, .child_being_deleted = true),
			COLLISION_LATER },
		{ CHILD_REQUEST(
			  REQUEST_REKEY_CHILD, .child_being_rekeyed = true, .child_exchange = true),
			COLLISION_COMPARE },
		{ { .request = REQUEST_REKEY_CHILD }, COLLISION_UNKNOWN },
		{ { .request = REQUEST_REKEY_CHILD, .child_being_made = true }, COLLISION_LATER },
		{ CHILD_REQUEST(REQUEST_DELETE_CHILD, .child_being_deleted = true),
			COLLISION_SILENT },
		{ CHILD_REQUEST(REQUEST_DELETE_CHILD, .child_being_rekeyed = true),
			COLLISION_FORGET },
		{ { .request = REQUEST_DELETE_CHILD }, COLLISION_SILENT },
		{ { .request = REQUEST_REKEY_IKE, .child_exchange = true }, COLLISION_LATER },
		/* §2.25.2 and §2.8.2 */
		{ { .request = REQUEST_REKEY_IKE, .ike_being_rekeyed = true }, COLLISION_COMPARE },
		{ { .request = REQUEST_REKEY_IKE, .ike_being_deleted = true }, COLLISION_LATER },
		{ { .request = REQUEST_REKEY_IKE, .ike_rekeyed = true }, COLLISION_LATER },
		{ { .request = REQUEST_DELETE_IKE, .ike_being_rekeyed = true }, COLLISION_FORGET },
		{ { .request = REQUEST_DELETE_IKE, .ike_being_deleted = true }, COLLISION_FORGET },
		{ { .request = REQUEST_NEW_CHILD, .ike_being_rekeyed = true }, COLLISION_LATER },
		{ CHILD_REQUEST(REQUEST_REKEY_CHILD, .ike_being_rekeyed = true), COLLISION_LATER },
		{ CHILD_REQUEST(REQUEST_DELETE_CHILD, .ike_being_rekeyed = true), COLLISION_NONE },
		/* Nothing of ours is under way, or nothing that the request touches. */
		{ { .request = REQUEST_NEW_CHILD }, COLLISION_NONE },
		{ { .request = REQUEST_NEW_CHILD, .child_exchange = true }, COLLISION_NONE },
		{ CHILD_REQUEST(REQUEST_REKEY_CHILD, .child_exchange = false), COLLISION_NONE },
		{ CHILD_REQUEST(REQUEST_REKEY_CHILD, .child_exchange = true), COLLISION_NONE },
		{ CHILD_REQUEST(REQUEST_DELETE_CHILD, .child_exchange = true), COLLISION_NONE },
		{ { .request = REQUEST_REKEY_IKE }, COLLISION_NONE },
		{ { .request = REQUEST_DELETE_IKE }, COLLISION_NONE },
		{ { .request = REQUEST_DELETE_IKE, .child_exchange = true }, COLLISION_NONE },
		/* A successor stands, or the IKE SA is on its way out. */
		{ CHILD_REQUEST(REQUEST_REKEY_CHILD, .child_rekeyed = true), COLLISION_LATER },
		{ CHILD_REQUEST(REQUEST_DELETE_CHILD, .child_rekeyed = true), COLLISION_NONE },
		{ { .request = REQUEST_NEW_CHILD, .ike_being_deleted = true }, COLLISION_LATER },
		{ { .request = REQUEST_NEW_CHILD, .ike_rekeyed = true }, COLLISION_LATER },
		{ CHILD_REQUEST(REQUEST_REKEY_CHILD, .ike_rekeyed = true), COLLISION_LATER },
		{ CHILD_REQUEST(REQUEST_DELETE_CHILD, .ike_rekeyed = true), COLLISION_NONE },
		{ { .request = REQUEST_DELETE_IKE, .ike_rekeyed = true }, COLLISION_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(collision_judge(&rows[i].f), rows[i].verdict);
}

static void the_lowest_nonce_loses(void **state)
{
	struct bytes low = bytes_of_text("aaaa"), high = bytes_of_text("ab"),
		     longer = bytes_of_text("aaaab");

	(void)state;
	assert_true(collision_ours_lost(low, high));
	assert_false(collision_ours_lost(high, low));
	assert_true(collision_ours_lost(low, longer));
	assert_ptr_equal(lower_nonce(low, high).data, low.data);
	assert_ptr_equal(lower_nonce(high, low).data, low.data);
}

/* "family/first-last/protocol/port-port", for tables. */
static struct selectors parse(const char *first, const char *last, uint8_t protocol,
	unsigned port_first, unsigned port_last)
{
	struct selectors s = { .count = 1 };

	assert_int_equal(address_parse(first, &s.list[0].first), 0);
	assert_int_equal(address_parse(last, &s.list[0].last), 0);
	s.list[0].family = s.list[0].first.family;
	s.list[0].protocol = protocol;
	s.list[0].port_first = (uint16_t)port_first;
	s.list[0].port_last = (uint16_t)port_last;
	return s;
}

static void selectors_are_intersected(void **state)
{
	static const struct {
		const char *a1, *a2, *b1, *b2, *r1, *r2;
		uint8_t a_protocol, b_protocol;
		unsigned ap1, ap2, bp1, bp2, rp1, rp2;
	} rows[] = {
		{ "10.0.0.0", "10.255.255.255", "10.1.0.0", "10.1.255.255", "10.1.0.0",
			"10.1.255.255", 0, 0, 0, 65535, 0, 65535, 0, 65535 },
		{ "10.0.0.0", "10.0.0.9", "10.0.0.5", "10.0.0.20", "10.0.0.5", "10.0.0.9", 6, 0, 80,
			90, 85, 65535, 85, 90 },
		{ "10.0.0.0", "10.0.0.9", "10.0.0.10", "10.0.0.20", NULL, NULL, 0, 0, 0, 65535, 0,
			65535, 0, 0 },
		{ "10.0.0.0", "10.0.0.9", "10.0.0.0", "10.0.0.9", NULL, NULL, 6, 17, 0, 65535, 0,
			65535, 0, 0 },
		{ "10.0.0.0", "10.0.0.9", "10.0.0.0", "10.0.0.9", NULL, NULL, 6, 6, 1, 2, 3, 4, 0,
			0 },
		{ "2001:db8::", "2001:db8::ffff", "2001:db8::1", "2001:db9::", "2001:db8::1",
			"2001:db8::ffff", 0, 0, 0, 65535, 0, 65535, 0, 65535 },
		{ "10.0.0.0", "10.0.0.9", "::", "ffff::", NULL, NULL, 0, 0, 0, 65535, 0, 65535, 0,
			0 },
		/* OPAQUE */
		{ "10.0.0.0", "10.0.0.9", "10.0.0.0", "10.0.0.9", "10.0.0.0", "10.0.0.9", 0, 0,
			65535, 0, 0, 65535, 65535, 0 },
		{ "10.0.0.0", "10.0.0.9", "10.0.0.0", "10.0.0.9", NULL, NULL, 0, 0, 65535, 0, 80,
			80, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct selectors a =
			parse(rows[i].a1, rows[i].a2, rows[i].a_protocol, rows[i].ap1, rows[i].ap2);
		struct selectors b =
			parse(rows[i].b1, rows[i].b2, rows[i].b_protocol, rows[i].bp1, rows[i].bp2);
		struct selectors both, expected;

		selectors_intersect(&a, &b, &both);
		assert_int_equal(both.count, rows[i].r1 ? 1 : 0);
		if (!rows[i].r1)
			continue;
		expected = parse(rows[i].r1, rows[i].r2,
			rows[i].a_protocol ? rows[i].a_protocol : rows[i].b_protocol, rows[i].rp1,
			rows[i].rp2);
		assert_true(selectors_equal(&both, &expected));
		assert_true(selectors_within(&both, &a) && selectors_within(&both, &b));
	}
}

static void what_another_selector_contains_is_left_out(void **state)
{
	struct selectors wide = parse("10.0.0.0", "10.255.255.255", 0, 0, 65535),
			 two = parse("10.1.0.0", "10.1.255.255", 0, 0, 65535), both;

	(void)state;
	two.list[two.count++] = parse("10.1.3.0", "10.1.3.255", 0, 0, 65535).list[0];
	selectors_intersect(&wide, &two, &both);
	assert_int_equal(both.count, 1);
}

/* Negotiation. */

static struct proposal proposal_of(const struct transform *list, size_t count)
{
	struct proposal p = { .number = 1,
		.protocol = PROTOCOL_ESP,
		.spi_size = 4,
		.spi = { 1, 2, 3, 4 },
		.transform_count = (uint8_t)count };

	memcpy(p.transforms, list, count * sizeof(*list));
	return p;
}

#define PROPOSAL(...)                                                                              \
	proposal_of((const struct transform[]){ __VA_ARGS__ },                                     \
		sizeof((const struct transform[]){ __VA_ARGS__ }) / sizeof(struct transform))

static int choose(const struct proposal *ours, const struct proposal *theirs, bool with_ke,
	bool prefer_ours, struct proposal *ret)
{
	struct conf_proposal one = { .given = *ours };
	struct proposal_list list = { 1, &one };
	uint8_t body[1024];
	struct writer w = writer_of(body, sizeof(body));
	struct negotiation n = { .ours = &list,
		.protocol = PROTOCOL_ESP,
		.with_ke = with_ke,
		.prefer_ours = prefer_ours };

	sa_encode(&w, theirs, 1);
	assert_true(writer_ok(&w));
	n.theirs = writer_bytes(&w);
	return negotiate(&n, ret);
}

static void preferences_decide(void **state)
{
	struct proposal ours = PROPOSAL({ TRANSFORM_ENCR, ENCR_AES_GCM_16, 256 },
		{ TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 }, { TRANSFORM_ESN, 0, 0 });
	struct proposal theirs = PROPOSAL({ TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 },
		{ TRANSFORM_ENCR, ENCR_AES_GCM_16, 256 }, { TRANSFORM_ESN, 0, 0 });
	struct proposal chosen;

	(void)state;
	assert_int_equal(choose(&ours, &theirs, false, true, &chosen), 1);
	assert_int_equal(chosen.transforms[0].key_bits, 256);
	assert_int_equal(choose(&ours, &theirs, false, false, &chosen), 1);
	assert_int_equal(chosen.transforms[0].key_bits, 128);
	assert_int_equal(load_u32(chosen.spi), 0x01020304);
}

static void key_lengths_must_match(void **state)
{
	struct proposal ours =
		PROPOSAL({ TRANSFORM_ENCR, ENCR_AES_GCM_16, 256 }, { TRANSFORM_ESN, 0, 0 });
	struct proposal theirs = PROPOSAL(
				{ TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 }, { TRANSFORM_ESN, 0, 0 }),
			chosen;

	(void)state;
	assert_int_equal(choose(&ours, &theirs, false, true, &chosen), 0);
}

static void pfs_is_not_dropped_silently(void **state)
{
	struct proposal with = PROPOSAL({ TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 },
		{ TRANSFORM_KE, KE_CURVE25519, 0 }, { TRANSFORM_ESN, 0, 0 });
	struct proposal without =
		PROPOSAL({ TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 }, { TRANSFORM_ESN, 0, 0 });
	struct proposal optional = PROPOSAL({ TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 },
		{ TRANSFORM_KE, KE_NONE, 0 }, { TRANSFORM_ESN, 0, 0 });
	struct proposal chosen;

	(void)state;
	assert_int_equal(choose(&with, &without, true, true, &chosen), 0);
	assert_int_equal(choose(&without, &with, true, true, &chosen), 0);
	assert_int_equal(choose(&with, &without, false, true, &chosen), 1);
	assert_int_equal(choose(&without, &optional, true, true, &chosen), 1);
}

static void a_mac_is_needed_where_one_side_has_it(void **state)
{
	struct proposal cbc = PROPOSAL({ TRANSFORM_ENCR, ENCR_AES_CBC, 128 },
		{ TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0 }, { TRANSFORM_ESN, 0, 0 });
	struct proposal bare = PROPOSAL(
				{ TRANSFORM_ENCR, ENCR_AES_CBC, 128 }, { TRANSFORM_ESN, 0, 0 }),
			chosen;
	struct proposal gcm_none = PROPOSAL({ TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 },
		{ TRANSFORM_INTEG, INTEG_NONE, 0 }, { TRANSFORM_ESN, 0, 0 });
	struct proposal gcm =
		PROPOSAL({ TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 }, { TRANSFORM_ESN, 0, 0 });

	(void)state;
	assert_int_equal(choose(&cbc, &bare, false, true, &chosen), 0);
	assert_int_equal(choose(&bare, &cbc, false, true, &chosen), 0);
	assert_int_equal(choose(&gcm, &gcm_none, false, true, &chosen), 1);
	assert_int_equal(chosen.transform_count, 2);
}

static void esn_is_chosen_where_both_want_it(void **state)
{
	struct proposal both = PROPOSAL({ TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 },
		{ TRANSFORM_ESN, ESN_YES, 0 }, { TRANSFORM_ESN, ESN_NO, 0 });
	struct proposal no =
		PROPOSAL({ TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 }, { TRANSFORM_ESN, ESN_NO, 0 });
	struct proposal yes = PROPOSAL({ TRANSFORM_ENCR, ENCR_AES_GCM_16, 128 },
				{ TRANSFORM_ESN, ESN_YES, 0 }),
			chosen;

	(void)state;
	assert_int_equal(choose(&both, &yes, false, true, &chosen), 1);
	assert_int_equal(chosen.transforms[1].id, ESN_YES);
	assert_int_equal(choose(&both, &no, false, true, &chosen), 1);
	assert_int_equal(chosen.transforms[1].id, ESN_NO);
	assert_int_equal(choose(&no, &yes, false, true, &chosen), 0);
}

/* Fragments. */

static struct fragment part(uint32_t id, uint16_t number, uint16_t total, const char *text)
{
	return (struct fragment){ .message_id = id,
		.number = number,
		.total = total,
		.next_payload = number == 1 ? PAYLOAD_IDI : 0,
		.plain = bytes_of_text(text) };
}

static int add(struct fragments *f, struct fragment p)
{
	return fragments_add(f, &p, 100);
}

static void fragments_gather_in_any_order(void **state)
{
	struct fragments f = { 0 };
	uint8_t out[100];

	(void)state;
	assert_int_equal(add(&f, part(1, 3, 3, "ghi")), 0);
	assert_int_equal(add(&f, part(1, 1, 3, "abc")), 0);
	assert_int_equal(add(&f, part(1, 1, 3, "XXX")), 0); /* a repeat changes nothing */
	assert_int_equal(add(&f, part(1, 2, 3, "def")), 1);
	assert_int_equal(f.first_payload, PAYLOAD_IDI);
	fragments_join(&f, out);
	assert_memory_equal(out, "abcdefghi", 9);
	assert_int_equal(f.total, 0);
}

static void fragments_follow_rfc_7383_section_2_6(void **state)
{
	struct fragments f = { 0 };

	(void)state;
	assert_int_equal(add(&f, part(1, 1, 2, "abc")), 0);
	assert_int_equal(add(&f, part(1, 1, 3, "a")), 0); /* smaller pieces: start over */
	assert_int_equal(f.have, 1);
	assert_int_equal(add(&f, part(1, 2, 2, "def")), -EBADMSG); /* larger ones are refused */
	assert_int_equal(add(&f, part(2, 1, 2, "abc")), 0);        /* another message */
	assert_int_equal(f.have, 1);
	assert_int_equal(add(&f, part(2, 0, 2, "abc")), -EBADMSG);
	assert_int_equal(add(&f, part(2, 3, 2, "abc")), -EBADMSG);
	assert_int_equal(add(&f, part(2, 2, FRAGMENTS_MAX + 1, "abc")), -EBADMSG);
	assert_int_equal(
		add(&f,
			part(2, 2, 2,
				"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789")),
		-E2BIG);
	fragments_clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_judges_by_the_header),
		cmocka_unit_test(collisions_are_judged_by_the_table_of_section_2_25),
		cmocka_unit_test(the_lowest_nonce_loses),
		cmocka_unit_test(selectors_are_intersected),
		cmocka_unit_test(what_another_selector_contains_is_left_out),
		cmocka_unit_test(preferences_decide),
		cmocka_unit_test(key_lengths_must_match),
		cmocka_unit_test(pfs_is_not_dropped_silently),
		cmocka_unit_test(a_mac_is_needed_where_one_side_has_it),
		cmocka_unit_test(esn_is_chosen_where_both_want_it),
		cmocka_unit_test(fragments_gather_in_any_order),
		cmocka_unit_test(fragments_follow_rfc_7383_section_2_6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
