/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages: "ipctool CMD: WHAT: what happened", one escaped line on standard error. */
#ifndef CMD_MESSAGE_H
#define CMD_MESSAGE_H

struct app;

/* @what: the reference or option that it is about, or NULL. Control and non-ASCII bytes are escaped in all of it. */
void complain(const struct app *app, const char *what, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
