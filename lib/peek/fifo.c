/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who has a FIFO open, by BPF: believed once a pipe of our own has been seen rightly. */
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "peek/peek_bpf.h"
#include "sources/namespaces.h"

#include "fifo.skel.h"

static int load(uint32_t ring, void **out)
{
	struct fifo_bpf *skeleton = fifo_bpf__open_and_load();

	(void)ring;
	if (!skeleton)
		return -errno;
	*out = skeleton;
	return 0;
}

static void destroy(void *skeleton)
{
	fifo_bpf__destroy(skeleton);
}

static const struct ipc_peek_program program = {IPC_PEEK_FIFO, load, destroy};

static int look(struct ipc_peek *peek, struct fifo_bpf *skeleton, int fd, struct ipc_peek_fifo *out)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return ipc_ctx_fail(peek->ctx, -errno, "it cannot be looked at: %s", strerror(errno));
	skeleton->bss->wanted = (uint32_t)fd;
	skeleton->bss->inode_number = st.st_ino;
	skeleton->bss->looked = skeleton->bss->found = 0;
	skeleton->bss->readers = skeleton->bss->writers = skeleton->bss->files = 0;
	r = ipc_peek_visit(peek, skeleton->progs.peek_fifo, getpid());
	if (r)
		return r;
	if (!skeleton->bss->found)
		return ipc_peek_fail(peek, -ENOENT);
	*out = (struct ipc_peek_fifo){skeleton->bss->readers, skeleton->bss->writers, skeleton->bss->files};
	return 0;
}

/* That there is no pipe is what a removal rests on: a kernel where it is looked for in a wrong place must not say so. */
static int prove(struct ipc_peek *peek, struct fifo_bpf *skeleton)
{
	struct ipc_peek_fifo own = {0};
	int ends[2], r;

	if (skeleton->bss->proven)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return ipc_ctx_fail(peek->ctx, -errno, "no pipe can be made: %s", strerror(errno));
	r = look(peek, skeleton, ends[0], &own);
	close(ends[0]);
	close(ends[1]);
	if (r == 0 && (own.readers != 1 || own.writers != 1 || own.files != 2))
		r = ipc_peek_fail(peek, -EPROTO);
	skeleton->bss->proven = r == 0;
	return r;
}

struct question {
	struct ipc_ctx *ctx;
	int fd;
	struct ipc_peek_fifo *out;
};

static int ask(void *data)
{
	const struct question *question = data;
	struct ipc_peek peek;
	void *loaded = NULL;
	int r = ipc_peek_begin(&peek, question->ctx);

	if (r)
		return r;
	r = ipc_peek_program(&peek, &program, 0, &loaded);
	if (r == 0)
		r = prove(&peek, loaded);
	if (r == 0)
		r = look(&peek, loaded, question->fd, question->out);
	ipc_peek_end(&peek);
	return r;
}

/* The BPF library reads files, and a FIFO may be asked about where a container's are. All threads have the same descriptors. */
int ipc_peek_fifo(struct ipc_ctx *ctx, int fd, struct ipc_peek_fifo *out)
{
	struct question question = {ctx, fd, out};

	return ipc_ns_at_home(ctx, ask, &question);
}
