/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The class of sockets: its fields, and what the collectors of its kinds share. */
#include "classes/sock.h"

#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "classes/change.h"
#include "classes/sock_few.h"
#include "model/units.h"
#include "sources/procfs.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct ipc_field fields[] = {
	IPC_FIELD(ipc_sock, type, STRING, "stream, dgram, seqpacket or raw"),
	IPC_FIELD(ipc_sock, protocol, STRING, "protocol within the kind"),
	IPC_FIELD(ipc_sock, local, STRING, "own address: path, @abstract, address and port"),
	IPC_FIELD_NEEDS(ipc_sock, peer, STRING, IPC_NEED_END,
			"address of the other end; for unix sockets its reference"),
	IPC_FIELD_LIST(ipc_sock, peers, &ipc_peer_record, IPC_NEED_PEERS | IPC_NEED_HOLDERS | IPC_NEED_END,
		       "other ends on this host with their processes"),
	IPC_FIELD_NEEDS(ipc_sock, listener, STRING, IPC_NEED_LISTENER,
			"listening socket that it came from; not known when several share an address"),
	IPC_FIELD_NEEDS(ipc_sock, receive_queue, SIZE, IPC_NEED_QUEUES,
			"bytes to be read; listening: connections to be accepted"),
	IPC_FIELD_NEEDS(ipc_sock, send_queue, SIZE, IPC_NEED_QUEUES, "bytes not yet taken by the other side"),
	IPC_FIELD_NEEDS(ipc_sock, backlog, UINT, IPC_NEED_QUEUES, "connections that may wait to be accepted"),
	IPC_FIELD_NEEDS(ipc_sock, memory, SIZE, IPC_NEED_MEMORY, "kernel memory charged to it"),
	IPC_FIELD(ipc_sock, cookie, UINT, "number that no other socket gets while the host is up"),
	IPC_FIELD(ipc_sock, bound_inode, UINT, "inode of the socket file"),
	IPC_FIELD(ipc_sock, timer, STRING, "running timer: retransmit, keepalive, timewait, persist"),
	IPC_FIELD(ipc_sock, timer_expires, DURATION, "time until the timer runs out"),
	IPC_FIELD(ipc_sock, retransmits, UINT, "transmissions without an answer"),
	IPC_FIELD(ipc_sock, shutdown, STRING, "directions that are shut down: r, w, rw"),
	IPC_FIELD(ipc_sock, interface, STRING, "network interface that it is bound to"),
};

const struct ipc_record ipc_sock_record = {
	.name = "sock",
	.size = sizeof(struct ipc_sock),
	.super = &ipc_object_record,
	.fields = fields,
	.count = COUNT(fields),
};

const struct ipc_class ipc_class_sock = {
	.name = "sock",
	.help = "sockets: unix, internet, packet, netlink and others, and stale socket files",
	.columns = "ref,kind,status,receive_queue,send_queue,local,peer,holders",
	.record = &ipc_sock_record,
};

/* ---- operations of kinds ----------------------------------------------------------------------------------- */

void ipc_sock_names(const struct ipc_object *object, struct ipc_names *names)
{
	if (object->inode != IPC_UNKNOWN)
		ipc_names_add_number(names, false, object->inode);
}

int ipc_sock_identity(const struct ipc_object *object, struct ipc_buf *out)
{
	const struct ipc_sock *sock = (const struct ipc_sock *)object;

	/* /proc/net/raw gives no cookie. */
	if (sock->cookie == IPC_UNKNOWN)
		return 0;
	return ipc_buf_format(out, "%" PRIx64, sock->cookie);
}

enum ipc_state ipc_sock_judge(struct ipc_run *run, const struct ipc_object *object)
{
	if (object->inode == IPC_UNKNOWN)
		ipc_evidence(run, "no process has it: its protocol ends it");
	else if (!ipc_judge_held(run, object))
		ipc_evidence(run, "the kernel has it, and takes it away with its last user");
	return IPC_STATE_HELD;
}

/* ---- one walk over the sockets of a namespace ---------------------------------------------------------------- */

int ipc_sock_walk_begin(struct ipc_sock_walk *walk, struct ipc_run *run, const struct ipc_kind *kind)
{
	*walk = (struct ipc_sock_walk){.run = run, .kind = kind};
	return ipc_diag_open(run->ctx, &walk->diag);
}

void ipc_sock_walk_end(struct ipc_sock_walk *walk)
{
	ipc_diag_close(walk->diag);
	ipc_idset_release(&walk->seen);
}

