/* From calls to bytes. */
#include "vici/codec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The old memory is wiped: a message may hold what is secret. */
static bool grow(struct vici_buffer *b, size_t more)
{
	size_t room = b->room ? b->room : 512;
	uint8_t *data;

	if (b->failed || b->size + more > VICI_RECORD_MAX + 4) {
		b->failed = true;
		return false;
	}
	if (b->room - b->size >= more)
		return true;
	while (room < b->size + more)
		room *= 2;
	data = malloc(room);
	if (!data) {
		b->failed = true;
		return false;
	}
	if (b->size)
		memcpy(data, b->data, b->size);
	if (b->data)
		bytes_wipe(b->data, b->room);
	free(b->data);
	b->data = data;
	b->room = room;
	return true;
}

static void put(struct vici_buffer *b, struct bytes from)
{
	if (!grow(b, from.size) || !from.size)
		return;
	memcpy(b->data + b->size, from.data, from.size);
	b->size += from.size;
}

static void put_u8(struct vici_buffer *b, uint8_t value)
{
	put(b, BYTES(&value, 1));
}

static void put_name(struct vici_buffer *b, const char *name)
{
	size_t size = strlen(name);

	if (!size || size > UINT8_MAX) {
		b->failed = true;
		return;
	}
	put_u8(b, (uint8_t)size);
	put(b, BYTES(name, size));
}

static void put_value(struct vici_buffer *b, struct bytes value)
{
	uint8_t size[2];

	if (value.size > UINT16_MAX) {
		b->failed = true;
		return;
	}
	store_u16(size, (uint16_t)value.size);
	put(b, BYTES_OF(size));
	put(b, value);
}

void vici_begin(struct vici_buffer *b, enum vici_packet_type type, const char *name)
{
	const uint8_t length[4] = { 0 };

	*b = (struct vici_buffer){ 0 };
	put(b, BYTES_OF(length));
	put_u8(b, (uint8_t)type);
	if (name)
		put_name(b, name);
}

bool vici_finish(struct vici_buffer *b)
{
	if (b->depth || b->in_list || b->size < 5)
		b->failed = true;
	if (b->failed)
		return false;
	store_u32(b->data, (uint32_t)(b->size - 4));
	return true;
}

void vici_free(struct vici_buffer *b)
{
	if (b->data)
		bytes_wipe(b->data, b->room);
	free(b->data);
	*b = (struct vici_buffer){ 0 };
}

static void start(struct vici_buffer *b, enum vici_element element, const char *name)
{
	if (b->in_list)
		b->failed = true;
	put_u8(b, (uint8_t)element);
	if (element == VICI_SECTION_START && !*name)
		put_u8(b, 0);
	else
		put_name(b, name);
}

void vici_section(struct vici_buffer *b, const char *name)
{
	start(b, VICI_SECTION_START, name);
	if (++b->depth > VICI_DEPTH_MAX)
		b->failed = true;
}

void vici_section_end(struct vici_buffer *b)
{
	if (b->in_list || !b->depth) {
		b->failed = true;
		return;
	}
	b->depth--;
	put_u8(b, VICI_SECTION_END);
}

void vici_bytes(struct vici_buffer *b, const char *name, struct bytes value)
{
	start(b, VICI_KEY_VALUE, name);
	put_value(b, value);
}

void vici_text(struct vici_buffer *b, const char *name, const char *value)
{
	if (value)
		vici_bytes(b, name, bytes_of_text(value));
}

void vici_printf(struct vici_buffer *b, const char *name, const char *format, ...)
{
	char text[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	vici_text(b, name, text);
}

void vici_bool(struct vici_buffer *b, const char *name, bool value)
{
	vici_text(b, name, value ? "yes" : "no");
}

void vici_list(struct vici_buffer *b, const char *name)
{
	start(b, VICI_LIST_START, name);
	b->in_list = true;
}

void vici_item(struct vici_buffer *b, struct bytes value)
{
	if (!b->in_list) {
		b->failed = true;
		return;
	}
	put_u8(b, VICI_LIST_ITEM);
	put_value(b, value);
}

void vici_item_text(struct vici_buffer *b, const char *value)
{
	vici_item(b, bytes_of_text(value));
}

void vici_list_end(struct vici_buffer *b)
{
	if (!b->in_list)
		b->failed = true;
	b->in_list = false;
	put_u8(b, VICI_LIST_END);
}
