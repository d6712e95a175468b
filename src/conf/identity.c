/* Identities as swanctl.conf writes them. Without a prefix the form decides: '=' a DN, '@' mail or
 * (in front) a name, digits and dots or colons an address, else a name. */
#include "conf/load.h"

#include "crypto/pki.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define IDENTITY_BYTES_MAX 1024

struct draft {
	uint8_t type;
	size_t size;
	uint8_t data[IDENTITY_BYTES_MAX];
	bool wildcard;
};

static bool is_any(const char *text)
{
	static const char *const words[] = { "", "%any", "%any4", "%any6", "*", "0.0.0.0",
		"::", "0::0" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(text, words[i]))
			return true;

	return false;
}

static const char *draft_set(struct draft *d, uint8_t type, const char *text)
{
	size_t size = strlen(text);

	if (size == 0)
		return "is empty";
	if (size > sizeof(d->data))
		return "is too long";

	d->type = type;
	d->size = size;
	memcpy(d->data, text, size);
	d->wildcard = (type == ID_FQDN || type == ID_RFC822_ADDR) && text[0] == '*';
	return NULL;
}

static const char *draft_hex(struct draft *d, uint8_t type, const char *hex)
{
	char plain[2 * IDENTITY_BYTES_MAX + 1];
	size_t used = 0;
	int size;

	for (; *hex && used + 1 < sizeof(plain); hex++)
		if (*hex != ':')
			plain[used++] = *hex;
	plain[used] = '\0';
	size = bytes_from_hex(plain, d->data, sizeof(d->data));
	if (size <= 0)
		return "has bad hexadecimal after '#'; write pairs of digits";

	d->type = type;
	d->size = (size_t)size;
	return NULL;
}

/* "fqdn:moon", "keyid:#0011", "{11}:moon". Returns false where there is no known prefix. */
static bool parse_prefix(struct draft *d, const char *text, const char **ret_wrong)
{
	static const struct {
		const char *name;
		uint8_t type;
	} prefixes[] = {
		{ "ipv4", ID_IPV4_ADDR },
		{ "ipv6", ID_IPV6_ADDR },
		{ "rfc822", ID_RFC822_ADDR },
		{ "email", ID_RFC822_ADDR },
		{ "userfqdn", ID_RFC822_ADDR },
		{ "fqdn", ID_FQDN },
		{ "dns", ID_FQDN },
		{ "asn1dn", ID_DER_ASN1_DN },
		{ "asn1gn", ID_DER_ASN1_GN },
		{ "keyid", ID_KEY_ID },
	};
	const char *colon = strchr(text, ':');
	size_t size = colon ? (size_t)(colon - text) : 0;
	unsigned number = 0;
	int used = 0;

	if (!colon)
		return false;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strlen(prefixes[i].name) == size && !strncasecmp(text, prefixes[i].name, size))
			number = prefixes[i].type;
	if (!number &&
		(sscanf(text, "{%3u}%n", &number, &used) != 1 || (size_t)used != size || !number ||
			number > 255))
		return false;

	*ret_wrong = colon[1] == '#' ? draft_hex(d, (uint8_t)number, colon + 2)
				     : draft_set(d, (uint8_t)number, colon + 1);
	return true;
}

static const char *parse_dn(struct draft *d, const char *text)
{
	int size = name_from_text(text, d->data, sizeof(d->data));

	if (size <= 0)
		return "is no distinguished name; write it as C=CH, O=tern, CN=moon, or keyid:… for other text with '='";

	d->type = ID_DER_ASN1_DN;
	d->size = (size_t)size;
	for (const char *at = strchr(text, '='); at && !d->wildcard; at = strchr(at + 1, '=')) {
		size_t blanks = 1 + strspn(at + 1, " \"");
		const char *after = at + blanks + 1;

		d->wildcard = at[blanks] == '*' &&
			(!after[strspn(after, " \"")] ||
				strchr(",/+", after[strspn(after, " \"")]));
	}
	return NULL;
}

static const char *parse_address(struct draft *d, const char *text)
{
	struct address a;

	if (address_parse(text, &a) < 0)
		return strchr(text, ':')
			? "is no IPv6 address and has no known prefix; write keyid:… for other text with ':'"
			: "is no IPv4 address; write fqdn:… for a name of digits";

	d->type = a.family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR;
	d->size = address_size(&a);
	memcpy(d->data, a.octets, d->size);
	return NULL;
}

static const char *parse_identity(struct draft *d, const char *text)
{
	const char *at = strchr(text, '@'), *wrong;

	if (is_any(text))
		return NULL;
	if (parse_prefix(d, text, &wrong))
		return wrong;
	if (strchr(text, '='))
		return parse_dn(d, text);
	if (!strncmp(text, "@#", 2))
		return draft_hex(d, ID_KEY_ID, text + 2);
	if (!strncmp(text, "@@", 2))
		return draft_set(d, ID_RFC822_ADDR, text + 2);
	if (at == text)
		return draft_set(d, ID_FQDN, text + 1);
	if (at)
		return draft_set(d, ID_RFC822_ADDR, text);
	if (strchr(text, ':') || strspn(text, "0123456789.") == strlen(text))
		return parse_address(d, text);
	if (strchr(text, '/'))
		return "is a subnet or path, which identities can't be yet; write %any or fqdn:…";

	return draft_set(d, ID_FQDN, text);
}

int conf_identity_parse(struct arena *arena, const char *text, struct identity *ret_id,
	char *problem, size_t problem_size)
{
	struct draft d = { 0 };
	const char *wrong = parse_identity(&d, text);
	struct identity id = { .type = d.type, .wildcard = d.wildcard };

	if (wrong) {
		snprintf(problem, problem_size, "identity '%.120s' %s", text, wrong);
		return -EINVAL;
	}

	id.value = arena_copy(arena, BYTES(d.data, d.size));
	id.text = arena_text(arena, d.type ? text : "%any");
	if (!id.text || id.value.size != d.size) {
		snprintf(problem, problem_size, "out of memory");
		return -EINVAL;
	}
	*ret_id = id;
	return 0;
}
