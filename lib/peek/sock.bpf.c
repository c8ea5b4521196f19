/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BPF: the receive queue of a socket, buffer by buffer, as it lies in the kernel's memory. */
#include "bpf/vmlinux_min.h"

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

#include "peek/sock_record.h"
#include "peek/sock_types.h"

#define NULL ((void *)0)
#define STEPS (1 << 23) /* as many as bpf_loop() makes */
#define CACHES 1024

char LICENSE[] SEC("license") = "GPL";

/* What is looked at, and how far; set before each run. */
__s32 wanted_fd;
__u32 shape;
__u64 first;        /* buffers to be left out */
__u8 tried;         /* of the library: a socket of its own has shown that buffers are understood */
__u8 with_pages;    /* buffers may lie in pages that are known by their descriptors alone */
__u8 inline_urgent; /* SO_OOBINLINE */
__u32 page_size;
/* How it went. */
__u32 full; /* the ring was: buffer `next_index` and what follows it is left for another run */
__u64 next_index;
__u32 torn;   /* the queue changed meanwhile */
__s64 urgent; /* TCP: the place of an urgent byte in what is queued; -1: there is none */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* set before it is loaded */
} ring SEC(".maps");

struct {
	struct ipc_peek_sock_record head;
	char data[PEEK_SOCK_PART];
} part;

/* ---- pages ------------------------------------------------------------------------------------------------------- */

/*
 * Descriptor and address of one page: they lie in two rows that are parallel, so that with one pair the address of any
 * other page follows from its descriptor. The allocator of small objects knows such pairs.
 */
__u64 known_page, known_address;

struct search {
	struct kmem_cache *cache;
};

static long look_at_cache(__u64 number, void *data)
{
	struct search *search = data;
	struct kmem_cache *cache = search->cache;
	struct kmem_cache_node *node = BPF_CORE_READ(cache, node[0]);
	struct list_head *at = NULL, *next;
	struct slab *slab;
	void *list;

	next = BPF_CORE_READ(cache, list.next);
	search->cache = (void *)next - bpf_core_field_offset(struct kmem_cache, list);
	/* Of a single page, so that the place of an object in it tells where it begins. */
	if (!node || BPF_CORE_READ(cache, oo.x) >> 16)
		return 0;
	list = (void *)node + bpf_core_field_offset(struct kmem_cache_node, partial);
	at = BPF_CORE_READ(node, partial.next);
	if (!at || at == list)
		return 0;
	slab = (void *)at - bpf_core_field_offset(struct slab, slab_list);
	known_address = (__u64)BPF_CORE_READ(slab, freelist) & ~(__u64)(page_size - 1);
	known_page = (__u64)slab;
	return known_address && BPF_CORE_READ(slab, slab_cache) == cache;
}

static __always_inline void find_page(struct sock *sk)
{
	struct search search = {};

	if (!bpf_core_type_exists(struct slab))
		return;
	search.cache = BPF_CORE_READ(sk, __sk_common.skc_prot, slab);
	if (search.cache && bpf_loop(CACHES, look_at_cache, &search, 0) >= CACHES)
		known_address = 0;
}

