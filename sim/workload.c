/* Making a workload from a seed. Most worlds are pairs, some are stars around a gateway or meshes;
 * a quarter is calm, so that it can be asked of them that no packet gets lost. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/internal.h"
#include "sim/workload.h"

/* Rows of options: what stands first is the default, and for each side the likeliest. */
static const struct row {
	const char *key;
	bool child;
	bool wild; /* not in calm worlds */
	const char *values[6];
} rows[WORKLOAD_OPTIONS] = {
	{ "proposals", false, false,
		{ "aes128gcm16-prfsha256-x25519,aes256-sha256-ecp256",
			"aes256-sha256-ecp256,aes128gcm16-prfsha256-x25519" } },
	{ "rekey_time", false, false, { "1h", "7m", "3m", "0" } },
	{ "dpd_delay", false, false, { "30s", "10s", "60s" } },
	{ "encap", false, false, { "no", "yes" } },
	{ "mobike", false, false, { "yes", "no" } },
	{ "fragmentation", false, false, { "yes", "no", "force", "accept" } },
	{ "unique", false, true, { "no", "replace", "keep", "never" } },
	{ "childless", false, false, { "allow", "never" } },
	{ "rand_time", false, false, { "", "0", "1m" } },
	{ "esp_proposals", true, false,
		{ "aes128gcm16,aes128gcm16-x25519", "aes128gcm16-x25519,aes128gcm16",
			"aes256-sha256,aes128gcm16-x25519,aes128gcm16",
			"aes128gcm16-esn,aes128gcm16" } },
	{ "rekey_time", true, false, { "1h", "2m", "5m", "12m", "0" } },
	{ "start_action", true, false, { "none", "start", "trap", "trap|start" } },
	{ "dpd_action", true, true, { "", "clear", "trap", "start" } },
	{ "close_action", true, true, { "", "none", "trap", "start" } },
	{ "rekey_packets", true, false,
		{ "0", "40\n   life_packets = 400\n   rand_packets = 10" } },
	{ "inactivity", true, true, { "0", "90s" } },
	{ "replay_window", true, false, { "32", "128", "1024" } },
};

unsigned workload_values(unsigned option)
{
	unsigned count = 0;

	while (count < 6 && rows[option].values[count])
		count++;
	return count;
}

const char *workload_choice(const struct workload_link *l, unsigned side, const char *key)
{
	for (size_t i = 0; i < WORKLOAD_OPTIONS; i++)
		if (strcmp(rows[i].key, key) == 0)
			return rows[i].values[l->choices[side][i]];

	return "";
}

/* Configuration. */

struct text {
	char *at;
	size_t room;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(t->at, t->room, format, args);
	va_end(args);
	if (size < 0 || (size_t)size >= t->room)
		world_die("a configuration is too long");
	t->at += size;
	t->room -= (size_t)size;
}

static void add_rows(struct text *t, const struct workload_link *l, unsigned side, bool child)
{
	for (size_t i = 0; i < WORKLOAD_OPTIONS; i++) {
		const char *value = rows[i].values[l->choices[side][i]];

		if (rows[i].child == child && *value)
			add(t, "   %s = %s\n", rows[i].key, value);
	}
}

/* Whoever is behind a NAT box, or moves, has to begin. */
static bool reachable(const struct workload *p, size_t host)
{
	return !p->hosts[host].nat;
}

static void add_link(struct text *t, const struct workload *p, size_t link, unsigned side)
{
	const struct workload_link *l = &p->links[link];
	unsigned here = l->host[side], there = l->host[!side];

	add(t, " to%u {\n   version = 2\n", there);
	if (p->hosts[there].mobile)
		add(t, "   remote_addrs = h%u.example\n", there);
	else if (reachable(p, there))
		add(t, "   remote_addrs = 192.0.2.%u\n", there + 1);
	add_rows(t, l, side, false);
	add(t, "  local {\n   auth = psk\n   id = h%u\n  }\n  remote {\n   auth = psk\n   id = h%u\n  }\n  children {\n",
		here, there);
	for (unsigned i = 0; i < l->children; i++) {
		add(t, "  to%u-%u {\n   local_ts = 10.%u.%u.0/24\n   remote_ts = 10.%u.%u.0/24\n",
			there, i, here, i, there, i);
		add_rows(t, l, side, true);
		add(t, "  }\n");
	}
	add(t, "  }\n }\n");
}

void workload_config(const struct workload *p, size_t host, char *out, size_t size)
{
	struct text t = { out, size };

	add(&t, "connections {\n");
	for (size_t i = 0; i < p->link_count; i++)
		for (unsigned side = 0; side < 2; side++)
			if (!p->links[i].gone && p->links[i].host[side] == host)
				add_link(&t, p, i, side);
	add(&t, "}\nsecrets {\n ike-1 {\n  secret = " WORKLOAD_SECRET "\n }\n}\n");
}

/* Making. */

struct dice {
	uint64_t state;
};

