/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Objects that are files, as far as a record tells of them by a path: it is translated into one about the object. Which one that is the
 * book knows, or the file system, as long as the file is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "classes/list.h"
#include "events/monitor.h"
#include "sources/mounts.h"
#include "sources/procfs.h"
#include "sources/unlink.h"

#define BIT(verb) IPC_EVENT_BIT(IPC_EVENT_##verb)
#define RAWS(kind) (1u << IPC_RAW_##kind)
#define SKETCH_LEN strlen("/XXXXXX")

/* ---- what is to be told by path ---------------------------------------------------------------------------------------- */

void ipc_event_ask_paths(struct ipc_settings *settings)
{
	uint32_t named =
		settings->verbs[IPC_RAW_FIFO] | settings->verbs[IPC_RAW_SHM_POSIX] | settings->verbs[IPC_RAW_SEM_POSIX];
	uint32_t *verbs = &settings->verbs[IPC_RAW_PATH];

	/* Names have to be followed to know what is removed. */
	if (named & (BIT(REMOVE) | BIT(CHANGE)) || settings->verbs[IPC_RAW_SOCK_UNIX] & BIT(REMOVE))
		*verbs |= BIT(CHANGE);
	*verbs |= (named | settings->verbs[IPC_RAW_SOCK_UNIX]) & BIT(REMOVE);
	*verbs |= named & BIT(CREATE);
}

/* ---- records ----------------------------------------------------------------------------------------------------------- */

static uint32_t packed_device(uint64_t device)
{
	return (uint32_t)major(device) << 20 | (uint32_t)minor(device);
}

/* @raw as one about an object of @kind called @name, and from now on @renamed, if that is a name. NULL without memory. */
static struct ipc_raw *copy(struct ipc_monitor *monitor, const struct ipc_raw *raw, enum ipc_raw_kind kind,
			    struct ipc_bytes name, struct ipc_bytes renamed)
{
	size_t len = name.len + (renamed.data ? renamed.len + 1 : 0);
	struct ipc_raw *made = NULL;

	if (len <= UINT16_MAX)
		made = ipc_arena_alloc(&monitor->query->run->arena, sizeof(*made) + len + 1);
	if (!made)
		return NULL;
	memcpy(made, raw, offsetof(struct ipc_raw, name));
	made->kind = (uint8_t)kind;
	made->name_is = name.data ? IPC_RAW_NAME_WHOLE : IPC_RAW_NAME_NONE;
	made->name_len = (uint16_t)len;
	made->name_at = made->second = made->second_at = 0;
	made->has &= ~(uint32_t)IPC_RAW_LINKED;
	if (name.data)
		memcpy(made->name, name.data, name.len);
	if (renamed.data) {
		made->name[name.len] = '\0';
		made->second = (uint16_t)(name.len + 1);
		memcpy(made->name + made->second, renamed.data, renamed.len);
	}
	return made;
}

static void identify(struct ipc_raw *raw, const struct ipc_known *known)
{
	/* One that was never looked at has but a number of our own. */
	if (!known || known->unseen)
		return;
	raw->inode = known->key.inode;
	raw->dev = packed_device(known->key.device);
}

static int tell(struct ipc_monitor *monitor, const struct ipc_raw *raw)
{
	return raw ? ipc_event_take_object(monitor, raw) : -ENOMEM;
}

/* ---- the file system ---------------------------------------------------------------------------------------------------- */

static bool is_own(struct ipc_monitor *monitor, const struct ipc_raw *raw)
{
	const struct ipc_ns *ns = ipc_ns_set_find(&monitor->query->run->places, IPC_NS_MNT, raw->ns);

	return ns && ns->own;
}

