/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The signals that end a program, kept waiting. No handler: they stay pending until they are asked for. */
#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "ending.h"

static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2};

/* Who started the program with a signal ignored, as nohup(1) does, wants it to go on; held back it would be seen. */
static void add(sigset_t *signals, int number)
{
	struct sigaction action;

	if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
		sigaddset(signals, number);
}

void ending_hold(struct ending *ending)
{
	size_t i;

	*ending = (struct ending){.held = true};
	sigemptyset(&ending->signals);
	for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		add(&ending->signals, numbers[i]);
	sigprocmask(SIG_BLOCK, &ending->signals, &ending->before);
	ending->fd = signalfd(-1, &ending->signals, SFD_CLOEXEC);
}

#define PAUSE 10000000 /* ns: nobody notices it, and thousands of steps in that time cost one system call */

int ending_come(struct ending *ending)
{
	static const struct timespec none;
	struct timespec now;
	int64_t time;
	int number;

	if (!ending->held || ending->number)
		return ending->number;
	clock_gettime(CLOCK_MONOTONIC, &now);
	time = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	if (ending->looked && time - ending->looked < PAUSE)
		return 0;
	ending->looked = time;
	number = sigtimedwait(&ending->signals, NULL, &none);
	ending->number = number > 0 ? number : 0;
	return ending->number;
}

void ending_wait(const struct ending *ending)
{
	int number;

	do {
		number = sigwaitinfo(&ending->signals, NULL);
	} while (number < 0 && errno == EINTR);
}

/* Is there something to read, or the end, before a signal? */
static bool await(struct ending *ending, int fd)
{
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = ending->fd, .events = POLLIN}};
	int n;

	do {
		n = poll(fds, 2, -1);
	} while (n < 0 && errno == EINTR);
	if (n > 0 && fds[1].revents)
		ending->looked = 0; /* there is something to be seen */
	return n > 0 && !fds[1].revents;
}

bool ending_line(struct ending *ending, int fd, char *line, size_t size)
{
	size_t length = 0;
	ssize_t n;
	char c;

	line[0] = '\0';
	while (await(ending, fd)) {
		n = read(fd, &c, 1); /* one by one: what follows the line is for the next question */
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return length > 0;
		if (c == '\n')
			return true;
		if (length + 1 < size) {
			line[length] = c;
			line[length + 1] = '\0';
		}
		length++;
	}
	return false;
}

void ending_release(struct ending *ending)
{
	if (!ending->held)
		return;
	ending->held = false;
	if (ending->fd >= 0)
		close(ending->fd);
	sigprocmask(SIG_SETMASK, &ending->before, NULL);
	if (ending->number)
		raise(ending->number);
}
