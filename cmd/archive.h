/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A directory that contents are kept in: one file for each object, and a manifest that says how it can be made again. What
 * `dump --output` writes and `create --restore` reads.
 */
#ifndef CMD_ARCHIVE_H
#define CMD_ARCHIVE_H

#include <ipctool/dump.h>

#include "command.h"
#include "ending.h"
#include "outcome.h"

struct archive;

/*
 * Begin to write into the directory @path, which is made when there is none; one that has a manifest already, or that
 * others may write to, is refused. Signals that @ending keeps waiting break off what takes long. NULL after a message, with
 * the exit code in *@code.
 */
struct archive *archive_create(struct app *app, const char *path, struct ending *ending, enum code *code);
/* Collect what the manifest tells of objects. Before the query runs. */
void archive_want(struct ipc_query *query);
/*
 * Dump @object into a file of its own, and tell of it in the manifest once the file is complete and on disk. CODE_DONE, or
 * the exit code; nothing of the object is left then but messages that were taken out of it. Not to be called where a query
 * looks into other namespaces.
 */
enum code archive_add(struct archive *archive, const struct ipc_object *object, const struct ipc_dump_how *how);
/*
 * The same for an object that is about to be removed: all of it, as it was at one moment, or it fails; a segment that nobody
 * has attached is attached for that, unless it was used since it was collected (CODE_REFUSED). What has no contents and is
 * made again by its program alone (archive_refuses()) is not kept.
 */
enum code archive_keep(struct archive *archive, const struct ipc_object *object);
/* The file of the object that archive_keep() was called for last. NULL when there is none, as for an archive of NULL. */
const char *archive_kept(const struct archive *archive);
/* That object is gone; or it is still there: then nothing of it stays here. NULL is allowed. */
void archive_settle(struct archive *archive, bool gone);
/* Why the last archive_add() or archive_keep() failed. */
const char *archive_why(struct archive *archive);
/* How the last archive_add() went: what could not be reached, for example. */
const struct ipc_dump_result *archive_result(const struct archive *archive);
/* The file of the object that archive_add() kept last; borrowed until the next one. */
const char *archive_file(const struct archive *archive);
/* How many bytes and objects it has so far. */
uint64_t archive_bytes(const struct archive *archive);
uint64_t archive_objects(const struct archive *archive);
/* Finish it, and free it. CODE_DONE, or the exit code after a message. NULL is allowed. Without objects nothing is left. */
enum code archive_close(struct archive *archive);

/* Why no object of @kind is made again; NULL: some are. */
const char *archive_refuses(const struct ipc_kind *kind);

#endif
