/* VICI's trees as JSON. VICI knows text only; the keys that always hold numbers or yes/no are listed here and become
 * JSON's numbers and booleans, everything else (SPIs too, which are hexadecimal) stays a string. Sections become
 * objects and lists arrays; Child SAs, whose section names are made up of name and number, become an array. */
#include "cli/json.h"

static const char *const number_keys[] = { "uniqueid", "version", "local-port", "remote-port",
	"local_port", "remote_port", "encr-keysize", "integ-keysize", "established", "rekey-time",
	"reauth-time", "life-time", "install-time", "reqid", "bytes-in", "bytes-out", "packets-in",
	"packets-out", "use-in", "use-out", "level", "thread", "ikesa-uniqueid", "rekey_time",
	"rekey_bytes", "rekey_packets", "reauth_time", "dpd_delay", "dpd_timeout", NULL };
static const char *const truth_keys[] = { "initiator", "nat-local", "nat-remote", "nat-fake",
	"nat-any", "encap", "esn", "up", "success", NULL };

static bool is_one_of(const char *key, const char *const *keys)
{
	for (; *keys; keys++)
		if (strcmp(key, *keys) == 0)
			return true;

	return false;
}

/* A decimal number as JSON wants it: no leading zeros, and exact in a double. */
static bool is_number(struct bytes text)
{
	if (text.size == 0 || text.size > 15 || (text.size > 1 && text.data[0] == '0'))
		return false;
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;

	return true;
}

/* The octets of one UTF-8 character at the start of `text`, or 0 where it is none (RFC 3629 §4). */
static size_t utf8_size(struct bytes text)
{
	uint8_t first = text.data[0];
	size_t size = first < 0x80 ? 1
		: first < 0xc2     ? 0
		: first < 0xe0     ? 2
		: first < 0xf0     ? 3
		: first < 0xf5     ? 4
				   : 0;

	if (size == 0 || size > text.size)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((text.data[i] & 0xc0) != 0x80)
			return 0;
	if ((first == 0xe0 && text.data[1] < 0xa0) || (first == 0xed && text.data[1] > 0x9f) ||
		(first == 0xf0 && text.data[1] < 0x90) || (first == 0xf4 && text.data[1] > 0x8f))
		return 0;

	return size;
}

static void json_character(FILE *to, struct bytes rest, size_t size)
{
	uint8_t first = rest.data[0];

	if (size == 0)
		fputs("\\ufffd", to);
	else if (first == '"' || first == '\\')
		fprintf(to, "\\%c", first);
	else if (first == '\n')
		fputs("\\n", to);
	else if (first < 0x20 || first == 0x7f)
		fprintf(to, "\\u%04x", first);
	else
		fwrite(rest.data, 1, size, to);
}

void json_string(FILE *to, struct bytes text)
{
	putc('"', to);
	while (text.size > 0) {
		size_t size = utf8_size(text), step = size ? size : 1;

		json_character(to, text, size);
		text = BYTES(text.data + step, text.size - step);
	}
	putc('"', to);
}

static void json_value(FILE *to, const char *key, struct bytes value)
{
	if (is_one_of(key, number_keys) && is_number(value))
		fwrite(value.data, 1, value.size, to);
	else if (is_one_of(key, truth_keys) &&
		(bytes_equal(value, bytes_of_text("yes")) ||
			bytes_equal(value, bytes_of_text("1"))))
		fputs("true", to);
	else if (is_one_of(key, truth_keys) && bytes_equal(value, bytes_of_text("no")))
		fputs("false", to);
	else
		json_string(to, value);
}

static void json_node(FILE *to, const struct tree_node *node);

/* `key` of each item, or none: then it is an array. */
static void json_items(FILE *to, const struct tree_node *node, bool keys)
{
	for (const struct tree_node *n = node->first; n; n = n->next) {
		if (n != node->first)
			fputs(", ", to);
		if (keys) {
			json_string(to, bytes_of_text(n->name));
			fputs(": ", to);
		}
		json_node(to, n);
	}
}

static void json_node(FILE *to, const struct tree_node *node)
{
	bool object = node->kind == TREE_SECTION && strcmp(node->name, "child-sas") != 0;

	if (node->kind == TREE_VALUE) {
		json_value(to, node->name, node->value);
		return;
	}

	putc(object ? '{' : '[', to);
	json_items(to, node, object);
	putc(object ? '}' : ']', to);
}

void json_array_begin(struct json_array *array, FILE *to)
{
	*array = (struct json_array){ .to = to };
	putc('[', to);
}

void json_array_add(struct json_array *array, const char *name, const struct tree_node *section)
{
	fputs(array->count++ ? ",\n " : "\n ", array->to);
	putc('{', array->to);
	if (name) {
		fputs("\"name\": ", array->to);
		json_string(array->to, bytes_of_text(name));
		if (section->first)
			fputs(", ", array->to);
	}
	json_items(array->to, section, true);
	putc('}', array->to);
}

void json_array_end(struct json_array *array)
{
	fputs(array->count ? "\n]\n" : "]\n", array->to);
}

void json_print(FILE *to, const struct tree_node *section)
{
	json_node(to, section);
	putc('\n', to);
}
