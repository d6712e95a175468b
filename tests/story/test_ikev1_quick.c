/* Quick mode in both roles: selectors, PFS, rekeying, deletes, with all that a network does to it; and
 * the life of the phase 1 around it. */
#include "ike/sa.h"
#include "ike/v1/ikev1.h"
#include "tests/story/ikev1.h"

#define SEED 67

static void without_pfs_and_with_it(void **state)
{
	static const char *const proposals[] = { "esp_proposals = aes128-sha256",
		"esp_proposals = aes256-sha512-modp2048", "esp_proposals = aes256gcm16-ecp384",
		"esp_proposals = 3des-sha1, aes128gcm16",
		"esp_proposals = aes128ctr-sha256-modp1024", "esp_proposals = aes128gcm16-esn",
		"esp_proposals = aes128-sha1-x25519-esn", "esp_proposals = aes256ccm12-ecp512bp",
		"esp_proposals = aes192gmac", "esp_proposals = null-sha384" };

	(void)state;
	for (size_t i = 0; i < sizeof(proposals) / sizeof(proposals[0]); i++) {
		struct story_config c = { .connection = V1_KEYS, .child = proposals[i] };
		struct story s = story_established(SEED, &c);

		story_up(&s, 1);
		v1_packets(&s);
		story_end(&s);
	}
}

static void transport_mode(void **state)
{
	struct story_config c = {
		.connection = V1_KEYS,
		.child =
			"mode = transport\n local_ts = dynamic[udp/1701]\n remote_ts = dynamic[udp]"
	};
	struct story s;

	(void)state;
	c.alice_child = "remote_ts = dynamic[udp/1701]\n local_ts = dynamic[udp]";
	s = story_established(SEED, &c);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->children[0].spec.mode, CHILD_TRANSPORT);
	STORY_EQUAL(s, s.alice->children[0].spec.remote.list[0].port_first, 1701);
	story_end(&s);
}

static void several_selectors_are_several_quick_modes(void **state)
{
	struct story_config c = {
		.connection = V1_KEYS,
		.alice_child =
			"local_ts = 10.1.0.0/16, 10.3.0.0/16\n remote_ts = 10.2.0.0/16, 10.4.0.0/16",
		.bob_child =
			"local_ts = 10.2.0.0/16, 10.4.0.0/16\n remote_ts = 10.1.0.0/16, 10.3.0.0/16"
	};
	struct story s = story_established(SEED, &c);

	(void)state;
	story_up(&s, 4);
	host_packet(s.alice, "10.3.0.1", "10.4.0.1");
	host_packet(s.bob, "10.4.0.1", "10.1.0.1");
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.bob->traffic.delivered + s.alice->traffic.delivered, 2);
	STORY_EQUAL(s, s.alice->done_ok, 1);
	story_end(&s);
}

static void selectors_are_not_narrowed(void **state)
{
	struct story_config c = { .connection = V1_KEYS, .alice_child = "local_ts = 10.0.0.0/8" };
	struct story s = story_established(SEED, &c);

	(void)state;
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.alice) + host_children(s.bob), 0);
	STORY_TRUE(s, strstr(s.bob->last_failure, "IKEv1 can't narrow"));
	STORY_TRUE(s, strstr(s.alice->last_done, "INVALID_ID_INFORMATION"));
	story_end(&s);
}

/* RFC 2408 §3.1: whoever sets it wants CONNECTED to be waited for, but nobody says that to us, and nothing
 * covers the flag. */
static void the_commit_bit_is_tolerated(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_begin(SEED, &c, NULL);
	unsigned set = 0;

	(void)state;
	host_initiate(s.alice, "net");
	for (unsigned i = 0; i < 200; i++) {
		world_run(s.w, NS_PER_MS);
		for (struct sim_packet *p = s.w->packets; p; p = p->next) {
			if (p->carries != CARRIES_IKE || (p->data[19] & V1_FLAG_COMMIT))
				continue;
			p->data[19] |= V1_FLAG_COMMIT;
			set++;
		}
	}
	STORY_EQUAL(s, set, 9);
	story_up(&s, 1);
	v1_packets(&s);
	story_end(&s);
}

