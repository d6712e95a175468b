/* Each exchange of IKEv1, in both roles, with each of its datagrams lost, doubled, overtaken and sent
 * again much later, one in each run. Whatever happened, the ends agree afterwards as they do without,
 * and what they keep is what they keep without. */
#include "ike/sa.h"
#include "ike/v1/ikev1.h"
#include "tests/story/ikev1.h"

#define SEED 83

/* Of one datagram. Half a second is longer than anything is under way, five are longer than the first
 * retransmission takes. */
static const struct network_fate fates[] = {
	{ .lost = true },
	{ .copy_ns = 1 },
	{ .copy_ns = 500 * NS_PER_MS },
	{ .copy_ns = 100 * NS_PER_SECOND },
	{ .copy_ns = 400 * NS_PER_SECOND },
	{ .later_ns = 15 * NS_PER_MS },
	{ .later_ns = 500 * NS_PER_MS },
	{ .later_ns = 5 * NS_PER_SECOND },
	{ .later_ns = 5 * NS_PER_SECOND, .copy_ns = 60 * NS_PER_SECOND },
};
#define FATE_COUNT (sizeof(fates) / sizeof(fates[0]))

struct tale {
	const char *name;
	struct story_config config;
	bool fresh;                   /* the act begins before there is anything */
	void (*act)(struct story *s); /* what the datagrams are of */
	size_t sas, children;         /* what there is in the end, at each end */
	const char *inside;           /* an address behind alice */
	const char *seen;             /* in the ladder: it is what it is meant to be */
};

/* What is compared with a run where nothing happened. */
struct outcome {
	unsigned ike_up[2], child_up[2], ike_replaced[2], child_rekeyed[2];
	size_t octets[2];
};
#define OCTETS_MORE                                                                                \
	8192 /* more message IDs were used, and a block of memory is kept for the next */

static void alice_initiates(struct story *s)
{
	host_initiate(s->alice, "net");
}

static void alice_rekeys(struct story *s)
{
	host_rekey(s->alice, NULL, "net");
}

static void bob_rekeys(struct story *s)
{
	host_rekey(s->bob, NULL, "net");
}

static void alice_reauthenticates(struct story *s)
{
	host_reauthenticate(s->alice, "net");
}

static void bob_reauthenticates(struct story *s)
{
	host_reauthenticate(s->bob, "net");
}

static void alice_deletes_the_child(struct story *s)
{
	host_terminate(s->alice, NULL, "net");
}

static void bob_deletes_the_child(struct story *s)
{
	host_terminate(s->bob, NULL, "net");
}

static void alice_deletes_it_all(struct story *s)
{
	host_terminate(s->alice, "net", NULL);
}

static void bob_deletes_it_all(struct story *s)
{
	host_terminate(s->bob, "net", NULL);
}

/* Dead peer detection in both directions. */
static void nothing(struct story *s)
{
	world_run(s->w, 70 * NS_PER_SECOND);
}

#define KEYS V1_KEYS "dpd_delay = 30s\n"
#define MANY                                                                                       \
	"esp_proposals = aes256-aes192-aes128-sha512-sha384-sha256-sha1, "                         \
	"aes256ctr-aes192ctr-aes128ctr-sha512-sha384-sha256-sha1, "                                \
	"aes256gcm16-aes192gcm16-aes128gcm16-aes256gcm12-aes192gcm12-aes128gcm12, "                \
	"aes256ccm16-aes192ccm16-aes128ccm16-aes256ccm12-aes192ccm12-aes128ccm12, "                \
	"aes256gcm8-aes192gcm8-aes128gcm8-aes256ccm8-aes192ccm8-aes128ccm8\n"
#define USERS                                                                                      \
	"secrets {\n xauth-1 {\n id = carol\n secret = jets\n }\n}\n"                              \
	"pools {\n small {\n addrs = 10.3.0.0/24\n dns = 10.2.0.53\n }\n}\n"
#define ASKED "local-2 {\n auth = xauth\n round = 1\n xauth_id = carol\n }\n"
#define ASKS  "remote-2 {\n auth = xauth\n round = 1\n }\n"
#define CLIENT(more)                                                                               \
	.alice_connection = ASKED "vips = 0.0.0.0\n" more, .alice_child = "local_ts = dynamic",    \
	.bob_connection = ASKS "pools = small\n" more, .bob_child = "remote_ts = dynamic",         \
	.sections = USERS

