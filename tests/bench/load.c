/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load SHAPE COUNT [PROCESSES]: makes COUNT objects of one shape in the namespaces it was started in, spread over so many
 * processes, prints "ready" (and NAME=VALUE of what is to be asked for) and keeps them until its standard input ends. Its
 * processes end with it; System V objects and mounts go with their namespaces.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTENERS 16           /* TCP connections are spread over so many ports */
#define MAPPERS 10             /* processes that map one segment */
#define FILES_IN_DIRECTORY 500 /* of a tree that is scanned */
#define FIFO_EVERY 200         /* so many files have one FIFO among them, and one socket file */

static void fail(const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	fputs("load: ", stderr);
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(error));
	va_end(args);
	exit(1);
}

/* ---- processes --------------------------------------------------------------------------------------------------- */

static int ready[2]; /* each process writes a byte when it has made its share */

static pid_t first; /* of the processes */

/* Process number @at, which makes its @share and keeps it. */
static void start(void (*make)(long at, long share), long at, long share)
{
	pid_t pid = fork();
	char byte = 0;

	if (pid < 0)
		fail("fork");
	if (pid > 0) {
		first = first ? first : pid;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	make(at, share);
	close(ready[0]);
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	if (write(ready[1], &byte, 1) != 1)
		_exit(1);
	close(ready[1]);
	for (;;)
		pause();
}

/* Eight at a time: many at once would fight for the same locks of the kernel. */
static void spread(void (*make)(long at, long share), long count, long processes)
{
	long at, begun = 0, done = 0;
	char byte;

	if (pipe2(ready, O_CLOEXEC) < 0)
		fail("pipe");
	for (at = 0; at < processes; at++) {
		start(make, at, count / processes + (at < count % processes));
		begun++;
		if (begun - done < 8)
			continue;
		if (read(ready[0], &byte, 1) != 1)
			fail("a process ended");
		done++;
	}
	for (; done < begun; done++)
		if (read(ready[0], &byte, 1) != 1)
			fail("a process ended");
	/* The end of it: all have closed theirs as well, and nothing changes from now on. */
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 0)
		fail("a process wrote twice");
	close(ready[0]);
}

static void raise_limits(void)
{
	struct rlimit most = {1100000, 1100000};

	if (setrlimit(RLIMIT_NOFILE, &most) == 0)
		return;
	most.rlim_cur = most.rlim_max = 500000;
	setrlimit(RLIMIT_NOFILE, &most);
}

static void set_limit(const char *file, long value)
{
	FILE *out = fopen(file, "w");

	if (!out || fprintf(out, "%ld\n", value) < 0 || fclose(out) != 0)
		fail("%s", file);
}

/* ---- System V ---------------------------------------------------------------------------------------------------- */

static void make_queues(long count)
{
	long i;

	set_limit("/proc/sys/kernel/msgmni", 32000);
	for (i = 0; i < count; i++)
		if (msgget((key_t)(0x1000 + i), IPC_CREAT | IPC_EXCL | 0600) < 0)
			fail("msgget");
}

static void make_sets(long count)
{
	long i;

	for (i = 0; i < count; i++)
		if (semget((key_t)(0x1000 + i), 1, IPC_CREAT | IPC_EXCL | 0600) < 0)
			fail("semget");
}

static void make_segments(long count)
{
	long i;

	set_limit("/proc/sys/kernel/shmmni", 32768);
	for (i = 0; i < count; i++)
		if (shmget((key_t)(0x1000 + i), 4096, IPC_CREAT | IPC_EXCL | 0600) < 0)
			fail("shmget");
}

static void sysv(long count, long processes)
{
	(void)processes;
	make_queues(count);
	make_sets(count);
	make_segments(count);
}

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

/* Mostly pairs; each process also listens on one abstract name, and one connection in a hundred came in there. */
static void make_unix(long at, long share)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t len;
	int listener, pair[2];
	long made;

	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			  sprintf(address.sun_path + 1, "ipctool-load-%ld", at));
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) || listen(listener, 16))
		fail("listen");
	for (made = 1; made + 2 <= share; made += 2) {
		if (made % 200 == 1) {
			pair[0] = socket(AF_UNIX, SOCK_STREAM, 0);
			if (pair[0] < 0 || connect(pair[0], (struct sockaddr *)&address, len) ||
			    accept(listener, NULL, NULL) < 0)
				fail("connect");
		} else if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
			fail("socketpair");
		}
	}
}

static void unix_sockets(long count, long processes)
{
	spread(make_unix, count, processes);
}

static int tcp_listener(struct sockaddr_in *address)
{
	socklen_t len = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || bind(fd, (struct sockaddr *)address, len) || listen(fd, 64) ||
	    getsockname(fd, (struct sockaddr *)address, &len))
		fail("listen");
	return fd;
}

/* Both ends in one process, on ports of its own. */
static void make_tcp(long at, long share)
{
	struct sockaddr_in address;
	int listener = -1, fd;
	long made;

	(void)at;
	for (made = 0; made < share; made++) {
		if (made % 20000 == 0) {
			if (listener >= 0)
				close(listener);
			listener = tcp_listener(&address);
		}
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
		    accept(listener, NULL, NULL) < 0)
			fail("connect");
	}
}

static void tcp(long count, long processes)
{
	spread(make_tcp, count, processes);
}

/* ---- pipes ------------------------------------------------------------------------------------------------------- */

static void make_pipes(long at, long share)
{
	int ends[2];

	(void)at;
	for (; share >= 2; share -= 2)
		if (pipe(ends))
			fail("pipe");
}

/* COUNT counts ends. */
static void pipes(long count, long processes)
{
	spread(make_pipes, count, processes);
}

static void keep_nothing(long at, long share)
{
	(void)at;
	(void)share;
}

