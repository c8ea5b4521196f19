/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the changes of all System V kinds share: whether an object is still the one that was looked at, owner and mode,
 * keys of new objects, and what the kernel's refusals mean. Everything runs in the object's ipc namespace.
 */
#ifndef IPC_CLASSES_SYSV_CHANGE_H
#define IPC_CLASSES_SYSV_CHANGE_H

#include <sys/ipc.h>

#include "classes/change.h"
#include "sources/sysvipc.h"
#include "sources/sysvipc_text.h"

/*
 * Look once more at what @object was: one system call, and no read permission is needed. 0 with @out filled when id, key and change
 * time are the same; -ENOENT (gone), -ESTALE (another one has the id, or it was changed since), or why it could not be
 * read, with text. Call it right before the change: the kernel has no call that compares and changes at once. Not needed
 * when ipc_sysv_just_looked(): the listing itself asked for it a moment (at most a clock tick) ago, and the
 * object goes from there right to its removal. What a query has kept is always looked at again.
 */
bool ipc_sysv_just_looked(const struct ipc_object *object);
int ipc_sysv_again_msg(struct ipc_ctx *ctx, const struct ipc_object *object, struct ipc_sysv_msg *out);
int ipc_sysv_again_sem(struct ipc_ctx *ctx, const struct ipc_object *object, struct ipc_sysv_sem *out);
int ipc_sysv_again_shm(struct ipc_ctx *ctx, const struct ipc_object *object, struct ipc_sysv_shm *out);

/*
 * What IPC_SET of *ctl() is to be given: what @settings has of mode, owner and group, else what @now has. All other
 * members are zero.
 */
struct ipc_perm ipc_sysv_perm_to_set(const struct ipc_settings *settings, const struct ipc_sysv_perm *now);
/* Refuse a mode that these objects cannot have (set-id and sticky bits). 0 or -EINVAL with text. For create() and set(). */
int ipc_sysv_check_mode(struct ipc_ctx *ctx, const struct ipc_settings *settings);

/* The key that *get() is to be given: of the reference or of the settings key and ftok; else IPC_PRIVATE. */
key_t ipc_sysv_new_key(const struct ipc_creation *creation);
/* The locator of what *get() made. 0 or -ENOMEM with text. */
int ipc_sysv_created(struct ipc_creation *creation, int id);
/* The key is taken: its locator, and -EEXIST with text. @what: "a message queue". */
int ipc_sysv_key_taken(struct ipc_creation *creation, const char *what);

/*
 * Fail with @error, a negative errno that a call on an existing object gave, and its meaning: EACCES (@perm's mode
 * forbids it), EPERM (only owner, creator and root), EIDRM and EINVAL (removed: -EIDRM), others by strerror.
 * @what: what was tried, "removing it". EINVAL that means something else is for the caller to tell first.
 */
int ipc_sysv_fail(struct ipc_ctx *ctx, int error, const struct ipc_sysv_perm *perm, const char *what);
/* The same for IPC_SET on an object of @type, where EINVAL also stands for a user or group that there is not. */
int ipc_sysv_fail_set(struct ipc_ctx *ctx, int error, enum ipc_sysv_type type, const struct ipc_sysv_perm *perm);

#endif
