/* Distinguished names between DER and text. The words for attributes are strongSwan's, so that
 * names in an existing swanctl.conf mean what they meant: "SN" is a serial number there and "S" a
 * surname. The order is the encoded one. Commas and the like belong to a value after '\' or within
 * quotes; '\' and two hexadecimal digits stand for an octet. */
#include "crypto/pki_internal.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <openssl/asn1.h>
#include <openssl/objects.h>

#define VALUE_BYTES_MAX 512

/* The first word for an attribute is the one that we print. */
static const struct attribute {
	const char *word;
	int nid;
	bool ia5; /* an IA5String, not a DirectoryString */
} attributes[] = {
	{ "C", NID_countryName, false },
	{ "ST", NID_stateOrProvinceName, false },
	{ "L", NID_localityName, false },
	{ "O", NID_organizationName, false },
	{ "OU", NID_organizationalUnitName, false },
	{ "CN", NID_commonName, false },
	{ "DC", NID_domainComponent, true },
	{ "UID", NID_userId, false },
	{ "E", NID_pkcs9_emailAddress, true },
	{ "Email", NID_pkcs9_emailAddress, true },
	{ "emailAddress", NID_pkcs9_emailAddress, true },
	{ "serialNumber", NID_serialNumber, false },
	{ "SN", NID_serialNumber, false },
	{ "S", NID_surname, false },
	{ "G", NID_givenName, false },
	{ "GN", NID_givenName, false },
	{ "I", NID_initials, false },
	{ "N", NID_name, false },
	{ "T", NID_title, false },
	{ "D", NID_description, false },
	{ "dnQualifier", NID_dnQualifier, false },
	{ "pseudonym", NID_pseudonym, false },
	{ "ID", NID_x500UniqueIdentifier, false },
	{ "street", NID_streetAddress, false },
	{ "postalCode", NID_postalCode, false },
	{ "UN", NID_pkcs9_unstructuredName, true },
	{ "unstructuredName", NID_pkcs9_unstructuredName, true },
	{ "UA", NID_pkcs9_unstructuredAddress, false },
	{ "unstructuredAddress", NID_pkcs9_unstructuredAddress, false },
};

#define ATTRIBUTE_COUNT (sizeof(attributes) / sizeof(attributes[0]))

static X509_NAME *name_decode(struct bytes der)
{
	const unsigned char *at = der.data;
	X509_NAME *name =
		der.size <= NAME_BYTES_MAX ? d2i_X509_NAME(NULL, &at, (long)der.size) : NULL;

	if (name && at != der.data + der.size) {
		X509_NAME_free(name);
		name = NULL;
	}
	return name;
}

/* RFC 5280 §7.1: case and runs of spaces don't count, nor which of the string types was taken. */
bool name_equal(struct bytes a, struct bytes b)
{
	X509_NAME *left = name_decode(a), *right = name_decode(b);
	bool equal = left && right && X509_NAME_cmp(left, right) == 0;

	X509_NAME_free(left);
	X509_NAME_free(right);
	crypto_drain();
	return equal;
}

/* Printing. */

struct line {
	char *out;
	size_t used;
	size_t size; /* with the terminator */
	bool cut;
};

static void line_add(struct line *l, const char *text, size_t size)
{
	if (l->cut || size >= l->size - l->used) {
		l->cut = true;
		return;
	}
	memcpy(l->out + l->used, text, size);
	l->used += size;
}

static void line_add_hex(struct line *l, uint8_t octet)
{
	static const char digits[] = "0123456789ABCDEF";
	const char escape[] = { '\\', digits[octet >> 4], digits[octet & 15] };

	line_add(l, escape, sizeof(escape));
}

static bool is_control(const uint8_t *at, size_t left)
{
	return at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && left > 1 && at[1] < 0xa0);
}

/* One character of UTF-8 so escaped that it can't be taken for structure, nor for a command to a
 * terminal. */
