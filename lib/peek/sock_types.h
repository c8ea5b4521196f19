/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel types that the BPF program for sockets reads beyond those that all programs share. Needs bpf/vmlinux_min.h. */
#ifndef IPC_PEEK_SOCK_TYPES_H
#define IPC_PEEK_SOCK_TYPES_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next, *prev;
};

struct page {
	unsigned long flags;
};

/* Since 6.9 skb_frag, before bio_vec: a page, a length and an offset, in this order. */
struct any_fragment {
	unsigned long page;
};

struct skb_shared_info {
	unsigned char nr_frags;
	struct sk_buff *frag_list;
	struct any_fragment frags[1];
};

struct sk_buff {
	struct sk_buff *next;
	struct sock *sk;
	char cb[48];
	unsigned int len, data_len;
	unsigned short transport_header, network_header;
	int skb_iif;
	unsigned int end;
	unsigned char *head, *data;
};

struct sk_buff_head {
	struct sk_buff *next;
	unsigned int qlen;
};

struct kmem_cache_order_objects {
	unsigned int x;
};

struct kmem_cache_node {
	struct list_head partial;
};

struct kmem_cache {
	struct kmem_cache_order_objects oo;
	struct list_head list;
	struct kmem_cache_node *node[1];
};

struct slab {
	struct kmem_cache *slab_cache;
	struct list_head slab_list;
	void *freelist;
};

struct proto {
	struct kmem_cache *slab;
};

struct sock_common {
	struct proto *skc_prot;
};

struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
};

struct socket {
	struct sock *sk;
};

struct udp_sock {
	struct sk_buff_head reader_queue;
};

struct tcp_sock {
	unsigned int copied_seq, urg_seq;
	unsigned short urg_data;
};

struct tcp_skb_cb {
	unsigned int seq;
};

struct any_name {
	unsigned short family;
};

struct unix_address {
	int len;
	struct any_name name[1];
};

struct unix_sock {
	struct unix_address *addr;
	struct sk_buff *oob_skb;
};

struct scm_fp_list {
	short count;
};

typedef struct {
	unsigned int val;
} kuid_t;

typedef struct {
	unsigned int val;
} kgid_t;

struct unix_skb_parms {
	struct pid *pid;
	kuid_t uid;
	kgid_t gid;
	struct scm_fp_list *fp;
	unsigned int consumed;
};

struct netlink_skb_parms {
	unsigned int portid;
};

/* Another view of what vmlinux_min.h has. */
struct upid___space {
	int nr;
	struct pid_namespace *ns;
};

#pragma clang attribute pop

#endif
