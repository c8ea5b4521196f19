/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals that would end the program, kept waiting while it has something in hand that must not be lost. What has to
 * wait long does so in slices, and asks in between.
 */
#ifndef CMD_INTERRUPT_H
#define CMD_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

struct interrupt {
	sigset_t held, before;
};

/* To be done first. */
void interrupt_init(struct interrupt *interrupt);
/* From now on they wait: those that are ignored stay ignored. */
void interrupt_hold(struct interrupt *interrupt);
/* Does one wait? */
bool interrupt_came(const struct interrupt *interrupt);
/* Let them come, which ends the program when one waits. Without interrupt_hold() nothing changes. */
void interrupt_release(const struct interrupt *interrupt);

#endif
