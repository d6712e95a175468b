/* From the TUN device to the peer: read the packet, find its policy and the SA that carries it, see
 * that it fits, copy it behind room for ESP's header, clamp, pad, seal. A packet that is to be cut is
 * looked at once, and its segments are written where they are sealed; where that isn't all there is to
 * do, each segment goes the way of any packet. */
#include "esp/internal.h"

#include <assert.h>

/* One call's outputs. */
struct outbound {
	struct esp *esp;
	ike_time now;
	size_t source;
	struct esp_out *out;
	size_t used, count;
	/* What was chosen for the packet before: most are of the same flow. */
	struct flow chosen_for; /* family 0: none */
	struct policy *policy;
	struct child *child;
	struct gathered *gathered;
};

/* Packets of one child that are sealed together: where that is quicker. */
struct gathered {
	struct child *child;
	size_t count;
	struct esp_out *out[SEALER_MANY];
	struct sealer_packet work[SEALER_MANY];
	struct authenticated authenticated[SEALER_MANY];
};

enum outcome { OUTCOME_DONE, OUTCOME_FULL };

/* What one payload becomes. */
struct load {
	struct child *child;
	const struct flow *flow;
	uint8_t next_header;
	size_t size;
	bool df;
};

static struct esp_out *output_take(struct outbound *o)
{
	struct esp_out *out = &o->out[o->used++];

	*out = (struct esp_out){
		.memory = out->memory, .memory_size = out->memory_size, .source = o->source
	};
	return out;
}

static enum outcome drop(struct outbound *o, const struct child *c, enum esp_reason reason)
{
	struct esp_out *out = output_take(o);

	out->child_id = c ? c->spec.child_id : 0;
	out_drop(o->esp, out, reason);
	return OUTCOME_DONE;
}

/* How long the payload is with traffic flow confidentiality: tunnels alone, whose inner length
 * tells where it ends. */
static size_t padded_size(const struct child *c, size_t size, size_t memory_size)
{
	size_t room = payload_room(c), want = c->spec.tfc_padding;

	if (c->spec.mode != CHILD_TUNNEL || want == 0)
		return size;
	if (want > room)
		want = room;
	if (want <= size || sealed_size(c, want) > memory_size)
		return size;
	return want;
}

static void seal_gathered(struct outbound *o)
{
	struct gathered *g = o->gathered;

	if (g->count)
		packet_seal_many(o->esp, g->child, g->work, g->count);
	for (size_t i = 0; i < g->count; i++) {
		if (g->work[i].result != 0)
			out_drop(o->esp, g->out[i], ESP_REASON_CRYPTO);
	}
	g->count = 0;
}

/* Seals at once or with others; of how many octets then. 0: refused. */
static size_t seal_or_gather(
	struct outbound *o, struct child *c, struct esp_out *out, struct inner inner)
{
	struct gathered *g = o->gathered;
	struct authenticated a;
	struct sealer_packet work;

	if (!sealer_gathers(c->out.sealer)) {
		work = packet_close(c, out->memory, inner, &a);
		return packet_seal(o->esp, c, &work) ? packet_size(c, &work) : 0;
	}
	if (g->count == SEALER_MANY || g->child != c)
		seal_gathered(o);
	g->child = c;
	g->out[g->count] = out;
	g->work[g->count] = packet_close(c, out->memory, inner, &g->authenticated[g->count]);
	return packet_size(c, &g->work[g->count++]);
}

/* Seals what lies at payload_offset() of the output. */
static void seal(struct outbound *o, struct esp_out *out, const struct load *l)
{
	struct child *c = l->child;
	size_t padded = padded_size(c, l->size, out->memory_size), size;

	out->child_id = c->spec.child_id;
	if (!sa_may_pass(o->esp, c, &c->out)) {
		out_drop(o->esp, out, ESP_REASON_EXHAUSTED);
		return;
	}
	memset(out->memory + payload_offset(c) + l->size, 0, padded - l->size);
	size = seal_or_gather(o, c, out, (struct inner){ padded, l->next_header });
	if (size == 0) {
		out_drop(o->esp, out, ESP_REASON_CRYPTO);
		return;
	}
	sa_count(o->esp, o->now, c, &c->out,
		c->spec.mode == CHILD_TRANSPORT ? l->flow->size : l->size);
	out->verdict = ESP_SEND;
	out->packet = BYTES(out->memory, size);
	out->path = c->spec.path;
	out->encap = c->spec.encap;
	out->df = l->df;
	out->tos =
		c->spec.mode == CHILD_TRANSPORT ? l->flow->tos : tos_outer(&c->spec, l->flow->tos);
}

