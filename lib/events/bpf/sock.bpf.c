/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: the life of sockets: made, bound, listening, connected, accepted, shut down, and the states of connections. */
#define WITH_SOCKETS
#include "events/bpf/path.bpf.h"

#define IPPROTO_IP 0
#define SOCK_TYPE_MASK 0xf

#define EINPROGRESS 115

/* The file behind a descriptor that a call has just returned: which object is it? */
static __always_inline bool object_of_new(__u64 fd, __u8 verb, struct subject *what)
{
	struct file *file = file_of_fd((__u32)fd);

	what->verb = verb;
	return file && object_of_socket(file, what);
}

static __always_inline int begin_sock(const struct args *args, __u8 verb)
{
	struct subject what = {.verb = verb};
	struct file *file = file_of_fd((__u32)args->at[0]);

	if (file && object_of_socket(file, &what))
		begin(args, &what);
	return 0;
}

static __always_inline void tell(const struct call *call)
{
	struct ipc_raw *raw = record_call(call, call->what.verb);

	if (raw)
		submit(raw);
}

/* ---- made ------------------------------------------------------------------------------------------------------------ */

/* What is asked for: a socket that could not be made is told of by its kind. */
static __always_inline int begin_new(const struct args *args)
{
	__u16 family = (__u16)args->at[0], type = (__u16)args->at[1] & SOCK_TYPE_MASK, protocol = (__u16)args->at[2];
	struct subject what = {
		.verb = VERB_CREATE, .family = family, .type = type, .protocol = protocol, .ns = net_ns_of_current()};

	if ((family == AF_INET || family == AF_INET6) && protocol == IPPROTO_IP)
		what.protocol = type == SOCK_STREAM ? IPPROTO_TCP : type == SOCK_DGRAM ? IPPROTO_UDP : 0;
	what.kind = kind_of_socket(family, type, what.protocol);
	begin(args, &what);
	return 0;
}

static __always_inline void tell_new(__u64 fd)
{
	struct subject what = {0};
	struct ipc_raw *raw;

	if (!object_of_new(fd, VERB_CREATE, &what))
		return;
	raw = record_sock(&what, VERB_CREATE, 0);
	if (!raw)
		return;
	raw->fd = (__s32)fd;
	raw->has |= IPC_RAW_NEW | IPC_RAW_FD;
	submit(raw);
}

ENTER(socket, 3)
{
	return begin_new(args);
}

EXIT(socket)
{
	(void)call;
	tell_new((__u64)ret);
}

ENTER(socketpair, 4)
{
	return begin_new(args);
}

EXIT(socketpair)
{
	__s32 fds[2];

	if (bpf_probe_read_user(fds, sizeof(fds), (const void *)call->args[3]))
		return;
	tell_new((__u64)fds[0]);
	tell_new((__u64)fds[1]);
}

/* ---- named, listening -------------------------------------------------------------------------------------------------- */

ENTER(bind, 3)
{
	return begin_sock(args, VERB_BIND);
}

/*
 * A path that a socket is bound to may be relative, or lead through links: where its file lies is told besides, for that is how its
 * removal will be known.
 */
static __always_inline void tell_bound_to_file(const struct call *call, struct unix_sock *sk)
{
	struct ipc_raw *raw = begin_draft(&call->what, VERB_BIND);
	int end;

	if (!raw)
		return;
	describe_unix(raw, (struct sock *)sk);
	raw->state = BPF_CORE_READ((struct sock *)sk, __sk_common.skc_state);
	raw->name_len = IPC_RAW_NAME_SMALL;
	end = climb((__u64)BPF_CORE_READ(sk, path.dentry), (__u64)BPF_CORE_READ(sk, path.mnt), IPC_RAW_NAME_SMALL);
	if (end > IPC_RAW_NAME_SMALL) {
		raw->second = IPC_RAW_NAME_SMALL;
		raw->name_len = (__u16)(end - 1);
	}
	send_draft(raw);
}

