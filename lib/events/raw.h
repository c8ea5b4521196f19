/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What sources of events hand on: plain records. Shared with the BPF programs, which include vmlinux_min.h first; everybody else
 * includes <linux/types.h>.
 */
#ifndef IPC_EVENTS_RAW_H
#define IPC_EVENTS_RAW_H

/* The kinds that events are told of. */
enum ipc_raw_kind {
	IPC_RAW_NONE,
	IPC_RAW_PIPE,
	IPC_RAW_FIFO,
	IPC_RAW_MQ_SYSV,
	IPC_RAW_MQ_POSIX,
	IPC_RAW_SHM_SYSV,
	IPC_RAW_SHM_POSIX,
	IPC_RAW_SHM_MEMFD,
	IPC_RAW_SEM_SYSV,
	IPC_RAW_SEM_POSIX,
	IPC_RAW_SOCK_UNIX,
	IPC_RAW_SOCK_TCP,
	IPC_RAW_SOCK_UDP,
	IPC_RAW_SOCK_OTHER, /* raw, mptcp, sctp, packet, netlink, ...: `family` and `protocol` tell which */
	IPC_RAW_SIGNAL,
	IPC_RAW_PATH, /* not known: what was removed, renamed or linked by its path. The book, or `mode` with an inode, tells */
	IPC_RAW_KINDS
};

/* Which members of a record have a value. */
enum ipc_raw_has {
	IPC_RAW_BYTES = 1u << 0,
	IPC_RAW_TYPE = 1u << 1,     /* number: message type */
	IPC_RAW_PRIORITY = 1u << 2, /* number */
	IPC_RAW_ADJUST = 1u << 3,   /* number: what a semaphore operation adds */
	IPC_RAW_VALUE = 1u << 4,    /* number: what a semaphore is set to */
	IPC_RAW_INDEX = 1u << 5,
	IPC_RAW_MODE = 1u << 6,
	IPC_RAW_SIGNO = 1u << 7, /* number */
	IPC_RAW_ADDRESS = 1u << 8,
	IPC_RAW_WAITED = 1u << 9, /* address: nanoseconds */
	IPC_RAW_FD = 1u << 10,
	IPC_RAW_UNDO = 1u << 11,  /* the operation is to be undone at exit */
	IPC_RAW_FIRST = 1u << 12, /* of the openers that there are */
	IPC_RAW_LAST = 1u << 13,  /* nobody has it open any more */
	IPC_RAW_READ = 1u << 14,  /* access */
	IPC_RAW_WRITE = 1u << 15,
	IPC_RAW_NEW = 1u << 16,    /* it certainly did not exist before */
	IPC_RAW_OLD = 1u << 17,    /* it certainly did; neither: the book decides whether it is a create or an open */
	IPC_RAW_LINKED = 1u << 18, /* `links` names lead to it after this */
	IPC_RAW_PEER = 1u << 19,   /* peer: inode of the other socket, or of the pipe's twin */
	IPC_RAW_LOCAL = 1u << 20,  /* local */
	IPC_RAW_REMOTE = 1u << 21, /* remote */
	IPC_RAW_STATE = 1u << 22,  /* state: TCP_* */
	IPC_RAW_KEY = 1u << 23,
	IPC_RAW_SIZE = 1u << 24,     /* bytes is the size of the object, not of a message */
	IPC_RAW_MESSAGES = 1u << 25, /* index: how many the call passed at once */
	IPC_RAW_BACKLOG = 1u << 26,  /* number */
	IPC_RAW_SHUTDOWN = 1u << 27, /* number: directions, 1: r, 2: w */
	IPC_RAW_MORE = 1u << 28,     /* peer: so many of the same call come behind this one and are not told of */
	IPC_RAW_LOCKED = 1u << 29,   /* a segment is kept in memory */
	IPC_RAW_UNLOCKED = 1u << 30, /* and may be swapped again */
};

