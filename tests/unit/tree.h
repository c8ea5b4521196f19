/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hand-made trees for tests: files and links below a temporary directory, removed at the end. */
#ifndef TESTS_UNIT_TREE_H
#define TESTS_UNIT_TREE_H

#include <stddef.h>

struct tree {
	char root[64];
};

/* Make an empty tree with an empty proc/ . Aborts the test program on failure: nothing can be tested then. */
void tree_make(struct tree *tree);
/* Write @text to the file PATH below the root; parent directories are made. */
void tree_write(const struct tree *tree, const char *path, const char *text);
void tree_write_bytes(const struct tree *tree, const char *path, const void *data, size_t size);
/* A symbolic link. */
void tree_link(const struct tree *tree, const char *path, const char *target);
/* A process that the kernel would show: stat and status with these values. @ticks: start after boot. */
void tree_process(const struct tree *tree, int pid, const char *comm, unsigned long long ticks, unsigned uid);
/* What makes /proc/self look like a process of the initial namespaces, and /proc/stat with a boot time (seconds). */
void tree_host(const struct tree *tree, long long boot);
void tree_remove(struct tree *tree);

#endif
