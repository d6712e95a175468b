/* A host's data plane: the real one of src/esp, between the engine's operations and packets that
 * tell who they are by a number. What it was told is remembered beside it, for those who compare
 * both ends. */
#include "sim/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PACKET_BYTES 64
#define OUT_BYTES    (PACKET_BYTES + 2 * ESP_OVERHEAD_MAX)
#define OUTS         4

/* As the daemon's: what waited in a trap for a child that the peer asked for goes this much later. */
#define ANSWERED_NS (50 * NS_PER_MS)

void plane_begin(struct host *h)
{
	const struct esp_options o = { .crypto = h->crypto, .random = h->random };

	h->esp = esp_new(&o);
	if (!h->esp)
		world_die("no plane could be made");
}

void plane_end(struct host *h)
{
	esp_free(h->esp);
	h->esp = NULL;
	for (size_t i = 0; i < h->children_used; i++) {
		bytes_wipe(&h->children[i].spec, sizeof(h->children[i].spec));
		h->children[i].in = h->children[i].out = false;
	}
	h->children_used = 0;
	h->plane_release = false;
	h->release_at = 0;
	memset(h->traps, 0, sizeof(h->traps));
	memset(h->virtuals, 0, sizeof(h->virtuals));
}

uint32_t plane_spi(struct host *h)
{
	uint32_t spi = 0;

	if (esp_allocate_spi(h->esp, host_now(h), &spi) < 0)
		world_die("no SPI is free");
	return spi;
}

/* Operations. */

static struct sim_child *slot(struct host *h, uint32_t id)
{
	struct sim_child *free_slot = NULL;

	for (size_t i = 0; i < h->children_used; i++) {
		struct sim_child *c = &h->children[i];

		if (c->spec.child_id == id && (c->in || c->out))
			return c;
		if (!c->in && !c->out && !free_slot)
			free_slot = c;
	}
	if (!free_slot && h->children_used < HOST_CHILDREN_MAX)
		free_slot = &h->children[h->children_used++];
	return free_slot;
}

static void check_spi_new(struct host *h, const struct child_spec *spec)
{
	for (size_t i = 0; i < h->children_used; i++)
		if (h->children[i].in && h->children[i].spec.spi_in == spec->spi_in)
			world_broken(h->world, "an inbound SPI is used twice");
}

static void refuse(struct host *h, const struct child_spec *spec, const char *reason)
{
	ladder(h->world, "%-6s plane refuses child %u: %s", h->name, spec->child_id, reason);
	host_kernel_later(h,
		&(struct ike_kernel_event){ .kind = IKE_KERNEL_REFUSED,
			.child_id = spec->child_id,
			.reqid = spec->reqid,
			.reason = reason });
}

static void install_in(struct host *h, struct sim_child *c, const struct child_spec *spec)
{
	int r;

	check_spi_new(h, spec);
	if (h->refuse_installs) {
		h->refuse_installs--;
		h->refused = true;
		refuse(h, spec, "the world says no");
		return;
	}
	r = esp_install_in(h->esp, host_now(h), spec);
	if (r < 0) {
		world_broken(h->world, "the plane refused an inbound SA: %s", strerror(-r));
		return;
	}
	*c = (struct sim_child){ .in = true, .spec = *spec };
	check_ends(h, c);
}

static void install_out(struct host *h, struct sim_child *c, const struct child_spec *spec)
{
	int r = esp_install_out(h->esp, host_now(h), spec);
	struct esp_trap_stats waiting;

	if (r == -ENOENT && !c->in) /* refused before */
		return;
	if (r < 0) {
		world_broken(h->world, "the plane refused an outbound SA: %s", strerror(-r));
		return;
	}
	check_key_unused(h, spec);
	c->spec = *spec;
	c->out = true;
	c->sequence = 0;
	check_ends(h, c);
	h->plane_release = true;
	if (spec->answered && !h->release_at &&
		esp_trap_stats(h->esp, spec->reqid, &waiting) == 0 && waiting.kept_packets)
		h->release_at = h->world->now + ANSWERED_NS;
}

