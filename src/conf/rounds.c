/* Authentication rounds: local* and remote* sections, in the order of `round`, with the
 * certificates they name. */
#include "conf/file.h"
#include "conf/internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

/* One side's way of finding certificates and keys. */
struct cert_list {
	const char *key;       /* "certs" */
	const char *directory; /* "x509" */
	const char *sections;  /* "cert": sections with a `file`; NULL: none */
	bool public_key;
};

static bool add_der(
	struct loader *l, const struct cert_list *list, struct bytes data, struct bytes *ret_der)
{
	struct certificate *cert = NULL;
	struct public_key *key = NULL;

	if (list->public_key && public_key_load(l->sources->crypto, data, &key) < 0)
		return false;
	if (!list->public_key && certificate_load(l->sources->crypto, data, &cert) < 0)
		return false;

	*ret_der = arena_copy(l->arena, key ? public_key_info(key) : certificate_der(cert));
	l->failed = l->failed || !ret_der->size;
	public_key_free(key);
	certificate_free(cert);
	return true;
}

static bool add_file(struct loader *l, const struct cert_list *list, const char *name,
	struct where where, struct bytes *ret_der)
{
	const char *what = list->public_key ? "public key" : "certificate";
	char path[PATH_MAX], directory[PATH_MAX];
	struct bytes data;
	bool good;
	int error;

	error = file_within(l->sources->directory ? l->sources->directory : "", list->directory,
		directory, sizeof(directory));
	if (!error)
		error = file_within(directory, name, path, sizeof(path));
	if (!error)
		error = file_read(path, CERTIFICATE_BYTES_MAX, &data, NULL);
	if (error) {
		problem_error(l->problems, where, "put it there, or correct the name",
			"cannot read the %s %s: %s", what, error == -ENAMETOOLONG ? name : path,
			strerror(-error));
		return false;
	}

	good = add_der(l, list, data, ret_der);
	if (!good)
		problem_error(l->problems, where, "put a PEM or DER file there",
			"%s holds no %s that tern can read", path, what);
	file_forget(&data);
	return good;
}

/* An item: a file's name, or over VICI the data. */
static bool add_item(struct loader *l, const struct cert_list *list, struct bytes item,
	struct where where, struct bytes *ret_der)
{
	bool good;

	if (l->sources->directory)
		return add_file(l, list, loader_text(l, item), where, ret_der);

	good = add_der(l, list, item, ret_der);
	if (!good)
		problem_error(l->problems, where, "send PEM or DER",
			"an entry of '%s' is no %s that tern can read", list->key,
			list->public_key ? "public key" : "certificate");
	return good;
}

static bool is_cert_section(const struct tree_node *n, const struct cert_list *list)
{
	return list->sections && n->kind == TREE_SECTION &&
		!strncmp(n->name, list->sections, strlen(list->sections));
}

static struct bytes *load_certs(struct loader *l, const struct tree_node *section,
	const struct cert_list *list, size_t *ret_count)
{
	const struct tree_node *node = tree_child(section, list->key);
	struct where where = loader_where_of(l, section, list->key);
	struct tree_items items = tree_items_of(node);
	size_t room = items_count(node), count = 0;
	struct bytes item, *ders;

	for (const struct tree_node *n = section->first; n; n = n->next)
		room += is_cert_section(n, list);
	ders = loader_take(l, room * sizeof(*ders));
	while (ders && tree_items_next(&items, &item))
		count += add_item(l, list, item, where, &ders[count]);
	for (const struct tree_node *n = section->first; n && ders; n = n->next) {
		const char *file = is_cert_section(n, list) ? tree_text(n, "file") : NULL;

		if (file)
			count += add_file(
				l, list, file, loader_where_of(l, n, "file"), &ders[count]);
	}

	*ret_count = count;
	return ders;
}

static void load_id(struct loader *l, const struct tree_node *section, struct auth_round *round)
{
	const char *text = tree_text(section, "id");
	char words[300];

	round->where_id = loader_where_of(l, section, "id");
	if (conf_identity_parse(l->arena, text ? text : "%any", &round->id, words, sizeof(words)) <
		0)
		problem_error(l->problems, round->where_id, NULL, "%s (of %s)", words, round->name);
}

/* A local round with a certificate and without an id speaks as the certificate's subject. */
static void id_from_cert(struct loader *l, struct auth_round *round)
{
	struct certificate *cert;
	char text[256];

	if (certificate_load(l->sources->crypto, round->certs[0], &cert) < 0)
		return;

	round->id.value = arena_copy(l->arena, certificate_subject(cert));
	if (round->id.value.size > 2) { /* not an empty Name */
		round->id.type = ID_DER_ASN1_DN;
		round->id.text = loader_text(
			l, bytes_of_text(certificate_subject_text(cert, text, sizeof(text))));
	}
	certificate_free(cert);
}

static uint8_t kind_of(const struct public_key *key)
{
	switch (public_key_type(key)) {
	case KEY_RSA:
		return CONF_KEYS_RSA;
	case KEY_ECDSA:
		return public_key_bits(key) <= 256    ? CONF_KEYS_ECDSA_256
			: public_key_bits(key) <= 384 ? CONF_KEYS_ECDSA_384
						      : CONF_KEYS_ECDSA_521;
	default:
		return CONF_KEYS_OTHER;
	}
}

