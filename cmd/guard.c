/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guardian: it takes something, tells the program, waits until the program has ended, and gives it back. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"
#include "message.h"
#include "timeout.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* the same on every architecture but alpha */
#endif

#define SLICE (TIMEOUT_SECOND / 10) /* between two looks at the caller */
#define FEW_DESCRIPTORS 4096        /* looked at where /proc does not say which there are */

/* What the guardian tells the program: one write of less than PIPE_BUF bytes. */
struct told {
	int result;
	char why[1024];
};

/* Between the two. */
struct link {
	int pidfd;   /* of the program, whatever it becomes */
	int pipe[2]; /* read by the program, written by the guardian */
};

/* ---- failures to start ------------------------------------------------------------------------------------------- */

/* They are no failures to take: EAGAIN of fork() is a limit, not something to wait for. */
static int start_error(int error)
{
	return error == EAGAIN ? -ENOMEM : -error;
}

static void explain_start(struct text *why, const char *what, int error)
{
	text_format(why, "no guardian can be started: %s: %s", what, strerror(error));
	if (error == EAGAIN)
		text_string(why, " (a limit on the number of processes: RLIMIT_NPROC, pids.max)");
	else if (error == ENOSYS || error == EPERM)
		text_string(why, " (it is in Linux 5.3 and later, unless a sandbox forbids it)");
}

/* ---- the guardian ------------------------------------------------------------------------------------------------ */

static bool has_ended(int pidfd, int timeout)
{
	struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
	int n;

	do {
		n = poll(&poll_fd, 1, timeout);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n > 0;
}

static void tell(const struct link *link, int result, const char *why)
{
	struct told told = {.result = result};
	ssize_t n;

	snprintf(told.why, sizeof(told.why), "%s", why);
	do {
		n = write(link->pipe[1], &told, sizeof(told));
	} while (n < 0 && errno == EINTR);
	/* Should the program be gone by now, the pidfd says so. */
}

/* All that the program was started with; its own descriptors close on exec and stay. */
static void close_inherited(int fd)
{
	int flags = fd > STDERR_FILENO ? fcntl(fd, F_GETFD) : -1;

	if (flags >= 0 && !(flags & FD_CLOEXEC))
		close(fd);
}

static void close_all_inherited(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	int fd;

	if (!dir) {
		for (fd = 0; fd < FEW_DESCRIPTORS; fd++)
			close_inherited(fd);
		return;
	}
	while ((entry = readdir(dir)))
		close_inherited(atoi(entry->d_name)); /* "." and ".." are 0, which is left alone */
	closedir(dir);
}

/* Leave everything that belongs to the program: its terminal, its pipes, its directory. */
static void settle(const struct link *link)
{
	int fd, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_NAME, "ipctool-guard");
	close(link->pipe[0]);
	if (null < 0)
		null = open("/", O_PATH | O_CLOEXEC); /* neither read nor written, and always there */
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			close(fd);
	if (null > STDERR_FILENO)
		close(null);
	close_all_inherited();
	if (chdir("/") < 0)
		return; /* then a file system stays busy as long as the command runs, as it would without us */
}

/* In slices, so that a caller that has died is noticed. */
static int take(const struct guard *guard, const struct link *link, int64_t timeout)
{
	struct timeout left;
	int r;

	timeout_start(&left, timeout);
	do {
		if (has_ended(link->pidfd, 0))
			return -ESRCH;
		r = guard->take(guard->data, timeout_slice(&left, SLICE));
	} while ((r == -ETIMEDOUT || r == -EAGAIN) && !timeout_over(&left));
	return r;
}

static void guardian(struct app *app, const struct guard *guard, const struct link *link, int64_t timeout)
{
	int r = 0;

	settle(link);
	if (guard->take)
		r = take(guard, link, timeout);
	tell(link, r, r ? ipc_ctx_error(app->ctx) : "");
	if (r)
		return;
	close(link->pipe[1]);
	has_ended(link->pidfd, -1);
	guard->give(guard->data);
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static int fail(const struct guard *guard, int error, const char *why)
{
	if (guard->why) {
		text_clear(guard->why);
		text_string(guard->why, why);
	}
	return error;
}

static int fail_start(const struct guard *guard, const char *what, int error)
{
	struct text why = {0};

	explain_start(&why, what, error);
	fail(guard, 0, text_cstr(&why));
	text_release(&why);
	return start_error(error);
}

static int open_link(const struct guard *guard, struct link *link)
{
	int error;

	link->pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (link->pidfd < 0)
		return fail_start(guard, "pidfd_open", errno);
	if (pipe2(link->pipe, O_CLOEXEC) == 0)
		return 0;
	error = errno;
	close(link->pidfd);
	return fail_start(guard, "pipe", error);
}

/* In the process between the two, which ends at once: so the guardian is no child of the command. */
static void fork_again(struct app *app, const struct guard *guard, const struct link *link, int64_t timeout)
{
	struct text why = {0};
	pid_t pid;
	int error;

	setsid();
	pid = fork();
	error = errno;
	if (pid < 0) {
		explain_start(&why, "fork", error);
		tell(link, start_error(error), text_cstr(&why));
	} else if (pid == 0) {
		guardian(app, guard, link, timeout);
	}
	_exit(0);
}

static int fork_guardian(struct app *app, const struct guard *guard, const struct link *link, int64_t timeout)
{
	sigset_t all, before;
	int reaper = 0, error = 0;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	/* One that adopts orphans would get the guardian back as its child. */
	if (reaper)
		prctl(PR_SET_CHILD_SUBREAPER, 0);
	pid = fork();
	if (pid == 0)
		fork_again(app, guard, link, timeout);
	if (pid < 0)
		error = errno;
	else
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	if (reaper)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return error ? fail_start(guard, "fork", error) : 0;
}

static int hear(const struct guard *guard, const struct link *link)
{
	struct told told;
	ssize_t n;

	do {
		n = read(link->pipe[0], &told, sizeof(told));
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(told))
		return fail(guard, -ECHILD, "the guardian was killed; what it may have taken was not given back");
	if (told.result)
		fail(guard, 0, *told.why ? told.why : strerror(-told.result));
	return told.result;
}

int guard_start(struct app *app, const struct guard *guard, int64_t timeout)
{
	struct link link = {-1, {-1, -1}};
	int r;

	/* With the first process of a pid namespace the kernel kills all others, before they could give anything back. */
	if (getpid() == 1)
		return fail(guard, -ENOTSUP,
			    "process 1 of a pid namespace cannot have a guardian; start it below an init or a shell");
	r = open_link(guard, &link);
	if (r)
		return r;
	r = fork_guardian(app, guard, &link, timeout);
	close(link.pidfd);
	close(link.pipe[1]);
	if (r == 0)
		r = hear(guard, &link);
	close(link.pipe[0]);
	return r;
}

int guard_exec(const struct app *app, const char *const *argv)
{
	int error;

	execvp(argv[0], (char *const *)argv);
	error = errno;
	complain(app, *argv[0] ? argv[0] : NULL, "%s%s", *argv[0] ? "" : "the command is empty: ", strerror(error));
	return error == ENOENT ? CODE_NOT_FOUND : CODE_NOT_EXECUTABLE;
}
