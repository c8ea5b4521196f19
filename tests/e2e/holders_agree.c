/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both sources of holders give the same answer: a family of processes in namespaces of its own holds objects of every
 * space in every way, and what BPF and /proc say of those processes is compared, hold by hold. Exits 77 where BPF
 * iterators or namespaces are not allowed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "holders/holders.h"

#define SKIP 77
#define BASE "/tmp"
#define SIZE 8192

struct family {
	pid_t maker;                               /* in namespaces of its own */
	pid_t twin;                                /* a child that inherited its objects */
	pid_t headless;                            /* another, whose first thread has ended */
	char private_segment[32], thread_pipe[32]; /* "inode N " */
};

static _Noreturn void end(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(": %s\n", strerror(errno));
	fflush(stdout);
	_exit(code);
}

#define MUST(call) must((long)(call), #call)

static long must(long result, const char *what)
{
	if (result == -1)
		end(errno == EPERM ? SKIP : 1, "%s", what);
	return result;
}

/* ---- the family ---------------------------------------------------------------------------------------------- */

static void map_file(const char *path, int flags, bool keep_fd)
{
	int fd = (int)MUST(open(path, O_RDWR | O_CREAT, 0600));

	MUST(ftruncate(fd, SIZE));
	MUST((long)mmap(NULL, SIZE, PROT_READ | PROT_WRITE, flags, fd, 0));
	if (!keep_fd)
		close(fd);
}

/* A tmpfs that is mounted nowhere: files in it look like the kernel's own memory. */
static void make_traps(void)
{
	int fs, dir, fd;

	fs = (int)MUST(syscall(SYS_fsopen, "tmpfs", 0));
	MUST(syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0));
	dir = (int)MUST(syscall(SYS_fsmount, fs, 0, 0));
	fd = (int)MUST(openat(dir, "memfd:trap", O_RDWR | O_CREAT, 0600));
	MUST(ftruncate(fd, SIZE));
	MUST((long)mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0));
	MUST(unlinkat(dir, "memfd:trap", 0));
	fd = (int)MUST(openat(dir, "SYSV00000000", O_RDWR | O_CREAT, 0600));
	MUST(ftruncate(fd, SIZE));
	MUST((long)mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0));
	MUST(unlinkat(dir, "SYSV00000000", 0));
}

static void make_overlay(void)
{
	int fd;

	MUST(mkdir(BASE "/lower", 0755));
	MUST(mkdir(BASE "/upper", 0755));
	MUST(mkdir(BASE "/work", 0755));
	MUST(mkdir(BASE "/both", 0755));
	fd = (int)MUST(open(BASE "/lower/below", O_RDWR | O_CREAT, 0600));
	MUST(ftruncate(fd, SIZE));
	close(fd);
	if (mount("overlay", BASE "/both", "overlay", 0,
		  "lowerdir=" BASE "/lower,upperdir=" BASE "/upper,workdir=" BASE "/work") < 0) {
		printf("no overlay: %s\n", strerror(errno));
		return;
	}
	fd = (int)MUST(open(BASE "/both/below", O_RDONLY));
	MUST((long)mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0));
	MUST((long)mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0));
	map_file(BASE "/both/above", MAP_SHARED, true);
	MUST(mkfifo(BASE "/both/fifo", 0600));
	MUST(open(BASE "/both/fifo", O_RDWR));
}

/* One under its own name, one under that of the place where it is mounted, and one of a type that nobody wants. */
static void keep_namespaces(void)
{
	MUST(open("/proc/self/ns/net", O_RDONLY));
	close((int)MUST(open(BASE "/mounted", O_RDWR | O_CREAT, 0600)));
	MUST(mount("/proc/self/ns/ipc", BASE "/mounted", NULL, MS_BIND, NULL));
	MUST(open(BASE "/mounted", O_RDONLY));
	MUST(open("/proc/self/ns/pid", O_RDONLY));
}