/* However often: what was refused isn't kept beyond the repeats that may come. */
static void refusals_leave_nothing_behind(void **state)
{
	struct story_config c = { .connection = V1_KEYS,
		.alice_child = "}\n wide {\n local_ts = 10.0.0.0/8\n remote_ts = 10.2.0.0/16\n" };
	struct story s = story_established(SEED, &c);

	(void)state;
	host_terminate(s.alice, NULL, "net");
	for (unsigned i = 0; i < V1_FLIGHTS_MAX + 6; i++) {
		host_initiate(s.alice, "wide");
		world_run(s.w, 4 * NS_PER_SECOND);
	}
	STORY_EQUAL(s, s.alice->done_failed, V1_FLIGHTS_MAX + 6);
	STORY_EQUAL(s, laddered(&s, "retransmit"), 0);
	host_initiate(s.alice, "net");
	world_run(s.w, 4 * NS_PER_SECOND);
	story_up(&s, 1);
	world_run(s.w, 240 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->engine->sas->v1->flight_count, 0);
	STORY_EQUAL(s, s.bob->engine->sas->v1->flight_count, 0);
	story_end(&s);
}

static void a_proposal_that_the_peer_lacks_is_refused(void **state)
{
	struct story_config c = { .connection = V1_KEYS,
		.alice_child = "esp_proposals = aes256gcm16" };
	struct story s = story_established(SEED, &c);

	(void)state;
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.alice) + host_children(s.bob), 0);
	STORY_TRUE(s, strstr(s.bob->last_failure, "NO_PROPOSAL_CHOSEN for child net"));
	STORY_EQUAL(s, s.alice->done_failed, 1);
	story_end(&s);
}

