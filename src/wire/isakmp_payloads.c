/* The payloads of IKEv1 with a few fields and then data: NONCE, N, D, transaction attributes,
 * NAT-OA and fragments. RFC 2408 §3.13 to §3.15, RFC 3947 §5.2, draft-dukes-ike-mode-cfg-02. */
#include "wire/isakmp.h"

#include <assert.h>

#define FRAGMENT_LAST        1
#define REPLAY_STATUS_BYTES  4
#define IPSEC_SPI_BYTES      4
#define IPCOMP_CPI_BYTES_MIN 2

bool v1_nonce_valid(struct bytes body)
{
	return body.size >= V1_NONCE_BYTES_MIN && body.size <= V1_NONCE_BYTES_MAX;
}

static bool notify_data_fits(uint16_t type, size_t size)
{
	switch (type) {
	case V1_R_U_THERE:
	case V1_R_U_THERE_ACK:
		return size == V1_NOTIFY_DPD_BYTES;
	case V1_REPLAY_STATUS:
		return size == REPLAY_STATUS_BYTES;
	default:
		return true;
	}
}

bool v1_notify_decode(struct bytes body, struct v1_notify *ret_notify)
{
	struct reader r = reader_of(body);
	struct v1_notify n;
	uint8_t spi_size;

	n.doi = read_u32(&r);
	n.protocol = read_u8(&r);
	spi_size = read_u8(&r);
	n.type = read_u16(&r);
	n.spi = read_bytes(&r, spi_size);
	n.data = read_rest(&r);
	if (!reader_done(&r) || spi_size > V1_SPI_MAX || !notify_data_fits(n.type, n.data.size))
		return false;

	*ret_notify = n;
	return true;
}

void v1_notify_encode(struct writer *w, const struct v1_notify *n)
{
	assert(n->spi.size <= V1_SPI_MAX);

	write_u32(w, n->doi);
	write_u8(w, n->protocol);
	write_u8(w, (uint8_t)n->spi.size);
	write_u16(w, n->type);
	write_bytes(w, n->spi);
	write_bytes(w, n->data);
}

static bool spi_size_fits(uint8_t protocol, uint8_t spi_size)
{
	switch (protocol) {
	case V1_PROTOCOL_ISAKMP:
		return spi_size == V1_SPI_MAX;
	case V1_PROTOCOL_AH:
	case V1_PROTOCOL_ESP:
		return spi_size == IPSEC_SPI_BYTES;
	case V1_PROTOCOL_IPCOMP:
		return spi_size == IPCOMP_CPI_BYTES_MIN || spi_size == IPSEC_SPI_BYTES;
	default:
		return false;
	}
}

bool v1_delete_decode(struct bytes body, struct v1_delete *ret_delete)
{
	struct reader r = reader_of(body);
	struct v1_delete d;

	d.doi = read_u32(&r);
	d.protocol = read_u8(&r);
	d.spi_size = read_u8(&r);
	d.count = read_u16(&r);
	d.spis = read_rest(&r);
	if (!reader_done(&r) || !spi_size_fits(d.protocol, d.spi_size) || d.count == 0)
		return false;
	if (d.spis.size != (size_t)d.count * d.spi_size)
		return false;

	*ret_delete = d;
	return true;
}

void v1_delete_encode(struct writer *w, const struct v1_delete *d)
{
	assert(spi_size_fits(d->protocol, d->spi_size) && d->count > 0);
	assert(d->spis.size == (size_t)d->count * d->spi_size);

	write_u32(w, d->doi);
	write_u8(w, d->protocol);
	write_u8(w, d->spi_size);
	write_u16(w, d->count);
	write_bytes(w, d->spis);
}

bool v1_attributes_begin(struct bytes body, struct v1_attributes *ret_attributes)
{
	struct v1_attributes a = { .r = reader_of(body) };

	a.type = read_u8(&a.r);
	read_skip(&a.r, 1);
	a.identifier = read_u16(&a.r);
	if (!reader_ok(&a.r))
		return false;

	*ret_attributes = a;
	return true;
}

void v1_attributes_encode_begin(struct writer *w, uint8_t type, uint16_t identifier)
{
	write_u8(w, type);
	write_u8(w, 0);
	write_u16(w, identifier);
}

bool v1_nat_oa_decode(struct bytes body, struct address *ret_address)
{
	struct reader r = reader_of(body);
	uint8_t type = read_u8(&r);
	struct address a;

	read_skip(&r, 3);
	a = address_from(read_rest(&r));
	if (!reader_done(&r) || a.family == 0)
		return false;
	if (type != (a.family == 4 ? V1_ID_IPV4_ADDR : V1_ID_IPV6_ADDR))
		return false;

	*ret_address = a;
	return true;
}

void v1_nat_oa_encode(struct writer *w, const struct address *a)
{
	assert(a->family != 0);

	write_u8(w, a->family == 4 ? V1_ID_IPV4_ADDR : V1_ID_IPV6_ADDR);
	write_zeros(w, 3);
	write_bytes(w, address_bytes(a));
}

bool v1_fragment_decode(struct bytes body, struct v1_fragment *ret_fragment)
{
	struct reader r = reader_of(body);
	struct v1_fragment f;

	f.id = read_u16(&r);
	f.number = read_u8(&r);
	f.last = read_u8(&r) & FRAGMENT_LAST;
	f.data = read_rest(&r);
	if (!reader_done(&r) || f.number == 0 || f.data.size == 0)
		return false;

	*ret_fragment = f;
	return true;
}

void v1_fragment_encode(struct writer *w, const struct v1_fragment *f)
{
	assert(f->number > 0 && f->data.size > 0);

	write_u16(w, f->id);
	write_u8(w, f->number);
	write_u8(w, f->last ? FRAGMENT_LAST : 0);
	write_bytes(w, f->data);
}
