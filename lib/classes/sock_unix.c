/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unix sockets by unix_diag: names, files, peers, listeners. */
#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "classes/contents.h"
#include "classes/sock_events.h"
#include "classes/sock_few.h"
#include "classes/sock_unix.h"
#include "events/monitor.h"
#include "model/reference.h"
#include "sources/mounts.h"

#define LOOKS 3

/*
 * Sockets that are asked for one by one. For each the kernel goes through its table up to there, which takes a fifth of the time
 * that it takes to tell of all.
 */
#define ALONE_MOST 4

/* Listening sockets by the address that their connections share with them. */
struct listener {
	uint64_t file; /* of a path */
	size_t name;   /* of an abstract address: offset and length in `names` */
	size_t len;
	uint64_t inode; /* 0: several listen there, so nobody knows which of them accepted */
};

struct listeners {
	struct listener *items;
	size_t count, room;
	struct ipc_buf names;
};

struct unix_walk {
	struct ipc_sock_walk base;
	struct listeners listeners;
	struct ipc_unix_files files;
	struct ipc_sock_few few;
	struct ipc_buf answer; /* about one of these */
	uint64_t found;        /* sockets that are asked for, as far as their numbers tell */
	bool named_only;
	bool by_name; /* nothing but sockets of certain names is asked for */
	bool wants_listeners, has_listeners;
};

/* ---- messages ------------------------------------------------------------------------------------------------ */

uint64_t ipc_unix_file(uint64_t device, uint64_t inode)
{
	return (uint64_t)major(device) << 52 | (uint64_t)(minor(device) & 0xfffff) << 32 | (uint32_t)inode;
}

static void parse_name(const struct nlattr *attr, struct ipc_unix_socket *out)
{
	const char *name = mnl_attr_get_payload(attr);
	size_t len = mnl_attr_get_payload_len(attr);

	if (len == 0)
		return;
	if (name[0] == '\0') {
		out->abstract = true;
		out->name = (struct ipc_bytes){name + 1, len - 1};
		return;
	}
	/* The length may or may not count a terminator. */
	out->name = (struct ipc_bytes){name, strnlen(name, len)};
}

void ipc_unix_parse(const struct nlmsghdr *nlh, struct ipc_unix_socket *out)
{
	static const uint16_t least[UNIX_DIAG_UID + 1] = {
		[UNIX_DIAG_VFS] = sizeof(struct unix_diag_vfs),
		[UNIX_DIAG_PEER] = 4,
		[UNIX_DIAG_RQLEN] = sizeof(struct unix_diag_rqlen),
		[UNIX_DIAG_SHUTDOWN] = 1,
		[UNIX_DIAG_UID] = 4,
	};
	const struct unix_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *table[UNIX_DIAG_UID + 1];

	ipc_diag_attributes(nlh, sizeof(*msg), table, least, UNIX_DIAG_UID + 1);
	*out = (struct ipc_unix_socket){.type = msg->udiag_type,
					.state = msg->udiag_state,
					.inode = msg->udiag_ino,
					.cookie = {msg->udiag_cookie[0], msg->udiag_cookie[1]},
					.device = IPC_UNKNOWN,
					.bound_inode = IPC_UNKNOWN,
					.uid = IPC_UNKNOWN,
					.receive_queue = IPC_UNKNOWN,
					.send_queue = IPC_UNKNOWN};
	if (table[UNIX_DIAG_NAME])
		parse_name(table[UNIX_DIAG_NAME], out);
	if (table[UNIX_DIAG_VFS]) {
		const struct unix_diag_vfs *vfs = mnl_attr_get_payload(table[UNIX_DIAG_VFS]);

		/* The kernel's own form of a device number: 12 bits of major, 20 of minor. */
		out->device = makedev(vfs->udiag_vfs_dev >> 20, vfs->udiag_vfs_dev & 0xfffff);
		out->bound_inode = vfs->udiag_vfs_ino;
		out->file = ipc_unix_file(out->device, out->bound_inode);
	}
	if (table[UNIX_DIAG_PEER])
		out->peer = mnl_attr_get_u32(table[UNIX_DIAG_PEER]);
	if (table[UNIX_DIAG_RQLEN]) {
		const struct unix_diag_rqlen *queue = mnl_attr_get_payload(table[UNIX_DIAG_RQLEN]);

		out->receive_queue = queue->udiag_rqueue;
		out->send_queue = queue->udiag_wqueue;
	}
	out->memory = ipc_sock_memory(table[UNIX_DIAG_MEMINFO]);
	if (table[UNIX_DIAG_SHUTDOWN])
		out->shutdown = mnl_attr_get_u8(table[UNIX_DIAG_SHUTDOWN]);
	if (table[UNIX_DIAG_UID])
		out->uid = mnl_attr_get_u32(table[UNIX_DIAG_UID]);
}