static size_t line_add_character(struct line *l, const uint8_t *at, size_t left, bool first)
{
	size_t size = 1;

	while (size < left && (at[size] & 0xc0) == 0x80)
		size++;

	if (is_control(at, left)) {
		for (size_t i = 0; i < size; i++)
			line_add_hex(l, at[i]);
		return size;
	}
	if (strchr(",+\"\\", at[0]) || (first && at[0] == '#') ||
		(at[0] == ' ' && (first || left == 1)))
		line_add(l, "\\", 1);
	line_add(l, (const char *)at, size);
	return size;
}

static void line_add_value(struct line *l, const ASN1_STRING *value)
{
	unsigned char *text = NULL;
	int size = ASN1_STRING_to_UTF8(&text, value);

	if (size < 0) {
		line_add(l, "?", 1); /* not a string that can be shown */
		return;
	}
	for (size_t i = 0; i < (size_t)size;)
		i += line_add_character(l, text + i, (size_t)size - i, i == 0);
	OPENSSL_free(text);
}

static void line_add_attribute(struct line *l, const ASN1_OBJECT *object)
{
	int nid = OBJ_obj2nid(object);
	char dotted[80];

	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		if (attributes[i].nid == nid) {
			line_add(l, attributes[i].word, strlen(attributes[i].word));
			return;
		}
	}
	OBJ_obj2txt(dotted, sizeof(dotted), object, 1);
	line_add(l, dotted, strlen(dotted));
}

static void line_add_name(struct line *l, const X509_NAME *name)
{
	int set = -1;

	for (int i = 0; i < X509_NAME_entry_count(name); i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		bool joins = X509_NAME_ENTRY_set(entry) == set;

		if (i > 0)
			line_add(l, joins ? "+" : ", ", joins ? 1 : 2);
		set = X509_NAME_ENTRY_set(entry);
		line_add_attribute(l, X509_NAME_ENTRY_get_object(entry));
		line_add(l, "=", 1);
		line_add_value(l, X509_NAME_ENTRY_get_data(entry));
	}
}

char *name_text(struct bytes der_name, char *out, size_t out_size)
{
	struct line l = { .out = out, .size = out_size };
	X509_NAME *name;

	if (!out_size)
		return out;

	name = name_decode(der_name);
	if (name)
		line_add_name(&l, name);
	else
		line_add(&l, "(malformed name)", strlen("(malformed name)"));
	out[l.used] = '\0';
	X509_NAME_free(name);
	crypto_drain();
	return out;
}

/* Parsing. */

struct dn {
	const char *at;
	char separator;
};

struct value {
	uint8_t octets[VALUE_BYTES_MAX];
	size_t size;
	size_t kept; /* up to here spaces count: they were escaped or quoted, or something came
			after them */
};

/* The attribute that a word stands for, as an object to be freed; NULL where unknown. */
static ASN1_OBJECT *attribute_object(const char *word, size_t size, bool *ret_ia5)
{
	char terminated[80];

	*ret_ia5 = false;
	if (!size || size >= sizeof(terminated))
		return NULL;

	for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
		if (strlen(attributes[i].word) == size &&
			strncasecmp(attributes[i].word, word, size) == 0) {
			*ret_ia5 = attributes[i].ia5;
			return OBJ_nid2obj(attributes[i].nid);
		}
	}
	memcpy(terminated, word, size);
	terminated[size] = '\0';
	return OBJ_txt2obj(terminated, 0);
}

/* "word =" at the cursor: moves past it. */
static ASN1_OBJECT *attribute_read(struct dn *dn, bool *ret_ia5)
{
	const char *word = dn->at + strspn(dn->at, " ");
	size_t size = strcspn(word, "=");
	const char *after = word + size + 1;

	if (word[size] != '=')
		return NULL;

	while (size && word[size - 1] == ' ')
		size--;
	dn->at = after;
	return attribute_object(word, size, ret_ia5);
}

