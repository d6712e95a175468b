#include "wire/text.h"

struct text text_of(char *out, size_t size)
{
	if (size)
		out[0] = '\0';

	return (struct text){ .out = out, .size = size };
}

static void text_add_char(struct text *t, char c)
{
	if (t->used + 1 >= t->size)
		return;

	t->out[t->used++] = c;
	t->out[t->used] = '\0';
}

void text_add(struct text *t, const char *more)
{
	while (*more)
		text_add_char(t, *more++);
}

void text_add_number(struct text *t, uint64_t number)
{
	char digits[21];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);

	text_add(t, digits + at);
}

void text_add_hex(struct text *t, struct bytes from)
{
	char digits[3];

	for (size_t i = 0; i < from.size; i++)
		text_add(t, bytes_to_hex(BYTES(from.data + i, 1), digits, sizeof(digits)));
}

void text_add_printable(struct text *t, struct bytes from)
{
	for (size_t i = 0; i < from.size; i++) {
		uint8_t c = from.data[i];

		text_add_char(t, c >= ' ' && c < 0x7f ? (char)c : '?');
	}
}

const char *text_name_find(const struct text_name *names, uint16_t value)
{
	for (; names->name; names++)
		if (names->value == value)
			return names->name;

	return NULL;
}

const char *text_name_or_number(const struct text_name *names, uint16_t value, const char *prefix,
	char scratch[static NAME_TEXT_MAX])
{
	const char *name = text_name_find(names, value);
	struct text t = text_of(scratch, NAME_TEXT_MAX);

	if (name)
		return name;

	text_add(&t, prefix);
	text_add_number(&t, value);
	return scratch;
}

void text_add_name(struct text *t, const struct text_name *names, uint16_t value)
{
	char scratch[NAME_TEXT_MAX];

	text_add(t, text_name_or_number(names, value, "", scratch));
}