/* Open @path, of the mount namespace of who did it, to look at. Returns a descriptor or -errno. */
static int open_there(struct ipc_monitor *monitor, const struct ipc_raw *raw, struct ipc_bytes path, int flags)
{
	struct open_how how = {.flags = (uint64_t)(O_PATH | O_CLOEXEC | flags), .resolve = RESOLVE_IN_ROOT};
	bool own = is_own(monitor, raw);
	char text[4096 + 1];
	int root, fd;

	if (path.len >= sizeof(text) || !path.len || path.data[0] != '/' || memchr(path.data, '\0', path.len) ||
	    (!own && !raw->pid))
		return -ENOENT;
	memcpy(text, path.data, path.len);
	text[path.len] = '\0';
	if (own)
		return (fd = open(text, (int)how.flags)) < 0 ? -errno : fd;
	root = ipc_proc_open(monitor->ctx, O_PATH | O_DIRECTORY, "%" PRIu32 "/root", raw->pid);
	if (root < 0)
		return root;
	fd = (int)syscall(SYS_openat2, root, text, &how, sizeof(how));
	fd = fd < 0 ? -errno : fd;
	close(root);
	return fd;
}

/* Is there a FIFO at @path? Then its identity goes to @raw. */
static bool look_for_fifo(struct ipc_monitor *monitor, struct ipc_raw *raw, struct ipc_bytes path)
{
	struct ipc_run *run = monitor->query->run;
	struct ipc_file file;
	bool found = false;
	int fd = open_there(monitor, raw, path, O_NOFOLLOW);

	if (fd < 0)
		return false;
	if (ipc_file_stat(is_own(monitor, raw) ? ipc_run_mounts(run) : NULL, fd, "", false, &file) == 0 &&
	    S_ISFIFO(file.mode)) {
		raw->inode = file.inode;
		raw->dev = packed_device(file.device);
		found = true;
	}
	close(fd);
	return found;
}

/* Where the directory of @path is really: links may lead there. @path itself when that cannot be found out. */
static struct ipc_bytes follow_dir(struct ipc_monitor *monitor, const struct ipc_raw *raw, struct ipc_bytes path)
{
	struct ipc_run *run = monitor->query->run;
	const char *slash = path.len ? memrchr(path.data, '/', path.len) : NULL;
	struct ipc_buf target = {0};
	struct ipc_bytes found = path;
	int fd;

	if (!slash || slash == path.data)
		return path;
	fd = open_there(monitor, raw, (struct ipc_bytes){path.data, (size_t)(slash - path.data)}, O_DIRECTORY);
	if (fd < 0)
		return path;
	if (ipc_proc_link(monitor->ctx, &target, "self/fd/%d", fd) == 0 && target.len && target.data[0] == '/') {
		if (target.len == 1)
			target.len = 0;
		if (ipc_buf_append(&target, slash, path.len - (size_t)(slash - path.data)) == 0)
			found = ipc_arena_bytes(&run->arena, target.data, target.len);
	}
	close(fd);
	ipc_buf_release(&target);
	return found;
}

/* Did the program give more than the name of a file in a directory that was climbed from? Then links may be in it. */
static bool may_have_links(const struct ipc_raw *raw, bool second)
{
	size_t at = second ? (size_t)raw->second + raw->second_at : raw->name_at;
	size_t end = !second && raw->second ? raw->second - 1u : raw->name_len;

	return raw->name_is == IPC_RAW_NAME_BEHIND && at < end && memchr(raw->name + at, '/', end - at);
}

/* The path of @raw, its directory followed. */
static struct ipc_bytes true_path(struct ipc_monitor *monitor, const struct ipc_raw *raw, bool second)
{
	struct ipc_bytes path = ipc_event_path(monitor, raw, second);

	return path.data && may_have_links(raw, second) ? follow_dir(monitor, raw, path) : path;
}

/* ---- the book ------------------------------------------------------------------------------------------------------------ */

static struct ipc_known *find_named(struct ipc_monitor *monitor, const struct ipc_raw *raw, struct ipc_bytes path)
{
	const struct ipc_book *book = &monitor->book;
	struct ipc_bytes name = IPC_NO_BYTES, file;
	enum ipc_raw_kind kind = ipc_event_memory(monitor, path, &name);
	struct ipc_known *known = NULL;

