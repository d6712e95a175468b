#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

struct address address_from(struct bytes octets)
{
	struct address a = { 0 };

	if (octets.size != 4 && octets.size != 16)
		return a;

	a.family = octets.size == 4 ? 4 : 6;
	memcpy(a.octets, octets.data, octets.size);
	return a;
}

int address_parse(const char *text, struct address *ret_address)
{
	struct address a = { 0 };

	if (inet_pton(AF_INET, text, a.octets) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, text, a.octets) == 1)
		a.family = 6;
	else
		return -EINVAL;

	*ret_address = a;
	return 0;
}

char *address_print(const struct address *a, char out[static ADDRESS_TEXT_MAX])
{
	if (a->family == 0)
		return strcpy(out, "%any");

	inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->octets, out, ADDRESS_TEXT_MAX);
	return out;
}

char *endpoint_print(const struct endpoint *e, char out[static ENDPOINT_TEXT_MAX])
{
	char text[ADDRESS_TEXT_MAX];

	snprintf(out, ENDPOINT_TEXT_MAX, "%s[%u]", address_print(&e->address, text), e->port);
	return out;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && memcmp(a->octets, b->octets, sizeof(a->octets)) == 0;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && address_equal(&a->address, &b->address);
}

int address_compare(const struct address *a, const struct address *b)
{
	return memcmp(a->octets, b->octets, sizeof(a->octets));
}

bool address_is_any(const struct address *a)
{
	static const uint8_t zeros[16];

	return a->family == 0 || memcmp(a->octets, zeros, sizeof(zeros)) == 0;
}
