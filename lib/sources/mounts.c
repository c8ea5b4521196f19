/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The mount table by id and by path, as a path walk of the kernel would go through it. */
#include "sources/mounts.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define NONE SIZE_MAX

struct ipc_mounts {
	struct ipc_buf text; /* mountinfo: the strings of the items are decoded in place */
	struct ipc_mount *items;
	size_t count;
	size_t longest;    /* path of a mount: where walks go further down, nothing is looked up */
	size_t *by_id;     /* index + 1, open addressing */
	size_t *by_path;   /* head of the chain through ipc_mount.next, keyed by parent and path */
	size_t *by_device; /* head of the chain through ipc_mount.next_device, in the order of the table */
	size_t size;       /* of all three, a power of two */
	bool live;
};

/* File systems without a block device that live in this kernel alone. Any other of that sort may wait for somebody. */
static const char *const local_types[] = {
	"aufs",   "bcachefs",   "btrfs",   "devtmpfs", "ecryptfs", "erofs",   "overlay", "ramfs",
	"rootfs", "rpc_pipefs", "shiftfs", "tmpfs",    "ubifs",    "unionfs", "zfs",
};
/* The same, where nobody can make a FIFO or bind a socket. */
static const char *const bare_types[] = {
	"binder", "binfmt_misc", "bpf",        "cgroup",    "cgroup2", "configfs", "cpuset",  "debugfs",
	"devpts", "efivarfs",    "fusectl",    "hugetlbfs", "mqueue",  "nfsd",     "nsfs",    "proc",
	"pstore", "resctrl",     "securityfs", "selinuxfs", "smackfs", "sysfs",    "tracefs",
};
/* On a block device, and yet another machine or process has to answer. */
static const char *const shared_types[] = {"fuseblk", "gfs2", "ocfs2"};

#define LISTED(list, type) is_listed(list, sizeof(list) / sizeof((list)[0]), type)

static bool is_listed(const char *const *list, size_t count, const char *type)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(list[i], type) == 0)
			return true;
	return false;
}

static void classify(struct ipc_mount *mount)
{
	mount->bare = LISTED(bare_types, mount->type);
	if (major(mount->device))
		mount->local = !LISTED(shared_types, mount->type) && strncmp(mount->type, "fuse.", 5) != 0;
	else
		mount->local = mount->bare || LISTED(local_types, mount->type);
}

/* The next word of the line, terminated in place; NULL at its end. */
static char *take_word(char **at)
{
	char *word = *at, *end;

	if (!word || !*word)
		return NULL;
	end = strchr(word, ' ');
	if (end)
		*end++ = '\0';
	*at = end;
	return word;
}

static void decode(char *word)
{
	word[ipc_proc_decode(word, strlen(word), " \t\n\\#")] = '\0';
}

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": the optional words end with a dash. */
static bool parse_line(char *line, struct ipc_mount *out)
{
	unsigned dev_major, dev_minor;
	char *word;

	memset(out, 0, sizeof(*out));
	if (!(word = take_word(&line)) || sscanf(word, "%" SCNu64, &out->id) != 1)
		return false;
	if (!(word = take_word(&line)) || sscanf(word, "%" SCNu64, &out->parent) != 1)
		return false;
	if (!(word = take_word(&line)) || sscanf(word, "%u:%u", &dev_major, &dev_minor) != 2)
		return false;
	out->device = makedev(dev_major, dev_minor);
	out->root = take_word(&line);
	out->path = take_word(&line);
	if (!out->root || !out->path)
		return false;
	do {
		word = take_word(&line);
	} while (word && strcmp(word, "-") != 0);
	out->type = take_word(&line);
	if (!word || !out->type)
		return false;
	decode(out->root);
	decode(out->path);
	decode(out->type);
	classify(out);
	return true;
}

static int parse(struct ipc_mounts *mounts)
{
	char *line = mounts->text.data, *end;
	size_t room = 0;

	for (; line && *line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		if (mounts->count == room) {
			size_t more = room ? 2 * room : 64;
			struct ipc_mount *grown = realloc(mounts->items, more * sizeof(*grown));

			if (!grown)
				return -ENOMEM;
			mounts->items = grown;
			room = more;
		}
		if (parse_line(line, &mounts->items[mounts->count]))
			mounts->count++;
	}
	return 0;
}

static size_t id_place(const struct ipc_mounts *mounts, uint64_t id)
{
	size_t at = ipc_hash(&id, sizeof(id)) & (mounts->size - 1);

	while (mounts->by_id[at] && mounts->items[mounts->by_id[at] - 1].id != id)
		at = (at + 1) & (mounts->size - 1);
	return at;
}

static size_t path_place(const struct ipc_mounts *mounts, uint64_t parent, const char *path, size_t len)
{
	return (ipc_hash(path, len) ^ ipc_hash(&parent, sizeof(parent))) & (mounts->size - 1);
}

static size_t device_place(const struct ipc_mounts *mounts, uint64_t device)
{
	return ipc_hash(&device, sizeof(device)) & (mounts->size - 1);
}

/* In a chroot the mount that the root directory is on is not shown: what stands on it has no parent here. */
static uint64_t parent_of(const struct ipc_mounts *mounts, const struct ipc_mount *mount)
{
	return mount->parent != mount->id && ipc_mounts_find(mounts, mount->parent) ? mount->parent : 0;
}

