/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Points in time until which a call may wait, and a way to interrupt system calls that know no timeout. */
#ifndef IPC_SOURCES_DEADLINE_H
#define IPC_SOURCES_DEADLINE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "context.h"

#define IPC_NO_WAIT INT64_C(0)
#define IPC_NO_DEADLINE INT64_MAX

/* The deadline @timeout ns from now on CLOCK_MONOTONIC; 0: IPC_NO_WAIT, negative: IPC_NO_DEADLINE. */
int64_t ipc_deadline_in(int64_t timeout);
/* Has it passed? IPC_NO_WAIT always has. */
bool ipc_deadline_passed(int64_t deadline);
/* Nanoseconds that are left: 0 when it has passed, INT64_MAX without one. */
int64_t ipc_deadline_left(int64_t deadline);
/* The same for poll(): milliseconds, rounded up; -1 without one. */
int ipc_deadline_poll(int64_t deadline);
/* What is left, as a relative timespec; returns false (and nothing is written) without a deadline. */
bool ipc_deadline_relative(int64_t deadline, struct timespec *out);
/* The same as an absolute time of CLOCK_REALTIME, as mq_timedsend() wants it. */
bool ipc_deadline_realtime(int64_t deadline, struct timespec *out);

/*
 * For system calls without a timeout (msgrcv, msgsnd, open of a FIFO): while armed, a timer of this thread interrupts them
 * with a signal from the deadline on, again and again so that none slips in between the look at the clock and the
 * call. The caller repeats the call on EINTR until ipc_deadline_passed(). The signal's disposition is replaced while any
 * alarm is armed in the process and restored afterwards; arming costs nothing for IPC_NO_WAIT and IPC_NO_DEADLINE.
 */
struct ipc_alarm {
	timer_t timer;
	sigset_t mask; /* the thread's, to be restored */
	bool armed;
};

/* Returns 0 or -errno; -ENOBUFS: no timer can be had (RLIMIT_SIGPENDING). Never -EAGAIN, -ETIMEDOUT or -EINTR. */
int ipc_alarm_arm(struct ipc_alarm *alarm, int64_t deadline);
/* Fail for -ENOBUFS: with the limit. */
int ipc_alarm_fail(struct ipc_ctx *ctx);
void ipc_alarm_disarm(struct ipc_alarm *alarm);

#endif
