/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Undo values of a task, as the BPF program writes them and the library reads them. Needs the __u types defined before. */
#ifndef IPC_PEEK_SEM_RECORD_H
#define IPC_PEEK_SEM_RECORD_H

#define PEEK_SEM_PART 128 /* a power of two */
#define PEEK_SEM_COMM 16

struct ipc_peek_sem_record {
	__u64 list; /* which list they are on: tasks may share one */
	__s32 pid;
	__u32 index; /* of the first semaphore */
	__u32 count;
	char comm[PEEK_SEM_COMM]; /* of the process */
	__s16 adjust[PEEK_SEM_PART];
};

/* That a process has undo values for a set, be they 0 at the moment. */
struct ipc_peek_sem_user_record {
	__u32 ns; /* inode of the ipc namespace */
	__s32 id;
	__s32 pid;
	char comm[PEEK_SEM_COMM];
};

#endif
