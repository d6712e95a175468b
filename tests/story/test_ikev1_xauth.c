/* What comes between phase 1 and an SA that stands: XAUTH and mode config in both roles, with all that
 * a network does to them. Bob is the gateway. */
#include "conf/pool.h"
#include "ike/v1/transaction.h"
#include "ike/v1/window.h"
#include "sim/internal.h"
#include "tests/story/ikev1.h"
#include "tests/story/vips.h"

#define SEED 71

#define GATEWAY                                                                                        \
	"connections { rw { version = 1\n local_addrs = 192.0.2.2\n"                                   \
	" proposals = aes128-sha256-x25519\n %s\n"                                                     \
	" local { auth = psk\n id = bob.example }\n remote { auth = psk }\n"                           \
	" children { net { local_ts = 10.2.0.0/16\n %s\n esp_proposals = aes128gcm16-x25519 } } } }\n" \
	"pools { small { addrs = 10.3.0.1-10.3.0.2\n dns = 10.2.0.53\n netmask = 255.255.0.0\n"        \
	" split_include = 10.2.0.0/17, 10.2.128.0/17\n banner = Welcome\n"                             \
	" default_domain = bob.example\n split_dns = a.example, b.example\n"                           \
	" split_exclude = 10.9.0.0/24, 0.0.0.0/32 } }\n"                                               \
	"secrets { ike-1 { secret = sharks }\n xauth-carol { id = carol\n secret = \"jets\" }\n"       \
	" eap-dave { id = dave@example\n secret = spears } }\n"

#define CLIENT                                                                                     \
	"connections { net { version = 1\n local_addrs = %s\n remote_addrs = 192.0.2.2\n"          \
	" proposals = aes128-sha256-x25519\n %s\n"                                                 \
	" local { auth = psk\n id = group.example }\n remote { auth = psk\n id = bob.example }\n"  \
	" children { net { %s\n esp_proposals = aes128gcm16-x25519 } } } }\n"                      \
	"secrets { ike-1 { secret = sharks }\n xauth-1 { id = carol\n secret = \"%s\" }\n"         \
	" xauth-2 { id = dave@example\n secret = spears } }\n"

#define ASKS  "remote-2 { auth = xauth\n round = 1 }\n"
#define CAROL "local-2 { auth = xauth\n round = 1\n xauth_id = carol }\n"
#define DAVE  "local-2 { auth = xauth-generic\n round = 1\n id = dave@example }\n"
#define VIPS  "vips = 0.0.0.0\n"
#define POOLS "pools = small\n"

static struct host *gateway(struct world *w, const char *connection, const char *child)
{
	char text[3000];

	snprintf(text, sizeof(text), GATEWAY, connection, child);
	return world_host(w, "bob", "192.0.2.2", text, NULL);
}

static struct host *host_of(struct world *w, const char *address, const char *keys,
	const char *child, const struct ike_options *options)
{
	char text[3000];

	snprintf(text, sizeof(text), CLIENT, address, keys, child, "jets");
	return world_host(w, "alice", address, text, options);
}

static struct host *client(struct world *w, const char *name, const char *address, const char *keys,
	const char *password)
{
	char text[3000];

	snprintf(text, sizeof(text), CLIENT, address, keys, "remote_ts = 10.2.0.0/16", password);
	return world_host(w, name, address, text, NULL);
}

static struct story begin(uint64_t seed, const char *bob, const char *alice, const char *password)
{
	struct story s = { .w = world_new(seed) };

	s.bob = gateway(s.w, bob, "");
	s.alice = client(s.w, "alice", STORY_ALICE, alice, password);
	return s;
}

static struct story connected(const char *bob, const char *alice)
{
	struct story s = begin(SEED, bob, alice, "jets");

	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	return s;
}

static const char *user_at(const struct host *h)
{
	static char text[200];
	struct ike_sa_view view;
	size_t position = 0;

	text[0] = '\0';
	if (ike_next_sa(h->engine, &position, &view) && view.remote_user.type)
		id_print(&view.remote_user, text, sizeof(text));
	return text;
}

static void packet_goes_through(struct story *s, const char *from)
{
	uint64_t before = s->bob->traffic.delivered;

	host_packet(s->alice, from, "10.2.0.1");
	world_run(s->w, NS_PER_SECOND);
	STORY_EQUAL(*s, s->bob->traffic.delivered, before + 1);
}

