/* How two hosts authenticate in IKEv1: aggressive mode, certificates in both modes, fragments; and what
 * becomes of those that can't. */
#include "tests/story/ikev1.h"

#include <stdlib.h>

#include "keys/keys.h"
#include "sim/internal.h"
#include "wire/isakmp.h"

#define SEED       67
#define AGGRESSIVE V1_KEYS "aggressive = yes\n"
#define MODE_COUNT 2

static const char *const modes[MODE_COUNT] = { V1_KEYS, AGGRESSIVE };

static void aggressive_mode_takes_three_messages(void **state)
{
	struct story_config c = { .connection = AGGRESSIVE };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	v1_packets(&s);
	STORY_EQUAL(s, laddered(&s, "AGGRESSIVE"), 6); /* sent and received */
	story_end(&s);
}

static void a_bad_network_only_delays_it(void **state)
{
	struct story_config c = { .connection = AGGRESSIVE };

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct story s = story_begin(seed, &c, NULL);

		s.w->faults = (struct network_faults){
			.loss_percent = 20, .duplicate_percent = 30, .reorder_percent = 30
		};
		host_initiate(s.alice, "net");
		world_run(s.w, 400 * NS_PER_SECOND);
		s.w->faults = (struct network_faults){ 0 };
		host_terminate(s.alice, "net", NULL);
		world_run(s.w, 200 * NS_PER_SECOND);
		host_initiate(s.alice, "net");
		world_run(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		v1_packets(&s);
		story_end(&s);
	}
}

/* Fills what is under way up to a whole number of words, as libreswan does in aggressive mode. */
static void fill_up(struct world *w)
{
	for (struct sim_packet **link = &w->packets; *link; link = &(*link)->next) {
		struct sim_packet *p = *link;
		size_t size = (p->size + 3) / 4 * 4;
		struct writer length;

		if (p->carries != CARRIES_IKE || p->size == size)
			continue;
		*link = p = realloc(p, sizeof(*p) + size);
		assert_non_null(p);
		memset(p->data + p->size, 0, size - p->size);
		p->size = size;
		length = writer_of(p->data + IKE_HEADER_BYTES - 4, 4);
		write_u32(&length, (uint32_t)size);
	}
}

static void messages_in_the_clear_may_be_padded(void **state)
{
	(void)state;
	for (size_t mode = 0; mode < MODE_COUNT; mode++) {
		struct story_config c = { .connection = modes[mode] };
		struct story s = story_begin(SEED, &c, NULL);

		host_initiate(s.alice, "net");
		for (unsigned i = 0; i < 1000; i++) {
			fill_up(s.w);
			world_run(s.w, NS_PER_SECOND / 1000);
		}
		story_up(&s, 1);
		v1_packets(&s);
		story_end(&s);
	}
}

