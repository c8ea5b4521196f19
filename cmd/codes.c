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
	 "objects asked for may be missing, a field named with -o could not be read, events were lost or a command of --exec "
	 "failed (monitor), or several objects failed for different reasons"},
	{CODE_MISSING, "missing", "a named object does not exist (any more), or was replaced by another"},
	{CODE_DENIED, "denied", "permission denied"},
	{CODE_REFUSED, "refused", "in use (remove), exists (create), or another run holds the lock"},
	{CODE_TIMEOUT, "timeout", "would block, or timed out; what monitor --until waits for did not happen"},
	{CODE_COMMAND_TIMEOUT, "command-timeout", "with -- COMMAND: would block, or timed out; COMMAND was not run"},
	{CODE_COMMAND_FAILED, "command-failed", "with -- COMMAND: ipctool failed; COMMAND was not run"},
	{CODE_NOT_EXECUTABLE, "not-executable", "with -- COMMAND: COMMAND cannot be executed"},
	{CODE_NOT_FOUND, "not-found", "with -- COMMAND: COMMAND was not found"},
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
	case ESTALE:
		return CODE_MISSING;
	case EINVAL:
	case ENOTDIR:
	case ENOTSUP: /* this kind has no such verb; what the kernel cannot is ENOSYS */
		return CODE_USAGE;
	case EAGAIN:
	case ETIMEDOUT:
		return CODE_TIMEOUT;
	case EBUSY:
	case EEXIST:
	case EADDRINUSE:
		return CODE_REFUSED;
	default:
		return CODE_FAILED;
	}
}

enum code code_before_command(enum code code)
{
	return code == CODE_TIMEOUT ? CODE_COMMAND_TIMEOUT : CODE_COMMAND_FAILED;
}
