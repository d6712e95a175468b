/* What passed, what was dropped and what the engine should hear of: counters, limits and events. */
#include "esp/internal.h"

#include <errno.h>

static const char *const reason_names[ESP_REASONS] = {
	[ESP_REASON_NONE] = "none",
	[ESP_REASON_MALFORMED] = "malformed",
	[ESP_REASON_NO_POLICY] = "no-policy",
	[ESP_REASON_NO_SA] = "no-sa",
	[ESP_REASON_EXHAUSTED] = "exhausted",
	[ESP_REASON_REPLAY] = "replay",
	[ESP_REASON_INTEGRITY] = "integrity",
	[ESP_REASON_PADDING] = "padding",
	[ESP_REASON_SELECTORS] = "selectors",
	[ESP_REASON_DUMMY] = "dummy",
	[ESP_REASON_ECN] = "ecn",
	[ESP_REASON_FRAGMENT] = "fragment",
	[ESP_REASON_TOO_BIG] = "too-big",
	[ESP_REASON_ENCAP] = "encap",
	[ESP_REASON_NO_ROOM] = "no-room",
	[ESP_REASON_CRYPTO] = "crypto",
	[ESP_REASON_TRAP_FULL] = "trap-full",
	[ESP_REASON_TRAP_LATE] = "trap-late",
	[ESP_REASON_TRAP_FAILED] = "trap-failed",
	[ESP_REASON_EARLY_FULL] = "early-full",
	[ESP_REASON_SHUNT_DROP] = "shunt-drop",
	[ESP_REASON_SHUNT_PASS] = "shunt-pass",
};

const char *esp_reason_name(enum esp_reason reason)
{
	return reason < ESP_REASONS ? reason_names[reason] : "unknown";
}

uint64_t esp_drops(const struct esp *esp, enum esp_reason reason)
{
	return reason < ESP_REASONS ? esp->drops[reason] : 0;
}

void out_drop(struct esp *esp, struct esp_out *out, enum esp_reason reason)
{
	esp->drops[reason]++;
	out->verdict = ESP_DROP;
	out->reason = reason;
	out->packet = BYTES_EMPTY;
}

bool plane_tell(struct esp *esp, const struct esp_event *event)
{
	if (esp->event_count == EVENTS_MAX)
		return false;

	esp->events[(esp->event_first + esp->event_count++) % EVENTS_MAX] = *event;
	return true;
}

bool esp_next_event(struct esp *esp, struct esp_event *ret_event)
{
	if (esp->event_count == 0)
		return false;

	*ret_event = esp->events[esp->event_first];
	esp->event_first = (esp->event_first + 1) % EVENTS_MAX;
	esp->event_count--;
	return true;
}

static void tell_once(struct esp *esp, const struct child *c, enum esp_event_kind kind, bool *told)
{
	const struct esp_event event = {
		.kind = kind, .child_id = c->spec.child_id, .reqid = c->spec.reqid
	};

	if (!*told)
		*told = plane_tell(esp, &event);
}

static bool reached(uint64_t count, uint64_t limit)
{
	return limit != 0 && count >= limit;
}

static uint64_t sequence_of(const struct child *c, const struct sa *sa)
{
	return sa == &c->out ? c->sequence : c->replay.top;
}

static uint64_t sequence_last(const struct child *c)
{
	return c->spec.esn ? UINT64_MAX : UINT32_MAX;
}

bool sa_may_pass(struct esp *esp, const struct child *c, struct sa *sa)
{
	if (!reached(sa->counters.bytes, c->spec.hard_bytes) &&
		!reached(sa->counters.packets, c->spec.hard_packets) &&
		(sa == &c->in || c->sequence < sequence_last(c)))
		return true;

	tell_once(esp, c, ESP_EVENT_HARD, &sa->hard_told);
	return false;
}

void sa_count(struct esp *esp, ike_time now, const struct child *c, struct sa *sa, size_t size)
{
	uint64_t last = sequence_last(c);

	sa->counters.bytes += size;
	sa->counters.packets++;
	sa->counters.last_used = now;
	if (reached(sa->counters.bytes, c->spec.soft_bytes) ||
		reached(sa->counters.packets, c->spec.soft_packets) ||
		sequence_of(c, sa) >= last - last / SEQUENCE_RESERVE)
		tell_once(esp, c, ESP_EVENT_SOFT, &sa->soft_told);
	sa_may_pass(esp, c, sa); /* tells at once where this was the last */
}

int esp_stats(const struct esp *esp, uint32_t child_id, struct esp_child_stats *ret_stats)
{
	uint8_t key[4];
	const struct child *c;

	store_u32(key, child_id);
	c = table_find(esp->by_id, BYTES_OF(key));
	if (!c)
		return -ENOENT;

	*ret_stats = (struct esp_child_stats){ .in = c->in.counters,
		.out = c->out.counters,
		.outbound_installed = c->out.sealer,
		.outbound_active = c->policy->active == c,
		.sequence_out = c->sequence,
		.sequence_in = c->replay.top,
		.mtu = child_mtu(c, c->spec.local.list[0].family),
		.replayed = c->replayed,
		.failed = c->failed,
		.computed_by = sealer_backend(c->in.sealer) };
	return 0;
}
