/* What outlives the daemon: small files in its state directory (`state_dir`). */
#pragma once

#include "base/secret.h"

/* The secret of quick crash detection (RFC 6290 §5.1), made at the first start. Returns 0, or a
 * negative errno with words in `problem` that name the file. */
int state_qcd_secret(
	const char *directory, struct secret *ret_secret, char *problem, size_t problem_size);
