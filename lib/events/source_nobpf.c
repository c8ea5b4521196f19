/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events by BPF, in a build without it: there are none. */
#include <errno.h>

#include "events/source.h"

int ipc_source_bpf_new(const struct ipc_source_want *want, struct ipc_source **out)
{
	(void)out;
	return ipc_ctx_fail(want->ctx, -ENOTSUP, "this build has no BPF (libbpf, clang and bpftool were missing)");
}
