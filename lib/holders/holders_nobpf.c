/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In the place of holders_bpf.c where the build has no BPF: /proc is the only source of holders. */
#include <errno.h>

#include "holders/holders_index.h"

bool ipc_holders_bpf_built(void)
{
	return false;
}

int ipc_holders_read_bpf(struct ipc_ctx *ctx, const struct ipc_holders_want *want, struct ipc_holders *holders)
{
	(void)want;
	(void)holders;
	return ipc_ctx_fail(ctx, -ENOTSUP, "this build has no BPF support; holders can be read from proc");
}
