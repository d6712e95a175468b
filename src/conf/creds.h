/* A configuration directory in swanctl's layout: swanctl.conf with connections, secrets and
 * authorities, and the files of certificates and keys beside it. What is bad is a problem; the rest
 * is loaded all the same. */
#pragma once

#include "conf/pool.h"

/* Secrets of the `secrets` section. */
enum conf_secret_kind {
	CONF_SECRET_IKE,
	CONF_SECRET_EAP,
	CONF_SECRET_XAUTH,
	CONF_SECRET_NTLM,
	CONF_SECRET_PPK
};

struct conf_secret {
	enum conf_secret_kind kind;
	const char *name; /* the section's: "ike-moon" */
	struct where where;
	struct bytes data;  /* decoded: text, 0x hexadecimal or 0s Base64 */
	size_t owner_count; /* identities as written */
	const char **owners;
};

/* Files for the holder of credentials. */
enum conf_file_kind { CONF_FILE_CERT, CONF_FILE_CA, CONF_FILE_PUBKEY, CONF_FILE_KEY };

struct conf_file {
	enum conf_file_kind kind;
	const char *path;
	struct bytes data;
	const char *passphrase; /* keys: from secrets; NULL where none is given */
	struct where where_passphrase;
};

struct conf_directory {
	struct tree *tree; /* the resolved swanctl.conf; `where` of what is below points into it */
	struct arena *arena; /* wiped */
	size_t connection_count;
	struct connection **connections; /* one reference each, the directory's */
	size_t pool_count;
	struct pool_config **pools; /* likewise */
	size_t secret_count;
	struct conf_secret *secrets;
	size_t file_count;
	struct conf_file *files;
};

/* The sources' directory is one such as /etc/tern. Always returns something unless memory ran out (-ENOMEM); look at
 * problems->errors. */
int conf_load_directory(const struct conf_sources *sources, struct problems *problems,
	struct conf_directory **ret_directory);
void conf_directory_free(struct conf_directory *d); /* wipes; releases the connections */

/* Text, 0x hexadecimal or 0s Base64 as in `secret =`; the arena's memory. Returns 0 or -EINVAL. */
int conf_secret_decode(struct arena *arena, const char *text, struct bytes *ret_data);

/* `tern check`: a swanctl.conf (its directory is where names lead), a strongswan.conf or ternd.conf
 * (told by its sections), or a directory. Returns 0 where there are no errors, -EINVAL otherwise.
 */
int conf_check(const char *path, struct crypto *crypto, struct problems *problems);
