/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The source of holders for large hosts: BPF iterators in the kernel write one short record for each fd and mapping
 * of interest.
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/types.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "holders.skel.h"
#include "holders/holders_event.h"
#include "holders/holders_index.h"
#include "sources/libbpf.h"
#include "sources/namespaces.h"

#define READ_SIZE (256 * 1024)
#define KEYS_MAX 1024 /* each costs a system call to tell; of more than these the index itself keeps what is wanted */
#define MAPPED                                                                                            \
	(IPC_SPACE_BIT(IPC_SPACE_FILE) | IPC_SPACE_BIT(IPC_SPACE_MEMFD) | IPC_SPACE_BIT(IPC_SPACE_ANON) | \
	 IPC_SPACE_BIT(IPC_SPACE_SHM))

_Static_assert((int)EVENT_FILE == IPC_SPACE_FILE && (int)EVENT_PIPE == IPC_SPACE_PIPE &&
		       (int)EVENT_SOCKET == IPC_SPACE_SOCKET && (int)EVENT_MEMFD == IPC_SPACE_MEMFD &&
		       (int)EVENT_ANON == IPC_SPACE_ANON && (int)EVENT_SHM == IPC_SPACE_SHM &&
		       (int)EVENT_NS == IPC_SPACE_NS && (int)EVENT_NS_IPC == IPC_NS_IPC &&
		       (int)EVENT_NS_NET == IPC_NS_NET && (int)EVENT_NS_MNT == IPC_NS_MNT,
	       "the BPF programs and the library mean the same spaces");

struct reader {
	struct ipc_ctx *ctx;
	const struct ipc_holders_want *want;
	struct ipc_holders *holders;
	struct holders_bpf *skeleton;
	struct ipc_process *process; /* of the last record */
	struct ipc_buf link;
	char *buffer;
};

bool ipc_holders_bpf_built(void)
{
	return true;
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

/*
 * The programs cannot tell the path of what is mapped through a stacked file system, nor one that is longer than
 * their buffer: the link in /proc does.
 */
static struct ipc_bytes link_of(struct reader *reader, const struct ipc_holders_event *event)
{
	int r;

	if (event->fd >= 0)
		r = ipc_proc_link(reader->ctx, &reader->link, "%u/fd/%d", event->pid, event->fd);
	else
		r = ipc_proc_link(reader->ctx, &reader->link, "%u/map_files/%llx-%llx", event->pid, event->addr,
				  event->end);
	return r < 0 ? IPC_NO_BYTES : (struct ipc_bytes){reader->link.data, reader->link.len};
}

/* libbpf shares memory with itself to hold the programs' variables: the reader must not report what only reading made. */
static bool is_own_variable(const struct reader *reader, const struct ipc_holders_event *event)
{
	const struct bpf_map *map;
	size_t size;

	if (event->space != IPC_SPACE_ANON || event->pid != (unsigned)getpid())
		return false;
	bpf_object__for_each_map(
		map, reader->skeleton->obj) if ((uintptr_t)bpf_map__initial_value((struct bpf_map *)map, &size) ==
						event->addr) return true;
	return false;
}

static int add_event(struct reader *reader, const struct ipc_holders_event *event, const char *path)
{
	struct ipc_holders_seen seen = {
		.key = {event->space, 0, event->inode},
		.mode = event->mode,
		.addr = event->addr,
		.end = event->end,
		.fd = event->fd,
		.access = event->access,
		.shared = event->shared,
		.attach = event->attach,
	};

	if (is_own_variable(reader, event))
		return 0;
	if (!reader->process || reader->process->pid != event->pid)
		reader->process = ipc_processes_lookup(reader->holders->processes, event->pid);
	if (!reader->process)
		return 0; /* younger than the list of processes */
	seen.process = reader->process;
	switch (event->space) {
	case IPC_SPACE_PIPE:
	case IPC_SPACE_SOCKET:
		break;
	case IPC_SPACE_NS:
		seen.key.device = event->device;
		break;
	case IPC_SPACE_SHM:
		seen.key.device = event->device;
		seen.path = (struct ipc_bytes){path, event->path_len};
		break;
	case IPC_SPACE_ANON:
		seen.key.device = makedev(event->device >> 20, event->device & 0xfffff);
		break;
	default:
		seen.key.device = makedev(event->device >> 20, event->device & 0xfffff);
		seen.path = event->path_len ? (struct ipc_bytes){path, event->path_len} : link_of(reader, event);
	}
	return ipc_holders_add(reader->holders, &seen);
}

/* A read() gives whole records, but maybe not the whole of the last one. */
static int read_records(struct reader *reader, int fd)
{
	size_t have = 0, at, fixed, size;
	ssize_t n;
	int r;

	for (;;) {
		n = read(fd, reader->buffer + have, READ_SIZE - have);
		/* EAGAIN: the iterator has passed a million fds that nobody wants, and pauses. */
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		have += n;
		for (at = 0; have - at >= EVENT_HEAD; at += size) {
			struct ipc_holders_event event = {0};

			memcpy(&event, reader->buffer + at, EVENT_HEAD);
			fixed = EVENT_SIZE(event.space);
			size = fixed + event.path_len;
			if (have - at < size)
				break;
			memcpy((char *)&event + EVENT_HEAD, reader->buffer + at + EVENT_HEAD, fixed - EVENT_HEAD);
			r = add_event(reader, &event, reader->buffer + at + fixed);
			if (r < 0)
				return r;
		}
		have -= at;
		memmove(reader->buffer, reader->buffer + at, have);
	}
}

/* ---- programs ---------------------------------------------------------------------------------------------------- */

/* One process alone, where the kernel can limit the iterator (6.1); the program itself tests for it as well. */
static struct bpf_link *attach(const struct bpf_program *program, int64_t only)
{
	union bpf_iter_link_info info = {.task = {.pid = only}};
	LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));
	struct bpf_link *link;

	if (only > 0) {
		link = bpf_program__attach_iter(program, &options);
		if (link)
			return link;
	}
	return bpf_program__attach_iter(program, NULL);
}