static void expect_sockets(const uint32_t *inodes, size_t count, void *data)
{
	ipc_run_expect_sockets(data, inodes, count);
}

int ipc_sock_walk_dump(struct ipc_sock_walk *walk, const char *name, const void *request, size_t size, size_t min,
		       ipc_diag_fn fn, void *data)
{
	int r;

	if (walk->inode_at && ipc_run_needs(walk->run, IPC_NEED_HOLDERS | IPC_NEED_PEERS))
		ipc_diag_look_ahead(walk->diag, walk->inode_at, expect_sockets, walk->run);
	r = ipc_diag_dump(walk->diag, name, request, size, min, fn, data);
	if (r != IPC_DIAG_PARTIAL)
		return r;
	walk->partial = true;
	ipc_run_problem(walk->run, false, ESTALE, "sockets came and went while they were listed", "sock/%s",
			walk->kind->name);
	return 0;
}

static uint64_t cookie_number(const uint32_t cookie[2])
{
	return cookie[0] | (uint64_t)cookie[1] << 32;
}

bool ipc_sock_walk_met(struct ipc_sock_walk *walk, const uint32_t cookie[2])
{
	/* Without memory for the set a duplicate is the lesser evil. */
	return ipc_idset_add(&walk->seen, cookie_number(cookie)) == 0;
}

struct ipc_sock *ipc_sock_walk_object(struct ipc_sock_walk *walk, uint64_t inode, const uint32_t cookie[2])
{
	struct ipc_sock *sock;

	sock = ipc_run_object(walk->run, walk->kind);
	if (!sock)
		return NULL;
	if (inode) {
		sock->base.inode = inode;
		sock->base.hold = (struct ipc_key){.space = IPC_SPACE_SOCKET, .inode = inode};
		sock->base.wait = sock->base.hold;
	} else {
		/* Known to be nobody's: it has left its process, or has not reached one yet. */
		if (ipc_run_needs(walk->run, IPC_NEED_HOLDERS))
			sock->base.holders = IPC_EMPTY_LIST;
		if (ipc_run_needs(walk->run, IPC_NEED_WAITERS))
			sock->base.waiters = IPC_EMPTY_LIST;
	}
	if (cookie[0] || cookie[1])
		sock->cookie = cookie_number(cookie);
	sock->bound_device = IPC_UNKNOWN;
	return sock;
}

int ipc_sock_collect(struct ipc_run *run, const struct ipc_kind *kind, const char *protocol, const void *request,
		     size_t size, size_t min, ipc_diag_fn fn)
{
	int64_t sockets = ipc_sock_protocol_count(run, protocol);
	struct ipc_sock_few few;
	struct ipc_sock_walk walk;
	bool none;
	int r;

	/* A family that does not exist is not asked about: that could load its module. */
	if (sockets == -ENOENT && !run->ctx->captured)
		return ipc_sock_unavailable(run, kind, -EAFNOSUPPORT, 0);
	r = ipc_sock_few_init(&few, run, kind);
	none = few.active && !few.count;
	ipc_sock_few_release(&few);
	if (r < 0 || none)
		return r;
	r = ipc_sock_walk_begin(&walk, run, kind);
	if (r < 0)
		return r;
	r = ipc_sock_walk_dump(&walk, kind->name, request, size, min, fn, &walk);
	ipc_sock_walk_end(&walk);
	return r < 0 ? ipc_sock_unavailable(run, kind, r, sockets) : r;
}

/* ---- what this kernel has ------------------------------------------------------------------------------------ */

/* Its counts are sums over all processors, so it is not read anew for each kind. */
static int read_protocols(struct ipc_run *run)
{
	const char *file = run->ctx->captured ? "net/protocols" : "thread-self/net/protocols";
	int r;

	if (run->protocols_of && run->protocols_of == run->ns)
		return 0;
	run->protocols_of = NULL;
	r = ipc_proc_read(run->ctx, &run->protocols, "%s", file);
	if (r == 0)
		run->protocols_of = run->ns;
	return r;
}

void ipc_sock_protocols_forget(struct ipc_run *run)
{
	run->protocols_of = NULL;
}