static uint64_t roll(struct dice *d, uint64_t below)
{
	uint8_t octets[8];

	world_seeded_fill(&d->state, octets, sizeof(octets));
	return load_u64(octets) % below;
}

static bool one_in(struct dice *d, unsigned n)
{
	return roll(d, n) == 0;
}

static void make_host(struct workload *p, struct dice *d, size_t number)
{
	struct workload_host *h = &p->hosts[number];
	struct ike_options *o = &h->options;

	ike_options_default(o);
	o->retransmit_tries = p->calm ? 5 : 3 + (uint32_t)roll(d, 3);
	o->cookie_threshold = one_in(d, 3) ? 1 : 30;
	o->retransmit_jitter_percent = (uint32_t)roll(d, 50);
	o->fragment_size = one_in(d, 3) ? 576 : 1280;
	o->retry_wait_max_ns = (30 + roll(d, 90)) * NS_PER_SECOND;
	h->nat = !p->calm && number > 0 && one_in(d, 5);
	h->mobile = !p->calm && !h->nat && one_in(d, 4);
	h->nat_expire_s = one_in(d, 2) ? 0 : 60 + (uint32_t)roll(d, 200);
}

static void make_link(struct workload *p, struct dice *d, size_t a, size_t b)
{
	struct workload_link *l = &p->links[p->link_count++];

	l->host[0] = (uint8_t)a;
	l->host[1] = (uint8_t)b;
	l->children = one_in(d, 6) ? 2 : 1;
	for (unsigned side = 0; side < 2; side++)
		for (unsigned i = 0; i < WORKLOAD_OPTIONS; i++)
			if (one_in(d, 3) && !(rows[i].wild && p->calm))
				l->choices[side][i] = (uint8_t)roll(d, workload_values(i));
}

static bool room_for_link(const struct workload *p)
{
	return p->link_count < WORKLOAD_LINKS_MAX;
}

static void make_shape(struct workload *p, struct dice *d)
{
	uint64_t size = roll(d, 100);

	p->host_count = size < 75 ? 2
		: size < 94       ? 3 + roll(d, 3)
		: size < 99       ? 6 + roll(d, 6)
				  : 12 + roll(d, 39);
	for (size_t i = 0; i < p->host_count; i++)
		make_host(p, d, i);
	if (p->host_count <= 5 && one_in(d, 2)) { /* a mesh; else a star */
		for (size_t i = 0; i < p->host_count; i++)
			for (size_t j = i + 1; j < p->host_count; j++)
				if (reachable(p, i) || reachable(p, j))
					make_link(p, d, i, j);
		return;
	}
	for (size_t i = 1; i < p->host_count && room_for_link(p); i++)
		make_link(p, d, 0, i);
}

static void make_faults(struct workload *p, struct dice *d)
{
	if (p->calm) {
		p->faults = (struct network_faults){
			.loss_percent = one_in(d, 2) ? 0 : (unsigned)roll(d, 5),
			.spare_esp = true,
			.duplicate_percent = (unsigned)roll(d, 40),
			.reorder_percent = (unsigned)roll(d, 40),
			.delay_ns = (1 + roll(d, 50)) * NS_PER_MS,
			.answer_delay_ns = one_in(d, 3) ? roll(d, 1000) * NS_PER_MS : 0,
		};
		return;
	}
	p->faults = (struct network_faults){
		.loss_percent = one_in(d, 3) ? 0 : (unsigned)roll(d, 40),
		.duplicate_percent = (unsigned)roll(d, 40),
		.reorder_percent = (unsigned)roll(d, 40),
		.corrupt_percent = one_in(d, 3) ? (unsigned)roll(d, 20) : 0,
		.delay_ns = (1 + roll(d, 200)) * NS_PER_MS,
		.answer_delay_ns = one_in(d, 3) ? roll(d, 3000) * NS_PER_MS : 0,
		.answer_never_percent = one_in(d, 6) ? (unsigned)roll(d, 10) : 0,
		.answer_no_percent = one_in(d, 6) ? (unsigned)roll(d, 10) : 0,
		.mtu = one_in(d, 5) ? 1280 : 0,
	};
}

static uint32_t action_value(const struct workload *p, struct dice *d, enum action_kind kind)
{
	switch (kind) {
	case ACT_PACKETS:
		return 1 +
			(uint32_t)roll(d, p->calm ? 3 : 20); /* calm: less than a replay window */
	case ACT_REFUSE:
		return 1 + (uint32_t)roll(d, 3);
	case ACT_CRASH:
	case ACT_UNLOAD:
		return (uint32_t)roll(d, 90000);
	case ACT_CUT:
		return (uint32_t)roll(d, 400000);
	case ACT_JUMP:
		return (uint32_t)roll(d, 1u << (10 + roll(d, 14)));
	default:
		return (uint32_t)roll(d, 1u << 30);
	}
}

