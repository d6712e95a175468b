/* IKEv1's transforms: attributes to values and back, RFC 2409 appendix A and RFC 2407 §4.5. What a
 * transform says in an attribute that we don't know makes it another one than ours, so it isn't
 * chosen; that is no error of the peer's. */
#include "wire/isakmp_transforms.h"

#include <errno.h>

#define AES_KEY_BITS_DEFAULT 128

/* Life comes as pairs: a type, then the duration that it measures. */
struct life {
	uint64_t type; /* of the pair that is open; else 0 */
	uint64_t seconds;
	uint64_t kilobytes;
};

static int life_type_read(struct life *life, uint64_t type)
{
	if (life->type)
		return -EBADMSG;
	if (type != V1_LIFE_SECONDS && type != V1_LIFE_KILOBYTES)
		return -ENOTSUP;

	life->type = type;
	return 0;
}

static int life_duration_read(struct life *life, uint64_t duration)
{
	uint64_t *which = life->type == V1_LIFE_SECONDS ? &life->seconds : &life->kilobytes;

	if (!life->type || *which)
		return -EBADMSG;

	*which = duration;
	life->type = 0;
	return 0;
}

/* A number of 16 bits that comes once. */
static int number_read(uint16_t *which, uint64_t number)
{
	if (*which)
		return -EBADMSG;
	if (number == 0 || number > UINT16_MAX)
		return -ENOTSUP;

	*which = (uint16_t)number;
	return 0;
}

static int ike_attribute_read(
	struct v1_ike_transform *t, struct life *life, uint16_t type, uint64_t number)
{
	switch (type) {
	case V1_IKE_ENCRYPTION:
		return number_read(&t->encryption, number);
	case V1_IKE_HASH:
		return number_read(&t->hash, number);
	case V1_IKE_METHOD:
		return number_read(&t->method, number);
	case V1_IKE_GROUP:
		return number_read(&t->group, number);
	case V1_IKE_KEY_LENGTH:
		return number_read(&t->key_bits, number);
	case V1_IKE_LIFE_TYPE:
		return life_type_read(life, number);
	case V1_IKE_LIFE_DURATION:
		return life_duration_read(life, number);
	default:
		return -ENOTSUP;
	}
}

/* The first error wins, but malformed octets win over all. */
static int worse(int a, int b)
{
	return a == -EBADMSG || !b ? a : b == -EBADMSG || !a ? b : a;
}

int v1_ike_transform_decode(const struct v1_transform *t, struct v1_ike_transform *ret)
{
	struct reader r = reader_of(t->attributes);
	struct v1_ike_transform ike = { 0 };
	struct life life = { 0 };
	struct v1_attribute a;
	int error = t->id == V1_KEY_IKE ? 0 : -ENOTSUP, more;

	while ((more = v1_attribute_next(&r, &a)) > 0) {
		uint64_t number;

		error = worse(error,
			v1_attribute_number(&a, &number)
				? ike_attribute_read(&ike, &life, a.type, number)
				: -ENOTSUP);
	}
	if (more < 0 || life.type)
		return -EBADMSG;
	if (error)
		return error;
	if (!ike.encryption || !ike.hash || !ike.method || !ike.group)
		return -ENOTSUP;
	if (ike.encryption == V1_ENCRYPTION_AES && !ike.key_bits)
		ike.key_bits = AES_KEY_BITS_DEFAULT;

	ike.life_seconds = life.seconds;
	ike.life_kilobytes = life.kilobytes;
	*ret = ike;
	return 0;
}

static int esp_attribute_read(
	struct v1_esp_transform *t, struct life *life, uint16_t type, uint64_t number)
{
	switch (type) {
	case V1_IPSEC_GROUP:
		return number_read(&t->group, number);
	case V1_IPSEC_ENCAPSULATION:
		return number_read(&t->encapsulation, number);
	case V1_IPSEC_AUTHENTICATION:
		return number_read(&t->authentication, number);
	case V1_IPSEC_KEY_LENGTH:
		return number_read(&t->key_bits, number);
	case V1_IPSEC_ESN:
		t->esn = true;
		return number == V1_ESN_YES ? 0 : -ENOTSUP;
	case V1_IPSEC_LIFE_TYPE:
		return life_type_read(life, number);
	case V1_IPSEC_LIFE_DURATION:
		return life_duration_read(life, number);
	default:
		return -ENOTSUP;
	}
}

static bool esp_is_aes(uint8_t id)
{
	return (id >= V1_ESP_AES_CBC && id <= V1_ESP_AES_CCM_16) ||
		(id >= V1_ESP_AES_GCM_8 && id <= V1_ESP_AES_GCM_16) || id == V1_ESP_NULL_AES_GMAC;
}

int v1_esp_transform_decode(const struct v1_transform *t, struct v1_esp_transform *ret)
{
	struct reader r = reader_of(t->attributes);
	struct v1_esp_transform esp = { .id = t->id };
	struct life life = { 0 };
	struct v1_attribute a;
	int error = 0, more;

	while ((more = v1_attribute_next(&r, &a)) > 0) {
		uint64_t number;

		error = worse(error,
			v1_attribute_number(&a, &number)
				? esp_attribute_read(&esp, &life, a.type, number)
				: -ENOTSUP);
	}
	if (more < 0 || life.type)
		return -EBADMSG;
	if (error)
		return error;
	if (esp_is_aes(esp.id) && !esp.key_bits)
		esp.key_bits = AES_KEY_BITS_DEFAULT;

	esp.life_seconds = life.seconds;
	esp.life_kilobytes = life.kilobytes;
	*ret = esp;
	return 0;
}

