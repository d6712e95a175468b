/* Bytes: a borrowed view, a reader and a writer with sticky failure. Every byte that a peer sends
 * is read through these, so a bound is checked in exactly one place. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A borrowed run of octets. { NULL, 0 } is the empty one. */
struct bytes {
	const uint8_t *data;
	size_t size;
};

#define BYTES(pointer, length) ((struct bytes){ (const uint8_t *)(pointer), (length) })
#define BYTES_OF(array)        BYTES((array), sizeof(array))
#define BYTES_EMPTY            ((struct bytes){ NULL, 0 })

static inline struct bytes bytes_of_text(const char *text)
{
	return BYTES(text, strlen(text));
}

/* Compares contents, not in constant time: use secret_equal() or bytes_equal_secret() for secrets.
 */
bool bytes_equal(struct bytes a, struct bytes b);

/* Compares in a time that depends on the sizes only. */
bool bytes_equal_secret(struct bytes a, struct bytes b);

/* memcmp() over the shorter length, then by length. */
int bytes_compare(struct bytes a, struct bytes b);

/* Overwrites memory so that the compiler can't drop it. */
void bytes_wipe(void *memory, size_t size);

/* A copy in malloc'ed memory, or NULL where memory ran out or `from` is empty. The caller frees. */
uint8_t *bytes_copy(struct bytes from);

/* Lower-case hexadecimal of `from` into `out`, always terminated, cut to fit. Returns out. */
char *bytes_to_hex(struct bytes from, char *out, size_t out_size);

/* Reads hexadecimal (no separators) into out. Returns the number of octets, or -EINVAL / -ENOBUFS.
 */
int bytes_from_hex(const char *hex, uint8_t *out, size_t out_size);

/* A cursor over received octets. After a read past the end `failed` stays set and reads give zeros,
 * so a decoder reads every field and checks once, with reader_done() or reader_ok(). */
struct reader {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

static inline struct reader reader_of(struct bytes from)
{
	return (struct reader){ from.data, from.data ? from.data + from.size : NULL, false };
}

static inline size_t reader_left(const struct reader *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->at);
}

uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r); /* big endian, as all below */
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
struct bytes read_bytes(struct reader *r, size_t size); /* a view, not a copy */
struct bytes read_rest(struct reader *r);
void read_copy(struct reader *r, void *out, size_t size); /* zeros where too short */
void read_skip(struct reader *r, size_t size);

static inline bool reader_ok(const struct reader *r)
{
	return !r->failed;
}

/* All read, nothing left over and nothing missing. */
static inline bool reader_done(const struct reader *r)
{
	return !r->failed && r->at == r->end;
}

/* A cursor over memory to fill. After a write past the end `failed` stays set and `used` stays. */
struct writer {
	uint8_t *start;
	size_t used;
	size_t size;
	bool failed;
};

static inline struct writer writer_of(void *memory, size_t size)
{
	return (struct writer){ memory, 0, size, false };
}

static inline struct bytes writer_bytes(const struct writer *w)
{
	return (struct bytes){ w->start, w->used };
}

void write_u8(struct writer *w, uint8_t value);
void write_u16(struct writer *w, uint16_t value);
void write_u32(struct writer *w, uint32_t value);
void write_u64(struct writer *w, uint64_t value);
void write_bytes(struct writer *w, struct bytes from);
void write_zeros(struct writer *w, size_t count);

/* Room for `size` octets to be filled in place, or NULL and failure. */
uint8_t *write_room(struct writer *w, size_t size);

/* Overwrites what is already written, for lengths known only at the end. Does nothing after
 * failure. */
void write_u8_at(struct writer *w, size_t offset, uint8_t value);
void write_u16_at(struct writer *w, size_t offset, uint16_t value);
void write_u32_at(struct writer *w, size_t offset, uint32_t value);

static inline bool writer_ok(const struct writer *w)
{
	return !w->failed;
}

static inline uint16_t load_u16(const void *from)
{
	const uint8_t *p = from;

	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t load_u32(const void *from)
{
	const uint8_t *p = from;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t load_u64(const void *from)
{
	const uint8_t *p = from;

	return (uint64_t)load_u32(p) << 32 | load_u32(p + 4);
}

static inline void store_u16(void *to, uint16_t value)
{
	uint8_t *p = to;

	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static inline void store_u32(void *to, uint32_t value)
{
	store_u16(to, (uint16_t)(value >> 16));
	store_u16((uint8_t *)to + 2, (uint16_t)value);
}

static inline void store_u64(void *to, uint64_t value)
{
	store_u32(to, (uint32_t)(value >> 32));
	store_u32((uint8_t *)to + 4, (uint32_t)value);
}
