/* Configuration payloads, RFC 7296 §2.19: a gateway (bob) gives road warriors addresses of its pools,
 * and they come back to theirs. */
#include "conf/pool.h"
#include "tests/story/story.h"

#include <string.h>

#include "tests/story/rude.h"
#include "tests/story/vips.h"

void host_drain(struct host *h); /* of sim/internal.h */

#define SEED 19

#define GATEWAY                                                                                    \
	"connections { rw { version = 2\n local_addrs = 192.0.2.2\n"                               \
	" proposals = aes128gcm16-prfsha256-x25519\n %s\n"                                         \
	" local { auth = psk\n id = bob.example }\n remote { auth = psk }\n"                       \
	" children { net { local_ts = 10.2.0.0/16, fd02::/16\n remote_ts = %s\n"                   \
	" esp_proposals = aes128gcm16-x25519 } } } }\n"                                            \
	"pools { small { addrs = 10.3.0.1-10.3.0.2\n dns = 10.2.0.53, fd02::53\n"                  \
	" subnet = 10.2.0.0/16 }\n six { addrs = fd03::/120 } }\n"                                 \
	"secrets { ike-1 { secret = sharks } }\n"

#define CLIENT                                                                                     \
	"connections { net { version = 2\n local_addrs = %s\n remote_addrs = 192.0.2.2\n"          \
	" proposals = aes128gcm16-prfsha256-x25519\n %s\n"                                         \
	" local { auth = psk\n id = %s }\n remote { auth = psk\n id = bob.example }\n"             \
	" children { net { remote_ts = 10.2.0.0/16, fd02::/16\n"                                   \
	" esp_proposals = aes128gcm16-x25519 } } } }\n"                                            \
	"secrets { ike-1 { secret = sharks } }\n"

static struct host *gateway(struct world *w, const char *pools, const char *remote_ts)
{
	char text[2000];

	snprintf(text, sizeof(text), GATEWAY, pools, remote_ts);
	return world_host(w, "bob", "192.0.2.2", text, NULL);
}

static struct host *client(struct world *w, const char *name, const char *address, const char *vips)
{
	char text[2000];

	snprintf(text, sizeof(text), CLIENT, address, vips, name);
	return world_host(w, name, address, text, NULL);
}

static struct story roadwarrior(const char *pools, const char *vips)
{
	struct story s = { .w = world_new(SEED) };

	s.bob = gateway(s.w, pools, "dynamic");
	s.alice = client(s.w, "alice", STORY_ALICE, vips);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	return s;
}

static void leases(struct story *s, const char *pool, size_t online, size_t offline)
{
	struct ike_pool_view view;
	size_t position = 0;

	while (ike_next_pool(s->bob->engine, &position, &view)) {
		if (strcmp(view.config->name, pool) != 0)
			continue;
		STORY_EQUAL(*s, view.online, online);
		STORY_EQUAL(*s, view.offline, offline);
	}
}

static bool laddered(const struct story *s, const char *words)
{
	for (size_t i = 0; i < s->w->ladder_count; i++)
		if (strstr(s->w->ladder[i], words))
			return true;
	return false;
}

static void an_address_is_given_and_taken(void **state)
{
	struct story s = roadwarrior("pools = small", "vips = 0.0.0.0");

	(void)state;
	story_up(&s, 1);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	STORY_EQUAL(s, strcmp(story_selectors(s.alice, true), "10.3.0.1/32"), 0);
	STORY_EQUAL(s, strcmp(story_selectors(s.bob, false), "10.3.0.1/32"), 0);
	STORY_EQUAL(s, host_virtuals(s.alice), 1);
	STORY_TRUE(s, laddered(&s, "CPRQ(ADDR DNS)") && laddered(&s, "CPRP(ADDR DNS DNS6 SUBNET)"));
	STORY_TRUE(s, laddered(&s, "the peer gave us 10.3.0.1; name servers 10.2.0.53"));
	leases(&s, "small", 1, 0);
	story_end(&s);
}

