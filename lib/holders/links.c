/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads that read the links below /proc/PID/fd, each of the next process that nobody has taken yet. */
#include "holders/links.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS_MAX 4
#define WINDOW 16 /* processes that may be read and not taken over yet */
#define FILES_MIN 4000

struct slot {
	struct ipc_links links;
	bool ready;
};

struct ipc_links_ahead {
	struct ipc_ctx *ctx;
	unsigned spaces;
	const struct ipc_holders *holders; /* for its keys, and the processes */
	size_t count;                      /* of processes */
	pthread_t threads[THREADS_MAX];
	size_t thread_count;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	size_t begun, given; /* processes */
	bool lent;           /* the next one to be given back is in use */
	bool stop;
	struct slot slots[WINDOW]; /* by number of the process */
};

bool ipc_link_parse(struct ipc_bytes name, const char *prefix, uint64_t *inode)
{
	char *end;

	if (!ipc_bytes_starts(name, prefix))
		return false;
	*inode = strtoull(name.data + strlen(prefix), &end, 10);
	return strcmp(end, "]") == 0;
}

int ipc_link_access(int dir, const char *fd, uint8_t *access)
{
	struct stat st;

	if (fstatat(dir, fd, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	*access = (st.st_mode & 0400 ? 1 : 0) | (st.st_mode & 0200 ? 2 : 0);
	return 0;
}

/* ---- one process, in a thread -------------------------------------------------------------------------------- */

static bool wants(const struct ipc_links_ahead *ahead, enum ipc_space space, uint64_t inode)
{
	return (ahead->spaces & IPC_SPACE_BIT(space)) &&
	       ipc_holders_wants_key(ahead->holders, (struct ipc_key){space, 0, inode});
}

/* Returns false when nobody wants it. What cannot be read is left to who can tell of it. */
static bool read_link(const struct ipc_links_ahead *ahead, int dir, const char *fd, struct ipc_link *link)
{
	char target[PATH_MAX + 1];
	struct ipc_bytes name = {target, 0};
	ssize_t n;

	n = readlinkat(dir, fd, target, sizeof(target) - 1);
	if (n >= 0) {
		target[n] = '\0';
		name.len = (size_t)n;
		if (ipc_link_parse(name, "socket:[", &link->inode)) {
			link->kind = IPC_LINK_SOCKET;
			link->access = 3;
			return wants(ahead, IPC_SPACE_SOCKET, link->inode);
		}
		if (ipc_link_parse(name, "pipe:[", &link->inode)) {
			link->kind = IPC_LINK_PIPE;
			if (!wants(ahead, IPC_SPACE_PIPE, link->inode))
				return false;
			if (ipc_link_access(dir, fd, &link->access) == 0)
				return true;
		}
	}
	link->kind = IPC_LINK_OTHER;
	return true;
}

static int add_link(struct ipc_links *links, const struct ipc_link *link)
{
	if (links->count == links->room) {
		size_t room = links->room ? 2 * links->room : 256;
		struct ipc_link *grown = reallocarray(links->items, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		links->items = grown;
		links->room = room;
	}
	links->items[links->count++] = *link;
	return 0;
}

static void close_dir(struct ipc_links *links)
{
	if (links->dir)
		closedir(links->dir);
	links->dir = NULL;
}

static void read_links(const struct ipc_links_ahead *ahead, int64_t pid, struct ipc_links *links)
{
	const struct dirent *entry;
	bool others = false;

	links->seen = links->count = 0;
	links->error = ipc_proc_opendir(ahead->ctx, &links->dir, "%" PRId64 "/fd", pid);
	while (links->error == 0 && (entry = readdir(links->dir))) {
		struct ipc_link link = {.fd = atoi(entry->d_name)};

		if (entry->d_name[0] == '.')
			continue;
		links->seen++;
		if (!read_link(ahead, dirfd(links->dir), entry->d_name, &link))
			continue;
		others |= link.kind == IPC_LINK_OTHER;
		links->error = add_link(links, &link);
	}
	/* Many that wait for their turn would use up the descriptors that the program may have. */
	if (links->error || !others)
		close_dir(links);
}

static void *run_ahead(void *data)
{
	struct ipc_links_ahead *ahead = data;

	pthread_mutex_lock(&ahead->lock);
	while (!ahead->stop && ahead->begun < ahead->count) {
		size_t mine = ahead->begun;
		struct slot *slot = &ahead->slots[mine % WINDOW];

		if (mine >= ahead->given + WINDOW) {
			pthread_cond_wait(&ahead->changed, &ahead->lock);
			continue;
		}
		ahead->begun++;
		pthread_mutex_unlock(&ahead->lock);
		read_links(ahead, ipc_processes_peek(ahead->holders->processes, mine)->pid, &slot->links);
		pthread_mutex_lock(&ahead->lock);
		slot->ready = true;
		pthread_cond_broadcast(&ahead->changed);
	}
	pthread_mutex_unlock(&ahead->lock);
	return NULL;
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

static size_t count_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

/* Some thousand links take as long as it takes to make threads ten times. */
static bool pays(struct ipc_ctx *ctx, struct ipc_processes *processes)
{
	return !ctx->captured && ipc_processes_count(processes) >= 2 && count_processors() >= 2 &&
	       ipc_processes_count_fds(processes, FILES_MIN) >= FILES_MIN;
}

struct ipc_links_ahead *ipc_links_ahead_new(struct ipc_ctx *ctx, const struct ipc_holders_want *want,
					    const struct ipc_holders *holders)
{
	size_t count = ipc_processes_count(holders->processes), wanted = count_processors();
	struct ipc_links_ahead *ahead;
	sigset_t all, before;

	if (want->only || !pays(ctx, holders->processes))
		return NULL;
	ahead = calloc(1, sizeof(*ahead));
	if (!ahead)
		return NULL;
	ahead->ctx = ctx;
	ahead->spaces = want->spaces;
	ahead->holders = holders;
	ahead->count = count;
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->changed, NULL);
	/* Signals are for the threads of the program. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (ahead->thread_count < THREADS_MAX && ahead->thread_count < wanted &&
	       pthread_create(&ahead->threads[ahead->thread_count], NULL, run_ahead, ahead) == 0)
		ahead->thread_count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ahead->thread_count == 0) {
		ipc_links_ahead_free(ahead);
		return NULL;
	}
	return ahead;
}

void ipc_links_ahead_free(struct ipc_links_ahead *ahead)
{
	size_t i;

	if (!ahead)
		return;
	pthread_mutex_lock(&ahead->lock);
	ahead->stop = true;
	pthread_cond_broadcast(&ahead->changed);
	pthread_mutex_unlock(&ahead->lock);
	for (i = 0; i < ahead->thread_count; i++)
		pthread_join(ahead->threads[i], NULL);
	for (i = 0; i < WINDOW; i++) {
		close_dir(&ahead->slots[i].links);
		free(ahead->slots[i].links.items);
	}
	pthread_cond_destroy(&ahead->changed);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead);
}

const struct ipc_links *ipc_links_ahead_next(struct ipc_links_ahead *ahead)
{
	struct slot *slot;

	pthread_mutex_lock(&ahead->lock);
	if (ahead->lent) {
		slot = &ahead->slots[ahead->given % WINDOW];
		close_dir(&slot->links);
		slot->ready = false;
		ahead->given++;
		pthread_cond_broadcast(&ahead->changed);
	}
	ahead->lent = true;
	slot = &ahead->slots[ahead->given % WINDOW];
	while (!slot->ready)
		pthread_cond_wait(&ahead->changed, &ahead->lock);
	pthread_mutex_unlock(&ahead->lock);
	return &slot->links;
}
