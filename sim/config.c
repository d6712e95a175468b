/* The options that a workload chooses, and the configuration that comes of them. */
#include <stdarg.h>
#include <stdio.h>

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
	{ "childless", false, false, { "allow", "never", "prefer", "force" } },
	{ "resumption", false, false, { "no", "yes", "yes", "yes" } },
	{ "reauth_time", false, false, { "0", "9m", "4m" } },
	{ "follow_redirects", false, false, { "yes", "no" } },
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
	{ "rekey_bytes", true, false,
		{ "0", "4000\n   life_bytes = 40000\n   rand_bytes = 1000" } },
	{ "inactivity", true, true, { "0", "90s" } },
	{ "tfc_padding", true, false, { "0", "mtu" } },
	{ "replay_window", true, false, { "32", "128", "1024" } },
};

unsigned workload_values(unsigned option)
{
	unsigned count = 0;

	while (count < 6 && rows[option].values[count])
		count++;
	return count;
}

/* A host of several can't tell from an IKE_SA_INIT whose it is, so that what it says there about SAs
 * without children is to be the same for all. */
bool workload_allows(const struct workload *p, unsigned option, unsigned choice)
{
	const struct row *row = &rows[option];

	if (row->wild && p->calm)
		return choice == 0;
	return p->host_count == 2 || strcmp(row->key, "childless") != 0 ||
		strcmp(row->values[choice], "never") != 0;
}

const char *workload_option(unsigned option, bool *ret_child)
{
	*ret_child = rows[option].child;
	return rows[option].key;
}

static const char *chosen(const struct workload_link *l, unsigned side, unsigned option)
{
	return rows[option].values[l->choices[side][option]];
}

/* What IKEv1 can't do as IKEv2 does. All that quick mode offers shares one group (RFC 2409 §5.5), the
 * first one of its side: each side has to have all of them. Nobody acknowledges a Delete; where one got
 * lost, one end keeps a child that the other hasn't, until its rekeying gives both one again: that has
 * to come within the time that all is given to be well again. */
static const char *ikev1_value(const char *key, const char *value)
{
	if (strcmp(key, "esp_proposals") == 0 && strcmp(value, "aes128gcm16-esn,aes128gcm16") == 0)
		return "aes128gcm16-esn,aes128gcm16,aes128gcm16-x25519";
	if (strcmp(key, "rekey_time") == 0 && strcmp(value, "1h") == 0)
		return "10m";
	if (strcmp(key, "rekey_time") == 0 && strcmp(value, "0") == 0)
		return "8m";
	return value;
}

/* A gateway can't begin where it doesn't know the client's address; and who insists on an IKE SA
 * without a child gets along with nobody who doesn't. */
const char *workload_value(const struct workload_link *l, unsigned side, unsigned option)
{
	const char *key = rows[option].key, *value = chosen(l, side, option);

	if (l->ikev1 && rows[option].child)
		return ikev1_value(key, value);
	if (strstr(key, "_action") && l->virtual && side == 0)
		return rows[option].values[0];
	if (strcmp(key, "childless") == 0 && strcmp(chosen(l, !side, option), "force") == 0 &&
		strcmp(value, "force") != 0)
		return "prefer";
	return value;
}

const char *workload_choice(const struct workload_link *l, unsigned side, const char *key)
{
	for (unsigned i = 0; i < WORKLOAD_OPTIONS; i++)
		if (strcmp(rows[i].key, key) == 0)
			return workload_value(l, side, i);

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
	for (unsigned i = 0; i < WORKLOAD_OPTIONS; i++) {
		const char *value = workload_value(l, side, i);

		if (rows[i].child == child && *value)
			add(t, "   %s = %s\n", rows[i].key, value);
	}
}

/* Whoever is behind a NAT box, or moves, has to begin. */
static bool reachable(const struct workload *p, size_t host)
{
	return !p->hosts[host].nat;
}

static void add_child(
	struct text *t, const struct workload *p, size_t link, unsigned side, unsigned i)
{
	const struct workload_link *l = &p->links[link];
	unsigned here = l->host[side], there = l->host[!side];

	add(t, "  to%u-%u {\n", there, i);
	if (l->transport)
		add(t, "   mode = transport\n");
	if (l->transport || (l->virtual && side == 1))
		add(t, "   local_ts = dynamic\n");
	else
		add(t, "   local_ts = 10.%u.%u.0/24\n", here, i);
	if (l->transport || (l->virtual && side == 0))
		add(t, "   remote_ts = dynamic\n");
	else
		add(t, "   remote_ts = 10.%u.%u.0/24\n", there, i);
	add_rows(t, l, side, true);
	add(t, "  }\n");
}

static void add_link(struct text *t, const struct workload *p, size_t link, unsigned side)
{
	const struct workload_link *l = &p->links[link];
	unsigned here = l->host[side], there = l->host[!side];

	if (p->hosts[there].mobile)
		add(t, "   remote_addrs = h%u.example\n", there);
	else if (reachable(p, there))
		add(t, "   remote_addrs = " WORKLOAD_ADDRESS "\n", (size_t)there + 1);
	if (l->virtual)
		add(t, side == 0 ? "   pools = pool%zu\n" : "   vips = 0.0.0.0\n", link);
	if (l->aggressive)
		add(t, "   aggressive = yes\n");
	add_rows(t, l, side, false);
	add(t, "  local {\n   auth = psk\n   id = h%u\n  }\n  remote {\n   auth = psk\n   id = h%u\n  }\n  children {\n",
		here, there);
	for (unsigned i = 0; i < l->children; i++)
		add_child(t, p, link, side, i);
	add(t, "  }\n }\n");
}

static void add_links(struct text *t, const struct workload *p, size_t host, bool redirects)
{
	for (size_t i = 0; i < p->link_count; i++) {
		const struct workload_link *l = &p->links[i];

		for (unsigned side = 0; side < 2; side++) {
			if (l->gone || l->host[side] != host)
				continue;
			add(t, " to%u {\n   version = %u\n", l->host[!side], l->ikev1 ? 1 : 2);
			if (redirects)
				add(t, "   redirect_to = " WORKLOAD_ADDRESS "\n", host + 101);
			add_link(t, p, i, side);
		}
	}
}

/* A pool for each client, though it takes no more than one address of it at a time. */
static void add_pools(struct text *t, const struct workload *p, size_t host)
{
	for (size_t i = 0; i < p->link_count; i++) {
		const struct workload_link *l = &p->links[i];

		if (!l->gone && l->virtual && l->host[0] == host)
			add(t, " pool%zu {\n  addrs = " WORKLOAD_POOL "-" WORKLOAD_POOL "\n }\n", i,
				i + 100, 1, i + 100, 6);
	}
}

void workload_config(const struct workload *p, size_t host, bool redirects, char *out, size_t size)
{
	struct text t = { out, size };

	add(&t, "connections {\n");
	add_links(&t, p, host, redirects);
	add(&t, "}\npools {\n");
	add_pools(&t, p, host);
	add(&t, "}\nsecrets {\n ike-1 {\n  secret = " WORKLOAD_SECRET "\n }\n}\n");
}