/* One quick mode has room for one group: those of the others are offered when the first are refused. */
static void groups_are_offered_one_after_the_other(void **state)
{
	static const struct {
		const char *bobs;
		unsigned refused;
	} rows[] = { { "aes128gcm16-x25519", 0 }, { "aes128-sha256-ecp256", 1 },
		{ "aes128-sha256, aes128gcm16", 2 }, { "aes256-sha512", 3 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char child[200];
		struct story_config c = { .connection = V1_KEYS,
			.alice_child =
				"esp_proposals = aes128gcm16-x25519, aes128-sha256-ecp256-none",
			.bob_child = child };
		bool up = i < 3;
		struct story s;

		snprintf(child, sizeof(child), "esp_proposals = %s", rows[i].bobs);
		s = story_established(SEED, &c);
		STORY_EQUAL(s, laddered(&s, "bob    -> INFORMATIONAL_V1"), rows[i].refused);
		STORY_EQUAL(s, host_children(s.alice), up);
		STORY_EQUAL(s, s.alice->done_ok, up);
		STORY_EQUAL(s, s.alice->done_failed, !up);
		host_rekey(s.alice, NULL, "net"); /* with the group that it has */
		world_run(s.w, 30 * NS_PER_SECOND);
		STORY_EQUAL(s, laddered(&s, "bob    -> INFORMATIONAL_V1"), rows[i].refused);
		STORY_EQUAL(s, s.alice->child_rekeyed, up);
		story_end(&s);
	}
}

/* The algorithms fit, but one end wants UDP and the other knows of no NAT. */
static void an_encapsulation_that_does_not_fit_is_said(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_established(SEED, &c);

	(void)state;
	host_terminate(s.alice, NULL, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	s.alice->engine->sas->nat_fake = true;
	s.bob->engine->sas->v1->nat_t = V1_NAT_T_NONE; /* as if he had no NAT traversal */
	host_initiate(s.alice, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_TRUE(s, strstr(s.bob->last_failure, "they want tunnel mode in UDP (RFC 3947)"));
	STORY_TRUE(s, strstr(s.bob->last_failure, "leads to tunnel mode:"));
	story_end(&s);
}

static void either_end_rekeys_without_loss(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_established(SEED, &c);

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		host_rekey(i % 2 ? s.alice : s.bob, NULL, "net");
		for (unsigned j = 0; j < 100; j++) {
			host_packet(s.alice, "10.1.0.1", "10.2.0.1");
			host_packet(s.bob, "10.2.0.1", "10.1.0.1");
			world_run(s.w, 100 * NS_PER_MS);
		}
		story_up(&s, 1);
		STORY_EQUAL(s, s.alice->child_rekeyed, i + 1);
		STORY_EQUAL(s, s.bob->child_rekeyed, i + 1);
	}
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	STORY_EQUAL(s, s.alice->traffic.clear + s.bob->traffic.clear, 0);
	STORY_EQUAL(s, s.alice->traffic.dropped + s.bob->traffic.dropped, 0);
	story_end(&s);
}

static void lifetimes_rekey_children_and_phase_1(void **state)
{
	struct story_config c = { .connection = V1_KEYS
		"rekey_time = 1h\n rand_time = 0s\n over_time = 10m",
		.child = "rekey_time = 10m\n rand_time = 1m" };
	struct story s = story_established(SEED, &c);

	(void)state;
	for (unsigned i = 0; i < 4 * 60; i++) {
		v1_packets(&s);
		world_run(s.w, 59 * NS_PER_SECOND);
	}
	story_up(&s, 1);
	STORY_TRUE(s, s.alice->ike_replaced + s.bob->ike_replaced >= 3);
	STORY_TRUE(s, s.alice->child_rekeyed >= 20);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
	STORY_EQUAL(s, world_lost_packets(s.w), 0);
	story_end(&s);
}

/* The children are adopted as they are. */
static void either_end_authenticates_again(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct story_config c = v1_config();
		struct story s = story_established(SEED, &c);
		struct host *h = i ? s.bob : s.alice;
		uint32_t spi = s.alice->children[0].spec.spi_in;

		host_reauthenticate(h, "net");
		world_run(s.w, 30 * NS_PER_SECOND);
		story_up(&s, 1);
		STORY_EQUAL(s, h->ike_replaced, 1);
		STORY_EQUAL(s, s.alice->children[0].spec.spi_in, spi);
		STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
		v1_packets(&s);
		host_rekey(s.alice, NULL, "net");
		world_run(s.w, 30 * NS_PER_SECOND);
		host_rekey(s.bob, NULL, "net");
		world_run(s.w, 30 * NS_PER_SECOND);
		story_up(&s, 1);
		v1_packets(&s);
		story_end(&s);
	}
}

static void a_bad_network_loses_no_child(void **state)
{
	struct story_config c = { .connection = V1_KEYS "dpd_delay = 10s" };

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct story s = story_established(seed, &c);

		s.w->faults = (struct network_faults){ .loss_percent = 20,
			.duplicate_percent = 25,
			.reorder_percent = 25,
			.spare_esp = true };
		for (unsigned i = 0; i < 4; i++) {
			host_rekey(i % 2 ? s.alice : s.bob, NULL, "net");
			world_run(s.w, 100 * NS_PER_SECOND);
			if (i == 1)
				host_reauthenticate(s.alice, "net");
		}
		s.w->faults = (struct network_faults){ 0 };
		host_rekey(s.alice, NULL, "net");
		world_run(s.w, 300 * NS_PER_SECOND);
		STORY_TRUE(s, host_children(s.alice) >= 1 && host_children(s.bob) >= 1);
		STORY_TRUE(s, world_same_keys(s.w) && !s.w->broken);
		v1_packets(&s);
		story_end(&s);
	}
}

static void both_rekey_at_once_and_one_child_stays(void **state)
{
	struct story_config c = v1_config();

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct story s = story_established(seed, &c);

		host_rekey(s.alice, NULL, "net");
		host_rekey(s.bob, NULL, "net");
		world_run(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		v1_packets(&s);
		story_end(&s);
	}
}

static void deletes_of_either_end(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_established(SEED, &c);

	(void)state;
	host_terminate(s.alice, NULL, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.bob), 1);
	STORY_EQUAL(s, host_children(s.alice) + host_children(s.bob), 0);
	host_initiate(s.bob, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	host_terminate(s.bob, "net", NULL);
	world_run(s.w, 10 * NS_PER_SECOND);
	story_down(&s);
	story_end(&s);
}

