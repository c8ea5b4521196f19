/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loading libbpf. */
#define IPC_LIBBPF_LOADS
#include "sources/libbpf.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "sources/namespaces.h"

#define TEXT(number) #number
#define SONAME(major) "libbpf.so." TEXT(major)

/* A library is loaded for the whole program, so this is no state of any context; filled once, it stays as it is. */
struct ipc_libbpf ipc_libbpf;
static char trouble[256];

static void load(void)
{
	/* By its name alone, as it would be found if it was linked. */
	void *handle = dlopen(SONAME(LIBBPF_MAJOR_VERSION), RTLD_NOW | RTLD_LOCAL);

#define LOOK_UP(name) (ipc_libbpf.name = (__typeof__(ipc_libbpf.name))dlsym(handle, #name)) &&
	if (handle && IPC_LIBBPF_FUNCTIONS(LOOK_UP) true)
		return;
	snprintf(trouble, sizeof(trouble), "%s", dlerror());
}

static int load_once(void *unused)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)unused;
	return pthread_once(&once, load);
}

int ipc_libbpf_load(struct ipc_ctx *ctx)
{
	/* In a container's mount namespace it would be the container's. */
	ipc_ns_at_home(ctx, load_once, NULL);
	return trouble[0] ? ipc_ctx_fail(ctx, -ENOTSUP, "BPF needs libbpf: %s", trouble) : 0;
}
