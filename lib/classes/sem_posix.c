/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* POSIX named semaphores (sem_open): files "sem.*" below /dev/shm that hold one sem_t of glibc. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "classes/contents.h"
#include "classes/file_events.h"
#include "classes/held.h"
#include "classes/posix.h"
#include "classes/sem.h"
#include "classes/shm_files.h"
#include "sources/procfs.h"

#define SEM_PREFIX "sem."

/* "/sem.jobs" is sem_open("/jobs"); further directories stay. */
static struct ipc_bytes name_of(struct ipc_run *run, struct ipc_bytes file)
{
	const char *slash = file.len ? memrchr(file.data, '/', file.len) : NULL;
	size_t before = slash ? (size_t)(slash - file.data) + 1 : 0;
	size_t after = before + strlen(SEM_PREFIX);

	return ipc_arena_format(&run->arena, "%.*s%.*s", (int)before, file.data, (int)(file.len - after),
				file.data + after);
}

/* The same inode as listed? Another file may have taken the name meanwhile. */
static bool is_same(int fd, const struct ipc_shm_file *file)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == file->file.inode;
}

/*
 * Reading a tmpfs file leaves no trace when its access time is left alone, which only the owner may ask for. No link is
 * followed on the way: directories below /dev/shm are anybody's. Before openat2 (5.6) only those right in it are read.
 */
static int open_quietly(int dir, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOATIME,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));

	if (fd < 0 && errno == EPERM) {
		how.flags &= ~(uint64_t)O_NOATIME;
		fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	}
	if (fd < 0 && (errno == ENOSYS || errno == EPERM) && !strchr(path, '/'))
		fd = openat(dir, path, (int)how.flags);
	return fd < 0 ? -errno : fd;
}

static int open_listed(struct ipc_run *run, const struct ipc_shm_file *file)
{
	const char *shm = run->ctx->captured ? "dev/shm" : "/dev/shm";
	int dir = openat(run->ctx->root_fd, shm, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct ipc_buf path = {0};
	int fd = -ENOMEM;

	if (dir < 0)
		return -errno;
	/* without the leading slash, and terminated */
	if (ipc_buf_append(&path, file->name.data + 1, file->name.len - 1) == 0)
		fd = open_quietly(dir, path.data);
	close(dir);
	ipc_buf_release(&path);
	return fd;
}

static int open_held(struct ipc_run *run, struct ipc_key key)
{
	struct ipc_holders *holders;
	const struct ipc_held *held = ipc_run_find_held(run, key, &holders);
	const struct ipc_hold *hold = NULL;
	char path[128];
	int fd = -ENOENT;

	while (fd < 0 && held && (hold = ipc_holders_hold(holders, held, hold))) {
		ipc_hold_path(hold, path, sizeof(path));
		fd = ipc_proc_open(run->ctx, O_NONBLOCK | O_NOATIME, "%s", path);
	}
	return fd;
}

static struct ipc_list read_value(struct ipc_run *run, const struct ipc_shm_file *file, struct ipc_key key)
{
	struct ipc_sem_value *value = ipc_arena_alloc(&run->arena, sizeof(*value));
	unsigned char bytes[16];
	bool known = false;
	int fd;

	if (!value)
		return (struct ipc_list){0};
	fd = file->deleted ? open_held(run, key) : open_listed(run, file);
	if (fd >= 0) {
		known = is_same(fd, file) && read(fd, bytes, sizeof(bytes)) == sizeof(bytes) &&
			ipc_sem_decode(bytes, value);
		close(fd);
	} else if (fd == -EACCES || fd == -EPERM) {
		ipc_run_unread(run, EACCES, "values",
			       "reading a semaphore's value needs read permission, or CAP_DAC_READ_SEARCH (root)",
			       "values of POSIX semaphores");
	}
	return known ? (struct ipc_list){value, 1} : (struct ipc_list){0};
}

static int emit(struct ipc_run *run, const struct ipc_kind *kind, const struct ipc_shm_file *file, void *unused)
{
	struct ipc_sem *sem;

	(void)unused;
	if (!ipc_shm_file_is_semaphore(file))
		return 0;
	sem = ipc_run_object(run, kind);
	if (!sem)
		return -ENOMEM;
	ipc_shm_file_fill(&sem->base, file);
	sem->base.name = name_of(run, file->name);
	sem->deleted = file->deleted;
	sem->semaphores = 1;
	if (ipc_run_needs(run, IPC_NEED_DETAIL))
		sem->values = read_value(run, file, sem->base.hold);
	return ipc_run_emit(run, sem);
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	return ipc_shm_files_each(run, kind, emit, NULL);
}

static void names(const struct ipc_object *object, struct ipc_names *names)
{
	ipc_shm_file_names(object, ((const struct ipc_sem *)object)->deleted, names);
}

static enum ipc_state judge(struct ipc_run *run, const struct ipc_object *object)
{
	const struct ipc_sem_value *value = ((const struct ipc_sem *)object)->values.items;
	enum ipc_alive learnt;
	enum ipc_state state;

	if (value && value->waiting_increase)
		ipc_evidence(run, "waiters on record in it: %" PRIu64 " (stays when one is killed)",
			     value->waiting_increase);
	learnt = ipc_judge_learnt(run, object);
	state = ipc_judge_posix(run, object);
	if (learnt == IPC_DEAD || state == IPC_STATE_HELD)
		return state;
	return learnt == IPC_ALIVE ? IPC_STATE_HELD : IPC_STATE_UNKNOWN;
}

/* One without a name goes with its last user. */
static bool stays(const struct ipc_object *object)
{
	return !((const struct ipc_sem *)object)->deleted;
}

static const struct ipc_waste waste = {
	.proof = "a write lease, which the kernel refuses while anybody has it open, mapped or in flight",
	.users = "a process id in its name, by a rule; all processes of its owner, who is no service",
	.best = "orphan",
	.stays = stays,
};

const struct ipc_kind ipc_kind_sem_posix = {
	.name = "posix",
	.help = "POSIX named semaphore (sem_open), a file below /dev/shm",
	.cls = &ipc_class_sem,
	.ns = IPC_NS_MNT,
	.leaks = true,
	.locators = 1u << IPC_BY_NAME | 1u << IPC_BY_INODE,
	.spaces = IPC_SPACE_BIT(IPC_SPACE_FILE),
	.maps = true,
	.judge_needs = IPC_NEED_HOLDERS | IPC_NEED_WAITERS,
	.collect = collect,
	.names = names,
	.identity = ipc_identity_inode,
	.judge = judge,
	.waste = &waste,
	.changes = &ipc_changes_sem_posix,
	.contents = &ipc_contents_sem_posix,
	.events = &ipc_events_sem_posix,
};
