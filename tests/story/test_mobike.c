/* Tunnels whose ends move: MOBIKE (RFC 4555) with one address and with several, NATs that come, go and
 * forget (RFC 7296 §2.23), and who tries to make use of it. */
#include "tests/story/story.h"

#include <stdlib.h>
#include <string.h>

#define SEED 11

#define ANYWHERE "local_addrs = %any\ndpd_delay = 10s\n"
#define ALICE_2  "198.51.100.1"
#define BOB_2    "198.51.100.2"
#define VICTIM   "203.0.113.66"
#define OUTSIDE  "203.0.113.1"

static struct story mobile(const char *more)
{
	char lines[300];
	struct story_config c = { .connection = lines };

	snprintf(lines, sizeof(lines), "%s%s", ANYWHERE, more);
	return story_established(SEED, &c);
}

static bool is(const struct address *a, const char *text)
{
	char printed[ADDRESS_TEXT_MAX];

	return strcmp(address_print(a, printed), text) == 0;
}

static const struct child_spec *child(const struct host *h)
{
	static const struct child_spec none;

	for (size_t i = 0; i < h->children_used; i++)
		if (h->children[i].in && h->children[i].out)
			return &h->children[i].spec;
	return &none;
}

static bool laddered(const struct story *s, const char *words)
{
	for (size_t i = 0; i < s->w->ladder_count; i++)
		if (strstr(s->w->ladder[i], words))
			return true;
	return false;
}

/* Packets cross both ways over one child that was never down, between these addresses. */
static void crosses(struct story *s, const char *alice, const char *bob)
{
	uint64_t lost = world_lost_packets(s->w);

	host_packet(s->alice, "10.1.0.1", "10.2.0.1");
	host_packet(s->bob, "10.2.0.1", "10.1.0.1");
	world_settle(s->w, 10 * NS_PER_SECOND);
	STORY_EQUAL(*s, world_lost_packets(s->w), lost);
	story_up(s, 1);
	STORY_EQUAL(*s, s->alice->child_down + s->bob->child_down, 0);
	STORY_TRUE(*s, is(&child(s->bob)->path.remote.address, alice));
	STORY_TRUE(*s, is(&child(s->alice)->path.remote.address, bob));
}

static void the_initiator_moves(void **state)
{
	struct story s = mobile("");
	uint32_t spi = child(s.alice)->spi_in;

	(void)state;
	STORY_EQUAL(s, child(s.alice)->path.local.port, 4500); /* though no NAT is there: §3.3 */
	STORY_TRUE(s, !child(s.alice)->encap);
	host_set_address(s.alice, ALICE_2);
	world_settle(s.w, 10 * NS_PER_SECOND);
	crosses(&s, ALICE_2, STORY_BOB);
	STORY_EQUAL(s, child(s.alice)->spi_in, spi);
	STORY_TRUE(s, laddered(&s, "IKE UPDATED") && !child(s.bob)->encap);
	host_set_address(s.alice, STORY_ALICE);
	world_settle(s.w, 10 * NS_PER_SECOND);
	crosses(&s, STORY_ALICE, STORY_BOB);
	story_end(&s);
}

static void the_responder_moves(void **state)
{
	struct story s = mobile("");

	(void)state;
	host_set_address(s.bob, BOB_2);
	world_settle(s.w, 10 * NS_PER_SECOND);
	crosses(&s, STORY_ALICE, BOB_2);
	STORY_TRUE(s, laddered(&s, "N(NO_ADDITIONAL_ADDRESSES)"));
	story_end(&s);
}

static void each_moves_after_a_rekeying_by_the_other(void **state)
{
	struct story s = mobile("");

	(void)state;
	host_rekey(s.bob, "net", NULL); /* bob initiates the new IKE SA, alice still decides */
	world_settle(s.w, 10 * NS_PER_SECOND);
	host_set_address(s.alice, ALICE_2);
	world_settle(s.w, 10 * NS_PER_SECOND);
	crosses(&s, ALICE_2, STORY_BOB);
	host_set_address(s.bob, BOB_2);
	world_settle(s.w, 10 * NS_PER_SECOND);
	crosses(&s, ALICE_2, BOB_2);
	story_end(&s);
}

