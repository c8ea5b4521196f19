/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Removal by identity against a process that swaps the name as fast as it can: 100,000 removals, after which every file
 * that was not meant is still there, under a name of its own or under a private one that was reported.
 *
 * The remover makes the file of a round, tells its number, and removes it with ipc_unlink_same(). The swapper meanwhile
 * puts other things in its place: files and symbolic links to a precious file, by exchange, by renaming over it, by
 * unlinking it and making another, and new ones where the name is free for a moment. It only ever destroys the file that
 * is meant, so whatever else is missing at the end was lost by the removal.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sources/unlink.h"

#define ROUNDS 100000
#define SLOTS 8
#define OTHERS_MAX (4 * ROUNDS)
#define SKIP 77

/* As the kernel has them; not every C library does. */
#define NOREPLACE 1u
#define EXCHANGE 2u

static int dir;

struct shared {
	_Atomic unsigned round; /* 0: not begun */
	_Atomic bool over;
	_Atomic unsigned long swaps;
	_Atomic unsigned others;            /* how many there are of: */
	_Atomic uint64_t inode[OTHERS_MAX]; /* of things that must not be lost */
};

static struct shared *shared;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static int move(const char *from, const char *to, unsigned flags)
{
	return syscall(SYS_renameat2, dir, from, dir, to, flags) < 0 ? -errno : 0;
}

static void name_of_round(char *name, unsigned round)
{
	snprintf(name, 32, "victim.%u", round);
}