static void both_families_are_given(void **state)
{
	struct story s = roadwarrior("pools = small, six", "vips = 0.0.0.0, ::");

	(void)state;
	story_up(&s, 1);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 1), "fd03::1"), 0);
	STORY_EQUAL(s, strcmp(story_selectors(s.bob, false), "10.3.0.1/32 fd03::1/128"), 0);
	STORY_EQUAL(s, host_virtuals(s.alice), 2);
	leases(&s, "six", 1, 0);
	story_end(&s);
}

/* RFC 7296 §3.15.4: a family that the responder doesn't serve is ignored. */
static void a_family_without_a_pool_is_left_out(void **state)
{
	struct story s = roadwarrior("pools = six", "vips = 0.0.0.0, ::");

	(void)state;
	story_up(&s, 1);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "fd03::1"), 0);
	STORY_EQUAL(s, strcmp(story_selectors(s.bob, false), "fd03::1/128"), 0);
	story_end(&s);
}

static void a_certain_address_is_given_where_it_is_free(void **state)
{
	struct story s = roadwarrior("pools = small", "vips = 10.3.0.2");

	(void)state;
	story_up(&s, 1);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.2"), 0);
	story_end(&s);
}

static void the_address_goes_with_the_sa(void **state)
{
	struct story s = roadwarrior("pools = small", "vips = 0.0.0.0");

	(void)state;
	host_terminate(s.alice, "net", NULL);
	world_run(s.w, 60 * NS_PER_SECOND);
	story_down(&s);
	STORY_EQUAL(s, host_virtuals(s.alice), 0);
	leases(&s, "small", 0, 1);
	story_end(&s);
}

static void the_address_stays_over_rekeying(void **state)
{
	struct story s = roadwarrior("pools = small, six", "vips = 0.0.0.0, ::");

	(void)state;
	host_rekey(s.alice, "net", NULL);
	host_rekey(s.bob, "rw", NULL);
	world_run(s.w, 60 * NS_PER_SECOND);
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_TRUE(s, s.bob->ike_rekeyed && s.bob->child_rekeyed);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	STORY_EQUAL(s, host_virtuals(s.alice), 2);
	leases(&s, "small", 1, 0);
	host_terminate(s.bob, "rw", NULL);
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_virtuals(s.alice), 0);
	leases(&s, "small", 0, 1);
	story_end(&s);
}

static void two_clients_have_two_addresses(void **state)
{
	struct story s = roadwarrior("pools = small", "vips = 0.0.0.0");
	struct host *carol = client(s.w, "carol", "192.0.2.3", "vips = 0.0.0.0");

	(void)state;
	host_initiate(carol, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.bob), 2);
	STORY_EQUAL(s, host_children(s.bob), 2);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	STORY_EQUAL(s, strcmp(story_vip(carol, 0), "10.3.0.2"), 0);
	STORY_TRUE(s, world_same_keys(s.w));
	leases(&s, "small", 2, 0);
	story_end(&s);
}

static void a_peer_that_returns_gets_its_old_address(void **state)
{
	struct story s = roadwarrior("pools = small", "vips = 0.0.0.0");
	struct host *carol = client(s.w, "carol", "192.0.2.3", "vips = 0.0.0.0");

	(void)state;
	host_initiate(carol, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	host_terminate(s.alice, "net", NULL);
	host_terminate(carol, "net", NULL);
	world_run(s.w, 60 * NS_PER_SECOND);
	leases(&s, "small", 0, 2);
	host_initiate(carol, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, strcmp(story_vip(carol, 0), "10.3.0.2"), 0);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	story_end(&s);
}

/* It has forgotten everything; INITIAL_CONTACT frees the address before it asks for one. */
static void a_peer_that_crashed_gets_its_old_address(void **state)
{
	struct story s = roadwarrior("pools = small", "vips = 0.0.0.0");

	(void)state;
	host_restart(s.alice);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.bob), 1);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	leases(&s, "small", 1, 0);
	story_end(&s);
}

/* From elsewhere, and without INITIAL_CONTACT. */
static struct story returned_from_elsewhere(const char *policy, struct host **ret_there)
{
	char pools[100];
	struct story s;

	snprintf(pools, sizeof(pools), "pools = small\n unique = %s", policy);
	s = roadwarrior(pools, "vips = 0.0.0.0\n mobike = no");
	*ret_there = client(s.w, "alice", "192.0.2.77", "vips = 0.0.0.0\n unique = never");
	host_initiate(*ret_there, "net");
	world_run(s.w, 20 * NS_PER_SECOND);
	return s;
}

