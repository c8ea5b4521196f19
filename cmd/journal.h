/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record of removals: a line for each to syslog, and one of JSON to a file. No removal without its record: the file gets
 * its line before an object goes, and a second one when it stays after all. So whoever is killed in between leaves one line
 * too many, which can be checked; one too few could not. syslog is told afterwards.
 */
#ifndef CMD_JOURNAL_H
#define CMD_JOURNAL_H

#include "codes.h"
#include "command.h"

struct journal;

/*
 * @file: JSON lines are appended to it; NULL: to none. @syslog: tell syslog. NULL after a message, with the exit code in
 * *@code.
 */
struct journal *journal_open(struct app *app, const char *file, bool syslog, enum code *code);
/* Collect what is told of objects. Before the query runs. */
void journal_want(struct ipc_query *query);
/* Be sure that there is room for all that may be told of @object. NULL, or why not (borrowed until the next call). */
const char *journal_prepare(struct journal *journal, const struct ipc_object *object);
/*
 * Tell the file that @object is about to be removed; journal_settle() follows. @saved: the file of the archive that has its
 * contents, or NULL. NULL, or why it could not be told (borrowed until the next call).
 */
const char *journal_announce(struct journal *journal, const struct ipc_object *object, const char *saved);
/*
 * What came of @object: "removed" is told to syslog; any other @result is told to the file, if the removal was announced.
 * False after a message, which has the line, when that could not be written.
 */
bool journal_settle(struct journal *journal, const struct ipc_object *object, struct ipc_bytes result);
/* Is the file that of @fd? */
bool journal_is_file(const struct journal *journal, int fd);
/* Finish. CODE_DONE, or the exit code after a message: now, or when a line could not be written. NULL is allowed. */
enum code journal_close(struct journal *journal);

#endif
