/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * timed FILE COMMAND...: runs a command with its output into FILE ("-": into a pipe that is read to its end) and prints one line:
 *   WALL USER SYSTEM (microseconds) MEMORY (KiB at most) STATUS (128+N: a signal) BYTES (of output)
 *   FIRST (microseconds to the first byte in the pipe, or -1)
 *
 * A small program does it: the peak memory of a process counts what it had of its parent before it became the command.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char buffer[64 * 1024];

static void fail(const char *what)
{
	fprintf(stderr, "timed: %s: %s\n", what, strerror(errno));
	exit(125);
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

static long long microseconds(struct timeval time)
{
	return time.tv_sec * 1000000LL + time.tv_usec;
}

int main(int argc, char **argv)
{
	long long began, ended, bytes = 0, first = -1;
	int status, out, ends[2] = {-1, -1};
	struct rusage usage;
	struct stat st;
	ssize_t got;
	pid_t pid;

	if (argc < 3) {
		fputs("usage: timed FILE|- COMMAND [ARGUMENT]...\n", stderr);
		return 2;
	}
	if (strcmp(argv[1], "-") == 0) {
		if (pipe2(ends, O_CLOEXEC))
			fail("pipe");
		out = ends[1];
	} else {
		out = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (out < 0)
			fail(argv[1]);
	}

	began = now();
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup2(out, STDOUT_FILENO) < 0)
			_exit(125);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (ends[0] >= 0) {
		close(out);
		while ((got = read(ends[0], buffer, sizeof(buffer))) > 0) {
			if (first < 0)
				first = now() - began;
			bytes += got;
		}
	}
	if (wait4(pid, &status, 0, &usage) != pid)
		fail("wait4");
	ended = now();

	if (ends[0] < 0 && fstat(out, &st) == 0)
		bytes = st.st_size;
	printf("%lld %lld %lld %ld %d %lld %lld\n", ended - began, microseconds(usage.ru_utime),
	       microseconds(usage.ru_stime), usage.ru_maxrss,
	       WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), bytes, first);
	return 0;
}
