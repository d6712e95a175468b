/* The simulator: a random world from a seed. Two hosts with random options and a bad network run
 * random commands for a while; then the faults stop, and within a bound of virtual time both ends
 * must agree: no half-open SA, every child with its other end, the same keys, and a tunnel that
 * comes up when asked. `sim --seed N` replays with the ladder. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/world.h"

#define FAULTY_NS (600 * NS_PER_SECOND)
#define QUIET_NS                                                                                   \
	(1500 * NS_PER_SECOND) /* the longest retransmission series, then liveness, then one more  \
				*/
#define COMMANDS_MAX 14

struct totals {
	double simulated_s;
	unsigned long long rekeys, packets, lost, failures;
};

static const char *pick(struct world *w, const char *const *list, size_t count)
{
	return list[world_random(w, count)];
}

static void make_host(
	struct world *w, bool alice, const char *extra, const struct ike_options *options)
{
	static const char *const ike[] = { "aes128gcm16-prfsha256-x25519",
		"aes256-sha256-ecp256,aes128gcm16-prfsha256-x25519",
		"aes128gcm16-prfsha256-ecp256-x25519" };
	static const char *const esp[] = { "aes128gcm16", "aes128gcm16-x25519",
		"aes256-sha256,aes128gcm16-x25519,aes128gcm16" };
	char text[4096];

	snprintf(text, sizeof(text),
		"connections {\n net {\n version = 2\n local_addrs = %s\n remote_addrs = %s\n proposals = %s, aes128gcm16-prfsha256-x25519\n dpd_delay = %llus\n %s\n"
		" local {\n auth = psk\n id = %s\n }\n remote {\n auth = psk\n id = %s\n }\n children {\n net {\n local_ts = %s\n remote_ts = %s\n"
		" esp_proposals = %s, aes128gcm16\n rekey_time = %llum\n }\n }\n }\n}\nsecrets {\n ike-1 {\n secret = sharks\n }\n}\n",
		alice ? "192.0.2.1" : "192.0.2.2", alice ? "192.0.2.2" : "192.0.2.1",
		pick(w, ike, 3), (unsigned long long)(20 + world_random(w, 40)), extra,
		alice ? "alice" : "bob", alice ? "bob" : "alice",
		alice ? "10.1.0.0/16" : "10.2.0.0/16", alice ? "10.2.0.0/16" : "10.1.0.0/16",
		pick(w, esp, 3), (unsigned long long)(2 + world_random(w, 20)));
	world_host(w, alice ? "alice" : "bob", alice ? "192.0.2.1" : "192.0.2.2", text, options);
}

static void make_world(struct world *w)
{
	static const char *const extras[] = { "", "rekey_time = 7m", "encap = yes",
		"rekey_time = 13m\n fragmentation = no" };
	struct ike_options o;

	ike_options_default(&o);
	o.retransmit_tries = 3 + (uint32_t)world_random(w, 3);
	o.cookie_threshold = world_random(w, 3) ? 30 : 1;
	o.retransmit_jitter_percent = (uint32_t)world_random(w, 50);
	make_host(w, true, pick(w, extras, 4), &o);
	make_host(w, false, pick(w, extras, 4), &o);
	w->faults = (struct network_faults){
		.loss_percent = (unsigned)world_random(w, 40),
		.duplicate_percent = (unsigned)world_random(w, 40),
		.reorder_percent = (unsigned)world_random(w, 40),
		.corrupt_percent = world_random(w, 3) ? 0 : (unsigned)world_random(w, 20),
		.delay_ns = (1 + world_random(w, 200)) * NS_PER_MS,
		.answer_delay_ns = world_random(w, 3) ? 0 : world_random(w, 3000) * NS_PER_MS,
	};
}

static void random_command(struct world *w)
{
	struct host *h = w->hosts[world_random(w, 2)];

	switch (world_random(w, 8)) {
	case 0:
	case 1:
	case 2:
		host_initiate(h, "net");
		break;
	case 3:
	case 4:
		host_rekey(h, NULL, "net");
		break;
	case 5:
		host_rekey(h, "net", NULL);
		break;
	case 6:
		host_terminate(h, NULL, "net");
		break;
	default:
		host_terminate(h, "net", NULL);
		break;
	}
}