static void with_replace_the_address_goes_to_where_the_peer_is_now(void **state)
{
	struct host *there;
	struct story s = returned_from_elsewhere("replace", &there);

	(void)state;
	STORY_EQUAL(s, host_sas(s.alice) + host_virtuals(s.alice), 0);
	STORY_EQUAL(s, strcmp(story_vip(there, 0), "10.3.0.1"), 0);
	s.alice = there;
	story_up(&s, 1);
	leases(&s, "small", 1, 0);
	host_packet(s.bob, "10.2.0.1", "10.3.0.1");
	world_settle(s.w, NS_PER_SECOND);
	STORY_EQUAL(s, there->traffic.delivered, 1);
	story_end(&s);
}

static void with_no_and_keep_the_address_stays_where_it_is(void **state)
{
	struct host *there;
	struct story s = returned_from_elsewhere("no", &there);

	(void)state;
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	STORY_EQUAL(s, strcmp(story_vip(there, 0), "10.3.0.2"), 0);
	leases(&s, "small", 2, 0);
	story_end(&s);

	s = returned_from_elsewhere("keep", &there);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	STORY_EQUAL(s, host_sas(there), 0);
	leases(&s, "small", 1, 0);
	story_end(&s);
}

/* What the gateway sets up has no virtual address, whatever it is for. */
static void where_both_begin_at_once_replace_leaves_that_with_the_address(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		bool replace = i % 2;
		char text[200];
		struct story s = { .w = world_new(SEED + i) };

		snprintf(text, sizeof(text),
			"unique = %s\n remote_addrs = 192.0.2.1\n pools = small",
			replace ? "replace" : "no");
		s.bob = gateway(s.w, text, "dynamic");
		s.alice = client(s.w, "alice", STORY_ALICE, "vips = 0.0.0.0");
		host_initiate(i % 3 ? s.alice : s.bob, "net");
		world_run(s.w, i * 2 * NS_PER_MS);
		host_initiate(i % 3 ? s.bob : s.alice, "net");
		world_run(s.w, 60 * NS_PER_SECOND);
		STORY_EQUAL(s, host_sas(s.bob), replace ? 1 : 2);
		STORY_EQUAL(s, host_children(s.bob), replace ? 1 : 2);
		STORY_EQUAL(s, host_virtuals(s.alice), 1);
		leases(&s, "small", 1, 0);
		story_end(&s);
	}
}

static void an_exhausted_pool_refuses_the_child(void **state)
{
	struct story s = roadwarrior("pools = small", "vips = 0.0.0.0");
	struct host *carol = client(s.w, "carol", "192.0.2.3", "vips = 0.0.0.0");
	struct host *dave = client(s.w, "dave", "192.0.2.4", "vips = 0.0.0.0");

	(void)state;
	host_initiate(carol, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	host_initiate(dave, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.bob), 2);
	STORY_EQUAL(s, host_children(dave), 0);
	STORY_EQUAL(s, dave->done_failed, 1);
	STORY_TRUE(s, laddered(&s, "N(INTERNAL_ADDRESS_FAILURE)"));
	STORY_TRUE(s, strstr(s.bob->last_failure, "small (10.3.0.1-10.3.0.2) has 2 of 2") != NULL);
	STORY_TRUE(s, strstr(dave->last_done, "INTERNAL_ADDRESS_FAILURE; are there pools") != NULL);
	story_end(&s);
}

