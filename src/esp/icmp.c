/* "Too big" replies towards the sender inside: RFC 1191 §4 and RFC 4443 §3.2. They come from the
 * address that the packet was for: it is routed into the tunnel device, so the reply passes the
 * reverse path filter. */
#include "esp/internal.h"

#define ICMP_HEADER_BYTES 8
#define HOPS              64

/* An IPv4 error quotes as much as keeps it within 576 octets, an IPv6 one within 1280. */
#define QUOTE_BYTES_MAX_IPV4 (MTU_MIN_IPV4 - IPV4_HEADER_BYTES - ICMP_HEADER_BYTES)
#define QUOTE_BYTES_MAX_IPV6 (MTU_MIN_IPV6 - IPV6_HEADER_BYTES - ICMP_HEADER_BYTES)

static bool is_multicast(const struct address *a)
{
	return a->family == 4 ? a->octets[0] >= 224 : a->octets[0] == 0xff;
}

/* ICMP never answers errors, later fragments or what has no one sender: RFC 1122 §3.2.2, RFC 4443
 * §2.4. */
static bool reply_is_due(const struct flow *f)
{
	uint8_t type = (uint8_t)(f->source_port >> 8);

	if (!f->first || is_multicast(&f->source) || address_is_any(&f->source))
		return false;
	if (f->family == 6)
		return f->protocol != PROTOCOL_ICMPV6 || (f->ports_known && type >= 128);
	if (is_multicast(&f->destination))
		return false;
	return f->protocol != PROTOCOL_ICMPV4 ||
		(f->ports_known && type != 3 && type != 4 && type != 5 && type != 11 && type != 12);
}

static void write_ipv4(struct writer *w, const struct flow *f, size_t quoted)
{
	write_u16(w, 0x4500);
	write_u16(w, (uint16_t)(IPV4_HEADER_BYTES + ICMP_HEADER_BYTES + quoted));
	write_u32(w, 0);
	write_u8(w, HOPS);
	write_u8(w, PROTOCOL_ICMPV4);
	write_u16(w, 0);
	write_bytes(w, address_bytes(&f->destination));
	write_bytes(w, address_bytes(&f->source));
}

static void write_ipv6(struct writer *w, const struct flow *f, size_t quoted)
{
	write_u32(w, 0x60000000);
	write_u16(w, (uint16_t)(ICMP_HEADER_BYTES + quoted));
	write_u8(w, PROTOCOL_ICMPV6);
	write_u8(w, HOPS);
	write_bytes(w, address_bytes(&f->destination));
	write_bytes(w, address_bytes(&f->source));
}

size_t icmp_too_big(
	const struct flow *f, struct bytes packet, uint32_t mtu, uint8_t *out, size_t out_size)
{
	size_t limit = f->family == 4 ? QUOTE_BYTES_MAX_IPV4 : QUOTE_BYTES_MAX_IPV6;
	size_t quoted = f->size < limit ? f->size : limit;
	size_t header = f->family == 4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
	struct writer w = writer_of(out, out_size);
	uint32_t sum = 0;

	if (!reply_is_due(f))
		return 0;

	if (f->family == 4)
		write_ipv4(&w, f, quoted);
	else
		write_ipv6(&w, f, quoted);
	write_u32(&w, f->family == 4 ? 0x03040000 : 0x02000000);
	write_u32(&w, mtu);
	write_bytes(&w, BYTES(packet.data, quoted));
	if (!writer_ok(&w))
		return 0;

	if (f->family == 4)
		ipv4_checksum(out, IPV4_HEADER_BYTES);
	else
		sum = checksum_pseudo(f, PROTOCOL_ICMPV6, w.used - header);
	store_u16(out + header + 2,
		checksum_end(checksum_add(sum, BYTES(out + header, w.used - header))));
	return w.used;
}

/* A bucket of one second's worth. */
bool icmp_may_send(struct esp *esp, ike_time now)
{
	uint64_t cost = NS_PER_SECOND / esp->options.icmp_per_second;
	uint64_t waited = now > esp->icmp_filled_at ? now - esp->icmp_filled_at : 0;

	esp->icmp_filled_at = now;
	esp->icmp_tokens_ns += waited < NS_PER_SECOND ? waited : NS_PER_SECOND;
	if (esp->icmp_tokens_ns > NS_PER_SECOND)
		esp->icmp_tokens_ns = NS_PER_SECOND;
	if (esp->icmp_tokens_ns < cost)
		return false;

	esp->icmp_tokens_ns -= cost;
	return true;
}