static const struct tale tales[] = {
	{ "main mode", { .connection = KEYS }, true, alice_initiates, 1, 1, "10.1.0.1", "ID_PROT" },
	{ "aggressive mode", { .connection = KEYS "aggressive = yes\n" }, true, alice_initiates, 1,
		1, "10.1.0.1", "AGGRESSIVE" },
	{ "quick mode in fragments",
		{ .connection = KEYS "fragmentation = force\n", .child = MANY }, true,
		alice_initiates, 1, 1, "10.1.0.1", "octets together from" },
	{ "a NAT that is made up", { .connection = KEYS "encap = yes\n" }, true, alice_initiates, 1,
		1, "10.1.0.1", "ID_PROT" },
	{ "XAUTH",
		{ .connection = KEYS,
			.alice_connection = ASKED,
			.bob_connection = ASKS,
			.sections = USERS },
		true, alice_initiates, 1, 1, "10.1.0.1", "X_STATUS" },
	{ "XAUTH and mode config by pull", { .connection = KEYS, CLIENT("") }, true,
		alice_initiates, 1, 1, "10.3.0.1", "CPRP(ADDR" },
	{ "XAUTH and mode config by push", { .connection = KEYS, CLIENT("pull = no\n") }, true,
		alice_initiates, 1, 1, "10.3.0.1", "CPS(ADDR" },
	{ "XAUTH in aggressive mode", { .connection = KEYS "aggressive = yes\n", CLIENT("") }, true,
		alice_initiates, 1, 1, "10.3.0.1", "AGGRESSIVE" },
	{ "quick mode of the initiator", { .connection = KEYS }, false, alice_rekeys, 1, 1,
		"10.1.0.1", "QUICK_MODE" },
	{ "quick mode of the responder", { .connection = KEYS }, false, bob_rekeys, 1, 1,
		"10.1.0.1", "QUICK_MODE" },
	{ "a new phase 1 of the initiator", { .connection = KEYS }, false, alice_reauthenticates, 1,
		1, "10.1.0.1", "ID_PROT" },
	{ "a new phase 1 of the responder", { .connection = KEYS }, false, bob_reauthenticates, 1,
		1, "10.1.0.1", "ID_PROT" },
	{ "a new aggressive mode of the responder", { .connection = KEYS "aggressive = yes\n" },
		false, bob_reauthenticates, 1, 1, "10.1.0.1", "AGGRESSIVE" },
	{ "a new phase 1 with XAUTH", { .connection = KEYS, CLIENT("") }, false,
		alice_reauthenticates, 1, 1, "10.3.0.1", "X_STATUS" },
	{ "a delete of the child by the initiator", { .connection = KEYS }, false,
		alice_deletes_the_child, 1, 0, "10.1.0.1", "D" },
	{ "a delete of the child by the responder", { .connection = KEYS }, false,
		bob_deletes_the_child, 1, 0, "10.1.0.1", "D" },
	{ "a delete by the initiator", { .connection = KEYS }, false, alice_deletes_it_all, 0, 0,
		"10.1.0.1", "D" },
	{ "a delete by the responder", { .connection = KEYS }, false, bob_deletes_it_all, 0, 0,
		"10.1.0.1", "D" },
	{ "dead peer detection", { .connection = KEYS }, false, nothing, 1, 1, "10.1.0.1", "DPD" },
};

static void check(struct story *s, const struct tale *t, bool good)
{
	if (good)
		return;
	fprintf(stderr, "%s, datagram %u lost %d later %llu ms copy %llu ms\n", t->name,
		s->w->fate.nth, s->w->fate.lost,
		(unsigned long long)(s->w->fate.later_ns / NS_PER_MS),
		(unsigned long long)(s->w->fate.copy_ns / NS_PER_MS));
	world_print_ladder(s->w);
	fail();
}

/* A packet each way, again and again: an end that still has what the other has not is told so. */
static void traffic(struct story *s, const struct tale *t, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i += 20) {
		host_packet(s->alice, t->inside, "10.2.0.1");
		host_packet(s->bob, "10.2.0.1", t->inside);
		world_run(s->w, 20 * NS_PER_SECOND);
	}
}

