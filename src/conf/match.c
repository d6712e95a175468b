/* Which connection a peer belongs to: pure, and able to say why not. Identities count for more than
 * addresses, exact ones for more than patterns. */
#include "conf/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define ID_WEIGHT      16
#define NAME_BYTES_MAX 1024
#define RDNS_MAX       32

struct connection *connection_hold(const struct connection *c)
{
	struct connection *held =
		(struct connection *)(uintptr_t)c; /* the count is all that ever changes */

	held->references++;
	return held;
}

void connection_release(const struct connection *c)
{
	struct connection *held = (struct connection *)(uintptr_t)c;

	if (held && --held->references == 0)
		arena_free(held->arena);
}

const struct child_config *connection_child(const struct connection *c, const char *name)
{
	for (size_t i = 0; i < c->child_count; i++)
		if (!strcmp(c->children[i].name, name))
			return &c->children[i];

	return NULL;
}

/* The contents of the next DER element of this tag; its whole goes to *ret_whole. */
static struct bytes der_next(struct reader *r, uint8_t tag, struct bytes *ret_whole)
{
	const uint8_t *start = r->at;
	struct bytes contents;
	size_t length;

	if (read_u8(r) != tag && tag)
		r->failed = true;
	length = read_u8(r);
	if (length == 0x81)
		length = read_u8(r);
	else if (length == 0x82)
		length = read_u16(r);
	else if (length >= 0x80)
		r->failed = true;
	contents = read_bytes(r, length);
	*ret_whole = r->failed ? BYTES_EMPTY : BYTES(start, (size_t)(r->at - start));
	return contents;
}

/* The RDNs of a Name, each whole. Returns how many, or 0 where it isn't one. */
static size_t name_rdns(struct bytes name, struct bytes ret_rdns[static RDNS_MAX])
{
	struct reader r = reader_of(name), inner;
	struct bytes whole;
	size_t count = 0;

	inner = reader_of(der_next(&r, 0x30, &whole));
	if (!reader_done(&r))
		return 0;
	while (reader_left(&inner) && count < RDNS_MAX)
		der_next(&inner, 0x31, &ret_rdns[count++]);

	return reader_done(&inner) ? count : 0;
}

/* The value '*' of an RDN with one attribute, and that attribute's type. */
static bool rdn_is_star(struct bytes rdn, struct bytes *ret_type)
{
	struct bytes whole, value;
	struct reader r = reader_of(rdn), set, pair;

	set = reader_of(der_next(&r, 0x31, &whole));
	pair = reader_of(der_next(&set, 0x30, &whole));
	*ret_type = der_next(&pair, 0x06, &whole);
	value = der_next(&pair, 0, &whole);
	return reader_done(&set) && reader_done(&pair) && value.size == 1 && value.data[0] == '*';
}

static bool rdn_has_type(struct bytes rdn, struct bytes type)
{
	struct bytes whole, own;
	struct reader r = reader_of(rdn), set, pair;

	set = reader_of(der_next(&r, 0x31, &whole));
	pair = reader_of(der_next(&set, 0x30, &whole));
	own = der_next(&pair, 0x06, &whole);
	return reader_ok(&pair) && reader_done(&set) && bytes_equal(own, type);
}

/* Compares two RDNs as Names of one RDN, so that name_equal() has the only word on cases and string
 * types. */
static bool rdn_equal(struct bytes a, struct bytes b)
{
	uint8_t memory[2][NAME_BYTES_MAX + 4];
	struct bytes rdns[2] = { a, b }, names[2];

	for (size_t i = 0; i < 2; i++) {
		struct writer w = writer_of(memory[i], sizeof(memory[i]));

		write_u8(&w, 0x30);
		if (rdns[i].size >= 256)
			write_u8(&w, 0x82);
		else if (rdns[i].size >= 128)
			write_u8(&w, 0x81);
		if (rdns[i].size >= 256)
			write_u16(&w, (uint16_t)rdns[i].size);
		else
			write_u8(&w, (uint8_t)rdns[i].size);
		write_bytes(&w, rdns[i]);
		if (!writer_ok(&w))
			return false;
		names[i] = writer_bytes(&w);
	}

	return name_equal(names[0], names[1]);
}

