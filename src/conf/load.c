/* A connection: checked against the table, then read key by key with strongSwan's defaults. */
#include "conf/internal.h"

#include <errno.h>
#include <stdlib.h>

void *loader_take(struct loader *l, size_t size)
{
	void *memory = size ? arena_take(l->arena, size) : NULL;

	if (size && !memory)
		l->failed = true;

	return memory;
}

const char *loader_text(struct loader *l, struct bytes text)
{
	char *copy = loader_take(l, text.size + 1);

	if (!copy)
		return "";
	if (text.size)
		memcpy(copy, text.data, text.size);

	return copy;
}

struct where loader_where(struct loader *l, struct where where)
{
	if (!where.file)
		where.file = "";
	if (!l->file_from || strcmp(l->file_from, where.file)) {
		l->file_copy = loader_text(l, bytes_of_text(where.file));
		l->file_from = l->file_copy;
	}

	return (struct where){ l->file_copy, where.line };
}

struct where loader_where_of(struct loader *l, const struct tree_node *section, const char *key)
{
	const struct tree_node *n = tree_child(section, key);

	return loader_where(l, n && tree_said(n) ? n->where : section->where);
}

size_t items_count(const struct tree_node *node)
{
	struct tree_items items = tree_items_of(node);
	struct bytes item;
	size_t count = 0;

	while (tree_items_next(&items, &item))
		count++;

	return count;
}

uint64_t loader_life(uint64_t rekey, uint64_t margin)
{
	uint64_t tenth = rekey / 10;

	return rekey ? rekey + (tenth > margin ? tenth : margin) : 0;
}

/* IKE lifetimes. With a reauth_time there is no rekeying unless it is asked for. */
static void load_times(const struct tree_node *s, struct connection *c)
{
	uint64_t longer;

	c->reauth_time_s = schema_get_number(s, PATTERN_CONNECTION, "reauth_time");
	if (tree_text(s, "rekey_time") || !c->reauth_time_s)
		c->rekey_time_s = schema_get_number(s, PATTERN_CONNECTION, "rekey_time");
	longer = c->reauth_time_s > c->rekey_time_s ? c->reauth_time_s : c->rekey_time_s;

	c->over_time_s = tree_text(s, "over_time")
		? schema_get_number(s, PATTERN_CONNECTION, "over_time")
		: loader_life(longer, LIFE_MARGIN_S) - longer;
	c->rand_time_s = tree_text(s, "rand_time")
		? schema_get_number(s, PATTERN_CONNECTION, "rand_time")
		: tree_text(s, "over_time") ? c->over_time_s
					    : longer / 10;
	c->dpd_delay_s = schema_get_number(s, PATTERN_CONNECTION, "dpd_delay");
	c->dpd_timeout_s = schema_get_number(s, PATTERN_CONNECTION, "dpd_timeout");
}

static uint8_t load_dscp(struct loader *l, const struct tree_node *s)
{
	const char *text = schema_get_text(s, PATTERN_CONNECTION, "dscp");

	if (strlen(text) == 6 && strspn(text, "01") == 6)
		return (uint8_t)strtoul(text, NULL, 2);

	problem_error(l->problems, loader_where_of(l, s, "dscp"),
		"write six binary digits such as 101110", "'%.40s' is no value of 'dscp'", text);
	return 0;
}

static void load_redirect(struct loader *l, const struct tree_node *s, struct connection *c)
{
	const char *text = schema_get_text(s, PATTERN_CONNECTION, "redirect_to");

	c->follow_redirects = schema_get_bool(s, PATTERN_CONNECTION, "follow_redirects");
	if (text && text[0] && !gateway_parse(text, &c->redirect_to))
		problem_error(l->problems, loader_where_of(l, s, "redirect_to"),
			"write the address or the name of another gateway",
			"'%.80s' is no address and no name of a host", text);
}

