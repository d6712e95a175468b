/* IKE SAs that are replaced by newly authenticated ones: on command, in time, because the peer wants
 * it; and what happens where that fails. */
#include "tests/story/story.h"

#include <string.h>

#define SEED 11
#define TWO_CHILDREN                                                                               \
	"children {\n more {\n local_ts = %s\n remote_ts = %s\n esp_proposals = aes128gcm16-x25519\n }\n}\n"

static unsigned laddered(const struct story *s, const char *words)
{
	unsigned count = 0;

	for (size_t i = 0; i < s->w->ladder_count; i++)
		count += strstr(s->w->ladder[i], words) != NULL;
	return count;
}

/* With two children: net and more. */
static struct story two_children(const char *connection, const char *only_alice)
{
	static char alice[1000], bobs[1000];
	struct story_config c = {
		.connection = connection, .alice_connection = alice, .bob_connection = bobs
	};
	struct story s;

	snprintf(alice, sizeof(alice), TWO_CHILDREN "%s", "10.3.0.0/16", "10.4.0.0/16", only_alice);
	snprintf(bobs, sizeof(bobs), TWO_CHILDREN, "10.4.0.0/16", "10.3.0.0/16");
	s = story_begin(SEED, &c, NULL);
	host_initiate(s.alice, "net");
	host_initiate(s.alice, "more");
	world_settle(s.w, 60 * NS_PER_SECOND);
	return s;
}

/* The SPI that a host sends with now: that of its newest outbound SA. */
static const struct sim_child *sending(const struct host *h)
{
	const struct sim_child *newest = NULL;

	for (size_t i = 0; i < HOST_CHILDREN_MAX; i++)
		if (h->children[i].out &&
			(!newest || h->children[i].spec.child_id > newest->spec.child_id))
			newest = &h->children[i];
	return newest;
}

static bool would_arrive(const struct host *from, const struct host *to)
{
	const struct sim_child *c = sending(from);

	for (size_t i = 0; c && i < HOST_CHILDREN_MAX; i++)
		if (to->children[i].in && to->children[i].spec.spi_in == c->spec.spi_out)
			return true;
	return false;
}

static void all_children_move_to_a_newly_authenticated_sa(void **state)
{
	struct story s = two_children("", "");
	unsigned downs = s.alice->child_down + s.bob->child_down;

	(void)state;
	story_up(&s, 2);
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 2);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, s.alice->ike_up, 2);
	STORY_EQUAL(s, s.alice->child_rekeyed, 2);
	STORY_EQUAL(s, s.bob->child_rekeyed, 2);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, downs);
	STORY_EQUAL(s, s.alice->done_ok, 3);
	STORY_EQUAL(
		s, laddered(&s, "INITIAL_CONTACT"), 2); /* sent and received, the first time only */
	story_end(&s);
}

static void either_end_always_sends_what_the_other_can_read(void **state)
{
	(void)state;
	for (unsigned by_bob = 0; by_bob < 2; by_bob++) {
		struct story s = story_established(SEED, NULL);

		s.w->faults.answer_delay_ns = 3 * NS_PER_MS;
		host_reauthenticate(by_bob ? s.bob : s.alice, "net");
		for (unsigned ms = 0; ms < 400; ms++) {
			world_run(s.w, NS_PER_MS);
			STORY_TRUE(s, would_arrive(s.alice, s.bob));
			STORY_TRUE(s, would_arrive(s.bob, s.alice));
		}
		world_run(s.w, 10 * NS_PER_SECOND);
		story_up(&s, 1);
		STORY_EQUAL(s, s.alice->ike_replaced + s.bob->ike_replaced, 1);
		story_end(&s);
	}
}

