/* The SA payload of IKEv1, RFC 2408 §3.3 to §3.6: proposals, in them transforms, in them
 * attributes. Every structure says its length and whether it is the last of its kind; both must
 * agree with the octets that are there. */
#include "wire/isakmp.h"

#include <assert.h>
#include <errno.h>

#define PROPOSAL_HEADER_BYTES  8
#define TRANSFORM_HEADER_BYTES 8
#define ATTRIBUTE_TV           0x8000
#define ATTRIBUTE_BYTES_MIN    4
#define NONE_YET               SIZE_MAX

/* libreswan fills the attributes of mode config up to a whole word. */
static bool only_padding(const struct reader *r)
{
	size_t left = reader_left(r);

	for (size_t i = 0; i < left; i++)
		if (r->at[i])
			return false;

	return !r->failed && left < ATTRIBUTE_BYTES_MIN;
}

int v1_attribute_next(struct reader *r, struct v1_attribute *ret_attribute)
{
	struct v1_attribute a;
	uint16_t type;

	if (only_padding(r))
		return 0;

	type = read_u16(r);
	a.type = type & (uint16_t)~ATTRIBUTE_TV;
	a.variable = !(type & ATTRIBUTE_TV);
	a.value = read_bytes(r, a.variable ? read_u16(r) : 2);
	if (!reader_ok(r))
		return -EBADMSG;

	*ret_attribute = a;
	return 1;
}

bool v1_attribute_number(const struct v1_attribute *a, uint64_t *ret_number)
{
	struct bytes v = a->value;
	uint64_t number = 0;

	if (v.size == 0)
		return false;
	for (size_t i = 0; i < v.size; i++) {
		if (number >> 56)
			return false;
		number = number << 8 | v.data[i];
	}

	*ret_number = number;
	return true;
}

void v1_attribute_encode(struct writer *w, const struct v1_attribute *a)
{
	if (a->variable) {
		v1_attribute_encode_bytes(w, a->type, a->value);
		return;
	}

	assert(a->value.size == 2);
	v1_attribute_encode_u16(w, a->type, load_u16(a->value.data));
}

void v1_attribute_encode_u16(struct writer *w, uint16_t type, uint16_t value)
{
	assert(!(type & ATTRIBUTE_TV));
	write_u16(w, type | ATTRIBUTE_TV);
	write_u16(w, value);
}

void v1_attribute_encode_u32(struct writer *w, uint16_t type, uint32_t value)
{
	uint8_t octets[4];

	store_u32(octets, value);
	v1_attribute_encode_bytes(w, type, BYTES_OF(octets));
}

void v1_attribute_encode_bytes(struct writer *w, uint16_t type, struct bytes value)
{
	assert(!(type & ATTRIBUTE_TV) && value.size <= UINT16_MAX);
	write_u16(w, type);
	write_u16(w, (uint16_t)value.size);
	write_bytes(w, value);
}

int v1_sa_begin(struct bytes sa_body, struct v1_sa_reader *ret_sa)
{
	struct reader r = reader_of(sa_body);
	uint32_t doi = read_u32(&r), situation = read_u32(&r);

	if (!reader_ok(&r))
		return -EBADMSG;
	if (doi != V1_DOI_IPSEC)
		return -EPROTONOSUPPORT;
	if (situation != V1_SITUATION_IDENTITY_ONLY)
		return -ENOTSUP;

	*ret_sa = (struct v1_sa_reader){ .r = r };
	return 0;
}

/* What follows the "next payload" octet of a proposal or transform: the inside of the structure,
 * without these first four octets. */
static bool structure_read(
	struct reader *r, uint8_t more, struct reader *ret_inside, bool *ret_last)
{
	uint8_t next = read_u8(r);
	uint16_t length;

	read_skip(r, 1);
	length = read_u16(r);
	if (length < PROPOSAL_HEADER_BYTES)
		return false;

	*ret_inside = reader_of(read_bytes(r, length - 4u));
	*ret_last = next == V1_PAYLOAD_NONE;
	return reader_ok(r) && next == (reader_left(r) ? more : V1_PAYLOAD_NONE);
}

static bool proposal_read(struct v1_sa_reader *s, struct v1_proposal *ret_proposal)
{
	struct reader inside;
	struct v1_proposal p;
	uint8_t spi_size;

	if (!structure_read(&s->r, V1_PAYLOAD_PROPOSAL, &inside, &s->last_seen))
		return false;

	p.number = read_u8(&inside);
	p.protocol = read_u8(&inside);
	spi_size = read_u8(&inside);
	p.transform_count = read_u8(&inside);
	p.spi = read_bytes(&inside, spi_size);
	p.transforms = read_rest(&inside);
	if (!reader_done(&inside) || spi_size > V1_SPI_MAX || p.transform_count == 0)
		return false;
	if (s->any && p.number < s->number)
		return false;

	*ret_proposal = p;
	return true;
}

