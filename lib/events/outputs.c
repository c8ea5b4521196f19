/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the watcher's own output goes through is told to the programs, which leave it out: its standard output and error, and, from one
 * command of a pipeline to the next, the standard output of whoever has one of these as his standard input. Commands that begin
 * later the programs follow by themselves.
 */
#include "events/outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "events/raw.h"
#include "sources/libbpf.h"
#include "sources/procfs.h"

struct outputs {
	struct ipc_ctx *ctx;
	int map;
	struct ipc_raw_file files[IPC_RAW_OUTPUTS];
	size_t count;
};

static bool is_stream(const struct stat *st)
{
	return S_ISFIFO(st->st_mode) || S_ISSOCK(st->st_mode);
}

static struct ipc_raw_file file_of(const struct stat *st)
{
	return (struct ipc_raw_file){.inode = st->st_ino,
				     .dev = (uint32_t)(major(st->st_dev) << 20 | minor(st->st_dev))};
}

static bool has(const struct outputs *outputs, struct ipc_raw_file file)
{
	size_t i = 0;

	while (i < outputs->count && (outputs->files[i].inode != file.inode || outputs->files[i].dev != file.dev))
		i++;
	return i < outputs->count;
}

static int add(struct outputs *outputs, const struct stat *st)
{
	struct ipc_raw_file file = file_of(st);
	const uint8_t one = 1;

	if (!is_stream(st) || has(outputs, file) || outputs->count == IPC_RAW_OUTPUTS)
		return 0;
	outputs->files[outputs->count++] = file;
	return bpf_map_update_elem(outputs->map, &file, &one, BPF_ANY) < 0 ? -errno : 0;
}

/* What a process has behind @fd. Nothing is opened for it. */
static bool stat_fd(struct ipc_ctx *ctx, int64_t pid, int fd, struct stat *st)
{
	int file = ipc_proc_open(ctx, O_PATH, "%" PRId64 "/fd/%d", pid, fd);
	bool found = file >= 0 && fstat(file, st) == 0;

	if (file >= 0)
		close(file);
	return found;
}

static int follow(int64_t pid, void *data)
{
	struct outputs *outputs = data;
	struct stat st;

	if (!stat_fd(outputs->ctx, pid, STDIN_FILENO, &st) || !is_stream(&st) || !has(outputs, file_of(&st)))
		return 0;
	return stat_fd(outputs->ctx, pid, STDOUT_FILENO, &st) ? add(outputs, &st) : 0;
}

int ipc_outputs_enter(struct ipc_ctx *ctx, int map)
{
	struct outputs outputs = {.ctx = ctx, .map = map};
	size_t before = 0;
	struct stat st;
	int r = 0;

	if (fstat(STDOUT_FILENO, &st) == 0)
		r = add(&outputs, &st);
	if (r == 0 && fstat(STDERR_FILENO, &st) == 0)
		r = add(&outputs, &st);
	while (r == 0 && outputs.count > before) {
		before = outputs.count;
		r = ipc_proc_each_pid(ctx, follow, &outputs);
	}
	return r;
}
