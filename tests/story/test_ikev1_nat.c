/* IKEv1 through NAT boxes, RFC 3947 and its drafts 02 and 03: transport mode with the original addresses,
 * as L2TP's clients use it, and several clients behind one box. */
#include "ike/sa.h"
#include "ike/v1/ikev1.h"
#include "sim/internal.h"
#include "tests/story/ikev1.h"

#define SEED      83
#define INSIDE    "10.0.0.2"
#define OUTSIDE   "198.51.100.7"
#define TRANSPORT "mode = transport\n local_ts = dynamic[udp]\n remote_ts = dynamic[udp]"

static struct story behind(const struct story_config *config, struct nat **ret_nat)
{
	struct story_config c = *config;
	struct story s;

	c.alice_address = INSIDE;
	if (!c.bob_connection)
		c.bob_connection = "remote_addrs = %any";
	s = story_begin(SEED, &c, NULL);
	*ret_nat = world_nat(s.w, OUTSIDE, 0);
	host_behind(s.alice, *ret_nat);
	return s;
}

static void packets_between(struct story *s, const char *alice, const char *bob)
{
	uint64_t to_bob = s->bob->traffic.delivered, to_alice = s->alice->traffic.delivered;

	host_packet(s->alice, INSIDE, bob);
	host_packet(s->bob, STORY_BOB, alice);
	world_run(s->w, NS_PER_SECOND);
	STORY_EQUAL(*s, s->bob->traffic.delivered, to_bob + 1);
	STORY_EQUAL(*s, s->alice->traffic.delivered, to_alice + 1);
}

/* Whoever rekeys calls the other's end as that one did. */
static void transport_mode_says_the_original_addresses(void **state)
{
	struct story_config c = { .connection = V1_KEYS, .child = TRANSPORT };
	struct nat *nat;
	struct story s = behind(&c, &nat);

	(void)state;
	host_initiate(s.alice, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, laddered(&s, "[ SA No KE ID ID NAT-OA NAT-OA ]"), 4);
	STORY_EQUAL(s, laddered(&s, "behind a NAT at " INSIDE), 1);
	STORY_EQUAL(s, s.bob->children[0].spec.mode, CHILD_TRANSPORT);
	packets_between(&s, OUTSIDE, STORY_BOB);
	for (unsigned i = 0; i < 4; i++) {
		host_rekey(i % 2 ? s.alice : s.bob, NULL, "net");
		world_run(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		STORY_EQUAL(s, s.bob->child_rekeyed, i + 1);
		packets_between(&s, OUTSIDE, STORY_BOB);
	}
	STORY_EQUAL(s, laddered(&s, "behind a NAT at " INSIDE), 5);
	nat_rebind(nat);
	host_packet(s.alice, INSIDE, STORY_BOB);
	world_run(s.w, 10 * NS_PER_SECOND);
	packets_between(&s, OUTSIDE, STORY_BOB);
	story_end(&s);
}

static void tunnels_keep_their_addresses_for_themselves(void **state)
{
	struct story_config c = { .connection = V1_KEYS };
	struct nat *nat;
	struct story s = behind(&c, &nat);

	(void)state;
	host_initiate(s.alice, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	v1_packets(&s);
	STORY_EQUAL(s, laddered(&s, "NAT-OA"), 0);
	story_end(&s);
}

/* The server is behind a box of its own, which sends ports 500 and 4500 on to it. */
static void a_server_behind_a_nat(void **state)
{
	struct story_config c = { .connection = V1_KEYS,
		.child = TRANSPORT,
		.alice_connection = "remote_addrs = 203.0.113.9" };
	struct nat *nat, *servers;
	struct story s = behind(&c, &nat);

	(void)state;
	servers = world_nat(s.w, "203.0.113.9", 0);
	host_behind(s.bob, servers);
	nat_forward(servers, s.bob, 500);
	nat_forward(servers, s.bob, 4500);
	host_initiate(s.alice, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, laddered(&s, "alice  CHILD UP"), 1);
	STORY_EQUAL(s, laddered(&s, "behind a NAT at " STORY_BOB), 1);
	packets_between(&s, OUTSIDE, "203.0.113.9");
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, 30 * NS_PER_SECOND);
	story_up(&s, 1);
	packets_between(&s, OUTSIDE, "203.0.113.9");
	story_end(&s);
}

/* Vendor IDs are in the clear, and no HASH covers them: whom they come to believes that the sender has
 * those drafts alone that are left. */
static void blot_out(struct world *w, enum v1_vendor vendor)
{
	struct bytes id = v1_vendor_octets(vendor);

	for (struct sim_packet *p = w->packets; p; p = p->next)
		for (size_t at = 0; p->carries == CARRIES_IKE && at + id.size <= p->size; at++)
			if (memcmp(p->data + at, id.data, id.size) == 0)
				p->data[at] ^= 0xff;
}

static void only_vendor(struct world *w, enum v1_vendor left)
{
	static const enum v1_vendor all[] = { V1_VENDOR_RFC_3947, V1_VENDOR_NAT_T_03,
		V1_VENDOR_NAT_T_02_N, V1_VENDOR_NAT_T_02 };

	for (unsigned step = 0; step < 100; step++) {
		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			if (all[i] != left)
				blot_out(w, all[i]);
		world_run(w, NS_PER_MS);
	}
}

static void drafts_02_and_03_with_their_own_numbers(void **state)
{
	static const enum v1_vendor drafts[] = { V1_VENDOR_NAT_T_03, V1_VENDOR_NAT_T_02_N,
		V1_VENDOR_NAT_T_02 };

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct story_config c = { .connection = V1_KEYS, .child = i < 3 ? "" : TRANSPORT };
		struct nat *nat;
		struct story s = behind(&c, &nat);

		host_initiate(s.alice, "net");
		only_vendor(s.w, drafts[i % 3]);
		world_run(s.w, 10 * NS_PER_SECOND);
		story_up(&s, 1);
		STORY_EQUAL(s, laddered(&s, "[ KE No NAT-D(draft) NAT-D(draft) "), 4);
		STORY_EQUAL(s, laddered(&s, "ID ID NAT-OA(draft) ]"), i < 3 ? 0 : 4);
		STORY_EQUAL(s, laddered(&s, "behind a NAT at " INSIDE), i < 3 ? 0 : 1);
		STORY_EQUAL(s, v1_encapsulation(s.bob->engine->sas, CHILD_TUNNEL), 61443);
		STORY_EQUAL(s, v1_encapsulation(s.alice->engine->sas, CHILD_TRANSPORT), 61444);
		STORY_EQUAL(s, s.alice->children[0].spec.path.local.port, 4500);
		STORY_TRUE(s, s.bob->children[0].spec.path.remote.port > 4500);
		if (i < 3)
			v1_packets(&s);
		else
			packets_between(&s, OUTSIDE, STORY_BOB);
		host_rekey(s.bob, NULL, "net");
		world_run(s.w, 30 * NS_PER_SECOND);
		host_reauthenticate(s.alice, "net");
		only_vendor(s.w, drafts[i % 3]);
		world_run(s.w, 60 * NS_PER_SECOND);
		story_up(&s, 1);
		story_end(&s);
	}
}

