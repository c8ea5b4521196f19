/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a System V segment cannot be made: the limits on them, and how far they are used up. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "classes/limits.h"
#include "classes/shm_sysv_change.h"
#include "classes/sysv_change.h"
#include "model/units.h"
#include "sources/procfs.h"

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

int ipc_shm_sysv_fail_create(struct ipc_creation *creation, int error, uint64_t size)
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
		break;
	default:
		break;
	}
	return ipc_ctx_fail(ctx, error, "it cannot be made: %s", strerror(-error));
}
