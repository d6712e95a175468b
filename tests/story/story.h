/* Two hosts, ALICE and BOB, in a world of virtual time; a story that fails prints the ladder of its
 * messages. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sim/world.h"

#define STORY_ALICE "192.0.2.1"
#define STORY_BOB   "192.0.2.2"

/* Lines of a connection that stories add to: both sides get the same but for who is local. */
struct story_config {
	const char *connection; /* further keys of the connection, both sides */
	const char *child;      /* further keys of the child, both sides */
	const char *alice_connection, *bob_connection, *alice_child, *bob_child;
	const char *alice_secret, *bob_secret; /* "sharks" where NULL */
	const char *alice_address, *bob_address;
	const char *sections; /* beside connections and secrets, both sides */
};

struct story {
	struct world *w;
	struct host *alice, *bob;
};

static inline char *story_text(const struct story_config *c, bool alice, char *out, size_t size)
{
	const char *a = c->alice_address ? c->alice_address : STORY_ALICE,
		   *b = c->bob_address ? c->bob_address : STORY_BOB;
	const char *secret = alice ? c->alice_secret : c->bob_secret;
	const char *extra = alice ? c->alice_connection : c->bob_connection,
		   *child = alice ? c->alice_child : c->bob_child;

	snprintf(out, size,
		"connections {\n net {\n  version = 2\n  local_addrs = %s\n  remote_addrs = %s\n  proposals = aes128gcm16-prfsha256-x25519\n"
		"  local {\n   auth = psk\n   id = %s\n  }\n  remote {\n   auth = psk\n   id = %s\n  }\n%s\n%s\n"
		"  children {\n   net {\n    local_ts = %s\n    remote_ts = %s\n    esp_proposals = aes128gcm16-x25519\n%s\n%s\n   }\n  }\n }\n}\n"
		"secrets {\n ike-1 {\n  secret = \"%s\"\n }\n}\n%s\n",
		alice ? a : b, alice ? b : a, alice ? "alice.example" : "bob.example",
		alice ? "bob.example" : "alice.example", c->connection ? c->connection : "",
		extra ? extra : "", alice ? "10.1.0.0/16" : "10.2.0.0/16",
		alice ? "10.2.0.0/16" : "10.1.0.0/16", c->child ? c->child : "", child ? child : "",
		secret ? secret : "sharks", c->sections ? c->sections : "");
	return out;
}

static inline struct story story_begin(
	uint64_t seed, const struct story_config *c, const struct ike_options *bob_options)
{
	static const struct story_config plain;
	struct story s = { .w = world_new(seed) };
	char text[8192];

	c = c ? c : &plain;
	s.alice = world_host(s.w, "alice", c->alice_address ? c->alice_address : STORY_ALICE,
		story_text(c, true, text, sizeof(text)), NULL);
	s.bob = world_host(s.w, "bob", c->bob_address ? c->bob_address : STORY_BOB,
		story_text(c, false, text, sizeof(text)), bob_options);
	return s;
}

static inline struct story story_established(uint64_t seed, const struct story_config *c)
{
	struct story s = story_begin(seed, c, NULL);

	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	return s;
}

/* So many packets of each end, one `every` nanoseconds. */
static inline void story_flows(struct story *s, unsigned count, uint64_t every)
{
	for (unsigned i = 0; i < count; i++) {
		host_packet(s->alice, "10.1.0.5", "10.2.0.7");
		host_packet(s->bob, "10.2.0.7", "10.1.0.5");
		world_run(s->w, every);
	}
}

static inline void story_end(struct story *s)
{
	world_free(s->w);
}

/* Prints the ladder before cmocka ends the test. */
#define STORY_TRUE(s, condition)                                                                   \
	do {                                                                                       \
		if (!(condition))                                                                  \
			world_print_ladder((s).w);                                                 \
		assert_true(condition);                                                            \
	} while (0)

#define STORY_EQUAL(s, a, b)                                                                       \
	do {                                                                                       \
		if ((a) != (b))                                                                    \
			world_print_ladder((s).w);                                                 \
		assert_int_equal(a, b);                                                            \
	} while (0)

/* Each side has one IKE SA and `children` children with the same keys. */
static inline void story_up(struct story *s, size_t children)
{
	STORY_EQUAL(*s, host_sas(s->alice), 1);
	STORY_EQUAL(*s, host_sas(s->bob), 1);
	STORY_EQUAL(*s, host_children(s->alice), children);
	STORY_EQUAL(*s, host_children(s->bob), children);
	STORY_TRUE(*s, world_same_keys(s->w) && !s->w->broken);
}

static inline void story_down(struct story *s)
{
	STORY_EQUAL(*s, host_sas(s->alice) + host_half_open(s->alice), 0);
	STORY_EQUAL(*s, host_sas(s->bob) + host_half_open(s->bob), 0);
	STORY_EQUAL(*s, host_children(s->alice), 0);
	STORY_EQUAL(*s, host_children(s->bob), 0);
	STORY_TRUE(*s, !s->w->broken);
}
