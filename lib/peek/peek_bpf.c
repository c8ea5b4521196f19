/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running an iterator program and reading the ring buffer that it filled. */
#include "peek/peek_bpf.h"

#include <errno.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sources/procfs.h"

int ipc_peek_begin(struct ipc_peek *peek, struct ipc_ctx *ctx)
{
	int r;

	if (ctx->captured)
		return ipc_ctx_fail(ctx, -ENOTSUP, "BPF reads the running kernel, not a captured tree");
	/* The iterators number processes as the caller's pid namespace does: that must be the one of /proc. */
	if (!ipc_proc_same_pids(ctx))
		return ipc_ctx_fail(ctx, -ENOTSUP,
				    "BPF cannot be used: /proc is of another pid namespace than the caller");
	r = ipc_libbpf_load(ctx);
	if (r < 0)
		return r;
	*peek = (struct ipc_peek){.ctx = ctx, .print = libbpf_set_print(NULL)};
	return 0;
}

void ipc_peek_end(struct ipc_peek *peek)
{
	libbpf_set_print(peek->print);
}

int ipc_peek_fail(struct ipc_peek *peek, int error)
{
	/* -EACCES would be the verifier's. */
	if (error == -EPERM)
		return ipc_ctx_fail(peek->ctx, -EPERM, "looking into the kernel by BPF needs CAP_BPF and CAP_PERFMON");
	if (error == -ENOMEM)
		return ipc_ctx_fail(peek->ctx, error, "out of memory");
	return ipc_ctx_fail(peek->ctx, -ENOSYS, "this kernel does not take the BPF program, which needs Linux 5.17: %s",
			    strerror(-error));
}

/* ---- loaded programs --------------------------------------------------------------------------------------------- */

struct ipc_peek_loaded {
	void *skeleton; /* NULL: none */
	void (*destroy)(void *skeleton);
	uint32_t ring;
};

static void unload(struct ipc_peek_loaded *loaded)
{
	if (loaded->skeleton)
		loaded->destroy(loaded->skeleton);
	loaded->skeleton = NULL;
}

int ipc_peek_program(struct ipc_peek *peek, const struct ipc_peek_program *program, uint32_t ring, void **out)
{
	struct ipc_ctx *ctx = peek->ctx;
	struct ipc_peek_loaded *loaded;
	int r;

	if (!ctx->peeks)
		ctx->peeks = calloc(IPC_PEEKS, sizeof(*ctx->peeks));
	if (!ctx->peeks)
		return ipc_peek_fail(peek, -ENOMEM);
	loaded = &ctx->peeks[program->which];
	if (!loaded->skeleton || loaded->ring < ring) {
		unload(loaded);
		r = program->load(ring, &loaded->skeleton);
		if (r)
			return ipc_peek_fail(peek, r);
		loaded->destroy = program->destroy;
		loaded->ring = ring;
	}
	*out = loaded->skeleton;
	return 0;
}

void ipc_peek_forget(struct ipc_peek *peek, const struct ipc_peek_program *program)
{
	if (peek->ctx->peeks)
		unload(&peek->ctx->peeks[program->which]);
}

void ipc_peek_free(struct ipc_peek_loaded *peeks)
{
	int i;

	for (i = 0; peeks && i < IPC_PEEKS; i++)
		unload(&peeks[i]);
	free(peeks);
}

/* ---- running them ------------------------------------------------------------------------------------------------ */

static struct bpf_link *attach(const struct bpf_program *program, int64_t pid)
{
	union bpf_iter_link_info info = {.task = {.pid = (__u32)pid}};
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));
	struct bpf_link *link;

	if (pid > 0) {
		link = bpf_program__attach_iter(program, &options);
		if (link)
			return link;
	}
	return bpf_program__attach_iter(program, NULL);
}

/* The programs write nothing here: reading only moves them on. */
static int visit(int fd)
{
	char buffer[4096];
	ssize_t n;

	do
		n = read(fd, buffer, sizeof(buffer));
	while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	return n < 0 ? -errno : 0;
}

static int run_program(const struct bpf_program *program, int64_t pid)
{
	struct bpf_link *link = attach(program, pid);
	int fd, r;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	r = fd < 0 ? -errno : visit(fd);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return r;
}

struct reading {
	ipc_peek_record_fn fn;
	void *data;
	int result;
};

static int read_record(void *context, void *record, size_t size)
{
	struct reading *reading = context;

	/* What the library returns for a stop is its own; ours is kept. */
	if (reading->result == 0 && reading->fn)
		reading->result = reading->fn(record, size, reading->data);
	return 0;
}

int ipc_peek_visit(struct ipc_peek *peek, const struct bpf_program *program, int64_t pid)
{
	int r = run_program(program, pid);

	return r < 0 ? ipc_peek_fail(peek, r) : 0;
}

int ipc_peek_take(struct ipc_peek *peek, const struct bpf_map *ring, ipc_peek_record_fn fn, void *data)
{
	struct reading reading = {.fn = fn, .data = data};
	struct ring_buffer *buffer = ring_buffer__new(bpf_map__fd(ring), read_record, &reading, NULL);
	int r;

	if (!buffer)
		return ipc_peek_fail(peek, -errno);
	r = ring_buffer__consume(buffer);
	ring_buffer__free(buffer);
	return r < 0 ? ipc_peek_fail(peek, r) : reading.result;
}

int ipc_peek_run(struct ipc_peek *peek, const struct bpf_program *program, int64_t pid, const struct bpf_map *ring,
		 ipc_peek_record_fn fn, void *data)
{
	int r = ipc_peek_visit(peek, program, pid);

	return r ? r : ipc_peek_take(peek, ring, fn, data);
}
