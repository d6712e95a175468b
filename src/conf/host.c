/* Addresses, subnets, ranges and names of hosts; traffic selectors are in selector.c. */
#include "conf/internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

static int prefix_range(
	const struct address *a, unsigned bits, struct address *ret_first, struct address *ret_last)
{
	size_t size = address_size(a);

	if (bits > 8 * size)
		return -EINVAL;

	*ret_first = *ret_last = *a;
	for (size_t i = 0; i < size; i++) {
		unsigned kept = bits >= 8 * (i + 1) ? 8
			: bits > 8 * i              ? bits - (unsigned)(8 * i)
						    : 0;
		uint8_t mask = (uint8_t)(0xff00 >> kept);

		ret_first->octets[i] &= mask;
		ret_last->octets[i] |= (uint8_t)~mask;
	}
	return 0;
}

static int parse_subnet(
	const char *text, const char *slash, struct address *ret_first, struct address *ret_last)
{
	char address[ADDRESS_TEXT_MAX];
	struct address a;
	unsigned bits;
	int used = 0;

	if ((size_t)(slash - text) >= sizeof(address))
		return -EINVAL;
	snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
	if (address_parse(address, &a) < 0 || !isdigit((unsigned char)slash[1]) ||
		sscanf(slash + 1, "%3u%n", &bits, &used) != 1 || slash[1 + used])
		return -EINVAL;

	return prefix_range(&a, bits, ret_first, ret_last);
}

static int parse_span(const char *text, const char *dash, size_t dash_size,
	struct address *ret_first, struct address *ret_last)
{
	char first[ADDRESS_TEXT_MAX];
	struct address a, b;

	if ((size_t)(dash - text) >= sizeof(first))
		return -EINVAL;
	snprintf(first, sizeof(first), "%.*s", (int)(dash - text), text);
	if (address_parse(first, &a) < 0 || address_parse(dash + dash_size, &b) < 0 ||
		a.family != b.family || address_compare(&a, &b) > 0)
		return -EINVAL;

	*ret_first = a;
	*ret_last = b;
	return 0;
}

int range_parse(const char *text, struct address *ret_first, struct address *ret_last)
{
	const char *slash = strchr(text, '/'), *dots = strstr(text, ".."),
		   *dash = strchr(text, '-');
	struct address a;

	if (slash)
		return parse_subnet(text, slash, ret_first, ret_last);
	if (dots)
		return parse_span(text, dots, 2, ret_first, ret_last);
	if (dash)
		return parse_span(text, dash, 1, ret_first, ret_last);
	if (address_parse(text, &a) < 0)
		return -EINVAL;

	*ret_first = *ret_last = a;
	return 0;
}

static bool name_is_host(const char *text)
{
	if (!text[0] || strlen(text) > 253)
		return false;
	for (const char *c = text; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
			return false;

	/* What has digits and dots only is an address gone wrong. */
	return strspn(text, "0123456789.") != strlen(text);
}

int conf_host_parse(
	const char *text, struct host_pattern *ret_host, char *problem, size_t problem_size)
{
	struct host_pattern host = { .kind = HOST_ANY };

	if (!range_parse(text, &host.first, &host.last)) {
		host.kind = address_equal(&host.first, &host.last) ? HOST_ADDRESS : HOST_RANGE;
		if (host.kind == HOST_ADDRESS && address_is_any(&host.first))
			host = (struct host_pattern){ .kind = HOST_ANY };
	} else if (name_is_host(text)) {
		host.kind = HOST_NAME;
	} else if (strcmp(text, "%any") && strcmp(text, "%any4") && strcmp(text, "%any6") &&
		strcmp(text, "*")) {
		snprintf(problem, problem_size,
			"'%.80s' is no address, subnet, range or name of a host", text);
		return -EINVAL;
	}

	host.text = ret_host->text;
	*ret_host = host;
	return 0;
}