static int make_tables(struct ipc_mounts *mounts)
{
	size_t i, at;

	for (mounts->size = 16; mounts->size < 2 * mounts->count; mounts->size *= 2)
		;
	mounts->by_id = calloc(mounts->size, sizeof(*mounts->by_id));
	mounts->by_path = malloc(mounts->size * sizeof(*mounts->by_path));
	mounts->by_device = malloc(mounts->size * sizeof(*mounts->by_device));
	if (!mounts->by_id || !mounts->by_path || !mounts->by_device)
		return -ENOMEM;
	for (i = 0; i < mounts->size; i++)
		mounts->by_path[i] = mounts->by_device[i] = NONE;
	for (i = 0; i < mounts->count; i++)
		mounts->by_id[id_place(mounts, mounts->items[i].id)] = i + 1;
	for (i = 0; i < mounts->count; i++)
		mounts->items[i].parent = parent_of(mounts, &mounts->items[i]);
	for (i = 0; i < mounts->count; i++) {
		struct ipc_mount *mount = &mounts->items[i];
		size_t len = strlen(mount->path);

		if (len > mounts->longest)
			mounts->longest = len;
		at = path_place(mounts, mount->parent, mount->path, len);
		mount->next = mounts->by_path[at];
		mounts->by_path[at] = i;
	}
	for (i = mounts->count; i-- > 0;) {
		at = device_place(mounts, mounts->items[i].device);
		mounts->items[i].next_device = mounts->by_device[at];
		mounts->by_device[at] = i;
	}
	return 0;
}

/* Makes the table of what @path of /proc says; @other is tried where that is missing, unless it is NULL. */
static int make(struct ipc_ctx *ctx, const char *path, const char *other, struct ipc_mounts **out)
{
	struct ipc_mounts *mounts;
	int r;

	mounts = calloc(1, sizeof(*mounts));
	if (!mounts)
		return -ENOMEM;
	mounts->live = !ctx->captured;
	r = ipc_proc_read(ctx, &mounts->text, "%s", path);
	if (r == -ENOENT && other)
		r = ipc_proc_read(ctx, &mounts->text, "%s", other);
	if (r == 0)
		r = parse(mounts);
	if (r == 0)
		r = make_tables(mounts);
	if (r < 0)
		ipc_mounts_free(mounts);
	else
		*out = mounts;
	return r;
}

int ipc_mounts_new(struct ipc_ctx *ctx, struct ipc_mounts **out)
{
	if (ctx->captured)
		return make(ctx, "self/mountinfo", "1/mountinfo", out);
	/* A thread may stand in another mount namespace than its process. */
	return make(ctx, "thread-self/mountinfo", NULL, out);
}

int ipc_mounts_new_of(struct ipc_ctx *ctx, int64_t pid, struct ipc_mounts **out)
{
	char path[48];

	snprintf(path, sizeof(path), "%" PRId64 "/mountinfo", pid);
	return make(ctx, path, NULL, out);
}

void ipc_mounts_free(struct ipc_mounts *mounts)
{
	if (!mounts)
		return;
	ipc_buf_release(&mounts->text);
	free(mounts->items);
	free(mounts->by_id);
	free(mounts->by_path);
	free(mounts->by_device);
	free(mounts);
}

bool ipc_mounts_live(const struct ipc_mounts *mounts)
{
	return mounts->live;
}

size_t ipc_mounts_count(const struct ipc_mounts *mounts)
{
	return mounts->count;
}

const struct ipc_mount *ipc_mounts_get(const struct ipc_mounts *mounts, size_t index)
{
	return index < mounts->count ? &mounts->items[index] : NULL;
}

const struct ipc_mount *ipc_mounts_find(const struct ipc_mounts *mounts, uint64_t id)
{
	size_t at = mounts->by_id[id_place(mounts, id)];

	return at ? &mounts->items[at - 1] : NULL;
}

const struct ipc_mount *ipc_mounts_of_device(const struct ipc_mounts *mounts, uint64_t device)
{
	size_t i = mounts->by_device[device_place(mounts, device)];

	while (i != NONE && mounts->items[i].device != device)
		i = mounts->items[i].next_device;
	return i != NONE ? &mounts->items[i] : NULL;
}

/* The mount on @parent at the first @len bytes of @path, or NULL. */
static const struct ipc_mount *mounted_at(const struct ipc_mounts *mounts, uint64_t parent, const char *path,
					  size_t len)
{
	size_t i = mounts->by_path[path_place(mounts, parent, path, len)];

	for (; i != NONE; i = mounts->items[i].next) {
		const struct ipc_mount *mount = &mounts->items[i];

		if (mount->parent == parent && strlen(mount->path) == len && memcmp(mount->path, path, len) == 0)
			return mount;
	}
	return NULL;
}

static const struct ipc_mount *enter(const struct ipc_mounts *mounts, const struct ipc_mount *in, const char *path,
				     size_t len)
{
	const struct ipc_mount *top;
	size_t bound;

	if (len > mounts->longest)
		return in;
	/* Mounts may be stacked; no stack is higher than the table, whatever a captured one says. */
	for (bound = mounts->count; bound && (top = mounted_at(mounts, in ? in->id : 0, path, len)); bound--)
		in = top;
	return in;
}

const struct ipc_mount *ipc_mounts_enter(const struct ipc_mounts *mounts, const struct ipc_mount *in, const char *path)
{
	return enter(mounts, in, path, strlen(path));
}

const struct ipc_mount *ipc_mounts_of_path(const struct ipc_mounts *mounts, const char *path)
{
	const struct ipc_mount *in = enter(mounts, NULL, "/", 1);
	const char *at = path;

	while (*at) {
		at += strspn(at, "/");
		if (!*at)
			break;
		at += strcspn(at, "/");
		in = enter(mounts, in, path, (size_t)(at - path));
	}
	return in;
}
