/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running code inside a namespace, in a thread that ends afterwards; and what a cgroup says of a namespace's container. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/record.h"
#include "sources/namespaces.h"
#include "sources/procfs.h"

struct call {
	struct ipc_ctx *ctx;
	const struct ipc_ns *ns;
	int (*fn)(void *data);
	void *data;
	int result;
};

static const int flags[IPC_NS_TYPES] = {[IPC_NS_IPC] = CLONE_NEWIPC, [IPC_NS_NET] = CLONE_NEWNET, [IPC_NS_MNT] = CLONE_NEWNS};

static int open_ns(struct ipc_ctx *ctx, const struct ipc_ns *ns)
{
	struct stat st;
	int fd;

	fd = ns->path[0] == '/' ? open(ns->path, O_RDONLY | O_CLOEXEC) : openat(ctx->proc_fd, ns->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* The process may have gone and its number may be another's now. */
	if (fstat(fd, &st) < 0 || st.st_ino != ns->inode) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

static int enter(struct ipc_ctx *ctx, const struct ipc_ns *ns)
{
	int fd, r = 0;

	fd = open_ns(ctx, ns);
	if (fd < 0)
		return ipc_ctx_fail(ctx, fd, "cannot be reached: %s", strerror(-fd));
	/* The root and working directory are shared by the threads of a process until this one has its own. */
	if ((ns->type == IPC_NS_MNT && unshare(CLONE_FS) < 0) || setns(fd, flags[ns->type]) < 0) {
		r = -errno;
		ipc_ctx_fail(ctx, r, r == -EPERM ? "entering it needs CAP_SYS_ADMIN (root)" : "cannot be entered: %s", strerror(errno));
	}
	close(fd);
	return r;
}

static void *inside(void *argument)
{
	struct call *call = argument;
	struct ipc_ctx *ctx = call->ctx;
	int outer_root = ctx->root_fd, root;

	call->result = enter(ctx, call->ns);
	if (call->result < 0)
		return NULL;
	if (call->ns->type != IPC_NS_MNT) {
		call->result = call->fn(call->data);
		return NULL;
	}
	/* Paths are looked up below ctx->root_fd: for this call that is the root of the other namespace. */
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		call->result = ipc_ctx_fail(ctx, -errno, "its root cannot be opened: %s", strerror(errno));
		return NULL;
	}
	ctx->root_fd = root;
	call->result = call->fn(call->data);
	ctx->root_fd = outer_root;
	close(root);
	return NULL;
}

int ipc_ns_call(struct ipc_ctx *ctx, const struct ipc_ns *ns, int (*fn)(void *data), void *data)
{
	struct call call = {.ctx = ctx, .ns = ns, .fn = fn, .data = data};
	sigset_t all, before;
	pthread_t thread;
	int r;

	if (ns->own)
		return fn(data);
	/* The program's signal handlers must not run in a thread that stands elsewhere. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, inside, &call);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return ipc_ctx_fail(ctx, -r, "no thread could be made: %s", strerror(r));
	pthread_join(thread, NULL);
	return call.result;
}

/* ---- containers -------------------------------------------------------------------------------------------------- */

#define SHORT_ID 12 /* as container engines print ids */

/* The first run of 64 hexadecimal digits, which is how engines call their containers. */
static const char *find_id(const char *path)
{
	size_t run = 0;

	for (; *path; path++) {
		run = isxdigit((unsigned char)*path) ? run + 1 : 0;
		if (run == 64)
			return path - 63;
	}
	return NULL;
}

/* The path in the unified hierarchy ("0::/..."), or else in the first named one that is not the root. */
static char *cgroup_path(char *text)
{
	char *line, *save = NULL, *best = NULL;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *path = strchr(line, ':');

		path = path ? strchr(path + 1, ':') : NULL;
		if (path && path[1] && path[2] && (!best || strncmp(line, "0::", 3) == 0))
			best = path + 1;
	}
	return best;
}

void ipc_ns_container(struct ipc_ctx *ctx, struct ipc_ns *ns)
{
	struct ipc_buf text = {0};
	const char *path = NULL, *id;

	if (ns->pid != IPC_UNKNOWN_INT && ipc_proc_read(ctx, &text, "%" PRId64 "/cgroup", ns->pid) == 0 && text.len)
		path = cgroup_path(text.data);
	id = path ? find_id(path) : NULL;
	/* The caller's own cgroup says where the caller runs, not whose the namespace is. */
	ns->container = id ? strndup(id, SHORT_ID) : strdup(path && !ns->own ? path : "");
	ipc_buf_release(&text);
}