static struct story with_two_addresses_each(void)
{
	struct story_config c = { .connection = ANYWHERE };
	struct story s = story_begin(SEED, &c, NULL);

	host_add_address(s.alice, ALICE_2);
	host_add_address(s.bob, BOB_2);
	host_initiate(s.alice, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	crosses(&s, STORY_ALICE, STORY_BOB);
	return s;
}

static void the_first_path_dies_and_another_is_found(void **state)
{
	struct story s = with_two_addresses_each();

	(void)state;
	world_cut_address(s.w, STORY_BOB, true);
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_TRUE(s, is(&child(s.alice)->path.remote.address, BOB_2));
	crosses(&s, is(&child(s.alice)->path.local.address, ALICE_2) ? ALICE_2 : STORY_ALICE,
		BOB_2);
	story_end(&s);
}

static void an_address_goes_and_the_other_is_used(void **state)
{
	struct story s = with_two_addresses_each();

	(void)state;
	host_remove_address(s.alice, STORY_ALICE);
	host_remove_address(s.bob, STORY_BOB);
	world_run(s.w, 120 * NS_PER_SECOND);
	crosses(&s, ALICE_2, BOB_2);
	story_end(&s);
}

static void a_nat_appears_and_vanishes(void **state)
{
	struct story s = mobile("");

	(void)state;
	host_behind(s.alice, world_nat(s.w, OUTSIDE, 0));
	host_set_address(s.alice, "10.9.0.1");
	world_settle(s.w, 10 * NS_PER_SECOND);
	crosses(&s, OUTSIDE, STORY_BOB);
	STORY_TRUE(s, child(s.alice)->encap && child(s.bob)->encap);
	host_behind(s.alice, NULL);
	host_set_address(s.alice, STORY_ALICE);
	world_settle(s.w, 10 * NS_PER_SECOND);
	crosses(&s, STORY_ALICE, STORY_BOB);
	STORY_TRUE(s, !child(s.alice)->encap && !child(s.bob)->encap);
	story_end(&s);
}

static void a_liveness_check_finds_a_nat_that_appeared(void **state)
{
	struct story s = mobile("");

	(void)state;
	host_behind(s.alice, world_nat(s.w, OUTSIDE, 0));
	world_run(s.w, 30 * NS_PER_SECOND);
	crosses(&s, OUTSIDE, STORY_BOB);
	STORY_TRUE(s, child(s.alice)->encap && child(s.bob)->encap);
	story_end(&s);
}

static struct story behind_a_nat(const char *more)
{
	char lines[300];
	struct story_config c = { .connection = lines, .bob_connection = "remote_addrs = %any" };
	struct story s;

	snprintf(lines, sizeof(lines), "%s%s", ANYWHERE, more);
	s = story_begin(SEED, &c, NULL);
	host_behind(s.alice, world_nat(s.w, OUTSIDE, 0));
	host_initiate(s.alice, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	crosses(&s, OUTSIDE, STORY_BOB);
	return s;
}

static void a_nat_rebinds(struct story *s, bool silent)
{
	uint16_t before = child(s->bob)->path.remote.port;

	nat_rebind(s->w->nats[0]);
	if (silent) /* until the next liveness check */
		world_run(s->w, 60 * NS_PER_SECOND);
	else
		host_packet(s->alice, "10.1.0.1", "10.2.0.1");
	world_settle(s->w, 10 * NS_PER_SECOND);
	crosses(s, OUTSIDE, STORY_BOB);
	STORY_TRUE(*s, child(s->bob)->path.remote.port != before);
}

static void a_nat_rebinds_with_and_without_mobike(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct story s = behind_a_nat(i & 1 ? "mobike = no" : "");

		a_nat_rebinds(&s, i & 2);
		nat_set_outside(s.w->nats[0], VICTIM);
		world_run(s.w, 60 * NS_PER_SECOND);
		crosses(&s, VICTIM, STORY_BOB);
		story_end(&s);
	}
}

/* The first packet under way that carries `what`. */
static struct sim_packet *caught(struct world *w, enum sim_carries what)
{
	struct sim_packet *p = w->packets;