EXIT(bind)
{
	struct unix_sock *sk = (void *)call->what.sock;

	if (call->what.kind == IPC_RAW_SOCK_UNIX && BPF_CORE_READ(sk, path.dentry))
		tell_bound_to_file(call, sk);
	else
		tell(call);
}

ENTER(listen, 2)
{
	return begin_sock(args, VERB_LISTEN);
}

EXIT(listen)
{
	struct ipc_raw *raw = record_call(call, VERB_LISTEN);

	if (!raw)
		return;
	raw->number = (__s32)call->args[1];
	raw->has |= IPC_RAW_BACKLOG;
	submit(raw);
}

/* ---- connected --------------------------------------------------------------------------------------------------------- */

ENTER(connect, 3)
{
	return begin_sock(args, VERB_CONNECT);
}

/* One that goes on by itself is under way, and not failed. */
EXIT_UNLESS(connect, ret != -EINPROGRESS && failed(call, ret))
{
	struct ipc_raw *raw = record_call(call, VERB_CONNECT);

	if (!raw)
		return;
	if (call->what.kind == IPC_RAW_SOCK_TCP)
		raw->has |= IPC_RAW_STATE;
	submit(raw);
}

/* The one that listens waits, or fails; what is told of is the new one. */
static __always_inline void tell_accepted(__u64 fd)
{
	struct subject what = {0};
	struct ipc_raw *raw;

	if (!object_of_new(fd, VERB_ACCEPT, &what))
		return;
	raw = record_sock(&what, VERB_ACCEPT, 0);
	if (!raw)
		return;
	raw->fd = (__s32)fd;
	raw->has |= IPC_RAW_FD;
	submit(raw);
}

ENTER(accept, 3)
{
	return begin_sock(args, VERB_ACCEPT);
}

EXIT(accept)
{
	(void)call;
	tell_accepted((__u64)ret);
}

ENTER(accept4, 4)
{
	return begin_sock(args, VERB_ACCEPT);
}

EXIT(accept4)
{
	(void)call;
	tell_accepted((__u64)ret);
}

/* ---- ended, and on the way there ------------------------------------------------------------------------------------------ */

ENTER(shutdown, 2)
{
	return begin_sock(args, VERB_CHANGE);
}

EXIT(shutdown)
{
	struct ipc_raw *raw = record_call(call, VERB_CHANGE);

	if (!raw)
		return;
	raw->number = (__s64)((call->args[1] + 1) & 3);
	raw->has |= IPC_RAW_SHUTDOWN;
	submit(raw);
}

/*
 * Whose doing it is: a connection changes in a call of its process, which then owns the socket's lock, or when a packet comes, in the
 * middle of whatever task that interrupts. Packets that come while a process owns the lock wait until it takes them in itself.
 */
static __always_inline bool is_ours(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_lock.owned) != 0;
}

SEC("?tp_btf/inet_sock_set_state")
int on_inet_sock_set_state(__u64 *ctx)
{
	struct sock *sk = (void *)ctx[0];
	__u32 before = (__u32)ctx[1], state = (__u32)ctx[2];
	struct subject what = {.verb = VERB_CHANGE};
	const struct ipc_settings *s = get_settings();
	struct ipc_raw *raw;
	bool ours;

	/* A copy of the one that listens, which has no addresses of its own yet. */
	if (before == TCP_LISTEN && state == TCP_SYN_RECV)
		return 0;
	if (!s || !object_of_sock(sk, &what) || !wants_verb(s, what.kind, VERB_CHANGE) ||
	    !wants_ns(s, what.kind, what.ns))
		return 0;
	ours = is_ours(sk);
	if (ours ? !wants_actor(s) : !wants_nobody(s))
		return 0;
	raw = record_sock(&what, VERB_CHANGE, 0);
	if (!raw)
		return 0;
	/* Nothing names it any more. */
	if (!raw->inode && !raw->local.family) {
		drop(raw);
		return 0;
	}
	raw->state = (__u8)state;
	raw->has |= IPC_RAW_STATE;
	if (!ours)
		forget_actor(raw);
	submit(raw);
	return 0;
}
