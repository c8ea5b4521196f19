/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the watcher's own output goes through is told to the programs, which leave it out. */
#include "events/outputs.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "events/raw.h"

int ipc_outputs_enter(int map)
{
	static const int fds[] = {STDOUT_FILENO, STDERR_FILENO};
	const uint8_t one = 1;
	size_t i;

	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		struct ipc_raw_file key = {0};
		struct stat st;

		if (fstat(fds[i], &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
			continue;
		key.inode = st.st_ino;
		key.dev = (uint32_t)(major(st.st_dev) << 20 | minor(st.st_dev));
		if (bpf_map_update_elem(map, &key, &one, BPF_ANY) < 0)
			return -errno;
	}
	return 0;
}