int ipc_unix_dump(struct ipc_sock_walk *walk, unsigned states, unsigned show, ipc_diag_fn fn, void *data)
{
	const struct unix_diag_req request = {.sdiag_family = AF_UNIX, .udiag_states = states, .udiag_show = show};

	walk->inode_at = offsetof(struct unix_diag_msg, udiag_ino);
	return ipc_sock_walk_dump(walk, "unix", &request, sizeof(request), sizeof(struct unix_diag_msg), fn, data);
}

bool ipc_unix_is_connection(const struct ipc_unix_socket *socket)
{
	return socket->state == TCP_ESTABLISHED && socket->type != SOCK_DGRAM;
}

/* ---- listeners ----------------------------------------------------------------------------------------------- */

static int listener_compare(const struct listeners *in, uint64_t file, struct ipc_bytes name, const struct listener *to)
{
	if (file != to->file)
		return file < to->file ? -1 : 1;
	if (file)
		return 0;
	return ipc_bytes_compare(name, (struct ipc_bytes){in->names.data + to->name, to->len});
}

static int add_listener(const struct nlmsghdr *nlh, void *data)
{
	struct listeners *in = data;
	struct ipc_unix_socket socket;
	int r;

	ipc_unix_parse(nlh, &socket);
	if (socket.state != TCP_LISTEN || (!socket.file && !socket.abstract))
		return 0;
	if (in->count == in->room) {
		size_t room = in->room ? in->room * 2 : 64;
		struct listener *grown = realloc(in->items, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		in->items = grown;
		in->room = room;
	}
	in->items[in->count] = (struct listener){.file = socket.file, .name = in->names.len, .inode = socket.inode};
	if (!socket.file) {
		r = ipc_buf_append(&in->names, socket.name.data, socket.name.len);
		if (r < 0)
			return r;
		in->items[in->count].len = socket.name.len;
	}
	in->count++;
	return 0;
}

static int by_address(const void *a, const void *b, void *in)
{
	const struct listeners *listeners = in;
	const struct listener *x = a;

	return listener_compare(listeners, x->file, (struct ipc_bytes){listeners->names.data + x->name, x->len}, b);
}

static const struct listener *find_listener(const struct listeners *in, const struct ipc_unix_socket *socket)
{
	size_t low = 0, high = in->count;

	if (!socket->file && !socket->abstract)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = listener_compare(in, socket->file, socket->name, &in->items[middle]);

		if (order == 0)
			return &in->items[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static int gather_listeners(struct unix_walk *walk)
{
	struct listeners *in = &walk->listeners;
	size_t i, out = 0;
	int r;

	r = ipc_unix_dump(&walk->base, 1u << TCP_LISTEN, UDIAG_SHOW_NAME | UDIAG_SHOW_VFS, add_listener, in);
	if (r < 0 || in->count == 0)
		return r;
	qsort_r(in->items, in->count, sizeof(*in->items), by_address, in);
	for (i = 1; i < in->count; i++) {
		if (by_address(&in->items[out], &in->items[i], in) != 0)
			in->items[++out] = in->items[i];
		else if (in->items[out].inode != in->items[i].inode)
			in->items[out].inode = 0;
	}
	in->count = out + 1;
	return 0;
}

/* ---- objects ------------------------------------------------------------------------------------------------- */

/* Nearly all paths are: no need then for a second copy of each. */
static bool path_is_normal(struct ipc_bytes path)
{
	size_t i;

	for (i = 1; i <= path.len; i++) {
		bool end = i == path.len || path.data[i] == '/';

		if (end && (path.data[i - 1] == '/' || (path.data[i - 1] == '.' && path.data[i - 2] == '/')))
			return path.len == 1;
	}
	return true;
}

static void fill_path(struct ipc_sock *sock, struct ipc_arena *arena)
{
	struct ipc_bytes name = sock->local;
	struct ipc_buf normal = {0};

	if (!name.len || name.data[0] != '/')
		return;
	if (path_is_normal(name))
		sock->path = name;
	else if (ipc_path_normalise(name, "/", &normal) == 0)
		sock->path = ipc_arena_bytes(arena, normal.data, normal.len);
	ipc_buf_release(&normal);
}

static void fill_name(struct ipc_sock *sock, struct ipc_arena *arena, const struct ipc_unix_socket *socket)
{
	struct ipc_bytes name = socket->name;

	if (!name.data)
		return;
	/* "@" marks an abstract name, so a relative path that begins with it is written as "./@". */
	if (socket->abstract || name.data[0] == '@') {
		struct ipc_bytes prefix = socket->abstract ? IPC_BYTES("@") : IPC_BYTES("./");
		char *copy = ipc_arena_alloc(arena, prefix.len + name.len + 1);

		if (!copy)
			return;
		memcpy(copy, prefix.data, prefix.len);
		memcpy(copy + prefix.len, name.data, name.len);
		sock->local = (struct ipc_bytes){copy, prefix.len + name.len};
	} else {
		sock->local = ipc_arena_bytes(arena, name.data, name.len);
	}
	sock->base.name = sock->local;
	fill_path(sock, arena);
}

/*
 * Owner and mode of the socket file: only when the path still leads to it, and never where a server would have to
 * answer. Connections share their listener's file and do not repeat it.
 */
static void fill_file(struct ipc_sock *sock, struct ipc_run *run)
{
	struct ipc_mounts *mounts;
	const struct ipc_mount *mount;
	struct ipc_file file;

	if (!sock->path.data || sock->path.len < 2 || sock->bound_device == IPC_UNKNOWN || sock->connected ||
	    !run->ns->own)
		return;
	mounts = ipc_run_mounts(run);
	mount = mounts ? ipc_mounts_of_path(mounts, sock->path.data) : NULL;
	if (!mount || !mount->local || ipc_file_stat(mounts, run->ctx->root_fd, sock->path.data + 1, false, &file) < 0)
		return;
	if (!S_ISSOCK(file.mode) || file.device != sock->bound_device || (uint32_t)file.inode != sock->bound_inode)
		return;
	sock->bound_inode = file.inode;
	sock->base.mode = file.mode & 07777;
	sock->base.gid = file.gid;
	if (sock->base.uid == IPC_UNKNOWN)
		sock->base.uid = file.uid;
	sock->base.changed = file.changed;
	sock->base.used = file.used;
	sock->base.created = file.birth;
}

static int emit_socket(struct unix_walk *walk, const struct ipc_unix_socket *socket, const struct listener *listener)
{
	struct ipc_run *run = walk->base.run;
	struct ipc_sock *sock;

	sock = ipc_sock_walk_object(&walk->base, socket->inode, socket->cookie);
	if (!sock)
		return -ENOMEM;
	sock->type = ipc_sock_type(socket->type);
	sock->base.status = ipc_sock_status(socket->state);
	sock->base.uid = socket->uid;
	sock->shutdown = ipc_sock_shutdown(socket->shutdown);
	sock->bound_device = socket->device;
	sock->bound_inode = socket->bound_inode;
	sock->connected = ipc_unix_is_connection(socket);
	fill_name(sock, &run->arena, socket);
	fill_file(sock, run);
	if (sock->path.data && !sock->connected)
		sock->displaced = ipc_unix_files_displace(&walk->files, &walk->base, sock->path, socket->file);
	ipc_sock_fill_queues(sock, socket->state, socket->receive_queue, socket->send_queue);
	sock->memory = socket->memory;
	if (socket->peer) {
		sock->peer = ipc_sock_reference(run, socket->peer);
		if (ipc_run_needs(run, IPC_NEED_PEERS))
			sock->peers = ipc_sock_peer(run, socket->peer);
	} else if (ipc_run_needs(run, IPC_NEED_PEERS)) {
		sock->peers = IPC_EMPTY_LIST;
	}
	if (listener && listener->inode && sock->connected)
		sock->listener = ipc_sock_reference(run, listener->inode);
	return ipc_run_emit(run, sock);
}

static int take_socket(const struct nlmsghdr *nlh, void *data)
{
	const struct unix_diag_msg *msg = mnl_nlmsg_get_payload(nlh);
	struct unix_walk *walk = data;
	const struct listener *listener;
	struct ipc_unix_socket socket;
	int r;

	/* Whether it is asked for or not: take_all() wants to know how many there are. */
	if (ipc_sock_walk_met(&walk->base, msg->udiag_cookie) || ipc_sock_few_lacks(&walk->few, msg->udiag_ino))
		return 0;
	walk->found++;
	ipc_unix_parse(nlh, &socket);
	r = ipc_unix_files_note(&walk->files, &socket);
	if (r < 0 || (walk->by_name && !socket.name.data && !socket.file))
		return r;
	listener = find_listener(&walk->listeners, &socket);
	if (walk->named_only && socket.state != TCP_LISTEN &&
	    (!socket.name.data || (listener && ipc_unix_is_connection(&socket))))
		return 0;
	return emit_socket(walk, &socket, listener);
}

/*
 * How many unix sockets the kernel counts, those that wait to be accepted included; stream sockets have a line of
 * their own since 5.15.
 */
static uint64_t count_sockets(struct ipc_run *run)
{
	int64_t others, streams;

	ipc_sock_protocols_forget(run);
	others = ipc_sock_protocol_count(run, "UNIX");
	streams = ipc_sock_protocol_count(run, "UNIX-STREAM");
	return (others > 0 ? others : 0) + (streams > 0 ? streams : 0);
}

/*
 * unix_diag finds its place again by counting, so it passes over a socket when another one, before it in the same
 * bucket, is closed between two answers. Unless the kernel's count stood still and all of them came, look again for
 * those that were not seen yet, until a look finds nothing new.
 */
static int take_all(struct unix_walk *walk, unsigned show)
{
	struct ipc_run *run = walk->base.run;
	uint64_t counted = count_sockets(run);
	int look, r = 0;

	for (look = 0; look < LOOKS; look++) {
		uint64_t before = walk->found;

		r = ipc_unix_dump(&walk->base, ~0u, show, take_socket, walk);
		if (r < 0 || run->ctx->captured)
			break;
		if (walk->few.active && walk->found >= walk->few.count)
			break;
		if (look == 0 ? count_sockets(run) == counted && walk->base.seen.count >= counted
			      : walk->found == before)
			break;
	}
	return r;
}

/* Each attribute costs the kernel time for every socket, but names and files, which few have. */
static unsigned shown(const struct ipc_run *run)
{
	unsigned show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS;

	if (ipc_run_needs(run, IPC_NEED_END))
		show |= UDIAG_SHOW_PEER;
	if (ipc_run_needs(run, IPC_NEED_OWNER))
		show |= UDIAG_SHOW_UID;
	if (ipc_run_needs(run, IPC_NEED_QUEUES))
		show |= UDIAG_SHOW_RQLEN;
	if (ipc_run_needs(run, IPC_NEED_MEMORY))
		show |= UDIAG_SHOW_MEMINFO;
	return show;
}

/* ---- a few alone ------------------------------------------------------------------------------------------------- */

static int keep_answer(const struct nlmsghdr *nlh, void *data)
{
	struct ipc_buf *answer = data;

	ipc_buf_clear(answer);
	return ipc_buf_append(answer, (const char *)nlh, nlh->nlmsg_len);
}

/* Its listener is looked for among all: not for a socket that can have none. */
static int take_answer(struct unix_walk *walk)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)walk->answer.data;
	struct ipc_unix_socket socket;
	int r = 0;

	ipc_unix_parse(nlh, &socket);
	if (walk->wants_listeners && !walk->has_listeners && socket.name.data && ipc_unix_is_connection(&socket)) {
		r = gather_listeners(walk);
		walk->has_listeners = true;
	}
	return r < 0 ? r : take_socket(nlh, walk);
}

/* @inode 0: -EINVAL from a kernel that can tell of single sockets. */
static int ask_alone(struct unix_walk *walk, uint64_t inode, unsigned show)
{
	const struct unix_diag_req request = {
		.sdiag_family = AF_UNIX, .udiag_ino = (uint32_t)inode, .udiag_show = show, .udiag_cookie = {~0u, ~0u}};

	return ipc_diag_one(walk->base.diag, SOCK_DIAG_BY_FAMILY, &request, sizeof(request),
			    sizeof(struct unix_diag_msg), keep_answer, &walk->answer);
}

/* Returns 0, what emit returned, -errno, or 1 when all have to be looked at: nobody can be asked about one. */
static int take_alone(struct unix_walk *walk, unsigned show)
{
	size_t i;
	int r = 0;

	if (walk->few.count && ask_alone(walk, 0, 0) != -EINVAL)
		return 1;
	for (i = 0; r == 0 && i < walk->few.count; i++) {
		/* The question has room for 32 bits. */
		if (walk->few.inodes[i] > UINT32_MAX)
			continue;
		ipc_buf_clear(&walk->answer);
		r = ask_alone(walk, walk->few.inodes[i], show);
		if (r == 0 && walk->answer.len)
			r = take_answer(walk);
		else if (r == -ENOENT)
			r = 0; /* of another kind, or gone */
	}
	return r;
}

/* ---- the kind ---------------------------------------------------------------------------------------------------- */

static int take_some(struct unix_walk *walk, unsigned show)
{
	int r = 1;

	if (walk->few.active && walk->few.count <= ALONE_MOST)
		r = take_alone(walk, show);
	if (r == 1)
		r = walk->wants_listeners && !walk->has_listeners ? gather_listeners(walk) : 0;
	else
		return r;
	return r == 0 ? take_all(walk, show) : r;
}

/* Is every reference that may name a socket a path or an abstract name? */
static bool is_by_name(struct ipc_run *run, const struct ipc_kind *kind)
{
	const struct ipc_target *target;
	size_t at = 0;

	if (!ipc_run_only_targets(run, kind))
		return false;
	while ((target = ipc_run_next_target(run, "sock", &at)))
		if (target->ref.by == IPC_BY_NUMBER)
			return false;
	return true;
}

static int collect(struct ipc_run *run, const struct ipc_kind *kind)
{
	struct unix_walk walk = {.named_only = ipc_run_named_only(run, kind)};
	int r;

	walk.by_name = is_by_name(run, kind);
	walk.wants_listeners = walk.named_only || ipc_run_needs(run, IPC_NEED_LISTENER);
	r = ipc_sock_few_init(&walk.few, run, kind);
	if (r < 0 || (walk.few.active && !walk.few.count))
		goto out;
	r = ipc_sock_walk_begin(&walk.base, run, kind);
	if (r < 0)
		goto out;
	/* Socket files are seen from the caller's mount namespace, whatever network namespaces are visited. */
	if (run->ns->own && !ipc_run_sockets_only(run) && !ipc_run_held_only(run) && !walk.few.active)
		r = ipc_unix_files_begin(&walk.files, run, kind);
	if (r == 0)
		r = take_some(&walk, shown(run));
	if (r == 0)
		r = ipc_unix_files_emit(&walk.files, &walk.base);
	if (r < 0)
		r = ipc_sock_unavailable(run, kind, r, ipc_sock_protocol_count(run, "UNIX"));
out:
	ipc_sock_few_release(&walk.few);
	ipc_buf_release(&walk.answer);
	ipc_unix_files_end(&walk.files);
	ipc_buf_release(&walk.listeners.names);
	free(walk.listeners.items);
	ipc_sock_walk_end(&walk.base);
	return r;
}

static void names(const struct ipc_object *object, struct ipc_names *names)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)object;
	bool weak = sock->connected || sock->displaced;

	/* One that could not be made has none. */
	if (!sock->stale && object->inode != IPC_UNKNOWN && !ipc_names_add_number(names, false, object->inode))
		return;
	if (sock->path.data)
		ipc_names_add_bytes(names, weak, "", sock->path);
	else if (sock->local.data && sock->local.data[0] == '@')
		ipc_names_add_bytes(names, weak, "", sock->local);
	if (sock->bound_device != IPC_UNKNOWN)
		ipc_names_add_file(names, weak, sock->bound_device, sock->bound_inode);
}