static void load_options(struct loader *l, const struct tree_node *s, struct connection *c)
{
	static const uint8_t unique[] = { UNIQUE_NO, UNIQUE_NEVER, UNIQUE_KEEP, UNIQUE_REPLACE };

	c->version = (uint8_t)schema_get_choice(s, PATTERN_CONNECTION, "version");
	c->local_port = (uint16_t)schema_get_number(s, PATTERN_CONNECTION, "local_port");
	c->remote_port = (uint16_t)schema_get_number(s, PATTERN_CONNECTION, "remote_port");
	c->aggressive = schema_get_bool(s, PATTERN_CONNECTION, "aggressive");
	c->where_aggressive = loader_where_of(l, s, "aggressive");
	c->pull = schema_get_bool(s, PATTERN_CONNECTION, "pull");
	c->encap = schema_get_bool(s, PATTERN_CONNECTION, "encap");
	c->mobike = schema_get_bool(s, PATTERN_CONNECTION, "mobike");
	c->childless = (uint8_t)schema_get_choice(s, PATTERN_CONNECTION, "childless");
	c->where_childless = loader_where_of(l, s, "childless");
	c->resumption = schema_get_bool(s, PATTERN_CONNECTION, "resumption");
	c->send_certreq = schema_get_bool(s, PATTERN_CONNECTION, "send_certreq");
	c->fragmentation = (uint8_t)schema_get_choice(s, PATTERN_CONNECTION, "fragmentation");
	c->send_cert = (uint8_t)schema_get_choice(s, PATTERN_CONNECTION, "send_cert");
	c->unique = unique[schema_get_choice(s, PATTERN_CONNECTION, "unique")];
	c->keyingtries = (uint32_t)schema_get_number(s, PATTERN_CONNECTION, "keyingtries");
	c->dscp = load_dscp(l, s);
	load_redirect(l, s, c);
}

static void load_children(struct loader *l, const struct tree_node *s, struct connection *c)
{
	const struct tree_node *children = tree_child(s, "children");
	struct child_config *list;
	size_t count = 0;

	for (const struct tree_node *n = children ? children->first : NULL; n; n = n->next)
		count += n->kind == TREE_SECTION;
	list = loader_take(l, count * sizeof(*list));
	c->children = list;
	for (const struct tree_node *n = children ? children->first : NULL; n && list; n = n->next)
		if (n->kind == TREE_SECTION)
			load_child(l, n, &list[c->child_count++]);
}

/* The digest is over what was said, in its order, and over the certificates that names of files led
 * to. */
struct digest {
	struct crypto *crypto;
	uint8_t state[20];
	bool failed;
};

static void digest_add(struct digest *d, uint8_t kind, struct bytes data)
{
	uint8_t size[8];
	struct bytes parts[] = { BYTES_OF(d->state), BYTES(&kind, 1), BYTES_OF(size), data };
	uint8_t next[20];

	store_u64(size, data.size);
	if (hash_sha1(d->crypto, parts, 4, next) < 0)
		d->failed = true;
	else
		memcpy(d->state, next, sizeof(next));
}

static void digest_section(struct digest *d, const struct tree_node *section)
{
	struct bytes item;

	for (const struct tree_node *n = section->first; n; n = n->next) {
		struct tree_items items = tree_items_of(n);

		if (!tree_said(n))
			continue;
		digest_add(d, 'n', bytes_of_text(n->name));
		while (tree_items_next(&items, &item))
			digest_add(d, 'v', item);
		if (n->kind == TREE_SECTION)
			digest_section(d, n);
		digest_add(d, 'e', BYTES_EMPTY);
	}
}

static void digest_certs(struct digest *d, const struct auth_round *round)
{
	for (size_t i = 0; i < round->cert_count; i++)
		digest_add(d, 'c', round->certs[i]);
	for (size_t i = 0; i < round->cacert_count; i++)
		digest_add(d, 'a', round->cacerts[i]);
	for (size_t i = 0; i < round->pubkey_count; i++)
		digest_add(d, 'p', round->pubkeys[i]);
}

