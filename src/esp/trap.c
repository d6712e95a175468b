/* Traps: a packet that meets one, and no child takes it, is kept while the engine brings a child up,
 * and goes out when that is there. What is kept is bounded in number, octets and time, of each trap
 * and of all: the oldest goes. */
#include "esp/internal.h"

#include <errno.h>
#include <stdlib.h>

/* Told again while packets come: the engine may not have been able to act. */
#define ACQUIRE_EVERY_NS NS_PER_SECOND

static void kept_drop(struct esp *esp, struct kept **at, enum esp_reason reason)
{
	(*at)->policy->trap.stats.dropped++;
	esp->drops[reason]++;
	kept_remove(esp, at);
}

void kept_remove(struct esp *esp, struct kept **at)
{
	struct kept *k = *at;
	struct esp_trap_stats *stats = &k->policy->trap.stats;

	*at = k->next;
	if (!k->next)
		esp->kept_end = at;
	if (--stats->kept_packets == 0)
		k->policy->trap.holding = false;
	stats->kept_bytes -= k->size;
	esp->kept_packets--;
	esp->kept_bytes -= k->size;
	free(k);
}

void kept_expire(struct esp *esp, ike_time now)
{
	while (esp->kept && now - esp->kept->at > esp->options.kept_ns)
		kept_drop(esp, &esp->kept, ESP_REASON_TRAP_LATE);
}

void kept_clear(struct esp *esp, const struct policy *policy)
{
	struct kept **at = &esp->kept;

	while (*at) {
		if ((*at)->policy == policy)
			kept_drop(esp, at, ESP_REASON_TRAP_FAILED);
		else
			at = &(*at)->next;
	}
}

static void drop_oldest(struct esp *esp, const struct policy *policy)
{
	struct kept **at = &esp->kept;

	while (policy && (*at)->policy != policy)
		at = &(*at)->next;
	kept_drop(esp, at, ESP_REASON_TRAP_FULL);
}

/* Makes room for one more. */
static bool kept_room(struct esp *esp, const struct policy *p, size_t size)
{
	const struct esp_options *o = &esp->options;
	const struct esp_trap_stats *stats = &p->trap.stats;

	if (size > o->trap_bytes || size > o->kept_bytes || !o->trap_packets || !o->kept_packets)
		return false;
	while (stats->kept_packets >= o->trap_packets || stats->kept_bytes + size > o->trap_bytes)
		drop_oldest(esp, p);
	while (esp->kept_packets >= o->kept_packets || esp->kept_bytes + size > o->kept_bytes)
		drop_oldest(esp, NULL);
	return true;
}

static struct selector end_selector(
	const struct flow *f, const struct address *address, uint16_t port)
{
	bool ports = f->ports_known && f->ports_paired;

	return (struct selector){ .family = f->family,
		.protocol = f->protocol,
		.port_first = ports ? port : 0,
		.port_last = ports ? port : UINT16_MAX,
		.first = *address,
		.last = *address };
}

static void acquire(struct esp *esp, ike_time now, struct policy *p, const struct flow *f)
{
	const struct esp_event event = {
		.kind = ESP_EVENT_ACQUIRE,
		.reqid = p->reqid,
		.source = end_selector(f, &f->source, f->source_port),
		.destination = end_selector(f, &f->destination, f->destination_port),
	};

	if (p->trap.acquired && now - p->trap.acquired_at < ACQUIRE_EVERY_NS)
		return;
	if (!plane_tell(esp, &event))
		return;
	p->trap.acquired = true;
	p->trap.acquired_at = now;
	p->trap.stats.acquired++;
}

enum esp_reason shunt_reason(struct policy *p)
{
	if (!mode_is_shunt(p->trap.mode))
		return ESP_REASON_NONE;
	p->trap.stats.dropped++;
	return p->trap.mode == CHILD_DROP ? ESP_REASON_SHUNT_DROP : ESP_REASON_SHUNT_PASS;
}

/* What a host says to its link alone (neighbours, routers, groups) is nothing to bring a tunnel up
 * for. */
static bool of_the_link(const struct flow *f)
{
	const uint8_t *to = f->destination.octets;

	if (f->family == 6)
		return (to[0] == 0xff && (to[1] & 0x0f) <= 2) ||
			(to[0] == 0xfe && (to[1] & 0xc0) == 0x80);
	return (to[0] == 224 && to[1] == 0 && to[2] == 0) || (to[0] == 169 && to[1] == 254) ||
		load_u32(to) == UINT32_MAX;
}

bool trap_holds(const struct esp *esp, const struct policy *p, size_t size)
{
	const struct esp_options *o = &esp->options;
	const struct esp_trap_stats *stats = &p->trap.stats;

	return p->trap.holding && stats->kept_packets && stats->kept_packets < o->trap_packets &&
		stats->kept_bytes + size <= o->trap_bytes && esp->kept_packets < o->kept_packets &&
		esp->kept_bytes + size <= o->kept_bytes;
}

enum esp_reason trap_keep(
	struct esp *esp, ike_time now, struct policy *p, const struct flow *f, struct bytes packet)
{
	struct kept *k;

	if (of_the_link(f) && !p->trap.holding)
		return ESP_REASON_NO_POLICY;
	if (!kept_room(esp, p, packet.size))
		return ESP_REASON_TRAP_FULL;
	k = malloc(sizeof(*k) + packet.size);
	if (!k)
		return ESP_REASON_TRAP_FULL;
	*k = (struct kept){ .policy = p, .at = now, .size = packet.size };
	memcpy(k->data, packet.data, packet.size);
	*esp->kept_end = k;
	esp->kept_end = &k->next;
	esp->kept_packets++;
	esp->kept_bytes += k->size;
	p->trap.stats.kept_packets++;
	p->trap.stats.kept_bytes += k->size;
	if (!p->trap.holding)
		acquire(esp, now, p, f);
	return ESP_REASON_NONE;
}

int esp_trap_stats(const struct esp *esp, uint32_t reqid, struct esp_trap_stats *ret_stats)
{
	const struct policy *p = policy_of(esp, reqid);

	if (!p || !p->trap.laid)
		return -ENOENT;
	*ret_stats = p->trap.stats;
	return 0;
}