	while (p && p->carries != what)
		p = p->next;
	if (!p)
		abort();
	return p;
}

/* RFC 7296 §2.23 accepts that a packet forwarded from elsewhere is followed: until the next one. */
static void who_forwards_a_packet_has_the_traffic_until_the_next(void **state)
{
	struct story s = behind_a_nat("mobike = no");
	struct endpoint there = child(s.bob)->path.remote;

	(void)state;
	host_packet(s.alice, "10.1.0.1", "10.2.0.1");
	address_parse(VICTIM, &caught(s.w, CARRIES_ESP_IN_UDP)->path.remote.address);
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_TRUE(s, is(&child(s.bob)->path.remote.address, VICTIM));
	host_packet(s.alice, "10.1.0.1", "10.2.0.1");
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_TRUE(s, endpoint_equal(&child(s.bob)->path.remote, &there));
	crosses(&s, OUTSIDE, STORY_BOB);
	story_end(&s);
}

static void with_mobike_a_forwarded_packet_moves_no_traffic(void **state)
{
	struct story s = behind_a_nat("");

	(void)state;
	host_packet(s.alice, "10.1.0.1", "10.2.0.1");
	address_parse(VICTIM, &caught(s.w, CARRIES_ESP_IN_UDP)->path.remote.address);
	world_settle(s.w, NS_PER_SECOND);
	host_rekey(s.alice, NULL, "net");
	while (!s.w->packets)
		world_run(s.w, NS_PER_MS);
	address_parse("203.0.113.67", &caught(s.w, CARRIES_IKE)->path.remote.address);
	for (int i = 0; i < 300; i++) {
		world_run(s.w, NS_PER_SECOND);
		STORY_TRUE(s, is(&child(s.bob)->path.remote.address, OUTSIDE));
	}
	crosses(&s, OUTSIDE, STORY_BOB);
	story_end(&s);
}

/* The same packet once more, a second later and from elsewhere. */
static void repeat(struct world *w, const struct sim_packet *p)
{
	struct sim_packet *copy = malloc(sizeof(*p) + p->size), **end = &w->packets;

	if (!copy)
		abort();
	memcpy(copy, p, sizeof(*p) + p->size);
	address_parse(VICTIM, &copy->path.remote.address);
	copy->due += NS_PER_SECOND;
	copy->next = NULL;
	while (*end)
		end = &(*end)->next;
	*end = copy;
}

static void an_old_packet_repeated_from_elsewhere_moves_nothing(void **state)
{
	struct story s = behind_a_nat("mobike = no");

	(void)state;
	host_rekey(s.alice, NULL, "net");
	while (!s.w->packets)
		world_run(s.w, NS_PER_MS);
	repeat(s.w, caught(s.w, CARRIES_IKE));
	world_settle(s.w, 10 * NS_PER_SECOND);
	host_packet(s.alice, "10.1.0.1", "10.2.0.1");
	repeat(s.w, caught(s.w, CARRIES_ESP_IN_UDP));
	host_packet(s.alice, "10.1.0.1", "10.2.0.1");
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_TRUE(s, !laddered(&s, "IKE UPDATED"));
	crosses(&s, OUTSIDE, STORY_BOB);
	story_end(&s);
}

static void a_spoofed_address_fails_the_return_routability_check(void **state)
{
	struct story s = mobile("");

	(void)state;
	host_set_address(s.alice, ALICE_2);
	while (!s.w->packets)
		world_run(s.w, NS_PER_MS);
	address_parse(VICTIM, &caught(s.w, CARRIES_IKE)->path.remote.address);
	for (int i = 0; i < 300; i++) {
		world_run(s.w, NS_PER_SECOND);
		STORY_TRUE(s, !is(&child(s.bob)->path.remote.address, VICTIM));
	}
	STORY_TRUE(s, laddered(&s, "N(COOKIE2)"));
	crosses(&s, ALICE_2, STORY_BOB);
	story_end(&s);
}

/* Seed 1795561368155323865: bob's checks got lost, alice's update didn't, and she goes on from there. */
static void a_check_that_failed_is_made_again_when_the_peer_asks_from_there(void **state)
{
	struct story s = mobile("");

	(void)state;
	s.w->ike_sent = 0;
	s.w->fate = (struct network_fate){ .nth = 3, .lost = true };
	host_set_address(s.alice, ALICE_2);
	world_run(s.w, 30 * NS_PER_MS);
	STORY_TRUE(s, laddered(&s, "N(COOKIE2)"));
	world_cut_address(s.w, ALICE_2, true);
	while (!laddered(&s, "did not answer the return routability check"))
		world_run(s.w, NS_PER_SECOND);
	world_cut_address(s.w, ALICE_2, false);
	STORY_TRUE(s, is(&child(s.bob)->path.remote.address, STORY_ALICE));
	world_run(s.w, 60 * NS_PER_SECOND);
	crosses(&s, ALICE_2, STORY_BOB);
	story_end(&s);
}

static void an_update_crosses_rekeyings(void **state)
{
	(void)state;
	for (uint64_t ms = 0; ms < 60; ms += 3) {
		for (int which = 0; which < 4; which++) {
			struct story s = mobile("");
			struct host *who = which & 1 ? s.bob : s.alice;

			host_rekey(who, which & 2 ? "net" : NULL, which & 2 ? NULL : "net");
			world_run(s.w, ms * NS_PER_MS);
			host_set_address(s.alice, ALICE_2);
			world_run(s.w, 60 * NS_PER_SECOND);
			crosses(&s, ALICE_2, STORY_BOB);
			story_end(&s);
		}
	}
}

static void an_update_whose_response_is_lost_is_repeated(void **state)
{
	(void)state;
	for (uint64_t ms = 0; ms < 60; ms += 5) {
		struct story s = mobile("");

		host_set_address(s.alice, ALICE_2);
		world_run(s.w, ms * NS_PER_MS);
		world_cut(s.w, s.alice, s.bob, true);
		world_run(s.w, 5 * NS_PER_SECOND);
		world_cut(s.w, s.alice, s.bob, false);
		world_run(s.w, 60 * NS_PER_SECOND);
		crosses(&s, ALICE_2, STORY_BOB);
		story_end(&s);
	}
}

/* RFC 4555 §3.5: the request in flight goes on over the new path at once. */
static void a_request_in_flight_moves_along(void **state)
{
	struct story s = mobile("");

	(void)state;
	world_cut_address(s.w, STORY_ALICE, true);
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->child_rekeyed, 0);
	host_set_address(s.alice, ALICE_2);
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->child_rekeyed, 1);
	world_run(s.w, 10 * NS_PER_SECOND);
	crosses(&s, ALICE_2, STORY_BOB);
	story_end(&s);
}

