/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Help texts, made of the tables of commands, options, classes and exit codes. */
#ifndef CMD_HELP_H
#define CMD_HELP_H

#include "command.h"

void help_program(struct text *out);
void help_command(struct text *out, const struct command *command);
/* Two lines for somebody who typed no command. */
void help_usage(struct text *out);

#endif