int64_t ipc_sock_protocol_count(struct ipc_run *run, const char *protocol)
{
	size_t len = strlen(protocol);
	uint64_t sockets;
	char *line;
	int r;

	r = read_protocols(run);
	/* Absent in a captured tree: every captured dump is worth reading. */
	if (r < 0)
		return run->ctx->captured || r != -ENOENT ? r : -EACCES;
	/* "TCPv6     2432      3     323   no ...": name, size of its struct, sockets. */
	for (line = run->protocols.data; line; line = strchr(line, '\n')) {
		size_t skip, digits;

		line += *line == '\n';
		if (strncmp(line, protocol, len) != 0 || line[len] != ' ')
			continue;
		skip = len + strspn(line + len, " ");
		skip += strcspn(line + skip, " \n");
		skip += strspn(line + skip, " ");
		digits = strcspn(line + skip, " \n");
		return ipc_parse_uint(line + skip, digits, &sockets) == 0 ? (int64_t)sockets : 0;
	}
	return -ENOENT;
}

static bool named_by_address(struct ipc_run *run, const struct ipc_kind *kind)
{
	const struct ipc_target *target;
	size_t at = 0;

	while ((target = ipc_run_next_target(run, "sock", &at)))
		if (target->ref.by == IPC_BY_ADDRESS && ipc_target_may_name(target, kind))
			return true;
	return false;
}

int ipc_sock_unavailable(struct ipc_run *run, const struct ipc_kind *kind, int error, int64_t sockets)
{
	switch (error) {
	case -ENOENT:
	case -EOPNOTSUPP:
	case -EINVAL:
	case -EAFNOSUPPORT:
	case -EPROTONOSUPPORT:
		/* A reference that only might have meant one of them is no reason to call the answer incomplete. */
		if (ipc_run_only_targets(run, kind) && !named_by_address(run, kind))
			return 0;
		if (sockets > 0)
			ipc_run_problem(run, false, -error, "this kernel has no diagnostics for them",
					"%" PRId64 " %s socket%s", sockets, kind->name, sockets == 1 ? "" : "s");
		else if (ipc_run_named(run, kind))
			ipc_run_problem(run, false, -error, "not available in this kernel", "sock/%s", kind->name);
		return 0;
	default:
		return error;
	}
}

/* ---- words and numbers --------------------------------------------------------------------------------------- */

struct ipc_list ipc_sock_status(unsigned state)
{
	static const struct ipc_bytes words[] = {
		[1] = IPC_BYTES("ESTAB"),
		[2] = IPC_BYTES("SYN-SENT"),
		[3] = IPC_BYTES("SYN-RECV"),
		[4] = IPC_BYTES("FIN-WAIT-1"),
		[5] = IPC_BYTES("FIN-WAIT-2"),
		[6] = IPC_BYTES("TIME-WAIT"),
		[7] = IPC_BYTES("UNCONN"),
		[8] = IPC_BYTES("CLOSE-WAIT"),
		[9] = IPC_BYTES("LAST-ACK"),
		[10] = IPC_BYTES("LISTEN"),
		[11] = IPC_BYTES("CLOSING"),
		[12] = IPC_BYTES("SYN-RECV"), /* NEW_SYN_RECV: the same to everybody outside the kernel */
		[13] = IPC_BYTES("BOUND-INACTIVE"),
	};

	if (state >= COUNT(words) || !words[state].data)
		return IPC_EMPTY_LIST;
	return (struct ipc_list){&words[state], 1};
}

struct ipc_bytes ipc_sock_type(unsigned type)
{
	static const struct ipc_bytes words[] = {
		[SOCK_STREAM] = IPC_BYTES("stream"),
		[SOCK_DGRAM] = IPC_BYTES("dgram"),
		[SOCK_RAW] = IPC_BYTES("raw"),
		[SOCK_RDM] = IPC_BYTES("rdm"),
		[SOCK_SEQPACKET] = IPC_BYTES("seqpacket"),
		[SOCK_PACKET] = IPC_BYTES("packet"),
	};

	return type < COUNT(words) ? words[type] : IPC_NO_BYTES;
}

struct ipc_bytes ipc_sock_shutdown(unsigned bits)
{
	static const struct ipc_bytes words[] = {IPC_BYTES(""), IPC_BYTES("r"), IPC_BYTES("w"), IPC_BYTES("rw")};

	return words[bits & 3];
}

void ipc_sock_fill_queues(struct ipc_sock *sock, unsigned state, uint64_t receive, uint64_t send)
{
	sock->receive_queue = receive;
	if (state == TCP_LISTEN)
		sock->backlog = send;
	else
		sock->send_queue = send;
}

