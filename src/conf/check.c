/* `tern check`: everything that loading would find, and what the credentials' files hold, without a
 * daemon. */
#include "conf/creds.h"

#include "conf/creds_internal.h"
#include "conf/parse.h"
#include "conf/settings.h"
#include "crypto/pki.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

static void check_key(const struct conf_file *f, struct crypto *crypto, struct problems *problems)
{
	struct where where = { f->path, 0 };
	struct private_key *key = NULL;
	int error = private_key_load(crypto, f->data, f->passphrase, &key);

	if (error == -EACCES && f->passphrase)
		problem_error(problems, f->where_passphrase, "correct 'secret'",
			"the passphrase doesn't open %s", f->path);
	else if (error == -EACCES)
		problem_error(problems, where,
			"add a section private { file = …, secret = … } to secrets",
			"the key is encrypted and no passphrase is given");
	else if (error)
		problem_error(problems, where,
			"put an RSA, ECDSA, Ed25519 or Ed448 key there, in PEM or DER",
			"it holds no private key that tern can read");
	private_key_free(key);
}

static void check_file(const struct conf_file *f, struct crypto *crypto, struct problems *problems)
{
	struct where where = { f->path, 0 };
	struct certificate *cert = NULL;
	struct public_key *key = NULL;

	if (f->kind == CONF_FILE_KEY) {
		check_key(f, crypto, problems);
	} else if (f->kind == CONF_FILE_PUBKEY) {
		if (public_key_load(crypto, f->data, &key) < 0)
			problem_error(problems, where, "put PEM or DER there",
				"it holds no public key that tern can read");
		public_key_free(key);
	} else if (certificate_load(crypto, f->data, &cert) < 0) {
		problem_error(problems, where, "put PEM or DER there",
			"it holds no certificate that tern can read");
	} else {
		if (f->kind == CONF_FILE_CA && !certificate_is_ca(cert))
			problem_warning(problems, where,
				"move it to x509, or issue it with CA:TRUE",
				"the certificate is not one of a CA");
		certificate_free(cert);
	}
}

static void check_directory(
	const char *directory, const char *file, struct crypto *crypto, struct problems *problems)
{
	const struct conf_sources sources = { .crypto = crypto, .directory = directory };
	struct conf_directory *d;

	if (directory_load(&sources, file, problems, &d) < 0) {
		problem_error(problems, (struct where){ file, 0 }, NULL, "out of memory");
		return;
	}
	for (size_t i = 0; i < d->file_count; i++)
		check_file(&d->files[i], crypto, problems);
	conf_directory_free(d);
}

static void check_settings(const char *path, struct problems *problems)
{
	struct settings settings;

	settings_load(path, &settings, problems);
}

/* Whether a file holds settings rather than connections. What is wrong with it shows when it is
 * read again. */
static bool is_settings(const char *path)
{
	struct problems ignored = { 0 };
	struct tree *t = tree_new();
	bool settings = false;

	if (t && parse_file(t, path, &ignored) == 0)
		settings = (tree_child(&t->root, "ternd") || tree_child(&t->root, "charon")) &&
			!tree_child(&t->root, "connections");
	problems_free(&ignored);
	tree_free(t);
	return settings;
}

int conf_check(const char *path, struct crypto *crypto, struct problems *problems)
{
	size_t errors = problems->errors;
	char directory[PATH_MAX], file[PATH_MAX + 32];
	struct stat st;
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	if (stat(path, &st) < 0) {
		problem_error(problems, (struct where){ path, 0 },
			"name a file or directory that exists", "%s", strerror(errno));
	} else if (S_ISDIR(st.st_mode)) {
		snprintf(file, sizeof(file), "%s/swanctl.conf", directory);
		check_directory(directory, file, crypto, problems);
		snprintf(file, sizeof(file), "%s/ternd.conf", directory);
		check_settings(file, problems);
	} else if (is_settings(path)) {
		check_settings(path, problems);
	} else {
		slash = strrchr(directory, '/');
		if (slash)
			*slash = '\0';
		check_directory(slash == directory ? "/"
				: slash            ? directory
						   : ".",
			path, crypto, problems);
	}

	return problems->errors > errors ? -EINVAL : 0;
}
