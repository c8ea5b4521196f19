/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects that live for microseconds: four processes make and remove them as fast as they can, 100,000 queues and then some of the other
 * kinds. Every creation and every removal is told of or counted as lost, none twice, the creation first, with the right name,
 * key, id and process; once with room for all of it in the kernel, and once with one page. Then numbered messages, whose order
 * is that of their sender and that of their receiver. MONITOR_PAIRS changes the number.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "events/event.h"

#define SKIP 77
#define WORKERS 4
#define MESSAGES 20000
#define BIT(verb) IPC_EVENT_BIT(IPC_EVENT_##verb)

static int failures;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static void skip(const char *why)
{
	printf("skipped: %s\n", why);
	exit(SKIP);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- workers -------------------------------------------------------------------------------------------------------- */

/* One object, as its maker knows it and as the events tell of it. */
struct pair {
	int id;      /* as the call returned it; of files 0 */
	int told_id; /* when created or removed was told of */
	unsigned char created, removed, wrong;
};

enum { RIGHT, WRONG_PROCESS, WRONG_ID, CREATED_TWICE, REMOVED_TWICE, WRONGS };

/* Shared with the workers. */
struct stage {
	unsigned go, done[WORKERS];
	pid_t pids[WORKERS];
	struct pair pairs[];
};

static struct stage *stage;
static unsigned per_worker;

static unsigned key_of(unsigned number)
{
	return 0x10000000 + number;
}

static int queue(unsigned number)
{
	int id = msgget((key_t)key_of(number), IPC_CREAT | IPC_EXCL | 0600);

	return id < 0 || msgctl(id, IPC_RMID, NULL) < 0 ? -1 : id;
}

/* Without IPC_EXCL: that it is new only the book can tell. */
static int shared_queue(unsigned number)
{
	int id = msgget((key_t)key_of(number), IPC_CREAT | 0600);

	return id < 0 || msgctl(id, IPC_RMID, NULL) < 0 ? -1 : id;
}

static int set(unsigned number)
{
	int id = semget((key_t)key_of(number), 1, IPC_CREAT | IPC_EXCL | 0600);

	return id < 0 || semctl(id, 0, IPC_RMID) < 0 ? -1 : id;
}

static int segment(unsigned number)
{
	int id = shmget((key_t)key_of(number), 1, IPC_CREAT | IPC_EXCL | 0600);

	return id < 0 || shmctl(id, IPC_RMID, NULL) < 0 ? -1 : id;
}

static int memory(unsigned number)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/churn.%u", number);
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || close(fd) < 0 || shm_unlink(name) < 0)
		return -1;
	return 0;
}

static int fifo(unsigned number)
{
	char name[32];

	snprintf(name, sizeof(name), "/run/churn.%u", number);
	return mkfifo(name, 0600) < 0 || unlink(name) < 0 ? -1 : 0;
}

static const struct scene {
	const char *kind;
	const char *name; /* what comes before the number in a name; NULL: it has a key and an id */
	int (*make)(unsigned number);
	unsigned share; /* one in so many of the number of pairs */
	bool by_path;   /* that it is one tells its creation alone */
} scenes[] = {
	{"mq/sysv", NULL, queue, 1, false},         {"mq/sysv", NULL, shared_queue, 10, false},
	{"sem/sysv", NULL, set, 10, false},          {"shm/sysv", NULL, segment, 4, false},
	{"shm/posix", "/churn.", memory, 10, false}, {"fifo/fifo", "/run/churn.", fifo, 10, true},
};

static void work(const struct scene *scene, unsigned worker, pid_t parent)
{
	struct pair *pairs = stage->pairs + (size_t)worker * per_worker;
	unsigned i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!__atomic_load_n(&stage->go, __ATOMIC_ACQUIRE) && getppid() == parent)
		sched_yield();
	for (i = 0; i < per_worker; i++) {
		pairs[i].id = scene->make(worker * per_worker + i);
		if (pairs[i].id < 0)
			die(scene->kind);
		__atomic_store_n(&stage->done[worker], i + 1, __ATOMIC_RELEASE);
	}
	_exit(0);
}

static void start_workers(const struct scene *scene, unsigned pairs)
{
	size_t size = sizeof(*stage) + pairs * sizeof(struct pair);
	pid_t parent = getpid();
	unsigned i;

	stage = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (stage == MAP_FAILED)
		die("mmap");
	per_worker = pairs / WORKERS;
	for (i = 0; i < WORKERS; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid)
			work(scene, i, parent);
		stage->pids[i] = pid;
	}
}

static unsigned count_done(void)
{
	unsigned i, done = 0;

	for (i = 0; i < WORKERS; i++)
		done += __atomic_load_n(&stage->done[i], __ATOMIC_ACQUIRE);
	return done;
}

static void end_workers(void)
{
	unsigned i;
	int status;

	for (i = 0; i < WORKERS; i++)
		if (waitpid(stage->pids[i], &status, 0) < 0 || status)
			die("a worker");
}

/* ---- what is told --------------------------------------------------------------------------------------------------- */