/* (There is no signed division here.) */
static __always_inline void *address_of(__u64 page)
{
	__u64 size = bpf_core_type_size(struct page);

	if (page < known_page)
		return (void *)(known_address - (known_page - page) / size * page_size);
	return (void *)(known_address + (page - known_page) / size * page_size);
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

enum step { STEP_BUFFER, STEP_BYTES, STEP_SEGMENT };

/* Where the walk stands: one small step is made at a time, so that the verifier need not follow loops in loops. */
struct walk {
	enum step step;
	struct sk_buff_head *head, *second; /* queues: the one at hand, and what comes after it or NULL */
	struct sk_buff *at;                 /* to be looked at next */
	__u64 index;
	__u32 sequence; /* TCP: of the next byte to be received */
	struct sk_buff *oob;
	/* of the buffer at hand */
	struct sk_buff *buffer, *chained; /* the latter: it, or one of those that are hung on it */
	__u64 skip, left;                 /* bytes that were received already, and that are to come */
	void *data;                       /* of a segment: its next byte, of */
	__u64 room;                       /* so many */
	struct skb_shared_info *info;
	__u32 fragment, fragments;
};

/* Not on the stack, where the verifier would follow each of its values. */
static struct walk place;

#define CONTROL(buffer) ((void *)(buffer) + bpf_core_field_offset(struct sk_buff, cb))

static __always_inline long begin_chained(struct walk *walk, struct sk_buff *buffer)
{
	__u32 linear = BPF_CORE_READ(buffer, len) - BPF_CORE_READ(buffer, data_len);
	struct skb_shared_info *info = (void *)BPF_CORE_READ(buffer, head) + BPF_CORE_READ(buffer, end);

	walk->chained = buffer;
	walk->data = BPF_CORE_READ(buffer, data);
	walk->room = linear;
	walk->info = info;
	walk->fragment = 0;
	walk->fragments = BPF_CORE_READ(info, nr_frags);
	walk->step = STEP_BYTES;
	return 0;
}

/* As the reader's pid namespace numbers it; 0 when it does not. */
static __always_inline __s32 number_of(struct pid *pid)
{
	struct task_struct *reader = (struct task_struct *)bpf_get_current_task();
	struct pid *own = BPF_CORE_READ(reader, thread_pid);
	__u32 level = BPF_CORE_READ(own, level) & 63;
	struct upid___space *theirs, *ours;
	__u64 at = bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);

	if (!pid || BPF_CORE_READ(pid, level) < level)
		return 0;
	theirs = (void *)pid + at;
	ours = (void *)own + at;
	return BPF_CORE_READ(theirs, ns) == BPF_CORE_READ(ours, ns) ? BPF_CORE_READ(theirs, nr) : 0;
}

static __always_inline void read_unix(struct sk_buff *buffer)
{
	struct unix_skb_parms *control = CONTROL(buffer);
	struct unix_sock *sender = (void *)BPF_CORE_READ(buffer, sk);
	struct scm_fp_list *passed = BPF_CORE_READ(control, fp);
	struct unix_address *address = NULL;
	__u32 len = 0;

	part.head.pid = number_of(BPF_CORE_READ(control, pid));
	part.head.uid = BPF_CORE_READ(control, uid.val);
	part.head.gid = BPF_CORE_READ(control, gid.val);
	if (passed)
		part.head.descriptors = (__u16)BPF_CORE_READ(passed, count);
	if (sender)
		address = BPF_CORE_READ(sender, addr);
	if (address)
		len = BPF_CORE_READ(address, len);
	if (!len || len >= PEEK_SOCK_NAME)
		return;
	barrier_var(len); /* else the compiler leaves out what the verifier wants to see */
	if (!bpf_probe_read_kernel(part.head.from, len & (PEEK_SOCK_NAME - 1),
				   (void *)address + bpf_core_field_offset(struct unix_address, name)))
		part.head.from_size = len;
}

static __always_inline void read_ip(struct sk_buff *buffer, bool ports)
{
	void *head = BPF_CORE_READ(buffer, head);
	void *network = head + BPF_CORE_READ(buffer, network_header);
	__u8 version = 0;
	__u16 port = 0;

	bpf_probe_read_kernel(&version, 1, network);
	version >>= 4;
	part.head.interface = BPF_CORE_READ(buffer, skb_iif);
	if (version == 6 && !bpf_probe_read_kernel(part.head.from, 16, network + 8))
		part.head.from_size = 16;
	else if (version == 4 && !bpf_probe_read_kernel(part.head.from, 4, network + 12))
		part.head.from_size = 4;
	else
		return;
	part.head.version = version;
	if (ports && !bpf_probe_read_kernel(&port, 2, head + BPF_CORE_READ(buffer, transport_header)))
		part.head.port = port;
}

