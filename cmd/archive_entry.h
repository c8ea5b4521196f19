/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the manifest of an archive tells of an object. */
#ifndef CMD_ARCHIVE_ENTRY_H
#define CMD_ARCHIVE_ENTRY_H

#include <ipctool/change.h>

#include "manifest.h"

/* Fill in what is known before it is dumped. */
void archive_describe(struct manifest_entry *entry, const struct ipc_object *object);
/* "shm-posix-jobs": a name for its file that any shell and any file system takes, other bytes as %HH; perhaps not unique. */
void archive_spell_file(struct text *out, const struct manifest_entry *entry);

#endif
