#include "host/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define QCD_SECRET_BYTES 32

/* A fresh secret appears whole or not at all: another ternd may start at the same time. */
static int secret_create(const char *path)
{
	uint8_t secret[QCD_SECRET_BYTES];
	char fresh[512];
	int fd, r = 0;

	snprintf(fresh, sizeof(fresh), "%s.%d", path, (int)getpid());
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret) ||
		write(fd, secret, sizeof(secret)) != (ssize_t)sizeof(secret) || fsync(fd) < 0)
		r = errno ? -errno : -EIO;
	bytes_wipe(secret, sizeof(secret));
	close(fd);
	if (!r && link(fresh, path) < 0 && errno != EEXIST)
		r = -errno;
	unlink(fresh);
	return r;
}

static int secret_read(const char *path, struct secret *ret_secret)
{
	uint8_t secret[QCD_SECRET_BYTES + 1];
	struct stat st;
	ssize_t size;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	size = read(fd, secret, sizeof(secret));
	if (size != QCD_SECRET_BYTES || fstat(fd, &st) < 0 || (st.st_mode & 077)) {
		size = -1;
	} else {
		secret_set(ret_secret, BYTES(secret, QCD_SECRET_BYTES));
	}
	bytes_wipe(secret, sizeof(secret));
	close(fd);
	return size < 0 ? -EBADMSG : 0;
}

int state_qcd_secret(
	const char *directory, struct secret *ret_secret, char *problem, size_t problem_size)
{
	char path[400];
	int r;

	snprintf(path, sizeof(path), "%s/qcd.secret", directory);
	r = secret_read(path, ret_secret);
	if (r == -ENOENT) {
		if (mkdir(directory, 0700) < 0 && errno != EEXIST)
			r = -errno;
		else
			r = secret_create(path);
		if (r == 0)
			r = secret_read(path, ret_secret);
	}
	if (r == -EBADMSG)
		snprintf(problem, problem_size,
			"%s is not a secret of 32 octets that only we can read: remove it, and a new one is made",
			path);
	else if (r)
		snprintf(problem, problem_size, "%s: %s", path, strerror(-r));
	return r;
}
