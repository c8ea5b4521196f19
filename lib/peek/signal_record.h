/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A queued signal, or the end of a queue, as the BPF program writes it. Needs the __u types defined before. */
#ifndef IPC_PEEK_SIGNAL_RECORD_H
#define IPC_PEEK_SIGNAL_RECORD_H

/* Bytes of the kernel's siginfo, which siginfo_t begins with. */
#define PEEK_SIGNAL_INFO 48

struct ipc_peek_signal_record {
	__s32 tid;       /* whose queue it is; 0: the process's */
	__u8 end;        /* no signal, but the end of the queue */
	__u8 torn;       /* the queue changed while it was walked */
	__u16 sender_at; /* where in the siginfo the kernel has si_pid: a library of another word size cannot read it */
	__u64 pending;   /* with `end`: the set */
	char info[PEEK_SIGNAL_INFO];
};

#endif