/* One pipe of which COUNT processes inherited both ends. */
static void inherited(long count, long processes)
{
	int ends[2];

	(void)processes;
	if (pipe(ends))
		fail("pipe");
	spread(keep_nothing, count, count);
}

static void processes_alone(long count, long processes)
{
	(void)processes;
	spread(keep_nothing, count, count);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static long segments;

static void segment_name(char *out, size_t size, long number)
{
	snprintf(out, size, "/load-%ld", number);
}

/* @share consecutive segments, mapped and closed. */
static void map_segments(long at, long share)
{
	char name[64];
	long i;
	int fd;

	for (i = 0; i < share; i++) {
		segment_name(name, sizeof(name), (at * share + i) % segments);
		fd = shm_open(name, O_RDWR, 0);
		if (fd < 0 || mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED)
			fail("%s", name);
		close(fd);
	}
}

/* Each is mapped by MAPPERS of the processes. */
static void shm(long count, long processes)
{
	char name[64];
	long i;
	int fd;

	segments = count;
	for (i = 0; i < count; i++) {
		segment_name(name, sizeof(name), i);
		fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd < 0 || ftruncate(fd, 4096))
			fail("%s", name);
		close(fd);
	}
	spread(map_segments, count * (processes < MAPPERS ? processes : MAPPERS), processes);
}

/* One segment of System V that COUNT processes attached. */
static int segment;

static void attach(long at, long share)
{
	(void)at;
	(void)share;
	if (shmat(segment, NULL, 0) == (void *)-1)
		fail("shmat");
}

static void attached(long count, long processes)
{
	(void)processes;
	segment = shmget(IPC_PRIVATE, 4096, 0600);
	if (segment < 0)
		fail("shmget");
	spread(attach, count, count);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void make_socket_file(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("%s", path);
	close(fd);
}

/* A tree below the working directory; the socket files are stale. */
static void files(long count, long processes)
{
	char path[64];
	long i;
	int fd;

	(void)processes;
	for (i = 0; i < count; i++) {
		if (i % FILES_IN_DIRECTORY == 0) {
			snprintf(path, sizeof(path), "d%ld", i / FILES_IN_DIRECTORY);
			if (mkdir(path, 0755))
				fail("%s", path);
		}
		snprintf(path, sizeof(path), "d%ld/f%ld", i / FILES_IN_DIRECTORY, i);
		if (i % FIFO_EVERY == 0) {
			if (mkfifo(path, 0600))
				fail("%s", path);
		} else if (i % FIFO_EVERY == 1) {
			make_socket_file(path);
		} else {
			fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
			if (fd < 0)
				fail("%s", path);
			close(fd);
		}
	}
}

/* ---- network namespaces -------------------------------------------------------------------------------------------- */

/* Kept by a process that listens in it, or by a mount in the working directory. */
static void make_namespace(long at, long share)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0ipctool-load"};
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd;
	char path[64];

	(void)share;
	if (home < 0 || unshare(CLONE_NEWNET))
		fail("unshare");
	if (at % 2 == 0) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1))
			fail("listen");
	} else {
		snprintf(path, sizeof(path), "net%ld", at);
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		if (fd < 0 || close(fd) || mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) ||
		    setns(home, CLONE_NEWNET))
			fail("%s", path);
	}
	close(home);
}

static void namespaces(long count, long processes)
{
	(void)processes;
	spread(make_namespace, count, count);
}

/* ---- one object among many ----------------------------------------------------------------------------------------- */

static char asked[PATH_MAX + 256]; /* what is to be asked for */

static unsigned long inode_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		fail("fstat");
	return st.st_ino;
}

/* Unix sockets as ever; this process itself has one object of each kind that may be asked for. */
static void one(long count, long processes)
{
	int pair[2], ends[2], fd;
	char directory[PATH_MAX];

	unix_sockets(count, processes);
	if (!getcwd(directory, sizeof(directory)) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || pipe(ends))
		fail("one");
	if (mkfifo("fifo", 0600) || open("fifo", O_RDWR | O_CLOEXEC) < 0)
		fail("fifo");
	fd = shm_open("/load-one", O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || ftruncate(fd, 4096) || mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED)
		fail("shm_open");
	snprintf(asked, sizeof(asked), " PID=%d WORKER=%d SOCKET=%lu PIPE=%lu FIFO=%s/fifo SHM=/load-one", getpid(),
		 first, inode_of(pair[0]), inode_of(ends[0]), directory);
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

static const struct shape {
	const char *name;
	void (*make)(long count, long processes);
} shapes[] = {
	{"sysv", sysv},           {"unix", unix_sockets},         {"tcp", tcp}, {"pipes", pipes},
	{"inherited", inherited}, {"processes", processes_alone}, {"shm", shm}, {"attached", attached},
	{"files", files},         {"namespaces", namespaces},     {"one", one},
};

int main(int argc, char **argv)
{
	long count = argc > 2 ? strtol(argv[2], NULL, 10) : 0, processes = argc > 3 ? strtol(argv[3], NULL, 10) : 1;
	size_t i;
	char byte;

	if (count <= 0 || processes <= 0) {
		fputs("usage: load SHAPE COUNT [PROCESSES]\nshapes:", stderr);
		for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
			fprintf(stderr, " %s", shapes[i].name);
		fputs("\n", stderr);
		return 2;
	}
	raise_limits();
	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (strcmp(shapes[i].name, argv[1]) != 0)
			continue;
		shapes[i].make(count, processes);
		if (printf("ready%s\n", asked) < 0 || fflush(stdout) != 0)
			return 1;
		while (read(STDIN_FILENO, &byte, 1) > 0)
			;
		return 0;
	}
	fprintf(stderr, "load: no such shape: %s\n", argv[1]);
	return 2;
}
