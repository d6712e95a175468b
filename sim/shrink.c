/* Making a failing workload smaller: whatever can be taken away without the complaint changing goes,
 * first in big pieces and then one by one, until nothing more can. */
#include <stdlib.h>
#include <string.h>

#include "sim/workload.h"

#define RUNS_MAX 600

struct shrinker {
	struct workload *p; /* the smallest that still fails */
	struct workload *attempt;
	const char *why;
	unsigned runs;
};

static bool still_fails(struct shrinker *s)
{
	struct outcome o;

	if (s->runs >= RUNS_MAX)
		return false;
	s->runs++;
	workload_run(s->attempt, false, &o);
	if (!o.failed || strcmp(o.why, s->why) != 0)
		return false;
	*s->p = *s->attempt;
	return true;
}

static bool without_actions(struct shrinker *s, size_t from, size_t count)
{
	bool any = false;

	*s->attempt = *s->p;
	for (size_t i = from; i < from + count && i < s->p->action_count; i++) {
		any = any || !s->attempt->actions[i].gone;
		s->attempt->actions[i].gone = true;
	}
	return any && still_fails(s);
}

static bool fewer_actions(struct shrinker *s)
{
	bool better = false;

	for (size_t size = s->p->action_count; size; size /= 2)
		for (size_t i = 0; i < s->p->action_count; i += size)
			better = without_actions(s, i, size) || better;
	return better;
}

/* A host that no link is left of is gone, too. */
static void drop_idle_hosts(struct workload *p)
{
	for (size_t i = 0; i < p->host_count; i++) {
		bool used = false;

		for (size_t j = 0; j < p->link_count; j++)
			used = used ||
				(!p->links[j].gone &&
					(p->links[j].host[0] == i || p->links[j].host[1] == i));
		p->hosts[i].gone = !used;
	}
}

static bool fewer_links(struct shrinker *s)
{
	bool better = false;

	for (size_t i = 0; i < s->p->link_count; i++) {
		if (s->p->links[i].gone)
			continue;
		*s->attempt = *s->p;
		s->attempt->links[i].gone = true;
		drop_idle_hosts(s->attempt);
		better = still_fails(s) || better;
	}
	return better;
}

static bool plainer_faults(struct shrinker *s)
{
	static const size_t offsets[] = { offsetof(struct network_faults, loss_percent),
		offsetof(struct network_faults, duplicate_percent),
		offsetof(struct network_faults, reorder_percent),
		offsetof(struct network_faults, corrupt_percent),
		offsetof(struct network_faults, answer_never_percent),
		offsetof(struct network_faults, answer_no_percent),
		offsetof(struct network_faults, mtu) };
	bool better = false;

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		unsigned *value;

		*s->attempt = *s->p;
		value = (unsigned *)(void *)((char *)&s->attempt->faults + offsets[i]);
		if (!*value)
			continue;
		*value = 0;
		better = still_fails(s) || better;
	}
	*s->attempt = *s->p;
	s->attempt->faults.answer_jitter_ns = 0;
	better = (s->p->faults.answer_jitter_ns && still_fails(s)) || better;
	*s->attempt = *s->p;
	s->attempt->faults.answer_delay_ns = 0;
	return (s->p->faults.answer_delay_ns && still_fails(s)) || better;
}

/* One thing less about a host; true where there was that. */
static bool plain(struct workload_host *h, unsigned thing)
{
	struct ike_options o;
	bool *things[] = { &h->nat, &h->mobile, &h->second, &h->limits, &h->options.tickets };
	const size_t count = sizeof(things) / sizeof(things[0]);

	if (thing < count) {
		bool had = *things[thing];

		*things[thing] = false;
		return had;
	}
	if (thing == count) {
		bool had = h->options.qcd_secret.size > 0;

		h->options.qcd_secret.size = 0;
		return had;
	}
	ike_options_default(&o);
	if (memcmp(&o, &h->options, sizeof(o)) == 0)
		return false;
	h->options = o;
	return true;
}

#define HOST_THINGS 7

static bool plainer_hosts(struct shrinker *s)
{
	bool better = false;

	for (size_t i = 0; i < s->p->host_count; i++) {
		for (unsigned thing = 0; thing < HOST_THINGS && !s->p->hosts[i].gone; thing++) {
			*s->attempt = *s->p;
			if (plain(&s->attempt->hosts[i], thing))
				better = still_fails(s) || better;
		}
	}
	return better;
}

static bool plainer_world(struct shrinker *s)
{
	bool better = false;

	*s->attempt = *s->p;
	s->attempt->rushed = false;
	better = s->p->rushed && still_fails(s);
	*s->attempt = *s->p;
	s->attempt->attacked = s->attempt->rushed = false;
	return (s->p->attacked && still_fails(s)) || better;
}

static bool plainer_link(struct shrinker *s, size_t link)
{
	bool better = false;

	for (unsigned side = 0; side < 2; side++) {
		for (size_t i = 0; i < WORKLOAD_OPTIONS; i++) {
			if (!s->p->links[link].choices[side][i])
				continue;
			*s->attempt = *s->p;
			s->attempt->links[link].choices[side][i] = 0;
			better = still_fails(s) || better;
		}
	}
	*s->attempt = *s->p;
	s->attempt->links[link].children = 1;
	better = (s->p->links[link].children > 1 && still_fails(s)) || better;
	*s->attempt = *s->p;
	s->attempt->links[link].ikev1 = false;
	better = (s->p->links[link].ikev1 && still_fails(s)) || better;
	*s->attempt = *s->p;
	s->attempt->links[link].transport = s->attempt->links[link].virtual = false;
	return ((s->p->links[link].transport || s->p->links[link].virtual) && still_fails(s)) ||
		better;
}

static bool plainer_links(struct shrinker *s)
{
	bool better = false;

	for (size_t i = 0; i < s->p->link_count; i++)
		if (!s->p->links[i].gone)
			better = plainer_link(s, i) || better;
	return better;
}

void workload_shrink(struct workload *p, const struct outcome *failure)
{
	struct shrinker s = { .p = p, .attempt = malloc(sizeof(*p)), .why = failure->why };
	bool better = true;

	if (!s.attempt)
		return;
	while (better) {
		better = fewer_links(&s);
		better = fewer_actions(&s) || better;
		better = plainer_faults(&s) || better;
		better = plainer_world(&s) || better;
		better = plainer_hosts(&s) || better;
		better = plainer_links(&s) || better;
	}
	free(s.attempt);
}