static enum outcome reply_too_big(
	struct outbound *o, const struct load *l, struct bytes packet, uint32_t mtu)
{
	struct esp_out *out = output_take(o);
	size_t size = icmp_too_big(l->flow, packet, mtu, out->memory, out->memory_size);

	out->child_id = l->child->spec.child_id;
	if (size == 0 || !icmp_may_send(o->esp, o->now)) {
		out_drop(o->esp, out, ESP_REASON_TOO_BIG);
		return OUTCOME_DONE;
	}
	o->esp->drops[ESP_REASON_TOO_BIG]++;
	out->verdict = ESP_REPLY;
	out->packet = BYTES(out->memory, size);
	return OUTCOME_DONE;
}

static enum outcome send_fragments(
	struct outbound *o, struct load *l, struct bytes packet, uint32_t mtu)
{
	size_t offset = 0, at = payload_offset(l->child);

	if (fragment_count(packet, mtu) > o->count - o->used)
		return OUTCOME_FULL;

	while (offset < packet.size) {
		struct esp_out *out = &o->out[o->used];

		if (out->memory_size < mtu + ESP_OVERHEAD_MAX)
			return drop(o, l->child, ESP_REASON_NO_ROOM);
		l->size = fragment_next(packet, mtu, &offset, out->memory + at);
		if (l->size == 0)
			return OUTCOME_DONE;
		seal(o, output_take(o), l);
	}
	return OUTCOME_DONE;
}

static void clamp(const struct outbound *o, const struct load *l, uint8_t *upper, size_t size)
{
	const struct flow *f = l->flow;

	if (f->protocol == PROTOCOL_TCP && f->first && !o->esp->options.no_mss_clamp)
		mss_clamp(upper, size, f->family, child_mtu(l->child, f->family));
}

/* The packet as it is, without its IP header in transport mode. */
static enum outcome send_whole(struct outbound *o, struct load *l, struct bytes packet)
{
	struct esp_out *out = output_take(o);
	struct child *c = l->child;
	uint8_t *copy = out->memory + payload_offset(c);
	size_t header = 0;

	if (out->memory_size < packet.size + ESP_OVERHEAD_MAX) {
		o->used--;
		return drop(o, c, ESP_REASON_NO_ROOM);
	}
	if (c->spec.mode == CHILD_TRANSPORT)
		header = l->flow->family == 4 ? l->flow->upper : IPV6_HEADER_BYTES;
	l->size = packet.size - header;
	memcpy(copy, packet.data + header, l->size);
	if (c->spec.mode == CHILD_TRANSPORT)
		track_show(copy + l->flow->upper - header, l->flow, 2, l->flow->destination_port);
	clamp(o, l, copy + l->flow->upper - header, packet.size - l->flow->upper);
	seal(o, out, l);
	return OUTCOME_DONE;
}

/* Whether transport mode can carry it. Extension headers that routers read would have to stay
 * outside. */
static enum esp_reason judge_transport(
	const struct child *c, const struct flow *f, struct bytes packet)
{
	if (f->family != c->spec.path.remote.address.family)
		return ESP_REASON_NO_POLICY;
	if (f->fragment)
		return ESP_REASON_FRAGMENT;
	if (f->family == 6 && (packet.data[6] == 0 || packet.data[6] == 43))
		return ESP_REASON_MALFORMED;
	return ESP_REASON_NONE;
}

/* Fragments behind the first don't show their ports: an SA for certain ports doesn't take them, and
 * they must not be sent over it, RFC 4301 §7.3 (NON_FIRST_FRAGMENTS_ALSO is never agreed on). The
 * whole goes then, and its ESP packet in fragments. */
static bool takes_fragments(const struct child *c, const struct flow *f)
{
	struct flow later = *f;

	later.fragment = true;
	later.first = later.ports_known = false;
	return selectors_fit(&c->spec.local, &c->spec.remote, &later);
}