/* What `auth` says of keys. */
static uint8_t allowed_kinds(const struct auth_round *round)
{
	uint8_t all = CONF_KEYS_RSA | CONF_KEYS_ECDSA_256 | CONF_KEYS_ECDSA_384 |
		CONF_KEYS_ECDSA_521 | CONF_KEYS_OTHER;

	switch (round->key_type) {
	case 0:
		return all;
	case KEY_RSA:
		return CONF_KEYS_RSA;
	case KEY_ECDSA:
		return (round->min_bits <= 256 ? CONF_KEYS_ECDSA_256 : 0) |
			(round->min_bits <= 384 ? CONF_KEYS_ECDSA_384 : 0) | CONF_KEYS_ECDSA_521;
	default:
		return CONF_KEYS_OTHER;
	}
}

static void note_keys(struct loader *l, struct auth_round *round)
{
	uint8_t named = 0;
	struct certificate *cert;
	struct public_key *key;

	for (size_t i = 0; i < round->cert_count; i++) {
		if (certificate_load(l->sources->crypto, round->certs[i], &cert) < 0)
			continue;
		named |= kind_of(certificate_key(cert));
		certificate_free(cert);
	}
	for (size_t i = 0; i < round->pubkey_count; i++) {
		if (public_key_load(l->sources->crypto, round->pubkeys[i], &key) < 0)
			continue;
		named |= kind_of(key);
		public_key_free(key);
	}
	round->keys = allowed_kinds(round) & (named ? named : 0xff);
}

static void load_round(
	struct loader *l, const struct tree_node *section, bool local, struct auth_round *round)
{
	static const struct cert_list certs = { "certs", "x509", "cert", false };
	static const struct cert_list cacerts = { "cacerts", "x509ca", "cacert", false };
	static const struct cert_list pubkeys = { "pubkeys", "pubkey", NULL, true };

	round->name = loader_text(l, bytes_of_text(section->name));
	round->where = loader_where(l, section->where);
	load_auth(l, section, round);
	load_id(l, section, round);
	if (local && tree_text(section, "xauth_id"))
		round->xauth_id = loader_text(l, bytes_of_text(tree_text(section, "xauth_id")));
	round->certs = load_certs(l, section, &certs, &round->cert_count);
	round->pubkeys = load_certs(l, section, &pubkeys, &round->pubkey_count);
	note_keys(l, round);
	if (!local)
		round->cacerts = load_certs(l, section, &cacerts, &round->cacert_count);
	if (local && round->id.wildcard)
		problem_error(l->problems, round->where_id, "write the one that this host has",
			"our own id '%s' has a wildcard", round->id.text);
	if (local && round->id.type == 0 && round->cert_count)
		id_from_cert(l, round);
}

/* The sections of a side, ordered by `round`, else as they stand. */
static size_t find_rounds(
	const struct tree_node *section, bool local, const struct tree_node **ret_list)
{
	const char *prefix = local ? "local" : "remote",
		   *pattern = local ? PATTERN_LOCAL : PATTERN_REMOTE;
	size_t count = 0;

	for (const struct tree_node *n = section->first; n; n = n->next) {
		size_t at = count;

		if (n->kind != TREE_SECTION || strncmp(n->name, prefix, strlen(prefix)))
			continue;
		if (count++ == ROUNDS_MAX)
			break;
		for (; at > 0 &&
			schema_get_number(ret_list[at - 1], pattern, "round") >
				schema_get_number(n, pattern, "round");
			at--)
			ret_list[at] = ret_list[at - 1];
		ret_list[at] = n;
	}

	return count;
}

static const struct auth_round *load_side(
	struct loader *l, const struct tree_node *section, bool local, size_t *ret_count)
{
	const struct tree_node *found[ROUNDS_MAX + 1],
		nothing = { .kind = TREE_SECTION,
			.name = local ? "local" : "remote",
			.where = section->where };
	size_t count = find_rounds(section, local, found);
	struct auth_round *rounds;

	if (count == 0) {
		found[count++] = &nothing;
		if (!local)
			problem_warning(l->problems, section->where,
				"add remote { … } with the id and certificate or secret that you expect",
				"'%s' has no remote section: whoever has a certificate of our CAs may connect",
				section->name);
	}
	if (count > ROUNDS_MAX) {
		problem_error(l->problems, section->where, "keep fewer",
			"'%s' has more than %d %s rounds of authentication", section->name,
			ROUNDS_MAX, local ? "local" : "remote");
		count = ROUNDS_MAX;
	}

	rounds = loader_take(l, count * sizeof(*rounds));
	for (size_t i = 0; rounds && i < count; i++)
		load_round(l, found[i], local, &rounds[i]);
	*ret_count = rounds ? count : 0;
	return rounds;
}

void load_rounds(struct loader *l, const struct tree_node *section, struct connection *c)
{
	c->local = load_side(l, section, true, &c->local_count);
	c->remote = load_side(l, section, false, &c->remote_count);
}
