/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of a policy. What they say is done with the rights of the caller, so nobody else may have had a hand in it:
 * each file, and the directory that chooses them, is looked at before it is opened for reading. Symbolic links are
 * followed: it is the file at their end that counts.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "context.h"
#include "policy/policy.h"

#define FILE_MAX (1 << 20) /* bytes: far more than people write */
#define NAME_SHOWN 200

/* One file under way. */
struct source {
	struct ipc_policy *policy;
	const char *path; /* the policy's own */
	char *text;
	size_t len;
};

static int fail_errno(struct ipc_ctx *ctx, int error)
{
	return ipc_ctx_fail(ctx, -error, "%s", strerror(error));
}

/* ---- one file ---------------------------------------------------------------------------------------------------- */

/* A fault of the file as a whole. */
static int refuse(struct source *source, const char *why)
{
	struct ipc_ctx *ctx = source->policy->ctx;

	if (ipc_policy_add_fault(source->policy, source->path, 0, 0, why))
		return ipc_ctx_fail(ctx, -ENOMEM, "out of memory");
	return ipc_ctx_fail(ctx, -EINVAL, "%s", why);
}

/* O_PATH alone opens nothing: no writer of a FIFO wakes up, no tape rewinds. */
static int check(struct source *source, int path_fd)
{
	struct ipc_ctx *ctx = source->policy->ctx;
	struct stat st;

	if (fstat(path_fd, &st))
		return fail_errno(ctx, errno);
	if (!S_ISREG(st.st_mode))
		return refuse(source, "not a regular file");
	if (st.st_size > FILE_MAX)
		return refuse(source, "larger than 1 MiB, so hardly a policy file");
	return ipc_ctx_trust(ctx, &st, "the rules");
}

static int read_text(struct source *source, int fd)
{
	ssize_t n = 1;

	source->text = malloc(FILE_MAX + 1);
	if (!source->text)
		return ipc_ctx_fail(source->policy->ctx, -ENOMEM, "out of memory");
	while (n > 0 && source->len <= FILE_MAX) {
		n = TEMP_FAILURE_RETRY(read(fd, source->text + source->len, FILE_MAX + 1 - source->len));
		if (n > 0)
			source->len += (size_t)n;
	}
	if (n < 0)
		return fail_errno(source->policy->ctx, errno);
	return source->len > FILE_MAX ? refuse(source, "it grows while it is read") : 0;
}

/* The very file that @path_fd stands for. */
static int open_again(const struct source *source, int path_fd)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? fail_errno(source->policy->ctx, errno) : fd;
}

static int parse(struct source *source)
{
	struct ipc_policy *policy = source->policy;
	size_t before = policy->fault_count, faults;
	int r = ipc_policy_parse(policy, source->path, source->text, source->len);

	faults = policy->fault_count - before;
	if (r == -EINVAL)
		return ipc_ctx_fail(policy->ctx, r, "%zu thing%s wrong in it", faults, faults == 1 ? " is" : "s are");
	return r ? ipc_ctx_fail(policy->ctx, r, "out of memory") : 0;
}

static int read_source(struct source *source, int directory, const char *path)
{
	int fd = -1, r, path_fd = openat(directory, path, O_PATH | O_CLOEXEC);

	if (path_fd < 0)
		return fail_errno(source->policy->ctx, errno);
	r = check(source, path_fd);
	if (r == 0)
		r = fd = open_again(source, path_fd);
	if (r >= 0)
		r = read_text(source, fd);
	if (fd >= 0)
		close(fd);
	close(path_fd);
	if (r == 0)
		r = parse(source);
	free(source->text);
	return r;
}

int ipc_policy_read(struct ipc_policy *policy, const char *path)
{
	struct source source = {.policy = policy};

	if (!ipc_policy_built())
		return ipc_ctx_fail(policy->ctx, -ENOTSUP,
				    "this build reads no policy files: it was made without inih");
	if (ipc_policy_add_file(policy, path, &source.path))
		return ipc_ctx_fail(policy->ctx, -ENOMEM, "out of memory");
	return read_source(&source, AT_FDCWD, path);
}

