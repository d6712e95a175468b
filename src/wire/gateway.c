/* Gateways as REDIRECT and REDIRECTED_FROM name them, RFC 5685 §9: an address, or a name. */
#include <ctype.h>
#include <stdio.h>

#include "wire/wire.h"

static bool name_valid(struct bytes name)
{
	for (size_t i = 0; i < name.size; i++)
		if (!isalnum(name.data[i]) && (!name.data[i] || !strchr("-._", name.data[i])))
			return false;

	return name.size > 0;
}

/* An address that one host can have. */
static bool address_valid(const struct address *a)
{
	bool multicast = a->family == 4 ? (a->octets[0] & 0xf0) == 0xe0 : a->octets[0] == 0xff;

	return !address_is_any(a) && !multicast && !(a->family == 4 && a->octets[0] == 0xff);
}

static bool gateway_valid(const struct gateway *g)
{
	struct address a;

	switch (g->type) {
	case GATEWAY_IPV4:
	case GATEWAY_IPV6:
		return gateway_address(g, &a) && address_valid(&a);
	case GATEWAY_FQDN:
		return name_valid(BYTES(g->identity, g->size));
	default:
		return false;
	}
}

bool gateway_address(const struct gateway *g, struct address *ret_address)
{
	if (!(g->type == GATEWAY_IPV4 && g->size == 4) &&
		!(g->type == GATEWAY_IPV6 && g->size == 16))
		return false;
	*ret_address = address_from(BYTES(g->identity, g->size));
	return true;
}

struct gateway gateway_of_address(const struct address *a)
{
	struct gateway g = { .type = a->family == 4 ? GATEWAY_IPV4 : GATEWAY_IPV6,
		.size = (uint8_t)address_size(a) };

	memcpy(g.identity, a->octets, g.size);
	return g;
}

bool gateway_parse(const char *text, struct gateway *ret_gateway)
{
	struct gateway g = { .type = GATEWAY_FQDN };
	size_t size = strlen(text);
	struct address a;

	if (size > GATEWAY_NAME_MAX)
		return false;
	if (address_parse(text, &a) == 0) {
		g = gateway_of_address(&a);
	} else {
		g.size = (uint8_t)size;
		memcpy(g.identity, text, size);
		if (strspn(text, "0123456789.") == size)
			return false; /* an address gone wrong */
	}
	if (!gateway_valid(&g))
		return false;
	*ret_gateway = g;
	return true;
}

char *gateway_print(const struct gateway *g, char out[static GATEWAY_TEXT_MAX])
{
	struct address a;

	if (gateway_address(g, &a))
		return address_print(&a, out);
	snprintf(out, GATEWAY_TEXT_MAX, "%.*s", g->type == GATEWAY_FQDN ? g->size : 0,
		(const char *)g->identity);
	return out;
}

bool gateway_decode(struct bytes data, struct gateway *ret_gateway, struct bytes *ret_nonce)
{
	struct reader r = reader_of(data);
	struct gateway g = { .type = read_u8(&r), .size = read_u8(&r) };

	read_copy(&r, g.identity, g.size);
	if (!reader_ok(&r) || !gateway_valid(&g))
		return false;
	*ret_gateway = g;
	*ret_nonce = read_rest(&r);
	return true;
}

void gateway_encode(struct writer *w, const struct gateway *g, struct bytes nonce)
{
	write_u8(w, g->type);
	write_u8(w, g->size);
	write_bytes(w, BYTES(g->identity, g->size));
	write_bytes(w, nonce);
}
