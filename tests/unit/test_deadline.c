/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deadlines, and the alarm: it ends calls that know no timeout, and leaves the process as it was. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "sources/deadline.h"

#define MS INT64_C(1000000)
#define S (1000 * MS)
#define SIGNAL (SIGRTMAX - 1)

/* ---- points in time ---------------------------------------------------------------------------------------------- */

static void makes_deadlines(void **state)
{
	struct timespec now;
	int64_t deadline;

	(void)state;
	assert_int_equal(ipc_deadline_in(0), IPC_NO_WAIT);
	assert_int_equal(ipc_deadline_in(-1), IPC_NO_DEADLINE);
	assert_int_equal(ipc_deadline_in(INT64_MIN), IPC_NO_DEADLINE);
	assert_int_equal(ipc_deadline_in(INT64_MAX), IPC_NO_DEADLINE);
	clock_gettime(CLOCK_MONOTONIC, &now);
	deadline = ipc_deadline_in(5 * S);
	assert_true(deadline >= now.tv_sec * S + now.tv_nsec + 5 * S);
	assert_true(ipc_deadline_left(deadline) <= 5 * S && ipc_deadline_left(deadline) > 4 * S);
}

static void tells_what_is_left(void **state)
{
	(void)state;
	assert_true(ipc_deadline_passed(IPC_NO_WAIT));
	assert_true(ipc_deadline_passed(1));
	assert_false(ipc_deadline_passed(IPC_NO_DEADLINE));
	assert_false(ipc_deadline_passed(ipc_deadline_in(S)));
	assert_int_equal(ipc_deadline_left(1), 0);
	assert_int_equal(ipc_deadline_left(IPC_NO_DEADLINE), INT64_MAX);
	assert_int_equal(ipc_deadline_poll(IPC_NO_WAIT), 0);
	assert_int_equal(ipc_deadline_poll(1), 0);
	assert_int_equal(ipc_deadline_poll(IPC_NO_DEADLINE), -1);
	assert_int_equal(ipc_deadline_poll(IPC_NO_DEADLINE - 1), INT32_MAX);
	/* rounded up: poll() must not spin in the last millisecond */
	assert_in_range(ipc_deadline_poll(ipc_deadline_in(30 * S)), 29000, 30000);
}

static void converts(void **state)
{
	struct timespec now, at;

	(void)state;
	assert_false(ipc_deadline_relative(IPC_NO_DEADLINE, &at));
	assert_false(ipc_deadline_realtime(IPC_NO_DEADLINE, &at));
	assert_true(ipc_deadline_relative(IPC_NO_WAIT, &at));
	assert_true(at.tv_sec == 0 && at.tv_nsec == 0);
	assert_true(ipc_deadline_relative(ipc_deadline_in(5 * S + 500 * MS), &at));
	assert_true(at.tv_sec == 5 && at.tv_nsec <= 500 * MS);
	clock_gettime(CLOCK_REALTIME, &now);
	assert_true(ipc_deadline_realtime(ipc_deadline_in(100 * S), &at));
	assert_in_range(at.tv_sec - now.tv_sec, 99, 101);
}

/* ---- alarms ------------------------------------------------------------------------------------------------------ */

static void handler(int number)
{
	(void)number;
}

static void set_disposition(void (*action)(int))
{
	struct sigaction set = {.sa_handler = action, .sa_flags = SA_RESTART};

	assert_int_equal(sigaction(SIGNAL, &set, NULL), 0);
}

static bool is_disposition(void (*action)(int))
{
	struct sigaction now;

	return sigaction(SIGNAL, NULL, &now) == 0 && now.sa_handler == action;
}

static bool is_blocked(void)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	return sigismember(&now, SIGNAL);
}

static void block(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	pthread_sigmask(how, &set, NULL);
}

/* Timers of this process; -1 when the kernel does not tell. */
static int count_timers(void)
{
	FILE *file = fopen("/proc/self/timers", "re");
	char line[128];
	int count = 0;

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		count += strncmp(line, "ID:", 3) == 0;
	fclose(file);
	return count;
}

/* Read from a pipe that nobody writes to. */
static int blocking_read(int fd)
{
	char byte;

	return read(fd, &byte, 1) < 0 ? -errno : 0;
}

static void interrupts_again_and_again(void **state)
{
	int64_t deadline = ipc_deadline_in(20 * MS);
	struct ipc_alarm alarm;
	int fds[2], i;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(ipc_alarm_arm(&alarm, deadline), 0);
	assert_int_equal(blocking_read(fds[0]), -EINTR);
	assert_true(ipc_deadline_passed(deadline));
	/* a call that began after the first signal is not left alone */
	for (i = 0; i < 3; i++)
		assert_int_equal(blocking_read(fds[0]), -EINTR);
	ipc_alarm_disarm(&alarm);
	close(fds[0]);
	close(fds[1]);
}

static void interrupts_when_it_has_passed(void **state)
{
	struct ipc_alarm alarm;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(ipc_alarm_arm(&alarm, 1), 0);
	assert_int_equal(blocking_read(fds[0]), -EINTR);
	ipc_alarm_disarm(&alarm);
	close(fds[0]);
	close(fds[1]);
}

