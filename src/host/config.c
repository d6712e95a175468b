/* Loading the configuration. What is new or changed is given to the engine, what is gone is taken
 * from it, and what is as it was isn't touched: established tunnels don't notice. While the
 * directory has errors nothing is taken away, so that a typo doesn't unload a connection. */
#include "host/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf/creds.h"
#include "host/host.h"

static void log_problems(struct host *h, const struct problems *problems)
{
	char text[LOG_LINE_MAX];

	for (size_t i = 0; i < problems->count; i++) {
		uint8_t level = problems->list[i].kind == PROBLEM_ERROR ? 0 : 1;

		log_text(&h->log, "CFG", level, "%s",
			problem_print(&problems->list[i], text, sizeof(text)));
	}
}

/* Settings. */

int config_read_settings(struct host *h)
{
	struct problems problems = { 0 };
	char path[4096];
	int r;

	if (h->options.settings)
		snprintf(path, sizeof(path), "%s", h->options.settings);
	else
		snprintf(path, sizeof(path), "%s/ternd.conf", h->options.config);

	settings_default(&h->settings);
	r = settings_load(path, &h->settings, &problems);
	log_problems(h, &problems);
	problems_free(&problems);
	if (r == -ENOENT && !h->options.settings)
		r = 0;
	else if (r && r != -EINVAL)
		log_text(&h->log, "CFG", 0, "%s: %s", path, strerror(-r));

	if (h->options.vici &&
		(size_t)snprintf(h->settings.vici_path, sizeof(h->settings.vici_path), "%s",
			h->options.vici) >= sizeof(h->settings.vici_path)) {
		log_text(&h->log, "CFG", 0, "--vici %s: longer than a socket's path may be",
			h->options.vici);
		return -EINVAL;
	}
	if (h->options.data_plane != OPTIONS_DATA_PLANE_NOT_SET)
		h->settings.data_plane = (unsigned)h->options.data_plane;
	return r;
}

/* Credentials. */

static int load_file(struct keys *k, const struct conf_file *f, char *problem, size_t problem_size)
{
	char id[41];

	switch (f->kind) {
	case CONF_FILE_CERT:
		return keys_load_cert(
			k, KEYS_CERT_END_ENTITY, f->data, f->path, problem, problem_size);
	case CONF_FILE_CA:
		return keys_load_cert(k, KEYS_CERT_CA, f->data, f->path, problem, problem_size);
	case CONF_FILE_PUBKEY:
		return keys_load_cert(k, KEYS_PUBLIC_KEY, f->data, f->path, problem, problem_size);
	case CONF_FILE_KEY:
		return keys_load_key(k, f->data, f->passphrase, f->path, id, problem, problem_size);
	}
	return -EINVAL;
}

static int load_secret(struct keys *k, const struct conf_secret *s)
{
	static const enum keys_shared_kind kinds[] = {
		[CONF_SECRET_IKE] = KEYS_SHARED_IKE,
		[CONF_SECRET_EAP] = KEYS_SHARED_EAP,
		[CONF_SECRET_XAUTH] = KEYS_SHARED_XAUTH,
		[CONF_SECRET_NTLM] = KEYS_SHARED_NTLM,
		[CONF_SECRET_PPK] = KEYS_SHARED_PPK,
	};
	const char *const *owners = (const char *const *)s->owners;
	char source[512];

	return keys_load_shared(k, s->name, kinds[s->kind], s->data, owners, s->owner_count,
		where_print(s->where, source, sizeof(source)));
}

static size_t load_credentials(struct host *h, const struct conf_directory *d)
{
	size_t failed = 0;

	for (size_t i = 0; i < d->file_count; i++) {
		char problem[512] = "";
		int r = load_file(h->keys, &d->files[i], problem, sizeof(problem));

		if (r == 0 || r == -EEXIST)
			continue;
		log_text(&h->log, "CFG", 0, "%s: %s", d->files[i].path,
			*problem ? problem : strerror(-r));
		failed++;
	}
	for (size_t i = 0; i < d->secret_count; i++) {
		const struct where *where = &d->secrets[i].where;
		int r = load_secret(h->keys, &d->secrets[i]);

		if (r == 0 || r == -EEXIST)
			continue;
		log_text(&h->log, "CFG", 0, "%s:%u: secret %s: %s", where->file, where->line,
			d->secrets[i].name, strerror(-r));
		failed++;
	}
	return failed;
}

/* Connections. */

