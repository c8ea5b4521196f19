/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why the programs that tell of events cannot be had: one sentence that names what is missing. */
#ifndef IPC_EVENTS_BPF_REFUSAL_H
#define IPC_EVENTS_BPF_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

struct ipc_ctx;

/* What was being done. */
enum ipc_bpf_step {
	IPC_BPF_LOADING,
	IPC_BPF_NUMBERING, /* asking tracefs which tracepoints there are */
	IPC_BPF_ATTACHING,
	IPC_BPF_READING,
};

struct ipc_bpf_refusal {
	enum ipc_bpf_step step;
	bool functions; /* programs behind functions, not tracepoints, were what it was about */
	uint64_t room;  /* bytes of the ring */
};

/* Put the text for @error, which is negative, into @ctx. Returns -EPERM (a privilege is missing), -ENOMEM, or -ENOTSUP. */
int ipc_bpf_refuse(struct ipc_ctx *ctx, const struct ipc_bpf_refusal *refusal, int error);

#endif