/* Traps: one for each reqid. */
static void operate_trap(struct host *h, const struct ike_operation *op)
{
	struct sim_trap *t = NULL;

	for (size_t i = 0; i < HOST_TRAPS_MAX; i++) {
		if (h->traps[i].spec.reqid == op->spec->reqid)
			t = &h->traps[i];
		else if (!t && !h->traps[i].spec.reqid)
			t = &h->traps[i];
	}
	if (!t) {
		world_broken(h->world, "more traps than a host may have");
	} else if (op->kind == IKE_OPERATE_TRAP) {
		t->spec = *op->spec;
		if (esp_trap(h->esp, op->spec) < 0)
			world_broken(h->world, "the plane refused a trap");
	} else if (op->kind == IKE_OPERATE_UNTRAP) {
		*t = (struct sim_trap){ 0 };
		esp_untrap(h->esp, op->spec->reqid);
	} else {
		t->failed++;
		esp_trap_failed(h->esp, op->spec->reqid);
	}
}

static void operate_shunt(struct host *h, const struct ike_operation *op)
{
	if (op->kind == IKE_OPERATE_UNSHUNT)
		esp_unshunt(h->esp, op->spec->reqid);
	else if (esp_shunt(h->esp, op->spec) < 0)
		world_broken(h->world, "the plane refused a shunt");
}

static bool is_of_traps(enum ike_operation_kind kind)
{
	return kind == IKE_OPERATE_TRAP || kind == IKE_OPERATE_UNTRAP ||
		kind == IKE_OPERATE_TRAP_FAILED;
}

static void operate_child(struct host *h, const struct ike_operation *op)
{
	struct sim_child *c = slot(h, op->spec->child_id);

	if (!c) {
		world_broken(h->world, "more children than a host may have");
		return;
	}
	switch (op->kind) {
	case IKE_OPERATE_INSTALL_IN:
		install_in(h, c, op->spec);
		break;
	case IKE_OPERATE_INSTALL_OUT:
		install_out(h, c, op->spec);
		break;
	case IKE_OPERATE_UPDATE_PATH:
		esp_update_path(h->esp, op->spec);
		c->spec.path = op->spec->path;
		c->spec.encap = op->spec->encap;
		break;
	case IKE_OPERATE_REMOVE_OUT:
		esp_remove_out(h->esp, op->spec->child_id);
		c->out = false;
		break;
	case IKE_OPERATE_REMOVE:
		esp_remove(h->esp, op->spec->child_id);
		c->in = c->out = false;
		bytes_wipe(&c->spec, sizeof(c->spec));
		break;
	default:
		break;
	}
}

void plane_operate(struct host *h, const struct ike_operation *op)
{
	static const char *const words[] = { [IKE_OPERATE_INSTALL_IN] = "in",
		[IKE_OPERATE_INSTALL_OUT] = "out",
		[IKE_OPERATE_UPDATE_PATH] = "path",
		[IKE_OPERATE_REMOVE_OUT] = "remove out",
		[IKE_OPERATE_REMOVE] = "remove",
		[IKE_OPERATE_TRAP] = "trap",
		[IKE_OPERATE_UNTRAP] = "untrap",
		[IKE_OPERATE_TRAP_FAILED] = "trap failed",
		[IKE_OPERATE_SHUNT] = "shunt",
		[IKE_OPERATE_UNSHUNT] = "unshunt" };
	const char *word = (size_t)op->kind < sizeof(words) / sizeof(words[0]) && words[op->kind]
		? words[op->kind]
		: "something else";

	if (op->spec) /* addresses have none */
		ladder(h->world, "%-6s    plane: %s, reqid %u, %08x_i %08x_o", h->name, word,
			op->spec->reqid, op->spec->spi_in, op->spec->spi_out);
	if (op->virtual)
		virtual_operate(h, op);
	else if (op->kind == IKE_OPERATE_SHUNT || op->kind == IKE_OPERATE_UNSHUNT)
		operate_shunt(h, op);
	else if (is_of_traps(op->kind))
		operate_trap(h, op);
	else
		operate_child(h, op);
}

