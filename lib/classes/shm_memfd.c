/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* memfds: memory that a file descriptor stands for; nothing lists them but the processes that have them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "classes/shm_held.h"
#include "model/bytes.h"

#define PREFIX "/memfd:"
#define DELETED " (deleted)"

/* In libc headers since glibc 2.36 alone; the numbers are the same everywhere but on alpha. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

static const struct {
	int bit;
	struct ipc_bytes word;
} seal_words[] = {
	{0x0001, {"sealed:seal", 11}},         /* F_SEAL_SEAL */
	{0x0002, {"sealed:shrink", 13}},       /* F_SEAL_SHRINK */
	{0x0004, {"sealed:grow", 11}},         /* F_SEAL_GROW */
	{0x0008, {"sealed:write", 12}},        /* F_SEAL_WRITE */
	{0x0010, {"sealed:future-write", 19}}, /* F_SEAL_FUTURE_WRITE, since 5.1 */
	{0x0020, {"sealed:exec", 11}},         /* F_SEAL_EXEC, since 6.3 */
};
#define SEALS (sizeof(seal_words) / sizeof(seal_words[0]))

/* A copy of the holder's fd shares its open file: nothing is opened anew. Returns the fd or -errno. */
static int copy_fd(const struct ipc_hold *hold, const struct ipc_held *held)
{
	struct stat st;
	int pidfd, fd;

	pidfd = (int)syscall(SYS_pidfd_open, (pid_t)hold->process->pid, 0);
	if (pidfd < 0)
		return -errno;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, hold->fd, 0);
	close(pidfd);
	if (fd < 0)
		return -errno;
	/* The number may be another file, or process, by now. */
	if (fstat(fd, &st) < 0 || st.st_ino != held->key.inode || st.st_dev != held->key.device) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

static int read_seals(struct ipc_run *run, const struct ipc_held *held)
{
	struct ipc_holders *holders = ipc_run_holders(run);
	const struct ipc_hold *hold = NULL;
	int fd, seals = 0;

	if (run->ctx->captured || !ipc_run_needs(run, IPC_NEED_STATUS))
		return 0;
	while (holders && (hold = ipc_holders_hold(holders, held, hold))) {
		if (hold->fd < 0)
			continue;
		fd = copy_fd(hold, held);
		if (fd < 0)
			continue;
		seals = fcntl(fd, F_GET_SEALS);
		close(fd);
		break;
	}
	return seals < 0 ? 0 : seals;
}

static struct ipc_list status_of(struct ipc_run *run, const struct ipc_held *held)
{
	struct ipc_bytes *words = ipc_arena_alloc(&run->arena, (SEALS + 1) * sizeof(*words));
	int seals = read_seals(run, held);
	size_t count = 0, i;

	if (!words)
		return (struct ipc_list){0};
	if (ipc_shm_held_huge(held))
		words[count++] = IPC_BYTES("hugetlb");
	for (i = 0; i < SEALS; i++)
		if (seals & seal_words[i].bit)
			words[count++] = seal_words[i].word;
	return (struct ipc_list){words, count};
}

static struct ipc_bytes name_of(struct ipc_bytes path)
{
	if (ipc_bytes_ends(path, DELETED))
		path.len -= strlen(DELETED);
	if (ipc_bytes_starts(path, PREFIX)) {
		path.data += strlen(PREFIX);
		path.len -= strlen(PREFIX);
	}
	return path;
}

static int emit(struct ipc_run *run, const struct ipc_kind *kind, const struct ipc_held *held,
		struct ipc_shm_swap *swap)
{
	struct ipc_file file;
	struct ipc_shm *shm;
	bool known;

	shm = ipc_shm_held_object(run, kind, held, &file, &known);
	if (!shm)
		return -ENOMEM;
	shm->base.name = name_of(held->path);
	shm->base.status = status_of(run, held);
	shm->attached = ipc_shm_held_use(run, held).maps;
	if (known)
		ipc_shm_held_memory(run, swap, shm, &file);
	return ipc_run_emit(run, shm);
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct ipc_holders *holders = ipc_run_holders(run);
	struct ipc_shm_swap swap = {0};
	const struct ipc_held *held;
	size_t at = 0;
	int r = 0;

	while (r == 0 && holders && (held = ipc_holders_next(holders, IPC_SPACE_MEMFD, &at)))
		r = emit(run, kind, held, &swap);
	ipc_shm_swap_release(&swap);
	return r;
}

/* Many memfds share a name: it is no reference. */
static void names(const struct ipc_object *object, struct ipc_names *names)
{
	ipc_names_add_inode(names, false, object);
}

const struct ipc_kind ipc_kind_shm_memfd = {
	.name = "memfd",
	.help = "memory behind a file descriptor (memfd_create)",
	.cls = &ipc_class_shm,
	.locators = 1u << IPC_BY_INODE,
	.spaces = IPC_SPACE_BIT(IPC_SPACE_MEMFD),
	.maps = true,
	.judge_needs = IPC_NEED_HOLDERS,
	.collect = collect,
	.names = names,
	.identity = ipc_identity_inode,
};