/* In a thread, which alone enters an ipc namespace of its own. */
static void *receive_until(void *data)
{
	int64_t deadline = ipc_deadline_in(20 * MS);
	struct ipc_alarm alarm;
	char message[64];
	int id, *result = data;

	if (unshare(CLONE_NEWIPC) < 0)
		return NULL;
	id = msgget(IPC_PRIVATE, 0600);
	*result = ipc_alarm_arm(&alarm, deadline);
	if (*result == 0 && msgrcv(id, message, sizeof(message) - sizeof(long), 0, 0) < 0)
		*result = -errno;
	ipc_alarm_disarm(&alarm);
	msgctl(id, IPC_RMID, NULL);
	return NULL;
}

static void interrupts_msgrcv(void **state)
{
	pthread_t thread;
	int result = 1;

	(void)state;
	/* as a program would whose other threads must not see signals */
	block(SIG_BLOCK);
	assert_int_equal(pthread_create(&thread, NULL, receive_until, &result), 0);
	pthread_join(thread, NULL);
	block(SIG_UNBLOCK);
	if (result == 1)
		skip();
	assert_int_equal(result, -EINTR);
	assert_true(is_disposition(SIG_DFL));
}

static void leaves_no_trace(void **state)
{
	static void (*const actions[])(int) = {SIG_DFL, SIG_IGN, handler};
	struct ipc_alarm alarm;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		set_disposition(actions[i]);
		block(i & 1 ? SIG_BLOCK : SIG_UNBLOCK);
		assert_int_equal(ipc_alarm_arm(&alarm, ipc_deadline_in(S)), 0);
		assert_false(is_disposition(actions[i]));
		assert_false(is_blocked());
		ipc_alarm_disarm(&alarm);
		assert_true(is_disposition(actions[i]));
		assert_int_equal(is_blocked(), i & 1);
		/* once more is nothing */
		ipc_alarm_disarm(&alarm);
		assert_true(is_disposition(actions[i]));
	}
	block(SIG_UNBLOCK);
	set_disposition(SIG_DFL);
}

static void costs_nothing_without_a_deadline(void **state)
{
	struct ipc_alarm alarm;

	(void)state;
	assert_int_equal(ipc_alarm_arm(&alarm, IPC_NO_WAIT), 0);
	assert_true(is_disposition(SIG_DFL));
	ipc_alarm_disarm(&alarm);
	assert_int_equal(ipc_alarm_arm(&alarm, IPC_NO_DEADLINE), 0);
	assert_true(is_disposition(SIG_DFL));
	ipc_alarm_disarm(&alarm);
}

/* The default action of the signal ends the process: one that came late would be noticed. */
static void no_signal_comes_late(void **state)
{
	struct ipc_alarm alarm;
	int i;

	(void)state;
	set_disposition(SIG_DFL);
	for (i = 0; i < 3000; i++) {
		assert_int_equal(ipc_alarm_arm(&alarm, ipc_deadline_in(1 + i % 50 * 1000)), 0);
		if (i & 1)
			sched_yield();
		ipc_alarm_disarm(&alarm);
	}
	assert_in_range(count_timers() + 1, 0, 1);
}

static void *alarm_in_thread(void *data)
{
	int64_t deadline = ipc_deadline_in(MS);
	const int *fd = data;
	struct ipc_alarm alarm;
	intptr_t wrong = 0;
	int i;

	for (i = 0; i < 20; i++, deadline = ipc_deadline_in(MS)) {
		wrong |= ipc_alarm_arm(&alarm, deadline);
		wrong |= blocking_read(*fd) != -EINTR;
		ipc_alarm_disarm(&alarm);
	}
	return (void *)wrong; // NOLINT(performance-no-int-to-ptr)
}

/* Each thread has its own; the disposition is that of all, and goes back with the last one. */
static void threads_do_not_meet(void **state)
{
	pthread_t threads[4];
	int fds[2], i;
	void *wrong;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	set_disposition(handler);
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, alarm_in_thread, &fds[0]), 0);
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	assert_true(is_disposition(handler));
	set_disposition(SIG_DFL);
	close(fds[0]);
	close(fds[1]);
}

/* A user with too many queued signals gets no timer; that must not look like "would block". */
static void says_that_there_is_no_timer(void **state)
{
	struct rlimit before, none;
	struct ipc_alarm alarm;
	int r;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_SIGPENDING, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &none), 0);
	block(SIG_BLOCK);
	r = ipc_alarm_arm(&alarm, ipc_deadline_in(S));
	setrlimit(RLIMIT_SIGPENDING, &before);
	assert_int_equal(r, -ENOBUFS);
	assert_true(is_blocked());
	assert_true(is_disposition(SIG_DFL));
	block(SIG_UNBLOCK);
	ipc_alarm_disarm(&alarm);
	assert_true(is_disposition(SIG_DFL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_deadlines),
		cmocka_unit_test(tells_what_is_left),
		cmocka_unit_test(converts),
		cmocka_unit_test(interrupts_again_and_again),
		cmocka_unit_test(interrupts_when_it_has_passed),
		cmocka_unit_test(interrupts_msgrcv),
		cmocka_unit_test(leaves_no_trace),
		cmocka_unit_test(costs_nothing_without_a_deadline),
		cmocka_unit_test(no_signal_comes_late),
		cmocka_unit_test(threads_do_not_meet),
		cmocka_unit_test(says_that_there_is_no_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