static bool check(bool good, const char *what, const char **ret_why)
{
	if (!good && !*ret_why)
		*ret_why = what;
	return good;
}

/* Both ends agree on what there is: as many children here as there. */
static void check_agreement(struct world *w, const char **ret_why)
{
	struct host *a = w->hosts[0], *b = w->hosts[1];

	world_settle(w, 10 * NS_PER_SECOND); /* an exchange may be under way just now */
	check(!w->broken, w->broken ? w->broken : "", ret_why);
	check(world_same_keys(w), "the ends hold different keys or selectors", ret_why);
	check(host_half_open(a) + host_half_open(b) == 0, "a half-open SA remains", ret_why);
	check(host_sas(a) == host_sas(b), "the ends don't agree on their IKE SAs", ret_why);
	check(host_children(a) == host_children(b), "the ends don't agree on their children",
		ret_why);
}

static const char *run_seed(uint64_t seed, bool show, struct totals *t)
{
	struct world *w = world_new(seed);
	const char *why = NULL;
	static char kept[300];
	size_t commands;

	make_world(w);
	commands = 2 + world_random(w, COMMANDS_MAX);
	for (size_t i = 0; i < commands && !w->broken; i++) {
		random_command(w);
		world_run(w, 1 + world_random(w, 2 * FAULTY_NS / commands));
		check(world_same_keys(w), "the ends hold different keys or selectors", &why);
	}
	w->faults = (struct network_faults){ .delay_ns = 20 * NS_PER_MS };
	world_run(w, QUIET_NS);
	check_agreement(w, &why);
	host_initiate(w->hosts[0], "net");
	world_run(w, 120 * NS_PER_SECOND);
	check_agreement(w, &why);
	check(host_children(w->hosts[0]) >= 1, "the tunnel does not come up", &why);
	check(host_sas(w->hosts[0]) <= 8, "SAs pile up", &why);

	t->simulated_s += (double)w->now / (double)NS_PER_SECOND;
	t->rekeys += w->hosts[0]->child_rekeyed + w->hosts[0]->ike_rekeyed;
	t->packets += w->packets_sent;
	t->lost += w->packets_lost;
	if (show || why)
		world_print_ladder(w);
	if (why) {
		snprintf(kept, sizeof(kept), "%s", why);
		why = kept;
	}
	world_free(w);
	return why;
}

static int usage(void)
{
	fprintf(stderr, "usage: sim --seed N | --seeds A..B | --minutes M\n");
	return 2;
}

int main(int argc, char **argv)
{
	unsigned long long from = 1, to = 200, passed = 0;
	struct totals t = { 0 };
	time_t end = 0;
	bool show = false;

	if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
		from = to = strtoull(argv[2], NULL, 10);
		show = true;
	} else if (argc == 3 && strcmp(argv[1], "--minutes") == 0) {
		end = time(NULL) + 60 * atol(argv[2]);
		from = (unsigned long long)time(NULL) * 1000;
		to = UINT64_MAX;
	} else if (argc != 3 || strcmp(argv[1], "--seeds") != 0 ||
		sscanf(argv[2], "%llu..%llu", &from, &to) != 2) {
		return usage();
	}

	for (unsigned long long seed = from; seed <= to && (!end || time(NULL) < end); seed++) {
		const char *why = run_seed(seed, show, &t);

		if (why) {
			fprintf(stderr, "seed %llu failed: %s\n", seed, why);
			t.failures++;
		} else {
			passed++;
		}
	}
	printf("simulated %.1f hours, %llu rekeyings, %llu packets of which %llu were lost\n",
		t.simulated_s / 3600, t.rekeys, t.packets, t.lost);
	printf("%llu passed, %llu failed\n", passed, t.failures);
	return t.failures ? 1 : 0;
}
