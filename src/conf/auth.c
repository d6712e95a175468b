/* The value of `auth`: a class with constraints. "psk", "pubkey-sha384-sha512", "rsa-2048-sha256",
 * "ike:rsa/pss-sha256", "xauth". */
#include "conf/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define WORD_MAX 32

struct auth_draft {
	enum auth_class class;
	uint8_t key_type;
	unsigned min_bits;
	bool pss;
	size_t hash_count;
	uint8_t hashes[SIGNATURE_FORMS_MAX];
};

static const char *parse_class(struct auth_draft *d, const char *word)
{
	static const struct {
		const char *word;
		enum auth_class class;
		uint8_t key_type;
		bool pss;
	} classes[] = {
		{ "any", AUTH_CLASS_ANY, 0, false },
		{ "psk", AUTH_CLASS_PSK, 0, false },
		{ "pubkey", AUTH_CLASS_PUBKEY, 0, false },
		{ "rsa", AUTH_CLASS_PUBKEY, KEY_RSA, false },
		{ "rsa/pss", AUTH_CLASS_PUBKEY, KEY_RSA, true },
		{ "ecdsa", AUTH_CLASS_PUBKEY, KEY_ECDSA, false },
		{ "ed25519", AUTH_CLASS_PUBKEY, KEY_ED25519, false },
		{ "ed448", AUTH_CLASS_PUBKEY, KEY_ED448, false },
		{ "xauth", AUTH_CLASS_XAUTH, 0, false },
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (!strcasecmp(word, classes[i].word)) {
			d->class = classes[i].class;
			d->key_type = classes[i].key_type;
			d->pss = classes[i].pss;
			return NULL;
		}
	if (!strncasecmp(word, "eap", 3))
		return "EAP is not supported yet; use psk or pubkey";

	return "write psk, pubkey, rsa, ecdsa, ed25519, ed448 or xauth";
}

static const char *parse_constraint(struct auth_draft *d, const char *word)
{
	static const struct {
		const char *word;
		uint8_t hash;
	} hashes[] = {
		{ "sha256", HASH_SHA2_256 },
		{ "sha384", HASH_SHA2_384 },
		{ "sha512", HASH_SHA2_512 },
		{ "sha2_256", HASH_SHA2_256 },
		{ "sha1", HASH_SHA1 },
		{ "identity", HASH_IDENTITY },
	};
	struct auth_draft other = { 0 };

	if (d->class == AUTH_CLASS_XAUTH)
		return strcasecmp(word, "generic") == 0
			? NULL
			: "tern asks for a user and a password, which it has in secrets; write xauth";
	if (word[0] && strspn(word, "0123456789") == strlen(word) && strlen(word) < 6) {
		d->min_bits = (unsigned)atoi(word);
		return d->key_type ? NULL : "a key size needs a key type before it: rsa-2048";
	}
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (!strcasecmp(word, hashes[i].word)) {
			if (d->hash_count == SIGNATURE_FORMS_MAX)
				return "names too many hashes";
			d->hashes[d->hash_count++] = hashes[i].hash;
			return NULL;
		}
	if (!parse_class(&other, word))
		return "tern takes one key type in a round; write pubkey for any, with hashes as needed";

	return "has an unknown constraint; write hashes such as sha256, and a key size after its type";
}

static const char *parse_auth(struct auth_draft *d, const char *text)
{
	const char *wrong = NULL;
	bool first = true;

	if (!strncasecmp(text, "ike:", 4))
		text += 4;
	for (const char *at = text; !wrong; at++) {
		size_t size = strcspn(at, "-");
		char word[WORD_MAX];

		snprintf(word, sizeof(word), "%.*s", (int)(size < 64 ? size : 64), at);
		wrong = first ? parse_class(d, word) : parse_constraint(d, word);
		first = false;
		at += size;
		if (!*at)
			break;
	}
	if (!wrong && d->class != AUTH_CLASS_PUBKEY && d->class != AUTH_CLASS_XAUTH &&
		strchr(text, '-'))
		return "constraints are for public keys only";

	return wrong;
}

void load_auth(struct loader *l, const struct tree_node *section, struct auth_round *round)
{
	const char *text = tree_text(section, "auth");
	struct auth_draft d = { 0 };
	const char *wrong;

	if (!text)
		text = "pubkey";
	round->auth_text = loader_text(l, bytes_of_text(text));
	round->where_auth = loader_where_of(l, section, "auth");
	wrong = parse_auth(&d, text);
	if (wrong) {
		problem_error(l->problems, round->where_auth, wrong, "auth '%.80s' of %s", text,
			round->name);
		return;
	}

	round->class = d.class;
	round->key_type = d.key_type;
	round->min_bits = d.min_bits;
	round->pss = d.pss;
	round->hash_count = d.hash_count;
	memcpy(round->hashes, d.hashes, sizeof(round->hashes));
}
