/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which objects of a manifest a reference means. */
#ifndef CMD_MANIFEST_INDEX_H
#define CMD_MANIFEST_INDEX_H

#include "manifest.h"

struct manifest_index;

/* Borrows from @manifest. */
struct manifest_index *manifest_index_new(const struct manifest *manifest);
void manifest_index_free(struct manifest_index *index);
/*
 * Mark in @chosen the entries that @reference means, which has the spelling of manifests: those that had this reference or
 * handle when they were dumped; if there are none, those that get this name, key or path. False when there are none either.
 */
bool manifest_index_choose(const struct manifest_index *index, const char *reference, bool *chosen);

#endif
