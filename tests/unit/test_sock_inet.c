/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internet sockets from recorded dumps and /proc/net/raw: addresses, listeners, peers, references, malformed answers.
 */
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "classes/sock_inet.h"
#include "diag.h"

static const struct ipc_object *of_reference(struct diag_fixture *fx, struct ipc_value reference)
{
	char text[128];

	assert_false(reference.null);
	snprintf(text, sizeof(text), "%.*s", (int)reference.str.len, reference.str.data);
	return diag_find(fx, "ref", text);
}

static struct ipc_value peer_reference(const struct ipc_object *object)
{
	struct ipc_value peers = diag_get(object, "peers"), reference;

	assert_int_equal(peers.list.count, 1);
	assert_int_equal(ipc_value_member(&peers, 0, ipc_record_find(peers.list.of, "ref"), &reference), 0);
	return reference;
}

static const struct ipc_object *accepted_by(struct diag_fixture *fx, const char *local)
{
	const struct ipc_object *found = NULL;
	size_t i;

	for (i = 0; i < ipc_set_count(fx->set); i++) {
		const struct ipc_object *object = ipc_set_get(fx->set, i);
		struct ipc_value value = diag_get(object, "local");

		if (value.str.len == strlen(local) && memcmp(value.str.data, local, value.str.len) == 0 &&
		    !diag_get(object, "peer").null)
			found = object;
	}
	assert_non_null(found);
	return found;
}

static void recorded(void **state)
{
	struct diag_fixture *fx = *state;
	const struct ipc_object *accepted, *listener, *client, *gone;

	diag_write_recorded(fx, "tcp-4");
	diag_write_recorded(fx, "tcp-6");
	diag_query(fx, "sock/tcp");
	assert_int_equal(ipc_set_count(fx->set), 9);

	accepted = accepted_by(fx, "127.0.0.1:8080");
	diag_status(accepted, "ESTAB");
	diag_number(accepted, "receive_queue", 10);
	diag_text(accepted, "protocol", "tcp");
	listener = of_reference(fx, diag_get(accepted, "listener"));
	diag_status(listener, "LISTEN");
	diag_text(listener, "local", "127.0.0.1:8080");
	diag_number(listener, "backlog", 7);
	client = of_reference(fx, peer_reference(accepted));
	diag_text(client, "peer", "127.0.0.1:8080");
	diag_text(client, "listener", NULL);
	assert_ptr_equal(of_reference(fx, peer_reference(client)), accepted);

	/* An IPv4 client of a listener on [::]: the two ends are in different families. */
	accepted = accepted_by(fx, "[::ffff:127.0.0.1]:9090");
	diag_text(of_reference(fx, diag_get(accepted, "listener")), "local", "[::]:9090");
	diag_text(of_reference(fx, peer_reference(accepted)), "peer", "127.0.0.1:9090");

	gone = diag_find(fx, "timer", "timewait");
	diag_status(gone, "TIME-WAIT");
	assert_true(diag_get(gone, "inode").null);
	assert_true(diag_get(gone, "uid").null);
	diag_text(gone, "peer", "[::1]:9090");
	assert_int_equal(strncmp(diag_get(gone, "ref").str.data, "sock:tcp:[::1]:", 15), 0);
	assert_int_equal(diag_get(gone, "holders").list.count, 0);
	assert_false(diag_get(gone, "holders").null);
	assert_true(ipc_query_complete(fx->query));
}

static void references(void **state)
{
	struct diag_fixture *fx = *state;
	char text[256];
	struct ipc_value handle;

	diag_write_recorded(fx, "tcp-4");
	diag_write_recorded(fx, "tcp-6");
	diag_write_recorded(fx, "udp-4");
	assert_int_equal(diag_match(fx, "sock:tcp:127.0.0.1:8080"), IPC_MATCH_ONE);
	diag_status(ipc_set_get(fx->set, 0), "LISTEN");
	assert_int_equal(diag_match(fx, "sock:tcp:[0::0]:09090"), IPC_MATCH_ONE);
	assert_int_equal(diag_match(fx, "sock:tcp:127.0.0.1:7070"), IPC_MATCH_MANY);
	assert_int_equal(diag_match(fx, "sock:udp:127.0.0.1:8080"), IPC_MATCH_NONE);
	diag_query(fx, "sock/tcp");
	handle = diag_get(diag_find(fx, "timer", "timewait"), "handle");
	snprintf(text, sizeof(text), "%.*s", (int)handle.str.len, handle.str.data);
	assert_non_null(strchr(text, '+'));
	assert_int_equal(diag_match(fx, text), IPC_MATCH_ONE);
	memcpy(strchr(text, '+') + 1, "0", 1);
	assert_int_equal(diag_match(fx, text), IPC_MATCH_REPLACED);
}