/* Bob wants UDP, but what alice hears of him has no NAT traversal in it, and she tells him nothing of NATs: he
 * can't want it of her. (That was seed 97379.) */
static void no_nat_is_feigned_for_who_does_not_look_for_any(void **state)
{
	static const char *const keys[] = { V1_KEYS, V1_KEYS "aggressive = yes\n" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct story_config c = { .connection = keys[i], .bob_connection = "encap = yes" };
		struct story s = story_begin(SEED, &c, NULL);

		host_initiate(s.alice, "net");
		world_run(s.w, 15 * NS_PER_MS); /* his answer is on its way */
		blot_out(s.w, V1_VENDOR_RFC_3947);
		world_run(s.w, 10 * NS_PER_SECOND);
		story_up(&s, 1);
		v1_packets(&s);
		STORY_EQUAL(s, s.bob->engine->sas->path.remote.port, 500);
		STORY_TRUE(s, !s.bob->children[0].spec.encap);
		host_rekey(s.bob, NULL, "net");
		world_run(s.w, 30 * NS_PER_SECOND);
		story_up(&s, 1);
		v1_packets(&s);
		story_end(&s);
	}
}

static void drafts_without_a_nat_stay_at_port_500(void **state)
{
	struct story_config c = { .connection = V1_KEYS, .child = TRANSPORT };
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	host_initiate(s.alice, "net");
	only_vendor(s.w, V1_VENDOR_NAT_T_02_N);
	world_run(s.w, 10 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, laddered(&s, "[ KE No NAT-D(draft) NAT-D(draft) "), 4);
	STORY_EQUAL(s, laddered(&s, "NAT-OA"), 0);
	STORY_EQUAL(s, s.bob->engine->sas->path.remote.port, 500);
	STORY_TRUE(s, !s.bob->children[0].spec.encap);
	story_end(&s);
}