static void it_moves_again_while_it_moves(void **state)
{
	(void)state;
	for (uint64_t ms = 0; ms < 60; ms += 3) {
		struct story s = mobile("");

		host_set_address(s.alice, ALICE_2);
		world_run(s.w, ms * NS_PER_MS);
		host_set_address(s.alice, VICTIM);
		world_run(s.w, 60 * NS_PER_SECOND);
		crosses(&s, VICTIM, STORY_BOB);
		story_end(&s);
	}
}

static void without_mobike_it_is_set_up_again(void **state)
{
	struct story_config c = { .connection = ANYWHERE "mobike = no",
		.bob_connection = "remote_addrs = %any" };
	struct story s = story_established(SEED, &c);

	(void)state;
	STORY_TRUE(s, !laddered(&s, "MOBIKE_SUPPORTED"));
	STORY_EQUAL(s, child(s.alice)->path.local.port, 500);
	host_set_address(s.alice, ALICE_2);
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_TRUE(s, strstr(s.alice->last_failure, "mobike = no"));
	STORY_TRUE(s, !laddered(&s, "UPDATE_SA_ADDRESSES"));
	story_up(&s, 1);
	STORY_TRUE(s, is(&child(s.bob)->path.remote.address, ALICE_2));
	story_end(&s);
}

static struct story immobile(void)
{
	struct story_config c = { .connection = ANYWHERE "mobike = no",
		.bob_connection = "remote_addrs = %any" };

	return story_established(SEED, &c);
}

static void without_mobike_it_is_tried_until_it_is_set_up_again(void **state)
{
	struct story s = immobile();

	(void)state;
	s.w->faults.answer_delay_ns = 100 * NS_PER_MS;
	host_set_address(s.alice, ALICE_2); /* the path will be known, but there is no key pair */
	s.w->faults.answer_no_percent = 100;
	world_run(s.w, NS_PER_SECOND);
	s.w->faults.answer_no_percent = 0;
	STORY_TRUE(s, laddered(&s, "this IKE SA stays"));
	world_run(s.w, 60 * NS_PER_SECOND);
	crosses(&s, ALICE_2, STORY_BOB);
	story_end(&s);
}

