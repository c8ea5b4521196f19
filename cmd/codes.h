/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The exit codes, once for all commands. */
#ifndef CMD_CODES_H
#define CMD_CODES_H

enum code {
	CODE_DONE = 0,
	CODE_FAILED = 1,
	CODE_USAGE = 2,
	CODE_PARTIAL = 3,
	CODE_MISSING = 4,
	CODE_DENIED = 5,
	CODE_REFUSED = 6,
	CODE_TIMEOUT = 7,
	/* with a command to be run: everything else is that command's own */
	CODE_COMMAND_TIMEOUT = 124,
	CODE_COMMAND_FAILED = 125,
	CODE_NOT_EXECUTABLE = 126,
	CODE_NOT_FOUND = 127,
};

struct code_entry {
	enum code code;
	const char *name;
	const char *help;
};

extern const struct code_entry code_table[]; /* ends with name NULL */

/* Two outcomes together: failures of one cause keep its code, those of different causes are CODE_PARTIAL. */
enum code code_join(enum code a, enum code b);
/* The code of a failure before the command that was to be run. */
enum code code_before_command(enum code code);
/* The code for a positive @error of a call about something that the user named. */
enum code code_of_errno(int error);

#endif
