/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How System V segments are made, filled, changed and removed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "classes/change.h"
#include "classes/limits.h"
#include "classes/shm.h"
#include "classes/sysv_change.h"
#include "model/units.h"
#include "sources/procfs.h"

#ifndef SHM_HUGETLB
#define SHM_HUGETLB 04000
#endif
#ifndef SHM_HUGE_SHIFT
#define SHM_HUGE_SHIFT 26
#endif

/* ---- what shall be in it ----------------------------------------------------------------------------------------- */

struct source {
	const char *path; /* NULL: nothing */
	int fd;
	bool own; /* to be closed */
	uint64_t size;
	char shown[128]; /* the path, for messages */
};

static ssize_t read_some(int fd, void *buffer, size_t len)
{
	struct pollfd input = {.fd = fd, .events = POLLIN};
	ssize_t n;

	while ((n = read(fd, buffer, len)) < 0 && (errno == EINTR || errno == EAGAIN))
		if (errno == EAGAIN)
			poll(&input, 1, -1);
	return n < 0 ? -errno : n;
}

static int write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	for (; len; data += n, len -= (size_t)n) {
		n = write(fd, data, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0)
			n = 0;
	}
	return 0;
}

static void close_source(struct source *source)
{
	if (source->own)
		close(source->fd);
	source->own = false;
}

/* A file that is not what one may read is a wrong value of the setting. */
static int fail_source(struct ipc_ctx *ctx, const struct source *source, int error, const char *what)
{
	const bool usage = error == -ENOENT || error == -ENOTDIR || error == -EISDIR || error == -ELOOP ||
			   error == -ENAMETOOLONG || error == -ENXIO;

	return ipc_ctx_fail(ctx, usage ? -EINVAL : error, "%s cannot be %s: %s", source->shown, what, strerror(-error));
}

/*
 * Keep in memory what comes from a pipe, until its end or more than @most bytes: only then is the segment made, for a
 * pipe may take its time, and who is interrupted meanwhile shall leave nothing half made.
 */