static void a_user_gets_in_and_has_an_address(void **state)
{
	struct story s = connected(ASKS POOLS, CAROL VIPS);

	(void)state;
	story_up(&s, 1);
	STORY_EQUAL(s, strcmp(user_at(s.bob), "carol"), 0);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	STORY_EQUAL(s, strcmp(story_selectors(s.alice, true), "10.3.0.1/32"), 0);
	STORY_EQUAL(s, strcmp(story_selectors(s.bob, false), "10.3.0.1/32"), 0);
	STORY_EQUAL(s, host_virtuals(s.alice), 1);
	STORY_TRUE(s, laddered(&s, "CPRQ(X_USER X_PWD)") && laddered(&s, "CPRP(X_USER X_PWD)"));
	STORY_TRUE(s, laddered(&s, "CPRQ(ADDR DNS)") && laddered(&s, "CPRP(ADDR DNS MASK)"));
	STORY_TRUE(s, laddered(&s, "user 'carol' (secret xauth-carol from sim"));
	STORY_EQUAL(s, laddered(&s, "jets"), 0);
	packet_goes_through(&s, "10.3.0.1");
	story_end(&s);
}

static void a_user_by_its_id_and_an_eap_secret(void **state)
{
	struct story s = connected("remote-2 { auth = xauth\n round = 1\n id = *@example }\n",
		DAVE "children { net { local_ts = 10.1.0.0/16 } }\n");

	(void)state;
	STORY_EQUAL(s, host_sas(s.alice), 1);
	STORY_EQUAL(s, strcmp(user_at(s.bob), "dave@example"), 0);
	story_end(&s);
}

/* The gateway may be told which users it is for. */
static void a_user_whom_the_connection_is_not_for(void **state)
{
	struct story s = connected(
		"remote-2 { auth = xauth\n round = 1\n id = *@example }\n" POOLS, CAROL VIPS);

	(void)state;
	world_run(s.w, 60 * NS_PER_SECOND);
	story_down(&s);
	STORY_TRUE(s, strstr(s.bob->last_failure, "not the one that the connection is for"));
	story_end(&s);
}