static int identity(const struct ipc_object *object, struct ipc_buf *out)
{
	return ((const struct ipc_sock *)object)->stale ? ipc_identity_inode(object, out)
							: ipc_sock_identity(object, out);
}

static enum ipc_state judge(struct ipc_run *run, const struct ipc_object *object)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)object;

	return sock->stale ? ipc_unix_judge_file(run, sock) : ipc_sock_judge(run, object);
}

/* A socket goes with its last user; its file stays. */
static bool stays(const struct ipc_object *object)
{
	return ((const struct ipc_sock *)object)->stale;
}

static const struct ipc_waste waste = {
	.proof = "no socket of any network namespace is bound to it",
	.users = "nobody: it can never be connected to again",
	.best = "orphan",
	.stays = stays,
};

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void fill_event(struct ipc_run *run, const struct ipc_raw *raw, struct ipc_object *object)
{
	struct ipc_sock *sock = (struct ipc_sock *)object;

	ipc_sock_fill_event(raw, sock);
	sock->local = object->name;
	fill_path(sock, &run->arena);
	sock->connected = raw->state == TCP_ESTABLISHED && raw->type != SOCK_DGRAM;
	if (raw->dev) {
		sock->bound_device = ipc_event_device(raw->dev);
		sock->bound_inode = raw->id;
	}
	/* The record was about a file, which no socket is bound to any more. */
	if (raw->dev && !raw->inode) {
		sock->stale = true;
		object->dev = sock->bound_device;
		object->inode = raw->id;
	}
	if (raw->has & IPC_RAW_PEER)
		sock->peer = ipc_sock_reference(run, raw->peer);
	else
		sock->peer = ipc_event_socket_peer_name(&run->arena, raw);
}

static const struct ipc_events events = {
	.raw = IPC_RAW_SOCK_UNIX,
	.space = IPC_SPACE_SOCKET,
	.fill = fill_event,
	.range =
		{
			.life = IPC_SOCK_LIFE | IPC_EVENT_BIT(IPC_EVENT_REMOVE),
			.traffic = IPC_SOCK_TRAFFIC,
			.plain = IPC_SOCK_PLAIN | IPC_EVENT_BIT(IPC_EVENT_REMOVE),
			.unseen = IPC_SOCK_UNSEEN,
		},
};

const struct ipc_kind ipc_kind_sock_unix = {
	IPC_SOCK_NET_KIND("unix", "unix sockets, and socket files that nobody is bound to"),
	.leaks = true,
	.locators = 1u << IPC_BY_NUMBER | 1u << IPC_BY_PATH | 1u << IPC_BY_ABSTRACT,
	.collect = collect,
	.names = names,
	.identity = identity,
	.judge = judge,
	.waste = &waste,
	.changes = &ipc_changes_sock_unix,
	.contents = &ipc_contents_sock_unix,
	.events = &events,
};
