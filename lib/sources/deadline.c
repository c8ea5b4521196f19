/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Deadlines on the monotonic clock, and the timer that interrupts system calls which know none. */
#include "sources/deadline.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define AGAIN (SECOND / 100)        /* how often the alarm repeats */
#define ALARM_SIGNAL (SIGRTMAX - 1) /* the last one is often taken */

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static int64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * SECOND + ts.tv_nsec;
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / SECOND), .tv_nsec = (long)(ns % SECOND)};
}

int64_t ipc_deadline_in(int64_t timeout)
{
	int64_t start;

	if (timeout <= 0)
		return timeout ? IPC_NO_DEADLINE : IPC_NO_WAIT;
	start = now(CLOCK_MONOTONIC);
	return timeout > INT64_MAX - start ? IPC_NO_DEADLINE : start + timeout;
}

int64_t ipc_deadline_left(int64_t deadline)
{
	int64_t left;

	if (deadline == IPC_NO_DEADLINE || deadline == IPC_NO_WAIT)
		return deadline;
	left = deadline - now(CLOCK_MONOTONIC);
	return left > 0 ? left : 0;
}

bool ipc_deadline_passed(int64_t deadline)
{
	return ipc_deadline_left(deadline) == 0;
}

int ipc_deadline_poll(int64_t deadline)
{
	int64_t left = ipc_deadline_left(deadline), ms = left / 1000000 + (left % 1000000 != 0);

	if (deadline == IPC_NO_DEADLINE)
		return -1;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

bool ipc_deadline_relative(int64_t deadline, struct timespec *out)
{
	if (deadline == IPC_NO_DEADLINE)
		return false;
	*out = timespec_of(ipc_deadline_left(deadline));
	return true;
}

bool ipc_deadline_realtime(int64_t deadline, struct timespec *out)
{
	int64_t left = ipc_deadline_left(deadline), start = now(CLOCK_REALTIME);

	if (deadline == IPC_NO_DEADLINE || left > INT64_MAX - start)
		return false;
	*out = timespec_of(start + left);
	return true;
}

/* ---- alarms ------------------------------------------------------------------------------------------------------ */

/* Alarms of the whole process: the signal's disposition is theirs as long as there is one. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned armed;
static struct sigaction before;

static void interrupt(int number)
{
	(void)number;
}

static int take_signal(void)
{
	/* without SA_RESTART: calls shall fail with EINTR */
	struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_ONSTACK};
	int r = 0;

	pthread_mutex_lock(&lock);
	if (!armed && sigaction(ALARM_SIGNAL, &action, &before) < 0)
		r = -errno;
	else
		armed++;
	pthread_mutex_unlock(&lock);
	return r;
}

static void give_signal(void)
{
	pthread_mutex_lock(&lock);
	if (!--armed)
		sigaction(ALARM_SIGNAL, &before, NULL);
	pthread_mutex_unlock(&lock);
}

static int start_timer(struct ipc_alarm *alarm, int64_t deadline)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = ALARM_SIGNAL};
	struct itimerspec when = {.it_interval = timespec_of(AGAIN), .it_value = timespec_of(deadline)};
	int r = 0;

	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	/* EAGAIN: the user has as many signals queued as RLIMIT_SIGPENDING allows. To callers it would mean "would block". */
	if (timer_create(CLOCK_MONOTONIC, &event, &alarm->timer) < 0)
		return errno == EAGAIN ? -ENOBUFS : -errno;
	if (timer_settime(alarm->timer, TIMER_ABSTIME, &when, NULL) < 0) {
		r = -errno;
		timer_delete(alarm->timer);
	}
	return r;
}

int ipc_alarm_arm(struct ipc_alarm *alarm, int64_t deadline)
{
	sigset_t set;
	int r;

	alarm->armed = false;
	if (deadline == IPC_NO_WAIT || deadline == IPC_NO_DEADLINE)
		return 0;
	r = take_signal();
	if (r)
		return r;
	sigemptyset(&set);
	sigaddset(&set, ALARM_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, &alarm->mask);
	r = start_timer(alarm, deadline);
	if (r == 0) {
		alarm->armed = true;
		return 0;
	}
	pthread_sigmask(SIG_SETMASK, &alarm->mask, NULL);
	give_signal();
	return r;
}

int ipc_alarm_fail(struct ipc_ctx *ctx)
{
	struct rlimit limit = {0};

	getrlimit(RLIMIT_SIGPENDING, &limit);
	return ipc_ctx_fail(ctx, -ENOBUFS,
			    "no timer can be had for the timeout: RLIMIT_SIGPENDING allows %" PRIu64
			    " signals and timers of all processes of the user together; raise it (ulimit -i)",
			    (uint64_t)limit.rlim_cur);
}

void ipc_alarm_disarm(struct ipc_alarm *alarm)
{
	if (!alarm->armed)
		return;
	/* A signal that the timer has sent is taken before this returns, while the handler is still there. */
	timer_delete(alarm->timer);
	pthread_sigmask(SIG_SETMASK, &alarm->mask, NULL);
	give_signal();
	alarm->armed = false;
}
