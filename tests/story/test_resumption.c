/* Session resumption, RFC 5723: a client whose peer was lost comes back by its ticket, without a
 * Diffie-Hellman; a ticket counts once, for what is configured now, or leads to IKE_SA_INIT. */
#include "tests/story/story.h"

#include <string.h>

#include "ike/ticket.h"

#define SEED 23

static size_t laddered(const struct story *s, const char *words)
{
	size_t count = 0;

	for (size_t i = 0; i < s->w->ladder_count; i++)
		count += strstr(s->w->ladder[i], words) != NULL;
	return count;
}

static struct story up(uint64_t seed, const char *alice, const char *bob)
{
	struct story_config c = { .alice_connection = alice, .bob_connection = bob };
	struct ike_options o;
	struct story s;

	ike_options_default(&o);
	o.tickets = true;
	s = story_begin(seed, &c, &o);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	return s;
}

/* The path breaks until alice has given up; bob keeps what he had. */
static void lose_bob(struct story *s)
{
	s->w->faults.partition = true;
	world_run(s->w, 400 * NS_PER_SECOND);
	STORY_EQUAL(*s, host_sas(s->alice), 0);
	s->w->faults.partition = false;
}

static void come_back(struct story *s)
{
	host_initiate(s->alice, "net");
	world_run(s->w, 30 * NS_PER_SECOND);
}

#define CLIENT "resumption = yes\n dpd_delay = 10s"

static void a_lost_client_comes_back_by_its_ticket(void **state)
{
	struct story s = up(SEED, CLIENT, NULL);

	(void)state;
	STORY_TRUE(s, laddered(&s, "N(TICKET_REQUEST)"));
	STORY_TRUE(s, laddered(&s, "N(TICKET_LT_OPAQUE)"));
	lose_bob(&s);
	STORY_EQUAL(s, host_sas(s.bob), 1);
	come_back(&s);
	story_up(&s, 1);
	STORY_EQUAL(s, laddered(&s, "bob    <- IKE_SESSION_RESUME request"), 1);
	STORY_EQUAL(s, laddered(&s, "bob    <- IKE_SA_INIT request"), 1);
	STORY_TRUE(s, laddered(&s, "resumed: the peer authenticated itself by"));
	story_end(&s);
}

static void and_again_by_the_ticket_that_came_with_it(void **state)
{
	struct story s = up(SEED, CLIENT, NULL);

	(void)state;
	for (size_t i = 1; i <= 3; i++) {
		lose_bob(&s);
		come_back(&s);
		story_up(&s, 1);
		STORY_EQUAL(s, laddered(&s, "bob    <- IKE_SESSION_RESUME request"), i);
	}
	story_end(&s);
}

static void rekeying_brings_another_ticket(void **state)
{
	struct story s = up(SEED, CLIENT, NULL);

	(void)state;
	host_rekey(s.bob, "net", NULL);
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "alice  -> INFORMATIONAL request"));
	lose_bob(&s);
	come_back(&s);
	story_up(&s, 1);
	STORY_EQUAL(s, laddered(&s, "bob    <- IKE_SESSION_RESUME request"), 1);
	STORY_EQUAL(s, laddered(&s, "N(TICKET_NACK)"), 0);
	story_end(&s);
}

static void without_asking_there_is_no_ticket(void **state)
{
	struct story s = up(SEED, "dpd_delay = 10s", NULL);

	(void)state;
	STORY_EQUAL(s, laddered(&s, "TICKET"), 0);
	lose_bob(&s);
	come_back(&s);
	STORY_EQUAL(s, laddered(&s, "IKE_SESSION_RESUME"), 0);
	STORY_EQUAL(s, host_children(s.alice), 1);
	story_end(&s);
}

static void a_responder_that_gives_none_says_so(void **state)
{
	struct story_config c = { .alice_connection = CLIENT };
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 1);
	STORY_TRUE(s, laddered(&s, "N(TICKET_NACK)"));
	story_end(&s);
}

static void what_was_taken_down_is_not_resumed(void **state)
{
	struct story s = up(SEED, CLIENT, NULL);

	(void)state;
	host_terminate(s.alice, "net", NULL);
	world_settle(s.w, 60 * NS_PER_SECOND);
	come_back(&s);
	story_up(&s, 1);
	STORY_EQUAL(s, laddered(&s, "IKE_SESSION_RESUME"), 0);
	story_end(&s);
}

static void a_ticket_of_changed_credentials_leads_to_ike_sa_init(void **state)
{
	struct story s = up(SEED, CLIENT, NULL);

	(void)state;
	lose_bob(&s);
	ike_set_certreqs(s.bob->engine, BYTES_EMPTY);
	come_back(&s);
	STORY_EQUAL(
		s, laddered(&s, "alice  <- IKE_SESSION_RESUME response 0 [ N(TICKET_NACK) ]"), 1);
	STORY_EQUAL(s, laddered(&s, "bob    <- IKE_SA_INIT request"), 2);
	STORY_EQUAL(s, host_children(s.alice), 1);
	story_end(&s);
}

static void a_deleted_connection_takes_its_ticket_along(void **state)
{
	struct story s = up(SEED, CLIENT, NULL);
	struct ike_command unload = { .kind = IKE_COMMAND_UNLOAD, .ike = "net" };

	(void)state;
	lose_bob(&s);
	ike_command(s.bob->engine, s.w->now, &unload);
	for (struct ike_output o; ike_next_output(s.bob->engine, &o);)
		;
	come_back(&s);
	STORY_TRUE(s, strstr(s.bob->last_failure, "no connection"));
	STORY_EQUAL(s, laddered(&s, "its connection is not loaded any more"), 1);
	story_end(&s);
}

