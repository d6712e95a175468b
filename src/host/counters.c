/* Counters are kept where they are moved: drops of the data plane by reason, losses of each socket, of
 * the device, the kernel's own. Here they are gathered and added up when somebody asks. None is ever set
 * to 0, the kernel's can't be: a reset remembers what they were. */
#include "host/counters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

#define COUNTERS_MAX     160
#define NAME_BYTES       40
#define LINE_BYTES       512
#define DEVICE_NUMBERS   16
#define DEVICE_SEND_LOST 11 /* of a line's numbers in /proc/net/dev */

struct counter {
	const char *section;
	char name[NAME_BYTES];
	uint64_t value;
};

struct counters {
	size_t count;
	struct counter all[COUNTERS_MAX];
};

static void put(struct counters *c, const char *section, const char *name, uint64_t value)
{
	struct counter *to = &c->all[c->count];

	if (c->count == COUNTERS_MAX)
		return;
	to->section = section;
	snprintf(to->name, sizeof(to->name), "%s", name);
	to->value = value;
	c->count++;
}

static void put_ike(struct counters *c, struct host *h)
{
	struct ike_stats stats;

	ike_stats(h->engine, &stats);
	put(c, "ike", "dropped", stats.dropped);
	put(c, "ike", "retransmitted", stats.retransmitted);
	put(c, "ike", "cookies-sent", stats.cookies_sent);
}

static void put_data_plane(struct counters *c, struct host *h)
{
	const struct esp *esp = plane_esp(h->plane);

	for (int reason = ESP_REASON_NONE + 1; esp && reason < ESP_REASONS; reason++)
		put(c, "data-plane", esp_reason_name(reason), esp_drops(esp, reason));
	put(c, "data-plane", "no-socket", plane_unsendable(h->plane));
}

static void add_losses(struct datagram_losses *sum, const struct datagram_socket *s)
{
	sum->send_full += s->losses.send_full;
	sum->send_too_big += s->losses.send_too_big;
	sum->send_failed += s->losses.send_failed;
	sum->cut += s->losses.cut;
	sum->neither += s->losses.neither;
}

static void put_sockets(struct counters *c, struct host *h)
{
	struct datagram_losses sum = { 0 };
	uint64_t ike = 0, nat_t = 0, raw = 0;

	for (size_t i = 0; i < UDP_SOCKETS; i++) {
		struct datagram_socket *s = &h->udp.sockets[i];

		*(s->port == h->udp.port_nat_t ? &nat_t : &ike) += datagram_overflowed(s);
		add_losses(&sum, s);
	}
	for (size_t i = 0; i < sizeof(h->raw.sockets) / sizeof(h->raw.sockets[0]); i++) {
		raw += datagram_overflowed(&h->raw.sockets[i]);
		add_losses(&sum, &h->raw.sockets[i]);
	}
	put(c, "sockets", "receive-full-ike", ike);
	put(c, "sockets", "receive-full-nat-t", nat_t);
	put(c, "sockets", "receive-full-esp", raw);
	put(c, "sockets", "receive-too-long", sum.cut);
	put(c, "sockets", "receive-too-short", sum.neither);
	put(c, "sockets", "send-full", sum.send_full);
	put(c, "sockets", "send-too-big", sum.send_too_big);
	put(c, "sockets", "send-failed", sum.send_failed);
}

/* What the device's queue towards us had no room for, as the kernel counts it. */
static uint64_t device_send_lost(const char *name)
{
	FILE *f = fopen("/proc/net/dev", "re");
	char line[LINE_BYTES], *numbers;
	uint64_t lost = 0;

	while (f && fgets(line, sizeof(line), f)) {
		numbers = strchr(line, ':');
		if (!numbers)
			continue;
		*numbers++ = 0;
		if (strcmp(line + strspn(line, " "), name) != 0)
			continue;
		for (int i = 0; i <= DEVICE_SEND_LOST; i++)
			lost = strtoull(numbers, &numbers, 10);
	}
	if (f)
		fclose(f);
	return lost;
}

static void put_device(struct counters *c, struct host *h)
{
	put(c, "device", "queue-full", device_send_lost(h->tun.name));
	put(c, "device", "write-failed", h->tun.write_failed);
}

/* As the kernel calls them, of this network namespace; not every kernel counts. */
static void put_kernel(struct counters *c)
{
	FILE *f = fopen("/proc/net/xfrm_stat", "re");
	char line[LINE_BYTES], name[NAME_BYTES];
	size_t size;

	while (f && fgets(line, sizeof(line), f)) {
		size = strcspn(line, " \t");
		snprintf(name, sizeof(name), "%.*s", (int)size, line);
		put(c, "kernel", name, strtoull(line + size, NULL, 10));
	}
	if (f)
		fclose(f);
}

static struct counters *gather(struct host *h)
{
	struct counters *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	put_ike(c, h);
	put_data_plane(c, h);
	put_sockets(c, h);
	put_device(c, h);
	if (h->kernel)
		put_kernel(c);
	return c;
}

static uint64_t value_before(const struct counters *before, const struct counter *now)
{
	for (size_t i = 0; before && i < before->count; i++) {
		const struct counter *b = &before->all[i];

		if (strcmp(b->section, now->section) == 0 && strcmp(b->name, now->name) == 0)
			return b->value;
	}
	return 0;
}

void counters_read(struct host *h, counters_fn *each, void *to)
{
	struct counters *c = gather(h);

	for (size_t i = 0; c && i < c->count; i++) {
		const struct counter *now = &c->all[i];

		each(to, now->section, now->name, now->value - value_before(h->counted, now));
	}
	free(c);
}

void counters_reset(struct host *h)
{
	struct counters *c = gather(h);

	if (!c)
		return;
	free(h->counted);
	h->counted = c;
}

void counters_free(struct counters *c)
{
	free(c);
}
