/* Traffic selectors, RFC 7296 §3.13: ranges of addresses and ports, and how people read them. */
#include "wire/text.h"
#include "wire/wire.h"

#include <assert.h>

#define SELECTOR_HEADER_BYTES 4
#define PROTOCOL_ICMP         1
#define PROTOCOL_ICMPV6       58

/* "OPAQUE": the packets that show no port, RFC 4301 §4.4.1.1. */
static bool selector_is_opaque(const struct selector *s)
{
	return s->port_first == UINT16_MAX && s->port_last == 0;
}

static bool selector_valid(const struct selector *s)
{
	if (address_compare(&s->first, &s->last) > 0)
		return false;

	return s->port_first <= s->port_last || selector_is_opaque(s);
}

static bool selector_read_inside(
	struct reader *r, uint8_t protocol, uint8_t family, struct selector *ret)
{
	size_t size = family == 4 ? 4 : 16;
	struct selector s = { .family = family, .protocol = protocol };

	s.port_first = read_u16(r);
	s.port_last = read_u16(r);
	s.first = address_from(read_bytes(r, size));
	s.last = address_from(read_bytes(r, size));
	if (!reader_done(r) || !selector_valid(&s))
		return false;

	*ret = s;
	return true;
}

/* Appends one selector where its type is known. */
static bool selector_read(struct reader *r, struct selectors *list)
{
	uint8_t type = read_u8(r);
	uint8_t protocol = read_u8(r);
	uint16_t length = read_u16(r);
	struct reader inside;

	if (length < SELECTOR_HEADER_BYTES)
		return false;
	inside = reader_of(read_bytes(r, length - SELECTOR_HEADER_BYTES));
	if (!reader_ok(r))
		return false;
	if (type != TS_IPV4_ADDR_RANGE && type != TS_IPV6_ADDR_RANGE)
		return true;
	if (list->count == SELECTORS_MAX)
		return false;

	return selector_read_inside(
		&inside, protocol, type == TS_IPV4_ADDR_RANGE ? 4 : 6, &list->list[list->count++]);
}

bool selectors_decode(struct bytes body, struct selectors *ret_selectors)
{
	struct reader r = reader_of(body);
	struct selectors list = { 0 };
	uint8_t count = read_u8(&r);

	read_skip(&r, 3);
	for (uint8_t i = 0; i < count; i++)
		if (!selector_read(&r, &list))
			return false;
	if (!reader_done(&r) || count == 0)
		return false;

	*ret_selectors = list;
	return true;
}

void selectors_encode(struct writer *w, const struct selectors *selectors)
{
	assert(selectors->count <= SELECTORS_MAX);

	write_u8(w, (uint8_t)selectors->count);
	write_zeros(w, 3);
	for (size_t i = 0; i < selectors->count; i++) {
		const struct selector *s = &selectors->list[i];
		size_t addresses = address_size(&s->first) + address_size(&s->last);

		assert(s->first.family == s->family && s->last.family == s->family);

		write_u8(w, s->family == 4 ? TS_IPV4_ADDR_RANGE : TS_IPV6_ADDR_RANGE);
		write_u8(w, s->protocol);
		write_u16(w, (uint16_t)(SELECTOR_HEADER_BYTES + 4 + addresses));
		write_u16(w, s->port_first);
		write_u16(w, s->port_last);
		write_bytes(w, address_bytes(&s->first));
		write_bytes(w, address_bytes(&s->last));
	}
}

/* The length of the prefix that is exactly this range, or -1. */
static int range_prefix(const struct address *first, const struct address *last)
{
	int bits = (int)address_size(first) * 8;
	int prefix = 0;

	while (prefix < bits &&
		!((first->octets[prefix / 8] ^ last->octets[prefix / 8]) >> (7 - prefix % 8) & 1))
		prefix++;

	for (int i = prefix; i < bits; i++) {
		int bit = 7 - i % 8;

		if (first->octets[i / 8] >> bit & 1 || !(last->octets[i / 8] >> bit & 1))
			return -1;
	}

	return prefix;
}

static void add_range(struct text *t, const struct selector *s)
{
	char address[ADDRESS_TEXT_MAX];
	int prefix = range_prefix(&s->first, &s->last);

	text_add(t, address_print(&s->first, address));
	if (prefix >= 0) {
		text_add(t, "/");
		text_add_number(t, (uint64_t)prefix);
	} else {
		text_add(t, "..");
		text_add(t, address_print(&s->last, address));
	}
}

static void add_protocol(struct text *t, uint8_t protocol)
{
	static const struct text_name names[] = {
		{ 1, "icmp" },
		{ 2, "igmp" },
		{ 4, "ipencap" },
		{ 6, "tcp" },
		{ 17, "udp" },
		{ 33, "dccp" },
		{ 41, "ipv6" },
		{ 47, "gre" },
		{ 50, "esp" },
		{ 51, "ah" },
		{ 58, "ipv6-icmp" },
		{ 89, "ospf" },
		{ 112, "vrrp" },
		{ 115, "l2tp" },
		{ 132, "sctp" },
		{ 135, "mobility-header" },
		{ 136, "udplite" },
		{ 0, NULL },
	};
	const char *name = text_name_find(names, protocol);

	if (name)
		text_add(t, name);
	else
		text_add_number(t, protocol);
}

/* ICMP has a type and a code where others have a port. */
static void add_port(struct text *t, const struct selector *s, uint16_t port)
{
	if (s->protocol != PROTOCOL_ICMP && s->protocol != PROTOCOL_ICMPV6) {
		text_add_number(t, port);
		return;
	}

	text_add_number(t, port >> 8);
	if (port & 0xff) {
		text_add(t, "(");
		text_add_number(t, port & 0xff);
		text_add(t, ")");
	}
}

static void add_ports(struct text *t, const struct selector *s)
{
	text_add(t, "/");
	if (selector_is_opaque(s)) {
		text_add(t, "OPAQUE");
		return;
	}

	add_port(t, s, s->port_first);
	if (s->port_first != s->port_last) {
		text_add(t, "-");
		add_port(t, s, s->port_last);
	}
}

char *selector_print(const struct selector *s, char out[static SELECTOR_TEXT_MAX])
{
	bool any_port = s->port_first == 0 && s->port_last == UINT16_MAX;
	struct text t = text_of(out, SELECTOR_TEXT_MAX);

	add_range(&t, s);
	if (s->protocol == 0 && any_port)
		return out;

	text_add(&t, "[");
	add_protocol(&t, s->protocol);
	if (!any_port)
		add_ports(&t, s);
	text_add(&t, "]");

	return out;
}
