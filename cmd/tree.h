/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trees: processes under their objects, sockets under the listener that they came from. */
#ifndef CMD_TREE_H
#define CMD_TREE_H

#include "render.h"

/* What must be collected for a tree, besides the columns; ends with NULL. */
extern const char *const tree_fields[];

/* Draw @set with @renderer, which has branch(). Returns false when nothing more can be written. */
bool tree_draw(struct renderer *renderer, const struct ipc_set *set);

#endif