static void an_address_that_is_offline_for_longest_is_given_away(void **state)
{
	struct story s = roadwarrior("pools = small", "vips = 10.3.0.2");
	struct host *carol = client(s.w, "carol", "192.0.2.3", "vips = 0.0.0.0");
	struct host *dave = client(s.w, "dave", "192.0.2.4", "vips = 0.0.0.0");

	(void)state;
	host_initiate(carol, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	host_terminate(s.alice, "net", NULL);
	world_run(s.w, 60 * NS_PER_SECOND);
	host_initiate(dave, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, strcmp(story_vip(carol, 0), "10.3.0.1"), 0);
	STORY_EQUAL(s, strcmp(story_vip(dave, 0), "10.3.0.2"), 0);
	leases(&s, "small", 2, 0);
	story_end(&s);
}

/* RFC 7296 §2.19: FAILED_CP_REQUIRED; the IKE SA stands. */
static void a_client_that_does_not_ask_is_told_to(void **state)
{
	struct story s = roadwarrior("pools = small", "");

	(void)state;
	STORY_EQUAL(s, host_sas(s.bob), 1);
	STORY_EQUAL(s, host_children(s.bob), 0);
	STORY_TRUE(s, laddered(&s, "N(FAILED_CP_REQUIRED)"));
	leases(&s, "small", 0, 0);
	story_end(&s);
}

/* Its addresses are written down: it needs none of the pool. */
static void a_client_with_a_site_of_its_own_does_without(void **state)
{
	struct story s = { .w = world_new(SEED) };

	(void)state;
	s.bob = gateway(s.w, "pools = small", "dynamic, 192.0.2.0/24");
	s.alice = client(s.w, "alice", STORY_ALICE, "");
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	story_end(&s);
}

static void a_gateway_without_pools_leaves_the_client_without_a_child(void **state)
{
	struct story s = roadwarrior("", "vips = 0.0.0.0");

	(void)state;
	STORY_EQUAL(s, host_children(s.alice), 0);
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_TRUE(s, strstr(s.alice->last_done, "needs a virtual address (vips, alice:") != NULL);
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_children(s.bob), 0);
	story_end(&s);
}

/* Several children of one IKE SA: `dynamic` means the same address for each. */
static void a_rekeyed_child_keeps_the_virtual_address(void **state)
{
	struct story s = roadwarrior("pools = small", "vips = 0.0.0.0");

	(void)state;
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, strcmp(story_selectors(s.alice, true), "10.3.0.1/32"), 0);
	STORY_EQUAL(s, strcmp(story_selectors(s.bob, false), "10.3.0.1/32"), 0);
	story_end(&s);
}

/* Make before break: the new IKE SA asks for what the old one has, and shares the lease until that
 * one goes. */
static void the_address_stays_over_reauthentication(void **state)
{
	struct story s =
		roadwarrior("pools = small", "vips = 0.0.0.0\n reauth_time = 100\n rand_time = 0");

	(void)state;
	world_run(s.w, 300 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_TRUE(s, s.bob->ike_up >= 2);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	STORY_EQUAL(s, host_virtuals(s.alice), 1);
	leases(&s, "small", 1, 0);
	story_end(&s);
}

static void a_pool_with_leases_online_is_not_unloaded(void **state)
{
	struct story s = roadwarrior("pools = small", "vips = 0.0.0.0");
	const struct ike_command unload = {
		.kind = IKE_COMMAND_UNLOAD_POOL, .id = 77, .ike = "small"
	};
	struct ike_output out;
	bool refused = false;

	(void)state;
	ike_command(s.bob->engine, s.w->now, &unload);
	while (ike_next_output(s.bob->engine, &out))
		refused = refused ||
			(out.kind == IKE_TELL && out.tell.kind == IKE_EVENT_DONE && !out.tell.ok &&
				strstr(out.tell.text, "1 lease online"));
	STORY_TRUE(s, refused);
	leases(&s, "small", 1, 0);
	story_end(&s);
}

static void a_new_authentication_keeps_the_address(void **state)
{
	struct story s = roadwarrior("pools = small", "vips = 0.0.0.0");
	char before[ADDRESS_TEXT_MAX];

	(void)state;
	snprintf(before, sizeof(before), "%s", story_vip(s.alice, 0));
	STORY_TRUE(s, before[0]);
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 10 * NS_PER_SECOND);
	host_reauthenticate(s.bob, "rw"); /* which can only ask for it */
	world_run(s.w, 10 * NS_PER_SECOND);
	STORY_EQUAL(s, s.alice->ike_replaced, 2);
	STORY_EQUAL(s, s.bob->ike_replaced, 0);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
	STORY_TRUE(s, strcmp(story_vip(s.alice, 0), before) == 0);
	story_up(&s, 1);
	story_end(&s);
}