/* What the name of a record is. */
enum ipc_raw_name {
	IPC_RAW_NAME_NONE,
	IPC_RAW_NAME_WHOLE,    /* the name, or an absolute path */
	IPC_RAW_NAME_RELATIVE, /* a path as the program gave it; what it is relative to could not be read */
	/*
	 * A path behind a directory: the names of the directories on the way up to the root come first, the nearest first, each ended by
	 * NUL, in `name_at` bytes; then the path as given. The root is that of the mount namespace. What else is called is in `name`
	 * from `second` on, in the same way, with `second_at`.
	 */
	IPC_RAW_NAME_BEHIND,
	/* The names on the way up to the root of the mount namespace, nearest first, the file's own being the first. */
	IPC_RAW_NAME_CLIMBED,
	/*
	 * Of a unix socket, as bytes behind the family in struct sockaddr_un: its own name in `name_at` bytes, and from
	 * IPC_RAW_NAME_PEER to the end the name of the other end. Either may be empty. With `second` that is where its file lies, climbed,
	 * and no other end is named.
	 */
	IPC_RAW_NAME_SOCKET,
};
#define IPC_RAW_NAME_PEER 128

/* An address: enough to print it. */
struct ipc_raw_address {
	__u16 family;   /* 0: none */
	__u16 port;     /* host order; of an XDP socket the queue */
	__u8 bytes[16]; /* as in struct sockaddr_in and _in6; of vsock the CID */
	__u32 scope;    /* interface; of netlink and vsock the port */
};

#define IPC_RAW_COMM 16
#define IPC_RAW_NAME_SMALL 256
#define IPC_RAW_NAME_LARGE 4096

struct ipc_raw {
	__u64 time; /* ns, CLOCK_MONOTONIC */
	__u64 inode;
	__u64 id; /* System V identifier; of a signal the target's pid */
	__u64 bytes;
	__s64 number;
	__u64 address; /* see has */
	__u64 peer;
	__u32 ns;  /* inode of the namespace that the object lives in, 0: host-wide */
	__u32 dev; /* as the kernel packs it: major << 20 | minor */
	__u32 key;
	__u32 mode;
	__u32 index;
	__u32 links;
	__u32 pid, tid; /* as the watcher's /proc numbers them; 0: outside of it */
	__u32 uid;
	__s32 error; /* positive errno of a call that failed, else 0 */
	__s32 fd;
	__u32 has; /* IPC_RAW_* */
	__u8 kind; /* enum ipc_raw_kind */
	__u8 verb; /* enum ipc_event_verb */
	__u8 state;
	__u8 name_is; /* enum ipc_raw_name */
	__u16 name_at;
	__u16 name_len;               /* of all of it, without the last NUL */
	__u16 family, protocol, type; /* of a socket */
	__u16 second;                 /* 0: one name alone; see IPC_RAW_NAME_BEHIND */
	char comm[IPC_RAW_COMM];
	struct ipc_raw_address local, remote;
	__u32 users; /* open files, of a pipe its ends, that there were with this one; 0: not known */
	__u16 second_at, spare;
	__u32 group; /* the process group of who did it, when settings leave one out */
	char name[]; /* name_len bytes */
};

/* ---- what the BPF programs are told ------------------------------------------------------------------------------- */

#define IPC_SETTINGS_NS 16
#define IPC_SETTINGS_UIDS 16
enum { IPC_SETTINGS_IPC, IPC_SETTINGS_NET, IPC_SETTINGS_MNT, IPC_SETTINGS_NS_TYPES };

struct ipc_settings {
	__u32 verbs[IPC_RAW_KINDS]; /* bits 1 << IPC_EVENT_*; 0: not watched */
	__u32 edges[IPC_RAW_KINDS]; /* of open and close only the first and the last */
	__u32 failures;
	__u32 self;   /* pid of the watcher, whose own doings are left out */
	__u32 pid_ns; /* inode of its pid namespace */
	__u32 pid;    /* only this process; 0: all */
	__u32 has_comm;
	char comm[IPC_RAW_COMM]; /* only processes of this name */
	__u32 uid_count;
	__u32 uids[IPC_SETTINGS_UIDS];
	__u32 ns_all;
	__u32 ns_count[IPC_SETTINGS_NS_TYPES];
	__u32 ns[IPC_SETTINGS_NS_TYPES][IPC_SETTINGS_NS];
	__u32 group; /* a process group that is left out as the watcher is; 0: none */
};

/* A file, as the programs know those that the watcher's output goes through. */
struct ipc_raw_file {
	__u64 inode;
	__u32 dev; /* as in struct ipc_raw */
	__u32 spare;
};
#define IPC_RAW_OUTPUTS 64

/* What they count. Mapped into the watcher. */
struct ipc_counts {
	__u64 lost;
	__u64 lost_since; /* ns, CLOCK_MONOTONIC, of the first one that was not told of yet */
};

#endif