static void what_is_under_way_over_the_old_sa_arrives(void **state)
{
	(void)state;
	for (unsigned ms = 0; ms < 300; ms += 5) {
		struct story s = story_established(SEED, NULL);

		host_reauthenticate(s.alice, "net");
		world_run(s.w, ms * NS_PER_MS);
		s.w->faults.delay_ns = 700 * NS_PER_MS; /* it goes another way */
		host_packet(s.alice, "10.1.0.5", "10.2.0.7");
		host_packet(s.bob, "10.2.0.7", "10.1.0.5");
		s.w->faults.delay_ns = 10 * NS_PER_MS;
		world_run(s.w, 20 * NS_PER_SECOND);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Seed 1795558260931487339: bob still sent over the old child, to where the peer wasn't any more. */
static void a_nat_that_rebinds_after_a_reauthentication_costs_no_packet(void **state)
{
	struct story_config c = { .connection = "mobike = no",
		.bob_connection = "remote_addrs = %any" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_behind(s.alice, world_nat(s.w, "198.51.100.7", 0));
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 500 * NS_PER_MS);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	nat_rebind(s.w->nats[0]);
	host_packet(s.alice, "10.1.0.5", "10.2.0.7");
	world_run(s.w, 100 * NS_PER_MS);
	host_packet(s.bob, "10.2.0.7", "10.1.0.5");
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	story_up(&s, 1);
	story_end(&s);
}

/* Packets of both ends for so long, each late; what IKE sends isn't. */
static void late_packets(struct story *s, unsigned seconds)
{
	for (unsigned i = 0; i < seconds * 100; i++) {
		s->w->faults.delay_ns = 700 * NS_PER_MS;
		host_packet(s->alice, "10.1.0.5", "10.2.0.7");
		host_packet(s->bob, "10.2.0.7", "10.1.0.5");
		s->w->faults.delay_ns = 10 * NS_PER_MS;
		world_run(s->w, 10 * NS_PER_MS);
	}
}

/* Seed 614: the child of the old IKE SA is rekeyed when it has an heir, and the peer sends over the one
 * that this made until its IKE SA is deleted. */
static void what_is_under_way_to_a_child_that_was_rekeyed_meanwhile_arrives(void **state)
{
	(void)state;
	for (unsigned by_bob = 0; by_bob < 2; by_bob++) {
		struct story s = two_children("", "");

		host_reauthenticate(s.alice, "net");
		while (s.alice->ike_up < 2)
			world_run(s.w, NS_PER_MS);
		host_rekey(by_bob ? s.bob : s.alice, NULL, "net");
		late_packets(&s, 12);
		world_run(s.w, 20 * NS_PER_SECOND);
		STORY_EQUAL(s, s.alice->ike_replaced, 1);
		STORY_EQUAL(s, s.alice->child_rekeyed, 3);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		story_up(&s, 2);
		story_end(&s);
	}
}

/* Seed 1175: Bob's last response is late. */
static void nothing_is_sent_over_the_new_child_before_the_peer_has_it(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_reauthenticate(s.alice, "net");
	while (laddered(&s, "alice  -> IKE_AUTH") < 2)
		world_run(s.w, NS_PER_MS);
	s.w->faults.spare_esp = true;
	s.w->faults.loss_percent = 100;
	late_packets(&s, 10);
	STORY_EQUAL(s, s.alice->ike_up, 1);
	s.w->faults.loss_percent = 0;
	late_packets(&s, 20);
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	story_up(&s, 1);
	story_end(&s);
}

/* Seed 642: Bob rekeys the new child, and does not have the response yet when the old IKE SA ends. */
static void a_rekeyed_heir_goes_on_when_the_old_sa_ends(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_reauthenticate(s.alice, "net");
	late_packets(&s, 4);
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, 5 * NS_PER_MS); /* the request is on its way */
	s.w->faults.spare_esp = true;
	s.w->faults.loss_percent = 100;
	world_run(s.w, 15 * NS_PER_MS);
	s.w->faults.loss_percent = 0;
	late_packets(&s, 10);
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, s.alice->child_rekeyed, 2);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	story_up(&s, 1);
	story_end(&s);
}

/* Alice loses all that she has without saying so, and comes again: what Bob sends over the old children gets
 * nowhere, and he asks her whether she has the new ones. */
