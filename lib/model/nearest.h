/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* "Did you mean": the known word that is one slip of the keyboard away. */
#ifndef IPC_MODEL_NEAREST_H
#define IPC_MODEL_NEAREST_H

#include <stdbool.h>

#define IPC_NEAREST_SIZE 40

typedef bool (*ipc_nearest_known)(const char *word, void *data);

/*
 * Write to @out the first word that @known accepts and that differs from @word by one letter missing, wrong or extra,
 * or by two neighbours swapped. Returns false when there is none, or @word is too long or too short to guess.
 */
bool ipc_nearest(const char *word, ipc_nearest_known known, void *data, char out[IPC_NEAREST_SIZE]);

#endif
