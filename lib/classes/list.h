/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kinds by number, for whoever keeps a set of them. */
#ifndef IPC_CLASSES_LIST_H
#define IPC_CLASSES_LIST_H

#include "classes/classes.h"

#define IPC_KINDS_MAX 64

size_t ipc_kind_count(void);
const struct ipc_kind *ipc_kind_at(size_t index);   /* NULL past the end */
size_t ipc_kind_index(const struct ipc_kind *kind); /* ipc_kind_count() when it is none */

#endif
