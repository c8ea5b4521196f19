/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries that are no bytes, as a table for people: kept until it is known how wide the columns are. */
#ifndef CMD_CONTENT_TABLE_H
#define CMD_CONTENT_TABLE_H

#include <ipctool/dump.h>

#include "output.h"

/* Zero-initialised is empty. */
struct content_table {
	const struct ipc_record *record; /* of all its rows */
	struct text pool;                /* cells, each terminated */
	size_t rows;
};

/* Append @piece. A table of other entries is written first. False when nothing more can be written. */
bool content_table_add(struct content_table *table, struct output *out, const struct ipc_piece *piece);
/* Write what there is, under a line of headings, and empty it. */
bool content_table_write(struct content_table *table, struct output *out);
void content_table_release(struct content_table *table);

#endif
