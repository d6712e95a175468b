/* Redirection, RFC 5685: alice is the client, bob her gateway, carol another gateway with the same
 * identity. */
#include "tests/story/story.h"

#include <string.h>

#define SEED  13
#define CAROL "192.0.2.3"
#define DAVE  "192.0.2.4"

struct gateways {
	struct story s;
	struct host *carol, *dave;
};

static unsigned laddered(const struct gateways *g, const char *words)
{
	unsigned count = 0;

	for (size_t i = 0; i < g->s.w->ladder_count; i++)
		count += strstr(g->s.w->ladder[i], words) != NULL;
	return count;
}

static struct host *another(
	struct gateways *g, const char *name, const char *address, const char *connection)
{
	struct story_config c = { .bob_address = address, .bob_connection = connection };
	char text[8192];

	return world_host(g->s.w, name, address, story_text(&c, false, text, sizeof(text)), NULL);
}

/* `alice` and `bob`: further keys of their connection. */
static struct gateways gateways(
	const char *alice, const char *bob, const struct ike_options *bob_options)
{
	struct story_config c = { .alice_connection = alice, .bob_connection = bob };
	struct gateways g = { .s = story_begin(SEED, &c, bob_options) };

	g.carol = another(&g, "carol", CAROL, "");
	return g;
}

static void up_at(struct gateways *g, struct host *gateway)
{
	struct host *other = gateway == g->s.bob ? g->carol : g->s.bob;

	STORY_EQUAL(g->s, host_sas(g->s.alice), 1);
	STORY_EQUAL(g->s, host_children(g->s.alice), 1);
	STORY_EQUAL(g->s, host_sas(gateway), 1);
	STORY_EQUAL(g->s, host_children(gateway), 1);
	STORY_EQUAL(g->s, host_sas(other) + host_half_open(other) + host_children(other), 0);
	STORY_TRUE(g->s, world_same_keys(g->s.w) && !g->s.w->broken);
}

static void a_session_moves_to_the_new_gateway(void **state)
{
	struct gateways g = gateways("", "", NULL);

	(void)state;
	host_initiate(g.s.alice, "net");
	world_settle(g.s.w, 10 * NS_PER_SECOND);
	up_at(&g, g.s.bob);
	host_redirect(g.s.bob, "net", CAROL);
	world_run(g.s.w, 10 * NS_PER_SECOND);
	up_at(&g, g.carol);
	STORY_EQUAL(g.s, g.s.bob->done_ok, 1);
	STORY_EQUAL(g.s, g.s.alice->ike_replaced, 1);
	STORY_EQUAL(g.s, g.s.alice->child_rekeyed, 1);
	STORY_EQUAL(g.s, g.s.alice->child_down, 0);
	STORY_EQUAL(g.s, laddered(&g, "N(REDIRECTED_FROM)"), 2);
	story_end(&g.s);
}

static void a_new_client_is_redirected_before_it_costs_anything(void **state)
{
	struct ike_options o;
	struct gateways g;

	(void)state;
	ike_options_default(&o);
	assert_true(gateway_parse(CAROL, &o.redirect_to));
	g = gateways("", "", &o);
	host_initiate(g.s.alice, "net");
	world_settle(g.s.w, 10 * NS_PER_SECOND);
	up_at(&g, g.carol);
	STORY_EQUAL(g.s, g.s.alice->done_ok, 1);
	STORY_EQUAL(g.s, g.s.alice->done_failed + g.s.alice->failed, 0);
	STORY_EQUAL(g.s, laddered(&g, "IKE_SA_INIT response 0 [ N(REDIRECT) ]"), 2);
	story_end(&g.s);
}

static void a_peer_that_has_authenticated_is_redirected(void **state)
{
	struct gateways g = gateways("", "redirect_to = " CAROL "\n", NULL);

	(void)state;
	host_initiate(g.s.alice, "net");
	world_run(g.s.w, 10 * NS_PER_SECOND);
	up_at(&g, g.carol);
	STORY_EQUAL(g.s, g.s.alice->done_ok, 1);
	STORY_EQUAL(g.s, g.s.alice->done_failed + g.s.alice->failed + g.s.bob->failed, 0);
	STORY_EQUAL(g.s, g.s.bob->child_up, 0);
	story_end(&g.s);
}

/* The gateway itself had initiated, too: its SA has all that the client wants, which doesn't go on to set
 * up the same elsewhere. */
static void a_redirect_that_crosses_the_gateways_own_setup_makes_no_second_child(void **state)
{
	struct gateways g = gateways("", "redirect_to = " CAROL "\n", NULL);

	(void)state;
	g.s.w->faults.delay_ns = 50 * NS_PER_MS;
	host_initiate(g.s.alice, "net");
	host_initiate(g.s.bob, "net");
	world_run(g.s.w, 120 * NS_PER_SECOND);
	STORY_EQUAL(g.s, laddered(&g, "redirected the peer to " CAROL), 1);
	up_at(&g, g.s.bob);
	story_end(&g.s);
}