static const struct connection *loaded_find(struct host *h, const char *name)
{
	const struct connection *c;
	size_t position = 0;

	while ((c = ike_next_connection(h->engine, &position))) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

static bool directory_has(const struct conf_directory *d, const char *name)
{
	for (size_t i = 0; i < d->connection_count; i++) {
		if (strcmp(d->connections[i]->name, name) == 0)
			return true;
	}
	return false;
}

static void load_connections(struct host *h, const struct conf_directory *d)
{
	for (size_t i = 0; i < d->connection_count; i++) {
		const struct connection *c = d->connections[i], *before = loaded_find(h, c->name);
		bool same = before && memcmp(before->digest, c->digest, sizeof(c->digest)) == 0;
		const struct ike_command load = { .kind = IKE_COMMAND_LOAD, .connection = c };

		if (!same)
			log_text(&h->log, "CFG", 1, "%s connection %s (%s:%u)",
				before ? "replaced" : "loaded", c->name, c->where.file,
				c->where.line);
		host_command(h, &load); /* where it is the same, what waits is tried at once */
	}
}

/* One at a time, as unloading ends the iteration. Those that came over VICI stay. */
static void unload_connections(struct host *h, const struct conf_directory *d)
{
	const struct connection *c;
	size_t position = 0;

	while ((c = ike_next_connection(h->engine, &position))) {
		const struct ike_command unload = { .kind = IKE_COMMAND_UNLOAD, .ike = c->name };

		if ((c->where.file && strcmp(c->where.file, "vici") == 0) ||
			directory_has(d, c->name))
			continue;
		log_text(&h->log, "CFG", 1, "unloaded connection %s", c->name);
		connection_hold(c); /* its name is in the command */
		host_command(h, &unload);
		connection_release(c);
		position = 0;
	}
}

/* Pools. What they refuse (leases of a range that is to go are online) an event says. */

static bool pool_is_loaded(struct host *h, const struct pool_config *p)
{
	struct ike_pool_view view;
	size_t position = 0;

	while (ike_next_pool(h->engine, &position, &view))
		if (strcmp(view.config->name, p->name) == 0)
			return memcmp(view.config->digest, p->digest, sizeof(p->digest)) == 0;
	return false;
}

static void load_pools(struct host *h, const struct conf_directory *d)
{
	for (size_t i = 0; i < d->pool_count; i++) {
		const struct pool_config *p = d->pools[i];
		const struct ike_command load = { .kind = IKE_COMMAND_LOAD_POOL, .pool = p };

		if (pool_is_loaded(h, p))
			continue;
		host_command(h, &load);
		if (pool_is_loaded(h, p))
			log_text(&h->log, "CFG", 1, "loaded pool %s: %s (%s:%u)", p->name, p->addrs,
				p->where.file, p->where.line);
	}
}

static bool directory_has_pool(const struct conf_directory *d, const char *name)
{
	for (size_t i = 0; i < d->pool_count; i++)
		if (strcmp(d->pools[i]->name, name) == 0)
			return true;

	return false;
}

/* Those that came over VICI stay, and those with leases until their clients are gone. */
static void unload_pools(struct host *h, const struct conf_directory *d)
{
	struct ike_pool_view view;
	size_t position = 0;

	while (ike_next_pool(h->engine, &position, &view)) {
		const struct pool_config *p = view.config;
		const struct ike_command unload = { .kind = IKE_COMMAND_UNLOAD_POOL,
			.ike = p->name };

		if (view.online || strcmp(p->where.file, "vici") == 0 ||
			directory_has_pool(d, p->name))
			continue;
		log_text(&h->log, "CFG", 1, "unloaded pool %s", p->name);
		pool_config_hold(p); /* its name is in the command */
		host_command(h, &unload);
		pool_config_release(p);
		position = 0;
	}
}

int config_load(struct host *h)
{
	const struct conf_sources sources = {
		.crypto = h->crypto, .directory = h->options.config, .user_space = !h->kernel
	};
	struct problems problems = { 0 };
	struct conf_directory *d;
	size_t failed;
	int r;

	if (!h->options.config_given && access(h->options.config, F_OK) < 0) {
		log_text(&h->log, "CFG", 1, "%s is not there: waiting for VICI", h->options.config);
		return 0;
	}

	r = conf_load_directory(&sources, &problems, &d);
	log_problems(h, &problems);
	if (r) {
		log_text(&h->log, "CFG", 0, "%s: %s", h->options.config, strerror(-r));
		problems_free(&problems);
		return r;
	}

	if (!problems.errors)
		keys_reload_begin(h->keys);
	failed = load_credentials(h, d);
	if (!problems.errors)
		keys_reload_end(h->keys);
	host_credentials_changed(h);

	if (!problems.errors)
		unload_pools(h, d); /* first, as a new one may take an old one's addresses */
	load_pools(h, d);
	load_connections(h, d);
	if (!problems.errors)
		unload_connections(h, d);
	else
		log_text(&h->log, "CFG", 0,
			"%s has %zu error%s: what is good is loaded, nothing was taken away",
			h->options.config, problems.errors, problems.errors == 1 ? "" : "s");
	r = problems.errors || failed ? -EINVAL : 0;
	conf_directory_free(d);
	problems_free(&problems);
	return r;
}
