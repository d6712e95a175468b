/* Reading whole files with a limit. */
#pragma once

#include "base/bytes.h"

struct file_id {
	uint64_t device, inode;
};

/* The contents of a regular file, malloc'ed with a NUL after them. Returns 0, -EFBIG above `max`
 * octets, or what open() and read() said. `ret_id` may be NULL. */
int file_read(const char *path, size_t max, struct bytes *ret_data, struct file_id *ret_id);
void file_forget(struct bytes *data); /* wipes and frees */

/* "directory of `path`" + "/" + name, or name where that is absolute; cut paths give -ENAMETOOLONG.
 */
int file_beside(const char *path, const char *name, char *out, size_t out_size);
int file_within(const char *directory, const char *name, char *out, size_t out_size);