/* Windows names itself in place of the address that nobody else knows. */
static bool named;
void __real_v1_id_encode(struct writer *w, const struct v1_id *id);
void __wrap_v1_id_encode(struct writer *w, const struct v1_id *id);

void __wrap_v1_id_encode(struct writer *w, const struct v1_id *id)
{
	const struct address inside = { .family = 4, .octets = { 10, 0, 0, 2 } };
	struct v1_id as = *id;

	if (named && bytes_equal(id->value, address_bytes(&inside))) {
		as.type = V1_ID_FQDN;
		as.value = bytes_of_text("laptop");
	}
	__real_v1_id_encode(w, &as);
}

static void a_client_that_names_itself_in_place_of_its_address(void **state)
{
	struct story_config c = {
		.connection = V1_KEYS,
		.alice_child =
			"mode = transport\n local_ts = dynamic[udp/1701]\n remote_ts = dynamic[udp/1701]",
		.bob_child =
			"mode = transport\n local_ts = dynamic[udp/1701]\n remote_ts = dynamic[17/%any]"
	};
	struct nat *nat;
	struct story s = behind(&c, &nat);

	(void)state;
	named = true;
	for (unsigned i = 0; i < 2; i++) {
		if (i == 0)
			host_initiate(s.alice, "net");
		else
			host_rekey(s.alice, NULL, "net");
		world_run(s.w, 30 * NS_PER_SECOND);
		story_up(&s, 1);
	}
	STORY_EQUAL(s, s.bob->child_rekeyed, 1);
	STORY_EQUAL(s, laddered(&s, "192.0.2.2/32[udp/1701] === 198.51.100.7/32[udp/1701]"), 2);
	story_end(&s);
	c.child = c.alice_child = c.bob_child = ""; /* but not in tunnel mode */
	c.alice_child = "local_ts = 10.0.0.2/32";
	c.bob_child = "remote_ts = 10.0.0.2/32";
	s = behind(&c, &nat);
	host_initiate(s.alice, "net");
	world_run(s.w, 30 * NS_PER_SECOND);
	named = false;
	STORY_EQUAL(s, host_children(s.bob), 0);
	STORY_TRUE(s, strstr(s.bob->last_failure, "proxy identities are no addresses"));
	story_end(&s);
}

/* charon answers with the addresses that it sees. Other ports than ours would be something else. */
static const char *answered;
void __real_v1_put(struct exchange *x, uint8_t type, struct bytes body);
void __wrap_v1_put(struct exchange *x, uint8_t type, struct bytes body);

void __wrap_v1_put(struct exchange *x, uint8_t type, struct bytes body)
{
	struct v1_id id;
	struct address seen;
	uint8_t other[8];

	if (type == V1_PAYLOAD_ID && answered && !x->initiator && v1_id_decode(body, &id) &&
		id.type == V1_ID_IPV4_ADDR && id.value.data[0] == 10 &&
		address_parse(answered, &seen) == 0) {
		memcpy(other, body.data, 4);
		memcpy(other + 4, seen.octets, 4);
		if (other[4] == 0)
			other[3] ^= 1;
		body = BYTES_OF(other);
	}
	__real_v1_put(x, type, body);
}

static void a_server_that_answers_with_the_addresses_that_it_sees(void **state)
{
	static const char *const answers[] = { OUTSIDE, "0.0.0.0" };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct story_config c = { .connection = V1_KEYS, .child = TRANSPORT };
		struct nat *nat;
		struct story s = behind(&c, &nat);

		answered = answers[i];
		host_initiate(s.alice, "net");
		world_run(s.w, 10 * NS_PER_SECOND);
		answered = NULL;
		STORY_EQUAL(s, host_children(s.alice), i == 0);
		if (i == 0)
			packets_between(&s, OUTSIDE, STORY_BOB);
		else
			STORY_TRUE(s, strstr(s.alice->last_done, "with other selectors"));
		story_end(&s);
	}
}

/* A third host, behind the same box as alice. */
static struct host *carol(struct story *s, const struct story_config *config)
{
	struct story_config c = *config;
	static char text[8192];
	char *name;