struct told {
	const struct scene *scene;
	uint64_t events, lost, lost_events, strangers, nameless;
};

/* Its number by its name or key; -1: it does not have it. */
static long number_of(const struct scene *scene, const struct ipc_object *object)
{
	size_t len = scene->name ? strlen(scene->name) : 0;
	char text[16] = "";

	if (!scene->name)
		return object->key == IPC_UNKNOWN ? -1 : (long)(object->key - key_of(0));
	if (!object->name.data || object->name.len <= len || object->name.len - len >= sizeof(text) ||
	    memcmp(object->name.data, scene->name, len) != 0)
		return -1;
	memcpy(text, object->name.data + len, object->name.len - len);
	return atol(text);
}

static void count_pair(struct told *told, const struct ipc_event *event, long number)
{
	struct pair *pair;

	if (number < 0 || number >= (long)per_worker * WORKERS) {
		told->strangers++;
		return;
	}
	pair = &stage->pairs[number];
	if (event->pid != stage->pids[number / per_worker] || event->tid != event->pid)
		pair->wrong = WRONG_PROCESS;
	/* The worker may not have written down yet what it is. */
	if (!told->scene->name) {
		if ((pair->created || pair->removed) && event->base.id != (uint64_t)pair->told_id)
			pair->wrong = WRONG_ID;
		pair->told_id = (int)event->base.id;
	}
	if (event->did == IPC_EVENT_CREATE) {
		if (pair->removed || pair->created++)
			pair->wrong = CREATED_TWICE;
	} else if (event->did != IPC_EVENT_REMOVE || pair->removed++) {
		pair->wrong = REMOVED_TWICE;
	}
}

static int count(const struct ipc_object *object, void *data)
{
	const struct ipc_event *event = (const struct ipc_event *)object;
	struct told *told = data;
	long number;

	if (event->did == IPC_EVENT_LOST) {
		told->lost += event->details.lost;
		told->lost_events++;
		if (event->details.since <= 0 || event->time != event->details.since)
			told->strangers++;
		return 0;
	}
	told->events++;
	number = number_of(told->scene, object);
	/* The key of a queue whose creation was lost nobody knows any more. */
	if (number < 0 && event->did == IPC_EVENT_REMOVE && !told->scene->name)
		told->nameless++;
	else
		count_pair(told, event, number);
	return 0;
}

/* ---- a scene -------------------------------------------------------------------------------------------------------- */

static struct ipc_ctx *ctx;

static struct ipc_monitor *watch(const char *what, uint32_t verbs, uint64_t buffer)
{
	struct ipc_watch how = {.source = IPC_EVENTS_BPF, .verbs = verbs, .buffer = buffer};
	struct ipc_monitor *monitor = NULL;
	struct ipc_query *query = NULL;
	int r;

	if (ipc_query_new(ctx, &query) < 0 || ipc_query_add(query, what, false) < 0)
		die("a query");
	r = ipc_monitor_new(query, &how, &monitor);
	ipc_query_free(query);
	if (r == -EPERM || r == -ENOTSUP)
		skip(ipc_ctx_error(ctx));
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", what, ipc_ctx_error(ctx));
		exit(1);
	}
	return monitor;
}

static void read_all(struct ipc_monitor *monitor, ipc_object_fn fn, void *data, bool wait)
{
	struct pollfd fd = {.fd = ipc_monitor_fd(monitor), .events = POLLIN};

	if (poll(&fd, 1, wait ? 20 : 0) < 0)
		die("poll");
	if (ipc_monitor_read(monitor, fn, data) != 0) {
		fprintf(stderr, "reading: %s\n", ipc_ctx_error(ctx));
		exit(1);
	}
}

static void report(const char *what, bool good, const struct told *told, double time)
{
	unsigned wrong[WRONGS] = {0}, missing = 0, unmade = 0, halves = 0, i;
	uint64_t unknown;

	for (i = 0; i < per_worker * WORKERS; i++) {
		struct pair *pair = &stage->pairs[i];

		if ((pair->created || pair->removed) && pair->told_id != pair->id)
			pair->wrong = WRONG_ID;
		wrong[pair->wrong]++;
		missing += !pair->created + !pair->removed;
		unmade += !pair->created;
		halves += !pair->created != !pair->removed;
	}
	printf("%s %s, %u pairs in %.2f s: %llu told, %llu lost in %llu records, %u by half, %llu by id alone\n",
	       told->scene->kind, what, per_worker * WORKERS, time, (unsigned long long)told->events,
	       (unsigned long long)told->lost, (unsigned long long)told->lost_events, halves,
	       (unsigned long long)told->nameless);
	/* A path that is removed is nothing but a path to who has missed what was made there. */
	unknown = 2ull * per_worker * WORKERS - told->events - told->lost;
	if (good && wrong[RIGHT] == per_worker * WORKERS && !told->strangers &&
	    unknown <= (told->scene->by_path ? unmade : 0) && missing == told->lost + told->nameless + unknown)
		return;
	printf("that is wrong: of %u the process, of %u the id, %u created twice or too late, %u removed twice, %u not told "
	       "of, %llu strangers\n",
	       wrong[WRONG_PROCESS], wrong[WRONG_ID], wrong[CREATED_TWICE], wrong[REMOVED_TWICE], missing,
	       (unsigned long long)told->strangers);
	failures++;
}