/* A duration in the shortest form that everybody reads: two octets, four, eight. */
static void life_encode(struct writer *w, uint16_t type_attribute, uint16_t type, uint64_t duration)
{
	uint16_t duration_attribute = type_attribute + 1;
	uint8_t octets[8];

	if (duration == 0)
		return;

	v1_attribute_encode_u16(w, type_attribute, type);
	if (duration <= UINT16_MAX) {
		v1_attribute_encode_u16(w, duration_attribute, (uint16_t)duration);
	} else if (duration <= UINT32_MAX) {
		v1_attribute_encode_u32(w, duration_attribute, (uint32_t)duration);
	} else {
		store_u64(octets, duration);
		v1_attribute_encode_bytes(w, duration_attribute, BYTES_OF(octets));
	}
}

static uint16_t life_type_of(uint8_t protocol)
{
	return protocol == V1_PROTOCOL_ISAKMP ? V1_IKE_LIFE_TYPE : V1_IPSEC_LIFE_TYPE;
}

bool v1_lifetime_decode(const struct v1_notify *n, struct v1_lifetime *ret_lifetime)
{
	uint16_t life_type = life_type_of(n->protocol);
	struct reader r = reader_of(n->data);
	struct life life = { 0 };
	struct v1_attribute a;
	int more;

	while ((more = v1_attribute_next(&r, &a)) > 0) {
		uint64_t number;
		int error = 0;

		if (!v1_attribute_number(&a, &number))
			return false;
		if (a.type == life_type)
			error = life_type_read(&life, number);
		else if (a.type == life_type + 1)
			error = life_duration_read(&life, number);
		if (error)
			return false;
	}
	if (more < 0 || life.type || (!life.seconds && !life.kilobytes))
		return false;

	*ret_lifetime = (struct v1_lifetime){ life.seconds, life.kilobytes };
	return true;
}

void v1_lifetime_encode(struct writer *w, uint8_t protocol, const struct v1_lifetime *lifetime)
{
	uint16_t life_type = life_type_of(protocol);

	life_encode(w, life_type, V1_LIFE_SECONDS, lifetime->seconds);
	life_encode(w, life_type, V1_LIFE_KILOBYTES, lifetime->kilobytes);
}

static void number_encode(struct writer *w, uint16_t type, uint16_t number)
{
	if (number)
		v1_attribute_encode_u16(w, type, number);
}

void v1_ike_transform_encode(
	struct v1_sa_writer *s, uint8_t number, const struct v1_ike_transform *t)
{
	v1_transform_begin(s, number, V1_KEY_IKE);
	number_encode(s->w, V1_IKE_ENCRYPTION, t->encryption);
	number_encode(s->w, V1_IKE_KEY_LENGTH, t->key_bits);
	number_encode(s->w, V1_IKE_HASH, t->hash);
	number_encode(s->w, V1_IKE_GROUP, t->group);
	number_encode(s->w, V1_IKE_METHOD, t->method);
	life_encode(s->w, V1_IKE_LIFE_TYPE, V1_LIFE_SECONDS, t->life_seconds);
	life_encode(s->w, V1_IKE_LIFE_TYPE, V1_LIFE_KILOBYTES, t->life_kilobytes);
	v1_transform_end(s);
}

void v1_esp_transform_encode(
	struct v1_sa_writer *s, uint8_t number, const struct v1_esp_transform *t)
{
	v1_transform_begin(s, number, t->id);
	number_encode(s->w, V1_IPSEC_KEY_LENGTH, t->key_bits);
	number_encode(s->w, V1_IPSEC_AUTHENTICATION, t->authentication);
	number_encode(s->w, V1_IPSEC_ENCAPSULATION, t->encapsulation);
	number_encode(s->w, V1_IPSEC_GROUP, t->group);
	number_encode(s->w, V1_IPSEC_ESN, t->esn ? V1_ESN_YES : 0);
	life_encode(s->w, V1_IPSEC_LIFE_TYPE, V1_LIFE_SECONDS, t->life_seconds);
	life_encode(s->w, V1_IPSEC_LIFE_TYPE, V1_LIFE_KILOBYTES, t->life_kilobytes);
	v1_transform_end(s);
}

bool v1_ike_transform_equal(const struct v1_ike_transform *a, const struct v1_ike_transform *b)
{
	return a->encryption == b->encryption && a->key_bits == b->key_bits && a->hash == b->hash &&
		a->method == b->method && a->group == b->group &&
		a->life_seconds == b->life_seconds && a->life_kilobytes == b->life_kilobytes;
}

bool v1_esp_transform_equal(const struct v1_esp_transform *a, const struct v1_esp_transform *b)
{
	return a->id == b->id && a->key_bits == b->key_bits &&
		a->authentication == b->authentication && a->group == b->group &&
		a->encapsulation == b->encapsulation && a->esn == b->esn &&
		a->life_seconds == b->life_seconds && a->life_kilobytes == b->life_kilobytes;
}

bool v1_encapsulation_is_udp(uint16_t e)
{
	return e == V1_UDP_TUNNEL || e == V1_UDP_TRANSPORT || e == V1_UDP_TUNNEL_DRAFT ||
		e == V1_UDP_TRANSPORT_DRAFT;
}

bool v1_encapsulation_is_transport(uint16_t e)
{
	return e == V1_TRANSPORT || e == V1_UDP_TRANSPORT || e == V1_UDP_TRANSPORT_DRAFT;
}
