/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The record of removals: a line for each to syslog, and one of JSON to a file. No removal without its record: room for the
 * line is there before an object goes, and the line is written right after it. So whoever is killed in between has removed
 * one object of which the file does not know; a line ahead of the removal would tell of some that never happened.
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
/* Be sure that the removal of @object can be told. NULL, or why it cannot (borrowed until the next call). */
const char *journal_prepare(struct journal *journal, const struct ipc_object *object);
/*
 * Tell that @object was removed. @saved: the file of the archive that has its contents, or NULL. False after a message,
 * which has the line, when that could not be written.
 */
bool journal_removed(struct journal *journal, const struct ipc_object *object, const char *saved);
/* Finish. CODE_DONE, or the exit code after a message: now, or when a line could not be written. NULL is allowed. */
enum code journal_close(struct journal *journal);

#endif
