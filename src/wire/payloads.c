/* The payloads with a few fields and then data: KE, ID, CERT, AUTH, nonce, notify, delete, CP and
 * EAP, RFC 7296 §3.4 to §3.11, §3.15 and §3.16. RESERVED is sent as zero and ignored on receipt
 * (§2.5). */
#include "wire/wire.h"

#include <assert.h>
#include <errno.h>

#define NONCE_BYTES_MIN        16
#define NONCE_BYTES_MAX        256
#define CP_ATTRIBUTE_TYPE_MASK 0x7fff /* the bit above is reserved */

enum eap_code { EAP_REQUEST = 1, EAP_RESPONSE = 2, EAP_SUCCESS = 3, EAP_FAILURE = 4 };

#define EAP_HEADER_BYTES 4

bool ke_decode(struct bytes body, struct ke_payload *ret_ke)
{
	struct reader r = reader_of(body);
	struct ke_payload ke = { .group = read_u16(&r) };

	read_skip(&r, 2);
	ke.value = read_rest(&r);
	if (!reader_done(&r) || ke.value.size == 0)
		return false;

	*ret_ke = ke;
	return true;
}

void ke_encode(struct writer *w, uint16_t group, struct bytes value)
{
	write_u16(w, group);
	write_u16(w, 0);
	write_bytes(w, value);
}

/* Names must not contain terminators (RFC 7296 §3.5): a NUL in the middle has fooled comparisons
 * elsewhere. */
static bool name_valid(struct bytes name)
{
	for (size_t i = 0; i < name.size; i++)
		if (name.data[i] < ' ' || name.data[i] == 0x7f)
			return false;

	return true;
}

static bool id_value_valid(const struct id_payload *id)
{
	switch (id->type) {
	case ID_IPV4_ADDR:
		return id->value.size == 4;
	case ID_IPV6_ADDR:
		return id->value.size == 16;
	case ID_FQDN:
	case ID_RFC822_ADDR:
		return name_valid(id->value);
	case ID_NULL:
		return id->value.size == 0;
	default:
		return true;
	}
}

bool id_decode(struct bytes body, struct id_payload *ret_id)
{
	struct reader r = reader_of(body);
	struct id_payload id = { .type = read_u8(&r) };

	read_skip(&r, 3);
	id.value = read_rest(&r);
	if (!reader_done(&r) || !id_value_valid(&id))
		return false;

	*ret_id = id;
	return true;
}

void id_encode(struct writer *w, const struct id_payload *id)
{
	write_u8(w, id->type);
	write_zeros(w, 3);
	write_bytes(w, id->value);
}

bool cert_decode(struct bytes body, struct cert_payload *ret_cert)
{
	struct reader r = reader_of(body);
	struct cert_payload cert = { .encoding = read_u8(&r) };

	cert.data = read_rest(&r);
	if (!reader_done(&r))
		return false;

	*ret_cert = cert;
	return true;
}

void cert_encode(struct writer *w, const struct cert_payload *cert)
{
	write_u8(w, cert->encoding);
	write_bytes(w, cert->data);
}

bool auth_decode(struct bytes body, struct auth_payload *ret_auth)
{
	struct reader r = reader_of(body);
	struct auth_payload auth = { .method = read_u8(&r) };

	read_skip(&r, 3);
	auth.data = read_rest(&r);
	if (!reader_done(&r) || auth.data.size == 0)
		return false;

	*ret_auth = auth;
	return true;
}

void auth_encode(struct writer *w, uint8_t method, struct bytes data)
{
	write_u8(w, method);
	write_zeros(w, 3);
	write_bytes(w, data);
}

bool nonce_valid(struct bytes body)
{
	return body.size >= NONCE_BYTES_MIN && body.size <= NONCE_BYTES_MAX;
}

/* The sizes of notification data that its RFC fixes; others hold anything. */
static bool notify_data_fits(uint16_t type, size_t size)
{
	switch (type) {
	case UNSUPPORTED_CRITICAL_PAYLOAD:
		return size == 1;
	case INVALID_KE_PAYLOAD:
		return size == 2;
	case SET_WINDOW_SIZE:
	case AUTH_LIFETIME:
	case ADDITIONAL_IP4_ADDRESS:
		return size == 4;
	case ADDITIONAL_IP6_ADDRESS:
		return size == 16;
	case NAT_DETECTION_SOURCE_IP:
	case NAT_DETECTION_DESTINATION_IP:
		return size == 20;
	case COOKIE:
		return size >= 1 && size <= 64;
	case COOKIE2:
		return size >= 8 && size <= 64;
	case SIGNATURE_HASH_ALGORITHMS:
		return size >= 2 && size % 2 == 0;
	default:
		return true;
	}
}

static uint64_t notify_read_spi(struct reader *r, uint8_t spi_size)
{
	switch (spi_size) {
	case 0:
		return 0;
	case 4:
		return read_u32(r);
	case 8:
		return read_u64(r);
	default:
		r->failed = true;
		return 0;
	}
}

