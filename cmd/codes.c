/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The exit codes: what each means, and how several failures become one. */
#include <errno.h>
#include <stddef.h>

#include "codes.h"

const struct code_entry code_table[] = {
	{CODE_DONE, "done", "done"},
	{CODE_FAILED, "failed", "failed; also a failed write to standard output"},
	{CODE_USAGE, "usage",
	 "bad option, reference or expression, a reference that several objects answer to, a path of another type, "
	 "or a command that this kind does not have"},
	{CODE_PARTIAL, "partial",
	 "objects asked for may be missing, a field named with -o could not be read, events were lost, or several "
	 "objects failed for different reasons"},
	{CODE_MISSING, "missing", "a named object does not exist (any more), or was replaced by another"},
	{CODE_DENIED, "denied", "permission denied"},
	{CODE_REFUSED, "refused", "in use (remove), exists (create), or another run holds the lock"},
	{CODE_TIMEOUT, "timeout", "would block, or timed out"},
	{0, NULL, NULL},
};

enum code code_join(enum code a, enum code b)
{
	if (a == CODE_DONE || a == b)
		return b;
	if (b == CODE_DONE)
		return a;
	return CODE_PARTIAL;
}

enum code code_of_errno(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return CODE_DENIED;
	case ENOENT:
	case ESRCH:
	case EIDRM:
		return CODE_MISSING;
	case EINVAL:
	case ENOTDIR:
		return CODE_USAGE;
	case EAGAIN:
	case ETIMEDOUT:
		return CODE_TIMEOUT;
	case EBUSY:
	case EEXIST:
		return CODE_REFUSED;
	default:
		return CODE_FAILED;
	}
}