	if (kind)
		known = ipc_book_named(book, 1u << kind, raw->ns, name);
	if (!known && kind == IPC_RAW_SEM_POSIX) {
		file = path;
		file.data += strlen("/dev/shm");
		file.len -= strlen("/dev/shm");
		known = ipc_book_named(book, RAWS(SHM_POSIX), raw->ns, file);
	}
	/* What was put aside is in the book by its path. */
	if (!known)
		known = ipc_book_named(book, RAWS(FIFO) | RAWS(SHM_POSIX) | RAWS(SEM_POSIX), raw->ns, path);
	return known ? known : ipc_book_named(book, RAWS(SOCK_UNIX), IPC_ANY_NS, path);
}

/* Which of the known objects that are files is at the path of @raw, or was; *@path is where, its directory followed if need be. */
static struct ipc_known *find_known(struct ipc_monitor *monitor, const struct ipc_raw *raw, bool second,
				    struct ipc_bytes *path)
{
	struct ipc_known *known = NULL;

	*path = ipc_event_path(monitor, raw, second);
	if (raw->inode && !second)
		known = ipc_book_find(&monitor->book,
				      (struct ipc_key){IPC_SPACE_FILE, ipc_event_device(raw->dev), raw->inode});
	if (!known && path->data)
		known = find_named(monitor, raw, *path);
	if (!known && path->data && may_have_links(raw, second)) {
		*path = follow_dir(monitor, raw, *path);
		known = find_named(monitor, raw, *path);
	}
	return known;
}

/* "/XXXXXX": what sem_open() calls a semaphore that is not ready, which nobody is told of. */
static bool is_sketch(struct ipc_bytes name)
{
	size_t i;

	if (name.len != SKETCH_LEN)
		return false;
	for (i = 1; i < name.len; i++)
		if (!((name.data[i] | 32) >= 'a' && (name.data[i] | 32) <= 'z') &&
		    !(name.data[i] >= '0' && name.data[i] <= '9'))
			return false;
	return true;
}

/* What it is called to everybody else. */
static struct ipc_bytes shown_name(const struct ipc_known *known)
{
	return known->aside.data ? known->aside : known->name;
}

/* ---- names go ------------------------------------------------------------------------------------------------------------ */

static int take_unlinked(struct ipc_monitor *monitor, const struct ipc_raw *raw)
{
	struct ipc_bytes path, name = IPC_NO_BYTES;
	struct ipc_known *known = find_known(monitor, raw, false, &path);
	enum ipc_raw_kind kind;
	struct ipc_raw *made;

	/* It goes on under another name. */
	if (raw->has & IPC_RAW_LINKED && raw->links && !raw->error)
		return 0;
	if (known) {
		made = copy(monitor, raw, known->raw, shown_name(known), IPC_NO_BYTES);
		if (made)
			identify(made, known);
		return tell(monitor, made);
	}
	if (!path.data)
		return 0;
	kind = ipc_event_memory(monitor, path, &name);
	if (kind == IPC_RAW_SEM_POSIX && is_sketch(name))
		return 0;
	if (raw->inode && S_ISFIFO(raw->mode))
		return tell(monitor, copy(monitor, raw, IPC_RAW_FIFO, path, IPC_NO_BYTES));
	/* Of a socket that was bound before the watching began, in a place where nobody looks. */
	if (raw->inode && S_ISSOCK(raw->mode))
		return tell(monitor, copy(monitor, raw, IPC_RAW_SOCK_UNIX, path, IPC_NO_BYTES));
	if (!kind || (raw->inode && !S_ISREG(raw->mode)))
		return 0;
	return tell(monitor, copy(monitor, raw, kind, name, IPC_NO_BYTES));
}

/* ---- names change -------------------------------------------------------------------------------------------------------- */

/* What is put in the place of another file removes that. */
static int take_replaced(struct ipc_monitor *monitor, const struct ipc_raw *raw, const struct ipc_known *known)
{
	struct ipc_bytes path;
	struct ipc_known *replaced = find_known(monitor, raw, true, &path);
	struct ipc_raw *made;

	if (!replaced || replaced == known || raw->error)
		return 0;
	made = copy(monitor, raw, replaced->raw, shown_name(replaced), IPC_NO_BYTES);
	if (made) {
		made->verb = IPC_EVENT_REMOVE;
		/* The record has the inode of the other one. */
		made->inode = made->dev = 0;
		identify(made, replaced);
	}
	return tell(monitor, made);
}