static int spool(struct ipc_ctx *ctx, struct source *source, uint64_t most)
{
	int fd = memfd_create("ipctool", MFD_CLOEXEC), r = 0;
	uint64_t size = 0;
	char chunk[16384];
	ssize_t n;

	if (fd < 0)
		return fail_source(ctx, source, -errno, "kept in memory");
	while ((n = read_some(source->fd, chunk, sizeof(chunk))) > 0 && size <= most) {
		r = write_all(fd, chunk, (size_t)n);
		if (r)
			break;
		size += (uint64_t)n;
	}
	if (r == 0 && n >= 0 && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	if (r || n < 0) {
		close(fd);
		return r ? fail_source(ctx, source, r, "kept in memory") : fail_source(ctx, source, (int)n, "read");
	}
	close_source(source);
	source->fd = fd;
	source->own = true;
	source->size = size;
	return 0;
}

/* Without a size an endless file must end somewhere. */
static uint64_t half_of_memory(void)
{
	struct sysinfo info;

	return sysinfo(&info) < 0 ? UINT32_MAX : (uint64_t)info.totalram * info.mem_unit / 2;
}

static int measure(struct ipc_ctx *ctx, struct source *source, const struct ipc_settings *settings)
{
	bool sized = settings->given & IPC_SET_SIZE;
	uint64_t most = sized ? settings->size : half_of_memory();
	struct stat st;
	off_t at;
	int r;

	if (fstat(source->fd, &st) < 0)
		return fail_source(ctx, source, -errno, "looked at");
	if (S_ISDIR(st.st_mode))
		return fail_source(ctx, source, -EISDIR, "read");
	at = lseek(source->fd, 0, SEEK_CUR);
	/* Files of /proc have a size of 0, whatever is in them. */
	if (S_ISREG(st.st_mode) && at >= 0 && at < st.st_size) {
		source->size = (uint64_t)(st.st_size - at);
		return 0;
	}
	r = spool(ctx, source, most);
	if (r == 0 && !sized && source->size > most)
		r = ipc_ctx_fail(ctx, -EINVAL, "%s has no end in sight; give the size", source->shown);
	return r;
}

static int open_source(struct ipc_creation *creation, struct source *source)
{
	const struct ipc_settings *settings = creation->settings;

	*source = (struct source){.fd = -1};
	if (!(settings->given & IPC_SET_FROM))
		return 0;
	source->path = settings->from;
	if (strcmp(settings->from, "-") == 0) {
		snprintf(source->shown, sizeof(source->shown), "standard input");
		source->fd = STDIN_FILENO;
	} else {
		ipc_escape(settings->from, strlen(settings->from), source->shown, sizeof(source->shown));
		do
			source->fd = open(settings->from, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		while (source->fd < 0 && errno == EINTR);
		if (source->fd < 0)
			return fail_source(creation->ctx, source, -errno, "opened");
		source->own = true;
	}
	return measure(creation->ctx, source, settings);
}

static int fail_longer(struct ipc_ctx *ctx, const struct source *source, uint64_t size)
{
	return ipc_ctx_fail(ctx, -EINVAL, "%s has more than the %" PRIu64 " bytes of the segment; make it larger",
			    source->shown, size);
}

/*
 * Read the file right into the segment. Through read() a lack of memory is an error here; bytes that are copied would
 * end the program with SIGBUS.
 */
static int fill(struct ipc_ctx *ctx, int id, const struct source *source, size_t size)
{
	char *memory = shmat(id, NULL, 0), more;
	size_t done = 0;
	ssize_t n = 1;

	if (memory == (void *)-1)
		return ipc_ctx_fail(ctx, -errno, "the new segment cannot be attached to fill it: %s", strerror(errno));
	while (done < size && (n = read_some(source->fd, memory + done, size - done)) > 0)
		done += (size_t)n;
	shmdt(memory);
	if (n > 0)
		n = read_some(source->fd, &more, 1);
	if (n > 0)
		return fail_longer(ctx, source, size);
	if (n == -EFAULT)
		return ipc_ctx_fail(ctx, -ENOMEM, "there is not enough memory for all of %s", source->shown);
	return n < 0 ? fail_source(ctx, source, (int)n, "read") : 0;
}

/* ---- limits ------------------------------------------------------------------------------------------------------ */

static const struct ipc_limit shmmni = {"SHMMNI", "sys/kernel/shmmni", 0, "segments in this ipc namespace"};
static const struct ipc_limit shmmax = {"SHMMAX", "sys/kernel/shmmax", 0, "bytes in one segment"};
static const struct ipc_limit shmall = {"SHMALL", "sys/kernel/shmall", 0,
					"pages of memory in all segments of this ipc namespace"};

struct usage {
	uint64_t segments, pages;
};

static uint64_t pages_of(uint64_t size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return size / page + (size % page != 0);
}

static int add_usage(const struct ipc_sysv_shm *shm, void *data)
{
	struct usage *usage = data;

	usage->segments++;
	usage->pages += pages_of(shm->size);
	return 0;
}

/* ENOSPC: the pages of all segments, or the number of segments. */
static int explain_full(struct ipc_ctx *ctx, uint64_t size)
{
	struct usage usage = {0};
	bool known = ipc_sysv_each_shm(ctx, false, add_usage, &usage) == 0;
	uint64_t pages = pages_of(size), most = ipc_limit_read(ctx, &shmall);
	char happened[64];

	if (most == IPC_UNKNOWN || (pages <= most && (!known || usage.pages <= most - pages)))
		return ipc_limit_fail(ctx, -ENOSPC, &shmmni, known ? usage.segments : IPC_UNKNOWN,
				      "no further segment can be made");
	snprintf(happened, sizeof(happened), "there is no room for %" PRIu64 " page%s more", pages,
		 pages == 1 ? "" : "s");
	return ipc_limit_fail(ctx, -ENOSPC, &shmall, known ? usage.pages : IPC_UNKNOWN, happened);
}

/* The number behind @word in /proc/meminfo. */
static uint64_t meminfo(struct ipc_ctx *ctx, const char *word)
{
	struct ipc_buf text = {0};
	uint64_t value = IPC_UNKNOWN;
	const char *at = NULL;

	if (ipc_proc_read(ctx, &text, "meminfo") == 0 && text.data)
		at = strstr(text.data, word);
	if (at) {
		at += strlen(word);
		at += strspn(at, ": ");
		if (ipc_parse_uint(at, strcspn(at, " \n"), &value))
			value = IPC_UNKNOWN;
	}
	ipc_buf_release(&text);
	return value;
}

#define POOL "sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB"

/* @name of the pool of huge pages of @kib KiB. */
static uint64_t pool(struct ipc_ctx *ctx, uint64_t kib, const char *name)
{
	uint64_t value = IPC_UNKNOWN;
	char path[128], text[32];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), POOL "/%s", kib, name);
	fd = openat(ctx->root_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text));
		close(fd);
	}
	if (n > 0 && text[n - 1] == '\n')
		n--;
	return n > 0 && ipc_parse_uint(text, (size_t)n, &value) == 0 ? value : IPC_UNKNOWN;
}