static bool name_matches(struct bytes pattern, struct bytes name)
{
	struct bytes wanted[RDNS_MAX], got[RDNS_MAX], type;
	size_t count = name_rdns(pattern, wanted);

	if (count == 0 || name_rdns(name, got) != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (rdn_is_star(wanted[i], &type) ? !rdn_has_type(got[i], type)
						  : !rdn_equal(wanted[i], got[i]))
			return false;

	return true;
}

static bool text_equal(struct bytes a, struct bytes b)
{
	return a.size == b.size && !strncasecmp((const char *)a.data, (const char *)b.data, a.size);
}

/* "*.example" and "*@example": the star stands for anything in front, but not for nothing. */
static bool text_matches(struct bytes pattern, struct bytes got)
{
	struct bytes tail = BYTES(pattern.data + 1, pattern.size - 1);

	return got.size > tail.size &&
		text_equal(tail, BYTES(got.data + got.size - tail.size, tail.size));
}

unsigned conf_id_match(const struct identity *configured, const struct id_payload *got)
{
	bool text = configured->type == ID_FQDN || configured->type == ID_RFC822_ADDR;
	bool name = configured->type == ID_DER_ASN1_DN;

	if (configured->type == 0)
		return 1;
	if (!got || configured->type != got->type || !got->value.size || !configured->value.size)
		return 0;
	if (bytes_equal(configured->value, got->value) ||
		(text && text_equal(configured->value, got->value)) ||
		(name && name_equal(configured->value, got->value)))
		return 3;
	if (configured->wildcard &&
		(text ? text_matches(configured->value, got->value)
		      : name && name_matches(configured->value, got->value)))
		return 2;

	return 0;
}

/* 3 the very address, 2 in a range, 1 any, or a name, which only a question can resolve; 0 not. */
static unsigned host_match(const struct host_list *hosts, const struct address *a)
{
	unsigned best = 0;

	if (hosts->count == 0 || a->family == 0)
		return 1;
	for (size_t i = 0; i < hosts->count; i++) {
		const struct host_pattern *h = &hosts->list[i];
		unsigned rank = 0;

		if (h->kind == HOST_ANY || h->kind == HOST_NAME)
			rank = 1;
		else if (h->first.family == a->family && address_compare(&h->first, a) <= 0 &&
			address_compare(a, &h->last) <= 0)
			rank = h->kind == HOST_ADDRESS ? 3 : 2;
		best = rank > best ? rank : best;
	}

	return best;
}

__attribute__((format(printf, 3, 4))) static unsigned no(
	char *why, size_t size, const char *format, ...)
{
	va_list arguments;

	if (why && size) {
		va_start(arguments, format);
		vsnprintf(why, size, format, arguments);
		va_end(arguments);
	}

	return 0;
}

static unsigned no_host(const struct connection *c, const char *side, const struct host_list *hosts,
	const struct address *a, char *why, size_t size)
{
	char address[ADDRESS_TEXT_MAX], place[300];

	return no(why, size, "%s address %s is not among %s_addrs of '%s' (%s%s, %s)", side,
		address_print(a, address), side, c->name, hosts->list[0].text,
		hosts->count > 1 ? " …" : "", where_print(c->where, place, sizeof(place)));
}

static unsigned no_id(const struct connection *c, const struct auth_round *round, const char *what,
	const struct id_payload *got, char *why, size_t size)
{
	char id[256], place[300];

	return no(why, size, "%s '%s' is not the id '%s' of '%s' (%s)", what,
		id_print(got, id, sizeof(id)), round->id.text, c->name,
		where_print(round->where_id, place, sizeof(place)));
}

static bool auth_fits(const struct auth_round *round, uint8_t method)
{
	bool public_key = method == AUTH_RSA_SIGNATURE || method == AUTH_DSS_SIGNATURE ||
		method == AUTH_DIGITAL_SIGNATURE ||
		(method >= AUTH_ECDSA_256 && method <= AUTH_ECDSA_521);

	if (method == 0)
		return true;
	switch (round->class) {
	case AUTH_CLASS_ANY:
		return public_key || method == AUTH_SHARED_KEY;
	case AUTH_CLASS_PSK:
		return method == AUTH_SHARED_KEY;
	case AUTH_CLASS_PUBKEY:
		return public_key;
	case AUTH_CLASS_EAP:
		return method == 255;
	default:
		return false;
	}
}

static unsigned no_auth(const struct connection *c, const struct auth_round *round, uint8_t method,
	char *why, size_t size)
{
	char scratch[NAME_TEXT_MAX], place[300];

	return no(why, size, "the peer authenticates with %s, but '%s' wants %s (%s)",
		method == 255 ? "EAP" : auth_method_name(method, scratch), c->name,
		round->auth_text, where_print(round->where_auth, place, sizeof(place)));
}

static bool lists_same(const struct bytes *a, size_t a_count, const struct bytes *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (!bytes_equal(a[i], b[i]))
			return false;

	return true;
}

bool conf_round_same(const struct auth_round *a, const struct auth_round *b)
{
	return a->class == b->class && a->key_type == b->key_type && a->min_bits == b->min_bits &&
		a->pss == b->pss && a->id.type == b->id.type && a->id.wildcard == b->id.wildcard &&
		bytes_equal(a->id.value, b->id.value) &&
		bytes_equal(BYTES(a->hashes, a->hash_count), BYTES(b->hashes, b->hash_count)) &&
		lists_same(a->certs, a->cert_count, b->certs, b->cert_count) &&
		lists_same(a->cacerts, a->cacert_count, b->cacerts, b->cacert_count) &&
		lists_same(a->pubkeys, a->pubkey_count, b->pubkeys, b->pubkey_count);
}

static unsigned no_rounds(
	const struct connection *c, const struct conf_facts *facts, char *why, size_t size)
{
	const struct auth_round *last = &c->remote[c->remote_count - 1];
	char place[300];

	return no(why, size, "the peer authenticates %s, but '%s' wants %zu (%s)",
		facts->rounds == CONF_ROUNDS_ONE ? "once only" : "in several rounds", c->name,
		c->remote_count, where_print(last->where, place, sizeof(place)));
}

unsigned conf_match(
	const struct connection *c, const struct conf_facts *facts, char *why, size_t why_size)
{
	unsigned local = host_match(&c->local_addrs, &facts->local);
	unsigned remote = host_match(&c->remote_addrs, &facts->remote), ids = 0, id;

	if (!local)
		return no_host(c, "local", &c->local_addrs, &facts->local, why, why_size);
	if (!remote)
		return no_host(c, "remote", &c->remote_addrs, &facts->remote, why, why_size);

	if (facts->remote_id) {
		id = conf_id_match(&c->remote[0].id, facts->remote_id);
		if (!id)
			return no_id(
				c, &c->remote[0], "the peer's id", facts->remote_id, why, why_size);
		ids += id;
	}
	if (facts->local_id && facts->local_id->type) {
		id = conf_id_match(&c->local[0].id, facts->local_id);
		if (!id)
			return no_id(c, &c->local[0], "the id that the peer asks for",
				facts->local_id, why, why_size);
		ids += id;
	}
	if (!auth_fits(&c->remote[0], facts->auth_method))
		return no_auth(c, &c->remote[0], facts->auth_method, why, why_size);
	if (facts->rounds && (facts->rounds == CONF_ROUNDS_SEVERAL) != (c->remote_count > 1))
		return no_rounds(c, facts, why, why_size);

	return 1 + ID_WEIGHT * ids + local + remote;
}
