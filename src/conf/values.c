/* Values by type, as strongSwan reads them: yes/true/enabled/1, 90, 90s, 5m, 4h, 1d, 10k, 1.8. */
#include "conf/schema.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

int schema_bool(const char *text, bool *ret_value)
{
	static const char *const words[] = { "no", "yes", "false", "true", "disabled", "enabled",
		"0", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(text, words[i])) {
			*ret_value = i & 1;
			return 0;
		}

	return -EINVAL;
}

/* Digits at the start; *ret_rest is what follows them. */
static int digits(const char *text, uint64_t *ret_value, const char **ret_rest)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;

	errno = 0;
	*ret_value = strtoull(text, &end, hex ? 16 : 10);
	*ret_rest = end;
	return errno ? -EINVAL : 0;
}

int schema_number(const char *text, uint64_t *ret_value)
{
	uint64_t value;
	const char *rest;

	if (digits(text, &value, &rest) < 0 || *rest)
		return -EINVAL;

	*ret_value = value;
	return 0;
}

struct unit {
	char letter;
	uint64_t factor;
};

static int number_with_unit(
	const char *text, const struct unit units[static 4], uint64_t *ret_value)
{
	uint64_t value, factor = 1;
	const char *rest;

	if (digits(text, &value, &rest) < 0)
		return -EINVAL;
	while (*rest == ' ')
		rest++;
	if (*rest) {
		factor = 0;
		for (size_t i = 0; i < 4; i++)
			if (units[i].letter == (*rest | 0x20) && !rest[1])
				factor = units[i].factor;
	}
	if (factor == 0 || __builtin_mul_overflow(value, factor, &value))
		return -EINVAL;

	*ret_value = value;
	return 0;
}

int schema_time(const char *text, uint64_t *ret_seconds)
{
	static const struct unit units[4] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 },
		{ 'd', 86400 } };
	uint64_t seconds;

	if (number_with_unit(text, units, &seconds) < 0 || seconds > UINT32_MAX)
		return -EINVAL;

	*ret_seconds = seconds;
	return 0;
}

int schema_size(const char *text, uint64_t *ret_octets)
{
	static const struct unit units[4] = { { 'b', 1 }, { 'k', 1u << 10 }, { 'm', 1u << 20 },
		{ 'g', 1u << 30 } };

	return number_with_unit(text, units, ret_octets);
}

int schema_decimal(const char *text, double *ret_value)
{
	uint64_t whole, fraction = 0;
	double scale = 1;
	const char *rest;

	if (digits(text, &whole, &rest) < 0 || whole > UINT32_MAX)
		return -EINVAL;
	if (*rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9' && scale < 1e9; rest++, scale *= 10)
			fraction = 10 * fraction + (uint64_t)(*rest - '0');
	if (*rest)
		return -EINVAL;

	*ret_value = (double)whole + (double)fraction / scale;
	return 0;
}

/* What is said, or the default. */
static const char *value_text(const struct tree_node *section, const struct schema_key *key)
{
	const char *text = tree_text(section, key->key);

	return text ? text : key->value;
}

bool schema_get_bool(const struct tree_node *section, const char *pattern, const char *key)
{
	const struct schema_key *k = schema_find(pattern, key);
	bool value = false;

	assert(k && k->type == SCHEMA_BOOL);
	if (schema_bool(value_text(section, k), &value) < 0)
		schema_bool(k->value, &value);

	return value;
}

static int number_of_type(const struct schema_key *k, const char *text, uint64_t *ret_value)
{
	int error = k->type == SCHEMA_TIME ? schema_time(text, ret_value)
		: k->type == SCHEMA_SIZE   ? schema_size(text, ret_value)
					   : schema_number(text, ret_value);

	if (error)
		return error;

	return *ret_value < k->min || (k->max && *ret_value > k->max) ? -EINVAL : 0;
}

uint64_t schema_get_number(const struct tree_node *section, const char *pattern, const char *key)
{
	const struct schema_key *k = schema_find(pattern, key);
	uint64_t value = 0;

	assert(k && (k->type == SCHEMA_NUMBER || k->type == SCHEMA_TIME || k->type == SCHEMA_SIZE));
	if (number_of_type(k, value_text(section, k), &value) < 0 &&
		number_of_type(k, k->value, &value) < 0)
		value = 0;

	return value;
}

const char *schema_get_text(const struct tree_node *section, const char *pattern, const char *key)
{
	const struct schema_key *k = schema_find(pattern, key);
	const char *text;

	assert(k);
	text = value_text(section, k);
	return text[0] ? text : NULL;
}

/* Within the table a '+' stands for the '|' of "trap|start", as '|' separates choices there. */
static bool choice_is(const char *choice, size_t size, const char *text)
{
	for (size_t i = 0; i < size; i++)
		if (!text[i] ||
			tolower((unsigned char)text[i]) != (choice[i] == '+' ? '|' : choice[i]))
			return false;

	return !text[size];
}

int schema_choice(const char *choices, const char *text, unsigned *ret_index)
{
	for (unsigned i = 0;; i++) {
		size_t length = strcspn(choices, "|");

		if (choice_is(choices, length, text)) {
			*ret_index = i;
			return 0;
		}
		if (!choices[length])
			return -EINVAL;
		choices += length + 1;
	}
}

unsigned schema_get_choice(const struct tree_node *section, const char *pattern, const char *key)
{
	const struct schema_key *k = schema_find(pattern, key);
	unsigned index = 0;

	assert(k && k->type == SCHEMA_CHOICE);
	if (schema_choice(k->choices, value_text(section, k), &index) < 0)
		schema_choice(k->choices, k->value, &index);

	return index;
}