/* ---- a directory ------------------------------------------------------------------------------------------------- */

struct names {
	char **items;
	size_t count;
};

static void release_names(struct names *names)
{
	while (names->count)
		free(names->items[--names->count]);
	free(names->items);
}

static int add_name(struct names *names, const char *name)
{
	char *copy, **items = ipc_policy_make_room(names->items, names->count, sizeof(*items));

	if (!items)
		return -ENOMEM;
	names->items = items;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	names->items[names->count++] = copy;
	return 0;
}

static bool is_chosen(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".conf") == 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(struct ipc_ctx *ctx, DIR *dir, struct names *names)
{
	const struct dirent *entry;
	int r = 0;

	for (errno = 0; r == 0 && (entry = readdir(dir)); errno = 0)
		if (is_chosen(entry->d_name))
			r = add_name(names, entry->d_name);
	if (r)
		return ipc_ctx_fail(ctx, r, "out of memory");
	if (errno)
		return fail_errno(ctx, errno);
	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items), by_bytes);
	return 0;
}

static int read_listed(struct ipc_policy *policy, const char *directory, int fd, const char *name)
{
	struct source source = {.policy = policy};
	char *path;
	int r;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return ipc_ctx_fail(policy->ctx, -ENOMEM, "out of memory");
	r = ipc_policy_add_file(policy, path, &source.path);
	free(path);
	if (r)
		return ipc_ctx_fail(policy->ctx, r, "out of memory");
	return read_source(&source, fd, name);
}

/*
 * The first error is returned, with its text. Of those behind it none gets lost: what is no fault of a file by itself
 * becomes one.
 */
static int read_all(struct ipc_policy *policy, const char *directory, int fd, const struct names *names)
{
	char name[NAME_SHOWN], text[sizeof(policy->ctx->error)] = "";
	int first = 0, r = 0;
	size_t i;

	for (i = 0; i < names->count && r != -ENOMEM; i++) {
		r = read_listed(policy, directory, fd, names->items[i]);
		if (r && !first) {
			first = r;
			ipc_escape(names->items[i], strlen(names->items[i]), name, sizeof(name));
			snprintf(text, sizeof(text), "%s: %.*s", name, (int)(sizeof(text) - sizeof(name) - 3),
				 policy->ctx->error);
		} else if (r && r != -EINVAL) {
			r = ipc_policy_add_fault(policy, policy->files[policy->file_count - 1], 0, 0,
						 policy->ctx->error);
		}
	}
	return first ? ipc_ctx_fail(policy->ctx, first, "%s", text) : 0;
}

static int read_opened(struct ipc_policy *policy, const char *path, DIR *dir)
{
	struct names names = {0};
	struct stat st;
	int r;

	if (fstat(dirfd(dir), &st))
		return fail_errno(policy->ctx, errno);
	r = list_names(policy->ctx, dir, &names);
	if (r == 0 && names.count && !ipc_policy_built())
		r = ipc_ctx_fail(
			policy->ctx, -ENOSYS,
			"there are policy files in it, and this build, made without inih, cannot tell what they protect");
	if (r == 0)
		r = ipc_ctx_trust(policy->ctx, &st, "the rules");
	if (r == 0)
		r = read_all(policy, path, dirfd(dir), &names);
	release_names(&names);
	return r;
}

int ipc_policy_read_directory(struct ipc_policy *policy, const char *path)
{
	int r, fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir;

	if (fd < 0)
		return errno == ENOENT ? 0 : fail_errno(policy->ctx, errno);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return ipc_ctx_fail(policy->ctx, -ENOMEM, "out of memory");
	}
	r = read_opened(policy, path, dir);
	closedir(dir);
	return r;
}