/* The name that `remove` gives to a file for a moment: nobody else is to know it. Or the file gets its own one back. */
static int put_aside(struct ipc_monitor *monitor, struct ipc_known *known, struct ipc_bytes name)
{
	struct ipc_bytes own = shown_name(known);
	char *aside = NULL;

	if (!known->aside.data && own.data) {
		aside = malloc(own.len + 1);
		if (!aside)
			return -ENOMEM;
		memcpy(aside, own.data, own.len);
		known->aside = (struct ipc_bytes){aside, own.len};
	}
	return ipc_book_rename(&monitor->book, known, name);
}

/* The same of one that nothing is known of yet. */
static int put_unknown_aside(struct ipc_monitor *monitor, const struct ipc_raw *raw, struct ipc_bytes from,
			     struct ipc_bytes to)
{
	struct ipc_key key = {IPC_SPACE_FILE, ipc_event_device(raw->dev), raw->inode};
	enum ipc_raw_kind kind = IPC_RAW_NONE;
	struct ipc_bytes name = from;
	struct ipc_known *known;

	if (S_ISFIFO(raw->mode))
		kind = IPC_RAW_FIFO;
	else if (S_ISSOCK(raw->mode))
		kind = IPC_RAW_SOCK_UNIX;
	else if (S_ISREG(raw->mode))
		kind = ipc_event_memory(monitor, from, &name);
	if (!kind || !raw->inode || !from.data || raw->error)
		return 0;
	/* Which socket it is the file of, and where, nobody knows. */
	known = ipc_book_add(&monitor->book, key, kind, kind == IPC_RAW_SOCK_UNIX ? 0 : raw->ns, name);
	return known ? put_aside(monitor, known, to) : -ENOMEM;
}

static int take_back(struct ipc_monitor *monitor, struct ipc_known *known)
{
	int r = ipc_book_rename(&monitor->book, known, known->aside);

	free((void *)known->aside.data);
	known->aside = IPC_NO_BYTES;
	return r;
}

static int tell_moved(struct ipc_monitor *monitor, const struct ipc_raw *raw, enum ipc_event_verb verb,
		      const struct ipc_known *known, enum ipc_raw_kind kind, struct ipc_bytes name)
{
	struct ipc_raw *made = copy(monitor, raw, kind, name, IPC_NO_BYTES);

	if (made) {
		made->verb = (uint8_t)verb;
		identify(made, known);
		if (verb == IPC_EVENT_CREATE)
			made->has |= IPC_RAW_NEW;
	}
	return tell(monitor, made);
}

static int tell_renamed(struct ipc_monitor *monitor, const struct ipc_raw *raw, struct ipc_known *known,
			struct ipc_bytes name)
{
	struct ipc_raw *made = copy(monitor, raw, known->raw, shown_name(known), name);
	struct ipc_key key = known->key;
	int r;

	if (made)
		identify(made, known);
	r = tell(monitor, made);
	known = ipc_book_find(&monitor->book, key);
	if (known && !raw->error && ipc_book_rename(&monitor->book, known, name) < 0)
		r = -ENOMEM;
	/* References that are paths lead elsewhere now. */
	if (made && made->kind == IPC_RAW_FIFO && !raw->error && monitor->query->target_count) {
		ipc_targets_follow(monitor->query, (struct ipc_bytes){made->name, made->second - 1u});
		ipc_targets_follow(monitor->query, name);
	}
	return r;
}

/* A known object of @kind (by its directory and name) becomes one called @to. */
static int move_memory(struct ipc_monitor *monitor, const struct ipc_raw *raw, struct ipc_known *known,
		       struct ipc_bytes to)
{
	struct ipc_bytes name = IPC_NO_BYTES;
	enum ipc_raw_kind kind = ipc_event_memory(monitor, to, &name), was = known->raw;
	struct ipc_known old = *known;
	int r;

	if (kind == was)
		return tell_renamed(monitor, raw, known, name);
	/* It leaves the directory, or what its name says it is. */
	r = tell_moved(monitor, raw, IPC_EVENT_REMOVE, known, was, shown_name(known));
	return r == 0 && kind && !raw->error ? tell_moved(monitor, raw, IPC_EVENT_CREATE, &old, kind, name) : r;
}

