/* The simulator: random worlds from seeds. Each is a workload that runs against engines in virtual
 * time while checkers look on; what they must find is in checks.c (always) and run.c (when the
 * faults have stopped). `sim --seed N` replays one with its ladder; a seed that fails is made smaller
 * and told as a story. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/workload.h"

struct totals {
	double simulated_s;
	uint64_t acted[ACTION_KINDS], happened[HAPPENED_KINDS], features[FEATURE_KINDS];
	unsigned long long rekeyings, packets, lost, flow, flow_lost, passed, failed;
};

static void totals_add(struct totals *t, const struct outcome *o)
{
	t->simulated_s += o->simulated_s;
	t->rekeyings += o->rekeyings;
	t->packets += o->packets;
	t->lost += o->lost;
	t->flow += o->flow;
	t->flow_lost += o->flow_lost;
	for (size_t i = 0; i < ACTION_KINDS; i++)
		t->acted[i] += o->acted[i];
	for (size_t i = 0; i < HAPPENED_KINDS; i++)
		t->happened[i] += o->happened[i];
	t->passed += !o->failed;
	t->failed += o->failed;
}

static void tell_failure(struct workload *p, struct outcome *o, bool shrink)
{
	fprintf(stderr, "seed %llu failed: %s\n", (unsigned long long)p->seed, o->why);
	if (!shrink)
		return;
	workload_shrink(p, o);
	workload_run(p, true, o);
	workload_print(p, stderr);
	fprintf(stderr, "seed %llu failed: %s (see it whole: make sim SEED=%llu)\n",
		(unsigned long long)p->seed, o->why, (unsigned long long)p->seed);
}

struct settings {
	bool show, shrink, first; /* first: no more after the first failure */
	unsigned ikev1_percent;   /* of the connections */
};

static void run_seed(uint64_t seed, const struct settings *s, struct totals *t)
{
	struct workload *p = malloc(sizeof(*p));
	struct outcome o;

	if (!p)
		abort();
	workload_make(p, seed);
	workload_versions(p, s->ikev1_percent);
	if (s->show)
		workload_print(p, stderr);
	workload_run(p, s->show, &o);
	totals_add(t, &o);
	workload_count(p, t->features);
	if (o.failed)
		tell_failure(p, &o, s->shrink && t->failed <= 3);
	free(p);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: sim [--no-shrink] [--first] [--ikev1 | --no-ikev1] [--from N] --seed N | --seeds A..B | --minutes M\n"
		"--ikev1: all connections speak it that can, instead of a quarter; --no-ikev1: none\n");
	return 2;
}

static void print_list(
	const char *what, const char *const *words, const uint64_t *counts, size_t size)
{
	size_t column = (size_t)printf("%s:", what);

	for (size_t i = 0; i < size; i++) {
		if (column + strlen(words[i]) > 110)
			column = (size_t)printf("\n ") - 1;
		column += (size_t)printf(" %llu %s%s", (unsigned long long)counts[i], words[i],
			i + 1 < size ? "," : "\n");
	}
}

static void print_totals(const struct totals *t)
{
	print_list("worlds with", workload_feature_words, t->features, FEATURE_KINDS);
	print_list("a host", workload_action_words, t->acted, ACTION_KINDS);
	print_list("what followed", workload_happened_words, t->happened, HAPPENED_KINDS);
	printf("simulated %.1f hours, %llu rekeyings, %llu datagrams of which %llu were lost, %llu packets in tunnels of which %llu were lost\n",
		t->simulated_s / 3600, t->rekeyings, t->packets, t->lost, t->flow, t->flow_lost);
	printf("%llu passed, %llu failed\n", t->passed, t->failed);
}

int main(int argc, char **argv)
{
	unsigned long long from = (unsigned long long)time(NULL) * 1000, to = UINT64_MAX;
	struct settings s = { .shrink = true, .ikev1_percent = WORKLOAD_IKEV1_PERCENT };
	struct totals t = { 0 };
	time_t end = 0;

	for (; argc > 3; argc--, argv++) {
		s.shrink = s.shrink && strcmp(argv[1], "--no-shrink") != 0;
		s.first = s.first || strcmp(argv[1], "--first") == 0;
		if (strcmp(argv[1], "--ikev1") == 0)
			s.ikev1_percent = 100;
		else if (strcmp(argv[1], "--no-ikev1") == 0)
			s.ikev1_percent = 0;
		if (strcmp(argv[1], "--from") == 0) {
			from = strtoull(argv[2], NULL, 10);
			argc--;
			argv++;
		}
	}
	if (argc != 3)
		return usage();
	if (strcmp(argv[1], "--seed") == 0) {
		from = to = strtoull(argv[2], NULL, 10);
		s.show = true;
	} else if (strcmp(argv[1], "--minutes") == 0) {
		end = time(NULL) + 60 * atol(argv[2]);
	} else if (strcmp(argv[1], "--seeds") != 0 ||
		sscanf(argv[2], "%llu..%llu", &from, &to) != 2) {
		return usage();
	}
	for (unsigned long long seed = from; seed <= to && (!end || time(NULL) < end); seed++) {
		run_seed(seed, &s, &t);
		if (t.failed >= (s.first ? 1 : 10) && (end || s.first))
			break;
	}
	print_totals(&t);
	return t.failed ? 1 : 0;
}