int v1_sa_next(struct v1_sa_reader *s, struct v1_proposal *ret_proposal)
{
	struct v1_proposal p;

	if (s->last_seen && reader_done(&s->r))
		return 0;
	if (!proposal_read(s, &p)) {
		s->r.failed = true;
		return -EBADMSG;
	}

	s->any = true;
	s->number = p.number;
	*ret_proposal = p;
	return 1;
}

bool v1_proposal_in_bundle(struct bytes sa_body, const struct v1_proposal *p)
{
	struct v1_sa_reader s;
	struct v1_proposal other;
	size_t same = 0;

	if (v1_sa_begin(sa_body, &s) < 0)
		return false;
	while (v1_sa_next(&s, &other) > 0)
		same += other.number == p->number;

	return same > 1;
}

struct v1_transform_reader v1_transforms_begin(const struct v1_proposal *p)
{
	return (struct v1_transform_reader){
		.r = reader_of(p->transforms),
		.left = p->transform_count,
	};
}

static bool transform_read(struct v1_transform_reader *t, struct v1_transform *ret_transform)
{
	struct reader inside;
	struct v1_transform transform;
	bool last; /* the count says it, too: one too few or too many shows here or in the end */

	if (t->left == 0 || !structure_read(&t->r, V1_PAYLOAD_TRANSFORM, &inside, &last))
		return false;

	transform.number = read_u8(&inside);
	transform.id = read_u8(&inside);
	read_skip(&inside, 2);
	transform.attributes = read_rest(&inside);
	if (!reader_done(&inside))
		return false;

	*ret_transform = transform;
	return true;
}

int v1_transforms_next(struct v1_transform_reader *t, struct v1_transform *ret_transform)
{
	if (t->left == 0 && reader_done(&t->r))
		return 0;
	if (!transform_read(t, ret_transform)) {
		t->r.failed = true;
		return -EBADMSG;
	}

	t->left--;
	return 1;
}

struct v1_sa_writer v1_sa_encode_begin(struct writer *w)
{
	write_u32(w, V1_DOI_IPSEC);
	write_u32(w, V1_SITUATION_IDENTITY_ONLY);
	return (struct v1_sa_writer){
		.w = w,
		.before_at = NONE_YET,
		.proposal_at = NONE_YET,
		.transform_at = NONE_YET,
	};
}

void v1_proposal_begin(struct v1_sa_writer *s, uint8_t number, uint8_t protocol, struct bytes spi)
{
	assert(s->proposal_at == NONE_YET && spi.size <= V1_SPI_MAX);

	if (s->before_at != NONE_YET)
		write_u8_at(s->w, s->before_at, V1_PAYLOAD_PROPOSAL);
	s->proposal_at = s->w->used;
	s->transform_at = NONE_YET;
	s->transform_count = 0;
	write_u32(s->w, 0); /* none after it yet, and no length */
	write_u8(s->w, number);
	write_u8(s->w, protocol);
	write_u8(s->w, (uint8_t)spi.size);
	write_u8(s->w, 0);
	write_bytes(s->w, spi);
}

void v1_transform_begin(struct v1_sa_writer *s, uint8_t number, uint8_t id)
{
	assert(s->proposal_at != NONE_YET);

	if (s->transform_count == UINT8_MAX)
		s->w->failed = true;
	if (s->transform_at != NONE_YET)
		write_u8_at(s->w, s->transform_at, V1_PAYLOAD_TRANSFORM);
	s->transform_at = s->w->used;
	s->transform_count++;
	write_u32(s->w, 0);
	write_u8(s->w, number);
	write_u8(s->w, id);
	write_u16(s->w, 0);
}

static void length_patch(struct writer *w, size_t start)
{
	size_t length = w->used - start;

	if (length > UINT16_MAX)
		w->failed = true;
	write_u16_at(w, start + 2, (uint16_t)length);
}

void v1_transform_end(struct v1_sa_writer *s)
{
	assert(s->transform_at != NONE_YET);
	length_patch(s->w, s->transform_at);
}

void v1_proposal_end(struct v1_sa_writer *s)
{
	assert(s->proposal_at != NONE_YET && s->transform_count > 0);

	write_u8_at(s->w, s->proposal_at + 7, s->transform_count);
	length_patch(s->w, s->proposal_at);
	s->before_at = s->proposal_at;
	s->proposal_at = NONE_YET;
}

void v1_transform_encode(struct v1_sa_writer *s, const struct v1_transform *t)
{
	v1_transform_begin(s, t->number, t->id);
	write_bytes(s->w, t->attributes);
	v1_transform_end(s);
}