static bool connection_digest(
	struct crypto *crypto, const struct tree_node *section, struct connection *c)
{
	struct digest d = { .crypto = crypto };

	digest_section(&d, section);
	for (size_t i = 0; i < c->local_count; i++)
		digest_certs(&d, &c->local[i]);
	for (size_t i = 0; i < c->remote_count; i++)
		digest_certs(&d, &c->remote[i]);
	memcpy(c->digest, d.state, sizeof(c->digest));
	return !d.failed;
}

static void check_aggressive(struct loader *l, const struct connection *c)
{
	if (!c->aggressive || c->version == 2)
		return;
	if (c->local->class == AUTH_CLASS_PSK || c->remote->class == AUTH_CLASS_PSK)
		problem_warning(l->problems, c->where_aggressive,
			"write aggressive = no (main mode), let the peer use certificates, or at least make the secret long and random: openssl rand -base64 32",
			"aggressive mode with a pre-shared key ('%s'): whoever asks, or listens, gets a hash by which secrets can be guessed offline, and both identities are sent in the clear",
			c->name);
	else
		problem_warning(l->problems, c->where_aggressive,
			"write aggressive = no (main mode)",
			"aggressive mode ('%s') sends both identities in the clear", c->name);
}

/* With a PSK for the peer and none for us (or the reverse) two defaults meet that were hardly
 * meant. */
static void check_sense(struct loader *l, const struct connection *c)
{
	const struct auth_round *local = c->local, *remote = c->remote;

	if (!local || !remote)
		return;
	check_aggressive(l, c);
	if (remote->class == AUTH_CLASS_PSK && local->class == AUTH_CLASS_PUBKEY &&
		!local->cert_count && !local->pubkey_count)
		problem_warning(l->problems, local->where,
			"write auth = psk in local { … }, or name certs",
			"'%s' wants a PSK of the peer but a public key of its own, and names no certificate",
			c->name);
	if (remote->class == AUTH_CLASS_ANY)
		problem_warning(l->problems, remote->where_auth, "write psk or pubkey",
			"'%s' takes whatever the peer authenticates with", c->name);
}

static void load_all(struct loader *l, const struct tree_node *section, struct connection *c)
{
	c->name = loader_text(l, bytes_of_text(section->name));
	c->where = loader_where(l, section->where);
	load_options(l, section, c);
	load_times(section, c);
	load_hosts(l, section, "local_addrs", &c->local_addrs);
	load_hosts(l, section, "remote_addrs", &c->remote_addrs);
	load_proposals(l, section, "proposals", PROTOCOL_IKE, &c->proposals);
	c->where_proposals = loader_where_of(l, section, "proposals");
	load_rounds(l, section, c);
	load_xauth(l, c);
	load_vips(l, section, c);
	load_if_ids(l, section, PATTERN_CONNECTION, &c->if_id_in, &c->if_id_out);
	load_children(l, section, c);
	check_sense(l, c);
}

int conf_load_connection(const struct tree_node *section, const struct conf_sources *sources,
	struct problems *problems, struct connection **ret_connection)
{
	size_t errors = problems->errors;
	struct loader l = {
		.arena = arena_new(CONNECTION_BYTES_MAX), .sources = sources, .problems = problems
	};
	struct connection *c = l.arena ? loader_take(&l, sizeof(*c)) : NULL;

	if (!c) {
		arena_free(l.arena);
		return -ENOMEM;
	}

	*c = (struct connection){ .arena = l.arena, .references = 1 };
	schema_check(section, PATTERN_CONNECTION, problems);
	load_all(&l, section, c);
	if (!connection_digest(sources->crypto, section, c))
		l.failed = true;
	if (l.failed)
		problem_error(problems, section->where, "make it smaller",
			"'%s' is larger than tern allows, or memory ran out", section->name);
	if (problems->errors > errors) {
		arena_free(l.arena);
		return -EINVAL;
	}

	*ret_connection = c;
	return 0;
}
