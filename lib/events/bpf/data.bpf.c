/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: bytes and messages that pass through pipes, FIFOs and sockets. */
#define WITH_SOCKETS
#include "events/bpf/file.bpf.h"

#define MSG_PEEK 0x2
#define MSG_ERRQUEUE 0x2000

/* struct msghdr and struct mmsghdr of a 64-bit program */
struct message {
	const void *name;
	__s32 name_len;
	__u64 others[5];
};

struct many {
	struct message message;
	__u32 len;
};

/* The kernel takes no more at once. */
#define MESSAGES_MAX 1024

/* ---- what leads to the watcher itself ----------------------------------------------------------------------------------- */

/*
 * Pipes, FIFOs and sockets that the watcher's own output goes through. To tell of them would make more output, for ever. The watcher enters
 * its standard output and error; whoever reads one of them as his standard input, as the next command of a pipeline does, passes on what
 * he has read by his standard output, which is entered here. So is the standard output of others of its kind: two that tell of
 * each other's would never end either.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, IPC_RAW_OUTPUTS);
	__type(key, struct ipc_raw_file);
	__type(value, __u8);
} outputs SEC(".maps");

static __always_inline struct ipc_raw_file file_key(struct inode *inode)
{
	struct ipc_raw_file key = {.inode = BPF_CORE_READ(inode, i_ino), .dev = BPF_CORE_READ(inode, i_sb, s_dev)};

	return key;
}

static __always_inline void pass_output_on(void)
{
	struct file *file = file_of_fd(1);
	struct inode *inode = file ? BPF_CORE_READ(file, f_inode) : 0;
	__u16 type = inode ? BPF_CORE_READ(inode, i_mode) & S_IFMT : 0;
	struct ipc_raw_file key;
	__u8 one = 1;

	if (type != S_IFIFO && type != S_IFSOCK)
		return;
	key = file_key(inode);
	bpf_map_update_elem(&outputs, &key, &one, 0);
}

static __always_inline bool is_watcher(void)
{
	char comm[IPC_RAW_COMM] = {0};

	BPF_CORE_READ_STR_INTO(&comm, current(), group_leader, comm);
	return comm[0] == 'i' && comm[1] == 'p' && comm[2] == 'c' && comm[3] == 't' && comm[4] == 'o' &&
	       comm[5] == 'o' && comm[6] == 'l' && !comm[7];
}

static __always_inline bool is_output(struct inode *inode, const struct subject *what, __u32 fd)
{
	struct ipc_raw_file key = file_key(inode);
	bool found = bpf_map_lookup_elem(&outputs, &key);

	/* The one that is entered may be the other end. */
	if (!found && what->kind == IPC_RAW_SOCK_UNIX) {
		struct unix_sock *sk = (void *)what->sock;
		struct sock *peer = BPF_CORE_READ(sk, peer);

		key.inode = peer ? inode_of_sock(peer) : 0;
		found = bpf_map_lookup_elem(&outputs, &key);
	}
	if (!found && fd == 1 && is_watcher())
		found = true;
	else if (!found || fd != 0)
		return found;
	pass_output_on();
	return found;
}

/* ---- calls about one descriptor ----------------------------------------------------------------------------------------- */

/* Which pipe, FIFO or socket is @fd? Most calls are about other files: these are known by their type alone. */
static __always_inline bool object_of_data(__u32 fd, struct subject *what)
{
	struct file *file = file_of_fd(fd);
	struct inode *inode;
	__u16 type;

	if (!file)
		return false;
	inode = BPF_CORE_READ(file, f_inode);
	type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	if (type != S_IFIFO && type != S_IFSOCK)
		return false;
	if (type == S_IFIFO ? !object_of_file(file, what) : !object_of_socket(file, what))
		return false;
	return !is_output(inode, what, fd);
}