/* IKEv1's deletes are not acknowledged. One that got lost is found out by who asks. */
static void a_lost_delete_is_found_out_by_dead_peer_detection(void **state)
{
	struct story_config c = { .connection = V1_KEYS "dpd_delay = 10s" };
	struct story s = story_established(SEED, &c);

	(void)state;
	s.w->faults.partition = true; /* all that alice says about it is lost */
	host_terminate(s.alice, "net", NULL);
	world_run(s.w, 5 * NS_PER_SECOND);
	s.w->faults.partition = false;
	STORY_EQUAL(s, host_sas(s.alice), 0);
	STORY_EQUAL(s, host_sas(s.bob), 1);
	world_run(s.w, 300 * NS_PER_SECOND);
	story_down(&s);
	STORY_TRUE(s, strstr(s.bob->last_failure, "R-U-THERE"));
	story_end(&s);
}

/* The one who rekeyed deletes the old child. If that got lost, the other end does after a while. */
static void a_lost_delete_of_a_rekeyed_child(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_established(SEED, &c);

	(void)state;
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, NS_PER_SECOND / 2);
	s.w->faults.partition = true; /* with what is said again */
	world_run(s.w, 5 * NS_PER_SECOND);
	s.w->faults.partition = false;
	world_run(s.w, 7 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.alice), 1);
	STORY_EQUAL(s, host_children(s.bob), 2);
	world_run(s.w, 20 * NS_PER_SECOND);
	story_up(&s, 1);
	v1_packets(&s);
	story_end(&s);
}

/* Bob's plane refuses, and his Delete comes while alice still computes. */
static void a_delete_of_a_child_that_is_being_made(void **state)
{
	struct story_config c = { .connection = V1_KEYS,
		.child = "esp_proposals = aes128gcm16-x25519" };
	struct story s = story_established(SEED, &c);

	(void)state;
	host_terminate(s.alice, NULL, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	s.w->faults.answer_delay_ns = 500 * NS_PER_MS;
	s.bob->refuse_installs = 1;
	host_initiate(s.alice, "net");
	world_run(s.w, 30 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.alice) + host_children(s.bob), 0);
	STORY_TRUE(s, strstr(s.alice->last_done, "deleted by the peer"));
	host_initiate(s.alice, "net");
	world_run(s.w, 30 * NS_PER_SECOND);
	story_up(&s, 1);
	story_end(&s);
}

/* No HASH covers NAT-D: one that was changed on its way shows alice a NAT that bob doesn't see; or bob one
 * that she doesn't. */
static void a_nat_that_only_one_end_sees(void **state)
{
	struct story_config c = v1_config();

	(void)state;
	for (unsigned lie = 0; lie < 4; lie++) {
		struct story s = story_established(SEED, &c);
		struct host *h = lie & 1 ? s.alice : s.bob;

		host_terminate(s.alice, NULL, "net");
		world_run(s.w, 10 * NS_PER_SECOND);
		h->engine->sas->nat_fake = true;
		host_initiate(lie & 2 ? s.alice : s.bob, "net");
		world_run(s.w, 10 * NS_PER_SECOND);
		story_up(&s, 1);
		v1_packets(&s);
		story_end(&s);
	}
}

/* Both authenticate again, one a little later than the other, while messages come late: the ends may see
 * it differently which of the two stays, but no child is lost. */
static void reauthentications_that_cross_lose_no_child(void **state)
{
	struct story_config c = v1_config();

	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct story s = story_established(seed, &c);

		s.w->faults = (struct network_faults){
			.delay_ns = 38 * NS_PER_MS, .duplicate_percent = 35, .reorder_percent = 40
		};
		host_reauthenticate(s.alice, "net");
		world_run(s.w, seed % 10 * 25 * NS_PER_MS);
		host_reauthenticate(s.bob, "net");
		world_run(s.w, 60 * NS_PER_SECOND);
		s.w->faults = (struct network_faults){ .delay_ns = NS_PER_MS };
		world_run(s.w, 10 * NS_PER_SECOND);
		STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
		v1_packets(&s);
		story_end(&s);
	}
}

static void dpd_timeout_says_how_long_a_peer_may_be_silent(void **state)
{
	struct story_config c = { .connection = V1_KEYS "dpd_delay = 10s\n dpd_timeout = 35s" };
	struct story s = story_established(SEED, &c);

	(void)state;
	world_run(s.w, 300 * NS_PER_SECOND);
	story_up(&s, 1);
	s.w->faults.partition = true;
	world_run(s.w, 25 * NS_PER_SECOND);
	story_up(&s, 1);
	world_run(s.w, 60 * NS_PER_SECOND);
	story_down(&s);
	story_end(&s);
}