static bool sets_df(const struct child *c, const struct flow *f)
{
	/* An IPv6 packet of 1280 octets passes in any case: in outer fragments where it must (RFC
	 * 2473 §7.1). */
	if (c->spec.mode == CHILD_TUNNEL && f->size > payload_room(c))
		return false;
	return f->df && (c->spec.mode == CHILD_TRANSPORT || c->spec.copy_df == COPY_DF_YES);
}

static uint8_t protocol_inside(const struct flow *f)
{
	return f->family == 4 ? PROTOCOL_IPV4 : PROTOCOL_IPV6;
}

static enum outcome carry(
	struct outbound *o, struct child *c, const struct flow *f, struct bytes packet)
{
	struct load l = { .child = c, .flow = f, .next_header = protocol_inside(f) };
	uint32_t mtu = child_mtu(c, f->family);
	enum esp_reason reason;

	if (c->spec.mode == CHILD_TRANSPORT) {
		reason = judge_transport(c, f, packet);
		if (reason != ESP_REASON_NONE)
			return drop(o, c, reason);
		l.next_header = packet.data[f->family == 4 ? 9 : 6];
	}

	if (f->size > mtu && f->df)
		return reply_too_big(o, &l, packet, mtu);
	if (f->size > mtu && c->spec.mode == CHILD_TUNNEL && takes_fragments(c, f))
		return send_fragments(o, &l, packet, mtu);

	l.df = sets_df(c, f);
	return send_whole(o, &l, packet);
}

static enum outcome keep(
	struct outbound *o, struct policy *p, const struct flow *f, struct bytes packet)
{
	enum esp_reason reason = trap_keep(o->esp, o->now, p, f, packet);

	if (reason != ESP_REASON_NONE)
		return drop(o, NULL, reason);
	output_take(o)->verdict = ESP_KEPT;
	return OUTCOME_DONE;
}

static bool same_choice(const struct flow *a, const struct flow *b)
{
	return a->family == b->family && a->protocol == b->protocol &&
		a->ports_known == b->ports_known && a->source_port == b->source_port &&
		a->destination_port == b->destination_port &&
		address_equal(&a->source, &b->source) &&
		address_equal(&a->destination, &b->destination);
}

/* The policy that a packet falls under and the child that takes it; NULL: none. What goes back to one of
 * those behind a NAT goes where its flow came from, to the port that it has there. */
static struct policy *choose(struct outbound *o, struct flow *f, struct child **ret_child)
{
	struct child *c = track_outbound(o->esp, o->now, f);

	if (c) {
		*ret_child = c;
		return c->policy;
	}
	if (!same_choice(&o->chosen_for, f)) {
		o->chosen_for = *f;
		o->policy = policy_find(o->esp, f);
		o->child = o->policy ? policy_child(o->policy, f) : NULL;
	}
	*ret_child = o->child;
	return o->policy;
}

static enum outcome outbound_packet(
	struct outbound *o, const struct flow *flow, struct bytes packet)
{
	struct flow f = *flow;
	struct child *c;
	struct policy *p = choose(o, &f, &c);

	if (!p)
		return drop(o, NULL, ESP_REASON_NO_POLICY);
	if (mode_is_shunt(p->trap.mode))
		return drop(o, NULL, shunt_reason(p));
	if (c && !trap_holds(o->esp, p, f.size))
		return carry(o, c, &f, packet);
	if (c || (p->trap.laid && selectors_fit(&p->trap.local, &p->trap.remote, &f)))
		return keep(o, p, &f, packet);
	return drop(o, NULL, ESP_REASON_NO_SA);
}

/* Whether a segment of a child in tunnel mode fits and can be written where it is sealed. */
static bool fits_directly(const struct outbound *o, const struct child *c, const struct flow *f)
{
	return c && c->spec.mode == CHILD_TUNNEL && f->size <= child_mtu(c, f->family) &&
		o->out[o->used].memory_size >= f->size + ESP_OVERHEAD_MAX;
}