/* ENOMEM for huge pages: those of the pool that are neither in use nor promised to somebody are too few. */
static int explain_no_huge(struct ipc_ctx *ctx, uint64_t size, uint64_t huge)
{
	uint64_t usual = meminfo(ctx, "Hugepagesize"), kib = huge ? huge / 1024 : usual, needed, unused, promised;
	char raise[128] = "/proc/sys/vm/nr_hugepages";

	if (kib == IPC_UNKNOWN || !kib)
		return ipc_ctx_fail(ctx, -ENOMEM, "there are not enough free huge pages; raise %s", raise);
	if (kib != usual)
		snprintf(raise, sizeof(raise), "/" POOL "/nr_hugepages", kib);
	unused = kib == usual ? meminfo(ctx, "HugePages_Free") : pool(ctx, kib, "free_hugepages");
	promised = kib == usual ? meminfo(ctx, "HugePages_Rsvd") : pool(ctx, kib, "resv_hugepages");
	needed = size / 1024 / kib + (size % (kib * 1024) != 0);
	if (unused == IPC_UNKNOWN || promised == IPC_UNKNOWN)
		return ipc_ctx_fail(ctx, -ENOMEM,
				    "it needs %" PRIu64 " huge pages of %" PRIu64 " KiB, and fewer are free; raise %s",
				    needed, kib, raise);
	return ipc_ctx_fail(
		ctx, -ENOMEM,
		"it needs %" PRIu64 " huge page%s of %" PRIu64 " KiB, and %" PRIu64 " %s unclaimed; raise %s", needed,
		needed == 1 ? "" : "s", kib, unused - promised, unused - promised == 1 ? "is" : "are", raise);
}

/* EPERM: huge pages are for those who may lock memory. */
static int explain_huge_denied(struct ipc_ctx *ctx)
{
	const struct ipc_limit group = {"", "sys/vm/hugetlb_shm_group", 0, ""};

	return ipc_ctx_fail(
		ctx, -EPERM,
		"huge pages need CAP_IPC_LOCK (root) or membership in the group of /proc/%s, which is %" PRIu64,
		group.file, ipc_limit_read(ctx, &group));
}

static int explain_invalid(struct ipc_ctx *ctx, uint64_t size, const struct ipc_settings *settings)
{
	uint64_t most = ipc_limit_read(ctx, &shmmax);
	char happened[64];

	if (most != IPC_UNKNOWN && size > most) {
		snprintf(happened, sizeof(happened), "a size of %" PRIu64 " is too large", size);
		return ipc_limit_fail(ctx, -EINVAL, &shmmax, IPC_UNKNOWN, happened);
	}
	if (settings->given & IPC_SET_HUGE && settings->huge)
		return ipc_ctx_fail(ctx, -EINVAL,
				    "this kernel has no huge pages of %" PRIu64
				    " KiB; /sys/kernel/mm/hugepages has those it knows",
				    settings->huge / 1024);
	return ipc_ctx_fail(ctx, -EINVAL, "it cannot be made: %s", strerror(EINVAL));
}

