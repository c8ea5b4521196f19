/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names that records carry, as paths and names that references are made of. */
#include <string.h>

#include "events/monitor.h"

#define SHM_DIR "/dev/shm/"
#define SEM_PREFIX "sem."

/* ---- paths ----------------------------------------------------------------------------------------------------------- */

/* Names that lead up, the nearest first and each ended by NUL, as a path that leads down. */
static int append_climbed(struct ipc_buf *out, struct ipc_bytes up)
{
	int r = 0;

	if (up.len && up.data[up.len - 1] == '\0')
		up.len--;
	while (r == 0 && up.len) {
		const char *before = memrchr(up.data, '\0', up.len);
		size_t at = before ? (size_t)(before - up.data) + 1 : 0;

		r = ipc_buf_append(out, "/", 1);
		if (r == 0)
			r = ipc_buf_append(out, up.data + at, up.len - at);
		up.len = at ? at - 1 : 0;
	}
	return r;
}

static void drop_last(struct ipc_buf *out)
{
	const char *slash = out->len ? memrchr(out->data, '/', out->len) : NULL;

	out->len = slash ? (size_t)(slash - out->data) : 0;
}

/* A path as it was given: what "." and ".." say is done. Where one before ".." is a link, that is not what the kernel does. */
static int append_given(struct ipc_buf *out, struct ipc_bytes path)
{
	size_t at = 0;
	int r = 0;

	while (r == 0 && at < path.len) {
		const char *slash = memchr(path.data + at, '/', path.len - at);
		struct ipc_bytes part = {path.data + at, slash ? (size_t)(slash - path.data) - at : path.len - at};

		at += part.len + 1;
		if (!part.len || ipc_bytes_equal(part, IPC_BYTES(".")))
			continue;
		if (ipc_bytes_equal(part, IPC_BYTES(".."))) {
			drop_last(out);
			continue;
		}
		r = ipc_buf_append(out, "/", 1);
		if (r == 0)
			r = ipc_buf_append(out, part.data, part.len);
	}
	return r;
}

/* The bytes of the first or second name of @raw, and how many of them lead up. */
static struct ipc_bytes bytes_of(const struct ipc_raw *raw, bool second, size_t *up)
{
	size_t begin = second ? raw->second : 0, end = raw->name_len;

	if (!second && raw->second)
		end = raw->second - 1u;
	*up = second ? raw->second_at : raw->name_at;
	if (begin > end || end > raw->name_len || *up > end - begin)
		return IPC_NO_BYTES;
	return (struct ipc_bytes){raw->name + begin, end - begin};
}

struct ipc_bytes ipc_event_path(struct ipc_monitor *monitor, const struct ipc_raw *raw, bool second)
{
	struct ipc_buf *path = &monitor->path;
	struct ipc_bytes bytes, up;
	size_t climbed;
	int r;

	bytes = bytes_of(raw, second, &climbed);
	if (!bytes.data || raw->name_is == IPC_RAW_NAME_NONE)
		return IPC_NO_BYTES;
	if (raw->name_is == IPC_RAW_NAME_WHOLE || raw->name_is == IPC_RAW_NAME_RELATIVE)
		return bytes; /* of two the first ends before its NUL */
	up = bytes;
	if (raw->name_is == IPC_RAW_NAME_BEHIND)
		up.len = climbed;
	ipc_buf_clear(path);
	r = append_climbed(path, up);
	if (r == 0)
		r = append_given(path, (struct ipc_bytes){bytes.data + up.len, bytes.len - up.len});
	if (r < 0)
		return IPC_NO_BYTES;
	return path->len ? ipc_arena_bytes(&monitor->query->run->arena, path->data, path->len) : IPC_BYTES("/");
}

/* ---- what is in /dev/shm ----------------------------------------------------------------------------------------------- */

enum ipc_raw_kind ipc_event_memory(struct ipc_monitor *monitor, struct ipc_bytes path, struct ipc_bytes *name)
{
	size_t dir = strlen(SHM_DIR), prefix = strlen(SEM_PREFIX);

	if (!path.data || !ipc_bytes_starts(path, SHM_DIR) || path.len == dir ||
	    memchr(path.data + dir, '/', path.len - dir))
		return IPC_RAW_NONE;
	path.data += dir - 1;
	path.len -= dir - 1;
	if (ipc_bytes_starts(path, "/" SEM_PREFIX) && path.len > 1 + prefix) {
		*name = ipc_arena_format(&monitor->query->run->arena, "/%.*s", (int)(path.len - 1 - prefix),
					 path.data + 1 + prefix);
		return IPC_RAW_SEM_POSIX;
	}
	*name = path;
	return IPC_RAW_SHM_POSIX;
}

struct ipc_bytes ipc_event_name(struct ipc_monitor *monitor, const struct ipc_raw *raw)
{
	bool memory = raw->kind == IPC_RAW_SHM_POSIX || raw->kind == IPC_RAW_SEM_POSIX;
	struct ipc_bytes path, name;

	if (raw->name_is == IPC_RAW_NAME_SOCKET)
		return ipc_event_socket_name(&monitor->query->run->arena, raw);
	path = ipc_event_path(monitor, raw, false);
	if (!memory || raw->name_is == IPC_RAW_NAME_WHOLE)
		return path;
	/* A file sem.NAME that is no semaphore is a segment of that name. */
	if (ipc_event_memory(monitor, path, &name) == raw->kind)
		return name;
	/* Reached through another mount, or a root of its own: it has no name here. */
	if (!ipc_bytes_starts(path, SHM_DIR))
		return IPC_NO_BYTES;
	path.data += strlen(SHM_DIR) - 1;
	path.len -= strlen(SHM_DIR) - 1;
	return path;
}