static void a_replayed_message_id_is_refused(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_established(SEED, &c);
	struct ike_path path = { { s.bob->address, 500 }, { s.alice->address, 500 } };
	uint8_t memory[2000];
	struct bytes message;

	(void)state;
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, NS_PER_MS);
	message = v1_capture(&s, memory, sizeof(memory));
	world_run(s.w, 240 * NS_PER_SECOND);
	story_up(&s, 1);
	host_datagram(s.bob, &path, message);
	world_run(s.w, 120 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "its message ID was used before") == 1);
	story_up(&s, 1);
	story_end(&s);
}

/* However many exchanges there have been since. What we said ourselves is no more than what the peer said,
 * since both have the same keys. */
static void old_messages_are_refused_as_long_as_phase_1_lasts(void **state)
{
	struct story_config c = { .connection = V1_KEYS "dpd_delay = 1s" };
	struct story s = story_established(SEED, &c);
	struct ike_path to_bob = { { s.bob->address, 500 }, { s.alice->address, 500 } },
			to_alice = { to_bob.remote, to_bob.local };
	uint8_t memory[2][2000];
	struct bytes quick, there;
	unsigned dropped;

	(void)state;
	while (!laddered(&s, "alice  -> INFORMATIONAL_V1"))
		world_run(s.w, NS_PER_MS);
	there = v1_capture(&s, memory[0], sizeof(memory[0]));
	world_run(s.w, NS_PER_SECOND / 2);
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, NS_PER_MS);
	quick = v1_capture(&s, memory[1], sizeof(memory[1]));
	world_run(s.w, 1000 * NS_PER_SECOND);
	STORY_TRUE(s, s.bob->engine->sas->v1->message_ids.count > 512);
	dropped = s.alice->dropped + s.bob->dropped;
	host_datagram(s.bob, &to_bob, there);
	host_datagram(s.bob, &to_bob, quick);
	host_datagram(s.alice, &to_alice, there);
	host_datagram(s.alice, &to_alice, quick);
	STORY_EQUAL(s, s.alice->dropped + s.bob->dropped, dropped + 4);
	STORY_TRUE(s, !s.bob->engine->sas->theirs && !s.alice->engine->sas->theirs);
	story_up(&s, 1);
	story_end(&s);
}

static void exchanges_of_one_phase_1_are_limited(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_established(SEED, &c);
	struct ike_sa *sa = s.alice->engine->sas;
	uint32_t id = 1;

	(void)state;
	while (sa->v1->message_ids.count < V1_MESSAGE_IDS_MAX / 4 * 3)
		v1_message_id_note(sa, id++);
	world_run(s.w, 30 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
	story_up(&s, 1);
	sa = s.bob->engine->sas;
	STORY_TRUE(s, sa->v1->message_ids.count < 10);
	while (sa->v1->message_ids.count < V1_MESSAGE_IDS_MAX)
		assert_true(v1_message_id_note(sa, id++));
	assert_false(v1_message_id_note(sa, id));
	timer_clear(&s.bob->engine->timers, &sa->rekey_timer); /* he can't do anything about it */
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, 30 * NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "this phase 1 has had too many exchanges") > 0);
	STORY_EQUAL(s, s.alice->child_rekeyed, 0);
	story_end(&s);
}

static void a_nat_between_them(void **state)
{
	struct story_config c = { .alice_connection = V1_KEYS,
		.bob_connection = V1_KEYS "remote_addrs = %any\n dpd_delay = 20s" };
	struct story s = story_begin(SEED, &c, NULL);
	struct nat *nat = world_nat(s.w, "198.51.100.7", 0);

	(void)state;
	host_behind(s.alice, nat);
	host_initiate(s.alice, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_TRUE(s, s.alice->children[0].spec.encap && s.bob->children[0].spec.encap);
	STORY_EQUAL(s, s.alice->children[0].spec.path.remote.port, 4500);
	v1_packets(&s);
	nat_rebind(nat);
	host_packet(s.alice, "10.1.0.1", "10.2.0.1");
	world_run(s.w, 10 * NS_PER_SECOND);
	v1_packets(&s);
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, 30 * NS_PER_SECOND);
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 30 * NS_PER_SECOND);
	story_up(&s, 1);
	v1_packets(&s);
	story_end(&s);
}

