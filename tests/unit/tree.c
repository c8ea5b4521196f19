/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hand-made trees for tests: files and links below a temporary directory, removed at the end. */
#define _GNU_SOURCE
#include "tree.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what, const char *path)
{
	fprintf(stderr, "%s ", what);
	perror(path);
	abort();
}

static void parents(char *path)
{
	char *slash = path;

	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

static void full_path(const struct tree *tree, const char *path, char *out, size_t size)
{
	if (snprintf(out, size, "%s/%s", tree->root, path) >= (int)size)
		die("too long:", path);
	parents(out);
}

void tree_make(struct tree *tree)
{
	const char *dir = getenv("TMPDIR");
	char proc[96];

	snprintf(tree->root, sizeof(tree->root), "%.40s/ipctool-XXXXXX", dir ? dir : "/tmp");
	if (!mkdtemp(tree->root))
		die("mkdtemp", tree->root);
	snprintf(proc, sizeof(proc), "%s/proc", tree->root);
	if (mkdir(proc, 0755) < 0)
		die("mkdir", proc);
}

void tree_write_bytes(const struct tree *tree, const char *path, const void *data, size_t size)
{
	char full[4096];
	FILE *file;

	full_path(tree, path, full, sizeof(full));
	file = fopen(full, "w");
	if (!file || fwrite(data, 1, size, file) != size || fclose(file))
		die("write", full);
}

void tree_write(const struct tree *tree, const char *path, const char *text)
{
	tree_write_bytes(tree, path, text, strlen(text));
}

void tree_link(const struct tree *tree, const char *path, const char *target)
{
	char full[4096];

	full_path(tree, path, full, sizeof(full));
	if (symlink(target, full) < 0)
		die("symlink", full);
}

void tree_process(const struct tree *tree, int pid, const char *comm, unsigned long long ticks, unsigned uid)
{
	char path[64], text[1024], name[64];
	size_t len = 0;

	/* status has it escaped. */
	for (const char *at = comm; *at && len < sizeof(name) - 3; at++) {
		if (*at == '\n' || *at == '\\')
			name[len++] = '\\';
		name[len++] = *at == '\n' ? 'n' : *at;
	}
	name[len] = '\0';
	snprintf(path, sizeof(path), "proc/%d/stat", pid);
	snprintf(text, sizeof(text), "%d (%s) S 1 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 %llu 1000 100 1\n", pid,
		 comm, ticks);
	tree_write(tree, path, text);
	snprintf(path, sizeof(path), "proc/%d/status", pid);
	snprintf(
		text, sizeof(text),
		"Name:\t%s\nPid:\t%d\nUid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nThreads:\t1\nSigQ:\t3/95000\n"
		"SigPnd:\t0000000000000000\nShdPnd:\t0000000000004000\nSigBlk:\t0000000200000001\nSigIgn:\t0000000000001000\n"
		"SigCgt:\t0000000000000002\n",
		name, pid, uid, uid, uid, uid, uid, uid, uid, uid);
	tree_write(tree, path, text);
}

void tree_host(const struct tree *tree, long long boot)
{
	char text[64];

	tree_link(tree, "proc/self/ns/pid", "pid:[4026531836]");
	tree_link(tree, "proc/self/ns/ipc", "ipc:[4026531839]");
	tree_link(tree, "proc/self/ns/net", "net:[4026531840]");
	tree_link(tree, "proc/self/ns/mnt", "mnt:[4026531841]");
	tree_write(tree, "proc/self/mountinfo",
		   "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n26 25 0:25 / /dev/shm rw - tmpfs tmpfs rw\n");
	snprintf(text, sizeof(text), "cpu 1 2 3\nbtime %lld\n", boot);
	tree_write(tree, "proc/stat", text);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void tree_remove(struct tree *tree)
{
	nftw(tree->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
