/* When the faults have stopped, all that is configured to be up must be up, once, within a bound of
 * virtual time; and what is not must at least be the same at both ends. */
#include "sim/run.h"

#define QUIET_NS                                                                                   \
	(1500 * NS_PER_SECOND) /* the longest series of retransmissions, twice, and waits */
#define LOOK_NS    (13 * NS_PER_SECOND) /* between looks at whether all is well */
#define WELL_LOOKS 3                    /* in a row are enough */

/* Who begins when all tunnels are asked for. */
static unsigned begins(const struct run *r, size_t link)
{
	const struct workload_link *l = link_of(r, link);

	return r->now.hosts[l->host[1]].nat || l->virtual ? 1 : 0;
}

void run_ask_all(struct run *r)
{
	for (size_t i = 0; i < r->now.link_count; i++)
		if (!r->now.links[i].gone)
			run_initiate(r, i, begins(r, i));
}

static bool wants(const struct run *r, size_t link, unsigned side)
{
	const struct workload_link *l = link_of(r, link);
	const char *start = workload_choice(l, side, "start_action");
	const char *dpd = workload_choice(l, side, "dpd_action");
	const char *close = workload_choice(l, side, "close_action");
	bool stays =
		(!*dpd || strcmp(dpd, "start") == 0) && (!*close || strcmp(close, "start") == 0);

	/* The one that only answers can't begin. */
	return (strcmp(start, "start") == 0 || strcmp(start, "trap|start") == 0) && stays &&
		!r->held[link][side] && !r->now.hosts[l->host[!side]].nat;
}

/* `ret_most`: how many of them one IKE SA has at most. */
static size_t children_named(const struct host *h, const char *name, size_t *ret_most)
{
	size_t sas = 0, all = 0;
	struct ike_sa_view sa;

	while (ike_next_sa(h->engine, &sas, &sa)) {
		struct ike_child_view c;
		size_t position = 0, count = 0;

		while (ike_next_child(h->engine, sa.id, &position, &c))
			count += c.state != IKE_CHILD_DELETED && /* kept for what is late */
				strcmp(c.config->name, name) == 0;
		all += count;
		if (count > *ret_most)
			*ret_most = count;
	}
	return all;
}

static bool has_sa(const struct host *h, uint64_t spi_i, uint64_t spi_r)
{
	struct ike_sa_view sa;
	size_t position = 0;

	while (ike_next_sa(h->engine, &position, &sa))
		if (sa.spi_i == spi_i && sa.spi_r == spi_r)
			return true;

	return false;
}

/* Each IKE SA has its other end, as far as anybody can know. */
static bool sas_agree(const struct run *r)
{
	for (size_t i = 0; i < r->w->host_count; i++) {
		struct ike_sa_view sa;
		size_t position = 0;

		while (ike_next_sa(r->w->hosts[i]->engine, &position, &sa)) {
			bool found = host_cannot_ask(r->w->hosts[i], sa.id);

			for (size_t j = 0; j < r->w->host_count && !found; j++)
				found = j != i && has_sa(r->w->hosts[j], sa.spi_i, sa.spi_r);
			if (!found)
				return false;
		}
	}
	return true;
}

/* A side that never enforces uniqueness keeps all IKE SAs that it has, with their children. */
static bool twice_is_meant(const struct run *r, size_t link)
{
	const struct workload_link *l = link_of(r, link);

	return strcmp(workload_choice(l, 0, "unique"), "never") == 0 ||
		strcmp(workload_choice(l, 1, "unique"), "never") == 0;
}

static const char *link_wrong(const struct run *r, size_t link)
{
	for (unsigned child = 0; child < link_of(r, link)->children; child++) {
		size_t counts[2], most = 0;
		char name[16];

		for (unsigned side = 0; side < 2; side++) {
			child_name(r, link, side, child, name);
			counts[side] = children_named(host_of(r, link, side), name, &most);
		}
		if (counts[0] != counts[1])
			return "the ends don't agree on their children";
		if (most > 1 || (counts[0] > 1 && !twice_is_meant(r, link)))
			return "a child is duplicated";
		if (counts[0] == 0 && r->asked)
			return "a tunnel that was asked for is down";
		if (counts[0] == 0 && (wants(r, link, 0) || wants(r, link, 1)))
			return "a tunnel that should be up is down";
	}
	return NULL;
}