static void aggressive_mode_is_answered_only_where_it_is_wanted(void **state)
{
	struct story_config c = { .connection = V1_KEYS, .alice_connection = "aggressive = yes" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	world_run(s.w, 600 * NS_PER_SECOND);
	story_down(&s);
	STORY_EQUAL(s, s.bob->engine ? laddered(&s, "bob -> alice") : 0, 0);
	STORY_TRUE(s, laddered(&s, "write aggressive = yes there") > 0);
	host_initiate(s.bob, "net"); /* main mode she answers all the same */
	world_run(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	story_end(&s);
}

static void different_secrets_are_found_by_the_initiator(void **state)
{
	struct story_config c = { .connection = AGGRESSIVE, .bob_secret = "dolphins" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	world_run(s.w, 600 * NS_PER_SECOND);
	story_down(&s);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_TRUE(s, strstr(s.alice->last_done, "compare the secrets of both ends"));
	story_end(&s);
}

static void a_peer_that_nobody_knows_is_told_and_named(void **state)
{
	struct story_config c = { .connection = AGGRESSIVE,
		.bob_connection = "remote {\n id = carol.example\n}\n" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	world_run(s.w, 600 * NS_PER_SECOND);
	story_down(&s);
	STORY_TRUE(s, laddered(&s, "no connection with aggressive mode for the peer alice") > 0);
	STORY_TRUE(s, laddered(&s, "carol.example") > 0);
	STORY_TRUE(s, strstr(s.alice->last_done, "AUTHENTICATION_FAILED"));
	story_end(&s);
}

/* Certificates. */

static void load(struct host *h, const char *name)
{
	char path[512], problem[200], id[41];
	uint8_t octets[8192];
	FILE *in;
	size_t size;

	snprintf(path, sizeof(path), PKI_DIRECTORY "/%s", name);
	in = fopen(path, "rb");
	assert_non_null(in);
	size = fread(octets, 1, sizeof(octets), in);
	fclose(in);
	if (strstr(name, ".key."))
		assert_int_equal(keys_load_key(h->keys, BYTES(octets, size), NULL, name, id,
					 problem, sizeof(problem)),
			0);
	else
		assert_int_equal(keys_load_cert(h->keys,
					 strstr(name, "root") ? KEYS_CERT_CA : KEYS_CERT_END_ENTITY,
					 BYTES(octets, size), name, problem, sizeof(problem)),
			0);
}

#define BY(who, key) who " {\n auth = pubkey\n id = \"C=CH, O=tern, CN=" key "\"\n}\n"

static struct story certified(uint64_t seed, struct story_config *c, const char *bobs)
{
	static const char *const alices[] = { "rsa.pem", "rsa.key.pem", "root.pem" };
	struct ike_options small;
	char cert[64], key[64];
	struct story s;

	ike_options_default(&small);
	small.fragment_size = 576;
	s = story_begin(seed, c, &small);
	for (size_t i = 0; i < 3; i++)
		load(s.alice, alices[i]);
	snprintf(cert, sizeof(cert), "%s.pem", bobs);
	snprintf(key, sizeof(key), "%s.key.pem", bobs);
	load(s.bob, cert);
	load(s.bob, key);
	load(s.bob, "root.pem");
	return s;
}

static void certificates_serve_in_both_modes_and_over_a_bad_network(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		char text[400];
		struct story_config c = { .connection = text };
		struct story s;

		snprintf(text, sizeof(text), "%s%s%s%s", modes[seed % MODE_COUNT],
			BY("local", "sun"), BY("remote", "sun"),
			seed % 4 < 2 ? "" : "send_cert = always\n fragmentation = force\n");
		s = certified(seed, &c, "rsa");
		s.w->faults = (struct network_faults){ .loss_percent = seed < 4 ? 0 : 15,
			.duplicate_percent = 20,
			.reorder_percent = 30 };
		host_initiate(s.alice, "net");
		world_run(s.w, 400 * NS_PER_SECOND);
		STORY_TRUE(s,
			seed >= 4 ||
				laddered(&s, "CN=sun (RSA 2048) by C=CH, O=tern, CN=root") >= 2);
		STORY_TRUE(
			s, seed % 4 < 2 || seed >= 4 || laddered(&s, "octets together from") > 0);
		s.w->faults = (struct network_faults){ 0 };
		host_terminate(s.alice, "net", NULL);
		world_run(s.w, 200 * NS_PER_SECOND);
		host_initiate(s.alice, "net");
		world_run(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		v1_packets(&s);
		story_end(&s);
	}
}

/* IKEv1 has one method for both: an RSA key here and ECDSA there don't meet. */
static void keys_of_two_kinds_are_explained(void **state)
{
	struct story_config c = { .connection = V1_KEYS,
		.alice_connection = BY("local", "sun") BY("remote", "p384"),
		.bob_connection = BY("local", "p384") BY("remote", "sun") };
	struct story s = certified(SEED, &c, "p384");

	(void)state;
	host_initiate(s.alice, "net");
	world_run(s.w, 600 * NS_PER_SECOND);
	story_down(&s);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_TRUE(s, laddered(&s, "by RSA signature") > 0);
	STORY_TRUE(s, laddered(&s, "NO_PROPOSAL_CHOSEN") > 0);
	story_end(&s);
}

/* Somebody who sees the cookies sends pieces of a message that never becomes whole. */
static void send_piece(struct story *s, uint16_t id, uint8_t number, size_t size)
{
	struct ike_sa_view sa;
	uint8_t octets[1500];
	struct writer w = writer_of(octets, sizeof(octets));
	struct ike_path path;
	size_t position = 0;

	assert_true(ike_next_sa(s->bob->engine, &position, &sa));
	path = sa.path;
	header_encode(&w,
		&(struct ike_header){ .spi_i = sa.spi_i,
			.spi_r = sa.spi_r,
			.next_payload = V1_PAYLOAD_FRAGMENT,
			.version = V1_VERSION,
			.exchange = V1_IDENTITY_PROTECTION });
	write_u16(&w, 0);
	write_u16(&w, (uint16_t)(8 + size));
	write_u16(&w, id);
	write_u8(&w, number);
	write_u8(&w, 0);
	write_zeros(&w, size);
	write_u32_at(&w, 24, (uint32_t)w.used);
	ike_datagram(s->bob->engine, s->w->now, &path, writer_bytes(&w));
	host_drain(s->bob);
}

static void pieces_that_make_nothing_are_bounded_and_do_no_harm(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	for (unsigned i = 0; i < 255; i++)
		send_piece(&s, 1, (uint8_t)i, 1400);
	STORY_TRUE(s, laddered(&s, "a fragment of too many") > 0);
	STORY_TRUE(s, laddered(&s, "a message in fragments that is too large") > 0);
	for (unsigned i = 0; i < 2000; i++)
		send_piece(&s, (uint16_t)i, 1, 1400); /* each takes the place of the one before */
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	v1_packets(&s);
	story_end(&s);
}

static void who_has_no_key_does_not_even_begin(void **state)
{
	struct story_config c = { .connection = V1_KEYS BY("local", "sun") BY("remote", "sun") };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, s.w->packets_sent, 0);
	STORY_TRUE(s, strstr(s.alice->last_done, "no certificate of ours speaks for"));
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aggressive_mode_takes_three_messages),
		cmocka_unit_test(a_bad_network_only_delays_it),
		cmocka_unit_test(messages_in_the_clear_may_be_padded),
		cmocka_unit_test(aggressive_mode_is_answered_only_where_it_is_wanted),
		cmocka_unit_test(different_secrets_are_found_by_the_initiator),
		cmocka_unit_test(a_peer_that_nobody_knows_is_told_and_named),
		cmocka_unit_test(certificates_serve_in_both_modes_and_over_a_bad_network),
		cmocka_unit_test(keys_of_two_kinds_are_explained),
		cmocka_unit_test(pieces_that_make_nothing_are_bounded_and_do_no_harm),
		cmocka_unit_test(who_has_no_key_does_not_even_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
