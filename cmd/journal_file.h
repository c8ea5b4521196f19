/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that lines are appended to: each whole, and with room for it before what it tells of is done. */
#ifndef CMD_JOURNAL_FILE_H
#define CMD_JOURNAL_FILE_H

#include <stdbool.h>

#include "codes.h"
#include "command.h"

struct journal_file {
	int fd; /* -1: none */
	bool regular;
	bool own;    /* opened by name, rather than given by the caller of the program */
	bool broken; /* its last byte ends no line, so the next one begins with a newline */
	bool slow;   /* its reader has let us wait once */
};

/*
 * Open @path, which is made when there is none. A descriptor of the program by its name (/dev/stderr, /dev/fd/N) is used as
 * it is. CODE_DONE, or the exit code after a message; close it in any case.
 */
enum code journal_file_open(struct journal_file *file, const struct app *app, const char *path);
/* Is there room for @len bytes? They are set aside where the file system can do that. 0, or a positive errno. */
int journal_file_reserve(struct journal_file *file, size_t len);
/* Append @line, whole or not at all. 0, or a positive errno. */
int journal_file_append(struct journal_file *file, const struct text *line);
/* To the disk. 0, or a positive errno. Once more does nothing. */
int journal_file_close(struct journal_file *file);

#endif