/* A '+' joins two attributes only where one follows; else it is a character of the value. */
static bool attribute_follows(const char *at)
{
	struct dn ahead = { .at = at };
	bool ia5;
	ASN1_OBJECT *object = attribute_read(&ahead, &ia5);

	ASN1_OBJECT_free(object);
	return object != NULL;
}

static int value_add(struct value *v, uint8_t octet, bool keep)
{
	if (v->size == sizeof(v->octets))
		return -ENOBUFS;

	v->octets[v->size++] = octet;
	if (keep)
		v->kept = v->size;
	return 0;
}

static int value_add_escaped(struct value *v, struct dn *dn)
{
	char hex[3] = { dn->at[1], dn->at[1] ? dn->at[2] : '\0', '\0' };
	uint8_t octet;

	if (!hex[0])
		return -EINVAL;
	if (!isxdigit((unsigned char)hex[0]) || !isxdigit((unsigned char)hex[1])) {
		dn->at += 2;
		return value_add(v, (uint8_t)hex[0], true);
	}
	if (bytes_from_hex(hex, &octet, 1) != 1 || !octet)
		return -EINVAL;

	dn->at += 3;
	return value_add(v, octet, true);
}

/* Reads up to the closing quote, or up to the separator where there are none. */
static int value_read(struct dn *dn, struct value *v)
{
	bool quoted;
	int r = 0;

	dn->at += strspn(dn->at, " ");
	quoted = *dn->at == '"';
	dn->at += quoted;

	while (!r && *dn->at) {
		char next = *dn->at;

		if (quoted ? next == '"'
			   : next == dn->separator ||
					(next == '+' && attribute_follows(dn->at + 1)))
			break;
		if (next == '\\') {
			r = value_add_escaped(v, dn);
		} else {
			r = value_add(v, (uint8_t)next, quoted || next != ' ');
			dn->at++;
		}
	}
	if (!r && quoted) {
		if (*dn->at != '"')
			return -EINVAL;
		dn->at++;
		dn->at += strspn(dn->at, " ");
	}
	return r;
}

/* The string type as strongSwan chooses it: Printable where the characters allow, so that DER
 * compares equal too. */
static int string_type(const struct value *v, bool ia5)
{
	int least = ASN1_PRINTABLE_type(v->octets, (int)v->kept);

	if (ia5 && least != V_ASN1_T61STRING)
		return V_ASN1_IA5STRING;
	return least == V_ASN1_PRINTABLESTRING ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING;
}

static int name_read_attribute(struct dn *dn, bool joins, X509_NAME *name)
{
	struct value v = { .size = 0 };
	bool ia5;
	ASN1_OBJECT *object = attribute_read(dn, &ia5);
	int r;

	if (!object)
		return -EINVAL;

	r = value_read(dn, &v);
	if (!r &&
		X509_NAME_add_entry_by_OBJ(name, object, string_type(&v, ia5), v.octets,
			(int)v.kept, -1, joins ? -1 : 0) != 1)
		r = -EINVAL;
	ASN1_OBJECT_free(object);
	return r;
}

static int name_read(const char *text, X509_NAME *name)
{
	struct dn dn = { .at = text + (*text == '/'), .separator = *text == '/' ? '/' : ',' };
	bool joins = false;

	for (;;) {
		int r = name_read_attribute(&dn, joins, name);

		if (r < 0 || !*dn.at)
			return r;
		if (*dn.at != '+' && *dn.at != dn.separator)
			return -EINVAL; /* something after a closing quote */
		joins = *dn.at++ == '+';
	}
}

int name_from_text(const char *text, uint8_t *out, size_t out_size)
{
	X509_NAME *name = X509_NAME_new();
	int r = name ? name_read(text, name) : -ENOMEM;

	if (!r) {
		r = i2d_X509_NAME(name, NULL);
		if (r <= 0)
			r = -EINVAL; /* not UTF-8 */
		else if ((size_t)r > out_size)
			r = -ENOBUFS;
		else
			i2d_X509_NAME(name, &out);
	}
	X509_NAME_free(name);
	return drained(r);
}
