/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a fuzz target without a fuzzer: the seeds below, and a fixed number of mutations of them that are the same each time. What
 * libFuzzer finds belongs into the seeds. `fuzz_NAME FILE...` replays files instead.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROUNDS 30000
#define LONGEST 256

static const char *const seeds[] = {
	"mq:32768",
	"mq@4026532000+0x0052e2c1.1767323045:5",
	"shm:0x0052e2c1",
	"shm:/name\\x0a",
	"shm:file:/var/x",
	"shm:@0:25:77",
	"sem:@4711:0x7f00",
	"sock:tcp:[fe80::1%eth0]:80,[::1]:9",
	"sock:udp:127.0.0.53%lo:53",
	"sock:@a\\x00b",
	"fifo:./a//b/../c",
	"/run/x.sock",
	"signal:1",
	"pipe:99",
	"sock:raw:*:6",
	"class == \"shm\" and size >= 64M and not holders",
	"state == orphan or age > 1h30m",
	"holders.comm =~ '^ng(inx)+$' || !(uid != 0)",
	"changed < 2026-01-02T03:04:05Z",
	"name !~ \"\\x5c\\x0a\"",
	"((((status == dest))))",
	"mode == 0600 and key == 0x52e2c1",
	"mode=0640\nowner=1000\ngroup=0",
	"value[3]=7\nvalue[0]=1\nvalue[1]=65536",
	"value=1,0,3\nnumber=3\nkey=0x52e2c1",
	"size=64K\nmax-bytes=1M\nhuge=2M\ncapacity=4096",
	"ftok=/:7\nfrom=-\ntype=seqpacket\nbacklog=128",
	"max-messages=10\nmessage-size=8KiB\nhuge=default",
	"ipctool-archive=1\n\nobject=mq:/a\\x0a\nkind=mq/posix\ncreate=mq:/a\\x0a\nfile=f\nbytes=5\ncount=1\ndumped=x\n"
	"set.mode=0600\nset.size=7\n\nobject=pipe:1\nkind=pipe/pipe\ncannot=no\nfile=g\nbytes=0\ncount=0\ndumped=x\n\n",
	"ipctool-archive=1\n\nobject=a\nhandle=b\nkind=c\ncreate=d\nfile=e\nbytes=1\ncount=2\nunreached=unknown\n"
	"torn=yes\ncut=yes\nsource=bpf\ndumped=x\n\n\n\nobject=",
	"[a]\naction = remove\nname = /a_<pid>_* [x]<pid>*\n\t/*-<pid>\nage = >= 1h\nstate = orphan idle\n",
	"[b c]\naction=protect\nowner=oracle db2* 0\nkey=0x5432 0x5-0xff private\nsize=<1M >=4K\nkind=shm/sysv posix\n",
	"# x\n[d]\naction: report\nclass = fifo sock\nname = /*/x\\x0a?[!a-z]\r\nage = < 2d\n[e]\naction = protect\n",
	"ipctool-evidence=1\nboot=0-f\npid_namespace=1\ncreated sem/sysv namespace=2 id=7 key=0x5 changed=2023-11-14T22:15:00Z "
	"time=2023-11-14T22:15:00.5Z pid=101 start=9 uid=5 comm=a b\\x0a\n",
	"ipctool-evidence=1\nboot=0-f\npid_namespace=1\ntaken sem/posix namespace=2 device=0:25 inode=2 birth=- "
	"time=2023-11-14T22:15:00.5Z pid=101 start=- uid=5 comm=a\n",
	"type=5 length=3\nabc\ntype=6 length=0\n\npriority=1 sender=a\\x20b length=4 read=2\nxy\n",
};
#define SEEDS (sizeof(seeds) / sizeof(seeds[0]))

static uint64_t state = 88172645463325252u;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

/* Overwrite, insert, delete, or splice in a piece of another seed. */
static size_t mutate(uint8_t *data, size_t size)
{
	static const char likely[] = ":/@+,.[]%\\x0\"'()=!<>~&| \n\t\xff";
	const char *other = seeds[next() % SEEDS];
	size_t at = size ? next() % size : 0, n;

	switch (next() % 4) {
	case 0:
		if (size)
			data[at] = next() % 2 ? (uint8_t)next() : (uint8_t)likely[next() % sizeof(likely)];
		return size;
	case 1:
		if (size == LONGEST)
			return size;
		memmove(data + at + 1, data + at, size - at);
		data[at] = (uint8_t)likely[next() % sizeof(likely)];
		return size + 1;
	case 2:
		if (!size)
			return 0;
		memmove(data + at, data + at + 1, size - at - 1);
		return size - 1;
	default:
		n = next() % (strlen(other) + 1);
		if (n > LONGEST - at)
			n = LONGEST - at;
		memcpy(data + at, other, n);
		return at + n > size ? at + n : size;
	}
}

static int replay(const char *path)
{
	static uint8_t data[1 << 20];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file) {
		perror(path);
		return 1;
	}
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	LLVMFuzzerTestOneInput(data, size);
	return 0;
}

int main(int argc, char **argv)
{
	uint8_t data[LONGEST];
	size_t size = 0;
	int i;

	for (i = 1; i < argc; i++)
		if (replay(argv[i]))
			return 1;
	for (i = 0; argc == 1 && i < ROUNDS; i++) {
		/* A few mutations on top of each other, then a fresh seed. */
		if (i % 8 == 0) {
			const char *seed = seeds[(size_t)i / 8 % SEEDS];

			size = strlen(seed);
			memcpy(data, seed, size);
		} else {
			size = mutate(data, size);
		}
		LLVMFuzzerTestOneInput(data, size);
	}
	return 0;
}
