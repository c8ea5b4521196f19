/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How POSIX named semaphores are made, used and removed: glibc's on 64 bits, whatever C library this is built with. Its value
 * is changed in the way that glibc's own functions do, so that both understand each other.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "classes/change.h"
#include "classes/posix_change.h"
#include "classes/sem.h"
#include "sources/deadline.h"

/* ---- the semaphore in memory ------------------------------------------------------------------------------------- */

#define VALUE_MAX INT_MAX /* SEM_VALUE_MAX of glibc */
#define WAITER (UINT64_C(1) << 32)
#define SHARED 128

/* What the file holds: ipc_sem_decode() knows it as well. */
struct semaphore {
	_Atomic uint64_t word; /* value in the low half, tasks that wait in the high half */
	int shared;
	int unused[5];
};

_Static_assert(sizeof(struct semaphore) == 32, "as glibc's on 64 bits");

static uint32_t value_of(uint64_t word)
{
	return (uint32_t)word;
}

/* The low half, on which tasks sleep. */
static uint32_t *futex_of(struct semaphore *semaphore)
{
	return (uint32_t *)&semaphore->word + (__BYTE_ORDER == __BIG_ENDIAN);
}

static void wake(struct semaphore *semaphore, uint32_t count)
{
	syscall(SYS_futex, futex_of(semaphore), FUTEX_WAKE, count, NULL, NULL, 0);
}

/* All of @count or nothing: one change of the word. */
static int add(struct semaphore *semaphore, uint64_t count)
{
	uint64_t word = atomic_load_explicit(&semaphore->word, memory_order_relaxed);

	do {
		if (value_of(word) > VALUE_MAX || count > VALUE_MAX - value_of(word))
			return -ERANGE;
	} while (!atomic_compare_exchange_weak_explicit(&semaphore->word, &word, word + count, memory_order_release,
							memory_order_relaxed));
	if (count && word >= WAITER)
		wake(semaphore, (uint32_t)count);
	return 0;
}

static void assign(struct semaphore *semaphore, uint32_t value)
{
	uint64_t word = atomic_load_explicit(&semaphore->word, memory_order_relaxed);

	while (!atomic_compare_exchange_weak_explicit(&semaphore->word, &word, (word & ~(uint64_t)UINT32_MAX) | value,
						      memory_order_release, memory_order_relaxed))
		;
	if (value && word >= WAITER)
		wake(semaphore, value);
}

/* Take one, and @waiters off the count of those that wait, if it is not zero. */
static bool take(struct semaphore *semaphore, uint64_t waiters)
{
	uint64_t word = atomic_load_explicit(&semaphore->word, memory_order_relaxed);

	while (value_of(word))
		if (atomic_compare_exchange_weak_explicit(&semaphore->word, &word, word - 1 - waiters,
							  memory_order_acquire, memory_order_relaxed))
			return true;
	return false;
}

static int sleep_on(struct semaphore *semaphore, int64_t deadline)
{
	const struct timespec until = {deadline / 1000000000, deadline % 1000000000};

	return syscall(SYS_futex, futex_of(semaphore), FUTEX_WAIT_BITSET, 0,
		       deadline == IPC_NO_DEADLINE ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY) < 0
		       ? -errno
		       : 0;
}

