/* Identification of IKEv1, RFC 2407 §4.6.2: who a peer is in phase 1, and in phase 2 which traffic
 * is meant (a proxy ID). The latter is a traffic selector with one port or all. */
#include "wire/isakmp.h"

#include <assert.h>

static uint8_t bit_of(const uint8_t *octets, size_t i)
{
	return octets[i / 8] >> (7 - i % 8) & 1;
}

/* The first half of the value, and the second. */
static struct bytes value_first(const struct v1_id *id)
{
	return BYTES(id->value.data, id->value.size / 2);
}

static struct bytes value_last(const struct v1_id *id)
{
	return BYTES(id->value.data + id->value.size / 2, id->value.size / 2);
}

static bool mask_valid(struct bytes mask)
{
	size_t bits = mask.size * 8, i = 0;

	while (i < bits && bit_of(mask.data, i))
		i++;
	while (i < bits && !bit_of(mask.data, i))
		i++;

	return i == bits;
}

static bool name_valid(struct bytes name)
{
	for (size_t i = 0; i < name.size; i++)
		if (name.data[i] < ' ' || name.data[i] == 0x7f)
			return false;

	return true;
}

static bool id_value_valid(const struct v1_id *id)
{
	switch (id->type) {
	case V1_ID_IPV4_ADDR:
		return id->value.size == 4;
	case V1_ID_IPV6_ADDR:
		return id->value.size == 16;
	case V1_ID_IPV4_ADDR_SUBNET:
		return id->value.size == 8 && mask_valid(value_last(id));
	case V1_ID_IPV6_ADDR_SUBNET:
		return id->value.size == 32 && mask_valid(value_last(id));
	case V1_ID_IPV4_ADDR_RANGE:
		return id->value.size == 8 && bytes_compare(value_first(id), value_last(id)) <= 0;
	case V1_ID_IPV6_ADDR_RANGE:
		return id->value.size == 32 && bytes_compare(value_first(id), value_last(id)) <= 0;
	case V1_ID_FQDN:
	case V1_ID_USER_FQDN:
		return name_valid(id->value);
	default:
		return true;
	}
}

bool v1_id_decode(struct bytes body, struct v1_id *ret_id)
{
	struct reader r = reader_of(body);
	struct v1_id id;

	id.type = read_u8(&r);
	id.protocol = read_u8(&r);
	id.port = read_u16(&r);
	id.value = read_rest(&r);
	if (!reader_done(&r) || !id_value_valid(&id))
		return false;

	*ret_id = id;
	return true;
}

void v1_id_encode(struct writer *w, const struct v1_id *id)
{
	write_u8(w, id->type);
	write_u8(w, id->protocol);
	write_u16(w, id->port);
	write_bytes(w, id->value);
}

/* Bits of the host within the network's address are of no meaning: they are cut off. */
static void subnet_range(const struct v1_id *id, struct selector *s)
{
	struct bytes mask = value_last(id);

	s->first = s->last = address_from(value_first(id));
	for (size_t i = 0; i < mask.size; i++) {
		s->first.octets[i] &= mask.data[i];
		s->last.octets[i] |= (uint8_t)~mask.data[i];
	}
}

bool v1_id_to_selector(const struct v1_id *id, struct selector *ret_selector)
{
	struct selector s = {
		.protocol = id->protocol,
		.port_first = id->port,
		.port_last = id->port ? id->port : UINT16_MAX,
	};

	if (!id_value_valid(id))
		return false;

	switch (id->type) {
	case V1_ID_IPV4_ADDR:
	case V1_ID_IPV6_ADDR:
		s.first = s.last = address_from(id->value);
		break;
	case V1_ID_IPV4_ADDR_SUBNET:
	case V1_ID_IPV6_ADDR_SUBNET:
		subnet_range(id, &s);
		break;
	case V1_ID_IPV4_ADDR_RANGE:
	case V1_ID_IPV6_ADDR_RANGE:
		s.first = address_from(value_first(id));
		s.last = address_from(value_last(id));
		break;
	default:
		return false;
	}

	s.family = s.first.family;
	*ret_selector = s;
	return true;
}

/* The mask of the subnet that is exactly first to last; false where there is none. */
static bool range_mask(const struct address *first, const struct address *last, uint8_t *ret_mask)
{
	size_t size = address_size(first);

	for (size_t i = 0; i < size; i++)
		ret_mask[i] = (uint8_t) ~(first->octets[i] ^ last->octets[i]);
	if (!mask_valid(BYTES(ret_mask, size)))
		return false;

	for (size_t i = 0; i < size; i++)
		if (first->octets[i] & ~ret_mask[i])
			return false;

	return true;
}

bool v1_id_from_selector(
	const struct selector *s, uint8_t octets[static V1_ID_OCTETS_MAX], struct v1_id *ret_id)
{
	size_t size = address_size(&s->first);
	bool four = s->family == 4, any_port = s->port_first == 0 && s->port_last == UINT16_MAX;
	struct v1_id id = { .protocol = s->protocol, .port = any_port ? 0 : s->port_first };

	assert(size && address_size(&s->last) == size);
	if (!any_port && (s->port_first != s->port_last || s->port_first == 0))
		return false;

	memcpy(octets, s->first.octets, size);
	if (address_equal(&s->first, &s->last)) {
		id.type = four ? V1_ID_IPV4_ADDR : V1_ID_IPV6_ADDR;
		id.value = BYTES(octets, size);
	} else if (range_mask(&s->first, &s->last, octets + size)) {
		id.type = four ? V1_ID_IPV4_ADDR_SUBNET : V1_ID_IPV6_ADDR_SUBNET;
		id.value = BYTES(octets, 2 * size);
	} else {
		memcpy(octets + size, s->last.octets, size);
		id.type = four ? V1_ID_IPV4_ADDR_RANGE : V1_ID_IPV6_ADDR_RANGE;
		id.value = BYTES(octets, 2 * size);
	}

	*ret_id = id;
	return true;
}
