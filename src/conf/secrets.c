/* The `secrets` section: what it says is decoded here and nowhere shown. */
#include "conf/creds_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? (int)(found - digits) : -1;
}

/* Returns the size, or -EINVAL. */
static int base64_decode(const char *text, uint8_t *out)
{
	size_t size = strlen(text), used = 0;
	uint32_t bits = 0;
	unsigned held = 0;

	while (size && text[size - 1] == '=')
		size--;
	if (size % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < size; i++) {
		int digit = base64_digit(text[i]);

		if (digit < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)digit;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[used++] = (uint8_t)(bits >> held);
		}
	}

	return (int)used;
}

int conf_secret_decode(struct arena *arena, const char *text, struct bytes *ret_data)
{
	bool hex = !strncasecmp(text, "0x", 2), base64 = !strncasecmp(text, "0s", 2);
	uint8_t *out = arena_take(arena, strlen(text) + 1);
	int size;

	if (!out)
		return -EINVAL;
	if (hex) {
		size = bytes_from_hex(text + 2, out, strlen(text));
	} else if (base64) {
		size = base64_decode(text + 2, out);
	} else {
		size = (int)strlen(text);
		memcpy(out, text, strlen(text));
	}
	if (size <= 0)
		return -EINVAL;

	*ret_data = BYTES(out, (size_t)size);
	return 0;
}

static void load_owners(struct conf_directory *d, const struct tree_node *section,
	struct conf_secret *s, struct problems *problems)
{
	char words[300];
	size_t room = 0;

	for (const struct tree_node *n = section->first; n; n = n->next)
		room += !strncmp(n->name, "id", 2);
	s->owners = room ? arena_take(d->arena, room * sizeof(*s->owners)) : NULL;
	for (const struct tree_node *n = section->first; n && s->owners; n = n->next) {
		const char *text = !strncmp(n->name, "id", 2) ? tree_text(section, n->name) : NULL;
		struct identity id;

		if (!text)
			continue;
		if (conf_identity_parse(d->arena, text, &id, words, sizeof(words)) < 0)
			problem_error(problems, n->where, NULL, "%s (of secret '%s')", words,
				section->name);
		else
			s->owners[s->owner_count++] = arena_text(d->arena, text);
	}
}

static bool secret_kind(const char *name, enum conf_secret_kind *ret_kind)
{
	static const struct {
		const char *prefix;
		enum conf_secret_kind kind;
	} kinds[] = { { "ike", CONF_SECRET_IKE }, { "eap", CONF_SECRET_EAP },
		{ "xauth", CONF_SECRET_XAUTH }, { "ntlm", CONF_SECRET_NTLM },
		{ "ppk", CONF_SECRET_PPK } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix))) {
			*ret_kind = kinds[i].kind;
			return true;
		}

	return false;
}

void directory_load_secrets(struct conf_directory *d, struct problems *problems)
{
	const struct tree_node *secrets = tree_child(&d->tree->root, "secrets");
	enum conf_secret_kind kind;
	size_t room = 0;

	for (const struct tree_node *n = secrets ? secrets->first : NULL; n; n = n->next)
		room += n->kind == TREE_SECTION && secret_kind(n->name, &kind);
	d->secrets = room ? arena_take(d->arena, room * sizeof(*d->secrets)) : NULL;
	for (const struct tree_node *n = secrets ? secrets->first : NULL; n && d->secrets;
		n = n->next) {
		const char *text = n->kind == TREE_SECTION ? tree_text(n, "secret") : NULL;
		struct conf_secret s = { .name = n->name, .where = n->where };

		if (n->kind != TREE_SECTION || !secret_kind(n->name, &s.kind))
			continue;
		if (!text) {
			problem_error(problems, n->where, "add secret = …",
				"secret '%s' has no 'secret'", n->name);
		} else if (conf_secret_decode(d->arena, text, &s.data) < 0) {
			problem_error(problems, tree_child(n, "secret")->where,
				"write pairs of hexadecimal digits after 0x, Base64 after 0s, or quote text",
				"the value of secret '%s' cannot be decoded", n->name);
		} else {
			load_owners(d, n, &s, problems);
			d->secrets[d->secret_count++] = s;
		}
	}
}

const char *secret_passphrase(
	const struct tree_node *root, const char *prefix, const char *file, struct where *ret_where)
{
	const struct tree_node *secrets = tree_child(root, "secrets");

	for (const struct tree_node *n = secrets ? secrets->first : NULL; n; n = n->next) {
		const char *named =
			n->kind == TREE_SECTION && !strncmp(n->name, prefix, strlen(prefix))
			? tree_text(n, "file")
			: NULL;

		if (named && !strcmp(named, file)) {
			*ret_where = n->where;
			return tree_text(n, "secret");
		}
	}

	return NULL;
}