static void the_new_child_is_used_although_the_old_one_goes_on(void **state)
{
	struct story_config c = { .alice_connection = "unique = never\n",
		.bob_connection = "unique = never\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	host_crash(s.alice);
	host_restart(s.alice);
	host_initiate(s.alice, "net");
	world_run(s.w, 6 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.bob), 2);
	STORY_TRUE(s, would_arrive(s.bob, s.alice));
	story_end(&s);
}

static void reauth_time_is_kept(void **state)
{
	struct story_config c = { .alice_connection =
					  "reauth_time = 1h\n over_time = 5m\n rand_time = 5m\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	world_run(s.w, 3290 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 0);
	world_run(s.w, 320 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	world_run(s.w, 10 * 3600 * NS_PER_SECOND);
	STORY_TRUE(s, s.alice->ike_replaced >= 10 && s.alice->ike_replaced <= 12);
	STORY_EQUAL(s, s.alice->failed + s.bob->failed, 0);
	story_up(&s, 1);
	story_end(&s);
}

static void the_initiator_keeps_to_the_responders_lifetime(void **state)
{
	struct story_config c = { .bob_connection = "reauth_time = 10m\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	STORY_TRUE(s, laddered(&s, "N(AUTH_LIFETIME)"));
	world_run(s.w, 470 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 0);
	world_run(s.w, 80 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, s.bob->ike_replaced, 0);
	world_run(s.w, 3600 * NS_PER_SECOND);
	STORY_EQUAL(s, s.bob->failed, 0);
	story_up(&s, 1);
	story_end(&s);
}

static void the_lifetime_outlasts_a_rekeyed_ike_sa(void **state)
{
	struct story_config c = { .bob_connection = "reauth_time = 10m\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	host_rekey(s.bob, "net", NULL);
	world_settle(s.w, 60 * NS_PER_SECOND);
	world_run(s.w, 550 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	story_up(&s, 1);
	story_end(&s);
}

static void a_responder_without_an_address_asks_for_it(void **state)
{
	struct story_config c = { .bob_connection = "remote_addrs = %any\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	host_reauthenticate(s.bob, "net");
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "INFORMATIONAL request 0 [ N(AUTH_LIFETIME) ]"));
	STORY_EQUAL(s, s.bob->done_ok, 1);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	story_up(&s, 1);
	story_end(&s);
}

static void secret(struct host *h, const char *secret)
{
	keys_load_shared(h->keys, "ike-1", KEYS_SHARED_IKE, bytes_of_text(secret), NULL, 0, "sim");
}

static void the_old_sa_stays_where_the_new_one_fails_and_it_is_tried_again(void **state)
{
	struct story_config c = { .alice_connection =
					  "reauth_time = 1h\n over_time = 5m\n rand_time = 0s\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	secret(s.bob, "jets");
	world_run(s.w, 3700 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 0);
	STORY_TRUE(s, s.alice->failed >= 2);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
	story_up(&s, 1);
	secret(s.bob, "sharks");
	world_run(s.w, 100 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	story_up(&s, 1);
	story_end(&s);
}

/* Seed 1017955546022252: Bob takes the child down while Alice waits for his answer, and does not know
 * her secret any more. */
static void a_child_that_the_peer_deletes_meanwhile_comes_up_on_the_old_sa(void **state)
{
	struct story_config c = { .alice_child = "start_action = start\nclose_action = start\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	secret(s.bob, "jets");
	host_reauthenticate(s.alice, "net");
	s.w->faults.partition = true;
	world_run(s.w, NS_PER_MS);
	s.w->faults.partition = false;
	host_terminate(s.bob, NULL, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->child_down, 1);
	STORY_EQUAL(s, s.alice->ike_replaced, 0);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	story_up(&s, 1);
	story_end(&s);
}

/* Seed 2017955546026578: what the old IKE SA is still to create when the new one has all that it has, ends
 * at once there. */
static void a_child_that_both_want_meanwhile_is_up_once(void **state)
{
	struct story s = two_children("", "dpd_delay = 10s\n");

	(void)state;
	host_terminate(s.alice, NULL, "more");
	world_run(s.w, NS_PER_SECOND);
	s.w->faults.partition = true;
	for (unsigned ms = 0; ms < 11000 && !laddered(&s, "-> INFORMATIONAL request 4"); ms++)
		world_run(s.w, NS_PER_MS);
	s.w->faults.partition = false;
	host_initiate(s.alice, "more"); /* once the request that got lost has been answered */
	host_initiate(s.bob, "more");
	host_reauthenticate(s.alice, "net");
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, s.alice->done_failed, 0);
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 2);
	story_end(&s);
}

static void over_time_ends_what_is_never_authenticated_again(void **state)
{
	struct story_config c = { .alice_connection =
					  "reauth_time = 1h\n over_time = 5m\n rand_time = 0s\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	secret(s.bob, "jets");
	world_run(s.w, 3890 * NS_PER_SECOND);
	story_up(&s, 1);
	world_run(s.w, 30 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_down, 1);
	STORY_EQUAL(s, host_children(s.alice) + host_children(s.bob), 0);
	story_end(&s);
}

static void a_child_that_the_peer_refuses_now_keeps_the_old_sa(void **state)
{
	struct story s = two_children("", "");
	char text[8192];

	(void)state;
	/* Of the second child bob knows nothing any more. */
	host_reload(s.bob, story_text(&(struct story_config){ 0 }, false, text, sizeof(text)));
	host_reauthenticate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 0);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
	STORY_TRUE(s, would_arrive(s.alice, s.bob) && would_arrive(s.bob, s.alice));
	story_up(&s, 2);
	story_end(&s);
}

/* Seed 240: both children's lifetimes end while nothing gets through; then the old SA is given up. */
static void an_heir_that_stopped_sending_does_not_begin_again(void **state)
{
	struct story_config c = { .child = "rekey_time = 0\nlife_time = 80" };
	struct story s = story_established(SEED, &c);

	(void)state;
	host_reauthenticate(s.alice, "net");
	while (s.alice->ike_up < 2)
		world_run(s.w, NS_PER_MS);
	s.w->faults.partition = true;
	world_run(s.w, 400 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "not rekeyed before its lifetime ended") >= 2);
	story_down(&s);
	story_end(&s);
}

/* Bob's begins first but is late, by up to as long as the old IKE SA is kept and longer. */
static void both_reauthenticate_and_one_ike_sa_stays(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		struct story s = story_established(100 + i, NULL);

		host_reauthenticate(s.bob, "net");
		s.w->faults.partition = true;
		world_run(s.w, NS_PER_MS);
		s.w->faults.partition = false;
		world_run(s.w, i * 250 * NS_PER_MS);
		host_reauthenticate(s.alice, "net");
		world_run(s.w, 200 * NS_PER_MS);
		s.w->faults.partition = i & 1; /* the old one's end is late, too */
		world_run(s.w, 8 * NS_PER_SECOND);
		s.w->faults.partition = false;
		world_run(s.w, 120 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Neither fails, and what is sent meanwhile arrives. */
static void both_reauthenticate_at_once_and_no_packet_is_lost(void **state)
{
	(void)state;
	for (unsigned lag = 0; lag < 60; lag += 3) {
		struct story s = story_established(SEED + lag, NULL);

		host_reauthenticate(s.alice, "net");
		world_run(s.w, lag * NS_PER_MS);
		host_reauthenticate(s.bob, "net");
		for (unsigned ms = 0; ms < 400; ms += 2) {
			world_run(s.w, 2 * NS_PER_MS);
			host_packet(s.alice, "10.1.0.5", "10.2.0.7");
			host_packet(s.bob, "10.2.0.7", "10.1.0.5");
		}
		for (unsigned i = 0; i < 600; i++) {
			world_run(s.w, 50 * NS_PER_MS);
			host_packet(s.alice, "10.1.0.5", "10.2.0.7");
			host_packet(s.bob, "10.2.0.7", "10.1.0.5");
		}
		world_run(s.w, 20 * NS_PER_SECOND);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		STORY_EQUAL(s, s.alice->failed + s.bob->failed, 0);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Each end has an IKE SA of its own, or will when what is on its way has arrived: his request of IKE_AUTH
 * was late. */
static struct story late_twins(uint64_t seed, const struct story_config *c)
{
	struct story s = story_begin(seed, c, NULL);

	host_initiate(s.bob, "net");
	world_run(s.w, 12 * NS_PER_MS);
	host_initiate(s.alice, "net");
	world_run(s.w, 7 * NS_PER_MS);
	s.w->faults.partition = true;
	world_run(s.w, 2 * NS_PER_MS);
	s.w->faults.partition = false;
	world_run(s.w, NS_PER_SECOND);
	STORY_TRUE(s, host_sas(s.alice) == 1 && host_half_open(s.bob) == 1);
	s.w->faults.partition = true;
	world_run(s.w, 12 * NS_PER_SECOND);
	s.w->faults.partition = false;
	for (unsigned ms = 0; ms < 20000 && host_sas(s.alice) < 2; ms++)
		world_run(s.w, NS_PER_MS);
	return s;
}

/* Seed 306999: her time comes before the ends have told which of the two stays. Were hers set up anew
 * then, it would be nobody's twin, and both would stay. */
static void one_of_two_is_not_set_up_anew_before_the_other_is_gone(void **state)
{
	struct story_config c = { .alice_connection =
					  "reauth_time = 27s\n over_time = 5m\n rand_time = 0s\n" };

	(void)state;
	for (unsigned i = 0; i < 8; i++) { /* either may be the one to stay */
		struct story s = late_twins(SEED + i, &c);

		s.w->faults.partition = true;
		world_run(s.w, 2700 * NS_PER_MS);
		s.w->faults.partition = false;
		STORY_TRUE(s, host_sas(s.alice) == 2 && host_sas(s.bob) == 2);
		STORY_EQUAL(s, laddered(&s, "is to take the place"), 0);
		world_run(s.w, 18 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Seed 1922: one end sends over the child that goes until its IKE SA is deleted. */
static void both_reauthenticate_and_what_is_under_way_arrives(void **state)
{
	(void)state;
	for (unsigned lag = 0; lag < 60; lag += 20) {
		struct story s = story_established(SEED + lag, NULL);

		host_reauthenticate(s.alice, "net");
		world_run(s.w, lag * NS_PER_MS);
		host_reauthenticate(s.bob, "net");
		late_packets(&s, 12);
		world_run(s.w, 20 * NS_PER_SECOND);
		STORY_EQUAL(s, world_lost_packets(s.w), 0);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Seed 2288: the old IKE SA is rekeyed while the new one is set up, and then both look new. */
static void an_old_sa_that_was_rekeyed_is_not_set_up_anew(void **state)
{
	struct story s = story_established(SEED, NULL);

	(void)state;
	host_reauthenticate(s.alice, "net");
	host_rekey(s.bob, "net", NULL);
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.bob->ike_rekeyed, 1);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	host_reauthenticate(s.bob, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	story_end(&s);
}

/* Seed 2288: the new IKE SA stands, its children come one after the other. */
static void an_sa_that_the_peer_is_replacing_is_not_set_up_anew(void **state)
{
	struct story s = two_children("childless = force\n", "");
	unsigned failed;

	(void)state;
	host_reauthenticate(s.alice, "net");
	while (s.bob->ike_up < 2)
		world_run(s.w, NS_PER_MS);
	failed = s.bob->done_failed;
	host_reauthenticate(s.bob, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(
		s, s.bob->done_failed, failed); /* hers is set up anew in turn, the old one isn't */
	story_up(&s, 2);
	story_end(&s);
}

/* Seed 3292. */
static void one_of_two_is_not_set_up_anew_by_command_either(void **state)
{
	struct story s = story_begin(SEED, NULL, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	host_initiate(s.bob, "net");
	while (host_sas(s.alice) < 2)
		world_run(s.w, NS_PER_MS);
	host_reauthenticate(s.alice, "net");
	STORY_EQUAL(s, s.alice->done_failed, 1);
	world_run(s.w, 20 * NS_PER_SECOND);
	story_up(&s, 1);
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 20 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	story_up(&s, 1);
	story_end(&s);
}

/* The delete of the old SA got lost, the new one is replaced in turn, and then Bob's time of the first
 * comes: its child has an heir still. */
static void an_sa_that_was_left_over_is_not_set_up_anew(void **state)
{
	struct story_config c = { .bob_connection = "reauth_time = 4m\n",
		.child = "rekey_time = 0\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	while (!s.alice->ike_replaced)
		world_run(s.w, NS_PER_MS);
	world_run(s.w, NS_PER_SECOND);
	s.w->faults.partition = true;
	world_run(s.w, 190 * NS_PER_SECOND); /* she gives up */
	s.w->faults.partition = false;
	STORY_EQUAL(s, host_sas(s.bob), 2);
	world_run(s.w, 150 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 2);
	STORY_EQUAL(s, s.bob->ike_replaced, 0);
	story_up(&s, 1);
	story_end(&s);
}

static void a_changed_connection_is_reauthenticated_by_its_new_configuration(void **state)
{
	struct story_config c = { .alice_connection =
					  "reauth_time = 20s\n over_time = 5m\n rand_time = 0\n" },
			    calm = { 0 };
	struct story s = story_established(SEED, &c);
	char text[8192];

	(void)state;
	host_reload(s.alice, story_text(&calm, true, text, sizeof(text)));
	world_run(s.w, 200 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, s.alice->failed, 0);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_reauthenticate_at_once_and_no_packet_is_lost),
		cmocka_unit_test(one_of_two_is_not_set_up_anew_before_the_other_is_gone),
		cmocka_unit_test(both_reauthenticate_and_what_is_under_way_arrives),
		cmocka_unit_test(an_old_sa_that_was_rekeyed_is_not_set_up_anew),
		cmocka_unit_test(an_sa_that_the_peer_is_replacing_is_not_set_up_anew),
		cmocka_unit_test(one_of_two_is_not_set_up_anew_by_command_either),
		cmocka_unit_test(an_sa_that_was_left_over_is_not_set_up_anew),
		cmocka_unit_test(a_changed_connection_is_reauthenticated_by_its_new_configuration),
		cmocka_unit_test(both_reauthenticate_and_one_ike_sa_stays),
		cmocka_unit_test(all_children_move_to_a_newly_authenticated_sa),
		cmocka_unit_test(either_end_always_sends_what_the_other_can_read),
		cmocka_unit_test(what_is_under_way_over_the_old_sa_arrives),
		cmocka_unit_test(a_nat_that_rebinds_after_a_reauthentication_costs_no_packet),
		cmocka_unit_test(what_is_under_way_to_a_child_that_was_rekeyed_meanwhile_arrives),
		cmocka_unit_test(nothing_is_sent_over_the_new_child_before_the_peer_has_it),
		cmocka_unit_test(a_rekeyed_heir_goes_on_when_the_old_sa_ends),
		cmocka_unit_test(the_new_child_is_used_although_the_old_one_goes_on),
		cmocka_unit_test(reauth_time_is_kept),
		cmocka_unit_test(the_initiator_keeps_to_the_responders_lifetime),
		cmocka_unit_test(the_lifetime_outlasts_a_rekeyed_ike_sa),
		cmocka_unit_test(a_responder_without_an_address_asks_for_it),
		cmocka_unit_test(the_old_sa_stays_where_the_new_one_fails_and_it_is_tried_again),
		cmocka_unit_test(a_child_that_the_peer_deletes_meanwhile_comes_up_on_the_old_sa),
		cmocka_unit_test(a_child_that_both_want_meanwhile_is_up_once),
		cmocka_unit_test(over_time_ends_what_is_never_authenticated_again),
		cmocka_unit_test(a_child_that_the_peer_refuses_now_keeps_the_old_sa),
		cmocka_unit_test(an_heir_that_stopped_sending_does_not_begin_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
