/* A configuration directory: swanctl.conf, then the files beside it. A bad one among them is a
 * problem, and the rest is loaded. */
#include "conf/creds.h"

#include "conf/creds_internal.h"
#include "conf/file.h"
#include "conf/parse.h"
#include "conf/schema.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DIRECTORY_BYTES_MAX  (64u << 20)
#define CREDENTIAL_BYTES_MAX (256u << 10)
#define FILES_MAX            4096

static void load_connections(
	struct conf_directory *d, const struct conf_sources *sources, struct problems *problems)
{
	const struct tree_node *section = tree_child(&d->tree->root, "connections");
	size_t room = 0;

	for (const struct tree_node *n = section ? section->first : NULL; n; n = n->next)
		room += n->kind == TREE_SECTION;
	d->connections = room ? arena_take(d->arena, room * sizeof(struct connection *)) : NULL;
	for (const struct tree_node *n = section ? section->first : NULL; n && d->connections;
		n = n->next)
		if (n->kind == TREE_SECTION)
			d->connection_count += !conf_load_connection(
				n, sources, problems, &d->connections[d->connection_count]);
}

/* One that overlaps another is left out: an address would be given twice. */
static bool pool_overlaps(
	const struct conf_directory *d, const struct pool_config *p, struct problems *problems)
{
	for (size_t i = 0; i < d->pool_count; i++) {
		const struct pool_config *other = d->pools[i];

		if (!pool_configs_overlap(other, p))
			continue;
		problem_error(problems, p->where, "make them disjoint",
			"pool '%s' (%s) overlaps pool '%s' (%s, %s:%u)", p->name, p->addrs,
			other->name, other->addrs, other->where.file, other->where.line);
		return true;
	}
	return false;
}

static void load_pools(
	struct conf_directory *d, const struct conf_sources *sources, struct problems *problems)
{
	const struct tree_node *section = tree_child(&d->tree->root, "pools");
	size_t room = 0;

	for (const struct tree_node *n = section ? section->first : NULL; n; n = n->next)
		room += n->kind == TREE_SECTION;
	d->pools = room ? arena_take(d->arena, room * sizeof(struct pool_config *)) : NULL;
	for (const struct tree_node *n = section ? section->first : NULL; n && d->pools;
		n = n->next) {
		struct pool_config *p;

		if (n->kind != TREE_SECTION || conf_load_pool(n, sources, problems, &p) != 0)
			continue;
		if (pool_overlaps(d, p, problems))
			pool_config_release(p);
		else
			d->pools[d->pool_count++] = p;
	}
}

/* Pools may also come over VICI later: a name that is not here is no error. */
static void check_pools(const struct conf_directory *d, struct problems *problems)
{
	const struct tree_node *pools = tree_child(&d->tree->root, "pools");

	for (size_t i = 0; i < d->connection_count; i++) {
		const struct connection *c = d->connections[i];

		for (size_t j = 0; j < c->pool_count; j++)
			if (!tree_child(pools, c->pools[j]))
				problem_warning(problems, c->where_pools,
					"add it to pools { … }, or load it over VICI",
					"connection '%s' leases from pool '%s', which is not there: no peer gets an address of it",
					c->name, c->pools[j]);
	}
}

static void add_file(
	struct conf_directory *d, const struct conf_file *like, struct problems *problems)
{
	struct bytes data;
	int error = file_read(like->path, CREDENTIAL_BYTES_MAX, &data, NULL);

	if (error) {
		problem_error(problems, (struct where){ like->path, 0 },
			"check its permissions, or move it away", "cannot read it: %s",
			strerror(-error));
		return;
	}

	d->files[d->file_count] = *like;
	d->files[d->file_count].path = arena_text(d->arena, like->path);
	d->files[d->file_count].data = arena_copy(d->arena, data);
	if (!d->files[d->file_count].path || (data.size && !d->files[d->file_count].data.size))
		problem_error(problems, (struct where){ like->path, 0 }, NULL,
			"there is too much to load");
	else if (data.size == 0)
		problem_warning(
			problems, (struct where){ like->path, 0 }, "remove it", "it is empty");
	else
		d->file_count++;
	file_forget(&data);
}

static int not_hidden(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return entry->d_name[0] != '.' && (size == 0 || entry->d_name[size - 1] != '~');
}

static void load_folder(struct conf_directory *d, const char *path, const char *folder,
	enum conf_file_kind kind, struct problems *problems)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, not_hidden, alphasort);

	if (count < 0 && errno != ENOENT)
		problem_error(problems, (struct where){ path, 0 }, "check its permissions",
			"cannot list it: %s", strerror(errno));

	for (int i = 0; i < count; i++) {
		struct conf_file file = { .kind = kind };
		char name[PATH_MAX];

		file.path = name;
		if (kind == CONF_FILE_KEY)
			file.passphrase = secret_passphrase(
				&d->tree->root, folder, entries[i]->d_name, &file.where_passphrase);
		if (entries[i]->d_type == DT_DIR ||
			file_within(path, entries[i]->d_name, name, sizeof(name)) < 0)
			;
		else if (d->file_count < FILES_MAX)
			add_file(d, &file, problems);
		else
			problem_error(problems, (struct where){ path, 0 }, "remove some",
				"more than %d files", FILES_MAX);
		free(entries[i]);
	}
	free(entries);
}

