/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What System V objects share. */
#ifndef IPC_CLASSES_SYSV_H
#define IPC_CLASSES_SYSV_H

#include "classes/classes.h"
#include "model/idset.h"
#include "sources/sysvipc.h"

/* Fill the common fields of @object, which is found under @space. */
void ipc_sysv_fill(struct ipc_run *run, struct ipc_object *object, const struct ipc_sysv_perm *perm,
		   enum ipc_space space);
/*
 * The ids asked for, when the query asks @kind for nothing else: true and @ids filled (to be released), so that
 * thousands of others need not be read. False: list all of them.
 */
bool ipc_sysv_asked_ids(struct ipc_run *run, const struct ipc_kind *kind, struct ipc_idset *ids);
/* The id, and the key when it has one. */
void ipc_sysv_names(const struct ipc_object *object, struct ipc_names *names);
/*
 * Evidence and true when waiters may hide. Unlike ipc_judge_blind() it asks for no file descriptors, which these
 * objects do not have.
 */
bool ipc_sysv_blind(struct ipc_run *run);
/* The state of an object that nobody waits for, by the fate of all users on record. */
enum ipc_state ipc_sysv_state(struct ipc_run *run, struct ipc_object *object, bool alive, bool unknown, bool dead);

#endif