static __always_inline int begin_data(const struct args *args, __u64 fd, __u8 verb)
{
	struct subject what = {.verb = verb};

	if (object_of_data((__u32)fd, &what))
		begin(args, &what);
	return 0;
}

/* Nothing that was read is an end of file, but where messages may be empty. */
static __always_inline bool is_nothing(const struct subject *what, __u64 bytes)
{
	return !bytes && (!what->sock || what->type == SOCK_STREAM);
}

static __always_inline void tell_data(const struct subject *what, __u8 verb, __u64 bytes, const struct passed *passed)
{
	struct ipc_raw *raw;

	if (is_nothing(what, bytes))
		return;
	raw = what->sock ? record_sock(what, verb, passed) : record(what, verb, 0);
	if (!raw)
		return;
	raw->bytes = bytes;
	raw->has |= IPC_RAW_BYTES;
	submit(raw);
}

/* It began to read before whoever writes there had begun to read from the watcher. */
static __always_inline bool is_output_by_now(const struct call *call)
{
	struct file *file = call->args[0] == 0 ? file_of_fd(0) : 0;

	return file && is_output(BPF_CORE_READ(file, f_inode), &call->what, 0);
}

static __always_inline void tell_received(const struct call *call, __u64 bytes, const struct passed *passed)
{
	if (!is_output_by_now(call))
		tell_data(&call->what, VERB_RECEIVE, bytes, passed);
}

ENTER(read, 3)
{
	return begin_data(args, args->at[0], VERB_RECEIVE);
}

EXIT(read)
{
	tell_received(call, (__u64)ret, 0);
}

ENTER(readv, 3)
{
	return begin_data(args, args->at[0], VERB_RECEIVE);
}

EXIT(readv)
{
	tell_received(call, (__u64)ret, 0);
}

ENTER(write, 3)
{
	return begin_data(args, args->at[0], VERB_SEND);
}

EXIT(write)
{
	tell_data(&call->what, VERB_SEND, (__u64)ret, 0);
}

ENTER(writev, 3)
{
	return begin_data(args, args->at[0], VERB_SEND);
}

EXIT(writev)
{
	tell_data(&call->what, VERB_SEND, (__u64)ret, 0);
}

/* ---- sockets alone -------------------------------------------------------------------------------------------------------- */

ENTER(sendto, 6)
{
	return begin_data(args, args->at[0], VERB_SEND);
}

EXIT(sendto)
{
	const struct passed passed = {(const void *)call->args[4], (__u32)call->args[5]};

	tell_data(&call->what, VERB_SEND, (__u64)ret, &passed);
}

/* Looking at what stays is no receiving. */
static __always_inline int begin_receive(const struct args *args, __u64 flags)
{
	return flags & (MSG_PEEK | MSG_ERRQUEUE) ? 0 : begin_data(args, args->at[0], VERB_RECEIVE);
}

ENTER(recvfrom, 6)
{
	return begin_receive(args, args->at[3]);
}

EXIT(recvfrom)
{
	struct passed passed = {(const void *)call->args[4], 0};

	if (passed.at && call->args[5])
		bpf_probe_read_user(&passed.len, sizeof(passed.len), (const void *)call->args[5]);
	tell_received(call, (__u64)ret, &passed);
}

static __always_inline void tell_message(const struct call *call, __u8 verb, __u64 bytes)
{
	struct message message = {0};
	struct passed passed = {0};

	if (!bpf_probe_read_user(&message, sizeof(message), (const void *)call->args[1])) {
		passed.at = message.name;
		passed.len = (__u32)message.name_len;
	}
	tell_data(&call->what, verb, bytes, &passed);
}

ENTER(sendmsg, 3)
{
	return begin_data(args, args->at[0], VERB_SEND);
}

EXIT(sendmsg)
{
	tell_message(call, VERB_SEND, (__u64)ret);
}

ENTER(recvmsg, 3)
{
	return begin_receive(args, args->at[2]);
}

