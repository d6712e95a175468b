/* Traffic selectors: "10.1.0.0/16[tcp/80]", "dynamic[udp/1000-2000]", "10.0.0.1..10.0.0.9",
 * "dynamic[/domain]". */
#include "conf/internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define SELECTOR_BYTES_MAX 160

static int parse_number(const char *text, unsigned long max, unsigned long *ret_value)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	value = strtoul(text, &end, 10);
	if (*end || value > max)
		return -EINVAL;

	*ret_value = value;
	return 0;
}

static int parse_protocol(const char *text, uint8_t *ret_protocol)
{
	static const struct {
		const char *name;
		uint8_t number;
	} common[] = { { "", 0 }, { "any", 0 }, { "%any", 0 }, { "icmp", 1 }, { "tcp", 6 },
		{ "udp", 17 }, { "gre", 47 }, { "ipv6-icmp", 58 }, { "icmpv6", 58 }, { "ospf", 89 },
		{ "l2tp", 115 }, { "sctp", 132 } };
	const struct protoent *known;
	unsigned long number;

	if (!parse_number(text, 255, &number)) {
		*ret_protocol = (uint8_t)number;
		return 0;
	}
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (!strcasecmp(text, common[i].name)) {
			*ret_protocol = common[i].number;
			return 0;
		}
	known = getprotobyname(text);
	if (!known)
		return -EINVAL;

	*ret_protocol = (uint8_t)known->p_proto;
	return 0;
}

static int parse_port(const char *text, uint16_t *ret_port)
{
	const struct servent *known;
	unsigned long number;

	if (!parse_number(text, 65535, &number)) {
		*ret_port = (uint16_t)number;
		return 0;
	}
	known = getservbyname(text, NULL);
	if (!known)
		return -EINVAL;

	*ret_port = ntohs((uint16_t)known->s_port);
	return 0;
}

static int parse_ports(char *text, struct selector *s)
{
	uint16_t first, last;
	char *dash;

	if (!text[0] || !strcasecmp(text, "any") || !strcasecmp(text, "%any"))
		return 0;
	if (!strcasecmp(text, "opaque")) {
		s->port_first = 65535;
		s->port_last = 0;
		return 0;
	}
	if (!parse_port(text, &first)) { /* also a service with a '-' in its name */
		s->port_first = s->port_last = first;
		return 0;
	}
	dash = strchr(text, '-');
	if (!dash)
		return -EINVAL;
	*dash = '\0';
	if (parse_port(text, &first) < 0 || parse_port(dash + 1, &last) < 0 || first > last)
		return -EINVAL;

	s->port_first = first;
	s->port_last = last;
	return 0;
}

/* What stands in the brackets: protocol, then ports. */
static const char *parse_brackets(char *inside, struct selector *s)
{
	size_t size = strlen(inside);
	char *slash;

	if (size == 0 || inside[size - 1] != ']')
		return "lacks the ']' at its end";
	inside[size - 1] = '\0';

	slash = strchr(inside, '/');
	if (slash)
		*slash = '\0';
	if (parse_protocol(inside, &s->protocol) < 0)
		return "names an unknown protocol; write a number or a name such as tcp";
	if (slash && parse_ports(slash + 1, s) < 0)
		return "has a bad port; write a number, a service, 1000-2000 or opaque";

	return NULL;
}

int conf_selector_parse(
	const char *text, struct conf_selector *ret_selector, char *problem, size_t problem_size)
{
	struct conf_selector c = *ret_selector;
	char copy[SELECTOR_BYTES_MAX], *bracket;
	const char *wrong = NULL;
	struct selector s = { .port_last = 65535 };

	snprintf(copy, sizeof(copy), "%s", text);
	if (strlen(text) >= sizeof(copy))
		wrong = "is too long";
	bracket = strchr(copy, '[');
	if (bracket) {
		*bracket = '\0';
		if (!wrong)
			wrong = parse_brackets(bracket + 1, &s);
	}
	for (size_t size = strlen(copy); size && copy[size - 1] == ' '; size--)
		copy[size - 1] = '\0';

	c.dynamic = !strcasecmp(copy, "dynamic") || !copy[0];
	if (!wrong && !c.dynamic && range_parse(copy, &s.first, &s.last) < 0)
		wrong = "is no selector; write a subnet such as 10.1.0.0/16, an address, a range or dynamic";
	if (wrong) {
		snprintf(problem, problem_size, "'%.80s' %s", text, wrong);
		return -EINVAL;
	}

	s.family = s.first.family;
	c.selector = s;
	*ret_selector = c;
	return 0;
}