static int explain_create(struct ipc_creation *creation, int error, uint64_t size)
{
	const struct ipc_settings *settings = creation->settings;
	struct ipc_ctx *ctx = creation->ctx;

	switch (error) {
	case -EEXIST:
		return ipc_sysv_key_taken(creation, "a segment");
	case -ENOSPC:
		return explain_full(ctx, size);
	case -EINVAL:
		return explain_invalid(ctx, size, settings);
	case -ENOMEM:
		if (settings->given & IPC_SET_HUGE)
			return explain_no_huge(ctx, size, settings->huge);
		return ipc_ctx_fail(ctx, error, "there is not enough memory for %" PRIu64 " bytes (see /proc/meminfo)",
				    size);
	case -EPERM:
		if (settings->given & IPC_SET_HUGE)
			return explain_huge_denied(ctx);
		/* fall through */
	default:
		return ipc_ctx_fail(ctx, error, "it cannot be made: %s", strerror(-error));
	}
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

/* Owner, group and mode at once. @now: how the segment is. */
static int apply(struct ipc_ctx *ctx, const struct ipc_settings *settings, const struct ipc_sysv_perm *now)
{
	struct shmid_ds ds = {.shm_perm = ipc_sysv_perm_to_set(settings, now)};
	struct ipc_sysv_shm still;
	int error;

	if (shmctl((int)now->id, IPC_SET, &ds) == 0)
		return 0;
	error = -errno;
	if (error == -EINVAL && ipc_sysv_find_shm(ctx, now->id, false, &still) == 0)
		return ipc_ctx_fail(ctx, error, "this user namespace has no such user or group");
	return ipc_sysv_fail(ctx, error, now, "changing it");
}

static int set(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings)
{
	struct ipc_sysv_shm now;
	int r = ipc_sysv_check_mode(ctx, settings);

	if (r == 0)
		r = ipc_sysv_again_shm(ctx, object, &now);
	return r ? r : apply(ctx, settings, &now.perm);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static int choose_size(const struct ipc_creation *creation, const struct source *source, uint64_t *out)
{
	bool sized = creation->settings->given & IPC_SET_SIZE;
	uint64_t size = sized ? creation->settings->size : source->size;

	if (!sized && !source->path)
		return ipc_ctx_fail(creation->ctx, -EINVAL, "it needs a size, or a file that it is filled from");
	if (!size)
		return ipc_ctx_fail(creation->ctx, -EINVAL, "%s; a segment has at least 1 byte (SHMMIN)",
				    sized ? "the size is 0" : "the file is empty");
	if (size > SIZE_MAX)
		return explain_invalid(creation->ctx, size, creation->settings);
	if (source->size > size)
		return fail_longer(creation->ctx, source, size);
	*out = size;
	return 0;
}

/* What SHM_HUGETLB wants: the binary logarithm of the page size, 0 for the default one. */
static int huge_flags(const struct ipc_settings *settings)
{
	unsigned shift = 0;

	if (!(settings->given & IPC_SET_HUGE))
		return 0;
	while (settings->huge >> shift > 1)
		shift++;
	return (int)(SHM_HUGETLB | shift << SHM_HUGE_SHIFT);
}

static int complete(struct ipc_creation *creation, int id, const struct source *source, size_t size, bool closed)
{
	struct ipc_sysv_perm now = {
		.id = (uint64_t)id, .uid = geteuid(), .gid = getegid(), .mode = creation->mode & 0777};
	int r = 0;

	now.cuid = now.uid;
	if (source->path)
		r = fill(creation->ctx, id, source, size);
	if (r == 0 && closed)
		r = apply(creation->ctx, creation->settings, &now);
	return r ? r : ipc_sysv_created(creation, id);
}

/*
 * A segment that is yet to be filled or to get another owner is closed to all others until it is complete, and to the
 * caller it is open whatever its mode will be.
 */
static int make(struct ipc_creation *creation, const struct source *source, uint64_t size)
{
	bool closed = creation->settings->given & (IPC_SET_FROM | IPC_SET_OWNER | IPC_SET_GROUP);
	mode_t mode = closed ? 0600 : creation->mode & 0777;
	int r, id = shmget(ipc_sysv_new_key(creation), (size_t)size,
			   IPC_CREAT | IPC_EXCL | huge_flags(creation->settings) | (int)mode);

	if (id < 0)
		return explain_create(creation, -errno, size);
	r = complete(creation, id, source, (size_t)size, closed);
	if (r)
		shmctl(id, IPC_RMID, NULL);
	return r;
}

static int create(struct ipc_creation *creation)
{
	struct source source;
	uint64_t size = 0;
	int r = ipc_sysv_check_mode(creation->ctx, creation->settings);

	if (r)
		return r;
	r = open_source(creation, &source);
	if (r == 0)
		r = choose_size(creation, &source, &size);
	if (r == 0)
		r = make(creation, &source, size);
	close_source(&source);
	return r;
}

/* ---- removing ---------------------------------------------------------------------------------------------------- */

/* Somebody attached or detached it after it was looked at. A pid says nothing before the first time. */
static bool used_since(const struct ipc_shm *shm, const struct ipc_sysv_shm *now)
{
	return shm->attach_time != ipc_sysv_time(now->atime) || shm->detach_time != ipc_sysv_time(now->dtime) ||
	       ((now->atime || now->dtime) && shm->last_user != now->lpid);
}

static int check_use(struct ipc_ctx *ctx, const struct ipc_shm *shm, const struct ipc_sysv_shm *now, bool force)
{
	if (now->perm.flags & IPC_SYSV_DEST)
		return ipc_ctx_fail(ctx, -EBUSY, "marked for destruction already (dest): it goes with its last detach");
	if (now->nattch && !force)
		return ipc_ctx_fail(ctx, -EBUSY, "in use: %" PRIu64 " attached (--force=held overrides)", now->nattch);
	if (!force && used_since(shm, now))
		return ipc_ctx_fail(ctx, -EBUSY, "used since it was looked at (--force=held overrides)");
	return 0;
}

/*
 * It lives on when it was attached, also when that happened after the last look. Who may not read it any more has
 * nevertheless found it.
 */
static void tell_if_marked(struct ipc_ctx *ctx, const struct ipc_object *object, uint64_t attached)
{
	struct shmid_ds ds;
	bool there = shmctl((int)object->id, IPC_STAT, &ds) == 0;

	if (!there && errno != EACCES)
		return;
	if (there && !(ds.shm_perm.mode & IPC_SYSV_DEST))
		return; /* the id is another's by now */
	attached = there ? (uint64_t)ds.shm_nattch : attached;
	ipc_ctx_set_note(ctx,
			 "%" PRIu64 " attachment%s: marked for destruction (dest), it lives on until the last detach%s",
			 attached, attached == 1 ? "" : "s", object->key ? "; its key is free" : "");
}

static int remove_segment(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	const struct ipc_shm *shm = (const struct ipc_shm *)object;
	struct ipc_sysv_shm now;
	int r = ipc_sysv_again_shm(ctx, object, &now);

	if (r == 0)
		r = check_use(ctx, shm, &now, how->force == IPC_FORCE_HELD);
	if (r)
		return r;
	if (how->dry_run && now.nattch)
		ipc_ctx_set_note(ctx, "%" PRIu64 " attachment%s: it would live on until the last detach (dest)",
				 now.nattch, now.nattch == 1 ? "" : "s");
	if (how->dry_run)
		return 0;
	if (shmctl((int)object->id, IPC_RMID, NULL) == 0) {
		tell_if_marked(ctx, object, now.nattch);
		return 0;
	}
	return errno == EINVAL || errno == EIDRM ? ipc_ctx_fail(ctx, -ENOENT, "gone already")
						 : ipc_sysv_fail(ctx, -errno, &now.perm, "removing it");
}

const struct ipc_changes ipc_changes_shm_sysv = {
	.refuse =
		{
			[IPC_VERB_SEND] = "memory carries no messages; use a queue: mq/sysv or mq:/name",
			[IPC_VERB_RECEIVE] = "memory carries no messages; use a queue: mq/sysv or mq:/name",
			[IPC_VERB_POST] = "memory is no semaphore; make one: sem/sysv or sem:/name",
			[IPC_VERB_WAIT] = "memory is no semaphore; make one: sem/sysv or sem:/name",
		},
	.create_takes = IPC_SET_PERMS | IPC_SET_KEY | IPC_SET_FTOK | IPC_SET_SIZE | IPC_SET_HUGE | IPC_SET_FROM,
	.set_takes = IPC_SET_PERMS,
	.creates_by = 1u << IPC_BY_KEY,
	.creation_example = "0x5348",
	.creates_unnamed = true,
	.create = create,
	.set = set,
	.remove = remove_segment,
};