static __always_inline void read_sender(struct sk_buff *buffer)
{
	struct netlink_skb_parms *netlink = CONTROL(buffer);

	part.head.pid = 0;
	part.head.uid = part.head.gid = ~0u;
	part.head.descriptors = part.head.port = part.head.interface = 0;
	part.head.version = part.head.from_size = 0;
	if (shape == PEEK_SOCK_UNIX || shape == PEEK_SOCK_UNIX_STREAM)
		read_unix(buffer);
	else if (shape == PEEK_SOCK_UDP || shape == PEEK_SOCK_RAW)
		read_ip(buffer, shape == PEEK_SOCK_UDP);
	else if (shape == PEEK_SOCK_NETLINK)
		part.head.port = BPF_CORE_READ(netlink, portid);
}

/* How much of a stream's buffer was received already. */
static __always_inline __u32 received_of(struct walk *walk, struct sk_buff *buffer)
{
	struct unix_skb_parms *unix_control = CONTROL(buffer);
	struct tcp_skb_cb *tcp_control = CONTROL(buffer);
	__u32 sequence;

	if (shape == PEEK_SOCK_UNIX_STREAM)
		/* An urgent byte is no part of the stream unless its owner wants that. */
		return buffer == walk->oob && !inline_urgent ? ~0u : BPF_CORE_READ(unix_control, consumed);
	if (shape != PEEK_SOCK_TCP)
		return 0;
	sequence = walk->sequence - BPF_CORE_READ(tcp_control, seq);
	return (__s32)sequence < 0 ? 0 : sequence;
}

static __always_inline long step_buffer(struct walk *walk)
{
	struct sk_buff_head *head = walk->head;
	struct sk_buff *buffer = walk->at;
	__u32 length, received;

	if (!buffer) {
		torn = 1;
		return 1;
	}
	if ((void *)buffer == (void *)head) {
		head = walk->second;
		if (!head)
			return 1;
		walk->head = head;
		walk->at = BPF_CORE_READ(head, next);
		walk->second = NULL;
		return 0;
	}
	walk->at = BPF_CORE_READ(buffer, next);
	length = BPF_CORE_READ(buffer, len);
	received = received_of(walk, buffer);
	/* Of a stream such a one is nothing; a datagram may be empty. */
	if ((shape == PEEK_SOCK_UNIX_STREAM || shape == PEEK_SOCK_TCP) && received >= length)
		return 0;
	walk->sequence += length - received;
	if (walk->index++ < first)
		return 0;
	part.head.index = walk->index - 1;
	part.head.length = length - received;
	part.head.offset = part.head.size = 0;
	read_sender(buffer);
	if (bpf_ringbuf_output(&ring, &part, sizeof(part.head), 0)) {
		full = 1;
		return 1;
	}
	walk->buffer = buffer;
	walk->skip = received;
	walk->left = length - received;
	return begin_chained(walk, buffer);
}

/* The buffer at hand is done with, whether all of it could be read or not. */
static __always_inline long end_buffer(struct walk *walk)
{
	next_index = walk->index;
	walk->step = STEP_BUFFER;
	return 0;
}

static __always_inline long step_bytes(struct walk *walk)
{
	__u64 size = walk->left < walk->room ? walk->left : walk->room;

	if (!walk->left)
		return end_buffer(walk);
	if (!walk->room) {
		walk->step = STEP_SEGMENT;
		return 0;
	}
	if (walk->skip) {
		size = walk->skip < walk->room ? walk->skip : walk->room;
		walk->skip -= size;
		walk->data += size;
		walk->room -= size;
		return 0;
	}
	if (size > PEEK_SOCK_PART)
		size = PEEK_SOCK_PART;
	part.head.size = size;
	if (bpf_probe_read_kernel(part.data, size & (2 * PEEK_SOCK_PART - 1), walk->data))
		return end_buffer(walk);
	if (bpf_ringbuf_output(&ring, &part, sizeof(part.head) + (size & (2 * PEEK_SOCK_PART - 1)), 0)) {
		full = 1;
		return 1;
	}
	walk->data += size;
	walk->room -= size;
	walk->left -= size;
	part.head.offset += size;
	return 0;
}