	c.alice_address = "10.0.0.3";
	story_text(&c, true, text, sizeof(text));
	while ((name = strstr(text, "alice")))
		memcpy(name, "carol", 5);
	return world_host(s->w, "carol", "10.0.0.3", text, NULL);
}

static struct story two_behind(const struct story_config *config, struct host **ret_other)
{
	struct story_config c = *config;
	struct nat *nat;
	struct story s;

	c.connection = V1_KEYS;
	c.bob_connection = "remote_addrs = %any\n remote {\n id = %any\n }";
	s = behind(&c, &nat);
	c.alice_child = c.alice_child ? c.alice_child : "local_ts = 10.3.0.0/16";
	*ret_other = carol(&s, &c);
	host_behind(*ret_other, nat);
	host_initiate(s.alice, "net");
	host_initiate(*ret_other, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.bob), 2);
	STORY_EQUAL(s, host_children(s.bob), 2);
	STORY_TRUE(s, world_same_keys(s.w) && !s.w->broken);
	return s;
}

static void two_clients_behind_one_nat(void **state)
{
	struct story_config c = { .bob_child = "remote_ts = 10.1.0.0/16, 10.3.0.0/16" };
	struct host *other;
	struct story s = two_behind(&c, &other);

	(void)state;
	host_packet(s.alice, "10.1.0.1", "10.2.0.1");
	host_packet(other, "10.3.0.1", "10.2.0.1");
	host_packet(s.bob, "10.2.0.1", "10.1.0.1");
	host_packet(s.bob, "10.2.0.1", "10.3.0.1");
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, s.bob->traffic.delivered, 2);
	STORY_EQUAL(s, s.alice->traffic.delivered, 1);
	STORY_EQUAL(s, other->traffic.delivered, 1);
	story_end(&s);
}

/* Their flows are alike but for where they come from; the tests of the plane say whom answers go to. */
static void two_clients_behind_one_nat_in_transport_mode(void **state)
{
	struct story_config c = { .child = TRANSPORT, .bob_child = TRANSPORT };
	struct host *other;
	struct story s;

	(void)state;
	c.child = "mode = transport\n remote_ts = dynamic[udp]";
	c.alice_child = "local_ts = dynamic[udp]";
	s = two_behind(&c, &other);
	for (unsigned i = 0; i < 10; i++) {
		host_packet(s.alice, INSIDE, STORY_BOB);
		host_packet(other, "10.0.0.3", STORY_BOB);
		world_run(s.w, NS_PER_SECOND);
	}
	STORY_EQUAL(s, s.bob->traffic.delivered, 20);
	host_terminate(s.alice, "net", NULL);
	world_run(s.w, 10 * NS_PER_SECOND);
	host_packet(s.bob, STORY_BOB, OUTSIDE);
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, other->traffic.delivered, 1);
	story_end(&s);
}

/* The address that a client has at home is its identity, too, and many homes have the same. */
static void two_clients_with_the_same_address_behind_different_nats(void **state)
{
	struct story_config c = { .connection = V1_KEYS "unique = never",
		.child = TRANSPORT,
		.bob_connection = "remote_addrs = %any" };
	struct nat *nat;
	struct story s = behind(&c, &nat);
	char text[8192];
	struct host *other;

	(void)state;
	c.alice_address = INSIDE;
	other = world_host(s.w, "carol", INSIDE, story_text(&c, true, text, sizeof(text)), NULL);
	host_behind(other, world_nat(s.w, "203.0.113.9", 0));
	for (unsigned i = 0; i < 2; i++) {
		host_initiate(i ? other : s.alice, "net");
		world_run(s.w, 20 * NS_PER_SECOND);
		STORY_EQUAL(s, host_children(s.bob), i + 1);
	}
	host_rekey(s.alice, NULL, "net");
	host_rekey(other, NULL, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	packets_between(&s, OUTSIDE, STORY_BOB);
	host_packet(s.bob, STORY_BOB, "203.0.113.9");
	world_run(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, other->traffic.delivered, 1);
	STORY_EQUAL(s, host_sas(s.bob), 2);
	STORY_EQUAL(s, host_children(s.bob), 2);
	STORY_EQUAL(s, s.bob->child_down + s.alice->child_down + other->child_down, 0);
	story_end(&s);
}

/* Another message than its sender meant, but no HASH covers the header. */
static void the_commit_bit_changes_nothing(void **state)
{
	struct story_config c = v1_config();
	struct story s = story_begin(SEED, &c, NULL);

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		if (round == 0)
			host_initiate(s.alice, "net");
		else
			host_rekey(round == 1 ? s.alice : s.bob, NULL, "net");
		for (unsigned step = 0; step < 1000; step++) {
			for (struct sim_packet *p = s.w->packets; p; p = p->next)
				if (p->carries == CARRIES_IKE && p->data[19] & V1_FLAG_ENCRYPTION)
					p->data[19] |= V1_FLAG_COMMIT;
			world_run(s.w, NS_PER_MS);
		}
		world_run(s.w, 30 * NS_PER_SECOND);
		story_up(&s, 1);
		v1_packets(&s);
	}
	STORY_EQUAL(s, s.alice->failed + s.bob->failed, 0);
	story_end(&s);
}

