/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The contents of POSIX semaphores, named and unnamed: the value and how many wait, read from the sem_t itself. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "classes/contents.h"
#include "classes/posix_change.h"
#include "classes/sem.h"
#include "sources/procfs.h"

#define SEM_BYTES 16 /* that ipc_sem_decode() looks at */
#define FILE_SIZE 32 /* glibc's on 64 bits */

static const struct ipc_field fields[] = {
	IPC_FIELD(ipc_sem_value, value, UINT, "value"),
	IPC_FIELD(ipc_sem_value, waiting_increase, UINT,
		  "tasks waiting for it to grow, as the semaphore counts them (one that is killed stays counted)"),
};

static const struct ipc_record record = {
	.name = "semaphore",
	.size = sizeof(struct ipc_sem_value),
	.fields = fields,
	.count = sizeof(fields) / sizeof(fields[0]),
};

static int check_words(struct ipc_ctx *ctx)
{
	if (sizeof(long) == 8)
		return 0;
	return ipc_ctx_fail(ctx, -ENOSYS, "only semaphores of 64-bit programs are understood, by 64-bit programs");
}

/* ---- in the memory of a process ---------------------------------------------------------------------------------- */

/* Is what process @pid has mapped at @address the memory that the object lies in? */
static int check_map(struct ipc_dumping *dumping, int64_t pid, uint64_t address)
{
	const struct ipc_object *object = dumping->object;
	struct ipc_map_line map;
	struct ipc_buf maps = {0};
	const char *at, *end;
	int r = ipc_proc_read(dumping->ctx, &maps, "%" PRId64 "/maps", pid);
	bool same = false;

	at = maps.data;
	end = at ? at + maps.len : NULL;
	while (r == 0 && at && ipc_proc_next_map(&at, end, &map))
		if (address >= map.start && address < map.end)
			/* The device of a System V segment is no part of its key. */
			same = map.inode == object->inode &&
			       (object->hold.space == IPC_SPACE_SHM || map.device == object->dev);
	ipc_buf_release(&maps);
	return r ? r : same ? 0 : -ESRCH;
}

/* 0 or -errno without text: -ESRCH when it is not there any more. */
static int read_memory(struct ipc_dumping *dumping, int64_t pid, uint64_t address, struct ipc_sem_value *out)
{
	unsigned char bytes[SEM_BYTES];
	int fd, r;
	ssize_t n;

	/* Opened first: it stays with the memory that is checked then. */
	fd = ipc_proc_open(dumping->ctx, 0, "%" PRId64 "/mem", pid);
	if (fd < 0)
		return fd == -ENOENT ? -ESRCH : fd;
	r = check_map(dumping, pid, address);
	if (r == 0) {
		n = pread(fd, bytes, sizeof(bytes), (off_t)address);
		if (n != sizeof(bytes) || !ipc_sem_decode(bytes, out))
			r = -ESRCH;
	}
	close(fd);
	return r == -ENOENT ? -ESRCH : r;
}

static int fail_memory(struct ipc_dumping *dumping, int error, int64_t pid, const char *gone)
{
	switch (error) {
	case -ESRCH:
		return ipc_ctx_fail(dumping->ctx, error, "%s", gone);
	case -EACCES:
	case -EPERM:
		return ipc_ctx_fail(dumping->ctx, -EPERM,
				    "process %" PRId64
				    " has it, and its memory may not be read by you; it takes ptrace "
				    "rights over that process or CAP_SYS_PTRACE (root)",
				    pid);
	default:
		return ipc_ctx_fail(dumping->ctx, error, "the memory of process %" PRId64 " cannot be read: %s", pid,
				    strerror(-error));
	}
}

/* ---- unnamed ----------------------------------------------------------------------------------------------------- */