static void tickets_expire(void **state)
{
	struct story s = up(SEED, CLIENT "\n rekey_time = 200s\n over_time = 20s\n rand_time = 0",
		"rekey_time = 200s\n over_time = 20s\n rand_time = 0");

	(void)state;
	lose_bob(&s);
	world_run(s.w, 1000 * NS_PER_SECOND);
	come_back(&s);
	story_up(&s, 1);
	STORY_EQUAL(s, laddered(&s, "IKE_SESSION_RESUME"), 0);
	story_end(&s);
}

static bool opens(struct host *h, struct bytes ticket, uint64_t *ret_serial)
{
	const struct connection *c;
	const char *why;
	struct ticket_state *state = ticket_open(h->engine, ticket, &c, &why);

	*ret_serial = state ? state->serial : 0;
	ticket_state_free(state);
	return *ret_serial != 0;
}

static void no_other_octets_are_a_ticket_and_each_counts_once(void **state)
{
	struct story s = up(SEED, CLIENT, NULL);
	struct octets t = { 0 };
	uint64_t serial, none;

	(void)state;
	octets_set(&t, octets_bytes(&s.alice->engine->sas->resumption.ticket));
	STORY_TRUE(s, opens(s.bob, octets_bytes(&t), &serial));
	for (size_t i = 0; i < t.size; i++) {
		t.data[i] ^= 0x10;
		STORY_TRUE(s, !opens(s.bob, octets_bytes(&t), &none));
		t.data[i] ^= 0x10;
		STORY_TRUE(s, !opens(s.bob, BYTES(t.data, i), &none));
	}
	STORY_TRUE(s, !opens(s.alice, octets_bytes(&t), &none));
	STORY_TRUE(s, opens(s.bob, octets_bytes(&t), &none));
	ticket_spend(s.bob->engine, serial);
	STORY_TRUE(s, !opens(s.bob, octets_bytes(&t), &none));
	octets_clear(&t);
	story_end(&s);
}

static void what_was_used_is_remembered_within_the_limit(void **state)
{
	struct story s = up(SEED, CLIENT, NULL);
	struct octets t = { 0 };
	uint64_t serial;

	(void)state;
	s.bob->engine->options.tickets_max = 8;
	octets_set(&t, octets_bytes(&s.alice->engine->sas->resumption.ticket));
	STORY_TRUE(s, opens(s.bob, octets_bytes(&t), &serial));
	for (uint64_t other = serial + 20; other > serial; other--)
		ticket_spend(s.bob->engine, other);
	STORY_TRUE(s, !opens(s.bob, octets_bytes(&t), &serial)); /* below the floor: refused */
	octets_clear(&t);
	story_end(&s);
}

static void the_key_before_the_last_still_opens(void **state)
{
	struct story s = up(SEED, CLIENT, NULL);
	struct octets t = { 0 };
	uint64_t serial;

	(void)state;
	s.bob->engine->options.ticket_key_lifetime_ns = 100 * NS_PER_SECOND;
	octets_set(&t, octets_bytes(&s.alice->engine->sas->resumption.ticket));
	world_run(s.w, 150 * NS_PER_SECOND);
	host_rekey(s.alice, "net", NULL); /* a ticket under the next key */
	world_run(s.w, NS_PER_SECOND);
	STORY_TRUE(
		s, opens(s.bob, octets_bytes(&s.alice->engine->sas->resumption.ticket), &serial));
	STORY_EQUAL(s, serial, 2);
	STORY_TRUE(s, !opens(s.bob, octets_bytes(&t), &serial)); /* rekeyed: void, §6.2 */
	world_run(s.w, 250 * NS_PER_SECOND);
	octets_set(&t, octets_bytes(&s.alice->engine->sas->resumption.ticket));
	STORY_TRUE(s, !opens(s.bob, octets_bytes(&t), &serial));
	octets_clear(&t);
	story_end(&s);
}

static void a_client_behind_loss_is_back_once(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct story s = up(seed, CLIENT, "dpd_delay = 10s");

		s.w->faults.partition = true;
		world_run(s.w, 400 * NS_PER_SECOND);
		s.w->faults.partition = false;
		s.w->faults.loss_percent = 20;
		s.w->faults.duplicate_percent = 20;
		host_initiate(s.alice, "net");
		world_run(s.w, 200 * NS_PER_SECOND);
		s.w->faults.loss_percent = 0;
		world_run(s.w, 400 * NS_PER_SECOND);
		if (!host_sas(s.alice))
			come_back(&s);
		story_up(&s, 1);
		STORY_TRUE(s, laddered(&s, "IKE_SESSION_RESUME request"));
		story_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lost_client_comes_back_by_its_ticket),
		cmocka_unit_test(and_again_by_the_ticket_that_came_with_it),
		cmocka_unit_test(rekeying_brings_another_ticket),
		cmocka_unit_test(without_asking_there_is_no_ticket),
		cmocka_unit_test(a_responder_that_gives_none_says_so),
		cmocka_unit_test(what_was_taken_down_is_not_resumed),
		cmocka_unit_test(a_ticket_of_changed_credentials_leads_to_ike_sa_init),
		cmocka_unit_test(a_deleted_connection_takes_its_ticket_along),
		cmocka_unit_test(tickets_expire),
		cmocka_unit_test(no_other_octets_are_a_ticket_and_each_counts_once),
		cmocka_unit_test(what_was_used_is_remembered_within_the_limit),
		cmocka_unit_test(the_key_before_the_last_still_opens),
		cmocka_unit_test(a_client_behind_loss_is_back_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
