/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dumping object after object: into a format or an archive, with what went wrong told and remembered. */
#ifndef CMD_DUMPING_H
#define CMD_DUMPING_H

#include "archive.h"
#include "chosen.h"
#include "content.h"
#include "ending.h"

/* Of these either `content` or `archive` is set. */
struct dumping {
	struct app *app;
	struct content *content;
	struct archive *archive;
	bool tells_cut;          /* the format itself does not */
	bool quiet;              /* say nothing of what was kept in the archive */
	struct ipc_dump_how how; /* but for the flags */
	unsigned marks;          /* IPC_DUMP_* flags that were asked for */
	uint64_t most;           /* bytes of each object; 0: all */
	const struct chosen *chosen;
	struct ending *ending;
	struct outcome *outcome;
	bool incomplete; /* something could not be read */

	/* Of the object under way; private. */
	const struct ipc_object *object;
	struct text ref;
	struct ipc_dump_result result;
	bool opened, any, cut;
	uint64_t given;
};

/* Dump @object. False when the output takes nothing more, or a signal ends it. */
bool dumping_add(struct dumping *dumping, const struct ipc_object *object);
void dumping_release(struct dumping *dumping);

#endif
