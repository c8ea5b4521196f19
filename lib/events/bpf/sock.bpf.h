/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For BPF programs: which object a socket is, and what it is called. Families whose calls may be about sockets define WITH_SOCKETS
 * before they include core.bpf.h, which includes this; all that is told of a socket then has its addresses.
 */
#ifndef IPC_EVENTS_SOCK_BPF_H
#define IPC_EVENTS_SOCK_BPF_H

#include <bpf/bpf_endian.h>

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define AF_PACKET 17
#define AF_VSOCK 40
#define AF_XDP 44

#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3

#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_DCCP 33
#define IPPROTO_SCTP 132
#define IPPROTO_UDPLITE 136
#define IPPROTO_MPTCP 262

#define TCP_ESTABLISHED 1
#define TCP_SYN_RECV 3
#define TCP_CLOSE 7
#define TCP_LISTEN 10

/* include/net/sock.h: what the program has chosen itself */
#define SOCK_BINDADDR_LOCK 4
#define SOCK_BINDPORT_LOCK 8

/* struct sockaddr_un: a name is at most this long, behind the family */
#define UNIX_NAME_MAX 108
#define UNIX_FAMILY_SIZE 2

/* ---- kernel types ------------------------------------------------------------------------------------------------- */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	struct net *net;
} possible_net_t;

typedef struct {
	int owned;
} socket_lock_t;

struct sock_common {
	unsigned short skc_family;
	unsigned char skc_state;
	int skc_bound_dev_if;
	unsigned short skc_dport, skc_num;
	__u32 skc_daddr, skc_rcv_saddr;
	struct any_in6 {
		__u8 bytes[16];
	} skc_v6_daddr, skc_v6_rcv_saddr;
	possible_net_t skc_net;
};

struct sock {
	struct sock_common __sk_common;
	struct socket *sk_socket;
	unsigned char sk_userlocks : 4;
	unsigned short sk_type;
	unsigned short sk_protocol;
	socket_lock_t sk_lock;
};

struct socket {
	struct sock *sk;
};

struct socket_alloc {
	struct socket socket;
	struct inode vfs_inode;
};

struct inet_sock {
	unsigned short inet_sport;
};

struct unix_address {
	int len;
	struct any_unix_name {
		unsigned short sun_family;
	} name[1];
};

struct unix_sock {
	struct unix_address *addr;
	struct path path;
	struct sock *peer;
};

struct netlink_sock {
	__u32 portid, dst_portid;
};

struct packet_sock {
	int ifindex;
};

struct any_vm_address {
	unsigned int svm_port, svm_cid;
};

struct vsock_sock {
	struct any_vm_address local_addr, remote_addr;
};

struct net_device {
	int ifindex;
};

struct xdp_sock {
	struct net_device *dev;
	unsigned short queue_id;
};

#pragma clang attribute pop

/* ---- which object --------------------------------------------------------------------------------------------------- */

/* Of those that are listed: a socket of another protocol is none. */
static __always_inline __u8 kind_of_socket(__u16 family, __u16 type, __u16 protocol)
{
	switch (family) {
	case AF_UNIX:
		return IPC_RAW_SOCK_UNIX;
	case AF_INET:
	case AF_INET6:
		if (type == SOCK_RAW)
			return IPC_RAW_SOCK_OTHER;
		if (protocol == IPPROTO_TCP)
			return IPC_RAW_SOCK_TCP;
		if (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE)
			return IPC_RAW_SOCK_UDP;
		return protocol == IPPROTO_MPTCP || protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP
			       ? IPC_RAW_SOCK_OTHER
			       : IPC_RAW_NONE;
	case AF_NETLINK:
	case AF_PACKET:
	case AF_VSOCK:
	case AF_XDP:
		return IPC_RAW_SOCK_OTHER;
	default:
		return IPC_RAW_NONE;
	}
}

/* 0: it has left its process, or has not reached one yet. */
static __always_inline __u64 inode_of_sock(struct sock *sk)
{
	struct socket *socket = BPF_CORE_READ(sk, sk_socket);
	struct socket_alloc *alloc = (void *)socket - bpf_core_field_offset(struct socket_alloc, socket);

	/* A subflow of a multipath connection has the socket of that one. */
	if (!socket || BPF_CORE_READ(socket, sk) != sk)
		return 0;
	return BPF_CORE_READ(alloc, vfs_inode.i_ino);
}

/* Fill in which object @sk is. The verb is left alone. False: of no kind. */
static __always_inline bool object_of_sock(struct sock *sk, struct subject *what)
{
	what->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	what->type = BPF_CORE_READ(sk, sk_type);
	what->protocol = BPF_CORE_READ(sk, sk_protocol);
	what->kind = kind_of_socket(what->family, what->type, what->protocol);
	if (!what->kind)
		return false;
	what->inode = inode_of_sock(sk);
	/* Its own, whatever the one of the process is by now. */
	what->ns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	what->sock = (__u64)sk;
	return true;
}

