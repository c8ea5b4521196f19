/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sock_diag dumps through libmnl: one request, many answers. */
#ifndef IPC_SOURCES_NETLINK_H
#define IPC_SOURCES_NETLINK_H

#include <linux/netlink.h>

#include "context.h"

/* Called for each answer, already checked to hold at least @min payload bytes. Non-zero stops the dump. */
typedef int (*ipc_diag_fn)(const struct nlmsghdr *nlh, void *data);

struct ipc_diag;

/*
 * A NETLINK_SOCK_DIAG socket of the network namespace that the thread is in; it stays there. Returns 0 or -errno. In
 * a captured tree there is no socket: dumps are read from ROOT/netlink/NAME.bin, raw messages one behind the other as
 * the kernel sent them.
 */
int ipc_diag_open(struct ipc_ctx *ctx, struct ipc_diag **out);
void ipc_diag_close(struct ipc_diag *diag); /* NULL is allowed */
/* The port of its own socket, which no answer should show as an object of the host; 0 in a captured tree. */
uint32_t ipc_diag_port(const struct ipc_diag *diag);
/*
 * Dump with @request (struct inet_diag_req_v2, unix_diag_req, ..., with attributes behind it if there are any) of
 * @size bytes. @name: of the captured file, without ".bin": "unix", "tcp-4".
 *
 * Returns 0, what @fn returned, IPC_DIAG_PARTIAL, or -errno: -ENOENT, -EOPNOTSUPP or -EINVAL when the kernel cannot
 * dump such sockets, -EBADMSG for an answer that breaks off in the middle, -EAGAIN for one that never came.
 *
 * Streaming and retry: answers are held back until the dump has ended or 256 KiB have come, and up to there an
 * interrupted dump (NLM_F_DUMP_INTR, ENOBUFS) is begun again, four times at most, without @fn having seen anything. A
 * larger dump streams: memory stays small and the first object comes early; if that one is interrupted it is not
 * repeated, but reported as IPC_DIAG_PARTIAL. Linux 6.18 sets the flag for no family of sock_diag, so this
 * costs nothing; what they do under load is to give a socket twice, or to leave one out, where sockets come and go
 * beside the place that the dump has reached. @fn tells duplicates by the cookie.
 *
 * sock_diag may load the kernel module that dumps a family ("net-pf-16-proto-4-type-..."). Such a module only reads,
 * and the kernel loads it only for a family that exists, with one exception: for IPv6 and a protocol that does not
 * exist it would pull in the protocol itself (SCTP, DCCP). Callers look at /proc/net/protocols before they ask for
 * those.
 */
int ipc_diag_dump(struct ipc_diag *diag, const char *name, const void *request, size_t size, size_t min, ipc_diag_fn fn,
		  void *data);
#define IPC_DIAG_PARTIAL (-ESTALE)

/*
 * From now on @ahead is told a number of each of the next answers (some tens, that are at hand already) before @fn gets
 * them one by one: the 32 bits behind the first @at bytes of the payload.
 */
void ipc_diag_look_ahead(struct ipc_diag *diag, size_t at,
			 void (*ahead)(const uint32_t *numbers, size_t count, void *data), void *data);

/*
 * Ask about one socket (@type SOCK_DIAG_BY_FAMILY: @fn gets what is told of it, or is NULL), or end it (SOCK_DESTROY).
 * @request as above, with the cookie in it, so that it is that socket or none. Returns 0, what @fn returned, or -errno as
 * the kernel has it: -ENOENT or -ESTALE when there is no such socket, -EOPNOTSUPP when it cannot, -EPERM. Live only.
 */
int ipc_diag_one(struct ipc_diag *diag, unsigned type, const void *request, size_t size, size_t min, ipc_diag_fn fn,
		 void *data);

/*
 * The attributes behind the first @fixed payload bytes: @table[type] for types below @count, NULL for those that are
 * absent. One that is shorter than @least[type] or reaches beyond the message counts as absent; of equal ones the
 * first counts.
 */
void ipc_diag_attributes(const struct nlmsghdr *nlh, size_t fixed, const struct nlattr **table, const uint16_t *least,
			 size_t count);

#endif
