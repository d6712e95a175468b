/* Quick crash detection, RFC 6290: one side has forgotten everything and says so. */
#include "tests/story/story.h"

#include <string.h>

#define SEED 23

static struct story with_secrets(void)
{
	struct story s = story_begin(SEED, NULL, NULL);

	for (int side = 0; side < 2; side++) {
		struct host *h = side ? s.bob : s.alice;

		h->options.qcd_secret.size = 32;
		memset(h->options.qcd_secret.data, 'a' + side, 32);
		host_restart(h);
	}
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	return s;
}

/* Alice, who loses her state and is back, and bob, who does not know yet. */
static struct story crashed(bool tokens)
{
	struct story s = with_secrets();

	host_restart(s.alice);
	if (!tokens) {
		host_crash(s.alice);
		s.alice->options.qcd_secret.size = 0;
		host_restart(s.alice);
	}
	STORY_EQUAL(s, host_sas(s.bob), 1);
	STORY_EQUAL(s, host_sas(s.alice), 0);
	return s;
}

static void a_request_is_answered_with_the_token_and_the_sa_is_over(void **state)
{
	struct story s = crashed(true);
	ike_time begin = s.w->now;

	(void)state;
	host_rekey(s.bob, NULL, "net");
	world_settle(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.bob), 0);
	STORY_EQUAL(s, host_children(s.bob), 0);
	STORY_TRUE(s, strstr(s.bob->last_done, "QCD"));
	STORY_TRUE(s, s.w->now - begin <= 2 * s.w->faults.delay_ns); /* one round trip */
	story_end(&s);
}

static void an_esp_packet_leads_to_a_probe_and_the_probe_to_the_token(void **state)
{
	struct story s = crashed(true);

	(void)state;
	world_run(s.w, 10 * NS_PER_SECOND);
	host_packet(s.bob, "10.2.0.1", "10.1.0.1");
	world_settle(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.bob), 0);
	story_end(&s);
}

static void without_the_secret_there_is_only_a_hint_and_the_sa_stays_for_now(void **state)
{
	struct story s = crashed(false);

	(void)state;
	host_rekey(s.bob, NULL, "net");
	world_settle(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.bob), 1);
	STORY_EQUAL(s, host_children(s.bob), 1);
	story_end(&s);
}

static void the_token_is_renewed_when_the_ike_sa_is_rekeyed_by_either_side(void **state)
{
	for (int side = 0; side < 2; side++) {
		struct story s = with_secrets();

		(void)state;
		host_rekey(side ? s.alice : s.bob, "net", NULL);
		world_settle(s.w, 10 * NS_PER_SECOND);
		host_restart(s.alice);
		host_rekey(s.bob, NULL, "net");
		world_settle(s.w, NS_PER_SECOND);
		STORY_EQUAL(s, host_sas(s.bob), 0);
		story_end(&s);
	}
}

/* §9.2: whoever knows the SPIs of an SA that stands gets nothing by turning them around. */
static void an_sa_that_stands_gives_no_token_away(void **state)
{
	struct story s = with_secrets();
	struct ike_sa_view view;
	uint64_t sent = s.w->packets_sent;
	size_t position = 0;

	(void)state;
	assert_true(ike_next_sa(s.bob->engine, &position, &view));
	for (unsigned variant = 0; variant < 16; variant++) {
		uint8_t datagram[100] = { 0 };
		struct ike_path path = { { s.bob->address, 500 }, { s.alice->address, 4000 } };

		if ((variant & 3) == 3)
			continue; /* without his SPI it is another SA's token */
		store_u64(datagram, variant & 1 ? view.spi_i : view.spi_r);
		store_u64(datagram + 8, variant & 2 ? view.spi_i : view.spi_r);
		datagram[16] = PAYLOAD_SK;
		datagram[17] = 0x20;
		datagram[18] = INFORMATIONAL;
		datagram[19] = variant & 4 ? FLAG_INITIATOR : 0;
		datagram[23] = variant & 8 ? 7 : 0;
		datagram[27] = sizeof(datagram);
		datagram[31] = sizeof(datagram) - IKE_HEADER_BYTES;
		host_datagram(s.bob, &path, BYTES_OF(datagram));
	}
	STORY_EQUAL(s, s.w->packets_sent, sent);
	story_up(&s, 1);
	story_end(&s);
}

static void a_wrong_token_changes_nothing(void **state)
{
	struct story s = with_secrets();
	struct ike_path path = { { s.bob->address, 500 }, { s.alice->address, 500 } };
	uint8_t datagram[IKE_HEADER_BYTES + 8 + 32] = { 0 };
	struct ike_sa_view view;
	size_t position = 0;

	(void)state;
	assert_true(ike_next_sa(s.bob->engine, &position, &view));
	store_u64(datagram, view.spi_i);
	store_u64(datagram + 8, view.spi_r);
	datagram[16] = PAYLOAD_NOTIFY;
	datagram[17] = 0x20;
	datagram[18] = INFORMATIONAL;
	datagram[19] = FLAG_INITIATOR | FLAG_RESPONSE;
	datagram[27] = sizeof(datagram);
	datagram[31] = sizeof(datagram) - IKE_HEADER_BYTES;
	datagram[32] = PROTOCOL_IKE;
	store_u16(datagram + 34, QUICK_CRASH_DETECTION);
	for (unsigned i = 0; i < 256; i++) {
		datagram[IKE_HEADER_BYTES + 8] = (uint8_t)i;
		host_datagram(s.bob, &path, BYTES_OF(datagram));
		world_run(s.w, 200 * NS_PER_MS);
	}
	story_up(&s, 1);
	story_end(&s);
}

/* Alice rekeys the IKE SA, and bob's first request in the new one overtakes his answer. What she has to
 * say to that would come when bob knows her new token. */
static void a_rekeyed_ike_sa_that_is_not_known_yet_is_not_lost(void **state)
{
	struct story s = with_secrets();

	(void)state;
	host_rekey(s.alice, "net", NULL);
	world_run(s.w, NS_PER_MS);
	s.w->faults.delay_ns = 300 * NS_PER_MS;
	world_run(s.w, 15 * NS_PER_MS);
	s.w->faults.delay_ns = 10 * NS_PER_MS;
	STORY_EQUAL(s, s.bob->ike_rekeyed, 1);
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, 5 * NS_PER_MS);
	s.w->faults.delay_ns = 500 * NS_PER_MS;
	world_run(s.w, 10 * NS_PER_MS);
	s.w->faults.delay_ns = 10 * NS_PER_MS;
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_down + s.bob->ike_down, 0);
	STORY_EQUAL(s, s.bob->child_rekeyed, 1);
	story_up(&s, 1);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rekeyed_ike_sa_that_is_not_known_yet_is_not_lost),
		cmocka_unit_test(a_request_is_answered_with_the_token_and_the_sa_is_over),
		cmocka_unit_test(an_esp_packet_leads_to_a_probe_and_the_probe_to_the_token),
		cmocka_unit_test(without_the_secret_there_is_only_a_hint_and_the_sa_stays_for_now),
		cmocka_unit_test(the_token_is_renewed_when_the_ike_sa_is_rekeyed_by_either_side),
		cmocka_unit_test(an_sa_that_stands_gives_no_token_away),
		cmocka_unit_test(a_wrong_token_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
