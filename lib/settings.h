/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attributes that can be given to objects: the table of them, and a set of values. Users are looked up here, once. */
#ifndef IPC_SETTINGS_H
#define IPC_SETTINGS_H

#include <ipctool/change.h>

/* Bits in `given`, in ipc_changes.create_takes and so on; in the order of the table. */
enum ipc_setting_bit {
	IPC_SET_MODE = 1u << 0,
	IPC_SET_OWNER = 1u << 1,
	IPC_SET_GROUP = 1u << 2,
	IPC_SET_SIZE = 1u << 3,
	IPC_SET_FROM = 1u << 4,
	IPC_SET_KEY = 1u << 5,
	IPC_SET_FTOK = 1u << 6, /* stored as `key` */
	IPC_SET_MAX_BYTES = 1u << 7,
	IPC_SET_MAX_MESSAGES = 1u << 8,
	IPC_SET_MESSAGE_SIZE = 1u << 9,
	IPC_SET_NUMBER = 1u << 10,
	IPC_SET_VALUE = 1u << 11,
	IPC_SET_HUGE = 1u << 12,
	IPC_SET_CAPACITY = 1u << 13,
	IPC_SET_TYPE = 1u << 14,
	IPC_SET_BACKLOG = 1u << 15,
};
#define IPC_SET_PERMS (IPC_SET_MODE | IPC_SET_OWNER | IPC_SET_GROUP)

/* One value of a semaphore set. */
struct ipc_setting_value {
	uint64_t index;
	uint64_t value;
};

enum ipc_socket_type { IPC_SOCKET_STREAM, IPC_SOCKET_DGRAM, IPC_SOCKET_SEQPACKET };

struct ipc_settings {
	struct ipc_ctx *ctx;
	unsigned given; /* IPC_SET_* ; what was not given is zero below */
	uint64_t mode;  /* permission bits, at most 07777 */
	uint64_t owner, group;
	uint64_t size;
	char *from; /* a path, or "-" for standard input */
	uint64_t key;
	uint64_t max_bytes, max_messages, message_size;
	uint64_t number;                  /* semaphores in a set */
	struct ipc_setting_value *values; /* ascending by index; "1,0,3" gives indexes 0, 1, 2 */
	size_t value_count;
	bool indexed;  /* they were given as value[I] */
	uint64_t huge; /* size of a huge page; 0: the default one */
	uint64_t capacity;
	enum ipc_socket_type type;
	uint64_t backlog;
};

struct ipc_setting {
	const char *name;
	const char *form;
	const char *help;
	const char *field; /* of the objects, that shows it; NULL: none, or it is not compared by --exist-ok */
	unsigned bit;
	/* Parse @text into @settings. Returns 0, -EINVAL with text in the context, or -ENOMEM. */
	int (*parse)(struct ipc_settings *settings, const char *text);
};

/* "stream" */
const char *ipc_socket_type_name(enum ipc_socket_type type);
/* The names of the settings in @bits, with commas: for messages. */
const char *ipc_settings_names(unsigned bits, char *out, size_t size);

#endif