static void interfaces(void **state)
{
	struct diag_fixture *fx = *state;

	diag_write_recorded(fx, "udp-4");
	diag_query(fx, "sock/udp");
	assert_int_equal(ipc_set_count(fx->set), 1);
	/* Interfaces have no names in a captured tree. */
	diag_text(ipc_set_get(fx->set, 0), "local", "0.0.0.0%1:68");
	diag_text(ipc_set_get(fx->set, 0), "interface", "1");
	diag_status(ipc_set_get(fx->set, 0), "UNCONN");
}

static void malformed(void **state)
{
	struct inet_diag_msg msg = {
		.idiag_family = AF_INET, .idiag_state = 99, .idiag_timer = 9, .idiag_inode = 5, .id.idiag_cookie = {1}};
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	struct diag_fixture *fx = *state;
	const struct ipc_object *object;

	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg));
	diag_attribute(bytes, INET_DIAG_SHUTDOWN, "", 0);
	diag_attribute(bytes, INET_DIAG_SKMEMINFO, "abc", 3);
	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg)); /* the same cookie */
	msg.idiag_family = 77;
	msg.id.idiag_cookie[0] = 2;
	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg));
	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg) - 1);
	diag_done(bytes, 0);
	diag_write(fx, "tcp-4", bytes);
	diag_query(fx, "sock/tcp");
	assert_int_equal(ipc_set_count(fx->set), 1);
	object = ipc_set_get(fx->set, 0);
	diag_text(object, "timer", NULL);
	diag_text(object, "shutdown", "");
	diag_text(object, "peer", NULL);
	assert_int_equal(diag_get(object, "status").list.count, 0);
	free(bytes);
}

/* A TCP socket of an MPTCP one reports the same inode: the reference by inode means the latter alone. */
static void subflows(void **state)
{
	struct inet_diag_msg msg = {.idiag_family = AF_INET,
				    .idiag_state = TCP_LISTEN,
				    .idiag_inode = 5,
				    .id = {.idiag_sport = htons(80), .idiag_cookie = {1}}};
	struct diag_bytes *bytes = calloc(1, sizeof(*bytes));
	struct diag_fixture *fx = *state;

	tree_write(
		&fx->tree, "proc/net/protocols",
		"protocol  size sockets  memory press maxhdr  slab module\nMPTCP 1 1 0 no 0 yes kernel\nTCP 1 1 0 no 0 yes kernel\n");
	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg));
	diag_done(bytes, 0);
	diag_write(fx, "tcp-4", bytes);
	bytes->len = 0;
	msg.id.idiag_cookie[0] = 2;
	diag_message(bytes, SOCK_DIAG_BY_FAMILY, 0, &msg, sizeof(msg));
	diag_done(bytes, 0);
	diag_write(fx, "mptcp-4", bytes);
	diag_query(fx, "sock");
	diag_text(diag_find(fx, "kind", "tcp"), "ref", "sock:tcp:0.0.0.0:80");
	diag_text(diag_find(fx, "kind", "mptcp"), "ref", "sock:5");
	assert_int_equal(diag_match(fx, "sock:5"), IPC_MATCH_ONE);
	diag_text(ipc_set_get(fx->set, 0), "kind", "mptcp");
	free(bytes);
}

