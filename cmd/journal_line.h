/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is recorded of a removal: as a line of JSON, and as a line for syslog. */
#ifndef CMD_JOURNAL_LINE_H
#define CMD_JOURNAL_LINE_H

#include "text.h"

/* What a line may get longer by after room was made for it: its time, where it is saved, and why the object stays. */
#define JOURNAL_LINE_GROWS 512

/* Collect what the lines tell of objects. Before the query runs. */
void journal_line_want(struct ipc_query *query);
/* Who removes, as a JSON object: the same for all lines. */
void journal_line_by(struct text *out);
/* A whole line, with its newline. @by: of journal_line_by(); @saved: where its contents are, or NULL. */
void journal_line_json(struct text *out, const struct ipc_object *object, struct text *by, const char *saved,
		       struct ipc_bytes result);
/* The same for people, without a newline. Every value in quotes is escaped so that it ends at the next quote. */
void journal_line_plain(struct text *out, const struct ipc_object *object);

#endif