/* Who commits says CONNECTED in the end, under the message ID of the quick mode, RFC 2408 §3.1. */
static uint32_t said_under;
uint32_t __real_v1_message_id_new(struct ike_sa *sa);
uint32_t __wrap_v1_message_id_new(struct ike_sa *sa);

uint32_t __wrap_v1_message_id_new(struct ike_sa *sa)
{
	return said_under ? said_under : __real_v1_message_id_new(sa);
}

static void the_end_of_a_commit_is_not_waited_for_and_not_minded(void **state)
{
	const struct v1_notify connected = {
		.doi = V1_DOI_IPSEC, .protocol = V1_PROTOCOL_ESP, .type = V1_CONNECTED
	};
	struct story_config c = v1_config();

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct story s = story_established(SEED, &c);
		struct host *says = i ? s.alice : s.bob;

		said_under = says->engine->sas->v1->flights->message_id;
		STORY_TRUE(s, said_under != 0);
		v1_send_notify(says->engine->sas, &connected);
		host_drain(says);
		said_under = 0;
		host_rekey(says, NULL, "net");
		world_run(s.w, 30 * NS_PER_SECOND);
		STORY_EQUAL(s, laddered(&s, "-> INFORMATIONAL_V1"), 1 + 3); /* with the delete */
		STORY_EQUAL(s, laddered(&s, "N(CONNECTED)"), 1);
		STORY_EQUAL(s, laddered(&s, "its exchange is over"), 1);
		STORY_EQUAL(s, s.alice->failed + s.bob->failed, 0);
		story_up(&s, 1);
		v1_packets(&s);
		story_end(&s);
	}
}

/* Phase 1 begins at port 500, which the NAT box maps elsewhere than 4500, and goes over to that: who it is with
 * at its end is the peer that is known. */
static void unique_keep_knows_who_comes_by_another_port_first(void **state)
{
	struct story_config c = { .connection = V1_KEYS,
		.bob_connection = "remote_addrs = %any\n unique = keep" };
	struct nat *nat;
	struct story s = behind(&c, &nat);

	(void)state;
	host_initiate(s.alice, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	s.w->faults.partition = true;
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 170 * NS_PER_SECOND);
	s.w->faults.partition = false;
	STORY_TRUE(s, strstr(s.alice->last_failure, "not reauthenticated"));
	host_reauthenticate(
		s.alice, "net"); /* from the beginning, where the other way didn't work */
	world_run(s.w, 30 * NS_PER_SECOND);
	STORY_EQUAL(s, laddered(&s, "unique = keep"), 0);
	STORY_EQUAL(s, s.alice->notes[NOTE_REAUTHENTICATED], 1);
	story_up(&s, 1);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transport_mode_says_the_original_addresses),
		cmocka_unit_test(tunnels_keep_their_addresses_for_themselves),
		cmocka_unit_test(a_server_behind_a_nat),
		cmocka_unit_test(drafts_02_and_03_with_their_own_numbers),
		cmocka_unit_test(no_nat_is_feigned_for_who_does_not_look_for_any),
		cmocka_unit_test(drafts_without_a_nat_stay_at_port_500),
		cmocka_unit_test(a_client_that_names_itself_in_place_of_its_address),
		cmocka_unit_test(a_server_that_answers_with_the_addresses_that_it_sees),
		cmocka_unit_test(unique_keep_knows_who_comes_by_another_port_first),
		cmocka_unit_test(two_clients_behind_one_nat),
		cmocka_unit_test(two_clients_behind_one_nat_in_transport_mode),
		cmocka_unit_test(two_clients_with_the_same_address_behind_different_nats),
		cmocka_unit_test(the_commit_bit_changes_nothing),
		cmocka_unit_test(the_end_of_a_commit_is_not_waited_for_and_not_minded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