/* @small: with one page, and nothing is read before the first workers have filled it. */
static void play(const struct scene *scene, unsigned pairs, bool small)
{
	struct told told = {.scene = scene};
	struct ipc_monitor *monitor;
	double start;

	monitor = watch(scene->kind, BIT(CREATE) | BIT(REMOVE), small ? 1 : 64 << 20);
	start_workers(scene, pairs);
	start = seconds();
	__atomic_store_n(&stage->go, 1, __ATOMIC_RELEASE);
	while (small && count_done() < pairs - pairs / 4)
		sched_yield();
	while (count_done() < per_worker * WORKERS)
		read_all(monitor, count, &told, true);
	read_all(monitor, count, &told, false);
	end_workers();
	report(small ? "with a page" : "with room", small ? told.lost > 0 : told.lost == 0, &told, seconds() - start);
	if (ipc_monitor_lost(monitor) != told.lost)
		failures++;
	ipc_monitor_free(monitor);
	munmap(stage, sizeof(*stage) + pairs * sizeof(struct pair));
}

static bool can_be_watched(const char *name)
{
	const struct ipc_kind *kind = NULL;
	struct ipc_event_range range;
	char text[32];

	while ((kind = ipc_kind_next(kind))) {
		snprintf(text, sizeof(text), "%s/%s", ipc_class_name(ipc_kind_class(kind)), ipc_kind_name(kind));
		if (!strcmp(text, name))
			return ipc_kind_events(kind, &range);
	}
	return false;
}

/* ---- order ---------------------------------------------------------------------------------------------------------- */

struct order {
	int64_t sent, received;
	pid_t sender, receiver;
	unsigned wrong;
};

static int follow(const struct ipc_object *object, void *data)
{
	const struct ipc_event *event = (const struct ipc_event *)object;
	struct order *order = data;
	bool send = event->did == IPC_EVENT_SEND;
	int64_t *last = send ? &order->sent : &order->received;

	if (event->details.type != *last + 1 || event->details.bytes != (uint64_t)event->details.type % 64 ||
	    event->pid != (send ? order->sender : order->receiver))
		order->wrong++;
	*last = event->details.type;
	return 0;
}

static void exchange(int id, bool send)
{
	struct {
		long type;
		char text[64];
	} message = {0};
	long i;

	for (i = 1; i <= MESSAGES; i++) {
		message.type = i;
		if (send ? msgsnd(id, &message, (size_t)i % 64, 0) < 0
			 : msgrcv(id, &message, sizeof(message.text), 0, 0) < 0)
			die("a message");
	}
	_exit(0);
}

static pid_t spawn(int id, bool send)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid)
		exchange(id, send);
	return pid;
}

static void play_order(void)
{
	int id = msgget(IPC_PRIVATE, 0600), ended = 0;
	struct order order = {0};
	struct ipc_monitor *monitor;
	char ref[32];

	if (id < 0)
		die("msgget");
	snprintf(ref, sizeof(ref), "mq:%d", id);
	monitor = watch(ref, BIT(SEND) | BIT(RECEIVE), 64 << 20);
	order.sender = spawn(id, true);
	order.receiver = spawn(id, false);
	while (ended < 2) {
		read_all(monitor, follow, &order, true);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			ended++;
	}
	read_all(monitor, follow, &order, false);
	printf("%lld messages sent and %lld received were told of, %u out of order\n", (long long)order.sent,
	       (long long)order.received, order.wrong);
	failures += order.wrong || order.sent != MESSAGES || order.received != MESSAGES;
	ipc_monitor_free(monitor);
	msgctl(id, IPC_RMID, NULL);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static void enter_stage(void)
{
	if (geteuid() != 0)
		skip("needs root");
	if (unshare(CLONE_NEWIPC | CLONE_NEWNS) < 0)
		skip("no fresh namespaces here");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/dev/shm", "tmpfs", 0, NULL) < 0 || mount("none", "/run", "tmpfs", 0, NULL) < 0)
		die("mount");
}

int main(void)
{
	const char *wanted = getenv("MONITOR_PAIRS"), *only = getenv("MONITOR_KIND");
	unsigned pairs = wanted ? (unsigned)atoi(wanted) : 100000;
	size_t i;

	enter_stage();
	if (ipc_ctx_new(&ctx) < 0)
		die("the library");
	for (i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		unsigned number = pairs / scenes[i].share / WORKERS * WORKERS;

		if ((only && strcmp(only, scenes[i].kind)) || !can_be_watched(scenes[i].kind))
			continue;
		play(&scenes[i], number, false);
		play(&scenes[i], number / 4 / WORKERS * WORKERS, true);
	}
	if (!only)
		play_order();
	ipc_ctx_unref(ctx);
	return failures != 0;
}