static __always_inline long step_segment(struct walk *walk)
{
	struct skb_shared_info *info = walk->info;
	struct sk_buff *chained = walk->chained;
	struct {
		__u64 page;
		__u32 len, offset;
	} fragment = {};

	if (walk->fragment < walk->fragments) {
		bpf_probe_read_kernel(&fragment, sizeof(fragment),
				      (void *)info + bpf_core_field_offset(struct skb_shared_info, frags) +
					      (walk->fragment & 255) * sizeof(fragment));
		walk->fragment++;
		/* The lowest bit marks memory that is not the host's own. */
		if (!with_pages || !known_address || !fragment.page || fragment.page & 1)
			return end_buffer(walk);
		walk->data = address_of(fragment.page) + fragment.offset;
		walk->room = fragment.len;
		walk->step = STEP_BYTES;
		return 0;
	}
	chained = chained == walk->buffer ? BPF_CORE_READ(info, frag_list) : BPF_CORE_READ(chained, next);
	return chained ? begin_chained(walk, chained) : end_buffer(walk);
}

static long step(__u64 number, void *data)
{
	struct walk *walk = &place;

	switch (walk->step) {
	case STEP_BUFFER:
		return step_buffer(walk);
	case STEP_BYTES:
		return step_bytes(walk);
	default:
		return step_segment(walk);
	}
}

/* ---- the socket -------------------------------------------------------------------------------------------------- */

static __always_inline void read_tcp(struct walk *walk, struct tcp_sock *tcp)
{
	walk->sequence = BPF_CORE_READ(tcp, copied_seq);
	/* Zero: there is none; the second byte: its place is known, and it may have come. */
	if (BPF_CORE_READ(tcp, urg_data) && !inline_urgent)
		urgent = (__s32)(BPF_CORE_READ(tcp, urg_seq) - walk->sequence);
}

static __always_inline __u32 count_queued(struct sk_buff_head *queue, struct sk_buff_head *second)
{
	return BPF_CORE_READ(queue, qlen) + (second ? BPF_CORE_READ(second, qlen) : 0);
}

SEC("iter/task_file")
int peek_sock(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct sk_buff_head *queue, *before = NULL, *head;
	struct unix_sock *local;
	struct socket *socket;
	struct walk *walk = &place;
	struct sock *sk;
	__u32 queued;

	if (!task || !file || ctx->fd != wanted_fd || task->tgid != bpf_get_current_pid_tgid() >> 32)
		return 0;
	socket = file->private_data;
	sk = BPF_CORE_READ(socket, sk);
	if (!sk)
		return 0;
	if (with_pages && !known_address)
		find_page(sk);
	__builtin_memset(walk, 0, sizeof(*walk));
	queue = (void *)sk + bpf_core_field_offset(struct sock, sk_receive_queue);
	if (shape == PEEK_SOCK_UDP)
		before = (void *)sk + bpf_core_field_offset(struct udp_sock, reader_queue);
	local = (void *)sk;
	if (shape == PEEK_SOCK_UNIX_STREAM && bpf_core_field_exists(struct unix_sock, oob_skb))
		walk->oob = BPF_CORE_READ(local, oob_skb);
	urgent = -1;
	if (shape == PEEK_SOCK_TCP)
		read_tcp(walk, (void *)sk);
	head = before ? before : queue;
	walk->head = head;
	walk->second = before ? queue : NULL;
	walk->at = BPF_CORE_READ(head, next);
	queued = count_queued(queue, before);
	next_index = first;
	bpf_loop(STEPS, step, NULL, 0);
	if (queued != count_queued(queue, before))
		torn = 1;
	return 0;
}
