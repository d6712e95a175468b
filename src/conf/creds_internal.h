/* The parts of loading a directory. */
#pragma once

#include "conf/creds.h"

void directory_load_secrets(struct conf_directory *d, struct problems *problems);
void directory_load_files(
	struct conf_directory *d, const char *directory, struct problems *problems);

/* conf_load_directory() with another file than its swanctl.conf. */
int directory_load(const struct conf_sources *sources, const char *file, struct problems *problems,
	struct conf_directory **ret_directory);

/* The passphrase of private/FILE (prefix "private") and its like; NULL: none. Lent by the tree. */
const char *secret_passphrase(const struct tree_node *root, const char *prefix, const char *file,
	struct where *ret_where);