static void a_wrong_password_is_told_at_both_ends(void **state)
{
	struct story s = begin(SEED, ASKS POOLS, CAROL VIPS, "sharks!");

	(void)state;
	host_initiate(s.alice, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	story_down(&s);
	STORY_TRUE(s,
		strstr(s.bob->last_failure,
			"the password of user 'carol' is not that of secret xauth-carol from sim"));
	STORY_TRUE(s, strstr(s.alice->last_done, "refused our user and password (XAUTH)"));
	STORY_EQUAL(s, s.alice->done_failed, 1);
	STORY_EQUAL(s, laddered(&s, "sharks!") + laddered(&s, "jets"), 0);
	STORY_EQUAL(s, host_virtuals(s.alice), 0);
	story_end(&s);
}

static void an_unknown_user_is_told_the_same(void **state)
{
	struct story s = connected(
		ASKS POOLS, "local-2 { auth = xauth\n round = 1\n xauth_id = mallory }\n" VIPS);

	(void)state;
	world_run(s.w, 60 * NS_PER_SECOND);
	story_down(&s);
	STORY_TRUE(s, strstr(s.alice->last_done, "no secret of user 'mallory' is loaded"));
	STORY_TRUE(s, laddered(&s, "CPRP(X_STATUS)"));
	story_end(&s);
}

static void push_mode(void **state)
{
	struct story s = connected(ASKS POOLS "pull = no\n", CAROL VIPS "pull = no\n");

	(void)state;
	story_up(&s, 1);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	STORY_TRUE(s, laddered(&s, "CPS(ADDR DNS MASK)") && laddered(&s, "CPA(ADDR DNS)"));
	packet_goes_through(&s, "10.3.0.1");
	story_end(&s);
}

/* As libreswan 4.10 has it: the gateway's SET goes on in the exchange of XAUTH's status. */
static bool pushes_with_the_status;

struct v1_flight *__real_v1_flight_of(struct exchange *x);
struct v1_flight *__wrap_v1_flight_of(struct exchange *x);
struct v1_flight *__wrap_v1_flight_of(struct exchange *x)
{
	if (pushes_with_the_status && x->kind == &v1_config_set && !x->message_id)
		x->message_id = x->sa->v1->flights->message_id;
	return __real_v1_flight_of(x);
}

static void push_mode_in_the_exchange_of_the_status(void **state)
{
	struct story s;

	(void)state;
	pushes_with_the_status = true;
	s = connected(ASKS POOLS "pull = no\n", CAROL VIPS "pull = no\n");
	pushes_with_the_status = false;
	story_up(&s, 1);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	packet_goes_through(&s, "10.3.0.1");
	STORY_TRUE(s, !s.alice->engine->sas->theirs);
	story_end(&s);
}

static void one_end_pushes_and_the_other_pulls(void **state)
{
	struct story s = connected(POOLS "pull = no\n", VIPS);

	(void)state;
	story_up(&s, 1);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	packet_goes_through(&s, "10.3.0.1");
	story_end(&s);
	s = connected(POOLS, VIPS "pull = no\n");
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_TRUE(s, strstr(s.alice->last_done, "which pull = no waits for"));
	story_end(&s);
}

/* The peer of the other kind asks for nothing: no child, and words on both sides. */
static void who_has_no_xauth_is_refused(void **state)
{
	struct story s = connected(ASKS POOLS, VIPS);

	(void)state;
	world_run(s.w, 600 * NS_PER_SECOND);
	story_down(&s);
	STORY_TRUE(s, laddered(&s, "NO_PROPOSAL_CHOSEN for connection rw"));
	story_end(&s);
}

/* Runs until the question is under way, behind the last message of phase 1. */
static struct sim_packet *question_under_way(struct story *s)
{
	struct sim_packet *p;

	for (unsigned i = 0; i < 200 && !laddered(s, "CPRQ(X_USER X_PWD)"); i++)
		world_run(s->w, NS_PER_MS);
	for (p = s->w->packets; p->carries != CARRIES_IKE; p = p->next)
		;
	for (p = p->next; p->carries != CARRIES_IKE; p = p->next)
		;
	return p;
}

/* Somebody of the group who goes on as if there were no XAUTH. */
static void who_skips_xauth_has_no_child(void **state)
{
	struct story s = begin(SEED, ASKS, CAROL, "jets");
	struct sim_packet *question;

	(void)state;
	host_initiate(s.alice, "net");
	question = question_under_way(&s);
	question->data[question->size - 1] ^= 1; /* she doesn't listen */
	s.alice->engine->sas->v1->transform.method = V1_METHOD_PSK;
	world_run(s.w, NS_PER_SECOND);
	STORY_TRUE(s, laddered(&s, "bob    <- QUICK_MODE"));
	STORY_TRUE(s, laddered(&s, "no place here: the peer wants a child before XAUTH"));
	STORY_EQUAL(s, host_children(s.bob) + host_children(s.alice), 0);
	world_run(s.w, 600 * NS_PER_SECOND);
	story_down(&s);
	STORY_TRUE(s, laddered(&s, "XAUTH of user '' failed"));
	story_end(&s);
}

/* A client that skips mode config has no address, and no child: its dynamic selectors mean none. */
static void who_asks_for_no_address_has_no_child(void **state)
{
	struct story s = connected(ASKS POOLS, CAROL);

	(void)state;
	STORY_EQUAL(s, host_children(s.bob) + host_children(s.alice), 0);
	STORY_TRUE(s, strstr(s.bob->last_failure, "FAILED_CP_REQUIRED"));
	STORY_TRUE(s, strstr(s.alice->last_done, "INVALID_ID_INFORMATION"));
	story_end(&s);
}

static void a_gateway_without_pools_leaves_the_client_without_a_child(void **state)
{
	struct story s = connected(ASKS, CAROL VIPS);

	(void)state;
	STORY_TRUE(s, strstr(s.alice->last_done, "needs a virtual address (vips, alice:"));
	world_run(s.w, 60 * NS_PER_SECOND);
	story_down(&s);
	story_end(&s);
}

/* A group has one identity; its users are peers of their own, with addresses of their own. */
static void users_of_a_group_are_told_apart(void **state)
{
	struct story s = connected(ASKS POOLS "unique = replace\n", CAROL VIPS);
	struct host *erin = client(s.w, "erin", "192.0.2.3", DAVE VIPS, "x");

	(void)state;
	host_initiate(erin, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.bob), 2);
	STORY_EQUAL(s, host_children(s.bob), 2);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	STORY_EQUAL(s, strcmp(story_vip(erin, 0), "10.3.0.2"), 0);
	host_restart(s.alice);
	host_initiate(s.alice, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	STORY_EQUAL(s, host_sas(s.bob), 2);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	STORY_EQUAL(s, host_sas(erin), 1);
	story_end(&s);
}

static void the_address_stays_over_rekeying_and_a_new_phase_1(void **state)
{
	struct story s = connected(ASKS POOLS, CAROL VIPS);

	(void)state;
	host_rekey(s.bob, NULL, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	host_reauthenticate(s.alice, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	host_rekey(s.alice, NULL, "net");
	world_run(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.alice->ike_replaced, 1);
	STORY_EQUAL(s, s.alice->child_down + s.bob->child_down, 0);
	STORY_EQUAL(s, strcmp(story_vip(s.alice, 0), "10.3.0.1"), 0);
	STORY_EQUAL(s, strcmp(story_selectors(s.bob, false), "10.3.0.1/32"), 0);
	STORY_EQUAL(s, host_virtuals(s.alice), 1);
	packet_goes_through(&s, "10.3.0.1");
	story_end(&s);
}

/* Both say 0.0.0.0/0 in quick mode, and install what the gateway's list leaves. */
static void split_tunneling_as_unity_has_it(void **state)
{
	struct story s = { .w = world_new(SEED) };
	struct ike_options options;

	(void)state;
	ike_options_default(&options);
	options.cisco_unity = true;
	s.bob = gateway(s.w, ASKS POOLS, "local_ts = 10.2.0.0/17, 10.2.128.0/17");
	s.alice = host_of(s.w, STORY_ALICE, CAROL VIPS, "remote_ts = 0.0.0.0/0", &options);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	for (unsigned i = 0; i < 3; i++) {
		story_up(&s, 1);
		STORY_EQUAL(
			s, strcmp(story_selectors(s.alice, false), "10.2.0.0/17 10.2.128.0/17"), 0);
		STORY_EQUAL(
			s, strcmp(story_selectors(s.bob, true), "10.2.0.0/17 10.2.128.0/17"), 0);
		packet_goes_through(&s, "10.3.0.1");
		host_rekey(i ? s.bob : s.alice, NULL, "net");
		world_run(s.w, 60 * NS_PER_SECOND);
	}
	STORY_TRUE(s, laddered(&s, "U_SPLITINC") && laddered(&s, "U_LOCALLAN"));
	STORY_EQUAL(s, strcmp(s.alice->unity.domain, "bob.example"), 0);
	STORY_EQUAL(s, strcmp(s.alice->unity.split_dns, "a.example b.example"), 0);
	STORY_EQUAL(s, s.alice->unity.local_lan.count, 1);
	STORY_TRUE(s, laddered(&s, "the peer says: Welcome"));
	STORY_TRUE(s, laddered(&s, "name servers are for a.example,b.example"));
	STORY_EQUAL(s, s.alice->child_rekeyed, 3);
	story_end(&s);
}

/* The gateway sets phase 1 up anew: the client is its responder then, and still who is asked. */
static void a_gateway_may_begin(void **state)
{
	struct story s = connected(ASKS "remote_addrs = 192.0.2.1\n children { net { remote_ts = "
					"10.1.0.0/16 } }\n",
		CAROL "children { net { local_ts = 10.1.0.0/16 } }\n");

	(void)state;
	story_up(&s, 1);
	host_reauthenticate(s.bob, "rw");
	world_run(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_EQUAL(s, s.bob->ike_replaced, 1);
	STORY_EQUAL(s, strcmp(user_at(s.bob), "carol"), 0);
	story_end(&s);
}

/* What overtakes the last message of phase 1 waits for it: some say it only once. */
static void a_question_that_comes_too_early_waits(void **state)
{
	struct story s = begin(SEED, ASKS POOLS, CAROL VIPS, "jets");
	struct ike_path path = { { s.alice->address, 500 }, { s.bob->address, 500 } };
	struct sim_packet *question;
	uint8_t memory[2000];

	(void)state;
	host_initiate(s.alice, "net");
	question = question_under_way(&s);
	STORY_TRUE(s, question->size <= sizeof(memory));
	memcpy(memory, question->data, question->size);
	question->data[question->size - 1] ^= 1; /* it is lost */
	host_datagram(s.alice, &path, BYTES(memory, question->size));
	STORY_EQUAL(s, laddered(&s, "CPRP(X_USER X_PWD)"), 0);
	world_run(s.w, 500 * NS_PER_MS); /* nothing is sent again so soon */
	story_up(&s, 1);
	story_end(&s);
}

static struct opened *attributes_message(struct arena *arena, struct bytes body)
{
	struct opened *o = arena_take(arena, sizeof(*o));

	*o = (struct opened){ .authenticated = true };
	o->header.exchange = V1_TRANSACTION;
	o->header.message_id = 1;
	o->chain.count = 1;
	o->chain.payloads[0].type = V1_PAYLOAD_ATTRIBUTES;
	o->chain.payloads[0].body = body;
	return o;
}

/* Tokens and challenges: no password answers those, and none is sent. */
static void what_no_password_answers_is_declined(void **state)
{
	static const struct {
		uint16_t type;
		const char *words;
	} rows[] = { { V1_XAUTH_TYPE, "another kind of XAUTH than user and password" },
		{ V1_XAUTH_CHALLENGE, "the answer to a challenge" },
		{ V1_XAUTH_NEXT_PIN, "the answer to a challenge" } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct story s = begin(SEED, ASKS POOLS, CAROL VIPS, "jets");
		struct arena *arena = arena_new(1u << 16);
		uint8_t *memory = arena_take(arena, 200);
		struct writer w = writer_of(memory, 200);
		struct sim_packet *question;

		host_initiate(s.alice, "net");
		question = question_under_way(&s);
		question->data[question->size - 1] ^= 1; /* another comes instead */
		world_run(s.w, 20 * NS_PER_MS);
		v1_attributes_encode_begin(&w, V1_CFG_REQUEST, 7);
		v1_attribute_encode_u16(&w, rows[i].type, 1);
		v1_attribute_encode_bytes(&w, V1_XAUTH_USER_NAME, BYTES_EMPTY);
		v1_attribute_encode_bytes(&w, V1_XAUTH_PASSCODE, BYTES_EMPTY);
		exchange_respond(s.alice->engine->sas, &v1_transaction_responder, arena,
			attributes_message(arena, writer_bytes(&w)));
		host_drain(s.alice);
		STORY_TRUE(
			s, laddered(&s, "alice  -> TRANSACTION") && laddered(&s, "CPRP(X_STATUS)"));
		STORY_EQUAL(s, s.alice->done_failed, 1);
		STORY_TRUE(s, strstr(s.alice->last_done, rows[i].words));
		world_run(s.w, 600 * NS_PER_SECOND);
		story_down(&s);
		story_end(&s);
	}
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Attributes of all kinds with whatever values. */
static struct opened *any_transaction(struct arena *arena, uint32_t *r)
{
	static const uint16_t types[] = { INTERNAL_IP4_ADDRESS, INTERNAL_IP4_NETMASK,
		INTERNAL_IP4_DNS, INTERNAL_IP6_ADDRESS, INTERNAL_IP6_DNS, APPLICATION_VERSION,
		SUPPORTED_ATTRIBUTES, UNITY_BANNER, UNITY_DEF_DOMAIN, UNITY_SPLITDNS_NAME,
		UNITY_SPLIT_INCLUDE, UNITY_LOCAL_LAN, V1_UNITY_PFS, V1_XAUTH_TYPE,
		V1_XAUTH_USER_NAME, V1_XAUTH_USER_PASSWORD, V1_XAUTH_MESSAGE, V1_XAUTH_CHALLENGE,
		V1_XAUTH_STATUS };
	uint8_t *memory = arena_take(arena, 2000), value[64];
	struct writer w = writer_of(memory, 2000);
	struct opened *o;

	v1_attributes_encode_begin(&w, (uint8_t)(next_random(r) % 6), (uint16_t)next_random(r));
	for (uint32_t i = next_random(r) % 8; i > 0; i--) {
		uint16_t type = types[next_random(r) % (sizeof(types) / sizeof(types[0]))];

		if (next_random(r) % 4 > 2)
			type = (uint16_t)(next_random(r) & 0x7fff);
		for (size_t k = 0; k < sizeof(value); k++)
			value[k] = (uint8_t)(next_random(r) % 3 ? next_random(r) : 0xff);
		if (next_random(r) % 3)
			v1_attribute_encode_bytes(
				&w, type, BYTES(value, next_random(r) % (sizeof(value) + 1)));
		else
			v1_attribute_encode_u16(&w, type, (uint16_t)next_random(r));
	}
	o = attributes_message(arena, writer_bytes(&w));
	o->header.message_id += next_random(r);
	return o;
}

/* As a peer that has the keys may: to an SA that stands, and to one that waits for XAUTH. */
static void whatever_attributes_say_nothing_breaks(void **state)
{
	uint32_t random = SEED, answered = 0, asked = 0;

	(void)state;
	for (unsigned i = 0; i < 600; i++) {
		struct story s = begin(SEED, ASKS POOLS, CAROL VIPS, "jets");
		struct ike_output out;
		struct ike_sa *sa;

		host_initiate(s.alice, "net");
		question_under_way(&s);
		world_run(s.w, (i % 5) * 20 * NS_PER_MS + NS_PER_MS);
		for (unsigned k = 0; k < 30; k++) {
			struct host *h = k % 2 ? s.alice : s.bob;
			struct arena *arena = arena_new(1u << 16);

			for (sa = h->engine->sas; sa && (sa->gone || !sa->v1->phase1_over);
				sa = sa->next)
				;
			if (sa)
				exchange_respond(sa, &v1_transaction_responder, arena,
					any_transaction(arena, &random));
			else
				arena_free(arena);
			while (ike_next_output(h->engine, &out)) {
				answered += out.kind == IKE_SEND;
				asked += out.kind == IKE_ASK;
			}
		}
		story_end(&s);
	}
	assert_true(answered > 2000 && asked > 100);
}

static void a_bad_network_only_delays_it(void **state)
{
	static const char *const bob[] = { ASKS POOLS, ASKS POOLS "pull = no\n" };
	static const char *const alice[] = { CAROL VIPS, CAROL VIPS "pull = no\n" };

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct story s = begin(seed, bob[seed % 2], alice[seed % 2], "jets");

		s.w->faults = (struct network_faults){ .loss_percent = 15,
			.duplicate_percent = 25,
			.reorder_percent = 25,
			.spare_esp = true };
		for (unsigned i = 0; i < 5 && !host_sas(s.alice); i++) {
			host_initiate(s.alice, "net");
			world_run(s.w, 200 * NS_PER_SECOND);
		}
		s.w->faults = (struct network_faults){ 0 };
		world_run(s.w, 400 * NS_PER_SECOND);
		STORY_EQUAL(s, host_sas(s.alice), 1);
		STORY_EQUAL(s, host_sas(s.bob), 1);
		host_initiate(s.alice, "net");
		world_run(s.w, 60 * NS_PER_SECOND);
		packet_goes_through(&s, story_vip(s.alice, 0));
		STORY_TRUE(s, world_same_keys(s.w) && !s.w->broken);
		story_end(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_gets_in_and_has_an_address),
		cmocka_unit_test(a_user_by_its_id_and_an_eap_secret),
		cmocka_unit_test(a_user_whom_the_connection_is_not_for),
		cmocka_unit_test(a_wrong_password_is_told_at_both_ends),
		cmocka_unit_test(an_unknown_user_is_told_the_same),
		cmocka_unit_test(push_mode),
		cmocka_unit_test(push_mode_in_the_exchange_of_the_status),
		cmocka_unit_test(one_end_pushes_and_the_other_pulls),
		cmocka_unit_test(who_has_no_xauth_is_refused),
		cmocka_unit_test(who_skips_xauth_has_no_child),
		cmocka_unit_test(who_asks_for_no_address_has_no_child),
		cmocka_unit_test(a_gateway_without_pools_leaves_the_client_without_a_child),
		cmocka_unit_test(users_of_a_group_are_told_apart),
		cmocka_unit_test(the_address_stays_over_rekeying_and_a_new_phase_1),
		cmocka_unit_test(split_tunneling_as_unity_has_it),
		cmocka_unit_test(a_gateway_may_begin),
		cmocka_unit_test(a_question_that_comes_too_early_waits),
		cmocka_unit_test(what_no_password_answers_is_declined),
		cmocka_unit_test(whatever_attributes_say_nothing_breaks),
		cmocka_unit_test(a_bad_network_only_delays_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