/* A cheap source of different numbers. */
static unsigned dice(void)
{
	static unsigned state = 2463534242u;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

/* ---- the swapper ------------------------------------------------------------------------------------------------- */

static void record(const char *name)
{
	unsigned at = atomic_fetch_add(&shared->others, 1);
	struct stat st;

	if (at >= OTHERS_MAX || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		die("record");
	shared->inode[at] = st.st_ino;
}

/* It is recorded before the remover can reach it. */
static void make_other(const char *name, bool link)
{
	int fd;

	if (link) {
		if (symlinkat("precious", dir, name) < 0)
			die("symlink");
	} else {
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0)
			die("create");
		close(fd);
	}
	record(name);
}

static void make_slot(unsigned slot)
{
	char name[32];

	snprintf(name, sizeof(name), "slot.%u", slot);
	make_other(name, slot & 1);
}

/* Put the other of @slot in the place of the victim; false when that did not come about. */
static bool put_in(const char *slot, const char *victim)
{
	switch (dice() % 4) {
	case 0:
		return move(slot, victim, EXCHANGE) == 0;
	case 1:
		return move(slot, victim, 0) == 0;
	case 2:
		unlinkat(dir, victim, 0);
		return move(slot, victim, NOREPLACE) == 0;
	default:
		/* When it is gone for a moment: its name is taken by the time that it is put back. */
		return move(slot, victim, NOREPLACE) == 0;
	}
}

/*
 * Take it back. While the remover has it, its name is free: look again, or put something else there, so that it cannot
 * be put back. False: the slot has lost it.
 */
static bool take_out(const char *slot, const char *victim)
{
	unsigned tries = 1 + dice() % 64;
	char name[48];

	unlinkat(dir, slot, 0); /* the victim, after an exchange */
	while (tries--) {
		if (move(victim, slot, NOREPLACE) == 0)
			return true;
		if (dice() % 3 == 0) {
			snprintf(name, sizeof(name), "extra.%u", atomic_load(&shared->others));
			make_other(name, false);
			if (move(name, victim, NOREPLACE) == 0)
				return false;
		}
	}
	return false;
}

static void swap_once(unsigned round, unsigned slot)
{
	char victim[32], name[32];

	name_of_round(victim, round);
	snprintf(name, sizeof(name), "slot.%u", slot);
	if (!put_in(name, victim))
		return;
	atomic_fetch_add(&shared->swaps, 1);
	for (unsigned spin = dice() % 256; spin; spin--)
		atomic_signal_fence(memory_order_seq_cst);
	if (!take_out(name, victim))
		make_slot(slot);
}

/* In each round once something was lost to the victim's name, that name is left alone: what is there is not the victim. */
static void swapper(void)
{
	unsigned slot, round, last = 0;

	for (slot = 0; slot < SLOTS; slot++)
		make_slot(slot);
	while (!atomic_load(&shared->over)) {
		unsigned before = atomic_load(&shared->others);

		round = atomic_load(&shared->round);
		if (!round || round == last) {
			sched_yield();
			continue;
		}
		swap_once(round, dice() % SLOTS);
		if (atomic_load(&shared->others) != before)
			last = round;
	}
	_exit(0);
}

/* ---- the remover ------------------------------------------------------------------------------------------------- */

struct counts {
	unsigned long removed, gone, replaced, put_back, left, failed;
};

static uint64_t make_victim(unsigned round)
{
	struct stat st;
	char name[32];
	int fd;

	name_of_round(name, round);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		die("victim");
	close(fd);
	return st.st_ino;
}

static char (*reported)[64];
static size_t reported_count;

static void report(const char *text)
{
	const char *name = strstr(text, ".ipctool-");

	if (name && reported_count < ROUNDS)
		snprintf(reported[reported_count++], sizeof(*reported), "%.*s", (int)strcspn(name, " ;,"), name);
}

static void remove_one(struct ipc_ctx *ctx, unsigned round, struct counts *counts)
{
	char name[32];
	struct ipc_unlinking what = {.ctx = ctx, .dir = dir, .name = name, .rename = true};
	int r;

	name_of_round(name, round);
	what.inode = make_victim(round);
	atomic_store(&shared->round, round);
	for (unsigned spin = dice() % 8192; spin; spin--)
		atomic_signal_fence(memory_order_seq_cst);
	r = ipc_unlink_same(&what);
	if (r == 0)
		counts->removed++;
	else if (r == -ENOENT)
		counts->gone++;
	else if (r != -ESTALE) {
		counts->failed++;
		fprintf(stderr, "round %u: %d: %s\n", round, r, ipc_ctx_error(ctx));
	} else if (strstr(ipc_ctx_error(ctx), ".ipctool-")) {
		counts->left++;
		report(ipc_ctx_error(ctx));
	} else if (strstr(ipc_ctx_error(ctx), "it was put back"))
		counts->put_back++;
	else
		counts->replaced++;
}

/* ---- what is left ------------------------------------------------------------------------------------------------ */

static int compare_inodes(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool was_reported(const char *name)
{
	size_t i;

	for (i = 0; i < reported_count; i++)
		if (strcmp(reported[i], name) == 0)
			return true;
	return false;
}

/* All inodes of the directory, in order; counts private names that nobody told of. */
static uint64_t *read_left(size_t *count, unsigned long *unreported)
{
	uint64_t *inodes = malloc((2 * (size_t)OTHERS_MAX) * sizeof(*inodes));
	DIR *list = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *entry;

	*count = 0;
	*unreported = 0;
	if (!list || !inodes)
		die("directory");
	while ((entry = readdir(list))) {
		inodes[(*count)++] = entry->d_ino;
		if (strncmp(entry->d_name, ".ipctool-", 9) == 0 && !was_reported(entry->d_name))
			++*unreported;
	}
	closedir(list);
	qsort(inodes, *count, sizeof(*inodes), compare_inodes);
	return inodes;
}

static unsigned long count_lost(unsigned long *unreported)
{
	unsigned long lost = 0;
	size_t count;
	uint64_t *inodes = read_left(&count, unreported);

	for (unsigned i = 0; i < shared->others; i++) {
		uint64_t inode = shared->inode[i];

		lost += !bsearch(&inode, inodes, count, sizeof(*inodes), compare_inodes);
	}
	free(inodes);
	return lost;
}

static bool is_precious_whole(uint64_t inode)
{
	char text[16] = "";
	int fd = openat(dir, "precious", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	bool whole = fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == inode && st.st_nlink == 1 &&
		     read(fd, text, sizeof(text)) == 8 && memcmp(text, "precious", 8) == 0;

	if (fd >= 0)
		close(fd);
	return whole;
}

static uint64_t make_precious(void)
{
	int fd = openat(dir, "precious", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 || write(fd, "precious", 8) != 8 || fstat(fd, &st) < 0)
		die("precious");
	close(fd);
	return st.st_ino;
}

/* ---- the stage --------------------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (write(fd, text, strlen(text)) < 0)
			perror(path);
		close(fd);
	}
}

/* Who may not make a mount namespace may in a user namespace of his own. */
static bool enter_namespace(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[32];

	if (unshare(CLONE_NEWNS) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return false;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_file("/proc/self/uid_map", map);
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_file("/proc/self/gid_map", map);
	return true;
}

/* A tmpfs that nobody else sees: its inodes are not given twice, so they tell what is there. */
static void set_stage(char *path)
{
	if (!mkdtemp(path))
		die(path);
	if (!enter_namespace() || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("swap", path, "tmpfs", 0, "size=512M,mode=700") < 0) {
		printf("skipped: no mount namespace to be had: %s\n", strerror(errno));
		rmdir(path);
		exit(SKIP);
	}
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		die(path);
}

static void clear_stage(const char *path)
{
	close(dir);
	umount(path);
	rmdir(path);
}

int main(void)
{
	char path[] = "/tmp/ipctool-swap-XXXXXX";
	struct counts counts = {0};
	unsigned long lost, unreported;
	struct ipc_ctx *ctx;
	uint64_t precious;
	bool whole;
	pid_t child;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	reported = calloc(ROUNDS, sizeof(*reported));
	if (shared == MAP_FAILED || !reported || ipc_ctx_new(&ctx) < 0)
		die("preparation");
	set_stage(path);
	precious = make_precious();
	child = fork();
	if (child == 0)
		swapper();
	while (atomic_load(&shared->others) < SLOTS)
		sched_yield();
	for (unsigned round = 1; round <= ROUNDS; round++)
		remove_one(ctx, round, &counts);
	atomic_store(&shared->over, true);
	if (child < 0 || waitpid(child, NULL, 0) != child)
		die("swapper");
	lost = count_lost(&unreported);
	whole = is_precious_whole(precious);
	printf("%u removals, %lu swaps, %u other things: %lu removed, %lu gone before, %lu left alone, %lu put back, %lu "
	       "left under a reported name, %lu failed; %lu lost, %lu not reported, the precious file is %s\n",
	       ROUNDS, atomic_load(&shared->swaps), atomic_load(&shared->others), counts.removed, counts.gone,
	       counts.replaced, counts.put_back, counts.left, counts.failed, lost, unreported,
	       whole ? "whole" : "NOT whole");
	ipc_ctx_unref(ctx);
	clear_stage(path);
	/* Where it never met anything else nothing was tested. */
	return lost || unreported || counts.failed || !whole || !counts.removed ||
	       counts.put_back + counts.left + counts.replaced == 0;
}