static int take_in_time(struct semaphore *semaphore, int64_t deadline)
{
	int r = 0;

	if (take(semaphore, 0))
		return 0;
	if (deadline == IPC_NO_WAIT)
		return -EAGAIN;
	atomic_fetch_add_explicit(&semaphore->word, WAITER, memory_order_relaxed);
	while (!take(semaphore, WAITER)) {
		/* Woken for nothing, or interrupted: look again. */
		if (r && r != -EAGAIN && r != -EINTR) {
			atomic_fetch_sub_explicit(&semaphore->word, WAITER, memory_order_relaxed);
			return r;
		}
		r = sleep_on(semaphore, deadline);
	}
	return 0;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* Map the semaphore behind @fd once it is known to be one that is understood here. */
static int map(struct ipc_ctx *ctx, int fd, struct semaphore **out)
{
	struct ipc_sem_value value;
	unsigned char bytes[16];
	struct stat st;
	void *at;

	if (fstat(fd, &st) < 0 || st.st_size != sizeof(struct semaphore) ||
	    pread(fd, bytes, sizeof(bytes), 0) != sizeof(bytes) || !ipc_sem_decode(bytes, &value))
		return ipc_ctx_fail(ctx, -EINVAL, "not a semaphore of glibc on 64 bits; it was not touched");
	at = mmap(NULL, sizeof(struct semaphore), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return ipc_ctx_fail(ctx, -errno, "it cannot be mapped: %s", strerror(errno));
	*out = at;
	return 0;
}

static void unmap(struct semaphore *semaphore)
{
	munmap(semaphore, sizeof(*semaphore));
}

/* The one value that there is; checked. */
static int get_value(struct ipc_ctx *ctx, const struct ipc_settings *settings, uint32_t *out)
{
	*out = 0;
	if (!(settings->given & IPC_SET_VALUE))
		return 0;
	if (settings->value_count != 1 || settings->values[0].index != 0)
		return ipc_ctx_fail(ctx, -EINVAL, "a POSIX semaphore has one value, that of index 0");
	if (settings->values[0].value > VALUE_MAX)
		return ipc_ctx_fail(ctx, -EINVAL, "the largest value of a POSIX semaphore is %d (SEM_VALUE_MAX)",
				    VALUE_MAX);
	*out = (uint32_t)settings->values[0].value;
	return 0;
}

static int fill(const struct ipc_creation *creation, int fd)
{
	struct semaphore semaphore = {.shared = SHARED};
	uint32_t value;
	ssize_t n;
	int r = get_value(creation->ctx, creation->settings, &value);

	if (r)
		return r;
	atomic_init(&semaphore.word, value);
	while ((n = write(fd, &semaphore, sizeof(semaphore))) < 0 && errno == EINTR)
		;
	return n == sizeof(semaphore) ? 0 : ipc_posix_fail_space(creation->ctx, fd, n < 0 ? -errno : -ENOSPC);
}

static int apply_value(struct ipc_ctx *ctx, int fd, const struct ipc_settings *settings)
{
	struct semaphore *semaphore;
	uint32_t value;
	int r = get_value(ctx, settings, &value);

	if (r == 0)
		r = map(ctx, fd, &semaphore);
	if (r)
		return r;
	assign(semaphore, value);
	unmap(semaphore);
	return 0;
}

static const struct ipc_posix_kind posix_kind = {
	.prefix = "sem.",
	.what = "semaphore",
	.fill = fill,
	.contents = IPC_SET_VALUE,
	.apply = apply_value,
};

/* ---- operations -------------------------------------------------------------------------------------------------- */

static bool is_deleted(const struct ipc_object *object)
{
	return ((const struct ipc_sem *)object)->deleted;
}

static int open_semaphore(struct ipc_ctx *ctx, const struct ipc_object *object, uint64_t index, struct semaphore **out)
{
	int fd, r;

	if (sizeof(long) != 8)
		return ipc_ctx_fail(ctx, -ENOSYS,
				    "only semaphores of 64-bit programs are understood, by 64-bit programs");
	if (index)
		return ipc_ctx_fail(ctx, -EINVAL, "a POSIX semaphore has one value, that of index 0");
	fd = ipc_posix_open(ctx, object, &posix_kind, is_deleted(object), O_RDWR);
	if (fd < 0)
		return fd;
	r = map(ctx, fd, out);
	close(fd);
	return r;
}

static int create(struct ipc_creation *creation)
{
	if (sizeof(long) != 8)
		return ipc_ctx_fail(creation->ctx, -ENOSYS, "semaphores can be made by 64-bit programs alone");
	return ipc_posix_create(creation, &posix_kind);
}

static int set(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_settings *settings)
{
	if (sizeof(long) != 8 && settings->given & IPC_SET_VALUE)
		return ipc_ctx_fail(ctx, -ENOSYS,
				    "only semaphores of 64-bit programs are understood, by 64-bit programs");
	return ipc_posix_set(ctx, object, &posix_kind, is_deleted(object), settings);
}

static int post(struct ipc_ctx *ctx, const struct ipc_object *object, uint64_t index, uint64_t count)
{
	struct semaphore *semaphore;
	int r = open_semaphore(ctx, object, index, &semaphore);

	if (r)
		return r;
	r = add(semaphore, count);
	unmap(semaphore);
	return r ? ipc_ctx_fail(ctx, r, "it would grow beyond %d (SEM_VALUE_MAX); nothing was added", VALUE_MAX) : 0;
}

static int wait_for(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_waiting *how,
		    ipc_deadline deadline)
{
	struct semaphore *semaphore;
	int r;

	if (how->zero)
		return ipc_ctx_fail(ctx, -EINVAL, "a POSIX semaphore cannot be waited for to become zero");
	if (how->undo)
		return ipc_ctx_fail(ctx, -ENOTSUP, "the kernel gives back System V semaphores alone");
	r = open_semaphore(ctx, object, how->index, &semaphore);
	if (r)
		return r;
	r = take_in_time(semaphore, deadline);
	if (r || !how->keep)
		unmap(semaphore);
	if (r == -EAGAIN)
		return ipc_ctx_fail(ctx, r, "it is 0");
	if (r == -ETIMEDOUT)
		return ipc_ctx_fail(ctx, r, "timed out: it stayed 0");
	return r ? ipc_ctx_fail(ctx, r, "it cannot be waited for: %s", strerror(-r)) : 0;
}

static int take_away(struct ipc_ctx *ctx, const struct ipc_object *object, const struct ipc_removal *how)
{
	return ipc_posix_remove(ctx, object, &posix_kind, is_deleted(object), how);
}

const struct ipc_changes ipc_changes_sem_posix = {
	.refuse =
		{
			[IPC_VERB_SEND] = "a semaphore carries no messages; use a queue: mq:/name",
			[IPC_VERB_RECEIVE] = "a semaphore carries no messages; use a queue: mq:/name",
		},
	.create_takes = IPC_SET_PERMS | IPC_SET_VALUE,
	.creates_by = 1u << IPC_BY_NAME,
	.set_takes = IPC_SET_PERMS | IPC_SET_VALUE,
	.remove_needs = IPC_NEED_HOLDERS,
	.proves = true,
	.create = create,
	.set = set,
	.post = post,
	.wait = wait_for,
	.remove = take_away,
};
