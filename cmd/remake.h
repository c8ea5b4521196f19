/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making one object again of what an archive has of it: wholly or not at all. */
#ifndef CMD_REMAKE_H
#define CMD_REMAKE_H

#include "command.h"
#include "ending.h"
#include "manifest.h"

/* What is made, and what comes of it. Zero-initialised but for the first five; give back with remade_release(). */
struct remade {
	struct app *app;
	int vault; /* the directory of the archive */
	const struct manifest_entry *entry;
	bool parents;          /* make missing directories on the way to a path */
	struct ending *ending; /* asked between messages; a signal undoes the object */
	struct text reference; /* of the new object */
	struct text why;       /* why there is none */
	struct text note;      /* in what it differs from the one that was dumped; empty: in nothing */
	bool left_out;         /* with a reason: it is of a kind that is not made again */
};

/* Returns 0, or -errno with the reason in @remade->why; nothing is there then that was not before. */
int remake(struct remade *remade);
void remade_release(struct remade *remade);

#endif
