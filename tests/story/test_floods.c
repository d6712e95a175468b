/* Floods of IKE_SA_INIT: what they cost us, and that peers who mean well get through. */
#include "tests/story/story.h"

#include <string.h>

#define SEED 11

/* Sends bob a copy of alice's first request with another SPI, as one who floods him does. */
static void spoof(struct story *s, struct bytes request, uint8_t number, uint8_t host)
{
	uint8_t copy[1000];
	struct ike_path path = { .local = { s->bob->address, 500 },
		.remote = { s->alice->address, (uint16_t)(1000 + number) } };

	assert_true(request.size <= sizeof(copy));
	memcpy(copy, request.data, request.size);
	memset(copy, number + 1, 8);
	copy[7] = host;
	path.remote.address.octets[3] = host;
	host_datagram(s->bob, &path, BYTES(copy, request.size));
}

/* Bob after `addresses` × `each` spoofed requests; alice's own arrives behind them. */
static struct story flooded(const struct ike_options *o, unsigned addresses, unsigned each)
{
	struct story_config c = { .bob_connection = "remote_addrs = %any" };
	struct story s = story_begin(SEED, &c, o);
	uint8_t memory[1000];
	struct bytes request;

	host_initiate(s.alice, "net");
	world_run(s.w, NS_PER_MS); /* it is under way */
	assert_non_null(s.w->packets);
	request = BYTES(memory, s.w->packets->size);
	assert_true(request.size <= sizeof(memory));
	memcpy(memory, s.w->packets->data, request.size);
	for (unsigned i = 0; i < addresses; i++)
		for (unsigned j = 0; j < each; j++)
			spoof(&s, request, (uint8_t)j, (uint8_t)(10 + i));
	return s;
}

static struct ike_stats stats_of(const struct host *h)
{
	struct ike_stats stats;

	ike_stats(h->engine, &stats);
	return stats;
}

static void a_flood_keeps_no_memory_and_starves_nobody_of_a_cookie(void **state)
{
	struct story s = flooded(NULL, 100, 1);

	(void)state;
	/* Ten stand half-open; each of the other ninety, all at the same instant, got its cookie. */
	STORY_EQUAL(s, stats_of(s.bob).half_open, 10);
	STORY_EQUAL(s, stats_of(s.bob).ike_sas, 10);
	STORY_EQUAL(s, stats_of(s.bob).cookies_sent, 90);
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.alice), 1);
	STORY_EQUAL(s, host_children(s.alice), 1);
	story_end(&s);
}

static void one_address_is_asked_for_cookies_before_others_are(void **state)
{
	struct story s = flooded(NULL, 1, 50);

	(void)state;
	STORY_EQUAL(s, stats_of(s.bob).half_open, 3);
	STORY_EQUAL(s, stats_of(s.bob).cookies_sent, 47);
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.alice), 1);
	STORY_EQUAL(s, stats_of(s.bob).cookies_sent, 47);
	story_end(&s);
}

static void half_open_sas_have_a_limit_and_an_end(void **state)
{
	struct ike_options o;
	struct story s;

	(void)state;
	ike_options_default(&o);
	o.cookie_threshold = o.cookie_threshold_address = 0;
	o.half_open_max = 20;
	s = flooded(&o, 40, 1);
	STORY_EQUAL(s, stats_of(s.bob).half_open, 20);
	STORY_EQUAL(s, stats_of(s.bob).dropped, 20);
	/* Alice's own requests meet a full house, until it empties by itself. */
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, stats_of(s.bob).half_open, 0);
	STORY_EQUAL(s, host_sas(s.alice), 1);
	story_end(&s);
}

static void an_address_with_too_many_half_open_sas_gets_silence(void **state)
{
	struct ike_options o;
	struct story s;

	(void)state;
	ike_options_default(&o);
	o.cookie_threshold = o.cookie_threshold_address = 0;
	s = flooded(&o, 1, 20);
	STORY_EQUAL(s, stats_of(s.bob).half_open, 5);
	STORY_EQUAL(s, stats_of(s.bob).dropped, 15);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_keeps_no_memory_and_starves_nobody_of_a_cookie),
		cmocka_unit_test(one_address_is_asked_for_cookies_before_others_are),
		cmocka_unit_test(half_open_sas_have_a_limit_and_an_end),
		cmocka_unit_test(an_address_with_too_many_half_open_sas_gets_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
