#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool bytes_equal_secret(struct bytes a, struct bytes b)
{
	volatile uint8_t difference = 0;

	if (a.size != b.size)
		return false;

	for (size_t i = 0; i < a.size; i++)
		difference = (uint8_t)(difference | (a.data[i] ^ b.data[i]));

	return difference == 0;
}

int bytes_compare(struct bytes a, struct bytes b)
{
	size_t shared = a.size < b.size ? a.size : b.size;
	int order = shared ? memcmp(a.data, b.data, shared) : 0;

	if (order != 0)
		return order;

	return (a.size > b.size) - (a.size < b.size);
}

void bytes_wipe(void *memory, size_t size)
{
	if (memory)
		explicit_bzero(memory, size);
}

uint8_t *bytes_copy(struct bytes from)
{
	uint8_t *copy = from.size ? malloc(from.size) : NULL;

	if (copy)
		memcpy(copy, from.data, from.size);

	return copy;
}

char *bytes_to_hex(struct bytes from, char *out, size_t out_size)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	for (size_t i = 0; i < from.size && used + 2 < out_size; i++) {
		out[used++] = digits[from.data[i] >> 4];
		out[used++] = digits[from.data[i] & 15];
	}
	if (out_size)
		out[used] = '\0';

	return out;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;

	return -1;
}

int bytes_from_hex(const char *hex, uint8_t *out, size_t out_size)
{
	size_t length = strlen(hex);

	if (length % 2 != 0)
		return -EINVAL;
	if (length / 2 > out_size)
		return -ENOBUFS;

	for (size_t i = 0; i < length; i += 2) {
		int high = hex_value(hex[i]);
		int low = hex_value(hex[i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}

	return (int)(length / 2);
}

struct bytes read_bytes(struct reader *r, size_t size)
{
	struct bytes view = { r->at, size };

	if (size > reader_left(r)) {
		r->failed = true;
		return BYTES_EMPTY;
	}
	if (size)
		r->at += size;

	return view;
}

struct bytes read_rest(struct reader *r)
{
	return read_bytes(r, reader_left(r));
}

void read_copy(struct reader *r, void *out, size_t size)
{
	struct bytes view = read_bytes(r, size);

	if (view.size)
		memcpy(out, view.data, size);
	else if (size)
		memset(out, 0, size);
}

void read_skip(struct reader *r, size_t size)
{
	read_bytes(r, size);
}

uint8_t read_u8(struct reader *r)
{
	struct bytes view = read_bytes(r, 1);

	return view.size ? view.data[0] : 0;
}

uint16_t read_u16(struct reader *r)
{
	struct bytes view = read_bytes(r, 2);

	return view.size ? load_u16(view.data) : 0;
}

uint32_t read_u32(struct reader *r)
{
	struct bytes view = read_bytes(r, 4);

	return view.size ? load_u32(view.data) : 0;
}

uint64_t read_u64(struct reader *r)
{
	struct bytes view = read_bytes(r, 8);

	return view.size ? load_u64(view.data) : 0;
}

uint8_t *write_room(struct writer *w, size_t size)
{
	uint8_t *room;

	if (w->failed || size > w->size - w->used) {
		w->failed = true;
		return NULL;
	}
	room = w->start + w->used;
	w->used += size;

	return room;
}

void write_bytes(struct writer *w, struct bytes from)
{
	uint8_t *room = write_room(w, from.size);

	if (room && from.size)
		memcpy(room, from.data, from.size);
}

void write_zeros(struct writer *w, size_t count)
{
	uint8_t *room = write_room(w, count);

	if (room && count)
		memset(room, 0, count);
}

void write_u8(struct writer *w, uint8_t value)
{
	write_bytes(w, BYTES(&value, 1));
}

void write_u16(struct writer *w, uint16_t value)
{
	uint8_t *room = write_room(w, 2);

	if (room)
		store_u16(room, value);
}

void write_u32(struct writer *w, uint32_t value)
{
	uint8_t *room = write_room(w, 4);

	if (room)
		store_u32(room, value);
}

void write_u64(struct writer *w, uint64_t value)
{
	uint8_t *room = write_room(w, 8);

	if (room)
		store_u64(room, value);
}

static uint8_t *written_at(struct writer *w, size_t offset, size_t size)
{
	if (w->failed || offset > w->used || size > w->used - offset)
		return NULL;

	return w->start + offset;
}

void write_u8_at(struct writer *w, size_t offset, uint8_t value)
{
	uint8_t *room = written_at(w, offset, 1);

	if (room)
		*room = value;
}

void write_u16_at(struct writer *w, size_t offset, uint16_t value)
{
	uint8_t *room = written_at(w, offset, 2);

	if (room)
		store_u16(room, value);
}

void write_u32_at(struct writer *w, size_t offset, uint32_t value)
{
	uint8_t *room = written_at(w, offset, 4);

	if (room)
		store_u32(room, value);
}