/* A directory of /dev/shm, or a link there, is no object. What is gone already was one, for all that is known. */
static bool may_be_file(struct ipc_monitor *monitor, const struct ipc_raw *raw, struct ipc_bytes path)
{
	struct stat st;
	int fd = raw->inode ? -1 : open_there(monitor, raw, path, O_NOFOLLOW);

	if (fd < 0)
		return !raw->inode || S_ISREG(raw->mode);
	if (fstat(fd, &st) < 0)
		st.st_mode = S_IFREG;
	close(fd);
	return S_ISREG(st.st_mode);
}

static int take_renamed(struct ipc_monitor *monitor, const struct ipc_raw *raw)
{
	struct ipc_bytes from, to, name = IPC_NO_BYTES;
	struct ipc_known *known = find_known(monitor, raw, false, &from);
	struct ipc_key key = known ? known->key : (struct ipc_key){0};
	enum ipc_raw_kind kind;
	int r = take_replaced(monitor, raw, known);

	/* What was replaced may be in the book no more. */
	known = known ? ipc_book_find(&monitor->book, key) : NULL;
	to = true_path(monitor, raw, true);
	if (r || !to.data)
		return r;
	if (known && ipc_private_is(to) && !raw->error)
		return put_aside(monitor, known, to);
	if (known && known->aside.data && ipc_private_is(from) && !raw->error)
		return take_back(monitor, known);
	/* It keeps the address that it was bound to, but is removed by its new name. */
	if (known && known->raw == IPC_RAW_SOCK_UNIX)
		return raw->error ? 0 : ipc_book_rename(&monitor->book, known, to);
	if (known && known->raw != IPC_RAW_FIFO)
		return move_memory(monitor, raw, known, to);
	if (known)
		return tell_renamed(monitor, raw, known, to);
	/* Something that was of no interest gets the name of an object. */
	kind = ipc_event_memory(monitor, to, &name);
	if (ipc_private_is(to))
		return put_unknown_aside(monitor, raw, from, to);
	if (kind && !raw->error && may_be_file(monitor, raw, to))
		return tell_moved(monitor, raw, IPC_EVENT_CREATE, NULL, kind, name);
	return 0;
}

/* ---- names come ---------------------------------------------------------------------------------------------------------- */

static int take_linked(struct ipc_monitor *monitor, const struct ipc_raw *raw)
{
	bool two = raw->second != 0;
	struct ipc_bytes from = IPC_NO_BYTES, to = true_path(monitor, raw, two), name = to;
	struct ipc_known *known = two ? find_known(monitor, raw, false, &from) : NULL;
	enum ipc_raw_kind kind;
	struct ipc_raw *made;

	if (!to.data || ipc_private_is(to))
		return 0;
	kind = ipc_event_memory(monitor, to, &name);
	if (raw->inode ? S_ISFIFO(raw->mode) : known && known->raw == IPC_RAW_FIFO)
		kind = IPC_RAW_FIFO;
	if (!kind)
		return 0;
	made = copy(monitor, raw, kind, kind == IPC_RAW_FIFO ? to : name, IPC_NO_BYTES);
	if (made) {
		made->has |= IPC_RAW_NEW;
		if (!raw->inode)
			identify(made, known);
	}
	return tell(monitor, made);
}

/* What is there when the record is read may be another one that got the name since: if so it is known by its own. */
static void look_at_made(struct ipc_monitor *monitor, struct ipc_raw *made, struct ipc_bytes path)
{
	const struct ipc_known *known;

	if (!look_for_fifo(monitor, made, path))
		return;
	known = ipc_book_find(&monitor->book,
			      (struct ipc_key){IPC_SPACE_FILE, ipc_event_device(made->dev), made->inode});
	if (known && !ipc_bytes_equal(known->name, path))
		made->inode = made->dev = 0;
}

static int take_made(struct ipc_monitor *monitor, const struct ipc_raw *raw)
{
	struct ipc_bytes path = true_path(monitor, raw, false);
	struct ipc_raw *made = copy(monitor, raw, IPC_RAW_FIFO, path, IPC_NO_BYTES);

	if (made && path.data && !raw->inode && !raw->error)
		look_at_made(monitor, made, path);
	return tell(monitor, made);
}