static void make_objects(struct family *family)
{
	struct mq_attr attr = {.mq_maxmsg = 2, .mq_msgsize = 16};
	int fds[2], fd, id;

	MUST(pipe(fds));
	MUST(dup(fds[1]));
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	MUST(socket(AF_INET, SOCK_DGRAM, 0));
	MUST(mkfifo(BASE "/fifo\n\x1b[1m\\012", 0640));
	MUST(open(BASE "/fifo\n\x1b[1m\\012", O_RDWR));
	MUST(open(BASE "/fifo\n\x1b[1m\\012", O_PATH));
	MUST(mkfifo(BASE "/gone", 0640));
	MUST(open(BASE "/gone", O_RDONLY | O_NONBLOCK));
	MUST(unlink(BASE "/gone"));

	fd = (int)MUST(syscall(SYS_memfd_create, "a b\n", 0));
	MUST(ftruncate(fd, SIZE));
	MUST((long)mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	MUST((long)mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0));
	fd = (int)MUST(syscall(SYS_memfd_create, "mapped alone", 0));
	MUST(ftruncate(fd, SIZE));
	MUST((long)mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0));
	close(fd);
	MUST((long)mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	MUST((long)mmap(NULL, SIZE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	id = (int)MUST(shmget(IPC_PRIVATE, SIZE, 0600));
	MUST((long)shmat(id, NULL, 0));
	MUST((long)shmat(id, NULL, SHM_RDONLY));
	snprintf(family->private_segment, sizeof(family->private_segment), "inode %d ", id);
	id = (int)MUST(shmget(0x52e2c1, SIZE, IPC_CREAT | 0600));
	MUST((long)shmat(id, NULL, 0));
	MUST(shmctl(id, IPC_RMID, NULL));

	map_file("/dev/shm/posix", MAP_SHARED, false);
	map_file("/dev/shm/private", MAP_PRIVATE, true);
	map_file("/dev/shm/unlinked\n", MAP_SHARED, false);
	MUST(unlink("/dev/shm/unlinked\n"));
	map_file(BASE "/back\\012slash", MAP_SHARED, false);
	MUST(mq_open("/queue", O_RDWR | O_CREAT, 0600, &attr));
	MUST(mq_open("/memfd:queue", O_RDONLY | O_CREAT, 0600, &attr));
	make_traps();
	make_overlay();
	keep_namespaces();
}

static _Noreturn void *sleep_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

struct thread {
	pthread_barrier_t ready;
	struct family *family;
};

/* A thread with a table of fds of its own, in which one pipe is that the other threads do not have. */
static void *unshare_fds(void *arg)
{
	struct thread *self = arg;
	struct stat st;
	int fds[2];

	MUST(unshare(CLONE_FILES));
	MUST(pipe(fds));
	MUST(fstat(fds[0], &st));
	snprintf(self->family->thread_pipe, sizeof(self->family->thread_pipe), "inode %" PRIu64 " ",
		 (uint64_t)st.st_ino);
	pthread_barrier_wait(&self->ready);
	return sleep_for_ever(NULL);
}

static void *tell_ready(void *arg)
{
	char stat_path[] = "/proc/self/stat", text[256], *state;
	int fd = *(int *)arg;

	/* Wait until the first thread is a zombie. */
	for (;;) {
		int file = open(stat_path, O_RDONLY);
		ssize_t n = read(file, text, sizeof(text) - 1);

		close(file);
		if (n <= 0)
			break;
		text[n] = '\0';
		state = strrchr(text, ')');
		if (state && state[2] == 'Z')
			break;
		sched_yield();
	}
	MUST(write(fd, "z", 1));
	return sleep_for_ever(NULL);
}

static pid_t fork_member(void)
{
	pid_t pid = (pid_t)MUST(fork());

	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void run_maker(int report)
{
	static int told[2];
	struct family family = {.maker = getpid()};
	struct thread unsharing = {.family = &family};
	pthread_t thread;
	char byte;

	MUST(unshare(CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS));
	MUST(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	MUST(mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL));
	MUST(mount("tmpfs", BASE, "tmpfs", 0, NULL));
	make_objects(&family);

	family.twin = fork_member();
	if (family.twin == 0)
		sleep_for_ever(NULL);
	MUST(pipe(told));
	family.headless = fork_member();
	if (family.headless == 0) {
		pthread_create(&thread, NULL, tell_ready, &told[1]);
		pthread_create(&thread, NULL, sleep_for_ever, NULL);
		pthread_exit(NULL);
	}
	MUST(read(told[0], &byte, 1));
	pthread_barrier_init(&unsharing.ready, NULL, 2);
	pthread_create(&thread, NULL, unshare_fds, &unsharing);
	pthread_barrier_wait(&unsharing.ready);
	MUST(write(report, &family, sizeof(family)));
	sleep_for_ever(NULL);
}

/* ---- comparing ----------------------------------------------------------------------------------------------- */

struct answer {
	char **lines;
	struct ipc_key *keys; /* of each line, before they were sorted */
	size_t count;
	unsigned in_space[IPC_SPACES];
};

struct question {
	enum ipc_holder_source source;
	int64_t only;
	const struct ipc_key *keys;
	size_t key_count;
	bool sift; /* ask for everything, and compare with the keys here */
};

static bool is_member(const struct family *family, int64_t pid)
{
	return pid == family->maker || pid == family->twin || pid == family->headless;
}

static void add_line(struct answer *answer, const struct ipc_held *held, const struct ipc_hold *hold)
{
	char path[4096];

	ipc_escape(held->path.data ? held->path.data : "", held->path.len, path, sizeof(path));
	answer->lines = realloc(answer->lines, (answer->count + 1) * sizeof(*answer->lines));
	answer->keys = realloc(answer->keys, (answer->count + 1) * sizeof(*answer->keys));
	if (!answer->lines || !answer->keys ||
	    asprintf(&answer->lines[answer->count],
		     "space %d device %u:%u inode %" PRIu64 " pid %" PRId64 " fd %d addr %" PRIx64
		     " pages %u access %d attach %d shared %d/%d path %s",
		     (int)held->key.space, major(held->key.device), minor(held->key.device), held->key.inode,
		     hold->process->pid, hold->fd, hold->addr, hold->fd < 0 ? hold->pages : 0, hold->access,
		     hold->attach, hold->shared, held->shared, path) < 0)
		end(1, "memory");
	answer->keys[answer->count] = ipc_held_key(held);
	answer->count++;
	answer->in_space[held->key.space]++;
}

static void release(struct answer *answer)
{
	while (answer->count)
		free(answer->lines[--answer->count]);
	free(answer->lines);
	free(answer->keys);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_asked_for(const struct question *question, struct ipc_key key)
{
	size_t i;

	for (i = 0; i < question->key_count; i++)
		if (ipc_key_equal(question->keys[i], key))
			return true;
	return !question->keys || key.space == IPC_SPACE_NS;
}

static void ask(struct ipc_ctx *ctx, const struct family *family, struct question question, struct answer *answer)
{
	const struct ipc_holders_want want = {.spaces = ~0u,
					      .maps = true,
					      .only = question.only,
					      .keys = question.sift ? NULL : question.keys,
					      .key_count = question.key_count};
	struct ipc_processes *processes;
	const struct ipc_hold *hold;
	const struct ipc_held *held;
	struct ipc_holders *holders;
	size_t at = 0;
	int r;

	errno = 0;
	if (ipc_processes_new(ctx, 0, &processes) < 0)
		end(1, "processes");
	r = ipc_holders_new(ctx, question.source, &want, processes, &holders);
	if (r < 0) {
		errno = -r;
		end(question.source == IPC_HOLDERS_BPF && (r == -EPERM || r == -ENOTSUP) ? SKIP : 1, "%s",
		    ipc_ctx_error(ctx));
	}
	while ((held = ipc_holders_next(holders, IPC_SPACE_NONE, &at)))
		for (hold = NULL; (hold = ipc_holders_hold(holders, held, hold));)
			if (is_member(family, hold->process->pid) &&
			    (!question.sift || is_asked_for(&question, ipc_held_key(held))))
				add_line(answer, held, hold);
	ipc_holders_free(holders);
	ipc_processes_free(processes);
	qsort(answer->lines, answer->count, sizeof(*answer->lines), by_text);
}

static int compare(const struct answer *bpf, const struct answer *proc)
{
	size_t i = 0, j = 0;
	int order, wrong = 0;

	while (i < bpf->count || j < proc->count) {
		order = i == bpf->count ? 1 : j == proc->count ? -1 : strcmp(bpf->lines[i], proc->lines[j]);
		if (order < 0)
			printf("bpf alone:  %s\n", bpf->lines[i++]);
		else if (order > 0)
			printf("proc alone: %s\n", proc->lines[j++]);
		else
			i++, j++;
		wrong += order != 0;
	}
	return wrong;
}

static int expect(bool holds, const char *what)
{
	if (!holds)
		printf("wrong: %s\n", what);
	return !holds;
}

/* Are there at least @times holds in @space whose line has @part? */
static bool has(const struct answer *answer, int space, const char *part, unsigned times)
{
	size_t i;

	for (i = 0; i < answer->count; i++)
		if (atoi(answer->lines[i] + strlen("space ")) == space && strstr(answer->lines[i], part) && times)
			times--;
	return times == 0;
}

/* Some objects of each space alone: the same as when everything is read, and these are taken out of it. */
static int check_keys(struct ipc_ctx *ctx, const struct family *family, const struct answer *all)
{
	enum { MANY = 2000 }; /* more than a program is told of */
	struct ipc_key keys[MANY] = {{0}};
	struct answer sifted = {0}, bpf = {0}, proc = {0}, many = {0};
	struct question question = {.source = IPC_HOLDERS_BPF, .keys = keys};
	size_t i;
	int wrong;

	for (i = 0; i < all->count && question.key_count < MANY / 2; i += 3)
		keys[question.key_count++] = all->keys[i];
	question.sift = true;
	ask(ctx, family, question, &sifted);
	question.sift = false;
	ask(ctx, family, question, &bpf);
	wrong = compare(&sifted, &bpf);
	question.source = IPC_HOLDERS_PROC;
	ask(ctx, family, question, &proc);
	wrong += compare(&sifted, &proc);
	for (i = question.key_count; i < MANY; i++)
		keys[i] = (struct ipc_key){IPC_SPACE_PIPE, 0, UINT32_MAX - i};
	question.source = IPC_HOLDERS_BPF;
	question.key_count = MANY;
	ask(ctx, family, question, &many);
	wrong += compare(&sifted, &many);
	wrong += expect(sifted.count > 10 && sifted.count < all->count, "keys alone have some of the holds");
	release(&sifted);
	release(&bpf);
	release(&proc);
	release(&many);
	return wrong;
}

static int check(const struct family *family)
{
	struct answer bpf = {0}, proc = {0}, one_bpf = {0}, one_proc = {0};
	struct ipc_ctx *ctx;
	int wrong, space;

	if (ipc_ctx_new(&ctx) < 0)
		end(1, "context");
	ask(ctx, family, (struct question){.source = IPC_HOLDERS_BPF}, &bpf);
	ask(ctx, family, (struct question){.source = IPC_HOLDERS_PROC}, &proc);
	wrong = compare(&bpf, &proc);
	ask(ctx, family, (struct question){.source = IPC_HOLDERS_BPF, .only = family->twin}, &one_bpf);
	ask(ctx, family, (struct question){.source = IPC_HOLDERS_PROC, .only = family->twin}, &one_proc);
	wrong += compare(&one_bpf, &one_proc);
	wrong += check_keys(ctx, family, &bpf);
	for (space = IPC_SPACE_FILE; space <= IPC_SPACE_SHM; space++)
		wrong += expect(bpf.in_space[space] > 0, "a space without holds");
	/* Two in each of the three processes. */
	wrong += expect(bpf.in_space[IPC_SPACE_NS] == 6, "namespaces that descriptors keep");
	/* One fd and one mapping in each of the three processes; the one without its first thread keeps what it had. */
	wrong += expect(has(&bpf, IPC_SPACE_FILE, "path /memfd:trap (deleted)", 6),
			"a file called memfd:trap is a file");
	wrong += expect(!has(&bpf, IPC_SPACE_MEMFD, "trap", 1), "and no memfd");
	wrong += expect(has(&bpf, IPC_SPACE_FILE, "path /SYSV00000000 (deleted)", 6),
			"a file called SYSV00000000 is a file");
	wrong += expect(has(&bpf, IPC_SPACE_FILE, "path /memfd:queue", 3), "a queue called memfd:queue is a file");
	wrong += expect(has(&bpf, IPC_SPACE_SHM, family->private_segment, 6), "two attachments in each process");
	wrong +=
		expect(has(&bpf, IPC_SPACE_SHM, "path /SYSV0052e2c1 (deleted)", 3), "a removed segment keeps its name");
	wrong += expect(has(&bpf, IPC_SPACE_PIPE, family->thread_pipe, 2), "the fds of a thread that unshared them");
	wrong += expect(one_bpf.count > 10 && one_bpf.count < bpf.count, "one process alone has some of the holds");
	printf("%zu holds of 3 processes compared, %d differences\n", bpf.count, wrong);
	release(&bpf);
	release(&proc);
	release(&one_bpf);
	release(&one_proc);
	ipc_ctx_unref(ctx);
	return wrong ? 1 : 0;
}

/* So many that /proc is read by several threads. */
static void open_many(void)
{
	struct rlimit limit = {6000, 6000};
	int i;

	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	for (i = 0; i < 5000; i++)
		MUST(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

int main(void)
{
	struct family family;
	int report[2], status = SKIP, code;
	pid_t maker;

	if (geteuid() != 0) {
		printf("skipped: needs root\n");
		return SKIP;
	}
	MUST(pipe2(report, O_CLOEXEC));
	maker = fork_member();
	if (maker == 0) {
		close(report[0]);
		run_maker(report[1]);
	}
	close(report[1]);
	open_many();
	if (read(report[0], &family, sizeof(family)) == sizeof(family)) {
		code = check(&family);
		kill(family.maker, SIGKILL);
		waitpid(maker, NULL, 0);
		return code;
	}
	waitpid(maker, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