static void send_segment(struct outbound *o, struct child *c, const struct flow *f,
	const struct segments *s, size_t index)
{
	struct load l = { .child = c,
		.flow = f,
		.next_header = protocol_inside(f),
		.size = f->size,
		.df = sets_df(c, f) };
	struct esp_out *out = output_take(o);
	uint8_t *segment = out->memory + payload_offset(c);

	segment_write(s, index, segment);
	clamp(o, &l, segment + f->upper, f->size - f->upper);
	seal(o, out, &l);
}

/* What is too big is so with each of its segments: the sender hears of it once. */
static bool was_too_big(const struct outbound *o)
{
	const struct esp_out *last = &o->out[o->used - 1];

	return last->verdict == ESP_REPLY ||
		(last->verdict == ESP_DROP && last->reason == ESP_REASON_TOO_BIG);
}

static enum outcome outbound_segments(
	struct outbound *o, struct flow *f, const struct segments *s, size_t *done)
{
	struct flow first = *f;
	struct esp *esp = o->esp;
	struct policy *p;
	struct child *c;

	first.size = segment_size(s, *done);
	p = choose(o, &first, &c);
	if (c && trap_holds(esp, p, first.size))
		c = NULL;
	for (; *done < s->count; (*done)++) {
		if (o->used == o->count)
			return OUTCOME_FULL;
		f->size = segment_size(s, *done);
		if (fits_directly(o, c, f)) {
			send_segment(o, c, f, s, *done);
			continue;
		}
		segment_write(s, *done, esp->segment);
		if (outbound_packet(o, f, BYTES(esp->segment, f->size)) == OUTCOME_FULL)
			return OUTCOME_FULL;
		if (was_too_big(o)) {
			esp->drops[ESP_REASON_TOO_BIG] += s->count - *done - 1;
			*done = s->count - 1;
		}
	}
	return OUTCOME_DONE;
}

static enum outcome outbound_one(struct outbound *o, struct esp_packet *in)
{
	struct segments segments;
	struct flow f;

	if (!flow_read(in->data, &f))
		return drop(o, NULL, ESP_REASON_MALFORMED);
	if (!in->segment_bytes)
		return outbound_packet(o, &f, BYTES(in->data.data, f.size));
	if (!segments_read(&f, in->data, in->segment_bytes, &segments))
		return drop(o, NULL, ESP_REASON_MALFORMED);
	return outbound_segments(o, &f, &segments, &in->segments_done);
}

size_t esp_outbound(struct esp *esp, ike_time now, struct esp_packet *in, size_t count,
	struct esp_out *out, size_t out_count, size_t *ret_used)
{
	struct gathered gathered;
	struct outbound o = {
		.esp = esp, .now = now, .out = out, .count = out_count, .gathered = &gathered
	};

	gathered.child = NULL;
	gathered.count = 0;
	kept_expire(esp, now);
	while (o.source < count && o.used < o.count) {
		if (outbound_one(&o, &in[o.source]) == OUTCOME_FULL) {
			if (o.used > 0)
				break;
			drop(&o, NULL, ESP_REASON_NO_ROOM); /* would never fit */
		}
		o.source++;
	}
	seal_gathered(&o);
	*ret_used = o.used;
	return o.source;
}

size_t esp_release(struct esp *esp, ike_time now, struct esp_out *out, size_t out_count)
{
	struct gathered gathered;
	struct outbound o = {
		.esp = esp, .now = now, .out = out, .count = out_count, .gathered = &gathered
	};
	struct kept **at = &esp->kept;

	gathered.child = NULL;
	gathered.count = 0;
	for (struct kept *k = esp->kept; k; k = k->next)
		k->policy->trap.holding = false;
	kept_expire(esp, now);
	while (*at && o.used < o.count) {
		struct kept *k = *at;
		struct child *c;
		struct flow f;

		c = flow_read(BYTES(k->data, k->size), &f) ? policy_child(k->policy, &f) : NULL;
		if (!c) {
			at = &k->next;
			continue;
		}
		if (carry(&o, c, &f, BYTES(k->data, k->size)) == OUTCOME_FULL) {
			if (o.used > 0)
				break;
			drop(&o, c, ESP_REASON_NO_ROOM); /* would never fit */
		}
		k->policy->trap.stats.released++;
		kept_remove(esp, at);
	}
	seal_gathered(&o);
	return o.used;
}