/* Somebody waits to open what may be a FIFO, or could not open it. */
static int take_unopened(struct ipc_monitor *monitor, const struct ipc_raw *raw)
{
	struct ipc_bytes path;
	struct ipc_known *known = find_known(monitor, raw, false, &path);
	struct ipc_bytes name = path;
	enum ipc_raw_kind kind;
	struct ipc_raw *made;

	if (!path.data)
		return 0;
	kind = known ? known->raw : raw->inode ? IPC_RAW_FIFO : ipc_event_memory(monitor, path, &name);
	if (kind == IPC_RAW_SOCK_UNIX || (kind && kind != IPC_RAW_FIFO && raw->verb != IPC_EVENT_OPEN))
		return 0;
	made = copy(monitor, raw, kind ? kind : IPC_RAW_FIFO, known ? shown_name(known) : name, IPC_NO_BYTES);
	if (!made)
		return -ENOMEM;
	identify(made, known);
	/* A failure to find anything is not one of a FIFO. */
	if (!kind && (raw->error == ENOENT || !look_for_fifo(monitor, made, path)))
		return 0;
	return tell(monitor, made);
}

/* ---- the whole ----------------------------------------------------------------------------------------------------------- */

bool ipc_event_is_by_path(const struct ipc_raw *raw)
{
	return raw->kind == IPC_RAW_PATH || (raw->kind == IPC_RAW_FIFO && (raw->name_is == IPC_RAW_NAME_BEHIND ||
									   raw->name_is == IPC_RAW_NAME_RELATIVE));
}

int ipc_event_take_path(struct ipc_monitor *monitor, const struct ipc_raw *raw)
{
	if (!ipc_event_place(monitor, monitor->kinds[IPC_RAW_FIFO], raw))
		return 0;
	if (raw->kind == IPC_RAW_FIFO)
		return raw->verb == IPC_EVENT_CREATE ? take_made(monitor, raw) : take_unopened(monitor, raw);
	switch (raw->verb) {
	case IPC_EVENT_REMOVE:
		return take_unlinked(monitor, raw);
	case IPC_EVENT_CHANGE:
		return raw->second ? take_renamed(monitor, raw) : 0;
	case IPC_EVENT_CREATE:
		return take_linked(monitor, raw);
	default:
		return 0;
	}
}

/* ---- who has it open ------------------------------------------------------------------------------------------------------ */

/*
 * Of a pipe's open files the book keeps count. The record says how many there were at its time; two who let go at once may each have seen
 * the other, so that what is left is at most one less than both.
 */
static uint32_t count_close(const struct ipc_raw *raw, struct ipc_known *known)
{
	uint64_t before = known->opens && known->opens < raw->users ? known->opens : raw->users;

	known->opens = before ? before - 1 : 0;
	return known->opens ? 0 : IPC_RAW_LAST;
}

/* Both ends of a FIFO that waited for each other are told of when both are open; the first one told of was the first. */
static uint32_t count_open(const struct ipc_raw *raw, struct ipc_known *known)
{
	bool first = raw->has & IPC_RAW_FIRST && !known->opens;

	/* Whom it waited for is counted by the kernel, and told of later: counted twice until the next one closes. */
	known->opens = known->opens ? known->opens + 1 : raw->users;
	return first ? IPC_RAW_FIRST : 0;
}

uint32_t ipc_event_count_opens(const struct ipc_raw *raw, struct ipc_known *known)
{
	uint32_t has = raw->has;

	if (!known || raw->error || !raw->users || (raw->kind != IPC_RAW_FIFO && raw->kind != IPC_RAW_PIPE))
		return has;
	if (raw->verb == IPC_EVENT_OPEN)
		return (has & ~(uint32_t)IPC_RAW_FIRST) | count_open(raw, known);
	if (raw->verb == IPC_EVENT_CLOSE)
		return (has & ~(uint32_t)IPC_RAW_LAST) | count_close(raw, known);
	return has;
}
