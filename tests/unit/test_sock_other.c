/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packet, netlink, vsock and XDP sockets from recorded and hand-made dumps. */
#include <arpa/inet.h>
#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <linux/vm_sockets_diag.h>
#include <linux/xdp_diag.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "diag.h"

static void netlink_recorded(void **state)
{
	struct diag_fixture *fx = *state;

	diag_write_recorded(fx, "netlink");
	diag_query(fx, "sock/netlink");
	assert_true(ipc_set_count(fx->set) >= 2);
	diag_text(diag_find(fx, "local", "route:kernel"), "protocol", "route");
	assert_false(diag_get(diag_find(fx, "local", "route:kernel"), "memory").null);
}

static void netlink(void **state)
{
	struct netlink_diag_msg msg = {.ndiag_family = AF_NETLINK,
				       .ndiag_type = SOCK_RAW,
				       .ndiag_protocol = NETLINK_KOBJECT_UEVENT,
				       .ndiag_portid = 4711,
				       .ndiag_ino = 9,
				       .ndiag_cookie = {9}};
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	struct diag_fixture *fx = *state;

	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg));
	msg = (struct netlink_diag_msg){
		.ndiag_family = AF_NETLINK, .ndiag_protocol = 200, .ndiag_dst_portid = 5, .ndiag_cookie = {10}};
	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg));
	diag_done(bytes, 0);
	diag_write(fx, "netlink", bytes);
	diag_query(fx, "sock/netlink");
	diag_text(diag_find(fx, "ref", "sock:9"), "local", "uevent:4711");
	diag_text(diag_find(fx, "ref", "sock:netlink:200:kernel"), "peer", "200:5");
	diag_text(diag_find(fx, "ref", "sock:netlink:200:kernel"), "type", NULL);
	free(bytes);
}

static void packet(void **state)
{
	struct packet_diag_msg msg = {.pdiag_family = AF_PACKET,
				      .pdiag_type = SOCK_RAW,
				      .pdiag_num = 3, /* in host order, as the kernel turns it */
				      .pdiag_ino = 7,
				      .pdiag_cookie = {7}};
	const struct packet_diag_info info = {.pdi_index = 2};
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	const uint32_t uid = 1000;
	struct diag_fixture *fx = *state;

	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg));
	diag_attribute(bytes, PACKET_DIAG_INFO, &info, sizeof(info));
	diag_attribute(bytes, PACKET_DIAG_UID, &uid, sizeof(uid));
	msg.pdiag_ino = 8;
	msg.pdiag_num = 0x88cc;
	msg.pdiag_cookie[0] = 8;
	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg));
	diag_attribute(bytes, PACKET_DIAG_INFO, &info, 4); /* too short */
	diag_done(bytes, 0);
	diag_write(fx, "packet", bytes);
	diag_query(fx, "sock/packet");
	assert_int_equal(ipc_set_count(fx->set), 2);
	diag_text(diag_find(fx, "ref", "sock:7"), "local", "2");
	diag_text(diag_find(fx, "ref", "sock:7"), "protocol", "all");
	diag_number(diag_find(fx, "ref", "sock:7"), "uid", 1000);
	diag_text(diag_find(fx, "ref", "sock:8"), "protocol", "0x88cc");
	diag_text(diag_find(fx, "ref", "sock:8"), "local", NULL);
	free(bytes);
}

static void vsock(void **state)
{
	struct vsock_diag_msg msg = {.vdiag_family = AF_VSOCK,
				     .vdiag_type = SOCK_STREAM,
				     .vdiag_state = TCP_LISTEN,
				     .vdiag_src_cid = UINT32_MAX,
				     .vdiag_src_port = 1024,
				     .vdiag_dst_cid = UINT32_MAX,
				     .vdiag_dst_port = UINT32_MAX,
				     .vdiag_ino = 3,
				     .vdiag_cookie = {3}};
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	struct diag_fixture *fx = *state;
	enum ipc_match match;
	const char *text;

	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg));
	msg.vdiag_state = TCP_ESTABLISHED;
	msg.vdiag_src_cid = 2;
	msg.vdiag_dst_cid = 17;
	msg.vdiag_dst_port = 5;
	msg.vdiag_ino = 4;
	msg.vdiag_cookie[0] = 4;
	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg));
	diag_done(bytes, 0);
	diag_write(fx, "vsock", bytes);
	diag_query(fx, "sock/vsock");
	diag_text(diag_find(fx, "ref", "sock:3"), "local", "*:1024");
	diag_text(diag_find(fx, "ref", "sock:3"), "peer", NULL);
	diag_text(diag_find(fx, "ref", "sock:4"), "peer", "17:5");
	diag_status(diag_find(fx, "ref", "sock:4"), "ESTAB");
	diag_query(fx, "sock:vsock:2:1024,17:5");
	assert_true(ipc_query_reference(fx->query, 0, &text, &match));
	assert_int_equal(match, IPC_MATCH_ONE);
	free(bytes);
}

static void xdp(void **state)
{
	const struct xdp_diag_msg msg = {
		.xdiag_family = 44, .xdiag_type = SOCK_RAW, .xdiag_ino = 6, .xdiag_cookie = {6}};
	const struct xdp_diag_info info = {.ifindex = 2, .queue_id = 3};
	const struct xdp_diag_umem frames = {.size = 8ull << 30};
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	struct diag_fixture *fx = *state;

	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg));
	diag_attribute(bytes, XDP_DIAG_INFO, &info, sizeof(info));
	diag_attribute(bytes, XDP_DIAG_UMEM, &frames, sizeof(frames));
	diag_done(bytes, 0);
	diag_write(fx, "xdp", bytes);
	diag_query(fx, "sock/xdp");
	diag_text(diag_find(fx, "ref", "sock:6"), "local", "2:3");
	diag_number(diag_find(fx, "ref", "sock:6"), "size", 8ull << 30);
	free(bytes);
}

/* A kernel without a family is no fault, until somebody asks for that family. */
static void not_available(void **state)
{
	struct diag_fixture *fx = *state;
	struct ipc_problem problem;

	diag_query(fx, "sock");
	assert_true(ipc_query_complete(fx->query));
	diag_query(fx, "sock/vsock");
	assert_false(ipc_query_complete(fx->query));
	assert_true(ipc_query_problem(fx->query, 0, &problem));
	assert_string_equal(problem.what, "sock/vsock");
	assert_false(problem.privilege);
	/* Nor is it one to miss sockets that do not exist; but those that do are missed. */
	tree_write(&fx->tree, "proc/net/protocols",
		   "protocol  size sockets  memory\nAF_VSOCK 1240      0      -1\nXDP       1088     12      -1\n");
	diag_query(fx, "sock");
	assert_false(ipc_query_complete(fx->query));
	assert_true(ipc_query_problem(fx->query, 0, &problem));
	assert_string_equal(problem.what, "12 xdp sockets");
	assert_false(ipc_query_problem(fx->query, 1, &problem));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(netlink_recorded, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(netlink, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(packet, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(vsock, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(xdp, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(not_available, diag_setup, diag_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
