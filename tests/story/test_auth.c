/* Authentication in several rounds, RFC 4739: each side proves itself as often as the other wants,
 * and the IKE SA stands when all of it is proven. And IKE SAs that stand without a child, RFC 6023. */
#include "tests/story/story.h"

#include <string.h>

#include "ike/exchange.h"

#define SEED 11

static bool laddered(const struct story *s, const char *words)
{
	for (size_t i = 0; i < s->w->ladder_count; i++)
		if (strstr(s->w->ladder[i], words))
			return true;
	return false;
}

#define ALICE_AGAIN "local-2 {\n auth = psk\n id = alice.user\n round = 2\n}\n"
#define BOB_WANTS   "remote-2 {\n auth = psk\n id = alice.user\n round = 2\n}\n"
#define BOB_AGAIN   "local-2 {\n auth = psk\n id = bob.user\n round = 2\n}\n"
#define ALICE_WANTS "remote-2 {\n auth = psk\n id = bob.user\n round = 2\n}\n"

static void the_initiator_authenticates_twice(void **state)
{
	struct story_config c = { .alice_connection = ALICE_AGAIN, .bob_connection = BOB_WANTS };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	STORY_EQUAL(s, s.w->packets_sent, 6);
	STORY_TRUE(s, laddered(&s, "N(ANOTHER_AUTH_FOLLOWS)"));
	story_end(&s);
}

static void the_responder_authenticates_twice(void **state)
{
	struct story_config c = { .alice_connection = ALICE_WANTS, .bob_connection = BOB_AGAIN };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	STORY_EQUAL(s, s.w->packets_sent, 6);
	story_end(&s);
}

static void both_authenticate_twice_with_loss(void **state)
{
	struct story_config c = { .alice_connection = ALICE_AGAIN ALICE_WANTS,
		.bob_connection = BOB_WANTS BOB_AGAIN };

	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct story s = story_begin(seed, &c, NULL);

		s.w->faults.loss_percent = 15;
		s.w->faults.duplicate_percent = 20;
		s.w->faults.reorder_percent = 20;
		host_initiate(s.alice, "net");
		world_run(s.w, 60 * NS_PER_SECOND);
		STORY_EQUAL(s, host_half_open(s.bob), 0);
		if (s.alice->done_ok)
			story_up(&s, 1);
		story_end(&s);
	}
}

static void a_missing_round_is_named(void **state)
{
	struct story_config c = { .bob_connection = BOB_WANTS };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_down(&s);
	STORY_TRUE(
		s, strstr(s.bob->last_failure, "authenticates once only, but 'net' wants 2 (bob:"));
	STORY_TRUE(s, strstr(s.alice->last_done, "AUTHENTICATION_FAILED"));
	story_end(&s);
}

static void a_round_too_many_is_named(void **state)
{
	struct story_config c = { .alice_connection = ALICE_AGAIN };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_down(&s);
	STORY_TRUE(s, strstr(s.bob->last_failure, "in several rounds, but 'net' wants 1 (bob:"));
	story_end(&s);
}

static void a_round_of_the_responder_too_few_ends_both(void **state)
{
	struct story_config c = { .alice_connection = ALICE_WANTS };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_down(&s);
	STORY_TRUE(s, strstr(s.alice->last_done, "less often than the 2 times"));
	STORY_TRUE(s, strstr(s.bob->last_failure, "did not accept our authentication"));
	story_end(&s);
}

/* Bob has two connections that differ in who the user is; `first` is for another one. */
static void the_second_identity_chooses_the_connection(void **state)
{
	struct story_config c = { .alice_connection = ALICE_AGAIN };
	struct story s = { .w = world_new(SEED) };
	char text[8192], two[8192];

	(void)state;
	s.alice = world_host(
		s.w, "alice", STORY_ALICE, story_text(&c, true, text, sizeof(text)), NULL);
	c.bob_connection = "remote-2 {\n auth = psk\n id = carol.user\n}\n";
	story_text(&c, false, text, sizeof(text));
	*strstr(text, "secrets {") = 0;
	memcpy(strstr(text, " net {"), " one {", 6);
	c.bob_connection = BOB_WANTS;
	snprintf(two, sizeof(two), "%s", text);
	story_text(&c, false, text, sizeof(text));
	snprintf(two + strlen(two), sizeof(two) - strlen(two), "%s", text);
	s.bob = world_host(s.w, "bob", STORY_BOB, two, NULL);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_TRUE(s, laddered(&s, "connection net is for this peer, not one"));
	story_end(&s);
}