/*
 * Did a program give it an address, or does it listen? Who accepts a connection gets a socket with the listener's address, which
 * counts as little as a port that the kernel chose.
 */
static __always_inline bool is_bound(struct sock *sk)
{
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state), locks;

	if (state == TCP_LISTEN)
		return true;
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX)
		return BPF_CORE_READ((struct unix_sock *)sk, addr) &&
		       (state != TCP_ESTABLISHED || BPF_CORE_READ(sk, sk_type) == SOCK_DGRAM);
	locks = BPF_CORE_READ_BITFIELD_PROBED(sk, sk_userlocks);
	return locks & SOCK_BINDPORT_LOCK || (locks & SOCK_BINDADDR_LOCK && state == TCP_CLOSE);
}

/* ---- addresses ------------------------------------------------------------------------------------------------------ */

static __always_inline bool is_zero(const __u8 bytes[16])
{
	const __u64 *halves = (const __u64 *)bytes;

	return !halves[0] && !halves[1];
}

static __always_inline void describe_inet(struct ipc_raw *raw, struct sock *sk, __u16 family)
{
	raw->local.port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	raw->remote.port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	raw->local.scope = raw->remote.scope = (__u32)BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	if (family == AF_INET) {
		bpf_core_read(raw->local.bytes, 4, &sk->__sk_common.skc_rcv_saddr);
		bpf_core_read(raw->remote.bytes, 4, &sk->__sk_common.skc_daddr);
	} else {
		bpf_core_read(raw->local.bytes, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(raw->remote.bytes, 16, &sk->__sk_common.skc_v6_daddr);
	}
	/* Half an address is on its way, or a remainder. Raw sockets have no ports but the protocol's number. */
	if (raw->remote.port || (raw->type == SOCK_RAW && !is_zero(raw->remote.bytes)))
		raw->remote.family = family;
	if (raw->local.port && (raw->remote.port || BPF_CORE_READ(sk, __sk_common.skc_num)))
		raw->local.family = family;
}

/* Of the rare kinds what a reference or a list shows. Modules that are not loaded have no types. */
static __always_inline void describe_rare(struct ipc_raw *raw, struct sock *sk, __u16 family)
{
	if (family == AF_NETLINK) {
		struct netlink_sock *netlink = (void *)sk;

		raw->local.scope = BPF_CORE_READ(netlink, portid);
		raw->remote.scope = BPF_CORE_READ(netlink, dst_portid);
		if (raw->local.scope)
			raw->local.family = family;
		if (raw->remote.scope)
			raw->remote.family = family;
	} else if (family == AF_PACKET && bpf_core_type_exists(struct packet_sock)) {
		raw->local.scope = (__u32)BPF_CORE_READ((struct packet_sock *)sk, ifindex);
		raw->local.family = family;
	} else if (family == AF_VSOCK && bpf_core_type_exists(struct vsock_sock)) {
		struct vsock_sock *vsock = (void *)sk;
		__u32 cid = BPF_CORE_READ(vsock, remote_addr.svm_cid);

		raw->local.scope = BPF_CORE_READ(vsock, local_addr.svm_port);
		bpf_core_read(raw->local.bytes, 4, &vsock->local_addr.svm_cid);
		raw->local.family = family;
		raw->remote.scope = BPF_CORE_READ(vsock, remote_addr.svm_port);
		__builtin_memcpy(raw->remote.bytes, &cid, 4);
		if (cid != (__u32)-1)
			raw->remote.family = family;
	} else if (family == AF_XDP && bpf_core_type_exists(struct xdp_sock)) {
		raw->local.scope = (__u32)BPF_CORE_READ((struct xdp_sock *)sk, dev, ifindex);
		raw->local.port = BPF_CORE_READ((struct xdp_sock *)sk, queue_id);
		if (raw->local.scope)
			raw->local.family = family;
	}
}

/* The name of a unix socket as bytes behind the family: a path, with a NUL or not, or an abstract name behind one. */
static __always_inline __u32 read_unix_name(char *out, struct sock *sk)
{
	struct unix_address *address = BPF_CORE_READ((struct unix_sock *)sk, addr);
	__u32 len;

	if (!address)
		return 0;
	len = (__u32)BPF_CORE_READ(address, len) - UNIX_FAMILY_SIZE;
	if (len > UNIX_NAME_MAX)
		return 0;
	/* The compiler knows of the limit already, and the verifier has to see it where it matters. */
	barrier_var(len);
	bpf_probe_read_kernel(out, len & 127,
			      (void *)address + bpf_core_field_offset(struct unix_address, name) + UNIX_FAMILY_SIZE);
	return len;
}

static __always_inline void describe_unix(struct ipc_raw *raw, struct sock *sk)
{
	struct sock *peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
	struct inode *file = BPF_CORE_READ((struct unix_sock *)sk, path.dentry, d_inode);
	__u32 len;

	raw->name_is = IPC_RAW_NAME_SOCKET;
	raw->name_at = raw->name_len = read_unix_name(raw->name, sk);
	if (file) {
		raw->id = BPF_CORE_READ(file, i_ino);
		raw->dev = BPF_CORE_READ(file, i_sb, s_dev);
	}
	if (!peer)
		return;
	raw->peer = inode_of_sock(peer);
	/* Who connects has a peer without a socket until it is accepted, under the name of the listener. */
	if (raw->peer) {
		raw->has |= IPC_RAW_PEER;
		return;
	}
	len = BPF_CORE_READ(peer, __sk_common.skc_state) == TCP_ESTABLISHED
		      ? read_unix_name(raw->name + IPC_RAW_NAME_PEER, peer)
		      : 0;
	if (len)
		raw->name_len = IPC_RAW_NAME_PEER + len;
}

/* ---- addresses that programs pass ------------------------------------------------------------------------------------ */

/* In the program's memory. */
struct passed {
	const void *at; /* NULL: none */
	__u32 len;
};

struct any_sockaddr {
	__u16 family;
	__u16 port;
	__u32 words[5]; /* the address; of IPv6 behind one word, and the scope; of netlink the port */
	__u32 scope;
};

static __always_inline void take_passed_unix(struct ipc_raw *raw, const struct passed *passed)
{
	__u32 len = passed->len - UNIX_FAMILY_SIZE;
	__u16 family = 0;

	if (!passed->at || !len || len > UNIX_NAME_MAX || bpf_probe_read_user(&family, sizeof(family), passed->at) ||
	    family != AF_UNIX)
		return;
	barrier_var(len);
	if (bpf_probe_read_user(raw->name + IPC_RAW_NAME_PEER, len & 127, passed->at + UNIX_FAMILY_SIZE))
		return;
	raw->name_len = IPC_RAW_NAME_PEER + len;
	raw->has &= ~IPC_RAW_PEER;
	raw->peer = 0;
}

static __always_inline void take_passed(struct ipc_raw *raw, const struct passed *passed)
{
	struct any_sockaddr address = {0};

	if (!passed->at || passed->len < 8 || bpf_probe_read_user(&address, 8, passed->at))
		return;
	if (address.family == AF_INET) {
		__builtin_memset(raw->remote.bytes, 0, sizeof(raw->remote.bytes));
		__builtin_memcpy(raw->remote.bytes, address.words, 4);
		raw->remote.port = bpf_ntohs(address.port);
	} else if (address.family == AF_INET6 && passed->len >= 24) {
		if (bpf_probe_read_user(&address, 28, passed->at) && bpf_probe_read_user(&address, 24, passed->at))
			return;
		__builtin_memcpy(raw->remote.bytes, address.words + 1, 16);
		raw->remote.port = bpf_ntohs(address.port);
		raw->remote.scope = address.scope;
	} else if (address.family == AF_NETLINK) {
		raw->remote.scope = address.words[0];
	} else {
		return;
	}
	raw->remote.family = address.family;
}

/* ---- records -------------------------------------------------------------------------------------------------------- */

/* Of one that is no unix socket. */
static __always_inline void describe_others(struct ipc_raw *raw, const struct subject *what,
					    const struct passed *passed)
{
	struct sock *sk = (void *)what->sock;

	if (sk && (what->family == AF_INET || what->family == AF_INET6))
		describe_inet(raw, sk, what->family);
	else if (sk)
		describe_rare(raw, sk, what->family);
	if (passed)
		take_passed(raw, passed);
}

/* As record_sock() below. False: there is none. */
static NOINLINE bool make_record_sock(const struct subject *what, __u8 verb, const struct passed *passed,
				      struct ipc_raw **out)
{
	struct sock *sk = (void *)what->sock;
	struct ipc_raw *raw;

	if (what->kind == IPC_RAW_SOCK_UNIX) {
		raw = record(what, verb, IPC_RAW_NAME_SMALL);
		if (!raw)
			return false;
		if (sk)
			describe_unix(raw, sk);
		if (passed)
			take_passed_unix(raw, passed);
	} else {
		raw = record(what, verb, 0);
		if (!raw)
			return false;
		describe_others(raw, what, passed);
	}
	if (sk)
		raw->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	*out = raw;
	return true;
}

/*
 * A record about the socket @what, with its addresses; @passed is one that the call gave or got, and may be NULL. Before Linux 6.3 the
 * verifier forgets that a record which another function returned is there, and would miss its end on the way where it is not.
 */
static __always_inline struct ipc_raw *record_sock(const struct subject *what, __u8 verb, const struct passed *passed)
{
	struct ipc_raw *raw = 0;

	if (!make_record_sock(what, verb, passed, &raw))
		return 0;
	barrier_var(raw);
	if (!raw)
		__builtin_unreachable();
	return raw;
}

#endif
