/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stage for programs that let `clean --apply` loose: ipc, mount and network namespaces of their own, an empty /run and
 * /dev/shm, the processes those of the host, so that everything can be proven. Names outside begin with no /run/race.
 */
#ifndef E2E_CLEAN_STAGE_H
#define E2E_CLEAN_STAGE_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SKIP 77
#define NO_POLICIES "/run/no-policies"

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static inline void skip(const char *why)
{
	printf("skipped: %s\n", why);
	exit(SKIP);
}

static inline double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static inline void pause_for(double time)
{
	const struct timespec pause = {(time_t)time, (long)((time - (double)(time_t)time) * 1e9)};

	nanosleep(&pause, NULL);
}

/* A cheap source of different numbers, below @limit. */
static inline unsigned dice(unsigned limit)
{
	static unsigned state, seeded;

	if (seeded != (unsigned)getpid()) {
		seeded = (unsigned)getpid();
		state = seeded * 2654435761u + (unsigned)(seconds() * 1e6) + 1;
	}
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % limit;
}

static inline void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static inline void enter_stage(void)
{
	char pidns[64] = "";

	if (!getenv("IPCTOOL"))
		skip("IPCTOOL is not set");
	if (geteuid())
		skip("needs root");
	if (readlink("/proc/self/ns/pid", pidns, sizeof(pidns) - 1) < 0 || strcmp(pidns, "pid:[4026531836]") != 0)
		skip("not in the initial pid namespace");
	if (unshare(CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS) < 0)
		skip("no fresh namespaces here");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/run", "tmpfs", 0, "mode=755") < 0 ||
	    mount("none", "/dev/shm", "tmpfs", 0, "mode=1777") < 0 || mkdir(NO_POLICIES, 0755) < 0)
		die("mount");
}

struct cleaned {
	unsigned removed;
	int status;
};

/*
 * Run `ipctool clean --apply --min-age 0` with @arguments, and count what it says that it removed, telling @removed (may be
 * NULL) each reference. It comes before the others, so that it is rarely put aside between its last look and a removal.
 */
static inline struct cleaned clean(const char *const *arguments, void (*removed)(const char *reference, void *data),
				   void *data)
{
	const char *argv[32] = {getenv("IPCTOOL"), "clean",        "--apply",  "--min-age", "0",
				"--no-syslog",     "--policy-dir", NO_POLICIES};
	struct cleaned result = {0};
	char line[4096], *end;
	size_t count = 8;
	int ends[2];
	pid_t child;
	FILE *out;

	while (*arguments)
		argv[count++] = *arguments++;
	if (pipe(ends) < 0)
		die("pipe");
	child = fork();
	if (child == 0) {
		if (nice(-20) < 0)
			errno = 0;
		dup2(ends[1], 1);
		close(ends[0]);
		close(ends[1]);
		execv(argv[0], (char **)argv);
		die(argv[0]);
	}
	close(ends[1]);
	out = fdopen(ends[0], "r");
	if (child < 0 || !out)
		die("fork");
	while (fgets(line, sizeof(line), out)) {
		if (strncmp(line, "removed ", 8) != 0 || !strchr(line, ':'))
			continue;
		result.removed++;
		end = strstr(line, ": ");
		if (end)
			*end = '\0';
		if (removed)
			removed(line + 8, data);
	}
	fclose(out);
	if (waitpid(child, &result.status, 0) != child)
		die("wait");
	return result;
}

#endif