static void nothing_is_under_way(struct story *s, const struct tale *t)
{
	struct host *const hosts[] = { s->alice, s->bob };

	for (size_t i = 0; i < 2; i++) {
		check(s, t, host_half_open(hosts[i]) == 0);
		for (const struct ike_sa *sa = hosts[i]->engine->sas; sa; sa = sa->next)
			check(s, t,
				!sa->ours && !sa->theirs && !sa->intents && !sa->v1->flight_count &&
					!sa->v1->fragments && !sa->v1->early.size &&
					!sa->v1->setup.sa_i.size);
	}
}

static void what_stands_works(struct story *s, const struct tale *t)
{
	uint64_t to_bob = s->bob->traffic.delivered, to_alice = s->alice->traffic.delivered;

	check(s, t, host_sas(s->alice) == t->sas && host_sas(s->bob) == t->sas);
	check(s, t, host_children(s->alice) == t->children && host_children(s->bob) == t->children);
	check(s, t, world_same_keys(s->w) && !s->w->broken);
	host_packet(s->alice, t->inside, "10.2.0.1");
	host_packet(s->bob, "10.2.0.1", t->inside);
	world_run(s->w, NS_PER_SECOND);
	check(s, t,
		s->bob->traffic.delivered == to_bob + t->children &&
			s->alice->traffic.delivered == to_alice + t->children);
}

static struct outcome outcome_of(const struct story *s)
{
	const struct host *const hosts[] = { s->alice, s->bob };
	struct outcome o;

	for (size_t i = 0; i < 2; i++) {
		o.ike_up[i] = hosts[i]->ike_up;
		o.child_up[i] = hosts[i]->child_up;
		o.ike_replaced[i] = hosts[i]->ike_replaced;
		o.child_rekeyed[i] = hosts[i]->child_rekeyed;
		o.octets[i] = hosts[i]->memory.octets;
	}
	return o;
}

/* Returns how many datagrams it took without the packets of later. */
static unsigned tell(const struct tale *t, const struct network_fate *fate, struct outcome *ret)
{
	struct story s = story_begin(SEED, &t->config, NULL);
	unsigned sent;

	if (!t->fresh) {
		host_initiate(s.alice, "net");
		world_run(s.w, 240 * NS_PER_SECOND);
	}
	s.w->fate = *fate;
	s.w->ike_sent = 0;
	t->act(&s);
	world_run(s.w, 20 * NS_PER_SECOND);
	sent = s.w->ike_sent;
	check(&s, t, laddered(&s, t->seen) > 0);
	traffic(&s, t, 600);
	world_run(s.w, 240 * NS_PER_SECOND);
	what_stands_works(&s, t);
	s.w->faults.partition = true; /* dead peer detection is never quite at rest */
	nothing_is_under_way(&s, t);
	*ret = outcome_of(&s);
	story_end(&s);
	return sent;
}

static void same(const struct tale *t, const struct network_fate *fate, const struct outcome *o,
	const struct outcome *calm)
{
	for (size_t i = 0; i < 2; i++)
		if (o->ike_up[i] != calm->ike_up[i] || o->child_up[i] != calm->child_up[i] ||
			o->ike_replaced[i] != calm->ike_replaced[i] ||
			o->child_rekeyed[i] != calm->child_rekeyed[i] ||
			o->octets[i] > calm->octets[i] + OCTETS_MORE)
			fail_msg(
				"%s, datagram %u: another outcome than without (end %zu: %u %u %u %u %zu)",
				t->name, fate->nth, i, o->ike_up[i], o->child_up[i],
				o->ike_replaced[i], o->child_rekeyed[i], o->octets[i]);
}

static void whatever_happens_to_a_datagram_the_end_is_the_same(void **state)
{
	const struct tale *t = *state;
	const struct network_fate none = { 0 };
	struct outcome calm, o;
	unsigned sent = tell(t, &none, &calm);

	assert_true(sent > 0);
	for (unsigned nth = 1; nth <= sent; nth++) {
		for (size_t i = 0; i < FATE_COUNT; i++) {
			struct network_fate fate = fates[i];

			fate.nth = nth;
			tell(t, &fate, &o);
			same(t, &fate, &o, &calm);
		}
	}
}

int main(void)
{
	struct CMUnitTest tests[sizeof(tales) / sizeof(tales[0])];

	for (size_t i = 0; i < sizeof(tales) / sizeof(tales[0]); i++)
		tests[i] = (struct CMUnitTest){ tales[i].name,
			whatever_happens_to_a_datagram_the_end_is_the_same, NULL, NULL,
			(void *)(uintptr_t)&tales[i] };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