static int run_program(struct reader *reader, const struct bpf_program *program)
{
	struct bpf_link *link;
	int fd, r;

	link = attach(program, reader->want->only);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	r = fd < 0 ? -errno : read_records(reader, fd);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return r;
}

/* Before the load: which keys are few enough for the program to know them. */
static bool announce_keys(const struct reader *reader)
{
	const struct ipc_holders_want *want = reader->want;
	struct holders_bpf *skeleton = reader->skeleton;
	uint64_t bits = 0;
	size_t i;

	if (!want->keys || want->key_count > KEYS_MAX)
		return false;
	/* A map of no entries cannot be made. */
	if (want->key_count > 1 && bpf_map__set_max_entries(skeleton->maps.keys, want->key_count) < 0)
		return false;
	for (i = 0; i < want->key_count; i++)
		bits |= UINT64_C(1) << want->keys[i].inode % 64;
	skeleton->rodata->by_key = true;
	skeleton->rodata->key_bits = bits;
	return true;
}

static int tell_keys(const struct reader *reader)
{
	const __u8 wanted = 1;
	size_t i;

	for (i = 0; i < reader->want->key_count; i++) {
		const struct ipc_key *from = &reader->want->keys[i];
		struct ipc_holders_event_key key = {.inode = from->inode, .space = (__u32)from->space};

		if (from->space == IPC_SPACE_SHM)
			key.device = (__u32)from->device;
		else if (from->space != IPC_SPACE_PIPE && from->space != IPC_SPACE_SOCKET)
			key.device = major(from->device) << 20 | minor(from->device);
		if (bpf_map_update_elem(bpf_map__fd(reader->skeleton->maps.keys), &key, &wanted, BPF_ANY) < 0)
			return -errno;
	}
	return 0;
}

static int run_programs(struct reader *reader)
{
	bool maps = reader->want->maps && (reader->want->spaces & MAPPED);
	struct holders_bpf *skeleton;
	bool by_key;
	int r;

	skeleton = holders_bpf__open();
	if (!skeleton)
		return -errno;
	reader->skeleton = skeleton;
	skeleton->rodata->spaces = reader->want->spaces;
	skeleton->rodata->only = reader->want->only;
	by_key = announce_keys(reader);
	bpf_program__set_autoload(skeleton->progs.holders_vma, maps);
	r = holders_bpf__load(skeleton);
	if (r == 0 && by_key)
		r = tell_keys(reader);
	if (r == 0 && maps)
		r = run_program(reader, skeleton->progs.holders_vma);
	if (r == 0)
		r = run_program(reader, skeleton->progs.holders_file);
	holders_bpf__destroy(skeleton);
	return r;
}

int ipc_holders_read_bpf(struct ipc_ctx *ctx, const struct ipc_holders_want *want, struct ipc_holders *holders)
{
	struct reader reader = {.ctx = ctx, .want = want, .holders = holders};
	libbpf_print_fn_t print;
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
	reader.buffer = malloc(READ_SIZE);
	if (!reader.buffer)
		return -ENOMEM;
	print = libbpf_set_print(NULL);
	r = run_programs(&reader);
	libbpf_set_print(print);
	free(reader.buffer);
	ipc_buf_release(&reader.link);
	if (r == -EPERM)
		ipc_ctx_fail(ctx, r, "BPF iterators need CAP_BPF and CAP_PERFMON");
	else if (r < 0 && r != -ENOMEM)
		r = ipc_ctx_fail(ctx, -ENOTSUP, "BPF iterators do not work on this kernel: %s", strerror(-r));
	return r;
}