/* CP payloads in a session, RFC 7296 §2.19 and §3.15: common attributes are answered, addresses come with
 * IKE_AUTH alone, nothing can be set, and nobody is told anything by a CFG_REPLY that wasn't asked for. */
static void configuration_in_a_session(void **state)
{
	static const uint8_t ask[] = { 0, 1, 0, 0, 0, 7, 0, 0, 0, 14, 0,
		0 }; /* ADDR VERSION SUPPORTED */
	static const uint8_t set[] = { 0, 1, 0, 4, 10, 3, 0, 9, 0, 3, 0, 4, 10, 9, 9,
		9 }; /* ADDR DNS */
	static const uint8_t cut[] = { 0, 1, 0, 44, 10 };
	static const struct {
		uint8_t type;
		struct bytes attributes;
		const char *request, *response;
	} rows[] = {
		{ RUDE_CFG_REQUEST, { ask, sizeof(ask) }, "request 2 [ CPRQ(ADDR VER SUP) ]",
			"response 2 [ CPRP(VER SUP) ]" },
		{ RUDE_CFG_REQUEST, { 0 }, "request 2 [ CPRQ() ]", "response 2 [ CPRP() ]" },
		{ RUDE_CFG_SET, { set, sizeof(set) }, "request 2 [ CPS(ADDR DNS) ]",
			"response 2 [ CPA() ]" },
		{ RUDE_CFG_REPLY, { set, sizeof(set) }, "request 2 [ CPRP(ADDR DNS) ]",
			"response 2 [ ]" },
		{ RUDE_CFG_ACK, { 0 }, "request 2 [ CPA() ]", "response 2 [ ]" },
		{ 99, { set, sizeof(set) }, "request 2 [ CP", "response 2 [ ]" },
		{ RUDE_CFG_SET, { cut, sizeof(cut) }, "request 2 [ CP", "N(INVALID_SYNTAX)" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story s = roadwarrior("pools = small", "vips = 0.0.0.0");

		rude_configures(s.alice->engine, rows[i].type, rows[i].attributes);
		host_drain(s.alice);
		world_settle(s.w, 10 * NS_PER_SECOND);
		STORY_TRUE(s, laddered(&s, rows[i].request));
		STORY_TRUE(s, laddered(&s, rows[i].response));
		STORY_EQUAL(s, host_virtuals(s.bob), 0);
		if (rows[i].attributes.data == cut) { /* §2.21.3 */
			story_down(&s);
		} else {
			story_up(&s, 1);
			STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
			leases(&s, "small", 1, 0);
		}
		story_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_authentication_keeps_the_address),
		cmocka_unit_test(an_address_is_given_and_taken),
		cmocka_unit_test(both_families_are_given),
		cmocka_unit_test(a_family_without_a_pool_is_left_out),
		cmocka_unit_test(a_certain_address_is_given_where_it_is_free),
		cmocka_unit_test(the_address_goes_with_the_sa),
		cmocka_unit_test(the_address_stays_over_rekeying),
		cmocka_unit_test(two_clients_have_two_addresses),
		cmocka_unit_test(a_peer_that_returns_gets_its_old_address),
		cmocka_unit_test(a_peer_that_crashed_gets_its_old_address),
		cmocka_unit_test(with_replace_the_address_goes_to_where_the_peer_is_now),
		cmocka_unit_test(with_no_and_keep_the_address_stays_where_it_is),
		cmocka_unit_test(where_both_begin_at_once_replace_leaves_that_with_the_address),
		cmocka_unit_test(an_exhausted_pool_refuses_the_child),
		cmocka_unit_test(an_address_that_is_offline_for_longest_is_given_away),
		cmocka_unit_test(a_client_that_does_not_ask_is_told_to),
		cmocka_unit_test(a_client_with_a_site_of_its_own_does_without),
		cmocka_unit_test(a_rekeyed_child_keeps_the_virtual_address),
		cmocka_unit_test(the_address_stays_over_reauthentication),
		cmocka_unit_test(a_pool_with_leases_online_is_not_unloaded),
		cmocka_unit_test(a_gateway_without_pools_leaves_the_client_without_a_child),
		cmocka_unit_test(configuration_in_a_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
