/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the BPF program of the floor writes for each open file. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

struct floor_file {
	unsigned int pid;
	unsigned int fd;
	unsigned long long inode;
};

#endif
