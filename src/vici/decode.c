/* From bytes to packets and trees. What a client sends is read here and nowhere else. */
#include "vici/codec.h"

#include <errno.h>
#include <stdlib.h>

static bool is_named(uint8_t type)
{
	return type == VICI_CMD_REQUEST || type == VICI_EVENT_REGISTER ||
		type == VICI_EVENT_UNREGISTER || type == VICI_EVENT;
}

static bool has_message(uint8_t type)
{
	return type == VICI_CMD_REQUEST || type == VICI_CMD_RESPONSE || type == VICI_EVENT;
}

/* A name as text: not empty, without NUL. */
static bool read_name(struct reader *r, char out[static 256])
{
	size_t size = read_u8(r);
	struct bytes name = read_bytes(r, size);

	if (!reader_ok(r) || !size || memchr(name.data, 0, size))
		return false;
	memcpy(out, name.data, size);
	out[size] = 0;
	return true;
}

int vici_packet_decode(struct bytes record, struct vici_packet *ret_packet)
{
	struct vici_packet p = { 0 };
	struct reader r = reader_of(record);

	p.type = read_u8(&r);
	if (!reader_ok(&r) || p.type > VICI_EVENT)
		return -EBADMSG;
	if (is_named(p.type) && !read_name(&r, p.name))
		return -EBADMSG;
	p.message = read_rest(&r);
	if (p.message.size && !has_message(p.type))
		return -EBADMSG;
	*ret_packet = p;
	return 0;
}

/* Where the decoder stands. */
struct place {
	struct tree *tree;
	struct tree_node *open[VICI_DEPTH_MAX + 1]; /* the root and the sections within */
	unsigned depth;
	struct tree_node *list; /* NULL: not in one */
	unsigned
		named; /* sections, lists and values so far: each looks for its name among its siblings */
};

/* A section's name may be empty: the counters of all connections together have none. */
static bool read_section_name(struct reader *r, char out[static 256], uint8_t element)
{
	if (element == VICI_SECTION_START && reader_left(r) && *r->at == 0) {
		out[0] = 0;
		read_skip(r, 1);
		return true;
	}
	return read_name(r, out);
}

static bool decode_start(struct place *p, struct reader *r, uint8_t element)
{
	char name[256];

	if (p->list || !read_section_name(r, name, element))
		return false;
	if (element == VICI_LIST_START) {
		p->list = tree_list(p->tree, p->open[p->depth], name, WHERE_VICI);
		return p->list;
	}
	if (p->depth == VICI_DEPTH_MAX)
		return false;
	p->open[p->depth + 1] = tree_section(p->tree, p->open[p->depth], name, WHERE_VICI);
	p->depth++;
	return p->open[p->depth];
}

static bool decode_value(struct place *p, struct reader *r, uint8_t element)
{
	char name[256] = "";
	struct bytes value;

	if ((element == VICI_LIST_ITEM) != (p->list != NULL))
		return false;
	if (element == VICI_KEY_VALUE && !read_name(r, name))
		return false;
	value = read_bytes(r, read_u16(r));
	if (!reader_ok(r))
		return false;
	if (p->list)
		return tree_item(p->tree, p->list, value, WHERE_VICI);
	return tree_value(p->tree, p->open[p->depth], name, value, WHERE_VICI);
}

static bool decode_element(struct place *p, struct reader *r)
{
	uint8_t element = read_u8(r);

	if (element != VICI_LIST_ITEM && ++p->named > VICI_NAMED_MAX)
		return false;

	switch (element) {
	case VICI_SECTION_START:
	case VICI_LIST_START:
		return decode_start(p, r, element);
	case VICI_KEY_VALUE:
	case VICI_LIST_ITEM:
		return decode_value(p, r, element);
	case VICI_SECTION_END:
		return !p->list && p->depth-- > 0;
	case VICI_LIST_END:
		if (!p->list)
			return false;
		p->list = NULL;
		return true;
	default:
		return false;
	}
}

int vici_message_decode(struct bytes message, struct tree **ret_tree)
{
	struct place place = { .tree = tree_new() };
	struct reader r = reader_of(message);
	bool good = true;

	if (!place.tree)
		return -ENOMEM;
	place.open[0] = &place.tree->root;
	while (good && reader_left(&r))
		good = decode_element(&place, &r);
	if (place.tree->failed) {
		tree_free(place.tree);
		return -ENOMEM;
	}
	if (!good || place.depth || place.list) {
		tree_free(place.tree);
		return -EBADMSG;
	}
	*ret_tree = place.tree;
	return 0;
}

/* Records of a stream. */

static size_t stream_left(const struct vici_stream *s)
{
	return s->size - s->at;
}

bool vici_stream_broken(const struct vici_stream *s)
{
	return stream_left(s) >= 4 && load_u32(s->data + s->at) > VICI_RECORD_MAX;
}

/* Moves what is left to the front, in memory of its own so that no secret stays behind. */
static int stream_make_room(struct vici_stream *s, size_t more)
{
	size_t left = stream_left(s), need = left + more, room = 1024;
	uint8_t *data;

	while (room < need)
		room *= 2;
	data = malloc(room);
	if (!data)
		return -ENOMEM;
	if (left)
		memcpy(data, s->data + s->at, left);
	if (s->data)
		bytes_wipe(s->data, s->room);
	free(s->data);
	*s = (struct vici_stream){ .data = data, .size = left, .room = room };
	return 0;
}

int vici_stream_add(struct vici_stream *s, struct bytes received)
{
	if (vici_stream_broken(s))
		return -EMSGSIZE;
	if (!received.size)
		return 0;
	if (s->room - s->size < received.size) {
		int r = stream_make_room(s, received.size);

		if (r)
			return r;
	}
	memcpy(s->data + s->size, received.data, received.size);
	s->size += received.size;
	return vici_stream_broken(s) ? -EMSGSIZE : 0;
}

bool vici_stream_next(struct vici_stream *s, struct bytes *ret_record)
{
	size_t left = stream_left(s), size;

	if (left < 4 || vici_stream_broken(s))
		return false;
	size = load_u32(s->data + s->at);
	if (left - 4 < size)
		return false;
	*ret_record = BYTES(s->data + s->at + 4, size);
	s->at += 4 + size;
	return true;
}

void vici_stream_free(struct vici_stream *s)
{
	if (s->data)
		bytes_wipe(s->data, s->room);
	free(s->data);
	*s = (struct vici_stream){ 0 };
}