static const char *look(const struct run *r)
{
	for (size_t i = 0; i < r->w->host_count; i++)
		if (host_half_open(r->w->hosts[i]))
			return "a half-open SA remains";
	if (!sas_agree(r))
		return "the ends don't agree on their IKE SAs";
	for (size_t i = 0; i < r->now.link_count; i++) {
		const char *wrong = r->now.links[i].gone ? NULL : link_wrong(r, i);

		if (wrong)
			return wrong;
	}
	return NULL;
}

/* Packets cross every tunnel both ways, first from behind NAT boxes. */
static bool packets_cross(struct run *r)
{
	uint64_t before = world_lost_packets(r->w);

	for (unsigned first = 0; first < 2; first++) {
		for (size_t i = 0; i < r->now.link_count; i++) {
			unsigned side = begins(r, i) ^ first;

			if (!r->now.links[i].gone)
				run_one_way(r, i, side);
		}
		world_settle(r->w, 5 * NS_PER_SECOND);
	}
	return world_lost_packets(r->w) == before;
}

/* Looks until all was well a few times in a row, or it takes too long. */
/* What is wrong after it had time to come well; NULL: nothing. */
static const char *converge(struct run *r)
{
	ike_time end = r->w->now + QUIET_NS;
	unsigned well = 0;
	const char *wrong = NULL;

	while (r->w->now < end && well < WELL_LOOKS && !r->w->broken) {
		run_pass(r, run_ms(r) + LOOK_NS / NS_PER_MS);
		wrong = look(r);
		well = wrong ? 0 : well + 1;
		if (wrong && r->asked)
			run_ask_all(r);
		else if (r->asked && !r->now.calm)
			packets_cross(r); /* or the unused ones are closed in turn */
	}
	return well < WELL_LOOKS ? wrong : NULL;
}

/* No HASH covers NAT-D, RFC 3947: where one was damaged on its way, an end goes by NATs that aren't there
 * until there is another phase 1, and the ends may not even agree on a child's mode. False where it can't be
 * so. */
static bool see_nats_anew(struct run *r)
{
	bool damaged = r->now.faults.corrupt_percent || r->now.attacked, any = false;

	for (size_t i = 0; i < r->now.link_count && damaged; i++) {
		unsigned side = begins(r, i);
		char name[16];

		if (r->now.links[i].gone || !r->now.links[i].ikev1)
			continue;
		ike_name(r, i, side, name);
		host_reauthenticate(host_of(r, i, side), name);
		any = true;
	}
	return any;
}

void run_converge(struct run *r)
{
	const char *wrong = converge(r);

	if (wrong && see_nats_anew(r))
		wrong = converge(r);
	if (!r->why)
		r->why = wrong;
}

/* A NAT box that forgets costs no more than the packets on their way: the first one out shows where
 * the peer is now, RFC 7296 §2.23. A rekeying may cost one more try. */
#define FOLLOW_TRIES 3

static bool nats_followed(struct run *r)
{
	bool any = false, crossed = false;

	for (size_t i = 0; i < r->now.host_count; i++) {
		if (r->nats[i])
			nat_rebind(r->nats[i]);
		any = any || r->nats[i];
	}
	for (unsigned i = 0; any && !crossed && i < FOLLOW_TRIES; i++)
		crossed = packets_cross(r);
	return crossed || !any;
}

void run_come_up(struct run *r)
{
	ike_time end;
	bool crossed = false;

	r->asked = true;
	run_ask_all(r);
	run_converge(r);
	if (see_nats_anew(r))
		run_converge(r);
	end = r->w->now + QUIET_NS; /* a peer that is gone is noticed by then */
	while (r->w->now < end && !crossed && !r->why && !r->w->broken) {
		run_converge(r);
		crossed = packets_cross(r);
	}
	if (!crossed && !r->why)
		r->why = "packets don't cross a tunnel that is up";
	if (!r->why && !r->w->broken && !nats_followed(r))
		r->why = "a peer is not followed to where its NAT box puts it";
}