static void the_second_identity_must_fit(void **state)
{
	struct story_config c = { .alice_connection = "local-2 {\n auth = psk\n id = eve.user\n}\n",
		.bob_connection = BOB_WANTS };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_down(&s);
	STORY_TRUE(s, strstr(s.bob->last_failure, "eve.user"));
	STORY_TRUE(s, strstr(s.alice->last_done, "AUTHENTICATION_FAILED"));
	story_end(&s);
}

/* Alice gives up between two rounds of bob: he isn't left with a half-open SA. */
static void giving_up_in_the_middle_is_told(void **state)
{
	struct story_config c = { .alice_connection = "remote-2 {\n auth = psk\n id = bill\n}\n"
						      "remote-3 {\n auth = psk\n}\n",
		.bob_connection = BOB_AGAIN "local-3 {\n auth = psk\n round = 3\n}\n" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	world_run(s.w, 5 * NS_PER_SECOND);
	story_down(&s);
	STORY_TRUE(s, strstr(s.alice->last_done, "bob.user"));
	STORY_TRUE(s, strstr(s.bob->last_failure, "in the middle of IKE_AUTH"));
	story_end(&s);
}

static void a_peer_without_it_is_told_apart(void **state)
{
	struct story_config c = { .alice_connection = ALICE_AGAIN, .bob_connection = BOB_WANTS };
	struct ike_options o;
	struct story s;

	(void)state;
	ike_options_default(&o);
	o.multiple_authentication = false;
	s = story_begin(SEED, &c, &o);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.alice) + host_children(s.bob), 0);
	STORY_TRUE(s, strstr(s.alice->last_done, "local-2, alice:"));
	STORY_TRUE(s, strstr(s.alice->last_done, "doesn't support (RFC 4739)"));
	story_end(&s);
}

/* Childless initiation, RFC 6023. */

static struct host *without_children(struct story *s, bool alice)
{
	char text[8192];
	const char *secrets = "secrets {\n ike-1 {\n secret = sharks\n }\n}\n";

	story_text(&(struct story_config){ .connection = NULL }, alice, text, sizeof(text));
	snprintf(strstr(text, "  children {"), 200, " }\n}\n%s", secrets);
	return world_host(
		s->w, alice ? "alice" : "bob", alice ? STORY_ALICE : STORY_BOB, text, NULL);
}

static void a_connection_without_children_comes_up(void **state)
{
	struct story s = { .w = world_new(SEED) };

	(void)state;
	s.alice = without_children(&s, true);
	s.bob = without_children(&s, false);
	host_initiate_ike(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 0);
	STORY_EQUAL(s, s.alice->done_ok, 1);
	story_end(&s);
}

static void a_preferred_childless_start_brings_the_child_later(void **state)
{
	static const char *const modes[] = { "childless = force", "childless = prefer" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct story_config c = { .alice_connection = modes[i] };
		struct story s = story_established(SEED, &c);

		story_up(&s, 1);
		STORY_EQUAL(s, s.alice->done_ok, 1);
		STORY_TRUE(s, laddered(&s, "N(CHILDLESS_IKEV2_SUPPORTED)"));
		STORY_TRUE(s, laddered(&s, "CREATE_CHILD_SA request"));
		story_end(&s);
	}
}