bool notify_decode(struct bytes body, struct notify *ret_notify)
{
	struct reader r = reader_of(body);
	struct notify notify;

	notify.protocol = read_u8(&r);
	notify.spi_size = read_u8(&r);
	notify.type = read_u16(&r);
	notify.spi = notify_read_spi(&r, notify.spi_size);
	notify.data = read_rest(&r);
	if (!reader_done(&r) || !notify_data_fits(notify.type, notify.data.size))
		return false;

	*ret_notify = notify;
	return true;
}

void notify_encode(struct writer *w, const struct notify *notify)
{
	assert(notify->spi_size == 0 || notify->spi_size == 4 || notify->spi_size == 8);

	write_u8(w, notify->protocol);
	write_u8(w, notify->spi_size);
	write_u16(w, notify->type);
	if (notify->spi_size == 4)
		write_u32(w, (uint32_t)notify->spi);
	if (notify->spi_size == 8)
		write_u64(w, notify->spi);
	write_bytes(w, notify->data);
}

static bool delete_sizes_valid(const struct delete_payload *d)
{
	switch (d->protocol) {
	case PROTOCOL_IKE:
		return d->spi_size == 0 && d->count == 0 && d->spis.size == 0;
	case PROTOCOL_AH:
	case PROTOCOL_ESP:
		return d->spi_size == 4 && d->spis.size == (size_t)d->count * 4;
	default:
		return false;
	}
}

bool delete_decode(struct bytes body, struct delete_payload *ret_delete)
{
	struct reader r = reader_of(body);
	struct delete_payload d;

	d.protocol = read_u8(&r);
	d.spi_size = read_u8(&r);
	d.count = read_u16(&r);
	d.spis = read_rest(&r);
	if (!reader_done(&r) || !delete_sizes_valid(&d))
		return false;

	*ret_delete = d;
	return true;
}

void delete_encode(struct writer *w, uint8_t protocol, const uint32_t *spis, size_t count)
{
	assert(count <= UINT16_MAX && (protocol != PROTOCOL_IKE || count == 0));

	write_u8(w, protocol);
	write_u8(w, protocol == PROTOCOL_IKE ? 0 : 4);
	write_u16(w, (uint16_t)count);
	for (size_t i = 0; i < count; i++)
		write_u32(w, spis[i]);
}

bool cp_begin(struct bytes body, struct cp_reader *ret_cp)
{
	struct cp_reader cp = { .r = reader_of(body) };

	cp.type = read_u8(&cp.r);
	read_skip(&cp.r, 3);
	if (!reader_ok(&cp.r))
		return false;

	*ret_cp = cp;
	return true;
}

int cp_next(struct cp_reader *cp, struct cp_attribute *ret_attribute)
{
	struct cp_attribute attribute;

	if (reader_done(&cp->r))
		return 0;

	attribute.type = read_u16(&cp->r) & CP_ATTRIBUTE_TYPE_MASK;
	attribute.value = read_bytes(&cp->r, read_u16(&cp->r));
	if (!reader_ok(&cp->r))
		return -EBADMSG;

	*ret_attribute = attribute;
	return 1;
}

void cp_encode_begin(struct writer *w, uint8_t type)
{
	write_u8(w, type);
	write_zeros(w, 3);
}

void cp_encode_attribute(struct writer *w, uint16_t type, struct bytes value)
{
	assert(type <= CP_ATTRIBUTE_TYPE_MASK && value.size <= UINT16_MAX);

	write_u16(w, type);
	write_u16(w, (uint16_t)value.size);
	write_bytes(w, value);
}

static bool eap_has_type(uint8_t code)
{
	return code == EAP_REQUEST || code == EAP_RESPONSE;
}

bool eap_decode(struct bytes body, struct eap_packet *ret_eap)
{
	struct reader r = reader_of(body);
	struct eap_packet eap = { 0 };
	uint16_t length;

	eap.code = read_u8(&r);
	eap.identifier = read_u8(&r);
	length = read_u16(&r);
	if (eap_has_type(eap.code)) {
		eap.type = read_u8(&r);
		eap.data = read_rest(&r);
	}
	if (!reader_done(&r) || length != body.size)
		return false;
	if (eap.code < EAP_REQUEST || eap.code > EAP_FAILURE)
		return false;
	if (eap_has_type(eap.code) && eap.type == 0)
		return false;

	*ret_eap = eap;
	return true;
}

void eap_encode(struct writer *w, const struct eap_packet *eap)
{
	size_t length = EAP_HEADER_BYTES + (eap_has_type(eap->code) ? 1 + eap->data.size : 0);

	assert(length <= UINT16_MAX);

	write_u8(w, eap->code);
	write_u8(w, eap->identifier);
	write_u16(w, (uint16_t)length);
	if (eap_has_type(eap->code)) {
		write_u8(w, eap->type);
		write_bytes(w, eap->data);
	}
}
