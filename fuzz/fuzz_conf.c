/* A text as swanctl.conf: parsed, resolved, checked, and every connection in it loaded; then the
 * same text as settings, an identity, a proposal, a selector and a host. */
#include "conf/creds.h"
#include "conf/parse.h"
#include "conf/schema.h"
#include "conf/settings.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct crypto *crypto;

static void fuzz_tree(const struct tree *t, struct problems *problems)
{
	struct conf_sources sources = { .crypto = crypto };
	const struct tree_node *connections = tree_child(&t->root, "connections");
	struct id_payload id = { 2, bytes_of_text("moon.example") };
	struct conf_facts facts = { .remote_id = &id, .local_id = &id, .auth_method = 2 };
	struct settings settings;
	char why[200];

	schema_check(&t->root, "", problems);
	settings_read(tree_child(&t->root, "ternd"), &settings, problems);
	for (const struct tree_node *n = connections ? connections->first : NULL; n; n = n->next) {
		struct connection *c;

		if (n->kind != TREE_SECTION || conf_load_connection(n, &sources, problems, &c) < 0)
			continue;
		conf_match(c, &facts, why, sizeof(why));
		connection_release(c);
	}
}

static void fuzz_words(const char *text)
{
	struct arena *arena = arena_new(1 << 16);
	struct conf_selector selector = { 0 };
	struct host_pattern host = { 0 };
	struct id_payload got = { 9, bytes_of_text("0") };
	struct identity id;
	struct proposal p;
	struct bytes secret;
	char words[300];

	if (!conf_identity_parse(arena, text, &id, words, sizeof(words))) {
		got = (struct id_payload){ id.type, id.value };
		conf_id_match(&id, &got);
	}
	conf_proposal_parse(text, 1, &p, words, sizeof(words));
	conf_proposal_parse(text, 3, &p, words, sizeof(words));
	conf_selector_parse(text, &selector, words, sizeof(words));
	conf_host_parse(text, &host, words, sizeof(words));
	conf_secret_decode(arena, text, &secret);
	arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problems problems = { 0 };
	struct tree *t = tree_new();
	char *text = malloc(size + 1);

	if (!crypto)
		crypto = crypto_new(NULL);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';

	parse_text(t, "fuzz", BYTES(data, size), &problems);
	tree_resolve(t, &problems);
	fuzz_tree(t, &problems);
	fuzz_words(text);
	free(text);
	tree_free(t);
	problems_free(&problems);
	return 0;
}
