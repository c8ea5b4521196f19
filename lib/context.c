/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The context: made, re-rooted and freed here; the error text of the last failed call. */
#include "context.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <ipctool/change.h>

#include "evidence.h"
#include "holders/holders.h"
#include "peek/peek.h"
#include "policy/policy.h"

static void close_roots(struct ipc_ctx *ctx)
{
	if (ctx->root_fd >= 0)
		close(ctx->root_fd);
	if (ctx->proc_fd >= 0)
		close(ctx->proc_fd);
}

/* Open @root and its proc/ into @root_fd and @proc_fd. */
static int open_roots(const char *root, int *root_fd, int *proc_fd)
{
	int dir, proc;

	dir = open(*root ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	/* Not O_PATH: the process list is read from a copy of this descriptor. */
	proc = openat(dir, "proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0) {
		int error = errno;

		close(dir);
		return -error;
	}
	*root_fd = dir;
	*proc_fd = proc;
	return 0;
}

/* Without it an empty directory would pass for a host without processes. */
static bool is_mounted(int proc_fd)
{
	struct statfs fs;

	return fstatfs(proc_fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

int ipc_ctx_new(struct ipc_ctx **out)
{
	struct ipc_ctx *ctx;
	int r;

	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return -ENOMEM;
	ctx->refs = 1;
	ctx->euid = geteuid();
	ctx->root = strdup("");
	if (!ctx->root) {
		free(ctx);
		return -ENOMEM;
	}
	r = open_roots("", &ctx->root_fd, &ctx->proc_fd);
	if (r == 0 && !is_mounted(ctx->proc_fd)) {
		close_roots(ctx);
		r = -ENODEV;
	}
	if (r < 0) {
		free(ctx->root);
		free(ctx);
		return r;
	}
	*out = ctx;
	return 0;
}

struct ipc_ctx *ipc_ctx_ref(struct ipc_ctx *ctx)
{
	ctx->refs++;
	return ctx;
}

struct ipc_ctx *ipc_ctx_unref(struct ipc_ctx *ctx)
{
	if (ctx && --ctx->refs == 0) {
		ipc_peek_free(ctx->peeks);
		if (ctx->learnt)
			ipc_learnt_release(ctx->learnt);
		free(ctx->learnt);
		close_roots(ctx);
		free(ctx->root);
		free(ctx);
	}
	return NULL;
}

int ipc_ctx_set_root(struct ipc_ctx *ctx, const char *root)
{
	int root_fd = -1, proc_fd = -1, r;
	char *copy;

	copy = strdup(strcmp(root, "/") == 0 ? "" : root);
	if (!copy)
		return ipc_ctx_fail(ctx, -ENOMEM, "out of memory");
	r = open_roots(copy, &root_fd, &proc_fd);
	if (r < 0) {
		free(copy);
		return ipc_ctx_fail(ctx, r, "cannot open the tree or its proc directory: %s", strerror(-r));
	}
	close_roots(ctx);
	free(ctx->root);
	ctx->root = copy;
	ctx->root_fd = root_fd;
	ctx->proc_fd = proc_fd;
	ctx->captured = *copy != '\0';
	ctx->initial_pidns = 0;
	return 0;
}

int ipc_ctx_set_holder_source(struct ipc_ctx *ctx, enum ipc_holder_source source)
{
	switch (source) {
	case IPC_HOLDERS_BPF:
		if (!ipc_holders_bpf_built())
			return ipc_ctx_fail(ctx, -ENOTSUP,
					    "this build has no BPF support; holders can be read from proc");
		break;
	case IPC_HOLDERS_AUTO:
	case IPC_HOLDERS_PROC:
		break;
	default:
		return ipc_ctx_fail(ctx, -EINVAL, "no such source of holders");
	}
	ctx->holder_source = source;
	return 0;
}

const char *ipc_ctx_error(const struct ipc_ctx *ctx)
{
	return ctx->error;
}

int(ipc_ctx_fail)(struct ipc_ctx *ctx, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ctx->error, sizeof(ctx->error), format, args);
	va_end(args);
	return error;
}

int ipc_ctx_trust(struct ipc_ctx *ctx, const struct stat *st, const char *what)
{
	if (st->st_uid != 0 && st->st_uid != ctx->euid)
		return ipc_ctx_fail(ctx, -EPERM,
				    "it belongs to user %u, who could change %s; chown it to root, or to yourself",
				    (unsigned)st->st_uid, what);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return ipc_ctx_fail(ctx, -EPERM, "its mode %04o lets others change %s; chmod go-w it",
				    (unsigned)st->st_mode & 07777, what);
	return 0;
}

void ipc_ctx_set_note(struct ipc_ctx *ctx, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ctx->note, sizeof(ctx->note), format, args);
	va_end(args);
}

const char *ipc_ctx_note(const struct ipc_ctx *ctx)
{
	return ctx->note;
}

const char *ipc_version(void)
{
	return IPCTOOL_VERSION;
}

const char *ipc_features(void)
{
	static const char *const names[2][2] = {{"-bpf -inih", "-bpf +inih"}, {"+bpf -inih", "+bpf +inih"}};

	return names[ipc_holders_bpf_built()][ipc_policy_built()];
}