static void a_host_that_knows_of_no_path_is_asked_again(void **state)
{
	(void)state;
	for (int never = 0; never < 2; never++) {
		struct story s = immobile();

		if (never)
			s.w->faults.answer_never_percent = 100;
		else
			s.w->faults.answer_no_percent = 100;
		host_set_address(s.alice, ALICE_2);
		world_run(s.w, NS_PER_SECOND);
		s.w->faults.answer_no_percent = s.w->faults.answer_never_percent = 0;
		world_run(s.w, 40 * NS_PER_SECOND);
		crosses(&s, ALICE_2, STORY_BOB);
		story_end(&s);
	}
}

static void a_forbidden_address_is_refused(void **state)
{
	struct story_config c = { .connection = ANYWHERE,
		.bob_connection = "remote_addrs = 192.0.2.0/24" };
	struct story s = story_established(SEED, &c);

	(void)state;
	host_set_address(s.alice, ALICE_2);
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "N(UNACCEPTABLE_ADDRESSES)"));
	STORY_TRUE(s, strstr(s.bob->last_failure, ALICE_2) && strstr(s.bob->last_failure, "bob:"));
	story_end(&s);
}

static void where_nats_are_forbidden_one_is_noticed(void **state)
{
	struct story_config c = { .connection = ANYWHERE };
	struct ike_options o;
	struct story s;

	(void)state;
	ike_options_default(&o);
	o.nat_traversal = false;
	s = story_begin(SEED, &c, &o);
	host_initiate(s.alice, "net");
	world_settle(s.w, 10 * NS_PER_SECOND);
	crosses(&s, STORY_ALICE, STORY_BOB);
	host_set_address(s.alice, ALICE_2);
	world_settle(s.w, 10 * NS_PER_SECOND);
	crosses(&s, ALICE_2, STORY_BOB);
	STORY_TRUE(s, laddered(&s, "N(NO_NATS_ALLOWED)"));
	host_behind(s.alice, world_nat(s.w, OUTSIDE, 0));
	host_set_address(s.alice, "10.9.0.1");
	world_settle(s.w, 10 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "N(UNEXPECTED_NAT_DETECTED)"));
	STORY_TRUE(s, is(&child(s.bob)->path.remote.address, ALICE_2));
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_initiator_moves),
		cmocka_unit_test(the_responder_moves),
		cmocka_unit_test(each_moves_after_a_rekeying_by_the_other),
		cmocka_unit_test(the_first_path_dies_and_another_is_found),
		cmocka_unit_test(an_address_goes_and_the_other_is_used),
		cmocka_unit_test(a_nat_appears_and_vanishes),
		cmocka_unit_test(a_liveness_check_finds_a_nat_that_appeared),
		cmocka_unit_test(a_nat_rebinds_with_and_without_mobike),
		cmocka_unit_test(who_forwards_a_packet_has_the_traffic_until_the_next),
		cmocka_unit_test(with_mobike_a_forwarded_packet_moves_no_traffic),
		cmocka_unit_test(an_old_packet_repeated_from_elsewhere_moves_nothing),
		cmocka_unit_test(a_spoofed_address_fails_the_return_routability_check),
		cmocka_unit_test(a_check_that_failed_is_made_again_when_the_peer_asks_from_there),
		cmocka_unit_test(an_update_crosses_rekeyings),
		cmocka_unit_test(an_update_whose_response_is_lost_is_repeated),
		cmocka_unit_test(a_request_in_flight_moves_along),
		cmocka_unit_test(it_moves_again_while_it_moves),
		cmocka_unit_test(without_mobike_it_is_set_up_again),
		cmocka_unit_test(without_mobike_it_is_tried_until_it_is_set_up_again),
		cmocka_unit_test(a_host_that_knows_of_no_path_is_asked_again),
		cmocka_unit_test(a_forbidden_address_is_refused),
		cmocka_unit_test(where_nats_are_forbidden_one_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
