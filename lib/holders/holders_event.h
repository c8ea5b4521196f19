/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One fd or mapping, as the BPF programs write it and the library reads it. Needs the __u types defined before. */
#ifndef IPC_HOLDERS_EVENT_H
#define IPC_HOLDERS_EVENT_H

struct ipc_holders_event {
	__u64 inode;
	__u32 pid; /* the thread group's, in the reader's pid namespace */
	__s32 fd;  /* -1: a mapping */
	__u16 mode;
	__u16 path_len; /* bytes of path that follow, without a terminator; 0: none, or not to be had here */
	__u8 space;     /* enum ipc_space */
	__u8 access;
	__u8 shared;
	__u8 attach;
	/* What follows is left out for pipes and sockets, of which there are the most. */
	__u32 device; /* major << 20 | minor, as the kernel keeps it; SHM: the ipc namespace's inode; NS: its type */
	__u32 reserved;
	__u64 addr;
	__u64 end; /* of the mapping */
};

#define EVENT_HEAD __builtin_offsetof(struct ipc_holders_event, device)
#define EVENT_SIZE(space) \
	((space) == EVENT_PIPE || (space) == EVENT_SOCKET ? EVENT_HEAD : sizeof(struct ipc_holders_event))

/* One of the objects that alone are wanted; device as above. */
struct ipc_holders_event_key {
	__u64 inode;
	__u32 device;
	__u32 space;
};

/* As enum ipc_space has them; the library checks that they are the same. */
enum {
	EVENT_FILE = 1,
	EVENT_PIPE,
	EVENT_SOCKET,
	EVENT_MEMFD,
	EVENT_ANON,
	EVENT_SHM,
	EVENT_NS = 9,
};

/* As enum ipc_ns_type has them. */
enum {
	EVENT_NS_IPC = 1,
	EVENT_NS_NET,
	EVENT_NS_MNT,
};

#endif