static void raw(void **state)
{
	struct diag_fixture *fx = *state;
	const struct ipc_object *object;

	tree_write(
		&fx->tree, "proc/net/raw",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
		" 221: 00000000:00FF 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 151736 2 0000000065 0\n"
		" 226: 0100007F:0001 0100007F:0000 01 00000010:00000340 00:00000000 00000000  1000        0 151734 2 0000000059 0\n"
		" 227: 0100007F:0001 010000\n"
		" x\n");
	tree_write(
		&fx->tree, "proc/net/raw6",
		"  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when\n"
		"   28: 00000000000000000000000001000000:003A 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000"
		" 00000000     0        0 151735 2 00000000d2065e91 0\n");
	diag_query(fx, "sock/raw");
	assert_int_equal(ipc_set_count(fx->set), 3);
	object = diag_find(fx, "ref", "sock:151734");
	diag_text(object, "protocol", "icmp");
	diag_text(object, "local", "127.0.0.1:1");
	diag_number(object, "receive_queue", 0x340);
	diag_number(object, "send_queue", 16);
	diag_number(object, "uid", 1000);
	assert_true(diag_get(object, "cookie").null);
	diag_text(diag_find(fx, "ref", "sock:151735"), "local", "[::1]:58");
	diag_text(diag_find(fx, "ref", "sock:151736"), "protocol", "raw");
}

/* ---- the index of ends --------------------------------------------------------------------------------------- */

static struct ipc_inet_socket end(unsigned family, const char *local, uint16_t port, const char *peer,
				  uint16_t peer_port, uint64_t inode)
{
	struct ipc_inet_socket socket = {.family = family, .inode = inode};
	uint32_t v4;

	if (family == AF_INET) {
		assert_int_equal(inet_pton(AF_INET, local, &v4), 1);
		ipc_inet_end_v4(&socket.local, v4, port);
		assert_int_equal(inet_pton(AF_INET, peer, &v4), 1);
		ipc_inet_end_v4(&socket.peer, v4, peer_port);
		return socket;
	}
	assert_int_equal(inet_pton(AF_INET6, local, socket.local.address), 1);
	assert_int_equal(inet_pton(AF_INET6, peer, socket.peer.address), 1);
	socket.local.port = port;
	socket.peer.port = peer_port;
	return socket;
}

static void listener_choice(void **state)
{
	struct ipc_inet_index index = {0};
	struct ipc_inet_socket socket, listener;

	(void)state;
	listener = end(AF_INET6, "::", 80, "::", 0, 1);
	ipc_inet_index_add(&index, &listener);
	listener = end(AF_INET, "127.0.0.1", 80, "0.0.0.0", 0, 2);
	ipc_inet_index_add(&index, &listener);
	listener = end(AF_INET6, "::", 81, "::", 0, 3);
	listener.v6only = true;
	ipc_inet_index_add(&index, &listener);
	listener = end(AF_INET, "10.0.0.1", 82, "0.0.0.0", 0, 4);
	ipc_inet_index_add(&index, &listener);
	listener.inode = 5;
	ipc_inet_index_add(&index, &listener);
	listener = end(AF_INET, "0.0.0.0", 83, "0.0.0.0", 0, 6);
	listener.interface = 9;
	ipc_inet_index_add(&index, &listener);
	ipc_inet_index_sort(&index);

	socket = end(AF_INET, "127.0.0.1", 80, "127.0.0.1", 4000, 100);
	assert_int_equal(ipc_inet_index_listener(&index, &socket), 2); /* the exact address before the wildcard */
	socket = end(AF_INET6, "::ffff:10.1.1.1", 80, "::ffff:10.1.1.2", 4000, 100);
	assert_int_equal(ipc_inet_index_listener(&index, &socket), 1);
	socket = end(AF_INET, "10.1.1.1", 81, "10.1.1.2", 4000, 100);
	assert_int_equal(ipc_inet_index_listener(&index, &socket), 0); /* IPv6 only */
	socket = end(AF_INET6, "fe80::1", 81, "fe80::2", 4000, 100);
	assert_int_equal(ipc_inet_index_listener(&index, &socket), 3);
	socket = end(AF_INET, "10.0.0.1", 82, "10.0.0.2", 4000, 100);
	assert_int_equal(ipc_inet_index_listener(&index, &socket), 0); /* SO_REUSEPORT: nobody knows which */
	socket = end(AF_INET, "10.0.0.1", 83, "10.0.0.2", 4000, 100);
	assert_int_equal(ipc_inet_index_listener(&index, &socket), 0); /* on another interface */
	socket.interface = 9;
	assert_int_equal(ipc_inet_index_listener(&index, &socket), 6);
	ipc_inet_index_release(&index);
	assert_int_equal(ipc_inet_index_listener(&index, &socket), 0);
}