static enum action_kind action_kind(const struct workload *p, struct dice *d)
{
	if (p->calm)
		return 1 + (enum action_kind)roll(d, ACT_CALM_LAST);
	return one_in(d, 2) ? (enum action_kind)roll(d, ACT_CALM_LAST + 1)
			    : (enum action_kind)roll(d, ACTION_KINDS);
}

static void make_actions(struct workload *p, struct dice *d)
{
	uint64_t at = 0;

	p->action_count = 2 + roll(d, p->host_count > 5 ? 40 : 16);
	for (size_t i = 0; i < p->action_count; i++) {
		struct action *a = &p->actions[i];

		a->kind = action_kind(p, d);
		if (p->calm && a->kind == ACT_INITIATE_BOTH)
			a->kind = ACT_PACKETS;
		a->at_ms = at;
		a->link = (uint8_t)roll(d, p->link_count);
		a->side = (uint8_t)roll(d, 2);
		a->value = action_value(p, d, a->kind);
		at += one_in(d, 3) ? roll(d, 50) : roll(d, 2 * p->duration_ms / p->action_count);
	}
	p->duration_ms = at + 1000;
}

void workload_make(struct workload *p, uint64_t seed)
{
	struct dice d = { seed ^ 0x7465726e };

	*p = (struct workload){ .seed = seed };
	p->calm = one_in(&d, 4);
	p->duration_ms = 600000;
	make_shape(p, &d);
	make_faults(p, &d);
	make_actions(p, &d);
}

/* In words. */

static const char *const action_words[ACTION_KINDS] = {
	[ACT_INITIATE] = "initiates",
	[ACT_REKEY_CHILD] = "rekeys the child",
	[ACT_REKEY_IKE] = "rekeys the IKE SA",
	[ACT_REKEY_CHILD_BOTH] = "and the peer rekey the child at once",
	[ACT_REKEY_IKE_BOTH] = "and the peer rekey the IKE SA at once",
	[ACT_INITIATE_BOTH] = "and the peer initiate at once",
	[ACT_SOFT] = "has its plane ask for a rekeying",
	[ACT_PACKETS] = "and the peer send packets",
	[ACT_TERMINATE_CHILD] = "terminates the child",
	[ACT_TERMINATE_IKE] = "terminates the IKE SA",
	[ACT_HARD] = "has its plane end a child",
	[ACT_REFUSE] = "has its plane refuse SAs",
	[ACT_CRASH] = "crashes and restarts later (ms)",
	[ACT_CUT] = "is cut off from the peer for (ms)",
	[ACT_REBIND] = "has its NAT box forget",
	[ACT_MOVE] = "moves to another address",
	[ACT_JUMP] = "has its clock leap (ms)",
	[ACT_RELOAD] = "reloads with another option",
	[ACT_UNLOAD] = "unloads the connection and loads it later (ms)",
};

static void print_link(const struct workload_link *l, FILE *out)
{
	for (unsigned side = 0; side < 2; side++) {
		fprintf(out, "  h%u to h%u, %u child%s:", l->host[side], l->host[!side],
			l->children, l->children == 1 ? "" : "ren");
		for (size_t i = 0; i < WORKLOAD_OPTIONS; i++)
			if (l->choices[side][i])
				fprintf(out, " %s%s=%s", rows[i].child ? "child." : "", rows[i].key,
					rows[i].values[l->choices[side][i]]);
		fprintf(out, "\n");
	}
}

static void print_faults(const struct network_faults *f, FILE *out)
{
	fprintf(out,
		"  network: %u%% lost, %u%% doubled, %u%% late, %u%% damaged, %llu ms, mtu %u\n"
		"  answers: after %llu ms, %u%% never, %u%% no\n",
		f->loss_percent, f->duplicate_percent, f->reorder_percent, f->corrupt_percent,
		(unsigned long long)(f->delay_ns / NS_PER_MS), f->mtu,
		(unsigned long long)(f->answer_delay_ns / NS_PER_MS), f->answer_never_percent,
		f->answer_no_percent);
}

void workload_print(const struct workload *p, FILE *out)
{
	fprintf(out, "the story of seed %llu%s:\n", (unsigned long long)p->seed,
		p->calm ? " (calm)" : "");
	print_faults(&p->faults, out);
	for (size_t i = 0; i < p->host_count; i++)
		if (!p->hosts[i].gone && p->hosts[i].nat)
			fprintf(out, "  h%zu is behind a NAT box that keeps mappings for %u s\n", i,
				p->hosts[i].nat_expire_s);
	for (size_t i = 0; i < p->link_count; i++)
		if (!p->links[i].gone)
			print_link(&p->links[i], out);
	for (size_t i = 0; i < p->action_count; i++) {
		const struct action *a = &p->actions[i];

		if (!a->gone)
			fprintf(out, "  %9.3f s h%u (to h%u) %s [%u]\n", (double)a->at_ms / 1000,
				p->links[a->link].host[a->side], p->links[a->link].host[!a->side],
				action_words[a->kind], a->value);
	}
}
