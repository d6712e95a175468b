/* Distinguished names as people read them: "C=CH, O=tern, CN=moon". A Name is a SEQUENCE of SETs of
 * SEQUENCEs of a type and a value (RFC 5280 §4.1.2.4), walked here with cursors as the wire has no
 * OpenSSL. */
#include "wire/dn.h"

#define DER_OID      0x06
#define DER_SEQUENCE 0x30
#define DER_SET      0x31

/* The contents of the next element, which must have this tag (0: any). DER's shortest lengths are
 * not insisted on. */
static struct bytes der_read(struct reader *r, uint8_t tag)
{
	uint8_t found = read_u8(r);
	size_t length = read_u8(r);

	if (tag && found != tag)
		r->failed = true;
	if (length == 0x81)
		length = read_u8(r);
	else if (length == 0x82)
		length = read_u16(r);
	else if (length >= 0x80)
		r->failed = true;

	return read_bytes(r, length);
}

static const char *attribute_name(struct bytes oid)
{
	static const struct {
		struct bytes oid;
		const char *name;
	} names[] = {
		{ { (const uint8_t *)"\x55\x04\x03", 3 }, "CN" },
		{ { (const uint8_t *)"\x55\x04\x04", 3 }, "S" },
		{ { (const uint8_t *)"\x55\x04\x05", 3 }, "SN" },
		{ { (const uint8_t *)"\x55\x04\x06", 3 }, "C" },
		{ { (const uint8_t *)"\x55\x04\x07", 3 }, "L" },
		{ { (const uint8_t *)"\x55\x04\x08", 3 }, "ST" },
		{ { (const uint8_t *)"\x55\x04\x0a", 3 }, "O" },
		{ { (const uint8_t *)"\x55\x04\x0b", 3 }, "OU" },
		{ { (const uint8_t *)"\x55\x04\x0c", 3 }, "T" },
		{ { (const uint8_t *)"\x55\x04\x0d", 3 }, "D" },
		{ { (const uint8_t *)"\x55\x04\x11", 3 }, "postalCode" },
		{ { (const uint8_t *)"\x55\x04\x29", 3 }, "N" },
		{ { (const uint8_t *)"\x55\x04\x2a", 3 }, "G" },
		{ { (const uint8_t *)"\x55\x04\x2b", 3 }, "I" },
		{ { (const uint8_t *)"\x55\x04\x2d", 3 }, "ID" },
		{ { (const uint8_t *)"\x55\x04\x2e", 3 }, "dnQualifier" },
		{ { (const uint8_t *)"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 9 }, "E" },
		{ { (const uint8_t *)"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02", 9 },
			"unstructuredName" },
		{ { (const uint8_t *)"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", 10 }, "UID" },
		{ { (const uint8_t *)"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10 }, "DC" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (bytes_equal(names[i].oid, oid))
			return names[i].name;

	return NULL;
}

/* "2.5.4.3" */
static void add_oid(struct text *t, struct bytes oid)
{
	uint64_t arc = 0;
	bool first = true;

	for (size_t i = 0; i < oid.size; i++) {
		arc = arc << 7 | (oid.data[i] & 0x7f);
		if (oid.data[i] & 0x80)
			continue;
		if (first) {
			text_add_number(t, arc < 80 ? arc / 40 : 2);
			arc -= arc < 80 ? arc / 40 * 40 : 80;
		}
		text_add(t, ".");
		text_add_number(t, arc);
		first = false;
		arc = 0;
	}
}

static bool add_attribute(struct text *t, struct bytes type_and_value)
{
	struct reader r = reader_of(type_and_value);
	struct bytes oid = der_read(&r, DER_OID);
	struct bytes value = der_read(&r, 0);
	const char *name = attribute_name(oid);

	if (!reader_done(&r))
		return false;

	if (t->used)
		text_add(t, ", ");
	if (name)
		text_add(t, name);
	else
		add_oid(t, oid);
	text_add(t, "=");
	text_add_printable(t, value);

	return true;
}

bool dn_add(struct text *t, struct bytes name)
{
	struct reader outer = reader_of(name);
	struct reader rdns = reader_of(der_read(&outer, DER_SEQUENCE));

	if (!reader_done(&outer))
		return false;

	while (reader_left(&rdns)) {
		struct reader rdn = reader_of(der_read(&rdns, DER_SET));

		while (reader_left(&rdn))
			if (!add_attribute(t, der_read(&rdn, DER_SEQUENCE)))
				return false;
		if (!reader_done(&rdn))
			return false;
	}

	return reader_done(&rdns);
}
