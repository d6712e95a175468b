/* The SA payload, RFC 7296 §3.3: proposals, in them transforms, in them attributes. Every structure
 * says its length and whether it is the last of its kind; both must agree with the octets that are
 * there. What is well formed but unknown doesn't fail: it makes a transform or a proposal
 * impossible to choose (§3.3.6). */
#include "wire/wire.h"

#include <assert.h>
#include <errno.h>

#define PROPOSAL_HEADER_BYTES  8
#define TRANSFORM_HEADER_BYTES 8
#define MORE_PROPOSALS         2
#define MORE_TRANSFORMS        3
#define ATTRIBUTE_TV           0x8000
#define ATTRIBUTE_KEY_LENGTH   14

struct sa_reader sa_begin(struct bytes sa_body)
{
	return (struct sa_reader){ .r = reader_of(sa_body) };
}

/* Anything but one key length in its short form is an attribute that we don't understand. */
static bool attributes_read(struct reader *r, uint16_t *ret_key_bits, bool *ret_understood)
{
	uint16_t key_bits = 0;
	bool understood = true;

	while (reader_left(r)) {
		uint16_t type = read_u16(r);
		uint16_t value = read_u16(r);

		if (!(type & ATTRIBUTE_TV))
			read_skip(r, value);
		if (type != (ATTRIBUTE_TV | ATTRIBUTE_KEY_LENGTH) || key_bits || !value)
			understood = false;
		else
			key_bits = value;
	}

	*ret_key_bits = key_bits;
	*ret_understood = understood;
	return reader_ok(r);
}

static bool transform_read(struct reader *r, struct transform *ret_transform, bool *ret_understood)
{
	struct transform t = { 0 };
	uint8_t last = read_u8(r);
	uint16_t length;
	struct reader inside;

	read_skip(r, 1);
	length = read_u16(r);
	if (length < TRANSFORM_HEADER_BYTES)
		return false;

	inside = reader_of(read_bytes(r, length - 4u));
	if (!reader_ok(r) || last != (reader_left(r) ? MORE_TRANSFORMS : 0))
		return false;

	t.type = read_u8(&inside);
	read_skip(&inside, 1);
	t.id = read_u16(&inside);
	if (!attributes_read(&inside, &t.key_bits, ret_understood))
		return false;

	*ret_transform = t;
	return true;
}

/* A proposal is an AND over transform types: where nothing is left of one, it can't be chosen. */
static bool transforms_read(struct reader *r, size_t count, struct proposal *p)
{
	unsigned int types_offered = 0, types_understood = 0;

	for (size_t i = 0; i < count; i++) {
		struct transform t;
		bool understood;

		if (!transform_read(r, &t, &understood))
			return false;
		if (t.type == 0 || t.type >= TRANSFORM_TYPES)
			p->unusable = true;
		else
			types_offered |= 1u << t.type;
		if (!understood)
			continue;
		if (t.type < TRANSFORM_TYPES)
			types_understood |= 1u << t.type;
		p->transforms[p->transform_count++] = t;
	}
	if (types_offered & ~types_understood)
		p->unusable = true;

	return reader_done(r);
}

static bool spi_size_fits(uint8_t protocol, uint8_t spi_size)
{
	switch (protocol) {
	case PROTOCOL_IKE:
		return spi_size == 0 || spi_size == 8;
	case PROTOCOL_AH:
	case PROTOCOL_ESP:
		return spi_size == 4;
	default:
		return false;
	}
}

static bool proposal_read_inside(struct reader *r, struct proposal *ret_proposal)
{
	struct proposal p = { 0 };
	uint8_t count;

	p.number = read_u8(r);
	p.protocol = read_u8(r);
	p.spi_size = read_u8(r);
	count = read_u8(r);
	if (p.spi_size > PROPOSAL_SPI_MAX || count == 0 || count > TRANSFORMS_MAX)
		return false;

	read_copy(r, p.spi, p.spi_size);
	p.unusable = !spi_size_fits(p.protocol, p.spi_size);
	if (!transforms_read(r, count, &p))
		return false;

	*ret_proposal = p;
	return true;
}

/* Offers number their proposals from 1; an answer has a single one with the number of what it
 * chose. */
static bool proposal_number_valid(uint8_t before, const struct proposal *p, bool last)
{
	if (before == 0 && last)
		return p->number != 0;

	return p->number == before + 1;
}

static bool proposal_read(struct sa_reader *s, struct proposal *ret_proposal)
{
	struct reader *r = &s->r;
	uint8_t last = read_u8(r);
	uint16_t length;
	struct reader inside;

	read_skip(r, 1);
	length = read_u16(r);
	if (length < PROPOSAL_HEADER_BYTES)
		return false;

	inside = reader_of(read_bytes(r, length - 4u));
	if (!reader_ok(r) || last != (reader_left(r) ? MORE_PROPOSALS : 0))
		return false;
	if (!proposal_read_inside(&inside, ret_proposal))
		return false;

	s->last_seen = last == 0;
	return proposal_number_valid(s->number, ret_proposal, s->last_seen);
}

int sa_next(struct sa_reader *s, struct proposal *ret_proposal)
{
	struct proposal p;

	if (s->last_seen && reader_done(&s->r))
		return 0;
	if (!proposal_read(s, &p)) {
		s->r.failed = true;
		return -EBADMSG;
	}

	s->number = p.number;
	*ret_proposal = p;
	return 1;
}

static void transform_encode(struct writer *w, const struct transform *t, bool last)
{
	write_u8(w, last ? 0 : MORE_TRANSFORMS);
	write_u8(w, 0);
	write_u16(w, TRANSFORM_HEADER_BYTES + (t->key_bits ? 4 : 0));
	write_u8(w, t->type);
	write_u8(w, 0);
	write_u16(w, t->id);
	if (t->key_bits) {
		write_u16(w, ATTRIBUTE_TV | ATTRIBUTE_KEY_LENGTH);
		write_u16(w, t->key_bits);
	}
}

static void proposal_encode(struct writer *w, const struct proposal *p, bool last)
{
	size_t start = w->used;

	assert(p->spi_size <= PROPOSAL_SPI_MAX && p->transform_count <= TRANSFORMS_MAX);

	write_u8(w, last ? 0 : MORE_PROPOSALS);
	write_u8(w, 0);
	write_u16(w, 0);
	write_u8(w, p->number);
	write_u8(w, p->protocol);
	write_u8(w, p->spi_size);
	write_u8(w, p->transform_count);
	write_bytes(w, BYTES(p->spi, p->spi_size));
	for (size_t i = 0; i < p->transform_count; i++)
		transform_encode(w, &p->transforms[i], i + 1 == p->transform_count);
	write_u16_at(w, start + 2, (uint16_t)(w->used - start));
}

void sa_encode(struct writer *w, const struct proposal *proposals, size_t count)
{
	for (size_t i = 0; i < count; i++)
		proposal_encode(w, &proposals[i], i + 1 == count);
}

size_t proposal_count(const struct proposal *p, uint8_t type)
{
	size_t count = 0;

	for (size_t i = 0; i < p->transform_count; i++)
		count += p->transforms[i].type == type;

	return count;
}