void plane_use(const struct host *h, uint32_t child_id, ike_time *ret_in, ike_time *ret_out)
{
	struct esp_child_stats stats;

	if (esp_stats(h->esp, child_id, &stats) < 0)
		return;
	*ret_in = stats.in.last_used;
	*ret_out = stats.out.last_used;
	for (size_t i = 0; i < h->children_used; i++) {
		const struct sim_child *c = &h->children[i];

		if (!c->in || c->spec.child_id != child_id)
			continue;
		*ret_in = c->in_at > *ret_in ? c->in_at : *ret_in;
		*ret_out = c->out_at > *ret_out ? c->out_at : *ret_out;
	}
}

/* Packets. */

static void outs_init(struct esp_out out[static OUTS], uint8_t memory[static OUTS][OUT_BYTES])
{
	for (size_t i = 0; i < OUTS; i++)
		out[i] = (struct esp_out){ .memory = memory[i], .memory_size = OUT_BYTES };
}

static void tell_events(struct host *h)
{
	static const enum ike_kernel_kind kinds[] = {
		[ESP_EVENT_SOFT] = IKE_KERNEL_EXPIRE_SOFT,
		[ESP_EVENT_HARD] = IKE_KERNEL_EXPIRE_HARD,
		[ESP_EVENT_MAPPING] = IKE_KERNEL_MAPPING,
		[ESP_EVENT_UNKNOWN_SPI] = IKE_KERNEL_UNKNOWN_SPI,
		[ESP_EVENT_ACQUIRE] = IKE_KERNEL_ACQUIRE,
		[ESP_EVENT_SELECTORS] = IKE_KERNEL_SELECTORS,
	};
	struct esp_event event;

	while (esp_next_event(h->esp, &event)) {
		struct ike_kernel_event told = { .kind = kinds[event.kind],
			.child_id = event.child_id,
			.reqid = event.reqid,
			.remote = event.remote,
			.path = event.path,
			.spi = event.spi,
			.source = event.source,
			.destination = event.destination,
			.start_size = event.start_size };

		memcpy(told.start, event.start, event.start_size);
		host_kernel_later(h, &told);
	}
}

static void send_clear(struct host *h, const char *why)
{
	h->traffic.clear++;
	ladder(h->world, "%-6s a packet goes in the clear: %s", h->name, why);
}

static void deliver(struct host *h, struct bytes packet)
{
	uint64_t number = load_u64(packet.data + packet.size - sizeof(number));

	if (number >= h->world->flow_count) {
		world_broken(h->world, "a packet that nobody sent was delivered");
		return;
	}
	if (h->world->flow[number].delivered)
		world_broken(h->world, "a packet was delivered twice");
	h->world->flow[number].delivered = true;
	h->traffic.delivered++;
}

static void drop(struct host *h, const struct esp_out *o, const struct sim_packet *in)
{
	if (!in && o->reason == ESP_REASON_NO_POLICY) {
		send_clear(h, "no policy fits");
		return;
	}
	h->traffic.dropped++;
	if (in)
		ladder(h->world, "%-6s plane drops a packet in with SPI %08x: %s", h->name,
			in->size >= 4 ? load_u32(in->data) : 0, esp_reason_name(o->reason));
	else
		ladder(h->world, "%-6s plane drops a packet out: %s", h->name,
			esp_reason_name(o->reason));
}

static void carry(struct host *h, const struct esp_out *o, const struct sim_packet *in)
{
	switch (o->verdict) {
	case ESP_SEND:
		check_sequence(h, o->child_id, o->packet);
		network_send(h, o->encap ? CARRIES_ESP_IN_UDP : CARRIES_ESP, &o->path, o->packet);
		break;
	case ESP_DELIVER:
		deliver(h, o->packet);
		break;
	case ESP_DROP:
		drop(h, o, in);
		break;
	case ESP_REPLY:
	case ESP_KEPT:
		break;
	}
}

