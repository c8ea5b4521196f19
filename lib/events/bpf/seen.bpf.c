/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * BPF: where functions can be watched, what the kernel itself says about a path that a system call was given: which file it leads to, while
 * that is there. The call tells of it when it returns. Security modules are asked about all of these, by functions that have
 * kept their arguments; of a stacked file system both layers ask, the upper one first.
 */
#include "events/bpf/file.bpf.h"

/* The call of the current thread, when it is one about a path, or NULL. */
static __always_inline struct call *call_about(__u8 kind, __u8 verb)
{
	struct call *call = returned();

	return call && call->what.kind == kind && call->what.verb == verb ? call : 0;
}

static __always_inline void keep(struct call *call, struct inode *inode)
{
	call->what.inode = BPF_CORE_READ(inode, i_ino);
	call->what.dev = BPF_CORE_READ(inode, i_sb, s_dev);
	call->kept[0] = BPF_CORE_READ(inode, i_mode);
	call->kept[1] = BPF_CORE_READ((struct inode___uses *)inode, i_nlink);
}

static __always_inline int see(__u8 verb, __u64 dentry_at)
{
	struct dentry *dentry = (struct dentry *)dentry_at;
	struct call *call = call_about(IPC_RAW_PATH, verb);

	if (!call || call->what.inode)
		return 0;
	keep(call, BPF_CORE_READ(dentry, d_inode));
	/* That it goes on under other names is told. */
	if (verb == VERB_REMOVE && call->kept[1])
		call->kept[1]--;
	return 0;
}

SEC("?fentry/security_inode_unlink")
int fn_on_unlink_seen(__u64 *ctx)
{
	return see(VERB_REMOVE, ctx[1]);
}

SEC("?fentry/security_inode_rename")
int fn_on_rename_seen(__u64 *ctx)
{
	return see(VERB_CHANGE, ctx[1]);
}

SEC("?fentry/security_inode_link")
int fn_on_link_seen(__u64 *ctx)
{
	return see(VERB_CREATE, ctx[0]);
}

/* A new inode gets its name: the upper one of a stacked file system last. */
SEC("?fentry/security_d_instantiate")
int fn_on_mknod_seen(__u64 *ctx)
{
	struct call *call = call_about(IPC_RAW_FIFO, VERB_CREATE);
	struct inode *inode = (struct inode *)ctx[1];

	if (call && inode && (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFIFO)
		keep(call, inode);
	return 0;
}

SEC("?fentry/fifo_open")
int fn_on_open_seen(__u64 *ctx)
{
	struct call *call = call_about(IPC_RAW_FIFO, VERB_OPEN);

	if (call)
		keep(call, (struct inode *)ctx[0]);
	return 0;
}