static void peers(void **state)
{
	struct ipc_inet_socket a = end(AF_INET, "127.0.0.1", 4000, "127.0.0.1", 80, 1);
	struct ipc_inet_socket b = end(AF_INET6, "::ffff:127.0.0.1", 80, "::ffff:127.0.0.1", 4000, 2);
	struct ipc_inet_socket self = end(AF_INET, "127.0.0.1", 5000, "127.0.0.1", 5000, 3);
	struct ipc_inet_socket far = end(AF_INET, "10.0.0.1", 5000, "10.0.0.2", 5000, 4);
	struct ipc_inet_index index = {0};

	(void)state;
	ipc_inet_index_add(&index, &a);
	ipc_inet_index_add(&index, &b);
	ipc_inet_index_add(&index, &self);
	ipc_inet_index_add(&index, &far);
	ipc_inet_index_sort(&index);
	assert_int_equal(ipc_inet_index_peer(&index, &a), 2);
	assert_int_equal(ipc_inet_index_peer(&index, &b), 1);
	assert_int_equal(ipc_inet_index_peer(&index, &self), 0);
	assert_int_equal(ipc_inet_index_peer(&index, &far), 0);
	ipc_inet_index_release(&index);
}

static void same_as_inet_ntop(unsigned family, const unsigned char bytes[16])
{
	char expected[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN];
	struct ipc_inet_end end;
	size_t len;

	memcpy(end.address, bytes, sizeof(end.address));
	assert_non_null(inet_ntop((int)family, family == AF_INET ? bytes + 12 : bytes, expected, sizeof(expected)));
	len = ipc_inet_format_address(family, &end, text);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(text, expected, len);
}

/* Addresses are written without the C library, as it writes them: each pattern of zero groups, with short and long ones between. */
static void addresses(void **state)
{
	static const char *const special[] = {"::",         "::1",           "::1:0",          "::ffff:1.2.3.4",
					      "::1.2.3.4",  "::ffff:0:0",    "::fffe:1.2.3.4", "64:ff9b::1.2.3.4",
					      "1::",        "1::2:0:0:0:3",  "1:0:0:2::3",     "fe80::1:0:0:ff",
					      "::0.1.0.0",  "::0.0.255.255", "2001:db8::",     "0:1::2",
					      "1:0:2:0::5", "::ffff:0.0.0.0"};
	unsigned char bytes[16];
	unsigned pattern, i;
	size_t at;

	(void)state;
	for (at = 0; at < sizeof(special) / sizeof(special[0]); at++) {
		assert_int_equal(inet_pton(AF_INET6, special[at], bytes), 1);
		same_as_inet_ntop(AF_INET6, bytes);
	}
	for (pattern = 0; pattern < 1u << 8; pattern++) {
		for (i = 0; i < 8; i++) {
			unsigned group =
				pattern >> i & 1 ? 0 : (0xf731u + 0x1111u * i * pattern) >> 4 * (i % 4) & 0xffff;

			bytes[2 * i] = (unsigned char)(group >> 8);
			bytes[2 * i + 1] = (unsigned char)group;
		}
		same_as_inet_ntop(AF_INET6, bytes);
		same_as_inet_ntop(AF_INET, bytes);
	}
	srandom(1);
	for (pattern = 0; pattern < 20000; pattern++) {
		for (i = 0; i < 16; i++)
			bytes[i] = random() % 3 ? (unsigned char)random() : 0;
		same_as_inet_ntop(AF_INET6, bytes);
		same_as_inet_ntop(AF_INET, bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(recorded, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(references, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(interfaces, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(malformed, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(subflows, diag_setup, diag_teardown),
		cmocka_unit_test_setup_teardown(raw, diag_setup, diag_teardown),
		cmocka_unit_test(listener_choice),
		cmocka_unit_test(peers),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