void directory_load_files(
	struct conf_directory *d, const char *directory, struct problems *problems)
{
	static const struct {
		const char *name;
		enum conf_file_kind kind;
	} folders[] = {
		{ "x509", CONF_FILE_CERT },
		{ "x509ca", CONF_FILE_CA },
		{ "pubkey", CONF_FILE_PUBKEY },
		{ "private", CONF_FILE_KEY },
		{ "rsa", CONF_FILE_KEY },
		{ "ecdsa", CONF_FILE_KEY },
		{ "pkcs8", CONF_FILE_KEY },
	};

	d->files = arena_take(d->arena, FILES_MAX * sizeof(*d->files));
	for (size_t i = 0; d->files && i < sizeof(folders) / sizeof(folders[0]); i++) {
		char path[PATH_MAX];

		if (file_within(directory, folders[i].name, path, sizeof(path)) == 0)
			load_folder(d, path, folders[i].name, folders[i].kind, problems);
	}
}

/* The CA of an authority is a trust anchor as those in x509ca/ are. */
static void load_authorities(
	struct conf_directory *d, const char *directory, struct problems *problems)
{
	const struct tree_node *section = tree_child(&d->tree->root, "authorities");

	for (const struct tree_node *n = section ? section->first : NULL; n; n = n->next) {
		const char *name = n->kind == TREE_SECTION ? tree_text(n, "cacert") : NULL;
		char folder[PATH_MAX], path[PATH_MAX];
		bool known = false;

		if (!name && n->kind == TREE_SECTION)
			name = tree_text(n, "file");
		if (!name || file_within(directory, "x509ca", folder, sizeof(folder)) < 0 ||
			file_within(folder, name, path, sizeof(path)) < 0)
			continue;
		for (size_t i = 0; i < d->file_count; i++)
			known = known || !strcmp(d->files[i].path, path);
		if (access(path, R_OK) < 0)
			problem_error(problems, n->where, "put it there, or correct the name",
				"cannot read the certificate %s of authority '%s': %s", path,
				n->name, strerror(errno));
		else if (!known && d->files && d->file_count < FILES_MAX)
			add_file(d, &(struct conf_file){ .kind = CONF_FILE_CA, .path = path },
				problems);
	}
}

/* Passphrases that name a file which isn't there. */
static void check_passphrases(const struct conf_directory *d, struct problems *problems)
{
	static const char *const folders[] = { "private", "rsa", "ecdsa", "pkcs8" };
	const struct tree_node *secrets = tree_child(&d->tree->root, "secrets");

	for (const struct tree_node *n = secrets ? secrets->first : NULL; n; n = n->next)
		for (size_t i = 0;
			i < sizeof(folders) / sizeof(folders[0]) && n->kind == TREE_SECTION; i++) {
			bool known = strncmp(n->name, folders[i], strlen(folders[i])) ||
				!tree_text(n, "file");

			for (size_t j = 0; j < d->file_count && !known; j++) {
				const char *slash = strrchr(d->files[j].path, '/');

				known = slash && !strcmp(slash + 1, tree_text(n, "file"));
			}
			if (!known)
				problem_warning(problems, n->where,
					"correct 'file', or remove the section",
					"secret '%s' is for %s/%s, which isn't there", n->name,
					folders[i], tree_text(n, "file"));
		}
}

static struct conf_directory *directory_new(void)
{
	struct conf_directory *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;

	d->tree = tree_new();
	d->arena = arena_new(DIRECTORY_BYTES_MAX);
	if (d->tree && d->arena)
		return d;

	conf_directory_free(d);
	return NULL;
}

void conf_directory_free(struct conf_directory *d)
{
	if (!d)
		return;

	for (size_t i = 0; i < d->connection_count; i++)
		connection_release(d->connections[i]);
	for (size_t i = 0; i < d->pool_count; i++)
		pool_config_release(d->pools[i]);
	arena_free(d->arena);
	tree_free(d->tree);
	free(d);
}

/* conf.d is for swanctl.conf to include, and Debian's does. One without any include gets it all the
 * same. */
static void parse_with_fragments(struct tree *t, const char *file, struct problems *problems)
{
	char pattern[PATH_MAX];
	glob_t found;

	parse_file(t, file, problems);
	if (t->includes || file_beside(file, "conf.d/*.conf", pattern, sizeof(pattern)) < 0 ||
		glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc && i < PARSE_INCLUDES_MAX; i++)
		parse_file(t, found.gl_pathv[i], problems);
	globfree(&found);
}

static void load_from(struct conf_directory *d, const char *directory, const char *file,
	struct problems *problems)
{
	parse_with_fragments(d->tree, file, problems);
	tree_resolve(d->tree, problems);
	schema_check(&d->tree->root, "", problems);
	directory_load_secrets(d, problems);
	directory_load_files(d, directory, problems);
	load_authorities(d, directory, problems);
	check_passphrases(d, problems);
}

int directory_load(const struct conf_sources *sources, const char *file, struct problems *problems,
	struct conf_directory **ret_directory)
{
	struct conf_directory *d = directory_new();

	if (!d)
		return -ENOMEM;

	load_from(d, sources->directory, file, problems);
	load_pools(d, sources, problems);
	load_connections(d, sources, problems);
	check_pools(d, problems);
	*ret_directory = d;
	return 0;
}

int conf_load_directory(const struct conf_sources *sources, struct problems *problems,
	struct conf_directory **ret_directory)
{
	char file[PATH_MAX];

	if (file_within(sources->directory, "swanctl.conf", file, sizeof(file)) < 0)
		return -ENAMETOOLONG;

	return directory_load(sources, file, problems, ret_directory);
}