/* Whoever waits has counted itself: what counts nobody any more may be other data by now. */
static int dump_unnamed(struct ipc_dumping *dumping)
{
	const struct ipc_sem *sem = (const struct ipc_sem *)dumping->object;
	const struct ipc_sem_place *places = sem->places.items;
	struct ipc_sem_value value = {0};
	int error = -ESRCH, r;
	int64_t pid = 0;
	size_t i;

	r = check_words(dumping->ctx);
	if (r)
		return r;
	dumping->result->source = "/proc/PID/mem";
	for (i = 0; i < sem->places.count; i++) {
		r = read_memory(dumping, places[i].pid, places[i].address, &value);
		if (r == 0 && value.waiting_increase)
			return ipc_dumping_entry(dumping, 0, &record, &value);
		if (r && r != -ESRCH) {
			error = r;
			pid = places[i].pid;
		}
	}
	return fail_memory(dumping, error, pid, "nobody waits for it any more, which alone tells it from other memory");
}

/* ---- named ------------------------------------------------------------------------------------------------------- */

static const struct ipc_posix_kind named = {.prefix = "sem.", .what = "semaphore"};

/* An unlinked one, through who has it mapped. */
static int dump_mapped(struct ipc_dumping *dumping)
{
	const struct ipc_holder *holders = dumping->object->holders.items;
	struct ipc_sem_value value = {0};
	int error = -ESRCH, r;
	int64_t pid = 0;
	size_t i;

	dumping->result->source = "/proc/PID/mem";
	for (i = 0; i < dumping->object->holders.count; i++) {
		if (holders[i].pid == IPC_UNKNOWN_INT || holders[i].addr == IPC_UNKNOWN)
			continue;
		r = read_memory(dumping, holders[i].pid, holders[i].addr, &value);
		if (r == 0)
			return ipc_dumping_entry(dumping, 0, &record, &value);
		if (r != -ESRCH) {
			error = r;
			pid = holders[i].pid;
		}
	}
	return fail_memory(dumping, error, pid, "it has no name any more, and nobody who could be seen has it mapped");
}

/* Only the owner and root may leave the access time as it is. */
static int open_named(struct ipc_dumping *dumping)
{
	int fd = ipc_posix_open(dumping->ctx, dumping->object, &named, false, O_RDONLY | O_NOATIME);

	return fd == -EPERM ? ipc_posix_open(dumping->ctx, dumping->object, &named, false, O_RDONLY) : fd;
}

static int dump_named(struct ipc_dumping *dumping)
{
	struct ipc_sem_value value = {0};
	unsigned char bytes[SEM_BYTES];
	struct stat st;
	bool known;
	int fd;

	fd = open_named(dumping);
	if (fd < 0)
		return fd;
	dumping->result->source = "read";
	known = fstat(fd, &st) == 0 && st.st_size == FILE_SIZE && pread(fd, bytes, sizeof(bytes), 0) == sizeof(bytes) &&
		ipc_sem_decode(bytes, &value);
	close(fd);
	if (!known)
		return ipc_ctx_fail(dumping->ctx, -EINVAL, "not a semaphore of glibc on 64 bits");
	return ipc_dumping_entry(dumping, 0, &record, &value);
}

static int dump_posix(struct ipc_dumping *dumping)
{
	int r = check_words(dumping->ctx);

	if (r)
		return r;
	return ((const struct ipc_sem *)dumping->object)->deleted ? dump_mapped(dumping) : dump_named(dumping);
}

/* ---- the kinds --------------------------------------------------------------------------------------------------- */

const struct ipc_contents ipc_contents_sem_posix = {
	.help =
		{
			.read = "from its file below /dev/shm, which holds the value and the number of waiters; one that "
				"was unlinked from the memory of a process that has it",
			.privilege =
				"read permission, or CAP_DAC_READ_SEARCH (root); for an unlinked one ptrace rights "
				"over that process, or CAP_SYS_PTRACE (root)",
			.disturbs = "nothing for its owner and root; for others the access time of the file",
		},
	.needs = IPC_NEED_HOLDERS,
	.dump = dump_posix,
};

const struct ipc_contents ipc_contents_sem_unnamed = {
	.help =
		{
			.read = "from the memory of a process that waits for it (/proc/PID/mem)",
			.privilege = "ptrace rights over that process: it is one's own, or CAP_SYS_PTRACE (root)",
			.disturbs = "nothing: the process is not stopped",
		},
	.dump = dump_unnamed,
};
