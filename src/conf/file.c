#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int descriptor_read(int fd, size_t max, struct bytes *ret_data)
{
	size_t used = 0, room = max + 1;
	uint8_t *data = malloc(room + 1);
	ssize_t got;
	int error = 0;

	if (!data)
		return -ENOMEM;

	while ((got = read(fd, data + used, room - used)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			error = -errno;
		if (got < 0 || (used += (size_t)got) > max)
			break;
	}
	if (!error && used > max)
		error = -EFBIG;
	if (error) {
		bytes_wipe(data, used);
		free(data);
		return error;
	}

	data[used] = 0;
	*ret_data = BYTES(data, used);
	return 0;
}

int file_read(const char *path, size_t max, struct bytes *ret_data, struct file_id *ret_id)
{
	/* A FIFO must not make us wait. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), error;
	struct stat st;

	if (fd < 0)
		return -errno;

	if (fstat(fd, &st) < 0)
		error = -errno;
	else if (S_ISDIR(st.st_mode))
		error = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		error = -EINVAL;
	else if ((uint64_t)st.st_size > max)
		error = -EFBIG;
	else
		error = descriptor_read(fd, (size_t)st.st_size, ret_data);
	close(fd);
	if (!error && ret_id)
		*ret_id = (struct file_id){ st.st_dev, st.st_ino };
	return error;
}

void file_forget(struct bytes *data)
{
	if (data->data)
		bytes_wipe((void *)(uintptr_t)data->data, data->size);
	free((void *)(uintptr_t)data->data);
	*data = BYTES_EMPTY;
}

int file_within(const char *directory, const char *name, char *out, size_t out_size)
{
	int size = name[0] == '/' ? snprintf(out, out_size, "%s", name)
				  : snprintf(out, out_size, "%s/%s", directory, name);

	return size < 0 || (size_t)size >= out_size ? -ENAMETOOLONG : 0;
}

int file_beside(const char *path, const char *name, char *out, size_t out_size)
{
	const char *slash = strrchr(path, '/');
	int size;

	if (name[0] == '/' || !slash)
		size = snprintf(out, out_size, "%s", name);
	else
		size = snprintf(out, out_size, "%.*s/%s", (int)(slash - path), path, name);

	return size < 0 || (size_t)size >= out_size ? -ENAMETOOLONG : 0;
}