EXIT(recvmsg)
{
	tell_message(call, VERB_RECEIVE, (__u64)ret);
}

/* What the first @count messages at @at hold. Not static: see who(). */
__weak NOINLINE __u64 sum_messages(__u64 at, __u32 count)
{
	const struct many *many = (const struct many *)at;
	__u64 bytes = 0;
	__u32 i, len;

	for (i = 0; i < MESSAGES_MAX && i < count; i++) {
		len = 0;
		bpf_probe_read_user(&len, sizeof(len), &many[i].len);
		bytes += len;
	}
	return bytes;
}

/* One record of all messages of a call, with the first one's address. */
static __always_inline void tell_messages(const struct call *call, __u8 verb, __u32 count)
{
	const struct many *many = (const struct many *)call->args[1];
	struct passed passed = {0};
	struct message first = {0};
	struct ipc_raw *raw;
	__u64 bytes;

	if (!count || !call->what.sock)
		return;
	bytes = sum_messages(call->args[1], count);
	if (!bpf_probe_read_user(&first, sizeof(first), &many->message)) {
		passed.at = first.name;
		passed.len = (__u32)first.name_len;
	}
	raw = record_sock(&call->what, verb, &passed);
	if (!raw)
		return;
	raw->bytes = bytes;
	raw->index = count;
	raw->has |= IPC_RAW_BYTES | IPC_RAW_MESSAGES;
	submit(raw);
}

ENTER(sendmmsg, 4)
{
	return begin_data(args, args->at[0], VERB_SEND);
}

EXIT(sendmmsg)
{
	tell_messages(call, VERB_SEND, (__u32)ret);
}

ENTER(recvmmsg, 5)
{
	return begin_receive(args, args->at[3]);
}

EXIT(recvmmsg)
{
	tell_messages(call, VERB_RECEIVE, (__u32)ret);
}

/* ---- from one descriptor to another ------------------------------------------------------------------------------------------- */

/*
 * Both ends may be of interest, and a call remembers one object: that which is read, as most of them wait for that, or else the
 * other one. Of the other one is told when the call returns.
 */
static __always_inline int begin_both(const struct args *args, __u64 from, __u64 to)
{
	struct subject what = {.verb = VERB_RECEIVE};

	if (object_of_data((__u32)from, &what) && begin(args, &what))
		return 0;
	return begin_data(args, to, VERB_SEND);
}

static __always_inline void tell_other(const struct call *call, __u64 to, __u64 bytes)
{
	const struct ipc_settings *s = get_settings();
	struct subject what = {.verb = VERB_SEND};

	if (call->what.verb == VERB_RECEIVE && object_of_data((__u32)to, &what) && s && wants(s, &what))
		tell_data(&what, VERB_SEND, bytes, 0);
}

ENTER(splice, 6)
{
	return begin_both(args, args->at[0], args->at[2]);
}

EXIT(splice)
{
	tell_data(&call->what, call->what.verb, (__u64)ret, 0);
	tell_other(call, call->args[2], (__u64)ret);
}

/* What is copied stays where it was. */
ENTER(tee, 4)
{
	return begin_data(args, args->at[1], VERB_SEND);
}

EXIT(tee)
{
	tell_data(&call->what, VERB_SEND, (__u64)ret, 0);
}

/* Out of files alone. */
ENTER(sendfile64, 4)
{
	return begin_data(args, args->at[0], VERB_SEND);
}

EXIT(sendfile64)
{
	tell_data(&call->what, VERB_SEND, (__u64)ret, 0);
}

ENTER(vmsplice, 4)
{
	struct file *file = file_of_fd((__u32)args->at[0]);

	if (!file)
		return 0;
	return begin_data(args, args->at[0], BPF_CORE_READ(file, f_mode) & FMODE_WRITE ? VERB_SEND : VERB_RECEIVE);
}

EXIT(vmsplice)
{
	tell_data(&call->what, call->what.verb, (__u64)ret, 0);
}
