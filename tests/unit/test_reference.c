/* SPDX-License-Identifier: GPL-2.0-or-later */
/* References: what each form means, how it is spelt afterwards, and what the message about a wrong one says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/reference.h"

#define CWD "/home/a b"

static void check(const char *text, const char *class_name, enum ipc_locator by, struct ipc_bytes locator)
{
	struct ipc_reference ref = {0};
	struct ipc_buf why = {0};

	if (ipc_reference_parse(text, false, CWD, &ref, &why))
		fail_msg("'%s': %s", text, why.data);
	assert_string_equal(ref.text, text);
	assert_string_equal(ref.class_name, class_name);
	assert_int_equal(ref.by, by);
	if (!ipc_bytes_equal(ref.locator, locator))
		fail_msg("'%s' became '%.*s'", text, (int)ref.locator.len, ref.locator.data);
	assert_int_equal(ref.ns, 0);
	assert_null(ref.identity);
	assert_null(why.data);
	ipc_reference_release(&ref);
	assert_null(ref.text);
}

#define CHECK(text, class_name, by, locator) check(text, class_name, by, IPC_BYTES(locator))

static void refuse(const char *text, const char *part)
{
	struct ipc_reference ref = {.ns = 77};
	struct ipc_buf why = {0};

	assert_int_equal(ipc_reference_parse(text, false, CWD, &ref, &why), -EINVAL);
	assert_int_equal(ref.ns, 77);
	assert_non_null(why.data);
	if (!strstr(why.data, part))
		fail_msg("'%s': \"%s\" does not say \"%s\"", text, why.data, part);
	for (const char *c = why.data; *c; c++)
		assert_in_range(*c, 0x20, 0x7e);
	ipc_buf_release(&why);
}

static void numbers_and_keys(void **state)
{
	(void)state;
	CHECK("pipe:1234", "pipe", IPC_BY_NUMBER, "1234");
	CHECK("signal:1", "signal", IPC_BY_NUMBER, "1");
	CHECK("mq:007", "mq", IPC_BY_NUMBER, "7");
	CHECK("sock:0", "sock", IPC_BY_NUMBER, "0");
	CHECK("shm:18446744073709551615", "shm", IPC_BY_NUMBER, "18446744073709551615");
	CHECK("mq:0x52e2C1", "mq", IPC_BY_KEY, "0x0052e2c1");
	CHECK("sem:0XFFFFFFFF", "sem", IPC_BY_KEY, "0xffffffff");
	refuse("shm:18446744073709551616", "too large");
	refuse("shm:0x0", "IPC_PRIVATE");
	refuse("shm:0x00000000", "IPC_PRIVATE");
	refuse("shm:0x100000000", "32 bits");
	refuse("shm:0xg", "not a key");
	refuse("shm:0x", "not a key");
	refuse("shm:-1", "write shm:/-1");
	refuse("pipe:0x12", "write pipe:INODE");
	refuse("pipe:[12]", "write pipe:INODE");
	refuse("pipe:/x", "write pipe:INODE");
	refuse("signal:self", "write signal:PID");
}

static void names_and_paths(void **state)
{
	(void)state;
	CHECK("mq:/name", "mq", IPC_BY_NAME, "/name");
	CHECK("shm:/a//b/./c/", "shm", IPC_BY_NAME, "/a/b/c");
	CHECK("sem:/x", "sem", IPC_BY_NAME, "/x");
	CHECK("shm:/...", "shm", IPC_BY_NAME, "/...");
	CHECK("shm:file:/a/../b", "shm", IPC_BY_FILE, "file:/a/../b");
	CHECK("shm:file:./b", "shm", IPC_BY_FILE, "file:" CWD "/b");
	CHECK("fifo:/run//x/", "fifo", IPC_BY_PATH, "/run/x");
	CHECK("fifo:./x", "fifo", IPC_BY_PATH, CWD "/x");
	CHECK("fifo:../x", "fifo", IPC_BY_PATH, CWD "/../x");
	CHECK("fifo:/a:b@c+d", "fifo", IPC_BY_PATH, "/a:b@c+d");
	CHECK("sock:/run/x.sock", "sock", IPC_BY_PATH, "/run/x.sock");
	CHECK("sock:./x.sock", "sock", IPC_BY_PATH, CWD "/x.sock");
	CHECK("/tmp/x:y", "", IPC_BY_PATH, "/tmp/x:y");
	CHECK("./shm:1", "", IPC_BY_PATH, CWD "/shm:1");
	refuse("fifo:name", "write fifo:./name");
	refuse("fifo:123", "write fifo:./123");
	refuse("sock:name", "write sock:./name");
	refuse("mq:name", "write mq:/name");
	refuse("mq:na\\x0ame", "write mq:/na\\x0ame");
	refuse("mq:/a/b", "no slash but the first");
	refuse("mq:/", "empty name");
	refuse("shm:/./", "empty name");
	refuse("shm:/../etc", "'..'");
	refuse("shm:/a/..", "'..'");
	refuse("shm:./x", "not a locator: './x'; write shm:ID");
	refuse("shm:file:x", "shm:file:/path");
	refuse("shm:/a\\x00b", "NUL");
	refuse("fifo:/a\\x00b", "NUL");
}

static void at_forms(void **state)
{
	(void)state;
	CHECK("fifo:@8:01:33", "fifo", IPC_BY_INODE, "@8:1:33");
	CHECK("shm:@0:23:5", "shm", IPC_BY_INODE, "@0:23:5");
	CHECK("mq:@0:18:9", "mq", IPC_BY_INODE, "@0:18:9");
	CHECK("sem:@0:23:5", "sem", IPC_BY_INODE, "@0:23:5");
	CHECK("sem:@12:7FFF00", "sem", IPC_BY_MEMORY, "@12:0x7fff00");
	CHECK("sem:@12:0x7fff00", "sem", IPC_BY_MEMORY, "@12:0x7fff00");
	refuse("shm:@12:0x7fff00", "MAJOR:MINOR:INODE");
	refuse("fifo:@8:1", "MAJOR:MINOR:INODE");
	refuse("fifo:@8:1:2:3", "MAJOR:MINOR:INODE");
	refuse("fifo:@8:0x1:2", "MAJOR:MINOR:INODE");
	refuse("fifo:@", "MAJOR:MINOR:INODE");
	refuse("fifo:@::", "MAJOR:MINOR:INODE");
	refuse("sem:@12:", "PID:ADDRESS");
	refuse("sem:@:12", "PID:ADDRESS");
	refuse("sem:@12:xyz", "PID:ADDRESS");
	refuse("sem:@12:10000000000000000", "PID:ADDRESS");
	refuse("sem:@12:00000000000000000000000000000000000000000001", "PID:ADDRESS");
	refuse("pipe:@8:1:2", "pipe:INODE");
}

static void sockets(void **state)
{
	(void)state;
	CHECK("sock:@/tmp/.X11-unix/X0", "sock", IPC_BY_ABSTRACT, "@/tmp/.X11-unix/X0");
	CHECK("sock:@a\\x00b\\x5c", "sock", IPC_BY_ABSTRACT, "@a\0b\\");
	CHECK("sock:@8:1:2", "sock", IPC_BY_ABSTRACT, "@8:1:2");
	CHECK("sock:@", "sock", IPC_BY_ABSTRACT, "@");
	CHECK("sock:tcp:127.0.0.1:80", "sock", IPC_BY_ADDRESS, "tcp:127.0.0.1:80");
	CHECK("sock:tcp:127.0.0.1:00080", "sock", IPC_BY_ADDRESS, "tcp:127.0.0.1:80");
	CHECK("sock:udp:0.0.0.0:0", "sock", IPC_BY_ADDRESS, "udp:0.0.0.0:0");
	CHECK("sock:udp:0.0.0.0:*", "sock", IPC_BY_ADDRESS, "udp:0.0.0.0:*");
	CHECK("sock:tcp:1.2.3.4:65535,5.6.7.8:9", "sock", IPC_BY_ADDRESS, "tcp:1.2.3.4:65535,5.6.7.8:9");
	CHECK("sock:tcp:[0:0:0:0:0:0:0:1]:80", "sock", IPC_BY_ADDRESS, "tcp:[::1]:80");
	CHECK("sock:tcp:[FE80::A%eth0]:80", "sock", IPC_BY_ADDRESS, "tcp:[fe80::a%eth0]:80");
	CHECK("sock:tcp:[fe80::a]%eth0:80,[::1]:1", "sock", IPC_BY_ADDRESS, "tcp:[fe80::a%eth0]:80,[::1]:1");
	CHECK("sock:tcp:[::1%a,b]:80,[::1%c,d]:81", "sock", IPC_BY_ADDRESS, "tcp:[::1%a,b]:80,[::1%c,d]:81");
	CHECK("sock:udp:127.0.0.53%lo:53", "sock", IPC_BY_ADDRESS, "udp:127.0.0.53%lo:53");
	CHECK("sock:tcp:[::ffff:1.2.3.4]:80", "sock", IPC_BY_ADDRESS, "tcp:[::ffff:1.2.3.4]:80");
	CHECK("sock:raw:0.0.0.0:255", "sock", IPC_BY_ADDRESS, "raw:0.0.0.0:255");
	CHECK("sock:mptcp:[::]:1", "sock", IPC_BY_ADDRESS, "mptcp:[::]:1");
	CHECK("sock:netlink:route:1234", "sock", IPC_BY_ADDRESS, "netlink:route:1234");
	CHECK("sock:vsock:2:1024", "sock", IPC_BY_ADDRESS, "vsock:2:1024");
	CHECK("sock:packet:lo:0003", "sock", IPC_BY_ADDRESS, "packet:lo:0003");
	refuse("sock:tcp:", "not an address");
	refuse("sock:tcp:80", "not an address");
	refuse("sock:tcp:localhost:80", "write numbers");
	refuse("sock:tcp:127.1:80", "not an address");
	refuse("sock:tcp:127.0.0.1", "not an address");
	refuse("sock:tcp:127.0.0.1:", "not an address");
	refuse("sock:tcp:127.0.0.1:65536", "not an address");
	refuse("sock:tcp:127.0.0.1:80,", "not an address");
	refuse("sock:tcp:127.0.0.1:80,1.2.3.4:5,6.7.8.9:1", "not an address");
	refuse("sock:tcp:127.0.0.1%:80", "not an address");
	refuse("sock:tcp:::1:80", "not an address");
	refuse("sock:tcp:[::1:80", "not an address");
	refuse("sock:tcp:[::1]80", "not an address");
	refuse("sock:tcp:[::1]x:80", "not an address");
	refuse("sock:tcp:[::1]%a]:80", "not an address");
	refuse("sock:tcp:[127.0.0.1]:80", "not an address");
	refuse("sock:tcp:1.2.3.4\\x00:80", "not an address");
	refuse("sock:icmp:1.2.3.4:80", "sock:PROTOCOL:LOCAL");
	refuse("sock:netlink:", "not an address");
}

static void heads(void **state)
{
	struct ipc_reference ref = {0};
	struct ipc_buf why = {0};

	(void)state;
	assert_int_equal(ipc_reference_parse("fifo@4026531840+8.1.33.0aZ:/x", false, CWD, &ref, &why), 0);
	assert_int_equal(ref.ns, 4026531840);
	assert_string_equal(ref.identity, "8.1.33.0aZ");
	assert_string_equal(ref.class_name, "fifo");
	assert_memory_equal(ref.locator.data, "/x", 3);
	ipc_reference_release(&ref);
	assert_int_equal(ipc_reference_parse("shm+0x0052e2c1.17:3", false, CWD, &ref, &why), 0);
	assert_int_equal(ref.ns, 0);
	assert_string_equal(ref.identity, "0x0052e2c1.17");
	ipc_reference_release(&ref);
	refuse("shm@:1", "inode number");
	refuse("shm@0:1", "inode number");
	refuse("shm@x:1", "inode number");
	refuse("shm@99999999999999999999:1", "inode number");
	refuse("shm+:1", "empty identity");
	refuse("shm+a-b:1", "not an identity");
	refuse("shm+1@2:1", "not an identity");
	refuse("shm/sysv:1", "'shm'");
	refuse("shn:1", "did you mean 'shm'?");
	refuse("socket:1", "did you mean 'sock'?");
	refuse("fof:1", "unknown class 'fof'; there are pipe, fifo,");
	refuse("ffio:/x", "did you mean 'fifo'?");
	refuse("SHM:1", "unknown class");
	refuse("\x1b[2J:1", "unknown class '\\x1b[2J'");
	refuse(":1", "unknown class ''");
	refuse("", "empty reference");
	refuse("foo", "no reference");
	refuse("shm", "no reference");
}

static void every_empty_locator(void **state)
{
	static const char *const texts[] = {"pipe:", "fifo:", "mq:", "shm:", "sem:", "sock:", "signal:", "shm@5+1:"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		refuse(texts[i], "empty locator");
}

static void escapes(void **state)
{
	struct ipc_reference ref = {0};
	struct ipc_buf why = {0};

	(void)state;
	CHECK("fifo:/a\\x0a\\x1B\\xff\\x22", "fifo", IPC_BY_PATH, "/a\n\x1b\xff\"");
	CHECK("/a\\x5cb", "", IPC_BY_PATH, "/a\\b");
	CHECK("fifo:/\xc3\xa9", "fifo", IPC_BY_PATH, "/\xc3\xa9");
	refuse("fifo:/a\\nb", "offset 7");
	refuse("/a\\", "offset 2");
	refuse("mq:/\\\\", "offset 4");
	assert_int_equal(ipc_reference_parse("fifo:/a\\x0a\\n", true, CWD, &ref, &why), 0);
	assert_int_equal(ref.locator.len, 8);
	assert_string_equal(ref.locator.data, "/a\\x0a\\n");
	ipc_reference_release(&ref);
}

/* What an object of any name prints, a parser takes back as the same bytes, and prints again. */
static void round_trip(void **state)
{
	char name[256], text[1100];

	(void)state;
	for (int shift = 0; shift < 255; shift++) {
		struct ipc_reference ref = {0};
		struct ipc_buf why = {0};

		name[0] = '@';
		for (int i = 1; i < 255; i++)
			name[i] = (char)(i + shift);
		strcpy(text, "sock:");
		ipc_escape(name, 255, text + 5, sizeof(text) - 5);
		assert_int_equal(ipc_reference_parse(text, false, CWD, &ref, &why), 0);
		assert_true(ipc_bytes_equal(ref.locator, (struct ipc_bytes){name, 255}));
		ipc_reference_release(&ref);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_keys),
		cmocka_unit_test(names_and_paths),
		cmocka_unit_test(at_forms),
		cmocka_unit_test(sockets),
		cmocka_unit_test(heads),
		cmocka_unit_test(every_empty_locator),
		cmocka_unit_test(escapes),
		cmocka_unit_test(round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