uint64_t ipc_sock_memory(const struct nlattr *attr)
{
	uint32_t values[SK_MEMINFO_VARS] = {0};
	size_t len;

	if (!attr)
		return IPC_UNKNOWN;
	len = mnl_attr_get_payload_len(attr);
	memcpy(values, mnl_attr_get_payload(attr), len < sizeof(values) ? len : sizeof(values));
	/* What a stream has queued is charged once: either still in the write queue, or on its way to the device. */
	return (uint64_t)values[SK_MEMINFO_RMEM_ALLOC] + values[SK_MEMINFO_FWD_ALLOC] + values[SK_MEMINFO_OPTMEM] +
	       (values[SK_MEMINFO_WMEM_ALLOC] > values[SK_MEMINFO_WMEM_QUEUED] ? values[SK_MEMINFO_WMEM_ALLOC]
									       : values[SK_MEMINFO_WMEM_QUEUED]);
}

struct ipc_bytes ipc_sock_reference(struct ipc_run *run, uint64_t inode)
{
	char text[sizeof("sock@:") + 2 * IPC_UINT_MOST] = "sock", *at = text + strlen("sock");

	if (run->ns && !run->ns->own) {
		*at++ = '@';
		at = ipc_put_uint(at, run->ns->inode);
	}
	*at++ = ':';
	at = ipc_put_uint(at, inode);
	return ipc_arena_bytes(&run->arena, text, (size_t)(at - text));
}

struct ipc_list ipc_sock_peer(struct ipc_run *run, uint64_t inode)
{
	struct ipc_peer *peer;

	peer = ipc_arena_alloc(&run->arena, sizeof(*peer));
	if (!peer)
		return (struct ipc_list){0};
	*peer = (struct ipc_peer){.ref = ipc_sock_reference(run, inode),
				  .hold = {.space = IPC_SPACE_SOCKET, .inode = inode}};
	return (struct ipc_list){peer, 1};
}

void ipc_sock_finish(struct ipc_run *run, struct ipc_object *object)
{
	const struct ipc_list *peers = &((struct ipc_sock *)object)->peers;
	struct ipc_peer *peer = (struct ipc_peer *)peers->items;
	size_t i;

	for (i = 0; i < peers->count; i++)
		peer[i].holders = ipc_run_list_holders(run, peer[i].hold);
}

int ipc_sock_peers(const struct ipc_object *object, struct ipc_keyset *keys)
{
	const struct ipc_list *peers = &((const struct ipc_sock *)object)->peers;
	const struct ipc_peer *peer = peers->items;
	size_t i;
	int r = 0;

	for (i = 0; r >= 0 && i < peers->count; i++)
		r = ipc_keyset_add(keys, peer[i].hold);
	return r;
}

struct ipc_bytes ipc_sock_interface(struct ipc_run *run, unsigned index)
{
	char name[IF_NAMESIZE];

	if (index == 0)
		return IPC_NO_BYTES;
	if (!run->ctx->captured && if_indextoname(index, name))
		return ipc_arena_bytes(&run->arena, name, strlen(name));
	return ipc_arena_format(&run->arena, "%u", index);
}

struct ipc_bytes ipc_sock_address(const struct ipc_object *object)
{
	return object->of_class == &ipc_class_sock ? ((const struct ipc_sock *)object)->local : IPC_NO_BYTES;
}

bool ipc_sock_is_file(const struct ipc_object *object)
{
	return object->of_class == &ipc_class_sock && ((const struct ipc_sock *)object)->stale;
}

const struct ipc_changes ipc_changes_sock_other = {
	.refuse =
		{
			[IPC_VERB_CREATE] =
				"sockets of this kind belong to their program; ipctool makes unix, tcp and udp ones",
			[IPC_VERB_SET] = "a socket without a file has no attributes that others may set",
			[IPC_VERB_SEND] =
				"ipctool speaks unix, tcp and udp; to this kind the program that has it must speak",
			[IPC_VERB_RECEIVE] = ("what a socket receives belongs to the process that has it; "
					      "\"ipctool dump\" shows what of it is in the kernel"),
			[IPC_VERB_POST] = "a socket is no semaphore; make one: sem:/name",
			[IPC_VERB_WAIT] = "a socket is no semaphore; make one: sem:/name",
			[IPC_VERB_REMOVE] =
				"the kernel ends sockets of this kind with their last holder alone; end that process, which \"ipctool show\" names",
		},
};