/* What came before an inbound SA that is there now. */
static void take_early(struct host *h)
{
	static const struct sim_packet early;
	uint8_t memory[OUTS][OUT_BYTES];
	struct esp_out out[OUTS];
	size_t used;

	outs_init(out, memory);
	while ((used = esp_early(h->esp, host_now(h), out, OUTS)))
		for (size_t i = 0; i < used; i++)
			carry(h, &out[i], &early);
	tell_events(h);
}

/* And what waited in traps for an outbound SA that came since. */
void plane_release(struct host *h)
{
	uint8_t memory[OUTS][OUT_BYTES];
	struct esp_out out[OUTS];
	size_t used;

	take_early(h);
	if (!h->plane_release || h->release_at > h->world->now)
		return;
	h->plane_release = false;
	h->release_at = 0;
	outs_init(out, memory);
	while ((used = esp_release(h->esp, host_now(h), out, OUTS)))
		for (size_t i = 0; i < used; i++)
			carry(h, &out[i], NULL);
	tell_events(h);
}

bool plane_receive(struct host *h, const struct sim_packet *p)
{
	uint8_t memory[OUTS][OUT_BYTES];
	struct esp_out out[OUTS];
	struct esp_in in = { .packet = BYTES(p->data, p->size),
		.path = p->path,
		.encap = p->carries == CARRIES_ESP_IN_UDP };

	outs_init(out, memory);
	esp_inbound(h->esp, host_now(h), &in, 1, out);
	carry(h, &out[0], p);
	tell_events(h);
	return out[0].verdict == ESP_DELIVER;
}

/* UDP from port 1000 to 2000; the packet's number ends it. */
static size_t packet_make(
	uint8_t *out, const struct address *from, const struct address *to, uint64_t number)
{
	const size_t payload = 8 + sizeof(number);
	struct writer p = writer_of(out, PACKET_BYTES);

	if (from->family == 4) {
		write_u32(&p, 0x45000000 | (uint32_t)(20 + payload));
		write_u32(&p, 0);
		write_u32(&p, 64u << 24 | 17u << 16);
	} else {
		write_u32(&p, 0x60000000);
		write_u16(&p, (uint16_t)payload);
		write_u16(&p, 17u << 8 | 64);
	}
	write_bytes(&p, address_bytes(from));
	write_bytes(&p, address_bytes(to));
	write_u32(&p, 1000u << 16 | 2000);
	write_u32(&p, (uint32_t)payload << 16);
	write_u64(&p, number);
	return p.size;
}

static uint64_t flow_next(const struct host *h, const struct address *to)
{
	struct world *w = h->world;

	if (w->flow_count == w->flow_room) {
		w->flow_room = w->flow_room ? 2 * w->flow_room : 256;
		w->flow = realloc(w->flow, w->flow_room * sizeof(*w->flow));
		if (!w->flow)
			abort();
	}
	w->flow[w->flow_count] = (struct sim_flow){ .from = h, .to = *to, .sent_at = w->now };
	return w->flow_count++;
}

void host_packet(struct host *h, const char *from, const char *to)
{
	uint8_t memory[OUTS][OUT_BYTES], packet[PACKET_BYTES];
	struct esp_out out[OUTS];
	struct address source, destination;
	struct esp_packet in = { 0 };
	size_t used = 0;

	if (address_parse(from, &source) < 0 || address_parse(to, &destination) < 0)
		world_die("a packet's address is none");
	h->traffic.sent++;
	in.data = BYTES(
		packet, packet_make(packet, &source, &destination, flow_next(h, &destination)));
	if (!h->engine) {
		h->traffic.dropped++;
		return;
	}
	outs_init(out, memory);
	esp_outbound(h->esp, host_now(h), &in, 1, out, OUTS, &used);
	for (size_t i = 0; i < used; i++) {
		if (out[i].verdict == ESP_DROP && out[i].reason == ESP_REASON_NO_POLICY)
			check_clear(h, &source, &destination);
		carry(h, &out[i], NULL);
	}
	tell_events(h);
}

uint64_t world_lost_packets(const struct world *w)
{
	uint64_t lost = w->flow_count;

	for (size_t i = 0; i < w->host_count; i++)
		lost -= w->hosts[i]->traffic.delivered + w->hosts[i]->traffic.clear;
	return lost;
}