static void who_prefers_it_takes_no_for_an_answer(void **state)
{
	struct story_config c = { .alice_connection = "childless = prefer",
		.bob_connection = "childless = never" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	STORY_TRUE(s, !laddered(&s, "CREATE_CHILD_SA"));
	story_end(&s);
}

static void forcing_it_on_a_peer_that_never_does_is_explained(void **state)
{
	struct story_config c = { .alice_connection = "childless = force",
		.bob_connection = "childless = never" };
	struct story s = story_established(SEED, &c);

	(void)state;
	STORY_EQUAL(s, host_sas(s.alice) + host_sas(s.bob), 0);
	STORY_TRUE(s, strstr(s.alice->last_done, "childless = force (alice:"));
	story_end(&s);
}

static void a_forced_responder_takes_no_child_with_ike_auth(void **state)
{
	struct story_config c = { .bob_connection = "childless = force" };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_down(&s);
	STORY_TRUE(s, strstr(s.bob->last_failure, "childless = force (bob:"));
	STORY_TRUE(s, strstr(s.alice->last_done, "INVALID_SYNTAX"));
	story_end(&s);
}

/* The message that alice has just sent, with a CERT payload of that encoding in front, as she would
 * seal it. */
static struct bytes sealed_with_cert(struct ike_sa *sa, uint8_t encoding, uint8_t out[static 2048])
{
	const struct seal_suite *suite = sealer_suite(sa->keys.out);
	struct bytes rest = writer_bytes(&sa->ours->out);
	struct cert_payload cert = { encoding, bytes_of_text("20 octets of hash... http://a/b") };
	size_t plain = 4 + 1 + cert.data.size + rest.size + 1;
	struct ike_header h = { .spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.next_payload = PAYLOAD_SK,
		.version = 0x20,
		.exchange = IKE_AUTH,
		.flags = FLAG_INITIATOR,
		.message_id = 1,
		.length = (uint32_t)(IKE_HEADER_BYTES + 4 + 8 + plain + suite_icv_bytes(suite)) };
	struct writer w = writer_of(out, 2048);
	size_t text;

	header_encode(&w, &h);
	write_u8(&w, PAYLOAD_CERT);
	write_u8(&w, 0);
	write_u16(&w, (uint16_t)(h.length - IKE_HEADER_BYTES));
	write_u64(&w, 1000000);
	text = w.used;
	write_u8(&w, sa->ours->chain.first);
	write_u8(&w, 0);
	write_u16(&w, (uint16_t)(5 + cert.data.size));
	cert_encode(&w, &cert);
	write_bytes(&w, rest);
	write_u8(&w, 0);
	assert_int_equal(w.used - text, plain);
	sealer_seal(sa->keys.out, BYTES(out, text - 8), out + text - 8, out + text, plain,
		BYTES_EMPTY, write_room(&w, suite_icv_bytes(suite)));
	return writer_bytes(&w);
}

static void certificates_by_hash_and_url_are_declined_politely(void **state)
{
	static const char *const secrets[] = { "sharks", "jets" };

	(void)state;
	for (uint8_t i = 0; i < 2; i++) {
		struct story_config c = { .alice_secret = secrets[i] };
		struct story s = story_begin(SEED, &c, NULL);
		struct ike_path path = { .local = { s.bob->address, 500 },
			.remote = { s.alice->address, 500 } };
		uint8_t memory[2048];

		host_initiate(s.alice, "net");
		world_run(s.w, 15 * NS_PER_MS); /* bob has answered IKE_SA_INIT */
		s.w->faults.partition = true;
		world_run(s.w, 10 * NS_PER_MS);
		host_datagram(s.bob, &path,
			sealed_with_cert(
				s.alice->engine->sas, (uint8_t)(CERT_HASH_AND_URL + i), memory));
		world_run(s.w, NS_PER_SECOND);
		STORY_TRUE(s, laddered(&s, "by hash and URL, which tern does not fetch"));
		STORY_EQUAL(s, host_sas(s.bob), !i);
		STORY_TRUE(s, !i || strstr(s.bob->last_failure, "hash_and_url = no"));
		story_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_initiator_authenticates_twice),
		cmocka_unit_test(the_responder_authenticates_twice),
		cmocka_unit_test(both_authenticate_twice_with_loss),
		cmocka_unit_test(a_missing_round_is_named),
		cmocka_unit_test(a_round_too_many_is_named),
		cmocka_unit_test(a_round_of_the_responder_too_few_ends_both),
		cmocka_unit_test(the_second_identity_chooses_the_connection),
		cmocka_unit_test(the_second_identity_must_fit),
		cmocka_unit_test(giving_up_in_the_middle_is_told),
		cmocka_unit_test(a_peer_without_it_is_told_apart),
		cmocka_unit_test(certificates_by_hash_and_url_are_declined_politely),
		cmocka_unit_test(a_connection_without_children_comes_up),
		cmocka_unit_test(a_preferred_childless_start_brings_the_child_later),
		cmocka_unit_test(who_prefers_it_takes_no_for_an_answer),
		cmocka_unit_test(forcing_it_on_a_peer_that_never_does_is_explained),
		cmocka_unit_test(a_forced_responder_takes_no_child_with_ike_auth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