/* The shorter life of the two counts: who has it may be the one that doesn't propose. */
static void a_responder_says_its_shorter_lifetime(void **state)
{
	struct story_config c = { .connection = V1_KEYS,
		.alice_child = "life_time = 2h\n rekey_time = 90m\n rand_time = 0s",
		.bob_child = "life_time = 10m\n rekey_time = 0s" };
	struct story s = story_established(SEED, &c);

	(void)state;
	STORY_TRUE(s, laddered(&s, "RESPONDER_LIFETIME") > 0);
	world_run(s.w, 530 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->child_rekeyed, 0);
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->child_rekeyed, 1);
	story_up(&s, 1);
	story_end(&s);
}

/* Supervision and traps are IKEv2's: a packet brings the child up, and what should be up comes again. */
static void packets_and_the_supervisor_bring_it_up(void **state)
{
	struct story_config c = { .connection = V1_KEYS "dpd_delay = 10s",
		.alice_child = "start_action = trap" };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	world_run(s.w, NS_PER_SECOND);
	host_packet(s.alice, "10.1.0.1", "10.2.0.1");
	world_run(s.w, 5 * NS_PER_SECOND);
	story_up(&s, 1);
	v1_packets(&s);
	story_end(&s);
	c.alice_child = "start_action = start\n dpd_action = restart";
	s = story_begin(SEED, &c, NULL);
	world_run(s.w, 5 * NS_PER_SECOND);
	story_up(&s, 1);
	host_crash(s.bob);
	world_run(s.w, 300 * NS_PER_SECOND);
	host_restart(s.bob);
	world_run(s.w, 300 * NS_PER_SECOND);
	story_up(&s, 1);
	v1_packets(&s);
	story_end(&s);
}

/* Without a word of goodbye: INITIAL-CONTACT says that what there was is gone. */
static void a_peer_that_starts_afresh_takes_its_leftovers_away(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_established(SEED, &c);

	(void)state;
	host_crash(s.alice);
	host_restart(s.alice);
	host_initiate(s.alice, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	v1_packets(&s);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_pfs_and_with_it),
		cmocka_unit_test(transport_mode),
		cmocka_unit_test(several_selectors_are_several_quick_modes),
		cmocka_unit_test(selectors_are_not_narrowed),
		cmocka_unit_test(the_commit_bit_is_tolerated),
		cmocka_unit_test(refusals_leave_nothing_behind),
		cmocka_unit_test(a_proposal_that_the_peer_lacks_is_refused),
		cmocka_unit_test(groups_are_offered_one_after_the_other),
		cmocka_unit_test(an_encapsulation_that_does_not_fit_is_said),
		cmocka_unit_test(either_end_rekeys_without_loss),
		cmocka_unit_test(lifetimes_rekey_children_and_phase_1),
		cmocka_unit_test(either_end_authenticates_again),
		cmocka_unit_test(a_bad_network_loses_no_child),
		cmocka_unit_test(both_rekey_at_once_and_one_child_stays),
		cmocka_unit_test(deletes_of_either_end),
		cmocka_unit_test(a_lost_delete_is_found_out_by_dead_peer_detection),
		cmocka_unit_test(a_lost_delete_of_a_rekeyed_child),
		cmocka_unit_test(a_delete_of_a_child_that_is_being_made),
		cmocka_unit_test(a_nat_that_only_one_end_sees),
		cmocka_unit_test(reauthentications_that_cross_lose_no_child),
		cmocka_unit_test(dpd_timeout_says_how_long_a_peer_may_be_silent),
		cmocka_unit_test(a_replayed_message_id_is_refused),
		cmocka_unit_test(old_messages_are_refused_as_long_as_phase_1_lasts),
		cmocka_unit_test(exchanges_of_one_phase_1_are_limited),
		cmocka_unit_test(a_nat_between_them),
		cmocka_unit_test(a_responder_says_its_shorter_lifetime),
		cmocka_unit_test(packets_and_the_supervisor_bring_it_up),
		cmocka_unit_test(a_peer_that_starts_afresh_takes_its_leftovers_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