static void a_name_is_resolved_where_the_client_is(void **state)
{
	struct gateways g = gateways("", "", NULL);

	(void)state;
	host_initiate(g.s.alice, "net");
	world_settle(g.s.w, 10 * NS_PER_SECOND);
	host_redirect(g.s.bob, "net", "carol.example");
	world_run(g.s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(g.s, host_sas(g.carol), 0); /* it has no such name yet */
	world_name(g.s.w, "carol.example", CAROL);
	host_redirect(g.s.bob, "net", "carol.example");
	world_run(g.s.w, 10 * NS_PER_SECOND);
	up_at(&g, g.carol);
	STORY_EQUAL(g.s, g.s.alice->child_rekeyed, 1);
	story_end(&g.s);
}

static void a_client_that_does_not_follow_stays(void **state)
{
	struct gateways g = gateways("follow_redirects = no\n", "redirect_to = " CAROL "\n", NULL);

	(void)state;
	host_initiate(g.s.alice, "net");
	world_settle(g.s.w, 10 * NS_PER_SECOND);
	host_redirect(g.s.bob, "net", CAROL);
	world_run(g.s.w, 10 * NS_PER_SECOND);
	up_at(&g, g.s.bob);
	STORY_EQUAL(g.s, g.s.bob->done_failed, 1);
	STORY_TRUE(g.s, strstr(g.s.bob->last_done, "REDIRECT_SUPPORTED"));
	STORY_EQUAL(g.s, laddered(&g, "N(REDIRECT"), 0);
	story_end(&g.s);
}

static void only_the_gateway_redirects(void **state)
{
	struct gateways g = gateways("", "", NULL);

	(void)state;
	host_initiate(g.s.alice, "net");
	world_settle(g.s.w, 10 * NS_PER_SECOND);
	host_redirect(g.s.alice, "net", CAROL);
	world_run(g.s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(g.s, g.s.alice->done_failed, 1);
	up_at(&g, g.s.bob);
	story_end(&g.s);
}

static void a_gateway_that_is_another_gets_no_session(void **state)
{
	struct gateways g = gateways("", "", NULL);
	struct host *mallory = another(&g, "mallory", DAVE, "local {\n id = mallory.example\n}\n");

	(void)state;
	host_initiate(g.s.alice, "net");
	world_settle(g.s.w, 10 * NS_PER_SECOND);
	host_redirect(g.s.bob, "net", DAVE);
	world_run(g.s.w, 60 * NS_PER_SECOND);
	up_at(&g, g.s.bob);
	STORY_EQUAL(g.s, g.s.alice->ike_replaced, 0);
	STORY_EQUAL(g.s, host_sas(mallory) + host_children(mallory), 0);
	STORY_TRUE(g.s, strstr(g.s.alice->last_failure, "not redirected"));
	story_end(&g.s);
}

static void gateways_that_redirect_in_a_circle_are_left(void **state)
{
	struct gateways g = { .s = story_begin(SEED,
				      &(struct story_config){
					      .bob_connection = "redirect_to = " CAROL "\n" },
				      NULL) };

	(void)state;
	g.carol = another(&g, "carol", CAROL, "redirect_to = " DAVE "\n");
	g.dave = another(&g, "dave", DAVE, "redirect_to = " STORY_BOB "\n");
	host_initiate(g.s.alice, "net");
	world_run(g.s.w, 30 * NS_PER_SECOND);
	STORY_EQUAL(g.s, laddered(&g, "alice  note redirected to"), 5);
	STORY_TRUE(g.s,
		strstr(g.s.alice->last_failure, "TS_UNACCEPTABLE") ||
			laddered(&g, "are a loop") == 1);
	story_end(&g.s);
}

/* A response to alice's IKE_SA_INIT from whoever saw no more of it than its SPI. */
static void forge(struct gateways *g, const struct ike_sa_view *sa, struct bytes nonce)
{
	struct ike_path path = { .local = sa->path.local, .remote = sa->path.remote };
	struct ike_header h = { .spi_i = sa->spi_i,
		.version = 0x20,
		.exchange = IKE_SA_INIT,
		.flags = FLAG_RESPONSE,
		.next_payload = PAYLOAD_NOTIFY };
	uint8_t memory[256], data[128];
	struct writer w = writer_of(memory, sizeof(memory)), d = writer_of(data, sizeof(data));
	struct gateway dave;
	struct chain_writer c;

	gateway_parse(DAVE, &dave);
	gateway_encode(&d, &dave, nonce);
	header_encode(&w, &h);
	c = chain_begin(&w, SIZE_MAX);
	payload_begin(&c, PAYLOAD_NOTIFY);
	notify_encode(&w, &(struct notify){ .type = REDIRECT, .data = writer_bytes(&d) });
	payload_end(&c);
	write_u32_at(&w, 24, (uint32_t)w.used);
	host_datagram(g->s.alice, &path, writer_bytes(&w));
}

static void a_forged_redirect_without_the_nonce_is_ignored(void **state)
{
	struct gateways g = gateways("", "", NULL);
	static const uint8_t guess[32];
	struct ike_sa_view sa;
	size_t position = 0;

	(void)state;
	host_initiate(g.s.alice, "net");
	world_run(g.s.w, 5 * NS_PER_MS);
	assert_true(ike_next_sa(g.s.alice->engine, &position, &sa));
	forge(&g, &sa, BYTES_OF(guess));
	forge(&g, &sa, BYTES_EMPTY);
	world_settle(g.s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(g.s, laddered(&g, "N(REDIRECT)"), 2);
	up_at(&g, g.s.bob);
	story_end(&g.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_moves_to_the_new_gateway),
		cmocka_unit_test(a_new_client_is_redirected_before_it_costs_anything),
		cmocka_unit_test(a_peer_that_has_authenticated_is_redirected),
		cmocka_unit_test(
			a_redirect_that_crosses_the_gateways_own_setup_makes_no_second_child),
		cmocka_unit_test(a_name_is_resolved_where_the_client_is),
		cmocka_unit_test(a_client_that_does_not_follow_stays),
		cmocka_unit_test(only_the_gateway_redirects),
		cmocka_unit_test(a_gateway_that_is_another_gets_no_session),
		cmocka_unit_test(gateways_that_redirect_in_a_circle_are_left),
		cmocka_unit_test(a_forged_redirect_without_the_nonce_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
